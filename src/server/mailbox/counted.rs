//! Sizes that had to be counted, because the file's name does not tell them: kept in SQLite, many in one transaction. They
//! can be counted again, so nothing waits for them and their errors are nobody's.

use super::{Account, uids};
use std::collections::HashMap;

/// So many wait at most.
const WAITING: usize = 500;

/// The counted sizes of one folder.
#[derive(Debug)]
pub(super) struct Sizes {
    account: Account,
    validity: u32,
    /// By UID: the file's size, and the one on the wire.
    waiting: HashMap<u32, (u64, u64)>,
}

impl Sizes {
    pub(super) fn of(account: Account, validity: u32) -> Sizes {
        Sizes { account, validity, waiting: HashMap::new() }
    }

    /// What was counted when the file had `size` bytes.
    pub(super) fn wire(&self, uid: u32, size: u64) -> Option<u64> {
        let known = match self.waiting.get(&uid) {
            Some(known) => Some(*known),
            None => self.account.db().read(|t| uids::counted(t, self.validity, uid)).ok().flatten(),
        };
        known.filter(|(counted, _)| *counted == size).map(|(_, wire)| wire)
    }

    pub(super) fn counted(&mut self, uid: u32, size: u64, wire: u64) {
        self.waiting.insert(uid, (size, wire));
        if self.waiting.len() >= WAITING {
            self.keep();
        }
    }

    fn keep(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let _ = self.account.db().write(|t| {
            waiting.iter().try_for_each(|(uid, (size, wire))| uids::set_counted(t, self.validity, *uid, *size, *wire))
        });
    }
}

impl Drop for Sizes {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            self.keep();
        }
    }
}
