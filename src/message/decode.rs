//! Decoding for readers: transfer encodings (RFC 2045 6) as a stream, encoded words (RFC 2047), file names.
//!
//! Lenient as readers must be: what is wrong is counted, and what can be decoded is.

use super::addr::{self, Address, AddressItem};
use super::charset::{self, Utf8Body};
use super::mime::{Encoding, Part};
use crate::body::Body;
use crate::error::Result;
use encodify::{base64, rfc2047};
use memchr::{memchr2, memmem};

/// The content of a body: [`decoded`].
pub struct Decoded<B> {
    from: B,
    how: How,
    out: Vec<u8>,
    errors: u64,
    ended: bool,
}

enum How {
    Identity,
    Base64(base64::Decoder),
    QuotedPrintable(Vec<u8>),
}

/// Takes the transfer encoding off a body, in constant memory. An unknown encoding is left on.
pub fn decoded<B: Body>(from: B, encoding: &Encoding) -> Decoded<B> {
    let how = match encoding {
        Encoding::Base64 => How::Base64(base64::STANDARD.decoder()),
        Encoding::QuotedPrintable => How::QuotedPrintable(Vec::new()),
        Encoding::SevenBit | Encoding::EightBit | Encoding::Binary | Encoding::Other(_) => How::Identity,
    };
    Decoded { from, how, out: Vec::new(), errors: 0, ended: false }
}

/// The text of a part in UTF-8: transfer encoding and charset undone. Line ends stay as they are.
pub fn text<B: Body>(from: B, part: &Part) -> Utf8Body<Decoded<B>> {
    Utf8Body::new(decoded(from, &part.encoding), part.content_type.charset())
}

impl<B> Decoded<B> {
    /// How many bytes or escapes made no sense so far, each left out or kept as it was.
    pub fn errors(&self) -> u64 {
        self.errors
    }
}

impl<B: Body> Body for Decoded<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        if let How::Identity = self.how {
            return self.from.chunk();
        }
        self.out.clear();
        while self.out.is_empty() && !self.ended {
            let piece = self.from.chunk()?;
            self.ended = piece.is_empty();
            self.errors += match &mut self.how {
                How::Identity => 0,
                How::Base64(decoder) if self.ended => {
                    let open = u64::from(!decoder.is_aligned());
                    decoder.pad(&mut self.out);
                    open
                }
                How::Base64(decoder) => from_base64(decoder, piece, &mut self.out),
                How::QuotedPrintable(carry) => from_quoted(carry, piece, self.ended, &mut self.out),
            };
        }
        Ok(&self.out)
    }
}

/// Decodes what are symbols, skips blanks, counts and skips everything else; padding ends a group of four.
fn from_base64(decoder: &mut base64::Decoder, piece: &[u8], out: &mut Vec<u8>) -> u64 {
    let mut errors = 0;
    let mut rest = piece;
    loop {
        rest = rest.get(decoder.decode_symbols(rest, out)..).unwrap_or_default();
        let Some((&b, after)) = rest.split_first() else { return errors };
        match b {
            b'=' => decoder.pad(out),
            b if b.is_ascii_whitespace() => {}
            _ => errors += 1,
        }
        rest = after;
    }
}

/// An undecided tail (blanks that may end a line, an escape that is cut) is held up to this length.
const MAX_TAIL: usize = 1024;

