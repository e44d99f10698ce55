//! [`Mailbox`]: a selected folder, as sessions see it.

use super::Account;
use super::known::Reads;
use super::look::{Again, Watch};
use super::uids::{self, Keywords};
use super::view::{Entry, Message, View};
use crate::error::{Local, Result};
use crate::message::flags::FORWARDED;
use crate::store::disk;
use crate::store::maildir::{Maildir, Sub};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// A selected folder: a view that changes only when its owner says so.
#[derive(Debug)]
pub struct Mailbox {
    pub(super) account: Account,
    pub(super) name: String,
    pub(super) maildir: Maildir,
    pub(super) read_only: bool,
    /// What tells the database from others.
    pub(super) database: Box<[u8]>,
    pub(super) validity: u32,
    pub(super) uid_next: u32,
    /// The view has all that has happened up to this mod-sequence.
    pub(super) highest: i64,
    /// The same when no expunge was left to be told.
    pub(super) complete: i64,
    /// Whether changed flags get their mod-sequences as soon as they are seen; else when somebody opens the folder next.
    pub(super) tracking: bool,
    pub(super) view: Arc<View>,
    /// UIDs of messages that are `\Recent` for this session.
    pub(super) recent: BTreeSet<u32>,
    /// Who is recent among those below has been settled.
    pub(super) recent_from: u32,
    pub(super) keywords: Keywords,
    pub(super) watch: Watch,
    pub(super) again: RefCell<Again>,
    pub(super) reads: Reads,
}

/// How flags are changed (STORE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `FLAGS`: these and no others.
    Set,
    /// `+FLAGS`.
    Add,
    /// `-FLAGS`.
    Remove,
}

/// What [`Mailbox::sync`] found, in the order in which a session tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Sequence numbers for EXPUNGE, descending, so that each is valid when it is sent.
    pub expunged: Vec<u32>,
    /// The UIDs of the same messages, descending.
    pub vanished: Vec<u32>,
    /// The number of messages, if new ones came.
    pub exists: Option<u32>,
    /// The number of recent messages, if it is another than before.
    pub recent: Option<u32>,
    /// Indexes of messages whose flags another session or program has changed.
    pub flags: Vec<usize>,
}

/// What COPYUID tells (RFC 4315): `source[i]` became `target[i]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The target's UIDVALIDITY.
    pub uid_validity: u32,
    /// UIDs here.
    pub source: Vec<u32>,
    /// UIDs there.
    pub target: Vec<u32>,
}

impl Mailbox {
    pub(super) fn open(account: Account, name: String, maildir: Maildir, read_only: bool) -> Result<Mailbox> {
        let (database, row) = match account.db().read(|t| Ok((uids::id(t)?, uids::folder(t, &name)?)))? {
            (id, Some(row)) if row.has_room() => (id, row),
            _ => account.db().write(|t| Ok((uids::id(t)?, uids::folder_or_new(t, &name, SystemTime::now())?)))?,
        };
        let mut mailbox = Mailbox {
            reads: Reads::default(),
            account,
            name,
            maildir,
            read_only,
            database,
            validity: row.validity,
            uid_next: 1,
            highest: 1,
            complete: 1,
            tracking: true,
            view: Arc::default(),
            recent: BTreeSet::new(),
            recent_from: 1,
            keywords: Keywords::default(),
            watch: Watch::default(),
            again: RefCell::default(),
        };
        mailbox.begin();
        mailbox.look()?;
        mailbox.drop_gone();
        mailbox.tracking = false;
        mailbox.complete = mailbox.highest;
        mailbox.take_changed();
        mailbox.leave();
        Ok(mailbox)
    }

    /// The folder's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it was EXAMINEd.
    #[must_use]
    pub fn read_only(&self) -> bool {
        self.read_only
    }

    /// Its UIDVALIDITY, the same as long as this value lives.
    #[must_use]
    pub fn uid_validity(&self) -> u32 {
        self.validity
    }

    /// A UID that is higher than all here, and not higher than that of the next new message. Never 0.
    #[must_use]
    pub fn uid_next(&self) -> u32 {
        self.uid_next
    }

