//! What is known of messages without reading them: sizes with CRLF line ends, and what the [`cache`] keeps.

use super::cache::{self, Identity, Read, Row};
use super::selected::Mailbox;
use super::{Account, uids};
use crate::error::{Local, Result};
use crate::store::db::Db;
use crate::store::maildir::{self, Sub};
use rustix::fs::{AtFlags, Stat};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;

/// So many rows are read ahead, or wait to be written, at most.
const ROWS: usize = 500;

/// The same in bytes.
const BYTES: usize = 1 << 19;

/// For fewer messages the cache is not opened: reading them is as fast.
const WORTH: usize = 32;

/// A file as it was a moment ago, and its size on the wire if its name tells that.
type Told = (Identity, Option<u64>);

/// What a session has of the cache for its folder.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// The cache is asked and filled.
    on: bool,
    /// Rows that were read ahead, ascending, of the UIDs in `range`: who is in that and not here has none.
    ahead: Vec<(u32, Row)>,
    range: Option<(u32, u32)>,
    /// How many are read ahead next time.
    step: usize,
    /// Rows that wait to be written.
    waiting: BTreeMap<u32, Row>,
    bytes: usize,
    /// Left-overs have been looked for.
    swept: bool,
    /// `new` and `cur`.
    dirs: Option<(OwnedFd, OwnedFd)>,
    /// The message whose size was asked for last: a row of FETCH asks for more of it at once.
    last: Option<(usize, Told)>,
}

impl Account {
    /// The cache, opened when it is asked for first.
    fn cache(&self) -> Option<&Db> {
        self.tree.cache.get_or_init(|| cache::open(self.root())).as_ref()
    }

    /// The same if there is one already.
    fn cache_if_any(&self) -> Option<&Db> {
        if self.root().join(cache::FILE).exists() { self.cache() } else { None }
    }

    /// Forgets what was read of messages that have gone.
    pub(super) fn forget_read(&self, folder: u32, uids: impl IntoIterator<Item = u32>) {
        if let Some(db) = self.cache_if_any() {
            cache::forget(db, folder, uids);
        }
    }

    /// The same of a folder that has gone.
    pub(super) fn forget_all_read(&self, folder: u32) {
        if let Some(db) = self.cache_if_any() {
            cache::sweep(db, folder, |_| false);
        }
    }
}

fn identity(base: &[u8], stat: &Stat) -> Identity {
    #[allow(clippy::useless_conversion)] // its type differs between systems
    let seconds = i64::from(stat.st_mtime).saturating_mul(1_000_000_000);
    let modified = seconds.saturating_add(i64::try_from(stat.st_mtime_nsec).unwrap_or(0));
    Identity { base: base.into(), size: u64::try_from(stat.st_size).unwrap_or(0), modified }
}

impl Mailbox {
    /// So many messages are going to be asked for.
    pub fn expect(&mut self, messages: usize) {
        self.reads.on |= messages >= WORTH;
    }

    /// A message's size with CRLF line ends; `None` if it has vanished. Taken from the `W=` in its name, if the `S=`
    /// there is the file's size; else counted, once, and remembered.
    ///
    /// # Errors
    /// As [`Mailbox::file`].
    pub fn wire_size(&mut self, index: usize) -> Result<Option<u64>> {
        if let Some((of, wire)) = self.told(index)? {
            if wire.is_some() {
                self.reads.last = Some((index, (of, wire)));
                return Ok(wire);
            }
            // Counting may take long.
            self.reads.on = true;
            if let Some(wire) = self.row(index, &of).and_then(|row| row.read.wire) {
                return Ok(Some(wire));
            }
        }
        let Some(file) = self.file(index)? else { return Ok(None) };
        let stat = rustix::fs::fstat(&file).local(&self.name)?;
        let mut body = crate::body::FileBody::new(file, self.name.as_str());
        let wire = crate::text::wire_size(&mut body)?;
        self.reads.on = true;
        self.keep(index, &stat, Read { wire: Some(wire), ..Read::default() });
        Ok(Some(wire))
    }

    /// The size of all messages.
    ///
    /// # Errors
    /// As [`Mailbox::wire_size`].
    pub fn total_size(&mut self) -> Result<u64> {
        let mut total = 0u64;
        for index in 0..self.view.files.len() {
            total = total.saturating_add(self.wire_size(index)?.unwrap_or(0));
        }
        self.settle();
        Ok(total)
    }

