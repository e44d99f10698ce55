//! What a client says.

use super::dsn::{Notify, OriginalRecipient, Ret, to_xtext, xtext};
use super::parameter::{DeliverBy, Hold, Priority};
use crate::proto::mailbox::Mailbox;
use std::fmt;

/// The longest command line, CRLF included (RFC 5321 4.5.3.1.4).
pub const LINE: usize = 512;
/// The same for MAIL and RCPT, whose parameters lengthen it: SIZE by 26, BODY by 17, SMTPUTF8 by 10, RET and ENVID by 116, NOTIFY
/// and ORCPT by 534 (RFC 3461 4.1 and 4.2), BY by 17 (RFC 2852 3), HOLDUNTIL by 34 (RFC 4865 3), MT-PRIORITY by 15 (RFC 6710 3),
/// REQUIRETLS by 11 (RFC 8689 2).
pub const PARAMETER_LINE: usize = 2048;
/// The same for AUTH and for an answer within it (RFC 4954 4: 12288 octets of base64).
pub const AUTH_LINE: usize = 12 * 1024 + 64;

/// BODY=, RFC 6152.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyType {
    /// `7BIT`, or nothing was said.
    #[default]
    SevenBit,
    /// `8BITMIME`
    EightBitMime,
}

/// `MAIL FROM:<path> [parameters]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Where bounces go; `None` is the null path.
    pub from: Option<Mailbox>,
    /// SIZE=, octets in wire form.
    pub size: Option<u64>,
    /// BODY=
    pub body: BodyType,
    /// SMTPUTF8: addresses and header fields may hold UTF-8.
    pub smtputf8: bool,
    /// RET=
    pub ret: Option<Ret>,
    /// ENVID=, decoded: printable ASCII.
    pub envid: Option<String>,
    /// BY=
    pub by: Option<DeliverBy>,
    /// HOLDFOR= or HOLDUNTIL=
    pub hold: Option<Hold>,
    /// MT-PRIORITY=
    pub priority: Option<Priority>,
    /// REQUIRETLS: over verified TLS to the end, or not at all.
    pub require_tls: bool,
}

/// The command, without its CRLF.
impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MAIL FROM:<")?;
        self.from.iter().try_for_each(|from| from.fmt(f))?;
        f.write_str(">")?;
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        if self.body == BodyType::EightBitMime {
            f.write_str(" BODY=8BITMIME")?;
        }
        if self.smtputf8 {
            f.write_str(" SMTPUTF8")?;
        }
        if let Some(ret) = self.ret {
            write!(f, " RET={ret}")?;
        }
        if let Some(envid) = &self.envid {
            write!(f, " ENVID={}", to_xtext(envid))?;
        }
        if let Some(by) = self.by {
            write!(f, " BY={by}")?;
        }
        if let Some(hold) = &self.hold {
            write!(f, " {hold}")?;
        }
        if let Some(priority) = self.priority {
            write!(f, " MT-PRIORITY={priority}")?;
        }
        if self.require_tls {
            f.write_str(" REQUIRETLS")?;
        }
        Ok(())
    }
}

/// `RCPT TO:<path> [parameters]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rcpt {
    /// To whom; `None` is `Postmaster` without a domain (RFC 5321 4.1.1.3).
    pub to: Option<Mailbox>,
    /// NOTIFY=
    pub notify: Option<Notify>,
    /// ORCPT=
    pub orcpt: Option<OriginalRecipient>,
}

