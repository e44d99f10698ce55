//! [`Submission`]: the [`World`] of those who only hand messages in, to be sent on: `sendmail -bs`, and the socket of
//! `mail-serve --system`, whose messages go into the queue ([`ToQueue`]).
//!
//! Nobody logs in: who stands at the other end is known by the connection itself. Left out: refusing a recipient before the message
//! is here, as nobody is asked before.

use super::outgoing::Outgoing;
use super::queue::onward::Outbound;
use super::rewriting::Rewriting;
use crate::client::smtp::Wants;
use crate::config::Settings;
use crate::error::{Error, Exit, Result};
use crate::message::addr::{self, Address};
use crate::message::outgoing::{each_once, or_domain};
use crate::proto::mailbox::Mailbox;
use crate::proto::sasl::Mechanism;
use crate::queue::{Asked, Envelope, To};
use crate::secret::Secret;
use crate::server::{self, Arriving, Denied, Destination, Limits, Login, Refusal, World, nowhere};
use crate::store::spool::Spool;
use std::sync::Arc;

/// Where messages go that are handed in.
pub trait Handed: Send {
    /// Takes one over: `Ok` when it is on stable storage, by this name in a queue, or a server's business.
    ///
    /// # Errors
    /// 65: it can't be sent, for good; any other: not now.
    fn take(&mut self, envelope: &server::Envelope, message: Spool) -> Result<Option<String>>;

    /// See [`World::longest_hold`].
    fn longest_hold(&self) -> Option<u32> {
        None
    }
}

/// A session of somebody who hands messages in.
pub struct Submission<T> {
    /// The name in greetings and `Received`.
    pub host: String,
    /// The bounds.
    pub limits: Limits,
    /// Where they go.
    pub to: T,
    /// What the last one is called in a queue.
    pub queued: Option<String>,
}

impl<T: Handed> World for Submission<T> {
    fn host(&self) -> &str {
        &self.host
    }

    fn known(&mut self) -> Result<Option<Login>> {
        Ok(None)
    }

    fn login(&mut self, _: &str, _: &Secret) -> Result<Login, Denied> {
        Err(Denied::Wrong)
    }

    fn mechanisms(&self) -> Vec<Mechanism> {
        Vec::new()
    }

    fn recipient(&mut self, _: Option<&str>, _: Option<&Mailbox>) -> Result<Destination, Refusal> {
        Ok(Destination::Elsewhere)
    }

    fn draft(&mut self, _: &server::Envelope) -> Result<Arriving> {
        Ok(Arriving::Spool(Spool::new()))
    }

    fn deliver(&mut self, envelope: &server::Envelope, message: Arriving) -> Vec<Result<()>> {
        let Arriving::Spool(spool) = message else { return nowhere(envelope) };
        let taken = self.to.take(envelope, spool).map(|name| self.queued = name);
        envelope.recipients.iter().map(|_| taken.clone()).collect()
    }

    fn queued_as(&self) -> Option<&str> {
        self.queued.as_deref()
    }

