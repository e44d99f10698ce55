//! Tokens of OAuth 2.0 in the password's place: OAUTHBEARER (RFC 7628), and XOAUTH2 as Google and Microsoft have it.

use super::message::escaped;
use crate::secret::Secret;
use serde_json::Value;

/// What stands between the fields, and, alone, is the response to an error.
const KVSEP: &[u8] = b"\x01";

/// The longest word of an error that is told.
const WORD: usize = 100;

/// OAUTHBEARER's message, RFC 7628 3.1. `server`: the host and port that the client has asked for.
#[must_use]
pub(super) fn bearer(user: &str, token: &Secret, server: Option<(&str, u16)>) -> Secret {
    let server = server.map(|(host, port)| format!("host={host}\x01port={port}\x01")).unwrap_or_default();
    let head = format!("n,a={},\x01{server}auth=Bearer ", escaped(user));
    Secret::new([head.as_bytes(), token.expose(), KVSEP, KVSEP].concat())
}

/// XOAUTH2's message.
#[must_use]
pub(super) fn xoauth2(user: &str, token: &Secret) -> Secret {
    let head = format!("user={user}\x01auth=Bearer ");
    Secret::new([head.as_bytes(), token.expose(), KVSEP, KVSEP].concat())
}

/// The response to an error: RFC 7628 3.2.3 has a byte in it, XOAUTH2 nothing.
#[must_use]
pub(super) fn dummy(bearer: bool) -> Secret {
    Secret::new(if bearer { KVSEP.to_vec() } else { Vec::new() })
}

/// What an error challenge says, for people: its status, and the scope that is wanted (RFC 7628 3.2.2).
#[must_use]
pub(super) fn error(challenge: &[u8]) -> String {
    let Ok(Value::Object(said)) = serde_json::from_slice(challenge) else { return "the token is refused".to_owned() };
    let word = |key: &str| {
        let text = match said.get(key)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(format!(" {key} {}", text.chars().take(WORD).collect::<String>()))
    };
    let words: Vec<String> = ["status", "scope"].into_iter().filter_map(word).collect();
    format!("the token is refused:{}", if words.is_empty() { " no reason given".to_owned() } else { words.join(",") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::sasl::base64;

    #[test]
    fn rfc_7628_4() {
        let token = Secret::new(b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==".to_vec());
        // 4.1
        let message = bearer("user@example.com", &token, Some(("server.example.com", 143)));
        assert_eq!(
            base64(message.expose()),
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
        );
        // 4.3
        let said = br#"{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com/.well-known/openid-configuration"}"#;
        assert_eq!(error(said), "the token is refused: status invalid_token, scope example_scope");
        assert_eq!(base64(dummy(true).expose()), "AQ==");
    }

    #[test]
    fn googles_own() {
        let token = Secret::new(b"ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg".to_vec());
        let message = xoauth2("someuser@example.com", &token);
        assert_eq!(
            base64(message.expose()),
            "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="
        );
        let said = br#"{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}"#;
        assert_eq!(error(said), "the token is refused: status 401, scope https://mail.google.com/");
        assert!(dummy(false).expose().is_empty());
    }

    #[test]
    fn an_error_may_be_anything() {
        assert_eq!(error(br#"{"status":400}"#), "the token is refused: status 400");
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        for any in [&b""[..], b"{}", b"[]", b"{\"status\":{}}", b"\xff", &deep] {
            assert!(error(any).starts_with("the token is refused"));
        }
        assert!(error(format!("{{\"status\":\"{}\"}}", "x".repeat(10_000)).as_bytes()).len() < 200);
    }
}
