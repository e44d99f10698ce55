//! [`World`]: what a session acts on, and what it says to it.

use super::login::Attempts;
use super::mailbox::{Account, Draft};
use crate::error::{Error, Result};
use crate::net::tls::Identity;
use crate::proto::mailbox::Mailbox as Address;
use crate::proto::sasl::scram::Keys;
use crate::proto::sasl::{Hash, Mechanism};
use crate::proto::smtp::{Mail, Rcpt};
use crate::secret::Secret;
use crate::store::spool::Spool;
use std::time::Duration;

/// Somebody whose identity is known.
pub struct Login {
    /// The user's name.
    pub user: String,
    /// Their mailboxes.
    pub account: Account,
}

/// Why a login failed.
#[derive(Debug)]
pub enum Denied {
    /// Wrong name or password; which of them is not told.
    Wrong,
    /// Something failed here.
    Failed(Error),
}

/// Where a recipient's mail goes.
#[derive(Debug)]
pub enum Destination {
    /// Into this account's INBOX.
    Mailbox(Account),
    /// To another server, by a queue.
    Elsewhere,
}

/// A message on its way in.
pub enum Arriving {
    /// Towards mailboxes here.
    Mailbox(Draft),
    /// Towards elsewhere alone.
    Spool(Spool),
}

impl Arriving {
    /// What only mailboxes get of a message, as Return-Path (RFC 5321 4.4). Before anything else.
    ///
    /// # Errors
    /// 74: the disk is full, or fails.
    pub fn write_own(&mut self, file_form: &[u8]) -> Result<()> {
        match self {
            Arriving::Mailbox(draft) => draft.write_own(file_form),
            Arriving::Spool(_) => Ok(()),
        }
    }

    /// The next bytes, in file form (lines end with LF).
    ///
    /// # Errors
    /// 73, 74: the disk is full, or fails.
    pub fn write(&mut self, file_form: &[u8]) -> Result<()> {
        match self {
            Arriving::Mailbox(draft) => draft.write(file_form),
            Arriving::Spool(spool) => spool.push(file_form),
        }
    }
}

/// Why a recipient is refused.
#[derive(Debug)]
pub enum Refusal {
    /// A local domain, but nobody of that name: 550 5.1.1.
    NoSuchUser,
    /// Not a local domain, and no way there, or not for this client: 550 5.7.1.
    NoRoute,
    /// Something failed here: 451.
    Failed(Error),
}

/// Whom an accepted message is from and to, with all that its sender wants to hear about it (RFC 3461).
#[derive(Debug)]
pub struct Envelope {
    /// MAIL and its parameters.
    pub mail: Mail,
    /// Who has logged in, or is known by the connection itself.
    pub user: Option<String>,
    /// The accepted RCPTs, in their order.
    pub recipients: Vec<Recipient>,
}

/// One of them.
#[derive(Debug)]
pub struct Recipient {
    /// RCPT and its parameters.
    pub rcpt: Rcpt,
    /// Where that leads.
    pub destination: Destination,
}

/// The bounds that a session enforces, with their defaults.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest message, octets in wire form.
    pub message: u64,
    /// Recipients of one message; RFC 5321 4.5.3.1.8 demands at least 100.
    pub recipients: usize,
    /// The longest line of a message, CRLF included; RFC 5321 4.5.3.1.6 demands at least 1000.
    pub text_line: u64,
    /// Wrong commands in a session before it is closed.
    pub errors: u32,
    /// Commands before the first login, or since the last message that was taken, before a session is closed.
    pub commands: u32,
    /// Failed logins in a session before it is closed.
    pub logins: u32,
    /// How long the first failed login waits for its answer; each further one twice as long, up to eight times.
    pub login_delay: Duration,
    /// `Received` fields before a message is taken for a loop (RFC 5321 6.3: at least 100).
    pub hops: u32,
    /// Silence before a session is closed: SMTP 5 minutes (RFC 5321 4.5.3.2.7), POP3 10 (RFC 1939 3), IMAP 30 (RFC 3501 5.4).
    pub smtp_idle: Duration,
    /// See `smtp_idle`.
    pub pop3_idle: Duration,
    /// See `smtp_idle`.
    pub imap_idle: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message: 1 << 30,
            recipients: 1000,
            text_line: 1000,
            errors: 10,
            commands: 2000,
            logins: 3,
            login_delay: Duration::from_secs(1),
            hops: 100,
            smtp_idle: Duration::from_secs(300),
            pop3_idle: Duration::from_secs(600),
            imap_idle: Duration::from_secs(1800),
        }
    }
}

/// What a session acts on.
pub trait World: Send {
    /// The server's name, for greetings and `Received`.
    fn host(&self) -> &str;

    /// The client's identity, if the connection itself is it: a socket pair inside one program.
    ///
    /// # Errors
    /// The mailboxes can't be opened.
    fn known(&mut self) -> Result<Option<Login>>;

