//! The command of `--exec`: one run at a time for the events of some time, beside the watching.

use super::NAME;
use super::folder::Told;
use crate::error::{Error, Exit, Local, Result};
use crate::net::Deadline;
use crate::store::disk;
use serde_json::Value;
use std::fs::File;
use std::io::{Seek, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

pub(super) struct Batch {
    command: String,
    debounce: Duration,
    /// The events for the next run: however long one takes, they find room.
    events: Option<File>,
    due: Deadline,
    running: bool,
    tell: SyncSender<Told>,
}

impl Batch {
    /// Whoever listens is told when a run has ended.
    pub(super) fn new(command: &str, debounce: Duration, tell: SyncSender<Told>) -> Batch {
        Batch { command: command.to_owned(), debounce, events: None, due: Deadline::NEVER, running: false, tell }
    }

    /// When the command must be run.
    pub(super) fn due(&self) -> Deadline {
        if self.running { Deadline::NEVER } else { self.due }
    }

    /// Whether a run has not ended, or events wait for one.
    pub(super) fn is_idle(&self) -> bool {
        !self.running && self.events.is_none()
    }

    /// Whether there are events for a run.
    pub(super) fn waits(&self) -> bool {
        self.events.is_some()
    }

    pub(super) fn add(&mut self, event: &Value) -> Result<()> {
        let file = match &mut self.events {
            Some(file) => file,
            None => {
                self.due = Deadline::after(self.debounce);
                self.events.insert(disk::unnamed(&std::env::temp_dir()).creating("temporary file")?)
            }
        };
        file.write_all(format!("{event}\n").as_bytes()).local("temporary file")
    }

    /// Runs it with what there is. [`Told::Ran`] follows.
    ///
    /// # Errors
    /// 74: it can't be run.
    pub(super) fn run(&mut self) -> Result<()> {
        self.due = Deadline::NEVER;
        let Some(mut file) = self.events.take() else { return Ok(()) };
        file.rewind().local("temporary file")?;
        let mut shell = Command::new("/bin/sh");
        let mut child = shell.args(["-c", &self.command]).stdin(Stdio::from(file)).spawn().local("/bin/sh")?;
        let tell = self.tell.clone();
        let wait = move || {
            let ended = child.wait().local("/bin/sh").and_then(|status| {
                let why = || Error::refused(format!("--exec: {NAME}'s command ended with {status}"));
                if status.success() { Ok(Exit::Ok) } else { Err(why()) }
            });
            let _ = tell.send(Told::Ran(ended));
        };
        std::thread::Builder::new().name("exec".into()).stack_size(64 << 10).spawn(wait).local("no thread")?;
        self.running = true;
        Ok(())
    }

    /// A run has ended.
    pub(super) fn ran(&mut self) {
        self.running = false;
    }
}
