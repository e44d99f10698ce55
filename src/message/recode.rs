//! Re-encoding the parts of a message that a server can't carry as they are: 8-bit bytes where there is no 8BITMIME (RFC 6152 3),
//! lines over 998 bytes (RFC 5322 2.1.1), as RFC 2045 6 has it. [`recode`] streams.
//!
//! Text becomes quoted-printable, everything else base64; what is base64 or quoted-printable in too long lines gets shorter ones.
//! `Content-Transfer-Encoding` of these parts is replaced, and 8bit becomes 7bit in those around them. Every other byte stays,
//! so a DKIM signature over a part that was recoded does not: DKIM asks signers for 7-bit messages (RFC 6376 5.3).
//! What can't be done without loss is an error before the first byte: parts of multipart/signed and multipart/encrypted (RFC 1847
//! 2.1), 8-bit header fields, 8-bit bytes under an encoding that has none, text around the parts.
//! Left out: encoded words for header fields, decoding for servers that can do more.

mod fragile;

use super::encode::{Encoder, Way};
use super::facts::{Facts, LINE};
use super::header::{Entry, Header};
use super::mime::{Encoding, Part, walk};
use crate::body::Rewind;
use crate::error::{Error, Result};
use crate::text::escape;
use fragile::Fragile;

/// The longest line of quoted-printable and base64.
const WIDTH: usize = 76;

/// More blanks than these are no end of a line.
const HELD: usize = 1024;

/// What the message must become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// No byte over 127.
    pub seven_bit: bool,
    /// No line over 998 bytes, and no NUL in a part.
    pub short_lines: bool,
    /// A message that is not MIME may be made one.
    pub label: bool,
    /// Nothing that some server changes on the way: blanks at line ends, lines that begin with `From ` (RFC 3156 5, RFC 8551 3.1.3).
    pub stable: bool,
}

/// Whose bytes stand somewhere in the message.
pub(super) struct Mark {
    pub start: u64,
    pub end: u64,
    /// A number for the entity.
    pub entity: usize,
    pub is_body: bool,
}

struct Entity<'p> {
    part: &'p Part,
    /// Whether its body is all its own: no parts in it.
    leaf: bool,
    /// Whether it is in something that is signed or encrypted.
    sealed: bool,
    facts: Facts,
    fragile: Fragile,
    change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Not a byte.
    None,
    /// Only the name of its encoding, to 7bit.
    Name,
    /// Its body is encoded.
    Encode(Way),
    /// Its lines are broken.
    Rewrap,
}

/// Which line ends the lines have that are written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// CRLF: it goes to a server.
    Wire,
    /// Those of the message's first line.
    Own,
}

/// Writes `message` to `out` as it is `wanted`, for a server.
///
/// # Errors
/// 65: it can't be done without loss (nothing was written); those of `message` and of `out`.
pub fn recode(message: &mut dyn Rewind, wanted: Wanted, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    recode_with(message, wanted, Ends::Wire, out)
}

/// Writes `message` to `out` as it is `wanted`.
///
/// # Errors
/// As [`recode`].
pub fn recode_with(
    message: &mut dyn Rewind,
    wanted: Wanted,
    ends: Ends,
    out: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let tree = walk(&mut *message.rewind()?)?;
    let (mut entities, mut marks) = (Vec::new(), Vec::new());
    list(&tree, false, &mut entities, &mut marks);
    let mut around = Facts::of_body();
    each(message, &marks, &mut |mark, bytes| {
        match mark.filter(|mark| mark.is_body).and_then(|mark| entities.get_mut(mark.entity)) {
            Some(entity) => {
                entity.facts.push(bytes);
                if wanted.stable {
                    entity.fragile.push(bytes);
                }
            }
            None if mark.is_none() => around.push(bytes),
            None => {}
        }
        Ok(())
    })?;
    around.end();
    if wanted.breaks(&around) {
        return Err(Error::data("8-bit bytes, or a line of over 998, around the parts of the message"));
    }
    let label = wanted.label && !is_mime(&tree.header);
    for entity in &mut entities {
        entity.facts.end();
        entity.fragile.end();
        entity.change = wanted.change(entity, label)?;
    }
    let crlf = ends == Ends::Wire || tree.header.line_end() == "\r\n";
    write(message, &entities, &marks, How { label, crlf }, out)
}

/// How a message is written.
#[derive(Clone, Copy)]
struct How {
    label: bool,
    crlf: bool,
}

fn is_mime(header: &Header) -> bool {
    header.get("MIME-Version").is_some() || header.get("Content-Type").is_some()
}

/// All entities in the order in which they begin, and where their header sections and own bodies are.
fn list<'p>(part: &'p Part, sealed: bool, entities: &mut Vec<Entity<'p>>, marks: &mut Vec<Mark>) {
    let entity = entities.len();
    let leaf = part.parts.is_empty();
    entities.push(Entity {
        part,
        leaf,
        sealed,
        facts: Facts::of_body(),
        fragile: Fragile::default(),
        change: Change::None,
    });
    marks.push(Mark { start: part.header_at.start, end: part.header_at.end, entity, is_body: false });
    if leaf {
        marks.push(Mark { start: part.body_at.start, end: part.body_at.end, entity, is_body: true });
    }
    let sealed = sealed || part.is_sealed();
    part.parts.iter().for_each(|part| list(part, sealed, entities, marks));
}

