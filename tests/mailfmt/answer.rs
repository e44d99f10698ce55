//! Answers, messages sent on, drafts.

use super::{Ran, mailfmt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

const MAIL: &str = "Return-Path: <list-bounces@l>\nFrom: =?iso-8859-1?q?J=FCrgen?= <j@x.org>\nTo: me@y.org, \"Last, F.\" <f@z.org>\nCc: list@l.org, J@X.org\n\
    Date: Sun, 22 Nov 2026 22:16:00 +0100\nSubject: =?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe?=\nMessage-ID: <c@x>\nReferences: <a@x>\n <b@x>\n\
    List-Post: <mailto:list@l.org>\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nGr";

fn mail() -> Vec<u8> {
    [MAIL.as_bytes(), b"\xfc\xdfe\n\n> older\n"].concat()
}

const FIXED: [&str; 4] = ["--date", "Sun, 22 Nov 2026 22:16:00 +0000", "--seed", "s"];

fn answer(verb: &[&str], input: &[u8]) -> Ran {
    mailfmt(&[verb, &["--me", "Me <me@y.org>"], &FIXED].concat(), input)
}

fn heads(message: &[u8], fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| mailfmt(&["head", field], message).text().trim_end().to_owned()).collect()
}

#[test]
fn a_reply_names_quotes_and_refers() {
    let made = answer(&["reply"], &mail());
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    assert_eq!(made.out, answer(&["reply"], &mail()).out, "a seed and a date decide everything");
    assert_ne!(made.out, answer(&["reply", "--no-quote"], &mail()).out);
    let fields = ["from", "to", "cc", "subject", "in-reply-to", "references"];
    let want = ["me@y.org", "Jürgen <j@x.org>", "", "Re: Grüße", "<c@x>", "<a@x> <b@x> <c@x>"];
    let got = heads(&made.out, &fields);
    let bare: Vec<String> = got.iter().map(|value| value.replace('"', "")).collect();
    assert_eq!(
        bare.iter().map(|v| v.trim_matches(['<', '>'])).collect::<Vec<_>>(),
        want.map(|v| v.trim_matches(['<', '>']))
    );
    let text = mailfmt(&["text"], &made.out);
    let from = "On Sun, 22 Nov 2026 22:16:00 +0100, Jürgen <j@x.org> wrote:";
    assert_eq!(text.text().replace('"', ""), format!("{from}\n> Grüße\n>\n>> older\n"));

    let all = answer(&["reply-all", "--no-quote"], &mail());
    assert_eq!(heads(&all.out, &["cc"])[0].replace(['<', '>', '"'], ""), "Last, F. f@z.org, list@l.org");
    let list = answer(&["reply", "--to-list", "--no-quote"], &mail());
    assert_eq!(heads(&list.out, &["to"])[0].replace(['<', '>'], ""), "list@l.org");
    assert_eq!(answer(&["reply", "--to-list"], b"From: a@b\n\nx\n").status, 65);
    assert_eq!(answer(&["reply"], b"Subject: x\n\nx\n").status, 65);
    assert_eq!(answer(&["reply", "--template"], &mail()).status, 64);
    assert_eq!(answer(&["reply", "--text", "-"], &mail()).status, 64);
    assert_eq!(answer(&["reply"], b"").status, 65);
}

#[test]
fn the_new_text_stands_where_it_shall() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mail");
    std::fs::write(&file, "From: a@b\nDate: 1 Jan 2026 00:00 +0000\n\nold\n").unwrap();
    let with = |more: &[&str], text: &[u8]| {
        let arguments = [&["reply", file.to_str().unwrap(), "--text", "-", "--attribution", "{name}:"], more].concat();
        let made = answer(&arguments, text);
        assert_eq!((made.status, made.err.as_str()), (0, ""));
        mailfmt(&["text"], &made.out).text().to_owned()
    };
    assert_eq!(with(&[], b"new"), "a@b:\n> old\n\nnew\n");
    assert_eq!(with(&["--above"], b"new\n"), "new\n\na@b:\n> old\n");
    assert_eq!(with(&["--charset", "latin1"], b"n\xe9\n"), "a@b:\n> old\n\né\n".replace('é', "né"));
    let wrong = answer(&["reply", file.to_str().unwrap(), "--text", "-"], b"\xe9\n");
    assert_eq!((wrong.status, wrong.out.len()), (65, 0));
}

