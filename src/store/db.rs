//! The only place that opens SQLite.
//!
//! WAL where the file system can, a rollback journal where it can't; `synchronous=FULL`, because what is recorded here
//! (UIDs, what was fetched) was promised to somebody; every change in one `BEGIN IMMEDIATE`; 0600; `user_version` counts
//! the migrations. What could be found out again is kept in a [cache](Db::cache), with less care. A database that is damaged is an error that names the file and says what to do, never an empty one.

use super::disk;
use crate::error::{Error, Local, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one waits for another process before giving up with 75.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a database holds, and how it came to that.
#[derive(Debug)]
pub struct Schema {
    /// The SQL that leads from version n to n + 1, for n = 0, 1, ...; never changed once it was released.
    pub migrations: &'static [&'static str],
    /// What to do when the file is damaged: one line.
    pub repair: &'static str,
}

/// One SQLite file, shared by the threads of this process.
#[derive(Debug)]
pub struct Db {
    path: PathBuf,
    schema: &'static Schema,
    kind: Kind,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    identity: (u64, u64),
    /// Whether it has a write-ahead log.
    wal: bool,
}

/// What a file is to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What was promised to somebody.
    Records,
    /// What can be found out again: on stable storage some time, at most so many pages, removed when it is damaged.
    Cache { pages: u32 },
}

impl Kind {
    /// How long one waits for another process.
    fn patience(self) -> Duration {
        if self == Kind::Records { PATIENCE } else { Duration::from_millis(200) }
    }
}

impl Db {
    /// Opens the file, making it (0600) and bringing its schema up to date.
    ///
    /// # Errors
    /// 74 when it is damaged or the disk fails, 75 when others hold it too long, 78 when a newer version has made it.
    pub fn open(path: &Path, schema: &'static Schema) -> Result<Db> {
        Db::open_as(path, schema, Kind::Records)
    }

    /// The same for what can be found out again: nothing waits for the disk, or long for another process; a file that is
    /// damaged is made anew; it never has more than `pages` of 4 KiB.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn cache(path: &Path, schema: &'static Schema, pages: u32) -> Result<Db> {
        Db::open_as(path, schema, Kind::Cache { pages })
    }

    fn open_as(path: &Path, schema: &'static Schema, kind: Kind) -> Result<Db> {
        let open = Mutex::new(open(path, schema, kind)?);
        Ok(Db { path: path.to_owned(), schema, kind, open })
    }

    /// Does `work` in one transaction that writes: all of it is on stable storage afterwards, or none of it.
    ///
    /// # Errors
    /// What `work` says, or 74 and 75 from SQLite.
    pub fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Stop>) -> Result<T> {
        self.transaction(TransactionBehavior::Immediate, work)
    }

    /// The same, but it need not be on stable storage before the next [`Db::write`] is: a kill of this program takes nothing back,
    /// and where the machine stops, either all of it is lost or none.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub fn write_soon<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Stop>) -> Result<T> {
        let mut guard = self.current()?;
        // A rollback journal that is not synced could leave a damaged file.
        if !guard.wal || self.kind != Kind::Records {
            return self.transaction_in(&mut guard, TransactionBehavior::Immediate, work);
        }
        let set = |guard: &Open, how: &str| guard.connection.pragma_update(None, "synchronous", how);
        set(&guard, "NORMAL").map_err(|e| self.explain(&e))?;
        let done = self.transaction_in(&mut guard, TransactionBehavior::Immediate, work);
        set(&guard, "FULL").map_err(|e| self.explain(&e))?;
        done
    }

    /// Does `work` in one transaction that only reads.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Stop>) -> Result<T> {
        self.transaction(TransactionBehavior::Deferred, work)
    }

    fn transaction<T>(
        &self,
        how: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Stop>,
    ) -> Result<T> {
        self.transaction_in(&mut *self.current()?, how, work)
    }

    fn transaction_in<T>(
        &self,
        open: &mut Open,
        how: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Stop>,
    ) -> Result<T> {
        let transaction = open.connection.transaction_with_behavior(how).map_err(|e| self.explain(&e))?;
        let done = work(&transaction).and_then(|value| transaction.commit().map(|()| value).map_err(Stop::Sql));
        done.map_err(|stop| match stop {
            Stop::Sql(e) => {
                if self.kind != Kind::Records && is_damage(&e) {
                    // The next transaction finds it missing, and makes it anew.
                    let _ = std::fs::remove_file(&self.path);
                }
                self.explain(&e)
            }
            Stop::Other(e) => e,
        })
    }

    /// The file's device and inode, by which it is told from one that has taken its place.
    #[must_use]
    pub fn identity(&self) -> (u64, u64) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).identity
    }

    /// The connection; a new one if the file was removed or replaced under us, because what is written into a file
    /// without a name would be lost.
    fn current(&self) -> Result<MutexGuard<'_, Open>> {
        let mut guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if identity(&self.path).ok() != Some(guard.identity) {
            // Closed first: its locks on `-shm` are the process's, and would vanish from under the new connection.
            let none = Connection::open_in_memory().map_err(|e| self.explain(&e))?;
            *guard = Open { connection: none, identity: (0, 0), wal: false };
            *guard = open(&self.path, self.schema, self.kind)?;
        }
        Ok(guard)
    }

    fn explain(&self, e: &rusqlite::Error) -> Error {
        explain(&self.path, self.schema, e)
    }
}

