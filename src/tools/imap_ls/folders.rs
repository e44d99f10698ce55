//! Folders with their counts, and with whatever else is known of them.

use super::tree;
use super::{NAME, nobody};
use crate::cli::exit::{Tally, complain};
use crate::cli::out::{Column, Reader, Table};
use crate::client::imap::{Asked, Client, Counts, Folder, Noted, SpecialUse};
use crate::error::{Error, Exit, Result};
use crate::proto::imap::command::StatusItem;
use crate::proto::imap::quota::{Quota, Resource};
use crate::proto::imap::response::Listed;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

pub(super) const COLUMNS: [Column; 13] = [
    Column { name: "messages", width: 8, right: true },
    Column { name: "unseen", width: 7, right: true },
    Column { name: "recent", width: 7, right: true },
    Column { name: "uidnext", width: 10, right: true },
    Column { name: "size", width: 12, right: true },
    Column { name: "special", width: 8, right: false },
    Column { name: "subscribed", width: 10, right: false },
    Column { name: "quota", width: 24, right: true },
    Column { name: "rights", width: 11, right: false },
    Column { name: "comment", width: 24, right: false },
    Column { name: "uidvalidity", width: 11, right: true },
    Column { name: "attributes", width: 24, right: false },
    Column { name: "folder", width: 20, right: false },
];

const ITEMS: [(&str, StatusItem); 6] = [
    ("messages", StatusItem::Messages),
    ("recent", StatusItem::Recent),
    ("uidnext", StatusItem::UidNext),
    ("uidvalidity", StatusItem::UidValidity),
    ("unseen", StatusItem::Unseen),
    ("size", StatusItem::Size),
];

/// The columns without `-o`.
pub(super) fn usual(long: bool) -> Vec<Column> {
    let names: &[&str] = match long {
        true => &["messages", "unseen", "size", "special", "subscribed", "quota", "folder"],
        false => &["messages", "unseen", "recent", "uidnext", "folder"],
    };
    COLUMNS.iter().filter(|column| names.contains(&column.name)).copied().collect()
}

/// The columns of `--json` without `-o`: all that do not take a command for each folder even of a server that can do much.
pub(super) fn all() -> Vec<Column> {
    COLUMNS.iter().filter(|column| !["quota", "rights", "comment"].contains(&column.name)).copied().collect()
}

/// Writes the folders as their counts arrive.
pub(super) struct Lister {
    pub(super) table: Table,
    pub(super) reader: Reader,
    pub(super) tally: Tally,
    tree: bool,
    quotas: HashMap<usize, Vec<Quota>>,
    notes: HashMap<usize, Noted>,
}

/// A row: the name that is shown, and the folder's place in the list; a branch of the tree need not be a folder.
type Row = (String, Option<usize>);

impl Lister {
    pub(super) fn new(table: Table, tree: bool) -> Lister {
        let (reader, tally) = (Reader::There, Tally::default());
        Lister { table, reader, tally, tree, quotas: HashMap::new(), notes: HashMap::new() }
    }

    fn shows(&self, column: &str) -> bool {
        self.table.columns().iter().any(|c| c.name == column)
    }

    pub(super) fn run(&mut self, client: &mut Client) -> Result<()> {
        let items: Vec<StatusItem> = ITEMS.iter().filter(|(name, _)| self.shows(name)).map(|(_, item)| *item).collect();
        let special = self.shows("special") || self.shows("attributes");
        let asked = Asked { subscribed: self.shows("subscribed"), special, counts: items };
        let mut folders = client.folders(&asked)?;
        folders.sort_by(|a, b| {
            let key = |f: &Folder| (f.listed.name != "INBOX", f.listed.name.clone());
            key(a).cmp(&key(b))
        });
        let rows: Vec<Row> = match self.tree {
            true => tree::rows(folders.iter().map(|f| (f.listed.name.as_str(), f.listed.delimiter))),
            false => folders.iter().enumerate().map(|(at, f)| (f.listed.name.clone(), Some(at))).collect(),
        };
        // In the order of the rows.
        let places: Vec<usize> = rows.iter().filter_map(|(_, at)| *at).collect();
        let can_be_asked = |at: &&usize| folders.get(**at).is_some_and(|f| can_be_counted(&f.listed));
        if self.shows("quota") && client.has("QUOTA") {
            let asked: Vec<usize> = places.iter().filter(can_be_asked).copied().collect();
            let names: Vec<&str> =
                asked.iter().filter_map(|at| folders.get(*at)).map(|f| f.listed.name.as_str()).collect();
            client.quotas(&names, &mut |n, answer| {
                match (asked.get(n), answer) {
                    (Some(at), Ok(quotas)) => drop(self.quotas.insert(*at, quotas)),
                    // Whose folder it is may not want to tell; the others are listed.
                    (_, Err(e)) if e.exit() != Exit::Refused => self.failed(&e),
                    (None, Ok(_)) | (_, Err(_)) => {}
                }
                Ok(())
            })?;
        }
        let (rights, comment) = (self.shows("rights"), self.shows("comment"));
        if rights || comment {
            let asked: Vec<usize> = places.iter().filter(can_be_asked).copied().collect();
            let names: Vec<&str> =
                asked.iter().filter_map(|at| folders.get(*at)).map(|f| f.listed.name.as_str()).collect();
            client.notes(&names, rights, comment, &mut |n, noted| {
                if let Some(at) = asked.get(n) {
                    self.notes.insert(*at, noted);
                }
                Ok(())
            })?;
        }
        let items = client.known_items(&asked.counts);
        let uncounted = |at: &usize| folders.get(*at).is_some_and(|f| f.counts.is_none() && can_be_counted(&f.listed));
        let counted: Vec<usize> = places.iter().filter(|at| !items.is_empty() && uncounted(at)).copied().collect();
        let names: Vec<&str> =
            counted.iter().filter_map(|at| folders.get(*at)).map(|f| f.listed.name.as_str()).collect();
        let mut rest = rows.iter();
        client.status(&names, &items, &mut |n, answer| {
            let told = answer.unwrap_or_else(|e| {
                self.failed(&e);
                Counts::default()
            });
            // Those that need not be asked come in between.
            for row in rest.by_ref() {
                let here = row.1.is_some() && row.1 == counted.get(n).copied();
                self.row(row, &folders, here.then_some(told))?;
                if here {
                    break;
                }
            }
            Ok(())
        })?;
        rest.try_for_each(|row| self.row(row, &folders, None))
    }

