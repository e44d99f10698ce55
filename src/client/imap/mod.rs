//! The IMAP client (RFC 3501): SASL-IR (4959), LITERAL+ and LITERAL- (7888), STARTTLS, COMPRESS (4978), response codes of
//! RFC 5530, UTF8=ACCEPT (6855).
//!
//! Mailboxes are opened by EXAMINE where they are only read. Commands are pipelined, and their answers must come in order; whatever
//! the server has to tell unasked is welcome at any time after the login. Left out here: a blind EXPUNGE, which would delete what
//! others have marked.

mod append;
mod change;
mod early_login;
mod folders;
mod listing;
mod login;
mod opening;
mod order;
mod resync;
mod selected;
mod status;
mod talk;
mod told;
mod uids;
mod utf8;
mod watch;

pub use append::{Appended, ToAppend};
pub use change::{Changed, Copied, EachPart};
pub use early_login::{Announced, Memory};
pub use folders::SpecialUse;
pub use listing::{Asked, EachNote, EachQuota, Folder, Noted};
pub use opening::{Opened, Which};
pub use order::Sorted;
pub use resync::{Changes, Seen, Since};
pub use selected::{Fetched, Rows, Selected};
pub use status::{Counts, EachCount};
pub use uids::Uids;
pub use watch::{EachEvent, Event, Picture};

use super::{Dial, Login, no_tls};
use crate::error::{Error, Exit, Result};
use crate::net::endpoint::Place;
use crate::net::{Deadline, Endpoint, Wire};
use crate::proto::imap::command::{Command, List};
use crate::proto::imap::modseq::Selecting;
use crate::proto::imap::response::{Condition, Listed, Status, Untagged};
use early_login::Remembers;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use talk::{Deaf, FLIGHT, Listen, Talk};

/// LOGOUT is a courtesy.
const LOGOUT: Duration = Duration::from_secs(5);
/// From so many messages on, what is told of them is worth compressing.
const MANY: u32 = 100;
/// Bytes of folder names that are held; a server that has more of them has no end.
const NAMES: usize = 64 * 1024 * 1024;

/// One connection, logged in.
pub struct Client {
    talk: Talk,
}

impl Client {
    /// Reads the greeting, starts TLS as the wire says, and logs in. `preauth`: whether a server may say that the connection is the identity (PREAUTH),
    /// which is so over a socket pair, a Unix socket and a tunnel.
    ///
    /// # Errors
    /// 75: the server is busy; 76: it breaks the protocol; 77: the login is refused, impossible or may not be sent.
    pub fn open(wire: Wire, login: Option<&Login>, preauth: bool) -> Result<Client> {
        Client::open_remembering(wire, login, preauth, None)
    }

    /// The same with somebody who remembers, and what the server is called there: where it was remembered what this server can do, the
    /// answer to the login comes with the first flight.
    ///
    /// # Errors
    /// As [`Client::open`]; a login that is refused may be told by the first command.
    pub fn open_remembering(
        wire: Wire,
        login: Option<&Login>,
        preauth: bool,
        remembers: Option<(Arc<dyn Memory>, &str)>,
    ) -> Result<Client> {
        let mut client = Client { talk: Talk::new(wire) };
        let greeting = client.talk.greeting()?;
        client.talk.must_be_quiet()?;
        let known = greeting.condition == Condition::PreAuth;
        let demand = client.talk.wants_tls();
        if known && demand == Some(true) {
            // RFC 3501 6.2.1: STARTTLS is for those who are not logged in, so it can't be had any more.
            return Err(client.talk.protocol("TLS: claims to know who we are (PREAUTH) before TLS could start"));
        }
        if known && !preauth {
            return Err(client.talk.protocol("claims to know who we are (PREAUTH) over a connection that can't tell"));
        }
        if let Some(demanded) = demand.filter(|_| !known) {
            client.start_tls(demanded)?;
        }
        if !client.talk.told.fresh {
            client.capability()?;
        }
        if !known {
            // What the server can do may differ for those who are logged in.
            let nobody = || Error::auth("wants a login, and no user is named").at(client.talk.peer());
            let login = login.ok_or_else(nobody)?;
            if let Some((memory, of)) = remembers {
                let pin = client.talk.wire.shown().get().and_then(|facts| facts.pin.as_ref().map(ToString::to_string));
                let pin = pin.or_else(|| (!client.talk.wire.is_secure()).then(|| "plain".to_owned()));
                client.talk.remembers = pin.map(|pin| Remembers { memory, key: format!("{of} {pin}") });
            }
            if client.talk.log_in_early(login)? {
                client.talk.enable_utf8()?;
                return Ok(client);
            }
            client.talk.told.fresh = false;
            client.talk.log_in(login)?;
            let asked = !client.talk.told.fresh;
            if asked {
                client.capability()?;
            }
            let capabilities = client.talk.told.capabilities.clone();
            client.talk.remember(&Announced { capabilities, asked });
        }
        client.talk.enable_utf8()?;
        Ok(client)
    }

