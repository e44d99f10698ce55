//! sign and verify.

use super::{Ran, mailfmt};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const MESSAGE: &str =
    "Received: by x\nFrom: Jo <jo@example.org>\nTo: a@b\nSubject: one  two\n\tthree\n\nHello  there \n\nlast\n\n\n";

fn file(name: &str) -> String {
    format!("{}/tests/mailfmt/dkim/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A key that only its owner may read: a checkout need not keep that.
fn key(name: &str, dir: &tempfile::TempDir) -> String {
    let path = dir.path().join(name);
    std::fs::copy(file(name), &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn verify(more: &[&str], message: &[u8]) -> Ran {
    mailfmt(&[&["verify", "--keys", &file("keys")], more].concat(), message)
}

/// The results, the topmost signature's first, and the status.
fn results(message: &[u8]) -> (Vec<String>, i32) {
    let ran = verify(&[], message);
    let of = |line: &str| line.split('\t').nth(2).unwrap().to_owned();
    (ran.text().lines().map(of).collect(), ran.status)
}

fn sign(key: &str, selector: &str, more: &[&str], message: &[u8]) -> Ran {
    let fixed = ["sign", "--key-file", key, "--signing-domain", "example.org", "--selector", selector];
    mailfmt(&[&fixed, more].concat(), message)
}

#[test]
fn the_example_of_rfc_8463() {
    let message = std::fs::read(file("rfc8463.eml")).unwrap();
    assert_eq!(results(&message), (vec!["pass".into(), "pass".into()], 0));
    let wire = String::from_utf8(message.clone()).unwrap().replace('\n', "\r\n");
    assert_eq!(results(wire.as_bytes()), (vec!["pass".into(), "pass".into()], 0));
    let ran = verify(&["--json"], &message);
    let first: serde_json::Value = serde_json::from_str(ran.text().lines().next().unwrap()).unwrap();
    assert_eq!((&first["algorithm"], &first["domain"]), (&"ed25519-sha256".into(), &"football.example.com".into()));
    let text = String::from_utf8(message).unwrap();
    for (from, to) in
        [("hungry", "angry"), ("Is dinner", "is dinner"), ("Joe SixPack", "Jim SixPack"), ("\nJoe.", "\n\nJoe.")]
    {
        let (all, status) = results(text.replace(from, to).as_bytes());
        assert_eq!((all, status), (vec!["fail".to_owned(), "fail".into()], 65), "{to}");
    }
    // Relaxed: blanks, folding and the case of names may change.
    let relaxed = text.replace("Subject: Is dinner ready?", "SUBJECT:  Is dinner\n\tready? ").replace("Hi.", "Hi. ");
    assert_eq!(results(format!("{relaxed}\n\n").as_bytes()).1, 0);
    // Date is signed once more than it is there.
    let (all, _) = results(text.replace("From: Joe", "Date: today\nFrom: Joe").as_bytes());
    assert_eq!(all, ["fail", "fail"]);
}

#[test]
fn what_is_signed_verifies_until_it_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    for (name, selector) in [("rsa.pem", "rsa"), ("ed25519.pem", "ed")] {
        let key = key(name, &dir);
        for canon in ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"] {
            let ran = sign(&key, selector, &["--canonicalization", canon], MESSAGE.as_bytes());
            assert_eq!(ran.status, 0, "{}", ran.err);
            // Before it, and nothing else.
            assert!(ran.text().starts_with("DKIM-Signature: v=1;") && ran.text().ends_with(MESSAGE));
            assert!(ran.text().lines().all(|line| line.len() <= 78));
            assert_eq!(results(&ran.out), (vec!["pass".to_owned()], 0), "{canon}");
            let crlf = ran.text().replace('\n', "\r\n");
            assert_eq!(results(crlf.as_bytes()).1, 0, "{canon} in wire form");
            let twice = sign(&key, selector, &[], &ran.out);
            assert_eq!(results(&twice.out).0, ["pass", "pass"]);
            for (change, simple) in [("Hello  there", true), ("one  two", true), ("last", false)] {
                let other = if simple { change.replace("  ", " ") } else { "lost".to_owned() };
                let (all, status) = results(ran.text().replace(change, &other).as_bytes());
                let (header, body) = canon.split_once('/').unwrap();
                let of = if change == "one  two" { header } else { body };
                let passes = simple && of == "relaxed";
                assert_eq!(
                    (all, status),
                    if passes { (vec!["pass".to_owned()], 0) } else { (vec!["fail".to_owned()], 65) },
                    "{canon} {change}"
                );
            }
        }
    }
}

#[test]
fn what_a_signature_says() {
    let dir = tempfile::tempdir().unwrap();
    let ed = key("ed25519.pem", &dir);
    let reason = |message: &[u8]| verify(&[], message).text().trim_end().rsplit('\t').next().unwrap().to_owned();
    let signed = |selector: &str, more: &[&str]| {
        let ran = sign(&ed, selector, more, MESSAGE.as_bytes());
        assert_eq!(ran.status, 0, "{}", ran.err);
        ran.out
    };
    assert_eq!(
        (results(&signed("revoked", &[])).0[0].as_str(), reason(&signed("revoked", &[])).as_str()),
        ("permerror", "the key was revoked")
    );
    assert_eq!(results(&signed("nobody", &[])), (vec!["permerror".to_owned()], 65));
    assert_eq!(results(&signed("rsa", &[])).0, ["permerror"]);
    let json =
        |message: &[u8]| -> serde_json::Value { serde_json::from_str(verify(&["--json"], message).text()).unwrap() };
    assert_eq!(json(&signed("testing", &[]))["testing"], true);
    assert_eq!(json(&signed("ed", &["--identity", "news@mail.example.org"]))["identity"], "news@mail.example.org");
    // Others may append to it, which is told.
    let open = [&signed("ed", &["--body-length"])[..], b"an advertisement\n"].concat();
    assert_eq!((json(&open)["result"].as_str(), json(&open)["unsigned"].as_u64()), (Some("pass"), Some(18 + 4)));
    // The same key, time and message make the same signature; an old one has expired.
    let old = |seconds: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailfmt"));
        command.args([
            "sign",
            "--key-file",
            &ed,
            "--signing-domain",
            "example.org",
            "--selector",
            "ed",
            "--expires",
            "1h",
        ]);
        command.env("SOURCE_DATE_EPOCH", seconds).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), MESSAGE.as_bytes()).unwrap();
        child.wait_with_output().unwrap().stdout
    };
    assert_eq!(old("1700000000"), old("1700000000"));
    assert_eq!(
        (results(&old("1700000000")), reason(&old("1700000000")).as_str()),
        ((vec!["fail".to_owned()], 65), "it has expired")
    );
    assert_eq!(results(MESSAGE.as_bytes()), (vec!["none".to_owned()], 65));
    // Garbage is neutral, not the end.
    for value in [
        "",
        "v=1",
        "v=1; a=rsa-sha256; b=!!; bh=x; d=x; s=y; h=from",
        "v=2; a=rsa-sha256",
        "a=b; a=c",
        ";;;=",
        "v=1; a=rsa-sha1; d=x; s=y; h=from; bh=; b=",
    ] {
        let message = format!("DKIM-Signature: {value}\n{MESSAGE}");
        assert_eq!(results(message.as_bytes()).1, 65, "{value}");
    }
    let many = "DKIM-Signature: v=1\n".repeat(500) + MESSAGE;
    assert_eq!(verify(&[], many.as_bytes()).text().lines().count(), 21);
}

