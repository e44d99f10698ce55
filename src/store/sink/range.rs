//! Where a message was to be in a file that is appended to, and whether it is there: for the journal of an mbox.
//!
//! An append that was killed ends anywhere. What it has written is known by hashes of the message's beginnings, one up to each
//! page of the file, because a write that is killed ends where a page does; so nothing is ever cut that another program wrote.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

const PAGE: u64 = 4096;
/// A message of more pages is known when it is whole, and not in part.
const MARKS: usize = 1 << 14;

/// A message's bytes in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    start: u64,
    end: u64,
    /// What hashes to what: the position, and the hash of all from the start to there. The last one is the end.
    marks: Vec<(u64, u64)>,
}

/// What of it is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All.
    Whole,
    /// Its beginning, with nothing behind it: the file should be cut at the start.
    Torn,
    /// Nothing that it is safe to say anything about.
    Other,
}

impl Range {
    /// The range of `len` bytes that will be at `start`.
    pub(super) fn of(start: u64, len: u64, bytes: &mut dyn Read) -> io::Result<Range> {
        let end = start.saturating_add(len);
        let mut range = Range { start, end, marks: Vec::new() };
        let mut hasher = DefaultHasher::new();
        let mut at = start;
        while at < end {
            let stop = next_page(at).min(end);
            let mut page = Vec::new();
            if bytes.take(stop - at).read_to_end(&mut page)? as u64 != stop - at {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            hasher.write(&page);
            at = stop;
            if at == end || range.marks.len() < MARKS {
                range.marks.push((at, hasher.finish()));
            }
        }
        Ok(range)
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Looks what the file has of it.
    pub(super) fn part(&self, file: &File) -> io::Result<Part> {
        let len = file.metadata()?.len();
        let mut hasher = DefaultHasher::new();
        let (mut at, mut part) = (self.start, Part::Other);
        for (mark, hash) in &self.marks {
            while at < (*mark).min(len) {
                let mut page = [0; PAGE as usize];
                let want = usize::try_from(next_page(at).min(*mark).min(len) - at).unwrap_or(page.len());
                let Some(piece) = page.get_mut(..want) else { return Ok(Part::Other) };
                file.read_exact_at(piece, at)?;
                hasher.write(piece);
                at += want as u64;
            }
            match at == *mark && hasher.finish() == *hash {
                true if at == self.end => part = Part::Whole,
                true if at == len => part = Part::Torn,
                true => {}
                false => break,
            }
        }
        Ok(part)
    }

    pub(super) fn encode(&self) -> String {
        let mut text = format!("{} {}", self.start, self.end);
        for (at, hash) in &self.marks {
            text.push_str(&format!(" {at} {hash:x}"));
        }
        text
    }

    pub(super) fn decode(text: &str) -> Option<Range> {
        let mut words = text.split(' ');
        let (start, end) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let mut range = Range { start, end, marks: Vec::new() };
        while let Some(at) = words.next() {
            let at = at.parse().ok()?;
            let last = range.marks.last().map_or(start, |(last, _)| *last);
            if at <= last || at > end {
                return None;
            }
            range.marks.push((at, u64::from_str_radix(words.next()?, 16).ok()?));
        }
        (range.marks.last()?.0 == end).then_some(range)
    }
}

/// The first end of a page behind `at`.
pub(super) fn next_page(at: u64) -> u64 {
    (at / PAGE).saturating_add(1).saturating_mul(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_what_is_known_is_cut() {
        let message: Vec<u8> = (0..20_000u32).map(|i| b'a' + (i % 26) as u8).collect();
        let before = b"other mail\n".repeat(500);
        let start = before.len() as u64;
        let range = Range::of(start, message.len() as u64, &mut message.as_slice()).unwrap();
        assert_eq!(Range::decode(&range.encode()), Some(range.clone()));
        let there = |parts: &[&[u8]]| {
            let mut file = tempfile::tempfile().unwrap();
            parts.iter().for_each(|part| file.write_all(part).unwrap());
            range.part(&file).unwrap()
        };
        assert_eq!(there(&[&before, &message]), Part::Whole);
        assert_eq!(there(&[&before, &message, b"From later\n"]), Part::Whole);
        assert_eq!(there(&[&before]), Part::Other);
        let page = usize::try_from(next_page(next_page(start)) - start).unwrap();
        assert_eq!(there(&[&before, &message[..page]]), Part::Torn);
        assert_eq!(there(&[&before, &message[..page], b"x"]), Part::Other);
        assert_eq!(there(&[&before, &message[..page - 1], b"x"]), Part::Other);
        assert_eq!(there(&[&before, b"From another\n"]), Part::Other);
        assert_eq!(there(&[b"short"]), Part::Other);
        for bad in ["", "1", "1 2", "1 2 3 4", "5 9 9", "5 9 6 x", "5 9 6 1", "5 9 9 1 8 1"] {
            assert_eq!(Range::decode(bad), None, "{bad}");
        }
    }
}
