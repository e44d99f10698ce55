//! The way in and out: [`main()`] parses the arguments, runs the tool, and turns what happened into stderr's lines and a status.

use crate::error::{Error, Exit, Fate};
use crate::text::escape;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::process::ExitCode;

/// Why a tool stops: the status, and what and where for people.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub exit: Exit,
    /// What and where, outermost first.
    pub why: anyhow::Error,
    /// One line of advice.
    pub advice: Option<String>,
    /// The status of another program, which becomes ours without a word: it has spoken for itself.
    pub passed: Option<u8>,
}

/// What a tool ends with.
pub type Outcome = Result<Exit, Failure>;

impl Failure {
    /// 64: wrong arguments.
    pub fn usage(text: impl Into<String>) -> Failure {
        Error::usage(text).into()
    }

    /// Ends with the status of a program that was run.
    #[must_use]
    pub fn passed(status: u8) -> Failure {
        Failure { passed: Some(status), ..Error::internal("a program's status").into() }
    }

    /// Adds the line of advice.
    #[must_use]
    pub fn advise(mut self, advice: &str) -> Failure {
        self.advice = Some(advice.to_owned());
        self
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure { exit: e.exit(), advice: e.advice().map(str::to_owned), why: anyhow::Error::new(e), passed: None }
    }
}

/// The status for several items, pipepost(7): one outcome, its code; 79 if any is unknown; 67 if some are done; 75 if any
/// can be retried; else the first failure's.
#[derive(Debug, Default)]
pub struct Tally {
    done: bool,
    unknown: bool,
    later: bool,
    first: Option<Exit>,
    same: bool,
}

impl Tally {
    /// Notes an item that is done.
    pub fn done(&mut self) {
        self.done = true;
    }

    /// Notes an item that failed with `exit`.
    pub fn failed(&mut self, exit: Exit) {
        match exit {
            Exit::Unknown => self.unknown = true,
            Exit::TempFail => self.later = true,
            // A part of it is.
            Exit::Partial => self.done = true,
            _ => {}
        }
        self.same = self.first.is_none_or(|first| self.same && first == exit);
        self.first.get_or_insert(exit);
    }

    /// Notes an item by its fate, with the status that each fate alone has when sending.
    pub fn fate(&mut self, fate: Fate) {
        match fate {
            Fate::Done => self.done(),
            Fate::Later => self.failed(Exit::TempFail),
            Fate::Never => self.failed(Exit::Refused),
            Fate::Unknown => self.failed(Exit::Unknown),
        }
    }

    /// Notes what another one has noted.
    pub fn add(&mut self, other: &Tally) {
        self.done |= other.done;
        self.unknown |= other.unknown;
        self.later |= other.later;
        self.same = match (self.first, other.first) {
            (Some(a), Some(b)) => self.same && other.same && a == b,
            (None, _) => other.same,
            (_, None) => self.same,
        };
        self.first = self.first.or(other.first);
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.done && self.first.is_none()
    }

    /// The status of all, where reading the items ended with `input`.
    #[must_use]
    pub fn beside(&self, input: Exit) -> Exit {
        match (input, self.exit()) {
            (Exit::Ok, items) => items,
            (input, Exit::Ok) if self.is_empty() => input,
            (_, _) => Exit::Partial,
        }
    }

    /// The status of all.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.first {
            None => Exit::Ok,
            Some(_) if self.unknown => Exit::Unknown,
            Some(_) if self.done => Exit::Partial,
            Some(first) if self.same => first,
            Some(_) if self.later => Exit::TempFail,
            Some(first) => first,
        }
    }
}

/// Writes an error for people: one line, at most one more with advice.
pub fn complain(program: &str, text: &str, advice: Option<&str>) {
    use std::io::Write;
    let mut lines = format!("{program}: {}\n", escape(text));
    if let Some(advice) = advice {
        lines.push_str(&format!("{program}: {}\n", escape(advice)));
    }
    // With stderr gone nobody is there to be told.
    let _ = std::io::stderr().write_all(lines.as_bytes());
}

