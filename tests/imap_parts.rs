//! imap-fetch: parts and fields of messages, and what is changed on the server when a message is here.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::Home;
use std::fs;

const INBOX: &str = "local://amy/INBOX";
const MESSAGE: &str = "From: zoe@localhost
To: amy@localhost
Subject: a picture
 and more
X-Spam: no
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe
second line
--b
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

AA0KDQr/Cg==
--b
Content-Type: message/rfc822

Subject: inner

inner text
--b--
";

fn home() -> Home {
    let home = Home::new();
    home.run("imap-put", &[INBOX], MESSAGE.as_bytes()).ends(0);
    home.run("imap-put", &[INBOX], b"Subject: plain\n\nonly text\n").ends(0);
    home
}

/// Exactly what stdout got.
fn bytes(home: &Home, arguments: &[&str], status: i32) -> Vec<u8> {
    let ran = home.command("imap-fetch").args(arguments).output().unwrap();
    assert_eq!(ran.status.code(), Some(status), "{}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

#[test]
fn parts_without_their_encoding() {
    let home = home();
    assert_eq!(bytes(&home, &[INBOX, "1", "--part", "1"], 0), "Grüße\nsecond line".as_bytes());
    assert_eq!(bytes(&home, &[INBOX, "1", "--part", "2"], 0), b"\0\r\n\r\n\xff\n");
    assert_eq!(bytes(&home, &[INBOX, "1", "--part", "3"], 0), b"Subject: inner\n\ninner text");
    assert_eq!(bytes(&home, &[INBOX, "1", "--part", "3.1"], 0), b"inner text");
    assert_eq!(bytes(&home, &[INBOX, "2", "--part", "1"], 0), b"only text\n");
    // Of many messages one behind the other.
    assert_eq!(bytes(&home, &[INBOX, "--part", "1"], 0), "Grüße\nsecond lineonly text\n".as_bytes());
    home.run("imap-fetch", &[INBOX, "--part", "2"], b"").ends(67).complains("imap-fetch: local://amy/INBOX#");
    let ran = home.run("imap-fetch", &[INBOX, "2", "--part", "2"], b"").ends(69);
    assert!(ran.err.contains("there is no part 2"), "{}", ran.err);
    home.run("imap-fetch", &[INBOX, "9", "--part", "1"], b"").ends(69);
    home.run("imap-fetch", &[INBOX, "1", "--part", "1", "--into", "exec:cat > got", "--json"], b"").ends(0);
    assert_eq!(fs::read_to_string(home.path().join("got")).unwrap(), "Grüße\nsecond line");
    for wrong in [
        &["--part", "0"][..],
        &["--part", "1."],
        &["--part", ""],
        &["--part", "1", "--headers"],
        &["--part", "1", "--into", "maildir:M"],
        &["--part", "1", "--into", "local:x"],
        &["--fields", "a b"],
        &["--fields", ""],
    ] {
        home.run("imap-fetch", &[&[INBOX, "1"], wrong].concat(), b"").ends(64);
    }
}

#[test]
fn fields_that_are_named() {
    let home = home();
    let ran = home.run("imap-fetch", &[INBOX, "1", "--fields", "SUBJECT,x-spam"], b"").ends(0);
    assert_eq!(ran.out, "Subject: a picture\n and more\nX-Spam: no\n\n");
    let ran = home.run("imap-fetch", &["--new", INBOX, "--fields", "x-spam", "--into", "mbox:b"], b"").ends(0);
    assert_eq!(ran.out, "");
    assert_eq!(fs::read_to_string(home.path().join("b")).unwrap().matches("X-Spam").count(), 1);
    home.run("imap-fetch", &["-e", "--new", INBOX, "--fields", "x-spam", "--into", "mbox:b"], b"").ends(1);
    home.run("imap-fetch", &["-e", "--new", INBOX, "--fields", "subject", "--into", "mbox:b"], b"").ends(0);
    // By other fields they are known when the server gives its UIDs anew.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(home.path().join(format!(".local/share/pipepost/mail/amy/pipepost.sqlite{end}")));
    }
    let ran = home.run("imap-fetch", &["-e", "--new", INBOX, "--fields", "x-spam", "--into", "mbox:b"], b"").ends(1);
    assert!(ran.err.contains("2 of its 2 messages are among the 2"), "{}", ran.err);
}

fn list(home: &Home, search: &str) -> String {
    let ran = home.run("imap-ls", &["-o", "uid", INBOX, "--search", search], b"").ends(0);
    ran.out.replace('\n', " ")
}

#[test]
fn what_is_here_is_marked_there() {
    let home = home();
    home.run("imap-fetch", &[INBOX, "2"], b"").ends(0);
    assert_eq!(list(&home, "SEEN"), "");
    home.run("imap-fetch", &[INBOX, "2", "--mark-seen", "--into", "maildir:M"], b"").ends(0);
    assert_eq!(list(&home, "SEEN"), "2 ");
    home.run("imap-fetch", &[INBOX, "--mark-seen", "--into", "exec:false"], b"").ends(69);
    assert_eq!(list(&home, "SEEN"), "2 ");
    home.run("imap-fetch", &["--new", INBOX, "--mark-seen", "--into", "maildir:M"], b"").ends(0);
    assert_eq!(list(&home, "SEEN"), "1 2 ");
}

#[test]
fn what_has_been_here_for_long_goes_there() {
    let home = home();
    home.run("imap-fetch", &["--new", INBOX, "--delete"], b"").ends(64);
    home.run("imap-fetch", &[INBOX, "--delete", "--into", "maildir:M"], b"").ends(64);
    let pull = |how: &[&str]| home.run("imap-fetch", &[&["--new", INBOX, "--into", "maildir:M"], how].concat(), b"");
    pull(&["--delete-after", "1h"]).ends(0);
    assert_eq!(list(&home, "ALL"), "1 2 ");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    home.run("imap-put", &[INBOX], b"Subject: three\n\nx\n").ends(0);
    pull(&["--delete-after", "1s"]).ends(0);
    assert_eq!(list(&home, "ALL"), "3 ");
    // What was fetched to stay there stays.
    home.run("imap-put", &[INBOX], b"Subject: moved\n\nx\n").ends(0);
    pull(&["--delete"]).ends(0);
    assert_eq!(list(&home, "ALL"), "3 ");
    assert_eq!(fs::read_dir(home.path().join("M/new")).unwrap().count(), 4);
    // What nobody has fetched into that target is not touched.
    home.run("imap-put", &[INBOX], b"Subject: four\n\nx\n").ends(0);
    home.run("imap-put", &[INBOX], b"Subject: five\n\nx\n").ends(0);
    let some = ["--new", INBOX, "--where", "subject:four", "--delete", "--into", "maildir:N"];
    home.run("imap-fetch", &some, b"").ends(0);
    assert_eq!(list(&home, "ALL"), "3 6 ");
    home.run("imap-fetch", &[&some[..], &["-e"]].concat(), b"").ends(1);
}
