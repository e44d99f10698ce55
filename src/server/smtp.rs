//! The SMTP server session (RFC 5321) and LMTP's (RFC 2033), with PIPELINING, SIZE, 8BITMIME, SMTPUTF8 (6531), CHUNKING (3030),
//! DSN (3461), ENHANCEDSTATUSCODES, AUTH and STARTTLS (3207).
//!
//! The 250 after the final dot or chunk means: the file and its directory are on stable storage for every recipient (in LMTP,
//! for the one that it is about). The end of DATA is `CRLF . CRLF` only, and a CR or LF without the other refuses the
//! message and ends the session, so that nothing can be smuggled past us (CVE-2023-51764). What DSN asks for is handed to the
//! [`World`] with the envelope. Left out here: BINARYMIME (a file that ends its lines with LF can't keep a bare one apart),
//! the notifications themselves.

mod auth;
mod data;
mod envelope;
mod start;

use super::login::Guesses;
use super::sasl::offered_names;
use super::{World, looks_like_http, may_start_tls, secret_from, start_tls};
use crate::error::{Error, Exit, Result};
use crate::message::date::Date;
use crate::net::wire::WHOLE_LINE;
use crate::net::{Deadline, Wire};
use crate::proto::smtp::{AUTH_LINE, Command};
use crate::text::chomp;
use envelope::Transaction;

/// A longer line is nobody's mistake.
const FLOOD: usize = 1 << 20;

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: LHLO for EHLO, and after the data a reply for each recipient.
    Lmtp,
}

/// Serves one client until it quits, leaves or is thrown out.
///
/// # Errors
/// 75: the connection was lost.
pub fn serve(wire: &mut Wire, world: &mut dyn World, protocol: Protocol) -> Result<()> {
    let known = world.known()?.map(|login| login.user);
    let mut session = Session {
        protocol,
        user: known.clone(),
        known: known.is_some(),
        helo: None,
        esmtp: false,
        transaction: None,
        errors: 0,
        commands: 0,
        guesses: Guesses::default(),
    };
    wire.conceal(Some(secret_from));
    let word = if protocol == Protocol::Lmtp { "LMTP" } else { "ESMTP" };
    wire.put(format!("220 {} {word} pipepost\r\n", world.host()))?;
    let mut first = true;
    loop {
        wire.until(Deadline::after(world.limits().smtp_idle));
        let next = match line(wire) {
            Ok(Some(line)) => {
                if std::mem::take(&mut first) && looks_like_http(&line) {
                    return Ok(());
                }
                session.command(wire, world, &line)?
            }
            Ok(None) => session.wrong(wire, world, "500 5.5.2 line too long\r\n")?,
            Err(e) if e.exit() == Exit::Protocol => {
                wire.put("500 5.5.2 line too long\r\n")?;
                return wire.flush();
            }
            Err(e) => {
                // 421 is for the client that has fallen asleep; one that has gone does not read it.
                let why = if wire.has_stopped() { "4.3.2" } else { "4.4.2" };
                let _ = wire.put(format!("421 {why} {} closing: {e}\r\n", world.host())).and_then(|()| wire.flush());
                return Err(e);
            }
        };
        if matches!(next, Next::Close) {
            return wire.flush();
        }
    }
}

/// The next command line; `None`: it was too long for any, and has been read to its end.
fn line(wire: &mut Wire) -> Result<Option<Vec<u8>>> {
    let line = wire.line_piece(AUTH_LINE)?;
    if line.ends_with(b"\n") {
        return Ok(Some(chomp(line).to_vec()));
    }
    // What is behind the limit may be somebody's password all the same.
    let before = wire.conceal(Some(WHOLE_LINE));
    let mut left = FLOOD;
    let ended = loop {
        match wire.line_piece(AUTH_LINE) {
            Ok(piece) if piece.ends_with(b"\n") => break Ok(None),
            Ok(piece) => left = left.saturating_sub(piece.len()),
            Err(e) => break Err(e),
        }
        if left == 0 {
            break Err(Error::protocol("a line without an end"));
        }
    };
    wire.conceal(before);
    ended
}

enum Next {
    Go,
    Close,
}

struct Session {
    protocol: Protocol,
    user: Option<String>,
    known: bool,
    helo: Option<String>,
    esmtp: bool,
    transaction: Option<Transaction>,
    errors: u32,
    commands: u32,
    guesses: Guesses,
}

impl Session {
    /// An answer to what was no command, or none now; the last of too many.
    fn wrong(&mut self, wire: &mut Wire, world: &dyn World, reply: impl AsRef<[u8]>) -> Result<Next> {
        wire.put(reply)?;
        self.errors = self.errors.saturating_add(1);
        if self.errors >= world.limits().errors {
            wire.put("421 4.7.0 too many errors\r\n")?;
            return Ok(Next::Close);
        }
        Ok(Next::Go)
    }

