//! Dovecot behind a line that is cut: what came is whole, the next run has all of it, and nothing comes twice.

use super::servers::{self, Dovecot};
use super::{DOVECOT, ended, files, hard, home, run};
use crate::peer::Authority;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::spawn;

/// A line to a server that is cut, both ways, when so many bytes have come from it.
struct Line {
    port: u16,
    cut: Arc<AtomicU64>,
    passed: Arc<AtomicU64>,
}

impl Line {
    fn to(server: u16) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, passed) = (Arc::new(AtomicU64::new(u64::MAX)), Arc::new(AtomicU64::new(0)));
        let line = Line { port, cut: cut.clone(), passed: passed.clone() };
        spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let (cut, passed) = (cut.load(Ordering::SeqCst), passed.clone());
                passed.store(0, Ordering::SeqCst);
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                spawn(move || pass(from, &to, u64::MAX, &AtomicU64::new(0)));
                spawn(move || {
                    pass(server.try_clone().unwrap(), &client, cut, &passed);
                    let _ = server.shutdown(Shutdown::Both);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        line
    }
}

/// Passes bytes on until `cut` of them have passed, or one side has had enough.
fn pass(mut from: TcpStream, mut to: &TcpStream, cut: u64, passed: &AtomicU64) {
    let mut buffer = [0; 4096];
    let mut rest = cut;
    while rest > 0 {
        let want = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        let Ok(n @ 1..) = from.read(&mut buffer[..want]) else { break };
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
        rest -= n as u64;
        passed.fetch_add(n as u64, Ordering::SeqCst);
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Points at which to cut: in the handshake, behind it, all along, and at the very end.
fn points(whole: u64) -> Vec<u64> {
    let mut points: Vec<u64> = [1, 900, 1500].into_iter().chain((1..12).map(|n| whole * n / 12)).collect();
    points.extend([whole - 60, whole - 25, whole - 1]);
    points
}

#[test]
fn pop3_lines_that_are_cut() {
    if !servers::can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let dovecot = Dovecot::start(&home, "dovecot", &ca.issue(&["localhost"], |_| {}).pem);
    let line = Line::to(dovecot.pop3s);
    let url = format!("pop3s://bob@localhost:{}", line.port);
    let hard = hard();
    let expected = ended(hard.clone());
    for delete in [false, true] {
        let kind = if delete { "--delete" } else { "--keep" };
        let fill = |last: bool| {
            if delete || last {
                dovecot.put("bob", &hard);
            }
        };
        fill(true);
        run(&home, "pop3-fetch", &[kind, "--into", &format!("eml:whole{kind}"), &url], b"").ends(0);
        let mut statuses = Vec::new();
        for cut in points(line.passed.load(Ordering::SeqCst)) {
            fill(false);
            line.cut.store(cut, Ordering::SeqCst);
            let dir = format!("{kind}{cut}");
            let into = [kind, "--into", &format!("eml:{dir}"), &url];
            let ran = run(&home, "pop3-fetch", &into, b"");
            statuses.push(ran.status);
            assert!([0, 67, 75, 76].contains(&ran.status), "{kind} {cut}: {ran:?}");
            let got = if home.path().join(&dir).exists() { files(&home, &dir) } else { Vec::new() };
            assert!(got.iter().all(|message| expected.contains(message)), "{kind} {cut}: something is not whole");
            dovecot.await_maildrop("bob");
            // Success is a goodbye that was heard, or one that does not matter.
            let left = dovecot.messages("bob").len();
            assert!(ran.status != 0 || got.len() == hard.len() && !(delete && left > 0), "{kind} {cut}: {ran:?}");
            line.cut.store(u64::MAX, Ordering::SeqCst);
            run(&home, "pop3-fetch", &into, b"").ends(0);
            assert!(files(&home, &dir) == expected, "{kind} {cut}: {} messages", files(&home, &dir).len());
            assert_eq!(dovecot.messages("bob").len(), if delete { 0 } else { hard.len() }, "{kind} {cut}");
        }
        assert!(statuses.contains(&75) && statuses.contains(&67), "{statuses:?}");
        line.cut.store(u64::MAX, Ordering::SeqCst);
        if !delete {
            run(&home, "pop3-fetch", &["--delete", "--into", "eml:away", &url], b"").ends(0);
        }
    }
}

#[test]
fn imap_lines_that_are_cut() {
    if !servers::can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let dovecot = Dovecot::start(&home, "dovecot", &ca.issue(&["localhost"], |_| {}).pem);
    let line = Line::to(dovecot.imaps);
    let inbox = format!("imaps://bob@localhost:{}/INBOX", line.port);
    let mut hard = hard();
    dovecot.put("bob", &hard);
    hard.sort();
    run(&home, "imap-fetch", &["--into", "eml:whole", &inbox], b"").ends(0);
    for cut in points(line.passed.load(Ordering::SeqCst)) {
        line.cut.store(cut, Ordering::SeqCst);
        let dir = format!("cut{cut}");
        let ran = run(&home, "imap-fetch", &["--into", &format!("eml:{dir}"), &inbox], b"");
        assert!([0, 67, 75].contains(&ran.status), "{cut}: {ran:?}");
        assert!(ran.status != 0 || cut + 200 > line.passed.load(Ordering::SeqCst), "{cut}: {ran:?}");
        let got = if home.path().join(&dir).exists() { files(&home, &dir) } else { Vec::new() };
        assert!(got.iter().all(|message| hard.contains(message)), "{cut}: something is not whole");
        assert_eq!((got.len() == hard.len(), got.is_empty()), (ran.status == 0, ran.status == 75), "{cut}: {ran:?}");
        // A list that was cut is not a list.
        if cut < 2000 {
            run(&home, "imap-ls", &[&inbox], b"").ends(75);
        }
    }
    line.cut.store(u64::MAX, Ordering::SeqCst);
    run(&home, "imap-fetch", &["--into", "eml:after", &inbox], b"").ends(0);
    assert!(files(&home, "after") == hard);
}
