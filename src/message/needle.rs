//! [`Needle`]: a text that is looked for in messages, whatever its case.
//!
//! Header words, transfer encodings and charsets are undone. Texts are looked into, and the headers of messages inside; other
//! attachments are not. Left out: a match across a line end.

use super::decode;
use super::header::Header;
use super::mime::Part;
use crate::body::Body;
use crate::error::Result;
use memchr::memmem::Finder;

/// See the module.
#[derive(Clone, Debug)]
pub struct Needle {
    /// In lower case.
    finder: Finder<'static>,
}

impl Needle {
    /// An empty one is in every text.
    #[must_use]
    pub fn new(text: &str) -> Needle {
        Needle { finder: Finder::new(&lower(text)).into_owned() }
    }

    /// Whether it is in this text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.finder.find(lower(text).as_bytes()).is_some()
    }

    /// Whether it is in a field of that name, decoded; an empty one if there is one.
    #[must_use]
    pub fn is_in_field(&self, header: &Header, name: &str) -> bool {
        header.all(name).any(|value| self.is_in(&decode::words(value)))
    }

    /// Whether it is in any field, name and value.
    #[must_use]
    pub fn is_in_fields(&self, header: &Header) -> bool {
        header.fields().any(|field| {
            let line = format!("{}: {}", String::from_utf8_lossy(field.name), decode::words(field.value));
            self.is_in(&line)
        })
    }

    /// Whether it is in a UTF-8 text that streams. Pieces end between characters.
    ///
    /// # Errors
    /// Those of the text.
    pub fn is_in_body(&self, body: &mut dyn Body) -> Result<bool> {
        let keep = self.finder.needle().len().saturating_sub(1);
        let mut seen: Vec<u8> = Vec::new();
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                return Ok(self.finder.needle().is_empty());
            }
            seen.extend_from_slice(lower(&String::from_utf8_lossy(piece)).as_bytes());
            if self.finder.find(&seen).is_some() {
                return Ok(true);
            }
            let done = seen.len().saturating_sub(keep);
            seen.drain(..done);
        }
    }

    /// Whether it is in the texts of a message or part, or in the headers of messages in it; `in_text` tells that of a text, and is
    /// asked in the order in which they lie. The walk has bounded how deep parts nest.
    ///
    /// # Errors
    /// Those of `in_text`.
    pub fn is_in_parts(&self, part: &Part, in_text: &mut dyn FnMut(&Part, &Needle) -> Result<bool>) -> Result<bool> {
        if let Some(message) = part.message() {
            return Ok(self.is_in_fields(&message.header) || self.is_in_parts(message, in_text)?);
        }
        if part.is_multipart() {
            for part in &part.parts {
                if self.is_in_parts(part, in_text)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        if !matches!(part.content_type.kind.as_str(), "text" | "message" | "multipart") {
            return Ok(false);
        }
        in_text(part, self)
    }
}

/// Character by character: what [`str::to_lowercase`] makes of a sigma depends on what stands around it.
fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().flat_map(char::to_lowercase).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Drip<'a>(&'a str);
    impl Body for Drip<'_> {
        fn chunk(&mut self) -> Result<&[u8]> {
            let n = self.0.chars().next().map_or(0, char::len_utf8);
            let (now, rest) = self.0.split_at(n);
            self.0 = rest;
            Ok(now.as_bytes())
        }
    }

    #[test]
    fn needles() {
        for (needle, text, found) in [
            ("GRÜSSE", "viele grüsse aus", true),
            ("aab", "aaab", true),
            ("aab", "aaaa", false),
            ("", "", true),
            ("x", "", false),
            ("É", "caf\u{e9}", true),
            ("ΟΔΟΣ", "ΟΔΟΣΑ", true),
        ] {
            let n = Needle::new(needle);
            assert_eq!(n.is_in(text), found, "{needle} {text}");
            assert_eq!(n.is_in_body(&mut Drip(text)).unwrap(), found, "{needle} {text}");
        }
    }

    #[test]
    fn fields_are_decoded() {
        let header = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nContent-Type: multipart/mixed\n\n";
        let header = Header::parse(header.to_vec());
        let is_in = |text: &str, name: &str| Needle::new(text).is_in_field(&header, name);
        assert!(is_in("grüße", "subject") && is_in("", "Subject") && !is_in("", "X"));
        let anywhere = |text: &str| Needle::new(text).is_in_fields(&header);
        assert!(anywhere("multipart/mixed") && anywhere("subject: gr") && !anywhere("=?utf-8"));
    }
}
