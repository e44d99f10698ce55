//! Bytes and lines, one after the other.

use super::{Code, Found, Place, Told};
use crate::error::Result;
use crate::message::charset;
use crate::message::facts::LINE;
use crate::message::mime::{Encoding, Part};
use memchr::memchr;

/// What a header line should not exceed (RFC 5322 2.1.1).
const WIDTH: u64 = 78;
/// The longest line of base64 and quoted-printable.
const ENCODED: u64 = 76;

/// The state between pieces.
pub(super) struct Bytes {
    /// What waits for its line, sorted, the first last.
    found: Found,
    at: u64,
    line: u64,
    line_start: u64,
    /// Characters of the line, continuation bytes not counted.
    characters: u64,
    cr: bool,
    /// Whether the first line ended with CRLF.
    crlf: Option<bool>,
    header: bool,
    leaf: Leaf,
}

/// What is known of the body that passes by.
#[derive(Default)]
struct Leaf {
    start: Option<u64>,
    kind: Kind,
    /// Told already.
    eight_bit: bool,
    charset: bool,
    junk: bool,
    symbols: u64,
    escape: Escape,
    utf8: Utf8,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Other,
    Seven,
    /// 8bit or binary text that says it is ASCII, or UTF-8.
    Ascii,
    Utf8,
    Base64,
    Quoted,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    No,
    Equals,
    Digit,
    Blank,
}

/// A UTF-8 sequence that is under way: how many bytes are to come, and between which the next one is.
#[derive(Clone, Copy, Default)]
struct Utf8 {
    left: u8,
    low: u8,
    high: u8,
}

impl Utf8 {
    /// Whether the byte may stand here (RFC 3629 4).
    fn push(&mut self, b: u8) -> bool {
        if self.left > 0 {
            let fits = (self.low..=self.high).contains(&b);
            *self = if fits { Utf8 { left: self.left - 1, low: 0x80, high: 0xbf } } else { Utf8::default() };
            return fits;
        }
        let (left, low, high) = match b {
            ..=0x7f => return true,
            0xc2..=0xdf => (1, 0x80, 0xbf),
            0xe0 => (2, 0xa0, 0xbf),
            0xed => (2, 0x80, 0x9f),
            0xe1..=0xef => (2, 0x80, 0xbf),
            0xf0 => (3, 0x90, 0xbf),
            0xf1..=0xf3 => (3, 0x80, 0xbf),
            0xf4 => (3, 0x80, 0x8f),
            _ => return false,
        };
        *self = Utf8 { left, low, high };
        true
    }
}

impl Leaf {
    fn of(part: &Part) -> Leaf {
        let label = part.content_type.charset();
        let utf8 = charset::lookup(label).is_some_and(|found| found == encoding_rs::UTF_8);
        let text = part.content_type.kind == "text";
        let kind = match part.encoding {
            Encoding::SevenBit => Kind::Seven,
            Encoding::EightBit | Encoding::Binary if text && label.eq_ignore_ascii_case(b"us-ascii") => Kind::Ascii,
            Encoding::EightBit | Encoding::Binary if text && utf8 => Kind::Utf8,
            Encoding::Base64 => Kind::Base64,
            Encoding::QuotedPrintable => Kind::Quoted,
            _ => Kind::Other,
        };
        Leaf { start: Some(part.body_at.start), kind, ..Leaf::default() }
    }
}

impl Bytes {
    pub(super) fn new(mut found: Found) -> Bytes {
        found.reverse();
        Bytes {
            found,
            at: 0,
            line: 1,
            line_start: 0,
            characters: 0,
            cr: false,
            crlf: None,
            header: true,
            leaf: Leaf::default(),
        }
    }

    /// Where we are.
    pub(super) fn place(&self) -> Place {
        self.place_of(self.at)
    }

    fn place_of(&self, offset: u64) -> Place {
        (offset, self.line, offset.saturating_sub(self.line_start) + 1)
    }

