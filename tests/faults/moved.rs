//! SIGKILL at any system call of imap-mv between accounts, and of imap-put: no message is lost, and none is there in part.

use crate::common::{Home, Ran, installed};
use crate::maildrop::{fill, messages};
use crate::served::{Served, prepared, texts};
use crate::steps;
use crate::strace::{ALL, busiest, run};
use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The calls that a program makes when nothing happens to it.
fn calls(home: &Home, program: &str, arguments: &[&str], stdin: &[u8]) -> usize {
    run(home, &["-e", &format!("trace={ALL}")], program, arguments, stdin).ends(0);
    let calls = busiest(&home.path().join("log"));
    assert!(calls > 100, "{calls}");
    calls
}

fn killed(home: &Home, n: usize, program: &str, arguments: &[&str], stdin: &[u8]) -> Ran {
    let options = ["-e", &format!("trace={ALL}"), "-e", &format!("inject={ALL}:signal=KILL:when={n}")];
    let ran = run(home, &options, program, arguments, stdin);
    assert!([0, 128 + 9].contains(&ran.status), "KILL at call {n}: {ran:?}");
    ran
}

/// How often each message is in a mailbox; nothing else is.
fn times(mailbox: &Path, step: &str) -> Vec<usize> {
    let there = [texts(&mailbox.join("new")), texts(&mailbox.join("cur"))].concat();
    let all = messages();
    assert!(there.iter().all(|text| all.contains(text)), "{step}: not a whole message in {}", mailbox.display());
    all.iter().map(|message| there.iter().filter(|text| *text == message).count()).collect()
}

/// The mailbox of `user`, once nobody is connected: when a client is gone the server may still be doing what it was told.
fn settled(served: &Served, user: &str) -> PathBuf {
    let sessions = || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", served.pid())).unwrap();
        let name = |thread: std::io::Result<DirEntry>| std::fs::read_to_string(thread.unwrap().path().join("comm"));
        threads.filter_map(|thread| name(thread).ok()).filter(|name| name.trim() == "imap").count()
    };
    while sessions() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    served.root.join(user)
}

#[test]
fn imap_mv_killed_at_any_call_loses_nothing() {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    let urls = |n: &str| ["s", "t"].map(|end| format!("{}/INBOX", served.url("imap", &format!("{end}{n}"))));
    let words = |[source, target]: &[String; 2]| {
        ["--password-file", "pw", "--all", "--json", source, target].map(str::to_owned).to_vec()
    };
    fill(&served.root, "s0");
    let first = words(&urls("0"));
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    for n in steps(calls(&home, "imap-mv", &first, b""), 40) {
        let step = format!("KILL at call {n} of imap-mv");
        let (from, to) = (format!("s{n}"), format!("t{n}"));
        fill(&served.root, &from);
        let arguments = words(&urls(&n.to_string()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ran = killed(&home, n, "imap-mv", &arguments, b"");
        let here = times(&settled(&served, &from), &step);
        let there = times(&settled(&served, &to), &step);
        let done = ran.out.lines().filter(|line| line.contains("\"fate\":\"done\"")).count();
        for (i, (here, there)) in here.iter().zip(&there).enumerate() {
            assert!(here + there >= 1 && *here <= 1 && *there <= 1, "{step}: {i}: {here} here, {there} there");
        }
        // What it has told as done is done.
        assert!(here.iter().filter(|n| **n == 0).count() >= done, "{step}: {ran:?}");
        // The same command again moves the rest; what was copied only comes once more.
        home.run("imap-mv", &arguments, b"").ends(0);
        assert_eq!(times(&settled(&served, &from), &step), [0; 4], "{step}");
        let all = times(&settled(&served, &to), &step);
        assert!(all.iter().zip(here).all(|(all, here)| (1..=1 + here).contains(all)), "{step}: {all:?}");
    }
}

#[test]
fn imap_put_killed_at_any_call_has_told_the_truth() {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    let stdin = messages().join("\0");
    let url = |n: &str| format!("{}/INBOX", served.url("imap", &format!("p{n}")));
    let first = url("0");
    for n in steps(calls(&home, "imap-put", &["-0", "--password-file", "pw", &first], stdin.as_bytes()), 30) {
        let step = format!("KILL at call {n} of imap-put");
        let target = url(&n.to_string());
        let ran = killed(&home, n, "imap-put", &["-0", "--password-file", "pw", &target], stdin.as_bytes());
        let there = times(&settled(&served, &format!("p{n}")), &step);
        assert!(there.iter().all(|times| *times <= 1), "{step}: {there:?}");
        let listed = home.run("imap-ls", &["--refs", "--password-file", "pw", &target], b"").ends(0).out;
        let told: Vec<&str> = ran.out.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
        assert!(told.iter().all(|line| listed.contains(line)), "{step}: {told:?} {listed}");
        assert!(ran.status != 0 || there == [1; 4], "{step}: {there:?}");
    }
}
