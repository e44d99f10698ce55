//! The imap programs that change something, end to end, on `local:` and on mail-serve.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Home, Ran};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

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

fn subjects(home: &Home, folder: &str) -> Vec<String> {
    listed(home, folder, "subject").lines().map(str::to_owned).collect()
}

#[test]
fn messages_move_and_come_back() {
    let home = Home::new();
    (1..=5).for_each(|n| send(&home, &format!("number {n}")));
    home.run("imap-flag", &[INBOX, "2:3", "+seen,$Label"], b"").ends(0);
    let archive = "local://amy/Archive";
    let received = listed(&home, INBOX, "subject,received");
    let mv = |arguments: &[&str], stdin: &str| home.run("imap-mv", arguments, stdin.as_bytes());
    // Nothing is done with -n.
    let ran = mv(&["-n", INBOX, "2:3", archive], "").ends(0);
    assert_eq!((ran.out.lines().count(), subjects(&home, archive).len()), (2, 0));
    let ran = mv(&["--refs", INBOX, "2:3", archive, "--undo", "undo"], "").ends(0);
    assert_eq!(ran.out, refs(&home, archive));
    assert_eq!(subjects(&home, INBOX), ["number 1", "number 4", "number 5"]);
    assert_eq!(
        listed(&home, archive, "flags,subject").replace(",Recent", ""),
        "Seen,$Label\tnumber 2\nSeen,$Label\tnumber 3\n"
    );
    let second = refs(&home, INBOX);
    let ran = mv(&["-", archive, "--json", "--undo", "undo"], second.lines().nth(1).unwrap()).ends(0);
    assert_eq!(rows(&ran)[0]["now"], refs(&home, archive).lines().last().unwrap());
    let undo = std::fs::read_to_string(home.path().join("undo")).unwrap();
    assert!(undo.lines().all(|line| line.ends_with("\tlocal://amy/INBOX")) && undo.lines().count() == 3, "{undo}");
    assert_eq!(mv(&["-n", "-", "--undo"], &undo).ends(0).out.lines().count(), 3);
    mv(&["-", "--undo"], &undo).ends(0);
    assert_eq!(subjects(&home, archive).len(), 0);
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(listed(&home, INBOX, "subject,received")), sorted(received));
    mv(&["-", "--undo"], &undo).ends(69).complains("no such message");
    mv(&[INBOX, "1,99", archive], "").ends(67).complains("UID 99: no such message");
    mv(&[INBOX, "1", "local://amy/Nope"], "").ends(69);
    mv(&["-", archive], "").ends(0);
    mv(&["-e", "-", archive], "").ends(1);
    for wrong in [
        &[][..],
        &[archive],
        &[INBOX, archive],
        &[INBOX, "4", "local://amy"],
        &[INBOX, "4", INBOX],
        &[INBOX, "4", "--all", archive],
        &["--undo", INBOX],
        &["-", "--undo"],
        &[INBOX, "--undo"],
    ] {
        mv(wrong, "nothing\n").ends(64).complains("imap-mv: ");
    }
    mv(&[INBOX, "5", archive, "--undo", "none/undo"], "").ends(73);
    assert!(!subjects(&home, archive).contains(&"number 5".to_owned()));
}

