//! Our IMAP client against any server: it ends, does not panic, holds no more than it may, and what it says stays in lines.
//!
//! The server is deaf and says all it has to say at once, so that the client runs in one thread.

use pipepost::body::Body;
use pipepost::client::Login;
use pipepost::client::imap::{Client, Fetched, Rows};
use pipepost::error::{Fate, Result};
use pipepost::net::stream::{Ready, Stream};
use pipepost::net::{Deadline, Wire};
use pipepost::proto::imap::response::BodyName;
use pipepost::proto::imap::section::{FetchItem, Of, Section};
use pipepost::proto::imap::set::SequenceSet;
use pipepost::secret::Secret;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};

/// Panics if something does not hold. The first byte chooses what is asked for, the second the sizes of the server's pieces.
pub fn check(input: &[u8]) {
    let &[choice, step, ref said @ ..] = input else { return };
    let heard = Arc::new(Mutex::new(Vec::new()));
    let server =
        Server { said: said.to_vec(), at: 0, paused: 0, step: usize::from(step) + 1, heard: Arc::clone(&heard) };
    let ended = talk(Wire::over(server, "server"), choice);
    if let Err(e) = ended {
        // Nothing that only reads can have an unknown outcome, and nothing is wrong with the input or here.
        assert!(e.fate() != Fate::Unknown, "{e}");
        assert!(matches!(e.exit().code(), 69 | 75 | 76 | 77), "{}: {e}", e.exit().code());
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
    if matches!(choice, b'z' | b'Z') {
        client.compress()?;
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
