//! Names to addresses under a deadline. The system's resolver knows none, so it runs on a thread that is left behind.

use super::deadline::Deadline;
use crate::error::{Error, Exit, Result, words};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, channel};

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// All.
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// Whether the address belongs to it.
    #[must_use]
    pub fn has(self, address: IpAddr) -> bool {
        self == Family::Any || self == Family::of(address)
    }

    fn word(self) -> &'static str {
        match self {
            Family::Any => "",
            Family::V4 => " IPv4",
            Family::V6 => " IPv6",
        }
    }
}

/// The addresses of a host, in the resolver's order.
///
/// # Errors
/// 68: the name does not exist, or has no address of that family; 75: the resolver fails, or is late.
pub fn addresses(host: &str, port: u16, family: Family, deadline: Deadline) -> Result<Vec<SocketAddr>> {
    let found = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => resolved(host, deadline, move |host| Ok((host, port).to_socket_addrs()?.collect()))?,
    };
    let wanted: Vec<SocketAddr> = found.into_iter().filter(|address| family.has(address.ip())).collect();
    if wanted.is_empty() {
        return Err(Error::new(Exit::NoHost, format!("{host}: no{} address", family.word())));
    }
    Ok(wanted)
}

/// What `resolver` finds, if it does so in time.
fn resolved(
    host: &str,
    deadline: Deadline,
    resolver: impl FnOnce(&str) -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> Result<Vec<SocketAddr>> {
    let (tell, told) = channel();
    let name = host.to_owned();
    std::thread::Builder::new()
        .name("resolver".to_owned())
        // Nobody may listen any more.
        .spawn(move || drop(tell.send(resolver(&name))))
        .map_err(|e| Error::io(format!("no thread: {}", words(&e))))?;
    let answer = match deadline.left() {
        Some(left) => told.recv_timeout(left),
        None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    match answer {
        Ok(found) => found.map_err(|e| unresolved(host, &e)),
        Err(RecvTimeoutError::Timeout) => Err(Error::temporary(format!("{host}: the resolver did not answer in time"))),
        Err(RecvTimeoutError::Disconnected) => Err(Error::temporary(format!("{host}: the resolver failed"))),
    }
}

/// The resolver's failures: only "there is no such name" is for good. `std` hides getaddrinfo's code, its words remain.
fn unresolved(host: &str, e: &io::Error) -> Error {
    let text = words(e);
    let said = text.rsplit_once(": ").map_or(text.as_str(), |(_, said)| said);
    if said.contains("not known") || said.contains("No address associated") {
        Error::new(Exit::NoHost, format!("{host}: {said}"))
    } else {
        Error::temporary(format!("{host}: {said}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn addresses_need_no_resolver_and_families_are_kept() {
        let at = |host: &str, family| addresses(host, 25, family, Deadline::after(Duration::ZERO));
        assert_eq!(at("127.0.0.1", Family::Any).unwrap(), ["127.0.0.1:25".parse().unwrap()]);
        assert_eq!(at("::1", Family::V6).unwrap(), ["[::1]:25".parse().unwrap()]);
        let e = at("127.0.0.1", Family::V6).unwrap_err();
        assert_eq!((e.exit(), e.to_string().as_str()), (Exit::NoHost, "127.0.0.1: no IPv6 address"));
        let found = addresses("localhost", 25, Family::V4, Deadline::NEVER).unwrap();
        assert!(found.iter().all(|address| address.is_ipv4()) && !found.is_empty());
    }

    #[test]
    fn a_resolver_that_is_late_or_fails() {
        let (hold, held) = channel::<()>();
        let e = resolved("slow", Deadline::after(Duration::from_millis(20)), move |_| {
            let _ = held.recv();
            Ok(Vec::new())
        });
        assert_eq!(e.unwrap_err().exit(), Exit::TempFail);
        drop(hold);
        for (said, exit) in [
            ("failed to lookup address information: Name or service not known", Exit::NoHost),
            ("failed to lookup address information: Temporary failure in name resolution", Exit::TempFail),
        ] {
            let e = resolved("x", Deadline::NEVER, move |_| Err(io::Error::other(said))).unwrap_err();
            assert_eq!((e.exit(), e.to_string().starts_with("x: ")), (exit, true), "{e}");
        }
    }
}
