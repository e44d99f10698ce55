//! What nobody writes and somebody sends: every verb ends with a result or 65, and none takes more than its time. What would take the square of
//! the size would not end here.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HEAD: &str =
    "From: a@b\nTo: c@d\nSubject: s\nDate: Sun, 22 Nov 2026 22:16:00 +0000\nMessage-ID: <1@x>\nMIME-Version: 1.0\n";
/// Unoptimised, beside other tests, a hundred times what it takes.
const LONG: Duration = Duration::from_secs(60);

const VERBS: [&[&str]; 26] = [
    &["tree"],
    &["list", "--json"],
    &["head", "subject", "to"],
    &["show"],
    &["text"],
    &["show", "--json"],
    &["extract", "-q", "--all", "--tar"],
    &["json"],
    &["lint"],
    &["set", "--replace", "Subject: x"],
    &["strip", "--all"],
    &["recode"],
    &["recode", "--to-charset", "utf-8"],
    &["repair"],
    &["sort"],
    &["thread"],
    &["dedupe"],
    &["split", "--to-null"],
    &["join"],
    &["join", "--digest"],
    &["verify", "--keys", "/dev/null"],
    &["reply-all", "--me", "x@y"],
    &["forward"],
    &["dsn"],
    &["auth"],
    &["convert"],
];

