//! [`Spool`]: a message that must be known before it is sent: 64 KiB in memory, the rest in an unlinked file (0600), rewindable.

use crate::body::{Body, FileBody, Rewind};
use crate::error::{Local, Result};
use crate::store::disk;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

/// What is kept in memory.
const MEMORY: usize = 64 * 1024;

/// Bytes that were read once and can be read again.
#[derive(Default)]
pub struct Spool {
    memory: Vec<u8>,
    file: Option<BufWriter<File>>,
    len: u64,
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

    /// Reads it from its start.
    ///
    /// # Errors
    /// 74: the temporary file.
    pub fn body(&mut self) -> Result<SpoolBody<'_>> {
        match &mut self.file {
            None => Ok(SpoolBody(Inner::Memory(&self.memory))),
            Some(file) => {
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
}

impl Body for SpoolBody<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        match &mut self.0 {
            Inner::Memory(bytes) => bytes.chunk(),
            Inner::File(file) => file.chunk(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
