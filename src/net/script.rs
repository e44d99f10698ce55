//! The transcript player: a dialogue in the format of pipepost-trace(5) is a test, for a client (we play the server) and
//! for a server session (we play the client).
//!
//! ```text
//! # key: value                 what the test needs to know (run, exit, ...)
//! S: +OK ready                 a line with CRLF; \xNN, \\ and $name inside; a \ at the end: no CRLF
//! C: PASS ***                  *** matches anything; $name binds at first sight and must match from then on
//! S: == 1000 bytes             a body of that many bytes, `x` in lines of 70 (as the other side's: any bytes)
//! S: == 1000 bytes of ab\x00   the same, but these bytes again and again
//! == close | == hangup | == stall | == split 1 | == pause 300 | == done
//! ```
//!
//! Lines of ours that follow each other leave in one write, as a peer's do that answers a flight.

use super::trace::Side;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::time::Duration;

/// A parsed transcript.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The `# key: value` lines, in order.
    pub head: Vec<(String, String)>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody says a line. `exact` (`S!`): the text counts too when a server of ours is compared with it.
    Says {
        /// Who.
        side: Side,
        /// What, in pieces.
        line: Vec<Piece>,
        /// Whether every byte counts.
        exact: bool,
    },
    /// Somebody sends a body.
    Body {
        /// Who.
        side: Side,
        /// How many bytes.
        size: u64,
        /// Which, over and over; empty for lines of `x`.
        of: Vec<u8>,
    },
    /// The connection is closed.
    Close,
    /// The other side closes it, without another word.
    HangUp,
    /// Nothing is said any more, until the other side gives up, whatever it says meanwhile.
    Stall,
    /// From here on the peer's bytes come in pieces of this size.
    Split(usize),
    /// Silence for a while.
    Pause(Duration),
    /// From here on the outcome is decided: a cut may be a success.
    Done,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// `***`: any bytes.
    Any,
    /// `$name`: what it was bound to, or, at first sight, a word that it is bound to now.
    Name(String),
}

