//! LOGIN, AUTHENTICATE, ID and ENABLE.

use super::super::lex::{Lex, Parsed};
use super::{Command, IdFields};
use crate::secret::Secret;

pub(super) fn login(l: &mut Lex<'_>) -> Parsed<Command> {
    l.expect_sp()?;
    let user = l.astring()?.into_owned();
    l.expect_sp()?;
    Ok(Command::Login { user, password: Secret::new(l.astring()?.into_owned()) })
}

pub(super) fn compress(l: &mut Lex<'_>) -> Parsed<Command> {
    l.expect_sp()?;
    Ok(Command::Compress { mechanism: String::from_utf8_lossy(l.atom()?).to_ascii_uppercase() })
}

pub(super) fn authenticate(l: &mut Lex<'_>) -> Parsed<Command> {
    l.expect_sp()?;
    let mechanism = String::from_utf8_lossy(l.atom()?).to_ascii_uppercase();
    let mut initial = None;
    if l.sp() {
        let response = match l.atom()? {
            b"=" => &[],
            base64 => base64,
        };
        initial = Some(Secret::new(response.to_vec()));
    }
    Ok(Command::Authenticate { mechanism, initial })
}

pub(super) fn id(l: &mut Lex<'_>) -> Parsed<IdFields> {
    l.expect_sp()?;
    let mut fields = Vec::new();
    if l.peek() != Some(b'(') {
        return match l.nstring()? {
            None => Ok(fields),
            Some(_) => l.expected("NIL or a list"),
        };
    }
    l.list(|l| {
        let name = l.string()?.into_owned();
        l.expect_sp()?;
        fields.push((name, l.nstring_owned()?));
        Ok(())
    })?;
    Ok(fields)
}

pub(super) fn enable(l: &mut Lex<'_>) -> Parsed<Vec<String>> {
    l.expect_sp()?;
    let mut words = vec![String::from_utf8_lossy(l.atom()?).to_ascii_uppercase()];
    while l.sp() && !l.at_end() {
        words.push(String::from_utf8_lossy(l.atom()?).to_ascii_uppercase());
    }
    Ok(words)
}
