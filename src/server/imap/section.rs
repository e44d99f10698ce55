//! Pieces of a message in wire form, streamed out of its file, and what is remembered between FETCHes of one message.
//!
//! Files hold LF line ends, IMAP counts CRLF: an offset on the wire is found by reading up to it. Clients that fetch a
//! large message in pieces go through it in order, so the place where the last piece ended is remembered, and so is the
//! structure of the message; both only as long as FETCH follows FETCH.

use crate::body::{Body, CHUNK};
use crate::error::{Local, Result};
use crate::message::decode::decoded;
use crate::message::header::{Collect, Header};
use crate::message::mime::{self, Encoding, Part};
use crate::proto::imap::section::{Of, Section};
use crate::text::{LoneCr, ToWire};
use memchr::memchr;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

/// The same place in a file and on the wire, not within a line end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    file: u64,
    wire: u64,
}

/// What is remembered of one message.
#[derive(Default)]
pub(super) struct Reading {
    uid: u32,
    place: Place,
    tree: Option<Rc<Part>>,
}

/// A range of a message in wire form.
pub(super) struct Pieces<'f> {
    file: &'f File,
    /// Where the next read begins.
    at: Place,
    to: ToWire,
    buffer: Vec<u8>,
    out: Vec<u8>,
    skip: u64,
    left: u64,
    ended: bool,
    /// The last place that a later range can begin from.
    place: Place,
}

impl<'f> Pieces<'f> {
    /// `range` counts bytes on the wire; `from` is a place before it.
    pub(super) fn new(file: &'f File, range: Range<u64>, from: Place) -> Pieces<'f> {
        let from = if from.wire <= range.start { from } else { Place::default() };
        Pieces {
            file,
            at: from,
            to: ToWire::plain(LoneCr::Keep),
            buffer: Vec::new(),
            out: Vec::new(),
            skip: range.start.saturating_sub(from.wire),
            left: range.end.saturating_sub(range.start),
            ended: false,
            place: from,
        }
    }

    /// The whole message.
    pub(super) fn all(file: &'f File) -> Pieces<'f> {
        Pieces::new(file, 0..u64::MAX, Place::default())
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Reads and converts the next block.
    fn block(&mut self) -> Result<()> {
        self.buffer.resize(CHUNK, 0);
        let n = loop {
            match self.file.read_at(&mut self.buffer, self.at.file) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.local("message")?,
            }
        };
        self.out.clear();
        self.buffer.truncate(n);
        if self.buffer.is_empty() {
            self.ended = true;
            self.to.finish(&mut self.out);
        } else {
            self.to.push(&self.buffer, &mut self.out);
        }
        self.at.file = self.at.file.saturating_add(n as u64);
        self.at.wire = self.at.wire.saturating_add(self.out.len() as u64);
        Ok(())
    }
}

impl Body for Pieces<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        loop {
            if self.left == 0 || self.ended {
                return Ok(&[]);
            }
            // A CR at the end of a block is not converted yet: no place to begin from.
            if self.buffer.last() != Some(&b'\r') {
                self.place = self.at;
            }
            self.block()?;
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.out.len());
            self.skip -= skipped as u64;
            let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.out.len() - skipped);
            self.left -= want as u64;
            if want > 0 {
                return Ok(self.out.get(skipped..skipped + want).unwrap_or_default());
            }
        }
    }
}

/// What a section is.
pub(super) enum Found {
    /// A range of the message in wire form.
    Range(Range<u64>),
    /// Bytes made for the occasion: chosen header fields.
    Bytes(Vec<u8>),
    /// There is no such part.
    Nothing,
}

/// One message that is being looked at.
pub(super) struct Opened<'r> {
    pub(super) file: File,
    /// Its size in wire form, if one of the items needs it.
    size: u64,
    reading: &'r mut Reading,
    header: Option<(Header, u64)>,
}

impl<'r> Opened<'r> {
    pub(super) fn new(file: File, uid: u32, size: u64, reading: &'r mut Reading) -> Opened<'r> {
        if reading.uid != uid {
            *reading = Reading { uid, ..Reading::default() };
        }
        Opened { file, size, reading, header: None }
    }

    /// A range of it.
    pub(super) fn pieces(&self, range: Range<u64>) -> Pieces<'_> {
        Pieces::new(&self.file, range, self.reading.place)
    }

    pub(super) fn remember(&mut self, place: Place) {
        self.reading.place = place;
    }

    /// Its structure.
    pub(super) fn tree(&mut self) -> Result<Rc<Part>> {
        if let Some(tree) = &self.reading.tree {
            return Ok(Rc::clone(tree));
        }
        let tree = Rc::new(mime::walk(&mut Pieces::all(&self.file))?);
        self.reading.tree = Some(Rc::clone(&tree));
        Ok(tree)
    }

    /// Its header, and where that ends.
    pub(super) fn header(&mut self) -> Result<&(Header, u64)> {
        if self.header.is_none() {
            self.header = Some(read_header(&self.file)?);
        }
        // Just made.
        Ok(self.header.get_or_insert_default())
    }

    /// Where a part's content is, and how it is encoded for its journey; `None`: there is no such part. A message is not encoded as a
    /// whole, nor is a multipart (RFC 2045 6.4).
    pub(super) fn content(&mut self, part: &[u32]) -> Result<Option<(Range<u64>, Encoding)>> {
        if part.is_empty() {
            return Ok(Some((0..self.size, Encoding::Binary)));
        }
        let tree = self.tree()?;
        Ok(tree.section(part).map(|part| {
            let whole = part.is_multipart() || part.message().is_some();
            (part.body_at.clone(), if whole { Encoding::Binary } else { part.encoding.clone() })
        }))
    }

