//! Commands out, responses in: the part of the client that knows tags, literals and line limits, and no mailbox.

use super::early_login::{Owed, Remembers, Used};
use super::opening::Opened;
use super::told::Told;
use super::utf8::Spoken;
use crate::body::Body;
use crate::error::{Error, Exit, Result};
use crate::net::Deadline;
use crate::net::wire::{LINE, Quiet, Wire};
use crate::proto::imap::command::Command;
use crate::proto::imap::encode::Piece;
use crate::proto::imap::gather::Gathered;
use crate::proto::imap::response::{
    BodyName, Code, Condition, FetchValue, Response, Status, Untagged, announced, may_have_literals,
};
use crate::text::chomp;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

/// The next line of a response; pipepost(7), "Limits and deadlines".
const REPLY: Duration = Duration::from_secs(300);
/// Commands in flight.
pub(super) const FLIGHT: usize = 100;
/// What is held of one message's row: its envelope may name a thousand recipients.
const HELD: usize = 1024 * 1024;
/// Texts that a person must see, kept until somebody asks.
const ALERTS: usize = 20;
/// Body sections of one message's row: nobody asks for so many.
const SECTIONS: usize = 100;
/// What is held of the result of a search: the UIDs of some million messages.
const RESULTS: usize = 32 * 1024 * 1024;
/// LITERAL- (RFC 7888 4) sends no longer ones unasked.
const SHORT: u64 = 4096;

/// A message's number and what was told of it.
pub(super) type Row = (u32, Vec<FetchValue>);

/// Who hears what comes between a command and its answer.
pub(super) trait Listen {
    /// The folder is open that was opened in this flight.
    fn opened(&mut self, folder: Opened) -> Result<()> {
        let _ = folder;
        Ok(())
    }

    /// A response that came while the folder of this flight was being opened.
    fn early(&mut self, what: &Untagged) -> Result<()> {
        let _ = what;
        Ok(())
    }

    /// A response that has no tag. What is nobody's business is dropped here.
    fn untagged(&mut self, what: Untagged) -> Result<()>;

    /// A body section as a literal of `size` bytes. `so_far` is the row that it belongs to, as far as it has come.
    fn literal(&mut self, so_far: Row, name: &BodyName, size: u64, body: &mut dyn Body) -> Result<()> {
        let _ = (so_far, name, size);
        body.skip().map(drop)
    }

    /// The answer to the command at that place in a [flight](Talk::flight); an error: it could not be written.
    fn answered(&mut self, at: usize, answer: Result<Status>) -> Result<()> {
        let _ = (at, answer);
        Ok(())
    }
}

/// Hears nothing.
pub(super) struct Deaf;

impl Listen for Deaf {
    fn untagged(&mut self, _: Untagged) -> Result<()> {
        Ok(())
    }
}

pub(super) enum Said {
    Continue(String),
    Tagged(String, Status),
}

/// One connection.
pub(super) struct Talk {
    pub(super) wire: Wire,
    tag: u64,
    line: Vec<u8>,
    gathered: Gathered,
    pub(super) told: Told,
    /// The answer to the login is.
    pub(super) owed: Option<Owed>,
    pub(super) spoken: Spoken,
    pub(super) used: RefCell<Used>,
    /// The last flight was for nothing, as the server can do other things than it could.
    pub(super) stale: bool,
    pub(super) remembers: Option<Remembers>,
    leaving: bool,
    end: Deadline,
}

impl Talk {
    pub(super) fn new(wire: Wire) -> Talk {
        Talk {
            wire,
            tag: 0,
            line: Vec::new(),
            gathered: Gathered::default(),
            told: Told::default(),
            owed: None,
            spoken: Spoken::default(),
            used: RefCell::default(),
            stale: false,
            remembers: None,
            leaving: false,
            end: Deadline::NEVER,
        }
    }

    pub(super) fn peer(&self) -> String {
        self.wire.peer().to_owned()
    }

    /// See [`Wire::wants_tls`].
    pub(super) fn wants_tls(&self) -> Option<bool> {
        self.wire.wants_tls()
    }

    /// The handshake. Whatever the server told before it may have been somebody else's words.
    pub(super) fn start_tls(&mut self) -> Result<()> {
        self.told = Told::default();
        self.wire.start_tls()
    }

    /// Both sides compress from here on.
    pub(super) fn compress(&mut self) -> Result<()> {
        self.wire.compress()
    }

