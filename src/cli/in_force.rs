//! What is in force for a server: the flag's value, else the configuration's; and what is made of that: whom TLS trusts, and
//! the way there.

use super::account::{Accounts, held};
use super::args::Authorities;
use super::connect::read_private;
use super::prompt::ask;
use crate::config::{Set, Through, Trust};
use crate::error::{Error, Local, Result};
use crate::net::dial::{self, Route};
use crate::net::endpoint::{Endpoint, Service};
use crate::net::proxy::Proxy;
use crate::net::resolve::Family;
use crate::net::tls::{Certificate, Roots, Tls};
use crate::proto::sasl::Mechanism;
use crate::secret::Secret;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A value, and who says so: a flag, or the configuration's FILE:LINE.
pub type By<T> = (T, String);

/// What was made, so that it is made once.
#[derive(Default)]
pub(super) struct Known {
    tls: Mutex<Vec<(Certificates, Arc<Tls>)>>,
    proxies: Mutex<Vec<(Proxy, Secret)>>,
}

/// All that decides about certificates.
#[derive(Clone, PartialEq)]
struct Certificates {
    trust: Option<Trust>,
    verify: bool,
    own: Option<PathBuf>,
}

impl Accounts {
    fn in_force<T>(&self, flag: Option<(T, &str)>, set: Option<Set<T>>) -> Option<By<T>> {
        match (flag, set) {
            (Some((value, name)), _) => Some((value, name.to_owned())),
            (None, set) => set.map(|set| (set.value, self.line(set.line))),
        }
    }

