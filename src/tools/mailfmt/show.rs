//! `mailfmt show`: messages for reading.

use super::cursor::{Cursor, spool};
use super::describe;
use super::input::Input;
use super::screen::Screen;
use crate::body::{Body, Take};
use crate::cli::Outcome;
use crate::cli::args::PartNumber;
use crate::cli::exit::complain;
use crate::cli::html;
use crate::error::{Error, Result};
use crate::message::decode::{decoded, file_name, text, words};
use crate::message::flowed::Flowed;
use crate::message::header::Entry;
use crate::message::mime::{Encoding, Part};
use crate::text::escape;
use clap::Args;

/// The fields that a reader wants to see, in this order.
const SHOWN: [&str; 7] = ["From", "Reply-To", "To", "Cc", "Bcc", "Date", "Subject"];
/// Columns of text made of HTML.
const WIDTH: usize = 78;

/// Shows a message as text in UTF-8.
///
/// The main header fields, decoded; texts, decoded (of alternatives, the plain one; HTML as text); a line for each
/// attachment. Whatever could drive a terminal is escaped. All messages of the input are shown; on a terminal, unless NO_COLOR is set,
/// with colours for what is quoted and how deep.
#[derive(Args, Debug)]
pub(super) struct Show {
    #[command(flatten)]
    input: Input,
    /// List the parts: number, type, charset, encoding, size in bytes as it travels, name.
    #[arg(long, conflicts_with_all = ["part", "json", "raw"])]
    tree: bool,
    /// Write the content of one part, by its number in --tree, decoded; the message is one, or the first of an mbox.
    #[arg(long, value_name = "N[.N]...", conflicts_with = "json")]
    part: Option<PartNumber>,
    /// Print one JSON object a message: header fields in order and the MIME tree (see JSON below).
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    /// Columns of text that is made of HTML.
    #[arg(long, value_name = "COLUMNS", default_value_t = WIDTH)]
    width: usize,
    /// Leave out lines that are quoted more often; how many they are is told.
    #[arg(long, value_name = "N", conflicts_with_all = ["tree", "part", "json"])]
    quote_depth: Option<usize>,
    /// Escape nothing.
    #[arg(long)]
    raw: bool,
}

impl Show {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        if self.tree {
            return super::tree::rows(&self.input, false);
        }
        if let Some(section) = &self.part {
            return cat(&self.input, section, self.raw);
        }
        if self.json {
            return describe::each(&self.input, &mut Screen::new(self.raw));
        }
        let mut screen = Screen::for_reading(self.raw, self.quote_depth);
        let mut first = true;
        let exit = self.input.each(|item| {
            let (mut spool, part) = read(item.body)?;
            if !std::mem::take(&mut first) {
                screen.line("")?;
                screen.line(&"-".repeat(self.width))?;
            }
            let mut view = View::new(&mut screen, Cursor::new(spool.body()?), self.width);
            view.message(&part, &describe::root(&part))?;
            screen.end_line()?;
            Ok(!screen.is_gone())
        })?;
        screen.flush()?;
        Ok(exit)
    }
}

/// Prints the readable text of messages: their body alone, decoded, in UTF-8.
///
/// Of alternatives the plain one, HTML as text; nothing of what is attached, no header fields, no notes.
#[derive(Args, Debug)]
pub(super) struct Text {
    #[command(flatten)]
    input: Input,
    /// Columns of text that is made of HTML.
    #[arg(long, value_name = "COLUMNS", default_value_t = WIDTH)]
    width: usize,
    /// Leave out lines that are quoted more often; how many they are is told.
    #[arg(long, value_name = "N")]
    quote_depth: Option<usize>,
    /// Escape nothing.
    #[arg(long)]
    raw: bool,
}

impl Text {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut screen = Screen::for_bytes(self.raw).without_quotes(self.quote_depth);
        let exit = self.input.each(|item| {
            let (mut spool, part) = read(item.body)?;
            let mut view = View::new(&mut screen, Cursor::new(spool.body()?), self.width);
            view.bare = true;
            view.content(&part, &describe::root(&part))?;
            screen.end_line()?;
            Ok(!screen.is_gone())
        })?;
        screen.flush()?;
        Ok(exit)
    }
}

