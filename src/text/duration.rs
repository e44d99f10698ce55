//! Lengths of time as people write them: `90s`, `5m`, `1h30m`, `2d`.

use std::time::Duration;

/// Reads `90`, `90s`, `5m`, `1h30m`, `2d`.
///
/// # Errors
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{}: not a duration like 30s, 5m, 1h", text);
    let (mut total, mut rest) = (0u64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = after.chars().next();
        let seconds = match unit {
            Some('s') => 1,
            None if number.len() == text.len() => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86400,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(seconds).and_then(|n| total.checked_add(n)).ok_or_else(wrong)?;
        rest = after.get(unit.map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    if total == 0 { Err(wrong()) } else { Ok(Duration::from_secs(total)) }
}

/// Writes it as [`duration`] reads it, whole seconds of it.
#[must_use]
pub fn written(time: Duration) -> String {
    let (mut left, mut out) = (time.as_secs(), String::new());
    for (unit, seconds) in [('d', 86400), ('h', 3600), ('m', 60), ('s', 1)] {
        if left >= seconds {
            out.push_str(&format!("{}{unit}", left / seconds));
            left %= seconds;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [("90", 90), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for (seconds, text) in [(0, "0s"), (90, "1m30s"), (5400, "1h30m"), (172_800, "2d"), (3960, "1h6m")] {
            assert_eq!(written(Duration::from_secs(seconds)), text);
        }
        for bad in ["", "0", "x", "5", "5m3", "-1s", "1y", "99999999999999999999s", "9999999999999999999d", "1é"] {
            assert_eq!(duration(bad).is_ok(), bad == "5", "{bad}");
        }
    }
}