#[test]
fn copies_between_users() {
    let home = Home::new();
    (1..=3).for_each(|n| send(&home, &format!("number {n}")));
    home.run("imap-flag", &[INBOX, "2", "+flagged,$Work"], b"").ends(0);
    let theirs = "local://carol/INBOX";
    let ran = home.run("imap-cp", &["--all", INBOX, theirs, "--refs"], b"").ends(0);
    assert_eq!(ran.out, refs(&home, theirs));
    let shown = |folder: &str| {
        let all = listed(&home, folder, "flags,received,size,message-id");
        all.replace(",Recent", "").replace("Recent", "")
    };
    assert_eq!(shown(theirs), shown(INBOX));
    let fetched = |folder: &str| home.run("imap-fetch", &[folder], b"").ends(0).out;
    assert_eq!(fetched(theirs), fetched(INBOX));
    // Moved, to and fro.
    home.run("imap-mv", &[theirs, "2:3", "local://amy/Archive", "--undo", "undo"], b"").ends(0);
    assert_eq!((subjects(&home, theirs), subjects(&home, "local://amy/Archive").len()), (vec!["number 1".into()], 2));
    let undo = std::fs::read(home.path().join("undo")).unwrap();
    home.run("imap-mv", &["--undo", "-"], &undo).ends(0);
    assert_eq!((subjects(&home, theirs).len(), subjects(&home, "local://amy/Archive").len()), (3, 0));
    home.run("imap-cp", &[INBOX, "1", "local://carol/Nope"], b"").ends(69);
    home.run("imap-cp", &[INBOX, "9", theirs], b"").ends(69);
    assert_eq!(subjects(&home, theirs).len(), 3);
}

#[test]
fn what_is_removed_is_in_the_trash_until_it_is_purged() {
    let home = Home::new();
    (1..=14).for_each(|n| send(&home, &format!("number {n}")));
    let rm = |arguments: &[&str], stdin: &str| home.run("imap-rm", arguments, stdin.as_bytes());
    let trash = "local://amy/Trash";
    rm(&[INBOX, "1:11"], "").ends(65).complains("that is 11 of 14 messages");
    rm(&["--purge", INBOX, "--search", "ALL"], "").ends(65);
    assert_eq!(rm(&["-n", "--force", INBOX, "1:11"], "").ends(0).out.lines().count(), 11);
    assert_eq!((subjects(&home, INBOX).len(), subjects(&home, trash).len()), (14, 0));
    let all = refs(&home, INBOX);
    let eleven: String = all.lines().take(11).map(|line| format!("{line}\n")).collect();
    rm(&["-", "--undo", "undo"], &eleven).ends(0);
    assert_eq!((subjects(&home, INBOX).len(), subjects(&home, trash).len()), (3, 11));
    home.sh("imap-mv - --undo < undo").ends(0);
    assert_eq!((subjects(&home, INBOX).len(), subjects(&home, trash).len()), (14, 0));
    rm(&["--all", INBOX], "").ends(0);
    rm(&[trash, "1"], "").ends(64).complains("--purge");
    rm(&["--all", trash], "").ends(64);
    // Others' marks are not ours to execute.
    home.run("imap-flag", &[trash, "12", "+deleted"], b"").ends(0);
    let before = subjects(&home, trash).len();
    let first = refs(&home, trash).lines().next().unwrap().to_owned();
    rm(&["--purge", "-"], &first).ends(0);
    assert_eq!(subjects(&home, trash).len(), before - 1);
    rm(&["--purge", "--all", trash], "").ends(0);
    rm(&["-e", "--purge", "--all", trash], "").ends(1);
    assert_eq!(subjects(&home, trash).len(), 0);
    for wrong in [
        &[][..],
        &[INBOX],
        &[INBOX, ""],
        &["--purge", "--undo", "x", INBOX, "1"],
        &["--all", INBOX, "1"],
        &["--trash", "Trash", "--purge", INBOX, "1"],
    ] {
        rm(wrong, "").ends(64).complains("imap-rm: ");
    }
    send(&home, "another");
    rm(&["--trash", "Junk", "--all", INBOX], "").ends(0);
    assert_eq!(subjects(&home, "local://amy/Junk"), ["another"]);
}

/// What a target does with an APPEND.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// Stores it, and says what it became.
    Store,
    /// Says no.
    Refuse,
    /// Hangs up at the command.
    CutBefore,
    /// Takes the first bytes, and hangs up.
    CutWithin,
    /// Takes all of it, and hangs up instead of answering.
    CutBehind,
}

/// A server that does these things with APPENDs, one after the other.
fn target(then: Vec<Then>) -> (String, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("imap+plain://amy@127.0.0.1:{}/Box", listener.local_addr().unwrap().port());
    let thread = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut stored = 0;
        let _ = serve(&socket, &then, &mut stored);
        stored
    });
    (url, thread)
}

