//! [`Tool`], what a program is, and [`Entry`], a program in the registry.
//!
//! A program of many verbs has a page for each [`Group`] of them, beside the one that says what they have in common.

use super::exit::{self, Outcome};
use std::ffi::OsString;
use std::process::ExitCode;

/// A program: its arguments (the clap definition), its page, what it does.
pub trait Tool: clap::Parser {
    /// The page's prose behind the options, in mdoc: `.Sh EXIT STATUS`, `.Sh EXAMPLES` and what else there is to say. Every
    /// example is run by the tests.
    const MAN: &'static str;
    /// Its verbs, each in one group, if they are too many for a page.
    const GROUPS: &'static [Group] = &[];

    /// The arguments as clap shall read them, the program's name first: for words that look like flags and are none.
    #[must_use]
    fn arguments(all: Vec<OsString>) -> Vec<OsString> {
        all
    }

    /// Does it.
    ///
    /// # Errors
    /// Why it stops, with the status.
    fn run(self) -> Outcome;
}

/// Verbs that share a page.
pub struct Group {
    /// The page's name.
    pub name: &'static str,
    /// What they do, as a sentence without its stop.
    pub about: &'static str,
    /// Themselves.
    pub verbs: &'static [&'static str],
    /// The page's prose, as [`Tool::MAN`].
    pub man: &'static str,
}

/// The examples of a program, or of the group that a verb belongs to.
#[must_use]
pub fn examples_of<T: Tool>(verb: Option<&str>) -> Vec<(String, String)> {
    let group = T::GROUPS.iter().find(|group| verb.is_some_and(|verb| group.verbs.contains(&verb)));
    examples(group.map_or(T::MAN, |group| group.man))
}

/// A program of the registry.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page's prose.
    pub man: &'static str,
    /// The groups of its verbs.
    pub groups: &'static [Group],
    command: fn() -> clap::Command,
    main: fn(&'static str, Vec<OsString>) -> ExitCode,
}

impl Entry {
    /// The entry of a tool.
    #[must_use]
    pub const fn of<T: Tool>(name: &'static str) -> Entry {
        Entry { name, man: T::MAN, groups: T::GROUPS, command: T::command, main: exit::run::<T> }
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

/// The examples of a page's prose, as shell text: the displays of its EXAMPLES section, each with the sentence before it.
#[must_use]
pub fn examples(man: &str) -> Vec<(String, String)> {
    let section = man.split(".Sh EXAMPLES\n").nth(1).unwrap_or_default();
    let section = section.split("\n.Sh ").next().unwrap_or_default();
    let plain = |line: &str| line.replace("\\e", "\\").replace("\\-", "-").replace("\\&", "");
    let (mut all, mut said, mut code) = (Vec::new(), Vec::new(), None::<Vec<String>>);
    for line in section.lines() {
        match (&mut code, line) {
            (None, line) if line.starts_with(".Bd") => code = Some(Vec::new()),
            (None, ".Pp" | "") => said.clear(),
            (None, line) => {
                // A macro line is its words.
                let words = line.split(' ').skip(usize::from(line.starts_with('.'))).collect::<Vec<_>>();
                said.push(plain(&words.join(" ")));
            }
            (Some(lines), ".Ed") => {
                all.push((said.join(" "), lines.join("\n")));
                (code, said) = (None, Vec::new());
            }
            (Some(lines), line) => lines.push(plain(line)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn examples_are_displays_with_their_sentence() {
        let man = ".Sh A\nx\n.Sh EXAMPLES\nTwo words\nmore:\n.Bd -literal\na \\e\nb\n.Ed\n.Pp\nWith\n.Fl x\n.Bd -literal\nc\n.Ed\n.Sh B\n";
        let got = super::examples(man);
        assert_eq!(got, [("Two words more:".into(), "a \\\nb".into()), ("With x".into(), "c".into())]);
    }
}
