//! What the imap programs change at Dovecot, as Dovecot itself sees it.

use super::folders::{dovecot, encoded};
use super::servers::Dovecot;
use super::{files, hard, run};

/// What doveadm finds of bob's messages: the fields, a line each.
fn seen(dovecot: &Dovecot, fields: &str, folder: &str) -> String {
    let found = dovecot.doveadm(&["-f", "tab", "fetch", "-u", "bob", fields, "mailbox", folder, "all"]);
    String::from_utf8(found.stdout).unwrap().lines().skip(1).map(|line| format!("{line}\n")).collect()
}

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (1..=count).map(|n| format!("Subject: {n}\nMessage-ID: <{n}@x>\n\nbody {n}\n").into_bytes()).collect()
}

#[test]
fn flags_and_folders() {
    let Some((home, dovecot, url)) = dovecot() else { return };
    dovecot.put("bob", &numbered(3));
    let inbox = format!("{url}INBOX");
    run(&home, "imap-flag", &[&inbox, "1:2", "+flagged,$Label", "+Work"], b"").ends(0);
    run(&home, "imap-flag", &[&inbox, "--search", "UID 2", "-flagged", "-work"], b"").ends(0);
    run(&home, "imap-flag", &[&inbox, "3", "=draft"], b"").ends(0);
    let words = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty() && *word != "\\Recent").collect();
        words.sort_unstable();
        words.join(" ")
    };
    let flags: Vec<String> = seen(&dovecot, "flags", "INBOX").lines().map(words).collect();
    assert_eq!(flags, ["$Label Work \\Flagged", "$Label", "\\Draft"]);
    let names = ["with space", "Entwürfe & Ideen", "Lists/rust", "日本語", "\"quoted\" \\ back", "😀 &"];
    let folders: Vec<String> = names.iter().map(|name| format!("{url}{}", encoded(name))).collect();
    let all: Vec<&str> = folders.iter().map(String::as_str).collect();
    run(&home, "imap-mkdir", &all, b"").ends(0);
    run(&home, "imap-mkdir", &all[..1], b"").ends(69).complains("ALREADYEXISTS");
    run(&home, "imap-mkdir", &[&["--parents"], &all[..]].concat(), b"").ends(0);
    run(&home, "imap-mkdir", &[&["--subscribe"], &all[..]].concat(), b"").ends(0);
    let listed = String::from_utf8(dovecot.doveadm(&["mailbox", "list", "-s", "-u", "bob"]).stdout).unwrap();
    assert!(names.iter().all(|name| listed.lines().any(|line| line == *name)), "{listed}");
    run(&home, "imap-mkdir", &[&["--unsubscribe"], &all[..]].concat(), b"").ends(0);
    run(&home, "imap-mkdir", &["--rename", all[2], &format!("{url}Groups")], b"").ends(0);
    run(&home, "imap-mkdir", &["--remove", all[0], all[1], &format!("{url}Groups")], b"").ends(0);
    let listed = run(&home, "imap-ls", &["-o", "folder", &url], b"").ends(0).out;
    let left = |name: &str| listed.lines().any(|line| line == name);
    assert!(!left("with space") && !left("Groups") && left("日本語"), "{listed}");
}

