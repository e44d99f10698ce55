//! What was fetched: for each maildrop and each state name, the UIDLs whose messages are delivered; for each folder of IMAP, how far it
//! was pulled and how it was when it was watched ([`History::pulled`], [`History::watched`]).
//!
//! It is asked before a message is fetched and told after it is on stable storage, so that nothing is fetched twice and
//! nothing is deleted that is not here. Where messages are about to be is written down before they are there, so that not even a
//! kill between the two makes one come twice. A damaged file is an error, never "everything is new".

mod pulled;
mod watched;

pub use pulled::{Pulled, PulledMessage, Ranges};

use super::db::{Db, Schema, Stop};
use super::disk;
use crate::error::{Error, Local, Result};
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::{HashMap, HashSet};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

static SCHEMA: Schema = Schema {
    migrations: &[
        "
        CREATE TABLE source (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            protocol TEXT NOT NULL,
            login TEXT NOT NULL,
            host TEXT NOT NULL,
            name TEXT NOT NULL,               -- --state NAME, or the targets
            UNIQUE (protocol, login, host, name)
        );
        CREATE TABLE fetched (
            source INTEGER NOT NULL REFERENCES source(id) ON DELETE CASCADE,
            uidl BLOB NOT NULL,
            time INTEGER NOT NULL,            -- when it was recorded, seconds since 1970
            pending INTEGER NOT NULL,         -- 1: delivered, and still to be deleted on the server; 2: delivered in part;
                                              -- 3: said to be fetched
            PRIMARY KEY (source, uidl)
        ) WITHOUT ROWID;
    ",
        "
        CREATE TABLE planned (
            source INTEGER NOT NULL REFERENCES source(id) ON DELETE CASCADE,
            uidl BLOB NOT NULL,
            n INTEGER NOT NULL,
            place BLOB NOT NULL,              -- where the message is, if it was delivered and that is not recorded
            PRIMARY KEY (source, uidl, n)
        ) WITHOUT ROWID;
    ",
        "
        ALTER TABLE source ADD COLUMN settled TEXT;  -- the SHA-256 of the answer to UIDL to which there is nothing to do; null once
                                                     -- anything is recorded
    ",
        "
        CREATE TABLE folder (
            source INTEGER PRIMARY KEY REFERENCES source(id) ON DELETE CASCADE,
            validity INTEGER NOT NULL,
            settled BLOB NOT NULL,            -- the UIDs of which nothing is fetched any more: ranges, two numbers of 32 bits each
            modseq INTEGER NOT NULL
        );
        CREATE TABLE message (
            source INTEGER NOT NULL REFERENCES source(id) ON DELETE CASCADE,
            uid INTEGER NOT NULL,
            size INTEGER NOT NULL,
            id TEXT NOT NULL,                 -- a digest of the Message-ID
            time INTEGER NOT NULL,            -- when it was delivered, seconds since 1970
            place BLOB,                       -- in a mirror: the file, by what of its name stays the same
            letters TEXT,                     -- and its flags
            pending INTEGER NOT NULL,         -- 1: still to be deleted on the server
            PRIMARY KEY (source, uid)
        ) WITHOUT ROWID;
        CREATE TABLE watched (
            source INTEGER PRIMARY KEY REFERENCES source(id) ON DELETE CASCADE,
            picture BLOB NOT NULL             -- UIDs and flags, as the client writes them
        );
    ",
    ],
    repair: "restore it, or move it away with its -wal and -shm: then all messages on the servers count as new",
};

/// The longest UIDL that is kept, in bytes. RFC 1939 allows 70; servers are known to send more.
pub const UIDL_MAX: usize = 1024;

/// Whose history it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `pop3`, `imap`, `imap-watch`.
    pub protocol: String,
    /// The login name, as the server gets it.
    pub login: String,
    /// The server; with its port, if that is not the usual one. In any case.
    pub host: String,
    /// `--state NAME`; by default the targets' canonical text.
    pub name: String,
}

