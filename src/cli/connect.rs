//! From the arguments to a connection: the account, the login, the trace, the deadline.

use super::account::Accounts;
use super::args::Common;
use super::exit::complain;
use super::world::local_user;
use crate::client::{Dial, Login, Proof};
use crate::error::{Error, Local, Result};
use crate::net::dial::{CONNECT, Route};
use crate::net::endpoint::{Endpoint, Place, Protection, Service};
use crate::net::trace::TraceTo;
use crate::net::wire::Upgrade;
use crate::net::{Deadline, Wire};
use crate::secret::Secret;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// What a file with a secret may have.
const PRIVATE: u64 = 1 << 20;

/// See [`Reach::patience`].
const PATIENCE: Duration = Duration::from_secs(60);

/// How this program reaches servers.
pub struct Reach {
    /// The program, if it tells its steps.
    tells: Option<&'static str>,
    trace: Option<TraceTo>,
    whole: Deadline,
    accounts: Accounts,
}

impl Reach {
    /// Opens the trace, and the configuration if one is named, and reads the certificates.
    ///
    /// # Errors
    /// 73: the trace can't be made; 78: the configuration is missing or wrong; 66, 78: a certificate can't be read, or its key is
    /// open to others.
    pub fn new(program: &'static str, common: &Common) -> Result<Reach> {
        let trace = Reach::open_trace(common)?.map(|to| TraceTo::new(to, common.trace_data));
        let whole = common.timeout.map_or(Deadline::NEVER, Deadline::after);
        let tells = common.verbose.then_some(program);
        let accounts = Accounts::new(common, whole)?;
        accounts.check_certificates()?;
        Ok(Reach { tells, trace, whole, accounts })
    }

    /// What `--trace` names.
    ///
    /// # Errors
    /// 73: it can't be made.
    pub fn open_trace(common: &Common) -> Result<Option<Box<dyn Write + Send>>> {
        Ok(match common.trace.as_deref() {
            None => None,
            Some(name) if name == "-" => Some(Box::new(std::io::stderr())),
            Some(name) => {
                let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
                let mut options = OpenOptions::new();
                let options = options.append(true).create(true).mode(0o600).custom_flags(nofollow);
                Some(Box::new(options.open(name).creating(Path::new(name).display())?))
            }
        })
    }

    /// The same, with its dialogues written there.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceTo) -> Reach {
        self.trace = Some(trace);
        self
    }

    /// The same for other accounts, which the flags about the first one have nothing to say about.
    ///
    /// # Errors
    /// As [`Reach::new`].
    pub fn for_targets(&self) -> Result<Reach> {
        let common = Common { config: self.accounts.flags.config.clone(), ..Common::default() };
        let (tells, trace, whole) = (self.tells, self.trace.clone(), self.whole);
        Ok(Reach { tells, trace, whole, accounts: Accounts::new(&common, whole)? })
    }

    /// The same, and the trace tells when each line was said.
    #[must_use]
    pub fn with_times(mut self) -> Reach {
        self.trace = self.trace.map(TraceTo::with_times);
        self
    }

    /// The accounts that arguments may name, and what is set for them.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Where dialogues are written.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceTo> {
        self.trace.as_ref()
    }

    /// The end of the whole operation.
    #[must_use]
    pub fn whole(&self) -> Deadline {
        self.whole
    }

    /// The whole operation begins now, and what came before took no time.
    pub fn begin(&mut self) {
        self.whole = self.accounts.flags.timeout.map_or(Deadline::NEVER, Deadline::after);
        self.accounts.whole = self.whole;
    }

    /// How long to wait for a maildrop that another session has: `--timeout`, or a minute.
    #[must_use]
    pub fn patience(&self) -> Deadline {
        if self.whole == Deadline::NEVER { Deadline::after(PATIENCE) } else { self.whole }
    }

    /// Whether a password may go out to `at` without TLS: pipepost(7), "SECRETS".
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn may_send_in_clear(&self, at: &Endpoint) -> Result<bool> {
        let said = self.accounts.settings(at)?.cleartext_login.is_some_and(|set| set.value);
        Ok(said || at.cleartext_allowed() && socket_is_trusted(at))
    }

    /// The name of who logs in at `at`, as histories know it; empty where the connection itself tells.
    ///
    /// # Errors
    /// As [`Reach::login`].
    pub fn login_name(&self, at: &Endpoint) -> Result<String> {
        match (&at.place, &at.user) {
            (Place::Local(named), _) => local_user(named.as_deref()),
            (_, Some(user)) => Ok(user.clone()),
            (_, None) => Ok(self.login(at)?.map(|login| login.user).unwrap_or_default()),
        }
    }

    /// Who logs in at `at`. `None` where nobody has to: SMTP without a user.
    ///
    /// # Errors
    /// 64: a user or password is missing; 66, 77, 78: the password can't be had.
    pub fn login(&self, at: &Endpoint) -> Result<Option<Login>> {
        let allowed = self.may_send_in_clear(at)?;
        if let Place::Local(named) = &at.place {
            let nothing = Secret::new(Vec::new());
            return Ok(match at.service {
                Service::Smtp | Service::Lmtp => None,
                Service::Pop3 | Service::Imap => {
                    Some(Login::by_password(local_user(named.as_deref())?, nothing, allowed))
                }
            });
        }
        match self.accounts.login(at)? {
            Some((user, proof)) => Ok(Some(self.login_by(at, user, proof)?)),
            None if matches!(at.service, Service::Smtp | Service::Lmtp) => Ok(None),
            // Who is at the other end may know us.
            None if at.service == Service::Imap && matches!(at.place, Place::Unix(_) | Place::Tunnel) => Ok(None),
            None => Err(Error::usage(format!("{at}: no user")).advise("put it into the URL: imap+plain://USER@HOST")),
        }
    }
}

