//! What mail-login(1) keeps: for each protocol, user and server a password, or the name of an issuer whose tokens log in there.
//!
//! Passwords and tokens lie there as they are, in a file that only its owner can read, and are overwritten when they are
//! forgotten.

use super::db::{Db, Schema};
use super::disk;
use crate::error::{Local, Result};
use crate::secret::Secret;
use rusqlite::{OptionalExtension, Transaction, params};
use std::fmt;
use std::path::{Path, PathBuf};

static SCHEMA: Schema = Schema {
    migrations: &[
        "
        CREATE TABLE login (
            protocol TEXT NOT NULL,
            user TEXT NOT NULL,
            server TEXT NOT NULL,             -- HOST:PORT, or a socket's path
            kind TEXT NOT NULL,               -- password, oauth
            secret BLOB NOT NULL,             -- of oauth: the issuer
            time INTEGER NOT NULL,            -- when it was stored, seconds since 1970
            PRIMARY KEY (protocol, user, server)
        ) WITHOUT ROWID;
    ",
        "
        CREATE TABLE token (
            issuer TEXT NOT NULL,
            user TEXT NOT NULL,
            client TEXT NOT NULL,             -- client_id
            client_secret BLOB,               -- only if nothing else knows it
            secret_in_form INTEGER NOT NULL,
            endpoint TEXT NOT NULL,           -- where tokens are got
            revocation TEXT,                  -- where they are revoked
            grant_type TEXT NOT NULL,         -- refresh_token, client_credentials
            scope TEXT NOT NULL,
            refresh BLOB,
            access BLOB,
            expires INTEGER,                  -- when access does, seconds since 1970
            time INTEGER NOT NULL,            -- when it was got
            PRIMARY KEY (issuer, user)
        ) WITHOUT ROWID;
    ",
    ],
    repair: "remove it with its -wal and -shm, and store the passwords again",
};

/// Whose password it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `smtp`, `lmtp`, `pop3`, `imap`.
    pub protocol: String,
    /// The login name, as the server gets it.
    pub user: String,
    /// The server, with its port.
    pub server: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ({})", self.user, self.server, self.protocol)
    }
}

/// What is known of a login without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whose it is.
    pub key: Key,
    /// `password` or `oauth`.
    pub kind: String,
    /// When it was stored, or the token was got, in seconds since 1970.
    pub time: i64,
    /// Whose tokens they are.
    pub issuer: Option<String>,
    /// Until when the token is good, in seconds since 1970.
    pub expires: Option<i64>,
}

/// `logins.sqlite`.
pub struct Logins {
    pub(super) db: Db,
    /// Where its locks lie.
    pub(super) dir: PathBuf,
}

impl Logins {
    /// Opens the file; makes it (0600) and the directories above (0700) if they are not there.
    ///
    /// # Errors
    /// 73 when it can't be made, 74 when it is damaged, 75 when it is locked for long, 78 when a newer version made it.
    pub fn open(path: &Path) -> Result<Logins> {
        let dir = disk::parent(path);
        disk::make_dirs(&dir).creating(dir.display())?;
        Ok(Logins { db: Db::open(path, &SCHEMA)?, dir })
    }

    /// The password of a login.
    ///
    /// # Errors
    /// 74, 75.
    pub fn password(&self, key: &Key) -> Result<Option<Secret>> {
        let Key { protocol, user, server } = key;
        self.db.read(|t| {
            let sql = "SELECT secret FROM login WHERE protocol = ? AND user = ? AND server = ? AND kind = 'password'";
            let found: Option<Vec<u8>> =
                t.query_row(sql, params![protocol, user, server], |row| row.get(0)).optional()?;
            Ok(found.map(Secret::new))
        })
    }

    /// Keeps a password for all of these.
    ///
    /// # Errors
    /// 74, 75.
    pub fn keep(&self, all: &[(Key, Secret)], time: i64) -> Result<()> {
        self.db.write(|t| {
            overwrite(t)?;
            for (Key { protocol, user, server }, secret) in all {
                let sql = "INSERT OR REPLACE INTO login VALUES (?, ?, ?, 'password', ?, ?)";
                t.execute(sql, params![protocol, user, server, secret.expose(), time])?;
            }
            Ok(())
        })
    }

    /// Forgets a login; whether there was one.
    ///
    /// # Errors
    /// 74, 75.
    pub fn forget(&self, key: &Key) -> Result<bool> {
        let Key { protocol, user, server } = key;
        self.db.write(|t| {
            overwrite(t)?;
            let sql = "DELETE FROM login WHERE protocol = ? AND user = ? AND server = ?";
            Ok(t.execute(sql, params![protocol, user, server])? > 0)
        })
    }

    /// All of them.
    ///
    /// # Errors
    /// 74, 75.
    pub fn all(&self) -> Result<Vec<Stored>> {
        self.db.read(|t| {
            let mut query = t.prepare(
                "SELECT login.protocol, login.user, login.server, login.kind, ifnull(token.time, login.time), \
                 token.issuer, token.expires \
                 FROM login LEFT JOIN token ON login.kind = 'oauth' AND token.issuer = CAST(login.secret AS TEXT) \
                 AND token.user = login.user ORDER BY login.user, login.server, login.protocol",
            )?;
            let rows = query.query_map([], |row| {
                let key = Key { protocol: row.get(0)?, user: row.get(1)?, server: row.get(2)? };
                Ok(Stored { key, kind: row.get(3)?, time: row.get(4)?, issuer: row.get(5)?, expires: row.get(6)? })
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }
}

/// What is deleted is filled with zeros, not only taken out of the lists.
pub(super) fn overwrite(t: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    t.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn kept_told_without_the_secret_and_forgotten_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/logins.sqlite");
        let key = |server: &str| Key { protocol: "imap".into(), user: "bob".into(), server: server.into() };
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        let logins = Logins::open(&path).unwrap();
        logins.keep(&[(key("h:1"), secret("tulip-one")), (key("h:2"), secret("tulip-two"))], 7).unwrap();
        logins.keep(&[(key("h:1"), secret("tulip-three"))], 8).unwrap();
        assert!(logins.password(&key("h:1")).unwrap().unwrap().same(b"tulip-three"));
        assert!(logins.password(&key("h:3")).unwrap().is_none());
        let all = logins.all().unwrap();
        assert_eq!(all.iter().map(|s| (s.key.server.as_str(), s.time)).collect::<Vec<_>>(), [("h:1", 8), ("h:2", 7)]);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert!(logins.forget(&key("h:1")).unwrap() && logins.forget(&key("h:2")).unwrap());
        assert!(!logins.forget(&key("h:1")).unwrap());
        drop(logins);
        for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("tulip"));
        }
    }
}