/// What a message that was delivered still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing: it stays on the server.
    Kept,
    /// Its deletion, which the server has not confirmed: delete it, do not fetch it.
    DeletePending,
    /// The rest of it: its header and first lines are delivered. It stays on the server.
    Partial,
    /// Nothing: it is not wanted here, and not delivered. It stays on the server.
    Told,
}

impl Mark {
    fn number(self) -> i64 {
        match self {
            Mark::Kept => 0,
            Mark::DeletePending => 1,
            Mark::Partial => 2,
            Mark::Told => 3,
        }
    }

    fn of(number: i64) -> Mark {
        match number {
            0 => Mark::Kept,
            1 => Mark::DeletePending,
            2 => Mark::Partial,
            _ => Mark::Told,
        }
    }
}

/// What is remembered of a message that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it waits for.
    pub mark: Mark,
    /// When it was delivered first, seconds since 1970.
    pub time: i64,
}

/// `state.sqlite`.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    db: Db,
}

impl State {
    /// Opens the file; makes it (0600) and the directories above (0700) if they are not there.
    ///
    /// # Errors
    /// 73 when it can't be made, 74 when it is damaged, 75 when it is locked for long, 78 when a newer version made it.
    pub fn open(path: &Path) -> Result<State> {
        let dir = disk::parent(path);
        disk::make_dirs(&dir).creating(dir.display())?;
        if is_emptied(path) {
            return Err(Error::io(format!("{}: damaged (it is empty)", path.display())).advise(SCHEMA.repair));
        }
        Ok(State { path: path.to_owned(), db: Db::open(path, &SCHEMA)? })
    }

