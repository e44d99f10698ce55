//! The mailbox against other programs, other sessions and accidents.

use super::*;
use crate::message::flags::{Flag, Flags};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

pub(super) fn tree() -> (tempfile::TempDir, Account) {
    let t = tempfile::tempdir().unwrap();
    // A tree that is there already gets no folders.
    Maildir::make(t.path().join("bob")).unwrap();
    let account = Account::open(&t.path().join("bob")).unwrap();
    (t, account)
}

pub(super) fn put(account: &Account, folder: &str, text: &str, flags: &str) -> u32 {
    let mut draft = account.draft().unwrap();
    draft.write(text.as_bytes()).unwrap();
    let target = Target { account, folder, flags: flags.parse().unwrap(), internal_date: None };
    draft.commit(&[target]).pop().unwrap().unwrap().uid
}

pub(super) fn uids(mailbox: &Mailbox) -> Vec<u32> {
    mailbox.messages().iter().map(|m| m.uid).collect()
}

fn read(mailbox: &Mailbox, index: usize) -> Option<String> {
    mailbox.file(index).unwrap().map(|f| std::io::read_to_string(f).unwrap())
}

pub(super) fn names(account: &Account, sub: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(account.root().join(sub)).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

/// Another connection, as another process has it.
pub(super) fn other(account: &Account) -> Account {
    let db = Db::open(&account.root().join("pipepost.sqlite"), &uids::SCHEMA).unwrap();
    Account {
        tree: Arc::new(Tree {
            inbox: account.tree.inbox.clone(),
            db,
            arrivals: Default::default(),
            cache: OnceLock::new(),
        }),
    }
}

#[test]
fn deliver_select_flag_expunge() {
    let (_t, account) = tree();
    assert_eq!(put(&account, "inbox", "one\n", ""), 1);
    assert_eq!(put(&account, "INBOX", "two\n", "\\Seen work"), 2);
    let status = account.status("INBOX", false).unwrap();
    assert_eq!((status.messages, status.recent, status.unseen, status.uid_next), (2, 2, 1, 3));
    let mut m = account.select("InBox", false).unwrap();
    assert_eq!((m.name(), uids(&m), m.uid_next()), ("INBOX", vec![1, 2], 3));
    assert!(m.messages().iter().all(|message| m.is_recent(message)));
    assert_eq!(account.status("INBOX", false).unwrap().recent, 0);
    assert_eq!(names(&account, "new").len(), 0);
    assert_eq!(m.messages()[1].flags.to_string(), "\\Seen work");
    assert_eq!(m.keywords(), ["work"]);
    assert_eq!((read(&m, 0).unwrap(), m.wire_size(0).unwrap()), ("one\n".to_owned(), Some(5)));
    let deleted = Flags::none().with(Flag::Deleted);
    assert_eq!(m.store(&[0], FlagChange::Add, &deleted).unwrap(), [0]);
    assert_eq!(m.store(&[1], FlagChange::Set, &"a b \\Deleted".parse().unwrap()).unwrap(), [1]);
    assert_eq!(m.messages()[1].flags.to_string(), "\\Deleted a b");
    assert_eq!(m.sync(true).unwrap(), Changes::default());
    m.expunge(Some(&|uid| uid == 2)).unwrap();
    assert_eq!(m.sync(false).unwrap().expunged, [0u32; 0]);
    assert_eq!(uids(&m), [1, 2]);
    assert_eq!(read(&m, 1), None);
    let changes = m.sync(true).unwrap();
    assert_eq!((changes.expunged, changes.recent), (vec![2], Some(1)));
    m.remove(&[1]).unwrap();
    assert_eq!(m.sync(true).unwrap().expunged, [1]);
    assert_eq!((m.messages().len(), m.uid_next()), (0, 3));
    assert_eq!(put(&account, "INBOX", "three\n", ""), 3);
    let changes = m.sync(true).unwrap();
    assert_eq!((changes.exists, changes.recent), (Some(1), Some(1)));
    assert_eq!(
        account.select("INBOX", true).unwrap().store(&[0], FlagChange::Add, &deleted).unwrap_err().exit().code(),
        69
    );
}

#[test]
fn the_maildir_is_the_truth() {
    let (_t, account) = tree();
    for i in 0..4 {
        put(&account, "INBOX", &format!("{i}\n"), "");
    }
    let mut m = account.select("INBOX", false).unwrap();
    // mutt marks one read, another answered; a message is removed; two are copied in, the older with the later name.
    let cur = names(&account, "cur");
    let with = |p: &Path, letters: &str| PathBuf::from(format!("{}{letters}", p.display()));
    std::fs::rename(&cur[0], with(&cur[0], "RS")).unwrap();
    std::fs::remove_file(&cur[1]).unwrap();
    let old = std::fs::File::create(account.root().join("new/zz")).unwrap();
    old.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    std::fs::write(account.root().join("cur/aa:2,F"), "a\r\nb\n\n").unwrap();
    let changes = m.sync(true).unwrap();
    assert_eq!((changes.expunged, changes.exists, changes.flags), (vec![2], Some(5), vec![0]));
    assert_eq!(uids(&m), [1, 3, 4, 5, 6]);
    assert_eq!(m.messages()[0].flags.to_string(), "\\Answered \\Seen");
    assert_eq!((m.is_recent(&m.messages()[3]), m.is_recent(&m.messages()[4])), (true, false));
    assert_eq!(m.messages()[3].internal_date, SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    assert_eq!(m.wire_size(4).unwrap(), Some(8));
    assert_eq!(m.wire_size(4).unwrap(), Some(8));
    std::fs::write(account.root().join("cur/aa:2,F"), "longer\n\n\n").unwrap();
    assert_eq!(m.wire_size(4).unwrap(), Some(12));
    // Renamed behind our back, before we look: found, and no flag is lost.
    std::fs::rename(account.root().join("cur/aa:2,F"), account.root().join("cur/aa:2,FRzQ")).unwrap();
    assert_eq!(read(&m, 4).unwrap(), "longer\n\n\n");
    assert_eq!(m.store(&[4, 0], FlagChange::Add, &Flags::none().with(Flag::Draft)).unwrap(), [4, 0]);
    assert_eq!(m.messages()[4].flags.to_string(), "\\Answered \\Flagged \\Draft");
    assert!(account.root().join("cur/aa:2,DFQRz").exists());
    std::fs::remove_file(account.root().join("cur/aa:2,DFQRz")).unwrap();
    assert_eq!(m.store(&[4], FlagChange::Add, &Flags::none().with(Flag::Seen)).unwrap(), [0usize; 0]);
    assert_eq!((read(&m, 4), m.wire_size(4).unwrap()), (None, None));
    assert_eq!(m.sync(true).unwrap().expunged, [5]);
    // \Deleted was taken back by another program: it stays.
    m.store(&[0], FlagChange::Set, &Flags::none().with(Flag::Deleted)).unwrap();
    let now = names(&account, "cur").into_iter().find(|p| p.to_string_lossy().ends_with(",T")).unwrap();
    std::fs::rename(&now, with(&now, "").to_string_lossy().replace(",T", ",S")).unwrap();
    m.expunge(None).unwrap();
    let changes = m.sync(true).unwrap();
    assert_eq!((changes.expunged, changes.flags), (vec![], vec![0]));
    assert_eq!(m.messages()[0].flags.to_string(), "\\Seen");
    let again = account.select("INBOX", true).unwrap();
    assert_eq!((again.uid_validity(), uids(&again)), (m.uid_validity(), uids(&m)));
}

#[test]
fn two_sessions_and_a_message_that_came_and_went() {
    let (_t, account) = tree();
    let far = other(&account);
    let mut a = account.select("INBOX", false).unwrap();
    let mut b = far.select("INBOX", true).unwrap();
    put(&account, "INBOX", "1\n", "");
    put(&far, "INBOX", "2\n", "");
    assert_eq!((b.sync(true).unwrap().exists, uids(&b)), (Some(2), vec![1, 2]));
    a.sync(true).unwrap();
    a.store(&[0], FlagChange::Set, &"\\Deleted red".parse().unwrap()).unwrap();
    let changes = b.sync(false).unwrap();
    assert_eq!((changes.flags, b.messages()[0].flags.to_string()), (vec![0], "\\Deleted red".to_owned()));
    a.expunge(None).unwrap();
    let uid = put(&account, "INBOX", "gone soon\n", "");
    std::fs::remove_file(&names(&account, "new")[0]).unwrap();
    assert_eq!((uid, b.sync(false).unwrap()), (3, Changes::default()));
    put(&account, "INBOX", "4\n", "");
    let changes = b.sync(false).unwrap();
    assert_eq!((changes.expunged, changes.exists), (vec![], Some(3)));
    let changes = b.sync(true).unwrap();
    assert_eq!((changes.expunged, uids(&b)), (vec![1], vec![2, 4]));
    a.sync(true).unwrap();
    assert_eq!((uids(&a), a.uid_next(), b.uid_next()), (vec![2, 4], 5, 5));
}

#[test]
fn a_lost_database_is_a_new_uid_validity() {
    let (_t, account) = tree();
    put(&account, "INBOX", "1\n", "\\Flagged");
    let mut m = account.select("INBOX", false).unwrap();
    let before = m.uid_validity();
    std::thread::sleep(Duration::from_millis(1100));
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(account.root().join(format!("pipepost.sqlite{end}")));
    }
    put(&account, "INBOX", "2\n", "");
    assert_eq!(m.sync(true).unwrap_err().exit().code(), 75);
    let m = account.select("INBOX", true).unwrap();
    assert!(m.uid_validity() > before);
    assert_eq!(uids(&m), [1, 2]);
    assert!(m.messages().iter().any(|m| m.flags.has(Flag::Flagged)));
}

/// The end of 32 bits: a folder begins anew under another UIDVALIDITY, and nobody ever gets an old UID for a new message.
#[test]
fn uids_come_to_an_end() {
    let (_t, account) = tree();
    (0..3).for_each(|n| assert!(put(&account, "INBOX", &format!("{n}\n"), "red \\Seen") > 0));
    let set_next = |next: u32| {
        let set = |t: &uids::Transaction<'_>| {
            let row = uids::folder(t, "INBOX")?.unwrap();
            uids::set_next(t, uids::FolderRow { uid_next: next, ..row })
        };
        account.db().write(set).unwrap();
    };
    // The last one that is given in the ordinary way, and those after it, which a session still gets.
    set_next(0xfeff_ffff);
    let mut m = account.select("INBOX", false).unwrap();
    let before = m.uid_validity();
    std::fs::write(account.root().join("new/a"), "3\n").unwrap();
    m.sync(true).unwrap();
    std::fs::write(account.root().join("new/b"), "4\n").unwrap();
    m.sync(true).unwrap();
    assert_eq!(uids(&m), [1, 2, 3, 0xfeff_ffff, 0xff00_0000]);
    assert_eq!((m.uid_validity(), m.uid_next()), (before, 0xff00_0001));
    m.remove(&[2]).unwrap();
    m.sync(true).unwrap();
    // Whoever opens it next finds a new one with the same messages in the same order; the session that is left ends.
    let again = account.select("INBOX", true).unwrap();
    assert!(again.uid_validity() > before);
    assert_eq!((uids(&again), again.uid_next()), (vec![1, 2, 3, 4], 5));
    let texts: Vec<String> = (0..4).map(|i| read(&again, i).unwrap()).collect();
    assert_eq!(texts, ["0\n", "2\n", "3\n", "4\n"]);
    assert_eq!((again.messages()[1].flags.to_string(), again.highest_modseq()), ("\\Seen red".to_owned(), 1));
    std::fs::write(account.root().join("new/c"), "5\n").unwrap();
    assert_eq!(m.sync(true).unwrap_err().exit().code(), 75);
    assert_eq!(put(&account, "INBOX", "6\n", ""), 5);
    // Delivery and COPY begin anew too, and what there is no number for gets none.
    set_next(u32::MAX);
    let m = account.select("INBOX", false).unwrap();
    assert_eq!(uids(&m), [1, 2, 3, 4, 5, 6]);
    set_next(u32::MAX);
    assert_eq!(put(&account, "INBOX", "7\n", ""), 7);
    account.create("Other").unwrap();
    let other = account.select("Other", false).unwrap();
    assert_eq!((other.recent(), m.copy(&[0, 1], "Other").unwrap().target), (0, vec![1, 2]));
    let mut m = account.select("INBOX", false).unwrap();
    set_next(u32::MAX);
    std::fs::write(account.root().join("new/d"), "8\n").unwrap();
    assert_eq!(m.sync(true).unwrap_err().exit().code(), 69);
    assert_eq!(account.select("INBOX", true).unwrap().messages().len(), 8);
}

