//! split and join: what one takes apart the other puts together, byte for byte.

use super::mailfmt;
use proptest::prelude::*;
use std::path::Path;

const F: &str = "From a@b Sun Nov 22 22:16:00 2026\n";

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_owned()
}

/// The names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut all: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    all.sort();
    all
}

fn records(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = stream.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
    assert_eq!(all.pop(), Some(Vec::new()));
    all
}

#[test]
fn one_file_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let out = path(dir.path(), "out");
    let mbox = format!(
        "{F}Subject: ../a/b\nDate: 1 Jan 2020 00:00:00 +0000\n\n>From x\r\n\n{F}Subject: -rf\n\n\n\n{F}Subject: -rf\n"
    );
    let ran = mailfmt(&["split", "-d", &out, "--json"], mbox.as_bytes());
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let first = "{\"message\":1,\"messages\":1,\"size\":57,\"written\":\"000001.eml\"}";
    assert_eq!(ran.text().lines().next(), Some(first));
    let read = |name: &str| std::fs::read_to_string(dir.path().join("out").join(name)).unwrap();
    assert_eq!(read("000001.eml"), "Subject: ../a/b\nDate: 1 Jan 2020 00:00:00 +0000\n\nFrom x\r\n");
    let when = std::fs::metadata(dir.path().join("out/000001.eml")).unwrap().modified().unwrap();
    assert_eq!(when.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_795_385_760);
    assert_eq!(read("000003.eml"), "Subject: -rf\n");
    // No file is overwritten, and no name leads elsewhere.
    let again = mailfmt(&["split", "-d", &out, "--names", "{subject}.eml"], mbox.as_bytes());
    assert_eq!(again.status, 0, "{}", again.err);
    assert_eq!(mailfmt(&["split", "-d", &out], mbox.as_bytes()).status, 0);
    let expect = [
        "000001-1.eml",
        "000001.eml",
        "000002-1.eml",
        "000002.eml",
        "000003-1.eml",
        "000003.eml",
        "_._a_b.eml",
        "_rf-1.eml",
        "_rf.eml",
    ];
    assert_eq!(names(&dir.path().join("out")), expect);
    assert_eq!(mailfmt(&["split", "-d", &out, "--names", "../{number}"], mbox.as_bytes()).status, 64);
    assert_eq!(mailfmt(&["split", "-d", &out, "--names", "{"], mbox.as_bytes()).status, 64);
    assert_eq!(mailfmt(&["split", "-d", "/dev/null/x"], mbox.as_bytes()).status, 73);
    assert_eq!(mailfmt(&["split", "-d", &out], b"").status, 65);
}

#[test]
fn so_many_messages_an_mbox() {
    let dir = tempfile::tempdir().unwrap();
    let (out, one) = (path(dir.path(), "out"), |n: u32| format!("{F}Subject: {n}\n\n>From {n}\n\n"));
    let mbox: String = (1..=5).map(one).collect();
    let ran = mailfmt(&["split", "-d", &out, "--every", "2", "--json"], mbox.as_bytes());
    assert_eq!((ran.status, ran.text().lines().count()), (0, 3), "{}", ran.err);
    assert_eq!(names(&dir.path().join("out")), ["000001.mbox", "000003.mbox", "000005.mbox"]);
    let parts = ["000001.mbox", "000003.mbox", "000005.mbox"].map(|n| path(dir.path(), &format!("out/{n}")));
    assert_eq!(std::fs::read_to_string(&parts[1]).unwrap(), one(3) + &one(4));
    let joined = mailfmt(&["join", &parts[0], &parts[1], &parts[2]], b"");
    assert_eq!((joined.status, joined.text()), (0, mbox.as_str()));
    assert_eq!(mailfmt(&["split", "--every", "0"], mbox.as_bytes()).status, 64);
    // A message that breaks off leaves nothing of it behind.
    let counted = |n: u32| format!("{F}Content-Length: {n}\n\n1\n\n");
    let broken = [counted(2), counted(2), counted(9)].concat();
    let out = path(dir.path(), "broken");
    let ran = mailfmt(&["split", "-d", &out, "--every", "3", "--variant=cl2"], broken.as_bytes());
    assert_eq!(ran.status, 67, "{}", ran.err);
    assert_eq!(std::fs::read_to_string(dir.path().join("broken/000001.mbox")).unwrap(), counted(2) + &counted(2));
    let out = path(dir.path(), "files");
    assert_eq!(mailfmt(&["split", "-d", &out, "--variant=cl2"], broken.as_bytes()).status, 67);
    assert_eq!(names(&dir.path().join("files")), ["000001.eml", "000002.eml"]);
}

