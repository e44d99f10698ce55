//! `rewrite =`, `aliases =`, `sent =` and their flags, with the real programs.

// A test fails by panicking, in its helpers too.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Home, Server};

fn config(home: &Home, text: &str) {
    std::fs::create_dir_all(home.path().join(".config/pipepost")).unwrap();
    let path = home.path().join(".config/pipepost/config.toml");
    std::fs::write(&path, text).unwrap();
    home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
}

fn count(home: &Home, user: &str) -> usize {
    home.run("pop3-ls", &[&format!("local://{user}")], b"").ends(0).out.lines().count()
}

fn got(home: &Home, user: &str, number: usize) -> String {
    home.run("pop3-fetch", &[&format!("local://{user}"), &number.to_string()], b"").ends(0).out
}

#[test]
fn crons_mail_goes_out_under_good_addresses() {
    let home = Home::new();
    let cron =
        b"From: root (Cron Daemon)\nTo: root\nBcc: bob\nDate: x\nMessage-ID: <a@b>\nSubject: Cron\n\nFrom: root\n";
    // Nothing is changed unless it is asked for.
    home.run("smtp-send", &["-t"], cron).ends(0);
    assert!(got(&home, "root", 1).contains("\nFrom: root (Cron Daemon)\nTo: root\nDate: x\n"));
    let rules = ["--rewrite-from", "root=Cron <cron@example.org>", "--rewrite", "root=admin@localhost"];
    home.run("smtp-send", &[&["-t"], &rules[..]].concat(), cron).ends(0);
    let message = got(&home, "admin", 1);
    let expect = "From: Cron <cron@example.org>\nX-Original-From: root (Cron Daemon)\nTo: admin@localhost\nX-Original-To: root\nDate: x\n\
        Message-ID: <a@b>\nSubject: Cron\n\nFrom: root\n";
    assert!(message.starts_with("Return-Path: <cron@example.org>\n") && message.ends_with(expect), "{message}");
    assert_eq!((count(&home, "root"), count(&home, "bob")), (1, 2));
    let ran = home.run("smtp-send", &[&["-t", "-n"], &rules[..]].concat(), cron).ends(0);
    for note in [
        "From: root (Cron Daemon) becomes Cron <cron@example.org>",
        "To: root becomes admin@localhost",
        "recipient: <root@localhost> becomes <admin@localhost>",
        "sender: <root@localhost> becomes <cron@example.org>",
    ] {
        assert!(ran.err.contains(note), "{note}: {ran:?}");
    }
    assert!(ran.out.contains("from <cron@example.org> to <admin@localhost>"), "{ran:?}");
    // The configuration, and what is composed.
    config(
        &home,
        "[work]\nsmtp = { url = \"smtp+plain://127.0.0.1:1\", rewrite = { root = \"a@localhost\", \"*@localhost\" = \"*@example.org\" } }\n\
        rewrite-to = { \"*\" = \"all@localhost\" }\naliases = \"al\"\nsent = \"work:Sent\"\n",
    );
    let shown = home.run("mail-check", &["--show", "work:"], b"").ends(0).out;
    for row in
        ["smtp.rewrite\t* = ", "smtp.rewrite-to\t* = all@localhost\t", "smtp.aliases\t", "smtp.sent\twork:Sent\t"]
    {
        assert!(
            shown.contains(row)
                || row.contains("* = ")
                    && shown.contains("smtp.rewrite\t*@localhost = *@example.org, root = a@localhost\t"),
            "{row}: {shown}"
        );
    }
    home.run("smtp-send", &["-s", "x", "--from", "root", "--rewrite", "root=me@localhost", "root"], b"x").ends(0);
    let composed = got(&home, "me", 1);
    assert!(
        composed.contains("From: <me@localhost>\nTo: <me@localhost>\n") && !composed.contains("X-Original"),
        "{composed}"
    );
    for (wrong, says) in [
        ("rewrite = \"x\"", "must be true or a table"),
        ("rewrite = { \"a b\" = \"c@d\" }", "neither an address"),
        ("rewrite = { a = \"b\" }", "an address with a domain"),
        ("rewrite = { a = 1 }", "must be a string"),
        ("sent = \"Sent\"", "neither ACCOUNT:FOLDER"),
    ] {
        config(&home, &format!("[work]\nsmtp = \"smtp+plain://127.0.0.1:1\"\n{wrong}\n"));
        home.run("smtp-send", &["-a", "work", "-s", "x", "bob@localhost"], b"x").ends(78).complains(says);
    }
    home.sh("rm .config/pipepost/config.toml").ends(0);
    for flag in [["--rewrite", "x"], ["--rewrite-to", "a b=c@d"], ["--rewrite-from", "a=b"]] {
        home.run("smtp-send", &[&flag[..], &["-s", "x", "bob@localhost"]].concat(), b"x").ends(64).complains(flag[0]);
    }
}

#[test]
fn aliases_say_who_gets_it() {
    let home = Home::new();
    std::fs::write(home.path().join("list"), "# the list\ncarol@localhost\ndora@localhost, carol@localhost\n").unwrap();
    let list = home.path().join("list").display().to_string();
    std::fs::write(home.path().join("aliases"), format!("root: bob,\n  all\nall: :include:{list}\nbob: bob, amy\n"))
        .unwrap();
    home.run("smtp-send", &["--aliases", "aliases", "-s", "x", "root", "eve@localhost"], b"x").ends(0);
    for (user, n) in [("bob", 1), ("amy", 1), ("carol", 1), ("dora", 1), ("eve", 1), ("root", 0), ("all", 0)] {
        assert_eq!(count(&home, user), n, "{user}");
    }
    assert!(got(&home, "bob", 1).contains("\nTo: <root@localhost>, <eve@localhost>\n"));
    std::fs::write(home.path().join("bad"), "a: b\nroot: \"|/bin/sh\"\n").unwrap();
    home.run("smtp-send", &["--aliases", "bad", "-s", "x", "root"], b"x")
        .ends(78)
        .complains("bad:2: \"|/bin/sh\": programs");
    std::fs::write(home.path().join("loop"), "a: b\nb: a\n").unwrap();
    home.run("smtp-send", &["--aliases", "loop", "-s", "x", "a"], b"x").ends(78).complains("circle: a -> b -> a");
    home.run("smtp-send", &["--aliases", "none", "-s", "x", "a"], b"x").ends(66).complains("none: No such file");
}

