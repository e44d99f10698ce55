//! [`Spool`]: a message that must be known before it is sent: 64 KiB in memory, the rest in an unlinked file (0600), rewindable.
//! What is in a regular file already is not copied, but read again, and must be the same then.

use crate::body::{Body, CHUNK, FileBody, Rewind, Take};
use crate::error::{Error, Local, Result};
use crate::store::disk;
use flate2::Crc;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// What is kept in memory.
const MEMORY: usize = 64 * 1024;

/// Bytes that were read once and can be read again.
#[derive(Default)]
pub struct Spool {
    memory: Vec<u8>,
    file: Option<BufWriter<File>>,
    len: u64,
    kept: Option<Kept>,
}

/// The end of a message in a file of somebody else's.
struct Kept {
    file: File,
    from: u64,
    len: u64,
    crc: Crc,
}

impl Spool {
    /// An empty one.
    #[must_use]
    pub fn new() -> Spool {
        Spool::default()
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// 73, 74: the temporary directory.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.len += bytes.len() as u64;
        if let Some(kept) = &mut self.kept {
            kept.len += bytes.len() as u64;
            kept.crc.update(bytes);
            return Ok(());
        }
        if let Some(file) = &mut self.file {
            return file.write_all(bytes).local("temporary file");
        }
        if self.memory.len() + bytes.len() <= MEMORY {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        // Unlinked before it holds anything: nobody else ever sees it, and it goes with the process.
        let mut file =
            BufWriter::with_capacity(MEMORY, disk::unnamed(&std::env::temp_dir()).creating("temporary file")?);
        file.write_all(&self.memory).and_then(|()| file.write_all(bytes)).local("temporary file")?;
        self.memory = Vec::new();
        self.file = Some(file);
        Ok(())
    }

    /// What is pushed from now on is what `body` has still to give. If that is a good deal in a regular file, it is not copied.
    ///
    /// # Errors
    /// 74: the file can't be asked for its size.
    pub fn rest_of(&mut self, body: &dyn Body) -> Result<()> {
        let Some((file, from)) = body.file() else { return Ok(()) };
        let size = file.metadata().local("the message's file")?.len();
        if size.saturating_sub(from) > MEMORY as u64 && self.file.is_none() {
            let file = file.try_clone().local("the message's file")?;
            self.kept = Some(Kept { file, from, len: 0, crc: Crc::new() });
        }
        Ok(())
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads the bytes of `range`.
    ///
    /// # Errors
    /// 74: the temporary file.
    pub fn part(&mut self, range: &Range<u64>) -> Result<Take<SpoolBody<'_>>> {
        let inner = match (&mut self.file, &self.kept) {
            (_, Some(_)) => return Err(Error::internal("a part of what is read again")),
            (None, None) => {
                let from = usize::try_from(range.start).unwrap_or(usize::MAX);
                Inner::Memory(self.memory.get(from..).unwrap_or_default())
            }
            (Some(file), None) => {
                file.seek(SeekFrom::Start(range.start)).local("temporary file")?;
                Inner::File(FileBody::new(file.get_mut(), "temporary file"))
            }
        };
        Ok(Take::new(SpoolBody(inner), range.end.saturating_sub(range.start)))
    }

    /// Reads it from its start.
    ///
    /// # Errors
    /// 74: the temporary file.
    pub fn body(&mut self) -> Result<SpoolBody<'_>> {
        match (&mut self.file, &self.kept) {
            (None, None) => Ok(SpoolBody(Inner::Memory(&self.memory))),
            (_, Some(kept)) => Ok(SpoolBody(Inner::Kept(&self.memory, Again::new(kept)))),
            (Some(file), None) => {
                file.seek(SeekFrom::Start(0)).local("temporary file")?;
                Ok(SpoolBody(Inner::File(FileBody::new(file.get_mut(), "temporary file"))))
            }
        }
    }
}

impl Rewind for Spool {
    fn rewind(&mut self) -> Result<Box<dyn Body + '_>> {
        Ok(Box::new(self.body()?))
    }
}

/// A spool being read.
pub struct SpoolBody<'s>(Inner<'s>);

enum Inner<'s> {
    Memory(&'s [u8]),
    File(FileBody<&'s mut File>),
    Kept(&'s [u8], Again<'s>),
}

/// Somebody else's file, read once more.
struct Again<'s> {
    kept: &'s Kept,
    read: u64,
    crc: Crc,
    buffer: Vec<u8>,
}

impl<'s> Again<'s> {
    fn new(kept: &'s Kept) -> Again<'s> {
        Again { kept, read: 0, crc: Crc::new(), buffer: vec![0; CHUNK] }
    }

    fn changed() -> Error {
        Error::io("the message's file was changed while it was sent")
    }
}

impl Body for Again<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        let left = self.kept.len - self.read;
        if left == 0 {
            return if self.crc.sum() == self.kept.crc.sum() { Ok(&[]) } else { Err(Again::changed()) };
        }
        let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let buffer = self.buffer.get_mut(..most).unwrap_or_default();
        let n = loop {
            match self.kept.file.read_at(buffer, self.kept.from + self.read) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                done => break done.local("the message's file")?,
            }
        };
        if n == 0 {
            return Err(Again::changed());
        }
        self.read += n as u64;
        let bytes = self.buffer.get(..n).unwrap_or_default();
        self.crc.update(bytes);
        Ok(bytes)
    }
}

impl Body for SpoolBody<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        match &mut self.0 {
            Inner::Memory(bytes) => bytes.chunk(),
            Inner::File(file) => file.chunk(),
            Inner::Kept(memory, again) => match memory.is_empty() {
                false => memory.chunk(),
                true => again.chunk(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_file_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("message");
        let bytes: Vec<u8> = (0..300_000).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let mut from = crate::store::patience::open(&path, None).unwrap();
        let begun = from.chunk().unwrap().len();
        let mut spool = Spool::new();
        spool.push(b"another start\n").unwrap();
        spool.push(&bytes[100..begun]).unwrap();
        spool.rest_of(&from).unwrap();
        loop {
            let piece = from.chunk().unwrap().to_vec();
            if piece.is_empty() {
                break;
            }
            spool.push(&piece).unwrap();
        }
        assert!(spool.file.is_none() && spool.kept.is_some());
        let all = [b"another start\n", &bytes[100..]].concat();
        assert_eq!(spool.len(), all.len() as u64);
        for _ in 0..2 {
            assert_eq!(spool.body().unwrap().whole(400_000).unwrap().unwrap(), all);
        }
        // What is written behind it is not of this message.
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"more").unwrap();
        assert_eq!(spool.body().unwrap().whole(400_000).unwrap().unwrap(), all);
        // Another byte, or less of them: the end never comes.
        let other = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        other.write_at(b"X", 200_000).unwrap();
        assert_eq!(spool.body().unwrap().whole(400_000).unwrap_err().exit().code(), 74);
        other.set_len(250_000).unwrap();
        assert_eq!(spool.body().unwrap().whole(400_000).unwrap_err().exit().code(), 74);
    }

    #[test]
    fn small_and_large_are_read_twice() {
        for size in [0usize, 10, MEMORY, MEMORY + 1, 300_000] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let mut spool = Spool::new();
            for piece in bytes.chunks(1000) {
                spool.push(piece).unwrap();
            }
            assert_eq!((spool.len(), spool.file.is_some()), (size as u64, size > MEMORY));
            for _ in 0..2 {
                assert_eq!(spool.body().unwrap().whole(size).unwrap().unwrap(), bytes);
            }
        }
    }
}
