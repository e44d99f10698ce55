//! Server sessions, straight-line over one `Wire` and a `World`: read a command, act, answer; the call stack is the state.
//!
//! `local:` and `mail-serve` run the same sessions. What differs between them (who may log in, who has a mailbox) is the
//! [`World`], which `cli` implements.

pub mod imap;
pub mod listen;
pub mod mailbox;
pub mod pop3;
pub mod smtp;

use crate::error::{Error, Result};
use crate::net::tls::Identity;
use crate::net::wire::WHOLE_LINE;
use crate::net::{Deadline, Wire};
use crate::proto::mailbox::Mailbox as Address;
use crate::secret::Secret;
use mailbox::{Account, FolderError};
use std::time::Duration;

/// Somebody whose identity is known.
pub struct Login {
    /// The user's name.
    pub user: String,
    /// Their mailboxes.
    pub account: Account,
}

/// Why a login failed.
#[derive(Debug)]
pub enum Denied {
    /// Wrong name or password; which of them is not told.
    Wrong,
    /// Something failed here.
    Failed(Error),
}

/// Why a recipient is refused.
#[derive(Debug)]
pub enum Refusal {
    /// A local domain, but nobody of that name: 550 5.1.1.
    NoSuchUser,
    /// Not a local domain, and no way there: 550 5.7.1.
    NoRoute,
    /// Something failed here: 451.
    Failed(Error),
}

impl From<FolderError> for Error {
    fn from(e: FolderError) -> Error {
        match e {
            FolderError::NotFound => Error::refused("no such folder"),
            FolderError::AlreadyExists => Error::refused("the folder exists already"),
            FolderError::Cannot(why) => Error::refused(why),
            FolderError::Other(e) => e,
        }
    }
}

/// The bounds that a session enforces, with their defaults.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest message, octets in wire form.
    pub message: u64,
    /// Recipients of one message; RFC 5321 4.5.3.1.8 demands at least 100.
    pub recipients: usize,
    /// Wrong commands in a session before it is closed.
    pub errors: u32,
    /// Failed logins in a session before it is closed.
    pub logins: u32,
    /// How long the first failed login waits for its answer; each further one twice as long.
    pub login_delay: Duration,
    /// `Received` fields before a message is taken for a loop (RFC 5321 6.3: at least 100).
    pub hops: u32,
    /// Silence before a session is closed: SMTP 5 minutes (RFC 5321 4.5.3.2.7), POP3 10 (RFC 1939 3), IMAP 30 (RFC 3501 5.4).
    pub smtp_idle: Duration,
    /// See `smtp_idle`.
    pub pop3_idle: Duration,
    /// See `smtp_idle`.
    pub imap_idle: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message: 1 << 30,
            recipients: 1000,
            errors: 10,
            logins: 3,
            login_delay: Duration::from_secs(1),
            hops: 100,
            smtp_idle: Duration::from_secs(300),
            pop3_idle: Duration::from_secs(600),
            imap_idle: Duration::from_secs(1800),
        }
    }
}

/// What a session acts on.
pub trait World: Send {
    /// The server's name, for greetings and `Received`.
    fn host(&self) -> &str;

    /// The client's identity, if the connection itself is it: a socket pair inside one program.
    ///
    /// # Errors
    /// The mailboxes can't be opened.
    fn known(&mut self) -> Result<Option<Login>>;

    /// Checks a name and a password.
    ///
    /// # Errors
    /// See [`Denied`].
    fn login(&mut self, user: &str, password: &Secret) -> Result<Login, Denied>;

    /// Whose mailbox a recipient's mail goes to; `None` is Postmaster without a domain.
    ///
    /// # Errors
    /// See [`Refusal`].
    fn recipient(&mut self, to: Option<&Address>) -> Result<Account, Refusal>;

    /// The bounds.
    fn limits(&self) -> &Limits;

    /// What the server shows of itself in TLS; `None`: there is no TLS to be had.
    fn identity(&self) -> Option<&Identity> {
        None
    }
}

