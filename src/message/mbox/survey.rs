//! [`Survey`]: which kind of mbox a file is, and why; and the `From ` lines of which nobody can be sure.
//!
//! Two readings go on side by side: one by `From ` lines alone, one by Content-Length as long as that leads from each message to the
//! next. Nothing is kept but counts and the line that is here.

use super::length::of;
use super::{MAX_LINE, Variant, is_from_line};
use crate::message::field::is_name;
use crate::text::chomp;
use memchr::memchr;

/// A `From ` line that may be taken for what it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The line, from 1.
    pub line: u64,
    /// Its offset in bytes.
    pub offset: u64,
    /// What is doubtful, in words.
    pub why: &'static str,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The kind as which nothing of it is lost.
    pub kind: Variant,
    /// By what that is told, in words.
    pub reason: String,
    /// How many messages it has, read so.
    pub messages: u64,
}

/// Takes the bytes of a file. [`Survey::push`], then [`Survey::finish`].
#[derive(Default)]
pub struct Survey {
    /// The beginning of the line that is here, and its whole length.
    line: Vec<u8>,
    len: u64,
    /// Lines and bytes before it.
    lines: u64,
    at: u64,
    /// The line before was empty.
    empty: bool,
    /// The line before began a message, by its look.
    began: Option<(u64, u64)>,
    /// By `From ` lines.
    messages: u64,
    /// Lines of bodies that begin with `From `, `>From `, and more than one `>`.
    bare: u64,
    quoted: u64,
    more: u64,
    in_header: bool,
    counted: Counted,
}

/// The reading by Content-Length.
#[derive(Default)]
struct Counted {
    state: State,
    messages: u64,
    /// Lines inside of lengths that begin with `From `.
    spanned: u64,
}

