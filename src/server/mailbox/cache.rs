//! `pipepost-cache.sqlite`: what reading messages has told, so that listing a folder again opens no file.
//!
//! A database of its own, beside the one of the UIDs: it can be removed at any time, nobody waits for it, and a failure of it
//! is nobody's. A row is believed only if its file has the same base name, size and time of modification as when it was
//! read. Rows go with their messages, what a killed process has left of them with the next filling; there is at most a
//! gigabyte of them, after which nothing is added until some have gone.

use crate::store::db::{Db, Schema};
use rusqlite::{OptionalExtension, Transaction, params};
use std::path::Path;

static SCHEMA: Schema = Schema {
    // Where what is kept changes its meaning, another step removes all rows.
    migrations: &["
        CREATE TABLE message (
            id INTEGER PRIMARY KEY,                    -- the folder's UIDVALIDITY * 2^32 + the UID
            base BLOB NOT NULL,                        -- the file's name up to ':2,'
            size INTEGER NOT NULL,                     -- the file's size
            modified INTEGER NOT NULL,                 -- its time of modification, in nanoseconds
            wire INTEGER,                              -- its size with CRLF line ends; NULL: nobody has counted
            fields BLOB,                               -- those of its header fields that lists of messages show
            structure BLOB                             -- BODYSTRUCTURE
        );
    "],
    repair: "remove it: it is made anew",
};

/// Pages of 4 KiB.
const PAGES: u32 = 1 << 18;

/// The longest list of fields, and the longest structure, that is kept.
const LONGEST: usize = 8192;

/// A file, by what tells it from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) base: Box<[u8]>,
    pub(super) size: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i64,
}

/// What reading a message has told; each part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Its size with CRLF line ends.
    pub wire: Option<u64>,
    /// Header fields in wire form, in their order; whoever keeps them knows which.
    pub fields: Option<Box<[u8]>>,
    /// BODYSTRUCTURE, encoded.
    pub structure: Option<Box<[u8]>>,
}

impl Read {
    /// Takes what `other` knows, and leaves out what is too long to be kept.
    pub(super) fn include(&mut self, other: Read) {
        let fit = |bytes: Option<Box<[u8]>>| bytes.filter(|bytes| bytes.len() <= LONGEST);
        self.wire = other.wire.or(self.wire.take());
        self.fields = fit(other.fields).or(self.fields.take());
        self.structure = fit(other.structure).or(self.structure.take());
    }
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) of: Identity,
    pub(super) read: Read,
}

impl Row {
    pub(super) fn len(&self) -> usize {
        let long = |bytes: &Option<Box<[u8]>>| bytes.as_ref().map_or(0, |b| b.len());
        long(&self.read.fields).saturating_add(long(&self.read.structure)).saturating_add(200)
    }
}

/// Opens it, making it if it is not there; `None` if that can't be.
pub(super) fn open(root: &Path) -> Option<Db> {
    Db::cache(&root.join(FILE), &SCHEMA, PAGES).ok()
}

/// Its name.
pub(super) const FILE: &str = "pipepost-cache.sqlite";

/// Ascends with the UID; the sign means nothing.
fn id(folder: u32, uid: u32) -> i64 {
    (u64::from(folder) << 32 | u64::from(uid)).cast_signed()
}

fn uid(id: i64) -> u32 {
    u32::try_from(id.cast_unsigned() & u64::from(u32::MAX)).unwrap_or(0)
}

fn folder(id: i64) -> u32 {
    u32::try_from(id.cast_unsigned() >> 32).unwrap_or(0)
}

/// The rows from this UID on, ascending: so many at most, and not many more bytes than that.
pub(super) fn rows(db: &Db, of: u32, from: u32, most: usize, bytes: usize) -> Vec<(u32, Row)> {
    let read = |t: &Transaction<'_>| {
        let mut select = t.prepare_cached(
            "SELECT id, base, size, modified, wire, fields, structure FROM message WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        )?;
        let mut found = Vec::new();
        let mut rows = select.query([id(of, from), id(of, u32::MAX)])?;
        let mut total = 0usize;
        while let Some(row) = if found.len() < most && total < bytes { rows.next()? } else { None } {
            let blob = |at: usize| row.get_ref(at)?.as_blob_or_null().map_err(rusqlite::Error::from);
            let number = |n: i64| u64::try_from(n).unwrap_or(u64::MAX);
            let base = blob(1)?.unwrap_or_default().into();
            let identity = Identity { base, size: number(row.get(2)?), modified: row.get(3)? };
            let wire = row.get::<_, Option<i64>>(4)?.map(number);
            let read = Read { wire, fields: blob(5)?.map(Into::into), structure: blob(6)?.map(Into::into) };
            let row_uid = uid(row.get(0)?);
            let row = Row { of: identity, read };
            total = total.saturating_add(row.len());
            found.push((row_uid, row));
        }
        Ok(found)
    };
    db.read(read).unwrap_or_default()
}

/// Keeps rows; whether it could.
pub(super) fn keep<'r>(db: &Db, folder: u32, rows: impl Iterator<Item = (&'r u32, &'r Row)>) -> bool {
    let write = |t: &Transaction<'_>| {
        let mut insert = t.prepare_cached("INSERT OR REPLACE INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        for (uid, Row { of, read }) in rows {
            let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            let (size, wire) = (number(of.size), read.wire.map(number));
            insert.execute(params![id(folder, *uid), of.base, size, of.modified, wire, read.fields, read.structure])?;
        }
        Ok(())
    };
    db.write(write).is_ok()
}

/// Removes the rows of messages that have gone.
pub(super) fn forget(db: &Db, folder: u32, uids: impl IntoIterator<Item = u32>) {
    let _ = db.write(|t| {
        let mut delete = t.prepare_cached("DELETE FROM message WHERE id = ?1")?;
        uids.into_iter().try_for_each(|uid| delete.execute([id(folder, uid)]).map(drop))?;
        Ok(())
    });
}

/// Removes all rows of a folder that `there` does not accept.
pub(super) fn sweep(db: &Db, folder: u32, there: impl Fn(u32) -> bool) {
    let all = |t: &Transaction<'_>| {
        let mut select = t.prepare_cached("SELECT id FROM message WHERE id BETWEEN ?1 AND ?2")?;
        let ids = select.query_map([id(folder, 0), id(folder, u32::MAX)], |row| row.get(0).map(uid));
        Ok(ids.and_then(Iterator::collect::<rusqlite::Result<Vec<u32>>>)?)
    };
    let gone: Vec<u32> = db.read(all).unwrap_or_default().into_iter().filter(|uid| !there(*uid)).collect();
    if !gone.is_empty() {
        forget(db, folder, gone);
    }
}

/// The folders that have rows.
pub(super) fn folders(db: &Db) -> Vec<u32> {
    let all = |t: &Transaction<'_>| {
        // From folder to folder, not from row to row.
        let mut next = t.prepare_cached("SELECT id FROM message WHERE id > ?1 ORDER BY id LIMIT 1")?;
        let (mut found, mut from) = (Vec::new(), i64::MIN);
        while let Some(at) = next.query_row([from], |row| row.get::<_, i64>(0)).optional()? {
            found.push(folder(at));
            from = id(folder(at), u32::MAX);
        }
        Ok(found)
    };
    db.read(all).unwrap_or_default()
}
