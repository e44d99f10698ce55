//! AUTH (RFC 4954).

use super::Client;
use crate::client::Login;
use crate::client::sasl::{Carrier, Said, choose, log_in};
use crate::error::{Error, Exit, Result};
use crate::net::Wire;
use crate::proto::sasl::{Mechanism, known};
use crate::proto::smtp::{AUTH_LINE, Reply};
use crate::secret::Secret;

impl Client {
    pub(super) fn log_in(&mut self, login: &Login) -> Result<()> {
        let peer = self.wire.peer().to_owned();
        let offered = known(self.extensions.auth.iter().map(String::as_str));
        let mechanism = choose(&self.wire, login, &offered).map_err(|e| e.at(&peer))?;
        log_in(self, login, mechanism, &offered)
    }

    fn said(&mut self, reply: &Reply) -> Said {
        match reply.code {
            235 => Said::Accepted,
            334 => Said::Challenge(reply.lines.first().map(|line| line.as_bytes().to_vec()).unwrap_or_default()),
            400..=499 => Said::Refused(self.refusal("AUTH", reply)),
            200..=399 => Said::Refused(Error::protocol(format!("answers AUTH with {reply}")).at(self.wire.peer())),
            _ => Said::Refused(self.refusal("AUTH", reply).with_exit(Exit::Auth)),
        }
    }
}

impl Carrier for Client {
    fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    fn room(&self, mechanism: Mechanism) -> Option<usize> {
        AUTH_LINE.checked_sub("AUTH  \r\n".len())?.checked_sub(mechanism.name().len())
    }

    fn begin(&mut self, mechanism: Mechanism, initial: Option<&Secret>) -> Result<Said> {
        let reply = match initial {
            None => self.ask(&format!("AUTH {mechanism}\r\n"))?,
            // RFC 4954 4.
            Some(empty) if empty.expose().is_empty() => self.ask(&format!("AUTH {mechanism} =\r\n"))?,
            Some(initial) => {
                self.must_be_quiet()?;
                self.wire.put(format!("AUTH {mechanism} "))?;
                self.wire.put_secret(initial.expose())?;
                self.ask("\r\n")?
            }
        };
        Ok(self.said(&reply))
    }

    fn respond(&mut self, response: &Secret) -> Result<Said> {
        // Nothing is no secret, and shows that it was nothing.
        if !response.expose().is_empty() {
            self.wire.put_secret(response.expose())?;
        }
        let reply = self.ask("\r\n")?;
        Ok(self.said(&reply))
    }
}
