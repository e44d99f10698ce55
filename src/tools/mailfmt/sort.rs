//! `mailfmt sort`: messages in another order.

use super::head::complete;
use super::input::Input;
use super::output::Output;
use crate::cli::Outcome;
use crate::error::{Error, Result};
use crate::message::facts::Facts;
use crate::message::header::{Collect, Header};
use crate::message::order::{Criterion, Key, Sorted, compare};
use crate::store::sink::About;
use crate::store::spool::Spool;
use clap::Args;
use std::ops::Range;
use std::time::UNIX_EPOCH;

/// Writes messages in another order.
///
/// Messages that are equal stay in their order. All of them are kept in a temporary file meanwhile.
#[derive(Args, Debug)]
pub(super) struct Sort {
    #[command(flatten)]
    input: Input,
    /// Sort by received (of a Maildir's file or a From_ line), date, from, to (names, or addresses), cc, subject (without Re:) or size;
    /// - before one turns it round.
    #[arg(long, value_name = "KEY,...", value_delimiter = ',', allow_hyphen_values = true, default_value = "date")]
    by: Vec<Criterion>,
    /// The other way round: the newest first, or the order that is asked for from its end
    #[arg(short, long)]
    reverse: bool,
    #[command(flatten)]
    output: Output,
}

/// A message in the file.
struct Entry {
    keys: Vec<Key>,
    at: Range<u64>,
    about: About,
    many: bool,
}

impl Sort {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut all = Spool::new();
        let mut entries: Vec<Entry> = Vec::new();
        let exit = self.input.each(|item| {
            let (from, mut facts, mut header) = (all.len(), Facts::default(), Reading::Begun(Collect::default()));
            loop {
                let piece = item.body.chunk()?;
                if piece.is_empty() {
                    break;
                }
                header.push(piece);
                facts.push(piece);
                all.push(piece)?;
            }
            let header = header.done()?;
            let came = item.about.date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
            let arrival = came.and_then(|came| i64::try_from(came.as_secs()).ok()).unwrap_or(0);
            let sorted = Sorted { header: &header, arrival, size: facts.size_wire };
            let keys = self.by.iter().map(|criterion| criterion.by.key(sorted)).collect();
            entries.push(Entry { keys, at: from..all.len(), about: item.about.clone(), many: item.many });
            Ok(true)
        })?;
        let reverse: Vec<bool> = self.by.iter().map(|criterion| criterion.reverse != self.reverse).collect();
        entries.sort_by(|a, b| compare(&a.keys, &b.keys, &reverse));
        let mut writer = self.output.writer();
        for Entry { at, about, many, .. } in &entries {
            writer.put(&mut all.part(at)?, about, *many)?;
        }
        writer.end()?;
        Ok(exit)
    }
}

/// The header section of a message that streams by.
enum Reading {
    Begun(Collect),
    Done(Header),
}

impl Reading {
    fn push(&mut self, piece: &[u8]) {
        if let Reading::Begun(collect) = self
            && collect.push(piece).is_some()
        {
            *self = Reading::Done(std::mem::take(collect).finish());
        }
    }

    fn done(self) -> Result<Header> {
        let header = match self {
            Reading::Begun(collect) => collect.finish(),
            Reading::Done(header) => header,
        };
        complete(&header)?;
        if header.fields().next().is_none() {
            return Err(Error::data("no header fields: not a message"));
        }
        Ok(header)
    }
}
