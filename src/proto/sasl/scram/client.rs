//! The client's side of SCRAM.

use super::{Bindings, Wrong};
use crate::proto::sasl::mechanism::Hash;
use crate::proto::sasl::message::{attribute, escaped, is_nonce, may_follow};
use crate::proto::sasl::{base64, prep, unbase64};
use crate::secret::Secret;
use std::num::NonZeroU32;

/// RFC 7677 4: fewer make the password too easy to guess for whoever plays the server.
pub const LEAST_ITERATIONS: u32 = 4096;
/// More are a server that keeps us busy; OWASP advises 1,300,000 for SHA-1.
pub const MOST_ITERATIONS: u32 = 1_500_000;
/// A longer salt is none.
const SALT: usize = 1024;

/// What a client says of channel binding, RFC 5802 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Head {
    /// `n`: it can't.
    CanNot,
    /// `y`: it can, and the server seems not to be able. A server that is knows by that that its offer was tampered with.
    Could,
    /// `p=`: it does.
    Bound(&'static str, Vec<u8>),
}

impl Head {
    /// `bindings` are the connection's; `plus`: the mechanism binds; `offered`: the server has a mechanism that does.
    pub(in super::super) fn new(bindings: &Bindings, plus: bool, offered: bool) -> Option<Head> {
        match (plus, bindings.first()) {
            (true, Some((name, data))) => Some(Head::Bound(name, data.clone())),
            (true, None) => None,
            (false, Some(_)) if !offered => Some(Head::Could),
            // It is not the server that is unable, but the account that wants it so.
            (false, _) => Some(Head::CanNot),
        }
    }

    fn text(&self) -> String {
        match self {
            Head::CanNot => "n,,".to_owned(),
            Head::Could => "y,,".to_owned(),
            Head::Bound(name, _) => format!("p={name},,"),
        }
    }

    fn data(&self) -> &[u8] {
        if let Head::Bound(_, data) = self { data } else { b"" }
    }
}

/// The client's first message is made.
pub(in super::super) struct Begun {
    hash: Hash,
    head: Head,
    bare: String,
    nonce: String,
    password: Secret,
}

impl Begun {
    /// `None`: that can't be a name or a nonce.
    pub(in super::super) fn new(hash: Hash, head: Head, user: &str, password: &Secret, nonce: &str) -> Option<Begun> {
        let user = prep::name(user);
        if !is_nonce(nonce) || user.is_empty() || user.contains('\0') {
            return None;
        }
        let bare = format!("n={},r={nonce}", escaped(&user));
        Some(Begun { hash, head, bare, nonce: nonce.to_owned(), password: prep::password(password) })
    }

    /// client-first-message.
    pub(in super::super) fn first(&self) -> Secret {
        Secret::new([self.head.text().as_bytes(), self.bare.as_bytes()].concat())
    }

    /// From server-first-message to client-final-message, and what server-final-message must be.
    pub(in super::super) fn last(&self, server_first: &[u8]) -> Result<(Secret, Secret), Wrong> {
        let said = std::str::from_utf8(server_first).map_err(|_| "SCRAM: the challenge is not UTF-8")?;
        let (nonce, rest) = attribute(said, 'r').ok_or("SCRAM: a challenge without a nonce")?;
        let (salt, rest) = rest.and_then(|rest| attribute(rest, 's')).ok_or("SCRAM: a challenge without a salt")?;
        let (count, rest) = rest.and_then(|rest| attribute(rest, 'i')).ok_or("SCRAM: a challenge without a count")?;
        let longer = nonce.strip_prefix(self.nonce.as_str()).is_some_and(|rest| !rest.is_empty());
        if !longer || !is_nonce(nonce) {
            return Err("SCRAM: the server's nonce does not begin with ours");
        }
        if !may_follow(rest) {
            return Err("SCRAM: the server demands an extension");
        }
        let salt = unbase64(salt.as_bytes()).filter(|salt| !salt.is_empty() && salt.len() <= SALT);
        let salt = salt.ok_or("SCRAM: a salt that is none")?;
        let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
        let iterations: u32 = count.parse().ok().filter(|_| digits).ok_or("SCRAM: an iteration count that is none")?;
        if iterations < LEAST_ITERATIONS {
            return Err("SCRAM: fewer than 4096 iterations, which would make the password too easy to guess");
        }
        let iterations = NonZeroU32::new(iterations).filter(|_| iterations <= MOST_ITERATIONS);
        let iterations = iterations.ok_or("SCRAM: more than 1500000 iterations")?;
        let salted = self.hash.stretched(&self.password, &salt, iterations);
        let client_key = Secret::new(self.hash.mac(salted.expose(), b"Client Key"));
        let bound = base64(&[self.head.text().as_bytes(), self.head.data()].concat());
        let without_proof = format!("c={bound},r={nonce}");
        let message = format!("{},{said},{without_proof}", self.bare);
        let signature = self.hash.mac(&self.hash.of(client_key.expose()), message.as_bytes());
        let proof: Vec<u8> = client_key.expose().iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let server_key = Secret::new(self.hash.mac(salted.expose(), b"Server Key"));
        let verifier = base64(&self.hash.mac(server_key.expose(), message.as_bytes()));
        let last = format!("{without_proof},p={}", base64(&proof));
        Ok((Secret::new(last.into_bytes()), Secret::new(verifier.into_bytes())))
    }
}

/// Whether server-final-message has the verifier that only a server with the password's keys can make.
///
/// # Errors
/// Why not; `true`: the server says so itself, so that the login is refused.
pub(in super::super) fn verified(server_final: &[u8], verifier: &Secret) -> Result<(), (bool, String)> {
    let said = std::str::from_utf8(server_final).unwrap_or_default();
    if let Some((error, _)) = attribute(said, 'e') {
        return Err((true, format!("SCRAM: {}", error.chars().take(100).collect::<String>())));
    }
    match attribute(said, 'v') {
        Some((signature, rest)) if verifier.same(signature.as_bytes()) && may_follow(rest) => Ok(()),
        _ => Err((false, "SCRAM: the server does not prove that it knows the password".to_owned())),
    }
}