#[test]
fn a_clock_far_in_the_future_leaves_uid_validities_for_later() {
    let (_t, account) = tree();
    let late = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 33);
    let make = |name: &str, now| account.db().write(|t| uids::folder_or_new(t, name, now)).unwrap().validity;
    let (a, b) = (make("A", late), make("B", late));
    let c = make("C", SystemTime::now());
    let end = make("D", SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX)));
    assert!(a > 0 && a < b && b < c && c < end && end == u32::MAX);
    let none = account.db().write(|t| uids::folder_or_new(t, "E", late)).unwrap_err();
    assert_eq!((none.exit().code(), make("D", late)), (69, u32::MAX));
}

#[test]
fn hostile_files_are_no_messages_and_bad_ones_fail_alone() {
    let (t, account) = tree();
    std::fs::write(t.path().join("secret"), "secret\n").unwrap();
    symlink(t.path().join("secret"), account.root().join("new/1.link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, account.root().join("cur/2.fifo:2,"), rustix::fs::Mode::RWXU).unwrap();
    let long = "x".repeat(254);
    std::fs::write(account.root().join("new").join(&long), "long\n").unwrap();
    std::fs::write(account.root().join("cur/3:2,"), "three\n").unwrap();
    let mut m = account.select("INBOX", false).unwrap();
    assert_eq!(m.messages().len(), 2);
    let texts: Vec<String> = (0..2).map(|i| read(&m, i).unwrap()).collect();
    assert!(texts.contains(&"long\n".to_owned()) && texts.contains(&"three\n".to_owned()));
    let long_one = texts.iter().position(|t| t == "long\n").unwrap();
    assert!(m.store(&[long_one], FlagChange::Add, &Flags::none().with(Flag::Seen)).is_err());
    // A message that is replaced by a link after the listing.
    std::fs::remove_file(account.root().join("cur/3:2,")).unwrap();
    symlink(t.path().join("secret"), account.root().join("cur/3:2,")).unwrap();
    assert!(m.file(1 - long_one).is_err());
    assert_eq!(m.sync(true).unwrap().expunged.len(), 1);
}

#[test]
fn copies_are_all_or_nothing() {
    let (_t, account) = tree();
    account.create("Lists/rust").unwrap();
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_111_111_111);
    let mut draft = account.draft().unwrap();
    draft.write(b"1\n").unwrap();
    let flags: Flags = "\\Seen green $Forwarded".parse().unwrap();
    draft.commit(&[Target { account: &account, folder: "INBOX", flags: flags.clone(), internal_date: Some(date) }]);
    put(&account, "INBOX", "2\n", "");
    put(&account, "Lists/rust", "0\n", "blue");
    let m = account.select("INBOX", false).unwrap();
    let copied = m.copy(&[0, 1], "Lists/rust").unwrap();
    assert_eq!((copied.source, copied.target), (vec![1, 2], vec![2, 3]));
    let lists = account.select("Lists/rust", false).unwrap();
    assert_eq!(lists.uid_validity(), copied.uid_validity);
    assert_eq!(
        (uids(&lists), &lists.messages()[1].flags, lists.messages()[1].internal_date),
        (vec![1, 2, 3], &flags, date)
    );
    assert!(lists.is_recent(&lists.messages()[1]) && lists.is_recent(&lists.messages()[2]));
    assert_eq!(m.copy(&[0], "nowhere").unwrap_err(), FolderError::NotFound);
    std::fs::remove_file(&names(&account, "cur")[1]).unwrap();
    assert_eq!(m.copy(&[0, 1], "Lists/rust").unwrap_err(), FolderError::Cannot("some of the messages no longer exist"));
    assert_eq!(account.status("Lists/rust", false).unwrap().messages, 3);
    // Into itself.
    assert_eq!(m.copy(&[0], "INBOX").unwrap().target, [3]);
}

#[test]
fn one_draft_for_many() {
    let (t, bob) = tree();
    let amy = Account::open(&t.path().join("amy")).unwrap();
    let mut draft = bob.draft().unwrap();
    draft.write(b"Subject: x\n\nhi\n").unwrap();
    let to = |account, folder, date: Option<u64>| Target {
        account,
        folder,
        flags: Flags::none(),
        internal_date: date.map(|s| SystemTime::UNIX_EPOCH + Duration::from_secs(s)),
    };
    let done = draft.commit(&[
        to(&bob, "INBOX", None),
        to(&bob, "No", None),
        to(&amy, "INBOX", None),
        to(&bob, "INBOX", Some(9)),
    ]);
    assert_eq!(
        done.iter().map(|d| d.as_ref().map(|s| s.uid)).collect::<Vec<_>>(),
        [Ok(1), Err(&FolderError::NotFound), Ok(1), Ok(2)]
    );
    assert_eq!(
        (names(&bob, "new").len(), names(&amy, "new").len(), names(&bob, "tmp").len(), names(&amy, "tmp").len()),
        (2, 1, 0, 0)
    );
    assert_eq!(names(&amy, "new")[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(bob.draft().unwrap());
    assert_eq!(names(&bob, "tmp").len(), 0);
}

#[test]
fn folders_come_go_and_move() {
    let (_t, account) = tree();
    assert!(Account::exists(account.root()));
    account.create("A/B/C").unwrap();
    account.create("A/").unwrap();
    account.create("inbox/Söhne & Co. 100%").unwrap();
    assert_eq!(account.create("a//b"), Err(FolderError::Cannot("no folder can have this name")));
    assert_eq!(account.create(&"x".repeat(300)), Err(FolderError::Cannot("name too long")));
    assert_eq!(account.create("Inbox"), Err(FolderError::AlreadyExists));
    assert_eq!(account.create("A"), Err(FolderError::AlreadyExists));
    account.subscribe("A/B/C", true).unwrap();
    account.subscribe("%0A.", true).unwrap();
    assert_eq!(account.subscribed().unwrap(), ["%0A.", "A/B/C"]);
    for broken in ["line\nbreak", "\r"] {
        assert_eq!(account.create(broken), Err(FolderError::Cannot("no folder can have this name")));
        assert!(account.subscribe(broken, true).is_err());
    }
    // Made by others: a folder, a link, something else.
    Maildir::make(account.root().join(".100%")).unwrap();
    symlink(account.root().join(".A"), account.root().join(".link")).unwrap();
    std::fs::create_dir(account.root().join(".git")).unwrap();
    let list = |account: &Account| -> Vec<String> {
        let show = |f: Folder| {
            let mark = |on, c| if on { c } else { "" };
            format!("{}{}{}{}", f.name, mark(!f.selectable, "!"), mark(f.has_children, "+"), mark(f.subscribed, "*"))
        };
        account.folders().unwrap().into_iter().map(show).collect()
    };
    assert_eq!(list(&account), ["INBOX+", "100%", "A+", "A/B!+", "A/B/C*", "INBOX/Söhne & Co. 100%"]);
    put(&account, "100%", "x\n", "");
    let c = put(&account, "A/B/C", "c\n", "red");
    let old = account.status("A/B/C", false).unwrap().uid_validity;
    assert_eq!(account.delete("A/B"), Err(FolderError::Cannot("it is only the name above other folders")));
    assert_eq!(account.rename("A", "A/x"), Err(FolderError::Cannot("a folder can't go below itself")));
    assert_eq!(account.rename("A", "100%"), Err(FolderError::AlreadyExists));
    let mut open = account.select("A/B/C", false).unwrap();
    account.rename("A", "Z/a").unwrap();
    assert_eq!(list(&account), ["INBOX+", "100%", "INBOX/Söhne & Co. 100%", "Z!+", "Z/a+", "Z/a/B!+", "Z/a/B/C"]);
    assert_eq!(open.sync(true).unwrap_err().exit().code(), 75);
    let moved = account.select("Z/a/B/C", true).unwrap();
    assert_eq!(
        (moved.uid_validity(), uids(&moved), moved.messages()[0].flags.to_string()),
        (old, vec![c], "red".into())
    );
    account.delete("Z/a").unwrap();
    assert_eq!(account.delete("Z/a"), Err(FolderError::Cannot("it is only the name above other folders")));
    account.delete("Z/a/B/C").unwrap();
    assert_eq!(account.delete("INBOX"), Err(FolderError::Cannot("INBOX stays")));
    account.create("Z/a/B/C").unwrap();
    let status = account.status("Z/a/B/C", false).unwrap();
    assert!(status.uid_validity > old && status.messages == 0 && status.uid_next == 1);
    assert_eq!(names(&account, "tmp").len(), 0);
    account.subscribe("%0A.", false).unwrap();
    assert_eq!(account.subscribed().unwrap(), ["A/B/C"]);
}

#[test]
fn renaming_inbox_moves_its_messages() {
    let (_t, account) = tree();
    put(&account, "INBOX", "1\n", "red");
    put(&account, "INBOX", "2\n", "");
    account.create("INBOX/sub").unwrap();
    let mut m = account.select("INBOX", false).unwrap();
    account.rename("inbox", "Old").unwrap();
    assert_eq!(m.sync(true).unwrap().expunged, [2, 1]);
    let old = account.select("Old", false).unwrap();
    assert_eq!((old.messages().len(), old.keywords()), (2, vec!["red".to_owned()]));
    assert_eq!(account.status("INBOX", false).unwrap().uid_next, 3);
    assert!(account.status("INBOX/sub", false).is_ok() && account.status("Old/sub", false).is_err());
}

#[test]
fn twenty_six_keywords_and_then_those_nobody_uses() {
    let (_t, account) = tree();
    put(&account, "INBOX", "1\n", "");
    let mut m = account.select("INBOX", false).unwrap();
    for i in 0..30 {
        m.store(&[0], FlagChange::Set, &format!("k{i}").parse().unwrap()).unwrap();
        m.sync(true).unwrap();
    }
    assert_eq!(m.messages()[0].flags.to_string(), "k29");
    let all: String = (0..26).map(|i| format!("w{i} ")).collect();
    m.store(&[0], FlagChange::Set, &Flags::none()).unwrap();
    m.store(&[0], FlagChange::Set, &all.parse().unwrap()).unwrap();
    assert_eq!(m.store(&[0], FlagChange::Add, &"one-more".parse().unwrap()).unwrap_err().exit().code(), 69);
    assert_eq!(account.select("INBOX", true).unwrap().messages()[0].flags.keywords().len(), 26);
}

#[test]
fn one_pop3_session() {
    let (_t, account) = tree();
    let lock = account.lock_maildrop().unwrap();
    assert!(lock.is_some() && account.lock_maildrop().unwrap().is_none());
    drop(lock);
    assert!(account.lock_maildrop().unwrap().is_some());
}

/// Deliverers, a program that renames for flags, one that removes, and readers that must never see a UID change its
/// message, come back, or go down.
#[test]
fn many_at_once() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let (_t, account) = tree();
    let done = AtomicBool::new(false);
    let uids_of: Mutex<HashMap<String, u32>> = Mutex::default();
    let (done, account, uids_of) = (&done, &account, &uids_of);
    std::thread::scope(|s| {
        let mut writers = Vec::new();
        for w in 0..3 {
            let account = if w == 0 { account.clone() } else { other(account) };
            writers.push(s.spawn(move || {
                for i in 0..40 {
                    match (w, i % 2) {
                        (2, _) => {
                            let tmp = account.root().join(format!("tmp/{i}.{w}"));
                            std::fs::write(&tmp, format!("{w} {i}\n")).unwrap();
                            std::fs::rename(&tmp, account.root().join(format!("new/{i}.{w}"))).unwrap();
                        }
                        (_, 0) => drop(put(&account, "INBOX", &format!("{w} {i}\n"), "\\Flagged")),
                        _ => drop(put(&account, "INBOX", &format!("{w} {i}\n"), "")),
                    }
                }
            }));
        }
        s.spawn(move || {
            let mut round = 0usize;
            while !done.load(Ordering::Relaxed) {
                round += 1;
                for file in names(account, "cur") {
                    let name = file.to_string_lossy().into_owned();
                    let (base, letters) = name.split_once(":2,").unwrap();
                    let letters = if letters.contains('S') { letters.replace('S', "") } else { format!("{letters}S") };
                    let _ = std::fs::rename(&file, format!("{base}:2,{letters}"));
                }
                if round.is_multiple_of(20)
                    && let Some(victim) = names(account, "cur").first()
                {
                    let _ = std::fs::remove_file(victim);
                }
            }
        });
        for r in 0..3 {
            let account = other(account);
            s.spawn(move || {
                let mut m = account.select("INBOX", r == 2).unwrap();
                let mut texts: HashMap<u32, String> = HashMap::new();
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let before = uids(&m);
                    let changes = m.sync(true).unwrap();
                    let mut expect = before;
                    for n in changes.expunged {
                        expect.remove(n as usize - 1);
                    }
                    let now = uids(&m);
                    assert!(now.starts_with(&expect) && now.is_sorted());
                    for (i, uid) in now.iter().enumerate() {
                        if i >= expect.len() {
                            assert!(*uid > last);
                            last = *uid;
                        }
                        if let Some(text) = read(&m, i) {
                            assert_eq!(texts.entry(*uid).or_insert_with(|| text.clone()), &text);
                            // A file that was only renamed keeps its UID for everyone.
                            assert_eq!(uids_of.lock().unwrap().entry(text).or_insert(*uid), uid);
                        }
                    }
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        std::thread::sleep(Duration::from_millis(200));
        done.store(true, Ordering::Relaxed);
    });
    let m = account.select("INBOX", true).unwrap();
    assert_eq!(m.messages().len(), names(account, "cur").len() + names(account, "new").len());
}

#[test]
fn special_folders_come_with_a_new_tree_and_never_by_themselves() {
    let t = tempfile::tempdir().unwrap();
    let special = |account: &Account| -> Vec<String> {
        account.folders().unwrap().into_iter().filter_map(|f| f.special_use).map(str::to_owned).collect()
    };
    let root = t.path().join("new");
    {
        let account = Account::open(&root).unwrap();
        assert_eq!(special(&account), ["\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"]);
        assert_eq!(account.subscribed().unwrap(), ["Archive", "Drafts", "Junk", "Sent", "Trash"]);
        account.delete("Junk").unwrap();
        account.rename("Sent", "Post").unwrap();
    }
    assert_eq!(special(&Account::open(&root).unwrap()), ["\\Archive", "\\Drafts", "\\Trash"]);
    // A Maildir that is there already keeps to itself.
    let old = t.path().join("old");
    Maildir::make(&old).unwrap();
    let account = Account::open(&old).unwrap();
    assert_eq!((account.folders().unwrap().len(), account.subscribed().unwrap().len()), (1, 0));
    // Killed before the INBOX was there: it is made whole.
    let half = t.path().join("half");
    std::fs::create_dir_all(half.join(".Archive/tmp")).unwrap();
    assert_eq!(special(&Account::open(&half).unwrap()).len(), 5);
}
