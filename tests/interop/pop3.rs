//! pop3-ls, pop3-fetch and pop3-rm against Courier and Cyrus.

use super::common::Home;
use super::maildrops::{Maildrop, ready};
use super::peer::Authority;
use super::{ended, files, hard, home, run};

/// All that the programs do with a maildrop of `there`, which it shows as subject and text, and empties. `more`: further arguments.
fn fetched_and_removed(home: &Home, server: &Maildrop, there: &[(String, Vec<u8>)], more: &[&str]) {
    let run = |tool: &str, arguments: &[&str]| super::run(home, tool, &[more, arguments].concat(), b"");
    let [tls, stls] =
        [format!("pop3s://bob@localhost:{}", server.pop3s), format!("pop3://bob@localhost:{}", server.pop3)];
    let subjects: String = (1..).zip(there).map(|(n, (subject, _))| format!("{n}\t{subject}\n")).collect();
    let same = |dir: &str, there: &[(String, Vec<u8>)]| {
        let texts = ended(there.iter().map(|(_, text)| text.clone()).collect());
        // What Cyrus has put in front.
        let found = files(home, dir);
        assert!(found.len() == texts.len(), "{dir}: {} messages", found.len());
        assert!(texts.iter().all(|text| found.iter().any(|file| file.ends_with(text))), "{dir}");
    };
    for (n, url) in [&tls, &stls].into_iter().enumerate() {
        let listed = run("pop3-ls", &["-o", "number,subject", url]).ends(0);
        assert_eq!((listed.out.as_str(), listed.err.as_str()), (subjects.as_str(), ""), "{url}");
        let target = format!("eml:keep{n}");
        let kept = run("pop3-fetch", &["--trace", "trace", "--into", &target, url]).ends(0);
        assert_eq!(kept.err, "", "{url}");
        same(&format!("keep{n}"), there);
        let trace = std::fs::read_to_string(home.path().join("trace")).unwrap();
        assert!(trace.contains("C: LIST\nC: UIDL\n") && trace.contains("C: RETR 1\nC: RETR 2\n"), "{trace}");
        run("pop3-fetch", &["-e", "--into", &target, url]).ends(1);
    }
    let untrusted = ["--password-file", "pw", tls.as_str()];
    home.run("pop3-ls", &untrusted, b"").ends(76).complains("certificate");
    home.run("pop3-ls", &["--ca-file", "ca.pem", "--password-file", "wrong", &stls], b"").ends(77);
    // By number, by unique id, and not most of it by a range.
    run("pop3-rm", &[&tls, "2"]).ends(0);
    let uidls = run("pop3-ls", &["-o", "uidl", &tls]).ends(0).out;
    run("pop3-rm", &[&stls, uidls.lines().next().unwrap()]).ends(0);
    let rest = &there[2..];
    let listed = run("pop3-ls", &["-o", "subject", &tls]).ends(0).out;
    assert_eq!(listed, rest.iter().map(|(subject, _)| format!("{subject}\n")).collect::<String>());
    let moving = ["--delete", "--json", "--commit-every", "2", "--into", "maildir:moved", &stls];
    let moved = run("pop3-fetch", &moving).ends(0);
    assert_eq!(moved.out.matches(r#""fate":"done""#).count(), rest.len(), "{moved:?}");
    same("moved/new", rest);
    assert_eq!(run("pop3-ls", &[&tls]).ends(0).out, "");
}

#[test]
fn courier() {
    if !ready() {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let shown = ca.issue(&["localhost"], |_| {}).pem;
    let server = Maildrop::courier(&home, &shown, &hard());
    let there = hard().into_iter().enumerate().map(|(n, text)| (format!("hard {n}"), text));
    fetched_and_removed(&home, &server, &there.collect::<Vec<_>>(), &[]);
}

#[test]
fn cyrus() {
    if !ready() {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let server = Maildrop::cyrus(&home, &ca.issue(&["localhost"], |_| {}).pem);
    let lmtp = format!("lmtp+plain://127.0.0.1:{}", server.lmtp.unwrap());
    // All but the one with a line of 5,000 bytes, which no SMTP takes.
    let there: Vec<_> = hard().into_iter().enumerate().filter(|(n, _)| *n != 1).collect();
    for (n, text) in &there {
        let sent = ["-a", &lmtp, "-f", "jo@example.test", "bob"];
        home.run("smtp-send", &sent, text).ends(0);
        assert!(*n < hard().len());
    }
    // What stands behind the header that LMTP has completed.
    let there: Vec<_> = there
        .into_iter()
        .map(|(n, text)| {
            let body = text.windows(2).position(|pair| pair == b"\n\n").unwrap();
            (format!("hard {n}"), text[body..].to_vec())
        })
        .collect();
    let url = format!("pop3s://bob@localhost:{}", server.pop3s);
    for auth in ["scram-sha-256", "scram-sha-1", "cram-md5", "plain"] {
        let ran = run(&home, "pop3-ls", &["--trace", "-", "--auth", auth, &url], b"").ends(0);
        assert!(ran.err.contains(&auth.to_ascii_uppercase()), "{ran:?}");
    }
    // It offers to bind by TLS 1.2's own way under TLS 1.3 too.
    run(&home, "pop3-ls", &[&url], b"").ends(77).complains("auth = \"scram-sha-256\"");
    fetched_and_removed(&home, &server, &there, &["--auth", "scram-sha-256"]);
}
