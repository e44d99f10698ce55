//! `--run -- COMMAND...`: a command whose output passes through, and the message that tells how it went. See [`Alert`] for whether it is sent.
//!
//! Left out: a terminal for the command (what it prints goes through a pipe), limits on its time.

mod alert;
mod child;
mod kept;

pub use alert::{Alert, Told, Watch};

use crate::error::Result;
use crate::message::date::Date;
use child::{End, run};
use clap::Args;
use kept::Kept;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

/// The flags.
#[derive(Args, Clone, Debug, Default)]
pub struct Run {
    /// Run COMMAND, pass its output through, and send a message with the end of it if the command fails; its status becomes ours.
    #[arg(long, requires = "command", conflicts_with_all = ["template", "merge", "html", "charset", "mbox", "read_recipients"])]
    pub run: bool,
    /// With --run: send a message whatever comes of the command.
    #[arg(long, requires = "run")]
    pub always: bool,
    /// With --run: attach the output if the message shows only its beginning and its end.
    #[arg(long, requires = "run")]
    pub attach_output: bool,
    /// The command of --run and its arguments; without --run further recipients.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
    /// Which notices are sent.
    #[command(flatten)]
    pub alert: Alert,
}

/// How a command went.
pub struct Report {
    /// Its status as a shell has it: 126 or 127 if it could not be started, 128 + N if signal N ended it.
    pub status: u8,
    /// The program's name.
    program: String,
    said: String,
    line: String,
    began: i64,
    took: Duration,
    kept: Kept,
}

impl Run {
    /// Runs the command. The environment variables in `hidden` are not its business.
    ///
    /// # Errors
    /// 64: there is none; 74: no pipes or no signals to be had.
    pub fn start(&self, hidden: &[String]) -> Result<Report> {
        let began = super::compose::now();
        let mut kept = Kept::new(self.attach_output);
        let (end, took) = run(&self.command, hidden, &mut kept)?;
        // The signals are for us again.
        super::signals::tidy()?;
        let program = self.command.first().map(|name| Path::new(name).file_name().unwrap_or(name));
        let program = program.unwrap_or(OsStr::new("")).to_string_lossy().into_owned();
        let line = self.command.iter().map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ");
        let (status, said) = match end {
            End::Exited(0) => (0, "succeeded".to_owned()),
            End::Exited(status) => (status, format!("failed with status {status}")),
            End::Killed(signal) => {
                let number = u8::try_from(signal & 0x7f).unwrap_or(0);
                (128 + number, format!("was ended by signal {signal}{}", child::name(signal)))
            }
            End::NotStarted(status, why) => (status, format!("could not be started: {why}")),
        };
        Ok(Report { status, program, said, line, began, took, kept })
    }
}

impl Report {
    /// The subject; `recovered`: that is the news.
    #[must_use]
    pub fn subject(&self, recovered: bool) -> String {
        let said = if recovered { "works again" } else { &self.said };
        format!("{}: {} {said}", super::system::node_name(), printable(&self.program))
    }

    /// The text, of which `told` begins with.
    #[must_use]
    pub fn text(&self, told: &[String]) -> Vec<u8> {
        let mut text = String::new();
        for line in told {
            text.push_str(&format!("{line}\n\n"));
        }
        let command: String = printable(&self.line).chars().take(1000).collect();
        text.push_str(&format!("Command: {command}\nStatus: {}\n", self.said));
        text.push_str(&format!("Host: {}\nUser: {}\n", super::system::node_name(), super::system::user_name()));
        text.push_str(&format!("Started: {}\nDuration: {}\n", Date::utc(self.began), words(self.took)));
        let mut text = text.into_bytes();
        self.kept.write(&mut text);
        text
    }

    /// The file to attach, as the argument of `--attach`.
    #[must_use]
    pub fn file(&self) -> Option<OsString> {
        self.kept.file().map(|path| format!("{path}:text/plain:output.txt").into())
    }
}

/// One line, whatever a command's name and arguments hold.
fn printable(text: &str) -> String {
    crate::text::escape(text).to_string()
}

/// As one would type it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// `1.5 s`, `2 min 5 s`, `3 h 0 min`.
#[must_use]
pub fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_quotes() {
        for (ms, says) in [(0, "0.0 s"), (1590, "1.5 s"), (125_000, "2 min 5 s"), (10_800_000, "3 h 0 min")] {
            assert_eq!(words(Duration::from_millis(ms)), says);
        }
        assert_eq!([quoted("a/b"), quoted(""), quoted("a b'c")], ["a/b", "''", "'a b'\\''c'"]);
    }
}
