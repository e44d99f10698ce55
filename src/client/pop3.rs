//! The POP3 client (RFC 1939): CAPA (2449), STLS (2595), UTF8 (6856), USER/PASS, APOP or AUTH (5034), pipelined in windows where the
//! server says so, or whoever knows it does.
//!
//! Left out: LANG (RFC 6856 3), as what a server says in words is for people, and ours are in English too.
//!
//! A session that ends without QUIT deletes nothing: whatever goes wrong between RETR and QUIT, the way out is to drop the
//! connection.

mod listing;
mod login;
#[cfg(test)]
mod tests;

pub use listing::{Entry, Listing};

use super::{Dial, Login, no_tls};
use crate::body::Body;
use crate::error::{Error, Exit, Result};
use crate::net::wire::{LINE, Quiet, Wire};
use crate::net::{Deadline, Endpoint};
use crate::proto::pop3::{Capabilities, Status};
use std::time::Duration;

/// A reply, RFC 1939 3 leaves it open; pipepost(7), "Limits and deadlines".
const REPLY: Duration = Duration::from_secs(300);
/// QUIT before a login is a courtesy.
const QUIT: Duration = Duration::from_secs(5);
/// RETR and TOP in flight: enough to hide the round trip, few enough that they wait in any server's buffers.
const WINDOW: usize = 256;
/// Short commands in flight.
const FLIGHT: usize = 500;
/// Two commands that must not be behind each other: the second waits at least so long.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest wait between two looks whether a maildrop is free.
const PAUSES: Duration = Duration::from_secs(2);
/// Lines in the answer to CAPA.
const CAPABILITIES: usize = 500;
/// So many lines of a list share one deadline.
const LINES: usize = 1000;

/// Takes a message number and the message, or why there is none.
pub type Each<'f> = dyn FnMut(u32, Result<&mut dyn Body>) -> Result<()> + 'f;

/// One connection, logged in.
pub struct Client {
    wire: Wire,
    capabilities: Capabilities,
    /// The login was refused for now: how long to wait at least before the next, if that is known.
    busy: Option<Duration>,
    /// UTF8 is out, and its answer comes before that to the login.
    owed: bool,
    /// The server does not say that it takes commands in flights, but somebody does.
    unproven: bool,
}

impl Client {
    /// Reads the greeting, asks for CAPA, starts TLS as the wire says, logs in.
    ///
    /// # Errors
    /// 75: the maildrop is busy or the server is; 69: it refuses; 76: it breaks the protocol; 77: the login is refused or may not be
    /// sent.
    pub fn open(wire: Wire, login: &Login) -> Result<Client> {
        Client::opened(wire, login, &mut None)
    }

    fn opened(mut wire: Wire, login: &Login, busy: &mut Option<Duration>) -> Result<Client> {
        wire.until(Deadline::after(REPLY));
        let mut client =
            Client { wire, capabilities: Capabilities::default(), busy: None, owed: false, unproven: false };
        let greeting = client.status()?;
        if !greeting.ok {
            return Err(client.refused("", &greeting));
        }
        client.must_be_quiet()?;
        client.capa()?;
        if let Some(demanded) = client.wire.wants_tls() {
            client.start_tls(demanded)?;
        }
        let done = client.utf8().and_then(|()| client.log_in(login, &greeting));
        *busy = client.busy;
        done.map(|()| client)
    }

    fn capa(&mut self) -> Result<()> {
        let mut found = Capabilities::default();
        if self.ask("CAPA\r\n")?.ok {
            self.list(CAPABILITIES, |line| {
                found.read(line);
                Ok(())
            })?;
        }
        self.capabilities = found;
        Ok(())
    }

    /// STLS, RFC 2595 4: what the server said before it counts no more.
    fn start_tls(&mut self, demanded: bool) -> Result<()> {
        let refused = if self.capabilities.stls {
            let answer = self.ask("STLS\r\n")?;
            if answer.ok {
                self.wire.start_tls()?;
                self.wire.until(Deadline::after(REPLY));
                return self.capa();
            }
            Some(format!("-ERR {}", answer.text))
        } else if demanded {
            None
        } else {
            return Ok(());
        };
        self.wire.until(Deadline::after(QUIT));
        let _ = self.ask("QUIT\r\n");
        Err(no_tls(self.wire.peer(), refused.as_deref()))
    }

