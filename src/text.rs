//! The only owner of CR, LF and dots, and of the escaping that keeps a terminal and a table safe.
//!
//! A message has two forms: the *wire form*, where every line ends with CRLF, and the *file form*, where it ends with
//! LF. Everything else is the same bytes in both, lone CRs included (but see [`LoneCr::Break`]).

pub mod der;
pub mod domain;
pub mod duration;
pub mod size;

use crate::body::Body;
use crate::error::Result;
use memchr::{memchr, memchr_iter, memchr2};
use std::fmt::Write as _;

/// What a CR without LF becomes on its way to the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoneCr {
    /// It stays: IMAP literals may hold any byte but NUL.
    Keep,
    /// It ends the line: SMTP allows CR and LF only together (RFC 5321 2.3.8), and a receiver that takes a lone CR for a
    /// line end would see other dots than we do.
    Break,
}

/// Turns file form (or wire form, or a mixture) into wire form, piece by piece; with dots for SMTP DATA and POP3.
#[derive(Debug)]
pub struct ToWire {
    lone_cr: LoneCr,
    dots: bool,
    line_start: bool,
    cr: bool,
    broke: bool,
}

impl ToWire {
    /// For a literal, a size, a digest: CRLF line ends, nothing added.
    #[must_use]
    pub fn plain(lone_cr: LoneCr) -> ToWire {
        ToWire { lone_cr, dots: false, line_start: true, cr: false, broke: false }
    }

    /// For a dot-terminated body (RFC 5321 4.5.2, RFC 1939 3): each dot at the start of a line is doubled.
    #[must_use]
    pub fn dotted(lone_cr: LoneCr) -> ToWire {
        ToWire { dots: true, ..ToWire::plain(lone_cr) }
    }

    /// Whether a lone CR has been broken into a line end.
    #[must_use]
    pub fn broke_lone_cr(&self) -> bool {
        self.broke
    }

    /// Converts `input` and appends the result to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        if !self.cr && memchr(b'\r', input).is_none() {
            return self.lines(input, out);
        }
        let mut rest = input;
        while let Some((&first, after)) = rest.split_first() {
            if self.cr {
                self.cr = false;
                if first == b'\n' {
                    self.end_line(out);
                    rest = after;
                    continue;
                }
                self.lone(out);
            }
            let stop = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            let (run, tail) = rest.split_at(stop);
            self.run(run, out);
            match tail.split_first() {
                Some((b'\r', after)) => {
                    self.cr = true;
                    rest = after;
                }
                Some((_, after)) => {
                    self.end_line(out);
                    rest = after;
                }
                None => rest = tail,
            }
        }
    }

    /// As files are: no CR anywhere.
    fn lines(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len() + input.len() / 32);
        let mut start = 0;
        for at in memchr_iter(b'\n', input) {
            self.run(input.get(start..at).unwrap_or_default(), out);
            self.end_line(out);
            start = at + 1;
        }
        self.run(input.get(start..).unwrap_or_default(), out);
    }

    /// Bytes of a line.
    fn run(&mut self, run: &[u8], out: &mut Vec<u8>) {
        if let Some(&b) = run.first() {
            if self.dots && self.line_start && b == b'.' {
                out.push(b'.');
            }
            self.line_start = false;
            out.extend_from_slice(run);
        }
    }

    /// The end of the input: a CR that waited for its LF is a lone one. Dotted: the last line is ended, if it was not.
    /// The final dot itself is not written here: it is the hand-over, which the caller wants to see.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.cr {
            self.cr = false;
            self.lone(out);
        }
        if self.dots && !self.line_start {
            self.end_line(out);
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.line_start = true;
    }

    fn lone(&mut self, out: &mut Vec<u8>) {
        match self.lone_cr {
            LoneCr::Keep => {
                out.push(b'\r');
                self.line_start = false;
            }
            LoneCr::Break => {
                self.broke = true;
                self.end_line(out);
            }
        }
    }
}

