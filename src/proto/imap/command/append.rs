//! APPEND, up to its message, and what stands before each further message (MULTIAPPEND, RFC 3502).

use super::super::date::parse_date_time;
use super::super::lex::{Lex, Parsed, Syntax, Text};
use super::Command;
use super::list::mailbox;
use chrono::{DateTime, FixedOffset};

pub(super) fn append(l: &mut Lex<'_>) -> Parsed<Command> {
    let mailbox = mailbox(l)?;
    let Appending { flags, date, size } = Appending::parse(l)?;
    Ok(Command::Append { mailbox, flags, date, size })
}

/// What an APPEND says of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appending {
    /// Its flags.
    pub flags: Vec<String>,
    /// Its internal date.
    pub date: Option<DateTime<FixedOffset>>,
    /// The size of the literal that follows.
    pub size: u64,
}

impl Appending {
    /// Reads it, from the space before it to the literal's announcement.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(l: &mut Lex<'_>) -> Parsed<Appending> {
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
            Text::Streamed(size) => Ok(Appending { flags, date, size }),
            Text::Bytes(bytes) if bytes.is_empty() => Ok(Appending { flags, date, size: 0 }),
            Text::Bytes(_) => Err(Syntax::new(at, "expected the message's literal")),
        }
    }
}
