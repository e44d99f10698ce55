//! Dovecot's folders: names of all kinds, other ways in, many messages, and others who change a mailbox meanwhile.

use super::servers::{self, Dovecot};
use super::{DOVECOT, files, hard, home, run};
use crate::common::{Home, bin};
use crate::peer::Authority;
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A Dovecot, a home that trusts it, and bob's URL by IMAP there.
pub(crate) fn dovecot() -> Option<(Home, Dovecot, String)> {
    if !servers::can_run(&DOVECOT) {
        return None;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let dovecot = Dovecot::start(&home, "dovecot", &ca.issue(&["localhost", "127.0.0.1"], |_| {}).pem);
    let url = format!("imaps://bob@localhost:{}/", dovecot.imaps);
    Some((home, dovecot, url))
}

/// Percent-encodes all but letters.
pub(crate) fn encoded(name: &str) -> String {
    let byte = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    name.bytes().map(byte).collect()
}

#[test]
fn folder_names() {
    let Some((home, dovecot, url)) = dovecot() else { return };
    let long = "x".repeat(200);
    let names = [
        "with space",
        "Entwürfe & Ideen",
        "日本語",
        "Lists/rust",
        "a%b #c?d",
        "\"quoted\" \\ back",
        "in ~ the middle",
        "&",
        "100 * 2",
        "😀",
        &long,
    ];
    for name in names {
        dovecot.doveadm(&["mailbox", "create", "-u", "bob", name]);
        let message = format!("Subject: x\n\n{name}\n");
        let mut save = std::process::Command::new("/usr/bin/doveadm")
            .arg("-c")
            .arg(dovecot.configuration())
            .args(["save", "-u", "bob", "-m", name])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut save.stdin.take().unwrap(), message.as_bytes()).unwrap();
        assert!(save.wait().unwrap().success());
    }
    let listed = run(&home, "imap-ls", &["--json", &url], b"").ends(0);
    let rows: Vec<Value> = listed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in names {
        let row = rows.iter().find(|row| row["folder"] == name).unwrap_or_else(|| panic!("{name}: {listed:?}"));
        assert_eq!(row["messages"], 1, "{name}");
        let folder = format!("{url}{}", encoded(name));
        let body = format!("Subject: x\n\n{name}\n");
        assert_eq!(run(&home, "imap-fetch", &[&folder, "1"], b"").ends(0).out, body);
        // A reference leads to the same message, whatever the name.
        let reference = run(&home, "imap-ls", &["--refs", &folder], b"").ends(0).out;
        assert_eq!(run(&home, "imap-fetch", &[reference.trim_end()], b"").ends(0).out, body, "{reference}");
    }
    run(&home, "imap-ls", &[&format!("{url}Entw%FCrfe")], b"").ends(64);
}

