//! The client of SMTP (RFC 5321) and LMTP (RFC 2033): EHLO or HELO, AUTH (4954), PIPELINING (2920), CHUNKING (3030), SIZE (1870),
//! 8BITMIME (6152), SMTPUTF8 (6531), DSN (3461), DELIVERBY (2852), FUTURERELEASE (4865), MT-PRIORITY (6710), REQUIRETLS (8689),
//! LIMITS (9422), STARTTLS (3207).
//!
//! Every reply is read and matched to its command in order. One refused recipient never stops the others. The moment of the
//! final dot, or of the last chunk, divides "not sent" from "unknown" (RFC 1047). As little as possible is waited for:
//!
//! | flight | without CHUNKING | a small message with it |
//! |---|---|---|
//! | 1 | EHLO | EHLO |
//! | 2 | MAIL, RCPT, DATA | MAIL, RCPT, BDAT LAST, QUIT |
//! | 3 | the message, QUIT or the next MAIL, RCPT, DATA | |
//!
//! Left out: BINARYMIME (what we send are lines), XCLIENT, PRDR.

mod body;
mod dialogue;
mod envelope;
mod login;
mod offer;
mod open;
mod outcome;
mod send;

pub use envelope::{Envelope, Report, Wants};
pub use outcome::{Outcome, Stage};
pub use send::Then;

use crate::error::{Error, Exit, Result};
use crate::net::Deadline;
use crate::net::wire::{LINE, Quiet, Wire};
use crate::proto::smtp::{Extensions, Reply, reply_line};
use offer::Ahead;
use std::collections::BTreeSet;
use std::time::Duration;

/// RFC 5321 4.5.3.2: greeting, EHLO, MAIL and RCPT.
const COMMAND: Duration = Duration::from_secs(300);
/// RFC 5321 4.5.3.2.4: the answer to DATA.
const DATA: Duration = Duration::from_secs(120);
/// RFC 5321 4.5.3.2.6: the answer to the final dot; a second more for each MiB, which some servers scan first.
const END: Duration = Duration::from_secs(600);
/// QUIT is a courtesy.
const QUIT: Duration = Duration::from_secs(5);
/// Commands in flight.
const FLIGHT: usize = 100;
/// Lines in one reply.
const REPLY_LINES: usize = 500;

/// One connection.
pub struct Client {
    wire: Wire,
    /// It speaks LMTP: the end of a message is answered for each recipient.
    lmtp: bool,
    extensions: Extensions,
    closed: bool,
    /// A transaction that came to nothing is still open there (RFC 5321 4.1.4), which is for RSET to end before the next one.
    stale: bool,
    /// How many recipients it took at a time when there were too many, where it had not said so before.
    room: Option<usize>,
    /// QUIT has left, in the flight of a message's end.
    quitting: bool,
    /// The offer of the next message, which has left in the flight of the end of the one before.
    ahead: Option<Ahead>,
    /// Transactions so far (RFC 9422 4.1).
    mails: usize,
    /// The recipients' domains so far (RFC 9422 4.3).
    domains: BTreeSet<String>,
}

impl Client {
    fn over(wire: Wire, lmtp: bool) -> Client {
        Client {
            wire,
            lmtp,
            extensions: Extensions::default(),
            closed: false,
            stale: false,
            room: None,
            quitting: false,
            ahead: None,
            mails: 0,
            domains: BTreeSet::new(),
        }
    }

    /// What the server offers.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether another message can be sent over this connection: between messages the server may say goodbye, or have had
    /// enough of them (RFC 9422 4.1). If the next one is on offer already, its MAIL's reply is waited for.
    pub fn is_open(&mut self) -> bool {
        if self.closed || self.quitting || self.extensions.limits.mails.is_some_and(|most| self.mails >= most) {
            return false;
        }
        if self.ahead.is_some() {
            return self.ahead_is_heard();
        }
        self.wire.quiet("421") != Quiet::Closed
    }

    fn broken(&mut self, e: Error) -> Error {
        self.closed = true;
        self.wire.close();
        e
    }

    /// Ends a transaction that has come to nothing. What the server says to that changes nothing for the recipients.
    fn give_up(&mut self, command: &str) {
        if let Err(e) = self.ask(command) {
            self.broken(e);
        }
    }

    /// Says goodbye, if that was not done with the last message. The answer is waited for shortly, and one that shows that the
    /// replies were out of step is an error.
    ///
    /// # Errors
    /// 76: the "answer" was one more reply to something earlier, so none of them can be trusted.
    pub fn quit(mut self) -> Result<()> {
        if self.closed || self.ahead.is_some() {
            // A message that is on offer and does not come ends with the connection.
            return Ok(());
        }
        let peer = self.wire.peer().to_owned();
        if !self.quitting && self.wire.quiet("421") == Quiet::Input {
            return Err(Error::protocol("more replies than commands").at(peer));
        }
        self.wire.until(Deadline::after(QUIT));
        let asked = if self.quitting { Ok(()) } else { self.wire.put("QUIT\r\n") };
        match asked.and_then(|()| self.reply()) {
            Ok(reply) if reply.code != 221 && reply.is_positive() => {
                Err(Error::protocol(format!("answers QUIT with {reply}: its replies are out of step")).at(peer))
            }
            _ => Ok(()),
        }
    }

    // ---- replies

    fn ask(&mut self, command: &str) -> Result<Reply> {
        self.wire.put(command)?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Reply> {
        let mut reply = Reply { code: 0, lines: Vec::new() };
        loop {
            let peer = self.wire.peer().to_owned();
            let line = self.wire.line(LINE)?;
            let read = reply_line(line);
            let Some((code, last, text)) = read.filter(|(code, ..)| reply.code == 0 || *code == reply.code) else {
                let said = String::from_utf8_lossy(line.get(..line.len().min(200)).unwrap_or_default()).into_owned();
                let said = self.wire.hide(said);
                return Err(Error::protocol(format!("not an SMTP reply: {said}")).at(peer));
            };
            reply.code = code;
            reply.lines.push(self.wire.hide(text));
            if last {
                self.closed |= code == 421;
                return Ok(reply);
            }
            if reply.lines.len() >= REPLY_LINES {
                return Err(Error::protocol("a reply without end").at(peer));
            }
        }
    }

    fn must_be_quiet(&mut self) -> Result<()> {
        let peer = self.wire.peer().to_owned();
        match self.wire.quiet("421") {
            Quiet::Nothing => Ok(()),
            Quiet::Input => Err(Error::protocol("more replies than commands").at(peer)),
            Quiet::Closed => Err(Error::temporary("closed by the other side").at(peer)),
        }
    }

    fn refusal(&self, what: &str, reply: &Reply) -> Error {
        let exit = match reply.code / 100 {
            4 => Exit::TempFail,
            5 => Exit::Refused,
            _ => Exit::Protocol,
        };
        let what = if what == "greeting" { String::new() } else { format!("{what}: ") };
        Error::new(exit, format!("{what}{reply}")).at(self.wire.peer())
    }
}

#[cfg(test)]
mod tests;
