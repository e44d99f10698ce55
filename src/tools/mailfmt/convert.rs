//! `mailfmt convert`: messages from one form into another, one by one; no byte of them is changed.

use super::input::Input;
use super::output::Batches;
use super::records::Records;
use crate::cli::Outcome;
use crate::cli::into::{Into, fill};
use crate::net::Deadline;
use clap::Args;

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
        let mut batches = Batches::new(self.into.open_here(false, Deadline::NEVER)?);
        let exit = self.input.each(|item| {
            fill(&mut batches.sink, item.about.clone(), item.body)?;
            batches.ended().map(|()| true)
        })?;
        batches.end()?;
        Ok(exit)
    }

    fn records(self) -> Outcome {
        let mut records = Records::new(self.to_ndjson);
        let exit = self.input.each(|item| records.put(item.body))?;
        records.end()?;
        Ok(exit)
    }
}