    fn failed(&mut self, e: &Error) {
        self.tally.failed(e.exit());
        complain(NAME, &e.to_string(), e.advice());
    }

    fn row(&mut self, (name, at): &Row, folders: &[Folder], told: Option<Counts>) -> Result<()> {
        let folder = at.and_then(|at| folders.get(at));
        let counts = told.or(folder.and_then(|f| f.counts)).unwrap_or_default();
        let quotas = at.and_then(|at| self.quotas.get(&at)).map(Vec::as_slice);
        let noted = at.and_then(|at| self.notes.get(&at)).cloned();
        let noted = noted.as_ref();
        let number = |column: &Column| match column.name {
            "messages" => counts.messages,
            "unseen" => counts.unseen,
            "recent" => counts.recent,
            "uidnext" => counts.uid_next,
            "uidvalidity" => counts.uid_validity,
            "size" => counts.size,
            _ => None,
        };
        let attributes = || folder.map(|f| f.listed.attributes.clone()).unwrap_or_default();
        let cell = |column: &Column| match column.name {
            "folder" => name.clone(),
            "attributes" => without_backslash(&attributes()),
            "special" => without_backslash(&folder.map(special).unwrap_or_default()),
            "subscribed" => match folder.and_then(|f| f.subscribed) {
                Some(true) => "yes".to_owned(),
                Some(false) => "no".to_owned(),
                None => String::new(),
            },
            "quota" => quotas.map(storage).unwrap_or_default(),
            "rights" => noted.and_then(|noted| noted.rights.clone()).unwrap_or_default(),
            "comment" => noted.and_then(|noted| noted.comment.clone()).unwrap_or_default(),
            _ => number(column).map(|n| n.to_string()).unwrap_or_default(),
        };
        let columns = self.table.columns().to_vec();
        let object = || {
            let value = |column: &Column| match column.name {
                "folder" => json!(name),
                "attributes" => json!(attributes()),
                "special" => json!(folder.map(special)),
                "subscribed" => json!(folder.and_then(|f| f.subscribed)),
                "quota" => quotas.map_or(Value::Null, in_json),
                "rights" => json!(noted.and_then(|noted| noted.rights.as_deref())),
                "comment" => json!(noted.and_then(|noted| noted.comment.as_deref())),
                _ => json!(number(column)),
            };
            Value::Object(columns.iter().map(|c| (c.name.to_owned(), value(c))).collect::<Map<_, _>>())
        };
        self.reader = self.table.row(cell, object)?;
        self.tally.done();
        if self.reader == Reader::Gone { Err(nobody()) } else { Ok(()) }
    }
}

/// What it is for (RFC 6154).
fn special(folder: &Folder) -> Vec<String> {
    let all = SpecialUse::ALL.map(SpecialUse::attribute);
    all.into_iter().filter(|word| folder.listed.has(word)).map(str::to_owned).collect()
}

/// Bytes, if it is bytes.
fn amounts(resource: &Resource) -> (u64, u64) {
    let unit = if resource.name == "STORAGE" { 1024 } else { 1 };
    (resource.used.saturating_mul(unit), resource.limit.saturating_mul(unit))
}

/// `used/limit` in bytes, of each root that limits them.
fn storage(quotas: &[Quota]) -> String {
    let bytes = quotas.iter().flat_map(|quota| &quota.resources).filter(|resource| resource.name == "STORAGE");
    let all: Vec<String> = bytes.map(amounts).map(|(used, limit)| format!("{used}/{limit}")).collect();
    all.join(",")
}

fn in_json(quotas: &[Quota]) -> Value {
    let each = |quota: &Quota| {
        let one = |resource: &Resource| {
            let (used, limit) = amounts(resource);
            json!({ "root": quota.root, "resource": resource.name, "used": used, "limit": limit })
        };
        quota.resources.iter().map(one).collect::<Vec<_>>()
    };
    Value::Array(quotas.iter().flat_map(each).collect())
}

/// IMAP's words with commas, in which nothing needs escaping.
pub(super) fn without_backslash(words: &[String]) -> String {
    let words: Vec<&str> = words.iter().map(|w| w.strip_prefix('\\').unwrap_or(w)).collect();
    words.join(",")
}

/// A folder that can be opened, and whose name can be said again.
fn can_be_counted(folder: &Listed) -> bool {
    folder.exact && !folder.has("\\Noselect") && !folder.has("\\NonExistent")
}
