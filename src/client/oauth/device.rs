//! Login on another device, RFC 8628: the user types a short code there, while we ask every few seconds whether it is done.

use super::answer::{Seconds, by_status, complaint, is_token, json, told};
use super::{OAuth, Tokens, is_passing};
use crate::error::{Error, Result};
use crate::net::Deadline;
use crate::net::http::{Form, Url};
use crate::secret::Secret;
use serde::Deserialize;
use std::time::Duration;

/// 3.2: how long to wait between two questions, if the server does not say.
const INTERVAL: u64 = 5;
/// The longest pause that a server may ask for.
const PAUSE: u64 = 300;
/// The longest time that a code is waited for.
const LASTS: u64 = 3600;

/// What the user has to do, and what we ask with.
#[derive(Debug)]
pub struct Device {
    code: Secret,
    /// What is to be typed.
    pub user_code: String,
    /// Where.
    pub page: String,
    /// Where, with the code in it.
    pub whole_page: Option<String>,
    /// For how many seconds.
    pub lasts: u64,
    interval: u64,
}

#[derive(Deserialize)]
struct Raw {
    device_code: String,
    user_code: String,
    // Google's came before the RFC.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(alias = "verification_url_complete")]
    verification_uri_complete: Option<String>,
    expires_in: Seconds,
    interval: Option<Seconds>,
}

impl OAuth {
    /// Asks for a device code, 3.1.
    ///
    /// # Errors
    /// As [`OAuth::refresh`]; 78: the server has no such way.
    pub fn device(&self, scope: &str) -> Result<Device> {
        let url = self.server.device.as_ref().ok_or_else(|| {
            Error::config(format!("{}: knows no login on another device", self.server.issuer)).advise("try --browser")
        })?;
        let form = if scope.is_empty() { Form::default() } else { Form::default().with("scope", scope) };
        let answer = self.post(url, form)?;
        let sent: Vec<&Secret> = self.client.secret.iter().collect();
        if let Some(refused) = complaint(&answer, &sent) {
            return Err(refused.at(url).error);
        }
        if !(200..300).contains(&answer.status) {
            return Err(by_status(answer.status).at(url));
        }
        let raw: Raw = json(&answer).map_err(|e| e.at(url))?;
        let wrong = |what: &str| Error::protocol(format!("an answer whose {what} can't be one")).at(url);
        let code = Secret::new(raw.device_code.into_bytes());
        if !is_token(code.expose()) {
            return Err(wrong("device_code"));
        }
        // Shown to people, who shall see what the server means and nothing else.
        let printable = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b));
        if !printable(&raw.user_code) {
            return Err(wrong("user_code"));
        }
        let page = |text: String| text.parse::<Url>().map(|_| text).map_err(|_| wrong("verification_uri"));
        Ok(Device {
            code,
            user_code: raw.user_code,
            page: page(raw.verification_uri)?,
            whole_page: raw.verification_uri_complete.map(page).transpose()?,
            lasts: raw.expires_in.whole().ok_or_else(|| wrong("expires_in"))?.min(LASTS),
            interval: raw.interval.and_then(|seconds| seconds.whole()).unwrap_or(INTERVAL).clamp(1, PAUSE),
        })
    }

    /// Asks until the user has confirmed, 3.4; `pause` waits between two questions.
    ///
    /// # Errors
    /// As [`OAuth::refresh`]; 75: nobody confirms before `until` or as long as the code lasts; 77: the user has refused.
    pub fn poll(&self, device: &Device, until: Deadline, pause: &mut dyn FnMut(Duration)) -> Result<Tokens> {
        let until = until.or_earlier(Deadline::after(Duration::from_secs(device.lasts)));
        let mut interval = device.interval;
        loop {
            let next = Duration::from_secs(interval);
            if until.left().is_some_and(|left| left < next) {
                return Err(Error::temporary("nobody has confirmed in time"));
            }
            pause(next);
            let form = Form::default()
                .with("grant_type", "urn:ietf:params:oauth:grant-type:device_code")
                .with_secret("device_code", device.code.expose());
            let refused = match self.tokens(form, &[&device.code]) {
                Ok(tokens) => return Ok(tokens),
                Err(refused) => refused,
            };
            match refused.code.as_deref() {
                Some("authorization_pending") => {}
                Some("slow_down") => interval = interval.saturating_add(5).min(PAUSE),
                // 3.5: whoever can't be reached is asked less often.
                None if is_passing(&refused.error) => interval = interval.saturating_mul(2).min(PAUSE),
                Some("expired_token") => return Err(refused.error),
                Some("access_denied") => {
                    return Err(Error::auth(format!(
                        "the login was refused: {}",
                        told(&refused.error.to_string(), &[])
                    )));
                }
                _ => return Err(refused.error),
            }
        }
    }
}
