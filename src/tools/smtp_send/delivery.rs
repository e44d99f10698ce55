//! Which server gets a message, and the connection to it, which is kept open for the next one.
//!
//! A connection that the server has closed between two messages is made anew; nothing is repeated that was handed over.

use super::run::Task;
use crate::cli::exit::complain;
use crate::cli::outgoing::Outgoing;
use crate::cli::route::{self, Direct};
use crate::client::smtp::{Client, Envelope, Outcome, Stage, Then, Wants};
use crate::error::{Error, Exit, Fate, Result};

/// A connection, or none yet.
pub(super) struct Delivery<'t> {
    task: &'t Task<'t>,
    client: Option<Client>,
    given_up: bool,
    direct: Option<Direct<'t>>,
}

impl<'t> Delivery<'t> {
    /// Nobody is connected to before there is something to send.
    ///
    /// # Errors
    /// 64, 78: it can't be done as it is asked for.
    pub(super) fn new(task: &'t Task<'t>) -> Result<Delivery<'t>> {
        Ok(Delivery { task, client: None, given_up: false, direct: task.direct()? })
    }

    /// Sends a message: `Ok` has an outcome for every recipient, in order. `then` may leave with it; `handing_over` is called right
    /// before a server may take it.
    ///
    /// # Errors
    /// Nobody got it, and at which stage: there is no way to the server, or those of [`Client::send`].
    pub(super) fn send(
        &mut self,
        envelope: &Envelope,
        message: &mut Outgoing,
        then: Then<'_>,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<Outcome>, (Stage, Error)> {
        if let Some(direct) = &mut self.direct {
            return Ok(direct.send(envelope, message, self.task.flags.parameters.recode, handing_over));
        }
        let mut outcomes = self.once(envelope, message, then, handing_over)?;
        // Those whom the server had no room for in one connection get another, while that helps.
        let mut some = !envelope.wants.all_or_nothing;
        while some && outcomes.iter().any(|outcome| outcome.untried) {
            let to = outcomes.iter().filter(|outcome| outcome.untried).map(|outcome| outcome.to.clone()).collect();
            let _ = self.quit();
            let rest = Envelope { to, ..envelope.clone() };
            let Ok(next) = self.once(&rest, message, then, handing_over) else { break };
            some = next.iter().any(|outcome| outcome.fate == Fate::Done);
            let untried = outcomes.iter_mut().filter(|outcome| outcome.untried);
            untried.zip(next).for_each(|(outcome, next)| *outcome = next);
        }
        Ok(outcomes)
    }

    fn once(
        &mut self,
        envelope: &Envelope,
        message: &mut Outgoing,
        then: Then<'_>,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<Outcome>, (Stage, Error)> {
        let open = self.client.take().and_then(|mut client| client.is_open().then_some(client));
        let mut client = match open {
            Some(client) => client,
            None => self.connect().map_err(|e| (Stage::Connect, e))?,
        };
        let unasked = self.unasked(&client, envelope);
        let envelope = unasked.as_ref().unwrap_or(envelope);
        let sent = message.send_over(&mut client, envelope, self.task.flags.parameters.recode, then, handing_over);
        self.client = Some(client);
        // What can be known beforehand is; the rest breaks off what MAIL has begun.
        sent.map_err(|e| (if e.exit() == Exit::Data { Stage::Check } else { Stage::Mail }, e))
    }

    /// As sendmail(8), which passes on what is asked of DSN where it can: the envelope without it, for a server without DSN.
    fn unasked(&self, client: &Client, envelope: &Envelope) -> Option<Envelope> {
        let Wants { notify, ret, envid, reports, .. } = &envelope.wants;
        let asked = notify.is_some() || ret.is_some() || envid.is_some() || !reports.is_empty();
        if self.task.manner.is_none() || !asked || client.extensions().dsn {
            return None;
        }
        if self.task.flags.common.verbose {
            complain(super::NAME, "the server does not offer DSN: -N, -R and -V are not passed on", None);
        }
        let reports = Default::default();
        let wants = Wants { notify: None, ret: None, envid: None, reports, ..envelope.wants.clone() };
        Some(Envelope { wants, ..envelope.clone() })
    }

    /// Connects before there is something to send.
    ///
    /// # Errors
    /// There is no way to the server.
    pub(super) fn prepare(&mut self) -> Result<()> {
        // Where to is another question for each message.
        if self.direct.is_some() || self.task.queued.stores() {
            return Ok(());
        }
        self.client = Some(self.connect()?);
        Ok(())
    }

    /// Is not to be used again.
    pub(super) fn give_up(&mut self) {
        self.given_up = true;
    }

    /// Whether it is not to be used again.
    pub(super) fn has_given_up(&self) -> bool {
        self.given_up
    }

    fn connect(&self) -> Result<Client> {
        let Task { reach, at, flags, .. } = self.task;
        route::open(reach, at, flags.common.verbose.then_some(super::NAME))
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// 76: the server has something else to say. All that was accepted stays so.
    pub(super) fn quit(&mut self) -> Result<()> {
        if let Some(direct) = &mut self.direct {
            return direct.quit();
        }
        self.client.take().map_or(Ok(()), Client::quit)
    }
}
