//! CONDSTORE and QRESYNC (RFC 7162).

use super::{MAIL, line, play, put, start, until};
use crate::server::mailbox::{Account, FlagChange};
use std::io::{BufReader, Write};

#[test]
fn mod_sequences_by_condstore() {
    play(
        true,
        |account| {
            for _ in 0..3 {
                put(account, "INBOX", MAIL);
            }
        },
        r#"
S: * PREAUTH [***] x
C: a status INBOX (HIGHESTMODSEQ)
S: * STATUS INBOX (HIGHESTMODSEQ 4)
S: a OK x
C: b select INBOX (CONDSTORE)
S: * FLAGS ***
S: * OK ***
S: * 3 EXISTS
S: * 3 RECENT
S: * OK ***
S: * OK ***
S: * OK ***
S: * OK [HIGHESTMODSEQ 4] x
S: b OK [READ-WRITE] x
C: c fetch 1:* (uid modseq)
S: * 1 FETCH (UID 1 MODSEQ (2))
S: * 2 FETCH (UID 2 MODSEQ (3))
S: * 3 FETCH (UID 3 MODSEQ (4))
S: c OK x
C: d store 1,3 +flags (\\Flagged)
S: * 1 FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (5))
S: * 3 FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (5))
S: d OK x
C: e store 2 +flags.silent (blue)
S: * FLAGS ***
S: * OK ***
S: * 2 FETCH (MODSEQ (6))
S: e OK x
C: f uid fetch 1:* (flags) (CHANGEDSINCE 5)
S: * 2 FETCH (UID 2 FLAGS (blue \\Recent) MODSEQ (6))
S: f OK x
C: g store 1:3 (UNCHANGEDSINCE 5) +flags.silent (\\Deleted)
S: * 1 FETCH (MODSEQ (7))
S: * 3 FETCH (MODSEQ (7))
S: * 2 FETCH (FLAGS (blue \\Recent) MODSEQ (6))
S: g OK [MODIFIED 2] x
C: h uid store 1:3 (UNCHANGEDSINCE 0) flags ()
S: * 1 FETCH (UID 1 FLAGS (\\Flagged \\Deleted \\Recent) MODSEQ (7))
S: * 2 FETCH (UID 2 FLAGS (blue \\Recent) MODSEQ (6))
S: * 3 FETCH (UID 3 FLAGS (\\Flagged \\Deleted \\Recent) MODSEQ (7))
S: h OK [MODIFIED 1:3] x
C: i search modseq 7
S: * SEARCH 1 3 (MODSEQ 7)
S: i OK x
C: j search modseq "/flags/\\\\deleted" all 8
S: * SEARCH
S: j OK x
C: k uid search return (min count) modseq 1
S: * ESEARCH (TAG "k") UID MIN 1 COUNT 3 MODSEQ 7
S: k OK x
C: l sort (reverse arrival) utf-8 modseq 6 unseen
S: * SORT $x $y $z (MODSEQ 7)
S: l OK x
C: m fetch 2 body[text]<0.5>
S: * 2 FETCH (BODY[TEXT]<0> {5}
S: Hello FLAGS (\\Seen blue \\Recent) MODSEQ (8))
S: m OK x
C: n fetch 2 (modseq) (VANISHED CHANGEDSINCE 1)
S: n BAD x
C: o select INBOX (QRESYNC (1 1))
S: o BAD x
C: p expunge
S: * 3 EXPUNGE
S: * 1 EXPUNGE
S: * 1 RECENT
S: p OK x
"#,
    );
}