    fn longest_hold(&self) -> Option<u32> {
        self.to.longest_hold()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// An address of SMTP as messages have it.
///
/// # Errors
/// 65: messages can't have it.
pub fn address(mailbox: &Mailbox) -> Result<Address> {
    addr::parse_strict(&mailbox.to_string()).map_err(|e| e.with_exit(Exit::Data))
}

/// Whom RCPT names; Postmaster without a domain has none.
///
/// # Errors
/// As [`address`].
pub fn recipients(envelope: &server::Envelope) -> Result<Vec<Address>> {
    let one = |to: &server::Recipient| match &to.rcpt.to {
        Some(to) => address(to),
        None => addr::parse_strict("postmaster"),
    };
    envelope.recipients.iter().map(one).collect()
}

/// What the sessions of the whole system's server share.
pub struct System {
    /// The queue, and the way out of it.
    pub outbound: Outbound,
    /// HOST of the account by which mail goes on.
    pub host: String,
    /// What is set for it.
    pub settings: Settings,
    /// Names of this machine that mean nothing elsewhere: addresses there are at HOST.
    pub here: Vec<String>,
}

/// Into the queue, as the mail of a Unix user.
pub struct ToQueue {
    /// What the sessions share.
    pub system: Arc<System>,
    /// Who hands messages in; `None` is not known.
    pub uid: Option<u32>,
}

impl Handed for ToQueue {
    fn take(&mut self, envelope: &server::Envelope, mut message: Spool) -> Result<Option<String>> {
        let System { outbound, host, settings, .. } = &*self.system;
        // The aliases file may be another one by now; what is wrong with it is not the sender's business.
        let addresses = Rewriting::default().in_force(settings, host);
        let addresses = addresses.map_err(|e| e.with_exit(Exit::TempFail))?;
        let message = Outgoing::rewritten(&mut message.body()?, host, &addresses)?;
        let mut message = message.ok_or_else(|| Error::data("an empty message"))?;
        message.check(false, false)?;
        let from = envelope.mail.from.as_ref().map(address).transpose()?;
        let from = from.map(|from| self.mailbox(addresses.sender(self.elsewhere(from)))).transpose()?;
        let mut to = Vec::new();
        for (recipient, address) in envelope.recipients.iter().zip(recipients(envelope)?) {
            let expanded = addresses.recipients(vec![self.elsewhere(address)]);
            for address in expanded.map_err(|e| e.with_exit(Exit::TempFail))? {
                to.push((address, recipient));
            }
        }
        // Who is named twice gets it once, and the first asks for notifications.
        let once = each_once(to.iter().map(|(address, _)| address.clone()).collect());
        let mut all = Vec::with_capacity(once.len());
        let mut named = to.into_iter();
        for address in once {
            let recipient = named.find(|(other, _)| other.spec().eq_ignore_ascii_case(&address.spec()));
            let address = self.mailbox(address)?;
            let rcpt = recipient.map(|(_, recipient)| &recipient.rcpt);
            let orcpt = rcpt.and_then(|rcpt| rcpt.orcpt.as_ref()).map(ToString::to_string);
            let (hop, notify) = (outbound.hop(&address), rcpt.and_then(|rcpt| rcpt.notify));
            all.push(To { address, hop, notify, orcpt, unknown: None });
        }
        let crate::proto::smtp::Mail { by, hold, priority, .. } = envelope.mail.clone();
        let wants = Wants { by, hold, priority, ..Wants::default() };
        let mut draft = outbound.queue()?.draft()?;
        draft.copy(&mut message.spool.body()?, |_| ())?;
        let name = draft.commit(&Envelope {
            from,
            size: message.facts.size_smtp(),
            eight_bit: message.facts.eight_bit > 0,
            utf8_header: message.facts.eight_bit_header,
            asked: Asked::of(&wants, super::compose::now()).map_err(|e| e.with_exit(Exit::Data))?,
            ret: envelope.mail.ret,
            envid: envelope.mail.envid.clone(),
            origin: None,
            uid: self.uid,
            to: all,
        })?;
        Ok(Some(name))
    }

    /// A year.
    fn longest_hold(&self) -> Option<u32> {
        Some(365 * 24 * 60 * 60)
    }
}

impl ToQueue {
    /// What is at this machine alone is at HOST.
    fn elsewhere(&self, mut address: Address) -> Address {
        let domain = String::from_utf8_lossy(&address.domain).into_owned();
        if self.system.here.iter().any(|here| here.eq_ignore_ascii_case(&domain)) {
            address.domain.clear();
        }
        or_domain(&mut address, &self.system.host);
        address
    }

    fn mailbox(&self, address: Address) -> Result<Mailbox> {
        let spec = String::from_utf8_lossy(&address.spec()).into_owned();
        Mailbox::parse(&spec).map_err(|why| Error::data(format!("{spec}: {why}")))
    }
}