#[test]
fn hostile_fields_stay_in_their_places() {
    let long: String = (0..2000).map(|n| format!(" <{n}.{}@x>\n", "r".repeat(60))).collect();
    let mail = format!(
        "From: =?utf-8?q?a=0D=0ABcc=3A_evil=40x?= <a@b>\nSubject: =?utf-8?q?x=0D=0ABcc=3A_y=40z?= {}\nMessage-ID: <c@x>\nReferences:{long}\n\n\x1b[31m\n.\nFrom x\n",
        "w".repeat(3000)
    );
    let made = answer(&["reply"], mail.as_bytes());
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    assert_eq!(heads(&made.out, &["bcc"]), [""]);
    assert!(made.out.split(|b| *b == b'\n').all(|line| line.len() <= 998));
    let references = heads(&made.out, &["references"])[0].clone();
    assert!(references.starts_with("<0.r") && references.ends_with(" <c@x>"), "{references}");
    assert_eq!(references.split(' ').count(), 50);
}

#[test]
fn forwarding_keeps_text_and_files() {
    let blob: Vec<u8> = (0..5000u32).map(|n| (n * 31 % 257) as u8).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a b;:c.bin");
    std::fs::write(&file, &blob).unwrap();
    let attach = file.to_str().unwrap();
    let original = mailfmt(
        &[&["new", "--from", "a@b", "--to", "c@d", "-s", "Grüße", "--attach", attach], &FIXED[..]].concat(),
        b"text\n",
    );
    let made = answer(&["forward", "--to", "x@y"], &original.out);
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    assert_eq!(heads(&made.out, &["subject", "to", "in-reply-to"]), ["Fwd: Grüße", "<x@y>", ""]);
    assert_eq!(mailfmt(&["cat", "2"], &made.out).out, blob);
    let tree = mailfmt(&["tree"], &made.out);
    assert!(tree.text().contains("\ta b;:c.bin\t"), "{}", tree.text());
    let text = mailfmt(&["text"], &made.out);
    assert!(
        text.text().starts_with("---------- Forwarded message ----------\nFrom: <a@b>\nTo: <c@d>\n"),
        "{}",
        text.text()
    );

    let whole = answer(&["forward", "--to", "x@y", "--as-message"], &original.out);
    assert_eq!((whole.status, whole.err.as_str()), (0, ""));
    assert!(mailfmt(&["tree"], &whole.out).text().contains("message/rfc822"));
    // Not even a line end of it is another one.
    let inner = String::from_utf8(whole.out).unwrap();
    assert!(inner.contains(std::str::from_utf8(&original.out).unwrap().trim_end()), "{inner}");
    // 8 bits may not travel in a message that is attached: it is recoded.
    let recoded = answer(&["forward", "--to", "x@y", "--as-message"], &mail());
    assert_eq!((recoded.status, recoded.err.as_str()), (0, ""));
    assert!(recoded.out.is_ascii());
    assert!(mailfmt(&["show"], &recoded.out).text().contains("\nGrüße\n"));
}

