//! Structured values with parameters: `Content-Type`, `Content-Disposition` (RFC 2045 5.1, RFC 2183), with parameter values
//! that are continued and percent-encoded (RFC 2231). Reads anything, in linear time; what makes no sense is left out.

use super::charset;
use super::header::unfold;
use std::collections::{BTreeMap, BTreeSet};

/// A value with its parameters: `attachment; filename="a b"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// What stands before the first semicolon, comments taken out, as it was spelled.
    pub value: Vec<u8>,
    /// The parameters with RFC 2231 undone: names in lower case, continuations joined, values in UTF-8 where a charset was
    /// declared. If one name comes in several forms, `name*` wins over `name*0`, and that over `name`; else the first.
    pub parameters: Vec<(String, Vec<u8>)>,
    /// The parameters as they came, in order, quotes taken off and nothing else: what IMAP's BODYSTRUCTURE shows.
    pub raw_parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Value {
    /// Reads a field's value, folded or not.
    #[must_use]
    pub fn parse(value: &[u8]) -> Value {
        let mut segments = segments(&unfold(value)).into_iter();
        let mut value = segments.next().unwrap_or_default();
        // `multipart/mixed boundary=b` lacks its semicolon.
        let blank = value.iter().position(|b| matches!(b, b' ' | b'\t')).filter(|_| value.contains(&b'='));
        let first = blank.map(|at| value.split_off(at));
        let raw_parameters: Vec<_> =
            first.into_iter().chain(segments).filter_map(|segment| parameter(&segment)).collect();
        Value { value, parameters: join(&raw_parameters), raw_parameters }
    }

    /// A parameter's value, by its name in lower case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }
}

/// The text between semicolons, without comments; quoted strings stay as they are.
fn segments(value: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut segment = Vec::new();
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for &b in value {
        let was_escaped = std::mem::take(&mut escaped);
        match b {
            b'\\' if (quoted || depth > 0) && !was_escaped => escaped = true,
            b'"' if depth == 0 && !was_escaped => quoted = !quoted,
            // Only after a blank: `filename=a(1).txt` means its parentheses.
            b'(' if !quoted && !was_escaped && (depth > 0 || matches!(segment.last(), None | Some(b' ' | b'\t'))) => {
                depth += 1
            }
            b')' if depth > 0 && !was_escaped => {
                depth -= 1;
                continue;
            }
            b';' if !quoted && depth == 0 => {
                all.push(segment.trim_ascii().to_vec());
                segment.clear();
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            segment.push(b);
        }
    }
    all.push(segment.trim_ascii().to_vec());
    all
}

fn parameter(segment: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let equals = segment.iter().position(|b| *b == b'=')?;
    let (name, value) = segment.split_at(equals);
    let name = name.trim_ascii();
    let value = value.strip_prefix(b"=")?.trim_ascii();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    Some((name.to_vec(), unquote(value)))
}

/// The content of a quoted string up to its closing quote; anything else as it is.
fn unquote(value: &[u8]) -> Vec<u8> {
    let Some(quoted) = value.strip_prefix(b"\"") else { return value.to_vec() };
    let mut out = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(&b) = bytes.next() {
        match b {
            b'"' => break,
            b'\\' => out.extend(bytes.next()),
            b => out.push(b),
        }
    }
    out
}

/// How one piece of a parameter was written: its number (`*0`), and whether it is percent-encoded (a `*` at the end).
struct Piece<'a> {
    encoded: bool,
    text: &'a [u8],
}

#[derive(Default)]
struct Forms<'a> {
    whole: Option<Piece<'a>>,
    pieces: BTreeMap<u32, Piece<'a>>,
    plain: Option<&'a [u8]>,
}

/// RFC 2231: joins continuations, undoes percent-encoding and charsets.
fn join(raw: &[(Vec<u8>, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    let mut forms: BTreeMap<String, Forms<'_>> = BTreeMap::new();
    for (name, text) in raw {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let (bare, encoded) = name.strip_suffix('*').map_or((name.as_str(), false), |bare| (bare, true));
        let (base, number) = match bare.rsplit_once('*') {
            // Leading zeros and numbers beyond reason name no piece.
            Some((base, digits)) if digits == "0" || !digits.starts_with(['0', '+']) => match digits.parse::<u32>() {
                Ok(n) => (base, Some(n)),
                Err(_) => continue,
            },
            Some(_) => continue,
            None => (bare, None),
        };
        if seen.insert(base.to_owned()) {
            order.push(base.to_owned());
        }
        let entry = forms.entry(base.to_owned()).or_default();
        match (number, encoded) {
            (Some(n), _) => _ = entry.pieces.entry(n).or_insert(Piece { encoded, text }),
            (None, true) => _ = entry.whole.get_or_insert(Piece { encoded, text }),
            (None, false) => _ = entry.plain.get_or_insert(text),
        }
    }
    let value = |name: &String| forms.get(name).and_then(Forms::value);
    order.into_iter().filter_map(|name| value(&name).map(|v| (name, v))).collect()
}

impl Forms<'_> {
    fn value(&self) -> Option<Vec<u8>> {
        if let Some(whole) = &self.whole {
            let (label, text) = charset_of(whole.text);
            return Some(in_utf8(label, percent(text)));
        }
        if self.pieces.contains_key(&0) {
            let mut label: &[u8] = b"";
            let mut bytes = Vec::new();
            // Up to the first gap, as RFC 2231 3 numbers them.
            for (expected, (number, piece)) in (0u32..).zip(&self.pieces) {
                if expected != *number {
                    break;
                }
                let mut text = piece.text;
                if piece.encoded && expected == 0 {
                    (label, text) = charset_of(text);
                }
                if piece.encoded { bytes.extend(percent(text)) } else { bytes.extend_from_slice(text) }
            }
            return Some(in_utf8(label, bytes));
        }
        self.plain.map(<[u8]>::to_vec)
    }
}

/// `charset'language'text`; without two quotes, all of it is text.
fn charset_of(text: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = text.splitn(3, |b| *b == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(label), Some(_), Some(text)) => (label, text),
        _ => (b"", text),
    }
}