impl Script {
    /// Reads the format.
    ///
    /// # Errors
    /// The first line that is none, with its number.
    pub fn parse(text: &str) -> Result<Script, String> {
        let mut script = Script::default();
        for (number, line) in text.lines().enumerate() {
            let wrong = |why: &str| format!("line {}: {why}: {line}", number + 1);
            let step = if let Some(comment) = line.strip_prefix('#') {
                let key_only = comment.strip_suffix(':').map(|key| (key, ""));
                if let Some((key, value)) = comment.split_once(": ").or(key_only) {
                    script.head.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                continue;
            } else if line.trim().is_empty() {
                continue;
            } else if let Some(event) = line.strip_prefix("== ") {
                match event.split_once(' ').map_or((event, ""), |(word, rest)| (word, rest)) {
                    ("close", _) => Step::Close,
                    ("hangup", _) => Step::HangUp,
                    ("stall", _) => Step::Stall,
                    ("pause", n) => Step::Pause(Duration::from_millis(n.parse().map_err(|_| wrong("no number"))?)),
                    ("done", _) => Step::Done,
                    ("split", n) => Step::Split(n.parse().map_err(|_| wrong("no number"))?),
                    ("tls", _) => return Err(wrong("TLS is not replayed: leave out what comes before it")),
                    _ => return Err(wrong("unknown event")),
                }
            } else {
                let (side, exact, rest) = match line.get(..2).zip(line.get(2..)) {
                    Some(("S:", rest)) => (Side::Server, false, rest),
                    Some(("S!", rest)) => (Side::Server, true, rest),
                    Some(("C:", rest)) => (Side::Client, false, rest),
                    _ => return Err(wrong("neither C:, S:, S!, == nor #")),
                };
                let rest = rest.strip_prefix(' ').unwrap_or(rest);
                match rest.strip_prefix("== ").and_then(|r| r.split_once(" bytes")) {
                    Some((size, of)) => {
                        let of = unescape(of.trim_start_matches(" of ")).ok_or_else(|| wrong("a bad escape"))?;
                        Step::Body { side, size: size.parse().map_err(|_| wrong("no number"))?, of }
                    }
                    None => Step::Says { side, line: pieces(rest).ok_or_else(|| wrong("a bad escape"))?, exact },
                }
            };
            script.steps.push(step);
        }
        Ok(script)
    }

    /// The value of the first `# key: value` line.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.head.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// The values of all `# key: value` lines, in order.
    pub fn all<'s>(&'s self, key: &'s str) -> impl Iterator<Item = &'s str> {
        self.head.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// How many steps are `side`'s words: the places where [`Mode::cut_after`] can cut.
    #[must_use]
    pub fn said_by(&self, side: Side) -> usize {
        let by = |step: &&Step| matches!(step, Step::Says { side: s, .. } | Step::Body { side: s, .. } if *s == side);
        self.steps.iter().filter(by).count()
    }
}

/// A text with `\xNN`, `\\` and `\n` in it; `None` if an escape is none of them.
#[must_use]
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut parts = text.split('\\');
    out.extend_from_slice(parts.next()?.as_bytes());
    while let Some(part) = parts.next() {
        let rest = match part.chars().next() {
            None => {
                // `\\`: what is between the two is empty, what follows is plain.
                out.push(b'\\');
                parts.next()?
            }
            Some('n') => {
                out.push(b'\n');
                part.get(1..)?
            }
            Some('x') => {
                out.push(u8::from_str_radix(part.get(1..3)?, 16).ok()?);
                part.get(3..)?
            }
            Some(_) => return None,
        };
        out.extend_from_slice(rest.as_bytes());
    }
    Some(out)
}

fn pieces(text: &str) -> Option<Vec<Piece>> {
    // Of an even number of backslashes each two are one of the text.
    let crlf = (text.len() - text.trim_end_matches('\\').len()).is_multiple_of(2);
    let text = if crlf { text } else { text.strip_suffix('\\').unwrap_or(text) };
    let mut out = Vec::new();
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("***") {
            out.push(Piece::Bytes(std::mem::take(&mut bytes)));
            out.push(Piece::Any);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("\\\\") {
            bytes.push(b'\\');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("\\x") {
            bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
            rest = after.get(2..)?;
        } else if c == '\\' {
            return None;
        } else if let Some(after) = rest.strip_prefix('$') {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            if name.is_empty() {
                return None;
            }
            out.push(Piece::Bytes(std::mem::take(&mut bytes)));
            out.push(Piece::Name(name.to_owned()));
            rest = after;
        } else {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = rest.get(c.len_utf8()..)?;
        }
    }
    if crlf {
        bytes.extend_from_slice(b"\r\n");
    }
    out.push(Piece::Bytes(bytes));
    out.retain(|p| !matches!(p, Piece::Bytes(b) if b.is_empty()));
    Some(out)
}

/// How a transcript is played.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// Our bytes go out one by one.
    pub byte_by_byte: bool,
    /// The connection is closed after this many of our steps.
    pub cut_after: Option<usize>,
}

/// How a play ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All steps were played.
    Whole,
    /// The cut came where [`Mode::cut_after`] said; `done`: after `== done`.
    Cut {
        /// Whether the outcome was decided by then.
        done: bool,
    },
    /// The other side hung up.
    HungUp,
    /// The other side said something else: what was expected, and what came.
    Differs(String),
}

/// Plays one side of a script over a blocking stream.
pub struct Player<'s> {
    script: &'s Script,
    us: Side,
    names: HashMap<String, Vec<u8>>,
    /// When our server is compared: how much of an expected line must agree with what came, if not all.
    agrees: fn(expected: &[u8], came: &[u8]) -> bool,
}

