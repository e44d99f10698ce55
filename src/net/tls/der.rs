//! The parts of a certificate of any version, RFC 5280 4.1.

use crate::text::der::{Element, element};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

fn sequence(der: &[u8]) -> Option<Element<'_>> {
    element(der).filter(|element| element.tag == SEQUENCE)
}

/// The parts of a certificate that somebody asks for.
pub(super) struct Parts<'d> {
    /// Whole.
    pub(super) issuer: &'d [u8],
    /// What it holds.
    pub(super) validity: &'d [u8],
    /// Whole.
    pub(super) subject: &'d [u8],
    /// Whole: SubjectPublicKeyInfo.
    pub(super) key: &'d [u8],
    /// What stands behind the key: extensions, if there are any.
    pub(super) behind: &'d [u8],
}

/// The parts of a certificate; `None`: it is none.
pub(super) fn parts(certificate: &[u8]) -> Option<Parts<'_>> {
    let mut rest = sequence(sequence(certificate)?.held)?.held;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.behind;
    }
    let serial_number = element(rest)?;
    let signature = element(serial_number.behind)?;
    let issuer = element(signature.behind)?;
    let validity = element(issuer.behind)?;
    let subject = element(validity.behind)?;
    let key = sequence(subject.behind)?;
    Some(Parts {
        issuer: issuer.whole,
        validity: validity.held,
        subject: subject.whole,
        key: key.whole,
        behind: key.behind,
    })
}
