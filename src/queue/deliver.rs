//! An entry on its way to a server, and what is written down before and after.

use super::run::{Event, Halt, Runner, Trouble, mailbox};
use super::schedule::{seconds, wait};
use super::{Entry, Locked, NotLocked, Recipient, Status, now, random, rows};
use crate::body::{Body, FileBody, Rewind};
use crate::client::smtp::{Client, Envelope, Outcome, Then};
use crate::error::{Error, Exit, Fate, Result};
use crate::message::recode::Wanted;
use crate::store::fitted::Fitted;
use rusqlite::params;
use std::fs::File;
use std::io::Seek;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

/// Recipients of one transaction; RFC 5321 4.5.3.1.8 promises no more.
const AT_ONCE: usize = 100;

/// As [`Entry::begun`], in SQL.
const BEGUN: &str = "max(arrived, coalesce(hold, arrived))";
/// Later than all times.
const FAR: i64 = i64::MAX;

/// An entry's file; it notes that it was the message that could not be read.
struct Queued<'w> {
    file: &'w File,
    name: String,
    failed: &'w mut Option<Error>,
}

impl Rewind for Queued<'_> {
    fn rewind(&mut self) -> Result<Box<dyn Body + '_>> {
        self.file.rewind().map_err(|e| Error::io(format!("{}: {}", self.name, crate::error::words(&e))))?;
        Ok(Box::new(Watched { body: FileBody::new(self.file, self.name.clone()), failed: self.failed }))
    }
}

struct Watched<'w> {
    body: FileBody<&'w File>,
    failed: &'w mut Option<Error>,
}

impl Body for Watched<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        match self.body.chunk() {
            Ok(piece) => Ok(piece),
            Err(e) => {
                *self.failed = Some(e.clone());
                Err(e)
            }
        }
    }
}

/// What of an entry decides about the time of the next attempt, and whether there is somebody to be told.
struct Came {
    begun: i64,
    deadline: Option<i64>,
    from_nobody: bool,
}

impl Came {
    fn of(entry: &Entry) -> Came {
        Came { begun: entry.begun(), deadline: entry.asked.deadline(), from_nobody: entry.from.is_empty() }
    }
}

/// Why it did not come to a reply, for each of them.
fn failed(entry: &Entry, some: &[usize], why: &Error, fate: Fate, enhanced: Option<&str>) -> Result<Vec<Outcome>> {
    let end = |to: &Recipient| Ok(Outcome { fate, ..Outcome::failed(&mailbox(&to.address)?, why, enhanced) });
    some.iter().filter_map(|n| entry.to.get(*n)).map(end).collect()
}

