//! The accept loop: a thread for each connection, bounds on how many there are, in all and from each address, an end that lets
//! sessions finish.

use super::login::network;
use super::smtp::Protocol;
use super::{World, imap, pop3, smtp};
use crate::error::{Error, Local, Result, words};
use crate::net::endpoint::Service;
use crate::net::stream::{Connected, Socket};
use crate::net::trace::TraceTo;
use crate::net::{Deadline, Wire};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt::socket_peercred;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sessions that are running when the end comes may take this long for the command at hand.
const FINISH: Duration = Duration::from_secs(8);
/// A session's stack: MIME and searches recurse, with bounds; only what is touched is memory.
const STACK: usize = 1 << 20;
/// How many connections one port gives before the next port is looked at.
const AT_ONCE: usize = 64;

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// To a port, from this address.
    Address(IpAddr),
    /// To a Unix socket, as this user.
    Uid(u32),
}

/// Where connections come from.
pub enum Door {
    /// A port.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

impl Door {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Door::Tcp(socket) => socket.as_fd(),
            Door::Unix(socket) => socket.as_fd(),
        }
    }

    /// The next one that waits; `None`: it has left already.
    fn accept(&self) -> io::Result<Option<(Wire, Peer)>> {
        let (made, from) = match self {
            Door::Tcp(socket) => {
                let (stream, peer) = socket.accept()?;
                let address = peer.ip().to_canonical();
                // As a literal of RFC 5321 4.1.3.
                let name = if address.is_ipv6() { format!("[IPv6:{address}]") } else { format!("[{address}]") };
                (wire(stream, name), Peer::Address(address))
            }
            Door::Unix(socket) => {
                let stream = socket.accept()?.0;
                // Of the process that has connected, whoever writes by now.
                let Ok(peer) = socket_peercred(&stream) else { return Ok(None) };
                let uid = peer.uid.as_raw();
                (wire(stream, format!("local, uid {uid}")), Peer::Uid(uid))
            }
        };
        let Ok(mut wire) = made else { return Ok(None) };
        if let Peer::Address(address) = from {
            wire.comes_from(address);
        }
        Ok(Some((wire, from)))
    }
}

fn wire(stream: impl Connected + 'static, peer: String) -> Result<Wire> {
    let socket = Socket::new(stream).map_err(|e| Error::io(words(&e)))?;
    Ok(Wire::over(socket, peer).as_server())
}

/// A door, and what is spoken behind it.
pub struct Listener {
    /// Its socket.
    pub door: Door,
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
    pub world: &'s dyn Fn(Peer) -> Box<dyn World>,
    /// Readable when it is time to end.
    pub stop: Arc<OwnedFd>,
    /// How many sessions there may be at once.
    pub sessions: usize,
    /// How many of them from one address (of IPv6, from one /64), or of one user.
    pub per_address: usize,
    /// Where the dialogues are written.
    pub trace: Option<TraceTo>,
}

impl Server<'_> {
    /// Serves until `stop`, then lets the running sessions finish.
    ///
    /// # Errors
    /// 74: the listening sockets fail.
    pub fn run(mut self) -> Result<()> {
        let running = Arc::new(Running::default());
        let listeners = std::mem::take(&mut self.listeners);
        for listener in &listeners {
            match &listener.door {
                Door::Tcp(socket) => socket.set_nonblocking(true),
                Door::Unix(socket) => socket.set_nonblocking(true),
            }
            .local("listening socket")?;
        }
        loop {
            let mut fds: Vec<PollFd<'_>> =
                listeners.iter().map(|l| PollFd::from_borrowed_fd(l.door.fd(), PollFlags::IN)).collect();
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
            for (listener, _) in listeners.iter().zip(ready).filter(|(_, ready)| *ready) {
                for _ in 0..AT_ONCE {
                    match listener.door.accept() {
                        Ok(Some((wire, from))) => self.session(wire, from, listener, &running),
                        Ok(None) => {}
                        Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                        // Out of descriptors: those that are there end some time.
                        Err(_) => {
                            std::thread::sleep(Duration::from_millis(50));
                            break;
                        }
                    }
                }
            }
        }
        // From here on nobody is kept waiting for an answer that does not come.
        drop(listeners);
        let until = Deadline::after(FINISH);
        while running.all() > 0 && !until.passed() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn session(&self, mut wire: Wire, from: Peer, at: &Listener, running: &Arc<Running>) {
        let (service, implicit) = (at.service, at.implicit_tls);
        let Some(one) = running.one_more(from, self.sessions, self.per_address) else {
            // Words in clear are nothing to those who wait for a handshake.
            let busy = match service {
                _ if implicit => "",
                Service::Smtp | Service::Lmtp => "421 4.3.2 too many connections\r\n",
                Service::Pop3 => "-ERR [SYS/TEMP] too many connections\r\n",
                Service::Imap => "* BYE [UNAVAILABLE] too many connections\r\n",
            };
            wire.until(Deadline::after(Duration::ZERO));
            let _ = wire.put(busy).and_then(|()| wire.flush());
            return;
        };
        wire.stops_on(self.stop.clone());
        if let Some(trace) = &self.trace {
            wire.trace(trace.clone());
        }
        let mut world = (self.world)(from);
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
                Service::Smtp => smtp::serve(&mut wire, world.as_mut(), Protocol::Smtp),
                Service::Lmtp => smtp::serve(&mut wire, world.as_mut(), Protocol::Lmtp),
                Service::Pop3 => pop3::serve(&mut wire, world.as_mut()),
                Service::Imap => imap::serve(&mut wire, world.as_mut()),
            };
            wire.linger();
        });
    }
}

/// How many sessions there are.
#[derive(Default)]
struct Running(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    all: usize,
    from: HashMap<Peer, usize>,
}

impl Running {
    fn all(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// `None`: there are too many.
    fn one_more(self: &Arc<Running>, from: Peer, most: usize, per_address: usize) -> Option<One> {
        let from = match from {
            Peer::Address(address) => Peer::Address(network(address)),
            uid => uid,
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = counts.from.get(&from).copied().unwrap_or(0);
        if counts.all >= most || here >= per_address {
            return None;
        }
        counts.all += 1;
        counts.from.insert(from, here + 1);
        Some(One { running: Arc::clone(self), from })
    }
}

/// Counts a session for as long as it lives, also when it panics.
struct One {
    running: Arc<Running>,
    from: Peer,
}

impl Drop for One {
    fn drop(&mut self) {
        let mut counts = self.running.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        let from = self.from;
        let left = counts.from.get(&from).map_or(0, |n| n.saturating_sub(1));
        if left == 0 {
            counts.from.remove(&from);
        } else {
            counts.from.insert(from, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_counted_in_all_and_by_address() {
        let running = Arc::new(Running::default());
        let peer = |from: &str| from.parse().map_or(Peer::Uid(0), Peer::Address);
        let one = |from: &str| running.one_more(peer(from), 4, 2);
        let (a, b) = (one("192.0.2.1").unwrap(), one("::ffff:192.0.2.1").unwrap());
        assert!(one("192.0.2.1").is_none());
        let c = one("2001:db8::1").unwrap();
        drop(a);
        let (d, e) = (one("192.0.2.1").unwrap(), one("").unwrap());
        assert!(one("198.51.100.1").is_none() && one("").is_none());
        drop((b, c, d, e));
        let counts = running.0.lock().unwrap();
        assert!(counts.all == 0 && counts.from.is_empty());
    }
}
