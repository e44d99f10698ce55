//! Names of files that are made here: each was free, and no file is ever overwritten.

use crate::error::{Local, Result};
use crate::message::filename::numbered;
use crate::store::disk;
use rustix::fs::{AtFlags, unlinkat};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::os::fd::OwnedFd;
use std::path::Path;

/// How many names are remembered with the number that they had last.
const REMEMBERED: usize = 100_000;

/// Names that were taken, and the last number that each got: looking for a free one starts there.
#[derive(Default)]
pub(super) struct Names(BTreeMap<String, u64>);

impl Names {
    /// `name`, or it with a number: the first one that was not given before and for which `make` finds room.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn take<T>(
        &mut self,
        name: String,
        mut make: impl FnMut(&str) -> Result<Option<T>>,
    ) -> Result<(String, T)> {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let mut candidate = name.clone();
        loop {
            if !self.0.contains_key(&candidate)
                && let Some(made) = make(&candidate)?
            {
                self.0.insert(candidate.clone(), 0);
                return Ok((candidate, made));
            }
            let last = self.0.entry(name.clone()).or_default();
            *last += 1;
            candidate = numbered(&name, *last);
        }
    }
}

/// Makes a file in the directory `dir`, which is at `path`; `None` if there is one of that name.
///
/// # Errors
/// 73.
pub(super) fn create(dir: &OwnedFd, path: &Path, name: &str) -> Result<Option<BufWriter<File>>> {
    match disk::create(dir, name) {
        Ok(made) => Ok(Some(BufWriter::with_capacity(crate::body::CHUNK, made))),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(None),
        Err(e) => Err(e).creating(path.join(name).display()),
    }
}

/// Takes back a file that can't be whole.
pub(super) fn remove(dir: &OwnedFd, name: &str) {
    // Why it can't be whole is what is told.
    let _ = unlinkat(dir, name, AtFlags::empty());
}
