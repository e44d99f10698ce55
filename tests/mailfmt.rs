//! mailfmt as its users run it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used, clippy::print_stderr)]

#[path = "mailfmt/answer.rs"]
mod answer;
#[path = "mailfmt/change.rs"]
mod change;
#[path = "mailfmt/conformance.rs"]
mod conformance;
#[path = "mailfmt/dkim.rs"]
mod dkim;
#[path = "mailfmt/each.rs"]
mod each;
#[path = "mailfmt/extract.rs"]
mod extract;
#[path = "mailfmt/input.rs"]
mod input;
#[path = "mailfmt/lint.rs"]
mod lint;
#[path = "mailfmt/parts.rs"]
mod parts;
#[path = "mailfmt/repair.rs"]
mod repair;
#[path = "mailfmt/secure.rs"]
mod secure;
#[path = "mailfmt/split.rs"]
mod split;
#[path = "mailfmt/storms.rs"]
mod storms;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

struct Ran {
    status: i32,
    out: Vec<u8>,
    err: String,
}

impl Ran {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }
}

fn mailfmt(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mailfmt"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may stop reading early: that is its right.
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let done = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    Ran { status: done.status.code().unwrap_or(-1), out: done.stdout, err }
}

const FIXED: [&str; 6] = ["--date", "Sun, 22 Nov 2026 22:16:00 +0000", "--message-id", "a@b", "--seed", "s"];

fn new(arguments: &[&str], input: &str) -> Ran {
    mailfmt(&[&["new", "--from", "Bob <bob@example.org>"], arguments, &FIXED].concat(), input.as_bytes())
}

#[test]
fn what_was_composed_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let blob: Vec<u8> = (0..100_000u32).map(|n| (n * 31 % 257) as u8).collect();
    let (binary, page) = (file("größe.bin", &blob), file("page.html", b"<p>hello <b>page</b></p>"));
    let arguments =
        ["--to", "Älice <alice@example.org>, x@y", "--bcc", "z@z", "-s", "Grüße", "--attach", &binary, "--html", &page];
    let made = new(&arguments, "Grüße\n\u{1b}[31mred\nFrom me\n");
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    assert_eq!(made.out, new(&arguments, "Grüße\n\u{1b}[31mred\nFrom me\n").out);
    assert!(made.out.is_ascii() && !made.out.contains(&b'\r'));

    let shown = mailfmt(&["show"], &made.out);
    let expect = "From: \"Bob\" <bob@example.org>\nTo: Älice <alice@example.org>, <x@y>\nBcc: <z@z>\n\
        Date: Sun, 22 Nov 2026 22:16:00 +0000\nSubject: Grüße\n\nGrüße\n\\x1B[31mred\nFrom me\n\
        [2 application/octet-stream, 135090 bytes, \"größe.bin\"]\n";
    assert_eq!((shown.status, shown.text()), (0, expect));
    assert_eq!(mailfmt(&["show", "--part", "2"], &made.out).out, blob);
    assert_eq!(mailfmt(&["show", "--part", "1.2"], &made.out).text(), "<p>hello <b>page</b></p>");
    let tree = mailfmt(&["show", "--tree"], &made.out);
    let rows: Vec<Vec<&str>> = tree.text().lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.iter().map(|r| r[0]).collect::<Vec<_>>(), ["0", "1", "1.1", "1.2", "2"]);
    assert_eq!(rows[4], ["2", "application/octet-stream", "", "base64", "135090", "größe.bin"]);
    let json: serde_json::Value = serde_json::from_slice(&mailfmt(&["show", "--json"], &made.out).out).unwrap();
    assert_eq!(json["parts"][1]["name"], "größe.bin");
    assert_eq!(json["headers"][4]["decoded"], "Grüße");
    let head = mailfmt(&["head", "SUBJECT"], &made.out);
    assert_eq!(head.text(), "Grüße\n");
    assert_eq!(mailfmt(&["head", "to", "subject", "--raw"], &made.out).text().lines().count(), 2);
}

#[test]
fn html_alone_becomes_text() {
    let message = b"Subject: x\nContent-Type: text/html; charset=iso-8859-1\n\n<p>caf\xe9<p>two";
    assert_eq!(mailfmt(&["show"], message).text(), "Subject: x\n\ncafé\n\ntwo\n");
}

#[test]
fn texts_stand_apart_and_reports_are_texts() {
    let message = "Subject: x\nContent-Type: multipart/report; boundary=b\n\n--b\n\none\n--b\nContent-Type: message/delivery-status\n\n\
        Action: failed\n\n--b\nContent-Type: image/png; name=y\n\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ntwo\n--b--\n";
    let expect = "Subject: x\n\none\n\nAction: failed\n[3 image/png, 0 bytes, \"y\"]\n[4 message/rfc822, 19 bytes]\nSubject: inner\n\ntwo\n";
    assert_eq!(mailfmt(&["show"], message.as_bytes()).text(), expect);
}

