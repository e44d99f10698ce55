//! The programs against real servers: Dovecot (POP3, IMAP), Courier and Cyrus (POP3) and Postfix (submission), over TLS with
//! certificates of a test authority; over lines that are cut, and while others change the mailbox. On Debian: `apt-get install
//! dovecot-imapd dovecot-pop3d dovecot-lmtpd postfix`, what `interop/maildrops.sh` names, and root, who may give the servers users of
//! their own. Nothing of the system's configuration is read or written, and nothing listens beyond 127.0.0.1.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

#[path = "interop/changes.rs"]
mod changes;
mod common;
#[path = "interop/cuts.rs"]
mod cuts;
#[path = "interop/folders.rs"]
mod folders;
#[path = "common/issuer.rs"]
mod issuer;
#[path = "interop/listing.rs"]
mod listing;
#[path = "interop/maildrops.rs"]
mod maildrops;
#[allow(unreachable_pub, dead_code)]
#[path = "tls/peer.rs"]
mod peer;
#[path = "interop/pop3.rs"]
mod pop3;
#[path = "interop/same.rs"]
mod same;
#[allow(unreachable_pub, dead_code)]
#[path = "interop/servers.rs"]
mod servers;
#[path = "interop/tokens.rs"]
mod tokens;
#[path = "interop/utf8.rs"]
mod utf8;
#[path = "interop/verbs.rs"]
mod verbs;

use common::{Home, Ran};
use peer::{Authority, hopeless};
use servers::{Dovecot, LIMIT, Postfix, can_run};
use std::time::{Duration, Instant};

const DOVECOT: [&str; 4] =
    ["/usr/sbin/dovecot", "/usr/lib/dovecot/imap-login", "/usr/lib/dovecot/pop3-login", "/usr/lib/dovecot/lmtp"];

/// Messages that have broken clients: dots, long lines, every byte but NUL, CR and LF, no line end at the end, no body, 1 MiB.
fn hard() -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = (1..=255u8).filter(|b| !b"\r\n".contains(b)).collect();
    let bodies: [Vec<u8>; 7] = [
        b".\n..\n.x\n\n.\n".to_vec(),
        "x".repeat(5000).into_bytes(),
        [bytes, b"\n".to_vec()].concat(),
        b"From the end\n>From x\nno line end".to_vec(),
        Vec::new(),
        "a line of some length, and another one like it\n".repeat(22_000).into_bytes(),
        b"\n\n\n".to_vec(),
    ];
    let head = |n: usize| {
        format!("From: Jo <jo@example.test>\nTo: bob@example.test\nSubject: hard {n}\nMessage-ID: <{n}@x>\n\n")
    };
    bodies.iter().enumerate().map(|(n, body)| [head(n).as_bytes(), body].concat()).collect()
}

fn home(ca: &Authority) -> Home {
    let home = Home::new();
    std::fs::write(home.path().join("ca.pem"), &ca.pem).unwrap();
    home.sh(&format!("umask 077; echo {} > pw; echo wrong > wrong", servers::PASSWORD)).ends(0);
    home
}

fn run(home: &Home, tool: &str, arguments: &[&str], stdin: &[u8]) -> Ran {
    let by = ["--ca-file", "ca.pem", "--password-file", "pw", "--timeout", "60s"];
    home.run(tool, &[&by, arguments].concat(), stdin)
}

/// The contents of a directory's files, sorted.
fn files(home: &Home, dir: &str) -> Vec<Vec<u8>> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read(entry.unwrap().path()).unwrap();
    let mut all: Vec<Vec<u8>> = std::fs::read_dir(home.path().join(dir)).unwrap().map(read).collect();
    all.sort();
    all
}

/// POP3 ends every message with a line end.
fn ended(mut messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    for message in &mut messages {
        if !message.ends_with(b"\n") {
            message.push(b'\n');
        }
    }
    messages.sort();
    messages
}

