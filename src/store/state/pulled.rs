//! What is remembered of an IMAP folder that is pulled from time to time: up to where it was, and by what each of its messages is
//! known should the server give its UIDs anew (RFC 9051 2.3.1.1).

use super::{History, Stop};
use crate::error::{Error, Result};
use rusqlite::{OptionalExtension, Transaction, params};

/// Ranges of UIDs, in order, both ends included.
pub type Ranges = Vec<(u32, u32)>;

/// How far a folder was pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Its UIDVALIDITY.
    pub validity: u32,
    /// UIDs of which nothing has to be fetched any more.
    pub settled: Ranges,
    /// HIGHESTMODSEQ (RFC 7162) up to which flags and removals are known; 0: they are not.
    pub modseq: u64,
}

/// A message that was pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PulledMessage {
    /// Its UID.
    pub uid: u32,
    /// Its size, as the server tells it (RFC822.SIZE).
    pub size: u64,
    /// What else it is known by: a digest of its Message-ID.
    pub id: String,
    /// When it was delivered, seconds since 1970.
    pub time: i64,
    /// Where it is, in a mirror: what of its file's name stays the same.
    pub place: Option<Vec<u8>>,
    /// The letters of its flags there, as they were on the server; `None`: nobody knows.
    pub letters: Option<String>,
    /// It is to be deleted on the server, which has not confirmed that.
    pub pending: bool,
}

