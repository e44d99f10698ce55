//! Mail for the whole system: everybody submits over a Unix socket, and only its server knows the account by which it goes on.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod common;
#[path = "send/peer.rs"]
#[allow(dead_code)]
mod peer;

use common::{Home, Ran, bin};
use peer::{Peer, Say};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const MESSAGE: &[u8] = b"From: root (Cron)\nTo: root\nSubject: x\n\nhello\n";

/// A system: its configuration, its server's home, and a caller's.
struct System {
    server: Home,
    caller: Home,
    spool: PathBuf,
}

impl System {
    fn new(peer: &Peer, more: &str) -> System {
        let (server, caller) = (Home::new(), Home::new());
        let spool = server.path().join("run/pipepost/smtp");
        let text = format!(
            "[queue]\nretry-min = \"1s\"\nretry-max = \"1s\"\n[system]\nspool = \"{}\"\naccount = \"relay\"\n\
             [relay]\nhostname = \"host.example.org\"\nsmtp = \"smtp+plain://system@127.0.0.1:{}\"\npassword = {{ file = \"secret\" }}\n{more}",
            spool.display(),
            peer.port
        );
        std::fs::write(server.path().join("config.toml"), text).unwrap();
        std::fs::write(server.path().join("secret"), "tulip\n").unwrap();
        std::fs::set_permissions(server.path().join("secret"), PermissionsExt::from_mode(0o600)).unwrap();
        symlink(bin().join("pipepost"), caller.path().join("sendmail")).unwrap();
        System { server, caller, spool }
    }

    fn start(&self) -> Server {
        let mut command = self.server.command(&bin().join("mail-serve").display().to_string());
        command.env("PIPEPOST_CONFIG", self.server.path().join("config.toml")).arg("--system").stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, format!("smtp+unix {}\n", self.spool.display()));
        Server(child)
    }

    /// A caller's program, with the same configuration, in a home of its own.
    fn call(&self, program: &str, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut command = self.caller.command(program);
        command.env("PIPEPOST_CONFIG", self.server.path().join("config.toml")).args(arguments);
        Ran::of(command, stdin)
    }

    fn sendmail(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        self.call(&self.caller.path().join("sendmail").display().to_string(), arguments, stdin)
    }

    /// The server's queue.
    fn queue(&self, arguments: &[&str]) -> String {
        self.server.run("smtp-queue", arguments, b"").ends(0).out
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::TERM);
        let status = self.0.wait().unwrap();
        assert!(status.success() || std::thread::panicking(), "mail-serve: {status}");
    }
}

/// A relay that wants a login.
fn relay(say: impl Fn(&str, &str) -> Say + Send + Sync + 'static) -> Peer {
    Peer::start(move |_, verb, line| match verb {
        "EHLO" => Say::Text("250-peer\r\n250-AUTH PLAIN\r\n250 8BITMIME"),
        "AUTH" => Say::Text(if line.ends_with("AHN5c3RlbQB0dWxpcA==") { "235 ok" } else { "535 no" }),
        _ => say(verb, line),
    })
}

