//! SIGKILL at any moment: no message that was promised is lost, no UID names two messages, none goes down.
//!
//! The child is this test program again, with a tree to work on in `PIPEPOST_CRASH`. It writes down what it was promised.

use super::*;
use crate::message::flags::{Flag, Flags};
use std::collections::HashSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn child() {
    let Some(root) = std::env::var_os("PIPEPOST_CRASH").map(PathBuf::from) else { return };
    let rounds: u32 = std::env::var("PIPEPOST_CRASH_ROUNDS").map_or(u32::MAX, |r| r.parse().unwrap());
    let account = Account::open(&root.join("tree")).unwrap();
    let _ = account.create("Other");
    let mut ledger = std::fs::OpenOptions::new().create(true).append(true).open(root.join("ledger")).unwrap();
    // One write for a line, so that two children never mix theirs.
    let mut note = |line: String| ledger.write_all(line.as_bytes()).unwrap();
    for i in 0..rounds {
        let text = format!("{} {i}\n", std::process::id());
        let mut draft = account.draft().unwrap();
        draft.write(text.as_bytes()).unwrap();
        let flags = if i % 2 == 0 { Flags::none() } else { "\\Seen red".parse().unwrap() };
        let target = Target { account: &account, folder: "INBOX", flags, internal_date: None };
        let stored = draft.commit(&[target]).pop().unwrap().unwrap();
        note(format!("D {} {} {text}", stored.uid_validity, stored.uid));
        if i % 3 == 2 {
            let mut m = account.select("INBOX", false).unwrap();
            let old: Vec<usize> = (0..m.messages().len().saturating_sub(6)).collect();
            for index in &old {
                note(format!("E {} {} \n", m.uid_validity(), m.messages()[*index].uid));
            }
            m.store(&old, FlagChange::Add, &Flags::none().with(Flag::Deleted)).unwrap();
            m.copy(&[m.messages().len() - 1], "Other").unwrap();
            m.expunge(None).unwrap();
            m.sync(true).unwrap();
        }
    }
}

#[derive(Default)]
struct Known {
    texts: HashMap<u32, String>,
    validity: Option<u32>,
    uid_next: u32,
}

impl Known {
    fn check(&mut self, root: &Path) {
        let account = Account::open(&root.join("tree")).unwrap();
        let m = account.select("INBOX", true).unwrap();
        assert_eq!(*self.validity.get_or_insert(m.uid_validity()), m.uid_validity());
        assert!(m.uid_next() >= self.uid_next);
        self.uid_next = m.uid_next();
        let mut here: HashSet<String> = HashSet::new();
        for (i, message) in m.messages().iter().enumerate() {
            let text = std::io::read_to_string(m.file(i).unwrap().unwrap()).unwrap();
            assert!(text.ends_with('\n') && message.uid < m.uid_next());
            assert_eq!(self.texts.entry(message.uid).or_insert_with(|| text.clone()), &text);
            assert!(here.insert(text), "a message is here twice");
        }
        let ledger = std::fs::read_to_string(root.join("ledger")).unwrap_or_default();
        let records: Vec<Vec<&str>> = ledger.lines().map(|l| l.splitn(4, ' ').collect()).collect();
        let removed: HashSet<&str> = records.iter().filter(|r| r[0] == "E").map(|r| r[2]).collect();
        for record in records.iter().filter(|r| r[0] == "D") {
            let text = format!("{}\n", record[3]);
            assert_eq!(record[1], m.uid_validity().to_string());
            assert_eq!(self.texts.entry(record[2].parse().unwrap()).or_insert_with(|| text.clone()), &text);
            assert!(here.contains(&text) || removed.contains(record[2]), "lost: {record:?}");
        }
    }
}

fn run(root: &Path) -> std::process::Child {
    spawn("child", "PIPEPOST_CRASH", root)
}

fn spawn(test: &str, variable: &str, root: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("server::mailbox::crash::{test}"), "--nocapture"])
        .env(variable, root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_at_any_moment() {
    let t = tempfile::tempdir().unwrap();
    let mut known = Known::default();
    for round in 0..20u64 {
        let mut children = [run(t.path()), run(t.path())];
        for (n, child) in (0u64..).zip(&mut children) {
            std::thread::sleep(Duration::from_millis(15 + (round * 37 + n * 11) % 70));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        known.check(t.path());
    }
    assert!(known.uid_next > 20, "{}", known.uid_next);
}

#[test]
fn mover() {
    let Some(root) = std::env::var_os("PIPEPOST_CRASH_MOVE").map(PathBuf::from) else { return };
    let account = Account::open(&root).unwrap();
    for (from, to) in [("INBOX", "Trash"), ("Trash", "INBOX")].iter().cycle() {
        let mut m = account.select(from, false).unwrap();
        let copied = m.copy(&(0..m.messages().len()).collect::<Vec<_>>(), to).unwrap();
        m.remove(&copied.source).unwrap();
    }
}

#[test]
fn what_is_moved_is_never_lost() {
    let t = tempfile::tempdir().unwrap();
    let account = Account::open(t.path()).unwrap();
    let texts: HashSet<String> = (0..8).map(|n| format!("number {n}\n")).collect();
    for text in &texts {
        let mut draft = account.draft().unwrap();
        draft.write(text.as_bytes()).unwrap();
        let target = Target { account: &account, folder: "INBOX", flags: Flags::none(), internal_date: None };
        draft.commit(&[target]).pop().unwrap().unwrap();
    }
    for round in 0..12u64 {
        let mut child = spawn("mover", "PIPEPOST_CRASH_MOVE", t.path());
        std::thread::sleep(Duration::from_millis(20 + (round * 37) % 60));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut here: Vec<String> = Vec::new();
        for folder in ["INBOX", "Trash"] {
            let m = account.select(folder, true).unwrap();
            here.extend((0..m.messages().len()).map(|i| std::io::read_to_string(m.file(i).unwrap().unwrap()).unwrap()));
        }
        assert!(texts.iter().all(|text| here.contains(text)), "{here:?}");
        // Duplicates would grow without end.
        let mut seen = HashSet::new();
        for folder in ["INBOX", "Trash"] {
            let mut m = account.select(folder, false).unwrap();
            let text = |i: usize| std::io::read_to_string(m.file(i).unwrap().unwrap()).unwrap();
            let again: Vec<u32> =
                (0..m.messages().len()).filter(|i| !seen.insert(text(*i))).map(|i| m.messages()[i].uid).collect();
            m.remove(&again).unwrap();
        }
    }
}

/// For a loop outside: `PIPEPOST_CRASH_CHECK=DIR` checks what a child left there.
#[test]
fn check() {
    if let Some(root) = std::env::var_os("PIPEPOST_CRASH_CHECK") {
        Known::default().check(Path::new(&root));
    }
}
