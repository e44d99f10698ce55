//! Folders with a special use (RFC 6154), known by their names.
//!
//! They come with a new tree. In one that is there already nothing is added, so that a folder that its user has removed
//! stays away, and the root of a stranger's Maildir is left as it is. Left out: other names for these uses, `\All` and
//! `\Flagged`, CREATE-SPECIAL-USE.

use super::folders::write_subscriptions;
use super::name;
use crate::error::{Error, Local, Result};
use crate::store::disk;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Names, sorted, and their attributes.
const SPECIAL: [(&str, &str); 5] =
    [("Archive", "\\Archive"), ("Drafts", "\\Drafts"), ("Junk", "\\Junk"), ("Sent", "\\Sent"), ("Trash", "\\Trash")];

/// The attribute of the folder of this name.
pub(super) fn of(name: &str) -> Option<&'static str> {
    SPECIAL.iter().find(|(special, _)| *special == name).map(|(_, attribute)| *attribute)
}

/// Makes the folders of a tree that has no INBOX yet, subscribed. The INBOX makes it one, so that whoever is killed
/// before that has left nothing half done; its syncs bring these to the disk as well, as far as anything hangs on that.
pub(super) fn make(root: &Path) -> Result<()> {
    let make = |path: PathBuf| match DirBuilder::new().mode(0o700).create(&path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e).creating(path.display()),
        _ => Ok(()),
    };
    disk::make_dirs(root).creating(root.display())?;
    for (name, _) in SPECIAL {
        let folder = root.join(name::directory(name).map_err(Error::internal)?);
        make(folder.clone())?;
        ["tmp", "new", "cur"].into_iter().try_for_each(|sub| make(folder.join(sub)))?;
    }
    make(root.join("tmp"))?;
    if root.join("subscriptions").exists() {
        return Ok(());
    }
    write_subscriptions(root, SPECIAL.iter().map(|(name, _)| *name))
}
