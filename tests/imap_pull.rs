//! imap-fetch --new: each message comes once, whatever happens in between.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Home, Ran, Server, installed};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

const INBOX: &str = "local://amy/INBOX";

fn send(home: &Home, subject: &str) {
    home.run("smtp-send", &["-s", subject, "--from", "zoe@localhost", "amy@localhost"], b"text\n").ends(0);
}

/// The subjects of what an mboxrd stream has, in order.
fn subjects(stream: &str) -> Vec<&str> {
    stream.lines().filter_map(|line| line.strip_prefix("Subject: ")).collect()
}

fn pull(home: &Home, more: &[&str]) -> Ran {
    home.run("imap-fetch", &[&["--new", INBOX], more].concat(), b"")
}

#[test]
fn only_what_is_new() {
    let home = Home::new();
    send(&home, "one");
    send(&home, "two");
    assert_eq!(subjects(&pull(&home, &[]).ends(0).out), ["one", "two"]);
    let ran = pull(&home, &["-e"]).ends(1);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    send(&home, "three");
    assert_eq!(subjects(&pull(&home, &["-e"]).ends(0).out), ["three"]);
    // Another target, another name, another part of the messages: another history.
    pull(&home, &["--into", "mbox:b"]).ends(0);
    assert_eq!(subjects(&fs::read_to_string(home.path().join("b")).unwrap()).len(), 3);
    assert_eq!(subjects(&pull(&home, &["--state", "mine"]).ends(0).out).len(), 3);
    assert_eq!(pull(&home, &["--state", "mine", "--into", "mbox:b"]).ends(0).out, "");
    assert_eq!(subjects(&fs::read_to_string(home.path().join("b")).unwrap()).len(), 3);
    assert_eq!(subjects(&pull(&home, &["--headers"]).ends(0).out).len(), 3);
    assert_eq!(pull(&home, &["--headers"]).ends(0).out, "");
    // What has been looked for and is not found is no more new than what is.
    assert_eq!(subjects(&pull(&home, &["--where", "subject:t"]).ends(0).out), ["two", "three"]);
    send(&home, "ten");
    send(&home, "nine");
    assert_eq!(subjects(&pull(&home, &["--where", "subject:t"]).ends(0).out), ["ten"]);
    assert_eq!(pull(&home, &["--where", "subject:t"]).ends(0).out, "");
    assert_eq!(subjects(&pull(&home, &[]).ends(0).out), ["ten", "nine"]);
    // Nobody has read them.
    let unseen = home.run("imap-ls", &["-o", "uid", INBOX, "--search", "UNSEEN"], b"").ends(0);
    assert_eq!(unseen.out.lines().count(), 5);
    for wrong in [&["--new", INBOX, "3"][..], &["--new", "local://amy"], &["--state", "x", INBOX]] {
        home.run("imap-fetch", wrong, b"").ends(64);
    }
    pull(&home, &["local://amy/Nope"]).ends(67).complains("imap-fetch: local: Nope: NO");
    home.run("imap-fetch", &["--new", "local://amy/Nope"], b"").ends(69);
}

#[test]
fn what_a_target_refuses_stays_new() {
    let home = Home::new();
    ["one", "two", "three"].iter().for_each(|subject| send(&home, subject));
    home.sh("printf '#!/bin/sh\\ncat > m; ! grep -q \"$1\" m && cat m >> out\\n' > take && chmod +x take").ends(0);
    let into = |but: &str| format!("exec:./take {but}");
    let ran = pull(&home, &["--into", &into("two"), "--state", "s", "--json"]).ends(67);
    let fates: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(fates.iter().filter(|fate| fate["fate"] == "done").count(), 2, "{fates:?}");
    let refused = fates.iter().find(|fate| fate["fate"] != "done").unwrap();
    let reference = home.run("imap-ls", &["--refs", INBOX, "2"], b"").ends(0).out;
    assert_eq!((&refused["uid"], refused["ref"].as_str()), (&2.into(), Some(reference.trim())));
    send(&home, "four");
    pull(&home, &["--into", &into("nothing"), "--state", "s"]).ends(0);
    let out = fs::read_to_string(home.path().join("out")).unwrap();
    assert_eq!(subjects(&out), ["one", "three", "two", "four"]);
    pull(&home, &["-e", "--into", &into("nothing"), "--state", "s"]).ends(1);
}

/// The server forgets which UIDs it gave.
fn renew(home: &Home) {
    // UIDVALIDITY is the time in seconds.
    std::thread::sleep(Duration::from_millis(1100));
    let mail = home.path().join(".local/share/pipepost/mail/amy");
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(mail.join(format!("pipepost.sqlite{end}")));
    }
}