impl Runner<'_> {
    /// Delivers one entry to one hop, if nobody else does. False: another worker of this run has it.
    pub(super) fn entry(&self, id: &str, hop: &str, client: &mut Option<Client>) -> Result<bool, Halt> {
        let Some(_in_hand) = self.take_up(id) else { return Ok(false) };
        self.locked_entry(id, hop, client).map(|()| true)
    }

    fn locked_entry(&self, id: &str, hop: &str, client: &mut Option<Client>) -> Result<(), Halt> {
        let lock = match self.queue.lock(id) {
            Ok(lock) => lock,
            Err(NotLocked::Busy) => return Ok(()),
            Err(NotLocked::Broken(why)) => return Ok(self.broken(id, &why)?),
            Err(NotLocked::Failed(e)) => return Err(e.into()),
        };
        self.worked.store(true, Ordering::Relaxed);
        // What was due before we had the lock need not be so any more.
        let Some(mut entry) = self.queue.entry(id)? else { return Ok(()) };
        let length = lock.file.metadata().map_or(0, |meta| meta.len());
        if length != entry.bytes {
            let why = format!("its file has {length} bytes, and had {}", entry.bytes);
            return Ok(self.broken(id, &why)?);
        }
        let time = now();
        let due = |to: &Recipient| to.hop == hop && to.status.is_due() && to.next <= time;
        let due: Vec<usize> = (0..entry.to.len()).filter(|n| entry.to.get(*n).is_some_and(due)).collect();
        if entry.asked.deadline().is_some_and(|deadline| deadline <= time) {
            let late = Error::refused("it was to be delivered by now, or not at all (RFC 2852)");
            self.refuse(&mut entry, &due, &late, "5.4.7")?;
            return Ok(self.conclude(&mut entry)?);
        }
        for some in due.chunks(AT_ONCE) {
            let connected = match client.take().and_then(|mut open| open.is_open().then_some(open)) {
                Some(open) => open,
                None => self.connect(&mut entry, hop)?,
            };
            if let Some(until) = entry.asked.waits_here(connected.extensions(), time) {
                *client = Some(connected);
                self.hold_back(&mut entry, some, until)?;
                continue;
            }
            // A message that makes us fall over must not do so to the next ones.
            let mut unreadable = None;
            let sent = catch_unwind(AssertUnwindSafe(|| self.send(&lock, &entry, some, connected, &mut unreadable)));
            let sent = sent.unwrap_or_else(|_| Err(Error::internal("sending it has failed here")));
            match sent {
                Ok((open, outcomes)) => {
                    let dsn = open.extensions().dsn;
                    *client = Some(open);
                    self.settle(&mut entry, some, dsn, &outcomes)?;
                }
                Err(_) if unreadable.is_some() => {
                    return Ok(self.broken(id, &unreadable.map(|e| e.to_string()).unwrap_or_default())?);
                }
                Err(e) if e.exit() == Exit::IoErr => return Err(e.into()),
                Err(e) => {
                    let (fate, enhanced) = match e.exit() {
                        Exit::Data => (Fate::Never, Some("5.6.0")),
                        // It can't do what is asked for: RFC 8689 4.2.1, RFC 3463.
                        Exit::Refused if entry.asked.require_tls => (Fate::Never, Some("5.7.30")),
                        Exit::Refused => (Fate::Never, Some("5.3.3")),
                        _ => (Fate::Later, None),
                    };
                    let outcomes = failed(&entry, some, &e, fate, enhanced)?;
                    self.settle(&mut entry, some, false, &outcomes)?;
                }
            }
        }
        Ok(self.conclude(&mut entry)?)
    }

    /// A connection; without one, what that means for all that is due there is written down.
    fn connect(&self, entry: &mut Entry, hop: &str) -> Result<Client, Halt> {
        match self.post.connect(hop) {
            Ok(client) => {
                self.queue.resume(hop)?;
                return Ok(client);
            }
            Err(Trouble::Ours(e)) => self.pause(hop, &e)?,
            Err(Trouble::Later(e)) => self.defer(hop, &e)?,
            Err(Trouble::Never(e, enhanced)) => {
                let due = |to: &Recipient| to.hop == hop && to.status.is_due() && to.next <= now();
                let due: Vec<usize> = (0..entry.to.len()).filter(|n| entry.to.get(*n).is_some_and(due)).collect();
                self.refuse(entry, &due, &e, enhanced)?;
                self.conclude(entry)?;
                // The next entry for it asks again: names come into being.
            }
        }
        Err(Halt::NoWay)
    }

    /// Gives some recipients up.
    fn refuse(&self, entry: &mut Entry, some: &[usize], why: &Error, enhanced: &str) -> Result<()> {
        let outcomes = failed(entry, some, why, Fate::Never, Some(enhanced))?;
        self.settle(entry, some, false, &outcomes)
    }

    /// Some recipients wait until then, which was no attempt.
    fn hold_back(&self, entry: &mut Entry, some: &[usize], until: i64) -> Result<()> {
        let mut changed: Vec<Recipient> = some.iter().filter_map(|n| entry.to.get(*n)).cloned().collect();
        for to in &mut changed {
            (to.next, to.since) = (until, now());
            "held back, as its sender has asked for".clone_into(&mut to.text);
        }
        self.queue.store(&entry.id, &changed.iter().collect::<Vec<_>>())
    }

    /// An attempt that has failed for all that is due at a hop.
    fn defer(&self, hop: &str, why: &Error) -> Result<()> {
        let (min, max) = (seconds(self.schedule.retry_min), seconds(self.schedule.retry_max));
        let sql = format!(
            "UPDATE recipient SET attempts = attempts + 1, since = ?1, code = NULL, enhanced = NULL, text = ?2,
            next = (SELECT min(coalesce(CASE WHEN deliver_mode = 'R' AND deliver_by > ?1 THEN deliver_by END, {FAR}),
                ?1 + max(?3, min(?4, ?1 - {BEGUN})) * (1000 + abs(random()) % 100) / 1000) FROM entry WHERE id = entry)
            WHERE hop = ?5 AND status IN ('waiting', 'unknown') AND next <= ?1"
        );
        let text = why.to_string();
        self.queue.db.write(|t| Ok(t.execute(&sql, params![now(), text, min, max.max(min), hop])?))?;
        Ok(())
    }

    /// Sends the message to some of its recipients. The hand-over is on stable storage before its last byte leaves.
    fn send(
        &self,
        lock: &Locked,
        entry: &Entry,
        some: &[usize],
        mut client: Client,
        unreadable: &mut Option<Error>,
    ) -> Result<(Client, Vec<Outcome>)> {
        let from = if entry.from.is_empty() { None } else { Some(mailbox(&entry.from)?) };
        let to: Vec<_> =
            some.iter().filter_map(|n| entry.to.get(*n)).map(|to| mailbox(&to.address)).collect::<Result<_>>()?;
        let (dsn, eight_bit_mime) = (client.extensions().dsn, client.extensions().eight_bit_mime);
        let (size, eight_bit, utf8_header) = (entry.size, entry.eight_bit, entry.utf8_header);
        let wants = entry.wants(some, client.extensions(), now())?;
        let mut envelope = Envelope { from, to, size, eight_bit, utf8_header, wants };
        let mut message = Queued { file: &lock.file, name: format!("queue/{}", entry.id), failed: unreadable };
        // What has to be 8 bit all the same is an error of the envelope.
        let mut fitted = None;
        if eight_bit && !eight_bit_mime && !utf8_header {
            let made = Fitted::of(&mut message, Wanted { seven_bit: true, ..Wanted::default() })?;
            (envelope.size, envelope.eight_bit) = (made.facts.size_smtp(), made.facts.eight_bit > 0);
            fitted = Some(made);
        }
        let handing_over = &mut |outcomes: &[Outcome]| {
            let mut changed = Vec::with_capacity(outcomes.len());
            // A server that takes few at a time gets the message in several transactions: these are those of one of them.
            for outcome in outcomes {
                let whom = outcome.to.to_string();
                let mut due = some.iter().filter_map(|n| entry.to.get(*n));
                let Some(to) = due.find(|to| to.address == whom) else {
                    return Err(Error::internal(format!("{whom}: handed over to somebody who was not asked for")));
                };
                let mut to = to.clone();
                if outcome.fate == Fate::Done {
                    to.status = Status::HandedOver;
                } else {
                    self.outcome(&mut to, &Came::of(entry), dsn, outcome)?;
                }
                changed.push(to);
            }
            self.queue.store(&entry.id, &changed.iter().collect::<Vec<_>>())
        };
        let message: &mut dyn Rewind = match &mut fitted {
            Some(fitted) => &mut fitted.spool,
            None => &mut message,
        };
        let outcomes = client.send_then(&envelope, message, Then::Wait, handing_over)?;
        Ok((client, outcomes))
    }

    /// Writes down what has become of recipients.
    fn settle(&self, entry: &mut Entry, some: &[usize], dsn: bool, outcomes: &[Outcome]) -> Result<()> {
        let (from_nobody, came) = (entry.from.is_empty(), Came::of(entry));
        for (n, outcome) in some.iter().zip(outcomes) {
            if let Some(to) = entry.to.get_mut(*n) {
                self.outcome(to, &came, dsn, outcome)?;
            }
        }
        let changed: Vec<&Recipient> = some.iter().filter_map(|n| entry.to.get(*n)).collect();
        let gone = self.queue.db.write(|t| {
            changed.iter().try_for_each(|to| rows::update(t, &entry.id, to))?;
            t.prepare_cached("UPDATE entry SET lease = 0 WHERE id = ?")?.execute([&entry.id])?;
            rows::delete_if_over(t, &entry.id)
        })?;
        if gone {
            self.queue.remove_file(&entry.id);
        }
        changed.iter().for_each(|to| self.post.hear(&Event::Tried(entry, to)));
        if gone && from_nobody && changed.iter().any(|to| to.status == Status::Refused) {
            self.post.hear(&Event::Dropped(entry));
        }
        Ok(())
    }

    /// What an outcome makes of a recipient. `dsn`: the next hop tells the sender itself what comes of it.
    fn outcome(&self, to: &mut Recipient, came: &Came, dsn: bool, outcome: &Outcome) -> Result<()> {
        let (now, from_nobody) = (now(), came.from_nobody);
        to.attempts = to.attempts.saturating_add(1);
        to.since = now;
        (to.code, to.enhanced, to.text) = (outcome.code, outcome.enhanced.clone(), outcome.text.clone());
        match outcome.fate {
            Fate::Done => {
                to.status = Status::Done;
                // RFC 3461 5.2.1: who asked for it is told that it was relayed to where nobody can say more.
                to.untold = !from_nobody && !dsn && to.notify.is_some_and(|notify| notify.success);
            }
            Fate::Never => {
                to.status = Status::Refused;
                to.untold = !from_nobody && to.notify.is_none_or(|notify| notify.failure);
            }
            Fate::Later => {
                to.status = if to.doubtful { Status::Unknown } else { Status::Waiting };
                to.next = now.saturating_add(wait(self.schedule, now.saturating_sub(came.begun), random()?));
                // At the time when it returns, at the latest.
                to.next = came.deadline.filter(|deadline| *deadline > now).map_or(to.next, |end| to.next.min(end));
            }
            Fate::Unknown => {
                (to.status, to.doubtful) = (Status::Unknown, true);
                to.next = now.saturating_add(seconds(self.schedule.unknown_wait));
            }
        }
        Ok(())
    }

    /// Gives up what was tried in vain when its time was over, and tells senders of what takes long.
    pub(super) fn age(&self, hop: &str) -> Result<()> {
        let (now, s) = (now(), self.schedule);
        let (expired, slow) = (now.saturating_sub(seconds(s.expire_after)), now.saturating_sub(seconds(s.warn_after)));
        let sql = format!(
            "SELECT DISTINCT id FROM entry JOIN recipient ON entry = id WHERE hop = ?1
            AND status IN ('waiting', 'unknown') AND attempts > 0
            AND ({BEGUN} <= ?2 AND since >= {BEGUN} + ?4 OR NOT warned AND {BEGUN} <= ?3)"
        );
        let old: Vec<String> = self.queue.db.read(|t| {
            let mut query = t.prepare_cached(&sql)?;
            let found = query.query_map(params![hop, expired, slow, seconds(s.expire_after)], |row| row.get(0))?;
            Ok(found.collect::<Result<_, _>>()?)
        })?;
        for id in old {
            let Ok(_lock) = self.queue.lock(&id) else { continue };
            let Some(mut entry) = self.queue.entry(&id)? else { continue };
            let from_nobody = entry.from.is_empty();
            // Only after an attempt that was made when it was too old already: a clock that jumps gives up nothing untried.
            let over = entry.begun().saturating_add(seconds(s.expire_after));
            let (begun, mut given_up) = (entry.begun(), Vec::new());
            for to in entry.to.iter_mut() {
                if to.hop == hop && to.status.is_due() && to.attempts > 0 && to.since >= over && begun <= expired {
                    to.status = Status::Refused;
                    to.text = format!("its time is over; the last answer was: {}", to.text);
                    to.code = None;
                    to.enhanced = Some("4.4.7".to_owned());
                    to.untold = !from_nobody && to.notify.is_none_or(|notify| notify.failure);
                    given_up.push(to.clone());
                }
            }
            if given_up.is_empty() {
                self.warn(&mut entry)?;
                continue;
            }
            let gone = self.queue.db.write(|t| {
                given_up.iter().try_for_each(|to| rows::update(t, &id, to))?;
                super::run::delete_if_over(t, &id)
            })?;
            given_up.iter().for_each(|to| self.post.hear(&Event::Tried(&entry, to)));
            if gone {
                self.queue.remove_file(&id);
                if from_nobody {
                    self.post.hear(&Event::Dropped(&entry));
                }
            }
            self.conclude(&mut entry)?;
        }
        Ok(())
    }
}
