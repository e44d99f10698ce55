//! `maildir:DIR`: flags as letters, the modification time is the internal date. Keywords are left out, because a Maildir
//! has no place that says what their letters mean (but `$Forwarded`, which is `P`).

use super::{About, BATCH, Receipt, Sink};
use crate::error::{Local, Result};
use crate::store::disk;
use crate::store::maildir::{Incoming, Maildir, Sealed, Sub, base, sync_all};
use rustix::fs::AtFlags;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `maildir:DIR`.
pub(super) struct MaildirSink {
    maildir: Maildir,
    /// `tmp`, open for the messages of one commit.
    tmp: Option<Arc<OwnedFd>>,
    current: Option<(Incoming, About)>,
    sealed: Vec<Waiting>,
    named: Vec<Named>,
    /// What is there, by what stays the same when a mail reader takes it: for plans of a killed program.
    there: Option<HashMap<Vec<u8>, PathBuf>>,
}

/// A message that has its place, and is not there yet.
struct Waiting {
    sealed: Sealed,
    reference: String,
    sub: Sub,
    name: Vec<u8>,
}

struct Named {
    reference: String,
    sub: Sub,
    name: Vec<u8>,
}

/// What a plan begins with.
const SCHEME: &[u8] = b"maildir:";

impl MaildirSink {
    pub(super) fn open(path: &Path) -> Result<MaildirSink> {
        let maildir = Maildir::make(path)?;
        maildir.sweep();
        Ok(MaildirSink { maildir, tmp: None, current: None, sealed: Vec::new(), named: Vec::new(), there: None })
    }

    fn name_all(&mut self) -> Result<()> {
        sync_all(&self.sealed.iter().map(|waiting| &waiting.sealed).collect::<Vec<_>>())?;
        let mut dirs = HashMap::new();
        for Waiting { sealed, reference, sub, name } in self.sealed.drain(..) {
            let dir = match dirs.entry(sub) {
                Entry::Occupied(open) => open.into_mut(),
                Entry::Vacant(none) => none.insert(self.maildir.open(sub).creating(self.maildir.sub(sub).display())?),
            };
            sealed.link_at(&self.maildir, sub, dir, &name)?;
            self.named.push(Named { reference, sub, name });
        }
        Ok(())
    }

    fn place(&self, sub: Sub, name: &[u8]) -> PathBuf {
        self.maildir.sub(sub).join(OsStr::from_bytes(name))
    }

    /// The directory as plans name it.
    fn prefix(&self) -> Vec<u8> {
        let path = std::path::absolute(self.maildir.path()).unwrap_or_else(|_| self.maildir.path().to_owned());
        [SCHEME, path.as_os_str().as_bytes(), b"\0"].concat()
    }

    /// Syncs what was named; names of which nobody knows whether they stay are taken back.
    fn sync(&self) -> Result<()> {
        let synced = self.maildir.sync(Sub::New).and_then(|()| self.maildir.sync(Sub::Cur));
        if synced.is_err() {
            for named in &self.named {
                if let Ok(dir) = self.maildir.open(named.sub) {
                    let _ = rustix::fs::unlinkat(dir, named.name.as_slice(), AtFlags::empty());
                }
            }
        }
        synced
    }
}

impl Sink for MaildirSink {
    fn begin(&mut self, about: &About) -> Result<()> {
        let path = self.maildir.path().join("tmp");
        let tmp = match &self.tmp {
            Some(tmp) => Arc::clone(tmp),
            None => Arc::new(disk::open_dir(&path).creating(path.display())?),
        };
        self.tmp = Some(Arc::clone(&tmp));
        self.current = Some((Incoming::begin_at(tmp, &path, "")?, about.clone()));
        Ok(())
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        self.current.as_mut().map_or(Ok(()), |(incoming, _)| incoming.write(file_form))
    }

    fn end(&mut self) -> Result<()> {
        if let Some((incoming, about)) = self.current.take() {
            let sealed = incoming.end(about.date)?;
            let letters = about.flags.letters(|_| None);
            let (sub, name) = sealed.fresh_name((!letters.is_empty()).then_some(letters.as_slice()))?;
            self.sealed.push(Waiting { sealed, reference: about.reference, sub, name });
        }
        if self.sealed.len() > BATCH { self.name_all() } else { Ok(()) }
    }

    fn abort(&mut self) -> Result<()> {
        self.current = None;
        Ok(())
    }

    fn retract(&mut self) {
        self.sealed.pop();
    }

    fn plan(&mut self) -> Result<Vec<Vec<u8>>> {
        let prefix = self.prefix();
        let names = self.named.iter().map(|n| &n.name).chain(self.sealed.iter().map(|w| &w.name));
        Ok(names.map(|name| [&prefix, base(name)].concat()).collect())
    }

    fn look(&mut self, plan: &[u8]) -> Result<Option<String>> {
        let Some(name) = plan.strip_prefix(self.prefix().as_slice()) else { return Ok(None) };
        if self.there.is_none() {
            let mut there = HashMap::new();
            for sub in [Sub::New, Sub::Cur] {
                let dir = self.maildir.sub(sub);
                self.maildir.list(sub, |name| {
                    there.insert(base(name).to_vec(), dir.join(OsStr::from_bytes(name)));
                })?;
                self.maildir.sync(sub)?;
            }
            self.there = Some(there);
        }
        let place = self.there.as_ref().and_then(|there| there.get(name));
        Ok(place.map(|place| place.display().to_string()))
    }

    fn commit(&mut self) -> Result<Vec<Receipt>> {
        self.tmp = None;
        let named = self.name_all();
        let synced = if self.named.is_empty() { Ok(()) } else { self.sync() };
        let all = std::mem::take(&mut self.named);
        named.and(synced)?;
        let receipt = |Named { reference, sub, name }| {
            let place = self.place(sub, &name).display().to_string();
            Receipt { reference, places: vec![place] }
        };
        Ok(all.into_iter().map(receipt).collect())
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
        for i in 0..(BATCH + 3) {
            let flags = if i == 0 { "\\Seen $Forwarded other" } else { "" };
            push(&mut sink, &About { flags: flags.parse().unwrap(), ..about(&i.to_string()) }, "x\n");
        }
        sink.begin(&about("never")).unwrap();
        sink.write(b"x").unwrap();
        sink.abort().unwrap();
        let receipts = sink.commit().unwrap();
        assert_eq!(receipts.len(), BATCH + 3);
        for (i, receipt) in receipts.iter().enumerate() {
            assert_eq!(receipt.reference, i.to_string());
            let place = &receipt.places[0];
            assert_eq!(Some(Path::new(place).metadata().unwrap().modified().unwrap()), about("").date);
            assert_eq!(place.ends_with(",S=2,W=3:2,PS") && place.contains("/cur/"), i == 0, "{place}");
        }
        assert_eq!(std::fs::read_dir(t.path().join("a/b/tmp")).unwrap().count(), 0);
    }
}
