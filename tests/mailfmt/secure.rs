//! OpenPGP and S/MIME, by gpg and openssl.

use super::Ran;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A home with keys: of alice for OpenPGP, and a certificate.
struct Keys(tempfile::TempDir);

impl Keys {
    /// None where there is no gpg or openssl, which CI has.
    fn new() -> Option<Keys> {
        let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !has("gpg") || !has("openssl") {
            assert!(std::env::var_os("CI").is_none(), "gpg and openssl are not installed");
            eprintln!("skipped: no gpg or openssl");
            return None;
        }
        // A socket's path has to be short.
        let keys = Keys(tempfile::Builder::new().prefix("g").tempdir_in("/tmp").unwrap());
        let make = [
            "--batch",
            "--passphrase",
            "",
            "--quick-gen-key",
            "Alice <alice@example.org>",
            "ed25519",
            "default",
            "never",
        ];
        keys.program("gpg", &make);
        // That one encrypts with a key of its own.
        let listed = keys.program("gpg", &["--batch", "--with-colons", "--list-keys", "alice@example.org"]);
        let print = String::from_utf8(listed).unwrap();
        let print = print.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
        if !String::from_utf8(keys.program("gpg", &["--batch", "--with-colons", "--list-keys"]))
            .unwrap()
            .contains("sub:")
        {
            keys.program(
                "gpg",
                &["--batch", "--passphrase", "", "--quick-add-key", &print, "cv25519", "encr", "never"],
            );
        }
        let request = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=alice -addext extendedKeyUsage=emailProtection";
        keys.program("openssl", &request.split(' ').collect::<Vec<_>>());
        Some(keys)
    }

    fn at(&self) -> &Path {
        self.0.path()
    }

    fn program(&self, name: &str, arguments: &[&str]) -> Vec<u8> {
        let done =
            Command::new(name).args(arguments).env("GNUPGHOME", self.at()).current_dir(self.at()).output().unwrap();
        assert!(done.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    }

    fn mailfmt(&self, arguments: &[&str], input: &[u8]) -> Ran {
        self.with(arguments, input, &std::env::var("PATH").unwrap())
    }

    fn with(&self, arguments: &[&str], input: &[u8], path: &str) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mailfmt"))
            .args(arguments)
            .env("GNUPGHOME", self.at())
            .env("PATH", path)
            .current_dir(self.at())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let done = child.wait_with_output().unwrap();
        Ran { status: done.status.code().unwrap_or(-1), out: done.stdout, err: String::from_utf8(done.stderr).unwrap() }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", self.0.path()).output();
    }
}

const MESSAGE: &str = "Received: by x\nFrom: alice@example.org\nSubject: Gr=?utf-8?Q?=C3=BC?=\nContent-Type: text/plain; charset=utf-8\n\
    MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\nDate: Sun, 22 Nov 2026 22:16:00 +0000\n\nGrüße \nFrom here\n";

