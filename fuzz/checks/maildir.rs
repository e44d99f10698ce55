//! Any names in a Maildir, and any names from sessions: what is made stays below the root, and what is shown can be opened.

use pipepost::message::flags::{Flag, Flags};
use pipepost::server::mailbox::{Account, FlagChange};
use pipepost::store::maildir::{base, letters, sizes, with_letters};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Panics if something does not hold. The first byte chooses: names alone, or a tree where each line is a step.
pub fn check(input: &[u8]) {
    match input.split_first() {
        Some((b'n', name)) => file_name(name),
        Some((_, steps)) => tree(steps),
        None => {}
    }
}

fn file_name(name: &[u8]) {
    let own = base(name);
    assert!(name.starts_with(own) && name.ends_with(letters(name)));
    assert_eq!(base(own), own);
    let _ = sizes(name);
    let again = with_letters(own, letters(name));
    assert_eq!((base(&again), letters(&again)), (own, letters(name)));
    assert_eq!(sizes(&again), sizes(name));
}

/// The system takes no other names.
fn path(name: &[u8]) -> Option<&OsStr> {
    let fine = !name.is_empty() && name.len() <= 255 && name != b"." && name != b".." && !name.contains(&b'/');
    (fine && !name.contains(&0)).then(|| OsStr::from_bytes(name))
}

fn tree(steps: &[u8]) {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let root = dir.path().join("bob");
    let account = Account::open(&root).unwrap();
    for step in steps.split(|b| *b == b'\n').take(30) {
        let Some((what, name)) = step.split_first() else { continue };
        let text = String::from_utf8_lossy(name);
        let place = path(name);
        match (what, place) {
            // What other programs do.
            (b'd', Some(name)) => {
                let _ = std::fs::create_dir_all(root.join(name).join("cur"));
            }
            (b'f', Some(name)) => drop(std::fs::write(root.join("cur").join(name), "A: b\n\nc\n")),
            (b'w', Some(name)) => drop(std::fs::write(root.join("new").join(name), "A: b\n\nc\n")),
            (b'y', Some(name)) => drop(std::os::unix::fs::symlink("/etc/hostname", root.join("cur").join(name))),
            // What sessions do.
            (b'c', _) => drop(account.create(&text)),
            (b'x', _) => drop(account.delete(&text)),
            (b's', _) => drop(account.subscribe(&text, true)),
            (b'r', _) => {
                let (from, to) = text.split_once(' ').unwrap_or((&text, "to"));
                drop(account.rename(from, to));
            }
            _ => {}
        }
    }
    let folders = account.folders().unwrap();
    // Of files with the same base one counts, and which of them is nobody's promise.
    let mut bases: Vec<Vec<u8>> = Vec::new();
    for dir in ["new", "cur"] {
        let names = std::fs::read_dir(root.join(dir)).unwrap().map(|entry| entry.unwrap().file_name());
        bases.extend(names.map(|name| base(name.as_bytes()).to_vec()));
    }
    bases.sort_unstable();
    let alike = bases.windows(2).any(|pair| pair[0] == pair[1]);
    for folder in folders.iter().filter(|f| f.selectable) {
        let mut mailbox = account.select(&folder.name, false).unwrap();
        let count = mailbox.messages().len();
        let all: Vec<usize> = (0..count).collect();
        for index in &all {
            let file = mailbox.file(*index).unwrap().unwrap();
            assert!(file.metadata().unwrap().is_file());
        }
        mailbox.store(&all, FlagChange::Add, &Flags::none().with(Flag::Seen)).unwrap();
        assert_eq!(mailbox.messages().len(), count);
        let mut again = account.select(&folder.name, true).unwrap();
        assert!(alike || again.messages().iter().all(|m| m.flags.has(Flag::Seen)));
        assert!(again.messages().iter().map(|m| m.uid).eq(mailbox.messages().iter().map(|m| m.uid)));
        assert!(again.sync(true).unwrap().expunged.is_empty());
    }
    let mut names: Vec<&str> = folders.iter().map(|f| f.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), folders.len());
    only(dir.path(), "bob");
}

/// Nothing else is there.
fn only(dir: &Path, name: &str) {
    let names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, [name]);
}
