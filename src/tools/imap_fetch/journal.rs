//! `--new`: what the history knows of a folder, and what it learns of each message that comes.

use super::half::Halves;
use crate::cli::system;
use crate::client::imap::{Fetched, Opened, Since, Uids};
use crate::error::Result;
use crate::message::digest::Sha256;
use crate::message::flags::Flags;
use crate::message::header::Header;
use crate::store::journal;
use crate::store::maildir::base;
use crate::store::sink::{Every, Found, Receipt};
use crate::store::state::{History, Pulled, PulledMessage};
use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// One folder's history while it is pulled.
pub(super) struct Journal<'h> {
    pub(super) history: &'h History<'h>,
    /// UIDVALIDITY; 0: the folder was never pulled.
    pub(super) validity: u32,
    settled: Uids,
    modseq: u64,
    /// What a killed run has brought to some targets, and not to all, and the key of its plans.
    found: HashMap<u32, (Vec<u8>, Found)>,
    /// Messages that no target took.
    failed: Vec<u32>,
    /// The UIDVALIDITY that the server tells, where it is another one.
    pub(super) renewed: Option<u32>,
    /// What is known when the folder is open.
    pub(super) opened: Option<Opened>,
    keeps: Keeps,
    now: i64,
}

/// What is remembered of each message besides that it was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Keeps {
    /// Where it is, in a mirror.
    pub(super) place: bool,
    /// That it is to be deleted on the server.
    pub(super) pending: bool,
}

impl<'h> Journal<'h> {
    /// Reads the history, and looks for what a run that was killed has stored and not remembered.
    pub(super) fn open(history: &'h History<'h>, sink: &mut Every, keeps: Keeps, now: i64) -> Result<Journal<'h>> {
        let pulled = history.pulled()?.unwrap_or_default();
        let mut settled = Uids::default();
        pulled.settled.iter().for_each(|(from, to)| settled.add_range(*from, *to));
        let mut journal = Journal {
            history,
            validity: pulled.validity,
            settled,
            modseq: pulled.modseq,
            found: HashMap::new(),
            failed: Vec::new(),
            renewed: None,
            opened: None,
            keeps,
            now,
        };
        journal.recover(sink)?;
        Ok(journal)
    }

    fn recover(&mut self, sink: &mut Every) -> Result<()> {
        let (mut there, mut keys) = (Vec::new(), Vec::new());
        for (key, plans) in self.history.planned()? {
            let Some((validity, message)) = planned(&key, self.now) else { continue };
            if self.validity == 0 {
                // The first run has not come to record anything.
                self.validity = validity;
            }
            if self.validity != validity {
                continue;
            }
            let found = sink.find(&plans)?;
            if let Some(places) = found.everywhere() {
                self.settled.add(message.uid);
                // What flags it has must be asked.
                self.modseq = 0;
                there.push(PulledMessage { place: self.place(&places), pending: self.keeps.pending, ..message });
                keys.push(key);
            } else {
                self.found.insert(message.uid, (key, found));
            }
        }
        if there.is_empty() {
            return Ok(());
        }
        self.history.pull(&self.state(), &there, keys.iter().map(Vec::as_slice))
    }

    /// Where beginnings of messages are kept; `None`: it is not known yet which folder that is.
    pub(super) fn halves(&self) -> Option<Halves> {
        let home = system::state_home().ok().filter(|_| self.validity > 0)?;
        Some(Halves::new(&home, self.history.id(), self.validity))
    }

    /// UIDs that may be new; `None`: all.
    pub(super) fn wanted(&self) -> Option<Vec<(u32, u32)>> {
        (!self.settled.is_empty()).then(|| self.settled.others())
    }

    pub(super) fn is_settled(&self, uid: u32) -> bool {
        self.settled.has(uid)
    }

    /// Which targets have this message already.
    pub(super) fn found(&mut self, uid: u32) -> Option<Found> {
        self.found.remove(&uid).map(|(_, found)| found)
    }

    /// The folder is open: whether its UIDs mean what they meant.
    pub(super) fn begin(&mut self, folder: Opened) {
        self.opened = Some(folder);
        if self.validity == 0 {
            self.validity = folder.uid_validity;
        }
        self.renewed = Some(folder.uid_validity).filter(|now| *now != self.validity);
    }

    /// What is remembered of a message that has come.
    pub(super) fn message(&self, row: &Fetched, header: Option<&Header>, bytes: u64) -> PulledMessage {
        let id = header.map(identity).unwrap_or_default();
        let letters = self.keeps.place.then(|| letters(row.flags.iter().flatten()));
        let (size, pending) = (row.size.unwrap_or(bytes), self.keeps.pending);
        PulledMessage { uid: row.uid, size, id, time: self.now, place: None, letters, pending }
    }

    /// The message has ended in the sink: whether it is to be committed at once.
    pub(super) fn ended(&self, sink: &Every, message: &PulledMessage) -> Result<bool> {
        journal::ended(self.history, sink, Some(&self.key(message)))
    }

    /// This one was not taken.
    pub(super) fn failed(&mut self, uid: u32) {
        self.failed.push(uid);
    }

    /// Commits `batch`, and remembers it.
    pub(super) fn commit(&mut self, sink: &mut Every, batch: &mut [PulledMessage]) -> Result<Vec<Receipt>> {
        let keys: Vec<Vec<u8>> = batch.iter().map(|message| self.key(message)).collect();
        let some: Vec<Option<&[u8]>> = keys.iter().map(|key| Some(key.as_slice())).collect();
        let receipts = journal::commit(self.history, sink, &some)?;
        for (message, receipt) in batch.iter_mut().zip(&receipts) {
            self.settled.add(message.uid);
            message.place = self.place(&receipt.places);
        }
        self.history.pull(&self.state(), batch, keys.iter().map(Vec::as_slice))?;
        Ok(receipts)
    }

    /// All that was asked for has come: what is not there will never be.
    pub(super) fn settle(&mut self) -> Result<()> {
        if !self.found.is_empty() {
            // Those are gone there.
            self.history.forget_plans(
                self.found.drain().map(|(_, (key, _))| key).collect::<Vec<_>>().iter().map(Vec::as_slice),
            )?;
        }
        let before = self.settled.ranges();
        let highest = self.settled.ranges().last().map_or(0, |(_, to)| *to);
        let next = self.opened.and_then(|opened| opened.uid_next).unwrap_or(0);
        self.failed.sort_unstable();
        let mut from = 1;
        for uid in std::mem::take(&mut self.failed).into_iter().chain([next.max(highest.saturating_add(1))]) {
            self.settled.add_range(from, uid.saturating_sub(1));
            from = uid.saturating_add(1);
        }
        if self.settled.ranges() == before { Ok(()) } else { self.history.pull(&self.state(), &[], []) }
    }

    /// The server has given its UIDs anew, and these messages are those that were pulled.
    pub(super) fn renew(&mut self, validity: u32, known: &[PulledMessage]) -> Result<()> {
        (self.validity, self.renewed, self.modseq) = (validity, None, 0);
        self.settled = Uids::default();
        known.iter().for_each(|message| self.settled.add(message.uid));
        self.found.clear();
        self.failed.clear();
        self.history.renew(&self.state(), known)
    }

    /// What waits to be deleted on the server.
    pub(super) fn pending(&self) -> Result<Vec<u32>> {
        self.history.pending()
    }

    /// What was delivered so long ago.
    pub(super) fn older_than(&self, age: Duration) -> Result<Vec<u32>> {
        let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        self.history.delivered_by(self.now.saturating_sub(age))
    }

    /// These are gone on the server.
    pub(super) fn gone(&self, uids: &[u32]) -> Result<()> {
        self.history.gone(&self.state(), uids)
    }

    /// What of the name of its file stays the same.
    fn place(&self, places: &[String]) -> Option<Vec<u8>> {
        let name = Path::new(places.first().filter(|_| self.keeps.place)?).file_name()?;
        Some(base(name.as_bytes()).to_vec())
    }

    /// When it was seen last, for a server that knows what has changed since.
    pub(super) fn since(&self) -> Option<Since> {
        (self.modseq > 0).then_some(Since { validity: self.validity, modseq: self.modseq })
    }

    /// These must come again.
    pub(super) fn unsettle(&mut self, uids: &HashSet<u32>) {
        let ranges = std::mem::take(&mut self.settled).ranges();
        let mut lost: Vec<u32> = uids.iter().copied().collect();
        lost.sort_unstable();
        for (mut from, to) in ranges {
            for uid in lost.iter().filter(|uid| (from..=to).contains(*uid)).copied().collect::<Vec<_>>() {
                self.settled.add_range(from, uid.saturating_sub(1));
                from = uid.saturating_add(1);
            }
            self.settled.add_range(from, to);
        }
    }

    /// Flags and removals are known up to there; `None`: up to where they were.
    pub(super) fn seen(&mut self, modseq: Option<u64>, changed: &[PulledMessage], gone: &[u32]) -> Result<()> {
        let before = self.modseq;
        self.modseq = modseq.unwrap_or(before);
        if !gone.is_empty() {
            self.history.gone(&self.state(), gone)?;
        }
        if self.modseq == before && changed.is_empty() { Ok(()) } else { self.history.pull(&self.state(), changed, []) }
    }

    fn state(&self) -> Pulled {
        Pulled { validity: self.validity, settled: self.settled.ranges(), modseq: self.modseq }
    }

    /// By what the history knows a message that is about to be stored: all that is to be remembered of it.
    fn key(&self, message: &PulledMessage) -> Vec<u8> {
        format!("{}.{} {} {}", self.validity, message.uid, message.size, message.id).into_bytes()
    }
}

