//! The outgoing queue: messages that are stored now and delivered later, by any number of runners.
//!
//! A message is complete in `queue/ID` (0600; the file and its directory synced) before its row is committed to
//! `queue.sqlite` (synchronous=FULL): the row is the commit point, and a file without a row is nobody's and is swept when it is
//! old. Each recipient has a state of its own ([`Status`]). Who works on an entry holds a lock (flock) on its file, which dies
//! with the process: there is no lock in the database, and none is held while input is slow.
//!
//! Before the last byte of a message goes out, its recipients are `handed-over` on stable storage. An entry in that state whose
//! file nobody has locked is one whose runner was killed before it could write down the answer: its fate is unknown.
//!
//! Left out: copies of the queue on other machines.

mod admin;
mod asked;
mod deliver;
mod draft;
mod keys;
mod list;
mod notify;
mod rows;
mod run;
pub mod schedule;

pub use admin::Action;
pub use asked::{Asked, By};
pub use draft::Draft;
pub use keys::{Claim, Key};
pub use list::Selection;
pub use run::{Event, Post, Runner, Trouble};

use crate::error::{Error, Local, Result};
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::dsn::{Notify, Ret};
use crate::store::db::Db;
use crate::store::disk;
use rustix::fs::{CWD, FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What can become of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is tried when its time has come.
    Waiting,
    /// Nothing happens until it is released.
    Held,
    /// A server has been given all of the message but its end. If nobody has the entry's lock: what came of that is unknown.
    HandedOver,
    /// It may have been delivered. It is tried again later, and may come twice.
    Unknown,
    /// A server has taken it.
    Done,
    /// It was refused for good, or its time is over.
    Refused,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 6] =
        [Status::Waiting, Status::Held, Status::HandedOver, Status::Unknown, Status::Done, Status::Refused];

    /// The word for it in listings and in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Status::Waiting => "waiting",
            Status::Held => "held",
            Status::HandedOver => "handed-over",
            Status::Unknown => "unknown",
            Status::Done => "done",
            Status::Refused => "refused",
        }
    }

    /// The status of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether a runner may try it.
    #[must_use]
    pub fn is_due(self) -> bool {
        matches!(self, Status::Waiting | Status::Unknown)
    }

    /// Whether nothing more will be tried.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Status::Done | Status::Refused)
    }
}

/// Who sends to whom, as it is stored.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// MAIL FROM; `None` is the null path.
    pub from: Option<Mailbox>,
    /// The message's size in wire form.
    pub size: u64,
    /// Whether it has bytes over 127.
    pub eight_bit: bool,
    /// Whether some of them are in its header section (RFC 6532).
    pub utf8_header: bool,
    /// What else is asked for.
    pub asked: Asked,
    /// RET=
    pub ret: Option<Ret>,
    /// ENVID=
    pub envid: Option<String>,
    /// The mail directory of the server that has taken it; `None`: it came from elsewhere.
    pub origin: Option<PathBuf>,
    /// The Unix user who has submitted it to the whole system's server.
    pub uid: Option<u32>,
    /// RCPT TO, without duplicates.
    pub to: Vec<To>,
}

/// One recipient of an [`Envelope`].
#[derive(Clone, Debug)]
pub struct To {
    /// Whom.
    pub address: Mailbox,
    /// The next hop: what [`Post`] can connect to, an account with its colon, or a URL.
    pub hop: String,
    /// NOTIFY=
    pub notify: Option<Notify>,
    /// ORCPT=, as in the field `Original-Recipient`.
    pub orcpt: Option<String>,
    /// It may have been delivered already: how long until it is tried again, then as a possible duplicate.
    pub unknown: Option<Duration>,
}

/// A message of the queue.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name: of the row, and of the file in `queue/`.
    pub id: String,
    /// MAIL FROM; empty is the null path.
    pub from: String,
    /// See [`Envelope::size`].
    pub size: u64,
    /// See [`Envelope::eight_bit`].
    pub eight_bit: bool,
    /// See [`Envelope::utf8_header`].
    pub utf8_header: bool,
    /// See [`Envelope::asked`].
    pub asked: Asked,
    /// The length of its file.
    pub bytes: u64,
    /// RET=
    pub ret: Option<Ret>,
    /// ENVID=
    pub envid: Option<String>,
    /// See [`Envelope::origin`].
    pub origin: Option<String>,
    /// See [`Envelope::uid`].
    pub uid: Option<u32>,
    /// When it came, seconds since 1970.
    pub arrived: i64,
    /// Whether its sender was told that it takes longer.
    pub warned: bool,
    /// Its recipients, in the order of the envelope.
    pub to: Vec<Recipient>,
}

