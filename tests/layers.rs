//! Who may name whom: the table of src/lib.rs, enforced on the sources, and a few bounds that no compiler checks.

// A test fails by panicking, in its helpers too.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room and the rooms that it may name, besides itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &["text"]),
    ("text", &["error", "body"]),
    ("body", &["error"]),
    ("secret", &[]),
    ("proto", &["error", "text", "secret"]),
    ("message", &["error", "text", "body"]),
    ("net", &["error", "text", "body", "secret"]),
    ("store", &["error", "text", "body", "secret", "message"]),
    ("config", &["error", "text", "secret", "proto", "message", "net"]),
    ("client", &["error", "text", "body", "secret", "proto", "net"]),
    ("server", &["error", "text", "body", "secret", "proto", "message", "net", "store"]),
    ("queue", &["error", "text", "body", "secret", "proto", "message", "net", "store", "config", "client"]),
    (
        "cli",
        &["error", "text", "body", "secret", "proto", "message", "net", "store", "config", "client", "server", "queue"],
    ),
    (
        "tools",
        &[
            "error", "text", "body", "secret", "proto", "message", "net", "store", "config", "client", "server",
            "queue", "cli",
        ],
    ),
    ("bin", &["cli", "tools"]),
];

/// Words, and the only places (beginnings of paths below src) where shipped code may have them. In tests, crates may be
/// oracles and a clock may measure.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("clap", &["cli/", "tools/", "tools.rs"]),
    ("anyhow", &["cli/", "tools/"]),
    ("indicatif", &["cli/progress.rs"]),
    ("html2text", &["cli/html.rs"]),
    ("idna", &["text/domain.rs"]),
    ("mail_builder", &["message/compose"]),
    ("mail_parser", &["message/decode"]),
    (
        "rusqlite",
        &[
            "queue/",
            "store/alerts.rs",
            "store/announced.rs",
            "store/db.rs",
            "store/logins.rs",
            "store/policies.rs",
            "store/state",
            "server/mailbox/cache.rs",
            "store/tokens.rs",
            "server/mailbox/uids.rs",
        ],
    ),
    ("Connection::open", &["store/db.rs"]),
    ("use domain", &["net/dns/"]),
    ("rustls", &["net/tls"]),
    ("webpki", &["net/tls"]),
    (
        "ring::",
        &[
            "client/oauth/mod.rs",
            "net/tls",
            "config/passwd.rs",
            "proto/sasl/hash.rs",
            "message/digest.rs",
            "message/dkim/crypto.rs",
        ],
    ),
    ("hmac::", &["config/passwd.rs", "proto/sasl/hash.rs", "message/digest.rs"]),
    ("md5::", &["proto/sasl/hash.rs"]),
    ("stringprep", &["proto/sasl/prep.rs"]),
    ("rcgen", &["net/tls/own.rs"]),
    ("TcpListener", &["client/oauth/redirect.rs", "server/listen.rs", "tools/mail_serve"]),
    ("TcpStream", &["client/oauth/redirect.rs", "net/", "server/listen.rs"]),
    ("signal_hook", &["cli/prompt.rs", "cli/signals.rs"]),
    ("toml", &["config/read"]),
    ("ureq", &["net/http"]),
    ("csv::", &["cli/compose/merge.rs"]),
    ("process::exit", &[]),
    ("process::abort", &[]),
    ("unsafe", &[]),
];

/// What pure rooms know nothing of: files, the network, clocks, threads, the environment.
const PURE: &[&str] = &["proto", "message"];
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::unix::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime::now",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "getrandom",
    "rustix",
];

/// The longest file, in lines.
const LONGEST: usize = 600;

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file: its path below src, and its text.
fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<(String, String)>) {
        let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(src()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&src(), &mut found);
    assert!(found.len() > 50, "where are the sources?");
    found
}

/// The room of a file: its first directory, or the file's own name.
fn room(path: &str) -> &str {
    path.split('/').next().map_or(path, |first| first.strip_suffix(".rs").unwrap_or(first))
}

/// How many `super::` lead from the file's own module to the crate's root.
fn depth(path: &str) -> usize {
    path.trim_end_matches(".rs").split('/').filter(|name| !matches!(*name, "mod" | "lib" | "main")).count()
}