/// Decodes `carry` and `piece`, leaves in `carry` what the next piece decides.
fn from_quoted(carry: &mut Vec<u8>, piece: &[u8], ended: bool, out: &mut Vec<u8>) -> u64 {
    let mut errors = 0;
    let joined;
    let mut rest = piece;
    if !carry.is_empty() {
        carry.extend_from_slice(piece);
        joined = std::mem::take(carry);
        rest = &joined;
    }
    while let Some(at) = memchr2(b'=', b'\n', rest) {
        let (run, tail) = rest.split_at(at);
        if tail.first() == Some(&b'\n') {
            // Blanks at a line's end were put there on the way (RFC 2045 6.7 rule 3).
            let (text, end): (_, &[u8]) = run.strip_suffix(b"\r").map_or((run, b"\n"), |text| (text, b"\r\n"));
            out.extend_from_slice(trim_blanks(text));
            out.extend_from_slice(end);
            rest = tail.get(1..).unwrap_or_default();
            continue;
        }
        out.extend_from_slice(run);
        match escape(tail) {
            Escape::Byte(b) => {
                out.push(b);
                rest = tail.get(3..).unwrap_or_default();
            }
            Escape::SoftBreak(len) => rest = tail.get(len..).unwrap_or_default(),
            Escape::Cut if !ended && tail.len() < MAX_TAIL => {
                *carry = tail.to_vec();
                return errors;
            }
            Escape::Cut
                if tail.get(1..).is_some_and(|t| t.iter().all(u8::is_ascii_whitespace)) && tail.len() < MAX_TAIL =>
            {
                // A soft break at the very end.
                return errors;
            }
            Escape::Cut | Escape::Wrong => {
                errors += 1;
                out.push(b'=');
                rest = tail.get(1..).unwrap_or_default();
            }
        }
    }
    let text = rest.strip_suffix(b"\r").unwrap_or(rest);
    let text = trim_blanks(text);
    let tail = rest.get(text.len()..).unwrap_or_default();
    out.extend_from_slice(text);
    if tail.len() >= MAX_TAIL {
        out.extend_from_slice(tail);
    } else if !ended {
        *carry = tail.to_vec();
    }
    errors
}

enum Escape {
    Byte(u8),
    SoftBreak(usize),
    /// More bytes are needed to tell.
    Cut,
    Wrong,
}

/// What the text that starts with `=` means.
fn escape(text: &[u8]) -> Escape {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    match text {
        [_] => return Escape::Cut,
        [_, a] if digit(*a).is_some() => return Escape::Cut,
        [_, a, b, ..] => {
            if let (Some(high), Some(low)) = (digit(*a), digit(*b)) {
                return Escape::Byte(high << 4 | low);
            }
        }
        _ => {}
    }
    let after = text.get(1..).unwrap_or_default();
    let blanks = after.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    match after.get(blanks..) {
        Some([b'\n', ..]) => Escape::SoftBreak(blanks + 2),
        Some([b'\r', b'\n', ..]) => Escape::SoftBreak(blanks + 3),
        Some([] | [b'\r']) => Escape::Cut,
        _ => Escape::Wrong,
    }
}

fn trim_blanks(text: &[u8]) -> &[u8] {
    let kept = text.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |at| at + 1);
    text.get(..kept).unwrap_or_default()
}

/// A header value for readers: unfolded, encoded words decoded (RFC 2047), in UTF-8. Raw bytes that are no UTF-8 become
/// U+FFFD, and so do CR, LF and NUL that came out of an encoded word: the result is one line.
#[must_use]
pub fn words(value: &[u8]) -> String {
    if let Some(plain) = plain(value) {
        return plain.to_owned();
    }
    let text = rfc2047::decode_text(value, |label, bytes, out| out.push_str(&charset::to_utf8(label, bytes)));
    if crate::text::breaks_line(text.as_bytes()) {
        return text.replace(['\r', '\n', '\0'], "\u{fffd}");
    }
    text.into_owned()
}

/// A value that is for readers as it is: most are.
fn plain(value: &[u8]) -> Option<&str> {
    let decent = value.iter().all(|b| matches!(b, b' '..=b'~')) && !value.starts_with(b" ") && !value.ends_with(b" ");
    if decent && memmem::find(value, b"=?").is_none() { std::str::from_utf8(value).ok() } else { None }
}

/// As [`words`], behind what is there.
pub fn push_words(out: &mut String, value: &[u8]) {
    match plain(value) {
        Some(text) => out.push_str(text),
        None => out.push_str(&words(value)),
    }
}

/// A mailbox for readers: `Name <local@domain>`, the name decoded, or the address alone.
#[must_use]
pub fn person(address: &Address) -> String {
    let mut out = String::new();
    push_person(&mut out, address.name.as_deref(), &address.local, &address.domain);
    out
}

