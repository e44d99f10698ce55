//! `mailfmt each`: a command for each message.
//!
//! A command has the message as a file on its stdin, so no end of ours can make it take a half for the whole, and none has to be read
//! to its end. Nothing from a message is in its arguments or environment but the message's number.

mod running;

use super::cursor::pour;
use super::input::Input;
use super::output::{Output, Writer};
use super::screen::Screen;
use crate::body::FileBody;
use crate::cli::exit::{Tally, complain};
use crate::cli::signals::{Bell, SIGCHLD};
use crate::cli::{Failure, Outcome};
use crate::error::{Error, Exit, Local, Result};
use clap::Args;
use running::{Ended, Running};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Seek;
use std::time::Duration;

/// So many times the commands that run may wait for one before them.
const WINDOW: usize = 8;

/// Runs a command for each message, which it finds on its stdin.
///
/// What the commands print comes in the order of the messages. A command that ends with another status than 0, or by a signal, is told
/// on stderr and does not stop the others. No shell is involved: -- sh -c '...' is one.
#[derive(Args, Debug)]
pub(super) struct Each {
    #[command(flatten)]
    input: Input,
    /// Run so many commands at a time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    jobs: u16,
    /// Write messages: what the command prints, each. Where it fails, the message as it was.
    #[arg(long)]
    through: bool,
    /// Write the messages for which the command ends with 0, and not those for which it ends with 1. Where it fails, the message is
    /// written.
    #[arg(long, conflicts_with = "through")]
    select: bool,
    /// End with status 1 if no message is written.
    #[arg(short, long, requires = "select")]
    exit_status: bool,
    #[command(flatten)]
    output: Output,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// All commands, and what becomes of what they print.
struct Line<'e> {
    of: &'e Each,
    child_ends: Bell,
    /// In the order of the messages.
    queue: VecDeque<Running>,
    to: To,
    tally: Tally,
    written: u64,
}

enum To {
    Print(Box<Screen>),
    Messages(Box<Writer>),
}

impl Each {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let messages = self.through || self.select;
        if self.output.is_asked() && !messages {
            return Err(Failure::usage("--into, --mbox and --raw are for messages, with --through or --select"));
        }
        let to = if messages {
            To::Messages(Box::new(self.output.writer()))
        } else {
            To::Print(Box::new(Screen::for_bytes(false)))
        };
        let child_ends = Bell::of(SIGCHLD)?;
        let mut line = Line { of: &self, child_ends, queue: VecDeque::new(), to, tally: Tally::default(), written: 0 };
        let read = self.input.each(|item| {
            line.until(|line| line.has_room())?;
            line.queue.push_back(Running::start(&self.command, item)?);
            line.until(|_| true)
        });
        // Those that run have begun, whatever has become of the input.
        line.until(|line| line.queue.is_empty())?;
        let (tally, written) = (line.tally, line.written);
        match line.to {
            To::Print(mut screen) => screen.flush()?,
            To::Messages(writer) => writer.end()?,
        }
        let exit = tally.beside(read?);
        Ok(if exit == Exit::Ok && written == 0 && self.exit_status { Exit::None } else { exit })
    }
}

impl Line<'_> {
    fn has_room(&self) -> bool {
        let jobs = usize::from(self.of.jobs);
        self.queue.iter().filter(|one| one.runs()).count() < jobs && self.queue.len() < jobs.saturating_mul(WINDOW)
    }

    /// Deals with those that have ended, until `enough`; `false`: nobody reads what they print.
    fn until(&mut self, enough: impl Fn(&Self) -> bool) -> Result<bool> {
        loop {
            // Before they are looked at: who ends then rings again.
            let _ = self.child_ends.has_rung();
            for one in &mut self.queue {
                one.look()?;
            }
            while let Some(one) = self.queue.pop_front_if(|one| !one.runs()) {
                self.done(one)?;
            }
            if enough(self) {
                return Ok(!matches!(&self.to, To::Print(screen) if screen.is_gone()));
            }
            self.child_ends.wait(Duration::from_secs(1))?;
        }
    }

    /// A command has ended, and all those before it.
    fn done(&mut self, mut one: Running) -> Result<()> {
        let failure = match (one.ended()?, self.of.select) {
            (Ended::With(0), _) => None,
            (Ended::With(1), true) => {
                self.tally.done();
                return Ok(());
            }
            (Ended::With(75), _) => Some((Exit::TempFail, "ended with status 75".to_owned())),
            (Ended::With(status), _) => Some((Exit::Refused, format!("ended with status {status}"))),
            (Ended::Killed(signal), _) => Some((Exit::TempFail, format!("was ended by signal {signal}"))),
        };
        let empty = one.output.metadata().local("temporary file")?.len() == 0;
        let failure = failure
            .or_else(|| (self.of.through && empty).then(|| (Exit::Refused, "has printed no message".to_owned())));
        match &failure {
            None => self.tally.done(),
            Some((exit, why)) => {
                let name = self.of.command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
                complain("mailfmt", &format!("message {}: {name} {why}", one.about.reference), None);
                self.tally.failed(*exit);
            }
        }
        let file = if self.of.select || (self.of.through && failure.is_some()) { one.message } else { one.output };
        let mut file = file;
        file.rewind().local("temporary file")?;
        let mut body = FileBody::new(file, "temporary file");
        match &mut self.to {
            To::Messages(writer) => {
                self.written += 1;
                writer.put(&mut body, &one.about, one.many)
            }
            To::Print(screen) => {
                pour(&mut body, &mut |piece| screen.bytes(piece))?;
                screen.end()?;
                // Whoever reads along sees what there is.
                screen.flush()
            }
        }
    }
}

/// That a command can't be had is no fault of a message.
fn not_started(program: &str, e: &std::io::Error) -> Error {
    let exit = if e.kind() == std::io::ErrorKind::NotFound || e.kind() == std::io::ErrorKind::PermissionDenied {
        Exit::Usage
    } else {
        Exit::IoErr
    };
    Error::new(exit, format!("{program}: {}", crate::error::words(e)))
}
