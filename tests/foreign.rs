//! mail-serve under clients that nobody here wrote.
//!
//! On Debian: `apt-get install curl msmtp swaks libnet-ssleay-perl mpop fetchmail isync mutt`.
//! What is not installed is skipped, and fails where `CI` is set.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod common;

use common::{Home, Ran, Server};
use std::path::Path;

/// A server that made its own password and certificate, and messages to send to it.
struct Place {
    home: Home,
    server: Server,
}

impl Place {
    /// `None` where a tool is not installed.
    fn with(tools: &[&str]) -> Option<Place> {
        let missing: Vec<_> = tools.iter().filter(|tool| !on_path(tool)).collect();
        if !missing.is_empty() {
            skipped(&format!("{missing:?} not installed"));
            return None;
        }
        let home = Home::new();
        let server = Server::start(&home, &["--create", "--lmtp-port", "0"]);
        for (n, message) in (1..).zip(messages()) {
            std::fs::write(home.path().join(format!("{n}.eml")), &message).unwrap();
        }
        Some(Place { home, server })
    }

    /// Runs a script of tests/interop/foreign in the home; it knows the server by its environment.
    fn runs(&self, script: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/foreign").join(script);
        let mut command = self.home.command("timeout");
        // The time is only for what would hang for ever.
        command.args(["-k", "5", "300", "sh", "-eu"]).arg(&script);
        for (name, port) in &self.server.ports {
            command.env(name.to_uppercase(), port.to_string());
        }
        command.env("ROOT", &self.server.root).env("CA", self.server.root.join(".tls.pem"));
        command.env("PASSWORD_FILE", self.server.password_file()).env("LIB", script.with_file_name("lib.sh"));
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
    if let Some(place) = Place::with(tools) {
        place.runs(script);
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
fn mbsync() {
    run("mbsync.sh", &["mbsync", "curl"]);
}

#[test]
fn mutt() {
    run("mutt.sh", &["mutt", "script"]);
}
