//! [`Deadline`]: a point in time, never a time-out per read (a peer that drips a byte a minute resets those for ever).

use std::time::{Duration, Instant};

/// The instant after which an operation fails, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No bound.
    pub const NEVER: Deadline = Deadline(None);

    /// `d` from now. A `d` too long to be added to the clock is no bound.
    #[must_use]
    pub fn after(d: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(d))
    }

    /// The earlier of the two.
    #[must_use]
    pub fn or_earlier(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }

    /// The instant, if there is one.
    #[must_use]
    pub fn at(self) -> Option<Instant> {
        self.0
    }

    /// What is left, zero if it has passed; `None` without a bound.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether it has passed.
    #[must_use]
    pub fn passed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_one_counts() {
        let soon = Deadline::after(Duration::ZERO);
        assert!(soon.passed() && soon.or_earlier(Deadline::NEVER).passed());
        assert!(!Deadline::NEVER.passed() && Deadline::NEVER.left().is_none());
        assert!(Deadline::after(Duration::MAX).left().is_none());
        assert!(Deadline::after(Duration::from_secs(60)).or_earlier(soon).passed());
    }
}
