//! Dates: RFC 5322 3.3 with the obsolete zones, RFC 3339, asctime(3). No clock here. IMAP's forms are in `proto::imap::date`.

use std::borrow::Cow;
use std::fmt;

/// A point in time with the zone that its writer was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Seconds since 1970-01-01 00:00:00 UTC, without leap seconds.
    pub seconds: i64,
    /// Minutes east of UTC, within a day.
    pub zone: i32,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// A date and time taken apart.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    weekday: usize,
}

impl Date {
    /// A point in time in UTC.
    #[must_use]
    pub fn utc(seconds: i64) -> Date {
        Date { seconds, zone: 0 }
    }

    /// Reads the value of a `Date:` field: day name, seconds and zone may be missing, comments and folding may be anywhere,
    /// years may have two or three digits, zones may be names (`EST`, `UT`, a military letter counts as +0000).
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Date> {
        let text = without_comments(value);
        let mut words = text.split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|w| !w.is_empty()).peekable();
        if words.peek()?.bytes().all(|b| b.is_ascii_alphabetic()) {
            words.next();
        }
        let day = number(words.next()?, 1, 2)?;
        let month = month(words.next()?)?;
        let year = words.next()?;
        let year = match (number(year, 2, 9)?, year.len()) {
            (y, 2) if y < 50 => y + 2000,
            (y, 2 | 3) => y + 1900,
            (y, _) => y,
        };
        let (hour, minute, second) = time(words.next()?)?;
        let zone = words.next().map_or(Some(0), zone)?;
        Date::from_civil(&Civil { year, month, day, hour, minute, second, weekday: 0 }, zone)
    }

    fn from_civil(c: &Civil, zone: i32) -> Option<Date> {
        let days = days_of(c.year, c.month, c.day)?;
        let local = days * 86_400 + c.hour * 3600 + c.minute * 60 + c.second;
        Some(Date { seconds: local - i64::from(zone) * 60, zone })
    }

    /// The calendar day that the writer saw, in days since 1970-01-01: what IMAP's `SENTON` and `ON` compare.
    #[must_use]
    pub fn day(&self) -> i64 {
        self.local().div_euclid(86_400)
    }

    fn local(&self) -> i64 {
        self.seconds.saturating_add(i64::from(self.zone) * 60)
    }

    /// As RFC 3339 has it, in the writer's zone: `2026-11-22T22:16:00+00:00`.
    #[must_use]
    pub fn rfc3339(&self) -> String {
        let mut out = String::with_capacity("2026-11-22T22:16:00+00:00".len());
        self.push_rfc3339(&mut out);
        out
    }

    /// The same behind what is there.
    pub fn push_rfc3339(&self, out: &mut String) {
        let c = civil(self.local());
        let (sign, zone) = (if self.zone < 0 { '-' } else { '+' }, i64::from(self.zone.unsigned_abs()));
        if (0..=9999).contains(&c.year) {
            push_two(out, c.year / 100);
            push_two(out, c.year % 100);
        } else {
            out.push_str(&format!("{:04}", c.year));
        }
        let parts = [
            ('-', c.month),
            ('-', c.day),
            ('T', c.hour),
            (':', c.minute),
            (':', c.second),
            (sign, zone / 60),
            (':', zone % 60),
        ];
        for (before, n) in parts {
            out.push(before);
            push_two(out, n);
        }
    }

    /// Reads what [`Date::asctime`] writes at the end of an mbox `From ` line; a zone may stand before or behind the year.
    #[must_use]
    pub fn of_from_line(line: &[u8]) -> Option<Date> {
        let text = String::from_utf8_lossy(line);
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let at = words.iter().rposition(|word| word.contains(':') && time(word).is_some())?;
        let word = |n: usize| words.get(n).copied();
        let (hour, minute, second) = time(word(at)?)?;
        let (month, day) = (month(word(at.checked_sub(2)?)?)?, number(word(at.checked_sub(1)?)?, 1, 2)?);
        let behind = words.get(at + 1..)?;
        let year = behind.iter().find_map(|word| number(word, 4, 4))?;
        let zone = behind.iter().find_map(|word| if word.len() == 4 { None } else { zone(word) }).unwrap_or(0);
        Date::from_civil(&Civil { year, month, day, hour, minute, second, weekday: 0 }, zone)
    }

    /// As asctime(3), in UTC: what follows the address in an mbox `From ` line: `Sun Nov 22 22:16:00 2026`.
    #[must_use]
    pub fn asctime(&self) -> String {
        let c = civil(self.seconds);
        format!(
            "{} {} {:2} {:02}:{:02}:{:02} {:04}",
            day_name(c.weekday),
            month_name(c.month),
            c.day,
            c.hour,
            c.minute,
            c.second,
            c.year
        )
    }
}

/// As in a `Date:` field: `Sun, 22 Nov 2026 22:16:00 +0000`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = civil(self.local());
        write!(
            f,
            "{}, {} {} {:04} {:02}:{:02}:{:02} {}",
            day_name(c.weekday),
            c.day,
            month_name(c.month),
            c.year,
            c.hour,
            c.minute,
            c.second,
            zone_digits(self.zone)
        )
    }
}

fn number(text: &str, min: usize, max: usize) -> Option<i64> {
    let good = (min..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if good { text.parse().ok() } else { None }
}

/// A number below 100.
fn push_two(out: &mut String, n: i64) {
    for digit in [n / 10, n % 10] {
        out.push(u32::try_from(digit).ok().and_then(|digit| char::from_digit(digit, 10)).unwrap_or('0'));
    }
}

fn month(text: &str) -> Option<i64> {
    let three = text.get(..3)?;
    let at = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(three))?;
    i64::try_from(at + 1).ok()
}

