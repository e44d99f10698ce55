//! OAuth 2.0 (RFC 6749) as a program that logs in for its user needs it: tokens by device code, by a browser on this machine, or
//! for the program itself; their renewal and revocation.
//!
//! A token server is asked by [`Http`] alone. Nothing is stored here, and nobody is asked or told anything but by the caller.
//! Left out: tokens that are bound to a key (DPoP, mTLS), dynamic registration of clients, ID tokens.

mod answer;
mod device;
mod discovery;
mod redirect;
#[cfg(test)]
mod tests;

pub use answer::Tokens;
pub use device::Device;
pub use discovery::Server;
pub use redirect::Redirect;

use crate::error::{Error, Exit, Result};
use crate::net::http::{Answer, Form, Http, Url};
use crate::secret::Secret;
use answer::{Refused, read};
use encodify::base64::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// This program, as the token server knows it.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`; a program that is installed by its users has none that would be one.
    pub secret: Option<Secret>,
}

/// A token server, and who asks it.
pub struct OAuth {
    http: Http,
    server: Server,
    client: Client,
}

/// What is sent and comes back in the browser, RFC 6749 4.1 and RFC 7636: made anew for each attempt.
pub struct Attempt {
    state: Secret,
    verifier: Secret,
}

impl Attempt {
    /// A state and a verifier of 256 random bits each.
    ///
    /// # Errors
    /// 74: no random numbers.
    pub fn new() -> Result<Attempt> {
        Ok(Attempt { state: random()?, verifier: random()? })
    }

    /// RFC 7636 4.2, S256.
    fn challenge(&self) -> String {
        url_safe(digest(&SHA256, self.verifier.expose()).as_ref())
    }
}

/// 256 random bits in characters that need no encoding.
fn random() -> Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
    Ok(Secret::new(url_safe(&bytes).into_bytes()))
}

/// Base64 by RFC 4648 5, without padding.
fn url_safe(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl OAuth {
    /// Asks `server` by `http` as `client`.
    #[must_use]
    pub fn new(http: Http, server: Server, client: Client) -> OAuth {
        OAuth { http, server, client }
    }

    /// Who is asked.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Who asks.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where the user is sent to in the browser, RFC 6749 4.1.1. The address that it shows is no secret; what proves that we have
    /// asked is not in it.
    ///
    /// # Errors
    /// 78: this server has no such page.
    pub fn page(&self, redirect: &Redirect, attempt: &Attempt, scope: &str, user: &str) -> Result<String> {
        let page = self.server.authorization.as_ref().ok_or_else(|| {
            Error::config(format!("{}: knows no login in a browser", self.server.issuer)).advise("try --device")
        })?;
        let mut form = Form::default()
            .with("response_type", "code")
            .with("client_id", &self.client.id)
            .with("redirect_uri", redirect.uri())
            .with_secret("state", attempt.state.expose())
            .with("code_challenge", &attempt.challenge())
            .with("code_challenge_method", "S256")
            .with("login_hint", user);
        if !scope.is_empty() {
            form = form.with("scope", scope);
        }
        for (name, value) in &self.server.page_fields {
            form = form.with(name, value);
        }
        Ok(page.with_fields(&form))
    }

    /// The tokens for the code that the browser has brought, RFC 6749 4.1.3.
    ///
    /// # Errors
    /// As [`OAuth::refresh`].
    pub fn exchange(&self, code: &Secret, redirect: &Redirect, attempt: &Attempt) -> Result<Tokens> {
        let form = Form::default()
            .with("grant_type", "authorization_code")
            .with_secret("code", code.expose())
            .with("redirect_uri", redirect.uri())
            .with_secret("code_verifier", attempt.verifier.expose());
        self.grant(form, &[code, &attempt.verifier])
    }

    /// Other tokens for a refresh token, RFC 6749 6. Where the answer has no refresh token, the old one stays good.
    ///
    /// # Errors
    /// 75: the server can't be reached, or not now; 76: what it says is no answer; 77: it refuses the token, or this program;
    /// 69: it refuses otherwise.
    pub fn refresh(&self, token: &Secret) -> Result<Tokens> {
        let form = Form::default().with("grant_type", "refresh_token").with_secret("refresh_token", token.expose());
        self.grant(form, &[token])
    }

    /// A token for this program itself, RFC 6749 4.4.
    ///
    /// # Errors
    /// As [`OAuth::refresh`]; 78: without a client secret.
    pub fn client_credentials(&self, scope: &str) -> Result<Tokens> {
        if self.client.secret.is_none() {
            return Err(Error::config("client credentials need a client-secret"));
        }
        let mut form = Form::default().with("grant_type", "client_credentials");
        if !scope.is_empty() {
            form = form.with("scope", scope);
        }
        self.grant(form, &[])
    }

    /// Makes a refresh token worthless, RFC 7009; whether the server can do that.
    ///
    /// # Errors
    /// As [`OAuth::refresh`].
    pub fn revoke(&self, token: &Secret) -> Result<bool> {
        let Some(url) = &self.server.revocation else { return Ok(false) };
        let form = Form::default().with_secret("token", token.expose()).with("token_type_hint", "refresh_token");
        let answer = self.post(url, form)?;
        // A token that it does not know is as good as revoked, 2.2; some say 400 to that.
        match answer.status {
            200..300 | 400 => Ok(true),
            status => Err(answer::by_status(status).at(url)),
        }
    }

    fn grant(&self, form: Form, sent: &[&Secret]) -> Result<Tokens> {
        self.tokens(form, sent).map_err(|refused| refused.error)
    }

    fn tokens(&self, form: Form, sent: &[&Secret]) -> Result<Tokens, Refused> {
        let url = &self.server.token;
        let sent: Vec<&Secret> = sent.iter().copied().chain(&self.client.secret).collect();
        read(&self.post(url, form)?, &sent).map_err(|refused| refused.at(url))
    }

    /// RFC 6749 2.3.1: who asks stands in a header, or, if that is how the server wants it or there is no secret, in the form.
    fn post(&self, url: &Url, form: Form) -> Result<Answer> {
        let Client { id, secret } = &self.client;
        match secret {
            Some(secret) if !self.server.secret_in_form => {
                let both = [Form::value(id.as_bytes()), Form::value(secret.expose())];
                let both = Secret::new(both.map(|part| part.expose().to_vec()).join(&b':'));
                self.http.post(url, &form, Some(&both))
            }
            Some(secret) => {
                let form = form.with("client_id", id).with_secret("client_secret", secret.expose());
                self.http.post(url, &form, None)
            }
            None => self.http.post(url, &form.with("client_id", id), None),
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused { code: None, error }
    }
}

/// Whether it is worth asking again later.
fn is_passing(e: &Error) -> bool {
    e.exit() == Exit::TempFail
}