    /// The UIDLs of one maildrop that were delivered whole or are not wanted, under that name or any.
    ///
    /// # Errors
    /// 74.
    pub fn delivered(&self, protocol: &str, login: &str, host: &str, name: Option<&str>) -> Result<HashSet<Vec<u8>>> {
        self.db.read(|t| {
            let mut select = t.prepare_cached(
                "SELECT uidl FROM fetched JOIN source ON source.id = fetched.source
                 WHERE protocol = ?1 AND login = ?2 AND host = ?3 AND pending <> 2
                 AND (?4 IS NULL OR name = ?4)",
            )?;
            let rows = select.query_map(params![protocol, login, host.to_ascii_lowercase(), name], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The names under which there are histories of one maildrop.
    ///
    /// # Errors
    /// 74.
    pub fn names(&self, protocol: &str, login: &str, host: &str) -> Result<Vec<String>> {
        self.db.read(|t| {
            let mut select = t.prepare_cached(
                "SELECT name FROM source WHERE protocol = ?1 AND login = ?2 AND host = ?3 ORDER BY name",
            )?;
            let rows = select.query_map(params![protocol, login, host.to_ascii_lowercase()], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The history of one maildrop under one name, for this process alone as long as the value lives. Waits up to
    /// `patience` for another process that has it.
    ///
    /// # Errors
    /// 75 when the other one is not done by then.
    pub fn history(&self, key: &Key, patience: Duration) -> Result<History<'_>> {
        let host = key.host.to_ascii_lowercase();
        let columns = params![key.protocol, key.login, host, key.name];
        let select = "SELECT id FROM source WHERE protocol = ?1 AND login = ?2 AND host = ?3 AND name = ?4";
        let known = self.db.read(|t| Ok(t.query_row(select, columns, |row| row.get::<_, i64>(0)).optional()?))?;
        // Even one that is ignored writes.
        let insert = "INSERT OR IGNORE INTO source (protocol, login, host, name) VALUES (?1, ?2, ?3, ?4)";
        let new = || {
            self.db.write(|t| {
                t.execute(insert, columns)?;
                Ok(t.query_row(select, columns, |row| row.get(0))?)
            })
        };
        let source = known.map_or_else(new, Ok)?;
        let locks = locks(&self.path);
        disk::make_dirs(&locks).creating(locks.display())?;
        let path = locks.join(format!("fetch-{source}.lock"));
        let lock = disk::open_or_create(&path).creating(path.display())?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(History { state: self, source, _lock: lock }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(50).min(patience));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::temporary(format!("another process is fetching from {host} as {}", key.login)));
                }
                Err(TryLockError::Error(e)) => return Err(e).local(path.display()),
            }
        }
    }
}

fn locks(path: &Path) -> PathBuf {
    disk::parent(path).join("locks")
}

/// Whether the file is empty although there are histories: SQLite would take it for a new one. Another process that is
/// making it at this moment is done soon.
fn is_emptied(path: &Path) -> bool {
    let begun = Instant::now();
    let empty = || std::fs::metadata(path).is_ok_and(|m| m.len() == 0);
    let used = || std::fs::read_dir(locks(path)).is_ok_and(|mut locks| locks.next().is_some());
    while empty() && used() {
        if begun.elapsed() > Duration::from_secs(1) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// The history of one maildrop under one name. The lock that it holds dies with the process.
#[derive(Debug)]
pub struct History<'a> {
    state: &'a State,
    source: i64,
    _lock: File,
}

impl History<'_> {
    /// The number that no other history in this file has, ever.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.source
    }

    /// The UIDLs whose messages are delivered.
    ///
    /// # Errors
    /// 74.
    pub fn seen(&self) -> Result<HashMap<Vec<u8>, Seen>> {
        self.state.db.read(|t| {
            let mut select = t.prepare_cached("SELECT uidl, pending, time FROM fetched WHERE source = ?1")?;
            let rows = select.query_map([self.source], |row| {
                Ok((row.get(0)?, Seen { mark: Mark::of(row.get(1)?), time: row.get(2)? }))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// What [`History::settle`] was told last, if nothing has been recorded, planned or forgotten since.
    ///
    /// # Errors
    /// 74.
    pub fn settled(&self) -> Result<Option<String>> {
        self.state
            .db
            .read(|t| Ok(t.query_row("SELECT settled FROM source WHERE id = ?1", [self.source], |row| row.get(0))?))
    }

    /// Remembers the listing to which there is nothing to do, by its digest: all of it is remembered, and nothing else.
    ///
    /// # Errors
    /// 74.
    pub fn settle(&self, digest: &str) -> Result<()> {
        self.state.db.write(|t| {
            t.execute("UPDATE source SET settled = ?2 WHERE id = ?1", params![self.source, digest])?;
            Ok(())
        })
    }

    fn unsettle(&self, t: &Transaction<'_>) -> Result<(), Stop> {
        let mut update = t.prepare_cached("UPDATE source SET settled = NULL WHERE id = ?1 AND settled NOT NULL")?;
        update.execute([self.source])?;
        Ok(())
    }

    /// Writes down where these messages are about to be: the plans of each target. They replace older ones.
    ///
    /// # Errors
    /// 74: then they must not be put there. 76 for a UIDL that is longer than [`UIDL_MAX`].
    pub fn plan<'u>(&self, messages: impl IntoIterator<Item = (&'u [u8], &'u [Vec<u8>])>) -> Result<()> {
        self.state.db.write(|t| {
            self.unsettle(t)?;
            messages.into_iter().try_for_each(|(uidl, places)| self.planned_as(t, uidl, places))
        })
    }

    /// The same for one message that is there already, and can't be taken back, before the next plan or record brings that to stable
    /// storage.
    ///
    /// # Errors
    /// As [`History::plan`].
    pub fn note(&self, uidl: &[u8], places: &[Vec<u8>]) -> Result<()> {
        self.state.db.write_soon(|t| {
            self.unsettle(t)?;
            self.planned_as(t, uidl, places)
        })
    }

    /// Forgets the plans for these: they may be there in part, or lost again.
    ///
    /// # Errors
    /// 74.
    pub fn forget_plans<'u>(&self, uidls: impl IntoIterator<Item = &'u [u8]>) -> Result<()> {
        self.state.db.write(|t| uidls.into_iter().try_for_each(|uidl| self.unplan(t, uidl)))
    }

    fn planned_as(&self, t: &Transaction<'_>, uidl: &[u8], places: &[Vec<u8>]) -> Result<(), Stop> {
        fits(uidl)?;
        self.unplan(t, uidl)?;
        let mut insert = t.prepare_cached("INSERT INTO planned (source, uidl, n, place) VALUES (?1, ?2, ?3, ?4)")?;
        for (n, place) in (0i64..).zip(places) {
            insert.execute(params![self.source, uidl, n, place])?;
        }
        Ok(())
    }

    /// What was planned and is not recorded: a program was killed in between, and it may be there or not.
    ///
    /// # Errors
    /// 74.
    pub fn planned(&self) -> Result<HashMap<Vec<u8>, Vec<Vec<u8>>>> {
        self.state.db.read(|t| {
            let mut select = t.prepare_cached("SELECT uidl, place FROM planned WHERE source = ?1 ORDER BY uidl, n")?;
            let mut rows = select.query([self.source])?;
            let mut planned: HashMap<Vec<u8>, Vec<Vec<u8>>> = HashMap::new();
            while let Some(row) = rows.next()? {
                planned.entry(row.get(0)?).or_default().push(row.get(1)?);
            }
            Ok(planned)
        })
    }

    fn unplan(&self, t: &Transaction<'_>, uidl: &[u8]) -> Result<(), Stop> {
        let mut delete = t.prepare_cached("DELETE FROM planned WHERE source = ?1 AND uidl = ?2")?;
        delete.execute(params![self.source, uidl])?;
        Ok(())
    }

    /// Records that these messages are delivered; all at once, on stable storage. What is recorded already gets the
    /// new mark; what was planned is done.
    ///
    /// # Errors
    /// 74: then nothing is recorded, and nothing may be deleted. 76 for a UIDL that is longer than [`UIDL_MAX`].
    pub fn record<'u>(&self, uidls: impl IntoIterator<Item = &'u [u8]>, mark: Mark) -> Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        self.record_since(uidls.into_iter().map(|uidl| (uidl, now)), mark)
    }

    /// The same for what was delivered at these times (seconds since 1970). What is recorded already keeps its time.
    ///
    /// # Errors
    /// As [`History::record`].
    pub fn record_since<'u>(&self, uidls: impl IntoIterator<Item = (&'u [u8], i64)>, mark: Mark) -> Result<()> {
        self.state.db.write(|t| {
            self.unsettle(t)?;
            let mut insert = t.prepare_cached(
                "INSERT INTO fetched (source, uidl, time, pending) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET pending = excluded.pending",
            )?;
            for (uidl, time) in uidls {
                fits(uidl)?;
                insert.execute(params![self.source, uidl, time, mark.number()])?;
                self.unplan(t, uidl)?;
            }
            Ok(())
        })
    }

    /// Forgets these: the server has confirmed that they are deleted, and may give their UIDLs to others.
    ///
    /// # Errors
    /// 74.
    pub fn forget<'u>(&self, uidls: impl IntoIterator<Item = &'u [u8]>) -> Result<()> {
        self.state.db.write(|t| {
            self.unsettle(t)?;
            let mut delete = t.prepare_cached("DELETE FROM fetched WHERE source = ?1 AND uidl = ?2")?;
            for uidl in uidls {
                delete.execute(params![self.source, uidl])?;
            }
            Ok(())
        })
    }

