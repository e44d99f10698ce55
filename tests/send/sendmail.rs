//! The programs that call sendmail(8), and what they get.

use crate::common::{Home, Ran, bin, installed};
use crate::peer::{Peer, Say};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A home in which sendmail, mailq and newaliases are links to pipepost, and send by `peer`.
fn home(peer: &Peer) -> Home {
    let home = Home::new();
    std::fs::create_dir_all(home.path().join("bin")).unwrap();
    for name in ["sendmail", "mailq", "newaliases"] {
        symlink(bin().join("pipepost"), home.path().join("bin").join(name)).unwrap();
    }
    let config = home.path().join(".config/pipepost");
    std::fs::create_dir_all(&config).unwrap();
    let text = format!("default = \"relay\"\n[relay]\nhostname = \"host.example.org\"\nsmtp = \"{}\"\n", peer.url());
    std::fs::write(config.join("config.toml"), text).unwrap();
    home
}

fn call(home: &Home, name: &str, arguments: &[&str], stdin: &[u8]) -> Ran {
    let mut command = home.command(&home.path().join("bin").join(name).display().to_string());
    command.args(arguments);
    Ran::of(command, stdin)
}

#[test]
fn calls_as_programs_make_them() {
    let peer = Peer::start(|_, _, _| Say::Yes);
    let home = home(&peer);
    let last = || peer.taken().pop().unwrap();
    // cron(8)
    let cron = b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> true\n\nout\n.\nmore\n";
    call(&home, "sendmail", &["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"], cron).ends(0);
    let got = last();
    assert_eq!((got.from.as_str(), got.to), ("root@host.example.org", vec!["root@host.example.org".to_owned()]));
    assert!(got.text.contains("From: root (Cron Daemon)\n") && got.text.ends_with("out\n..\nmore\n"), "{}", got.text);
    // systemd's and others' scripts
    call(&home, "sendmail", &["-t"], b"To: a@example.org\nBcc: b@example.org\nSubject: x\n\nfailed\n.\nnot this\n")
        .ends(0);
    let got = last();
    assert_eq!(got.to, ["a@example.org", "b@example.org"]);
    assert!(got.text.ends_with("failed\n") && !got.text.contains("Bcc") && got.text.contains("From: "), "{}", got.text);
    // PHP's mail(), by its default command
    let php =
        call(&home, "sendmail", &["-t", "-i"], b"To: a@example.org\r\nSubject: x\r\nFrom: w@example.org\r\n\r\nhi");
    php.ends(0);
    assert_eq!(last().from, "w@example.org");
    // A name, a sender, a text without a header.
    call(&home, "sendmail", &["-F", "J\u{f6}rg", "-fbob", "a@example.org, c@example.org"], b"hello\n").ends(0);
    let got = last();
    assert_eq!((got.from.as_str(), got.to.len()), ("bob@host.example.org", 2));
    assert!(got.text.starts_with("From: =?UTF-8?B?SsO2cmc=?= <bob@host.example.org>\n"), "{}", got.text);
    assert!(got.text.ends_with("\n\nhello\n"), "{}", got.text);
    call(&home, "sendmail", &["-f", "<>", "a@example.org"], b"Subject: bounce\n\n").ends(0);
    assert_eq!(last().from, "");
    // One message, whatever it looks like.
    let mbox =
        b"From x Thu Jan  1 00:00:00 1970\nSubject: 1\n\n1\n\nFrom x Thu Jan  1 00:00:00 1970\nSubject: 2\n\n2\n";
    let before = peer.taken().len();
    call(&home, "sendmail", &["-i", "a@example.org"], mbox).ends(0);
    assert_eq!(peer.taken().len(), before + 1);
    // By smtp-send, as php.ini may have it.
    let arguments = ["-a", "relay:", "--sendmail", "-t", "-i", "-f", "x@example.org", "--", "z@example.org"];
    home.run("smtp-send", &arguments, b"To: a@example.org\n\nhi\n").ends(0);
    assert_eq!((last().from.as_str(), last().to.len()), ("x@example.org", 2));

    let verified = call(&home, "sendmail", &["-bv", "bob"], b"").ends(0);
    assert_eq!(verified.out, format!("bob@host.example.org... deliverable: by 127.0.0.1:{}\n", peer.port));
    call(&home, "newaliases", &[], b"").ends(0).complains("no aliases file");
    call(&home, "sendmail", &["-bd"], b"").ends(64).complains("-bd");
    call(&home, "sendmail", &["-t"], b"").ends(64).complains("empty");
    call(&home, "sendmail", &["-i"], b"Subject: x\n\n").ends(64).complains("recipient");
    call(&home, "sendmail", &["a@example.org\nDATA"], b"x").ends(64);
    home.run("smtp-send", &["--mbox", "--sendmail", "a@example.org"], b"x").ends(64);
}

