//! [`Stream`]: what a [`Wire`](super::wire::Wire) runs over. Reads and writes never block; waiting is one call.

use super::deadline::Deadline;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// What has become possible; nothing of it if the deadline came first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// A read will not block (there is input, the end, or an error).
    pub read: bool,
    /// A write will not block.
    pub write: bool,
    /// Which of the bells has been rung.
    pub bell: Option<usize>,
}

/// A byte stream in both directions.
pub trait Stream: Send {
    /// Reads what is there; `WouldBlock` if nothing is; 0 is the end.
    ///
    /// # Errors
    /// The system's.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;
    /// Writes what fits; `WouldBlock` if nothing does.
    ///
    /// # Errors
    /// The system's.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Waits until reading, or writing if `write` is set, is possible, or one of `bells` is readable, or `until`.
    ///
    /// # Errors
    /// The system's.
    fn ready(&mut self, read: bool, write: bool, bells: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Ready>;
    /// Ends both directions; the peer reads the end of the stream.
    fn close(&mut self);
}

/// A socket as a [`Stream`].
pub struct Socket<S> {
    io: S,
}

/// The sockets that can be one.
pub trait Connected: Read + Write + AsFd + Send {
    /// Ends both directions.
    fn end(&self);
    /// Makes reads and writes return at once.
    ///
    /// # Errors
    /// The system's.
    fn never_block(&self) -> io::Result<()>;
    /// Tells the peer at once what has come, and what will come next.
    fn acknowledge(&self) {}
}

impl Connected for TcpStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
    fn never_block(&self) -> io::Result<()> {
        // One write is one flight already: waiting for more (Nagle) only costs 40 ms against a delayed ACK.
        self.set_nodelay(true)?;
        self.set_nonblocking(true)
    }
    fn acknowledge(&self) {
        // A peer with Nagle's algorithm keeps a reply back until what it said before is acknowledged, such as TLS's session tickets:
        // 40 ms. The system forgets this wish, so it has to be told at every wait; whether it obeys changes nothing but time.
        let _ = rustix::net::sockopt::set_tcp_quickack(self, true);
    }
}

impl Connected for UnixStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
    fn never_block(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }
}

impl<S: Connected> Socket<S> {
    /// Takes a connected socket over.
    ///
    /// # Errors
    /// The system's, when it can't be set up.
    pub fn new(io: S) -> io::Result<Socket<S>> {
        io.never_block()?;
        Ok(Socket { io })
    }
}

impl<S: Connected> Stream for Socket<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.io.read(into)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.io.write(bytes)
    }

    fn ready(&mut self, read: bool, write: bool, bells: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Ready> {
        if read {
            self.io.acknowledge();
        }
        let io = self.io.as_fd();
        wait(read.then_some(io), write.then_some(io), bells, until)
    }

    fn close(&mut self) {
        self.io.end();
    }
}

/// poll(2) on what is to be read, what is to be written and bells, with a deadline; interruptions by signals are invisible.
///
/// # Errors
/// The system's.
pub fn wait(
    reads: Option<BorrowedFd<'_>>,
    writes: Option<BorrowedFd<'_>>,
    bells: &[BorrowedFd<'_>],
    until: Deadline,
) -> io::Result<Ready> {
    loop {
        let mut fds = Vec::with_capacity(3);
        fds.extend(reads.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        fds.extend(writes.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)));
        fds.extend(bells.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        let timeout = until.left().and_then(|d| Timespec::try_from(d).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) if until.passed() => return Ok(Ready::default()),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => {
                let mut events = fds.iter().map(PollFd::revents);
                // What else poll tells (HUP, ERR) the read or write will tell.
                let mut next = || events.next().is_some_and(|got| !got.is_empty());
                let read = reads.is_some() && next();
                let write = writes.is_some() && next();
                return Ok(Ready { read, write, bell: events.position(|got| !got.is_empty()) });
            }
            Err(e) => return Err(e.into()),
        }
    }
}
