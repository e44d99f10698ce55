//! Tokens of OAuth 2.0: from whom, by which way, and what becomes of them.

use super::{MailLogin, NAME};
use crate::cli::Outcome;
use crate::cli::account::{logins, logins_file, store_key};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::session::look_in;
use crate::cli::token::{Keeper, before, granted, revoke, server};
use crate::client::oauth::{Attempt, Client, OAuth as Asks, Redirect, Tokens};
use crate::client::{Dial, Proof, Token};
use crate::config::Set;
use crate::config::oauth::{Flow, OAuth, Provider, is_tenant};
use crate::config::secret::{Source, Whose, no_core_dumps};
use crate::error::{Error, Exit, Local, Result, words};
use crate::net::Deadline;
use crate::net::endpoint::{Endpoint, Service};
use crate::store::logins::{Key, Logins, Stored};
use crate::store::tokens::Grant;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a browser is waited for.
const BROWSER: Duration = Duration::from_secs(15 * 60);

/// How tokens are got.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// Get tokens from PROVIDER: gmail, microsoft, or the https:// URL of an issuer (default: what the account says).
    #[arg(long, value_name = "PROVIDER", conflicts_with_all = ["list", "forget", "store_command"])]
    oauth: Option<String>,
    /// Log in with a code that is typed in on any device.
    #[arg(long, group = "flow", conflicts_with_all = ["list", "forget", "token", "store_command"])]
    device: bool,
    /// Log in in a browser on this machine, on a page whose address is shown.
    #[arg(long, group = "flow", conflicts_with_all = ["list", "forget", "token", "store_command"])]
    browser: bool,
    /// Start $BROWSER with that page.
    #[arg(long, conflicts_with_all = ["device", "client_credentials", "list", "forget", "token", "store_command"])]
    open: bool,
    /// Log in as the client itself, without a user.
    #[arg(long, group = "flow", conflicts_with_all = ["list", "forget", "token", "store_command"])]
    client_credentials: bool,
    /// The client that is registered with the provider; none is built in.
    #[arg(long, value_name = "ID", conflicts_with_all = ["list", "forget", "token", "store_command"])]
    client_id: Option<String>,
    /// Read its secret from the first line of FILE, which nobody else may read.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "forget", "token", "store_command"])]
    client_secret_file: Option<PathBuf>,
    /// What the tokens are for, a word each; may be repeated (default: what the provider calls mail).
    #[arg(long, value_name = "WORD", conflicts_with_all = ["list", "forget", "token", "store_command"])]
    scope: Vec<String>,
    /// The organisation, for microsoft: its domain or identifier (default: common).
    #[arg(long, value_name = "NAME", conflicts_with_all = ["list", "forget", "token", "store_command"])]
    tenant: Option<String>,
}

/// Servers where the same tokens log the same user in.
pub(super) struct Group {
    oauth: OAuth,
    /// Who says so: a flag, or the configuration's line.
    by: String,
    user: String,
    servers: Vec<Endpoint>,
}

impl Flags {
    fn flow(&self) -> Option<Flow> {
        match (self.device, self.browser || self.open, self.client_credentials) {
            (true, ..) => Some(Flow::Device),
            (_, true, _) => Some(Flow::Browser),
            (.., true) => Some(Flow::ClientCredentials),
            _ => None,
        }
    }

    fn any(&self) -> bool {
        let Flags { client_id, client_secret_file, scope, tenant, .. } = self;
        self.flow().is_some()
            || client_id.is_some()
            || client_secret_file.is_some()
            || !scope.is_empty()
            || tenant.is_some()
    }

    /// What the flags say, over what was said.
    fn over(&self, mut oauth: OAuth) -> Result<OAuth> {
        if let Some(name) = &self.tenant {
            match &mut oauth.provider {
                Provider::Microsoft(tenant) if is_tenant(name) => tenant.clone_from(name),
                Provider::Microsoft(_) => return Err(Error::usage("--tenant: neither a domain nor an identifier")),
                _ => return Err(Error::usage("--tenant: only microsoft has tenants")),
            }
        }
        oauth.client_id = self.client_id.clone().or(oauth.client_id);
        oauth.client_secret = self.client_secret_file.clone().map(Source::File).or(oauth.client_secret);
        oauth.flow = self.flow().or(oauth.flow);
        if !self.scope.is_empty() {
            oauth.scope = Some(self.scope.clone());
        }
        Ok(oauth)
    }
}

