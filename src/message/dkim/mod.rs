//! DKIM signatures (RFC 6376, 8301, 8463) and chains of ARC (RFC 8617): made, and checked while a message streams past once.
//!
//! Keys of verification are somebody else's affair ([`Keys`]), as is the time. Left out: rsa-sha1, which RFC 8301 forbids; the tags
//! `z=` and `n=`, which are for people; making seals of ARC; what a policy (DMARC) says about it all.

pub mod arc;
mod bodies;
pub mod canonical;
pub mod crypto;
mod fields;
mod key;
pub mod sign;
mod signature;
pub mod tags;
pub mod verify;

pub use signature::is_domain;

use crate::error::{Error, Exit};

/// What became of a signature, in the words of RFC 8601 2.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good.
    Pass,
    /// It is wrong: something was changed, or it is out of date.
    Fail,
    /// It can't be read, and is as good as none.
    Neutral,
    /// The key can't be had now.
    TempError,
    /// It will never be verified: there is no key for it, or it does not sign what it must.
    PermError,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Neutral => "neutral",
            Verdict::TempError => "temperror",
            Verdict::PermError => "permerror",
        }
    }
}

/// Why a signature did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is then.
    pub verdict: Verdict,
    /// Why, for people.
    pub reason: String,
}

impl Problem {
    fn neutral(reason: impl Into<String>) -> Problem {
        Problem { verdict: Verdict::Neutral, reason: reason.into() }
    }

    fn permanent(reason: impl Into<String>) -> Problem {
        Problem { verdict: Verdict::PermError, reason: reason.into() }
    }

    fn fail(reason: impl Into<String>) -> Problem {
        Problem { verdict: Verdict::Fail, reason: reason.into() }
    }

    /// Why a key could not be had.
    fn of(e: &Error) -> Problem {
        let verdict = if e.exit() == Exit::TempFail { Verdict::TempError } else { Verdict::PermError };
        Problem { verdict, reason: e.to_string() }
    }
}

/// Where keys are.
pub trait Keys {
    /// The TXT records at this name, `SELECTOR._domainkey.DOMAIN`; none if there is no such name.
    ///
    /// # Errors
    /// 75: not now; any other: never.
    fn records(&mut self, name: &str) -> crate::error::Result<Vec<Vec<u8>>>;
}
