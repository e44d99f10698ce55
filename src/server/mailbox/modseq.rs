//! Mod-sequences (RFC 7162): which messages have changed since, and which have vanished.
//!
//! A message's flags are in its file's name, and other programs change them as they like. SQLite keeps the flags that a
//! mod-sequence was given for; where the name says something else, the message has changed, and gets a new one from
//! whoever looks next. Messages that vanish leave their UIDs behind, up to [`uids::REMEMBERED`] ranges of them; who asks
//! for earlier ones hears of all UIDs that name nothing.

use super::selected::Mailbox;
use super::uids;
use crate::error::Result;
use crate::proto::imap::set::SequenceSet;
use crate::store::maildir;
use std::sync::Arc;

impl Mailbox {
    /// The highest mod-sequence: the view has everything up to it. At least 1.
    #[must_use]
    pub fn highest_modseq(&self) -> i64 {
        self.highest
    }

    /// As [`Mailbox::highest_modseq`], but not higher than that of an expunge which has not been told yet.
    #[must_use]
    pub fn told_modseq(&self) -> i64 {
        if self.view.files.iter().any(|f| f.gone) { self.complete } else { self.highest }
    }

    /// From now on changed flags get their mod-sequences at once.
    ///
    /// # Errors
    /// 75 when the folder was removed or renamed, 74.
    pub fn track_modseqs(&mut self) -> Result<()> {
        self.tracking = true;
        self.record_flags()
    }

    /// The UIDs of `asked` that were expunged after `since`; if that is too long ago, all that name no message.
    ///
    /// # Errors
    /// 74.
    pub fn vanished(&self, since: i64, asked: &SequenceSet) -> Result<SequenceSet> {
        let asked = asked.resolve(self.uid_next.saturating_sub(1));
        let known = self.account.db().read(|t| uids::vanished(t, self.validity, since))?;
        let ranges = match known {
            Some(ranges) => SequenceSet::from_ranges(ranges).resolve(u32::MAX),
            None => self.without_message(),
        };
        Ok(SequenceSet::from_ranges(common(&asked, &ranges)))
    }

    /// The UIDs up to the highest one given that name no message.
    fn without_message(&self) -> Vec<(u32, u32)> {
        let mut ranges = Vec::new();
        let mut from = 1u32;
        let ends = self.view.messages.iter().map(|m| m.uid).chain([self.uid_next]);
        for uid in ends {
            if from < uid {
                ranges.push((from, uid.saturating_sub(1)));
            }
            from = uid.saturating_add(1);
        }
        ranges
    }

    /// Takes in what a transaction has made of the folder's mod-sequence: if another process was at work in between, what
    /// it did is not in the view yet.
    pub(super) fn advance(&mut self, before: i64, after: i64) {
        if before == self.highest {
            self.highest = after;
        }
    }

    /// Gives mod-sequences to messages whose flags are not those that were recorded.
    pub(super) fn record_flags(&mut self) -> Result<()> {
        let open = |(index, file): (usize, &super::view::Entry)| (file.unrecorded && !file.gone).then_some(index);
        let open: Vec<usize> = self.view.files.iter().enumerate().filter_map(open).collect();
        if open.is_empty() {
            return Ok(());
        }
        let (before, after, given) = self.account.db().write(|t| {
            let mut folder = uids::still(t, self.validity, &self.name)?;
            let (before, next) = (folder.modseq, folder.modseq.saturating_add(1));
            let mut given = Vec::with_capacity(open.len());
            for index in open {
                let (Some(file), Some(message)) = (self.view.files.get(index), self.view.messages.get(index)) else {
                    continue;
                };
                let letters = maildir::letters(&file.name);
                let Some((mut modseq, known)) = uids::recorded(t, self.validity, message.uid)? else { continue };
                if known.as_deref() != Some(letters) {
                    if known.is_some() {
                        (modseq, folder.modseq) = (next, next);
                    }
                    uids::record(t, self.validity, message.uid, modseq, letters)?;
                }
                given.push((index, modseq));
            }
            if folder.modseq != before {
                uids::set_next(t, folder)?;
            }
            Ok((before, folder.modseq, given))
        })?;
        let view = Arc::make_mut(&mut self.view);
        for (index, modseq) in given {
            if let (Some(file), Some(message)) = (view.files.get_mut(index), view.messages.get_mut(index)) {
                file.unrecorded = false;
                message.modseq = modseq;
            }
        }
        self.advance(before, after);
        Ok(())
    }
}

