//! STORE.

use super::super::lex::{Lex, Parsed, Syntax};
use super::super::modseq::unchanged_since;
use super::{Command, set};

/// What STORE does with the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// FLAGS: these and no others.
    Set,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}

pub(super) fn store(l: &mut Lex<'_>, uid: bool) -> Parsed<Command> {
    let set = set(l)?;
    l.expect_sp()?;
    let unchanged_since = unchanged_since(l)?;
    let how = if l.eat(b'+') {
        Store::Add
    } else if l.eat(b'-') {
        Store::Remove
    } else {
        Store::Set
    };
    let at = l.position();
    let silent = match l.word().to_ascii_uppercase().as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return Err(Syntax::new(at, "expected FLAGS or FLAGS.SILENT")),
    };
    l.expect_sp()?;
    let flags = if l.peek() == Some(b'(') {
        l.flags()?
    } else {
        let mut flags = vec![l.flag()?];
        while l.sp() {
            flags.push(l.flag()?);
        }
        flags
    };
    Ok(Command::Store { uid, set, unchanged_since, how, silent, flags })
}
