//! Whole server sessions against any client: they end, do not panic, and what they say is what a client can read.
//!
//! The client is deaf and talks without waiting, so that the session runs in one thread.

use pipepost::cli::world::{Passwords, Tree, Visit};
use pipepost::error::Result;
use pipepost::net::stream::{Ready, Stream};
use pipepost::net::{Deadline, Wire};
use pipepost::proto::imap::gather::Gathered;
use pipepost::proto::imap::response::{Response, may_have_literals};
use pipepost::proto::mailbox::Mailbox as Address;
use pipepost::proto::{pop3, smtp};
use pipepost::secret::Secret;
use pipepost::server::smtp::Protocol;
use pipepost::server::{Arriving, Denied, Destination, Envelope, Limits, Login, Refusal, World};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Panics if something does not hold. The first byte chooses the protocol, the second the sizes of the client's pieces.
pub fn check(input: &[u8]) {
    let &[choice, step, ref said @ ..] = input else { return };
    let known = matches!(choice, b'S' | b'P' | b'I');
    let dir = scratch();
    mail(dir.path());
    let answers = Arc::new(Mutex::new(Vec::new()));
    let client = Client { said: said.to_vec(), at: 0, step: usize::from(step) + 1, answers: Arc::clone(&answers) };
    let mut wire = Wire::over(client, "client").as_server();
    let mut house = House::new(dir.path(), known);
    match choice {
        b'S' | b's' => drop(pipepost::server::smtp::serve(&mut wire, &mut house, Protocol::Smtp)),
        b'L' => drop(pipepost::server::smtp::serve(&mut wire, &mut house, Protocol::Lmtp)),
        b'P' | b'p' => drop(pipepost::server::pop3::serve(&mut wire, &mut house)),
        _ => drop(pipepost::server::imap::serve(&mut wire, &mut house)),
    }
    drop(wire);
    let answers = answers.lock().unwrap();
    match choice {
        b'S' | b's' | b'L' => smtp_answers(&answers),
        b'P' | b'p' => pop3_answers(&answers),
        _ => imap_answers(&answers),
    }
    // Nothing half-written is left.
    let left = std::fs::read_dir(dir.path().join("bob/tmp")).unwrap().count();
    assert_eq!(left, 0, "files in tmp");
}

