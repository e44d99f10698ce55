//! Every imap program at Dovecot, Cyrus and Courier: the same steps, and the same results but for what a server is known to do.

use super::common::Home;
use super::folders::encoded;
use super::maildrops::{Maildrop, ready};
use super::peer::Authority;
use super::servers::Dovecot;
use super::{DOVECOT, Ran, files, hard, home, servers};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// A server, and what it does in a way of its own.
struct There<'h> {
    home: &'h Home,
    imap: u16,
    imaps: u16,
    /// What stands before the name of every folder but INBOX, and between the levels of a name.
    prefix: &'static str,
    separator: char,
    /// Messages that it takes as they are.
    messages: Vec<Vec<u8>>,
    /// Further arguments.
    more: &'static [&'static str],
}

impl There<'_> {
    fn run(&self, tool: &str, arguments: &[&str], stdin: &[u8]) -> Ran {
        super::run(self.home, tool, &[self.more, arguments].concat(), stdin)
    }

    fn at(&self, user: &str, folder: &str) -> String {
        let name = match folder {
            "" | "INBOX" => folder.to_owned(),
            _ => format!("{}{}", self.prefix, folder.replace('/', &self.separator.to_string())),
        };
        format!("imaps://{user}@localhost:{}/{}", self.imaps, encoded(&name))
    }

    fn listed(&self, folder: &str, columns: &str) -> Vec<String> {
        let out = self.run("imap-ls", &["-o", columns, &self.at("bob", folder)], b"").ends(0).out;
        out.lines().map(str::to_owned).collect()
    }

    /// The flags of all messages, without those that a session brings.
    fn flags(&self, folder: &str) -> Vec<String> {
        let words = |line: String| {
            let mut words: Vec<&str> = line.split(',').filter(|word| !word.is_empty() && *word != "Recent").collect();
            words.sort_unstable();
            words.join(",")
        };
        self.listed(folder, "flags").into_iter().map(words).collect()
    }

    fn folders(&self) {
        let names = ["with space", "Entwürfe & Ideen", "Lists/rust", "日本語", "Archive", "Trash"];
        let folders: Vec<String> = names.iter().map(|name| self.at("bob", name)).collect();
        let all: Vec<&str> = folders.iter().map(String::as_str).collect();
        self.run("imap-mkdir", &all, b"").ends(0);
        self.run("imap-mkdir", &all[..1], b"").ends(69);
        self.run("imap-mkdir", &[&["--subscribe"], &all[..]].concat(), b"").ends(0);
        let there = self.listed("", "folder");
        for name in names {
            let name = format!("{}{}", self.prefix, name.replace('/', &self.separator.to_string()));
            assert!(there.contains(&name), "{name}: {there:?}");
        }
        self.run("imap-mkdir", &["--rename", all[2], &self.at("bob", "Groups")], b"").ends(0);
        self.run("imap-mkdir", &["--remove", all[0], &self.at("bob", "Groups")], b"").ends(0);
        let there = self.listed("", "folder");
        assert!(!there.iter().any(|name| name.ends_with("with space") || name.ends_with("Groups")), "{there:?}");
    }

    fn messages(&self) {
        let inbox = self.at("bob", "INBOX");
        let by = ["--flags", "flagged,$Label", "--date", "Sun, 22 Nov 2026 22:16:00 +0200", inbox.as_str()];
        let names: Vec<String> = (0..self.messages.len()).map(|n| format!("put{n}.eml")).collect();
        for (name, message) in names.iter().zip(&self.messages) {
            std::fs::write(self.home.path().join(name), message).unwrap();
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let ran = self.run("imap-put", &[&by[..], &names].concat(), b"").ends(0);
        let refs = self.run("imap-ls", &["--refs", &inbox], b"").ends(0).out;
        assert_eq!(ran.out, refs);
        let count = self.messages.len();
        assert_eq!(self.flags("INBOX"), vec!["$Label,Flagged"; count]);
        assert_eq!(self.listed("INBOX", "received"), vec!["2026-11-22T20:16:00+00:00"; count]);
        // All, by STARTTLS too, and some by reference.
        let starttls = inbox.replace("imaps:", "imap:").replace(&self.imaps.to_string(), &self.imap.to_string());
        let mut expected = self.messages.clone();
        expected.sort();
        for (n, url) in [&inbox, &starttls].into_iter().enumerate() {
            self.run("imap-fetch", &["--into", &format!("eml:back{n}"), url], b"").ends(0);
            assert!(files(self.home, &format!("back{n}")) == expected, "{url}");
        }
        let found = self.run("imap-ls", &["--refs", "--where", "subject:\"hard 0\"", &inbox], b"").ends(0).out;
        assert_eq!(found.lines().count(), 1);
        let fetched = self.run("imap-fetch", &["-", "--raw"], found.as_bytes()).ends(0).out;
        assert!(fetched.as_bytes() == self.messages[0]);
        let search = ["-o", "uid", &inbox, "--search", "FLAGGED SINCE 1-Nov-2026 NOT SUBJECT nothing"];
        assert_eq!(self.run("imap-ls", &search, b"").ends(0).out.lines().count(), count);
        // Beyond ASCII.
        self.run("imap-ls", &["-o", "uid", &inbox, "--where", "subject:grüße"], b"").ends(0);
        self.run("imap-flag", &[&inbox, "--all", "-flagged", "-$Label"], b"").ends(0);
        self.run("imap-flag", &[&inbox, "1:2", "+seen,$Work"], b"").ends(0);
        self.run("imap-flag", &[&inbox, "2", "=answered"], b"").ends(0);
        assert_eq!(self.flags("INBOX")[..3], ["$Work,Seen", "Answered", ""]);
        // Refused, and told so.
        self.run("imap-put", &[&self.at("bob", "Nowhere")], b"Subject: x\n\n").ends(69);
        self.run("imap-ls", &[&self.at("bob", "Nowhere")], b"").ends(69);
        self.run("imap-cp", &[&inbox, "1", &self.at("bob", "Nowhere")], b"").ends(69);
        let wrong = ["--ca-file", "ca.pem", "--password-file", "wrong", inbox.as_str()];
        self.home.run("imap-ls", &[self.more, &wrong].concat(), b"").ends(77);
    }

    fn transfers(&self) {
        let (inbox, archive, trash) = (self.at("bob", "INBOX"), self.at("bob", "Archive"), self.at("bob", "Trash"));
        let count = |folder: &str| self.listed(folder, "uid").len();
        let all = self.messages.len();
        let copies = self.run("imap-cp", &[&inbox, "1:2", &archive, "--refs"], b"").ends(0).out;
        assert_eq!(
            (copies.lines().count(), self.flags("Archive")),
            (2, vec!["$Work,Seen".to_owned(), "Answered".into()])
        );
        let moved = self.run("imap-mv", &[&inbox, "1:2", &archive, "--refs", "--undo", "undo"], b"").ends(0).out;
        assert_eq!((moved.lines().count(), count("INBOX"), count("Archive")), (2, all - 2, 4));
        let undo = std::fs::read(self.home.path().join("undo")).unwrap();
        self.run("imap-mv", &["-", "--undo"], &undo).ends(0);
        assert_eq!((count("INBOX"), count("Archive")), (all, 2));
        // To the trash, and for good; the marks of others stay.
        self.run("imap-flag", &[&archive, "2", "+deleted"], b"").ends(0);
        self.run("imap-rm", &["--trash", &format!("{}Trash", self.prefix), &archive, "1"], b"").ends(0);
        assert_eq!((count("Archive"), count("Trash")), (1, 1));
        self.run("imap-rm", &["--purge", "--all", &trash], b"").ends(0);
        assert_eq!((count("Archive"), count("Trash")), (1, 0));
        self.run("imap-rm", &["--purge", "--all", &archive], b"").ends(0);
        // To another account, and back.
        let kept = |url: &str| {
            let out = self.run("imap-ls", &["-o", "received,size,subject", url], b"").ends(0).out;
            let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let (before, carol) = (kept(&inbox), self.at("carol", "INBOX"));
        self.run("imap-mv", &["--all", &inbox, &carol], b"").ends(0);
        assert_eq!((kept(&carol), count("INBOX")), (before.clone(), 0));
        self.run("imap-mv", &["--all", &carol, &inbox], b"").ends(0);
        assert_eq!((kept(&inbox), kept(&carol).len()), (before, 0));
        self.run("imap-rm", &["--purge", "--all", "--force", &inbox], b"").ends(0);
    }

    fn watched(&self) {
        let (inbox, archive) = (self.at("bob", "INBOX"), self.at("bob", "Archive"));
        let mut watch = Watch::new(self, &[&inbox, &archive, "--poll", "1s", "--trace", "watched"]);
        watch.says("watching");
        watch.says("watching");
        let put = |folder: &str, subject: &str| {
            self.run("imap-put", &[folder], format!("From: Jo <jo@x>\nSubject: {subject}\n\nx\n").as_bytes())
                .ends(0)
                .out
        };
        let first = put(&inbox, "first");
        assert_eq!(watch.line(), format!("new\t{}\tJo <jo@x>\tfirst", first.trim_end()));
        self.run("imap-flag", &[first.trim_end(), "+seen"], b"").ends(0);
        assert_eq!(watch.line(), format!("flags\t{}\t\t", first.trim_end()));
        let second = put(&archive, "second");
        assert_eq!(watch.line(), format!("new\t{}\tJo <jo@x>\tsecond", second.trim_end()));
        self.run("imap-rm", &["--purge", first.trim_end()], b"").ends(0);
        assert_eq!(watch.line(), format!("vanished\t{}\t\t", first.trim_end()));
        drop(watch);
        // One connection is enough where the server tells of folders that are not open.
        let trace = std::fs::read_to_string(self.home.path().join("watched")).unwrap();
        let all = trace.contains("(MAILBOXES (INBOX Archive) (MessageNew MessageExpunge FlagChange))");
        assert_eq!(all, trace.contains(" NOTIFY"), "{trace}");
        let mut watch = Watch::new(self, &["--once", "--where", "subject:wanted", &inbox, "--poll", "1s"]);
        watch.says("watching");
        put(&inbox, "other");
        let wanted = put(&inbox, "wanted");
        assert!(watch.line().contains(wanted.trim_end()));
        assert_eq!(watch.child.wait().unwrap().code(), Some(0));
    }

    /// The subjects in a Maildir with the letters of their flags, and how often each is there.
    fn mirrored(&self, folder: &str) -> BTreeMap<String, (String, usize)> {
        let mut all = BTreeMap::new();
        for sub in ["new", "cur"] {
            for entry in std::fs::read_dir(self.home.path().join("mirror").join(folder).join(sub)).unwrap() {
                let path = entry.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let letters = name.split_once(":2,").map_or(String::new(), |(_, letters)| letters.to_owned());
                all.entry(subject).or_insert((letters, 0)).1 += 1;
            }
        }
        all
    }

    fn pulled(&self) {
        let (inbox, archive) = (self.at("bob", "INBOX"), self.at("bob", "Archive"));
        for folder in [&inbox, &archive] {
            self.run("imap-rm", &["--purge", "--all", "--force", folder], b"").ends(0);
        }
        let put = |folder: &str, subject: &str| {
            let message = format!(
                "Message-ID: <{subject}@x>\nSubject: {subject}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n\
                 --b\n\ntext\n--b\nContent-Type: application/x\nContent-Transfer-Encoding: base64\n\nAAECDQo=\n--b--\n"
            );
            self.run("imap-put", &[folder], message.as_bytes()).ends(0).out
        };
        (0..3).for_each(|n| drop(put(&inbox, &format!("m{n}"))));
        put(&archive, "old");
        let new = |status| {
            let ran =
                self.run("imap-fetch", &["-e", "--new", &inbox, &archive, "--into", "mbox:pulled"], b"").ends(status);
            assert_eq!(ran.err, "");
            let text = std::fs::read_to_string(self.home.path().join("pulled")).unwrap();
            text.lines().filter(|line| line.starts_with("Subject: ")).count()
        };
        assert_eq!((new(0), new(1)), (4, 4));
        put(&archive, "m3");
        assert_eq!((new(0), new(1)), (5, 5));
        // The part without its encoding, by the server or here.
        let binary = self
            .home
            .command("imap-fetch")
            .args(self.more)
            .args(["--ca-file", "ca.pem", "--password-file", "pw"])
            .args([&inbox, "--part", "2"])
            .output()
            .unwrap();
        assert_eq!(binary.stdout, b"\0\x01\x02\r\n".repeat(3));
        let fields = self.run("imap-fetch", &[&inbox, "--raw", "--fields", "subject"], b"").ends(0).out;
        assert_eq!(fields, "Subject: m0\n\nSubject: m1\n\nSubject: m2\n\n");
        let mirror = |status| {
            let account = self.at("bob", "");
            self.run("imap-fetch", &["-e", "--mirror", account.trim_end_matches('/'), "--into", "maildir:mirror"], b"")
                .ends(status)
        };
        mirror(0);
        assert_eq!(mirror(1).err, "");
        let one = |all: &[(&str, &str)]| -> BTreeMap<String, (String, usize)> {
            all.iter().map(|(subject, letters)| ((*subject).to_owned(), ((*letters).to_owned(), 1))).collect()
        };
        let dir = if self.prefix.is_empty() { ".Archive" } else { ".INBOX.Archive" };
        assert_eq!(self.mirrored(""), one(&[("m0", ""), ("m1", ""), ("m2", "")]));
        assert_eq!(self.mirrored(dir), one(&[("m3", ""), ("old", "")]));
        self.run("imap-flag", &[&inbox, "--where", "subject:m1", "+seen", "+flagged"], b"").ends(0);
        self.run("imap-rm", &["--purge", &inbox, "--where", "subject:m0"], b"").ends(0);
        put(&inbox, "m4");
        mirror(0);
        mirror(1);
        assert_eq!(self.mirrored(""), one(&[("m1", "FS"), ("m2", ""), ("m4", "")]));
        self.run("imap-flag", &[&inbox, "--where", "subject:m1", "-seen"], b"").ends(0);
        self.run("imap-mv", &["--all", &archive, &inbox], b"").ends(0);
        mirror(0);
        assert_eq!(self.mirrored(""), one(&[("m1", "F"), ("m2", ""), ("m3", ""), ("m4", ""), ("old", "")]));
        assert_eq!(self.mirrored(dir), one(&[]));
        self.run("imap-mkdir", &["--remove", &archive], b"").ends(0);
        mirror(1);
        assert!(!self.home.path().join("mirror").join(dir).exists());
        // What is here is read and goes there.
        let go = ["--new", &inbox, "--mark-seen", "--into", "maildir:gone"];
        self.run("imap-fetch", &go, b"").ends(0);
        assert!(self.flags("INBOX").iter().all(|flags| flags.contains("Seen")), "{:?}", self.flags("INBOX"));
        // Only what the run itself fetched is deleted, all else stays.
        let before = self.listed("INBOX", "uid");
        put(&inbox, "m5");
        self.run("imap-fetch", &["--new", &inbox, "--delete", "--into", "maildir:gone"], b"").ends(0);
        assert_eq!(self.listed("INBOX", "uid"), before);
        let later = ["--new", &inbox, "--delete-after", "1s", "--into", "maildir:gone"];
        let until = Instant::now() + Duration::from_secs(20);
        while !self.listed("INBOX", "uid").is_empty() {
            assert!(Instant::now() < until);
            self.run("imap-fetch", &later, b"").ends(0);
        }
    }

    fn all(&self) {
        self.folders();
        self.messages();
        self.transfers();
        self.watched();
        self.pulled();
    }
}

struct Watch {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Watch {
    fn new(there: &There<'_>, arguments: &[&str]) -> Watch {
        let mut command = there.home.command("imap-watch");
        command.args(["-v", "--ca-file", "ca.pem", "--password-file", "pw", "--timeout", "1m"]).args(there.more);
        let mut child = command.args(arguments).stdin(Stdio::null()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Watch { child, out: BufReader::new(out), err: BufReader::new(err) }
    }

    fn says(&mut self, what: &str) {
        let mut said = String::new();
        while !said.lines().last().is_some_and(|line| line.contains(what)) {
            assert_ne!(self.err.read_line(&mut said).unwrap(), 0, "ended before it said {what}: {said}");
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut said = String::new();
            let _ = std::io::Read::read_to_string(&mut self.err, &mut said);
            assert!(!line.is_empty(), "it said: {said}");
        }
        line.trim_end_matches('\n').to_owned()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn dovecot() {
    if !servers::can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = &home(&ca);
    let server = Dovecot::start(home, "dovecot", &ca.issue(&["localhost"], |_| {}).pem);
    let (imap, imaps) = (server.imap, server.imaps);
    let there = There { home, imap, imaps, prefix: "", separator: '/', messages: hard(), more: &[] };
    there.all();
    // A password that goes out in one step: from the second time on all of it is one flight.
    let flights = |trace: &str| {
        there.run("imap-ls", &["--auth", "plain", "--trace", trace, &there.at("bob", "INBOX")], b"").ends(0);
        let trace = std::fs::read_to_string(home.path().join(trace)).unwrap();
        let at = |what: &str| trace.lines().position(|line| line.starts_with(what)).unwrap();
        at("C: a2 EXAMINE") < at("S: a1 OK")
    };
    flights("first");
    assert!(flights("second"));
}

#[test]
fn courier() {
    if !ready() {
        return;
    }
    let ca = Authority::new();
    let home = &home(&ca);
    let server = Maildrop::courier(home, &ca.issue(&["localhost"], |_| {}).pem, &[]);
    let (imap, imaps) = (server.imap, server.imaps);
    // It ends every message with a line end.
    let messages = hard().into_iter().filter(|message| message.ends_with(b"\n")).collect();
    There { home, imap, imaps, prefix: "INBOX.", separator: '.', messages, more: &[] }.all();
}

#[test]
fn cyrus() {
    if !ready() {
        return;
    }
    let ca = Authority::new();
    let home = &home(&ca);
    let server = Maildrop::cyrus(home, &ca.issue(&["localhost"], |_| {}).pem);
    let (imap, imaps) = (server.imap, server.imaps);
    // It offers to bind by TLS 1.2's own way under TLS 1.3 too.
    let more = &["--auth", "scram-sha-256"];
    let there = There { home, imap, imaps, prefix: "", separator: '/', messages: hard(), more };
    there.all();
    // What is a trash is known by its use, not its name.
    there.run("imap-mkdir", &["--special-use", "trash", &there.at("bob", "Bin")], b"").ends(0);
    let message = there.run("imap-put", &[&there.at("bob", "INBOX")], b"Subject: x\n\n").ends(0).out;
    there.run("imap-rm", &[message.trim_end()], b"").ends(0);
    assert_eq!(there.listed("Bin", "subject"), ["x"]);
}
