//! The end of a connection whose other side is still talking.

use super::{CHUNK, Wire};
use crate::net::deadline::Deadline;
use std::time::Duration;

/// So long a pause means that nothing more is on its way.
const PAUSE: Duration = Duration::from_millis(100);
/// So long, and so much, is listened to in all.
const TIME: Duration = Duration::from_secs(1);
const BYTES: usize = 8 << 20;

impl Wire {
    /// Listens to the rest of what is waiting, and to no word of it. A socket that is closed with input that nobody has read
    /// resets the connection, and what was said last is lost with that (RFC 1122 4.2.2.13): the reply that tells why.
    pub fn linger(&mut self) {
        let until = Deadline::after(TIME);
        self.until(until);
        if self.flush().is_err() {
            return;
        }
        let mut heard = 0;
        while self.has_input() && !self.ended && heard < BYTES && !until.passed() {
            self.start = self.input.len();
            heard += CHUNK;
            // The rest of a flood follows closely.
            let _ = self.io.ready(true, false, &[], Deadline::after(PAUSE).or_earlier(until));
        }
    }
}
