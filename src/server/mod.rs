//! Server sessions, straight-line over one `Wire` and a `World`: read a command, act, answer; the call stack is the state.
//!
//! `local:` and `mail-serve` run the same sessions. What differs between them (who may log in, who has a mailbox) is the
//! [`World`], which `cli` implements.

pub mod imap;
pub mod listen;
pub mod login;
pub mod mailbox;
pub mod pop3;
mod sasl;
pub mod smtp;
mod world;

pub use world::{
    Arriving, Denied, Destination, Envelope, Limits, Login, Recipient, Refusal, World, into_mailboxes, nowhere,
};

use crate::error::{Error, Result};
use crate::net::Wire;
use crate::net::tls::Identity;
use crate::net::wire::WHOLE_LINE;
use mailbox::FolderError;

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
    } else if first.eq_ignore_ascii_case(b"AUTH") || first.eq_ignore_ascii_case(b"APOP") {
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
            ("APOP bob c4c9334b", Some("APOP bob ")),
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
