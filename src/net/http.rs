//! HTTP/1.1 requests to servers that are no mail servers: those that give tokens, and those that publish policies.
//!
//! This is the only room that names ureq, which writes the request and reads the answer; the line below is a [`Wire`] of our own,
//! so that proxies, addresses, TLS and deadlines are what they are elsewhere. A server must be asked by https, but on a loopback
//! address; a redirect is an answer like any other and is not followed; everything has one deadline, and a body has a
//! limit. Left out: cookies, compression, connections that are kept, traces (both directions are secrets).

mod form;
#[cfg(test)]
mod tests;
mod url;

pub use form::Form;
pub use url::Url;

use super::deadline::Deadline;
use super::dial::Route;
use super::tls::Tls;
use super::wire::{Upgrade, Wire};
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ureq::http::{HeaderMap, HeaderValue, Request, header};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport as Carries,
};

/// How long a request may take, from the look-up of the name to the last byte, if nobody said less.
pub const WHOLE: Duration = Duration::from_secs(60);
/// As much of a body is read, if nobody said another limit.
pub const BODY: u64 = 1024 * 1024;
/// The longest header of an answer.
const HEADER: usize = 64 * 1024;
/// What is read or written in one go; a header or a line between two chunks has to fit.
const BUFFER: usize = HEADER + 1024;

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// The status, 100 to 999.
    pub status: u16,
    /// The media type in small letters, without its parameters; empty if there is none.
    pub kind: String,
    /// What `Location` says, of a redirect.
    pub location: Option<String>,
    /// The body.
    pub body: Secret,
}

/// How servers are asked.
#[derive(Clone)]
pub struct Http {
    route: Route,
    tls: Arc<Tls>,
    until: Deadline,
    limit: u64,
    addresses: Option<Vec<SocketAddr>>,
}

impl Http {
    /// Goes by `route` and trusts as `tls` says.
    #[must_use]
    pub fn new(route: Route, tls: Arc<Tls>) -> Http {
        Http { route, tls, until: Deadline::NEVER, limit: BODY, addresses: None }
    }

    /// The instant by which all requests must be done; each has [`WHOLE`] at most.
    #[must_use]
    pub fn until(mut self, until: Deadline) -> Http {
        self.until = until;
        self
    }

