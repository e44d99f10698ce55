//! The imap programs that change something, end to end, on `local:` and on mail-serve.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Home, Ran};
use serde_json::Value;

const INBOX: &str = "local://amy/INBOX";

fn send(home: &Home, subject: &str) {
    let arguments = ["-s", subject, "--from", "Zoe <zoe@localhost>", "amy@localhost"];
    home.run("smtp-send", &arguments, format!("body of {subject}\n").as_bytes()).ends(0);
}

/// UID and flags (or other columns) of what is in a folder.
fn listed(home: &Home, folder: &str, columns: &str) -> String {
    home.run("imap-ls", &["-o", columns, folder], b"").ends(0).out
}

fn refs(home: &Home, folder: &str) -> String {
    home.run("imap-ls", &["--refs", folder], b"").ends(0).out
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn flags_come_and_go() {
    let home = Home::new();
    (1..=4).for_each(|n| send(&home, &format!("number {n}")));
    let flag = |arguments: &[&str], stdin: &str| home.run("imap-flag", arguments, stdin.as_bytes());
    assert_eq!(flag(&[INBOX, "1:3", "+seen", "+$Label,work"], "").ends(0).out, "");
    let flags = || listed(&home, INBOX, "flags").replace(",Recent", "").replace("Recent", "");
    assert_eq!(flags(), "Seen,$Label,work\nSeen,$Label,work\nSeen,$Label,work\n\n");
    // References on stdin and as arguments, and a minus among them.
    let all = refs(&home, INBOX);
    flag(&["-", "-seen", "-$Label"], all.lines().next().unwrap()).ends(0);
    flag(&[all.lines().nth(3).unwrap(), "=flagged,draft"], "").ends(0);
    assert_eq!(flags(), "work\nSeen,$Label,work\nSeen,$Label,work\nFlagged,Draft\n");
    flag(&[INBOX, "--search", "KEYWORD work SEEN", "="], "").ends(0);
    assert_eq!(flags(), "work\n\n\nFlagged,Draft\n");
    // What would be changed is told, and is not.
    let ran = flag(&["-n", INBOX, "--all", "+answered"], "").ends(0);
    assert_eq!((ran.out, flags().as_str()), (all.clone(), "work\n\n\nFlagged,Draft\n"));
    let ran = flag(&["--json", INBOX, "--all", "+answered"], "").ends(0);
    let told: Vec<Value> = rows(&ran);
    assert_eq!(told.len(), 4);
    assert_eq!((&told[0]["ref"], &told[0]["fate"]), (&all.lines().next().unwrap().into(), &"done".into()));
    // What is missing is told; nothing to do is fine.
    flag(&[INBOX, "2,9", "+seen"], "").ends(67).complains("imap-flag: local://amy/INBOX: UID 9: no such message");
    flag(&[INBOX, "9", "+seen"], "").ends(69);
    flag(&[INBOX, "8:9", "+seen"], "").ends(0);
    flag(&["-e", INBOX, "8:9", "+seen"], "").ends(1);
    flag(&["-", "+seen"], "").ends(0);
    let void = all.lines().next().unwrap().replace("#1", "#");
    let before = flags();
    flag(&["-", "+deleted"], &format!("{all}{void}\n")).ends(69).complains("UIDVALIDITY");
    assert_eq!(flags(), before);
    for wrong in [
        &[][..],
        &["+seen"],
        &[INBOX, "+seen"],
        &[INBOX, "1"],
        &[INBOX, "", "+seen"],
        &[INBOX, "1", "+"],
        &[INBOX, "1", "+Recent)"],
        &[INBOX, "1", "+\\Recent"],
        &[INBOX, "1", "+a\r\na9 DELETE INBOX"],
        &[INBOX, "1", "--seen"],
        &[INBOX, "--all", "--search", "ALL", "+seen"],
        &[INBOX, "1", "--all", "+seen"],
        &["-", "--all", "+seen"],
        &["local://amy", "1", "+seen"],
    ] {
        flag(wrong, "").ends(64).complains("imap-flag: ");
    }
    flag(&["local://amy/Nope", "1", "+seen"], "").ends(69).complains("NONEXISTENT");
}

#[test]
fn folders_come_and_go() {
    let home = Home::new();
    let mkdir = |arguments: &[&str]| home.run("imap-mkdir", arguments, b"");
    let folders = || home.run("imap-ls", &["-o", "folder", "local://amy"], b"").ends(0).out;
    mkdir(&["local://amy/Lists/rust", "local://amy/Entwürfe & Ideen", "local://amy/100%25"]).ends(64);
    assert!(!folders().contains("Lists"), "nothing is made before all names are known to be good");
    let ran = mkdir(&["--json", "local://amy/Lists/rust", "local://amy/Entwürfe & Ideen"]).ends(0);
    assert_eq!(rows(&ran)[1]["folder"], "local://amy/Entwürfe & Ideen");
    assert!(folders().contains("\nEntwürfe & Ideen\n") && folders().contains("\nLists/rust\n"));
    mkdir(&["local://amy/Lists/rust"]).ends(69);
    mkdir(&["local://amy/Lists/rust", "local://amy/new"]).ends(67);
    mkdir(&["--parents", "local://amy/Lists/rust", "local://amy/new"]).ends(0);
    mkdir(&["--rename", "local://amy/Lists", "local://amy/Groups"]).ends(0);
    assert!(folders().contains("\nGroups/rust\n") && !folders().contains("Lists"));
    mkdir(&["--subscribe", "local://amy/Groups"]).ends(0);
    mkdir(&["--subscribe", "local://amy/none"]).ends(69);
    mkdir(&["--unsubscribe", "local://amy/Groups"]).ends(0);
    // A folder that holds something stays, unless that is said.
    home.run("smtp-send", &["-s", "x", "amy@localhost"], b"x\n").ends(0);
    mkdir(&["--rename", "local://amy/INBOX", "local://amy/Old"]).ends(0);
    mkdir(&["--remove", "local://amy/Old"]).ends(65).complains("it holds 1 messages");
    assert_eq!(listed(&home, "local://amy/Old", "uid"), "1\n");
    mkdir(&["--remove", "--with-messages", "local://amy/Old"]).ends(0);
    mkdir(&["--remove", "local://amy/Old"]).ends(69);
    mkdir(&["--special-use", "trash", "local://amy/Bin"]).ends(69).complains("CREATE-SPECIAL-USE");
    for wrong in [
        &[][..],
        &["local://amy"],
        &["local://amy/.."],
        &["local://amy/a%2F..%2Fb"],
        &["local://amy/a%0D%0Ax"],
        &["local://amy/~root"],
        &["local://amy/a*"],
        &["--remove", "local://amy/INBOX"],
        &["--remove", "local://amy/inbox"],
        &["--rename", "local://amy/a"],
        &["--rename", "local://amy/a", "local://bob/b"],
        &["--rename", "local://amy/a", "local://amy/.."],
        &["--rename", "--remove", "local://amy/a", "local://amy/b"],
        &["--with-messages", "local://amy/a"],
        &["--special-use", "nothing", "local://amy/a"],
        &["pop3://h/x"],
    ] {
        mkdir(wrong).ends(64).complains("imap-mkdir: ");
    }
}
