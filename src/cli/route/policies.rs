//! Policies of MTA-STS, RFC 8461: asked for by HTTPS where their record is new, and kept in the state directory as long as they hold.

use crate::cli::system::state_home;
use crate::error::{Error, Result};
use crate::net::Deadline;
use crate::net::dial::{Route, Through};
use crate::net::dns::{Kind, Record, Resolver};
use crate::net::http::{Http, Url};
use crate::net::mx::{self, sts::Policy};
use crate::net::tls::Tls;
use crate::store::policies::{Kept, Policies};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// RFC 8461 3.3: how long a policy's server is waited for.
const FETCH: Duration = Duration::from_secs(60);
/// RFC 8461 3.3: the longest policy.
const LARGEST: u64 = 64 * 1024;

/// How policies are obtained.
pub(super) struct Source<'r> {
    pub(super) resolver: &'r Resolver,
    pub(super) route: Route,
    pub(super) tls: Arc<Tls>,
    pub(super) port: u16,
    pub(super) until: Deadline,
}

impl mx::Policies for Source<'_> {
    fn policy(&self, domain: &str, id: Option<&str>, notes: &mut Vec<String>) -> Option<Policy> {
        let now = crate::cli::compose::now();
        let store = state_home().and_then(|home| {
            let path = home.join("policies.sqlite");
            // Where nobody has a policy there is nothing to be kept.
            if id.is_none() && !path.exists() { Ok(None) } else { Policies::open(&path).map(Some) }
        });
        let store = store.unwrap_or_else(|e| {
            notes.push(format!("MTA-STS: policies can't be kept: {e}"));
            None
        });
        let kept = store.as_ref().and_then(|store| {
            let kept = store.of(domain, now);
            kept.map_err(|e| notes.push(format!("MTA-STS: {e}"))).ok().flatten()
        });
        let known = kept.as_ref().and_then(|kept| Policy::parse(&kept.text).ok());
        let Some(id) = id else {
            if known.is_some() {
                notes.push(format!("{domain} announces no MTA-STS policy now; the one that we know still holds"));
            }
            return known;
        };
        if let (Some(known), Some(kept)) = (&known, &kept)
            && kept.id == id
        {
            notes.push(format!("{domain} has an MTA-STS policy, which we know: {}", known.mode.word()));
            return Some(known.clone());
        }
        match self.fetch(domain) {
            Ok((policy, text)) => {
                notes.push(format!("{domain} has an MTA-STS policy: {}", policy.mode.word()));
                let until = now.saturating_add(i64::try_from(policy.max_age).unwrap_or(i64::MAX));
                let fresh = Kept { id: id.to_owned(), text };
                if let Some(Err(e)) = store.map(|store| store.keep(domain, &fresh, until, now)) {
                    notes.push(format!("MTA-STS: {e}"));
                }
                Some(policy)
            }
            Err(e) => {
                let then = if known.is_some() { "; the one that we know still holds" } else { "" };
                notes.push(format!("{domain} announces an MTA-STS policy, which can't be had{then}: {e}"));
                known
            }
        }
    }
}

impl Source<'_> {
    fn fetch(&self, domain: &str) -> Result<(Policy, Vec<u8>)> {
        let host = format!("mta-sts.{domain}");
        let port = if self.port == super::HTTPS { String::new() } else { format!(":{}", self.port) };
        let url: Url = format!("https://{host}{port}/.well-known/mta-sts.txt").parse()?;
        let until = self.until.or_earlier(Deadline::after(FETCH));
        let http = Http::new(self.route.clone(), self.tls.clone()).until(until).limit(LARGEST);
        // What lies between has its own view of names.
        let http = match self.route.through {
            Through::Nothing => http.at(self.addresses(&host, until)?),
            _ => http,
        };
        let answer = http.get(&url, "text/plain")?;
        if answer.status != 200 {
            return Err(Error::protocol(format!("{url}: status {}", answer.status)));
        }
        if answer.kind != "text/plain" {
            return Err(Error::protocol(format!("{url}: {}, not text/plain", answer.kind)));
        }
        let text = answer.body.expose().to_vec();
        Ok((Policy::parse(&text).map_err(|e| e.at(&url))?, text))
    }

    fn addresses(&self, host: &str, until: Deadline) -> Result<Vec<SocketAddr>> {
        let mut found: Vec<IpAddr> = Vec::new();
        for kind in [Kind::Aaaa, Kind::A] {
            let answer = self.resolver.look_up(host, kind, until)?;
            found.extend(answer.records.iter().filter_map(|record| match record {
                Record::Address(address) => Some(*address),
                _ => None,
            }));
        }
        found.retain(|address| self.route.family.has(*address));
        if found.is_empty() {
            return Err(Error::new(crate::error::Exit::NoHost, format!("{host}: no address")));
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address, self.port)).collect())
    }
}
