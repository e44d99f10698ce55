//! SMTP's grammar (RFC 5321) for both sides: commands, paths, replies, the EHLO list.
//!
//! Extensions: SIZE (1870), 8BITMIME (6152), PIPELINING (2920), ENHANCEDSTATUSCODES (2034, 3463), AUTH (4954). Others are
//! read as names and refused as parameters; their grammar comes with them.

use super::mailbox::Mailbox;
use std::fmt;

/// The longest command line that a server reads, CRLF included: 512 (RFC 5321 4.5.3.1.4), with room for AUTH's initial
/// response (RFC 4954 4: 12288).
pub const COMMAND_LINE: usize = 12 * 1024;

/// BODY=, RFC 6152.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyType {
    /// `7BIT`, or nothing was said.
    #[default]
    SevenBit,
    /// `8BITMIME`
    EightBitMime,
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `HELO domain`
    Helo(String),
    /// `EHLO domain-or-literal`
    Ehlo(String),
    /// `MAIL FROM:<path> [parameters]`; `None` is the null path.
    Mail {
        /// Where bounces go.
        from: Option<Mailbox>,
        /// SIZE=, octets in wire form.
        size: Option<u64>,
        /// BODY=
        body: BodyType,
    },
    /// `RCPT TO:<path>`; `Postmaster` without a domain is `None` (RFC 5321 4.1.1.3).
    Rcpt(Option<Mailbox>),
    /// `DATA`
    Data,
    /// `RSET`
    Rset,
    /// `NOOP`
    Noop,
    /// `VRFY word`
    Vrfy(String),
    /// `EXPN word`
    Expn,
    /// `HELP`
    Help,
    /// `QUIT`
    Quit,
    /// `AUTH mechanism [initial-response]`, the response still base64, `=` being an empty one.
    Auth(String, Option<String>),
    /// `STARTTLS`
    StartTls,
}

/// Why a line is no command: the reply that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax(pub u16, pub &'static str, pub &'static str);

const UNKNOWN: Syntax = Syntax(500, "5.5.2", "command not recognized");
const ARGUMENT: Syntax = Syntax(501, "5.5.4", "syntax error in parameters");
const PARAMETER: Syntax = Syntax(555, "5.5.4", "parameter not recognized or not implemented");

impl Command {
    /// Reads a line without its CRLF.
    ///
    /// # Errors
    /// The reply for it.
    pub fn parse(line: &[u8]) -> Result<Command, Syntax> {
        let line = std::str::from_utf8(line).map_err(|_| Syntax(500, "5.5.2", "not UTF-8"))?;
        if crate::text::breaks_line(line) {
            return Err(Syntax(500, "5.5.2", "a control character"));
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_matches(' ');
        let none = |command: Command| if rest.is_empty() { Ok(command) } else { Err(ARGUMENT) };
        let word = || if rest.is_empty() { Err(ARGUMENT) } else { Ok(rest.to_owned()) };
        match verb.to_ascii_uppercase().as_str() {
            "HELO" => Ok(Command::Helo(word()?)),
            "EHLO" => Ok(Command::Ehlo(word()?)),
            "MAIL" => mail(rest),
            "RCPT" => rcpt(rest),
            "DATA" => none(Command::Data),
            "RSET" => none(Command::Rset),
            "NOOP" => Ok(Command::Noop),
            "VRFY" => Ok(Command::Vrfy(word()?)),
            "EXPN" => Ok(Command::Expn),
            "HELP" => Ok(Command::Help),
            "QUIT" => none(Command::Quit),
            "STARTTLS" => none(Command::StartTls),
            "AUTH" => {
                let (mechanism, initial) = rest.split_once(' ').map_or((rest, None), |(m, i)| (m, Some(i.to_owned())));
                if mechanism.is_empty() {
                    return Err(ARGUMENT);
                }
                Ok(Command::Auth(mechanism.to_ascii_uppercase(), initial))
            }
            _ => Err(UNKNOWN),
        }
    }
}

fn prefixed<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    // RFC 5321 3.3 allows no blank after the colon; many clients put one.
    head.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..).unwrap_or_default().trim_start_matches(' '))
}

/// `<path>` and the parameters behind it. `Ok(None)` is `<>`.
fn path(text: &str) -> Result<(Option<&str>, std::str::Split<'_, char>), Syntax> {
    let inner = text.strip_prefix('<').ok_or(ARGUMENT)?;
    let (mut quoted, mut escaped, mut end) = (false, false, None);
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    let end = end.ok_or(ARGUMENT)?;
    let (path, rest) = (inner.get(..end).unwrap_or_default(), inner.get(end + 1..).unwrap_or_default());
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(ARGUMENT);
    }
    let rest = rest.trim_start_matches(' ');
    Ok(((!path.is_empty()).then_some(path), rest.split(' ')))
}