/// Takes a piece of the message, and where it stands, if that is in an entity.
pub(super) type Take<'f> = dyn FnMut(Option<&Mark>, &[u8]) -> Result<()> + 'f;

/// Reads the message once, and says of every piece where it stands.
pub(super) fn each(message: &mut dyn Rewind, marks: &[Mark], f: &mut Take<'_>) -> Result<()> {
    let mut body = message.rewind()?;
    let mut marks = marks.iter().peekable();
    let mut at = 0u64;
    loop {
        let mut rest = body.chunk()?;
        if rest.is_empty() {
            return Ok(());
        }
        while !rest.is_empty() {
            while marks.peek().is_some_and(|mark| mark.end <= at) {
                marks.next();
            }
            let (mark, end) = match marks.peek() {
                None => (None, u64::MAX),
                Some(mark) if at < mark.start => (None, mark.start),
                Some(mark) => (Some(*mark), mark.end),
            };
            let n = usize::try_from(end.saturating_sub(at)).map_or(rest.len(), |n| n.min(rest.len()));
            let (now, after) = rest.split_at(n);
            f(mark, now)?;
            at += now.len() as u64;
            rest = after;
        }
    }
}

impl Wanted {
    fn breaks(self, facts: &Facts) -> bool {
        (self.seven_bit && facts.eight_bit > 0) || (self.short_lines && (facts.overlong_line > 0 || facts.nul))
    }

    /// What becomes of an entity.
    fn change(self, entity: &Entity<'_>, label: bool) -> Result<Change> {
        let Entity { part, leaf, sealed, facts, .. } = entity;
        self.header_is_fine(&part.header)?;
        let kind = &part.content_type;
        if !leaf {
            let unnamed = matches!(part.encoding, Encoding::EightBit | Encoding::Binary) && self.seven_bit && !sealed;
            return Ok(if unnamed { Change::Name } else { Change::None });
        }
        if !self.breaks(facts) && !entity.fragile.found {
            return Ok(Change::None);
        }
        let what = format!("a part of type {}/{}", kind.kind, kind.subtype);
        if *sealed {
            return Err(Error::data(format!("{what}, which is signed or encrypted, would have to be encoded")));
        }
        if part.defects.iter().any(|defect| defect.hides()) || matches!(kind.kind.as_str(), "multipart" | "message") {
            return Err(Error::data(format!("{what} would have to be encoded, and can't be")));
        }
        if !is_mime(&part.header) && entity.is_top() && !label {
            return Err(Error::data("the message has 8-bit bytes or long lines, and is not MIME")
                .advise("--recode makes it a MIME message"));
        }
        match &part.encoding {
            encoding if encoding.is_identity() => {
                let text = kind.kind == "text" && !facts.nul;
                Ok(Change::Encode(if text { Way::QuotedPrintable } else { Way::TextBase64 }))
            }
            Encoding::Base64 | Encoding::QuotedPrintable if facts.eight_bit == 0 && !facts.nul => Ok(Change::Rewrap),
            encoding => {
                Err(Error::data(format!("{what} is not in the encoding that it names, {}", escape(encoding.name()))))
            }
        }
    }

    /// Header fields are never changed.
    fn header_is_fine(self, header: &Header) -> Result<()> {
        let long = |raw: &[u8]| raw.split(|b| *b == b'\n').any(|line| crate::text::chomp(line).len() as u64 > LINE);
        for entry in header.entries() {
            let name = match entry {
                Entry::Field(field) => format!("the field {}", escape(field.name)),
                Entry::Junk(_) => "the header".to_owned(),
            };
            if self.seven_bit && !entry.raw().is_ascii() {
                return Err(Error::data(format!("{name} has 8-bit bytes")).advise("mailfmt new encodes them"));
            }
            if self.short_lines && long(entry.raw()) {
                return Err(Error::data(format!("{name} has a line of over {LINE} bytes")));
            }
        }
        Ok(())
    }
}

