//! `smtp-queue ls`, `show` and `cat`.

use super::{NAME, Which, no_such};
use crate::cli::Outcome;
use crate::cli::args::Listing;
use crate::cli::exit::{Tally, complain};
use crate::cli::out::{Column, Out, Reader, Table, choose};
use crate::cli::queue::existing_queue;
use crate::error::{Error, Exit, Local};
use crate::message::date::Date;
use crate::proto::smtp::Priority;
use crate::queue::{Entry, Recipient};
use crate::text::escape;
use clap::Args;
use serde_json::{Value, json};
use std::io::Read;

/// Lists messages, a line for each recipient.
#[derive(Args, Debug)]
pub(super) struct Ls {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    listing: Listing,
}

/// Tells all that is known of messages.
#[derive(Args, Debug)]
pub(super) struct Show {
    /// The messages, by name.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// One JSON object for each message.
    #[arg(long)]
    json: bool,
}

/// Writes a message as it will be sent.
#[derive(Args, Debug)]
pub(super) struct Cat {
    /// The message, by name.
    #[arg(value_name = "ID")]
    id: String,
}

const COLUMNS: [Column; 10] = [
    Column { name: "id", width: 19, right: false },
    Column { name: "status", width: 11, right: false },
    Column { name: "arrived", width: 25, right: false },
    Column { name: "size", width: 9, right: true },
    Column { name: "from", width: 24, right: false },
    Column { name: "to", width: 24, right: false },
    Column { name: "via", width: 10, right: false },
    Column { name: "attempts", width: 8, right: true },
    Column { name: "next", width: 25, right: false },
    Column { name: "text", width: 20, right: false },
];

fn time(seconds: i64) -> String {
    Date::utc(seconds).rfc3339()
}

/// When it is tried next, if it is.
fn next(to: &Recipient) -> Option<String> {
    to.status.is_due().then(|| time(to.next))
}

/// The last answer: code and text.
fn answer(to: &Recipient) -> String {
    let code = to.code.map(|code| format!("{code} ")).unwrap_or_default();
    format!("{code}{}", to.text)
}

/// A recipient as JSON.
pub(super) fn recipient(entry: &Entry, to: &Recipient) -> Value {
    json!({
        "id": entry.id,
        "status": to.status.word(),
        "arrived": time(entry.arrived),
        "size": entry.size,
        "from": entry.from,
        "to": to.address,
        "via": to.hop,
        "attempts": to.attempts,
        "next": next(to),
        "possible_duplicate": to.doubtful,
        "code": to.code,
        "enhanced": to.enhanced,
        "text": to.text,
    })
}

