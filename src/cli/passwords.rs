//! [`Passwords`]: who may log in at a server, and by which mechanisms their passwords can be checked.

use crate::config::passwd::Passwd;
use crate::error::{Error, Result};
use crate::proto::sasl::scram::{Keys, LEAST_ITERATIONS};
use crate::proto::sasl::{Hash, Mechanism};
use crate::secret::Secret;
use std::num::NonZeroU32;
use std::sync::OnceLock;

/// Who may log in.
pub enum Passwords {
    /// Whoever has a mailbox, with this password.
    One(One),
    /// Everybody, with any.
    Any,
    /// Whoever is in a file, with the password that is hashed there.
    File(Box<Passwd>),
}

/// One password for everybody.
pub struct One {
    password: Secret,
    sha1: OnceLock<Option<Keys>>,
    sha256: OnceLock<Option<Keys>>,
}

impl Passwords {
    /// This one for everybody.
    #[must_use]
    pub fn one(password: Secret) -> Passwords {
        Passwords::One(One { password, sha1: OnceLock::new(), sha256: OnceLock::new() })
    }

    /// Whether that is the user's.
    pub(super) fn are(&self, user: &str, password: &Secret) -> bool {
        match self {
            Passwords::Any => true,
            Passwords::One(one) => one.password.same(password.expose()),
            Passwords::File(file) => file.check(user, password),
        }
    }

    /// The password itself.
    pub(super) fn known(&self) -> Option<&Secret> {
        if let Passwords::One(one) = self { Some(&one.password) } else { None }
    }

    /// What SCRAM proves the user's password with.
    pub(super) fn keys(&self, user: &str, hash: Hash) -> Option<Keys> {
        match self {
            Passwords::Any => None,
            Passwords::File(file) => file.keys(user, hash),
            Passwords::One(one) => {
                let place = if hash == Hash::Sha1 { &one.sha1 } else { &one.sha256 };
                place.get_or_init(|| one.made(hash)).clone()
            }
        }
    }

    /// By which mechanisms they can be checked, the strongest first.
    fn possible(&self) -> Vec<Mechanism> {
        let can = |mechanism: &Mechanism| match (mechanism, self) {
            (Mechanism::Plain | Mechanism::Login, _) => true,
            (Mechanism::Scram { .. } | Mechanism::CramMd5 | Mechanism::Apop, Passwords::One(_)) => true,
            (Mechanism::Scram { hash, .. }, Passwords::File(file)) => file.hash() == Some(*hash),
            _ => false,
        };
        Mechanism::ALL.into_iter().filter(can).collect()
    }

    /// What to offer: all that is possible and need not be named, or what is `named`.
    ///
    /// # Errors
    /// 64: one that is named is not possible.
    pub fn offer(&self, named: &[Mechanism]) -> Result<Vec<Mechanism>> {
        let mut all = self.possible();
        if named.is_empty() {
            all.retain(|mechanism| !mechanism.must_be_named());
            return Ok(all);
        }
        if let Some(not) = named.iter().find(|mechanism| !all.contains(mechanism)) {
            let advice =
                "SCRAM wants a file whose lines are all of that kind, CRAM-MD5 and APOP the one password for all";
            let what = format!("--mechanisms {}: can't be had with these passwords", not.name().to_ascii_lowercase());
            return Err(Error::usage(what).advise(advice));
        }
        all.retain(|mechanism| named.contains(mechanism));
        Ok(all)
    }
}

impl One {
    /// The salt is the same for all names, so it tells nothing of them.
    fn made(&self, hash: Hash) -> Option<Keys> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).ok()?;
        // Nobody else has to keep this password, and ours is random.
        Some(Keys::of(hash, &self.password, &salt, NonZeroU32::new(LEAST_ITERATIONS)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered() {
        let names =
            |offer: Result<Vec<Mechanism>>| offer.unwrap().iter().map(|m| m.name()).collect::<Vec<_>>().join(" ");
        let one = Passwords::one(Secret::new(b"tulip".to_vec()));
        let all = "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN";
        assert_eq!(names(one.offer(&[])), all);
        assert_eq!(names(one.offer(&[Mechanism::Apop, Mechanism::CramMd5, Mechanism::Plain])), "PLAIN CRAM-MD5 APOP");
        assert_eq!(names(Passwords::Any.offer(&[])), "PLAIN LOGIN");
        assert!(Passwords::Any.offer(&[Mechanism::CramMd5]).is_err() && one.offer(&[Mechanism::External]).is_err());
        let [first, again] = [(); 2].map(|()| one.keys("bob", Hash::Sha256).unwrap().line());
        assert!(first == again && first == one.keys("eve", Hash::Sha256).unwrap().line());
    }
}