/// The command, without its CRLF.
impl fmt::Display for Rcpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Some(to) => write!(f, "RCPT TO:<{to}>")?,
            None => f.write_str("RCPT TO:<Postmaster>")?,
        }
        if let Some(notify) = self.notify {
            write!(f, " NOTIFY={notify}")?;
        }
        if let Some(orcpt) = &self.orcpt {
            write!(f, " ORCPT={}", orcpt.parameter())?;
        }
        Ok(())
    }
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `HELO domain`
    Helo(String),
    /// `EHLO domain-or-literal`
    Ehlo(String),
    /// `LHLO domain-or-literal`, which is LMTP's EHLO
    Lhlo(String),
    /// `MAIL`
    Mail(Mail),
    /// `RCPT`
    Rcpt(Rcpt),
    /// `DATA`
    Data,
    /// `BDAT size [LAST]`: that many octets follow the line.
    Bdat(u64, bool),
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
const MAILBOX: Syntax = Syntax(553, "5.1.3", "mailbox name not allowed");
const SENDER: Syntax = Syntax(553, "5.1.7", "sender address not allowed");
const TOO_LONG: Syntax = Syntax(500, "5.5.2", "line too long");

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
        let verb = verb.to_ascii_uppercase();
        let limit = match verb.as_str() {
            "MAIL" | "RCPT" => PARAMETER_LINE,
            "AUTH" => AUTH_LINE,
            _ => LINE,
        };
        if line.len() + 2 > limit {
            return Err(TOO_LONG);
        }
        let rest = rest.trim_matches(' ');
        let none = |command: Command| if rest.is_empty() { Ok(command) } else { Err(ARGUMENT) };
        let word = || if rest.is_empty() { Err(ARGUMENT) } else { Ok(rest.to_owned()) };
        match verb.as_str() {
            "HELO" => Ok(Command::Helo(word()?)),
            "EHLO" => Ok(Command::Ehlo(word()?)),
            "LHLO" => Ok(Command::Lhlo(word()?)),
            "MAIL" => Ok(Command::Mail(mail(rest)?)),
            "RCPT" => Ok(Command::Rcpt(rcpt(rest)?)),
            "DATA" => none(Command::Data),
            "BDAT" => bdat(rest),
            "RSET" => none(Command::Rset),
            "NOOP" => Ok(Command::Noop),
            "VRFY" => vrfy(rest),
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
fn path(text: &str) -> Result<(Option<&str>, &str), Syntax> {
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
    Ok(((!path.is_empty()).then_some(path), rest))
}

/// The parameters: names in capitals, and values. No name may come twice (RFC 5321 4.1.1.11).
fn parameters(text: &str) -> Result<Vec<(String, Option<&str>)>, Syntax> {
    let mut found: Vec<(String, Option<&str>)> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let name = name.to_ascii_uppercase();
        if found.iter().any(|(other, _)| *other == name) {
            return Err(ARGUMENT);
        }
        found.push((name, value));
    }
    Ok(found)
}

fn mail(rest: &str) -> Result<Mail, Syntax> {
    let (from, behind) = path(prefixed(rest, "FROM:").ok_or(ARGUMENT)?)?;
    let mut mail = Mail { from: from.map(Mailbox::parse).transpose().map_err(|_| SENDER)?, ..Mail::default() };
    for (name, value) in parameters(behind)? {
        match (name.as_str(), value) {
            ("SIZE", Some(n)) if n.bytes().all(|b| b.is_ascii_digit()) => {
                mail.size = Some(n.parse().map_err(|_| ARGUMENT)?);
            }
            ("SIZE", _) => return Err(ARGUMENT),
            ("BODY", Some(kind)) if kind.eq_ignore_ascii_case("7BIT") => mail.body = BodyType::SevenBit,
            ("BODY", Some(kind)) if kind.eq_ignore_ascii_case("8BITMIME") => mail.body = BodyType::EightBitMime,
            ("SMTPUTF8", None) => mail.smtputf8 = true,
            ("RET", Some(ret)) => mail.ret = Some(Ret::parse(ret).ok_or(ARGUMENT)?),
            ("ENVID", Some(id)) if !id.is_empty() && id.len() <= 100 => mail.envid = Some(xtext(id).ok_or(ARGUMENT)?),
            ("ENVID", _) => return Err(ARGUMENT),
            ("BY", Some(by)) => mail.by = Some(DeliverBy::parse(by).ok_or(ARGUMENT)?),
            ("HOLDFOR" | "HOLDUNTIL", _) if mail.hold.is_some() => return Err(ARGUMENT),
            ("HOLDFOR", Some(n)) if n.len() <= 9 && n.bytes().all(|b| b.is_ascii_digit()) => {
                mail.hold = Some(n.parse().ok().and_then(Hold::for_seconds).ok_or(ARGUMENT)?);
            }
            ("HOLDFOR", _) => return Err(ARGUMENT),
            ("HOLDUNTIL", Some(date)) => mail.hold = Some(Hold::until(date).ok_or(ARGUMENT)?),
            ("MT-PRIORITY", Some(level)) => mail.priority = Some(Priority::parse(level).ok_or(ARGUMENT)?),
            ("REQUIRETLS", None) => mail.require_tls = true,
            // RFC 4954 5: who is not trusted to vouch is not an error.
            ("AUTH", Some(_)) => {}
            _ => return Err(PARAMETER),
        }
    }
    Ok(mail)
}

