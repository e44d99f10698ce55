//! The text of a configuration file to values, and what is wrong with it, as FILE:LINE:COLUMN.

mod direct;
mod oauth;
mod queue;
mod system;

use super::secret::Source;
use super::{Account, Config, Local, RESERVED, Set, Settings, Through, Trust, is_name, nearest};
use crate::error::{Error, Result};
use crate::message::rewrite::Rule;
use crate::net::endpoint::{Endpoint, Service};
use crate::proto::sasl::Mechanism;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What an account may set; the protocols are keys (URLs) and sub-tables too.
const KEYS: [&str; 30] = [
    "from",
    "smtp",
    "imap",
    "pop3",
    "hostname",
    "log",
    "cleartext-login",
    "password",
    "auth",
    "ca-file",
    "ca",
    "pin",
    "verify",
    "client-cert",
    "proxy",
    "proxy-password",
    "tunnel",
    "source-address",
    direct::KEYS[0],
    direct::KEYS[1],
    direct::KEYS[2],
    direct::KEYS[3],
    "rewrite",
    "rewrite-from",
    "rewrite-to",
    "aliases",
    "sent",
    "trash",
    "pipelining",
    "queue",
];
/// What a protocol's sub-table may set: its URL, and all but the protocols.
fn own_keys() -> Vec<&'static str> {
    let others = KEYS.into_iter().filter(|key| !["smtp", "imap", "pop3"].contains(key));
    ["url"].into_iter().chain(others).collect()
}
/// What `password` may be made of.
const SOURCES: [&str; 6] = ["command", "file", "env", "credential", "fd", "netrc"];
/// What the login's may be made of.
const PROOFS: [&str; 7] = ["command", "file", "env", "credential", "fd", "netrc", "oauth"];
/// What `[local]` may set.
const LOCAL: [&str; 6] = ["domains", "relay", direct::KEYS[0], direct::KEYS[1], direct::KEYS[2], direct::KEYS[3]];
/// Commands and lists of domains have an end.
const WORDS: usize = 1000;

type Value<'v> = Spanned<DeValue<'v>>;

struct Reader<'r> {
    file: &'r Path,
    text: &'r str,
}

/// Reads it all.
pub(super) fn read(file: &Path, text: &str) -> Result<Config> {
    let r = Reader { file, text };
    let table = DeTable::parse(text).map_err(|e| {
        let message = e.message().split_whitespace().collect::<Vec<_>>().join(" ");
        // A value that is no TOML may be a password without quotes: the message names only what was expected.
        r.wrong(e.span().unwrap_or_default(), message)
    })?;
    let mut config = Config {
        file: file.to_owned(),
        default: None,
        domains: Vec::new(),
        local: Local::default(),
        queue: None,
        system: None,
        accounts: Default::default(),
    };
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        match (name, value.get_ref()) {
            ("default", _) => {
                let text = r.string(name, value)?;
                let account = text.strip_suffix(':').unwrap_or(&text);
                config.default = Some(Set { value: account.to_owned(), line: r.line(&value.span()) });
            }
            ("local", DeValue::Table(local)) => {
                for (key, value) in local {
                    r.known(key, &LOCAL)?;
                    match key.get_ref().as_ref() {
                        "domains" => config.domains = r.domains(value)?,
                        "relay" => config.local.relay = Some(r.account_named("relay", value)?),
                        name => r.routing(name, value, &mut config.local.settings)?,
                    }
                }
            }
            ("queue", DeValue::Table(queue)) => config.queue = Some(r.queue(queue)?),
            ("system", DeValue::Table(system)) => config.system = Some(r.system(system, key.span())?),
            (name, DeValue::Table(_)) if RESERVED.contains(&name) => {
                return Err(r.wrong(key.span(), format!("{name}: this name is reserved and can't be an account")));
            }
            (name, DeValue::Table(_)) if !is_name(name) => {
                return Err(r.wrong(key.span(), format!("{name}: an account's name has a-z 0-9 _ - only")));
            }
            (_, DeValue::Table(table)) => {
                let account = r.account(table, r.line(&key.span()))?;
                let own = account.own.iter().find(|(of, _)| *of == Service::Smtp).map(|(_, own)| own.clone());
                r.one_way(name, &own.unwrap_or_default().over(&account.common))?;
                config.accounts.insert(name.to_owned(), account);
            }
            _ => {
                let near = nearest(name, &["default"]).map(|near| format!(" (did you mean {near}?)"));
                let why = format!("{name}: unknown key{}", near.unwrap_or_default());
                return Err(r.wrong(key.span(), why).advise("settings belong into a table: [ACCOUNT]"));
            }
        }
    }
    if let Some(default) = &config.default
        && default.value != "local"
        && !config.accounts.contains_key(&default.value)
    {
        let names: Vec<&str> = config.accounts.keys().map(String::as_str).collect();
        let near = nearest(&default.value, &names).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        let span = table.get_ref().get("default").map(Spanned::span).unwrap_or_default();
        return Err(r.wrong(span, format!("default = {:?}: no such account{near}", default.value)));
    }
    r.leads_on(&config)?;
    r.has_its_account(&config)?;
    Ok(config)
}

