//! Where messages go: to the account's server, to one of its relays, or straight to the servers of each recipient's domain,
//! [`Direct`]; and the flags that say so.

mod explain;
mod policies;

pub use explain::explain;

use super::connect::Reach;
use super::exit::complain;
use super::outgoing::{Outgoing, ehlo_name};
use crate::client::smtp::{Client, Envelope, Outcome, Then};
use crate::client::{Dial, opened};
use crate::config::{Config, Through};
use crate::error::{Error, Exit, Result};
use crate::net::dns::{self, Resolver};
use crate::net::endpoint::{Endpoint, Place, Service};
use crate::net::mx::{self, Hop, NoWay, Plan, Planner, Protection};
use crate::net::resolve::Family;
use crate::net::tls::Tls;
use crate::net::wire::Upgrade;
use crate::net::{Deadline, Wire};
use crate::text::domain::to_ascii;
use clap::Args;
use policies::Source;
use std::cell::Cell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long the questions for one domain may take.
const QUESTIONS: Duration = Duration::from_secs(60);
/// How long a plan is good where no record says so: a literal, or that there is no way.
const FRESH: Duration = Duration::from_secs(60);
/// The bounds of what records may say.
const TTL: (u32, u32) = (1, 3600);
/// The port of policies.
const HTTPS: u16 = 443;

/// The flags.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Route")]
pub struct Routing {
    /// Deliver straight to the mail servers of each recipient's domain (MX), not to the account's server.
    #[arg(long)]
    pub direct: bool,
    /// Tell the way to each recipient, and why it is that; send nothing.
    #[arg(long)]
    pub explain: bool,
    /// Ask this DNS resolver (default: those of /etc/resolv.conf).
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = dns::server)]
    pub resolver: Option<SocketAddr>,
    /// What the resolver calls proved is so: it validates, and the way to it is safe.
    #[arg(long)]
    pub resolver_validates: bool,
    /// Ports of mail servers and of their policies, for tests (default: 25,443).
    #[arg(long, value_name = "SMTP,HTTPS", value_parser = ports)]
    pub direct_ports: Option<(u16, u16)>,
}

fn ports(text: &str) -> Result<(u16, u16), String> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let both = text.split_once(',').and_then(|(smtp, https)| Some((port(smtp)?, port(https)?)));
    both.ok_or_else(|| format!("{text}: not two ports like 25,443"))
}

/// The server of the account that `argument` names; with `--direct` an account may have none.
///
/// # Errors
/// As [`Accounts::flag`](super::account::Accounts::flag).
pub fn account(reach: &Reach, argument: Option<&str>, flags: &Routing) -> Result<Endpoint> {
    if flags.direct && argument.is_none() && super::account::variable()?.is_none() {
        let default = reach.accounts().config()?.and_then(Config::default).map(|set| set.value.clone());
        return Ok(Endpoint { account: default.filter(|name| name != "local"), ..Endpoint::direct() });
    }
    let at = reach.accounts().flag(argument, Service::Smtp)?;
    Ok(if flags.direct { Endpoint { account: at.account, ..Endpoint::direct() } } else { at })
}

/// The servers of the account of `at`, in the order in which they are tried.
///
/// # Errors
/// 78: the configuration is wrong.
pub fn relays(reach: &Reach, at: &Endpoint) -> Result<Vec<Endpoint>> {
    let further = reach.accounts().settings(at)?.routing.relays.map(|set| set.value).unwrap_or_default();
    let further = further.into_iter().map(|relay| Endpoint { account: at.account.clone(), ..relay });
    Ok([at.clone()].into_iter().chain(further).collect())
}

/// Opens a session with the first of the account's servers that has one for us. Another one is tried only where the one before can't
/// be reached, or refuses for now: it knows nothing of a message yet. `tell` is the program, if it tells its steps.
///
/// # Errors
/// The last server's, or that of the first which refuses for good.
pub fn first<T>(relays: &[Endpoint], tell: Option<&str>, open: impl Fn(&Endpoint) -> Result<T>) -> Result<T> {
    let mut ended = Err(Error::internal("an account without servers"));
    for (n, at) in relays.iter().enumerate() {
        ended = open(at);
        let next = relays.get(n.saturating_add(1));
        match (&ended, next, tell) {
            (Err(e), Some(_), _) if e.exit() != Exit::TempFail => return ended,
            (Err(e), Some(next), Some(program)) => complain(program, &format!("{e}; {next} is next"), None),
            (Err(_), Some(_), None) => {}
            _ => return ended,
        }
    }
    ended
}

