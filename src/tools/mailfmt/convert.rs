//! `mailfmt convert`: messages from one form into another, one by one; no byte of them is changed.

use super::cursor::spool;
use super::describe;
use super::input::Input;
use super::screen::Screen;
use crate::body::Body;
use crate::cli::Outcome;
use crate::cli::into::{Into, fill};
use crate::error::Error;
use crate::net::Deadline;
use crate::store::sink::{BATCH, Sink};
use clap::Args;
use std::collections::BTreeMap;

/// Moves messages from one form into another: splits an mbox, joins files, fills a Maildir.
///
/// The input may be of several forms at once. Without --into the output is an mbox (mboxrd) on stdout. What the input says of
/// a message's time, sender and flags goes along where the target has a place for it.
#[derive(Args, Debug)]
pub(super) struct Convert {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    into: Into,
    /// stdout gets the messages with NUL at the end of each.
    #[arg(long, conflicts_with_all = ["into", "raw", "mbox", "to_ndjson"])]
    to_null: bool,
    /// stdout gets a JSON object a line, with raw or raw64: what smtp-send --ndjson reads.
    #[arg(long, conflicts_with_all = ["into", "raw", "mbox"])]
    to_ndjson: bool,
}

impl Convert {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        if self.to_null || self.to_ndjson {
            return self.records();
        }
        let mut sink = self.into.open_here(false, Deadline::NEVER)?;
        let mut waiting = 0;
        let exit = self.input.each(|item| {
            fill(&mut sink, item.about.clone(), item.body)?;
            sink.end()?;
            waiting += 1;
            if waiting == BATCH {
                waiting = 0;
                sink.commit()?;
            }
            Ok(true)
        })?;
        sink.commit()?;
        Ok(exit)
    }

    fn records(self) -> Outcome {
        let mut screen = Screen::new(true);
        let exit = self.input.each(|item| {
            if self.to_ndjson {
                let message = item.body.whole(MAX)?;
                let message = message.ok_or_else(|| Error::data(format!("more than {MAX} bytes")))?;
                screen.line(&describe::line(&whole(message))?)?;
            } else {
                // A message with NUL in it would read as two: it has to be known before its first byte is out.
                let mut nul = false;
                let mut spool = spool(item.body, |piece| nul |= memchr::memchr(0, piece).is_some())?;
                if nul {
                    return Err(Error::data("a NUL in the message"));
                }
                let mut body = spool.body()?;
                loop {
                    let piece = body.chunk()?;
                    if piece.is_empty() {
                        break;
                    }
                    screen.bytes(piece)?;
                }
                screen.bytes(b"\0")?;
            }
            if screen.is_gone() { Err(Error::io("stdout: Broken pipe")) } else { Ok(true) }
        })?;
        screen.flush()?;
        if screen.is_gone() { Err(Error::io("stdout: Broken pipe").into()) } else { Ok(exit) }
    }
}

/// The longest message that becomes a JSON line: its reader holds that in memory too.
pub(super) const MAX: usize = 32 << 20;

/// A message as `--ndjson` reads it.
fn whole(message: Vec<u8>) -> BTreeMap<&'static str, String> {
    BTreeMap::from([match String::from_utf8(message) {
        Ok(text) => ("raw", text),
        Err(e) => ("raw64", encodify::base64::STANDARD.encode(e.as_bytes())),
    }])
}
