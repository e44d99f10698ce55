//! LOGIN and AUTHENTICATE.

use super::super::Login;
use super::super::login::{Refused, may_log_in};
use super::super::sasl::{Ended, Exchange, offered};
use super::{Session, answer, bad, no};
use crate::error::Result;
use crate::net::wire::LINE;
use crate::proto::imap::lex::Lex;
use crate::proto::imap::response::{Code, Condition, Status};
use crate::proto::sasl::Mechanism;
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
        if !offered(self.wire, self.world).contains(&Mechanism::Plain) {
            return Ok(no("CANNOT", "that is not offered"));
        }
        self.wire.flush()?;
        // What is no text is nobody's name.
        let user = String::from_utf8_lossy(user);
        let login = self.guesses.log_in(self.wire, self.world, &user, password);
        Ok(self.logged_in(login))
    }

    pub(super) fn authenticate(&mut self, mechanism: &str, initial: Option<Secret>) -> Result<Status> {
        if self.account.is_some() {
            return Ok(bad("already logged in"));
        }
        if !may_log_in(self.wire) {
            return Ok(no("PRIVACYREQUIRED", "TLS first: say STARTTLS"));
        }
        let mut exchange =
            Exchange { wire: self.wire, world: self.world, guesses: &mut self.guesses, prompt: "+ ", max: LINE };
        // The grammar has made nothing of the "=" that stands for nothing.
        let initial =
            initial.map(|initial| if initial.expose().is_empty() { Secret::new(b"=".to_vec()) } else { initial });
        match exchange.log_in(mechanism, initial)? {
            Ended::Login(login) => Ok(self.logged_in(Ok(login))),
            Ended::Refused(refused) => Ok(self.logged_in(Err(refused))),
            Ended::Malformed(why) => Ok(bad(why)),
            Ended::Unknown => Ok(no("CANNOT", "that mechanism is not offered")),
        }
    }

    fn logged_in(&mut self, login: Result<Login, Refused>) -> Status {
        match login {
            Ok(login) => {
                self.account = Some(login.account);
                answer(Condition::Ok, Some(Code::Capability(self.capabilities())), "logged in")
            }
            Err(Refused::Failed) => no("UNAVAILABLE", "can't check that now"),
            Err(Refused::Wrong { close }) => {
                self.over = close;
                no("AUTHENTICATIONFAILED", "wrong name or password")
            }
            Err(Refused::TooMany) => {
                self.over = true;
                no("UNAVAILABLE", "too many failed logins, try again later")
            }
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
