//! `--stop-after`, which goes only so far, and `--talk`, a dialogue by hand: for learning and for finding out.

use super::report::Report;
use super::run::Task;
use crate::cli::out::Out;
use crate::cli::outgoing::ehlo_name;
use crate::client::smtp::{Client, Outcome, Stage};
use crate::client::{Dial, opened};
use crate::error::{Error, Fate, Local, Result};
use crate::net::Deadline;
use crate::net::wire::{LINE, Wake, Wire};
use crate::proto::smtp::{Reply, reply_line};
use clap::ValueEnum;
use std::os::fd::AsFd;

/// How far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, ValueEnum)]
pub(super) enum Stop {
    /// The connection.
    Connect,
    /// The server's greeting.
    Greeting,
    /// The answer to EHLO, in clear.
    Ehlo,
    /// STARTTLS, where there is one, and the answer to EHLO under it.
    Tls,
    /// The login.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT, of all recipients.
    Rcpt,
    /// The answer to DATA, after which the connection is dropped.
    Data,
}

impl Task<'_> {
    /// Goes so far, and leaves. The last reply is data.
    ///
    /// # Errors
    /// Why it did not come so far.
    pub(super) fn up_to(&self, stop: Stop, report: &mut Report<'_>) -> Result<()> {
        let at = &self.at;
        let mut out = Out::until(self.reach.whole());
        match stop {
            Stop::Connect => return self.reach.dial(at, Deadline::NEVER).map(drop),
            Stop::Greeting | Stop::Ehlo => {
                let wire = self.reach.dial(at, Deadline::NEVER)?;
                let name = ehlo_name(&self.host, &wire);
                let reply = Client::look(wire, at.service, (stop == Stop::Ehlo).then_some(name.as_str()))?;
                return show(&mut out, &reply);
            }
            Stop::Tls => return self.connect(false)?.quit(),
            Stop::Auth => return self.connect(true)?.quit(),
            Stop::Mail | Stop::Rcpt | Stop::Data => {}
        }
        let from = self.mail_from(None, None)?.map(|from| from.to_string()).unwrap_or_default();
        let to = if stop == Stop::Mail { Vec::new() } else { self.recipients(self.arguments.clone())? };
        let mut client = self.connect(true)?;
        let mut last = client.say(&format!("MAIL FROM:<{from}>"))?;
        let mail_refused = !last.is_positive();
        let mut some = false;
        for to in to.iter().filter(|_| !mail_refused) {
            last = client.say(&format!("RCPT TO:<{to}>"))?;
            some |= last.is_positive();
            let fate = match last.code / 100 {
                2 => Fate::Done,
                4 => Fate::Later,
                _ => Fate::Never,
            };
            let (code, enhanced) = (Some(last.code), last.enhanced().map(str::to_owned));
            report.recipient(&Outcome {
                to: to.clone(),
                stage: Stage::Rcpt,
                fate,
                code,
                enhanced,
                text: last.text(),
                untried: false,
                exit: None,
            })?;
        }
        if stop == Stop::Data && some {
            last = client.say("DATA")?;
            show(&mut out, &last)?;
            // After the 354 all that is said would be a message.
            if last.code == 354 {
                client.drop_line();
                return Ok(());
            }
            client.quit()?;
            return Err(refused("DATA", &last).at(at));
        }
        show(&mut out, &last)?;
        client.quit()?;
        if mail_refused { Err(refused("MAIL", &last).at(at)) } else { Ok(()) }
    }

    fn connect(&self, logs_in: bool) -> Result<Client> {
        let login = if logs_in { self.reach.login(&self.at)? } else { None };
        opened(login.as_ref(), |login| {
            let wire = self.reach.dial(&self.at, Deadline::NEVER)?;
            let name = ehlo_name(&self.host, &wire);
            Client::open(wire, self.at.service, &name, login)
        })
    }

    /// Takes commands from stdin, a line each, and writes the replies. From a pipe each waits for the reply to the one before.
    ///
    /// # Errors
    /// 75: the server hangs up before QUIT; why there is no dialogue.
    pub(super) fn talk(&self) -> Result<()> {
        let login = self.reach.login(&self.at)?;
        let wire = opened(login.as_ref(), |login| {
            let wire = self.reach.dial(&self.at, Deadline::NEVER)?;
            let name = ehlo_name(&self.host, &wire);
            Client::open_by_hand(wire, self.at.service, &name, login)
        })?;
        let out = Out::until(self.reach.whole());
        Talk { wire, out, typed: Vec::new(), ended: false, expects: Expects::Command, quitting: false }.all()
    }
}

