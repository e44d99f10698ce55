//! The command of `--exec`: one run for the events of some time.

use super::NAME;
use crate::error::{Error, Exit, Local, Result};
use crate::net::Deadline;
use crate::store::disk;
use serde_json::Value;
use std::io::{Seek, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a run may be given; more events are for the next one.
const HELD: usize = 1024 * 1024;

pub(super) struct Batch {
    command: String,
    debounce: Duration,
    lines: String,
    due: Deadline,
}

impl Batch {
    pub(super) fn new(command: &str, debounce: Duration) -> Batch {
        Batch { command: command.to_owned(), debounce, lines: String::new(), due: Deadline::NEVER }
    }

    /// When the command must be run.
    pub(super) fn due(&self) -> Deadline {
        self.due
    }

    pub(super) fn add(&mut self, event: Value) {
        if self.lines.is_empty() {
            self.due = Deadline::after(self.debounce);
        }
        self.lines.push_str(&event.to_string());
        self.lines.push('\n');
        if self.lines.len() >= HELD {
            self.due = Deadline::after(Duration::ZERO);
        }
    }

    /// Runs it with what there is, and waits for it.
    ///
    /// # Errors
    /// 74: it can't be run; 69: it failed.
    pub(super) fn run(&mut self) -> Result<Exit> {
        self.due = Deadline::NEVER;
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return Ok(Exit::Ok);
        }
        let mut file = disk::unnamed(&std::env::temp_dir()).creating("temporary file")?;
        file.write_all(lines.as_bytes()).and_then(|()| file.rewind()).local("temporary file")?;
        let mut shell = Command::new("/bin/sh");
        let status = shell.args(["-c", &self.command]).stdin(Stdio::from(file)).status().local("/bin/sh")?;
        if status.success() {
            return Ok(Exit::Ok);
        }
        Err(Error::refused(format!("--exec: {NAME}'s command ended with {status}")))
    }
}
