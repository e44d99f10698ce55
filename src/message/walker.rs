//! [`Walker`]: the line-based parser behind [`super::mime::walk`].
//!
//! Every entity that is open lies on a stack; only lines that start with `-` are compared with their boundaries, so large
//! bodies go by at the speed of memchr. A line is held only while it may still be a boundary or an empty line.

use super::header;
use super::mime::{Defect, MAX_DEPTH, MAX_HEADERS, MAX_PARTS, Part};
use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};

/// What the lines mean that come next for the innermost entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Header,
    Body,
}

/// An entity that has begun and not ended.
#[derive(Debug, Default)]
struct Open {
    part: Part,
    /// The header section so far.
    raw: Vec<u8>,
    cut: bool,
    state: State,
    /// What its children are separated by, until the closing boundary was seen.
    boundary: Option<Vec<u8>>,
    in_digest: bool,
    /// Lines of the whole stream before its body.
    lines_before: u64,
}

/// A MIME parser for bytes that are pushed, as they arrive.
pub struct Walker {
    stack: Vec<Open>,
    /// Offset of what comes next.
    at: u64,
    /// The beginning of a line that is still undecided.
    carry: Vec<u8>,
    /// In the middle of a line whose beginning is dealt with.
    mid_line: bool,
    /// Whether the last byte was a CR.
    cr: bool,
    /// How many bytes the last line end had.
    end_len: u64,
    lines: u64,
    parts: usize,
    headers_left: usize,
    /// Longest boundary so far: no longer line needs to be held.
    longest: usize,
    dash: Finder<'static>,
}

impl Default for Walker {
    fn default() -> Walker {
        Walker {
            stack: vec![Open::default()],
            at: 0,
            carry: Vec::new(),
            mid_line: false,
            cr: false,
            end_len: 0,
            lines: 0,
            parts: 1,
            headers_left: MAX_HEADERS,
            longest: 0,
            dash: Finder::new(b"\n-"),
        }
    }
}

