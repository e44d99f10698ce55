//! Tokens of OAuth 2.0 where a password would be: from the store of mail-login(1), renewed there when they are over or refused.

use super::account::{Accounts, logins, logins_file, store_key};
use super::compose::now;
use super::in_force::{roots, said};
use crate::client::oauth::{Client, OAuth as Asks, Server};
use crate::client::{Proof, Renew, Token};
use crate::config::Set;
use crate::config::oauth::{Flow, OAuth, Provider};
use crate::config::secret::{Source, Whose, no_core_dumps};
use crate::error::{Error, Result};
use crate::net::dial::Through;
use crate::net::http::Http;
use crate::net::tls::Tls;
use crate::net::{Deadline, Endpoint};
use crate::secret::Secret;
use crate::store::logins::{Key, Logins};
use crate::store::tokens::{Grant, GrantType};
use std::sync::Arc;

/// Whose tokens log in somewhere, and how they are renewed. It owns what it needs: a connection asks for another token long
/// after it was made.
#[derive(Clone)]
pub struct Keeper {
    issuer: String,
    user: String,
    /// What the configuration says, and where. Without it all is in the store.
    oauth: Option<(OAuth, String)>,
    /// The login that they are for.
    key: Option<Key>,
    /// What mail-login is to be run with.
    account: String,
    http: Http,
    hidden: Vec<String>,
    until: Deadline,
}

impl Accounts {
    /// Whose tokens log `user` in at `at`. `None`: a password does.
    ///
    /// # Errors
    /// 66, 78: the configuration, or what it names, is wrong; 74, 75: the store can't be read.
    pub fn keeper(&self, at: &Endpoint, user: &str) -> Result<Option<Keeper>> {
        let set = self.settings(at)?.password;
        let key = store_key(at, user);
        let (oauth, issuer) = match (self.has_flag(), set) {
            (true, _) => return Ok(None),
            (false, Some(Set { value: Source::OAuth(oauth), line })) => {
                let issuer = oauth.issuer();
                (Some((*oauth, self.line(line))), Some(issuer))
            }
            (false, Some(_)) => return Ok(None),
            (false, None) => match (&key, logins()?) {
                (Some(key), Some(store)) => (None, store.issuer(key)?),
                _ => (None, None),
            },
        };
        let Some(issuer) = issuer else { return Ok(None) };
        let http = self.http(at, oauth.as_ref().map(|(oauth, by)| (oauth, by.as_str())))?;
        let account = at.account.as_ref().map_or_else(|| format!("for {at}"), |name| format!("{name}:"));
        let (user, hidden) = (user.to_owned(), self.hidden()?);
        Ok(Some(Keeper { issuer, user, oauth, key, account, http, hidden, until: self.whole }))
    }

    /// How token servers are asked: by the account's proxy and from its address, with the certificates that `oauth` trusts.
    ///
    /// # Errors
    /// 66, 78: a certificate can't be read; those of a proxy's password.
    pub fn http(&self, at: &Endpoint, oauth: Option<(&OAuth, &str)>) -> Result<Http> {
        let mut route = self.route(at)?;
        if matches!(route.through, Through::Tunnel(..)) {
            route.through = Through::Nothing;
        }
        let trust = oauth.and_then(|(oauth, by)| oauth.trust.as_ref().map(|trust| (trust, by)));
        let roots = trust.map(|(trust, by)| roots(trust).map_err(|e| said(e, by))).transpose()?;
        Ok(Http::new(route, Arc::new(Tls::new(roots, Vec::new(), None))).until(self.whole))
    }
}

