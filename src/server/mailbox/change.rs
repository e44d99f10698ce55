//! What a session changes in its selected folder: flags, expunges, copies.

use super::selected::{Copied, FlagChange, Mailbox};
use super::uids::{self, Keywords, Transaction};
use super::{FolderError, letters_in_use};
use crate::error::{Error, Local, Result};
use crate::message::flags::{FORWARDED, Flag, Flags};
use crate::store::db::Stop;
use crate::store::disk;
use crate::store::maildir::{self, Sub};
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

/// What became of a message whose flags were to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restored {
    /// The session knows its flags now.
    Known,
    /// Someone else has changed it.
    Modified,
    /// It has vanished.
    Gone,
}

impl Mailbox {
    /// Changes flags. Returns the indexes whose flags are now known, to be told by FETCH; what has vanished is left out.
    /// Another program's flags are kept: `Add` and `Remove` work on what the file's name says at that moment.
    ///
    /// # Errors
    /// 69 in a read-only mailbox, or when the folder has no room for another keyword; 74.
    pub fn store(&mut self, indexes: &[usize], change: FlagChange, flags: &Flags) -> Result<Vec<usize>> {
        self.writable()?;
        let known = self.ours(|mailbox| {
            if flags.keywords().iter().all(|k| k.eq_ignore_ascii_case(FORWARDED)) {
                return mailbox.restore_all(indexes, change, flags);
            }
            // Renamed inside the transaction, so that no other process gives the letter to another keyword meanwhile.
            let account = mailbox.account.clone();
            account.db().write(|t| {
                mailbox.spell(t, change, flags)?;
                Ok(mailbox.restore_all(indexes, change, flags)?)
            })
        })?;
        if self.tracking {
            self.record_flags()?;
        }
        Ok(known)
    }

    /// As [`Mailbox::store`], but for messages whose mod-sequence is higher than `since`, or that another program changes
    /// in this very moment: their indexes are the second part (RFC 7162 3.1.3).
    ///
    /// # Errors
    /// As [`Mailbox::store`].
    pub fn store_unchanged(
        &mut self,
        indexes: &[usize],
        since: i64,
        change: FlagChange,
        flags: &Flags,
    ) -> Result<(Vec<usize>, Vec<usize>)> {
        self.writable()?;
        if self.stale()? {
            self.look()?;
        }
        self.track_modseqs()?;
        let done = self.ours(|mailbox| {
            let account = mailbox.account.clone();
            account.db().write(|t| {
                mailbox.spell(t, change, flags)?;
                let (mut known, mut modified) = (Vec::new(), Vec::new());
                for &index in indexes {
                    let Some(uid) = mailbox.view.messages.get(index).map(|m| m.uid) else { continue };
                    let fresh = uids::recorded(t, mailbox.validity, uid)?.is_none_or(|(modseq, _)| modseq <= since);
                    match fresh {
                        true => match mailbox.restore(index, change, flags, true)? {
                            Restored::Known => known.push(index),
                            Restored::Modified => modified.push(index),
                            Restored::Gone => {}
                        },
                        false => modified.push(index),
                    }
                }
                Ok((known, modified))
            })
        })?;
        self.record_flags()?;
        Ok(done)
    }

    /// Sees to it that these keywords have letters, if they are to be set.
    fn spell(&mut self, t: &Transaction<'_>, change: FlagChange, flags: &Flags) -> Result<(), Stop> {
        let mut keywords = Keywords::load(t, self.validity)?;
        if change != FlagChange::Remove {
            let words = flags.keywords().iter().map(String::as_str);
            keywords.extend(t, self.validity, words, || letters_in_use(&self.maildir))?;
        }
        self.adopt(keywords);
        Ok(())
    }

    fn restore_all(&mut self, indexes: &[usize], change: FlagChange, flags: &Flags) -> Result<Vec<usize>> {
        let mut known = Vec::with_capacity(indexes.len());
        for &index in indexes {
            if self.restore(index, change, flags, false)? == Restored::Known {
                known.push(index);
            }
        }
        Ok(known)
    }