#[test]
fn what_is_refused_is_told() {
    let peer = Peer::start(|_, verb, line| match verb {
        "RCPT" if line.contains("never") => Say::Text("550 5.1.1 no"),
        "RCPT" if line.contains("later") => Say::Text("450 4.2.1 no"),
        _ => Say::Yes,
    });
    let home = home(&peer);
    let send = |to: &[&str]| call(&home, "sendmail", to, b"Subject: x\n\n").status;
    assert_eq!(send(&["a@b.c"]), 0);
    assert_eq!(send(&["never@b.c"]), 69);
    assert_eq!(send(&["never@b.c", "a@b.c"]), 69);
    // Who waits does so in the queue, and that is as good as done.
    assert_eq!(send(&["later@b.c"]), 0);
    assert_eq!(send(&["later2@b.c", "a@b.c"]), 0);
    assert_eq!(send(&["later3@b.c", "a@b.c", "never@b.c"]), 69);
    let listed = home.run("smtp-queue", &["ls", "-o", "status,to,via"], b"").ends(0).out;
    assert_eq!(listed, "waiting\tlater@b.c\trelay:\nwaiting\tlater2@b.c\trelay:\nwaiting\tlater3@b.c\trelay:\n");
    // Where no queue can be, the truth is told.
    let home = self::home(&peer);
    std::fs::create_dir_all(home.path().join(".local/state/pipepost")).unwrap();
    std::fs::write(home.path().join(".local/state/pipepost/queue"), "").unwrap();
    call(&home, "sendmail", &["later@b.c"], b"Subject: x\n\n").ends(75).complains("not queued");
}

/// Whoever calls sendmail takes anything but 0 for "not sent" and sends again: who may have got it is the queue's business.
#[test]
fn who_may_have_got_it_is_queued_as_that() {
    let lost = Arc::new(AtomicBool::new(true));
    let peer = Peer::start({
        let lost = lost.clone();
        move |_, verb, line| match verb {
            "RCPT" if line.contains("never") => Say::Text("550 5.1.1 no"),
            "RCPT" if line.contains("later") => Say::Text("450 4.2.1 no"),
            "BODY" if lost.load(Ordering::SeqCst) => Say::Nothing,
            _ => Say::Yes,
        }
    });
    let home = home(&peer);
    let letter = b"Subject: x\nMessage-ID: <once@example.org>\n\nhi\n";
    call(&home, "sendmail", &["-f", "s@b.c", "a@b.c", "later@b.c"], letter).ends(0);
    let listed = |columns: &str| home.run("smtp-queue", &["ls", "-o", columns], b"").ends(0).out;
    assert_eq!(listed("to,status"), "a@b.c\tunknown\nlater@b.c\twaiting\n");
    assert_eq!(listed("attempts"), "1\n0\n");
    // It waits its time, and comes again as what it was.
    lost.store(false, Ordering::SeqCst);
    home.run("smtp-queue", &["run"], b"").ends(0);
    assert_eq!(peer.taken().len(), 0);
    home.run("smtp-queue", &["retry", "--all"], b"").ends(0);
    home.run("smtp-queue", &["run"], b"").ends(0);
    let got = peer.taken();
    assert_eq!((got.len(), got[0].to.as_slice()), (1, &["a@b.c".to_owned()][..]));
    assert!(got[0].text.contains("Message-ID: <once@example.org>\n"), "{}", got[0].text);
    // Who is refused is told all the same.
    lost.store(true, Ordering::SeqCst);
    call(&home, "sendmail", &["-f", "s@b.c", "a@b.c", "never@b.c"], letter).ends(69);
    // So is a client of a session; and without a queue it must not come again by itself.
    let session = |home: &Home| {
        let says = "EHLO x\r\nMAIL FROM:<s@b.c>\r\nRCPT TO:<c@b.c>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n";
        let said = call(home, "sendmail", &["-bs"], says.as_bytes());
        said.out.lines().rev().nth(1).unwrap().to_owned()
    };
    assert_eq!(session(&home), "250 2.0.0 stored");
    assert!(listed("to,status").ends_with("c@b.c\tunknown\n"));
    let other = self::home(&peer);
    std::fs::create_dir_all(other.path().join(".local/state/pipepost")).unwrap();
    std::fs::write(other.path().join(".local/state/pipepost/queue"), "").unwrap();
    assert!(session(&other).starts_with("554 5.6.0 it may have been delivered"));
}

