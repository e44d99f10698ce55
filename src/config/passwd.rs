//! A file of users and hashed passwords: `user:hash` a line, as Dovecot's passwd-file, of which only the first two fields count.
//!
//! Hashes are PBKDF2 in the two forms that others write: passlib's `$pbkdf2-sha256$ROUNDS$SALT$KEY` (and `-sha512`), and Dovecot's
//! `{PBKDF2}$1$SALT$ROUNDS$KEY` (SHA-1). What is a password in clear, or anything else, is refused with its line. Names
//! are compared in lower case. Left out: other hashes (they would need other crates), and noticing that the file changes.

use crate::error::{Error, Result};
use crate::proto::sasl::{base64, unbase64};
use crate::secret::Secret;
use ring::hmac;
use ring::pbkdf2::{self, Algorithm, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// What [`line`] makes: as OWASP advises for PBKDF2-HMAC-SHA256.
const ROUNDS: NonZeroU32 = match NonZeroU32::new(600_000) {
    Some(rounds) => rounds,
    None => NonZeroU32::MIN,
};
/// More rounds than this are a mistake that would keep a processor busy for long.
const MOST_ROUNDS: u32 = 10_000_000;

/// Users and their hashed passwords.
pub struct Passwd {
    users: HashMap<String, Hash>,
    /// What is checked when nobody has that name, so that it takes the same time.
    slowest: Option<Hash>,
    /// A key of this process, for `proven`.
    key: hmac::Key,
    /// What has been found right, keyed: a client that logs in for every message need not wait for it again.
    proven: Mutex<HashMap<String, hmac::Tag>>,
}

#[derive(Clone)]
struct Hash {
    algorithm: Algorithm,
    rounds: NonZeroU32,
    salt: Vec<u8>,
    key: Vec<u8>,
}

impl Passwd {
    /// Reads the file's text; `name` it in errors.
    ///
    /// # Errors
    /// 78 with the line that is none; 74: no random numbers.
    pub fn parse(text: &[u8], name: &str) -> Result<Passwd> {
        let mut users = HashMap::new();
        for (number, line) in (1u32..).zip(text.split(|b| *b == b'\n')) {
            let wrong = |why: &str| Error::config(format!("{name}: line {number}: {why}"));
            let line = std::str::from_utf8(line).map_err(|_| wrong("not UTF-8"))?.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut fields = line.split(':');
            let user = fields.next().unwrap_or_default().to_lowercase();
            if user.is_empty() || user.chars().any(char::is_control) {
                return Err(wrong("no user's name"));
            }
            let hash = fields.next().and_then(Hash::parse).ok_or_else(|| {
                wrong("no hash that is known here").advise("mail-serve --hash-password USER makes such a line")
            })?;
            if users.insert(user, hash).is_some() {
                return Err(wrong("this user has a line already"));
            }
        }
        let slowest = users.values().max_by_key(|hash: &&Hash| hash.rounds).cloned();
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random);
        Ok(Passwd { users, slowest, key, proven: Mutex::default() })
    }

    /// Whether there is a line for the user.
    #[must_use]
    pub fn has(&self, user: &str) -> bool {
        self.users.contains_key(&user.to_lowercase())
    }

    /// Whether that is the user's password. Takes as long for a name that nobody has.
    #[must_use]
    pub fn check(&self, user: &str, password: &Secret) -> bool {
        let user = user.to_lowercase();
        let both = Secret::new([user.as_bytes(), b"\0", password.expose()].concat());
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner).get(&user).copied();
        if proven.is_some_and(|tag| hmac::verify(&self.key, both.expose(), tag.as_ref()).is_ok()) {
            return true;
        }
        let found = self.users.get(&user);
        let Some(hash) = found.or(self.slowest.as_ref()) else { return false };
        let right = hash.verify(password) && found.is_some();
        if right {
            let tag = hmac::sign(&self.key, both.expose());
            self.proven.lock().unwrap_or_else(PoisonError::into_inner).insert(user, tag);
        }
        right
    }
}

/// A line for the file.
///
/// # Errors
/// 64: the name can't stand in it; 74: no random numbers.
pub fn line(user: &str, password: &Secret) -> Result<String> {
    if user.is_empty()
        || user.starts_with('#')
        || user.trim() != user
        || user.chars().any(|c| c == ':' || c.is_control())
    {
        return Err(Error::usage("that can't be a user's name in such a file"));
    }
    let mut salt = vec![0; 16];
    getrandom::fill(&mut salt).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
    let mut key = [0; 32];
    pbkdf2::derive(PBKDF2_HMAC_SHA256, ROUNDS, &salt, password.expose(), &mut key);
    Ok(format!("{user}:$pbkdf2-sha256${ROUNDS}${}${}\n", adapted(&salt), adapted(&key)))
}

