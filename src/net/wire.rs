//! [`Wire`]: the buffered, deadline-bound, traced byte stream that every client and every server session talks over.
//!
//! It knows lines, counted bytes and dot-terminated bodies, and nothing of any protocol. Waiting for input flushes what was
//! put first, so nobody waits for an answer to something unsent, and answers to pipelined commands share a flight; a flush that blocks reads meanwhile, so two writers never
//! wait for each other.

mod about;
mod compressed;
mod incoming;
mod linger;
mod secure;

pub use incoming::{Dotted, Exact};
pub use secure::Upgrade;

use super::deadline::Deadline;
use super::stream::Stream;
use super::tls::{Bindings, Facts};
use super::trace::{Side, Trace, TraceTo};
use crate::body::{Body, CHUNK};
use crate::error::{Error, Result, words};
use crate::secret::Secret;
use crate::text::{LoneCr, ToWire, chomp};
use memchr::memchr;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The longest line that is read when nothing else is said: replies, commands, list entries.
pub const LINE: usize = 64 * 1024;
/// What is kept of a peer that talks while we write.
const STASH: usize = 1024 * 1024;
/// A transfer that moves less than this...
const PACE: u64 = 64 * 1024;
/// ... in this time has stalled.
const PACE_TIME: Duration = Duration::from_secs(60);

/// Why a server's session ends when nobody else ended it.
const STOPPED: &str = "the server is shutting down";
/// Shorter secrets are not looked for in what the peer says: they would hide every other word.
const SECRET: usize = 3;

/// Says from which byte on a line that was heard is a secret, [`Wire::conceal`].
pub type Conceal = fn(&[u8]) -> Option<usize>;

/// The whole line is a secret: an answer within AUTH.
pub const WHOLE_LINE: Conceal = |_| Some(0);

/// What [`Wire::wait`] was ended by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// There is input, or the end of it.
    Input,
    /// The bell.
    Bell,
    /// The deadline.
    Deadline,
}

/// What waits in the input when nothing should, [`Wire::quiet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// Nothing, as it should be.
    Nothing,
    /// Words that nobody asked for: the peer is out of step.
    Input,
    /// The peer has said goodbye, or nothing, and closed the connection.
    Closed,
}

/// How [`Wire::put_dotted`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The whole body is on its way (the final dot is not).
    Whole {
        /// Whether a lone CR was made a line end.
        lone_cr: bool,
    },
    /// The peer said something before the end; what, is the next line.
    Interrupted,
}

/// See the module.
pub struct Wire {
    io: Box<dyn Stream>,
    peer: String,
    us: Side,
    input: Vec<u8>,
    start: usize,
    scanned: usize,
    output: Vec<u8>,
    ended: bool,
    broken: bool,
    deadline: Deadline,
    whole: Deadline,
    pace: Option<(Deadline, u64)>,
    unsent: usize,
    secrets: Vec<Secret>,
    conceal: Option<Conceal>,
    ours: Option<IpAddr>,
    theirs: Option<IpAddr>,
    through: Option<String>,
    identity: bool,
    stop: Option<Arc<OwnedFd>>,
    upgrade: Option<Box<Upgrade>>,
    secure: Option<Bindings>,
    verified: bool,
    shown: Arc<OnceLock<Facts>>,
    compressed: bool,
    trace: Option<Trace>,
}

impl Wire {
    /// A client's wire over `io`; `peer` names the other side in errors.
    pub fn over(io: impl Stream + 'static, peer: impl Into<String>) -> Wire {
        Wire {
            io: Box::new(io),
            peer: peer.into(),
            us: Side::Client,
            input: Vec::new(),
            start: 0,
            scanned: 0,
            output: Vec::new(),
            ended: false,
            broken: false,
            deadline: Deadline::NEVER,
            whole: Deadline::NEVER,
            pace: None,
            unsent: 0,
            secrets: Vec::new(),
            conceal: None,
            ours: None,
            theirs: None,
            through: None,
            identity: false,
            stop: None,
            upgrade: None,
            secure: None,
            verified: false,
            shown: Arc::default(),
            compressed: false,
            trace: None,
        }
    }

    /// Makes it a server's.
    #[must_use]
    pub fn as_server(mut self) -> Wire {
        self.us = Side::Server;
        self
    }

