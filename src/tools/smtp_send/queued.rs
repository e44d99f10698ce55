//! Messages that are stored instead of sent, or because they can't be sent now, and keys under which only one is.

use super::SmtpSend;
use super::delivery::Delivery;
use super::inputs::Item;
use super::run::{Run, Task, checked, held};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::queue::forever::schedule;
use crate::cli::queue::{self, Hop, Storing, enqueue, settle, warn_if_forsaken};
use crate::client::smtp::{Envelope, Outcome, Stage, Then};
use crate::error::{Error, Exit, Fate, Result};
use crate::net::endpoint::{Endpoint, Place};
use crate::proto::mailbox::Mailbox;
use crate::queue::{Key, Queue};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The queue, and what it is for.
pub(super) struct Queued {
    queue: Option<Queue>,
    /// As sendmail(8), who waits is queued: the queue is opened when somebody has to.
    at_need: bool,
    /// Messages are stored now and sent later.
    stores: bool,
    /// Where messages go next.
    hop: Hop,
    /// How long who may have got a message waits.
    unknown_wait: Duration,
    /// Whether something was stored.
    has: AtomicBool,
}

impl Queued {
    /// What the flags and the account say.
    ///
    /// # Errors
    /// 64: a key for many messages; those of [`Queue::open`].
    pub(super) fn new(flags: &SmtpSend, reach: &Reach, at: &Endpoint, as_sendmail: bool) -> Result<Queued> {
        let many = flags.mbox.is_some()
            || flags.null
            || flags.ndjson
            || !flags.files.is_empty()
            || flags.compose.has_variables();
        if many && flags.queueing.idempotency_key.is_some() {
            return Err(Error::usage("--idempotency-key is for one message, and these may be many"));
        }
        let stores = flags.queueing.stores(reach, at)?;
        let routing = &flags.routing;
        let said = routing.resolver.is_some() || routing.resolver_validates || routing.direct_ports.is_some();
        if said && at.place == Place::Direct && (stores || flags.queueing.queue_on_tempfail) {
            return Err(Error::usage("the queue keeps no --resolver, --resolver-validates and --direct-ports")
                .advise("put them into an account of the configuration, see pipepost-config(5)"));
        }
        let queue = if flags.dry_run { None } else { flags.queueing.open(stores)? };
        let hop = match at.place {
            Place::Direct => Hop::Domains(at.account.clone()),
            _ => Hop::Account(reach.accounts().hop(flags.account.as_deref())?),
        };
        // The socket of mail-serve --system leads to a queue, and nobody comes for what is in ours.
        let at_need = as_sendmail && !reach.accounts().is_spool(at)?;
        let unknown_wait = schedule(reach)?.unknown_wait;
        Ok(Queued { queue, at_need, stores, hop, unknown_wait, has: AtomicBool::new(false) })
    }
}

impl Queued {
    /// Whether messages are stored now and sent later.
    pub(super) fn stores(&self) -> bool {
        self.stores
    }
}

impl Task<'_> {
    /// Says so, if what was stored will lie there.
    ///
    /// # Errors
    /// 74, 75: the queue can't be read.
    pub(super) fn warn(&self) -> Result<()> {
        match &self.queued.queue {
            Some(queue) if self.queued.has.load(Ordering::Relaxed) => warn_if_forsaken(queue, super::NAME),
            _ => Ok(()),
        }
    }
}

