//! Whether a server is the one that was asked for: by its certificate's chain, name and date, or by a pin of its key.
//!
//! A pin is compared with the key alone, so it also works for certificates that no chain could have: of X.509 version 1,
//! or a CA's own. That the server has the key is checked in every case.

use super::der;
use crate::error::{Error, Result};
use encodify::base64::STANDARD;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The SHA-256 of a public key (SubjectPublicKeyInfo, RFC 7469 2.4), written `sha256:BASE64` or `sha256:HEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of the key in a certificate (DER); `None` if it is none.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Option<Pin> {
        public_key(certificate).map(Pin::of_key)
    }

    fn of_key(key: &[u8]) -> Pin {
        let digest = ring::digest::digest(&ring::digest::SHA256, key);
        let mut pin = [0; 32];
        pin.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Pin(pin)
    }
}

impl FromStr for Pin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Pin> {
        let wrong = || Error::usage(format!("{}: not a pin like sha256:BASE64", crate::text::escape(text)));
        let digest = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("sha256//")).ok_or_else(wrong)?;
        let bytes = if digest.len() == 64 {
            let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|n| u8::try_from(n).ok());
            let byte = |pair: &[u8]| pair.iter().try_fold(0u8, |n, b| n.checked_mul(16)?.checked_add(digit(b)?));
            digest.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>()
        } else {
            STANDARD.decode(digest.as_bytes()).ok()
        };
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Pin).ok_or_else(wrong)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", STANDARD.encode(self.0))
    }
}

/// Why a certificate is refused, and which one it was.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) why: Why,
    pub(super) pin: Option<Pin>,
    /// It names itself as its issuer.
    pub(super) own: bool,
}

#[derive(Debug)]
pub(super) enum Why {
    /// There are pins, and none of them fits.
    Pin,
    Certificate(CertificateError),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Pin => f.write_str("no pin fits"),
            Why::Certificate(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

#[derive(Debug)]
pub(super) struct Verifier {
    /// `None`: a pin decides, or nothing is verified.
    chains: Option<Arc<WebPkiServerVerifier>>,
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(
        chains: Option<Arc<WebPkiServerVerifier>>,
        pins: Vec<Pin>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Verifier {
        Verifier { chains, pins, algorithms }
    }

    /// Whether the handshake was signed with the certificate's key. `all`: TLS 1.2 does not tell a curve with its scheme, so
    /// each that fits is tried.
    fn signed(
        &self,
        message: &[u8],
        certificate: &[u8],
        signature: &DigitallySignedStruct,
        all: bool,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let bad = |e| rustls::Error::InvalidCertificate(e);
        let key = public_key(certificate).ok_or_else(|| bad(CertificateError::BadEncoding))?;
        let key = SubjectPublicKeyInfoDer::from(key);
        let key = webpki::RawPublicKeyEntity::try_from(&key).map_err(|_| bad(CertificateError::BadEncoding))?;
        let (_, algorithms) = self
            .algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signature.scheme)
            .ok_or(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let tried = if all { algorithms.len() } else { 1 };
        let mut fits = algorithms.iter().take(tried);
        if fits.any(|algorithm| key.verify_signature(*algorithm, message, signature.signature()).is_ok()) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(bad(CertificateError::BadSignature))
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let pin = Pin::of(certificate);
        let why = if !self.pins.is_empty() {
            if pin.as_ref().is_some_and(|pin| self.pins.contains(pin)) {
                return Ok(ServerCertVerified::assertion());
            }
            Why::Pin
        } else if let Some(chains) = &self.chains {
            match chains.verify_server_cert(certificate, intermediates, name, ocsp, now) {
                Err(rustls::Error::InvalidCertificate(why)) => Why::Certificate(why),
                other => return other,
            }
        } else {
            return Ok(ServerCertVerified::assertion());
        };
        let refused = Refused { why, pin, own: names_itself(certificate) };
        Err(CertificateError::Other(OtherError(Arc::new(refused))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(message, certificate, signature, true)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // RFC 8446 4.2.3: these are for certificates only.
        let old =
            [SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PKCS1_SHA384, SignatureScheme::RSA_PKCS1_SHA512];
        if old.contains(&signature.scheme) {
            return Err(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        self.signed(message, certificate, signature, false)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    der::parts(certificate).map(|parts| parts.key)
}

fn names_itself(certificate: &[u8]) -> bool {
    der::parts(certificate).is_some_and(|parts| parts.issuer == parts.subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_in_both_forms() {
        let pin = Pin([0xab; 32]);
        assert_eq!(pin.to_string().parse::<Pin>().unwrap(), pin);
        assert_eq!(format!("sha256:{}", "aB".repeat(32)).parse::<Pin>().unwrap(), pin);
        for bad in ["", "sha256:", "sha1:x", "sha256:abc", &format!("sha256:{}", "é".repeat(32)), &"a".repeat(64)] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
        assert!(format!("sha256:{}", "+1".repeat(32)).parse::<Pin>().is_err());
    }

    #[test]
    fn the_key_of_a_certificate() {
        use rcgen::PublicKeyData;
        let key = rcgen::KeyPair::generate().unwrap();
        let made = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        assert_eq!(public_key(made.der()).unwrap(), key.subject_public_key_info());
        assert!(names_itself(made.der()));
        // Cut or changed anywhere it may be none, but nothing breaks.
        for at in 0..made.der().len() {
            assert_eq!(public_key(&made.der()[..at]), None);
            let mut changed = made.der().to_vec();
            changed[at] ^= 0xff;
            let _ = (public_key(&changed), names_itself(&changed));
        }
    }
}