/// Turns wire form into file form, piece by piece: CRLF becomes LF, every other byte stays.
#[derive(Debug, Default)]
pub struct ToFile {
    cr: bool,
}

impl ToFile {
    /// Converts `input` and appends the result to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        if self.cr && !rest.is_empty() {
            if rest.first() != Some(&b'\n') {
                out.push(b'\r');
            }
            self.cr = false;
        }
        while let Some(at) = memchr(b'\r', rest) {
            let (run, tail) = rest.split_at(at);
            out.extend_from_slice(run);
            rest = tail.get(1..).unwrap_or_default();
            match rest.first() {
                Some(b'\n') => {}
                Some(_) => out.push(b'\r'),
                None => self.cr = true,
            }
        }
        out.extend_from_slice(rest);
    }

    /// The end of the input: a last CR is kept.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.cr) {
            out.push(b'\r');
        }
    }
}

/// A [`Body`] in wire form, made from one in any form.
pub struct WireBody<B> {
    from: B,
    to: ToWire,
    out: Vec<u8>,
    ended: bool,
}

impl<B: Body> WireBody<B> {
    /// `from` with CRLF line ends.
    pub fn new(from: B, to: ToWire) -> WireBody<B> {
        WireBody { from, to, out: Vec::new(), ended: false }
    }
}

impl<B: Body> Body for WireBody<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.out.clear();
        while self.out.is_empty() && !self.ended {
            let piece = self.from.chunk()?;
            if piece.is_empty() {
                self.ended = true;
                self.to.finish(&mut self.out);
            } else {
                self.to.push(piece, &mut self.out);
            }
        }
        Ok(&self.out)
    }
}

/// Takes the dots out of a dot-terminated body and finds its end, `CRLF . CRLF` and nothing else (RFC 5321 4.1.1.4).
#[derive(Debug)]
pub struct Undot {
    state: DotState,
    bare: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DotState {
    LineStart,
    Dot,
    DotCr,
    Text,
    Cr,
    End,
}

impl Default for Undot {
    fn default() -> Undot {
        Undot { state: DotState::LineStart, bare: false }
    }
}

impl Undot {
    /// Whether the final dot has been seen.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.state == DotState::End
    }

    /// Whether a CR without LF, or an LF without CR, has been seen: an SMTP server refuses such a body, because others
    /// down the road disagree about where its lines, and so its dots, are ("SMTP smuggling", CVE-2023-51764).
    #[must_use]
    pub fn saw_bare(&self) -> bool {
        self.bare
    }

    /// Converts `input` up to the final dot, appends to `out`, and returns how many bytes of `input` belong to it.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut rest = input;
        while let Some((&b, after)) = rest.split_first() {
            match self.state {
                DotState::End => break,
                DotState::LineStart if b == b'.' => {
                    self.state = DotState::Dot;
                    rest = after;
                }
                DotState::LineStart => self.state = DotState::Text,
                DotState::Dot if b == b'\r' => {
                    self.state = DotState::DotCr;
                    rest = after;
                }
                DotState::Dot => self.state = DotState::Text,
                DotState::DotCr if b == b'\n' => {
                    self.state = DotState::End;
                    rest = after;
                }
                DotState::DotCr => {
                    out.push(b'\r');
                    self.bare = true;
                    self.state = DotState::Text;
                }
                DotState::Text => {
                    let stop = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    let (run, tail) = rest.split_at(stop);
                    out.extend_from_slice(run);
                    rest = tail;
                    if let Some((&end, after)) = tail.split_first() {
                        out.push(end);
                        if end == b'\r' {
                            self.state = DotState::Cr;
                        } else {
                            self.bare = true;
                        }
                        rest = after;
                    }
                }
                DotState::Cr if b == b'\n' => {
                    out.push(b);
                    self.state = DotState::LineStart;
                    rest = after;
                }
                DotState::Cr => {
                    self.bare = true;
                    self.state = DotState::Text;
                }
            }
        }
        input.len() - rest.len()
    }
}

