use super::*;
use proptest::prelude::*;

const GOOD: &str = "Date: Sun, 22 Nov 2026 22:16:00 +0000\nFrom: a@b\nMessage-ID: <x@y>\nMIME-Version: 1.0\n";

fn findings(text: impl AsRef<[u8]>, profile: Profile) -> Vec<Finding> {
    let mut all = Vec::new();
    let counts = lint(&mut text.as_ref(), profile, &mut |one| {
        all.push(one.clone());
        Ok(())
    })
    .unwrap();
    assert_eq!(all.is_empty(), counts.errors + counts.warnings == 0);
    all
}

/// `line:column code` of each.
fn told(text: impl AsRef<[u8]>, profile: Profile) -> Vec<String> {
    let all = findings(text, profile);
    all.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.code.word())).collect()
}

#[test]
fn a_good_message_has_nothing() {
    for rest in [
        "Subject: =?utf-8?Q?gr=C3=BCn?= =?utf-8?B?w7w=?=\n\nbody\n",
        "\r\n",
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ngrün\n",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\nContent-Transfer-Encoding: base64\n\nYWJj\nYQ==\n--b--\n",
        "Content-Transfer-Encoding: quoted-printable\n\na=3Db =\nc= \nd\n",
        "Content-Disposition: attachment; filename*0*=utf-8''a; filename*1=b\n\n",
    ] {
        assert_eq!(told(format!("{GOOD}{rest}").replace("\r\n", "\n"), Profile::Strict), [""; 0], "{rest}");
        let wire = format!("{GOOD}{rest}").replace("\r\n", "\n").replace('\n', "\r\n");
        assert_eq!(told(wire, Profile::Strict), [""; 0], "{rest}");
    }
}

#[test]
fn each_code_has_its_place() {
    let long = "x".repeat(1000);
    let boundary = "b".repeat(71);
    for (rest, expect) in [
        ("\na\rb\n".to_owned(), "6:2 bare-cr"),
        ("\nab\r".into(), "6:3 bare-cr,6:4 no-last-line-end"),
        ("\na\0b\n".into(), "6:2 nul"),
        (format!("\n{long}\n"), "6:999 line-too-long"),
        (format!("X: {}\n\n", "y ".repeat(40)), "5:79 line-long"),
        (format!("X: {}\n\n", "é".repeat(70)), "5:4 header-utf8"),
        ("junk\n\n".into(), "5:1 not-a-field"),
        ("X : y\n\n".into(), "5:2 blank-before-colon"),
        ("X: y\n \n z\n\n".into(), "6:1 blank-fold"),
        ("To: a@b\nto: a@b\n\n".into(), "6:1 duplicate-field"),
        ("Bcc: a@b\n\n".into(), "5:1 bcc-left"),
        ("Resent-Date: someday\n\n".into(), "5:1 bad-date"),
        ("To: <a@b\n\n".into(), "5:1 bad-address"),
        ("Content-ID: x\n\n".into(), "5:1 bad-message-id"),
        ("Subject: a =?utf-8?Q?=G?=\n\n".into(), "5:12 bad-encoded-word"),
        ("Subject: =?klingon?Q?a?=\n\n".into(), "5:10 bad-encoded-word"),
        ("Content-Disposition: a; filename==?utf-8?Q?a?=\n\n".into(), "5:1 encoded-word-in-parameter"),
        ("Content-Type: text\n\n".into(), "5:1 bad-content-type"),
        ("Content-Type: a/b; c*1=d\n\n".into(), "5:1 bad-parameter"),
        ("Content-Type: a/b; c=d; c=e\n\n".into(), "5:1 bad-parameter"),
        ("Content-Transfer-Encoding: x-uu\n\n".into(), "5:1 unknown-encoding"),
        ("Content-Type: text/plain; charset=klingon\n\n".into(), "5:1 unknown-charset"),
        ("Content-Type: multipart/mixed\n\n".into(), "1:1 no-boundary"),
        (
            format!("Content-Type: multipart/mixed;\n boundary={boundary}\n\n--{boundary}--\n"),
            "5:1 bad-boundary,6:79 line-long",
        ),
        ("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n".into(), "10:1 not-closed"),
        ("X: y\n".into(), "6:1 no-empty-line"),
        ("\n\u{e9}\n".into(), "6:1 8bit-without-encoding"),
        ("Content-Transfer-Encoding: 8bit\n\n\u{e9}\n".into(), "7:1 not-in-charset"),
        ("Content-Transfer-Encoding: base64\n\nYW*J\n".into(), "7:3 bad-base64"),
        ("Content-Transfer-Encoding: base64\n\nYWJ\n".into(), "8:1 bad-base64"),
        ("Content-Transfer-Encoding: quoted-printable\n\na=G\n".into(), "7:3 bad-quoted-printable"),
        (format!("Content-Transfer-Encoding: base64\n\n{}\n", "YWJj".repeat(20)), "7:77 encoded-line-long"),
    ] {
        assert_eq!(told(format!("{GOOD}{rest}"), Profile::Strict).join(","), expect, "{rest:?}");
    }
    assert_eq!(
        told(b"X: \xff\n\n", Profile::Lenient),
        ["1:1 missing-field", "1:1 missing-field", "1:4 header-not-utf8"]
    );
    assert_eq!(
        told("From: a@b, c@d\r\nDate: x\n\n", Profile::Lenient).join(","),
        "1:1 missing-sender,2:8 bare-lf,2:1 bad-date,3:1 bare-lf"
    );
}

#[test]
fn many_of_a_kind_are_counted() {
    let all = findings(format!("{GOOD}\n{}", "\r \n".repeat(1000)), Profile::Lenient);
    assert_eq!(all.len() as u64, MAX + 1);
    assert_eq!(all.last().unwrap().text, "900 more of these");
}

#[test]
fn codes_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.word()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    // What a lenient reader minds, a strict one minds as much.
    for code in Code::ALL {
        let (strict, lenient) = (code.severity(Profile::Strict), code.severity(Profile::Lenient));
        assert!(strict == Some(Severity::Error) || lenient != Some(Severity::Error), "{}", code.word());
    }
}

proptest! {
    #[test]
    fn places_are_right_for_any_bytes(raw in proptest::collection::vec(
        prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), Just(b'='), Just(b'-'), Just(b'a'), any::<u8>()], 0..200)) {
        for finding in findings(&raw, Profile::Strict) {
            prop_assert!(finding.offset <= raw.len() as u64);
            let before = &raw[..finding.offset as usize];
            let line = before.iter().filter(|b| **b == b'\n').count() as u64 + 1;
            let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1) as u64;
            prop_assert_eq!((finding.line, finding.column), (line, finding.offset - start + 1), "{:?}", finding);
        }
    }
}
