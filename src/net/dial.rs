//! Connecting: to an address of a host, straight or through a proxy, to a Unix socket, to a program; all under one deadline.

use super::deadline::Deadline;
use super::endpoint::{Endpoint, Place};
use super::proxy::Proxy;
use super::race::{Nobody, race};
use super::resolve::{self, Family};
use super::stream::{Socket, wait};
use super::tunnel::Tunnel;
use super::wire::Wire;
use crate::error::{Error, Exit, Local, Result, words};
use crate::secret::Secret;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long connecting may take over all addresses, pipepost(7), "Limits and deadlines".
pub const CONNECT: Duration = Duration::from_secs(30);
/// How often a Unix socket whose queue is full is asked again.
const AGAIN: Duration = Duration::from_millis(20);
/// As many failures are told.
const TOLD: usize = 4;

/// The way to a host.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// Which of its addresses.
    pub family: Family,
    /// The address that we connect from.
    pub source: Option<IpAddr>,
    /// What lies between.
    pub through: Through,
}

/// What lies between us and a host.
#[derive(Clone, Debug, Default)]
pub enum Through {
    /// Nothing.
    #[default]
    Nothing,
    /// A proxy, and the password of the user that it names.
    Proxy(Proxy, Option<Secret>),
    /// A program, and environment variables that it does not get.
    Tunnel(Vec<String>, Vec<String>),
}

impl Route {
    /// The host whose name is resolved here, if any is: its own, or the proxy's.
    fn resolved<'r>(&'r self, place: &'r Place) -> Option<(&'r str, u16)> {
        match (place, &self.through) {
            (Place::Host(..), Through::Proxy(proxy, _)) => Some((&proxy.host, proxy.port)),
            (Place::Host(host, port), Through::Nothing) => Some((host, *port)),
            _ => None,
        }
    }

    /// The name that has to be resolved, if there is one.
    #[must_use]
    pub fn name<'r>(&'r self, at: &'r Endpoint) -> Option<&'r str> {
        self.resolved(&at.place).map(|(host, _)| host).filter(|host| host.parse::<IpAddr>().is_err())
    }

    /// The addresses to connect to, which are the proxy's if there is one; none where no name is involved.
    ///
    /// # Errors
    /// 68: there is no such name, or no address of that family; 75: the resolver fails.
    pub fn addresses(&self, at: &Endpoint, deadline: Deadline) -> Result<Vec<SocketAddr>> {
        self.addresses_of(&at.place, deadline)
    }

    fn addresses_of(&self, place: &Place, deadline: Deadline) -> Result<Vec<SocketAddr>> {
        let Some((host, port)) = self.resolved(place) else { return Ok(Vec::new()) };
        let found = resolve::addresses(host, port, self.family, deadline)?;
        let Some(source) = self.source else { return Ok(found) };
        let family = Family::of(source);
        let fits: Vec<SocketAddr> = found.into_iter().filter(|address| family.has(address.ip())).collect();
        if fits.is_empty() {
            return Err(Error::new(Exit::NoHost, format!("{host}: no address that {source} can connect to")));
        }
        Ok(fits)
    }

    /// Connects to `at`, of which [`Route::addresses`] told the addresses.
    ///
    /// # Errors
    /// 75: nobody answers, or not in time; those of a proxy: 68, 69, 75, 76, 77; 78: a tunnel can't be started; 70 for `local:`,
    /// which is not the network's.
    pub fn connect(&self, at: &Endpoint, addresses: &[SocketAddr], deadline: Deadline) -> Result<Wire> {
        self.connect_to(&at.place, addresses, deadline)
    }

    /// Connects to a host, for what is no service of mail; at one of `known`, or of the addresses that its name has.
    ///
    /// # Errors
    /// As [`Route::addresses`] and [`Route::connect`].
    pub(super) fn to_host(
        &self,
        host: &str,
        port: u16,
        known: Option<&[SocketAddr]>,
        deadline: Deadline,
    ) -> Result<Wire> {
        let at = Place::Host(host.to_owned(), port);
        let found = known.map_or_else(|| self.addresses_of(&at, deadline), |known| Ok(known.to_vec()))?;
        self.connect_to(&at, &found, deadline)
    }

    fn connect_to(&self, at: &Place, addresses: &[SocketAddr], deadline: Deadline) -> Result<Wire> {
        match (at, &self.through) {
            (Place::Local(_), _) => Err(Error::internal("local: does not go over the network")),
            (Place::Unix(path), _) => {
                let socket = unix(path, deadline)?;
                let mut wire = Wire::over(Socket::new(socket).local(path)?, path);
                wire.knows_us();
                Ok(wire)
            }
            (Place::Host(..) | Place::Tunnel, Through::Tunnel(command, hidden)) => {
                let mut wire = Wire::over(Tunnel::start(command, hidden)?, at.to_string());
                wire.knows_us();
                wire.goes_through(format!("tunnel {}", command.first().map_or("", String::as_str)));
                Ok(wire)
            }
            (Place::Direct, _) => Err(Error::internal("many servers, of which one must be chosen")),
            (Place::Tunnel, _) => Err(Error::internal("a tunnel without a program")),
            (Place::Host(host, port), Through::Proxy(proxy, password)) => {
                let whole = |e: Error| e.at(format!("{at} through {proxy}"));
                let stream = self.tcp(addresses, deadline).map_err(whole)?;
                let mut wire = Wire::over(Socket::new(stream).local("socket")?, at.to_string());
                wire.until(deadline);
                proxy.ask(&mut wire, host, *port, password.as_ref()).map_err(|e| {
                    if e.to_string().starts_with(wire.peer()) { e.at(format!("through {proxy}")) } else { whole(e) }
                })?;
                wire.until(Deadline::NEVER);
                wire.goes_through(proxy.to_string());
                Ok(wire)
            }
            (Place::Host(..), Through::Nothing) => {
                let stream = self.tcp(addresses, deadline).map_err(|e| e.at(at))?;
                let ends = (stream.local_addr(), stream.peer_addr());
                let mut wire = Wire::over(Socket::new(stream).local("socket")?, at.to_string());
                if let (Ok(ours), Ok(theirs)) = ends {
                    wire.comes_from(ours.ip());
                    wire.leads_to(theirs.ip());
                }
                Ok(wire)
            }
        }
    }

    fn tcp(&self, addresses: &[SocketAddr], deadline: Deadline) -> Result<TcpStream> {
        race(addresses, self.source, deadline).map_err(|nobody| nobody_answers(&nobody))
    }
}