/// passlib's base64: a dot for the plus, no padding.
fn adapted(bytes: &[u8]) -> String {
    base64(bytes).replace('+', ".").trim_end_matches('=').to_owned()
}

fn unadapted(text: &str) -> Option<Vec<u8>> {
    let mut text = text.replace('.', "+");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    unbase64(text.as_bytes())
}

impl Hash {
    fn parse(text: &str) -> Option<Hash> {
        let text = ["{CRYPT}", "{PBKDF2}"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
        let fields: Vec<&str> = text.split('$').collect();
        let (algorithm, rounds, salt, key) = match *fields.as_slice() {
            ["", "pbkdf2-sha256", rounds, salt, key] => (PBKDF2_HMAC_SHA256, rounds, unadapted(salt)?, unadapted(key)?),
            ["", "pbkdf2-sha512", rounds, salt, key] => (PBKDF2_HMAC_SHA512, rounds, unadapted(salt)?, unadapted(key)?),
            ["", "1", salt, rounds, key] => (PBKDF2_HMAC_SHA1, rounds, salt.as_bytes().to_vec(), unhex(key)?),
            _ => return None,
        };
        let size = if algorithm == PBKDF2_HMAC_SHA1 {
            20
        } else if algorithm == PBKDF2_HMAC_SHA256 {
            32
        } else {
            64
        };
        let rounds = rounds.parse::<NonZeroU32>().ok().filter(|rounds| rounds.get() <= MOST_ROUNDS)?;
        (key.len() == size && !salt.is_empty()).then_some(Hash { algorithm, rounds, salt, key })
    }

    fn verify(&self, password: &Secret) -> bool {
        pbkdf2::verify(self.algorithm, self.rounds, &self.salt, password.expose(), &self.key).is_ok()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).filter_map(|two| Some(two.first()? << 4 | two.last()?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn what_others_have_written() {
        // By passlib 1.7's documentation, by Python's hashlib, and by Dovecot's `doveadm pw -s PBKDF2`.
        let text = "# users\n\nAlice:$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44::::::\n\
                    carl:$pbkdf2-sha512$1000$c2FsdHNhbHQ$H.KgQuCOmr9DujwdcpZMzrKASHJ..wbQNygIyoUAi7ZioJfdd3.e89DGQFSG0ipIu6rXWxfKqL7WN/oJTv/mEQ\n\
                    bob:{PBKDF2}$1$tDxObVZNNeOka4OC$5000$32baa8afac2e4510ec14a706d3bad8899bfb5387\n";
        let users = Passwd::parse(text.as_bytes(), "users").unwrap();
        assert!(users.has("alice") && users.has("BOB") && !users.has("eve"));
        for (user, password) in
            [("alice", "password"), ("ALICE", "password"), ("bob", "tulip"), ("bob", "tulip"), ("carl", "tulip")]
        {
            assert!(users.check(user, &secret(password)), "{user}");
        }
        for (user, password) in [("alice", "tulip"), ("bob", "password"), ("bob", ""), ("eve", "tulip"), ("", "")] {
            assert!(!users.check(user, &secret(password)), "{user}");
        }
    }

    #[test]
    fn what_we_write() {
        let text = line("bob", &secret("tulip")).unwrap() + &line("jürgen", &secret("tulip")).unwrap();
        assert!(!text.contains("tulip"));
        let users = Passwd::parse(text.as_bytes(), "users").unwrap();
        assert!(users.check("bob", &secret("tulip")) && users.check("Jürgen", &secret("tulip")));
        assert!(!users.check("bob", &secret("Tulip")));
        for name in ["", "a:b", "#a", " a", "a\nb"] {
            assert!(line(name, &secret("x")).is_err(), "{name:?}");
        }
    }

    #[test]
    fn what_is_none_is_told_with_its_line() {
        let good = "bob:{PBKDF2}$1$tDxObVZNNeOka4OC$5000$32baa8afac2e4510ec14a706d3bad8899bfb5387";
        for bad in [
            "eve",
            "eve:",
            "eve:tulip",
            "eve:{PLAIN}tulip",
            ":$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
            "eve:$pbkdf2-sha256$0$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
            "eve:$pbkdf2-sha256$4000000000$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
            "eve:$pbkdf2-sha256$6400$$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
            "eve:$pbkdf2-sha512$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
            "eve:{PBKDF2}$1$salt$5000$32baa8",
            "BOB:{PBKDF2}$1$tDxObVZNNeOka4OC$5000$32baa8afac2e4510ec14a706d3bad8899bfb5387",
        ] {
            let Err(e) = Passwd::parse(format!("{good}\n{bad}\n").as_bytes(), "users") else { panic!("{bad}") };
            assert_eq!(e.exit(), crate::error::Exit::Config);
            assert!(e.to_string().starts_with("users: line 2: ") && !e.to_string().contains("tulip"), "{e}");
        }
    }
}