#[derive(Default)]
enum State {
    /// What has been said.
    Header(Option<u64>),
    /// Where the body ends.
    Body(u64),
    /// Behind a body.
    #[default]
    Behind,
    /// It led nowhere, at this line.
    Lost(u64, &'static str),
}

impl Survey {
    /// The next bytes.
    pub fn push(&mut self, mut bytes: &[u8], doubt: &mut dyn FnMut(Doubt)) {
        while !bytes.is_empty() {
            let end = memchr(b'\n', bytes).map(|lf| lf + 1);
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            let room = (MAX_LINE + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            self.len += piece.len() as u64;
            bytes = rest;
            if end.is_some() {
                self.one(true, doubt);
            }
        }
    }

    /// The file has ended; `None`: it is no mbox, because its first line does not begin with `From `.
    #[must_use]
    pub fn finish(mut self, doubt: &mut dyn FnMut(Doubt)) -> Option<Verdict> {
        if self.len > 0 {
            self.one(false, doubt);
        }
        self.counted.end(self.at, self.lines);
        (self.messages > 0).then(|| self.verdict())
    }

    /// Deals with the line that is here; `ended`: it has a line end.
    fn one(&mut self, ended: bool, doubt: &mut dyn FnMut(Doubt)) {
        let line = std::mem::take(&mut self.line);
        let (number, offset) = (self.lines + 1, self.at);
        let short = self.len <= MAX_LINE as u64;
        let from = line.starts_with(b"From ") && short;
        let first = number == 1;
        let text = chomp(&line);
        if first && !from {
            self.counted.state = State::Lost(1, "the first line does not begin with From");
        }
        let begins = from && (first || (self.messages > 0 && self.empty && is_from_line(&line)));
        let inside = self.counted.line((&line, ended), offset, self.len, number, from);
        if let Some((number, offset)) = self.began.take()
            && !text.is_empty()
            && !is_field(text)
        {
            doubt(Doubt { line: number, offset, why: "begins a message, but no header field follows" });
        }
        if begins {
            if inside {
                doubt(Doubt { line: number, offset, why: "begins a message, but inside of a Content-Length" });
            }
            self.messages += 1;
            self.began = Some((number, offset));
            self.in_header = true;
        } else if self.messages > 0 && !self.in_header {
            let marks = line.iter().take_while(|b| **b == b'>').count();
            let is_from = line.get(marks..).is_some_and(|rest| rest.starts_with(b"From "));
            match marks {
                _ if !is_from => {}
                0 => {
                    self.bare += 1;
                    let why = match (short, self.empty) {
                        (false, _) => "begins no message: it is too long",
                        (_, false) => "begins no message: there is no empty line before it",
                        (_, true) => "begins no message: there is no time and year in it",
                    };
                    doubt(Doubt { line: number, offset, why });
                }
                1 => self.quoted += 1,
                _ => self.more += 1,
            }
        }
        self.empty = is_empty(&line);
        self.in_header &= !self.empty;
        self.lines = number;
        self.at += self.len;
        self.len = 0;
        self.line = line;
        self.line.clear();
    }

    fn verdict(&self) -> Verdict {
        let count = |n: u64, what: &str| match n {
            1 => format!("1 line begins with {what}"),
            n => format!("{n} lines begin with {what}"),
        };
        let lost = match &self.counted.state {
            State::Lost(line, why) => format!("line {line}: {why}; "),
            _ => {
                let (messages, all) = (self.counted.messages, "Content-Length leads from each message to the next");
                let (kind, more) = match (self.counted.spanned, self.quoted + self.more) {
                    (0, 0) => {
                        (Variant::Cl2, "no line begins with From or >From, so all kinds read the same".to_owned())
                    }
                    (0, n) => (Variant::Cl, format!("{}, and none with From", count(n, ">From"))),
                    (n, _) => (Variant::Cl2, format!("{} inside of it, not quoted", count(n, "From"))),
                };
                return Verdict { kind, reason: format!("{all}, {more}"), messages };
            }
        };
        let (kind, why) = match (self.bare, self.quoted, self.more) {
            (0, 0, 0) => (Variant::Rd, "no line begins with >From, so rd and o read the same".to_owned()),
            (0, n, 0) => {
                (Variant::Rd, format!("{}, none with From or >>From, so rd and o read the same", count(n, ">From")))
            }
            (0, _, n) => (Variant::Rd, format!("{}, and none with From", count(n, ">>From"))),
            (n, _, _) => (Variant::O, format!("{}, which rd would have quoted", count(n, "From"))),
        };
        Verdict { kind, reason: lost + &why, messages: self.messages }
    }
}

impl Counted {
    /// A line of so many bytes, of which `line` is the beginning; whether all of it is inside of a length.
    fn line(&mut self, (line, ended): (&[u8], bool), at: u64, len: u64, number: u64, from: bool) -> bool {
        let end = at + len;
        let text = chomp(line);
        if let State::Body(until) = self.state
            && at >= until
        {
            self.state = State::Behind;
        }
        match &mut self.state {
            State::Lost(..) => {}
            State::Header(said) if text.is_empty() => {
                self.state = match said {
                    Some(length) => State::Body(end.saturating_add(*length)),
                    None => State::Lost(number, "a header section without Content-Length ends here"),
                };
            }
            State::Header(said) => match (of(line), &said) {
                (None, _) => {}
                (Some(Some(now)), None) => *said = Some(now),
                (Some(Some(now)), Some(before)) if now == *before => {}
                (Some(_), _) => self.state = State::Lost(number, "this Content-Length is not to be believed"),
            },
            State::Body(until) => {
                self.spanned += u64::from(from);
                // The line end of its last line may be left out.
                let over = end.saturating_sub(*until);
                // Of a long line nothing more is known than whether it has ended.
                let line_end = if len > line.len() as u64 { 1 } else { len - text.len() as u64 };
                if over > 0 && !(ended && over == line_end) {
                    self.state = State::Lost(number, "a Content-Length ends inside of this line");
                }
                return over == 0;
            }
            State::Behind if is_empty(line) && number > 1 => {}
            State::Behind if from => {
                self.messages += 1;
                self.state = State::Header(None);
            }
            State::Behind => self.state = State::Lost(number, "no From line is where a Content-Length leads to"),
        }
        false
    }

