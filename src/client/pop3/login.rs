//! USER and PASS, APOP (RFC 1939 7), AUTH (RFC 5034).

use super::{Client, shown};
use crate::client::sasl::{Carrier, Said, choose, log_in};
use crate::client::{Login, Proof};
use crate::error::{Error, Result};
use crate::net::Wire;
use crate::net::wire::LINE;
use crate::proto::pop3::Status;
use crate::proto::sasl::{Mechanism, cram, known};
use crate::secret::Secret;
use crate::text::breaks_line;

/// A command's line, RFC 2449 4, which RFC 5034 4 keeps to.
const COMMAND: usize = 255;

impl Client {
    /// RFC 6856 2: names and passwords beyond ASCII are UTF-8 then, and messages come as they are.
    pub(super) fn utf8(&mut self) -> Result<()> {
        // A server that does not after all goes on as one without.
        if self.capabilities.utf8 && self.capabilities.pipelining {
            // With the login, as one flight.
            self.must_be_quiet()?;
            self.wire.put("UTF8\r\n")?;
            self.owed = true;
        } else if self.capabilities.utf8 {
            self.ask("UTF8\r\n")?;
        }
        Ok(())
    }

    /// The answer to what went out before the login's first command.
    fn settle(&mut self) -> Result<()> {
        if std::mem::take(&mut self.owed) {
            self.status()?;
        }
        Ok(())
    }

    pub(super) fn log_in(&mut self, login: &Login, greeting: &Status) -> Result<()> {
        let peer = self.wire.peer().to_owned();
        let sasl = known(self.capabilities.sasl.iter().map(String::as_str));
        let mut offered = sasl.clone();
        // Where no SASL is offered, or not the one that is as good: a server that does not show USER may still know it.
        let user = self.capabilities.user || !sasl.contains(&Mechanism::Plain);
        let more = [Mechanism::Plain, Mechanism::Login].into_iter().filter(|m| user && !sasl.contains(m));
        offered.extend(more);
        let timestamp = cram::timestamp(&greeting.text).map(str::to_owned);
        offered.extend(timestamp.as_ref().map(|_| Mechanism::Apop));
        let mechanism = choose(&self.wire, login, &offered).map_err(|e| e.at(&peer))?;
        match (mechanism, timestamp, &login.proof) {
            (Mechanism::Apop, Some(timestamp), Proof::Password(password)) => {
                self.apop(&login.user, &timestamp, password)
            }
            (Mechanism::Plain | Mechanism::Login, _, Proof::Password(password))
                if user && (login.mechanisms.is_empty() || !sasl.contains(&mechanism)) =>
            {
                self.user_and_pass(&login.user, password)
            }
            _ => log_in(self, login, mechanism, &offered),
        }
    }

    fn user_and_pass(&mut self, user: &str, password: &Secret) -> Result<()> {
        self.wire.hides(password);
        if breaks_line(user) || breaks_line(password.expose()) {
            return Err(Error::usage("a line break or NUL in name or password"));
        }
        let at_once = self.capabilities.pipelining;
        self.must_be_quiet()?;
        self.wire.put(format!("USER {user}\r\n"))?;
        if at_once {
            self.pass(password)?;
        }
        self.settle()?;
        let named = self.status()?;
        if !at_once && named.ok {
            self.must_be_quiet()?;
            self.pass(password)?;
        }
        // Where both are out both are answered, and the first refusal is the one that says why.
        let answer = if at_once || named.ok { self.status()? } else { named.clone() };
        match (named.ok, answer.ok) {
            (true, true) => Ok(()),
            (false, _) => Err(self.denied(&named)),
            (true, false) => Err(self.denied(&answer)),
        }
    }

    fn pass(&mut self, password: &Secret) -> Result<()> {
        self.wire.put("PASS ")?;
        self.wire.put_secret(password.expose())?;
        self.wire.put("\r\n")
    }

    fn apop(&mut self, user: &str, timestamp: &str, password: &Secret) -> Result<()> {
        self.wire.hides(password);
        if breaks_line(user) || user.contains(' ') {
            return Err(Error::usage("a blank, line break or NUL in a name for APOP"));
        }
        self.must_be_quiet()?;
        self.wire.put(format!("APOP {user} "))?;
        self.wire.put_secret(cram::apop(timestamp, password).expose())?;
        self.wire.put("\r\n")?;
        self.settle()?;
        let answer = self.status()?;
        if answer.ok { Ok(()) } else { Err(self.denied(&answer)) }
    }

    fn said(&mut self) -> Result<Said> {
        self.settle()?;
        let line = self.wire.line(LINE)?;
        if let Some(challenge) = line.strip_prefix(b"+").filter(|rest| matches!(rest, [] | [b' ', ..])) {
            return Ok(Said::Challenge(challenge.to_vec()));
        }
        let line = line.to_vec();
        let Some(mut answer) = Status::parse(&line) else {
            let why = format!("answers AUTH with neither a challenge nor a refusal: {}", shown(&line));
            return Err(Error::protocol(self.wire.hide(why)).at(self.wire.peer()));
        };
        answer.text = self.wire.hide(answer.text);
        Ok(if answer.ok { Said::Accepted } else { Said::Refused(self.denied(&answer)) })
    }
}

impl Carrier for Client {
    fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    fn room(&self, mechanism: Mechanism) -> Option<usize> {
        // Microsoft's server knows no initial response to its own mechanism.
        let room = COMMAND.checked_sub("AUTH  \r\n".len())?.checked_sub(mechanism.name().len());
        room.filter(|_| mechanism != Mechanism::Xoauth2)
    }

    fn begin(&mut self, mechanism: Mechanism, initial: Option<&Secret>) -> Result<Said> {
        self.must_be_quiet()?;
        self.wire.put(format!("AUTH {mechanism}"))?;
        match initial {
            None => {}
            // RFC 5034 4.
            Some(empty) if empty.expose().is_empty() => self.wire.put(" =")?,
            Some(initial) => {
                self.wire.put(" ")?;
                self.wire.put_secret(initial.expose())?;
            }
        }
        self.wire.put("\r\n")?;
        self.said()
    }

    fn respond(&mut self, response: &Secret) -> Result<Said> {
        self.must_be_quiet()?;
        if !response.expose().is_empty() {
            self.wire.put_secret(response.expose())?;
        }
        self.wire.put("\r\n")?;
        self.said()
    }
}
