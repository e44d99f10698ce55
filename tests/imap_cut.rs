//! The imap programs at a line that is cut after every single byte, either way: the result is whole, or the status tells what it is,
//! and whatever is moved is always in one of the folders.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod common;
#[path = "imap_cut/peer.rs"]
mod peer;

use common::{Home, Ran};
use peer::{Breaks, Folders, Kept, Peer};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

const MESSAGES: [&str; 2] = ["Subject: number 1\r\n\r\nx\r\n", "Subject: number 2\r\n\r\n) a2 OK\r\n"];

fn folders() -> Folders {
    let kept = |(n, text): (usize, &&str)| Kept {
        uid: u32::try_from(n).unwrap() + 1,
        flags: vec!["\\Seen".into()],
        text: text.as_bytes().to_vec(),
    };
    [("INBOX".to_owned(), MESSAGES.iter().enumerate().map(kept).collect()), ("Box".to_owned(), Vec::new())].into()
}

/// Empty ones.
fn others() -> Folders {
    [("Box".to_owned(), Vec::new())].into()
}

fn home() -> Home {
    let home = Home::new();
    let pw = home.path().join("pw");
    std::fs::write(&pw, "tulip\n").unwrap();
    std::fs::set_permissions(&pw, std::fs::Permissions::from_mode(0o600)).unwrap();
    home
}

fn run(home: &Home, program: &str, arguments: &[&str], stdin: &[u8]) -> Ran {
    home.run(program, &[&["--password-file", "pw", "--timeout", "60s"], arguments].concat(), stdin)
}

/// Every place where a session of so many bytes each way can break.
fn breaks((said, heard): (usize, usize)) -> Vec<Breaks> {
    let all = (1..=said).map(|said| Breaks { said, ..Breaks::NEVER });
    all.chain((1..=heard).map(|heard| Breaks { heard, ..Breaks::NEVER })).collect()
}

/// Tries all of them, some at a time; returns which statuses there were.
fn each(all: &[Breaks], one: &(dyn Fn(Breaks) -> i32 + Sync)) -> Vec<i32> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut statuses = Vec::new();
        while let Some(breaks) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            statuses.push(one(*breaks));
        }
        statuses
    };
    let mut statuses: Vec<i32> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

/// An error is told, and a success is not.
fn checked(ran: &Ran, statuses: &[i32], at: Breaks) {
    assert!(ran.status == 0 || statuses.contains(&ran.status), "{at:?}: {ran:?}");
    assert_eq!(ran.status == 0, ran.err.is_empty(), "{at:?}: {ran:?}");
}

#[test]
fn lists() {
    for arguments in [&["-o", "folder,messages"][..], &["-o", "uid,flags,subject,size"]] {
        let list = |breaks| {
            let peer = Peer::start("", folders(), breaks);
            let url = if arguments[1].starts_with("uid") { peer.url("INBOX") } else { peer.url("") };
            let ran = run(&home(), "imap-ls", &[arguments, &[&url]].concat(), b"");
            (ran, peer)
        };
        let (whole, peer) = list(Breaks::NEVER);
        let whole = whole.ends(0).out;
        assert_eq!(whole.lines().count(), 2);
        let statuses = each(&breaks(peer.passed()), &|at| {
            let (ran, _) = list(at);
            checked(&ran, &[75], at);
            // Rows are printed as they come, each of them whole.
            assert!(whole.starts_with(&ran.out) && (ran.out.is_empty() || ran.out.ends_with('\n')), "{at:?}: {ran:?}");
            assert!(ran.status != 0 || ran.out == whole, "{at:?}: {ran:?}");
            ran.status
        });
        assert_eq!(statuses, [0, 75]);
    }
}

fn files(dir: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let mut files: Vec<Vec<u8>> = entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    files.sort();
    files
}