    /// Whom a name at login means: failures are counted for that, and [`World::login`] gets that. Here the name itself.
    fn named(&self, user: &str) -> String {
        user.to_lowercase()
    }

    /// Checks a name, as [`World::named`] gives it, and a password.
    ///
    /// # Errors
    /// See [`Denied`].
    fn login(&mut self, user: &str, password: &Secret) -> Result<Login, Denied>;

    /// By which mechanisms users can log in, the strongest first; those that bind are offered under TLS only.
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain, Mechanism::Login]
    }

    /// What SCRAM proves a password with; for a name that nobody has, keys that no password has, the same each time. `None`: there
    /// are none with that hash.
    fn keys(&mut self, _user: &str, _hash: Hash) -> Option<Keys> {
        None
    }

    /// The password itself, where it is known: CRAM-MD5 and APOP compute with it.
    fn password(&mut self, _user: &str) -> Option<Secret> {
        None
    }

    /// Lets somebody in who has proved to know the password.
    ///
    /// # Errors
    /// See [`Denied`].
    fn proven(&mut self, _user: &str) -> Result<Login, Denied> {
        Err(Denied::Wrong)
    }

    /// Where a recipient's mail goes; `None` is Postmaster without a domain. `user` has logged in, or is known by the connection
    /// itself: mail for elsewhere is taken from nobody else.
    ///
    /// # Errors
    /// See [`Refusal`].
    fn recipient(&mut self, user: Option<&str>, to: Option<&Address>) -> Result<Destination, Refusal>;

    /// Begins a message: where the first mailbox among its recipients is.
    ///
    /// # Errors
    /// 73: it can't be begun.
    fn draft(&mut self, envelope: &Envelope) -> Result<Arriving> {
        let mailbox = envelope.recipients.iter().find_map(|to| match &to.destination {
            Destination::Mailbox(account) => Some(account),
            Destination::Elsewhere => None,
        });
        let draft = mailbox.map_or_else(|| Err(Error::internal("a message without a mailbox")), Account::draft);
        draft.map(Arriving::Mailbox)
    }

    /// Takes a message over: what it says of a recipient is `Ok` when the message is on stable storage for them. A result for
    /// each recipient, in their order.
    ///
    /// The sender's wishes (RET, ENVID, NOTIFY, ORCPT) are in the envelope for a world that sends mail on; here it goes into
    /// mailboxes at once, and there is nothing to tell later.
    ///
    /// An error with [`Exit::Data`](crate::error::Exit::Data) is for good, and its words are told.
    fn deliver(&mut self, envelope: &Envelope, message: Arriving) -> Vec<Result<()>> {
        match message {
            Arriving::Mailbox(draft) => into_mailboxes(envelope, draft),
            Arriving::Spool(_) => nowhere(envelope),
        }
    }

    /// What the message that was delivered last is called in the queue that it went into, if it went into one.
    fn queued_as(&self) -> Option<&str> {
        None
    }

    /// The longest time for which a message can be held back (RFC 4865), seconds. Only a world that sends mail on out of a queue has
    /// one, which also keeps by when mail is to be delivered (RFC 2852) and how soon others have to wait for it (RFC 6710).
    fn longest_hold(&self) -> Option<u32> {
        None
    }

    /// The bounds.
    fn limits(&self) -> &Limits;

    /// The failed logins of all sessions, if they are counted.
    fn attempts(&self) -> Option<&Attempts> {
        None
    }

    /// What the server shows of itself in TLS; `None`: there is no TLS to be had.
    fn identity(&self) -> Option<&Identity> {
        None
    }
}

/// For a message that is no [`Arriving`] of this world.
#[must_use]
pub fn nowhere(envelope: &Envelope) -> Vec<Result<()>> {
    envelope.recipients.iter().map(|_| Err(Error::internal("a message without a way"))).collect()
}

/// Delivers into each INBOX; whoever is named twice gets one copy. A result for each recipient, in their order: those who are
/// elsewhere get nothing here.
#[must_use]
pub fn into_mailboxes(envelope: &Envelope, draft: Draft) -> Vec<Result<()>> {
    let mut accounts: Vec<&Account> = Vec::new();
    let mut places = Vec::with_capacity(envelope.recipients.len());
    for Recipient { destination, .. } in &envelope.recipients {
        let Destination::Mailbox(account) = destination else {
            places.push(None);
            continue;
        };
        let place = accounts.iter().position(|other| other.root() == account.root()).unwrap_or(accounts.len());
        if place == accounts.len() {
            accounts.push(account);
        }
        places.push(Some(place));
    }
    let stored = if accounts.is_empty() { Vec::new() } else { draft.deliver(&accounts) };
    let nobody = || Err(Error::internal("a recipient without a mailbox"));
    places.into_iter().map(|place| place.and_then(|n| stored.get(n)).cloned().unwrap_or_else(nobody)).collect()
}
