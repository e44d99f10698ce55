//! Mail for other domains: taken from those who are known, and from nobody else; delivered by a queue.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod common;
#[path = "queue/peer.rs"]
mod peer;

use common::{Home, Ran, Server};
use peer::{Peer, yes};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const MESSAGE: &[u8] =
    b"From: a@localhost\nSubject: x\nMessage-ID: <same@x>\nDate: Mon, 23 Nov 2026 05:51:10 +0000\n\nhello\n";

fn configure(home: &Home, text: &str) {
    std::fs::create_dir_all(home.path().join(".config/pipepost")).unwrap();
    std::fs::write(home.path().join(".config/pipepost/config.toml"), text).unwrap();
}

/// `[local]` sends mail on to this server.
fn by(home: &Home, peer: &Peer) {
    configure(
        home,
        &format!(
            "[queue]\nretry-min = \"1s\"\nretry-max = \"1s\"\n[local]\nrelay = \"out\"\n[out]\nsmtp = \"{}\"\n",
            peer.url()
        ),
    );
}

fn states(home: &Home) -> Vec<String> {
    let listed = home.run("smtp-queue", &["ls", "-o", "from,to,status,via"], b"").ends(0).out;
    listed.lines().map(|line| line.replace('\t', " ")).collect()
}

fn inbox(root: &Path, user: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(root.join(user).join("new")) else { return Vec::new() };
    entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

fn mail(home: &Home) -> std::path::PathBuf {
    home.path().join(".local/share/pipepost/mail")
}

/// Waits until it is so.
#[track_caller]
fn until(what: &str, so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Says all of it to a server, and reads until it closes.
fn talk(port: u16, says: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(says.as_bytes()).unwrap();
    BufReader::new(stream).lines().map_while(Result::ok).collect()
}

/// AUTH PLAIN of a user with the server's password.
fn auth(user: &str, password: &str) -> String {
    format!("AUTH PLAIN {}\r\n", pipepost::proto::sasl::base64(format!("\0{user}\0{password}").as_bytes()))
}

fn password(server: &Server) -> String {
    std::fs::read_to_string(server.password_file()).unwrap().trim().to_owned()
}

#[test]
fn local_queues_what_is_for_elsewhere_and_keeps_what_is_not() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        _ if line.starts_with("EHLO") => "250-peer\r\n250-PIPELINING\r\n250 DSN".to_owned(),
        _ => yes(line, heard),
    });
    let send = |to: &[&str]| {
        let more = ["-f", "a@localhost", "--notify", "failure,delay", "--ret", "hdrs", "--envid", "E1"];
        home.run("smtp-send", &[&more[..], to].concat(), MESSAGE)
    };
    // Nobody has said how.
    send(&["b@example.org"]).ends(69).complains("no route for example.org");
    by(&home, &peer);
    send(&["b@example.org", "bob@localhost", "c@example.net"]).ends(0);
    assert_eq!(inbox(&mail(&home), "bob").len(), 1);
    assert_eq!(states(&home), ["a@localhost b@example.org waiting out:", "a@localhost c@example.net waiting out:"]);
    assert!(peer.heard().messages.is_empty());
    home.run("smtp-queue", &["run"], b"").ends(0);
    let heard = peer.heard();
    let (to, text) = &heard.messages[0];
    assert!(to.len() == 2 && to[0].starts_with("<b@example.org>") && to[1].starts_with("<c@example.net>"), "{to:?}");
    assert!(text.starts_with("Received: from ") && !text.contains("Return-Path"), "{text}");
    assert!(text.contains("\r\nMessage-ID: <same@x>\r\n") && text.ends_with("\r\n\r\nhello\r\n"), "{text}");
    let mail = heard.lines.iter().find(|line| line.starts_with("MAIL")).unwrap();
    assert!(mail.contains(" RET=HDRS ENVID=E1"), "{mail}");
    assert_eq!(to[0], "<b@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b@example.org");
    assert!(states(&home).is_empty());
}

