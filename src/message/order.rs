//! What messages are sorted by (RFC 5256 section 3, RFC 5957), and how they compare.
//!
//! Of each message the keys are kept that are asked for, and no more than a kilobyte of each; messages that differ only behind that
//! count as equal, and equals stay in their order.

use super::addr::{self, AddressItem};
use super::collate::casemap;
use super::header::Header;
use super::subject;
use super::threads::sent;
use super::{addr::Address, decode};
use std::cmp::Ordering;
use std::str::FromStr;

/// Bytes of a key that are compared.
const KEY: usize = 1024;

/// One criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// When the message arrived.
    Arrival,
    /// The mailbox (local part) of the first Cc address.
    Cc,
    /// The sent date, see [`sent`].
    Date,
    /// The name of the first From address, or the address.
    DisplayFrom,
    /// The name of the first To address, or the address.
    DisplayTo,
    /// The mailbox of the first From address.
    From,
    /// The size in wire form.
    Size,
    /// The base subject, see [`subject`].
    Subject,
    /// The mailbox of the first To address.
    To,
}

/// The words by which people name criteria.
const WORDS: [(&str, By); 7] = [
    ("received", By::Arrival),
    ("date", By::Date),
    ("from", By::DisplayFrom),
    ("to", By::DisplayTo),
    ("cc", By::Cc),
    ("subject", By::Subject),
    ("size", By::Size),
];

/// One criterion, as people name it: a word, with `-` before it the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// By what.
    pub by: By,
    /// Whether the least comes last.
    pub reverse: bool,
}

impl Criterion {
    /// The word: but for `received` and `size` the name of the field.
    #[must_use]
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(_, by)| *by == self.by).map_or("", |(word, _)| word)
    }
}

impl FromStr for Criterion {
    type Err = String;

    fn from_str(text: &str) -> Result<Criterion, String> {
        let word = text.strip_prefix('-').unwrap_or(text);
        let known = WORDS.iter().find(|(name, _)| *name == word);
        let all = || WORDS.map(|(name, _)| name).join(", ");
        let (_, by) = known.ok_or_else(|| format!("no such key (there are {})", all()))?;
        Ok(Criterion { by: *by, reverse: word.len() < text.len() })
    }
}

/// A message, as far as a key needs it.
#[derive(Clone, Copy, Debug)]
pub struct Sorted<'h> {
    /// Its header; empty if no key [needs it](By::needs_header).
    pub header: &'h Header,
    /// When it arrived, seconds since 1970.
    pub arrival: i64,
    /// Its size in wire form, bytes.
    pub size: u64,
}

/// The value of a criterion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A date.
    Date(i64),
    /// A size.
    Size(u64),
    /// A text in the order of [`casemap`].
    Text(Box<str>),
}

impl By {
    /// Whether a message's header must be read for it.
    #[must_use]
    pub fn needs_header(self) -> bool {
        !matches!(self, By::Arrival | By::Size)
    }

    /// A message's key.
    #[must_use]
    pub fn key(self, of: Sorted<'_>) -> Key {
        let text = match self {
            By::Arrival => return Key::Date(of.arrival),
            By::Date => return Key::Date(sent(of.header, of.arrival)),
            By::Size => return Key::Size(of.size),
            By::Cc => first(of.header, "Cc", mailbox),
            By::From => first(of.header, "From", mailbox),
            By::To => first(of.header, "To", mailbox),
            By::DisplayFrom => first(of.header, "From", display),
            By::DisplayTo => first(of.header, "To", display),
            By::Subject => of.header.get("Subject").map(|value| subject::base(value).text).unwrap_or_default(),
        };
        let key = casemap(text.get(..text.floor_char_boundary(KEY)).unwrap_or_default());
        Key::Text(key.get(..key.floor_char_boundary(KEY)).unwrap_or_default().into())
    }
}

/// Compares the keys of two messages, made by the same criteria; `reverse` says which of them count the other way round.
#[must_use]
pub fn compare(a: &[Key], b: &[Key], reverse: &[bool]) -> Ordering {
    let keys = a.iter().zip(b).zip(reverse.iter().chain(std::iter::repeat(&false)));
    let mut differ = keys.map(|((a, b), reverse)| if *reverse { b.cmp(a) } else { a.cmp(b) });
    differ.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Something of the first address of a field. A group counts as an address that is its name, as in IMAP's ENVELOPE.
fn first(header: &Header, field: &str, part: fn(&AddressItem) -> String) -> String {
    header.all(field).flat_map(addr::list).next().as_ref().map(part).unwrap_or_default()
}

fn mailbox(item: &AddressItem) -> String {
    let name = match item {
        AddressItem::Mailbox(Address { local, .. }) => local,
        AddressItem::Group { name, .. } => name,
    };
    String::from_utf8_lossy(name).into_owned()
}

fn display(item: &AddressItem) -> String {
    match item {
        AddressItem::Mailbox(address) => match address.name.as_ref().filter(|name| !name.is_empty()) {
            Some(name) => decode::words(name),
            None => String::from_utf8_lossy(&[address.local.as_slice(), b"@", &address.domain].concat()).into_owned(),
        },
        AddressItem::Group { name, .. } => decode::words(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(by: By, header: &str) -> Key {
        let header = Header::parse(header.as_bytes().to_vec());
        by.key(Sorted { header: &header, arrival: 7, size: 9 })
    }

    fn text(by: By, header: &str) -> String {
        match key(by, header) {
            Key::Text(text) => text.into(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_of_a_message() {
        let mail = "Date: Thu, 1 Jan 1970 01:00:05 +0100\nFrom: =?utf-8?q?J=C3=BCrgen?= <jb@x.org>, other@x\nTo: team: a@b, c@d;\nCc: z@y\nSubject: Re: [l] Hi there\n\n";
        assert_eq!(key(By::Arrival, mail), Key::Date(7));
        assert_eq!(key(By::Date, mail), Key::Date(5));
        assert_eq!(key(By::Size, mail), Key::Size(9));
        assert_eq!(text(By::From, mail), "JB");
        assert_eq!(text(By::DisplayFrom, mail), "JU\u{308}RGEN");
        assert_eq!(text(By::DisplayFrom, "From: jb@x.org\n"), "JB@X.ORG");
        assert_eq!(text(By::To, mail), "TEAM");
        assert_eq!(text(By::DisplayTo, mail), "TEAM");
        assert_eq!(text(By::Cc, mail), "Z");
        assert_eq!(text(By::Subject, mail), "HI THERE");
        assert_eq!(key(By::Date, "From: x\n"), Key::Date(7));
        assert_eq!(text(By::Cc, "From: x\n"), "");
        assert!(text(By::Subject, &format!("Subject: {}\n", "é".repeat(3000))).len() <= KEY);
    }

    #[test]
    fn keys_decide_one_after_the_other() {
        let k = |text: &str, n: i64| [Key::Text(text.into()), Key::Date(n)];
        assert_eq!(compare(&k("A", 1), &k("B", 0), &[false, false]), Ordering::Less);
        assert_eq!(compare(&k("A", 1), &k("B", 0), &[true, false]), Ordering::Greater);
        assert_eq!(compare(&k("A", 1), &k("A", 0), &[true, false]), Ordering::Greater);
        assert_eq!(compare(&k("A", 1), &k("A", 0), &[true, true]), Ordering::Less);
        assert_eq!(compare(&k("A", 1), &k("A", 1), &[]), Ordering::Equal);
    }
}
