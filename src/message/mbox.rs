//! [`Mbox`]: the messages of an mbox stream, or the one message that a stream is.
//!
//! A message starts with a `From ` line: the first line, or a line after an empty one that has a time and a year in it, so
//! that "From the desk of Bob" in a text that nobody quoted starts none. The empty line before the next `From ` line is no part of
//! the message. Which lines have lost a `From ` to quoting, and whether Content-Length says how long a body is, differs
//! ([`Variant`]). A length after which there is neither the end nor a `From ` line is an error: nobody knows then what is whose.
//! Left out: MMDF.

mod length;
mod survey;

pub use survey::{Doubt, Survey, Verdict};

use crate::body::Body;
use crate::error::{Error, Result};
use crate::text::chomp;
use length::Length;
use memchr::{memchr, memmem, memrchr};
use std::sync::LazyLock;

/// A longer line is no `From ` line, and after so many `>` none is looked for.
const MAX_LINE: usize = 1000;

/// The kinds of mbox, as mbox(5) of qmail names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// mboxrd: lines of `>`s and `From ` have one `>` too many.
    #[default]
    Rd,
    /// mboxo: `>From ` was `From `, and nothing else was changed.
    O,
    /// mboxcl: as mboxo, and Content-Length has the length of the body, if it is there.
    Cl,
    /// mboxcl2: Content-Length has it, and no line is quoted.
    Cl2,
}

impl std::str::FromStr for Variant {
    type Err = String;

    fn from_str(text: &str) -> Result<Variant, String> {
        let all = [Variant::Rd, Variant::O, Variant::Cl, Variant::Cl2];
        let found = all.into_iter().find(|variant| variant.word() == text);
        found.ok_or_else(|| "there are rd, o, cl and cl2".to_owned())
    }
}

impl Variant {
    /// As it is written: `rd`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Variant::Rd => "rd",
            Variant::O => "o",
            Variant::Cl => "cl",
            Variant::Cl2 => "cl2",
        }
    }

    /// Whether a line has one `>` too many.
    fn is_quoted(self, line: &[u8]) -> bool {
        match self {
            Variant::Rd => is_quoted(line),
            Variant::O | Variant::Cl => line.starts_with(b">From "),
            Variant::Cl2 => false,
        }
    }
}

/// A stream of messages. [`Mbox::next_message`] goes to the next one; then the mbox itself is the [`Body`] of that message.
pub struct Mbox<B> {
    from: B,
    /// Input, of which everything before `start` is dealt with.
    input: Vec<u8>,
    start: usize,
    out: Vec<u8>,
    /// An empty line of which the next line decides whether it is part of the message.
    empty: Vec<u8>,
    kind: Option<Kind>,
    from_line: Vec<u8>,
    line_start: bool,
    ended: bool,
    message: At,
    variant: Variant,
    length: Length,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mbox,
    One,
}

/// Where we are in the current message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// None has begun, or the `From ` line of the next one has been read.
    Before,
    Inside,
    /// Behind a body whose length was known.
    Behind,
    End,
}

impl<B: Body> Mbox<B> {
    /// Reads `from` as an mbox (mboxrd) if its first line starts with `From `, else as one message.
    pub fn new(from: B) -> Mbox<B> {
        Mbox::of(from, Variant::Rd)
    }

    /// The same for another kind of mbox.
    pub fn of(from: B, variant: Variant) -> Mbox<B> {
        Mbox {
            from,
            input: Vec::new(),
            start: 0,
            out: Vec::new(),
            empty: Vec::new(),
            kind: None,
            from_line: Vec::new(),
            line_start: true,
            ended: false,
            message: At::Before,
            variant,
            length: Length::Unsaid,
        }
    }

    /// Whether it is an mbox; known after the first [`Mbox::next_message`].
    pub fn is_mbox(&self) -> bool {
        self.kind == Some(Kind::Mbox)
    }

    /// The `From ` line of the current message, without its line end; empty outside an mbox.
    pub fn from_line(&self) -> &[u8] {
        &self.from_line
    }

