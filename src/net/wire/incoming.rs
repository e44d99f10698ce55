//! What comes in: as it is read, and as bodies (a literal of known length, one that ends with a dot).

use super::{STOPPED, Wire};
use crate::body::{Body, CHUNK};
use crate::error::Result;
use crate::text::Undot;
use std::io;
use std::os::fd::AsFd;

impl Wire {
    /// One read, if there is something: `WouldBlock` if not.
    pub(super) fn fill_now(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.input.drain(..self.start);
            self.scanned = self.scanned.saturating_sub(self.start);
            self.start = 0;
        }
        let had = self.input.len();
        self.input.resize(had + CHUNK, 0);
        let got = loop {
            match self.io.read(self.input.get_mut(had..).unwrap_or_default()) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.input.truncate(had + got.as_ref().copied().unwrap_or(0));
        match got {
            Ok(0) => self.ended = true,
            Ok(n) => self.moved(n as u64),
            Err(ref e) if e.kind() == io::ErrorKind::WouldBlock => {
                if had == 0 {
                    self.input = Vec::new();
                }
            }
            Err(_) => self.ended = true,
        }
        got.map(|_| ())
    }

    /// Waits for more input.
    pub(super) fn fill(&mut self) -> Result<()> {
        if self.fill_or_end()? { Ok(()) } else { Err(self.gone("closed by the other side")) }
    }

    /// Waits for more input; whether there is any, or the other side has ended the connection.
    fn fill_or_end(&mut self) -> Result<bool> {
        self.flush()?;
        loop {
            if self.ended {
                return Ok(false);
            }
            // Also for one that never stops talking.
            if self.effective().passed() {
                return Err(self.late());
            }
            match self.fill_now() {
                Ok(()) if !self.ended => return Ok(true),
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    // Who is in the middle of a message may finish it.
                    let stop = self.stop.as_ref().filter(|_| self.pace.is_none()).map(AsFd::as_fd);
                    match self.io.ready(true, false, stop.as_slice(), self.effective()) {
                        Ok(ready) if ready.read => {}
                        Ok(ready) if ready.bell.is_some() => return Err(self.gone(STOPPED)),
                        Ok(_) => return Err(self.late()),
                        Err(e) => return Err(self.failed(&e)),
                    }
                }
                Err(e) => return Err(self.failed(&e)),
            }
        }
    }

    /// The next bytes, at most `max` of them; none at the end that the other side has put to the connection. One that is cut
    /// off without the end that TLS demands is an error.
    ///
    /// # Errors
    /// 75: the connection is lost, or the deadline passed.
    pub(in crate::net) fn some_or_end(&mut self, max: u64) -> Result<&[u8]> {
        if self.buffered().is_empty() && !self.fill_or_end()? {
            return Ok(&[]);
        }
        self.some(max)
    }
}

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
