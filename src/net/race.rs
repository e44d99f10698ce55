//! Happy eyeballs, RFC 8305: connections to several addresses are begun one after the other, a quarter of a second apart or
//! as soon as one fails, IPv6 and IPv4 in turn; the first that stands is taken and the others are closed.
//!
//! One thread, sockets that do not block, poll(2). Left out: asking for AAAA and A records apart (section 3), which
//! getaddrinfo(3) does not offer, and remembering what was fast (section 4).

use super::deadline::Deadline;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Between the beginnings of two attempts, RFC 8305 section 5.
const STAGGER: Duration = Duration::from_millis(250);
/// More addresses than this are not tried.
const MOST: usize = 64;

/// Why nobody answered.
#[derive(Debug)]
pub(super) struct Nobody {
    /// What each address that failed said, in order of failure.
    pub(super) failed: Vec<(SocketAddr, io::Error)>,
    /// Whether the deadline passed first.
    pub(super) late: bool,
}

struct Attempt {
    address: SocketAddr,
    socket: OwnedFd,
}

/// Connects to one of `addresses`, from `source` if that is given.
pub(super) fn race(addresses: &[SocketAddr], source: Option<IpAddr>, deadline: Deadline) -> Result<TcpStream, Nobody> {
    let order = interleaved(addresses);
    let mut waiting = order.iter().take(MOST).peekable();
    let mut under_way: Vec<Attempt> = Vec::new();
    let mut failed = Vec::new();
    let mut next_at = Deadline::after(Duration::ZERO);
    loop {
        while (under_way.is_empty() || next_at.passed())
            && !deadline.passed()
            && let Some(address) = waiting.next()
        {
            match begin(*address, source) {
                Ok(socket) => {
                    under_way.push(Attempt { address: *address, socket });
                    next_at = Deadline::after(STAGGER);
                }
                Err(e) => failed.push((*address, e)),
            }
        }
        if under_way.is_empty() {
            return Err(Nobody { failed, late: deadline.passed() });
        }
        let until = if waiting.peek().is_some() { deadline.or_earlier(next_at) } else { deadline };
        for n in ready(&under_way, until).map_err(|e| Nobody { failed: vec![(unknown(), e)], late: false })? {
            let attempt = under_way.remove(n);
            match stands(attempt.socket) {
                Ok(stream) => return Ok(stream),
                Err(e) => {
                    failed.push((attempt.address, e));
                    next_at = Deadline::after(Duration::ZERO);
                }
            }
        }
        if deadline.passed() {
            return Err(Nobody { failed, late: true });
        }
    }
}

fn unknown() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 0))
}

/// IPv6 and IPv4 in turn, beginning with the family of the first, RFC 8305 section 4.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (a, b): (Vec<SocketAddr>, Vec<SocketAddr>) = addresses.iter().partition(|address| address.is_ipv6() == first);
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    let mut order = Vec::with_capacity(addresses.len());
    loop {
        let before = order.len();
        order.extend(a.next());
        order.extend(b.next());
        if order.len() == before {
            return order;
        }
    }
}

/// Begins to connect.
fn begin(address: SocketAddr, source: Option<IpAddr>) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if let Some(source) = source {
        bind(&socket, &SocketAddr::new(source, 0))?;
    }
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(e) => Err(e.into()),
    }
}

/// The attempts that have ended one way or the other, the last first.
fn ready(attempts: &[Attempt], until: Deadline) -> io::Result<Vec<usize>> {
    loop {
        let mut fds: Vec<PollFd<'_>> =
            attempts.iter().map(|attempt| PollFd::new(&attempt.socket, PollFlags::OUT)).collect();
        let timeout = until.left().and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) if !until.passed() => {}
            Err(Errno::INTR) => {}
            Ok(_) => {
                let ended = fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty()).map(|(n, _)| n);
                return Ok(ended.rev().collect());
            }
            Err(e) => return Err(e.into()),
        }
    }
}

