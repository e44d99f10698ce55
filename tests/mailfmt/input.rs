//! Every way in: mbox variants, Maildirs, files, NUL, JSON lines.

use super::mailfmt;
use std::path::Path;

const F: &str = "From a@b Sun Nov 22 22:16:00 2026\n";

fn subjects(arguments: &[&str], input: &str) -> (i32, Vec<String>) {
    let ran = mailfmt(&[&["list", "-o", "number,subject"], arguments].concat(), input.as_bytes());
    (ran.status, ran.text().lines().map(str::to_owned).collect())
}

#[test]
fn many_messages_are_read_in_every_form() {
    let two = ["1\tone".to_owned(), "2\ttwo".to_owned()];
    let mbox = format!("{F}Subject: one\n\nx\n\n{F}Subject: two\n\ny\n");
    assert_eq!(subjects(&[], &mbox), (0, two.to_vec()));
    assert_eq!(subjects(&["--variant=rd"], &mbox), (0, two.to_vec()));
    assert_eq!(subjects(&["--variant=cl"], &mbox), (0, two.to_vec()));
    assert_eq!(subjects(&["--variant=mmdf"], &mbox).0, 64);
    assert_eq!(subjects(&["-0"], "Subject: one\n\nx\0Subject: two\n\ny\0"), (0, two.to_vec()));
    let lines = "{\"raw\":\"Subject: one\\n\\nx\"}\n{\"raw64\":\"U3ViamVjdDogdHdvCgpcCg==\"}\n";
    assert_eq!(subjects(&["--ndjson"], lines), (0, two.to_vec()));
    assert_eq!(subjects(&["--ndjson"], &format!("{lines}nonsense\n")), (67, two.to_vec()));
    assert_eq!(subjects(&["--variant=rd"], "Subject: one\n\n").0, 65);
    assert_eq!(subjects(&["--one"], &mbox).1, ["1\tone"]);
    assert_eq!(subjects(&[], "").0, 65);
    assert_eq!(subjects(&["--variant=rd", "-0"], "").0, 64);

    let counted = format!(
        "{F}Content-Length: 41\nSubject: one\n\nx\n\n{F}abc\n\n{F}Content-Length: 8\nSubject: two\n\n>From y\n"
    );
    assert_eq!(subjects(&["--variant=cl2"], &counted).1, two);
    assert_eq!(mailfmt(&["text", "--variant=cl2"], counted.as_bytes()).text(), format!("x\n\n{F}abc\n>From y\n"));
    assert_eq!(subjects(&["--variant=cl2"], &counted.replace("41", "30")).0, 65);
}

#[test]
fn directories_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    write("md/new/2", "Subject: two\n\n");
    write("md/cur/1:2,FS", "Subject: one\n\n");
    write("md/cur/.hidden", "Subject: none\n\n");
    std::fs::create_dir(dir.path().join("md/tmp")).unwrap();
    write("emls/b.eml", "From x\nSubject: b\n\n");
    write("emls/a.EML", "Subject: a\n\n");
    write("emls/notes.txt", "none");
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(subjects(&[&path("md")], "").1, ["1\ttwo", "2\tone"]);
    assert_eq!(subjects(&[&path("emls"), &path("md")], "").1, ["1\ta", "2\tb", "3\ttwo", "4\tone"]);
    let flags = mailfmt(&["list", "-o", "flags", &path("md")], b"");
    assert_eq!(flags.text(), "\n\\\\Flagged \\\\Seen\n");
    let mixed = mailfmt(&["list", "-o", "subject", "-", &path("emls/a.EML"), "/nowhere"], b"Subject: in\n\n");
    assert_eq!((mixed.status, mixed.text()), (67, "in\na\n"));
    assert!(mixed.err.contains("/nowhere"), "{}", mixed.err);
    assert_eq!(subjects(&["/nowhere"], "").0, 66);
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    assert_eq!(subjects(&[&path("empty")], "").0, 66);
    assert!(Path::new(&path("md/cur/1:2,FS")).exists());
}

#[test]
fn a_listing_is_escaped_and_json_is_whole() {
    let message =
        "Subject: =?utf-8?Q?a=1B[31m=09b?=\nFrom: \"x\" <a@b>\nDate: Mon, 23 Nov 2026 01:02:03 +0100\n\nbody\n";
    let line = mailfmt(&["list"], message.as_bytes());
    assert_eq!(line.text(), "1\t2026-11-23T01:02:03+01:00\tx <a@b>\ta\\x1B[31m\\tb\n");
    let json: serde_json::Value =
        serde_json::from_slice(&mailfmt(&["list", "--json"], message.as_bytes()).out).unwrap();
    assert_eq!(json["subject"], "a\u{1b}[31m\tb");
    assert_eq!((json["size"].as_u64(), json["cc"].is_null()), (Some(message.len() as u64), true));
    assert_eq!(mailfmt(&["list", "-o", "nothing"], b"A: b\n\n").status, 64);
}

#[test]
fn texts_and_parts() {
    let message = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: text/html\n\n<p>two</p>\n--b\n\
        Content-Disposition: attachment; filename=x\n\nthree\n--b--\n";
    assert_eq!(mailfmt(&["text"], message.as_bytes()).text(), "one\n\ntwo\n");
    assert_eq!(mailfmt(&["cat", "3"], message.as_bytes()).text(), "three");
    let tree = mailfmt(&["tree"], message.as_bytes());
    assert_eq!(tree.text().lines().last(), Some("3\ttext/plain\tus-ascii\t7bit\t5\tx\t141"));
    assert_eq!(mailfmt(&["cat", "4"], message.as_bytes()).status, 66);
    assert_eq!(mailfmt(&["cat", "0"], message.as_bytes()).status, 64);
}
