//! Parts of a message, read in order.

use crate::body::Body;
use crate::error::Result;
use crate::store::spool::Spool;
use std::ops::Range;

/// Keeps all of a body, to be read more than once.
///
/// # Errors
/// Those of the body and of the spool.
pub(super) fn spool(body: &mut dyn Body, mut seen: impl FnMut(&[u8])) -> Result<Spool> {
    let mut spool = Spool::new();
    pour(body, &mut |piece| {
        seen(piece);
        spool.push(piece)
    })?;
    Ok(spool)
}

/// Gives all of a body away, piece by piece.
///
/// # Errors
/// Those of the body, and of who takes it.
pub(super) fn pour(from: &mut dyn Body, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    loop {
        let piece = from.chunk()?;
        if piece.is_empty() {
            return Ok(());
        }
        take(piece)?;
    }
}

/// Puts a range of one spool behind what is in another.
///
/// # Errors
/// Those of both.
pub(super) fn copy(from: &mut Spool, range: &Range<u64>, to: &mut Spool) -> Result<()> {
    pour(&mut from.part(range)?, &mut |piece| to.push(piece))
}

/// Reads ranges of a body, each behind the one before.
pub(super) struct Cursor<B> {
    from: B,
    /// Offset of the rest of `piece`.
    at: u64,
    piece: Vec<u8>,
    used: usize,
}

impl<B: Body> Cursor<B> {
    /// At the beginning.
    pub(super) fn new(from: B) -> Cursor<B> {
        Cursor { from, at: 0, piece: Vec::new(), used: 0 }
    }

    /// The bytes of `range`; what lies before it is passed over.
    pub(super) fn range(&mut self, range: &Range<u64>) -> Slice<'_, B> {
        Slice { cursor: self, range: range.clone() }
    }
}

/// A range of a body.
pub(super) struct Slice<'c, B> {
    cursor: &'c mut Cursor<B>,
    range: Range<u64>,
}

impl<B: Body> Body for Slice<'_, B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        let Cursor { from, at, piece, used } = &mut *self.cursor;
        loop {
            if *at >= self.range.end {
                return Ok(&[]);
            }
            if *used == piece.len() {
                piece.clear();
                piece.extend_from_slice(from.chunk()?);
                *used = 0;
                if piece.is_empty() {
                    return Ok(&[]);
                }
            }
            let rest = (piece.len() - *used) as u64;
            let skip = self.range.start.saturating_sub(*at).min(rest);
            let take = if skip > 0 { 0 } else { (self.range.end - *at).min(rest) };
            let start = *used;
            *at += skip + take;
            *used += usize::try_from(skip + take).unwrap_or_default();
            if take > 0 {
                return Ok(piece.get(start..*used).unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_in_order() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        let mut cursor = Cursor::new(bytes.as_slice());
        for range in [3..10, 10..10, 10..40_000, 65_000..65_001, 99_990..200_000] {
            let got = cursor.range(&range).whole(100_000).unwrap().unwrap();
            let end = (range.end as usize).min(bytes.len());
            assert_eq!(got, bytes[range.start as usize..end], "{range:?}");
        }
    }
}
