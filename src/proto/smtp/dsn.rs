//! Delivery status notifications that a client asks for, RFC 3461: RET and ENVID of MAIL, NOTIFY and ORCPT of RCPT.

use std::fmt;

/// RET=, how much of the message comes back with a failure (RFC 3461 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// `FULL`
    Full,
    /// `HDRS`
    Headers,
}

impl Ret {
    /// `FULL` or `HDRS`, in any case.
    #[must_use]
    pub fn parse(value: &str) -> Option<Ret> {
        match value.to_ascii_uppercase().as_str() {
            "FULL" => Some(Ret::Full),
            "HDRS" => Some(Ret::Headers),
            _ => None,
        }
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Ret::Full { "FULL" } else { "HDRS" })
    }
}

/// NOTIFY=, when to tell the sender (RFC 3461 4.1). All three false is `NEVER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// It was delivered.
    pub success: bool,
    /// It will not be.
    pub failure: bool,
    /// It takes longer.
    pub delay: bool,
}

impl Notify {
    /// `NEVER`, or some of `SUCCESS,FAILURE,DELAY`, in any case.
    #[must_use]
    pub fn parse(value: &str) -> Option<Notify> {
        let mut notify = Notify::default();
        if value.eq_ignore_ascii_case("NEVER") {
            return Some(notify);
        }
        for word in value.split(',') {
            match word.to_ascii_uppercase().as_str() {
                "SUCCESS" => notify.success = true,
                "FAILURE" => notify.failure = true,
                "DELAY" => notify.delay = true,
                _ => return None,
            }
        }
        Some(notify)
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (word, said) in [("SUCCESS", self.success), ("FAILURE", self.failure), ("DELAY", self.delay)] {
            if said {
                write!(f, "{between}{word}")?;
                between = ",";
            }
        }
        if between.is_empty() { f.write_str("NEVER") } else { Ok(()) }
    }
}

/// ORCPT=, whom the sender named at first (RFC 3461 4.2, RFC 6533 3 for the type `utf-8`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRecipient {
    kind: String,
    address: String,
}

impl OriginalRecipient {
    /// `type;xtext`, at most 500 characters.
    pub(super) fn parse(value: &str) -> Option<OriginalRecipient> {
        let (kind, address) = value.split_once(';')?;
        // An atom of RFC 5322 with nothing in it that would need quotes in a header.
        let atom = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !atom || address.is_empty() || value.len() > 500 {
            return None;
        }
        let plain = |c: char| !c.is_ascii_control() && !crate::text::is_unsafe(c) && c != ' ' && c != '=';
        let address = if kind.eq_ignore_ascii_case("utf-8") {
            address.chars().all(plain).then(|| address.to_owned())?
        } else {
            xtext(address)?
        };
        Some(OriginalRecipient { kind: kind.to_owned(), address })
    }

    /// The recipient that the sender names, RFC 3461 4.2 and RFC 6533 3. `None`: too long, or with something in it that can't
    /// be said.
    #[must_use]
    pub fn of(address: &str) -> Option<OriginalRecipient> {
        let kind = if address.is_ascii() { "rfc822" } else { "utf-8" };
        let original = OriginalRecipient { kind: kind.to_owned(), address: address.to_owned() };
        OriginalRecipient::parse(&original.parameter()).filter(|read| *read == original)
    }

    /// What its [`Display`](fmt::Display) has written: `rfc822; bob@example.org`. `None`: it is none that a parameter can say.
    #[must_use]
    pub fn from_field(field: &str) -> Option<OriginalRecipient> {
        let (kind, address) = field.split_once("; ")?;
        let original = OriginalRecipient { kind: kind.to_owned(), address: address.to_owned() };
        OriginalRecipient::parse(&original.parameter()).filter(|read| *read == original)
    }

    /// The value of the parameter.
    pub(super) fn parameter(&self) -> String {
        let plain = self.kind.eq_ignore_ascii_case("utf-8");
        let address = if plain { self.address.clone() } else { to_xtext(&self.address) };
        format!("{};{address}", self.kind)
    }