fn scratch() -> tempfile::TempDir {
    // In memory where that is possible: each session has a tree of its own.
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

const PLAIN: &[u8] = b"Date: Mon, 7 Feb 1994 21:52:25 -0800\nFrom: Fred <fred@example.org>\nSubject: hi\nTo: bob@localhost\n\nHello\n.dot\n";
const MULTI: &[u8] = b"From: a@b\nSubject: =?utf-8?q?=C3=A9?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\none\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ntwo\n--b--\n";

/// Bob has two messages, one of them seen.
fn mail(root: &Path) {
    for folder in ["bob", "bob/cur", "bob/new", "bob/tmp"] {
        std::fs::create_dir(root.join(folder)).unwrap();
    }
    std::fs::write(root.join("bob/new/1000000001.M1P1.localhost"), PLAIN).unwrap();
    std::fs::write(root.join("bob/cur/1000000002.M2P1.localhost:2,S"), MULTI).unwrap();
}

/// A [`Visit`] with small limits and no waiting.
struct House {
    visit: Visit,
    limits: Limits,
}

impl House {
    fn new(root: &Path, known: bool) -> House {
        let tree = Tree::open(root, false, Some(Passwords::one(Secret::new(b"tulip".to_vec())))).unwrap();
        let limits = Limits { message: 4096, recipients: 3, login_delay: Duration::ZERO, hops: 3, ..Limits::default() };
        House { visit: Visit::new(Arc::new(tree), known.then(|| "bob".to_owned())), limits }
    }
}

impl World for House {
    fn host(&self) -> &str {
        "localhost"
    }
    fn known(&mut self) -> Result<Option<Login>> {
        self.visit.known()
    }
    fn login(&mut self, user: &str, password: &Secret) -> Result<Login, Denied> {
        self.visit.login(user, password)
    }
    fn recipient(&mut self, user: Option<&str>, to: Option<&Address>) -> Result<Destination, Refusal> {
        self.visit.recipient(user, to)
    }
    fn draft(&mut self, envelope: &Envelope) -> Result<Arriving> {
        self.visit.draft(envelope)
    }
    fn deliver(&mut self, envelope: &Envelope, draft: Arriving) -> Vec<Result<()>> {
        self.visit.deliver(envelope, draft)
    }
    fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// The client's side: what it says, in pieces, and what it has heard.
struct Client {
    said: Vec<u8>,
    at: usize,
    step: usize,
    answers: Arc<Mutex<Vec<u8>>>,
}

impl Stream for Client {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.said[self.at..];
        let size = rest.len().min(into.len()).min(self.step);
        into[..size].copy_from_slice(&rest[..size]);
        self.at += size;
        Ok(size)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answers.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn ready(&mut self, read: bool, write: bool, _: &[BorrowedFd<'_>], _: Deadline) -> io::Result<Ready> {
        Ok(Ready { read, write, bell: None })
    }
    fn close(&mut self) {}
}

/// Lines without their CRLF; a line end that is none is a fault.
fn lines(answers: &[u8]) -> Vec<&[u8]> {
    let Some(whole) = answers.strip_suffix(b"\r\n") else {
        assert!(answers.is_empty(), "no line end: {}", answers.escape_ascii());
        return Vec::new();
    };
    let mut lines = Vec::new();
    let mut from = 0;
    for at in memmem(whole) {
        lines.push(&whole[from..at]);
        from = at + 2;
    }
    lines.push(&whole[from..]);
    lines
}

fn memmem(text: &[u8]) -> impl Iterator<Item = usize> {
    text.windows(2).enumerate().filter(|(_, w)| *w == b"\r\n").map(|(at, _)| at)
}

fn smtp_answers(answers: &[u8]) {
    let mut last = true;
    for line in lines(answers) {
        assert!(!line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "{}", line.escape_ascii());
        let reply = smtp::reply_line(line);
        let Some((code, is_last, _)) = reply else { panic!("no reply: {}", line.escape_ascii()) };
        assert!(line.len() <= 510, "too long: {code}");
        last = is_last;
    }
    assert!(last, "{}", answers.escape_ascii());
}

fn pop3_answers(answers: &[u8]) {
    for (at, line) in lines(answers).into_iter().enumerate() {
        assert!(!line.contains(&b'\n'), "{}", line.escape_ascii());
        assert!(at > 0 || pop3::Status::parse(line).is_some(), "{}", line.escape_ascii());
        assert!(!line.starts_with(b".") || line == b"." || line.starts_with(b".."), "{}", line.escape_ascii());
    }
}

fn imap_answers(answers: &[u8]) {
    let mut rest = answers;
    while !rest.is_empty() {
        let mut gathered = Gathered::default();
        let mut first = true;
        loop {
            let at = rest.windows(2).position(|w| w == b"\r\n");
            let Some(at) = at else { panic!("no line end: {}", rest.escape_ascii()) };
            let line = &rest[..at];
            rest = &rest[at + 2..];
            assert!(!line.contains(&b'\n') && !line.contains(&0), "{}", line.escape_ascii());
            if first && !may_have_literals(line) {
                gathered = Gathered::of(line);
                break;
            }
            first = false;
            let Some(literal) = gathered.push_line(line) else { break };
            let size = usize::try_from(literal.size).unwrap();
            assert!(size <= rest.len(), "a literal of {size} bytes: {}", answers.escape_ascii());
            gathered.push_literal(&rest[..size]);
            rest = &rest[size..];
        }
        match Response::parse(&gathered) {
            // What follows is for those who can inflate it.
            Ok(Response::Tagged(_, status)) if status.text.starts_with("compressed") => return,
            Ok(_) => {}
            Err(e) => panic!("{e}: {}", gathered.bytes().escape_ascii()),
        }
    }
}