/// Writes the content of one part, decoded.
///
/// Its number is that of tree; of many messages, each has its part written, one behind the other.
#[derive(Args, Debug)]
pub(super) struct Cat {
    /// The part: 1, 2.1, ...
    #[arg(value_name = "PART")]
    part: PartNumber,
    #[command(flatten)]
    input: Input,
    /// Escape nothing on a terminal.
    #[arg(long)]
    raw: bool,
}

impl Cat {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        cat(&self.input, &self.part, self.raw)
    }
}

fn cat(input: &Input, section: &PartNumber, raw: bool) -> Outcome {
    let mut screen = Screen::for_bytes(raw);
    let exit = input.each(|item| {
        let (mut spool, part) = read(item.body)?;
        let found = part.section(&section.0);
        let found = found.ok_or_else(|| Error::no_input(format!("there is no part {section}")))?;
        write_part(&mut screen, &mut Cursor::new(spool.body()?), found)?;
        Ok(!screen.is_gone())
    })?;
    screen.flush()?;
    Ok(exit)
}

/// Keeps a message and finds its parts.
pub(super) fn read(message: &mut dyn Body) -> Result<(crate::store::spool::Spool, Part)> {
    let mut walker = crate::message::mime::Walker::default();
    let spool = spool(message, |piece| walker.push(piece))?;
    let part = walker.finish();
    check(&part)?;
    Ok((spool, part))
}

/// Whether it is a message at all.
///
/// # Errors
/// 65: it has no header field.
pub(super) fn check(part: &Part) -> Result<()> {
    if part.header.fields().next().is_none() {
        return Err(Error::data("no header fields: not a message"));
    }
    Ok(())
}

fn write_part<B: Body>(screen: &mut Screen, cursor: &mut Cursor<B>, part: &Part) -> Result<()> {
    let mut content = decoded(cursor.range(&part.body_at), &part.encoding);
    loop {
        let piece = content.chunk()?;
        if piece.is_empty() || screen.is_gone() {
            break;
        }
        screen.bytes(piece)?;
    }
    screen.end()?;
    if content.errors() > 0 {
        let (n, encoding) = (content.errors(), part.encoding.name());
        complain("mailfmt", &format!("{n} errors in the {encoding} of this part"), None);
    }
    Ok(())
}

/// A message on its way to a reader.
pub(super) struct View<'s, B> {
    screen: &'s mut Screen,
    cursor: Cursor<B>,
    /// Whether the last thing shown is a text: the next one gets an empty line before it.
    after_text: bool,
    width: usize,
    /// Only texts.
    pub(super) bare: bool,
}

