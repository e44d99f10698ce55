//! Sizes as people write them: `4096`, `100k`, `10M`.

/// Reads `4096`, `100k`, `10M`, `2G`: octets, kibi-, mebi- or gibioctets.
///
/// # Errors
/// What is wrong with it.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text}: not a size like 4096, 100k, 10M");
    let (number, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (text.get(..at), 10),
        Some((at, 'M' | 'm')) => (text.get(..at), 20),
        Some((at, 'G' | 'g')) => (text.get(..at), 30),
        _ => (Some(text), 0),
    };
    let number = number.filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())).ok_or_else(wrong)?;
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, octets) in [("0", 0), ("4096", 4096), ("100k", 102_400), ("10M", 10 << 20), ("2G", 2 << 30)] {
            assert_eq!(size(text), Ok(octets));
        }
        for bad in ["", "k", "-1", "1.5M", "1é", "1T", "+1", "99999999999999999999", "99999999999999G"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
