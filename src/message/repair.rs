//! What can be mended in a message that is not as it should be, and nothing else: [`structure`] first, until it finds no more, then [`contents`].
//!
//! Each repair has the code that [`super::lint`] has for what was wrong. What is signed or encrypted (RFC 1847) stays as it is.
//! Left out: line ends, lines that are too long (that is [`super::recode`]), dates, addresses, and what nobody can guess.

use super::addr::checked;
use super::charset::{lookup, to_utf8};
use super::decode;
use super::encode::Way;
use super::field;
use super::header::{Entry, Field, Header};
use super::lint::{Code, is_once};
use super::mime::{Defect, Encoding, Part};
use crate::error::{Error, Result};
use crate::text::chomp;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What can be mended.
pub const MENDED: [Code; 14] = [
    Code::NoBoundary,
    Code::NotClosed,
    Code::EncodedParts,
    Code::UnknownEncoding,
    Code::EightBit,
    Code::BadBase64,
    Code::BadQuotedPrintable,
    Code::NotInCharset,
    Code::MissingMimeVersion,
    Code::BlankBeforeColon,
    Code::HeaderUtf8,
    Code::HeaderNotUtf8,
    Code::DuplicateField,
    Code::NotAField,
];

/// A content is looked at so far for its boundary.
pub const LOOK: usize = 64 * 1024;

/// Something that is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// What was wrong.
    pub code: Code,
    /// Where the entity begins that it was wrong with.
    pub offset: u64,
    /// What is done.
    pub text: String,
}

/// What comes in the place of a range of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum With {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What is in it, once decoded, encoded anew.
    Encoded(Encoding, Way),
}

/// A range, and what comes in its place.
pub type Change = (Range<u64>, With);

/// What the decoded content of a part is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// There are bytes over 127 as it travels.
    pub eight_bit_body: bool,
    /// There are bytes over 127 in what it is.
    pub eight_bit: bool,
    /// All of it is UTF-8.
    pub utf8: bool,
    /// What made no sense in its encoding.
    pub errors: u64,
}

/// Which repairs are wanted, and those that were made.
pub struct Wanted<'w> {
    /// Whether to mend that.
    pub mends: &'w dyn Fn(Code) -> bool,
    /// What was.
    pub made: Vec<Mended>,
}

impl Wanted<'_> {
    fn note(&mut self, code: Code, part: &Part, text: impl Into<String>) -> bool {
        let wanted = (self.mends)(code);
        if wanted {
            self.made.push(Mended { code, offset: part.header_at.start, text: text.into() });
        }
        wanted
    }
}

/// All entities that are in nothing signed or encrypted (RFC 1847), in the order in which they begin.
#[must_use]
pub fn unsealed(message: &Part) -> Vec<&Part> {
    let (mut all, mut waiting) = (Vec::new(), vec![message]);
    while let Some(part) = waiting.pop() {
        if part.is_sealed() {
            continue;
        }
        all.push(part);
        waiting.extend(part.parts.iter().rev());
    }
    all
}

/// Boundaries: those that nobody names although they are there, and those that nobody closes. `start` gives the beginning of a range.
///
/// # Errors
/// 65: more than can be looked at; those of `start`.
pub fn structure(
    message: &Part,
    wanted: &mut Wanted<'_>,
    start: &mut dyn FnMut(&Range<u64>) -> Result<Vec<u8>>,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for part in unsealed(message) {
        if let Some(defect) = part.defects.iter().find(|defect| defect.hides()) {
            return Err(Error::data(defect.words()));
        }
        if part.defects.contains(&Defect::NoBoundary) {
            let boundary = evident(&start(&part.body_at)?);
            let (text, value) = match &boundary {
                Some(boundary) => (format!("the boundary is {boundary}"), with_parameter(part, "boundary", boundary)),
                None => ("there is no boundary: it is text/plain".to_owned(), "text/plain".to_owned()),
            };
            if wanted.note(Code::NoBoundary, part, text) {
                let mut fields = Fields::of(&part.header);
                fields.set("Content-Type", &value)?;
                changes.push((part.header_at.clone(), With::Bytes(fields.join())));
            }
        } else if part.defects.contains(&Defect::NotClosed)
            && let Some(boundary) = part.content_type.parameter("boundary")
            && wanted.note(Code::NotClosed, part, "the closing boundary is put there")
        {
            let end = message.header.line_end().as_bytes();
            let last = part.body_at.end.saturating_sub(1)..part.body_at.end;
            let ended = part.body_at.is_empty() || start(&last)?.ends_with(b"\n");
            let mut bytes = if ended { Vec::new() } else { end.to_vec() };
            bytes.extend_from_slice(&[b"--", boundary, b"--", end].concat());
            changes.push((part.body_at.end..part.body_at.end, With::Bytes(bytes)));
        }
    }
    // Of those that end at one place the innermost is closed first.
    changes.sort_by_key(|(at, _)| (at.start, at.end));
    let mut ordered: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let place = ordered.iter().rposition(|(at, _)| *at != change.0 || !at.is_empty()).map_or(0, |n| n + 1);
        ordered.insert(place, change);
    }
    Ok(ordered)
}

