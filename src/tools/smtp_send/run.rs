//! The loop: each message is read, gets its envelope, is delivered and reported; over one connection, or over several, each on a
//! thread of its own.

use super::SmtpSend;
use super::delivery::Delivery;
use super::inputs::{Item, is_its_own};
use super::log::Log;
use super::pace::Pace;
use super::queued::Queued;
use super::report::Report;
use super::sendmail::Manner;
use super::watch::Notice;
use crate::cli::compose::one;
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::out::Out;
use crate::cli::rewriting::Addresses;
use crate::cli::route::{self, Direct};
use crate::cli::sent::Copies;
use crate::client::smtp::{Envelope, Outcome, Stage, Then};
use crate::error::{Error, Exit, Fate, Local, Result};
use crate::message::addr::Address;
use crate::net::endpoint::Endpoint;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, scope};

/// What holds for all messages of a run.
pub(super) struct Task<'f> {
    /// The flags.
    pub flags: &'f SmtpSend,
    /// How servers are reached.
    pub reach: Reach,
    /// The account's server.
    pub at: Endpoint,
    /// HOST of pipepost(7).
    pub host: String,
    /// The account's own sender.
    pub from: Option<String>,
    /// The recipients among the arguments, if these are no templates.
    pub arguments: Vec<Address>,
    /// What addresses become.
    pub addresses: Addresses,
    /// What to send instead of what stdin has.
    pub notice: Option<Notice>,
    /// Where a line for each message goes.
    pub log: Mutex<Log>,
    /// What is different as sendmail(8).
    pub manner: Option<&'f Manner>,
    /// The queue, if it is needed.
    pub queued: Queued,
}

impl<'f> Task<'f> {
    /// What the flags say.
    ///
    /// # Errors
    /// 64: a wrong argument; 78: the configuration.
    pub(super) fn new(flags: &'f SmtpSend, reach: Reach, manner: Option<&'f Manner>) -> Result<Task<'f>> {
        let at = route::account(&reach, flags.account.as_deref(), &flags.routing)?;
        let host = reach.accounts().host(&at)?;
        let settings = reach.accounts().settings(&at)?;
        let addresses = flags.rewriting.in_force(&settings, &host)?;
        let from = settings.from.map(|from| from.value);
        let log = flags.log.clone().or(settings.log.map(|log| log.value));
        let log = Mutex::new(Log::new(log.as_deref()));
        let arguments = match manner {
            Some(manner) => manner.addresses(&host)?,
            None if flags.compose.has_variables() => Vec::new(),
            None => flags.recipients()?.iter().map(|text| one("recipient", text, &host)).collect::<Result<_>>()?,
        };
        let queued = Queued::new(flags, &reach, &at, manner.is_some())?;
        Ok(Task { flags, reach, at, host, from, arguments, addresses, notice: None, log, manner, queued })
    }

    /// Tells the way to all recipients, without sending anything.
    ///
    /// # Errors
    /// 64: there is none; those of reading a message.
    pub(super) fn explain(&self) -> Result<Exit> {
        let mut to = Vec::new();
        if self.flags.read_recipients {
            self.each(&mut |_, item| {
                to.extend(item?.to);
                Ok(())
            })?;
        } else {
            to.extend(self.arguments.iter().cloned());
        }
        let to = self.recipients(to)?;
        let mut direct = self.direct()?;
        let mut out = Out::until(self.reach.whole());
        route::explain(&mut out, self.flags.json, &to, direct.as_mut(), &route::relays(&self.reach, &self.at)?)
    }

    /// Delivery straight to the recipients' servers, if that is asked for.
    ///
    /// # Errors
    /// 64, 78: of [`Direct::new`].
    pub(super) fn direct(&self) -> Result<Option<Direct<'_>>> {
        Direct::new(&self.reach, &self.at, &self.flags.routing, super::NAME, self.flags.common.verbose)
    }

    /// What the connections of a run share.
    ///
    /// # Errors
    /// 78: the configuration.
    pub(super) fn run<'t, 'r, 'o>(&'t self, report: &'r mut Report<'o>) -> Result<Run<'t, 'r, 'o>> {
        let settings = self.reach.accounts().settings(&self.at)?;
        let copies = self.flags.sent.copies(&self.reach, &settings, &self.at)?;
        Ok(Run {
            task: self,
            report: Mutex::new(report),
            copies: Mutex::new(copies),
            pace: Pace::new(self.flags.rate),
            no_way: Mutex::default(),
            stop: Mutex::default(),
            workers: Mutex::default(),
        })
    }

    /// Sends all messages, and says goodbye.
    ///
    /// # Errors
    /// Why not all were tried; what became of the others is in the report.
    pub(super) fn all(&self, report: &mut Report<'_>) -> Result<()> {
        let run = self.run(report)?;
        if self.flags.jobs > 1 && !self.flags.dry_run {
            return run.with_threads();
        }
        let mut delivery = Delivery::new(self)?;
        let done = if self.knows_the_next() {
            run.with_the_next(&mut delivery)
        } else {
            let then = if self.is_many() { Then::Wait } else { Then::Quit };
            self.each(&mut |number, item| run.take(&mut delivery, number, item, then))
        };
        // What can't be sent is no reason to leave without a word.
        let gone = delivery.quit();
        done.and(gone)
    }
}

