//! The selected mailbox: SELECT, EXAMINE, CLOSE, UNSELECT, EXPUNGE, and what is told about it in between.

use super::super::mailbox::{Account, Mailbox};
use super::{Session, answer, failed, folder_failed, modseq, no, ok};
use crate::error::Result;
use crate::message::flags::{Flag, Flags};
use crate::proto::imap::modseq::Selecting;
use crate::proto::imap::response::{Code, Condition, FetchValue, Status, Untagged};
use crate::proto::imap::set::{SequenceSet, within};

/// A message's flags as FETCH shows them.
pub(super) fn shown(flags: &Flags, recent: bool) -> Vec<String> {
    flags.words().map(str::to_owned).chain(recent.then(|| "\\Recent".to_owned())).collect()
}

pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The sequence number of an index.
pub(super) fn number(index: usize) -> u32 {
    count(index).saturating_add(1)
}

/// The indexes that a set names. UIDs that no message has are left out (RFC 3501 6.4.8); sequence numbers beyond the
/// last message are an error.
pub(super) fn indexes(mailbox: &Mailbox, uid: bool, set: &SequenceSet) -> Result<Vec<usize>, Status> {
    let messages = mailbox.messages();
    let mut found = Vec::new();
    if !uid {
        if let Some(n) = set.largest_named().filter(|n| *n as usize > messages.len()) {
            return Err(super::bad(&format!("there is no message {n}")));
        }
        found.extend(set.numbers(count(messages.len())).filter_map(|n| (n as usize).checked_sub(1)));
        return Ok(found);
    }
    for (from, to) in set.resolve(messages.last().map_or(0, |m| m.uid)) {
        let start = messages.partition_point(|m| m.uid < from);
        found.extend((start..).zip(messages.iter().skip(start)).take_while(|(_, m)| m.uid <= to).map(|(i, _)| i));
    }
    Ok(found)
}

