//! [`Draft`]: a message on its way into folders.

use super::{Account, FolderError, letters_in_use, uids};
use crate::error::Result;
use crate::message::flags::Flags;
use crate::store::maildir::{Incoming, Maildir, Sealed, Sub};
use rustix::fs::AtFlags;
use std::time::SystemTime;

/// A message that is being written, in a `tmp` (0600). Dropped without [`Draft::commit`] or
/// [`Draft::deliver`], it leaves nothing behind.
#[derive(Debug)]
pub struct Draft {
    pub(super) incoming: Incoming,
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
        Draft { incoming }
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

/// `date` is what the sealed file was given; links share it, so a target that wants another gets a copy.
fn deliver(sealed: &Sealed, target: &Target<'_>, date: Option<SystemTime>) -> Result<Stored, FolderError> {
    let (name, maildir) = target.account.find(target.folder)?;
    let same = target.internal_date == date;
    if same && sealed.can_link(&maildir) {
        return Ok(link(sealed, target, &name, &maildir)?);
    }
    let date = if same { sealed.date()? } else { target.internal_date.unwrap_or_else(SystemTime::now) };
    let copy = sealed.copy(&maildir, date)?;
    Ok(link(&copy, target, &name, &maildir)?)
}

fn link(sealed: &Sealed, target: &Target<'_>, folder: &str, maildir: &Maildir) -> Result<Stored> {
    let db = target.account.db();
    let letters = match target.flags.is_empty() {
        true => None,
        false => {
            let keywords = db.write(|t| {
                let row = uids::folder_or_new(t, folder, SystemTime::now())?;
                let mut keywords = uids::Keywords::load(t, row.validity)?;
                let words = target.flags.keywords().iter().map(String::as_str);
                keywords.extend(t, row.validity, words, || letters_in_use(maildir))?;
                Ok(keywords)
            })?;
            Some(target.flags.letters(|word| keywords.letter(word)))
        }
    };
    let sub = if letters.is_some() { Sub::Cur } else { Sub::New };
    let date = uids::seconds(sealed.date()?);
    let mut linked = None;
    // The name appears inside the transaction: no other session can give it a UID, or expunge it, before we have ours.
    let recorded = db.write(|t| {
        let file = linked.insert(sealed.link(maildir, letters.as_deref())?);
        let mut row = uids::folder_or_new(t, folder, SystemTime::now())?;
        let uid = uids::assign(t, &mut row, file, date, true)?.uid;
        uids::set_next(t, row)?;
        Ok(Stored { uid_validity: row.validity, uid })
    });
    let recorded = recorded.and_then(|stored| maildir.sync(sub).map(|()| stored));
    if recorded.is_err()
        && let (Some(file), Ok(dir)) = (linked, maildir.open(sub))
    {
        // The sender hears of a failure and will come again.
        let _ = rustix::fs::unlinkat(dir, file.as_slice(), AtFlags::empty());
    }
    recorded
}