/// Who may have TLS now: the connection is neither under it nor the identity itself.
fn may_start_tls(wire: &Wire, world: &dyn World, known: bool) -> Option<Identity> {
    world.identity().filter(|_| !known && !wire.is_secure()).cloned()
}

/// The server's part of STARTTLS and STLS: says `go_on` and shakes hands. False: something was sent behind the command, before
/// the handshake, by whoever could (RFC 3207 6, CVE-2011-0411), so the session must end.
fn start_tls(wire: &mut Wire, identity: &Identity, go_on: impl AsRef<[u8]>) -> Result<bool> {
    if wire.has_input() {
        return Ok(false);
    }
    wire.put(go_on)?;
    wire.accept_tls(identity).map(|()| true)
}

/// Whether a first line is an HTTP request: a browser or a script on a web page talks to us, perhaps with mail commands in the
/// body. Nobody answers that.
#[must_use]
pub fn looks_like_http(line: &[u8]) -> bool {
    let method = line.split(|b| *b == b' ').next().unwrap_or_default();
    let methods: [&[u8]; 9] =
        [b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"PATCH", b"TRACE", b"PROPFIND"];
    (methods.contains(&method) && line.len() > method.len())
        || memchr::memmem::find(line, b" HTTP/1.").is_some()
        || memchr::memmem::find(line, b" HTTP/2").is_some()
}

/// For [`Wire::conceal`] in SMTP and POP3: the password of PASS, and the initial response of AUTH.
#[must_use]
pub fn secret_from(line: &[u8]) -> Option<usize> {
    let mut words = line.split(|b| *b == b' ');
    let first = words.next()?;
    let at = if first.eq_ignore_ascii_case(b"PASS") {
        first.len().checked_add(1)?
    } else if first.eq_ignore_ascii_case(b"AUTH") {
        first.len().checked_add(words.next()?.len())?.checked_add(2)?
    } else {
        return None;
    };
    (at < line.len()).then_some(at)
}

/// Reads a line that is a secret as a whole: an answer within AUTH.
///
/// # Errors
/// As [`Wire::line`].
pub fn secret_line(wire: &mut Wire, max: usize) -> Result<Vec<u8>> {
    let before = wire.conceal(Some(WHOLE_LINE));
    let line = wire.line(max).map(<[u8]>::to_vec);
    wire.conceal(before);
    line
}

/// Counts a session's failed logins: each answer comes later than the one before, and after some the session ends.
#[derive(Debug, Default)]
pub struct Guesses(u32);

impl Guesses {
    /// Notes a failed login and waits; true if the session should end. A client that leaves meanwhile is not waited for.
    pub fn failed(&mut self, wire: &mut Wire, limits: &Limits) -> bool {
        let delay = limits.login_delay.saturating_mul(1 << self.0.min(6));
        self.0 += 1;
        // Pipelined commands may be waiting in the input: they do not shorten the delay.
        let until = Deadline::after(delay);
        while let Some(left) = until.left().filter(|left| !left.is_zero()) {
            std::thread::sleep(left.min(Duration::from_millis(100)));
            if wire.has_ended() {
                return true;
            }
        }
        self.0 >= limits.logins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_passwords_are() {
        for (line, shown) in [
            ("PASS tulip", Some("PASS ")),
            ("pass a b", Some("pass ")),
            ("AUTH PLAIN AGJv", Some("AUTH PLAIN ")),
            ("AUTH PLAIN", None),
            ("PASS", None),
            ("PASS ", None),
            ("USER bob", None),
        ] {
            assert_eq!(secret_from(line.as_bytes()), shown.map(str::len), "{line}");
        }
    }

    #[test]
    fn http_is_recognised() {
        for http in ["GET / HTTP/1.1", "POST /x HTTP/1.0", "OPTIONS * HTTP/1.1", "a1 LOGIN HTTP/1.1 HTTP/1.1"] {
            assert!(looks_like_http(http.as_bytes()), "{http}");
        }
        for mail in ["EHLO x", "CAPA", "a1 CAPABILITY", "HEAD", "HELP", "a GET x"] {
            assert!(!looks_like_http(mail.as_bytes()), "{mail}");
        }
    }
}
