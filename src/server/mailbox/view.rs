//! [`View`]: the messages of a folder as somebody sees them. Sessions share one as long as none of them changes it.

use super::uids::{self, Keywords, MessageRow};
use crate::message::flags::Flags;
use crate::store::maildir::{self, Sub};
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

/// A message of a selected folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its UID.
    pub uid: u32,
    /// Its flags, as far as this session knows.
    pub flags: Flags,
    /// Its internal date, in whole seconds.
    pub internal_date: SystemTime,
    /// When its flags changed last, on the folder's own clock (RFC 7162).
    pub modseq: i64,
}

/// Where a message lies.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Box<[u8]>,
    /// How much of the name is its base, which never changes.
    pub(super) base: u16,
    pub(super) sub: Sub,
    /// The file is gone, and the session has not been told yet.
    pub(super) gone: bool,
    /// Someone else has changed the flags, and the session has not been told yet.
    pub(super) changed: bool,
    /// The flags may be others than those that its mod-sequence was given for.
    pub(super) unrecorded: bool,
}

impl Entry {
    pub(super) fn base(&self) -> &[u8] {
        self.name.get(..usize::from(self.base)).unwrap_or_default()
    }
}

/// The messages by ascending UID, and their files.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) messages: Vec<Message>,
    /// One for each message.
    pub(super) files: Vec<Entry>,
}

impl View {
    /// Adds a message where it lay when somebody looked last.
    pub(super) fn push(&mut self, row: MessageRow, keywords: &Keywords) {
        let MessageRow { uid, base, date, modseq, letters, .. } = row;
        self.messages.push(Message { uid, flags: Flags::none(), internal_date: uids::time(date), modseq });
        let length = u16::try_from(base.len()).unwrap_or(u16::MAX);
        let unrecorded = letters.is_none();
        let name = match letters {
            Some(letters) => maildir::with_letters(&base, &letters).into(),
            None => base,
        };
        self.files.push(Entry { name, base: length, sub: Sub::Cur, gone: false, changed: false, unrecorded });
        self.reflag(self.files.len().saturating_sub(1), keywords);
    }

    /// Reads the flags from the name; whether they are others now.
    pub(super) fn reflag(&mut self, index: usize, keywords: &Keywords) -> bool {
        let (Some(file), Some(message)) = (self.files.get(index), self.messages.get_mut(index)) else { return false };
        let letters = file.name.get(usize::from(file.base)..).and_then(|info| info.get(3..)).unwrap_or_default();
        let flags = Flags::from_letters(letters, |letter| keywords.word(letter));
        let changed = message.flags != flags;
        message.flags = flags;
        changed
    }

    /// The index of a UID.
    pub(super) fn index_of(&self, uid: u32) -> Option<usize> {
        self.messages.binary_search_by_key(&uid, |m| m.uid).ok()
    }

    /// Whether every file lies in `cur/` under the name that the database's rows tell.
    pub(super) fn is_as_recorded(&self) -> bool {
        self.files.iter().all(|f| {
            let info = f.name.get(usize::from(f.base)..).unwrap_or_default();
            f.sub == Sub::Cur && !f.gone && !f.unrecorded && info.starts_with(b":2,")
        })
    }
}

/// Where files are in a view, by their base names; of two alike the later one counts. Not for those that are gone.
#[derive(Debug)]
pub(super) struct Bases {
    /// Indexes, or [`FREE`]; at least half of them are free.
    slots: Vec<u32>,
    /// Unknown to who names files.
    state: RandomState,
}

const FREE: u32 = u32::MAX;

impl Bases {
    pub(super) fn of(files: &[Entry]) -> Bases {
        let room = files.len().saturating_mul(2).max(8).next_power_of_two();
        let mut bases = Bases { slots: vec![FREE; room], state: RandomState::new() };
        for (index, file) in (0u32..FREE).zip(files).filter(|(_, f)| !f.gone) {
            let at = bases.slot(files, file.base());
            if let Some(slot) = bases.slots.get_mut(at) {
                *slot = index;
            }
        }
        bases
    }

    /// The index of the file with this base name. `files` are those that it was made of; their order is the same.
    pub(super) fn find(&self, files: &[Entry], base: &[u8]) -> Option<usize> {
        let index = self.slots.get(self.slot(files, base)).filter(|index| **index != FREE)?;
        usize::try_from(*index).ok()
    }

    /// Its slot, or the free one where it would be.
    fn slot(&self, files: &[Entry], base: &[u8]) -> usize {
        let mask = self.slots.len().saturating_sub(1);
        let hash = self.state.hash_one(base) & u64::try_from(mask).unwrap_or(u64::MAX);
        let mut at = usize::try_from(hash).unwrap_or(0);
        loop {
            match self.slots.get(at) {
                Some(&index) if index != FREE => {
                    let there = usize::try_from(index).ok().and_then(|index| files.get(index));
                    if there.is_some_and(|file| file.base() == base) {
                        return at;
                    }
                    at = at.saturating_add(1) & mask;
                }
                _ => return at,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn files_are_found_by_their_bases() {
        let mut view = View::default();
        let keywords = Keywords::default();
        let name = |n: u32| format!("{}", n % 900).into_bytes();
        for uid in 0..1000 {
            let (base, letters) = (name(uid).into(), Some(b"S"[..].into()));
            view.push(MessageRow { uid, base, date: 0, recent: false, modseq: 1, letters }, &keywords);
        }
        view.files[7].gone = true;
        let bases = Bases::of(&view.files);
        let expect: HashMap<Vec<u8>, usize> = (0..1000).filter(|n| *n != 7).map(|n| (name(n), n as usize)).collect();
        for n in 0..1000 {
            assert_eq!(bases.find(&view.files, &name(n)), expect.get(&name(n)).copied(), "{n}");
        }
        assert_eq!(bases.find(&view.files, b"nix"), None);
        assert_eq!(Bases::of(&[]).find(&[], b""), None);
    }
}
