//! STATUS.

use super::super::lex::{Lex, Parsed, Syntax};
use super::Command;
use super::list::mailbox;
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
}

const STATUS: [(&str, StatusItem); 5] = [
    ("MESSAGES", StatusItem::Messages),
    ("RECENT", StatusItem::Recent),
    ("UIDNEXT", StatusItem::UidNext),
    ("UIDVALIDITY", StatusItem::UidValidity),
    ("UNSEEN", StatusItem::Unseen),
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
    let mut items = Vec::new();
    l.list(|l| {
        let at = l.position();
        items.push(StatusItem::named(l.word()).ok_or_else(|| Syntax::new(at, "expected a STATUS item"))?);
        Ok(())
    })?;
    if items.is_empty() { l.expected("a STATUS item") } else { Ok(Command::Status { mailbox, items }) }
}
