//! SIGKILL of a server that takes mail for elsewhere: what it has acknowledged is in the queue, once.

use crate::common::{Home, bin, installed};
use crate::served::{Served, Talk, lives, texts};
use crate::steps;
use crate::strace::{ALL, Attached, busiest};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

/// Nobody answers where the mail goes on.
const RELAY: &str = "[relay]\nhostname = \"host.example.org\"\nsmtp = \"smtp+plain://127.0.0.1:1\"\n";

fn text(subject: &str) -> String {
    format!("Subject: {subject}\n\n{}", "a line of some length\n".repeat(300))
}

/// The messages that are entries of the queue in `home`, by their subjects.
fn queued(home: &Home, step: &str) -> Vec<String> {
    let listed = home.run("smtp-queue", &["ls", "-o", "id"], b"");
    assert_eq!(listed.status, 0, "{step}: {listed:?}");
    let ids = listed.out.lines().collect::<std::collections::BTreeSet<_>>();
    let subject = |id: &&str| {
        let message = home.run("smtp-queue", &["cat", id], b"");
        assert_eq!(message.status, 0, "{step}: {message:?}");
        assert!(message.out.ends_with(&"a line of some length\n".repeat(300)), "{step}: {id} is half a message");
        message.out.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned()
    };
    ids.iter().map(subject).collect()
}

/// Kills `server` at some of the calls that it makes for `deliver`, which tells whether it was acknowledged.
fn killed<S: Sync>(
    home: &Home,
    start: impl Fn() -> S,
    pid: impl Fn(&S) -> u32,
    lives: impl Fn(&mut S) -> bool,
    deliver: impl Fn(&S, &str) -> bool + Sync,
    check: impl Fn(&str, &str),
) {
    let server = start();
    assert!(deliver(&server, "first"), "first");
    let attached = Attached::to(home, pid(&server), &["-e", &format!("trace={ALL}")]);
    assert!(deliver(&server, "second"), "second");
    let log = attached.log.clone();
    attached.detach();
    drop(server);
    let calls = busiest(&log);
    assert!(calls > 20, "{calls}");
    let (mut promised, mut lost) = (vec!["first".to_owned(), "second".to_owned()], 0);
    for n in steps(calls, 12) {
        let step = format!("KILL at call {n} of the session");
        let mut server = start();
        let options = ["-e", &format!("trace={ALL}"), "-e", &format!("inject={ALL}:signal=KILL:when={n}")];
        let attached = Attached::to(home, pid(&server), &options);
        let subject = format!("m{n}");
        match deliver(&server, &subject) {
            true => promised.push(subject),
            false => lost += 1,
        }
        // Its own end is none of those that are looked for.
        if lives(&mut server) {
            attached.detach();
        }
        drop(server);
        let there = queued(home, &step);
        for subject in &promised {
            assert_eq!(there.iter().filter(|s| *s == subject).count(), 1, "{step}: {subject} was acknowledged");
            check(subject, &step);
        }
        assert_eq!(there.iter().collect::<std::collections::BTreeSet<_>>().len(), there.len(), "{step}: twice");
    }
    assert!(lost > 0, "it was never killed too early");
}

/// Some of the recipients are here, and some elsewhere: one acknowledgement for all of them.
#[test]
fn mail_serve_killed_at_any_call_while_it_takes_mail_for_elsewhere_keeps_what_it_acknowledged() {
    if !installed("strace") {
        return;
    }
    let home = Home::new();
    std::fs::create_dir_all(home.path().join(".config/pipepost")).unwrap();
    let config = format!("[local]\nrelay = \"relay\"\n{RELAY}");
    std::fs::write(home.path().join(".config/pipepost/config.toml"), config).unwrap();
    let deliver = |served: &Served, subject: &str| {
        let mut talk = Talk::to(served.smtp);
        talk.reply();
        talk.ask("EHLO client.example.org");
        let password = std::fs::read_to_string(served.root.join(".password")).unwrap();
        let login = pipepost::proto::sasl::base64(format!("\0bob\0{}", password.trim()).as_bytes());
        talk.ask(&format!("AUTH PLAIN {login}"));
        talk.ask("MAIL FROM:<bob@localhost>");
        talk.ask("RCPT TO:<bob@localhost>");
        talk.ask("RCPT TO:<x@example.org>");
        if !talk.ask("DATA").starts_with("354") {
            return false;
        }
        let reply = talk.ask(&format!("{}\r\n.", text(subject).replace('\n', "\r\n").trim_end()));
        talk.say("QUIT\r\n");
        reply.starts_with("250")
    };
    let inbox = home.path().join("served/bob/new");
    killed(
        &home,
        || Served::with(&home, &[], &[]),
        Served::pid,
        Served::lives,
        deliver,
        |subject, step| {
            let named = texts(&inbox).iter().filter(|text| text.contains(&format!("Subject: {subject}\n"))).count();
            assert_eq!(named, 1, "{step}: {subject} was acknowledged");
        },
    );
}

struct System(Child);

impl System {
    fn start(home: &Home, config: &Path) -> System {
        let mut command = home.command(&bin().join("mail-serve").display().to_string());
        command.env("PIPEPOST_CONFIG", config).arg("--system").stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("smtp+unix "), "{line}");
        System(child)
    }

    fn lives(&mut self) -> bool {
        lives(&mut self.0)
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::TERM);
        self.0.wait().unwrap();
    }
}

#[test]
fn mail_serve_killed_at_any_call_while_it_takes_everybodys_mail_keeps_what_it_acknowledged() {
    if !installed("strace") {
        return;
    }
    let (home, caller) = (Home::new(), Home::new());
    let config = home.path().join("config.toml");
    let spool = home.path().join("run/smtp");
    let table = format!("[system]\nspool = \"{}\"\naccount = \"relay\"\n{RELAY}", spool.display());
    std::fs::write(&config, table).unwrap();
    let deliver = |_: &System, subject: &str| {
        let mut command = caller.command(&bin().join("smtp-send").display().to_string());
        command.env("PIPEPOST_CONFIG", &config).args(["--sendmail", "-i", "-f", "a@example.org", "x@example.org"]);
        let ran = crate::common::Ran::of(command, text(subject).as_bytes());
        // Without an answer it may be there: that is no acknowledgement.
        assert!([0, 75, 79].contains(&ran.status), "{ran:?}");
        ran.status == 0
    };
    killed(&home, || System::start(&home, &config), |system| system.0.id(), System::lives, deliver, |_, _| ());
}
