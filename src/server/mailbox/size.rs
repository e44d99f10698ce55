//! Sizes with CRLF line ends.

use super::selected::Mailbox;
use crate::error::{Local, Result};
use crate::store::maildir::{self, Sub};
use rustix::fs::AtFlags;
use std::os::fd::OwnedFd;

impl Mailbox {
    /// A message's size with CRLF line ends; `None` if it has vanished. Taken from the `W=` in its name, if the `S=`
    /// there is the file's size; else counted, once, and remembered.
    ///
    /// # Errors
    /// As [`Mailbox::file`].
    pub fn wire_size(&mut self, index: usize) -> Result<Option<u64>> {
        let Some(sub) = self.view.files.get(index).map(|f| f.sub) else { return Ok(None) };
        let dir = self.maildir.open(sub).local(self.maildir.sub(sub).display())?;
        match self.told_size(index, &dir) {
            Some(wire) => Ok(Some(wire)),
            None => self.counted_size(index),
        }
    }

    /// The size of all messages.
    ///
    /// # Errors
    /// As [`Mailbox::wire_size`].
    pub fn total_size(&mut self) -> Result<u64> {
        let open = |sub: Sub| self.maildir.open(sub).local(self.maildir.sub(sub).display());
        let (new, cur) = (open(Sub::New)?, open(Sub::Cur)?);
        let mut total = 0u64;
        for index in 0..self.view.files.len() {
            let in_new = self.view.files.get(index).is_some_and(|f| f.sub == Sub::New);
            let size = match self.told_size(index, if in_new { &new } else { &cur }) {
                Some(wire) => Some(wire),
                None => self.counted_size(index)?,
            };
            total = total.saturating_add(size.unwrap_or(0));
        }
        Ok(total)
    }

    /// What the file's name says, if it can be believed.
    fn told_size(&self, index: usize, dir: &OwnedFd) -> Option<u64> {
        let entry = self.view.files.get(index)?;
        let (Some(told), Some(wire)) = maildir::sizes(&entry.name) else { return None };
        let stat = rustix::fs::statat(dir, &*entry.name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        (u64::try_from(stat.st_size).ok() == Some(told)).then_some(wire)
    }

    fn counted_size(&mut self, index: usize) -> Result<Option<u64>> {
        let Some(file) = self.file(index)? else { return Ok(None) };
        let Some(uid) = self.view.messages.get(index).map(|m| m.uid) else { return Ok(None) };
        let size = file.metadata().local(&self.name)?.len();
        if let Some(wire) = self.sizes.wire(uid, size) {
            return Ok(Some(wire));
        }
        let wire = crate::text::wire_size(&mut crate::body::FileBody::new(file, self.name.as_str()))?;
        self.sizes.counted(uid, size, wire);
        Ok(Some(wire))
    }
}
