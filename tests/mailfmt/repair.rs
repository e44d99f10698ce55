//! What is mended, and that nothing else is.

use super::{Ran, mailfmt};

fn repaired(message: &[u8]) -> Ran {
    mailfmt(&["repair", "--raw"], message)
}

#[test]
fn everything_at_once() {
    let broken = "Subject: Grüße\nSubject: two\nTo: a@b\nTo: c@d\nFrom : x@y\nfoo bar\n>From x Mon\nDate: Sun, 22 Nov 2026 22:16:00 +0000\n\
        Content-Type: multipart/mixed\nContent-Transfer-Encoding: base64\n\n--abc\n\nhallö\n--abc\nContent-Transfer-Encoding: base-64\n\
        Content-Type: text/plain; name=\"a b\"; charset=us-ascii\n\naGFsbMO2 !!\n--abc\nContent-Type: multipart/alternative; boundary=in\n\n--in\n\nx\n--abc\n\
        Content-Transfer-Encoding: quoted printable\n\na=3Db=zz\n";
    let mended = "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nX-Duplicate-Subject: two\nTo: a@b,\n c@d\nFrom: x@y\nX-Unnamed: foo bar\n\
        Date: Sun, 22 Nov 2026 22:16:00 +0000\nContent-Type: multipart/mixed; boundary=abc\nContent-Transfer-Encoding: 8bit\nMIME-Version: 1.0\n\n\
        --abc\nContent-Transfer-Encoding: 8bit\nContent-Type: text/plain; charset=utf-8\n\nhallö\n--abc\nContent-Transfer-Encoding: base64\n\
        Content-Type: text/plain; name=\"a b\"; charset=utf-8\n\naGFsbMO2\n--abc\nContent-Type: multipart/alternative; boundary=in\n\n--in\n\nx\n--in--\n\n\
        --abc\nContent-Transfer-Encoding: quoted-printable\n\na=3Db=3Dzz\n--abc--\n";
    let ran = repaired(broken.as_bytes());
    assert_eq!((ran.status, ran.text()), (0, mended));
    assert_eq!(ran.err.lines().count(), 18, "{}", ran.err);
    assert!(ran.err.contains("mailfmt: message 1, offset 0: no-boundary: the boundary is abc\n"));
    let again = repaired(mended.as_bytes());
    assert_eq!((again.status, again.text(), again.err.as_str()), (0, mended, ""));
    assert_eq!(mailfmt(&["lint", "--lenient"], mended.as_bytes()).status, 0);
    // With the other line ends.
    let ran = repaired(broken.replace('\n', "\r\n").as_bytes());
    assert_eq!(ran.text(), mended.replace('\n', "\r\n"));
    // Only what is asked for, or only told.
    let ran = mailfmt(&["repair", "--raw", "--only", "duplicate-field"], broken.as_bytes());
    assert_eq!(ran.text(), broken.replace("Subject: two", "X-Duplicate-Subject: two").replace("\nTo: c@d", ",\n c@d"));
    let told = mailfmt(&["repair", "-n", "--only", "duplicate-field"], broken.as_bytes());
    assert_eq!((told.status, told.text().lines().count(), told.err.as_str()), (0, 2, ""));
    assert_eq!(mailfmt(&["repair", "-ne"], mended.as_bytes()).status, 1);
    assert_eq!(mailfmt(&["repair", "--only", "nothing"], b"").status, 64);
}

#[test]
fn of_a_kind() {
    for (broken, mended) in [
        // Nothing says what separates.
        (
            "Content-Type: multipart/mixed\nMIME-Version: 1.0\n\nx\n-- \nme\n",
            "Content-Type: text/plain\nMIME-Version: 1.0\n\nx\n-- \nme\n",
        ),
        // Neither UTF-8 nor said to be.
        (
            "A: b\n\n\u{fc}\n",
            "A: b\nContent-Transfer-Encoding: 8bit\nContent-Type: text/plain; charset=windows-1252\nMIME-Version: 1.0\n\n\u{fc}\n",
        ),
        (
            "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: none\n\nx\n",
            "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 7bit\nMIME-Version: 1.0\n\nx\n",
        ),
        ("A: b\nX-Y: \u{fc}\n\n", "A: b\nX-Y: =?utf-8?B?w7w=?=\n\n"),
        (
            "From: a@b\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nQUJD\nRA\n",
            "From: a@b\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nQUJDRA==\n",
        ),
    ] {
        let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
        let ran = repaired(&latin(broken));
        assert_eq!(ran.out, latin(mended), "{}", String::from_utf8_lossy(&ran.out));
        assert_ne!(ran.err, "");
    }
}

#[test]
fn what_is_signed_stays() {
    let message = b"Content-Type: multipart/signed; boundary=s\nMIME-Version: 1.0\n\n--s\nSubject : x\n\n\xfc\n--s\n\nsignature\n";
    let ran = repaired(message);
    assert_eq!((ran.status, ran.out.as_slice(), ran.err.as_str()), (0, &message[..], ""));
}

#[test]
fn what_needs_nothing_stays_and_once_is_enough() {
    let corpora = ["/fuzz/corpus/message", "/tests/regressions/message"];
    let files = corpora.iter().flat_map(|at| std::fs::read_dir(format!("{}{at}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    let (mut same, mut changed) = (0, 0);
    for file in files {
        // The first byte says what is looked at.
        let message = std::fs::read(file.unwrap().path()).unwrap().split_off(1);
        let once = mailfmt(&["repair", "--raw", "--one"], &message);
        assert!(matches!(once.status, 0 | 65), "{}", once.err);
        if once.status != 0 {
            continue;
        }
        if once.err.is_empty() {
            assert!(once.out == message, "{}", String::from_utf8_lossy(&message));
            same += 1;
        } else {
            let twice = mailfmt(&["repair", "--raw", "--one"], &once.out);
            assert!(
                twice.out == once.out && twice.err.is_empty(),
                "{}\n{}\n{}",
                String::from_utf8_lossy(&message),
                once.err,
                twice.err
            );
            changed += 1;
        }
    }
    assert!(changed > 5, "{same} {changed}");
    let fine = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mailfmt/dkim/rfc8463.eml")).unwrap();
    let ran = repaired(&fine);
    assert!(ran.out == fine && ran.err.is_empty(), "{}", ran.err);
}

#[test]
fn what_is_told_is_done() {
    // What is joined is encoded; a part that is no message may have fields of one twice.
    let ran = repaired("To: a@b\nTo: Jü <c@d>\n\n".as_bytes());
    assert_eq!(ran.text(), "To: a@b,\n =?UTF-8?B?SsO8?= <c@d>\n\n");
    let message = |twice: &str| {
        let part = "Subject: x\nSubject: y\n\n";
        format!(
            "MIME-Version: 1.0\nSubject: x\n{twice}: y\nContent-Type: multipart/mixed; boundary=b\n\n--b\n{part}--b--\n"
        )
    };
    assert_eq!(repaired(message("Subject").as_bytes()).text(), message("X-Duplicate-Subject"));
    // A parameter that is written anew leaves none of its pieces.
    let typed = |charset: &str| {
        format!("MIME-Version: 1.0\nContent-Type: text/plain; {charset}\nContent-Transfer-Encoding: 8bit\n\nü\n")
    };
    let ran = repaired(typed("charset*=us-ascii''us-ascii; name*0=a").as_bytes());
    assert_eq!(ran.text(), typed("name*0=a; charset=utf-8"));
}