    /// Dials and opens; while another session has the maildrop (`[IN-USE]`), or the last one is too close (`[LOGIN-DELAY]`), tries
    /// again until `patience` is over.
    ///
    /// # Errors
    /// As [`Client::open`] and [`Dial::dial`].
    pub fn connect(dial: &dyn Dial, at: &Endpoint, login: &Login, patience: Deadline) -> Result<Client> {
        let mut pause = PAUSE;
        loop {
            let mut busy = None;
            let open = |login: Option<&Login>| {
                let login = login.ok_or_else(|| Error::internal("no login"))?;
                Client::opened(dial.dial(at, Deadline::NEVER)?, login, &mut busy)
            };
            let result = super::opened(Some(login), open);
            let (Err(_), Some(at_least)) = (&result, busy) else { return result };
            let wait = pause.max(at_least);
            if patience.left().is_none_or(|left| left <= wait) {
                return result;
            }
            std::thread::sleep(wait);
            pause = (pause * 2).min(PAUSES);
        }
    }

    /// What the server offers.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Says whether commands may follow each other without waiting, whatever CAPA did. Where CAPA did not, the next
    /// [`Client::listing`] shows whether it is true.
    pub fn pipelines(&mut self, pipelining: bool) {
        self.unproven = pipelining && !self.capabilities.pipelining;
        self.capabilities.pipelining = pipelining;
    }

    /// Whether the server has yet to show that it answers two commands that came as one.
    #[must_use]
    pub fn is_unproven(&self) -> bool {
        self.unproven
    }

    /// RETR, for each of `numbers` in order: `each` gets the number and the message in wire form, which it must read to its end.
    /// A message that the server does not give is told by `Err` in the second argument's place.
    ///
    /// # Errors
    /// 75, 76 of the connection; whatever `each` returns. After any the connection must be dropped, without QUIT.
    pub fn retr(&mut self, numbers: &[u32], each: &mut Each<'_>) -> Result<()> {
        self.bodies(numbers, "", &mut |n| format!("RETR {n}\r\n"), each)
    }

    /// TOP: as [`Client::retr`], the header section and so many lines of the body.
    ///
    /// # Errors
    /// As [`Client::retr`].
    pub fn top(&mut self, numbers: &[u32], lines: u64, each: &mut Each<'_>) -> Result<()> {
        self.bodies(numbers, "TOP: ", &mut |n| format!("TOP {n} {lines}\r\n"), each)
    }

    fn bodies(
        &mut self,
        numbers: &[u32],
        what: &str,
        command: &mut dyn FnMut(u32) -> String,
        each: &mut Each<'_>,
    ) -> Result<()> {
        let window = if self.capabilities.pipelining { WINDOW } else { 1 };
        let mut asked = 0;
        for (done, number) in numbers.iter().enumerate() {
            if asked == done {
                self.must_be_quiet()?;
            }
            // Refilled when half of it is done, so that the refill is one write too.
            if asked - done <= window / 2 {
                for number in numbers.iter().skip(asked).take(window - (asked - done)) {
                    self.wire.put(command(*number))?;
                    asked += 1;
                }
            }
            self.wire.until(Deadline::after(REPLY));
            let answer = self.status()?;
            if !answer.ok {
                let refused = self.refused(what, &answer);
                each(*number, Err(refused))?;
                continue;
            }
            self.wire.until(Deadline::NEVER);
            let mut body = self.wire.dotted();
            each(*number, Ok(&mut body))?;
            // Should `each` have left something: the next answer begins behind it.
            body.skip()?;
        }
        Ok(())
    }

    /// DELE for each: which of them the server did not mark, and why. They are deleted by [`Client::quit`] only.
    ///
    /// # Errors
    /// 75, 76.
    pub fn dele(&mut self, numbers: &[u32]) -> Result<Vec<(u32, Error)>> {
        let window = if self.capabilities.pipelining { FLIGHT } else { 1 };
        let mut failed = Vec::new();
        for batch in numbers.chunks(window) {
            self.must_be_quiet()?;
            for number in batch {
                self.wire.put(format!("DELE {number}\r\n"))?;
            }
            self.wire.until(Deadline::after(REPLY));
            for number in batch {
                let answer = self.status()?;
                if !answer.ok {
                    failed.push((*number, self.refused("DELE: ", &answer)));
                }
            }
        }
        Ok(failed)
    }

