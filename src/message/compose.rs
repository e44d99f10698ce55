//! Composing a message from its parts: [`Letter`]. mail-builder lives here: it writes header fields and the MIME frame with
//! a placeholder for each body; the bodies stream into their places, so that attachments of any size need no memory.
//!
//! Output is wire form. Left out: signatures, encryption, format=flowed.

mod cid;
mod media;

pub use cid::Cids;
pub use media::{content_type, sniff};

use super::addr::{self, Address, AddressItem};
use super::digest::Sha256;
use super::encode::{Encoder, Way};
use super::facts::{Facts, LINE};
use crate::body::Body;
use crate::error::{Error, Result};
use crate::text::breaks_line;
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::{Address as Mailboxes, EmailAddress};
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text as Unstructured;
use mail_builder::mime::{BodyPart, MimePart};

/// A text with what is known about it (two passes: the first gathers [`Facts::of_body`]).
pub struct Text<'a> {
    /// The text, lines ending with LF or CRLF.
    pub body: Box<dyn Body + 'a>,
    /// Its facts.
    pub facts: Facts,
}

/// A file to attach. Its bytes are kept as they are.
pub struct Attachment<'a> {
    /// The file's name, without directories.
    pub name: String,
    /// `image/png`; [`content_type`] guesses it.
    pub content_type: String,
    /// The charset, for a text.
    pub charset: Option<String>,
    /// The content.
    pub body: Box<dyn Body + 'a>,
    /// Whether all of it is lines that may travel as they are, which a message needs (RFC 2046 5.2.1).
    pub lines: bool,
}

impl<'a> Attachment<'a> {
    fn is_message(&self) -> bool {
        self.content_type.eq_ignore_ascii_case("message/rfc822")
    }

    /// A file of this name and content; its type is what [`content_type`] says.
    pub fn new(name: impl Into<String>, body: impl Body + 'a) -> Attachment<'a> {
        let name = name.into();
        let content_type = content_type(&name).to_owned();
        Attachment { name, content_type, charset: None, body: Box::new(body), lines: false }
    }
}

/// What a message is made of.
#[derive(Default)]
pub struct Letter<'a> {
    /// `From`.
    pub from: Vec<Address>,
    /// `To`.
    pub to: Vec<Address>,
    /// `Cc`.
    pub cc: Vec<Address>,
    /// `Bcc`: left out unless [`Letter::keep_bcc`].
    pub bcc: Vec<Address>,
    /// Whether the message is a copy for its sender, in which `Bcc` stays.
    pub keep_bcc: bool,
    /// `Subject`, any text of one line.
    pub subject: Option<String>,
    /// `Date`, as [`super::date::Date`] is written.
    pub date: String,
    /// `Message-ID`, with angle brackets; see [`message_id`].
    pub message_id: String,
    /// Further fields, in order: name and value.
    pub headers: Vec<(String, String)>,
    /// Whether to say `Auto-Submitted: auto-generated` (RFC 3834 5).
    pub auto_submitted: bool,
    /// Makes the boundaries, which look like `=_SEED.1`: letters and digits, at most 50. Random, or fixed for output that
    /// is to be the same each time.
    pub seed: String,
    /// The body.
    pub text: Option<Text<'a>>,
    /// The body again, as HTML.
    pub html: Option<Text<'a>>,
    /// Files that the HTML shows, each with the Content-ID, without angle brackets, by which it names them (RFC 2392).
    pub inline: Vec<(String, Attachment<'a>)>,
    /// Files.
    pub attachments: Vec<Attachment<'a>>,
}

/// Fields with addresses in them: encoding may only touch the names.
const ADDRESS_FIELDS: [&str; 11] = [
    "Reply-To",
    "Sender",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Errors-To",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Disposition-Notification-To",
    "Return-Receipt-To",
];

/// Whether a field of this name holds addresses.
#[must_use]
pub fn has_addresses(name: &str) -> bool {
    ADDRESS_FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name))
}

