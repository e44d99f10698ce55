//! What the configuration says of the outgoing queue.

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
        }
    }
}
