//! Our IMAP client against any server: it ends, does not panic, holds no more than it may, and what it says stays in lines.
//!
//! The server is deaf and says all it has to say at once, so that the client runs in one thread.

use pipepost::body::Body;
use pipepost::client::Login;
use pipepost::client::imap::{Changed, Client, Copied, Event, Fetched, Picture, Rows, ToAppend};
use pipepost::error::{Fate, Result};
use pipepost::net::stream::{Ready, Stream};
use pipepost::net::{Deadline, Wire};
use pipepost::proto::imap::command::{Appending, Store};
use pipepost::proto::imap::response::BodyName;
use pipepost::proto::imap::section::{FetchItem, Of, Section};
use pipepost::proto::imap::set::{SequenceSet, within};
use pipepost::secret::Secret;
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Panics if something does not hold. The first byte chooses what is asked for, the second the sizes of the server's pieces.
pub fn check(input: &[u8]) {
    let &[choice, step, ref said @ ..] = input else { return };
    let heard = Arc::new(Mutex::new(Vec::new()));
    let server =
        Server { said: said.to_vec(), at: 0, paused: 0, step: usize::from(step) + 1, heard: Arc::clone(&heard) };
    let ended = talk(Wire::over(server, "server"), choice);
    if let Err(e) = ended {
        // Nothing that only reads can have an unknown outcome, and nothing is wrong with the input or here.
        let changes = matches!(choice.to_ascii_lowercase(), b'a' | b'm');
        assert!(changes || e.fate() != Fate::Unknown, "{e}");
        assert!(matches!(e.exit().code(), 69 | 75 | 76 | 77 | 79), "{}: {e}", e.exit().code());
    }
    if matches!(choice, b'z' | b'Z') {
        // It may be compressed from somewhere on.
        return;
    }
    for line in heard.lock().unwrap().split_inclusive(|b| *b == b'\n') {
        assert!(line.ends_with(b"\r\n") && !line[..line.len() - 2].contains(&b'\r'), "{}", line.escape_ascii());
    }
}

fn talk(wire: Wire, choice: u8) -> Result<()> {
    let login = Login::by_password("bob", Secret::new(b"tu lip\"".to_vec()), true);
    let mut client = Client::open(wire, Some(&login), choice.is_ascii_uppercase())?;
    if matches!(choice, b'l' | b'L') {
        let folders = client.list(&["*", "%"])?;
        let names: Vec<&str> =
            folders.iter().map(|f| f.name.as_str()).filter(|n| !n.contains(['\r', '\n', '\0'])).collect();
        client.counts(&names, &mut |at, _| {
            assert!(at < names.len());
            Ok(())
        })?;
    }
    match choice.to_ascii_lowercase() {
        b'z' => drop(client.compress()?),
        b'a' => {
            append(&mut client)?;
            return client.logout();
        }
        b'm' => {
            change(&mut client)?;
            return client.logout();
        }
        b'w' => {
            watch(&mut client)?;
            return client.logout();
        }
        _ => {}
    }
    let mut selected = client.examine("INBOX")?;
    let found = selected.search(&"FROM \"x\" UNSEEN".parse().unwrap())?;
    let set = if found.is_empty() { SequenceSet::from_on(1) } else { found };
    let whole = |peek| FetchItem::Section { section: Section::default(), peek, partial: None };
    let header = Section { part: Vec::new(), what: Of::Fields(vec!["Subject".into()]) };
    let items = [FetchItem::Flags, FetchItem::Envelope, FetchItem::Rfc822Size, whole(true)];
    selected.fetch(&set, &items, &mut Count::default())?;
    let items = [FetchItem::Section { section: header, peek: true, partial: None }];
    selected.fetch(&set, &items, &mut Count::default())?;
    for alert in client.alerts() {
        assert!(!alert.contains("tu lip"), "{alert}");
    }
    client.logout()
}

