//! Transfer encodings for what we write (RFC 2045 6), as a stream: [`Encoder`]. Lines end with CRLF.

use crate::text::{LoneCr, ToWire};
use encodify::base64;

/// The longest line of quoted-printable and base64 (RFC 2045 6.7, 6.8).
const WIDTH: usize = 76;
/// As many bytes as make one full line of base64.
const LINE: usize = WIDTH / 4 * 3;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `7bit`: lines as they are, line ends CRLF. For ASCII without NUL and lone CR, lines up to 998 bytes.
    Lines,
    /// `quoted-printable`, for text: line ends become CRLF.
    QuotedPrintable,
    /// `base64` of text in canonical form: line ends become CRLF before.
    TextBase64,
    /// `base64` of the bytes as they are.
    Base64,
}

impl Way {
    /// The name for `Content-Transfer-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Way::Lines => "7bit",
            Way::QuotedPrintable => "quoted-printable",
            Way::TextBase64 | Way::Base64 => "base64",
        }
    }
}

/// Encodes bytes that are pushed, in constant memory.
pub struct Encoder {
    way: Way,
    /// Bytes that do not fill a line of base64 yet.
    group: Vec<u8>,
    canonical: Vec<u8>,
    /// Whether base64 needs a line end before its next line.
    later_line: bool,
    column: usize,
    /// A CR or a blank of quoted-printable that the next byte decides about.
    held: Option<u8>,
    to_wire: ToWire,
}

impl Encoder {
    /// An encoder at the beginning of a body.
    #[must_use]
    pub fn new(way: Way) -> Encoder {
        let to_wire = ToWire::plain(LoneCr::Keep);
        Encoder { way, group: Vec::new(), canonical: Vec::new(), later_line: false, column: 0, held: None, to_wire }
    }