fn in_utf8(label: &[u8], bytes: Vec<u8>) -> Vec<u8> {
    if label.is_empty() { bytes } else { charset::to_utf8(label, &bytes).into_bytes() }
}

/// Undoes `%41`; a `%` without two digits stays.
fn percent(text: &[u8]) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&b, after)) = rest.split_first() {
        rest = after;
        match (b, digit(after.first()), digit(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(b),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn get(value: &str, name: &str) -> Option<String> {
        Value::parse(value.as_bytes()).parameter(name).map(|v| String::from_utf8_lossy(v).into_owned())
    }

    #[test]
    fn values_and_plain_parameters() {
        let v = Value::parse(b"Text/Plain (c;\"x); Charset=\"us\\-ascii\" (Plain text); a=b=c;; = ; bad; f=x y.txt");
        assert_eq!(v.value, b"Text/Plain");
        let names: Vec<_> = v.parameters.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        assert_eq!(names, [("charset", &b"us-ascii"[..]), ("a", b"b=c"), ("f", b"x y.txt")]);
        assert_eq!(v.raw_parameters[0].0, b"Charset");
        assert_eq!(get("a; name=x(1).txt", "name").unwrap(), "x(1).txt");
        assert_eq!(get("a; name=\"a;b\r\n c", "name").unwrap(), "a;b c");
        assert_eq!(get("a; name=\"\"", "name").unwrap(), "");
        assert_eq!(get("multipart/mixed\n\tboundary=\"b\"", "boundary").unwrap(), "b");
        assert_eq!(Value::parse(b"a/b c=d").value, b"a/b");
    }

    #[test]
    fn rfc_2231() {
        let access = "message/external-body; access-type=URL; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub\"";
        assert_eq!(get(access, "url").unwrap(), "ftp://cs.utk.edu/pub");
        let title = "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A";
        assert_eq!(get(title, "title").unwrap(), "This is ***fun***");
        let mixed = "x; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*0*=us-ascii'en'This%20is%20even%20more%20; title*2=\"isn't it!\"";
        assert_eq!(get(mixed, "title").unwrap(), "This is even more ***fun*** isn't it!");
        assert_eq!(get("x; f*=iso-8859-1''%E9%zz; f=e; f*0=z", "f").unwrap(), "é%zz");
        assert_eq!(get("x; f*0*=utf-8''%C3; f*1*=%A9", "f").unwrap(), "é");
        assert_eq!(get("x; f*0=a; f*2=c", "f").unwrap(), "a");
        assert_eq!(get("x; f*9999999999=a; f*00=b; f*1=c", "f"), None);
        assert_eq!(get("x; f=1; F=2", "f").unwrap(), "1");
        assert_eq!(get("x; f*=plain%20text", "f").unwrap(), "plain text");
    }

    #[test]
    fn a_hundred_thousand_continuations_are_joined_in_linear_time() {
        let mut value = b"x".to_vec();
        for n in (0..100_000).rev() {
            value.extend_from_slice(format!(";\n f*{n}=a").as_bytes());
        }
        assert_eq!(Value::parse(&value).parameter("f").unwrap().len(), 100_000);
        let nested = b"(".repeat(1_000_000);
        assert!(Value::parse(&nested).value.is_empty());
    }

    proptest! {
        #[test]
        fn anything_is_read(bytes in proptest::collection::vec(prop_oneof![
            Just(b';'), Just(b'='), Just(b'"'), Just(b'\\'), Just(b'('), Just(b')'), Just(b'*'), Just(b'0'), Just(b'%'), Just(b'\''), any::<u8>()
        ], 0..80)) {
            let v = Value::parse(&bytes);
            prop_assert!(v.parameters.len() <= v.raw_parameters.len());
        }
    }
}
