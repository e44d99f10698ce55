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
fn what_holds_is_picked() {
    let one = |n: u32, header: &str, body: &str| {
        let day = ["Sun", "Mon", "Tue"][n as usize - 1];
        format!("From x@y {day} Nov {n:>2} 12:00:00 2020\nSubject: {n}\n{header}\n{body}\n\n")
    };
    let parts = "Content-Type: multipart/mixed; boundary=b\n";
    let mbox = [
        one(1, "From: =?utf-8?q?J=C3=B6rg?= <ci@example.org>\nStatus: RO\nX-Status: F\n", "hello"),
        one(2, "From: b@example.org\nDate: Sun, 08 Nov 2020 23:30:00 +0000\nX-List: one\n", &"long\n".repeat(300)),
        one(
            3,
            parts,
            "--b\nContent-Transfer-Encoding: base64\n\nd2VsdHJhdW0=\n--b\nContent-Type: image/png\n\nhello\n--b--",
        ),
    ]
    .concat();
    let picked = |arguments: &[&str]| {
        let made = mailfmt(&[&["pick"], arguments].concat(), mbox.as_bytes());
        assert_eq!((made.status, made.err.as_str()), (0, ""), "{arguments:?}");
        mailfmt(&["list", "--format", "{subject}"], &made.out).text().replace('\n', "")
    };
    for (words, numbers) in [
        ("from:jörg", "1"),
        ("from:JÖRG or subject:3", "13"),
        ("body:hello", "1"),
        ("hello", "1"),
        ("Weltraum", "3"),
        ("header:x-list=", "2"),
        ("is:read", "1"),
        ("is:flagged is:read", "1"),
        ("is:unread", "23"),
        ("larger:1K", "2"),
        ("-larger:1K", "13"),
        ("sent-on:2020-11-08", "2"),
        ("before:2020-11-02", "1"),
        ("since:2020-11-02", "23"),
        ("older:1d", "123"),
        ("newer:1d", ""),
    ] {
        if numbers.is_empty() {
            assert_eq!(mailfmt(&["pick", "-e", words], mbox.as_bytes()).status, 1);
        } else {
            assert_eq!(picked(&[words]), numbers, "{words}");
        }
    }
    assert_eq!(picked(&["--invert", "from:jörg"]), "23");
    // Every byte stays.
    assert_eq!(mailfmt(&["pick", "header:subject="], mbox.as_bytes()).text(), mbox);
    let message = b"Subject: x\r\n\r\nno end";
    assert_eq!(mailfmt(&["pick", "subject:x"], message).out, message);
    assert_eq!(mailfmt(&["pick", "nonsense:x"], message).status, 64);
    assert_eq!(mailfmt(&["pick", "larger:many"], message).status, 64);
    assert_eq!(mailfmt(&["pick", "x"], b"").status, 65);
}

#[test]
fn messages_are_sorted() {
    let one = |n: u32, day: u32, subject: &str, body: &str| {
        let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu"][n as usize - 1];
        format!(
            "From x@y {weekday} Nov {n:>2} 12:00:00 2020\nX-N: {n}\nDate: {day} Nov 2020 01:00:00 +0000\nSubject: {subject}\n\n{body}\n\n"
        )
    };
    let large = "large\n".repeat(20_000);
    let mbox =
        [one(1, 9, "Re: b", "x"), one(2, 7, "a", &large), one(3, 8, "B", "From y"), one(4, 7, "c", "xx")].concat();
    let mbox = mbox.replace("\nFrom y", "\n>From y");
    let sorted = |arguments: &[&str]| {
        let made = mailfmt(&[&["sort"], arguments].concat(), mbox.as_bytes());
        assert_eq!((made.status, made.err.as_str()), (0, ""), "{arguments:?}");
        assert_eq!(made.out.len(), mbox.len());
        mailfmt(&["list", "--format", "{x-n}"], &made.out).text().replace('\n', "")
    };
    for (arguments, order) in [
        (&[][..], "2431"),
        (&["-r"], "1324"),
        (&["--by", "subject"], "2134"),
        (&["--by", "subject,date"], "2314"),
        (&["--by=-subject,date"], "4312"),
        (&["--by", "size"], "4132"),
        (&["--by=-received"], "4321"),
        (&["--by", "received"], "1234"),
    ] {
        assert_eq!(sorted(arguments), order, "{arguments:?}");
    }
    assert_eq!(mailfmt(&["sort", "--by", "received"], mbox.as_bytes()).text(), mbox);
    assert_eq!(mailfmt(&["sort", "--by", "colour"], b"A: b\n\n").status, 64);
    assert_eq!(mailfmt(&["sort"], b"").status, 65);
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

#[test]
fn texts_in_another_charset() {
    let latin = "Subject: x\nContent-Type: text/plain; charset=iso-8859-1; format=flowed\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n";
    let utf8 = "Subject: x\nContent-Type: text/plain; format=flowed; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\nGr=C3=BC=C3=9Fe\n";
    let to = |charset: &str, more: &[&str], message: &str| {
        mailfmt(&[&["recode", "--raw", "--to-charset", charset], more].concat(), message.as_bytes())
    };
    let ran = to("utf-8", &[], latin);
    assert_eq!((ran.status, ran.text()), (0, utf8));
    assert_eq!(to("UTF8", &[], utf8).text(), utf8);
    let eight = utf8.replace("quoted-printable", "8bit").replace("Gr=C3=BC=C3=9Fe", "Grüße");
    assert_eq!(to("utf-8", &["--keep-8bit"], latin).text(), eight);
    assert_eq!(
        to("windows-1252", &[], &eight).text(),
        utf8.replace("utf-8", "windows-1252").replace("=C3=BC=C3=9F", "=FC=DF")
    );
    // What has no form there is an error.
    let ran = to("koi8-r", &[], &eight);
    assert_eq!((ran.status, ran.text()), (65, ""));
    let ran = to("koi8-r", &["--lossy"], &eight);
    assert_eq!(ran.text(), eight.replace("utf-8", "koi8-r").replace("8bit", "7bit").replace("Grüße", "Gr??e"));
    assert_eq!(to("utf-8", &[], &latin.replace("iso-8859-1", "utf-8")).status, 0);
    assert_eq!(to("iso-8859-15", &[], &latin.replace("iso-8859-1", "x-who-knows")).status, 65);
    for wrong in ["nothing", "utf-16"] {
        assert_eq!(to(wrong, &[], latin).status, 64);
    }
    // A part among others; what is signed, ASCII or no text stays.
    let parts = |inner: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n--b\n\nabc\n--b\n{inner}\n--b\nContent-Type: image/x\n\nx\n--b--\n"
        )
    };
    let part = "Content-Type: text/html; charset=Shift_JIS\nContent-Transfer-Encoding: base64\n\ngsCCoA==";
    let done = to("utf-8", &["--keep-8bit"], &parts(part));
    assert_eq!(
        done.text(),
        parts("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nぢあ"),
        "{}",
        done.err
    );
    let signed =
        format!("Content-Type: multipart/signed; boundary=s\nMIME-Version: 1.0\n\n--s\n{part}\n--s\n\nx\n--s--\n");
    assert_eq!(to("utf-8", &[], &signed).text(), signed);
}