    /// Forgets what the server does not list any more. A server that lists nothing at all may have a bad day: then
    /// only those are forgotten that waited to be deleted. Returns how many.
    ///
    /// # Errors
    /// 74.
    pub fn prune<'u>(&self, listed: impl IntoIterator<Item = &'u [u8]>) -> Result<usize> {
        let listed: HashSet<&[u8]> = listed.into_iter().collect();
        if !listed.is_empty() {
            let planned = self.planned()?;
            let gone: Vec<&Vec<u8>> = planned.keys().filter(|uidl| !listed.contains(uidl.as_slice())).collect();
            if !gone.is_empty() {
                self.state.db.write(|t| gone.iter().try_for_each(|uidl| self.unplan(t, uidl)))?;
            }
        }
        let gone = self.state.db.read(|t| {
            let mut select = t.prepare_cached("SELECT uidl, pending FROM fetched WHERE source = ?1")?;
            let (mut rows, mut gone) = (select.query([self.source])?, Vec::new());
            while let Some(row) = rows.next()? {
                let uidl = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                let pending = || row.get(1).map(|mark| Mark::of(mark) == Mark::DeletePending);
                if !listed.contains(uidl) && (!listed.is_empty() || pending()?) {
                    gone.push(uidl.to_vec());
                }
            }
            Ok(gone)
        })?;
        if !gone.is_empty() {
            self.forget(gone.iter().map(Vec::as_slice))?;
        }
        Ok(gone.len())
    }
}