    /// Dials and opens; PREAUTH counts where the connection is the identity.
    ///
    /// # Errors
    /// As [`Client::open`] and [`Dial::dial`].
    pub fn connect(
        dial: &dyn Dial,
        at: &Endpoint,
        login: Option<&Login>,
        memory: Option<Arc<dyn Memory>>,
    ) -> Result<Client> {
        let wire = dial.dial(at, Deadline::NEVER)?;
        let preauth = wire.is_identity();
        let key = login.map(|login| format!("{} {}", at.host_in_history(), login.user));
        let remembers = memory.zip(key.as_deref()).filter(|_| matches!(at.place, Place::Host(..)));
        Client::open_remembering(wire, login, preauth, remembers)
    }

    /// STARTTLS, RFC 3501 6.2.1: what the server said before it counts no more.
    fn start_tls(&mut self, demanded: bool) -> Result<()> {
        if !self.talk.told.fresh {
            self.capability()?;
        }
        let refused = if self.talk.has("STARTTLS") {
            let answer = self.talk.ask(&Command::StartTls, &mut Deaf)?;
            if answer.condition == Condition::Ok {
                return self.talk.start_tls();
            }
            Some(talk::refusal("", &answer).to_string())
        } else if demanded {
            None
        } else {
            return Ok(());
        };
        let e = no_tls(&self.talk.peer(), refused.as_deref());
        self.talk.leave(LOGOUT);
        let _ = self.talk.ask(&Command::Logout, &mut Deaf);
        Err(e)
    }

    fn capability(&mut self) -> Result<()> {
        let answer = self.talk.ask(&Command::Capability, &mut Deaf)?;
        self.must_be_ok("CAPABILITY: ", &answer)
    }

    fn must_be_ok(&self, what: &str, answer: &Status) -> Result<()> {
        if answer.condition == Condition::Ok { Ok(()) } else { Err(self.talk.refused(what, answer)) }
    }

    /// Texts that the server wants a person to see (ALERT, RFC 3501 7.1), each once. Escape them.
    pub fn alerts(&mut self) -> Vec<String> {
        std::mem::take(&mut self.talk.told.alerts)
    }

    /// LIST: the folders that match any of the patterns (`*`: all, `%`: the first level), each once, in the server's order.
    ///
    /// # Errors
    /// 64: CR, LF or NUL in a pattern; 69, 75, 76.
    pub fn list(&mut self, patterns: &[&str]) -> Result<Vec<Listed>> {
        self.talk.settled()?;
        let mut found = Folders::default();
        let list = |pattern: &&str| Command::List(List::plain("", pattern));
        self.talk.flight(FLIGHT, &mut patterns.iter().map(list), &mut found)?;
        for answer in found.answers {
            self.must_be_ok("LIST: ", &answer?)?;
        }
        Ok(found.list)
    }

