//! The configuration, pipepost-config(5): where the file is, what it says, account by account, and where secrets come from.
//!
//! Every value is checked when the file is read, so that what is wrong is told with line and column, and before anything
//! happens. Left out: settings for what this version can't do (they are unknown keys), and writing the file.

pub mod direct;
mod find;
mod netrc;
pub mod oauth;
pub mod passwd;
pub mod queue;
mod read;
pub mod secret;
pub mod system;

use crate::error::{Error, Result};
use crate::message::rewrite::Rule;
use crate::net::endpoint::{Endpoint, Place, Protection, Service};
use crate::net::proxy::Proxy;
use crate::net::tls::Pin;
use crate::proto::sasl::Mechanism;
use direct::Routing;
use secret::Source;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Words that can't be accounts: `local:`, and what is or may become a scheme or a target of `--into`.
pub const RESERVED: &[&str] = &[
    "local", "default", "queue", "system", "smtp", "smtps", "lmtp", "lmtps", "pop3", "pop3s", "imap", "imaps", "jmap",
    "mbox", "maildir", "eml", "exec", "file", "http", "https", "mailto",
];

/// The configuration file, read and found good.
#[derive(Clone, Debug)]
pub struct Config {
    file: PathBuf,
    default: Option<Set<String>>,
    domains: Vec<String>,
    local: Local,
    queue: Option<queue::Schedule>,
    system: Option<system::System>,
    accounts: BTreeMap<String, Account>,
}

/// A value, and the line that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<T> {
    /// The value.
    pub value: T,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// How `local:` sends mail on.
#[derive(Clone, Debug, Default)]
struct Local {
    relay: Option<Set<String>>,
    settings: Settings,
}

/// The way of mail that `local:` and mail-serve(1) take for other domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Onward {
    /// `relay`: by this account.
    Relay(String),
    /// `direct = true`: to each domain's servers.
    Direct,
}

#[derive(Clone, Debug, Default)]
struct Account {
    line: usize,
    common: Settings,
    /// What the sub-tables say, and the URLs.
    own: Vec<(Service, Settings)>,
}

/// What is set for one protocol of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where the server is.
    pub url: Option<Set<Endpoint>>,
    /// The same as it is written.
    pub url_text: Option<String>,
    /// The sender's address, with or without a name.
    pub from: Option<Set<String>>,
    /// HOST of pipepost(7).
    pub hostname: Option<Set<String>>,
    /// Where smtp-send writes a line for each message: a path, or `syslog`.
    pub log: Option<Set<String>>,
    /// Whether the password may go out without TLS.
    pub cleartext_login: Option<Set<bool>>,
    /// Where the password comes from.
    pub password: Option<Set<Source>>,
    /// By which mechanisms to log in, the first that is offered.
    pub auth: Option<Set<Vec<Mechanism>>>,
    /// Whom to trust: `ca-file`, `ca` or `pin`.
    pub trust: Option<Set<Trust>>,
    /// `verify = true`: on this machine too.
    pub verify: Option<Set<bool>>,
    /// What to show to servers that ask for a certificate.
    pub client_cert: Option<Set<PathBuf>>,
    /// What lies between: `proxy` or `tunnel`.
    pub through: Option<Set<Through>>,
    /// Where the password for the proxy comes from.
    pub proxy_password: Option<Set<Source>>,
    /// The address to connect from.
    pub source_address: Option<Set<IpAddr>>,
    /// Where mail goes.
    pub routing: Routing,
    /// `rewrite`: which addresses become others.
    pub rewrite: Option<Set<Vec<Rule>>>,
    /// `rewrite-from`: the same for senders.
    pub rewrite_from: Option<Set<Vec<Rule>>>,
    /// `rewrite-to`: the same for recipients.
    pub rewrite_to: Option<Set<Vec<Rule>>>,
    /// The aliases file.
    pub aliases: Option<Set<PathBuf>>,
    /// Where copies of what was sent are kept.
    pub sent: Option<Set<String>>,
    /// The folder that messages are moved to instead of being deleted, where the server names none.
    pub trash: Option<Set<String>>,
    /// Whether a POP3 server takes commands in flights, whatever it says of that.
    pub pipelining: Option<Set<bool>>,
    /// Whether smtp-send(1) queues instead of sending.
    pub queue: Option<Set<bool>>,
}

/// Whose certificates are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// `ca-file`: those of the authorities in it.
    File(PathBuf),
    /// `ca = "mozilla"`.
    Mozilla,
    /// `ca = "system"`.
    System,
    /// `pin`: those with one of these keys.
    Pins(Vec<Pin>),
}

impl Trust {
    /// The key that sets it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Trust::File(_) => "ca-file",
            Trust::Mozilla | Trust::System => "ca",
            Trust::Pins(_) => "pin",
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trust::File(path) => write!(f, "{}", path.display()),
            Trust::Mozilla => f.write_str("mozilla"),
            Trust::System => f.write_str("system"),
            Trust::Pins(pins) => f.write_str(&pins.iter().map(Pin::to_string).collect::<Vec<_>>().join(" ")),
        }
    }
}

