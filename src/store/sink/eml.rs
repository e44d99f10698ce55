//! `eml:DIR`: one file a message, named after its reference. No file is ever overwritten, and no name from a peer leads
//! out of the directory, hides a file, or looks like an option.

use super::{About, BATCH, Receipt, Sink};
use crate::error::{Error, Local, Result};
use crate::store::disk;
use crate::store::maildir::{Incoming, Sealed, sync_all};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The longest name before `.eml`.
const MAX: usize = 120;

/// What the names of files begin with that have no name yet.
const UNNAMED: &str = ".pipepost-";

/// `eml:DIR`.
pub(super) struct EmlDir {
    path: PathBuf,
    current: Option<(Incoming, About)>,
    sealed: Vec<Waiting>,
    named: Vec<(Vec<u8>, Receipt)>,
    /// What is there, by number and size: for plans of a killed program.
    there: Option<HashMap<(u64, u64), PathBuf>>,
}

struct Waiting {
    sealed: Sealed,
    reference: String,
    plan: Vec<u8>,
}

/// What a plan begins with. It names the file by its number, which it has before it has its name, and by its size.
const SCHEME: &str = "eml:";

/// A file name made of a reference: letters, digits and a few marks stay, the rest becomes `_`.
fn stem(reference: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || "-+=@#.,".contains(c) { c } else { '_' };
    let name: String = reference.chars().take(MAX).map(fit).collect();
    match name.chars().next() {
        None => "message".to_owned(),
        Some('.' | '-') => format!("_{name}"),
        Some(_) => name,
    }
}

impl EmlDir {
    pub(super) fn open(path: &Path) -> Result<EmlDir> {
        disk::make_dirs(path).creating(path.display())?;
        // As the user named it, links and all; nothing below it is a link that is followed.
        let path = std::fs::canonicalize(path).creating(path.display())?;
        disk::sweep(&path, UNNAMED);
        Ok(EmlDir { path, current: None, sealed: Vec::new(), named: Vec::new(), there: None })
    }

    fn name_all(&mut self) -> Result<()> {
        sync_all(&self.sealed.iter().map(|waiting| &waiting.sealed).collect::<Vec<_>>())?;
        for Waiting { sealed, reference, plan } in self.sealed.drain(..) {
            let stem = stem(&reference);
            // A few neighbours for people, then a name that is free for sure.
            let near = (1..9).map(|n| match n {
                1 => Ok(format!("{stem}.eml")),
                n => Ok(format!("{stem}-{n}.eml")),
            });
            let sure = std::iter::once_with(|| disk::unique().map(|u| format!("{stem}-{u}.eml")));
            let mut place = None;
            for name in near.chain(sure) {
                let name = name.local(self.path.display())?;
                if sealed.name(&name)? {
                    place = Some(self.path.join(name));
                    break;
                }
            }
            let place = place.ok_or_else(|| Error::cant_create(format!("{}: no free name", self.path.display())))?;
            self.named.push((plan, Receipt { reference, places: vec![place.display().to_string()] }));
        }
        Ok(())
    }

    /// Syncs what was named; names of which nobody knows whether they stay are taken back.
    fn sync(&self) -> Result<()> {
        let synced = disk::open_dir(&self.path).and_then(disk::sync).local(self.path.display());
        if synced.is_err() {
            for place in self.named.iter().flat_map(|(_, receipt)| &receipt.places) {
                let _ = std::fs::remove_file(place);
            }
        }
        synced
    }

    fn all(&self) -> Result<HashMap<(u64, u64), PathBuf>> {
        let at = self.path.display();
        let mut all = HashMap::new();
        for entry in std::fs::read_dir(&self.path).local(&at)? {
            let entry = entry.local(&at)?;
            // Gone meanwhile: it is not there.
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_file() && !entry.file_name().as_bytes().starts_with(UNNAMED.as_bytes()) {
                all.insert((meta.ino(), meta.len()), entry.path());
            }
        }
        disk::open_dir(&self.path).and_then(disk::sync).local(&at)?;
        Ok(all)
    }
}