    /// What was read of a message before, if its file is still what it was then, and its size if that is known; `None` if
    /// nothing is known, or it is not where it was.
    ///
    /// # Errors
    /// 74.
    pub fn known(&mut self, index: usize) -> Result<Option<Read>> {
        if !self.reads.on {
            return Ok(None);
        }
        let told = match self.reads.last.take() {
            Some((last, told)) if last == index => Some(told),
            _ => self.told(index)?,
        };
        let Some((of, told)) = told else { return Ok(None) };
        let row = self.row(index, &of).map(|row| row.read.clone());
        Ok(row.map(|read| Read { wire: told.or(read.wire), ..read }))
    }

    /// Remembers what was read of a message from this file.
    pub fn remember(&mut self, index: usize, file: &File, read: Read) {
        if self.reads.on
            && let Ok(stat) = rustix::fs::fstat(file)
        {
            self.keep(index, &stat, read);
        }
    }

    /// A series of questions has come to its end.
    pub fn settle(&mut self) {
        self.write_reads();
        let reads = &mut self.reads;
        (reads.ahead, reads.range, reads.step) = (Vec::new(), None, 0);
        (reads.dirs, reads.last) = (None, None);
    }

    /// The file as it is now, and the size on the wire if its name tells it; `None` if it is not there.
    fn told(&mut self, index: usize) -> Result<Option<Told>> {
        let Some(entry) = self.view.files.get(index).filter(|f| !f.gone) else { return Ok(None) };
        if self.reads.dirs.is_none() {
            let open = |sub: Sub| self.maildir.open(sub).local(self.maildir.sub(sub).display());
            self.reads.dirs = Some((open(Sub::New)?, open(Sub::Cur)?));
        }
        let Some((new, cur)) = &self.reads.dirs else { return Ok(None) };
        let dir = if entry.sub == Sub::New { new } else { cur };
        let Ok(stat) = rustix::fs::statat(dir, &*entry.name, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(None) };
        let of = identity(entry.base(), &stat);
        let wire = match maildir::sizes(&entry.name) {
            (Some(told), wire) if told == of.size => wire,
            _ => None,
        };
        Ok(Some((of, wire)))
    }

    /// What was read of this very file.
    fn row(&mut self, index: usize, of: &Identity) -> Option<&Row> {
        let uid = self.view.messages.get(index)?.uid;
        if !self.reads.waiting.contains_key(&uid) && !self.reads.range.is_some_and(|(a, b)| (a..=b).contains(&uid)) {
            self.read_ahead(uid);
        }
        let reads = &self.reads;
        let ahead = || reads.ahead.binary_search_by_key(&uid, |(u, _)| *u).ok().and_then(|at| reads.ahead.get(at));
        reads.waiting.get(&uid).or_else(|| ahead().map(|(_, row)| row)).filter(|row| row.of == *of)
    }

    /// Reads the rows from this UID on: more of them each time, as long as the questions go on.
    fn read_ahead(&mut self, from: u32) {
        let Some(db) = self.account.cache() else { return };
        let reads = &mut self.reads;
        reads.step = reads.step.saturating_mul(8).clamp(1, ROWS);
        reads.ahead = cache::rows(db, self.validity, from, reads.step, BYTES);
        let all = reads.ahead.len() < reads.step && reads.ahead.iter().map(|(_, row)| row.len()).sum::<usize>() < BYTES;
        let last = if all { u32::MAX } else { reads.ahead.last().map_or(from, |(uid, _)| *uid) };
        reads.range = Some((from, last));
    }

    fn keep(&mut self, index: usize, stat: &Stat, read: Read) {
        let (Some(entry), Some(message)) = (self.view.files.get(index), self.view.messages.get(index)) else { return };
        let (uid, of) = (message.uid, identity(entry.base(), stat));
        let mut row = self.row(index, &of).cloned().unwrap_or_else(|| Row { of, read: Read::default() });
        row.read.include(read);
        self.reads.bytes = self.reads.bytes.saturating_add(row.len());
        self.reads.waiting.insert(uid, row);
        if self.reads.waiting.len() >= ROWS || self.reads.bytes >= BYTES {
            self.write_reads();
        }
    }

    /// Writes down what waits for it.
    fn write_reads(&mut self) {
        let waiting = std::mem::take(&mut self.reads.waiting);
        self.reads.bytes = 0;
        let Some(db) = (if waiting.is_empty() { None } else { self.account.cache() }) else { return };
        if !cache::keep(db, self.validity, waiting.iter()) || waiting.len() < WORTH || self.reads.swept {
            return;
        }
        self.reads.swept = true;
        cache::sweep(db, self.validity, |uid| self.view.index_of(uid).is_some());
        if let Ok(live) = self.account.db().read(uids::validities) {
            for folder in cache::folders(db).into_iter().filter(|folder| live.binary_search(folder).is_err()) {
                cache::sweep(db, folder, |_| false);
            }
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.write_reads();
    }
}
