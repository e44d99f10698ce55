//! [`Outbound`]: mail that `local:` and mail-serve(1) take for other domains, on its way into the queue; and the runner of a server,
//! [`Delivering`].

use super::carrier::{Carrier, Telling};
use super::forever::{comes_into_being, run_forever, schedule};
use super::hop::Hop;
use crate::body::FileBody;
use crate::cli::account::Accounts;
use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::config::{Config, Onward};
use crate::error::{Local, Result};
use crate::message::facts::Facts;
use crate::net::Deadline;
use crate::net::endpoint::{Place, Service};
use crate::proto::mailbox::Mailbox;
use crate::queue::{Asked, Envelope, Queue, To};
use crate::server;
use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// The way of mail for other domains.
pub struct Outbound {
    state: PathBuf,
    queue: OnceLock<Queue>,
    hop: Hop,
    origin: Option<PathBuf>,
}

/// The way by an account, wherever it goes.
fn by(accounts: &Accounts, name: String) -> Result<Hop> {
    let at = accounts.named(&format!("{name}:"), Service::Smtp)?;
    Ok(if at.place == Place::Direct { Hop::Domains(Some(name)) } else { Hop::Account(format!("{name}:")) })
}

impl Outbound {
    /// What `[local]` says; the queue is in `state`. `origin` is the mail directory, where it is another than that of `local:`.
    /// `None`: mail for other domains is not taken.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn configured(accounts: &Accounts, state: &Path, origin: Option<&Path>) -> Result<Option<Outbound>> {
        let hop = match accounts.config()?.and_then(Config::onward) {
            None => return Ok(None),
            Some(Onward::Direct) => Hop::Domains(Some("local".to_owned())),
            Some(Onward::Relay(name)) => by(accounts, name)?,
        };
        let (state, origin) = (state.to_owned(), origin.map(Path::to_owned));
        Ok(Some(Outbound { state, queue: OnceLock::new(), hop, origin }))
    }

    /// By an account, wherever it goes.
    ///
    /// # Errors
    /// 64, 78: there is no such account.
    pub fn by(accounts: &Accounts, name: &str, state: &Path) -> Result<Outbound> {
        let (state, hop) = (state.to_owned(), by(accounts, name.to_owned())?);
        Ok(Outbound { state, queue: OnceLock::new(), hop, origin: None })
    }

    /// The queue, opened when it is needed for the first time.
    ///
    /// # Errors
    /// Those of [`Queue::open`].
    pub fn queue(&self) -> Result<&Queue> {
        if let Some(queue) = self.queue.get() {
            return Ok(queue);
        }
        let opened = Queue::open(&self.state)?;
        Ok(self.queue.get_or_init(|| opened))
    }

    /// Where mail for somebody goes next, as the queue names it.
    #[must_use]
    pub fn hop(&self, to: &Mailbox) -> String {
        self.hop.towards(to).to_string()
    }

    /// Takes a message over for those of its recipients who are elsewhere: it is on stable storage then. Its name in the queue.
    ///
    /// # Errors
    /// 73, 74, 75: it can't be stored, and nothing of it is.
    pub fn take(&self, envelope: &server::Envelope, message: &mut server::mailbox::Draft) -> Result<String> {
        let queue = self.queue()?;
        let mut draft = queue.draft()?;
        let mut facts = Facts::default();
        let mut body = FileBody::new(message.onward()?, "a message on its way in");
        draft.copy(&mut body, |piece| facts.push(piece))?;
        facts.end();
        let (mut to, mut named): (Vec<To>, HashSet<&Mailbox>) = Default::default();
        for recipient in &envelope.recipients {
            let (server::Destination::Elsewhere, Some(address)) = (&recipient.destination, &recipient.rcpt.to) else {
                continue;
            };
            // Who is named twice gets it once.
            if named.insert(address) {
                let orcpt = recipient.rcpt.orcpt.as_ref().map(ToString::to_string);
                let hop = self.hop(address);
                to.push(To { address: address.clone(), hop, notify: recipient.rcpt.notify, orcpt, unknown: None });
            }
        }
        draft.commit(&Envelope {
            from: envelope.mail.from.clone(),
            size: facts.size_smtp(),
            eight_bit: facts.eight_bit > 0,
            utf8_header: facts.eight_bit_header,
            asked: Asked::default(),
            ret: envelope.mail.ret,
            envid: envelope.mail.envid.clone(),
            origin: self.origin.clone(),
            uid: None,
            to,
        })
    }
}

/// The runner of a server, on a thread of its own. It ends with `stop`, and is waited for when this is dropped.
pub struct Delivering {
    thread: Option<JoinHandle<()>>,
}

impl Delivering {
    /// Starts it for the queue in `state`, which may come into being later, until `stop` is readable. Its accounts are those of the
    /// configuration that `common` names.
    ///
    /// # Errors
    /// 74: no thread; 78: the configuration is wrong.
    pub fn start(program: &'static str, common: &Common, state: &Path, stop: Arc<OwnedFd>) -> Result<Delivering> {
        let common = Common { config: common.config.clone(), ..Common::default() };
        let reach = Reach::new(program, &common)?;
        let schedule = schedule(&reach)?;
        let carrier = Carrier::new(program, &common, reach, Telling::Trouble, None)?;
        let state = state.to_owned();
        let work = move || {
            if let Some(queue) = comes_into_being(program, &state, stop.clone()) {
                run_forever(&queue, &schedule, &carrier, stop);
            }
        };
        let thread = std::thread::Builder::new().name("queue".into()).spawn(work).local("no thread")?;
        Ok(Delivering { thread: Some(thread) })
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        // What it has in its hands may come to its end; a server that is slow does not keep us, and what becomes of its message is
        // for the next runner to find out.
        let Some(thread) = self.thread.take() else { return };
        let until = Deadline::after(FINISH);
        while !thread.is_finished() && !until.passed() {
            std::thread::sleep(PAUSE);
        }
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}

/// How long a delivery may take when the end has come.
const FINISH: Duration = Duration::from_secs(8);
/// Between two looks whether it is over.
const PAUSE: Duration = Duration::from_millis(10);
