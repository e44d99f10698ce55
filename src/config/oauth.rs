//! Whose tokens of OAuth 2.0 log in, and how they are got: the value of `password = { oauth = ... }`.
//!
//! No client is built in: whoever logs in has registered one, or knows that of their organisation.

use super::Trust;
use super::secret::Source;
use crate::error::{Error, Result};
use crate::net::http::Url;
use std::fmt;
use std::str::FromStr;

/// Who grants tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Google.
    Gmail,
    /// Microsoft 365, for this tenant.
    Microsoft(String),
    /// Whoever publishes their addresses there.
    Issuer(String),
    /// Whoever has these addresses.
    Endpoints(Box<Endpoints>),
}

/// Where somebody listens who publishes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Where tokens are got.
    pub token: Url,
    /// The page where users log in.
    pub authorization: Option<Url>,
    /// Where device codes are got.
    pub device: Option<Url>,
    /// Where tokens are revoked.
    pub revocation: Option<Url>,
}

impl FromStr for Provider {
    type Err = Error;

    /// `gmail`, `microsoft`, or an issuer's URL.
    fn from_str(text: &str) -> Result<Provider> {
        match text {
            "gmail" => Ok(Provider::Gmail),
            "microsoft" => Ok(Provider::Microsoft("common".to_owned())),
            url if url.contains("://") => url.parse::<Url>().map(|_| Provider::Issuer(url.to_owned())),
            other => {
                let near =
                    super::nearest(other, &["gmail", "microsoft"]).map(|near| format!(" (did you mean {near}?)"));
                Err(Error::usage(format!(
                    "{other}: neither gmail nor microsoft nor an issuer's URL{}",
                    near.unwrap_or_default()
                )))
            }
        }
    }
}

/// Whether a tenant of Microsoft's can have that name: a domain or an identifier.
#[must_use]
pub fn is_tenant(text: &str) -> bool {
    (1..=253).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Provider::Gmail => f.write_str("gmail"),
            Provider::Microsoft(tenant) => write!(f, "microsoft {tenant}"),
            Provider::Issuer(issuer) => f.write_str(issuer),
            Provider::Endpoints(at) => at.token.fmt(f),
        }
    }
}

/// How the first token is got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The user types a code on another device, RFC 8628.
    Device,
    /// The user logs in in a browser on this machine, RFC 8252.
    Browser,
    /// There is no user: the program logs in itself, RFC 6749 4.4.
    ClientCredentials,
}

impl Flow {
    /// All, with their names.
    pub const ALL: [(Flow, &'static str); 3] =
        [(Flow::Device, "device"), (Flow::Browser, "browser"), (Flow::ClientCredentials, "client-credentials")];

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        Flow::ALL.iter().find(|(flow, _)| *flow == self).map_or("", |(_, word)| word)
    }
}

/// Where a browser on this machine is sent back to, as it was registered; port 0 is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// `127.0.0.1`, `::1` or `localhost`.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, from the slash on.
    pub path: String,
}

impl FromStr for Redirect {
    type Err = Error;

    /// `http://127.0.0.1[:PORT][/PATH]`, or with `[::1]` or `localhost`.
    fn from_str(text: &str) -> Result<Redirect> {
        let wrong = || Error::usage(format!("{text}: not http:// at 127.0.0.1, [::1] or localhost"));
        let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
        let host =
            ["127.0.0.1", "[::1]", "localhost"].into_iter().find(|host| rest.starts_with(host)).ok_or_else(wrong)?;
        // What an address would make of it.
        let url: Url = format!("http://127.0.0.1{}", rest.strip_prefix(host).unwrap_or_default()).parse()?;
        let (_, port) = url.host();
        let port = if rest.starts_with(&format!("{host}:")) { port } else { 0 };
        if url.host().0 != "127.0.0.1" || text.contains('?') {
            return Err(wrong());
        }
        Ok(Redirect { host: host.trim_matches(['[', ']']).to_owned(), port, path: url.path().to_owned() })
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth {
    /// Who grants them.
    pub provider: Provider,
    /// The client that was registered there.
    pub client_id: Option<String>,
    /// Where its secret comes from, if it has one.
    pub client_secret: Option<Source>,
    /// What the tokens are for; the provider's own, if nothing is said.
    pub scope: Option<Vec<String>>,
    /// How the first is got; the provider's best, if nothing is said.
    pub flow: Option<Flow>,
    /// Where browsers are sent back to.
    pub redirect: Option<Redirect>,
    /// Whose certificates are good there.
    pub trust: Option<Trust>,
}

impl OAuth {
    /// All by default.
    #[must_use]
    pub fn new(provider: Provider) -> OAuth {
        OAuth { provider, client_id: None, client_secret: None, scope: None, flow: None, redirect: None, trust: None }
    }

    /// The name that tokens are kept under.
    #[must_use]
    pub fn issuer(&self) -> String {
        match &self.provider {
            Provider::Gmail => "https://accounts.google.com".to_owned(),
            Provider::Microsoft(tenant) => format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            Provider::Issuer(issuer) => issuer.clone(),
            Provider::Endpoints(at) => at.token.to_string(),
        }
    }

    /// What the tokens are for, in one line; `flow` is how they are got.
    #[must_use]
    pub fn scope(&self, flow: Flow) -> String {
        match (&self.scope, &self.provider) {
            (Some(scope), _) => scope.join(" "),
            (None, Provider::Gmail) => "https://mail.google.com/".to_owned(),
            (None, Provider::Microsoft(_)) if flow == Flow::ClientCredentials => {
                "https://outlook.office365.com/.default".to_owned()
            }
            (None, Provider::Microsoft(_)) => {
                let of = |what: &str| format!("https://outlook.office.com/{what}");
                let all =
                    [of("IMAP.AccessAsUser.All"), of("POP.AccessAsUser.All"), of("SMTP.Send"), "offline_access".into()];
                all.join(" ")
            }
            (None, _) => String::new(),
        }
    }

    /// Where browsers are sent back to. Microsoft's registrations know a port that is free only by this name.
    #[must_use]
    pub fn redirect(&self) -> Redirect {
        let host = if matches!(self.provider, Provider::Microsoft(_)) { "localhost" } else { "127.0.0.1" };
        self.redirect.clone().unwrap_or_else(|| Redirect { host: host.to_owned(), port: 0, path: "/".to_owned() })
    }
}

impl fmt::Display for OAuth {
    /// What `mail-check --show` prints: no secret, but where it comes from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.provider.fmt(f)?;
        if let Some(id) = &self.client_id {
            write!(f, " client-id {id}")?;
        }
        if let Some(source) = &self.client_secret {
            write!(f, " client-secret {source}")?;
        }
        if let Some(scope) = &self.scope {
            write!(f, " scope {}", scope.join(" "))?;
        }
        if let Some(flow) = self.flow {
            write!(f, " flow {}", flow.word())?;
        }
        if let Some(trust) = &self.trust {
            write!(f, " {} {trust}", trust.key())?;
        }
        Ok(())
    }
}
