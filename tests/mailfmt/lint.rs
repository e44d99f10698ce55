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

#[test]
fn the_kind_of_an_mbox_is_told_with_its_reason() {
    let from = "From a@b Sun Nov 22 22:16:00 2026\n";
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let body = format!("x\n\n{from}A: b\n>From y\n");
    let counted = format!("{from}Content-Length: {}\n\n{body}\n", body.len()).repeat(2);
    let plain = format!("{from}A: b\n\nx\nFrom y\n\n");
    let (counted, plain) = (file("counted", &counted), file("plain", &plain));
    let ran = mailfmt(&["lint", "--kind", &counted, &plain], b"");
    let expect = format!(
        "{counted}:6:1: warning doubtful-from begins a message, but inside of a Content-Length\n\
         {counted}:15:1: warning doubtful-from begins a message, but inside of a Content-Length\n\
         {counted}:1:1: note mbox-kind cl2, 2 messages: Content-Length leads from each message to the next, 2 lines begin with From inside of it, not quoted\n\
         {plain}:5:1: warning doubtful-from begins no message: there is no empty line before it\n\
         {plain}:1:1: note mbox-kind o, 1 message: line 3: a header section without Content-Length ends here; 1 line begins with From, which rd would have quoted\n"
    );
    assert_eq!((ran.status, ran.text()), (0, expect.as_str()), "{}", ran.err);
    let json = mailfmt(&["lint", "--kind", "--json"], &std::fs::read(&counted).unwrap());
    let rows: Vec<serde_json::Value> = json.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&rows[0]["line"], &rows[2]["kind"], &rows[2]["file"]), (&6.into(), &"cl2".into(), &"-".into()));
    assert_eq!(rows[0]["offset"], from.len() + 23);
    // And read as that.
    for arguments in [&[&counted[..]][..], &[]] {
        let stdin = if arguments.is_empty() { std::fs::read(&counted).unwrap() } else { Vec::new() };
        let guessed = mailfmt(&[&["split", "--to-null", "--variant=auto"], arguments].concat(), &stdin);
        let one = format!("Content-Length: {}\n\n{body}\0", body.len());
        assert_eq!((guessed.status, guessed.text()), (0, one.repeat(2).as_str()), "{}", guessed.err);
    }
    assert_eq!(mailfmt(&["head", "--variant=auto", "a"], b"A: b\n\n").status, 65);
    let none = mailfmt(&["lint", "--kind"], b"A: b\n");
    assert_eq!(
        (none.status, none.err.as_str()),
        (65, "mailfmt: -: no mbox: the first line does not begin with 'From '\n")
    );
    assert_eq!(mailfmt(&["lint", "--kind", "/no/such/file", &plain], b"").status, 67);
}
