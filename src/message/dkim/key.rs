//! The record of a public key, RFC 6376 3.6.1: the TXT at `SELECTOR._domainkey.DOMAIN`.

use super::crypto::{Algorithm, FEWEST_BITS, bits};
use super::{Problem, Verdict};
use crate::message::dkim::tags::Tags;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    /// Its bytes.
    pub(super) key: Vec<u8>,
    /// Its size in bits.
    pub(super) bits: usize,
    /// `t=y`: the domain is testing.
    pub(super) testing: bool,
    /// `t=s`: what signs is the domain itself, none below it.
    pub(super) strict: bool,
}

/// The key for `algorithm` in what the DNS has: the first record that is one.
///
/// # Errors
/// Why none of them is: that of the first.
pub(super) fn find<'r>(
    records: impl IntoIterator<Item = &'r [u8]>,
    algorithm: Algorithm,
) -> Result<PublicKey, Problem> {
    let mut why = None;
    for record in records {
        match PublicKey::parse(record, algorithm) {
            Ok(key) => return Ok(key),
            Err(problem) => why = why.or(Some(problem)),
        }
    }
    Err(why.unwrap_or_else(|| Problem::permanent("no key")))
}

impl PublicKey {
    fn parse(record: &[u8], algorithm: Algorithm) -> Result<PublicKey, Problem> {
        let tags = Tags::parse(record).map_err(|why| Problem::permanent(format!("the key's record: {why}")))?;
        if tags.get("v").is_some_and(|version| version != "DKIM1" || !tags.begins_with("v")) {
            return Err(Problem::permanent("the key's record is of another version"));
        }
        if tags.get("k").unwrap_or("rsa") != algorithm.key_type() {
            return Err(Problem::permanent("the key is for another algorithm"));
        }
        if tags.get("h").is_some() && !tags.list("h").any(|hash| hash == "sha256") {
            return Err(Problem::permanent("the key is for another hash"));
        }
        if tags.get("s").is_some() && !tags.list("s").any(|service| service == "*" || service == "email") {
            return Err(Problem::permanent("the key is not for mail"));
        }
        let key = tags.bytes("p").ok_or_else(|| Problem::permanent("the key's record has no key"))?;
        let key = key.map_err(|_| Problem::permanent("the key is no base64"))?;
        if key.is_empty() {
            return Err(Problem::permanent("the key was revoked"));
        }
        let bits = bits(algorithm, &key).ok_or_else(|| Problem::permanent("the key can't be read"))?;
        if algorithm == Algorithm::RsaSha256 && bits < FEWEST_BITS {
            let reason = format!("the key has {bits} bits, fewer than {FEWEST_BITS}");
            return Err(Problem { verdict: Verdict::Fail, reason });
        }
        let flag = |name: &str| tags.list("t").any(|flag| flag == name);
        Ok(PublicKey { testing: flag("y"), strict: flag("s"), key, bits })
    }
}