#[test]
fn a_server_relays_for_who_has_logged_in_and_tells_them_in_their_mailbox() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        _ if line.starts_with("RCPT TO:<no@") => "550 5.1.1 nobody here".to_owned(),
        _ => yes(line, heard),
    });
    by(&home, &peer);
    let server = Server::start(&home, &["--create"]);
    let url = format!("smtp+plain://bob@127.0.0.1:{}", server.smtp);
    let file = server.password_file();
    let arguments = ["-a", &url, "--password-file", &file, "-f", "bob@localhost", "yes@example.org", "no@example.org"];
    home.run("smtp-send", &arguments, MESSAGE).ends(0);
    // Nobody else runs the queue.
    until("it is delivered", || peer.heard().messages.len() == 1);
    until("the bounce is in its mailbox", || inbox(&server.root, "bob").len() == 1);
    let told = &inbox(&server.root, "bob")[0];
    assert!(told.contains("Final-Recipient: rfc822; no@example.org\nAction: failed\nStatus: 5.1.1\n"), "{told}");
    until("the queue is empty", || states(&home).is_empty());
    // Another runner knows the way too.
    server.stop();
    let ran = home.run("smtp-queue", &["ls", "--json"], b"").ends(0);
    assert_eq!(ran.out, "");
    assert!(!mail(&home).join("bob").exists());
}

#[test]
fn what_is_waiting_when_a_server_ends_is_delivered_by_the_next_runner() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        _ if line.starts_with("RCPT") && heard.connections == 1 => "450 4.2.1 later".to_owned(),
        _ if line.starts_with("RCPT") => "550 5.1.1 nobody here".to_owned(),
        _ => yes(line, heard),
    });
    by(&home, &peer);
    let server = Server::start(&home, &["--create"]);
    let root = server.root.clone();
    let says = format!(
        "EHLO x\r\n{}MAIL FROM:<bob@localhost>\r\nRCPT TO:<x@example.org>\r\nDATA\r\n",
        auth("bob", &password(&server))
    );
    let said = talk(server.smtp, &format!("{says}Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n"));
    assert!(said.iter().any(|line| line.starts_with("250 2.0.0 queued as ")), "{said:?}");
    until("it was tried", || peer.heard().connections == 1);
    server.stop();
    home.run("smtp-queue", &["retry", "--all"], b"").ends(0);
    home.run("smtp-queue", &["run"], b"").ends(0);
    assert!(inbox(&root, "bob")[0].contains("Final-Recipient: rfc822; x@example.org\nAction: failed\n"));
}

