//! The messages of a folder.

use super::folders::without_backslash;
use super::nobody;
use crate::body::Body;
use crate::cli::out::{Column, Reader, Table};
use crate::cli::reference::folder_name;
use crate::client::imap::{Fetched, Rows};
use crate::error::Result;
use crate::message::addr;
use crate::message::date::Date;
use crate::message::decode::{person, words};
use crate::net::Endpoint;
use crate::proto::imap::response::BodyName;
use crate::proto::imap::section::FetchItem;
use crate::proto::imap::structure::{Address, Envelope};
use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

pub(super) const COLUMNS: [Column; 11] = [
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
];

pub(super) fn usual() -> Vec<Column> {
    COLUMNS.iter().take(6).copied().collect()
}

/// Writes the messages as they arrive.
pub(super) struct Lister {
    pub(super) table: Table,
    pub(super) reader: Reader,
    pub(super) uid_validity: u32,
    folder: String,
}

impl Lister {
    pub(super) fn new(table: Table, at: &Endpoint, folder: &str) -> Lister {
        Lister { table, reader: Reader::There, uid_validity: 0, folder: folder_name(at, folder) }
    }

    /// What the columns need of each message, besides its UID.
    pub(super) fn items(&self) -> Vec<FetchItem> {
        let mut items = Vec::new();
        for column in self.table.columns() {
            let item = match column.name {
                "uid" | "ref" => continue,
                "flags" => FetchItem::Flags,
                "size" => FetchItem::Rfc822Size,
                "received" => FetchItem::InternalDate,
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

impl Rows for Lister {
    fn literal(&mut self, _: &Fetched, _: &BodyName, _: u64, _: &mut dyn Body) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, row: Fetched) -> Result<()> {
        let columns = self.table.columns().to_vec();
        let reference = || format!("{}#{}.{}", self.folder, self.uid_validity, row.uid);
        let text = |column: &Column| text(column.name, &row);
        let cell = |column: &Column| match column.name {
            "uid" => row.uid.to_string(),
            "ref" => reference(),
            "flags" => row.flags.as_deref().map(without_backslash).unwrap_or_default(),
            "size" => row.size.map(|n| n.to_string()).unwrap_or_default(),
            _ => text(column).unwrap_or_default(),
        };
        let object = || {
            let value = |column: &Column| match column.name {
                "uid" => json!(row.uid),
                "ref" => json!(reference()),
                "flags" => json!(row.flags),
                "size" => json!(row.size),
                _ => json!(text(column)),
            };
            Value::Object(columns.iter().map(|c| (c.name.to_owned(), value(c))).collect::<Map<_, _>>())
        };
        self.reader = self.table.row(cell, object)?;
        if self.reader == Reader::Gone { Err(nobody()) } else { Ok(()) }
    }
}

/// A column that is a text.
fn text(name: &str, row: &Fetched) -> Option<String> {
    if name == "received" {
        return row.internal_date.map(|date| date.to_rfc3339_opts(SecondsFormat::Secs, false));
    }
    let envelope: &Envelope = row.envelope.as_deref()?;
    match name {
        "date" => envelope.date.as_deref().and_then(Date::parse).map(|date| date.rfc3339()),
        "from" => people(&envelope.from),
        "to" => people(&envelope.to),
        "cc" => people(&envelope.cc),
        "subject" => envelope.subject.as_deref().map(words),
        "message-id" => envelope.message_id.as_deref().map(|id| String::from_utf8_lossy(id).into_owned()),
        _ => None,
    }
}

/// Addresses as a header shows them, decoded.
pub(in crate::tools) fn people(list: &[Address]) -> Option<String> {
    let mut out = String::new();
    let mut before = "";
    for a in list {
        match (&a.mailbox, &a.host) {
            // RFC 3501 7.4.2: a group begins without a host and ends without anything.
            (Some(group), None) => {
                out.push_str(before);
                out.push_str(&words(group));
                out.push(':');
                before = " ";
            }
            (None, None) => {
                out.push(';');
                before = ", ";
            }
            (local, host) => {
                out.push_str(before);
                out.push_str(&one(a, local.as_deref().unwrap_or_default(), host.as_deref().unwrap_or_default()));
                before = ", ";
            }
        }
    }
    (!list.is_empty()).then_some(out)
}

fn one(a: &Address, local: &[u8], host: &[u8]) -> String {
    let (local, domain) = (local.to_vec(), host.to_vec());
    let address = addr::Address { name: a.name.clone(), local, domain, route: None };
    person(&address)
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
