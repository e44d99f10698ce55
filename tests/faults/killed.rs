//! SIGKILL and SIGTERM at any system call, then a normal run: nothing is lost, nothing comes twice.

use crate::common::{Home, installed};
use crate::maildrop::{Arrived, fill, left, messages, unfinished};
use crate::served::{Served, append, prepared, send, texts};
use crate::steps;
use crate::strace::{ALL, Attached, busiest, count, run};
use std::collections::BTreeMap;

const TARGETS: &[&str] = &["--into", "maildir:M", "--into", "eml:E", "--into", "mbox:b"];

/// pop3-fetch or imap-fetch ends at any call, and the next run makes good.
fn fetch(program: &str, signal: &str, flag: &str, few: usize) {
    let (protocol, folder) = if program == "pop3-fetch" { ("pop3", "") } else { ("imap", "/INBOX") };
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    let password = home.path().join("pw").display().to_string();
    let arguments = |user: &str| -> Vec<String> {
        let own = [flag, &(served.url(protocol, user) + folder), "--password-file", &password].map(str::to_owned);
        own.into_iter().chain(TARGETS.iter().map(|s| (*s).to_owned())).collect()
    };
    fill(&served.root, "first");
    let first = arguments("first");
    let calls = count(&home, ALL, program, &first.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(calls > 100, "{calls}");
    for n in steps(calls, few) {
        let step = format!("{signal} at call {n} of {program} {flag}");
        let own = Home::new();
        let user = format!("u{n}");
        fill(&served.root, &user);
        let arguments = arguments(&user);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let options = ["-e", &format!("trace={ALL}"), "-e", &format!("inject={ALL}:signal={signal}:when={n}")];
        let ran = run(&own, &options, program, &arguments, b"");
        match signal {
            "KILL" => assert!([0, 128 + 9].contains(&ran.status), "{step}: {ran:?}"),
            _ => {
                // One that comes with the last calls is too late to end it.
                assert!([0, 75, 128 + 15].contains(&ran.status), "{step}: {ran:?}");
                assert_eq!(unfinished(&own), 0, "{step}");
            }
        }
        let before = Arrived::at(&own, &step);
        for i in 0..messages().len() {
            let here = !before.times.is_empty() && before.times.iter().all(|(_, times)| times[i] > 0);
            let there = texts(&served.root.join(&user).join("new")).iter().any(|t| t.contains(&format!("<m{i}@")));
            assert!(here || there, "{step}: message {i} is lost");
        }
        let again = own.run(program, &arguments, b"");
        assert_eq!((again.status, again.err.as_str()), (0, ""), "{step}: {again:?}");
        Arrived::at(&own, &step).and_mbox(&own, &step).once(&step);
        assert_eq!(left(&served.root, &user), if flag == "--delete" { 0 } else { messages().len() }, "{step}");
    }
}

#[test]
fn pop3_fetch_killed_at_any_call_deletes_what_is_here_and_fetches_nothing_twice() {
    fetch("pop3-fetch", "KILL", "--delete", 36);
}

#[test]
fn pop3_fetch_killed_at_any_call_keeps_and_fetches_nothing_twice() {
    fetch("pop3-fetch", "KILL", "--keep", 18);
}

#[test]
fn pop3_fetch_ended_at_any_call_leaves_no_half_files() {
    fetch("pop3-fetch", "TERM", "--delete", 18);
}

#[test]
fn imap_fetch_of_what_is_new_killed_at_any_call_fetches_nothing_twice() {
    fetch("imap-fetch", "KILL", "--new", 30);
}

#[test]
fn imap_fetch_of_what_is_new_ended_at_any_call_leaves_no_half_files() {
    fetch("imap-fetch", "TERM", "--new", 15);
}

/// What a pipe got can't be taken back: of all that it got before the kill one message at most comes again.
#[test]
fn pop3_fetch_into_a_pipe_killed_at_any_call_brings_one_twice_at_most() {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    let password = home.path().join("pw").display().to_string();
    fill(&served.root, "bob");
    let url = served.url("pop3", "bob");
    let arguments = ["--password-file", &password, &url];
    let calls = count(&Home::new(), ALL, "pop3-fetch", &arguments);
    for n in steps(calls, 24) {
        let step = format!("KILL at call {n} of pop3-fetch into a pipe");
        let own = Home::new();
        let options = ["-e", &format!("trace={ALL}"), "-e", &format!("inject={ALL}:signal=KILL:when={n}")];
        let first = run(&own, &options, "pop3-fetch", &arguments, b"");
        assert!([0, 128 + 9].contains(&first.status), "{step}: {first:?}");
        let second = own.run("pop3-fetch", &arguments, b"").ends(0);
        let mut twice = 0;
        for i in 0..messages().len() {
            let id = format!("<m{i}@");
            let whole = |out: &str| out.split("\nFrom ").filter(|message| message.contains(&id)).count();
            let (before, after) = (whole(&first.out), whole(&second.out));
            assert!(before <= 1 && after <= 1 && before + after >= 1, "{step}: {i}: {before} and {after}");
            twice += before * after;
        }
        assert!(twice <= 1, "{step}: {twice} came twice");
        assert_eq!(own.run("pop3-fetch", &arguments, b"").ends(0).out, "", "{step}");
    }
}

#[test]
fn imap_fetch_and_local_ended_at_any_call_leave_no_half_files() {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    fill(&served.root, "bob");
    let password = home.path().join("pw").display().to_string();
    let url = served.url("imap", "bob") + "/INBOX";
    let fetch = [&["--password-file", &password, &url], TARGETS].concat();
    let own = Home::new();
    let text = "line\n".repeat(2000);
    own.run("smtp-send", &["bob@localhost"], format!("Subject: x\n\n{text}").as_bytes()).ends(0);
    let calls = count(&Home::new(), ALL, "imap-fetch", &fetch);
    for n in steps(calls, 15) {
        let step = format!("INT at call {n}");
        let options = ["-e", &format!("trace={ALL}"), "-e", &format!("inject={ALL}:signal=INT:when={n}")];
        let fresh = Home::new();
        let ran = run(&fresh, &options, "imap-fetch", &fetch, b"");
        assert!([0, 75, 128 + 2].contains(&ran.status), "{step}: {ran:?}");
        Arrived::at(&fresh, &step);
        assert_eq!(unfinished(&fresh), 0, "{step}");
        let message = format!("Subject: {n}\n\n{text}");
        let ran = run(&own, &options, "smtp-send", &["bob@localhost"], message.as_bytes());
        assert!([0, 75, 79, 128 + 2].contains(&ran.status), "{step} of smtp-send: {ran:?}");
        let mail = own.path().join(".local/share/pipepost/mail/bob");
        assert_eq!(texts(&mail.join("tmp")).len(), 0, "{step}");
        assert!(texts(&mail.join("new")).iter().all(|t| t.ends_with(&text)), "{step}: half a file");
    }
    assert_eq!(left(&served.root, "bob"), messages().len());
}

/// Whoever waits for a peer that says nothing goes at once when it is told to.
#[test]
fn those_who_wait_go_when_they_are_told_to() {
    let home = Home::new();
    home.sh("umask 077; echo x > pw").ends(0);
    for (program, arguments) in [
        ("smtp-send", &["-a", "smtp+plain://127.0.0.1:PORT", "-f", "a@example.org", "b@example.org"][..]),
        ("pop3-ls", &["pop3+plain://bob@127.0.0.1:PORT"]),
        ("pop3-fetch", &["pop3+plain://bob@127.0.0.1:PORT", "--into", "maildir:M"]),
        ("imap-ls", &["imap+plain://bob@127.0.0.1:PORT"]),
        ("imap-fetch", &["imap+plain://bob@127.0.0.1:PORT/INBOX", "--into", "eml:E"]),
        ("mail-check", &["imap+plain://bob@127.0.0.1:PORT"]),
    ] {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port().to_string();
        let mut command = home.command(program);
        command.args(arguments.iter().map(|a| a.replace("PORT", &port))).args(["--password-file", "pw"]);
        let message = std::fs::write(home.path().join("m"), "Subject: x\n\nx\n");
        message.and_then(|()| std::fs::File::open(home.path().join("m"))).map(|m| command.stdin(m)).unwrap();
        let mut child = command.spawn().unwrap();
        let _kept = silent.accept().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15), "{program}: {status}");
        assert_eq!(unfinished(&home), 0, "{program}");
    }
}

