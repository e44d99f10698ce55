//! DANE for SMTP, RFC 6698 with RFC 7671 and 7672: a server's certificate is good because its domain's DNS says so.
//!
//! Usages 2 (an authority) and 3 (the server itself) count; 0 and 1, which ask for public authorities too, are unusable
//! (RFC 7672 3.1.3). Where the records come from, and that DNSSEC proves them, is the business of whoever asks.

use super::der;
use super::verify::Verifier;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use std::fmt;
use std::sync::Arc;

/// PKIX trust anchors of the domain's own.
const AUTHORITY: u8 = 2;
/// The server's own certificate or key.
const SERVER: u8 = 3;
/// More certificates of a chain are not looked at.
const CHAIN: usize = 10;

/// A TLSA record, RFC 6698 2.1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Association {
    /// The certificate usage: 2 an authority, 3 the server.
    pub usage: u8,
    /// 0 the certificate, 1 its public key.
    pub selector: u8,
    /// 0 as it is, 1 its SHA-256, 2 its SHA-512.
    pub matching: u8,
    /// What must be the same.
    pub data: Vec<u8>,
}

impl Association {
    /// Whether it can decide anything for SMTP.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let length = match self.matching {
            0 => !self.data.is_empty(),
            1 => self.data.len() == 32,
            2 => self.data.len() == 64,
            _ => false,
        };
        matches!(self.usage, AUTHORITY | SERVER) && self.selector <= 1 && length
    }

    /// Whether it is of this certificate (DER).
    fn fits(&self, certificate: &[u8]) -> bool {
        let selected = match self.selector {
            0 => Some(certificate),
            1 => der::parts(certificate).map(|parts| parts.key),
            _ => None,
        };
        let Some(selected) = selected else { return false };
        let digest = |algorithm| ring::digest::digest(algorithm, selected).as_ref() == self.data.as_slice();
        match self.matching {
            0 => selected == self.data,
            1 => digest(&ring::digest::SHA256),
            2 => digest(&ring::digest::SHA512),
            _ => false,
        }
    }
}

impl fmt::Display for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        self.data.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        if self.data.len() > 4 { f.write_str("...") } else { Ok(()) }
    }
}

/// Why no record fits.
#[derive(Debug)]
struct NoneFits;

impl fmt::Display for NoneFits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no TLSA record of its domain fits (DANE)")
    }
}

impl std::error::Error for NoneFits {}

/// The records of a server, and the names that its certificate may be for where an authority vouches for it: RFC 7672 3.2.2.
#[derive(Debug)]
pub(super) struct Dane {
    pub(super) associations: Vec<Association>,
    pub(super) names: Vec<String>,
    pub(super) signatures: Verifier,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Dane {
    /// Whether an authority that a record names has issued the certificate, for one of our names, and for today.
    fn by_authority(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let refused = || CertificateError::Other(OtherError(Arc::new(NoneFits))).into();
        let authorities = || self.associations.iter().filter(|record| record.usage == AUTHORITY);
        let mut roots = RootCertStore::empty();
        for one in chain.iter().take(CHAIN).filter(|one| authorities().any(|record| record.fits(one))) {
            // One that is no authority's can't be added, and does not count.
            let _ = roots.add(one.clone().into_owned());
        }
        // RFC 6698 2.1.1: a whole one need not be in the chain.
        for record in authorities().filter(|record| record.selector == 0 && record.matching == 0) {
            let _ = roots.add(CertificateDer::from(record.data.clone()));
        }
        if roots.is_empty() {
            return Err(refused());
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|_| refused())?;
        let mut why = refused();
        for name in &self.names {
            let Ok(name) = ServerName::try_from(name.as_str()) else { continue };
            match verifier.verify_server_cert(certificate, chain, &name, &[], now) {
                Ok(good) => return Ok(good),
                Err(e) => why = e,
            }
        }
        Err(why)
    }
}

impl ServerCertVerifier for Dane {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // RFC 7672 3.1.1: neither names nor dates count then.
        let own = self.associations.iter().filter(|record| record.usage == SERVER);
        if own.into_iter().any(|record| record.fits(certificate)) {
            return Ok(ServerCertVerified::assertion());
        }
        self.by_authority(certificate, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signatures.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signatures.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::provider;
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData};

