//! That nobody is ever shown a folder as it was: whatever other programs and sessions do between two SELECTs, the second
//! shows what the directories and the database hold.

use super::tests::{other, put, tree, uids};
use super::*;
use crate::message::flags::{Flag, Flags};
use crate::store::maildir;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime};

/// The letters of the files that are there, by their base names.
fn files(account: &Account) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    for sub in [Sub::New, Sub::Cur] {
        let list = |name: &[u8]| drop(found.insert(maildir::base(name).to_vec(), maildir::letters(name).to_vec()));
        account.tree.inbox.list(sub, list).unwrap();
    }
    found
}

/// What was known of each base name: UIDs never change while a file stays.
#[derive(Default)]
struct Known(BTreeMap<Vec<u8>, u32>);

impl Known {
    /// Selects the folder, and compares what is shown with the files and the rows.
    fn check(&mut self, account: &Account, read_only: bool, what: &str) -> Mailbox {
        let mailbox = account.select("INBOX", read_only).unwrap();
        let there = files(account);
        let mut seen: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut rows = BTreeMap::new();
        let all =
            |t: &uids::Transaction<'_>| uids::messages(t, mailbox.validity, 1, |row| drop(rows.insert(row.uid, row)));
        account.db().read(all).unwrap();
        assert!(uids(&mailbox).is_sorted());
        for (message, file) in mailbox.view.messages.iter().zip(&mailbox.view.files) {
            let (base, letters) = (file.base().to_vec(), maildir::letters(&file.name).to_vec());
            let row = &rows[&message.uid];
            assert_eq!((&*row.base, row.modseq), (base.as_slice(), message.modseq), "{what}");
            assert_eq!(row.letters.as_deref(), Some(letters.as_slice()), "{what}");
            assert_eq!(message.flags.has(Flag::Seen), letters.contains(&b'S'), "{what}");
            assert!(message.modseq <= mailbox.highest_modseq());
            seen.insert(base, letters);
        }
        assert_eq!(seen, there, "{what}");
        assert_eq!(rows.len(), there.len(), "{what}");
        self.0.retain(|base, _| there.contains_key(base));
        for (message, file) in mailbox.view.messages.iter().zip(&mailbox.view.files) {
            assert_eq!(*self.0.entry(file.base().to_vec()).or_insert(message.uid), message.uid, "{what}");
        }
        mailbox
    }
}

/// The times of modification as they were, which any program can do.
fn set_back(account: &Account, times: &[(PathBuf, SystemTime)]) {
    for (dir, time) in times {
        File::open(account.root().join(dir)).unwrap().set_modified(*time).unwrap();
    }
}

fn times(account: &Account) -> Vec<(PathBuf, SystemTime)> {
    let time = |dir: &str| (dir.into(), account.root().join(dir).metadata().unwrap().modified().unwrap());
    ["new", "cur"].map(time).into()
}

fn first(account: &Account, sub: &str) -> Option<PathBuf> {
    super::tests::names(account, sub).into_iter().next()
}

fn rename(path: &Path, letters: &[u8]) {
    let name = path.file_name().unwrap().as_bytes();
    let new = maildir::with_letters(maildir::base(name), letters);
    std::fs::rename(path, path.with_file_name(std::ffi::OsStr::from_bytes(&new))).unwrap();
}

#[test]
fn each_change_is_seen_in_the_same_second_and_with_the_times_set_back() {
    type Act = fn(&Account, u32);
    let acts: [(&str, Act); 7] = [
        ("added", |a, n| std::fs::write(a.root().join(format!("cur/added{n}:2,")), "x\n").unwrap()),
        ("added to new", |a, n| std::fs::write(a.root().join(format!("new/new{n}")), "x\n").unwrap()),
        ("removed", |a, _| std::fs::remove_file(first(a, "cur").unwrap()).unwrap()),
        ("flagged", |a, n| rename(&first(a, "cur").unwrap(), if n % 2 == 0 { b"FS" } else { b"" })),
        ("moved to new", |a, _| {
            let path = first(a, "cur").unwrap();
            std::fs::rename(&path, a.root().join("new").join(path.file_name().unwrap())).unwrap();
        }),
        ("replaced", |a, n| {
            std::fs::remove_file(first(a, "cur").unwrap()).unwrap();
            std::fs::write(a.root().join(format!("cur/in its place{n}:2,S")), "x\n").unwrap();
        }),
        ("exchanged", |a, n| {
            // The directory is another one, with the same times.
            let (cur, old) = (a.root().join("cur"), a.root().join(format!("old{n}")));
            std::fs::rename(&cur, &old).unwrap();
            std::fs::create_dir(&cur).unwrap();
            for path in std::fs::read_dir(&old).unwrap().skip(1) {
                let path = path.unwrap().path();
                std::fs::rename(&path, cur.join(path.file_name().unwrap())).unwrap();
            }
        }),
    ];
    let (_t, account) = tree();
    (0..12).for_each(|n| assert!(put(&account, "INBOX", &format!("{n}\n"), "\\Flagged") > 0));
    let mut known = Known::default();
    let mut n = 0;
    for new_process in [false, true] {
        for settle in [0, 70] {
            for (what, act) in acts {
                n += 1;
                let what = format!("{what} {n}");
                known.check(&account, n % 3 == 0, &what);
                std::thread::sleep(Duration::from_millis(settle));
                // What was in new is in cur now; then the directories stand still.
                known.check(&account, false, &what);
                std::thread::sleep(Duration::from_millis(settle));
                known.check(&account, false, &what);
                if settle > 0 {
                    let mailbox = known.check(&account, false, &what);
                    assert!(mailbox.watch.is_sure(), "{what}");
                }
                let before = times(&account);
                act(&account, n);
                set_back(&account, &before);
                if new_process {
                    picture::forget_all();
                }
                known.check(&account, n % 2 == 0, &what);
            }
        }
    }
}