fn rcpt(rest: &str) -> Result<Rcpt, Syntax> {
    let (to, behind) = path(prefixed(rest, "TO:").ok_or(ARGUMENT)?)?;
    let to = to.ok_or(MAILBOX)?;
    let postmaster = to.eq_ignore_ascii_case("postmaster");
    let to = if postmaster { None } else { Some(Mailbox::parse(to).map_err(|_| MAILBOX)?) };
    let mut rcpt = Rcpt { to, ..Rcpt::default() };
    for (name, value) in parameters(behind)? {
        match (name.as_str(), value) {
            ("NOTIFY", Some(when)) => rcpt.notify = Some(Notify::parse(when).ok_or(ARGUMENT)?),
            ("ORCPT", Some(original)) => rcpt.orcpt = Some(OriginalRecipient::parse(original).ok_or(ARGUMENT)?),
            _ => return Err(PARAMETER),
        }
    }
    Ok(rcpt)
}

fn bdat(rest: &str) -> Result<Command, Syntax> {
    let (size, last) = rest.split_once(' ').map_or((rest, ""), |(size, last)| (size, last.trim_start_matches(' ')));
    let digits = size.bytes().all(|b| b.is_ascii_digit());
    let size = if digits { size.parse().map_err(|_| ARGUMENT)? } else { return Err(ARGUMENT) };
    match last {
        "" => Ok(Command::Bdat(size, false)),
        last if last.eq_ignore_ascii_case("LAST") => Ok(Command::Bdat(size, true)),
        _ => Err(ARGUMENT),
    }
}

