//! Idempotency keys: what was handed over under a key is not sent again for 30 days.

use super::{Envelope, Queue, now};
use crate::error::{Error, Local, Result};
use crate::net::Deadline;
use crate::store::db::Stop;
use crate::store::disk;
use rusqlite::{OptionalExtension, Transaction, params};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// How long a key is kept.
const KEPT: i64 = 30 * 24 * 3600;
/// The longest key, in bytes.
const LONGEST: usize = 100;
/// How often it is looked whether another program is done with a key.
const LOOK: Duration = Duration::from_millis(50);

/// What has become of a key.
#[derive(Debug)]
pub enum Claim<'q> {
    /// Nothing yet: it is this program's until the value is dropped.
    Ours(Key<'q>),
    /// Its message was taken.
    Used,
    /// Its message may have been taken.
    Unknown,
}

/// A key that no other program can use meanwhile.
#[derive(Debug)]
pub struct Key<'q> {
    queue: &'q Queue,
    key: String,
    path: PathBuf,
    _lock: File,
}

impl Queue {
    /// Takes a key; waits until then for another program that has it.
    ///
    /// # Errors
    /// 64: it is no key; 73, 74: the disk; 75: another program has it for too long.
    pub fn claim(&self, key: &str, until: Deadline) -> Result<Claim<'_>> {
        if key.is_empty() || key.len() > LONGEST || key.chars().any(crate::text::is_unsafe) {
            return Err(Error::usage(format!("an idempotency key has 1 to {LONGEST} bytes and no controls")));
        }
        let dir = self.dir.with_file_name("keys");
        disk::make_dirs(&dir).creating(dir.display())?;
        let mut name = String::new();
        for b in key.bytes() {
            let _ = write!(name, "{b:02x}");
        }
        let path = dir.join(name);
        let lock = loop {
            let file = disk::open_or_create(&path).creating(path.display())?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                // Whoever had it may have removed the file meanwhile.
                Ok(()) if is_still(&file, &path) => break file,
                Ok(()) | Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if until.passed() => {
                    return Err(Error::temporary(format!("{key}: another program is sending under this key")));
                }
                Err(Errno::WOULDBLOCK) => std::thread::sleep(LOOK),
                Err(e) => return Err(e).local(path.display()),
            }
        };
        let ours = Key { queue: self, key: key.to_owned(), path, _lock: lock };
        let state: Option<String> = self.db.write(|t| {
            t.execute("DELETE FROM key WHERE time < ?", [now().saturating_sub(KEPT)])?;
            Ok(t.query_row("SELECT state FROM key WHERE key = ?", [key], |row| row.get(0)).optional()?)
        })?;
        Ok(match state.as_deref() {
            None => Claim::Ours(ours),
            Some("done") => Claim::Used,
            Some(_) => Claim::Unknown,
        })
    }
}

fn is_still(file: &File, path: &std::path::Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

impl Key<'_> {
    /// Writes down that its message is about to be taken.
    ///
    /// # Errors
    /// 74, 75: the database.
    pub fn handed_over(&self) -> Result<()> {
        self.queue.db.write(|t| mark(t, &self.key, "handed-over"))
    }

    /// Writes down that it was.
    ///
    /// # Errors
    /// 74, 75: the database.
    pub fn done(&self) -> Result<()> {
        self.queue.db.write(|t| mark(t, &self.key, "done"))
    }

    /// Forgets it: nobody has taken the message.
    ///
    /// # Errors
    /// 74, 75: the database.
    pub fn forget(&self) -> Result<()> {
        self.queue.db.write(|t| {
            t.execute("DELETE FROM key WHERE key = ?", [&self.key])?;
            Ok(())
        })
    }

    /// Queues a message under the key, which is used by that.
    ///
    /// # Errors
    /// As [`super::Draft::commit`].
    pub fn commit(&self, draft: super::Draft<'_>, envelope: &Envelope) -> Result<String> {
        draft.commit_with(envelope, |t, _| mark(t, &self.key, "done"))
    }
}

fn mark(t: &Transaction<'_>, key: &str, state: &str) -> Result<(), Stop> {
    t.execute("INSERT OR REPLACE INTO key VALUES (?, ?, ?)", params![key, state, now()])?;
    Ok(())
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // The lock is still held: who waits finds the file gone and makes a new one.
        let _ = std::fs::remove_file(&self.path);
    }
}
