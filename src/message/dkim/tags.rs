//! Tag lists, RFC 6376 3.2: `name=value; name=value`.

use std::collections::BTreeMap;

/// The value of a tag is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A tag list: each name once, its value without the blanks around it. Folding stays inside values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    values: BTreeMap<String, String>,
    first: String,
}

/// What folded text may have between words.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

impl Tags {
    /// Reads a list.
    ///
    /// # Errors
    /// What is wrong with it, in words: RFC 6376 3.2 makes all of it invalid then.
    pub fn parse(text: &[u8]) -> Result<Tags, &'static str> {
        let text = std::str::from_utf8(text).map_err(|_| "not UTF-8")?.trim_matches(is_space);
        let mut tags = Tags::default();
        for spec in text.strip_suffix(';').unwrap_or(text).split(';') {
            let (name, value) = spec.split_once('=').ok_or("a tag without =")?;
            let name = name.trim_matches(is_space);
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !is_name {
                return Err("a tag without a name");
            }
            let value = value.trim_matches(is_space);
            if value.chars().any(|c| c.is_control() && !is_space(c)) {
                return Err("a control character in a tag");
            }
            if tags.values.is_empty() {
                name.clone_into(&mut tags.first);
            }
            if tags.values.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err("a tag twice");
            }
        }
        Ok(tags)
    }

    /// The value of a tag.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether this tag is the first.
    #[must_use]
    pub fn begins_with(&self, name: &str) -> bool {
        self.first == name
    }

    /// The words of a value between colons, without blanks; none if there is no such tag.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).into_iter().flat_map(|value| value.split(':')).map(|word| word.trim_matches(is_space))
    }

    /// The bytes of a value in base64, folded anywhere.
    ///
    /// # Errors
    /// It is none.
    pub fn bytes(&self, name: &str) -> Option<Result<Vec<u8>, Malformed>> {
        let plain: String = self.get(name)?.chars().filter(|c| !is_space(*c)).collect();
        Some(encodify::base64::STANDARD.decode(plain.as_bytes()).map_err(|_| Malformed))
    }

    /// A number of at most twelve digits.
    ///
    /// # Errors
    /// It is none.
    pub fn number(&self, name: &str) -> Option<Result<u64, Malformed>> {
        let text = self.get(name)?;
        let digits = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        Some(text.parse().map_err(|_| Malformed).and_then(|n| if digits { Ok(n) } else { Err(Malformed) }))
    }
}

/// A field whose value is a tag list, with the value of `b` (and the blanks around that) taken out, RFC 6376 3.7.
#[must_use]
pub fn without_b(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut found = false;
    for spec in raw.split_inclusive(|b| *b == b';') {
        // The name of the field stands before the first tag.
        let from = if out.is_empty() { memchr::memchr(b':', spec).map_or(0, |at| at + 1) } else { 0 };
        let equals = memchr::memchr(b'=', spec).unwrap_or(0);
        let name = spec.get(from..equals).unwrap_or_default().trim_ascii();
        if name == b"b" && !found {
            found = true;
            out.extend_from_slice(spec.get(..=equals).unwrap_or_default());
            out.extend(spec.last().filter(|b| **b == b';'));
        } else {
            out.extend_from_slice(spec);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists() {
        let tags = Tags::parse(b" v = 1 ;\r\n\tb=Y Q\r\n ==; h=From : to;l=7;x=;").unwrap();
        assert_eq!((tags.get("v"), tags.get("x"), tags.get("V")), (Some("1"), Some(""), None));
        assert!(tags.begins_with("v") && !tags.begins_with("b"));
        assert_eq!(tags.list("h").collect::<Vec<_>>(), ["From", "to"]);
        assert_eq!(
            (tags.bytes("b"), tags.bytes("h"), tags.bytes("z")),
            (Some(Ok(b"a".to_vec())), Some(Err(Malformed)), None)
        );
        assert_eq!((tags.number("l"), tags.number("x"), tags.number("z")), (Some(Ok(7)), Some(Err(Malformed)), None));
        for wrong in [&b"a=1;a=2"[..], b"", b"a", b"=1", b"a=1;;b=2", b"1=a", b"a b=1", b"a=\0", b"a=\xff"] {
            assert!(Tags::parse(wrong).is_err(), "{}", wrong.escape_ascii());
        }
        assert!(Tags::parse(b"l=+7").unwrap().number("l").unwrap().is_err());
        assert!(Tags::parse(b"l=1234567890123").unwrap().number("l").unwrap().is_err());
    }

    #[test]
    fn the_value_of_b_is_taken_out() {
        for (raw, without) in [
            ("DKIM-Signature: v=1; b= x\r\n y ; bh=b=\r\n", "DKIM-Signature: v=1; b=; bh=b=\r\n"),
            ("X:b=abc", "X:b="),
            ("X: a=1;\r\n\tb =abc\r\n", "X: a=1;\r\n\tb ="),
            ("X: bh=1; c=b=2", "X: bh=1; c=b=2"),
        ] {
            assert_eq!(String::from_utf8(without_b(raw.as_bytes())).unwrap(), without);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(raw in proptest::collection::vec(prop_oneof![Just(b';'), Just(b'='), Just(b'b'), Just(b' '), any::<u8>()], 0..60)) {
            let _ = Tags::parse(&raw);
            let once = without_b(&raw);
            prop_assert_eq!(without_b(&once), once.clone());
            prop_assert!(once.len() <= raw.len());
        }
    }
}
