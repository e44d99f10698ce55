//! From the greeting to the login: EHLO, HELO, LHLO, STARTTLS (RFC 3207).

use super::{COMMAND, Client};
use crate::client::{Login, no_tls};
use crate::error::{Error, Result};
use crate::net::Deadline;
use crate::net::endpoint::Service;
use crate::net::wire::Wire;
use crate::proto::smtp::Extensions;

impl Client {
    /// Reads the greeting, says EHLO (or HELO, where that is all the server knows and no login is wanted; LHLO for LMTP), starts
    /// TLS as the wire says, logs in.
    ///
    /// # Errors
    /// 75, 69: the server refuses for now or for good; 76: it breaks the protocol; 77: the login is refused or impossible.
    pub fn open(wire: Wire, service: Service, name: &str, login: Option<&Login>) -> Result<Client> {
        if name.bytes().any(|b| b.is_ascii_control() || b == b' ') {
            return Err(Error::usage("a blank or control character in the name for EHLO"));
        }
        let mut client = Client::over(wire, service == Service::Lmtp);
        client.wire.until(Deadline::after(COMMAND));
        let greeting = client.reply()?;
        if greeting.code != 220 {
            return Err(client.refusal("greeting", &greeting));
        }
        client.must_be_quiet()?;
        client.hello(name, login.is_none())?;
        if let Some(demanded) = client.wire.wants_tls() {
            if client.extensions.starttls {
                client.start_tls(name)?;
            } else if demanded {
                let e = no_tls(client.wire.peer(), None);
                client.quit()?;
                return Err(e);
            }
        }
        if let Some(login) = login {
            client.log_in(login)?;
        }
        Ok(client)
    }

    /// EHLO, or HELO if `old` servers will do; LHLO.
    fn hello(&mut self, name: &str, old: bool) -> Result<()> {
        self.extensions = Extensions::default();
        let verb = if self.lmtp { "LHLO" } else { "EHLO" };
        let ehlo = self.ask(&format!("{verb} {name}\r\n"))?;
        if ehlo.is_positive() {
            self.extensions = Extensions::read(&ehlo.lines);
        } else if ehlo.code / 100 == 5 && old && !self.lmtp && !self.closed {
            let helo = self.ask(&format!("HELO {name}\r\n"))?;
            if !helo.is_positive() {
                return Err(self.refusal("HELO", &helo));
            }
        } else {
            return Err(self.refusal(verb, &ehlo));
        }
        Ok(())
    }

    /// RFC 3207: what the server said before it counts no more.
    fn start_tls(&mut self, name: &str) -> Result<()> {
        self.must_be_quiet()?;
        let answer = self.ask("STARTTLS\r\n")?;
        if answer.code != 220 {
            let e = no_tls(self.wire.peer(), Some(&answer.to_string()));
            if !self.closed {
                self.give_up("QUIT\r\n");
            }
            return Err(e);
        }
        self.wire.start_tls()?;
        self.wire.until(Deadline::after(COMMAND));
        self.hello(name, false)
    }
}
