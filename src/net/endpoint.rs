//! [`Endpoint`]: where a service is and how the connection is protected, as a URL (RFC 3986, 5092, 2384). No secret in it.

use crate::error::{Error, Result};
use crate::text::domain::to_ascii;
use std::fmt;
use std::net::IpAddr;

/// What is spoken there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Submission or relay, RFC 5321.
    Smtp,
    /// Local delivery, RFC 2033.
    Lmtp,
    /// RFC 1939.
    Pop3,
    /// RFC 3501.
    Imap,
}

impl Service {
    /// The scheme's first word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Service::Smtp => "smtp",
            Service::Lmtp => "lmtp",
            Service::Pop3 => "pop3",
            Service::Imap => "imap",
        }
    }
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// `smtps`: TLS from the first byte.
    Implicit,
    /// `smtp`: STARTTLS demanded and verified, except towards a loopback address or a Unix socket.
    Default,
    /// `smtp+starttls`: STARTTLS demanded everywhere.
    StartTls,
    /// `smtp+plain`: no TLS wanted.
    Plain,
}

/// Where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The embedded server, and whose mailbox (`None`: the caller's).
    Local(Option<String>),
    /// A host name or address, and a port.
    Host(String, u16),
    /// A Unix socket.
    Unix(String),
    /// A program that the account names, whose stdin and stdout are the line.
    Tunnel,
    /// The mail servers of each recipient's domain, [`super::mx`].
    Direct,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What is spoken.
    pub service: Service,
    /// Under which protection.
    pub protection: Protection,
    /// The login name, decoded.
    pub user: Option<String>,
    /// Where.
    pub place: Place,
    /// The folder (IMAP), decoded.
    pub folder: Option<String>,
    /// The account of the configuration that it belongs to, without the colon; `None` for a URL and `local:`.
    pub account: Option<String>,
}

impl Endpoint {
    /// The server, as histories of what was fetched know it: the port counts where it is not the usual one.
    #[must_use]
    pub fn host_in_history(&self) -> String {
        match &self.place {
            Place::Host(host, 110 | 995 | 143 | 993) => host.clone(),
            _ => self.to_string(),
        }
    }