#[test]
fn what_can_t_be_signed() {
    let dir = tempfile::tempdir().unwrap();
    let ed = key("ed25519.pem", &dir);
    for (more, message, status) in [
        (&["--identity", "jo@example.net"][..], MESSAGE, 64),
        (&["--signed-fields", "to"], MESSAGE, 64),
        (&["--signed-fields", "from:a b"], MESSAGE, 64),
        (&["--canonicalization", "strict"], MESSAGE, 64),
        (&[], "To: a@b\n\nno From\n", 65),
        (&[], " x\nFrom: a@b\n\n", 65),
        (&[], "From: a@b\n\na\rb\n", 65),
    ] {
        let ran = sign(&ed, "ed", more, message.as_bytes());
        assert_eq!((ran.status, ran.out.len()), (status, 0), "{more:?} {}", ran.err);
    }
    assert_eq!(sign(&ed, "e d", &[], MESSAGE.as_bytes()).status, 64);
    // A key that others may read, and what is none.
    std::fs::set_permissions(&ed, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(sign(&ed, "ed", &[], MESSAGE.as_bytes()).status, 78);
    let wrong: PathBuf = dir.path().join("wrong");
    std::fs::write(&wrong, "nothing").unwrap();
    std::fs::set_permissions(&wrong, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(sign(wrong.to_str().unwrap(), "ed", &[], MESSAGE.as_bytes()).status, 78);
    std::fs::write(&wrong, "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n").unwrap();
    assert_eq!(sign(wrong.to_str().unwrap(), "ed", &[], MESSAGE.as_bytes()).status, 0);
}