fn time(text: &str) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(':');
    let hour = number(parts.next()?, 1, 2)?;
    let minute = number(parts.next()?, 1, 2)?;
    let second = parts.next().map_or(Some(0), |s| number(s, 1, 2))?;
    (parts.next().is_none() && hour < 24 && minute < 60 && second < 61).then_some((hour, minute, second))
}

fn zone(text: &str) -> Option<i32> {
    let signed = |sign: i32, digits: &str| {
        let n = i32::try_from(number(digits, 4, 4)?).ok()?;
        (n % 100 < 60 && n < 2400).then_some(sign * (n / 100 * 60 + n % 100))
    };
    if let Some(digits) = text.strip_prefix('+') {
        return signed(1, digits);
    }
    if let Some(digits) = text.strip_prefix('-') {
        return signed(-1, digits);
    }
    let hours = match text.to_ascii_uppercase().as_str() {
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        _ => 0,
    };
    Some(hours * 60)
}

/// The text with every comment (nested, with quoted pairs) turned into a blank, and its line ends too.
fn without_comments(value: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(value)
        && value.iter().all(|b| matches!(b, b' '..=b'~') && *b != b'(')
    {
        return text.into();
    }
    let mut out = String::with_capacity(value.len().min(64));
    let mut depth = 0usize;
    let mut bytes = value.iter();
    while let Some(&b) = bytes.next() {
        match b {
            b'(' => depth += 1,
            b')' if depth > 0 => {
                depth -= 1;
                out.push(' ');
            }
            b'\\' if depth > 0 => {
                bytes.next();
            }
            _ if depth > 0 => {}
            b if b.is_ascii_graphic() => out.push(char::from(b)),
            _ => out.push(' '),
        }
    }
    out.into()
}

/// Days since 1970-01-01 of a day of the Gregorian calendar; `None` if there is no such day.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) || !(0..=999_999_999).contains(&year) {
        return None;
    }
    // Years that begin in March, in eras of 400, as in "chrono-Compatible Low-Level Date Algorithms" (H. Hinnant).
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn civil(local: i64) -> Civil {
    let (days, of_day) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let y = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * y + y / 4 - y / 100);
    let m = (5 * of_year + 2) / 153;
    let month = if m < 10 { m + 3 } else { m - 9 };
    Civil {
        year: y + era * 400 + i64::from(month <= 2),
        month,
        day: of_year - (153 * m + 2) / 5 + 1,
        hour: of_day / 3600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
        weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or_default(),
    }
}

fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|m| MONTHS.get(m)).copied().unwrap_or_default()
}

fn day_name(weekday: usize) -> &'static str {
    DAYS.get(weekday).copied().unwrap_or_default()
}

fn zone_digits(zone: i32) -> String {
    let sign = if zone < 0 { '-' } else { '+' };
    let zone = zone.unsigned_abs();
    format!("{sign}{:02}{:02}", zone / 60, zone % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_of_the_rfcs_and_of_the_wild() {
        for (text, seconds, zone) in [
            ("Fri, 21 Nov 1997 09:55:06 -0600", 880_127_706, -360),
            ("21 Nov 97 09:55:06 GMT", 880_106_106, 0),
            ("Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland (Time\\)))", -27_723_480, -210),
            ("Thu, 1 Jan 1970 00:00:60 +0000", 60, 0),
            ("Tue, 1 Jul 2003 10:52:37 +0200", 1_057_049_557, 120),
            ("1 January 2000 0:0 EST", 946_702_800, -300),
            ("29 Feb 2000 00:00:00", 951_782_400, 0),
            ("Mon, 1 Jan 101 00:00:00 +0000", 978_307_200, 0),
            ("1 Jan 1970 00:00:00 Z", 0, 0),
        ] {
            assert_eq!(Date::parse(text.as_bytes()), Some(Date { seconds, zone }), "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "31 Apr 2020 00:00:00 +0000",
            "29 Feb 1900 00:00 +0000",
            "1 Foo 2000 00:00",
            "1 Jan 2000",
            "1 Jan 2000 25:00",
            "1 Jan 99999999999999999999 00:00",
            "1 Jan 2000 00:00 +9999",
            "1 Jan 2000 00:00 +1",
            "((((",
        ] {
            assert_eq!(Date::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn written_forms() {
        let d = Date { seconds: 880_127_706, zone: -360 };
        assert_eq!(d.to_string(), "Fri, 21 Nov 1997 09:55:06 -0600");
        assert_eq!(d.asctime(), "Fri Nov 21 15:55:06 1997");
        assert_eq!(Date { seconds: 0, zone: -60 }.day(), -1);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds in -62_100_000_000i64..253_402_200_000, zone in -1439i32..1440) {
            let d = Date { seconds, zone };
            // Years below 1000 are read as the obsolete two and three digits only if they were written so.
            prop_assert_eq!(Date::parse(d.to_string().as_bytes()), Some(d));
        }

        #[test]
        fn agrees_with_chrono(seconds in -62_000_000_000i64..250_000_000_000) {
            let c = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
            prop_assert_eq!(Date::utc(seconds).to_string(), c.format("%a, %-d %b %Y %H:%M:%S +0000").to_string());
        }

        #[test]
        fn anything_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), seconds: i64, zone in -1439i32..1440) {
            let _ = Date::parse(&bytes);
            let _ = Date { seconds, zone }.to_string();
        }
    }
}
