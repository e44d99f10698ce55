//! STATUS.

use super::super::lex::{Lex, Parsed};
use super::list::mailbox;
use super::{Command, word};
use std::fmt;

/// What STATUS tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES
    Messages,
    /// RECENT
    Recent,
    /// UIDNEXT
    UidNext,
    /// UIDVALIDITY
    UidValidity,
    /// UNSEEN
    Unseen,
    /// SIZE (RFC 8438): the bytes of all messages.
    Size,
    /// APPENDLIMIT (RFC 7889): the bytes that one message may have.
    AppendLimit,
    /// HIGHESTMODSEQ (RFC 7162).
    HighestModSeq,
}

const STATUS: [(&str, StatusItem); 8] = [
    ("MESSAGES", StatusItem::Messages),
    ("RECENT", StatusItem::Recent),
    ("UIDNEXT", StatusItem::UidNext),
    ("UIDVALIDITY", StatusItem::UidValidity),
    ("UNSEEN", StatusItem::Unseen),
    ("SIZE", StatusItem::Size),
    ("APPENDLIMIT", StatusItem::AppendLimit),
    ("HIGHESTMODSEQ", StatusItem::HighestModSeq),
];

impl StatusItem {
    /// The item of that name, in any case.
    #[must_use]
    pub fn named(word: &str) -> Option<StatusItem> {
        STATUS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, item)| *item)
    }
}

impl fmt::Display for StatusItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STATUS.iter().find(|(_, item)| item == self).map_or("", |(name, _)| *name))
    }
}

pub(super) fn status(l: &mut Lex<'_>) -> Parsed<Command> {
    let mailbox = mailbox(l)?;
    l.expect_sp()?;
    Ok(Command::Status { mailbox, items: items(l)? })
}

/// Items in parentheses, one at least.
pub(super) fn items(l: &mut Lex<'_>) -> Parsed<Vec<StatusItem>> {
    let mut items = Vec::new();
    l.list(|l| {
        items.push(word(l, &STATUS, "expected a STATUS item")?);
        Ok(())
    })?;
    if items.is_empty() { l.expected("a STATUS item") } else { Ok(items) }
}