#[test]
fn moves_and_removals() {
    let Some((home, dovecot, url)) = dovecot() else { return };
    dovecot.put("bob", &numbered(2500));
    let (inbox, archive) = (format!("{url}INBOX"), format!("{url}Entw%C3%BCrfe"));
    run(&home, "imap-mkdir", &[&archive], b"").ends(0);
    run(&home, "imap-flag", &[&inbox, "2:2400", "+seen,$Label"], b"").ends(0);
    let count = |folder: &str| seen(&dovecot, "uid", folder).lines().count();
    // Every second one, so that there are more ranges than one command names.
    let all = run(&home, "imap-ls", &["--refs", &inbox], b"").ends(0).out;
    let even: String = all.lines().skip(1).step_by(2).map(|line| format!("{line}\n")).collect();
    let ran = run(&home, "imap-mv", &["-", &archive, "--refs", "--undo", "undo"], even.as_bytes()).ends(0);
    assert_eq!(ran.out.lines().count(), 1250);
    assert_eq!((count("INBOX"), count("Entwürfe")), (1250, 1250));
    let flags = seen(&dovecot, "flags", "Entwürfe");
    assert_eq!(flags.lines().filter(|line| line.contains("\\Seen") && line.contains("$Label")).count(), 1200);
    let subject = |reference: &str| {
        run(&home, "imap-ls", &["-o", "subject", &archive, reference.rsplit('.').next().unwrap()], b"").ends(0).out
    };
    assert_eq!(subject(ran.out.lines().nth(700).unwrap()), "1402\n");
    let undo = std::fs::read(home.path().join("undo")).unwrap();
    run(&home, "imap-mv", &["-", "--undo"], &undo).ends(0);
    assert_eq!((count("INBOX"), count("Entwürfe")), (2500, 0));
    run(&home, "imap-cp", &[&inbox, "1:3", &archive], b"").ends(0);
    run(&home, "imap-cp", &[&inbox, "1", &format!("{url}none")], b"").ends(69).complains("imap-mkdir");
    // The trash is where Dovecot says.
    run(&home, "imap-mkdir", &[&format!("{url}Trash")], b"").ends(0);
    run(&home, "imap-rm", &[&inbox, "1:*"], b"").ends(65);
    run(&home, "imap-rm", &[&inbox, "1:9"], b"").ends(0);
    let trashed = count("Trash");
    assert_eq!(count("INBOX") + trashed, 2500);
    run(&home, "imap-rm", &["--purge", &format!("{url}Trash"), "1"], b"").ends(0);
    assert_eq!(count("Trash"), trashed - 1);
    // By another account, and back: bytes, flags and dates are the same.
    let carol = url.replace("bob@", "carol@") + "INBOX";
    let kept = |folder: &str| run(&home, "imap-ls", &["-o", "received,size,subject", folder], b"").ends(0).out;
    let before = kept(&archive);
    run(&home, "imap-mv", &["--all", &archive, &carol], b"").ends(0);
    assert_eq!((kept(&carol), count("Entwürfe")), (before.clone(), 0));
    run(&home, "imap-mv", &["--all", &carol, &archive], b"").ends(0);
    assert_eq!((kept(&archive), kept(&carol).as_str()), (before, ""));
}

#[test]
fn puts() {
    let Some((home, dovecot, url)) = dovecot() else { return };
    let inbox = format!("{url}INBOX");
    let mut names = vec![inbox.as_str()];
    let hard = hard();
    let numbers: Vec<String> = (0..hard.len()).map(|n| format!("{n}.eml")).collect();
    for (name, message) in numbers.iter().zip(&hard) {
        std::fs::write(home.path().join(name), message).unwrap();
        names.push(name);
    }
    let by = ["--flags", "flagged,$Label", "--date", "Sun, 22 Nov 2026 22:16:00 +0200"];
    let ran = run(&home, "imap-put", &[&by, &names[..]].concat(), b"").ends(0);
    assert_eq!(ran.out, run(&home, "imap-ls", &["--refs", &inbox], b"").ends(0).out);
    run(&home, "imap-fetch", &[&inbox, "--into", "eml:back"], b"").ends(0);
    let mut expected = hard.clone();
    expected.sort();
    assert!(files(&home, "back") == expected);
    assert!(seen(&dovecot, "flags", "INBOX").lines().all(|line| line.contains("\\Flagged") && line.contains("$Label")));
    let received = run(&home, "imap-ls", &["-o", "received", &inbox], b"").ends(0).out;
    assert!(received.lines().all(|line| line == "2026-11-22T20:16:00+00:00"), "{received}");
    // Many, in an mbox.
    let mbox: Vec<u8> = numbered(2000)
        .iter()
        .flat_map(|m| [b"From a Sun Nov 22 22:16:00 2020\n", m.as_slice(), b"\n"].concat())
        .collect();
    let sent = format!("{url}Sent");
    assert_eq!(run(&home, "imap-put", &[&sent], &mbox).ends(0).out.lines().count(), 2000);
    assert_eq!(run(&home, "imap-fetch", &[&sent, "2000"], b"").ends(0).out.as_bytes(), numbered(2000)[1999]);
    run(&home, "imap-put", &[&format!("{url}none")], b"Subject: x\n\n").ends(69).complains("TRYCREATE");
}
