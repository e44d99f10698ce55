//! TLS 1.2 and 1.3, for both sides: whom a client trusts, what a server shows, and the [`Stream`] that results.
//!
//! This is the only room that names rustls (with ring, and never with a process-wide default). A client's configuration is
//! made once for a process, at the first handshake. Left out here: revocation lists, ALPN, early data.

mod bindings;
mod dane;
mod der;
mod facts;
mod own;
mod stream;
#[cfg(test)]
mod tests;
mod verify;
mod words;

pub use bindings::Bindings;
pub use dane::Association;
pub use facts::{Facts, Verified};
pub use own::{OwnCertificate, self_signed};
pub use verify::Pin;

use super::deadline::Deadline;
use super::stream::Stream;
use crate::error::{Error, Result};
use dane::Dane;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use stream::{Secured, Trouble};
use verify::Verifier;

/// How long a handshake may take, as long as connecting: pipepost(7), "Limits and deadlines".
pub const HANDSHAKE: Duration = Duration::from_secs(30);

/// The certificate authorities that a server's certificate may come from.
#[derive(Clone, Default)]
pub enum Roots {
    /// Mozilla's, as they were when this program was built.
    #[default]
    Mozilla,
    /// The system's, read at the first handshake.
    System,
    /// These alone.
    These(RootCertStore),
}

impl Roots {
    /// Reads the certificates of a PEM file; `name` is its name in errors.
    ///
    /// # Errors
    /// 78: there is none in it, or one that can't be read.
    pub fn from_pem(pem: &[u8], name: &str) -> Result<Roots> {
        let mut store = RootCertStore::empty();
        for (certificate, n) in certificates(pem, name)?.into_iter().zip(1..) {
            store.add(certificate).map_err(|e| {
                Error::config(format!("{name}: certificate {n} can't be an authority's: {}", words::of_certificate(&e)))
                    .advise("if it is that of one server, use its --pin instead")
            })?;
        }
        Ok(Roots::These(store))
    }

    fn store(&self) -> Result<RootCertStore> {
        match self {
            Roots::Mozilla => Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }),
            Roots::These(store) => Ok(store.clone()),
            Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(found.certs);
                if store.is_empty() {
                    let why = found.errors.first().map(|e| format!(": {e}")).unwrap_or_default();
                    return Err(Error::config(format!("TLS: the system has no certificate authorities{why}"))
                        .advise("install ca-certificates, or use --ca-file"));
                }
                Ok(store)
            }
        }
    }
}

/// A certificate with what it was issued by, and its private key.
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Certificate {
    fn clone(&self) -> Certificate {
        Certificate { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Certificate {
    /// Reads PEM: the certificate first, then those that lead to its root; the key may be anywhere in `key`.
    ///
    /// # Errors
    /// 78: one of them is missing or can't be read.
    pub fn from_pem(chain: &[u8], chain_name: &str, key: &[u8], key_name: &str) -> Result<Certificate> {
        let chain = certificates(chain, chain_name)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| Error::config(format!("{key_name}: no private key in PEM without a passphrase")))?;
        Ok(Certificate { chain, key })
    }

    /// The pin of its public key.
    ///
    /// # Errors
    /// 78: it is no X.509 certificate.
    pub fn pin(&self) -> Result<Pin> {
        let first = self.chain.first().and_then(|certificate| Pin::of(certificate));
        first.ok_or_else(|| Error::config("not an X.509 certificate"))
    }
}

fn certificates(pem: &[u8], name: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|e| Error::config(format!("{name}: not PEM: {e}")))?;
    if found.is_empty() { Err(Error::config(format!("{name}: no certificate in PEM"))) } else { Ok(found) }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(ring::default_provider())).clone()
}

/// A client's side: whom it trusts, and what it shows of itself.
#[derive(Default)]
pub struct Tls {
    roots: Roots,
    pins: Vec<Pin>,
    own: Option<Certificate>,
    explicit: bool,
    /// TLSA records that decide instead, and the names that an authority's certificate may be for.
    dane: Option<(Vec<Association>, Vec<String>)>,
    verifying: OnceLock<Arc<ClientConfig>>,
    trusting: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// Trusts certificates by `roots` for the name that was asked for, or, if there are `pins`, exactly the servers with one of
    /// these keys. `own` is shown to servers that ask for it. `roots` is `None` where nobody said anything: Mozilla's.
    #[must_use]
    pub fn new(roots: Option<Roots>, pins: Vec<Pin>, own: Option<Certificate>) -> Tls {
        let explicit = roots.is_some() || !pins.is_empty();
        Tls { roots: roots.unwrap_or_default(), pins, own, explicit, ..Tls::default() }
    }

    /// Trusts exactly the servers that one of these TLSA records vouches for; where it is an authority's, for one of `names`.
    #[must_use]
    pub fn dane(associations: Vec<Association>, names: Vec<String>) -> Tls {
        Tls { dane: Some((associations, names)), explicit: true, ..Tls::default() }
    }

