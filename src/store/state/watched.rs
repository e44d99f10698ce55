//! What is remembered of a folder that is watched: as it was when all that had happened in it had been told.

use super::History;
use crate::error::Result;
use rusqlite::{OptionalExtension, params};

impl History<'_> {
    /// What was remembered last.
    ///
    /// # Errors
    /// 74.
    pub fn watched(&self) -> Result<Option<Vec<u8>>> {
        let select = "SELECT picture FROM watched WHERE source = ?1";
        self.state.db.read(|t| Ok(t.query_row(select, [self.source], |row| row.get(0)).optional()?))
    }

    /// Remembers that.
    ///
    /// # Errors
    /// 74.
    pub fn watch(&self, picture: &[u8]) -> Result<()> {
        self.state.db.write(|t| {
            t.execute(
                "INSERT OR REPLACE INTO watched (source, picture) VALUES (?1, ?2)",
                params![self.source, picture],
            )?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Key, State};
    use std::time::Duration;

    #[test]
    fn the_last_picture() {
        let t = tempfile::tempdir().unwrap();
        let state = State::open(&t.path().join("state.sqlite")).unwrap();
        let [protocol, login, host, name] = ["imap-watch", "bob", "h", "INBOX\nx"].map(str::to_owned);
        let history = state.history(&Key { protocol, login, host, name }, Duration::ZERO).unwrap();
        assert_eq!(history.watched().unwrap(), None);
        history.watch(b"one").unwrap();
        history.watch(b"two").unwrap();
        assert_eq!(history.watched().unwrap().as_deref(), Some(&b"two"[..]));
    }
}
