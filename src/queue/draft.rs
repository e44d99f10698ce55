//! [`Draft`]: a message on its way into the queue.

use super::{Envelope, Queue, now, random, rows};
use crate::body::Body;
use crate::error::{Local, Result};
use crate::store::db::Stop;
use crate::store::{disk, unfinished};
use rusqlite::Transaction;
use rustix::fs::CWD;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is written at once.
const BUFFER: usize = 64 * 1024;

/// A file in `queue/` that has no row yet. Dropped without [`Draft::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Draft<'q> {
    queue: &'q Queue,
    id: String,
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    committed: bool,
}

impl Queue {
    /// Begins a message.
    ///
    /// # Errors
    /// 73: the file can't be made.
    pub fn draft(&self) -> Result<Draft<'_>> {
        // It sorts by its time, and the random end keeps it the only one, whatever the clock does.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = format!("{:08x}{:05x}{:06x}", since.as_secs(), since.subsec_micros(), random()? & 0xff_ffff);
        let path = self.file(&id);
        unfinished::begin(path.clone());
        let made = disk::create(CWD, &path).creating(path.display());
        if made.is_err() {
            unfinished::end(&path);
        }
        Ok(Draft { queue: self, id, file: BufWriter::with_capacity(BUFFER, made?), path, bytes: 0, committed: false })
    }
}

impl Draft<'_> {
    /// The next bytes.
    ///
    /// # Errors
    /// 74: the disk is full, or fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.file.write_all(bytes).local(self.path.display())
    }

    /// All of a message, or what is left of one. `see` gets every piece too.
    ///
    /// # Errors
    /// Those of reading it; 74: the disk is full, or fails.
    pub fn copy(&mut self, body: &mut impl Body, mut see: impl FnMut(&[u8])) -> Result<()> {
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                return Ok(());
            }
            see(piece);
            self.write(piece)?;
        }
    }

    /// Brings it to stable storage, and then the row that makes it an entry: its name.
    ///
    /// # Errors
    /// 74, 75: then nothing is queued.
    pub fn commit(self, envelope: &Envelope) -> Result<String> {
        self.commit_with(envelope, |_, _| Ok(()))
    }

    /// The same, with more in the same transaction, which gets the new entry's name.
    pub(super) fn commit_with(
        mut self,
        envelope: &Envelope,
        more: impl FnOnce(&Transaction<'_>, &str) -> Result<(), Stop>,
    ) -> Result<String> {
        let synced = self.file.flush().and_then(|()| disk::sync(self.file.get_ref()));
        synced.and_then(|()| disk::sync_parent(&self.path)).local(self.path.display())?;
        // From here on a signal must not take it away: an orphan is better than a row without a file.
        unfinished::end(&self.path);
        self.queue.db.write(|t| {
            rows::insert(t, &self.id, self.bytes, envelope, now())?;
            more(t, &self.id)
        })?;
        self.committed = true;
        Ok(self.id.clone())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // A commit that failed may have reached the disk all the same: a row without its file would be worse than an orphan.
        if !self.committed && matches!(self.queue.entry(&self.id), Ok(None)) {
            let _ = std::fs::remove_file(&self.path);
        }
        unfinished::end(&self.path);
    }
}