    /// EXAMINE: opens a folder without changing anything in it, `\Recent` included.
    ///
    /// # Errors
    /// 64: CR, LF or NUL in the name; 69: there is no such folder; 75; 76: a server without UIDs.
    pub fn examine(&mut self, folder: &str) -> Result<Selected<'_>> {
        self.enter(folder, &Command::Examine { mailbox: folder.to_owned(), with: Selecting::Plain })
    }

    /// SELECT: opens a folder so that its messages can be changed.
    ///
    /// # Errors
    /// As [`Client::examine`]; 69 too where the folder can only be read.
    pub fn select(&mut self, folder: &str) -> Result<Selected<'_>> {
        let selected = self.enter(folder, &Command::Select { mailbox: folder.to_owned(), with: Selecting::Plain })?;
        if selected.is_read_only() {
            return Err(
                Error::refused(format!("{folder}: the server lets nobody change it (READ-ONLY)")).at(selected.peer())
            );
        }
        Ok(selected)
    }

    fn enter(&mut self, folder: &str, command: &Command) -> Result<Selected<'_>> {
        self.talk.told.forget_folder();
        let answer = self.talk.ask(command, &mut Deaf)?;
        self.must_be_ok(&format!("{folder}: "), &answer)?;
        if self.talk.is_far() && self.talk.told.exists.is_some_and(|n| n >= MANY) {
            self.compress()?;
        }
        Selected::new(&mut self.talk)
    }

    /// COMPRESS (RFC 4978), if the server can do it: true if what follows is compressed. A folder with many messages at a server that is
    /// not on this machine brings it about by itself.
    ///
    /// # Errors
    /// 75, 76.
    pub fn compress(&mut self) -> Result<bool> {
        if !self.talk.has("COMPRESS=DEFLATE") {
            return Ok(false);
        }
        let answer = self.talk.ask(&Command::Compress { mechanism: "DEFLATE".to_owned() }, &mut Deaf)?;
        if answer.condition != Condition::Ok {
            return Ok(false);
        }
        self.talk.compress().map(|()| true)
    }

    /// Says goodbye. Nothing hangs on the answer, so one that does not come is no error.
    ///
    /// # Errors
    /// 76: what came was an answer to something earlier, so none of them can be trusted.
    pub fn logout(mut self) -> Result<()> {
        self.talk.leave(LOGOUT);
        match self.talk.ask(&Command::Logout, &mut Deaf) {
            Err(e) if e.exit() == Exit::Protocol => Err(e),
            _ => Ok(()),
        }
    }
}

impl Client {
    /// Says goodbye and does not wait for the answer: after reading, when nothing hangs on it.
    pub fn hang_up(mut self) {
        self.talk.leave(LOGOUT);
        if self.talk.settled().is_err() {
            return;
        }
        if let Ok((tag, pieces)) = self.talk.encode(&Command::Logout)
            && self.talk.say(&tag, pieces, &mut Deaf).is_ok()
        {
            let _ = self.talk.wire.flush();
        }
    }
}

#[derive(Default)]
struct Folders {
    seen: HashSet<Vec<u8>>,
    list: Vec<Listed>,
    bytes: usize,
    answers: Vec<Result<Status>>,
}

impl Folders {
    /// So many bytes more of a name, and what comes with it, are held.
    fn holds(&mut self, name: usize, more: usize) -> Result<()> {
        self.bytes = self.bytes.saturating_add(name).saturating_add(more);
        if self.bytes > NAMES { Err(Error::protocol("a list of folders without end")) } else { Ok(()) }
    }
}

impl Listen for Folders {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        if let Untagged::List(listed) = what
            && self.seen.insert(listed.wire.clone())
        {
            self.holds(listed.wire.len(), size_of::<Listed>())?;
            self.list.push(listed);
        }
        Ok(())
    }

    fn answered(&mut self, _: usize, answer: Result<Status>) -> Result<()> {
        self.answers.push(answer);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