/// The same of an address in pieces, behind what is there.
pub fn push_person(out: &mut String, name: Option<&[u8]>, local: &[u8], domain: &[u8]) {
    let before = out.len();
    push_words(out, name.unwrap_or_default());
    let named = out.len() > before;
    if named {
        out.push_str(" <");
    }
    out.push_str(&String::from_utf8_lossy(&addr::spec(local, domain)));
    if named {
        out.push('>');
    }
}

/// An address field for readers: its mailboxes and groups, decoded, with commas.
#[must_use]
pub fn people(value: &[u8]) -> String {
    let list = |members: &[Address]| members.iter().map(person).collect::<Vec<_>>().join(", ");
    let item = |item: &AddressItem| match item {
        AddressItem::Mailbox(address) => person(address),
        AddressItem::Group { name, members } if members.is_empty() => format!("{}:;", words(name)),
        AddressItem::Group { name, members } => format!("{}: {};", words(name), list(members)),
    };
    addr::list(value).iter().map(item).collect::<Vec<_>>().join(", ")
}

/// The name that a part wants for its file, decoded: `filename` of its disposition, else `name` of its type. Encoded words,
/// which RFC 2047 5 forbids there and many write, are decoded too. For showing: it may hold anything but line ends.
#[must_use]
pub fn file_name(part: &Part) -> Option<String> {
    let disposition = part.disposition();
    let raw = disposition.as_ref().and_then(|d| d.parameter("filename"));
    let raw = raw.or_else(|| part.content_type.parameter("name"))?;
    let name = if memmem::find(raw, b"=?").is_some() { words(raw) } else { String::from_utf8_lossy(raw).into_owned() };
    Some(name.replace(['\r', '\n', '\0'], "\u{fffd}"))
}