impl Reader<'_> {
    fn line(&self, at: &Range<usize>) -> usize {
        self.text.as_bytes().iter().take(at.start).filter(|b| **b == b'\n').count() + 1
    }

    fn wrong(&self, at: Range<usize>, why: impl std::fmt::Display) -> Error {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::config(format!("{}:{}:{column}: {why}", self.file.display(), self.line(&at)))
    }

    fn known(&self, key: &Spanned<std::borrow::Cow<'_, str>>, known: &[&str]) -> Result<()> {
        let name = key.get_ref().as_ref();
        if known.contains(&name) {
            return Ok(());
        }
        let near = nearest(name, known).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        Err(self
            .wrong(key.span(), format!("{name}: unknown key{near}"))
            .advise(format!("known are {}", known.join(", "))))
    }

    /// A value of another type. Not the value: it may be a secret in the wrong place.
    fn not(&self, key: &str, value: &Value<'_>, expected: &str) -> Error {
        let kind = value.get_ref().type_str();
        let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
        self.wrong(value.span(), format!("{key}: must be {expected}, and is {article} {kind}"))
    }

    /// A string for one line.
    fn string(&self, key: &str, value: &Value<'_>) -> Result<String> {
        let text = value.get_ref().as_str().ok_or_else(|| self.not(key, value, "a string"))?;
        if text.is_empty() {
            return Err(self.wrong(value.span(), format!("{key}: is empty")));
        }
        if crate::text::breaks_line(text) {
            return Err(self.wrong(value.span(), format!("{key}: a line break or NUL")));
        }
        Ok(text.to_owned())
    }

    fn strings(&self, key: &str, value: &Value<'_>) -> Result<Vec<String>> {
        let expected = "a list of strings";
        let list = value.get_ref().as_array().ok_or_else(|| self.not(key, value, expected))?;
        if list.is_empty() || list.len() > WORDS {
            return Err(self.wrong(value.span(), format!("{key}: must have 1 to {WORDS} words")));
        }
        let word = |v: &Value<'_>| match v.get_ref().as_str() {
            Some(text) if text.contains('\0') => Err(self.wrong(v.span(), format!("{key}: a NUL"))),
            Some(text) => Ok(text.to_owned()),
            None => Err(self.not(key, v, expected)),
        };
        list.iter().map(word).collect()
    }

    fn domains(&self, value: &Value<'_>) -> Result<Vec<String>> {
        let all = self.strings("domains", value)?;
        match all.iter().find(|domain| !crate::proto::mailbox::is_domain(domain)) {
            Some(wrong) => Err(self.wrong(value.span(), format!("domains: {wrong}: not a domain"))),
            None => Ok(all.into_iter().map(|domain| domain.to_ascii_lowercase()).collect()),
        }
    }

    fn account(&self, table: &DeTable<'_>, line: usize) -> Result<Account> {
        let mut account = Account { line, ..Account::default() };
        for (key, value) in table {
            self.known(key, &KEYS)?;
            let name = key.get_ref().as_ref();
            let service = match name {
                "smtp" => Some(Service::Smtp),
                "imap" => Some(Service::Imap),
                "pop3" => Some(Service::Pop3),
                _ => None,
            };
            match (service, value.get_ref()) {
                (None, _) => self.setting(name, value, None, &mut account.common)?,
                (Some(service), DeValue::Table(table)) => {
                    let mut own = Settings::default();
                    for (key, value) in table {
                        self.known(key, &own_keys())?;
                        self.setting(key.get_ref().as_ref(), value, Some(service), &mut own)?;
                    }
                    account.own.push((service, own));
                }
                (Some(service), DeValue::String(_)) => {
                    let mut own = Settings::default();
                    self.url(name, value, service, &mut own)?;
                    account.own.push((service, own));
                }
                (Some(service), DeValue::Array(_)) => {
                    let mut own = Settings::default();
                    self.relays(name, value, service, &mut own)?;
                    account.own.push((service, own));
                }
                (Some(_), _) => return Err(self.not(name, value, "a URL or a table")),
            }
        }
        Ok(account)
    }

    /// A setting that accounts and their sub-tables have alike.
    fn setting(&self, name: &str, value: &Value<'_>, of: Option<Service>, into: &mut Settings) -> Result<()> {
        let line = self.line(&value.span());
        match (name, of) {
            ("url", Some(service)) if value.get_ref().is_array() => self.relays(name, value, service, into)?,
            ("url", Some(service)) => self.url(name, value, service, into)?,
            (key, _) if direct::KEYS.contains(&key) => self.routing(name, value, into)?,
            ("from", _) => {
                let text = self.string(name, value)?;
                crate::message::addr::parse_strict(&text).map_err(|e| self.wrong(value.span(), e.at("from")))?;
                into.from = Some(Set { value: text, line });
            }
            ("hostname", _) => {
                let text = self.string(name, value)?;
                if !crate::proto::mailbox::is_domain(&text) {
                    return Err(self.wrong(value.span(), format!("hostname: {text}: not a domain")));
                }
                into.hostname = Some(Set { value: text, line });
            }
            ("log", _) => {
                let text = self.string(name, value)?;
                if text != "syslog" && !text.strip_prefix("syslog:").unwrap_or(&text).starts_with('/') {
                    let why = "log: must be \"syslog\", \"syslog:/SOCKET\" or the whole path of a file";
                    return Err(self.wrong(value.span(), why));
                }
                into.log = Some(Set { value: text, line });
            }
            ("cleartext-login", _) => {
                let truth = value.get_ref().as_bool().ok_or_else(|| self.not(name, value, "true or false"))?;
                into.cleartext_login = Some(Set { value: truth, line });
            }
            ("password", _) => into.password = Some(Set { value: self.source(name, value, &PROOFS)?, line }),
            ("auth", _) => into.auth = Some(Set { value: self.mechanisms(name, value)?, line }),
            ("proxy-password", _) => {
                into.proxy_password = Some(Set { value: self.source(name, value, &SOURCES)?, line })
            }
            ("proxy" | "tunnel", _) => {
                if into.through.is_some() {
                    return Err(self.wrong(value.span(), format!("{name}: there can be only one of proxy, tunnel")));
                }
                into.through = Some(Set { value: self.through(name, value)?, line });
            }
            ("rewrite", _) => into.rewrite = Some(Set { value: self.rules(name, value)?, line }),
            ("rewrite-from", _) => into.rewrite_from = Some(Set { value: self.rules(name, value)?, line }),
            ("rewrite-to", _) => into.rewrite_to = Some(Set { value: self.rules(name, value)?, line }),
            ("aliases", _) => into.aliases = Some(Set { value: self.path(name, value)?, line }),
            ("sent", _) => {
                let text = self.string(name, value)?;
                if !text.contains(':') {
                    return Err(self.wrong(
                        value.span(),
                        format!("sent: {text}: neither ACCOUNT:FOLDER, maildir:DIR nor mbox:FILE"),
                    ));
                }
                into.sent = Some(Set { value: text, line });
            }
            ("trash", _) => {
                let text = self.string(name, value)?;
                if text.is_empty() || crate::text::breaks_line(&text) {
                    return Err(self.wrong(value.span(), "trash: not the name of a folder"));
                }
                into.trash = Some(Set { value: text, line });
            }
            ("source-address", _) => {
                let text = self.string(name, value)?;
                let address =
                    text.parse().map_err(|_| self.wrong(value.span(), format!("{name}: {text}: no address")))?;
                into.source_address = Some(Set { value: address, line });
            }
            ("verify", _) => {
                if value.get_ref().as_bool() != Some(true) {
                    let why = "verify: can only be true: nothing turns it off";
                    return Err(self.wrong(value.span(), why).advise("pin = \"sha256:...\" trusts one server's key"));
                }
                into.verify = Some(Set { value: true, line });
            }
            ("queue" | "pipelining", _) => {
                let truth = value.get_ref().as_bool().ok_or_else(|| self.not(name, value, "true or false"))?;
                let of = if name == "queue" { &mut into.queue } else { &mut into.pipelining };
                *of = Some(Set { value: truth, line });
            }
            ("client-cert", _) => into.client_cert = Some(Set { value: self.path(name, value)?, line }),
            _ => {
                if into.trust.is_some() {
                    return Err(self.wrong(value.span(), format!("{name}: there can be only one of ca-file, ca, pin")));
                }
                into.trust = Some(Set { value: self.trust(name, value)?, line });
            }
        }
        Ok(())
    }

    fn one_or_more(&self, name: &str, value: &Value<'_>) -> Result<Vec<String>> {
        if value.get_ref().is_array() { self.strings(name, value) } else { Ok(vec![self.string(name, value)?]) }
    }

    fn mechanisms(&self, name: &str, value: &Value<'_>) -> Result<Vec<Mechanism>> {
        let wrong = |why: String| self.wrong(value.span(), format!("{name}: {why}"));
        self.one_or_more(name, value)?.iter().map(|text| text.parse().map_err(wrong)).collect()
    }

    /// `true`, or a table of patterns and addresses.
    fn rules(&self, name: &str, value: &Value<'_>) -> Result<Vec<Rule>> {
        if value.get_ref().as_bool() == Some(true) {
            return Ok(Vec::new());
        }
        let table = value.get_ref().as_table().ok_or_else(|| self.not(name, value, "true or a table of addresses"))?;
        if table.len() > WORDS {
            return Err(self.wrong(value.span(), format!("{name}: more than {WORDS} rules")));
        }
        let rule = |(pattern, target): (&Spanned<std::borrow::Cow<'_, str>>, &Value<'_>)| {
            Rule::parse(pattern.get_ref(), &self.string(pattern.get_ref(), target)?)
                .map_err(|e| self.wrong(pattern.span(), e.at(name)))
        };
        table.iter().map(rule).collect()
    }

    fn trust(&self, name: &str, value: &Value<'_>) -> Result<Trust> {
        match name {
            "ca-file" => Ok(Trust::File(self.path(name, value)?)),
            "pin" => {
                let texts = self.one_or_more(name, value)?;
                let pins =
                    texts.iter().map(|text| text.parse().map_err(|e: Error| self.wrong(value.span(), e.at(name))));
                Ok(Trust::Pins(pins.collect::<Result<_>>()?))
            }
            _ => match self.string(name, value)?.as_str() {
                "mozilla" => Ok(Trust::Mozilla),
                "system" => Ok(Trust::System),
                other => {
                    let near = nearest(other, &["mozilla", "system"]).map(|near| format!(" (did you mean {near}?)"));
                    let why = format!("ca: {other}: neither mozilla nor system{}", near.unwrap_or_default());
                    Err(self.wrong(value.span(), why))
                }
            },
        }
    }

    fn through(&self, name: &str, value: &Value<'_>) -> Result<Through> {
        if name == "tunnel" {
            return Ok(Through::Tunnel(self.strings(name, value)?));
        }
        self.string(name, value)?.parse().map_err(|e: Error| {
            let advice = e.advice().map(str::to_owned);
            let wrong = self.wrong(value.span(), e.at(name));
            advice.map_or(wrong.clone(), |advice| wrong.advise(advice))
        })
    }

    fn url(&self, name: &str, value: &Value<'_>, service: Service, into: &mut Settings) -> Result<()> {
        let text = self.string(name, value)?;
        let endpoint = Endpoint::parse(&text, service).map_err(|e| {
            let advice = e.advice().map(str::to_owned);
            let wrong = self.wrong(value.span(), e.at(name));
            match advice {
                // The flag's name says nothing here.
                Some(advice) if !advice.contains("--password") => wrong.advise(advice),
                _ => wrong.advise("password = { command = [...] } or { file = ... } says where the password is"),
            }
        })?;
        if endpoint.folder.is_some() {
            let why = format!("{name}: a folder, which belongs behind the account's colon");
            return Err(self.wrong(value.span(), why));
        }
        into.url = Some(Set { value: endpoint, line: self.line(&value.span()) });
        into.url_text = Some(text);
        Ok(())
    }

    fn source(&self, key: &str, value: &Value<'_>, kinds: &[&str]) -> Result<Source> {
        let Some(table) = value.get_ref().as_table() else {
            return Err(if value.get_ref().is_str() {
                self.wrong(value.span(), format!("{key}: a password does not belong into this file")).advise(format!(
                    "say where it is: {key} = {{ command = [\"pass\", \"show\", \"mail\"] }}, or file, env, ...",
                ))
            } else {
                self.not(key, value, "a table like { command = [...] }")
            });
        };
        for (kind, _) in table {
            self.known(kind, kinds)?;
        }
        let mut entries = table.iter();
        let (Some((kind, value)), None) = (entries.next(), entries.next()) else {
            return Err(self.wrong(value.span(), format!("{key}: must have one of {}", kinds.join(", "))));
        };
        let name = kind.get_ref().as_ref();
        Ok(match name {
            "command" => Source::Command(self.strings(name, value)?),
            "file" => Source::File(self.path(name, value)?),
            "netrc" if value.get_ref().as_bool() == Some(true) => Source::Netrc(self.home(value, ".netrc")?),
            "netrc" => Source::Netrc(self.path(name, value)?),
            "env" => {
                let text = self.string(name, value)?;
                if text.contains('=') {
                    return Err(self.wrong(value.span(), "env: not the name of a variable"));
                }
                Source::Env(text)
            }
            "credential" => {
                let text = self.string(name, value)?;
                if text.contains('/') || text == "." || text == ".." {
                    return Err(self.wrong(value.span(), "credential: a name, without directories"));
                }
                Source::Credential(text)
            }
            "oauth" => Source::OAuth(Box::new(self.oauth(value)?)),
            _ => {
                let number = value.get_ref().as_integer().and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok());
                let number = number.filter(|n| i32::try_from(*n).is_ok());
                Source::Fd(number.ok_or_else(|| self.not(name, value, "the number of a file descriptor"))?)
            }
        })
    }

    /// A path: `~/` is the home directory; a relative one starts beside the configuration file.
    fn path(&self, name: &str, value: &Value<'_>) -> Result<PathBuf> {
        let text = self.string(name, value)?;
        match text.strip_prefix("~/") {
            Some(rest) => self.home(value, rest),
            None => Ok(self.file.parent().unwrap_or(Path::new("")).join(text)),
        }
    }

    fn home(&self, value: &Value<'_>, rest: &str) -> Result<PathBuf> {
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        Ok(home.ok_or_else(|| self.wrong(value.span(), "no home directory is known"))?.join(rest))
    }
}

#[cfg(test)]
mod tests;
