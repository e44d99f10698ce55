//! FETCH: a message's data items, by the number of the message.

use super::super::date::parse_date_time;
use super::super::gather::Gathered;
use super::super::lex::{Lex, Parsed, Text};
use super::super::modseq::modseq;
use super::super::section::Section;
use super::super::structure::{Envelope, Structure};
use super::utf8;
use chrono::{DateTime, FixedOffset};

/// Most items have shorter names, for which no room need be found.
const NAME: usize = 32;

/// One data item of a FETCH response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchValue {
    /// FLAGS
    Flags(Vec<String>),
    /// INTERNALDATE
    InternalDate(DateTime<FixedOffset>),
    /// RFC822.SIZE
    Size(u64),
    /// UID
    Uid(u32),
    /// MODSEQ (RFC 7162)
    ModSeq(i64),
    /// ENVELOPE
    Envelope(Box<Envelope>),
    /// BODY
    Body(Structure),
    /// BODYSTRUCTURE
    BodyStructure(Structure),
    /// A body section.
    Section(BodyName, Data),
    /// BINARY.SIZE: a part, and how many bytes it has without its transfer encoding.
    BinarySize(Vec<u32>, u64),
    /// An item that is not known, or known and malformed: its name and its value as it came.
    Other(String, Vec<u8>),
}

/// Under which name a body section is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BodyName {
    /// `BODY[...]`, and from which byte on if it is a part of it.
    Section(Section, Option<u64>),
    /// RFC822
    Rfc822,
    /// RFC822.HEADER
    Header,
    /// RFC822.TEXT
    Text,
    /// `BINARY[...]` (RFC 3516), and from which byte on if it is a part of it.
    Binary(Vec<u32>, Option<u64>),
}

/// The bytes of a body section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// NIL: there is no such section.
    Nil,
    /// Here they are.
    Bytes(Vec<u8>),
    /// They went elsewhere: a literal that was [elided](Gathered::elide).
    Streamed(u64),
    /// The same for a literal8, which may hold NUL (RFC 3516). Written only; both are read as [`Data::Streamed`].
    Streamed8(u64),
}

/// If the last line of `g` announces the literal of a body section: the sequence number and the section. That literal
/// may be streamed; any other belongs to the row itself.
#[must_use]
pub fn announced(g: &Gathered) -> Option<(u32, BodyName)> {
    let mut start = g.lex();
    let number = (start.eat(b'*') && start.sp()).then(|| start.number().ok())??;
    if !(start.sp() && start.eat_word("FETCH")) {
        return None;
    }
    let mut l = Lex::new(g.last_line());
    while !l.at_end() {
        match l.peek() {
            Some(b'"') => drop(l.quoted().ok()?),
            Some(b) if b.is_ascii_alphabetic() => {
                let word = l.word();
                let mut try_here = l.clone();
                if let Some(Ok(name)) = body_name(word, &mut try_here)
                    && try_here.sp()
                    && matches!(try_here.literal(), Ok(Text::Streamed(_)))
                {
                    return Some((number, name));
                }
            }
            Some(b) => drop(l.eat(b)),
            None => break,
        }
    }
    None
}

/// What follows the name of a body item; `None` if that name is none.
fn body_name(word: &str, l: &mut Lex<'_>) -> Option<Parsed<BodyName>> {
    if l.peek() == Some(b'[') {
        if word.eq_ignore_ascii_case("BODY") {
            return Some(section(l));
        }
        if word.eq_ignore_ascii_case("BINARY") {
            return Some(binary(l));
        }
    }
    [("RFC822", BodyName::Rfc822), ("RFC822.HEADER", BodyName::Header), ("RFC822.TEXT", BodyName::Text)]
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, name)| Ok(name))
}

fn section(l: &mut Lex<'_>) -> Parsed<BodyName> {
    let section = Section::parse(l)?;
    Ok(BodyName::Section(section, origin(l)?))
}

fn binary(l: &mut Lex<'_>) -> Parsed<BodyName> {
    let part = Section::parse_part(l)?;
    Ok(BodyName::Binary(part, origin(l)?))
}

fn origin(l: &mut Lex<'_>) -> Parsed<Option<u64>> {
    let mut origin = None;
    if l.eat(b'<') {
        origin = Some(l.number64()?);
        l.expect(b'>')?;
    }
    Ok(origin)
}

pub(super) fn fetch(l: &mut Lex<'_>) -> Parsed<Vec<FetchValue>> {
    let mut values = Vec::new();
    l.list(|l| {
        let at = l.position();
        let word = l.word();
        if word.is_empty() {
            return l.expected("a FETCH item");
        }
        if let Some(name) = body_name(word, l) {
            let name = name?;
            l.expect_sp()?;
            values.push(FetchValue::Section(name, data(l)?));
            return Ok(());
        }
        // An item may have a section too: BINARY.SIZE[1], X[...].
        if l.eat(b'[') {
            while l.peek().is_some_and(|b| b != b']') {
                let next = l.peek().unwrap_or_default();
                l.eat(next);
            }
            l.expect(b']')?;
        }
        let name = l.since(at);
        l.expect_sp()?;
        let before = l.clone();
        let value = match value(name, l) {
            Some(Ok(value)) if matches!(l.peek(), Some(b' ' | b')')) => value,
            _ => {
                l.rewind(&before);
                FetchValue::Other(utf8(name), l.value()?.to_vec())
            }
        };
        values.push(value);
        Ok(())
    })?;
    Ok(values)
}

fn data(l: &mut Lex<'_>) -> Parsed<Data> {
    if l.at_literal() {
        return Ok(match l.literal()? {
            Text::Bytes(bytes) => Data::Bytes(bytes.into_owned()),
            Text::Streamed(size) => Data::Streamed(size),
        });
    }
    Ok(l.nstring()?.map_or(Data::Nil, |bytes| Data::Bytes(bytes.into_owned())))
}

fn value(name: &[u8], l: &mut Lex<'_>) -> Option<Parsed<FetchValue>> {
    let (mut short, long);
    short = [0; NAME];
    let name = match short.get_mut(..name.len()) {
        Some(capitals) => {
            capitals.copy_from_slice(name);
            capitals.make_ascii_uppercase();
            std::str::from_utf8(capitals).ok()?
        }
        None => {
            long = utf8(name).to_ascii_uppercase();
            long.as_str()
        }
    };
    Some(match name {
        "FLAGS" => l.flags().map(FetchValue::Flags),
        "INTERNALDATE" => parse_date_time(l).map(FetchValue::InternalDate),
        "RFC822.SIZE" => l.number64().map(FetchValue::Size),
        "UID" => l.number().map(FetchValue::Uid),
        "MODSEQ" => one_modseq(l).map(FetchValue::ModSeq),
        "ENVELOPE" => Envelope::parse(l).map(|e| FetchValue::Envelope(Box::new(e))),
        "BODY" => Structure::parse(l).map(FetchValue::Body),
        "BODYSTRUCTURE" => Structure::parse(l).map(FetchValue::BodyStructure),
        name if name.starts_with("BINARY.SIZE[") => {
            let part = Section::parse_part(&mut Lex::new(name.trim_start_matches("BINARY.SIZE").as_bytes()));
            part.and_then(|part| Ok(FetchValue::BinarySize(part, l.number64()?)))
        }
        _ => return None,
    })
}

fn one_modseq(l: &mut Lex<'_>) -> Parsed<i64> {
    l.expect(b'(')?;
    let found = modseq(l)?;
    l.expect(b')')?;
    Ok(found)
}
