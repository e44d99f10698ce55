//! Which alerts were told, `alerts.sqlite`: so that a command that fails every minute is not told every minute, and two that fail at once
//! are told once.
//!
//! An alert is claimed before it is sent and noted when it was; a claim that nobody has kept expires, so that a program that was
//! killed meanwhile has silenced nothing.

use super::db::{Db, Schema};
use super::disk;
use crate::error::{Error, Local, Result};
use rusqlite::{OptionalExtension, params};
use std::path::Path;

static SCHEMA: Schema = Schema {
    migrations: &["
        CREATE TABLE alert (
            key TEXT PRIMARY KEY,
            failing INTEGER,                  -- since when it fails; NULL: it does not. Seconds since 1970, like all times here
            told INTEGER,                     -- when it was told last
            claimed INTEGER,                  -- when somebody began to tell it
            muted INTEGER NOT NULL DEFAULT 0, -- how often it failed since then without being told
            open INTEGER NOT NULL DEFAULT 0   -- 1: a failure was told, and no recovery since
        ) WITHOUT ROWID;
    "],
    repair: "remove it: then all alerts count as new",
};

/// As long as one may take to send an alert.
const CLAIM: i64 = 600;

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Tell it. So many were not told before, and that was when one was told.
    Tell {
        /// How many.
        muted: u64,
        /// When, in seconds since 1970.
        told: Option<i64>,
    },
    /// It was told, or is about to be.
    Mute,
}

/// The file.
#[derive(Debug)]
pub struct Alerts(Db);

#[derive(Clone, Copy, Default)]
struct Row {
    failing: Option<i64>,
    told: Option<i64>,
    claimed: Option<i64>,
    muted: i64,
    open: bool,
}

impl Alerts {
    /// Opens it; makes it (0600) and the directories above (0700) if they are not there.
    ///
    /// # Errors
    /// 73 when it can't be made, 74 when it is damaged, 75 when it is locked for long, 78 when a newer version made it.
    pub fn open(path: &Path) -> Result<Alerts> {
        let dir = disk::parent(path);
        disk::make_dirs(&dir).creating(dir.display())?;
        Db::open(path, &SCHEMA).map(Alerts)
    }

    fn change<T>(&self, key: &str, change: impl FnOnce(&mut Row) -> T) -> Result<T> {
        self.0.write(|t| {
            let select = "SELECT failing, told, claimed, muted, open FROM alert WHERE key = ?1";
            let row = t.query_row(select, [key], |r| {
                Ok(Row { failing: r.get(0)?, told: r.get(1)?, claimed: r.get(2)?, muted: r.get(3)?, open: r.get(4)? })
            });
            let mut row = row.optional()?.unwrap_or_default();
            let done = change(&mut row);
            let Row { failing, told, claimed, muted, open } = row;
            t.execute(
                "INSERT OR REPLACE INTO alert (key, failing, told, claimed, muted, open) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![key, failing, told, claimed, muted, open],
            )?;
            Ok(done)
        })
    }

    /// It has failed at `now`: whether to tell that, at most once in `once_per` seconds. If so, it is claimed: [`Alerts::told`] or
    /// [`Alerts::untold`] must follow.
    ///
    /// # Errors
    /// 74, 75.
    pub fn failed(&self, key: &str, now: i64, once_per: Option<u64>) -> Result<Verdict> {
        self.change(key, |row| {
            row.failing.get_or_insert(now);
            // A clock that was set back has silenced nothing.
            let within =
                |time: Option<i64>, seconds: i64| time.is_some_and(|t| t <= now && now.saturating_sub(t) < seconds);
            let once_per = once_per.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
            if once_per.is_some_and(|seconds| within(row.told, seconds) || within(row.claimed, CLAIM)) {
                row.muted = row.muted.saturating_add(1);
                return Verdict::Mute;
            }
            row.claimed = Some(now);
            Verdict::Tell { muted: u64::try_from(row.muted).unwrap_or(0), told: row.told }
        })
    }

