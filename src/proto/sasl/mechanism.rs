//! [`Mechanism`]: the names, RFC 4422 3.1, and which is stronger.

use std::fmt;
use std::str::FromStr;

/// What SCRAM hashes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// RFC 5802.
    Sha1,
    /// RFC 7677.
    Sha256,
}

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// SCRAM; `plus`: bound to the TLS connection.
    Scram {
        /// With which hash.
        hash: Hash,
        /// Whether it is bound.
        plus: bool,
    },
    /// RFC 4616: the password as it is.
    Plain,
    /// The password as it is, behind two prompts; never an RFC.
    Login,
    /// RFC 2195: a keyed hash of the server's challenge.
    CramMd5,
    /// POP3's own, RFC 1939 7: a hash of the greeting's timestamp.
    Apop,
    /// RFC 7628: a token.
    OauthBearer,
    /// The same as Google and Microsoft had it before.
    Xoauth2,
    /// RFC 4422 A: the connection is the proof.
    External,
}

impl Mechanism {
    /// All, the strongest first; those that are taken only when an account names them last.
    pub const ALL: [Mechanism; 11] = [
        Mechanism::External,
        Mechanism::OauthBearer,
        Mechanism::Xoauth2,
        Mechanism::Scram { hash: Hash::Sha256, plus: true },
        Mechanism::Scram { hash: Hash::Sha1, plus: true },
        Mechanism::Scram { hash: Hash::Sha256, plus: false },
        Mechanism::Scram { hash: Hash::Sha1, plus: false },
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
        Mechanism::Apop,
    ];

    /// The same one that is not bound to the connection, of one that is.
    #[must_use]
    pub fn unbound(self) -> Option<Mechanism> {
        match self {
            Mechanism::Scram { hash, plus: true } => Some(Mechanism::Scram { hash, plus: false }),
            _ => None,
        }
    }

    /// Its name, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Scram { hash: Hash::Sha1, plus: false } => "SCRAM-SHA-1",
            Mechanism::Scram { hash: Hash::Sha1, plus: true } => "SCRAM-SHA-1-PLUS",
            Mechanism::Scram { hash: Hash::Sha256, plus: false } => "SCRAM-SHA-256",
            Mechanism::Scram { hash: Hash::Sha256, plus: true } => "SCRAM-SHA-256-PLUS",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::Apop => "APOP",
            Mechanism::OauthBearer => "OAUTHBEARER",
            Mechanism::Xoauth2 => "XOAUTH2",
            Mechanism::External => "EXTERNAL",
        }
    }

    /// Whether whoever listens has the secret afterwards.
    #[must_use]
    pub fn shows_secret(self) -> bool {
        matches!(self, Mechanism::Plain | Mechanism::Login | Mechanism::OauthBearer | Mechanism::Xoauth2)
    }

    /// Whether it is too weak to be taken unless an account names it.
    #[must_use]
    pub fn must_be_named(self) -> bool {
        matches!(self, Mechanism::CramMd5 | Mechanism::Apop)
    }

    /// Whether its challenges are words for people, which say nothing.
    #[must_use]
    pub fn prompts(self) -> bool {
        matches!(self, Mechanism::Plain | Mechanism::Login | Mechanism::External)
    }

    /// Whether a token takes the password's place.
    #[must_use]
    pub fn takes_token(self) -> bool {
        matches!(self, Mechanism::OauthBearer | Mechanism::Xoauth2)
    }

    /// Whether a password is needed for it.
    #[must_use]
    pub fn takes_password(self) -> bool {
        !self.takes_token() && self != Mechanism::External
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mechanism {
    type Err = String;

    /// Reads a name, in capitals or not.
    fn from_str(text: &str) -> Result<Mechanism, String> {
        let all = Mechanism::ALL;
        all.into_iter().find(|m| m.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|m| m.name().to_ascii_lowercase()).collect();
            format!("{text}: not a login mechanism that is known: {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_both_ways() {
        for mechanism in Mechanism::ALL {
            assert_eq!(mechanism.name().parse(), Ok(mechanism));
            assert_eq!(mechanism.name().to_ascii_lowercase().parse(), Ok(mechanism));
        }
        assert!("NTLM".parse::<Mechanism>().is_err() && "".parse::<Mechanism>().is_err());
    }
}
