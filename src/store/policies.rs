//! The MTA-STS policies that were obtained, RFC 8461 3.3: one for each domain, with the id of the record that announced it.
//!
//! It is a cache: what is in it can be obtained again. But as long as a policy holds it protects from those who hide the
//! record or the policy's server, so it is kept as carefully as anything else here.

use super::db::{Db, Schema};
use super::disk;
use crate::error::{Local, Result};
use rusqlite::{OptionalExtension, params};
use std::path::Path;

static SCHEMA: Schema = Schema {
    migrations: &["
        CREATE TABLE policy (
            domain TEXT PRIMARY KEY,
            id TEXT NOT NULL,
            text BLOB NOT NULL,               -- as it came
            until INTEGER NOT NULL            -- seconds since 1970
        ) WITHOUT ROWID;
    "],
    repair: "remove it with its -wal and -shm: the policies are then obtained again",
};

/// A policy as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The id that its record had.
    pub id: String,
    /// Its text.
    pub text: Vec<u8>,
}

/// `policies.sqlite`.
pub struct Policies {
    db: Db,
}

impl Policies {
    /// Opens the file; makes it (0600) and the directories above (0700) if they are not there.
    ///
    /// # Errors
    /// 73 when it can't be made, 74 when it is damaged, 75 when it is locked for long, 78 when a newer version made it.
    pub fn open(path: &Path) -> Result<Policies> {
        let dir = disk::parent(path);
        disk::make_dirs(&dir).creating(dir.display())?;
        Ok(Policies { db: Db::open(path, &SCHEMA)? })
    }

    /// What holds for a domain at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// 74, 75.
    pub fn of(&self, domain: &str, now: i64) -> Result<Option<Kept>> {
        self.db.read(|t| {
            let sql = "SELECT id, text FROM policy WHERE domain = ? AND until > ?";
            let kept = |row: &rusqlite::Row<'_>| Ok(Kept { id: row.get(0)?, text: row.get(1)? });
            Ok(t.query_row(sql, params![domain, now], kept).optional()?)
        })
    }

    /// Keeps a policy until then; those that hold no more are forgotten.
    ///
    /// # Errors
    /// 74, 75.
    pub fn keep(&self, domain: &str, policy: &Kept, until: i64, now: i64) -> Result<()> {
        self.db.write(|t| {
            t.execute("DELETE FROM policy WHERE until <= ?", params![now])?;
            let sql = "INSERT OR REPLACE INTO policy VALUES (?, ?, ?, ?)";
            t.execute(sql, params![domain, policy.id, policy.text, until])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_as_long_as_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/policies.sqlite");
        let policies = Policies::open(&path).unwrap();
        let policy = Kept { id: "1".into(), text: b"version: STSv1".to_vec() };
        policies.keep("a.example", &policy, 100, 0).unwrap();
        policies.keep("b.example", &policy, 200, 0).unwrap();
        assert_eq!(policies.of("a.example", 99).unwrap(), Some(policy.clone()));
        assert_eq!(policies.of("a.example", 100).unwrap(), None);
        let newer = Kept { id: "2".into(), ..policy.clone() };
        policies.keep("b.example", &newer, 300, 100).unwrap();
        drop(policies);
        let policies = Policies::open(&path).unwrap();
        assert_eq!(policies.of("b.example", 250).unwrap(), Some(newer));
        // Forgotten, not only passed over.
        assert_eq!(policies.of("a.example", 50).unwrap(), None);
    }
}
