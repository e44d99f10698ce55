//! The client of SMTP (RFC 5321) and LMTP (RFC 2033): EHLO or HELO, AUTH (4954), PIPELINING (2920), SIZE (1870), 8BITMIME (6152),
//! STARTTLS (3207).
//!
//! Every reply is read and matched to its command in order. One refused recipient never stops the others. The moment of the
//! final dot divides "not sent" from "unknown" (RFC 1047). Left out here: CHUNKING, DSN, SMTPUTF8.

mod dialogue;
mod login;
mod outcome;

pub use outcome::{Outcome, Stage};

use super::{Login, no_tls};
use crate::body::Body;
use crate::error::{Error, Exit, Fate, Result};
use crate::net::Deadline;
use crate::net::endpoint::Service;
use crate::net::wire::{LINE, Quiet, Sent, Wire};
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::{Extensions, Reply, reply_line};
use crate::text::LoneCr;
use outcome::{Ending, Offer, outcome, unanswered};
use std::collections::VecDeque;
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

/// Who sends to whom.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// MAIL FROM; `None` is the null path.
    pub from: Option<Mailbox>,
    /// RCPT TO, without duplicates.
    pub to: Vec<Mailbox>,
    /// The message's size in wire form.
    pub size: u64,
    /// Whether it has bytes over 127.
    pub eight_bit: bool,
}

/// One connection.
pub struct Client {
    wire: Wire,
    /// It speaks LMTP: the end of a message is answered for each recipient.
    lmtp: bool,
    extensions: Extensions,
    closed: bool,
    /// A transaction that came to nothing is still open there.
    stale: bool,
}

impl Client {
    fn over(wire: Wire, lmtp: bool) -> Client {
        Client { wire, lmtp, extensions: Extensions::default(), closed: false, stale: false }
    }

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

    /// What the server offers.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether another message can be sent over this connection: between messages the server may say goodbye.
    pub fn is_open(&mut self) -> bool {
        !self.closed && self.wire.quiet("421") != Quiet::Closed
    }

    /// Sends one message. `Ok` has an outcome for every recipient, in order, whatever it is.
    ///
    /// # Errors
    /// 65: the server can't take such a message, and nothing was sent; 66, 74: `message` can't be read (the transaction was
    /// broken off before its end); 76: the server breaks the protocol.
    pub fn send(&mut self, envelope: &Envelope, message: &mut dyn Body) -> Result<Vec<Outcome>> {
        self.send_noting(envelope, message, &mut |_| Ok(()))
    }

    /// The same, and `handing_over` is called right before the first byte that may be the last one that the server needs: the
    /// final dot. It gets what every recipient's outcome will be if the server takes the message, so those with
    /// [`Fate::Done`] are those that it is handed over for. After it has returned, only the server's answer tells their fate.
    ///
    /// # Errors
    /// As [`Client::send`]; an error of `handing_over`, after which the connection is dropped without the final dot.
    pub fn send_noting(
        &mut self,
        envelope: &Envelope,
        message: &mut dyn Body,
        handing_over: &mut dyn FnMut(&[Outcome]) -> Result<()>,
    ) -> Result<Vec<Outcome>> {
        let peer = self.wire.peer().to_owned();
        let mail = self.mail_command(envelope).map_err(|e| e.at(&peer))?;
        if envelope.to.is_empty() {
            return Err(Error::usage("no recipient"));
        }
        if std::mem::take(&mut self.stale) {
            self.give_up("RSET\r\n");
        }
        let mut outcomes = match self.offer(&mail, envelope) {
            Ok(Offer::Refused(outcomes)) => return Ok(outcomes),
            Ok(Offer::Accepted(outcomes)) => outcomes,
            Err(e) if e.exit() == Exit::TempFail => {
                self.closed = true;
                let end = Ending::ours(Stage::Mail, Fate::Later, e.to_string());
                return Ok(unanswered(envelope, &VecDeque::new(), &end));
            }
            Err(e) => return Err(self.broken(e)),
        };
        let accepted = outcomes.iter().filter(|o| o.fate == Fate::Done).count();
        let ends = match self.body(envelope, message, accepted, &mut || handing_over(&outcomes)) {
            Ok(ends) => ends,
            Err(e) => return Err(self.broken(e)),
        };
        let accepted = outcomes.iter_mut().filter(|o| o.fate == Fate::Done);
        for (n, outcome) in accepted.enumerate() {
            if let Some(end) = ends.get(n).or(ends.last()) {
                *outcome = end.of(&outcome.to);
            }
        }
        Ok(outcomes)
    }