    /// Whether somebody said whom to trust, so that it is verified on loopback addresses too.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        self.explicit
    }

    fn verified(&self, verify: bool) -> Verified {
        match (&self.roots, self.pins.as_slice()) {
            _ if !verify => Verified::Not,
            _ if self.dane.is_some() => Verified::Dane,
            (Roots::Mozilla, []) => Verified::Mozilla,
            (Roots::System, []) => Verified::System,
            (Roots::These(_), []) => Verified::File,
            (_, _) => Verified::Pin,
        }
    }

    fn config(&self, verify: bool) -> Result<Arc<ClientConfig>> {
        let place = if verify { &self.verifying } else { &self.trusting };
        if let Some(config) = place.get() {
            return Ok(config.clone());
        }
        let chains = if verify && self.pins.is_empty() && self.dane.is_none() {
            let roots = Arc::new(self.roots.store()?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
            Some(verifier.map_err(|e| Error::config(format!("TLS: the authorities can't be used: {e}")))?)
        } else {
            None
        };
        let verifier = Verifier::new(chains, self.pins.clone(), provider().signature_verification_algorithms);
        let verifier: Arc<dyn ServerCertVerifier> = match &self.dane {
            Some((associations, names)) if verify => Arc::new(Dane {
                associations: associations.clone(),
                names: names.clone(),
                signatures: verifier,
                provider: provider(),
            }),
            _ => Arc::new(verifier),
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|e| Error::internal(format!("TLS: {e}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &self.own {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(own.chain.clone(), own.key.clone_key())
                .map_err(|e| Error::config(format!("TLS: the client certificate can't be used: {e}")))?,
        };
        Ok(place.get_or_init(|| Arc::new(config)).clone())
    }

    /// The handshake with a server that was asked for as `name`, a host name or an address.
    pub(super) fn connect(
        &self,
        under: Box<dyn Stream>,
        name: &str,
        verify: bool,
        until: Deadline,
    ) -> Result<(Box<dyn Stream>, Facts, Bindings)> {
        let asked = ServerName::try_from(name.to_owned())
            .map_err(|_| Error::protocol(format!("TLS: {name} is no name that a certificate can have")))?;
        let connection =
            ClientConnection::new(self.config(verify)?, asked).map_err(|e| Error::internal(format!("TLS: {e}")))?;
        let secured = shake(under, connection.into(), until, None, &|e| words::of_client(e, name))?;
        let facts = match secured.connection() {
            Connection::Client(connection) => Facts::of(connection, self.verified(verify)),
            Connection::Server(_) => return Err(Error::internal("TLS: a server's side")),
        };
        let shown = secured.connection().peer_certificates().and_then(<[_]>::first);
        let bindings = bindings::of(secured.connection(), shown.map(AsRef::as_ref));
        Ok((Box::new(secured), facts, bindings))
    }
}

/// A server's side: the certificate that it shows.
#[derive(Clone)]
pub struct Identity {
    config: Arc<ServerConfig>,
    shown: CertificateDer<'static>,
    pin: Pin,
}

impl Identity {
    /// A server that shows this certificate.
    ///
    /// # Errors
    /// 78: the key is not the certificate's, or of a kind that is not known.
    pub fn new(certificate: Certificate) -> Result<Identity> {
        let pin = certificate.pin()?;
        let shown = certificate.chain.first().cloned().ok_or_else(|| Error::internal("no certificate"))?;
        let wrong = |e| Error::config(format!("TLS: certificate and key can't be used: {e}"));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(wrong)?
            .with_no_client_auth()
            .with_single_cert(certificate.chain, certificate.key)
            .map_err(wrong)?;
        // Mail clients that come again soon are few, and each ticket is a record more for all of them.
        config.send_tls13_tickets = 1;
        Ok(Identity { config: Arc::new(config), shown, pin })
    }

    /// What clients pin.
    #[must_use]
    pub fn pin(&self) -> &Pin {
        &self.pin
    }

    /// The handshake with a client; `stop` ends it.
    pub(super) fn accept(
        &self,
        under: Box<dyn Stream>,
        until: Deadline,
        stop: Option<BorrowedFd<'_>>,
    ) -> Result<(Box<dyn Stream>, Bindings)> {
        let connection =
            ServerConnection::new(self.config.clone()).map_err(|e| Error::internal(format!("TLS: {e}")))?;
        let secured = shake(under, connection.into(), until, stop, &|e| Error::protocol(format!("TLS: {e}")))?;
        let bindings = bindings::of(secured.connection(), Some(&self.shown));
        Ok((Box::new(secured), bindings))
    }
}

fn shake(
    under: Box<dyn Stream>,
    connection: Connection,
    until: Deadline,
    stop: Option<BorrowedFd<'_>>,
    explain: &dyn Fn(&rustls::Error) -> Error,
) -> Result<Secured> {
    let mut secured = Secured::new(under, connection);
    match secured.handshake(until, stop) {
        Ok(()) => Ok(secured),
        Err(Trouble::Tls(e)) => Err(explain(&e)),
        Err(Trouble::Late) => Err(Error::temporary("TLS: the handshake did not end in time")),
        Err(Trouble::Stopped) => Err(Error::temporary("TLS: the handshake was broken off")),
        Err(Trouble::Ended) => Err(Error::temporary("TLS: the other side closed the connection during the handshake")),
        Err(Trouble::Io(e)) => Err(Error::temporary(format!("TLS: connection lost ({})", crate::error::words(&e)))),
    }
}
