//! A program's manual page in mdoc(7), out of its clap definition and its prose. (clap_mangen writes man(7), which can't hold
//! mdoc prose.)

use clap::{Arg, ArgAction, Command};
use pipepost::cli::Entry;
use pipepost::cli::tool::Group;
use std::fmt::Write;

/// The page of `tool`. `all`: every program, for SEE ALSO; `date`: of the release, as mdoc wants it.
pub(crate) fn page(tool: &Entry, all: &[Entry], date: &str) -> String {
    let mut command = tool.command();
    command.build();
    let name = tool.name;
    let mut out = head(name, &about(&command), date);
    out.push_str(".Sh SYNOPSIS\n");
    if tool.groups.is_empty() {
        forms(&command).into_iter().for_each(|command| synopsis(&mut out, command));
    } else {
        let _ = writeln!(out, ".Nm {name}\n.Ar VERB\n.Op Ar ARGUMENT ...");
    }
    out.push_str(".Sh DESCRIPTION\n");
    text(&mut out, &description(&command));
    if tool.groups.is_empty() {
        subcommands(&command).for_each(|below| verb(&mut out, name, below));
    }
    for group in tool.groups {
        let _ = writeln!(out, ".Pp\n{}:\n.Xr {} 1", escape(group.about), group.name);
        out.push_str(".Bl -tag -width reply-all -compact\n");
        for below in group.verbs.iter().map(|verb| command.find_subcommand(verb).expect(verb)) {
            let _ = writeln!(out, ".It Cm {}", below.get_name());
            text(&mut out, &(about(below) + "."));
        }
        out.push_str(".El\n");
    }
    out.push_str(".Sh OPTIONS\n");
    options(&mut out, command.get_arguments());
    out.push_str(tool.man.trim());
    let groups = tool.groups.iter().map(|group| (1, group.name));
    let mut others: Vec<(u8, &str)> = all.iter().map(|other| (1, other.name)).filter(|(_, n)| *n != name).collect();
    others.extend(groups);
    others.extend(args(&command).any(|arg| arg.get_id() == "trace").then_some((5, "pipepost-trace")));
    others.push((7, "pipepost"));
    see_also(&mut out, others);
    out
}

/// The page of a group of verbs.
pub(crate) fn group_page(tool: &Entry, group: &Group, date: &str) -> String {
    let mut command = tool.command();
    command.build();
    let mut out = head(group.name, group.about, date);
    let verbs = || group.verbs.iter().map(|verb| command.find_subcommand(verb).expect(verb));
    out.push_str(".Sh SYNOPSIS\n");
    verbs().for_each(|below| synopsis(&mut out, below));
    out.push_str(".Sh DESCRIPTION\n");
    let _ = writeln!(out, "What the verbs read, and what they have in common, is in\n.Xr {} 1 .", tool.name);
    verbs().for_each(|below| verb(&mut out, tool.name, below));
    out.push_str(group.man.trim());
    let mut others: Vec<(u8, &str)> = tool.groups.iter().map(|other| (1, other.name)).collect();
    others.retain(|(_, name)| *name != group.name);
    others.extend([(1, tool.name), (7, "pipepost")]);
    see_also(&mut out, others);
    out
}

fn head(name: &str, about: &str, date: &str) -> String {
    let mut out = String::from(".\\\" Made by `UPDATE=1 cargo test --test docs` from src/tools: edit there.\n");
    let _ = writeln!(out, ".Dd {date}\n.Dt {} 1\n.Os pipepost {}", name.to_uppercase(), env!("CARGO_PKG_VERSION"));
    let _ = writeln!(out, ".Sh NAME\n.Nm {name}\n.Nd {}", macro_words(&lower_first(about)));
    out
}

fn verb(out: &mut String, program: &str, below: &Command) {
    let _ = writeln!(out, ".Ss {program} {}", below.get_name());
    text(out, &description(below));
    options(out, below.get_arguments().filter(is_ordinary));
}

fn see_also(out: &mut String, mut others: Vec<(u8, &str)>) {
    others.sort_unstable();
    let others: Vec<String> = others.iter().map(|(section, name)| format!(".Xr {name} {section}")).collect();
    let _ = writeln!(out, "\n.Sh SEE ALSO\n{}", others.join(" ,\n"));
}

/// The command itself, or its subcommands if it has any.
pub(crate) fn forms(command: &Command) -> Vec<&Command> {
    if command.has_subcommands() { subcommands(command).collect() } else { vec![command] }
}

fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|c| c.get_name() != "help")
}

/// All arguments, those of subcommands too.
pub(crate) fn args(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().chain(subcommands(command).flat_map(Command::get_arguments))
}

/// The sentence that says what it does, without its stop.
pub(crate) fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn description(command: &Command) -> String {
    let mut text = command.get_long_about().map_or_else(|| about(command), ToString::to_string);
    end_sentence(&mut text);
    text
}