/// Whoever has not logged in, and whoever has shown no password that is checked, reaches the users here alone.
#[test]
fn strangers_reach_nobody_elsewhere_however_it_is_written() {
    let home = Home::new();
    let peer = Peer::start(yes);
    by(&home, &peer);
    let strict = Server::start(&home, &["--create", "--login-delay", "0"]);
    let any = Server::start(&home, &["--create", "--any-password", "--lmtp-port", "0"]);
    let lmtp = any.ports.iter().find(|(name, _)| name == "lmtp").unwrap().1;
    for (port, hello, before) in [
        (strict.smtp, "EHLO", ""),
        (strict.smtp, "HELO", ""),
        (strict.smtp, "EHLO", &auth("bob", "wrong")[..]),
        (any.smtp, "EHLO", ""),
        // It opens the mailboxes of this machine, and nothing else.
        (any.smtp, "EHLO", &auth("bob", "anything")),
        (lmtp, "LHLO", ""),
        (lmtp, "LHLO", &auth("bob", "anything")),
    ] {
        for to in [
            "bob@example.org",
            "bob@EXAMPLE.org",
            "bob@localhost.example.org",
            "bob@example.org.localhost",
            "bob@sub.localhost",
            "bob@[192.0.2.1]",
            "bob@[IPv6:::2]",
            "bob%example.org@localhost",
            "example.org!bob@localhost",
            "\"bob@example.org\"@localhost",
            "\"bob@localhost\"@example.org",
            "\"@localhost:bob\"@example.org",
            "bob@example.org@localhost",
            "bob@localhost@example.org",
            "bob%localhost@example.org",
            "bob%example.org%localhost@localhost",
            "localhost!bob@example.org",
            "@localhost:bob@example.org",
            "@localhost,@x:bob@example.org",
            "@example.org:nobody@localhost",
            "bob@localhost.",
            "bob@example.org.",
            "bob@localhost\\@example.org",
            "bob@localhost%00.example.org",
            "bob@localhost,bob@example.org",
            "bob @example.org",
            "bob@localhost;x@example.org",
            "bob+x@example.org",
            "postmaster@example.org",
            "bob@",
        ] {
            let said = talk(
                port,
                &format!(
                    "{hello} x\r\n{before}MAIL FROM:<bob@localhost>\r\nRCPT TO:<{to}>\r\nDATA\r\nA: b\r\n.\r\nQUIT\r\n"
                ),
            );
            let refusals = ["550 5.7.1", "501", "553", "500 5.5.1", "454 4.7.0"];
            let refused = said.iter().any(|line| refusals.iter().any(|refusal| line.starts_with(refusal)));
            // What is a local part of ours goes into a mailbox here, whatever it looks like.
            assert!(refused || to.ends_with("@localhost"), "{before}{to}: {said:?}");
        }
    }
    assert!(states(&home).is_empty(), "{:?}", states(&home));
    drop(strict);
    let strict = Server::start(&home, &["--create", "--login-delay", "0"]);
    let right = auth("bob", &password(&strict));
    // RSET and a second EHLO do not make somebody of nobody, nor nobody of somebody.
    let rest = "MAIL FROM:<bob@localhost>\r\nRCPT TO:<bob@example.org>\r\nQUIT\r\n";
    for (before, taken) in [
        (String::new(), false),
        (format!("{right}RSET\r\nEHLO y\r\n"), true),
        (right.clone(), true),
        (format!("{}RSET\r\n", auth("bob", "wrong")), false),
        ("AUTH PLAIN\r\n*\r\n".to_owned(), false),
        ("AUTH PLAIN =\r\n".to_owned(), false),
    ] {
        let said = talk(strict.smtp, &format!("EHLO x\r\n{before}{rest}"));
        assert_eq!(said.iter().any(|line| line.starts_with("250 2.1.5")), taken, "{before}: {said:?}");
    }
    assert!(peer.heard().messages.is_empty());
}

#[test]
fn a_message_that_goes_in_circles_is_refused() {
    let home = Home::new();
    let peer = Peer::start(yes);
    by(&home, &peer);
    let server = Server::start(&home, &["--create"]);
    let hops = "Received: from a by b\r\n".repeat(101);
    let says = format!(
        "EHLO x\r\n{}MAIL FROM:<bob@localhost>\r\nRCPT TO:<x@example.org>\r\nDATA\r\n{hops}\r\nx\r\n.\r\nQUIT\r\n",
        auth("bob", &password(&server))
    );
    let said = talk(server.smtp, &says);
    assert!(said.iter().any(|line| line.starts_with("554 5.4.6")), "{said:?}");
    assert!(states(&home).is_empty());
}

