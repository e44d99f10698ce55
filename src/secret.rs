//! [`Secret`]: a password or token that is not printed by accident and is wiped when it is dropped.

use std::fmt;
use zeroize::Zeroizing;

/// Bytes that nobody prints: no `Display`, `Debug` says `***`, the memory is overwritten on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that puts them on the wire or compares them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes in hexadecimal, in small and in capital letters.
    #[must_use]
    pub fn in_hex(&self) -> [Secret; 2] {
        let digits = |digits: &[u8; 16]| {
            let digit = |n: u8| digits.get(usize::from(n)).copied().unwrap_or_default();
            // Reserved at once, so that no part of it stays behind.
            let mut hex = Vec::with_capacity(self.0.len() * 2);
            self.0.iter().for_each(|b| hex.extend([digit(b >> 4), digit(b & 15)]));
            Secret::new(hex)
        };
        [digits(b"0123456789abcdef"), digits(b"0123456789ABCDEF")]
    }

    /// Compares in a time that depends on the lengths only, so that a guesser learns nothing from it.
    #[must_use]
    pub fn same(&self, other: &[u8]) -> bool {
        let mut differ = u8::from(self.0.len() != other.len());
        for (i, b) in other.iter().enumerate() {
            differ |= b ^ self.0.get(i).copied().unwrap_or(0);
        }
        std::hint::black_box(differ) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_it_and_comparison_is_exact() {
        let s = Secret::new(b"tulip".to_vec());
        assert_eq!(format!("{s:?}"), "***");
        let hex = Secret::new(b"\x00\x7f\xab".to_vec()).in_hex();
        assert!(hex[0].same(b"007fab") && hex[1].same(b"007FAB"));
        assert!(s.same(b"tulip"));
        for other in [&b"tulips"[..], b"tuli", b"", b"Tulip"] {
            assert!(!s.same(other));
        }
    }
}
