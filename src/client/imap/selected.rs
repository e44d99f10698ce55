//! A folder that is open for reading: SEARCH and FETCH by UID.

use super::talk::{Listen, Row, Talk};
use super::uids::Uids;
use crate::body::Body;
use crate::error::{Error, Result};
use crate::proto::imap::command::Command;
use crate::proto::imap::response::{BodyName, Condition, Data, FetchValue, Status, Untagged};
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::section::FetchItem;
use crate::proto::imap::set::{SequenceSet, within};
use crate::proto::imap::structure::Envelope;
use chrono::{DateTime, FixedOffset};

/// A command line is about as long as this at most (RFC 2683 3.2.1.5).
const COMMAND: usize = 1000;
/// FETCH commands in flight: few, so that they fit into any buffer while the server sends a message and does not listen.
const FLIGHT: usize = 10;
/// Ranges that a search result may have: 32 MiB of them.
const RANGES: usize = 4_000_000;

/// One message's row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    /// Its sequence number now.
    pub number: u32,
    /// Its UID; 0: not yet known.
    pub uid: u32,
    /// Its flags, `\Recent` among them.
    pub flags: Option<Vec<String>>,
    /// When it arrived.
    pub internal_date: Option<DateTime<FixedOffset>>,
    /// Its size in wire form, bytes, as the server tells it; not to be trusted.
    pub size: Option<u64>,
    /// Its header, as far as ENVELOPE shows it. `None` too where it could not be understood.
    pub envelope: Option<Box<Envelope>>,
    /// The body sections that went to [`Rows::literal`], with their sizes; `None`: the server says that there is none (NIL).
    pub sections: Vec<(BodyName, Option<u64>)>,
}

/// Takes what FETCH finds, as it arrives.
pub trait Rows {
    /// A body section of `size` bytes: `body` is in wire form and may be left half-read. `so_far` is the row that it belongs to:
    /// a server may send its UID and the rest behind the section. Then the next [`row`](Rows::row) of the same number tells it; if
    /// another number or the end comes first, the section was nothing that was asked for.
    ///
    /// # Errors
    /// Its own; the connection is then closed.
    fn literal(&mut self, so_far: &Fetched, name: &BodyName, size: u64, body: &mut dyn Body) -> Result<()>;

    /// The row, whole, of a message that was asked for; once for each.
    ///
    /// # Errors
    /// Its own; the connection is then closed.
    fn row(&mut self, row: Fetched) -> Result<()>;
}

/// An open folder; it borrows its [`Client`](super::Client).
pub struct Selected<'c> {
    pub(super) talk: &'c mut Talk,
    uid_validity: u32,
}

impl<'c> Selected<'c> {
    pub(super) fn new(talk: &'c mut Talk) -> Result<Selected<'c>> {
        // RFC 3501 6.3.1 demands both; without them "empty" and "the same message" would be guesses.
        if talk.told.exists.is_none() {
            return Err(talk.protocol("opens a folder and does not say how many messages it has"));
        }
        match talk.told.uid_validity.filter(|v| *v > 0) {
            Some(uid_validity) => Ok(Selected { talk, uid_validity }),
            None => Err(talk.protocol("opens a folder without UIDVALIDITY")),
        }
    }

    /// UIDs mean the same messages as long as this number is the same.
    #[must_use]
    pub fn uid_validity(&self) -> u32 {
        self.uid_validity
    }

    /// How many messages there are, as far as it is known by now.
    #[must_use]
    pub fn exists(&self) -> u32 {
        self.talk.told.exists.unwrap_or(0)
    }

    /// The UID that the next message will get, if the server tells.
    #[must_use]
    pub fn uid_next(&self) -> Option<u32> {
        self.talk.told.uid_next
    }

    /// Whether nobody can change it.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.talk.told.read_only
    }

    /// Whose folder it is, for messages to people.
    pub(super) fn peer(&self) -> String {
        self.talk.peer()
    }

    /// Whether the server said that it can do this.
    #[must_use]
    pub fn has(&self, capability: &str) -> bool {
        self.talk.has(capability)
    }

