//! What a SELECT begins with: what somebody knew of the same folder a while ago.
//!
//! Sessions of one process leave their [`Picture`] of a large folder to those that come, and share its memory with them; it is
//! brought up to date from the database and, unless the directories have stood still, from a listing, as any session's view
//! is. For other processes the database keeps the directories' [`Stamp`] of a listing that found what its
//! own rows say: as long as that is theirs, the rows are the listing. Neither is believed if a change may hide behind it, and
//! losing either costs a listing.

use super::look::Watch;
use super::selected::Mailbox;
use super::stamp::{SETTLED, Stamp};
use super::uids::{self, Keywords};
use super::view::View;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Smaller folders are listed in no time.
const LARGE: usize = if cfg!(test) { 3 } else { 1000 };

/// So many messages are kept in mind by a process, in all folders together: some fifty megabytes.
const KEPT: usize = 250_000;

/// The database: its device and inode, which another may get after it, and its mark, which copies have too. And the folder's
/// UIDVALIDITY.
type Key = ((u64, u64), Box<[u8]>, u32);

/// A folder as a session saw it: nothing of it has gone, nothing is left to be told.
#[derive(Debug)]
struct Picture {
    key: Key,
    view: Arc<View>,
    keywords: Keywords,
    uid_next: u32,
    highest: i64,
    watch: Watch,
}

/// The last one that was used comes last.
static PICTURES: Mutex<Vec<Picture>> = Mutex::new(Vec::new());

fn pictures() -> MutexGuard<'static, Vec<Picture>> {
    PICTURES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets them all, as a new process has none.
#[cfg(test)]
pub(super) fn forget_all() {
    pictures().clear();
}

impl Mailbox {
    fn key(&self) -> Key {
        (self.account.db().identity(), self.database.clone(), self.validity)
    }

    /// Begins with a picture, if there is one. It is as old as it is: a look must follow.
    pub(super) fn begin(&mut self) {
        let key = self.key();
        let mut all = pictures();
        let Some(at) = all.iter().position(|p| p.key == key) else { return };
        let picture = all.remove(at);
        self.view = Arc::clone(&picture.view);
        self.keywords = picture.keywords.clone();
        (self.uid_next, self.highest) = (picture.uid_next, picture.highest);
        self.watch = picture.watch.clone();
        all.push(picture);
    }

    /// Forgets the picture, and what this view has of it.
    pub(super) fn begin_anew(&mut self) {
        let key = self.key();
        pictures().retain(|p| p.key != key);
        self.view = Arc::default();
        self.keywords = Keywords::default();
        (self.uid_next, self.highest) = (1, 1);
        self.watch = Watch::default();
    }

    /// Leaves the view to those that come, or takes theirs if it is the same.
    pub(super) fn leave(&mut self) {
        let size = self.view.messages.len();
        if !(LARGE..=KEPT).contains(&size) || self.view.files.iter().any(|f| f.gone || f.changed) {
            return;
        }
        let key = self.key();
        let mut all = pictures();
        let known = all.iter().position(|p| p.key == key).map(|at| all.remove(at));
        let ours = Picture {
            key,
            view: Arc::clone(&self.view),
            keywords: self.keywords.clone(),
            uid_next: self.uid_next,
            highest: self.highest,
            watch: self.watch.clone(),
        };
        let picture = match known {
            // A session that is behind, which happens while another process is at work.
            Some(theirs) if (theirs.highest, theirs.uid_next) > (ours.highest, ours.uid_next) => theirs,
            Some(theirs) if theirs.is_of_the_same_moment(&ours) => {
                self.view = Arc::clone(&theirs.view);
                theirs
            }
            _ => ours,
        };
        all.push(picture);
        let mut total = 0usize;
        let fit = all.iter().rev().take_while(|p| {
            total = total.saturating_add(p.view.messages.len());
            total <= KEPT
        });
        let surplus = all.len().saturating_sub(fit.count());
        all.drain(..surplus);
    }

    /// Whether the database says that its rows are what a listing would find now.
    pub(super) fn is_listed(&self, stamp: &Stamp, news: &uids::News) -> bool {
        let Some((seen, modseq)) = &news.seen else { return false };
        *modseq == news.folder.modseq && *seen == stamp.to_string() && self.view.is_as_recorded()
    }

    /// Writes down that the database's rows are what the listing has found, for other processes. This can be found out
    /// again, so that nobody hears of a failure.
    pub(super) fn note_listed(&self, before: Option<&(String, i64)>) {
        let Some(stamp) = self.watch.stamp.filter(|s| !self.watch.fresh && !s.younger(SETTLED)) else { return };
        let seen = (stamp.to_string(), self.highest);
        if self.view.messages.len() < LARGE || before == Some(&seen) || !self.view.is_as_recorded() {
            return;
        }
        let _ = self.account.db().write(|t| uids::set_seen(t, self.validity, self.uid_next, &seen));
    }
}

impl Picture {
    /// Whether both were seen when the directories and the database were the same.
    fn is_of_the_same_moment(&self, other: &Picture) -> bool {
        let sure = |p: &Picture| p.watch.is_sure() && p.view.files.iter().all(|f| !f.unrecorded);
        (self.watch.stamp, self.highest, self.uid_next) == (other.watch.stamp, other.highest, other.uid_next)
            && self.keywords == other.keywords
            && self.view.messages.len() == other.view.messages.len()
            && sure(self)
            && sure(other)
    }
}
