//! How a [`Mailbox`] learns what others have done to the directory.
//!
//! A look at the disk goes so: read the rows that are new in the database (they say which files to expect); list `new/`
//! and `cur/` without any lock; if something that was expected is missing, list again, because a file that is renamed
//! during a listing may not show; then, in one transaction, give UIDs to unknown files and forget rows whose files are
//! gone. Rows that another process added after our listing end our view before them: the next look takes them in, so
//! that UIDs always arrive in ascending order.

use super::selected::Mailbox;
use super::stamp::{GRANULARITY, Stamp, TICK};
use super::uids::{self, Keywords};
use super::view::{Bases, View};
use crate::error::{Local, Result};
use crate::proto::imap::set::within;
use crate::store::disk;
use crate::store::maildir::{self, Sub};
use rustix::fs::AtFlags;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where files are, by their base names.
type Files = HashMap<Box<[u8]>, (Sub, Box<[u8]>)>;

/// A file that has no UID yet: its date in seconds, its name, whether it lies in `new/`.
type Dated = (i64, Box<[u8]>, bool);

/// So often the directories are listed at most while files that were there are missing and others are being renamed.
const PASSES: usize = 8;

/// Listing again costs nothing to speak of.
const CHEAP: Duration = Duration::from_millis(5);

/// What is known about the directories since they were listed.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) stamp: Option<Stamp>,
    /// A change may hide behind the stamp, because the directory had only just changed when it was listed.
    pub(super) fresh: bool,
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

impl Watch {
    /// Whether nothing can have changed as long as the stamp stays.
    pub(super) fn is_sure(&self) -> bool {
        self.stamp.is_some() && !self.fresh && !self.own
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
        Stamp::of(&self.maildir, &self.name)
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
        if slow && stamp.younger(TICK) {
            // Waiting for the clock's next tick is cheaper than another listing.
            std::thread::sleep(TICK);
            stamp = self.stamp()?;
        }
        let fresh = stamp.younger(if slow { TICK } else { GRANULARITY });
        let begun = Instant::now();
        self.again.take();
        self.settle();
        let mut start = self.view.messages.len();
        let mut news = self.read()?;
        if news.folder.modseq < self.highest || news.folder.uid_next < self.uid_next {
            // The database was put back to what it was before: what a picture tells may never have been.
            if self.recent_from == 1 {
                self.begin_anew();
                start = 0;
                news = self.read()?;
            }
        }
        // A picture's stamp, or the database's, for the names that are known.
        let known = self.recent_from == 1
            && match start {
                0 => self.is_listed(&stamp, &news),
                _ => {
                    let same = news.vanished.is_empty() && news.folder.uid_next == self.uid_next;
                    same && self.watch.is_sure() && self.watch.stamp == Some(stamp)
                }
            };
        self.take_in(&news);
        let end = news.folder.uid_next;
        self.uid_next = end;
        // What is recorded in this moment was done before: the listing shows it.
        self.highest = news.folder.modseq;
        let mut unknown = Files::new();
        let mut missing = Vec::new();
        if !known {
            let listing = self.list()?;
            unknown = listing.files;
            missing = self.newly_missing(listing.seen, start);
        }
        if self.read_only {
            self.recent.extend(news.recent.iter().filter(|uid| self.view.index_of(**uid).is_some()));
        }
        if !unknown.is_empty() || !missing.is_empty() || (!news.recent.is_empty() && !self.read_only) {
            self.record(end, unknown, &missing)?;
        }
        if !self.read_only {
            self.take_from_new()?;
        }
        if self.tracking {
            self.record_flags()?;
        }
        self.recent_from = self.uid_next;
        match known {
            true if start == 0 => {
                let cost = Duration::from_micros(u64::try_from(self.view.messages.len()).unwrap_or(0));
                self.watch = Watch { stamp: Some(stamp), fresh: false, own: false, listed: begun, cost };
            }
            true => {}
            false => {
                self.watch =
                    Watch { stamp: Some(stamp), fresh, own: false, listed: Instant::now(), cost: begun.elapsed() };
                self.note_listed(news.seen.as_ref());
            }
        }
        Ok(())
    }

    /// Reads what is new in the database: messages into the view, the rest to be [taken in](Mailbox::take_in).
    fn read(&mut self) -> Result<uids::News> {
        let account = self.account.clone();
        let last = self.view.messages.last().map_or(0, |m| m.uid);
        account.db().read(|t| {
            let folder = uids::still(t, self.validity, &self.name)?;
            let news = uids::news(t, folder, self.highest, (self.recent_from, last, self.uid_next))?;
            uids::messages(t, self.validity, self.uid_next, |row| {
                Arc::make_mut(&mut self.view).push(row, &news.keywords);
            })?;
            Ok(news)
        })
    }

