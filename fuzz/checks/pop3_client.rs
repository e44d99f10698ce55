//! Our POP3 client against any server: status lines, listings and bodies. It ends, does not panic, what it takes for a message is what
//! stands between the status line and the dot, and QUIT is only said to a server that keeps in step.
//!
//! The server is deaf, so that the client runs in one thread: it says the next line when the client waits for one, or all at once.

use pipepost::body::Body;
use pipepost::client::Login;
use pipepost::client::pop3::Client;
use pipepost::error::{Fate, Result};
use pipepost::net::stream::{Ready, Stream};
use pipepost::net::{Deadline, Wire};
use pipepost::secret::Secret;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};

/// Panics if something does not hold. The first byte chooses what is asked for, the second the sizes of the server's
/// pieces, and from 128 on that there is no pause between them.
pub fn check(input: &[u8]) {
    let &[choice, step, ref said @ ..] = input else { return };
    let heard = Arc::new(Mutex::new(Vec::new()));
    let server = Server {
        said: said.to_vec(),
        at: 0,
        pauses: step < 128,
        pausing: false,
        step: usize::from(step) + 1,
        heard: Arc::clone(&heard),
    };
    let ended = talk(Wire::over(server, "server"), choice);
    let heard = heard.lock().unwrap();
    if let Err(e) = &ended {
        assert!(e.fate() != Fate::Unknown, "{e}");
        assert!(matches!(e.exit().code(), 69 | 75 | 76 | 77), "{}: {e}", e.exit().code());
        // What a server says by chance that was told no password is no secret.
        let told = heard.windows(6).any(|bytes| bytes == b"tu lip");
        assert!(!told || !e.to_string().contains("tu lip"), "{e}");
    }
    let lines: Vec<&[u8]> = heard.split_inclusive(|b| *b == b'\n').collect();
    for line in &lines {
        assert!(line.ends_with(b"\r\n") && !line[..line.len() - 2].contains(&b'\r'), "{}", line.escape_ascii());
    }
    let quits = lines.iter().filter(|line| **line == b"QUIT\r\n").count();
    assert!(quits <= 1 && (quits == 0 || lines.last() == Some(&&b"QUIT\r\n"[..])), "{}", heard.escape_ascii());
}

fn talk(wire: Wire, choice: u8) -> Result<()> {
    let login = Login::by_password("bob", Secret::new(b"tu lip".to_vec()), true);
    let mut client = Client::open(wire, &login)?;
    if choice.is_ascii_uppercase() {
        client.pipelines(true);
    }
    let entries = client.listing()?;
    assert!(entries.windows(2).all(|w| w[0].number < w[1].number));
    assert!(entries.iter().all(|e| e.number > 0 && e.uidl.as_ref().is_none_or(|id| id.len() <= 1024)));
    let numbers: Vec<u32> = entries.iter().map(|e| e.number).collect();
    let mut told = Vec::new();
    let mut each = |number: u32, body: Result<&mut dyn Body>| {
        told.push(number);
        let Ok(body) = body else { return Ok(()) };
        // Every other one is left where it is, for whoever reads on.
        if number.is_multiple_of(2) {
            return Ok(());
        }
        let mut text = Vec::new();
        loop {
            match body.chunk()? {
                [] => break,
                piece => text.extend_from_slice(piece),
            }
        }
        // It ends with its last line.
        assert!(text.is_empty() || text.ends_with(b"\n"), "{}", text.escape_ascii());
        Ok(())
    };
    let done = match choice {
        b't' | b'T' => client.top(&numbers, 0, &mut each),
        _ => client.retr(&numbers, &mut each),
    };
    // In order, and each once.
    assert!(numbers.starts_with(&told) && (done.is_err() || told.len() == numbers.len()));
    done?;
    if matches!(choice, b'd' | b'D') {
        let refused = client.dele(&numbers)?;
        assert!(refused.iter().all(|(number, _)| numbers.contains(number)));
        client.quit()
    } else {
        client.leave()
    }
}

struct Server {
    said: Vec<u8>,
    at: usize,
    /// Whether it waits for the client to wait.
    pauses: bool,
    pausing: bool,
    step: usize,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Stream for Server {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.said[self.at..];
        if self.pausing {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let line = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1);
        let size = line.min(into.len()).min(self.step);
        into[..size].copy_from_slice(&rest[..size]);
        self.at += size;
        // Behind each line, or what comes next would always be more than was asked for.
        self.pausing = self.pauses && self.said[..self.at].ends_with(b"\n");
        Ok(size)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn ready(&mut self, read: bool, write: bool, _: &[BorrowedFd<'_>], _: Deadline) -> io::Result<Ready> {
        // The client waits, and does not only look.
        self.pausing &= !read;
        Ok(Ready { read, write, bell: None })
    }
    fn close(&mut self) {}
}
