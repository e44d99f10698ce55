//! A tunnel: the server, or the way to it, is a program that we start, and talk to over its stdin and stdout.

use super::deadline::Deadline;
use super::stream::{Ready, Socket, Stream};
use crate::error::{Error, Local, Result, words};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a program whose line is closed may take to end by itself, and then to obey SIGTERM.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// Its line. Dropping it ends the program.
pub(super) struct Tunnel {
    socket: Socket<UnixStream>,
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
        let (ours, theirs) = UnixStream::pair().local("socketpair")?;
        let socket = Socket::new(ours).local("socketpair")?;
        let (stdin, stdout) = (theirs.try_clone().local("socketpair")?, theirs);
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::from(OwnedFd::from(stdin))).stdout(Stdio::from(OwnedFd::from(stdout)));
        for name in hidden {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(|e| Error::config(format!("{what}: {}", words(&e))))?;
        Ok(Tunnel { socket, child })
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
        self.socket.close();
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
        self.socket.read(into)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }
    fn ready(&mut self, read: bool, write: bool, bells: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Ready> {
        self.socket.ready(read, write, bells, until)
    }
    fn close(&mut self) {
        self.socket.close();
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