impl Run<'_, '_, '_> {
    /// Stores a message, or sends it, or does nothing because its key is used. `Ok` has the outcomes that are not reported yet.
    ///
    /// # Errors
    /// Nobody got it, and it is not stored.
    pub(super) fn store_or_send(
        &self,
        delivery: &mut Delivery<'_>,
        item: &mut Item,
        envelope: &Envelope,
        then: Then<'_>,
    ) -> Result<Vec<Outcome>, (Stage, Error)> {
        let task = self.task;
        let (flags, queued) = (&task.flags.queueing, &task.queued);
        let key = match flags.claim(queued.queue.as_ref(), &task.reach).map_err(checked)? {
            None => None,
            Some(Ok(key)) => Some(key),
            Some(Err(exit)) => {
                held(&self.report).repeated(exit);
                return Ok(Vec::new());
            }
        };
        let key = key.as_ref();
        if let Some(queue) = queued.queue.as_ref().filter(|_| queued.stores) {
            self.store(queue, item, envelope, &envelope.to, key).map_err(checked)?;
            return Ok(Vec::new());
        }
        self.turn().map_err(checked)?;
        let sent = delivery.send(envelope, &mut item.message, then, &mut || key.map_or(Ok(()), Key::handed_over));
        if let Some(key) = key {
            settle(key, sent.as_deref().unwrap_or_default()).map_err(checked)?;
        }
        if queued.at_need && !flags.queue_on_tempfail {
            return self.waits(item, envelope, sent);
        }
        let Some(queue) = queued.queue.as_ref().filter(|_| flags.queue_on_tempfail) else { return sent };
        match sent {
            Ok(mut outcomes) => {
                let later = outcomes.iter().filter(|outcome| outcome.fate == Fate::Later);
                let later: Vec<Mailbox> = later.map(|outcome| outcome.to.clone()).collect();
                if !later.is_empty() {
                    self.store(queue, item, envelope, &later, key).map_err(checked)?;
                }
                outcomes.retain(|outcome| outcome.fate != Fate::Later);
                Ok(outcomes)
            }
            Err((_, e)) if e.exit() == Exit::TempFail => {
                self.store(queue, item, envelope, &envelope.to, key).map_err(checked)?;
                Ok(Vec::new())
            }
            Err(e) => Err(e),
        }
    }

    /// As sendmail(8): those who have to wait do so in the queue, and those who may have it: they get it again as a possible duplicate,
    /// with the same Message-ID. If the queue can't be had, what became of them is told as it is.
    fn waits(
        &self,
        item: &mut Item,
        envelope: &Envelope,
        sent: Result<Vec<Outcome>, (Stage, Error)>,
    ) -> Result<Vec<Outcome>, (Stage, Error)> {
        let waits = |fate: Fate| matches!(fate, Fate::Later | Fate::Unknown);
        let of = |is: &dyn Fn(Fate) -> bool| -> Vec<Mailbox> {
            match &sent {
                Ok(outcomes) => outcomes.iter().filter(|o| is(o.fate)).map(|o| o.to.clone()).collect(),
                Err((_, e)) if matches!(e.exit(), Exit::TempFail | Exit::Unknown) && is(e.fate()) => {
                    envelope.to.clone()
                }
                Err(_) => Vec::new(),
            }
        };
        let (later, unknown) = (of(&waits), of(&|fate| fate == Fate::Unknown));
        if later.is_empty() {
            return sent;
        }
        let how = Storing { unknown: (&unknown, self.task.queued.unknown_wait), ..self.how(None) };
        let stored = match &self.task.queued.queue {
            Some(queue) => enqueue(queue, &mut item.message, envelope, &later, &how),
            None => queue::queue().and_then(|queue| {
                let id = enqueue(&queue, &mut item.message, envelope, &later, &how)?;
                // That it is stored is what counts.
                let _ = warn_if_forsaken(&queue, super::NAME);
                Ok(id)
            }),
        };
        match stored {
            Ok(id) => {
                later.iter().try_for_each(|to| held(&self.report).queued(item, to, &id)).map_err(checked)?;
                item.queued = Some((later, id));
                Ok(sent.map(|outcomes| outcomes.into_iter().filter(|o| !waits(o.fate)).collect()).unwrap_or_default())
            }
            Err(e) => {
                complain(super::NAME, &format!("not queued: {e}"), e.advice());
                sent
            }
        }
    }

    fn how<'k>(&'k self, key: Option<&'k Key<'k>>) -> Storing<'k> {
        Storing {
            hop: &self.task.queued.hop,
            recode: self.task.flags.parameters.recode,
            key,
            unknown: (&[], Duration::ZERO),
        }
    }

    fn store(
        &self,
        queue: &Queue,
        item: &mut Item,
        envelope: &Envelope,
        to: &[Mailbox],
        key: Option<&Key<'_>>,
    ) -> Result<()> {
        let queued = &self.task.queued;
        let how = self.how(key);
        let id = enqueue(queue, &mut item.message, envelope, to, &how)?;
        queued.has.store(true, Ordering::Relaxed);
        to.iter().try_for_each(|to| held(&self.report).queued(item, to, &id))?;
        item.queued = Some((to.to_vec(), id));
        Ok(())
    }
}
