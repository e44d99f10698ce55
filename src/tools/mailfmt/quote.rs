//! What an answer takes from the message that it answers: its text, its files.

use super::cursor::Cursor;
use super::describe;
use super::screen::Screen;
use super::show::{View, best, is_shown};
use crate::body::Body;
use crate::error::{Error, Local, Result};
use crate::message::decode::{decoded, file_name, words};
use crate::message::digest::Sha256;
use crate::message::mime::Part;
use crate::message::recode::{Wanted, recode};
use crate::store::spool::Spool;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

/// Columns of text that is made of HTML.
const WIDTH: usize = 72;
/// The most files that are attached again: each is open until the message is written.
const FILES: usize = 200;

/// Puts a body behind what is there.
///
/// # Errors
/// Those of both.
pub(super) fn append(to: &mut Spool, body: &mut dyn Body) -> Result<()> {
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() {
            return Ok(());
        }
        to.push(piece)?;
    }
}

/// The readable text of a message, in UTF-8, lines ending with LF; `bare`: without its header fields and notes.
///
/// # Errors
/// Those of the message and of temporary files.
pub(super) fn shown(message: &mut Spool, part: &Part, bare: bool) -> Result<Spool> {
    let mut screen = Screen::kept();
    let mut view = View::new(&mut screen, Cursor::new(message.body()?), WIDTH);
    view.bare = bare;
    view.message(part, &describe::root(part))?;
    screen.end_line()?;
    Ok(screen.into_kept())
}

/// Eight bytes in hex that stand for a message.
///
/// # Errors
/// Those of its temporary file.
pub(super) fn digest(message: &mut Spool) -> Result<String> {
    let (mut hash, mut body) = (Sha256::default(), message.body()?);
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() {
            return Ok(format!("{:.16}", hash.hex()));
        }
        hash.push(piece);
    }
}

/// A text, each line with a `>` more before it.
pub(super) struct Quoted<B> {
    from: B,
    line_start: bool,
    out: Vec<u8>,
}

impl<B: Body> Quoted<B> {
    /// Quotes `from`.
    pub(super) fn new(from: B) -> Quoted<B> {
        Quoted { from, line_start: true, out: Vec::new() }
    }
}

impl<B: Body> Body for Quoted<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.out.clear();
        for line in self.from.chunk()?.split_inclusive(|b| *b == b'\n') {
            if self.line_start {
                let bare = line.starts_with(b">") || line.starts_with(b"\n");
                self.out.extend_from_slice(if bare { b">" } else { b"> " });
            }
            self.out.extend_from_slice(line);
            self.line_start = line.ends_with(b"\n");
        }
        Ok(&self.out)
    }
}

/// A file without a name that lasts as long as it is open, and the argument of `--attach` that means it.
fn attachable(write: impl FnOnce(&mut File) -> Result<()>, kind: &str, name: &str) -> Result<(File, OsString)> {
    let mut file = tempfile::tempfile().creating("temporary file")?;
    write(&mut file)?;
    let name = name.replace(['/', '\r', '\n', '\0'], "_");
    let argument = format!("/proc/self/fd/{}:{kind}:{name}", file.as_raw_fd());
    Ok((file, argument.into()))
}

fn pour(to: &mut File, body: &mut dyn Body) -> Result<()> {
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() {
            return to.flush().local("temporary file");
        }
        to.write_all(piece).local("temporary file")?;
    }
}

/// The files of a message, decoded.
///
/// # Errors
/// 65: more of them than can be; 73, 74: temporary files.
pub(super) fn attached(message: &mut Spool, part: &Part) -> Result<Vec<(File, OsString)>> {
    let mut files = Vec::new();
    let mut cursor = Cursor::new(message.body()?);
    let mut waiting = vec![(describe::root(part), part)];
    while let Some((number, part)) = waiting.pop() {
        let children: Vec<_> = describe::children(part, &number).collect();
        if part.content_type.subtype == "alternative"
            && let Some(best) = best(&children).and_then(|index| children.get(index))
        {
            waiting.push(best.clone());
        } else if !children.is_empty() {
            waiting.extend(children.into_iter().rev());
        } else if !is_shown(part) {
            if files.len() >= FILES {
                return Err(Error::data(format!("the message has more than {FILES} files"))
                    .advise("--as-message attaches it whole"));
            }
            let name = file_name(part).unwrap_or_else(|| format!("part-{number}"));
            let mut body = decoded(cursor.range(&part.body_at), &part.encoding);
            files.push(attachable(|file| pour(file, &mut body), &kind(part), &name)?);
        }
    }
    Ok(files)
}

/// The type of a file as `--attach` takes it.
fn kind(part: &Part) -> String {
    let of = &part.content_type;
    let token =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._".contains(&b));
    let charset = String::from_utf8_lossy(part.content_type.charset()).into_owned();
    match of.kind.as_str() {
        "text" if token(&of.subtype) && token(&charset) => format!("text/{};charset={charset}", of.subtype),
        "application" | "audio" | "font" | "image" | "model" | "video" if token(&of.subtype) => {
            format!("{}/{}", of.kind, of.subtype)
        }
        _ => "application/octet-stream".to_owned(),
    }
}

/// A message whole, as it may travel inside another one (RFC 2046 5.2.1): 7 bits, short lines.
///
/// # Errors
/// 65: it can't be recoded without loss.
pub(super) fn whole(message: &mut Spool, part: &Part) -> Result<(File, OsString)> {
    let wanted = Wanted { seven_bit: true, short_lines: true, label: true, stable: false };
    let subject = part.header.get("Subject").map(words).unwrap_or_default();
    let name: String = subject.chars().filter(|c| !c.is_control()).take(60).collect();
    let name = if name.trim().is_empty() { "message".to_owned() } else { name.trim().to_owned() };
    let write = |file: &mut File| {
        recode(message, wanted, &mut |piece| file.write_all(piece).local("temporary file"))?;
        file.flush().local("temporary file")
    };
    let made = attachable(write, "message/rfc822", &format!("{name}.eml"));
    made.map_err(|e| {
        if e.exit() == crate::error::Exit::Data {
            e.advise("--attach FILE:application/octet-stream keeps its bytes")
        } else {
            e
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_quoted() {
        let text = b"a\n\n> b\n>c\nd";
        let quoted = Quoted::new(&text[..]).whole(1000).unwrap().unwrap();
        assert_eq!(String::from_utf8(quoted).unwrap(), "> a\n>\n>> b\n>>c\n> d");
    }
}
