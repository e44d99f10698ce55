//! `--rate`: so many messages in a time, evenly, over all connections.

use crate::error::{Error, Result};
use crate::net::Deadline;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    interval: Duration,
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let wrong = || format!("{text}: not a rate like 20/min, 5/s, 1000/h");
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let number: u32 = number.trim().parse().map_err(|_| wrong())?;
        let unit = match unit.trim() {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" | "hour" => 3600,
            "d" | "day" => 86400,
            _ => return Err(wrong()),
        };
        let interval = Duration::from_secs(unit).checked_div(number).ok_or_else(wrong)?;
        Ok(Rate { interval })
    }
}

/// When the next message may go.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<Rate>,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>) -> Pace {
        Pace { rate, next: Mutex::default() }
    }

    /// Waits for the turn of a message.
    ///
    /// # Errors
    /// 75: it comes after `until`.
    pub(super) fn wait(&self, until: Deadline) -> Result<()> {
        let Some(Rate { interval }) = self.rate else { return Ok(()) };
        let now = Instant::now();
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = next.map_or(now, |next| next.max(now));
            if until.at().is_some_and(|until| until < turn) {
                return Err(Error::temporary("the time is up before --rate lets the message go"));
            }
            *next = turn.checked_add(interval);
            turn
        };
        std::thread::sleep(turn.saturating_duration_since(now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let rate = |text: &str| text.parse::<Rate>().map(|rate| rate.interval.as_millis());
        assert_eq!(rate("20/min"), Ok(3000));
        assert_eq!(rate("5/s"), Ok(200));
        assert_eq!(rate("1000 / h"), Ok(3600));
        assert_eq!(rate("1/day"), Ok(86_400_000));
        for wrong in ["", "20", "0/s", "-1/s", "1/x", "1/2/s", "9999999999/s", "/s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn turns_are_apart() {
        let pace = Pace::new(Some("1000/s".parse().unwrap()));
        let begin = Instant::now();
        (0..20).for_each(|_| pace.wait(Deadline::NEVER).unwrap());
        assert!(begin.elapsed() >= Duration::from_millis(19));
        let slow = Pace::new(Some("1/h".parse().unwrap()));
        slow.wait(Deadline::after(Duration::from_secs(1))).unwrap();
        assert_eq!(slow.wait(Deadline::after(Duration::from_secs(1))).unwrap_err().exit().code(), 75);
        Pace::new(None).wait(Deadline::NEVER).unwrap();
    }
}
