//! From the rows of a FETCH to the targets.

use super::NAME;
use super::half::{Half, LARGE};
use super::journal::{FIELDS, Journal};
use super::part::Part;
use crate::body::Body;
use crate::cli::args::PartNumber;
use crate::cli::exit::{Tally, complain};
use crate::cli::into::fill;
use crate::cli::out::{Report, tell};
use crate::cli::progress::Progress;
use crate::client::imap::{Fetched, Opened, Rows, Uids};
use crate::error::{Error, Exit, Result};
use crate::message::flags::Flags;
use crate::message::header::{Collect, Header};
use crate::proto::imap::response::BodyName;
use crate::proto::imap::section::{FetchItem, Of, Partial, Section};
use crate::proto::imap::set::SequenceSet;
use crate::store::sink::{self, About, Every, Sink};
use crate::store::spool::Spool;
use crate::store::state::PulledMessage;
use serde_json::json;
use std::time::SystemTime;

/// The fields by which a message is known are read as far as this.
const HEADER: usize = 64 * 1024;

/// Messages and bytes that share one sync of the target.
const BATCH: (usize, u64) = (sink::BATCH, 16 << 20);

/// Everything that is the same for all folders.
pub(super) struct Deliver<'d> {
    pub(super) sink: &'d mut Every,
    section: Section,
    /// The beginning of the only message that is asked for, of which the rest comes.
    pub(super) half: Option<Half>,
    /// `--part`, instead of a section.
    pub(super) part: Option<Part>,
    /// Where a JSON object for each message goes, if one is wanted.
    report: Option<&'d Report>,
    pub(super) tally: Tally,
    progress: Progress,
    /// `ACCOUNT:FOLDER`
    pub(super) shown: String,
    /// The same with `#UIDVALIDITY.` behind it.
    pub(super) prefix: String,
    folder: Folder,
    /// `--new`.
    pub(super) journal: Option<Journal<'d>>,
    batch: Vec<PulledMessage>,
    bytes: u64,
    /// Messages of the folder that are on stable storage.
    pub(super) delivered: Uids,
    /// For the progress bar: messages of the folder so far, and in all.
    count: usize,
    total: usize,
}

fn prefix(shown: &str, uid_validity: u32) -> String {
    format!("{shown}#{uid_validity}.")
}

/// What is known of the folder at hand.
#[derive(Default)]
struct Folder {
    got: Uids,
    /// A message whose UID is not known yet, by its number.
    pending: Option<(u32, Spool)>,
    /// A message that the sink has, of which the row has not ended.
    open: Option<Passed>,
    /// `--fields`: the fields by which the message of that number is known.
    known_by: Option<(u32, Header)>,
}

/// What is known of a message whose bytes have passed.
struct Passed {
    number: u32,
    uid: u32,
    bytes: u64,
    header: Option<Header>,
}

