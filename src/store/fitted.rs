//! [`Fitted`]: a message as a server can take it that lacks what the message needs.

use super::spool::Spool;
use crate::body::Rewind;
use crate::error::Result;
use crate::message::facts::Facts;
use crate::message::recode::{Wanted, recode};

/// A message that was encoded for a server.
pub struct Fitted {
    /// Its bytes.
    pub spool: Spool,
    /// What it is like.
    pub facts: Facts,
}

impl Fitted {
    /// The message as it is `wanted`.
    ///
    /// # Errors
    /// 65: it can't be done without loss; 73, 74: temporary files; those of `message`.
    pub fn of(message: &mut dyn Rewind, wanted: Wanted) -> Result<Fitted> {
        let mut fitted = Fitted { spool: Spool::new(), facts: Facts::default() };
        let done = recode(message, wanted, &mut |bytes| {
            fitted.facts.push(bytes);
            fitted.spool.push(bytes)
        });
        done.map_err(|e| if wanted.seven_bit { e.at("the server does not offer 8BITMIME") } else { e })?;
        fitted.facts.end();
        Ok(fitted)
    }
}
