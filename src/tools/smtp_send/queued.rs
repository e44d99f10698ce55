//! Messages that are stored instead of sent, or because they can't be sent now, and keys under which only one is.

use super::SmtpSend;
use super::inputs::Item;
use super::run::{Run, Task};
use crate::cli::connect::Reach;
use crate::cli::queue::{enqueue, settle, warn_if_forsaken};
use crate::client::smtp::{Envelope, Outcome};
use crate::error::{Error, Exit, Fate, Result};
use crate::net::endpoint::{Endpoint, Place};
use crate::proto::mailbox::Mailbox;
use crate::queue::{Key, Queue};
use std::cell::Cell;

/// The queue, and what it is for.
pub(super) struct Queued {
    queue: Option<Queue>,
    /// Messages are stored now and sent later.
    stores: bool,
    /// The account, as the queue names it.
    hop: String,
    /// Whether something was stored.
    has: Cell<bool>,
}

impl Queued {
    /// What the flags and the account say.
    ///
    /// # Errors
    /// 64: a key for many messages; those of [`Queue::open`].
    pub(super) fn new(flags: &SmtpSend, reach: &Reach, at: &Endpoint) -> Result<Queued> {
        let many = flags.mbox || flags.compose.has_variables();
        if many && flags.queueing.idempotency_key.is_some() {
            return Err(Error::usage("--idempotency-key is for one message, and these may be many"));
        }
        let stores = flags.queueing.stores(reach, at)?;
        if at.place == Place::Direct && (stores || flags.queueing.queue_on_tempfail) {
            return Err(Error::usage("what goes straight to other servers (--direct) can't be queued yet"));
        }
        let queue = if flags.dry_run { None } else { flags.queueing.open(stores)? };
        Ok(Queued { queue, stores, hop: reach.accounts().hop(flags.account.as_deref())?, has: Cell::new(false) })
    }
}

impl Task<'_> {
    /// Says so, if what was stored will lie there.
    ///
    /// # Errors
    /// 74, 75: the queue can't be read.
    pub(super) fn warn(&self) -> Result<()> {
        match &self.queued.queue {
            Some(queue) if self.queued.has.get() => warn_if_forsaken(queue, super::NAME),
            _ => Ok(()),
        }
    }
}

impl Run<'_, '_, '_> {
    /// Stores a message, or sends it, or does nothing because its key is used. `Ok` has the outcomes that are not reported yet.
    ///
    /// # Errors
    /// Nobody got it, and it is not stored.
    pub(super) fn store_or_send(&mut self, item: &mut Item, envelope: &Envelope) -> Result<Vec<Outcome>> {
        let task = self.task;
        let (flags, queued) = (&task.flags.queueing, &task.queued);
        let key = match flags.claim(queued.queue.as_ref(), &task.reach)? {
            None => None,
            Some(Ok(key)) => Some(key),
            Some(Err(exit)) => {
                self.report.repeated(exit);
                return Ok(Vec::new());
            }
        };
        let key = key.as_ref();
        if let Some(queue) = queued.queue.as_ref().filter(|_| queued.stores) {
            self.store(queue, item, envelope, &envelope.to, key)?;
            return Ok(Vec::new());
        }
        let sent = self.delivery.send(envelope, &mut item.message, &mut || key.map_or(Ok(()), Key::handed_over));
        if let Some(key) = key {
            settle(key, sent.as_deref().unwrap_or_default())?;
        }
        let Some(queue) = queued.queue.as_ref().filter(|_| flags.queue_on_tempfail) else { return sent };
        match sent {
            Ok(mut outcomes) => {
                let later = outcomes.iter().filter(|outcome| outcome.fate == Fate::Later);
                let later: Vec<Mailbox> = later.map(|outcome| outcome.to.clone()).collect();
                if !later.is_empty() {
                    self.store(queue, item, envelope, &later, key)?;
                }
                outcomes.retain(|outcome| outcome.fate != Fate::Later);
                Ok(outcomes)
            }
            Err(e) if e.exit() == Exit::TempFail => {
                self.store(queue, item, envelope, &envelope.to, key)?;
                Ok(Vec::new())
            }
            Err(e) => Err(e),
        }
    }

    fn store(
        &mut self,
        queue: &Queue,
        item: &mut Item,
        envelope: &Envelope,
        to: &[Mailbox],
        key: Option<&Key<'_>>,
    ) -> Result<()> {
        let queued = &self.task.queued;
        let id = enqueue(queue, &mut item.message, envelope, to, &queued.hop, key)?;
        queued.has.set(true);
        to.iter().try_for_each(|to| self.report.queued(item.number, to, &id))
    }
}