/// Whether the connection stands.
fn stands(socket: OwnedFd) -> io::Result<TcpStream> {
    sockopt::socket_error(&socket)??;
    let stream = TcpStream::from(socket);
    // A port of our own that nobody listens on may be given to this very socket, which then talks to itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(Errno::CONNREFUSED.into());
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Instant;

    fn listener(address: &str) -> Option<TcpListener> {
        TcpListener::bind((address, 0)).ok()
    }

    /// A port of which nobody answers.
    fn refused() -> SocketAddr {
        listener("127.0.0.1").unwrap().local_addr().unwrap()
    }

    /// An address that swallows what it is sent: the queue of its listener is full. What must live as long as it.
    fn black_hole() -> (SocketAddr, Vec<OwnedFd>) {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let address: SocketAddr = rustix::net::getsockname(&socket).unwrap().try_into().unwrap();
        let mut held = vec![socket];
        for _ in 0..20 {
            let begun = Attempt { address, socket: begin(address, None).unwrap() };
            let full =
                ready(std::slice::from_ref(&begun), Deadline::after(Duration::from_millis(300))).unwrap().is_empty();
            held.push(begun.socket);
            if full {
                return (address, held);
            }
        }
        panic!("the queue has no end");
    }

    fn within(seconds: u64) -> Deadline {
        Deadline::after(Duration::from_secs(seconds))
    }

    #[test]
    fn families_in_turn() {
        let addresses = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let (six, four) = (["[::1]:1", "[::2]:1", "[::3]:1"], ["1.1.1.1:1", "2.2.2.2:1"]);
        assert_eq!(
            interleaved(&addresses(&[six.as_slice(), &four].concat())),
            addresses(&[six[0], four[0], six[1], four[1], six[2]])
        );
        assert_eq!(
            interleaved(&addresses(&[four.as_slice(), &six[..1]].concat())),
            addresses(&[four[0], six[0], four[1]])
        );
        assert_eq!(interleaved(&[]), []);
    }

    #[test]
    fn a_refused_address_is_no_end() {
        let good = listener("127.0.0.1").unwrap();
        let address = good.local_addr().unwrap();
        let stream = race(&[refused(), refused(), address], None, within(10)).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        let nobody = race(&[refused(), refused()], None, within(10)).unwrap_err();
        assert!(!nobody.late && nobody.failed.len() == 2);
        assert!(nobody.failed.iter().all(|(_, e)| e.kind() == io::ErrorKind::ConnectionRefused), "{nobody:?}");
        assert!(race(&[], None, within(10)).unwrap_err().failed.is_empty());
    }

    #[test]
    fn nobody_waits_for_a_black_hole() {
        let (hole, _held) = black_hole();
        let good = listener("127.0.0.1").unwrap();
        let address = good.local_addr().unwrap();
        let stream = race(&[hole, hole, address], None, within(20)).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        if let Some(six) = listener("::1") {
            let address = six.local_addr().unwrap();
            let stream = race(&[hole, address], None, within(20)).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
        }
        let began = Instant::now();
        let nobody = race(&[hole, refused(), hole], None, Deadline::after(Duration::from_millis(600))).unwrap_err();
        assert!(nobody.late && nobody.failed.len() == 1 && began.elapsed() >= Duration::from_millis(600));
        assert!(race(&[hole], None, Deadline::after(Duration::ZERO)).unwrap_err().late);
    }

    #[test]
    fn the_others_are_closed() {
        let (a, b) = (listener("127.0.0.1").unwrap(), listener("127.0.0.1").unwrap());
        let stream = race(&[a.local_addr().unwrap(), b.local_addr().unwrap()], None, within(10)).unwrap();
        let won = if stream.peer_addr().unwrap() == a.local_addr().unwrap() { &a } else { &b };
        let (mut other, _) = won.accept().unwrap();
        drop(stream);
        assert_eq!(io::Read::read(&mut other, &mut [0]).unwrap(), 0);
    }

    #[test]
    fn from_an_address() {
        let good = listener("127.0.0.1").unwrap();
        let source = "127.0.0.7".parse().unwrap();
        let stream = race(&[good.local_addr().unwrap()], Some(source), within(10)).unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), source);
        // Not one of ours.
        let nobody = race(&[good.local_addr().unwrap()], Some("192.0.2.1".parse().unwrap()), within(10)).unwrap_err();
        assert_eq!(nobody.failed.first().unwrap().1.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