#[test]
fn quotations_and_flowed_text() {
    let message = "Subject: x\nContent-Type: text/plain; format=flowed; DelSp=yes\n\nOne long \nline.\n>> two \n>> lines\n> one\nend\n";
    assert_eq!(mailfmt(&["text"], message.as_bytes()).text(), "One longline.\n> > twolines\n> one\nend\n");
    let plain = message.replace("; DelSp=yes", "");
    assert_eq!(
        mailfmt(&["text", "--width", "12"], plain.as_bytes()).text(),
        "One long\nline.\n> > two lines\n> one\nend\n"
    );
    let shown = mailfmt(&["show", "--quote-depth", "1"], plain.as_bytes());
    assert!(shown.text().ends_with("\n\nOne long line.\n[a quoted line]\n> one\nend\n"), "{}", shown.text());
    let none = mailfmt(&["text", "--quote-depth", "0"], plain.as_bytes());
    assert_eq!(none.text(), "One long line.\n[2 quoted lines]\nend\n");
    // As it is quoted in an answer.
    let answer = mailfmt(&["reply", "--me", "b@c"], format!("From: a@b\n{plain}").as_bytes());
    assert!(answer.text().contains("\n> One long line.\n>> > two lines\n>> one\n> end\n"), "{}", answer.text());
}

#[test]
fn text_among_the_fields_is_shown() {
    let message = ">From x\nSubject: x\nno field, and no empty line\nlast\n";
    let shown = mailfmt(&["show"], message.as_bytes());
    assert_eq!(shown.text(), "Subject: x\n\nno field, and no empty line\nlast\n");
    let parts = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n<p>bar\n\n<p>foo\n--b--\n";
    assert_eq!(mailfmt(&["text"], parts.as_bytes()).text(), "<p>bar\nfoo\n");
}

/// script(1) of util-linux makes a terminal.
#[test]
fn colours_are_for_terminals() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("m"), "Subject: \x1b[31mx\n\ntext\n> quoted\n").unwrap();
    let show = |no_color: &str, term: &str, after: &str| {
        let command = format!("{} show m{after}", env!("CARGO_BIN_EXE_mailfmt"));
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &command, "/dev/null"]).current_dir(&home).stdin(std::process::Stdio::null());
        let done = script.env("NO_COLOR", no_color).env("TERM", term).output().unwrap();
        String::from_utf8(done.stdout).unwrap().replace("\r\n", "\n")
    };
    let plain = "Subject: \\x1B[31mx\n\ntext\n> quoted\n";
    assert_eq!(show("", "xterm", ""), "\x1b[1mSubject:\x1b[m \\x1B[31mx\n\ntext\n\x1b[32m> quoted\x1b[m\n");
    assert_eq!(show("1", "xterm", ""), plain);
    assert_eq!(show("", "dumb", ""), plain);
    assert_eq!(show("", "xterm", " | cat"), plain);
}

#[test]
fn all_messages_of_an_mbox() {
    let from = "From a@b Sun Nov 22 22:16:00 2026\n";
    let mbox =
        format!("{from}Subject: 1\n\n>From x\n\n{from}no message\n\n{from}Subject: =?utf-8?Q?a=0D=0ABcc:_x?=\n\ny\n");
    let head = mailfmt(&["head", "subject"], mbox.as_bytes());
    assert_eq!((head.status, head.text()), (67, "1\na\u{fffd}\u{fffd}Bcc: x\n"));
    assert_eq!(head.err, "mailfmt: message 2: no header fields: not a message\n");
    let show = mailfmt(&["show"], mbox.as_bytes());
    assert!(show.text().contains("\nFrom x\n") && show.text().ends_with("\ny\n"));
    let tree = mailfmt(&["show", "--tree"], mbox.as_bytes());
    assert_eq!(tree.text(), "1\t1\ttext/plain\tus-ascii\t7bit\t7\t\n3\t1\ttext/plain\tus-ascii\t7bit\t2\t\n");
}

