//! [`Mailbox`]: `local-part@domain` of an envelope, RFC 5321 4.1.2, with UTF-8 (RFC 6531 3.3).

use crate::text::domain::to_ascii;
use std::fmt;

/// An address as SMTP carries it. Both parts are checked: no control characters, no line breaks, within the limits of RFC 5321
/// 4.5.3.1 (64 and 255 octets).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    local: String,
    domain: String,
}

impl Mailbox {
    /// Reads `local@domain`, `"quoted local"@domain`, `local@[192.0.2.1]`; no angle brackets, no comments, no routes.
    ///
    /// # Errors
    /// Why it is none, in a few words.
    pub fn parse(text: &str) -> Result<Mailbox, &'static str> {
        let (local, domain) = match text.strip_prefix('"') {
            Some(rest) => {
                let mut local = String::new();
                let mut chars = rest.char_indices();
                let end = loop {
                    match chars.next().ok_or("a quoted local part without its end")? {
                        (at, '"') => break at,
                        (_, '\\') => local.push(chars.next().ok_or("a quoted local part without its end")?.1),
                        (_, c) => local.push(c),
                    }
                };
                let after = rest.get(end + 1..).unwrap_or_default();
                (local, after.strip_prefix('@').ok_or("no @ after the quoted local part")?)
            }
            None => {
                let (local, domain) = text.split_once('@').ok_or("no @")?;
                (local.to_owned(), domain)
            }
        };
        Mailbox::new(local, domain, text.starts_with('"'))
    }

    fn new(local: String, domain: &str, quoted: bool) -> Result<Mailbox, &'static str> {
        if local.chars().any(char::is_control) {
            return Err("a control character");
        }
        if !quoted && !is_dot_string(&local) {
            return Err(if local.is_empty() { "an empty local part" } else { "a local part that would need quotes" });
        }
        if local.len() > 64 {
            return Err("a local part of over 64 bytes");
        }
        if !is_domain(domain) {
            return Err(if domain.is_empty() { "an empty domain" } else { "a domain that is none" });
        }
        Ok(Mailbox { local, domain: domain.to_owned() })
    }

    /// The local part, without quotes.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain, or an address literal with its brackets.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The same with A-labels in its domain (RFC 5890), for those who know no SMTPUTF8. `None`: its local part is beyond ASCII,
    /// or its domain is none of IDNA.
    #[must_use]
    pub fn to_ascii(&self) -> Option<Mailbox> {
        if !self.local.is_ascii() {
            return None;
        }
        let domain = to_ascii(&self.domain)?;
        is_domain(&domain).then(|| Mailbox { local: self.local.clone(), domain })
    }

    /// Whether all of it is ASCII, so that SMTPUTF8 is not needed.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.local) {
            f.write_str(&self.local)?;
        } else {
            f.write_str("\"")?;
            for c in self.local.chars() {
                if matches!(c, '"' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
            f.write_str("\"")?;
        }
        write!(f, "@{}", self.domain)
    }
}

fn is_dot_string(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// atext of RFC 5322 3.2.3 and every character beyond ASCII that is not a control (RFC 6532 3.2).
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !crate::text::is_unsafe(c))
}

/// A domain of RFC 5321 4.1.2 (underscores allowed, hosts have them; no dot at the end) or an address literal.
#[must_use]
pub fn is_domain(text: &str) -> bool {
    if let Some(literal) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let v6 = literal.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
        return if v6 {
            literal.get(5..).is_some_and(|a| a.parse::<std::net::Ipv6Addr>().is_ok())
        } else {
            literal.parse::<std::net::Ipv4Addr>().is_ok()
        };
    }
    let label = |label: &str| {
        let ok = |c: char| {
            c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && c.is_alphanumeric()) || is_mark(c)
        };
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(ok)
    };
    text.len() <= 255 && text.split('.').all(label)
}

/// Combining marks and joiners of IDNA labels that `is_alphanumeric` leaves out.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace() && !crate::text::is_unsafe(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ones_come_back_as_they_were() {
        for text in [
            "bob@example.org",
            "b.o+b@localhost",
            "\"a b\"@example.org",
            "\"a\\\"@\\\\\"@example.org",
            "bob@[127.0.0.1]",
            "bob@[IPv6:::1]",
            "jürgen@bücher.example",
            "a%b@c",
        ] {
            assert_eq!(Mailbox::parse(text).map(|m| m.to_string()), Ok(text.to_owned()));
        }
        let m = Mailbox::parse("\"bob\"@example.org").unwrap();
        assert_eq!((m.local(), m.domain(), m.to_string().as_str()), ("bob", "example.org", "bob@example.org"));
    }

    #[test]
    fn bad_ones_say_why() {
        for text in [
            "",
            "bob",
            "@x",
            "bob@",
            "bob@@x",
            "a b@x",
            "bob@x y",
            "bob@x.",
            "bob@.x",
            ".bob@x",
            "bob.@x",
            "b..b@x",
            "<bob@x>",
            "bob@[127.0.0.300]",
            "bob@[x]",
            "\"bob@x",
            "\"bob\"x@y",
            "bob@x\r\nDATA",
            "\"a\nb\"@x",
            "\"a\0b\"@x",
            "bob@-x",
        ] {
            assert!(Mailbox::parse(text).is_err(), "{text:?}");
        }
        assert!(Mailbox::parse(&format!("{}@x", "a".repeat(65))).is_err());
        assert!(Mailbox::parse(&format!("a@{}", "a.".repeat(200) + "a")).is_err());
    }
}