/// RFC 6531 3.7.4.2: what is not ASCII must be announced.
fn vrfy(rest: &str) -> Result<Command, Syntax> {
    let announced = rest.rsplit_once(' ').filter(|(_, word)| word.eq_ignore_ascii_case("SMTPUTF8"));
    let word = announced.map_or(rest, |(word, _)| word.trim_end_matches(' '));
    if word.is_empty() {
        return Err(ARGUMENT);
    }
    if announced.is_none() && !word.is_ascii() {
        return Err(Syntax(553, "5.6.7", "SMTPUTF8 is needed for that"));
    }
    Ok(Command::Vrfy(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn m(text: &str) -> Option<Mailbox> {
        Some(Mailbox::parse(text).unwrap())
    }

    #[test]
    fn commands() {
        let mail = |from, size, body| Ok(Command::Mail(Mail { from, size, body, ..Mail::default() }));
        let rcpt = |to| Ok(Command::Rcpt(Rcpt { to, ..Rcpt::default() }));
        for (line, expect) in [
            ("EHLO a.example", Ok(Command::Ehlo("a.example".into()))),
            ("helo [127.0.0.1]", Ok(Command::Helo("[127.0.0.1]".into()))),
            ("lhlo x", Ok(Command::Lhlo("x".into()))),
            ("MAIL FROM:<>", mail(None, None, BodyType::SevenBit)),
            ("mail from: <bob@x> SIZE=10 BODY=8bitmime", mail(m("bob@x"), Some(10), BodyType::EightBitMime)),
            ("MAIL FROM:<\"a>b\"@x>", mail(m("\"a>b\"@x"), None, BodyType::SevenBit)),
            ("MAIL FROM:<bob@x> AUTH=<>", mail(m("bob@x"), None, BodyType::SevenBit)),
            ("RCPT TO:<bob@x>", rcpt(m("bob@x"))),
            ("RCPT TO:<Postmaster>", rcpt(None)),
            ("DATA", Ok(Command::Data)),
            ("BDAT 86 LAST", Ok(Command::Bdat(86, true))),
            ("bdat 0 last", Ok(Command::Bdat(0, true))),
            ("BDAT 18446744073709551615", Ok(Command::Bdat(u64::MAX, false))),
            ("QUIT ", Ok(Command::Quit)),
            ("NOOP x y", Ok(Command::Noop)),
            ("VRFY jürgen SMTPUTF8", Ok(Command::Vrfy("jürgen".into()))),
            ("VRFY bob", Ok(Command::Vrfy("bob".into()))),
            ("AUTH plain AGE=", Ok(Command::Auth("PLAIN".into(), Some("AGE=".into())))),
            ("AUTH LOGIN", Ok(Command::Auth("LOGIN".into(), None))),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), expect, "{line}");
        }
    }

    #[test]
    fn what_the_sender_wants_to_hear() {
        // RFC 3461 10.2
        let line = "MAIL FROM:<Alice@Pure-Heart.ORG> RET=HDRS ENVID=QQ314159";
        let Ok(Command::Mail(mail)) = Command::parse(line.as_bytes()) else { panic!("{line}") };
        assert_eq!((mail.ret, mail.envid.as_deref()), (Some(Ret::Headers), Some("QQ314159")));
        let line = "RCPT TO:<Bob@Big-Bucks.COM> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob@Big-Bucks.COM";
        let Ok(Command::Rcpt(rcpt)) = Command::parse(line.as_bytes()) else { panic!("{line}") };
        assert_eq!(rcpt.notify, Some(Notify { success: true, failure: true, delay: false }));
        assert_eq!(rcpt.orcpt.unwrap().to_string(), "rfc822; Bob@Big-Bucks.COM");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for line in [
            "MAIL FROM:<> SIZE=12 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+2Bb+20c BY=120;R HOLDFOR=60 MT-PRIORITY=-3 REQUIRETLS",
            "MAIL FROM:<bob@x> HOLDUNTIL=2026-12-01T08:00:00Z MT-PRIORITY=9",
            "RCPT TO:<\"a b\"@x> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@x",
            "RCPT TO:<Postmaster> NOTIFY=NEVER",
            "RCPT TO:<j\u{fc}rgen@x> ORCPT=utf-8;j\u{fc}rgen@x",
        ] {
            let written = match Command::parse(line.as_bytes()) {
                Ok(Command::Mail(mail)) => mail.to_string(),
                Ok(Command::Rcpt(rcpt)) => rcpt.to_string(),
                other => panic!("{line}: {other:?}"),
            };
            assert_eq!(written, line);
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
            ("MAIL FROM:<b@x> SIZE=+1", 501),
            ("MAIL FROM:<b@x> SIZE=1 size=2", 501),
            ("MAIL FROM:<b@x> X=1", 555),
            ("MAIL FROM:<b@x> BODY=BINARYMIME", 555),
            ("MAIL FROM:<b@x> SMTPUTF8=yes", 555),
            ("MAIL FROM:<b@x> RET=SOME", 501),
            ("MAIL FROM:<b@x> ENVID=", 501),
            ("MAIL FROM:<b@x> ENVID=a+0A", 501),
            ("MAIL FROM:<b@x> BY=0;R", 501),
            ("MAIL FROM:<b@x> HOLDFOR=1 HOLDUNTIL=2026-12-01T08:00:00Z", 501),
            ("MAIL FROM:<b@x> HOLDFOR=0", 501),
            ("MAIL FROM:<b@x> MT-PRIORITY=10", 501),
            ("MAIL FROM:<b@x> REQUIRETLS=1", 555),
            ("RCPT TO:<>", 553),
            ("RCPT TO:<@a,@b:c@d>", 553),
            ("RCPT TO:<b@x>DATA", 501),
            ("RCPT TO:<b@x> NOTIFY=NEVER,DELAY", 501),
            ("RCPT TO:<b@x> ORCPT=b@x", 501),
            ("RCPT TO:<b@x> SIZE=1", 555),
            ("DATA x", 501),
            ("BDAT", 501),
            ("BDAT x", 501),
            ("BDAT -1", 501),
            ("BDAT +1", 501),
            ("BDAT 1 FIRST", 501),
            ("BDAT 18446744073709551616 LAST", 501),
            ("AUTH", 501),
            ("NOOP \r DATA", 500),
            ("AUTH PLAIN a\nb", 500),
            ("MAIL FROM:<b@x> SIZE=99999999999999999999999", 501),
            ("VRFY jürgen", 553),
        ] {
            assert_eq!(Command::parse(line.as_bytes()).unwrap_err().0, code, "{line:?}");
        }
        assert_eq!(Command::parse(b"NOOP \xff").unwrap_err().0, 500);
    }

    #[test]
    fn lines_have_their_limits() {
        for (start, limit) in [("NOOP ", LINE), ("MAIL FROM:<", PARAMETER_LINE), ("AUTH PLAIN ", AUTH_LINE)] {
            let line = |length: usize| format!("{start}{}", "x".repeat(length - start.len()));
            assert_ne!(Command::parse(line(limit - 2).as_bytes()), Err(TOO_LONG), "{start}");
            assert_eq!(Command::parse(line(limit - 1).as_bytes()), Err(TOO_LONG), "{start}");
        }
    }
}
