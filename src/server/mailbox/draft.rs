//! [`Draft`]: a message on its way into folders.

use super::{Account, FolderError, letters_in_use, uids};
use crate::error::{Error, Local, Result};
use crate::message::flags::Flags;
use crate::store::maildir::{Incoming, Maildir, Sealed, Sub};
use rustix::fs::AtFlags;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::time::SystemTime;

/// A message that is being written, in a `tmp` (0600). Dropped without [`Draft::commit`] or
/// [`Draft::deliver`], it leaves nothing behind.
#[derive(Debug)]
pub struct Draft {
    pub(super) incoming: Incoming,
    own: u64,
}

/// Where a draft goes.
#[derive(Debug)]
pub struct Target<'a> {
    /// Whose tree.
    pub account: &'a Account,
    /// Which folder of it.
    pub folder: &'a str,
    /// The flags it gets. With flags it lies in `cur/`, without in `new/`; it is recent either way.
    pub flags: Flags,
    /// Its internal date (the file's modification time); now, if there is none.
    pub internal_date: Option<SystemTime>,
}

/// One of several messages for a folder.
#[derive(Debug)]
pub struct Part {
    /// The message.
    pub draft: Draft,
    /// See [`Target::flags`].
    pub flags: Flags,
    /// See [`Target::internal_date`].
    pub internal_date: Option<SystemTime>,
}

/// What APPENDUID tells (RFC 4315).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The folder's UIDVALIDITY.
    pub uid_validity: u32,
    /// The message's UID.
    pub uid: u32,
}

impl Draft {
    pub(super) fn new(incoming: Incoming) -> Draft {
        Draft { incoming, own: 0 }
    }

    /// What only mailboxes get of a message, as Return-Path (RFC 5321 4.4). Before anything else.
    ///
    /// # Errors
    /// 74: the disk is full, or fails.
    pub fn write_own(&mut self, file_form: &[u8]) -> Result<()> {
        self.own = self.own.saturating_add(file_form.len() as u64);
        self.incoming.write(file_form)
    }

    /// The message as it goes on to another server: without what [`Draft::write_own`] has written.
    ///
    /// # Errors
    /// 74: the disk is full, or fails.
    pub fn onward(&mut self) -> Result<File> {
        let mut file = self.incoming.read()?;
        file.seek(SeekFrom::Start(self.own)).local("a message on its way in")?;
        Ok(file)
    }

    /// The next bytes, in file form (lines end with LF).
    ///
    /// # Errors
    /// 74: the disk is full, or fails.
    pub fn write(&mut self, file_form: &[u8]) -> Result<()> {
        self.incoming.write(file_form)
    }

    /// How many bytes were written, and how many they are on the wire.
    #[must_use]
    pub fn count(&self) -> crate::text::WireCount {
        self.incoming.count()
    }

    /// Syncs the message, gives it a name in every target (hard links where that is possible), syncs each directory,
    /// and records the UIDs: `Ok` means that it is on stable storage. A target that fails holds nothing of it, and does
    /// not stop the others.
    pub fn commit(self, to: &[Target<'_>]) -> Vec<Result<Stored, FolderError>> {
        let date = to.first().and_then(|t| t.internal_date);
        match self.incoming.seal(date) {
            Ok(sealed) => to.iter().map(|target| deliver(&sealed, target, date)).collect(),
            Err(e) => to.iter().map(|_| Err(e.clone().into())).collect(),
        }
    }
}

/// Puts several messages into one folder: all of them, in their order, or none (MULTIAPPEND, RFC 3502). A crash may leave
/// some, of which nobody was told.
///
/// # Errors
/// As [`Draft::commit`].
pub fn commit_all(account: &Account, folder: &str, drafts: Vec<Part>) -> Result<Vec<Stored>, FolderError> {
    let (name, maildir) = account.find(folder)?;
    let mut sealed = Vec::with_capacity(drafts.len());
    for Part { draft, flags, internal_date } in drafts {
        let whole = draft.incoming.seal(internal_date)?;
        let whole = if whole.can_link(&maildir) { whole } else { whole.copy(&maildir, whole.date()?)? };
        sealed.push((whole, flags));
    }
    let messages: Vec<(&Sealed, &Flags)> = sealed.iter().map(|(sealed, flags)| (sealed, flags)).collect();
    Ok(link(&messages, account, &name, &maildir)?)
}

/// `date` is what the sealed file was given; links share it, so a target that wants another gets a copy.
fn deliver(sealed: &Sealed, target: &Target<'_>, date: Option<SystemTime>) -> Result<Stored, FolderError> {
    let (name, maildir) = target.account.find(target.folder)?;
    let same = target.internal_date == date;
    let copy;
    let sealed = if same && sealed.can_link(&maildir) {
        sealed
    } else {
        let date = if same { sealed.date()? } else { target.internal_date.unwrap_or_else(SystemTime::now) };
        copy = sealed.copy(&maildir, date)?;
        &copy
    };
    let stored = link(&[(sealed, &target.flags)], target.account, &name, &maildir)?.pop();
    Ok(stored.ok_or_else(|| Error::internal("the message went nowhere"))?)
}

/// Names and UIDs for messages of one folder, all or none.
fn link(messages: &[(&Sealed, &Flags)], account: &Account, folder: &str, maildir: &Maildir) -> Result<Vec<Stored>> {
    let db = account.db();
    let mut keywords = uids::Keywords::default();
    if messages.iter().any(|(_, flags)| !flags.is_empty()) {
        keywords = db.write(|t| {
            let row = uids::folder_or_new(t, folder, SystemTime::now())?;
            let mut keywords = uids::Keywords::load(t, row.validity)?;
            for (_, flags) in messages {
                let words = flags.keywords().iter().map(String::as_str);
                keywords.extend(t, row.validity, words, || letters_in_use(maildir))?;
            }
            Ok(keywords)
        })?;
    }
    let mut linked: Vec<(Sub, Vec<u8>)> = Vec::with_capacity(messages.len());
    // The names appear inside the transaction: no other session can give them UIDs, or expunge them, before we have ours.
    let recorded = db.write(|t| {
        let mut row = uids::folder_or_new(t, folder, SystemTime::now())?;
        let mut stored = Vec::with_capacity(messages.len());
        for (sealed, flags) in messages {
            let letters = (!flags.is_empty()).then(|| flags.letters(|word| keywords.letter(word)));
            let sub = if letters.is_some() { Sub::Cur } else { Sub::New };
            let file = sealed.link(maildir, letters.as_deref())?;
            linked.push((sub, file.clone()));
            let uid = uids::assign(t, &mut row, &file, uids::seconds(sealed.date()?), true)?.uid;
            stored.push(Stored { uid_validity: row.validity, uid });
        }
        uids::set_next(t, row)?;
        Ok(stored)
    });
    let recorded = recorded.and_then(|stored| {
        for sub in [Sub::New, Sub::Cur] {
            if linked.iter().any(|(s, _)| *s == sub) {
                maildir.sync(sub)?;
            }
        }
        Ok(stored)
    });
    if recorded.is_err() {
        // The sender hears of a failure and will come again.
        for (sub, file) in &linked {
            let _ = maildir.open(*sub).map(|dir| rustix::fs::unlinkat(dir, file.as_slice(), AtFlags::empty()));
        }
    }
    recorded
}