fn serve(mut socket: &TcpStream, then: &[Then], stored: &mut usize) -> std::io::Result<()> {
    socket.write_all(b"* OK [CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS] hi\r\n")?;
    let mut from = BufReader::new(socket);
    let (mut line, mut next) = (String::new(), 0);
    loop {
        line.clear();
        if from.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (tag, rest) = line.trim_end().split_once(' ').unwrap();
        let (tag, rest) = (tag.to_owned(), rest.to_owned());
        if !rest.starts_with("APPEND ") {
            socket.write_all(format!("{tag} OK [CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS] yes\r\n").as_bytes())?;
            continue;
        }
        let size: u64 = rest.rsplit_once('{').unwrap().1.trim_end_matches("+}").parse().unwrap();
        let then = then[next];
        next += 1;
        match then {
            Then::CutBefore => return Ok(()),
            Then::CutWithin => {
                from.read_exact(&mut [0; 1000])?;
                return Ok(());
            }
            _ => {}
        }
        std::io::copy(&mut from.by_ref().take(size), &mut std::io::sink())?;
        from.read_line(&mut line)?;
        match then {
            Then::Store => {
                *stored += 1;
                socket.write_all(format!("{tag} OK [APPENDUID 9 {stored}] done\r\n").as_bytes())?;
            }
            Then::Refuse => socket.write_all(format!("{tag} NO [OVERQUOTA] full\r\n").as_bytes())?,
            _ => return Ok(()),
        }
    }
}

#[test]
fn a_move_that_is_cut_loses_nothing() {
    use Then::{CutBefore, CutBehind, CutWithin, Refuse, Store};
    for (then, statuses, left) in [
        (vec![Store, Store, Store], &[0][..], 0),
        (vec![Refuse, Refuse, Refuse], &[69], 3),
        (vec![Store, Refuse, Store], &[67], 1),
        // The first byte of the end may be on its way, or not.
        (vec![CutBefore], &[75, 79], 3),
        (vec![CutWithin], &[75], 3),
        (vec![CutBehind], &[79], 3),
        (vec![Store, CutWithin], &[67], 2),
        (vec![Store, CutBehind], &[79], 2),
        (vec![Refuse, CutBehind], &[79], 3),
    ] {
        let home = Home::new();
        std::fs::write(home.path().join("pw"), "tulip\n").unwrap();
        home.sh("chmod 600 pw").ends(0);
        // More than any buffer on the way holds.
        let long = "so on and on\n".repeat(1_000_000);
        for n in 1..=3 {
            let long = if then.contains(&CutWithin) && n > then.iter().filter(|t| **t == Store).count() {
                &long
            } else {
                "x\n"
            };
            let arguments = ["-s", &format!("number {n}"), "amy@localhost"];
            home.run("smtp-send", &arguments, long.as_bytes()).ends(0);
        }
        let (url, thread) = target(then.clone());
        let arguments = ["--password-file", "pw", "--timeout", "60s", "--all", "--json", INBOX, &url];
        let ran = home.run("imap-mv", &arguments, b"");
        assert!(statuses.contains(&ran.status), "{then:?}: {ran:?}");
        let stored = thread.join().unwrap();
        let rows = rows(&ran);
        let done = rows.iter().filter(|row| row["fate"] == "done").count();
        assert_eq!((subjects(&home, INBOX).len(), done, rows.len()), (left, 3 - left, 3), "{then:?}: {ran:?}");
        assert_eq!(stored, done);
        assert!(
            rows.iter().filter(|row| row["fate"] == "done").all(|row| row["now"].as_str().unwrap().contains("#9."))
        );
        let unknown = rows.iter().filter(|row| row["fate"] == "unknown").count();
        assert_eq!(unknown > 0, ran.status == 79, "{then:?}: {ran:?}");
    }
}