    /// Whether compression is worth its while: there is a network in between, and it is not compressed yet.
    pub(super) fn is_far(&self) -> bool {
        !self.wire.is_compressed() && self.wire.our_address().is_some_and(|ours| !ours.is_loopback())
    }

    /// Whether the server said that it can do this.
    pub(super) fn has(&self, capability: &str) -> bool {
        if self.owed.is_some() {
            self.used.borrow_mut().insert(capability.to_owned());
        }
        self.told.has(capability)
    }

    /// From here on BYE is what we want, and it is not waited for longer than `d`.
    pub(super) fn leave(&mut self, d: Duration) {
        self.leaving = true;
        self.end = Deadline::after(d);
    }

    fn patience(&self) -> Deadline {
        Deadline::after(REPLY).or_earlier(self.end)
    }

    pub(super) fn protocol(&self, why: impl Into<String>) -> Error {
        Error::protocol(why).at(self.wire.peer())
    }

    /// A NO or BAD as an error.
    pub(super) fn refused(&self, what: &str, answer: &Status) -> Error {
        let e = refusal(what, answer);
        Error::new(e.exit(), self.wire.hide(e.to_string())).at(self.wire.peer())
    }

    /// Nothing may have been said that was not asked for: between the greeting and the login.
    pub(super) fn must_be_quiet(&mut self) -> Result<()> {
        match self.wire.quiet("* BYE") {
            Quiet::Nothing => Ok(()),
            Quiet::Input => Err(self.protocol("says more than it was asked")),
            Quiet::Closed => Err(Error::temporary("closed by the other side").at(self.wire.peer())),
        }
    }

    // ---- out

    /// One command and its answer.
    pub(super) fn ask(&mut self, command: &Command, listen: &mut dyn Listen) -> Result<Status> {
        self.settled()?;
        let (tag, pieces) = self.encode(command)?;
        match self.say(&tag, pieces, listen)? {
            Some(refused) => Ok(refused),
            None => self.answer(&tag, listen),
        }
    }

    /// The login is known to be good: nothing but what reads goes out before.
    pub(super) fn settled(&mut self) -> Result<()> {
        match self.settle(&mut VecDeque::new()) {
            // Nothing was done in vain.
            Err(_) if std::mem::take(&mut self.stale) => Ok(()),
            done => done,
        }
    }

    /// Many commands, `width` of them at a time; their answers must come in order.
    pub(super) fn flight(
        &mut self,
        width: usize,
        commands: &mut dyn Iterator<Item = Command>,
        listen: &mut dyn Listen,
    ) -> Result<()> {
        let mut waiting: VecDeque<Result<String>> = VecDeque::new();
        let mut commands = commands.peekable();
        let mut at = 0;
        loop {
            // Refilled when half of it is done, so that the refill is one write too.
            while waiting.len() <= width / 2 && commands.peek().is_some() {
                for command in commands.by_ref().take(width - waiting.len()) {
                    let (tag, pieces) = match self.encode(&command) {
                        Ok(encoded) => encoded,
                        Err(e) => {
                            waiting.push_back(Err(e));
                            continue;
                        }
                    };
                    if pieces.iter().any(|p| matches!(p, Piece::Literal(b) if !self.at_once(b.len() as u64))) {
                        self.settle(&mut waiting)?;
                        // The server's leave to go on must not be mixed up with earlier answers.
                        while let Some(tag) = waiting.pop_front() {
                            self.land(&mut at, tag, listen)?;
                        }
                    }
                    match self.say(&tag, pieces, listen)? {
                        None => waiting.push_back(Ok(tag)),
                        Some(refused) => {
                            listen.answered(at, Ok(refused)).map_err(|e| self.broken(e))?;
                            at += 1;
                        }
                    }
                }
            }
            self.settle(&mut waiting)?;
            match waiting.pop_front() {
                Some(tag) => self.land(&mut at, tag, listen)?,
                None => return Ok(()),
            }
        }
    }

    fn land(&mut self, at: &mut usize, tag: Result<String>, listen: &mut dyn Listen) -> Result<()> {
        let answer = match tag {
            Ok(tag) => Ok(self.answer(&tag, listen)?),
            Err(e) => Err(e),
        };
        listen.answered(*at, answer).map_err(|e| self.broken(e))?;
        *at += 1;
        Ok(())
    }

