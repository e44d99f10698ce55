//! The way into the outgoing queue, and out of it: the flags of smtp-send(1), mail that servers take for other domains
//! ([`onward`]), the connections of a runner ([`carrier`]), and the runner that goes on ([`forever`]).

pub mod carrier;
pub mod forever;
mod hop;
pub mod onward;

pub use hop::Hop;

use super::connect::Reach;
use super::exit::complain;
use super::outgoing::Outgoing;
use crate::client::smtp::{self, Outcome};
use crate::error::{Error, Exit, Fate, Result};
use crate::message::date::Date;
use crate::net::Deadline;
use crate::net::endpoint::Endpoint;
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::Extensions;
use crate::proto::smtp::dsn::OriginalRecipient;
use crate::queue::{Asked, Claim, Envelope, Key, Queue, To};
use clap::Args;
use std::time::Duration;

/// How long a second message under one idempotency key waits for the first, without --timeout.
const PATIENCE: Duration = Duration::from_secs(60);

/// What smtp-send takes for the queue.
#[derive(Args, Clone, Debug, Default)]
pub struct Queueing {
    /// Store the message in the queue, from where smtp-queue run sends it (key: queue = true).
    #[arg(long)]
    pub queue: bool,
    /// Queue it for those recipients that can't get it now but may later.
    #[arg(long)]
    pub queue_on_tempfail: bool,
    /// Send nothing if a message was sent or queued under this key within 30 days.
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// The caller's queue, made if it is not there.
///
/// # Errors
/// Those of [`Queue::open`]; 78: no home directory.
pub fn queue() -> Result<Queue> {
    Queue::open(&super::system::state_home()?)
}

/// The caller's queue, if there is one.
///
/// # Errors
/// Those of [`Queue::open`]; 78: no home directory.
pub fn existing_queue() -> Result<Option<Queue>> {
    Queue::existing(&super::system::state_home()?)
}

/// Tells, if nobody delivers what is queued.
///
/// # Errors
/// 74, 75: the queue can't be read.
pub fn warn_if_forsaken(queue: &Queue, program: &str) -> Result<()> {
    if let Some(forsaken) = queue.forsaken()? {
        let last =
            forsaken.last.map_or_else(|| "nobody ever came".into(), |at| format!("last {}", Date::utc(at).rfc3339()));
        complain(
            program,
            &format!("mail waits in the queue, and nobody has come to deliver it for an hour ({last})"),
            Some("let smtp-queue run be started every few minutes, or keep smtp-queue run --forever running"),
        );
    }
    Ok(())
}

impl Queueing {
    /// Whether messages for `at` are stored now and sent later.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn stores(&self, reach: &Reach, at: &Endpoint) -> Result<bool> {
        Ok(self.queue || reach.accounts().settings(at)?.queue.is_some_and(|set| set.value))
    }

    /// The queue, if anything of this needs it.
    ///
    /// # Errors
    /// Those of [`Queue::open`].
    pub fn open(&self, stores: bool) -> Result<Option<Queue>> {
        let needed = stores || self.queue_on_tempfail || self.idempotency_key.is_some();
        if needed { queue().map(Some) } else { Ok(None) }
    }

    /// Takes the idempotency key. `Some(Err)`: it is used, which is the status.
    ///
    /// # Errors
    /// Those of [`Queue::claim`].
    pub fn claim<'q>(&self, queue: Option<&'q Queue>, reach: &Reach) -> Result<Option<Result<Key<'q>, Exit>>> {
        let (Some(key), Some(queue)) = (&self.idempotency_key, queue) else { return Ok(None) };
        let until = if reach.whole() == Deadline::NEVER { Deadline::after(PATIENCE) } else { reach.whole() };
        Ok(Some(match queue.claim(key, until)? {
            Claim::Ours(key) => Ok(key),
            Claim::Used => Err(Exit::Ok),
            Claim::Unknown => Err(Exit::Unknown),
        }))
    }
}

/// How messages are stored.
pub struct Storing<'s> {
    /// Where it goes next.
    pub hop: &'s Hop,
    /// Whether parts with long lines are encoded.
    pub recode: bool,
    /// What the message is stored under.
    pub key: Option<&'s Key<'s>>,
    /// Who may have got it already, and when that is tried again.
    pub unknown: (&'s [Mailbox], Duration),
}

/// Stores a message in the queue for some of its recipients: its name there.
///
/// # Errors
/// 64: what is asked for can't be kept; 65: the message can't be recoded; 73, 74, 75: it can't be stored; then nothing of it is.
pub fn enqueue(
    queue: &Queue,
    message: &mut Outgoing,
    envelope: &smtp::Envelope,
    to: &[Mailbox],
    how: &Storing<'_>,
) -> Result<String> {
    let wants = &envelope.wants;
    if wants.all_or_nothing {
        return Err(Error::usage("in the queue each recipient is on its own: --all-or-nothing can't be kept"));
    }
    let offers = Extensions { eight_bit_mime: true, smtputf8: true, ..Extensions::default() };
    let mut fitted = message.fitted(&offers, how.recode)?;
    let (spool, facts) = match &mut fitted {
        Some(fitted) => (&mut fitted.spool, &fitted.facts),
        None => (&mut message.spool, &message.facts),
    };
    let mut draft = queue.draft()?;
    draft.copy(&mut spool.body()?, |_| ())?;
    let reports = wants.notify.is_some() || wants.ret.is_some() || wants.envid.is_some();
    let to = to.iter().map(|address| {
        let report = wants.reports.get(address);
        // RFC 3461 4.2: what the sender wrote is what the sender knows again.
        let original = match report {
            Some(report) => report.original.clone(),
            None if reports => OriginalRecipient::of(&address.to_string()),
            None => None,
        };
        To {
            address: address.clone(),
            hop: how.hop.towards(address).to_string(),
            notify: report.map_or(wants.notify, |report| report.notify),
            orcpt: original.map(|original| original.to_string()),
            unknown: Some(how.unknown.1).filter(|_| how.unknown.0.contains(address)),
        }
    });
    let envelope = Envelope {
        from: envelope.from.clone(),
        size: facts.size_smtp(),
        eight_bit: facts.eight_bit > 0,
        utf8_header: facts.eight_bit_header,
        asked: Asked::of(wants, super::compose::now())?,
        ret: wants.ret,
        envid: wants.envid.clone(),
        origin: None,
        uid: None,
        to: to.collect(),
    };
    match how.key {
        Some(key) => key.commit(draft, &envelope),
        None => draft.commit(&envelope),
    }
}

/// Writes down under a key what has become of a message.
///
/// # Errors
/// 74, 75: the database.
pub fn settle(key: &Key<'_>, outcomes: &[Outcome]) -> Result<()> {
    if outcomes.iter().any(|outcome| outcome.fate == Fate::Done) {
        key.done()
    } else if outcomes.iter().any(|outcome| outcome.fate == Fate::Unknown) {
        Ok(())
    } else {
        key.forget()
    }
}
