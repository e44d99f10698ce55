//! [`Url`]: where a server is asked, RFC 9110 4.2.

use super::Form;
use crate::error::{Error, Result};
use crate::net::endpoint::{host_and_port, is_loopback};
use std::fmt;
use std::str::FromStr;
use ureq::http::Uri;

/// The longest one.
const LONGEST: usize = 4096;

/// A URL with https, or with http on a loopback *address*. No user and no password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    uri: Uri,
    host: String,
    port: u16,
    secure: bool,
}

impl Url {
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The host, a name or an address, and the port.
    #[must_use]
    pub fn host(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// All of it, for those who keep it.
    #[must_use]
    pub fn full(&self) -> String {
        self.uri.to_string()
    }

    /// Its path, from the first slash on.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The same server's, with another path and without a query.
    ///
    /// # Errors
    /// As [`Url::from_str`].
    pub fn with_path(&self, path: &str) -> Result<Url> {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}{path}", if self.secure { "https" } else { "http" }).parse()
    }

    /// The same with further fields in its query, as a browser is given it; what is in them shows there.
    #[must_use]
    pub fn with_fields(&self, fields: &Form) -> String {
        let (before, fields) = (self.full(), fields.bytes());
        let between = if before.contains('?') { '&' } else { '?' };
        format!("{before}{between}{}", String::from_utf8_lossy(fields.expose()))
    }
}

impl FromStr for Url {
    type Err = Error;

    /// # Errors
    /// 64: it is none, or one that is not asked.
    fn from_str(text: &str) -> Result<Url> {
        let shown: String = text.chars().take(200).collect();
        let wrong = |why: &str| Error::usage(format!("{shown}: {why}"));
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(wrong("not a URL like https://HOST/PATH"));
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            // Without the URL: it may hold a password.
            return Err(Error::usage("a URL with a user or a password in it is not asked"));
        }
        if text.len() > LONGEST {
            return Err(wrong("too long"));
        }
        if text.contains('#') {
            return Err(wrong("a fragment, which no server is sent"));
        }
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("not https://")),
        };
        let (host, port) = host_and_port(authority).ok_or_else(|| wrong("no host, or not a port number"))?;
        if !secure && !is_loopback(&host) {
            return Err(wrong("not https://, which all but loopback addresses must have"));
        }
        let uri = text.parse::<Uri>().map_err(|e| wrong(&e.to_string()))?;
        Ok(Url { uri, host, port: port.unwrap_or(if secure { 443 } else { 80 }), secure })
    }
}

impl fmt::Display for Url {
    /// Without its query, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}{}", if self.secure { "https" } else { "http" }, self.uri.path())
    }
}
