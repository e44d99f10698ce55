//! One message: to all its recipients, in as many transactions as the server's limits make of it.

use super::body::Watched;
use super::envelope::{Commands, Envelope};
use super::offer::{Offer, Replies};
use super::outcome::{Ending, Outcome, Stage};
use super::{Client, FLIGHT};
use crate::body::Rewind;
use crate::error::{Error, Exit, Fate, Result};
use crate::proto::mailbox::Mailbox;
use std::collections::{BTreeSet, VecDeque};

/// A message up to this size goes out in the flight of its MAIL, where the server can take it so.
pub(super) const SMALL: u64 = 12 * 1024;
/// Up to so many recipients no server finds too many (it must take a hundred, RFC 5321 4.5.3.1.8, and some do not): QUIT may
/// leave before their replies come.
const FEW: usize = 20;

/// What leaves in the flight of the end of a message (RFC 2920 3.1), so that nobody waits for it.
#[derive(Clone, Copy, Debug, Default)]
pub enum Then<'e> {
    /// Nothing.
    #[default]
    Wait,
    /// QUIT: it is the last message. [`Client::quit`] reads the answer.
    Quit,
    /// The offer of this message, which the next call sends. If another one is sent instead, the connection is lost.
    Offer(&'e Envelope),
}

/// What is called at the hand-over, with the outcomes that there will be if the server takes the message.
pub(super) type Note<'n> = &'n mut dyn FnMut(&[Outcome]) -> Result<()>;

/// A transaction: some or all of the recipients.
pub(super) struct Share<'e> {
    pub envelope: &'e Envelope,
    pub to: Vec<&'e Mailbox>,
    pub mail: &'e str,
    pub rcpt: Vec<&'e str>,
}

/// How a message gets across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// DATA, in the flight of MAIL and RCPT where that may be.
    Data,
    /// BDAT, when the replies to RCPT are there.
    Chunks,
    /// BDAT in the flight of MAIL and RCPT.
    AtOnce,
}

impl Client {
    /// Sends one message. `Ok` has an outcome for every recipient, in order, whatever it is.
    ///
    /// # Errors
    /// 64, 65, 69, 76: the server can't take such a message or do what is asked for, and nothing was sent; 66, 74: `message`
    /// can't be read (the transaction was broken off before its end); 76: the server breaks the protocol.
    pub fn send(&mut self, envelope: &Envelope, message: &mut dyn Rewind) -> Result<Vec<Outcome>> {
        self.send_then(envelope, message, Then::Wait, &mut |_| Ok(()))
    }

    /// The same, with what may leave in the same flight, and `handing_over` is called right before the first byte that may be
    /// the last one that the server needs: of the final dot, or of the last chunk. It gets what the recipients' outcomes will be
    /// if the server takes the message (of one transaction: a message to many may need several), so those with [`Fate::Done`] are
    /// those that it is handed over for. After it has returned, only the server's answer tells their fate.
    ///
    /// # Errors
    /// As [`Client::send`]; an error of `handing_over`, after which the connection is dropped without the end of the message.
    pub fn send_then(
        &mut self,
        envelope: &Envelope,
        message: &mut dyn Rewind,
        then: Then<'_>,
        handing_over: &mut dyn FnMut(&[Outcome]) -> Result<()>,
    ) -> Result<Vec<Outcome>> {
        let commands = self.commands(envelope)?;
        let mut outcomes: Vec<Option<Outcome>> = vec![None; envelope.to.len()];
        let mut left: VecDeque<usize> = (0..envelope.to.len()).collect();
        let mut barred = Vec::new();
        while !left.is_empty() {
            if self.closed || self.quitting || self.is_full() {
                barred.extend(left);
                break;
            }
            let now = self.first_of(envelope, &mut left, &mut barred);
            if now.is_empty() {
                break;
            }
            let share = share(envelope, &commands, &now);
            let then = if left.is_empty() && barred.is_empty() { then } else { Then::Wait };
            let (ends, too_many) = self.transaction(&share, message, then, handing_over)?;
            let some = ends.iter().any(|end| end.fate == Fate::Done);
            if some && !too_many.is_empty() {
                // It has said how many it takes.
                self.room = Some(now.len().saturating_sub(too_many.len()).max(1));
            }
            for ((n, index), end) in now.iter().enumerate().zip(ends) {
                if some && too_many.contains(&n) {
                    left.push_back(*index);
                }
                if let Some(outcome) = outcomes.get_mut(*index) {
                    *outcome = Some(end);
                }
            }
        }
        let end =
            Ending::ours(Stage::Rcpt, Fate::Later, "the server takes no more recipients in this connection".to_owned());
        for index in barred {
            if let (Some(outcome), Some(to)) = (outcomes.get_mut(index), envelope.to.get(index)) {
                // One whom it had no room for in the last transaction has its words.
                let tried = outcome.take();
                *outcome = Some(Outcome { untried: true, ..tried.unwrap_or_else(|| end.of(to)) });
            }
        }
        outcomes.into_iter().map(|o| o.ok_or_else(|| Error::internal("a recipient without outcome"))).collect()
    }

    /// What the server would be asked.
    fn commands(&self, envelope: &Envelope) -> Result<Commands> {
        let commands = envelope.commands(&self.extensions, self.wire.is_verified());
        let commands = commands.map_err(|e| e.at(self.wire.peer()))?;
        let most = self.extensions.limits.recipients.unwrap_or(usize::MAX);
        if envelope.wants.all_or_nothing && envelope.to.len() > most {
            let text = format!("all or nothing, and the server takes {most} recipients at a time");
            return Err(Error::refused(text).at(self.wire.peer()));
        }
        Ok(commands)
    }