#[test]
fn mailq_and_a_run() {
    let open = Arc::new(AtomicBool::new(false));
    let peer = Peer::start({
        let open = open.clone();
        move |_, verb, _| match verb {
            "RCPT" if !open.load(Ordering::SeqCst) => Say::Text("450 4.2.1 busy now"),
            _ => Say::Yes,
        }
    });
    let home = home(&peer);
    assert_eq!(call(&home, "mailq", &[], b"").ends(0).out, "Mail queue is empty\n");
    call(&home, "sendmail", &["-q"], b"").ends(0);
    call(&home, "sendmail", &["-f", "s@b.c", "-i", "a@b.c", "b@b.c"], b"Subject: x\n\nhi\n").ends(0);
    let listed = call(&home, "mailq", &[], b"").ends(0).out;
    let lines: Vec<&str> = listed.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("-Queue ID-") && lines[1].ends_with(" s@b.c"), "{listed}");
    assert_eq!(lines[2..], ["a@b.c", "b@b.c", "", "-- 1 Kbytes in 1 Request."], "{listed}");
    assert_eq!(call(&home, "sendmail", &["-bp"], b"").ends(0).out, listed);
    call(&home, "sendmail", &["-q"], b"").ends(0);
    let listed = call(&home, "mailq", &[], b"").ends(0).out;
    assert!(listed.contains("(450 4.2.1 busy now)\n") || listed.contains("(450 busy now)\n"), "{listed}");
    open.store(true, Ordering::SeqCst);
    // It is not due, and goes only when it is meant.
    for other in [&["-q15m"][..], &["-qRnobody"], &["-qIx!"], &["-qSs@b.c", "-qRc@b.c"]] {
        call(&home, "sendmail", other, b"").ends(0);
        assert_eq!(call(&home, "mailq", &[], b"").ends(0).out, listed);
    }
    call(&home, "sendmail", &["-qSs@b.c", "-qRB@B"], b"").ends(0);
    assert_eq!(call(&home, "mailq", &[], b"").ends(0).out, "Mail queue is empty\n");
    assert_eq!(peer.taken().pop().unwrap().to, ["a@b.c", "b@b.c"]);
}

#[test]
fn newaliases_tells_what_is_wrong() {
    let peer = Peer::start(|_, _, _| Say::Yes);
    let home = home(&peer);
    let aliases = home.path().join(".config/pipepost/aliases");
    let config = home.path().join(".config/pipepost/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}aliases = \"aliases\"\n")).unwrap();
    std::fs::write(&aliases, "root: admin\nadmin: bob@example.org\n").unwrap();
    let said = call(&home, "newaliases", &[], b"").ends(0).out;
    assert_eq!(said, format!("{}: 2 aliases\n", aliases.display()));
    call(&home, "sendmail", &["root"], b"Subject: x\n\n").ends(0);
    assert_eq!(peer.taken().pop().unwrap().to, ["bob@example.org"]);
    std::fs::write(&aliases, "root: |/bin/sh\n").unwrap();
    call(&home, "newaliases", &[], b"").ends(78).complains("aliases:1: ");
    std::fs::write(&aliases, "root: admin\nadmin: root@localhost\n").unwrap();
    call(&home, "sendmail", &["-bi"], b"").ends(78).complains("in a circle: admin -> root -> admin");
    std::fs::remove_file(&aliases).unwrap();
    call(&home, "sendmail", &["-I"], b"").ends(66).complains("aliases");
}