/// What stops a transaction: SQLite, which says so without the file's name, or anything else. `?` makes it of both.
#[derive(Debug)]
pub enum Stop {
    /// SQLite.
    Sql(rusqlite::Error),
    /// Anything else.
    Other(Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(e: rusqlite::Error) -> Stop {
        Stop::Sql(e)
    }
}

impl From<Error> for Stop {
    fn from(e: Error) -> Stop {
        Stop::Other(e)
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

fn explain(path: &Path, schema: &Schema, e: &rusqlite::Error) -> Error {
    let name = path.display();
    match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::temporary(format!("{name}: another process keeps it locked"))
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::io(format!("{name}: damaged ({e})")).advise(schema.repair)
        }
        // As the system says it, so that whoever looks for a full disk finds one.
        Some(ErrorCode::DiskFull) => Error::io(format!("{name}: No space left on device")),
        Some(ErrorCode::ReadOnly) => {
            Error::io(format!("{name}: {e}")).advise("make it and its directory writable for their owner")
        }
        _ => Error::io(format!("{name}: {e}")),
    }
}

fn is_damage(e: &rusqlite::Error) -> bool {
    matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn open(path: &Path, schema: &'static Schema, kind: Kind) -> Result<Open> {
    // SQLite would make the file with the umask's mode; its -wal and -shm take the mode of the file that is there.
    let file = disk::open_or_create(path).creating(path.display())?;
    drop(file);
    let until = Instant::now() + kind.patience();
    let mut renewed = kind == Kind::Records;
    loop {
        match try_open(path, schema, kind) {
            Ok((connection, wal)) => {
                let identity = identity(path).local(path.display())?;
                return Ok(Open { connection, identity, wal });
            }
            // The change to WAL wants the file for itself and does not use the busy timeout.
            Err(Trouble::Sql(e))
                if Instant::now() < until
                    && matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(Trouble::Sql(e)) if !renewed && is_damage(&e) => {
                renewed = true;
                for end in ["", "-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{end}", path.display()));
                }
                drop(disk::open_or_create(path).creating(path.display())?);
            }
            Err(Trouble::Sql(e)) => return Err(explain(path, schema, &e)),
            Err(Trouble::Newer(version)) => {
                return Err(Error::config(format!("{}: made by a newer pipepost (schema {version})", path.display()))
                    .advise("run that version; what it has written down, this one can't read"));
            }
        }
    }
}

enum Trouble {
    Sql(rusqlite::Error),
    Newer(i64),
}

impl From<rusqlite::Error> for Trouble {
    fn from(e: rusqlite::Error) -> Trouble {
        Trouble::Sql(e)
    }
}