impl<'s, B: Body> View<'s, B> {
    pub(super) fn new(screen: &'s mut Screen, cursor: Cursor<B>, width: usize) -> View<'s, B> {
        View { screen, cursor, after_text: false, width, bare: false }
    }

    pub(super) fn message(&mut self, part: &Part, number: &str) -> Result<()> {
        if self.bare {
            return self.content(part, number);
        }
        for name in SHOWN {
            for value in part.header.all(name) {
                let value = self.own(&words(value));
                self.screen.field(name, &value)?;
            }
        }
        self.screen.line("")?;
        self.after_text = false;
        self.content(part, number)
    }

    fn own(&self, text: &str) -> String {
        escape(text)
    }

    fn content(&mut self, part: &Part, number: &str) -> Result<()> {
        if self.screen.is_gone() {
            return Ok(());
        }
        self.entity(part, number)?;
        for defect in part.defects.iter().filter(|defect| defect.hides() && !self.bare) {
            self.screen.line(&format!("[part {number}: {}]", defect.words()))?;
        }
        Ok(())
    }

    fn entity(&mut self, part: &Part, number: &str) -> Result<()> {
        if let Some(message) = part.message() {
            self.note(part, number)?;
            let inner = describe::children(part, number).next().map_or(String::new(), |(number, _)| number);
            return self.message(message, &inner);
        }
        if !part.is_multipart() {
            return self.leaf(part, number);
        }
        let children: Vec<_> = describe::children(part, number).collect();
        if part.content_type.subtype == "alternative" {
            let best = best(&children);
            if let Some((number, child)) = best.and_then(|index| children.get(index)) {
                return self.content(child, number);
            }
        }
        children.iter().try_for_each(|(number, child)| self.content(child, number))
    }

    /// The line that stands for a part.
    fn note(&mut self, part: &Part, number: &str) -> Result<()> {
        if self.bare {
            return Ok(());
        }
        let kind = &part.content_type;
        let name = file_name(part).map(|name| format!(", \"{}\"", self.own(&name))).unwrap_or_default();
        self.screen.line(&format!("[{number} {}/{}, {} bytes{name}]", kind.kind, kind.subtype, part.size()))
    }

    fn leaf(&mut self, part: &Part, number: &str) -> Result<()> {
        if !is_shown(part) {
            self.after_text = false;
            return self.note(part, number);
        }
        self.screen.end_line()?;
        if std::mem::replace(&mut self.after_text, true) {
            self.screen.line("")?;
        }
        // Text without an empty line before it begins among the fields; the line of an mbox is none of it.
        for entry in part.header.entries() {
            let lost = !entry.raw().starts_with(b"From ") && !entry.raw().starts_with(b">From ");
            if matches!(entry, Entry::Junk(_)) && lost {
                self.screen.text(entry.raw())?;
            }
        }
        let mut body = text(self.cursor.range(&part.body_at), part);
        let flowed = part.content_type.parameter("format").is_some_and(|format| format.eq_ignore_ascii_case(b"flowed"));
        if flowed && part.content_type.is("text", "plain") {
            let del_sp = part.content_type.parameter("delsp").is_some_and(|value| value.eq_ignore_ascii_case(b"yes"));
            return pour(self.screen, &mut Flowed::new(body, del_sp, self.width));
        }
        if part.content_type.subtype == "html" {
            let page = Take::new(&mut body, html::MAX as u64).whole(html::MAX)?.unwrap_or_default();
            let rest = body.skip()?;
            let shown = html::to_text(&String::from_utf8_lossy(&page), self.width);
            self.screen.text(shown.as_bytes())?;
            self.screen.end()?;
            if rest > 0 && !self.bare {
                self.screen.line(&format!("[{number} {rest} more bytes of HTML are not shown]"))?;
            }
            return Ok(());
        }
        pour(self.screen, &mut body)
    }
}

/// All of a text.
fn pour(screen: &mut Screen, text: &mut dyn Body) -> Result<()> {
    loop {
        let piece = text.chunk()?;
        if piece.is_empty() || screen.is_gone() {
            break;
        }
        screen.text(piece)?;
    }
    screen.end()
}

/// Whether a part is text that belongs to the message, not a file that came with it.
pub(super) fn is_shown(part: &Part) -> bool {
    const REPORTS: [&str; 4] =
        ["delivery-status", "disposition-notification", "global-delivery-status", "global-disposition-notification"];
    let kind = &part.content_type;
    let text = kind.kind == "text" || kind.kind == "message" && REPORTS.contains(&kind.subtype.as_str());
    let attached = part.disposition().is_some_and(|d| d.value.eq_ignore_ascii_case(b"attachment"));
    text && !attached && !matches!(part.encoding, Encoding::Other(_))
}

/// Which alternative is read: plain text if there is any of it, else HTML, else the last, which is the richest.
pub(super) fn best(children: &[(String, &Part)]) -> Option<usize> {
    let text = |subtype: &str| {
        children.iter().position(|(_, p)| p.content_type.is("text", subtype) && is_shown(p) && p.size() > 0)
    };
    text("plain").or_else(|| text("html")).or_else(|| children.len().checked_sub(1))
}
