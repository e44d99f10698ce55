//! A buffered file that can be taken back: unlike `BufWriter` it never writes what was given up.

use crate::body::CHUNK;
use crate::error::{Local, Result};
use crate::store::patience::Patient;
use std::fs::File;
use std::io::Write;

/// Bytes on their way into a file.
pub(super) struct Out {
    file: Patient<File>,
    name: String,
    buffer: Vec<u8>,
}

impl Out {
    /// Writes to `file`, which is called `name` in errors.
    pub(super) fn new(file: Patient<File>, name: impl Into<String>) -> Out {
        Out { file, name: name.into(), buffer: Vec::with_capacity(CHUNK) }
    }

    pub(super) fn file(&mut self) -> &mut File {
        self.file.get_mut()
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > CHUNK {
            self.flush()?;
        }
        if bytes.len() >= CHUNK {
            return self.file.write_all(bytes).local(&self.name);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let done = self.file.write_all(&self.buffer).local(&self.name);
        self.buffer.clear();
        done
    }

    /// Drops what was not written yet.
    pub(super) fn forget(&mut self) {
        self.buffer.clear();
    }
}
