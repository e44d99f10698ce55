//! LOGIN and AUTHENTICATE PLAIN.

use super::super::Denied;
use super::{Session, answer, bad, failed, no};
use crate::error::Result;
use crate::net::wire::LINE;
use crate::proto::imap::response::{Code, Condition, Status};
use crate::proto::sasl;
use crate::secret::Secret;

impl Session<'_> {
    pub(super) fn login(&mut self, user: &[u8], password: &Secret) -> Result<Status> {
        if self.account.is_some() {
            return Ok(bad("already logged in"));
        }
        let status = match std::str::from_utf8(user) {
            Ok(user) => self.check(user, password),
            Err(_) => Err(Denied::Wrong),
        };
        match status {
            Ok(status) => Ok(status),
            Err(Denied::Failed(e)) => Ok(failed(&e)),
            Err(Denied::Wrong) => {
                let limits = self.world.limits().clone();
                self.wire.flush()?;
                self.over = self.guesses.failed(self.wire, &limits);
                Ok(no("AUTHENTICATIONFAILED", "wrong name or password"))
            }
        }
    }

    fn check(&mut self, user: &str, password: &Secret) -> Result<Status, Denied> {
        let login = self.world.login(user, password)?;
        self.account = Some(login.account);
        Ok(answer(Condition::Ok, Some(Code::Capability(self.capabilities())), "logged in"))
    }

    pub(super) fn authenticate(&mut self, mechanism: &str, initial: Option<Secret>) -> Result<Status> {
        if self.account.is_some() {
            return Ok(bad("already logged in"));
        }
        if mechanism != "PLAIN" {
            return Ok(no("CANNOT", "only AUTH=PLAIN is offered"));
        }
        let message = match initial {
            Some(message) => message,
            None => {
                self.go_on("")?;
                Secret::new(self.wire.line(LINE)?.to_vec())
            }
        };
        if message.expose() == b"*" {
            return Ok(bad("cancelled"));
        }
        match sasl::unbase64(message.expose()).and_then(|message| sasl::read_plain(Secret::new(message).expose())) {
            Some((user, password)) => self.login(user.as_bytes(), &password),
            None => Ok(bad("malformed PLAIN message")),
        }
    }
}