#[test]
fn fetches() {
    let fetch = |breaks| {
        let (home, peer) = (home(), Peer::start("", folders(), breaks));
        let ran = run(&home, "imap-fetch", &["--into", "maildir:m", "--json", &peer.url("INBOX")], b"");
        (ran, peer, home)
    };
    let (whole, peer, _) = fetch(Breaks::NEVER);
    whole.ends(0);
    let expected: Vec<Vec<u8>> = MESSAGES.iter().map(|text| text.replace('\r', "").into_bytes()).collect();
    let statuses = each(&breaks(peer.passed()), &|at| {
        let (ran, _, home) = fetch(at);
        checked(&ran, &[67, 75], at);
        let m = home.path().join("m");
        let got = [files(&m.join("new")), files(&m.join("cur"))].concat();
        assert!(got.iter().all(|text| expected.contains(text)), "{at:?}: not whole: {got:?}");
        let done = ran.out.matches("\"fate\":\"done\"").count();
        assert_eq!((got.len(), files(&m.join("tmp")).len()), (done, 0), "{at:?}: {ran:?}");
        // Without its end nobody knows whether that was all.
        assert!(ran.status != 0 || done == 2, "{at:?}: {ran:?}");
        assert_eq!(ran.status == 75, done == 0, "{at:?}: {ran:?}");
        ran.status
    });
    assert_eq!(statuses.first(), Some(&0));
    assert!(statuses.contains(&75));
}

