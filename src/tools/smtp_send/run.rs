//! The loop: each message is read, gets its envelope, is delivered and reported.

use super::SmtpSend;
use super::delivery::Delivery;
use super::inputs::{Item, is_its_own};
use super::queued::Queued;
use super::report::Report;
use super::watch::Notice;
use crate::cli::compose::one;
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::out::Out;
use crate::cli::rewriting::Addresses;
use crate::cli::route::{self, Direct};
use crate::cli::sent::Copies;
use crate::client::smtp::Outcome;
use crate::error::{Error, Exit, Fate, Result};
use crate::message::addr::Address;
use crate::net::endpoint::Endpoint;
use crate::proto::mailbox::Mailbox;

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
    /// The queue, if it is needed.
    pub queued: Queued,
}

impl<'f> Task<'f> {
    /// What the flags say.
    ///
    /// # Errors
    /// 64: a wrong argument; 78: the configuration.
    pub(super) fn new(flags: &'f SmtpSend, reach: Reach, notice: Option<Notice>) -> Result<Task<'f>> {
        let at = route::account(&reach, flags.account.as_deref(), &flags.routing)?;
        let host = reach.accounts().host(&at)?;
        let settings = reach.accounts().settings(&at)?;
        let addresses = flags.rewriting.in_force(&settings, &host)?;
        let from = settings.from.map(|from| from.value);
        let arguments = match flags.compose.has_variables() {
            true => Vec::new(),
            false => flags.recipients()?.iter().map(|text| one("recipient", text, &host)).collect::<Result<_>>()?,
        };
        let queued = Queued::new(flags, &reach, &at)?;
        Ok(Task { flags, reach, at, host, from, arguments, addresses, notice, queued })
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

    /// Sends all messages, and says goodbye.
    ///
    /// # Errors
    /// Why not all were tried; what became of the others is in the report.
    pub(super) fn all(&self, report: &mut Report<'_>) -> Result<()> {
        let settings = self.reach.accounts().settings(&self.at)?;
        let copies = self.flags.sent.copies(&self.reach, &settings, &self.at)?;
        let mut run = Run { task: self, report, delivery: Delivery::new(self)?, copies, no_way: None };
        let done = self.each(&mut |number, item| run.take(number, item));
        // What can't be sent is no reason to leave without a word.
        let gone = run.delivery.quit();
        done.and(gone)
    }
}

pub(super) struct Run<'t, 'r, 'f> {
    pub(super) task: &'t Task<'t>,
    pub(super) report: &'r mut Report<'f>,
    pub(super) delivery: Delivery<'t>,
    /// Where copies are kept.
    copies: Option<Copies<'t>>,
    /// Why nothing more can be sent.
    no_way: Option<Error>,
}

impl Run<'_, '_, '_> {
    /// Sends a message, or says why it can't be.
    fn take(&mut self, number: u64, item: Result<Item>) -> Result<()> {
        let Err(e) = item.and_then(|item| self.send(item)) else { return Ok(()) };
        if !self.task.is_many() {
            return Err(e);
        }
        self.report.skipped(number, &e);
        match e.exit() {
            exit if is_its_own(exit) => {}
            Exit::IoErr => return Err(e),
            // What is wrong with the way is wrong for the next ones too: they are only told to be left.
            _ => self.no_way = Some(e),
        }
        Ok(())
    }

    fn send(&mut self, mut item: Item) -> Result<()> {
        let to = self.task.recipients(std::mem::take(&mut item.to))?;
        match self.deliver(&mut item, &to) {
            Ok(outcomes) => {
                if let Some(copies) = &mut self.copies
                    && outcomes.iter().any(|outcome| outcome.fate == Fate::Done)
                {
                    copies.keep(&mut item.message, &item.bcc);
                }
                outcomes.iter().try_for_each(|outcome| self.report.outcome(item.number, outcome))
            }
            Err(e) => {
                if !self.task.flags.dry_run {
                    self.report.nobody(item.number, &to, &e)?;
                }
                Err(e)
            }
        }
    }

    fn deliver(&mut self, item: &mut Item, to: &[Mailbox]) -> Result<Vec<Outcome>> {
        let envelope = self.task.envelope(item, to)?;
        let notes = self.task.addresses.notes();
        if self.task.flags.dry_run || self.task.flags.common.verbose {
            notes.iter().for_each(|note| complain(super::NAME, note, None));
        }
        if self.task.flags.dry_run {
            self.report.would(item.number, &envelope, &self.task.at)?;
            return Ok(Vec::new());
        }
        match &self.no_way {
            Some(e) => Err(e.clone()),
            None => self.store_or_send(item, &envelope),
        }
    }
}
