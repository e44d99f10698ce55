//! SASL (RFC 4422): the mechanisms' messages, for both sides and all protocols. The connection, nonces and times are the
//! caller's.
//!
//! PLAIN (RFC 4616), LOGIN, CRAM-MD5 (2195), SCRAM with SHA-1 and SHA-256, bound to the TLS connection or not (5802, 7677),
//! OAUTHBEARER (7628), XOAUTH2, EXTERNAL; and APOP of POP3. Left out: what is broken (DIGEST-MD5, NTLM), what asks others (GSSAPI),
//! and ANONYMOUS, as mail has no guests.

mod client;
pub mod cram;
mod hash;
mod mechanism;
mod message;
mod oauth;
mod prep;
pub mod scram;

pub use client::{CHALLENGES, Client, Failure, Who, choose, known};
pub use mechanism::{Hash, Mechanism};

use crate::secret::Secret;
use encodify::base64::STANDARD;

/// Bytes as one base64 line, RFC 4648 4.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// One base64 line back to bytes; strict.
#[must_use]
pub fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// PLAIN's only message, base64: no authorization identity, the user, the password. `None` if one of them holds a NUL, which
/// separates them.
#[must_use]
pub fn plain(user: &str, password: &Secret) -> Option<Secret> {
    if user.bytes().chain(password.expose().iter().copied()).any(|b| b == 0) {
        return None;
    }
    Some(Secret::new(base64(plain_message(user, password).expose()).into_bytes()))
}

fn plain_message(user: &str, password: &Secret) -> Secret {
    Secret::new([b"\0", user.as_bytes(), b"\0", password.expose()].concat())
}

/// Reads PLAIN's message (decoded): the user and the password. An authorization identity must be the user or empty.
#[must_use]
pub fn read_plain(message: &[u8]) -> Option<(String, Secret)> {
    let mut fields = message.split(|b| *b == 0);
    let (authorization, user, password) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || user.is_empty() || (!authorization.is_empty() && authorization != user) {
        return None;
    }
    Some((String::from_utf8(user.to_vec()).ok()?, Secret::new(password.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_both_ways() {
        // The example of RFC 4616 4, without the authorization identity.
        let sent = plain("tim", &Secret::new(b"tanstaaftanstaaf".to_vec())).unwrap();
        assert_eq!(sent.expose(), b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
        let (user, password) = read_plain(&unbase64(sent.expose()).unwrap()).unwrap();
        assert!(user == "tim" && password.same(b"tanstaaftanstaaf"));
        assert!(plain("a\0b", &Secret::new(vec![])).is_none());
        assert!(read_plain(b"kurt\0tim\0x").is_none());
        assert!(read_plain(b"\0tim").is_none() && read_plain(b"\0t\0p\0q").is_none() && read_plain(b"\0\0p").is_none());
        assert!(unbase64(b"A").is_none() && unbase64(b"AHRpbQ=").is_none());
    }
}