/// Fields that the rest of [`Letter`] makes.
const OWN_FIELDS: [&str; 11] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Auto-Submitted",
    // These never leave.
    "Resent-Bcc",
    "Return-Path",
];

/// `<RANDOM@HOST>` and nothing about the user or process.
#[must_use]
pub fn message_id(random: [u8; 16], host: &str) -> String {
    let hex: String = random.iter().map(|b| format!("{b:02x}")).collect();
    format!("<{hex}@{host}>")
}

/// The same for a message that is to get the same one each time: out of the hash of what makes it different from others.
#[must_use]
pub fn message_id_of(hash: Sha256, host: &str) -> String {
    format!("<{:.32}@{host}>", hash.hex())
}

/// How a text travels, and in which charset.
fn way_of(facts: &Facts) -> (Way, &'static str) {
    let ascii = facts.eight_bit == 0;
    let charset = match (ascii, facts.utf8) {
        (true, _) => "us-ascii",
        (_, true) => "utf-8",
        (_, false) => "unknown-8bit",
    };
    let simple = ascii && !facts.nul && facts.lone_crs == 0 && facts.overlong_line == 0;
    let way = if simple && !facts.like_boundary {
        Way::Lines
    } else if facts.nul || facts.eight_bit > facts.size_wire / 4 {
        Way::TextBase64
    } else {
        Way::QuotedPrintable
    };
    (way, charset)
}

/// One body that streams into its place.
struct Slot<'a> {
    body: Box<dyn Body + 'a>,
    way: Way,
}

/// Bodies are named by what no field can hold: NUL is refused everywhere.
fn placeholder(index: usize) -> Vec<u8> {
    format!("\0{index}\0").into_bytes()
}

#[derive(Default)]
struct Slots<'a>(Vec<Slot<'a>>);

impl<'a> Slots<'a> {
    fn part(&mut self, kind: ContentType<'a>, way: Way, body: Box<dyn Body + 'a>) -> MimePart<'a> {
        let mark = placeholder(self.0.len());
        self.0.push(Slot { body, way });
        MimePart { headers: vec![("Content-Type".into(), kind.into())], contents: BodyPart::Binary(mark.into()) }
            .transfer_encoding(way.name())
    }

    fn text(&mut self, kind: &'static str, text: Text<'a>) -> MimePart<'a> {
        let (way, charset) = way_of(&text.facts);
        let kind = ContentType::new(kind).attribute("charset", charset);
        self.part(kind, way, text.body)
    }

    fn file(&mut self, disposition: &'static str, file: Attachment<'a>) -> MimePart<'a> {
        let way = if file.is_message() { Way::Lines } else { Way::Base64 };
        let mut kind = ContentType::new(file.content_type);
        if let Some(charset) = file.charset {
            kind = kind.attribute("charset", charset);
        }
        let disposition = ContentType::new(disposition).attribute("filename", file.name);
        self.part(kind, way, file.body).header("Content-Disposition", disposition)
    }
}

