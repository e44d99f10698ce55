//! CONDSTORE and QRESYNC (RFC 7162): changes by their mod-sequences, expunges by UIDs.
//!
//! Every SELECT tells HIGHESTMODSEQ, whether the client knows the word or not; the rest begins with the first command that
//! speaks of mod-sequences.

use super::select::number;
use super::{Session, failed};
use crate::error::Result;
use crate::proto::imap::modseq::QResync;
use crate::proto::imap::response::{Code, Condition, FetchValue, Status, Untagged};
use crate::proto::imap::set::SequenceSet;

/// `[HIGHESTMODSEQ n]`
pub(super) fn highest(modseq: i64) -> Code {
    Code::Other("HIGHESTMODSEQ".to_owned(), modseq.to_string())
}

impl Session<'_> {
    /// From now on changes are told with their mod-sequences.
    pub(super) fn want_modseqs(&mut self) -> Result<()> {
        self.condstore = true;
        match self.mailbox.as_mut().map(super::Mailbox::track_modseqs) {
            Some(Err(e)) => self.lost(&e),
            _ => Ok(()),
        }
    }

    /// What has happened since the client was here last.
    pub(super) fn resync(&mut self, what: &QResync) -> Result<()> {
        let Some(mailbox) = &self.mailbox else { return Ok(()) };
        if mailbox.uid_validity() != what.validity {
            // All that it knows is void, and it learns so from UIDVALIDITY.
            return Ok(());
        }
        let all = SequenceSet::from_on(1);
        let known = what.known.as_ref().unwrap_or(&all);
        self.tell_vanished(what.modseq, known)?;
        let Some(mailbox) = &self.mailbox else { return Ok(()) };
        let largest = mailbox.messages().last().map_or(0, |m| m.uid);
        let wanted = known.resolve(largest);
        let changed = |m: &super::super::mailbox::Message| {
            m.modseq > what.modseq && crate::proto::imap::set::within(&wanted, m.uid)
        };
        let indexes: Vec<usize> =
            mailbox.messages().iter().enumerate().filter(|(_, m)| changed(m)).map(|(index, _)| index).collect();
        for index in indexes {
            self.tell_message_flags(index, true)?;
        }
        Ok(())
    }

    /// `* VANISHED (EARLIER) ...`, if there is anything to tell.
    pub(super) fn tell_vanished(&mut self, since: i64, asked: &SequenceSet) -> Result<()> {
        let Some(mailbox) = &self.mailbox else { return Ok(()) };
        match mailbox.vanished(since, asked) {
            Ok(uids) if uids.is_empty() => Ok(()),
            Ok(uids) => self.tell(Untagged::Vanished { earlier: true, uids }),
            Err(e) => self.tell(Untagged::Status(failed(&e))),
        }
    }

    /// `* n FETCH (MODSEQ (...))`: what a silent STORE still tells.
    pub(super) fn tell_modseq(&mut self, index: usize, uid: bool) -> Result<()> {
        let Some(message) = self.mailbox.as_ref().and_then(|m| m.messages().get(index)) else { return Ok(()) };
        let mut values = vec![FetchValue::ModSeq(message.modseq)];
        if uid || self.qresync {
            values.insert(0, FetchValue::Uid(message.uid));
        }
        self.tell(Untagged::Fetch(number(index), values))
    }

    /// Adds HIGHESTMODSEQ to an answer: after expunges the highest, and while some are not told yet one that is below
    /// theirs, so that a client that is cut off now asks for them again.
    pub(super) fn with_highest(&self, mut status: Status, vanished: bool) -> Status {
        let Some(mailbox) = self.mailbox.as_ref().filter(|_| self.qresync) else { return status };
        let (told, all) = (mailbox.told_modseq(), mailbox.highest_modseq());
        if status.code.is_none() && status.condition == Condition::Ok && (vanished || told < all) {
            status.code = Some(highest(told));
        }
        status
    }
}