    fn broken(&mut self, e: Error) -> Error {
        self.closed = true;
        self.wire.close();
        e
    }

    fn mail_command(&self, envelope: &Envelope) -> Result<String> {
        if let Some(limit) = self.extensions.size.filter(|limit| *limit > 0 && *limit < envelope.size) {
            return Err(Error::data(format!("the message has {} bytes, the server takes {limit}", envelope.size)));
        }
        if envelope.eight_bit && !self.extensions.eight_bit_mime {
            return Err(Error::data("the message has 8-bit bytes, and the server does not offer 8BITMIME"));
        }
        if let Some(one) = envelope.from.iter().chain(&envelope.to).find(|m| !m.is_ascii()) {
            return Err(Error::data(format!("{one}: an address beyond ASCII")));
        }
        let from = envelope.from.as_ref().map(ToString::to_string).unwrap_or_default();
        let size = if self.extensions.size.is_some() { format!(" SIZE={}", envelope.size) } else { String::new() };
        let body = if envelope.eight_bit { " BODY=8BITMIME" } else { "" };
        Ok(format!("MAIL FROM:<{from}>{size}{body}\r\n"))
    }

    /// MAIL, RCPT and DATA, in as few flights as the server allows.
    fn offer(&mut self, mail: &str, envelope: &Envelope) -> Result<Offer> {
        let flight = if self.extensions.pipelining { FLIGHT } else { 1 };
        let mut commands = std::iter::once(mail.to_owned())
            .chain(envelope.to.iter().map(|to| format!("RCPT TO:<{to}>\r\n")))
            .chain((flight > 1).then(|| "DATA\r\n".to_owned()));
        let expected = 1 + envelope.to.len() + usize::from(flight > 1);
        let mut replies: VecDeque<Reply> = VecDeque::with_capacity(expected.min(FLIGHT));
        let mut out = 0;
        while replies.len() < expected {
            if out == replies.len() {
                // A reply too many would be taken for that of the next command.
                self.must_be_quiet()?;
            }
            while out - replies.len() < flight
                && let Some(command) = commands.next()
            {
                self.wire.put(command)?;
                out += 1;
            }
            self.wire.until(Deadline::after(if replies.len() + 1 == expected { COMMAND.max(DATA) } else { COMMAND }));
            let end = match self.reply() {
                // 421: the rest will not be answered.
                Ok(reply) if self.closed => Ending::from(stage(replies.len(), envelope), &reply),
                Ok(reply) => {
                    let mail_refused = replies.is_empty() && !reply.is_positive();
                    replies.push_back(reply);
                    if mail_refused && flight == 1 {
                        break;
                    }
                    continue;
                }
                Err(e) if e.exit() == Exit::TempFail => self.lost(stage(replies.len(), envelope), &e),
                Err(e) => return Err(e),
            };
            return Ok(Offer::Refused(unanswered(envelope, &replies, &end)));
        }
        let mail = replies.pop_front().ok_or_else(|| Error::internal("no reply to MAIL"))?;
        if !mail.is_positive() && replies.is_empty() {
            return Ok(Offer::Refused(envelope.to.iter().map(|to| outcome(to, Stage::Mail, &mail)).collect()));
        }
        let outcomes: Vec<Outcome> =
            envelope
                .to
                .iter()
                .zip(replies.drain(..envelope.to.len()))
                .map(|(to, reply)| {
                    if mail.is_positive() { outcome(to, Stage::Rcpt, &reply) } else { outcome(to, Stage::Mail, &mail) }
                })
                .collect();
        let some = outcomes.iter().any(|o| o.fate == Fate::Done);
        let data = match replies.pop_front() {
            Some(data) => data,
            None if some => {
                self.wire.until(Deadline::after(DATA));
                match self.ask("DATA\r\n") {
                    Err(e) if e.exit() == Exit::TempFail => {
                        let end = self.lost(Stage::Data, &e);
                        return Ok(Offer::Refused(outcomes.into_iter().map(|o| end.unless_refused(o)).collect()));
                    }
                    data => data?,
                }
            }
            None => {
                self.give_up("RSET\r\n");
                return Ok(Offer::Refused(outcomes));
            }
        };
        match (data.code, some) {
            (354, true) => {
                // A server that has answered the end of the data already is not listening to it.
                self.must_be_quiet()?;
                Ok(Offer::Accepted(outcomes))
            }
            (354, false) => {
                // RFC 2920 3.1: it waits for a message, which gets none.
                self.give_up(".\r\n");
                Ok(Offer::Refused(outcomes))
            }
            (200..=399, _) => Err(Error::protocol(format!("answers DATA with {data}")).at(self.wire.peer())),
            (_, some) => {
                let end = Ending::from(Stage::Data, &data);
                self.stale = !some && mail.is_positive();
                if some && !self.closed {
                    self.give_up("RSET\r\n");
                }
                Ok(Offer::Refused(outcomes.into_iter().map(|o| end.unless_refused(o)).collect()))
            }
        }
    }

