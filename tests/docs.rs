//! Pages and completions, and what every program's arguments and prose must keep.
//!
//! man/*.1 and completions/ are generated here from the clap definitions and compared with what is committed;
//! `UPDATE=1 cargo test --test docs` rewrites them.

// A test fails by panicking, in its helpers too.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;
#[path = "docs/page.rs"]
mod page;

use clap_complete::Shell;
use common::{Home, installed};
use page::{about, args, forms, group_page, page, takes_value};
use pipepost::error::Exit;
use pipepost::net::script::{End, Mode, Player, Script};
use pipepost::tools::ALL;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The names in a directory.
fn names(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap_or_else(|e| panic!("{directory}: {e}"));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The date of this version's heading in CHANGELOG.md, as mdoc writes it.
fn release_date() -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let heading = format!("## {} - ", env!("CARGO_PKG_VERSION"));
    let changes = read("CHANGELOG.md");
    let date = changes.lines().find_map(|line| line.strip_prefix(&heading)).expect("CHANGELOG.md has no such version");
    let mut parts = date.trim().split('-').map(|part| part.parse::<usize>().expect("a date like 2026-11-22"));
    let (year, month, day) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    format!("{} {day}, {year}", MONTHS[month - 1])
}

/// What must be in the file system: path below the root, and contents.
fn generated() -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let date = release_date();
    for tool in ALL {
        files.insert(format!("man/{}.1", tool.name).into(), page(tool, ALL, &date).into_bytes());
        for group in tool.groups {
            files.insert(format!("man/{}.1", group.name).into(), group_page(tool, group, &date).into_bytes());
        }
        for (shell, name) in [
            (Shell::Bash, format!("{}.bash", tool.name)),
            (Shell::Zsh, format!("_{}", tool.name)),
            (Shell::Fish, format!("{}.fish", tool.name)),
        ] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut tool.command(), tool.name, &mut script);
            files.insert(PathBuf::from("completions").join(name), script);
        }
    }
    files
}

#[test]
fn pages_and_completions_are_those_of_the_arguments() {
    let files = generated();
    let update = std::env::var_os("UPDATE").is_some();
    let mut stale = Vec::new();
    for (path, contents) in &files {
        let file = root().join(path);
        if fs::read(&file).ok().as_ref() == Some(contents) {
            continue;
        }
        if update {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, contents).unwrap();
        } else {
            stale.push(path.display().to_string());
        }
    }
    let expected =
        |directory: &str| files.keys().filter_map(|f| f.strip_prefix(directory).ok()).collect::<BTreeSet<_>>();
    for directory in ["man", "completions"] {
        for name in names(directory) {
            let by_hand = directory == "man" && !name.ends_with(".1");
            if by_hand || expected(directory).contains(Path::new(&name)) {
                continue;
            }
            let file = Path::new(directory).join(&name);
            if update {
                fs::remove_file(root().join(file)).unwrap();
            } else {
                stale.push(format!("{} (of no program)", file.display()));
            }
        }
    }
    assert!(stale.is_empty(), "not up to date: {}\nrun UPDATE=1 cargo test --test docs", stale.join(", "));
}

#[test]
fn registry_bins_and_readme_name_the_same_programs() {
    let registry: BTreeSet<String> = ALL.iter().map(|tool| tool.name.to_owned()).collect();
    assert_eq!(registry.len(), ALL.len(), "a name twice");
    let mut bins = names("src/bin");
    assert!(bins.remove("pipepost.rs"));
    let bins: BTreeSet<String> = bins.iter().map(|bin| bin.strip_suffix(".rs").unwrap_or(bin).to_owned()).collect();
    assert_eq!(bins, registry, "src/bin and ALL differ");
    for name in &registry {
        let module = name.replace('-', "_");
        let kind: String = name.split('-').map(capitalised).collect();
        let form = format!(
            "//! {name}(1).\nfn main() -> std::process::ExitCode {{\n    \
             pipepost::cli::main::<pipepost::tools::{module}::{kind}>(\"{name}\")\n}}\n"
        );
        assert_eq!(read(&format!("src/bin/{name}.rs")), form);
    }
    let manual = read("man/pipepost.7");
    for name in &registry {
        assert!(manual.contains(&format!("\n.It Xr {name} 1\n")), "man/pipepost.7 does not list {name}");
    }
    let readme = read("README.md");
    let rows =
        readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).map(|(name, _)| name.to_owned());
    assert_eq!(rows.collect::<BTreeSet<_>>(), registry, "the table of programs in README.md and ALL differ");
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

