//! How a [`Mailbox`] learns what others have done to the directory.
//!
//! A look at the disk goes so: read the rows that are new in the database (they say which files to expect); list `new/`
//! and `cur/` without any lock; if something that was expected is missing, list again, because a file that is renamed
//! during a listing may not show; then, in one transaction, give UIDs to unknown files and forget rows whose files are
//! gone. Rows that another process added after our listing end our view before them: the next look takes them in, so
//! that UIDs always arrive in ascending order.

use super::selected::{Entry, Mailbox, Message};
use super::uids::{self, Keywords, MessageRow};
use crate::error::{Error, Local, Result};
use crate::message::flags::Flags;
use crate::store::disk;
use crate::store::maildir::{self, Sub};
use rustix::fs::{AtFlags, CWD};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

/// Where files are, by their base names.
type Files = HashMap<Box<[u8]>, (Sub, Box<[u8]>)>;

/// A file that has no UID yet: its date in seconds, its name, whether it lies in `new/`.
type Dated = (i64, Box<[u8]>, bool);

/// The modification times (seconds, nanoseconds) and inodes of `new/` and `cur/`.
type Stamp = [(i64, i64, u64); 2];

/// Changes of a directory within this time may leave the same modification time.
const GRANULARITY: Duration = Duration::from_millis(50);

/// The kernel's clock for these times moves at least this often.
const TICK: Duration = Duration::from_millis(12);

/// So often the directories are listed at most while files that were there are missing and others are being renamed.
const PASSES: usize = 8;

/// Listing again costs nothing to speak of.
const CHEAP: Duration = Duration::from_millis(5);

fn younger(stamp: &Stamp, age: Duration) -> bool {
    stamp.iter().any(|(seconds, nanos, _)| {
        let nanos = Duration::from_nanos(u64::try_from(*nanos).unwrap_or(0));
        let changed = uids::time(*seconds).checked_add(nanos).unwrap_or(SystemTime::UNIX_EPOCH);
        // A time in the future is as good as now.
        SystemTime::now().duration_since(changed).map_or(true, |since| since < age)
    })
}

fn base_at(files: &[Entry], index: usize) -> &[u8] {
    files.get(index).and_then(|f| f.name.get(..usize::from(f.base))).unwrap_or_default()
}

/// What is known about the directories since they were listed.
#[derive(Debug)]
pub(super) struct Watch {
    stamp: Option<Stamp>,
    /// A change may hide behind the stamp, because the directory had only just changed when it was listed.
    fresh: bool,
    /// We have changed the directory since; someone else may have done so at the same moment.
    own: bool,
    listed: Instant,
    cost: Duration,
}

impl Default for Watch {
    /// Nothing is known.
    fn default() -> Watch {
        Watch { stamp: None, fresh: true, own: false, listed: Instant::now(), cost: Duration::ZERO }
    }
}

/// Where files are that were not where we thought: a listing kept for a while, so that a thousand renamed files do not
/// cost a thousand listings.
#[derive(Debug, Default)]
pub(super) struct Again {
    listed: Option<(Instant, Duration)>,
    files: Files,
}

/// What a listing found.
struct Listing {
    /// Files whose base names are unknown.
    files: Files,
    /// For each known file, whether it was seen.
    seen: Vec<bool>,
}

