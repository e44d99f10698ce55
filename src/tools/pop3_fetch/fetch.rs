//! Messages from the server into the targets, in batches, with the journal that makes each of them come once.

use super::wanted::{Extent, Maildrop};
use super::{NAME, Pop3Fetch};
use crate::body::Body;
use crate::cli::exit::{Tally, complain};
use crate::cli::into::fill;
use crate::cli::maildrop::in_json;
use crate::cli::out::{Report, tell};
use crate::cli::progress::Progress;
use crate::client::pop3::{Client, Entry};
use crate::error::{Error, Exit, Result};
use crate::store::journal;
use crate::store::sink::{self, About, Every, Found, Sink};
use crate::store::state::{History, Mark};
use crate::text::escape;
use serde_json::json;
use std::collections::HashMap;

/// Messages and bytes that share one sync of the target and one transaction of the history.
const BATCH: (usize, u64) = (sink::BATCH, 16 << 20);

/// One account's messages on their way.
pub(super) struct Fetch<'f> {
    flags: &'f Pop3Fetch,
    /// What the account is called, where there are several.
    account: Option<&'f str>,
    sink: &'f mut Every,
    history: &'f History<'f>,
    report: &'f Report,
    /// What a killed run has brought to some targets, and not to all.
    found: HashMap<Vec<u8>, Found>,
    pub(super) tally: Tally,
    batch: Vec<(Entry, bool)>,
    bytes: u64,
    /// Numbers of what is committed and recorded in this session, in that order.
    pub(super) delivered: Vec<u32>,
    /// How many messages and octets of them in all sessions.
    pub(super) count: (u64, u64),
}