    /// UID SEARCH UID: which of these messages are there.
    ///
    /// # Errors
    /// 69: refused; 75, 76.
    pub fn present(&mut self, set: &SequenceSet) -> Result<SequenceSet> {
        if set.is_empty() || self.exists() == 0 {
            return Ok(SequenceSet::default());
        }
        let mut found = Found { ranges: Vec::new(), tidy_at: 1024, refused: None };
        let text = set.to_string();
        let sets = parts(&text).map(|part| part.parse::<SequenceSet>().unwrap_or_default());
        let search = |set| Command::Search { uid: true, returns: None, charset: None, key: SearchKey::Uid(set) };
        self.talk.flight(FLIGHT, &mut sets.map(search), &mut found)?;
        match found.refused {
            Some(status) => Err(self.talk.refused("SEARCH: ", &status)),
            None => Ok(SequenceSet::from_ranges(found.ranges)),
        }
    }

    /// UID SEARCH: the UIDs of the messages for which `key` holds. The server's order is not kept.
    ///
    /// # Errors
    /// 64: CR, LF or NUL in a string; 69: refused (a charset, a key); 75, 76.
    pub fn search(&mut self, key: &SearchKey) -> Result<SequenceSet> {
        let mut found = Found { ranges: Vec::new(), tidy_at: 1024, refused: None };
        let command = Command::Search { uid: true, returns: None, charset: None, key: key.clone() };
        let answer = self.talk.ask(&command, &mut found)?;
        if answer.condition != Condition::Ok {
            return Err(self.talk.refused("SEARCH: ", &answer));
        }
        Ok(SequenceSet::from_ranges(found.ranges))
    }

    /// UID FETCH: each message of `set` that is there, in whatever order. UID need not be among the `items`.
    ///
    /// # Errors
    /// 69, 75: the server refused, perhaps for some messages only: what it gave has been handed over, and the connection can be
    /// used; 75, 76 of the connection; whatever `rows` returns.
    pub fn fetch(&mut self, set: &SequenceSet, items: &[FetchItem], rows: &mut dyn Rows) -> Result<()> {
        if set.is_empty() || self.exists() == 0 {
            return Ok(());
        }
        let mut all = vec![FetchItem::Uid];
        all.extend(items.iter().filter(|i| **i != FetchItem::Uid).cloned());
        let text = set.to_string();
        let sets = parts(&text).map(|part| part.parse::<SequenceSet>().unwrap_or_default());
        let fetch = |set| Command::Fetch { uid: true, set, items: all.clone(), changed: None };
        // `*` is the last message, whatever its UID is.
        let asked = if text.ends_with('*') { None } else { Some(set.resolve(u32::MAX)) };
        let mut listener = Listener { rows, asked, given: Uids::default(), items, refused: None };
        self.talk.flight(FLIGHT, &mut sets.map(fetch), &mut listener)?;
        match listener.refused {
            Some(Ok(status)) => Err(self.talk.refused("FETCH: ", &status)),
            Some(Err(e)) => Err(e),
            None => Ok(()),
        }
    }
}

/// A set's text, in parts that are short enough for a command.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = match rest.get(..COMMAND).and_then(|start| start.rfind(',')) {
            Some(comma) if rest.len() > COMMAND => comma,
            _ => rest.len(),
        };
        let (part, after) = rest.split_at(end);
        rest = after.strip_prefix(',').unwrap_or(after);
        Some(part)
    })
}

struct Found {
    ranges: Vec<(u32, u32)>,
    tidy_at: usize,
    refused: Option<Status>,
}

impl Listen for Found {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        let Untagged::Search(numbers, _) = what else { return Ok(()) };
        for n in numbers {
            match self.ranges.last_mut() {
                Some((_, to)) if to.checked_add(1) == Some(n) => *to = n,
                _ => self.ranges.push((n, n)),
            }
            if self.ranges.len() >= self.tidy_at {
                let tidy = SequenceSet::from_ranges(std::mem::take(&mut self.ranges)).resolve(u32::MAX);
                if tidy.len() > RANGES {
                    return Err(Error::protocol("a search result without end"));
                }
                self.tidy_at = tidy.len().saturating_mul(2).max(1024);
                self.ranges = tidy;
            }
        }
        Ok(())
    }

    fn answered(&mut self, _: usize, answer: Result<Status>) -> Result<()> {
        let answer = answer?;
        if answer.condition != Condition::Ok {
            self.refused.get_or_insert(answer);
        }
        Ok(())
    }
}