#[test]
fn every_program_tells_what_it_is() {
    for tool in ALL {
        let name = tool.name;
        let mut command = tool.command();
        command.build();
        for form in [vec![&command], forms(&command)].concat() {
            let about = about(form);
            let sentence = !about.contains('\n') && about.starts_with(char::is_uppercase);
            assert!(sentence && about.len() <= 100, "{name}: about is no short sentence: {about:?}");
            let of_the_package = about == env!("CARGO_PKG_DESCRIPTION");
            assert!(
                !of_the_package,
                "{name}: #[command(about)] is the package's, the doc comment alone is the program's"
            );
        }
        assert!(command.get_version().is_some(), "{name}: no --version");
        for arg in args(&command) {
            let id = arg.get_id();
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.trim().is_empty(), "{name}: no help on {id}");
            assert!(!arg.is_hide_set(), "{name}: {id} is hidden");
            assert!(arg.is_positional() || arg.get_long().is_some(), "{name}: {id} has no long form");
            let named =
                arg.get_value_names().is_some_and(|names| names.iter().all(|n| n.chars().any(char::is_uppercase)));
            assert!(
                named || !(arg.is_positional() || takes_value(arg)),
                "{name}: {id}'s value has no name in capitals"
            );
        }
        prose_is_whole(name, tool.man);
        tool.groups.iter().for_each(|group| prose_is_whole(group.name, group.man));
    }
}

fn prose_is_whole(name: &str, man: &str) {
    let man = format!("\n{man}");
    for section in ["EXIT STATUS", "EXAMPLES"] {
        assert!(man.contains(&format!("\n.Sh {section}\n")), "{name}: no section {section}");
    }
    assert!(!man.contains("\n.Sh SEE ALSO"), "{name}: SEE ALSO is generated");
    let statuses = man.split("\n.Sh EXIT STATUS\n").nth(1).unwrap().split("\n.Sh ").next().unwrap();
    assert!(statuses.contains("\n.Xr pipepost 7"), "{name}: EXIT STATUS does not point to the whole table");
    let numbers =
        statuses.lines().filter(|line| !line.starts_with('.')).flat_map(|line| line.split([' ', ',', ';', '(', ')']));
    for number in numbers.filter_map(|word| word.parse::<u8>().ok()) {
        assert!(Exit::ALL.iter().any(|(exit, _, _)| exit.code() == number), "{name}: there is no status {number}");
    }
    let examples = man.split("\n.Sh EXAMPLES\n").nth(1).unwrap();
    assert!(examples.contains("\n.Bd -literal -offset indent\n"), "{name}: EXAMPLES without one");
}

#[test]
fn each_verb_has_one_page() {
    for tool in ALL.iter().filter(|tool| !tool.groups.is_empty()) {
        let command = tool.command();
        let mut verbs: Vec<&str> = tool.groups.iter().flat_map(|group| group.verbs).copied().collect();
        let mut all: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        verbs.sort_unstable();
        all.sort_unstable();
        assert_eq!(verbs, all, "{}: its groups and its verbs differ", tool.name);
    }
}

/// Flags whose help may name what a program lists or acts on: it begins alike, though.
const NAMES_THE_ITEM: &[(&str, &str)] = &[
    ("all", ""),
    ("all-accounts", "All accounts of the configuration that have "),
    // Of a message, or of its arrival.
    ("date", "The date, as in a Date field (default: "),
    // One that is made, or taken apart.
    ("digest", ""),
    ("dry-run", "Tell what would be "),
    ("exit-status", "End with status 1 if "),
    ("force", "Delete although it is most of "),
    // clap's own differs where help has two lengths.
    ("help", "Print help"),
    // Connections to one server, or accounts.
    ("jobs", ""),
    ("json", ""),
    // A program's own stdin or stdout is an mbox.
    ("mbox", ""),
    // With an envelope where messages are sent.
    ("ndjson", ""),
    // Of what is read, or of what is written.
    ("null", ""),
    ("limit", ""),
    // Of folders, or of parts.
    ("tree", ""),
    // One that is written, or those that are.
    ("part", ""),
    // What a message must not have, or its content.
    ("strict", ""),
    ("raw", ""),
    // mail-serve has many dialogues, and nothing else of `Common`.
    ("trace", "Append the dialogue"),
];