/// What separates the parts, by their look: the first line that begins with two dashes and comes again, or closes.
fn evident(body: &[u8]) -> Option<String> {
    fn candidate(line: &[u8]) -> Option<&[u8]> {
        let name = line.strip_prefix(b"--")?;
        let fits = !name.is_empty() && name.len() <= 70 && name.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
        // A signature's dashes, or a line of them, separate nothing.
        (fits && name.iter().any(|b| *b != b'-')).then_some(name)
    }
    let lines: Vec<&[u8]> = body.split(|b| *b == b'\n').map(|line| line.trim_ascii_end()).collect();
    let mut seen = BTreeSet::new();
    for name in lines.into_iter().filter_map(candidate) {
        if seen.contains(name) {
            return std::str::from_utf8(name).ok().map(str::to_owned);
        }
        if let Some(name) = name.strip_suffix(b"--").filter(|name| seen.contains(name)) {
            return std::str::from_utf8(name).ok().map(str::to_owned);
        }
        seen.insert(name);
    }
    None
}

/// Header sections and contents. `look` tells what the content of a part is like.
///
/// # Errors
/// Those of `look`.
pub fn contents(
    message: &Part,
    wanted: &mut Wanted<'_>,
    look: &mut dyn FnMut(&Part) -> Result<Content>,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    // Whether something inside has bytes over 127: what is around it must say so.
    let eight_bit = |part: &Part, look: &mut dyn FnMut(&Part) -> Result<Content>| -> Result<bool> {
        let mut waiting = vec![part];
        while let Some(part) = waiting.pop() {
            if part.parts.is_empty() && look(part)?.eight_bit_body {
                return Ok(true);
            }
            waiting.extend(&part.parts);
        }
        Ok(false)
    };
    let all = unsealed(message);
    let inner: BTreeSet<u64> =
        all.iter().filter_map(|part| part.message()).map(|message| message.header_at.start).collect();
    for part in all {
        let mut fields = Fields::of(&part.header);
        let whole = part.header_at.start == message.header_at.start;
        // Messages in messages have fields of their own, of which there may be one too.
        fields.spelling(part, whole || inner.contains(&part.header_at.start), wanted)?;
        if whole
            && part.header.get("MIME-Version").is_none()
            && part.header.fields().any(|field| starts(field.name, b"content-"))
            && wanted.note(Code::MissingMimeVersion, part, "MIME-Version is put there")
        {
            fields.set("MIME-Version", "1.0")?;
        }
        let around = !part.parts.is_empty() || part.content_type.kind == "multipart";
        if around {
            if !part.encoding.is_identity() {
                let name = if eight_bit(part, look)? { "8bit" } else { "7bit" };
                if wanted.note(Code::EncodedParts, part, format!("the encoding is {name}")) {
                    fields.set("Content-Transfer-Encoding", name)?;
                }
            }
        } else {
            let content = look(part)?;
            leaf(part, content, &mut fields, wanted, &mut changes)?;
        }
        if fields.changed {
            changes.push((part.header_at.clone(), With::Bytes(fields.join())));
        }
    }
    changes.sort_by_key(|(at, _)| at.start);
    Ok(changes)
}