fn fits(uidl: &[u8]) -> Result<()> {
    if uidl.len() > UIDL_MAX {
        return Err(Error::protocol(format!("a UIDL of {} bytes", uidl.len())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn key(login: &str) -> Key {
        let [protocol, host, name] = ["pop3", "Pop.Example.org", "maildir:/m"].map(str::to_owned);
        Key { protocol, login: login.to_owned(), host, name }
    }

    const NOW: Duration = Duration::ZERO;

    fn marks(history: &History<'_>) -> HashMap<Vec<u8>, Mark> {
        history.seen().unwrap().into_iter().map(|(uidl, seen)| (uidl, seen.mark)).collect()
    }

    #[test]
    fn what_is_recorded_is_seen_by_the_same_key_only() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("a/b/state.sqlite");
        let state = State::open(&path).unwrap();
        let odd: &[u8] = b"\xff\0 odd\r";
        {
            let bob = state.history(&key("bob"), NOW).unwrap();
            bob.record([odd, b"2"], Mark::Kept).unwrap();
            bob.record([&b"2"[..], b"3"], Mark::DeletePending).unwrap();
            let long = vec![b'x'; UIDL_MAX + 1];
            assert_eq!(bob.record([&b"4"[..], &long], Mark::Kept).unwrap_err().exit().code(), 76);
        }
        drop(state);
        let state = State::open(&path).unwrap();
        let lower = Key { host: "pop.example.org".into(), ..key("bob") };
        let bob = state.history(&lower, NOW).unwrap();
        let all =
            [(odd.to_vec(), Mark::Kept), (b"2".to_vec(), Mark::DeletePending), (b"3".to_vec(), Mark::DeletePending)];
        assert_eq!(marks(&bob), HashMap::from(all));
        assert_eq!(state.delivered("pop3", "bob", "POP.example.org", None).unwrap().len(), 3);
        bob.record_since([(&b"5"[..], 7)], Mark::Partial).unwrap();
        assert_eq!(state.delivered("pop3", "bob", "pop.example.org", Some("maildir:/m")).unwrap().len(), 3);
        bob.record([&b"5"[..]], Mark::Kept).unwrap();
        assert_eq!(bob.seen().unwrap()[&b"5"[..]], Seen { mark: Mark::Kept, time: 7 });
        bob.forget([&b"5"[..]]).unwrap();
        for other in [key("Bob"), Key { name: "-".into(), ..key("bob") }, Key { host: "h".into(), ..key("bob") }] {
            assert!(state.history(&other, NOW).unwrap().seen().unwrap().is_empty());
        }
        bob.forget([&b"3"[..]]).unwrap();
        assert_eq!(bob.prune([]).unwrap(), 1);
        assert_eq!(marks(&bob), HashMap::from([(odd.to_vec(), Mark::Kept)]));
        assert_eq!(bob.prune([&b"new"[..]]).unwrap(), 1);
        assert!(bob.seen().unwrap().is_empty());
        let plans = [b"maildir:\xff".to_vec(), b"mbox:".to_vec()];
        bob.plan([(odd, &plans[..]), (&b"2"[..], &plans[..1])]).unwrap();
        bob.plan([(odd, &plans[1..])]).unwrap();
        assert_eq!(
            bob.planned().unwrap(),
            HashMap::from([(odd.to_vec(), plans[1..].to_vec()), (b"2".to_vec(), plans[..1].to_vec())])
        );
        bob.record([odd], Mark::Kept).unwrap();
        assert_eq!(bob.planned().unwrap().len(), 1);
        bob.prune([odd]).unwrap();
        assert!(bob.planned().unwrap().is_empty());
        for dir in ["a", "a/b", "a/b/locks"] {
            assert_eq!(t.path().join(dir).metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn anything_that_is_written_unsettles() {
        let t = tempfile::tempdir().unwrap();
        let state = State::open(&t.path().join("state.sqlite")).unwrap();
        let (bob, amy) = (state.history(&key("bob"), NOW).unwrap(), state.history(&key("amy"), NOW).unwrap());
        amy.settle("amy's").unwrap();
        let (id, places): (&[u8], _) = (b"1", [b"maildir:m".to_vec()]);
        let changes: [&dyn Fn(); 5] = [
            &|| bob.record([id], Mark::Kept).unwrap(),
            &|| bob.plan([(id, &places[..])]).unwrap(),
            &|| bob.note(id, &places).unwrap(),
            &|| bob.forget([id]).unwrap(),
            &|| bob.record_since([(id, 7)], Mark::Partial).unwrap(),
        ];
        for change in changes {
            bob.settle("bob's").unwrap();
            assert_eq!(bob.settled().unwrap().as_deref(), Some("bob's"));
            change();
            assert_eq!(bob.settled().unwrap(), None);
        }
        assert_eq!(amy.settled().unwrap().as_deref(), Some("amy's"));
    }

    #[test]
    fn one_at_a_time() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("state.sqlite");
        let (a, b) = (State::open(&path).unwrap(), State::open(&path).unwrap());
        let first = a.history(&key("bob"), NOW).unwrap();
        assert_eq!(b.history(&key("bob"), Duration::from_millis(80)).unwrap_err().exit().code(), 75);
        assert!(b.history(&key("amy"), NOW).is_ok());
        std::thread::scope(|s| {
            let waiting = s.spawn(|| b.history(&key("bob"), Duration::from_secs(20)).map(|_| ()));
            std::thread::sleep(Duration::from_millis(120));
            drop(first);
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn damage_is_never_everything_is_new() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("state.sqlite");
        {
            let state = State::open(&path).unwrap();
            let bob = state.history(&key("bob"), NOW).unwrap();
            let many: Vec<String> = (0..5000).map(|i| format!("uidl-{i:08}")).collect();
            bob.record(many.iter().map(|u| u.as_bytes()), Mark::Kept).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        let mut torn = whole.clone();
        torn.iter_mut().skip(4096).for_each(|b| *b = 0x5a);
        let short = whole[..whole.len() / 2].to_vec();
        let cuts = (1..60).map(|n| whole[..whole.len() * n / 60].to_vec());
        for bad in cuts
            .chain([Vec::new(), torn, short])
            .chain([b"not a database at all, but long enough to have a header".repeat(50)])
        {
            std::fs::write(&path, bad).unwrap();
            let seen = State::open(&path).and_then(|s| s.history(&key("bob"), NOW).and_then(|h| h.seen()));
            let e = seen.unwrap_err();
            assert!(e.exit().code() == 74 && e.to_string().contains("state.sqlite"), "{e}");
            assert!(e.advice().is_some_and(|a| a.contains("count as new")), "{e}");
        }
        // As the advice says.
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(t.path().join(format!("state.sqlite{end}")));
        }
        assert!(State::open(&path).unwrap().history(&key("bob"), NOW).unwrap().seen().unwrap().is_empty());
    }
}