impl MailLogin {
    /// What is to be got for the account. None: it logs in with passwords.
    ///
    /// # Errors
    /// 64: flags that contradict each other or the account; 78: the configuration is wrong.
    pub(super) fn grants(&self, reach: &Reach) -> Result<Vec<Group>> {
        let flags = &self.oauth;
        // A password that is given is not asked for in vain: who keeps passwords says why it can't be used.
        if self.store_command.is_some() || reach.accounts().has_flag() && flags.oauth.is_none() && !flags.any() {
            return Ok(Vec::new());
        }
        let named = flags.oauth.as_ref().map(|name| name.parse::<Provider>().map_err(|e| e.at("--oauth")));
        let named = named.transpose()?.map(OAuth::new);
        let mut groups: Vec<Group> = Vec::new();
        for (at, user) in self.servers(reach)? {
            let set = reach.accounts().settings(&at)?.password;
            let (oauth, by) = match (set, &named) {
                (Some(Set { value: Source::OAuth(oauth), line }), named) => {
                    if named.as_ref().is_some_and(|named| named.provider != oauth.provider) {
                        let (by, is) = (reach.accounts().line(line), &oauth.provider);
                        return Err(Error::usage(format!(
                            "--oauth: {by} says {is}, which the other programs would ask"
                        )));
                    }
                    (*oauth, reach.accounts().line(line))
                }
                (Some(Set { line, .. }), Some(_)) => {
                    let by = reach.accounts().line(line);
                    return Err(Error::usage(format!("the password comes from what {by} says"))
                        .advise("a token would not be looked up: take that line out first"));
                }
                (None, Some(named)) => (named.clone(), "--oauth".to_owned()),
                (_, None) => continue,
            };
            let oauth = flags.over(oauth)?;
            match groups.iter_mut().find(|group| group.oauth == oauth && group.user == user) {
                Some(group) => group.servers.push(at),
                None => groups.push(Group { oauth, by, user, servers: vec![at] }),
            }
        }
        if groups.is_empty() && flags.any() {
            return Err(Error::usage("nobody is named who grants tokens")
                .advise("--oauth PROVIDER, or password = { oauth = ... } in the account"));
        }
        Ok(groups)
    }

    /// Gets tokens and keeps them.
    ///
    /// # Errors
    /// Those of the flows; with `--check` those of the logins.
    pub(super) fn obtain(&self, reach: &Reach, groups: &[Group]) -> Result<Vec<Stored>> {
        let mut stored = Vec::new();
        for Group { oauth, by, user, servers } in groups {
            let Some(first) = servers.first() else { continue };
            let http = reach.accounts().http(first, Some((oauth, by)))?;
            no_core_dumps();
            let whose = Whose { host: "", user, hidden: &reach.accounts().hidden()?, until: reach.whole() };
            let secret = oauth.client_secret.as_ref().map(|source| source.obtain(&whose)).transpose()?;
            let client = match (&oauth.client_id, logins()?) {
                (Some(id), _) => Client { id: id.clone(), secret },
                // Who logs in again need not say it again.
                (None, store) => match store.map(|store| store.grant(&oauth.issuer(), user)).transpose()?.flatten() {
                    Some(known) => Client { id: known.client, secret: secret.or(known.client_secret) },
                    None => {
                        return Err(Error::usage(format!("{}: no client-id", oauth.provider)).advise(
                            "none is built in: register one with the provider, or ask your organisation; see mail-login(1)",
                        ));
                    }
                },
            };
            let server = server(&http, oauth)?;
            let flow = oauth.flow.unwrap_or(match (&oauth.provider, &server.device) {
                // Google gives devices no access to mail.
                (Provider::Gmail, _) | (_, None) => Flow::Browser,
                _ => Flow::Device,
            });
            let scope = oauth.scope(flow);
            let asks = Asks::new(http, server, client);
            let tokens = match flow {
                Flow::Device => self.by_device(&asks, &scope, reach.whole())?,
                Flow::Browser => self.by_browser(&asks, oauth, &scope, user, reach)?,
                Flow::ClientCredentials => asks.client_credentials(&scope)?,
            };
            let mut grant = granted(before(asks.server(), asks.client(), user, &scope, flow), tokens);
            if !by.starts_with("--") && self.oauth.client_secret_file.is_none() {
                // The configuration knows it.
                grant.client_secret = None;
            }
            if grant.refresh.is_none() && flow != Flow::ClientCredentials {
                self.warn("no refresh token was granted: the login ends with this token; perhaps the scope lacks offline_access");
            }
            if self.check {
                let Some(secret) = grant.access.clone() else { continue };
                let proof = Proof::Token(Token { secret, renew: None });
                for at in servers {
                    let login = reach.login_by(at, user.clone(), proof.clone())?;
                    look_in(reach, at, reach.dial(at, Deadline::NEVER)?, Some(&login))?;
                    self.tell(&format!("{at}: {user} is logged in"));
                }
            }
            let keys: Vec<Key> = servers.iter().filter_map(|at| store_key(at, user)).collect();
            let store = Logins::open(&logins_file()?)?;
            // Whoever renews what was there before must not put that in its place.
            let _renewing = store.renewing(&grant.issuer, user, reach.whole().at())?;
            store.keep_grant(&grant, &keys)?;
            let told = |key| self.stored(key, "oauth", Some(grant.issuer.clone()), grant.expires);
            stored.extend(keys.into_iter().map(told));
        }
        Ok(stored)
    }

