//! `mailfmt set`: header fields changed, every other byte kept.

use super::input::Input;
use super::output::{Chain, Output};
use crate::body::Body;
use crate::cli::Outcome;
use crate::error::Result;
use crate::message::edit::{Edit, edit};
use crate::message::field::is_name;
use crate::message::header::{Collect, Header};
use crate::text::breaks_line;
use clap::Args;

/// Changes header fields; every other byte stays as it is.
///
/// Texts are given decoded and are encoded as needed. The order: --drop, --rename-field, --keep-first, --keep-last, --replace,
/// --default, --append, --prepend; of the same flag as given.
#[derive(Args, Debug)]
pub(super) struct Set {
    #[command(flatten)]
    input: Input,
    /// Take out all fields of this name.
    #[arg(long, value_name = "NAME", value_parser = name)]
    drop: Vec<String>,
    /// Rename fields; their values stay byte for byte.
    #[arg(long, value_name = "OLD=NEW", value_parser = names)]
    rename_field: Vec<(String, String)>,
    /// Of several fields of this name keep the first.
    #[arg(long, value_name = "NAME", value_parser = name)]
    keep_first: Vec<String>,
    /// Of several fields of this name keep the last.
    #[arg(long, value_name = "NAME", value_parser = name)]
    keep_last: Vec<String>,
    /// Put this in the place of all fields of its name, at the end if there is none.
    #[arg(long, value_name = "FIELD", value_parser = field)]
    replace: Vec<(String, String)>,
    /// Put this at the end if there is no field of its name.
    #[arg(long, value_name = "FIELD", value_parser = field)]
    default: Vec<(String, String)>,
    /// Put this at the end, whatever there is.
    #[arg(long, value_name = "FIELD", value_parser = field)]
    append: Vec<(String, String)>,
    /// Put this at the beginning, whatever there is.
    #[arg(long, value_name = "FIELD", value_parser = field)]
    prepend: Vec<(String, String)>,
    #[command(flatten)]
    output: Output,
}

fn name(text: &str) -> std::result::Result<String, String> {
    let name = text.strip_suffix(':').unwrap_or(text);
    if is_name(name) { Ok(name.to_owned()) } else { Err("not the name of a header field".to_owned()) }
}

fn names(text: &str) -> std::result::Result<(String, String), String> {
    let (old, new) = text.split_once('=').ok_or("not like OLD=NEW")?;
    Ok((name(old)?, name(new)?))
}

fn field(text: &str) -> std::result::Result<(String, String), String> {
    let (before, value) = text.split_once(':').ok_or("not like 'Name: text'")?;
    if breaks_line(value) {
        return Err("a line end or NUL is not allowed here".to_owned());
    }
    Ok((name(before)?, value.trim().to_owned()))
}

impl Set {
    fn edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        let one = |make: fn(String) -> Edit, all: &[String]| all.iter().cloned().map(make).collect::<Vec<_>>();
        let two = |make: fn(String, String) -> Edit, all: &[(String, String)]| {
            all.iter().cloned().map(|(a, b)| make(a, b)).collect::<Vec<_>>()
        };
        edits.extend(one(Edit::Delete, &self.drop));
        edits.extend(two(Edit::Rename, &self.rename_field));
        edits.extend(one(Edit::First, &self.keep_first));
        edits.extend(one(Edit::Last, &self.keep_last));
        edits.extend(two(Edit::Replace, &self.replace));
        edits.extend(two(Edit::Default, &self.default));
        edits.extend(two(Edit::Append, &self.append));
        edits.extend(two(Edit::Prepend, &self.prepend));
        edits
    }

    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let edits = self.edits();
        let mut writer = self.output.writer();
        let exit = self.input.each(|item| {
            let (header, behind) = split(item.body)?;
            let header = edit(&header, &edits)?;
            let rest = Chain::new(behind.as_slice(), &mut *item.body);
            writer.put(&mut Chain::new(header.as_slice(), rest), &item.about, item.many)?;
            Ok(true)
        })?;
        writer.end()?;
        Ok(exit)
    }
}

/// The header section, and what was read of the body with it.
///
/// # Errors
/// 65: there are no fields, or more than can be held; those of the body.
pub(super) fn split(body: &mut dyn Body) -> Result<(Header, Vec<u8>)> {
    let mut collect = Collect::default();
    let mut behind = Vec::new();
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() {
            break;
        }
        if let Some(used) = collect.push(piece) {
            behind.extend_from_slice(piece.get(used..).unwrap_or_default());
            break;
        }
    }
    let header = collect.finish();
    super::head::complete(&header)?;
    Ok((header, behind))
}
