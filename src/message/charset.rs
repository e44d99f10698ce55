//! Charsets to UTF-8 (the names and tables of the Encoding Standard, by encoding_rs), whole or as a stream.
//!
//! UTF-7 (RFC 2152), which that leaves out, is read too, and never written. Left out: UTF-32.

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

/// Whether texts in the charset of this name can be read.
#[must_use]
pub fn is_known(label: &[u8]) -> bool {
    is_utf7(label) || lookup(label).is_some()
}

fn is_utf7(label: &[u8]) -> bool {
    let label = label.trim_ascii();
    [&b"utf-7"[..], b"unicode-1-1-utf-7"].iter().any(|name| label.eq_ignore_ascii_case(name))
}

/// `bytes` in charset `label` as UTF-8. What can't be read is U+FFFD; an unknown label counts as UTF-8 if the bytes are
/// valid UTF-8, and as windows-1252, in which every byte is something, if not.
#[must_use]
pub fn to_utf8(label: &[u8], bytes: &[u8]) -> String {
    if is_utf7(label) {
        let (mut utf7, mut out) = (Utf7::default(), String::new());
        utf7.push(bytes, &mut out);
        utf7.finish(&mut out);
        return out;
    }
    let encoding = lookup(label).unwrap_or(if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 });
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// A [`Body`] of text in some charset, as UTF-8. Constant memory.
pub struct Utf8Body<B> {
    from: B,
    decoder: Decoder,
    utf7: Option<Utf7>,
    out: Vec<u8>,
    ended: bool,
    replaced: bool,
}

impl<B: Body> Utf8Body<B> {
    /// Reads `from` as `label` (an unknown charset is read as UTF-8) and drops a byte order mark.
    pub fn new(from: B, label: &[u8]) -> Utf8Body<B> {
        let decoder = lookup(label).unwrap_or(UTF_8).new_decoder_with_bom_removal();
        let utf7 = is_utf7(label).then(Utf7::default);
        Utf8Body { from, decoder, utf7, out: Vec::new(), ended: false, replaced: false }
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
            if let Some(utf7) = &mut self.utf7 {
                let mut text = String::new();
                utf7.push(piece, &mut text);
                if self.ended {
                    utf7.finish(&mut text);
                }
                self.replaced |= utf7.replaced;
                self.out.extend_from_slice(text.as_bytes());
                continue;
            }
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

/// Reads UTF-7: ASCII, and runs of UTF-16 in base64 between `+` and `-` (RFC 2152).
#[derive(Debug, Default)]
struct Utf7 {
    in_run: bool,
    /// Nothing has come behind the `+` yet.
    fresh: bool,
    bits: u32,
    count: u32,
    /// The first half of a surrogate pair.
    high: Option<u16>,
    replaced: bool,
}

impl Utf7 {
    fn push(&mut self, bytes: &[u8], out: &mut String) {
        for &b in bytes {
            if self.in_run {
                let value = match b {
                    b'A'..=b'Z' => Some(b - b'A'),
                    b'a'..=b'z' => Some(b - b'a' + 26),
                    b'0'..=b'9' => Some(b - b'0' + 52),
                    b'+' => Some(62),
                    b'/' => Some(63),
                    _ => None,
                };
                if let Some(value) = value {
                    self.fresh = false;
                    self.bits = (self.bits << 6 | u32::from(value)) & 0x003f_ffff;
                    self.count += 6;
                    if let Some(left) = self.count.checked_sub(16) {
                        self.count = left;
                        let unit = u16::try_from(self.bits >> left & 0xffff).unwrap_or_default();
                        self.unit(unit, out);
                    }
                    continue;
                }
                self.in_run = false;
                self.finish(out);
                if b == b'-' {
                    // `+-` is a plus.
                    out.push_str(if self.fresh { "+" } else { "" });
                    continue;
                }
            }
            match b {
                b'+' => (self.in_run, self.fresh, self.bits, self.count) = (true, true, 0, 0),
                b if b.is_ascii() => out.push(char::from(b)),
                _ => self.wrong(out),
            }
        }
    }

    /// A unit of UTF-16.
    fn unit(&mut self, unit: u16, out: &mut String) {
        match (self.high.take(), unit) {
            (None, 0xd800..=0xdbff) => self.high = Some(unit),
            (high, unit) => {
                for found in char::decode_utf16(high.into_iter().chain([unit])) {
                    match found {
                        Ok(c) => out.push(c),
                        Err(_) => self.wrong(out),
                    }
                }
            }
        }
    }

    /// The end of a run, or of the text.
    fn finish(&mut self, out: &mut String) {
        if self.high.take().is_some() {
            self.wrong(out);
        }
    }

    fn wrong(&mut self, out: &mut String) {
        self.replaced = true;
        out.push(char::REPLACEMENT_CHARACTER);
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
        for (utf7, text) in [
            (&b"Fr+APY-sche+ADs- a"[..], "Frösche; a"),
            (b"1 +- 1", "1 + 1"),
            (b"+2D3eAA-!", "😀!"),
            (b"+APY x", "ö x"),
            (b"+2D0-x\xff", "\u{fffd}x\u{fffd}"),
            (b"a+", "a"),
        ] {
            assert_eq!(to_utf8(b"UTF-7", utf7), text);
            let dripped = Utf8Body::new(Drip(utf7), b"utf-7").whole(100).unwrap().unwrap();
            assert_eq!(String::from_utf8(dripped).unwrap(), text);
        }
        assert!(is_known(b"utf-7") && !is_known(b"utf-8000"));
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