#[test]
fn messages_are_put_from_anywhere() {
    let home = Home::new();
    let put = |arguments: &[&str], stdin: &[u8]| home.run("imap-put", arguments, stdin);
    let one = b"Subject: one\nFrom: a@x\n\n.\nFrom here\n\xff no line end";
    let ran = put(&["--flags", "seen,$Label", "--date", "17 Jul 1996 02:44:25 -0700", INBOX], one).ends(0);
    assert_eq!((ran.out, ran.err.as_str()), (refs(&home, INBOX), ""));
    assert_eq!(home.command("imap-fetch").args([INBOX, "1"]).output().unwrap().stdout, one);
    let row = listed(&home, INBOX, "flags,received,subject").replace(",Recent", "");
    assert_eq!(row, "Seen,$Label\t1996-07-17T09:44:25+00:00\tone\n");
    // An mbox, quoted lines and all, on stdin and as a file; NULs; a Maildir.
    let mbox = b"From a@x Sun Nov 22 22:16:00 2020\nSubject: m1\n\n>From x\n\nFrom b@x Sun Nov 22 22:17:00 2020\nSubject: m2\n\n2\n\n";
    put(&["local://amy/Archive"], mbox).ends(0);
    std::fs::write(home.path().join("mbox"), mbox).unwrap();
    std::fs::write(home.path().join("one.eml"), one).unwrap();
    let ran = put(&["local://amy/Archive", "mbox", "one.eml", "none.eml"], b"").ends(67).complains("none.eml: ");
    assert_eq!(ran.out.lines().count(), 3);
    put(&["-0", "local://amy/Archive"], b"Subject: n1\n\n\0Subject: n2\n\n").ends(0);
    let expected: String = ["m1", "m2", "m1", "m2", "one", "n1", "n2"].iter().map(|s| format!("{s}\n")).collect();
    assert_eq!(listed(&home, "local://amy/Archive", "subject"), expected);
    assert!(
        listed(&home, "local://amy/Archive", "received").starts_with("2020-11-22T22:16:00+00:00\n2020-11-22T22:17:00")
    );
    let fetched = home.run("imap-fetch", &["local://amy/Archive", "1"], b"").ends(0).out;
    assert_eq!(fetched, "Subject: m1\n\nFrom x\n");
    home.run("imap-flag", &["local://amy/Archive", "2", "+flagged,answered"], b"").ends(0);
    home.run("imap-fetch", &["local://amy/Archive", "--into", "maildir:md"], b"").ends(0);
    let ran = put(&["--json", "local://amy/Drafts", "md"], b"").ends(0);
    assert_eq!(rows(&ran).iter().filter(|row| row["fate"] == "done" && row["error"].is_null()).count(), 7);
    let kept = |folder: &str| {
        let all = listed(&home, folder, "subject,received,flags").replace(",Recent", "").replace("Recent", "");
        let mut lines: Vec<String> = all.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(kept("local://amy/Drafts"), kept("local://amy/Archive"));
    let ran = put(&["-n", "--flags", "draft", INBOX], one).ends(0);
    assert_eq!(ran.out, format!("1\t{}\t\t\\Draft\n", one.len() + 5));
    // What can't be put there, and what is not there.
    put(&[INBOX], b"Subject: x\n\n\0").ends(65).complains("NUL");
    put(&["local://amy/Nope"], one).ends(69).complains("TRYCREATE");
    put(&["--mbox", INBOX], b"Subject: x\n\n").ends(65);
    put(&["--mbox", INBOX], b"").ends(0);
    put(&[INBOX, "none"], b"").ends(66);
    for wrong in [
        &[][..],
        &["local://amy"],
        &[INBOX],
        &["--flags", "seen,,x", INBOX],
        &["--flags", "a\r\nb", INBOX],
        &["--date", "yesterday", INBOX],
        &["--mbox", "-0", INBOX],
    ] {
        put(wrong, b"").ends(64).complains("imap-put: ");
    }
    assert_eq!(listed(&home, INBOX, "uid"), "1\n");
}