    fn sha(algorithm: &'static ring::digest::Algorithm, bytes: &[u8]) -> Vec<u8> {
        ring::digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    fn record(usage: u8, selector: u8, matching: u8, data: &[u8]) -> Association {
        let data = match matching {
            1 => sha(&ring::digest::SHA256, data),
            2 => sha(&ring::digest::SHA512, data),
            _ => data.to_vec(),
        };
        Association { usage, selector, matching, data }
    }

    fn dane(associations: Vec<Association>, names: &[&str]) -> Dane {
        Dane {
            associations,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            signatures: Verifier::new(None, Vec::new(), provider().signature_verification_algorithms),
            provider: provider(),
        }
    }

    fn verify(dane: &Dane, certificate: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> bool {
        let name = ServerName::try_from("mx.example").unwrap();
        dane.verify_server_cert(certificate, chain, &name, &[], UnixTime::now()).is_ok()
    }

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn the_server_itself() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
        // Neither its names nor its dates matter.
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        let der = certificate.der();
        for (selector, of) in [(0, der.to_vec()), (1, key.subject_public_key_info())] {
            for matching in 0..=2 {
                let good = record(3, selector, matching, &of);
                assert!(good.is_usable());
                assert!(verify(&dane(vec![good.clone()], &[]), der, &[]), "{good}");
                let other = record(3, selector, matching, b"another");
                assert!(!verify(&dane(vec![other.clone()], &["mx.example"]), der, &[]), "{other}");
                assert!(verify(&dane(vec![other, good], &[]), der, &[]));
            }
        }
        assert!(!verify(&dane(Vec::new(), &["mx.example"]), der, &[]));
    }

    #[test]
    fn an_authority_of_the_domain() {
        let (ca, key) = (authority(), KeyPair::generate().unwrap());
        let leaf = CertificateParams::new(vec!["mx.example".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        let ca_der: CertificateDer<'static> = ca.der().clone();
        let chain = [ca_der.clone()];
        for (selector, matching) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
            let of = if selector == 0 { ca_der.to_vec() } else { ca.key().subject_public_key_info() };
            let good = record(2, selector, matching, &of);
            let right = dane(vec![good.clone()], &["other.example", "mx.example"]);
            assert!(verify(&right, leaf.der(), &chain), "{good}");
            // Without it in the chain a whole certificate is enough.
            assert_eq!(verify(&right, leaf.der(), &[]), (selector, matching) == (0, 0), "{good}");
            // For another name it is not good, nor by another authority.
            assert!(!verify(&dane(vec![good.clone()], &["other.example"]), leaf.der(), &chain));
            let other = CertificateParams::new(vec!["mx.example".to_owned()]).unwrap();
            let other = other.signed_by(&key, &authority()).unwrap();
            assert!(!verify(&right, other.der(), &chain));
        }
        let old = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        let mut params = CertificateParams::new(vec!["mx.example".to_owned()]).unwrap();
        old(&mut params);
        let leaf = params.signed_by(&key, &ca).unwrap();
        assert!(!verify(&dane(vec![record(2, 0, 1, &ca_der)], &["mx.example"]), leaf.der(), &chain));
    }

    #[test]
    fn what_can_decide_nothing() {
        for (usage, selector, matching, length) in [
            (0, 0, 1, 32),
            (1, 1, 1, 32),
            (4, 0, 1, 32),
            (3, 2, 1, 32),
            (3, 1, 3, 32),
            (3, 1, 1, 31),
            (3, 1, 2, 32),
            (2, 0, 0, 0),
        ] {
            let record = Association { usage, selector, matching, data: vec![0; length] };
            assert!(!record.is_usable(), "{record}");
        }
        assert_eq!(record(3, 1, 0, &[1, 2, 3, 4, 0xff]).to_string(), "3 1 0 01020304...");
    }
}
