//! A TLS connection over any other [`Stream`], and itself one.
//!
//! A write is told as done only when its record has left, so that what a [`Wire`](super::super::Wire) believes to be unsent is
//! exactly what nobody can read. The end without TLS's goodbye (close_notify) is an error for those who still read.

use crate::net::deadline::Deadline;
use crate::net::stream::{Ready, Stream};
use rustls::Connection;
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;

/// A record's text, RFC 8446 5.1.
const RECORD: usize = 16 * 1024;

/// Why a handshake failed.
pub(super) enum Trouble {
    Tls(rustls::Error),
    Late,
    Stopped,
    Ended,
    Io(io::Error),
}

pub(super) struct Secured {
    under: Box<dyn Stream>,
    tls: Connection,
    /// Bytes of the caller's that are in a record which has not left as a whole.
    held: usize,
    /// The stream below has ended.
    ended: bool,
    closed: bool,
    failed: Option<rustls::Error>,
}

/// The stream below, for rustls.
struct Under<'s>(&'s mut dyn Stream);

impl Read for Under<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Under<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For a [`Wire`](crate::net::Wire), which takes this kind for words of the peer's.
fn told(e: &rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("TLS: {e}"))
}

impl Secured {
    pub(super) fn new(under: Box<dyn Stream>, tls: Connection) -> Secured {
        Secured { under, tls, held: 0, ended: false, closed: false, failed: None }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.tls
    }

    /// `stop` rings when it is not worth the while any more.
    pub(super) fn handshake(&mut self, until: Deadline, stop: Option<BorrowedFd<'_>>) -> Result<(), Trouble> {
        loop {
            match self.push() {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => {
                    // Who hangs up may have said why.
                    let _ = self.pull();
                    return Err(self.failed.clone().map_or(Trouble::Io(e), Trouble::Tls));
                }
            }
            // A server's tickets, which are for later connections, are not waited for.
            let (read, write) = (self.tls.is_handshaking(), self.tls.wants_write());
            if !read && (!write || matches!(self.tls, Connection::Server(_))) {
                return Ok(());
            }
            let ready = self.under.ready(read, write, stop.as_slice(), until).map_err(Trouble::Io)?;
            if ready.bell.is_some() {
                return Err(Trouble::Stopped);
            }
            if !ready.read && !ready.write || until.passed() {
                return Err(Trouble::Late);
            }
            if ready.read {
                match self.pull() {
                    Ok(()) => {}
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    Err(e) => return Err(self.failed.clone().map_or(Trouble::Io(e), Trouble::Tls)),
                }
                if self.ended && self.tls.is_handshaking() {
                    return Err(Trouble::Ended);
                }
            }
        }
    }

    /// Sends the records that wait: all of them, or `WouldBlock`.
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Under(&mut *self.under)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes what is there from below.
    fn pull(&mut self) -> io::Result<()> {
        if let Some(e) = &self.failed {
            return Err(told(e));
        }
        loop {
            match self.tls.read_tls(&mut Under(&mut *self.under)) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            break;
        }
        if let Err(e) = self.tls.process_new_packets() {
            // The alert that says why. That it can't be sent changes nothing.
            if self.held == 0 {
                let _ = self.push();
            }
            let told = told(&e);
            self.failed = Some(e);
            return Err(told);
        }
        Ok(())
    }

    /// Whether a read would give something, if only the end or an error.
    fn has_input(&mut self) -> bool {
        self.ended
            || self.failed.is_some()
            || self.tls.process_new_packets().map_or(true, |s| s.plaintext_bytes_to_read() > 0 || s.peer_has_closed())
    }
}

impl Stream for Secured {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(into) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && !self.ended => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::WouldBlock) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "cut off without the end that TLS demands",
                    ));
                }
                other => return other,
            }
            self.pull()?;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held == 0 {
            // Answers to key updates and the like go first.
            self.push()?;
            self.held = self.tls.writer().write(bytes.get(..bytes.len().min(RECORD)).unwrap_or_default())?;
        }
        match self.push() {
            Ok(()) => Ok(std::mem::take(&mut self.held)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Err(e),
            Err(e) => {
                // Who hangs up may have said why, in TLS 1.3 only now: a client's certificate is refused, for example.
                let _ = self.pull();
                Err(self.failed.as_ref().map_or(e, told))
            }
        }
    }

    fn ready(&mut self, read: bool, write: bool, bells: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Ready> {
        loop {
            if read && self.has_input() {
                return Ok(Ready { read: true, ..Ready::default() });
            }
            // A record of the caller's is theirs to write again: after a deadline they may not want it any more.
            let ours = self.held == 0;
            if ours {
                match self.push() {
                    Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(e),
                    _ => {}
                }
            }
            let below = self.under.ready(read, write || (ours && self.tls.wants_write()), bells, until)?;
            let mut ready = Ready { read: false, write: write && below.write, bell: below.bell };
            if below.read {
                ready.read = match self.pull() {
                    Ok(()) => self.has_input(),
                    Err(e) => e.kind() != io::ErrorKind::WouldBlock,
                };
            }
            if below == Ready::default() || ready != Ready::default() || until.passed() {
                return Ok(ready);
            }
        }
    }

    fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) && self.held == 0 && self.failed.is_none() {
            self.tls.send_close_notify();
            let _ = self.push();
        }
        self.under.close();
    }
}
