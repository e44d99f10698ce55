//! [`Stdio`]: stdin and stdout as one stream, for a session with whoever has started us.

use super::deadline::Deadline;
use super::stream::{Ready, Stream, wait};
use std::io::{self, Stdin, Stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// No pipe that can be written to has less room (pipe(7), PIPE_BUF).
const ROOM: usize = 4096;

/// Both are asked before they are used instead of being made non-blocking: other programs may have them open too, and would find them so.
pub struct Stdio {
    stdin: Stdin,
    stdout: Stdout,
    closed: bool,
}

impl Default for Stdio {
    fn default() -> Stdio {
        Stdio { stdin: io::stdin(), stdout: io::stdout(), closed: false }
    }
}

impl Stream for Stdio {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(0);
        }
        if !wait(Some(self.stdin.as_fd()), None, &[], Deadline::after(Duration::ZERO))?.read {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(rustix::io::read(&self.stdin, into)?)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if !wait(None, Some(self.stdout.as_fd()), &[], Deadline::after(Duration::ZERO))?.write {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(rustix::io::write(&self.stdout, bytes.get(..ROOM).unwrap_or(bytes))?)
    }
    fn ready(&mut self, read: bool, write: bool, bells: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Ready> {
        if self.closed {
            return Ok(Ready { read, write, bell: None });
        }
        wait(read.then(|| self.stdin.as_fd()), write.then(|| self.stdout.as_fd()), bells, until)
    }
    fn close(&mut self) {
        self.closed = true;
    }
}
