//! The folders of a tree: list, create, delete, rename, subscribe.
//!
//! Subscriptions are a text file, `subscriptions`, one name a line, encoded as directories are but without the first dot:
//! they are the user's, not a cache, so they must outlive the database and be readable without it.

use super::name::{self, INBOX};
use super::{Account, Folder, FolderError, is_folder, special, uids};
use crate::error::{Error, Local, Result};
use crate::store::disk;
use crate::store::maildir::{self, Maildir, Sub};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A directory of the root that is a folder.
pub(super) struct Directory {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

impl Account {
    /// All folders, INBOX first, then by name; with those that are there only as a part of others' names.
    ///
    /// # Errors
    /// 74.
    pub fn folders(&self) -> Result<Vec<Folder>> {
        let subscribed: BTreeSet<String> = self.subscribed()?.into_iter().collect();
        let mut selectable = BTreeMap::from([(INBOX.to_owned(), true)]);
        for directory in self.directories()? {
            for above in name::above(&directory.name) {
                selectable.entry(above.to_owned()).or_insert(false);
            }
            selectable.insert(directory.name, true);
        }
        let mut parents: BTreeSet<String> = BTreeSet::new();
        for name in selectable.keys() {
            parents.extend(name::above(name).map(str::to_owned));
        }
        let mut folders: Vec<Folder> = selectable
            .into_iter()
            .map(|(name, selectable)| Folder {
                selectable,
                has_children: parents.contains(&name),
                subscribed: subscribed.contains(&name),
                special_use: special::of(&name).filter(|_| selectable),
                name,
            })
            .collect();
        folders.sort_by(|a, b| (a.name != INBOX, &a.name).cmp(&(b.name != INBOX, &b.name)));
        Ok(folders)
    }

    /// Makes a folder; those above it appear with it. One trailing `/` is taken off (RFC 3501 6.3.3).
    ///
    /// # Errors
    /// [`FolderError::AlreadyExists`], also for INBOX; [`FolderError::Cannot`] for a name that no folder can have.
    pub fn create(&self, name: &str) -> Result<(), FolderError> {
        let (name, path) = self.fresh(name.strip_suffix('/').unwrap_or(name))?;
        self.db().write(|t| {
            // A folder of this name that another program removed: what comes now is another one.
            uids::remove_folder(t, &name)?;
            uids::folder_or_new(t, &name, SystemTime::now())?;
            Maildir::make(&path)?;
            Ok(())
        })?;
        Ok(())
    }

    /// Removes a folder and its messages. Folders below it stay, and it stays with them as a mere name.
    ///
    /// # Errors
    /// [`FolderError::NotFound`]; [`FolderError::Cannot`] for INBOX and for mere names.
    pub fn delete(&self, name: &str) -> Result<(), FolderError> {
        if name::canonical(name).as_deref() == Some(INBOX) {
            return Err(FolderError::Cannot("INBOX stays"));
        }
        let (name, maildir) = match self.find(name) {
            Err(FolderError::NotFound) if self.is_above(name)? => {
                return Err(FolderError::Cannot("it is only the name above other folders"));
            }
            found => found?,
        };
        // Out of sight at once; what takes time comes after.
        let trash = self.root().join("tmp").join(disk::unique().local("a unique name")?);
        let removed = self.db().write(|t| {
            let removed = uids::folder(t, &name)?;
            uids::remove_folder(t, &name)?;
            std::fs::rename(maildir.path(), &trash).local(maildir.path().display())?;
            Ok(removed)
        })?;
        if let Some(folder) = removed {
            self.forget_all_read(folder.validity);
        }
        disk::sync_parent(maildir.path()).local(self.root().display())?;
        std::fs::remove_dir_all(&trash).local(trash.display())?;
        Ok(())
    }

    /// Renames a folder and all below it; UIDs stay. Renaming INBOX moves its messages to a new folder (RFC 3501 6.3.5).
    ///
    /// # Errors
    /// [`FolderError::NotFound`], [`FolderError::AlreadyExists`], [`FolderError::Cannot`].
    pub fn rename(&self, from: &str, to: &str) -> Result<(), FolderError> {
        let old = name::canonical(from).ok_or(FolderError::NotFound)?;
        if old == INBOX {
            return self.move_inbox(to);
        }
        let below = format!("{old}/");
        let (new, _) = self.fresh(to)?;
        if new.starts_with(&below) {
            return Err(FolderError::Cannot("a folder can't go below itself"));
        }
        let moved: Vec<Directory> =
            self.directories()?.into_iter().filter(|d| d.name == old || d.name.starts_with(&below)).collect();
        if moved.is_empty() {
            return Err(FolderError::NotFound);
        }
        let mut steps = Vec::with_capacity(moved.len());
        for directory in moved {
            let rest = directory.name.strip_prefix(&old).unwrap_or_default();
            let (name, path) = self.fresh(&format!("{new}{rest}"))?;
            steps.push((directory, name, path));
        }
        self.db().write(|t| {
            let mut done: Vec<(&PathBuf, &PathBuf)> = Vec::new();
            for (old, new_name, new_path) in &steps {
                uids::rename_folder(t, &old.name, new_name)?;
                if let Err(e) = disk::rename(rustix::fs::CWD, &old.path, rustix::fs::CWD, new_path) {
                    for (old, new) in done.iter().rev() {
                        let _ = std::fs::rename(new, old);
                    }
                    return Ok(Err(e).local(old.path.display())?);
                }
                done.push((&old.path, new_path));
            }
            Ok(disk::sync_parent(&self.root().join("cur")).local(self.root().display())?)
        })?;
        Ok(())
    }