    fn command(&mut self, wire: &mut Wire, world: &mut dyn World, line: &[u8]) -> Result<Next> {
        self.commands = self.commands.saturating_add(1);
        if self.commands > world.limits().commands {
            wire.put("421 4.7.0 too many commands\r\n")?;
            return Ok(Next::Close);
        }
        let lmtp = self.protocol == Protocol::Lmtp;
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(wrong) => {
                let next = self.wrong(wire, world, format!("{} {} {}\r\n", wrong.0, wrong.1, wrong.2))?;
                // Nobody knows how much of what follows is a chunk.
                let chunk = line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"));
                return Ok(if chunk { Next::Close } else { next });
            }
        };
        match command {
            // RFC 2033 4.1, 4.2.
            Command::Ehlo(_) | Command::Helo(_) if lmtp => {
                return self.wrong(wire, world, "500 5.5.1 this is LMTP: say LHLO\r\n");
            }
            Command::Lhlo(_) if !lmtp => return self.wrong(wire, world, "500 5.5.1 this is SMTP: say EHLO\r\n"),
            Command::Ehlo(name) | Command::Lhlo(name) => self.ehlo(wire, world, name)?,
            Command::Helo(name) => {
                (self.helo, self.esmtp, self.transaction) = (Some(name), false, None);
                wire.put(format!("250 {}\r\n", world.host()))?;
            }
            Command::Mail(mail) => return self.mail(wire, world, mail),
            Command::Rcpt(rcpt) => return self.rcpt(wire, world, rcpt),
            Command::Data => return self.data(wire, world),
            Command::Bdat(size, last) => return self.bdat(wire, world, size, last),
            Command::Rset => {
                self.transaction = None;
                wire.put("250 2.0.0 flushed\r\n")?;
            }
            Command::Noop => wire.put("250 2.0.0 ok\r\n")?,
            Command::Vrfy(_) => wire.put("252 2.1.5 send some mail, I'll try my best\r\n")?,
            Command::Expn => wire.put("502 5.5.1 EXPN is not for everybody\r\n")?,
            Command::Help => wire.put(format!(
                "214-2.0.0 {} MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS AUTH QUIT\r\n214 2.0.0 see RFC {}\r\n",
                if lmtp { "LHLO" } else { "EHLO HELO" },
                if lmtp { "2033" } else { "5321" },
            ))?,
            Command::StartTls => return self.start_tls(wire, world),
            Command::Auth(mechanism, initial) => return self.auth(wire, world, &mechanism, initial),
            Command::Quit => {
                wire.put(format!("221 2.0.0 {} bye\r\n", world.host()))?;
                return Ok(Next::Close);
            }
        }
        Ok(Next::Go)
    }

    fn ehlo(&mut self, wire: &mut Wire, world: &mut dyn World, name: String) -> Result<()> {
        (self.helo, self.esmtp, self.transaction) = (Some(name), true, None);
        wire.put(format!("250-{}\r\n250-PIPELINING\r\n", world.host()))?;
        wire.put(format!("250-SIZE {}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n", world.limits().message))?;
        wire.put(format!("250-CHUNKING\r\n250-DSN\r\n250-LIMITS RCPTMAX={}\r\n", world.limits().recipients))?;
        if let Some(longest) = world.longest_hold() {
            let last = Date::utc(envelope::now().saturating_add(longest.into())).rfc3339().replace("+00:00", "Z");
            wire.put(format!("250-FUTURERELEASE {longest} {last}\r\n250-DELIVERBY\r\n250-MT-PRIORITY\r\n"))?;
        }
        let names = offered_names(wire, world);
        if !self.known && !names.is_empty() {
            wire.put(format!("250-AUTH {}\r\n", names.join(" ")))?;
        }
        if may_start_tls(wire, world, self.known).is_some() {
            wire.put("250-STARTTLS\r\n")?;
        }
        wire.put("250 ENHANCEDSTATUSCODES\r\n")
    }

    fn start_tls(&mut self, wire: &mut Wire, world: &mut dyn World) -> Result<Next> {
        let Some(identity) = may_start_tls(wire, world, self.known) else {
            return self.wrong(wire, world, "503 5.5.1 no TLS to be started here\r\n");
        };
        if !start_tls(wire, &identity, "220 2.0.0 go on under TLS\r\n")? {
            wire.put("554 5.5.0 nothing may follow STARTTLS in one flight\r\n")?;
            return Ok(Next::Close);
        }
        // RFC 3207 4.2: as if the session had just begun.
        (self.helo, self.esmtp, self.transaction, self.user) = (None, false, None, None);
        Ok(Next::Go)
    }
}
