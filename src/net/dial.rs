//! Connecting: all addresses of a host under one deadline. (Proxies and happy eyeballs are the next rooms.)

use super::deadline::Deadline;
use super::endpoint::{Endpoint, Place};
use super::stream::Socket;
use super::wire::Wire;
use crate::error::{Error, Result, words};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long connecting may take over all addresses, pipepost(7), "Limits and deadlines".
pub const CONNECT: Duration = Duration::from_secs(30);

/// Connects to a host or a Unix socket.
///
/// # Errors
/// 68: the name does not exist; 75: nobody answers; 70 for `local:`, which is not the network's.
pub fn connect(at: &Endpoint, deadline: Deadline) -> Result<Wire> {
    let deadline = deadline.or_earlier(Deadline::after(CONNECT));
    match &at.place {
        Place::Local(_) => Err(Error::internal("local: does not go over the network")),
        Place::Unix(path) => {
            let socket = UnixStream::connect(path).map_err(|e| Error::temporary(format!("{path}: {}", words(&e))))?;
            Ok(Wire::over(Socket::new(socket).map_err(|e| Error::io(words(&e)))?, path))
        }
        Place::Host(host, port) => {
            let addresses = addresses(host, *port)?;
            let mut last = Error::new(crate::error::Exit::NoHost, format!("{host}: no address"));
            for address in addresses {
                let left = deadline.left().unwrap_or(CONNECT);
                if left.is_zero() {
                    return Err(Error::temporary(format!("{at}: no connection in time")));
                }
                match TcpStream::connect_timeout(&address, left) {
                    Ok(socket) => {
                        let ours = socket.local_addr();
                        let mut wire =
                            Wire::over(Socket::new(socket).map_err(|e| Error::io(words(&e)))?, at.to_string());
                        if let Ok(ours) = ours {
                            wire.comes_from(ours.ip());
                        }
                        return Ok(wire);
                    }
                    Err(e) => last = Error::temporary(format!("{at}: {}", words(&e))),
                }
            }
            Err(last)
        }
    }
}

/// The addresses of a host, in the resolver's order.
///
/// # Errors
/// 68: the name does not exist; 75: the resolver fails.
pub fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs().map_err(|e| unresolved(host, &e))?.collect())
}

/// The resolver's failures: only "there is no such name" is for good. `std` hides getaddrinfo's code, its words remain.
fn unresolved(host: &str, e: &std::io::Error) -> Error {
    let text = words(e);
    let said = text.rsplit_once(": ").map_or(text.as_str(), |(_, said)| said);
    if said.contains("not known") || said.contains("No address associated") {
        Error::new(crate::error::Exit::NoHost, format!("{host}: {said}"))
    } else {
        Error::temporary(format!("{host}: {said}"))
    }
}
