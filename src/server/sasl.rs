//! The server's side of a login by SASL, for all three protocols: challenges, and who may come in after them.
//!
//! Nothing that is said on the way tells which names exist: SCRAM has a salt for each, and who is refused is told so in the end,
//! late, whatever was wrong. What is no message of the mechanism is answered at once, and counted as a wrong command.

use super::login::{Guesses, Refused, may_log_in};
use super::{Denied, Login, World, secret_line};
use crate::error::{Error, Result};
use crate::net::Wire;
use crate::proto::sasl::scram::{ClientFirst, Offered};
use crate::proto::sasl::{self, Hash, Mechanism, cram};
use crate::secret::Secret;

/// What is offered on this connection now, the strongest first.
pub(super) fn offered(wire: &Wire, world: &dyn World) -> Vec<Mechanism> {
    if !may_log_in(wire) {
        return Vec::new();
    }
    let mut all = world.mechanisms();
    all.retain(|mechanism| !is_bound(*mechanism) || !wire.bindings().is_empty());
    all
}

/// The same, but what is no SASL mechanism, as names with blanks between.
pub(super) fn offered_names(wire: &Wire, world: &dyn World) -> Vec<&'static str> {
    let all = offered(wire, world).into_iter().filter(|mechanism| *mechanism != Mechanism::Apop);
    all.map(Mechanism::name).collect()
}

fn is_bound(mechanism: Mechanism) -> bool {
    matches!(mechanism, Mechanism::Scram { plus: true, .. })
}

/// How a login has ended.
pub(super) enum Ended {
    Login(Login),
    Refused(Refused),
    /// It was broken off, or something in it is not what the mechanism has.
    Malformed(&'static str),
    /// That mechanism is not offered here.
    Unknown,
}

/// A login on its way.
pub(super) struct Exchange<'s> {
    pub(super) wire: &'s mut Wire,
    pub(super) world: &'s mut dyn World,
    pub(super) guesses: &'s mut Guesses,
    /// What a challenge begins with.
    pub(super) prompt: &'static str,
    /// The longest line.
    pub(super) max: usize,
}

const CANCELLED: &str = "cancelled or not base64";
const MALFORMED: &str = "malformed message";