impl Entity<'_> {
    fn is_top(&self) -> bool {
        self.part.header_at.start == 0
    }

    /// Its header section as it will be.
    fn header(&self, label: bool) -> Vec<u8> {
        let header = &self.part.header;
        let end = header.line_end().as_bytes();
        let name = match self.change {
            Change::None | Change::Rewrap => return header.raw().to_vec(),
            Change::Name => "7bit",
            Change::Encode(way) => way.name(),
        };
        let mut new = format!("Content-Transfer-Encoding: {name}").into_bytes();
        new.extend_from_slice(end);
        if self.is_top() && header.get("MIME-Version").is_none() {
            new.extend_from_slice([b"MIME-Version: 1.0", end].concat().as_slice());
            if label && header.get("Content-Type").is_none() {
                let charset = match (self.facts.eight_bit, self.facts.utf8) {
                    (0, _) => "us-ascii",
                    (_, true) => "utf-8",
                    // RFC 1428 3.
                    _ => "unknown-8bit",
                };
                new.extend_from_slice(format!("Content-Type: text/plain; charset={charset}").as_bytes());
                new.extend_from_slice(end);
            }
        }
        let mut new = Some(new);
        let (mut out, mut parsed) = (Vec::new(), 0);
        let has_one = header.get("Content-Transfer-Encoding").is_some();
        for entry in header.entries() {
            parsed += entry.raw().len();
            match entry {
                Entry::Field(field) if field.is("Content-Transfer-Encoding") => {
                    out.extend(new.take().unwrap_or_default());
                    continue;
                }
                // Others take lines that are no fields for the end of the section.
                Entry::Junk(_) if !has_one => out.extend(new.take().unwrap_or_default()),
                _ => {}
            }
            out.extend_from_slice(entry.raw());
            if !out.ends_with(b"\n") {
                out.extend_from_slice(end);
            }
        }
        out.extend(new.take().unwrap_or_default());
        out.extend_from_slice(header.raw().get(parsed..).unwrap_or_default());
        out
    }
}

/// A body on its way through.
enum Through {
    Encoder(Encoder),
    Rewrap(Rewrap),
}

fn write(
    message: &mut dyn Rewind,
    entities: &[Entity<'_>],
    marks: &[Mark],
    how: How,
    out: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut through: Option<Through> = None;
    let (mut done, mut buffer, mut begun) = (0u64, Vec::new(), None);
    each(message, marks, &mut |mark, bytes| {
        buffer.clear();
        done += bytes.len() as u64;
        let Some((mark, entity)) = mark.and_then(|mark| Some((mark, entities.get(mark.entity)?))) else {
            return out(bytes);
        };
        if entity.change == Change::None {
            return out(bytes);
        }
        if !mark.is_body {
            // It is held already; what comes of it now is only passed over.
            return if begun.replace(mark.entity) == Some(mark.entity) {
                Ok(())
            } else {
                out(&entity.header(how.label))
            };
        }
        match through.get_or_insert_with(|| Through::of(entity, how.crlf)) {
            Through::Encoder(encoder) => {
                encoder.push(bytes, &mut buffer);
                if done == mark.end {
                    encoder.finish(&mut buffer);
                }
                // A CR of the content is encoded.
                if !how.crlf {
                    buffer.retain(|b| *b != b'\r');
                }
            }
            Through::Rewrap(lines) => bytes.iter().for_each(|b| lines.push(*b, &mut buffer)),
        }
        if done == mark.end {
            through = None;
        }
        out(&buffer)
    })
}

impl Through {
    fn of(entity: &Entity<'_>, crlf: bool) -> Through {
        match entity.change {
            Change::Encode(way) => Through::Encoder(Encoder::new(way)),
            _ => Through::Rewrap(Rewrap {
                base64: entity.part.encoding == Encoding::Base64,
                crlf,
                column: 0,
                escape: 0,
                blanks: Vec::new(),
            }),
        }
    }
}

/// Shorter lines for what is encoded already; blanks at line ends, which mean nothing in it, go.
struct Rewrap {
    base64: bool,
    crlf: bool,
    column: usize,
    /// Characters of `=XX` that are still to come.
    escape: u8,
    /// Blanks that may be the last of a line.
    blanks: Vec<u8>,
}

impl Rewrap {
    fn push(&mut self, b: u8, out: &mut Vec<u8>) {
        match b {
            b'\n' => {
                // A CR is part of the line end.
                if self.blanks.last() == Some(&b'\r') {
                    out.push(b'\r');
                }
                self.blanks.clear();
                (self.column, self.escape) = (0, 0);
                out.push(b);
            }
            b' ' | b'\t' | b'\r' if self.blanks.len() < HELD => self.blanks.push(b),
            _ => {
                let mut held = std::mem::take(&mut self.blanks);
                held.iter().for_each(|blank| self.put(*blank, out));
                held.clear();
                self.blanks = held;
                self.put(b, out);
            }
        }
    }

    /// A character of the line, on a new one if this is full.
    fn put(&mut self, b: u8, out: &mut Vec<u8>) {
        // `From ` and a lone dot are changed on the way by some.
        let exposed = self.column == 0 && matches!(b, b'F' | b'.') && !self.base64;
        let width = if exposed { 3 } else { 1 };
        // Room for `=XX` and for the `=` behind it.
        let full = if self.base64 { self.column >= WIDTH } else { self.escape == 0 && self.column >= WIDTH - 4 };
        if full {
            out.extend_from_slice(if self.base64 { b"" } else { b"=" });
            out.extend_from_slice(if self.crlf { b"\r\n" } else { b"\n" });
            self.column = 0;
            return self.put(b, out);
        }
        self.escape = if b == b'=' && !self.base64 { 2 } else { self.escape.saturating_sub(1) };
        self.column += width;
        if exposed {
            out.extend_from_slice(format!("={b:02X}").as_bytes());
        } else {
            out.push(b);
        }
    }
}

#[cfg(test)]
mod tests;