    pub(super) fn encode(&mut self, command: &Command) -> Result<(String, Vec<Piece>)> {
        self.tag = self.tag.saturating_add(1);
        let tag = format!("a{}", self.tag);
        let pieces = self.spoken.encode(&tag, command)?;
        Ok((tag, pieces))
    }

    /// Whether a literal of that size need not wait for the server's leave (RFC 7888).
    fn at_once(&self, size: u64) -> bool {
        self.has("LITERAL+") || (self.has("LITERAL-") && size <= SHORT)
    }

    /// Announces a literal, and waits for the server's leave if it needs one. `Some`: it is refused.
    fn announce(&mut self, tag: &str, size: u64, listen: &mut dyn Listen) -> Result<Option<Status>> {
        if self.at_once(size) {
            self.wire.put(format!("{{{size}+}}\r\n"))?;
            return Ok(None);
        }
        self.wire.put(format!("{{{size}}}\r\n"))?;
        self.continuation(tag, listen)
    }

    /// `Some`: the server refused before the command was whole.
    pub(super) fn say(&mut self, tag: &str, pieces: Vec<Piece>, listen: &mut dyn Listen) -> Result<Option<Status>> {
        for piece in pieces {
            let (bytes, secret) = match &piece {
                Piece::Text(text) => {
                    self.wire.put(text)?;
                    continue;
                }
                Piece::Secret(secret) => {
                    self.wire.put_secret(secret.expose())?;
                    continue;
                }
                // Whoever has it writes it.
                Piece::Stream(size) => match self.announce(tag, *size, listen)? {
                    None => continue,
                    refused => return Ok(refused),
                },
                Piece::Literal(bytes) => (bytes.as_slice(), false),
                Piece::SecretLiteral(secret) => (secret.expose(), true),
            };
            if let Some(refused) = self.announce(tag, bytes.len() as u64, listen)? {
                return Ok(Some(refused));
            }
            if secret { self.wire.put_secret(bytes)? } else { self.wire.put(bytes)? }
        }
        Ok(None)
    }

    // ---- in

    /// The greeting.
    pub(super) fn greeting(&mut self) -> Result<Status> {
        match self.response(&mut Deaf).map_err(|e| self.broken(e))? {
            Response::Untagged(Untagged::Status(status))
                if matches!(status.condition, Condition::Ok | Condition::PreAuth) =>
            {
                self.note(&Untagged::Status(status.clone()))?;
                Ok(status)
            }
            Response::Untagged(Untagged::Status(status)) if status.condition == Condition::Bye => {
                Err(self.refused("", &status).with_exit(Exit::TempFail))
            }
            _ => Err(self.protocol("not an IMAP greeting")),
        }
    }

    pub(super) fn answer(&mut self, tag: &str, listen: &mut dyn Listen) -> Result<Status> {
        match self.read(listen)? {
            Said::Tagged(came, status) if came == tag => Ok(status),
            Said::Tagged(..) | Said::Continue(_) => {
                let e = self.protocol(format!("out of step: an answer that is not to {tag}"));
                Err(self.broken(e))
            }
        }
    }

    /// `None`: the server wants more; else its refusal.
    pub(super) fn continuation(&mut self, tag: &str, listen: &mut dyn Listen) -> Result<Option<Status>> {
        match self.read(listen)? {
            Said::Continue(_) => Ok(None),
            Said::Tagged(came, status) if came == tag && status.condition != Condition::Ok => Ok(Some(status)),
            Said::Tagged(..) => {
                let e = self.protocol(format!("out of step: an answer that {tag} does not explain"));
                Err(self.broken(e))
            }
        }
    }

    /// After an error in the middle nobody knows where the next response begins.
    pub(super) fn broken(&mut self, e: Error) -> Error {
        self.wire.close();
        e
    }

    pub(super) fn read(&mut self, listen: &mut dyn Listen) -> Result<Said> {
        self.read_on(listen).map_err(|e| self.broken(e))
    }

    fn read_on(&mut self, listen: &mut dyn Listen) -> Result<Said> {
        loop {
            match self.response(listen)? {
                Response::Continue(text) => return Ok(Said::Continue(text)),
                Response::Tagged(tag, mut status) => {
                    status.text = self.wire.hide(status.text);
                    self.note(&Untagged::Status(status.clone()))?;
                    return Ok(Said::Tagged(tag, status));
                }
                Response::Untagged(what) => {
                    self.note(&what)?;
                    listen.untagged(what)?;
                }
            }
        }
    }

