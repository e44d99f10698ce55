//! What a FETCH asks for and gets: items, body sections, partials (RFC 3501 sections 6.4.5 and 7.4.2).

use super::extension::Extension;
use super::lex::{DEPTH, Lex, Parsed, Syntax, is_astring};
use std::fmt;

/// One data item of a FETCH command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchItem {
    /// ENVELOPE
    Envelope,
    /// FLAGS
    Flags,
    /// INTERNALDATE
    InternalDate,
    /// RFC822: as `BODY[]`, under its own name.
    Rfc822,
    /// RFC822.HEADER: as `BODY.PEEK[HEADER]`.
    Rfc822Header,
    /// RFC822.SIZE
    Rfc822Size,
    /// RFC822.TEXT: as `BODY[TEXT]`.
    Rfc822Text,
    /// BODY without a section: the structure without extension data.
    Body,
    /// BODYSTRUCTURE
    BodyStructure,
    /// UID
    Uid,
    /// MODSEQ (RFC 7162)
    ModSeq,
    /// `BODY[...]<...>` and `BODY.PEEK[...]<...>`
    Section {
        /// Which part of the message.
        section: Section,
        /// PEEK: \Seen is not set.
        peek: bool,
        /// Which bytes of it.
        partial: Option<Partial>,
    },
    /// `BINARY[...]<...>` and `BINARY.PEEK[...]<...>` (RFC 3516): a part without its transfer encoding.
    Binary {
        /// The part's numbers; none: the message, as it is.
        part: Vec<u32>,
        /// PEEK: \Seen is not set.
        peek: bool,
        /// Which bytes of what is decoded.
        partial: Option<Partial>,
    },
    /// `BINARY.SIZE[...]` (RFC 3516): how many bytes that would be.
    BinarySize(Vec<u32>),
    /// One that a server may have beyond these; never read here.
    Extension(Extension),
}

/// `<start.count>`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The first byte, from 0.
    pub start: u64,
    /// At most so many bytes, from 1.
    pub count: u64,
}

/// A section: which MIME part (none: the message itself), and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Section {
    /// Part numbers, each from 1, at most 100 of them.
    pub part: Vec<u32>,
    /// What of that part.
    pub what: Of,
}

/// What of a message or part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Of {
    /// All of it.
    #[default]
    Whole,
    /// HEADER: the header of a message.
    Header,
    /// HEADER.FIELDS: these fields.
    Fields(Vec<String>),
    /// HEADER.FIELDS.NOT: all but these fields.
    FieldsNot(Vec<String>),
    /// TEXT: a message without its header.
    Text,
    /// MIME: the header of a part.
    Mime,
}

impl FetchItem {
    /// Reads what stands in a FETCH command: one item, a list, or a macro.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn parse_all(l: &mut Lex<'_>) -> Parsed<Vec<FetchItem>> {
        use FetchItem::{Body, Envelope, Flags, InternalDate, Rfc822Size};
        let mut items = Vec::new();
        if l.peek() == Some(b'(') {
            l.list(|l| {
                items.push(FetchItem::parse(l)?);
                Ok(())
            })?;
            return if items.is_empty() { l.expected("a FETCH item") } else { Ok(items) };
        }
        if l.eat_word("ALL") {
            return Ok(vec![Flags, InternalDate, Rfc822Size, Envelope]);
        } else if l.eat_word("FAST") {
            return Ok(vec![Flags, InternalDate, Rfc822Size]);
        } else if l.eat_word("FULL") {
            return Ok(vec![Flags, InternalDate, Rfc822Size, Envelope, Body]);
        }
        Ok(vec![FetchItem::parse(l)?])
    }

    fn parse(l: &mut Lex<'_>) -> Parsed<FetchItem> {
        let start = l.clone();
        let word = l.word().to_ascii_uppercase();
        Ok(match word.as_str() {
            "ENVELOPE" => FetchItem::Envelope,
            "FLAGS" => FetchItem::Flags,
            "INTERNALDATE" => FetchItem::InternalDate,
            "RFC822" => FetchItem::Rfc822,
            "RFC822.HEADER" => FetchItem::Rfc822Header,
            "RFC822.SIZE" => FetchItem::Rfc822Size,
            "RFC822.TEXT" => FetchItem::Rfc822Text,
            "BODYSTRUCTURE" => FetchItem::BodyStructure,
            "UID" => FetchItem::Uid,
            "MODSEQ" => FetchItem::ModSeq,
            "BODY" | "BODY.PEEK" if l.peek() == Some(b'[') => {
                let section = Section::parse(l)?;
                FetchItem::Section { section, peek: word.ends_with("PEEK"), partial: Partial::parse(l)? }
            }
            "BODY" => FetchItem::Body,
            "BINARY" | "BINARY.PEEK" => {
                let part = Section::parse_part(l)?;
                FetchItem::Binary { part, peek: word.ends_with("PEEK"), partial: Partial::parse(l)? }
            }
            "BINARY.SIZE" => FetchItem::BinarySize(Section::parse_part(l)?),
            _ => {
                l.rewind(&start);
                return l.expected("a FETCH item");
            }
        })
    }
}