/// Reads a key: UIDVALIDITY, and the message.
fn planned(key: &[u8], time: i64) -> Option<(u32, PulledMessage)> {
    let text = std::str::from_utf8(key).ok()?;
    let mut words = text.splitn(3, ' ');
    let (validity, uid) = words.next()?.split_once('.')?;
    let size = words.next()?.parse().ok()?;
    let id = words.next()?.to_owned();
    Some((validity.parse().ok()?, PulledMessage { uid: uid.parse().ok()?, size, id, time, ..PulledMessage::default() }))
}

/// Flags as a Maildir has them.
pub(super) fn letters<'f>(flags: impl Iterator<Item = &'f String>) -> String {
    let mut all = Flags::none();
    flags.for_each(|word| {
        all.add(word);
    });
    String::from_utf8_lossy(&all.letters(|_| None)).into_owned()
}

/// The fields of [`identity`].
pub(super) const FIELDS: [&str; 4] = ["MESSAGE-ID", "DATE", "FROM", "SUBJECT"];

/// What a message is known by beside its size when it has another UID: its Message-ID, else what its author wrote around it.
pub(super) fn identity(header: &Header) -> String {
    let mut digest = Sha256::default();
    let value = |name: &str| header.unfolded(name).unwrap_or_default().trim_ascii().to_vec();
    let id = value("MESSAGE-ID");
    if id.is_empty() {
        for name in FIELDS {
            digest.push(&value(name));
            digest.push(b"\n");
        }
    } else {
        digest.push(&id);
    }
    let mut hex = digest.hex();
    hex.truncate(32);
    hex
}
