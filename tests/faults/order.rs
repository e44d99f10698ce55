//! What is promised is on stable storage first, as the order of system calls shows.

use crate::common::{Home, installed};
use crate::maildrop::{fill, messages};
use crate::peer::{Peer, yes};
use crate::served::{Served, append, send};
use crate::strace::{Attached, run};

const CALLS: &str = "trace=fsync,fdatasync,syncfs,link,linkat,rename,renameat,renameat2,sendto,sendmsg,write";

/// The line on which a call with all these words is first, from line `from` on; the calls before it are over.
#[track_caller]
fn at(log: &str, from: usize, words: &[&str]) -> usize {
    let found = log.lines().enumerate().skip(from).find(|(_, line)| words.iter().all(|word| line.contains(word)));
    found.unwrap_or_else(|| panic!("no {words:?} behind line {from} of\n{log}")).0
}

fn promise(deliver: impl Fn(&Served) -> String, answer: &str, sub: &str) {
    if !installed("strace") {
        return;
    }
    let home = Home::new();
    let served = Served::start(&home);
    deliver(&served);
    let attached = Attached::to(&home, served.pid(), &["-y", "-s", "200", "-e", CALLS]);
    deliver(&served);
    let log = attached.detach();
    let file = at(&log, 0, &["fsync(", "/served/bob/tmp/"]);
    let name = at(&log, file, &["link", "/served/bob/tmp", &format!("/served/bob/{sub}")]);
    let directory = at(&log, name, &["fsync(", &format!("/served/bob/{sub}>")]);
    let said = at(&log, 0, &[answer]);
    assert!(said > directory, "{log}");
    // A UID that is told is a promise too.
    assert!(!answer.contains("UID") || said > at(&log, name, &["sync(", "pipepost.sqlite"]), "{log}");
    assert!(log.lines().take(said).all(|line| !line.contains("sync(") || line.contains("= 0")), "{log}");
}

#[test]
fn a_delivery_is_answered_when_it_is_on_stable_storage() {
    promise(|served| send(served.smtp, "bob@localhost", "Subject: x\n\nb\n"), "\"250 2.0.0 stored", "new");
}

#[test]
fn an_append_is_answered_when_it_is_on_stable_storage() {
    promise(|served| append(served.imap, "bob", "Subject: x\n\nb\n"), "OK [APPENDUID", "cur");
}

#[test]
fn deleted_is_what_is_stored_and_remembered() {
    deleted(0, |log| {
        let name = at(log, 0, &["link", "/M/tmp", "/M/new"]);
        let synced = |l: &&str| l.contains("fsync(") && l.contains("/M/tmp/");
        log.lines().take(name).filter(synced).count() >= messages().len() && !log.contains("syncfs(")
    });
}

/// One call for the messages of all targets together would do; here each target makes its own.
#[test]
fn deleted_is_what_is_stored_and_remembered_of_many() {
    deleted(60, |log| {
        let name = at(log, 0, &["link", "/M/tmp", "/M/new"]);
        let synced = at(log, 0, &["syncfs(", "/M/tmp/"]);
        let named = at(log, 0, &["link", "/E", ".eml"]);
        synced < name
            && at(log, 0, &["syncfs(", "/E/"]) < named
            && log.lines().filter(|l| l.contains("syncfs(")).count() == 2
            && log.lines().filter(|l| l.contains("fsync(")).count() < 60
    });
}

/// Fetches and deletes the usual messages and so many more; `synced` says whether the trace shows that they are on stable storage
/// before they have their names.
fn deleted(more: usize, synced: impl Fn(&str) -> bool) {
    if !installed("strace") {
        return;
    }
    let home = Home::new();
    home.sh("umask 077; echo x > pw").ends(0);
    let served = Served::start(&home);
    fill(&served.root, "bob");
    for n in 0..more {
        std::fs::write(served.root.join(format!("bob/new/more{n}")), format!("Subject: more {n}\n\nx\n")).unwrap();
    }
    let url = served.url("pop3", "bob");
    let arguments =
        ["--delete", &url, "--into", "maildir:M", "--into", "mbox:b", "--into", "eml:E", "--password-file", "pw"];
    run(&home, &["-y", "-s", "200", "-e", CALLS], "pop3-fetch", &arguments, b"").ends(0);
    let log = std::fs::read_to_string(home.path().join("log")).unwrap();
    // The messages and the journal come before their names.
    assert!(synced(&log), "{log}");
    let name = at(&log, 0, &["link", "/M/tmp", "/M/new"]);
    let journal = at(&log, 0, &["sync(", "state.sqlite"]);
    let last =
        log.lines().collect::<Vec<_>>().iter().rposition(|l| l.contains("link") && l.contains("/M/new")).unwrap();
    assert!(name > journal, "{log}");
    let all = [["fsync(", "/M/new>"], ["fsync(", "/b>"], ["fsync(", "/E>"]].map(|words| at(&log, last, &words));
    let remembered = at(&log, *all.iter().max().unwrap(), &["sync(", "state.sqlite"]);
    let delete = at(&log, 0, &["\"DELE 1"]);
    let quit = at(&log, delete + 1, &["QUIT"]);
    assert!(delete > remembered && quit > delete, "{log}");
    let forgotten = at(&log, quit, &["sync(", "state.sqlite"]);
    assert!(forgotten > quit);
}

/// The message, the directory that names it, the row: then it is queued. And the row says that it is handed over before the server can
/// take it.
#[test]
fn what_is_queued_is_on_stable_storage_and_what_is_handed_over_is_known_to_be() {
    if !installed("strace") {
        return;
    }
    let home = Home::new();
    let peer = Peer::start(yes);
    let options = ["-y", "-s", "200", "-e", &format!("{CALLS},exit_group")];
    let log = || std::fs::read_to_string(home.path().join("log")).unwrap();
    // The first one makes the database.
    for _ in 0..2 {
        let arguments = ["--queue", "-f", "a@localhost", "-a", &peer.url(), "b@example.org"];
        run(&home, &options, "smtp-send", &arguments, b"Subject: x\n\nb\n").ends(0);
    }
    let log_of_send = log();
    let message = at(&log_of_send, 0, &["sync(", "/pipepost/queue/"]);
    let named = at(&log_of_send, message, &["fsync(", "/pipepost/queue>"]);
    let row = at(&log_of_send, named, &["sync(", "queue.sqlite"]);
    assert!(at(&log_of_send, row, &["exit_group(0)"]) > row);
    assert!(log_of_send.lines().all(|line| !line.contains("sync(") || line.contains("= 0")), "{log_of_send}");

    run(&home, &options, "smtp-queue", &["run"], b"").ends(0);
    let log_of_run = log();
    let lines: Vec<&str> = log_of_run.lines().collect();
    let ends: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].contains(r"\r\n.\r\n")).collect();
    assert_eq!(ends.len(), 2, "{log_of_run}");
    for end in ends {
        let asked = lines[..end].iter().rposition(|line| line.contains(r"DATA\r\n")).unwrap();
        let known = lines[asked..end].iter().any(|line| line.contains("sync(") && line.contains("queue.sqlite"));
        assert!(known, "from line {asked} to {end} of\n{log_of_run}");
    }
    assert_eq!(peer.heard().messages.len(), 2);
}