impl Partial {
    fn parse(l: &mut Lex<'_>) -> Parsed<Option<Partial>> {
        if !l.eat(b'<') {
            return Ok(None);
        }
        let start = l.number64()?;
        l.expect(b'.')?;
        let at = l.position();
        let count = l.number64()?;
        if count == 0 {
            return Err(Syntax::new(at, "expected a number above 0"));
        }
        l.expect(b'>')?;
        Ok(Some(Partial { start, count }))
    }
}

impl Section {
    /// `BODY[HEADER]`
    #[must_use]
    pub fn header() -> Section {
        Section { part: Vec::new(), what: Of::Header }
    }

    /// Reads one that has numbers only, with its brackets (`section-binary` of RFC 3516).
    pub(super) fn parse_part(l: &mut Lex<'_>) -> Parsed<Vec<u32>> {
        let at = l.position();
        let section = Section::parse(l)?;
        if section.what == Of::Whole { Ok(section.part) } else { Err(Syntax::new(at, "expected a part's numbers")) }
    }

    /// Reads one with its brackets.
    ///
    /// # Errors
    /// If there is none.
    pub fn parse(l: &mut Lex<'_>) -> Parsed<Section> {
        l.expect(b'[')?;
        let mut part = Vec::new();
        let mut dot = false;
        while l.peek().is_some_and(|b| b.is_ascii_digit()) {
            let at = l.position();
            // The word of a section follows the digits after a dot; `1.2.MIME` is read number by number.
            part.push(l.nz_number()?);
            if part.len() > DEPTH as usize {
                return Err(Syntax::new(at, "nested too deep"));
            }
            dot = l.eat(b'.');
            if !dot {
                break;
            }
        }
        let at = l.position();
        let word = l.word().to_ascii_uppercase();
        let what = match word.as_str() {
            "" if !dot => Of::Whole,
            _ if !part.is_empty() && !dot => return Err(Syntax::new(at, "expected \".\"")),
            "HEADER" => Of::Header,
            "TEXT" => Of::Text,
            "MIME" if !part.is_empty() => Of::Mime,
            "HEADER.FIELDS" => Of::Fields(fields(l)?),
            "HEADER.FIELDS.NOT" => Of::FieldsNot(fields(l)?),
            _ => return Err(Syntax::new(at, "expected a section")),
        };
        l.expect(b']')?;
        Ok(Section { part, what })
    }
}

fn fields(l: &mut Lex<'_>) -> Parsed<Vec<String>> {
    l.expect_sp()?;
    let mut names = Vec::new();
    l.list(|l| {
        let at = l.position();
        let name = l.astring()?;
        match std::str::from_utf8(&name) {
            Ok(name) if is_field_name(name) => names.push(name.to_owned()),
            _ => return Err(Syntax::new(at, "expected a header field name")),
        }
        Ok(())
    })?;
    if names.is_empty() { l.expected("a header field name") } else { Ok(names) }
}

/// ftext of RFC 5322 2.2, at least one: what a header field may be called.
#[must_use]
pub fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b':')
}

/// A part's numbers in their brackets.
pub(super) struct Numbers<'n>(pub(super) &'n [u32]);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "[{}]", numbers.join("."))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dot = "";
        f.write_str("[")?;
        for n in &self.part {
            write!(f, "{dot}{n}")?;
            dot = ".";
        }
        let (word, names) = match &self.what {
            Of::Whole => return f.write_str("]"),
            Of::Header => ("HEADER", None),
            Of::Text => ("TEXT", None),
            Of::Mime => ("MIME", None),
            Of::Fields(names) => ("HEADER.FIELDS", Some(names)),
            Of::FieldsNot(names) => ("HEADER.FIELDS.NOT", Some(names)),
        };
        write!(f, "{dot}{word}")?;
        if let Some(names) = names {
            let mut before = " (";
            for name in names {
                f.write_str(before)?;
                before = " ";
                if name.bytes().all(is_astring) && !name.eq_ignore_ascii_case("NIL") {
                    f.write_str(name)?;
                } else {
                    write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))?;
                }
            }
            f.write_str(")")?;
        }
        f.write_str("]")
    }
}