fn leaf(
    part: &Part,
    content: Content,
    fields: &mut Fields,
    wanted: &mut Wanted<'_>,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let mut encoding = part.encoding.clone();
    if let Encoding::Other(name) = &part.encoding
        && !name.starts_with("x-")
    {
        let meant = meant(name).unwrap_or(if content.eight_bit_body { Encoding::EightBit } else { Encoding::SevenBit });
        if wanted.note(Code::UnknownEncoding, part, format!("the encoding is {}", meant.name())) {
            fields.set("Content-Transfer-Encoding", meant.name())?;
            // What is in it is looked at the next time.
            encoding = meant;
        }
    }
    let text = part.content_type.kind == "text";
    match encoding {
        Encoding::SevenBit if content.eight_bit_body && wanted.note(Code::EightBit, part, "the encoding is 8bit") => {
            fields.set("Content-Transfer-Encoding", "8bit")?;
        }
        Encoding::Base64 | Encoding::QuotedPrintable if encoding == part.encoding && content.errors > 0 => {
            let (code, way) = match encoding {
                Encoding::Base64 => (Code::BadBase64, Way::Base64),
                _ => (Code::BadQuotedPrintable, Way::QuotedPrintable),
            };
            if wanted.note(code, part, format!("what can be decoded is encoded anew; {} errors", content.errors)) {
                changes.push((part.body_at.clone(), With::Encoded(encoding, way)));
            }
        }
        _ => {}
    }
    // Nothing is known of what is in an encoding that nobody knows.
    if text && content.eight_bit && !matches!(part.encoding, Encoding::Other(_)) {
        let named = part.content_type.parameter("charset");
        let ascii = named.is_none_or(|name| name.eq_ignore_ascii_case(b"us-ascii"));
        let wrong = named.is_some_and(|name| lookup(name) == Some(encoding_rs::UTF_8)) && !content.utf8;
        let charset = if content.utf8 { "utf-8" } else { "windows-1252" };
        if (ascii || wrong) && wanted.note(Code::NotInCharset, part, format!("the charset is {charset}")) {
            fields.set("Content-Type", &with_parameter(part, "charset", charset))?;
            if part.header.get("MIME-Version").is_none() && part.header_at.start == 0 {
                fields.set("MIME-Version", "1.0")?;
            }
        }
    }
    Ok(())
}

/// What a misspelt name stands for.
fn meant(name: &str) -> Option<Encoding> {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(match letters.as_str() {
        "quotedprintable" | "quotedprintible" | "quotedprint" | "qp" => Encoding::QuotedPrintable,
        "base64" | "b64" => Encoding::Base64,
        "8bit" | "8bits" | "8" | "eightbit" => Encoding::EightBit,
        "7bit" | "7bits" | "7" | "sevenbit" => Encoding::SevenBit,
        "binary" => Encoding::Binary,
        _ => return None,
    })
}

/// The type of a part as it is written, with a parameter that is this, the others as they were.
#[must_use]
pub fn with_parameter(part: &Part, name: &str, value: &str) -> String {
    let kind = &part.content_type;
    let mut out = format!("{}/{}", kind.kind, kind.subtype);
    // In pieces and with a charset of its own too (RFC 2231).
    let is_it =
        |own: &[u8]| own.split(|b| *b == b'*').next().is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()));
    let other = kind.raw_parameters.iter().filter(|(own, _)| !is_it(own));
    let own = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    for (name, value) in other.cloned().chain([own]) {
        let (name, value) = (String::from_utf8_lossy(&name), String::from_utf8_lossy(&value));
        let token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c);
        let written = if !value.is_empty() && value.chars().all(token) {
            value.into_owned()
        } else {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        };
        out.push_str(&format!("; {name}={written}"));
    }
    out
}

