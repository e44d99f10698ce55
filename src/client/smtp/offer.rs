//! MAIL, RCPT and DATA, in as few flights as the server allows; with a small message and BDAT it is one for everything.

use super::outcome::{Ending, Outcome, Stage, withheld};
use super::send::{Note, Share, Then, Way};
use super::{COMMAND, Client, DATA, END, FLIGHT};
use crate::body::Rewind;
use crate::error::{Error, Exit, Fate, Result};
use crate::net::Deadline;
use crate::proto::smtp::Reply;
use std::collections::BTreeSet;

/// The commands of an offer that have left, and what was said to them so far.
pub(super) struct Ahead {
    pub commands: Vec<String>,
    pub replies: Replies,
}

/// Where an offer has led.
pub(super) struct Offer {
    pub outcomes: Vec<Outcome>,
    /// Of whom the server had too many.
    pub too_many: BTreeSet<usize>,
    /// Whether it waits for the message, for those whose outcome so far is [`Fate::Done`].
    pub goes_on: bool,
}

/// The replies to MAIL, to each RCPT, and to what follows, as far as they have come.
#[derive(Default)]
pub(super) struct Replies {
    all: Vec<Reply>,
}

impl Replies {
    fn refused(&self) -> Option<&Reply> {
        self.all.first().filter(|mail| !mail.is_positive())
    }

    /// The command that decides on recipients so far.
    fn decides(&self) -> Stage {
        if self.refused().is_some() { Stage::Mail } else { Stage::Rcpt }
    }

    /// The command whose reply comes next.
    fn next(&self, share: &Share<'_>) -> Stage {
        match self.all.len() {
            0 => Stage::Mail,
            n if n <= share.to.len() => Stage::Rcpt,
            _ => Stage::Data,
        }
    }

    /// What has become of everybody: those who were accepted, or not answered for, have this `end`.
    pub(super) fn cut_short(&self, share: &Share<'_>, end: &Ending) -> Vec<Outcome> {
        let mut rcpt = self.all.iter().skip(1);
        let stage = self.decides();
        let one = |to| match self.refused().or(rcpt.next()) {
            Some(reply) if !reply.is_positive() => Ending::from(stage, reply).of(to),
            _ => end.of(to),
        };
        share.to.iter().copied().map(one).collect()
    }

    /// What will become of everybody if the server takes the message.
    fn outcomes(&self, share: &Share<'_>) -> (Vec<Outcome>, BTreeSet<usize>) {
        let mut rcpt = self.all.iter().skip(1);
        let missing = Ending::ours(Stage::Rcpt, Fate::Later, "no reply".to_owned());
        let stage = self.decides();
        let one = |to| {
            self.refused().or(rcpt.next()).map_or_else(|| missing.of(to), |reply| Ending::from(stage, reply).of(to))
        };
        let outcomes = share.to.iter().copied().map(one).collect();
        let rcpt = self.all.iter().skip(1).take(share.to.len()).enumerate();
        let too_many = rcpt.filter(|(_, reply)| self.refused().is_none() && reply.is_too_many()).map(|(n, _)| n);
        (outcomes, too_many.collect())
    }
}

impl Client {
    /// Offers a message, unless that was done already.
    pub(super) fn offer(&mut self, share: &Share<'_>, way: Way) -> Result<Offer> {
        let mut commands = share.commands(way);
        let flight = if self.extensions.pipelining { FLIGHT } else { 1 };
        if flight == 1 {
            commands.truncate(1 + share.rcpt.len());
        }
        let asked_data = commands.len() > 1 + share.rcpt.len();
        let (mut out, mut replies) = match self.ahead.take() {
            None => (0, Replies::default()),
            Some(ahead) if ahead.commands == commands => (commands.len(), ahead.replies),
            Some(_) => return Err(Error::temporary("the server was promised another message")),
        };
        let ended = |outcomes, too_many| Offer { outcomes, too_many, goes_on: false };
        while replies.all.len() < commands.len() {
            if out == replies.all.len() {
                // A reply too many would be taken for that of the next command.
                self.must_be_quiet()?;
            }
            while out - replies.all.len() < flight
                && let Some(command) = commands.get(out)
            {
                self.wire.put(command)?;
                out += 1;
            }
            let last = replies.all.len() + 1 == commands.len();
            self.wire.until(Deadline::after(if last { COMMAND.max(DATA) } else { COMMAND }));
            let end = match self.reply() {
                // 421: the rest will not be answered.
                Ok(reply) if self.closed => Ending::from(replies.next(share), &reply),
                Ok(reply) => {
                    replies.all.push(reply);
                    if flight == 1 && replies.refused().is_some() {
                        return Ok(ended(replies.outcomes(share).0, BTreeSet::new()));
                    }
                    continue;
                }
                Err(e) if e.exit() == Exit::TempFail => self.lost(replies.next(share), &e),
                Err(e) => return Err(e),
            };
            return Ok(ended(replies.cut_short(share, &end), BTreeSet::new()));
        }
        let data = if asked_data { replies.all.pop() } else { None };
        let (outcomes, too_many) = replies.outcomes(share);
        let some = outcomes.iter().any(|o| o.fate == Fate::Done);
        let all = outcomes.iter().all(|o| o.fate == Fate::Done);
        if data.is_none() && (!some || (share.envelope.wants.all_or_nothing && !all)) {
            if replies.refused().is_none() {
                self.give_up("RSET\r\n");
            }
            return Ok(if some { ended(withheld(outcomes), BTreeSet::new()) } else { ended(outcomes, too_many) });
        }
        let data = match (way, data) {
            (Way::Data, None) => {
                self.wire.until(Deadline::after(DATA));
                match self.ask("DATA\r\n") {
                    Err(e) if e.exit() == Exit::TempFail => {
                        let end = self.lost(Stage::Data, &e);
                        return Ok(ended(outcomes.into_iter().map(|o| end.unless_refused(o)).collect(), too_many));
                    }
                    data => Some(data?),
                }
            }
            (_, data) => data,
        };
        match (data.as_ref().map_or(354, |data| data.code), some) {
            (354, true) => {
                // A server that has answered the end of the data already is not listening to it.
                self.must_be_quiet()?;
                Ok(Offer { outcomes, too_many, goes_on: true })
            }
            (354, false) => {
                // RFC 2920 3.1: it waits for a message, which gets none.
                self.give_up(".\r\n");
                Ok(ended(outcomes, too_many))
            }
            (200..=399, _) => {
                let said = data.map(|data| data.to_string()).unwrap_or_default();
                Err(Error::protocol(format!("answers DATA with {said}")).at(self.wire.peer()))
            }
            (_, some) => {
                let Some(data) = data else { return Ok(ended(outcomes, too_many)) };
                let end = Ending::from(Stage::Data, &data);
                self.stale = !some && replies.refused().is_none();
                if some && !self.closed {
                    self.give_up("RSET\r\n");
                }
                Ok(ended(outcomes.into_iter().map(|o| end.unless_refused(o)).collect(), too_many))
            }
        }
    }

