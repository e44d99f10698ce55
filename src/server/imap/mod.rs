//! The IMAP4rev1 server session (RFC 3501). Its extensions are in [`capability`].
//!
//! Straight-line: a command is gathered with its small literals, parsed, acted on, answered. An APPEND streams into a
//! [draft](super::mailbox::Draft) and a FETCH out of a file, so that a message of any size needs constant memory. The OK for
//! an APPEND means: the file and its directory are on stable storage.
//!
//! What other sessions and programs do is told before a command's own answer, and expunges never during FETCH, STORE and
//! SEARCH (RFC 3501 7.4.1). A message that has vanished meanwhile is left out, never mistaken for another (RFC 2180 4.1).

mod append;
mod capability;
mod compress;
mod fetch;
mod folders;
mod idle;
mod list;
mod login;
mod modseq;
mod pattern;
mod recall;
mod search;
mod section;
mod select;
mod sort;
mod store;
mod structure;
#[cfg(test)]
mod tests;

use super::login::Guesses;
use super::mailbox::{Account, FolderError, Mailbox};
use super::{World, looks_like_http, may_start_tls, start_tls};
use crate::body::Body;
use crate::error::{Error, Exit, Result};
use crate::net::wire::{LINE, WHOLE_LINE};
use crate::net::{Deadline, Wire};
use crate::proto::imap::command::{Appending, Command, Refusal, Tagged};
use crate::proto::imap::gather::{Gathered, Literal};
use crate::proto::imap::lex::Syntax;
use crate::proto::imap::response::{Code, Condition, Response, Status, Untagged};
use crate::proto::imap::set::SequenceSet;
use crate::text::escape;
use std::time::Duration;

/// What a command may have in all, lines and literals, but for an APPEND's message.
const COMMAND: usize = 256 * 1024;
/// The same before login: a user's name and a password.
const COMMAND_BEFORE_LOGIN: usize = 16 * 1024;
/// What a literal may have that nobody waits for, where LITERAL- is what was announced (RFC 7888 5).
const LITERAL_MINUS: u64 = 4096;
/// Silence before login.
const IDLE_BEFORE_LOGIN: Duration = Duration::from_secs(300);

/// Serves one client until it logs out, leaves or is thrown out.
///
/// # Errors
/// 75: the connection was lost.
pub fn serve(wire: &mut Wire, world: &mut dyn World) -> Result<()> {
    let known = world.known();
    let mut session = Session {
        wire,
        world,
        account: None,
        mailbox: None,
        keywords: Vec::new(),
        condstore: false,
        qresync: false,
        tag: String::new(),
        saved: SequenceSet::default(),
        reading: section::Reading::default(),
        errors: 0,
        before_login: 0,
        guesses: Guesses::default(),
        over: false,
        out: Vec::new(),
    };
    let text = format!("{} pipepost IMAP ready", session.world.host());
    let condition = match known {
        Ok(Some(login)) => {
            session.account = Some(login.account);
            Condition::PreAuth
        }
        Ok(None) => Condition::Ok,
        Err(e) => {
            session.bye(&e.to_string())?;
            session.wire.flush()?;
            return Err(e);
        }
    };
    let code = Some(Code::Capability(session.capabilities()));
    session.say(&Response::Untagged(Untagged::Status(Status { condition, code, text })))?;
    let ended = session.run();
    if let Err(e) = &ended {
        // For a client that has fallen asleep or said too much; one that has gone does not read it.
        let _ = session.bye(&e.to_string()).and_then(|()| session.wire.flush());
    }
    ended
}

/// What a session knows: the call stack is the rest of it.
struct Session<'s> {
    wire: &'s mut Wire,
    world: &'s mut dyn World,
    /// Whose mailboxes, once logged in.
    account: Option<Account>,
    /// The selected one.
    mailbox: Option<Mailbox>,
    /// Its keywords, as last told.
    keywords: Vec<String>,
    /// Changes are told with their mod-sequences (RFC 7162).
    condstore: bool,
    /// Expunges are told by UIDs (RFC 7162).
    qresync: bool,
    /// The tag of the command that is being answered, which ESEARCH repeats.
    tag: String,
    /// `$`: UIDs of the selected mailbox (RFC 5182).
    saved: SequenceSet,
    /// Where the last FETCH was in a message.
    reading: section::Reading,
    errors: u32,
    /// Commands without a login.
    before_login: u32,
    guesses: Guesses,
    /// The session ends after the next answer.
    over: bool,
    out: Vec<u8>,
}