#[test]
fn a_flag_means_the_same_everywhere() {
    let mut long: BTreeMap<String, (String, String)> = BTreeMap::new();
    // Whether some program can do without its value, and which that is.
    let mut valued: BTreeMap<String, (bool, String)> = BTreeMap::new();
    let mut short: BTreeMap<char, (String, String)> = BTreeMap::new();
    for tool in ALL {
        let mut command = tool.command();
        command.build();
        for arg in args(&command) {
            let Some(name) = arg.get_long() else { continue };
            let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            if let Some((_, alike)) = NAMES_THE_ITEM.iter().find(|(flag, _)| *flag == name) {
                assert!(help.starts_with(alike), "{} --{name}: help does not begin with {alike:?}", tool.name);
                help.clear();
            }
            let meaning = format!("{:?} {help}", arg.get_short());
            let (first, before) = long.entry(name.into()).or_insert_with(|| (tool.name.into(), meaning.clone()));
            assert_eq!(*before, meaning, "--{name} of {first} and of {} differ", tool.name);
            let optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
            let names = arg.get_value_names().filter(|_| takes_value(arg)).map(|names| names.join(" "));
            // A value that may be missing only tells more of the same.
            let values = names.filter(|_| !optional).unwrap_or_default();
            let valued = valued.entry(name.into()).or_insert_with(|| (optional, values.clone()));
            assert!(optional || valued.0 || valued.1 == values, "the value of --{name} of {} is another", tool.name);
            valued.0 |= optional;
            let Some(letter) = arg.get_short() else { continue };
            let (first, before) = short.entry(letter).or_insert_with(|| (tool.name.into(), name.into()));
            assert_eq!(before, name, "-{letter} of {first} and of {} differ", tool.name);
        }
    }
}

/// The flags of a program, without their first hyphen, as `.Fl` has them.
fn flags(command: &clap::Command) -> BTreeSet<String> {
    let short = args(command).filter_map(|arg| arg.get_short().map(String::from));
    short.chain(args(command).filter_map(|arg| arg.get_long().map(|long| format!("-{long}")))).collect()
}

/// The words behind each `.Fl` of a page, also where it is not the line's first macro.
fn flags_in_prose(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in page.lines().filter(|line| line.starts_with('.')) {
        let mut in_flag = false;
        for word in line.trim_start_matches('.').split_whitespace() {
            let is_macro = word.len() == 2 && word.starts_with(|c: char| c.is_ascii_uppercase());
            if is_macro {
                in_flag = word == "Fl";
            } else if in_flag && !matches!(word, "," | "." | ";" | ":" | ")" | "(" | "|") {
                found.push(word);
            }
        }
    }
    found
}

/// The pages that a page names: `NAME SECTION`.
fn pages_in_prose(page: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with('.')) {
        let words: Vec<&str> = line.trim_start_matches('.').split_whitespace().collect();
        for (n, _) in words.iter().enumerate().filter(|(_, word)| **word == "Xr") {
            let (name, section) = (words.get(n + 1).expect(line), words.get(n + 2).expect(line));
            found.insert(((*name).to_owned(), (*section).to_owned()));
        }
    }
    found
}

/// The program that a page of section 1 is about, and the page's prose.
fn prose_of(page: &str) -> Option<(&'static str, &'static str)> {
    ALL.iter().find_map(|tool| {
        let group = tool.groups.iter().find(|group| group.name == page).map(|group| group.man);
        let prose = group.or_else(|| (tool.name == page).then_some(tool.man));
        prose.map(|prose| (tool.name, prose))
    })
}

/// Pages of other packages that ours may name.
const FOREIGN: &[&str] = &["mbox 5", "maildir 5", "sendmail 8", "sh 1", "sqlite3 1", "ps 1"];

#[test]
fn flags_and_pages_in_prose_exist() {
    let manuals = names("man");
    let commands: BTreeMap<&str, clap::Command> = ALL
        .iter()
        .map(|tool| {
            let mut command = tool.command();
            command.build();
            (tool.name, command)
        })
        .collect();
    for manual in &manuals {
        let page = read(&format!("man/{manual}"));
        assert!(page.is_ascii(), "man/{manual}: not ASCII");
        let references = pages_in_prose(&page);
        for (name, section) in &references {
            let known = manuals.contains(&format!("{name}.{section}"))
                || FOREIGN.contains(&format!("{name} {section}").as_str());
            assert!(known, "man/{manual}: there is no {name}({section})");
        }
        // A program's own flags; in pipepost(7) those of all. Prose may name another program's flag behind its name.
        let of = manual.strip_suffix(".1").map(|name| prose_of(name).expect(name));
        let own = of.map(|(program, _)| flags(&commands[program]));
        let prose = of.map_or(page.as_str(), |(_, prose)| prose);
        let named = pages_in_prose(prose);
        let of_others =
            commands.iter().filter(|(name, _)| own.is_none() || named.contains(&((**name).into(), "1".into())));
        let mut known: BTreeSet<String> = of_others.flat_map(|(_, command)| flags(command)).collect();
        known.extend(own.into_iter().flatten());
        for flag in flags_in_prose(prose) {
            assert!(known.contains(flag), "man/{manual}: there is no flag -{flag}");
        }
    }
}

