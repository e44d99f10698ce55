//! The programs end to end, on `local:` and on mail-serve: what users rely on, pipepost(7), and every example of the pages
//! and of the README.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Home, Server, bin, installed};
use pipepost::tools::ALL;

fn send(home: &Home, subject: &str, body: &str, to: &str) {
    home.run("smtp-send", &["-s", subject, to], body.as_bytes()).ends(0);
}

#[test]
fn every_example_of_every_page_runs() {
    for entry in ALL {
        let pages = entry.groups.iter().map(|group| (group.name, group.man));
        for (page, man) in pages.chain([(entry.name, entry.man)]) {
            let home = Home::new();
            // Something to list and fetch for those who only read.
            send(&home, "first", "one\n", "postmaster");
            let examples = pipepost::cli::tool::examples(man);
            assert!(!examples.is_empty(), "{page}: no examples");
            for (_, example) in examples {
                let ran = home.sh(&example);
                assert_eq!(ran.status, 0, "{page}: {example}\n{ran:?}");
                assert!(example.contains(entry.name), "{page}: not its example: {example}");
            }
        }
    }
}

#[test]
fn every_one_liner_of_the_readme_runs() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let blocks: Vec<&str> =
        readme.split("```sh one-liner\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert!(blocks.len() >= 3, "one-liners are marked ```sh one-liner");
    let home = Home::new();
    send(&home, "first", "one\n", "postmaster");
    std::fs::write(home.path().join("report.txt"), "all is well\n").unwrap();
    for block in blocks {
        let ran = home.sh(block);
        assert_eq!(ran.status, 0, "{block}\n{ran:?}");
    }
}

#[test]
fn the_examples_folder_runs() {
    for name in ["alice-to-bob.sh", "pipe.sh", "notify.sh", "pull.sh"] {
        let script = std::fs::canonicalize("examples").unwrap().join(name);
        let home = Home::new();
        let ran = home.sh(&format!("sh {}", script.display()));
        assert_eq!(ran.status, 0, "{ran:?}");
    }
}

#[test]
fn names_versions_and_help() {
    let home = Home::new();
    for entry in ALL {
        let version = home.run(entry.name, &["--version"], b"").ends(0);
        assert_eq!(version.out, format!("{} {}\n", entry.name, env!("CARGO_PKG_VERSION")));
        for help in ["-h", "--help"] {
            let text = home.run(entry.name, &[help], b"").ends(0).out;
            assert!(text.contains("Usage:") && text.contains("Examples:") == (help == "--help"), "{text}");
        }
        home.run(entry.name, &["--no-such-flag"], b"").ends(64).complains("--no-such-flag");
        for verb in entry.groups.iter().flat_map(|group| group.verbs) {
            let text = home.run(entry.name, &[verb, "--help"], b"").ends(0).out;
            assert!(text.contains(&format!("mailfmt {verb}")) && text.contains("Examples:"), "{text}");
        }
        let all = home.run("pipepost", &[entry.name, "--version"], b"").ends(0);
        assert_eq!(all.out, version.out);
    }
    home.run("pipepost", &[], b"").ends(64).complains("smtp-send");
    home.run("pipepost", &["nonsense"], b"").ends(64).complains("nonsense");
}

#[test]
fn a_message_is_the_same_at_both_ends() {
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    let secret = home.path().join("pw");
    std::fs::write(&secret, "x\n").unwrap();
    home.sh("chmod 600 pw").ends(0);
    // Dots, a From_ line, 8-bit bytes that are no UTF-8, an empty line at the end, no newline at the end, and a long one.
    let fields = "From: a@localhost\nTo: bob@localhost\nDate: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <1@x>\n";
    let bodies: [&[u8]; 6] =
        [b".\n..\n...x\n", b"From here\n>From there\n", b"\xff\xfe\x80 caf\xe9\n", b"x\n\n\n", b"no end", b""];
    let long = [vec![b'y'; 998], b"\n".to_vec()].concat();
    let smtp = format!("smtp+plain://127.0.0.1:{}", server.smtp);
    for account in ["local:", &smtp] {
        for body in bodies.iter().copied().chain([long.as_slice()]) {
            let message = [fields.as_bytes(), b"\n", body].concat();
            home.run("smtp-send", &["-a", account, "bob@localhost"], &message).ends(0);
        }
    }
    let pop3 = format!("pop3+plain://bob@127.0.0.1:{}", server.pop3);
    for account in ["local://bob", &pop3] {
        let into = format!("eml:{}", account.len());
        home.run("pop3-fetch", &[account, "--password-file", "pw", "--into", &into], b"").ends(0);
        let mut files: Vec<_> = std::fs::read_dir(home.path().join(account.len().to_string()))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        files.sort();
        assert_eq!(files.len(), bodies.len() + 1);
        let mut got: Vec<Vec<u8>> = files
            .iter()
            .map(|f| {
                let bytes = std::fs::read(f).unwrap();
                let at = memchr::memmem::find(&bytes, fields.as_bytes()).unwrap();
                bytes[at + fields.len() + 1..].to_vec()
            })
            .collect();
        let mut expect: Vec<Vec<u8>> = bodies
            .iter()
            .copied()
            .chain([long.as_slice()])
            // SMTP ends every line.
            .map(|b| if b.is_empty() || b.ends_with(b"\n") { b.to_vec() } else { [b, b"\n"].concat() })
            .collect();
        got.sort();
        expect.sort();
        assert_eq!(got, expect, "{account}");
    }
    server.stop();
}

#[test]
fn bcc_never_leaves() {
    let home = Home::new();
    let message = "To: bob@localhost\nBCC : carol@localhost,\n dora@localhost\nResent-Bcc: x@localhost\nbcc:erin@localhost\nSubject: s\n\nb\n";
    home.run("smtp-send", &["-t"], message.as_bytes()).ends(0);
    // Resent-Bcc makes it a resent message: its recipients are the Resent- ones.
    assert_eq!(home.run("pop3-ls", &["local://x"], b"").ends(0).out.lines().count(), 1);
    let message = message.replace("Resent-Bcc: x@localhost\n", "");
    home.run("smtp-send", &["-t"], message.as_bytes()).ends(0);
    for user in ["bob", "carol", "dora", "erin"] {
        let got = home.run("pop3-fetch", &[&format!("local://{user}"), "1"], b"").ends(0).out;
        assert!(got.contains("Subject: s") && !got.to_lowercase().contains("bcc"), "{got}");
        assert!(!got.contains("carol") || user == "carol" && got.contains("for <carol"), "{got}");
    }
    let home = Home::new();
    home.run("smtp-send", &["-s", "x", "--to", "bob@localhost", "--bcc", "carol@localhost"], b"b").ends(0);
    let got = home.run("pop3-fetch", &["local://bob", "1"], b"").ends(0).out;
    assert!(!got.contains("carol"), "{got}");
    assert_eq!(home.run("pop3-ls", &["local://carol"], b"").ends(0).out.lines().count(), 1);
}

#[test]
fn one_refused_recipient_stops_nobody() {
    let home = Home::new();
    let ran = home.run(
        "smtp-send",
        &["--json", "--failed", "left", "bob@localhost", "x@example.org", "carol@localhost"],
        b"Subject: s\n\nb\n",
    );
    let ran = ran.ends(67).complains("x@example.org: 550 5.7.1");
    let fates: Vec<serde_json::Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let fate = |i: usize| fates[i]["fate"].as_str().unwrap();
    assert_eq!((fates.len(), fate(0), fate(1), fate(2)), (3, "done", "never", "done"));
    assert_eq!(std::fs::read_to_string(home.path().join("left")).unwrap(), "x@example.org\n");
    let list = || std::fs::read_to_string(home.path().join("left")).unwrap();
    home.run("smtp-send", &["-n", "--failed", "left", "bob@localhost"], b"Subject: s\n\nb\n").ends(0);
    home.run("smtp-send", &["-s", "a\nb", "--failed", "left", "bob@localhost"], b"b").ends(64);
    assert_eq!(list(), "x@example.org\n");
    let ran = home.run("smtp-send", &["--json", "--failed", "left", "a@localhost"], b"Subject: \0\n\n").ends(65);
    assert!(ran.out.contains("a@localhost") && list() == "a@localhost\n", "{ran:?}");
    let mbox = b"From a Thu Jan  1 00:00:00 1970\nTo: m1@localhost\n\n1\n\nFrom a Thu Jan  1 00:00:00 1970\nSubject: nobody\n\n2\n\nFrom a Thu Jan  1 00:00:00 1970\nTo: m3@localhost\n\n3\n";
    home.run("smtp-send", &["--mbox", "-t", "--resend-to-header"], mbox).ends(67);
    assert_eq!(home.run("pop3-ls", &["local://m3"], b"").ends(0).out.lines().count(), 1);
    home.run(
        "smtp-send",
        &["--mbox", "-t", "--resend-to-header", "-a", "smtp+plain://127.0.0.1:1", "--failed", "left"],
        mbox,
    )
    .ends(75);
    assert_eq!(list(), "m1@localhost\nm3@localhost\n");
    home.run("smtp-send", &["x@example.org", "y@example.org"], b"Subject: s\n\nb\n").ends(69);
}

#[test]
fn what_cannot_be_sent_is_refused_before_anything_happens() {
    let home = Home::new();
    let message = b"Subject: s\n\nb\n";
    let long = [b"Subject: s\n\n".to_vec(), vec![b'x'; 999]].concat();
    home.run("smtp-send", &["bob@localhost"], &long).ends(65).complains("999");
    home.run("smtp-send", &["bob@localhost"], b"Subject: s\n\n\0").ends(65).complains("NUL");
    home.run("smtp-send", &["--strict", "bob@localhost"], b"Subject: s\n\na\rb\n").ends(65).complains("CR");
    home.run("smtp-send", &["bob@localhost"], b"Subject: \xfc\n\nb\n").ends(65).complains("not UTF-8");
    home.run("smtp-send", &["bob@localhost"], b"").ends(64).complains("empty");
    home.run("smtp-send", &[], message).ends(64).complains("recipient");
    home.run("smtp-send", &["-t"], message).ends(64).complains("recipient");
    home.run("smtp-send", &["-t"], b"To: bob@@x\n\nb\n").ends(65);
    home.run("smtp-send", &["--mbox", "bob@localhost"], message).ends(65).complains("mbox");
    for bad in [
        "",
        "bob@",
        "@localhost",
        "a b@localhost",
        "bob@localhost\r\nDATA",
        "bob@localhost\nX: y",
        "<bob@localhost",
        "a@b@c",
    ] {
        home.run("smtp-send", &["--", bad], message).ends(64).complains("smtp-send: ");
        home.run("smtp-send", &["-f", &format!("{bad}\n"), "bob@localhost"], message).ends(64);
    }
    for flag in ["-s", "--from", "--to", "--cc", "--bcc", "--header"] {
        for injected in ["x\r\nBcc: eve@localhost", "x\nX: y", "x\rX: y"] {
            home.run("smtp-send", &[flag, injected, "bob@localhost"], b"b").ends(64).complains("");
        }
    }
    for never in ["Resent-Bcc: eve@localhost", "Return-Path: <x@y>"] {
        home.run("smtp-send", &["--header", never, "bob@localhost"], b"b").ends(64).complains("");
    }
    home.run("smtp-send", &["-f", "", "bob@localhost"], message).ends(64).complains("--mail-from");
    home.run("smtp-send", &["-a", "smtp://mail.example.org/INBOX", "bob@localhost"], message).ends(64);
    home.run("pop3-ls", &["local:INBOX"], b"").ends(64).complains("knows no folders");
    home.sh("PIPEPOST_ACCOUNT=\"$(printf 'w\\377')\" pop3-ls; exit $?").ends(64).complains("UTF-8");
    home.run("smtp-send", &["-s", "x", "--attach", "no/such", "bob@localhost"], b"b").ends(66).complains("no/such");
    home.run("smtp-send", &["-s", "x", "--attach", ".", "bob@localhost"], b"b").ends(66);
    home.run("smtp-send", &["-a", "smtp://mail.example.org", "bob@localhost"], message)
        .ends(78)
        .complains("only this machine knows");
    assert!(!home.path().join(".local/share/pipepost/mail/bob").exists(), "something was sent");
}

#[test]
fn accounts_and_passwords() {
    let home = Home::new();
    let server = Server::start(&home, &["--create"]);
    let plain = format!("pop3+plain://bob@127.0.0.1:{}", server.pop3);
    let pw = server.password_file();
    home.run("pop3-ls", &[&plain, "--password-file", &pw], b"").ends(0);
    home.run("pop3-ls", &[&plain], b"").ends(64).complains("password");
    home.run("pop3-ls", &[&plain, "--password-file", "none"], b"").ends(66).complains("none");
    std::fs::write(home.path().join("open"), "x\n").unwrap();
    home.run("pop3-ls", &[&plain, "--password-file", "open"], b"").ends(78).complains("others may read");
    home.sh("umask 077; echo wrong-tulip > wrong; : > empty").ends(0);
    let ran = home.run("pop3-ls", &[&plain, "--password-file", "wrong", "--trace", "-"], b"").ends(77);
    assert!(ran.err.contains("AUTH SCRAM-SHA-256 ***") && !ran.err.contains("tulip"), "{ran:?}");
    let ran =
        home.run("pop3-ls", &[&plain, "--auth", "login", "--password-file", "wrong", "--trace", "-"], b"").ends(77);
    assert!(ran.err.contains("C: AUTH LOGIN") && !ran.err.contains("tulip"), "{ran:?}");
    home.run("pop3-ls", &[&plain, "--password-file", "empty"], b"").ends(78);
    // Without +plain, TLS is used as it is offered, but with whom is not known: the password stays here.
    home.run("pop3-ls", &[&plain.replace("+plain", ""), "--password-file", &pw], b"")
        .ends(77)
        .complains("may not be sent");
    home.run("pop3-ls", &[&plain.replace("+plain", "s"), "--password-file", &pw], b"").ends(76).complains("TLS");
    home.run("pop3-ls", &["pop3+plain://bob:secret@127.0.0.1"], b"").ends(64).complains("password inside a URL");
    home.run("pop3-ls", &["work:"], b"").ends(64).complains("work:");
    home.run("pop3-ls", &["imap://x"], b"").ends(64);
    home.run("pop3-ls", &["pop3+plain://bob@127.0.0.1:1", "--password-file", &pw], b"")
        .ends(75)
        .complains("127.0.0.1:1");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&pw).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    // With the right password SMTP's AUTH works too; a wrong one is 77.
    let smtp = format!("smtp+plain://bob@127.0.0.1:{}", server.smtp);
    home.run("smtp-send", &["-a", &smtp, "--password-file", &pw, "bob@localhost"], b"Subject: s\n\nb\n").ends(0);
    home.run("smtp-send", &["-a", &smtp, "--password-file", "wrong", "bob@localhost"], b"Subject: s\n\nb\n").ends(77);
}

#[test]
fn nothing_is_fetched_twice_and_delete_deletes() {
    let home = Home::new();
    for n in 0..3 {
        send(&home, &format!("s{n}"), "b\n", "bob@localhost");
    }
    let fetch = |more: &[&str]| home.run("pop3-fetch", &[&["local://bob"], more].concat(), b"");
    let first = fetch(&["--into", "maildir:M"]).ends(0);
    assert!(first.out.is_empty() && first.err.is_empty(), "{first:?}");
    let count = |dir: &str| std::fs::read_dir(home.path().join(dir)).unwrap().count();
    assert_eq!(count("M/new"), 3);
    fetch(&["--into", "maildir:M"]).ends(0);
    fetch(&["--into", "maildir:M", "-e"]).ends(1);
    assert_eq!(count("M/new"), 3);
    // Each target has its own history, and so has each name.
    assert_eq!(fetch(&[]).ends(0).out.matches("\nSubject: s").count(), 3);
    assert_eq!(fetch(&["--state", "other"]).ends(0).out.matches("\nSubject: s").count(), 3);
    assert_eq!(fetch(&["--state", "other"]).ends(0).out, "");
    assert_eq!(fetch(&["--all", "--state", "other"]).ends(0).out.matches("\nSubject: s").count(), 3);
    // A pipe is no safe place.
    fetch(&["--delete"]).ends(64).complains("--trust-stdout");
    fetch(&["--json"]).ends(64);
    fetch(&["9"]).ends(69).complains("9: no such message");
    fetch(&[""]).ends(64);
    let dry = fetch(&["-n", "--into", "eml:E"]).ends(0);
    assert_eq!(dry.out.lines().count(), 3);
    let moved = fetch(&["--delete", "--into", "mbox:box", "--into", "eml:E", "--json"]).ends(0);
    assert_eq!(moved.out.matches("\"fate\":\"done\"").count(), 3);
    assert_eq!((count("E"), home.run("pop3-ls", &["-e", "local://bob"], b"").ends(1).out.len()), (3, 0));
    let text = std::fs::read_to_string(home.path().join("box")).unwrap();
    assert_eq!(text.matches("\n\nFrom root@").count() + 1, text.matches("\nSubject: s").count(), "{text}");
}

#[test]
fn closed_and_full_outputs() {
    let home = Home::new();
    for _ in 0..3 {
        send(&home, "s", &"line\n".repeat(20_000), "bob@localhost");
    }
    // A listing stops quietly; what moves mail does not.
    for tool in ["pop3-ls -o number local://bob", "pop3-ls --json local://bob", "pop3-ls --help"] {
        let ran = home.sh(&format!("{{ {tool} && echo 0 >&2; }} | head -c 0"));
        assert_eq!(ran.err, "0\n", "{tool}");
    }
    // A report that nobody reads: nothing is deleted.
    let ran = home
        .sh("{ sleep 0.2; pop3-fetch --delete --json --into maildir:J local://bob || echo $? >&2; } | true; sleep 1");
    assert!(ran.err.ends_with("74\n"), "{ran:?}");
    assert_eq!(home.run("pop3-ls", &["local://bob"], b"").ends(0).out.lines().count(), 3);
    let ran =
        home.sh("{ sleep 0.2; smtp-send -s x --json carol@localhost < /dev/null || echo $? >&2; } | true; sleep 1");
    assert!(ran.err.ends_with("74\n"), "{ran:?}");
    assert_eq!(
        home.run("pop3-fetch", &["--mbox", "--state", "t", "local://bob", "1", "1"], b"")
            .ends(0)
            .out
            .matches("\nSubject: s")
            .count(),
        1
    );
    let ran = home.sh("{ pop3-fetch local://bob || echo $? >&2; } | head -c 10 > /dev/null");
    assert!(ran.err.ends_with("74\n"), "{ran:?}");
    assert_eq!(home.sh("pop3-ls local://bob > /dev/full; exit $?").status, 74);
    assert_eq!(home.sh("pop3-fetch local://bob > /dev/full; exit $?").status, 74);
    for tool in ["pop3-fetch", "pop3-ls", "imap-ls"] {
        assert_eq!(home.sh(&format!("{tool} local://bob >&-; exit $?")).status, 74, "{tool}");
    }
    home.sh("smtp-send -s x --json bob@localhost < /dev/null >&-; exit $?").ends(74);
    assert_eq!(home.run("pop3-fetch", &["local://bob"], b"").ends(0).out.matches("\nSubject: s").count(), 3);
    for compose in ["", "-s x"] {
        home.sh(&format!("smtp-send {compose} bob@localhost <&-; exit $?")).ends(66).complains("closed");
    }
    home.sh("mail-serve --smtp-port 0 --pop3-port 0 --imap-port 0 --root s >&-; exit $?").ends(74);
    assert_eq!(home.sh("smtp-send bob@localhost < /; exit $?").status, 74);
    home.run("pop3-fetch", &["local://bob", "--all", "--into", "maildir:/proc/none"], b"")
        .ends(73)
        .complains("/proc/none");
}

#[test]
fn a_dry_run_changes_nothing_and_steps_are_told() {
    let home = Home::new();
    send(&home, "s", "b\n", "bob@localhost");
    for target in ["maildir:M", "mbox:M", "eml:M", "maildir:no/such/place"] {
        home.run("pop3-fetch", &["-n", "--delete", "--into", target, "local://bob"], b"").ends(0);
    }
    assert!(!home.path().join("M").exists() && !home.path().join("no").exists());
    assert_eq!(home.run("pop3-fetch", &["-n", "--delete", "local://bob"], b"").ends(0).out.lines().count(), 1);
    for tool in ["pop3-ls", "imap-ls", "pop3-fetch"] {
        home.run(tool, &["-v", "local://bob"], b"").ends(0).complains("connected to local");
    }
    home.run("smtp-send", &["-v", "-s", "x", "bob@localhost"], b"b").ends(0).complains("connected to local");
}

#[test]
fn strange_surroundings() {
    let home = Home::new();
    home.sh("TZ=Nowhere/Land LC_ALL=xx_YY LANG= smtp-send -s ü bob@localhost < /dev/null").ends(0);
    assert!(home.run("pop3-fetch", &["local://bob", "1"], b"").ends(0).out.contains("Subject: =?utf-8?"));
    // A small stack, and a message that is deeper than anything sensible.
    let deep: String = (0..9999).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    std::fs::write(home.path().join("deep"), deep).unwrap();
    home.sh("ulimit -s 256; mailfmt show deep > shown; mailfmt show --json deep > shown; imap-ls > shown").ends(0);
    if rustix::process::getuid().is_root() {
        // Somebody whom /etc/passwd does not know, and who may not be able to come here.
        let nobody = "setpriv --reuid 54321 --regid 54321 --clear-groups";
        home.sh("cp \"$PIPEPOST_BIN/imap-ls\" . && chmod 711 . imap-ls && chmod +r imap-ls").ends(0);
        if home.sh(&format!("{nobody} ./imap-ls -V")).status != 0 {
            println!("skipped: strangers can't reach {}", home.path().display());
            return;
        }
        home.sh(&format!("mkdir -m 777 theirs; unset HOME; {nobody} ./imap-ls; exit $?"))
            .ends(78)
            .complains("no home directory is known");
        home.sh(&format!("HOME=$PWD/theirs {nobody} ./imap-ls -o folder | head -n 1 > shown; grep -x INBOX shown"))
            .ends(0);
    }
}

#[test]
fn first_starts_at_once_agree_on_the_password() {
    let home = Home::new();
    home.sh("for n in 1 2 3 4 5 6; do
        mail-serve --smtp-port 0 --pop3-port 0 --imap-port 0 --root s > out$n & echo $! >> pids
    done
    for n in 1 2 3 4 5 6; do until grep -q password-file out$n; do sleep 0.05; done; done
    test \"$(cat out? | grep -c ^pin)\" = 6
    test \"$(cat out? | grep ^pin | sort -u | wc -l)\" = 1
    ls -A s | grep -c new- > left || true
    kill $(cat pids); wait")
        .ends(0);
    assert_eq!(std::fs::read_to_string(home.path().join("left")).unwrap(), "0\n");
    assert_eq!(std::fs::read_to_string(home.path().join("s/.password")).unwrap().len(), 21);
}

#[test]
fn what_is_wrong_with_local_is_told_as_what_it_is() {
    let home = Home::new();
    send(&home, "s", "b\n", "bob@localhost");
    let long = format!("local://{}", "x".repeat(300));
    for tool in ["pop3-ls", "imap-ls"] {
        home.run(tool, &[&long], b"").ends(64).complains("can't be a user's name");
    }
    home.run("smtp-send", &["-a", &long, "bob@localhost"], b"Subject: s\n\nb\n").ends(64);
    home.sh("echo rubbish-and-more-rubbish > .local/share/pipepost/mail/bob/pipepost.sqlite").ends(0);
    home.run("pop3-ls", &["local://bob"], b"").ends(74).complains("pipepost.sqlite");
}

#[test]
fn one_unreadable_message_keeps_nobody_from_the_others() {
    // root reads everything.
    if !installed("setpriv") || !rustix::process::getuid().is_root() {
        return;
    }
    let home = Home::new();
    send(&home, "s1", "b\n", "bob@localhost");
    send(&home, "s2", "b\n", "bob@localhost");
    let script = "chmod 755 .; cp -r $PIPEPOST_BIN/pop3-fetch $PIPEPOST_BIN/pop3-ls .; chmod 000 \"$(ls -d .local/share/pipepost/mail/bob/new/* | head -n 1)\"
        chown -R 65534 .; setpriv --reuid 65534 --clear-groups ./pop3-ls -o number local://bob
        setpriv --reuid 65534 --clear-groups ./pop3-fetch --into maildir:M local://bob || echo $?";
    let ran = home.sh(script).ends(0);
    assert!(ran.out.starts_with("1\n2\n") && ran.out.ends_with("67\n") && ran.err.contains("can't be read"), "{ran:?}");
    assert_eq!(std::fs::read_dir(home.path().join("M/new")).unwrap().count(), 1);
}

#[test]
fn python_clients_are_content() {
    if !installed("python3") {
        return;
    }
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    let script = std::fs::canonicalize("tests/interop/python_clients.py").unwrap();
    let ran =
        home.sh(&format!("timeout 60 python3 {} {} {} {}", script.display(), server.smtp, server.pop3, server.imap));
    assert_eq!(ran.status, 0, "{ran:?}");
}

#[test]
fn an_address_logs_in_to_where_its_mail_goes() {
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    let smtp = format!("smtp+plain://127.0.0.1:{}", server.smtp);
    home.run("smtp-send", &["-a", &smtp, "-s", "one", "bob@localhost"], b"one\n").ends(0);
    home.sh("umask 077; echo tulip > pw").ends(0);
    for (user, messages) in
        [("bob", 1), ("Bob%40LocalHost", 1), ("bob%40%5B127.0.0.1%5D", 1), ("bob%40other.example", 0)]
    {
        let url = format!("pop3+plain://{user}@127.0.0.1:{}", server.pop3);
        let ran = home.run("pop3-ls", &["--password-file", "pw", &url], b"").ends(0);
        assert_eq!(ran.out.lines().count(), messages, "{user}: {ran:?}");
    }
    server.stop();
    // A line of the file with the whole address is a user of its own.
    let hash = "umask 077; for user in bob@localhost carol; do mail-serve --hash-password $user < pw; done > users";
    home.sh(hash).ends(0);
    let server = Server::start(&home, &["--passwd-file", "users"]);
    for (user, status) in
        [("carol", 0), ("carol%40localhost", 0), ("bob%40localhost", 0), ("bob", 77), ("carol%40other.example", 77)]
    {
        let url = format!("pop3+plain://{user}@127.0.0.1:{}", server.pop3);
        home.run("pop3-ls", &["--password-file", "pw", &url], b"").ends(status);
    }
}

#[test]
fn the_server_ends_cleanly_and_needs_no_repair() {
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    // A message on its way in when the signal comes is finished.
    use std::io::{BufRead, BufReader, Write};
    let socket = std::net::TcpStream::connect(("127.0.0.1", server.smtp)).unwrap();
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map(|l| l.unwrap());
    let say = |text: &str| (&socket).write_all(text.as_bytes()).unwrap();
    say("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@localhost>\r\nDATA\r\nSubject: late\r\n\r\n");
    while !lines.next().unwrap().starts_with("354") {}
    let idle = std::net::TcpStream::connect(("127.0.0.1", server.pop3)).unwrap();
    let pid = server.pid();
    let stopping = std::thread::spawn(move || server.stop());
    std::thread::sleep(std::time::Duration::from_millis(300));
    say("body\r\n.\r\n");
    assert!(lines.next().unwrap().starts_with("250"), "the message was accepted");
    stopping.join().unwrap();
    drop(idle);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    let new = home.path().join("served/bob/new");
    assert_eq!(std::fs::read_dir(&new).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(home.path().join("served/bob/tmp")).unwrap().count(), 0);
    assert!(bin().join("mail-serve").exists());
}