impl<'d> Deliver<'d> {
    pub(super) fn new(sink: &'d mut Every, section: Section, report: Option<&'d Report>) -> Deliver<'d> {
        Deliver {
            sink,
            section,
            half: None,
            part: None,
            report,
            tally: Tally::default(),
            progress: Progress::bytes(0, true),
            shown: String::new(),
            prefix: String::new(),
            folder: Folder::default(),
            journal: None,
            batch: Vec::new(),
            delivered: Uids::default(),
            bytes: 0,
            count: 0,
            total: 0,
        }
    }

    /// What each row must have. The section is the last, as servers mostly answer in this order.
    pub(super) fn items(&self) -> Vec<FetchItem> {
        if let Some(part) = &self.part {
            return part.items().to_vec();
        }
        let partial = self.half.as_ref().map(|half| Partial { start: half.start(), count: u32::MAX.into() });
        let section = FetchItem::Section { section: self.section.clone(), peek: true, partial };
        let size = self.journal.is_some().then_some(FetchItem::Rfc822Size);
        let known_by = self.known_by().map(|section| FetchItem::Section { section, peek: true, partial: None });
        let first = [FetchItem::Flags, FetchItem::InternalDate];
        first.into_iter().chain(size).chain(known_by).chain([section]).collect()
    }

    /// What is asked for besides, to know the message by, where what is fetched does not have it.
    fn known_by(&self) -> Option<Section> {
        let some = matches!(self.section.what, Of::Fields(_)) && self.journal.is_some();
        let section = Section { part: Vec::new(), what: Of::Fields(FIELDS.map(str::to_owned).to_vec()) };
        (some && !self.section.answers(&section)).then_some(section)
    }

    /// Another folder begins, which people know as `shown`.
    pub(super) fn begin(&mut self, shown: String, uid_validity: u32) {
        self.prefix = prefix(&shown, uid_validity);
        self.shown = shown;
        self.folder = Folder::default();
        self.delivered = Uids::default();
    }

    /// Shows the way through `total` messages.
    pub(super) fn show(&mut self, progress: Progress, total: usize) {
        (self.progress, self.count, self.total) = (progress, 0, total);
    }

    /// Whether this message is to be delivered: once, and not where another one has its UID now.
    fn is_wanted(&self, uid: u32) -> bool {
        let new = |journal: &Journal<'_>| journal.renewed.is_none() && !journal.is_settled(uid);
        !self.folder.got.has(uid) && self.journal.as_ref().is_none_or(new)
    }

    fn put(&mut self, row: &Fetched, body: &mut dyn Body) -> Result<()> {
        let mut flags = Flags::none();
        for word in row.flags.iter().flatten() {
            flags.add(word);
        }
        let date = row.internal_date.map(SystemTime::from);
        let about = About { reference: format!("{}{}", self.prefix, row.uid), date, flags, return_path: None };
        self.count += 1;
        self.progress.item(self.count, self.total);
        if let Some(found) = self.journal.as_mut().and_then(|journal| journal.found(row.uid)) {
            self.sink.resume(found);
        }
        let collect = self.journal.as_ref().map(|_| Collect::default());
        let mut passing = Passing { body: &mut self.progress.watch(body), bytes: 0, collect, header: None };
        match &self.part {
            None => fill(self.sink, about, &mut passing)?,
            Some(part) => match row.structure.as_ref().and_then(|structure| structure.part(&part.numbers)) {
                Some(structure) => part.fill(self.sink, about, structure, &mut passing)?,
                // It is told when the row has ended.
                None => return Ok(()),
            },
        }
        let header = passing.header.or(passing.collect.map(Collect::finish));
        self.folder.open = Some(Passed { number: row.number, uid: row.uid, bytes: passing.bytes, header });
        Ok(())
    }

    /// The row of the open message has ended as it should, so its body was all of it.
    fn seal(&mut self, row: &Fetched, passed: &Passed) -> Result<()> {
        let uid = row.uid;
        self.folder.got.add(uid);
        match self.sink.end() {
            Ok(()) => {}
            Err(e) if matches!(e.exit(), Exit::IoErr | Exit::CantCreate) => return Err(e),
            // It does not take this message; it may take the next one.
            Err(e) => {
                complain(NAME, &format!("{}{uid}: {e}", self.prefix), e.advice());
                self.tally.failed(e.exit());
                if let Some(journal) = &mut self.journal {
                    journal.failed(uid);
                }
                return self.say(uid, &[], Some(&e));
            }
        }
        self.bytes = self.bytes.saturating_add(passed.bytes);
        let (message, at_once) = match &self.journal {
            Some(journal) => {
                let known_by = self.folder.known_by.take().filter(|(number, _)| *number == row.number);
                let header = known_by.map(|(_, header)| header).or_else(|| passed.header.clone());
                let message = journal.message(row, header.as_ref(), passed.bytes);
                let at_once = journal.ended(self.sink, &message)?;
                if let Some(halves) = journal.halves().filter(|_| passed.bytes >= LARGE) {
                    halves.done(uid);
                }
                (message, at_once)
            }
            None => (PulledMessage { uid, ..PulledMessage::default() }, self.sink.at_once()),
        };
        self.batch.push(message);
        if self.batch.len() >= BATCH.0 || self.bytes >= BATCH.1 || at_once { self.commit() } else { Ok(()) }
    }

    /// What is open will not be whole.
    pub(super) fn discard(&mut self) -> Result<()> {
        if self.folder.open.take().is_some() { self.sink.abort() } else { Ok(()) }
    }

    /// Brings what has come whole to stable storage, and reports it.
    pub(super) fn commit(&mut self) -> Result<()> {
        let mut batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let receipts = match &mut self.journal {
            Some(journal) => journal.commit(self.sink, &mut batch)?,
            None => self.sink.commit()?,
        };
        for (message, receipt) in batch.iter().zip(receipts) {
            self.tally.done();
            self.delivered.add(message.uid);
            self.say(message.uid, &receipt.places, None)?;
        }
        Ok(())
    }

    /// Reports those of `named` that did not come, and why.
    pub(super) fn missing(&mut self, named: &SequenceSet, why: &Error) -> Result<()> {
        for uid in named.numbers(u32::MAX) {
            if !self.folder.got.has(uid) {
                self.say(uid, &[], Some(why))?;
            }
        }
        Ok(())
    }

    /// After a whole FETCH: those of `named` that are not there.
    pub(super) fn absent(&mut self, named: &SequenceSet) -> Result<()> {
        let absent = self.not_got(named);
        if absent.is_empty() {
            return Ok(());
        }
        let mut shown = absent.to_string();
        if shown.len() > 100 {
            shown.truncate(100);
            shown.push_str("...");
        }
        complain(NAME, &format!("{}: no message with UID {shown}", self.shown), None);
        self.tally.failed(Exit::Refused);
        self.missing(&absent, &Error::refused("no such message"))
    }

    fn say(&self, uid: u32, places: &[String], error: Option<&Error>) -> Result<()> {
        if let Some(report) = self.report {
            let object = json!({
                "ref": format!("{}{uid}", self.prefix),
                "uid": uid,
                "fate": error.map_or("done", |e| e.fate().word()),
                "places": places,
                "error": error.map(ToString::to_string),
            });
            tell(report, &object)?;
        }
        Ok(())
    }
}

