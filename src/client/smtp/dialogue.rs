//! A session that is not about a message: up to some point and no further, or by hand.

use super::{COMMAND, Client};
use crate::client::Login;
use crate::error::{Error, Result};
use crate::net::Deadline;
use crate::net::endpoint::Service;
use crate::net::wire::Wire;
use crate::proto::smtp::Reply;

impl Client {
    /// Only reads the greeting or, with `name`, says EHLO (LHLO) too, in clear, and leaves; the last reply.
    ///
    /// # Errors
    /// 75, 69: the server refuses for now or for good; 76: it breaks the protocol.
    pub fn look(wire: Wire, service: Service, name: Option<&str>) -> Result<Reply> {
        let mut client = Client::over(wire, service == Service::Lmtp);
        client.wire.until(Deadline::after(COMMAND));
        let greeting = client.reply()?;
        if greeting.code != 220 {
            return Err(client.refusal("greeting", &greeting));
        }
        let Some(name) = name else { return client.quit().map(|()| greeting) };
        let verb = if client.lmtp { "LHLO" } else { "EHLO" };
        let reply = client.say(&format!("{verb} {name}"))?;
        if !reply.is_positive() {
            return Err(client.refusal(verb, &reply));
        }
        client.quit().map(|()| reply)
    }

    /// Says one command, and reads its reply, whatever that is.
    ///
    /// # Errors
    /// 64: a line break in the command; 75: the connection is lost; 76: no reply.
    pub fn say(&mut self, command: &str) -> Result<Reply> {
        if crate::text::breaks_line(command) {
            return Err(Error::usage("a line break in a command"));
        }
        self.wire.until(Deadline::after(COMMAND));
        self.ask(&format!("{command}\r\n"))
    }

    /// A connection as [`Client::open`] makes it, for a dialogue by hand.
    ///
    /// # Errors
    /// Those of [`Client::open`].
    pub fn open_by_hand(wire: Wire, service: Service, name: &str, login: Option<&Login>) -> Result<Wire> {
        Client::open(wire, service, name, login).map(|client| client.wire)
    }

    /// Hangs up in the middle.
    pub fn drop_line(mut self) {
        self.wire.close();
    }
}
