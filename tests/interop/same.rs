//! What Dovecot finds, sorts and threads is what `mail-serve` finds, sorts and threads, for messages made up at random; and our client
//! compresses with Dovecot. Its `imap` program runs alone here, at the other end of a socket pair.

use super::DOVECOT;
use super::common::{Home, Server};
use super::servers::{MAIL, can_run, open_dir};
use pipepost::client::imap::Client;
use pipepost::net::Wire;
use pipepost::net::stream::Socket;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const NAMES: [&str; 6] = ["Zoe", "anna", "Bob Smith", "=?utf-8?q?=C3=84nne?=", "", "\"Quoted, Name\""];
const LOCALS: [&str; 4] = ["alice", "Bob", "carol", "dave"];
const TO: [&str; 5] = ["x@y", "Al <al@y>, b@c", "Zed <zed@y>", "undisclosed-recipients:;", "=?utf-8?q?=C3=B6?= <o@y>"];
const SUBJECTS: [&str; 20] = [
    "hello",
    "Re: hello",
    "[list] hello",
    "Fwd: hello",
    "re: [x] Hello (fwd)",
    "[Fwd: hello]",
    "cider",
    "Re[2]: cider",
    "",
    "Re:",
    "[a]",
    "[a] [b]",
    "=?utf-8?q?=C3=84pfel?=",
    "Re: =?utf-8?q?=C3=84pfel?=",
    "  spaced   out  ",
    "fwd:x",
    "FW : x",
    "beer  (fwd) (fwd)",
    "=?utf-8?q?Re=3A_beer?=",
    "re: [fwd: cider ]",
];

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    /// A message that refers to some of `count` others; a tenth of each field is missing.
    fn mail(&mut self, count: u64) -> String {
        let mut mail = String::new();
        let (day, hour, zone) = (self.below(28) + 1, self.below(24), self.one(&["+0000", "-0800", "+0530"]));
        let date = format!("Date: {day} Feb {} {hour:02}:{:02}:00 {zone}\n", 1994 + self.below(3), self.below(60));
        let from = format!("From: {} <{}@example.org>\n", self.one(&NAMES), self.one(&LOCALS));
        let (to, cc) = (format!("To: {}\n", self.one(&TO)), format!("Cc: {}\n", self.one(&TO[..3])));
        let subject = format!("Subject: {}\n", self.one(&SUBJECTS));
        let id = format!("Message-ID: <{}@x>\n", self.below(count));
        for field in [date, from, to, cc, subject, id] {
            if self.below(10) > 0 {
                mail.push_str(&field);
            }
        }
        let references = [0, 0, 1, 1, 2, 3][usize::try_from(self.below(6)).unwrap()];
        if references > 0 {
            mail.push_str(self.one(&["References:", "References:", "In-Reply-To:"]));
            for _ in 0..references {
                mail.push_str(&format!(" <{}@x>", self.below(count)));
            }
            mail.push('\n');
        }
        mail + "\n" + &"b".repeat(usize::try_from(self.below(200)).unwrap()) + "\n"
    }
}

/// A Maildir; each message has arrived a thousand seconds after the one before.
fn maildir(at: &Path, mails: &[String]) {
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(at.join(sub)).unwrap();
    }
    for (n, mail) in (0u64..).zip(mails) {
        let path = at.join(format!("cur/{}.M{n}P1.h:2,", 1_000_000_000 + n));
        std::fs::write(&path, mail).unwrap();
        let arrived = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000 + n * 1000);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(arrived).unwrap();
    }
}

/// A dialogue, line by line.
struct Raw {
    from: BufReader<Box<dyn Read>>,
    to: Box<dyn Write>,
    count: u32,
}

impl Raw {
    fn new(from: impl Read + 'static, to: impl Write + 'static) -> Raw {
        let mut raw = Raw { from: BufReader::new(Box::new(from)), to: Box::new(to), count: 0 };
        raw.line();
        raw
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.from.read_line(&mut line).unwrap() > 0, "it hung up");
        line.trim_end().to_owned()
    }

    /// What is told, but for what the mailbox has to say by itself, in a form that both may use.
    fn ask(&mut self, command: &str) -> Vec<String> {
        self.count += 1;
        let tag = format!("t{}", self.count);
        self.to.write_all(format!("{tag} {command}\r\n").as_bytes()).unwrap();
        let mut told = Vec::new();
        loop {
            let line = self.line();
            if let Some(status) = line.strip_prefix(&format!("{tag} ")) {
                assert!(status.starts_with("OK"), "{command}: {status}");
                return told;
            }
            if line.starts_with("* OK") || line.ends_with(" EXISTS") || line.ends_with(" RECENT") {
                continue;
            }
            let line = line.replace(&tag, "TAG");
            let mut words: Vec<&str> = line.split(' ').collect();
            if words.get(1) == Some(&"ESEARCH") {
                words.sort_unstable();
            }
            told.push(words.join(" "));
        }
    }
}