#[test]
fn the_kinds_of_mbox_are_written_as_they_are_read() {
    let messages = [
        "Subject: 1\n\nFrom x\n>From y\n\nFrom a@b Sun Nov 22 22:16:00 2026\n",
        "Subject: 2\ncontent-length: 5\n\nno line end",
        "Subject: 3\n",
        "Subject: 4\n\n",
        "Subject: 5\n\nFro",
    ];
    let input = messages.join("\0");
    for (kind, length) in [("rd", false), ("o", false), ("cl", true), ("cl2", true)] {
        let mbox = mailfmt(&["join", "-0", "--as", kind], input.as_bytes());
        assert_eq!((mbox.status, mbox.err.as_str()), (0, ""), "{kind}");
        let ran = mailfmt(&["split", "--to-null", "--variant", kind], &mbox.out);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{kind}");
        let back: Vec<String> = records(&ran.out).into_iter().map(|m| String::from_utf8(m).unwrap()).collect();
        let with = |message: &str, n: usize| message.replacen("\n\n", &format!("\nContent-Length: {n}\n\n"), 1);
        // Behind a quoted line there is nothing that o does not take for one.
        let first =
            if kind == "rd" || kind == "cl2" { messages[0].to_owned() } else { messages[0].replace(">From", "From") };
        let quotes = if kind == "cl" { 2 } else { 0 };
        let expect = match length {
            false => [
                first,
                messages[1].to_owned() + "\n",
                messages[2].to_owned(),
                messages[3].to_owned(),
                messages[4].to_owned() + "\n",
            ],
            true => [
                with(&first, messages[0].len() - 12 + quotes),
                with(&messages[1].replace("content-length: 5\n", ""), 11),
                "Subject: 3\nContent-Length: 0\n\n".to_owned(),
                with(messages[3], 0),
                with(messages[4], 3),
            ],
        };
        assert_eq!(back, expect, "{kind}: {}", mbox.text());
    }
    assert_eq!(mailfmt(&["join", "--as", "cl2"], b"\n\nno header").status, 65);
    assert_eq!(mailfmt(&["join", "--as", "mmdf"], b"A: b\n").status, 64);
    assert_eq!(mailfmt(&["join", "--subject", "x"], b"A: b\n").status, 64);
}