struct Listener<'r> {
    rows: &'r mut dyn Rows,
    asked: Option<Vec<(u32, u32)>>,
    /// What was handed over: a server may tell of a message again, because its flags have changed meanwhile.
    given: Uids,
    items: &'r [FetchItem],
    refused: Option<Result<Status>>,
}

impl Listener<'_> {
    /// A flag that somebody changes meanwhile comes as a row too: one of ours has something that we asked for.
    fn is_whole(&self, row: &Fetched, other: bool) -> bool {
        let there = |item: &FetchItem| match item {
            FetchItem::InternalDate => row.internal_date.is_some(),
            FetchItem::Rfc822Size => row.size.is_some(),
            FetchItem::Envelope => row.envelope.is_some(),
            _ => !row.sections.is_empty(),
        };
        let mut wanted = self.items.iter().filter(|i| !matches!(i, FetchItem::Uid | FetchItem::Flags)).peekable();
        other || wanted.peek().is_none() || wanted.any(there)
    }

    fn is_wanted(&self, uid: u32) -> bool {
        self.asked.as_ref().is_none_or(|asked| within(asked, uid)) && !self.given.has(uid)
    }
}

/// The row, whether there was something in it that is unknown, and sections that are here.
fn row(number: u32, values: Vec<FetchValue>) -> (Fetched, bool, Vec<(BodyName, Vec<u8>)>) {
    let mut row = Fetched { number, ..Fetched::default() };
    let (mut other, mut here) = (false, Vec::new());
    for value in values {
        match value {
            FetchValue::Uid(n) => row.uid = n,
            FetchValue::Flags(flags) => row.flags = Some(flags),
            FetchValue::InternalDate(date) => row.internal_date = Some(date),
            FetchValue::Size(n) => row.size = Some(n),
            FetchValue::Envelope(envelope) => row.envelope = Some(envelope),
            FetchValue::Section(name, Data::Streamed(size) | Data::Streamed8(size)) => {
                row.sections.push((name, Some(size)))
            }
            FetchValue::Section(name, Data::Nil) => row.sections.push((name, None)),
            FetchValue::Section(name, Data::Bytes(bytes)) => {
                row.sections.push((name.clone(), Some(bytes.len() as u64)));
                here.push((name, bytes));
            }
            // Known and malformed, perhaps: the row counts without it.
            FetchValue::Other(..) => other = true,
            FetchValue::Body(_) | FetchValue::BodyStructure(_) | FetchValue::BinarySize(..) | FetchValue::ModSeq(_) => {
            }
        }
    }
    (row, other, here)
}

impl Listen for Listener<'_> {
    fn literal(&mut self, so_far: Row, name: &BodyName, size: u64, body: &mut dyn Body) -> Result<()> {
        let (number, values) = so_far;
        let (so_far, ..) = row(number, values);
        if so_far.uid == 0 || self.is_wanted(so_far.uid) {
            self.rows.literal(&so_far, name, size, body)
        } else {
            Ok(())
        }
    }

    fn untagged(&mut self, what: Untagged) -> Result<()> {
        let Untagged::Fetch(number, values) = what else { return Ok(()) };
        let (row, other, here) = row(number, values);
        if row.uid == 0 || !self.is_whole(&row, other) || !self.is_wanted(row.uid) {
            return Ok(());
        }
        // Short sections may come as a quoted string.
        for (name, bytes) in here {
            self.rows.literal(&row, &name, bytes.len() as u64, &mut bytes.as_slice())?;
        }
        self.given.add(row.uid);
        self.rows.row(row)
    }

    fn answered(&mut self, _: usize, answer: Result<Status>) -> Result<()> {
        match answer {
            Ok(status) if status.condition == Condition::Ok => {}
            refused => drop(self.refused.get_or_insert(refused)),
        }
        Ok(())
    }
}
