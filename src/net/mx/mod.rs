//! Where mail for a domain goes if it goes straight to the domain's own servers (RFC 5321 section 5.1), and how much of the way there
//! is protected: [`Planner::plan`].
//!
//! Nothing is connected to; what was found and why is told in [`Plan::notes`]. The rules for the order of servers are in [`order`],
//! those for MTA-STS in [`sts`]. Left out: source routes, LMTP, and any other next hop than the DNS names.

pub mod order;
pub mod sts;

use super::deadline::Deadline;
use super::dns::{Answer, Kind, Record, Resolver};
use super::resolve::Family;
use super::tls::Association;
use crate::error::{Error, Exit, Result};
use order::Exchange;
use std::cell::Cell;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use sts::{Mode, Policy};

/// The port of SMTP between servers.
pub const PORT: u16 = 25;
/// As many addresses are tried for a domain.
const ADDRESSES: usize = 5;
/// As many servers are looked up.
const SERVERS: usize = 20;

/// How a hop is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// TLS with anybody if it is offered (RFC 7435), else none.
    Opportunistic,
    /// TLS with anybody, and nothing without: there are TLSA records, which can't be used (RFC 7672 2.2).
    Encrypted,
    /// TLS with a server that one of these TLSA records vouches for; an authority's certificate must be for one of the names.
    Dane(Vec<Association>, Vec<String>),
    /// TLS with a server that a public authority vouches for: MTA-STS (RFC 8461 4.1).
    Verified,
}

impl Protection {
    /// Its word in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Protection::Opportunistic => "opportunistic",
            Protection::Encrypted => "encrypted",
            Protection::Dane(..) => "dane",
            Protection::Verified => "mta-sts",
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Protection::Opportunistic => f.write_str("TLS if it is offered, not verified"),
            Protection::Encrypted => f.write_str("TLS, not verified, as no TLSA record is usable (DANE)"),
            Protection::Dane(records, _) => {
                let all: Vec<String> = records.iter().map(ToString::to_string).collect();
                write!(f, "TLS verified by DANE ({})", all.join("; "))
            }
            Protection::Verified => f.write_str("TLS verified by MTA-STS"),
        }
    }
}

/// A server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Its name, or its address.
    pub host: String,
    /// Its place in the order; `None`: the domain has no MX record.
    pub preference: Option<u16>,
    /// Where it listens, at least one.
    pub addresses: Vec<SocketAddr>,
    /// How it is to be talked to.
    pub protection: Protection,
}

/// The way of mail for a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The domain.
    pub domain: String,
    /// The servers in the order in which they are tried; at least one.
    pub hops: Vec<Hop>,
    /// What was found out, a line each.
    pub notes: Vec<String>,
}

/// Why there is no way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoWay {
    /// 65: no domain; 68: it does not exist, or has no address; 69: it wants no mail, or its mail is for ourselves; 75: the DNS, or what
    /// protects the way, fails.
    pub error: Error,
    /// What a status notification says, RFC 3463.
    pub enhanced: &'static str,
    /// What was found out before.
    pub notes: Vec<String>,
}

/// How the policies of MTA-STS are obtained and kept: an implementation of the outer rooms.
pub trait Policies {
    /// The policy in force for a domain whose TXT record says `id` (`None`: it says nothing, or can't be asked), and notes on how
    /// it was found.
    fn policy(&self, domain: &str, id: Option<&str>, notes: &mut Vec<String>) -> Option<Policy>;
}

/// Makes plans.
pub struct Planner<'p> {
    /// Whom to ask.
    pub resolver: &'p Resolver,
    /// The names of this machine: a server of that name is ourselves.
    pub own_names: &'p [String],
    /// Which addresses to use.
    pub family: Family,
    /// The port of the servers, [`PORT`] but in tests.
    pub port: u16,
    /// What decides between servers that are equal.
    pub seed: u64,
    /// Where policies are; `None`: MTA-STS is not asked for.
    pub policies: Option<&'p dyn Policies>,
    /// The end of all questions.
    pub until: Deadline,
    /// For how many seconds the answers so far are good.
    pub ttl: &'p Cell<Option<u32>>,
}

