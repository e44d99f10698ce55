//! The server's side of SCRAM.

use super::keys::Keys;
use super::{Bindings, Wrong};
use crate::proto::sasl::message::{attribute, is_nonce, may_follow, unescaped};
use crate::proto::sasl::{base64, prep, unbase64};
use crate::secret::Secret;

/// What a server has to say of channel binding on a connection.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'b> {
    /// Whether the client has taken the mechanism that binds.
    pub plus: bool,
    /// The connection's bindings; none: nothing that binds was offered.
    pub bindings: &'b Bindings,
}

/// client-first-message.
#[derive(Clone, Debug)]
pub struct ClientFirst {
    /// Who wants to log in, prepared.
    pub user: String,
    nonce: String,
    bare: String,
    /// What `c=` must be, decoded.
    bound: Vec<u8>,
}

impl ClientFirst {
    /// Reads it.
    ///
    /// # Errors
    /// It is none, or what it says of channel binding is not what was offered: somebody may have tampered with the offer.
    pub fn parse(message: &[u8], offered: Offered<'_>) -> Result<ClientFirst, Wrong> {
        let text = std::str::from_utf8(message).map_err(|_| "not UTF-8")?;
        let (flag, rest) = text.split_once(',').ok_or("no GS2 header")?;
        let (authorization, bare) = rest.split_once(',').ok_or("no GS2 header")?;
        let data = match (flag, flag.strip_prefix("p=")) {
            ("n", _) if !offered.plus => &[][..],
            ("y", _) if !offered.plus && offered.bindings.is_empty() => &[],
            ("y", _) if !offered.plus => return Err("channel binding is offered here"),
            (_, Some(name)) if offered.plus => {
                let found = offered.bindings.iter().find(|(known, _)| *known == name);
                found.map(|(_, data)| data.as_slice()).ok_or("a channel binding that is not known")?
            }
            _ => return Err("the channel binding is not that of the mechanism"),
        };
        let (name, rest) = attribute(bare, 'n').ok_or("no name")?;
        let (nonce, rest) = rest.and_then(|rest| attribute(rest, 'r')).ok_or("no nonce")?;
        let user = unescaped(name).ok_or("not a name")?;
        if !is_nonce(nonce) || !may_follow(rest) {
            return Err("not a nonce, or an extension that must be understood");
        }
        if !authorization.is_empty() && attribute(authorization, 'a') != Some((name, None)) {
            return Err("somebody else's authorization identity");
        }
        let header = text.len().checked_sub(bare.len()).and_then(|n| text.get(..n)).unwrap_or_default();
        Ok(ClientFirst {
            user: prep::name(&user).into_owned(),
            nonce: nonce.to_owned(),
            bare: bare.to_owned(),
            bound: [header.as_bytes(), data].concat(),
        })
    }

    /// server-first-message, with a nonce of the server's.
    #[must_use]
    pub fn answer(self, keys: Keys, nonce: &str) -> Exchange {
        let nonce = format!("{}{nonce}", self.nonce);
        let first = format!("r={nonce},s={},i={}", base64(&keys.salt), keys.iterations);
        Exchange { keys, nonce, said: format!("{},{first}", self.bare), first, bound: self.bound }
    }
}

/// Waits for client-final-message.
pub struct Exchange {
    keys: Keys,
    nonce: String,
    /// The messages so far, as they are signed.
    said: String,
    first: String,
    bound: Vec<u8>,
}

impl Exchange {
    /// server-first-message.
    #[must_use]
    pub fn first(&self) -> &str {
        &self.first
    }

    /// server-final-message, if the client has proved that it knows the password. `None`: it has not.
    ///
    /// # Errors
    /// It is no client-final-message, or not that of this connection.
    pub fn last(&self, message: &[u8]) -> Result<Option<String>, Wrong> {
        let text = std::str::from_utf8(message).map_err(|_| "not UTF-8")?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or("no proof")?;
        let (bound, rest) = attribute(without_proof, 'c').ok_or("no channel binding")?;
        let (nonce, rest) = rest.and_then(|rest| attribute(rest, 'r')).ok_or("no nonce")?;
        if nonce != self.nonce || !may_follow(rest) {
            return Err("another nonce, or an extension that must be understood");
        }
        if unbase64(bound.as_bytes()).is_none_or(|bound| bound != self.bound) {
            return Err("another channel binding");
        }
        let hash = self.keys.hash;
        let proof = unbase64(proof.as_bytes()).filter(|proof| proof.len() == hash.size()).ok_or("no proof")?;
        let message = format!("{},{without_proof}", self.said);
        let signature = hash.mac(self.keys.stored.expose(), message.as_bytes());
        let client_key = Secret::new(proof.iter().zip(signature).map(|(a, b)| a ^ b).collect());
        let proven = self.keys.stored.same(&hash.of(client_key.expose()));
        Ok(proven.then(|| format!("v={}", base64(&hash.mac(self.keys.server.expose(), message.as_bytes())))))
    }
}