#[test]
fn copies_of_what_was_sent() {
    let home = Home::new();
    let send = |flags: &[&str], text: &[u8]| home.run("smtp-send", &[flags, &["--sent", "local:Sent"]].concat(), text);
    send(&["-s", "one", "--to", "bob@localhost", "--bcc", "amy@localhost,zoe@localhost"], b"x\n").ends(0);
    send(&["-t"], b"To: bob@localhost\nBCC :\n amy@localhost\nSubject: two\n\n.x\r\n").ends(0);
    let rows = home.run("imap-ls", &["-o", "flags,subject", "local:Sent"], b"").ends(0).out;
    assert_eq!(rows, "Seen,Recent\tone\nSeen,Recent\ttwo\n");
    let one = home.run("imap-fetch", &["local:Sent", "1"], b"").ends(0).out;
    assert!(one.starts_with("Bcc: amy@localhost,\n zoe@localhost\nDate: ") && one.ends_with("\nx\n"), "{one}");
    let two = home.run("imap-fetch", &["local:Sent", "2"], b"").ends(0).out;
    assert!(two.starts_with("BCC :\n amy@localhost\nTo: bob@localhost\n") && two.ends_with("\n\n.x\n"), "{two}");
    assert!(!got(&home, "bob", 1).contains("amy") && !got(&home, "bob", 2).contains("amy"));
    // Sent to some; to nobody; into files; and not at all.
    send(&["-s", "three", "bob@localhost", "bob@example.org"], b"x").ends(67);
    send(&["-s", "four", "bob@example.org"], b"x").ends(69);
    send(&["-n", "-s", "five", "bob@localhost"], b"x").ends(0);
    assert_eq!(home.run("imap-ls", &["local:Sent"], b"").out.lines().count(), 3);
    home.run("smtp-send", &["-s", "x", "--sent", "maildir:M", "bob@localhost"], b"x").ends(0);
    assert_eq!(home.sh("ls M/cur | grep -c ':2,S'").out, "1\n");
    home.run("smtp-send", &["-s", "x", "--sent", "mbox:box", "bob@localhost"], b"x").ends(0);
    home.run("smtp-send", &["-s", "x", "--sent", "mbox:box", "bob@localhost"], b"x").ends(0);
    assert_eq!(home.sh("grep -c '^From ' box").out, "2\n");
    home.run("smtp-send", &["-s", "x", "--no-sent", "bob@localhost"], b"x").ends(0);
    // Its failure is told, and changes nothing.
    for target in ["local:No/Such/Folder", "maildir:/proc/none", "imap+plain://bob@127.0.0.1:1/Sent"] {
        let ran = home
            .run("smtp-send", &["-s", "x", "--password-file", "/dev/null", "--sent", target, "bob@localhost"], b"x")
            .ends(0);
        assert!(ran.err.contains("it was sent, and no copy was kept in "), "{target}: {ran:?}");
    }
    for wrong in ["Sent", "local:", "eml:x", "mbox:"] {
        home.run("smtp-send", &["-s", "x", "--sent", wrong, "bob@localhost"], b"x").ends(64);
    }
    // A key that leads nowhere stops nobody either: it is told, and the message goes.
    for (sent, why) in
        [("nowhere:Sent", "nowhere: no such account"), ("out:", "out: this account has no imap"), ("eml:x", "neither")]
    {
        config(&home, &format!("default = \"out\"\n[out]\nsmtp = \"lmtp+plain://127.0.0.1:1\"\nsent = \"{sent}\"\n"));
        let ran = home.run("smtp-send", &["-a", "out", "-f", "a@localhost", "-s", "x", "bob@localhost"], b"x").ends(75);
        assert!(ran.err.contains("no copy will be kept: ") && ran.err.contains(why), "{sent}: {ran:?}");
        assert!(ran.err.contains("config.toml:4"), "{sent}: {ran:?}");
        home.run("smtp-send", &["-a", "out", "--sent", "nowhere:Sent", "-s", "x", "bob@localhost"], b"x").ends(64);
    }
    // Over a network, by the account's own words.
    let server = Server::start(&home, &["--any-password", "--create"]);
    config(
        &home,
        &format!(
            "[work]\nsmtp = \"smtp+plain://bob@127.0.0.1:{}\"\nimap = \"imap+plain://bob@127.0.0.1:{}\"\nfrom = \"bob@localhost\"\nsent = \"work:Sent\"\n\
        password = {{ file = \"pw\" }}\n",
            server.smtp, server.imap
        ),
    );
    home.sh("echo x > .config/pipepost/pw; chmod 600 .config/pipepost/pw").ends(0);
    home.run("smtp-send", &["-a", "work", "-s", "net", "amy@localhost"], b"x").ends(0);
    home.run("smtp-send", &["-a", "work", "-s", "net", "--no-sent", "amy@localhost"], b"x").ends(0);
    assert_eq!(home.run("imap-ls", &["-o", "subject", "work:Sent"], b"").ends(0).out, "net\n");
    server.stop();
}