/// clap takes the stop from the end of doc comments.
fn end_sentence(text: &mut String) {
    if !text.ends_with('.') {
        text.push('.');
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Whether a value follows the flag.
pub(crate) fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// The names of an argument's values, as `.Ar` arguments.
fn values(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let mut words: Vec<String> = names.iter().map(|name| quoted(name.as_str())).collect();
    if arg.is_positional() && arg.get_num_args().is_some_and(|n| n.max_values() > 1) {
        words.push("...".into());
    }
    words.join(" ")
}

fn is_ordinary(arg: &&Arg) -> bool {
    !matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version)
}

fn synopsis(out: &mut String, command: &Command) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    match name.split_once(' ') {
        Some((program, form)) => {
            let _ = writeln!(out, ".Nm {program}\n.Cm {form}");
        }
        None => {
            let _ = writeln!(out, ".Nm {name}");
        }
    }
    let ordinary = || command.get_arguments().filter(is_ordinary);
    let mut plain: Vec<char> = ordinary().filter(|a| !takes_value(a)).filter_map(Arg::get_short).collect();
    plain.sort_unstable_by_key(|c| (c.to_ascii_lowercase(), *c));
    if !plain.is_empty() {
        let _ = writeln!(out, ".Op Fl {}", plain.iter().collect::<String>());
    }
    for arg in ordinary().filter(|a| !a.is_positional() && (takes_value(a) || a.get_short().is_none())) {
        let flag = match (arg.get_short(), arg.get_long()) {
            (Some(short), _) => short.to_string(),
            (None, long) => format!("-{}", long.unwrap_or_default()),
        };
        let value = if takes_value(arg) { format!(" Ar {}", values(arg)) } else { String::new() };
        let _ = if arg.is_required_set() {
            writeln!(out, ".Fl {flag}{value}")
        } else {
            writeln!(out, ".Op Fl {flag}{value}")
        };
    }
    for arg in command.get_positionals() {
        let _ = if arg.is_required_set() {
            writeln!(out, ".Ar {}", values(arg))
        } else {
            writeln!(out, ".Op Ar {}", values(arg))
        };
    }
}

/// The list of arguments: positional ones, then flags in the order of `--help`.
fn options<'a>(out: &mut String, args: impl Iterator<Item = &'a Arg>) {
    out.push_str(".Bl -tag -width Ds\n");
    let (positional, flags): (Vec<&Arg>, Vec<&Arg>) = args.partition(|arg| arg.is_positional());
    for arg in positional.into_iter().chain(flags) {
        let value = if arg.is_positional() || takes_value(arg) { format!("Ar {}", values(arg)) } else { String::new() };
        let mut names: Vec<String> = Vec::new();
        names.extend(arg.get_short().map(|short| format!("Fl {short}")));
        names.extend(arg.get_long().map(|long| format!("Fl -{long}")));
        let item = [names.join(" , "), value].join(" ");
        let _ = writeln!(out, ".It {}", item.trim());
        let mut help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
        // clap's own help speaks of the other kind of help.
        if let Some(at) = help.find(" (see ").filter(|_| !is_ordinary(&arg)) {
            help.truncate(at);
        }
        end_sentence(&mut help);
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if takes_value(arg) && !defaults.is_empty() {
            let _ = write!(help, " The default is {}.", defaults.join(", "));
        }
        let possible: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if takes_value(arg) && !possible.is_empty() {
            let _ = write!(help, " It is one of {}.", possible.join(", "));
        }
        text(out, &help);
    }
    out.push_str(".El\n");
}

/// A word as one argument of a macro.
fn quoted(word: &str) -> String {
    let word = escape(word);
    if word.contains([' ', '"']) { format!("\"{}\"", word.replace('"', "\"\"")) } else { word }
}

/// Words behind a macro that takes a line of text: none of them may be taken for a macro or a delimiter.
fn macro_words(words: &str) -> String {
    let word = |word: &str| {
        let callable = word.len() <= 3 && word.starts_with(|c: char| c.is_ascii_uppercase());
        if callable { format!("\\&{}", escape(word)) } else { escape(word) }
    };
    words.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// Text in paragraphs, each sentence on a line of its own, so that the formatter knows where they end.
fn text(out: &mut String, text: &str) {
    for (n, paragraph) in text.split("\n\n").enumerate() {
        if n > 0 {
            out.push_str(".Pp\n");
        }
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in words.split_inclusive(". ") {
            let line = escape(sentence.trim_end());
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            let _ = writeln!(out, "{guard}{line}");
        }
    }
}

/// Escapes for roff: backslashes, the minus of flags, what is not ASCII.
fn escape(text: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' if !before.is_alphanumeric() => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            c if c.is_ascii() => out.push(c),
            c => {
                let _ = write!(out, "\\[u{:04X}]", u32::from(c));
            }
        }
        before = c;
    }
    out
}
