use super::*;
use crate::body::Body;
use crate::error::Exit;
use crate::message::decode::decoded;
use crate::text::{LoneCr, ToWire};
use proptest::prelude::*;

const ALL: Wanted = Wanted { seven_bit: true, short_lines: true, label: true, stable: false };
const BITS: Wanted = Wanted { seven_bit: true, short_lines: false, label: false, stable: false };

fn recoded(message: &str, wanted: Wanted) -> Result<String> {
    let mut out = Vec::new();
    recode(&mut message.as_bytes(), wanted, &mut |bytes| {
        out.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn text_becomes_quoted_printable_and_the_rest_stays() {
    let message = "subject:  a\nMIME-Version: 1.0\nContent-Type: text/plain;\n charset=utf-8\n\
        content-transfer-ENCODING: 8bit\nX-Y: z\n\ngr\u{fc}n\n";
    let expect = "subject:  a\nMIME-Version: 1.0\nContent-Type: text/plain;\n charset=utf-8\n\
        Content-Transfer-Encoding: quoted-printable\nX-Y: z\n\ngr=C3=BCn\r\n";
    assert_eq!(recoded(message, BITS).unwrap(), expect);
    let ascii = message.replace('\u{fc}', "u");
    assert_eq!(recoded(&ascii, ALL).unwrap(), ascii);
}

#[test]
fn parts_of_parts() {
    let message = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\nContent-Transfer-Encoding: 8bit\n\npreamble\n--a\n\
        Content-Type: text/plain; charset=utf-8\n\n\u{fc}\n--a\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n\
        Subject: inner\nMIME-Version: 1.0\nContent-Type: application/x\n\n\u{e4}\n--a\nContent-Type: text/plain\n\nplain\n--a--\nend\n";
    let expect = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\nContent-Transfer-Encoding: 7bit\n\npreamble\n--a\n\
        Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=C3=BC\n--a\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\n\
        Subject: inner\nMIME-Version: 1.0\nContent-Type: application/x\nContent-Transfer-Encoding: base64\n\nw6Q=\n--a\nContent-Type: text/plain\n\nplain\n--a--\nend\n";
    assert_eq!(recoded(message, BITS).unwrap(), expect);
}

#[test]
fn what_would_be_lost_is_refused() {
    let mime = "MIME-Version: 1.0\nContent-Type: text/plain\n";
    for (message, why) in [
        ("Subject: \u{fc}\nMIME-Version: 1.0\n\nx\n".to_owned(), "the field Subject has 8-bit bytes"),
        ("Subject: x\n\n\u{fc}\n".to_owned(), "not MIME"),
        (format!("{mime}Content-Transfer-Encoding: base64\n\n\u{fc}\n"), "not in the encoding that it names, base64"),
        (format!("{mime}Content-Transfer-Encoding: x-uu\n\n\u{fc}\n"), "x-uu"),
        ("MIME-Version: 1.0\nContent-Type: multipart/mixed\n\n\u{fc}\n".to_owned(), "multipart/mixed"),
        ("MIME-Version: 1.0\nContent-Type: message/partial\n\n\u{fc}\n".to_owned(), "message/partial"),
        ("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n\u{fc}\n--a\n\nx\n--a--\n".to_owned(), "around"),
        (
            "MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=a\n\n--a\nContent-Type: text/plain\n\n\u{fc}\n--a\n\nsig\n--a--\n".to_owned(),
            "signed or encrypted",
        ),
        (
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n--a\nContent-Disposition: x; filename=\u{fc}\n\nx\n--a--\n".to_owned(),
            "Content-Disposition",
        ),
    ] {
        let e = recoded(&message, BITS).unwrap_err();
        assert_eq!(e.exit(), Exit::Data, "{message}");
        assert!(e.to_string().contains(why), "{message}: {e}");
    }
}

#[test]
fn long_lines_and_messages_that_are_not_mime() {
    let long = "x".repeat(2000);
    let out = recoded(&format!("Subject: a\n\n{long}\n"), ALL).unwrap();
    assert!(out.starts_with("Subject: a\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\nxxx"));
    assert!(out.lines().all(|line| line.len() <= 76 || line.starts_with("Content-")));
    assert!(recoded("Subject: a\n\n\u{fc}\n", ALL).unwrap().contains("charset=utf-8\n\n=C3=BC\r\n"));
    for (name, line) in [("base64", "QUFB".repeat(500)), ("quoted-printable", "=41b".repeat(500))] {
        let message =
            format!("MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: {name}\n\n{line}\n");
        let out = recoded(&message, ALL).unwrap();
        assert!(out.lines().all(|line| line.len() <= 76), "{out}");
        assert_eq!(contents(out.as_bytes()), contents(message.as_bytes()), "{name}");
    }
    assert!(recoded(&format!("Subject: {long}\nMIME-Version: 1.0\n\nx\n"), ALL).is_err());
}

/// What all leaves hold, line ends made one.
fn contents(message: &[u8]) -> Vec<Vec<u8>> {
    fn leaves<'p>(part: &'p Part, all: &mut Vec<&'p Part>) {
        if part.parts.is_empty() {
            all.push(part);
        }
        part.parts.iter().for_each(|part| leaves(part, all));
    }
    let tree = walk(&mut &message[..]).unwrap();
    let mut all = Vec::new();
    leaves(&tree, &mut all);
    let of = |part: &&Part| {
        let at = usize::try_from(part.body_at.start).unwrap()..usize::try_from(part.body_at.end).unwrap();
        let bytes = decoded(&message[at], &part.encoding).whole(1 << 20).unwrap().unwrap();
        let mut lines = Vec::new();
        let mut to = ToWire::plain(LoneCr::Keep);
        to.push(&bytes, &mut lines);
        to.finish(&mut lines);
        lines
    };
    all.iter().map(of).collect()
}

fn leaf() -> impl Strategy<Value = String> {
    let kinds = prop_oneof![Just("text/plain; charset=utf-8"), Just("application/octet-stream"), Just("text/html")];
    let names =
        prop_oneof![Just(""), Just("Content-Transfer-Encoding: 8bit\n"), Just("content-transfer-encoding:binary\n")];
    let long = prop_oneof![9 => Just(0usize), 1 => Just(1200usize)];
    (kinds, names, "([a-z=. \u{fc}\u{4f8b}]{0,30}\n){0,4}[a-z\u{e4} ]{0,9}", long)
        .prop_map(|(kind, name, text, long)| format!("Content-Type: {kind}\n{name}\n{text}{}", "y".repeat(long)))
}

fn entity() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        let many = (proptest::collection::vec(inner.clone(), 1..4), "[a-z]{12}").prop_map(|(parts, boundary)| {
            let parts: String = parts.iter().map(|part| format!("--{boundary}\n{part}\n")).collect();
            format!("Content-Type: multipart/mixed; boundary={boundary}\nContent-Transfer-Encoding: 8bit\n\n{parts}--{boundary}--\n")
        });
        let message = inner.prop_map(|part| format!("Content-Type: message/rfc822\n\nMIME-Version: 1.0\n{part}"));
        prop_oneof![3 => many, 1 => message]
    })
}

proptest! {
    #[test]
    fn what_the_parts_hold_stays(entity in entity(), crlf in any::<bool>()) {
        let message = format!("Subject: x\nMIME-Version: 1.0\n{entity}");
        let message = if crlf { message.replace('\n', "\r\n") } else { message };
        let out = recoded(&message, ALL).unwrap();
        prop_assert!(out.is_ascii());
        prop_assert!(out.lines().all(|line| line.len() <= 998));
        prop_assert_eq!(contents(out.as_bytes()), contents(message.as_bytes()));
        // Once is enough.
        prop_assert_eq!(&recoded(&out, ALL).unwrap(), &out);
    }
}
