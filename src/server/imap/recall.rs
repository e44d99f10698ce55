//! What FETCH, SEARCH, SORT and THREAD can answer from what is remembered of messages, without opening them: sizes, ENVELOPE,
//! the header fields that lists of messages show, BODY and BODYSTRUCTURE.

use super::super::mailbox::{Mailbox, Read};
use super::section::{Opened, chosen, read_header};
use super::structure::{envelope, structure};
use crate::error::Result;
use crate::message::header::Header;
use crate::proto::imap::lex::Lex;
use crate::proto::imap::response::{BodyName, Data, FetchValue};
use crate::proto::imap::section::{FetchItem, Of};
use crate::proto::imap::structure::Structure;

/// The fields that are kept. Where this list changes, what was kept must go: see the migrations of the cache.
const FIELDS: [&str; 30] = [
    "Bcc",
    "Cc",
    "Content-Description",
    "Content-Type",
    "Date",
    "Disposition-Notification-To",
    "Envelope-To",
    "From",
    "Importance",
    "In-Reply-To",
    "Lines",
    "List-Id",
    "List-Post",
    "List-Subscribe",
    "List-Unsubscribe",
    "Message-ID",
    "Newsgroups",
    "Precedence",
    "Priority",
    "References",
    "Reply-To",
    "Sender",
    "Subject",
    "To",
    "X-Label",
    "X-Mailer",
    "X-Original-To",
    "X-Priority",
    "X-Spam-Flag",
    "X-Status",
];

/// Whether the field is among those that are kept.
pub(super) fn is_kept(name: &str) -> bool {
    FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name))
}

/// What a row of FETCH takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Want {
    /// Something for which the message must be open.
    pub(super) file: bool,
    pub(super) size: bool,
    fields: bool,
    structure: bool,
}

impl Want {
    pub(super) fn of(items: &[FetchItem]) -> Want {
        let mut want = Want::default();
        for item in items {
            match item {
                FetchItem::Flags | FetchItem::InternalDate | FetchItem::ModSeq | FetchItem::Uid => {}
                FetchItem::Rfc822Size => want.size = true,
                FetchItem::Envelope => want.fields = true,
                FetchItem::Body | FetchItem::BodyStructure => want.structure = true,
                FetchItem::Section { section, partial: None, .. } if section.part.is_empty() => match &section.what {
                    Of::Fields(names) if names.iter().all(|name| is_kept(name)) => want.fields = true,
                    _ => want.file = true,
                },
                _ => want.file = true,
            }
        }
        want
    }

    /// Whether a message is read for what could be remembered.
    pub(super) fn reads(self) -> bool {
        self.fields || self.structure
    }
}

/// One message as it is remembered.
pub(super) struct Recalled {
    header: Option<Header>,
    structure: Option<Structure>,
}

impl Recalled {
    /// All that is wanted of a message, if it is known.
    pub(super) fn of(mailbox: &mut Mailbox, index: usize, want: Want) -> Result<Option<Recalled>> {
        if !want.reads() {
            return Ok(Some(Recalled { header: None, structure: None }));
        }
        let Some(known) = mailbox.known(index)? else { return Ok(None) };
        let parse = |bytes: Box<[u8]>| Structure::parse(&mut Lex::new(&bytes)).ok();
        let recalled = Recalled {
            header: known.fields.filter(|_| want.fields).map(|fields| Header::parse(fields.into_vec())),
            structure: known.structure.filter(|_| want.structure).and_then(parse),
        };
        let enough = recalled.header.is_some() == want.fields && recalled.structure.is_some() == want.structure;
        Ok(enough.then_some(recalled))
    }

    /// An item's value; `None` if it is not among what was wanted.
    pub(super) fn value(&self, item: &FetchItem) -> Option<FetchValue> {
        match item {
            FetchItem::Envelope => self.header.as_ref().map(|header| FetchValue::Envelope(Box::new(envelope(header)))),
            FetchItem::Body => self.structure.clone().map(FetchValue::Body),
            FetchItem::BodyStructure => self.structure.clone().map(FetchValue::BodyStructure),
            FetchItem::Section { section, .. } => match (&section.what, &self.header) {
                (Of::Fields(names), Some(header)) => {
                    let name = BodyName::Section(section.clone(), None);
                    Some(FetchValue::Section(name, Data::Bytes(chosen(header, names, true))))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// Remembers what was wanted of a message that is open.
pub(super) fn remember(mailbox: &mut Mailbox, index: usize, opened: &mut Opened<'_>, want: Want) -> Result<()> {
    let mut read = Read::default();
    if want.fields {
        read.fields = kept(&opened.header()?.0);
    }
    if want.structure {
        let mut encoded = Vec::new();
        structure(&*opened.tree()?).encode(&mut encoded, true);
        read.structure = Some(encoded.into());
    }
    mailbox.remember(index, &opened.file, read);
    Ok(())
}

/// The fields of a header that are kept; `None` if more of it might have followed.
fn kept(header: &Header) -> Option<Box<[u8]>> {
    let mut fields = Vec::new();
    for field in header.fields().filter(|field| FIELDS.iter().any(|name| field.is(name))) {
        fields.extend_from_slice(field.raw);
        if !field.raw.ends_with(b"\n") {
            fields.extend_from_slice(b"\r\n");
        }
    }
    (!header.is_cut()).then(|| fields.into())
}

/// The fields of a message's header that are kept, and perhaps others; `None` if it has vanished.
pub(super) fn header(mailbox: &mut Mailbox, index: usize) -> Result<Option<Header>> {
    if let Some(fields) = mailbox.known(index)?.and_then(|known| known.fields) {
        return Ok(Some(Header::parse(fields.into_vec())));
    }
    let Some(file) = mailbox.file(index)? else { return Ok(None) };
    let header = read_header(&file)?.0;
    mailbox.remember(index, &file, Read { fields: kept(&header), ..Read::default() });
    Ok(Some(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_says_the_same() {
        let text = "From: a@b\r\nX-Other: 1\r\nTO : c@d,\r\n\te@f\r\njunk\r\nSubject:\r\nsubject: x\r\n\r\n";
        let header = Header::parse(text.as_bytes().to_vec());
        let again = Header::parse(kept(&header).unwrap().into_vec());
        let names: Vec<String> = ["to", "From", "SUBJECT", "Cc"].map(str::to_owned).into();
        assert_eq!(chosen(&header, &names, true), chosen(&again, &names, true));
        assert_eq!(envelope(&header), envelope(&again));
        assert_eq!((header.fields().count(), again.fields().count()), (5, 4));
        assert_eq!(kept(&Header::parse(b"To: x".to_vec())).as_deref(), Some(&b"To: x\r\n"[..]));
    }

    #[test]
    fn what_a_row_takes() {
        let want = |text: &str| Want::of(&FetchItem::parse_all(&mut Lex::new(text.as_bytes())).unwrap());
        assert_eq!(want("(FLAGS UID)"), Want::default());
        let all = want("(ENVELOPE RFC822.SIZE BODY)");
        assert_eq!((all.file, all.size, all.fields, all.structure), (false, true, true, true));
        assert!(!want("BODY.PEEK[HEADER.FIELDS (subject)]").file && want("BODY.PEEK[HEADER.FIELDS (X-Nix)]").file);
        assert!(want("BODY[HEADER]").file && want("BODY[HEADER.FIELDS (To)]<0.5>").file && want("BODY[1]").file);
    }
}
