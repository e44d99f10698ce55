//! What servers have announced to those who logged in, so that the next time nobody has to wait for it.
//!
//! It is a cache: what is in it is found out again when it is lost, and nothing in it is secret.

use super::db::{Db, Schema};
use super::disk;
use crate::error::{Local, Result};
use rusqlite::{OptionalExtension, params};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

static SCHEMA: Schema = Schema {
    migrations: &["
        CREATE TABLE announced (
            server TEXT PRIMARY KEY,          -- its host, the login, and under TLS the pin of its key
            words TEXT NOT NULL,              -- separated by spaces
            time INTEGER NOT NULL             -- when it was announced, seconds since 1970
        ) WITHOUT ROWID;
    "],
    repair: "remove it with its -wal and -shm: what is in it is found out again",
};

/// Servers that are remembered at most: those that were heard of last.
const SERVERS: i64 = 1000;

/// `announced.sqlite`.
pub struct Announcements {
    db: Db,
}

impl Announcements {
    /// Opens the file; makes it (0600) and the directories above (0700) if they are not there.
    ///
    /// # Errors
    /// 73 when it can't be made, 74, 75 when it is locked, 78 when a newer version made it.
    pub fn open(path: &Path) -> Result<Announcements> {
        let dir = disk::parent(path);
        disk::make_dirs(&dir).creating(dir.display())?;
        Ok(Announcements { db: Db::cache(path, &SCHEMA, 1000)? })
    }

    /// What this server has announced last.
    ///
    /// # Errors
    /// 74, 75.
    pub fn of(&self, server: &str) -> Result<Option<String>> {
        let select = "SELECT words FROM announced WHERE server = ?1";
        self.db.read(|t| Ok(t.query_row(select, [server], |row| row.get(0)).optional()?))
    }

    /// Remembers that.
    ///
    /// # Errors
    /// 74, 75.
    pub fn keep(&self, server: &str, words: &str) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        self.db.write(|t| {
            t.execute(
                "INSERT OR REPLACE INTO announced (server, words, time) VALUES (?1, ?2, ?3)",
                params![server, words, now],
            )?;
            let old = "DELETE FROM announced WHERE server IN
                       (SELECT server FROM announced ORDER BY time DESC, server LIMIT -1 OFFSET ?1)";
            t.execute(old, [SERVERS])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_server() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("state/announced.sqlite");
        let announced = Announcements::open(&path).unwrap();
        assert_eq!(announced.of("a bob plain").unwrap(), None);
        announced.keep("a bob plain", "IMAP4REV1").unwrap();
        announced.keep("a bob plain", "IMAP4REV1 IDLE").unwrap();
        announced.keep("a amy plain", "X").unwrap();
        drop(announced);
        let announced = Announcements::open(&path).unwrap();
        assert_eq!(announced.of("a bob plain").unwrap().as_deref(), Some("IMAP4REV1 IDLE"));
        assert_eq!(announced.of("a amy plain").unwrap().as_deref(), Some("X"));
    }
}
