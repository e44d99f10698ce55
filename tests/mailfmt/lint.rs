//! `lint`: each finding with its place, the status for scripts.

use super::mailfmt;

const HEAD: &str = "Date: Sun, 22 Nov 2026 22:16:00 +0000\nFrom: a@b\nMessage-ID: <x@y>\n";

#[test]
fn findings_have_a_place_and_a_status() {
    let good = mailfmt(&["lint"], format!("{HEAD}\nhello\n").as_bytes());
    assert_eq!((good.status, good.text(), good.err.as_str()), (0, "", ""));
    let warned = mailfmt(&["lint"], b"Date: Sun, 22 Nov 2026 22:16:00 +0000\nFrom: a@b\n\n");
    assert_eq!((warned.status, warned.text()), (0, "-:1:1: warning missing-message-id no Message-ID\n"));

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    std::fs::write(&path, format!("{HEAD}Bcc: x@y\n\n\u{1b}\r x\n")).unwrap();
    let path = path.to_str().unwrap();
    let bad = mailfmt(&["lint", path], b"");
    let expect = format!("{path}:4:1: error bcc-left Bcc is left in\n{path}:6:2: error bare-cr a CR without LF\n");
    assert_eq!((bad.status, bad.text()), (65, expect.as_str()));
    let lenient = mailfmt(&["lint", "--lenient", "-q", path], b"");
    assert_eq!((lenient.status, lenient.text().lines().count()), (65, 1));
    let json: Vec<serde_json::Value> = mailfmt(&["lint", "--json", path], b"")
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((json[1]["line"].as_u64(), json[1]["code"].as_str(), json.len()), (Some(6), Some("bare-cr"), 2));
    assert_eq!(json[1]["offset"], (HEAD.len() + 11) as u64);

    // What is no message has findings like any other.
    assert_eq!(mailfmt(&["lint"], b"\xff").status, 65);
    assert_eq!(mailfmt(&["lint"], b"").status, 65);
}

#[test]
fn lines_of_an_mbox_are_those_of_the_file() {
    let from = "From a@b Sun Nov 22 22:16:00 2026\n";
    let mbox = format!("{from}{HEAD}\nx\n\n{from}{HEAD}Bcc: a@b\n\ny\n>From z\n\n{from}Bcc: a@b\n{HEAD}\n\0\n");
    let ran = mailfmt(&["lint"], mbox.as_bytes());
    let places: Vec<usize> = ran.text().lines().map(|line| line.split(':').nth(1).unwrap().parse().unwrap()).collect();
    let lines: Vec<&str> = mbox.lines().collect();
    assert_eq!(places.iter().map(|n| lines[n - 1]).collect::<Vec<_>>(), ["Bcc: a@b", "Bcc: a@b", "\0"]);
}
