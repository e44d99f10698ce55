mod append;
mod capability;
mod compress;
mod condstore;
mod fetch;
mod folders;
mod list;
mod live;
mod moving;
mod rows;
mod search;
mod session;

use super::super::{Denied, Destination, Limits, Login, Refusal};
use super::*;
use crate::net::script::{End, Mode, Player, Script};
use crate::net::stream::Socket;
use crate::proto::mailbox::Mailbox as Address;
use crate::secret::Secret;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;

struct House {
    account: Account,
    known: bool,
    limits: Limits,
}

impl World for House {
    fn host(&self) -> &str {
        "localhost"
    }
    fn known(&mut self) -> Result<Option<Login>> {
        Ok(self.known.then(|| Login { user: "bob".into(), account: self.account.clone() }))
    }
    fn login(&mut self, user: &str, password: &Secret) -> Result<Login, Denied> {
        if user == "bob" && password.same(b"tulip") {
            Ok(Login { user: "bob".into(), account: self.account.clone() })
        } else {
            Err(Denied::Wrong)
        }
    }
    fn recipient(&mut self, _: Option<&str>, _: Option<&Address>) -> Result<Destination, Refusal> {
        Err(Refusal::NoRoute)
    }
    fn limits(&self) -> &Limits {
        &self.limits
    }
}

fn house(root: &Path, known: bool) -> House {
    let limits = Limits { login_delay: Duration::from_millis(5), message: 1 << 20, ..Limits::default() };
    House { account: Account::open(root).unwrap(), known, limits }
}

fn start(root: &Path, known: bool) -> (UnixStream, JoinHandle<Result<()>>) {
    let mut house = house(root, known);
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let server = std::thread::spawn(move || {
        let mut wire = Wire::over(Socket::new(theirs).unwrap(), "client").as_server();
        serve(&mut wire, &mut house)
    });
    (ours, server)
}

/// In a script, the text of a status response stands for any: its condition and its code count.
fn any_text(line: &str) -> String {
    let Some(said) = line.strip_prefix("S: ") else { return line.to_owned() };
    if said.starts_with("+ ") {
        return "S: + ***".to_owned();
    }
    let words: Vec<&str> = said.splitn(3, ' ').collect();
    match words.as_slice() {
        [tag, status @ ("OK" | "NO" | "BAD" | "BYE" | "PREAUTH"), rest @ ..] => {
            let code = rest.first().filter(|r| r.starts_with('[')).and_then(|r| r.split("] ").next());
            match code {
                Some(code) => format!("S: {tag} {status} {code}] ***"),
                None => format!("S: {tag} {status} ***"),
            }
        }
        _ => line.to_owned(),
    }
}

/// Plays the client of a script against sessions on trees of their own: whole, byte by byte, and cut after every line.
fn play(known: bool, prepare: impl Fn(&Account), script: &str) {
    let lines: Vec<String> = script.lines().map(any_text).collect();
    let script = Script::parse(&lines.join("\n")).unwrap();
    let cuts = (0..).map(|n| Mode { byte_by_byte: false, cut_after: Some(n) });
    for mode in [Mode { byte_by_byte: true, cut_after: None }].into_iter().chain(cuts) {
        let dir = tempfile::tempdir().unwrap();
        prepare(&Account::open(dir.path()).unwrap());
        let (mut io, server) = start(dir.path(), known);
        let end = Player::client(&script, |expected, came| expected == came).play(&mut io, mode).unwrap();
        drop(io);
        // However it ends: no panic, no hang, and nothing half-written.
        let _ = server.join().unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
        match end {
            End::Cut { .. } => {}
            ref end => assert_eq!(*end, End::Whole, "{mode:?}"),
        }
        if end == End::Whole && mode.cut_after.is_some() {
            return;
        }
    }
}

const MAIL: &str = "Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\nFrom: Fred Foobar <foobar@Blurdybloop.COM>\nSubject: afternoon meeting\nTo: mooch@owatagu.siam.edu\nMessage-Id: <B27397-0100000@Blurdybloop.COM>\nMIME-Version: 1.0\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\n\nHello Joe, do you think we can meet at 3:30 tomorrow?\n";
const MULTI: &str = "From: a@b\nSubject: parts\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\none\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ntwo\n--b--\n";

fn put(account: &Account, folder: &str, text: &str) -> u32 {
    let mut draft = account.draft().unwrap();
    draft.write(text.as_bytes()).unwrap();
    let date = Some(std::time::UNIX_EPOCH + Duration::from_secs(837_596_665));
    let target = super::super::mailbox::Target {
        account,
        folder,
        flags: crate::message::flags::Flags::none(),
        internal_date: date,
    };
    draft.commit(&[target]).pop().unwrap().unwrap().uid
}

fn line(io: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    io.read_line(&mut line).unwrap();
    line
}

fn until(io: &mut BufReader<UnixStream>, tag: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let l = line(io);
        assert!(!l.is_empty(), "{all:?}");
        all.push(l.trim_end().to_owned());
        if l.starts_with(tag) {
            return all;
        }
    }
}
