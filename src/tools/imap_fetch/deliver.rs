//! From the rows of a FETCH to the targets.

use super::NAME;
use crate::body::Body;
use crate::cli::exit::{Tally, complain};
use crate::cli::into::fill;
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::client::imap::{Fetched, Rows, Uids};
use crate::error::{Error, Exit, Result};
use crate::message::flags::Flags;
use crate::proto::imap::response::BodyName;
use crate::proto::imap::section::{FetchItem, Section};
use crate::proto::imap::set::SequenceSet;
use crate::store::sink::{self, About, Every, Sink};
use crate::store::spool::Spool;
use serde_json::json;
use std::time::SystemTime;

/// Messages and bytes that share one sync of the target.
const BATCH: (usize, u64) = (sink::BATCH, 16 << 20);

/// Everything that is the same for all folders.
pub(super) struct Deliver<'d> {
    pub(super) sink: &'d mut Every,
    pub(super) section: Section,
    /// Where a JSON object for each message goes, if one is wanted.
    pub(super) report: Option<Out>,
    pub(super) tally: Tally,
    progress: Progress,
    /// `ACCOUNT:FOLDER#UIDVALIDITY.`
    pub(super) prefix: String,
    folder: Folder,
    batch: Vec<u32>,
    bytes: u64,
    /// For the progress bar: messages of the folder so far, and in all.
    count: usize,
    total: usize,
}

/// What is known of the folder at hand.
#[derive(Default)]
struct Folder {
    got: Uids,
    /// A message whose UID is not known yet, by its number.
    pending: Option<(u32, Spool)>,
    /// A message that the sink has, of which the row has not ended: its number, UID and size.
    open: Option<(u32, u32, u64)>,
}

impl<'d> Deliver<'d> {
    pub(super) fn new(sink: &'d mut Every, section: Section, report: Option<Out>) -> Deliver<'d> {
        Deliver {
            sink,
            section,
            report,
            tally: Tally::default(),
            progress: Progress::bytes(0, true),
            prefix: String::new(),
            folder: Folder::default(),
            batch: Vec::new(),
            bytes: 0,
            count: 0,
            total: 0,
        }
    }

    /// What each row must have. The section is the last, as servers mostly answer in this order.
    pub(super) fn items(&self) -> [FetchItem; 3] {
        let section = FetchItem::Section { section: self.section.clone(), peek: true, partial: None };
        [FetchItem::Flags, FetchItem::InternalDate, section]
    }

    /// Another folder begins.
    pub(super) fn begin(&mut self, prefix: String) {
        self.prefix = prefix;
        self.folder = Folder::default();
    }

    /// Shows the way through `total` messages.
    pub(super) fn show(&mut self, progress: Progress, total: usize) {
        (self.progress, self.count, self.total) = (progress, 0, total);
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
        let mut counted = Counted { body: &mut self.progress.watch(body), bytes: 0 };
        fill(self.sink, about, &mut counted)?;
        self.folder.open = Some((row.number, row.uid, counted.bytes));
        Ok(())
    }

    /// The row of the open message has ended as it should, so its body was all of it.
    fn seal(&mut self, uid: u32, bytes: u64) -> Result<()> {
        match self.sink.end() {
            Ok(()) => {}
            Err(e) if matches!(e.exit(), Exit::IoErr | Exit::CantCreate) => return Err(e),
            // It does not take this message; it may take the next one.
            Err(e) => {
                self.folder.got.add(uid);
                complain(NAME, &format!("{}{uid}: {e}", self.prefix), e.advice());
                self.tally.failed(e.exit());
                return self.say(uid, &[], Some(&e));
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.batch.push(uid);
        self.folder.got.add(uid);
        if self.batch.len() >= BATCH.0 || self.bytes >= BATCH.1 || self.sink.at_once() { self.commit() } else { Ok(()) }
    }

    /// What is open will not be whole.
    pub(super) fn discard(&mut self) -> Result<()> {
        if self.folder.open.take().is_some() { self.sink.abort() } else { Ok(()) }
    }

    /// Brings what has come whole to stable storage, and reports it.
    pub(super) fn commit(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let receipts = self.sink.commit()?;
        for (uid, receipt) in batch.into_iter().zip(receipts) {
            self.tally.done();
            self.say(uid, &receipt.places, None)?;
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
        let absent = SequenceSet::from_numbers(named.numbers(u32::MAX).filter(|uid| !self.folder.got.has(*uid)));
        if absent.is_empty() {
            return Ok(());
        }
        let mut shown = absent.to_string();
        if shown.len() > 100 {
            shown.truncate(100);
            shown.push_str("...");
        }
        let folder = self.prefix.rsplit_once('#').map_or("", |(folder, _)| folder);
        complain(NAME, &format!("{folder}: no message with UID {shown}"), None);
        self.tally.failed(Exit::Refused);
        self.missing(&absent, &Error::refused("no such message"))
    }

    fn say(&mut self, uid: u32, places: &[String], error: Option<&Error>) -> Result<()> {
        if let Some(out) = &mut self.report {
            let object = json!({
                "ref": format!("{}{uid}", self.prefix),
                "uid": uid,
                "fate": error.map_or("done", |e| e.fate().word()),
                "places": places,
                "error": error.map(ToString::to_string),
            });
            out.must(format!("{object}\n").as_bytes())?;
        }
        Ok(())
    }
}

impl Rows for Deliver<'_> {
    fn literal(&mut self, so_far: &Fetched, name: &BodyName, _: u64, body: &mut dyn Body) -> Result<()> {
        self.folder.pending = None;
        self.discard()?;
        if *name != BodyName::Section(self.section.clone(), None) || (so_far.uid > 0 && self.folder.got.has(so_far.uid))
        {
            return Ok(());
        }
        if so_far.uid > 0 && so_far.flags.is_some() && so_far.internal_date.is_some() {
            return self.put(so_far, body);
        }
        // Its UID or flags come behind it.
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
            && !self.folder.got.has(row.uid)
        {
            self.put(&row, &mut spool.body()?)?;
        }
        match self.folder.open {
            Some((number, uid, bytes)) if number == row.number && uid == row.uid => {
                self.folder.open = None;
                self.seal(uid, bytes)
            }
            _ => self.discard(),
        }
    }
}

/// A body whose bytes are counted.
struct Counted<'b> {
    body: &'b mut dyn Body,
    bytes: u64,
}

impl Body for Counted<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        let piece = self.body.chunk()?;
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        Ok(piece)
    }
}
