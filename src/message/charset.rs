//! Charsets to UTF-8 (the names and tables of the Encoding Standard, by encoding_rs), whole or as a stream.
//!
//! Left out: UTF-7 and UTF-32, which no mail of this century needs; they are shown as ASCII with escapes.

use crate::body::Body;
use crate::error::Result;
use encoding_rs::{CoderResult, Decoder, Encoding, REPLACEMENT, UTF_8, WINDOWS_1252};

/// The charset of this name; `None` if nobody knows it. US-ASCII is taken as UTF-8, its superset, so that undeclared UTF-8
/// is shown right; what is neither shows U+FFFD.
#[must_use]
pub fn lookup(label: &[u8]) -> Option<&'static Encoding> {
    let label = label.trim_ascii();
    if label.eq_ignore_ascii_case(b"us-ascii") || label.eq_ignore_ascii_case(b"ascii") {
        return Some(UTF_8);
    }
    Encoding::for_label(label).filter(|found| *found != REPLACEMENT)
}

/// `bytes` in charset `label` as UTF-8. What can't be read is U+FFFD; an unknown label counts as UTF-8 if the bytes are
/// valid UTF-8, and as windows-1252, in which every byte is something, if not.
#[must_use]
pub fn to_utf8(label: &[u8], bytes: &[u8]) -> String {
    let encoding = lookup(label).unwrap_or(if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 });
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// A [`Body`] of text in some charset, as UTF-8. Constant memory.
pub struct Utf8Body<B> {
    from: B,
    decoder: Decoder,
    out: Vec<u8>,
    ended: bool,
    replaced: bool,
}

impl<B: Body> Utf8Body<B> {
    /// Reads `from` as `label` (an unknown charset is read as UTF-8) and drops a byte order mark.
    pub fn new(from: B, label: &[u8]) -> Utf8Body<B> {
        let decoder = lookup(label).unwrap_or(UTF_8).new_decoder_with_bom_removal();
        Utf8Body { from, decoder, out: Vec::new(), ended: false, replaced: false }
    }

    /// Whether some bytes were no text of the charset and became U+FFFD.
    pub fn replaced(&self) -> bool {
        self.replaced
    }
}

impl<B: Body> Body for Utf8Body<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.out.clear();
        while self.out.is_empty() && !self.ended {
            let mut piece = self.from.chunk()?;
            self.ended = piece.is_empty();
            loop {
                let start = self.out.len();
                let room = self.decoder.max_utf8_buffer_length(piece.len()).unwrap_or(0).max(16);
                self.out.resize(start.saturating_add(room), 0);
                let into = self.out.get_mut(start..).unwrap_or_default();
                let (end, read, wrote, replaced) = self.decoder.decode_to_utf8(piece, into, self.ended);
                self.out.truncate(start.saturating_add(wrote));
                self.replaced |= replaced;
                piece = piece.get(read..).unwrap_or_default();
                if end == CoderResult::InputEmpty {
                    break;
                }
            }
        }
        Ok(&self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out one byte at a time.
    struct Drip<'a>(&'a [u8]);
    impl Body for Drip<'_> {
        fn chunk(&mut self) -> Result<&[u8]> {
            let (now, rest) = self.0.split_at(self.0.len().min(1));
            self.0 = rest;
            Ok(now)
        }
    }

    #[test]
    fn names_and_fallbacks() {
        assert_eq!(to_utf8(b"ISO-8859-1", b"\xe9"), "é");
        assert_eq!(to_utf8(b"koi8-r", b"\xf0\xd2"), "Пр");
        assert_eq!(to_utf8(b"ISO-2022-JP", b"\x1b$B$\"\x1b(B"), "あ");
        assert_eq!(to_utf8(b"us-ascii", "é".as_bytes()), "é");
        assert_eq!(to_utf8(b"x-what", b"\xe9"), "é");
        assert_eq!(to_utf8(b"x-what", "é".as_bytes()), "é");
        assert_eq!(to_utf8(b"utf-8", b"a\xffb"), "a\u{fffd}b");
        assert!(lookup(b"utf-7").is_none() && lookup(b" UTF-8 ").is_some());
    }

    proptest! {
        #[test]
        fn a_stream_is_what_the_whole_is(bytes in proptest::collection::vec(any::<u8>(), 0..200), which in 0usize..5) {
            let label: &[u8] = [&b"utf-8"[..], b"latin1", b"shift_jis", b"gb18030", b"iso-2022-jp"][which];
            prop_assume!(!bytes.starts_with(b"\xef\xbb\xbf"));
            let whole = to_utf8(label, &bytes);
            let dripped = Utf8Body::new(Drip(&bytes), label).whole(10_000).unwrap().unwrap();
            prop_assert_eq!(String::from_utf8(dripped).unwrap(), whole.clone());
            let at_once = Utf8Body::new(bytes.as_slice(), label).whole(10_000).unwrap().unwrap();
            prop_assert_eq!(String::from_utf8(at_once).unwrap(), whole);
        }
    }
}
