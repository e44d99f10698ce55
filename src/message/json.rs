//! A message as JSON and back, without loss for any bytes: [`read`] of what [`write`] made is the message, and a value that was edited
//! changes the bytes that it stands for and no others.
//!
//! Every key has text, or, under its name with `64` behind it, base64 where the bytes are no UTF-8. Bytes that stand for more than one
//! key (a field and its decoded value, a body and its text) are taken as they came unless the decoded one says something else.
//! Left out: entities deeper than [`MAX_DEPTH`] are written as one body, since readers of JSON bound its depth.

use super::decode::{file_name, text, words};
use super::encode::{Encoder, Way};
use super::header::{Entry, Header};
use super::mime::{Encoding, Part, walk};
use super::{charset, field};
use crate::body::Body;
use crate::error::{Error, Result};
use encodify::base64::STANDARD;
use serde_json::{Map, Value, json};
use std::ops::Range;

/// Entities that are written inside each other.
pub const MAX_DEPTH: usize = 30;

/// What a message is, as an object.
///
/// # Errors
/// None that a message can cause.
pub fn write(message: &[u8]) -> Result<Value> {
    let part = walk(&mut &*message)?;
    entity(&part, message, 0)
}

fn put(map: &mut Map<String, Value>, key: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => map.insert(key.to_owned(), text.into()),
        Err(_) => map.insert(format!("{key}64"), STANDARD.encode(bytes).into()),
    };
}

fn slice<'m>(message: &'m [u8], range: &Range<u64>) -> &'m [u8] {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(message.len());
    message.get(at(range.start)..at(range.end)).unwrap_or_default()
}

fn entity(part: &Part, message: &[u8], depth: usize) -> Result<Value> {
    let mut map = Map::new();
    let section = slice(message, &part.header_at);
    let mut headers = Vec::new();
    let mut kept = 0;
    if part.header.is_cut() {
        // More than is looked into: one piece.
        let mut one = Map::new();
        put(&mut one, "field", section);
        headers.push(Value::Object(one));
        kept = section.len();
    } else {
        for entry in part.header.entries() {
            kept += entry.raw().len();
            let mut one = Map::new();
            if let Entry::Field(field) = entry {
                one.insert("name".into(), String::from_utf8_lossy(field.name).into());
                one.insert("decoded".into(), words(field.value).into());
            }
            put(&mut one, "field", entry.raw());
            headers.push(Value::Object(one));
        }
    }
    map.insert("headers".into(), headers.into());
    put(&mut map, "separator", section.get(kept..).unwrap_or_default());
    let kind = &part.content_type;
    map.insert("type".into(), format!("{}/{}", kind.kind, kind.subtype).into());
    map.insert("encoding".into(), part.encoding.name().into());
    map.insert("name".into(), file_name(part).into());
    map.insert("offset".into(), part.body_at.start.into());
    map.insert("size".into(), part.size().into());
    let defects: Vec<Value> = part.defects.iter().map(|defect| defect.words().into()).collect();
    map.insert("defects".into(), defects.into());
    match between(part).filter(|_| depth < MAX_DEPTH) {
        Some(gaps) => {
            let parts = part.parts.iter().map(|child| entity(child, message, depth + 1));
            map.insert("parts".into(), Value::Array(parts.collect::<Result<_>>()?));
            frame(&mut map, &gaps, message);
        }
        None => leaf(&mut map, part, slice(message, &part.body_at))?,
    }
    Ok(Value::Object(map))
}

/// What lies before, between and behind the children; `None` without children, or where they do not follow each other.
fn between(part: &Part) -> Option<Vec<Range<u64>>> {
    let mut gaps = Vec::new();
    let mut at = part.body_at.start;
    for child in &part.parts {
        let all = child.all_at();
        if all.start < at || all.end < all.start || child.header_at.end != child.body_at.start {
            return None;
        }
        gaps.push(at..all.start);
        at = all.end;
    }
    let fits = at <= part.body_at.end && !gaps.is_empty();
    gaps.push(at..part.body_at.end);
    fits.then_some(gaps)
}

