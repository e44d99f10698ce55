//! What a message is made of, as JSON and as rows of a table.

use crate::message::decode::{file_name, words};
use crate::message::header::Field;
use crate::message::mime::Part;
use serde_json::{Value, json};

/// A header field: its name, its value as it came (in base64 if that is no UTF-8), its value decoded.
pub(super) fn field(field: &Field<'_>) -> Value {
    let name = String::from_utf8_lossy(field.name);
    let decoded = words(field.value);
    match std::str::from_utf8(field.value) {
        Ok(raw) => json!({ "name": name, "raw": raw, "decoded": decoded }),
        Err(_) => {
            let raw = encodify::base64::STANDARD.encode(field.value);
            json!({ "name": name, "raw_base64": raw, "decoded": decoded })
        }
    }
}

/// A part and all below it; `number` as [`numbered`] has it.
pub(super) fn tree(part: &Part, number: &str) -> Value {
    let kind = &part.content_type;
    let parameters: serde_json::Map<String, Value> =
        kind.parameters.iter().map(|(n, v)| (n.clone(), String::from_utf8_lossy(v).into())).collect();
    let disposition = part.disposition().map(|d| String::from_utf8_lossy(&d.value).to_ascii_lowercase());
    let parts: Vec<Value> = children(part, number).map(|(number, child)| tree(child, &number)).collect();
    json!({
        "part": number,
        "headers": part.header.fields().map(|f| field(&f)).collect::<Vec<_>>(),
        "type": format!("{}/{}", kind.kind, kind.subtype),
        "parameters": parameters,
        "encoding": part.encoding.name(),
        "size": part.size(),
        "lines": part.lines,
        "offset": part.body_at.start,
        "disposition": disposition,
        "name": file_name(part),
        "defects": part.defects.iter().map(|d| d.words()).collect::<Vec<_>>(),
        "parts": parts,
    })
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
    use crate::message::mime::walk;

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
        let value = tree(&message, "1");
        assert_eq!(value["headers"][0]["raw_base64"], "/yI=");
        assert_eq!(value["headers"][1]["decoded"], "é");
        assert_eq!(value["size"], 1);
        assert!(serde_json::from_str::<Value>(&value.to_string()).is_ok());
    }
}