impl Sink for EmlDir {
    fn begin(&mut self, about: &About) -> Result<()> {
        self.current = Some((Incoming::begin(&self.path, UNNAMED)?, about.clone()));
        Ok(())
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        self.current.as_mut().map_or(Ok(()), |(incoming, _)| incoming.write(file_form))
    }

    fn end(&mut self) -> Result<()> {
        if let Some((incoming, about)) = self.current.take() {
            let sealed = incoming.end(about.date)?;
            let (inode, size) = (sealed.inode()?, sealed.count().size());
            let plan = [format!("{SCHEME}{inode}:{size}:").as_bytes(), self.path.as_os_str().as_bytes()].concat();
            self.sealed.push(Waiting { sealed, reference: about.reference, plan });
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
        let named = self.named.iter().map(|(plan, _)| plan);
        Ok(named.chain(self.sealed.iter().map(|waiting| &waiting.plan)).cloned().collect())
    }

    fn look(&mut self, plan: &[u8]) -> Result<Option<String>> {
        let mut parts =
            plan.strip_prefix(SCHEME.as_bytes()).into_iter().flat_map(|rest| rest.splitn(3, |b| *b == b':'));
        let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<u64>().ok();
        let file = number().zip(number());
        let (Some(file), Some(dir)) = (file, parts.next()) else { return Ok(None) };
        if dir != self.path.as_os_str().as_bytes() {
            return Ok(None);
        }
        if self.there.is_none() {
            self.there = Some(self.all()?);
        }
        Ok(self.there.as_ref().and_then(|there| there.get(&file)).map(|place| place.display().to_string()))
    }

    fn commit(&mut self) -> Result<Vec<Receipt>> {
        let named = self.name_all();
        let synced = if self.named.is_empty() { Ok(()) } else { self.sync() };
        let receipts = std::mem::take(&mut self.named);
        named.and(synced)?;
        Ok(receipts.into_iter().map(|(_, receipt)| receipt).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{about, push};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn evil_references_stay_inside_and_nothing_is_overwritten() {
        let t = tempfile::tempdir().unwrap();
        let dir = t.path().join("d");
        let mut sink = EmlDir::open(&dir).unwrap();
        std::os::unix::fs::symlink("../outside", dir.join("7.eml")).unwrap();
        std::fs::write(dir.join("8.eml"), "mine").unwrap();
        let evil =
            ["7", "8", "8", "../../x", "", ".", "..", "-rf", "a/b\0\n\u{202e}", &"y".repeat(400), &"é".repeat(400)];
        for (i, reference) in evil.iter().enumerate() {
            push(&mut sink, &about(reference), &i.to_string());
        }
        let receipts = sink.commit().unwrap();
        let names: Vec<String> = receipts
            .iter()
            .map(|r| Path::new(&r.places[0]).file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            &names[..9],
            [
                "7-2.eml",
                "8-2.eml",
                "8-3.eml",
                "_.._.._x.eml",
                "message.eml",
                "_..eml",
                "_...eml",
                "_-rf.eml",
                "a_b___.eml"
            ]
        );
        for (i, name) in names.iter().enumerate() {
            assert_eq!(std::fs::read_to_string(dir.join(name)).unwrap(), i.to_string());
        }
        assert_eq!(std::fs::read_to_string(dir.join("8.eml")).unwrap(), "mine");
        assert!(!t.path().join("outside").exists());
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), evil.len() + 2);
        for _ in 0..12 {
            push(&mut sink, &about("8"), "x");
        }
        assert_eq!(sink.commit().unwrap().len(), 12);
    }

    proptest! {
        #[test]
        fn a_stem_is_a_plain_name(reference in "\\PC{0,30}|[./\\-\n\t]{0,9}") {
            let stem = stem(&reference);
            prop_assert!(!stem.is_empty() && !stem.starts_with(['.', '-']) && stem.len() <= MAX + 1);
            prop_assert!(stem.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'\\'));
        }
    }
}