    /// The alert was sent.
    ///
    /// # Errors
    /// 74, 75.
    pub fn told(&self, key: &str, now: i64) -> Result<()> {
        self.change(key, |row| *row = Row { told: Some(now), claimed: None, muted: 0, open: true, ..*row })
    }

    /// The alert could not be sent.
    ///
    /// # Errors
    /// 74, 75.
    pub fn untold(&self, key: &str) -> Result<()> {
        self.change(key, |row| row.claimed = None)
    }

    /// It is well: if a failure was told and its end was not, since when it failed. [`Alerts::reopen`] if that can't be told.
    ///
    /// # Errors
    /// 74, 75.
    pub fn well(&self, key: &str) -> Result<Option<i64>> {
        self.change(key, |row| {
            let since = row.failing.take();
            since.filter(|_| std::mem::take(&mut row.open))
        })
    }

    /// It fails since then, for all that anybody was told.
    ///
    /// # Errors
    /// 74, 75.
    pub fn reopen(&self, key: &str, since: i64) -> Result<()> {
        self.change(key, |row| *row = Row { failing: Some(since), open: true, ..*row })
    }
}

/// The longest key, in bytes.
pub const KEY_MAX: usize = 100;

/// Whether it can be a key: one line, not empty, not longer than [`KEY_MAX`].
///
/// # Errors
/// 64.
pub fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key.len() > KEY_MAX || key.chars().any(char::is_control) {
        return Err(Error::usage(format!("{key}: not a key: 1 to {KEY_MAX} bytes without control characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flapping_alert_is_told_once_in_a_while() {
        let t = tempfile::tempdir().unwrap();
        let alerts = Alerts::open(&t.path().join("a/alerts.sqlite")).unwrap();
        let fail = |now| alerts.failed("k", now, Some(100)).unwrap();
        assert_eq!(fail(1000), Verdict::Tell { muted: 0, told: None });
        // Somebody is at it.
        assert_eq!(fail(1000), Verdict::Mute);
        alerts.told("k", 1001).unwrap();
        assert_eq!(fail(1100), Verdict::Mute);
        assert_eq!(fail(1101), Verdict::Tell { muted: 1, told: Some(1001) });
        // It could not be sent; or whoever was at it was killed.
        alerts.untold("k").unwrap();
        assert_eq!(fail(1102), Verdict::Tell { muted: 1, told: Some(1001) });
        assert_eq!(fail(1103), Verdict::Mute);
        assert_eq!(fail(1102 + CLAIM), Verdict::Tell { muted: 2, told: Some(1001) });
        alerts.told("k", 2000).unwrap();
        // Recoveries are told once each, and only of what was told.
        assert_eq!(alerts.well("k").unwrap(), Some(1000));
        assert_eq!(alerts.well("k").unwrap(), None);
        assert_eq!(fail(2010), Verdict::Mute);
        assert_eq!(alerts.well("k").unwrap(), None);
        // The clock was set back; no --once-per; another key.
        assert_eq!(fail(500), Verdict::Tell { muted: 1, told: Some(2000) });
        assert_eq!(alerts.failed("k", 501, None).unwrap(), Verdict::Tell { muted: 1, told: Some(2000) });
        assert_eq!(alerts.failed("l", 2010, Some(5)).unwrap(), Verdict::Tell { muted: 0, told: None });
        alerts.reopen("k", 7).unwrap();
        assert_eq!(alerts.well("k").unwrap(), Some(7));
    }

    #[test]
    fn two_at_once_tell_one() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("alerts.sqlite");
        let told = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    let alerts = Alerts::open(&path).unwrap();
                    if alerts.failed("k", 1000, Some(3600)).unwrap() != Verdict::Mute {
                        told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        alerts.told("k", 1000).unwrap();
                    }
                });
            }
        });
        assert_eq!(told.into_inner(), 1);
    }
}