/// Folders are made, and two messages are put there.
fn append(client: &mut Client) -> Result<()> {
    client.create("Box", None)?;
    client.subscribe("Box", true)?;
    client.limit_of("Box")?;
    let (mut one, mut two) = (&b"A: b\r\n\r\none"[..], &b"A: b\r\n\r\ntwo"[..]);
    let what = |flag: &str| Appending { flags: vec![flag.to_owned()], date: None, size: 11 };
    let all = &mut [
        ToAppend { what: what("\\Seen"), message: &mut one },
        ToAppend { what: what("$Label"), message: &mut two },
    ];
    let appended = client.append_all("Box", all)?;
    assert_eq!(appended.len(), 2);
    Ok(())
}

/// What becomes of messages: each is told of once, and nobody hears of others.
fn change(client: &mut Client) -> Result<()> {
    let mut selected = client.select("INBOX")?;
    let set: SequenceSet = "2:4,9".parse().unwrap();
    let asked = set.resolve(u32::MAX);
    let mut told = SequenceSet::default();
    let mut each = |part: &SequenceSet, outcome: Result<Changed>| {
        assert!(part.numbers(u32::MAX).all(|uid| within(&asked, uid)), "{part}");
        told = std::mem::take(&mut told).or(part);
        let Ok(changed) = outcome else { return Ok(()) };
        for (from, to) in changed.copied.iter().flat_map(Copied::pairs) {
            assert!(within(&asked, from) && to > 0, "{from} {to}");
        }
        Ok(())
    };
    selected.store(&set, Store::Add, &["\\Seen".to_owned()], Some(7), &mut each)?;
    selected.copy(&set, "Box", &mut each)?;
    selected.move_to(&set, "Box", &mut each)?;
    selected.expunge(&set, &mut each)?;
    assert_eq!(told, set);
    Ok(())
}

/// Events: a message comes before it changes or goes, and once.
fn watch(client: &mut Client) -> Result<()> {
    let (bell, _ring) = std::io::pipe().unwrap();
    let mut picture = Picture::default();
    let mut new = HashSet::new();
    let mut each = |event: Event| {
        match event {
            Event::New { uid, .. } => assert!(uid > 0 && new.insert(uid), "{uid} came twice"),
            Event::Flags { uid, .. } | Event::Vanished { uid } => assert!(uid > 0),
            Event::Renumbered => new.clear(),
        }
        Ok(())
    };
    for _ in 0..3 {
        let mut selected = client.examine("INBOX")?;
        assert!(selected.uid_validity() > 0);
        selected.look(&mut picture, &mut each)?;
        for _ in 0..3 {
            selected.wait(&mut picture, bell.as_fd(), Deadline::after(Duration::from_secs(60)), &mut each)?;
        }
        selected.matching(&mut picture, &[3, 5], &"SUBJECT x".parse().unwrap(), &mut each)?;
    }
    Ok(())
}

/// Reads every other section, and no more of it than a bit.
#[derive(Default)]
struct Count {
    literals: usize,
}

impl Rows for Count {
    fn literal(&mut self, _: &Fetched, _: &BodyName, size: u64, body: &mut dyn Body) -> Result<()> {
        self.literals += 1;
        if self.literals.is_multiple_of(2) {
            return Ok(());
        }
        let mut read = 0u64;
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                assert_eq!(read, size);
                return Ok(());
            }
            read += piece.len() as u64;
            assert!(read <= size);
        }
    }

    fn row(&mut self, row: Fetched) -> Result<()> {
        assert!(row.uid > 0);
        Ok(())
    }
}

struct Server {
    said: Vec<u8>,
    at: usize,
    paused: usize,
    step: usize,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Stream for Server {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.said[self.at..];
        // Before the client has spoken there is a pause behind each line, or it would take the rest for words that nobody asked for.
        let unheard = self.heard.lock().unwrap().is_empty();
        if unheard && self.said[..self.at].ends_with(b"\n") && self.paused != self.at {
            self.paused = self.at;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let line = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1);
        let size = line.min(into.len()).min(self.step);
        into[..size].copy_from_slice(&rest[..size]);
        self.at += size;
        Ok(size)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn ready(&mut self, read: bool, write: bool, _: &[BorrowedFd<'_>], _: Deadline) -> io::Result<Ready> {
        Ok(Ready { read, write, bell: None })
    }
    fn close(&mut self) {}
}
