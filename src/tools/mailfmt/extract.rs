//! `mailfmt extract`: attachments become files, a tar archive, or bytes on stdout.

mod place;

use super::cursor::pour;
use super::describe::numbered;
use super::input::{Input, Item};
use super::select::Selection;
use super::show::read;
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
        let mut place = Place::new(&self)?;
        let mut table = self.tells().then(|| Table::new(COLUMNS.into(), self.json, false));
        let mut any = false;
        let exit = self.input.each(|item| {
            let (mut spool, message) = read(item.body)?;
            tell_defects(&message, item);
            let (mut damaged, mut gone) = (0, false);
            for (number, part) in self.selection.of(&message)? {
                any = true;
                let wanted = Wanted { number: &number, part, item, date: &message };
                let done = self.one(&mut spool, &wanted, &mut place)?;
                let (name, Written { size, sha256, errors }) = done;
                damaged += errors;
                if errors > 0 {
                    let of = if item.many { format!("message {}, ", item.number) } else { String::new() };
                    complain(
                        "mailfmt",
                        &format!("{of}part {number}: {errors} errors in its {}", part.encoding.name()),
                        None,
                    );
                }
                let declared = file_name(part).unwrap_or_default();
                let kind = format!("{}/{}", part.content_type.kind, part.content_type.subtype);
                if let Some(table) = &mut table {
                    let cell = |column: &Column| match column.name {
                        "message" => item.number.to_string(),
                        "part" => number.clone(),
                        "type" => kind.clone(),
                        "size" => size.to_string(),
                        "sha256" => sha256.clone(),
                        "errors" => errors.to_string(),
                        "written" => name.clone(),
                        _ => declared.clone(),
                    };
                    let json = || {
                        serde_json::json!({ "message": item.number, "part": number, "type": kind, "size": size, "sha256": sha256,
                            "errors": errors, "written": name, "declared": file_name(part) })
                    };
                    gone |= table.row(cell, json)? == Reader::Gone;
                }
            }
            if damaged > 0 && self.strict {
                return Err(Error::data("damaged content"));
            }
            // Files are still to be written when nobody reads what they are.
            Ok(table.is_some() || !(gone || place.is_gone()))
        })?;
        place.end()?;
        if let Some(table) = table {
            table.end(false)?;
        }
        Ok(if exit == Exit::Ok && !any && self.exit_status { Exit::None } else { exit })
    }

    /// Whether what is written is listed.
    fn tells(&self) -> bool {
        !self.tar && !self.stdout && !self.quiet
    }

    /// Writes one part: its name there, and what it was.
    fn one(&self, spool: &mut Spool, wanted: &Wanted<'_, '_>, place: &mut Place) -> Result<(String, Written)> {
        let name = wanted.name();
        if place.needs_size() {
            // What is small is decoded once, the rest twice.
            let (mut size, mut held) = (0, Some(Vec::new()));
            let done = self.content(spool, wanted.part, &mut |piece| {
                size += piece.len() as u64;
                held = held.take().filter(|_| size <= HELD).map(|mut held| {
                    held.extend_from_slice(piece);
                    held
                });
                Ok(())
            })?;
            place.begin(&name, wanted, size)?;
            if let Some(held) = held {
                place.write(&held)?;
                return Ok((place.finish()?, done));
            }
        } else {
            place.begin(&name, wanted, 0)?;
        }
        let done = self.content(spool, wanted.part, &mut |piece| place.write(piece));
        match done {
            Ok(done) => Ok((place.finish()?, done)),
            Err(e) => {
                place.abort();
                Err(e)
            }
        }
    }

    /// The decoded content, in pieces.
    fn content(&self, spool: &mut Spool, part: &Part, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Written> {
        let mut content = decoded(spool.part(&part.body_at)?, &part.encoding);
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
struct Wanted<'w, 'i> {
    number: &'w str,
    part: &'w Part,
    item: &'w Item<'i>,
    /// The message that has the date.
    date: &'w Part,
}

impl Wanted<'_, '_> {
    /// The name that it should get.
    fn name(&self) -> String {
        let name = file_name(self.part).map(|name| safe(&name)).unwrap_or_default();
        if !name.is_empty() {
            return name;
        }
        let kind = &self.part.content_type;
        format!("part-{}.{}", self.number, extension(&kind.kind, &kind.subtype))
    }

    /// When the message was written, in seconds since 1970.
    fn time(&self) -> u64 {
        let date = self.date.header.get("Date").and_then(Date::parse);
        date.and_then(|date| u64::try_from(date.seconds).ok()).unwrap_or_default()
    }
}

/// What is wrong with the structure, and what is lost by it.
fn tell_defects(message: &Part, item: &Item<'_>) {
    let of = if item.many { format!("message {}, ", item.number) } else { String::new() };
    for (number, part) in numbered(message) {
        for defect in &part.defects {
            complain(
                "mailfmt",
                &format!("{of}part {number}, offset {}: {}", part.header_at.start, defect.words()),
                None,
            );
        }
    }
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
