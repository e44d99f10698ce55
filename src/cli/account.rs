//! Which account an argument means and what is set for it, pipepost(7), "Accounts": the argument, `$PIPEPOST_ACCOUNT`,
//! the configuration's `default`, `local:`; and its password, from where the flags or the configuration say, else asked for.

use super::args::Common;
use super::in_force::Known;
use super::prompt::ask;
use crate::client::Proof;
use crate::config::secret::{Source, Whose, no_core_dumps, private};
use crate::config::{Config, Settings, Through, is_name};
use crate::error::{Error, Result};
use crate::net::Deadline;
use crate::net::endpoint::{Endpoint, Place, Service, decode};
use crate::proto::sasl::Mechanism;
use crate::secret::Secret;
use crate::store::logins::{Key, Logins};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What a flag is called, and what it names.
type Flag = (&'static str, Source);

/// The accounts of the configuration, read when the first of them is asked for, and what the flags say of any.
pub struct Accounts {
    pub(super) flags: Common,
    pub(super) whole: Deadline,
    config: OnceLock<Option<Config>>,
    flag: Option<Flag>,
    /// `--proxy`.
    pub(super) proxy: Option<Through>,
    /// What a descriptor gave, which may be stdin, before anybody else reads that.
    given: Option<Secret>,
    /// What was obtained: a source may give it once only.
    known: Mutex<Vec<(Endpoint, Secret)>>,
    /// What was made of the settings.
    pub(super) made: Known,
}

impl Accounts {
    /// As the flags say; the whole operation ends at `whole`.
    ///
    /// # Errors
    /// 64: `--proxy` is none; 66: `--password-fd` can't be read; 75: not in time; 78: `--config` names a file that is missing or wrong.
    pub fn new(common: &Common, whole: Deadline) -> Result<Accounts> {
        let shell = |line: &String| vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()];
        let file = common.password_file.clone().map(|path| ("--password-file", Source::File(path)));
        let command = common.password_command.as_ref().map(|line| ("--password-command", Source::Command(shell(line))));
        let env = common.password_env.clone().map(|name| ("--password-env", Source::Env(name)));
        let fd = common.password_fd.map(|number| ("--password-fd", Source::Fd(number)));
        let whose = Whose { host: "", user: "", hidden: &[], until: whole };
        let given = fd.as_ref().map(|(_, source)| source.obtain(&whose)).transpose()?;
        let accounts = Accounts {
            given,
            // Not by clap, whose errors repeat a password that is in it.
            proxy: common.proxy.as_ref().map(|url| url.parse::<Through>()).transpose().map_err(|e| e.at("--proxy"))?,
            flags: common.clone(),
            whole,
            config: OnceLock::new(),
            flag: file.or(command).or(env).or(fd),
            known: Mutex::default(),
            made: Known::default(),
        };
        if accounts.flags.config.is_some() {
            accounts.config()?;
        }
        Ok(accounts)
    }

    /// The configuration, if there is one.
    ///
    /// # Errors
    /// 78: it is missing or wrong.
    pub fn config(&self) -> Result<Option<&Config>> {
        if let Some(config) = self.config.get() {
            return Ok(config.as_ref());
        }
        let found = Config::find(self.flags.config.as_deref())?;
        Ok(self.config.get_or_init(|| found).as_ref())
    }

    /// The server that `argument` names (`ACCOUNT:`, `ACCOUNT:FOLDER`, `local:`, a URL), or the default one.
    ///
    /// # Errors
    /// 64: it names none; 78: the account does not speak the protocol, or the configuration is wrong.
    pub fn account(&self, argument: Option<&str>, service: Service) -> Result<Endpoint> {
        if let Some(text) = argument {
            return self.named(text, service);
        }
        if let Some(name) = variable()? {
            let text = with_colon(&name);
            return self.named(&text, service).map_err(|e| e.at("$PIPEPOST_ACCOUNT"));
        }
        self.named(&self.unnamed(service)?, service)
    }

    /// Who is meant where nobody is named: for mail on its way out the whole system's server, if there is one; then the default.
    fn unnamed(&self, service: Service) -> Result<String> {
        let config = self.config()?;
        if let Some(system) = config.and_then(Config::system).filter(|_| service == Service::Smtp) {
            return Ok(system.url());
        }
        let default = config.and_then(Config::default);
        Ok(default.map_or_else(|| "local:".to_owned(), |default| with_colon(&default.value)))
    }

    /// Whether that is the socket of the whole system's server.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn is_spool(&self, at: &Endpoint) -> Result<bool> {
        let system = self.config()?.and_then(Config::system);
        let spool = |path: &str| system.is_some_and(|system| system.spool.value.as_os_str() == path);
        Ok(at.service == Service::Smtp && matches!(&at.place, Place::Unix(path) if spool(path)))
    }

    /// The account by which the whole system's mail goes on.
    ///
    /// # Errors
    /// 78: the configuration is wrong, or names none.
    pub fn system(&self) -> Result<(PathBuf, String)> {
        let Some(config) = self.config()? else {
            return Err(Error::config("there is no configuration").advise("see [system] in pipepost-config(5)"));
        };
        let file = config.file().display();
        let system = config.system().ok_or_else(|| {
            Error::config(format!("{file}: no [system]"))
                .advise("spool = \"/run/pipepost/smtp\" in [system] names the socket")
        })?;
        let account = system.account.as_ref().or(config.default()).ok_or_else(|| {
            let why = format!("{file}:{}: no account for the system's mail", system.spool.line);
            Error::config(why).advise("account = \"NAME\" in [system], or default, names it")
        })?;
        Ok((system.spool.value.clone(), account.value.clone()))
    }

    /// All servers of the account that `argument` names, a protocol each.
    ///
    /// # Errors
    /// As [`Accounts::account`], if there is none; 64: a folder.
    pub fn all(&self, argument: Option<&str>) -> Result<Vec<Endpoint>> {
        let (mut found, mut first) = (Vec::new(), None);
        let scheme = |service: &Service| {
            let text = argument.unwrap_or_default();
            let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
            scheme.starts_with(service.word()) || *service == Service::Smtp && scheme.starts_with(Service::Lmtp.word())
        };
        let services = [Service::Smtp, Service::Pop3, Service::Imap];
        // A URL says which it is, and only its own errors are worth telling.
        let of_url = argument.is_some_and(|text| text.contains(":/")) && services.iter().any(scheme);
        for service in services.into_iter().filter(|service| !of_url || scheme(service)) {
            match self.account(argument, service) {
                Ok(at) => found.push(at),
                Err(e) => {
                    // That an account lacks a protocol is no failure, and a URL has one.
                    first.get_or_insert(e);
                }
            }
        }
        if found.iter().any(|at| at.folder.is_some()) {
            return Err(Error::usage("a folder, where an account is meant"));
        }
        match first {
            Some(e) if found.is_empty() => Err(e),
            _ => Ok(found),
        }
    }

    /// The folder that `text` names, and its account.
    ///
    /// # Errors
    /// 64: it names none; 78: the configuration is wrong.
    pub fn folder(&self, text: &str) -> Result<(Endpoint, String)> {
        let at = self.named(text, Service::Imap)?;
        let none = || {
            Error::usage(format!("{text}: into which folder?")).advise("the folder follows the colon: local:Archive")
        };
        let folder = at.folder.clone().ok_or_else(none)?;
        Ok((at, folder))
    }

    /// The same for the argument of a flag, where the colon may be left out.
    ///
    /// # Errors
    /// As [`Accounts::account`].
    pub fn flag(&self, argument: Option<&str>, service: Service) -> Result<Endpoint> {
        self.account(argument.map(with_colon).as_deref(), service)
    }

    /// What names the account that [`Accounts::flag`] finds for `argument`, wherever it is read again: an account with its
    /// colon, or a URL.
    ///
    /// # Errors
    /// 64: `$PIPEPOST_ACCOUNT` is not UTF-8; 78: the configuration is wrong.
    pub fn hop(&self, argument: Option<&str>) -> Result<String> {
        let named = match argument {
            Some(text) => Some(text.to_owned()),
            None => variable()?,
        };
        named.map_or_else(|| self.unnamed(Service::Smtp), |named| Ok(with_colon(&named)))
    }

    /// The server that `text` names.
    ///
    /// # Errors
    /// As [`Accounts::account`].
    pub fn named(&self, text: &str, service: Service) -> Result<Endpoint> {
        let at = self.read(text, service)?;
        match &at.folder {
            Some(folder) if service != Service::Imap => {
                Err(Error::usage(format!("{text}: {}: this program knows no folders", folder)))
            }
            _ => Ok(at),
        }
    }

    fn read(&self, text: &str, service: Service) -> Result<Endpoint> {
        let Some((name, folder)) = text.split_once(':') else {
            let e = Endpoint::parse(text, service);
            return match e {
                Err(e) if is_name(text) => Err(e.advise(format!("an account ends with a colon: {text}:"))),
                e => e,
            };
        };
        if !is_name(name) || name == "local" || folder.starts_with("//") {
            return Endpoint::parse(text, service);
        }
        if crate::text::breaks_line(text) {
            return Err(Error::usage(format!("{text}: a line break or NUL in an account")));
        }
        let Some(config) = self.config()? else {
            return Err(Error::usage(format!("{name}: no such account, and there is no configuration"))
                .advise("see pipepost-config(5); local: and URLs need none"));
        };
        let at = config.endpoint(name, service)?;
        let folder = match folder {
            "" => None,
            folder => Some(decode(folder).ok_or_else(|| Error::usage(format!("{text}: not UTF-8")))?),
        };
        Ok(Endpoint { folder: folder.or(at.folder), ..at })
    }

    /// What is set for the account of `at`: nothing for a URL and `local:`.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn settings(&self, at: &Endpoint) -> Result<Settings> {
        let Some(name) = &at.account else { return Ok(Settings::default()) };
        Ok(self.config()?.and_then(|config| config.settings(name, at.service)).unwrap_or_default())
    }

    /// HOST of pipepost(7) for what is sent by `at`.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn host(&self, at: &Endpoint) -> Result<String> {
        // Who submits to the whole system is on the host that its mail comes from.
        let settings = if self.is_spool(at)? {
            let (_, account) = self.system()?;
            self.config()?.and_then(|config| config.settings(&account, Service::Smtp)).unwrap_or_default()
        } else {
            self.settings(at)?
        };
        Ok(settings.hostname.map_or_else(super::system::host_name, |host| host.value))
    }

    /// Domains that `local:` has besides its own.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn domains(&self) -> Result<&[String]> {
        Ok(self.config()?.map(Config::domains).unwrap_or_default())
    }

    /// Where the password for `at` comes from, and who says so: a flag, or the configuration's line. `None`: it is asked for.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn source(&self, at: &Endpoint) -> Result<Option<(Source, String)>> {
        if let Some((flag, source)) = &self.flag {
            return Ok(Some((source.clone(), (*flag).to_owned())));
        }
        Ok(self.settings(at)?.password.map(|set| (set.value, self.line(set.line))))
    }

    /// `FILE:LINE` of the configuration.
    #[must_use]
    pub fn line(&self, line: usize) -> String {
        let file = self.config.get().and_then(Option::as_ref).map(|config| config.file().display().to_string());
        format!("{}:{line}", file.unwrap_or_default())
    }

    /// The environment variables that hold secrets, which no child may see.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn hidden(&self) -> Result<Vec<String>> {
        let mut hidden: Vec<String> = Vec::new();
        hidden.extend(self.config()?.iter().flat_map(|config| config.secret_variables()).map(str::to_owned));
        if let Some((_, Source::Env(name))) = &self.flag {
            hidden.push(name.clone());
        }
        Ok(hidden)
    }

    /// Who logs in at `at`, and by what. `None`: nobody is named, by the URL or by netrc.
    ///
    /// # Errors
    /// 64: there is no password, and nobody to ask; those of [`Source::obtain`].
    pub fn login(&self, at: &Endpoint) -> Result<Option<(String, Proof)>> {
        if let Some(user) = &at.user {
            return Ok(Some((user.clone(), self.proof(at, user)?)));
        }
        match self.source(at)? {
            Some((source, by)) => {
                let found = source.login(host(at)).map_err(|e| e.at(by))?;
                Ok(found.map(|(user, password)| (user, Proof::Password(password))))
            }
            None => Ok(None),
        }
    }

    /// What `user` logs in with at `at`.
    fn proof(&self, at: &Endpoint, user: &str) -> Result<Proof> {
        if self.is_known_by_connection(at, user)? {
            return Ok(Proof::Connection);
        }
        match self.keeper(at, user)? {
            Some(keeper) => keeper.proof(),
            None => self.password(at, user).map(Proof::Password),
        }
    }

    /// Whether `user` needs no password at `at`: EXTERNAL alone is asked for, or there is a certificate to show, and no password,
    /// nor a mechanism that would want one.
    ///
    /// # Errors
    /// 74, 75, 78: the configuration or the store can't be read.
    pub fn is_known_by_connection(&self, at: &Endpoint, user: &str) -> Result<bool> {
        match self.auth(at)? {
            Some((named, _)) => Ok(named.iter().all(|mechanism| *mechanism == Mechanism::External)),
            None if self.given.is_some() || self.client_cert(at)?.is_none() => Ok(false),
            None => Ok(self.source(at)?.is_none() && stored(at, user)?.is_none() && self.keeper(at, user)?.is_none()),
        }
    }

    /// The password of `user` at `at`.
    fn password(&self, at: &Endpoint, user: &str) -> Result<Secret> {
        if let Some(secret) = &self.given {
            return Ok(secret.clone());
        }
        let of = Endpoint { folder: None, ..at.clone() };
        // Held while it is obtained: of several connections one asks.
        let mut known = held(&self.known);
        if let Some((_, secret)) = known.iter().find(|(at, _)| *at == of) {
            return Ok(secret.clone());
        }
        let secret = match self.source(at)? {
            Some((source, by)) => {
                let secret = self.obtain(&source, host(at), user);
                secret.map_err(|e| if by.starts_with("--") { e } else { e.at(by) })?
            }
            None => match stored(at, user)? {
                Some(secret) => secret,
                None => ask(&format!("Password for {user} at {at}: "), self.whole)?.ok_or_else(|| {
                    Error::usage(format!("{at}: no password for {user}"))
                        .advise("use --password-file FILE, mail-login(1), or a configuration (pipepost-config(5))")
                })?,
            },
        };
        known.push((of, secret.clone()));
        Ok(secret)
    }

    /// Whether a flag says where the password is.
    #[must_use]
    pub fn has_flag(&self) -> bool {
        self.flag.is_some()
    }

    /// The password for `user` that a flag leads to.
    ///
    /// # Errors
    /// Those of [`Source::obtain`].
    pub fn from_flag(&self, user: &str) -> Result<Option<Secret>> {
        match (&self.given, &self.flag) {
            (Some(secret), _) => Ok(Some(secret.clone())),
            (None, Some((_, source))) => self.obtain(source, "", user).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The password that a source has for `user` at `host`.
    pub(super) fn obtain(&self, source: &Source, host: &str, user: &str) -> Result<Secret> {
        source.obtain(&Whose { host, user, hidden: &self.hidden()?, until: self.whole })
    }
}

/// What several connections share.
pub(super) fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where mail-login(1) keeps passwords.
///
/// # Errors
/// 78: no home directory is known.
pub fn logins_file() -> Result<PathBuf> {
    Ok(super::system::state_home()?.join("logins.sqlite"))
}

/// What it keeps. `None`: nothing was ever stored.
///
/// # Errors
/// 74: it is damaged; 75: it is locked; 78: others may read it.
pub fn logins() -> Result<Option<Logins>> {
    // Without a home there is nothing in it.
    let Some(path) = logins_file().ok().filter(|path| path.exists()) else { return Ok(None) };
    drop(private(&path, "these passwords")?);
    no_core_dumps();
    Logins::open(&path).map(Some)
}

/// What the password of `user` at `at` is kept under. `None`: nobody logs in there.
#[must_use]
pub fn store_key(at: &Endpoint, user: &str) -> Option<Key> {
    let server = match &at.place {
        Place::Host(..) => at.to_string().to_ascii_lowercase(),
        Place::Unix(path) => path.clone(),
        Place::Local(_) | Place::Tunnel | Place::Direct => return None,
    };
    Some(Key { protocol: at.service.word().to_owned(), user: user.to_owned(), server })
}

fn stored(at: &Endpoint, user: &str) -> Result<Option<Secret>> {
    match (store_key(at, user), logins()?) {
        (Some(key), Some(logins)) => logins.password(&key),
        _ => Ok(None),
    }
}

/// The host that netrc knows.
fn host(at: &Endpoint) -> &str {
    match &at.place {
        Place::Host(host, _) => host,
        Place::Local(_) | Place::Unix(_) | Place::Tunnel | Place::Direct => "localhost",
    }
}

/// `$PIPEPOST_ACCOUNT`, if it is set and not empty.
///
/// # Errors
/// 64: it is not UTF-8.
pub fn variable() -> Result<Option<String>> {
    match std::env::var("PIPEPOST_ACCOUNT") {
        Ok(name) => Ok(Some(name).filter(|name| !name.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::usage("$PIPEPOST_ACCOUNT: not UTF-8")),
    }
}

/// `work` as `work:`; everything else as it is.
fn with_colon(name: &str) -> String {
    if is_name(name) { format!("{name}:") } else { name.to_owned() }
}
