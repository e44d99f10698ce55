//! The SMTP server session (RFC 5321) with PIPELINING, SIZE, 8BITMIME, ENHANCEDSTATUSCODES, AUTH and
//! STARTTLS (3207).
//!
//! The 250 after the final dot means: the file and its directory are on stable storage for every recipient. The end of the
//! data is `CRLF . CRLF` only, and a CR or LF without the other refuses the message and ends the session, so that nothing
//! can be smuggled past us (CVE-2023-51764). Left out here: SMTPUTF8, CHUNKING, DSN, LMTP.

use super::mailbox::{Account, Draft, FolderError, Target};
use super::{Denied, Guesses, Refusal, World, looks_like_http, may_start_tls, secret_from, secret_line, start_tls};
use crate::body::Body;
use crate::error::{Error, Exit, Result};
use crate::message::date::Date;
use crate::message::flags::Flags;
use crate::net::{Deadline, Wire};
use crate::proto::mailbox::Mailbox as Address;
use crate::proto::sasl;
use crate::proto::smtp::{COMMAND_LINE, Command};
use crate::text::ToFile;
use std::time::{SystemTime, UNIX_EPOCH};

/// Serves one client until it quits, leaves or is thrown out.
///
/// # Errors
/// 75: the connection was lost.
pub fn serve(wire: &mut Wire, world: &mut dyn World) -> Result<()> {
    let known = world.known()?.map(|login| login.user);
    let mut session = Session {
        user: known.clone(),
        known: known.is_some(),
        helo: None,
        esmtp: false,
        mail: None,
        errors: 0,
        guesses: Guesses::default(),
    };
    wire.conceal(Some(secret_from));
    wire.put(format!("220 {} ESMTP pipepost\r\n", world.host()))?;
    let mut first = true;
    loop {
        wire.until(Deadline::after(world.limits().smtp_idle));
        let line = match wire.line(COMMAND_LINE) {
            Ok(line) => line.to_vec(),
            Err(e) if e.exit() == Exit::Protocol => {
                wire.put("500 5.5.2 line too long\r\n")?;
                return wire.flush();
            }
            Err(e) => {
                // 421 is for the client that has fallen asleep; one that has gone does not read it.
                let _ = wire.put(format!("421 4.4.2 {} closing: {e}\r\n", world.host())).and_then(|()| wire.flush());
                return Err(e);
            }
        };
        if std::mem::take(&mut first) && looks_like_http(&line) {
            return Ok(());
        }
        match session.command(wire, world, &line)? {
            Next::Go => {}
            Next::Close => return wire.flush(),
        }
    }
}

enum Next {
    Go,
    Close,
}

struct Mail {
    from: Option<Address>,
    to: Vec<(String, Account)>,
}

struct Session {
    user: Option<String>,
    known: bool,
    helo: Option<String>,
    esmtp: bool,
    mail: Option<Mail>,
    errors: u32,
    guesses: Guesses,
}

impl Session {
    fn command(&mut self, wire: &mut Wire, world: &mut dyn World, line: &[u8]) -> Result<Next> {
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(wrong) => {
                self.errors += 1;
                wire.put(format!("{} {} {}\r\n", wrong.0, wrong.1, wrong.2))?;
                if self.errors >= world.limits().errors {
                    wire.put("421 4.7.0 too many errors\r\n")?;
                    return Ok(Next::Close);
                }
                return Ok(Next::Go);
            }
        };
        match command {
            Command::Ehlo(name) => self.ehlo(wire, world, name)?,
            Command::Helo(name) => {
                (self.helo, self.esmtp, self.mail) = (Some(name), false, None);
                wire.put(format!("250 {}\r\n", world.host()))?;
            }
            Command::Mail { from, size, .. } => self.mail(wire, world, from, size)?,
            Command::Rcpt(to) => self.rcpt(wire, world, to)?,
            Command::Data => return self.data(wire, world),
            Command::Rset => {
                self.mail = None;
                wire.put("250 2.0.0 flushed\r\n")?;
            }
            Command::Noop => wire.put("250 2.0.0 ok\r\n")?,
            Command::Vrfy(_) => wire.put("252 2.1.5 send some mail, I'll try my best\r\n")?,
            Command::Expn => wire.put("502 5.5.1 EXPN is not for everybody\r\n")?,
            Command::Help => wire.put(
                "214-2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP AUTH QUIT\r\n214 2.0.0 see RFC 5321\r\n",
            )?,
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
        (self.helo, self.esmtp, self.mail) = (Some(name), true, None);
        wire.put(format!("250-{}\r\n250-PIPELINING\r\n", world.host()))?;
        wire.put(format!("250-SIZE {}\r\n250-8BITMIME\r\n", world.limits().message))?;
        if !self.known {
            wire.put("250-AUTH PLAIN LOGIN\r\n")?;
        }
        if may_start_tls(wire, world, self.known).is_some() {
            wire.put("250-STARTTLS\r\n")?;
        }
        wire.put("250 ENHANCEDSTATUSCODES\r\n")
    }

