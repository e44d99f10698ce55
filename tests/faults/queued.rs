//! The outgoing queue, killed at any system call and with a disk that fails: what was acknowledged is there, once, and what may have
//! been delivered is marked.

use crate::common::{Home, installed};
use crate::peer::{Peer, yes};
use crate::steps;
use crate::strace::{ALL, busiest, run};

const TEXT: &str = "From: a@localhost\nSubject: x\nMessage-ID: <m@x>\n\nthe end\n";

fn send<'a>(url: &'a str, to: &'a str) -> [&'a str; 6] {
    ["--queue", "-f", "a@localhost", "-a", url, to]
}

/// The recipients in the queue with their states.
fn listed(home: &Home) -> Vec<(String, String)> {
    let rows = home.run("smtp-queue", &["ls", "-o", "to,status"], b"").ends(0).out;
    rows.lines().map(|row| row.split_once('\t').unwrap()).map(|(to, s)| (to.to_owned(), s.to_owned())).collect()
}

fn whole(home: &Home, step: &str) {
    for id in home.run("smtp-queue", &["ls", "-o", "id"], b"").ends(0).out.lines() {
        let text = home.run("smtp-queue", &["cat", id], b"").out;
        assert!(text.ends_with("\n\nthe end\n"), "{step}: half a message: {text}");
    }
}

fn enqueue(inject: &str, calls: &str, allowed: &[i32], few: usize) {
    let (home, url) = (Home::new(), "smtp+plain://127.0.0.1:9");
    let trace = format!("trace={calls}");
    run(&home, &["-e", &trace], "smtp-send", &send(url, "first@x"), TEXT.as_bytes()).ends(0);
    run(&home, &["-e", &trace], "smtp-send", &send(url, "second@x"), TEXT.as_bytes()).ends(0);
    let count = busiest(&home.path().join("log"));
    let mut there = 2;
    for n in steps(count, few) {
        let step = format!("{inject} at call {n} of {calls} of smtp-send --queue");
        let options = ["-e", &trace, "-e", &format!("inject={calls}:{inject}:when={n}")];
        let ran = run(&home, &options, "smtp-send", &send(url, "b@x"), TEXT.as_bytes());
        assert!(ran.status == 0 || allowed.contains(&ran.status), "{step}: {ran:?}");
        let now = listed(&home).len();
        let killed = ran.status > 128;
        let expected = if ran.status == 0 { there + 1 } else { there };
        assert!(now == expected || killed && now == there + 1, "{step}: {now} after {there}: {ran:?}");
        there = now;
        whole(&home, &step);
    }
}

#[test]
fn enqueue_killed_at_any_call_has_all_or_nothing() {
    if installed("strace") {
        enqueue("signal=KILL", ALL, &[128 + 9], 30);
    }
}

#[test]
fn enqueue_on_a_disk_that_fails_has_all_or_nothing() {
    if installed("strace") {
        for error in ["ENOSPC", "EIO"] {
            for calls in ["fsync", "fdatasync", "pwrite64", "write"] {
                enqueue(&format!("error={error}"), calls, &[73, 74, 75], 4);
            }
        }
    }
}

fn deliver(inject: &str, calls: &str, allowed: &[i32], few: usize) {
    let peer = Peer::start(yes);
    let url = peer.url();
    let fresh = |tag: &str| {
        let home = Home::new();
        for n in 0..2 {
            home.run("smtp-send", &send(&url, &format!("u{n}-{tag}@x")), TEXT.as_bytes()).ends(0);
        }
        home
    };
    let home = fresh("first");
    let trace = format!("trace={calls}");
    run(&home, &["-e", &trace], "smtp-queue", &["run"], b"").ends(0);
    let count = busiest(&home.path().join("log"));
    for n in steps(count, few) {
        let step = format!("{inject} at call {n} of {calls} of smtp-queue run");
        let home = fresh(&n.to_string());
        let options = ["-e", &trace, "-e", &format!("inject={calls}:{inject}:when={n}")];
        let ran = run(&home, &options, "smtp-queue", &["run"], b"");
        assert!(ran.status == 0 || allowed.contains(&ran.status), "{step}: {ran:?}");
        let times = |to: &str| {
            let heard = peer.heard().messages;
            heard.iter().filter(|(all, _)| all.contains(&format!("<{to}>"))).count()
        };
        home.run("smtp-queue", &["run"], b"").ends(0);
        let left = listed(&home);
        let of = |n: usize, tag: usize| format!("u{n}-{tag}@x");
        for i in 0..2 {
            let to = of(i, n);
            let status = left.iter().find(|(of, _)| *of == to).map(|(_, status)| status.as_str());
            match (times(&to), status) {
                (1, None) | (0 | 1, Some("unknown")) | (0, Some("waiting")) => {}
                other => panic!("{step}: {to}: {other:?}: {ran:?}"),
            }
        }
        home.run("smtp-queue", &["retry", "--all"], b"");
        home.run("smtp-queue", &["run"], b"").ends(0);
        assert_eq!(listed(&home), [], "{step}");
        for i in 0..2 {
            let to = of(i, n);
            let doubtful = left.iter().any(|(of, status)| *of == to && status == "unknown");
            assert!((1..=1 + usize::from(doubtful)).contains(&times(&to)), "{step}: {to}: {}", times(&to));
        }
    }
}

#[test]
fn a_runner_killed_at_any_call_sends_once_or_marks_what_it_may_have_sent() {
    if installed("strace") {
        deliver("signal=KILL", ALL, &[128 + 9], 30);
    }
}

#[test]
fn a_runner_on_a_disk_that_fails_loses_nothing() {
    if installed("strace") {
        for error in ["ENOSPC", "EIO"] {
            for calls in ["fsync", "fdatasync", "pwrite64"] {
                deliver(&format!("error={error}"), calls, &[73, 74, 75], 4);
            }
        }
    }
}