#[test]
fn what_is_asked_of_dsn() {
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let offers = Arc::new(AtomicBool::new(true));
    let peer = Peer::start({
        let (said, offers) = (said.clone(), offers.clone());
        move |_, verb, line| {
            said.lock().unwrap().push(line.to_owned());
            if verb == "EHLO" && offers.load(Ordering::SeqCst) { Say::Text("250-peer\r\n250 DSN") } else { Say::Yes }
        }
    });
    let home = home(&peer);
    let call = |offered: bool| {
        offers.store(offered, Ordering::SeqCst);
        said.lock().unwrap().clear();
        let arguments = ["-v", "-N", "failure,delay", "-Rhdrs", "-V", "QQ1", "-B", "8bitmime", "-f", "s@b.c", "a@b.c"];
        let ran = call(&home, "sendmail", &arguments, b"Subject: x\n\n").ends(0);
        let lines = said.lock().unwrap().join("\n");
        (lines, ran.err)
    };
    let (lines, _) = call(true);
    assert!(lines.contains("RET=HDRS ENVID=QQ1") && lines.contains("NOTIFY=FAILURE,DELAY"), "{lines}");
    let (lines, told) = call(false);
    assert!(!lines.contains("RET") && !lines.contains("NOTIFY") && told.contains("-N, -R and -V"), "{lines} {told}");
}

#[test]
fn git_sends_a_patch() {
    if !installed("git") || !installed("perl") {
        return;
    }
    let peer = Peer::start(|_, _, _| Say::Yes);
    let home = home(&peer);
    let script = "export GIT_CONFIG_NOSYSTEM=1 PATH=\"$HOME/bin:$PATH\"
        git init -q r; cd r; git config user.name 'A B'; git config user.email ab@example.org
        echo one > f; git add f; git commit -qm 'f: add one'
        git format-patch -q --root -o p
        git send-email --quiet --confirm=never --sendmail-cmd=\"$HOME/bin/sendmail\" --to=list@example.org --cc=c@example.org p/*";
    let exec = home.sh("git --exec-path").ends(0).out;
    if !std::path::Path::new(exec.trim()).join("git-send-email").exists() {
        eprintln!("skipped: git send-email is not installed");
        return;
    }
    home.sh(script).ends(0);
    let got = peer.taken().pop().unwrap();
    assert_eq!(got.from, "ab@example.org");
    assert!(got.to.contains(&"list@example.org".to_owned()) && got.to.contains(&"c@example.org".to_owned()), "{got:?}");
    assert!(got.text.contains("+one\n"), "{}", got.text);
}

#[test]
fn mutt_sends_a_letter() {
    if !installed("mutt") {
        return;
    }
    let peer = Peer::start(|_, _, _| Say::Yes);
    let home = home(&peer);
    let script = "echo 'hello' | mutt -n -F /dev/null -e 'set sendmail=\"'$HOME'/bin/sendmail -oem -oi\"' \
        -e 'set copy=no use_from=yes use_envelope_from=yes from=m@example.org' -s 'hi there' -b d@example.org -- c@example.org";
    home.sh(script).ends(0);
    let got = peer.taken().pop().unwrap();
    assert_eq!(
        (got.from.as_str(), got.to),
        ("m@example.org", vec!["c@example.org".to_owned(), "d@example.org".into()])
    );
    assert!(got.text.contains("Subject: hi there\n") && got.text.ends_with("hello\n"), "{}", got.text);
}

