//! From a plain wire to one under TLS, for both sides.

use super::Wire;
use crate::error::{Error, Result};
use crate::net::deadline::Deadline;
use crate::net::stream::{Ready, Stream};
use crate::net::tls::{Bindings, Facts, HANDSHAKE, Identity, Tls};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, OnceLock};

/// How a client's wire becomes a TLS connection, [`Wire::may_upgrade`].
#[derive(Clone)]
pub struct Upgrade {
    /// Whom to trust.
    pub tls: Arc<Tls>,
    /// The server's name, as it was asked for.
    pub name: String,
    /// Whether the server must prove that it has that name (or a pinned key).
    pub verify: bool,
    /// Whether there is nothing to say without TLS. Else it is used where it is offered.
    pub demanded: bool,
}

impl Wire {
    /// Tells a client whether and how TLS is to be used on this wire; the protocol does the rest.
    pub fn may_upgrade(&mut self, upgrade: Upgrade) {
        self.upgrade = Some(Box::new(upgrade));
    }

    /// Whether the protocol should ask for TLS now, and must get it. `None`: it is not wanted, or there already.
    #[must_use]
    pub fn wants_tls(&self) -> Option<bool> {
        self.upgrade.as_ref().map(|upgrade| upgrade.demanded)
    }

    /// Whether what is said is protected.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure.is_some()
    }

    /// Whether the server has proved who it is. TLS with anybody keeps no secret: on a loopback address too, another user of
    /// the machine may listen on the port.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.is_secure() && self.verified
    }

    /// What both ends of the TLS connection know, and nobody in the middle.
    #[must_use]
    pub fn bindings(&self) -> &[(&'static str, Vec<u8>)] {
        self.secure.as_deref().unwrap_or_default()
    }

    /// The client's handshake. Nothing that was said before it is remembered.
    ///
    /// # Errors
    /// 76: words of the server wait that nobody has asked for (they were put in before the handshake), or it can't be done or
    /// verified; 75: it did not end in time.
    pub fn start_tls(&mut self) -> Result<()> {
        let upgrade = self.upgrade.take().ok_or_else(|| Error::internal("TLS is not wanted here"))?;
        let mut shown = None;
        self.secured(|under, until| {
            let (io, facts, bindings) = upgrade.tls.connect(under, &upgrade.name, upgrade.verify, until)?;
            shown = Some(facts);
            Ok((io, bindings))
        })?;
        self.verified = upgrade.verify;
        if let Some(facts) = shown {
            if let Some(trace) = &mut self.trace {
                trace.comment(&facts.to_string());
            }
            let _ = self.shown.set(facts);
        }
        Ok(())
    }

    /// Where it is told what the handshake has shown, once there was one: for those who hand the wire to a client.
    #[must_use]
    pub fn shown(&self) -> Arc<OnceLock<Facts>> {
        self.shown.clone()
    }

    /// The server's handshake. Nothing that was said before it is remembered.
    ///
    /// # Errors
    /// As [`Wire::start_tls`].
    pub fn accept_tls(&mut self, identity: &Identity) -> Result<()> {
        let stop = self.stop.clone();
        self.secured(|under, until| identity.accept(under, until, stop.as_ref().map(AsFd::as_fd)))
    }

    fn secured(
        &mut self,
        shake: impl FnOnce(Box<dyn Stream>, Deadline) -> Result<(Box<dyn Stream>, Bindings)>,
    ) -> Result<()> {
        self.flush()?;
        let waits = !self.buffered().is_empty();
        (self.input, self.start, self.scanned) = (Vec::new(), 0, 0);
        if waits {
            self.close();
            self.ended = true;
            return Err(Error::protocol("says more than it was asked before TLS").at(&self.peer));
        }
        if self.ended || self.broken {
            return Err(self.gone("closed by the other side"));
        }
        let under = std::mem::replace(&mut self.io, Box::new(Gone));
        let until = Deadline::after(HANDSHAKE).or_earlier(self.whole);
        match shake(under, until) {
            Ok((io, bindings)) => {
                self.io = io;
                self.secure = Some(bindings);
            }
            Err(e) => {
                self.close();
                return Err(e.at(&self.peer));
            }
        }
        if let Some(trace) = &mut self.trace {
            trace.event("tls");
        }
        Ok(())
    }
}

/// What is left of a wire whose stream was taken and not given back, as its handshake failed.
pub(super) struct Gone;

impl Stream for Gone {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn ready(&mut self, read: bool, write: bool, _: &[BorrowedFd<'_>], _: Deadline) -> io::Result<Ready> {
        Ok(Ready { read, write, bell: None })
    }
    fn close(&mut self) {}
}
