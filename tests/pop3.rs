//! The pop3- programs end to end: several accounts at once, states of other programs, ages and guards.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;
#[path = "send/peer.rs"]
#[allow(dead_code)]
mod peer;

use common::{Home, Ran, Server};
use peer::{Peer, Say};
use serde_json::Value;

/// A home with a configuration of accounts at `server`, and a message for each of `users`.
fn prepared(users: &[&str]) -> (Home, Server) {
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    home.sh("umask 077; echo x > pw; mkdir -p .config/pipepost").ends(0);
    let account = |user: &&str| {
        format!(
            "[{user}]\npop3 = \"pop3+plain://{user}@127.0.0.1:{}\"\npassword = {{ file = \"{}/pw\" }}\n",
            server.pop3,
            home.path().display()
        )
    };
    let config: String = users.iter().map(account).collect();
    std::fs::write(home.path().join(".config/pipepost/config.toml"), config).unwrap();
    users.iter().for_each(|user| send(&home, &server, user, "one"));
    (home, server)
}

fn send(home: &Home, server: &Server, user: &str, subject: &str) {
    let url = format!("smtp+plain://127.0.0.1:{}", server.smtp);
    home.run("smtp-send", &["-a", &url, "-f", "a@localhost", "-s", subject, &format!("{user}@localhost")], b"x\n")
        .ends(0);
}

