//! imap-fetch --mirror: a tree of Maildirs that is what the server has.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Home, Ran, installed};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const INBOX: &str = "local://amy/INBOX";

fn put(home: &Home, folder: &str, subject: &str) {
    let message = format!("Message-ID: <{subject}@x>\nSubject: {subject}\n\ntext of {subject}\n");
    home.run("imap-put", &[&format!("local://amy/{folder}")], message.as_bytes()).ends(0);
}

fn mirror(home: &Home, more: &[&str]) -> Ran {
    home.run("imap-fetch", &[&["--mirror", "--into", "maildir:M", "local://amy"], more].concat(), b"")
}

/// The subjects of a Maildir and the letters of each, new ones with `new`.
fn maildir(dir: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for sub in ["new", "cur"] {
        let Ok(list) = fs::read_dir(dir.join(sub)) else { continue };
        for entry in list {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned();
            let name = path.file_name().unwrap().to_str().unwrap();
            let letters = name.split_once(":2,").map_or("", |(_, letters)| letters);
            let flags = if sub == "new" { "new".to_owned() } else { letters.to_owned() };
            assert!(all.insert(subject, flags).is_none(), "{name} is there twice");
        }
    }
    all
}

fn is(home: &Home, folder: &str, expected: &[(&str, &str)]) {
    let dir = home.path().join("M").join(folder);
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(subject, flags)| ((*subject).to_owned(), (*flags).to_owned())).collect();
    assert_eq!(maildir(&dir), expected, "{folder}");
}

#[test]
fn messages_flags_and_removals() {
    let home = Home::new();
    ["one", "two", "three"].iter().for_each(|subject| put(&home, "INBOX", subject));
    home.run("imap-mkdir", &["local://amy/Lists", "local://amy/Lists/rust"], b"").ends(0);
    put(&home, "Lists/rust", "list");
    home.run("imap-flag", &["+seen", "+flagged", INBOX, "2"], b"").ends(0);
    mirror(&home, &["-e"]).ends(0);
    is(&home, "", &[("one", "new"), ("two", "FS"), ("three", "new")]);
    is(&home, ".Lists.rust", &[("list", "new")]);
    assert!(home.path().join("M/.Sent/cur").is_dir());
    let ran = mirror(&home, &["-e"]).ends(1);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    // On the server.
    home.run("imap-flag", &["-flagged", "+answered", INBOX, "2"], b"").ends(0);
    home.run("imap-flag", &["+seen", INBOX, "1"], b"").ends(0);
    home.run("imap-rm", &["--purge", INBOX, "3"], b"").ends(0);
    put(&home, "INBOX", "four");
    let ran = mirror(&home, &["-v"]).ends(0);
    assert!(ran.err.contains("local://amy/INBOX: 1 removed here"), "{}", ran.err);
    is(&home, "", &[("one", "S"), ("two", "RS"), ("four", "new")]);
    // Here: it is one way.
    let dir = home.path().join("M");
    for entry in fs::read_dir(dir.join("cur")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(":2,S") {
            fs::rename(&path, dir.join("cur").join(name.replace(":2,S", ":2,FT"))).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    let new = fs::read_dir(dir.join("new")).unwrap().next().unwrap().unwrap();
    let read = format!("{}:2,", new.file_name().to_str().unwrap());
    fs::rename(new.path(), dir.join("cur").join(&read)).unwrap();
    fs::write(dir.join("cur/mine:2,"), "Subject: mine\n\nnobody else's\n").unwrap();
    mirror(&home, &[]).ends(0);
    is(&home, "", &[("one", "S"), ("two", "RS"), ("four", ""), ("mine", "")]);
    let ran = mirror(&home, &["-e"]).ends(1);
    assert_eq!(ran.err, "");
    is(&home, "", &[("one", "S"), ("two", "RS"), ("four", ""), ("mine", "")]);
}

#[test]
fn a_folder_that_goes() {
    let home = Home::new();
    home.run("imap-mkdir", &["local://amy/Lists"], b"").ends(0);
    put(&home, "Lists", "list");
    put(&home, "INBOX", "one");
    mirror(&home, &[]).ends(0);
    is(&home, ".Lists", &[("list", "new")]);
    home.run("imap-mkdir", &["--remove", "local://amy/Lists", "--force"], b"");
    home.run("imap-rm", &["--purge", "--all", "local://amy/Lists"], b"");
    home.run("imap-mkdir", &["--remove", "local://amy/Lists"], b"");
    let there = home.run("imap-ls", &["local://amy"], b"").ends(0);
    assert!(!there.out.contains("Lists"), "{}", there.out);
    mirror(&home, &[]).ends(0);
    assert!(!home.path().join("M/.Lists").exists());
    is(&home, "", &[("one", "new")]);
    // It comes back with something else in it.
    home.run("imap-mkdir", &["local://amy/Lists"], b"").ends(0);
    put(&home, "Lists", "other");
    mirror(&home, &[]).ends(0);
    is(&home, ".Lists", &[("other", "new")]);
    // Only the folders that are named.
    let some = ["--mirror", "--into", "maildir:N", "local://amy/Lists"];
    home.run("imap-fetch", &some, b"").ends(0);
    assert_eq!(maildir(&home.path().join("N/.Lists")).len(), 1);
    assert!(!home.path().join("N/cur").exists());
}

#[test]
fn a_server_that_has_lost_most_of_a_folder() {
    let home = Home::new();
    (0..12).for_each(|n| put(&home, "INBOX", &format!("m{n}")));
    mirror(&home, &[]).ends(0);
    home.run("imap-rm", &["--purge", "--all", INBOX], b"").ends(0);
    put(&home, "INBOX", "new one");
    let dir = home.path().join("M");
    for entry in fs::read_dir(dir.join("new")).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), dir.join("cur").join(format!("{}:2,T", entry.file_name().to_str().unwrap()))).unwrap();
    }
    let ran = mirror(&home, &[]).ends(67);
    // What is not removed is as it was.
    assert!(!maildir(&dir).values().any(|letters| letters == "T"), "{:?}", maildir(&dir));
    assert!(ran.err.contains("12 of 12 messages are gone there; none was removed here"), "{}", ran.err);
    assert_eq!(maildir(&home.path().join("M")).len(), 13);
    mirror(&home, &[]).ends(67);
    mirror(&home, &["--force"]).ends(0);
    is(&home, "", &[("new one", "new")]);
    mirror(&home, &["-e"]).ends(1);
}