#[test]
fn signed_and_verified() {
    let Some(keys) = Keys::new() else { return };
    let smime = ["sign", "--raw", "--smime", "--cert", "cert.pem", "--smime-key", "key.pem"];
    for (by, sign, verify) in [
        (
            "pgp",
            &["sign", "--raw", "--pgp", "--signer", "alice@example.org"][..],
            &["verify", "--secure", "--json"][..],
        ),
        ("smime", &smime, &["verify", "--secure", "--json", "--smime-ca", "cert.pem"]),
    ] {
        for text in [
            MESSAGE.to_owned(),
            MESSAGE.replace('\n', "\r\n"),
            "From: x@y\n\nplain\n".to_owned(),
            "From: x@y\n\nplain \nFrom z\n".to_owned(),
            "From: x@y\nMIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\nplain=\n \nFrom z\n"
                .to_owned(),
        ] {
            let signed = keys.mailfmt(sign, text.as_bytes());
            assert_eq!((signed.status, signed.err.as_str()), (0, ""));
            // Other fields are where they were.
            let fields: String = text
                .split_inclusive('\n')
                .take_while(|line| line.trim() != "")
                .filter(|line| !line.starts_with("Content-"))
                .collect();
            assert!(signed.text().starts_with(&fields), "{}", signed.text());
            // Nothing that is changed on the way: RFC 3156 5.
            let content = signed.text().split("\n--=_").nth(1).unwrap();
            assert!(!content.contains("\nFrom ") && !content.replace('\r', "").contains(" \n"), "{content}");
            assert!(signed.out.is_ascii() && signed.text().contains("multipart/signed; micalg="));
            let ends = |text: &str| (text.matches("\r\n").count(), text.matches('\n').count());
            let (crlf, lf) = ends(signed.text());
            assert!(crlf == if text.contains('\r') { lf } else { 0 }, "{}", signed.text());
            assert_eq!(
                keys.mailfmt(&["lint", "--lenient", "-q"], &signed.out).text().matches("missing-field").count(),
                usize::from(!text.contains("Date:"))
            );
            let verified = keys.mailfmt(verify, &signed.out);
            assert_eq!(verified.status, 0, "{} {}", verified.text(), signed.text());
            assert!(verified.text().contains(&format!("\"method\":\"{by}\"")), "{}", verified.text());
            // In other line ends too; not with one letter less.
            let wire = signed.text().replace("\r\n", "\n").replace('\n', "\r\n");
            assert_eq!(keys.mailfmt(verify, wire.as_bytes()).status, 0);
            let body = if text.contains("plain") { "plain" } else { "here" };
            let changed = keys.mailfmt(verify, signed.text().replacen(body, "hero", 1).as_bytes());
            assert_eq!(changed.status, 65);
            assert!(changed.text().contains("\"result\":\"fail\""), "{}", changed.text());
        }
        let none = keys.mailfmt(verify, MESSAGE.as_bytes());
        assert_eq!((none.status, none.text().contains("\"result\":\"none\"")), (65, true));
    }
    // Who is not known can't be told; what is not there can't be run.
    let signed = keys.mailfmt(&["sign", "--raw", "--pgp"], MESSAGE.as_bytes());
    let nobody = tempfile::Builder::new().prefix("g").tempdir_in("/tmp").unwrap();
    std::fs::rename(keys.at().join("pubring.kbx"), nobody.path().join("pubring.kbx")).unwrap();
    let unknown = keys.mailfmt(&["verify", "--secure"], &signed.out);
    assert_eq!((unknown.status, unknown.text().contains("no public key")), (65, true), "{}", unknown.text());
    let gone = keys.with(&["sign", "--pgp"], MESSAGE.as_bytes(), "/nowhere");
    assert_eq!((gone.status, gone.err.contains("gpg: No such file")), (69, true), "{}", gone.err);
    assert_eq!(keys.mailfmt(&["sign"], b"").status, 64);
    assert_eq!(keys.mailfmt(&["sign", "--pgp", "--signer", "nobody@x"], MESSAGE.as_bytes()).status, 65);
}

#[test]
fn as_the_programs_themselves_do_it() {
    let Some(keys) = Keys::new() else { return };
    let entity = "Content-Type: text/plain\r\n\r\nby hand\r\n";
    std::fs::write(keys.at().join("entity"), entity).unwrap();
    keys.program("gpg", &["--batch", "--armor", "--detach-sign", "entity"]);
    let signature = std::fs::read_to_string(keys.at().join("entity.asc")).unwrap();
    let message = format!(
        "Content-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\r\n\r\n--b\r\n{entity}\r\n--b\r\n\
         Content-Type: application/pgp-signature\r\n\r\n{signature}\r\n--b--\r\n"
    );
    assert_eq!(keys.mailfmt(&["verify", "--secure"], message.as_bytes()).status, 0);
    // openssl makes and reads whole messages.
    let message =
        keys.program("openssl", &["cms", "-sign", "-in", "entity", "-signer", "cert.pem", "-inkey", "key.pem"]);
    assert_eq!(keys.mailfmt(&["verify", "--secure", "--smime-ca", "cert.pem"], &message).status, 0);
    assert_eq!(keys.mailfmt(&["verify", "--secure"], &message).status, 65);
    let ours =
        keys.mailfmt(&["sign", "--raw", "--smime", "--cert", "cert.pem", "--smime-key", "key.pem"], entity.as_bytes());
    std::fs::write(keys.at().join("ours"), &ours.out).unwrap();
    keys.program("openssl", &["cms", "-verify", "-in", "ours", "-CAfile", "cert.pem"]);
    let message = keys.program("openssl", &["cms", "-encrypt", "-in", "entity", "-aes256", "cert.pem"]);
    let opened = keys.mailfmt(&["decrypt", "--raw", "--smime-key", "key.pem"], &message);
    assert!(opened.text().replace('\r', "").ends_with("\nby hand\n"), "{} {}", opened.text(), opened.err);
}

