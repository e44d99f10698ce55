//! Delivery into INBOX, as every delivery agent does it: a synced file gets a name in `new`, and the directory is synced. The
//! UID comes when somebody looks, for all that has come since at once, which saves each message a transaction of its own.

use super::{Account, Draft};
use crate::error::{Error, Result};
use crate::store::maildir::{Sealed, Sub};
use rustix::fs::AtFlags;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

impl Draft {
    /// Syncs the message, puts it into each INBOX and syncs that: `Ok` means that it is on stable storage there. One that fails
    /// holds nothing of it, and does not stop the others.
    #[must_use]
    pub fn deliver(self, to: &[&Account]) -> Vec<Result<()>> {
        match self.incoming.seal(None) {
            Ok(sealed) => to.iter().map(|account| account.receive(&sealed)).collect(),
            Err(e) => to.iter().map(|_| Err(e.clone())).collect(),
        }
    }
}

impl Account {
    fn receive(&self, sealed: &Sealed) -> Result<()> {
        let inbox = &self.tree.inbox;
        let name = match sealed.can_link(inbox) {
            true => sealed.link(inbox, None)?,
            false => sealed.copy(inbox, sealed.date()?)?.link(inbox, None)?,
        };
        let synced = self.tree.arrivals.sync(|| inbox.sync(Sub::New));
        if synced.is_err()
            && let Ok(dir) = inbox.open(Sub::New)
        {
            // The sender hears of a failure and will come again.
            let _ = rustix::fs::unlinkat(dir, name.as_slice(), AtFlags::empty());
        }
        synced
    }
}

/// Group commit: those who want a directory synced at the same time share a sync. There is no thread for it. Who finds nobody
/// at it does it; who comes meanwhile may have come too late for that one, waits, and one of them does the next for all.
#[derive(Debug, Default)]
pub(super) struct SharedSync {
    syncs: Mutex<Syncs>,
    turn: Condvar,
}

#[derive(Debug, Default)]
struct Syncs {
    begun: u64,
    ended: u64,
    /// The last one that failed.
    failed: Option<(u64, Error)>,
}

impl SharedSync {
    fn locked(&self) -> MutexGuard<'_, Syncs> {
        self.syncs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a sync has ended that began after the call, `work` if nobody else's.
    fn sync(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut syncs = self.locked();
        let ours = syncs.begun.saturating_add(1);
        while syncs.ended < ours {
            if syncs.begun == syncs.ended {
                syncs.begun = ours;
                drop(syncs);
                let mut turn = Turn { all: self, result: Err(Error::internal("a sync has panicked")) };
                turn.result = work();
                return turn.result.clone();
            }
            syncs = self.turn.wait(syncs).unwrap_or_else(PoisonError::into_inner);
        }
        match &syncs.failed {
            // If only a later one has failed, this is an error too many, which costs a message twice and none its life.
            Some((failed, e)) if *failed >= ours => Err(e.clone()),
            _ => Ok(()),
        }
    }
}

/// A sync that is on its way; it ends some time, in a panic too.
struct Turn<'s> {
    all: &'s SharedSync,
    result: Result<()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut syncs = self.all.locked();
        syncs.ended = syncs.begun;
        if let Err(e) = &self.result {
            syncs.failed = Some((syncs.ended, e.clone()));
        }
        drop(syncs);
        self.all.turn.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// What each of them has put in place before is there for a sync that begins after that.
    #[test]
    fn everybody_gets_a_sync_that_began_after_they_came() {
        let shared = SharedSync::default();
        let (put, synced, syncs) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let mine = put.fetch_add(1, Ordering::SeqCst) + 1;
                        let work = || {
                            let seen = put.load(Ordering::SeqCst);
                            std::thread::sleep(Duration::from_micros(200));
                            synced.fetch_max(seen, Ordering::SeqCst);
                            syncs.fetch_add(1, Ordering::SeqCst);
                            Ok(())
                        };
                        shared.sync(work).unwrap();
                        assert!(synced.load(Ordering::SeqCst) >= mine);
                    }
                });
            }
        });
        assert!(syncs.load(Ordering::SeqCst) <= 400);
    }

    #[test]
    fn a_failure_is_everybodys_who_shared_it() {
        let shared = SharedSync::default();
        let results: Vec<bool> = std::thread::scope(|scope| {
            let one = || {
                shared.sync(|| {
                    std::thread::sleep(Duration::from_millis(5));
                    Err(Error::io("no"))
                })
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(move || one().is_err())).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(results, [true; 6]);
        assert!(shared.sync(|| Ok(())).is_ok());
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shared.sync(|| panic!("oh"))));
        assert!(panics.is_err() && shared.sync(|| Ok(())).is_ok());
    }
}