/// Runs a tool on the process's arguments: what a program of its own does, which then holds no other tool's code.
#[must_use]
pub fn main<T: super::Tool>(program: &'static str) -> ExitCode {
    run::<T>(program, std::env::args_os().collect())
}

/// Runs a tool on arguments (the program's name first).
pub fn run<T: super::Tool>(program: &'static str, arguments: Vec<OsString>) -> ExitCode {
    let parsed = matched::<T>(&arguments).and_then(|matches| T::from_arg_matches(&matches));
    let exit = match parsed {
        Ok(tool) => match tool.run() {
            Ok(exit) => exit,
            Err(Failure { passed: Some(status), .. }) => return ExitCode::from(status),
            Err(failure) => {
                complain(program, &format!("{:#}", failure.why), failure.advice.as_deref());
                failure.exit
            }
        },
        Err(e) => arguments_error(program, &e),
    };
    ExitCode::from(exit.code())
}

/// What a program of many verbs takes to describe them all; the stack that it was started with may be smaller.
const STACK: usize = 2 << 20;

/// The arguments, matched with what the tool takes.
fn matched<T: super::Tool>(arguments: &[OsString]) -> Result<clap::ArgMatches, clap::Error> {
    let verb = arguments.get(1).and_then(|word| word.to_str()).filter(|word| !word.starts_with('-'));
    let mut help = String::from("Examples:\n");
    for (said, code) in super::tool::examples_of::<T>(verb) {
        let code: String = code.lines().map(|line| format!("      {line}\n")).collect();
        help.push_str(&format!("  {said}\n{code}"));
    }
    let matches = || {
        let command = T::command();
        let command = match verb.filter(|verb| command.find_subcommand(verb).is_some()) {
            Some(verb) => command.mut_subcommand(verb, |verb| verb.after_long_help(help.clone())),
            None => command.after_long_help(help.clone()),
        };
        command.try_get_matches_from(T::arguments(arguments.to_vec()))
    };
    std::thread::scope(|scope| {
        let apart = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, matches);
        // No thread to be had, or it has panicked and said so: here, then.
        apart.ok().and_then(|apart| apart.join().ok()).unwrap_or_else(matches)
    })
}

fn arguments_error(program: &str, e: &clap::Error) -> Exit {
    if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        use std::io::Write;
        let text = e.render();
        let written = if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            write!(std::io::stdout(), "{}", text.ansi())
        } else {
            write!(std::io::stdout(), "{text}")
        };
        return match written {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Exit::IoErr,
            _ => Exit::Ok,
        };
    }
    // clap tells it in a paragraph, then tips and the usage: the paragraph as one line is what and where.
    let text = e.render().to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    complain(program, line.strip_prefix("error: ").unwrap_or(&line), Some(&format!("try {program} --help")));
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_items_one_status() {
        let tally = |fates: &[Fate]| {
            let mut t = Tally::default();
            fates.iter().for_each(|f| t.fate(*f));
            t.exit()
        };
        use Fate::{Done, Later, Never, Unknown};
        assert_eq!(tally(&[]), Exit::Ok);
        assert_eq!(tally(&[Done, Done]), Exit::Ok);
        assert_eq!(tally(&[Never, Never]), Exit::Refused);
        assert_eq!(tally(&[Never, Later]), Exit::TempFail);
        assert_eq!(tally(&[Done, Later]), Exit::Partial);
        assert_eq!(tally(&[Done, Unknown, Never]), Exit::Unknown);
        let mut t = Tally::default();
        t.failed(Exit::Data);
        t.failed(Exit::Refused);
        assert_eq!(t.exit(), Exit::Data);
        let mut t = Tally::default();
        t.failed(Exit::Partial);
        t.failed(Exit::TempFail);
        assert_eq!(t.exit(), Exit::Partial);
    }
}