    /// Takes in what the database has of messages that were known before.
    fn take_in(&mut self, news: &uids::News) {
        if !news.vanished.is_empty() || !news.changed.is_empty() {
            let view = Arc::make_mut(&mut self.view);
            // Their rows have gone. If there are files of these names again, they are other messages.
            for (file, message) in view.files.iter_mut().zip(&view.messages) {
                file.gone |= within(&news.vanished, message.uid);
            }
            for (uid, modseq, letters) in &news.changed {
                let Some(index) = view.index_of(*uid) else { continue };
                if let (Some(message), Some(file)) = (view.messages.get_mut(index), view.files.get_mut(index)) {
                    message.modseq = *modseq;
                    file.unrecorded = letters.as_deref() != Some(maildir::letters(&file.name));
                }
            }
        }
        self.adopt(news.keywords.clone());
    }

    /// Lists the directories; again if something is missing, until nothing moves meanwhile. Names of known files are brought up to date.
    fn list(&mut self) -> Result<Listing> {
        let bases = Bases::of(&self.view.files);
        let mut seen = vec![false; self.view.files.len()];
        let mut unknown: Files = HashMap::new();
        let maildir = self.maildir.clone();
        for pass in 0..PASSES {
            let before = self.stamp()?;
            for sub in [Sub::New, Sub::Cur] {
                maildir.list(sub, |name| {
                    let base = maildir::base(name);
                    match bases.find(&self.view.files, base) {
                        Some(index) => {
                            if let Some(flag) = seen.get_mut(index) {
                                *flag = true;
                            }
                            self.found(index, sub, name, false);
                        }
                        None => {
                            unknown.insert(base.into(), (sub, name.into()));
                        }
                    }
                })?;
            }
            let complete = self.view.files.iter().zip(&seen).all(|(f, seen)| *seen || f.gone);
            if complete || (pass > 0 && self.stamp()? == before) {
                break;
            }
        }
        Ok(Listing { files: unknown, seen })
    }

    /// A known file has (perhaps) another name.
    pub(super) fn found(&mut self, index: usize, sub: Sub, name: &[u8], ours: bool) {
        if self.view.files.get(index).is_none_or(|file| file.sub == sub && *file.name == *name) {
            return;
        }
        let view = Arc::make_mut(&mut self.view);
        let Some(file) = view.files.get_mut(index) else { return };
        file.sub = sub;
        if *file.name != *name {
            file.unrecorded |= maildir::letters(&file.name) != maildir::letters(name);
            file.name = name.into();
            let changed = view.reflag(index, &self.keywords);
            if let Some(file) = view.files.get_mut(index).filter(|_| changed && !ours) {
                file.changed = true;
            }
        }
    }

    /// The letters mean (perhaps) something else now.
    pub(super) fn adopt(&mut self, keywords: Keywords) {
        if self.keywords == keywords {
            return;
        }
        self.keywords = keywords;
        let view = Arc::make_mut(&mut self.view);
        for index in 0..view.files.len() {
            let changed = view.reflag(index, &self.keywords);
            if let Some(file) = view.files.get_mut(index).filter(|_| changed) {
                file.changed = true;
            }
        }
    }

    /// Marks what was not seen as gone; returns the UIDs. From `start` on the session knows nothing of them, and never
    /// will if they are gone.
    fn newly_missing(&mut self, seen: Vec<bool>, start: usize) -> Vec<u32> {
        let files = self.view.files.iter();
        if start == files.len() && files.zip(&seen).all(|(file, seen)| *seen || file.gone) {
            return Vec::new();
        }
        let View { messages, files } = Arc::make_mut(&mut self.view);
        let mut missing = Vec::new();
        for ((file, message), seen) in files.iter_mut().zip(messages.iter()).zip(seen) {
            if !seen && !file.gone {
                file.gone = true;
                missing.push(message.uid);
            }
        }
        let (mut known, mut all) = (0..start, files.iter());
        messages.retain(|_| known.next().is_some() | all.next().is_some_and(|f| !f.gone));
        let mut known = 0..start;
        files.retain(|f| known.next().is_some() || !f.gone);
        files.iter_mut().skip(start).for_each(|f| f.changed = false);
        missing
    }

    /// The transaction at the end of a look. `end` is the first UID that was not read before the listing.
    fn record(&mut self, end: u32, mut unknown: Files, missing: &[u32]) -> Result<()> {
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
        for row in added.into_iter().filter(|row| row.uid < next) {
            if let Some((sub, name)) = unknown.remove(&row.base) {
                if row.recent && read_only {
                    self.recent.insert(row.uid);
                }
                let view = Arc::make_mut(&mut self.view);
                view.push(row, &self.keywords);
                let index = view.files.len().saturating_sub(1);
                self.found(index, sub, &name, true);
            }
        }
        self.recent.extend(claimed.iter().filter(|uid| self.view.index_of(**uid).is_some()));
        self.uid_next = next;
        self.advance(before, after);
        if !missing.is_empty() {
            self.account.forget_read(self.validity, missing.iter().copied());
        }
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
            (0..).zip(&self.view.files).filter(|(_, f)| f.sub == Sub::New && !f.gone).map(|(i, _)| i).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let open = |sub: Sub| self.maildir.open(sub).local(self.maildir.sub(sub).display());
        let (new, cur) = (open(Sub::New)?, open(Sub::Cur)?);
        for index in waiting {
            let Some(name) = self.view.files.get(index).map(|f| f.name.clone()) else { continue };
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
