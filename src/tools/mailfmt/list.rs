//! `mailfmt list`: a line for each message.

use super::format::Format;
use super::head::header;
use super::input::Input;
use super::screen::Screen;
use crate::cli::Outcome;
use crate::cli::out::{Column, Reader, Table, choose};
use crate::error::{Error, Exit};
use crate::message::date::Date;
use crate::message::decode::{people, words};
use crate::message::header::Header;
use crate::message::reply::people_of;
use crate::store::sink::About;
use crate::text::escape;
use clap::Args;
use serde_json::{Map, Value, json};

/// What is told of a message.
pub(super) const COLUMNS: [Column; 10] = [
    Column { name: "number", width: 6, right: true },
    Column { name: "date", width: 25, right: false },
    Column { name: "from", width: 28, right: false },
    Column { name: "subject", width: 40, right: false },
    Column { name: "to", width: 28, right: false },
    Column { name: "cc", width: 28, right: false },
    Column { name: "message-id", width: 40, right: false },
    Column { name: "size", width: 10, right: true },
    Column { name: "flags", width: 20, right: false },
    Column { name: "in-reply-to", width: 40, right: false },
];

/// Lists messages, one a line.
///
/// Columns: number (from 1), date (RFC 3339), from, subject, to, cc, message-id, size (bytes, which reads the whole message),
/// flags (of a Maildir), in-reply-to.
#[derive(Args, Debug)]
pub(super) struct List {
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
    /// Print one JSON object a message, with all columns.
    #[arg(long, conflicts_with_all = ["columns", "format"])]
    json: bool,
    /// Print a line of this form a message: {COLUMN}, {FIELD} (any header field), {sent} (the date as mail writes it), {name} (of who
    /// wrote it), \\t, \\n.
    #[arg(long, value_name = "FORMAT", conflicts_with = "columns")]
    format: Option<Format>,
    /// End with status 1 if there is no message.
    #[arg(short, long)]
    exit_status: bool,
}

impl List {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        if let Some(format) = &self.format {
            return self.lines(format);
        }
        let columns = if self.json { COLUMNS.to_vec() } else { choose(&self.columns, &COLUMNS)? };
        let sized = columns.iter().any(|column| column.name == "size");
        let mut table = Table::new(columns, self.json, false);
        let exit = self.input.each(|item| {
            let (header, size) = if sized { sized_header(item.body)? } else { (header(item.body)?, 0) };
            if header.fields().next().is_none() {
                return Err(Error::data("no header fields: not a message"));
            }
            let row = Row { number: item.number, size, header: &header, about: &item.about };
            let reader = table.row(|column| row.cell(column.name), || Value::Object(row.object()))?;
            Ok(reader == Reader::There)
        })?;
        let end = table.end(self.exit_status)?;
        Ok(if exit == Exit::Ok { end } else { exit })
    }
}

/// A message in a listing.
pub(super) struct Row<'r> {
    /// Its number.
    pub number: u64,
    /// In bytes, if a column asks for that.
    pub size: u64,
    /// Its header section.
    pub header: &'r Header,
    /// Its flags are there.
    pub about: &'r About,
}

impl Row<'_> {
    /// The text of a column.
    pub(super) fn cell(&self, column: &str) -> String {
        match column {
            "number" => self.number.to_string(),
            "size" => self.size.to_string(),
            "flags" => self.about.flags.words().collect::<Vec<_>>().join(" "),
            name => of_field(self.header, name).unwrap_or_default(),
        }
    }

    /// All columns.
    pub(super) fn object(&self) -> Map<String, Value> {
        let value = |name: &str| match name {
            "number" => json!(self.number),
            "size" => json!(self.size),
            "flags" => json!(self.about.flags.words().collect::<Vec<_>>()),
            name => of_field(self.header, name).map_or(Value::Null, Value::String),
        };
        COLUMNS.iter().map(|column| (column.name.replace('-', "_"), value(column.name))).collect()
    }
}

impl List {
    /// A line of the template for each message.
    fn lines(&self, format: &Format) -> Outcome {
        let sized = format.names("size");
        let mut screen = Screen::new(true);
        let mut any = false;
        let exit = self.input.each(|item| {
            let (header, size) = if sized { sized_header(item.body)? } else { (header(item.body)?, 0) };
            if header.fields().next().is_none() {
                return Err(Error::data("no header fields: not a message"));
            }
            let row = Row { number: item.number, size, header: &header, about: &item.about };
            let line = format.fill(|name| match name {
                "number" | "size" | "flags" => row.cell(name),
                name => escape(of_message(&header, name).unwrap_or_default()),
            });
            any = true;
            screen.line(&line)?;
            Ok(!screen.is_gone())
        })?;
        screen.flush()?;
        Ok(if exit == Exit::Ok && !any && self.exit_status { Exit::None } else { exit })
    }
}

/// What a template says of a message: a column, `sent` (its date as mail writes it), `name` (of who wrote it), or a header field.
pub(super) fn of_message(header: &Header, name: &str) -> Option<String> {
    match name {
        "sent" => Some(Date::parse(header.get("Date")?)?.to_string()),
        "name" => {
            let from = people_of(header.get("From")?).into_iter().next()?;
            let name = from.name.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            Some(if name.is_empty() { String::from_utf8_lossy(&from.spec()).into_owned() } else { name })
        }
        _ => of_field(header, name),
    }
}

fn of_field(header: &Header, column: &str) -> Option<String> {
    let value = header.get(column)?;
    Some(match column {
        "date" => Date::parse(value)?.rfc3339(),
        "from" | "to" | "cc" => people(value),
        _ => words(value).trim().to_owned(),
    })
}

/// The header section, and the size of the whole message.
///
/// # Errors
/// Those of the body.
pub(super) fn sized_header(body: &mut dyn crate::body::Body) -> crate::error::Result<(Header, u64)> {
    let mut collect = crate::message::header::Collect::default();
    let (mut size, mut ended) = (0u64, false);
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() {
            return Ok((collect.finish(), size));
        }
        size = size.saturating_add(piece.len() as u64);
        ended = ended || collect.push(piece).is_some();
    }
}
