//! What a message is made of, as JSON and as rows of a table.

use crate::message::decode::{file_name, words};
use crate::message::header::{Field, Header};
use crate::message::mime::{Part, walk};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;

/// A header section: an array of its fields in order. Written field by field: hostile ones have many.
pub(super) struct Fields<'h, F>(pub &'h Header, pub F);

/// One field: its name, its value as it came (in base64 if that is no UTF-8), its value decoded.
struct One<'h>(Field<'h>);

/// A part and all below it, with its number as [`numbered`] has it.
pub(super) struct Tree<'p>(pub &'p Part, pub String);

impl<F: Fn(&Field<'_>) -> bool> Serialize for Fields<'_, F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.fields().filter(|field| (self.1)(field)).map(One))
    }
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(3))?;
        map.serialize_entry("name", &String::from_utf8_lossy(self.0.name))?;
        match std::str::from_utf8(self.0.value) {
            Ok(raw) => map.serialize_entry("raw", raw)?,
            Err(_) => map.serialize_entry("raw_base64", &encodify::base64::STANDARD.encode(self.0.value))?,
        }
        map.serialize_entry("decoded", &words(self.0.value))?;
        map.end()
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Tree(part, number) = self;
        let kind = &part.content_type;
        let parameters: BTreeMap<_, _> =
            kind.parameters.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))).collect();
        let disposition = part.disposition().map(|d| String::from_utf8_lossy(&d.value).to_ascii_lowercase());
        let defects: Vec<_> = part.defects.iter().map(|defect| defect.words()).collect();
        let parts: Vec<_> = children(part, number).map(|(number, child)| Tree(child, number)).collect();
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("part", number)?;
        map.serialize_entry("headers", &Fields(&part.header, |_: &Field<'_>| true))?;
        map.serialize_entry("type", &format!("{}/{}", kind.kind, kind.subtype))?;
        map.serialize_entry("parameters", &parameters)?;
        map.serialize_entry("encoding", part.encoding.name())?;
        map.serialize_entry("size", &part.size())?;
        map.serialize_entry("lines", &part.lines)?;
        map.serialize_entry("offset", &part.body_at.start)?;
        map.serialize_entry("disposition", &disposition)?;
        map.serialize_entry("name", &file_name(part))?;
        map.serialize_entry("defects", &defects)?;
        map.serialize_entry("parts", &parts)?;
        map.end()
    }
}

/// Anything of these as one line.
pub(super) fn line(of: &impl Serialize) -> crate::error::Result<String> {
    serde_json::to_string(of).map_err(|e| crate::error::Error::internal(format!("JSON: {e}")))
}

/// Every message of the input as a line.
pub(super) fn each(input: &super::input::Input, screen: &mut super::screen::Screen) -> crate::cli::Outcome {
    let exit = input.each(|item| {
        let part = walk(item.body)?;
        super::show::check(&part)?;
        screen.line(&line(&Tree(&part, root(&part)))?)?;
        Ok(!screen.is_gone())
    })?;
    screen.flush()?;
    Ok(exit)
}

/// The number of a message by itself: IMAP's, which has none for a multipart; that is `0` here.
pub(super) fn root(message: &Part) -> String {
    if message.is_multipart() { "0" } else { "1" }.to_owned()
}

/// A part's children with their numbers: those of IMAP (RFC 3501 6.4.5), where the multipart of a message inside a message
/// has none; that is `N.0` here.
pub(super) fn children<'p>(part: &'p Part, number: &str) -> impl Iterator<Item = (String, &'p Part)> {
    let outer = number.strip_suffix('0').filter(|n| n.is_empty() || n.ends_with('.'));
    let prefix = outer.map_or_else(|| format!("{number}."), str::to_owned);
    let inner_multipart = part.message().is_some_and(Part::is_multipart);
    part.parts.iter().zip(1u32..).map(move |(child, n)| {
        let n = if inner_multipart { 0 } else { n };
        (format!("{prefix}{n}"), child)
    })
}

/// Every part with its number, a part before what it holds.
pub(super) fn numbered(message: &Part) -> Vec<(String, &Part)> {
    let mut all = Vec::new();
    let mut waiting = vec![(root(message), message)];
    while let Some((number, part)) = waiting.pop() {
        let mut below: Vec<_> = children(part, &number).collect();
        below.reverse();
        waiting.append(&mut below);
        all.push((number, part));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn numbers(text: &str) -> Vec<String> {
        let message = walk(&mut text.as_bytes()).unwrap();
        let all = numbered(&message);
        for (number, part) in &all {
            let path: Vec<u32> = number.split('.').map(|n| n.parse().unwrap()).collect();
            if path.last() != Some(&0) {
                assert_eq!(message.section(&path), Some(*part), "{number}");
            }
        }
        all.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn parts_have_the_numbers_of_imap() {
        assert_eq!(numbers("A: b\n\nx"), ["1"]);
        let multipart =
            |b: &str, rest: &str| format!("Content-Type: multipart/mixed; boundary={b}\n\n{rest}\n--{b}--\n");
        let inner = multipart("i", "--i\n\nx\n--i\n\ny");
        let text = multipart(
            "o",
            &format!(
                "--o\n\n1\n--o\nContent-Type: message/rfc822\n\n{inner}\n--o\nContent-Type: message/rfc822\n\nA: b\n\nz\n--o\n{inner}"
            ),
        );
        assert_eq!(numbers(&text), ["0", "1", "2", "2.0", "2.1", "2.2", "3", "3.1", "4", "4.1", "4.2"]);
        assert_eq!(numbers("Content-Type: message/rfc822\n\nA: b\n\nx"), ["1", "1.1"]);
    }

    #[test]
    fn json_holds_any_bytes() {
        let message =
            walk(&mut &b"A: \xff\"\nB: =?utf-8?Q?=C3=A9?=\nContent-Type: a/b; name*=utf-8''%e9\n\n\0"[..]).unwrap();
        let value: Value = serde_json::from_str(&line(&Tree(&message, "1".into())).unwrap()).unwrap();
        assert_eq!(value["headers"][0]["raw_base64"], "/yI=");
        assert_eq!(value["headers"][1]["decoded"], "é");
        assert_eq!(value["size"], 1);
    }
}
