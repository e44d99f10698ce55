//! LOGIN, and AUTHENTICATE (RFC 3501 6.2.2) with its initial response (RFC 4959).

use super::talk::{Deaf, Said as Came, Talk};
use crate::client::sasl::{Carrier, Said, choose, log_in};
use crate::client::{Login, Proof};
use crate::error::{Error, Exit, Result};
use crate::net::Wire;
use crate::net::wire::LINE;
use crate::proto::imap::command::Command;
use crate::proto::imap::response::{Condition, Status};
use crate::proto::sasl::{Mechanism, known};
use crate::secret::Secret;

/// Response codes that mean the name or the password, RFC 5530 3.
const DENIED: [&str; 4] = ["AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED"];

impl Talk {
    pub(super) fn log_in(&mut self, login: &Login) -> Result<()> {
        let peer = self.peer();
        let sasl = known(self.told.capabilities.iter().filter_map(|word| word.strip_prefix("AUTH=")));
        let mut offered = sasl.clone();
        let command = !self.has("LOGINDISABLED");
        let more = [Mechanism::Plain, Mechanism::Login].into_iter().filter(|m| command && !sasl.contains(m));
        offered.extend(more);
        let mechanism = choose(&self.wire, login, &offered).map_err(|e| e.at(&peer))?;
        match (&login.proof, mechanism) {
            // A command is shorter than two prompts.
            (Proof::Password(password), Mechanism::Plain | Mechanism::Login)
                if command && (mechanism == Mechanism::Login || !sasl.contains(&mechanism)) =>
            {
                self.wire.hides(password);
                let command = Command::Login { user: login.user.clone().into_bytes(), password: password.clone() };
                let answer = self.ask(&command, &mut Deaf)?;
                match answer.condition {
                    Condition::Ok => Ok(()),
                    _ => Err(self.denied("LOGIN: ", &answer)),
                }
            }
            _ => log_in(&mut Authenticate { talk: self, tag: String::new() }, login, mechanism, &offered),
        }
    }

    pub(super) fn denied(&self, what: &str, answer: &Status) -> Error {
        let e = self.refused(what, answer);
        let code = answer.code.as_ref();
        match answer.condition {
            Condition::No if code.is_none_or(|code| DENIED.iter().any(|name| code.is(name))) => e.with_exit(Exit::Auth),
            _ => e,
        }
    }
}

struct Authenticate<'t> {
    talk: &'t mut Talk,
    tag: String,
}

impl Authenticate<'_> {
    fn ask(&mut self, mechanism: Mechanism, initial: Option<Secret>) -> Result<Came> {
        let command = Command::Authenticate { mechanism: mechanism.name().to_owned(), initial };
        let (tag, pieces) = self.talk.encode(&command)?;
        self.tag = tag;
        match self.talk.say(&self.tag, pieces, &mut Deaf)? {
            Some(refused) => Ok(Came::Tagged(self.tag.clone(), refused)),
            None => self.talk.read(&mut Deaf),
        }
    }

    fn said(&mut self, came: Came) -> Result<Said> {
        match came {
            Came::Continue(text) => Ok(Said::Challenge(text.into_bytes())),
            Came::Tagged(tag, status) if tag == self.tag => Ok(match status.condition {
                Condition::Ok => Said::Accepted,
                _ => Said::Refused(self.talk.denied("AUTHENTICATE: ", &status)),
            }),
            Came::Tagged(..) => {
                let e = self.talk.protocol(format!("out of step: an answer that is not to {}", self.tag));
                Err(self.talk.broken(e))
            }
        }
    }
}

impl Carrier for Authenticate<'_> {
    fn wire(&mut self) -> &mut Wire {
        &mut self.talk.wire
    }

    fn room(&self, _: Mechanism) -> Option<usize> {
        // A longer line may be more than a server reads.
        self.talk.has("SASL-IR").then_some(LINE / 8)
    }

    fn begin(&mut self, mechanism: Mechanism, initial: Option<&Secret>) -> Result<Said> {
        let mut came = self.ask(mechanism, initial.cloned())?;
        if let (Some(initial), Came::Tagged(_, Status { condition: Condition::Bad, .. })) = (initial, &came) {
            // Some that announce it don't know it (163.com): it was not understood, so nothing was refused.
            self.talk.waits_from_now_on();
            came = self.ask(mechanism, None)?;
            if let Came::Continue(_) = came {
                return self.respond(initial);
            }
        }
        self.said(came)
    }

    fn respond(&mut self, response: &Secret) -> Result<Said> {
        if !response.expose().is_empty() {
            self.talk.wire.put_secret(response.expose())?;
        }
        self.talk.wire.put("\r\n")?;
        let came = self.talk.read(&mut Deaf)?;
        self.said(came)
    }
}