    /// Ends the session, which deletes what was marked.
    ///
    /// # Errors
    /// 75: no answer, so whether the marked ones are gone is not known; 69: the server could not delete all; 76: out of step.
    pub fn quit(mut self) -> Result<()> {
        self.wire.until(Deadline::after(REPLY));
        let answer = self.ask("QUIT\r\n")?;
        if answer.ok { Ok(()) } else { Err(self.refused("QUIT: ", &answer)) }
    }

    /// Ends a session in which nothing was deleted: the answer to QUIT is not awaited, as nothing depends on it.
    ///
    /// # Errors
    /// 75, 76: before it was said.
    pub fn leave(mut self) -> Result<()> {
        self.must_be_quiet()?;
        self.wire.until(Deadline::after(QUIT));
        self.wire.put("QUIT\r\n")?;
        self.wire.flush()
    }

    // ---- answers

    /// A command, or the end of one, while no other is outstanding.
    fn ask(&mut self, command: &str) -> Result<Status> {
        self.must_be_quiet()?;
        self.wire.put(command)?;
        self.status()
    }

    fn status(&mut self) -> Result<Status> {
        let peer = self.wire.peer().to_owned();
        let line = self.wire.line(LINE)?.to_vec();
        let Some(mut status) = Status::parse(&line) else {
            let said = self.wire.hide(shown(&line));
            return Err(Error::protocol(format!("not a POP3 answer: {said}")).at(peer));
        };
        status.text = self.wire.hide(status.text);
        Ok(status)
    }

    /// The lines of a multi-line answer; they may be as many as the maildrop has messages, so they are not kept here.
    fn list(&mut self, at_most: usize, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        for n in 0..=at_most {
            if n % LINES == 0 {
                self.wire.until(Deadline::after(REPLY));
            }
            let line = self.wire.line(LINE)?;
            match line.strip_prefix(b".") {
                Some([]) => return Ok(()),
                Some(stuffed) => each(stuffed)?,
                None => each(line)?,
            }
        }
        Err(Error::protocol(format!("a list of more than {at_most} lines")).at(self.wire.peer()))
    }

    fn must_be_quiet(&mut self) -> Result<()> {
        let peer = self.wire.peer().to_owned();
        match self.wire.quiet("-ERR") {
            Quiet::Nothing => Ok(()),
            Quiet::Input => Err(Error::protocol("says more than it was asked").at(peer)),
            Quiet::Closed => Err(Error::temporary("closed by the other side").at(peer)),
        }
    }

    fn refused(&self, what: &str, answer: &Status) -> Error {
        let exit = match answer.code.as_deref() {
            Some("IN-USE" | "LOGIN-DELAY" | "SYS/TEMP") => Exit::TempFail,
            Some("AUTH") => Exit::Auth,
            _ => Exit::Refused,
        };
        Error::new(exit, format!("{what}-ERR {}", answer.text)).at(self.wire.peer())
    }

    fn denied(&mut self, answer: &Status) -> Error {
        self.busy = match answer.code.as_deref() {
            Some("IN-USE") => Some(Duration::ZERO),
            // Before the login few servers say how long.
            Some("LOGIN-DELAY") => Some(Duration::from_secs(self.capabilities.login_delay.unwrap_or(0))),
            _ => None,
        };
        let e = self.refused("", answer);
        // A bare -ERR to PASS is a wrong password, where the server has no codes to say it with; with RESP-CODES too, as
        // few send [AUTH]. "lock" is how those without codes say that the maildrop is busy.
        match answer.code {
            Some(_) => e,
            None if answer.text.to_ascii_lowercase().contains("lock") => e.with_exit(Exit::TempFail),
            None => e.with_exit(Exit::Auth),
        }
    }
}

/// The beginning of what the other side said, for an error.
fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line.get(..line.len().min(200)).unwrap_or_default()).into_owned()
}
