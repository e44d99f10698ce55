//! Messages one behind the other on stdout: with NUL at the end of each, or as JSON lines.

use super::cursor::pour;
use super::describe;
use super::screen::Screen;
use crate::body::Body;
use crate::error::{Error, Result};
use crate::store::spool::Spool;
use std::collections::BTreeMap;

/// The longest message that becomes a JSON line: its reader holds that in memory too.
pub(super) const MAX: usize = 32 << 20;
/// Of a longer message the end is kept in a file until it is known that there is no NUL in it.
const HELD: usize = 1 << 20;

/// Takes messages.
pub(super) struct Records {
    screen: Screen,
    ndjson: bool,
    held: Vec<u8>,
}

impl Records {
    /// JSON lines, or messages that end with NUL.
    pub(super) fn new(ndjson: bool) -> Records {
        Records { screen: Screen::new(true), ndjson, held: Vec::new() }
    }

    /// One message; never says that this was enough.
    ///
    /// # Errors
    /// 65: it can't be such a record; 74: nobody reads any more; those of the body.
    pub(super) fn put(&mut self, body: &mut dyn Body) -> Result<bool> {
        if self.ndjson {
            let message = body.whole(MAX)?;
            let message = message.ok_or_else(|| Error::data(format!("more than {MAX} bytes")))?;
            self.screen.line(&describe::line(&whole(message))?)?;
        } else {
            self.null(body)?;
        }
        self.there()
    }

    /// A message with NUL in it would read as two: it has to be known before its first byte is out.
    fn null(&mut self, body: &mut dyn Body) -> Result<()> {
        self.held.clear();
        let (mut end, mut nul) = (Spool::new(), false);
        let held = &mut self.held;
        pour(body, &mut |piece| {
            nul |= memchr::memchr(0, piece).is_some();
            if end.is_empty() && held.len() + piece.len() <= HELD {
                held.extend_from_slice(piece);
                return Ok(());
            }
            end.push(piece)
        })?;
        if nul {
            return Err(Error::data("a NUL in the message"));
        }
        self.screen.bytes(&self.held)?;
        pour(&mut end.body()?, &mut |piece| self.screen.bytes(piece))?;
        self.screen.bytes(b"\0")
    }

    fn there(&self) -> Result<bool> {
        if self.screen.is_gone() { Err(Error::io("stdout: Broken pipe")) } else { Ok(true) }
    }

    /// The last message was taken.
    ///
    /// # Errors
    /// 74: nobody reads any more, a message is lost.
    pub(super) fn end(mut self) -> Result<()> {
        self.screen.flush()?;
        self.there().map(|_| ())
    }
}

/// A message as `--ndjson` reads it.
fn whole(message: Vec<u8>) -> BTreeMap<&'static str, String> {
    BTreeMap::from([match String::from_utf8(message) {
        Ok(text) => ("raw", text),
        Err(e) => ("raw64", encodify::base64::STANDARD.encode(e.as_bytes())),
    }])
}
