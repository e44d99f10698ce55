//! The header section of a message or part (RFC 5322 2.2, 3.6.8), held in memory with every byte kept.
//!
//! Nothing here decodes: values are the bytes that came, folded as they came. See [`super::decode::words`] for readers.

use crate::text::chomp;
use memchr::memchr;
use std::ops::Range;

/// How much of one header section is held. What is longer is cut at a line end (and says so, [`Header::is_cut`]).
pub const MAX: usize = 1 << 20;

/// A header section with its fields. Lines end with LF or CRLF, mixed if need be.
///
/// A field is a line that starts with a name (printable ASCII without colon) and a colon (blanks before it are the
/// obsolete syntax, RFC 5322 4.5.8), and every line after it that starts with a blank. The section ends at the first empty
/// line, or at its end. Any other line is kept as junk: an mbox `From ` line, a line that some gateway broke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    raw: Vec<u8>,
    spans: Vec<Span>,
    cut: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    all: Range<usize>,
    /// End of the name and start of the value (both offsets of `raw`); `None` is junk.
    colon: Option<(usize, usize)>,
}

/// One header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as it was spelled, without blanks or colon.
    pub name: &'a [u8],
    /// The value as it came: folded, without the blanks after the colon and the final line end.
    pub value: &'a [u8],
    /// The whole field with its line ends.
    pub raw: &'a [u8],
}

/// One field, or a run of lines that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A field.
    Field(Field<'a>),
    /// A line without a name, with the lines that seem to continue it.
    Junk(&'a [u8]),
}

impl Entry<'_> {
    /// All its bytes.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        match self {
            Entry::Field(field) => field.raw,
            Entry::Junk(raw) => raw,
        }
    }
}

impl Field<'_> {
    /// Whether it has this name, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value in one line, see [`unfold`].
    #[must_use]
    pub fn unfolded(&self) -> Vec<u8> {
        unfold(self.value)
    }
}

impl Header {
    /// Reads a header section, with or without the empty line that ends it; what follows that line is not looked at.
    #[must_use]
    pub fn parse(mut raw: Vec<u8>) -> Header {
        let cut = raw.len() > MAX;
        if cut {
            let end = raw.get(..MAX).and_then(|kept| memchr::memrchr(b'\n', kept)).map_or(MAX, |at| at + 1);
            raw.truncate(end);
        }
        let mut spans: Vec<Span> = Vec::new();
        let mut at = 0;
        while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
            let len = memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
            let line = rest.get(..len).unwrap_or(rest);
            if chomp(line).is_empty() && line.ends_with(b"\n") {
                break;
            }
            match (line.first(), spans.last_mut()) {
                (Some(b' ' | b'\t'), Some(last)) => last.all.end = at + len,
                _ => spans
                    .push(Span { all: at..at + len, colon: colon(line).map(|(name, value)| (at + name, at + value)) }),
            }
            at += len;
        }
        Header { raw, spans, cut }
    }

    /// Marks it as the beginning of a longer section.
    pub(super) fn set_cut(&mut self, cut: bool) {
        self.cut |= cut;
    }

    /// Every byte, the closing empty line included if there was one.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The line end of its first line, which is that of lines that are put into it.
    #[must_use]
    pub fn line_end(&self) -> &'static str {
        let first = self.raw.split_inclusive(|b| *b == b'\n').next().unwrap_or_default();
        if first.ends_with(b"\r\n") { "\r\n" } else { "\n" }
    }

    /// Whether the empty line that ends it was there.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.raw.len() > self.spans.last().map_or(0, |span| span.all.end)
    }

    /// Whether the section was longer than what is held here.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Fields and junk in order; together they are all of [`Header::raw`] but the closing empty line.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.spans.iter().map(|span| {
            let raw = self.raw.get(span.all.clone()).unwrap_or_default();
            match span.colon {
                None => Entry::Junk(raw),
                Some((name, value)) => {
                    let value = self.raw.get(value..span.all.end).unwrap_or_default();
                    let name = self.raw.get(span.all.start..name).unwrap_or_default();
                    Entry::Field(Field { name, value: chomp(trim_start(value)), raw })
                }
            }
        })
    }

    /// The fields in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.entries().filter_map(|entry| match entry {
            Entry::Field(field) => Some(field),
            Entry::Junk(_) => None,
        })
    }

    /// The value of the first field of this name (any case), as [`Field::value`].
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|field| field.is(name)).map(|field| field.value)
    }

    /// The values of all fields of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter(move |field| field.is(name)).map(|field| field.value)
    }

    /// The value of the first field of this name in one line.
    #[must_use]
    pub fn unfolded(&self, name: &str) -> Option<Vec<u8>> {
        self.get(name).map(unfold)
    }
}

/// Where the name ends and the value starts, if the line starts a field.
fn colon(line: &[u8]) -> Option<(usize, usize)> {
    let name = line.iter().position(|b| !matches!(b, b'!'..=b'9' | b';'..=b'~'))?;
    let blanks = line.get(name..)?.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    (name > 0 && line.get(name + blanks) == Some(&b':')).then_some((name, name + blanks + 1))
}

