//! ENVELOPE and BODYSTRUCTURE as values (RFC 3501 section 7.4.2), read and written.
//!
//! Read widely: missing extension data, NIL for a number, more extension data than we know. Strings are bytes as they
//! stand in the message, encoded words not decoded.

use super::lex::{Lex, Parsed};
use super::write::{nstring, string};

/// A string that may be absent.
pub type Nstring = Option<Vec<u8>>;

/// `(name value)` pairs.
pub type Parameters = Vec<(Vec<u8>, Vec<u8>)>;

/// The header, as ENVELOPE shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Date
    pub date: Nstring,
    /// Subject
    pub subject: Nstring,
    /// From
    pub from: Vec<Address>,
    /// Sender; a server fills it from From.
    pub sender: Vec<Address>,
    /// Reply-To; a server fills it from From.
    pub reply_to: Vec<Address>,
    /// To
    pub to: Vec<Address>,
    /// Cc
    pub cc: Vec<Address>,
    /// Bcc
    pub bcc: Vec<Address>,
    /// In-Reply-To
    pub in_reply_to: Nstring,
    /// Message-ID
    pub message_id: Nstring,
}

/// An address. Without a host it begins a group (`mailbox` is its name) or ends it (`mailbox` is absent too).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Display name
    pub name: Nstring,
    /// Source route
    pub route: Nstring,
    /// Local part
    pub mailbox: Nstring,
    /// Domain
    pub host: Nstring,
}

/// A message's or part's structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Structure {
    /// One part.
    Single(Box<Single>),
    /// A multipart.
    Multi(Box<Multi>),
}

/// A part that is no multipart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Single {
    /// `TEXT`
    pub kind: Vec<u8>,
    /// `PLAIN`
    pub subtype: Vec<u8>,
    /// Of Content-Type
    pub parameters: Parameters,
    /// Content-ID
    pub id: Nstring,
    /// Content-Description
    pub description: Nstring,
    /// Content-Transfer-Encoding
    pub encoding: Vec<u8>,
    /// Bytes, in its transfer encoding
    pub size: u64,
    /// What texts and messages have more.
    pub inner: Inner,
    /// Content-MD5
    pub md5: Nstring,
    /// Extension data
    pub extra: Extra,
}

/// What texts and messages have more than other parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Inner {
    /// Nothing.
    #[default]
    Basic,
    /// text/*
    Text {
        /// Lines
        lines: u64,
    },
    /// message/rfc822
    Message {
        /// Its header
        envelope: Box<Envelope>,
        /// Its structure
        structure: Structure,
        /// Lines
        lines: u64,
    },
}

/// A multipart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Multi {
    /// Its parts, at least one.
    pub parts: Vec<Structure>,
    /// `MIXED`
    pub subtype: Vec<u8>,
    /// Of Content-Type
    pub parameters: Parameters,
    /// Extension data
    pub extra: Extra,
}

/// Extension data that every part may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// Content-Disposition with its parameters
    pub disposition: Option<(Vec<u8>, Parameters)>,
    /// Content-Language
    pub language: Vec<Vec<u8>>,
    /// Content-Location
    pub location: Nstring,
}

impl Envelope {
    /// Reads one.
    ///
    /// # Errors
    /// If there is none.
    pub fn parse(l: &mut Lex<'_>) -> Parsed<Envelope> {
        l.expect(b'(')?;
        let next = |l: &mut Lex<'_>| {
            let value = l.nstring_owned();
            l.sp();
            value
        };
        let (date, subject) = (next(l)?, next(l)?);
        let envelope = Envelope {
            date,
            subject,
            from: addresses(l)?,
            sender: addresses(l)?,
            reply_to: addresses(l)?,
            to: addresses(l)?,
            cc: addresses(l)?,
            bcc: addresses(l)?,
            in_reply_to: next(l)?,
            message_id: next(l)?,
        };
        l.expect(b')')?;
        Ok(envelope)
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'(');
        nstring(out, self.date.as_deref());
        out.push(b' ');
        nstring(out, self.subject.as_deref());
        for list in [&self.from, &self.sender, &self.reply_to, &self.to, &self.cc, &self.bcc] {
            out.push(b' ');
            if list.is_empty() {
                out.extend_from_slice(b"NIL");
                continue;
            }
            out.push(b'(');
            for a in list {
                let mut before = b'(';
                for field in [&a.name, &a.route, &a.mailbox, &a.host] {
                    out.push(before);
                    before = b' ';
                    nstring(out, field.as_deref());
                }
                out.push(b')');
            }
            out.push(b')');
        }
        out.push(b' ');
        nstring(out, self.in_reply_to.as_deref());
        out.push(b' ');
        nstring(out, self.message_id.as_deref());
        out.push(b')');
    }
}