#[test]
fn a_digest_is_taken_apart_again() {
    let stamp = ["--date", "Sun, 22 Nov 2026 22:16:00 +0000", "--seed", "s"];
    let messages = [
        "Subject: 1\n\nx\n",
        "Subject: 2\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\u{e4}\r\n--b--",
        "no header\n\n",
        "Subject: 4\n\n--=_s.1\n--=_s.2--\n\n",
    ];
    let input = messages.join("\0") + "\0";
    let made = mailfmt(
        &[&["join", "-0", "--digest", "--from", "a@b", "--to", "\u{c4} <c@d>"], &stamp[..]].concat(),
        input.as_bytes(),
    );
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    let head = "From: a@b\nTo: =?UTF-8?B?w4Q=?= <c@d>\nSubject: Digest of 4 messages\nDate: Sun, 22 Nov 2026 22:16:00 +0000\nMessage-ID: <";
    assert!(made.text().starts_with(head), "{}", made.text());
    assert!(made.text().contains("Content-Type: multipart/digest; boundary=\"=_s.3\"\nContent-Transfer-Encoding: 8bit\n\n--=_s.3\n\nSubject: 1\n\nx\n\n--=_s.3\n"));
    let back = mailfmt(&["split", "--digest", "--to-null"], &made.out);
    assert_eq!((back.status, back.out), (0, input.into_bytes()), "{}", back.err);
    // Without it, the empty line that ends a header section would be that of the boundary.
    let ended = mailfmt(&["join", "--digest", "--from", "a@b"], b"Subject: 5\n");
    assert_eq!(mailfmt(&["split", "--digest", "--to-null"], &ended.out).text(), "Subject: 5\n\n\0");
    // A digest in a digest is one message of it.
    let outer = mailfmt(&[&["join", "--digest", "--from", "a@b"], &stamp[..]].concat(), &made.out);
    let inner = mailfmt(&["split", "--digest", "--to-null"], &outer.out);
    assert_eq!(inner.out, [made.out.as_slice(), b"\0"].concat());
    // An attached message that somebody has encoded against RFC 2046 5.2.1.
    let encoded = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYgoKeAo=\n";
    assert_eq!(mailfmt(&["split", "--digest", "--to-null"], encoded).text(), "A: b\n\nx\n\0");
    let none = mailfmt(&["split", "--digest", "--to-null"], b"A: b\n\nx\n");
    assert_eq!((none.status, none.err.as_str()), (65, "mailfmt: no message is in it\n"));
    assert_eq!(mailfmt(&["join", "--digest", "--seed", "a b"], b"A: b\n").status, 64);
    let many = format!("Content-Type: multipart/digest; boundary=b\n\n{}--b--\n", "--b\n\nA: b\n\n".repeat(10_001));
    assert_eq!(mailfmt(&["split", "--digest", "--to-null"], many.as_bytes()).status, 65);
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"From x Sun Nov 22 22:16:00 2026".to_vec()),
        Just(b">From y".to_vec()),
        Just(b">>From".to_vec()),
        Just(b"From ".to_vec()),
        Just(b"".to_vec()),
        Just(b"\r".to_vec()),
        proptest::collection::vec(1u8..=255, 0..20),
    ];
    proptest::collection::vec(line, 1..8).prop_map(|lines| [lines.join(&b'\n'), b"\n".to_vec()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn split_and_join_are_the_identity(messages in proptest::collection::vec(message(), 1..6)) {
        let stream = messages.iter().flat_map(|m| [m.as_slice(), b"\0"].concat()).collect::<Vec<u8>>();
        let mbox = mailfmt(&["join", "-0"], &stream);
        prop_assert_eq!(mbox.status, 0);
        let back = mailfmt(&["split", "--to-null"], &mbox.out);
        prop_assert_eq!((back.status, back.out), (0, stream));
        // The other way round, and through files.
        let dir = tempfile::tempdir().unwrap();
        let out = path(dir.path(), "out");
        prop_assert_eq!(mailfmt(&["split", "-d", &out], &mbox.out).status, 0);
        let files: Vec<Vec<u8>> =
            names(&dir.path().join("out")).iter().map(|n| std::fs::read(dir.path().join("out").join(n)).unwrap()).collect();
        prop_assert_eq!(files, messages);
        let again = mailfmt(&["join"], &mbox.out);
        prop_assert_eq!(again.out, mbox.out);
    }
}

#[test]
fn hostile_input_ends_in_time() {
    let numbered = |count: usize, text: &dyn Fn(usize) -> String| (0..count).map(text).collect::<String>();
    let set: [(&str, String); 7] = [
        ("From lines", format!("{F}\n").repeat(20_000)),
        ("From words", format!("{F}A: b\n\n{}", "x From \n\nFrom \n>From ".repeat(100_000))),
        ("a long line", format!("{F}A: b\n\n{}From ", "x".repeat(20 << 20))),
        ("lengths", format!("{F}Content-Length: 1\n\nx\n\n").repeat(20_000)),
        ("one subject", numbered(20_000, &|n| format!("{F}Message-ID: <{n}@x>\nSubject: Re: x\n\n\n"))),
        ("all answers", numbered(20_000, &|n| format!("{F}Message-ID: <{n}@x>\nIn-Reply-To: <{}@x>\n\n\n", n / 2))),
        ("references", format!("{F}References: {}\n\n\n", "<a@x> ".repeat(100_000)).repeat(2)),
    ];
    for (what, input) in &set {
        for arguments in [
            &["split", "--to-null"][..],
            &["join"],
            &["join", "--as", "cl2"],
            &["join", "--digest"],
            &["thread"],
            &["lint", "--kind"],
            &["list", "--variant=auto"],
        ] {
            let start = std::time::Instant::now();
            let ran = mailfmt(arguments, input.as_bytes());
            assert!(matches!(ran.status, 0 | 65 | 67), "{what} {arguments:?}: {} {}", ran.status, ran.err);
            assert!(start.elapsed().as_secs() < 20, "{what} {arguments:?}: {:?}", start.elapsed());
        }
    }
}

#[test]
fn what_nobody_takes_is_lost_and_told() {
    use std::io::Read;
    use std::process::{Command, Stdio};
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), format!("{F}A: b\n\nx\n\n").repeat(100_000)).unwrap();
    for arguments in [&["split", "--to-null"][..], &["join"], &["join", "--digest"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mailfmt"))
            .args(arguments)
            .arg(input.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(74), "{arguments:?}");
    }
    let ran = mailfmt(&["split", "-d", "/proc/self/fdinfo"], format!("{F}A: b\n\n").as_bytes());
    assert_eq!((ran.status, ran.err.lines().count()), (73, 1), "{}", ran.err);
}
