//! What SQLite keeps about a tree: UIDVALIDITYs, UIDs, keyword letters. Not flags, and not whether a message exists: those
//! are the files' names.

pub(super) use rusqlite::Transaction;

use crate::error::Error;
use crate::message::flags::FORWARDED;
use crate::proto::imap::set::SequenceSet;
use crate::store::db::{Schema, Stop};
use crate::store::maildir;
use rusqlite::{OptionalExtension, Row as SqlRow, params};
use std::time::{Duration, SystemTime};

/// `pipepost.sqlite` in the root of a tree.
pub(super) static SCHEMA: Schema = Schema {
    migrations: &["
        CREATE TABLE validity (last INTEGER NOT NULL); -- the highest UIDVALIDITY ever given in this tree
        INSERT INTO validity VALUES (0);
        CREATE TABLE folder (
            validity INTEGER PRIMARY KEY,              -- UIDVALIDITY: never given twice, so it names the folder for good
            name TEXT NOT NULL UNIQUE,
            uid_next INTEGER NOT NULL
        );
        CREATE TABLE message (
            folder INTEGER NOT NULL REFERENCES folder(validity) ON DELETE CASCADE,
            uid INTEGER NOT NULL,
            base BLOB NOT NULL,                        -- the file's name up to ':2,'
            date INTEGER NOT NULL,                     -- internal date, seconds since 1970
            recent INTEGER NOT NULL,                   -- 1: no session that may claim \\Recent has seen it
            size INTEGER,                              -- the file's size when wire was counted
            wire INTEGER,                              -- its size with CRLF line ends
            PRIMARY KEY (folder, uid)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX message_base ON message(folder, base);
        CREATE INDEX message_recent ON message(folder, uid) WHERE recent = 1;
        CREATE TABLE keyword (
            folder INTEGER NOT NULL REFERENCES folder(validity) ON DELETE CASCADE,
            letter INTEGER NOT NULL,                   -- 'a' to 'z' in the file's name
            word TEXT NOT NULL COLLATE NOCASE,
            PRIMARY KEY (folder, letter),
            UNIQUE (folder, word)
        ) WITHOUT ROWID;
    ",
    "
        ALTER TABLE folder ADD COLUMN modseq INTEGER NOT NULL DEFAULT 1; -- the highest one given in it (RFC 7162)
        ALTER TABLE folder ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 1; -- expunges up to this one are not in vanished
        ALTER TABLE message ADD COLUMN modseq INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE message ADD COLUMN letters BLOB;   -- the file's flags when it was given; NULL: nobody has looked
        CREATE TABLE vanished (
            folder INTEGER NOT NULL REFERENCES folder(validity) ON DELETE CASCADE,
            modseq INTEGER NOT NULL,                   -- of the expunge
            first INTEGER NOT NULL,                    -- UIDs, from
            last INTEGER NOT NULL,                     -- to
            PRIMARY KEY (folder, modseq, first)
        ) WITHOUT ROWID;
    ",
    "
        ALTER TABLE validity ADD COLUMN id BLOB;       -- tells this database from one that takes its place
        UPDATE validity SET id = randomblob(16);
        ALTER TABLE folder ADD COLUMN seen TEXT;       -- the directories' times when a listing found what message has
        ALTER TABLE folder ADD COLUMN seen_modseq INTEGER; -- the highest modseq of that moment
    ",
    "
        ALTER TABLE message DROP COLUMN size;          -- what takes reading to know is in pipepost-cache.sqlite
        ALTER TABLE message DROP COLUMN wire;
    "],
    repair: "move it away with its -wal and -shm: messages and flags are in the Maildir, only UIDs start anew",
};

/// So many ranges of UIDs are remembered for one folder.
pub(super) const REMEMBERED: u32 = if cfg!(test) { 4 } else { 4096 };

/// Inside a transaction.
pub(super) type Result<T> = std::result::Result<T, Stop>;

/// A folder's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FolderRow {
    pub(super) validity: u32,
    pub(super) uid_next: u32,
    /// The highest mod-sequence that was given.
    pub(super) modseq: i64,
}

/// From this UID on a folder begins anew when it is opened next: more than sixteen million are left for what comes meanwhile.
const END: u32 = 0xff00_0000;

impl FolderRow {
    /// Whether it is far from the end of its UIDs.
    pub(super) fn has_room(&self) -> bool {
        self.uid_next < END
    }
}

/// A message's row.
#[derive(Clone, Debug)]
pub(super) struct MessageRow {
    pub(super) uid: u32,
    pub(super) base: Box<[u8]>,
    pub(super) date: i64,
    pub(super) recent: bool,
    pub(super) modseq: i64,
    /// The flags that the mod-sequence is for, as letters; none if nobody has looked.
    pub(super) letters: Option<Box<[u8]>>,
}

/// The seconds that the table keeps.
pub(super) fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
    }
}