/// How a command ended: its answer, or the session's end.
enum Done {
    Answer(Status),
    /// The answer has been said.
    Answered,
    /// Said already, or there is nobody to hear it.
    Close,
}

/// What came from the client.
enum Came {
    Command(Tagged, Literal),
    Refused(Refusal),
    /// A literal that is not taken; the client waits for our word and has not sent it.
    TooLarge(Option<String>),
    Close,
}

const NO_LITERAL: Literal = Literal { size: 0, non_sync: false, binary: false };

fn answer(condition: Condition, code: Option<Code>, text: impl Into<String>) -> Status {
    Status { condition, code, text: text.into() }
}

fn ok(text: &str) -> Status {
    answer(Condition::Ok, None, text)
}

fn misplaced(gathered: &Gathered) -> Refusal {
    let why = Syntax::new(gathered.len(), "only APPEND takes a binary literal");
    Refusal { tag: gathered.lex().tag().ok(), why }
}

fn bad(text: &str) -> Status {
    answer(Condition::Bad, None, text)
}

/// NO with a code of RFC 3501 or RFC 5530.
fn no(code: &str, text: impl Into<String>) -> Status {
    answer(Condition::No, Some(Code::named(code)), text)
}

/// Something failed on our side: the session goes on.
fn failed(e: &Error) -> Status {
    let code = match e.exit() {
        Exit::Refused => "CANNOT",
        _ => "UNAVAILABLE",
    };
    no(code, escape(e.to_string()))
}

/// A folder that can't be had. `create`: making it would help.
fn folder_failed(e: &FolderError, create: bool) -> Status {
    match e {
        FolderError::NotFound if create => no("TRYCREATE", e.to_string()),
        FolderError::NotFound => no("NONEXISTENT", e.to_string()),
        FolderError::AlreadyExists => no("ALREADYEXISTS", e.to_string()),
        FolderError::Cannot(_) => no("CANNOT", e.to_string()),
        FolderError::Other(e) => failed(e),
    }
}

