//! `mailfmt extract`: attachments become files, a tar archive, or bytes on stdout.

mod place;
mod several;

use super::cursor::pour;
use super::describe::numbered;
use super::input::Input;
use super::select::Selection;
use super::show::read;
use crate::body::Body;
use crate::cli::exit::complain;
use crate::cli::out::{Column, Reader, Table};
use crate::cli::{Failure, Outcome};
use crate::error::{Error, Exit, Result};
use crate::message::charset::Utf8Body;
use crate::message::date::Date;
use crate::message::decode::{decoded, file_name};
use crate::message::digest::Sha256;
use crate::message::filename::{extension, safe};
use crate::message::mime::Part;
use crate::store::spool::Spool;
use clap::Args;
use place::Place;
use std::path::PathBuf;

const COLUMNS: [Column; 8] = [
    Column { name: "message", width: 7, right: true },
    Column { name: "part", width: 6, right: false },
    Column { name: "type", width: 26, right: false },
    Column { name: "size", width: 10, right: true },
    Column { name: "sha256", width: 64, right: false },
    Column { name: "errors", width: 6, right: true },
    Column { name: "written", width: 24, right: false },
    Column { name: "declared", width: 24, right: false },
];

/// Writes attachments to files, and tells what became of each.
///
/// Without a selection everything that is no text of the message itself; with several selections, what fits any of them. The names
/// come from the message and are made harmless; no file is ever overwritten.
#[derive(Args, Debug)]
pub(super) struct Extract {
    #[command(flatten)]
    input: Input,
    /// Write the files into this directory, which is made if it is missing.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Write a tar archive to stdout.
    #[arg(long, conflicts_with_all = ["stdout", "dir", "json"])]
    tar: bool,
    /// Write the contents to stdout, one behind the other.
    #[arg(long, conflicts_with_all = ["dir", "json"])]
    stdout: bool,
    /// Take so many messages apart at a time; what is written, and its order, is the same.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    jobs: u16,
    /// Write texts in UTF-8, not in their charset.
    #[arg(long)]
    utf8: bool,
    /// Tell what would be written; write nothing.
    #[arg(short = 'n', long, conflicts_with_all = ["tar", "stdout"])]
    dry_run: bool,
    /// Tell it as a JSON object a file.
    #[arg(long)]
    json: bool,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
    /// A content that is damaged makes the status 65.
    #[arg(long)]
    strict: bool,
    /// End with status 1 if there is nothing to write.
    #[arg(short, long)]
    exit_status: bool,
}

/// Contents of so many bytes are held to know their size.
const HELD: u64 = 1 << 20;

/// What was written.
struct Written {
    size: u64,
    sha256: String,
    errors: u64,
}

impl Extract {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let place = Place::new(&self)?;
        let table = self.tells().then(|| Table::new(COLUMNS.into(), self.json, false));
        let mut files = Files { of: &self, place, table, any: false, gone: false };
        let exit = if self.jobs > 1 {
            several::run(&mut files)?
        } else {
            self.input.each(|item| {
                let (mut spool, message) = read(item.body)?;
                files.message(&mut spool, &message, (item.number, item.many))
            })?
        };
        let any = files.end()?;
        Ok(if exit == Exit::Ok && !any && self.exit_status { Exit::None } else { exit })
    }

    /// Whether what is written is listed.
    fn tells(&self) -> bool {
        !self.tar && !self.stdout && !self.quiet
    }

    /// The decoded content, in pieces.
    fn content(&self, body: impl Body, part: &Part, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Written> {
        let mut content = decoded(body, &part.encoding);
        // Where nobody is told of it, it is not counted.
        let mut digest = self.tells().then(Sha256::default);
        let mut size = 0u64;
        let mut put = |piece: &[u8]| {
            size += piece.len() as u64;
            if let Some(digest) = &mut digest {
                digest.push(piece);
            }
            take(piece)
        };
        if self.utf8 && part.content_type.kind == "text" {
            pour(&mut Utf8Body::new(&mut content, part.content_type.charset()), &mut put)?;
        } else {
            pour(&mut content, &mut put)?;
        }
        Ok(Written { size, sha256: digest.map(Sha256::hex).unwrap_or_default(), errors: content.errors() })
    }
}

/// A part that is to be written.
struct Wanted {
    /// The message's number, and whether there are others.
    message: u64,
    many: bool,
    part: String,
    /// The name that it should get.
    name: String,
    declared: Option<String>,
    kind: String,
    encoding: String,
    /// When the message was written, in seconds since 1970.
    time: u64,
}

impl Wanted {
    fn new((message, many): (u64, bool), number: String, part: &Part, top: &Part) -> Wanted {
        let declared = file_name(part);
        let kind = &part.content_type;
        let name = declared.as_deref().map(safe).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("part-{number}.{}", extension(&kind.kind, &kind.subtype)));
        let date = top.header.get("Date").and_then(Date::parse);
        let time = date.and_then(|date| u64::try_from(date.seconds).ok()).unwrap_or_default();
        let (kind, encoding) = (format!("{}/{}", kind.kind, kind.subtype), part.encoding.name().to_owned());
        Wanted { message, many, part: number, name, declared, kind, encoding, time }
    }
}

