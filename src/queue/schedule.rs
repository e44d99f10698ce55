//! When a message is tried again.

use crate::config::queue::Schedule;
use std::time::Duration;

/// Seconds of a duration.
pub(super) fn seconds(d: Duration) -> i64 {
    i64::try_from(d.as_secs()).unwrap_or(i64::MAX)
}

/// How many seconds a message of this age waits: its age, within the bounds, and up to a tenth more by `chance`, so that
/// those who have failed together do not come back together.
#[must_use]
pub fn wait(schedule: &Schedule, age: i64, chance: u64) -> i64 {
    let (min, max) = (seconds(schedule.retry_min), seconds(schedule.retry_max));
    let base = age.clamp(min, max.max(min));
    let tenth = u64::try_from(base / 10).unwrap_or(0);
    let more = i64::try_from(chance % tenth.saturating_add(1)).unwrap_or(0);
    base.saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_as_long_as_it_is_old_within_bounds() {
        let s = Schedule::default();
        assert_eq!((wait(&s, -5, 0), wait(&s, 0, 0), wait(&s, 301, 0)), (300, 300, 301));
        assert_eq!((wait(&s, 3960, 0), wait(&s, i64::MAX, 0)), (3960, 3960));
        for chance in [0, 1, 29, 30, 31, u64::MAX] {
            assert!((300..=330).contains(&wait(&s, 0, chance)), "{chance}");
        }
        // From the first failure to the end: about a hundred attempts, not thousands.
        let (mut age, mut attempts) = (0, 0);
        while age < seconds(s.expire_after) {
            age += wait(&s, age, 0);
            attempts += 1;
        }
        assert!((90..140).contains(&attempts), "{attempts}");
        let odd = Schedule { retry_min: Duration::from_secs(10), retry_max: Duration::from_secs(1), ..s };
        assert_eq!(wait(&odd, 100, 0), 10);
    }
}