#[test]
fn what_is_no_mirror() {
    let home = Home::new();
    for wrong in [
        &["--mirror", "local://amy"][..],
        &["--mirror", "--into", "mbox:b", "local://amy"],
        &["--mirror", "--into", "maildir:M", "--into", "maildir:N", "local://amy"],
        &["--mirror", "--into", "maildir:M", "local://amy", "local://bob"],
        &["--mirror", "--into", "maildir:M", "local://amy", "--where", "is:unread"],
        &["--mirror", "--new", "--into", "maildir:M", "local://amy"],
        &["--force", "--new", INBOX],
    ] {
        let ran = home.run("imap-fetch", wrong, b"");
        assert_eq!(ran.status, 64, "{wrong:?} {ran:?}");
    }
    assert!(!home.path().join("M").exists());
}

/// New UIDs are no reason to fetch everything, nor to remove anything.
#[test]
fn new_uids() {
    let home = Home::new();
    (0..4).for_each(|n| put(&home, "INBOX", &format!("m{n}")));
    mirror(&home, &[]).ends(0);
    let names = || {
        let list = fs::read_dir(home.path().join("M/new")).unwrap();
        list.map(|e| e.unwrap().file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    let before = names();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(home.path().join(format!(".local/share/pipepost/mail/amy/pipepost.sqlite{end}")));
    }
    home.run("imap-rm", &["--purge", INBOX, "1"], b"").ends(0);
    put(&home, "INBOX", "m4");
    let ran = mirror(&home, &[]).ends(0);
    assert!(ran.err.contains("3 of its 4 messages are among the 4"), "{}", ran.err);
    let now = names();
    assert_eq!((now.len(), now.intersection(&before).count()), (4, 3));
}

/// Killed at any call, it is a mirror after the next run.
#[test]
fn a_mirror_killed_at_any_call() {
    if !installed("strace") {
        return;
    }
    let home = Home::new();
    ["one", "two", "three", "four"].iter().for_each(|subject| put(&home, "INBOX", subject));
    let calls =
        "write,pwrite64,writev,sendto,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,openat";
    for n in (1..400).step_by(23) {
        let _ = fs::remove_dir_all(home.path().join("M"));
        let state = format!("n{n}");
        mirror(&home, &["--state", &state]).ends(0);
        // Something of everything has to be done.
        let one = home.run("imap-ls", &["-o", "uid", INBOX, "--search", "SUBJECT one"], b"").ends(0).out;
        home.run("imap-rm", &["--purge", INBOX, one.trim()], b"").ends(0);
        put(&home, "INBOX", "one");
        let two = home.run("imap-ls", &["-o", "uid", INBOX, "--search", "SUBJECT two"], b"").ends(0).out;
        let seen = if n % 2 == 0 { "+seen" } else { "-seen" };
        home.run("imap-flag", &[seen, INBOX, two.trim()], b"").ends(0);
        let mut strace = home.command("strace");
        strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        strace.args(["-e", &format!("inject={calls}:signal=KILL:when={n}")]);
        strace.arg(common::bin().join("imap-fetch")).args([
            "--mirror",
            "--into",
            "maildir:M",
            "local://amy",
            "--state",
            &state,
        ]);
        let _ = strace.output().unwrap();
        let ran = mirror(&home, &["--state", &state]).ends(0);
        assert_eq!(ran.err, "", "{n}");
        let all = maildir(&home.path().join("M"));
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), ["four", "one", "three", "two"], "{n}");
        assert_eq!(all["two"].replace("new", ""), if n % 2 == 0 { "S" } else { "" }, "{n}");
    }
}