    /// Whose certificates are good. `None`: those that Mozilla's authorities have issued, but on this machine any.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn trust(&self, at: &Endpoint) -> Result<Option<By<Trust>>> {
        let flags = &self.flags;
        let flag = match (&flags.ca_file, flags.ca, flags.pin.as_slice()) {
            (Some(path), ..) => Some((Trust::File(path.clone()), "--ca-file")),
            (_, Some(Authorities::Mozilla), _) => Some((Trust::Mozilla, "--ca")),
            (_, Some(Authorities::System), _) => Some((Trust::System, "--ca")),
            (_, _, []) => None,
            (_, _, pins) => Some((Trust::Pins(pins.to_vec()), "--pin")),
        };
        Ok(self.in_force(flag, self.settings(at)?.trust))
    }

    /// The certificate to show, with its key.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn client_cert(&self, at: &Endpoint) -> Result<Option<By<PathBuf>>> {
        let flag = self.flags.client_cert.clone().map(|path| (path, "--client-cert"));
        Ok(self.in_force(flag, self.settings(at)?.client_cert))
    }

    /// By which mechanisms to log in.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn auth(&self, at: &Endpoint) -> Result<Option<By<Vec<Mechanism>>>> {
        let named = &self.flags.auth;
        let flag = (!named.is_empty()).then(|| (named.clone(), "--auth"));
        Ok(self.in_force(flag, self.settings(at)?.auth))
    }

    /// What lies between.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn through(&self, at: &Endpoint) -> Result<Option<By<Through>>> {
        let flag = self.proxy.clone().map(|through| (through, "--proxy"));
        Ok(self.in_force(flag, self.settings(at)?.through))
    }

    /// The address to connect from.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn source_address(&self, at: &Endpoint) -> Result<Option<By<IpAddr>>> {
        let flag = self.flags.source_address.map(|address| (address, "--source-address"));
        Ok(self.in_force(flag, self.settings(at)?.source_address))
    }

    /// Reads the certificates that flags name, which must be good even if no connection needs them.
    pub(super) fn check_certificates(&self) -> Result<()> {
        let given = self.flags.ca_file.is_some() || self.flags.client_cert.is_some();
        if given { self.tls(&Endpoint::parse("local:", Service::Imap)?).map(drop) } else { Ok(()) }
    }

    /// Whom TLS trusts at `at`, and what it shows.
    ///
    /// # Errors
    /// 66, 78: a certificate can't be read, or its key is open to others.
    pub(super) fn tls(&self, at: &Endpoint) -> Result<Arc<Tls>> {
        let (trust, own) = (self.trust(at)?, self.client_cert(at)?);
        let verify = self.settings(at)?.verify.is_some();
        let of = Certificates {
            trust: trust.as_ref().map(|(trust, _)| trust.clone()),
            verify,
            own: own.as_ref().map(|(path, _)| path.clone()),
        };
        let mut made = held(&self.made.tls);
        if let Some((_, tls)) = made.iter().find(|(known, _)| *known == of) {
            return Ok(tls.clone());
        }
        let (roots, pins) = match trust {
            Some((Trust::Pins(pins), _)) => (None, pins),
            Some((trust, by)) => (Some(roots(&trust).map_err(|e| said(e, &by))?), Vec::new()),
            None => (verify.then_some(Roots::Mozilla), Vec::new()),
        };
        let own = own.map(|(path, by)| {
            let (name, pem) = (path.display().to_string(), read_private(&path, "this key"));
            pem.and_then(|pem| Certificate::from_pem(pem.expose(), &name, pem.expose(), &name))
                .map_err(|e| said(e, &by))
        });
        let tls = Arc::new(Tls::new(roots, pins, own.transpose()?));
        made.push((of, tls.clone()));
        Ok(tls)
    }

    /// The way to `at`.
    ///
    /// # Errors
    /// 77, 78: the proxy's password may not be sent, or can't be had.
    pub(super) fn route(&self, at: &Endpoint) -> Result<Route> {
        let through = match self.through(at)?.map(|(through, _)| through) {
            None | Some(Through::Nothing) => dial::Through::Nothing,
            Some(Through::Tunnel(command)) => dial::Through::Tunnel(command, self.hidden()?),
            Some(Through::Proxy(proxy)) => {
                let password = proxy.user.as_ref().map(|user| self.proxy_password(at, &proxy, user)).transpose()?;
                dial::Through::Proxy(proxy, password)
            }
        };
        let family = match (self.flags.ipv4, self.flags.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        let source = self.source_address(at)?.map(|(address, _)| address);
        Ok(Route { family, source, through })
    }

    fn proxy_password(&self, at: &Endpoint, proxy: &Proxy, user: &str) -> Result<Secret> {
        let settings = self.settings(at)?;
        // Neither kind of proxy has TLS.
        let near = proxy.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !near && !settings.cleartext_login.is_some_and(|set| set.value) {
            return Err(Error::auth(format!("{proxy}: the proxy's password may not be sent without TLS"))
                .advise("cleartext-login = true in the account allows it"));
        }
        let mut made = held(&self.made.proxies);
        if let Some((_, secret)) = made.iter().find(|(known, _)| known == proxy) {
            return Ok(secret.clone());
        }
        let secret = match settings.proxy_password {
            Some(set) => self.obtain(&set.value, &proxy.host, user).map_err(|e| e.at(self.line(set.line)))?,
            None => ask(&format!("Password for {user} at {proxy}: "), self.whole)?.ok_or_else(|| {
                Error::usage(format!("{proxy}: no password for {user}"))
                    .advise("see proxy-password in pipepost-config(5)")
            })?,
        };
        made.push((proxy.clone(), secret.clone()));
        Ok(secret)
    }
}

/// The authorities that are trusted; Mozilla's where pins are.
pub(super) fn roots(trust: &Trust) -> Result<Roots> {
    match trust {
        Trust::File(path) => {
            let name = path.display().to_string();
            Roots::from_pem(&std::fs::read(path).opening(&name)?, &name)
        }
        Trust::System => Ok(Roots::System),
        Trust::Mozilla | Trust::Pins(_) => Ok(Roots::Mozilla),
    }
}

/// An error of a setting tells its line; a flag's speaks for itself.
pub(super) fn said(e: Error, by: &str) -> Error {
    if by.starts_with("--") { e } else { e.at(by) }
}
