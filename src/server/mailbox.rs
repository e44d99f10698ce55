//! Mailboxes: a Maildir++ tree with persistent UIDs.
//!
//! *The Maildir is the truth.* mutt, `cp`, `rm` and other processes of ours may change it at any time: a file that has
//! gone is an expunge, a file that is new gets the next UID (in the order of modification time and name), a file that
//! was renamed keeps its UID, because the name up to `:2,` is its key. SQLite (`pipepost.sqlite` in the root) keeps what
//! files can't say: UIDs, which never decrease and are never used twice, UIDVALIDITYs, which only grow, and what the
//! keyword letters mean. UIDs are given in one `BEGIN IMMEDIATE` transaction, on stable storage before anyone hears of
//! them. No lock is held while a directory is read or a peer is slow.
//!
//! Left out: quotas and access rights. Flags are renames that are not synced: a power failure may lose the
//! last `\Seen`, never a message.

mod cache;
mod change;
#[cfg(test)]
mod crash;
mod deliver;
mod draft;
mod folders;
mod known;
mod look;
mod modseq;
mod name;
mod picture;
#[cfg(test)]
mod pictures;
#[cfg(test)]
mod reading;
mod selected;
mod special;
mod stamp;
#[cfg(test)]
mod tests;
mod uids;
mod view;

pub use cache::Read;
pub use draft::{Draft, Part, Stored, Target, commit_all};
pub use name::place;
pub use selected::{Changes, Copied, FlagChange, Mailbox};
pub use view::Message;

use crate::error::{Error, Local, Result};
use crate::store::db::Db;
use crate::store::disk;
use crate::store::maildir::{Maildir, Sub};
use name::INBOX;
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// One user's tree. Cheap to clone; all that a process opens for one root share one SQLite connection.
#[derive(Clone, Debug)]
pub struct Account {
    tree: Arc<Tree>,
}

#[derive(Debug)]
struct Tree {
    inbox: Maildir,
    db: Db,
    arrivals: deliver::SharedSync,
    /// Opened when it is needed; `None` if that could not be.
    cache: OnceLock<Option<Db>>,
}

/// A folder, as LIST shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// UTF-8, `/` separates the levels.
    pub name: String,
    /// `false`: it is there only because folders below it are.
    pub selectable: bool,
    /// Whether there are folders below it.
    pub has_children: bool,
    /// Whether the user has subscribed to it.
    pub subscribed: bool,
    /// What it is for: `\Drafts`, `\Sent`, ... (RFC 6154).
    pub special_use: Option<&'static str>,
}

/// Why something could not be done with a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderError {
    /// There is no such folder (IMAP: NO \[TRYCREATE\] where that fits).
    NotFound,
    /// There is one already.
    AlreadyExists,
    /// This can't be done with it, and why.
    Cannot(&'static str),
    /// The disk or the database.
    Other(Error),
}

impl From<Error> for FolderError {
    fn from(e: Error) -> FolderError {
        FolderError::Other(e)
    }
}

impl std::fmt::Display for FolderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FolderError::NotFound => f.write_str("no such folder"),
            FolderError::AlreadyExists => f.write_str("the folder exists already"),
            FolderError::Cannot(why) => f.write_str(why),
            FolderError::Other(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for FolderError {}

/// What STATUS tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How many messages there are.
    pub messages: u32,
    /// How many of them no session has claimed as recent.
    pub recent: u32,
    /// How many lack `\Seen`.
    pub unseen: u32,
    /// The UID that the next message gets, or a lower bound of it.
    pub uid_next: u32,
    /// The folder's UIDVALIDITY.
    pub uid_validity: u32,
    /// The highest mod-sequence (RFC 7162).
    pub modseq: i64,
    /// The bytes of all messages, with CRLF line ends; 0 if nobody has asked.
    pub size: u64,
}

/// While it lives, no other session, here or in another process, has the maildrop (RFC 1939 8). It dies with the process.
#[derive(Debug)]
pub struct MaildropLock {
    _file: File,
}

