//! The two algorithms of signatures: rsa-sha256 (RFC 6376 3.3, 8301) and ed25519-sha256 (RFC 8463).

use crate::error::{Error, Result};
use crate::text::der::element;
use encodify::base64::STANDARD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ED25519, Ed25519KeyPair, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_SHA256, RsaKeyPair,
    UnparsedPublicKey,
};
use std::fmt;

/// The fewest bits that an RSA key may have, RFC 8301 3.2.
pub const FEWEST_BITS: usize = 1024;
/// AlgorithmIdentifier of rsaEncryption, RFC 8017 A.1.
const RSA: [u8; 15] = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// How it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaSha256,
    /// Ed25519 of the SHA-256.
    Ed25519Sha256,
}

impl Algorithm {
    /// By the name that `a=` has for it.
    #[must_use]
    pub fn named(name: &str) -> Option<Algorithm> {
        match name {
            "rsa-sha256" => Some(Algorithm::RsaSha256),
            "ed25519-sha256" => Some(Algorithm::Ed25519Sha256),
            _ => None,
        }
    }

    /// The name that `k=` has for its keys.
    #[must_use]
    pub fn key_type(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa",
            Algorithm::Ed25519Sha256 => "ed25519",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-sha256", self.key_type())
    }
}

/// Whether `signature` is that of `data` by the key: RSA as a SubjectPublicKeyInfo or RSAPublicKey, Ed25519 as its 32 bytes.
#[must_use]
pub fn verifies(algorithm: Algorithm, key: &[u8], data: &[u8], signature: &[u8]) -> bool {
    let verified = match algorithm {
        Algorithm::RsaSha256 => {
            let key = UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, rsa(key).unwrap_or(key));
            key.verify(data, signature)
        }
        Algorithm::Ed25519Sha256 => {
            UnparsedPublicKey::new(&ED25519, key).verify(digest(&SHA256, data).as_ref(), signature)
        }
    };
    verified.is_ok()
}

/// The RSAPublicKey (RFC 8017 A.1.1) of a key in either form.
fn rsa(key: &[u8]) -> Option<&[u8]> {
    let held = element(key)?.held;
    match held.strip_prefix(&RSA) {
        Some(bits) => element(bits)?.held.strip_prefix(&[0]),
        None => Some(key),
    }
}

/// How many bits the key has; `None`: it is none.
#[must_use]
pub fn bits(algorithm: Algorithm, key: &[u8]) -> Option<usize> {
    match algorithm {
        Algorithm::RsaSha256 => {
            let modulus = element(element(rsa(key)?)?.held).filter(|modulus| modulus.tag == 2)?.held;
            let zeros = modulus.iter().take_while(|b| **b == 0).count();
            let first = modulus.get(zeros)?;
            Some((modulus.len() - zeros) * 8 - usize::try_from(first.leading_zeros()).ok()?)
        }
        Algorithm::Ed25519Sha256 => (key.len() == 32).then_some(256),
    }
}

/// A private key.
pub enum PrivateKey {
    /// For rsa-sha256, 2048 to 8192 bits.
    Rsa(Box<RsaKeyPair>),
    /// For ed25519-sha256.
    Ed25519(Box<Ed25519KeyPair>),
}

impl PrivateKey {
    /// Reads a key: PEM with PKCS#1 or PKCS#8 in it, or the 32 bytes of an Ed25519 key in base64.
    ///
    /// # Errors
    /// 78: it is none of these, or an RSA key that is too short.
    pub fn parse(text: &[u8]) -> Result<PrivateKey> {
        let none = || Error::config("no private key: neither PEM (PKCS#1, PKCS#8) nor 32 bytes in base64");
        let text = std::str::from_utf8(text).map_err(|_| none())?;
        let Some((label, rest)) = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----")) else {
            let seed = STANDARD.decode(text.trim().as_bytes()).map_err(|_| none())?;
            let key = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| none())?;
            return Ok(PrivateKey::Ed25519(Box::new(key)));
        };
        let coded: String = rest.split("-----END").next().unwrap_or_default().split_whitespace().collect();
        let der = STANDARD.decode(coded.as_bytes()).map_err(|_| none())?;
        let rsa = match label {
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
            "PRIVATE KEY" => match Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
                Ok(key) => return Ok(PrivateKey::Ed25519(Box::new(key))),
                Err(_) => RsaKeyPair::from_pkcs8(&der),
            },
            "ENCRYPTED PRIVATE KEY" => return Err(Error::config("the private key is encrypted, and can't be used so")),
            _ => return Err(none()),
        };
        let rsa =
            rsa.map_err(|e| Error::config(format!("no private key of RSA (2048 bits or more) or Ed25519: {e}")))?;
        Ok(PrivateKey::Rsa(Box::new(rsa)))
    }

    /// What it is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            PrivateKey::Rsa(_) => Algorithm::RsaSha256,
            PrivateKey::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    /// Signs; the same data have the same signature.
    ///
    /// # Errors
    /// 74: the system has no random numbers, which protect the key meanwhile.
    pub fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        match self {
            PrivateKey::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let done = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature);
                done.map_err(|_| Error::io("the RSA signature failed: no random numbers"))?;
                Ok(signature)
            }
            PrivateKey::Ed25519(key) => Ok(key.sign(digest(&SHA256, data).as_ref()).as_ref().to_vec()),
        }
    }
}
