//! A compressed connection (RFC 4978, raw DEFLATE of RFC 1951) over any other [`Stream`], and itself one.
//!
//! What is written in one go leaves in one go, up to a byte boundary (a sync flush), so that nobody waits for bits that are held
//! back. As under TLS, a write is told as done only when all of it has left. While nothing happens the compressor is given up: the next
//! write begins with a new one, which the other side can't tell from an old one that finds nothing to refer to.

use super::deadline::Deadline;
use super::stream::{Ready, Stream};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Compressed bytes that are read in one go.
const READ: usize = 8 * 1024;
/// Plain bytes that are made of them in one go.
const PLAIN: usize = 16 * 1024;
/// Plain bytes that are compressed in one go.
const WRITE: usize = 64 * 1024;
/// Silence after which the compressor's memory is better used elsewhere.
const IDLE: Duration = Duration::from_secs(1);
/// So much plain text may come from however little...
const ALLOWED: u64 = 64 * 1024 * 1024;
/// ... and beyond that so many bytes from each. DEFLATE can do a thousand, mail does five.
const RATIO: u64 = 200;
/// Quick, as each flight is waited for.
const LEVEL: u32 = 3;

pub(super) struct Deflated {
    under: Box<dyn Stream>,
    inflate: Decompress,
    /// Whether a peer that sends little that becomes much is cut off.
    bounded: bool,
    came: Buffer,
    plain: Buffer,
    /// The last piece of plain text filled its room: there may be more of it.
    more: bool,
    ended: bool,
    failed: bool,
    deflate: Option<Box<Compress>>,
    leaving: Buffer,
    /// Bytes of the caller's that are in `leaving`.
    held: usize,
}

/// Bytes that are used from the front, and no memory when they are all used.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    at: usize,
}

impl Buffer {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn used(&mut self, n: usize) {
        self.at = self.at.saturating_add(n);
        if self.is_empty() {
            *self = Buffer::default();
        }
    }
}

fn corrupt(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("compression: {why}"))
}

fn progress(before: u64, after: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

impl Deflated {
    pub(super) fn new(under: Box<dyn Stream>, bounded: bool) -> Deflated {
        Deflated {
            under,
            inflate: Decompress::new(false),
            bounded,
            came: Buffer::default(),
            plain: Buffer::default(),
            more: false,
            ended: false,
            failed: false,
            deflate: None,
            leaving: Buffer::default(),
            held: 0,
        }
    }

    /// Makes plain text of what came, if there is none yet; without waiting.
    fn unpack(&mut self) -> io::Result<()> {
        if self.failed {
            return Err(corrupt("the stream is broken"));
        }
        while self.plain.is_empty() && !self.ended && (self.more || !self.came.is_empty()) {
            let mut room = vec![0; PLAIN];
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(self.came.rest(), &mut room, FlushDecompress::None);
            let status = status.map_err(|e| {
                self.failed = true;
                corrupt(e.message().unwrap_or("not DEFLATE"))
            })?;
            let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
            self.came.used(progress(before_in, read));
            let n = progress(before_out, made).min(PLAIN);
            room.truncate(n);
            self.more = n == PLAIN;
            self.plain = Buffer { bytes: room, at: 0 };
            self.ended = status == Status::StreamEnd;
            if self.bounded && made > ALLOWED && made > read.saturating_mul(RATIO) {
                self.failed = true;
                self.plain = Buffer::default();
                return Err(corrupt("too much from too little"));
            }
        }
        Ok(())
    }

    /// Takes what is there from below, until some of it is plain text.
    fn pull(&mut self) -> io::Result<()> {
        loop {
            self.unpack()?;
            if self.ended || !self.plain.is_empty() {
                return Ok(());
            }
            let mut room = vec![0; READ];
            let n = self.under.read(&mut room)?;
            room.truncate(n);
            self.ended = n == 0;
            self.came = Buffer { bytes: room, at: 0 };
        }
    }

    /// Sends what is compressed: all of it, or `WouldBlock`.
    fn push(&mut self) -> io::Result<()> {
        while !self.leaving.is_empty() {
            match self.under.write(self.leaving.rest()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.leaving.used(n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn pack(&mut self, bytes: &[u8]) -> io::Result<()> {
        let deflate = self.deflate.get_or_insert_with(|| Box::new(Compress::new(Compression::new(LEVEL), false)));
        let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
        let mut rest = bytes;
        loop {
            let before = deflate.total_in();
            deflate
                .compress_vec(rest, &mut out, FlushCompress::Sync)
                .map_err(|e| io::Error::other(format!("compression: {e}")))?;
            rest = rest.get(progress(before, deflate.total_in())..).unwrap_or_default();
            // Room that is left over means that the flush is whole.
            if rest.is_empty() && out.len() < out.capacity() {
                break;
            }
            out.reserve(out.len().max(64));
        }
        self.leaving = Buffer { bytes: out, at: 0 };
        self.held = bytes.len();
        Ok(())
    }
}

impl Stream for Deflated {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.pull()?;
        let n = into.len().min(self.plain.rest().len());
        for (to, from) in into.iter_mut().zip(self.plain.rest()) {
            *to = *from;
        }
        self.plain.used(n);
        Ok(n)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held == 0 && !bytes.is_empty() {
            self.pack(bytes.get(..bytes.len().min(WRITE)).unwrap_or_default())?;
        }
        self.push()?;
        Ok(std::mem::take(&mut self.held))
    }

    fn ready(&mut self, read: bool, write: bool, bells: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Ready> {
        loop {
            if read && (self.unpack().is_err() || self.ended || !self.plain.is_empty()) {
                return Ok(Ready { read: true, ..Ready::default() });
            }
            let idle = read && !write && self.held == 0 && self.deflate.is_some();
            let soon = if idle { until.or_earlier(Deadline::after(IDLE)) } else { until };
            let below = self.under.ready(read, write, bells, soon)?;
            if below == Ready::default() && !until.passed() {
                if idle {
                    self.deflate = None;
                }
                continue;
            }
            let mut ready = Ready { read: false, ..below };
            if below.read {
                ready.read = match self.pull() {
                    Ok(()) => true,
                    Err(e) => e.kind() != io::ErrorKind::WouldBlock,
                };
            }
            // Bits that are no text yet are no news.
            if below == Ready::default() || ready != Ready::default() || until.passed() {
                return Ok(ready);
            }
        }
    }

    fn close(&mut self) {
        self.under.close();
    }
}

#[cfg(test)]
mod tests;