impl Account {
    /// Opens the tree at `root`; makes it (0700) if it is not there, with a folder for each special use. INBOX is the root
    /// itself.
    ///
    /// # Errors
    /// 73 when it can't be made, 74 when its database is damaged, 75 when that is locked for long.
    pub fn open(root: &Path) -> Result<Account> {
        static OPEN: Mutex<Option<HashMap<PathBuf, Weak<Tree>>>> = Mutex::new(None);
        if !Account::exists(root) {
            special::make(root)?;
        }
        let inbox = Maildir::make(root)?;
        let key = std::fs::canonicalize(root).local(root.display())?;
        let known = |all: &HashMap<PathBuf, Weak<Tree>>| all.get(&key).and_then(Weak::upgrade);
        if let Some(tree) = known(OPEN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default()) {
            return Ok(Account { tree });
        }
        // Opened without the lock: a database that is stuck keeps nobody from the other trees.
        let db = Db::open(&root.join("pipepost.sqlite"), &uids::SCHEMA)?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let all = open.get_or_insert_default();
        if let Some(tree) = known(all) {
            return Ok(Account { tree });
        }
        let tree = Arc::new(Tree { inbox, db, arrivals: deliver::SharedSync::default(), cache: OnceLock::new() });
        all.retain(|_, tree| tree.strong_count() > 0);
        all.insert(key.clone(), Arc::downgrade(&tree));
        drop(open);
        let account = Account { tree };
        // All our writing begins in INBOX's tmp.
        account.tree.inbox.sweep();
        Ok(account)
    }

    /// Whether there is a tree at `root`.
    #[must_use]
    pub fn exists(root: &Path) -> bool {
        Maildir::at(root).exists()
    }

    /// Takes the maildrop for one POP3 session; `None` if another has it.
    ///
    /// # Errors
    /// 74.
    pub fn lock_maildrop(&self) -> Result<Option<MaildropLock>> {
        let path = self.root().join("pipepost-pop3.lock");
        let file = disk::open_or_create(&path).local(path.display())?;
        match file.try_lock() {
            Ok(()) => Ok(Some(MaildropLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e).local(path.display()),
        }
    }

    /// Begins a message, in INBOX's `tmp`.
    ///
    /// # Errors
    /// 73.
    pub fn draft(&self) -> Result<Draft> {
        Ok(Draft::new(self.tree.inbox.begin()?))
    }

    /// Selects a folder. Read-write takes the messages in `new/` to `cur/`; they, and those that were put into `cur/` by
    /// COPY or APPEND, are recent for this session alone.
    ///
    /// # Errors
    /// [`FolderError::NotFound`], or the disk's and the database's.
    pub fn select(&self, name: &str, read_only: bool) -> Result<Mailbox, FolderError> {
        let (name, maildir) = self.find(name)?;
        // Other programs make folders without `new` or `tmp`.
        Maildir::make(maildir.path())?;
        Ok(Mailbox::open(self.clone(), name, maildir, read_only)?)
    }

    /// Counts a folder's messages without claiming any as recent; with `size` their bytes too, for which messages that
    /// came from elsewhere may have to be read, once.
    ///
    /// # Errors
    /// As [`Account::select`].
    pub fn status(&self, name: &str, size: bool) -> Result<Status, FolderError> {
        let mut mailbox = self.select(name, true)?;
        let size = if size { mailbox.total_size()? } else { 0 };
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let messages = mailbox.messages();
        Ok(Status {
            messages: count(messages.len()),
            recent: count(mailbox.recent()),
            unseen: count(messages.iter().filter(|m| !m.flags.has(crate::message::flags::Flag::Seen)).count()),
            uid_next: mailbox.uid_next(),
            uid_validity: mailbox.uid_validity(),
            modseq: mailbox.highest_modseq(),
            size,
        })
    }

    pub(super) fn root(&self) -> &Path {
        self.tree.inbox.path()
    }

    fn db(&self) -> &Db {
        &self.tree.db
    }

    /// The folder's name as we spell it, and its place on disk.
    fn find(&self, name: &str) -> Result<(String, Maildir), FolderError> {
        let name = name::canonical(name).ok_or(FolderError::NotFound)?;
        if name == INBOX {
            return Ok((name, self.tree.inbox.clone()));
        }
        if let Ok(dir) = name::directory(&name) {
            let path = self.root().join(dir);
            if is_folder(&path) {
                return Ok((name, Maildir::at(path)));
            }
        }
        let other = self.directories()?.into_iter().find(|d| d.name == name).ok_or(FolderError::NotFound)?;
        Ok((name, Maildir::at(other.path)))
    }
}

/// Whether a directory of the root is a folder: a real directory with a real `cur` in it.
fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|m| m.is_dir()) && Maildir::at(path).exists()
}

/// The letters that the names in `cur` carry.
fn letters_in_use(maildir: &Maildir) -> Result<Vec<u8>> {
    let mut used = [false; 256];
    maildir.list(Sub::Cur, |name| {
        for letter in crate::store::maildir::letters(name) {
            if let Some(flag) = used.get_mut(usize::from(*letter)) {
                *flag = true;
            }
        }
    })?;
    Ok((0..=u8::MAX).filter(|l| used.get(usize::from(*l)) == Some(&true)).collect())
}