/// Opens a session with a server of the account of `at`, see [`first`].
///
/// # Errors
/// As [`first`]; 78: the configuration is wrong.
pub fn open(reach: &Reach, at: &Endpoint, tell: Option<&str>) -> Result<Client> {
    let host = reach.accounts().host(at)?;
    first(&relays(reach, at)?, tell, |at| {
        let login = reach.login(at)?;
        opened(login.as_ref(), |login| {
            let wire = reach.dial(at, Deadline::NEVER)?;
            let name = ehlo_name(&host, &wire);
            Client::open(wire, at.service, &name, login)
        })
    })
}

/// Delivery straight to the servers of domains.
pub struct Direct<'r> {
    reach: &'r Reach,
    program: &'static str,
    verbose: bool,
    /// Whose settings hold.
    at: Endpoint,
    host: String,
    own_names: Vec<String>,
    resolver: Resolver,
    ports: (u16, u16),
    seed: u64,
    /// Until when it is good, and what it is.
    plans: HashMap<String, (Deadline, Result<Plan, NoWay>)>,
    /// The last connection, and the domain that it was for.
    open: Option<(String, Client)>,
}

impl<'r> Direct<'r> {
    /// As the flags say and the account of `at`; `None`: it has a server.
    ///
    /// # Errors
    /// 64: a pin, which is one server's; 78: the configuration is wrong.
    pub fn new(
        reach: &'r Reach,
        at: &Endpoint,
        flags: &Routing,
        program: &'static str,
        verbose: bool,
    ) -> Result<Option<Direct<'r>>> {
        if !flags.direct && at.place != Place::Direct {
            return Ok(None);
        }
        let accounts = reach.accounts();
        if let Some((crate::config::Trust::Pins(_), by)) = accounts.trust(at)? {
            return Err(Error::usage(format!("{by}: a pin is for one server, and mail straight to domains has many")));
        }
        let set = accounts.settings(at)?.routing;
        let host = accounts.host(at)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
        Ok(Some(Direct {
            reach,
            program,
            verbose,
            at: Endpoint { account: at.account.clone(), ..Endpoint::direct() },
            own_names: vec![host.clone(), "localhost".to_owned()],
            host,
            resolver: resolver(reach, at, flags)?,
            ports: flags.direct_ports.or(set.ports.map(|set| set.value)).unwrap_or((mx::PORT, HTTPS)),
            seed: u64::from_le_bytes(random),
            plans: HashMap::new(),
            open: None,
        }))
    }

    /// The way of mail for a domain, which is found once in a while.
    ///
    /// # Errors
    /// That there is none, and why.
    pub fn plan(&mut self, domain: &str) -> Result<&Plan, NoWay> {
        if self.plans.get(domain).is_none_or(|(until, _)| until.passed()) {
            let (plan, good) = self.found(domain);
            if self.verbose {
                let notes = plan.as_ref().map_or_else(|no| &no.notes, |plan| &plan.notes);
                notes.iter().for_each(|note| complain(self.program, note, None));
            }
            self.plans.insert(domain.to_owned(), (Deadline::after(good), plan));
        }
        match self.plans.get(domain) {
            Some((_, plan)) => plan.as_ref().map_err(Clone::clone),
            None => Err(no_way(Error::internal("a plan that is lost"))),
        }
    }

    /// The plan, and for how long it is good.
    fn found(&self, domain: &str) -> (Result<Plan, NoWay>, Duration) {
        let ttl = Cell::new(None);
        let plan = self.asked_for(domain, &ttl);
        let good = ttl.get().map(|ttl| Duration::from_secs(ttl.clamp(TTL.0, TTL.1).into()));
        (plan, good.unwrap_or(FRESH))
    }

    fn asked_for(&self, domain: &str, ttl: &Cell<Option<u32>>) -> Result<Plan, NoWay> {
        // The DNS has A-labels (RFC 5891 4.4).
        let named = to_ascii(domain).ok_or_else(|| no_way(Error::data(format!("{domain}: no domain of IDNA"))))?;
        let route = self.reach.accounts().route(&self.at).map_err(no_way)?;
        let until = self.reach.whole().or_earlier(Deadline::after(QUESTIONS));
        let family = route.source.map_or(route.family, Family::of);
        let policies = Source {
            resolver: &self.resolver,
            tls: self.reach.accounts().tls(&self.at).map_err(no_way)?,
            port: self.ports.1,
            until,
            route,
        };
        let planner = Planner {
            resolver: &self.resolver,
            own_names: &self.own_names,
            family,
            port: self.ports.0,
            seed: self.seed,
            policies: Some(&policies),
            until,
            ttl,
        };
        planner.plan(&named)
    }

    /// Sends a message: one transaction for each domain. There is an outcome for every recipient, in order.
    pub fn send(
        &mut self,
        envelope: &Envelope,
        message: &mut Outgoing,
        recode: bool,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Vec<Outcome> {
        let mut domains: Vec<String> = Vec::new();
        let of: Vec<String> = envelope.to.iter().map(|to| to.domain().to_ascii_lowercase()).collect();
        for domain in &of {
            if !domains.contains(domain) {
                domains.push(domain.clone());
            }
        }
        let mut outcomes: Vec<Option<Outcome>> = vec![None; envelope.to.len()];
        for domain in domains {
            let whose: Vec<usize> = of.iter().enumerate().filter(|(_, of)| **of == domain).map(|(n, _)| n).collect();
            let to = whose.iter().filter_map(|n| envelope.to.get(*n).cloned()).collect();
            let part = Envelope { to, ..envelope.clone() };
            let ended = self.domain(&domain, &part, message, recode, handing_over);
            for (n, outcome) in whose.into_iter().zip(ended) {
                if let Some(place) = outcomes.get_mut(n) {
                    *place = Some(outcome);
                }
            }
        }
        outcomes.into_iter().flatten().collect()
    }

    fn domain(
        &mut self,
        domain: &str,
        envelope: &Envelope,
        message: &mut Outgoing,
        recode: bool,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Vec<Outcome> {
        let all = |e: &Error, enhanced| envelope.to.iter().map(|to| Outcome::failed(to, e, enhanced)).collect();
        let known = self.open.take_if(|(of, _)| of == domain);
        let open = known.and_then(|(_, mut client)| client.is_open().then_some(client));
        let client = match open {
            Some(client) => Ok(client),
            None => match self.plan(domain).cloned() {
                Ok(plan) => {
                    // The one before is another domain's.
                    let _ = self.quit();
                    self.connect(&plan)
                }
                Err(no) => return all(&no.error, Some(no.enhanced)),
            },
        };
        let sent = client.and_then(|mut client| {
            let sent = message.send_over(&mut client, envelope, recode, Then::Wait, handing_over);
            self.open = Some((domain.to_owned(), client));
            sent
        });
        sent.unwrap_or_else(|e| all(&e, None))
    }

    /// Opens a session with the first server that has one for us. Before MAIL every failure leads to the next one.
    ///
    /// # Errors
    /// 69, 75, 76: none of them; one that may have one later counts most.
    pub fn connect(&self, plan: &Plan) -> Result<Client> {
        let mut failure = None::<Error>;
        for hop in &plan.hops {
            match self.hop(hop) {
                Ok(client) => return Ok(client),
                Err(e) => {
                    if self.verbose {
                        complain(self.program, &e.to_string(), None);
                    }
                    if failure.as_ref().is_none_or(|before| before.exit() != Exit::TempFail) {
                        failure = Some(e);
                    }
                }
            }
        }
        Err(failure.unwrap_or_else(|| Error::internal("a plan without servers")))
    }

    fn hop(&self, hop: &Hop) -> Result<Client> {
        match self.session(hop, true) {
            // RFC 7435: who can't do it right is talked to without.
            Err(e) if hop.protection == Protection::Opportunistic && is_of_tls(&e) => {
                if self.verbose {
                    complain(self.program, &format!("{e}; again without TLS"), None);
                }
                self.session(hop, false)
            }
            // What can't be had now is asked for again, and never done without: RFC 7672 2.1.1, 8461 section 5.
            Err(e) if hop.protection != Protection::Opportunistic && e.exit() == Exit::Protocol => {
                Err(e.with_exit(Exit::TempFail))
            }
            ended => ended,
        }
    }

    fn session(&self, hop: &Hop, tls: bool) -> Result<Client> {
        let mut wire = self.wire(hop)?;
        if tls {
            wire.may_upgrade(self.upgrade(hop)?);
        }
        let shown = wire.shown();
        let name = ehlo_name(&self.host, &wire);
        let client = Client::open(wire, Service::Smtp, &name, None)?;
        if self.verbose {
            let said = match (&hop.protection, shown.get()) {
                (_, None) => "no TLS".to_owned(),
                (protection, Some(facts)) => format!("{protection}: {facts}"),
            };
            complain(self.program, &format!("{}: {said}", hop.host), None);
        }
        Ok(client)
    }

    fn wire(&self, hop: &Hop) -> Result<Wire> {
        let of = |host: String| Endpoint { place: Place::Host(host, self.ports.0), ..self.at.clone() };
        let deadline = self.reach.connecting(Deadline::NEVER);
        let at = of(hop.host.clone());
        if !matches!(self.reach.accounts().through(&at)?, Some((Through::Proxy(_), _))) {
            return self.reach.way(&at)?.connect(&hop.addresses, deadline);
        }
        let mut ended = Err(Error::internal("a server without an address"));
        for address in &hop.addresses {
            // Its name is ours to look up: the proxy may have another view of the DNS.
            let at = of(address.ip().to_string());
            let way = self.reach.way(&at)?;
            ended = way.addresses(deadline).and_then(|addresses| way.connect(&addresses, deadline));
            if ended.is_ok() {
                break;
            }
        }
        ended
    }

    fn upgrade(&self, hop: &Hop) -> Result<Upgrade> {
        let of = |tls, verify, demanded| Upgrade { tls, name: hop.host.clone(), verify, demanded };
        Ok(match &hop.protection {
            Protection::Opportunistic => of(self.reach.accounts().tls(&self.at)?, false, false),
            Protection::Encrypted => of(self.reach.accounts().tls(&self.at)?, false, true),
            Protection::Verified => of(self.reach.accounts().tls(&self.at)?, true, true),
            Protection::Dane(records, names) => of(Arc::new(Tls::dane(records.clone(), names.clone())), true, true),
        })
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// 76: the server has something else to say. All that was accepted stays so.
    pub fn quit(&mut self) -> Result<()> {
        self.open.take().map_or(Ok(()), |(_, client)| client.quit())
    }
}

/// Whom to ask for the servers of domains.
///
/// # Errors
/// 78: the configuration is wrong.
pub fn resolver(reach: &Reach, at: &Endpoint, flags: &Routing) -> Result<Resolver> {
    let set = reach.accounts().settings(at)?.routing;
    let resolver = flags.resolver.or(set.resolver.map(|set| set.value)).map_or_else(Resolver::system, Resolver::at);
    let validates = flags.resolver_validates || set.validates.is_some_and(|set| set.value);
    Ok(if validates { resolver.validating() } else { resolver })
}

/// What a resolver says when it is asked for something that everybody knows: where it is, and whether it may prove anything.
///
/// # Errors
/// 75: it does not answer.
pub fn asked(resolver: &Resolver, reach: &Reach) -> Result<String> {
    resolver.look_up("localhost", dns::Kind::A, reach.connecting(Deadline::NEVER))?;
    let servers: Vec<String> = resolver.servers().iter().map(ToString::to_string).collect();
    let trusted =
        if resolver.may_be_secure() { "its proofs count (DANE)" } else { "its proofs do not count (no DANE)" };
    Ok(format!("{}; {trusted}", servers.join(" ")))
}

fn no_way(error: Error) -> NoWay {
    NoWay { error, enhanced: "5.1.2", notes: Vec::new() }
}

/// Whether a session failed because of TLS; also if the connection was lost in the handshake.
fn is_of_tls(e: &Error) -> bool {
    e.exit() == Exit::Protocol || e.to_string().contains(": TLS: ")
}
