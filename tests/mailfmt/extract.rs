//! `extract`: every byte and name right, nothing outside the directory, nothing overwritten.

use super::mailfmt;
use std::collections::BTreeMap;
use std::path::Path;

const MESSAGE: &str = "From: a@b\nDate: Sun, 22 Nov 2026 22:16:00 +0000\nContent-Type: multipart/mixed; boundary=b\n\n\
    --b\n\ntext\n\
    --b\nContent-Type: image/png; name=\"../../evil.png\"\nContent-ID: <pic@x>\nContent-Transfer-Encoding: base64\n\niVBORw==\n\
    --b\nContent-Type: application/x; name*=utf-8''gr%C3%B6%C3%9Fe.bin\nContent-Disposition: attachment\n\none\n\
    --b\nContent-Type: application/x\nContent-Disposition: attachment; filename=\"gr=?utf-8?Q?=C3=B6=C3=9F?=e.bin\"\n\ntwo\n\
    --b\nContent-Type: message/rfc822\n\nSubject: inner\nContent-Type: application/pdf; name=-in.pdf\n\npdf\n\
    --b\nContent-Type: text/plain; charset=iso-8859-1; name=.latin.txt\nContent-Transfer-Encoding: quoted-printable\n\ngr=FC=DF\n\
    --b--\n";

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split('\t').collect()).collect()
}