fn addresses(l: &mut Lex<'_>) -> Parsed<Vec<Address>> {
    let mut list = Vec::new();
    // Some servers write "" for an empty list.
    if l.peek() == Some(b'(') {
        l.list(|l| {
            l.expect(b'(')?;
            let mut next = || {
                let value = l.nstring_owned();
                l.sp();
                value
            };
            list.push(Address { name: next()?, route: next()?, mailbox: next()?, host: next()? });
            l.expect(b')')
        })?;
    } else {
        l.nstring()?;
    }
    l.sp();
    Ok(list)
}

fn parameters(l: &mut Lex<'_>) -> Parsed<Parameters> {
    let mut list = Vec::new();
    if l.peek() == Some(b'(') {
        l.list(|l| {
            let name = l.astring()?.into_owned();
            l.expect_sp()?;
            list.push((name, l.nstring_owned()?.unwrap_or_default()));
            Ok(())
        })?;
    } else {
        l.nstring()?;
    }
    Ok(list)
}

fn count(l: &mut Lex<'_>) -> Parsed<u64> {
    if l.eat_word("NIL") { Ok(0) } else { l.number64() }
}

fn more(l: &mut Lex<'_>) -> bool {
    l.sp();
    !matches!(l.peek(), Some(b')') | None)
}

impl Extra {
    fn parse(l: &mut Lex<'_>) -> Parsed<Extra> {
        let mut extra = Extra::default();
        if more(l) {
            if l.eat(b'(') {
                let kind = l.nstring_owned()?.unwrap_or_default();
                l.sp();
                extra.disposition = Some((kind, parameters(l)?));
                l.sp();
                l.expect(b')')?;
            } else {
                // NIL; some servers give the bare word.
                extra.disposition = l.nstring_owned()?.map(|kind| (kind, Vec::new()));
            }
        }
        if more(l) {
            if l.peek() == Some(b'(') {
                l.list(|l| {
                    extra.language.extend(l.nstring_owned()?);
                    Ok(())
                })?;
            } else {
                extra.language.extend(l.nstring_owned()?);
            }
        }
        if more(l) {
            extra.location = l.nstring_owned()?;
        }
        while more(l) {
            l.value()?;
        }
        Ok(extra)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(b' ');
        match &self.disposition {
            None => out.extend_from_slice(b"NIL"),
            Some((kind, list)) => {
                out.push(b'(');
                string(out, kind);
                out.push(b' ');
                encode_parameters(out, list);
                out.push(b')');
            }
        }
        match self.language.as_slice() {
            [] => out.extend_from_slice(b" NIL"),
            languages => {
                let mut before: &[u8] = b" (";
                for language in languages {
                    out.extend_from_slice(before);
                    before = b" ";
                    string(out, language);
                }
                out.push(b')');
            }
        }
        out.push(b' ');
        nstring(out, self.location.as_deref());
    }
}

fn encode_parameters(out: &mut Vec<u8>, list: &Parameters) {
    if list.is_empty() {
        return out.extend_from_slice(b"NIL");
    }
    let mut before = b'(';
    for (name, value) in list {
        out.push(before);
        before = b' ';
        string(out, name);
        out.push(b' ');
        string(out, value);
    }
    out.push(b')');
}

impl Structure {
    /// Reads a BODY or BODYSTRUCTURE.
    ///
    /// # Errors
    /// If there is none.
    pub fn parse(l: &mut Lex<'_>) -> Parsed<Structure> {
        l.expect(b'(')?;
        l.enter()?;
        let found = if l.peek() == Some(b'(') {
            Structure::Multi(Box::new(Multi::parse(l)?))
        } else {
            Structure::Single(Box::new(Single::parse(l)?))
        };
        l.leave();
        l.expect(b')')?;
        Ok(found)
    }