/// The literal blocks of a page.
fn literal_blocks(page: &str) -> Vec<String> {
    let blocks = page.split("\n.Bd -literal -offset indent\n").skip(1);
    blocks.map(|rest| rest.split("\n.Ed\n").next().unwrap().replace("\\e", "\\") + "\n").collect()
}

#[test]
fn pages_by_hand_say_what_the_code_says() {
    for manual in names("man") {
        let page = read(&format!("man/{manual}"));
        let title = manual.replace('.', " ").to_uppercase();
        let head = format!(".Dd {}\n.Dt {title}\n.Os pipepost {}\n", release_date(), env!("CARGO_PKG_VERSION"));
        assert!(page.contains(&head), "man/{manual} does not begin with\n{head}");
    }
    let rows = Exit::ALL.iter().map(|(exit, name, meaning)| format!(".It {} {name}\n{meaning}\n", exit.code()));
    let table = rows.collect::<String>();
    assert!(read("man/pipepost.7").contains(&table), "man/pipepost.7 does not have Exit::ALL:\n{table}");
    let transcripts = literal_blocks(&read("man/pipepost-trace.5"));
    assert!(transcripts.len() > 1);
    for transcript in transcripts {
        let script = Script::parse(&transcript).unwrap_or_else(|why| panic!("man/pipepost-trace.5: {why}"));
        assert!(script.steps.len() > 5);
    }
}

#[test]
fn the_scan_of_prose_sees_flags_and_pages() {
    let prose = "with\n.Fl -into ,\n.Op Fl e Ar FILE\n.Xr a 1 ,\n.It Xr b 5\nFl -not\n.Fl n ) .\n";
    assert_eq!(flags_in_prose(prose), ["-into", "e", "n"]);
    assert_eq!(pages_in_prose(prose).into_iter().map(|(n, s)| n + &s).collect::<Vec<_>>(), ["a1", "b5"]);
}

#[test]
fn the_formatters_have_nothing_to_say() {
    for (program, arguments) in [("groff", &["-ww", "-man", "-z"][..]), ("mandoc", &["-Tlint", "-Wwarning"][..])] {
        for manual in names("man") {
            if !installed(program) {
                break;
            }
            let run = Command::new(program).args(arguments).arg(root().join("man").join(&manual)).output().unwrap();
            let said = [run.stdout, run.stderr].concat();
            assert_eq!(String::from_utf8_lossy(&said), "", "{program} on man/{manual}");
            assert!(run.status.success(), "{program} on man/{manual}: {}", run.status);
        }
    }
}

#[test]
fn the_examples_of_pipepost_7_run() {
    let home = Home::new();
    let examples = pipepost::cli::tool::examples(&read("man/pipepost.7"));
    assert!(!examples.is_empty());
    for (_, example) in examples {
        home.sh(&example).ends(0);
    }
}

/// The page's transcript, played to the program that it names.
#[test]
fn the_transcript_of_pipepost_trace_5_plays() {
    let pages = literal_blocks(&read("man/pipepost-trace.5"));
    let script = Script::parse(pages.iter().find(|page| page.starts_with("# run: ")).unwrap()).unwrap();
    let home = Home::new();
    home.sh("umask 077; echo tulip > password").ends(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("pop3+plain://bob@{}", listener.local_addr().unwrap());
    let url = format!("{url} --password-file password");
    let run = script.get("run").unwrap().replace("{url}", &url).replace("{out}", "out");
    let exit = script.get("exit").unwrap().parse().unwrap();
    let player = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        Player::server(&script).play(&mut socket, Mode::default()).unwrap()
    });
    let ran = home.sh(&run).ends(exit);
    assert_eq!(player.join().unwrap(), End::Whole, "{ran:?}");
    home.sh("test -z \"$(find out -type f)\"").ends(0);
}
