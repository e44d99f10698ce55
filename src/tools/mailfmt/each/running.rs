//! One command.

use super::not_started;
use crate::error::{Error, Local, Result};
use crate::store::disk;
use crate::store::sink::About;
use crate::tools::mailfmt::cursor::pour;
use crate::tools::mailfmt::input::Item;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

/// What is in its environment.
const NUMBER: &str = "MAILFMT_NUMBER";
const FILE: &str = "temporary file";

/// A command that was started, and its message.
pub(super) struct Running {
    child: Child,
    status: Option<ExitStatus>,
    /// All of it.
    pub message: File,
    /// What the command prints.
    pub output: File,
    pub about: About,
    pub many: bool,
}

/// How it ended.
pub(super) enum Ended {
    With(i32),
    /// By this signal.
    Killed(i32),
}

impl Running {
    /// Starts it.
    ///
    /// # Errors
    /// 64: there is no such command; 73, 74: no temporary file, no process; those of the message.
    pub(super) fn start(command: &[OsString], item: &mut Item<'_>) -> Result<Running> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(Error::usage("no command"));
        };
        let new = || disk::unnamed(&std::env::temp_dir()).creating(FILE);
        let (mut message, output) = (new()?, new()?);
        pour(item.body, &mut |piece| message.write_all(piece).local(FILE))?;
        message.rewind().local(FILE)?;
        let stdin = message.try_clone().local(FILE)?;
        let mut process = Command::new(program);
        process.args(arguments).env(NUMBER, item.number.to_string());
        process.stdin(stdin).stdout(output.try_clone().local(FILE)?);
        let child = process.spawn().map_err(|e| not_started(&program.to_string_lossy(), &e))?;
        Ok(Running { child, status: None, message, output, about: item.about.clone(), many: item.many })
    }

    /// Whether it had not ended when it was looked at.
    pub(super) fn runs(&self) -> bool {
        self.status.is_none()
    }

    /// Looks at it.
    ///
    /// # Errors
    /// 74.
    pub(super) fn look(&mut self) -> Result<()> {
        if self.status.is_none() {
            self.status = self.child.try_wait().local("wait")?;
        }
        Ok(())
    }

    /// How it ended; waits for that.
    ///
    /// # Errors
    /// 74.
    pub(super) fn ended(&mut self) -> Result<Ended> {
        let status = match self.status {
            Some(status) => status,
            None => self.child.wait().local("wait")?,
        };
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Ended::With(code),
            (None, signal) => Ended::Killed(signal.unwrap_or_default()),
        })
    }
}