    /// Writes the dialogue to `to` from now on.
    pub fn trace(&mut self, to: TraceTo) {
        let peer = match &self.through {
            Some(through) => format!("{} through {through}", self.peer),
            None => self.peer.clone(),
        };
        self.trace = Some(Trace::new(to, self.us, &peer));
    }

    /// From now on, secrets in the lines that are heard are not traced: a server's protocol says where clients put them.
    /// Returns what was said before, to be put back.
    pub fn conceal(&mut self, conceal: Option<Conceal>) -> Option<Conceal> {
        std::mem::replace(&mut self.conceal, conceal)
    }

    /// Waiting for a command ends with an error once `stop` is readable; a body on its way may finish.
    pub fn stops_on(&mut self, stop: Arc<OwnedFd>) {
        self.stop = Some(stop);
    }

    /// Makes `secret` one of those that are masked, as it is about to be sent in some other form.
    pub fn hides(&mut self, secret: &Secret) {
        if secret.expose().len() >= SECRET {
            self.secrets.push(secret.clone());
            self.secrets.extend(secret.in_hex());
        }
    }

    /// What the peer said, with the secrets that we sent masked: some servers repeat them in their errors.
    #[must_use]
    pub fn hide(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| match std::str::from_utf8(secret.expose()) {
            Ok(secret) if text.contains(secret) => text.replace(secret, "***"),
            _ => text,
        })
    }

    /// The instant by which the next step must be done.
    pub fn until(&mut self, d: Deadline) {
        self.deadline = d;
    }

    /// The instant by which everything must be done; it outlives every [`Wire::until`].
    pub fn whole_until(&mut self, d: Deadline) {
        self.whole = d;
    }

    fn effective(&self) -> Deadline {
        let d = self.deadline.or_earlier(self.whole);
        self.pace.map_or(d, |(pace, _)| d.or_earlier(pace))
    }

    fn late(&self) -> Error {
        Error::temporary("the other side did not answer in time").at(&self.peer)
    }

    fn gone(&self, why: &str) -> Error {
        Error::temporary(format!("connection lost ({why})")).at(&self.peer)
    }

    fn failed(&self, e: &io::Error) -> Error {
        if e.kind() == io::ErrorKind::InvalidData {
            // Words of the peer's that break TLS.
            return Error::protocol(e.to_string()).at(&self.peer);
        }
        self.gone(&words(e))
    }

    // ---- out

    /// Puts `bytes` into the next flight; from 32 KiB on it leaves.
    ///
    /// # Errors
    /// 75 when it can't be sent in time.
    pub fn put(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let bytes = bytes.as_ref();
        if let Some(trace) = &mut self.trace {
            trace.said(bytes);
        }
        self.put_quietly(bytes)
    }

    /// As [`Wire::put`], for a secret: `***` in the trace.
    ///
    /// # Errors
    /// As [`Wire::put`].
    pub fn put_secret(&mut self, bytes: &[u8]) -> Result<()> {
        self.hides(&Secret::new(bytes.to_vec()));
        if let Some(trace) = &mut self.trace {
            trace.said_secret();
        }
        self.put_quietly(bytes)
    }

    /// As [`Wire::put`], for a piece of a message: counted in the trace, not shown.
    ///
    /// # Errors
    /// As [`Wire::put`].
    pub fn put_body(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(trace) = &mut self.trace {
            trace.body(self.us, bytes);
        }
        self.put_quietly(bytes)
    }

    fn put_quietly(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.extend_from_slice(bytes);
        if self.output.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    /// Sends what was put. Meanwhile what arrives is kept, up to a bound.
    ///
    /// # Errors
    /// 75 when it can't be sent in time; what the peer said before it hung up can still be read.
    pub fn flush(&mut self) -> Result<()> {
        let mut done = 0;
        let sent = loop {
            let rest = self.output.get(done..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            if self.broken {
                break Err(self.gone("it was closed"));
            }
            match self.io.write(rest) {
                Ok(0) => break Err(self.gone("nothing can be written")),
                Ok(n) => {
                    done += n;
                    self.moved(n as u64);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let listen = !self.ended && self.input.len() - self.start < STASH;
                    let ready = match self.io.ready(listen, true, &[], self.effective()) {
                        Ok(ready) => ready,
                        Err(e) => break Err(self.failed(&e)),
                    };
                    if ready.read {
                        // Its errors show when somebody reads.
                        let _ = self.fill_now();
                    } else if !ready.write {
                        break Err(self.late());
                    }
                }
                Err(e) => break Err(self.failed(&e)),
            }
        };
        if sent.is_err() {
            self.broken = true;
            self.unsent = self.output.len() - done;
        }
        // An idle connection holds no buffer.
        self.output = if self.output.capacity() > CHUNK && sent.is_ok() && self.pace.is_some() {
            let mut keep = std::mem::take(&mut self.output);
            keep.clear();
            keep
        } else {
            Vec::new()
        };
        sent
    }

    /// After a flush that failed: how many bytes of it, from the end, have certainly not left.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// Streams `body` in wire form with its dots doubled (RFC 5321 4.5.2, RFC 1939 3), but not the final dot. Stops when the
    /// peer speaks up in the middle.
    ///
    /// # Errors
    /// 75 of the wire; whatever `body` says of its source. After either the connection is of no more use.
    pub fn put_dotted(&mut self, body: &mut dyn Body, lone_cr: LoneCr) -> Result<Sent> {
        let mut to = ToWire::dotted(lone_cr);
        self.transfer(true);
        loop {
            let piece = body.chunk()?;
            let last = piece.is_empty();
            let before = self.output.len();
            if last {
                to.finish(&mut self.output);
            } else {
                to.push(piece, &mut self.output);
            }
            if let Some(trace) = &mut self.trace {
                trace.body(self.us, self.output.get(before..).unwrap_or_default());
            }
            self.put_quietly(&[])?;
            // What it says before it has seen the end can't be about the end.
            if self.us == Side::Client && (last || self.output.is_empty()) && self.has_input() {
                self.transfer(false);
                return Ok(Sent::Interrupted);
            }
            if last {
                self.transfer(false);
                return Ok(Sent::Whole { lone_cr: to.broke_lone_cr() });
            }
        }
    }

    /// Between `true` and `false` a body is on its way, which must keep moving.
    pub fn transfer(&mut self, on: bool) {
        self.pace = on.then(|| (Deadline::after(PACE_TIME), 0));
    }

    fn moved(&mut self, n: u64) {
        if let Some((deadline, moved)) = &mut self.pace {
            *moved += n;
            if *moved >= PACE {
                *moved = 0;
                *deadline = Deadline::after(PACE_TIME);
            }
        }
    }

    // ---- in

    fn buffered(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }

    /// The next line without its line end. What has come of a line survives a deadline that passes.
    ///
    /// # Errors
    /// 75: the connection ended or the deadline passed; 76: it is longer than `max` bytes.
    pub fn line(&mut self, max: usize) -> Result<&[u8]> {
        let line = self.raw_line(max)?;
        Ok(chomp(line))
    }

    /// As [`Wire::line`], with the line end, for those who must tell CRLF from a bare LF.
    ///
    /// # Errors
    /// As [`Wire::line`].
    pub fn raw_line(&mut self, max: usize) -> Result<&[u8]> {
        match self.line_end(max)? {
            Some(end) => Ok(self.take_line(end)),
            None => Err(Error::protocol(format!("a line of more than {max} bytes")).at(&self.peer)),
        }
    }

    /// As [`Wire::raw_line`], but a line that is longer than `max` bytes comes in pieces of that size: only the last one ends
    /// with LF. For lists of numbers, which may be of any length.
    ///
    /// # Errors
    /// 75: the connection ended or the deadline passed.
    pub fn line_piece(&mut self, max: usize) -> Result<&[u8]> {
        let end = self.line_end(max)?.unwrap_or(self.start.saturating_add(max));
        Ok(self.take_line(end))
    }

    /// Where the next line ends in the input; `None`: it is longer than `max`.
    fn line_end(&mut self, max: usize) -> Result<Option<usize>> {
        loop {
            let from = self.scanned.max(self.start);
            let found = self.input.get(from..).and_then(|new| memchr(b'\n', new)).map(|at| from + at + 1);
            if found.unwrap_or(self.input.len()) - self.start > max {
                return Ok(None);
            }
            if found.is_some() {
                return Ok(found);
            }
            self.scanned = self.input.len();
            self.fill()?;
        }
    }

    fn take_line(&mut self, end: usize) -> &[u8] {
        let line = self.input.get(self.start..end).unwrap_or_default();
        self.start = end;
        self.scanned = end;
        if let Some(trace) = &mut self.trace {
            match self.conceal.and_then(|conceal| conceal(chomp(line))) {
                Some(from) => trace.heard_secret(line, from),
                None => trace.heard(line, &self.secrets),
            }
        }
        line
    }

    /// The next at most `max` bytes of a body, at least one.
    fn some(&mut self, max: u64) -> Result<&[u8]> {
        if self.buffered().is_empty() {
            self.fill()?;
        }
        let n = usize::try_from(max).map_or(usize::MAX, |m| m).min(self.buffered().len());
        let from = self.start;
        self.start += n;
        let piece = self.input.get(from..self.start).unwrap_or_default();
        if let Some(trace) = &mut self.trace {
            trace.body(self.us.other(), piece);
        }
        Ok(piece)
    }

    /// The next `n` bytes, a literal, as a [`Body`]. One that is dropped half-read leaves the rest on the wire.
    pub fn exact(&mut self, n: u64) -> Exact<'_> {
        Exact::new(self, n)
    }

    /// A dot-terminated body without its dots, in wire form, as a [`Body`].
    pub fn dotted(&mut self) -> Dotted<'_> {
        Dotted::new(self)
    }

    /// Whether a read would not wait. Never waits itself.
    pub fn has_input(&mut self) -> bool {
        if !self.buffered().is_empty() || self.ended {
            return true;
        }
        match self.fill_now() {
            Ok(()) => true,
            Err(e) => e.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Whether the other side has closed the connection and all it said has been read. Never waits.
    pub fn has_ended(&mut self) -> bool {
        if !self.ended && self.buffered().len() < STASH {
            let _ = self.fill_now();
        }
        self.ended && self.buffered().is_empty()
    }

    /// Looks at the input while no command is outstanding. `farewell` is how the protocol's goodbye begins (`421`, `* BYE`,
    /// `-ERR`): that line alone, with the end of the connection behind it, is a closed connection, not a peer out of step.
    pub fn quiet(&mut self, farewell: &str) -> Quiet {
        if !self.has_input() {
            return Quiet::Nothing;
        }
        // The end follows its goodbye closely; give it a moment to arrive.
        let soon = Deadline::after(Duration::from_millis(200));
        loop {
            let said = self.buffered();
            let bye = said.is_empty()
                || (said.starts_with(farewell.as_bytes()) && memchr(b'\n', said).is_none_or(|at| at + 1 == said.len()));
            if !bye {
                return Quiet::Input;
            }
            if self.ended {
                return Quiet::Closed;
            }
            match self.io.ready(true, false, &[], soon) {
                Ok(ready) if ready.read => {
                    let _ = self.fill_now();
                }
                _ => return Quiet::Input,
            }
        }
    }

    /// Waits for input, a bell, or `until` (or the deadline of the whole).
    ///
    /// # Errors
    /// 75 when what was put can't be sent, or waiting fails.
    pub fn wait(&mut self, bell: Option<BorrowedFd<'_>>, until: Deadline) -> Result<Wake> {
        self.flush()?;
        if self.has_input() {
            return Ok(Wake::Input);
        }
        let stop = self.stop.as_ref().map(AsFd::as_fd);
        let bells: Vec<BorrowedFd<'_>> = stop.into_iter().chain(bell).collect();
        match self.io.ready(true, false, &bells, until.or_earlier(self.whole)) {
            Ok(ready) if ready.read => Ok(Wake::Input),
            Ok(ready) if ready.bell == Some(0) && stop.is_some() => Err(self.gone(STOPPED)),
            Ok(ready) if ready.bell.is_some() => Ok(Wake::Bell),
            Ok(_) => Ok(Wake::Deadline),
            Err(e) => Err(self.failed(&e)),
        }
    }

    /// Ends the connection in both directions.
    pub fn close(&mut self) {
        self.broken = true;
        self.io.close();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.io.close();
    }
}