#[test]
fn a_session_on_stdin_and_stdout() {
    let peer = Peer::start(|_, verb, line| match verb {
        "EHLO" => Say::Text("250-peer\r\n250 DSN"),
        "RCPT" if line.contains("never") => Say::Text("550 5.1.1 no"),
        "RCPT" if line.contains("later") => Say::Text("450 4.2.1 no"),
        _ => Say::Yes,
    });
    let home = home(&peer);
    let session = |says: &str| call(&home, "sendmail", &["-bs"], says.replace('\n', "\r\n").as_bytes()).ends(0).out;
    let said = session(
        "EHLO me.example.org\nMAIL FROM:<s@example.org> RET=HDRS ENVID=Q1\nRCPT TO:<a@example.org> NOTIFY=FAILURE\n\
         RCPT TO:<b@example.org>\nDATA\nSubject: one\nBcc: secret@example.org\n\n..hi\n.\n\
         MAIL FROM:<>\nRCPT TO:<a@example.org>\nDATA\nSubject: two\n\n.\nQUIT\n",
    );
    assert!(said.starts_with("220 host.example.org ESMTP pipepost\r\n") && said.ends_with(" bye\r\n"), "{said}");
    assert_eq!(said.matches("250 2.0.0 stored").count(), 2, "{said}");
    let got = peer.taken();
    assert_eq!((got[0].from.as_str(), got[0].to.len(), got[1].from.as_str()), ("s@example.org", 2, ""));
    assert!(got[0].text.ends_with("\n\n..hi\n") && !got[0].text.contains("secret"), "{}", got[0].text);
    assert!(got[0].text.starts_with("Received: from me.example.org ("), "{}", got[0].text);
    // Over one connection.
    assert_eq!(got[0].line, got[1].line);
    // What is refused for good is; what has to wait is queued, which is as good as done.
    let one = |to: &str| {
        let to: String = to.split(' ').map(|to| format!("RCPT TO:<{to}@example.org>\n")).collect();
        let said = session(&format!("EHLO x\nMAIL FROM:<s@example.org>\n{to}DATA\nSubject: x\n\nx\n.\nQUIT\n"));
        said.lines().rev().nth(1).unwrap().to_owned()
    };
    let refused = one("never a");
    assert!(
        refused.starts_with("554 5.6.0 <never@example.org>: 550 ") && refused.ends_with("; the others get it"),
        "{refused}"
    );
    assert_eq!(one("later a"), "250 2.0.0 stored");
    assert_eq!(home.run("smtp-queue", &["ls", "-o", "to,status"], b"").ends(0).out, "later@example.org\twaiting\n");
    // A message that is cut is none, and an address that breaks a line never was one.
    let before = peer.taken().len();
    session("EHLO x\nMAIL FROM:<s@example.org>\nRCPT TO:<a@example.org>\nDATA\nSubject: x\n\ncut");
    assert_eq!(peer.taken().len(), before);
    call(&home, "sendmail", &["-bs", "a@example.org"], b"").ends(64);
    // With queue = true it is stored, and nobody is called.
    let config = home.path().join(".config/pipepost/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}queue = true\n")).unwrap();
    assert_eq!(one("b"), "250 2.0.0 stored");
    assert_eq!(peer.taken().len(), before);
    assert!(home.run("smtp-queue", &["ls", "-o", "to"], b"").ends(0).out.contains("b@example.org\n"));
}

#[test]
fn python_talks_to_a_session() {
    if !installed("python3") {
        return;
    }
    let peer = Peer::start(|_, _, _| Say::Yes);
    let home = home(&peer);
    // smtplib over two pipes, a large message, and another one in the same session.
    let script = r#"
import smtplib, subprocess, sys, os
p = subprocess.Popen([os.environ['HOME'] + '/bin/sendmail', '-bs'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
class Sock:
    def sendall(self, b): p.stdin.write(b); p.stdin.flush()
    def makefile(self, mode): return p.stdout
    def close(self): p.stdin.close()
class Client(smtplib.SMTP):
    def _get_socket(self, *a): return Sock()
c = Client('x', 25)
c.sendmail('a@example.org', ['b@example.org'], 'Subject: large\r\n\r\n' + ('x' * 70 + '\r\n') * 20000)
c.sendmail('a@example.org', ['c@example.org'], 'Subject: small\r\n\r\nx\r\n')
c.quit()
sys.exit(p.wait())
"#;
    std::fs::write(home.path().join("talk.py"), script).unwrap();
    home.sh("python3 talk.py").ends(0);
    let got = peer.taken();
    assert_eq!(
        (got.len(), got[0].text.matches('\n').count() > 20000, got[1].to[0].as_str()),
        (2, true, "c@example.org")
    );
}