impl<'s> Player<'s> {
    /// Plays the server of `script` for a client.
    #[must_use]
    pub fn server(script: &'s Script) -> Player<'s> {
        Player { script, us: Side::Server, names: HashMap::new(), agrees: |a, b| a == b }
    }

    /// Plays the client of `script` for a server; lines without `S!` need only `agrees`.
    #[must_use]
    pub fn client(script: &'s Script, agrees: fn(&[u8], &[u8]) -> bool) -> Player<'s> {
        Player { script, us: Side::Client, names: HashMap::new(), agrees }
    }

    /// Binds a name beforehand.
    pub fn bind(&mut self, name: &str, value: &[u8]) {
        self.names.insert(name.to_owned(), value.to_vec());
    }

    /// Plays. The stream should have a read time-out.
    ///
    /// # Errors
    /// The stream's, but for a peer that hangs up, which is [`End::HungUp`].
    pub fn play<S: Read + Write>(&mut self, io: &mut S, mode: Mode) -> io::Result<End> {
        let mut split = if mode.byte_by_byte { 1 } else { usize::MAX };
        let mut input = Input { io, ahead: Vec::new() };
        let (mut ours, mut done, mut flight, mut gone) = (0, false, Vec::new(), false);
        for step in &self.script.steps {
            let mine = matches!(step, Step::Says { side, .. } | Step::Body { side, .. } if *side == self.us);
            if mine && mode.cut_after == Some(ours) {
                gone = gone || !input.send(&mut flight, split)?;
                return Ok(if gone { End::HungUp } else { End::Cut { done } });
            }
            match step {
                Step::Says { line, .. } if mine => {
                    ours += 1;
                    flight.extend_from_slice(&self.render(line));
                    continue;
                }
                Step::Body { size, of, .. } if mine => {
                    ours += 1;
                    for piece in filler(*size, of) {
                        flight.extend_from_slice(&piece);
                        if flight.len() >= PIECE && !gone {
                            gone = !input.send(&mut flight, split.max(PIECE))?;
                        }
                        if gone {
                            break;
                        }
                    }
                    continue;
                }
                Step::Done => {
                    done = true;
                    continue;
                }
                _ => {}
            }
            gone = gone || !input.send(&mut flight, split)?;
            if gone && *step != Step::HangUp {
                return Ok(End::HungUp);
            }
            match step {
                Step::Says { line, exact, .. } => {
                    let Some(came) = input.line()? else { return Ok(End::HungUp) };
                    if !self.matches(line, &came, *exact) {
                        return Ok(differs(&self.render(line), &came));
                    }
                }
                Step::Body { size, .. } => {
                    if !input.skip(*size)? {
                        return Ok(End::HungUp);
                    }
                }
                Step::Close => return Ok(End::Whole),
                Step::HangUp => {
                    if let Some(came) = input.line()? {
                        return Ok(differs(b"the end of the connection", &came));
                    }
                }
                Step::Stall => {
                    while input.line()?.is_some() {}
                    return Ok(End::HungUp);
                }
                Step::Split(n) => split = (*n).max(1),
                Step::Pause(time) => std::thread::sleep(*time),
                Step::Done => {}
            }
        }
        Ok(match input.send(&mut flight, split)? {
            _ if gone => End::Whole,
            // Who has said the last word need not wait for ours.
            false if done => End::Whole,
            false => End::HungUp,
            true if input.ahead.is_empty() => End::Whole,
            true => differs(b"the end of the transcript", &input.ahead),
        })
    }

    fn render(&self, line: &[Piece]) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in line {
            match piece {
                Piece::Bytes(b) => out.extend_from_slice(b),
                Piece::Any => out.extend_from_slice(b"***"),
                Piece::Name(name) => match self.names.get(name) {
                    Some(value) => out.extend_from_slice(value),
                    None => out.extend_from_slice(format!("${name}").as_bytes()),
                },
            }
        }
        out
    }

    fn matches(&mut self, line: &[Piece], came: &[u8], exact: bool) -> bool {
        let mut names = self.names.clone();
        if matches_from(line, came, &mut names) {
            self.names = names;
            return true;
        }
        !exact && (self.agrees)(&self.render(line), came)
    }
}

fn matches_from(line: &[Piece], came: &[u8], names: &mut HashMap<String, Vec<u8>>) -> bool {
    let Some((first, rest)) = line.split_first() else { return came.is_empty() };
    match first {
        Piece::Bytes(b) => came.strip_prefix(b.as_slice()).is_some_and(|came| matches_from(rest, came, names)),
        Piece::Any => (0..=came.len()).any(|n| came.get(n..).is_some_and(|came| matches_from(rest, came, names))),
        Piece::Name(name) => {
            if let Some(value) = names.get(name).cloned() {
                return came.strip_prefix(value.as_slice()).is_some_and(|came| matches_from(rest, came, names));
            }
            let end = came.iter().position(|b| b" \r\n()<>{}[]\"".contains(b)).unwrap_or(came.len());
            let (word, came) = came.split_at(end);
            names.insert(name.clone(), word.to_vec());
            matches_from(rest, came, names)
        }
    }
}

/// Bodies leave in pieces of this size, byte by byte or not: they may be gigabytes.
const PIECE: usize = 16 * 1024;

fn filler(size: u64, of: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let line = [&[b'x'; 68][..], b"\r\n"].concat();
    let unit = if of.is_empty() { line } else { of.to_vec() };
    let unit = unit.repeat(1 + PIECE / 2 / unit.len().max(1));
    let mut left = size;
    std::iter::from_fn(move || {
        let piece: Vec<u8> = unit.iter().copied().take(usize::try_from(left).unwrap_or(usize::MAX)).collect();
        left -= piece.len() as u64;
        (!piece.is_empty()).then_some(piece)
    })
}

fn differs(expected: &[u8], came: &[u8]) -> End {
    let text = String::from_utf8_lossy;
    End::Differs(format!("expected {:?}, came {:?}", text(expected), text(came)))
}

fn hung_up(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted)
}