    /// The messages, by ascending UID; the index and one is the sequence number.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.view.messages
    }

    /// The keywords that this folder knows.
    #[must_use]
    pub fn keywords(&self) -> Vec<String> {
        let mut words: Vec<String> = self.keywords.words().map(str::to_owned).collect();
        if self.view.messages.iter().any(|m| m.flags.has_keyword(FORWARDED)) {
            words.push(FORWARDED.to_owned());
        }
        words.sort_unstable();
        words
    }

    /// The directories that change when messages come, go, or change flags.
    #[must_use]
    pub fn watch_paths(&self) -> Vec<PathBuf> {
        vec![self.maildir.sub(Sub::New), self.maildir.sub(Sub::Cur)]
    }

    /// Takes in what has changed since; cheap when the directories stand still. With `expunges` false, messages that are
    /// gone keep their numbers until a later call (RFC 3501 7.4.1).
    ///
    /// # Errors
    /// 75 when the folder was removed or renamed: there is nothing left to serve. 74 and 75 from disk and database.
    pub fn sync(&mut self, expunges: bool) -> Result<Changes> {
        let before = (self.view.messages.len(), self.recent());
        let stale = self.stale()?;
        if stale {
            self.look()?;
        }
        if self.tracking {
            self.record_flags()?;
        }
        let exists = (self.view.messages.len() > before.0).then_some(());
        let (expunged, vanished) = if expunges { self.drop_gone() } else { Default::default() };
        self.complete = self.told_modseq();
        let flags = self.take_changed();
        if stale {
            self.leave();
        }
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let recent = self.recent();
        Ok(Changes {
            expunged,
            vanished,
            exists: exists.map(|()| count(self.view.messages.len())),
            recent: (recent != before.1).then_some(count(recent)),
            flags,
        })
    }

    /// Opens a message; `None` if it has vanished. Finds it again if another program has renamed it.
    ///
    /// # Errors
    /// 66 when it is there and can't be read.
    pub fn file(&self, index: usize) -> Result<Option<File>> {
        let Some(entry) = self.view.files.get(index).filter(|f| !f.gone) else { return Ok(None) };
        let open = |sub: Sub, name: &[u8]| self.maildir.open(sub).and_then(|dir| disk::open(dir, name));
        let (mut sub, mut name) = (entry.sub, entry.name.clone());
        loop {
            match open(sub, &name) {
                Ok(file) => return Ok(Some(file)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => match self.find_again(sub, &name)? {
                    Some(found) => (sub, name) = found,
                    None => return Ok(None),
                },
                Err(e) => return Err(e).opening(String::from_utf8_lossy(&name)),
            }
        }
    }

    /// How many messages are `\Recent` for this session.
    #[must_use]
    pub fn recent(&self) -> usize {
        self.recent.len()
    }

    /// Whether a message is `\Recent` for this session.
    #[must_use]
    pub fn is_recent(&self, message: &Message) -> bool {
        self.recent.contains(&message.uid)
    }

    /// The indexes of messages whose flags others have changed; they count as told.
    fn take_changed(&mut self) -> Vec<usize> {
        let changed = |(index, file): (usize, &Entry)| file.changed.then_some(index);
        let mut all: Vec<usize> = self.view.files.iter().enumerate().filter_map(changed).collect();
        if !all.is_empty() {
            let view = Arc::make_mut(&mut self.view);
            all.retain(|index| {
                view.files.get_mut(*index).is_some_and(|file| {
                    file.changed = false;
                    !file.gone
                })
            });
        }
        all
    }

    /// Takes the gone ones out; returns their sequence numbers and UIDs, descending.
    fn drop_gone(&mut self) -> (Vec<u32>, Vec<u32>) {
        if !self.view.files.iter().any(|f| f.gone) {
            return Default::default();
        }
        let view = Arc::make_mut(&mut self.view);
        let all = (1u32..).zip(view.files.iter().zip(&view.messages));
        let mut gone: Vec<(u32, u32)> = all.filter(|(_, (f, _))| f.gone).map(|(n, (_, m))| (n, m.uid)).collect();
        gone.reverse();
        let mut files = view.files.iter();
        view.messages.retain(|_| files.next().is_some_and(|f| !f.gone));
        view.files.retain(|f| !f.gone);
        for (_, uid) in &gone {
            self.recent.remove(uid);
        }
        gone.into_iter().unzip()
    }
}
