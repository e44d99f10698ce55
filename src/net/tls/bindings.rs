//! Channel bindings: what both ends of a TLS connection know and somebody in the middle does not, `tls-exporter` (RFC 9266) and
//! `tls-server-end-point` (RFC 5929 4).
//!
//! Left out: `tls-unique`; and the exporter of TLS 1.2, which says nothing without extended master secrets (RFC 9266 3), of which
//! nobody tells us.

use crate::text::der::{element, elements};
use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use rustls::{Connection, ProtocolVersion};

/// The registered name of each binding that a connection has, and its data; the best first.
pub type Bindings = Vec<(&'static str, Vec<u8>)>;

/// RFC 9266 2.
const LABEL: &[u8] = b"EXPORTER-Channel-Binding";
const LENGTH: usize = 32;

/// RSA of PKCS #1 (RFC 8017), ECDSA (RFC 5758) and hashes (RFC 5754), without the last arc.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4];
const ECDSA_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3];
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];

/// Those of a connection whose server shows this certificate.
pub(super) fn of(connection: &Connection, certificate: Option<&[u8]>) -> Bindings {
    let mut found = Bindings::new();
    if connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
        && let Ok(exported) = connection.export_keying_material([0; LENGTH], LABEL, Some(b""))
    {
        found.push(("tls-exporter", exported.to_vec()));
    }
    if let Some(certificate) = certificate
        && let Some(algorithm) = hash_of(certificate)
    {
        found.push(("tls-server-end-point", digest(algorithm, certificate).as_ref().to_vec()));
    }
    found
}

/// The hash that RFC 5929 4.1 wants: that of the signature, but at least SHA-256. `None`: the signature has none of its own
/// (Ed25519), or one that is not known here, so there is no such binding.
fn hash_of(certificate: &[u8]) -> Option<&'static Algorithm> {
    let algorithm = elements(element(certificate)?.held).nth(1)?;
    let oid = element(algorithm.held)?;
    let (last, arcs) = oid.held.split_last()?;
    match (arcs, last) {
        (RSA, 4 | 5 | 11) | (ECDSA, 1) | (ECDSA_SHA2, 2) => Some(&SHA256),
        (RSA, 12) | (ECDSA_SHA2, 3) => Some(&SHA384),
        (RSA, 13) | (ECDSA_SHA2, 4) => Some(&SHA512),
        (RSA, 10) => of_pss(element(oid.behind)?.held),
        _ => None,
    }
}

/// The hash in RSASSA-PSS-params, RFC 4055 3.1; SHA-1 if none is named.
fn of_pss(params: &[u8]) -> Option<&'static Algorithm> {
    let Some(named) = element(params).filter(|first| first.tag == 0xa0) else { return Some(&SHA256) };
    let oid = element(element(named.held)?.held)?;
    let (last, arcs) = oid.held.split_last()?;
    match (arcs, last) {
        (SHA2, 1) => Some(&SHA256),
        (SHA2, 2) => Some(&SHA384),
        (SHA2, 3) => Some(&SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(tag: u8, held: &[&[u8]]) -> Vec<u8> {
        let held = held.concat();
        [&[tag, u8::try_from(held.len()).unwrap()], held.as_slice()].concat()
    }

    fn certificate(oid: &[u8], params: &[u8]) -> Vec<u8> {
        let algorithm = wrapped(0x30, &[&wrapped(6, &[oid]), params]);
        wrapped(0x30, &[&wrapped(0x30, &[b"to be signed"]), &algorithm, &wrapped(3, &[b"signature"])])
    }

    #[test]
    fn the_hash_of_the_signature() {
        for (arcs, last, expected) in [
            (RSA, 4, Some(&SHA256)),
            (RSA, 5, Some(&SHA256)),
            (RSA, 11, Some(&SHA256)),
            (RSA, 12, Some(&SHA384)),
            (RSA, 13, Some(&SHA512)),
            (RSA, 14, None),
            (ECDSA, 1, Some(&SHA256)),
            (ECDSA_SHA2, 2, Some(&SHA256)),
            (ECDSA_SHA2, 3, Some(&SHA384)),
            (ECDSA_SHA2, 4, Some(&SHA512)),
            // Ed25519.
            (&[0x2b, 0x65], 0x70, None),
        ] {
            assert_eq!(hash_of(&certificate(&[arcs, &[last]].concat(), b"")), expected, "{arcs:?} {last}");
        }
        let pss = [RSA, &[10]].concat();
        for (last, expected) in [(1, Some(&SHA256)), (2, Some(&SHA384)), (3, Some(&SHA512)), (4, None)] {
            let hash = wrapped(0x30, &[&wrapped(6, &[SHA2, &[last]])]);
            let params = wrapped(0x30, &[&wrapped(0xa0, &[&hash])]);
            assert_eq!(hash_of(&certificate(&pss, &params)), expected);
        }
        assert_eq!(hash_of(&certificate(&pss, &wrapped(0x30, &[]))), Some(&SHA256));
        assert_eq!(hash_of(&certificate(&pss, b"")), None);
        for n in 0..40 {
            assert!(hash_of(&certificate(&pss, b"")[..n.min(30)]).is_none());
        }
    }
}