struct Input<'i, S> {
    io: &'i mut S,
    ahead: Vec<u8>,
}

impl<S: Read + Write> Input<'_, S> {
    /// Sends what is to be sent, in pieces of at most `split`. False: the other side has hung up.
    fn send(&mut self, flight: &mut Vec<u8>, split: usize) -> io::Result<bool> {
        for piece in std::mem::take(flight).chunks(split) {
            match self.io.write_all(piece).and_then(|()| self.io.flush()) {
                Err(e) if hung_up(&e) => return Ok(false),
                other => other?,
            }
        }
        Ok(true)
    }

    fn more(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.io.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(n) => {
                self.ahead.extend_from_slice(buffer.get(..n).unwrap_or_default());
                Ok(true)
            }
            Err(e) if hung_up(&e) => Ok(false),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(e) => Err(e),
        }
    }

    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.ahead.iter().position(|b| *b == b'\n') {
                return Ok(Some(self.ahead.drain(..=at).collect()));
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    fn skip(&mut self, n: u64) -> io::Result<bool> {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        while self.ahead.len() < n {
            if !self.more()? {
                return Ok(false);
            }
        }
        self.ahead.drain(..n);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn talk(script: &str, says: &'static [u8], mode: Mode) -> (End, Vec<u8>) {
        let script = Script::parse(script).unwrap();
        let (mut a, mut b) = UnixStream::pair().unwrap();
        let client = std::thread::spawn(move || {
            b.write_all(says).unwrap();
            b.shutdown(std::net::Shutdown::Write).unwrap();
            let mut heard = Vec::new();
            let _ = b.read_to_end(&mut heard);
            heard
        });
        let end = Player::server(&script).play(&mut a, mode).unwrap();
        drop(a);
        (end, client.join().unwrap())
    }

    #[test]
    fn plays_binds_and_compares() {
        let script = "# run: x\nS: +OK \\x41\\\\\nC: $t LOGIN ***\nS: $t OK\nS: == 5 bytes\n== done\nC: QUIT\n";
        let (end, heard) = talk(script, b"a7 LOGIN bob x\r\nQUIT\r\n", Mode::default());
        assert_eq!((end, heard.as_slice()), (End::Whole, &b"+OK A\\\r\na7 OK\r\nxxxxx"[..]));
        let (end, heard) = talk(script, b"a7 LOGIN bob x\r\nQUIT\r\n", Mode { byte_by_byte: true, cut_after: Some(1) });
        assert_eq!((end, heard.as_slice()), (End::Cut { done: false }, &b"+OK A\\\r\n"[..]));
        let (end, _) = talk(script, b"a7 NOOP\r\n", Mode::default());
        assert!(matches!(end, End::Differs(_)));
        let (end, _) = talk(script, b"", Mode::default());
        assert_eq!(end, End::HungUp);
    }

    #[test]
    fn backslashes_at_the_end_are_counted() {
        for (text, bytes) in [("a\\\\", &b"a\\\r\n"[..]), ("a\\\\\\", b"a\\"), ("a\\", b"a"), ("\\", b"")] {
            let found = pieces(text).unwrap();
            let one = [Piece::Bytes(bytes.to_vec())];
            assert_eq!(found, if bytes.is_empty() { &[][..] } else { &one[..] }, "{text}");
        }
    }

    #[test]
    fn the_end_counts_too() {
        let (end, heard) = talk("C: A\n== hangup\n", b"A\r\n", Mode::default());
        assert_eq!((end, heard), (End::Whole, Vec::new()));
        for script in ["C: A\n", "C: A\n== hangup\n"] {
            assert!(matches!(talk(script, b"A\r\nB\r\n", Mode::default()).0, End::Differs(_)), "{script}");
        }
        let (_, heard) = talk("S: == 5 bytes of ab\\x00\\\\\n", b"", Mode { byte_by_byte: true, ..Mode::default() });
        assert_eq!(heard, b"ab\0\\a");
        assert_eq!(unescape("a\\nb\\\\nc").unwrap(), b"a\nb\\nc");
    }

    #[test]
    fn bad_scripts_name_their_line() {
        for bad in ["X: y", "S: \\q", "== nothing", "S: \\x4", "C: $ x", "S: == 5 bytes of \\q", "== pause x"] {
            assert!(Script::parse(&format!("# a: b\n{bad}\n")).unwrap_err().starts_with("line 2: "), "{bad}");
        }
    }
}