const MAILBOX: Syntax = Syntax(553, "5.1.3", "mailbox name not allowed");

fn mail(rest: &str) -> Result<Command, Syntax> {
    let (from, parameters) = path(prefixed(rest, "FROM:").ok_or(ARGUMENT)?)?;
    let from = from.map(Mailbox::parse).transpose().map_err(|_| Syntax(553, "5.1.7", "sender address not allowed"))?;
    let (mut size, mut body) = (None, BodyType::SevenBit);
    for parameter in parameters.filter(|p| !p.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (name.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            ("SIZE", n) => size = Some(n.parse().map_err(|_| ARGUMENT)?),
            ("BODY", "7BIT") => body = BodyType::SevenBit,
            ("BODY", "8BITMIME") => body = BodyType::EightBitMime,
            // RFC 4954 5: who is not trusted to vouch is not an error.
            ("AUTH", _) => {}
            _ => return Err(PARAMETER),
        }
    }
    Ok(Command::Mail { from, size, body })
}

fn rcpt(rest: &str) -> Result<Command, Syntax> {
    let (to, mut parameters) = path(prefixed(rest, "TO:").ok_or(ARGUMENT)?)?;
    if parameters.any(|p| !p.is_empty()) {
        return Err(PARAMETER);
    }
    let to = to.ok_or(MAILBOX)?;
    if to.eq_ignore_ascii_case("postmaster") {
        return Ok(Command::Rcpt(None));
    }
    Mailbox::parse(to).map(|m| Command::Rcpt(Some(m))).map_err(|_| MAILBOX)
}

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

    fn m(text: &str) -> Option<Mailbox> {
        Some(Mailbox::parse(text).unwrap())
    }

    #[test]
    fn commands() {
        let mail = |from, size, body| Ok(Command::Mail { from, size, body });
        for (line, expect) in [
            ("EHLO a.example", Ok(Command::Ehlo("a.example".into()))),
            ("helo [127.0.0.1]", Ok(Command::Helo("[127.0.0.1]".into()))),
            ("MAIL FROM:<>", mail(None, None, BodyType::SevenBit)),
            ("mail from: <bob@x> SIZE=10 BODY=8bitmime", mail(m("bob@x"), Some(10), BodyType::EightBitMime)),
            ("MAIL FROM:<\"a>b\"@x>", mail(m("\"a>b\"@x"), None, BodyType::SevenBit)),
            ("RCPT TO:<bob@x>", Ok(Command::Rcpt(m("bob@x")))),
            ("RCPT TO:<Postmaster>", Ok(Command::Rcpt(None))),
            ("DATA", Ok(Command::Data)),
            ("QUIT ", Ok(Command::Quit)),
            ("NOOP x y", Ok(Command::Noop)),
            ("AUTH plain AGE=", Ok(Command::Auth("PLAIN".into(), Some("AGE=".into())))),
            ("AUTH LOGIN", Ok(Command::Auth("LOGIN".into(), None))),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), expect, "{line}");
        }
    }

    #[test]
    fn bad_commands_get_their_reply() {
        for (line, code) in [
            ("", 500),
            ("XYZZY", 500),
            ("EHLO", 501),
            ("MAIL", 501),
            ("MAIL FROM:bob@x", 501),
            ("MAIL FROM:<bob@x", 501),
            ("MAIL FROM:<bob>", 553),
            ("MAIL FROM:<b@x> SIZE=x", 501),
            ("MAIL FROM:<b@x> X=1", 555),
            ("RCPT TO:<>", 553),
            ("RCPT TO:<@a,@b:c@d>", 553),
            ("RCPT TO:<b@x>DATA", 501),
            ("DATA x", 501),
            ("AUTH", 501),
            ("NOOP \r DATA", 500),
            ("AUTH PLAIN a\nb", 500),
            ("MAIL FROM:<b@x> SIZE=99999999999999999999999", 501),
            ("RCPT TO:<b@x> NOTIFY=NEVER", 555),
        ] {
            assert_eq!(Command::parse(line.as_bytes()).unwrap_err().0, code, "{line:?}");
        }
        assert_eq!(Command::parse(b"NOOP \xff").unwrap_err().0, 500);
    }

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
