//! Proxies: SOCKS5 (RFC 1928, with the password of RFC 1929) and HTTP CONNECT (RFC 9110 9.3.6). Names are theirs to resolve.
//!
//! Everything that a proxy says is bounded, in bytes and in time. Left out: SOCKS4, GSSAPI, TLS to the proxy itself.

use super::wire::Wire;
use crate::body::Body;
use crate::error::{Error, Exit, Result};
use crate::secret::Secret;
use encodify::base64::STANDARD;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest line of an HTTP answer, and how many there may be.
const LINE: usize = 8 * 1024;
const LINES: usize = 100;

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Socks5,
    Http,
}

/// Where a proxy is: `socks5://[USER@]HOST[:1080]` or `http://[USER@]HOST:PORT`. No secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    /// The login name.
    pub user: Option<String>,
    /// Its host, a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Proxy> {
        let shown = crate::text::escape(text);
        let wrong = |why: &str| Error::usage(format!("{shown}: {why}"));
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(wrong("not a proxy like socks5://HOST:PORT or http://HOST:PORT"));
        };
        let kind = match scheme {
            "socks5" | "socks5h" => Kind::Socks5,
            "http" => Kind::Http,
            _ => return Err(wrong("a proxy is socks5:// or http://")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        if user.is_some_and(|user| user.contains(':')) {
            // Without the URL: it holds a password.
            return Err(Error::usage("a password inside a proxy's URL would show in ps(1)")
                .advise("proxy-password in the configuration says where it is"));
        }
        let (host, port) =
            super::endpoint::host_and_port(rest).ok_or_else(|| wrong("no host, or not a port number"))?;
        let port = match (port, kind) {
            (Some(port), _) => port,
            (None, Kind::Socks5) => 1080,
            (None, Kind::Http) => return Err(wrong("no port")),
        };
        let user = super::endpoint::part(user.unwrap_or_default(), text)?;
        if user.as_ref().is_some_and(|user| user.len() > 255 || (kind == Kind::Http && user.contains(':'))) {
            return Err(wrong("no user that this proxy could be told"));
        }
        Ok(Proxy { kind, user, host, port })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.kind == Kind::Socks5 { "socks5" } else { "http" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl Proxy {
    /// Asks the proxy at the other end of `wire` to connect to a host. From then on it is the line to that.
    ///
    /// # Errors
    /// 68: it says that there is no such host; 69: it does not do that; 75: nobody answers there, or not in time; 76: it is no
    /// such proxy; 77: it wants another login.
    pub(super) fn ask(&self, wire: &mut Wire, host: &str, port: u16, password: Option<&Secret>) -> Result<()> {
        match self.kind {
            Kind::Socks5 => self.socks5(wire, host, port, password),
            Kind::Http => self.http(wire, host, port, password),
        }
    }

    fn socks5(&self, wire: &mut Wire, host: &str, port: u16, password: Option<&Secret>) -> Result<()> {
        let login = self.user.as_deref().zip(password);
        wire.put(if login.is_some() { &[5, 2, 0, 2][..] } else { &[5, 1, 0] })?;
        match exactly::<2>(wire)? {
            [5, 0] => {}
            [5, 2] if let Some((user, password)) = login => {
                let length = |text: &[u8]| {
                    let length = u8::try_from(text.len()).ok().filter(|n| *n > 0);
                    length.ok_or_else(|| Error::usage("SOCKS5 takes a user and a password of 1 to 255 bytes"))
                };
                wire.put([1, length(user.as_bytes())?])?;
                wire.put(user)?;
                wire.put([length(password.expose())?])?;
                wire.put_secret(password.expose())?;
                match exactly::<2>(wire)? {
                    [_, 0] => {}
                    [_, _] => return Err(Error::auth("the proxy refuses the login")),
                }
            }
            [5, 255] if login.is_some() => {
                return Err(Error::auth("the proxy has no way to log in that is known here"));
            }
            [5, 255] => {
                return Err(
                    Error::auth("the proxy wants a login").advise("proxy = \"socks5://USER@...\" names the user")
                );
            }
            _ => return Err(Error::protocol("the proxy does not speak SOCKS5")),
        }
        let mut request = vec![5, 1, 0];
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => {
                request.push(1);
                request.extend(address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                request.push(4);
                request.extend(address.octets());
            }
            Err(_) => {
                let length =
                    u8::try_from(host.len()).map_err(|_| Error::usage("a host's name of more than 255 bytes"))?;
                request.extend([3, length]);
                request.extend(host.as_bytes());
            }
        }
        request.extend(port.to_be_bytes());
        wire.put(request)?;
        let [version, reply, _, kind] = exactly::<4>(wire)?;
        if version != 5 {
            return Err(Error::protocol("the proxy does not speak SOCKS5"));
        }
        if reply != 0 {
            return Err(refused(reply));
        }
        // The address that it connected from is of no interest, but it has to be read.
        let length = match kind {
            1 => 4,
            4 => 16,
            3 => exactly::<1>(wire)?.map(u64::from).iter().sum(),
            _ => return Err(Error::protocol("the proxy answers with an address of an unknown kind")),
        };
        skip(wire, length + 2)
    }

    fn http(&self, wire: &mut Wire, host: &str, port: u16, password: Option<&Secret>) -> Result<()> {
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        wire.put(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"))?;
        if let Some((user, password)) = self.user.as_deref().zip(password) {
            // RFC 7617.
            let both = Secret::new([user.as_bytes(), b":", password.expose()].concat());
            wire.put("Proxy-Authorization: Basic ")?;
            wire.put_secret(STANDARD.encode(both.expose()).as_bytes())?;
            wire.put("\r\n")?;
        }
        wire.put("\r\n")?;
        let mut lines = 0;
        loop {
            let status = String::from_utf8_lossy(wire.line(LINE)?).into_owned();
            let mut words = status.splitn(3, ' ');
            let version = words.next().unwrap_or_default();
            let code = words.next().and_then(|code| code.parse::<u16>().ok()).filter(|code| (100..600).contains(code));
            let (true, Some(code)) = (version.starts_with("HTTP/1."), code) else {
                return Err(Error::protocol("the proxy does not speak HTTP"));
            };
            loop {
                lines += 1;
                if lines > LINES {
                    return Err(Error::protocol("the proxy's answer has no end"));
                }
                if wire.line(LINE)?.is_empty() {
                    break;
                }
            }
            let said = format!("the proxy says: {}", wire.hide(crate::text::escape(&status)));
            return match code {
                // 100 Continue and its like: the answer is still to come.
                100..200 => continue,
                200..300 => Ok(()),
                407 => Err(Error::auth(said)),
                502..=504 | 408 | 429 => Err(Error::temporary(said)),
                _ => Err(Error::refused(said)),
            };
        }
    }
}

/// RFC 1928 6: why it does not connect.
fn refused(reply: u8) -> Error {
    let (exit, why) = match reply {
        2 => (Exit::Refused, "is not allowed to do that"),
        3 => (Exit::TempFail, "can't reach that network"),
        4 => (Exit::TempFail, "can't reach that host"),
        5 => (Exit::TempFail, "is refused the connection"),
        6 => (Exit::TempFail, "gets no answer from there"),
        7 => (Exit::Refused, "does not connect for others"),
        8 => (Exit::Refused, "does not know that kind of address"),
        _ => (Exit::TempFail, "fails"),
    };
    Error::new(exit, format!("the proxy {why} (SOCKS5 reply {reply})"))
}

fn exactly<const N: usize>(wire: &mut Wire) -> Result<[u8; N]> {
    let mut got = [0; N];
    let mut places = got.iter_mut();
    let mut body = wire.exact(N as u64);
    while body.left() > 0 {
        body.chunk()?.iter().zip(places.by_ref()).for_each(|(byte, place)| *place = *byte);
    }
    Ok(got)
}

fn skip(wire: &mut Wire, bytes: u64) -> Result<()> {
    let mut body = wire.exact(bytes);
    while body.left() > 0 {
        body.chunk()?;
    }
    Ok(())
}
