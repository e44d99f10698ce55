//! [`Carrier`]: a runner's connections, and what it tells of its work.

use super::hop::Hop;
use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::outgoing::ehlo_name;
use crate::cli::route::{self, Direct, Routing};
use crate::client::smtp::Client;
use crate::error::{Error, Exit, Result};
use crate::net::endpoint::{Endpoint, Service};
use crate::net::trace::TraceTo;
use crate::proto::mailbox::Mailbox;
use crate::queue::{Entry, Event, Post, Recipient, Status, Trouble};
use std::sync::{Mutex, PoisonError};

/// What a runner tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// What needs somebody: a hop that is paused, an entry that is broken.
    Trouble,
    /// Every attempt.
    Steps,
}

/// Writes an attempt for programs.
pub type Attempts = Box<dyn Fn(&Entry, &Recipient) + Send + Sync>;

/// A runner's connections: each worker takes a way to servers that nobody else uses.
pub struct Carrier {
    program: &'static str,
    common: Common,
    trace: Option<TraceTo>,
    telling: Telling,
    attempts: Option<Attempts>,
    free: Mutex<Vec<Reach>>,
    domains: Vec<String>,
    hidden: Vec<String>,
    first: Mutex<Option<Exit>>,
}

impl Carrier {
    /// For `program`, whose flags are `common`; `reach` is the first way.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn new(
        program: &'static str,
        common: &Common,
        reach: Reach,
        telling: Telling,
        attempts: Option<Attempts>,
    ) -> Result<Carrier> {
        let mut domains = reach.accounts().domains()?.to_vec();
        domains.extend(["localhost".to_owned(), crate::cli::system::node_name(), crate::cli::system::host_name()]);
        Ok(Carrier {
            program,
            common: common.clone(),
            trace: reach.trace().cloned(),
            telling,
            attempts,
            hidden: reach.accounts().hidden()?,
            domains,
            free: Mutex::new(vec![reach]),
            first: Mutex::new(None),
        })
    }

    /// The program that it is part of.
    pub(super) fn program(&self) -> &'static str {
        self.program
    }

    /// The status of the first trouble with us, if there was one.
    #[must_use]
    pub fn trouble(&self) -> Option<Exit> {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self) -> Result<Reach> {
        if let Some(reach) = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(reach);
        }
        // The trace is open already, and there is only one.
        let common = Common { trace: None, trace_data: false, ..self.common.clone() };
        let reach = Reach::new(self.program, &common)?;
        Ok(match &self.trace {
            Some(trace) => reach.with_trace(trace.clone()),
            None => reach,
        })
    }
}

/// A connection to an account's server, or the next of its relays.
fn to_account(reach: &Reach, name: &str) -> Result<Client> {
    let accounts = reach.accounts();
    let at = accounts.named(name, Service::Smtp)?;
    route::open(reach, &at, None)
}

/// A connection to one of a domain's servers.
fn to_domain(reach: &Reach, domain: &str, account: Option<&str>) -> Result<Client, Trouble> {
    let at = Endpoint { account: account.map(str::to_owned), ..Endpoint::direct() };
    let direct = Direct::new(reach, &at, &Routing::default(), NOBODY, false).map_err(Trouble::Ours)?;
    let mut direct = direct.ok_or_else(|| Trouble::Ours(Error::internal("no way to domains")))?;
    let plan = match direct.plan(domain) {
        Ok(plan) => plan.clone(),
        Err(no) if no.error.exit() == Exit::TempFail => return Err(Trouble::Later(no.error)),
        Err(no) if matches!(no.error.exit(), Exit::Config | Exit::Auth) => return Err(Trouble::Ours(no.error)),
        Err(no) => return Err(Trouble::Never(no.error, no.enhanced)),
    };
    direct.connect(&plan).map_err(|e| match e.exit() {
        Exit::Config | Exit::Auth | Exit::NoInput => Trouble::Ours(e),
        // What servers of others do, they may do otherwise later.
        _ => Trouble::Later(e),
    })
}

/// The steps of a way are told by nobody here.
const NOBODY: &str = "";

impl Carrier {
    fn to(&self, reach: &Reach, hop: &str) -> Result<Client, Trouble> {
        let ours = |e: Error| match e.exit() {
            // It may be reached later; whatever else an account's own server says is about us.
            Exit::TempFail => Trouble::Later(e),
            _ => Trouble::Ours(e),
        };
        match Hop::of(hop) {
            Hop::Account(name) => to_account(reach, &name).map_err(ours),
            Hop::Domains(_) => Err(Trouble::Ours(Error::internal("a way to nobody"))),
            Hop::Domain(domain, account) => to_domain(reach, &domain, account.as_deref()),
            Hop::Tree(root) => {
                let wire = crate::cli::local::to_tree(&root, reach.accounts()).map_err(ours)?;
                let name = ehlo_name(&self.host(), &wire);
                Client::open(wire, Service::Smtp, &name, None).map_err(ours)
            }
        }
    }
}

impl Post for Carrier {
    fn connect(&self, hop: &str) -> Result<Client, Trouble> {
        let reach = self.reach().map_err(Trouble::Ours)?;
        let connected = self.to(&reach, hop);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(reach);
        connected
    }

    fn way_back(&self, entry: &Entry, sender: &Mailbox, hop: &str) -> String {
        let local = self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(sender.domain()));
        // A whole system's users have no mailboxes of ours.
        let local = local && entry.uid.is_none();
        match (&entry.origin, local, Hop::of(hop)) {
            (Some(root), true, _) => Hop::Tree(root.into()).to_string(),
            (None, true, _) => "local:".to_owned(),
            (_, false, Hop::Domain(_, account)) => Hop::Domains(account).towards(sender).to_string(),
            (_, false, _) => hop.to_owned(),
        }
    }

    fn host(&self) -> String {
        crate::cli::system::host_name()
    }

    fn hidden(&self) -> Vec<String> {
        self.hidden.clone()
    }

    fn hear(&self, event: &Event<'_>) {
        let tell = |text: String, advice: Option<&str>| complain(self.program, &text, advice);
        let steps = self.telling == Telling::Steps;
        match event {
            Event::Paused(hop, why) => {
                self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why.exit());
                let text = format!("{hop} is paused: {why}");
                tell(text, Some("nothing is lost or given up; after mending it, smtp-queue retry --all tries at once"));
            }
            Event::Broken(id, why) => tell(format!("{id} is held: {why}"), None),
            Event::Dropped(entry) => tell(format!("{}: a notification that nobody takes is dropped", entry.id), None),
            Event::Hook(entry, why) => tell(format!("{}: the hook has failed: {why}", entry.id), None),
            Event::Notified(entry, id) if steps => tell(format!("{}: {id} tells <{}>", entry.id, entry.from), None),
            Event::Notified(..) => {}
            Event::Tried(entry, to) => {
                if let Some(attempts) = &self.attempts {
                    attempts(entry, to);
                }
                if steps {
                    let code = to.code.map(|code| format!("{code} ")).unwrap_or_default();
                    let twice = if to.doubtful && to.status == Status::Done { " (possible duplicate)" } else { "" };
                    let text = format!("{}: {}: {}{twice}: {code}{}", entry.id, to.address, to.status.word(), to.text);
                    tell(text, None);
                }
            }
        }
    }
}