    /// Goes to the next message, past what is left of this one; `false` is the end. No bytes at all are no message.
    ///
    /// # Errors
    /// Those of the source; 65: a Content-Length can't be right.
    pub fn next_message(&mut self) -> Result<bool> {
        if self.kind.is_none() {
            while self.rest().len() < 5 && self.more()? {}
            if self.rest().is_empty() {
                return Ok(false);
            }
            let mbox = self.rest().starts_with(b"From ");
            while mbox && memchr(b'\n', self.rest()).is_none() && self.rest().len() <= MAX_LINE && self.more()? {}
            let end = memchr(b'\n', self.rest()).map_or(self.rest().len(), |lf| lf + 1);
            if !mbox || end > MAX_LINE {
                self.kind = Some(Kind::One);
                self.message = At::Inside;
                return Ok(true);
            }
            self.kind = Some(Kind::Mbox);
            self.begin(end);
        }
        self.skip()?;
        if self.message == At::End {
            return Ok(false);
        }
        self.message = At::Inside;
        Ok(true)
    }

    fn rest(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }

    /// The first `len` bytes of the rest are a `From ` line.
    fn begin(&mut self, len: usize) {
        self.from_line = chomp(self.rest().get(..len).unwrap_or_default()).to_vec();
        self.start += len;
        self.message = At::Before;
        self.line_start = true;
        self.length = Length::begin(self.variant);
    }

    fn more(&mut self) -> Result<bool> {
        self.input.drain(..self.start);
        self.start = 0;
        let piece = self.from.chunk()?;
        self.input.extend_from_slice(piece);
        self.ended |= piece.is_empty();
        Ok(!self.ended)
    }

    /// How many bytes of the rest are as they are in the message.
    fn unchanged(&self) -> usize {
        let looks = self.message == At::Inside && self.line_start && self.empty.is_empty();
        if looks && matches!(self.length, Length::Unsaid) { plain(self.rest()) } else { 0 }
    }

    /// Moves whole lines from the rest to the output; stops behind a `From ` line, or where more input is needed.
    fn lines(&mut self) {
        while self.message == At::Inside
            && let Some(rest) = self.input.get(self.start..).filter(|rest| !rest.is_empty())
        {
            if !matches!(self.length, Length::Unsaid) {
                if !self.counted() {
                    return;
                }
                continue;
            }
            if self.line_start
                && let Some(lines) = rest.get(..plain(rest)).filter(|lines| !lines.is_empty())
            {
                self.out.append(&mut self.empty);
                self.out.extend_from_slice(lines);
                self.start += lines.len();
                continue;
            }
            let lf = memchr(b'\n', rest).map(|lf| lf + 1);
            let line = rest.get(..lf.unwrap_or(rest.len())).unwrap_or(rest);
            let len = line.len();
            if self.line_start {
                if lf.is_none() && !self.ended && undecided(line) {
                    return;
                }
                if matches!(line, b"\n" | b"\r\n") {
                    self.out.append(&mut self.empty);
                    self.empty.extend_from_slice(line);
                    self.start += len;
                    continue;
                }
                if !self.empty.is_empty() && is_from_line(line) {
                    self.empty.clear();
                    return self.begin(len);
                }
                self.out.append(&mut self.empty);
            }
            let quoted = self.line_start && self.variant.is_quoted(line);
            self.out.extend_from_slice(if quoted { line.get(1..).unwrap_or_default() } else { line });
            self.line_start = lf.is_some();
            self.start += len;
        }
    }
}