    /// One message's flags. `unless_changed`: they are left alone if they are not those that the session knows.
    fn restore(&mut self, index: usize, change: FlagChange, flags: &Flags, unless_changed: bool) -> Result<Restored> {
        loop {
            let Some(file) = self.view.files.get(index).filter(|f| !f.gone) else { return Ok(Restored::Gone) };
            let (sub, name) = (file.sub, file.name.clone());
            let word = |letter| self.keywords.word(letter);
            let mut now = Flags::from_letters(maildir::letters(&name), word);
            match change {
                FlagChange::Set => now = flags.clone(),
                FlagChange::Add => now.include(flags),
                FlagChange::Remove => now.exclude(flags),
            }
            // Letters that mean nothing to us mean something to somebody.
            let mut letters = now.letters(|word| self.keywords.letter(word));
            let foreign = |l: &&u8| Flags::from_letters(&[**l], word).is_empty();
            letters.extend(maildir::letters(&name).iter().filter(foreign));
            letters.sort_unstable();
            letters.dedup();
            let renamed = maildir::with_letters(maildir::base(&name), &letters);
            if *renamed == *name && sub == Sub::Cur {
                return Ok(Restored::Known);
            }
            let at = |sub: Sub| self.maildir.open(sub).local(self.maildir.sub(sub).display());
            match disk::rename(at(sub)?, &*name, at(Sub::Cur)?, renamed.as_slice()) {
                Ok(()) => {
                    self.found(index, Sub::Cur, &renamed, true);
                    return Ok(Restored::Known);
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    if !self.follow(index)? {
                        return Ok(Restored::Gone);
                    }
                    if unless_changed {
                        return Ok(Restored::Modified);
                    }
                }
                // A second file with the same base name carries these flags: from now on that one is the message.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                    self.found(index, Sub::Cur, &renamed, true);
                    return Ok(Restored::Known);
                }
                Err(e) => return Err(e).local(self.maildir.sub(Sub::Cur).display()),
            }
        }
    }

    /// Finds a file that was renamed by someone else; `false` if it is gone.
    fn follow(&mut self, index: usize) -> Result<bool> {
        let Some((sub, name)) = self.view.files.get(index).map(|f| (f.sub, f.name.clone())) else { return Ok(false) };
        match self.find_again(sub, &name)? {
            Some((sub, name)) => {
                self.found(index, sub, &name, false);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Removes the messages that carry `\Deleted` (of those whose UID `uids` accepts), syncs the directory; the next
    /// [`Mailbox::sync`] reports them.
    ///
    /// # Errors
    /// 69 in a read-only mailbox, 74.
    pub fn expunge(&mut self, uids: Option<&dyn Fn(u32) -> bool>) -> Result<()> {
        let chosen = |uid: u32| uids.is_none_or(|accepts| accepts(uid));
        let indexes: Vec<usize> = (0..)
            .zip(&self.view.messages)
            .filter(|(_, m)| m.flags.has(Flag::Deleted) && chosen(m.uid))
            .map(|(i, _)| i)
            .collect();
        self.unlink(&indexes, |flags| flags.has(Flag::Deleted))
    }

    /// Removes exactly these messages, whatever their flags (POP3's QUIT), and syncs the directory.
    ///
    /// # Errors
    /// As [`Mailbox::expunge`].
    pub fn remove(&mut self, uids: &[u32]) -> Result<()> {
        let find = |uid: &u32| self.view.messages.binary_search_by_key(uid, |m| m.uid).ok();
        let indexes: BTreeSet<usize> = uids.iter().filter_map(find).collect();
        self.unlink(&indexes.into_iter().collect::<Vec<_>>(), |_| true)
    }

    fn unlink(&mut self, indexes: &[usize], still: impl Fn(&Flags) -> bool) -> Result<()> {
        self.writable()?;
        if indexes.is_empty() {
            return Ok(());
        }
        self.ours(|mailbox| {
            let mut removed = Vec::new();
            let mut failed = Ok(());
            for &index in indexes {
                match mailbox.unlink_one(index, &still) {
                    Ok(uid) => removed.extend(uid),
                    Err(e) => failed = Err(e),
                }
            }
            for sub in [Sub::New, Sub::Cur] {
                mailbox.maildir.sync(sub)?;
            }
            let (before, after) = mailbox.account.db().write(|t| {
                let mut folder = uids::still(t, mailbox.validity, &mailbox.name)?;
                let before = folder.modseq;
                uids::forget(t, &mut folder, removed.iter().copied())?;
                uids::set_next(t, folder)?;
                Ok((before, folder.modseq))
            })?;
            mailbox.advance(before, after);
            mailbox.account.forget_read(mailbox.validity, removed);
            failed
        })
    }

    /// Removes one file; its UID, if it is gone now.
    fn unlink_one(&mut self, index: usize, still: impl Fn(&Flags) -> bool) -> Result<Option<u32>> {
        loop {
            let (Some(file), Some(message)) = (self.view.files.get(index), self.view.messages.get(index)) else {
                return Ok(None);
            };
            if file.gone || !still(&message.flags) {
                return Ok(None);
            }
            let uid = message.uid;
            let path = self.maildir.sub(file.sub);
            let dir = self.maildir.open(file.sub).local(path.display())?;
            match rustix::fs::unlinkat(dir, &*file.name, AtFlags::empty()) {
                Ok(()) => {}
                // The new name may say that it is not to be deleted any more.
                Err(Errno::NOENT) if self.follow(index)? => continue,
                Err(Errno::NOENT) => {}
                Err(e) => return Err(e).local(path.display()),
            }
            if let Some(file) = Arc::make_mut(&mut self.view).files.get_mut(index) {
                file.gone = true;
            }
            return Ok(Some(uid));
        }
    }

    /// Copies messages into a folder, with their flags and dates, as recent ones; hard links where that is possible. All
    /// or none, except that a crash in between may leave some.
    ///
    /// # Errors
    /// [`FolderError::NotFound`] for the target; [`FolderError::Cannot`] if one of the messages has vanished; the disk's.
    pub fn copy(&self, indexes: &[usize], to: &str) -> Result<Copied, FolderError> {
        let (target, maildir) = self.account.find(to)?;
        let mut wanted: BTreeSet<&str> = BTreeSet::new();
        for message in indexes.iter().filter_map(|i| self.view.messages.get(*i)) {
            wanted.extend(message.flags.keywords().iter().map(String::as_str));
        }
        let (row, keywords) = self.account.db().write(|t| {
            let row = uids::folder_or_new(t, &target, SystemTime::now())?;
            let mut keywords = Keywords::load(t, row.validity)?;
            keywords.extend(t, row.validity, wanted.into_iter(), || letters_in_use(&maildir))?;
            Ok((row, keywords))
        })?;
        let mut names: Vec<Vec<u8>> = Vec::with_capacity(indexes.len());
        let copied = self.link_all(indexes, &maildir, &keywords, &mut names).and_then(|source| {
            maildir.sync(Sub::Cur)?;
            let target = self.account.db().write(|t| {
                let mut folder = uids::still(t, row.validity, &target)?;
                let mut uids = Vec::with_capacity(names.len());
                for (name, (_, date)) in names.iter().zip(&source) {
                    let base = maildir::base(name);
                    uids.push(match uids::uid_of(t, folder.validity, base)? {
                        Some(uid) => uid,
                        None => uids::assign(t, &mut folder, name, uids::seconds(*date), true)?.uid,
                    });
                }
                uids::set_next(t, folder)?;
                Ok(uids)
            })?;
            Ok(Copied { uid_validity: row.validity, source: source.into_iter().map(|(uid, _)| uid).collect(), target })
        });
        match copied {
            Ok(copied) => Ok(copied),
            Err(e) => {
                if let Ok(dir) = maildir.open(Sub::Cur) {
                    for name in &names {
                        let _ = rustix::fs::unlinkat(&dir, name.as_slice(), AtFlags::empty());
                    }
                }
                if e == maildir::vanished() {
                    return Err(FolderError::Cannot("some of the messages no longer exist"));
                }
                Err(e.into())
            }
        }
    }

    /// Links each message into `cur` of the target; `names` has what was made, also after an error. Returns UIDs and dates.
    fn link_all(
        &self,
        indexes: &[usize],
        to: &maildir::Maildir,
        keywords: &Keywords,
        names: &mut Vec<Vec<u8>>,
    ) -> Result<Vec<(u32, SystemTime)>> {
        let open = |sub: Sub| self.maildir.open(sub).local(self.maildir.sub(sub).display());
        let (new, cur) = (open(Sub::New)?, open(Sub::Cur)?);
        let mut source = Vec::with_capacity(indexes.len());
        for &index in indexes {
            let (Some(file), Some(message)) = (self.view.files.get(index), self.view.messages.get(index)) else {
                return Err(maildir::vanished());
            };
            if file.gone {
                return Err(maildir::vanished());
            }
            let (size, wire) = maildir::sizes(&file.name);
            let letters = message.flags.letters(|word| keywords.letter(word));
            let name = maildir::with_letters(maildir::fresh_base(size, wire)?.as_bytes(), &letters);
            let (mut sub, mut old) = (file.sub, file.name.clone());
            loop {
                let dir = if sub == Sub::New { &new } else { &cur };
                match maildir::link_or_copy(dir, &old, to, Sub::Cur, &name) {
                    Ok(()) => break,
                    Err(e) if e == maildir::vanished() => {
                        (sub, old) = self.find_again(sub, &old)?.ok_or_else(maildir::vanished)?;
                    }
                    Err(e) => return Err(e),
                }
            }
            names.push(name);
            source.push((message.uid, message.internal_date));
        }
        Ok(source)
    }

    fn writable(&self) -> Result<()> {
        if self.read_only() { Err(Error::refused("the mailbox is read-only")) } else { Ok(()) }
    }
}
