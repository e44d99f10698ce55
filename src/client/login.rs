//! [`Login`]: who logs in, by what, and what may go out for it.

use crate::error::{Error, Exit, Result};
use crate::proto::sasl::Mechanism;
use crate::secret::Secret;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// Who logs in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The name.
    pub user: String,
    /// What proves it.
    pub proof: Proof,
    /// Whether a secret may be sent without TLS, pipepost(7), "SECRETS".
    pub allowed: bool,
    /// The mechanisms that the account names, the first that the server offers first; none: the strongest that it offers.
    pub mechanisms: Vec<Mechanism>,
    /// The host and port that were asked for, which OAUTHBEARER tells the server.
    pub server: Option<(String, u16)>,
    /// A nonce for SCRAM, another one each time.
    pub nonce: fn() -> Result<String>,
}

/// What proves who somebody is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A password.
    Password(Secret),
    /// An access token of OAuth 2.0, which takes the password's place: OAUTHBEARER or XOAUTH2.
    Token(Token),
    /// The connection itself, by a client certificate or as a Unix socket: EXTERNAL.
    Connection,
}

/// An access token, and where another one is to be had.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token as it goes out behind `Bearer`.
    pub secret: Secret,
    /// Asked once, when the server has refused it. `None`: there is no other.
    pub renew: Option<Renew>,
}

type Renewal = dyn Fn(&Secret) -> Result<Secret> + Send + Sync;

/// Gets another token: it is given the one that was refused, as somebody else may have renewed it meanwhile.
#[derive(Clone)]
pub struct Renew(Arc<Renewal>);

impl Renew {
    /// Asks `f`.
    pub fn by(f: impl Fn(&Secret) -> Result<Secret> + Send + Sync + 'static) -> Renew {
        Renew(Arc::new(f))
    }
}

impl fmt::Debug for Renew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renew")
    }
}

impl Login {
    /// By `proof`, with the mechanism that is best; `allowed`: also without TLS.
    #[must_use]
    pub fn new(user: impl Into<String>, proof: Proof, allowed: bool) -> Login {
        let mechanisms = Vec::new();
        Login { user: user.into(), proof, allowed, mechanisms, server: None, nonce: fresh_nonce }
    }

    /// By a password.
    #[must_use]
    pub fn by_password(user: impl Into<String>, password: Secret, allowed: bool) -> Login {
        Login::new(user, Proof::Password(password), allowed)
    }

    /// The password or token; empty where the connection is the proof.
    pub(super) fn known(&self) -> &Secret {
        static NOTHING: LazyLock<Secret> = LazyLock::new(|| Secret::new(Vec::new()));
        match &self.proof {
            Proof::Password(secret) | Proof::Token(Token { secret, .. }) => secret,
            Proof::Connection => &NOTHING,
        }
    }

    /// The password or token, if it may go out; `verified`: over TLS, to a server that has proved who it is.
    ///
    /// # Errors
    /// 77 if it may not, or there is none.
    pub(super) fn secret(&self, verified: bool) -> Result<&Secret> {
        let (secret, what) = match &self.proof {
            Proof::Password(password) => (password, "password"),
            Proof::Token(token) => (&token.secret, "token"),
            Proof::Connection => return Err(Error::auth("there is no password to log in with")),
        };
        if self.allowed || verified {
            return Ok(secret);
        }
        Err(Error::auth(format!("the {what} may not be sent without verified TLS")).advise(
            "on a loopback address name the server's key, --pin sha256:..., or the scheme +plain: imap+plain://",
        ))
    }

    /// The same with another token, if the one that was refused can be renewed.
    ///
    /// # Errors
    /// Those of whoever renews it.
    pub fn renewed(&self) -> Result<Option<Login>> {
        let Proof::Token(Token { secret, renew: Some(renew) }) = &self.proof else { return Ok(None) };
        let other = (renew.0)(secret)?;
        // The same again would be refused again.
        if other.same(secret.expose()) {
            return Ok(None);
        }
        let proof = Proof::Token(Token { secret: other, renew: None });
        Ok(Some(Login { proof, ..self.clone() }))
    }
}

/// Opens a connection by `open`; where the server refuses the token, once more on another one, with another token.
///
/// # Errors
/// Those of `open`; of the renewal, those of its source.
pub fn opened<T>(login: Option<&Login>, mut open: impl FnMut(Option<&Login>) -> Result<T>) -> Result<T> {
    match (open(login), login) {
        (Err(e), Some(login)) if e.exit() == Exit::Auth => match login.renewed()? {
            Some(renewed) => open(Some(&renewed)),
            None => Err(e),
        },
        (result, _) => result,
    }
}

/// 144 random bits, in characters that SCRAM allows.
fn fresh_nonce() -> Result<String> {
    let mut random = [0; 18];
    getrandom::fill(&mut random).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
    Ok(crate::proto::sasl::base64(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    fn token(renew: Option<Renew>) -> Login {
        Login::new("bob", Proof::Token(Token { secret: secret("old"), renew }), true)
    }

    fn tried(login: &Login, takes: &str) -> (Vec<String>, Result<()>) {
        let mut tried = Vec::new();
        let result = opened(Some(login), |login| {
            let Some(Login { proof: Proof::Token(token), .. }) = login else { panic!() };
            tried.push(String::from_utf8(token.secret.expose().to_vec()).unwrap());
            if token.secret.same(takes.as_bytes()) { Ok(()) } else { Err(Error::auth("no")) }
        });
        (tried, result)
    }

    #[test]
    fn a_refused_token_is_renewed_once() {
        let renew = Renew::by(|old| {
            assert!(old.same(b"old"));
            Ok(secret("new"))
        });
        assert_eq!(tried(&token(Some(renew.clone())), "new"), (vec!["old".into(), "new".into()], Ok(())));
        assert_eq!(tried(&token(Some(renew.clone())), "old"), (vec!["old".into()], Ok(())));
        let (tokens, result) = tried(&token(Some(renew)), "other");
        assert!(tokens == ["old", "new"] && result.is_err());
        let same = Renew::by(|old| Ok(old.clone()));
        assert_eq!(tried(&token(Some(same)), "new").0, ["old"]);
        assert_eq!(tried(&token(None), "new").0, ["old"]);
        let failing = Renew::by(|_| Err(Error::temporary("later")));
        assert_eq!(tried(&token(Some(failing)), "new").1.unwrap_err().exit(), Exit::TempFail);
    }

    #[test]
    fn only_a_refusal_renews() {
        let renew = Renew::by(|_| panic!("asked for another"));
        let result: Result<()> = opened(Some(&token(Some(renew))), |_| Err(Error::temporary("later")));
        assert_eq!(result.unwrap_err().exit(), Exit::TempFail);
    }
}