/// The addresses of whoever grants. Those of an issuer are asked for.
///
/// # Errors
/// As [`Server::discover`].
pub fn server(http: &Http, oauth: &OAuth) -> Result<Server> {
    match &oauth.provider {
        Provider::Gmail => Server::gmail(),
        Provider::Microsoft(tenant) => Server::microsoft(tenant),
        Provider::Issuer(issuer) => Server::discover(http, issuer),
        Provider::Endpoints(at) => Ok(Server {
            authorization: at.authorization.clone(),
            device: at.device.clone(),
            revocation: at.revocation.clone(),
            ..Server::new(oauth.issuer(), at.token.clone())
        }),
    }
}

/// The addresses that were kept.
fn kept(grant: &Grant) -> Result<Server> {
    Ok(Server {
        revocation: grant.revocation.as_ref().map(|url| url.parse()).transpose()?,
        secret_in_form: grant.secret_in_form,
        ..Server::new(&grant.issuer, grant.endpoint.parse()?)
    })
}

impl Keeper {
    /// What logs in.
    ///
    /// # Errors
    /// As [`Keeper::fresh`].
    pub fn proof(self) -> Result<Proof> {
        let secret = self.fresh(None)?;
        let renew = Renew::by(move |refused| self.fresh(Some(refused)));
        Ok(Proof::Token(Token { secret, renew: Some(renew) }))
    }

    /// An access token that is good for a minute at least, and not the one that was `refused`. Of several programs that want
    /// one at the same time, one asks for it.
    ///
    /// # Errors
    /// 77: nobody has logged in, or the login is over; 75: the token server can't be reached, or somebody else renews the token
    /// and does not end; 76: its answer is none; 74: the new token can't be kept.
    pub fn fresh(&self, refused: Option<&Secret>) -> Result<Secret> {
        no_core_dumps();
        let own = self.oauth.as_ref().filter(|(oauth, _)| oauth.flow == Some(Flow::ClientCredentials));
        let store = match logins()? {
            Some(store) => store,
            None if own.is_some() => Logins::open(&logins_file()?)?,
            None => return Err(self.nobody()),
        };
        let grant =
            || -> Result<Option<Grant>> { Ok(store.grant(&self.issuer, &self.user)?.filter(|grant| self.fits(grant))) };
        let good = |grant: &Option<Grant>| grant.as_ref().and_then(|grant| grant.good(now(), refused).cloned());
        if let Some(token) = good(&grant()?) {
            return Ok(token);
        }
        let _renewing = store.renewing(&self.issuer, &self.user, self.until.at())?;
        // Who was here before has got one.
        let known = grant()?;
        if let Some(token) = good(&known) {
            return Ok(token);
        }
        let (known, client) = match (known, own) {
            (Some(known), _) => {
                let client = self.client(&known)?;
                (known, client)
            }
            (None, Some((oauth, _))) => self.first(oauth)?,
            (None, None) => return Err(self.nobody()),
        };
        // Whoever could not keep the new refresh token must not spend the old one.
        store.keep_grant(&known, &[])?;
        let asks = Asks::new(self.http.clone(), kept(&known)?, client);
        let tokens = match (known.grant_type, &known.refresh) {
            (GrantType::ClientCredentials, _) => asks.client_credentials(&known.scope)?,
            (GrantType::RefreshToken, Some(token)) => asks.refresh(token)?,
            (GrantType::RefreshToken, None) => {
                let e = Error::auth(format!("{}: the token is over, and no refresh token was granted", self.issuer));
                return Err(
                    e.advise(format!("run mail-login {} again, perhaps with the scope offline_access", self.account))
                );
            }
        };
        let renewed = granted(known, tokens);
        // Logins are noted where mail-login has not done so.
        store.keep_grant(&renewed, own.and(self.key.as_ref()).map(std::slice::from_ref).unwrap_or_default())?;
        renewed.access.ok_or_else(|| Error::internal("no token"))
    }

    /// Whether these are its tokens.
    #[must_use]
    pub fn keeps(&self, grant: &Grant) -> bool {
        (self.issuer.as_str(), self.user.as_str()) == (grant.issuer.as_str(), grant.user.as_str())
    }

