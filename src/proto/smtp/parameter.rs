//! The parameters of MAIL that ask for more than delivery: BY (RFC 2852), HOLDFOR and HOLDUNTIL (4865), MT-PRIORITY (6710).

use std::fmt;

/// The largest number of seconds that RFC 2852 and RFC 4865 can say.
const MOST: i64 = 999_999_999;

/// BY=, by when it is to be delivered, RFC 2852 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverBy {
    seconds: i64,
    returns: bool,
    trace: bool,
}

impl DeliverBy {
    /// Within this many `seconds`; if that can't be, the message `returns`, or else the sender is only told. `None`: too far
    /// away, or to be returned before it was sent.
    #[must_use]
    pub fn new(seconds: i64, returns: bool) -> Option<DeliverBy> {
        let possible = (-MOST..=MOST).contains(&seconds) && (seconds > 0 || !returns);
        possible.then_some(DeliverBy { seconds, returns, trace: false })
    }

    /// `seconds;R` or `seconds;N`, and `T` behind it.
    pub(super) fn parse(value: &str) -> Option<DeliverBy> {
        let (seconds, mode) = value.split_once(';')?;
        let digits = seconds.strip_prefix(['-', '+']).unwrap_or(seconds);
        if !(1..=9).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (returns, trace) = match mode.to_ascii_uppercase().as_str() {
            "R" => (true, false),
            "RT" => (true, true),
            "N" => (false, false),
            "NT" => (false, true),
            _ => return None,
        };
        let by = DeliverBy::new(seconds.parse().ok()?, returns)?;
        Some(DeliverBy { trace, ..by })
    }

    /// How many seconds are left; none or less if it is late.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.seconds
    }

    /// Whether the message is returned after them.
    #[must_use]
    pub fn returns(&self) -> bool {
        self.returns
    }

    /// The seconds, if the message is to be returned after them.
    #[must_use]
    pub fn returns_after(&self) -> Option<u64> {
        u64::try_from(self.seconds).ok().filter(|_| self.returns)
    }
}

impl fmt::Display for DeliverBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.returns { "R" } else { "N" };
        write!(f, "{};{mode}{}", self.seconds, if self.trace { "T" } else { "" })
    }
}

/// HOLDFOR= or HOLDUNTIL=, when it may go on, RFC 4865 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// After this many seconds.
    For(u64),
    /// From this instant on: in UTC, as RFC 3339 writes it.
    Until(String),
}

impl Hold {
    /// Seconds from now. `None`: none, or too many.
    #[must_use]
    pub fn for_seconds(seconds: u64) -> Option<Hold> {
        (seconds > 0 && seconds <= MOST.unsigned_abs()).then_some(Hold::For(seconds))
    }

    /// `YYYY-MM-DDThh:mm:ssZ`, with a fraction or without.
    #[must_use]
    pub fn until(text: &str) -> Option<Hold> {
        let (whole, rest) = text.split_at_checked(19)?;
        let like = |(b, form): (u8, u8)| if form == b'0' { b.is_ascii_digit() } else { b == form };
        let date = whole.bytes().zip(*b"0000-00-00T00:00:00").all(like);
        let fraction = rest.strip_suffix('Z')?;
        let fine = fraction.is_empty()
            || fraction.strip_prefix('.').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        (date && fine && text.len() <= 32).then(|| Hold::Until(text.to_owned()))
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::For(seconds) => write!(f, "HOLDFOR={seconds}"),
            Hold::Until(date) => write!(f, "HOLDUNTIL={date}"),
        }
    }
}

/// MT-PRIORITY=, how soon others have to wait for it: -9 to 9, RFC 6710 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority(i8);

impl Priority {
    /// `None` beyond -9 to 9.
    #[must_use]
    pub fn new(level: i8) -> Option<Priority> {
        (-9..=9).contains(&level).then_some(Priority(level))
    }

    /// The number.
    #[must_use]
    pub fn level(self) -> i8 {
        self.0
    }

    pub(super) fn parse(value: &str) -> Option<Priority> {
        let digit = value.strip_prefix('-').unwrap_or(value);
        if digit.len() != 1 || !digit.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Priority::new(value.parse().ok()?)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_when() {
        for text in ["120;R", "-5;N", "999999999;RT", "0;NT"] {
            assert_eq!(DeliverBy::parse(text).map(|by| by.to_string()).as_deref(), Some(text));
        }
        for bad in ["", "120", "120;", "120;X", "0;R", "-1;R", "1000000000;N", "+-1;N", "1 ;N", "12;RTT"] {
            assert_eq!(DeliverBy::parse(bad), None, "{bad}");
        }
        assert_eq!(DeliverBy::parse("60;R").unwrap().returns_after(), Some(60));
        assert_eq!(DeliverBy::parse("60;N").unwrap().returns_after(), None);
    }

    #[test]
    fn when_it_may_go() {
        assert_eq!(Hold::for_seconds(60).unwrap().to_string(), "HOLDFOR=60");
        assert_eq!((Hold::for_seconds(0), Hold::for_seconds(1_000_000_000)), (None, None));
        let until = "2026-12-01T08:00:00Z";
        assert_eq!(Hold::until(until).unwrap().to_string(), "HOLDUNTIL=2026-12-01T08:00:00Z");
        assert!(Hold::until("2026-12-01T08:00:00.25Z").is_some());
        for bad in ["", "2026-12-01", "2026-12-01T08:00:00", "2026-12-01T08:00:00+01:00", "2026-12-01T08:00:00.Z", "ü"]
        {
            assert_eq!(Hold::until(bad), None, "{bad}");
        }
    }

    #[test]
    fn how_soon() {
        for (text, level) in [("0", 0), ("9", 9), ("-9", -9)] {
            assert_eq!(Priority::parse(text), Priority::new(level));
        }
        for bad in ["10", "+1", "", "-", "x"] {
            assert_eq!(Priority::parse(bad), None, "{bad}");
        }
    }
}