    /// Whether SMTPUTF8 is not needed to say it.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.address.is_ascii()
    }
}

/// As in the field `Original-Recipient` (RFC 8098 2.3): `rfc822; bob@example.org`.
impl fmt::Display for OriginalRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.kind, self.address)
    }
}

/// Decodes xtext (RFC 3461 4): printable ASCII and blanks behind it, or it is refused.
pub(super) fn xtext(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        let decoded = match b {
            b'+' => {
                let digit = |b: u8| char::from(b).to_digit(16).filter(|_| !b.is_ascii_lowercase());
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'!'..=b'~' if b != b'=' => b,
            _ => return None,
        };
        if !matches!(decoded, b' '..=b'~') {
            return None;
        }
        out.push(char::from(decoded));
    }
    Some(out)
}

/// Encodes printable ASCII and blanks as xtext.
pub(super) fn to_xtext(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '+' | '=' | ' ' => out.push_str(&format!("+{:02X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Whether ENVID can say it: 1 to 100 characters of xtext.
#[must_use]
pub fn is_envid(text: &str) -> bool {
    let encoded = to_xtext(text);
    (1..=100).contains(&encoded.len()) && xtext(&encoded).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_identifiers_and_originals() {
        assert!(is_envid("QQ314159 a+b=c"));
        for bad in ["", "a\nb", "\u{fc}", &"+".repeat(34)] {
            assert!(!is_envid(bad), "{bad:?}");
        }
        let parameter = |text: &str| OriginalRecipient::of(text).map(|o| o.parameter());
        assert_eq!(parameter("a+b@x").as_deref(), Some("rfc822;a+2Bb@x"));
        assert_eq!(parameter("j\u{fc}@x").as_deref(), Some("utf-8;j\u{fc}@x"));
        assert_eq!((parameter("a\nb@x"), parameter(&"a".repeat(501))), (None, None));
    }

    #[test]
    fn xtext_is_strict() {
        assert_eq!(xtext("QQ314159").as_deref(), Some("QQ314159"));
        assert_eq!(xtext("a+2Bb+20c+3D").as_deref(), Some("a+b c="));
        for bad in ["a=b", "a b", "+", "+2", "+2b", "+0A", "+0D+0ABcc:x", "ü", "+C3+BC", "\x1b"] {
            assert_eq!(xtext(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn when_to_notify() {
        assert_eq!(Notify::parse("never"), Some(Notify::default()));
        assert_eq!(Notify::parse("SUCCESS,delay"), Some(Notify { success: true, failure: false, delay: true }));
        for bad in ["", "NEVER,SUCCESS", "SUCCESS,", "ALWAYS"] {
            assert_eq!(Notify::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn original_recipients() {
        let shown = |text: &str| OriginalRecipient::parse(text).map(|o| o.to_string());
        assert_eq!(shown("rfc822;Carol@Ivory.EDU").as_deref(), Some("rfc822; Carol@Ivory.EDU"));
        assert_eq!(shown("utf-8;j\\x{FC}rgen@x").as_deref(), Some("utf-8; j\\x{FC}rgen@x"));
        assert_eq!(shown("utf-8;jürgen@x").as_deref(), Some("utf-8; jürgen@x"));
        for bad in ["bob@x", "rfc822;", ";bob@x", "rfc822;b+0Ax", "a b;c", "utf-8;a\u{202e}b", "rfc822;ü@x"] {
            assert_eq!(shown(bad), None, "{bad:?}");
        }
        for field in ["rfc822; Carol@Ivory.EDU", "utf-8; jürgen@x", "rfc822; a+b=c d@x"] {
            assert_eq!(OriginalRecipient::from_field(field).unwrap().to_string(), field);
        }
        for bad in ["rfc822", "rfc822;a@x", "rfc822; ", "rfc822; a\nb", "rfc822; ü@x", "; x"] {
            assert_eq!(OriginalRecipient::from_field(bad), None, "{bad:?}");
        }
        assert_eq!(shown(&format!("rfc822;{}", "a".repeat(500))), None);
    }
}
