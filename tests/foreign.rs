//! mail-serve under clients that nobody here wrote, and under the test suites of two more.
//!
//! On Debian: `apt-get install curl msmtp swaks libnet-ssleay-perl mpop fetchmail getmail6 isync mutt python3-venv pkg-config libssl-dev`.
//! What is not installed is skipped, and fails where `CI` is set. The suites come from PyPI and crates.io and are kept below
//! `target/`; until `CI=true cargo test --test foreign` has fetched them they are skipped too.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod common;

use common::{Home, Ran, Server, bin};
use std::ffi::OsString;
use std::path::Path;

/// A server that made its own password and certificate, and messages to send to it.
struct Place {
    home: Home,
    server: Server,
}

impl Place {
    /// `None` where a tool is not installed.
    fn with(tools: &[&str], arguments: &[&str]) -> Option<Place> {
        let missing: Vec<_> = tools.iter().filter(|tool| !on_path(tool)).collect();
        if !missing.is_empty() {
            skipped(&format!("{missing:?} not installed"));
            return None;
        }
        let home = Home::new();
        let server = Server::start(&home, &[&["--create", "--lmtp-port", "0"], arguments].concat());
        for (n, message) in (1..).zip(messages()) {
            std::fs::write(home.path().join(format!("{n}.eml")), &message).unwrap();
        }
        Some(Place { home, server })
    }

    /// Runs a script of tests/interop/foreign in the home; it knows the server, and what else is given, by its environment.
    fn runs(&self, script: &str, more: &[(String, OsString)]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/foreign").join(script);
        let mut command = self.home.command("timeout");
        // The time is only for what would hang for ever.
        command.args(["-k", "5", "900", "sh", "-eu"]).arg(&script);
        for (name, port) in &self.server.ports {
            command.env(name.to_uppercase(), port.to_string());
        }
        command.env("ROOT", &self.server.root).env("CA", self.server.root.join(".tls.pem"));
        command.env("PASSWORD_FILE", self.server.password_file()).env("LIB", script.with_file_name("lib.sh"));
        command.envs(more.iter().cloned());
        let ran = Ran::of(command, b"");
        assert_eq!(ran.status, 0, "{}\n{}\n{}", script.display(), ran.out, ran.err);
    }
}

fn on_path(tool: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join(tool).is_file())
}

fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    println!("skipped: {why}");
}

/// What has broken servers and clients before: dots, `From `, a line of 998, bytes that are no text, an empty body, a body of
/// empty lines, no line end at the end, half a MiB. They differ in their first line, where scripts find them again.
fn messages() -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = (0x80..=0xffu8).collect();
    let bodies: [Vec<u8>; 8] = [
        b"hello\n".to_vec(),
        b".\n..\n.x\n\n.\n".to_vec(),
        [b"x".repeat(998), b"\nFrom here\n>From there\n".to_vec()].concat(),
        [&bytes[..], b"\n\ttab\n"].concat(),
        Vec::new(),
        b"\n\n\n".to_vec(),
        b"no line end".to_vec(),
        b"a line of some length, and another one like it\n".repeat(11_000),
    ];
    let head = |n: usize| {
        let head = "To: bob@localhost\nDate: Sun, 22 Nov 2026 12:00:00 +0100";
        format!("From: Alice {n} <alice@localhost>\n{head}\nSubject: message {n}\nMessage-ID: <{n}@localhost>\n\n")
    };
    (1..).zip(&bodies).map(|(n, body)| [head(n).as_bytes(), body].concat()).collect()
}

fn run(script: &str, tools: &[&str]) {
    if let Some(place) = Place::with(tools, &[]) {
        place.runs(script, &[]);
    }
}

/// A script that gets the suite `name` from a registry if it is not below target/ yet.
fn run_suite(script: &str, name: &str, tools: &[&str], arguments: &[&str]) {
    let cache = bin().parent().unwrap().join("foreign");
    if !cache.join(name).join("ready").exists() && std::env::var_os("CI").is_none() {
        skipped(&format!("{name} has not been fetched yet: CI=true cargo test --test foreign does"));
    } else if let Some(place) = Place::with(tools, arguments) {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mailfmt/dkim");
        let mut more =
            vec![("CACHE".to_owned(), cache.into_os_string()), ("FIXTURES".to_owned(), fixtures.into_os_string())];
        // This very compiler: by the names in PATH, rustup would follow a rust-toolchain.toml in some dependency, and
        // change what is installed.
        let compilers = Path::new(env!("CARGO")).parent().unwrap();
        for name in ["cargo", "rustc", "rustdoc"] {
            more.push((name.to_uppercase(), compilers.join(name).into_os_string()));
        }
        more.push(("RUSTUP_AUTO_INSTALL".to_owned(), "0".into()));
        let cargo_home = || std::env::home_dir().unwrap().join(".cargo").into_os_string();
        more.push(("CARGO_HOME".to_owned(), std::env::var_os("CARGO_HOME").unwrap_or_else(cargo_home)));
        // How this machine reaches the registries.
        more.extend(std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let begins = ["PIP_", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_", "SSL_CERT_"];
            let ours = begins.iter().any(|begin| name.starts_with(begin)) || name.to_lowercase().ends_with("_proxy");
            ours.then_some((name, value))
        }));
        place.runs(script, &more);
    }
}

#[test]
fn curl() {
    run("curl.sh", &["curl"]);
}

#[test]
fn msmtp() {
    run("msmtp.sh", &["msmtp"]);
}

#[test]
fn mechanisms() {
    let all = "scram-sha-256-plus,scram-sha-1-plus,scram-sha-256,scram-sha-1,plain,login,cram-md5,apop";
    let tools = ["msmtp", "mpop", "swaks", "curl", "openssl", "python3"];
    if let Some(place) = Place::with(&tools, &["--mechanisms", all, "--login-delay", "0"]) {
        place.runs("mechanisms.sh", &[]);
    }
}

#[test]
fn swaks() {
    run("swaks.sh", &["swaks"]);
}

#[test]
fn mpop() {
    run("mpop.sh", &["mpop"]);
}

#[test]
fn fetchmail() {
    run("fetchmail.sh", &["fetchmail"]);
}

#[test]
fn getmail() {
    run("getmail.sh", &["getmail", "setpriv"]);
}

#[test]
fn mbsync() {
    run("mbsync.sh", &["mbsync", "curl"]);
}

#[test]
fn mutt() {
    // Its Cyrus SASL takes a mechanism that binds, has nothing to bind to, and gives up: it is not offered here.
    let unbound = ["--mechanisms", "scram-sha-256,scram-sha-1,plain,login"];
    if let Some(place) = Place::with(&["mutt", "script"], &unbound) {
        place.runs("mutt.sh", &[]);
    }
}

#[test]
fn imapclient() {
    run_suite("imapclient.sh", "imapclient-2.3.1", &["python3", "curl"], &[]);
}

#[test]
fn dkimpy() {
    run_suite("dkimpy.sh", "dkimpy-1.1.8", &["python3"], &[]);
}

#[test]
fn imap_crate() {
    // Its passwords are the users' names.
    run_suite("imap-crate.sh", "imap-3.0.0-alpha.15", &["curl", "pkg-config"], &["--any-password"]);
}
