//! What is in `queue.sqlite`, and how a row becomes an [`Entry`].

use super::{Asked, By, Entry, Envelope, Queue, Recipient, Status};
use crate::error::{Error, Result};
use crate::proto::smtp::Priority;
use crate::proto::smtp::dsn::{Notify, Ret};
use crate::store::db::{Schema, Stop};
use rusqlite::{OptionalExtension, Row, Transaction, params};

pub(super) static SCHEMA: Schema = Schema {
    migrations: &[
        "
        CREATE TABLE entry (
            id TEXT PRIMARY KEY,              -- the file's name in queue/; sorts by time
            sender TEXT NOT NULL,             -- MAIL FROM; empty: the null path
            size INTEGER NOT NULL,            -- in wire form
            eight_bit INTEGER NOT NULL,
            bytes INTEGER NOT NULL,           -- of the file
            ret TEXT,                         -- FULL, HDRS
            envid TEXT,
            arrived INTEGER NOT NULL,         -- seconds since 1970, as all times here
            warned INTEGER NOT NULL DEFAULT 0 -- the sender was told that it takes longer
        ) WITHOUT ROWID;
        CREATE TABLE recipient (
            entry TEXT NOT NULL REFERENCES entry(id) ON DELETE CASCADE,
            n INTEGER NOT NULL,
            address TEXT NOT NULL,
            domain TEXT NOT NULL,             -- lower case
            hop TEXT NOT NULL,                -- the next server: an account or a URL
            notify TEXT,
            orcpt TEXT,
            status TEXT NOT NULL,             -- waiting, held, handed-over, unknown, done, refused
            next INTEGER NOT NULL,            -- when it is tried
            since INTEGER NOT NULL,           -- when that was decided
            attempts INTEGER NOT NULL DEFAULT 0,
            doubtful INTEGER NOT NULL DEFAULT 0, -- an earlier attempt may have delivered it
            code INTEGER,
            enhanced TEXT,
            text TEXT NOT NULL DEFAULT '',
            untold INTEGER NOT NULL DEFAULT 0, -- the sender still has to hear how it ended
            PRIMARY KEY (entry, n)
        ) WITHOUT ROWID;
        CREATE INDEX recipient_hop ON recipient (hop, status, next);
        CREATE INDEX recipient_status ON recipient (status, next);
        CREATE INDEX recipient_untold ON recipient (entry) WHERE untold;
        CREATE TABLE hop (
            hop TEXT PRIMARY KEY,
            until INTEGER NOT NULL,           -- nothing is tried before
            since INTEGER NOT NULL,           -- the first of the failures
            failures INTEGER NOT NULL,
            text TEXT NOT NULL                -- why
        ) WITHOUT ROWID;
        CREATE TABLE key (
            key TEXT PRIMARY KEY,
            state TEXT NOT NULL,              -- handed-over, done
            time INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE fact (
            name TEXT PRIMARY KEY,            -- run, sweep: when that was done last
            time INTEGER NOT NULL
        ) WITHOUT ROWID;
    ",
        "
        ALTER TABLE entry ADD COLUMN origin TEXT;  -- the mail directory of the server that has taken it
    ",
        "
        ALTER TABLE entry ADD COLUMN utf8_header INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE entry ADD COLUMN deliver_by INTEGER;    -- when it is to be delivered
        ALTER TABLE entry ADD COLUMN deliver_mode TEXT;     -- R: then it returns; N: then the sender is told
        ALTER TABLE entry ADD COLUMN hold INTEGER;          -- until when it is held back
        ALTER TABLE entry ADD COLUMN require_tls INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE entry ADD COLUMN priority INTEGER;      -- -9 to 9, as asked for
        ALTER TABLE entry ADD COLUMN lease INTEGER NOT NULL DEFAULT 0; -- until then a runner has it, or has died
        ALTER TABLE recipient ADD COLUMN rank INTEGER NOT NULL DEFAULT 0; -- its message's priority
        DROP INDEX recipient_hop;
        CREATE INDEX recipient_hop ON recipient (hop, status, rank, next);
    ",
        "
        ALTER TABLE entry ADD COLUMN uid INTEGER;  -- of the user who has submitted it to mail-serve --system
    ",
    ],
    repair: "move queue.sqlite away with its -wal and -shm; the messages are in queue/, each a file",
};

/// The columns that [`entry`] reads.
pub(super) const ENTRY: &str = "id, sender, size, eight_bit, bytes, ret, envid, arrived, warned, origin, utf8_header,
    deliver_by, deliver_mode, hold, require_tls, priority, uid";
/// The columns that [`recipient`] reads.
const RECIPIENT: &str =
    "n, address, hop, notify, orcpt, status, next, since, attempts, doubtful, code, enhanced, text, untold";

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let ret: Option<String> = row.get(5)?;
    let (by, mode): (Option<i64>, Option<String>) = (row.get(11)?, row.get(12)?);
    let priority: Option<i8> = row.get(15)?;
    Ok(Entry {
        id: row.get(0)?,
        from: row.get(1)?,
        size: number(row.get(2)?),
        eight_bit: row.get(3)?,
        bytes: number(row.get(4)?),
        ret: ret.map(|ret| if ret == "FULL" { Ret::Full } else { Ret::Headers }),
        envid: row.get(6)?,
        arrived: row.get(7)?,
        warned: row.get(8)?,
        origin: row.get(9)?,
        utf8_header: row.get(10)?,
        asked: Asked {
            by: by.map(|when| By { when, returns: mode.as_deref() == Some("R") }),
            hold: row.get(13)?,
            require_tls: row.get(14)?,
            priority: priority.and_then(Priority::new),
        },
        uid: row.get(16)?,
        to: Vec::new(),
    })
}