impl Letter<'_> {
    /// Writes the message, in wire form, piece by piece.
    ///
    /// # Errors
    /// 64 if a field breaks the line, has a wrong name, or is one that this type makes itself; those of the bodies and of
    /// `out`.
    pub fn write(self, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.check()?;
        let mut slots = Slots::default();
        let mut builder = MessageBuilder::new();
        builder = builder.header("Date", Raw::new(self.date));
        for (name, list) in [("From", &self.from), ("To", &self.to), ("Cc", &self.cc), ("Bcc", &self.bcc)] {
            if !list.is_empty() && (name != "Bcc" || self.keep_bcc) {
                builder = builder.header(name, mailboxes(list)?);
            }
        }
        if let Some(subject) = self.subject {
            builder = builder.header("Subject", Unstructured::new(subject));
        }
        builder = builder.header("Message-ID", Raw::new(self.message_id));
        if self.auto_submitted {
            builder = builder.header("Auto-Submitted", Raw::new("auto-generated"));
        }
        for (name, value) in self.headers {
            let value = further(&name, value)?;
            builder = builder.header(name, value);
        }

        let seed = self.seed;
        let text = self.text.map(|text| slots.text("text/plain", text));
        let mut html = self.html.map(|html| slots.text("text/html", html));
        if let Some(page) = html.take_if(|_| !self.inline.is_empty()) {
            let mut parts = vec![page];
            for (id, file) in self.inline {
                parts.push(slots.file("inline", file).header("Content-ID", Raw::new(format!("<{id}>"))));
            }
            // RFC 2387 3.1 wants the root's type here.
            html = Some(multipart("related", &[("type", "text/html".to_owned())], &format!("=_{seed}.3"), parts));
        }
        let mut body = match (text, html) {
            (Some(text), Some(html)) => Some(multipart("alternative", &[], &format!("=_{seed}.1"), vec![text, html])),
            (text, html) => text.or(html),
        };
        if !self.attachments.is_empty() {
            let mut parts: Vec<MimePart<'_>> = body.into_iter().collect();
            parts.extend(self.attachments.into_iter().map(|file| slots.file("attachment", file)));
            body = Some(multipart("mixed", &[], &format!("=_{seed}.2"), parts));
        }
        let nothing = || MimePart {
            headers: vec![(
                "Content-Type".into(),
                ContentType::new("text/plain").attribute("charset", "us-ascii").into(),
            )],
            contents: BodyPart::Binary(Vec::new().into()),
        };
        let body = body.unwrap_or_else(|| nothing().transfer_encoding("7bit"));

        let mut frame = Vec::new();
        builder.body(body).serialize(&mut frame);
        if let Some(long) = frame.split(|b| *b == b'\n').find(|line| line.len() as u64 > LINE + 1) {
            let start = String::from_utf8_lossy(long.get(..40).unwrap_or(long));
            return Err(Error::usage(format!("a header line is longer than {LINE} bytes: {start}...")));
        }
        fill(&frame, slots, out)
    }

    fn check(&self) -> Result<()> {
        let fields =
            [("Date", Some(&self.date)), ("Message-ID", Some(&self.message_id)), ("Subject", self.subject.as_ref())];
        for (name, value) in fields {
            one_line(name, value.map_or("", String::as_str))?;
        }
        for (name, value) in &self.headers {
            let known = |list: &[&str]| list.iter().any(|own| own.eq_ignore_ascii_case(name));
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
                return Err(Error::usage(format!("{name}: not a name of a header field")));
            }
            if known(&OWN_FIELDS)
                || name.len() >= 8 && name.as_bytes().get(..8).is_some_and(|n| n.eq_ignore_ascii_case(b"content-"))
            {
                return Err(Error::usage(format!("{name}: this header field has its own option or is made here")));
            }
            one_line(name, value)?;
        }
        for file in self.attachments.iter().chain(self.inline.iter().map(|(_, file)| file)) {
            one_line("the name of an attachment", &file.name)?;
            one_line("the type of an attachment", &file.content_type)?;
            one_line("the charset of an attachment", file.charset.as_deref().unwrap_or_default())?;
            let Some(kind) = super::mime::ContentType::parse(file.content_type.as_bytes()) else {
                return Err(Error::usage(format!("{}: not a media type", file.content_type)));
            };
            let whole = file.content_type.len() == kind.kind.len() + kind.subtype.len() + 1;
            if !whole || ["multipart", "message"].contains(&kind.kind.as_str()) && !(file.is_message() && file.lines) {
                // RFC 2046 5.1.1 and 5.2.1: no base64 around what has parts of its own.
                let why = format!("{}: {} can't be the type of this file", file.name, file.content_type);
                return Err(Error::usage(why).advise("application/octet-stream goes for everything"));
            }
        }
        for (id, _) in &self.inline {
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b".@-_".contains(&b)) {
                return Err(Error::usage(format!("{id}: not a Content-ID")));
            }
        }
        if self.html.is_none() && !self.inline.is_empty() {
            return Err(Error::usage("an inline file, and no HTML to show it in"));
        }
        let letters = self.seed.bytes().all(|b| b.is_ascii_alphanumeric());
        if !letters || self.seed.len() > 50 {
            return Err(Error::usage("the seed of boundaries is at most 50 letters and digits"));
        }
        Ok(())
    }
}