impl History<'_> {
    /// How far it was; `None`: it never was.
    ///
    /// # Errors
    /// 74.
    pub fn pulled(&self) -> Result<Option<Pulled>> {
        let select = "SELECT validity, settled, modseq FROM folder WHERE source = ?1";
        let row = self.state.db.read(|t| {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?));
            Ok(t.query_row(select, [self.source], row).optional()?)
        })?;
        let Some((validity, settled, modseq)) = row else { return Ok(None) };
        let damaged = || Error::io(format!("{}: damaged", self.state.path.display()));
        let settled = ranges(&settled).ok_or_else(damaged)?;
        Ok(Some(Pulled { validity, settled, modseq: u64::try_from(modseq).map_err(|_| damaged())? }))
    }

    /// Records that these messages are delivered, and how far it is now; what was planned for them by `plans` is done. All at once, on
    /// stable storage.
    ///
    /// # Errors
    /// 74: then nothing of it is recorded.
    pub fn pull<'p>(
        &self,
        now: &Pulled,
        messages: &[PulledMessage],
        plans: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<()> {
        self.state.db.write(|t| {
            self.at(t, now)?;
            self.put(t, messages)?;
            plans.into_iter().try_for_each(|key| self.unplan(t, key))
        })
    }

    /// The server has given its UIDs anew: these messages of it are known again, and nothing else is.
    ///
    /// # Errors
    /// 74.
    pub fn renew(&self, now: &Pulled, messages: &[PulledMessage]) -> Result<()> {
        self.state.db.write(|t| {
            t.execute("DELETE FROM message WHERE source = ?1", [self.source])?;
            t.execute("DELETE FROM planned WHERE source = ?1", [self.source])?;
            self.at(t, now)?;
            self.put(t, messages)
        })
    }

    /// Forgets messages that are gone on the server.
    ///
    /// # Errors
    /// 74.
    pub fn gone(&self, now: &Pulled, uids: &[u32]) -> Result<()> {
        self.state.db.write(|t| {
            self.at(t, now)?;
            let mut delete = t.prepare_cached("DELETE FROM message WHERE source = ?1 AND uid = ?2")?;
            uids.iter().try_for_each(|uid| delete.execute(params![self.source, uid]).map(drop))?;
            Ok(())
        })
    }

    /// The UIDs of the messages that wait to be deleted on the server.
    ///
    /// # Errors
    /// 74.
    pub fn pending(&self) -> Result<Vec<u32>> {
        self.state.db.read(|t| {
            let mut select = t.prepare_cached("SELECT uid FROM message WHERE source = ?1 AND pending ORDER BY uid")?;
            let rows = select.query_map([self.source], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The UIDs of the messages that were delivered at this time or before, and are not known to be gone.
    ///
    /// # Errors
    /// 74.
    pub fn delivered_by(&self, time: i64) -> Result<Vec<u32>> {
        self.state.db.read(|t| {
            let mut select =
                t.prepare_cached("SELECT uid FROM message WHERE source = ?1 AND time <= ?2 ORDER BY uid")?;
            let rows = select.query_map(params![self.source, time], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The messages that were pulled and are not known to be gone, by UID.
    ///
    /// # Errors
    /// 74.
    pub fn messages(&self) -> Result<Vec<PulledMessage>> {
        self.state.db.read(|t| {
            let mut select = t.prepare_cached(
                "SELECT uid, size, id, time, place, letters, pending FROM message WHERE source = ?1 ORDER BY uid",
            )?;
            let rows = select.query_map([self.source], |row| {
                let size = u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default();
                let (id, time, place, letters) = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
                Ok(PulledMessage { uid: row.get(0)?, size, id, time, place, letters, pending: row.get(6)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn at(&self, t: &Transaction<'_>, now: &Pulled) -> Result<(), Stop> {
        let mut insert = t.prepare_cached(
            "INSERT INTO folder (source, validity, settled, modseq) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET validity = excluded.validity, settled = excluded.settled, modseq = excluded.modseq",
        )?;
        let bytes: Vec<u8> =
            now.settled.iter().flat_map(|(from, to)| [from.to_be_bytes(), to.to_be_bytes()]).flatten().collect();
        let modseq = i64::try_from(now.modseq).unwrap_or(0);
        insert.execute(params![self.source, now.validity, bytes, modseq])?;
        Ok(())
    }

    fn put(&self, t: &Transaction<'_>, messages: &[PulledMessage]) -> Result<(), Stop> {
        let mut insert = t.prepare_cached(
            "INSERT OR REPLACE INTO message (source, uid, size, id, time, place, letters, pending)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for PulledMessage { uid, size, id, time, place, letters, pending } in messages {
            let size = i64::try_from(*size).unwrap_or(i64::MAX);
            insert.execute(params![self.source, uid, size, id, time, place, letters, pending])?;
        }
        Ok(())
    }
}

fn ranges(bytes: &[u8]) -> Option<Ranges> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let (pairs, odd) = numbers.as_chunks::<2>();
    let ordered = |(from, to): &(u32, u32)| from <= to;
    let ranges: Ranges = pairs.iter().map(|[from, to]| (u32::from_be_bytes(*from), u32::from_be_bytes(*to))).collect();
    (rest.is_empty() && odd.is_empty() && ranges.iter().all(ordered)).then_some(ranges)
}

#[cfg(test)]
mod tests {
    use super::super::{Key, State};
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_was_pulled_is_known() {
        let t = tempfile::tempdir().unwrap();
        let state = State::open(&t.path().join("state.sqlite")).unwrap();
        let [protocol, login, host, name] = ["imap", "bob", "imap.example.org", "INBOX\n-"].map(str::to_owned);
        let key = Key { protocol, login, host, name };
        let history = state.history(&key, Duration::ZERO).unwrap();
        assert_eq!(history.pulled().unwrap(), None);
        let message = |uid: u32, place: Option<&[u8]>| PulledMessage {
            uid,
            size: 1 << 40,
            id: format!("id {uid}"),
            time: 7,
            place: place.map(<[u8]>::to_vec),
            letters: place.map(|_| "FS".to_owned()),
            pending: uid == 2,
        };
        let now = Pulled { validity: 3, settled: vec![(1, 4), (7, u32::MAX)], modseq: 1 << 50 };
        history.plan([(&b"3.7"[..], &[b"mbox:".to_vec()][..])]).unwrap();
        history.pull(&now, &[message(7, Some(b"\xff")), message(2, None)], [&b"3.7"[..]]).unwrap();
        assert!(history.planned().unwrap().is_empty());
        assert_eq!(history.pulled().unwrap().as_ref(), Some(&now));
        assert_eq!(history.messages().unwrap(), [message(2, None), message(7, Some(b"\xff"))]);
        assert_eq!((history.delivered_by(6).unwrap(), history.delivered_by(7).unwrap()), (vec![], vec![2, 7]));
        assert_eq!(history.pending().unwrap(), [2]);
        history.gone(&Pulled { modseq: 0, ..now.clone() }, &[2, 9]).unwrap();
        assert_eq!(history.messages().unwrap(), [message(7, Some(b"\xff"))]);
        let anew = Pulled { validity: 4, settled: Vec::new(), modseq: 0 };
        history.renew(&anew, &[message(1, None)]).unwrap();
        assert_eq!((history.pulled().unwrap(), history.messages().unwrap()), (Some(anew), vec![message(1, None)]));
        drop(history);
        // The same folder under another name is another history.
        assert_eq!(state.names("imap", "bob", "IMAP.example.org").unwrap(), ["INBOX\n-"]);
        let other = state.history(&Key { name: "INBOX\nother".into(), ..key }, Duration::ZERO).unwrap();
        assert_eq!((other.pulled().unwrap(), other.messages().unwrap()), (None, Vec::new()));
    }

    #[test]
    fn ranges_as_bytes() {
        assert_eq!(ranges(&[]), Some(vec![]));
        assert_eq!(ranges(&[0, 0, 0, 1, 0, 0, 1, 0]), Some(vec![(1, 256)]));
        assert_eq!(ranges(&[0, 0, 0, 1]), None);
        assert_eq!(ranges(&[0, 0, 0, 1, 0, 0, 0, 0]), None);
        assert_eq!(ranges(&[0; 7]), None);
    }
}
