//! When `new/` and `cur/` changed last: as long as their times stand still, so do the names in them.
//!
//! The time of modification can be set by anyone, the time of the last change by nobody but the clock, so both count. A
//! change that follows another within the clock's tick leaves both as they are: times that are younger than that say
//! nothing.

use crate::error::{Error, Local, Result};
use crate::store::maildir::{Maildir, Sub};
use rustix::fs;
use std::time::{Duration, SystemTime};

/// Changes of a directory within this time may leave the same times.
pub(super) const GRANULARITY: Duration = Duration::from_millis(50);

/// The kernel's clock for these times moves at least this often.
pub(super) const TICK: Duration = Duration::from_millis(12);

/// Some file systems keep whole seconds, or two of them.
const COARSE: Duration = Duration::from_millis(2100);

/// After this time other processes may rely on it too, whose clocks may be others.
pub(super) const SETTLED: Duration = if cfg!(test) { GRANULARITY } else { COARSE };

/// The times of `new/` and `cur/`, and which directories they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([Directory; 2]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Directory {
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
    device: u64,
    inode: u64,
}

impl Stamp {
    /// Asks for them; opening the directories makes network file systems ask their servers.
    ///
    /// # Errors
    /// 75 when the folder (whose name is for the message) has gone, 74.
    pub(super) fn of(maildir: &Maildir, folder: &str) -> Result<Stamp> {
        let one = |sub: Sub| match maildir.open(sub).and_then(|dir| Ok(fs::fstat(dir)?)) {
            #[allow(clippy::useless_conversion)] // their types differ between systems
            Ok(s) => Ok(Directory {
                modified: (i64::from(s.st_mtime), i64::try_from(s.st_mtime_nsec).unwrap_or(0)),
                changed: (i64::from(s.st_ctime), i64::try_from(s.st_ctime_nsec).unwrap_or(0)),
                device: s.st_dev,
                inode: s.st_ino,
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::temporary(format!("the folder {folder} was removed or renamed")))
            }
            Err(e) => Err(e).local(maildir.sub(sub).display()),
        };
        Ok(Stamp([one(Sub::New)?, one(Sub::Cur)?]))
    }

    /// Whether one of the times is younger than that.
    pub(super) fn younger(&self, age: Duration) -> bool {
        let now = SystemTime::now();
        self.0.iter().flat_map(|d| [d.modified, d.changed]).any(|(seconds, nanos)| {
            let age = if nanos == 0 { age.max(COARSE) } else { age };
            let nanos = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
            let time = super::uids::time(seconds).checked_add(nanos).unwrap_or(SystemTime::UNIX_EPOCH);
            // A time in the future is as good as now.
            now.duration_since(time).map_or(true, |since| since < age)
        })
    }
}

/// As the database keeps it.
impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [new, cur] = self.0;
        for (name, d) in [("new", new), (" cur", cur)] {
            let ((modified, m), (changed, c)) = (d.modified, d.changed);
            write!(f, "{name} {}.{} {modified}.{m:09} {changed}.{c:09}", d.device, d.inode)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(modified: SystemTime, changed: SystemTime) -> Stamp {
        let parts = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            (since.as_secs() as i64, i64::from(since.subsec_nanos()))
        };
        let d = Directory { modified: parts(modified), changed: parts(changed), device: 1, inode: 2 };
        Stamp([d, d])
    }

    #[test]
    fn young_is_what_may_hide_a_change() {
        let now = SystemTime::now();
        let old = now - Duration::from_secs(60) + Duration::from_nanos(1);
        assert!(!at(old, old).younger(GRANULARITY) && at(old, old).younger(Duration::from_secs(600)));
        // Set back, or set forward.
        assert!(at(old, now).younger(GRANULARITY) && at(now + Duration::from_secs(600), old).younger(GRANULARITY));
        let whole = |ago: u64| {
            let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() - ago;
            SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
        };
        assert!(at(whole(1), whole(1)).younger(GRANULARITY) && !at(whole(5), whole(5)).younger(GRANULARITY));
    }
}