    /// Encodes `input`, appends to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match self.way {
            Way::Lines => self.to_wire.push(input, out),
            Way::QuotedPrintable => input.iter().for_each(|b| self.quoted(*b, out)),
            Way::Base64 => self.base64(input, out),
            Way::TextBase64 => {
                let mut text = std::mem::take(&mut self.canonical);
                self.to_wire.push(input, &mut text);
                self.base64(&text, out);
                text.clear();
                self.canonical = text;
            }
        }
    }

    /// The end of the body. Base64 and an unfinished last line end without line end.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self.way {
            Way::Lines => self.to_wire.finish(out),
            Way::QuotedPrintable => self.held.take().into_iter().for_each(|b| self.octets(&[b], out)),
            Way::TextBase64 => {
                let mut last = Vec::new();
                self.to_wire.finish(&mut last);
                self.base64(&last, out);
            }
            Way::Base64 => {}
        }
        let group = std::mem::take(&mut self.group);
        if !group.is_empty() {
            self.line(&group, out);
        }
    }

    fn base64(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        if !self.group.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(LINE - self.group.len()));
            self.group.extend_from_slice(head);
            rest = tail;
            if self.group.len() == LINE {
                let mut group = std::mem::take(&mut self.group);
                self.line(&group, out);
                group.clear();
                self.group = group;
            }
        }
        let lines = rest.chunks_exact(LINE);
        let tail = lines.remainder();
        let (whole, _) = rest.split_at(rest.len() - tail.len());
        if !whole.is_empty() {
            // Every line but the last gets its line end here; that of the last comes with the next line.
            if self.later_line {
                out.extend_from_slice(b"\r\n");
            }
            base64::MIME.encode_append(whole, out);
            if out.ends_with(b"\r\n") {
                out.truncate(out.len() - 2);
            }
            self.later_line = true;
        }
        self.group.extend_from_slice(tail);
    }

    fn line(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.later_line, true) {
            out.extend_from_slice(b"\r\n");
        }
        base64::STANDARD.encode_append(bytes, out);
    }

    fn quoted(&mut self, b: u8, out: &mut Vec<u8>) {
        if let Some(held) = self.held.take() {
            match (held, b) {
                (b'\r', b'\n') => {}
                (b'\r', _) => self.octets(b"\r", out),
                // A blank before a line end would be lost.
                (blank, b'\n' | b'\r') => self.octets(&[blank], out),
                (blank, _) => self.plain(blank, out),
            }
        }
        match b {
            b'\n' => {
                out.extend_from_slice(b"\r\n");
                self.column = 0;
            }
            b'\r' | b' ' | b'\t' => self.held = Some(b),
            b'!'..=b'<' | b'>'..=b'~' => self.plain(b, out),
            _ => self.octets(&[b], out),
        }
    }

    /// Writes one character as it is, on a new line if this one is full. `From ` and a lone dot at a line's start are
    /// changed on the way by some; so they are escaped.
    fn plain(&mut self, b: u8, out: &mut Vec<u8>) {
        if self.column == 0 && matches!(b, b'F' | b'.') {
            return self.octets(&[b], out);
        }
        self.make_room(1, out);
        out.push(b);
        self.column += 1;
    }

    fn octets(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for b in bytes {
            self.make_room(3, out);
            out.push(b'=');
            for digit in [b >> 4, b & 15] {
                out.push(b"0123456789ABCDEF".get(usize::from(digit)).copied().unwrap_or_default());
            }
            self.column += 3;
        }
    }

    /// A soft break, unless that much and the `=` of a soft break after it still fit.
    fn make_room(&mut self, len: usize, out: &mut Vec<u8>) {
        if self.column + len >= WIDTH {
            out.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;
    use crate::message::decode::decoded;
    use crate::message::mime::Encoding;
    use proptest::prelude::*;

    fn encode(way: Way, bytes: &[u8], step: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(way);
        let mut out = Vec::new();
        bytes.chunks(step).for_each(|piece| encoder.push(piece, &mut out));
        encoder.finish(&mut out);
        out
    }

    #[test]
    fn by_hand() {
        let qp = |text: &str| String::from_utf8(encode(Way::QuotedPrintable, text.as_bytes(), 2)).unwrap();
        assert_eq!(qp("a=b \nc\t\r\nFrom é\n.\n"), "a=3Db=20\r\nc=09\r\n=46rom =C3=A9\r\n=2E\r\n");
        assert_eq!(qp("x\ry "), "x=0Dy=20");
        assert_eq!(qp(&"a".repeat(80)), format!("{}=\r\naaaaa", "a".repeat(75)));
        assert_eq!(encode(Way::Lines, b"a\nb\r\nc\rd\r", 1), b"a\r\nb\r\nc\rd\r");
        assert_eq!(encode(Way::TextBase64, b"a\n", 1), b"YQ0K");
        assert_eq!(encode(Way::Base64, b"", 1), b"");
    }

    proptest! {
        #[test]
        fn it_is_decoded_again_and_lines_are_short(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b' '), Just(b'='), Just(b'.'), any::<u8>()], 0..400),
            step in 1usize..130,
        ) {
            let mut canonical = Vec::new();
            let mut to = ToWire::plain(LoneCr::Keep);
            to.push(&bytes, &mut canonical);
            to.finish(&mut canonical);
            for (way, encoding, expect) in [
                (Way::Base64, Encoding::Base64, &bytes),
                (Way::TextBase64, Encoding::Base64, &canonical),
                (Way::QuotedPrintable, Encoding::QuotedPrintable, &canonical),
                (Way::Lines, Encoding::SevenBit, &canonical),
            ] {
                let out = encode(way, &bytes, step);
                let mut body = decoded(out.as_slice(), &encoding);
                prop_assert_eq!(&body.whole(100_000).unwrap().unwrap(), expect, "{:?}", way);
                prop_assert_eq!(body.errors(), 0);
                if way != Way::Lines {
                    let text = String::from_utf8(out).unwrap();
                    for line in text.split("\r\n") {
                        prop_assert!(line.len() <= WIDTH && !line.contains(['\r', '\n']) && !line.ends_with(' '));
                    }
                }
            }
        }
    }
}
