//! What a sender asks for besides delivery, as the queue keeps it: the real programs, against servers that answer as they are told.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod common;
#[path = "queue/peer.rs"]
mod peer;

use common::Home;
use peer::{Heard, Peer, yes};
use serde_json::Value;
use std::time::Duration;

const MESSAGE: &str =
    "From: a@localhost\nSubject: x\nMessage-ID: <same@x>\nDate: Mon, 23 Nov 2026 05:51:10 +0000\n\nhello\n";

/// A server that offers this.
fn offering(extensions: &'static str) -> Peer {
    Peer::start(move |line, heard| match line {
        _ if line.starts_with("EHLO") => {
            let mut all = vec!["peer"];
            all.extend(extensions.split(',').filter(|extension| !extension.is_empty()));
            let (last, before) = all.split_last().unwrap();
            before.iter().map(|line| format!("250-{line}\r\n")).collect::<String>() + &format!("250 {last}")
        }
        _ => yes(line, heard),
    })
}

fn queue(home: &Home, peer: &Peer, more: &[&str], text: &str) {
    let url = peer.url();
    let all = [&["--queue", "-f", "a@localhost", "-a", &url], more].concat();
    home.run("smtp-send", &all, text.as_bytes()).ends(0);
}

fn run(home: &Home) {
    home.run("smtp-queue", &["run"], b"").ends(0);
}

