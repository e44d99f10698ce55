//! A mail-serve that may be killed, and a client that speaks to it byte by byte.

use crate::common::{Home, bin};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

pub(crate) struct Served {
    child: Child,
    pub(crate) smtp: u16,
    pub(crate) pop3: u16,
    pub(crate) imap: u16,
    pub(crate) tls: [u16; 3],
    pub(crate) root: PathBuf,
}

impl Served {
    pub(crate) fn start(home: &Home) -> Served {
        Served::by(home, &[])
    }

    /// Started by a command that runs what stands behind it.
    pub(crate) fn by(home: &Home, command: &[&str]) -> Served {
        Served::with(home, command, &["--any-password"])
    }

    /// The same, with flags; without --any-password its password is the one that it makes.
    pub(crate) fn with(home: &Home, command: &[&str], flags: &[&str]) -> Served {
        let root = home.path().join("served");
        let serve = bin().join("mail-serve").display().to_string();
        let words: Vec<&str> = command.iter().copied().chain([serve.as_str()]).collect();
        let mut command = home.command(words[0]);
        command
            .args(&words[1..])
            .args(["--create", "--connections-per-address", "1000"])
            .args(flags)
            .arg("--root")
            .arg(&root);
        command.args(["--smtp-port", "0", "--pop3-port", "0", "--imap-port", "0"]).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut port = || -> u16 { lines.next().unwrap().unwrap().rsplit_once(':').unwrap().1.parse().unwrap() };
        let [smtp, pop3, imap] = [port(), port(), port()];
        let tls = [port(), port(), port()];
        Served { child, smtp, pop3, imap, tls, root }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is running still; if not, it was killed.
    pub(crate) fn lives(&mut self) -> bool {
        lives(&mut self.child)
    }

    pub(crate) fn url(&self, protocol: &str, user: &str) -> String {
        let port = match protocol {
            "smtp" => self.smtp,
            "pop3" => self.pop3,
            _ => self.imap,
        };
        format!("{protocol}+plain://{user}@127.0.0.1:{port}")
    }
}

/// Whether a program is running still.
pub(crate) fn lives(child: &mut Child) -> bool {
    // A thread that is being killed takes a moment.
    for _ in 0..20 {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

impl Drop for Served {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        if self.child.try_wait().unwrap().is_none() {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let status = self.child.wait().unwrap();
            assert!(status.success() || std::thread::panicking(), "mail-serve: {status}");
        }
    }
}

/// A home with a password file, `pw`, and its server.
pub(crate) fn prepared() -> (Home, Served) {
    let home = Home::new();
    home.sh("umask 077; echo x > pw").ends(0);
    let served = Served::start(&home);
    (home, served)
}

/// The files of a folder, by name: their texts.
pub(crate) fn texts(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut texts: Vec<String> = entries.map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap()).collect();
    texts.sort();
    texts
}

/// A connection; whatever fails reads as its end.
pub(crate) struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    pub(crate) fn to(port: u16) -> Talk {
        let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Talk { stream: BufReader::new(stream) }
    }

    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// The next line; empty at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        let _ = self.stream.read_until(b'\n', &mut line);
        String::from_utf8_lossy(&line).into_owned()
    }

    /// Says a line, and returns the last line of the SMTP reply, or the status line.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(format!("{line}\r\n"));
        self.reply()
    }

    /// The last line of an SMTP reply.
    pub(crate) fn reply(&mut self) -> String {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    /// An IMAP command, to its tagged line; data and continuations are passed over.
    pub(crate) fn tagged(&mut self, tag: &str, command: &str) -> String {
        self.say(format!("{tag} {command}\r\n"));
        self.until(tag)
    }

    pub(crate) fn until(&mut self, tag: &str) -> String {
        loop {
            let line = self.line();
            if line.is_empty() || line.starts_with(&format!("{tag} ")) {
                return line;
            }
        }
    }

    /// All that comes to the end.
    pub(crate) fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Sends one message; the reply to it, empty if the line was lost before.
pub(crate) fn send(port: u16, to: &str, message: &str) -> String {
    let mut talk = Talk::to(port);
    talk.reply();
    talk.ask("EHLO client.example.org");
    talk.ask("MAIL FROM:<amy@example.org>");
    talk.ask(&format!("RCPT TO:<{to}>"));
    if !talk.ask("DATA").starts_with("354") {
        return String::new();
    }
    let reply = talk.ask(&format!("{}\r\n.", message.replace('\n', "\r\n").trim_end()));
    talk.say("QUIT\r\n");
    reply
}

/// Appends one message to INBOX; the tagged line, empty if the line was lost before.
pub(crate) fn append(port: u16, user: &str, message: &str) -> String {
    let mut talk = Talk::to(port);
    talk.line();
    talk.tagged("a", &format!("LOGIN {user} x"));
    let message = message.replace('\n', "\r\n");
    talk.say(format!("b APPEND INBOX (\\Seen) {{{}}}\r\n", message.len()));
    if !talk.line().starts_with('+') {
        return String::new();
    }
    let line = talk.tagged_text("b", &message);
    talk.say("c LOGOUT\r\n");
    line
}

impl Talk {
    fn tagged_text(&mut self, tag: &str, text: &str) -> String {
        self.say(format!("{text}\r\n"));
        self.until(tag)
    }
}