impl Session<'_> {
    fn say(&mut self, response: &Response) -> Result<()> {
        self.out.clear();
        response.encode(&mut self.out);
        self.wire.put(&self.out)?;
        // A large response is rare, an idle session is not.
        self.out.shrink_to(4096);
        Ok(())
    }

    fn tell(&mut self, untagged: Untagged) -> Result<()> {
        self.say(&Response::Untagged(untagged))
    }

    fn note(&mut self, code: Code, text: &str) -> Result<()> {
        self.tell(Untagged::Status(answer(Condition::Ok, Some(code), text)))
    }

    fn bye(&mut self, why: &str) -> Result<()> {
        self.tell(Untagged::Status(answer(Condition::Bye, None, escape(why))))
    }

    fn go_on(&mut self, text: &str) -> Result<()> {
        self.say(&Response::Continue(text.to_owned()))
    }

    fn patience(&mut self) {
        let idle = self.world.limits().imap_idle;
        self.wire.until(Deadline::after(if self.account.is_some() { idle } else { idle.min(IDLE_BEFORE_LOGIN) }));
    }

    fn run(&mut self) -> Result<()> {
        let mut first = true;
        loop {
            let (tag, status) = match self.read(std::mem::take(&mut first))? {
                Came::Close => return self.wire.flush(),
                Came::Command(tagged, literal) => match self.command(&tagged.tag, tagged.command, literal)? {
                    Done::Answer(status) => (Some(tagged.tag), status),
                    Done::Answered => continue,
                    Done::Close => {
                        // LOGOUT alone has an answer after its BYE.
                        self.say(&Response::Tagged(tagged.tag, ok("done")))?;
                        return self.wire.flush();
                    }
                },
                Came::Refused(refusal) => (refusal.tag, bad(&refusal.why.to_string())),
                Came::TooLarge(tag) => (tag, no("LIMIT", "literal too large")),
            };
            let wrong = status.condition == Condition::Bad;
            match tag {
                Some(tag) => self.say(&Response::Tagged(tag, status))?,
                None => self.tell(Untagged::Status(status))?,
            }
            if wrong {
                self.errors = self.errors.saturating_add(1);
                if self.errors >= self.world.limits().errors {
                    self.bye("too many errors")?;
                    return self.wire.flush();
                }
            }
            // Before the login nobody has much to say.
            self.before_login = if self.account.is_none() { self.before_login.saturating_add(1) } else { 0 };
            if self.before_login > self.world.limits().commands {
                self.bye("too many commands")?;
                return self.wire.flush();
            }
            if self.over {
                self.bye("closing")?;
                return self.wire.flush();
            }
        }
    }

    /// Gathers the next command with its literals, but for the message of an APPEND, which is still to come then.
    fn read(&mut self, first: bool) -> Result<Came> {
        self.patience();
        let mut gathered = Gathered::default();
        // Whether there was a literal8 that is no message of an APPEND (RFC 3516 4.4).
        let mut binary = false;
        let limit = if self.account.is_some() { COMMAND } else { COMMAND_BEFORE_LOGIN };
        loop {
            // Before login, what follows a literal is a password as a rule.
            let after_literal = !gathered.is_empty() && self.account.is_none();
            self.wire.conceal(Some(if after_literal { WHOLE_LINE } else { login::secret_from }));
            let line = self.wire.line(LINE)?;
            if first && gathered.is_empty() && looks_like_http(line) {
                return Ok(Came::Close);
            }
            let Some(literal) = gathered.push_line(line) else {
                return Ok(match Tagged::parse(&gathered) {
                    Ok(_) if binary => Came::Refused(misplaced(&gathered)),
                    Ok(tagged) => Came::Command(tagged, NO_LITERAL),
                    Err(refusal) => Came::Refused(refusal),
                });
            };
            // A mailbox name may be a literal, so the message is the first or the second one.
            if self.account.is_some()
                && gathered.literals() <= 2
                && let Ok(tagged @ Tagged { command: Command::Append { .. }, .. }) = Tagged::parse(&gathered)
            {
                return Ok(Came::Command(tagged, literal));
            }
            if literal.binary {
                binary = true;
                if !literal.non_sync {
                    return Ok(Came::Refused(misplaced(&gathered)));
                }
            }
            let size = usize::try_from(literal.size).unwrap_or(usize::MAX);
            let unasked = literal.non_sync && self.account.is_none() && literal.size > LITERAL_MINUS;
            if unasked || gathered.len().saturating_add(size) > limit {
                if literal.non_sync {
                    // It is on its way already.
                    self.bye("literal too large")?;
                    return Ok(Came::Close);
                }
                let tag = gathered.lex().tag().ok();
                return Ok(Came::TooLarge(tag));
            }
            if !literal.non_sync {
                self.go_on("go on")?;
            }
            let mut body = self.wire.exact(literal.size);
            loop {
                let piece = body.chunk()?;
                if piece.is_empty() {
                    break;
                }
                gathered.push_literal(piece);
            }
        }
    }

    fn command(&mut self, tag: &str, command: Command, literal: Literal) -> Result<Done> {
        tag.clone_into(&mut self.tag);
        let fetching = matches!(command, Command::Fetch { .. });
        if !fetching {
            self.reading = section::Reading::default();
        }
        let status = match command {
            Command::Capability => {
                let words = self.capabilities();
                self.tell(Untagged::Capability(words))?;
                self.caught_up(true, ok("CAPABILITY completed"))?
            }
            Command::Noop => self.caught_up(true, ok("NOOP completed"))?,
            Command::Id(_) => {
                let field = |name: &str, value: &str| (name.into(), Some(value.into()));
                let fields = vec![field("name", "pipepost"), field("version", env!("CARGO_PKG_VERSION"))];
                self.tell(Untagged::Id(fields))?;
                self.caught_up(true, ok("ID completed"))?
            }
            Command::Logout => {
                self.bye("bye")?;
                return Ok(Done::Close);
            }
            Command::StartTls => return self.start_tls(tag),
            Command::Compress { mechanism } => return self.compress(tag, &mechanism),
            Command::Login { user, password } => self.login(&user, &password)?,
            Command::Authenticate { mechanism, initial } => self.authenticate(&mechanism, initial)?,
            other => match self.account.clone() {
                Some(account) => self.authenticated(&account, other, literal)?,
                None => bad("log in first"),
            },
        };
        Ok(Done::Answer(status))
    }

    /// RFC 3501 6.2.1. Its answer is the last that is said in clear.
    fn start_tls(&mut self, tag: &str) -> Result<Done> {
        let known = self.account.is_some();
        let Some(identity) = may_start_tls(self.wire, self.world, known) else {
            return Ok(Done::Answer(bad("no TLS to be started here")));
        };
        let mut go_on = Vec::new();
        Response::Tagged(tag.to_owned(), ok("go on under TLS")).encode(&mut go_on);
        if !start_tls(self.wire, &identity, &go_on)? {
            return Err(Error::protocol("nothing may follow STARTTLS in one flight"));
        }
        Ok(Done::Answered)
    }

    fn authenticated(&mut self, account: &Account, mut command: Command, literal: Literal) -> Result<Status> {
        command.resolve_saved(&|uid| self.saved_set(uid));
        if matches!(command, Command::Search { .. } | Command::Sort { .. } | Command::Thread { .. }) {
            // What has come since is told of and found too: there are clients that look for mail by SEARCH alone.
            self.caught_up(false, ok("up to date"))?;
        }
        match command {
            Command::Append { mailbox, flags, date, size } => {
                self.append(account, &mailbox, Appending { flags, date, size }, literal)
            }
            Command::Enable(words) => self.enable(&words),
            Command::List(asked) => {
                let status = self.list(account, &asked)?;
                self.caught_up(true, status)
            }
            Command::Lsub { reference, pattern } => {
                let status = self.lsub(account, &reference, &pattern)?;
                self.caught_up(true, status)
            }
            Command::Select { mailbox, with } => self.select(account, &mailbox, false, with),
            Command::Examine { mailbox, with } => self.select(account, &mailbox, true, with),
            Command::Idle => self.idle(),
            Command::Close | Command::Unselect | Command::Check | Command::Expunge | Command::UidExpunge(_)
                if self.mailbox.is_none() =>
            {
                Ok(bad("no mailbox is selected"))
            }
            Command::Search { .. }
            | Command::Sort { .. }
            | Command::Thread { .. }
            | Command::Fetch { .. }
            | Command::Store { .. }
            | Command::Copy { .. }
            | Command::Move { .. }
                if self.mailbox.is_none() =>
            {
                Ok(bad("no mailbox is selected"))
            }
            Command::Check => self.caught_up(true, ok("CHECK completed")),
            Command::Close => self.close(true),
            Command::Unselect => self.close(false),
            Command::Expunge => self.expunge(None),
            Command::UidExpunge(set) => self.expunge(Some(&set)),
            Command::Search { uid, returns, charset, key } => self.search(uid, returns, charset.as_deref(), &key),
            Command::Sort { uid, returns, by, charset, key } => self.sort(uid, returns, &by, &charset, &key),
            Command::Thread { uid, algorithm, charset, key } => self.thread(uid, algorithm, &charset, &key),
            Command::Fetch { uid, set, items, changed } => self.fetch(uid, &set, &items, changed),
            Command::Store { uid, set, unchanged_since, how, silent, flags } => {
                self.store(uid, &set, unchanged_since, how, silent, &flags)
            }
            Command::Copy { uid, set, mailbox } => self.copy(uid, &set, &mailbox),
            Command::Move { uid, set, mailbox } => self.move_to(uid, &set, &mailbox),
            other => {
                let status = self.folders(account, other)?;
                self.caught_up(true, status)
            }
        }
    }
}