    /// A piece of one body, of a header section, or of neither.
    pub(super) fn push(&mut self, part: Option<&Part>, header: bool, piece: &[u8], told: &mut Told<'_>) -> Result<()> {
        if part.map(|part| part.body_at.start) != self.leaf.start {
            self.leaf_ends(told)?;
            self.leaf = part.map(Leaf::of).unwrap_or_default();
        }
        self.header = header;
        let mut rest = piece;
        while !rest.is_empty() {
            let lf = memchr(b'\n', rest);
            let (text, after) = rest.split_at(lf.unwrap_or(rest.len()));
            self.text(text, told)?;
            rest = after;
            if lf.is_some() {
                self.line_ends(told)?;
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// A piece of a line, without its LF.
    fn text(&mut self, text: &[u8], told: &mut Told<'_>) -> Result<()> {
        let plain = !self.cr && text.is_ascii() && !text.iter().any(|b| matches!(b, b'\r' | 0));
        if plain && !matches!(self.leaf.kind, Kind::Base64 | Kind::Quoted) {
            self.at += text.len() as u64;
            self.characters += text.len() as u64;
            self.leaf.utf8 = Utf8::default();
            return Ok(());
        }
        for &b in text {
            let here = self.place();
            if std::mem::take(&mut self.cr) {
                told.add(self.place_of(self.at - 1), Code::BareCr, || "a CR without LF".to_owned())?;
            }
            match b {
                b'\r' => self.cr = true,
                0 => told.add(here, Code::Nul, || "a NUL".to_owned())?,
                _ => {}
            }
            self.leaf_byte(b, here, told)?;
            self.characters += u64::from(b & 0xc0 != 0x80);
            self.at += 1;
        }
        Ok(())
    }

    fn leaf_byte(&mut self, b: u8, here: Place, told: &mut Told<'_>) -> Result<()> {
        let eight = b >= 0x80;
        let leaf = &mut self.leaf;
        match leaf.kind {
            Kind::Other => Ok(()),
            Kind::Seven | Kind::Base64 | Kind::Quoted if eight => {
                if !std::mem::replace(&mut leaf.eight_bit, true) {
                    told.add(here, Code::EightBit, || {
                        "8-bit bytes, and no 8bit in Content-Transfer-Encoding".to_owned()
                    })?;
                }
                leaf.escape = Escape::No;
                Ok(())
            }
            Kind::Seven => Ok(()),
            Kind::Ascii | Kind::Utf8 => {
                let ascii = leaf.kind == Kind::Ascii;
                let fits = if ascii { !eight } else { leaf.utf8.push(b) };
                if !fits && !std::mem::replace(&mut leaf.charset, true) {
                    let name = if ascii { "us-ascii" } else { "utf-8" };
                    told.add(here, Code::NotInCharset, || format!("the text is not in its charset, {name}"))?;
                }
                Ok(())
            }
            Kind::Base64 => {
                leaf.symbols += u64::from(!b.is_ascii_whitespace());
                let fits = b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=') || b.is_ascii_whitespace();
                if !fits && !std::mem::replace(&mut leaf.junk, true) {
                    told.add(here, Code::BadBase64, || "a byte that is no base64".to_owned())?;
                }
                Ok(())
            }
            Kind::Quoted => {
                let (next, wrong) = match (leaf.escape, b) {
                    (Escape::No, b'=') => (Escape::Equals, false),
                    (Escape::No, _) => (Escape::No, false),
                    (Escape::Equals, b' ' | b'\t' | b'\r') => (Escape::Blank, false),
                    (Escape::Equals, b) if b.is_ascii_hexdigit() => (Escape::Digit, false),
                    (Escape::Digit, b) if b.is_ascii_hexdigit() => (Escape::No, false),
                    (Escape::Blank, b' ' | b'\t' | b'\r') => (Escape::Blank, false),
                    (_, b'=') => (Escape::Equals, true),
                    _ => (Escape::No, true),
                };
                leaf.escape = next;
                self.quoted_is(wrong, here, told)
            }
        }
    }

    fn quoted_is(&mut self, wrong: bool, here: Place, told: &mut Told<'_>) -> Result<()> {
        if wrong && !std::mem::replace(&mut self.leaf.junk, true) {
            told.add(here, Code::BadQuotedPrintable, || "a = that begins no escape".to_owned())?;
        }
        Ok(())
    }

    /// At an LF.
    fn line_ends(&mut self, told: &mut Told<'_>) -> Result<()> {
        let here = self.place();
        let crlf = std::mem::take(&mut self.cr);
        if *self.crlf.get_or_insert(crlf) && !crlf {
            told.add(here, Code::BareLf, || "LF without CR, though the first line ends with CRLF".to_owned())?;
        }
        let open = std::mem::take(&mut self.leaf.escape) == Escape::Digit;
        self.quoted_is(open, here, told)?;
        self.line_is_over(u64::from(crlf), told)?;
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
        self.characters = 0;
        Ok(())
    }

    /// Lengths, and what waited for this line.
    fn line_is_over(&mut self, end: u64, told: &mut Told<'_>) -> Result<()> {
        while let Some((offset, code, text)) = self.found.pop_if(|(offset, ..)| *offset <= self.at) {
            told.add(self.place_of(offset.max(self.line_start)), code, || text)?;
        }
        let len = (self.at - self.line_start).saturating_sub(end);
        let characters = self.characters.saturating_sub(end);
        let encoded = matches!(self.leaf.kind, Kind::Base64 | Kind::Quoted);
        let (code, longest) = match () {
            () if len > LINE => (Code::LineTooLong, LINE),
            () if encoded && len > ENCODED => (Code::EncodedLineLong, ENCODED),
            () if self.header && characters > WIDTH => (Code::LineLong, WIDTH),
            () => return Ok(()),
        };
        told.add(self.place_of(self.line_start + longest), code, || format!("a line of {len} bytes, over {longest}"))
    }

    fn leaf_ends(&mut self, told: &mut Told<'_>) -> Result<()> {
        if self.leaf.kind == Kind::Base64 && !self.leaf.symbols.is_multiple_of(4) && !self.leaf.junk {
            told.add(self.place(), Code::BadBase64, || "the base64 ends within a group of four".to_owned())?;
        }
        self.leaf = Leaf::default();
        Ok(())
    }

    /// The message has ended.
    pub(super) fn end(&mut self, told: &mut Told<'_>) -> Result<()> {
        self.leaf_ends(told)?;
        if self.cr {
            told.add(self.place_of(self.at - 1), Code::BareCr, || "a CR without LF".to_owned())?;
        }
        if self.at > self.line_start {
            self.line_is_over(0, told)?;
            told.add(self.place(), Code::NoLastLineEnd, || "the last line has no line end".to_owned())?;
        }
        while let Some((offset, code, text)) = self.found.pop() {
            told.add(self.place_of(offset.max(self.line_start)), code, || text)?;
        }
        Ok(())
    }
}