    /// The connection is lost, and nothing was handed over.
    fn lost(&mut self, stage: Stage, e: &Error) -> Ending {
        self.closed = true;
        Ending::ours(stage, Fate::Later, e.to_string())
    }

    /// Reads the reply to the MAIL that has left already: is there still somebody who takes messages?
    pub(super) fn ahead_is_heard(&mut self) -> bool {
        let Some(mut ahead) = self.ahead.take() else { return !self.closed };
        if ahead.replies.all.is_empty() {
            self.wire.until(Deadline::after(COMMAND));
            match self.reply() {
                Ok(reply) if !self.closed => ahead.replies.all.push(reply),
                _ => {
                    self.closed = true;
                    return false;
                }
            }
        }
        self.ahead = Some(ahead);
        true
    }

    /// MAIL, RCPT, BDAT with the whole message, and perhaps QUIT, and then the replies to all of them. Who was refused gets
    /// nothing; if everybody was, the server reads the octets and drops them (RFC 3030 2).
    pub(super) fn at_once(
        &mut self,
        share: &Share<'_>,
        message: &mut dyn Rewind,
        then: Then<'_>,
        note: Note<'_>,
    ) -> Result<(Vec<Outcome>, BTreeSet<usize>)> {
        let bytes = super::body::whole(message, share.envelope.size)?;
        let none = BTreeSet::new();
        if let Err(e) = self.must_be_quiet() {
            return if e.exit() == Exit::TempFail {
                let end = self.lost(Stage::Mail, &e);
                Ok((Replies::default().cut_short(share, &end), none))
            } else {
                Err(e)
            };
        }
        let taken = Ending::ours(Stage::End, Fate::Done, String::new());
        note(&Replies::default().cut_short(share, &taken))?;
        let quit = matches!(then, Then::Quit);
        let behind = if quit { &b"QUIT\r\n"[..] } else { &[] };
        let commands = share.commands(Way::AtOnce);
        let mut replies = Replies::default();
        let (mut out, mut handed_over, mut failed) = (0, false, None);
        while replies.all.len() < commands.len() {
            while failed.is_none()
                && out - replies.all.len() < FLIGHT
                && let Some(command) = commands.get(out)
            {
                failed = self.wire.put(command).err();
                out += 1;
            }
            if out == commands.len() && failed.is_none() && !handed_over && replies.refused().is_none() {
                handed_over = true;
                failed = self.put_last(&bytes, behind).err();
                self.quitting = quit;
            }
            self.wire.until(Deadline::after(COMMAND));
            let end = match self.reply() {
                Ok(reply) if self.closed => Ending::from(replies.next(share), &reply),
                Ok(reply) => {
                    replies.all.push(reply);
                    continue;
                }
                Err(e) if !handed_over && e.exit() != Exit::TempFail => return Err(e),
                Err(e) => {
                    let left = self.wire.unsent() < bytes.len() + behind.len();
                    let fate = if handed_over && (failed.is_none() || left) { Fate::Unknown } else { Fate::Later };
                    self.closed = true;
                    Ending::ours(
                        if handed_over { Stage::End } else { replies.next(share) },
                        fate,
                        failed.unwrap_or(e).to_string(),
                    )
                }
            };
            return Ok((replies.cut_short(share, &end), none));
        }
        let (mut outcomes, too_many) = replies.outcomes(share);
        if !handed_over {
            return Ok((outcomes, too_many));
        }
        let accepted = outcomes.iter().filter(|o| o.fate == Fate::Done).count();
        self.wire.until(Deadline::after(END));
        let ends = self.ends(accepted.max(1));
        for (n, outcome) in outcomes.iter_mut().filter(|o| o.fate == Fate::Done).enumerate() {
            if let Some(end) = ends.get(n).or(ends.last()) {
                *outcome = end.of(&outcome.to);
            }
        }
        if !self.quitting && !self.closed && !outcomes.iter().any(|o| o.fate == Fate::Done) {
            // RFC 3030 2: what state a refused chunk has left is unknown.
            self.give_up("RSET\r\n");
        }
        Ok((outcomes, too_many))
    }

    fn put_last(&mut self, bytes: &[u8], behind: &[u8]) -> Result<()> {
        self.wire.put(format!("BDAT {} LAST\r\n", bytes.len()))?;
        self.wire.put_body(bytes)?;
        if !behind.is_empty() {
            self.wire.put(behind)?;
        }
        self.wire.flush()
    }
}
