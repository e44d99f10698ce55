//! The transcript player: a dialogue in the format of pipepost-trace(5) is a test, for a client (we play the server) and
//! for a server session (we play the client).
//!
//! ```text
//! # key: value                 what the test needs to know (run, exit, ...)
//! S: +OK ready                 a line with CRLF; \xNN, \\ and $name inside; a \ at the end: no CRLF
//! C: PASS ***                  *** matches anything; $name binds at first sight and must match from then on
//! S: == 1000 bytes             a body of that many bytes, `x` in lines of 70 (as C: any bytes)
//! == close | == stall | == split 1 | == done
//! ```

use super::trace::Side;
use std::collections::HashMap;
use std::io::{self, Read, Write};

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
    /// Somebody sends a body of this many bytes.
    Body(Side, u64),
    /// The connection is closed.
    Close,
    /// Nothing is said any more, until the other side gives up.
    Stall,
    /// From here on the peer's bytes come in pieces of this size.
    Split(usize),
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
                if let Some((key, value)) = comment.split_once(": ") {
                    script.head.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                continue;
            } else if line.trim().is_empty() {
                continue;
            } else if let Some(event) = line.strip_prefix("== ") {
                match event.split_once(' ').map_or((event, ""), |(word, rest)| (word, rest)) {
                    ("close", _) => Step::Close,
                    ("stall", _) => Step::Stall,
                    ("done", _) => Step::Done,
                    ("split", n) => Step::Split(n.parse().map_err(|_| wrong("no number"))?),
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
                match rest.strip_prefix("== ").and_then(|r| r.strip_suffix(" bytes")) {
                    Some(n) => Step::Body(side, n.parse().map_err(|_| wrong("no number"))?),
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
        let (mut ours, mut done) = (0, false);
        for step in &self.script.steps {
            let mine = match step {
                Step::Says { side, line, .. } if *side == self.us => Some(self.render(line)),
                Step::Body(side, n) if *side == self.us => Some(filler(*n)),
                _ => None,
            };
            if let Some(bytes) = mine {
                if mode.cut_after == Some(ours) {
                    return Ok(End::Cut { done });
                }
                ours += 1;
                for piece in bytes.chunks(split) {
                    match input.io.write_all(piece).and_then(|()| input.io.flush()) {
                        Err(e) if hung_up(&e) => return Ok(End::HungUp),
                        other => other?,
                    }
                }
                continue;
            }
            match step {
                Step::Says { line, exact, .. } => {
                    let Some(came) = input.line()? else { return Ok(End::HungUp) };
                    if !self.matches(line, &came, *exact) {
                        let expected = String::from_utf8_lossy(&self.render(line)).into_owned();
                        return Ok(End::Differs(format!(
                            "expected {expected:?}, came {:?}",
                            String::from_utf8_lossy(&came)
                        )));
                    }
                }
                Step::Body(_, n) => {
                    if !input.skip(*n)? {
                        return Ok(End::HungUp);
                    }
                }
                Step::Close => return Ok(End::Whole),
                Step::Stall => {
                    while input.line()?.is_some() {}
                    return Ok(End::HungUp);
                }
                Step::Split(n) => split = (*n).max(1),
                Step::Done => done = true,
            }
        }
        Ok(End::Whole)
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

fn filler(n: u64) -> Vec<u8> {
    let line = [&[b'x'; 68][..], b"\r\n"].concat();
    line.iter().copied().cycle().take(usize::try_from(n).unwrap_or(0)).collect()
}

fn hung_up(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted)
}

struct Input<'i, S> {
    io: &'i mut S,
    ahead: Vec<u8>,
}

impl<S: Read> Input<'_, S> {
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
    fn bad_scripts_name_their_line() {
        for bad in ["X: y", "S: \\q", "== nothing", "S: \\x4", "C: $ x"] {
            assert!(Script::parse(&format!("# a: b\n{bad}\n")).unwrap_err().starts_with("line 2: "), "{bad}");
        }
    }
}