impl Mailbox {
    fn stamp(&self) -> Result<Stamp> {
        let one = |sub: Sub| {
            let path = self.maildir.sub(sub);
            match rustix::fs::statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW) {
                #[allow(clippy::useless_conversion)] // their types differ between systems
                Ok(s) => Ok((i64::from(s.st_mtime), i64::try_from(s.st_mtime_nsec).unwrap_or(0), s.st_ino)),
                Err(rustix::io::Errno::NOENT) => {
                    Err(Error::temporary(format!("the folder {} was removed or renamed", self.name)))
                }
                Err(e) => Err(e).local(path.display()),
            }
        };
        Ok([one(Sub::New)?, one(Sub::Cur)?])
    }

    /// Whether the directories must be listed again.
    pub(super) fn stale(&self) -> Result<bool> {
        let watch = &self.watch;
        if watch.fresh || Some(self.stamp()?) != watch.stamp {
            return Ok(true);
        }
        // What others did at the very moment of our own change is found a little later where listing is slow: at most a
        // twentieth of the time goes into it.
        Ok(watch.own && (watch.cost <= CHEAP || watch.listed.elapsed() > watch.cost * 20))
    }

    /// Does something to the directories without having to list them again because of that.
    pub(super) fn ours<T>(&mut self, work: impl FnOnce(&mut Mailbox) -> Result<T>) -> Result<T> {
        let quiet = !self.stale()?;
        let done = work(self);
        if quiet {
            self.watch.stamp = self.stamp().ok();
            self.watch.own = true;
        }
        done
    }

    /// Looks at the disk.
    pub(super) fn look(&mut self) -> Result<()> {
        let mut stamp = self.stamp()?;
        let slow = self.watch.cost > CHEAP;
        if slow && younger(&stamp, TICK) {
            // Waiting for the clock's next tick is cheaper than another listing.
            std::thread::sleep(TICK);
            stamp = self.stamp()?;
        }
        let fresh = younger(&stamp, if slow { TICK } else { GRANULARITY });
        let begun = Instant::now();
        self.again.take();
        let start = self.messages.len();
        let from = self.uid_next;
        let account = self.account.clone();
        let mut to_claim = false;
        let (folder, keywords) = account.db().read(|t| {
            let folder = uids::still(t, self.validity, &self.name)?;
            uids::messages(t, self.validity, from, |row| {
                to_claim |= row.recent;
                self.push(row);
            })?;
            Ok((folder, Keywords::load(t, self.validity)?))
        })?;
        self.uid_next = folder.uid_next;
        // What is recorded in this moment was done before: the listing shows it.
        self.highest = folder.modseq;
        self.adopt(keywords);
        let unknown = self.list()?;
        let missing: Vec<u32> = self.newly_missing(unknown.seen, start);
        if !unknown.files.is_empty() || !missing.is_empty() || (to_claim && !self.read_only) {
            self.record(folder.uid_next, start, unknown.files, &missing)?;
        }
        if !self.read_only {
            self.take_from_new()?;
        }
        if self.tracking {
            self.record_flags()?;
        }
        self.watch = Watch { stamp: Some(stamp), fresh, own: false, listed: Instant::now(), cost: begun.elapsed() };
        Ok(())
    }

    fn push(&mut self, row: MessageRow) {
        let MessageRow { uid, base, date, recent, modseq, letters } = row;
        self.messages.push(Message { uid, flags: Flags::none(), recent, internal_date: uids::time(date), modseq });
        let length = u16::try_from(base.len()).unwrap_or(u16::MAX);
        let unrecorded = letters.is_none();
        // The name that it had when somebody looked last.
        let name = match letters {
            Some(letters) => maildir::with_letters(&base, &letters).into(),
            None => base,
        };
        self.files.push(Entry { name, base: length, sub: Sub::New, gone: false, changed: false, unrecorded });
        self.reflag(self.files.len().saturating_sub(1));
    }

    /// Lists the directories; again if something is missing, until nothing moves meanwhile. Names of known files are brought up to date.
    fn list(&mut self) -> Result<Listing> {
        // Indexes in the order of their base names, which renaming does not change; of two alike the later one counts.
        let mut order: Vec<usize> = (0..).zip(&self.files).filter(|(_, f)| !f.gone).map(|(i, _)| i).collect();
        order.sort_by(|a, b| base_at(&self.files, *a).cmp(base_at(&self.files, *b)));
        let mut seen = vec![false; self.files.len()];
        let mut unknown: Files = HashMap::new();
        let maildir = self.maildir.clone();
        for pass in 0..PASSES {
            let before = self.stamp()?;
            for sub in [Sub::New, Sub::Cur] {
                maildir.list(sub, |name| {
                    let base = maildir::base(name);
                    let end = order.partition_point(|index| base_at(&self.files, *index) <= base);
                    match end.checked_sub(1).and_then(|at| order.get(at)) {
                        Some(&index) if base_at(&self.files, index) == base => {
                            if let Some(flag) = seen.get_mut(index) {
                                *flag = true;
                            }
                            self.found(index, sub, name, false);
                        }
                        _ => {
                            unknown.insert(base.into(), (sub, name.into()));
                        }
                    }
                })?;
            }
            let complete = self.files.iter().zip(&seen).all(|(f, seen)| *seen || f.gone);
            if complete || (pass > 0 && self.stamp()? == before) {
                break;
            }
        }
        Ok(Listing { files: unknown, seen })
    }

    /// A known file has (perhaps) another name.
    pub(super) fn found(&mut self, index: usize, sub: Sub, name: &[u8], ours: bool) {
        let Some(file) = self.files.get_mut(index) else { return };
        file.sub = sub;
        if *file.name != *name {
            file.unrecorded |= maildir::letters(&file.name) != maildir::letters(name);
            file.name = name.into();
            let changed = self.reflag(index);
            if let Some(file) = self.files.get_mut(index).filter(|_| changed && !ours) {
                file.changed = true;
            }
        }
    }

    /// Reads the flags from the name; whether they are others now.
    fn reflag(&mut self, index: usize) -> bool {
        let (Some(file), Some(message)) = (self.files.get(index), self.messages.get_mut(index)) else { return false };
        let flags = Flags::from_letters(maildir::letters(&file.name), |letter| self.keywords.word(letter));
        let changed = message.flags != flags;
        message.flags = flags;
        changed
    }

    /// The letters mean (perhaps) something else now.
    pub(super) fn adopt(&mut self, keywords: Keywords) {
        if self.keywords == keywords {
            return;
        }
        self.keywords = keywords;
        for index in 0..self.files.len() {
            let changed = self.reflag(index);
            if let Some(file) = self.files.get_mut(index).filter(|_| changed) {
                file.changed = true;
            }
        }
    }

    /// Marks what was not seen as gone; returns the UIDs. From `start` on the session knows nothing of them, and never
    /// will if they are gone.
    fn newly_missing(&mut self, seen: Vec<bool>, start: usize) -> Vec<u32> {
        let mut missing = Vec::new();
        for ((file, message), seen) in self.files.iter_mut().zip(&self.messages).zip(seen) {
            if !seen && !file.gone {
                file.gone = true;
                missing.push(message.uid);
            }
        }
        let (mut known, mut files) = (0..start, self.files.iter());
        self.messages.retain(|_| known.next().is_some() | files.next().is_some_and(|f| !f.gone));
        let mut known = 0..start;
        self.files.retain(|f| known.next().is_some() || !f.gone);
        self.files.iter_mut().skip(start).for_each(|f| f.changed = false);
        missing
    }

    /// The transaction at the end of a look. `end` is the first UID that was not read before the listing, `start` the
    /// index of the first message that this look has brought.
    fn record(&mut self, end: u32, start: usize, mut unknown: Files, missing: &[u32]) -> Result<()> {
        let dated = self.dates(&unknown)?;
        let read_only = self.read_only;
        let (added, keywords, claimed, next, before, after) = self.account.db().write(|t| {
            let mut folder = uids::still(t, self.validity, &self.name)?;
            let before = folder.modseq;
            uids::forget(t, &mut folder, missing.iter().copied())?;
            let mut added = Vec::new();
            let mut limit = None;
            uids::messages(t, self.validity, end, |row| {
                if unknown.contains_key(&row.base) {
                    added.push(row);
                } else {
                    limit.get_or_insert(row.uid);
                }
            })?;
            for (date, name, recent) in dated {
                if uids::uid_of(t, self.validity, maildir::base(&name))?.is_none() {
                    added.push(uids::assign(t, &mut folder, &name, date, recent)?);
                }
            }
            uids::set_next(t, folder)?;
            let next = limit.unwrap_or(folder.uid_next);
            let claimed = if read_only { Vec::new() } else { uids::claim_recent(t, self.validity, next)? };
            Ok((added, Keywords::load(t, self.validity)?, claimed, next, before, folder.modseq))
        })?;
        self.adopt(keywords);
        if !read_only {
            // Another session may have claimed them since they were read.
            self.messages.iter_mut().skip(start).for_each(|m| m.recent = false);
        }
        for row in added.into_iter().filter(|row| row.uid < next) {
            if let Some((sub, name)) = unknown.remove(&row.base) {
                self.push(MessageRow { recent: row.recent && read_only, ..row });
                self.found(self.files.len().saturating_sub(1), sub, &name, true);
            }
        }
        for uid in claimed {
            if let Ok(index) = self.messages.binary_search_by_key(&uid, |m| m.uid)
                && let Some(message) = self.messages.get_mut(index)
            {
                message.recent = true;
            }
        }
        self.uid_next = next;
        self.advance(before, after);
        Ok(())
    }

    /// The unknown files with their dates, in the order in which they get UIDs: by time, then by name. What vanishes
    /// meanwhile is left out.
    fn dates(&self, unknown: &Files) -> Result<Vec<Dated>> {
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let open = |sub: Sub| self.maildir.open(sub).local(self.maildir.sub(sub).display());
        let (new, cur) = (open(Sub::New)?, open(Sub::Cur)?);
        let mut dated = Vec::with_capacity(unknown.len());
        for (sub, name) in unknown.values() {
            let dir = if *sub == Sub::New { &new } else { &cur };
            if let Ok(stat) = rustix::fs::statat(dir, &**name, AtFlags::SYMLINK_NOFOLLOW) {
                dated.push((disk::time_of(&stat), name.clone(), *sub == Sub::New));
            }
        }
        dated.sort_unstable();
        Ok(dated.into_iter().map(|(time, name, recent)| (uids::seconds(time), name, recent)).collect())
    }

    /// Takes our messages from `new/` to `cur/`, as a mail reader does that has shown them.
    fn take_from_new(&mut self) -> Result<()> {
        let waiting: Vec<usize> =
            (0..).zip(&self.files).filter(|(_, f)| f.sub == Sub::New && !f.gone).map(|(i, _)| i).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let open = |sub: Sub| self.maildir.open(sub).local(self.maildir.sub(sub).display());
        let (new, cur) = (open(Sub::New)?, open(Sub::Cur)?);
        for index in waiting {
            let Some(name) = self.files.get(index).map(|f| f.name.clone()) else { continue };
            let read = maildir::with_letters(maildir::base(&name), maildir::letters(&name));
            // Someone else was faster, or the name has no room for letters: the file is found where it is.
            if disk::rename(&new, &*name, &cur, read.as_slice()).is_ok() {
                self.found(index, Sub::Cur, &read, true);
            }
        }
        Ok(())
    }

    /// Where a file is that is not at `sub/name` any more.
    pub(super) fn find_again(&self, sub: Sub, name: &[u8]) -> Result<Option<(Sub, Box<[u8]>)>> {
        let mut again = self.again.borrow_mut();
        let elsewhere =
            |again: &Again| again.files.get(maildir::base(name)).filter(|(s, n)| *s != sub || **n != *name).cloned();
        if let Some(found) = elsewhere(&again) {
            return Ok(Some(found));
        }
        if again.listed.is_some_and(|(when, cost)| when.elapsed() < (cost * 20).max(GRANULARITY)) {
            return Ok(None);
        }
        let begun = Instant::now();
        again.files.clear();
        for sub in [Sub::New, Sub::Cur] {
            self.maildir.list(sub, |name| {
                again.files.insert(maildir::base(name).into(), (sub, name.into()));
            })?;
        }
        again.listed = Some((Instant::now(), begun.elapsed()));
        Ok(elsewhere(&again))
    }
}
