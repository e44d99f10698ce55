//! SMTP's and LMTP's grammar (RFC 5321, 2033) for both sides: [commands](Command), paths, replies, the EHLO list.
//!
//! Extensions: SIZE (1870), 8BITMIME (6152), PIPELINING (2920), ENHANCEDSTATUSCODES (2034, 3463), AUTH (4954), STARTTLS (3207),
//! SMTPUTF8 (6531), CHUNKING (3030), DSN (3461), DELIVERBY (2852), FUTURERELEASE (4865), MT-PRIORITY (6710), REQUIRETLS (8689),
//! LIMITS (9422). Others are read as names and refused as parameters. BINARYMIME is refused: our files end their lines with LF,
//! so they can't tell a bare LF from a CRLF.

mod command;
pub mod dsn;
mod extension;
mod parameter;
mod queue_id;

pub use command::{AUTH_LINE, BodyType, Command, LINE, Mail, PARAMETER_LINE, Rcpt, Syntax};
pub use extension::{Extensions, FutureRelease, Limits};
pub use parameter::{DeliverBy, Hold, Priority};
pub use queue_id::queue_id;

use std::fmt;

/// A whole reply: three digits and one or more lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The texts, with the enhanced status code in front where there is one.
    pub lines: Vec<String>,
}

impl Reply {
    /// 2xx.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// RFC 5321 4.5.3.1.10: this transaction takes no more recipients, another may.
    #[must_use]
    pub fn is_too_many(&self) -> bool {
        match (self.code, self.enhanced()) {
            (452, None) => true,
            // OpenSMTPD says it with 451.
            (451 | 452, Some(code)) => code == "4.5.3",
            (552, Some(code)) => code == "5.5.3",
            _ => false,
        }
    }

    /// 4xx: later may work.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// The enhanced status code (RFC 3463) that the first line begins with.
    #[must_use]
    pub fn enhanced(&self) -> Option<&str> {
        let word = self.lines.first()?.split(' ').next()?;
        let mut parts = word.split('.');
        let class = parts.next()?.parse::<u16>().ok()?;
        let rest: Vec<_> = parts.collect();
        let digits = |p: &&str| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
        (class == self.code / 100 && rest.len() == 2 && rest.iter().all(digits)).then_some(word)
    }

    /// All lines' texts in one.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text())
    }
}

/// One line of a reply: the code, whether it is the last, the text. `None` if it is none.
#[must_use]
pub fn reply_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let code = std::str::from_utf8(line.get(..3)?).ok()?.parse::<u16>().ok()?;
    if !(200..600).contains(&code) || line.first() == Some(&b'+') {
        return None;
    }
    let (last, text) = match line.get(3..)?.split_first() {
        None => (true, &[][..]),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    Some((code, last, String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        assert_eq!(reply_line(b"250-a b"), Some((250, false, "a b".into())));
        assert_eq!(reply_line(b"354"), Some((354, true, String::new())));
        for bad in [&b"25"[..], b"250x", b"+50 x", b"100 x", b"600 x", b"abc d", b"", b"2500 x"] {
            assert_eq!(reply_line(bad), None, "{bad:?}");
        }
        let r = |code, text: &str| Reply { code, lines: vec![text.into()] };
        assert_eq!(r(550, "5.1.1 no such user").enhanced(), Some("5.1.1"));
        assert_eq!(r(550, "4.1.1 x").enhanced(), None);
        assert_eq!(r(550, "5.1 x").enhanced(), None);
        assert_eq!(r(250, "ok").enhanced(), None);
    }
}
