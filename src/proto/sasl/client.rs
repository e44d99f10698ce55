//! The client's side of a login: which mechanism, and what it answers to each challenge. The caller has the connection, the
//! random numbers and the clock.

use super::mechanism::Mechanism;
use super::scram::{Begun, Bindings, Head, verified};
use super::{cram, oauth};
use crate::secret::Secret;
use std::fmt;

/// Challenges that are answered; no mechanism here has more.
pub const CHALLENGES: u32 = 3;

/// Who logs in, and all that mechanisms need.
#[derive(Clone, Copy, Debug)]
pub struct Who<'w> {
    /// The name.
    pub user: &'w str,
    /// The password or the token.
    pub secret: &'w Secret,
    /// A nonce that was never used before.
    pub nonce: &'w str,
    /// What the connection can be bound by.
    pub bindings: &'w Bindings,
    /// Whether the server offers to bind it.
    pub binds: bool,
    /// Which host and port were asked for.
    pub server: Option<(&'w str, u16)>,
}

/// Why a login comes to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server breaks the mechanism's rules, or is not the one that it should be.
    Server(String),
    /// The server refuses, and says so within the mechanism.
    Refused(String),
    /// The name or the password can't be said by this mechanism.
    Ours(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Server(why) | Failure::Refused(why) | Failure::Ours(why)) = self;
        f.write_str(why)
    }
}

/// A login by one mechanism.
pub struct Client {
    /// The initial response, until it is sent.
    initial: Option<Secret>,
    state: State,
    challenges: u32,
    told: Option<String>,
}

enum State {
    /// Nothing more is to be said.
    Said,
    /// LOGIN's two answers.
    User(Secret, Secret),
    Password(Secret),
    /// CRAM-MD5 waits for its challenge.
    Cram(String, Secret),
    /// A token was sent; an error is answered.
    Token(Mechanism),
    Scram(Box<Begun>),
    /// What the server must say.
    Verifier(Secret),
    Proven,
    /// Nothing that the server says counts any more.
    Failed,
}

impl Client {
    /// Begins.
    ///
    /// # Errors
    /// [`Failure::Ours`]: a NUL in name or password, or nothing to bind to.
    pub fn new(mechanism: Mechanism, who: &Who<'_>) -> Result<Client, Failure> {
        let (user, secret) = (who.user, who.secret);
        let nul = user.bytes().chain(secret.expose().iter().copied()).any(|b| b == 0);
        // A token is sent as it is.
        let broken = mechanism.takes_token() && user.bytes().chain(secret.expose().iter().copied()).any(|b| b < b' ');
        if nul || broken {
            return Err(Failure::Ours("a NUL in name or password".to_owned()));
        }
        let (initial, state) = match mechanism {
            Mechanism::Plain => (Some(super::plain_message(user, secret)), State::Said),
            Mechanism::External => (Some(Secret::new(user.as_bytes().to_vec())), State::Said),
            Mechanism::Login => (None, State::User(Secret::new(user.as_bytes().to_vec()), secret.clone())),
            Mechanism::CramMd5 => (None, State::Cram(user.to_owned(), secret.clone())),
            Mechanism::OauthBearer => (Some(oauth::bearer(user, secret, who.server)), State::Token(mechanism)),
            Mechanism::Xoauth2 => (Some(oauth::xoauth2(user, secret)), State::Token(mechanism)),
            Mechanism::Scram { hash, plus } => {
                let head = Head::new(who.bindings, plus, who.binds);
                let head = head.ok_or_else(|| Failure::Ours("nothing to bind the login to".to_owned()))?;
                let begun = Begun::new(hash, head, user, secret, who.nonce);
                let begun = begun.ok_or_else(|| Failure::Ours("a name that SCRAM can't have".to_owned()))?;
                (Some(begun.first()), State::Scram(Box::new(begun)))
            }
            Mechanism::Apop => return Err(Failure::Ours("APOP has no challenges".to_owned())),
        };
        Ok(Client { initial, state, challenges: 0, told: None })
    }

