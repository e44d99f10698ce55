//! POP3's grammar (RFC 1939, CAPA of 2449) for both sides.

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `CAPA`
    Capa,
    /// `USER name`
    User(String),
    /// `PASS string`: all behind the first blank, blanks included (RFC 1939 7).
    Pass(Vec<u8>),
    /// `AUTH [mechanism [initial-response]]` (RFC 5034)
    Auth(Option<String>, Option<String>),
    /// `APOP name digest` (RFC 1939 7), the digest in hexadecimal.
    Apop(String, String),
    /// `STAT`
    Stat,
    /// `LIST [msg]`
    List(Option<u32>),
    /// `UIDL [msg]`
    Uidl(Option<u32>),
    /// `RETR msg`
    Retr(u32),
    /// `TOP msg n`
    Top(u32, u64),
    /// `DELE msg`
    Dele(u32),
    /// `NOOP`
    Noop,
    /// `RSET`
    Rset,
    /// `QUIT`
    Quit,
    /// `STLS`
    Stls,
    /// `UTF8` (RFC 6856 2)
    Utf8,
    /// `LANG [tag]` (RFC 6856 3)
    Lang(Option<String>),
}

impl Command {
    /// Reads a line without its CRLF.
    ///
    /// # Errors
    /// What is wrong, for the -ERR.
    pub fn parse(line: &[u8]) -> Result<Command, &'static str> {
        let (verb, rest) = match line.iter().position(|b| *b == b' ') {
            Some(at) => (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default()),
            None => (line, &[][..]),
        };
        let verb = verb.to_ascii_uppercase();
        if verb == b"PASS" {
            return Ok(Command::Pass(rest.to_vec()));
        }
        let rest = std::str::from_utf8(rest).map_err(|_| "not UTF-8")?;
        let mut words = rest.split(' ').filter(|w| !w.is_empty());
        let number = |word: Option<&str>| match word {
            Some(w) => w.parse::<u32>().ok().filter(|n| *n > 0).map(Some).ok_or("not a message number"),
            None => Ok(None),
        };
        let need = |n: Option<u32>| n.ok_or("a message number is missing");
        let command = match verb.as_slice() {
            b"CAPA" => Command::Capa,
            b"USER" => {
                return match rest {
                    "" => Err("a name is missing"),
                    name => Ok(Command::User(name.to_owned())),
                };
            }
            b"AUTH" => Command::Auth(words.next().map(str::to_ascii_uppercase), words.next().map(str::to_owned)),
            b"APOP" => {
                let (Some(name), Some(digest)) = (words.next(), words.next()) else {
                    return Err("a name or a digest is missing");
                };
                Command::Apop(name.to_owned(), digest.to_ascii_lowercase())
            }
            b"STAT" => Command::Stat,
            b"LIST" => Command::List(number(words.next())?),
            b"UIDL" => Command::Uidl(number(words.next())?),
            b"RETR" => Command::Retr(need(number(words.next())?)?),
            b"TOP" => {
                let message = need(number(words.next())?)?;
                let lines = words.next().ok_or("a number of lines is missing")?;
                Command::Top(message, lines.parse().map_err(|_| "not a number of lines")?)
            }
            b"DELE" => Command::Dele(need(number(words.next())?)?),
            b"NOOP" => Command::Noop,
            b"RSET" => Command::Rset,
            b"QUIT" => Command::Quit,
            b"STLS" => Command::Stls,
            b"UTF8" => Command::Utf8,
            b"LANG" => Command::Lang(words.next().map(str::to_ascii_lowercase)),
            _ => return Err("unknown command"),
        };
        if words.next().is_some() { Err("too many arguments") } else { Ok(command) }
    }
}

/// A status line: `+OK` or `-ERR`, with its response code (RFC 2449 8) if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `+OK`
    pub ok: bool,
    /// `IN-USE`, `LOGIN-DELAY`, `AUTH`, `SYS/TEMP`, `SYS/PERM`, ...: in capitals, without brackets.
    pub code: Option<String>,
    /// The text, with the code.
    pub text: String,
}

impl Status {
    /// Reads a line without its CRLF. `None` if it is no status line.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Status> {
        let line = String::from_utf8_lossy(line);
        let (word, text) = line.split_once(' ').unwrap_or((&line, ""));
        let ok = match word {
            "+OK" => true,
            "-ERR" => false,
            _ => return None,
        };
        let code = text.strip_prefix('[').and_then(|t| t.split_once(']')).map(|(code, _)| code.to_ascii_uppercase());
        Some(Status { ok, code, text: text.trim_end().to_owned() })
    }
}