    fn move_inbox(&self, to: &str) -> Result<(), FolderError> {
        let (name, path) = self.fresh(to)?;
        let inbox = &self.tree.inbox;
        self.db().write(|t| {
            uids::remove_folder(t, &name)?;
            let new = uids::folder_or_new(t, &name, SystemTime::now())?;
            if let Some(old) = uids::folder(t, INBOX)? {
                uids::Keywords::copy(t, old.validity, new.validity)?;
            }
            Ok(())
        })?;
        let target = Maildir::make(&path)?;
        for sub in [Sub::New, Sub::Cur] {
            let mut names: Vec<Vec<u8>> = Vec::new();
            inbox.list(sub, |name| names.push(name.to_owned()))?;
            let from = inbox.open(sub).local(inbox.sub(sub).display())?;
            let into = target.open(sub).local(target.sub(sub).display())?;
            for name in names {
                match disk::rename(&from, name.as_slice(), &into, name.as_slice()) {
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                    done => done.local(String::from_utf8_lossy(maildir::base(&name)))?,
                }
            }
            disk::sync(&into).local(target.sub(sub).display())?;
            disk::sync(&from).local(inbox.sub(sub).display())?;
        }
        Ok(())
    }

    /// Subscribes to a name or ends that; the folder need not exist.
    ///
    /// # Errors
    /// 65 for a name that no folder can have, 74.
    pub fn subscribe(&self, name: &str, on: bool) -> Result<()> {
        let name = name::canonical(name).ok_or_else(|| Error::data("no folder can have this name"))?;
        // The transaction is the lock between processes; nothing is written to the database.
        self.db().write(|_| {
            let mut all: BTreeSet<String> = self.subscribed()?.into_iter().collect();
            let changed = if on { all.insert(name) } else { all.remove(&name) };
            if !changed {
                return Ok(());
            }
            Ok(write_subscriptions(self.root(), all.iter().map(String::as_str))?)
        })
    }

    /// The names that are subscribed to, sorted.
    ///
    /// # Errors
    /// 74.
    pub fn subscribed(&self) -> Result<Vec<String>> {
        let path = self.root().join("subscriptions");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e).local(path.display()),
        };
        let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let names: BTreeSet<String> = lines.filter_map(|line| name::canonical(&name::decode(line))).collect();
        Ok(names.into_iter().collect())
    }

    /// The directories that are folders, each name once: where two would be shown alike, the one that we would have
    /// made, else the first by name.
    pub(super) fn directories(&self) -> Result<Vec<Directory>> {
        let root = self.root();
        let mut found: BTreeMap<String, (bool, PathBuf)> = BTreeMap::new();
        for entry in std::fs::read_dir(root).local(root.display())? {
            let entry = entry.local(root.display())?;
            let Some((name, ours)) = name::shown(entry.file_name().as_bytes()) else { continue };
            let path = entry.path();
            if !is_folder(&path) {
                continue;
            }
            let candidate = (!ours, path);
            let better = found.get(&name).is_none_or(|(other, path)| (&candidate.0, &candidate.1) < (other, path));
            if better {
                found.insert(name, candidate);
            }
        }
        Ok(found.into_iter().map(|(name, (_, path))| Directory { name, path }).collect())
    }

    fn is_above(&self, name: &str) -> Result<bool> {
        let Some(below) = name::canonical(name).map(|n| n + "/") else { return Ok(false) };
        Ok(self.directories()?.iter().any(|d| d.name.starts_with(&below)))
    }

    /// A name for a new folder and its place.
    fn fresh(&self, name: &str) -> Result<(String, PathBuf), FolderError> {
        let name = name::canonical(name).ok_or(FolderError::Cannot("no folder can have this name"))?;
        if name == INBOX {
            return Err(FolderError::AlreadyExists);
        }
        let dir = name::directory(&name).map_err(FolderError::Cannot)?;
        match self.find(&name) {
            Ok(_) => Err(FolderError::AlreadyExists),
            Err(FolderError::NotFound) => Ok((name, self.root().join(dir))),
            Err(e) => Err(e),
        }
    }
}

/// Writes the file anew. The root has a `tmp` already.
pub(super) fn write_subscriptions<'n>(root: &Path, names: impl Iterator<Item = &'n str>) -> Result<()> {
    let text: String = names.map(|name| name::encode(name) + "\n").collect();
    let path = root.join("subscriptions");
    let tmp = root.join("tmp").join(disk::unique().local("a unique name")?);
    let written = disk::create(rustix::fs::CWD, &tmp)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| disk::sync(&file)))
        .and_then(|()| std::fs::rename(&tmp, &path));
    if written.is_err() {
        let _ = std::fs::remove_file(&tmp);
    }
    written.and_then(|()| disk::sync_parent(&path)).local(path.display())
}