#[track_caller]
fn until(what: &str, so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn everybody_sends_by_the_systems_account_and_nobody_knows_it() {
    let peer = relay(|_, _| Say::Yes);
    let system = System::new(&peer, "rewrite-to = { root = \"admin@example.org\" }\n");
    // Without the server it is later, and nothing is put where nobody looks.
    system.sendmail(&["root"], MESSAGE).ends(75).complains("smtp: No such file");
    assert_eq!(system.caller.run("smtp-queue", &["ls"], b"").ends(0).out, "");
    let server = system.start();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&system.spool), mode(system.spool.parent().unwrap())), (0o666, 0o755));
    // As cron calls it; the name of this machine alone means nothing elsewhere.
    system.sendmail(&["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "-f", "root@localhost", "root"], MESSAGE).ends(0);
    until("delivered", || peer.taken().len() == 1);
    let got = peer.taken().pop().unwrap();
    assert_eq!((got.from.as_str(), got.to), ("root@host.example.org", vec!["admin@example.org".to_owned()]));
    let uid = rustix::process::getuid().as_raw();
    assert!(got.text.contains(&format!("(local, uid {uid})\n\tby host.example.org with ESMTP")), "{}", got.text);
    assert!(!got.text.contains("Return-Path") && got.text.ends_with("\nhello\n"), "{}", got.text);
    // By smtp-send, which composes; nobody has to name the account, and a home of one's own has no secret in it.
    system.call("smtp-send", &["-s", "hi", "a@example.org", "b@example.org"], b"text\n").ends(0);
    until("delivered", || peer.taken().len() == 2);
    let got = peer.taken().pop().unwrap();
    assert!(got.to == ["a@example.org", "b@example.org"] && got.from.ends_with("@host.example.org"), "{got:?}");
    drop(server);
    assert!(!system.spool.exists());
    system.sendmail(&["root"], MESSAGE).ends(75);
}

#[test]
fn taken_is_stored_with_who_it_was() {
    let open = Arc::new(AtomicBool::new(false));
    let peer = relay({
        let open = open.clone();
        move |verb, _| {
            if verb == "RCPT" && !open.load(Ordering::SeqCst) { Say::Text("450 4.2.1 busy") } else { Say::Yes }
        }
    });
    let system = System::new(&peer, "");
    let mut server = system.start();
    system.sendmail(&["-f", "me@example.org", "-N", "success", "a@example.org", "a@example.org"], MESSAGE).ends(0);
    // Killed: what was taken is in the queue, and goes out when the next server comes.
    server.0.kill().unwrap();
    server.0.wait().unwrap();
    std::mem::forget(server);
    let ids = system.queue(&["ls", "-o", "id"]);
    let shown: serde_json::Value = serde_json::from_str(&system.queue(&["show", "--json", ids.trim()])).unwrap();
    let uid = u64::from(rustix::process::getuid().as_raw());
    assert_eq!((shown["uid"].as_u64(), shown["from"].as_str()), (Some(uid), Some("me@example.org")));
    assert_eq!((shown["recipients"].as_array().unwrap().len(), &shown["recipients"][0]["via"]), (1, &"relay:".into()));
    assert!(system.queue(&["show", ids.trim()]).contains(&format!("  uid      {uid}\n")));
    open.store(true, Ordering::SeqCst);
    // The socket that was left behind is taken over; a second server is not let in.
    let server = system.start();
    let mut command = system.server.command(&bin().join("mail-serve").display().to_string());
    command.env("PIPEPOST_CONFIG", system.server.path().join("config.toml")).arg("--system");
    Ran::of(command, b"").ends(73).complains("another server listens");
    // The one that was killed may have had it in its hands, and said until when.
    until("delivered", || {
        let retried = system.server.run("smtp-queue", &["retry", "--all"], b"");
        assert!([0, 66, 75].contains(&retried.status), "{retried:?}");
        !peer.taken().is_empty()
    });
    drop(server);
}

#[test]
fn what_a_sender_wishes_is_kept() {
    let peer = relay(|_, _| Say::Yes);
    let system = System::new(&peer, "");
    let _server = system.start();
    let wishes = ["--hold-for", "1h", "--priority", "-4", "--deliver-by", "2h:return"];
    let ran = system.call("smtp-send", &[&wishes[..], &["--json", "-s", "later", "a@example.org"]].concat(), b"x\n");
    let told: serde_json::Value = serde_json::from_str(ran.ends(0).out.lines().next().unwrap()).unwrap();
    let id = system.queue(&["ls", "-o", "id"]);
    assert_eq!(told["queue_id"].as_str(), Some(id.trim()), "{told}");
    let shown =
        || -> serde_json::Value { serde_json::from_str(&system.queue(&["show", "--json", id.trim()])).unwrap() };
    let of = shown();
    let text = of["hold_until"].as_str().unwrap();
    let until_then = chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp() - chrono::Utc::now().timestamp();
    assert!((3000..=3600).contains(&until_then), "{of}");
    assert!(of["priority"] == -4 && of["deliver_by"].is_string(), "{of}");
    // It waits, until its owner lets it go.
    system.call("smtp-send", &["-s", "now", "a@example.org"], b"text\n").ends(0);
    until("delivered", || peer.taken().len() == 1);
    assert!(peer.taken()[0].text.contains("Subject: now"));
    system.queue(&["release", id.trim()]);
    until("delivered", || peer.taken().len() == 2);
    // TLS all the way can't be promised by a connection that has none; nor a year and a day.
    system
        .call("smtp-send", &["--require-tls", "-s", "x", "a@example.org"], b"text\n")
        .ends(76)
        .complains("TLS is required");
    system.call("smtp-send", &["--hold-for", "366d", "-s", "x", "a@example.org"], b"text\n").ends(69);
    assert_eq!(system.queue(&["ls"]), "");
}

#[test]
fn a_session_by_hand() {
    let peer = relay(|_, _| Say::Yes);
    let system = System::new(&peer, "");
    let _server = system.start();
    let mut stream = UnixStream::connect(&system.spool).unwrap();
    let says = "EHLO x\r\nAUTH PLAIN AHN5c3RlbQB0dWxpcA==\r\nMAIL FROM:<a@localhost>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n\
        Subject: x\r\n\r\nhello\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<b@c>\r\nDATA\r\nbare\nline\r\n.\r\nQUIT\r\n";
    stream.write_all(says.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    // Who it is is known by the connection: nobody logs in, nor guesses passwords.
    assert!(!said.contains("250-AUTH") && !said.contains("STARTTLS") && said.contains("\r\n504 "), "{said}");
    assert!(
        said.contains("\r\n250 2.0.0 queued as ")
            && said.ends_with("550 5.6.11 a CR or LF that is not part of a CRLF\r\n"),
        "{said}"
    );
    until("delivered", || peer.taken().len() == 1);
    let got = peer.taken().pop().unwrap();
    assert_eq!((got.from.as_str(), got.to), ("a@host.example.org", vec!["postmaster@host.example.org".to_owned()]));
}

#[test]
fn what_the_configuration_may_say() {
    let home = Home::new();
    let serve = |text: &str| {
        std::fs::write(home.path().join("config.toml"), text).unwrap();
        let mut command = home.command(&bin().join("mail-serve").display().to_string());
        command.env("PIPEPOST_CONFIG", home.path().join("config.toml")).arg("--system");
        Ran::of(command, b"")
    };
    let run = home.path().join("s");
    let spool = format!("[system]\nspool = \"{}\"\n", run.display());
    for (text, why) in [
        ("".to_owned(), "no [system]"),
        ("[system]\n".to_owned(), "spool is missing"),
        ("[system]\nspool = \"relative\"\n".to_owned(), "whole path"),
        ("[system]\nspool = \"/a b\"\n".to_owned(), "whole path"),
        ("[system]\nspool = \"/a\"\ncolour = 1\n".to_owned(), "unknown key"),
        (spool.clone(), "no account"),
        (format!("{spool}account = \"work\"\n"), "no such account"),
        (format!("{spool}account = \"work\"\n[work]\nimap = \"imap://h\"\n"), "no smtp"),
        (format!("{spool}account = \"work\"\n[work]\nsmtp = \"smtp://h\"\n"), "has no domain"),
        (
            format!("{spool}account = \"work\"\n[work]\nsmtp = \"smtp://h\"\nhostname = \"a.b\"\naliases = \"none\"\n"),
            "none",
        ),
    ] {
        let ran = serve(&text);
        assert!(matches!(ran.status, 78 | 66), "{text}: {ran:?}");
        assert!(ran.err.contains(why), "{text}: {ran:?}");
    }
    home.run("mail-serve", &["--system", "--create"], b"").ends(64);
}