/// A recipient of an [`Entry`].
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Its place in the envelope, from 0.
    pub n: i64,
    /// Whom.
    pub address: String,
    /// See [`To::hop`].
    pub hop: String,
    /// NOTIFY=
    pub notify: Option<Notify>,
    /// ORCPT=, as in the field `Original-Recipient`.
    pub orcpt: Option<String>,
    /// What has become of it.
    pub status: Status,
    /// When it is tried next, seconds since 1970.
    pub next: i64,
    /// When that was decided: the last attempt.
    pub since: i64,
    /// How many attempts there were.
    pub attempts: u32,
    /// Whether an earlier attempt has an unknown fate: this one may be a duplicate.
    pub doubtful: bool,
    /// The last reply's code.
    pub code: Option<u16>,
    /// The last reply's enhanced status code.
    pub enhanced: Option<String>,
    /// The last reply's text, or ours.
    pub text: String,
    /// Whether the sender still has to be told how it ended.
    pub untold: bool,
}

/// `queue.sqlite`, and the messages beside it.
#[derive(Debug)]
pub struct Queue {
    dir: PathBuf,
    db: Db,
}

/// An entry that nobody else works on while this lives.
#[derive(Debug)]
pub struct Locked {
    file: File,
}

/// Why an entry can't be locked.
#[derive(Debug)]
pub enum NotLocked {
    /// Somebody works on it.
    Busy,
    /// Its file is not there, or not what it was.
    Broken(String),
    /// Its file can't be opened now, which says nothing about it: no descriptors, no memory, a disk that fails.
    Failed(Error),
}

impl Queue {
    /// The queue below `state` (`$XDG_STATE_HOME/pipepost`), made (0700) if it is not there.
    ///
    /// # Errors
    /// 73: it can't be made; 74: it is damaged; 75: it is locked for long; 78: others own it or may write there, or a newer
    /// version has made it.
    pub fn open(state: &Path) -> Result<Queue> {
        let dir = state.join("queue");
        disk::make_dirs(&dir).creating(dir.display())?;
        disk::must_be_private(&dir)?;
        Ok(Queue { db: Db::open(&state.join("queue.sqlite"), &rows::SCHEMA)?, dir })
    }

    /// The same, if there is one.
    ///
    /// # Errors
    /// As [`Queue::open`].
    pub fn existing(state: &Path) -> Result<Option<Queue>> {
        if state.join("queue.sqlite").exists() { Queue::open(state).map(Some) } else { Ok(None) }
    }

    /// The directory that it is in.
    #[must_use]
    pub fn state(&self) -> &Path {
        self.dir.parent().unwrap_or(&self.dir)
    }

    fn file(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    /// Takes an entry's lock; does not wait for whoever has it.
    fn lock(&self, id: &str) -> Result<Locked, NotLocked> {
        let broken = |why: String| NotLocked::Broken(format!("{}: {why}", self.file(id).display()));
        let file = disk::open(CWD, self.file(id)).map_err(|e| {
            let ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO, Errno::INTR, Errno::STALE];
            match e.raw_os_error() {
                Some(code) if ours.iter().any(|errno| errno.raw_os_error() == code) => {
                    NotLocked::Failed(Error::io(format!("{}: {}", self.file(id).display(), crate::error::words(&e))))
                }
                _ => broken(crate::error::words(&e)),
            }
        })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(NotLocked::Busy),
            Err(e) => return Err(broken(crate::error::words(&e.into()))),
        }
        let meta = file.metadata().map_err(|e| broken(crate::error::words(&e)))?;
        if meta.uid() != rustix::process::getuid().as_raw() {
            return Err(broken("belongs to another user".to_owned()));
        }
        Ok(Locked { file })
    }

    /// The message of an entry, to be read.
    ///
    /// # Errors
    /// 66: it can't be read.
    pub fn message(&self, id: &str) -> Result<File> {
        let path = self.file(id);
        disk::open(CWD, &path).opening(path.display())
    }

    /// Removes the file of an entry whose row has gone. What can't be removed is swept later.
    fn remove_file(&self, id: &str) {
        let _ = std::fs::remove_file(self.file(id));
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// Random bits.
pub(crate) fn random() -> Result<u64> {
    getrandom::u64().map_err(|e| Error::io(format!("no random numbers: {e}")))
}
