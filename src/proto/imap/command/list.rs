//! LIST and LSUB, and the names of mailboxes in all commands.

use super::super::lex::{Lex, Parsed, Syntax};
use super::super::utf7;

pub(super) fn mailbox(l: &mut Lex<'_>) -> Parsed<String> {
    l.expect_sp()?;
    let at = l.position();
    utf7::decode(&l.astring()?).ok_or_else(|| Syntax::new(at, "mailbox name is not modified UTF-7"))
}

pub(super) fn pattern(l: &mut Lex<'_>) -> Parsed<String> {
    l.expect_sp()?;
    let at = l.position();
    utf7::decode(&l.list_mailbox()?).ok_or_else(|| Syntax::new(at, "mailbox pattern is not modified UTF-7"))
}
