//! A folder that is open for reading: SEARCH and FETCH by UID.

use super::opening::Opened;
use super::order::{Batch, fetch};
use super::talk::{Listen, Row, Talk};
use super::told::demanded;
use super::uids::Uids;
use crate::body::Body;
use crate::error::{Error, Result};
use crate::proto::imap::command::Command;
use crate::proto::imap::extension::{Extension, strings};
use crate::proto::imap::response::{BodyName, Condition, Data, FetchValue, Status, Untagged};
use crate::proto::imap::results::Results;
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::section::FetchItem;
use crate::proto::imap::set::{SequenceSet, within};
use crate::proto::imap::structure::{Envelope, Structure};
use chrono::{DateTime, FixedOffset};

/// A command line is about as long as this at most (RFC 2683 3.2.1.5).
const COMMAND: usize = 1000;
/// FETCH commands in flight: few, so that they fit into any buffer while the server sends a message and does not listen.
pub(super) const FLIGHT: usize = 10;
/// As many ranges of a search result are put in order.
const TIDY: usize = 1024;
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
    /// Its structure.
    pub structure: Option<Box<Structure>>,
    /// The body sections that went to [`Rows::literal`], with their sizes; `None`: the server says that there is none (NIL).
    pub sections: Vec<(BodyName, Option<u64>)>,
    /// What else the server told, as strings.
    pub extensions: Vec<(Extension, Vec<Vec<u8>>)>,
}

/// Takes what FETCH finds, as it arrives.
pub trait Rows {
    /// The folder is open, and rows will follow: told where it is opened in the flight that fetches.
    ///
    /// # Errors
    /// Its own; the connection is then closed.
    fn opened(&mut self, folder: Opened) -> Result<()> {
        let _ = folder;
        Ok(())
    }

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
        let told = demanded(talk.told.exists, talk.told.uid_validity);
        let (_, uid_validity) = told.map_err(|e| e.at(talk.peer()))?;
        Ok(Selected { talk, uid_validity })
    }

    /// UIDs mean the same messages as long as this number is the same.
    #[must_use]
    pub fn uid_validity(&self) -> u32 {
        self.uid_validity
    }

    /// What is known of it.
    #[must_use]
    pub fn opened(&self) -> Opened {
        Opened { exists: self.exists(), uid_validity: self.uid_validity, uid_next: self.uid_next() }
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
        let mut found = Found::default();
        let text = set.to_string();
        let sets = parts(&text).map(|part| part.parse::<SequenceSet>().unwrap_or_default());
        let search = |set| Command::Search { uid: true, returns: None, charset: None, key: SearchKey::Uid(set) };
        self.talk.flight(FLIGHT, &mut sets.map(search), &mut found)?;
        found.set(self.talk)
    }

    /// UID SEARCH: the UIDs of the messages for which `key` holds. The server's order is not kept.
    ///
    /// # Errors
    /// 64: CR, LF or NUL in a string; 69: refused (a charset, a key); 75, 76.
    pub fn search(&mut self, key: &SearchKey) -> Result<SequenceSet> {
        let mut found = Found::default();
        let command = Command::Search { uid: true, returns: None, charset: None, key: key.clone() };
        let answer = self.talk.ask(&command, &mut found)?;
        found.answered(0, Ok(answer))?;
        found.set(self.talk)
    }

    /// UID FETCH: each message of `set` that is there, in whatever order. UID need not be among the `items`.
    ///
    /// # Errors
    /// 69, 75: the server refused, perhaps for some messages only: what it gave has been handed over, and the connection can be
    /// used; 75, 76 of the connection; 75 where all were asked for and fewer came than there are; whatever `rows` returns.
    pub fn fetch(&mut self, set: &SequenceSet, items: &[FetchItem], rows: &mut dyn Rows) -> Result<()> {
        let mut listener = Listener::new(rows, items);
        if *set == SequenceSet::from_on(1) {
            listener.due = Some(self.exists().into());
        }
        self.fetch_for(set, items, &mut listener)
    }

    /// The same for messages of which all are known to be there: 75 where a row is missing at the end.
    ///
    /// # Errors
    /// As [`Selected::fetch`].
    pub fn fetch_found(&mut self, set: &SequenceSet, items: &[FetchItem], rows: &mut dyn Rows) -> Result<()> {
        let mut listener = Listener::new(rows, items);
        listener.due = Some(count(&set.resolve(u32::MAX)));
        self.fetch_for(set, items, &mut listener)
    }

    fn fetch_for(&mut self, set: &SequenceSet, items: &[FetchItem], listener: &mut Listener<'_>) -> Result<()> {
        if set.is_empty() || self.exists() == 0 {
            return Ok(());
        }
        let text = set.to_string();
        let sets = parts(&text).map(|part| part.parse::<SequenceSet>().unwrap_or_default());
        // `*` is the last message, whatever its UID is.
        listener.asked = if text.ends_with('*') { None } else { Some(set.resolve(u32::MAX)) };
        self.talk.flight(FLIGHT, &mut sets.map(|set| fetch(true, set, items)), listener)?;
        self.whole(listener)
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

/// How many numbers there are in ranges that do not overlap.
pub(super) fn count(ranges: &[(u32, u32)]) -> u64 {
    ranges.iter().map(|(from, to)| u64::from(to.saturating_sub(*from)).saturating_add(1)).sum()
}

/// Hears what a search finds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) ranges: Vec<(u32, u32)>,
    tidy_at: usize,
    pub(super) refused: Option<Status>,
    pub(super) opened: Option<Opened>,
    /// If that is all that was asked.
    pub(super) count: Option<u32>,
}

