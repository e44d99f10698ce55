//! What the mechanisms compute with: HMAC, hashes, PBKDF2.

use super::mechanism::Hash;
use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use ring::{digest, hmac as ring_hmac, pbkdf2};
use std::num::NonZeroU32;

impl Hash {
    /// Of which size its results are, octets.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
        }
    }

    /// H(), RFC 5802 2.2.
    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    /// HMAC().
    pub(super) fn mac(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => ring_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => ring_hmac::HMAC_SHA256,
        };
        ring_hmac::sign(&ring_hmac::Key::new(algorithm, key), bytes).as_ref().to_vec()
    }

    /// Hi(), which is PBKDF2 with one block.
    pub(super) fn stretched(self, password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Secret {
        let algorithm = match self {
            Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        };
        let mut key = vec![0; self.size()];
        pbkdf2::derive(algorithm, iterations, salt, password.expose(), &mut key);
        Secret::new(key)
    }
}

/// HMAC-MD5 in hexadecimal: RFC 2195.
pub(super) fn mac_md5(key: &Secret, bytes: &[u8]) -> Secret {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key.expose()) else { return Secret::new(Vec::new()) };
    mac.update(bytes);
    hex(&mac.finalize().into_bytes())
}

/// MD5 in hexadecimal: RFC 1939 7.
pub(super) fn md5(parts: [&[u8]; 2]) -> Secret {
    let mut md5 = Md5::new();
    parts.iter().for_each(|part| md5.update(part));
    hex(&md5.finalize())
}

fn hex(bytes: &[u8]) -> Secret {
    let [small, _] = Secret::new(bytes.to_vec()).in_hex();
    small
}