fn starts(name: &[u8], with: &[u8]) -> bool {
    name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// Fields of addresses, of which several are one list.
const LISTS: [&str; 4] = ["to", "cc", "bcc", "reply-to"];
/// A header section that is being mended.
struct Fields {
    /// Name and bytes; no name: no field.
    pieces: Vec<(Vec<u8>, Vec<u8>)>,
    end: &'static str,
    /// The empty line behind it.
    rest: Vec<u8>,
    changed: bool,
}

impl Fields {
    fn of(header: &Header) -> Fields {
        let named = |entry: Entry<'_>| match entry {
            Entry::Field(field) => (field.name.to_vec(), field.raw.to_vec()),
            Entry::Junk(raw) => (Vec::new(), raw.to_vec()),
        };
        let pieces: Vec<_> = header.entries().map(named).collect();
        let len = pieces.iter().map(|(_, raw)| raw.len()).sum::<usize>();
        let rest = header.raw().get(len..).unwrap_or_default().to_vec();
        Fields { pieces, end: header.line_end(), rest, changed: false }
    }

    /// Puts a field in the place of those of its name, or at the end.
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let raw = field::write(name, value, self.end)?;
        self.changed = true;
        let is = |own: &[u8]| own.eq_ignore_ascii_case(name.as_bytes());
        match self.pieces.iter_mut().find(|(own, _)| is(own)) {
            Some((_, place)) => *place = raw,
            None => self.pieces.push((name.as_bytes().to_vec(), raw)),
        }
        Ok(())
    }

    fn join(self) -> Vec<u8> {
        let mut out = Vec::new();
        for (_, raw) in &self.pieces {
            if !out.is_empty() && !out.ends_with(b"\n") {
                out.extend_from_slice(self.end.as_bytes());
            }
            out.extend_from_slice(raw);
        }
        if !self.rest.is_empty() && !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(self.end.as_bytes());
        }
        out.extend_from_slice(&self.rest);
        out
    }

    /// What is wrong with fields themselves.
    fn spelling(&mut self, part: &Part, is_message: bool, wanted: &mut Wanted<'_>) -> Result<()> {
        let header = &part.header;
        let mut pieces: Vec<(Vec<u8>, Vec<u8>)> = Vec::with_capacity(self.pieces.len());
        // Where those are of which there may be one.
        let mut firsts: BTreeMap<String, usize> = BTreeMap::new();
        for entry in header.entries() {
            let field = match entry {
                Entry::Junk(raw) => {
                    self.junk(part, raw, wanted, &mut pieces)?;
                    continue;
                }
                Entry::Field(field) => field,
            };
            let name = String::from_utf8_lossy(field.name).into_owned();
            let mut raw = field.raw.to_vec();
            if field.raw.get(field.name.len()) != Some(&b':')
                && wanted.note(Code::BlankBeforeColon, part, format!("{name}: the blank is taken out"))
            {
                let from = field.raw.iter().position(|b| *b == b':').unwrap_or_default();
                raw = [field.name, field.raw.get(from..).unwrap_or_default()].concat();
                self.changed = true;
            }
            if !field.value.is_ascii()
                && let Some(words) = encoded(&field, self.end)
            {
                let utf8 = std::str::from_utf8(field.value).is_ok();
                let code = if utf8 { Code::HeaderUtf8 } else { Code::HeaderNotUtf8 };
                if wanted.note(code, part, format!("{name}: encoded words")) {
                    raw = words;
                    self.changed = true;
                }
            }
            let small = name.to_ascii_lowercase();
            match firsts.get(&small) {
                Some(first) => self.another((part, &field), raw, *first, wanted, &mut pieces),
                None => {
                    if is_once(&small, is_message) {
                        firsts.insert(small, pieces.len());
                    }
                    pieces.push((field.name.to_vec(), raw));
                }
            }
        }
        self.pieces = pieces;
        Ok(())
    }

    /// A line that is no field: the separator of an mbox goes, anything else gets a name.
    fn junk(
        &mut self,
        part: &Part,
        raw: &[u8],
        wanted: &mut Wanted<'_>,
        pieces: &mut Vec<(Vec<u8>, Vec<u8>)>,
    ) -> Result<()> {
        let quotes = raw.iter().take_while(|b| **b == b'>').count();
        let separator = raw.get(quotes..).is_some_and(|line| line.starts_with(b"From "));
        let text = if separator { "a From_ line goes" } else { "a line that is no field gets the name X-Unnamed" };
        if !wanted.note(Code::NotAField, part, text) {
            pieces.push((Vec::new(), raw.to_vec()));
            return Ok(());
        }
        self.changed = true;
        if !separator {
            let shown = decode::words(chomp(raw)).trim().to_owned();
            let name = "X-Unnamed";
            pieces.push((name.as_bytes().to_vec(), field::write(name, &shown, self.end)?));
        }
        Ok(())
    }

    /// Another of a field that may be there once, whose first one is at that place: of lists one is made, others get another name.
    fn another(
        &mut self,
        (part, field): (&Part, &Field<'_>),
        raw: Vec<u8>,
        first: usize,
        wanted: &mut Wanted<'_>,
        pieces: &mut Vec<(Vec<u8>, Vec<u8>)>,
    ) {
        let name = String::from_utf8_lossy(field.name).into_owned();
        let value =
            raw.get(raw.iter().position(|b| *b == b':').map_or(0, |at| at.saturating_add(1))..).unwrap_or_default();
        let is_list = LISTS.iter().any(|list| field.is(list));
        if is_list && wanted.note(Code::DuplicateField, part, format!("{name}: joined with the one before")) {
            self.changed = true;
            if let Some((_, before)) = pieces.get_mut(first) {
                let len = chomp(before).len();
                before.truncate(len);
                before.extend_from_slice(format!(",{} ", self.end).as_bytes());
                before.extend_from_slice(chomp(value).trim_ascii_start());
                before.extend_from_slice(self.end.as_bytes());
            }
        } else if !is_list
            && wanted.note(Code::DuplicateField, part, format!("{name}: the later is X-Duplicate-{name}"))
        {
            self.changed = true;
            let name = [b"X-Duplicate-", field.name].concat();
            pieces.push((name.clone(), [&name[..], b":", value].concat()));
        } else {
            pieces.push((field.name.to_vec(), raw));
        }
    }
}

/// A field with bytes over 127 as encoded words; `None`: that has no such form.
fn encoded(field: &Field<'_>, end: &str) -> Option<Vec<u8>> {
    let name = std::str::from_utf8(field.name).ok()?;
    let text = to_utf8(b"", &field.unfolded());
    // Addresses that can't be read would be lost.
    if LISTS.iter().chain(&["from", "sender"]).any(|list| field.is(list)) {
        checked(text.as_bytes()).ok()?;
    }
    field::write(name, &text, end).ok()
}