/// A way onward that leads back here comes to an end, and the sender hears of it.
#[test]
fn a_relay_that_is_the_server_itself_ends_in_a_notification() {
    let home = Home::new();
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = door.local_addr().unwrap().port();
    configure(
        &home,
        &format!(
            "[local]\nrelay = \"me\"\n[me]\nsmtp = \"smtp+plain://bob@127.0.0.1:{port}\"\npassword = {{ file = \"{}\" }}\n",
            home.path().join("served/.password").display()
        ),
    );
    let server = Server::start(&home, &["--create"]);
    let behind = server.smtp;
    std::thread::spawn(move || {
        for stream in door.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", behind)).unwrap();
            for (mut from, mut to) in [
                (stream.try_clone().unwrap(), server.try_clone().unwrap()),
                (server.try_clone().unwrap(), stream.try_clone().unwrap()),
            ] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    let says = format!(
        "EHLO x\r\n{}MAIL FROM:<bob@localhost>\r\nRCPT TO:<x@example.org>\r\nDATA\r\n\r\nx\r\n.\r\nQUIT\r\n",
        auth("bob", &password(&server))
    );
    talk(server.smtp, &says);
    until("it is told", || !inbox(&server.root, "bob").is_empty());
    assert!(inbox(&server.root, "bob")[0].contains("Status: 5.4.6\n"), "{:?}", inbox(&server.root, "bob"));
    until("the queue is empty", || states(&home).is_empty());
}

#[test]
fn what_local_may_be_told_of_a_way() {
    let home = Home::new();
    let ran = |text: &str| -> Ran {
        configure(&home, text);
        home.run("smtp-send", &["-f", "a@localhost", "x@example.org"], MESSAGE)
    };
    ran("[local]\nrelay = \"out\"\n").ends(78).complains("config.toml:2: relay = \"out\": out: no such account");
    ran("[local]\nrelay = \"local\"\n").ends(78).complains("2:9: relay: local: not the name of an account");
    ran("[local]\nrelay = \"out\"\ndirect = true\n[out]\nsmtp = \"smtp://h\"\n")
        .ends(78)
        .complains("only one of relay");
    ran("[local]\nrelay = \"out\"\n[out]\nimap = \"imap://b@h\"\n").ends(78).complains("has no smtp");
    ran("[local]\nrelays = \"out\"\n").ends(78).complains("did you mean relay?");
    ran("[local]\ndirect = true\n").ends(0);
    assert_eq!(states(&home), ["a@localhost x@example.org waiting direct:example.org/local"]);
}

/// smtp-send stores a message while the server is running, which is the first that ever was in the queue.
#[test]
fn a_server_delivers_what_others_have_queued() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        "RCPT TO:<no@example.org>" => "550 5.1.1 nobody".to_owned(),
        _ => yes(line, heard),
    });
    let server = Server::start(&home, &["--any-password"]);
    let url = peer.url();
    home.run("smtp-send", &["--queue", "-a", &url, "-f", "a@localhost", "x@example.org"], MESSAGE).ends(0);
    until("it is delivered", || peer.heard().messages.len() == 1);
    home.run("smtp-send", &["--queue", "-a", &url, "-f", "a@localhost", "y@example.org"], MESSAGE).ends(0);
    until("so is the next", || peer.heard().messages.len() == 2);
    home.run("smtp-send", &["--queue", "-a", &url, "-f", "a@localhost", "no@example.org"], MESSAGE).ends(0);
    until("the sender is told", || inbox(&mail(&home), "a").len() == 1);
    until("the queue is empty", || states(&home).is_empty());
    server.stop();
}

/// Mail that a server keeps itself does not need the queue: a broken one is told of, and keeps nobody waiting.
#[test]
fn a_server_does_without_a_queue_that_is_broken() {
    let home = Home::new();
    let state = home.path().join(".local/state/pipepost");
    let server = Server::start(&home, &["--any-password"]);
    assert!(!home.path().join(".local").exists(), "a server that was asked for nothing makes nothing");
    server.stop();
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(
        state.join("queue.sqlite"),
        "this is no database, and it is longer than a header of one\n".repeat(40),
    )
    .unwrap();
    let server = Server::start(&home, &["--any-password", "--create"]);
    let url = format!("smtp://127.0.0.1:{}", server.smtp);
    home.run("smtp-send", &["-a", &url, "-f", "a@localhost", "bob@localhost"], MESSAGE).ends(0);
    assert_eq!(inbox(&server.root, "bob").len(), 1);
    server.stop();
}