#[test]
fn encrypted_and_decrypted() {
    let Some(keys) = Keys::new() else { return };
    let large: String = (0..20_000).map(|n| format!("line {n} é\n")).collect();
    for (encrypt, decrypt) in [
        (&["encrypt", "--raw", "--pgp", "--recipient", "alice@example.org"][..], &["decrypt", "--raw"][..]),
        (&["encrypt", "--raw", "--pgp", "--recipient", "alice@example.org", "--sign"], &["decrypt", "--raw"]),
        (
            &["encrypt", "--raw", "--smime", "--recipient-cert", "cert.pem"],
            &["decrypt", "--raw", "--smime-key", "key.pem", "--cert", "cert.pem"],
        ),
    ] {
        for text in [MESSAGE.to_owned(), MESSAGE.replace('\n', "\r\n"), format!("{MESSAGE}{large}")] {
            let encrypted = keys.mailfmt(encrypt, text.as_bytes());
            assert_eq!((encrypted.status, encrypted.err.as_str()), (0, ""));
            assert!(encrypted.out.is_ascii() && !encrypted.text().contains("here"));
            assert_eq!(keys.mailfmt(&["lint", "--lenient", "-q"], &encrypted.out).text(), "");
            let decrypted = keys.mailfmt(decrypt, &encrypted.out);
            assert_eq!((decrypted.status, decrypted.err.as_str()), (0, ""));
            // The fields of the content come behind the others, everything else is as it was.
            let end = if text.contains('\r') { "\r\n" } else { "\n" };
            let (head, body) = text.split_once(&format!("{end}{end}")).unwrap();
            let (own, around): (Vec<&str>, Vec<&str>) = head.split(end).partition(|line| line.starts_with("Content-"));
            let expect = format!("{}{end}{end}{body}", [around, own].concat().join(end));
            assert!(decrypted.text() == expect, "{}", decrypted.text());
        }
    }
    let plain = keys.mailfmt(&["decrypt"], MESSAGE.as_bytes());
    assert_eq!((plain.status, plain.text(), plain.err.contains("not encrypted")), (65, "", true));
    assert_eq!(keys.mailfmt(&["encrypt", "--pgp"], MESSAGE.as_bytes()).status, 64);
    let unknown = keys.mailfmt(&["encrypt", "--pgp", "--recipient", "nobody@example.org"], MESSAGE.as_bytes());
    assert_eq!((unknown.status, unknown.text()), (65, ""));
    // A key for somebody else opens nothing; damage neither.
    let encrypted = keys.mailfmt(&["encrypt", "--raw", "--smime", "--recipient-cert", "cert.pem"], MESSAGE.as_bytes());
    assert_eq!(keys.mailfmt(&["decrypt"], &encrypted.out).status, 64);
    let cut = encrypted.text().len() / 2;
    assert_eq!(keys.mailfmt(&["decrypt", "--smime-key", "key.pem"], &encrypted.out[..cut]).status, 65);
}

#[test]
fn signed_in_one_piece() {
    let Some(keys) = Keys::new() else { return };
    std::fs::write(keys.at().join("content"), "Content-Type: text/plain\r\n\r\nhello\r\n").unwrap();
    let sign = "cms -sign -nodetach -binary -in content -signer cert.pem -inkey key.pem -outform SMIME -from a@example.org -subject x";
    let signed = keys.program("openssl", &sign.split(' ').collect::<Vec<_>>());
    let text = String::from_utf8(signed.clone()).unwrap();
    assert!(text.contains("smime-type=signed-data"), "{text}");
    let good = keys.mailfmt(&["verify", "--secure", "--smime-ca", "cert.pem"], &signed);
    assert_eq!((good.status, good.text()), (0, "1\tsmime\tpass\t\t\t\t\n"));
    // Anybody could have signed it.
    assert_eq!(keys.mailfmt(&["verify", "--secure"], &signed).status, 65);
    let opened = keys.mailfmt(&["decrypt", "--raw"], &signed);
    assert_eq!(opened.status, 0, "{}", opened.err);
    assert!(
        opened.text().contains("Subject: x\n") && opened.text().ends_with("Content-Type: text/plain\n\nhello\n"),
        "{}",
        opened.text()
    );
    let at = text.find("\n\nMI").unwrap() + 40;
    let mut changed = signed;
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    assert_eq!(keys.mailfmt(&["verify", "--secure", "--smime-ca", "cert.pem"], &changed).status, 65);
}