fn nobody_answers(nobody: &Nobody) -> Error {
    let told: Vec<String> = match nobody.failed.as_slice() {
        [(_, only)] if !nobody.late => vec![words(only)],
        many => many.iter().take(TOLD).map(|(address, e)| format!("{}: {}", address.ip(), words(e))).collect(),
    };
    let mut text = if nobody.late { vec!["no connection in time".to_owned()] } else { Vec::new() };
    text.extend(told);
    if nobody.failed.len() > TOLD {
        text.push("...".to_owned());
    }
    let ours = nobody.failed.iter().any(|(_, e)| e.kind() == std::io::ErrorKind::AddrNotAvailable);
    let e = Error::temporary(text.join("; "));
    if ours { e.advise("is the source address one of this machine's?") } else { e }
}

fn unix(path: &str, deadline: Deadline) -> Result<UnixStream> {
    let address =
        SocketAddrUnix::new(path).map_err(|_| Error::usage(format!("{path}: too long for a socket's path")))?;
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)
            .local("socket")?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => return Ok(socket.into()),
            // Its queue is full, and it can't be polled for room.
            Err(Errno::AGAIN) if !deadline.passed() => {
                wait(None, None, &[], Deadline::after(AGAIN).or_earlier(deadline)).local("poll")?;
            }
            Err(Errno::AGAIN) => return Err(Error::temporary(format!("{path}: no connection in time"))),
            Err(Errno::INTR) => {}
            Err(e) => return Err(Error::temporary(format!("{path}: {}", words(&e.into())))),
        }
    }
}
