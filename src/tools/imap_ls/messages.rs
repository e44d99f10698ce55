//! The messages of a folder.

use super::folders::without_backslash;
use super::{NAME, nobody};
use crate::body::Body;
use crate::cli::exit::complain;
use crate::cli::imap::opened;
use crate::cli::out::{Column, Reader, Table, push_json};
use crate::cli::reference::folder_name;
use crate::client::imap::{Fetched, Opened, Rows};
use crate::error::Result;
use crate::message::date::Date;
use crate::message::decode::{push_person, push_words};
use crate::net::Endpoint;
use crate::proto::imap::date::parse_date_time;
use crate::proto::imap::extension::Extension;
use crate::proto::imap::lex::Lex;
use crate::proto::imap::response::BodyName;
use crate::proto::imap::section::FetchItem;
use crate::proto::imap::structure::{Address, Envelope};
use crate::proto::imap::utf7;
use crate::text::push_escaped;
use chrono::SecondsFormat;
use serde_json::json;
use std::fmt::Write;

pub(super) const COLUMNS: [Column; 22] = [
    Column { name: "uid", width: 7, right: true },
    Column { name: "flags", width: 14, right: false },
    Column { name: "size", width: 9, right: true },
    Column { name: "date", width: 25, right: false },
    Column { name: "from", width: 28, right: false },
    Column { name: "subject", width: 20, right: false },
    Column { name: "received", width: 25, right: false },
    Column { name: "to", width: 28, right: false },
    Column { name: "cc", width: 28, right: false },
    Column { name: "message-id", width: 28, right: false },
    Column { name: "ref", width: 24, right: false },
    Column { name: "depth", width: 5, right: true },
    Column { name: "number", width: 6, right: true },
    Column { name: "sender", width: 28, right: false },
    Column { name: "reply-to", width: 28, right: false },
    Column { name: "bcc", width: 28, right: false },
    Column { name: "in-reply-to", width: 28, right: false },
    Column { name: "labels", width: 20, right: false },
    Column { name: "preview", width: 40, right: false },
    Column { name: "emailid", width: 20, right: false },
    Column { name: "threadid", width: 20, right: false },
    Column { name: "saved", width: 25, right: false },
];
/// Of these what everybody wants, where all are asked for: what follows makes some servers work.
const COMMON: usize = 11;

/// What a column needs that not every server has: the first of these that is announced.
fn extensions(column: &str) -> &'static [Extension] {
    match column {
        "labels" => &[Extension::Labels],
        "preview" => &[Extension::Preview],
        "emailid" => &[Extension::EmailId, Extension::GmailMessage],
        "threadid" => &[Extension::ThreadId, Extension::GmailThread],
        "saved" => &[Extension::SaveDate],
        _ => &[],
    }
}

/// The names of `-o`, of which one may be short.
pub(super) fn known(names: &[String]) -> Vec<String> {
    let whole = |name: &String| if name == "id" { "message-id".to_owned() } else { name.clone() };
    names.iter().map(whole).collect()
}

/// The columns without `-o`: of conversations with the one that makes them.
pub(super) fn usual(threads: bool) -> Vec<Column> {
    let depth = COLUMNS.iter().filter(|column| threads && column.name == "depth");
    depth.chain(COLUMNS.iter().take(6)).copied().collect()
}

/// The columns of `--json` without `-o`.
pub(super) fn all(threads: bool) -> Vec<Column> {
    COLUMNS.iter().take(COMMON.saturating_add(usize::from(threads))).copied().collect()
}

/// Writes the messages as they arrive.
pub(super) struct Lister<'f> {
    pub(super) table: Table,
    pub(super) reader: Reader,
    /// How deep the messages stand that will come, in their order.
    pub(super) depths: Option<std::vec::IntoIter<(u32, u32)>>,
    uid_validity: u32,
    reference: String,
    /// The columns as the keys of an object, sorted.
    keys: Vec<&'static str>,
    /// A cell before it is escaped: its room is used again.
    text: String,
    folder: &'f str,
    verbose: bool,
}