    /// As [`revoke`].
    ///
    /// # Errors
    /// As there.
    pub fn revoke(&self, grant: &Grant) -> Result<bool> {
        revoke(self.http.clone(), grant, self.client(grant)?)
    }

    /// Whether what was kept is what the configuration means today.
    fn fits(&self, grant: &Grant) -> bool {
        let Some((oauth, _)) = &self.oauth else { return true };
        let own = oauth.flow == Some(Flow::ClientCredentials);
        oauth.client_id.as_ref().is_none_or(|id| *id == grant.client)
            && (!own
                || grant.grant_type == GrantType::ClientCredentials
                    && oauth.scope(Flow::ClientCredentials) == grant.scope)
    }

    fn nobody(&self) -> Error {
        Error::auth(format!("{}: nobody has logged in as {}", self.issuer, self.user))
            .advise(format!("run mail-login {}", self.account))
    }

    fn client(&self, grant: &Grant) -> Result<Client> {
        let secret = match &self.oauth {
            Some((oauth, by)) => self.secret(oauth, by)?,
            None => None,
        };
        Ok(Client { id: grant.client.clone(), secret: secret.or_else(|| grant.client_secret.clone()) })
    }

    fn secret(&self, oauth: &OAuth, by: &str) -> Result<Option<Secret>> {
        let whose = Whose { host: "", user: &self.user, hidden: &self.hidden, until: self.until };
        oauth.client_secret.as_ref().map(|source| source.obtain(&whose).map_err(|e| e.at(by))).transpose()
    }

    /// What the configuration says of a program that logs in itself, before there is a token.
    fn first(&self, oauth: &OAuth) -> Result<(Grant, Client)> {
        let by = self.oauth.as_ref().map_or("", |(_, by)| by);
        let id = oauth.client_id.clone().ok_or_else(|| Error::config("no client-id").at(by))?;
        let client = Client { id, secret: self.secret(oauth, by)? };
        let flow = Flow::ClientCredentials;
        let grant = before(&server(&self.http, oauth)?, &client, &self.user, &oauth.scope(flow), flow);
        Ok((Grant { client_secret: None, ..grant }, client))
    }
}

/// What is known before there is a token.
#[must_use]
pub fn before(server: &Server, client: &Client, user: &str, scope: &str, flow: Flow) -> Grant {
    Grant {
        issuer: server.issuer.clone(),
        user: user.to_owned(),
        client: client.id.clone(),
        client_secret: client.secret.clone(),
        secret_in_form: server.secret_in_form,
        endpoint: server.token.full(),
        revocation: server.revocation.as_ref().map(|url| url.full()),
        grant_type: match flow {
            Flow::ClientCredentials => GrantType::ClientCredentials,
            Flow::Device | Flow::Browser => GrantType::RefreshToken,
        },
        scope: scope.to_owned(),
        refresh: None,
        access: None,
        expires: None,
        time: now(),
    }
}

/// What is known with the tokens that were got now.
#[must_use]
pub fn granted(before: Grant, tokens: crate::client::oauth::Tokens) -> Grant {
    let time = now();
    let lasts = |seconds: u64| i64::try_from(seconds).map_or(i64::MAX, |seconds| time.saturating_add(seconds));
    Grant {
        access: Some(tokens.access),
        // RFC 6749 6: where there is no other, the old one stays.
        refresh: tokens.refresh.or(before.refresh),
        expires: tokens.lasts.map(lasts),
        time,
        ..before
    }
}

/// Makes what was granted worthless at the server, which is asked by `http`; whether it can do that.
///
/// # Errors
/// As [`Asks::revoke`].
pub fn revoke(http: Http, grant: &Grant, client: Client) -> Result<bool> {
    match grant.refresh.as_ref().or(grant.access.as_ref()) {
        Some(token) => Asks::new(http, kept(grant)?, client).revoke(token),
        None => Ok(false),
    }
}
