//! A file of users and hashed passwords: `user:hash` a line, as Dovecot's passwd-file, of which only the first two fields count.
//!
//! Hashes are the keys of SCRAM, `{SCRAM-SHA-256}ROUNDS,SALT,STOREDKEY,SERVERKEY` as Dovecot writes it (and PostgreSQL in its own
//! way), and PBKDF2 in the two forms that others write: passlib's `$pbkdf2-sha256$ROUNDS$SALT$KEY` (and `-sha512`), and Dovecot's
//! `{PBKDF2}$1$SALT$ROUNDS$KEY` (SHA-1). PBKDF2's keys are not used for SCRAM, though they could: who steals such a file could
//! log in with it. What is a password in clear, or anything else, is refused with its line. Names
//! are compared in lower case. Left out: other hashes (they would need other crates), and noticing that the file changes.

use crate::error::{Error, Result};
use crate::proto::sasl::scram::Keys;
use crate::proto::sasl::{self, unbase64};
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
    /// Which hash all users have keys of SCRAM with.
    hash: Option<sasl::Hash>,
    /// The rounds and the length of the salt of each line, of which names that nobody has get some.
    kinds: Vec<(NonZeroU32, usize)>,
    /// What makes their salts.
    salts: Secret,
    /// A key of this process, for `proven`.
    key: hmac::Key,
    /// What has been found right, keyed: a client that logs in for every message need not wait for it again.
    proven: Mutex<HashMap<String, hmac::Tag>>,
}

#[derive(Clone)]
enum Hash {
    Scram(Keys),
    Pbkdf2(Pbkdf2),
}

#[derive(Clone)]
struct Pbkdf2 {
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
            // PostgreSQL's form has colons in it.
            let behind = line.split_once(':').map_or("", |(_, hash)| hash);
            let keys = behind.split(':').take(3).collect::<Vec<_>>().join(":");
            let hash = Keys::parse(&keys).map(Hash::Scram).or_else(|| fields.next().and_then(Hash::parse));
            let hash = hash.ok_or_else(|| {
                wrong("no hash that is known here").advise("mail-serve --hash-password USER makes such a line")
            })?;
            if users.insert(user, hash).is_some() {
                return Err(wrong("this user has a line already"));
            }
        }
        let slowest = users.values().max_by_key(|hash: &&Hash| hash.rounds()).cloned();
        let mut kinds: Vec<(NonZeroU32, usize)> = users.values().filter_map(Hash::kind).collect();
        kinds.sort_unstable();
        let hashes: Vec<Option<sasl::Hash>> = users.values().map(Hash::scram).collect();
        let hash = hashes.first().copied().flatten().filter(|hash| hashes.iter().all(|other| *other == Some(*hash)));
        let salts = Secret::new(random()?.to_vec());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random()?);
        Ok(Passwd { users, slowest, hash, kinds, salts, key, proven: Mutex::default() })
    }

    /// Makes the salts of names that nobody has from this, so that they stay the same when the server is started again.
    #[must_use]
    pub fn with_salts(mut self, salts: Secret) -> Passwd {
        self.salts = salts;
        self
    }

    /// The hash with which all lines have keys for SCRAM.
    #[must_use]
    pub fn hash(&self) -> Option<sasl::Hash> {
        self.hash
    }

    /// What SCRAM proves the user's password with; for a name that nobody has, keys that look as good.
    #[must_use]
    pub fn keys(&self, user: &str, hash: sasl::Hash) -> Option<Keys> {
        let user = user.to_lowercase();
        match self.users.get(&user) {
            Some(Hash::Scram(keys)) if keys.hash == hash => Some(keys.clone()),
            Some(_) => None,
            None => {
                let made = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.salts.expose()), user.as_bytes());
                let (first, salt) = made.as_ref().split_first()?;
                let (rounds, length) = *self.kinds.get(usize::from(*first).checked_rem(self.kinds.len())?)?;
                let salt: Vec<u8> = salt.iter().copied().cycle().take(length).collect();
                Some(Keys::of_nobody(hash, &salt, rounds, &self.salts))
            }
        }
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
    let salt = random()?;
    let salt = salt.get(..16).unwrap_or_default();
    Ok(format!("{user}:{}\n", Keys::of(sasl::Hash::Sha256, password, salt, ROUNDS).line()))
}

fn random() -> Result<[u8; 32]> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
    Ok(random)
}

/// passlib's base64: a dot for the plus, no padding.
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
        (key.len() == size && !salt.is_empty()).then_some(Hash::Pbkdf2(Pbkdf2 { algorithm, rounds, salt, key }))
    }

    fn verify(&self, password: &Secret) -> bool {
        match self {
            Hash::Scram(keys) => keys.are_of(password),
            Hash::Pbkdf2(Pbkdf2 { algorithm, rounds, salt, key }) => {
                pbkdf2::verify(*algorithm, *rounds, salt, password.expose(), key).is_ok()
            }
        }
    }

    fn rounds(&self) -> NonZeroU32 {
        match self {
            Hash::Scram(keys) => keys.iterations,
            Hash::Pbkdf2(pbkdf2) => pbkdf2.rounds,
        }
    }

    fn scram(&self) -> Option<sasl::Hash> {
        if let Hash::Scram(keys) = self { Some(keys.hash) } else { None }
    }

    fn kind(&self) -> Option<(NonZeroU32, usize)> {
        if let Hash::Scram(keys) = self { Some((keys.iterations, keys.salt.len())) } else { None }
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
    fn what_scram_gets() {
        let text = line("bob", &secret("tulip")).unwrap();
        let users = |more: &str| {
            let users = Passwd::parse(format!("{text}{more}").as_bytes(), "users").unwrap();
            users.with_salts(secret("random"))
        };
        let one = users("");
        assert_eq!(one.hash(), Some(sasl::Hash::Sha256));
        assert!(one.keys("BOB", sasl::Hash::Sha256).unwrap().are_of(&secret("tulip")));
        assert!(one.keys("bob", sasl::Hash::Sha1).is_none());
        // Who is nobody has the same salt again, of the same kind, and no password.
        let [eve, again] = [(); 2].map(|()| users("").keys("eve", sasl::Hash::Sha256).unwrap());
        assert!(eve.line() == again.line() && eve.iterations == ROUNDS && eve.salt.len() == 16);
        assert_ne!(eve.salt, one.keys("mallory", sasl::Hash::Sha256).unwrap().salt);
        // PostgreSQL's form, with fields behind it; and with another kind among them SCRAM is not to be had.
        let keys = one.keys("bob", sasl::Hash::Sha256).unwrap().line();
        let fields: Vec<&str> = keys.split([',', '}']).collect();
        let carol = format!("carol:SCRAM-SHA-256${}:{}${}:{}:::\n", fields[1], fields[2], fields[3], fields[4]);
        assert!(users(&carol).check("carol", &secret("tulip")) && users(&carol).hash().is_some());
        let dave = "dave:{PBKDF2}$1$tDxObVZNNeOka4OC$5000$32baa8afac2e4510ec14a706d3bad8899bfb5387\n";
        assert_eq!(users(dave).hash(), None);
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