impl<B: Body> Body for Mbox<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.out.clear();
        if self.kind == Some(Kind::One) && self.message == At::Inside {
            if self.rest().is_empty() {
                let piece = self.from.chunk()?;
                if piece.is_empty() {
                    self.message = At::End;
                }
                return Ok(piece);
            }
            let start = std::mem::replace(&mut self.start, self.input.len());
            return Ok(self.input.get(start..).unwrap_or_default());
        }
        while self.out.is_empty() && matches!(self.message, At::Inside | At::Behind) {
            if self.message == At::Behind {
                self.behind()?;
                continue;
            }
            let unchanged = self.unchanged();
            if unchanged > 0 {
                // Most of it need not be copied.
                let start = self.start;
                self.start = start.saturating_add(unchanged);
                return Ok(self.input.get(start..self.start).unwrap_or_default());
            }
            self.lines();
            if let (true, Length::Wrong(why)) = (self.out.is_empty(), self.length) {
                self.wrong(why)?;
            }
            if self.out.is_empty() && self.message == At::Inside && !self.more()? {
                self.lines();
                if self.out.is_empty() {
                    self.no_more()?;
                }
                // The empty line that ends an mbox is no part of its last message.
                self.empty.clear();
                if self.out.is_empty() && self.message == At::Inside {
                    self.message = At::End;
                }
            }
        }
        Ok(&self.out)
    }
}

static FROM: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"From "));

/// How many bytes are whole lines without `From `, the last of which is not empty: nothing has to be known of them.
fn plain(rest: &[u8]) -> usize {
    let before = rest.get(..FROM.find(rest).unwrap_or(rest.len())).unwrap_or_default();
    let end = memrchr(b'\n', before).map_or(0, |lf| lf + 1);
    let lines = before.get(..end).unwrap_or_default();
    let empty = [&b"\n"[..], b"\r\n"].into_iter().filter_map(|empty| lines.strip_suffix(empty));
    let ended = |lines: &&[u8]| lines.is_empty() || lines.ends_with(b"\n");
    empty.filter(ended).map(<[u8]>::len).min().unwrap_or(end)
}

/// Whether the beginning of a line leaves open what it is.
fn undecided(line: &[u8]) -> bool {
    let unquoted = line.iter().position(|b| *b != b'>').map_or(&[][..], |at| line.get(at..).unwrap_or_default());
    let from = b"From ";
    let maybe_from = unquoted.starts_with(from) || from.starts_with(unquoted);
    line == b"\r" || (line.len() <= MAX_LINE && maybe_from)
}

/// In a line that is longer than [`MAX_LINE`] no more than that is looked at: the rest may not be here yet.
fn is_quoted(line: &[u8]) -> bool {
    let line = line.get(..MAX_LINE).unwrap_or(line);
    let quotes = line.iter().take_while(|b| **b == b'>').count();
    quotes > 0 && line.get(quotes..).is_some_and(|rest| rest.starts_with(b"From "))
}

