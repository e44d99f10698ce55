//! imap-watch end to end: on `local:` and on mail-serve, through a server that is killed and started again.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Home, Server};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

const INBOX: &str = "local://amy/INBOX";

fn send(home: &Home, subject: &str) {
    let arguments = ["-s", subject, "--from", "Zoe <zoe@localhost>", "amy@localhost"];
    home.run("smtp-send", &arguments, b"body\n").ends(0);
}

/// A program that watches.
struct Watch {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Watch {
    fn new(home: &Home, arguments: &[&str]) -> Watch {
        let mut command = home.command("imap-watch");
        let command = command.args(["-v", "--timeout", "2m"]).args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Watch { child, out: BufReader::new(out), err: BufReader::new(err) }
    }

    /// Waits until stderr has this.
    fn says(&mut self, what: &str) {
        let mut said = String::new();
        while !said.lines().last().is_some_and(|line| line.contains(what)) {
            assert_ne!(self.err.read_line(&mut said).unwrap(), 0, "ended before it said {what}: {said}");
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn terminated(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(line: &str) -> (String, u32) {
    let (event, rest) = line.split_once('\t').unwrap();
    (event.to_owned(), rest.split('\t').next().unwrap().rsplit_once('.').unwrap().1.parse().unwrap())
}

#[test]
fn what_comes_changes_and_goes() {
    let home = Home::new();
    send(&home, "before");
    home.run("imap-mkdir", &["local://amy/Other"], b"").ends(0);
    let mut watch = Watch::new(&home, &[INBOX, "local://amy/Other"]);
    watch.says("watching");
    watch.says("watching");
    send(&home, "one");
    let line = watch.line();
    assert_eq!(tail(&line), ("new".into(), 2));
    assert!(line.starts_with("new\tlocal://amy/INBOX#") && line.ends_with("\tZoe <zoe@localhost>\tone"), "{line}");
    home.run("imap-flag", &[INBOX, "1", "+flagged"], b"").ends(0);
    assert_eq!(tail(&watch.line()), ("flags".into(), 1));
    home.run("imap-mv", &[INBOX, "2", "local://amy/Other"], b"").ends(0);
    let mut both = [watch.line(), watch.line()];
    both.sort();
    assert!(both[0].starts_with("new\tlocal://amy/Other#") && both[1].starts_with("vanished\tlocal://amy/INBOX#"));
    assert_eq!(watch.terminated().code(), Some(0));
}

#[test]
fn scripts_wait_for_one_message() {
    let home = Home::new();
    home.run("imap-watch", &["--once", "--timeout", "1s", INBOX], b"").ends(75);
    home.run("imap-watch", &["--timeout", "1m", "local://amy/Nowhere"], b"").ends(69);
    home.run("imap-watch", &["--search", "NONSENSE", INBOX], b"").ends(64);
    let mut watch = Watch::new(&home, &["--once", "--json", "--events", "new", "--search", "SUBJECT wanted", INBOX]);
    watch.says("watching");
    send(&home, "other");
    send(&home, "the wanted one");
    let event: Value = serde_json::from_str(&watch.line()).unwrap();
    assert_eq!(
        (&event["event"], &event["uid"], &event["subject"]),
        (&"new".into(), &2.into(), &"the wanted one".into())
    );
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
    // A signal before there was one.
    let mut watch = Watch::new(&home, &["--once", INBOX]);
    watch.says("watching");
    assert_eq!(watch.terminated().code(), Some(75));
}

#[test]
fn a_command_is_run_for_events() {
    let home = Home::new();
    let seen = home.path().join("seen");
    let command = format!("cat > {}; exit 3", seen.display());
    let mut watch = Watch::new(&home, &["--once", "--exec", &command, INBOX]);
    watch.says("watching");
    send(&home, "$(touch evil); -x");
    watch.says("exit status: 3");
    assert_eq!(watch.child.wait().unwrap().code(), Some(69));
    let event: Value = serde_json::from_slice(&std::fs::read(&seen).unwrap()).unwrap();
    assert_eq!(event["subject"], "$(touch evil); -x");
}

/// Passes connections on to a port of this machine, or closes them while it is 0.
fn door(to: Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, port) = (client.unwrap(), to.load(Ordering::SeqCst));
            if port == 0 {
                continue;
            }
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        }
    });
    port
}

#[test]
fn nothing_is_lost_with_a_server() {
    let home = Home::new();
    let start = || Server::start(&home, &["--create"]);
    let server = start();
    let file = server.password_file();
    let post = |server: &Server, subject: &str| {
        let to = format!("smtp+plain://127.0.0.1:{}", server.smtp);
        let arguments = ["-a", &to, "-s", subject, "--from", "zoe@localhost", "amy@localhost"];
        home.run("smtp-send", &arguments, b"body\n").ends(0);
    };
    (1..=3).for_each(|n| post(&server, &format!("before {n}")));
    let to = Arc::new(AtomicU16::new(server.imap));
    let url = format!("imap+plain://amy@127.0.0.1:{}/INBOX", door(Arc::clone(&to)));
    let mut watch = Watch::new(&home, &["--password-file", &file, &url]);
    watch.says("watching");
    to.store(0, Ordering::SeqCst);
    server.stop();
    watch.says("trying again");
    let server = start();
    let direct = format!("imap+plain://amy@127.0.0.1:{}/INBOX", server.imap);
    let other = direct.replace("INBOX", "Other");
    home.run("imap-mkdir", &["--password-file", &file, &other], b"").ends(0);
    post(&server, "meanwhile");
    home.run("imap-flag", &["--password-file", &file, &direct, "1", "+seen"], b"").ends(0);
    home.run("imap-mv", &["--password-file", &file, &direct, "2", &other], b"").ends(0);
    to.store(server.imap, Ordering::SeqCst);
    let mut events: Vec<_> = (0..3).map(|_| tail(&watch.line())).collect();
    events.sort();
    assert_eq!(events, [("flags".into(), 1), ("new".into(), 4), ("vanished".into(), 2)]);
    // And nothing twice.
    post(&server, "after");
    assert_eq!(tail(&watch.line()), ("new".into(), 5));
    assert_eq!(watch.terminated().code(), Some(0));
    server.stop();
}

#[test]
fn what_happened_since_it_was_told_last_comes_first() {
    let home = Home::new();
    send(&home, "one");
    let state = ["--state", "s", "-o", "event,uid,subject", INBOX];
    // A name that nobody has told anything by.
    let mut watch = Watch::new(&home, &state);
    watch.says("watching");
    send(&home, "two");
    assert_eq!(watch.line(), "new\t2\ttwo");
    // Both are the same history.
    home.run("imap-watch", &[&state[..], &["--timeout", "1s"]].concat(), b"").ends(75);
    assert_eq!(watch.terminated().code(), Some(0));
    send(&home, "three");
    send(&home, "four");
    home.run("imap-flag", &[INBOX, "2", "+flagged"], b"").ends(0);
    home.run("imap-rm", &["--purge", INBOX, "1"], b"").ends(0);
    let mut watch = Watch::new(&home, &state);
    let mut lines: Vec<String> = (0..4).map(|_| watch.line()).collect();
    lines.sort();
    assert_eq!(lines, ["flags\t2", "new\t3\tthree", "new\t4\tfour", "vanished\t1"]);
    assert_eq!(watch.terminated().code(), Some(0));
    // Another name is another history.
    home.run("imap-watch", &["--state", "other", "--timeout", "1s", INBOX], b"").ends(75);
    // A script that waits for one after the other sees each once.
    send(&home, "five");
    let once = [&state[..], &["--once", "--timeout", "1m"]].concat();
    assert_eq!(home.run("imap-watch", &once, b"").ends(0).out, "new\t5\tfive\n");
    let short = [&state[..], &["--once", "--timeout", "1s"]].concat();
    assert_eq!(home.run("imap-watch", &short, b"").ends(75).out, "");
    send(&home, "six");
    send(&home, "seven");
    assert_eq!(home.run("imap-watch", &once, b"").ends(0).out, "new\t6\tsix\nnew\t7\tseven\n");
    assert_eq!(home.run("imap-watch", &short, b"").ends(75).out, "");
}

/// What nobody could read has not been told.
#[test]
fn what_a_reader_has_missed_comes_again() {
    let home = Home::new();
    home.run("imap-watch", &["--state", "s", "--timeout", "1s", INBOX], b"").ends(75);
    send(&home, "one");
    send(&home, "two");
    // Nobody reads from the beginning.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = home.command("imap-watch");
    let status = command.args(["--state", "s", "--timeout", "1m", INBOX]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let once = ["--once", "--state", "s", "--timeout", "1m", "-o", "subject", INBOX];
    assert_eq!(home.run("imap-watch", &once, b"").ends(0).out, "one\ntwo\n");
}

#[test]
fn a_slow_command_holds_up_nothing() {
    let home = Home::new();
    let command = "cat >> events; echo run >> runs; while [ ! -e go ]; do sleep 0.05; done";
    let arguments = ["--exec", command, "--debounce", "1s", "--state", "s", "--events", "new", INBOX];
    let mut watch = Watch::new(&home, &arguments);
    watch.says("watching");
    send(&home, "one");
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap_or_default();
    let wait = |what: &dyn Fn() -> bool| {
        let begun = std::time::Instant::now();
        while !what() {
            assert!(begun.elapsed().as_secs() < 60, "{} {}", read("events"), read("runs"));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    wait(&|| read("runs") == "run\n");
    (2..6).for_each(|n| send(&home, &format!("number {n}")));
    home.sh("touch go").ends(0);
    wait(&|| read("events").lines().count() == 5);
    wait(&|| read("runs").lines().count() == 2);
    assert_eq!(watch.terminated().code(), Some(0));
    // One that fails has not been told; neither has one that was killed with the program.
    home.sh("rm events runs").ends(0);
    send(&home, "six");
    let failing = ["--exec", "cat >> events; exit 1", "--once", "--state", "s", "--events", "new", INBOX];
    home.run("imap-watch", &failing, b"").ends(69);
    home.run("imap-watch", &failing, b"").ends(69);
    let ends = ["--exec", "cat >> events", "--once", "--state", "s", "--events", "new", INBOX];
    home.run("imap-watch", &ends, b"").ends(0);
    assert_eq!(read("events").matches("\"six\"").count(), 3, "{}", read("events"));
    home.run("imap-watch", &[&ends[..], &["--timeout", "1s"]].concat(), b"").ends(75);
}

#[test]
fn folders_of_two_servers_at_once() {
    let home = Home::new();
    let other = Home::new();
    let servers =
        [Server::start(&home, &["--create", "--any-password"]), Server::start(&other, &["--create", "--any-password"])];
    home.sh("umask 077; echo x > pw").ends(0);
    let urls: Vec<String> =
        servers.iter().map(|server| format!("imap+plain://amy@127.0.0.1:{}/INBOX", server.imap)).collect();
    let mut watch = Watch::new(&home, &["--password-file", "pw", "-o", "ref,subject", &urls[0], &urls[1]]);
    watch.says("watching");
    watch.says("watching");
    for (n, server) in servers.iter().enumerate() {
        let to = format!("smtp+plain://127.0.0.1:{}", server.smtp);
        home.run("smtp-send", &["-a", &to, "-s", &format!("at {n}"), "amy@localhost"], b"x\n").ends(0);
        let line = watch.line();
        assert!(line.starts_with(&format!("{}#", urls[n])) && line.ends_with(&format!("\tat {n}")), "{line}");
    }
    assert_eq!(watch.terminated().code(), Some(0));
}

/// mail-serve has no NOTIFY: each folder gets a connection of its own.
#[test]
fn folders_of_one_account() {
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    home.sh("umask 077; echo x > pw").ends(0);
    let urls = ["INBOX", "Archive", "Sent"].map(|name| format!("imap+plain://amy@127.0.0.1:{}/{name}", server.imap));
    let arguments = ["--password-file", "pw", "-o", "ref,subject", &urls[0], &urls[1], &urls[2]];
    let mut watch = Watch::new(&home, &arguments);
    (0..3).for_each(|_| watch.says("watching"));
    for (n, url) in urls.iter().enumerate().rev() {
        let message = format!("Subject: at {n}\n\nx\n");
        home.run("imap-put", &["--password-file", "pw", url], message.as_bytes()).ends(0);
        let line = watch.line();
        assert!(line.starts_with(&format!("{url}#")) && line.ends_with(&format!("\tat {n}")), "{line}");
    }
    assert_eq!(watch.terminated().code(), Some(0));
}