impl<'f> Fetch<'f> {
    pub(super) fn new(
        flags: &'f Pop3Fetch,
        account: Option<&'f str>,
        sink: &'f mut Every,
        history: &'f History<'f>,
        report: &'f Report,
    ) -> Fetch<'f> {
        let (found, batch, delivered) = (HashMap::new(), Vec::new(), Vec::new());
        let tally = Tally::default();
        Fetch { flags, account, sink, history, report, found, tally, batch, bytes: 0, delivered, count: (0, 0) }
    }

    fn mark(&self) -> Mark {
        if self.flags.delete { Mark::DeletePending } else { Mark::Kept }
    }

    /// Looks for what a run that was killed has stored and not remembered.
    pub(super) fn recover(&mut self, drop: &Maildrop<'_>) -> Result<()> {
        let mut planned = self.history.planned()?;
        let mut there = Vec::new();
        for entry in drop.entries.iter().filter(|e| !drop.is_shared(e)) {
            let Some((uidl, plans)) = entry.uidl.as_ref().and_then(|uidl| planned.remove_entry(uidl)) else { continue };
            let found = self.sink.find(&plans)?;
            match found.everywhere() {
                Some(places) => there.push((entry, places)),
                None => {
                    self.found.insert(uidl, found);
                }
            }
        }
        if there.is_empty() {
            return Ok(());
        }
        self.history.record(there.iter().filter_map(|(e, _)| e.uidl.as_deref()), self.mark())?;
        for (entry, places) in there {
            self.done(entry, &places, true)?;
        }
        Ok(())
    }

    fn done(&mut self, entry: &Entry, places: &[String], whole: bool) -> Result<()> {
        self.tally.done();
        // Of what is here in part only, the whole stays there.
        if whole {
            self.delivered.push(entry.number);
        }
        self.count.0 += 1;
        self.count.1 = self.count.1.saturating_add(if whole { entry.size } else { 0 });
        self.say(entry, places, None)
    }

    /// Fetches all of `wanted`; what came whole before an error is kept and remembered.
    pub(super) fn all(
        &mut self,
        client: &mut Client,
        drop: &Maildrop<'_>,
        wanted: &[&Entry],
        extent: Extent,
    ) -> Result<()> {
        let numbers: Vec<u32> = wanted.iter().map(|e| e.number).collect();
        // A terminal that shows the messages has no place for a bar, nor has one where several would be.
        let quiet = self.flags.common.quiet || self.flags.into.terminal() || self.account.is_some();
        let size = if extent == Extent::Whole { wanted.iter().fold(0u64, |n, e| n.saturating_add(e.size)) } else { 0 };
        let progress = Progress::bytes(size, quiet);
        let mut rest = wanted.iter().enumerate();
        let mut each = |number: u32, body: Result<&mut dyn Body>| {
            let Some((n, entry)) = rest.next() else { return Ok(()) };
            progress.item(n + 1, numbers.len());
            match body {
                Ok(body) => self.take(drop, entry, extent, &mut progress.watch(body)),
                Err(e) => {
                    complain(NAME, &format!("message {number}: {e}"), None);
                    self.tally.failed(e.exit());
                    self.say(entry, &[], Some(&e))
                }
            }
        };
        let retrieved = match extent {
            Extent::Whole => client.retr(&numbers, &mut each),
            Extent::Top(lines) => client.top(&numbers, lines, &mut each),
        };
        let _ = progress;
        let committed = self.commit(drop);
        retrieved.and(committed)
    }

    fn take(&mut self, drop: &Maildrop<'_>, entry: &Entry, extent: Extent, body: &mut dyn Body) -> Result<()> {
        let reference = entry.uidl.as_ref().map_or_else(|| entry.number.to_string(), escape);
        let whole = extent == Extent::Whole || self.flags.headers;
        if let Some(found) = entry.uidl.as_ref().and_then(|uidl| self.found.remove(uidl)).filter(|_| whole) {
            self.sink.resume(found);
        }
        let about = About { reference, ..About::default() };
        match extent {
            Extent::Top(lines) if !whole => {
                let note = format!("X-Pipepost-Partial: the first {lines} lines of {} octets\r\n", entry.size);
                fill(self.sink, about, &mut Behind { first: note.into_bytes(), told: false, rest: body })?;
            }
            _ => fill(self.sink, about, body)?,
        }
        match self.sink.end() {
            Ok(()) => {}
            Err(e) if matches!(e.exit(), Exit::IoErr | Exit::CantCreate) => return Err(e),
            // It does not take this message; it may take the next one.
            Err(e) => {
                complain(NAME, &format!("message {}: {e}", entry.number), e.advice());
                self.tally.failed(e.exit());
                return self.say(entry, &[], Some(&e));
            }
        }
        self.bytes = self.bytes.saturating_add(entry.size);
        self.batch.push((entry.clone(), whole));
        let key = entry.uidl.as_deref().filter(|_| whole && !drop.is_shared(entry));
        // What has no plans is followed by the history message by message.
        let at_once = journal::ended(self.history, self.sink, key)?;
        let full = at_once || self.batch.len() >= BATCH.0 || self.bytes >= BATCH.1;
        if full { self.commit(drop) } else { Ok(()) }
    }

    fn commit(&mut self, drop: &Maildrop<'_>) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        // What is here in part comes again, whole: then its beginning must not be taken for it.
        let key = |(entry, whole): &'_ (Entry, bool)| *whole && !drop.is_shared(entry);
        let keys: Vec<Option<&[u8]>> = batch.iter().map(|of| of.0.uidl.as_deref().filter(|_| key(of))).collect();
        let receipts = journal::commit(self.history, self.sink, &keys)?;
        for (of_whole, mark) in [(true, self.mark()), (false, Mark::Partial)] {
            let uidls: Vec<&[u8]> =
                batch.iter().filter(|(_, whole)| *whole == of_whole).filter_map(|(e, _)| e.uidl.as_deref()).collect();
            if !uidls.is_empty() {
                self.history.record(uidls, mark)?;
            }
        }
        batch.iter().zip(receipts).try_for_each(|((entry, whole), receipt)| self.done(entry, &receipt.places, *whole))
    }

    fn say(&self, entry: &Entry, places: &[String], error: Option<&Error>) -> Result<()> {
        if !self.flags.json {
            return Ok(());
        }
        let fate = error.map_or("done", |e| e.fate().word());
        tell(self.report, &record(self.account, entry, fate, places, error))
    }
}

/// A message's line in the report.
pub(super) fn record(
    account: Option<&str>,
    entry: &Entry,
    fate: &str,
    places: &[String],
    error: Option<&Error>,
) -> serde_json::Value {
    let object = json!({
        "number": entry.number,
        "uidl": entry.uidl.as_deref().map(in_json),
        "fate": fate,
        "places": places,
        "error": error.map(ToString::to_string),
    });
    of_account(account, object)
}

/// The record, with its account where there are several.
pub(super) fn of_account(account: Option<&str>, mut object: serde_json::Value) -> serde_json::Value {
    if let (Some(account), Some(object)) = (account, object.as_object_mut()) {
        object.insert("account".into(), account.into());
    }
    object
}

/// A body behind a line of ours.
struct Behind<'b> {
    first: Vec<u8>,
    told: bool,
    rest: &'b mut dyn Body,
}

impl Body for Behind<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        if std::mem::replace(&mut self.told, true) { self.rest.chunk() } else { Ok(&self.first) }
    }
}