/// Dovecot's imap on a Maildir, for somebody who is logged in.
fn dovecot(home: &Home, name: &str, mails: &[String]) -> (Child, UnixStream) {
    let dir = open_dir(home, name);
    let at = dir.display();
    let config = format!(
        "mail_location = maildir:{at}/mail\nlog_path = {at}/log\nbase_dir = {at}/run\nssl = no\n
mail_uid = {MAIL}\nmail_gid = {MAIL}\nfirst_valid_uid = {MAIL}\nfirst_valid_gid = {MAIL}
protocol imap {{\n mail_plugins = imap_zlib\n}}\n"
    );
    std::fs::write(dir.join("dovecot.conf"), config).unwrap();
    maildir(&dir.join("mail"), mails);
    home.sh(&format!("chown -R {MAIL}:{MAIL} {at}")).ends(0);
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let output = Stdio::from(OwnedFd::from(theirs.try_clone().unwrap()));
    let mut command = Command::new("/usr/lib/dovecot/imap");
    command.arg("-c").arg(dir.join("dovecot.conf")).env_clear().env("HOME", &dir).env("USER", "mail");
    command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(output)
        .uid(MAIL)
        .gid(MAIL)
        .current_dir(&dir)
        .stderr(Stdio::null());
    (command.spawn().unwrap(), ours)
}

#[test]
fn sorted_and_threaded_as_dovecot_does() {
    if !can_run(&DOVECOT) {
        return;
    }
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    let criteria = [
        "SUBJECT",
        "FROM",
        "TO",
        "CC",
        "DATE",
        "ARRIVAL",
        "SIZE",
        "REVERSE SUBJECT",
        "REVERSE DATE",
        "DISPLAYFROM",
        "DISPLAYTO",
        "SUBJECT REVERSE DATE",
        "FROM REVERSE SIZE",
    ];
    let mut commands: Vec<String> = criteria.iter().map(|by| format!("SORT ({by}) UTF-8 ALL")).collect();
    commands.extend(
        [
            "THREAD REFERENCES UTF-8 ALL",
            "THREAD ORDEREDSUBJECT UTF-8 ALL",
            "UID THREAD REFERENCES UTF-8 SUBJECT hello",
            "SEARCH RETURN (MIN MAX COUNT ALL) SUBJECT hello",
            "SEARCH RETURN (COUNT SAVE) FROM bob",
            "SEARCH $",
            "UID SORT RETURN (ALL COUNT) (DATE) UTF-8 $",
            "SEARCH RETURN (MIN SAVE) SUBJECT cider",
            "FETCH $ (UID)",
            "SEARCH OLDER 100000000",
            "SEARCH YOUNGER 1000",
            "SEARCH SUBJECT \"re\"",
            "FETCH 1:3 (BINARY.PEEK[1] BINARY.SIZE[1])",
        ]
        .map(str::to_owned),
    );
    for seed in 1..=8u64 {
        let count = seed * seed * 4;
        let mut dice = Dice(seed);
        let mails: Vec<String> = (0..count).map(|_| dice.mail(count)).collect();
        maildir(&server.root.join(format!("user{seed}")), &mails);
        let (mut child, wire) = dovecot(&home, &format!("dovecot{seed}"), &mails);
        let mut theirs = Raw::new(wire.try_clone().unwrap(), wire);
        let tcp = TcpStream::connect(("127.0.0.1", server.imap)).unwrap();
        let mut ours = Raw::new(tcp.try_clone().unwrap(), tcp);
        ours.ask(&format!("LOGIN user{seed} x"));
        for raw in [&mut ours, &mut theirs] {
            raw.ask("SELECT INBOX");
        }
        for command in &commands {
            assert_eq!(ours.ask(command), theirs.ask(command), "seed {seed}: {command}");
        }
        theirs.to.write_all(b"x LOGOUT\r\n").unwrap();
        drop(theirs);
        child.wait().unwrap();
    }
}

#[test]
fn compressed_with_dovecot() {
    if !can_run(&DOVECOT) {
        return;
    }
    let home = Home::new();
    let mut dice = Dice(1);
    let mails: Vec<String> = (0..300).map(|_| dice.mail(300)).collect();
    let (mut child, wire) = dovecot(&home, "dovecot", &mails);
    let mut client = Client::open(Wire::over(Socket::new(wire).unwrap(), "dovecot"), None, true).unwrap();
    assert!(client.compress().unwrap());
    let mut inbox = client.examine("INBOX").unwrap();
    assert_eq!(inbox.exists(), 300);
    let found = inbox.search(&"ALL".parse().unwrap()).unwrap();
    assert_eq!(found.to_string(), "1:300");
    assert_eq!(client.list(&["*"]).unwrap().len(), 1);
    client.logout().unwrap();
    child.wait().unwrap();
}
