//! What the configuration says of the outgoing queue.

use crate::text::duration::written;
use std::time::Duration;

/// The table `[queue]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The shortest time between two attempts.
    pub retry_min: Duration,
    /// The longest, but for the tenth that chance adds.
    pub retry_max: Duration,
    /// The age at which the sender is told that it takes longer.
    pub warn_after: Duration,
    /// The age at which it is given up.
    pub expire_after: Duration,
    /// How long a message that may have been delivered waits before it is sent again.
    pub unknown_wait: Duration,
    /// Connections at once.
    pub connections: usize,
    /// Of these, to one next hop.
    pub per_destination: usize,
    /// The program that gets notifications instead of their being sent.
    pub hook: Option<Vec<String>>,
    /// The keys that the table has, each with its line.
    pub said: Vec<(String, usize)>,
}

impl Schedule {
    /// Its keys and their values, as the table would have them, and the lines of those that it has.
    #[must_use]
    pub fn shown(&self) -> Vec<(&'static str, String, Option<usize>)> {
        let time = |d: Duration| written(d);
        let mut all = vec![
            ("retry-min", time(self.retry_min)),
            ("retry-max", time(self.retry_max)),
            ("warn-after", time(self.warn_after)),
            ("expire-after", time(self.expire_after)),
            ("unknown-wait", time(self.unknown_wait)),
            ("connections", self.connections.to_string()),
            ("connections-per-destination", self.per_destination.to_string()),
        ];
        all.extend(self.hook.as_ref().map(|hook| ("hook", hook.join(" "))));
        let line = |name: &str| self.said.iter().find(|(key, _)| key == name).map(|(_, line)| *line);
        all.into_iter().map(|(name, value)| (name, value, line(name))).collect()
    }
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule {
            retry_min: Duration::from_secs(5 * 60),
            retry_max: Duration::from_secs(66 * 60),
            warn_after: Duration::from_secs(4 * 3600),
            expire_after: Duration::from_secs(5 * 24 * 3600),
            unknown_wait: Duration::from_secs(3600),
            connections: 8,
            per_destination: 2,
            hook: None,
            said: Vec::new(),
        }
    }
}