fn trim_start(value: &[u8]) -> &[u8] {
    let blanks = value.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    value.get(blanks..).unwrap_or_default()
}

/// Takes the line ends out of a folded value (RFC 5322 2.2.3); the blanks stay. What remains has no LF; a lone CR stays.
#[must_use]
pub fn unfold(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for line in value.split_inclusive(|b| *b == b'\n') {
        out.extend_from_slice(if line.ends_with(b"\n") { chomp(line) } else { line });
    }
    out
}

/// Collects a header section from a stream, up to [`MAX`].
#[derive(Debug, Default)]
pub struct Collect {
    raw: Vec<u8>,
    /// Bytes of the current line so far, all CRs; `None` once there was another byte.
    blank: Blank,
    cut: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Blank {
    #[default]
    Start,
    Cr,
    No,
}

impl Collect {
    /// Takes bytes; `Some(n)` means that the empty line was found and that `n` of these bytes belong to the section, the
    /// empty line included. After that, nothing more may be pushed.
    pub fn push(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut used = 0;
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            used += piece.len();
            let ended = match (self.blank, piece) {
                (Blank::Start, b"\n" | b"\r\n") | (Blank::Cr, b"\n") => true,
                (Blank::Start, b"\r") => {
                    self.blank = Blank::Cr;
                    false
                }
                _ => {
                    self.blank = if piece.ends_with(b"\n") { Blank::Start } else { Blank::No };
                    false
                }
            };
            self.keep(piece);
            if ended {
                return Some(used);
            }
        }
        None
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = MAX - self.raw.len().min(MAX);
        self.cut |= piece.len() > room;
        self.raw.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
    }

    /// Whether nothing was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether there was more than [`MAX`].
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The header section.
    #[must_use]
    pub fn finish(self) -> Header {
        let mut header = Header::parse(self.raw);
        header.set_cut(self.cut);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(raw: &str) -> Vec<(String, String)> {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        Header::parse(raw.into()).fields().map(|f| (text(f.name), text(f.value))).collect()
    }

    #[test]
    fn fields_of_all_spellings() {
        let f = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        assert_eq!(fields("A: 1\r\nB:2\n\nC: 3\n"), [f("A", "1"), f("B", "2")]);
        assert_eq!(fields("Bcc : x\n y\r\n\tz"), [f("Bcc", "x\n y\r\n\tz")]);
        assert_eq!(fields("From a@b Mon\n x\nA:\n b\n"), [f("A", "\n b")]);
        assert_eq!(fields(" x: 1\n: 2\nno name\né: 3\nA: 4"), [f("A", "4")]);
        assert_eq!(fields("\nA: 1\n"), []);
        assert_eq!(fields("A: 1\n \nB: 2\n"), [f("A", "1\n "), f("B", "2")]);
    }

    #[test]
    fn look_ups_are_case_blind() {
        let h = Header::parse(b"X: 1\nsubject:  a\r\n b \nSubject: c\n\n".to_vec());
        assert_eq!(h.get("SUBJECT"), Some(&b"a\r\n b "[..]));
        assert_eq!(h.unfolded("Subject").unwrap(), b"a b ");
        assert_eq!(h.all("Subject").count(), 2);
        assert_eq!(h.get("Y"), None);
        assert!(h.raw().ends_with(b"\n\n"));
    }

    #[test]
    fn long_sections_are_cut_at_a_line() {
        let h = Header::parse(b"A: b\n".repeat(MAX / 5 + 10));
        assert!(h.is_cut() && h.raw().len() <= MAX && h.raw().ends_with(b"\n"));
        assert_eq!(h.fields().count(), MAX / 5);
        let mut c = Collect::default();
        assert_eq!(c.push(&b"A: b\n".repeat(MAX)), None);
        assert_eq!(c.push(b"\r"), None);
        assert_eq!(c.push(b"\nbody"), Some(1));
        assert!(c.is_cut() && c.finish().is_cut());
    }

    proptest! {
        #[test]
        fn entries_are_all_bytes_and_collecting_finds_the_same_end(
            raw in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), Just(b'a'), any::<u8>()], 0..120),
            cut in 0usize..120,
        ) {
            let header = Header::parse(raw.clone());
            let joined: Vec<u8> = header.entries().flat_map(|e| e.raw().to_vec()).collect();
            prop_assert!(raw.starts_with(&joined));
            let rest = &raw[joined.len()..];
            prop_assert!(rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n"));
            let end = joined.len() + if rest.starts_with(b"\n") { 1 } else { rest.len().min(2) };

            let mut collect = Collect::default();
            let (a, b) = raw.split_at(cut.min(raw.len()));
            let got = match collect.push(a) {
                Some(n) => Some(n),
                None => collect.push(b).map(|n| a.len() + n),
            };
            prop_assert_eq!(got, (!rest.is_empty()).then_some(end));
            let collected = collect.finish();
            prop_assert_eq!(collected.raw(), &raw[..end]);
        }
    }
}
