//! A tunnel: the server, or the way to it, is a program that we start, and talk to over its stdin and stdout.

use super::deadline::Deadline;
use super::stream::{Ready, Stream, wait};
use crate::error::{Error, Local, Result, words};
use rustix::io::ioctl_fionbio;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, Command};
use std::time::Duration;

/// How long a program whose line is closed may take to end by itself, and then to obey SIGTERM.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// Its line: two pipes, as a shell would make them. (Of a socket pair, the two ends of which it would hold twice, each program behind
/// it could make the others' never block; and some take a socket for inetd's.) Dropping it ends the program.
pub(super) struct Tunnel {
    /// `None`: closed.
    pipes: Option<(PipeReader, PipeWriter)>,
    child: Child,
}

impl Tunnel {
    /// Starts the program, without the environment variables in `hidden`. What it says on stderr is shown.
    ///
    /// # Errors
    /// 78: it can't be started.
    pub(super) fn start(command: &[String], hidden: &[String]) -> Result<Tunnel> {
        let Some((program, arguments)) = command.split_first() else { return Err(Error::config("an empty tunnel")) };
        let what = format!("tunnel {program}");
        let (stdin, writes) = io::pipe().local("pipe")?;
        let (reads, stdout) = io::pipe().local("pipe")?;
        ioctl_fionbio(&reads, true).and_then(|()| ioctl_fionbio(&writes, true)).local("pipe")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(stdin).stdout(stdout);
        for name in hidden {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(|e| Error::config(format!("{what}: {}", words(&e))))?;
        Ok(Tunnel { pipes: Some((reads, writes)), child })
    }

    /// Waits for its end.
    fn ended(&mut self) -> bool {
        let until = Deadline::after(GRACE);
        loop {
            match self.child.try_wait() {
                Ok(None) if !until.passed() => std::thread::sleep(LOOK),
                Ok(None) => return false,
                // Its end was told, or there is nothing to be told of.
                _ => return true,
            }
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.close();
        if self.ended() {
            return;
        }
        let _ =
            rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::TERM);
        if !self.ended() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Stream for Tunnel {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.pipes.as_mut().map_or(Ok(0), |(reads, _)| reads.read(into))
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pipes.as_mut().map_or_else(|| Err(io::ErrorKind::BrokenPipe.into()), |(_, writes)| writes.write(bytes))
    }
    fn ready(&mut self, read: bool, write: bool, bells: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Ready> {
        match &self.pipes {
            Some((reads, writes)) => wait(read.then(|| reads.as_fd()), write.then(|| writes.as_fd()), bells, until),
            // The end is there to be read, and the error to be had.
            None => Ok(Ready { read, write, bell: None }),
        }
    }
    fn close(&mut self) {
        self.pipes = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Wire;

    fn wire(script: &str) -> Wire {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        Wire::over(Tunnel::start(&command, &["CARGO_MANIFEST_DIR".to_owned()]).unwrap(), "tunnel")
    }

    #[test]
    fn a_program_is_a_server() {
        let mut wire = wire("echo ready${CARGO_MANIFEST_DIR+!}; read x; echo \"got $x\"");
        assert_eq!(wire.line(100).unwrap(), b"ready");
        wire.put("hello\n").unwrap();
        assert_eq!(wire.line(100).unwrap(), b"got hello");
        assert_eq!(wire.line(100).unwrap_err().exit().code(), 75);
        let none = Tunnel::start(&["/no/such".to_owned()], &[]).map(drop).unwrap_err();
        assert_eq!((none.exit().code(), none.to_string().contains("/no/such: No such file")), (78, true));
    }

    #[test]
    fn it_ends_with_its_wire_whatever_it_does() {
        for script in
            ["echo $$; exec cat", "echo $$; exec sleep 1000", "trap '' TERM; echo $$; while :; do sleep 0.1; done"]
        {
            let mut wire = wire(script);
            let pid = String::from_utf8(wire.line(100).unwrap().to_vec()).unwrap();
            let process = std::path::PathBuf::from(format!("/proc/{pid}"));
            assert!(process.exists());
            drop(wire);
            // Gone, and not a zombie.
            assert!(!process.exists(), "{script}");
        }
    }
}
