//! LOGIN and AUTHENTICATE PLAIN.

use super::super::login::{Refused, may_log_in};
use super::super::secret_line;
use super::{Session, answer, bad, no};
use crate::error::Result;
use crate::net::wire::LINE;
use crate::proto::imap::lex::Lex;
use crate::proto::imap::response::{Code, Condition, Status};
use crate::proto::sasl;
use crate::secret::Secret;

/// Where a command's line says a password: what follows the name in LOGIN, and the initial response of AUTHENTICATE.
pub(super) fn secret_from(line: &[u8]) -> Option<usize> {
    let mut l = Lex::new(line);
    l.tag().ok()?;
    l.sp();
    let word = l.word();
    l.sp();
    let at = l.position();
    let known = word.eq_ignore_ascii_case("LOGIN") || word.eq_ignore_ascii_case("AUTHENTICATE");
    if !known || l.at_end() || (l.at_literal() && l.literal().is_err()) {
        return None;
    }
    // A name that can't be read may hide anything.
    match l.astring() {
        Ok(_) if l.at_end() => None,
        Ok(_) if l.sp() => Some(l.position()),
        _ => Some(at),
    }
}

impl Session<'_> {
    pub(super) fn login(&mut self, user: &[u8], password: &Secret) -> Result<Status> {
        if self.account.is_some() {
            return Ok(bad("already logged in"));
        }
        if !may_log_in(self.wire) {
            return Ok(no("PRIVACYREQUIRED", "TLS first: say STARTTLS"));
        }
        self.wire.flush()?;
        // What is no text is nobody's name.
        let user = String::from_utf8_lossy(user);
        match self.guesses.log_in(self.wire, self.world, &user, password) {
            Ok(login) => {
                self.account = Some(login.account);
                Ok(answer(Condition::Ok, Some(Code::Capability(self.capabilities())), "logged in"))
            }
            Err(Refused::Failed) => Ok(no("UNAVAILABLE", "can't check that now")),
            Err(Refused::Wrong { close }) => {
                self.over = close;
                Ok(no("AUTHENTICATIONFAILED", "wrong name or password"))
            }
            Err(Refused::TooMany) => {
                self.over = true;
                Ok(no("UNAVAILABLE", "too many failed logins, try again later"))
            }
        }
    }

    pub(super) fn authenticate(&mut self, mechanism: &str, initial: Option<Secret>) -> Result<Status> {
        if self.account.is_some() {
            return Ok(bad("already logged in"));
        }
        if !may_log_in(self.wire) {
            return Ok(no("PRIVACYREQUIRED", "TLS first: say STARTTLS"));
        }
        if mechanism != "PLAIN" {
            return Ok(no("CANNOT", "only AUTH=PLAIN is offered"));
        }
        let message = match initial {
            Some(message) => message,
            None => {
                self.go_on("")?;
                Secret::new(secret_line(self.wire, LINE)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_passwords_are() {
        for (line, shown) in [
            ("a LOGIN bob tulip", Some("a LOGIN bob ")),
            ("a login \"b b\"  \"t\"", Some("a login \"b b\"  ")),
            ("a LOGIN \"bob tulip", Some("a LOGIN ")),
            ("a LOGIN (bob tulip", Some("a LOGIN ")),
            ("a AUTHENTICATE PLAIN AGJv", Some("a AUTHENTICATE PLAIN ")),
            ("a AUTHENTICATE PLAIN", None),
            ("a LOGIN bob", None),
            ("a LOGIN {3}", None),
            ("a LOGIN bob {3}", Some("a LOGIN bob ")),
            ("a SELECT INBOX", None),
            ("", None),
        ] {
            assert_eq!(secret_from(line.as_bytes()), shown.map(str::len), "{line}");
        }
    }
}