/// Preamble, separators and epilogue.
fn frame(map: &mut Map<String, Value>, gaps: &[Range<u64>], message: &[u8]) {
    let (mut preamble, mut epilogue): (&[u8], &[u8]) = (b"", b"");
    let mut separators = Vec::new();
    for (n, gap) in gaps.iter().enumerate() {
        let mut bytes = slice(message, gap);
        if n == 0 {
            // The delimiter is the last line.
            let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            let start = memchr::memrchr(b'\n', line).map_or(0, |lf| lf + 1);
            (preamble, bytes) = bytes.split_at(start);
        } else if n + 1 == gaps.len() {
            // The first line but for the line end before it.
            let skip = if bytes.starts_with(b"\r\n") { 2 } else { usize::from(bytes.starts_with(b"\n")) };
            let rest = bytes.get(skip..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest).map_or(bytes.len(), |lf| skip + lf + 1);
            (bytes, epilogue) = bytes.split_at(end);
        }
        let mut one = Map::new();
        put(&mut one, "line", bytes);
        separators.push(Value::Object(one));
    }
    put(map, "preamble", preamble);
    put(map, "epilogue", epilogue);
    map.insert("separators".into(), separators.into());
}

fn leaf(map: &mut Map<String, Value>, part: &Part, body: &[u8]) -> Result<()> {
    put(map, "body", body);
    if part.parts.is_empty() && part.content_type.kind == "text" && !matches!(part.encoding, Encoding::Other(_)) {
        map.insert("text".into(), as_text(part, body)?.into());
    }
    Ok(())
}

fn as_text(part: &Part, body: &[u8]) -> Result<String> {
    let all = text(body, part).whole(usize::MAX)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&all).into_owned())
}

/// The message that an object says.
///
/// # Errors
/// 65: it is no such object; an edited value can't be written.
pub fn read(value: &Value) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    assemble(value, &mut out)?;
    Ok(out)
}

fn get(value: &Value, key: &str) -> Result<Option<Vec<u8>>> {
    let coded = format!("{key}64");
    match (value.get(key), value.get(&coded)) {
        (None | Some(Value::Null), None | Some(Value::Null)) => Ok(None),
        (Some(Value::String(text)), None | Some(Value::Null)) => Ok(Some(text.as_bytes().to_vec())),
        (None | Some(Value::Null), Some(Value::String(coded))) => {
            let bytes = STANDARD.decode(coded.as_bytes());
            bytes.map(Some).map_err(|_| Error::data(format!("{key}64: no base64")))
        }
        _ => Err(Error::data(format!("{key}: not one string"))),
    }
}

fn list<'v>(value: &'v Value, key: &str) -> Result<Option<&'v Vec<Value>>> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(all)) => Ok(Some(all)),
        Some(_) => Err(Error::data(format!("{key}: no array"))),
    }
}

fn assemble(value: &Value, out: &mut Vec<u8>) -> Result<()> {
    let separator = get(value, "separator")?.unwrap_or_else(|| b"\n".to_vec());
    let end = if separator == b"\r\n" { "\r\n" } else { "\n" };
    let start = out.len();
    for one in list(value, "headers")?.ok_or_else(|| Error::data("an object needs the key headers"))? {
        if out.len() > start && !out.ends_with(b"\n") {
            out.extend_from_slice(end.as_bytes());
        }
        out.extend_from_slice(&header(one, end)?);
    }
    let section = out.get(start..).unwrap_or_default().to_vec();
    if !section.is_empty() && !section.ends_with(b"\n") && separator.ends_with(b"\n") && !separator.is_empty() {
        out.extend_from_slice(end.as_bytes());
    }
    out.extend_from_slice(&separator);
    let Some(parts) = list(value, "parts")? else {
        return body(value, section, out);
    };
    let lines = list(value, "separators")?.map_or(&[][..], Vec::as_slice);
    let lines: Vec<Vec<u8>> =
        lines.iter().map(|one| Ok(get(one, "line")?.unwrap_or_default())).collect::<Result<_>>()?;
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Err(Error::data("separators: fewer than two"));
    };
    out.extend_from_slice(&get(value, "preamble")?.unwrap_or_default());
    let as_it_was = lines.len() == parts.len() + 1;
    let middle = match lines.get(1).filter(|_| lines.len() > 2) {
        Some(line) => line.clone(),
        None => [end.as_bytes(), first].concat(),
    };
    for (n, part) in parts.iter().enumerate() {
        // Where parts were added or taken out, a line like the others is between them.
        let line = match lines.get(n).filter(|_| as_it_was) {
            Some(line) => line,
            None if n == 0 => first,
            None => &middle,
        };
        out.extend_from_slice(line);
        assemble(part, out)?;
    }
    out.extend_from_slice(last);
    out.extend_from_slice(&get(value, "epilogue")?.unwrap_or_default());
    Ok(())
}

