//! What the tests share: a home of their own, the programs run in it, a running mail-serve.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

pub mod dns;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A temporary home, with nothing from outside in the environment.
pub struct Home {
    dir: tempfile::TempDir,
}

/// Where cargo puts the programs.
pub fn bin() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_smtp-send")).parent().unwrap().to_owned()
}

impl Home {
    pub fn new() -> Home {
        Home { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A command in this home, with the programs in PATH.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:{}", bin().display(), std::env::var("PATH").unwrap_or_default());
        command.env_clear().env("PATH", path).env("HOME", self.path()).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        command.env("PIPEPOST_BIN", bin());
        command.current_dir(self.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs one of the programs with `stdin`.
    pub fn run(&self, program: &str, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut command = self.command(&bin().join(program).display().to_string());
        command.args(arguments);
        Ran::of(command, stdin)
    }

    /// Runs a shell script.
    pub fn sh(&self, script: &str) -> Ran {
        let mut command = self.command("/bin/sh");
        command.args(["-e", "-c", script]);
        Ran::of(command, b"")
    }
}

/// How a program ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit status; 128 + N for signal N.
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Runs it to its end.
    pub fn of(mut command: Command, stdin: &[u8]) -> Ran {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let bytes = stdin.to_vec();
        // A program that does not read its stdin closes it.
        let feeder = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        use std::os::unix::process::ExitStatusExt;
        Ran {
            status: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            out: String::from_utf8_lossy(&stdout).into_owned(),
            err: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// The status must be this one, and an error is one line (with at most one of advice).
    #[track_caller]
    pub fn ends(self, status: i32) -> Ran {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The error for people: at most two lines, each with the program's name in front, no control characters.
    #[track_caller]
    pub fn complains(self, of: &str) -> Ran {
        assert!(self.err.contains(of), "{self:?}");
        assert!((1..=2).contains(&self.err.lines().count()), "{self:?}");
        assert!(!self.err.trim_end_matches('\n').replace('\n', "").chars().any(char::is_control), "{self:?}");
        self
    }
}

/// A running mail-serve on free ports, ended by SIGTERM when it is dropped.
pub struct Server {
    child: Option<Child>,
    pub smtp: u16,
    pub pop3: u16,
    pub imap: u16,
    /// All of them, as mail-serve names them.
    pub ports: Vec<(String, u16)>,
    /// Of its key.
    pub pin: String,
    pub root: PathBuf,
}

impl Server {
    /// Starts it in `home` with further arguments.
    pub fn start(home: &Home, arguments: &[&str]) -> Server {
        let root = home.path().join("served");
        let mut command = home.command(&bin().join("mail-serve").display().to_string());
        command.args(["--smtp-port", "0", "--pop3-port", "0", "--imap-port", "0", "--root"]).arg(&root).args(arguments);
        command.stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let of = |line: String| {
            let (name, port) = line.split_once(" 127.0.0.1:").unwrap_or_else(|| panic!("{line}"));
            (name.to_owned(), port.parse().unwrap())
        };
        let mut pin = String::new();
        let before_pin = lines.map_while(|line| {
            let found = line.strip_prefix("pin ").map(|found| pin = found.to_owned());
            found.is_none().then_some(line)
        });
        let ports: Vec<(String, u16)> = before_pin.map(of).collect();
        let port = |name: &str| ports.iter().find(|(of, _)| of == name).unwrap().1;
        let (smtp, pop3, imap) = (port("smtp"), port("pop3"), port("imap"));
        Server { child: Some(child), smtp, pop3, imap, ports, pin, root }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// The password file that it made.
    pub fn password_file(&self) -> String {
        self.root.join(".password").display().to_string()
    }

    /// Ends it by SIGTERM; its status must be 0.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let status = child.wait().unwrap();
            assert!(status.success() || std::thread::panicking(), "mail-serve: {status}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a tool of the machine is there. In CI all of them must be.
pub fn installed(tool: &str) -> bool {
    let found =
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(tool).is_file()));
    if !found {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{tool} must be installed in CI");
        eprintln!("skipped: {tool} is not installed");
    }
    found
}