    /// Reads `local:`, `local://USER`, or a URL, for a tool that speaks `service`; each with `/FOLDER` or, for `local:` and Unix
    /// sockets, `:FOLDER` behind it.
    ///
    /// # Errors
    /// 64 with what is wrong, in one line.
    pub fn parse(text: &str, service: Service) -> Result<Endpoint> {
        let wrong = |why: &str| Error::usage(format!("{text}: {why}"));
        if crate::text::breaks_line(text) {
            return Err(Error::usage(format!("{}: a line break or NUL in an account", text)));
        }
        // First of all, as every other error repeats the text.
        let authority = text.split_once("://").map(|(_, rest)| rest.split_once('/').map_or(rest, |(a, _)| a));
        if let Some(authority) = authority {
            login(authority, text)?;
        }
        if let Some(rest) = text.strip_prefix("local:") {
            let (user, folder) = match rest.strip_prefix("//") {
                Some(rest) => match rest.split_once('/') {
                    Some((user, folder)) => (user, folder),
                    None => (rest, ""),
                },
                None => ("", rest),
            };
            return Ok(Endpoint {
                service,
                protection: Protection::Plain,
                user: None,
                place: Place::Local(part(user, text)?),
                folder: part(folder, text)?,
                account: None,
            });
        }
        let Some((scheme, rest)) =
            text.split_once("://").or_else(|| text.split_once(":/").filter(|(s, _)| s.ends_with("+unix")))
        else {
            return Err(match text.split_once(':') {
                Some((account, _)) if !account.is_empty() => wrong("neither local: nor a URL"),
                _ => wrong("neither ACCOUNT: nor a URL").advise("an account ends with a colon: local:"),
            });
        };
        let (word, how) = scheme.split_once('+').map_or((scheme, ""), |(word, how)| (word, how));
        let (word, implicit) = match word.strip_suffix('s') {
            Some(word) => (word, true),
            None => (word, false),
        };
        let named = [Service::Smtp, Service::Lmtp, Service::Pop3, Service::Imap].into_iter().find(|s| s.word() == word);
        let Some(named) = named else { return Err(wrong(&format!("unknown scheme {scheme}"))) };
        if named != service && !(service == Service::Smtp && named == Service::Lmtp) {
            return Err(wrong(&format!("this program speaks {}", service.word())));
        }
        if how == "unix" && !implicit {
            return Endpoint::unix(text, named, rest, text.contains("://"));
        }
        let protection = match (how, implicit) {
            ("", true) => Protection::Implicit,
            ("", false) => Protection::Default,
            ("starttls", false) => Protection::StartTls,
            ("plain", false) => Protection::Plain,
            _ => return Err(wrong(&format!("unknown scheme {scheme}"))),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = login(authority, text)?;
        let (host, port) = host_and_port(host).ok_or_else(|| wrong("no host, or not a port number"))?;
        let port = port.unwrap_or_else(|| default_port(named, implicit, user.is_some()));
        let folder = part(path, text)?;
        Ok(Endpoint { service: named, protection, user, place: Place::Host(host, port), folder, account: None })
    }

    /// `imap+unix:/path`, `imap+unix://USER@/path`; for IMAP with `:FOLDER` behind it, so that a colon in the path is `%3A`.
    fn unix(text: &str, service: Service, rest: &str, authority: bool) -> Result<Endpoint> {
        let (user, path) = match rest.split_once('/').filter(|_| authority) {
            Some((authority, path)) => match login(authority, text)? {
                (user, "") => (user, path),
                _ => return Err(Error::usage(format!("{text}: a Unix socket has no host"))),
            },
            None => (None, rest),
        };
        let (path, folder) = match path.split_once(':') {
            Some((path, folder)) if service == Service::Imap => (path, folder),
            _ => (path, ""),
        };
        let path = part(path, text)?.ok_or_else(|| Error::usage(format!("{text}: no path of a socket")))?;
        let place = Place::Unix(format!("/{}", path.trim_start_matches('/')));
        let folder = part(folder, text)?;
        Ok(Endpoint { service, protection: Protection::Default, user, place, folder, account: None })
    }

    /// The servers of each recipient's domain.
    #[must_use]
    pub fn direct() -> Endpoint {
        Endpoint {
            service: Service::Smtp,
            protection: Protection::Plain,
            user: None,
            place: Place::Direct,
            folder: None,
            account: None,
        }
    }

    /// Whether it is a loopback *address* (a name may be answered with anything).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.place {
            Place::Host(host, _) => is_loopback(host),
            Place::Local(_) | Place::Unix(_) => true,
            Place::Tunnel | Place::Direct => false,
        }
    }

    /// Whether a secret may go out without TLS: pipepost(7), "TLS and secrets".
    #[must_use]
    pub fn cleartext_allowed(&self) -> bool {
        match &self.place {
            Place::Local(_) | Place::Unix(_) => true,
            Place::Host(_, port) => self.is_loopback() && (*port < 1024 || self.protection == Protection::Plain),
            Place::Tunnel | Place::Direct => false,
        }
    }
}

/// The user before the last `@` of a URL's authority, and what stands behind it.
fn login<'t>(authority: &'t str, whole: &str) -> Result<(Option<String>, &'t str)> {
    let Some((user, rest)) = authority.rsplit_once('@') else { return Ok((None, authority)) };
    if user.contains(':') {
        // Without the URL: it holds a password.
        return Err(Error::usage("a password inside a URL would show in ps(1)").advise("use --password-file"));
    }
    Ok((part(user.split_once(";AUTH=").map_or(user, |(user, _)| user), whole)?, rest))
}

/// `HOST`, `HOST:PORT`, `[::1]:PORT`, decoded and with A-labels, as the DNS and certificates have it; `None`: it is none of these.
pub(super) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':')?)),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    let host = decode(host).filter(|host| !host.is_empty() && !breaks_host(host))?;
    Some((to_ascii(&host)?, port))
}

fn breaks_host(host: &str) -> bool {
    host.bytes().any(|b| b.is_ascii_control() || b" /?#@\\".contains(&b))
}

fn default_port(service: Service, implicit: bool, login: bool) -> u16 {
    match (service, implicit) {
        (Service::Smtp, true) => 465,
        (Service::Smtp, false) if login => 587,
        (Service::Smtp, false) => 25,
        (Service::Lmtp, _) => 24,
        (Service::Pop3, true) => 995,
        (Service::Pop3, false) => 110,
        (Service::Imap, true) => 993,
        (Service::Imap, false) => 143,
    }
}

/// A decoded part of an account (`None`: it is empty), which no line break or NUL may get into by way of `%0A`.
pub(super) fn part(text: &str, whole: &str) -> Result<Option<String>> {
    match decode(text) {
        Some(part) if !crate::text::breaks_line(&part) => Ok((!part.is_empty()).then_some(part)),
        Some(_) => Err(Error::usage(format!("{whole}: a line break or NUL in an account"))),
        None => Err(Error::usage(format!("{whole}: not UTF-8"))),
    }
}