    /// What may go out with the command itself; once it is taken it is not said again.
    pub fn initial(&mut self) -> Option<Secret> {
        self.initial.take()
    }

    /// How long that is.
    #[must_use]
    pub fn initial_size(&self) -> Option<usize> {
        self.initial.as_ref().map(|initial| initial.expose().len())
    }

    /// The answer to a challenge (both decoded).
    ///
    /// # Errors
    /// There is none: the connection must be given up.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Secret, Failure> {
        self.challenges = self.challenges.saturating_add(1);
        if self.challenges > CHALLENGES {
            return Err(Failure::Server("more than three challenges".to_owned()));
        }
        if let Some(initial) = self.initial.take() {
            return Ok(initial);
        }
        match std::mem::replace(&mut self.state, State::Failed) {
            State::User(user, password) => {
                self.state = State::Password(password);
                Ok(user)
            }
            State::Password(password) => {
                self.state = State::Said;
                Ok(password)
            }
            State::Cram(user, password) if !challenge.is_empty() => {
                self.state = State::Said;
                Ok(cram::cram_md5(&user, &password, challenge))
            }
            State::Cram(..) => Err(Failure::Server("an empty challenge, which proves nothing".to_owned())),
            State::Token(mechanism) => {
                self.state = State::Said;
                self.told = Some(oauth::error(challenge));
                Ok(oauth::dummy(mechanism == Mechanism::OauthBearer))
            }
            State::Scram(begun) => {
                let (last, verifier) = begun.last(challenge).map_err(|why| match challenge.strip_prefix(b"e=") {
                    Some(_) => Failure::Refused(format!("SCRAM: {}", told(challenge))),
                    None => Failure::Server(why.to_owned()),
                })?;
                self.state = State::Verifier(verifier);
                Ok(last)
            }
            State::Verifier(verifier) => match verified(challenge, &verifier) {
                Ok(()) => {
                    self.state = State::Proven;
                    Ok(Secret::new(Vec::new()))
                }
                Err((true, why)) => Err(Failure::Refused(why)),
                Err((false, why)) => Err(Failure::Server(why)),
            },
            State::Said | State::Proven | State::Failed => {
                Err(Failure::Server("a challenge, where the mechanism has none any more".to_owned()))
            }
        }
    }

    /// Whether the server may say that the login is done.
    ///
    /// # Errors
    /// It has left out its part: it may be anybody.
    pub fn accepted(&self) -> Result<(), Failure> {
        match self.state {
            _ if self.initial.is_some() => Err(Failure::Server("takes a login that nobody has made".to_owned())),
            State::Scram(_) | State::Verifier(_) => {
                Err(Failure::Server("SCRAM: the server does not prove that it knows the password".to_owned()))
            }
            State::User(..) | State::Password(_) | State::Cram(..) => {
                Err(Failure::Server("takes a login that nobody has made".to_owned()))
            }
            State::Failed => Err(Failure::Server("takes a login that had failed".to_owned())),
            State::Said | State::Token(_) | State::Proven => Ok(()),
        }
    }

    /// What the server said of its refusal within the mechanism.
    #[must_use]
    pub fn told(&self) -> Option<&str> {
        self.told.as_deref()
    }
}

fn told(challenge: &[u8]) -> String {
    String::from_utf8_lossy(challenge).chars().skip(2).take(100).collect()
}

/// Of what a server offers the mechanism to take: the first that the account names, else the strongest that need not be named.
#[must_use]
pub fn choose(offered: &[Mechanism], named: &[Mechanism], usable: impl Fn(Mechanism) -> bool) -> Option<Mechanism> {
    let fits = |mechanism: &Mechanism| offered.contains(mechanism) && usable(*mechanism);
    if named.is_empty() {
        return Mechanism::ALL.into_iter().filter(|mechanism| !mechanism.must_be_named()).find(fits);
    }
    named.iter().copied().find(fits)
}

/// The mechanisms among the words of a server.
pub fn known<'w>(words: impl IntoIterator<Item = &'w str>) -> Vec<Mechanism> {
    words.into_iter().filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
