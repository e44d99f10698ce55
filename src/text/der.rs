//! The little of DER (X.690) that certificates and keys need: elements with lengths of up to four bytes.

/// One element.
pub struct Element<'d> {
    /// Its identifier octet.
    pub tag: u8,
    /// All of it.
    pub whole: &'d [u8],
    /// What it holds.
    pub held: &'d [u8],
    /// What follows it.
    pub behind: &'d [u8],
}

/// The first element; `None`: there is none, or it does not end.
#[must_use]
pub fn element(der: &[u8]) -> Option<Element<'_>> {
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
pub fn elements(mut der: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || {
        let next = element(der)?;
        der = next.behind;
        Some(next)
    })
}