#[test]
fn dovecot_pop3() {
    if !can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let dovecot = Dovecot::start(&home, "dovecot", &ca.issue(&["localhost", "127.0.0.1"], |_| {}).pem);
    let hard = hard();
    for (n, url) in [
        format!("pop3s://bob@localhost:{}", dovecot.pop3s),
        format!("pop3s://carol@127.0.0.1:{}", dovecot.pop3s),
        format!("pop3+starttls://alice@127.0.0.1:{}", dovecot.pop3),
        format!("pop3://dave@localhost:{}", dovecot.pop3),
    ]
    .iter()
    .enumerate()
    {
        let user = ["bob", "carol", "alice", "dave"][n];
        dovecot.put(user, &hard);
        let listed = run(&home, "pop3-ls", &["-o", "number,subject", url], b"").ends(0);
        let expected: String = (0..hard.len()).map(|n| format!("{}\thard {n}\n", n + 1)).collect();
        assert_eq!((listed.out.as_str(), listed.err.as_str()), (expected.as_str(), ""), "{url}");
        let target = format!("eml:keep{n}");
        run(&home, "pop3-fetch", &["--into", &target, url], b"").ends(0);
        assert!(files(&home, &format!("keep{n}")) == ended(hard.clone()), "{url}");
        // Nothing is fetched twice.
        run(&home, "pop3-fetch", &["-e", "--into", &target, url], b"").ends(1);
        home.run("pop3-ls", &["--ca-file", "ca.pem", "--password-file", "wrong", url], b"").ends(77);
        assert_eq!(dovecot.messages(user).len(), hard.len());
        let ran = run(&home, "pop3-fetch", &["--delete", "--json", "--into", "maildir:moved", url], b"").ends(0);
        assert_eq!(ran.out.matches(r#""fate":"done""#).count(), hard.len(), "{ran:?}");
        assert!(files(&home, "moved/new") == ended(hard.clone()) && dovecot.messages(user).is_empty(), "{url}");
        home.sh("rm -r moved").ends(0);
    }
}

/// Each login mechanism that it has for passwords, and which it is asked for by itself.
#[test]
fn dovecot_mechanisms() {
    if !can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let dovecot = Dovecot::start(&home, "dovecot", &ca.issue(&["localhost", "127.0.0.1"], |_| {}).pem);
    dovecot.put("bob", &hard());
    for (tool, url) in [
        ("pop3-ls", format!("pop3s://bob@localhost:{}", dovecot.pop3s)),
        ("imap-ls", format!("imap://bob@localhost:{}", dovecot.imap)),
    ] {
        for auth in ["", "scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"] {
            let named: &[&str] = if auth.is_empty() { &[] } else { &["--auth", auth] };
            let ran = run(&home, tool, &[&["--trace", "-", &url], named].concat(), b"").ends(0);
            let taken = if auth.is_empty() { "SCRAM-SHA-256".to_owned() } else { auth.to_ascii_uppercase() };
            assert!(ran.err.contains(&taken) && !ran.err.contains(servers::PASSWORD), "{auth}: {ran:?}");
            let wrong = [&["--ca-file", "ca.pem", "--password-file", "wrong", &url], named].concat();
            home.run(tool, &wrong, b"").ends(77);
        }
    }
}

#[test]
fn dovecot_imap() {
    if !can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let dovecot = Dovecot::start(&home, "dovecot", &ca.issue(&["localhost", "127.0.0.1"], |_| {}).pem);
    let hard = hard();
    dovecot.put("bob", &hard);
    let mut sorted = hard.clone();
    sorted.sort();
    for (n, url) in [
        format!("imaps://bob@localhost:{}/", dovecot.imaps),
        format!("imap+starttls://bob@127.0.0.1:{}/", dovecot.imap),
        format!("imap://bob@localhost:{}/", dovecot.imap),
    ]
    .iter()
    .enumerate()
    {
        let inbox = format!("{url}INBOX");
        let ran = run(&home, "imap-ls", &["-o", "folder,messages", url], b"").ends(0);
        assert_eq!(ran.out, "INBOX\t7\nSent\t0\n", "{url}");
        let ran = run(&home, "imap-ls", &["-o", "uid,subject,from", &inbox], b"").ends(0);
        let expected: String = (0..7).map(|n| format!("{}\thard {n}\tJo <jo@example.test>\n", n + 1)).collect();
        assert_eq!(ran.out, expected, "{url}");
        let ran = run(&home, "imap-ls", &["--search", "SUBJECT \"hard 5\"", "--refs", &inbox], b"").ends(0);
        let fetched = run(&home, "imap-fetch", &["-", "--raw"], ran.out.as_bytes()).ends(0);
        assert!(fetched.out.as_bytes() == hard[5], "{url}: {} bytes", fetched.out.len());
        run(&home, "imap-fetch", &["--into", &format!("eml:all{n}"), &inbox], b"").ends(0);
        assert!(files(&home, &format!("all{n}")) == sorted, "{url}");
        run(&home, "imap-fetch", &[&format!("{url}none"), "1"], b"").ends(69);
        home.run("imap-ls", &["--ca-file", "ca.pem", "--password-file", "wrong", url], b"").ends(77);
        let ran = run(&home, "mail-check", &[url], b"").ends(0);
        assert!(ran.out.contains("login"), "{ran:?}");
    }
    // Nothing of all this has changed a flag.
    let ran = run(
        &home,
        "imap-ls",
        &["--search", "UNSEEN", "-o", "uid", &format!("imaps://bob@localhost:{}/INBOX", dovecot.imaps)],
        b"",
    );
    assert_eq!(ran.ends(0).out.lines().count(), 7);
}

#[test]
fn dovecot_lmtp() {
    if !can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let dovecot = Dovecot::start(&home, "dovecot", &ca.issue(&["localhost"], |_| {}).pem);
    let url = format!("lmtp+plain://127.0.0.1:{}", dovecot.lmtp);
    let send = ["-a", &url, "-f", "jo@example.test", "--json", "alice@example.test", "carol@example.test"];
    let hard = hard();
    // All but the one with a line of 5,000 bytes, which no SMTP takes.
    for message in hard.iter().enumerate().filter(|(n, _)| *n != 1).map(|(_, message)| message) {
        let ran = home.run("smtp-send", &send, message).ends(0);
        assert_eq!(ran.out.matches(r#""fate":"done""#).count(), 2, "{ran:?}");
    }
    for user in ["alice", "carol"] {
        let got = dovecot.messages(user);
        assert_eq!(got.len(), hard.len() - 1);
        for (n, message) in ended(hard.clone()).iter().enumerate() {
            let body = message.windows(2).position(|w| w == b"\n\n").unwrap();
            let found = got.iter().any(|got| got.ends_with(&message[body..]));
            assert!(found || message.len() > 5000 && message.len() < 6000, "message {n} of {user}");
        }
    }
    let strange = ["-a", &url, "-s", "x", "-f", "jo@example.test", "alice@example.test", "@x"];
    home.run("smtp-send", &strange, b"").ends(64);
}

#[test]
fn dovecot_with_certificates_that_prove_nothing() {
    if !can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let expired = ca.issue(&["localhost"], |p| p.not_after = rcgen::date_time_ymd(2020, 2, 3));
    let other = ca.issue(&["mx.other.example"], |_| {});
    let alone = hopeless();
    for (name, shown, why) in [
        ("expired", &expired, "expired on 2020-02-03"),
        ("other", &other, "asked for localhost, it is for mx.other.example"),
        ("alone", &alone, "certificate"),
    ] {
        let dovecot = Dovecot::start(&home, name, &shown.pem);
        for (tool, url) in [
            ("pop3-ls", format!("pop3s://bob@localhost:{}", dovecot.pop3s)),
            ("pop3-ls", format!("pop3://bob@localhost:{}", dovecot.pop3)),
            ("imap-ls", format!("imaps://bob@localhost:{}/INBOX", dovecot.imaps)),
            ("imap-ls", format!("imap://bob@localhost:{}/INBOX", dovecot.imap)),
        ] {
            run(&home, tool, &[&url], b"").ends(76).complains(why);
            let log = dovecot.log();
            assert!(!log.contains("bob"), "a login was tried: {log}");
        }
        dovecot.put("bob", &hard()[..1]);
        let url = format!("imaps://bob@localhost:{}/INBOX", dovecot.imaps);
        let by_pin = ["--pin", &shown.pin(), "--password-file", "pw", "-o", "uid", &url];
        assert_eq!(home.run("imap-ls", &by_pin, b"").ends(0).out, "1\n");
    }
}

/// Waits until somebody has so many messages: Postfix delivers when it has answered.
fn arrived(dovecot: &Dovecot, postfix: &Postfix, user: &str, count: usize) -> Vec<Vec<u8>> {
    let start = Instant::now();
    loop {
        let messages = dovecot.messages(user);
        if messages.len() >= count {
            assert_eq!(messages.len(), count);
            return messages;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{}", postfix.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn postfix_submission() {
    if !can_run(&[&DOVECOT[..], &["/usr/lib/postfix/sbin/master", "/usr/lib/postfix/sbin/smtpd"]].concat()) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let shown = ca.issue(&["localhost", "127.0.0.1"], |_| {});
    let dovecot = Dovecot::start(&home, "dovecot", &shown.pem);
    let postfix = Postfix::start(&home, &dovecot, &shown.pem);
    let smtp = format!("smtp://bob@localhost:{}", postfix.smtp);
    let smtps = format!("smtps://bob@localhost:{}", postfix.smtps);
    let send = |url: &str, more: &[&str], stdin: &[u8]| {
        let to = ["-a", url, "-f", "bob@example.test"];
        run(&home, "smtp-send", &[&to, more].concat(), stdin)
    };
    // What arrives is what was sent, behind the fields of the way.
    for (n, message) in hard().iter().enumerate().filter(|(n, _)| *n != 1) {
        let url = if n % 2 == 0 { &smtp } else { &smtps };
        let message = [message, &b"\n"[..usize::from(!message.ends_with(b"\n"))]].concat();
        let message = [b"Date: Mon, 23 Nov 2026 01:02:03 +0000\n", &message[..]].concat();
        send(url, &["alice@example.test"], &message).ends(0);
        let got = arrived(&dovecot, &postfix, "alice", 1).remove(0);
        assert!(got.ends_with(&message), "message {n}: {}", String::from_utf8_lossy(&got[..got.len().min(2000)]));
        home.sh("rm -r dovecot/mail/alice").ends(0);
    }
    // One refused recipient stops nobody.
    let ran =
        send(&smtp, &["--json", "-s", "x", "alice@example.test", "nobody@example.test", "carol@example.test"], b"y");
    let ran = ran.ends(67).complains("nobody@example.test: 550");
    assert_eq!((ran.out.lines().count(), ran.out.matches(r#""fate":"done""#).count()), (3, 2), "{ran:?}");
    arrived(&dovecot, &postfix, "alice", 1);
    arrived(&dovecot, &postfix, "carol", 1);
    send(&smtp, &["-s", "x", "nobody@example.test"], b"y").ends(69);
    // Many over one connection.
    let mbox: String = (0..20).map(|n| format!("From x Mon Nov 23 01:02:03 2026\nSubject: {n}\n\n{n}\n\n")).collect();
    let connections = || postfix.log().matches(": connect from").count();
    let before = connections();
    send(&smtps, &["--mbox", "bob@example.test"], mbox.as_bytes()).ends(0);
    arrived(&dovecot, &postfix, "bob", 20);
    let connections = connections() - before;
    // Too large is known from SIZE, before anything is sent.
    let large = [b"Subject: large\n\n".to_vec(), b"0123456789\n".repeat(LIMIT / 10)].concat();
    send(&smtp, &["carol@example.test"], &large).ends(65).complains("the server takes");
    // Without 8BITMIME nothing leaves that is 8-bit.
    let seven = format!("smtps://bob@localhost:{}", postfix.seven);
    send(&seven, &["dora@example.test"], &hard()[2]).ends(65).complains("8BITMIME");
    send(&seven, &["alice@example.test"], &hard()[0]).ends(0);
    arrived(&dovecot, &postfix, "alice", 2);
    // Wrong logins.
    let wrong = [
        "--ca-file",
        "ca.pem",
        "--password-file",
        "wrong",
        "-a",
        &smtp,
        "-f",
        "b@example.test",
        "-s",
        "x",
        "carol@example.test",
    ];
    home.run("smtp-send", &wrong, b"y").ends(77).complains("535");
    run(
        &home,
        "smtp-send",
        &["-a", &smtp.replace("bob@", ""), "-s", "x", "-f", "bob@example.test", "carol@example.test"],
        b"y",
    )
    .ends(69);
    let ran = run(&home, "mail-check", &[&smtp], b"").ends(0);
    assert!(ran.out.contains("login"), "{ran:?}");
    arrived(&dovecot, &postfix, "carol", 1);
    assert!(connections < 10, "{connections} connections for the mbox of 20");
}