/// What a mailbox has shown: no UID names two messages, none comes again, UIDNEXT never goes down.
#[derive(Default)]
struct Uids {
    subjects: BTreeMap<u64, String>,
    next: u64,
    validity: Option<u64>,
}

impl Uids {
    fn check(&mut self, home: &Home, served: &Served, step: &str) -> Vec<String> {
        let url = served.url("imap", "bob");
        let list = |arguments: &[&str]| {
            let ran = home.run("imap-ls", &[arguments, &["--json", "--password-file", "pw"]].concat(), b"");
            assert_eq!(ran.status, 0, "{step}: {ran:?}");
            let rows = ran.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            rows.collect::<Vec<_>>()
        };
        let folder = list(&[&url]).into_iter().find(|f| f["folder"] == "INBOX").unwrap();
        let [next, validity] = ["uidnext", "uidvalidity"].map(|key| folder[key].as_u64().unwrap());
        assert!(next >= self.next, "{step}: UIDNEXT went down from {} to {next}", self.next);
        assert_eq!(*self.validity.get_or_insert(validity), validity, "{step}: UIDVALIDITY");
        self.next = next;
        let mut subjects = Vec::new();
        for row in list(&[&format!("{url}/INBOX")]) {
            let (uid, subject) = (row["uid"].as_u64().unwrap(), row["subject"].as_str().unwrap().to_owned());
            assert!(uid < next, "{step}");
            assert_eq!(*self.subjects.entry(uid).or_insert_with(|| subject.clone()), subject, "{step}: UID {uid}");
            subjects.push(subject);
        }
        subjects
    }
}

