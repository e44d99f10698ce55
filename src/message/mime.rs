//! The MIME structure of a message (RFC 2045-2049), found in one pass over a stream: [`walk`], or [`Walker`] for bytes that
//! are pushed. What is kept is the header sections and offsets; bodies of any size go by.
//!
//! It never fails on what it reads. Limits: depth [`MAX_DEPTH`], [`MAX_PARTS`] parts, [`MAX_HEADERS`] bytes of headers in
//! all; what lies beyond is opaque and [`Part::defects`] says so. A boundary counts if it is a whole line (blanks at its end
//! are allowed), as other readers have it, not a line's beginning as RFC 2046 5.1.1 would allow.
//! Left out: message/partial, message/external-body and encoded (base64) message/rfc822 are leaves.

use super::header::Header;
use super::param::Value;
pub use super::walker::Walker;
use crate::body::Body;
use crate::error::Result;
use std::ops::Range;

/// How deep entities may nest; the message itself is the first level.
pub const MAX_DEPTH: usize = 100;
/// How many parts are told apart.
pub const MAX_PARTS: usize = 10_000;
/// How many bytes of headers are held, of all parts together.
pub const MAX_HEADERS: usize = 16 << 20;

/// Longer boundaries (RFC 2046 allows 70 characters) are not looked for.
pub(super) const MAX_BOUNDARY: usize = 16 * 1024;

/// One MIME entity: the message, or a part of it. Offsets count bytes of the stream that was walked: walk it in wire form
/// and they are wire offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its header section.
    pub header: Header,
    /// Where that is, the empty line that ends it included.
    pub header_at: Range<u64>,
    /// What follows it, without the line end that belongs to the boundary after it.
    pub body_at: Range<u64>,
    /// How many lines of the body end with a line end, as `BODYSTRUCTURE` counts them.
    pub lines: u64,
    /// The media type, defaults applied (RFC 2045 5.2, RFC 2046 5.1.5).
    pub content_type: ContentType,
    /// The transfer encoding.
    pub encoding: Encoding,
    /// A multipart's children; the one message inside a `message/rfc822` or `message/global`; else none. A multipart
    /// without usable boundary or beyond a limit has none either.
    pub parts: Vec<Part>,
    /// What was wrong with it or is not shown.
    pub defects: Vec<Defect>,
}

/// What is wrong with an entity, or was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A multipart without a `boundary` parameter that can be used.
    NoBoundary,
    /// A multipart that ended before its closing boundary.
    NotClosed,
    /// The header section ended without an empty line.
    NoEmptyLine,
    /// The header section is longer than what is held.
    HeaderCut,
    /// Deeper than [`MAX_DEPTH`]: opaque.
    TooDeep,
    /// Children beyond [`MAX_PARTS`] are left out.
    TooMany,
}

impl Defect {
    /// What it means, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Defect::NoBoundary => "multipart without boundary",
            Defect::NotClosed => "multipart without closing boundary",
            Defect::NoEmptyLine => "header section without empty line",
            Defect::HeaderCut => "header section too long, cut",
            Defect::TooDeep => "nested too deep, not looked into",
            Defect::TooMany => "too many parts, the rest left out",
        }
    }

    /// Whether something of the entity is not shown because of it.
    #[must_use]
    pub fn hides(self) -> bool {
        matches!(self, Defect::HeaderCut | Defect::TooDeep | Defect::TooMany)
    }
}

/// A media type with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// `text`, in lower case.
    pub kind: String,
    /// `plain`, in lower case.
    pub subtype: String,
    /// Names in lower case, values with RFC 2231 undone, see [`Value::parameters`].
    pub parameters: Vec<(String, Vec<u8>)>,
    /// As they came, see [`Value::raw_parameters`].
    pub raw_parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

/// `text/plain`, what an entity is that does not say (RFC 2045 5.2).
impl Default for ContentType {
    fn default() -> ContentType {
        ContentType::bare("text", "plain")
    }
}

impl ContentType {
    /// A type without parameters.
    #[must_use]
    pub fn bare(kind: &str, subtype: &str) -> ContentType {
        let (parameters, raw_parameters) = (Vec::new(), Vec::new());
        ContentType { kind: kind.to_owned(), subtype: subtype.to_owned(), parameters, raw_parameters }
    }

    /// Reads a field's value; `None` if it names no type.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<ContentType> {
        let value = Value::parse(value);
        let text = std::str::from_utf8(&value.value).ok()?.to_ascii_lowercase();
        let (kind, subtype) = text.split_once('/')?;
        let token =
            |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b));
        let (kind, subtype) = (kind.trim(), subtype.trim());
        (token(kind) && token(subtype)).then(|| ContentType {
            kind: kind.to_owned(),
            subtype: subtype.to_owned(),
            parameters: value.parameters,
            raw_parameters: value.raw_parameters,
        })
    }

    /// Whether it is this type.
    #[must_use]
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind == kind && self.subtype == subtype
    }

    /// A parameter's value, by its name in lower case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// The charset of a text, `us-ascii` if it does not say.
    #[must_use]
    pub fn charset(&self) -> &[u8] {
        self.parameter("charset").unwrap_or(b"us-ascii")
    }
}

/// A Content-Transfer-Encoding (RFC 2045 6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `7bit`, also when nothing is said.
    #[default]
    SevenBit,
    /// `8bit`
    EightBit,
    /// `binary`
    Binary,
    /// `quoted-printable`
    QuotedPrintable,
    /// `base64`
    Base64,
    /// Any other, in lower case: it can't be decoded.
    Other(String),
}

