//! [`Body`]: bytes that arrive in pieces, so that a message of any size streams through in constant memory.
//!
//! Not `std::io::Read`: a `Body` says with a typed [`Error`](crate::error::Error) what happened at *its* end (the peer
//! hung up: 75; the disk failed: 74), so that a copy loop never mixes up the two sides, and it lends its own buffer
//! instead of filling another.

use crate::error::{Local, Result};
use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Arc;

/// How much is read or written in one go.
pub const CHUNK: usize = 32 * 1024;

/// A stream of bytes that is pulled.
pub trait Body {
    /// The next piece, never empty before the end; an empty piece is the end (and so is every one after it).
    ///
    /// # Errors
    /// Whatever happened at the source: 66 and 74 for local files, 75 and 76 for peers.
    fn chunk(&mut self) -> Result<&[u8]>;

    /// The regular file that it reads, and from where the rest comes, for who would rather read that twice than keep it.
    fn file(&self) -> Option<(&File, u64)> {
        None
    }

    /// Everything that is left, if that is at most `max` bytes; `None` if it is more.
    ///
    /// # Errors
    /// As [`Body::chunk`].
    fn whole(&mut self, max: usize) -> Result<Option<Vec<u8>>> {
        let mut all = Vec::new();
        loop {
            let piece = self.chunk()?;
            if piece.is_empty() {
                return Ok(Some(all));
            }
            if all.len() + piece.len() > max {
                return Ok(None);
            }
            all.extend_from_slice(piece);
        }
    }

    /// Everything that is left, but at most its first `max` bytes.
    ///
    /// # Errors
    /// As [`Body::chunk`].
    fn start(&mut self, max: usize) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < max {
            let piece = self.chunk()?;
            if piece.is_empty() {
                break;
            }
            all.extend_from_slice(piece);
        }
        all.truncate(max);
        Ok(all)
    }

    /// Whether this text is in what is left, which may be read to the end for that.
    ///
    /// # Errors
    /// As [`Body::chunk`].
    fn holds(&mut self, text: &[u8]) -> Result<bool> {
        let mut window = Vec::new();
        loop {
            let piece = self.chunk()?;
            if piece.is_empty() {
                return Ok(false);
            }
            window.extend_from_slice(piece);
            if memchr::memmem::find(&window, text).is_some() {
                return Ok(true);
            }
            // What may begin it stays.
            window.drain(..window.len().saturating_sub(text.len()));
        }
    }

    /// Reads to the end and drops it; returns how many bytes that were.
    ///
    /// # Errors
    /// As [`Body::chunk`].
    fn skip(&mut self) -> Result<u64> {
        let mut n = 0;
        loop {
            match self.chunk()?.len() {
                0 => return Ok(n),
                len => n += len as u64,
            }
        }
    }
}

/// Bytes that can be read more than once: a message that goes out in several transactions, or that must be known first.
pub trait Rewind {
    /// Reads it from its start.
    ///
    /// # Errors
    /// 74: the file that it is in.
    fn rewind(&mut self) -> Result<Box<dyn Body + '_>>;
}

impl Rewind for &[u8] {
    fn rewind(&mut self) -> Result<Box<dyn Body + '_>> {
        Ok(Box::new(*self))
    }
}

/// Bytes in memory.
impl Body for &[u8] {
    fn chunk(&mut self) -> Result<&[u8]> {
        let (now, rest) = self.split_at(self.len().min(CHUNK));
        *self = rest;
        Ok(now)
    }
}

impl<B: Body + ?Sized> Body for &mut B {
    fn chunk(&mut self) -> Result<&[u8]> {
        (**self).chunk()
    }

    fn file(&self) -> Option<(&File, u64)> {
        (**self).file()
    }
}

impl<B: Body + ?Sized> Body for Box<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        (**self).chunk()
    }
}

/// A local file or pipe as a [`Body`]; its read errors are 74 with `name` in front.
pub struct FileBody<R> {
    from: R,
    name: String,
    buffer: Vec<u8>,
    file: Option<Arc<File>>,
}

impl<R: Read> FileBody<R> {
    /// Reads `from`, which is called `name` in errors.
    pub fn new(from: R, name: impl Into<String>) -> FileBody<R> {
        FileBody { from, name: name.into(), buffer: Vec::new(), file: None }
    }

    /// Says that it reads this regular file, by the same descriptor or one that shares its offset.
    #[must_use]
    pub fn of(self, file: Option<Arc<File>>) -> FileBody<R> {
        FileBody { file, ..self }
    }
}

impl<R: Read> Body for FileBody<R> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.buffer.resize(CHUNK, 0);
        loop {
            match self.from.read(&mut self.buffer) {
                Ok(n) => return Ok(self.buffer.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e).local(&self.name),
            }
        }
    }

    fn file(&self) -> Option<(&File, u64)> {
        let mut file = self.file.as_deref()?;
        let at = file.stream_position().ok()?;
        Some((file, at))
    }
}

/// A [`Body`] of which at most `n` more bytes are shown.
pub struct Take<B> {
    from: B,
    left: u64,
}

impl<B: Body> Take<B> {
    /// The first `n` bytes of `from`.
    pub fn new(from: B, n: u64) -> Take<B> {
        Take { from, left: n }
    }
}

impl<B: Body> Body for Take<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let piece = self.from.chunk()?;
        let n = usize::try_from(self.left).map_or(piece.len(), |left| left.min(piece.len()));
        self.left -= n as u64;
        Ok(piece.get(..n).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_files_and_takes() {
        let bytes = vec![7u8; CHUNK + 5];
        let mut b = bytes.as_slice();
        assert_eq!(b.chunk().unwrap().len(), CHUNK);
        assert_eq!(b.chunk().unwrap().len(), 5);
        assert!(b.chunk().unwrap().is_empty());
        let mut f = FileBody::new(bytes.as_slice(), "x");
        assert_eq!(f.skip().unwrap(), bytes.len() as u64);
        assert_eq!(Take::new(bytes.as_slice(), 40_000).skip().unwrap(), bytes.len().min(40_000) as u64);
        assert_eq!(Take::new(&b"abcdef"[..], 4).whole(10).unwrap().unwrap(), b"abcd");
        assert!((&b"abcdef"[..]).whole(3).unwrap().is_none());
        let across = [vec![b'x'; CHUNK - 2], b"abcdef".to_vec()].concat();
        assert!(across.as_slice().holds(b"abcdef").unwrap() && !across.as_slice().holds(b"abcdex").unwrap());
    }
}