impl Session<'_> {
    pub(super) fn select(&mut self, account: &Account, name: &str, read_only: bool, with: Selecting) -> Result<Status> {
        if matches!(with, Selecting::QResync(_)) && !self.qresync {
            return Ok(super::bad("ENABLE QRESYNC first"));
        }
        // A SELECT that fails leaves none selected (RFC 3501 6.3.1).
        if self.mailbox.take().is_some() {
            self.note(Code::named("CLOSED"), "the mailbox before is closed")?;
        }
        self.saved = SequenceSet::default();
        let mailbox = match account.select(name, read_only) {
            Ok(mailbox) => mailbox,
            Err(e) => return Ok(folder_failed(&e, false)),
        };
        let messages = mailbox.messages();
        let exists = count(messages.len());
        let recent = count(mailbox.recent());
        let unseen = messages.iter().position(|m| !m.flags.has(Flag::Seen)).map(number);
        let (validity, next) = (mailbox.uid_validity(), mailbox.uid_next());
        let modseq = mailbox.highest_modseq();
        self.keywords = mailbox.keywords();
        self.mailbox = Some(mailbox);
        if self.condstore || with != Selecting::Plain {
            self.want_modseqs()?;
        }
        self.tell_flags(read_only)?;
        self.tell(Untagged::Exists(exists))?;
        self.tell(Untagged::Recent(recent))?;
        if let Some(unseen) = unseen {
            self.note(Code::Unseen(unseen), "first unseen")?;
        }
        self.note(Code::UidValidity(validity), "UIDs are valid")?;
        self.note(Code::UidNext(next), "the next UID")?;
        self.note(modseq::highest(modseq), "all changes so far")?;
        if let Selecting::QResync(what) = &with {
            self.resync(what)?;
        }
        let (code, word) = if read_only { ("READ-ONLY", "EXAMINE") } else { ("READ-WRITE", "SELECT") };
        Ok(answer(Condition::Ok, Some(Code::named(code)), format!("{word} completed")))
    }

    fn tell_flags(&mut self, read_only: bool) -> Result<()> {
        let mut flags: Vec<String> = Flag::ALL.iter().map(|f| f.word().to_owned()).collect();
        flags.extend(self.keywords.iter().cloned());
        self.tell(Untagged::Flags(flags.clone()))?;
        let permanent = if read_only {
            Vec::new()
        } else {
            flags.push("\\*".to_owned());
            flags
        };
        self.note(Code::PermanentFlags(permanent), "what can be changed")
    }

    /// Tells of keywords that have come into use.
    pub(super) fn new_keywords(&mut self) -> Result<()> {
        let Some(mailbox) = &self.mailbox else { return Ok(()) };
        let keywords = mailbox.keywords();
        if keywords == self.keywords {
            return Ok(());
        }
        let read_only = mailbox.read_only();
        self.keywords = keywords;
        self.tell_flags(read_only)
    }

    /// Tells what has changed in the selected mailbox, before a command's answer. `expunges` is false where an EXPUNGE
    /// would confuse numbers (RFC 3501 7.4.1).
    pub(super) fn caught_up(&mut self, expunges: bool, status: Status) -> Result<Status> {
        let Some(mailbox) = &mut self.mailbox else { return Ok(status) };
        let changes = match mailbox.sync(expunges) {
            Ok(changes) => changes,
            // The next commands will fail too, and say so; this one is done.
            Err(e) => return self.lost(&e).map(|()| status),
        };
        let vanished = !changes.vanished.is_empty();
        if self.qresync && vanished {
            let uids = SequenceSet::from_numbers(changes.vanished);
            self.tell(Untagged::Vanished { earlier: false, uids })?;
        } else {
            for n in changes.expunged {
                self.tell(Untagged::Expunge(n))?;
            }
        }
        if let Some(n) = changes.exists {
            self.tell(Untagged::Exists(n))?;
        }
        if let Some(n) = changes.recent {
            self.tell(Untagged::Recent(n))?;
        }
        self.new_keywords()?;
        for index in changes.flags {
            self.tell_message_flags(index, false)?;
        }
        Ok(self.with_highest(status, vanished))
    }

    /// The folder has been removed, renamed or damaged under the session: no later number would mean anything.
    pub(super) fn lost(&mut self, e: &crate::error::Error) -> Result<()> {
        self.mailbox = None;
        self.over = true;
        self.note(Code::Alert, &crate::text::escape(e.to_string()))
    }

    /// `* n FETCH (FLAGS ...)`, with the UID if that is wanted or QRESYNC is enabled.
    pub(super) fn tell_message_flags(&mut self, index: usize, uid: bool) -> Result<()> {
        let Some(mailbox) = &self.mailbox else { return Ok(()) };
        let Some(message) = mailbox.messages().get(index) else { return Ok(()) };
        let mut values = Vec::with_capacity(3);
        if uid || self.qresync {
            values.push(FetchValue::Uid(message.uid));
        }
        values.push(FetchValue::Flags(shown(&message.flags, mailbox.is_recent(message))));
        if self.condstore {
            values.push(FetchValue::ModSeq(message.modseq));
        }
        self.tell(Untagged::Fetch(number(index), values))
    }

    pub(super) fn close(&mut self, expunge: bool) -> Result<Status> {
        let Some(mut mailbox) = self.mailbox.take() else { return Ok(super::bad("no mailbox is selected")) };
        // CLOSE of an EXAMINEd mailbox removes nothing and is no error (RFC 3501 6.4.2).
        if expunge
            && !mailbox.read_only()
            && let Err(e) = mailbox.expunge(None)
        {
            return Ok(failed(&e));
        }
        Ok(ok("closed"))
    }

    pub(super) fn expunge(&mut self, set: Option<&SequenceSet>) -> Result<Status> {
        let Some(mailbox) = &mut self.mailbox else { return Ok(super::bad("no mailbox is selected")) };
        if mailbox.read_only() {
            return Ok(no("CANNOT", "the mailbox is read-only"));
        }
        let largest = mailbox.messages().last().map_or(0, |m| m.uid);
        let done = match set.map(|set| set.resolve(largest)) {
            None => mailbox.expunge(None),
            Some(ranges) => mailbox.expunge(Some(&|uid| within(&ranges, uid))),
        };
        let status = match done {
            Ok(()) => ok("expunged"),
            Err(e) => failed(&e),
        };
        self.caught_up(true, status)
    }
}