/// Whether a character may drive a terminal, hide, or turn the reading order round: C0, DEL, C1, bidi controls,
/// zero-width characters, line and paragraph separators.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}')
}

/// One record's field as one line for a terminal, a table or an error: `\\ \t \n \r \xHH` stand for the backslash,
/// controls, bidi overrides and invalid UTF-8. Reversible; a decent text comes out as it is.
#[must_use]
pub fn escape(bytes: impl AsRef<[u8]>) -> String {
    escaped(bytes.as_ref(), false)
}

/// The same behind what is there.
pub fn push_escaped(out: &mut String, bytes: &[u8]) {
    let plain = |b: &u8| matches!(b, b' '..=b'~') && *b != b'\\';
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.iter().all(plain) => out.push_str(text),
        _ => out.push_str(&escaped(bytes, false)),
    }
}

/// A text of many lines for a terminal: as [`escape`], but newlines, tabs and backslashes stay.
#[must_use]
pub fn escape_lines(bytes: impl AsRef<[u8]>) -> String {
    escaped(bytes.as_ref(), true)
}

fn escaped(bytes: &[u8], lines: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    let hex = |out: &mut String, bytes: &[u8]| {
        for b in bytes {
            let _ = write!(out, "\\x{b:02X}");
        }
    };
    for piece in bytes.utf8_chunks() {
        for c in piece.valid().chars() {
            match c {
                '\n' | '\t' if lines => out.push(c),
                '\\' if !lines => out.push_str("\\\\"),
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                c if is_unsafe(c) => hex(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => out.push(c),
            }
        }
        hex(&mut out, piece.invalid());
    }
    out
}

/// Whether CR, LF or NUL is in it: such an argument never reaches the wire or a header (status 64).
#[must_use]
pub fn breaks_line(bytes: impl AsRef<[u8]>) -> bool {
    bytes.as_ref().iter().any(|b| matches!(b, b'\r' | b'\n' | 0))
}

/// A line without its LF or CRLF.
#[must_use]
pub fn chomp(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Counts what bytes in file form (or any other) will be on the wire, while they pass by.
#[derive(Clone, Copy, Debug, Default)]
pub struct WireCount {
    size: u64,
    wire: u64,
    cr: bool,
}

impl WireCount {
    /// Counts the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        let mut added = 0u64;
        for at in memchr::memchr_iter(b'\n', piece) {
            let before = match at.checked_sub(1) {
                Some(i) => piece.get(i) == Some(&b'\r'),
                None => self.cr,
            };
            added += u64::from(!before);
        }
        self.size = self.size.saturating_add(piece.len() as u64);
        self.wire = self.wire.saturating_add(piece.len() as u64).saturating_add(added);
        if let Some(last) = piece.last() {
            self.cr = *last == b'\r';
        }
    }

    /// How many bytes there were.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes there are in wire form: what [`ToWire::plain`] with [`LoneCr::Keep`] makes of them.
    #[must_use]
    pub fn wire(&self) -> u64 {
        self.wire
    }
}

/// The size of `body` in wire form, read to its end.
///
/// # Errors
/// As [`Body::chunk`].
pub fn wire_size(body: &mut dyn Body) -> Result<u64> {
    let mut count = WireCount::default();
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() {
            return Ok(count.wire());
        }
        count.push(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(input: &[u8], cut: usize, lone: LoneCr, dots: bool) -> Vec<u8> {
        let mut to = if dots { ToWire::dotted(lone) } else { ToWire::plain(lone) };
        let mut out = Vec::new();
        let (a, b) = input.split_at(cut.min(input.len()));
        to.push(a, &mut out);
        to.push(b, &mut out);
        to.finish(&mut out);
        out
    }

    fn undot(input: &[u8], cut: usize) -> (Vec<u8>, usize, bool) {
        let mut un = Undot::default();
        let mut out = Vec::new();
        let (a, b) = input.split_at(cut.min(input.len()));
        let n = un.push(a, &mut out);
        let m = if n == a.len() { un.push(b, &mut out) } else { 0 };
        (out, n + m, un.ended())
    }

    /// Mostly the bytes that matter.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), any::<u8>()], 0..80)
    }

    proptest! {
        #[test]
        fn any_bytes_survive_dots_and_the_wire_has_only_crlf(input in message(), cut in 0usize..80, cut2 in 0usize..200) {
            let mut sent = wire(&input, cut, LoneCr::Break, true);
            let plain = wire(&input, 0, LoneCr::Break, false);
            sent.extend_from_slice(b".\r\nQUIT\r\n");
            let (mut got, used, ended) = undot(&sent, cut2);
            prop_assert!(ended);
            prop_assert_eq!(&sent[used..], b"QUIT\r\n");
            // The body may have got the line end that its last line lacked.
            if got != plain {
                prop_assert!(got.ends_with(b"\r\n"));
                got.truncate(got.len() - 2);
            }
            prop_assert_eq!(&got, &plain);
            for (i, b) in sent.iter().enumerate() {
                if *b == b'\r' { prop_assert_eq!(sent.get(i + 1), Some(&b'\n')); }
                if *b == b'\n' { prop_assert_eq!(sent.get(i.wrapping_sub(1)), Some(&b'\r')); }
            }
        }

        #[test]
        fn file_form_and_back(input in message(), cut in 0usize..80) {
            let on_wire = wire(&input, cut, LoneCr::Keep, false);
            let mut to = ToFile::default();
            let mut file = Vec::new();
            let (a, b) = on_wire.split_at(cut.min(on_wire.len()));
            to.push(a, &mut file);
            to.push(b, &mut file);
            to.finish(&mut file);
            // CRLF in the input reads as one line end: that is all that may differ.
            let mut expect = input.clone();
            while let Some(at) = expect.windows(2).position(|w| w == b"\r\n") { expect.remove(at); }
            if !input.windows(3).any(|w| w == b"\r\r\n") { prop_assert_eq!(file, expect); }
            let mut count = WireCount::default();
            let (a, b) = input.split_at(cut.min(input.len()));
            count.push(a);
            count.push(b);
            prop_assert_eq!((count.size(), count.wire()), (input.len() as u64, on_wire.len() as u64));
        }

        #[test]
        fn an_escaped_field_is_one_safe_line(input in proptest::collection::vec(any::<u8>(), 0..60)) {
            let line = escape(&input);
            prop_assert!(!line.chars().any(is_unsafe));
        }
    }

    #[test]
    fn what_needs_no_escaping_is_escaped_the_same() {
        for text in ["", "plain text", "a\\b", "tab\t", "é", "\u{1b}[2J", "~ ~", "\u{7f}"] {
            let mut out = "x".to_owned();
            push_escaped(&mut out, text.as_bytes());
            assert_eq!(out, format!("x{}", escape(text)));
        }
    }

    #[test]
    fn look_alikes_of_the_final_dot_do_not_end_a_body() {
        for fake in
            ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r", "\r\n.\r\r\n", "\r\n\0.\r\n"]
        {
            let (_, _, ended) = undot(format!("a{fake}b\r\n").as_bytes(), 0);
            assert!(!ended, "{fake:?}");
        }
        assert_eq!(undot(b".\r\n", 1), (vec![], 3, true));
        assert_eq!(undot(b"..\r\n.\r\nx", 2), (b".\r\n".to_vec(), 7, true));
    }

    #[test]
    fn escapes() {
        assert_eq!(
            escape("a\\b\tc\r\n\u{1b}[31m\u{85}\u{202e}é"),
            "a\\\\b\\tc\\r\\n\\x1B[31m\\xC2\\x85\\xE2\\x80\\xAEé"
        );
        assert_eq!(escape(b"\xff\xfe"), "\\xFF\\xFE");
        assert_eq!(escape_lines("a\\\n\tb\x07"), "a\\\n\tb\\x07");
        assert_eq!(chomp(b"x\r\n"), b"x");
        assert!(breaks_line("a\0b") && breaks_line("a\nb") && !breaks_line("a b"));
    }
}