/// What lies between us and a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Through {
    /// `proxy = "none"`: nothing, whatever the account says.
    Nothing,
    /// `proxy`.
    Proxy(Proxy),
    /// `tunnel`: a program and its arguments.
    Tunnel(Vec<String>),
}

impl Through {
    /// The key that sets it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        if matches!(self, Through::Tunnel(_)) { "tunnel" } else { "proxy" }
    }
}

impl std::str::FromStr for Through {
    type Err = crate::error::Error;

    /// Reads the value of `proxy`.
    fn from_str(text: &str) -> Result<Through> {
        if text == "none" { Ok(Through::Nothing) } else { text.parse().map(Through::Proxy) }
    }
}

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Through::Nothing => f.write_str("none"),
            Through::Proxy(proxy) => proxy.fmt(f),
            Through::Tunnel(words) => f.write_str(&words.join(" ")),
        }
    }
}

impl Settings {
    /// These, and where they say nothing, `other`'s.
    fn over(self, other: &Settings) -> Settings {
        Settings {
            url: self.url.or_else(|| other.url.clone()),
            url_text: self.url_text.or_else(|| other.url_text.clone()),
            from: self.from.or_else(|| other.from.clone()),
            hostname: self.hostname.or_else(|| other.hostname.clone()),
            log: self.log.or_else(|| other.log.clone()),
            cleartext_login: self.cleartext_login.or_else(|| other.cleartext_login.clone()),
            password: self.password.or_else(|| other.password.clone()),
            auth: self.auth.or_else(|| other.auth.clone()),
            trust: self.trust.or_else(|| other.trust.clone()),
            verify: self.verify.or_else(|| other.verify.clone()),
            client_cert: self.client_cert.or_else(|| other.client_cert.clone()),
            through: self.through.or_else(|| other.through.clone()),
            proxy_password: self.proxy_password.or_else(|| other.proxy_password.clone()),
            source_address: self.source_address.or_else(|| other.source_address.clone()),
            routing: self.routing.over(&other.routing),
            rewrite: self.rewrite.or_else(|| other.rewrite.clone()),
            rewrite_from: self.rewrite_from.or_else(|| other.rewrite_from.clone()),
            rewrite_to: self.rewrite_to.or_else(|| other.rewrite_to.clone()),
            aliases: self.aliases.or_else(|| other.aliases.clone()),
            sent: self.sent.or_else(|| other.sent.clone()),
            trash: self.trash.or_else(|| other.trash.clone()),
            pipelining: self.pipelining.or_else(|| other.pipelining.clone()),
            queue: self.queue.or_else(|| other.queue.clone()),
        }
    }
}

/// Whether it could be an account's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// The key of a protocol's URL. LMTP is a way to send.
fn key(service: Service) -> &'static str {
    match service {
        Service::Smtp | Service::Lmtp => "smtp",
        Service::Pop3 => "pop3",
        Service::Imap => "imap",
    }
}

