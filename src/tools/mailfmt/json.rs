//! `mailfmt json` and `mailfmt unjson`: a message as JSON and back, without loss.

use super::input::{Input, open};
use super::output::Output;
use super::records::MAX;
use super::{describe, screen::Screen};
use crate::cli::Outcome;
use crate::cli::exit::{Tally, complain};
use crate::cli::ndjson::Lines;
use crate::error::{Error, Exit};
use crate::message::json::{read, schema, write};
use crate::store::sink::About;
use clap::Args;
use std::path::PathBuf;

/// Prints messages as JSON, one object a line, from which unjson makes the same bytes again.
///
/// Edit "decoded" or "name" of a header, or "text" of a part, and unjson writes that and leaves all else as it was.
#[derive(Args, Debug)]
pub(super) struct Json {
    #[command(flatten)]
    input: Input,
    /// Print the JSON Schema of the objects instead.
    #[arg(long, conflicts_with = "files")]
    schema: bool,
}

/// Makes messages of what json printed.
///
/// One object gives a message, byte for byte; several give an mbox, or go --into targets.
#[derive(Args, Debug)]
pub(super) struct Unjson {
    /// The objects, one a line; stdin if missing or -.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Json {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut screen = Screen::new(false);
        if self.schema {
            screen.line(&describe::line(&schema())?)?;
            screen.flush()?;
            return Ok(Exit::Ok);
        }
        let exit = self.input.each(|item| {
            let message = item.body.whole(MAX)?;
            let message = message.ok_or_else(|| Error::data(format!("more than {MAX} bytes")))?;
            screen.line(&describe::line(&write(&message)?)?)?;
            Ok(!screen.is_gone())
        })?;
        screen.flush()?;
        Ok(exit)
    }
}

impl Unjson {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut lines = Lines::new(open(self.file.as_deref())?);
        let mut writer = self.output.writer();
        let mut tally = Tally::default();
        let mut line = lines.next_line()?.ok_or_else(|| Error::data("no object: the input is empty"))?;
        let mut number = 0u64;
        loop {
            let next = lines.next_line()?;
            let many = number > 0 || next.is_some();
            number += 1;
            let value = serde_json::from_slice(&line).map_err(|e| Error::data(format!("no JSON: {e}")));
            match value.and_then(|value| read(&value)) {
                Ok(message) => {
                    let about = About { reference: number.to_string(), ..About::default() };
                    writer.put(&mut message.as_slice(), &about, many)?;
                    tally.done();
                }
                Err(e) if many => {
                    complain("mailfmt", &format!("line {number}: {e}"), e.advice());
                    tally.failed(e.exit());
                }
                Err(e) => return Err(e.into()),
            }
            match next {
                Some(next) => line = next,
                None => break,
            }
        }
        writer.end()?;
        Ok(tally.exit())
    }
}
