//! Where mail goes: what an account says of delivery straight to the recipients' servers, and of further relays.

use super::Set;
use crate::net::endpoint::Endpoint;
use std::net::SocketAddr;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// `direct = true`: to the servers of each recipient's domain.
    pub direct: Option<Set<bool>>,
    /// Whom to ask for them.
    pub resolver: Option<Set<SocketAddr>>,
    /// Whether what it says is validated.
    pub validates: Option<Set<bool>>,
    /// The ports of those servers, and of MTA-STS policies.
    pub ports: Option<Set<(u16, u16)>>,
    /// Further servers, which are tried if the one before can't be reached.
    pub relays: Option<Set<Vec<Endpoint>>>,
}

impl Routing {
    /// These, and where they say nothing, `other`'s.
    pub(super) fn over(self, other: &Routing) -> Routing {
        Routing {
            direct: self.direct.or_else(|| other.direct.clone()),
            resolver: self.resolver.or_else(|| other.resolver.clone()),
            validates: self.validates.or_else(|| other.validates.clone()),
            ports: self.ports.or_else(|| other.ports.clone()),
            relays: self.relays.or_else(|| other.relays.clone()),
        }
    }

    /// Whether it is delivered straight to the servers of domains.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct.as_ref().is_some_and(|set| set.value)
    }
}