#[test]
fn wrong_things_have_their_status_and_one_line() {
    let message = b"Subject: x\n\ny\n";
    for (arguments, input, status) in [
        (&["show"][..], &b""[..], 65),
        (&["head"], b"", 65),
        (&["show"], b"hello\n", 65),
        (&["show", "/no/such/file"], b"", 66),
        (&["show", "."], b"", 66),
        (&["show", "--part", "2"], message, 66),
        (&["show", "--part", "0"], message, 64),
        (&["show", "--part", "x"], message, 64),
        (&["head", "-e", "to"], message, 1),
        (&["new", "--to", "a b@c"], b"", 64),
        (&["new", "--to", "a@b\nBcc: c@d"], b"", 64),
        (&["new", "-s", "a\rb"], b"", 64),
        (&["new", "--header", "X: a\nBcc: c@d"], b"", 64),
        (&["new", "--header", "Bcc: c@d"], b"", 64),
        (&["new", "--header", "nothing"], b"", 64),
        (&["new", "--date", "soon"], b"", 64),
        (&["new", "--message-id", "a"], b"", 64),
        (&["new", "--seed", "a b"], b"", 64),
        (&["new", "--attach", "/no/such/file"], b"", 66),
        (&["new", "--attach", "."], b"", 66),
        (&["new", "--html", "/no/such/file"], b"", 66),
        (&["nonsense"], b"", 64),
        (&[], b"", 64),
    ] {
        let ran = mailfmt(arguments, input);
        assert_eq!(ran.status, status, "{arguments:?}: {}", ran.err);
        let lines = ran.err.lines().count();
        assert!(if status == 1 { lines == 0 } else { (1..=2).contains(&lines) }, "{arguments:?}: {}", ran.err);
        assert!(ran.out.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_closed_pipe_and_a_full_disk() {
    let message = [b"Subject: x\n\n".to_vec(), b"line\n".repeat(200_000)].concat();
    for (arguments, status) in [(&["show"][..], 0), (&["show", "--part", "1"], 0), (&["new", "-s", "x"], 74)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mailfmt"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first = [0; 1];
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let input = message.clone();
        let feeder = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        feeder.join().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(status), "{arguments:?}");
    }
    let Ok(full) = std::fs::File::create("/dev/full") else { return };
    let ran = Command::new(env!("CARGO_BIN_EXE_mailfmt"))
        .args(["new", "-s", "x"])
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(74));
}

#[test]
fn what_is_left_out_is_told() {
    let message = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(10_001));
    let ran = mailfmt(&["show"], message.as_bytes());
    assert!(ran.status == 0 && String::from_utf8_lossy(&ran.out).contains("[part 0: too many parts"));
    let ran = mailfmt(&["show", "--tree"], message.as_bytes());
    assert!(ran.status == 0 && ran.err.contains("mailfmt: part 0: too many parts"), "{}", ran.err);
}

#[test]
fn hostile_messages_end_in_time() {
    let numbered = |count: usize, text: fn(usize) -> String| (0..count).map(text).collect::<String>();
    let set: [(&str, String); 14] = [
        ("depth", numbered(10_000, |n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))),
        ("parts", format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(200_000))),
        ("headers", numbered(200_000, |n| format!("X-{n}: y\n"))),
        ("a 10 MiB field", format!("Subject: {}\n\nx\n", "a".repeat(10 << 20))),
        ("addresses", format!("To: {}\n\nx\n", "user@example.org,\n ".repeat(100_000))),
        ("encoded words", format!("Subject: {}\n\nx\n", "=?utf-8?Q?=C3=A9?=\n ".repeat(50_000))),
        ("messages in messages", "Content-Type: message/rfc822\n\n".repeat(100_000)),
        ("folds", format!("Subject:{}\n\nx\n", "\n a".repeat(300_000))),
        ("word starts", format!("Subject: {}\n\nx\n", "=?".repeat(500_000))),
        (
            "continuations",
            format!("Content-Type: text/plain{}\n\nx\n", numbered(50_000, |n| format!(";\n name*{n}=a"))),
        ),
        ("base64 junk", format!("Subject: x\nContent-Transfer-Encoding: base64\n\n{}", "*A!".repeat(1_000_000))),
        ("deep HTML", format!("Subject: x\nContent-Type: text/html\n\n{}", "<div><b><a href=x>".repeat(100_000))),
        ("every byte", format!("Subject: x\n\n{}", (0..=255u8).map(char::from).collect::<String>())),
        ("mbox", "From x Sun Nov 22 22:16:00 2026\nA: b\n\n".repeat(20_000)),
    ];
    for (what, message) in &set {
        for arguments in [&["show"][..], &["show", "--tree"], &["show", "--json"], &["head"]] {
            let start = Instant::now();
            let ran = mailfmt(arguments, message.as_bytes());
            assert!(matches!(ran.status, 0 | 65 | 67), "{what} {arguments:?}: {} {}", ran.status, ran.err);
            assert!(start.elapsed() < Duration::from_secs(20), "{what} {arguments:?}: {:?}", start.elapsed());
            assert!(
                !ran.out.iter().any(|b| b.is_ascii_control() && !matches!(b, b'\n' | b'\t')),
                "{what} {arguments:?}"
            );
        }
    }
}
