//! COMPRESS (RFC 4978).

use super::{Done, Session, bad, no, ok};
use crate::error::Result;
use crate::proto::imap::response::Response;

impl Session<'_> {
    /// Its answer is the last that is said plainly. Who is not logged in gets no memory for it.
    pub(super) fn compress(&mut self, tag: &str, mechanism: &str) -> Result<Done> {
        let refusal = if self.account.is_none() {
            Some(bad("log in first"))
        } else if self.wire.is_compressed() {
            Some(no("COMPRESSIONACTIVE", "it is compressed already"))
        } else if mechanism != "DEFLATE" {
            Some(bad("unknown compression"))
        } else if self.wire.has_input() {
            // Nobody could tell whether that is compressed.
            Some(bad("nothing may follow COMPRESS in one flight"))
        } else {
            None
        };
        if let Some(status) = refusal {
            return Ok(Done::Answer(status));
        }
        self.say(&Response::Tagged(tag.to_owned(), ok("compressed from here on")))?;
        self.wire.compress()?;
        Ok(Done::Answered)
    }
}
