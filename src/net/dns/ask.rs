//! One question to one server: by UDP, and by TCP where the answer does not fit (RFC 7766).

use super::super::deadline::Deadline;
use super::message;
use crate::error::{Error, Result, words};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// The largest message.
const LARGEST: usize = 65535;
/// A flood of answers that are none ends.
const STRANGE: usize = 100;

/// The bytes of the answer, whose id and question are those of `query`.
pub(super) fn ask(server: SocketAddr, query: &[u8], until: Deadline) -> Result<Vec<u8>> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            Error::temporary(format!("{server} does not answer in time"))
        }
        _ => Error::temporary(format!("{server}: {}", words(&e))),
    };
    let reply = by_udp(server, query, until).map_err(failed)?;
    if message::is_truncated(&reply) { by_tcp(server, query, until).map_err(failed) } else { Ok(reply) }
}

/// What is left, at least a moment: a time-out of zero would be none at all.
fn left(until: Deadline) -> io::Result<Option<Duration>> {
    match until.left() {
        Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

fn by_udp(server: SocketAddr, query: &[u8], until: Deadline) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // The system gives a port that nobody can know, and takes datagrams of that server alone.
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.send(query)?;
    let mut buffer = vec![0; LARGEST];
    for _ in 0..STRANGE {
        socket.set_read_timeout(left(until)?)?;
        let length = match socket.recv(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            length => length?,
        };
        let reply = buffer.get(..length).unwrap_or_default();
        // Anything else is somebody's guess, and the true answer may still come.
        if message::answers(reply, query) {
            return Ok(reply.to_vec());
        }
    }
    Err(io::Error::other("too many answers to other questions"))
}

fn by_tcp(server: SocketAddr, query: &[u8], until: Deadline) -> io::Result<Vec<u8>> {
    let mut stream = match left(until)? {
        Some(left) => TcpStream::connect_timeout(&server, left)?,
        None => TcpStream::connect(server)?,
    };
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.set_write_timeout(left(until)?)?;
    stream.write_all(&[&length.to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    exact(&mut stream, &mut length, until)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    exact(&mut stream, &mut reply, until)?;
    if message::answers(&reply, query) { Ok(reply) } else { Err(io::Error::other("an answer to another question")) }
}

/// Fills the buffer before the deadline, however slowly it comes.
fn exact(stream: &mut TcpStream, mut buffer: &mut [u8], until: Deadline) -> io::Result<()> {
    while !buffer.is_empty() {
        stream.set_read_timeout(left(until)?)?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => buffer = buffer.get_mut(n..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