#[test]
fn searches() {
    let Some((home, dovecot, url)) = dovecot() else { return };
    let message = |subject: &str, body: &str| {
        format!(
            "From: Jürgen <j@example.test>\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{body}\n"
        )
        .into_bytes()
    };
    dovecot.put(
        "bob",
        &[
            message("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "eins"),
            message("two", "schöne Grüße"),
            message("three", &"long ".repeat(4000)),
        ],
    );
    dovecot.doveadm(&["flags", "add", "-u", "bob", "\\Flagged $Work", "mailbox", "INBOX", "uid", "2"]);
    for (keys, found) in [
        ("SUBJECT grüße", "1\n"),
        ("BODY \"schöne Grüße\"", "2\n"),
        ("OR SUBJECT three SUBJECT two", "2\n3\n"),
        ("NOT LARGER 15000", "1\n2\n"),
        ("KEYWORD $Work FLAGGED", "2\n"),
        ("UID 2:* UNFLAGGED", "3\n"),
        ("SINCE 1-Jan-2040", ""),
    ] {
        let ran = run(&home, "imap-ls", &["-o", "uid", "--search", keys, &format!("{url}INBOX")], b"").ends(0);
        assert_eq!(ran.out, found, "{keys}");
    }
    run(&home, "imap-ls", &["--search", "NONSENSE", &format!("{url}INBOX")], b"").ends(64);
}

#[test]
fn sockets_and_tunnels() {
    let Some((home, dovecot, _)) = dovecot() else { return };
    dovecot.put("bob", &hard());
    let count = hard().len();
    let socket = format!("imap+unix://bob@{}", dovecot.socket().display());
    assert_eq!(
        run(&home, "imap-ls", &["-o", "uid", &format!("{socket}:INBOX")], b"").ends(0).out.lines().count(),
        count
    );
    // A program that speaks IMAP and knows whose it is.
    // Over pipes, as ssh has them: Dovecot takes a socket for inetd's if root runs it.
    let doveadm = format!("exec doveadm -c {} exec imap -u bob", dovecot.configuration().display());
    let tunnel = ["/bin/sh", "-c", &doveadm];
    home.sh(&format!("umask 077; echo '[inside]\ntunnel = {tunnel:?}' > config.toml")).ends(0);
    let inside = ["--config", "config.toml", "--timeout", "30s"];
    let ran = home.run("imap-ls", &[&inside[..], &["-o", "uid", "inside:INBOX"]].concat(), b"").ends(0);
    assert_eq!(ran.out.lines().count(), count);
    home.run("imap-fetch", &[&inside[..], &["--into", "eml:all", "inside:INBOX"]].concat(), b"").ends(0);
    let mut hard = hard();
    hard.sort();
    assert!(files(&home, "all") == hard);
    let ran = home.run("mail-check", &[&inside[..], &["inside:"]].concat(), b"").ends(0);
    assert!(ran.out.contains("imap"), "{ran:?}");
}

#[test]
fn many_messages() {
    let Some((home, dovecot, url)) = dovecot() else { return };
    let all: Vec<Vec<u8>> = (0..5000).map(|n| format!("Subject: {n}\n\nbody {n}\n").into_bytes()).collect();
    dovecot.put("bob", &all);
    let listed = run(&home, "imap-ls", &["-o", "uid,subject", &format!("{url}INBOX")], b"").ends(0);
    let expected: String = (0..5000).map(|n| format!("{}\t{n}\n", n + 1)).collect();
    assert!(listed.out == expected);
    let pop3 = format!("pop3s://bob@localhost:{}", dovecot.pop3s);
    let listed = run(&home, "pop3-ls", &["-o", "number,subject", &pop3], b"").ends(0);
    assert!(listed.out == expected);
    run(&home, "imap-fetch", &["--into", "mbox:I", &format!("{url}INBOX")], b"").ends(0);
    run(&home, "pop3-fetch", &["--delete", "--into", "mbox:P", &pop3], b"").ends(0);
    for mbox in ["I", "P"] {
        let mbox = std::fs::read_to_string(home.path().join(mbox)).unwrap();
        let lines = mbox.lines().filter(|line| !line.is_empty() && !line.starts_with("From "));
        assert!(lines.eq(all.iter().flat_map(|m| str::from_utf8(m).unwrap().lines().filter(|line| !line.is_empty()))));
    }
    assert!(dovecot.messages("bob").is_empty());
}

#[test]
fn others_change_the_mailbox_meanwhile() {
    let Some((home, dovecot, url)) = dovecot() else { return };
    let inbox = format!("{url}INBOX");
    // Enough that a fetch into a pipe that nobody reads has to wait.
    let all: Vec<Vec<u8>> = (0..60)
        .map(|n| {
            [format!("Subject: {n}\n\n").into_bytes(), format!("{n:04}567\n").repeat(12_500).into_bytes()].concat()
        })
        .collect();
    dovecot.put("bob", &all);
    let references = run(&home, "imap-ls", &["--refs", &inbox], b"").ends(0).out;
    let mut command = home.command(&bin().join("imap-fetch").display().to_string());
    command.args(["--ca-file", "ca.pem", "--password-file", "pw", "--timeout", "60s", &inbox]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut first = vec![0; 50_000];
    std::io::Read::read_exact(&mut out, &mut first).unwrap();
    dovecot.doveadm(&["expunge", "-u", "bob", "mailbox", "INBOX", "uid", "50:59"]);
    dovecot.doveadm(&["flags", "add", "-u", "bob", "\\Seen $Read", "mailbox", "INBOX", "uid", "40:49"]);
    dovecot.put("bob", &all[..1]);
    let mut mbox = first;
    std::io::Read::read_to_end(&mut out, &mut mbox).unwrap();
    let ended = child.wait_with_output().unwrap();
    let status = ended.status.code().unwrap();
    // The server may still have what is gone; what is there is whole, and what is missing is no success if it is told.
    let mbox = String::from_utf8(mbox).unwrap();
    let fetched: Vec<usize> = mbox
        .split("\nSubject: ")
        .skip(1)
        .map(|text| {
            let (n, body) = text.split_once("\n\n").unwrap();
            let n: usize = n.parse().unwrap();
            assert_eq!(body.lines().filter(|line| *line == format!("{n:04}567")).count(), 12_500, "{n} is not whole");
            n
        })
        .collect();
    assert!((0..49).chain([59]).all(|n| fetched.contains(&n)), "{fetched:?}");
    assert!(status == 0 || fetched.len() < 60 && [67, 69].contains(&status), "{status}: {fetched:?} {ended:?}");
    // By references, what is gone is told, and the rest comes.
    let ran = run(&home, "imap-fetch", &["-", "--into", "eml:rest"], references.as_bytes()).ends(67);
    assert!(ran.err.ends_with("no message with UID 50:59\n") && files(&home, "rest").len() == 50, "{}", ran.err);
    // The folder is made anew: what the references meant is gone, all of it.
    dovecot.doveadm(&["mailbox", "create", "-u", "bob", "other"]);
    dovecot.put_into("bob", ".other", &all[..2]);
    let other = format!("{url}other");
    let references = run(&home, "imap-ls", &["--refs", &other], b"").ends(0).out;
    let validity = || run(&home, "imap-ls", &["-o", "folder,uidvalidity", &url], b"").ends(0).out;
    let before = validity();
    let begun = Instant::now();
    while validity() == before {
        dovecot.doveadm(&["mailbox", "delete", "-u", "bob", "-s", "other"]);
        dovecot.doveadm(&["mailbox", "create", "-u", "bob", "-s", "other"]);
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    dovecot.put_into("bob", ".other", &all[2..4]);
    let ran = run(&home, "imap-fetch", &["-", "--into", "eml:stale"], references.as_bytes()).ends(69);
    assert!(ran.err.contains("UIDVALIDITY") && files(&home, "stale").is_empty(), "{ran:?}");
}

#[test]
fn a_maildrop_in_use() {
    let Some((home, dovecot, _)) = dovecot() else { return };
    dovecot.put("bob", &hard());
    let url = format!("pop3s://bob@localhost:{}", dovecot.pop3s);
    let mut command = home.command(&bin().join("pop3-fetch").display().to_string());
    command.args(["--ca-file", "ca.pem", "--password-file", "pw", "--timeout", "60s", "--all", &url]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    std::io::Read::read_exact(&mut out, &mut [0; 10]).unwrap();
    // The first has the lock until somebody reads what it writes.
    // Dovecot waits for it, longer than we do.
    let wait = |limit: &str| {
        home.run("pop3-ls", &["--ca-file", "ca.pem", "--password-file", "pw", "--timeout", limit, &url], b"")
    };
    wait("2s").ends(75);
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
    wait("60s").ends(0);
}