fn number(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn recipient(row: &Row<'_>) -> rusqlite::Result<Recipient> {
    let (notify, status): (Option<String>, String) = (row.get(3)?, row.get(5)?);
    Ok(Recipient {
        n: row.get(0)?,
        address: row.get(1)?,
        hop: row.get(2)?,
        notify: notify.map(|words| read_notify(&words)),
        orcpt: row.get(4)?,
        // A word from another hand is not delivered.
        status: Status::named(&status).unwrap_or(Status::Held),
        next: row.get(6)?,
        since: row.get(7)?,
        attempts: row.get(8)?,
        doubtful: row.get(9)?,
        code: row.get(10)?,
        enhanced: row.get(11)?,
        text: row.get(12)?,
        untold: row.get(13)?,
    })
}

fn read_notify(words: &str) -> Notify {
    let has = |word: &str| words.split(',').any(|w| w == word);
    Notify { success: has("SUCCESS"), failure: has("FAILURE"), delay: has("DELAY") }
}

fn write_notify(notify: Notify) -> String {
    let words = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    let words: Vec<&str> = words.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
    if words.is_empty() { "NEVER".to_owned() } else { words.join(",") }
}

/// Writes the rows of a new entry, due at once.
pub(super) fn insert(t: &Transaction<'_>, id: &str, bytes: u64, envelope: &Envelope, now: i64) -> Result<(), Stop> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let from = envelope.from.as_ref().map(ToString::to_string).unwrap_or_default();
    let ret = envelope.ret.map(|ret| if ret == Ret::Full { "FULL" } else { "HDRS" });
    let asked = &envelope.asked;
    let rank = asked.priority.map(Priority::level);
    let origin = envelope.origin.as_ref().map(|root| root.display().to_string());
    t.execute(
        &format!("INSERT INTO entry ({ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)"),
        params![
            id,
            from,
            whole(envelope.size),
            envelope.eight_bit,
            whole(bytes),
            ret,
            envelope.envid,
            now,
            origin,
            envelope.utf8_header,
            asked.by.map(|by| by.when),
            asked.by.map(|by| if by.returns { "R" } else { "N" }),
            asked.hold,
            asked.require_tls,
            rank,
            envelope.uid
        ],
    )?;
    let sql = "INSERT INTO recipient (entry, n, address, domain, hop, notify, orcpt, status, next, since, rank, attempts, doubtful, text)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut insert = t.prepare_cached(sql)?;
    for (n, to) in envelope.to.iter().enumerate() {
        let domain = to.address.domain().to_lowercase();
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let notify = to.notify.map(write_notify);
        let (status, text) = match to.unknown {
            None => (Status::Waiting, ""),
            Some(_) => (Status::Unknown, "it may have been delivered before it was queued"),
        };
        insert.execute(params![
            id,
            n,
            to.address.to_string(),
            domain,
            to.hop,
            notify,
            to.orcpt,
            status.word(),
            to.unknown.map_or(now, |wait| now.saturating_add(whole(wait.as_secs()))),
            now,
            rank.unwrap_or(0),
            u32::from(to.unknown.is_some()),
            to.unknown.is_some(),
            text
        ])?;
    }
    Ok(())
}

/// The recipients of an entry.
pub(super) fn recipients(t: &Transaction<'_>, id: &str) -> Result<Vec<Recipient>, Stop> {
    let mut query = t.prepare_cached(&format!("SELECT {RECIPIENT} FROM recipient WHERE entry = ? ORDER BY n"))?;
    let rows = query.query_map([id], recipient)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes what has changed of a recipient.
pub(super) fn update(t: &Transaction<'_>, id: &str, to: &Recipient) -> Result<(), Stop> {
    let sql =
        "UPDATE recipient SET status = ?, next = ?, since = ?, attempts = ?, doubtful = ?, code = ?, enhanced = ?,
               text = ?, untold = ? WHERE entry = ? AND n = ?";
    t.prepare_cached(sql)?.execute(params![
        to.status.word(),
        to.next,
        to.since,
        to.attempts,
        to.doubtful,
        to.code,
        to.enhanced,
        to.text,
        to.untold,
        id,
        to.n
    ])?;
    Ok(())
}

/// Deletes an entry of which nothing is left to do; whether it was one.
pub(super) fn delete_if_over(t: &Transaction<'_>, id: &str) -> Result<bool, Stop> {
    let left =
        "SELECT EXISTS (SELECT 1 FROM recipient WHERE entry = ? AND (status NOT IN ('done', 'refused') OR untold))";
    if t.query_row(left, [id], |row| row.get(0))? {
        return Ok(false);
    }
    t.execute("DELETE FROM entry WHERE id = ?", [id])?;
    Ok(true)
}

impl Queue {
    /// An entry; `None`: there is no such one (any more).
    ///
    /// # Errors
    /// 74, 75: the database.
    pub fn entry(&self, id: &str) -> Result<Option<Entry>> {
        self.db.read(|t| {
            let found = t.query_row(&format!("SELECT {ENTRY} FROM entry WHERE id = ?"), [id], entry).optional()?;
            let Some(mut found) = found else { return Ok(None) };
            found.to = recipients(t, id)?;
            Ok(Some(found))
        })
    }

    /// Writes what has changed of these recipients of an entry.
    pub(super) fn store(&self, id: &str, changed: &[&Recipient]) -> Result<()> {
        self.db.write(|t| changed.iter().try_for_each(|to| update(t, id, to)))
    }

    /// When something was done last: `run`, `sweep`.
    pub(super) fn fact(&self, name: &str) -> Result<Option<i64>> {
        self.db
            .read(|t| Ok(t.query_row("SELECT time FROM fact WHERE name = ?", [name], |row| row.get(0)).optional()?))
    }

    pub(super) fn set_fact(&self, name: &str, time: i64) -> Result<()> {
        self.db.write(|t| {
            t.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", params![name, time])?;
            Ok(())
        })
    }

    /// Whether something is overdue by an hour, and nobody came to deliver it in that time: then the last time somebody did,
    /// if ever.
    ///
    /// # Errors
    /// 74, 75: the database.
    pub fn forsaken(&self) -> Result<Option<Forsaken>> {
        let before = super::now().saturating_sub(HOUR);
        let sql = "SELECT EXISTS (SELECT 1 FROM recipient WHERE status = 'waiting' AND next < ?)";
        let waits: bool = self.db.read(|t| Ok(t.query_row(sql, [before], |row| row.get(0))?))?;
        let last = self.fact("run")?;
        Ok((waits && last.is_none_or(|last| last < before)).then_some(Forsaken { last }))
    }
}

const HOUR: i64 = 3600;

/// A queue that nobody runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forsaken {
    /// When a runner came last, seconds since 1970.
    pub last: Option<i64>,
}

/// There is no entry of that name.
pub(super) fn no_such(id: &str) -> Error {
    Error::no_input(format!("{id}: not in the queue"))
}