    fn note(&mut self, what: &Untagged) -> Result<()> {
        match what {
            Untagged::Capability(words) => self.capabilities(words),
            Untagged::Enabled(words) => self.spoken.enabled(words),
            Untagged::Exists(n) => self.told.exists = Some(*n),
            Untagged::Mailbox(name, _) => self.told.stirs(name),
            Untagged::Expunge(_) => self.told.exists = self.told.exists.map(|n| n.saturating_sub(1)),
            Untagged::Status(status) if status.condition == Condition::Bye && !self.leaving => {
                // The server closes the connection: as if it were lost.
                return Err(self.refused("", status).with_exit(Exit::TempFail));
            }
            Untagged::Status(status) => match &status.code {
                Some(Code::Capability(words)) => self.capabilities(words),
                Some(Code::UidValidity(n)) => self.told.uid_validity = Some(*n),
                Some(Code::UidNext(n)) => self.told.uid_next = Some(*n),
                Some(Code::PermanentFlags(flags)) => self.told.permanent = Some(flags.clone()),
                Some(code) if code.is("READ-ONLY") => self.told.read_only = true,
                Some(code) if code.is("READ-WRITE") => self.told.read_only = false,
                Some(Code::Alert) if self.told.alerts.len() < ALERTS => {
                    let text = self.wire.hide(status.text.clone());
                    self.told.alerts.push(text);
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn capabilities(&mut self, words: &[String]) {
        self.told.fresh = true;
        self.told.capabilities = words.iter().map(|w| w.to_ascii_uppercase()).collect();
    }

    /// One response, whole, but for body sections, which go to `listen`, and long lists of numbers, of which only the end is
    /// returned.
    fn response(&mut self, listen: &mut dyn Listen) -> Result<Response> {
        let mut all = std::mem::take(&mut self.gathered);
        all.clear();
        let parsed = self.gather(&mut all, listen).and_then(|()| {
            Response::parse_in(self.spoken.names, &all).map_err(|why| {
                let said = all.bytes();
                let said = String::from_utf8_lossy(said.get(..said.len().min(200)).unwrap_or_default());
                self.protocol(format!("not an IMAP response: {why}: {}", self.wire.hide(said.into_owned())))
            })
        });
        self.gathered = all;
        parsed
    }

    fn gather(&mut self, all: &mut Gathered, listen: &mut dyn Listen) -> Result<()> {
        let mut row = false;
        let mut sections = 0;
        loop {
            let first = all.is_empty();
            if !self.next_line(if row { HELD.saturating_sub(all.len()) } else { LINE }, first, &mut row)? {
                self.numbers(listen)?;
            }
            if first && !may_have_literals(&self.line) {
                *all = Gathered::of(self.line.as_slice());
                return Ok(());
            }
            let Some(literal) = all.push_line(&self.line) else { return Ok(()) };
            if row && let Some((number, name)) = announced(all) {
                all.elide();
                sections += 1;
                if sections > SECTIONS {
                    return Err(self.protocol("more body sections than anybody asked for"));
                }
                // What there is of the row, as if it ended here.
                let mut ended = all.clone();
                ended.push_line(b")");
                let so_far = match Response::parse(&ended) {
                    Ok(Response::Untagged(Untagged::Fetch(number, values))) => (number, values),
                    _ => (number, Vec::new()),
                };
                self.wire.until(Deadline::NEVER);
                let mut body = self.wire.exact(literal.size);
                listen.literal(so_far, &name, literal.size, &mut body)?;
                // Should the listener have left something: the row goes on behind it.
                body.skip()?;
                continue;
            }
            // Half of the room stays for what the row still has to say.
            let room = if row { HELD / 2 } else { LINE }.saturating_sub(all.len());
            let held = usize::try_from(literal.size).is_ok_and(|n| n <= room);
            if !held && !row {
                return Err(self.protocol(format!("a literal of {} bytes where none is expected", literal.size)));
            }
            self.wire.until(Deadline::NEVER);
            let mut body = self.wire.exact(literal.size);
            loop {
                let piece = body.chunk()?;
                if piece.is_empty() {
                    break;
                }
                if held {
                    all.push_literal(piece);
                }
            }
            if !held {
                // The item that it belongs to is lost, but not the row.
                all.elide();
            }
        }
    }

    /// The next line, into `self.line`. `false`: it is the beginning of a long list of numbers. Sets `row` if it begins a FETCH
    /// response, which may be longer than others.
    fn next_line(&mut self, max: usize, first: bool, row: &mut bool) -> Result<bool> {
        self.line.clear();
        let mut max = max;
        loop {
            self.wire.until(self.patience());
            let piece = self.wire.line_piece(LINE)?;
            let ended = piece.ends_with(b"\n");
            self.line.extend_from_slice(if ended { chomp(piece) } else { piece });
            if first && !*row && is_row(&self.line) {
                *row = true;
                max = HELD;
            } else if first && is_results(&self.line) {
                max = RESULTS;
            }
            if ended && self.line.len() <= max {
                return Ok(true);
            }
            if first && !ended && numbers_of(&self.line).is_some() {
                return Ok(false);
            }
            if self.line.len() >= max {
                return Err(self.protocol(format!("a line of more than {max} bytes")));
            }
        }
    }

    /// A SEARCH or SORT response of any length, whose beginning is in `self.line`: read in pieces, each of which is a response of its
    /// own. The last one is left in `self.line`.
    fn numbers(&mut self, listen: &mut dyn Listen) -> Result<()> {
        let word = numbers_of(&self.line).unwrap_or_default();
        loop {
            // The last number may go on in the next piece, and so may what CONDSTORE adds in parentheses.
            let cut = memchr::memchr(b'(', &self.line).or_else(|| memchr::memrchr(b' ', &self.line)).unwrap_or(0);
            let rest = self.line.split_off(cut);
            if rest.len() >= LINE {
                return Err(self.protocol("not a list of numbers"));
            }
            match Response::parse(&Gathered::of(self.line.as_slice())) {
                Ok(Response::Untagged(found)) => listen.untagged(found)?,
                Ok(_) => return Err(self.protocol("not a list of numbers")),
                Err(why) => return Err(self.protocol(format!("not a list of numbers: {why}"))),
            }
            self.line.clear();
            self.line.extend_from_slice(word.as_bytes());
            self.line.extend_from_slice(rest.trim_ascii_start());
            self.wire.until(self.patience());
            let piece = self.wire.line_piece(LINE)?;
            let ended = piece.ends_with(b"\n");
            self.line.extend_from_slice(if ended { chomp(piece) } else { piece });
            if ended {
                return Ok(());
            }
        }
    }
}

/// A NO or BAD as an error: 75 where the code says so (RFC 5530), else 69.
pub(super) fn refusal(what: &str, answer: &Status) -> Error {
    let word = match answer.condition {
        Condition::Ok => "OK",
        Condition::No => "NO",
        Condition::Bad => "BAD",
        Condition::Bye => "BYE",
        Condition::PreAuth => "PREAUTH",
    };
    let later = |code: &Code| ["UNAVAILABLE", "INUSE", "LIMIT"].into_iter().any(|name| code.is(name));
    let (exit, code) = match &answer.code {
        Some(code) if later(code) => (Exit::TempFail, name_of(code)),
        Some(code) => (Exit::Refused, name_of(code)),
        None => (Exit::Refused, String::new()),
    };
    Error::new(exit, format!("{what}{word} {code}{}", answer.text).trim_end())
}

fn name_of(code: &Code) -> String {
    match code {
        Code::Other(name, _) => format!("[{name}] "),
        _ => String::new(),
    }
}

fn word_after<'l>(line: &'l [u8], skip: &str) -> Option<&'l [u8]> {
    let (start, rest) = line.split_at_checked(skip.len())?;
    (start == skip.as_bytes()).then_some(rest)
}

fn begins(line: &[u8], with: &str) -> bool {
    line.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
}

/// How a response begins that is a list of numbers.
fn numbers_of(line: &[u8]) -> Option<&'static str> {
    ["* SEARCH ", "* SORT "].into_iter().find(|word| begins(line, word))
}

/// Whether it is what was found, in a form that can't be cut.
fn is_results(line: &[u8]) -> bool {
    begins(line, "* ESEARCH ") || begins(line, "* THREAD ")
}

fn is_row(line: &[u8]) -> bool {
    let Some(rest) = word_after(line, "* ") else { return false };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    digits > 0
        && rest
            .get(digits..digits.saturating_add(7))
            .is_some_and(|w| w.eq_ignore_ascii_case(b" FETCH ") || w == b" FETCH(")
}