impl Reach {
    /// What `user` logs in with at `at`, and all that the account says of it.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn login_by(&self, at: &Endpoint, user: String, proof: Proof) -> Result<Login> {
        let server = match &at.place {
            Place::Host(host, port) => Some((host.clone(), *port)),
            _ => None,
        };
        let mechanisms = self.accounts.auth(at)?.map(|(named, _)| named).unwrap_or_default();
        Ok(Login { server, mechanisms, ..Login::new(user, proof, self.may_send_in_clear(at)?) })
    }
}

/// A Unix socket is as good as whoever made it: root, or we.
fn socket_is_trusted(at: &Endpoint) -> bool {
    let Place::Unix(path) = &at.place else { return true };
    let us = rustix::process::getuid().as_raw();
    std::fs::metadata(path).is_ok_and(|meta| meta.uid() == us || meta.uid() == 0)
}

impl Dial for Reach {
    fn dial(&self, at: &Endpoint, deadline: Deadline) -> Result<Wire> {
        let way = self.way(at)?;
        let deadline = self.connecting(deadline);
        let addresses = way.addresses(deadline)?;
        let mut wire = way.connect(&addresses, deadline)?;
        if at.protection == Protection::Implicit && wire.wants_tls().is_some() {
            wire.start_tls()?;
        }
        Ok(wire)
    }
}

/// The way to a server, step by step.
pub struct Way<'r> {
    reach: &'r Reach,
    at: &'r Endpoint,
    route: Route,
}

impl Way<'_> {
    /// As [`Route::name`].
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.route.name(self.at)
    }

    /// As [`Route::addresses`].
    ///
    /// # Errors
    /// As there.
    pub fn addresses(&self, deadline: Deadline) -> Result<Vec<SocketAddr>> {
        self.route.addresses(self.at, deadline)
    }

    /// Connects. TLS is noted on the wire, but not begun.
    ///
    /// # Errors
    /// As [`Route::connect`]; for `local:` those of a server's session.
    pub fn connect(&self, addresses: &[SocketAddr], deadline: Deadline) -> Result<Wire> {
        let mut wire = match self.at.place {
            Place::Local(_) => super::local::connect(self.at, &self.reach.accounts)?,
            _ => self.route.connect(self.at, addresses, deadline)?,
        };
        wire.whole_until(self.reach.whole);
        if let Some(trace) = &self.reach.trace {
            wire.trace(trace.clone());
        }
        if let Some(program) = self.reach.tells {
            let through = wire.through().map(|through| format!(" through {through}")).unwrap_or_default();
            complain(program, &format!("connected to {}{through}", self.at), None);
        }
        if let Some(upgrade) = self.reach.upgrade(self.at)? {
            wire.may_upgrade(upgrade);
        }
        Ok(wire)
    }
}

impl Reach {
    /// The way to a server. Nothing is done yet, but that a proxy's password is asked for.
    ///
    /// # Errors
    /// 77, 78: that password can't be had; the configuration is wrong.
    pub fn way<'r>(&'r self, at: &'r Endpoint) -> Result<Way<'r>> {
        Ok(Way { reach: self, at, route: self.accounts.route(at)? })
    }

    /// By when a connection must stand.
    #[must_use]
    pub fn connecting(&self, deadline: Deadline) -> Deadline {
        deadline.or_earlier(self.whole).or_earlier(Deadline::after(CONNECT))
    }

    /// pipepost(7), "TLS": what the scheme demands, but on a connection that stays within this machine only what was asked for.
    fn upgrade(&self, at: &Endpoint) -> Result<Option<Upgrade>> {
        let name = match &at.place {
            Place::Local(_) | Place::Tunnel | Place::Direct => return Ok(None),
            Place::Host(host, _) => host.clone(),
            Place::Unix(_) => "localhost".to_owned(),
        };
        let tls = self.accounts.tls(at)?;
        let (verify, demanded) = match at.protection {
            Protection::Plain => return Ok(None),
            Protection::Default if at.is_loopback() => (tls.is_explicit(), false),
            Protection::Default | Protection::StartTls | Protection::Implicit => (true, true),
        };
        Ok(Some(Upgrade { tls, name, verify, demanded }))
    }
}

/// A file that only its owner can read; `what` it holds.
///
/// # Errors
/// 66: it can't be read, or has more than 1 MiB; 78: it is not ours, or others may read it.
pub fn read_private(path: &Path, what: &str) -> Result<Secret> {
    let name = &path.display();
    let file = crate::config::secret::private(path, what)?;
    let mut bytes = Vec::new();
    file.take(PRIVATE + 1).read_to_end(&mut bytes).opening(name)?;
    let all = Secret::new(bytes);
    if all.expose().len() as u64 > PRIVATE {
        return Err(Error::no_input(format!("{name}: too long for {what}")));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #[test]
    fn connections_on_several_threads_share_it() {
        fn shared<T: Sync>() {}
        shared::<super::Reach>();
    }
}