/// mail-serve is killed at any call of the session that takes a message.
fn serve(deliver: fn(&Served, &str) -> String, good: &str, few: usize) {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    let body = "a line of some length\n".repeat(300);
    let message = |subject: &str| format!("Subject: {subject}\n\n{body}");
    deliver(&served, &message("first"));
    let attached = Attached::to(&home, served.pid(), &["-e", &format!("trace={ALL}")]);
    assert!(deliver(&served, &message("second")).contains(good));
    let log = attached.log.clone();
    attached.detach();
    let calls = busiest(&log);
    assert!(calls > 20, "{calls}");
    let mut served = Some(served);
    let (mut uids, mut promised) = (Uids::default(), vec!["first".to_owned(), "second".to_owned()]);
    for n in steps(calls, few) {
        let step = format!("KILL at call {n} of the session");
        let mut now = served.take().unwrap_or_else(|| Served::start(&home));
        let options = ["-e", &format!("trace={ALL}"), "-e", &format!("inject={ALL}:signal=KILL:when={n}")];
        let attached = Attached::to(&home, now.pid(), &options);
        // Several at once: they share what brings them to stable storage.
        let sent = std::thread::scope(|s| {
            let (now, message) = (&now, &message);
            let one = |name: &str| {
                let subject = format!("{name}{n}");
                s.spawn(move || deliver(now, &message(&subject)).contains(good).then_some(subject))
            };
            let all = ["m", "n", "o"].map(one);
            all.map(|thread| thread.join().unwrap())
        });
        promised.extend(sent.into_iter().flatten());
        if now.lives() {
            attached.detach();
        }
        drop(now);
        let after = Served::start(&home);
        let there = uids.check(&home, &after, &step);
        for subject in &promised {
            let times = there.iter().filter(|s| *s == subject).count();
            assert_eq!(times, 1, "{step}: {subject} was acknowledged");
        }
        for text in [texts(&after.root.join("bob/new")), texts(&after.root.join("bob/cur"))].concat() {
            assert!(
                text.ends_with(&format!("\n\n{}", body.trim_end())) || text.ends_with(&body),
                "{step}: half a file"
            );
        }
        served = Some(after);
    }
}

#[test]
fn mail_serve_killed_at_any_call_of_a_delivery_keeps_what_it_acknowledged() {
    serve(|served, message| send(served.smtp, "bob@localhost", message), "250 2", 30);
}

#[test]
fn mail_serve_killed_at_any_call_of_an_append_keeps_what_it_acknowledged() {
    serve(|served, message| append(served.imap, "bob", message), "OK [APPENDUID", 30);
}

#[test]
fn local_killed_at_any_call_of_a_delivery_has_all_or_nothing() {
    if !installed("strace") {
        return;
    }
    let home = Home::new();
    let arguments = ["-s", "x", "bob@localhost"];
    let text = "line\n".repeat(2000);
    home.run("smtp-send", &arguments, text.as_bytes()).ends(0);
    run(&home, &["-e", &format!("trace={ALL}")], "smtp-send", &arguments, text.as_bytes()).ends(0);
    let calls = busiest(&home.path().join("log"));
    let mut sent = 2;
    for n in steps(calls, 25) {
        let step = format!("KILL at call {n} of smtp-send");
        let options = ["-e", &format!("trace={ALL}"), "-e", &format!("inject={ALL}:signal=KILL:when={n}")];
        let ran = run(&home, &options, "smtp-send", &arguments, text.as_bytes());
        assert!([0, 128 + 9].contains(&ran.status), "{step}: {ran:?}");
        let there = texts(&home.path().join(".local/share/pipepost/mail/bob/new"));
        let most = sent + 1;
        assert!((sent + usize::from(ran.status == 0)..=most).contains(&there.len()), "{step}: {}", there.len());
        assert!(there.iter().all(|t| t.ends_with(&text)), "{step}: half a file");
        sent = there.len();
    }
    let listed = home.run("pop3-ls", &["-o", "uidl", "local://bob"], b"").ends(0).out;
    assert_eq!(listed.lines().collect::<std::collections::HashSet<_>>().len(), sent);
}
