//! Bodies on their way in: a literal of known length, and one that ends with a dot.

use super::Wire;
use crate::body::Body;
use crate::error::Result;
use crate::text::Undot;

/// A literal on its way in, [`Wire::exact`].
pub struct Exact<'w> {
    wire: &'w mut Wire,
    left: u64,
}

impl<'w> Exact<'w> {
    pub(super) fn new(wire: &'w mut Wire, left: u64) -> Exact<'w> {
        wire.transfer(true);
        Exact { wire, left }
    }

    /// What is still to come.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }
}

impl Body for Exact<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let piece = self.wire.some(self.left)?;
        self.left -= piece.len() as u64;
        Ok(piece)
    }
}

impl Drop for Exact<'_> {
    fn drop(&mut self) {
        self.wire.transfer(false);
    }
}

/// A dot-terminated body on its way in, [`Wire::dotted`].
pub struct Dotted<'w> {
    wire: &'w mut Wire,
    undot: Undot,
    out: Vec<u8>,
}

impl<'w> Dotted<'w> {
    pub(super) fn new(wire: &'w mut Wire) -> Dotted<'w> {
        wire.transfer(true);
        Dotted { wire, undot: Undot::default(), out: Vec::new() }
    }

    /// Whether a CR or LF without the other has been seen, see [`Undot::saw_bare`].
    #[must_use]
    pub fn saw_bare(&self) -> bool {
        self.undot.saw_bare()
    }
}

impl Body for Dotted<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.out.clear();
        while self.out.is_empty() && !self.undot.ended() {
            if self.wire.buffered().is_empty() {
                self.wire.fill()?;
            }
            let used = self.undot.push(self.wire.buffered(), &mut self.out);
            self.wire.start += used;
            let wire = &mut *self.wire;
            if let Some(trace) = &mut wire.trace {
                trace.body(wire.us.other(), &self.out);
                if self.undot.ended() {
                    trace.heard(b".\r\n", &[]);
                }
            }
        }
        Ok(&self.out)
    }
}

impl Drop for Dotted<'_> {
    fn drop(&mut self) {
        self.wire.transfer(false);
    }
}
