//! AUTH (RFC 4954): PLAIN and LOGIN.

use super::super::World;
use super::super::login::{Refused, may_log_in};
use super::super::secret_line;
use super::{Next, Session};
use crate::error::{Exit, Result};
use crate::net::Wire;
use crate::proto::sasl;
use crate::proto::smtp::AUTH_LINE;
use crate::secret::Secret;

impl Session {
    pub(super) fn auth(
        &mut self,
        wire: &mut Wire,
        world: &mut dyn World,
        mechanism: &str,
        initial: Option<String>,
    ) -> Result<Next> {
        let refused = match () {
            () if self.known || self.user.is_some() => Some("503 5.5.1 already authenticated\r\n"),
            () if self.transaction.is_some() => Some("503 5.5.1 not during a mail transaction\r\n"),
            () if !self.esmtp => Some("503 5.5.1 say EHLO first\r\n"),
            () if !may_log_in(wire) => Some("538 5.7.11 TLS first: say STARTTLS\r\n"),
            () => None,
        };
        if let Some(reply) = refused {
            return self.wrong(wire, world, reply);
        }
        let credentials = match mechanism {
            "PLAIN" => plain(wire, initial),
            "LOGIN" => login(wire, initial),
            _ => return self.wrong(wire, world, "504 5.5.4 unknown mechanism\r\n"),
        };
        let credentials = match credentials {
            Ok(credentials) => credentials,
            Err(e) if e.exit() == Exit::Protocol => {
                // RFC 4954 4
                wire.put("500 5.5.6 line too long\r\n")?;
                return Ok(Next::Close);
            }
            Err(e) => return Err(e),
        };
        let Some((user, password)) = credentials else {
            return self.wrong(wire, world, "501 5.5.2 cancelled or not base64\r\n");
        };
        match self.guesses.log_in(wire, world, &user, &password) {
            Ok(login) => {
                self.user = Some(login.user);
                wire.put("235 2.7.0 welcome\r\n")?;
            }
            Err(Refused::Failed) => wire.put("454 4.7.0 can't check that now\r\n")?,
            Err(Refused::Wrong { close: false }) => wire.put("535 5.7.8 wrong name or password\r\n")?,
            Err(Refused::Wrong { close: true }) => {
                wire.put("535 5.7.8 wrong name or password\r\n421 4.7.0 too many failed logins\r\n")?;
                return Ok(Next::Close);
            }
            Err(Refused::TooMany) => {
                wire.put("454 4.7.0 too many failed logins, try again later\r\n421 4.7.0 closing\r\n")?;
                return Ok(Next::Close);
            }
        }
        Ok(Next::Go)
    }
}

fn plain(wire: &mut Wire, initial: Option<String>) -> Result<Option<(String, Secret)>> {
    let message = challenge(wire, initial, "")?;
    Ok(message.and_then(|message| sasl::read_plain(message.expose())))
}

fn login(wire: &mut Wire, initial: Option<String>) -> Result<Option<(String, Secret)>> {
    let Some(user) = challenge(wire, initial, "VXNlcm5hbWU6")? else { return Ok(None) };
    let Some(password) = challenge(wire, None, "UGFzc3dvcmQ6")? else { return Ok(None) };
    Ok(String::from_utf8(user.expose().to_vec()).ok().map(|user| (user, password)))
}

/// One challenge and its answer, decoded; `None` if it was cancelled or is not base64.
fn challenge(wire: &mut Wire, initial: Option<String>, prompt: &str) -> Result<Option<Secret>> {
    let answer = match initial {
        Some(text) if text == "=" => Vec::new(),
        Some(text) => text.into_bytes(),
        None => {
            wire.put(format!("334 {prompt}\r\n"))?;
            secret_line(wire, AUTH_LINE)?
        }
    };
    Ok(sasl::unbase64(Secret::new(answer).expose()).map(Secret::new))
}