impl<'f> Lister<'f> {
    pub(super) fn new(table: Table, at: &Endpoint, folder: &'f str, verbose: bool) -> Lister<'f> {
        let reference = folder_name(at, folder);
        let (reader, text) = (Reader::There, String::new());
        let mut keys: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
        keys.sort_unstable();
        keys.dedup();
        Lister { table, reader, depths: None, uid_validity: 0, reference, keys, text, folder, verbose }
    }

    /// What the columns need of each message, besides its UID; `has`: whether the server announces something.
    pub(super) fn items(&self, has: impl Fn(&str) -> bool) -> Vec<FetchItem> {
        let mut items = Vec::new();
        for column in self.table.columns() {
            let item = match column.name {
                "uid" | "ref" | "depth" => continue,
                "flags" => FetchItem::Flags,
                "size" => FetchItem::Rfc822Size,
                "received" => FetchItem::InternalDate,
                // Every row has it.
                "number" => FetchItem::Uid,
                name if !extensions(name).is_empty() => {
                    match extensions(name).iter().find(|extension| has(extension.capability())) {
                        Some(extension) => FetchItem::Extension(*extension),
                        None => {
                            if self.verbose {
                                complain(NAME, &format!("{name}: the server does not tell"), None);
                            }
                            FetchItem::Uid
                        }
                    }
                }
                _ => FetchItem::Envelope,
            };
            if !items.contains(&item) {
                items.push(item);
            }
        }
        items
    }

    /// A message of which the UID is all that is shown.
    pub(super) fn uid(&mut self, uid: u32) -> Result<()> {
        self.row(Fetched { uid, ..Fetched::default() })
    }
}

impl Rows for Lister<'_> {
    fn opened(&mut self, folder: Opened) -> Result<()> {
        self.uid_validity = folder.uid_validity;
        if self.verbose {
            complain(NAME, &opened(self.folder, folder), None);
        }
        Ok(())
    }

    fn literal(&mut self, _: &Fetched, _: &BodyName, _: u64, _: &mut dyn Body) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, row: Fetched) -> Result<()> {
        let depth = self.depths.as_mut().and_then(|all| all.find(|(uid, _)| *uid == row.uid)).map(|(_, depth)| depth);
        let Lister { table, reference, uid_validity, text, keys, .. } = self;
        let cell = |column: &Column, out: &mut String| {
            // A String takes whatever is written to it.
            let _ = match (column.name, row.size, depth) {
                ("uid", ..) => write!(out, "{}", row.uid),
                ("size", Some(size), _) => write!(out, "{size}"),
                ("depth", _, Some(depth)) => write!(out, "{depth}"),
                ("number", ..) => write!(out, "{}", row.number),
                ("flags", ..) => {
                    push_escaped(out, without_backslash(row.flags.as_deref().unwrap_or_default()).as_bytes());
                    Ok(())
                }
                ("ref", ..) => {
                    text.clear();
                    let written = write!(text, "{reference}#{uid_validity}.{}", row.uid);
                    push_escaped(out, text.as_bytes());
                    written
                }
                (name, ..) => {
                    text.clear();
                    push_text(text, name, &row);
                    push_escaped(out, text.as_bytes());
                    Ok(())
                }
            };
        };
        let object = |out: &mut String| {
            let mut text = String::new();
            for (n, key) in keys.iter().enumerate() {
                out.push(if n == 0 { '{' } else { ',' });
                push_json(out, key);
                out.push(':');
                let value = match *key {
                    "uid" => json!(row.uid),
                    "depth" => json!(depth),
                    "number" => json!(row.number),
                    "labels" => {
                        json!(strings("labels", &row).map(|all| all.iter().map(|one| label(one)).collect::<Vec<_>>()))
                    }
                    "flags" => json!(row.flags),
                    "size" => json!(row.size),
                    name => {
                        text.clear();
                        let is_there = match name {
                            "ref" => write!(text, "{reference}#{uid_validity}.{}", row.uid).is_ok(),
                            _ => push_text(&mut text, name, &row),
                        };
                        if is_there {
                            push_json(out, &text)
                        } else {
                            out.push_str("null")
                        }
                        continue;
                    }
                };
                out.push_str(&value.to_string());
            }
            out.push_str(if keys.is_empty() { "{}" } else { "}" });
        };
        self.reader = table.row_of(cell, object)?;
        if self.reader == Reader::Gone { Err(nobody()) } else { Ok(()) }
    }
}

