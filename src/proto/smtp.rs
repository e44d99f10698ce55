//! SMTP's and LMTP's grammar (RFC 5321, 2033) for both sides: [commands](Command), paths, replies, the EHLO list.
//!
//! Extensions: SIZE (1870), 8BITMIME (6152), PIPELINING (2920), ENHANCEDSTATUSCODES (2034, 3463), AUTH (4954), STARTTLS (3207),
//! SMTPUTF8 (6531), CHUNKING (3030), DSN (3461). Others are read as names and refused as parameters; their grammar comes with
//! them. BINARYMIME is refused: our files end their lines with LF, so they can't tell a bare LF from a CRLF.

mod command;
pub mod dsn;
mod queue_id;

pub use command::{AUTH_LINE, BodyType, Command, LINE, Mail, PARAMETER_LINE, Rcpt, Syntax};
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

/// What a server offers in its answer to EHLO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 1870; `Some(0)` is offered without a limit.
    pub size: Option<u64>,
    /// RFC 4954: mechanisms, in capitals.
    pub auth: Vec<String>,
}

impl Extensions {
    /// From the lines of the reply, of which the first is the greeting.
    #[must_use]
    pub fn read(lines: &[String]) -> Extensions {
        let mut found = Extensions::default();
        for line in lines.iter().skip(1) {
            let mut words = line.split([' ', '=']);
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "PIPELINING" => found.pipelining = true,
                "8BITMIME" => found.eight_bit_mime = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "STARTTLS" => found.starttls = true,
                "SIZE" => found.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                // "AUTH=" is an old way to say it that some servers add.
                "AUTH" => {
                    for mechanism in words.map(str::to_ascii_uppercase) {
                        if !mechanism.is_empty() && !found.auth.contains(&mechanism) {
                            found.auth.push(mechanism);
                        }
                    }
                }
                _ => {}
            }
        }
        found
    }
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

    #[test]
    fn the_ehlo_list() {
        let lines: Vec<String> =
            ["x", "SIZE 1000", "auth=PLAIN", "AUTH LOGIN plain", "Pipelining", "8BITMIME", "X-FOO"]
                .map(String::from)
                .to_vec();
        let e = Extensions::read(&lines);
        assert!(e.pipelining && e.eight_bit_mime && !e.starttls);
        assert_eq!((e.size, e.auth), (Some(1000), vec!["PLAIN".into(), "LOGIN".into()]));
    }
}
