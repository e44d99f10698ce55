//! What undoes a move: a line for each message, its new reference and, behind a tab, the folder that it came from.

use super::Job;
use crate::cli::reference::Reference;
use crate::cli::wanted::{LINE, Name, grouped};
use crate::error::{Error, Local, Result};
use crate::net::endpoint::Endpoint;
use crate::text::chomp;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file of such lines.
pub struct Undo {
    file: File,
    path: PathBuf,
}

impl Undo {
    /// Opens it to append to it, before anything is done that it must tell of.
    ///
    /// # Errors
    /// 73.
    pub fn open(path: &Path) -> Result<Undo> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        Ok(Undo { file: file.creating(path.display())?, path: path.to_owned() })
    }

    /// These are now where they are, and came from `from`.
    pub(super) fn note(&mut self, now: impl Iterator<Item = String>, from: &str) -> Result<()> {
        let lines: String = now.map(|reference| format!("{reference}\t{from}\n")).collect();
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.local(self.path.display())
    }
}

/// Reads such lines: the folders that messages go back to, and which messages. The last move is undone first.
///
/// # Errors
/// 64: they are no such lines; 66.
pub fn replay(mut from: impl BufRead, name: &Name<'_>) -> Result<Vec<Job>> {
    let mut all: Vec<(Endpoint, String, Vec<Reference>)> = Vec::new();
    let mut number = 0u64;
    loop {
        let mut line = Vec::new();
        number = number.saturating_add(1);
        if Read::take(&mut from, LINE).read_until(b'\n', &mut line).opening("stdin")? == 0 {
            break;
        }
        let line = chomp(&line);
        if line.is_empty() {
            continue;
        }
        let wrong = || Error::usage(format!("stdin, line {number}: not a reference, a tab and a folder"));
        let (reference, folder) =
            std::str::from_utf8(line).ok().and_then(|text| text.split_once('\t')).ok_or_else(wrong)?;
        let at = |e: Error| e.at(format!("stdin, line {number}"));
        let reference = Reference::parse(reference, &|account| name(Some(account))).ok_or_else(wrong)?.map_err(at)?;
        let to = name(Some(folder)).map_err(at)?;
        let folder = to.folder.clone().ok_or_else(wrong)?;
        match all.last_mut().filter(|(at, last, _)| *at == to && *last == folder) {
            Some((_, _, messages)) => messages.push(reference),
            None => all.push((to, folder, vec![reference])),
        }
    }
    let jobs = all.into_iter().rev();
    jobs.map(|(to, folder, messages)| Ok((to, folder, grouped(messages.into_iter().map(Ok))?))).collect()
}
