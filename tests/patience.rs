//! Somebody sleeps at the other end of a pipe: `--timeout` is for the whole operation, not for the network alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Home, bin};
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_stdin_or_file_that_never_ends() {
    let home = Home::new();
    home.sh("mkfifo -m 600 fifo stuck").ends(0);
    for line in [
        "smtp-send --timeout 1s bob@localhost",
        "smtp-send --timeout 1s -s hi bob@localhost",
        "smtp-send --timeout 1s --mbox bob@localhost",
        "smtp-send --timeout 1s -s hi --attach fifo bob@localhost 3< /dev/null",
        "smtp-send --timeout 1s -s hi --html fifo bob@localhost 3< /dev/null",
        "imap-fetch --timeout 1s - --into maildir:m",
        "pop3-ls --timeout 1s --password-file fifo pop3+plain://bob@127.0.0.1:1",
    ] {
        let start = Instant::now();
        // The pipe has a writer who says nothing.
        let ran = home.sh(&format!("exec 3<>stuck; {line} <&3; exit $?")).ends(75);
        assert!(
            (ran.err.contains("the time is up") || ran.err.contains("in time")) && start.elapsed() < LONG,
            "{line}: {ran:?}"
        );
    }
    assert!(!home.path().join(".local/share/pipepost/mail/bob").exists(), "something was sent");
}

#[test]
fn a_stdout_that_nobody_reads_does_not_keep_the_maildrop() {
    let home = Home::new();
    for _ in 0..2 {
        home.run("smtp-send", &["-s", "s", "bob@localhost"], "line\n".repeat(60_000).as_bytes()).ends(0);
    }
    for arguments in [
        &["pop3-fetch", "--timeout", "1s", "local://bob"][..],
        &["pop3-fetch", "--timeout", "1s", "--trust-stdout", "--delete", "local://bob"],
        &["imap-fetch", "--timeout", "1s", "local://bob/INBOX"],
    ] {
        let mut command = home.command(&bin().join(arguments[0]).display().to_string());
        let mut child = command.args(&arguments[1..]).stdout(Stdio::piped()).spawn().unwrap();
        // Its pipe is open, and full, until it has ended.
        let pipe = child.stdout.take().unwrap();
        let start = Instant::now();
        let status = child.wait().unwrap();
        assert!(start.elapsed() < LONG);
        drop(pipe);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(status.code(), Some(75), "{arguments:?}: {said}");
    }
    // Both are still there, and free.
    assert_eq!(home.run("pop3-ls", &["-o", "size", "local://bob"], b"").ends(0).out.lines().count(), 2);
}

#[test]
fn in_time_everything_passes() {
    let home = Home::new();
    let body = "line\n".repeat(60_000);
    home.run("smtp-send", &["--timeout", "60s", "-s", "s", "bob@localhost"], body.as_bytes()).ends(0);
    let ran = home.sh("pop3-fetch --timeout 60s local://bob 1 | { sleep 0.3; cat; }").ends(0);
    assert!(ran.out.ends_with(&body), "{} bytes", ran.out.len());
    // A pipe that has a name may be written to later.
    home.sh(
        "mkfifo fifo; { sleep 0.3; echo attached > fifo; } & smtp-send -s x --attach fifo eve@localhost < /dev/null",
    )
    .ends(0);
    let ran = home.run("pop3-fetch", &["local://eve", "1"], b"").ends(0);
    let ran = home.run("mailfmt", &["show", "--part", "1"], ran.out.as_bytes()).ends(0);
    assert_eq!(ran.out, "attached\n");
}