/// The code alone: comments, and what stands between quotes, become spaces.
fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let blank = |out: &mut Vec<u8>, from: usize, to: usize| {
        for b in &mut out[from..to] {
            if *b != b'\n' {
                *b = b' ';
            }
        }
    };
    let find =
        |from: usize, what: &str| text.get(from..).and_then(|rest| rest.find(what)).map_or(bytes.len(), |at| from + at);
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let end = if rest.starts_with(b"//") {
            find(at, "\n")
        } else if rest.starts_with(b"/*") {
            let (mut depth, mut to) = (0, at);
            loop {
                match bytes.get(to..to + 2) {
                    Some(b"/*") => (depth, to) = (depth + 1, to + 2),
                    Some(b"*/") => (depth, to) = (depth - 1, to + 2),
                    Some(_) => to += 1,
                    None => break bytes.len(),
                }
                if depth == 0 {
                    break to;
                }
            }
        } else if !word_before && (rest.starts_with(b"r\"") || rest.starts_with(b"r#"))
            || rest.starts_with(b"br\"")
            || rest.starts_with(b"br#")
        {
            let start = at + 1 + usize::from(rest[0] == b'b');
            let hashes = bytes[start..].iter().take_while(|b| **b == b'#').count();
            if bytes.get(start + hashes) == Some(&b'"') {
                let close = format!("\"{}", "#".repeat(hashes));
                (find(start + hashes + 1, &close) + close.len()).min(bytes.len())
            } else {
                at // r#raw_identifier
            }
        } else if rest[0] == b'"' {
            let mut to = at + 1;
            while to < bytes.len() && bytes[to] != b'"' {
                to += if bytes[to] == b'\\' { 2 } else { 1 };
            }
            (to + 1).min(bytes.len())
        } else if rest[0] == b'\'' {
            // A character, or a lifetime, which has no closing quote behind its first character.
            let first = text.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            if rest.get(1) == Some(&b'\\') {
                find(at + 3, "'") + 1
            } else if rest.get(1 + first) == Some(&b'\'') {
                at + 2 + first
            } else {
                at
            }
        } else {
            at
        };
        if end > at {
            blank(&mut out, at, end);
            at = end;
        } else {
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

/// The code without its inline `#[cfg(test)] mod`s, and the names of its test modules that are files of their own.
fn shipped(code: &str) -> (String, Vec<String>) {
    let (mut out, mut files) = (String::new(), Vec::new());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let mut item = after.strip_prefix("#[cfg(test)]").unwrap().trim_start();
        while item.starts_with("#[") {
            item = item.split_once(']').unwrap().1.trim_start();
        }
        let end = item.find([';', '{']).unwrap_or(item.len());
        let (head, body) = item.split_at(end);
        if let Some(behind) = body.strip_prefix(';') {
            files.extend(head.trim().strip_prefix("mod ").map(str::to_owned));
            rest = behind;
            continue;
        }
        let mut depth = 0usize;
        let close = body.bytes().position(|b| {
            depth = if b == b'{' { depth + 1 } else { depth - usize::from(b == b'}') };
            depth == 0
        });
        rest = &body[close.map_or(body.len(), |close| close + 1)..];
    }
    out.push_str(rest);
    (out, files)
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Where a path like `std::fs` stands in code as whole words (its last may go on: `std::net::Tcp`).
fn positions<'c>(code: &'c str, what: &'c str) -> impl Iterator<Item = usize> + 'c {
    let starts = code.match_indices(what).map(|(at, _)| at);
    starts.filter(move |at| *at == 0 || !is_word(code.as_bytes()[at - 1]))
}

/// Whether code has this word or path; a single word must end where it ends, a path may go on.
fn has(code: &str, what: &str) -> bool {
    positions(code, what)
        .any(|at| what.contains("::") || !code.as_bytes().get(at + what.len()).copied().is_some_and(is_word))
        || what.rsplit_once("::").is_some_and(|(module, item)| imports(code, module, item))
}

/// Whether a `use module::{a, item, ...}` has the item; deeper groups count by their first names.
fn imports(code: &str, module: &str, item: &str) -> bool {
    let open = format!("{module}::{{");
    positions(code, &open).any(|at| firsts(&code[at + open.len() - 1..]).iter().any(|name| name.starts_with(item)))
        || module.rsplit_once("::").is_some_and(|(above, last)| {
            let open = format!("{above}::{{");
            positions(code, &open).any(|at| {
                let group = &code[at + open.len()..];
                firsts(&code[at + open.len() - 1..]).iter().any(|name| name == last)
                    && positions(group, &format!("{last}::{item}")).next().is_some()
            })
        })
}

/// The first names in a group: of `{a::b, c, d::{e, f}}` a, c, d.
fn firsts(group: &str) -> Vec<String> {
    let (mut found, mut depth, mut fresh) = (Vec::new(), 0, false);
    for (at, c) in group.char_indices() {
        match c {
            '{' => (depth, fresh) = (depth + 1, depth == 0),
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' => fresh = depth == 1,
            c if fresh && (c.is_alphanumeric() || c == '_') => {
                let rest = &group[at..];
                found.push(rest[..rest.bytes().position(|b| !is_word(b)).unwrap_or(rest.len())].to_owned());
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

/// The names at the rest of a path: one, or those of a group.
fn names_at(rest: &str) -> Vec<String> {
    let rest = rest.trim_start();
    if rest.starts_with('{') {
        return firsts(rest);
    }
    let end = rest.bytes().position(|b| !is_word(b)).unwrap_or(rest.len());
    vec![rest[..end].to_owned()]
}

/// The rooms that a file names: by `crate::`, by as many `super::` as lead to the root, by the crate's name.
fn named(path: &str, code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for start in ["crate::", "pipepost::"] {
        found.extend(positions(code, start).flat_map(|at| names_at(&code[at + start.len()..])));
    }
    // Inside inline modules one more leads there; what is found with too few or too many is no room's name.
    let up = depth(path);
    for levels in up..up + 2 {
        let start = "super::".repeat(levels.max(1));
        // Not the end of a longer chain.
        let chains = positions(code, &start).filter(|at| !code[..*at].ends_with("super::"));
        found.extend(chains.flat_map(|at| names_at(&code[at + start.len()..])));
    }
    found.retain(|name| LAYERS.iter().any(|(room, _)| room == name));
    found
}

/// What is wrong with a file.
fn wrongs(path: &str, text: &str, is_test: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let code = code(text);
    let own = room(path);
    if own != "lib" {
        match LAYERS.iter().find(|(room, _)| *room == own) {
            None => wrong.push(format!("{path}: no room {own} in the table of tests/layers.rs")),
            Some((_, allowed)) => {
                for name in named(path, &code) {
                    if name != own && !allowed.contains(&name.as_str()) {
                        wrong.push(format!("{path}: {own} names {name}"));
                    }
                }
            }
        }
    }
    let lines = text.lines().count();
    if lines > LONGEST {
        wrong.push(format!("{path}: {lines} lines, and {LONGEST} is a split"));
    }
    if is_test {
        return wrong;
    }
    let (code, _) = shipped(&code);
    for (word, places) in ONLY_IN {
        if has(&code, word) && !places.iter().any(|place| path.starts_with(place)) {
            wrong.push(format!("{path}: {word}, which belongs to {places:?} only"));
        }
    }
    if PURE.contains(&own) {
        wrong
            .extend(IMPURE.iter().filter(|word| has(&code, word)).map(|word| format!("{path}: {word} in a pure room")));
    }
    wrong
}

#[test]
fn every_file_keeps_to_its_layer() {
    let sources = sources();
    let mut tests = BTreeSet::new();
    for (path, text) in &sources {
        // `mod x;` of a/b.rs is a/b/x.rs, of a/mod.rs a/x.rs; a path attribute stays beside the file.
        let (beside, file) = path.rsplit_once('/').unwrap_or(("", path));
        let stem = file.trim_end_matches(".rs");
        for name in shipped(&code(text)).1 {
            let below = if matches!(stem, "mod" | "lib") { beside.to_owned() } else { format!("{beside}/{stem}") };
            tests.insert(format!("{below}/{name}.rs"));
            tests.insert(format!("{beside}/{stem}_{name}.rs"));
        }
    }
    let wrong: Vec<String> = sources.iter().flat_map(|(path, text)| wrongs(path, text, tests.contains(path))).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_table_is_of_layers() {
    let rooms: Vec<&str> = LAYERS.iter().map(|(room, _)| *room).collect();
    let listed = fs::read_to_string(src().join("lib.rs")).unwrap();
    let modules: BTreeSet<&str> =
        listed.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(
        modules,
        rooms.iter().copied().filter(|room| *room != "bin").collect(),
        "src/lib.rs and the table differ"
    );
    for (n, (room, allowed)) in LAYERS.iter().enumerate() {
        for name in *allowed {
            // The ground's rooms stand side by side.
            let at = rooms.iter().position(|r| r == name).unwrap();
            assert!(at < n || n < 4, "{room} may name {name}, which stands above it");
        }
    }
}

#[test]
fn pages_of_tests_are_short_too() {
    for entry in fs::read_dir(src().join("../tests")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|e| e == "rs") {
            let lines = fs::read_to_string(&entry).unwrap().lines().count();
            assert!(lines <= LONGEST, "{}: {lines} lines, and {LONGEST} is a split", entry.display());
        }
    }
}

/// Every rule must be able to fail.
#[test]
fn bad_examples_are_found() {
    let long = "\n".repeat(LONGEST + 1);
    for (path, text, wrong) in [
        ("client/pop3.rs", "use crate::server::World;", "client names server"),
        ("client/pop3.rs", "use crate::{error::Error, store::{db, Spool}};", "client names store"),
        ("client/pop3.rs", "use crate::{\n    error::Error,\n    cli,\n};", "client names cli"),
        ("client/pop3.rs", "fn f() { let w = crate::server::World::new(); }", "client names server"),
        ("client/pop3.rs", "use super::super::store::db;", "client names store"),
        ("client/mod.rs", "use super::{error, server};", "client names server"),
        ("client/imap/mod.rs", "mod tests { use super::super::super::server; }", "client names server"),
        ("net/trace.rs", "fn f(_: &'static str) -> char { crate::proto::x('\"') }", "net names proto"),
        ("proto/imap/lex.rs", "use crate::message::date::Date;", "proto names message"),
        ("store/db.rs", "use crate::net::Wire;", "store names net"),
        ("bin/x.rs", "fn main() { pipepost::server::serve() }", "bin names server"),
        ("attic/x.rs", "", "no room attic"),
        ("net/wire.rs", "use clap::Parser;", "clap, which belongs"),
        ("cli/out.rs", "use indicatif::ProgressBar;", "indicatif, which belongs"),
        ("store/maildir.rs", "use rusqlite::params;", "rusqlite, which belongs"),
        ("store/state.rs", "fn f() { rusqlite::Connection::open(p) }", "Connection::open, which belongs"),
        ("message/mime.rs", "fn f() { mail_parser::parse() }", "mail_parser, which belongs"),
        ("cli/exit.rs", "fn f() { std::process::exit(1) }", "process::exit, which belongs"),
        ("cli/exit.rs", "use std::process::{ExitCode, exit};", "process::exit, which belongs"),
        ("text.rs", "fn f() { unsafe { g() } }", "unsafe, which belongs"),
        ("proto/smtp.rs", "use std::fs;", "std::fs in a pure room"),
        ("proto/smtp.rs", "use std::{fs::File, io};", "std::fs in a pure room"),
        ("message/date.rs", "fn f() { SystemTime::now() }", "SystemTime::now in a pure room"),
        ("message/date.rs", "use std::net::{IpAddr, TcpStream};", "std::net::Tcp in a pure room"),
        ("text.rs", long.as_str(), "601 lines"),
    ] {
        let found = wrongs(path, text, false);
        assert!(found.iter().any(|found| found.contains(wrong)), "{text}: {found:?}");
    }
}

#[test]
fn good_examples_are_left_alone() {
    for (path, text) in [
        ("client/pop3.rs", "//! [`crate::server`]\n/* use crate::server; */ use crate::{net::Wire, proto};"),
        (
            "client/pop3.rs",
            "const A: &str = \"crate::server\"; const B: &str = r#\"\"crate::cli\"#; const C: &[u8] = br\"crate::cli\";",
        ),
        ("client/pop3.rs", "fn f<'a>(c: char) -> &'a str { match c { '\"' => \"\\\"crate::cli\", _ => \"unsafe\" } }"),
        ("server/imap/append.rs", "use super::super::mailbox::Account; use super::store;"),
        ("server/imap/tests.rs", "use super::super::mailbox;"),
        (
            "message/date.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests {\n    fn g() { std::fs::read(\"}\"); mail_parser::x() }\n}",
        ),
        ("message/date.rs", "fn clap_like(unsafe_name: u8) {}"),
    ] {
        assert_eq!(wrongs(path, text, false), Vec::<String>::new(), "{text}");
    }
    let (kept, files) = shipped("a\n#[cfg(test)]\n#[path = \"\"]\nmod tests;\nb\n#[cfg(test)]\nmod more { { } }\nc");
    assert_eq!((kept.split_whitespace().collect::<Vec<_>>(), files), (vec!["a", "b", "c"], vec!["tests".to_owned()]));
}
