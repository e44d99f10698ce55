//! IMAP's two ways to write a time: `date` (`1-Feb-1994`) and `date-time` (`" 1-Feb-1994 21:52:25 -0800"`).

use super::lex::{Lex, Parsed, Syntax};
use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Timelike};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn month_name(month: u32) -> &'static str {
    MONTHS.get((month as usize).saturating_sub(1)).copied().unwrap_or("Jan")
}

fn parse_day(text: &str) -> Option<NaiveDate> {
    let mut words = text.split('-');
    let digits = |w: &&str| w.bytes().all(|b| b.is_ascii_digit());
    let day = words.next().filter(|d| (1..=2).contains(&d.len())).filter(digits)?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(name))?;
    let year = words.next().filter(|y| y.len() == 4).filter(digits)?.parse().ok()?;
    match words.next() {
        None => NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?.checked_add(1)?, day),
        Some(_) => None,
    }
}

/// Reads a `date`, perhaps in quotes.
///
/// # Errors
/// If there is none, or there is no such day.
pub fn parse_date(l: &mut Lex<'_>) -> Parsed<NaiveDate> {
    let at = l.position();
    let text = l.astring()?;
    let day = std::str::from_utf8(&text).ok().and_then(parse_day);
    day.ok_or_else(|| Syntax::new(at, "expected a date like 1-Feb-1994"))
}

/// Writes a `date`.
#[must_use]
pub fn date(d: NaiveDate) -> String {
    format!("{}-{}-{:04}", d.day(), month_name(d.month()), d.year())
}

/// Reads a `date-time`, which is always in quotes.
///
/// # Errors
/// If there is none, or there is no such time.
pub fn parse_date_time(l: &mut Lex<'_>) -> Parsed<DateTime<FixedOffset>> {
    let at = l.position();
    let text = l.quoted()?;
    let time = std::str::from_utf8(&text).ok().and_then(parse_time);
    time.ok_or_else(|| Syntax::new(at, "expected a date-time like \" 1-Feb-1994 21:52:25 -0800\""))
}

fn parse_time(text: &str) -> Option<DateTime<FixedOffset>> {
    let mut words = text.split(' ').filter(|w| !w.is_empty());
    let day = parse_day(words.next()?)?;
    let two =
        |w: Option<&str>| w.filter(|w| w.len() == 2 && w.bytes().all(|b| b.is_ascii_digit()))?.parse::<u32>().ok();
    let mut clock = words.next()?.split(':');
    let (hour, minute, second) = (two(clock.next())?, two(clock.next())?, two(clock.next())?);
    let zone = words.next()?;
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = (two(zone.get(1..3))?, two(zone.get(3..))?);
    if clock.next().is_some() || words.next().is_some() || minutes > 59 {
        return None;
    }
    let east = i32::try_from(hours * 3600 + minutes * 60).ok()? * sign;
    // A leap second is the last second of its minute, as everywhere in Unix.
    day.and_hms_opt(hour, minute, second.min(if second == 60 { 59 } else { second }))?
        .and_local_timezone(FixedOffset::east_opt(east)?)
        .single()
}

/// Writes a `date-time`, with its quotes.
#[must_use]
pub fn date_time(t: &DateTime<FixedOffset>) -> String {
    let east = t.offset().local_minus_utc();
    let (sign, zone) = if east < 0 { ('-', east.unsigned_abs()) } else { ('+', east.unsigned_abs()) };
    format!(
        "\"{:2}-{}-{:04} {:02}:{:02}:{:02} {sign}{:02}{:02}\"",
        t.day(),
        month_name(t.month()),
        t.year(),
        t.hour(),
        t.minute(),
        t.second(),
        zone / 3600,
        zone / 60 % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_times() {
        for text in
            ["\"17-Jul-1996 02:44:25 -0700\"", "\" 1-Feb-1994 21:52:25 +0000\"", "\"31-Dec-2025 23:59:59 +0530\""]
        {
            let t = parse_date_time(&mut Lex::new(text.as_bytes())).unwrap();
            assert_eq!(date_time(&t), text);
        }
        let t = parse_date_time(&mut Lex::new(b"\"17-jul-1996 02:44:25 -0700\"")).unwrap();
        assert_eq!(t.timestamp(), 837_596_665);
        assert!(parse_date_time(&mut Lex::new(b"\"31-Dec-2016 23:59:60 +0000\"")).is_ok());
        for bad in [
            "",
            "17-Jul-1996 02:44:25 -0700",
            "\"32-Jul-1996 02:44:25 -0700\"",
            "\"17-Jul-1996 24:44:25 -0700\"",
            "\"17-Jul-1996 02:44 -0700\"",
            "\"17-Jul-1996 02:44:25 -07000\"",
            "\"17-Jul-1996 02:44:25 GMT\"",
            "\"17-Jul-1996 02:44:25 +9900\"",
            "\"17-Jul-1996 02:44:25 -0099\"",
            "\"17-Jul-1996 02:44:25 \u{e9}x00\"",
            "\"+1-Jul-1996 02:44:25 +0000\"",
            "\"17-Jul-1996 02:44:61 +0000\"",
        ] {
            assert!(parse_date_time(&mut Lex::new(bad.as_bytes())).is_err(), "{bad}");
        }
    }
}