impl Found {
    fn add(&mut self, from: u32, to: u32) -> Result<()> {
        match self.ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(from) => *last = to,
            _ => self.ranges.push((from, to)),
        }
        if self.ranges.len() >= self.tidy_at.max(TIDY) {
            let tidy = SequenceSet::from_ranges(std::mem::take(&mut self.ranges)).resolve(u32::MAX);
            if tidy.len() > RANGES {
                return Err(Error::protocol("a search result without end"));
            }
            self.tidy_at = tidy.len().saturating_mul(2);
            self.ranges = tidy;
        }
        Ok(())
    }
}

impl Listen for Found {
    fn opened(&mut self, folder: Opened) -> Result<()> {
        self.opened = Some(folder);
        Ok(())
    }

    fn untagged(&mut self, what: Untagged) -> Result<()> {
        match what {
            Untagged::Search(numbers, _) => numbers.into_iter().try_for_each(|n| self.add(n, n)),
            Untagged::ESearch(Results { uid: true, all: Some(all), .. }) => {
                all.ranges().iter().try_for_each(|(from, to)| self.add(*from, *to))
            }
            Untagged::ESearch(Results { uid: true, count: Some(count), .. }) => {
                self.count = Some(count);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn answered(&mut self, _: usize, answer: Result<Status>) -> Result<()> {
        let answer = answer?;
        if answer.condition != Condition::Ok {
            self.refused.get_or_insert(answer);
        }
        Ok(())
    }
}

/// Hears what a FETCH tells, and perhaps the search before it.
pub(super) struct Listener<'r> {
    rows: &'r mut dyn Rows,
    asked: Option<Vec<(u32, u32)>>,
    /// What was handed over: a server may tell of a message again, because its flags have changed meanwhile.
    pub(super) given: Uids,
    items: &'r [FetchItem],
    pub(super) refused: Option<Result<Status>>,
    /// Whose answer that is.
    pub(super) command: &'static str,
    /// How many rows have to come, if that is known.
    due: Option<u64>,
    /// All that there are have to.
    all: bool,
    /// How many messages went meanwhile.
    gone: u64,
    /// The first command is a search, and tells which messages come.
    search: Option<Found>,
    /// The messages that FETCH names beside it.
    early: Vec<(u32, u32)>,
    /// The rows of a command are handed over in another order when it is done.
    batch: Option<Batch<'r>>,
}

impl<'r> Listener<'r> {
    pub(super) fn new(rows: &'r mut dyn Rows, items: &'r [FetchItem]) -> Listener<'r> {
        Listener {
            rows,
            asked: None,
            given: Uids::default(),
            items,
            refused: None,
            command: "FETCH: ",
            due: None,
            all: false,
            gone: 0,
            search: None,
            early: Vec::new(),
            batch: None,
        }
    }

    /// So many rows are due.
    pub(super) fn expect(&mut self, rows: u64) {
        self.due = Some(rows);
    }

    pub(super) fn holds(&mut self, batch: Batch<'r>) {
        self.batch = Some(batch);
    }

    /// As many rows are due as the folder has messages when it is opened.
    pub(super) fn counts_all(&mut self) {
        self.all = true;
    }

    /// The command before FETCH is a search, for messages that FETCH names too if there is a `set`.
    pub(super) fn searches(&mut self, set: Option<&SequenceSet>) {
        self.search = Some(Found::default());
        self.early = set.map(|set| set.resolve(u32::MAX)).unwrap_or_default();
    }

    /// What stands for the search has told that this message is there: its row is due, if it was asked for.
    pub(super) fn there(&mut self, uid: u32) -> Result<()> {
        match &mut self.search {
            Some(found) if within(&self.early, uid) => found.add(uid, uid),
            _ => Ok(()),
        }
    }

    /// Whether a row may be one of FETCH that comes before the answer to the search has ended: Dovecot answers both commands at once.
    fn may_come(&mut self, uid: u32) -> bool {
        let Some(found) = &self.search else { return true };
        if within(&self.early, uid) {
            return true;
        }
        if self.asked.is_none() && !found.ranges.is_empty() {
            // In order, once for all rows.
            self.asked = Some(SequenceSet::from_ranges(found.ranges.iter().copied()).resolve(u32::MAX));
        }
        self.asked.as_ref().is_some_and(|asked| within(asked, uid))
    }

    /// Whether it is known that no row has to come.
    pub(super) fn expects_none(&self) -> bool {
        self.due == Some(0)
    }

    /// How many rows should have come and did not.
    pub(super) fn missing(&self) -> u64 {
        let came = self.given.len().saturating_add(self.gone);
        self.due.map_or(0, |due| due.saturating_sub(came))
    }
}

impl Listener<'_> {
    /// A flag that somebody changes meanwhile comes as a row too: one of ours has something that we asked for.
    fn is_whole(&self, row: &Fetched, other: bool) -> bool {
        let there = |item: &FetchItem| match item {
            FetchItem::InternalDate => row.internal_date.is_some(),
            FetchItem::Rfc822Size => row.size.is_some(),
            FetchItem::Envelope => row.envelope.is_some(),
            FetchItem::BodyStructure => row.structure.is_some(),
            FetchItem::Extension(asked) => row.extensions.iter().any(|(extension, _)| extension == asked),
            _ => !row.sections.is_empty(),
        };
        let mut wanted = self.items.iter().filter(|i| !matches!(i, FetchItem::Uid | FetchItem::Flags)).peekable();
        other || wanted.peek().is_none() || wanted.any(there)
    }

