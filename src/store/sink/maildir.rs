//! `maildir:DIR`: flags as letters, the modification time is the internal date. Keywords are left out, because a Maildir
//! has no place that says what their letters mean (but `$Forwarded`, which is `P`).

use super::{About, Receipt, Sink};
use crate::error::Result;
use crate::store::maildir::{Incoming, Maildir, Sealed, Sub};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// So many messages wait under temporary names, each with its open files, before they get their names.
const WAITING: usize = 64;

/// `maildir:DIR`.
pub(super) struct MaildirSink {
    maildir: Maildir,
    current: Option<(Incoming, About)>,
    sealed: Vec<(Sealed, About)>,
    named: Vec<Receipt>,
}

impl MaildirSink {
    pub(super) fn open(path: &Path) -> Result<MaildirSink> {
        let maildir = Maildir::make(path)?;
        maildir.sweep();
        Ok(MaildirSink { maildir, current: None, sealed: Vec::new(), named: Vec::new() })
    }

    fn name_all(&mut self) -> Result<()> {
        for (sealed, about) in self.sealed.drain(..) {
            let letters = about.flags.letters(|_| None);
            let (sub, letters) = if letters.is_empty() { (Sub::New, None) } else { (Sub::Cur, Some(letters)) };
            let name = sealed.link(&self.maildir, letters.as_deref())?;
            let place = self.maildir.sub(sub).join(std::ffi::OsStr::from_bytes(&name));
            self.named.push(Receipt { reference: about.reference, places: vec![place.display().to_string()] });
        }
        Ok(())
    }
}

impl Sink for MaildirSink {
    fn begin(&mut self, about: &About) -> Result<()> {
        self.current = Some((self.maildir.begin()?, about.clone()));
        Ok(())
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        self.current.as_mut().map_or(Ok(()), |(incoming, _)| incoming.write(file_form))
    }

    fn end(&mut self) -> Result<()> {
        if let Some((incoming, about)) = self.current.take() {
            self.sealed.push((incoming.seal(about.date)?, about));
        }
        if self.sealed.len() >= WAITING { self.name_all() } else { Ok(()) }
    }

    fn abort(&mut self) -> Result<()> {
        self.current = None;
        Ok(())
    }

    fn commit(&mut self) -> Result<Vec<Receipt>> {
        let named = self.name_all();
        let receipts = std::mem::take(&mut self.named);
        named?;
        if !receipts.is_empty() {
            self.maildir.sync(Sub::New)?;
            self.maildir.sync(Sub::Cur)?;
        }
        Ok(receipts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{about, push};
    use super::*;

    #[test]
    fn letters_dates_and_many() {
        let t = tempfile::tempdir().unwrap();
        let mut sink = MaildirSink::open(&t.path().join("a/b")).unwrap();
        for i in 0..(WAITING + 3) {
            let flags = if i == 0 { "\\Seen $Forwarded other" } else { "" };
            push(&mut sink, &About { flags: flags.parse().unwrap(), ..about(&i.to_string()) }, "x\n");
        }
        sink.begin(&about("never")).unwrap();
        sink.write(b"x").unwrap();
        sink.abort().unwrap();
        let receipts = sink.commit().unwrap();
        assert_eq!(receipts.len(), WAITING + 3);
        for (i, receipt) in receipts.iter().enumerate() {
            assert_eq!(receipt.reference, i.to_string());
            let place = &receipt.places[0];
            assert_eq!(Some(Path::new(place).metadata().unwrap().modified().unwrap()), about("").date);
            assert_eq!(place.ends_with(",S=2,W=3:2,PS") && place.contains("/cur/"), i == 0, "{place}");
        }
        assert_eq!(std::fs::read_dir(t.path().join("a/b/tmp")).unwrap().count(), 0);
    }
}
