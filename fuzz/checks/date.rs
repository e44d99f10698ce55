//! What holds of any bytes that are taken for a date.

use pipepost::message::date::Date;

/// Panics if something does not hold.
pub fn check(text: &[u8]) {
    for date in [Date::parse(text), Date::of_from_line(text)].into_iter().flatten() {
        assert_eq!(Date::parse(date.to_string().as_bytes()), Some(date), "{date}");
        // A year has four digits there.
        if date.seconds > 253_000_000_000 {
            continue;
        }
        let line = format!("From a@b {}", date.asctime());
        assert_eq!(Date::of_from_line(line.as_bytes()).map(|read| read.seconds), Some(date.seconds), "{line}");
        let _ = (date.rfc3339(), date.day());
    }
}
