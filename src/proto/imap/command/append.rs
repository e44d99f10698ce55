//! APPEND, up to its message.

use super::super::date::parse_date_time;
use super::super::lex::{Lex, Parsed, Syntax, Text};
use super::Command;
use super::list::mailbox;

pub(super) fn append(l: &mut Lex<'_>) -> Parsed<Command> {
    let mailbox = mailbox(l)?;
    l.expect_sp()?;
    let mut flags = Vec::new();
    if l.peek() == Some(b'(') {
        flags = l.flags()?;
        l.expect_sp()?;
    }
    let mut date = None;
    if l.peek() == Some(b'"') {
        date = Some(parse_date_time(l)?);
        l.expect_sp()?;
    }
    let at = l.position();
    match l.literal()? {
        Text::Streamed(size) => Ok(Command::Append { mailbox, flags, date, size }),
        Text::Bytes(bytes) if bytes.is_empty() => Ok(Command::Append { mailbox, flags, date, size: 0 }),
        Text::Bytes(_) => Err(Syntax::new(at, "expected the message's literal")),
    }
}
