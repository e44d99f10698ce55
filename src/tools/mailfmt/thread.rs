//! `mailfmt thread`: conversations (RFC 5256, REFERENCES).

use super::cursor::pour;
use super::head::{complete, header};
use super::input::Input;
use super::list::{COLUMNS, Row, sized_header};
use super::output::Output;
use crate::cli::Outcome;
use crate::cli::out::{Column, Reader, Table, choose};
use crate::error::{Exit, Result};
use crate::message::threads::{Entry, Threaded, by_references};
use crate::store::sink::About;
use crate::store::spool::Spool;
use clap::Args;
use serde_json::{Value, json};
use std::ops::Range;
use std::time::UNIX_EPOCH;

const OWN: [Column; 2] =
    [Column { name: "thread", width: 6, right: true }, Column { name: "depth", width: 5, right: true }];
/// Deeper answers are not moved further to the right.
const INDENTED: u32 = 20;

/// Lists conversations: each message below the one that it answers.
///
/// Columns: those of list, thread (the conversation's number, from 1) and depth (0: it begins one). By References and In-Reply-To,
/// then by subject, as THREAD=REFERENCES of IMAP does it. The conversation that began first is the first one. With --into, --mbox or
/// --raw the messages themselves are written in this order.
#[derive(Args, Debug)]
pub(super) struct Thread {
    #[command(flatten)]
    input: Input,
    /// The columns, in this order.
    #[arg(
        short = 'o',
        long,
        value_name = "COLUMN,...",
        value_delimiter = ',',
        default_value = "number,date,from,subject"
    )]
    columns: Vec<String>,
    /// Print one JSON object a message, with all columns and parent.
    #[arg(long, conflicts_with_all = ["columns", "into", "mbox", "raw"])]
    json: bool,
    /// The other way round: the newest first, or the order that is asked for from its end.
    #[arg(short, long)]
    reverse: bool,
    /// End with status 1 if there is no message.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    output: Output,
}

/// The messages, or their header sections, in a file.
#[derive(Default)]
struct Kept {
    all: Spool,
    messages: Vec<Message>,
    entries: Vec<Entry>,
}

struct Message {
    at: Range<u64>,
    number: u64,
    size: u64,
    about: About,
    many: bool,
}

/// Where a message stands.
struct Place {
    threaded: Threaded,
    thread: u64,
    /// The number of the message that it answers, if that is here.
    parent: Option<u64>,
}

impl Thread {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let whole = self.output.is_asked();
        let known = [&COLUMNS[..], &OWN].concat();
        let columns = if self.json { known } else { choose(&self.columns, &known)? };
        let sized = columns.iter().any(|column| column.name == "size");
        let mut kept = Kept::default();
        let exit = self.input.each(|item| {
            let from = kept.all.len();
            let (header, size) = match (whole, sized) {
                (true, _) => {
                    pour(item.body, &mut |piece| kept.all.push(piece))?;
                    (header(&mut kept.all.part(&(from..kept.all.len()))?)?, 0)
                }
                (false, true) => sized_header(item.body)?,
                (false, false) => (header(item.body)?, 0),
            };
            complete(&header)?;
            if !whole {
                kept.all.push(header.raw())?;
            }
            let at = from..kept.all.len();
            let came = item.about.date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
            let arrival = came.and_then(|came| i64::try_from(came.as_secs()).ok()).unwrap_or(0);
            kept.entries.push(Entry::of(&header, arrival));
            let (number, about, many) = (item.number, item.about.clone(), item.many);
            kept.messages.push(Message { at, number, size, about, many });
            Ok(true)
        })?;
        let places = kept.places(self.reverse);
        if whole {
            let mut writer = self.output.writer();
            for at in places.iter().filter_map(|place| place.threaded.at) {
                let Some(message) = kept.messages.get(at) else { continue };
                writer.put(&mut kept.all.part(&message.at)?, &message.about, message.many)?;
            }
            writer.end()?;
            return Ok(if exit == Exit::Ok && kept.messages.is_empty() && self.exit_status {
                Exit::None
            } else {
                exit
            });
        }
        let mut table = Table::new(columns, self.json, false);
        for place in &places {
            if kept.row(place, &mut table)? == Reader::Gone {
                break;
            }
        }
        let end = table.end(self.exit_status)?;
        Ok(if exit == Exit::Ok { end } else { exit })
    }
}

impl Kept {
    /// The messages in order.
    fn places(&self, reverse: bool) -> Vec<Place> {
        let all = by_references(&self.entries);
        let mut whole: Vec<&[Threaded]> = all.chunk_by(|_, below| below.depth > 0).collect();
        if reverse {
            whole.reverse();
        }
        let mut places = Vec::with_capacity(all.len());
        for (thread, one) in (1..).zip(whole) {
            // The numbers of the messages above the current one.
            let mut above: Vec<Option<u64>> = Vec::new();
            for threaded in one {
                above.truncate(usize::try_from(threaded.depth).unwrap_or(usize::MAX));
                places.push(Place { threaded: *threaded, thread, parent: above.last().copied().flatten() });
                above.push(threaded.at.and_then(|at| self.messages.get(at)).map(|message| message.number));
            }
        }
        places
    }

    fn row(&mut self, place: &Place, table: &mut Table) -> Result<Reader> {
        let Threaded { depth, at } = place.threaded;
        let message = at.and_then(|at| self.messages.get(at));
        let header = match message {
            Some(message) => Some(header(&mut self.all.part(&message.at)?)?),
            None => None,
        };
        let row = message.zip(header.as_ref());
        let row = row.map(|(m, header)| Row { number: m.number, size: m.size, header, about: &m.about });
        let cell = |column: &Column| match column.name {
            "thread" => place.thread.to_string(),
            "depth" => depth.to_string(),
            name => {
                let text = row.as_ref().map(|row| row.cell(name));
                if name == "subject" {
                    let indent = "  ".repeat(usize::try_from(depth.min(INDENTED)).unwrap_or(0));
                    return indent + &text.unwrap_or_else(|| "[not here]".to_owned());
                }
                text.unwrap_or_default()
            }
        };
        let object = || {
            let mut object = row.as_ref().map(Row::object).unwrap_or_default();
            if row.is_none() {
                object.extend(COLUMNS.iter().map(|column| (column.name.replace('-', "_"), Value::Null)));
            }
            object.insert("thread".to_owned(), json!(place.thread));
            object.insert("depth".to_owned(), json!(depth));
            object.insert("parent".to_owned(), json!(place.parent));
            Value::Object(object)
        };
        table.row(cell, object)
    }
}