    fn start_tls(&mut self, wire: &mut Wire, world: &mut dyn World) -> Result<Next> {
        let Some(identity) = may_start_tls(wire, world, self.known) else {
            wire.put("503 5.5.1 no TLS to be started here\r\n")?;
            return Ok(Next::Go);
        };
        if !start_tls(wire, &identity, "220 2.0.0 go on under TLS\r\n")? {
            wire.put("554 5.5.0 nothing may follow STARTTLS in one flight\r\n")?;
            return Ok(Next::Close);
        }
        // RFC 3207 4.2: as if the session had just begun.
        (self.helo, self.esmtp, self.mail, self.user) = (None, false, None, None);
        Ok(Next::Go)
    }

    fn mail(&mut self, wire: &mut Wire, world: &dyn World, from: Option<Address>, size: Option<u64>) -> Result<()> {
        let answer = if self.helo.is_none() {
            "503 5.5.1 say EHLO first\r\n".to_owned()
        } else if self.mail.is_some() {
            "503 5.5.1 one message at a time\r\n".to_owned()
        } else if size.is_some_and(|size| size > world.limits().message) {
            format!("552 5.3.4 no message over {} bytes\r\n", world.limits().message)
        } else {
            self.mail = Some(Mail { from, to: Vec::new() });
            "250 2.1.0 sender ok\r\n".to_owned()
        };
        wire.put(answer)
    }

    fn rcpt(&mut self, wire: &mut Wire, world: &mut dyn World, to: Option<Address>) -> Result<()> {
        let limit = world.limits().recipients;
        let Some(mail) = &mut self.mail else { return wire.put("503 5.5.1 MAIL first\r\n") };
        if mail.to.len() >= limit {
            return wire.put("452 4.5.3 too many recipients\r\n");
        }
        match world.recipient(to.as_ref()) {
            // Whoever is named twice gets one copy.
            Ok(account) if mail.to.iter().any(|(_, other)| other.root() == account.root()) => {
                wire.put("250 2.1.5 recipient ok\r\n")
            }
            Ok(account) => {
                mail.to.push((to.map_or_else(|| "postmaster".to_owned(), |a| a.to_string()), account));
                wire.put("250 2.1.5 recipient ok\r\n")
            }
            Err(Refusal::NoSuchUser) => wire.put("550 5.1.1 no such user\r\n"),
            Err(Refusal::NoRoute) => {
                wire.put(format!("550 5.7.1 no route for {}\r\n", to.as_ref().map_or("it", Address::domain)))
            }
            Err(Refusal::Failed(_)) => wire.put("451 4.3.0 the mailbox can't be opened now\r\n"),
        }
    }

