//! The hashes of a body in all the ways that its signatures want, while it passes once.

use super::canonical::{BodyCanon, Canon};
use crate::message::digest::Sha256;

/// Hashes that are wanted.
#[derive(Default)]
pub(super) struct Bodies(Vec<One>);

struct One {
    canon: Canon,
    limit: Option<u64>,
    body: BodyCanon,
    hash: Hash,
}

struct Hash {
    digest: Sha256,
    left: u64,
    size: u64,
}

impl Hash {
    fn push(&mut self, bytes: &[u8]) {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        self.digest.push(bytes.get(..most).unwrap_or_default());
        self.left -= most as u64;
        self.size += bytes.len() as u64;
    }
}

/// A body's hash.
pub(super) struct Hashed {
    pub(super) digest: Vec<u8>,
    /// All that could have been hashed, in bytes.
    pub(super) size: u64,
}

impl Bodies {
    /// Wants that of the canonical body, or of its first `limit` bytes; says where it will be.
    pub(super) fn want(&mut self, canon: Canon, limit: Option<u64>) -> usize {
        self.0.iter().position(|one| (one.canon, one.limit) == (canon, limit)).unwrap_or_else(|| {
            let hash = Hash { digest: Sha256::default(), left: limit.unwrap_or(u64::MAX), size: 0 };
            self.0.push(One { canon, limit, body: BodyCanon::new(canon), hash });
            self.0.len() - 1
        })
    }

    /// The next bytes of the body.
    pub(super) fn push(&mut self, piece: &[u8]) {
        for one in &mut self.0 {
            let hash = &mut one.hash;
            one.body.push(piece, &mut |bytes| hash.push(bytes));
        }
    }

    /// The hashes, in the order of their places.
    pub(super) fn finish(self) -> Vec<Hashed> {
        let end = |mut one: One| {
            one.body.finish(&mut |bytes| one.hash.push(bytes));
            Hashed { digest: one.hash.digest.bytes(), size: one.hash.size }
        };
        self.0.into_iter().map(end).collect()
    }
}
