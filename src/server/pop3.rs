//! The POP3 server session: RFC 1939 whole, CAPA and RESP-CODES (2449), PIPELINING, AUTH (5034), STLS (2595),
//! UTF8 and LANG (6856).
//!
//! One session has the maildrop; the numbers are those of its start; DELE takes effect at QUIT and nowhere else.

use super::login::{Guesses, Refused, may_log_in};
use super::mailbox::{Mailbox, MaildropLock};
use super::sasl::{Ended, Exchange, offered, offered_names, timestamp};
use super::{Login, World, looks_like_http, may_start_tls, secret_from, start_tls};
use crate::body::{Body, FileBody};
use crate::error::{Exit, Result};
use crate::net::{Deadline, Wire};
use crate::proto::pop3::Command;
use crate::proto::sasl::{Mechanism, cram};
use crate::secret::Secret;
use crate::text::{LoneCr, ToWire};
use std::collections::HashSet;
use std::fs::File;

/// The longest command line: 255 (RFC 2449 4), with room for AUTH's initial response.
const COMMAND_LINE: usize = 12 * 1024;

/// Serves one client until it quits, leaves or is thrown out.
///
/// # Errors
/// 75: the connection was lost (nothing is deleted then).
pub fn serve(wire: &mut Wire, world: &mut dyn World) -> Result<()> {
    let known = world.known()?.is_some();
    wire.conceal(Some(secret_from));
    let stamp = if offered(wire, world).contains(&Mechanism::Apop) { Some(timestamp(world)?) } else { None };
    let shown = stamp.as_ref().map(|stamp| format!(" {stamp}")).unwrap_or_default();
    wire.put(format!("+OK pipepost POP3 ready{shown}\r\n"))?;
    let before = Before { name: None, stamp, known };
    let Some(mut drop) = authorization(wire, world, before)? else { return wire.flush() };
    transaction(wire, world, &mut drop)
}

fn command(wire: &mut Wire, world: &dyn World) -> Result<Vec<u8>> {
    wire.until(Deadline::after(world.limits().pop3_idle));
    match wire.line(COMMAND_LINE) {
        Ok(line) => Ok(line.to_vec()),
        Err(e) => {
            if e.exit() == Exit::Protocol {
                wire.put("-ERR line too long\r\n")?;
                wire.flush()?;
            }
            Err(e)
        }
    }
}

/// `tls`: whether STLS can be said now.
fn capabilities(wire: &mut Wire, world: &dyn World, tls: bool) -> Result<()> {
    // RFC 2595 4: USER is not shown where it is not taken.
    let all = offered(wire, world);
    let user = if all.contains(&Mechanism::Plain) { "USER\r\n" } else { "" };
    let sasl = offered_names(wire, world).join(" ");
    let sasl = if sasl.is_empty() { sasl } else { format!("SASL {sasl}\r\n") };
    wire.put(format!(
        "+OK\r\nTOP\r\n{user}UIDL\r\n{sasl}RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n\
         UTF8 USER\r\nLANG\r\n\
         IMPLEMENTATION pipepost\r\n",
    ))?;
    wire.put(if tls { "STLS\r\n.\r\n" } else { ".\r\n" })
}

/// RFC 6856 3: what is said here is English.
fn language(wire: &mut Wire, tag: Option<&str>) -> Result<()> {
    wire.put(match tag {
        None => "+OK\r\nen English\r\n.\r\n",
        Some("*" | "i-default" | "en") => "+OK en English\r\n",
        Some(_) => "-ERR that is not spoken here\r\n",
    })
}