impl Walker {
    /// Takes the next bytes of the message, cut anywhere.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let in_body = self.stack.last().is_some_and(|open| open.state == State::Body);
            bytes = if in_body && self.carry.is_empty() && (self.mid_line || bytes.first() != Some(&b'-')) {
                self.skim(bytes)
            } else {
                self.line(bytes)
            };
        }
    }

    /// The message has ended.
    #[must_use]
    pub fn finish(mut self) -> Part {
        if !self.carry.is_empty() {
            let line = std::mem::take(&mut self.carry);
            self.at += line.len() as u64;
            self.whole_line(&line);
        }
        self.close_to(0, self.at, self.at);
        let mut message = self.stack.pop().unwrap_or_default();
        self.end(&mut message, self.at, self.at);
        message.part
    }

    /// Passes over body lines up to the next line that starts with a dash.
    fn skim<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let found = self.dash.find(bytes).map(|at| at + 1);
        let (gone, rest) = bytes.split_at(found.unwrap_or(bytes.len()));
        self.lines += memchr_iter(b'\n', gone).count() as u64;
        self.note_end(gone);
        self.at += gone.len() as u64;
        rest
    }

    /// Remembers how the bytes that went by ended.
    fn note_end(&mut self, gone: &[u8]) {
        match gone {
            [.., b'\r', b'\n'] => self.end_len = 2,
            [b'\n'] => self.end_len = if self.cr { 2 } else { 1 },
            [.., b'\n'] => self.end_len = 1,
            _ => {}
        }
        self.mid_line = gone.last() != Some(&b'\n');
        self.cr = gone.last() == Some(&b'\r');
    }

    /// Deals with the first line of `bytes`, or with as much of it as there is.
    fn line<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let lf = memchr(b'\n', bytes);
        let (piece, rest) = bytes.split_at(lf.map_or(bytes.len(), |at| at + 1));
        if self.mid_line {
            self.text(piece);
        } else if lf.is_some() && self.carry.is_empty() {
            self.at += piece.len() as u64;
            self.whole_line(piece);
        } else {
            self.carry.extend_from_slice(piece);
            if lf.is_some() {
                let line = std::mem::take(&mut self.carry);
                self.at += line.len() as u64;
                self.whole_line(&line);
                self.carry = line;
                self.carry.clear();
            } else if !self.undecided() {
                let line = std::mem::take(&mut self.carry);
                self.text(&line);
            }
        }
        rest
    }

    /// Whether the line that has begun may still become an empty line or a boundary.
    fn undecided(&self) -> bool {
        let dashes = matches!(self.carry.as_slice(), [b'-'] | [b'-', b'-', ..]);
        self.carry == b"\r" || (dashes && self.carry.len() <= self.max_line())
    }

    /// How long a boundary line may be, with the blanks at its end.
    fn max_line(&self) -> usize {
        self.longest + 1024
    }

    /// A piece of a line that is neither empty nor a boundary.
    fn text(&mut self, piece: &[u8]) {
        self.keep(piece);
        self.at += piece.len() as u64;
        self.lines += u64::from(piece.ends_with(b"\n"));
        self.note_end(piece);
    }

    /// Adds to the header section of the innermost entity, if that is where we are.
    fn keep(&mut self, piece: &[u8]) {
        if let Some(open) = self.stack.last_mut().filter(|open| open.state == State::Header) {
            let room = self.headers_left.min(header::MAX.saturating_sub(open.raw.len()));
            let kept = piece.get(..room).unwrap_or(piece);
            open.cut |= kept.len() < piece.len();
            open.raw.extend_from_slice(kept);
            self.headers_left -= kept.len();
        }
    }

    /// A whole line; `self.at` is behind it already.
    fn whole_line(&mut self, line: &[u8]) {
        let start = self.at - line.len() as u64;
        let in_header = self.stack.last().is_some_and(|open| open.state == State::Header);
        if let Some((index, closes)) = self.delimiter(line) {
            self.boundary(index, closes, start);
            self.lines += u64::from(line.ends_with(b"\n"));
            self.note_end(line);
        } else if in_header && matches!(line, b"\n" | b"\r\n") {
            self.keep(line);
            self.lines += 1;
            self.note_end(line);
            self.begin_body();
        } else {
            self.at = start;
            self.text(line);
        }
    }

    /// Whether the line is a boundary: of which entity, and whether the closing one.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        if line.len() > self.max_line() {
            return None;
        }
        let line = line.strip_prefix(b"--")?.trim_ascii_end();
        self.stack.iter().enumerate().rev().find_map(|(index, open)| {
            let rest = line.strip_prefix(open.boundary.as_deref()?)?;
            match rest {
                b"" => Some((index, false)),
                b"--" => Some((index, true)),
                _ => None,
            }
        })
    }

    fn boundary(&mut self, index: usize, closes: bool, start: u64) {
        // The line end before a boundary belongs to it (RFC 2046 5.1.1).
        self.close_to(index, start.saturating_sub(self.end_len), start);
        let full = self.parts >= MAX_PARTS;
        let Some(open) = self.stack.get_mut(index) else { return };
        if closes {
            open.boundary = None;
        } else if !full {
            let in_digest = open.part.content_type.is("multipart", "digest");
            self.begin(in_digest);
        } else if !open.part.defects.contains(&Defect::TooMany) {
            open.part.defects.push(Defect::TooMany);
        }
    }

    /// The header section of the innermost entity has ended.
    fn begin_body(&mut self) {
        let depth = self.stack.len();
        let full = self.parts >= MAX_PARTS;
        let (at, lines) = (self.at, self.lines);
        let Some(open) = self.stack.last_mut() else { return };
        open.read_header(at);
        open.state = State::Body;
        open.lines_before = lines;
        let kind = &open.part.content_type;
        let multipart = kind.kind == "multipart";
        let message = kind.kind == "message" && matches!(kind.subtype.as_str(), "rfc822" | "global");
        let message = message && open.part.encoding.is_identity();
        if !multipart && !message {
            return;
        }
        if depth >= MAX_DEPTH {
            open.part.defects.push(Defect::TooDeep);
        } else if multipart {
            open.boundary = open.part.boundary();
            match &open.boundary {
                Some(boundary) => self.longest = self.longest.max(boundary.len()),
                None => open.part.defects.push(Defect::NoBoundary),
            }
        } else if full {
            open.part.defects.push(Defect::TooMany);
        } else {
            self.begin(false);
        }
    }

    /// A new entity starts here.
    fn begin(&mut self, in_digest: bool) {
        let header_at = self.at..self.at;
        self.stack.push(Open { part: Part { header_at, ..Part::default() }, in_digest, ..Open::default() });
        self.parts += 1;
    }

    /// Ends every entity above `index`. Their bodies end at `end`, before the line end that belongs to the boundary line at
    /// `start`; unless that line end belongs to a header section, because the innermost body is empty.
    fn close_to(&mut self, index: usize, end: u64, start: u64) {
        let mut end = end;
        while self.stack.len() > index + 1 {
            let Some(mut open) = self.stack.pop() else { return };
            self.end(&mut open, end, start);
            end = end.max(open.part.body_at.end);
            if let Some(parent) = self.stack.last_mut() {
                parent.part.parts.push(open.part);
            }
        }
    }

    /// Fills in where an entity ended.
    fn end(&self, open: &mut Open, end: u64, start: u64) {
        if open.state == State::Header {
            open.read_header(start);
            open.part.defects.push(Defect::NoEmptyLine);
            return;
        }
        if open.boundary.is_some() {
            open.part.defects.push(Defect::NotClosed);
        }
        open.part.body_at.end = end.max(open.part.body_at.start);
        let taken = u64::from(open.part.body_at.end < start);
        open.part.lines = self.lines.saturating_sub(open.lines_before).saturating_sub(taken);
    }
}

impl Open {
    /// The header section ends at `at`, and the body begins.
    fn read_header(&mut self, at: u64) {
        let mut raw = std::mem::take(&mut self.raw);
        if self.cut {
            raw.truncate(memrchr(b'\n', &raw).map_or(0, |lf| lf + 1));
        }
        let header_at = self.part.header_at.start..at;
        self.part = Part::open(raw, self.in_digest);
        self.part.header_at = header_at;
        self.part.body_at = at..at;
        if self.cut {
            self.part.header.set_cut(true);
            self.part.defects.push(Defect::HeaderCut);
        }
    }
}

#[cfg(test)]
mod tests;
