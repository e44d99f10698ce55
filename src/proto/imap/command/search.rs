//! SEARCH.

use super::super::lex::{Lex, Parsed};
use super::super::search::{Charset, SearchKey};
use super::Command;

pub(super) fn search(l: &mut Lex<'_>, uid: bool) -> Parsed<Command> {
    l.expect_sp()?;
    let mut charset = None;
    if l.eat_word("CHARSET") {
        l.expect_sp()?;
        charset = Some(String::from_utf8_lossy(&l.astring()?).to_ascii_uppercase());
        l.expect_sp()?;
    }
    let known = matches!(charset.as_deref(), None | Some("UTF-8" | "US-ASCII"));
    let key = SearchKey::parse_all(l, if known { Charset::Utf8 } else { Charset::Unknown })?;
    Ok(Command::Search { uid, charset, key })
}