    fn data(&mut self, wire: &mut Wire, world: &mut dyn World) -> Result<Next> {
        let Some(mail) = self.mail.take() else {
            wire.put("503 5.5.1 MAIL first\r\n")?;
            return Ok(Next::Go);
        };
        let Some((_, first)) = mail.to.first() else {
            self.mail = Some(mail);
            wire.put("554 5.5.1 no valid recipients\r\n")?;
            return Ok(Next::Go);
        };
        let mut draft = match first.draft() {
            Ok(draft) => draft,
            Err(e) => {
                wire.put(failure(&e))?;
                return Ok(Next::Go);
            }
        };
        let trouble = draft.write(self.trace_fields(wire, world, &mail).as_bytes()).err();
        wire.put("354 end with <CR><LF>.<CR><LF>\r\n")?;
        let limits = world.limits();
        match receive(wire, draft, trouble, limits.message, limits.hops)? {
            Received::Whole(draft) => wire.put(store(draft, &mail))?,
            Received::Refused(reply) => wire.put(reply)?,
            Received::Bare => {
                wire.put("550 5.6.11 a CR or LF that is not part of a CRLF\r\n")?;
                return Ok(Next::Close);
            }
            Received::Flood => {
                wire.put("421 4.3.4 too large\r\n")?;
                return Ok(Next::Close);
            }
        }
        Ok(Next::Go)
    }