/// What two lists of ranges, sorted and apart, have in common.
fn common(a: &[(u32, u32)], b: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some((a_from, a_to)), Some((b_from, b_to))) = (a.peek(), b.peek()) {
        let (from, to) = (*a_from.max(b_from), *a_to.min(b_to));
        if from <= to {
            found.push((from, to));
        }
        if a_to <= b_to {
            a.next();
        } else {
            b.next();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Account, FlagChange};
    use super::*;
    use crate::store::db::{Db, Schema};
    use crate::store::maildir::Maildir;

    /// A tree whose INBOX has so many messages.
    fn tree(root: &std::path::Path, messages: usize) {
        Maildir::make(root).unwrap();
        (0..messages).for_each(|n| std::fs::write(root.join(format!("cur/{n:02}:2,")), "x\n").unwrap());
    }

    fn gone(mailbox: &Mailbox, since: i64, asked: &str) -> String {
        mailbox.vanished(since, &asked.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn what_vanished_is_remembered_for_a_while() {
        let t = tempfile::tempdir().unwrap();
        tree(t.path(), 20);
        let account = Account::open(t.path()).unwrap();
        let mut m = account.select("INBOX", false).unwrap();
        let begun = m.highest_modseq();
        m.remove(&[3, 4, 7]).unwrap();
        let then = m.highest_modseq();
        assert_eq!((then, gone(&m, begun, "1:*"), gone(&m, then, "1:*")), (begun + 1, "3:4,7".into(), String::new()));
        assert_eq!(m.told_modseq(), begun);
        m.sync(true).unwrap();
        assert_eq!((m.told_modseq(), gone(&m, begun, "4:6").as_str()), (then, "4"));
        m.remove(&[9, 11]).unwrap();
        // That was the fifth range: the oldest expunge is forgotten, and who asks for it hears of all.
        m.remove(&[13]).unwrap();
        m.sync(true).unwrap();
        assert_eq!(gone(&m, then, "1:*"), "9,11,13");
        assert_eq!(gone(&m, begun, "1:*"), "3:4,7,9,11,13");
        std::fs::remove_file(t.path().join("cur/19:2,")).unwrap();
        m.sync(true).unwrap();
        assert_eq!((gone(&m, m.highest_modseq() - 1, "1:*"), gone(&m, 0, "15:99")), ("20".into(), "20".into()));
    }

    #[test]
    fn what_nobody_saw_is_seen_later() {
        let t = tempfile::tempdir().unwrap();
        tree(t.path(), 3);
        // As it was made before there were mod-sequences.
        let first = uids::SCHEMA.migrations.first().copied().unwrap();
        let old = Box::leak(Box::new(Schema { migrations: vec![first].leak(), repair: "" }));
        let db = Db::open(&t.path().join("pipepost.sqlite"), old).unwrap();
        db.write(|t| {
            t.execute("INSERT INTO folder VALUES (77, 'INBOX', 3)", [])?;
            t.execute("INSERT INTO message VALUES (77, 1, CAST('00' AS BLOB), 5, 0, NULL, NULL)", [])?;
            t.execute("INSERT INTO message VALUES (77, 2, CAST('01' AS BLOB), 5, 0, NULL, NULL)", [])?;
            Ok(())
        })
        .unwrap();
        drop(db);
        let account = Account::open(t.path()).unwrap();
        let modseqs = |m: &Mailbox| m.messages().iter().map(|m| m.modseq).collect::<Vec<_>>();
        let m = account.select("INBOX", true).unwrap();
        assert_eq!((m.uid_validity(), m.highest_modseq(), modseqs(&m)), (77, 2, vec![1, 1, 2]));
        // Flags that change while nobody looks.
        std::fs::rename(t.path().join("cur/01:2,"), t.path().join("cur/01:2,S")).unwrap();
        let mut m = account.select("INBOX", false).unwrap();
        assert_eq!((m.highest_modseq(), modseqs(&m)), (3, vec![1, 3, 2]));
        // A session that does not track them leaves it to the next one.
        m.store(&[0], FlagChange::Add, &"\\Flagged".parse().unwrap()).unwrap();
        m.sync(true).unwrap();
        assert_eq!(modseqs(&m), [1, 3, 2]);
        m.track_modseqs().unwrap();
        assert_eq!(modseqs(&m), [4, 3, 2]);
        m.store(&[0, 2], FlagChange::Add, &"\\Flagged".parse().unwrap()).unwrap();
        assert_eq!((m.highest_modseq(), modseqs(&m)), (5, vec![4, 3, 5]));
        let other = account.select("INBOX", true).unwrap();
        assert_eq!((other.highest_modseq(), modseqs(&other)), (5, vec![4, 3, 5]));
    }

    #[test]
    fn a_conditional_store_sees_what_others_have_done() {
        let t = tempfile::tempdir().unwrap();
        tree(t.path(), 3);
        let account = Account::open(t.path()).unwrap();
        let (mut a, mut b) = (account.select("INBOX", false).unwrap(), account.select("INBOX", false).unwrap());
        let since = a.highest_modseq();
        let flag = "\\Flagged".parse().unwrap();
        // Not recorded by anyone yet.
        b.store(&[0], FlagChange::Add, &"\\Seen".parse().unwrap()).unwrap();
        std::fs::remove_file(t.path().join("cur/01:2,")).unwrap();
        assert_eq!(a.store_unchanged(&[0, 1, 2], since, FlagChange::Add, &flag).unwrap(), (vec![2], vec![0]));
        let flags: Vec<String> = a.messages().iter().map(|m| m.flags.to_string()).collect();
        assert_eq!(flags, ["\\Seen", "", "\\Flagged"]);
        assert!(a.messages()[0].modseq > since && a.messages()[2].modseq > since);
    }

    #[test]
    fn ranges_in_common() {
        assert_eq!(common(&[(1, 5), (8, 9)], &[(2, 3), (5, 8)]), [(2, 3), (5, 5), (8, 8)]);
        assert_eq!(common(&[(1, 5)], &[]), []);
        assert_eq!(common(&[(1, u32::MAX)], &[(4, 4), (7, u32::MAX)]), [(4, 4), (7, u32::MAX)]);
    }
}