    fn is_full(&self) -> bool {
        self.extensions.limits.mails.is_some_and(|most| self.mails >= most)
    }

    /// Takes as many of the recipients `left` as the next transaction may have (RFC 9422). Those whose turn will not come in this
    /// connection are `barred`.
    fn first_of(&self, envelope: &Envelope, left: &mut VecDeque<usize>, barred: &mut Vec<usize>) -> Vec<usize> {
        let limits = self.extensions.limits;
        let at_a_time = limits.recipients.into_iter().chain(self.room).min().unwrap_or(usize::MAX);
        let mut domains = self.domains.clone();
        let mut now = Vec::new();
        while now.len() < at_a_time
            && let Some(index) = left.pop_front()
        {
            let Some((most, to)) = limits.domains.zip(envelope.to.get(index)) else {
                now.push(index);
                continue;
            };
            let domain = to.domain().to_ascii_lowercase();
            if domains.len() < most || domains.contains(&domain) {
                domains.insert(domain);
                now.push(index);
            } else {
                barred.push(index);
            }
        }
        now
    }

    pub(super) fn way(&self, envelope: &Envelope) -> Way {
        let offers = &self.extensions;
        match offers.chunking && offers.pipelining {
            true if envelope.size <= SMALL && !envelope.wants.all_or_nothing => Way::AtOnce,
            true => Way::Chunks,
            false => Way::Data,
        }
    }

    /// One MAIL and what follows. Besides the outcomes: for whom the server had no room in this transaction.
    fn transaction(
        &mut self,
        share: &Share<'_>,
        message: &mut dyn Rewind,
        then: Then<'_>,
        note: Note<'_>,
    ) -> Result<(Vec<Outcome>, BTreeSet<usize>)> {
        if std::mem::take(&mut self.stale) {
            self.give_up("RSET\r\n");
        }
        self.mails = self.mails.saturating_add(1);
        if self.extensions.limits.domains.is_some() {
            self.domains.extend(share.to.iter().map(|to| to.domain().to_ascii_lowercase()));
        }
        let way = self.way(share.envelope);
        if way == Way::AtOnce {
            let then = if share.to.len() > FEW { Then::Wait } else { then };
            return self.at_once(share, message, then, note).map_err(|e| self.broken(e));
        }
        let (mut outcomes, too_many) = match self.offer(share, way) {
            Ok(Offer { outcomes, too_many, goes_on: true }) => (outcomes, too_many),
            Ok(Offer { outcomes, too_many, .. }) => return Ok((outcomes, too_many)),
            Err(e) if e.exit() == Exit::TempFail => {
                self.closed = true;
                return Ok((
                    Replies::default().cut_short(share, &Ending::ours(Stage::Mail, Fate::Later, e.to_string())),
                    BTreeSet::new(),
                ));
            }
            Err(e) => return Err(self.broken(e)),
        };
        let then = if too_many.is_empty() { then } else { Then::Wait };
        let accepted = outcomes.iter().filter(|o| o.fate == Fate::Done).count();
        let mut body = message.rewind().map_err(|e| self.broken(e))?;
        let mut source = Watched::new(&mut *body);
        let mut note = || note(&outcomes);
        let ends = match way {
            Way::Chunks => self.chunks(share, &mut source, accepted, then, &mut note),
            Way::Data | Way::AtOnce => self.dotted(share, &mut source, accepted, then, &mut note),
        };
        let ends = ends.map_err(|e| self.broken(e))?;
        for (n, outcome) in outcomes.iter_mut().filter(|o| o.fate == Fate::Done).enumerate() {
            if let Some(end) = ends.get(n).or(ends.last()) {
                *outcome = end.of(&outcome.to);
            }
        }
        Ok((outcomes, too_many))
    }

    /// What leaves behind the end of a message. What is `ahead` then is noted when the flight has left.
    pub(super) fn behind(&self, then: Then<'_>) -> (Vec<u8>, Option<Vec<String>>) {
        if !self.extensions.pipelining {
            return (Vec::new(), None);
        }
        match then {
            Then::Wait => (Vec::new(), None),
            Then::Quit => (b"QUIT\r\n".to_vec(), None),
            Then::Offer(next) => {
                let way = self.way(next);
                let commands = match self.commands(next) {
                    // Nothing would be won, or it is told when its turn comes.
                    Ok(commands) if way != Way::AtOnce && !self.is_full() => commands,
                    _ => return (Vec::new(), None),
                };
                let now = self.first_of(next, &mut (0..next.to.len()).collect(), &mut Vec::new());
                if now.is_empty() || now.len() + 2 > FLIGHT {
                    return (Vec::new(), None);
                }
                let commands = share(next, &commands, &now).commands(way);
                (commands.concat().into_bytes(), Some(commands))
            }
        }
    }
}

fn share<'e>(envelope: &'e Envelope, commands: &'e Commands, now: &[usize]) -> Share<'e> {
    Share {
        envelope,
        to: now.iter().filter_map(|index| envelope.to.get(*index)).collect(),
        mail: &commands.mail,
        rcpt: now.iter().filter_map(|index| commands.rcpt.get(*index)).map(String::as_str).collect(),
    }
}

impl Share<'_> {
    /// What can leave before a reply is needed, with PIPELINING.
    pub(super) fn commands(&self, way: Way) -> Vec<String> {
        // With 354 there is no way back.
        let data = way == Way::Data && !self.envelope.wants.all_or_nothing;
        let mut commands = vec![self.mail.to_owned()];
        commands.extend(self.rcpt.iter().map(|&rcpt| rcpt.to_owned()));
        commands.extend(data.then(|| "DATA\r\n".to_owned()));
        commands
    }
}
