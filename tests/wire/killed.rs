//! SIGKILL at each system call of a delivery: what was acknowledged is there, whole; nothing under a final name is half a message;
//! and the next start needs no repair. `strace` kills the session's thread, and with it the server, at its Nth call of each
//! kind; skipped, in one line, where that is not to be had, and with `CI=true` a failure.

use super::order::can;
use super::server::Serve;
use super::*;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::mem::ManuallyDrop;
use std::process::Stdio;

const CALLS: [&str; 6] = ["openat", "write", "fsync", "linkat", "unlinkat", "sendto"];

/// Whether the message was acknowledged.
fn send(serve: &Serve, number: usize) -> std::io::Result<bool> {
    let mut stream = serve.connect("smtp");
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut reply = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line)
    };
    reply()?;
    for command in ["HELO x", "MAIL FROM:<>", "RCPT TO:<bob@localhost>", "DATA"] {
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        if !reply()?.starts_with(['2', '3']) {
            return Ok(false);
        }
    }
    // More than one write of the server's.
    let text = format!("Subject: {number}\r\n\r\n{}the end of {number}\r\n.\r\n", "0123456789abcdef\r\n".repeat(5000));
    stream.write_all(text.as_bytes())?;
    let stored = reply()?.starts_with("250");
    stream.write_all(b"QUIT\r\n")?;
    let _ = reply();
    Ok(stored)
}

#[test]
fn a_delivery_is_killed_at_every_call() {
    if !can(&["strace", "-V"]) {
        return;
    }
    let home = scratch();
    let root = home.path().join("mail");
    let (mut acknowledged, mut number, mut kills) = (BTreeSet::new(), 0, 0);
    for call in CALLS {
        for when in 1.. {
            assert!(when < 100, "{call}: never through");
            number += 1;
            let mut command = command("mail-serve", home.path());
            command.arg("--root").arg(&root);
            let mut serve = ManuallyDrop::new(Serve::run(command, &["--create", "--any-password"], root.clone()));
            let mut strace = Command::new("strace");
            strace.args(["-f", "-p", &serve.child.id().to_string(), "-o", "/dev/null"]);
            strace.args(["-e", &format!("inject={call}:signal=KILL:when={when}")]).stderr(Stdio::piped());
            let mut strace = strace.spawn().unwrap();
            let mut told = BufReader::new(strace.stderr.take().unwrap());
            let mut line = String::new();
            told.read_line(&mut line).unwrap();
            if !line.contains("attached") {
                let _ = (strace.wait(), ManuallyDrop::into_inner(serve));
                assert!(std::env::var("CI").as_deref() != Ok("true"), "strace can't attach: {line}");
                return eprintln!("skipped: strace can't attach here: {line}");
            }
            if send(&serve, number).unwrap_or(false) {
                acknowledged.insert(number);
            }
            let mut greeting = [0; 3];
            let asked = std::net::TcpStream::connect(("127.0.0.1", serve.port("smtp")));
            if asked.and_then(|mut stream| stream.read_exact(&mut greeting)).is_ok() {
                // It has done fewer such calls.
                drop(ManuallyDrop::into_inner(serve));
                let _ = strace.wait();
                break;
            }
            let _ = (serve.child.wait(), strace.wait());
            kills += 1;
            check(&root.join("bob"), &acknowledged, number, &format!("{call}, {when}"));
        }
    }
    assert!(kills >= 12 && acknowledged.len() >= CALLS.len(), "{kills} kills, {acknowledged:?}");
    // And it starts again, and shows what it has.
    let mut command = command("mail-serve", home.path());
    command.arg("--root").arg(&root);
    let serve = Serve::run(command, &["--create", "--any-password"], root.clone());
    let mut stream = serve.connect("pop3");
    stream.write_all(b"USER bob\r\nPASS x\r\nUIDL\r\nQUIT\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let uids: BTreeSet<&str> = said.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert!(uids.len() >= acknowledged.len() && uids.len() == messages(&root.join("bob")).len(), "{said}");
}

fn check(maildir: &Path, acknowledged: &BTreeSet<usize>, sent: usize, what: &str) {
    let mut there = BTreeSet::new();
    for message in messages(maildir) {
        let text = lossy(&message);
        let subject = text
            .lines()
            .find_map(|line| line.strip_prefix("Subject: "))
            .unwrap_or_else(|| panic!("{what}: {text:.200}"));
        assert!(text.ends_with(&format!("the end of {subject}\n")), "{what}: half a message, {subject}");
        assert!(there.insert(subject.parse::<usize>().unwrap()), "{what}: {subject} is there twice");
    }
    assert!(there.is_superset(acknowledged), "{what}: {acknowledged:?} were acknowledged, {there:?} are there");
    assert!(there.iter().all(|number| *number <= sent));
}