/// Puts a column that is a text behind what is there; whether there is one.
fn push_text(out: &mut String, name: &str, row: &Fetched) -> bool {
    if name == "received" {
        let date = row.internal_date.map(|date| date.to_rfc3339_opts(SecondsFormat::Secs, false));
        out.push_str(date.as_deref().unwrap_or_default());
        return date.is_some();
    }
    if !extensions(name).is_empty() {
        return push_strings(out, name, strings(name, row).unwrap_or_default());
    }
    let Some(envelope) = row.envelope.as_deref() else { return false };
    let envelope: &Envelope = envelope;
    let id = |id: &Option<Vec<u8>>, out: &mut String| {
        id.as_deref().map(|id| out.push_str(&String::from_utf8_lossy(id))).is_some()
    };
    match name {
        "date" => envelope.date.as_deref().and_then(Date::parse).map(|date| date.push_rfc3339(out)).is_some(),
        "from" => push_people(out, &envelope.from),
        "to" => push_people(out, &envelope.to),
        "cc" => push_people(out, &envelope.cc),
        "subject" => envelope.subject.as_deref().map(|subject| push_words(out, subject)).is_some(),
        "bcc" => push_people(out, &envelope.bcc),
        "sender" => push_people(out, &envelope.sender),
        "reply-to" => push_people(out, &envelope.reply_to),
        "message-id" => id(&envelope.message_id, out),
        "in-reply-to" => id(&envelope.in_reply_to, out),
        _ => false,
    }
}

/// What the server told for a column that not every server has.
fn strings<'r>(column: &str, row: &'r Fetched) -> Option<&'r [Vec<u8>]> {
    let told = |extension: &Extension| row.extensions.iter().find(|(own, _)| own == extension);
    extensions(column).iter().find_map(told).map(|(_, strings)| strings.as_slice())
}

/// A label is a mailbox name, or a word with a backslash.
fn label(name: &[u8]) -> String {
    utf7::decode_lossy(name)
}

/// Puts them behind what is there; whether there are any.
fn push_strings(out: &mut String, column: &str, strings: &[Vec<u8>]) -> bool {
    let one = |string: &Vec<u8>| match column {
        "labels" => label(string),
        "saved" => {
            let quoted = [b"\"".as_slice(), string, b"\""].concat();
            let date = parse_date_time(&mut Lex::new(&quoted)).ok();
            date.map(|date| date.to_rfc3339_opts(SecondsFormat::Secs, false)).unwrap_or_default()
        }
        _ => String::from_utf8_lossy(string).into_owned(),
    };
    let all: Vec<String> = strings.iter().map(one).collect();
    out.push_str(&all.join(","));
    !strings.is_empty()
}

/// Addresses as a header shows them, decoded.
pub(in crate::tools) fn people(list: &[Address]) -> Option<String> {
    let mut out = String::new();
    push_people(&mut out, list).then_some(out)
}

/// The same behind what is there; whether there are any.
fn push_people(out: &mut String, list: &[Address]) -> bool {
    let mut before = "";
    for a in list {
        match (&a.mailbox, &a.host) {
            // RFC 3501 7.4.2: a group begins without a host and ends without anything.
            (Some(group), None) => {
                out.push_str(before);
                push_words(out, group);
                out.push(':');
                before = " ";
            }
            (None, None) => {
                out.push(';');
                before = ", ";
            }
            (local, host) => {
                out.push_str(before);
                let (local, host) = (local.as_deref().unwrap_or_default(), host.as_deref().unwrap_or_default());
                push_person(out, a.name.as_deref(), local, host);
                before = ", ";
            }
        }
    }
    !list.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_as_a_header_shows_them() {
        let a = |name: Option<&str>, mailbox: Option<&str>, host: Option<&str>| Address {
            name: name.map(Into::into),
            route: None,
            mailbox: mailbox.map(Into::into),
            host: host.map(Into::into),
        };
        assert_eq!(people(&[]), None);
        assert_eq!(people(&[a(Some("=?utf-8?q?J=C3=B6?="), Some("jo"), Some("x.org"))]).unwrap(), "Jö <jo@x.org>");
        let group = [
            a(None, Some("friends"), None),
            a(None, Some("a"), Some("x")),
            a(Some(""), Some("b c"), Some("y")),
            a(None, None, None),
            a(None, Some("d"), Some("z")),
        ];
        assert_eq!(people(&group).unwrap(), "friends: a@x, \"b c\"@y;, d@z");
        assert_eq!(people(&[a(None, None, Some("x"))]).unwrap(), "\"\"@x");
    }
}