/// Where all goes.
struct Files<'e> {
    of: &'e Extract,
    place: Place,
    table: Option<Table>,
    any: bool,
    gone: bool,
}

impl Files<'_> {
    /// The chosen parts of a message; `false`: nobody reads any more.
    fn message(&mut self, spool: &mut Spool, message: &Part, number: (u64, bool)) -> Result<bool> {
        defects(message, number).iter().for_each(|defect| complain("mailfmt", defect, None));
        let mut damaged = 0;
        for (section, part) in self.of.selection.of(message)? {
            let wanted = Wanted::new(number, section, part, message);
            let (name, written) = self.one(spool, part, &wanted)?;
            damaged += written.errors;
            self.tell(&wanted, &name, &written)?;
        }
        self.more(damaged)
    }

    /// Whether to go on behind a message with so many errors in its contents.
    fn more(&self, damaged: u64) -> Result<bool> {
        if damaged > 0 && self.of.strict {
            return Err(Error::data("damaged content"));
        }
        // Files are still to be written when nobody reads what they are.
        Ok(self.table.is_some() || !(self.gone || self.place.is_gone()))
    }

    /// Writes one part: its name there, and what it was.
    fn one(&mut self, spool: &mut Spool, part: &Part, wanted: &Wanted) -> Result<(String, Written)> {
        let place = &mut self.place;
        if place.needs_size() {
            // What is small is decoded once, the rest twice.
            let (mut size, mut held) = (0, Some(Vec::new()));
            let done = self.of.content(spool.part(&part.body_at)?, part, &mut |piece| {
                size += piece.len() as u64;
                held = held.take().filter(|_| size <= HELD).map(|mut held| {
                    held.extend_from_slice(piece);
                    held
                });
                Ok(())
            })?;
            place.begin(wanted, size)?;
            if let Some(held) = held {
                place.write(&held)?;
                return Ok((place.finish()?, done));
            }
        } else {
            place.begin(wanted, 0)?;
        }
        let done =
            spool.part(&part.body_at).and_then(|body| self.of.content(body, part, &mut |piece| place.write(piece)));
        match done {
            Ok(done) => Ok((place.finish()?, done)),
            Err(e) => {
                place.abort();
                Err(e)
            }
        }
    }

    /// Writes one part whose content is there: its name there.
    fn held(&mut self, wanted: &Wanted, content: &[u8]) -> Result<String> {
        let place = &mut self.place;
        place.begin(wanted, content.len() as u64)?;
        if let Err(e) = place.write(content) {
            place.abort();
            return Err(e);
        }
        place.finish()
    }

    /// Tells what was written.
    fn tell(&mut self, wanted: &Wanted, name: &str, written: &Written) -> Result<()> {
        self.any = true;
        let Wanted { message, part, kind, declared, .. } = wanted;
        let Written { size, sha256, errors } = written;
        if *errors > 0 {
            let of = of_message((*message, wanted.many));
            complain("mailfmt", &format!("{of}part {part}: {errors} errors in its {}", wanted.encoding), None);
        }
        let Some(table) = &mut self.table else { return Ok(()) };
        let cell = |column: &Column| match column.name {
            "message" => message.to_string(),
            "part" => part.clone(),
            "type" => kind.clone(),
            "size" => size.to_string(),
            "sha256" => sha256.clone(),
            "errors" => errors.to_string(),
            "written" => name.to_owned(),
            _ => declared.clone().unwrap_or_default(),
        };
        let json = || {
            serde_json::json!({ "message": message, "part": part, "type": kind, "size": size, "sha256": sha256,
                "errors": errors, "written": name, "declared": declared })
        };
        self.gone |= table.row(cell, json)? == Reader::Gone;
        Ok(())
    }

    /// All is written; whether that was anything.
    fn end(self) -> Result<bool> {
        self.place.end()?;
        if let Some(table) = self.table {
            table.end(false)?;
        }
        Ok(self.any)
    }
}

fn of_message((number, many): (u64, bool)) -> String {
    if many { format!("message {number}, ") } else { String::new() }
}

/// What is wrong with the structure, and what is lost by it.
fn defects(message: &Part, number: (u64, bool)) -> Vec<String> {
    let of = of_message(number);
    let mut found = Vec::new();
    for (number, part) in numbered(message) {
        let at = part.header_at.start;
        found.extend(part.defects.iter().map(|one| format!("{of}part {number}, offset {at}: {}", one.words())));
    }
    found
}

impl From<&Extract> for place::Kind {
    fn from(of: &Extract) -> place::Kind {
        match () {
            () if of.tar => place::Kind::Tar,
            () if of.stdout => place::Kind::Stdout,
            () if of.dry_run => place::Kind::Nowhere,
            () => place::Kind::Directory(of.dir.clone()),
        }
    }
}

impl Place {
    fn new(of: &Extract) -> std::result::Result<Place, Failure> {
        Ok(Place::open(of.into())?)
    }
}
