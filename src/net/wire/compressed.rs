//! From a plain or secure wire to a compressed one, for both sides (RFC 4978).

use super::secure::Gone;
use super::{Side, Wire};
use crate::error::{Error, Result};
use crate::net::deflate::Deflated;

impl Wire {
    /// Whether what is said is compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// From the next byte on, both sides compress. What was put so far leaves as it is. Traces show what is meant, not what is sent.
    ///
    /// # Errors
    /// 75: it is closed; 76: the other side has sent something already, which can't be compressed.
    pub fn compress(&mut self) -> Result<()> {
        self.flush()?;
        if !self.buffered().is_empty() {
            self.close();
            self.ended = true;
            return Err(Error::protocol("says more than it was asked before compression").at(&self.peer));
        }
        if self.ended || self.broken || self.compressed {
            return Err(self.gone("closed by the other side"));
        }
        let under = std::mem::replace(&mut self.io, Box::new(Gone));
        self.io = Box::new(Deflated::new(under, self.us == Side::Server));
        self.compressed = true;
        Ok(())
    }
}