impl Config {
    /// The configuration in `named` (the flag's), else `$PIPEPOST_CONFIG`, `$XDG_CONFIG_HOME/pipepost/config.toml`,
    /// `/etc/pipepost/config.toml`: the first that exists. `None`: there is none, and none was named.
    ///
    /// # Errors
    /// 78: a named one is missing; it can't be read, others may write to it, or something in it is wrong.
    pub fn find(named: Option<&Path>) -> Result<Option<Config>> {
        find::find(named)?.map(|(file, text)| read::read(&file, &text)).transpose()
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The value of `default`.
    #[must_use]
    pub fn default(&self) -> Option<&Set<String>> {
        self.default.as_ref()
    }

    /// Further domains of `local:`, in lower case.
    #[must_use]
    pub fn domains(&self) -> &[String] {
        &self.domains
    }

    /// The way of mail that `local:` takes for other domains; `None`: it takes none. `[local]` has further keys for
    /// `direct = true`, which [`Config::settings`] knows as those of the account `local`.
    #[must_use]
    pub fn onward(&self) -> Option<Onward> {
        match &self.local.relay {
            Some(relay) => Some(Onward::Relay(relay.value.clone())),
            None => self.local.settings.routing.is_direct().then_some(Onward::Direct),
        }
    }

    /// The account that mail of `local:` for other domains goes by.
    #[must_use]
    pub fn relay(&self) -> Option<&Set<String>> {
        self.local.relay.as_ref()
    }

    /// The table `[queue]`.
    #[must_use]
    pub fn queue(&self) -> Option<&queue::Schedule> {
        self.queue.as_ref()
    }

    /// The table `[system]`.
    #[must_use]
    pub fn system(&self) -> Option<&system::System> {
        self.system.as_ref()
    }

    /// What is set for a protocol of an account; `None`: there is no such account.
    #[must_use]
    pub fn settings(&self, account: &str, service: Service) -> Option<Settings> {
        if account == "local" {
            return Some(self.local.settings.clone());
        }
        let account = self.accounts.get(account)?;
        let own = account.own.iter().find(|(of, _)| key(*of) == key(service));
        Some(own.map(|(_, own)| own.clone()).unwrap_or_default().over(&account.common))
    }

    /// The accounts that speak a protocol, in order of name.
    pub fn accounts_with(&self, service: Service) -> impl Iterator<Item = &str> {
        self.accounts.keys().map(String::as_str).filter(move |name| self.endpoint(name, service).is_ok())
    }

    /// The server of an account, with the account's name in it.
    ///
    /// # Errors
    /// 64: there is no such account; 78: it has no such protocol.
    pub fn endpoint(&self, account: &str, service: Service) -> Result<Endpoint> {
        let file = self.file.display();
        let Some(settings) = self.settings(account, service) else {
            let names: Vec<&str> = self.accounts.keys().map(String::as_str).collect();
            let near = nearest(account, &names).map(|near| format!("did you mean {near}:? "));
            let all = format!("{}{file} has {}", near.unwrap_or_default(), names.join(", "));
            return Err(Error::usage(format!("{account}: no such account")).advise(all));
        };
        let Some(url) = settings.url else {
            if settings.routing.is_direct() && matches!(service, Service::Smtp | Service::Lmtp) {
                return Ok(Endpoint { account: Some(account.to_owned()), ..Endpoint::direct() });
            }
            if self.is_tunnel(account, service, &settings) {
                let place = Place::Tunnel;
                let account = Some(account.to_owned());
                return Ok(Endpoint {
                    service,
                    protection: Protection::Plain,
                    user: None,
                    place,
                    folder: None,
                    account,
                });
            }
            let (key, line) = (key(service), self.accounts.get(account).map_or(0, |a| a.line));
            return Err(Error::config(format!("{account}: this account has no {key} (see {file}:{line})"))
                .advise(format!("add {key} = \"{key}s://USER@HOST\"")));
        };
        Ok(Endpoint { account: Some(account.to_owned()), ..url.value })
    }

    /// Whether a tunnel without a URL is all that leads to this protocol's server. An account that has no protocol at all has
    /// IMAP behind its tunnel.
    fn is_tunnel(&self, account: &str, service: Service, settings: &Settings) -> bool {
        let own = self.accounts.get(account).map(|account| account.own.as_slice()).unwrap_or_default();
        matches!(settings.through, Some(Set { value: Through::Tunnel(_), .. }))
            && (own.iter().any(|(of, _)| key(*of) == key(service)) || own.is_empty() && service == Service::Imap)
    }

    /// The environment variables that hold secrets, which no child may see.
    pub fn secret_variables(&self) -> impl Iterator<Item = &str> {
        let accounts = self.accounts.values();
        let settings = accounts.flat_map(|a| a.own.iter().map(|(_, own)| own).chain([&a.common]));
        settings.flat_map(|s| [&s.password, &s.proxy_password]).flatten().filter_map(|set| set.value.variable())
    }
}

/// Of `names` the one that `word` may have meant.
fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let allowed = (word.len() / 3).clamp(1, 3);
    let near = names.iter().map(|name| (distance(word, name), *name)).min()?;
    (near.0 <= allowed).then_some(near.1)
}

/// How many letters must be added, removed, changed or swapped with the next to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    // A word of a hostile length is not worth the time.
    if a.len() > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let (mut before, mut row, mut last) = (Vec::new(), (0..=b.len()).collect::<Vec<_>>(), None);
    for (i, c) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, d) in b.iter().enumerate() {
            let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX / 2);
            let mut cost = (at(&row, j) + usize::from(c != *d)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            if j > 0 && last == Some(*d) && b.get(j - 1) == Some(&c) {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            next.push(cost);
        }
        (before, row, last) = (row, next, Some(c));
    }
    row.last().copied().unwrap_or(usize::MAX)
}

impl fmt::Display for Source {
    /// The kind and what it names, never the secret: what `mail-check --show` prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Command(words) => write!(f, "command {}", words.join(" ")),
            Source::File(path) => write!(f, "file {}", path.display()),
            Source::Env(name) => write!(f, "env {name}"),
            Source::Credential(name) => write!(f, "credential {name}"),
            Source::Fd(number) => write!(f, "fd {number}"),
            Source::Netrc(path) => write!(f, "netrc {}", path.display()),
            Source::OAuth(oauth) => write!(f, "oauth {oauth}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words() {
        let keys = ["from", "smtp", "imap", "password", "hostname"];
        for (word, near) in [
            ("form", Some("from")),
            ("pasword", Some("password")),
            ("passwrod", Some("password")),
            ("host-name", Some("hostname")),
            ("imaps", Some("imap")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &keys), near, "{word}");
        }
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest(&"x".repeat(100_000), &keys), None);
    }
}
