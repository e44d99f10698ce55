//! Login in a browser on this machine, RFC 8252 7.3: the page sends the browser back to a port that is ours, with a code.
//!
//! Browsers open connections that they never use, and others on this machine may connect too: each connection has a thread and a
//! few seconds, and only the one that knows our state counts.

use super::Attempt;
use super::answer::told;
use crate::error::{Error, Local, Result, words};
use crate::net::stream::{Socket, wait};
use crate::net::{Deadline, Wire};
use crate::secret::Secret;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a browser may take to say what it wants.
const REQUEST: Duration = Duration::from_secs(10);
/// How often it is looked whether a browser has said it.
const LOOK: Duration = Duration::from_millis(20);
/// As many connections are heard at a time.
const AT_ONCE: usize = 32;
/// The longest line of a request, and how many.
const LINE: usize = 16 * 1024;
const LINES: usize = 200;

/// The port that the browser is sent back to.
pub struct Redirect {
    listener: TcpListener,
    uri: String,
    path: String,
}

/// What a browser has brought.
enum Brought {
    Code(Secret),
    Refused(Error),
}

impl Redirect {
    /// Listens on a loopback address; `host` is how the browser is told it: `127.0.0.1`, `::1` or `localhost`. Port 0 is any.
    ///
    /// # Errors
    /// 75: the port is taken.
    pub fn listen(host: &str, port: u16, path: &str) -> Result<Redirect> {
        let address: SocketAddr = match host {
            "::1" => (Ipv6Addr::LOCALHOST, port).into(),
            _ => (Ipv4Addr::LOCALHOST, port).into(),
        };
        let listener = TcpListener::bind(address).map_err(|e| Error::temporary(format!("{address}: {}", words(&e))))?;
        listener.set_nonblocking(true).local(address)?;
        let port = listener.local_addr().local(address)?.port();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Ok(Redirect { listener, uri: format!("http://{host}:{port}{path}"), path: path.to_owned() })
    }

    /// Where the browser is to be sent.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Waits for the browser with the code for `attempt`; `issuer` is who must have sent it, if it says so (RFC 9207).
    ///
    /// # Errors
    /// 75: it does not come before `until`; 77: the user, or the server, has refused; 76: it comes from another issuer.
    pub fn code(&self, attempt: &Attempt, issuer: &str, until: Deadline) -> Result<Secret> {
        let (found, brought) = channel();
        let guests = Arc::new(Mutex::new(0_usize));
        let expected =
            Arc::new(Expected { path: self.path.clone(), state: attempt.state.clone(), issuer: issuer.to_owned() });
        loop {
            if let Ok(brought) = brought.try_recv() {
                return match brought {
                    Brought::Code(code) => Ok(code),
                    Brought::Refused(e) => Err(e),
                };
            }
            if until.passed() {
                return Err(Error::temporary("nobody has logged in in time"));
            }
            let look = Deadline::after(LOOK).or_earlier(until);
            if !wait(Some(self.listener.as_fd()), None, &[], look).local("poll")?.read {
                continue;
            }
            // One that is gone already is none.
            let Ok((guest, _)) = self.listener.accept() else { continue };
            let count = |by: fn(usize) -> usize| {
                let mut guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
                *guests = by(*guests);
                *guests
            };
            if count(|n| n + 1) > AT_ONCE {
                count(|n| n.saturating_sub(1));
                continue;
            }
            let (expected, found, guests) = (expected.clone(), found.clone(), guests.clone());
            std::thread::spawn(move || {
                // Who says nothing, or nothing of use, is no concern of the user's.
                let _ = expected.hear(guest, &found);
                let mut guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
                *guests = guests.saturating_sub(1);
            });
        }
    }
}

/// What the right browser says.
struct Expected {
    path: String,
    state: Secret,
    issuer: String,
}

impl Expected {
    /// Hears one request and answers it.
    fn hear(&self, guest: TcpStream, found: &Sender<Brought>) -> Result<()> {
        let mut wire = Wire::over(Socket::new(guest).local("socket")?, "browser").as_server();
        wire.whole_until(Deadline::after(REQUEST));
        let request = Secret::new(wire.line(LINE)?.to_vec());
        for _ in 0..LINES {
            if wire.line(LINE)?.is_empty() {
                break;
            }
        }
        let (status, text) = match self.read(request.expose()) {
            None => ("404 Not Found", "There is nothing here."),
            Some(Brought::Code(code)) => {
                let _ = found.send(Brought::Code(code));
                ("200 OK", "mail-login has what it needs. You can close this page.")
            }
            Some(Brought::Refused(e)) => {
                let _ = found.send(Brought::Refused(e));
                ("200 OK", "The login was refused; mail-login says why. You can close this page.")
            }
        };
        let page = format!("<!DOCTYPE html><html lang=\"en\"><title>mail-login</title><p>{text}</p></html>\n");
        wire.put(format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
             Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n\r\n{page}",
            page.len()
        ))?;
        wire.flush()
    }

    /// `None`: it is not the one that is waited for.
    fn read(&self, request: &[u8]) -> Option<Brought> {
        let request = std::str::from_utf8(request).ok()?;
        let target = request.strip_prefix("GET ")?.split(' ').next()?;
        let (path, query) = target.split_once('?')?;
        if path != self.path {
            return None;
        }
        let field = |name: &str| {
            let mut fields = query.split('&').filter_map(|field| field.split_once('='));
            let value = fields.find(|(field, _)| *field == name)?.1.replace('+', " ");
            crate::net::endpoint::decode(&value)
        };
        // Whoever does not know it has not come from our page.
        if !field("state").is_some_and(|state| self.state.same(state.as_bytes())) {
            return None;
        }
        if let Some(issuer) =
            field("iss").filter(|issuer| issuer.trim_end_matches('/') != self.issuer.trim_end_matches('/'))
        {
            let e = Error::protocol(format!("the browser comes from another issuer: {}", told(&issuer, &[])));
            return Some(Brought::Refused(e));
        }
        if let Some(code) =
            field("code").map(|code| Secret::new(code.into_bytes())).filter(|code| !code.expose().is_empty())
        {
            return Some(Brought::Code(code));
        }
        let why = field("error").unwrap_or_else(|| "neither a code nor an error".to_owned());
        let more = field("error_description").map(|more| format!(" ({})", told(&more, &[]))).unwrap_or_default();
        Some(Brought::Refused(Error::auth(format!("the login was refused: {}{more}", told(&why, &[])))))
    }
}