/// Many changes by many, with and without waiting, and SELECT after SELECT, by sessions of this process and by what is like
/// another one.
#[test]
fn whatever_happens_between() {
    let (_t, account) = tree();
    let far = other(&account);
    let mut known = Known::default();
    // A multiplication makes numbers that are random enough, and the same each time.
    let mut state = 12345u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut log = String::new();
    let mut old: Option<Mailbox> = None;
    for n in 0..400 {
        let who = if random(2) == 0 { &account } else { &far };
        let before = times(&account);
        let act = random(12);
        log.push_str(&format!("{act} "));
        match act {
            0 | 1 => drop(put(who, "INBOX", &format!("{n}\n"), ["", "\\Seen", "red"][random(3) as usize])),
            2 => std::fs::write(account.root().join(format!("new/{n}")), "x\n").unwrap(),
            3 => first(&account, "cur").into_iter().for_each(|p| std::fs::remove_file(p).unwrap()),
            4 | 5 => {
                first(&account, "cur").into_iter().for_each(|p| rename(&p, [&b"S"[..], b"", b"F"][random(3) as usize]))
            }
            6 => {
                // There and back again.
                let Some(path) = first(&account, "cur") else { continue };
                let away = account.root().join("away");
                std::fs::rename(&path, &away).unwrap();
                if random(2) == 0 {
                    drop(who.select("INBOX", true).unwrap());
                }
                std::fs::rename(&away, &path).unwrap();
                // It may be another message by now.
                known.0.remove(maildir::base(path.file_name().unwrap().as_bytes()));
            }
            7 | 8 => {
                let mut m = who.select("INBOX", false).unwrap();
                if random(2) == 0 {
                    m.track_modseqs().unwrap();
                }
                if !m.messages().is_empty() {
                    let index = random(m.messages().len() as u64) as usize;
                    m.store(&[index], FlagChange::Set, &["\\Seen", "", "blue"][random(3) as usize].parse().unwrap())
                        .unwrap();
                }
            }
            9 if n % 4 == 0 => {
                let mut m = who.select("INBOX", false).unwrap();
                m.store(&[0], FlagChange::Add, &Flags::none().with(Flag::Deleted)).unwrap();
                m.expunge(None).unwrap();
            }
            10 => {
                if let Some(m) = &mut old {
                    m.sync(random(2) == 0).unwrap();
                }
            }
            11 => old = Some(who.select("INBOX", random(2) == 0).unwrap()),
            _ => {}
        }
        if random(3) == 0 {
            set_back(&account, &before);
        }
        if random(6) == 0 {
            std::thread::sleep(Duration::from_millis(60));
        }
        if random(4) == 0 {
            picture::forget_all();
        }
        let who = if random(2) == 0 { &account } else { &far };
        known.check(who, random(2) == 0, &log);
    }
    if let Some(m) = &mut old {
        m.sync(true).unwrap();
        assert_eq!(uids(m), uids(&account.select("INBOX", true).unwrap()));
    }
}

#[test]
fn sessions_share_what_they_see_until_they_change_it() {
    let (_t, account) = tree();
    (0..5).for_each(|n| assert!(put(&account, "INBOX", &format!("{n}\n"), "\\Seen") > 0));
    std::thread::sleep(Duration::from_millis(70));
    let mut a = account.select("INBOX", false).unwrap();
    let mut b = account.select("INBOX", true).unwrap();
    let c = other(&account).select("INBOX", true).unwrap();
    assert!(Arc::ptr_eq(&a.view, &b.view) && Arc::ptr_eq(&a.view, &c.view));
    assert_eq!((a.recent(), b.recent()), (5, 0));
    a.store(&[1], FlagChange::Add, &Flags::none().with(Flag::Deleted)).unwrap();
    a.expunge(None).unwrap();
    a.sync(true).unwrap();
    assert_eq!((uids(&a), uids(&c)), (vec![1, 3, 4, 5], vec![1, 2, 3, 4, 5]));
    std::thread::sleep(Duration::from_millis(70));
    assert_eq!(b.sync(true).unwrap().expunged, [2]);
    let mut d = account.select("INBOX", true).unwrap();
    d.sync(true).unwrap();
    b.sync(true).unwrap();
    assert!(Arc::ptr_eq(&b.view, &d.view) && !Arc::ptr_eq(&b.view, &c.view));
}

/// A database that was put back to an older state may give the same UIDs and mod-sequences to other messages.
#[test]
fn a_picture_that_is_ahead_of_the_database_is_nobodys() {
    let (_t, account) = tree();
    (0..4).for_each(|n| assert!(put(&account, "INBOX", &format!("{n}\n"), "\\Seen") > 0));
    let put_back = |t: &uids::Transaction<'_>| {
        let mut folder = uids::folder(t, "INBOX")?.unwrap();
        t.execute("DELETE FROM message WHERE uid = 4", [])?;
        (folder.uid_next, folder.modseq) = (4, 4);
        uids::set_next(t, folder)
    };
    std::thread::sleep(Duration::from_millis(70));
    let before = uids(&account.select("INBOX", false).unwrap());
    account.db().write(put_back).unwrap();
    std::fs::write(account.root().join("cur/0first:2,"), "x\n").unwrap();
    File::options()
        .write(true)
        .open(account.root().join("cur/0first:2,"))
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH)
        .unwrap();
    let m = account.select("INBOX", false).unwrap();
    assert_eq!((before, uids(&m)), (vec![1, 2, 3, 4], vec![1, 2, 3, 4, 5]));
    assert_eq!(m.view.files[3].base(), b"0first");
}