/// What a line before the login comes to.
enum Said {
    /// A name and a password, or something in their place.
    Login(Ended),
    /// It has its answer.
    Answered,
    /// This is its answer, and there is a limit to those.
    Wrong(&'static str),
    Leave,
}

/// What is known before the login.
struct Before {
    /// What USER said, until PASS or a handshake.
    name: Option<String>,
    /// What APOP's digest is of.
    stamp: Option<String>,
    /// Whether the connection is the identity.
    known: bool,
}

/// The AUTHORIZATION state. `None`: the client has quit or was thrown out.
fn authorization(wire: &mut Wire, world: &mut dyn World, mut before: Before) -> Result<Option<Maildrop>> {
    let (mut errors, mut commands) = (0, 0);
    let mut guesses = Guesses::default();
    loop {
        let line = command(wire, world)?;
        if commands == 0 && looks_like_http(&line) {
            return Ok(None);
        }
        commands += 1;
        if commands > world.limits().commands {
            wire.put("-ERR too many commands\r\n")?;
            return Ok(None);
        }
        let wrong = match before_login(wire, world, &mut guesses, &mut before, &line)? {
            Said::Answered => continue,
            Said::Leave => return Ok(None),
            Said::Wrong(answer) | Said::Login(Ended::Malformed(answer)) => answer,
            Said::Login(Ended::Unknown) => "not offered",
            Said::Login(Ended::Login(login)) => {
                match Maildrop::open(&login) {
                    Ok(Some(drop)) => {
                        let count = drop.mailbox.messages().len();
                        wire.put(format!("+OK {count} message{}\r\n", if count == 1 { "" } else { "s" }))?;
                        return Ok(Some(drop));
                    }
                    Ok(None) => wire.put("-ERR [IN-USE] another session has this maildrop\r\n")?,
                    Err(_) => wire.put("-ERR [SYS/TEMP] the maildrop can't be opened now\r\n")?,
                }
                continue;
            }
            Said::Login(Ended::Refused(Refused::Failed)) => {
                wire.put("-ERR [SYS/TEMP] can't check that now\r\n")?;
                continue;
            }
            Said::Login(Ended::Refused(Refused::TooMany)) => {
                wire.put("-ERR [SYS/TEMP] too many failed logins, try again later\r\n")?;
                return Ok(None);
            }
            Said::Login(Ended::Refused(Refused::Wrong { close })) => {
                wire.put("-ERR [AUTH] wrong name or password\r\n")?;
                if close {
                    return Ok(None);
                }
                continue;
            }
        };
        wire.put(format!("-ERR {wrong}\r\n"))?;
        if one_more(wire, world, &mut errors)? {
            return Ok(None);
        }
    }
}

/// Counts a wrong command; true: there were too many, and the client has been told.
fn one_more(wire: &mut Wire, world: &dyn World, errors: &mut u32) -> Result<bool> {
    *errors += 1;
    let enough = *errors >= world.limits().errors;
    if enough {
        wire.put("-ERR too many errors\r\n")?;
    }
    Ok(enough)
}

fn before_login(
    wire: &mut Wire,
    world: &mut dyn World,
    guesses: &mut Guesses,
    before: &mut Before,
    line: &[u8],
) -> Result<Said> {
    let all = offered(wire, world);
    match Command::parse(line) {
        Ok(Command::Capa) => {
            let tls = may_start_tls(wire, world, before.known).is_some();
            capabilities(wire, world, tls)?;
        }
        Ok(Command::Quit) => {
            wire.put("+OK bye\r\n")?;
            return Ok(Said::Leave);
        }
        Ok(Command::User(_) | Command::Pass(_) | Command::Auth(..) | Command::Apop(..)) if !may_log_in(wire) => {
            return Ok(Said::Wrong("TLS first: say STLS"));
        }
        Ok(Command::User(_) | Command::Pass(_)) if !all.contains(&Mechanism::Plain) => {
            return Ok(Said::Login(Ended::Unknown));
        }
        Ok(Command::User(user)) => {
            before.name = Some(user);
            wire.put("+OK\r\n")?;
        }
        Ok(Command::Pass(password)) => {
            let password = Secret::new(password);
            let Some(user) = before.name.take() else { return Ok(Said::Wrong("USER first")) };
            let login = guesses.log_in(wire, world, &user, &password);
            return Ok(Said::Login(login.map_or_else(Ended::Refused, Ended::Login)));
        }
        Ok(Command::Auth(None, _)) => {
            let list: String = offered_names(wire, world).iter().map(|name| format!("{name}\r\n")).collect();
            wire.put(format!("+OK\r\n{list}.\r\n"))?;
        }
        Ok(Command::Auth(Some(mechanism), initial)) => {
            let mut exchange = Exchange { wire, world, guesses, prompt: "+ ", max: COMMAND_LINE };
            let initial = initial.map(|initial| Secret::new(initial.into_bytes()));
            return exchange.log_in(&mechanism, initial).map(Said::Login);
        }
        // Names and messages are as they are, with it and without.
        Ok(Command::Utf8) => wire.put("+OK\r\n")?,
        Ok(Command::Lang(tag)) => language(wire, tag.as_deref())?,
        Ok(Command::Apop(user, digest)) => {
            let Some(stamp) = &before.stamp else { return Ok(Said::Login(Ended::Unknown)) };
            let mut exchange = Exchange { wire, world, guesses, prompt: "+ ", max: COMMAND_LINE };
            let is_of = |password: &Secret| cram::apop(stamp, password).same(digest.as_bytes());
            return exchange.by_digest(&user, &is_of).map(Said::Login);
        }
        Ok(Command::Stls) => {
            let Some(identity) = may_start_tls(wire, world, before.known) else {
                return Ok(Said::Wrong("no TLS to be started here"));
            };
            if !start_tls(wire, &identity, "+OK go on under TLS\r\n")? {
                wire.put("-ERR nothing may follow STLS in one flight\r\n")?;
                return Ok(Said::Leave);
            }
            before.name = None;
        }
        other => return Ok(Said::Wrong(other.err().unwrap_or("log in first"))),
    }
    Ok(Said::Answered)
}

struct Maildrop {
    login: Login,
    mailbox: Mailbox,
    deleted: HashSet<u32>,
    lock: Option<MaildropLock>,
}

impl Maildrop {
    fn open(login: &Login) -> Result<Option<Maildrop>> {
        let Some(lock) = login.account.lock_maildrop()? else { return Ok(None) };
        // Read-only: looking at a maildrop marks nothing as seen or old for others.
        let mailbox = login.account.select("INBOX", true)?;
        let login = Login { user: login.user.clone(), account: login.account.clone() };
        Ok(Some(Maildrop { login, mailbox, deleted: HashSet::new(), lock: Some(lock) }))
    }

