//! Plays the transcripts of `tests/wire`, in the format of pipepost-trace(5), at our clients and at our server sessions.
//!
//! A transcript with a `# run:` line is played as the server to the real program, one with a `# server:` line as the client to
//! the real `mail-serve`: whole, byte by byte, and broken off before each thing that we would say. `WIRE=part-of-a-name` picks
//! some of them, `WIRE_LOUD=1` tells what the programs said.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "wire/client.rs"]
mod client;
#[path = "wire/killed.rs"]
mod killed;
#[path = "wire/limits.rs"]
mod limits;
#[path = "wire/login.rs"]
mod login;
#[path = "wire/order.rs"]
mod order;
#[path = "wire/server.rs"]
mod server;
#[path = "wire/strangers.rs"]
mod strangers;

use pipepost::net::script::{Mode, Script, unescape};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A transcript: parts that stand between lines `== again`, each of them one connection.
struct Transcript {
    name: String,
    parts: Vec<Script>,
}

/// One way to play one: `part` is cut, all parts before it are whole.
#[derive(Clone, Copy, Debug)]
struct Way {
    part: usize,
    mode: Mode,
}

impl Transcript {
    fn read(path: &Path) -> Transcript {
        let name = path.components().rev().take(2).collect::<PathBuf>();
        let name = format!(
            "{}/{}",
            path.parent().unwrap().file_name().unwrap().display(),
            name.iter().next().unwrap().display()
        );
        let text = std::fs::read_to_string(path).unwrap();
        let parts = text.split("== again\n").map(|part| Script::parse(part).unwrap_or_else(|e| panic!("{name}: {e}")));
        Transcript { parts: parts.collect(), name }
    }

    /// All transcripts with a header line `key`.
    fn with(key: &str) -> Vec<Transcript> {
        let filter = std::env::var("WIRE").unwrap_or_default();
        let mut found = Vec::new();
        for family in ["smtp", "pop3", "imap"] {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(family);
            for file in std::fs::read_dir(directory).into_iter().flatten() {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|e| e == "wire") {
                    found.push(Transcript::read(&path));
                }
            }
        }
        found.retain(|t| t.parts[0].get(key).is_some() && t.name.contains(&filter));
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    fn head(&self) -> &Script {
        &self.parts[0]
    }

    /// `# ways: whole` where bytes that come later mean something else, or where there are too many of them.
    fn ways(&self, us: pipepost::net::trace::Side) -> Vec<Way> {
        let last = self.parts.len() - 1;
        let only = self.head().get("ways").unwrap_or("whole bytes cut");
        let mut ways = Vec::new();
        if only.contains("whole") {
            ways.push(Way { part: last, mode: Mode::default() });
        }
        if only.contains("bytes") {
            ways.push(Way { part: last, mode: Mode { byte_by_byte: true, cut_after: None } });
        }
        if only.contains("cut") {
            for (part, script) in self.parts.iter().enumerate() {
                ways.extend(
                    (0..script.said_by(us))
                        .map(|n| Way { part, mode: Mode { byte_by_byte: false, cut_after: Some(n) } }),
                );
            }
        }
        ways
    }
}

/// Plays every transcript in every way, some at the same time, and tells all that went wrong.
fn play_all(
    transcripts: &[Transcript],
    us: pipepost::net::trace::Side,
    play: &(dyn Fn(&Transcript, Way) -> Result<(), String> + Sync),
) {
    let mut work: Vec<(&Transcript, Way)> =
        transcripts.iter().flat_map(|t| t.ways(us).into_iter().map(move |w| (t, w))).collect();
    work.reverse();
    assert!(!work.is_empty(), "no transcripts");
    let (work, failures) = (Mutex::new(work), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Some((transcript, way)) = work.lock().unwrap().pop() else { return };
                    let start = Instant::now();
                    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(transcript, way)));
                    let played = played.unwrap_or_else(|_| Err("the test itself panicked".into()));
                    if std::env::var_os("WIRE_SLOW").is_some() && start.elapsed() > Duration::from_millis(500) {
                        eprintln!("{} {way:?}: {:?}", transcript.name, start.elapsed());
                    }
                    if let Err(why) = played {
                        failures.lock().unwrap().push(format!("{}, {}: {why}", transcript.name, way.name()));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

impl Way {
    fn name(&self) -> String {
        match self.mode {
            Mode { cut_after: Some(n), .. } => format!("part {} cut after {n}", self.part + 1),
            Mode { byte_by_byte: true, .. } => "byte by byte".into(),
            Mode { .. } => "whole".into(),
        }
    }
}

/// A directory that goes away. In memory where that can be had: what a slow disk does to time-outs is no matter of these tests.
fn scratch() -> tempfile::TempDir {
    let memory = tempfile::Builder::new().tempdir_in("/dev/shm");
    memory.or_else(|_| tempfile::tempdir()).unwrap()
}

/// The program of that name, built with these tests.
fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_smtp-send")).with_file_name(name)
}

/// A command that knows nothing of the caller's home.
fn command(name: &str, home: &Path) -> Command {
    let mut command = Command::new(program(name));
    isolate(&mut command, home);
    command
}

fn isolate(command: &mut Command, home: &Path) {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TZ", "UTC");
    command.env("HOME", home).current_dir(home);
    for (variable, below) in [("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")] {
        command.env(variable, home.join(below));
    }
}

/// Waits for a process of ours; one that takes longer is killed.
fn wait(child: &mut Child, at_most: Duration) -> Result<ExitStatus, String> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status);
        }
        if start.elapsed() > at_most {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("has not ended in {at_most:?}"));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// The files below a directory with what they hold; none if it is not there.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_file() {
            // It may go away between the two.
            if let Ok(bytes) = std::fs::read(entry.path()) {
                found.insert(entry.path(), bytes);
            }
        }
    }
    found
}

/// The messages of a Maildir.
fn messages(maildir: &Path) -> Vec<Vec<u8>> {
    let mut all: Vec<(PathBuf, Vec<u8>)> =
        files(&maildir.join("new")).into_iter().chain(files(&maildir.join("cur"))).collect();
    all.sort_by(|a, b| a.1.cmp(&b.1));
    all.into_iter().map(|(_, bytes)| bytes).collect()
}

/// All `# key:` lines with their escapes read, each with a newline behind it; `None` if there are none.
fn text(script: &Script, key: &str) -> Option<Vec<u8>> {
    let lines: Vec<Vec<u8>> = script.all(key).map(escapes).collect();
    (!lines.is_empty()).then(|| lines.into_iter().flat_map(|line| [line, b"\n".to_vec()].concat()).collect())
}

fn escapes(line: &str) -> Vec<u8> {
    unescape(line).unwrap_or_else(|| panic!("a bad escape in {line}"))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