/// Whether it is a loopback *address*.
pub(super) fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Percent-decoding, RFC 3986 2.1. `None` if it does not give UTF-8.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&b, after)) = rest.split_first() {
        let pair =
            after.get(..2).and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        match pair {
            Some(byte) if b == b'%' => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(b);
                rest = after;
            }
        }
    }
    String::from_utf8(out).ok()
}

impl fmt::Display for Endpoint {
    /// What its place is called.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

impl fmt::Display for Place {
    /// The host and port, the socket, or `local`: what errors begin with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Local(_) => f.write_str("local"),
            Place::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Host(host, port) => write!(f, "{host}:{port}"),
            Place::Unix(path) => f.write_str(path),
            Place::Tunnel => f.write_str("tunnel"),
            Place::Direct => f.write_str("the recipients' servers"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let e = Endpoint::parse("imap+plain://bob%40example.org@127.0.0.1:1143/Lists%2Frust", Service::Imap).unwrap();
        assert_eq!(e.user.as_deref(), Some("bob@example.org"));
        assert_eq!(e.place, Place::Host("127.0.0.1".into(), 1143));
        assert_eq!(e.folder.as_deref(), Some("Lists/rust"));
        assert!(e.cleartext_allowed());
        let e = Endpoint::parse("pop3s://a@b@pop.example.org", Service::Pop3).unwrap();
        assert_eq!((e.user.as_deref(), e.place), (Some("a@b"), Place::Host("pop.example.org".into(), 995)));
        let e = Endpoint::parse("imaps://b@B\u{fc}cher.example", Service::Imap).unwrap();
        assert_eq!(e.place, Place::Host("xn--bcher-kva.example".into(), 993));
        assert_eq!(Endpoint::parse("smtp://[::1]", Service::Smtp).unwrap().place, Place::Host("::1".into(), 25));
        assert_eq!(
            Endpoint::parse("lmtp+unix:/run/lmtp", Service::Smtp).unwrap().place,
            Place::Unix("/run/lmtp".into())
        );
        for (url, user, path, folder) in [
            ("imap+unix:/run/a%3Ab%20c", None, "/run/a:b c", None),
            ("imap+unix:/run/s:INBOX", None, "/run/s", Some("INBOX")),
            ("imap+unix://b%40x@/run/s:a/b:c%25", Some("b@x"), "/run/s", Some("a/b:c%")),
            ("imap+unix:///run/s", None, "/run/s", None),
        ] {
            let e = Endpoint::parse(url, Service::Imap).unwrap();
            assert_eq!(
                (e.user.as_deref(), e.place, e.folder.as_deref()),
                (user, Place::Unix(path.into()), folder),
                "{url}"
            );
        }
        assert_eq!(Endpoint::parse("local:", Service::Pop3).unwrap().place, Place::Local(None));
        let e = Endpoint::parse("local://bob/Sent", Service::Imap).unwrap();
        assert_eq!((e.place, e.folder.as_deref()), (Place::Local(Some("bob".into())), Some("Sent")));
        assert_eq!(Endpoint::parse("local:Sent", Service::Imap).unwrap().folder.as_deref(), Some("Sent"));
    }

    #[test]
    fn nonsense_and_secrets_are_refused() {
        for bad in [
            "",
            "work",
            ":",
            "imaps://h",
            "pop3://",
            "pop3://h:0",
            "pop3://h:99999",
            "pop3://bob:pw@h",
            "xmpp://h",
            "pop3+x://h",
            "pop3://h\nx",
            "pop3://bob%0d%0aDELE@h",
            "pop3s+plain://h",
            "pop3+unix:/%00y",
            "pop3+unix://host/path",
            "pop3+unix://bob:pw@/path",
            "imaps://bob:pw@h",
            "x://bob:pw@h",
            "local://bob:pw@h",
            "pop3+unix://",
            "pop3://[::1",
            "pop3://[::1]x",
            "local://a%0Ab",
            "local:x%00",
            "pop3://h ost",
        ] {
            let e = Endpoint::parse(bad, Service::Pop3).unwrap_err();
            assert_eq!(e.exit(), crate::error::Exit::Usage, "{bad:?}");
            assert!(!e.to_string().contains("pw"), "{e}");
        }
        assert!(!Endpoint::parse("pop3://bob@127.0.0.1:1110", Service::Pop3).unwrap().cleartext_allowed());
        assert!(Endpoint::parse("pop3://bob@127.0.0.1", Service::Pop3).unwrap().cleartext_allowed());
        assert!(!Endpoint::parse("pop3+plain://bob@localhost:1110", Service::Pop3).unwrap().cleartext_allowed());
    }
}