    /// Writes it: with extension data as BODYSTRUCTURE, without as BODY.
    pub fn encode(&self, out: &mut Vec<u8>, extended: bool) {
        out.push(b'(');
        match self {
            Structure::Multi(multi) => {
                for part in &multi.parts {
                    part.encode(out, extended);
                }
                out.push(b' ');
                string(out, &multi.subtype);
                if extended {
                    out.push(b' ');
                    encode_parameters(out, &multi.parameters);
                    multi.extra.encode(out);
                }
            }
            Structure::Single(single) => single.encode(out, extended),
        }
        out.push(b')');
    }
}

impl Multi {
    fn parse(l: &mut Lex<'_>) -> Parsed<Multi> {
        let mut multi = Multi::default();
        while l.peek() == Some(b'(') {
            multi.parts.push(Structure::parse(l)?);
            l.sp();
        }
        multi.subtype = l.nstring_owned()?.unwrap_or_default();
        if more(l) {
            multi.parameters = parameters(l)?;
        }
        multi.extra = Extra::parse(l)?;
        Ok(multi)
    }
}

impl Single {
    fn parse(l: &mut Lex<'_>) -> Parsed<Single> {
        let next = |l: &mut Lex<'_>| {
            let value = l.nstring_owned();
            l.sp();
            value
        };
        let kind = next(l)?.unwrap_or_default();
        let subtype = next(l)?.unwrap_or_default();
        let parameters = parameters(l)?;
        l.sp();
        let (id, description) = (next(l)?, next(l)?);
        let encoding = next(l)?.unwrap_or_default();
        let size = count(l)?;
        let mut single = Single { kind, subtype, parameters, id, description, encoding, size, ..Single::default() };
        if single.kind.eq_ignore_ascii_case(b"TEXT") && more(l) {
            single.inner = Inner::Text { lines: count(l)? };
        } else if single.kind.eq_ignore_ascii_case(b"MESSAGE") && more(l) && l.peek() == Some(b'(') {
            let envelope = Box::new(Envelope::parse(l)?);
            l.expect_sp()?;
            let structure = Structure::parse(l)?;
            l.expect_sp()?;
            single.inner = Inner::Message { envelope, structure, lines: count(l)? };
        }
        if more(l) {
            single.md5 = l.nstring_owned()?;
        }
        single.extra = Extra::parse(l)?;
        Ok(single)
    }

    fn encode(&self, out: &mut Vec<u8>, extended: bool) {
        string(out, &self.kind);
        out.push(b' ');
        string(out, &self.subtype);
        out.push(b' ');
        encode_parameters(out, &self.parameters);
        out.push(b' ');
        nstring(out, self.id.as_deref());
        out.push(b' ');
        nstring(out, self.description.as_deref());
        out.push(b' ');
        string(out, &self.encoding);
        out.extend_from_slice(format!(" {}", self.size).as_bytes());
        match &self.inner {
            Inner::Basic => {}
            Inner::Text { lines } => out.extend_from_slice(format!(" {lines}").as_bytes()),
            Inner::Message { envelope, structure, lines } => {
                out.push(b' ');
                envelope.encode(out);
                out.push(b' ');
                structure.encode(out, extended);
                out.extend_from_slice(format!(" {lines}").as_bytes());
            }
        }
        if extended {
            out.push(b' ');
            nstring(out, self.md5.as_deref());
            self.extra.encode(out);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Parsed<Structure> {
        let mut l = Lex::new(text.as_bytes());
        let s = Structure::parse(&mut l)?;
        l.expect_end()?;
        Ok(s)
    }

    #[test]
    fn structures_of_rfc_3501_and_of_the_wild() {
        let Structure::Single(s) =
            parse("(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3028 92)").unwrap()
        else {
            panic!()
        };
        assert_eq!((s.size, s.inner.clone()), (3028, Inner::Text { lines: 92 }));
        let Structure::Multi(m) = parse("((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1152 23)(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 4554 73) \"MIXED\")").unwrap() else { panic!() };
        assert_eq!(m.parts.len(), 2);
        for odd in [
            "(\"text\" \"plain\" NIL NIL NIL \"7bit\" NIL NIL)",
            "(\"text\" \"plain\" () NIL NIL NIL 3 1 NIL NIL NIL NIL 5 (x (y)) \"z\")",
            "(\"application\" \"pdf\" NIL NIL NIL \"base64\" 9 NIL (\"attachment\" (\"filename\" NIL)) (\"en\" \"de\") \"u\")",
            "(\"application\" \"pdf\" NIL NIL NIL \"base64\" 9 NIL \"attachment\" \"en\")",
            "(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 9)",
            "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 9 (NIL NIL \"\" NIL NIL ((NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)) () NIL NIL \"<x>\") (\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1) 3)",
        ] {
            assert!(parse(odd).is_ok(), "{odd}: {:?}", parse(odd));
        }
        for bad in ["", "()", "(", "NIL", "(\"text\")", "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"(".repeat(1_000_000)).is_err());
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b'\r'), Just(b'('), 1u8..=255], 0..8)
    }
    fn nstr() -> impl Strategy<Value = Nstring> {
        proptest::option::of(bytes())
    }
    fn params() -> impl Strategy<Value = Parameters> {
        proptest::collection::vec((bytes(), bytes()), 0..3)
    }
    fn addrs() -> impl Strategy<Value = Vec<Address>> {
        let one = (nstr(), nstr(), nstr(), nstr()).prop_map(|(name, route, mailbox, host)| Address {
            name,
            route,
            mailbox,
            host,
        });
        proptest::collection::vec(one, 0..3)
    }
    pub(in super::super) fn envelopes() -> impl Strategy<Value = Envelope> {
        let six = (addrs(), addrs(), addrs(), addrs(), addrs(), addrs());
        (nstr(), nstr(), six, nstr(), nstr()).prop_map(
            |(date, subject, (from, sender, reply_to, to, cc, bcc), in_reply_to, message_id)| Envelope {
                date,
                subject,
                from,
                sender,
                reply_to,
                to,
                cc,
                bcc,
                in_reply_to,
                message_id,
            },
        )
    }
    fn extras() -> impl Strategy<Value = Extra> {
        (proptest::option::of((bytes(), params())), proptest::collection::vec(bytes(), 0..3), nstr())
            .prop_map(|(disposition, language, location)| Extra { disposition, language, location })
    }
    pub(in super::super) fn structures() -> impl Strategy<Value = Structure> {
        let single = (
            (bytes(), params(), nstr(), nstr()),
            bytes(),
            any::<u64>(),
            nstr(),
            extras(),
            proptest::option::of(any::<u64>()),
        )
            .prop_map(|((subtype, parameters, id, description), encoding, size, md5, extra, lines)| Single {
                kind: if lines.is_some() { b"Text".to_vec() } else { b"image".to_vec() },
                subtype,
                parameters,
                id,
                description,
                encoding,
                size,
                md5,
                extra,
                inner: lines.map_or(Inner::Basic, |lines| Inner::Text { lines }),
            })
            .boxed();
        let leaf = single.clone().prop_map(|s| Structure::Single(Box::new(s)));
        leaf.prop_recursive(4, 12, 3, move |inner| {
            prop_oneof![
                (proptest::collection::vec(inner.clone(), 1..4), bytes(), params(), extras()).prop_map(
                    |(parts, subtype, parameters, extra)| {
                        Structure::Multi(Box::new(Multi { parts, subtype, parameters, extra }))
                    }
                ),
                (single.clone(), envelopes(), inner, any::<u64>()).prop_map(|(s, envelope, structure, lines)| {
                    let inner = Inner::Message { envelope: Box::new(envelope), structure, lines };
                    Structure::Single(Box::new(Single { kind: b"MESSAGE".to_vec(), inner, ..s }))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_structure_comes_back(s in structures()) {
            let mut out = Vec::new();
            s.encode(&mut out, true);
            let mut l = Lex::new(&out);
            prop_assert_eq!(Structure::parse(&mut l), Ok(s.clone()));
            prop_assert!(l.at_end());
            let mut short = Vec::new();
            s.encode(&mut short, false);
            prop_assert!(Structure::parse(&mut Lex::new(&short)).is_ok());
        }

        #[test]
        fn any_envelope_comes_back(e in envelopes()) {
            let mut out = Vec::new();
            e.encode(&mut out);
            prop_assert_eq!(Envelope::parse(&mut Lex::new(&out)), Ok(e));
        }
    }
}