#[test]
fn files_have_the_bytes_and_safe_names() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("deep/out");
    let to = out.to_str().unwrap();
    let ran = mailfmt(&["extract", "-d", to], MESSAGE.as_bytes());
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let expect: BTreeMap<String, Vec<u8>> = [
        ("evil.png", &b"\x89PNG"[..]),
        ("größe.bin", b"one"),
        ("größe-1.bin", b"two"),
        ("part-5.eml", b"Subject: inner\nContent-Type: application/pdf; name=-in.pdf\n\npdf"),
        ("_latin.txt", b"gr\xfc\xdf"),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
    .into();
    assert_eq!(files(&out), expect);
    assert_eq!(std::fs::read_dir(dir.path().join("deep")).unwrap().count(), 1);
    let manifest = rows(ran.text());
    assert_eq!(manifest[0][1..4], ["2", "image/png", "4"]);
    assert_eq!(manifest[0][5..], ["0", "evil.png", "../../evil.png"]);
    assert_eq!(manifest[1][4], "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
    assert_eq!(manifest[2][6..], ["größe-1.bin", "größe.bin"]);

    // Again: nothing is overwritten.
    assert_eq!(mailfmt(&["extract", "-qd", to], MESSAGE.as_bytes()).text(), "");
    let both = files(&out);
    assert_eq!(both.len(), 10);
    assert!(expect.iter().all(|(name, bytes)| both[name] == *bytes));
    assert_eq!(both["größe-3.bin"], b"two");

    // A link in the way is no way out.
    let links = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(dir.path().join("target"), links.path().join("evil.png")).unwrap();
    let ran =
        mailfmt(&["extract", "-d", links.path().to_str().unwrap(), "--type", "IMAGE/*", "--json"], MESSAGE.as_bytes());
    let json: serde_json::Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!((json["written"].as_str(), json["declared"].as_str()), (Some("evil-1.png"), Some("../../evil.png")));
    assert!(!dir.path().join("target").exists());
}

#[test]
fn parts_are_chosen() {
    let chosen = |arguments: &[&str]| {
        let ran = mailfmt(&[&["extract", "-n"], arguments].concat(), MESSAGE.as_bytes());
        let parts: Vec<String> = rows(ran.text()).iter().map(|row| row[1].to_owned()).collect();
        (ran.status, parts.join(" "))
    };
    for (arguments, parts) in [
        (&[][..], "2 3 4 5 6"),
        (&["--all"], "1 2 3 4 5 6"),
        (&["--part", "5.1"], "5.1"),
        (&["--part", "1", "--type", "application/*"], "1 3 4 5.1"),
        (&["--name", "*.BIN"], "3 4"),
        (&["--id", "pic@x"], "2"),
        (&["--id", "<pic@x>"], "2"),
        (&["--name", "none"], ""),
    ] {
        assert_eq!(chosen(arguments), (0, parts.to_owned()), "{arguments:?}");
    }
    assert_eq!(chosen(&["--name", "none", "-e"]).0, 1);
    assert_eq!(chosen(&["--part", "9"]).0, 66);
    assert_eq!(chosen(&["--part", "x"]).0, 64);
    let stdout = |arguments: &[&str]| mailfmt(&[&["extract", "--stdout"], arguments].concat(), MESSAGE.as_bytes()).out;
    assert_eq!(stdout(&["--part=3", "--part=4"]), b"onetwo");
    assert_eq!(stdout(&["--part=6", "--utf8"]), "grüß".as_bytes());
    // A whole message and what is in it.
    assert!(stdout(&["--part=5", "--part=5.1"]).ends_with(b"pdfpdf"));
}

#[test]
fn damage_is_told_and_many_messages_go_in_one_process() {
    let broken = MESSAGE.replace("iVBORw==", "iV*BORw").replace("--b--\n", "");
    let ran = mailfmt(&["extract", "-n"], broken.as_bytes());
    assert_eq!((ran.status, rows(ran.text())[0][5]), (0, "2"));
    assert!(ran.err.contains("part 2: 2 errors in its base64") && ran.err.contains("without closing boundary"));
    assert_eq!(mailfmt(&["extract", "-n", "--strict"], broken.as_bytes()).status, 65);

    let dir = tempfile::tempdir().unwrap();
    let mbox = format!("From a@b Sun Nov 22 22:16:00 2026\n{MESSAGE}\n").repeat(50);
    let ran = mailfmt(&["extract", "-d", dir.path().to_str().unwrap()], mbox.as_bytes());
    assert_eq!((ran.status, rows(ran.text()).len(), files(dir.path()).len()), (0, 250, 250), "{}", ran.err);

    let tar = mailfmt(&["extract", "--tar"], mbox.as_bytes());
    assert_eq!((tar.status, tar.out.len() % 512), (0, 0));
    let unpacked = tempfile::tempdir().unwrap();
    let archive = unpacked.path().join("a.tar");
    std::fs::write(&archive, &tar.out).unwrap();
    let done = std::process::Command::new("tar").arg("-xf").arg(&archive).current_dir(&unpacked).status().unwrap();
    assert!(done.success());
    for n in [1, 50] {
        let files = files(&unpacked.path().join(n.to_string()));
        assert_eq!((files.len(), files["größe-1.bin"].as_slice(), files["evil.png"].len()), (5, &b"two"[..], 4));
    }
    for jobs in ["1", "2", "7"] {
        let same = mailfmt(&["extract", "--tar", "--jobs", jobs], mbox.as_bytes());
        assert_eq!(same.out, tar.out, "{jobs}");
    }
}

#[test]
fn several_at_a_time_are_the_same() {
    let large = format!("A: b\nContent-Type: application/x; name=large\n\n{}", "x\n".repeat(700_000));
    let broken = MESSAGE.replace("iVBORw==", "iV*BORw").replace("--b--\n", "");
    let all =
        [MESSAGE, &broken, &large, "no header\n", &broken, MESSAGE].map(|message| format!("{message}\0")).concat();
    let all = all.replace("no header\n", "\nno header\n").repeat(3);
    let run = |jobs: &str, more: &[&str]| {
        mailfmt(&[&["extract", "-0", "-n", "--json", "--jobs", jobs], more].concat(), all.as_bytes())
    };
    for more in [&[][..], &["--strict"], &["--all", "--utf8"], &["--type", "image/*"]] {
        let (one, many) = (run("1", more), run("3", more));
        assert!(one.status == 67 && one.err.contains("message 4: no header fields"), "{}", one.err);
        assert_eq!((many.status, many.text(), &many.err), (one.status, one.text(), &one.err), "{more:?}");
    }
    let alone = |jobs: &str| mailfmt(&["extract", "-n", "--strict", "--jobs", jobs], broken.as_bytes());
    assert_eq!((alone("1").status, alone("2").status), (65, 65));
    assert_eq!(alone("1").err, alone("2").err);
}
