//! Folders with their counts.

use super::{NAME, nobody};
use crate::cli::exit::{Tally, complain};
use crate::cli::out::{Column, Reader, Table};
use crate::client::imap::{Client, Counts};
use crate::error::Result;
use crate::proto::imap::response::Listed;
use crate::proto::imap::utf7;
use serde_json::{Map, Value, json};

pub(super) const COLUMNS: [Column; 7] = [
    Column { name: "messages", width: 8, right: true },
    Column { name: "unseen", width: 7, right: true },
    Column { name: "recent", width: 7, right: true },
    Column { name: "uidnext", width: 10, right: true },
    Column { name: "uidvalidity", width: 11, right: true },
    Column { name: "attributes", width: 24, right: false },
    Column { name: "folder", width: 20, right: false },
];

pub(super) fn usual() -> Vec<Column> {
    COLUMNS.iter().filter(|c| !matches!(c.name, "uidvalidity" | "attributes")).copied().collect()
}

/// Writes the folders as their counts arrive.
pub(super) struct Lister {
    pub(super) table: Table,
    pub(super) reader: Reader,
    pub(super) tally: Tally,
}

impl Lister {
    pub(super) fn new(table: Table) -> Lister {
        Lister { table, reader: Reader::There, tally: Tally::default() }
    }

    pub(super) fn run(&mut self, client: &mut Client) -> Result<()> {
        let mut folders = client.list(&["*"])?;
        folders.sort_by(|a, b| (a.name != "INBOX", &a.name).cmp(&(b.name != "INBOX", &b.name)));
        let counts = self.table.columns().iter().any(|c| !matches!(c.name, "folder" | "attributes"));
        let counted: Vec<usize> =
            (0..folders.len()).filter(|i| counts && folders.get(*i).is_some_and(can_be_counted)).collect();
        let names: Vec<&str> = counted.iter().filter_map(|i| folders.get(*i)).map(|f| f.name.as_str()).collect();
        let mut rest = folders.iter();
        client.counts(&names, &mut |at, answer| {
            let told = match answer {
                Ok(counts) => counts,
                Err(e) => {
                    self.tally.failed(e.exit());
                    complain(NAME, &e.to_string(), e.advice());
                    Counts::default()
                }
            };
            // Those without counts come in between.
            for folder in rest.by_ref() {
                if names.get(at) == Some(&folder.name.as_str()) {
                    return self.row(folder, &told);
                }
                self.row(folder, &Counts::default())?;
            }
            Ok(())
        })?;
        rest.try_for_each(|folder| self.row(folder, &Counts::default()))
    }

    fn row(&mut self, folder: &Listed, counts: &Counts) -> Result<()> {
        let number = |column: &Column| match column.name {
            "messages" => counts.messages,
            "unseen" => counts.unseen,
            "recent" => counts.recent,
            "uidnext" => counts.uid_next,
            "uidvalidity" => counts.uid_validity,
            _ => None,
        };
        let columns = self.table.columns().to_vec();
        let cell = |column: &Column| match column.name {
            "folder" => folder.name.clone(),
            "attributes" => without_backslash(&folder.attributes),
            _ => number(column).map(|n| n.to_string()).unwrap_or_default(),
        };
        let object = || {
            let value = |column: &Column| match column.name {
                "folder" => json!(folder.name),
                "attributes" => json!(folder.attributes),
                _ => json!(number(column)),
            };
            Value::Object(columns.iter().map(|c| (c.name.to_owned(), value(c))).collect::<Map<_, _>>())
        };
        self.reader = self.table.row(cell, object)?;
        self.tally.done();
        if self.reader == Reader::Gone { Err(nobody()) } else { Ok(()) }
    }
}

/// IMAP's words with commas, in which nothing needs escaping.
pub(super) fn without_backslash(words: &[String]) -> String {
    let words: Vec<&str> = words.iter().map(|w| w.strip_prefix('\\').unwrap_or(w)).collect();
    words.join(",")
}

/// A folder that can be opened, and whose name can be said again.
fn can_be_counted(folder: &Listed) -> bool {
    let same = folder.name == "INBOX" || utf7::encode(&folder.name).as_bytes() == folder.wire;
    same && !folder.has("\\Noselect") && !folder.has("\\NonExistent")
}