#[test]
fn bounced_messages_keep_every_byte() {
    let arguments = ["bounce", "--from", "Me <me@y.org>", "--to", "Jü <a@b>, c@d", "--bcc", "e@f"];
    let made = mailfmt(&[&arguments[..], &FIXED].concat(), &mail());
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    let (head, rest) = made.out.split_at(made.out.len() - mail().len());
    assert_eq!(rest, mail());
    let names: Vec<&str> =
        std::str::from_utf8(head).unwrap().lines().filter_map(|l| l.split_once(':')).map(|(n, _)| n).collect();
    assert_eq!(names, ["Resent-From", "Resent-Date", "Resent-To", "Resent-Bcc", "Resent-Message-ID"]);
    assert_eq!(heads(&made.out, &["resent-to"]), ["Jü <a@b>, c@d"]);
    assert_eq!(mailfmt(&["bounce", "--from", "a@b"], &mail()).status, 64);
    assert_eq!(mailfmt(&["bounce", "--to", "a@b\r\nBcc: x@y"], &mail()).status, 64);
    assert_eq!(mailfmt(&["bounce", "--to", "a@b"], b"\n").status, 65);
}

/// Runs with an editor, which is a script.
fn edited(dir: &Path, script: &str, arguments: &[&str], input: &[u8]) -> Ran {
    let editor = dir.join("editor");
    std::fs::write(&editor, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = dir.join("input");
    std::fs::write(&file, input).unwrap();
    // Without a terminal, wherever the test itself runs.
    let done = Command::new("setsid")
        .arg(env!("CARGO_BIN_EXE_mailfmt"))
        .args(arguments)
        .args(FIXED)
        .env_remove("VISUAL")
        .env("EDITOR", editor)
        .env("TMPDIR", dir)
        .stdin(std::fs::File::open(file).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    Ran { status: done.status.code().unwrap_or(-1), out: done.stdout, err: String::from_utf8(done.stderr).unwrap() }
}

#[test]
fn a_person_edits_the_draft() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let reply = ["reply", "--me", "me@y.org", "--edit"];
    let change = r#"cp "$1" draft; sed -e 's/^Subject: .*/Subject: Über/' -e 's/^To: .*/&, Zoë <z@z>/' -e '$a new' draft > "$1""#;
    let made = edited(dir, &format!("cd {}; {change}", dir.display()), &reply, &mail());
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    let draft = std::fs::read_to_string(dir.join("draft")).unwrap();
    assert!(draft.starts_with("From: me@y.org\nTo: Jürgen <j@x.org>\nSubject: Re: Grüße\n\nOn Sun"), "{draft}");
    assert_eq!(heads(&made.out, &["subject", "references"]), ["Über", "<a@x> <b@x> <c@x>"]);
    assert!(heads(&made.out, &["to"])[0].contains("Zoë"));
    assert!(mailfmt(&["text"], &made.out).text().ends_with(">> older\nnew\n"));
    assert!(made.out.is_ascii());

    for (script, status) in
        [("true", 65), (": > \"$1\"", 65), ("exit 3", 65), ("exit 127", 78), ("printf 'no field\\n\\nx' > \"$1\"", 65)]
    {
        let not = edited(dir, script, &reply, &mail());
        assert_eq!((not.status, not.out.len()), (status, 0), "{script}: {}", not.err);
    }
    // What could not be read is kept, what was not changed is not.
    let drafts = || {
        std::fs::read_dir(dir)
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with("draft-"))
            .count()
    };
    assert_eq!(drafts(), 1);
    let new = edited(
        dir,
        "echo more >> \"$1\"",
        &["new", "--from", "a@b", "-s", "x", "--to", "Zoë <z@z>", "--edit"],
        b"text\n",
    );
    assert_eq!((new.status, new.err.as_str()), (0, ""));
    assert_eq!(mailfmt(&["text"], &new.out).text(), "text\nmore\n");
    assert_eq!(drafts(), 1);
}

#[test]
fn a_listing_by_a_template() {
    let listed = mailfmt(&["list", "--format", r"{number}:\t{date} {name} <{message-id}> {X-No}{size}"], &mail());
    let want = format!("1:\t2026-11-22T22:16:00+01:00 Jürgen <<c@x>> {}\n", mail().len());
    assert_eq!((listed.status, listed.text()), (0, want.as_str()));
    assert_eq!(mailfmt(&["list", "--format", "{"], &mail()).status, 64);
}
