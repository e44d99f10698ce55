//! `mailfmt tree`: the parts of messages.

use super::input::Input;
use super::show::check;
use super::{describe, screen::Screen};
use crate::cli::Outcome;
use crate::cli::exit::complain;
use crate::cli::out::{Column, Reader, Table};
use crate::message::decode::file_name;
use crate::message::mime::walk;
use clap::Args;

const COLUMNS: [Column; 6] = [
    Column { name: "part", width: 6, right: false },
    Column { name: "type", width: 26, right: false },
    Column { name: "charset", width: 12, right: false },
    Column { name: "encoding", width: 16, right: false },
    Column { name: "size", width: 10, right: true },
    Column { name: "name", width: 20, right: false },
];
const OFFSET: Column = Column { name: "offset", width: 10, right: true };
const MESSAGE: Column = Column { name: "message", width: 7, right: true };

/// Lists the parts of messages.
///
/// Number, type, charset, encoding, size in bytes as it travels, name, where the body begins; of many messages, the message's
/// number first.
#[derive(Args, Debug)]
pub(super) struct Tree {
    #[command(flatten)]
    input: Input,
    /// Print one JSON object a message: header fields in order and the MIME tree (see JSON below).
    #[arg(long)]
    json: bool,
}

impl Tree {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        if self.json {
            return describe::each(&self.input, &mut Screen::new(false));
        }
        rows(&self.input, true)
    }
}

/// A row for each part.
pub(super) fn rows(input: &Input, offset: bool) -> Outcome {
    let mut table: Option<Table> = None;
    let exit = input.each(|item| {
        let part = walk(item.body)?;
        check(&part)?;
        let mut columns = if item.many { vec![MESSAGE] } else { Vec::new() };
        columns.extend(COLUMNS);
        columns.extend(offset.then_some(OFFSET));
        let table = table.get_or_insert_with(|| Table::new(columns, false, false));
        for (section, part) in describe::numbered(&part) {
            let cell = |column: &Column| match column.name {
                "message" => item.number.to_string(),
                "part" => section.clone(),
                "type" => format!("{}/{}", part.content_type.kind, part.content_type.subtype),
                "charset" if part.content_type.kind == "text" => {
                    String::from_utf8_lossy(part.content_type.charset()).to_ascii_lowercase()
                }
                "encoding" => part.encoding.name().to_owned(),
                "size" => part.size().to_string(),
                "name" => file_name(part).unwrap_or_default(),
                "offset" => part.body_at.start.to_string(),
                _ => String::new(),
            };
            if table.row(cell, || serde_json::Value::Null)? == Reader::Gone {
                return Ok(false);
            }
            for defect in part.defects.iter().filter(|defect| defect.hides()) {
                complain("mailfmt", &format!("part {section}: {}", defect.words()), None);
            }
        }
        Ok(true)
    })?;
    if let Some(table) = table {
        table.end(false)?;
    }
    Ok(exit)
}