    /// Ends a transaction that has come to nothing. What the server says to that changes nothing for the recipients.
    fn give_up(&mut self, command: &str) {
        if let Err(e) = self.ask(command) {
            self.broken(e);
        }
    }

    /// The connection is lost, and nothing was handed over.
    fn lost(&mut self, stage: Stage, e: &Error) -> Ending {
        self.closed = true;
        Ending::ours(stage, Fate::Later, e.to_string())
    }

    /// The data, the final dot, and what the server says to it: for everybody, or, in LMTP, for each of those that it has
    /// `accepted`, in order. Where there are less ends than recipients, the last is that of the rest.
    fn body(
        &mut self,
        envelope: &Envelope,
        message: &mut dyn Body,
        accepted: usize,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<Ending>> {
        self.wire.until(Deadline::NEVER);
        let mut source = Watched { body: message, failed: None };
        let sent = self.wire.put_dotted(&mut source, LoneCr::Break);
        if let Some(e) = source.failed {
            return Err(e);
        }
        match sent {
            Ok(Sent::Whole { .. }) => {}
            Ok(Sent::Interrupted) | Err(_) => {
                // It spoke before the end, or hung up: what it said first is why.
                self.wire.until(Deadline::after(QUIT));
                let said = self.reply();
                self.broken(Error::internal(""));
                return match (said, sent) {
                    (Ok(reply), _) if reply.code >= 400 => Ok(vec![Ending::from(Stage::Data, &reply)]),
                    (Ok(reply), _) => {
                        Err(Error::protocol(format!("answers before the message has ended: {reply}"))
                            .at(self.wire.peer()))
                    }
                    (Err(e), Ok(_)) | (Err(_), Err(e)) => {
                        Ok(vec![Ending::ours(Stage::Data, Fate::Later, e.to_string())])
                    }
                };
            }
        }
        handing_over()?;
        self.wire.until(Deadline::after(END + Duration::from_secs(envelope.size >> 20)));
        let dot = b".\r\n";
        if let Err(e) = self.wire.put(dot).and_then(|()| self.wire.flush()) {
            self.closed = true;
            // Not a byte of the dot has left: the server can't have taken the message.
            let fate = if self.wire.unsent() >= dot.len() { Fate::Later } else { Fate::Unknown };
            return Ok(vec![Ending::ours(Stage::End, fate, e.to_string())]);
        }
        let answers = if self.lmtp { accepted } else { 1 };
        let mut ends = Vec::with_capacity(answers.min(FLIGHT));
        while ends.len() < answers {
            match self.reply() {
                Ok(reply) if reply.code / 100 != 3 => ends.push(Ending::from(Stage::End, &reply)),
                // No answer, or one that makes no sense: the message may have been taken.
                other => {
                    self.closed = true;
                    let odd = |reply| format!("answers the end of the message with {reply}");
                    ends.push(Ending::ours(Stage::End, Fate::Unknown, other.map_or_else(|e| e.to_string(), odd)));
                    break;
                }
            }
        }
        Ok(ends)
    }

    /// Says goodbye. The answer is waited for shortly, and one that shows that the replies were out of step is an error.
    ///
    /// # Errors
    /// 76: the "answer" was one more reply to something earlier, so none of them can be trusted.
    pub fn quit(mut self) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let peer = self.wire.peer().to_owned();
        if self.wire.quiet("421") == Quiet::Input {
            return Err(Error::protocol("more replies than commands").at(peer));
        }
        self.wire.until(Deadline::after(QUIT));
        match self.wire.put("QUIT\r\n").and_then(|()| self.reply()) {
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

/// The command whose reply is the next after so many.
fn stage(replies: usize, envelope: &Envelope) -> Stage {
    match replies {
        0 => Stage::Mail,
        n if n <= envelope.to.len() => Stage::Rcpt,
        _ => Stage::Data,
    }
}

/// Remembers that it was the source that failed, not the wire.
struct Watched<'b> {
    body: &'b mut dyn Body,
    failed: Option<Error>,
}

impl Body for Watched<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        match self.body.chunk() {
            Ok(piece) => Ok(piece),
            Err(e) => {
                self.failed = Some(e.clone());
                Err(e)
            }
        }
    }
}
