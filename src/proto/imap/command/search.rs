//! SEARCH, SORT and THREAD.

use super::super::lex::{Lex, Parsed};
use super::super::results::Returns;
use super::super::search::{Charset, SearchKey};
use super::super::sort::SortKey;
use super::super::thread::Algorithm;
use super::Command;

pub(super) fn search(l: &mut Lex<'_>, uid: bool) -> Parsed<Command> {
    l.expect_sp()?;
    let returns = Returns::parse(l)?;
    let mut charset = None;
    if l.eat_word("CHARSET") {
        charset = Some(named(l)?);
        l.expect_sp()?;
    }
    let key = key(l, charset.as_deref())?;
    Ok(Command::Search { uid, returns, charset, key })
}

pub(super) fn sort(l: &mut Lex<'_>, uid: bool) -> Parsed<Command> {
    l.expect_sp()?;
    let returns = Returns::parse(l)?;
    let by = SortKey::parse_all(l)?;
    let charset = named(l)?;
    l.expect_sp()?;
    let key = key(l, Some(&charset))?;
    Ok(Command::Sort { uid, returns, by, charset, key })
}

pub(super) fn thread(l: &mut Lex<'_>, uid: bool) -> Parsed<Command> {
    l.expect_sp()?;
    let algorithm = Algorithm::parse(l)?;
    let charset = named(l)?;
    l.expect_sp()?;
    let key = key(l, Some(&charset))?;
    Ok(Command::Thread { uid, algorithm, charset, key })
}

fn named(l: &mut Lex<'_>) -> Parsed<String> {
    l.expect_sp()?;
    Ok(String::from_utf8_lossy(&l.astring()?).to_ascii_uppercase())
}

fn key(l: &mut Lex<'_>, charset: Option<&str>) -> Parsed<SearchKey> {
    let known = matches!(charset, None | Some("UTF-8" | "US-ASCII"));
    SearchKey::parse_all(l, if known { Charset::Utf8 } else { Charset::Unknown })
}
