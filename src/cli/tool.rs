//! [`Tool`], what a program is, and [`Entry`], a program in the registry.

use super::exit::{self, Outcome};
use std::ffi::OsString;
use std::process::ExitCode;

/// A program: its arguments (the clap definition), its page, what it does.
pub trait Tool: clap::Parser {
    /// The page's prose behind the options, in mdoc: `.Sh EXIT STATUS`, `.Sh EXAMPLES` and what else there is to say. Every
    /// example is run by the tests.
    const MAN: &'static str;

    /// Does it.
    ///
    /// # Errors
    /// Why it stops, with the status.
    fn run(self) -> Outcome;
}

/// A program of the registry.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page's prose.
    pub man: &'static str,
    command: fn() -> clap::Command,
    main: fn(&'static str, Vec<OsString>) -> ExitCode,
}

impl Entry {
    /// The entry of a tool.
    #[must_use]
    pub const fn of<T: Tool>(name: &'static str) -> Entry {
        Entry { name, man: T::MAN, command: T::command, main: exit::main::<T> }
    }

    /// Its arguments, for pages and completions.
    #[must_use]
    pub fn command(&self) -> clap::Command {
        (self.command)().name(self.name)
    }

    /// Runs it on arguments, its name first.
    #[must_use]
    pub fn main(&self, arguments: Vec<OsString>) -> ExitCode {
        (self.main)(self.name, arguments)
    }
}
