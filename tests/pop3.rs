//! The pop3- programs end to end: several accounts at once, states of other programs, ages and guards.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Home, Ran, Server};
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
    home.run("pop3-fetch", &["-e", "amy:", "bob:", "--into", "maildir:M"], b"").ends(0);
    assert_eq!(files(&home, "M"), 4);
    // To stdout they come one after the other, in one stream.
    let all = home.run("pop3-fetch", &["--all-accounts", "--all"], b"").ends(0);
    assert_eq!(all.out.lines().filter(|l| l.starts_with("From ")).count(), 4);
    home.run("pop3-fetch", &["amy:", "bob:", "7"], b"").ends(64).complains("several accounts");
    home.run("pop3-fetch", &["amy:", "nobody:"], b"").ends(64).complains("no such account");
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