/// What a host's name leads to.
struct Found {
    addresses: Vec<IpAddr>,
    secure: bool,
    canonical: Option<String>,
}

impl Planner<'_> {
    fn ask(&self, name: &str, kind: Kind) -> Result<Answer> {
        let answer = self.resolver.look_up(name, kind, self.until)?;
        self.ttl.set(self.ttl.get().into_iter().chain(answer.ttl).min());
        Ok(answer)
    }

    /// The way of mail for `domain`: a name in ASCII, or an address literal with its brackets.
    ///
    /// # Errors
    /// That there is none, and why.
    pub fn plan(&self, domain: &str) -> Result<Plan, NoWay> {
        let mut notes = Vec::new();
        match self.hops(domain, &mut notes) {
            Ok(hops) => Ok(Plan { domain: domain.to_owned(), hops, notes }),
            Err((error, enhanced)) => Err(NoWay { error, enhanced, notes }),
        }
    }

    fn hops(&self, domain: &str, notes: &mut Vec<String>) -> Result<Vec<Hop>, (Error, &'static str)> {
        if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return self.literal(literal).map_err(|e| (e, "5.1.2"));
        }
        let failed = |e: Error| {
            let enhanced = if e.exit() == Exit::TempFail { "4.4.3" } else { "5.1.2" };
            (e, enhanced)
        };
        let asked = self.ask(domain, Kind::Mx).map_err(failed)?;
        if !asked.exists {
            return Err((Error::new(Exit::NoHost, format!("{domain}: no such domain")), "5.1.2"));
        }
        if let Some(name) = asked.canonical() {
            notes.push(format!("{domain} is an alias of {name}"));
        }
        let secure = asked.secure;
        let mut names = vec![domain.to_owned()];
        names.extend(asked.canonical().map(str::to_owned));
        let all = exchanges(&asked);
        let implicit = all.is_empty();
        if order::refuses_mail(&all) {
            let e = Error::refused(format!("{domain} takes no mail (null MX, RFC 7505)"));
            return Err((e, "5.1.10"));
        }
        let list = if implicit {
            notes.push(format!("{domain} has no MX record: mail goes to its address (RFC 5321 5.1)"));
            vec![Exchange { preference: 0, host: domain.to_owned() }]
        } else {
            let proved = if secure { ", proved by DNSSEC" } else { "" };
            notes.push(format!("{domain} has {} MX records{proved}", all.len()));
            order::ordered(all, self.seed)
        };
        let policy = self.policy(domain, notes);
        self.servers(domain, &Listed { list, implicit, secure, names, policy }, notes)
    }

    /// An address instead of a domain, RFC 5321 4.1.3.
    fn literal(&self, literal: &str) -> Result<Vec<Hop>> {
        let wrong = || Error::data(format!("[{literal}]: not an address literal"));
        let address: IpAddr = match literal.split_at_checked(5).filter(|(tag, _)| tag.eq_ignore_ascii_case("IPv6:")) {
            Some((_, address)) => address.parse::<Ipv6Addr>().map_err(|_| wrong())?.into(),
            None => literal.parse::<Ipv4Addr>().map_err(|_| wrong())?.into(),
        };
        if !self.family.has(address) {
            return Err(Error::new(Exit::NoHost, format!("[{literal}]: an address of the other family")));
        }
        let (host, addresses) = (address.to_string(), vec![SocketAddr::new(address, self.port)]);
        Ok(vec![Hop { host, preference: None, addresses, protection: Protection::Opportunistic }])
    }

    fn servers(&self, domain: &str, of: &Listed, notes: &mut Vec<String>) -> Result<Vec<Hop>, (Error, &'static str)> {
        let (mut hops, mut failure, mut room) = (Vec::new(), None::<Error>, ADDRESSES);
        let mut own = None;
        for Exchange { preference, host } in of.list.iter().take(SERVERS) {
            if own.is_some_and(|own| *preference >= own) {
                notes.push(format!("{host} ({preference}) does not come before us, and is left out (RFC 5321 5.1)"));
                continue;
            }
            let named = self.own_names.iter().any(|name| name.eq_ignore_ascii_case(host));
            let found = if named && !of.implicit { None } else { Some(self.host(host, notes)) };
            let is_us = |found: &Found| self.port == PORT && found.addresses.iter().any(|address| is_ours(*address));
            let found = match found {
                None => {
                    own = Some(*preference);
                    continue;
                }
                Some(Ok(found)) if is_us(&found) => {
                    own = Some(*preference);
                    continue;
                }
                Some(found) => found,
            };
            // Equal ones that came before it are cut too.
            match found.and_then(|found| self.hop(host, *preference, of, found, notes)) {
                Ok(mut hop) => {
                    hop.addresses.truncate(room);
                    if !hop.addresses.is_empty() {
                        room = room.saturating_sub(hop.addresses.len());
                        hops.push(hop);
                    }
                }
                Err(e) => {
                    notes.push(format!("{host} is left out: {e}"));
                    // What may be there later counts more than what is not there.
                    if failure.as_ref().is_none_or(|before| before.exit() != Exit::TempFail) {
                        failure = Some(e);
                    }
                }
            }
            if room == 0 {
                notes.push(format!("no more than {ADDRESSES} addresses are tried"));
                break;
            }
        }
        if let Some(own) = own {
            notes.push(format!("we are a server of {domain} ourselves, with the preference {own}"));
            hops.retain(|hop| hop.preference.is_some_and(|preference| preference < own));
        }
        if !hops.is_empty() {
            return Ok(hops);
        }
        match (failure, own) {
            (Some(e), _) if e.exit() == Exit::TempFail => Err((e.at(domain), "4.4.4")),
            (_, Some(_)) => Err((Error::refused(format!("{domain}: mail loops back to this machine")), "5.4.6")),
            (Some(e), None) => Err((e.at(domain), "5.4.4")),
            (None, None) => Err((Error::new(Exit::NoHost, format!("{domain}: no mail server")), "5.4.4")),
        }
    }

    fn hop(&self, host: &str, preference: u16, of: &Listed, found: Found, notes: &mut Vec<String>) -> Result<Hop> {
        let protection = self.protection(host, of, &found, notes)?;
        let addresses = found.addresses.iter().map(|address| SocketAddr::new(*address, self.port)).collect();
        let preference = (!of.implicit).then_some(preference);
        Ok(Hop { host: host.to_owned(), preference, addresses, protection })
    }

    /// The addresses of a server, IPv6 first.
    fn host(&self, host: &str, notes: &mut Vec<String>) -> Result<Found> {
        if !crate::net::mx::order::is_host(host) {
            return Err(Error::new(Exit::NoHost, format!("{}: not the name of a host", crate::text::escape(host))));
        }
        let (mut addresses, mut secure, mut canonical, mut failure) = (Vec::new(), true, None, None);
        let kinds = [(Family::V6, Kind::Aaaa), (Family::V4, Kind::A)];
        for (_, kind) in kinds.iter().filter(|(family, _)| self.family == Family::Any || self.family == *family) {
            match self.ask(host, *kind) {
                Ok(answer) => {
                    secure &= answer.secure;
                    canonical = canonical.or_else(|| answer.canonical().map(str::to_owned));
                    addresses.extend(answer.records.iter().filter_map(|record| match record {
                        Record::Address(address) => Some(*address),
                        _ => None,
                    }));
                    if !answer.exists {
                        break;
                    }
                }
                Err(e) => failure = Some(e),
            }
        }
        if let Some(name) = &canonical {
            notes.push(format!("{host} is an alias of {name}, which a mail server should not be (RFC 5321 5.1)"));
        }
        match failure {
            Some(e) if addresses.is_empty() => Err(e),
            // Half of the answer is not the proof of all.
            failure => match addresses.is_empty() {
                true => Err(Error::new(Exit::NoHost, format!("{host}: no address"))),
                false => Ok(Found { addresses, secure: secure && failure.is_none(), canonical }),
            },
        }
    }

    /// DANE where it is published (RFC 7672), else MTA-STS; RFC 8461 section 2 forbids the other order.
    fn protection(&self, host: &str, of: &Listed, found: &Found, notes: &mut Vec<String>) -> Result<Protection> {
        // RFC 7672 2.2.2: without proofs so far there are none to come, and some servers fail when they are asked for TLSA.
        if of.secure && found.secure {
            // RFC 7672 2.2.3: of an alias first the name that it leads to.
            for base in found.canonical.as_deref().into_iter().chain([host]) {
                let records = self.tlsa(base)?;
                if records.is_empty() {
                    continue;
                }
                let usable: Vec<Association> = records.iter().filter(|record| record.is_usable()).cloned().collect();
                notes.push(format!("{base} has {} TLSA records, {} usable", records.len(), usable.len()));
                if usable.is_empty() {
                    return Ok(Protection::Encrypted);
                }
                let mut names = vec![base.to_owned()];
                names.extend(of.names.iter().cloned());
                return Ok(Protection::Dane(usable, names));
            }
        }
        let Some(policy) = &of.policy else { return Ok(Protection::Opportunistic) };
        match (policy.mode, policy.allows(host)) {
            (Mode::Enforce, true) => Ok(Protection::Verified),
            (Mode::Enforce, false) => {
                Err(Error::temporary(format!("{host}: not a server by the domain's MTA-STS policy")))
            }
            (Mode::Testing, allowed) => {
                if !allowed {
                    notes.push(format!("{host} is not a server by the domain's MTA-STS policy, which is in testing"));
                }
                Ok(Protection::Opportunistic)
            }
            (Mode::None, _) => Ok(Protection::Opportunistic),
        }
    }

    /// The TLSA records of a server that are proved.
    fn tlsa(&self, base: &str) -> Result<Vec<Association>> {
        let answer = self.ask(&format!("_{}._tcp.{base}", self.port), Kind::Tlsa)?;
        let records = answer.records.into_iter().filter_map(|record| match record {
            Record::Tlsa(association) => Some(association),
            _ => None,
        });
        Ok(if answer.secure { records.collect() } else { Vec::new() })
    }

    fn policy(&self, domain: &str, notes: &mut Vec<String>) -> Option<Policy> {
        let policies = self.policies?;
        let id = match self.ask(&format!("_mta-sts.{domain}"), Kind::Txt) {
            Ok(answer) => sts::id(answer.records.iter().filter_map(|record| match record {
                Record::Text(text) => Some(text.as_slice()),
                _ => None,
            })),
            Err(e) => {
                notes.push(format!("MTA-STS: {e}"));
                None
            }
        };
        policies.policy(domain, id.as_deref(), notes)
    }
}

/// What the domain says, once for all its servers.
struct Listed {
    list: Vec<Exchange>,
    /// There is no MX record.
    implicit: bool,
    secure: bool,
    /// The domain, and what it is an alias of.
    names: Vec<String>,
    policy: Option<Policy>,
}

fn exchanges(answer: &Answer) -> Vec<Exchange> {
    let one = |record: &Record| match record {
        Record::Mx(preference, host) => Some(Exchange { preference: *preference, host: host.clone() }),
        _ => None,
    };
    answer.records.iter().filter_map(one).collect()
}

/// Whether it is an address of this machine: only such a one can be bound.
fn is_ours(address: IpAddr) -> bool {
    address.is_unspecified() || UdpSocket::bind((address, 0)).is_ok()
}