impl Exchange<'_> {
    /// A login by the mechanism of that name; `initial` is base64, or `=` for nothing.
    ///
    /// # Errors
    /// Those of the connection; 76: a line is too long.
    pub(super) fn log_in(&mut self, mechanism: &str, initial: Option<Secret>) -> Result<Ended> {
        let all = offered(self.wire, self.world);
        let known = mechanism.parse().ok().filter(|mechanism| all.contains(mechanism));
        match known {
            Some(Mechanism::Plain) => self.plain(initial),
            Some(Mechanism::Login) => self.login(initial),
            Some(Mechanism::CramMd5) => self.cram_md5(initial),
            Some(Mechanism::Scram { hash, plus }) => self.scram(hash, plus, &all, initial),
            _ => Ok(Ended::Unknown),
        }
    }

    /// A challenge and its answer, or the answer that is there already; `None`: cancelled, or not base64.
    fn ask(&mut self, challenge: &str, initial: Option<Secret>) -> Result<Option<Secret>> {
        let answer = match initial {
            Some(nothing) if nothing.expose() == b"=" => Secret::new(Vec::new()),
            Some(initial) => initial,
            None => {
                self.wire.put(format!("{}{}\r\n", self.prompt, sasl::base64(challenge.as_bytes())))?;
                Secret::new(secret_line(self.wire, self.max)?)
            }
        };
        Ok(sasl::unbase64(answer.expose()).map(Secret::new))
    }

    fn by_password(&mut self, user: &str, password: &Secret) -> Result<Ended> {
        // What was said so far leaves before anything is computed.
        self.wire.flush()?;
        let login = self.guesses.log_in(self.wire, self.world, user, password);
        Ok(login.map_or_else(Ended::Refused, Ended::Login))
    }

    fn plain(&mut self, initial: Option<Secret>) -> Result<Ended> {
        let Some(message) = self.ask("", initial)? else { return Ok(Ended::Malformed(CANCELLED)) };
        match sasl::read_plain(message.expose()) {
            Some((user, password)) => self.by_password(&user, &password),
            None => Ok(Ended::Malformed(MALFORMED)),
        }
    }

    fn login(&mut self, initial: Option<Secret>) -> Result<Ended> {
        let Some(user) = self.ask("Username:", initial)? else { return Ok(Ended::Malformed(CANCELLED)) };
        let Some(password) = self.ask("Password:", None)? else { return Ok(Ended::Malformed(CANCELLED)) };
        match std::str::from_utf8(user.expose()) {
            Ok(user) => self.by_password(user, &password),
            Err(_) => Ok(Ended::Malformed("not UTF-8")),
        }
    }

    fn cram_md5(&mut self, initial: Option<Secret>) -> Result<Ended> {
        if initial.is_some() {
            return Ok(Ended::Malformed("CRAM-MD5 has no initial response"));
        }
        let challenge = timestamp(self.world)?;
        let Some(response) = self.ask(&challenge, None)? else { return Ok(Ended::Malformed(CANCELLED)) };
        let Some((user, digits)) = cram::read_cram_md5(response.expose()) else {
            return Ok(Ended::Malformed(MALFORMED));
        };
        self.by_digest(&user, &|password| cram::is_cram_md5(&digits, password, challenge.as_bytes()))
    }

    /// Whether `user` has a password that makes this true.
    pub(super) fn by_digest(&mut self, user: &str, is_of: &dyn Fn(&Secret) -> bool) -> Result<Ended> {
        let login = self.guesses.check(self.wire, self.world, user, &mut |world, user| {
            let password = world.password(user);
            // Somebody who has none takes as long.
            let right = is_of(password.as_ref().unwrap_or(&Secret::new(Vec::new())));
            if right && password.is_some() { world.proven(user) } else { Err(Denied::Wrong) }
        });
        Ok(login.map_or_else(Ended::Refused, Ended::Login))
    }

    fn scram(&mut self, hash: Hash, plus: bool, all: &[Mechanism], initial: Option<Secret>) -> Result<Ended> {
        let Some(first) = self.ask("", initial)? else { return Ok(Ended::Malformed(CANCELLED)) };
        let bindings = if all.iter().any(|m| is_bound(*m)) { self.wire.bindings() } else { &[] };
        let first = match ClientFirst::parse(first.expose(), Offered { plus, bindings }) {
            Ok(first) => first,
            Err(why) => return Ok(Ended::Malformed(why)),
        };
        let user = first.user.clone();
        let named = self.world.named(&user);
        let Some(keys) = self.world.keys(&named, hash) else { return Ok(Ended::Unknown) };
        let exchange = first.answer(keys, &random()?);
        let Some(last) = self.ask(exchange.first(), None)? else { return Ok(Ended::Malformed(CANCELLED)) };
        let verifier = match exchange.last(last.expose()) {
            Ok(verifier) => verifier,
            Err(why) => return Ok(Ended::Malformed(why)),
        };
        let proven = verifier.is_some();
        let checked = self.guesses.check(self.wire, self.world, &user, &mut |world, user| {
            if proven { world.proven(user) } else { Err(Denied::Wrong) }
        });
        match (checked, verifier) {
            (Err(refused), _) => Ok(Ended::Refused(refused)),
            (Ok(login), Some(verifier)) => match self.ask(&verifier, None)? {
                Some(_) => Ok(Ended::Login(login)),
                None => Ok(Ended::Malformed(CANCELLED)),
            },
            (Ok(_), None) => Err(Error::internal("SCRAM: proven by nothing")),
        }
    }
}

/// What CRAM-MD5 and APOP hash, never the same twice: in the form of a message id.
pub(super) fn timestamp(world: &dyn World) -> Result<String> {
    let host = world.host();
    let fits = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    Ok(format!("<{}@{}>", random()?, if fits { host } else { "localhost" }))
}

/// 144 random bits, as base64.
fn random() -> Result<String> {
    let mut random = [0; 18];
    getrandom::fill(&mut random).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
    Ok(sasl::base64(&random))
}
