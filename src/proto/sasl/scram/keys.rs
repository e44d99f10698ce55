//! [`Keys`]: what a server keeps of a password. Nobody can log in with that alone.

use crate::proto::sasl::mechanism::Hash;
use crate::proto::sasl::{base64, prep, unbase64};
use crate::secret::Secret;
use std::num::NonZeroU32;

/// The keys of one password, RFC 5802 3.
#[derive(Clone)]
pub struct Keys {
    /// With which hash they were made.
    pub hash: Hash,
    /// Any octets, at least one.
    pub salt: Vec<u8>,
    /// How often it was hashed.
    pub iterations: NonZeroU32,
    /// StoredKey.
    pub(super) stored: Secret,
    /// ServerKey.
    pub(super) server: Secret,
}

/// More iterations than this are a mistake that would keep a processor busy for long.
const MOST: u32 = 10_000_000;

impl Keys {
    /// Those of a password.
    #[must_use]
    pub fn of(hash: Hash, password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Keys {
        let salted = hash.stretched(&prep::password(password), salt, iterations);
        let client = Secret::new(hash.mac(salted.expose(), b"Client Key"));
        let server = Secret::new(hash.mac(salted.expose(), b"Server Key"));
        Keys { hash, salt: salt.to_vec(), iterations, stored: Secret::new(hash.of(client.expose())), server }
    }

    /// Keys that no password has, which look like others from outside.
    #[must_use]
    pub fn of_nobody(hash: Hash, salt: &[u8], iterations: NonZeroU32, random: &Secret) -> Keys {
        let key = |what: &[u8]| Secret::new(hash.mac(random.expose(), &[what, salt].concat()));
        Keys { hash, salt: salt.to_vec(), iterations, stored: key(b"stored "), server: key(b"server ") }
    }

    /// Whether that is the password. Takes as long as a login.
    #[must_use]
    pub fn are_of(&self, password: &Secret) -> bool {
        let other = Keys::of(self.hash, password, &self.salt, self.iterations);
        self.stored.same(other.stored.expose())
    }

    /// Reads Dovecot's form, `{SCRAM-SHA-256}ITERATIONS,SALT,STOREDKEY,SERVERKEY`, or PostgreSQL's,
    /// `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Keys> {
        let (hash, rest) =
            [("SCRAM-SHA-256", Hash::Sha256), ("SCRAM-SHA-1", Hash::Sha1)].into_iter().find_map(|(name, hash)| {
                let dovecot = text.strip_prefix('{').and_then(|rest| rest.strip_prefix(name)?.strip_prefix('}'));
                Some((hash, dovecot.or_else(|| text.strip_prefix(name)?.strip_prefix('$'))?))
            })?;
        let fields: Vec<&str> = rest.split(if text.starts_with('{') { &[','][..] } else { &[':', '$'] }).collect();
        let &[iterations, salt, stored, server] = fields.as_slice() else { return None };
        let key = |text: &str| unbase64(text.as_bytes()).filter(|key| key.len() == hash.size()).map(Secret::new);
        let iterations = iterations.parse::<NonZeroU32>().ok().filter(|n| n.get() <= MOST)?;
        let salt = unbase64(salt.as_bytes()).filter(|salt| !salt.is_empty())?;
        Some(Keys { hash, salt, iterations, stored: key(stored)?, server: key(server)? })
    }

    /// Writes Dovecot's form.
    #[must_use]
    pub fn line(&self) -> String {
        let name = if self.hash == Hash::Sha1 { "SCRAM-SHA-1" } else { "SCRAM-SHA-256" };
        let fields = [&self.salt, self.stored.expose(), self.server.expose()].map(base64);
        format!("{{{name}}}{},{}", self.iterations, fields.join(","))
    }
}
