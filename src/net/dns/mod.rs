//! Questions to the DNS that getaddrinfo(3) has no words for: MX, TLSA and TXT, addresses with their proof, and what is missing told
//! apart from what failed (RFC 1035, 2308, 6891).
//!
//! The messages are made and read by the crate `domain`, which is named here alone. They are carried here too: its resolver has no
//! way to ask for the AD bit. A stub: it asks recursive resolvers and believes what they say; that an answer is
//! *secure* (RFC 4035 3.2.3) it believes only of a resolver on this machine, or of one that somebody has called validating.
//! Left out: validation, search lists (names of mail domains are whole), a cache (resolvers have one).

mod ask;
mod conf;
mod message;

pub use message::{Answer, Kind, Record};

use super::deadline::Deadline;
use crate::error::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A resolver's port.
pub const PORT: u16 = 53;
/// How long each server is waited for, if resolv.conf(5) says nothing.
const WAIT: Duration = Duration::from_secs(5);
/// How often all servers are asked.
const ROUNDS: u32 = 2;

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    /// Somebody said that they validate, and that the way to them can be trusted.
    validates: bool,
    wait: Duration,
    rounds: u32,
}

impl Resolver {
    /// The system's, of /etc/resolv.conf; without that file one on this machine.
    #[must_use]
    pub fn system() -> Resolver {
        conf::read(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
    }

    /// One by its address.
    #[must_use]
    pub fn at(server: SocketAddr) -> Resolver {
        Resolver { servers: vec![server], validates: false, wait: WAIT, rounds: ROUNDS }
    }

    /// Says that it validates what it answers (DNSSEC), and that nobody can forge its answers on their way here.
    #[must_use]
    pub fn validating(mut self) -> Resolver {
        self.validates = true;
        self
    }

    /// Waits no longer than that for each answer.
    #[must_use]
    pub fn waiting(mut self, wait: Duration) -> Resolver {
        self.wait = wait;
        self
    }

    /// Its servers.
    #[must_use]
    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// Whether the AD bit of a server's answer says anything.
    fn is_trusted(&self, server: SocketAddr) -> bool {
        self.validates || server.ip().is_loopback()
    }

    /// Whether answers of any of its servers may be secure.
    #[must_use]
    pub fn may_be_secure(&self) -> bool {
        self.servers.iter().any(|server| self.is_trusted(*server))
    }

    /// Asks for the records of `name`, which is whole, with or without a dot at its end.
    ///
    /// # Errors
    /// 65: it is no name that the DNS has; 75: nobody answers, or not in time, or that something has failed.
    pub fn look_up(&self, name: &str, kind: Kind, until: Deadline) -> Result<Answer> {
        let what = |e: Error| e.at(format!("DNS: {kind} of {name}"));
        let mut last = Error::temporary("no resolver is known");
        for round in 0..self.rounds {
            for server in &self.servers {
                let query = message::query(name, kind)?;
                let waited = self.wait.saturating_mul(1 << round.min(4));
                match ask::ask(*server, &query, Deadline::after(waited).or_earlier(until)) {
                    Ok(reply) => match message::read(&reply, name, kind) {
                        Ok(mut answer) => {
                            answer.secure &= self.is_trusted(*server);
                            return Ok(answer);
                        }
                        Err(e) => last = e,
                    },
                    Err(e) => last = e,
                }
                if until.passed() {
                    return Err(what(Error::temporary("no answer in time")));
                }
            }
        }
        Err(what(last))
    }
}

/// Reads `ADDRESS`, `ADDRESS:PORT`, `[V6]:PORT`.
///
/// # Errors
/// 64: it is none of these.
pub fn server(text: &str) -> Result<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
    address.or_else(|_| text.parse()).map_err(|_| {
        Error::usage(format!("{}: no address of a resolver, like 127.0.0.1:53", crate::text::escape(text)))
    })
}
