//! What people do to entries.

use super::{Entry, NotLocked, Queue, Recipient, Selection, Status, now, rows};
use crate::error::{Error, Result};
use rusqlite::params;

/// What is done to the recipients that are meant, in the states where it makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing more is tried until it is released.
    Hold,
    /// What is held, or held back as its sender wished, waits again, for now.
    Release,
    /// What waits is tried at the next run; what is unknown too.
    Retry,
    /// It is given up, and the sender is told.
    Bounce,
}

impl Action {
    /// Whether it changes a recipient, which it does then. `held_back`: the message still has to wait, as its sender wished.
    fn apply(self, to: &mut Recipient, held_back: bool) -> bool {
        let fits = match self {
            Action::Hold | Action::Retry => to.status.is_due(),
            Action::Release => to.status == Status::Held || held_back && to.status.is_due(),
            Action::Bounce => !to.status.is_final() && to.status != Status::HandedOver,
        };
        if !fits {
            return false;
        }
        match self {
            Action::Hold => to.status = Status::Held,
            Action::Release | Action::Retry => {
                to.status = if to.status == Status::Held { Status::Waiting } else { to.status };
                (to.next, to.since) = (now(), now());
            }
            Action::Bounce => {
                let before =
                    if to.text.is_empty() { String::new() } else { format!(" (the last answer was: {})", to.text) };
                to.status = Status::Refused;
                (to.code, to.enhanced) = (None, Some("5.7.0".to_owned()));
                to.text = format!("given up by the queue's owner{before}");
            }
        }
        true
    }
}

impl Queue {
    /// Does it to the recipients of an entry that `which` means; how many were changed. To deliver, and to tell the sender, is
    /// a runner's business.
    ///
    /// # Errors
    /// 66: there is no such entry; 74, 75: the database; 75: a runner works on it.
    pub fn act(&self, id: &str, action: Action, which: &Selection) -> Result<usize> {
        let _lock = self.lock_or_broken(id)?;
        let Some(mut entry) = self.entry(id)? else { return Err(rows::no_such(id)) };
        self.recover(&mut entry)?;
        let bounces = action == Action::Bounce;
        let from_nobody = entry.from.is_empty();
        let mut changed: Vec<&mut Recipient> = entry.to.iter_mut().filter(|to| which.has(to)).collect();
        let held_back = entry.asked.hold.is_some_and(|until| until > now());
        changed.retain_mut(|to| action.apply(to, held_back));
        for to in changed.iter_mut().filter(|_| bounces) {
            to.untold = !from_nobody && to.notify.is_none_or(|notify| notify.failure);
        }
        let changed: Vec<&Recipient> = changed.into_iter().map(|to| &*to).collect();
        if changed.is_empty() {
            return Ok(0);
        }
        let gone = self.db.write(|t| {
            changed.iter().try_for_each(|to| rows::update(t, id, to))?;
            if action == Action::Release {
                t.execute("UPDATE entry SET hold = NULL WHERE id = ? AND hold > ?", params![id, now()])?;
            }
            if action == Action::Retry {
                // Whoever asks for it has mended what was wrong.
                changed.iter().try_for_each(|to| t.execute("DELETE FROM hop WHERE hop = ?", [&to.hop]).map(drop))?;
            }
            rows::delete_if_over(t, id)
        })?;
        if gone {
            self.remove_file(id);
        }
        Ok(changed.len())
    }

    /// Removes an entry; nobody is told.
    ///
    /// # Errors
    /// 66: there is no such entry; 74, 75: the database; 75: a runner works on it.
    pub fn remove(&self, id: &str) -> Result<()> {
        let _lock = self.lock_or_broken(id)?;
        let removed = self.db.write(|t| Ok(t.execute("DELETE FROM entry WHERE id = ?", [id])?))?;
        if removed == 0 {
            return Err(rows::no_such(id));
        }
        self.remove_file(id);
        Ok(())
    }

    /// The lock, if there is a file to be locked.
    fn lock_or_broken(&self, id: &str) -> Result<Option<super::Locked>> {
        // The name of no file that is not an entry's: it comes from the command line.
        if self.entry(id)?.is_none() {
            return Err(rows::no_such(id));
        }
        match self.lock(id) {
            Ok(lock) => Ok(Some(lock)),
            Err(NotLocked::Broken(_)) => Ok(None),
            Err(NotLocked::Failed(e)) => Err(e),
            Err(NotLocked::Busy) => Err(Error::temporary(format!("{id}: it is being delivered now"))),
        }
    }

    /// What a runner that was killed has left behind, in an entry that we have locked: recipients that were handed over, and
    /// nobody knows what came of it. They wait from now on; the caller says how long.
    pub(super) fn recover(&self, entry: &mut Entry) -> Result<bool> {
        let mut left: Vec<&mut Recipient> = entry.to.iter_mut().filter(|to| to.status == Status::HandedOver).collect();
        for to in &mut left {
            to.status = Status::Unknown;
            to.doubtful = true;
            to.attempts = to.attempts.saturating_add(1);
            "it may have been delivered: the runner was ended before the answer".clone_into(&mut to.text);
            (to.code, to.enhanced) = (None, None);
        }
        let changed: Vec<&Recipient> = left.into_iter().map(|to| &*to).collect();
        if changed.is_empty() {
            return Ok(false);
        }
        self.store(&entry.id, &changed)?;
        Ok(true)
    }
}