/// The time of [`seconds`].
pub(super) fn time(seconds: i64) -> SystemTime {
    let span = Duration::from_secs(seconds.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let time = if seconds < 0 { epoch.checked_sub(span) } else { epoch.checked_add(span) };
    time.unwrap_or(epoch)
}

fn folder_row(row: &SqlRow<'_>) -> rusqlite::Result<FolderRow> {
    Ok(FolderRow { validity: row.get(0)?, uid_next: row.get(1)?, modseq: row.get(2)? })
}

/// The folder of this name.
pub(super) fn folder(t: &Transaction<'_>, name: &str) -> Result<Option<FolderRow>> {
    let mut select = t.prepare_cached("SELECT validity, uid_next, modseq FROM folder WHERE name = ?1")?;
    Ok(select.query_row([name], folder_row).optional()?)
}

/// What tells this database from all others, but for copies of its file.
pub(super) fn id(t: &Transaction<'_>) -> Result<Box<[u8]>> {
    Ok(t.query_row("SELECT id FROM validity", [], |row| row.get::<_, Vec<u8>>(0))?.into())
}

/// The folder of this UIDVALIDITY, if it still has this name.
pub(super) fn still(t: &Transaction<'_>, validity: u32, name: &str) -> Result<FolderRow> {
    let found = folder(t, name)?.filter(|f| f.validity == validity);
    Ok(found.ok_or_else(|| Error::temporary(format!("the folder {name} was removed or renamed")))?)
}

/// The folder of this name, made if it is not there. Its UIDVALIDITY is the clock's, but always higher than any that
/// this tree has seen: whatever becomes of folders, a client never takes new UIDs for old ones. Near the end of its UIDs it
/// gets another UIDVALIDITY, and its messages get UIDs from 1 on.
pub(super) fn folder_or_new(t: &Transaction<'_>, name: &str, now: SystemTime) -> Result<FolderRow> {
    match folder(t, name)? {
        Some(found) if found.has_room() => Ok(found),
        Some(found) => renumber(t, found, name, now),
        None => new_folder(t, name, now),
    }
}

fn new_folder(t: &Transaction<'_>, name: &str, now: SystemTime) -> Result<FolderRow> {
    let last: u32 = t.query_row("SELECT last FROM validity", [], |row| row.get(0))?;
    // A clock that is beyond 2106 would leave none for later.
    let clock = u32::try_from(seconds(now)).unwrap_or(0);
    let next = last.checked_add(1).ok_or_else(|| Error::refused("this tree has used up its UIDVALIDITYs"))?;
    let validity = clock.max(next);
    t.execute("UPDATE validity SET last = ?1", [validity])?;
    t.execute("INSERT INTO folder (validity, name, uid_next) VALUES (?1, ?2, 1)", params![validity, name])?;
    Ok(FolderRow { validity, uid_next: 1, modseq: 1 })
}

/// Gives a folder another UIDVALIDITY and its messages new UIDs, in the order of the old ones.
fn renumber(t: &Transaction<'_>, old: FolderRow, name: &str, now: SystemTime) -> Result<FolderRow> {
    // A name that no folder has: it would be on disk.
    t.execute("UPDATE folder SET name = char(0) WHERE validity = ?1", [old.validity])?;
    let mut new = new_folder(t, name, now)?;
    let messages = "INSERT INTO message (folder, uid, base, date, recent, modseq, letters)
        SELECT ?2, row_number() OVER (ORDER BY uid), base, date, recent, 1, letters FROM message WHERE folder = ?1";
    let moved = t.execute(messages, [old.validity, new.validity])?;
    Keywords::copy(t, old.validity, new.validity)?;
    t.execute("DELETE FROM folder WHERE validity = ?1", [old.validity])?;
    let moved = u32::try_from(moved).ok().and_then(|moved| moved.checked_add(1));
    new.uid_next = moved.ok_or_else(|| Error::refused("this folder has used up its UIDs"))?;
    set_next(t, new)?;
    Ok(new)
}

/// Forgets the folder of this name, with all that belongs to it.
pub(super) fn remove_folder(t: &Transaction<'_>, name: &str) -> Result<()> {
    t.execute("DELETE FROM folder WHERE name = ?1", [name])?;
    Ok(())
}

/// Gives the folder another name; its UIDs and UIDVALIDITY stay.
pub(super) fn rename_folder(t: &Transaction<'_>, from: &str, to: &str) -> Result<()> {
    remove_folder(t, to)?;
    t.execute("UPDATE folder SET name = ?2 WHERE name = ?1", [from, to])?;
    Ok(())
}

/// A UID with its mod-sequence, and the letters that this is for.
type Recorded = (u32, i64, Option<Box<[u8]>>);

/// What has come into the database since somebody read it.
#[derive(Debug)]
pub(super) struct News {
    pub(super) folder: FolderRow,
    pub(super) keywords: Keywords,
    /// The directories' stamp, and the mod-sequence, when a listing found what the rows of the messages say.
    pub(super) seen: Option<(String, i64)>,
    /// Messages whose mod-sequences are others.
    pub(super) changed: Vec<Recorded>,
    /// UIDs, as ascending ranges, that were expunged.
    pub(super) vanished: Vec<(u32, u32)>,
    /// Who may be recent, ascending, from the UID that was asked for on.
    pub(super) recent: Vec<u32>,
}

/// Reads what has changed after the mod-sequence `since` among the messages below `end`, of which `last` is the highest
/// UID that the reader knows (0: none); recent ones from `recent` on.
pub(super) fn news(
    t: &Transaction<'_>,
    folder: FolderRow,
    since: i64,
    (recent, last, end): (u32, u32, u32),
) -> Result<News> {
    let keywords = Keywords::load(t, folder.validity)?;
    let mut select = t.prepare_cached("SELECT seen, seen_modseq FROM folder WHERE validity = ?1")?;
    let seen: (Option<String>, Option<i64>) =
        select.query_row([folder.validity], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut news = News {
        folder,
        keywords,
        seen: seen.0.zip(seen.1),
        changed: Vec::new(),
        vanished: Vec::new(),
        recent: Vec::new(),
    };
    let mut select =
        t.prepare_cached("SELECT uid FROM message WHERE folder = ?1 AND recent = 1 AND uid >= ?2 ORDER BY uid")?;
    news.recent = select.query_map([folder.validity, recent], |row| row.get(0)).and_then(Iterator::collect)?;
    if last == 0 || folder.modseq == since {
        return Ok(news);
    }
    let changed = "SELECT uid, modseq, letters FROM message WHERE folder = ?1 AND modseq > ?2 AND uid < ?3";
    let mut select = t.prepare_cached(changed)?;
    let mut rows = select.query(params![folder.validity, since, end])?;
    while let Some(row) = rows.next()? {
        let letters = row.get_ref(2)?.as_blob_or_null().map_err(rusqlite::Error::from)?.map(Into::into);
        news.changed.push((row.get(0)?, row.get(1)?, letters));
    }
    news.vanished = match vanished(t, folder.validity, since)? {
        Some(ranges) => SequenceSet::from_ranges(ranges).resolve(u32::MAX),
        None => without_row(t, folder.validity, last)?,
    };
    Ok(news)
}

/// The UIDs up to `last` that name no message.
fn without_row(t: &Transaction<'_>, folder: u32, last: u32) -> Result<Vec<(u32, u32)>> {
    let mut select = t.prepare_cached("SELECT uid FROM message WHERE folder = ?1 AND uid <= ?2 ORDER BY uid")?;
    let mut rows = select.query([folder, last])?;
    let (mut ranges, mut from) = (Vec::new(), 1u32);
    while let Some(row) = rows.next()? {
        let uid: u32 = row.get(0)?;
        if from < uid {
            ranges.push((from, uid.saturating_sub(1)));
        }
        from = uid.saturating_add(1);
    }
    if from <= last {
        ranges.push((from, last));
    }
    Ok(ranges)
}

/// Writes down that a listing has found what the rows say, unless these are others by now.
pub(super) fn set_seen(t: &Transaction<'_>, folder: u32, uid_next: u32, seen: &(String, i64)) -> Result<()> {
    let mut update = t.prepare_cached(
        "UPDATE folder SET seen = ?3, seen_modseq = ?4 WHERE validity = ?1 AND uid_next = ?2 AND modseq = ?4",
    )?;
    update.execute(params![folder, uid_next, seen.0, seen.1])?;
    Ok(())
}

/// Shows the messages from this UID on, ascending.
pub(super) fn messages(t: &Transaction<'_>, folder: u32, from: u32, mut each: impl FnMut(MessageRow)) -> Result<()> {
    let mut select = t.prepare_cached(
        "SELECT uid, base, date, recent, modseq, letters FROM message WHERE folder = ?1 AND uid >= ?2 ORDER BY uid",
    )?;
    let mut rows = select.query([folder, from])?;
    while let Some(row) = rows.next()? {
        let base = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?.into();
        let letters = row.get_ref(5)?.as_blob_or_null().map_err(rusqlite::Error::from)?.map(Into::into);
        each(MessageRow {
            uid: row.get(0)?,
            base,
            date: row.get(2)?,
            recent: row.get(3)?,
            modseq: row.get(4)?,
            letters,
        });
    }
    Ok(())
}

/// The UID of the message with this base name.
pub(super) fn uid_of(t: &Transaction<'_>, folder: u32, base: &[u8]) -> Result<Option<u32>> {
    let mut select = t.prepare_cached("SELECT uid FROM message WHERE folder = ?1 AND base = ?2")?;
    Ok(select.query_row(params![folder, base], |row| row.get(0)).optional()?)
}

/// Gives the folder's next UID and mod-sequence to a message, the file of this name. The caller writes `folder` back
/// with [`set_next`] once.
pub(super) fn assign(
    t: &Transaction<'_>,
    folder: &mut FolderRow,
    name: &[u8],
    date: i64,
    recent: bool,
) -> Result<MessageRow> {
    let uid = folder.uid_next;
    let (base, letters) = (maildir::base(name), maildir::letters(name));
    folder.modseq = folder.modseq.saturating_add(1);
    folder.uid_next = uid.checked_add(1).ok_or_else(|| Error::refused("this folder has used up its UIDs"))?;
    let mut insert = t.prepare_cached(
        "INSERT INTO message (folder, uid, base, date, recent, modseq, letters) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute(params![folder.validity, uid, base, date, recent, folder.modseq, letters])?;
    Ok(MessageRow { uid, base: base.into(), date, recent, modseq: folder.modseq, letters: Some(letters.into()) })
}

/// Writes the next UID and the highest mod-sequence down.
pub(super) fn set_next(t: &Transaction<'_>, folder: FolderRow) -> Result<()> {
    let mut update = t.prepare_cached("UPDATE folder SET uid_next = ?2, modseq = ?3 WHERE validity = ?1")?;
    update.execute(params![folder.validity, folder.uid_next, folder.modseq])?;
    Ok(())
}

/// The mod-sequence of a message, and the letters that it was given for.
pub(super) fn recorded(t: &Transaction<'_>, folder: u32, uid: u32) -> Result<Option<(i64, Option<Vec<u8>>)>> {
    let mut select = t.prepare_cached("SELECT modseq, letters FROM message WHERE folder = ?1 AND uid = ?2")?;
    Ok(select.query_row([folder, uid], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Forgets messages whose files are gone, but for their UIDs. The caller writes `folder` back.
pub(super) fn forget(t: &Transaction<'_>, folder: &mut FolderRow, uids: impl IntoIterator<Item = u32>) -> Result<()> {
    let mut delete = t.prepare_cached("DELETE FROM message WHERE folder = ?1 AND uid = ?2")?;
    let mut gone = Vec::new();
    for uid in uids {
        // Another session may have noticed before.
        if delete.execute([folder.validity, uid])? > 0 {
            gone.push(uid);
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    folder.modseq = folder.modseq.saturating_add(1);
    let mut insert = t.prepare_cached("INSERT INTO vanished (folder, modseq, first, last) VALUES (?1, ?2, ?3, ?4)")?;
    for (first, last) in SequenceSet::from_numbers(gone).resolve(u32::MAX) {
        insert.execute(params![folder.validity, folder.modseq, first, last])?;
    }
    // The modseq of the newest that is too many, if there are too many.
    let mut select = t.prepare_cached(
        "SELECT modseq FROM vanished WHERE folder = ?1 ORDER BY modseq DESC, first DESC LIMIT 1 OFFSET ?2",
    )?;
    let oldest: Option<i64> = select.query_row([folder.validity, REMEMBERED], |row| row.get(0)).optional()?;
    if let Some(modseq) = oldest {
        t.execute("DELETE FROM vanished WHERE folder = ?1 AND modseq <= ?2", params![folder.validity, modseq])?;
        t.execute("UPDATE folder SET forgotten = ?2 WHERE validity = ?1", params![folder.validity, modseq])?;
    }
    Ok(())
}

/// The UIDs that were expunged after `since`, as ranges; `None` if that is longer ago than anyone remembers.
pub(super) fn vanished(t: &Transaction<'_>, folder: u32, since: i64) -> Result<Option<Vec<(u32, u32)>>> {
    let mut select = t.prepare_cached("SELECT forgotten FROM folder WHERE validity = ?1")?;
    let forgotten: Option<i64> = select.query_row([folder], |row| row.get(0)).optional()?;
    if forgotten.is_none_or(|forgotten| since < forgotten) {
        return Ok(None);
    }
    let mut select = t.prepare_cached("SELECT first, last FROM vanished WHERE folder = ?1 AND modseq > ?2")?;
    let rows = select.query_map(params![folder, since], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(Some(rows.and_then(Iterator::collect)?))
}

/// Writes a message's mod-sequence down, and the letters that it is given for.
pub(super) fn record(t: &Transaction<'_>, folder: u32, uid: u32, modseq: i64, letters: &[u8]) -> Result<()> {
    let mut update = t.prepare_cached("UPDATE message SET modseq = ?3, letters = ?4 WHERE folder = ?1 AND uid = ?2")?;
    update.execute(params![folder, uid, modseq, letters])?;
    Ok(())
}

/// Takes \Recent of the messages below `end` for one session: returns their UIDs, ascending.
pub(super) fn claim_recent(t: &Transaction<'_>, folder: u32, end: u32) -> Result<Vec<u32>> {
    let mut select =
        t.prepare_cached("SELECT uid FROM message WHERE folder = ?1 AND recent = 1 AND uid < ?2 ORDER BY uid")?;
    let uids: Vec<u32> = select.query_map([folder, end], |row| row.get(0)).and_then(Iterator::collect)?;
    if !uids.is_empty() {
        let update = "UPDATE message SET recent = 0 WHERE folder = ?1 AND recent = 1 AND uid < ?2";
        t.execute(update, [folder, end])?;
    }
    Ok(uids)
}

/// The UIDVALIDITYs of all folders.
pub(super) fn validities(t: &Transaction<'_>) -> Result<Vec<u32>> {
    let mut select = t.prepare_cached("SELECT validity FROM folder ORDER BY validity")?;
    Ok(select.query_map([], |row| row.get(0)).and_then(Iterator::collect)?)
}

/// What the letters `a` to `z` mean in one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keywords(Vec<(u8, String)>);

impl Keywords {
    /// Reads them.
    pub(super) fn load(t: &Transaction<'_>, folder: u32) -> Result<Keywords> {
        let mut select = t.prepare_cached("SELECT letter, word FROM keyword WHERE folder = ?1 ORDER BY letter")?;
        let rows = select.query_map([folder], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(Keywords(rows.and_then(Iterator::collect)?))
    }

    /// The keyword that a letter stands for.
    pub(super) fn word(&self, letter: u8) -> Option<&str> {
        self.0.iter().find(|(l, _)| *l == letter).map(|(_, w)| w.as_str())
    }

    /// The letter that stands for a keyword.
    pub(super) fn letter(&self, word: &str) -> Option<u8> {
        self.0.iter().find(|(_, w)| w.eq_ignore_ascii_case(word)).map(|(l, _)| *l)
    }

    /// All keywords, in the order of their letters.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, w)| w.as_str())
    }

    /// Gives letters to those of `words` that have none. When all 26 are taken, `used` is asked which letters any file
    /// still carries, and the others are given anew.
    pub(super) fn extend<'a>(
        &mut self,
        t: &Transaction<'_>,
        folder: u32,
        words: impl Iterator<Item = &'a str>,
        used: impl Fn() -> crate::error::Result<Vec<u8>>,
    ) -> Result<()> {
        let words: Vec<&str> = words.collect();
        let wanted = |word: &str| words.iter().any(|w| w.eq_ignore_ascii_case(word));
        for &word in &words {
            if word.eq_ignore_ascii_case(FORWARDED) || self.letter(word).is_some() {
                continue;
            }
            let free = |taken: &Keywords| (b'a'..=b'z').find(|l| taken.word(*l).is_none());
            let letter = match free(self) {
                Some(letter) => letter,
                None => {
                    let used = used()?;
                    for (letter, _) in self.0.extract_if(.., |(l, w)| !used.contains(l) && !wanted(w)) {
                        t.execute("DELETE FROM keyword WHERE folder = ?1 AND letter = ?2", params![folder, letter])?;
                    }
                    free(self).ok_or_else(|| Error::refused("a folder can hold 26 different keywords, no more"))?
                }
            };
            t.execute("INSERT INTO keyword (folder, letter, word) VALUES (?1, ?2, ?3)", params![folder, letter, word])?;
            self.0.push((letter, word.to_owned()));
        }
        Ok(())
    }

    /// Copies one folder's keywords to another that has none.
    pub(super) fn copy(t: &Transaction<'_>, from: u32, to: u32) -> Result<()> {
        let copy = "INSERT INTO keyword (folder, letter, word) SELECT ?2, letter, word FROM keyword WHERE folder = ?1";
        t.execute(copy, [from, to])?;
        Ok(())
    }
}
