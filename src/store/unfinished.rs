//! Files that have no final name yet, so that who ends the program by a signal can remove them. After SIGKILL they stay
//! until they are old ([`disk::sweep`](super::disk::sweep)).

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static FILES: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

/// No file is begun or ended while it lives.
#[derive(Debug)]
pub struct Held(#[allow(dead_code)] MutexGuard<'static, Option<HashSet<PathBuf>>>);

fn files() -> MutexGuard<'static, Option<HashSet<PathBuf>>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that will be made.
pub fn begin(path: PathBuf) {
    files().get_or_insert_default().insert(path);
}

/// It is gone, or has its name.
pub fn end(path: &Path) {
    files().get_or_insert_default().remove(path);
}

/// Removes them all, for a program that ends now.
#[must_use]
pub fn remove() -> Held {
    let mut files = files();
    for path in files.take().into_iter().flatten() {
        // One that was not made yet is none the worse.
        let _ = std::fs::remove_file(path);
    }
    Held(files)
}
