//! A program that reads one file and writes another.

use crate::body::{Body, FileBody};
use crate::error::{Error, Exit, Local, Result, words};
use crate::store::disk;
use crate::text::escape;
use crate::tools::mailfmt::cursor::pour;
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

const FILE: &str = "temporary file";
/// So much of what a program says is read.
const SAID: u64 = 64 * 1024;
/// How gpg marks what it says for programs.
const STATUS: &str = "[GNUPG:] ";

/// All of a body, in a file without a name.
pub(super) fn file_of(body: &mut dyn Body) -> Result<File> {
    let mut file = disk::unnamed(&std::env::temp_dir()).creating(FILE)?;
    pour(body, &mut |piece| file.write_all(piece).local(FILE))?;
    file.rewind().local(FILE)?;
    Ok(file)
}

/// A path that can't be taken for an option.
fn path_of(path: &Path) -> PathBuf {
    if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) }
}

/// What is to be run.
pub(super) struct Program {
    name: &'static str,
    arguments: Vec<OsString>,
    /// Files that it opens by their numbers.
    open: Vec<File>,
}

impl Program {
    pub(super) fn gpg() -> Program {
        let arguments = ["--batch", "--no-tty"].map(OsString::from).to_vec();
        Program { name: "gpg", arguments, open: Vec::new() }
    }

    pub(super) fn openssl() -> Program {
        Program { name: "openssl", arguments: Vec::new(), open: Vec::new() }
    }

    pub(super) fn arguments<'a>(mut self, all: impl IntoIterator<Item = &'a str>) -> Program {
        self.arguments.extend(all.into_iter().map(OsString::from));
        self
    }

    pub(super) fn path(mut self, path: &Path) -> Program {
        self.arguments.push(path_of(path).into());
        self
    }

    /// An argument that is this file.
    pub(super) fn inherits(mut self, file: &File) -> Result<Program> {
        let file = file.try_clone().local(FILE)?;
        fcntl_setfd(&file, FdFlags::empty()).map_err(std::io::Error::from).local(FILE)?;
        self.arguments.push(format!("/proc/self/fd/{}", file.as_raw_fd()).into());
        self.open.push(file);
        Ok(self)
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// 69: it is not installed; 73, 74.
    pub(super) fn run(mut self, input: File) -> Result<Ran> {
        let new = || disk::unnamed(&std::env::temp_dir()).creating(FILE);
        let (output, mut said, mut status) = (new()?, new()?, new()?);
        if self.name == "gpg" {
            // Apart from what it says to people, in which a message could speak (CVE-2018-12020).
            let behind = std::mem::take(&mut self.arguments);
            self = self.arguments(["--status-file"]).inherits(&status)?;
            self.arguments.extend(behind);
        }
        let mut command = Command::new(self.name);
        command.args(&self.arguments).env("LC_ALL", "C").stdin(input);
        command.stdout(output.try_clone().local(FILE)?).stderr(said.try_clone().local(FILE)?);
        let started = command.status();
        drop(self.open);
        let ended = started.map_err(|e| {
            let exit = if e.kind() == ErrorKind::NotFound { Exit::Refused } else { Exit::IoErr };
            Error::new(exit, format!("{}: {}", self.name, words(&e))).advise("it has to be installed")
        })?;
        let text = |file: &mut File| {
            let mut text = Vec::new();
            file.rewind().and_then(|()| file.take(SAID).read_to_end(&mut text)).local(FILE)?;
            Ok::<_, Error>(String::from_utf8_lossy(&text).into_owned())
        };
        Ok(Ran { ended, output, said: text(&mut said)?, status: text(&mut status)? })
    }
}

/// How it ended.
pub(super) struct Ran {
    ended: ExitStatus,
    output: File,
    said: String,
    /// What gpg says to programs.
    status: String,
}

impl Ran {
    pub(super) fn is_good(&self) -> bool {
        self.ended.success()
    }

    /// Or its last words.
    ///
    /// # Errors
    /// 65.
    pub(super) fn good(self, name: &str) -> Result<Ran> {
        if self.is_good() { Ok(self) } else { Err(Error::data(format!("{name}: {}", self.last_words()))) }
    }

    /// What gpg says under this word.
    pub(super) fn words(&self, word: &str) -> Option<Vec<String>> {
        let mut lines = self.status.lines().filter_map(|line| line.strip_prefix(STATUS)?.strip_prefix(word));
        let rest = lines.find(|rest| rest.is_empty() || rest.starts_with(' '))?;
        Some(rest.split_whitespace().map(str::to_owned).collect())
    }

    /// The last thing that it said to people.
    pub(super) fn last_words(&self) -> String {
        let line =
            self.said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it refuses, and does not say why");
        escape(line.trim().trim_start_matches("gpg: "))
    }

    /// All that it wrote, if it is not more.
    ///
    /// # Errors
    /// 65: it is; 74.
    pub(super) fn output(self, most: usize) -> Result<Vec<u8>> {
        self.body().whole(most)?.ok_or_else(|| Error::data("more than a signature has"))
    }

    /// What it wrote.
    pub(super) fn body(self) -> FileBody<File> {
        let mut output = self.output;
        // One that can't be rewound gives nothing, which is told.
        let _ = output.rewind();
        FileBody::new(output, FILE)
    }
}
