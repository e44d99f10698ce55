//! `mailfmt head`: header fields.

use super::describe;
use super::input::{Framing, Input};
use super::screen::Screen;
use crate::body::Body;
use crate::cli::Outcome;
use crate::error::{Error, Exit, Result};
use crate::message::date::Date;
use crate::message::decode::words;
use crate::message::header::{Collect, Field, Header};
use crate::message::reply::people_of;
use crate::text::escape;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Prints header fields of messages, decoded, one a line.
///
/// Encoded words are decoded, folded lines joined. One FIELD prints values only; none, or several, print names too. An mbox
/// has all its messages printed, with an empty line between them where names are printed.
#[derive(Args, Debug)]
pub(super) struct Head {
    /// The fields to print, in any case, every occurrence; all if none is named.
    #[arg(value_name = "FIELD")]
    fields: Vec<String>,
    /// Read this (as FILE of the other verbs) instead of stdin; may be repeated.
    #[arg(long = "input", value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    framing: Framing,
    /// Print the fields byte for byte, folded and encoded as they are.
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// Print the addresses in the fields, one a line.
    #[arg(long, conflicts_with_all = ["json", "raw", "dates"])]
    addresses: bool,
    /// Print the dates of the fields (of Received: when it came), one a line, as 2026-11-22T22:16:00+00:00.
    #[arg(long, conflicts_with_all = ["json", "raw"])]
    dates: bool,
    /// Print one JSON object a message: {"headers": [{"name", "raw", "decoded"}]}.
    #[arg(long)]
    json: bool,
    /// End with status 1 if no field was found.
    #[arg(short, long)]
    exit_status: bool,
}

impl Head {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut screen = if self.raw { Screen::for_bytes(false) } else { Screen::new(false) };
        let mut found = 0usize;
        let mut first = true;
        let input = Input { files: self.files.clone(), framing: self.framing.clone() };
        let exit = input.each(|item| {
            let header = header(item.body)?;
            found += self.print(&mut screen, &header, !std::mem::take(&mut first))?;
            complete(&header)?;
            Ok(!screen.is_gone())
        })?;
        screen.flush()?;
        Ok(if exit == Exit::Ok && found == 0 && self.exit_status { Exit::None } else { exit })
    }

    fn wants(&self, field: &Field<'_>) -> bool {
        self.fields.is_empty() || self.fields.iter().any(|name| field.is(name.trim_end_matches(':')))
    }

    /// The addresses or the date in a field.
    fn values(&self, field: &Field<'_>) -> Vec<String> {
        if self.addresses {
            return people_of(field.value).iter().map(|address| escape(address.spec())).collect();
        }
        // Behind what Received says of the way.
        let date = match field.value.iter().rposition(|b| *b == b';') {
            Some(at) if field.is("Received") => field.value.get(at.saturating_add(1)..).unwrap_or_default(),
            _ => field.value,
        };
        Date::parse(date).map(|date| date.rfc3339()).into_iter().collect()
    }

    fn print(&self, screen: &mut Screen, header: &Header, separate: bool) -> Result<usize> {
        let fields: Vec<Field<'_>> = header.fields().filter(|field| self.wants(field)).collect();
        if self.json {
            let wanted = describe::Fields(header, |field: &Field<'_>| self.wants(field));
            screen.line(&describe::line(&BTreeMap::from([("headers", wanted)]))?)?;
            return Ok(fields.len());
        }
        if self.addresses || self.dates {
            let lines: Vec<String> = fields.iter().flat_map(|field| self.values(field)).collect();
            lines.iter().try_for_each(|line| screen.line(line))?;
            return Ok(lines.len());
        }
        let names = self.fields.len() != 1;
        if separate && names {
            screen.line("")?;
        }
        for field in &fields {
            if self.raw {
                screen.bytes(field.raw)?;
                continue;
            }
            let value = escape(words(field.value));
            let name = String::from_utf8_lossy(field.name);
            screen.line(&if names { format!("{name}: {value}") } else { value })?;
        }
        screen.end()?;
        Ok(fields.len())
    }
}

/// The header section of a message; its body is not read.
///
/// # Errors
/// Those of the body.
pub(super) fn header(body: &mut dyn Body) -> Result<Header> {
    let mut collect = Collect::default();
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() || collect.push(piece).is_some() {
            return Ok(collect.finish());
        }
    }
}

/// Whether it is a message's, and all of it.
///
/// # Errors
/// 65: there are no fields, or more than can be held.
pub(super) fn complete(header: &Header) -> Result<()> {
    if header.is_cut() {
        return Err(Error::data(format!("the header section is longer than {} bytes", crate::message::header::MAX)));
    }
    if header.fields().next().is_none() {
        return Err(Error::data("no header fields: not a message"));
    }
    Ok(())
}