/// What a server offers, RFC 2449.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `PIPELINING`
    pub pipelining: bool,
    /// `TOP`
    pub top: bool,
    /// `UIDL`
    pub uidl: bool,
    /// `USER`
    pub user: bool,
    /// `STLS`
    pub stls: bool,
    /// `UTF8`
    pub utf8: bool,
    /// `SASL ...`, in capitals.
    pub sasl: Vec<String>,
    /// `RESP-CODES`
    pub resp_codes: bool,
    /// `LOGIN-DELAY`: seconds that must lie between two logins; `None` also where a server says that it is none (Cyrus: 0).
    pub login_delay: Option<u64>,
    /// `EXPIRE`: how long messages stay on the server.
    pub expire: Option<Expire>,
}

/// How long a server keeps messages, RFC 2449 6.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expire {
    /// For good.
    Never,
    /// So many days at least; 0: what was retrieved goes at the end of the session.
    Days(u32),
}

impl Capabilities {
    /// Takes in one line of the list.
    pub fn read(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("PIPELINING") => self.pipelining = true,
            Some("TOP") => self.top = true,
            Some("UIDL") => self.uidl = true,
            Some("USER") => self.user = true,
            Some("STLS") => self.stls = true,
            Some("UTF8") => self.utf8 = true,
            Some("RESP-CODES") => self.resp_codes = true,
            Some("LOGIN-DELAY") => self.login_delay = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0),
            Some("EXPIRE") => {
                self.expire = match words.next() {
                    Some("NEVER") => Some(Expire::Never),
                    days => days.and_then(|n| n.parse().ok()).map(Expire::Days),
                }
            }
            Some("SASL") => self.sasl = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
}

/// `number rest` of a LIST or UIDL line. `None` if it does not begin with a number.
#[must_use]
pub fn numbered(line: &[u8]) -> Option<(u32, &[u8])> {
    let at = line.iter().position(|b| *b == b' ')?;
    let number = std::str::from_utf8(line.get(..at)?).ok()?.parse().ok()?;
    let rest = line.get(at + 1..)?;
    Some((number, rest.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        for (line, expect) in [
            ("stat", Ok(Command::Stat)),
            ("USER a b", Ok(Command::User("a b".into()))),
            ("PASS  x ", Ok(Command::Pass(b" x ".to_vec()))),
            ("APOP bob C4C9", Ok(Command::Apop("bob".into(), "c4c9".into()))),
            ("APOP bob", Err("a name or a digest is missing")),
            ("APOP a b c", Err("too many arguments")),
            ("LIST", Ok(Command::List(None))),
            ("LIST 3", Ok(Command::List(Some(3)))),
            ("TOP 1 10", Ok(Command::Top(1, 10))),
            ("RETR", Err("a message number is missing")),
            ("RETR 0", Err("not a message number")),
            ("RETR 99999999999", Err("not a message number")),
            ("DELE 1 2", Err("too many arguments")),
            ("UTF8", Ok(Command::Utf8)),
            ("LANG", Ok(Command::Lang(None))),
            ("lang MUL", Ok(Command::Lang(Some("mul".into())))),
            ("UTF8 x", Err("too many arguments")),
            ("TOP 1 -1", Err("not a number of lines")),
            ("GET / HTTP/1.1", Err("unknown command")),
            ("", Err("unknown command")),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), expect, "{line}");
        }
    }

    #[test]
    fn capabilities() {
        let mut caps = Capabilities::default();
        for line in ["expire never", "LOGIN-DELAY 900", "X", "sasl plain xoauth2", "EXPIRE"] {
            caps.read(line.as_bytes());
        }
        assert_eq!(
            (caps.login_delay, caps.expire, caps.sasl),
            (Some(900), None, vec!["PLAIN".into(), "XOAUTH2".into()])
        );
        let mut caps = Capabilities::default();
        caps.read(b"EXPIRE 0 USER");
        caps.read(b"LOGIN-DELAY 0");
        assert_eq!((caps.login_delay, caps.expire), (None, Some(Expire::Days(0))));
    }

    #[test]
    fn answers() {
        let s = Status::parse(b"-ERR [in-use] busy").unwrap();
        assert!(!s.ok && s.code.as_deref() == Some("IN-USE") && s.text == "[in-use] busy");
        assert_eq!(Status::parse(b"+OK").unwrap().text, "");
        for bad in [&b"OK"[..], b"+ok x", b"", b"+OKAY", b"220 x"] {
            assert!(Status::parse(bad).is_none());
        }
        assert_eq!(numbered(b"12 abc def"), Some((12, &b"abc def"[..])));
        assert_eq!(numbered(b"x 1"), None);
        assert_eq!(numbered(b"99999999999 1"), None);
    }
}
