//! What is in a header section.

use super::{Code, Found};
use crate::message::addr::{checked, mailboxes};
use crate::message::charset;
use crate::message::date::Date;
use crate::message::header::{Entry, Field, Header};
use crate::message::mime::{ContentType, Encoding, Part};
use crate::message::param::Value;
use crate::text::chomp;
use memchr::memmem;
use std::collections::{BTreeMap, BTreeSet};

/// Fields of which a message has one at most (RFC 5322 3.6).
const ONCE: [&str; 11] =
    ["date", "from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject"];
/// And a part too (RFC 2045 3, RFC 2183).
const ONCE_IN_PARTS: [&str; 6] = [
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-id",
    "content-description",
];
const ADDRESSES: [&str; 11] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-bcc",
];

/// The longest encoded word (RFC 2047 2) and boundary (RFC 2046 5.1.1).
const WORD: usize = 75;
const BOUNDARY: usize = 70;

/// Whether there may be one field of this name, in small letters.
#[must_use]
pub fn is_once(name: &str, in_message: bool) -> bool {
    ONCE_IN_PARTS.contains(&name) || in_message && ONCE.contains(&name)
}

/// Looks at the header section of a message, or of a part of one.
pub(super) fn check(part: &Part, is_message: bool, found: &mut Found) {
    let mut at = part.header_at.start;
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for entry in part.header.entries() {
        let raw = entry.raw();
        match entry {
            Entry::Junk(_) => {
                found.push((at, Code::NotAField, "neither a field nor the line after one".to_owned()));
            }
            Entry::Field(field) => {
                let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
                one(&field, &name, at, found);
                let once = is_once(&name, is_message);
                if !seen.insert(name) && once {
                    let name = String::from_utf8_lossy(field.name);
                    found.push((at, Code::DuplicateField, format!("{name} is there already")));
                }
            }
        }
        folds(raw, at, found);
        if let Some(first) = raw.iter().position(|b| !b.is_ascii()) {
            let utf8 = std::str::from_utf8(raw).is_ok();
            let (code, text) = match utf8 {
                true => (Code::HeaderUtf8, "UTF-8 in a header section (RFC 6532)"),
                false => (Code::HeaderNotUtf8, "8-bit bytes that are no UTF-8 in a header section"),
            };
            found.push((at + first as u64, code, text.to_owned()));
        }
        at += raw.len() as u64;
    }
    if is_message {
        message(part, &seen, found);
    }
    mime(part, found);
}

fn one(field: &Field<'_>, name: &str, at: u64, found: &mut Found) {
    let after = field.raw.get(field.name.len()).copied();
    if after != Some(b':') {
        let place = at + field.name.len() as u64;
        found.push((place, Code::BlankBeforeColon, "a blank before the colon".to_owned()));
    }
    let shown = String::from_utf8_lossy(field.name);
    if ADDRESSES.contains(&name) {
        match checked(field.value) {
            Err(e) => found.push((at, Code::BadAddress, format!("{shown}: {e}"))),
            Ok(items) if items.is_empty() && !name.ends_with("bcc") => {
                found.push((at, Code::BadAddress, format!("{shown}: no address")));
            }
            Ok(_) => {}
        }
    }
    match name {
        "date" | "resent-date" if Date::parse(field.value).is_none() => {
            found.push((at, Code::BadDate, format!("{shown}: a date that can't be read")));
        }
        "bcc" | "resent-bcc" => found.push((at, Code::BccLeft, format!("{shown} is left in"))),
        "message-id" | "resent-message-id" | "content-id" if !is_id(&field.unfolded()) => {
            found.push((at, Code::BadMessageId, format!("{shown}: not like <left@right>")));
        }
        "content-type" | "content-disposition" => parameters(field, &shown, at, found),
        _ => words(field, at, found),
    }
}

/// `<left@right>` (RFC 5322 3.6.4).
fn is_id(value: &[u8]) -> bool {
    let inner = value.trim_ascii().strip_prefix(b"<").and_then(|id| id.strip_suffix(b">"));
    inner.is_some_and(|id| {
        let at = id.iter().rposition(|b| *b == b'@');
        let sides = at.is_some_and(|at| at > 0 && at + 1 < id.len());
        sides && !id.iter().any(|b| b.is_ascii_whitespace() || b.is_ascii_control() || matches!(b, b'<' | b'>'))
    })
}

/// Continuation lines that are blanks alone.
fn folds(raw: &[u8], at: u64, found: &mut Found) {
    let mut offset = at;
    for (n, line) in raw.split_inclusive(|b| *b == b'\n').enumerate() {
        if n > 0 && chomp(line).iter().all(|b| matches!(b, b' ' | b'\t')) {
            found.push((offset, Code::BlankFold, "a folded line of blanks alone".to_owned()));
        }
        offset += line.len() as u64;
    }
}

/// Encoded words: those that look like one.
fn words(field: &Field<'_>, at: u64, found: &mut Found) {
    let mut offset = at;
    for word in field.raw.split_inclusive(u8::is_ascii_whitespace) {
        let text = word.trim_ascii_end();
        let start = memmem::find(text, b"=?").filter(|_| text.ends_with(b"?=") && text.len() > 5);
        if let Some(start) = start
            && let Some(reason) = wrong_word(text.get(start..).unwrap_or_default())
        {
            found.push((offset + start as u64, Code::BadEncodedWord, reason));
        }
        offset += word.len() as u64;
    }
}

