//! `password = { oauth = ... }`: a provider's name, an issuer's URL, or a table.

use super::{Reader, SOURCES, Value};
use crate::config::nearest;
use crate::config::oauth::{Endpoints, Flow, OAuth, Provider, is_tenant};
use crate::error::{Error, Result};
use crate::net::http::Url;

/// What the table may have.
const KEYS: [&str; 14] = [
    "provider",
    "issuer",
    "tenant",
    "client-id",
    "client-secret",
    "scope",
    "flow",
    "redirect-uri",
    "token-endpoint",
    "authorization-endpoint",
    "device-endpoint",
    "revocation-endpoint",
    "ca-file",
    "ca",
];
/// Who grants; one of them.
const WHO: [&str; 3] = ["provider", "issuer", "token-endpoint"];
const PROVIDERS: [&str; 2] = ["gmail", "microsoft"];

impl Reader<'_> {
    pub(super) fn oauth(&self, value: &Value<'_>) -> Result<OAuth> {
        if value.get_ref().is_str() {
            return Ok(OAuth::new(self.provider("oauth", value)?));
        }
        let Some(table) = value.get_ref().as_table() else {
            return Err(self.not("oauth", value, "gmail, microsoft, an issuer's URL, or a table"));
        };
        for (key, _) in table {
            self.known(key, &KEYS)?;
        }
        let who: Vec<&str> = WHO.into_iter().filter(|key| table.contains_key(*key)).collect();
        let [who] = who.as_slice() else {
            return Err(self.wrong(value.span(), format!("oauth: must have one of {}", WHO.join(", "))));
        };
        let Some(named) = table.get(*who) else {
            return Err(self.not("oauth", value, "a table that says who grants tokens"));
        };
        let url = |key: &str| table.get(key).map(|value| self.http(key, value)).transpose();
        let provider = match *who {
            "provider" => match self.string("provider", named)?.as_str() {
                name if PROVIDERS.contains(&name) => self.provider("provider", named)?,
                other => {
                    let near = nearest(other, &PROVIDERS).map(|near| format!(" (did you mean {near}?)"));
                    let why = format!("provider: {other}: neither gmail nor microsoft{}", near.unwrap_or_default());
                    return Err(self.wrong(named.span(), why).advise("issuer = \"https://...\" names any other"));
                }
            },
            "issuer" => {
                self.http("issuer", named)?;
                Provider::Issuer(self.string("issuer", named)?)
            }
            _ => Provider::Endpoints(Box::new(Endpoints {
                token: self.http("token-endpoint", named)?,
                authorization: url("authorization-endpoint")?,
                device: url("device-endpoint")?,
                revocation: url("revocation-endpoint")?,
            })),
        };
        let mut oauth = OAuth::new(provider);
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match name {
                "tenant" => match &mut oauth.provider {
                    Provider::Microsoft(tenant) => {
                        *tenant = self.string(name, value)?;
                        if !is_tenant(tenant) {
                            return Err(self.wrong(value.span(), "tenant: neither a domain nor an identifier"));
                        }
                    }
                    _ => return Err(self.wrong(key.span(), "tenant: only microsoft has tenants")),
                },
                "authorization-endpoint" | "device-endpoint" | "revocation-endpoint" if *who != "token-endpoint" => {
                    let why = format!("{name}: belongs to a token-endpoint, and there is {who}");
                    return Err(self.wrong(key.span(), why));
                }
                "client-id" => oauth.client_id = Some(self.string(name, value)?),
                "client-secret" => oauth.client_secret = Some(self.source(name, value, &SOURCES)?),
                "scope" => oauth.scope = Some(self.scope(value)?),
                "flow" => oauth.flow = Some(self.flow(value)?),
                "redirect-uri" => {
                    let read = self.string(name, value)?.parse();
                    oauth.redirect = Some(read.map_err(|e: Error| self.wrong(value.span(), e.at(name)))?);
                }
                "ca-file" | "ca" => {
                    if oauth.trust.is_some() {
                        return Err(self.wrong(key.span(), format!("{name}: there can be only one of ca-file, ca")));
                    }
                    oauth.trust = Some(self.trust(name, value)?);
                }
                _ => {}
            }
        }
        if oauth.flow == Some(Flow::ClientCredentials) && (oauth.client_id.is_none() || oauth.client_secret.is_none()) {
            return Err(self.wrong(value.span(), "flow = \"client-credentials\" needs client-id and client-secret"));
        }
        Ok(oauth)
    }

    fn provider(&self, name: &str, value: &Value<'_>) -> Result<Provider> {
        self.string(name, value)?.parse().map_err(|e: Error| self.wrong(value.span(), e.at(name)))
    }

    fn http(&self, name: &str, value: &Value<'_>) -> Result<Url> {
        self.string(name, value)?.parse().map_err(|e: Error| self.wrong(value.span(), e.at(name)))
    }

    fn scope(&self, value: &Value<'_>) -> Result<Vec<String>> {
        let words = self.strings("scope", value)?;
        // RFC 6749 3.3.
        let word =
            |word: &String| !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        if words.iter().all(word) {
            return Ok(words);
        }
        Err(self.wrong(value.span(), "scope: one word in each string"))
    }

    fn flow(&self, value: &Value<'_>) -> Result<Flow> {
        let text = self.string("flow", value)?;
        if let Some((flow, _)) = Flow::ALL.iter().find(|(_, word)| *word == text) {
            return Ok(*flow);
        }
        let words = Flow::ALL.map(|(_, word)| word);
        let near = nearest(&text, &words).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        Err(self.wrong(value.span(), format!("flow: {text}: none of {}{near}", words.join(", "))))
    }
}
