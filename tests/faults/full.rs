//! Disks that are full, in a small tmpfs of their own.

use crate::common::{Home, installed};
use crate::maildrop::{Arrived, fill, left, messages};
use crate::served::{Served, append, send, texts};
use std::process::Command;

/// Whether we may mount in a name space of our own.
fn may_mount() -> bool {
    let mount = ["-rm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"];
    if installed("unshare") && Command::new("unshare").args(mount).output().unwrap().status.success() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI must be able to mount a tmpfs");
    eprintln!("skipped: unshare can't mount here");
    false
}

#[test]
fn fetching_onto_a_full_disk_deletes_nothing() {
    if !may_mount() {
        return;
    }
    let home = Home::new();
    home.sh("umask 077; echo x > pw; mkdir disk").ends(0);
    let served = Served::start(&home);
    fill(&served.root, "bob");
    let (pop3, imap) = (served.url("pop3", "bob"), served.url("imap", "bob") + "/INBOX");
    // The third message has no room, or the history, or no file at all.
    for (size, before, status) in [
        ("size=16k", "", "--into maildir:disk/M"),
        ("size=12k", "", "--into mbox:disk/b"),
        ("size=16k", "", "--into eml:disk/E"),
        ("size=8k", "export XDG_STATE_HOME=$PWD/disk;", "--into maildir:M"),
        ("size=40k", "export XDG_STATE_HOME=$PWD/disk;", "--into maildir:M"),
        ("nr_inodes=8", "", "--into maildir:disk/M"),
    ] {
        for tool in [format!("pop3-fetch --delete {pop3}"), format!("imap-fetch {imap}")] {
            if tool.starts_with("imap") && !before.is_empty() {
                continue;
            }
            let step = format!("{size}: {tool} {status}");
            let script = format!(
                "unshare -rm sh -c 'mount -t tmpfs -o {size} none disk; {before}
                 {tool} {status} --password-file pw; echo $?; find disk -type f -path \"*/tmp/*\" | wc -l;
                 find disk -name \".pipepost-*\" | wc -l'"
            );
            let ran = home.sh(&script);
            let lines: Vec<&str> = ran.out.lines().collect();
            assert!(["73", "74"].contains(&lines[0]) && lines[1..] == ["0", "0"], "{step}: {ran:?}");
            assert!(ran.err.contains("pace left") || ran.err.contains("full") || !before.is_empty(), "{step}: {ran:?}");
            assert_eq!(left(&served.root, "bob"), messages().len(), "{step}");
            let _ = std::fs::remove_dir_all(home.path().join("M"));
        }
    }
    // With room, all of it comes.
    home.run("pop3-fetch", &["--delete", &pop3, "--into", "maildir:M", "--password-file", "pw"], b"").ends(0);
    Arrived::at(&home, "with room").once("with room");
    assert_eq!(left(&served.root, "bob"), 0);
}

#[test]
fn a_server_on_a_full_disk_accepts_nothing_it_cannot_keep() {
    if !may_mount() {
        return;
    }
    let home = Home::new();
    home.sh("umask 077; echo x > pw; mkdir served").ends(0);
    let mount = "mount -t tmpfs -o size=600k,mode=700 none served && exec \"$@\"";
    let served = Served::by(&home, &["unshare", "-rm", "sh", "-c", mount, "sh"]);
    let text = format!("Subject: x\n\n{}", "a line of some length\n".repeat(2000));
    let (mut accepted, mut refused) = (0, 0);
    for n in 0..24 {
        let sent =
            if n % 2 == 0 { send(served.smtp, "bob@localhost", &text) } else { append(served.imap, "bob", &text) };
        match sent.starts_with("250") || sent.contains("OK [APPENDUID") {
            true => accepted += 1,
            false => {
                let sent = sent.as_str();
                assert!(sent.is_empty() || sent.starts_with("452") || sent.starts_with("b NO"), "{sent}");
                refused += 1;
            }
        }
    }
    assert!(accepted > 1 && refused > 1, "{accepted} accepted, {refused} refused");
    // Its files are seen through the process.
    let root = std::path::PathBuf::from(format!("/proc/{}/root{}", served.pid(), served.root.display()));
    let there = [texts(&root.join("bob/new")), texts(&root.join("bob/cur"))].concat();
    assert_eq!(there.len(), accepted);
    assert!(there.iter().all(|t| t.ends_with("a line of some length\n")), "half a message");
    assert_eq!(texts(&root.join("bob/tmp")).len(), 0);
}

#[test]
fn local_on_a_full_disk_says_so() {
    if !may_mount() {
        return;
    }
    let home = Home::new();
    home.sh("mkdir disk; yes a line of some length | head -n 20000 > text").ends(0);
    let script = "unshare -rm sh -c 'mount -t tmpfs -o size=300k,mode=700 none disk; export XDG_DATA_HOME=$PWD/disk;
        smtp-send -s small bob@localhost < /dev/null; echo $?; smtp-send -s big bob@localhost < text; echo $?
        find disk -path \"*/bob/new/*\" -o -path \"*/bob/tmp/*\" | wc -l'";
    let ran = home.sh(script);
    assert_eq!(ran.out, "0\n75\n1\n", "{ran:?}");
    assert!(ran.err.contains("452"), "{ran:?}");
}