/// HTML without its tags, entities decoded: the plainest view of it, in linear time and without recursion.
#[must_use]
pub fn without_tags(html: &str) -> String {
    mail_parser::decoders::html::html_to_text(html)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::mime::walk;
    use proptest::prelude::*;

    struct Steps<'a>(&'a [u8], usize);
    impl Body for Steps<'_> {
        fn chunk(&mut self) -> Result<&[u8]> {
            let (now, rest) = self.0.split_at(self.1.min(self.0.len()));
            self.0 = rest;
            Ok(now)
        }
    }

    fn decode(bytes: &[u8], encoding: &Encoding, step: usize) -> (Vec<u8>, u64) {
        let mut body = decoded(Steps(bytes, step), encoding);
        let all = body.whole(10_000_000).unwrap().unwrap();
        (all, body.errors())
    }

    #[test]
    fn quoted_printable() {
        for (text, expect, errors) in [
            ("a=3Db=\r\nc  \t\r\nd=20\r\n", "a=bc\r\nd \r\n", 0),
            ("a \n=\nb= \t\nc", "a\nbc", 0),
            ("=c3=A9", "é", 0),
            ("=zz=4", "=zz=4", 2),
            ("x=", "x", 0),
            ("x=\r", "x", 0),
            ("a\rb \r", "a\rb", 0),
            ("==41", "=A", 1),
            ("a  ", "a", 0),
        ] {
            for step in 1..9 {
                let (got, wrong) = decode(text.as_bytes(), &Encoding::QuotedPrintable, step);
                assert_eq!((String::from_utf8_lossy(&got).as_ref(), wrong), (expect, errors), "{text:?} {step}");
            }
        }
        let blanks = [b" ".repeat(5000), b"x".to_vec()].concat();
        assert_eq!(decode(&blanks, &Encoding::QuotedPrintable, 999).0, blanks);
        let (all, errors) = decode(&b"=".repeat(1_000_000), &Encoding::QuotedPrintable, 4096);
        assert_eq!((all.len() as u64, errors), (999_999, 999_999));
    }

    #[test]
    fn base64() {
        for (text, expect, errors) in [
            ("aGVs\r\nbG8=\r\n", "hello", 0),
            ("aGVsbG8", "hello", 1),
            ("aGVs*bG8=", "hello", 1),
            ("aGk=aGk=", "hihi", 0),
            ("", "", 0),
        ] {
            for step in 1..9 {
                let (got, wrong) = decode(text.as_bytes(), &Encoding::Base64, step);
                assert_eq!((String::from_utf8_lossy(&got).as_ref(), wrong), (expect, errors), "{text:?} {step}");
            }
        }
        assert_eq!(decode(b"a=41", &Encoding::Other("x-uuencode".into()), 2).0, b"a=41");
    }

    #[test]
    fn plain_values_are_decoded_the_same() {
        for text in ["", "plain", "two  blanks", "a = ?", "x?=", "\"q\" \\ (c)"] {
            let all = rfc2047::decode_text(text.as_bytes(), |label, bytes, out| {
                out.push_str(&charset::to_utf8(label, bytes))
            });
            assert_eq!((words(text.as_bytes()), plain(text.as_bytes())), (all.into_owned(), Some(text)));
        }
        for other in [" a", "a ", "=?x", "\t", "é", "a\r\n b", "\u{7f}"] {
            assert_eq!(plain(other.as_bytes()), None, "{other:?}");
        }
    }

    #[test]
    fn encoded_words() {
        for (raw, expect) in [
            ("plain\r\n text", "plain text"),
            ("=?utf-8?Q?a=C3=A9?= =?UTF-8?B?w6k=?= x", "aéé x"),
            ("=?iso-8859-1*de?q?Gr=FC=DFe?=", "Grüße"),
            ("=?utf-8?Q?a=0D=0ABcc:_x?=", "a\u{fffd}\u{fffd}Bcc: x"),
            ("=?x?y?z?=", "=?x?y?z?="),
            ("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "é"),
        ] {
            assert_eq!(words(raw.as_bytes()), expect, "{raw}");
        }
        assert_eq!(words(b"caf\xe9"), "caf\u{fffd}");
    }

    #[test]
    fn hostile_words_take_linear_time() {
        for trap in ["=?", "=?a?q?", "=?a?q?=", "=?utf-8?q?a?= ", "=?utf-8?b?", "?=", " =?"] {
            let _ = words(trap.repeat(200_000).as_bytes());
        }
    }

    #[test]
    fn file_names() {
        let name = |header: &str| file_name(&walk(&mut format!("{header}\n\n").as_bytes()).unwrap());
        assert_eq!(
            name("Content-Disposition: attachment; filename*=utf-8''%e2%82%ac.txt; filename=x").unwrap(),
            "€.txt"
        );
        assert_eq!(name("Content-Disposition: attachment; filename=\"=?utf-8?Q?=E2=82=AC?=.txt\"").unwrap(), "€.txt");
        assert_eq!(name("Content-Type: a/b; name=c").unwrap(), "c");
        assert_eq!(name("Content-Disposition: attachment; filename*=utf-8''a%0Ab%00").unwrap(), "a\u{fffd}b\u{fffd}");
        assert_eq!(name("A: b"), None);
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1usize..40) {
            let b64 = encodify::base64::MIME.encode(&bytes);
            prop_assert_eq!(decode(b64.as_bytes(), &Encoding::Base64, step), (bytes.clone(), 0));
            let qp = encodify::qp::BINARY.encode(&bytes);
            prop_assert_eq!(decode(qp.as_bytes(), &Encoding::QuotedPrintable, step), (bytes, 0));
        }

        #[test]
        fn a_cut_changes_nothing(pieces in proptest::collection::vec(prop_oneof![
            Just("="), Just("\r"), Just("\n"), Just(" "), Just("\t"), Just("4"), Just("A"), Just("z"), Just("=3D"), Just("=\r\n")
        ], 0..40), step in 1usize..9) {
            let text = pieces.concat();
            for encoding in [Encoding::QuotedPrintable, Encoding::Base64] {
                prop_assert_eq!(decode(text.as_bytes(), &encoding, step), decode(text.as_bytes(), &encoding, 10_000));
            }
        }

        #[test]
        fn decoded_values_are_one_line(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(!crate::text::breaks_line(words(&bytes)));
            let b = encodify::base64::STANDARD.encode(&bytes);
            let word = format!("=?utf-8?B?{b}?=");
            prop_assert!(!crate::text::breaks_line(words(word.as_bytes())));
        }
    }
}
