//! STORE, COPY and MOVE.

use super::super::mailbox::FlagChange;
use super::select::indexes;
use super::{Session, answer, bad, failed, folder_failed, no, ok};
use crate::error::Result;
use crate::message::flags::Flags;
use crate::proto::imap::command::Store;
use crate::proto::imap::response::{Code, Condition, Status};
use crate::proto::imap::set::{SequenceSet, UidList};

/// Flags as they came; `Err` is the word that can't be set.
pub(super) fn flags_of(words: &[String]) -> std::result::Result<Flags, Status> {
    let mut flags = Flags::none();
    for word in words {
        // \Recent is the server's; some clients hand back what they were shown.
        if !flags.add(word) && !word.eq_ignore_ascii_case("\\Recent") {
            return Err(no("CANNOT", format!("{word} is no flag that can be set")));
        }
    }
    Ok(flags)
}

/// Some messages of a command by sequence number have vanished (RFC 2180 4.2.1).
pub(super) fn some_gone() -> Status {
    no("EXPUNGEISSUED", "some of the messages are gone")
}

impl Session<'_> {
    pub(super) fn store(
        &mut self,
        uid: bool,
        set: &SequenceSet,
        unchanged_since: Option<i64>,
        how: Store,
        silent: bool,
        words: &[String],
    ) -> Result<Status> {
        if unchanged_since.is_some() {
            self.want_modseqs()?;
        }
        let Some(mailbox) = &mut self.mailbox else { return Ok(bad("no mailbox is selected")) };
        let (wanted, flags) = match (indexes(mailbox, uid, set), flags_of(words)) {
            (Ok(wanted), Ok(flags)) => (wanted, flags),
            (Err(status), _) | (_, Err(status)) => return Ok(status),
        };
        if mailbox.read_only() {
            return Ok(no("CANNOT", "the mailbox is read-only"));
        }
        let change = match how {
            Store::Set => FlagChange::Set,
            Store::Add => FlagChange::Add,
            Store::Remove => FlagChange::Remove,
        };
        let done = match unchanged_since {
            None => mailbox.store(&wanted, change, &flags).map(|known| (known, Vec::new())),
            Some(since) => mailbox.store_unchanged(&wanted, since, change, &flags),
        };
        let (known, modified) = match done {
            Ok(done) => done,
            Err(e) => return self.caught_up(uid, failed(&e)),
        };
        self.new_keywords()?;
        let all = known.len().saturating_add(modified.len()) == wanted.len();
        for index in known {
            if !silent {
                self.tell_message_flags(index, uid)?;
            } else if self.condstore {
                self.tell_modseq(index, uid)?;
            }
        }
        let mut status = if all || uid { ok("STORE completed") } else { some_gone() };
        if !modified.is_empty() {
            for index in &modified {
                self.tell_message_flags(*index, uid)?;
            }
            let set = SequenceSet::from_numbers(self.numbers(uid, &modified));
            status.code = Some(Code::Other("MODIFIED".to_owned(), set.to_string()));
        }
        self.caught_up(uid, status)
    }

    pub(super) fn copy(&mut self, uid: bool, set: &SequenceSet, to: &str) -> Result<Status> {
        let Some(mailbox) = &mut self.mailbox else { return Ok(bad("no mailbox is selected")) };
        let wanted = match indexes(mailbox, uid, set) {
            Ok(wanted) => wanted,
            Err(status) => return Ok(status),
        };
        if wanted.is_empty() {
            return self.caught_up(true, ok("nothing to copy"));
        }
        let status = match mailbox.copy(&wanted, to) {
            Ok(copied) => {
                let (source, target) = (UidList::from_uids(copied.source), UidList::from_uids(copied.target));
                let code = Code::CopyUid(copied.uid_validity, source, target);
                answer(Condition::Ok, Some(code), "COPY completed")
            }
            Err(e) => folder_failed(&e, true),
        };
        self.caught_up(true, status)
    }

    /// MOVE (RFC 6851): the copies are told before the originals are taken away.
    pub(super) fn move_to(&mut self, uid: bool, set: &SequenceSet, to: &str) -> Result<Status> {
        let Some(mailbox) = &mut self.mailbox else { return Ok(bad("no mailbox is selected")) };
        if mailbox.read_only() {
            return Ok(no("CANNOT", "the mailbox is read-only"));
        }
        let wanted = match indexes(mailbox, uid, set) {
            Ok(wanted) => wanted,
            Err(status) => return Ok(status),
        };
        if wanted.is_empty() {
            return self.caught_up(true, ok("nothing to move"));
        }
        let copied = match mailbox.copy(&wanted, to) {
            Ok(copied) => copied,
            Err(e) => return self.caught_up(true, folder_failed(&e, true)),
        };
        let removed = mailbox.remove(&copied.source);
        let (source, target) = (UidList::from_uids(copied.source), UidList::from_uids(copied.target));
        self.note(Code::CopyUid(copied.uid_validity, source, target), "moved")?;
        let status = match removed {
            Ok(()) => ok("MOVE completed"),
            Err(e) => failed(&e),
        };
        self.caught_up(true, status)
    }
}
