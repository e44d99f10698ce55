//! [`Facts`]: what must be known about a message before it is sent, gathered while it streams by.

use memchr::{memchr, memchr_iter, memchr2, memmem, memrchr};
use std::sync::LazyLock;

/// The longest line that a message may have, its line end not counted (RFC 5322 2.1.1, RFC 5321 4.5.3.1.6).
pub const LINE: u64 = 998;

/// How a line starts that could be a boundary of [`super::compose`], with the end of the one before.
static BOUNDARY: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\n--=_"));

/// What a message is like. [`Facts::push`] the message, then [`Facts::end`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its size in wire form, lone CRs kept.
    pub size_wire: u64,
    /// How many CRs have no LF after them; each becomes a line end in SMTP, see [`Facts::size_smtp`].
    pub lone_crs: u64,
    /// Whether there is a NUL.
    pub nul: bool,
    /// How many bytes of the body are not ASCII.
    pub eight_bit: u64,
    /// Whether a byte of the header section is not ASCII (RFC 6532, needs SMTPUTF8).
    pub eight_bit_header: bool,
    /// Whether all of it is UTF-8.
    pub utf8: bool,
    /// The longest line of more than [`LINE`] bytes, its line end not counted; 0: there is none.
    pub overlong_line: u64,
    /// Whether the empty line after the header section has been seen.
    pub header_ended: bool,
    /// Whether the last line has a line end; true for nothing at all.
    pub terminated: bool,
    /// Whether a line starts with `--=_`, as the boundaries of [`super::compose`] do.
    pub like_boundary: bool,
    line: u64,
    cr: bool,
    dashes: u64,
    /// The beginning of a UTF-8 sequence that the last piece cut.
    cut: Vec<u8>,
}

impl Default for Facts {
    fn default() -> Facts {
        Facts {
            size_wire: 0,
            lone_crs: 0,
            nul: false,
            eight_bit: 0,
            eight_bit_header: false,
            utf8: true,
            overlong_line: 0,
            header_ended: false,
            terminated: true,
            like_boundary: false,
            line: 0,
            cr: false,
            dashes: 0,
            cut: Vec::new(),
        }
    }
}

impl Facts {
    /// Facts of a body without a header section.
    #[must_use]
    pub fn of_body() -> Facts {
        Facts { header_ended: true, ..Facts::default() }
    }