#[test]
fn resynchronisation() {
    play(
        true,
        |account| {
            for _ in 0..6 {
                put(account, "INBOX", MAIL);
            }
            put(account, "Sent", MAIL);
        },
        r#"
S: * PREAUTH [***] x
C: a enable QRESYNC x-nothing
S: * ENABLED QRESYNC
S: a OK x
C: b select INBOX
S: * FLAGS ***
S: * OK ***
S: * 6 EXISTS
S: * 6 RECENT
S: * OK ***
S: * OK [UIDVALIDITY $v] x
S: * OK ***
S: * OK [HIGHESTMODSEQ 7] x
S: b OK [READ-WRITE] x
C: c store 2:3,5 +flags (\\Deleted)
S: * 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent) MODSEQ (8))
S: * 3 FETCH (UID 3 FLAGS (\\Deleted \\Recent) MODSEQ (8))
S: * 5 FETCH (UID 5 FLAGS (\\Deleted \\Recent) MODSEQ (8))
S: c OK x
C: d uid expunge 2:3
S: * VANISHED 2:3
S: * 4 RECENT
S: d OK [HIGHESTMODSEQ 9] x
C: e store 1 flags (\\Seen)
S: * 1 FETCH (UID 1 FLAGS (\\Seen \\Recent) MODSEQ (10))
S: e OK x
C: f move 3 Trash
S: * OK [COPYUID $t 5 1] x
S: * VANISHED 5
S: * 3 RECENT
S: f OK [HIGHESTMODSEQ 11] x
C: g select Sent
S: * OK [CLOSED] x
S: * FLAGS ***
S: * OK ***
S: * 1 EXISTS
S: * 1 RECENT
S: * OK ***
S: * OK ***
S: * OK ***
S: * OK [HIGHESTMODSEQ 2] x
S: g OK [READ-WRITE] x
C: h select INBOX (QRESYNC ($v 7))
S: * OK [CLOSED] x
S: * FLAGS ***
S: * OK ***
S: * 3 EXISTS
S: * 0 RECENT
S: * OK ***
S: * OK [UIDVALIDITY $v] x
S: * OK [UIDNEXT 7] x
S: * OK [HIGHESTMODSEQ 11] x
S: * VANISHED (EARLIER) 2:3,5
S: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (10))
S: h OK [READ-WRITE] x
C: i uid fetch 1:3 (flags) (CHANGEDSINCE 9 VANISHED)
S: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (10))
S: i OK x
C: j uid fetch 1:* (flags) (CHANGEDSINCE 9 VANISHED)
S: * VANISHED (EARLIER) 5
S: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (10))
S: j OK x
C: k select INBOX (QRESYNC ($v 0 4:9))
S: * OK [CLOSED] x
S: * FLAGS ***
S: * OK ***
S: * 3 EXISTS
S: * 0 RECENT
S: * OK ***
S: * OK ***
S: * OK ***
S: * OK [HIGHESTMODSEQ 11] x
S: * VANISHED (EARLIER) 5
S: * 2 FETCH (UID 4 FLAGS () MODSEQ (5))
S: * 3 FETCH (UID 6 FLAGS () MODSEQ (7))
S: k OK [READ-WRITE] x
C: l examine INBOX (QRESYNC (1 5))
S: * OK [CLOSED] x
S: * FLAGS ***
S: * OK ***
S: * 3 EXISTS
S: * 0 RECENT
S: * OK ***
S: * OK ***
S: * OK ***
S: * OK [HIGHESTMODSEQ 11] x
S: l OK [READ-ONLY] x
"#,
    );
}

#[test]
fn what_other_programs_do_has_mod_sequences_too() {
    let dir = tempfile::tempdir().unwrap();
    let account = Account::open(dir.path()).unwrap();
    for _ in 0..4 {
        put(&account, "INBOX", MAIL);
    }
    let (mut out, server) = start(dir.path(), true);
    let mut io = BufReader::new(out.try_clone().unwrap());
    let _ = line(&mut io);
    out.write_all(b"a enable qresync\r\nb select inbox\r\n").unwrap();
    until(&mut io, "b ");
    let cur = dir.path().join("cur");
    let name = |n: usize| {
        let mut names: Vec<_> =
            std::fs::read_dir(&cur).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names[n].clone()
    };
    // mutt marks one as answered, and removes another.
    let (first, second) = (name(0), name(1));
    std::fs::rename(cur.join(&first), cur.join(format!("{first}R"))).unwrap();
    std::fs::remove_file(cur.join(&second)).unwrap();
    out.write_all(b"c noop\r\n").unwrap();
    let told = until(&mut io, "c ");
    assert!(told.iter().any(|l| l.starts_with("* VANISHED ")), "{told:?}");
    let flags: Vec<&String> = told.iter().filter(|l| l.contains("\\Answered")).collect();
    assert!(flags.len() == 1 && flags[0].contains("UID ") && flags[0].contains("MODSEQ ("), "{told:?}");
    assert!(told.last().unwrap().contains("[HIGHESTMODSEQ 7]"), "{told:?}");
    // Another session changes flags, and expunges, while sequence numbers must stand still.
    let mut other = account.select("INBOX", false).unwrap();
    other.store(&[0], FlagChange::Add, &"\\Flagged".parse().unwrap()).unwrap();
    let last = other.messages()[2].uid;
    other.remove(&[last]).unwrap();
    out.write_all(b"d fetch 1:3 (flags modseq)\r\ne noop\r\n").unwrap();
    let told = until(&mut io, "d ");
    // Were the session cut off here, the client would ask for all after this, and hear of the expunge.
    let highest = told.last().unwrap().clone();
    assert!(highest.contains("[HIGHESTMODSEQ 7]") || highest.contains("EXPUNGEISSUED"), "{told:?}");
    assert!(!told.iter().any(|l| l.contains("VANISHED")));
    let told = until(&mut io, "e ");
    assert!(told.contains(&format!("* VANISHED {last}")), "{told:?}");
    drop((io, out));
    let _ = server.join().unwrap();
    // Whoever comes next sees all of it once more, by QRESYNC.
    let (mut out, server) = start(dir.path(), true);
    let mut io = BufReader::new(out.try_clone().unwrap());
    let _ = line(&mut io);
    let validity = account.status("INBOX", false).unwrap().uid_validity;
    out.write_all(format!("a enable qresync\r\nb examine inbox (qresync ({validity} 5))\r\n").as_bytes()).unwrap();
    let told = until(&mut io, "b ");
    assert!(told.iter().any(|l| l.starts_with("* VANISHED (EARLIER) ")), "{told:?}");
    // The one that was answered, and the one that was flagged, which may be the same.
    assert!((1..=2).contains(&told.iter().filter(|l| l.contains("FETCH")).count()), "{told:?}");
    drop((io, out));
    let _ = server.join().unwrap();
}
