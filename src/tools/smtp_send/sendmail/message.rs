//! What sendmail(8) makes of its stdin: a line of one dot may end it, and From is added where it is missing.

use crate::body::Body;
use crate::error::Result;
use crate::message::header::{Collect, Entry, Header};
use memchr::memchr;

/// Input up to a line of one dot.
pub(in super::super) struct Dotted<B> {
    from: B,
    input: Vec<u8>,
    /// What was given out of `input`.
    given: usize,
    line_start: bool,
    ended: bool,
}

impl<B: Body> Dotted<B> {
    /// Reads `from`.
    pub(in super::super) fn new(from: B) -> Dotted<B> {
        Dotted { from, input: Vec::new(), given: 0, line_start: true, ended: false }
    }
}

impl<B: Body> Body for Dotted<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.input.drain(..self.given);
        self.given = 0;
        let mut source = true;
        while !self.ended {
            let (mut at, mut start) = (0, self.line_start);
            loop {
                let rest = self.input.get(at..).unwrap_or_default();
                if start && is_dot(rest) {
                    self.ended = true;
                    self.input.truncate(at);
                    break;
                }
                // Whether this is one is told by what follows.
                if start && source && matches!(rest, b"." | b".\r") || rest.is_empty() {
                    break;
                }
                let end = memchr(b'\n', rest);
                at += end.map_or(rest.len(), |end| end + 1);
                start = end.is_some();
            }
            if at > 0 || self.ended {
                self.line_start = start;
                self.given = at;
                break;
            }
            if !source {
                self.given = self.input.len();
                self.ended = true;
                break;
            }
            let piece = self.from.chunk()?;
            source = !piece.is_empty();
            self.input.extend_from_slice(piece);
            if !source && self.input.is_empty() {
                self.ended = true;
            }
        }
        Ok(self.input.get(..self.given).unwrap_or_default())
    }
}

/// Whether a line of one dot stands here.
fn is_dot(rest: &[u8]) -> bool {
    rest.starts_with(b".\n") || rest.starts_with(b".\r\n")
}

/// Input whose header gets a From if it has none.
pub(in super::super) struct WithFrom<'f, B> {
    from: B,
    /// The field's value.
    value: &'f str,
    head: Option<Vec<u8>>,
    begun: bool,
}

impl<'f, B: Body> WithFrom<'f, B> {
    /// Reads `from`; a From that is missing is `value`.
    pub(in super::super) fn new(from: B, value: &'f str) -> WithFrom<'f, B> {
        WithFrom { from, value, head: None, begun: false }
    }
}

impl<B: Body> Body for WithFrom<'_, B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        if !self.begun {
            self.begun = true;
            let (mut collect, mut rest) = (Collect::default(), Vec::new());
            loop {
                let piece = self.from.chunk()?;
                if piece.is_empty() {
                    break;
                }
                if let Some(used) = collect.push(piece) {
                    rest.extend_from_slice(piece.get(used..).unwrap_or_default());
                    break;
                }
            }
            if !collect.is_empty() {
                let mut head = with_from(&collect.finish(), self.value);
                head.append(&mut rest);
                return Ok(self.head.insert(head));
            }
        }
        self.head = None;
        self.from.chunk()
    }
}

fn with_from(header: &Header, value: &str) -> Vec<u8> {
    let raw = header.raw();
    // A first From_ line means nothing, and stays first, to be dropped.
    let line = if raw.starts_with(b"From ") { memchr(b'\n', raw).map_or(raw.len(), |end| end + 1) } else { 0 };
    let (before, after) = raw.split_at_checked(line).unwrap_or((raw, &[]));
    let section = Header::parse(after.to_vec());
    // What begins with a line that is no field is all text, and gets a header of its own.
    let text = matches!(section.entries().next(), Some(Entry::Junk(_)));
    if !text && section.get("From").is_some() {
        return raw.to_vec();
    }
    let crlf = memchr(b'\n', raw).and_then(|at| raw.get(at.checked_sub(1)?)) == Some(&b'\r');
    let end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
    let gap = if text { end } else { b"" };
    [before, b"From: ", value.as_bytes(), end, gap, after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Drip<'b>(&'b [u8], usize);

    impl Body for Drip<'_> {
        fn chunk(&mut self) -> Result<&[u8]> {
            let (now, rest) = self.0.split_at(self.0.len().min(self.1));
            self.0 = rest;
            Ok(now)
        }
    }

    #[test]
    fn a_dot_alone_ends_it() {
        for (text, expect) in [
            ("a\n.\nb\n", "a\n"),
            ("a\r\n.\r\nb\n", "a\r\n"),
            (".\n", ""),
            ("a\n..\n.b\nc.\n", "a\n..\n.b\nc.\n"),
            ("a\n.", "a\n."),
            ("a\n.\rb\n", "a\n.\rb\n"),
            ("", ""),
            ("a", "a"),
        ] {
            for size in [1, 2, 3, 5, 100] {
                let got = Dotted::new(Drip(text.as_bytes(), size)).whole(100).unwrap().unwrap();
                assert_eq!(String::from_utf8(got).unwrap(), expect, "{text:?} {size}");
            }
        }
    }

    #[test]
    fn a_missing_from_is_added() {
        for (text, expect) in [
            ("To: b\n\nx", "From: V\nTo: b\n\nx"),
            ("To: b\r\n\r\nx", "From: V\r\nTo: b\r\n\r\nx"),
            ("from: a\n\nx", "from: a\n\nx"),
            ("hello\n", "From: V\n\nhello\n"),
            ("\nhello\n", "From: V\n\nhello\n"),
            ("From x Mon\nTo: b\n\n", "From x Mon\nFrom: V\nTo: b\n\n"),
            ("hello\nFrom: x\n\ny", "From: V\n\nhello\nFrom: x\n\ny"),
            ("", ""),
        ] {
            for size in [1, 3, 100] {
                let got = WithFrom::new(Drip(text.as_bytes(), size), "V").whole(100).unwrap().unwrap();
                assert_eq!(String::from_utf8(got).unwrap(), expect, "{text:?} {size}");
            }
        }
    }
}