    fn by_device(&self, asks: &Asks, scope: &str, until: Deadline) -> Result<Tokens> {
        let device = asks.device(scope)?;
        let code = &device.user_code;
        self.warn(&format!(
            "open {} and enter the code {code} (within {} minutes)",
            device.page,
            device.lasts.div_ceil(60)
        ));
        if let Some(page) = &device.whole_page {
            self.warn(&format!("or open {page}, and see that it shows the same code"));
        }
        asks.poll(&device, until, &mut std::thread::sleep)
    }

    fn by_browser(&self, asks: &Asks, oauth: &OAuth, scope: &str, user: &str, reach: &Reach) -> Result<Tokens> {
        let place = oauth.redirect();
        let redirect = Redirect::listen(&place.host, place.port, &place.path)?;
        let attempt = Attempt::new()?;
        let page = asks.page(&redirect, &attempt, scope, user)?;
        self.warn(&format!("open this page in a browser on this machine: {page}"));
        if self.oauth.open {
            open(&page, &reach.accounts().hidden()?)?;
        }
        let until = reach.whole().or_earlier(Deadline::after(BROWSER));
        let code = redirect.code(&attempt, &asks.server().issuer, until)?;
        asks.exchange(&code, &redirect, &attempt)
    }

    /// Prints a token.
    ///
    /// # Errors
    /// 64: the account has none; those of a renewal; 74: stdout.
    pub(super) fn print(&self, reach: &Reach) -> Outcome {
        let keepers = self.keepers(reach)?;
        let keeper = keepers.first();
        let keeper = keeper.ok_or_else(|| Error::usage("this account logs in with a password, not with tokens"))?;
        let token = keeper.fresh(None)?;
        let mut out = std::io::stdout().lock();
        let written = out.write_all(token.expose()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        written.local("stdout")?;
        Ok(Exit::Ok)
    }

    /// Whose tokens log in at the account's servers.
    ///
    /// # Errors
    /// As [`crate::cli::account::Accounts::keeper`].
    pub(super) fn keepers(&self, reach: &Reach) -> Result<Vec<Keeper>> {
        let servers = self.servers(reach)?;
        servers.iter().filter_map(|(at, user)| reach.accounts().keeper(at, user).transpose()).collect()
    }

    /// Forgets tokens of these, or of anybody, that lead nowhere any more. That they can't be revoked is told, and no failure.
    ///
    /// # Errors
    /// 74, 75 of the store.
    pub(super) fn forget_grants(&self, reach: &Reach, store: &Logins, of: Option<&[Keeper]>) -> Result<()> {
        for grant in store.left_over()? {
            let keeper = of.and_then(|all| all.iter().find(|keeper| keeper.keeps(&grant)));
            if of.is_some() && keeper.is_none() {
                continue;
            }
            // Whoever renews it now would put it back.
            let renewing = store.renewing(&grant.issuer, &grant.user, reach.whole().at())?;
            let grant = store.grant(&grant.issuer, &grant.user)?.unwrap_or(grant);
            store.forget_grant(&grant)?;
            drop(renewing);
            let client = Client { id: grant.client.clone(), secret: grant.client_secret.clone() };
            let anybody =
                || revoke(reach.accounts().http(&Endpoint::parse("local:", Service::Imap)?, None)?, &grant, client);
            let Grant { issuer, user, .. } = &grant;
            match keeper.map_or_else(anybody, |keeper| keeper.revoke(&grant)) {
                Ok(true) => self.tell(&format!("{issuer}: revoked the tokens of {user}")),
                Ok(false) => self.tell(&format!("{issuer}: has no way to revoke the tokens of {user}")),
                Err(e) => self.warn(&format!("the tokens of {user} are forgotten, but not revoked: {e}")),
            }
        }
        Ok(())
    }

    fn warn(&self, what: &str) {
        complain(NAME, what, None);
    }
}

/// Starts the user's browser, which may end at once or never.
fn open(page: &str, hidden: &[String]) -> Result<()> {
    let browser = std::env::var("BROWSER").ok().filter(|browser| !browser.is_empty());
    let browser = browser.ok_or_else(|| Error::usage("--open: $BROWSER is not set"))?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("exec {browser} \"$0\""), page]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for name in hidden {
        command.env_remove(name);
    }
    command.spawn().map(drop).map_err(|e| Error::config(format!("$BROWSER: {}", words(&e))))
}