fn records(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn files(home: &Home, dir: &str) -> usize {
    std::fs::read_dir(home.path().join(dir).join("new")).map_or(0, Iterator::count)
}

#[test]
fn several_accounts_each_on_its_own() {
    let (home, server) = prepared(&["amy", "bob", "cat"]);
    let ran = home.run("pop3-fetch", &["--all-accounts", "--into", "maildir:M", "--json"], b"").ends(0);
    assert_eq!(files(&home, "M"), 3);
    let ends: Vec<Value> = records(&ran).into_iter().filter(|r| r.get("fetched").is_some()).collect();
    let mut names: Vec<&str> = ends.iter().map(|r| r["account"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["amy:", "bob:", "cat:"]);
    assert!(ends.iter().all(|r| r["fetched"] == 1 && r["exit"] == 0 && r["error"].is_null()), "{ran:?}");
    assert_eq!(records(&ran).len(), 6);
    // Nothing new: nothing is said, and -e tells.
    let quiet = home.run("pop3-fetch", &["--all-accounts", "--into", "maildir:M"], b"").ends(0);
    assert_eq!((quiet.out, quiet.err), (String::new(), String::new()));
    home.run("pop3-fetch", &["-e", "--all-accounts", "--into", "maildir:M"], b"").ends(1);
    send(&home, &server, "bob", "two");
    let would = home.run("pop3-fetch", &["-n", "--delete", "amy:", "bob:", "--into", "maildir:M"], b"").ends(0).out;
    let fields: Vec<&str> = would.trim_end().split('\t').collect();
    assert_eq!((fields[0], fields[1], fields[4], fields.len()), ("bob:", "2", "move", 5), "{would}");
    home.run("pop3-fetch", &["-e", "amy:", "bob:", "--into", "maildir:M"], b"").ends(0);
    assert_eq!(files(&home, "M"), 4);
    // To stdout they come one after the other, in one stream.
    let all = home.run("pop3-fetch", &["--all-accounts", "--all"], b"").ends(0);
    assert_eq!(all.out.lines().filter(|l| l.starts_with("From ")).count(), 4);
    home.run("pop3-fetch", &["amy:", "bob:", "7"], b"").ends(64).complains("several accounts");
    home.run("pop3-fetch", &["amy:", "nobody:"], b"").ends(64).complains("no such account");
}

#[test]
fn what_was_settled_once_is_looked_at_again_when_it_changes() {
    let (home, server) = prepared(&["bob"]);
    let fetch = |more: &[&str], exit| home.run("pop3-fetch", &[&["-e", "bob:"], more].concat(), b"").ends(exit).out;
    let settled = || {
        let db = rusqlite::Connection::open(home.path().join(".local/state/pipepost/state.sqlite")).unwrap();
        db.query_row("SELECT settled IS NOT NULL FROM source", [], |row| row.get::<_, bool>(0)).unwrap()
    };
    assert!(fetch(&[], 0).contains("Subject: one") && !settled());
    assert!(fetch(&[], 1).is_empty() && settled());
    assert!(fetch(&[], 1).is_empty() && settled());
    // What else is asked for is done all the same.
    assert!(fetch(&["--all"], 0).contains("Subject: one"));
    assert!(fetch(&["1"], 0).contains("Subject: one"));
    fetch(&[], 1);
    send(&home, &server, "bob", "two");
    let new = fetch(&[], 0);
    assert!(new.contains("Subject: two") && !new.contains("Subject: one") && !settled());
    fetch(&[], 1);
    assert!(settled());
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(fetch(&["--delete-after", "1s", "--trust-stdout"], 1), "");
    assert_eq!(home.run("pop3-ls", &["bob:"], b"").ends(0).out, "");
    fetch(&[], 1);
    send(&home, &server, "bob", "three");
    assert!(fetch(&["--delete", "--trust-stdout"], 0).contains("Subject: three"));
}

#[test]
fn one_that_hangs_holds_up_no_other() {
    let (home, _server) = prepared(&["amy", "bob"]);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hung = format!("pop3+plain://cat@127.0.0.1:{}", silent.local_addr().unwrap().port());
    let arguments =
        [&hung, "amy:", "bob:", "--into", "maildir:M", "--password-file", "pw", "--timeout", "3s", "--json"];
    let ran = home.run("pop3-fetch", &arguments, b"").ends(67);
    assert_eq!(files(&home, "M"), 2);
    let exits: Vec<(bool, u64)> = records(&ran)
        .iter()
        .filter(|r| r.get("exit").is_some())
        .map(|r| (r["account"] == hung.as_str(), r["exit"].as_u64().unwrap()))
        .collect();
    assert!(exits.contains(&(true, 75)) && exits.iter().filter(|e| **e == (false, 0)).count() == 2, "{ran:?}");
}

#[test]
fn states_of_other_programs() {
    let (home, server) = prepared(&["bob"]);
    send(&home, &server, "bob", "two");
    let listed = home.run("pop3-ls", &["bob:", "-o", "uidl"], b"").ends(0).out;
    let first = listed.lines().next().unwrap();
    std::fs::write(home.path().join("ids"), format!("bob@127.0.0.1 {first}\n")).unwrap();
    let url = format!("pop3+plain://bob@127.0.0.1:{}", server.pop3);
    home.run("pop3-fetch", &[&url, "--password-file", "pw", "--import-state", "ids", "--into", "maildir:M"], b"")
        .ends(0);
    assert_eq!(files(&home, "M"), 1);
    home.run("pop3-ls", &["bob:", "--new", "-e"], b"").ends(1);
    std::fs::write(home.path().join("none"), "amy@127.0.0.1 1\n").unwrap();
    home.run("pop3-fetch", &["bob:", "--import-state", "none", "--into", "maildir:M"], b"")
        .ends(65)
        .complains("nothing about bob");
    home.run("pop3-fetch", &["bob:", "--import-state", "pw", "--into", "maildir:M"], b"")
        .ends(65)
        .complains("no state");
}

#[test]
fn what_was_fetched_long_ago_is_deleted() {
    let (home, server) = prepared(&["bob"]);
    let fetch = |more: &[&str]| home.run("pop3-fetch", &[&["bob:", "--into", "maildir:M"], more].concat(), b"").ends(0);
    let left = || home.run("pop3-ls", &["bob:", "--total"], b"").ends(0).out.split('\t').next().unwrap().to_owned();
    fetch(&[]);
    fetch(&["--delete-after", "1d"]);
    assert_eq!(left(), "1");
    // As if it had been fetched two days ago.
    let state = rusqlite::Connection::open(home.path().join(".local/state/pipepost/state.sqlite")).unwrap();
    assert_eq!(state.execute("UPDATE fetched SET time = time - 172800", []).unwrap(), 1);
    drop(state);
    send(&home, &server, "bob", "new");
    fetch(&["--delete-after", "1d"]);
    assert_eq!(left(), "1");
    assert_eq!(files(&home, "M"), 2);
    // What was only said to be fetched is not here: no age deletes it.
    let told = |more: &[&str]| home.run("pop3-fetch", &[&["bob:", "--into", "maildir:N"], more].concat(), b"").ends(0);
    assert!(told(&["--mark-fetched", "-n"]).out.ends_with("\tremember\n"));
    told(&["--mark-fetched"]);
    let state = rusqlite::Connection::open(home.path().join(".local/state/pipepost/state.sqlite")).unwrap();
    assert_eq!(state.execute("UPDATE fetched SET time = 0 WHERE pending = 3", []).unwrap(), 1);
    drop(state);
    assert_eq!(told(&["--delete-after", "1d", "-n"]).out, "");
    told(&["--delete-after", "1d"]);
    assert_eq!((left().as_str(), files(&home, "N")), ("1", 0));
    home.run("pop3-ls", &["bob:", "--new", "-e"], b"").ends(1);
}

/// Into a command, a folder of an account and a file at once: all of them, or not this message.
#[test]
fn commands_and_folders_are_targets() {
    let (home, server) = prepared(&["bob"]);
    send(&home, &server, "bob", "second");
    let config = home.path().join(".config/pipepost/config.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    let secret = format!("password = {{ file = \"{}/pw\" }}\n", home.path().display());
    for (name, port) in [("archive", server.imap), ("gone", 1)] {
        text.push_str(&format!("[{name}]\nimap = \"imap+plain://arc@127.0.0.1:{port}\"\n{secret}"));
    }
    std::fs::write(&config, text).unwrap();
    let command = "exec:grep -q '^Subject: second' && exit 3; cat >> got";
    let arguments = ["bob:", "--into", command, "--into", "archive:INBOX", "--into", "maildir:M", "--json", "--delete"];
    let ran = home.run("pop3-fetch", &arguments, b"").ends(67).complains("ended with status 3");
    let done = records(&ran).into_iter().find(|r| r["fate"] == "done").unwrap();
    let places: Vec<&str> = done["places"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert!(places.len() == 3 && places.iter().any(|p| p.starts_with("archive:INBOX#")), "{places:?}");
    // What one of them refused is nowhere, but for those that can't take it back, and stays there.
    assert_eq!(files(&home, "M"), 1);
    assert_eq!(home.run("pop3-ls", &["bob:", "-o", "subject"], b"").ends(0).out, "second\n");
    let listed = home.run("imap-ls", &["archive:INBOX", "-o", "subject"], b"").ends(0).out;
    assert_eq!(listed, "one\n");
    // Nothing to connect to: nothing is deleted, and it is not tried for each.
    home.run("pop3-fetch", &["bob:", "--delete", "--into", "gone:INBOX"], b"").ends(75).complains("127.0.0.1:1");
    home.run("pop3-fetch", &["bob:", "--into", "archive:"], b"").ends(64).complains("into which folder");
    home.run("imap-fetch", &["archive:INBOX", "--into", "exec:cat > copy"], b"").ends(0);
    assert!(std::fs::read_to_string(home.path().join("copy")).unwrap().contains("Subject: one\n"));
}

#[test]
fn servers_are_targets() {
    let (home, server) = prepared(&["bob"]);
    send(&home, &server, "bob", "no");
    let peer = Peer::start(|_, verb, line| match verb {
        "RCPT" if line.contains("<never@") => Say::Text("550 5.1.1 nobody"),
        "RCPT" if line.contains("<later@") => Say::Text("450 4.2.1 busy"),
        _ => Say::Yes,
    });
    let into = |to: &[&str], more: &[&str]| {
        let url = peer.url();
        let mut arguments = vec!["bob:", "--into", &url, "--delete", "--json"];
        to.iter().for_each(|to| arguments.extend(["--deliver-to", to]));
        arguments.extend(more);
        home.run("pop3-fetch", &arguments, b"")
    };
    let left = || home.run("pop3-ls", &["bob:", "-o", "subject"], b"").ends(0).out;
    // Nobody has it unless all of them do, and it stays.
    into(&["x@example.org", "never@example.org"], &[]).ends(69);
    into(&["x@example.org", "later@example.org"], &[]).ends(75);
    assert_eq!((peer.taken().len(), left().as_str()), (0, "one\nno\n"));
    let ran = into(&["x@example.org", "y@example.org"], &["--into", "maildir:M"]).ends(0);
    let got = peer.taken();
    assert_eq!((got.len(), got[0].line, got[1].line), (2, got[0].line, got[0].line), "one connection for all");
    assert_eq!(
        (got[0].from.as_str(), got[0].to.as_slice()),
        ("a@localhost", &["x@example.org", "y@example.org"].map(str::to_owned)[..])
    );
    assert!(!got[0].text.contains("Return-Path") && got[0].text.ends_with("\nx\n"), "{}", got[0].text);
    let place =
        records(&ran)[0]["places"].as_array().unwrap().iter().any(|p| p.as_str().unwrap().contains("#4Zx1Wq5LZy"));
    assert!(place && left().is_empty() && files(&home, "M") == 2, "{ran:?}");
    // What may have been delivered is told as that, and neither forgotten nor deleted.
    send(&home, &server, "bob", "three");
    let lost = Peer::start(|_, verb, _| if verb == "BODY" { Say::Nothing } else { Say::Yes });
    let arguments = ["bob:", "--delete", "--into", &lost.url(), "--deliver-to", "x@example.org"];
    home.run("pop3-fetch", &arguments, b"").ends(79).complains("x@example.org");
    assert_eq!(left(), "three\n");
    // By LMTP, by an account, and by nobody.
    let away = Home::new();
    let other = Server::start(&away, &["--create", "--any-password", "--lmtp-port", "0"]);
    let lmtp = other.ports.iter().find(|(name, _)| name == "lmtp").unwrap().1;
    let url = format!("lmtp+plain://127.0.0.1:{lmtp}");
    home.run("pop3-fetch", &["bob:", "--into", &url, "--deliver-to", "carol@localhost"], b"").ends(0);
    assert_eq!(std::fs::read_dir(other.root.join("carol/new")).unwrap().count(), 1);
    let config = home.path().join(".config/pipepost/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[relay]\nsmtp = \"{}\"\n", peer.url())).unwrap();
    home.run("pop3-fetch", &["bob:", "--into", "relay:", "--deliver-to", "z@example.org"], b"").ends(0);
    assert_eq!(peer.taken().last().unwrap().to, ["z@example.org"]);
    home.run("imap-fetch", &["local:INBOX", "--into", &peer.url()], b"").ends(64).complains("to whom?");
    home.run("pop3-fetch", &["bob:", "--into", "mbox:x", "--deliver-to", "z@example.org"], b"").ends(64);
    home.run("pop3-fetch", &["bob:", "--into", &url, "--deliver-to", "a b"], b"").ends(64);
}
