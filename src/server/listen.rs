//! The accept loop: a thread for each connection, a bound on how many there are, an end that lets sessions finish.

use super::{World, imap, pop3, smtp};
use crate::error::{Error, Local, Result, words};
use crate::net::endpoint::Service;
use crate::net::stream::Socket;
use crate::net::trace::TraceTo;
use crate::net::{Deadline, Wire};
use rustix::event::{PollFd, PollFlags, poll};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Sessions that are running when the end comes may take this long for the command at hand.
const FINISH: Duration = Duration::from_secs(8);
/// A session's stack: MIME and searches recurse, with bounds; only what is touched is memory.
const STACK: usize = 1 << 20;

/// A port.
pub struct Listener {
    /// Its socket.
    pub socket: TcpListener,
    /// What is spoken there.
    pub service: Service,
    /// Whether that is under TLS from the first byte.
    pub implicit_tls: bool,
}

/// What a server needs.
pub struct Server<'s> {
    /// Where to listen.
    pub listeners: Vec<Listener>,
    /// A world for each session.
    pub world: &'s dyn Fn() -> Box<dyn World>,
    /// Readable when it is time to end.
    pub stop: Arc<OwnedFd>,
    /// How many sessions there may be at once.
    pub sessions: usize,
    /// Where the dialogues are written.
    pub trace: Option<TraceTo>,
}

impl Server<'_> {
    /// Serves until `stop`, then lets the running sessions finish.
    ///
    /// # Errors
    /// 74: the listening sockets fail.
    pub fn run(&self) -> Result<()> {
        let running = Arc::new(AtomicUsize::new(0));
        for listener in &self.listeners {
            listener.socket.set_nonblocking(true).local("listening socket")?;
        }
        loop {
            let mut fds: Vec<PollFd<'_>> =
                self.listeners.iter().map(|l| PollFd::new(&l.socket, PollFlags::IN)).collect();
            fds.push(PollFd::new(&self.stop, PollFlags::IN));
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return Err(e).local("poll"),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            if ready.last() == Some(&true) {
                break;
            }
            for (listener, _) in self.listeners.iter().zip(ready).filter(|(_, ready)| *ready) {
                match listener.socket.accept() {
                    Ok((socket, _)) => self.session(socket, listener, &running),
                    // Out of descriptors: those that are there end some time.
                    Err(e) if e.kind() != std::io::ErrorKind::WouldBlock => {
                        std::thread::sleep(Duration::from_millis(50))
                    }
                    Err(_) => {}
                }
            }
        }
        let until = Deadline::after(FINISH);
        while running.load(Ordering::Acquire) > 0 && !until.passed() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn session(&self, socket: TcpStream, at: &Listener, running: &Arc<AtomicUsize>) {
        let (service, implicit) = (at.service, at.implicit_tls);
        let busy = match service {
            // Words in clear are nothing to those who wait for a handshake.
            _ if implicit => "",
            Service::Smtp | Service::Lmtp => "421 4.3.2 too many connections\r\n",
            Service::Pop3 => "-ERR [SYS/TEMP] too many connections\r\n",
            Service::Imap => "* BYE [UNAVAILABLE] too many connections\r\n",
        };
        let Ok(mut wire) = wire(socket) else { return };
        let before = running.fetch_add(1, Ordering::AcqRel);
        let one = One(running.clone());
        if before >= self.sessions {
            let _ = wire.put(busy).and_then(|()| wire.flush());
            return;
        }
        wire.stops_on(self.stop.clone());
        if let Some(trace) = &self.trace {
            wire.trace(trace.clone());
        }
        let mut world = (self.world)();
        // Should no thread be had, the connection is closed by what is dropped.
        let _ = std::thread::Builder::new().name(service.word().into()).stack_size(STACK).spawn(move || {
            let _one = one;
            if implicit {
                let identity = world.identity().cloned();
                if identity.is_none_or(|identity| wire.accept_tls(&identity).is_err()) {
                    return;
                }
            }
            // How a session ends is its client's affair.
            let _ = match service {
                Service::Smtp | Service::Lmtp => smtp::serve(&mut wire, world.as_mut()),
                Service::Pop3 => pop3::serve(&mut wire, world.as_mut()),
                Service::Imap => imap::serve(&mut wire, world.as_mut()),
            };
        });
    }
}

fn wire(socket: TcpStream) -> Result<Wire> {
    let peer = socket.peer_addr().map_or_else(|_| "[unknown]".to_owned(), |a| format!("[{}]", a.ip()));
    let socket = Socket::new(socket).map_err(|e| Error::io(words(&e)))?;
    Ok(Wire::over(socket, peer).as_server())
}

/// Counts a session for as long as it lives, also when it panics.
struct One(Arc<AtomicUsize>);

impl Drop for One {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
