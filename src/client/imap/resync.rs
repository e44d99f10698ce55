//! What has become of a folder since it was seen last, and what is new in it, in one flight: by QRESYNC (RFC 7162) where the server has
//! it and the mod-sequence of that time is known, else by the flags of all its messages.

use super::Client;
use super::opening::Opened;
use super::order::fetch;
use super::selected::{Listener, Rows};
use super::talk::{Listen, Row};
use super::uids::Uids;
use crate::body::Body;
use crate::error::{Error, Result};
use crate::proto::imap::command::Command;
use crate::proto::imap::modseq::{QResync, Selecting};
use crate::proto::imap::response::{BodyName, Code, FetchValue, Status, Untagged};
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::section::FetchItem;
use crate::proto::imap::set::SequenceSet;

/// When a folder was seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// Its UIDVALIDITY.
    pub validity: u32,
    /// Its HIGHESTMODSEQ, not 0.
    pub modseq: u64,
}

/// Takes what is told of messages that are known.
pub trait Changes {
    /// The flags of a message as they are now, of a new one too.
    fn flags(&mut self, uid: u32, flags: &[String]);
    /// These are gone.
    fn vanished(&mut self, uids: &[(u32, u32)]);
}

/// What is known of a folder behind [`Client::resync`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// As it was opened.
    pub opened: Opened,
    /// HIGHESTMODSEQ then; 0: the server has none.
    pub modseq: u64,
    /// Whether the flags of all its messages were told, and who was not told of is gone.
    pub all: bool,
}

impl Client {
    /// EXAMINE, what has changed since then, and UID FETCH of the messages of `new` that are there. `rows` hears of the folder before
    /// any row.
    ///
    /// # Errors
    /// As [`Client::fetch_from`]; 75 too where the flags of fewer messages are told than there are.
    pub fn resync(
        &mut self,
        folder: &str,
        since: Option<Since>,
        new: &SequenceSet,
        items: &[FetchItem],
        rows: &mut dyn Rows,
        changes: &mut dyn Changes,
    ) -> Result<Seen> {
        self.surely(|client| client.resync_once(folder, since, new, items, rows, changes))
    }

    fn resync_once(
        &mut self,
        folder: &str,
        since: Option<Since>,
        new: &SequenceSet,
        items: &[FetchItem],
        rows: &mut dyn Rows,
        changes: &mut dyn Changes,
    ) -> Result<Seen> {
        let since = since.filter(|_| self.has("QRESYNC"));
        let with = match since {
            Some(Since { validity, modseq }) => {
                let modseq = i64::try_from(modseq).unwrap_or(i64::MAX);
                Selecting::QResync(QResync { validity, modseq, known: None })
            }
            None if self.has("CONDSTORE") || self.has("QRESYNC") => Selecting::CondStore,
            None => Selecting::Plain,
        };
        let mut inner = Listener::new(rows, items);
        inner.searches(Some(new));
        let mut resync = Resync {
            inner,
            changes,
            all: since.is_none(),
            told: Uids::default(),
            gone: 0,
            modseq: 0,
            uid_next: None,
            opened: None,
        };
        // All of them: some servers take `1:*` ill in an empty folder, and none this.
        let all = SequenceSet::from_ranges([(1, u32::MAX)]);
        let flags = since.is_none().then(|| fetch(true, all, &[FetchItem::Flags]));
        // Which of the new ones there are is told by the one or the other; Dovecot would answer all three in an order of its own.
        let first = flags.unwrap_or_else(|| self.search_command(&SearchKey::Uid(new.clone()), false));
        let then = [first, fetch(true, new.clone(), items)];
        // Without it VANISHED is not to be told.
        let enable = since.is_some().then(|| Command::Enable(vec!["QRESYNC".to_owned()]));
        let mut selected = self.enter_behind(enable, folder, with, &mut then.into_iter(), &mut resync)?;
        let Resync { mut inner, all, told, gone, modseq, opened, .. } = resync;
        let opened = opened.unwrap_or(selected.opened());
        if all && told.len().saturating_add(gone) < u64::from(opened.exists) {
            let why =
                format!("FETCH: the answer ended early: flags of {} of {} messages came", told.len(), opened.exists);
            return Err(Error::temporary(why).at(selected.peer()));
        }
        selected.whole(&mut inner)?;
        Ok(Seen { opened, modseq, all })
    }
}

struct Resync<'r> {
    inner: Listener<'r>,
    changes: &'r mut dyn Changes,
    /// The first command asks for all flags, and not which of the new ones there are.
    all: bool,
    told: Uids,
    /// Messages that went meanwhile.
    gone: u64,
    modseq: u64,
    uid_next: Option<u32>,
    opened: Option<Opened>,
}

impl Resync<'_> {
    fn look(&mut self, what: &Untagged) -> Result<()> {
        match what {
            Untagged::Fetch(_, values) => {
                let uid = values.iter().find_map(|v| if let FetchValue::Uid(uid) = v { Some(*uid) } else { None });
                let flags =
                    values.iter().find_map(|v| if let FetchValue::Flags(flags) = v { Some(flags) } else { None });
                if let (Some(uid), Some(flags)) = (uid, flags) {
                    // Those that come later count for nothing that is missing.
                    if self.uid_next.is_none_or(|next| uid < next) {
                        self.told.add(uid);
                    }
                    if self.all {
                        self.inner.there(uid)?;
                    }
                    self.changes.flags(uid, flags);
                }
            }
            Untagged::Vanished { earlier, uids } => {
                let ranges = uids.resolve(u32::MAX);
                if !earlier {
                    self.gone = self.gone.saturating_add(super::selected::count(&ranges));
                }
                self.changes.vanished(&ranges);
            }
            Untagged::Expunge(_) => self.gone = self.gone.saturating_add(1),
            Untagged::Status(Status { code: Some(Code::Other(name, value)), .. })
                if name == "HIGHESTMODSEQ" && self.opened.is_none() =>
            {
                self.modseq = value.trim().parse().unwrap_or(0);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Listen for Resync<'_> {
    fn early(&mut self, what: &Untagged) -> Result<()> {
        self.look(what)
    }

    fn opened(&mut self, folder: Opened) -> Result<()> {
        (self.opened, self.uid_next) = (Some(folder), folder.uid_next);
        self.inner.opened(folder)
    }

    fn untagged(&mut self, what: Untagged) -> Result<()> {
        self.look(&what)?;
        self.inner.untagged(what)
    }

    fn literal(&mut self, so_far: Row, name: &BodyName, size: u64, body: &mut dyn Body) -> Result<()> {
        self.inner.literal(so_far, name, size, body)
    }

    fn answered(&mut self, at: usize, answer: Result<Status>) -> Result<()> {
        self.inner.answered(at, answer)
    }
}