/// Whether it has a write-ahead log, too.
fn try_open(path: &Path, schema: &Schema, kind: Kind) -> Result<(Connection, bool), Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(kind.patience())?;
    connection.pragma_update(None, "cache_size", -1024)?;
    let wal = journal(&connection, "WAL").and_then(|mode| {
        // Network file systems say yes and then lack the shared memory: the first read tells.
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
        Ok(mode)
    });
    let has_wal = matches!(&wal, Ok(mode) if mode == "wal");
    match wal {
        Ok(_) => {}
        Err(e) if matches!(e.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure)) => {
            journal(&connection, "DELETE")?;
        }
        Err(e) => return Err(e.into()),
    }
    match kind {
        Kind::Records => connection.pragma_update(None, "synchronous", "FULL")?,
        Kind::Cache { pages } => {
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            // A large filling must not wait for the disk every four megabytes.
            connection.query_row("PRAGMA wal_autocheckpoint=8192", [], |_| Ok(()))?;
            // Says how many there may be from now on.
            connection.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()))?;
        }
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    let newest = i64::try_from(schema.migrations.len()).unwrap_or(i64::MAX);
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version < newest {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        for step in schema.migrations.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", newest.max(version))?;
        transaction.commit()?;
    }
    if version > newest {
        return Err(Trouble::Newer(version));
    }
    Ok((connection, has_wal))
}

fn journal(connection: &Connection, mode: &str) -> rusqlite::Result<String> {
    connection.query_row(&format!("PRAGMA journal_mode={mode}"), [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;
    use std::os::unix::fs::PermissionsExt;

    static ONE: Schema =
        Schema { migrations: &["CREATE TABLE n (n INTEGER); INSERT INTO n VALUES (0);"], repair: "remove it" };
    static TWO: Schema = Schema {
        migrations: &[
            "CREATE TABLE n (n INTEGER); INSERT INTO n VALUES (0);",
            "ALTER TABLE n ADD COLUMN m INTEGER NOT NULL DEFAULT 7;",
        ],
        repair: "remove it",
    };

    fn sum(db: &Db) -> i64 {
        db.read(|t| t.query_row("SELECT sum(n) FROM n", [], |r| r.get(0)).map_err(Stop::Sql)).unwrap()
    }

    #[test]
    fn many_open_it_for_the_first_time_at_once() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("x.sqlite");
        std::thread::scope(|s| {
            for _ in 0..12 {
                s.spawn(|| {
                    let db = Db::open(&path, &ONE).unwrap();
                    for _ in 0..5 {
                        db.write(|t| t.execute("UPDATE n SET n = n + 1", []).map_err(Stop::Sql)).unwrap();
                    }
                });
            }
        });
        let db = Db::open(&path, &ONE).unwrap();
        assert_eq!(sum(&db), 60);
        for file in std::fs::read_dir(t.path()).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn an_error_takes_the_whole_transaction_back() {
        let t = tempfile::tempdir().unwrap();
        let db = Db::open(&t.path().join("x.sqlite"), &ONE).unwrap();
        let failed: Result<()> = db.write(|t| {
            t.execute("UPDATE n SET n = 5", [])?;
            Err(Error::internal("no").into())
        });
        assert!(failed.is_err());
        assert_eq!(sum(&db), 0);
    }

    #[test]
    fn versions_go_up_and_newer_ones_are_left_alone() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("x.sqlite");
        drop(Db::open(&path, &ONE).unwrap());
        let db = Db::open(&path, &TWO).unwrap();
        assert_eq!(
            db.read(|t| t.query_row("SELECT m FROM n", [], |r| r.get::<_, i64>(0)).map_err(Stop::Sql)).unwrap(),
            7
        );
        assert_eq!(Db::open(&path, &ONE).unwrap_err().exit(), Exit::Config);
    }

    #[test]
    fn damage_is_named_and_removal_is_noticed() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("x.sqlite");
        std::fs::write(&path, "this is a letter, not a database, and long enough to be one".repeat(40)).unwrap();
        let e = Db::open(&path, &ONE).unwrap_err();
        assert_eq!((e.exit(), e.advice()), (Exit::IoErr, Some("remove it")));
        assert!(e.to_string().contains("x.sqlite"), "{e}");
        std::fs::remove_file(&path).unwrap();
        let db = Db::open(&path, &ONE).unwrap();
        db.write(|t| t.execute("UPDATE n SET n = 5", []).map_err(Stop::Sql)).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(sum(&db), 0);
        assert!(path.exists());
    }
}
