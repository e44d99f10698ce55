//! SASLprep (RFC 4013): names and passwords that look alike become the same bytes before they are hashed.

use crate::secret::Secret;
use std::borrow::Cow;

/// A name in its prepared form; one that has none (controls, unassigned characters) stays as it is.
#[must_use]
pub(super) fn name(text: &str) -> Cow<'_, str> {
    stringprep::saslprep(text).unwrap_or(Cow::Borrowed(text))
}

/// A password in its prepared form. One that has none, or is not UTF-8, counts as its bytes, as with PostgreSQL: who chose it
/// must be able to log in.
#[must_use]
pub(super) fn password(password: &Secret) -> Secret {
    match std::str::from_utf8(password.expose()).map(stringprep::saslprep) {
        Ok(Ok(Cow::Owned(prepared))) => Secret::new(prepared.into_bytes()),
        _ => password.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4013_3() {
        for (text, prepared) in
            [("I\u{ad}X", "IX"), ("user", "user"), ("USER", "USER"), ("\u{aa}", "a"), ("\u{2168}", "IX")]
        {
            assert_eq!(name(text), prepared);
            assert!(password(&Secret::new(text.as_bytes().to_vec())).same(prepared.as_bytes()));
        }
        // Prohibited characters, mixed directions, and no UTF-8.
        for bytes in [&b"\x07"[..], "\u{627}\u{31}".as_bytes(), b"\xff"] {
            assert!(password(&Secret::new(bytes.to_vec())).same(bytes));
        }
    }
}
