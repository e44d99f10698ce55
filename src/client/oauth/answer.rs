//! What a token server answers, RFC 6749 5: tokens, or why there are none.
//!
//! No text of ours repeats a token: what can't be read is not shown, and what the server says of an error is cut, and without
//! the secrets that it was sent.

use crate::error::{Error, Exit, Result};
use crate::net::http::{Answer, Url};
use crate::secret::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The longest token.
const LONGEST: usize = 64 * 1024;
/// As much of a server's words is told.
const TOLD: usize = 200;
/// No token lasts longer: a hundred years.
const AGES: u64 = 100 * 365 * 86_400;

/// What was granted.
#[derive(Debug)]
pub struct Tokens {
    /// What logs in.
    pub access: Secret,
    /// What gets the next one, if there is one, or another one.
    pub refresh: Option<Secret>,
    /// For how many seconds the first is good, if that was said.
    pub lasts: Option<u64>,
}

/// Why nothing was granted: the word for it, if there was one (RFC 6749 5.2, RFC 8628 3.5), and what to tell.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: Option<String>,
    pub(super) error: Error,
}

impl Refused {
    pub(super) fn at(self, url: &Url) -> Refused {
        Refused { error: self.error.at(url), ..self }
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Complaint {
    error: Option<String>,
    error_description: Option<String>,
}

/// A number, which some servers put between quotes.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    /// `None`: no number.
    pub(super) fn whole(&self) -> Option<u64> {
        let number = match self {
            Seconds::Number(number) => *number,
            Seconds::Text(text) => text.parse().ok()?,
        };
        // Saturates: what is negative is over.
        number.is_finite().then_some((number as u64).min(AGES))
    }
}

/// The tokens in an answer; `sent` are secrets that may stand in it.
pub(super) fn read(answer: &Answer, sent: &[&Secret]) -> Result<Tokens, Refused> {
    if let Some(refused) = complaint(answer, sent) {
        return Err(refused);
    }
    if !(200..300).contains(&answer.status) {
        return Err(by_status(answer.status).into());
    }
    let granted: Granted = json(answer)?;
    let Some(access) = granted.access_token.map(|token| Secret::new(token.into_bytes())) else {
        return Err(Error::protocol("an answer without access_token").into());
    };
    let refresh = granted.refresh_token.map(|token| Secret::new(token.into_bytes()));
    if !granted.token_type.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(Error::protocol("an answer whose token_type is not Bearer").into());
    }
    for (token, name) in [(Some(&access), "access_token"), (refresh.as_ref(), "refresh_token")] {
        if token.is_some_and(|token| !is_token(token.expose())) {
            return Err(Error::protocol(format!("an answer whose {name} can't be one")).into());
        }
    }
    Ok(Tokens { access, refresh, lasts: granted.expires_in.and_then(|seconds| seconds.whole()) })
}

/// RFC 6749 A.12, A.17. A space or a line break would break a login.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

/// RFC 6749 5.2. Some servers complain with status 200.
pub(super) fn complaint(answer: &Answer, sent: &[&Secret]) -> Option<Refused> {
    let Complaint { error, error_description } = json(answer).ok()?;
    let code = error?;
    let exit = match code.as_str() {
        "temporarily_unavailable" | "server_error" | "expired_token" | "authorization_pending" | "slow_down" => {
            Exit::TempFail
        }
        "invalid_grant"
        | "access_denied"
        | "interaction_required"
        | "consent_required"
        | "login_required"
        | "invalid_client"
        | "unauthorized_client" => Exit::Auth,
        _ if answer.status >= 500 || answer.status == 429 => Exit::TempFail,
        _ => Exit::Refused,
    };
    let told = error_description.map(|why| format!(" ({})", told(&why, sent))).unwrap_or_default();
    let e = Error::new(exit, format!("the token server says {}{told}", self::told(&code, sent)));
    let advice = match code.as_str() {
        "invalid_grant" | "interaction_required" | "consent_required" | "login_required" => {
            Some("the login is over: run mail-login for this account again")
        }
        "invalid_client" | "unauthorized_client" => Some("are client-id and client-secret those of the registration?"),
        "invalid_scope" => Some("the scope of pipepost-config(5) has to be one that this server knows"),
        "expired_token" => Some("nobody has confirmed in time: run mail-login again"),
        _ => None,
    };
    let error = match advice {
        Some(advice) => e.advise(advice),
        None => e,
    };
    Some(Refused { code: Some(code), error })
}

/// Words of a server: not long, and without secrets. Whoever prints them escapes them.
pub(super) fn told(text: &str, sent: &[&Secret]) -> String {
    let hidden = sent.iter().fold(text.to_owned(), |text, secret| match std::str::from_utf8(secret.expose()) {
        Ok(secret) if !secret.is_empty() => text.replace(secret, "***"),
        _ => text,
    });
    let short: String = hidden.chars().take(TOLD).collect();
    let cut = if short.len() < hidden.len() { "..." } else { "" };
    format!("{}{cut}", short.trim())
}

/// What a status means without further words.
pub(super) fn by_status(status: u16) -> Error {
    match status {
        408 | 429 | 500..600 => Error::temporary(format!("the token server answers with status {status}")),
        300..400 => {
            Error::protocol(format!("the token server answers with a redirect ({status}), which is not followed"))
        }
        _ => Error::protocol(format!("the token server answers with status {status}")),
    }
}

/// The object in an answer.
///
/// # Errors
/// 76, without a word of what there is: it may be a token.
pub(super) fn json<T: DeserializeOwned>(answer: &Answer) -> Result<T> {
    if answer.kind != "application/json" && !answer.kind.ends_with("+json") {
        return Err(Error::protocol(format!("an answer that is not JSON, but {}", told(&answer.kind, &[]))));
    }
    serde_json::from_slice(answer.body.expose()).map_err(|_| Error::protocol("an answer that is not the JSON expected"))
}
