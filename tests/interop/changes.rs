//! What the imap programs change at Dovecot, as Dovecot itself sees it.

use super::folders::{dovecot, encoded};
use super::run;
use super::servers::Dovecot;

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
