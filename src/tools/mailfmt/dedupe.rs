//! `mailfmt dedupe`: messages, each once.

use super::cursor::spool;
use super::head::{complete, header};
use super::input::Input;
use super::output::Output;
use super::screen::Screen;
use crate::body::Body;
use crate::cli::Outcome;
use crate::error::Result;
use crate::message::digest::Sha256;
use crate::message::reply::ids;
use crate::store::spool::Spool;
use clap::Args;
use std::collections::HashMap;

/// Writes messages without those that were there before; of equal ones the first stays.
///
/// Equal is what has the same Message-ID; what has none is equal to what has the same bytes.
#[derive(Args, Debug)]
pub(super) struct Dedupe {
    #[command(flatten)]
    input: Input,
    /// Go by all bytes, not by Message-ID.
    #[arg(long)]
    by_bytes: bool,
    /// Write no messages but a line for each that is there again: its number, the number of the first, their Message-ID or digest.
    #[arg(long, conflicts_with_all = ["into", "raw", "mbox"])]
    duplicates: bool,
    #[command(flatten)]
    output: Output,
}

impl Dedupe {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut seen: HashMap<String, u64> = HashMap::new();
        let mut screen = Screen::new(true);
        let mut writer = self.output.writer();
        let exit = self.input.each(|item| {
            let mut message = spool(item.body, |_| ())?;
            let key = self.key(&mut message)?;
            let first = seen.get(&key).copied();
            match first {
                Some(first) if self.duplicates => screen.line(&format!("{}\t{first}\t{key}", item.number))?,
                Some(_) => {}
                None => {
                    if !self.duplicates {
                        writer.put(&mut message.body()?, &item.about, item.many)?;
                    }
                    seen.insert(key, item.number);
                }
            }
            Ok(!screen.is_gone())
        })?;
        screen.flush()?;
        writer.end()?;
        Ok(exit)
    }

    /// What equal messages have in common.
    fn key(&self, message: &mut Spool) -> Result<String> {
        let header = header(&mut message.body()?)?;
        complete(&header)?;
        let id = header.all("Message-ID").flat_map(ids).next();
        if let Some(id) = id.filter(|_| !self.by_bytes) {
            return Ok(id);
        }
        let (mut hash, mut body) = (Sha256::default(), message.body()?);
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                return Ok(hash.hex());
            }
            hash.push(piece);
        }
    }
}