fn rows(home: &Home) -> Vec<Value> {
    let listed = home.run("smtp-queue", &["ls", "--json"], b"").ends(0).out;
    listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn told(home: &Home) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(home.path().join(".local/share/pipepost/mail/a/new")) else {
        return Vec::new();
    };
    entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

fn said(heard: &Heard, verb: &str) -> Vec<String> {
    heard.lines.iter().filter(|line| line.starts_with(verb)).cloned().collect()
}

#[test]
fn addresses_and_headers_beyond_ascii() {
    let home = Home::new();
    let can = offering("PIPELINING,8BITMIME,SMTPUTF8");
    let to = "jürgen@bücher.example";
    queue(&home, &can, &[to], MESSAGE);
    queue(&home, &can, &["b@example.org"], &MESSAGE.replace("Subject: x", "Subject: ü"));
    run(&home);
    let heard = can.heard();
    assert!(
        said(&heard, "MAIL").iter().all(|line| line.ends_with(" SMTPUTF8") || line.contains(" SMTPUTF8 ")),
        "{heard:?}"
    );
    assert_eq!(heard.messages[0].0, [format!("<{to}>")]);
    assert!(heard.messages[1].1.contains("Subject: ü\r\n"));
    let can_not = offering("PIPELINING,8BITMIME");
    queue(&home, &can_not, &[to, "b@bücher.example"], MESSAGE);
    run(&home);
    assert_eq!((can_not.heard().messages.len(), rows(&home).len()), (0, 0));
    let told = told(&home);
    assert!(
        told[0].contains("Final-Recipient: utf-8; j\\x{FC}rgen@b\\x{FC}cher.example\nAction: failed\n"),
        "{told:?}"
    );
    // A domain alone needs nothing of the server.
    queue(&home, &can_not, &["b@bücher.example"], MESSAGE);
    run(&home);
    assert_eq!(can_not.heard().messages[0].0, ["<b@xn--bcher-kva.example>"]);
}

#[test]
fn eight_bits_become_seven_for_a_server_that_has_no_more() {
    let home = Home::new();
    let text = MESSAGE.replace(
        "\n\nhello",
        "\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
                                             Content-Transfer-Encoding: 8bit\n\nhellö",
    );
    let peer = offering("PIPELINING");
    queue(&home, &peer, &["b@example.org"], &text);
    run(&home);
    let (_, message) = peer.heard().messages[0].clone();
    assert!(message.is_ascii() && message.contains("\r\nContent-Transfer-Encoding: quoted-printable\r\n"), "{message}");
    assert!(message.contains("hell=C3=B6"), "{message}");
    let whole = offering("8BITMIME");
    queue(&home, &whole, &["b@example.org"], &text);
    run(&home);
    let heard = whole.heard();
    assert!(heard.messages[0].1.contains("hellö") && said(&heard, "MAIL")[0].contains(" BODY=8BITMIME"));
    // What can't be encoded without loss is refused, and its sender hears of it.
    queue(&home, &peer, &["b@example.org"], &MESSAGE.replace("hello", "hellö"));
    run(&home);
    assert_eq!((peer.heard().messages.len(), rows(&home).len(), told(&home).len()), (1, 0, 1));
    assert!(told(&home)[0].contains("Status: 5.6.0\n") && told(&home)[0].contains("8BITMIME"), "{:?}", told(&home));
}

#[test]
fn long_lines_are_encoded_before_the_message_is_stored() {
    let home = Home::new();
    let peer = offering("8BITMIME");
    let long = MESSAGE.replace("hello", &"long ".repeat(300));
    let url = peer.url();
    let arguments = ["--queue", "-f", "a@localhost", "-a", &url, "b@example.org"];
    home.run("smtp-send", &arguments, long.as_bytes()).ends(65);
    queue(&home, &peer, &["--recode", "b@example.org"], &long);
    run(&home);
    let (_, message) = peer.heard().messages[0].clone();
    assert!(message.lines().all(|line| line.len() <= 998) && message.contains("quoted-printable"), "{message}");
}

#[test]
fn notifications_are_asked_for_with_the_address_that_the_sender_wrote() {
    let home = Home::new();
    let peer = offering("DSN");
    queue(&home, &peer, &["--notify", "success", "--envid", "E1", "b@example.org"], MESSAGE);
    queue(&home, &peer, &["--ret", "full", "c@example.org"], MESSAGE);
    queue(&home, &peer, &["d@example.org"], MESSAGE);
    run(&home);
    let heard = peer.heard();
    assert!(
        said(&heard, "MAIL")[0].contains(" ENVID=E1") && said(&heard, "MAIL")[1].contains(" RET=FULL"),
        "{heard:?}"
    );
    let rcpts: Vec<&str> = heard.messages.iter().map(|(to, _)| to[0].as_str()).collect();
    assert_eq!(
        rcpts,
        [
            "<b@example.org> NOTIFY=SUCCESS ORCPT=rfc822;b@example.org",
            "<c@example.org> ORCPT=rfc822;c@example.org",
            "<d@example.org>"
        ]
    );
}

#[test]
fn what_is_held_back_waits_at_the_server_or_here() {
    let home = Home::new();
    let can = offering("FUTURERELEASE 3600 2099-01-01T00:00:00Z");
    queue(&home, &can, &["--hold-for", "30m", "b@example.org"], MESSAGE);
    run(&home);
    let mail = said(&can.heard(), "MAIL");
    assert!(mail[0].contains(" HOLDUNTIL=20") && mail[0].contains('Z'), "{mail:?}");
    // Longer than it can.
    queue(&home, &can, &["--hold-for", "2h", "c@example.org"], MESSAGE);
    let can_not = offering("");
    queue(&home, &can_not, &["--hold-until", "2099-12-01T08:00:00Z", "d@example.org"], MESSAGE);
    run(&home);
    run(&home);
    let rows = rows(&home);
    assert_eq!((can.heard().messages.len(), can_not.heard().messages.len(), rows.len()), (1, 0, 2));
    assert!(rows.iter().all(|row| row["status"] == "waiting" && row["attempts"] == 0), "{rows:?}");
    assert_eq!(rows[1]["next"], "2099-12-01T08:00:00+00:00");
    assert_eq!(said(&can_not.heard(), "EHLO").len(), 1, "it is not due any more");
    home.run("smtp-queue", &["check"], b"").ends(0);
    // What is mended is no reason to go sooner; who says so is.
    home.run("smtp-queue", &["retry", "--all"], b"").ends(0);
    run(&home);
    assert_eq!(can_not.heard().messages.len(), 0);
    home.run("smtp-queue", &["release", "--domain", "example.org"], b"").ends(0);
    run(&home);
    assert_eq!((can.heard().messages.len(), can_not.heard().messages.len()), (2, 1));
}

#[test]
fn what_is_to_be_delivered_by_a_time_or_not_at_all() {
    let home = Home::new();
    let can = offering("DELIVERBY 10");
    queue(&home, &can, &["--deliver-by", "1h", "b@example.org"], MESSAGE);
    run(&home);
    let mail = said(&can.heard(), "MAIL");
    let left: i64 = mail[0].split(" BY=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&left) && mail[0].contains(";R"), "{mail:?}");
    // Told only: a server that can't do it gets it all the same.
    let can_not = offering("");
    queue(&home, &can_not, &["--deliver-by", "1h:notify", "c@example.org"], MESSAGE);
    run(&home);
    assert_eq!((can_not.heard().messages.len(), told(&home).len()), (1, 0));
    queue(&home, &can_not, &["--deliver-by", "1h", "d@example.org"], MESSAGE);
    run(&home);
    assert_eq!((can_not.heard().messages.len(), rows(&home).len()), (1, 0));
    assert!(told(&home)[0].contains("Status: 5.3.3\n") && told(&home)[0].contains("DELIVERBY"), "{:?}", told(&home));
    // Too late.
    let late =
        Peer::start(|line, heard| if line.starts_with("RCPT") { "450 later".into() } else { offers_by(line, heard) });
    queue(&home, &late, &["--deliver-by", "2s", "e@example.org"], MESSAGE);
    run(&home);
    std::thread::sleep(Duration::from_millis(2100));
    run(&home);
    assert!(rows(&home).is_empty(), "it is tried, or given up, when its time comes: {:?}", rows(&home));
    assert!(told(&home).iter().any(|text| text.contains("Status: 5.4.7\n")), "{:?}", told(&home));
}

fn offers_by(line: &str, heard: &Heard) -> String {
    if line.starts_with("EHLO") { "250-peer\r\n250 DELIVERBY".to_owned() } else { yes(line, heard) }
}

#[test]
fn what_is_urgent_goes_first() {
    let home = Home::new();
    let peer = offering("MT-PRIORITY");
    for (to, priority) in [("low", "-5"), ("none", ""), ("high", "7")] {
        let to = format!("{to}@example.org");
        let more = if priority.is_empty() { vec![to.as_str()] } else { vec!["--priority", priority, &to] };
        queue(&home, &peer, &more, MESSAGE);
    }
    run(&home);
    let heard = peer.heard();
    let order: Vec<&str> = heard.messages.iter().map(|(to, _)| to[0].as_str()).collect();
    assert_eq!(order, ["<high@example.org>", "<none@example.org>", "<low@example.org>"]);
    let asked: Vec<bool> = said(&heard, "MAIL").iter().map(|line| line.contains(" MT-PRIORITY=")).collect();
    assert_eq!(asked, [true, false, true]);
    let plain = offering("");
    queue(&home, &plain, &["--priority", "7", "b@example.org"], MESSAGE);
    run(&home);
    assert_eq!(plain.heard().messages.len(), 1, "the order here is kept all the same");
}

#[test]
fn what_requires_tls_goes_nowhere_without() {
    let home = Home::new();
    let peer = offering("REQUIRETLS");
    queue(&home, &peer, &["--require-tls", "b@example.org"], MESSAGE);
    run(&home);
    let rows = rows(&home);
    assert_eq!((said(&peer.heard(), "MAIL").len(), rows.len()), (0, 1));
    assert!(
        rows[0]["status"] == "waiting" && rows[0]["text"].as_str().unwrap().contains("TLS is required"),
        "{rows:?}"
    );
    let id = rows[0]["id"].as_str().unwrap();
    let shown: Value = serde_json::from_str(&home.run("smtp-queue", &["show", "--json", id], b"").ends(0).out).unwrap();
    assert_eq!(shown["require_tls"], true);
    let url = peer.url();
    let more = ["--queue", "--all-or-nothing", "-f", "a@localhost", "-a", &url, "b@example.org"];
    home.run("smtp-send", &more, MESSAGE.as_bytes()).ends(64).complains("--all-or-nothing");
}

/// A queue that an older version has made goes on.
#[test]
fn a_queue_of_the_first_version_is_taken_over() {
    let home = Home::new();
    let peer = offering("");
    queue(&home, &peer, &["b@example.org"], MESSAGE);
    let db = rusqlite::Connection::open(home.path().join(".local/state/pipepost/queue.sqlite")).unwrap();
    // Whatever later versions have added goes.
    let first = ["id", "sender", "size", "eight_bit", "bytes", "ret", "envid", "arrived", "warned"];
    let columns = "SELECT group_concat(name) FROM pragma_table_info('entry')";
    let columns: String = db.query_row(columns, [], |row| row.get(0)).unwrap();
    let later = columns.split(',').filter(|column| !first.contains(column));
    let drop: String = later.map(|column| format!("ALTER TABLE entry DROP COLUMN {column};")).collect();
    db.execute_batch(&format!(
        "{drop} DROP INDEX recipient_hop; ALTER TABLE recipient DROP COLUMN rank;
         CREATE INDEX recipient_hop ON recipient (hop, status, next); PRAGMA user_version = 1;"
    ))
    .unwrap();
    std::mem::drop(db);
    assert_eq!(rows(&home).len(), 1);
    run(&home);
    assert_eq!((peer.heard().messages.len(), rows(&home).len()), (1, 0));
}

/// `--rate` is for servers: what is only stored is stored at once.
#[test]
fn what_is_queued_is_not_slowed_down() {
    let home = Home::new();
    let peer = offering("");
    let url = peer.url();
    let many = ["a", "b", "c"].map(|to| format!("To: {to}@example.org\n\nx\n")).join("\0");
    let all =
        ["-0", "-t", "--resend-to-header", "-f", "a@localhost", "--rate", "1/day", "--timeout", "60s", "-a", &url];
    home.run("smtp-send", &[&all[..], &["--queue"]].concat(), many.as_bytes()).ends(0);
    assert_eq!(rows(&home).len(), 3);
    home.run("smtp-send", &all, many.as_bytes()).ends(67).complains("--rate");
}

#[test]
fn the_queues_keys_that_are_in_force() {
    let home = Home::new();
    std::fs::create_dir_all(home.path().join(".config/pipepost")).unwrap();
    let text = "[queue]\nretry-max = \"2h\"\nconnections-per-destination = 5\n[local]\nrelay = \"work\"\n\
                [work]\nsmtp = \"smtp+plain://127.0.0.1:25\"\nqueue = true\n";
    std::fs::write(home.path().join(".config/pipepost/config.toml"), text).unwrap();
    let file = home.path().join(".config/pipepost/config.toml").display().to_string();
    let shown = home.run("mail-check", &["--show", "work:"], b"").ends(0).out;
    for row in [
        "queue.retry-min\t5m\tdefault".to_owned(),
        format!("queue.retry-max\t2h\t{file}:2"),
        "queue.warn-after\t4h\tdefault".to_owned(),
        "queue.expire-after\t5d\tdefault".to_owned(),
        "queue.unknown-wait\t1h\tdefault".to_owned(),
        "queue.connections\t8\tdefault".to_owned(),
        format!("queue.connections-per-destination\t5\t{file}:3"),
        format!("smtp.queue\ttrue\t{file}:8"),
    ] {
        assert!(shown.lines().any(|line| line == row), "{row}: {shown}");
    }
    let shown = home.run("mail-check", &["--show", "local:"], b"").ends(0).out;
    assert!(shown.lines().any(|line| line == format!("local.relay\twork\t{file}:5")), "{shown}");
}