fn multipart<'a>(
    subtype: &str,
    more: &[(&'static str, String)],
    boundary: &str,
    parts: Vec<MimePart<'a>>,
) -> MimePart<'a> {
    let mut kind = ContentType::new(format!("multipart/{subtype}"));
    for (name, value) in more {
        kind = kind.attribute(*name, value.clone());
    }
    let kind = kind.attribute("boundary", boundary.to_owned());
    MimePart { headers: vec![("Content-Type".into(), kind.into())], contents: BodyPart::Multipart(parts) }
}

fn one_line(name: &str, value: &str) -> Result<()> {
    if breaks_line(value) {
        return Err(Error::usage(format!("{name}: a line end or NUL is not allowed here: {value}")));
    }
    Ok(())
}

fn mailboxes(list: &[Address]) -> Result<Mailboxes<'static>> {
    let one = |address: &Address| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let name = address.name.as_ref().map(|name| text(name));
        let spec = address.spec();
        for value in [spec.as_slice(), address.name.as_deref().unwrap_or_default()] {
            if breaks_line(value) {
                return Err(Error::usage(format!("{}: an address has no line ends", String::from_utf8_lossy(value))));
            }
        }
        Ok(Mailboxes::Address(EmailAddress { name: name.map(Into::into), email: text(&spec).into() }))
    };
    Ok(Mailboxes::new_list(list.iter().map(one).collect::<Result<_>>()?))
}

/// The value of a further field: addresses keep their structure, ASCII stays as it is, other text is encoded.
fn further(name: &str, value: String) -> Result<HeaderType<'static>> {
    if has_addresses(name) {
        let items = addr::checked(value.as_bytes()).map_err(|e| Error::usage(e.to_string()).at(name))?;
        if items.iter().all(|item| matches!(item, AddressItem::Mailbox(_))) {
            let list: Vec<Address> = addr::mailboxes(&items).cloned().collect();
            return Ok(mailboxes(&list)?.into());
        }
    }
    Ok(if value.is_ascii() { Raw::new(value).into() } else { Unstructured::new(value).into() })
}

/// Writes the frame with the bodies in their places.
fn fill(frame: &[u8], slots: Slots<'_>, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut rest = frame;
    let mut encoded = Vec::new();
    for (index, mut slot) in slots.0.into_iter().enumerate() {
        let mark = placeholder(index);
        let at = memchr::memmem::find(rest, &mark).ok_or_else(|| Error::internal("a body without place"))?;
        let (before, after) = rest.split_at(at);
        out(before)?;
        rest = after.get(mark.len()..).unwrap_or_default();
        let mut encoder = Encoder::new(slot.way);
        let mut at_line_start = true;
        loop {
            encoded.clear();
            let piece = slot.body.chunk()?;
            let ended = piece.is_empty();
            if ended {
                encoder.finish(&mut encoded);
            } else {
                encoder.push(piece, &mut encoded);
            }
            if !encoded.is_empty() {
                at_line_start = encoded.ends_with(b"\r\n");
                out(&encoded)?;
            }
            if ended {
                break;
            }
        }
        // The one body of a simple message; in a multipart, the boundary brings the line end.
        if rest.is_empty() && !at_line_start {
            out(b"\r\n")?;
        }
    }
    out(rest)
}

#[cfg(test)]
mod tests;