    /// How many bytes a range has when it is decoded, and whether one of them is NUL.
    pub(super) fn decoded_size(&self, range: Range<u64>, encoding: &Encoding) -> Result<(u64, bool)> {
        let mut body = decoded(self.pieces(range), encoding);
        let (mut size, mut nul) = (0u64, false);
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                return Ok((size, nul));
            }
            size = size.saturating_add(piece.len() as u64);
            nul = nul || memchr(0, piece).is_some();
        }
    }

    /// Where a section is.
    pub(super) fn find(&mut self, section: &Section) -> Result<Found> {
        if section.part.is_empty() {
            let size = self.size;
            return Ok(match &section.what {
                Of::Whole => Found::Range(0..size),
                Of::Header => Found::Range(0..self.header()?.1),
                Of::Text => Found::Range(self.header()?.1.min(size)..size),
                Of::Fields(names) => Found::Bytes(chosen(&self.header()?.0, names, true)),
                Of::FieldsNot(names) => Found::Bytes(chosen(&self.header()?.0, names, false)),
                Of::Mime => Found::Nothing,
            });
        }
        let tree = self.tree()?;
        let Some(part) = tree.section(&section.part) else { return Ok(Found::Nothing) };
        Ok(match (&section.what, part.message()) {
            (Of::Whole, _) => Found::Range(part.body_at.clone()),
            (Of::Mime, _) => Found::Range(part.header_at.clone()),
            (_, None) => Found::Nothing,
            (Of::Header, Some(message)) => Found::Range(message.header_at.clone()),
            (Of::Text, Some(message)) => Found::Range(message.body_at.clone()),
            (Of::Fields(names), Some(message)) => Found::Bytes(chosen(&message.header, names, true)),
            (Of::FieldsNot(names), Some(message)) => Found::Bytes(chosen(&message.header, names, false)),
        })
    }
}

/// A message's header in wire form, and where it ends.
pub(super) fn read_header(file: &File) -> Result<(Header, u64)> {
    let mut pieces = Pieces::all(file);
    let mut collect = Collect::default();
    let mut end = 0u64;
    loop {
        let piece = pieces.chunk()?;
        if piece.is_empty() {
            return Ok((collect.finish(), end));
        }
        if let Some(n) = collect.push(piece) {
            return Ok((collect.finish(), end.saturating_add(n as u64)));
        }
        end = end.saturating_add(piece.len() as u64);
    }
}

/// The fields with (or without) these names, in their order, and the empty line (RFC 3501 6.4.5).
pub(super) fn chosen(header: &Header, names: &[String], with: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for field in header.fields() {
        if names.iter().any(|name| field.is(name)) == with {
            out.extend_from_slice(field.raw);
            if !field.raw.ends_with(b"\n") {
                out.extend_from_slice(b"\r\n");
            }
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_range_is_a_piece_of_the_wire_form(
            unit in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a')], 1..40),
            times in 1usize..3000, cuts in proptest::collection::vec(0u64..200_000, 1..6),
        ) {
            let bytes = unit.repeat(times);
            let mut wire = Vec::new();
            let mut to = ToWire::plain(LoneCr::Keep);
            to.push(&bytes, &mut wire);
            to.finish(&mut wire);
            let file = file(&bytes);
            let mut place = Place::default();
            let mut cuts = cuts;
            cuts.sort_unstable();
            for pair in cuts.windows(2) {
                let mut pieces = Pieces::new(&file, pair[0]..pair[1], place);
                let got = pieces.whole(1 << 20).unwrap().unwrap();
                let size = wire.len() as u64;
                let expect = &wire[pair[0].min(size) as usize..pair[1].min(size) as usize];
                prop_assert_eq!(got.as_slice(), expect);
                place = pieces.place();
            }
        }
    }

    #[test]
    fn a_cr_at_the_end_is_not_lost_between_ranges() {
        let file = file(b"a\nb\r");
        let mut pieces = Pieces::new(&file, 0..9, Place::default());
        assert_eq!(pieces.whole(100).unwrap().unwrap(), b"a\r\nb\r");
        let mut last = Pieces::new(&file, 4..5, pieces.place());
        assert_eq!(last.whole(100).unwrap().unwrap(), b"\r");
    }

    #[test]
    fn headers_end_at_the_empty_line_or_at_the_end() {
        for (text, end) in [("A: b\n\nbody\n", 8), ("A: b\n", 6), ("\nbody", 2), ("", 0), ("A: b\r\nC: d\r\n\r\nx", 14)]
        {
            let (header, at) = read_header(&file(text.as_bytes())).unwrap();
            assert_eq!(at, end, "{text:?}");
            assert_eq!(header.get("A").is_some(), text.starts_with('A'));
        }
        let (header, _) = read_header(&file(b"From: a\nTO: b\n c\nX: y")).unwrap();
        assert_eq!(chosen(&header, &["to".into(), "nix".into()], true), b"TO: b\r\n c\r\n\r\n");
        assert_eq!(chosen(&header, &["to".into()], false), b"From: a\r\nX: y\r\n\r\n");
    }
}
