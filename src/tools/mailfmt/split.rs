//! `mailfmt split`: one of many messages each.

mod files;

use super::cursor::Cursor;
use super::describe::numbered;
use super::format::Format;
use super::input::Input;
use super::records::Records;
use super::show::read;
use crate::body::Body;
use crate::cli::Outcome;
use crate::error::{Error, Result};
use crate::message::decode::decoded;
use crate::message::mime::{Defect, Part};
use crate::store::sink::About;
use clap::Args;
use files::Files;
use std::num::NonZeroU64;
use std::path::PathBuf;

/// Writes each message into a file of its own, or so many into each mbox; no byte of them is changed.
///
/// The files are 000001.eml and so on, and have the time at which the message came, where the input says it. No file is ever
/// overwritten: a name that is there gets a number. join is the opposite.
#[derive(Args, Debug)]
pub(super) struct Split {
    #[command(flatten)]
    input: Input,
    /// Write the files into this directory, which is made if it is missing.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The names of the files: {number} (in six digits), columns and fields as in list --format; what leaves the directory or hides a
    /// file becomes _ (default: {number}.eml, or {number}.mbox).
    #[arg(long, value_name = "FORMAT")]
    names: Option<Format>,
    /// Write mboxes (mboxrd) of so many messages each, not a file for each message; {number} is that of the first.
    #[arg(long, value_name = "N", conflicts_with_all = ["to_null", "to_ndjson"])]
    every: Option<NonZeroU64>,
    /// stdout gets the messages with NUL at the end of each.
    #[arg(long, conflicts_with_all = ["dir", "names", "json", "to_ndjson"])]
    to_null: bool,
    /// stdout gets a JSON object a line, with raw or raw64: what smtp-send --ndjson reads.
    #[arg(long, conflicts_with_all = ["dir", "names", "json"])]
    to_ndjson: bool,
    /// Take the messages out of those of the input: out of a multipart/digest, or attached ones.
    #[arg(long)]
    digest: bool,
    /// Tell it as a JSON object a file.
    #[arg(long)]
    json: bool,
}

impl Split {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut to = if self.to_null || self.to_ndjson {
            To::Stdout(Box::new(Records::new(self.to_ndjson)))
        } else {
            To::Files(Box::new(Files::open(&self)?))
        };
        let mut number = 0;
        let exit = self.input.each(|item| {
            if !self.digest {
                number += 1;
                return to.put(item.body, &item.about, number);
            }
            let (mut all, message) = read(item.body)?;
            let mut cursor = Cursor::new(all.body()?);
            for part in inside(&message)? {
                number += 1;
                to.put(&mut decoded(cursor.range(&part.body_at), &part.encoding), &item.about, number)?;
            }
            Ok(true)
        })?;
        match to {
            To::Stdout(records) => records.end()?,
            To::Files(mut files) => files.end()?,
        }
        Ok(exit)
    }
}

/// The messages in a message, but for those inside them.
fn inside(message: &Part) -> Result<Vec<&Part>> {
    let mut end = 0;
    let mut found = Vec::new();
    for (number, part) in numbered(message) {
        if part.header_at.start < end {
            continue;
        }
        if part.defects.contains(&Defect::TooMany) || part.defects.contains(&Defect::TooDeep) {
            let lost = part.defects.iter().find(|defect| defect.hides()).map_or("", |defect| defect.words());
            return Err(Error::data(format!("part {number}: {lost}")));
        }
        if ["rfc822", "global", "news"].iter().any(|subtype| part.content_type.is("message", subtype)) {
            end = part.body_at.end;
            found.push(part);
        }
    }
    if found.is_empty() { Err(Error::data("no message is in it")) } else { Ok(found) }
}

enum To {
    Stdout(Box<Records>),
    Files(Box<Files>),
}

impl To {
    fn put(&mut self, body: &mut dyn Body, about: &About, number: u64) -> Result<bool> {
        match self {
            To::Stdout(records) => records.put(body),
            To::Files(files) => files.put(body, about, number).map(|()| true),
        }
    }
}
