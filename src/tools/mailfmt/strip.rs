//! `mailfmt strip`: attachments go, a note stays in the place of each.

use super::cursor::{copy, pour};
use super::input::Input;
use super::output::Output;
use super::select::Selection;
use super::show::read;
use crate::cli::Outcome;
use crate::cli::exit::complain;
use crate::error::{Error, Result};
use crate::message::decode::{decoded, file_name};
use crate::message::digest::Sha256;
use crate::message::edit::{Edit, edit};
use crate::message::encode::{Encoder, Way};
use crate::message::mime::Part;
use crate::store::spool::Spool;
use crate::text::escape;
use clap::Args;
use std::ops::Range;

/// Takes attachments out of messages; a note stays in the place of each.
///
/// The note has name, type, size and SHA-256. Without a selection everything that is no text of the message itself. Every other byte stays. What is signed or encrypted keeps
/// its parts.
#[derive(Args, Debug)]
pub(super) struct Strip {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    output: Output,
}

impl Strip {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut writer = self.output.writer();
        let exit = self.input.each(|item| {
            let (mut spool, message) = read(item.body)?;
            let sealed = sealed(&message);
            let mut notes = Vec::new();
            // What is inside something that goes, goes with it.
            let mut end = 0;
            for (number, part) in self.selection.of(&message)? {
                if part.header_at.start < end && end > 0 {
                    continue;
                }
                if sealed.iter().any(|range| range.contains(&part.header_at.start)) {
                    complain("mailfmt", &format!("part {number} stays: it is signed or encrypted"), None);
                    continue;
                }
                end = part.body_at.end;
                notes.push((part, note(&mut spool, part, part == &message)?));
            }
            let mut out = Spool::new();
            let mut at = 0;
            for (part, note) in notes {
                copy(&mut spool, &(at..part.header_at.start), &mut out)?;
                out.push(&note)?;
                at = part.body_at.end;
            }
            copy(&mut spool, &(at..u64::MAX), &mut out)?;
            writer.put(&mut out.body()?, &item.about, item.many)?;
            Ok(true)
        })?;
        writer.end()?;
        Ok(exit)
    }
}

/// Where what is signed or encrypted stands.
fn sealed(message: &Part) -> Vec<Range<u64>> {
    let (mut found, mut waiting) = (Vec::new(), vec![message]);
    while let Some(part) = waiting.pop() {
        if part.is_sealed() {
            found.push(part.all_at());
        } else {
            waiting.extend(&part.parts);
        }
    }
    found
}

/// What stands in the place of a part: header section and text.
fn note(spool: &mut Spool, part: &Part, is_message: bool) -> Result<Vec<u8>> {
    let (mut size, mut digest) = (0u64, Sha256::default());
    pour(&mut decoded(spool.part(&part.body_at)?, &part.encoding), &mut |piece| {
        size += piece.len() as u64;
        digest.push(piece);
        Ok(())
    })?;
    let kind = &part.content_type;
    let name = file_name(part).map(|name| format!("\"{}\", ", escape(name))).unwrap_or_default();
    let text = format!("[removed: {name}{}/{}, {size} bytes, SHA-256 {}]", kind.kind, kind.subtype, digest.hex());
    let end = part.header.line_end();
    let fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "quoted-printable")];
    let mut out = if is_message {
        // It keeps its other fields.
        if part.header.is_cut() {
            return Err(Error::data("the header section is too long"));
        }
        let mut edits: Vec<Edit> =
            ["Content-Disposition", "Content-MD5"].map(|name| Edit::Delete(name.to_owned())).into();
        edits.extend(fields.map(|(name, value)| Edit::Replace(name.to_owned(), value.to_owned())));
        if part.header.get("MIME-Version").is_none() {
            edits.push(Edit::Append("MIME-Version".to_owned(), "1.0".to_owned()));
        }
        edit(&part.header, &edits)?
    } else {
        let mut out = Vec::new();
        for (name, value) in fields {
            out.extend_from_slice(format!("{name}: {value}{end}").as_bytes());
        }
        out.extend_from_slice(end.as_bytes());
        out
    };
    let mut encoded = Vec::new();
    let mut encoder = Encoder::new(Way::QuotedPrintable);
    encoder.push(text.as_bytes(), &mut encoded);
    encoder.finish(&mut encoded);
    if end == "\n" {
        encoded.retain(|b| *b != b'\r');
    }
    out.extend_from_slice(&encoded);
    if is_message {
        out.extend_from_slice(end.as_bytes());
    }
    Ok(out)
}
