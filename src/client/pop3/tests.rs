//! How many round trips a session takes, counted by a server that answers only when the client waits.

use super::*;
use crate::net::stream::{Ready, Stream};
use crate::secret::Secret;
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    commands: usize,
    /// How often the client waited for an answer.
    trips: usize,
    deleted: usize,
    ended: bool,
}

/// A maildrop on the other side of a long line: what the client has said arrives when it waits, and not before.
struct Far {
    capabilities: &'static str,
    messages: u32,
    heard: Vec<u8>,
    says: VecDeque<u8>,
    count: Arc<Mutex<Count>>,
}

impl Far {
    fn answer(&self, line: &str, count: &mut Count) -> String {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let all = |of: fn(u32) -> String| (1..=self.messages).map(of).collect::<String>();
        match verb {
            "CAPA" => format!("+OK\r\n{}.\r\n", self.capabilities),
            "LIST" => format!("+OK\r\n{}.\r\n", all(|n| format!("{n} 9\r\n"))),
            "UIDL" => format!("+OK\r\n{}.\r\n", all(|n| format!("{n} u{n}\r\n"))),
            "RETR" => format!("+OK\r\nA: {rest}\r\n\r\n{}\r\n.\r\n", "x".repeat(60)),
            "TOP" => format!("+OK\r\nA: {rest}\r\n\r\n.\r\n"),
            "DELE" => {
                count.deleted += 1;
                "+OK\r\n".into()
            }
            "QUIT" => {
                count.ended = true;
                "+OK\r\n".into()
            }
            _ => "+OK\r\n".into(),
        }
    }
}

impl Stream for Far {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // An answer may still come.
        if self.says.is_empty() && !self.heard.contains(&b'\n') {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.says.is_empty() {
            let count = Arc::clone(&self.count);
            let mut count = count.lock().unwrap();
            count.trips += 1;
            let heard = String::from_utf8(std::mem::take(&mut self.heard)).unwrap();
            for line in heard.split_terminator("\r\n") {
                count.commands += 1;
                let answer = self.answer(line, &mut count);
                self.says.extend(answer.as_bytes());
            }
        }
        let size = self.says.len().min(into.len());
        self.says.drain(..size).zip(into).for_each(|(from, to)| *to = from);
        Ok(size)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn ready(&mut self, read: bool, write: bool, _: &[BorrowedFd<'_>], _: Deadline) -> io::Result<Ready> {
        Ok(Ready { read, write, bell: None })
    }
    fn close(&mut self) {}
}

/// A session as pop3-fetch has them: the login, the listing, all messages; then they are deleted, or not.
fn session(capabilities: &'static str, messages: u32, delete: bool) -> Count {
    let count = Arc::new(Mutex::new(Count::default()));
    let says = b"+OK ready\r\n".iter().copied().collect();
    let far = Far { capabilities, messages, heard: Vec::new(), says, count: Arc::clone(&count) };
    let login = Login::by_password("bob", Secret::new(b"tulip".to_vec()), true);
    let mut client = Client::open(Wire::over(far, "far"), &login).unwrap();
    let numbers: Vec<u32> = client.listing().unwrap().iter().map(|e| e.number).collect();
    let mut octets = 0;
    let mut read = |_, body: Result<&mut dyn Body>| {
        octets += body?.whole(1000)?.map_or(0, |message| message.len());
        Ok(())
    };
    client.retr(&numbers, &mut read).unwrap();
    assert!(octets >= numbers.len() * 60);
    if delete {
        assert!(client.dele(&numbers).unwrap().is_empty());
        client.quit().unwrap();
    } else {
        client.leave().unwrap();
    }
    let count = *count.lock().unwrap();
    assert_eq!((count.deleted, count.ended), (if delete { numbers.len() } else { 0 }, delete));
    count
}

/// CAPA, the login, LIST and UIDL, RETR; DELE, QUIT.
#[test]
fn round_trips() {
    let full = "USER\r\nTOP\r\nUIDL\r\nPIPELINING\r\n";
    assert_eq!(session(full, 200, false).trips, 4);
    assert_eq!(session(full, 200, true).trips, 6);
    // UTF8 and SASL cost none.
    let more = "UTF8\r\nSASL PLAIN\r\nUIDL\r\nPIPELINING\r\n";
    assert_eq!(session(more, 200, true).trips, 6);
    // The window is refilled while it is read.
    let many = session(full, 2000, false);
    assert!(many.commands == 2005 && many.trips <= 3 + 2000 / (WINDOW / 2) + 1, "{many:?}");
    // Who does not say so gets one command at a time.
    let serial = session("USER\r\nUIDL\r\n", 20, true);
    assert_eq!((serial.trips, serial.commands), (5 + 2 * 20 + 1, 5 + 2 * 20 + 1));
}