    fn is_wanted(&self, uid: u32) -> bool {
        let asked = self.asked.as_ref().is_none_or(|asked| within(asked, uid));
        (asked || (self.search.is_some() && within(&self.early, uid))) && !self.given.has(uid)
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
            FetchValue::Other(name, raw) => match (Extension::named(&name), strings(&raw)) {
                (Some(extension), Ok(strings)) => row.extensions.push((extension, strings)),
                // Known and malformed, perhaps: the row counts without it.
                _ => other = true,
            },
            FetchValue::BodyStructure(structure) => row.structure = Some(Box::new(structure)),
            FetchValue::Body(_) | FetchValue::BinarySize(..) | FetchValue::ModSeq(_) => {}
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

    fn opened(&mut self, folder: Opened) -> Result<()> {
        if self.all {
            self.due = Some(folder.exists.into());
        }
        self.rows.opened(folder)
    }

    fn untagged(&mut self, what: Untagged) -> Result<()> {
        let (number, values) = match what {
            Untagged::Fetch(number, values) => (number, values),
            Untagged::Expunge(_) => {
                self.gone = self.gone.saturating_add(1);
                return Ok(());
            }
            Untagged::Vanished { earlier: false, uids } => {
                self.gone = self.gone.saturating_add(count(&uids.resolve(u32::MAX)));
                return Ok(());
            }
            what => return self.search.as_mut().map_or(Ok(()), |found| found.untagged(what)),
        };
        let (row, other, here) = row(number, values);
        if row.uid == 0 || !self.may_come(row.uid) || !self.is_whole(&row, other) || !self.is_wanted(row.uid) {
            return Ok(());
        }
        // Short sections may come as a quoted string.
        for (name, bytes) in here {
            self.rows.literal(&row, &name, bytes.len() as u64, &mut bytes.as_slice())?;
        }
        let uid = row.uid;
        match &mut self.batch {
            Some(batch) => {
                if batch.hold(row) {
                    self.given.add(uid);
                }
                Ok(())
            }
            None => {
                self.given.add(uid);
                self.rows.row(row)
            }
        }
    }

    fn answered(&mut self, _: usize, answer: Result<Status>) -> Result<()> {
        if let Some(batch) = &mut self.batch {
            batch.take().try_for_each(|row| self.rows.row(row))?;
        }
        let search = self.search.take();
        match answer {
            Ok(status) if status.condition == Condition::Ok => {
                if let Some(found) = search {
                    let found = SequenceSet::from_ranges(found.ranges).resolve(u32::MAX);
                    self.due = Some(count(&found));
                    self.asked = Some(found);
                }
            }
            refused => {
                if self.refused.is_none() {
                    self.refused = Some(refused);
                    self.command = if search.is_some() { "SEARCH: " } else { "FETCH: " };
                }
                if search.is_some() {
                    // Which messages is not known.
                    self.asked = Some(Vec::new());
                }
            }
        }
        Ok(())
    }
}
