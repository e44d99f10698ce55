//! strace: what a program did, and system calls that fail or kill it.

use crate::common::{Home, Ran, bin};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// Every call that touches files, descriptors or the network.
pub(crate) const ALL: &str = "%file,%desc,%network";

/// Runs a program under strace, with `options` for it; what it did is in the file `log`.
pub(crate) fn run(home: &Home, options: &[&str], program: &str, arguments: &[&str], stdin: &[u8]) -> Ran {
    let path = bin().join(program).display().to_string();
    let log = home.path().join("log").display().to_string();
    let all = [&["-f", "-o", &log], options, &["--", &path], arguments].concat();
    home.run("/usr/bin/env", &[&["strace"], all.as_slice()].concat(), stdin)
}

/// How many calls of `set` the busiest thread makes when nothing fails.
pub(crate) fn count(home: &Home, set: &str, program: &str, arguments: &[&str]) -> usize {
    run(home, &["-e", &format!("trace={set}")], program, arguments, b"").ends(0);
    busiest(&home.path().join("log"))
}

/// The number of calls of the thread that made most of them.
pub(crate) fn busiest(log: &Path) -> usize {
    let mut threads = std::collections::HashMap::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        if line.contains('(') {
            *threads.entry(line.split(' ').next().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    threads.into_values().max().unwrap_or(0)
}

/// strace at a process that is running.
pub(crate) struct Attached {
    child: Child,
    pub(crate) log: PathBuf,
}

impl Attached {
    pub(crate) fn to(home: &Home, pid: u32, options: &[&str]) -> Attached {
        let log = home.path().join("log");
        let _ = std::fs::remove_file(&log);
        let mut command = home.command("strace");
        command.args(["-f", "-o"]).arg(&log).args(options).args(["-p", &pid.to_string()]);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace: {line}");
        // It tells of every thread that comes.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Attached { child, log }
    }

    /// Lets go of the process.
    pub(crate) fn detach(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        self.child.wait().unwrap();
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        if self.child.try_wait().unwrap().is_none() {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
            let _ = self.child.wait();
        }
    }
}
