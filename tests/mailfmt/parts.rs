//! `strip`, `recode`, `dsn`, `auth`.

use super::mailfmt;

const MIXED: &str = "Subject : x\nContent-Type: multipart/mixed; boundary=b\n\npre\n--b\n\ntext \u{1}\n--b\n\
    Content-Type: a/b; name=\"f\u{fc}.bin\"\nContent-Transfer-Encoding: base64\n\nb25l\n--b--\nepilogue";

#[test]
fn strip_leaves_a_note_and_every_other_byte() {
    let ran = mailfmt(&["strip"], MIXED.as_bytes());
    let (before, rest) = MIXED.split_once("Content-Type: a/b").unwrap();
    let after = rest.split_once("b25l").unwrap().1;
    assert_eq!(ran.status, 0, "{}", ran.err);
    let note = ran.text().strip_prefix(before).unwrap().strip_suffix(after).unwrap();
    assert!(note.starts_with("Content-Type: text/plain; charset=utf-8\n") && note.is_ascii() && !note.contains('\r'));
    let text = mailfmt(&["cat", "2"], &ran.out);
    assert!(text.text().starts_with("[removed: \"f\u{fc}.bin\", a/b, 3 bytes, SHA-256 7692c3ad"), "{}", text.text());
    for selection in [&["--name", "none"][..], &["--type", "image/*"]] {
        assert_eq!(mailfmt(&[&["strip"], selection].concat(), MIXED.as_bytes()).out, MIXED.as_bytes());
    }
    let signed = MIXED.replace("multipart/mixed", "multipart/signed");
    assert_eq!(mailfmt(&["strip"], signed.as_bytes()).out, signed.as_bytes());
}

#[test]
fn recode_changes_only_what_it_must() {
    let head = "Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: ";
    let ran = mailfmt(&["recode"], format!("{head}8bit\nX:  y \n\ngr\u{fc}n \nb\n").as_bytes());
    let expect = "Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\nX:  y \n\ngr=C3=BCn=20\nb\n";
    assert_eq!((ran.status, ran.text()), (0, expect));
    let same = MIXED.replace('\u{fc}', "u");
    assert_eq!(mailfmt(&["recode"], same.as_bytes()).out, same.as_bytes());
    assert_eq!(mailfmt(&["recode"], MIXED.as_bytes()).status, 65);
}

#[test]
fn reports_become_json() {
    let dsn = "Subject: x\nContent-Type: multipart/report; boundary=b\n\n--b\n\nhello\n--b\nContent-Type: message/delivery-status\n\n\
        Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; bob@example.org\nAction: Failed\nStatus: 5.1.1 (none)\n\n\
        Final-Recipient: rfc822; amy@example.org\nAction: delayed\nStatus: 4.0.0\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <q@r>\n\n--b--\n";
    let ran = mailfmt(&["dsn"], dsn.as_bytes());
    let rows: Vec<serde_json::Value> = ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((ran.status, rows.len()), (0, 2));
    assert_eq!((&rows[0]["recipient"], &rows[0]["action"]), (&"bob@example.org".into(), &"failed".into()));
    assert_eq!((&rows[1]["status"], &rows[1]["message_id"]), (&"4.0.0".into(), &"<q@r>".into()));
    assert_eq!(mailfmt(&["dsn", "-e"], b"A: b\n\nx").status, 1);

    let message = b"Authentication-Results: mx.example.org;\n dkim=pass header.d=example.com\nAuthentication-Results: other; none\n\n";
    let ran = mailfmt(&["auth", "--server", "MX.example.org"], message);
    let value: serde_json::Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!(value["results"][0]["properties"][0]["value"], "example.com");
    assert_eq!(mailfmt(&["auth"], message).text().lines().count(), 2);
}

#[test]
fn addresses_and_dates_of_fields() {
    let message = "Received: from a by b; Sun, 22 Nov 2026 22:16:00 +0200\nFrom: \"J, Ö\" <j@x>\nTo: g: a@b, C (c) <c@d>;, e@f\n\
        Date: Mon, 23 Nov 2026 01:02:03 GMT\nSubject: =?utf-7?Q?Fr+APY-sche?=\nX: y\n\n";
    let of = |arguments: &[&str]| mailfmt(&[&["head"], arguments].concat(), message.as_bytes());
    assert_eq!(of(&["--addresses", "from", "to"]).text(), "j@x\na@b\nc@d\ne@f\n");
    assert_eq!(
        of(&["--dates", "date", "received", "x"]).text(),
        "2026-11-22T22:16:00+02:00\n2026-11-23T01:02:03+00:00\n"
    );
    assert_eq!(of(&["-e", "--dates", "x"]).status, 1);
    assert_eq!(of(&["--dates", "--addresses"]).status, 64);
    assert_eq!(of(&["subject"]).text(), "Frösche\n");
}