/// What was told of each message.
fn fates(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether what was told of a message fits how often it has arrived.
fn is_true(fate: &str, times: usize) -> bool {
    match fate {
        "done" => times == 1,
        "unknown" => times <= 1,
        _ => times == 0,
    }
}

#[test]
fn puts() {
    for capabilities in ["UIDPLUS", "UIDPLUS LITERAL+ MULTIAPPEND"] {
        let put = |breaks| {
            let peer = Peer::start(capabilities.trim_end_matches(" MULTIAPPEND"), others(), breaks);
            let stdin = MESSAGES.map(|text| text.replace('\r', "")).join("\0");
            let ran = run(&home(), "imap-put", &["-0", "--json", &peer.url("Box")], stdin.as_bytes());
            (ran, peer)
        };
        let (whole, peer) = put(Breaks::NEVER);
        whole.ends(0);
        let statuses = each(&breaks(peer.passed()), &|at| {
            let (ran, peer) = put(at);
            checked(&ran, &[67, 75, 79], at);
            let there: Vec<Vec<u8>> = peer.folder("Box").into_iter().map(|kept| kept.text).collect();
            let told = fates(&ran);
            for (n, text) in MESSAGES.iter().enumerate() {
                let times = there.iter().filter(|kept| *kept == text.as_bytes()).count();
                // A program that could not even begin tells of no message.
                let fate = told.get(n).map_or("later", |row| row["fate"].as_str().unwrap());
                assert!(is_true(fate, times), "{at:?}: {fate}, and {times} times there: {ran:?}");
            }
            assert!(there.len() <= 2 && there.iter().all(|kept| MESSAGES.iter().any(|m| m.as_bytes() == kept)));
            let unknown = told.iter().any(|row| row["fate"] == "unknown");
            assert_eq!(ran.status == 79, unknown, "{at:?}: {ran:?}");
            ran.status
        });
        assert!([0, 75, 79].iter().all(|status| statuses.contains(status)), "{statuses:?}");
    }
}

/// Every message is at one end at least, and what was told of it is true.
fn none_is_lost(ran: &Ran, source: &[Kept], target: &[Kept], at: Breaks) {
    let told = fates(ran);
    for (n, text) in MESSAGES.iter().enumerate() {
        let count = |there: &[Kept]| there.iter().filter(|kept| kept.text == text.as_bytes()).count();
        let (here, there) = (count(source), count(target));
        assert!(here + there >= 1 && here <= 1 && there <= 1, "{at:?}: {here} here, {there} there: {ran:?}");
        let row = told.iter().find(|row| row["ref"].as_str().unwrap().ends_with(&format!(".{}", n + 1)));
        let why = row.and_then(|row| row["error"].as_str()).unwrap_or_default();
        match row.map_or("later", |row| row["fate"].as_str().unwrap()) {
            "done" => assert_eq!((here, there), (0, 1), "{at:?}: {ran:?}"),
            "unknown" => {}
            // One that was copied and is still there is told so.
            _ if why.starts_with("copied, but the original") => {
                assert_eq!((here, there, ran.status), (1, 1, 67), "{at:?}: {ran:?}");
            }
            _ if why.starts_with("copied, and the original may be gone") => {
                assert_eq!((there, ran.status), (1, 67), "{at:?}: {ran:?}");
            }
            _ => assert_eq!((here, there), (1, 0), "{at:?}: {ran:?}"),
        }
    }
}

#[test]
fn moves_on_one_server() {
    for capabilities in ["UIDPLUS MOVE", "UIDPLUS"] {
        let mv = |breaks| {
            let peer = Peer::start(capabilities, folders(), breaks);
            let ran = run(&home(), "imap-mv", &["--all", "--json", &peer.url("INBOX"), &peer.url("Box")], b"");
            (ran, peer)
        };
        let (whole, peer) = mv(Breaks::NEVER);
        whole.ends(0);
        let statuses = each(&breaks(peer.passed()), &|at| {
            let (ran, peer) = mv(at);
            checked(&ran, &[67, 75, 79], at);
            none_is_lost(&ran, &peer.folder("INBOX"), &peer.folder("Box"), at);
            assert!(ran.status != 0 || peer.folder("INBOX").is_empty(), "{at:?}: {ran:?}");
            ran.status
        });
        assert!([0, 75, 79].iter().all(|status| statuses.contains(status)), "{statuses:?}");
    }
}

#[test]
fn moves_between_servers() {
    let mv = |from, to| {
        let source = Peer::start("UIDPLUS", folders(), from);
        let target = Peer::start("UIDPLUS", others(), to);
        let ran = run(&home(), "imap-mv", &["--all", "--json", &source.url("INBOX"), &target.url("Box")], b"");
        (ran, source, target)
    };
    let (whole, source, target) = mv(Breaks::NEVER, Breaks::NEVER);
    whole.ends(0);
    let judge = |(ran, source, target): (Ran, Peer, Peer), at| {
        checked(&ran, &[67, 75, 79], at);
        none_is_lost(&ran, &source.folder("INBOX"), &target.folder("Box"), at);
        assert!(ran.status != 0 || source.folder("INBOX").is_empty(), "{at:?}: {ran:?}");
        ran.status
    };
    let statuses = each(&breaks(source.passed()), &|at| judge(mv(at, Breaks::NEVER), at));
    assert!([0, 75].iter().all(|status| statuses.contains(status)), "{statuses:?}");
    let statuses = each(&breaks(target.passed()), &|at| judge(mv(Breaks::NEVER, at), at));
    assert!([0, 75, 79].iter().all(|status| statuses.contains(status)), "{statuses:?}");
}

/// What was told of each of the messages, which are there under these UIDs.
fn told(ran: &Ran) -> [String; 2] {
    let rows = fates(ran);
    [1, 2].map(|n| {
        let row = rows.iter().find(|row| row["ref"].as_str().unwrap().ends_with(&format!(".{n}")));
        row.map_or("later", |row| row["fate"].as_str().unwrap()).to_owned()
    })
}

#[test]
fn copies() {
    let cp = |breaks| {
        let peer = Peer::start("UIDPLUS", folders(), breaks);
        let ran = run(&home(), "imap-cp", &["--all", "--json", &peer.url("INBOX"), &peer.url("Box")], b"");
        (ran, peer)
    };
    let (whole, peer) = cp(Breaks::NEVER);
    whole.ends(0);
    let statuses = each(&breaks(peer.passed()), &|at| {
        let (ran, peer) = cp(at);
        checked(&ran, &[67, 75, 79], at);
        assert_eq!(peer.folder("INBOX").len(), 2, "{at:?}");
        let there = peer.folder("Box");
        for (text, fate) in MESSAGES.iter().zip(told(&ran)) {
            let times = there.iter().filter(|kept| kept.text == text.as_bytes()).count();
            assert!(is_true(&fate, times), "{at:?}: {fate}, and {times} times there: {ran:?}");
        }
        assert!(ran.status != 0 || there.len() == 2, "{at:?}: {ran:?}");
        ran.status
    });
    assert!([0, 75, 79].iter().all(|status| statuses.contains(status)), "{statuses:?}");
}

#[test]
fn removes() {
    let trash = || folders().into_iter().map(|(name, all)| (name.replace("INBOX", "Trash"), all)).collect();
    // Inside Trash for good, elsewhere into Trash.
    for (capabilities, purge) in [("UIDPLUS", true), ("UIDPLUS", false), ("UIDPLUS MOVE", false)] {
        let rm = |breaks| {
            let all: Folders = if purge { trash() } else { folders() };
            let peer = Peer::start(capabilities, all, breaks);
            let (from, how) = if purge { ("Trash", &["--purge"][..]) } else { ("INBOX", &["--trash", "Box"][..]) };
            let url = peer.url(from);
            let arguments = [how, &["--all", "--force", "--json", &url]].concat();
            let ran = run(&home(), "imap-rm", &arguments, b"");
            (ran, peer)
        };
        let (whole, peer) = rm(Breaks::NEVER);
        whole.ends(0);
        let statuses = each(&breaks(peer.passed()), &|at| {
            let (ran, peer) = rm(at);
            checked(&ran, &[67, 75, 79], at);
            let from = peer.folder(if purge { "Trash" } else { "INBOX" });
            if !purge {
                none_is_lost(&ran, &from, &peer.folder("Box"), at);
            }
            for (text, fate) in MESSAGES.iter().zip(told(&ran)) {
                let there = from.iter().any(|kept| kept.text == text.as_bytes());
                assert!(fate != "done" || !there, "{at:?}: done, and it is there: {ran:?}");
                assert!(!purge || fate == "done" || fate == "unknown" || there, "{at:?}: {fate}, and gone: {ran:?}");
            }
            assert!(ran.status != 0 || from.is_empty(), "{at:?}: {ran:?}");
            ran.status
        });
        assert!([0, 75].iter().all(|status| statuses.contains(status)), "{statuses:?}");
    }
}

#[test]
fn flags() {
    let flag = |breaks| {
        let peer = Peer::start("UIDPLUS", folders(), breaks);
        let ran = run(&home(), "imap-flag", &["--all", "--json", &peer.url("INBOX"), "+flagged"], b"");
        (ran, peer)
    };
    let (whole, peer) = flag(Breaks::NEVER);
    whole.ends(0);
    let statuses = each(&breaks(peer.passed()), &|at| {
        let (ran, peer) = flag(at);
        checked(&ran, &[67, 75, 79], at);
        let there = peer.folder("INBOX");
        for (text, fate) in MESSAGES.iter().zip(told(&ran)) {
            let kept = there.iter().find(|kept| kept.text == text.as_bytes()).unwrap();
            let flagged = kept.flags.iter().any(|flag| flag == "\\Flagged");
            // One that may have it is told as later: adding it once more changes nothing.
            let right = fate == "later" || fate == "done" && flagged;
            assert!(right && kept.flags.iter().any(|flag| flag == "\\Seen"), "{at:?}: {fate}, {kept:?}: {ran:?}");
        }
        ran.status
    });
    assert!([0, 75].iter().all(|status| statuses.contains(status)), "{statuses:?}");
}