    /// The index of message `number`, if there is one that is not deleted.
    fn index(&self, number: u32) -> Option<usize> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        (index < self.mailbox.messages().len() && !self.deleted.contains(&number)).then_some(index)
    }

    fn numbers(&self) -> Vec<(u32, usize)> {
        (1u32..).zip(0..self.mailbox.messages().len()).filter(|(n, _)| !self.deleted.contains(n)).collect()
    }

    fn size(&mut self, index: usize) -> u64 {
        // What has vanished meanwhile, or can't be read now, keeps its number and is empty: the others are to be had.
        self.mailbox.wire_size(index).ok().flatten().unwrap_or(0)
    }

    /// RFC 1939 7: 1 to 70 printable characters, unique for ever.
    fn uidl(&self, index: usize) -> String {
        let uid = self.mailbox.messages().get(index).map_or(0, |m| m.uid);
        format!("{}.{uid}", self.mailbox.uid_validity())
    }
}

const GONE: &str = "-ERR no such message\r\n";
const UNREADABLE: &str = "-ERR [SYS/TEMP] the message can't be read now\r\n";

fn transaction(wire: &mut Wire, world: &mut dyn World, drop: &mut Maildrop) -> Result<()> {
    let mut errors = 0;
    loop {
        drop.mailbox.settle();
        let line = command(wire, world)?;
        let command = match Command::parse(&line) {
            Ok(command) => command,
            Err(wrong) => {
                wire.put(format!("-ERR {wrong}\r\n"))?;
                if one_more(wire, world, &mut errors)? {
                    return wire.flush();
                }
                continue;
            }
        };
        match command {
            Command::Capa => capabilities(wire, world, false)?,
            Command::Stat => {
                let (mut count, mut size) = (0, 0u64);
                for (_, index) in drop.numbers() {
                    count += 1;
                    size += drop.size(index);
                }
                wire.put(format!("+OK {count} {size}\r\n"))?;
            }
            Command::List(Some(number)) => match drop.index(number) {
                Some(index) => {
                    let size = drop.size(index);
                    wire.put(format!("+OK {number} {size}\r\n"))?;
                }
                None => wire.put(GONE)?,
            },
            Command::List(None) => {
                wire.put("+OK\r\n")?;
                for (number, index) in drop.numbers() {
                    let size = drop.size(index);
                    wire.put(format!("{number} {size}\r\n"))?;
                }
                wire.put(".\r\n")?;
            }
            Command::Uidl(Some(number)) => match drop.index(number) {
                Some(index) => wire.put(format!("+OK {number} {}\r\n", drop.uidl(index)))?,
                None => wire.put(GONE)?,
            },
            Command::Uidl(None) => {
                wire.put("+OK\r\n")?;
                for (number, index) in drop.numbers() {
                    wire.put(format!("{number} {}\r\n", drop.uidl(index)))?;
                }
                wire.put(".\r\n")?;
            }
            Command::Retr(number) => match open(drop, number) {
                Ok(Some((file, size))) => {
                    wire.put(format!("+OK {size} octets\r\n"))?;
                    wire.put_dotted(&mut FileBody::new(file, "message"), LoneCr::Keep)?;
                    wire.put(".\r\n")?;
                }
                Ok(None) => wire.put(GONE)?,
                Err(_) => wire.put(UNREADABLE)?,
            },
            Command::Top(number, lines) => match open(drop, number) {
                Ok(Some((file, _))) => {
                    wire.put("+OK\r\n")?;
                    let mut top = Top::new(FileBody::new(file, "message"), lines);
                    wire.put_dotted(&mut top, LoneCr::Keep)?;
                    wire.put(".\r\n")?;
                }
                Ok(None) => wire.put(GONE)?,
                Err(_) => wire.put(UNREADABLE)?,
            },
            Command::Dele(number) => match drop.index(number) {
                Some(_) => {
                    drop.deleted.insert(number);
                    wire.put("+OK marked\r\n")?;
                }
                None => wire.put(GONE)?,
            },
            Command::Noop => wire.put("+OK\r\n")?,
            Command::Rset => {
                drop.deleted.clear();
                wire.put("+OK\r\n")?;
            }
            Command::Quit => {
                let answer = match update(drop) {
                    Ok(()) => "+OK bye\r\n",
                    Err(_) => "-ERR [SYS/TEMP] some deleted messages are still there\r\n",
                };
                // The answer says that the next session may come.
                drop.lock = None;
                wire.put(answer)?;
                return wire.flush();
            }
            Command::Lang(tag) => language(wire, tag.as_deref())?,
            // RFC 6856 2: before the login, or never.
            Command::Utf8 => wire.put("-ERR only before the login\r\n")?,
            Command::User(_) | Command::Pass(_) | Command::Auth(..) | Command::Apop(..) | Command::Stls => {
                wire.put("-ERR already logged in\r\n")?;
            }
        }
    }
}