impl Ls {
    pub(super) fn run(self) -> Outcome {
        let columns =
            if self.listing.columns.is_empty() { COLUMNS.to_vec() } else { choose(&self.listing.columns, &COLUMNS)? };
        let which = self.which.selection()?;
        let mut table = Table::new(columns, self.listing.json, self.listing.null);
        let Some(queue) = existing_queue()? else {
            return match which.ids.first() {
                Some(id) => Err(no_such(id).into()),
                None => Ok(table.end(self.listing.exit_status)?),
            };
        };
        let mut reader = Reader::There;
        let missing = queue.each(&which, &mut |entry| {
            for to in entry.to.iter().filter(|to| which.has(to)) {
                let cell = |column: &Column| match column.name {
                    "id" => entry.id.clone(),
                    "status" => to.status.word().to_owned(),
                    "arrived" => time(entry.arrived),
                    "size" => entry.size.to_string(),
                    "from" => entry.from.clone(),
                    "to" => to.address.clone(),
                    "via" => to.hop.clone(),
                    "attempts" => to.attempts.to_string(),
                    "next" => next(to).unwrap_or_default(),
                    _ => answer(to),
                };
                reader = table.row(cell, || recipient(&entry, to))?;
                if reader == Reader::Gone {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        if reader == Reader::Gone {
            return Ok(Exit::Ok);
        }
        let exit = table.end(self.listing.exit_status)?;
        missing.iter().for_each(|id| complain(NAME, &no_such(id).to_string(), None));
        Ok(if missing.is_empty() { exit } else { Exit::NoInput })
    }
}

impl Show {
    pub(super) fn run(self) -> Outcome {
        let queue = existing_queue()?;
        let mut out = Out::default();
        let mut tally = Tally::default();
        for id in &self.ids {
            let found = queue.as_ref().map(|queue| queue.entry(id)).transpose()?.flatten();
            let Some(entry) = found else {
                complain(NAME, &no_such(id).to_string(), None);
                tally.failed(Exit::NoInput);
                continue;
            };
            let text = if self.json { format!("{}\n", object(&entry)) } else { page(&entry) };
            tally.done();
            if out.write(text.as_bytes())? == Reader::Gone {
                return Ok(Exit::Ok);
            }
        }
        out.flush()?;
        Ok(tally.exit())
    }
}

fn object(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "arrived": time(entry.arrived),
        "size": entry.size,
        "from": entry.from,
        "uid": entry.uid,
        "envid": entry.envid,
        "warned": entry.warned,
        "hold_until": entry.asked.hold.map(time),
        "deliver_by": entry.asked.by.map(|by| time(by.when)),
        "priority": entry.asked.priority.map(Priority::level),
        "require_tls": entry.asked.require_tls,
        "recipients": entry.to.iter().map(|to| recipient(entry, to)).collect::<Vec<_>>(),
    })
}

fn page(entry: &Entry) -> String {
    let mut text = format!(
        "{}\n  arrived  {}\n  size     {}\n  from     <{}>\n",
        entry.id,
        time(entry.arrived),
        entry.size,
        escape(&entry.from)
    );
    let asked = &entry.asked;
    let mut say = |what: &str, value: String| text.push_str(&format!("  {what:<8} {value}\n"));
    if let Some(hold) = asked.hold {
        say("hold", format!("until {}", time(hold)));
    }
    if let Some(by) = asked.by {
        say("by", format!("{}, {}", time(by.when), if by.returns { "or it returns" } else { "or its sender is told" }));
    }
    if let Some(priority) = asked.priority {
        say("priority", priority.to_string());
    }
    if asked.require_tls {
        say("tls", "verified all the way".to_owned());
    }
    if let Some(uid) = entry.uid {
        say("uid", uid.to_string());
    }
    for to in &entry.to {
        let twice = if to.doubtful { ", possible duplicate" } else { "" };
        let next = next(to).map(|next| format!(", next {next}")).unwrap_or_default();
        let (to_text, via, answer) = (escape(&to.address), escape(&to.hop), escape(answer(to)));
        text.push_str(&format!("  to       <{to_text}> {}{twice}, via {via}", to.status.word()));
        text.push_str(&format!(", attempts {}{next}\n", to.attempts));
        if !answer.is_empty() {
            text.push_str(&format!("           {answer}\n"));
        }
    }
    text
}

impl Cat {
    pub(super) fn run(self) -> Outcome {
        let queue = existing_queue()?.ok_or_else(|| no_such(&self.id))?;
        if queue.entry(&self.id)?.is_none() {
            return Err(no_such(&self.id).into());
        }
        let mut file = queue.message(&self.id)?;
        let mut out = Out::default();
        let escaped = out.is_terminal();
        let mut buffer = vec![0; crate::body::CHUNK];
        loop {
            let n = match file.read(&mut buffer) {
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e).local(&self.id).map_err(Error::into),
            };
            let piece = buffer.get(..n).unwrap_or_default();
            let written =
                if escaped { out.write(crate::text::escape_lines(piece).as_bytes())? } else { out.write(piece)? };
            if n == 0 || written == Reader::Gone {
                break;
            }
        }
        out.flush()?;
        Ok(Exit::Ok)
    }
}
