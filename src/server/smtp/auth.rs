//! AUTH (RFC 4954).

use super::super::World;
use super::super::login::{Refused, may_log_in};
use super::super::sasl::{Ended, Exchange};
use super::{Next, Session};
use crate::error::{Exit, Result};
use crate::net::Wire;
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
        let mut exchange = Exchange { wire, world, guesses: &mut self.guesses, prompt: "334 ", max: AUTH_LINE };
        let ended = exchange.log_in(mechanism, initial.map(|initial| Secret::new(initial.into_bytes())));
        match ended {
            Ok(Ended::Login(login)) => {
                self.user = Some(login.user);
                wire.put("235 2.7.0 welcome\r\n")?;
            }
            Ok(Ended::Unknown) => return self.wrong(wire, world, "504 5.5.4 unknown mechanism\r\n"),
            Ok(Ended::Malformed(why)) => return self.wrong(wire, world, format!("501 5.5.2 {why}\r\n")),
            Ok(Ended::Refused(Refused::Failed)) => wire.put("454 4.7.0 can't check that now\r\n")?,
            Ok(Ended::Refused(Refused::Wrong { close })) => {
                wire.put("535 5.7.8 wrong name or password\r\n")?;
                if close {
                    wire.put("421 4.7.0 too many failed logins\r\n")?;
                    return Ok(Next::Close);
                }
            }
            Ok(Ended::Refused(Refused::TooMany)) => {
                wire.put("454 4.7.0 too many failed logins, try again later\r\n421 4.7.0 closing\r\n")?;
                return Ok(Next::Close);
            }
            Err(e) if e.exit() == Exit::Protocol => {
                // RFC 4954 4
                wire.put("500 5.5.6 line too long\r\n")?;
                return Ok(Next::Close);
            }
            Err(e) => return Err(e),
        }
        Ok(Next::Go)
    }
}