/// Whether it has what asctime(3) writes: a time and a year.
fn is_from_line(line: &[u8]) -> bool {
    if !line.starts_with(b"From ") || line.len() > MAX_LINE {
        return false;
    }
    let mut words = line.split(|b| b.is_ascii_whitespace());
    let digits = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
    let time = |word: &[u8]| {
        word.len() >= 4
            && word.contains(&b':')
            && word.split(|b| *b == b':').all(|n| (1..3).contains(&n.len()) && digits(n))
    };
    words.any(time) && line.split(|b| b.is_ascii_whitespace()).any(|word| word.len() == 4 && digits(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Steps<'a>(&'a [u8], usize);
    impl Body for Steps<'_> {
        fn chunk(&mut self) -> Result<&[u8]> {
            let (now, rest) = self.0.split_at(self.1.min(self.0.len()));
            self.0 = rest;
            Ok(now)
        }
    }

    fn messages(text: &str, step: usize) -> Vec<String> {
        let mut mbox = Mbox::new(Steps(text.as_bytes(), step));
        let mut all = Vec::new();
        while mbox.next_message().unwrap() {
            all.push(String::from_utf8(mbox.whole(10_000_000).unwrap().unwrap()).unwrap());
        }
        assert!(!mbox.next_message().unwrap());
        all
    }

    const F: &str = "From a@b Sun Nov 22 22:16:00 2026\n";

    #[test]
    fn messages_of_many_shapes() {
        for (text, expect) in [
            (String::new(), vec![]),
            ("A: b\n\nFrom x\n>From y\n\n".into(), vec!["A: b\n\nFrom x\n>From y\n\n"]),
            (format!("{F}A: b\n\nx\n\n{F}A: c\n\ny\n\n"), vec!["A: b\n\nx\n", "A: c\n\ny\n"]),
            (
                format!("{F}A: b\n\n>From x\n>>From y\n> From\nFrom z\n\nFrom the desk\n"),
                vec!["A: b\n\nFrom x\n>From y\n> From\nFrom z\n\nFrom the desk\n"],
            ),
            (format!("{F}\n\n\n\n{F}"), vec!["\n\n\n", ""]),
            (format!("From x\r\nA: b\r\n\r\n{}", F.replace('\n', "\r\n")), vec!["A: b\r\n", ""]),
            (format!("{F}x"), vec!["x"]),
            ("From x".into(), vec![""]),
            (format!("{F}A: b\n\nFr"), vec!["A: b\n\nFr"]),
        ] {
            for step in [1, 2, 7, 1000] {
                assert_eq!(messages(&text, step), expect, "{text:?} {step}");
            }
        }
        let mut mbox = Mbox::new(F.as_bytes());
        assert!(mbox.next_message().unwrap() && mbox.is_mbox());
        assert_eq!(mbox.from_line(), F.trim_end().as_bytes());
    }

    #[test]
    fn messages_may_be_passed_over() {
        let text = format!("{F}A: b\n\nx\n\n{F}A: c\n");
        let mut mbox = Mbox::new(text.as_bytes());
        assert!(mbox.next_message().unwrap());
        assert!(mbox.next_message().unwrap());
        assert_eq!(mbox.whole(100).unwrap().unwrap(), b"A: c\n");
        assert!(!mbox.next_message().unwrap());
    }

    #[test]
    fn the_longest_from_line() {
        for (spaces, count) in [(MAX_LINE - F.len(), 2), (MAX_LINE - F.len() + 1, 1)] {
            let long = F.replacen(' ', &" ".repeat(spaces + 1), 1);
            let first = format!("{long}A: b\n\n{F}A: c\n");
            let second = format!("{F}A: b\n\n{long}A: c\n");
            let quoted = format!("{F}{}From x\n", ">".repeat(MAX_LINE - 6 + count));
            for step in [1, 7, 999, 10_000] {
                assert_eq!(messages(&first, step).len(), count, "{step}");
                assert_eq!(messages(&second, step).len(), count, "{step}");
                assert_eq!(messages(&quoted, step)[0].len(), MAX_LINE + 3 - count % 2 * 2, "{step} {count}");
            }
        }
    }

    #[test]
    fn large_ones_take_linear_time() {
        let many = format!("{F}A: b\n\n{}\n", ">From \n\n".repeat(300_000));
        assert_eq!(messages(&many, 32_768).len(), 1);
        let split = format!("{F}\n").repeat(50_000);
        assert_eq!(messages(&split, 32_768).len(), 50_000);
        assert_eq!(messages(&format!("{F}{}", ">".repeat(1_000_000)), 4096)[0].len(), 1_000_000);
    }

    proptest! {
        #[test]
        fn a_written_mboxrd_is_read_again(bodies in proptest::collection::vec(proptest::collection::vec(prop_oneof![
            Just("From x Sun Nov 22 22:16:00 2026"), Just(">From y"), Just(""), Just("text"), Just("From"), Just(">"),
        ], 0..6), 1..4), step in 1usize..40) {
            let mut text = String::new();
            let mut expect = Vec::new();
            for body in &bodies {
                text.push_str(F);
                for line in body {
                    let quote = if line.trim_start_matches('>').starts_with("From ") { ">" } else { "" };
                    text.push_str(&format!("{quote}{line}\n"));
                }
                text.push('\n');
                expect.push(body.iter().map(|line| format!("{line}\n")).collect::<String>());
            }
            prop_assert_eq!(messages(&text, step), expect);
        }
    }
}
