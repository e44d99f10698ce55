//! The little of DER (X.690) that leads to the parts of a certificate of any version, RFC 5280 4.1.

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// One element.
pub(super) struct Element<'d> {
    pub(super) tag: u8,
    /// All of it.
    pub(super) whole: &'d [u8],
    /// What it holds.
    pub(super) held: &'d [u8],
    pub(super) behind: &'d [u8],
}

/// The first element; `None`: there is none, or it does not end.
pub(super) fn element(der: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(b, _)| (1..=4).contains(&b.len()))?;
        (bytes.iter().try_fold(0usize, |n, b| n.checked_mul(256)?.checked_add(usize::from(*b)))?, rest)
    };
    let (held, behind) = rest.split_at_checked(length)?;
    let whole = der.len().checked_sub(behind.len()).and_then(|n| der.get(..n))?;
    Some(Element { tag, whole, held, behind })
}

/// The elements in what another holds, as far as they can be read.
pub(super) fn elements(mut der: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || {
        let next = element(der)?;
        der = next.behind;
        Some(next)
    })
}

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