#[test]
fn new_uids_are_no_new_messages() {
    let home = Home::new();
    ["one", "two", "two", "three"].iter().for_each(|subject| send(&home, subject));
    let plain = "From: a@localhost\n\nno Message-ID\n";
    home.run("imap-put", &[INBOX], plain.as_bytes()).ends(0);
    pull(&home, &["--into", "maildir:M"]).ends(0);
    let all = || {
        let names = ["new", "cur"].map(|sub| fs::read_dir(home.path().join("M").join(sub)).unwrap());
        names.into_iter().flatten().map(|e| e.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    let before = all();
    assert_eq!(before.len(), 5);
    // One is gone, one is new.
    home.run("imap-rm", &["--purge", INBOX, "1"], b"").ends(0);
    renew(&home);
    send(&home, "four");
    let was =
        |ran: &Ran| ran.err.contains("UIDVALIDITY was") && ran.err.contains("4 of its 5 messages are among the 5");
    let ran = pull(&home, &["--into", "maildir:M"]).ends(0);
    assert!(was(&ran), "{}", ran.err);
    assert!(all().len() == 6 && all().is_superset(&before), "{:?}", all());
    let ran = pull(&home, &["-e", "--into", "maildir:M"]).ends(1);
    assert_eq!(ran.err, "");
    // A message that came back under its old name is what it was.
    send(&home, "five");
    pull(&home, &["--into", "maildir:M"]).ends(0);
    assert_eq!(all().len(), 7);
}

#[test]
fn folders_and_accounts_at_once() {
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    home.sh("umask 077; echo x > pw").ends(0);
    let account = |user: &str, folder: &str| format!("imap+plain://{user}@127.0.0.1:{}/{folder}", server.imap);
    let put = |at: &str, subject: &str| {
        let message = format!("Subject: {subject}\n\ntext\n");
        home.run("imap-put", &["--password-file", "pw", at], message.as_bytes()).ends(0);
    };
    let all = ["amy", "bob", "cat"].map(|user| [account(user, "INBOX"), account(user, "Archive")]).concat();
    for (n, at) in all.iter().enumerate() {
        (0..5).for_each(|i| put(at, &format!("{n} {i}")));
    }
    // Nobody is there.
    let nobody = "imap+plain://x@127.0.0.1:1/INBOX";
    let names: Vec<&str> = all.iter().map(String::as_str).chain([nobody, "local:Nope"]).collect();
    let pull = |more: &[&str]| {
        let fixed = ["--new", "--password-file", "pw"];
        home.run("imap-fetch", &[&fixed[..], more, &names].concat(), b"")
    };
    for jobs in ["1", "3"] {
        let into = format!("maildir:M{jobs}");
        let ran = pull(&["--json", "--jobs", jobs, "--into", &into]).ends(67);
        assert!(ran.err.contains("127.0.0.1:1") && ran.err.contains("Nope"), "{}", ran.err);
        assert_eq!(ran.out.lines().count(), 30);
        assert_eq!(fs::read_dir(home.path().join(format!("M{jobs}/new"))).unwrap().count(), 30);
        let ran = pull(&["--json", "--jobs", jobs, "--into", &into]);
        assert!(ran.status != 0 && ran.out.is_empty(), "{ran:?}");
    }
    // Over several connections, a folder each.
    let server_url = |user: &str| format!("imap+plain://{user}@127.0.0.1:{}/", server.imap);
    for n in 0..7 {
        let folder = format!("{}F{n}", server_url("dan"));
        home.run("imap-mkdir", &["--password-file", "pw", &folder], b"").ends(0);
        (0..3).for_each(|i| put(&folder, &format!("{n} {i}")));
    }
    let folders: Vec<String> = (0..7).map(|n| format!("{}F{n}", server_url("dan"))).collect();
    let folders: Vec<&str> = folders.iter().map(String::as_str).chain([nobody]).collect();
    for connections in ["2", "16"] {
        let (into, fixed) = (format!("mbox:C{connections}"), ["--new", "--password-file", "pw", "--json", "--into"]);
        let pull = || {
            let how = ["--folder-jobs", connections];
            home.run("imap-fetch", &[&fixed[..], &[&into], &how, &folders].concat(), b"")
        };
        assert_eq!(pull().ends(67).out.lines().count(), 21);
        assert_eq!(pull().ends(67).out, "");
        home.sh(&format!("test $(grep -c '^Subject: ' C{connections}) = 21")).ends(0);
        let mirror = |n: &str| {
            let into = format!("maildir:Tree{connections}");
            let all = server_url("dan");
            home.run(
                "imap-fetch",
                &["--mirror", "--password-file", "pw", "--folder-jobs", n, "--json", "--into", &into, &all],
                b"",
            )
        };
        assert_eq!(mirror(connections).ends(0).out.lines().count(), 21);
        assert_eq!(mirror("1").ends(0).out, "");
    }
    put(&all[3], "another");
    assert_eq!(subjects(&pull(&[]).ends(67).out).len(), 31);
    let done = home.run("imap-fetch", &["--new", "--password-file", "pw", &all[0], &all[3]], b"").ends(0);
    assert_eq!(done.out, "");
}

#[test]
fn all_accounts_of_the_configuration() {
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    home.sh("umask 077; echo x > pw; mkdir -p .config/pipepost").ends(0);
    let account = |name: &str| {
        format!(
            "[{name}]\nimap = \"imap+plain://{name}@127.0.0.1:{}\"\npassword = {{ file = \"{}/pw\" }}\n",
            server.imap,
            home.path().display()
        )
    };
    let config = account("amy") + &account("bob") + "[sends]\nsmtp = \"smtp://127.0.0.1:1\"\n";
    fs::write(home.path().join(".config/pipepost/config.toml"), config).unwrap();
    home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
    for name in ["amy", "bob"] {
        home.run("imap-put", &[&format!("{name}:INBOX")], format!("Subject: {name}\n\ntext\n").as_bytes()).ends(0);
    }
    let all = home.run("imap-fetch", &["--new", "--all-accounts"], b"").ends(0);
    assert_eq!(subjects(&all.out), ["amy", "bob"]);
    home.run("imap-fetch", &["--new", "--all-accounts", "-e"], b"").ends(1);
    home.run("imap-fetch", &["--all-accounts"], b"").ends(64);
    home.run("imap-fetch", &["--new", "--all-accounts", "amy:INBOX"], b"").ends(64);
}

const NETWORK: &str = "ip link set lo up && ip address add 192.0.2.1/32 dev lo && exec \"$@\"";

/// What comes over a network is compressed, where a good deal is to come; that takes an address of one, and a network that has it takes root.
#[test]
fn a_first_pull_over_a_network_is_compressed() {
    let can = |program: &[&str]| Command::new(program[0]).args(&program[1..]).output().unwrap().status.success();
    if !installed("unshare") || !installed("ip") || !can(&["unshare", "-n", "true"]) {
        assert!(std::env::var_os("CI").is_none(), "no network of one's own to be had");
        eprintln!("skipped: no network of one's own to be had");
        return;
    }
    let mut inside = Command::new("unshare");
    inside.args(["-n", "sh", "-c", NETWORK, "sh"]).arg(std::env::current_exe().unwrap());
    let ran = inside.args(["--exact", "over_a_network", "--ignored", "--nocapture"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "needs the network that its parent makes"]
fn over_a_network() {
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    home.sh("umask 077; echo x > pw; mkdir -p .config/pipepost").ends(0);
    // To the server that address is a stranger's, who needs TLS.
    let config = format!(
        "[far]\nimap = \"imap+starttls://amy@127.0.0.1:{}\"\npin = \"{}\"\nsource-address = \"192.0.2.1\"\npassword = {{ file = \"{}/pw\" }}\n",
        server.imap,
        server.pin,
        home.path().display()
    );
    fs::write(home.path().join(".config/pipepost/config.toml"), config).unwrap();
    home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
    let messages: String = (0..120).map(|n| format!("Subject: {n}\n\n{}\0", "the same again\n".repeat(50))).collect();
    home.run("imap-put", &["-0", "far:INBOX"], messages.as_bytes()).ends(0);
    let pull = || {
        home.sh("rm -f t").ends(0);
        home.run("imap-fetch", &["--new", "--into", "maildir:M", "--trace", "t", "far:INBOX"], b"").ends(0);
        fs::read_to_string(home.path().join("t")).unwrap()
    };
    let first = pull();
    assert_eq!(fs::read_dir(home.path().join("M/new")).unwrap().count(), 120);
    let at = |text: &str| first.find(text).unwrap_or_else(|| panic!("{text}: {first}"));
    assert!(at("STARTTLS") < at("COMPRESS DEFLATE") && at("COMPRESS DEFLATE") < at("EXAMINE"), "{first}");
    // Nothing much is to come.
    let second = pull();
    assert!(!second.contains("COMPRESS DEFLATE") && second.contains("EXAMINE"), "{second}");
}