impl fmt::Display for FetchItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FetchItem::Envelope => "ENVELOPE",
            FetchItem::Flags => "FLAGS",
            FetchItem::InternalDate => "INTERNALDATE",
            FetchItem::Rfc822 => "RFC822",
            FetchItem::Rfc822Header => "RFC822.HEADER",
            FetchItem::Rfc822Size => "RFC822.SIZE",
            FetchItem::Rfc822Text => "RFC822.TEXT",
            FetchItem::Body => "BODY",
            FetchItem::BodyStructure => "BODYSTRUCTURE",
            FetchItem::Uid => "UID",
            FetchItem::ModSeq => "MODSEQ",
            FetchItem::Section { section, peek, partial } => {
                write!(f, "BODY{}{section}", if *peek { ".PEEK" } else { "" })?;
                return partial.map_or(Ok(()), |p| write!(f, "<{}.{}>", p.start, p.count));
            }
            FetchItem::Binary { part, peek, partial } => {
                write!(f, "BINARY{}{}", if *peek { ".PEEK" } else { "" }, Numbers(part))?;
                return partial.map_or(Ok(()), |p| write!(f, "<{}.{}>", p.start, p.count));
            }
            FetchItem::Extension(extension) => extension.name(),
            FetchItem::BinarySize(part) => return write!(f, "BINARY.SIZE{}", Numbers(part)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Parsed<Vec<FetchItem>> {
        let mut l = Lex::new(text.as_bytes());
        let items = FetchItem::parse_all(&mut l)?;
        l.expect_end()?;
        Ok(items)
    }

    #[test]
    fn items_read_and_written() {
        for text in [
            "ENVELOPE",
            "FLAGS",
            "INTERNALDATE",
            "RFC822",
            "RFC822.HEADER",
            "RFC822.SIZE",
            "RFC822.TEXT",
            "BODY",
            "BODYSTRUCTURE",
            "UID",
            "MODSEQ",
            "BODY[]",
            "BODY.PEEK[]<0.100>",
            "BODY[HEADER]",
            "BODY[TEXT]<18446744073709551615.18446744073709551615>",
            "BODY.PEEK[1.2.MIME]<0.100>",
            "BODY[4.1.HEADER]",
            "BODY[1]",
            "BODY[3.HEADER.FIELDS (DATE FROM)]",
            "BODY.PEEK[HEADER.FIELDS.NOT (\"a\\\"b\" x-y)]",
            "BINARY[]",
            "BINARY[4.1]<3.5>",
            "BINARY.PEEK[1]",
            "BINARY.SIZE[1.2.3]",
        ] {
            let items = one(text).unwrap();
            assert_eq!(items.len(), 1);
            assert_eq!(items[0].to_string(), text);
        }
        assert_eq!(
            one("body.peek[header.fields (\"DATE\" {4}\r\nfrom)]").unwrap()[0].to_string(),
            "BODY.PEEK[HEADER.FIELDS (DATE from)]"
        );
        assert_eq!(one("(uid flags)").unwrap(), [FetchItem::Uid, FetchItem::Flags]);
        assert_eq!(one("full").unwrap().len(), 5);
        assert_eq!(one("fast").unwrap().len(), 3);
        assert_eq!(one("All").unwrap().len(), 4);
    }

    #[test]
    fn what_is_no_item() {
        let long = format!("BODY[{}1]", "1.".repeat(100));
        for bad in [
            "",
            "()",
            "(ALL)",
            "FOO",
            "BODY[",
            "BODY[0]",
            "BODY[1.]",
            "BODY[1.0]",
            "BODY[MIME]",
            "BODY[1MIME]",
            "BODY[1.FOO]",
            "BODY[HEADER.FIELDS]",
            "BODY[HEADER.FIELDS ()]",
            "BODY[HEADER.FIELDS (\"a:b\")]",
            "BODY[HEADER.FIELDS (\"a b\")]",
            "BODY[]<0.0>",
            "BODY[]<0>",
            "BODY[]<-1.5>",
            "BODY[]<0.5",
            "BODYSTRUCTURE[]",
            "UID[]",
            "BINARY",
            "BINARY[HEADER]",
            "BINARY[1.TEXT]",
            "BINARY.PEEK[1.MIME]",
            "BINARY.SIZE[1]<0.1>",
            "BINARY.SIZE",
            &long,
        ] {
            assert!(one(bad).is_err(), "{bad}");
        }
    }
}
