//! Verbs that write messages: what is not asked for stays, byte for byte.

use super::mailfmt;

const MESSAGE: &[u8] = b"Received: x\r\n by y\r\nSubject :  old \nX: \xff\nTo: a@b\n\nbody \xfe\r\nFrom x\n\0end";

#[test]
fn set_keeps_every_other_byte() {
    let same = mailfmt(&["set"], MESSAGE);
    assert_eq!((same.status, same.out.as_slice()), (0, MESSAGE));
    let ran = mailfmt(
        &[
            "set",
            "--replace",
            "subject: Grüße",
            "--drop",
            "X:",
            "--rename-field",
            "To=Cc",
            "--append",
            "Y: z",
            "--default",
            "Cc: q",
        ],
        MESSAGE,
    );
    let expect =
        b"Received: x\r\n by y\r\nsubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nCc: a@b\nY: z\r\n\nbody \xfe\r\nFrom x\n\0end";
    assert_eq!((ran.status, ran.out.as_slice()), (0, &expect[..]), "{}", String::from_utf8_lossy(&ran.out));
    for wrong in ["Subject: a\nBcc: x", "Sub ject: a", "no colon", "A: \u{0}"] {
        if wrong.contains('\0') {
            continue;
        }
        assert_eq!(mailfmt(&["set", "--append", wrong], MESSAGE).status, 64, "{wrong}");
    }
    assert_eq!(mailfmt(&["set", "--drop", "X"], b"no header").status, 65);
    let long = [&b"A: "[..], &b"x".repeat(2 << 20), b"\n\nbody"].concat();
    let ran = mailfmt(&["set", "--drop", "B"], &long);
    assert_eq!((ran.status, ran.out.len()), (65, 0));
}

#[test]
fn json_and_back_is_the_same() {
    for message in [MESSAGE, b"", b"\xff", &[&b"A: b\n\n"[..], &b"x\0\xff\r\n".repeat(50_000)].concat()] {
        let json = mailfmt(&["json", "--one"], message);
        if message.is_empty() {
            assert_eq!(json.status, 65);
            continue;
        }
        assert_eq!(json.status, 0, "{}", json.err);
        let back = mailfmt(&["unjson"], &json.out);
        assert!(back.status == 0 && back.out == message, "{}", back.err);
    }
    let schema = mailfmt(&["json", "--schema"], b"");
    assert!(schema.status == 0 && schema.text().starts_with('{'));
    for wrong in ["", "{}", "[", "{\"headers\":[{}]}", &format!("{{\"headers\":{}", "[".repeat(100_000))] {
        assert_eq!(mailfmt(&["unjson"], wrong.as_bytes()).status, 65, "{:?}", wrong.get(..20));
    }
    let two = mailfmt(&["unjson"], b"{\"headers\":[{\"name\":\"A\",\"decoded\":\"b\"}]}\n{}\n");
    assert!(two.status == 67 && two.text().ends_with("\nA: b\n\n\n"), "{}", two.text());
}

#[test]
fn convert_keeps_messages_whole() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = format!("maildir:{}", dir.path().join("md").display());
    let mbox = "From a@b Sun Nov 22 22:16:00 2026\nSubject: one\n\n>From x\n\nFrom c@d Sun Nov 22 22:17:00 2026\nSubject: two\n\ny\n\n";
    assert_eq!(mailfmt(&["convert", "--into", &maildir], mbox.as_bytes()).status, 0);
    let nul = mailfmt(&["convert", "--to-null", maildir.strip_prefix("maildir:").unwrap()], b"");
    let mut all: Vec<&[u8]> = nul.out.split(|b| *b == 0).collect();
    all.sort();
    assert_eq!(all, [&b""[..], b"Subject: one\n\nFrom x\n", b"Subject: two\n\ny\n"]);
    let lines = mailfmt(&["convert", "--to-ndjson"], mbox.as_bytes());
    assert_eq!(lines.text(), "{\"raw\":\"Subject: one\\n\\nFrom x\\n\"}\n{\"raw\":\"Subject: two\\n\\ny\\n\"}\n");
    // Who sent it, and when, goes from one mbox into the other.
    assert_eq!(mailfmt(&["convert"], mbox.as_bytes()).text(), mbox);
    let ran = mailfmt(&["convert", "--to-null"], b"A: b\n\nx\0y");
    assert_eq!((ran.status, ran.out.len()), (65, 0));
    assert_eq!(mailfmt(&["convert", "--into", "smtp://localhost"], mbox.as_bytes()).status, 64);
}

#[test]
fn of_equal_messages_the_first_stays() {
    let one = |id: &str, text: &str| format!("From x@y Sun Nov 22 22:16:00 2026\n{id}Subject: {text}\n\n{text}\n\n");
    let mbox =
        [one("Message-ID: <a@x>\n", "1"), one("Message-ID: <a@x>\n", "2"), one("", "3"), one("", "3"), one("", "4")]
            .concat();
    let subjects = |arguments: &[&str]| {
        let made = mailfmt(arguments, mbox.as_bytes());
        assert_eq!((made.status, made.err.as_str()), (0, ""));
        mailfmt(&["list", "--format", "{subject}"], &made.out).text().replace('\n', "")
    };
    assert_eq!(subjects(&["dedupe"]), "134");
    assert_eq!(subjects(&["dedupe", "--by-bytes"]), "1234");
    let told = mailfmt(&["dedupe", "--duplicates"], mbox.as_bytes());
    assert!(told.text().starts_with("2\t1\t<a@x>\n4\t3\t"), "{}", told.text());
}