impl Rows for Deliver<'_> {
    fn opened(&mut self, folder: Opened) -> Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.begin(folder);
            self.prefix = prefix(&self.shown, folder.uid_validity);
        }
        Ok(())
    }

    fn literal(&mut self, so_far: &Fetched, name: &BodyName, size: u64, body: &mut dyn Body) -> Result<()> {
        self.folder.pending = None;
        self.discard()?;
        if let (Some(asked), BodyName::Section(section, None)) = (self.known_by(), name)
            && section.answers(&asked)
        {
            self.folder.known_by = Some((so_far.number, Header::parse(body.start(HEADER)?)));
            return Ok(());
        }
        let ours = match (&self.part, name) {
            (Some(part), name) => part.is(name),
            (None, BodyName::Section(section, from)) => {
                section.answers(&self.section) && *from == self.half.as_ref().map(Half::start)
            }
            (None, _) => false,
        };
        if !ours || (so_far.uid > 0 && !self.is_wanted(so_far.uid)) {
            return Ok(());
        }
        let known = match self.part {
            Some(_) => so_far.structure.is_some(),
            None => so_far.flags.is_some() && so_far.internal_date.is_some(),
        };
        if so_far.uid > 0 && known {
            if let Some(half) = self.half.take() {
                let whole = half.with(body)?;
                return whole.map_or(Ok(()), |mut whole| self.put(so_far, &mut whole));
            }
            let halves = self.journal.as_ref().filter(|_| size >= LARGE).and_then(Journal::halves);
            return match halves {
                Some(halves) => self.put(so_far, &mut halves.keep(so_far.uid, body)),
                None => self.put(so_far, body),
            };
        }
        if self.half.is_some() {
            return Ok(());
        }
        // Its UID, flags or structure come behind it.
        let mut spool = Spool::new();
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                self.folder.pending = Some((so_far.number, spool));
                return Ok(());
            }
            spool.push(piece)?;
        }
    }

    fn row(&mut self, row: Fetched) -> Result<()> {
        if let Some((number, mut spool)) = self.folder.pending.take()
            && number == row.number
            && self.is_wanted(row.uid)
        {
            self.put(&row, &mut spool.body()?)?;
        }
        match self.folder.open.take() {
            Some(passed) if passed.number == row.number && passed.uid == row.uid => self.seal(&row, &passed),
            open => {
                self.folder.open = open;
                self.discard()?;
                self.lacks(&row)
            }
        }
    }
}

impl Deliver<'_> {
    /// The message is there, and the part is not.
    fn lacks(&mut self, row: &Fetched) -> Result<()> {
        let Some(part) = &self.part else { return Ok(()) };
        if !self.is_wanted(row.uid) || row.structure.is_none() {
            return Ok(());
        }
        let why = Error::refused(format!("there is no part {}", PartNumber(part.numbers.clone())));
        complain(NAME, &format!("{}{}: {why}", self.prefix, row.uid), None);
        self.folder.got.add(row.uid);
        self.tally.failed(why.exit());
        self.say(row.uid, &[], Some(&why))
    }

    /// Of these, those that have not come.
    pub(super) fn not_got(&self, set: &SequenceSet) -> SequenceSet {
        SequenceSet::from_numbers(set.numbers(u32::MAX).filter(|uid| !self.folder.got.has(*uid)))
    }
}

/// A body whose bytes are counted, and whose header is looked at.
struct Passing<'b> {
    body: &'b mut dyn Body,
    bytes: u64,
    /// The header so far.
    collect: Option<Collect>,
    /// All of it.
    header: Option<Header>,
}

impl Body for Passing<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        let piece = self.body.chunk()?;
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.collect.as_mut().is_some_and(|collect| collect.push(piece).is_some()) {
            self.header = self.collect.take().map(Collect::finish);
        }
        Ok(piece)
    }
}