    /// Return-Path and Received, RFC 5321 4.4, in file form.
    fn trace_fields(&self, wire: &Wire, world: &dyn World, mail: &Mail) -> String {
        let from = mail.from.as_ref().map(ToString::to_string).unwrap_or_default();
        // A HELO name is anything: only what a domain or literal may hold gets into a header.
        let helo: String = self.helo.iter().flat_map(|h| h.chars()).filter(|c| helo_char(*c)).take(255).collect();
        // RFC 3848
        let with = match (self.esmtp, wire.is_secure(), self.user.is_some() && !self.known) {
            (true, true, true) => "ESMTPSA",
            (true, true, false) => "ESMTPS",
            (true, false, true) => "ESMTPA",
            (true, false, false) => "ESMTP",
            (false, ..) => "SMTP",
        };
        let to = match mail.to.as_slice() {
            [(to, _)] => format!("\n\tfor <{to}>"),
            // With several, naming one would tell the others.
            _ => String::new(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let date = Date::utc(i64::try_from(now).unwrap_or(i64::MAX));
        format!(
            "Return-Path: <{from}>\nReceived: from {helo} ({})\n\tby {} with {with}{to};\n\t{date}\n",
            wire.peer(),
            world.host()
        )
    }

    fn auth(
        &mut self,
        wire: &mut Wire,
        world: &mut dyn World,
        mechanism: &str,
        initial: Option<String>,
    ) -> Result<Next> {
        let refused = match () {
            () if self.known || self.user.is_some() => Some("503 5.5.1 already authenticated\r\n"),
            () if self.mail.is_some() => Some("503 5.5.1 not during a mail transaction\r\n"),
            () if !self.esmtp => Some("503 5.5.1 say EHLO first\r\n"),
            () => None,
        };
        if let Some(reply) = refused {
            wire.put(reply)?;
            return Ok(Next::Go);
        }
        let answer = match mechanism {
            "PLAIN" => challenge(wire, initial, "")?.map(|message| sasl::read_plain(&message)),
            "LOGIN" => match challenge(wire, initial, "VXNlcm5hbWU6")? {
                Some(user) => challenge(wire, None, "UGFzc3dvcmQ6")?.map(|password| {
                    String::from_utf8(user).ok().map(|user| (user, crate::secret::Secret::new(password)))
                }),
                None => None,
            },
            _ => {
                wire.put("504 5.5.4 unknown mechanism\r\n")?;
                return Ok(Next::Go);
            }
        };
        let Some(Some((user, password))) = answer else {
            wire.put("501 5.5.2 cancelled or not base64\r\n")?;
            return Ok(Next::Go);
        };
        match world.login(&user, &password) {
            Ok(login) => {
                self.user = Some(login.user);
                wire.put("235 2.7.0 welcome\r\n")?;
            }
            Err(Denied::Failed(_)) => wire.put("454 4.7.0 can't check that now\r\n")?,
            Err(Denied::Wrong) => {
                let enough = self.guesses.failed(wire, world.limits());
                wire.put("535 5.7.8 wrong name or password\r\n")?;
                if enough {
                    wire.put("421 4.7.0 too many failed logins\r\n")?;
                    return Ok(Next::Close);
                }
            }
        }
        Ok(Next::Go)
    }
}

fn helo_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".-_:[]".contains(c)
}

/// One challenge and its answer, decoded; `None` if it was cancelled or is not base64.
fn challenge(wire: &mut Wire, initial: Option<String>, prompt: &str) -> Result<Option<Vec<u8>>> {
    let answer = match initial {
        Some(text) if text == "=" => Vec::new(),
        Some(text) => text.into_bytes(),
        None => {
            wire.put(format!("334 {prompt}\r\n"))?;
            secret_line(wire, COMMAND_LINE)?
        }
    };
    Ok(sasl::unbase64(&answer))
}

enum Received {
    Whole(Draft),
    Refused(String),
    Bare,
    Flood,
}

/// The reply for a failure here. A full disk is 452, RFC 5321 4.2.3.
fn failure(e: &Error) -> String {
    let full = ["No space left", "quota", "File too large"].iter().any(|words| e.to_string().contains(words));
    if full { "452 4.3.1 no space left here\r\n".into() } else { "451 4.3.0 it can't be stored now\r\n".into() }
}

/// Streams the data into `draft`. What is refused is read to its end all the same, so that the reply finds its listener.
fn receive(wire: &mut Wire, mut draft: Draft, trouble: Option<Error>, limit: u64, hops: u32) -> Result<Received> {
    let mut refused = trouble.map(|e| failure(&e));
    let (mut to, mut out) = (ToFile::default(), Vec::new());
    let (mut size, mut loops) = (0u64, Hops::default());
    let mut body = wire.dotted();
    loop {
        let piece = body.chunk()?;
        let last = piece.is_empty();
        size += piece.len() as u64;
        out.clear();
        if last {
            to.finish(&mut out)
        } else {
            to.push(piece, &mut out)
        };
        if body.saw_bare() {
            return Ok(Received::Bare);
        }
        if size > limit {
            if size > limit.saturating_mul(2) {
                return Ok(Received::Flood);
            }
            refused.get_or_insert_with(|| format!("552 5.3.4 no message over {limit} bytes\r\n"));
        }
        loops.push(&out);
        if loops.received > hops {
            refused.get_or_insert_with(|| "554 5.4.6 too many hops: a loop\r\n".to_owned());
        }
        if refused.is_none()
            && let Err(e) = draft.write(&out)
        {
            refused = Some(failure(&e));
        }
        if last {
            return Ok(refused.map_or(Received::Whole(draft), Received::Refused));
        }
    }
}

/// Puts the draft into every recipient's INBOX; the reply.
fn store(draft: Draft, mail: &Mail) -> String {
    let targets: Vec<Target<'_>> = mail
        .to
        .iter()
        .map(|(_, account)| Target { account, folder: "INBOX", flags: Flags::default(), internal_date: None })
        .collect();
    let mut reply = "250 2.0.0 stored\r\n".to_owned();
    for result in draft.commit(&targets) {
        match result {
            Ok(_) => {}
            Err(FolderError::Other(e)) => reply = failure(&e),
            Err(_) => reply = "451 4.3.0 it can't be stored now\r\n".to_owned(),
        }
    }
    reply
}

/// Counts the Received fields of a header that streams by, in file form.
#[derive(Default)]
struct Hops {
    received: u32,
    line: Vec<u8>,
    body: bool,
}

impl Hops {
    fn push(&mut self, bytes: &[u8]) {
        const NAME: &[u8] = b"received:";
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            if self.body {
                return;
            }
            // Only the beginning of a line matters.
            let room = (NAME.len() + 1).saturating_sub(self.line.len());
            self.line.extend(piece.iter().take(room));
            if piece.ends_with(b"\n") {
                self.body = self.line == b"\n";
                let name = self.line.get(..NAME.len()).unwrap_or_default();
                self.received += u32::from(name.eq_ignore_ascii_case(NAME));
                self.line.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_counted_in_the_header_only() {
        let text = b"Received: a\n\tb\nRECEIVED: c\nX-Received: d\nReceiv\n\nReceived: e\n";
        for cut in 0..text.len() {
            let mut hops = Hops::default();
            let (a, b) = text.split_at(cut);
            hops.push(a);
            hops.push(b);
            assert_eq!(hops.received, 2, "cut at {cut}");
        }
    }
}