    fn end(&mut self, at: u64, lines: u64) {
        match self.state {
            State::Body(until) if until > at => {
                self.state = State::Lost(lines, "the end, and a Content-Length leads behind it");
            }
            State::Header(None | Some(1..)) => self.state = State::Lost(lines, "the end, and no body"),
            _ => {}
        }
    }
}

fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

/// Whether it may be the first line of a header section.
fn is_field(line: &[u8]) -> bool {
    let name = memchr(b':', line).and_then(|colon| line.get(..colon));
    name.and_then(|name| std::str::from_utf8(name.trim_ascii_end()).ok()).is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const F: &str = "From a@b Sun Nov 22 22:16:00 2026\n";

    fn survey(text: &str, step: usize) -> (Option<Verdict>, Vec<Doubt>) {
        let (mut survey, mut doubts) = (Survey::default(), Vec::new());
        text.as_bytes().chunks(step).for_each(|piece| survey.push(piece, &mut |doubt| doubts.push(doubt)));
        (survey.finish(&mut |doubt| doubts.push(doubt)), doubts)
    }

    #[test]
    fn kinds_have_reasons() {
        let counted = |body: &str| format!("{F}Content-Length: {}\n\n{body}\n", body.len());
        let two = |body: &str| format!("{F}A: b\n\n{body}\n\n{F}A: c\n\n");
        for (text, kind, messages, says) in [
            (two("x"), Variant::Rd, 2, "line 3: a header section without Content-Length ends here; no line begins"),
            (two(">From x"), Variant::Rd, 2, "1 line begins with >From, none with From or >>From"),
            (two(">From x\n>>From y"), Variant::Rd, 2, "1 line begins with >>From, and none with From"),
            (two(">From x\nFrom y"), Variant::O, 2, "1 line begins with From, which rd"),
            (counted("x\n") + &counted(""), Variant::Cl2, 2, "all kinds read the same"),
            (counted("x\n") + &counted(">From x\n"), Variant::Cl, 2, "1 line begins with >From"),
            (
                counted(&format!("x\n\n{F}>From x\nFrom\n")) + &counted("no end"),
                Variant::Cl2,
                2,
                "1 line begins with From inside",
            ),
            (counted("x\n").replace(": 2", ": 9"), Variant::Rd, 1, "leads behind it"),
            (counted("xy\n").replace(": 3", ": 1"), Variant::Rd, 1, "line 4: a Content-Length ends inside"),
            (counted("x\ny\n").replace(": 4", ": 2") + &counted(""), Variant::Rd, 2, "line 5: no From line is where"),
            (counted("").replace("\n\n", "\nContent-Length: x\n\n"), Variant::Rd, 1, "line 3: this Content-Length"),
            (F.to_owned(), Variant::Rd, 1, "no body"),
        ] {
            for text in [text.clone(), text.replace('\n', "\r\n")] {
                if text.contains("Length: ") && text.contains('\r') {
                    continue;
                }
                for step in [1, 7, 1000] {
                    let verdict = survey(&text, step).0.unwrap();
                    assert_eq!((verdict.kind, verdict.messages), (kind, messages), "{text:?}: {verdict:?}");
                    assert!(verdict.reason.contains(says), "{text:?}: {verdict:?}");
                }
            }
        }
        assert_eq!((survey("A: b\n", 1).0, survey("", 1).0), (None, None));
    }

    #[test]
    fn doubts_have_lines() {
        let long = format!("From {}\n", "x".repeat(MAX_LINE));
        let text = format!("{F}A: b\n\nx\nFrom x\n\nFrom the desk\n\n{F}not a field\n\n{long}{F}");
        let (verdict, doubts) = survey(&text, 11);
        assert_eq!(verdict.unwrap().messages, 2);
        let told: Vec<(u64, &str)> = doubts.iter().map(|doubt| (doubt.line, doubt.why)).collect();
        let expect = [
            (5, "begins no message: there is no empty line before it"),
            (7, "begins no message: there is no time and year in it"),
            (9, "begins a message, but no header field follows"),
            (12, "begins no message: it is too long"),
            (13, "begins no message: there is no empty line before it"),
        ];
        assert_eq!(told, expect);
        let at = usize::try_from(doubts[2].offset).unwrap();
        assert!(text[at..].starts_with(&format!("{F}not")));
        let inside = format!("{F}Content-Length: 50\n\nx\n\n{F}A: b\n\nyyyyyyy\n");
        assert_eq!(survey(&inside, 5).1[0].why, "begins a message, but inside of a Content-Length");
    }

    proptest! {
        /// What it tells is what the reader finds.
        #[test]
        fn it_tells_how_it_can_be_read(
            text in "From x 1:00 2026\n(From x 1:00 2026\n(Content-Length: (0|2|18)\n)?|From |>From |A: b\n|\n|x|\r\n|\r){0,30}",
            counted in "(From x 1:00 2026\nContent-Length: (0\n\n|2\n\nx\n|2\r\n\r\n\r\n|17\n\nFrom x 1:00 2026\n)[\n\r]{0,2}\n){1,5}\r?",
            step in 1usize..9,
        ) {
            use crate::body::Body;
            use crate::message::mbox::Mbox;
            for text in [text, counted] {
                let (Some(verdict), _) = survey(&text, step) else { continue };
                let mut mbox = Mbox::of(text.as_bytes(), verdict.kind);
                let mut n = 0;
                while mbox.next_message().unwrap() {
                    mbox.skip().unwrap();
                    n += 1;
                }
                prop_assert_eq!(verdict.messages, n, "{:?} {:?}", text, verdict);
            }
        }
    }
}