/// What the connections share.
pub(super) struct Run<'t, 'r, 'f> {
    pub(super) task: &'t Task<'t>,
    pub(super) report: Mutex<&'r mut Report<'f>>,
    /// Where copies are kept.
    copies: Mutex<Option<Copies<'t>>>,
    pace: Pace,
    /// Why nothing more can be sent.
    no_way: Mutex<Option<Error>>,
    /// Why all stop.
    stop: Mutex<Option<Error>>,
    /// The connections that are at work.
    workers: Mutex<usize>,
}

impl Run<'_, '_, '_> {
    /// Reads a message ahead, so that the server is offered it with the end of the one before: half the waiting.
    fn with_the_next(&self, delivery: &mut Delivery<'_>) -> Result<()> {
        let (mut last, mut stopped) = (None, false);
        let done = self.task.each(&mut |number, item| {
            let next = item.as_ref().ok().and_then(|item| self.task.next(item));
            let then = next.as_ref().map_or(Then::Wait, Then::Offer);
            let before = last.take().map_or(Ok(()), |(number, item)| self.take(delivery, number, Ok(item), then));
            let done = before.and_then(|()| match item {
                Ok(item) => {
                    last = Some((number, item));
                    Ok(())
                }
                Err(e) => self.take(delivery, number, Err(e), Then::Wait),
            });
            stopped = done.is_err();
            done
        });
        // What is wrong behind a message is no reason to keep it.
        match last.filter(|_| !stopped) {
            Some((number, item)) => self.take(delivery, number, Ok(item), Then::Quit).and(done),
            None => done,
        }
    }

    /// Sends a message, or says why it can't be. `then` may leave with it.
    fn take(&self, delivery: &mut Delivery<'_>, number: u64, item: Result<Item>, then: Then<'_>) -> Result<()> {
        let sent = match item {
            Ok(item) => self.send(delivery, item, then).map(drop),
            Err(e) => Err((Stage::Check, e)),
        };
        let Err((stage, e)) = sent else { return Ok(()) };
        if !self.task.is_many() {
            return Err(e);
        }
        held(&self.report).skipped(number, &e);
        match e.exit() {
            exit if is_its_own(exit) => {}
            Exit::IoErr => return Err(e),
            // The others have a connection.
            _ if stage == Stage::Connect && self.one_less() => delivery.give_up(),
            // What is wrong with the way is wrong for the next ones too: they are only told to be left.
            _ => *held(&self.no_way) = Some(e),
        }
        Ok(())
    }

    /// Sends a message, and reports what became of it: of those whom the queue has not got. `then` may leave with it.
    ///
    /// # Errors
    /// Nobody got it, and at which stage that was known.
    pub(super) fn send(
        &self,
        delivery: &mut Delivery<'_>,
        mut item: Item,
        then: Then<'_>,
    ) -> Result<Vec<Outcome>, (Stage, Error)> {
        let to = self.task.recipients(std::mem::take(&mut item.to)).map_err(checked)?;
        let envelope = self.task.envelope(&item, &to).map_err(checked);
        let from = envelope.as_ref().ok().and_then(|envelope| envelope.from.as_ref()).map(ToString::to_string);
        let sent = envelope.and_then(|envelope| self.deliver(delivery, &mut item, &envelope, then));
        if !self.task.flags.dry_run {
            let (host, from) = (self.task.at.to_string(), from.unwrap_or_default());
            let mut log = held(&self.task.log);
            match &sent {
                Ok(outcomes) => log.outcomes(&item, &host, &from, outcomes),
                Err((_, e)) => log.nobody(&item, &host, &from, &to, e),
            }
        }
        if let Some(copies) = &mut *held(&self.copies)
            && sent.as_ref().is_ok_and(|outcomes| outcomes.iter().any(|outcome| outcome.fate == Fate::Done))
        {
            copies.keep(&mut item.message, &item.bcc);
        }
        let mut report = held(&self.report);
        match sent {
            Ok(outcomes) => {
                outcomes.iter().try_for_each(|outcome| report.outcome(&item, outcome)).map_err(checked)?;
                Ok(outcomes)
            }
            Err((stage, e)) => {
                if !self.task.flags.dry_run {
                    report.nobody(&item, &to, stage, &e).map_err(checked)?;
                }
                Err((stage, e))
            }
        }
    }

    fn deliver(
        &self,
        delivery: &mut Delivery<'_>,
        item: &mut Item,
        envelope: &Envelope,
        then: Then<'_>,
    ) -> Result<Vec<Outcome>, (Stage, Error)> {
        let notes = self.task.addresses.notes();
        if self.task.flags.dry_run || self.task.flags.common.verbose {
            notes.iter().for_each(|note| complain(super::NAME, note, None));
        }
        if self.task.flags.dry_run {
            held(&self.report).would(item, envelope, &self.task.at).map_err(checked)?;
            return Ok(Vec::new());
        }
        let no_way = held(&self.no_way).clone();
        if let Some(e) = no_way {
            return Err((Stage::Connect, e));
        }
        self.store_or_send(delivery, item, envelope, then)
    }

    /// Waits until `--rate` lets another message go to a server.
    ///
    /// # Errors
    /// 75: that is not in time.
    pub(super) fn turn(&self) -> Result<()> {
        self.pace.wait(self.task.reach.whole())
    }

    // ---- several connections

    /// Reads on this thread. A message that nobody is waiting for gets a connection of its own as long as there may be another one;
    /// so there are never more messages at hand than connections, and one; or three for each, where reading one keeps no other
    /// waiting.
    fn with_threads(&self) -> Result<()> {
        let ahead = self.task.knows_the_next();
        let (give, get) = sync_channel(if ahead { self.task.flags.jobs } else { 0 });
        let get = &Mutex::new(get);
        scope(|scope| {
            let mut threads = Vec::new();
            let done = self.task.each(&mut |number, item| {
                self.may_go_on()?;
                let item = match item {
                    Ok(item) => item,
                    // Nothing is sent for it, so no connection is needed either.
                    Err(e) => return self.take(&mut Delivery::new(self.task)?, number, Err(e), Then::Wait),
                };
                let item = match give.try_send(item) {
                    Ok(()) if !threads.is_empty() => return Ok(()),
                    Ok(()) => None,
                    Err(TrySendError::Full(item) | TrySendError::Disconnected(item)) => Some(item),
                };
                if threads.len() < self.task.flags.jobs {
                    let first = threads.is_empty();
                    *held(&self.workers) += 1;
                    match Builder::new().spawn_scoped(scope, move || self.work(get, first, ahead)) {
                        Ok(thread) => threads.push(thread),
                        Err(e) if first => return Err(e).local("no thread"),
                        Err(_) => *held(&self.workers) -= 1,
                    }
                }
                let Some(item) = item else { return Ok(()) };
                give.send(item).map_err(|_| Error::internal("nobody takes a message"))
            });
            drop(give);
            let gone =
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(Error::internal("thread"))));
            let gone = gone.fold(Ok(()), Result::and);
            done.and(self.may_go_on()).and(gone)
        })
    }

    fn may_go_on(&self) -> Result<()> {
        held(&self.stop).clone().map_or(Ok(()), Err)
    }

    /// One connection's work. Whoever is the last stays until all messages are taken. `ahead`: as [`Run::with_the_next`].
    fn work(&self, get: &Mutex<Receiver<Item>>, first: bool, ahead: bool) -> Result<()> {
        let mut delivery = Delivery::new(self.task)?;
        // A server may allow few connections: that is found out before a message depends on it.
        if let (false, Err(e)) = (first, delivery.prepare())
            && self.one_less()
        {
            if self.task.flags.common.verbose {
                complain(super::NAME, &format!("one connection less: {e}"), e.advice());
            }
            return Ok(());
        }
        let mut at_hand = None;
        loop {
            let next = if delivery.has_given_up() { None } else { held(get).recv().ok() };
            let over = next.is_none();
            let item = if ahead { std::mem::replace(&mut at_hand, next) } else { next };
            if let Some(item) = item.filter(|_| self.may_go_on().is_ok()) {
                let offer = at_hand.as_ref().and_then(|next| self.task.next(next));
                let then = offer.as_ref().map_or(Then::Wait, Then::Offer);
                if let Err(e) = self.take(&mut delivery, item.number, Ok(item), then) {
                    held(&self.stop).get_or_insert(e);
                }
            }
            if over {
                break;
            }
        }
        delivery.quit()
    }

    /// Whether this connection can be done without.
    fn one_less(&self) -> bool {
        let mut workers = held(&self.workers);
        let others = *workers > 1;
        *workers -= usize::from(others);
        others
    }
}

pub(super) fn checked(e: Error) -> (Stage, Error) {
    (Stage::Check, e)
}

pub(super) fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