fn wrong_word(word: &[u8]) -> Option<String> {
    let inner = word.strip_prefix(b"=?")?.strip_suffix(b"?=")?;
    let mut pieces = inner.splitn(3, |b| *b == b'?');
    let (label, way, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let label = label.split(|b| *b == b'*').next().unwrap_or_default();
    if word.len() > WORD {
        return Some(format!("an encoded word of {} bytes, over {WORD}", word.len()));
    }
    if !charset::is_known(label) {
        return Some(format!("an encoded word in the unknown charset {}", String::from_utf8_lossy(label)));
    }
    let q = |text: &[u8]| {
        let mut rest = text.iter();
        while let Some(b) = rest.next() {
            let digit = |b: Option<&u8>| b.is_some_and(u8::is_ascii_hexdigit);
            if *b == b'=' && !(digit(rest.next()) && digit(rest.next())) || *b == b'?' {
                return false;
            }
        }
        true
    };
    let b = |text: &[u8]| {
        let symbols = text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        symbols && text.len().is_multiple_of(4)
    };
    let fits = match way {
        b"Q" | b"q" => q(text),
        b"B" | b"b" => b(text),
        _ => false,
    };
    (!fits).then(|| "an encoded word that can't be decoded".to_owned())
}

/// Parameters: each once, pieces in order.
fn parameters(field: &Field<'_>, shown: &str, at: u64, found: &mut Found) {
    let value = Value::parse(field.value);
    let mut pieces: BTreeMap<String, u32> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (name, text) in &value.raw_parameters {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if memmem::find(text, b"=?").is_some() && text.ends_with(b"?=") {
            found.push((at, Code::EncodedWordInParameter, format!("{shown}: an encoded word in {name}")));
        }
        let bare = name.strip_suffix('*').unwrap_or(&name);
        if let Some((base, n)) = bare.rsplit_once('*') {
            let next = pieces.entry(base.to_owned()).or_default();
            if n.parse() == Ok(*next) {
                *next += 1;
            } else {
                found.push((at, Code::BadParameter, format!("{shown}: {name} where {base}*{next} should be")));
            }
        }
        if !seen.insert(name.clone()) {
            found.push((at, Code::BadParameter, format!("{shown}: {name} is there already")));
        }
    }
}

/// What a message needs.
fn message(part: &Part, seen: &BTreeSet<String>, found: &mut Found) {
    let end = part.header_at.start;
    let mut missing = |code, text: &str| found.push((end, code, text.to_owned()));
    for (name, shown) in [("date", "Date"), ("from", "From")] {
        if !seen.contains(name) && !part.header.is_cut() {
            missing(Code::MissingField, &format!("no {shown}"));
        }
    }
    if !seen.contains("message-id") {
        missing(Code::MissingMessageId, "no Message-ID");
    }
    if !seen.contains("mime-version") && seen.iter().any(|name| name.starts_with("content-")) {
        missing(Code::MissingMimeVersion, "fields of MIME, and no MIME-Version");
    }
    let authors = part.header.get("From").and_then(|from| checked(from).ok());
    if authors.is_some_and(|items| mailboxes(&items).count() > 1) && !seen.contains("sender") {
        missing(Code::MissingSender, "several authors, and no Sender");
    }
}

/// Where the first field of this name begins.
fn place(part: &Part, name: &str) -> u64 {
    let header: &Header = &part.header;
    let mut at = part.header_at.start;
    for entry in header.entries() {
        if matches!(entry, Entry::Field(field) if field.is(name)) {
            return at;
        }
        at += entry.raw().len() as u64;
    }
    part.header_at.start
}

fn mime(part: &Part, found: &mut Found) {
    let at = || place(part, "Content-Type");
    let kind = &part.content_type;
    if let Some(value) = part.header.get("Content-Type") {
        if ContentType::parse(value).is_none() {
            found.push((at(), Code::BadContentType, "Content-Type: not like type/subtype".to_owned()));
        }
        if kind.kind == "text" && !charset::is_known(kind.charset()) {
            let name = String::from_utf8_lossy(kind.charset());
            found.push((at(), Code::UnknownCharset, format!("the charset {name} is not known")));
        }
    }
    if kind.kind == "multipart"
        && let Some(boundary) = kind.parameter("boundary")
        && (boundary.len() > BOUNDARY || boundary.ends_with(b" "))
    {
        found.push((
            at(),
            Code::BadBoundary,
            format!("a boundary of over {BOUNDARY} bytes, or with a blank at its end"),
        ));
    }
    let encoding = || place(part, "Content-Transfer-Encoding");
    if let Encoding::Other(name) = &part.encoding {
        found.push((encoding(), Code::UnknownEncoding, format!("the encoding {name} is not known")));
    }
    // RFC 6532 3.5 lets message/global be encoded.
    let around = kind.kind == "multipart" || kind.is("message", "rfc822") || kind.is("message", "partial");
    if around && !part.encoding.is_identity() {
        let text = format!("{}/{} in {}", kind.kind, kind.subtype, part.encoding.name());
        found.push((encoding(), Code::EncodedParts, text));
    }
}
