//! A small IMAP server with folders in memory, whose line breaks after so many bytes, either way. Another thing is what it has done
//! by then: that is kept, and the tests look at it.

use pipepost::proto::imap::command::{Command, Store, Tagged};
use pipepost::proto::imap::gather::Gathered;
use pipepost::proto::imap::section::FetchItem;
use pipepost::proto::imap::set::SequenceSet;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// A message of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub uid: u32,
    pub flags: Vec<String>,
    pub text: Vec<u8>,
}

/// All folders, by name.
pub type Folders = BTreeMap<String, Vec<Kept>>;

/// Where its line breaks: after so many bytes to and from the client.
#[derive(Clone, Copy, Debug)]
pub struct Breaks {
    pub said: usize,
    pub heard: usize,
}

impl Breaks {
    pub const NEVER: Breaks = Breaks { said: usize::MAX, heard: usize::MAX };
}

struct State {
    folders: Folders,
    next: u32,
    /// Bytes that went to the client, and came from it.
    passed: (usize, usize),
}

/// It serves connections, one after the other, until it is dropped.
pub struct Peer {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Peer {
    /// `capabilities`: what it says that it can do, beside IMAP4rev1.
    pub fn start(capabilities: &'static str, folders: Folders, breaks: Breaks) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { folders, next: 100, passed: (0, 0) }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                // Nobody but the test has it any more.
                if Arc::strong_count(&shared) == 1 {
                    return;
                }
                let socket = socket.unwrap();
                socket.set_nodelay(true).unwrap();
                let mut line = Line { from: BufReader::new(&socket), to: &socket, left: breaks };
                let _ = serve(&mut line, capabilities, &shared);
                let _ = socket.shutdown(Shutdown::Both);
                let Breaks { said, heard } = line.left;
                lock(&shared).passed = (breaks.said - said, breaks.heard - heard);
            }
        });
        Peer { port, state }
    }

    pub fn url(&self, folder: &str) -> String {
        format!("imap+plain://amy@127.0.0.1:{}/{folder}", self.port)
    }

    /// What is in a folder.
    pub fn folder(&self, name: &str) -> Vec<Kept> {
        lock(&self.state).folders.get(name).cloned().unwrap_or_default()
    }

    /// Bytes to and from the client in the connection that ended last.
    pub fn passed(&self) -> (usize, usize) {
        loop {
            let passed = lock(&self.state).passed;
            if passed != (0, 0) {
                return passed;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.state = Arc::new(Mutex::new(State { folders: Folders::new(), next: 0, passed: (0, 0) }));
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

struct Line<'s> {
    from: BufReader<&'s TcpStream>,
    to: &'s TcpStream,
    left: Breaks,
}

impl Line<'_> {
    fn say(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        let now = bytes.len().min(self.left.said);
        self.left.said -= now;
        self.to.write_all(&bytes[..now])?;
        // At the very end too: nothing is said any more.
        if self.left.said == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn exactly(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let size = usize::try_from(size).unwrap();
        let now = size.min(self.left.heard);
        (&mut self.from).take(now as u64).read_to_end(&mut bytes)?;
        self.left.heard -= now;
        if bytes.len() < size { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let most = self.left.heard as u64;
        (&mut self.from).take(most).read_until(b'\n', &mut line)?;
        self.left.heard -= line.len();
        if line.ends_with(b"\r\n") {
            line.truncate(line.len() - 2);
            return Ok(line);
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// A command, and the message that ends it.
    fn command(&mut self) -> io::Result<(Tagged, Vec<u8>)> {
        let mut gathered = Gathered::default();
        let mut message = Vec::new();
        loop {
            let line = self.line()?;
            let Some(literal) = gathered.push_line(&line) else { break };
            if !literal.non_sync {
                self.say("+ go on\r\n")?;
            }
            message = self.exactly(literal.size)?;
            let parsed = Tagged::parse(&gathered);
            if matches!(&parsed, Ok(Tagged { command: Command::Append { .. }, .. })) {
                self.line()?;
                return Ok((parsed.unwrap(), message));
            }
            gathered.push_literal(&message);
        }
        Ok((Tagged::parse(&gathered).unwrap(), message))
    }
}

fn serve(line: &mut Line<'_>, capabilities: &str, state: &Mutex<State>) -> io::Result<()> {
    let known = format!("[CAPABILITY IMAP4rev1 {capabilities}]");
    line.say(format!("* OK {known} hi\r\n"))?;
    let mut folder = String::new();
    loop {
        let (Tagged { tag, command }, message) = line.command()?;
        let (said, done) = {
            // What a command does is done before a word of its answer.
            let mut state = lock(state);
            if let Command::Select { mailbox, .. } | Command::Examine { mailbox, .. } = &command {
                folder.clone_from(mailbox);
            }
            act(&mut state, &folder, &command, message)
        };
        line.say(said)?;
        if matches!(command, Command::Login { .. }) {
            line.say(format!("{tag} OK {known} in\r\n"))?;
        } else {
            line.say(format!("{tag} {done}\r\n"))?;
        }
        if matches!(command, Command::Logout) {
            return Ok(());
        }
    }
}

fn act(state: &mut State, folder: &str, command: &Command, message: Vec<u8>) -> (Vec<u8>, String) {
    let mut said = Vec::new();
    let mut done = "OK done".to_owned();
    let there = state.folders.get(folder).cloned().unwrap_or_default();
    match command {
        Command::Login { .. } | Command::Noop => {}
        Command::Logout => said.extend_from_slice(b"* BYE see you\r\n"),
        Command::List(_) => {
            for name in state.folders.keys() {
                said.extend_from_slice(format!("* LIST () \"/\" {name}\r\n").as_bytes());
            }
        }
        Command::Status { mailbox, .. } => {
            let n = state.folders[mailbox].len();
            let items = format!("MESSAGES {n} RECENT 0 UIDNEXT {} UIDVALIDITY 7 UNSEEN {n}", state.next);
            said.extend_from_slice(format!("* STATUS {mailbox} ({items})\r\n").as_bytes());
        }
        Command::Select { .. } | Command::Examine { .. } => {
            let told =
                format!("* {} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT {}] x\r\n", there.len(), state.next);
            said.extend_from_slice(told.as_bytes());
        }
        Command::Search { .. } => {
            said.extend_from_slice(b"* SEARCH");
            there.iter().for_each(|kept| said.extend_from_slice(format!(" {}", kept.uid).as_bytes()));
            said.extend_from_slice(b"\r\n");
        }
        Command::Fetch { set, items, .. } => {
            for (n, kept) in there.iter().enumerate().filter(|(_, kept)| set.contains(kept.uid, u32::MAX)) {
                said.extend_from_slice(&row(n + 1, kept, items));
            }
        }
        Command::Append { mailbox, flags, .. } => {
            let uid = keep(state, mailbox, flags.clone(), message);
            done = format!("OK [APPENDUID 7 {uid}] done");
        }
        Command::Copy { set, mailbox, .. } | Command::Move { set, mailbox, .. } => {
            let moves = matches!(command, Command::Move { .. });
            let which: Vec<&Kept> = there.iter().filter(|kept| set.contains(kept.uid, u32::MAX)).collect();
            let now = which.iter().map(|kept| keep(state, mailbox, kept.flags.clone(), kept.text.clone()));
            let list = |uids: Vec<u32>| SequenceSet::from_numbers(uids).to_string();
            let now = list(now.collect());
            let code = format!("OK [COPYUID 7 {} {now}] done", list(which.iter().map(|kept| kept.uid).collect()));
            if moves {
                said.extend_from_slice(format!("* {code}\r\n").as_bytes());
                remove(state, folder, &|kept| set.contains(kept.uid, u32::MAX), &mut said);
            } else {
                done = code;
            }
        }
        Command::Store { set, how: Store::Add, flags, .. } => {
            for kept in state.folders.get_mut(folder).unwrap().iter_mut().filter(|k| set.contains(k.uid, u32::MAX)) {
                kept.flags.extend(flags.clone());
            }
        }
        Command::UidExpunge(set) => {
            let marked = |kept: &Kept| kept.flags.iter().any(|flag| flag == "\\Deleted");
            remove(state, folder, &|kept| set.contains(kept.uid, u32::MAX) && marked(kept), &mut said);
        }
        _ => done = "BAD what?".to_owned(),
    }
    (said, done)
}

fn row(number: usize, kept: &Kept, items: &[FetchItem]) -> Vec<u8> {
    let mut said = format!("* {number} FETCH (UID {} FLAGS ({})", kept.uid, kept.flags.join(" ")).into_bytes();
    for item in items {
        match item {
            FetchItem::InternalDate => said.extend_from_slice(b" INTERNALDATE \"17-Jul-1996 02:44:25 -0700\""),
            FetchItem::Rfc822Size => said.extend_from_slice(format!(" RFC822.SIZE {}", kept.text.len()).as_bytes()),
            FetchItem::Envelope => {
                let envelope = format!(" ENVELOPE (NIL \"number {}\" NIL NIL NIL NIL NIL NIL NIL NIL)", kept.uid);
                said.extend_from_slice(envelope.as_bytes());
            }
            FetchItem::Section { .. } => {
                said.extend_from_slice(format!(" BODY[] {{{}}}\r\n", kept.text.len()).as_bytes());
                said.extend_from_slice(&kept.text);
            }
            _ => {}
        }
    }
    said.extend_from_slice(b")\r\n");
    said
}

fn keep(state: &mut State, folder: &str, flags: Vec<String>, text: Vec<u8>) -> u32 {
    let uid = state.next;
    state.next += 1;
    state.folders.get_mut(folder).unwrap().push(Kept { uid, flags, text });
    uid
}

fn remove(state: &mut State, folder: &str, which: &dyn Fn(&Kept) -> bool, said: &mut Vec<u8>) {
    let there = state.folders.get_mut(folder).unwrap();
    while let Some(at) = there.iter().position(which) {
        there.remove(at);
        said.extend_from_slice(format!("* {} EXPUNGE\r\n", at + 1).as_bytes());
    }
}
