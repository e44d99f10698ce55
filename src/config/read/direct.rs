//! The keys that say where mail goes.

use super::super::{Config, RESERVED, Set, Settings, is_name};
use super::{Reader, Value};
use crate::error::{Error, Result};
use crate::net::endpoint::{Endpoint, Service};

/// Their names.
pub(super) const KEYS: [&str; 4] = ["direct", "resolver", "resolver-validates", "direct-ports"];
/// As many servers may stand in a list.
const RELAYS: usize = 20;

impl Reader<'_> {
    /// One of [`KEYS`].
    pub(super) fn routing(&self, name: &str, value: &Value<'_>, into: &mut Settings) -> Result<()> {
        let line = self.line(&value.span());
        let truth = || value.get_ref().as_bool().ok_or_else(|| self.not(name, value, "true or false"));
        let routing = &mut into.routing;
        match name {
            "direct" => routing.direct = Some(Set { value: truth()?, line }),
            "resolver-validates" => routing.validates = Some(Set { value: truth()?, line }),
            "resolver" => {
                let text = self.string(name, value)?;
                let server = crate::net::dns::server(&text).map_err(|e| self.wrong(value.span(), e.at(name)))?;
                routing.resolver = Some(Set { value: server, line });
            }
            _ => {
                let expected = "two ports, like [25, 443]";
                let list = value.get_ref().as_array().ok_or_else(|| self.not(name, value, expected))?;
                let port = |value: &Value<'_>| {
                    let number = value.get_ref().as_integer()?;
                    u16::from_str_radix(number.as_str(), number.radix()).ok().filter(|port| *port > 0)
                };
                let ports: Option<Vec<u16>> = list.iter().map(port).collect();
                let Some([smtp, https]) = ports.as_deref() else {
                    return Err(self.wrong(value.span(), format!("{name}: must be {expected}")));
                };
                routing.ports = Some(Set { value: (*smtp, *https), line });
            }
        }
        Ok(())
    }

    /// A list of URLs: the first is the account's server, the others are tried after it.
    pub(super) fn relays(&self, name: &str, value: &Value<'_>, service: Service, into: &mut Settings) -> Result<()> {
        let list = value.get_ref().as_array().ok_or_else(|| self.not(name, value, "a list of URLs"))?;
        let Some((first, rest)) = list.split_first().filter(|_| service == Service::Smtp && list.len() <= RELAYS)
        else {
            let why = format!("{name}: a list of URLs is for smtp, and has 1 to {RELAYS}");
            return Err(self.wrong(value.span(), why));
        };
        let (mut relays, mut urls): (Vec<Endpoint>, Vec<String>) = (Vec::new(), Vec::new());
        for value in rest {
            let mut one = Settings::default();
            self.url(name, value, service, &mut one)?;
            relays.extend(one.url.map(|set| set.value));
            urls.extend(one.url_text);
        }
        self.url(name, first, service, into)?;
        into.url_text = into.url_text.take().map(|text| [vec![text], urls].concat().join(" "));
        into.routing.relays = Some(Set { value: relays, line: self.line(&value.span()) });
        Ok(())
    }

    /// The account that mail of `local:` for other domains goes by.
    pub(super) fn account_named(&self, key: &str, value: &Value<'_>) -> Result<Set<String>> {
        let text = self.string(key, value)?;
        let account = text.strip_suffix(':').unwrap_or(&text);
        if !is_name(account) || RESERVED.contains(&account) {
            return Err(self.wrong(value.span(), format!("{key}: {text}: not the name of an account")));
        }
        Ok(Set { value: account.to_owned(), line: self.line(&value.span()) })
    }

    /// That account is there, can send, and is the only way.
    pub(super) fn leads_on(&self, config: &Config) -> Result<()> {
        let Some(Set { value, line }) = &config.local.relay else { return Ok(()) };
        let wrong = |why: String| Error::config(format!("{}:{line}: {why}", self.file.display()));
        if config.local.settings.routing.is_direct() {
            return Err(wrong("local: there can be only one of relay, direct = true".to_owned()));
        }
        match config.endpoint(value, Service::Smtp) {
            Ok(_) => Ok(()),
            Err(e) => {
                let advice = e.advice().map(str::to_owned);
                let wrong = wrong(format!("relay = {value:?}: {e}"));
                Err(advice.map_or(wrong.clone(), |advice| wrong.advise(advice)))
            }
        }
    }

    /// An account has a server, or delivers straight to others.
    pub(super) fn one_way(&self, name: &str, settings: &Settings) -> Result<()> {
        match (&settings.url, &settings.routing.direct) {
            (Some(_), Some(Set { value: true, line })) => {
                let place = format!("{}:{line}", self.file.display());
                Err(Error::config(format!("{place}: {name}: there can be only one of smtp, direct = true")))
            }
            _ => Ok(()),
        }
    }
}