fn through(name: &str, message: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(message).unwrap();
    for verb in VERBS {
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_mailfmt"))
            .args(verb)
            .stdin(std::fs::File::open(file.path()).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > LONG {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{name}: {verb:?} does not end");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        assert!(matches!(status.code(), Some(0 | 1 | 65)), "{name}: {verb:?} {status}");
    }
}

/// A header section with this in it.
fn header(field: &str) -> String {
    format!("{HEAD}{field}\n\nx\n")
}

fn instead(of: &str, value: &str) -> String {
    let name = of.split(':').next().unwrap();
    let rest: String = HEAD.lines().filter(|line| !line.starts_with(name)).flat_map(|line| [line, "\n"]).collect();
    format!("{rest}{of}{value}\n\nx\n")
}

fn counted(n: usize, one: impl Fn(usize) -> String) -> String {
    (0..n).map(one).collect()
}

#[test]
fn of_parts() {
    let open = |k: usize| format!("Content-Type: multipart/mixed; boundary=b{k}\n\n--b{k}\n");
    through("nested", format!("{HEAD}{}\nx\n", counted(10_000, open)).as_bytes());
    through(
        "messages in messages",
        format!("{HEAD}{}\nx\n", "Content-Type: message/rfc822\n\n".repeat(10_000)).as_bytes(),
    );
    let mixed = format!("{HEAD}Content-Type: multipart/mixed; boundary=b\n\n");
    through("parts", format!("{mixed}{}--b--\n", "--b\n\nx\n".repeat(200_000)).as_bytes());
    through("almost boundaries", format!("{mixed}{}", "--bx\n--\n".repeat(100_000)).as_bytes());
    let prefix =
        |k: usize| format!("Content-Type: multipart/mixed; boundary={0}\n\n--{0}\n", "a".repeat(k.min(90) + 1));
    through(
        "boundaries that begin others",
        format!("{HEAD}{}--{}\n", counted(1000, prefix), "a".repeat(40)).as_bytes(),
    );
    let long = "b".repeat(10_000);
    through(
        "a long boundary",
        format!("{HEAD}Content-Type: multipart/mixed; boundary={long}\n\n{}", format!("--{long}\n\nx\n").repeat(50))
            .as_bytes(),
    );
}

#[test]
fn of_fields() {
    through("fields", header(counted(200_000, |k| format!("X-{k}: y\n")).trim_end()).as_bytes());
    through("the same field", header("To: a@b\n".repeat(200_000).trim_end()).as_bytes());
    // As many as a header section may hold, which is more than can be compared with each other.
    through("fields that fit", header(counted(90_000, |k| format!("X-{k}: y\n")).trim_end()).as_bytes());
    through("the same field, that fits", header("To: a\n".repeat(150_000).trim_end()).as_bytes());
    through("the same other field, that fits", header("Date:1\n".repeat(130_000).trim_end()).as_bytes());
    through("no fields", header("junk line\n".repeat(100_000).trim_end()).as_bytes());
    through("a long line", header(&format!("X: {}", "y".repeat(10_000_000))).as_bytes());
    through("folds", instead("Subject: s", &"\n y".repeat(200_000)).as_bytes());
    through("references", header(&format!("References:{}", counted(100_000, |k| format!(" <{k}@x>")))).as_bytes());
    through("a date", instead("Date: ", &"(1 ".repeat(100_000)).as_bytes());
    through("words", instead("Subject: ", &"=?utf-8?B?w7w=?= ".repeat(50_000)).as_bytes());
    through("half words", instead("Subject: ", &"=?a?q?".repeat(50_000)).as_bytes());
    through(
        "results",
        header(&format!("Authentication-Results: x{}", "; dkim=pass header.d=x".repeat(50_000))).as_bytes(),
    );
    through(
        "signatures",
        header("DKIM-Signature: v=1; a=rsa-sha256; d=x; s=y; h=from; bh=AAAA; b=AAAA\n".repeat(2000).trim_end())
            .as_bytes(),
    );
}

#[test]
fn of_addresses() {
    for (name, one) in [
        ("many", "a@b, "),
        ("comments", "("),
        ("angles", "<"),
        ("quotes", "\""),
        ("commas", ","),
        ("groups", "g: a@b; "),
    ] {
        through(name, instead("To: ", &one.repeat(100_000)).as_bytes());
    }
}

#[test]
fn of_parameters() {
    let file = "Content-Disposition: attachment";
    through(
        "continued",
        header(&format!("{file}{}", counted(50_000, |k| format!(";\n filename*{k}*=a%20")))).as_bytes(),
    );
    through(
        "backwards",
        header(&format!("{file}{}", counted(50_000, |k| format!(";\n filename*{}=a", 50_000 - k)))).as_bytes(),
    );
    through(
        "far apart",
        header(&format!("{file}{}", counted(50_000, |k| format!(";\n filename*{}=a", k * 80_000)))).as_bytes(),
    );
    let plain = "Content-Type: text/plain";
    through("others", header(&format!("{plain}{}", counted(50_000, |k| format!("; p{k}=v")))).as_bytes());
    through("the same", header(&format!("{plain}{}", "; p=v".repeat(50_000))).as_bytes());
}

#[test]
fn of_contents() {
    let body = |kind: &str, encoding: &str, one: &str, n: usize| {
        format!("{HEAD}Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n{}", one.repeat(n))
    };
    for (encoding, one) in [
        ("base64", "!#$%"),
        ("base64", "QQ=="),
        ("base64", "QUJD"),
        ("quoted-printable", "===="),
        ("quoted-printable", "    "),
        ("8bit", "\0\0\0\0"),
        ("8bit", "\r\r\r\r"),
        ("8bit", "\n\n\n\n"),
        ("8bit", ">>>>"),
    ] {
        through(&format!("{encoding} of {one:?}"), body("text/plain", encoding, one, 250_000).as_bytes());
    }
    for one in ["<div>", "<b><i>", "&amp", "<table><tr><td>", "<", "<a x=y ", "<!--", "<style>"] {
        through(&format!("HTML of {one}"), body("text/html", "8bit", one, 50_000).as_bytes());
    }
    through("shifts", body("text/plain; charset=iso-2022-jp", "8bit", "\u{1b}$B", 300_000).as_bytes());
    let recipient = "Final-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\n\n".repeat(20_000);
    let status = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n";
    let report = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nx\n--b\n";
    through("a report", format!("{HEAD}{report}{status}{recipient}--b--\n").as_bytes());
}

#[test]
fn of_an_mbox() {
    let from = "From a@b Sun Nov 22 22:16:00 2026\n";
    through("separators", format!("{from}\n").repeat(20_000).as_bytes());
    let one = |k: usize| {
        format!("{from}From: a@b\nSubject: s\nMessage-ID: <{k}@x>\nReferences: <{}@x>\n\nx\n\n", k.wrapping_sub(1))
    };
    through("a thread", counted(10_000, one).as_bytes());
}