    /// Takes the next bytes, in wire or file form.
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let ascii = bytes.is_ascii();
        self.utf8 = self.utf8 && ((ascii && self.cut.is_empty()) || self.push_utf8(bytes));
        if ascii && !self.cr && memchr2(b'\r', 0, bytes).is_none() {
            return self.plain(bytes);
        }
        self.nul |= memchr(0, bytes).is_some();
        let mut rest = bytes;
        while let Some(at) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(at);
            self.part_of_line(line, ascii);
            let crlf = std::mem::take(&mut self.cr);
            let len = self.line - u64::from(crlf);
            self.has_line_of(len);
            self.size_wire += if crlf { 1 } else { 2 };
            self.header_ended |= len == 0;
            (self.line, self.dashes) = (0, 0);
            rest = after.get(1..).unwrap_or_default();
        }
        self.part_of_line(rest, ascii);
        self.terminated = rest.is_empty();
    }

    /// As most messages are: ASCII and LF, nothing else. The lines of a body are not looked at one by one.
    fn plain(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            let Some(at) = memchr(b'\n', rest) else {
                self.goes_on(rest);
                self.terminated = rest.is_empty();
                return;
            };
            let (line, after) = rest.split_at(at);
            self.goes_on(line);
            self.has_line_of(self.line);
            self.size_wire += 2;
            self.header_ended |= self.line == 0;
            (self.line, self.dashes) = (0, 0);
            rest = after.get(1..).unwrap_or_default();
            if self.header_ended
                && let Some(last) = memrchr(b'\n', rest)
            {
                self.like_boundary |= BOUNDARY.find(after.get(..last + 1).unwrap_or_default()).is_some();
                let (lines, tail) = rest.split_at(last + 1);
                self.whole_lines(lines);
                rest = tail;
            }
        }
    }

    fn whole_lines(&mut self, lines: &[u8]) {
        self.size_wire += lines.len() as u64 + memchr_iter(b'\n', lines).count() as u64;
        let mut rest = lines;
        while !rest.is_empty() {
            // The last line end that is near: what lies before it are lines that are short enough.
            let near = rest.get(..=LINE as usize).unwrap_or(rest);
            let end = memrchr(b'\n', near).unwrap_or_else(|| {
                let end = memchr(b'\n', rest).unwrap_or(rest.len());
                self.has_line_of(end as u64);
                end
            });
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }

    fn has_line_of(&mut self, len: u64) {
        if len > LINE {
            self.overlong_line = self.overlong_line.max(len);
        }
    }

    fn goes_on(&mut self, piece: &[u8]) {
        if self.line == self.dashes && self.dashes < 4 && piece.first().is_some_and(|b| b"-=_".contains(b)) {
            let start = usize::try_from(self.dashes).unwrap_or_default();
            let same = b"--=_".iter().skip(start).zip(piece).take_while(|(a, b)| a == b).count();
            self.dashes += same as u64;
            self.like_boundary |= self.dashes == 4;
        }
        self.line += piece.len() as u64;
        self.size_wire += piece.len() as u64;
    }

    fn part_of_line(&mut self, piece: &[u8], ascii: bool) {
        let Some(&last) = piece.last() else { return };
        let crs = memchr_iter(b'\r', piece).count() as u64;
        self.lone_crs += crs - u64::from(last == b'\r') + u64::from(std::mem::replace(&mut self.cr, last == b'\r'));
        self.goes_on(piece);
        if !ascii {
            let count = piece.iter().filter(|b| !b.is_ascii()).count() as u64;
            if self.header_ended {
                self.eight_bit += count;
            } else {
                self.eight_bit_header |= count > 0;
            }
        }
    }

    fn push_utf8(&mut self, bytes: &[u8]) -> bool {
        let joined;
        let mut text = bytes;
        if !self.cut.is_empty() {
            joined = [self.cut.as_slice(), bytes].concat();
            text = &joined;
        }
        let (valid, cut) = match std::str::from_utf8(text) {
            Ok(_) => (true, Vec::new()),
            Err(e) if e.error_len().is_some() => (false, Vec::new()),
            Err(e) => (true, text.get(e.valid_up_to()..).unwrap_or_default().to_vec()),
        };
        self.cut = cut;
        valid
    }

    /// The message has ended.
    pub fn end(&mut self) {
        self.lone_crs += u64::from(self.cr);
        self.has_line_of(self.line);
        self.utf8 = self.utf8 && self.cut.is_empty();
    }

    /// Whether there was nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size_wire == 0
    }

    /// Its size as SMTP counts it (RFC 1870 3): lone CRs become line ends, the last line gets one, dots are not counted.
    #[must_use]
    pub fn size_smtp(&self) -> u64 {
        self.size_wire + self.lone_crs + if self.terminated || self.cr { 0 } else { 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{LoneCr, ToWire};
    use proptest::prelude::*;

    fn facts(bytes: &[u8], step: usize) -> Facts {
        let mut facts = Facts::default();
        bytes.chunks(step).for_each(|piece| facts.push(piece));
        facts.end();
        facts
    }

    #[test]
    fn a_few() {
        let f = facts("A: é\r\n\r\nlong line\nb\u{20ac}".as_bytes(), 100);
        assert!(f.eight_bit_header && f.header_ended && f.utf8 && !f.nul && !f.terminated);
        assert_eq!((f.eight_bit, f.overlong_line, f.lone_crs), (3, 0, 0));
        let f = facts(b"A: b\n", 1);
        assert!(!f.header_ended && f.terminated && !f.is_empty());
        assert!(facts(b"", 1).is_empty() && facts(b"x\n\n\0", 1).nul && !facts(b"\xc3", 1).utf8);
        assert!(facts(b"\n\n--=_x", 1).like_boundary && !facts(b"\n---=_x\n --=_\n-\n-=_", 1).like_boundary);
        assert_eq!(facts(b"a\rb\r", 1).lone_crs, 2);
    }

    proptest! {
        #[test]
        fn they_agree_with_what_is_sent(bytes in proptest::collection::vec(prop_oneof![
            Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'a'), Just(0xc3), Just(0xa9), any::<u8>()
        ], 0..80), step in 1usize..20) {
            let f = facts(&bytes, step);
            prop_assert_eq!(&f, &facts(&bytes, 1000));
            let (mut keep, mut smtp) = (Vec::new(), Vec::new());
            let mut to = ToWire::plain(LoneCr::Keep);
            to.push(&bytes, &mut keep);
            to.finish(&mut keep);
            prop_assert_eq!(f.size_wire, keep.len() as u64);
            let mut to = ToWire::plain(LoneCr::Break);
            to.push(&bytes, &mut smtp);
            to.finish(&mut smtp);
            if !smtp.is_empty() && !smtp.ends_with(b"\n") {
                smtp.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(f.size_smtp(), smtp.len() as u64);
            prop_assert_eq!(f.utf8, std::str::from_utf8(&bytes).is_ok());
        }

        #[test]
        fn long_lines_and_boundaries_are_seen(
            lines in proptest::collection::vec((prop_oneof![0usize..9, 990usize..1005, Just(4000)], 0u8..4), 0..12), step in 1usize..3000
        ) {
            let line = |(len, kind): &(usize, u8)| match kind {
                0 => [&b"--=_"[..], &vec![b'b'; *len]].concat(),
                1 => [&b"x"[..], &vec![b'-'; *len]].concat(),
                2 => [vec![b'x'; *len], b"\r".to_vec()].concat(),
                _ => vec![b'x'; *len],
            };
            let all: Vec<Vec<u8>> = lines.iter().map(line).collect();
            let mut text = b"A: b\n\n".to_vec();
            all.iter().for_each(|line| text.extend_from_slice(&[line, &b"\n"[..]].concat()));
            let f = facts(&text, step);
            prop_assert_eq!(&f, &facts(&text, 100_000));
            let longest = all.iter().map(|l| l.strip_suffix(b"\r").unwrap_or(l).len() as u64).filter(|n| *n > LINE).max();
            prop_assert_eq!(f.overlong_line, longest.unwrap_or(0));
            prop_assert_eq!(f.like_boundary, lines.iter().any(|(_, kind)| *kind == 0));
        }
    }
}
