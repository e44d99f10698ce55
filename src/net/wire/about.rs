//! What is known of a connection besides its words: whom it leads to, through what, and from where.

use super::Wire;
use crate::net::deadline::Deadline;
use crate::net::stream::wait;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::Duration;

impl Wire {
    /// The other side's name.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The address that the connection comes from, where it has one.
    #[must_use]
    pub fn our_address(&self) -> Option<IpAddr> {
        self.ours
    }

    /// Whether the server is to end, [`Wire::stops_on`].
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        let bell = self.stop.as_ref().map(AsFd::as_fd);
        let now = Deadline::after(Duration::ZERO);
        bell.is_some() && wait(None, None, bell.as_slice(), now).is_ok_and(|ready| ready.bell.is_some())
    }

    /// Notes that address.
    pub fn comes_from(&mut self, address: IpAddr) {
        self.ours = Some(address);
    }

    /// The address that it leads to, where it goes straight to one.
    #[must_use]
    pub fn peer_address(&self) -> Option<IpAddr> {
        self.theirs
    }

    /// Notes that address.
    pub fn leads_to(&mut self, address: IpAddr) {
        self.theirs = Some(address);
    }

    /// Notes what the connection goes through, for the trace.
    pub fn goes_through(&mut self, what: String) {
        self.through = Some(what);
    }

    /// What the connection goes through: a proxy, a tunnel.
    #[must_use]
    pub fn through(&self) -> Option<&str> {
        self.through.as_deref()
    }

    /// Notes that the other side can tell who we are from the connection alone.
    pub fn knows_us(&mut self) {
        self.identity = true;
    }

    /// Whether it can, so that a server which says so (IMAP's PREAUTH) is believed: a socket pair, a Unix socket, a tunnel.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.identity
    }
}
