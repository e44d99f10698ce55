//! What is known of messages without reading them is what reading them would tell.

use super::tests::{other, put, tree, uids};
use super::*;
use crate::message::flags::{Flag, Flags};
use std::time::{Duration, SystemTime};

fn read(n: usize) -> Read {
    Read { wire: None, fields: Some(format!("Subject: {n}\r\n").into_bytes().into()), structure: None }
}

/// Fills the cache with what each message's text says.
fn fill(mailbox: &mut Mailbox) {
    mailbox.expect(1000);
    for index in 0..mailbox.messages().len() {
        let file = mailbox.file(index).unwrap().unwrap();
        let n = std::io::read_to_string(&file).unwrap().trim().parse().unwrap();
        mailbox.remember(index, &file, read(n));
    }
    mailbox.settle();
}

fn known(mailbox: &mut Mailbox) -> Vec<Option<usize>> {
    mailbox.expect(1000);
    let all = (0..mailbox.messages().len())
        .map(|index| {
            let fields = mailbox.known(index).unwrap()?.fields?;
            String::from_utf8_lossy(&fields).trim().strip_prefix("Subject: ")?.parse().ok()
        })
        .collect();
    mailbox.settle();
    all
}

#[test]
fn what_was_read_is_known_to_all_until_the_file_is_another() {
    let (_t, account) = tree();
    (0..700).for_each(|n| std::fs::write(account.root().join(format!("cur/{n:03}:2,")), format!("{n}\n")).unwrap());
    let mut m = account.select("INBOX", false).unwrap();
    assert_eq!(known(&mut m), vec![None; 700]);
    fill(&mut m);
    let all: Vec<Option<usize>> = (0..700).map(Some).collect();
    let order: Vec<usize> = (0..700)
        .map(|i| std::io::read_to_string(m.file(i).unwrap().unwrap()).unwrap().trim().parse().unwrap())
        .collect();
    let shown = |known: Vec<Option<usize>>| -> Vec<Option<usize>> {
        let mut sorted = vec![None; 700];
        known.into_iter().zip(&order).for_each(|(known, n)| sorted[*n] = known);
        sorted
    };
    assert_eq!(shown(known(&mut m)), all);
    // Another session, another process.
    assert_eq!(shown(known(&mut other(&account).select("INBOX", true).unwrap())), all);
    // Flags change nothing. Another size, another time, the same name for another message: nothing is known.
    let at = |n: usize| order.iter().position(|o| *o == n).unwrap();
    m.store(&[at(5)], FlagChange::Add, &Flags::none().with(Flag::Seen)).unwrap();
    let path = |n: usize| account.root().join(format!("cur/{n:03}:2,"));
    std::fs::write(path(6), "06\n").unwrap();
    std::fs::remove_file(path(7)).unwrap();
    std::fs::write(path(7), "9\n").unwrap();
    let file = File::options().write(true).open(path(8)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(5)).unwrap();
    std::fs::rename(path(9), account.root().join("cur/009:2,F")).unwrap();
    let mut b = account.select("INBOX", true).unwrap();
    let now = shown(known(&mut b));
    let lost: Vec<usize> = (0..700).filter(|n| now[*n] != Some(*n)).collect();
    assert_eq!(lost, [6, 7, 8]);
    assert!(lost.iter().all(|n| now[*n].is_none()));
    // It is found out again, beside what was known of the others.
    b.expect(1000);
    let (index, file) = (at(6), b.file(at(6)).unwrap().unwrap());
    b.remember(index, &file, read(6));
    assert_eq!(b.known(index).unwrap(), Some(read(6)));
    assert_eq!(b.wire_size(index).unwrap(), Some(4));
    b.settle();
    assert_eq!(b.known(index).unwrap(), Some(Read { wire: Some(4), ..read(6) }));
}

fn rows(account: &Account, folder: u32) -> Vec<u32> {
    let db = cache::open(account.root()).unwrap();
    cache::rows(&db, folder, 0, usize::MAX, usize::MAX).into_iter().map(|(uid, _)| uid).collect()
}

#[test]
fn rows_go_with_their_messages() {
    let (_t, account) = tree();
    account.create("Old").unwrap();
    (0..40).for_each(|n| assert!(put(&account, "INBOX", &format!("{n}\n"), "") + put(&account, "Old", "7\n", "") > 0));
    let mut m = account.select("INBOX", false).unwrap();
    let mut old = account.select("Old", false).unwrap();
    fill(&mut m);
    fill(&mut old);
    assert_eq!((rows(&account, m.validity).len(), rows(&account, old.validity).len()), (40, 40));
    m.remove(&[1, 2, 3]).unwrap();
    assert_eq!(rows(&account, m.validity), (4..=40).collect::<Vec<u32>>());
    // Another program.
    std::fs::remove_file(&super::tests::names(&account, "cur")[0]).unwrap();
    m.sync(true).unwrap();
    assert_eq!(rows(&account, m.validity), uids(&m));
    let validity = old.validity;
    drop(old);
    account.delete("Old").unwrap();
    assert_eq!(rows(&account, validity), [0u32; 0]);
    // Left by a killed process: a message that is gone, and a folder.
    let db = cache::open(account.root()).unwrap();
    let row = cache::rows(&db, m.validity, 0, 1, 1).pop().unwrap().1;
    assert!(cache::keep(&db, m.validity, [(&1, &row)].into_iter()) && cache::keep(&db, 77, [(&1, &row)].into_iter()));
    assert!(rows(&account, m.validity).contains(&1) && cache::folders(&db).contains(&77));
    fill(&mut account.select("INBOX", true).unwrap());
    assert_eq!((rows(&account, m.validity), cache::folders(&db)), (uids(&m), vec![m.validity]));
}

#[test]
fn a_cache_that_is_damaged_or_in_the_way_costs_nothing_but_time() {
    let (_t, account) = tree();
    (0..40).for_each(|n| assert!(put(&account, "INBOX", &format!("{n}\n"), "") > 0));
    std::fs::write(account.root().join(cache::FILE), "no database, and long enough to be one ".repeat(40)).unwrap();
    let mut m = account.select("INBOX", false).unwrap();
    fill(&mut m);
    assert!(known(&mut m).iter().all(Option::is_some));
    // Removed under a session.
    std::fs::remove_file(account.root().join(cache::FILE)).unwrap();
    assert!(known(&mut m).iter().all(Option::is_none));
    fill(&mut m);
    assert!(known(&mut m).iter().all(Option::is_some));
    let far = other(&account);
    std::fs::remove_file(account.root().join(cache::FILE)).unwrap();
    std::fs::create_dir(account.root().join(cache::FILE)).unwrap();
    let mut m = far.select("INBOX", false).unwrap();
    fill(&mut m);
    assert!(known(&mut m).iter().all(Option::is_none));
    assert_eq!((m.wire_size(0).unwrap(), m.total_size().unwrap()), (Some(3), 40 * 3 + 30));
    m.remove(&[1]).unwrap();
    assert_eq!(m.sync(true).unwrap().expunged, [1]);
}