fn refused(what: &str, reply: &Reply) -> Error {
    let text = format!("{what}: {reply}");
    if reply.is_transient() { Error::temporary(text) } else { Error::refused(text) }
}

fn show(out: &mut Out, reply: &Reply) -> Result<()> {
    let last = reply.lines.len().saturating_sub(1);
    for (n, line) in reply.lines.iter().enumerate() {
        let mark = if n == last { ' ' } else { '-' };
        out.write(format!("{}{mark}{}\n", reply.code, shown(out, line)).as_bytes())?;
    }
    out.flush().map(drop)
}

/// A terminal gets nothing that could drive it.
fn shown(out: &Out, line: &str) -> String {
    if out.is_terminal() { crate::text::escape(line) } else { line.to_owned() }
}

/// What the next line from stdin is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    Command,
    /// A response of a login, which may be a secret.
    Secret,
    /// A line of the message.
    Text,
    /// It is not taken before the reply is here.
    Reply,
}

struct Talk {
    wire: Wire,
    out: Out,
    /// What was read of stdin, and not sent.
    typed: Vec<u8>,
    ended: bool,
    expects: Expects,
    quitting: bool,
}

impl Talk {
    fn all(mut self) -> Result<()> {
        loop {
            // Behind QUIT there is only the end to wait for.
            while self.expects != Expects::Reply
                && !self.quitting
                && let Some(line) = self.next_typed()
            {
                self.send(&line)?;
            }
            if self.ended && !self.quitting && self.expects != Expects::Reply {
                self.send(if self.expects == Expects::Text { b"." } else { b"QUIT" })?;
                continue;
            }
            let stdin = std::io::stdin();
            let bell = (self.expects != Expects::Reply && !self.quitting).then(|| stdin.as_fd());
            match self.wire.wait(bell, Deadline::NEVER)? {
                Wake::Bell => self.read()?,
                Wake::Deadline => return Err(Error::temporary("the time is up")),
                // A server may have hung up before it has read our QUIT.
                Wake::Input if self.wire.has_ended() && self.quitting && self.expects != Expects::Reply => {
                    return self.out.flush().map(drop);
                }
                Wake::Input => self.hear()?,
            }
        }
    }

    /// A line without its end; the last one may have had none.
    fn next_typed(&mut self) -> Option<Vec<u8>> {
        let end = memchr::memchr(b'\n', &self.typed);
        let end = end.or((self.ended && !self.typed.is_empty()).then_some(self.typed.len()))?;
        let rest = self.typed.split_off((end + 1).min(self.typed.len()));
        Some(crate::text::chomp(&std::mem::replace(&mut self.typed, rest)).to_vec())
    }

    fn read(&mut self) -> Result<()> {
        let mut piece = [0; 4096];
        // Not by std's buffer, of which the wait for more knows nothing.
        let n = rustix::io::read(std::io::stdin(), &mut piece).opening("stdin")?;
        self.ended = n == 0;
        self.typed.extend_from_slice(piece.get(..n).unwrap_or_default());
        if self.typed.len() > LINE && memchr::memchr(b'\n', &self.typed).is_none() {
            return Err(Error::usage("stdin: a line without an end"));
        }
        Ok(())
    }

    fn send(&mut self, line: &[u8]) -> Result<()> {
        let verb = |name: &[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        match self.expects {
            Expects::Secret => self.wire.put_secret(line)?,
            // AUTH MECHANISM RESPONSE: the response is nobody's business.
            Expects::Command if verb(b"AUTH ") => {
                let mechanism = line.iter().skip(5).position(|b| *b == b' ').map_or(line.len(), |at| at + 6);
                let (shown, secret) = line.split_at_checked(mechanism).unwrap_or((line, &[]));
                self.wire.put(shown)?;
                if !secret.is_empty() {
                    self.wire.put_secret(secret)?;
                }
            }
            _ => self.wire.put(line)?,
        }
        self.quitting |= self.expects == Expects::Command && verb(b"QUIT");
        if self.expects != Expects::Text || line == b"." {
            self.expects = Expects::Reply;
        }
        self.wire.put("\r\n")?;
        self.wire.flush()
    }

    fn hear(&mut self) -> Result<()> {
        let line = self.wire.line(LINE)?.to_vec();
        let code = reply_line(&line).filter(|(_, last, _)| *last).map(|(code, ..)| code);
        let text = self.wire.hide(String::from_utf8_lossy(&line).into_owned());
        self.out.must(format!("{}\n", shown(&self.out, &text)).as_bytes())?;
        match code {
            Some(354) => self.expects = Expects::Text,
            Some(334) => self.expects = Expects::Secret,
            Some(_) => self.expects = Expects::Command,
            None => {}
        }
        Ok(())
    }
}