    /// Takes no body of more than that many bytes; [`BODY`] if it is not said.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Http {
        self.limit = bytes;
        self
    }

    /// Connects to these addresses, for whoever has looked the name up already; with a proxy they are the proxy's.
    #[must_use]
    pub fn at(mut self, addresses: Vec<SocketAddr>) -> Http {
        self.addresses = Some(addresses);
        self
    }

    /// GET, RFC 9110 9.3.1. `accept` is a media type.
    ///
    /// # Errors
    /// 68: no such host; 75: nobody answers, or not in time; 76: no HTTP, a body beyond the limit, TLS can't be verified; those of
    /// a proxy.
    pub fn get(&self, url: &Url, accept: &str) -> Result<Answer> {
        let request = Request::get(url.uri().clone()).header(header::ACCEPT, accept);
        self.ask(url, request.body(()).map_err(|e| Error::internal(e.to_string()))?)
    }

    /// POST of a form, RFC 9110 9.3.3, for an answer in JSON. `basic` are a user and a password, RFC 7617, both as they are to be
    /// sent.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub fn post(&self, url: &Url, form: &Form, basic: Option<&Secret>) -> Result<Answer> {
        let mut request = Request::post(url.uri().clone())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(both) = basic {
            let line = Secret::new(encodify::base64::STANDARD.encode(both.expose()).into_bytes());
            let line = Secret::new([b"Basic ", line.expose()].concat());
            let mut value = HeaderValue::from_bytes(line.expose()).map_err(|e| Error::internal(e.to_string()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let bytes = form.bytes();
        self.ask(url, request.body(bytes.expose()).map_err(|e| Error::internal(e.to_string()))?)
    }

    fn ask(&self, url: &Url, request: Request<impl ureq::AsSendBody>) -> Result<Answer> {
        let until = self.until.or_earlier(Deadline::after(WHOLE));
        let to = To { http: self.clone(), url: url.clone(), until, trouble: Trouble::default() };
        let trouble = to.trouble.clone();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("pipepost/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(HEADER)
            .max_idle_connections(0)
            .build();
        let agent = ureq::Agent::with_parts(config, to, Nowhere);
        // What the line says of itself is more than ureq knows of it.
        let wrong = |e: ureq::Error| trouble.take().unwrap_or_else(|| words(&e).at(url));
        let answer = agent.run(request).map_err(wrong)?;
        let status = answer.status().as_u16();
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (kind, location) = (kind(answer.headers()), text(header::LOCATION));
        // In one piece, so that no part of it stays behind.
        let mut body = Vec::with_capacity(BUFFER);
        let mut from = answer.into_body().into_reader().take(self.limit.saturating_add(1));
        let read = from.read_to_end(&mut body);
        let body = Secret::new(body);
        read.map_err(|e| wrong(ureq::Error::Io(e)))?;
        if body.expose().len() as u64 > self.limit {
            return Err(Error::protocol(format!("an answer of more than {} bytes", self.limit)).at(url));
        }
        Ok(Answer { status, kind, location, body })
    }
}

fn kind(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What ureq says of itself. Errors of the line are in [`Trouble`].
fn words(e: &ureq::Error) -> Error {
    match e {
        ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::temporary("connection lost (closed by the other side)")
        }
        ureq::Error::Io(e) if e.get_ref().is_none() => {
            Error::temporary(format!("connection lost ({})", crate::error::words(e)))
        }
        e => Error::protocol(format!("no HTTP that could be read: {e}")),
    }
}

/// What the line came to, for whom ureq hides it from.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<Option<Error>>>);

impl Trouble {
    /// Keeps it, and gives ureq something to say.
    fn keep(&self, e: Error) -> ureq::Error {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(e);
        ureq::Error::ConnectionFailed
    }

    fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The way to the one server that is asked.
struct To {
    http: Http,
    url: Url,
    until: Deadline,
    trouble: Trouble,
}

impl To {
    fn wire(&self) -> Result<Wire> {
        let (host, port) = self.url.host();
        let mut wire = self.http.route.to_host(host, port, self.http.addresses.as_deref(), self.until)?;
        wire.whole_until(self.until);
        if self.url.is_secure() {
            let (tls, name) = (self.http.tls.clone(), host.to_owned());
            wire.may_upgrade(Upgrade { tls, name, verify: true, demanded: true });
            wire.start_tls()?;
        }
        Ok(wire)
    }
}

impl Connector for To {
    type Out = Line;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Line>, ureq::Error> {
        let wire = self.wire().map_err(|e| self.trouble.keep(e))?;
        Ok(Some(Line {
            wire: Mutex::new(wire),
            secure: self.url.is_secure(),
            buffers: LazyBuffers::new(BUFFER, BUFFER),
            // As much as the body's limit allows in chunks of a few bytes each.
            left: self.http.limit.saturating_mul(8).saturating_add(4 * BUFFER as u64),
            trouble: self.trouble.clone(),
        }))
    }
}

/// A connection of ours, as ureq sees it.
struct Line {
    /// Only because ureq wants to share what it never shares.
    wire: Mutex<Wire>,
    secure: bool,
    buffers: LazyBuffers,
    left: u64,
    trouble: Trouble,
}

impl Line {
    fn wire(&mut self) -> &mut Wire {
        self.wire.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&mut self, amount: usize) -> Result<()> {
        let bytes = self.buffers.output().get_mut(..amount).unwrap_or_default();
        let wire = self.wire.get_mut().unwrap_or_else(PoisonError::into_inner);
        wire.put(&*bytes)?;
        wire.flush()?;
        // It may hold secrets.
        bytes.fill(0);
        std::hint::black_box(bytes);
        Ok(())
    }

    fn receive(&mut self) -> Result<bool> {
        let peer = self.wire().peer().to_owned();
        let room = self.buffers.input_append_buf();
        let most = (room.len() as u64).min(self.left);
        if most == 0 {
            return Err(Error::protocol("an answer of too many bytes").at(peer));
        }
        let wire = self.wire.get_mut().unwrap_or_else(PoisonError::into_inner);
        let piece = wire.some_or_end(most)?;
        room.iter_mut().zip(piece).for_each(|(to, byte)| *to = *byte);
        let got = piece.len();
        self.buffers.input_appended(got);
        self.left = self.left.saturating_sub(got as u64);
        Ok(got > 0)
    }
}

impl Carries for Line {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.send(amount).map_err(|e| self.trouble.keep(e))
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        self.receive().map_err(|e| self.trouble.keep(e))
    }

    fn is_open(&mut self) -> bool {
        false
    }

    fn is_tls(&self) -> bool {
        self.secure
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl fmt::Debug for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("To")
    }
}

/// Names are looked up on the way.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}