impl Encoding {
    /// Reads a field's value.
    #[must_use]
    pub fn parse(value: &[u8]) -> Encoding {
        let name = String::from_utf8_lossy(&Value::parse(value).value).to_ascii_lowercase();
        match name.as_str() {
            "" | "7bit" => Encoding::SevenBit,
            "8bit" => Encoding::EightBit,
            "binary" => Encoding::Binary,
            "quoted-printable" => Encoding::QuotedPrintable,
            "base64" => Encoding::Base64,
            _ => Encoding::Other(name),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Encoding::SevenBit => "7bit",
            Encoding::EightBit => "8bit",
            Encoding::Binary => "binary",
            Encoding::QuotedPrintable => "quoted-printable",
            Encoding::Base64 => "base64",
            Encoding::Other(name) => name,
        }
    }

    /// Whether the body's bytes are the content's bytes.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        matches!(self, Encoding::SevenBit | Encoding::EightBit | Encoding::Binary)
    }
}

impl Part {
    /// How many bytes its body has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.body_at.end.saturating_sub(self.body_at.start)
    }

    /// Header and body together.
    #[must_use]
    pub fn all_at(&self) -> Range<u64> {
        self.header_at.start..self.body_at.end
    }

    /// Whether it is signed or encrypted (RFC 1847), so that nothing in it may be changed.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.content_type.is("multipart", "signed") || self.content_type.is("multipart", "encrypted")
    }

    /// Whether it has children that are parts (not the one message inside a message).
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        self.content_type.kind == "multipart" && !self.parts.is_empty()
    }

    /// The message inside a `message/rfc822` or `message/global`.
    #[must_use]
    pub fn message(&self) -> Option<&Part> {
        if self.content_type.kind == "message" { self.parts.first() } else { None }
    }

    /// `Content-Disposition`.
    #[must_use]
    pub fn disposition(&self) -> Option<Value> {
        self.header.get("Content-Disposition").map(Value::parse)
    }

    /// `Content-ID`, in one line, with its angle brackets.
    #[must_use]
    pub fn id(&self) -> Option<Vec<u8>> {
        self.field("Content-ID")
    }

    /// `Content-Description`, in one line, not decoded.
    #[must_use]
    pub fn description(&self) -> Option<Vec<u8>> {
        self.field("Content-Description")
    }

    /// `Content-Language`: the tags of its list.
    #[must_use]
    pub fn languages(&self) -> Vec<Vec<u8>> {
        let value = self.header.get("Content-Language").map(Value::parse).unwrap_or_default().value;
        value.split(|b| *b == b',').map(|tag| tag.trim_ascii().to_vec()).filter(|tag| !tag.is_empty()).collect()
    }

    /// `Content-Location`: a URI; blanks of folding are no part of it (RFC 2557 4.4.1).
    #[must_use]
    pub fn location(&self) -> Option<Vec<u8>> {
        let mut value = self.field("Content-Location")?;
        value.retain(|b| !matches!(b, b' ' | b'\t'));
        Some(value)
    }

    /// `Content-MD5`, in one line.
    #[must_use]
    pub fn md5(&self) -> Option<Vec<u8>> {
        self.field("Content-MD5")
    }

    fn field(&self, name: &str) -> Option<Vec<u8>> {
        self.header.unfolded(name).map(|value| value.trim_ascii().to_vec())
    }

    /// The part that IMAP numbers so (RFC 3501 6.4.5), seen from a message: `[2, 1]` is `BODY[2.1]`. A message that is no
    /// multipart has the one part 1, itself; a part that is a message is gone into.
    #[must_use]
    pub fn section(&self, numbers: &[u32]) -> Option<&Part> {
        let mut whole = self;
        let mut at: Option<&Part> = None;
        for &number in numbers {
            if let Some(part) = at {
                whole = part.message().or_else(|| part.is_multipart().then_some(part))?;
            }
            let index = usize::try_from(number.checked_sub(1)?).ok()?;
            at = if whole.is_multipart() { whole.parts.get(index) } else { (index == 0).then_some(whole) };
            at?;
        }
        at
    }

    /// Reads the header section and what it says about the body.
    pub(super) fn open(raw: Vec<u8>, in_digest: bool) -> Part {
        let header = Header::parse(raw);
        let default = || if in_digest { ContentType::bare("message", "rfc822") } else { ContentType::default() };
        let content_type = header.get("Content-Type").and_then(ContentType::parse).unwrap_or_else(default);
        let encoding = header.get("Content-Transfer-Encoding").map(Encoding::parse).unwrap_or_default();
        Part { header, content_type, encoding, ..Part::default() }
    }

    /// The boundary of a multipart, if it has one that can be found.
    pub(super) fn boundary(&self) -> Option<Vec<u8>> {
        let boundary = self.content_type.parameter("boundary")?.trim_ascii_end();
        let usable = !boundary.is_empty() && boundary.len() <= MAX_BOUNDARY && !boundary.contains(&b'\n');
        usable.then(|| boundary.to_vec())
    }
}

/// Walks a message to its end.
///
/// # Errors
/// Only those of `body`.
pub fn walk(body: &mut dyn Body) -> Result<Part> {
    let mut walker = Walker::default();
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() {
            return Ok(walker.finish());
        }
        walker.push(piece);
    }
}
