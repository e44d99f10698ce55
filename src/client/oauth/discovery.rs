//! Where a token server listens: what it publishes itself, RFC 8414 and OpenID Connect Discovery 1.0, and two that are known.

use super::answer::{by_status, json, told};
use crate::error::{Error, Result};
use crate::net::http::{Http, Url};
use serde::Deserialize;

/// The addresses of a token server, and its ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name, RFC 8414 2; of one that publishes nothing, the address where tokens are got.
    pub issuer: String,
    /// The page where users log in.
    pub authorization: Option<Url>,
    /// Where tokens are got.
    pub token: Url,
    /// Where device codes are got.
    pub device: Option<Url>,
    /// Where tokens are revoked.
    pub revocation: Option<Url>,
    /// Whether a client's secret goes into the form, not into a header.
    pub secret_in_form: bool,
    /// Further fields for the page.
    pub page_fields: Vec<(&'static str, &'static str)>,
}

/// RFC 8414 2, as far as it is of use.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Server {
    /// One that is known by its addresses alone.
    #[must_use]
    pub fn new(issuer: impl Into<String>, token: Url) -> Server {
        Server {
            issuer: issuer.into(),
            authorization: None,
            token,
            device: None,
            revocation: None,
            secret_in_form: false,
            page_fields: Vec::new(),
        }
    }

    /// Google's.
    ///
    /// # Errors
    /// None.
    pub fn gmail() -> Result<Server> {
        Ok(Server {
            authorization: Some("https://accounts.google.com/o/oauth2/v2/auth".parse()?),
            device: Some("https://oauth2.googleapis.com/device/code".parse()?),
            revocation: Some("https://oauth2.googleapis.com/revoke".parse()?),
            secret_in_form: true,
            // Without these there is no refresh token the second time.
            page_fields: vec![("access_type", "offline"), ("prompt", "consent")],
            ..Server::new("https://accounts.google.com", "https://oauth2.googleapis.com/token".parse()?)
        })
    }

    /// Microsoft's, for an organisation: its domain or identifier, or `common`, `organizations`, `consumers`.
    ///
    /// # Errors
    /// 64: no name that a tenant can have.
    pub fn microsoft(tenant: &str) -> Result<Server> {
        let at = |path: &str| format!("https://login.microsoftonline.com/{tenant}/{path}").parse::<Url>();
        Ok(Server {
            authorization: Some(at("oauth2/v2.0/authorize")?),
            device: Some(at("oauth2/v2.0/devicecode")?),
            secret_in_form: true,
            ..Server::new(format!("https://login.microsoftonline.com/{tenant}/v2.0"), at("oauth2/v2.0/token")?)
        })
    }

    /// What the issuer at this address publishes: by RFC 8414 3.1, else as OpenID Connect does, 4.1.
    ///
    /// # Errors
    /// Those of [`Http::get`]; 76: it publishes nothing, something that can't be read, or something of another issuer.
    pub fn discover(http: &Http, issuer: &str) -> Result<Server> {
        let base: Url = issuer.parse()?;
        let path = base.path().trim_end_matches('/').to_owned();
        let places = [
            format!("/.well-known/oauth-authorization-server{path}"),
            format!("{path}/.well-known/openid-configuration"),
        ];
        let mut missing = None;
        for place in places {
            let url = base.with_path(&place)?;
            let answer = http.get(&url, "application/json")?;
            match answer.status {
                200 => {
                    return Server::published(json(&answer).map_err(|e| e.at(&url))?, issuer).map_err(|e| e.at(&url));
                }
                // It is not there; some say so in other ways.
                300..500 if answer.status != 408 && answer.status != 429 => {
                    missing = Some(by_status(answer.status).at(&url))
                }
                status => return Err(by_status(status).at(&url)),
            }
        }
        let e = missing.unwrap_or_else(|| Error::protocol(format!("{issuer}: publishes nothing")));
        Err(e.advise("is it the issuer's URL? token-endpoint in pipepost-config(5) does without"))
    }

    fn published(metadata: Metadata, asked: &str) -> Result<Server> {
        // 3.3: else one issuer could speak for another. A slash at the end is not worth an error.
        if metadata.issuer.trim_end_matches('/') != asked.trim_end_matches('/') {
            let said = told(&metadata.issuer, &[]);
            return Err(Error::protocol(format!("this is what another issuer says: {said}")));
        }
        let url = |text: Option<String>, name: &str| {
            let wrong = |e: Error| Error::protocol(format!("{name}: {}", told(&e.to_string(), &[])));
            text.map(|text| text.parse::<Url>().map_err(wrong)).transpose()
        };
        let token = url(metadata.token_endpoint, "token_endpoint")?;
        let methods = metadata.token_endpoint_auth_methods_supported;
        Ok(Server {
            authorization: url(metadata.authorization_endpoint, "authorization_endpoint")?,
            device: url(metadata.device_authorization_endpoint, "device_authorization_endpoint")?,
            revocation: url(metadata.revocation_endpoint, "revocation_endpoint")?,
            secret_in_form: methods.is_some_and(|all| !all.iter().any(|method| method == "client_secret_basic")),
            ..Server::new(asked, token.ok_or_else(|| Error::protocol("no token_endpoint"))?)
        })
    }
}