/// A field as it came, unless its name or decoded value say something else.
fn header(value: &Value, end: &str) -> Result<Vec<u8>> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let raw = get(value, "field")?;
    let parsed = raw.clone().map(Header::parse);
    let came = parsed.as_ref().and_then(|header| header.fields().next());
    let (name, decoded) = match (raw, came) {
        (Some(raw), None) => return Ok(raw),
        (Some(raw), Some(field)) => {
            let old_name = String::from_utf8_lossy(field.name).into_owned();
            let name = text("name").unwrap_or(&old_name).to_owned();
            match text("decoded") {
                Some(decoded) if decoded != words(field.value) => (name, decoded.to_owned()),
                _ if name == old_name => return Ok(raw),
                _ if !field::is_name(&name) => {
                    return Err(Error::data(format!("{name}: not the name of a header field")));
                }
                _ => return Ok([name.as_bytes(), field.raw.get(field.name.len()..).unwrap_or_default()].concat()),
            }
        }
        (None, _) => match (text("name"), text("decoded")) {
            (Some(name), Some(decoded)) => (name.to_owned(), decoded.to_owned()),
            _ => return Err(Error::data("a header needs the key field, or name and decoded")),
        },
    };
    field::write(&name, &decoded, end).map_err(|e| e.with_exit(crate::error::Exit::Data))
}

/// A body as it came, unless its text says something else.
fn body(value: &Value, section: Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
    let body = get(value, "body")?;
    let part = Part::open(section, false);
    let text = match value.get("text").and_then(Value::as_str) {
        Some(text) if body.is_none() || as_text(&part, body.as_deref().unwrap_or_default())? != text => text,
        _ => {
            out.extend_from_slice(&body.unwrap_or_default());
            return Ok(());
        }
    };
    let label = part.content_type.charset();
    let charset = charset::lookup(label).ok_or_else(|| unfit("its charset is not known"))?;
    let (bytes, _, lossy) = charset.encode(text);
    // The Encoding Standard takes ISO 8859-1 for windows-1252, which has more.
    let more = label.eq_ignore_ascii_case(b"iso-8859-1") && bytes.iter().any(|b| matches!(b, 0x80..=0x9f));
    if lossy || more || (label.to_ascii_lowercase().ends_with(b"ascii") && !text.is_ascii()) {
        return Err(unfit("its charset can't say all of it"));
    }
    let way = match part.encoding {
        Encoding::Base64 => Way::Base64,
        Encoding::QuotedPrintable => Way::QuotedPrintable,
        Encoding::SevenBit if !bytes.is_ascii() => return Err(unfit("its transfer encoding is 7bit")),
        _ => {
            out.extend_from_slice(&bytes);
            return Ok(());
        }
    };
    let mut encoded = Vec::new();
    let mut encoder = Encoder::new(way);
    encoder.push(&bytes, &mut encoded);
    encoder.finish(&mut encoded);
    // The line ends that the part has.
    if part.header.raw().ends_with(b"\r\n") {
        out.extend_from_slice(&encoded);
    } else {
        let mut to_file = crate::text::ToFile::default();
        to_file.push(&encoded, out);
        to_file.finish(out);
    }
    Ok(())
}

fn unfit(why: &str) -> Error {
    Error::data(format!("text: {why}"))
        .advise("change Content-Type and Content-Transfer-Encoding too: utf-8 and base64 take anything")
}

/// The JSON Schema of what [`write`] makes.
#[must_use]
pub fn schema() -> Value {
    let bytes = |what: &str| json!({"type": "string", "description": what});
    let coded = json!({"type": "string", "contentEncoding": "base64"});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a message, or a part of one",
        "$ref": "#/$defs/entity",
        "$defs": {"entity": {
            "type": "object",
            "required": ["headers"],
            "properties": {
                "headers": {"type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "decoded": {"type": "string"},
                        "field": bytes("the field with its line end"),
                        "field64": coded,
                    },
                }},
                "separator": bytes("the empty line"), "separator64": coded,
                "type": {"type": "string"},
                "encoding": {"type": "string"},
                "name": {"type": ["string", "null"]},
                "offset": {"type": "integer", "minimum": 0},
                "size": {"type": "integer", "minimum": 0},
                "defects": {"type": "array", "items": {"type": "string"}},
                "body": bytes("as it travels"), "body64": coded,
                "text": {"type": "string"},
                "preamble": {"type": "string"}, "preamble64": coded,
                "epilogue": {"type": "string"}, "epilogue64": coded,
                "separators": {"type": "array", "items": {
                    "type": "object",
                    "properties": {"line": {"type": "string"}, "line64": coded},
                }},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/entity"}},
            },
            "additionalProperties": false,
        }},
    })
}

#[cfg(test)]
mod tests;
