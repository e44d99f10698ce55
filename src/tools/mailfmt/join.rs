//! `mailfmt join`: many messages in one mbox, or in one message.

mod digest;

use super::cursor::pour;
use super::input::{Input, Item};
use super::output::Batches;
use super::set::split;
use super::stamp::Stamp;
use crate::cli::Outcome;
use crate::cli::into::Into;
use crate::error::Result;
use crate::message::edit::{Edit, edit};
use crate::message::mbox::Variant;
use crate::net::Deadline;
use crate::store::sink::{Every, Quote, Sink, from_line};
use crate::store::spool::Spool;
use clap::Args;

/// Writes all messages as one mbox, or as one message.
///
/// In the mbox, what the input says of a message's time and sender stands in its From_ line. split is the opposite.
#[derive(Args, Debug)]
pub(super) struct Join {
    #[command(flatten)]
    input: Input,
    /// The kind of mbox: rd, which gives every message back as it was; o, which does not for lines that begin with >From; cl and cl2,
    /// where a field Content-Length says how long each is.
    #[arg(long = "as", value_name = "VARIANT", default_value = "rd")]
    kind: Variant,
    /// Write one message that has the others as its parts (multipart/digest).
    #[arg(long, conflicts_with = "kind")]
    digest: bool,
    /// Compose: the subject.
    #[arg(short, long, value_name = "TEXT", requires = "digest")]
    subject: Option<String>,
    /// Compose: who it is from (default: USER@HOST).
    #[arg(long, value_name = "ADDRESS", requires = "digest")]
    from: Option<String>,
    /// Compose: addresses for To.
    #[arg(long, value_name = "ADDRESS,...", requires = "digest")]
    to: Vec<String>,
    #[command(flatten)]
    stamp: Stamp,
    /// Escape nothing on a terminal.
    #[arg(long)]
    raw: bool,
}

impl Join {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let into = Into { raw: self.raw, ..Into::default() };
        let mut sink = into.open_here(true, Deadline::NEVER)?;
        if self.digest {
            return digest::write(&self, &mut sink);
        }
        let mut batches = Batches::new(sink);
        let exit = self.input.each(|item| {
            let written = self.message(item, &mut batches.sink);
            if written.is_err() {
                // The first error is the one to tell.
                let _ = batches.sink.abort();
            }
            written?;
            batches.ended().map(|()| true)
        })?;
        batches.end()?;
        Ok(exit)
    }

    fn message(&self, item: &mut Item<'_>, sink: &mut Every) -> Result<()> {
        let from = from_line(&item.about);
        let (mut quote, mut quoted) = (Quote::of(self.kind), Vec::new());
        if matches!(self.kind, Variant::Rd | Variant::O) {
            sink.begin(&item.about)?;
            sink.write(from.as_bytes())?;
            pour(item.body, &mut |piece| {
                quoted.clear();
                quote.push(piece, &mut quoted);
                sink.write(&quoted)
            })?;
            quoted.clear();
            quote.finish(&mut quoted);
            return sink.write(&quoted);
        }
        // How long the body is, as it lies in the mbox, stands before it.
        let (header, behind) = split(item.body)?;
        let (mut body, mut ended) = (Spool::new(), true);
        let mut push = |piece: &[u8]| {
            ended = piece.last().map_or(ended, |last| *last == b'\n');
            quoted.clear();
            quote.push(piece, &mut quoted);
            body.push(&quoted)
        };
        push(&behind)?;
        pour(item.body, &mut push)?;
        quoted.clear();
        quote.finish(&mut quoted);
        // The line end that the last line lacks and the empty line behind it are no part of it.
        let rest = quoted.len().saturating_sub(if ended { 1 } else { 2 });
        let length = body.len() + rest as u64;
        body.push(&quoted)?;
        let edits = [Edit::Delete(LENGTH.into()), Edit::Append(LENGTH.into(), length.to_string())];
        sink.begin(&item.about)?;
        sink.write(from.as_bytes())?;
        sink.write(&edit(&header, &edits)?)?;
        if !header.is_ended() {
            sink.write(b"\n")?;
        }
        pour(&mut body.body()?, &mut |piece| sink.write(piece))
    }
}

const LENGTH: &str = "Content-Length";