fn open(drop: &mut Maildrop, number: u32) -> Result<Option<(File, u64)>> {
    let Some(index) = drop.index(number) else { return Ok(None) };
    let Some(file) = drop.mailbox.file(index)? else { return Ok(None) };
    let size = drop.size(index);
    Ok(Some((file, size)))
}

/// The UPDATE state: what was marked goes now.
fn update(drop: &mut Maildrop) -> Result<()> {
    if drop.deleted.is_empty() {
        return Ok(());
    }
    let uids: Vec<u32> = (1u32..)
        .zip(drop.mailbox.messages())
        .filter(|(number, _)| drop.deleted.contains(number))
        .map(|(_, message)| message.uid)
        .collect();
    drop.login.account.select("INBOX", false)?.remove(&uids)
}

/// The header, the blank line and the first lines of a message, for TOP.
struct Top<B> {
    from: B,
    to: ToWire,
    wire: Vec<u8>,
    lines: u64,
    column: u64,
    body: bool,
    ended: bool,
}

impl<B: Body> Top<B> {
    fn new(from: B, lines: u64) -> Top<B> {
        let to = ToWire::plain(LoneCr::Keep);
        Top { from, to, wire: Vec::new(), lines, column: 0, body: false, ended: false }
    }
}

impl<B: Body> Body for Top<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.wire.clear();
        while self.wire.is_empty() && !self.ended {
            let piece = self.from.chunk()?;
            if piece.is_empty() {
                self.ended = true;
                self.to.finish(&mut self.wire);
                break;
            }
            self.to.push(piece, &mut self.wire);
            let mut keep = 0;
            for line in self.wire.split_inclusive(|b| *b == b'\n') {
                if self.body && self.lines == 0 {
                    self.ended = true;
                    break;
                }
                keep += line.len();
                let blank = self.column == 0 && line == b"\r\n";
                self.column = if line.ends_with(b"\n") { 0 } else { self.column + line.len() as u64 };
                if self.column == 0 && self.body {
                    self.lines -= 1;
                }
                self.body |= blank;
            }
            self.wire.truncate(keep);
        }
        Ok(&self.wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_is_the_header_and_some_lines() {
        let text = &b"A: b\nC: d\n\n1\n2\n3"[..];
        for (lines, expect) in [
            (0, "A: b\r\nC: d\r\n\r\n"),
            (1, "A: b\r\nC: d\r\n\r\n1\r\n"),
            (2, "A: b\r\nC: d\r\n\r\n1\r\n2\r\n"),
            (9, "A: b\r\nC: d\r\n\r\n1\r\n2\r\n3"),
        ] {
            let got = Top::new(text, lines).whole(1000).unwrap().unwrap();
            assert_eq!(String::from_utf8(got).unwrap(), expect, "{lines}");
        }
        assert_eq!(Top::new(&b"A: b\n"[..], 3).whole(100).unwrap().unwrap(), b"A: b\r\n");
    }
}
