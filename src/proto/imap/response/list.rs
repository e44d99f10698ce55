//! LIST and LSUB responses, with the extended data of RFC 5258.

use super::super::lex::{Lex, Parsed};
use super::utf8;

/// A mailbox in LIST and LSUB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `\Noselect`, `\HasChildren`, ...
    pub attributes: Vec<String>,
    /// What separates levels of the hierarchy.
    pub delimiter: Option<char>,
    /// The name, decoded as far as it can be.
    pub name: String,
    /// CHILDINFO (RFC 5258): the selection options that hold for some mailbox below it.
    pub child_info: Vec<String>,
    /// The name as it came.
    pub wire: Vec<u8>,
    /// Whether the name is well-formed, so that it can be said again.
    pub exact: bool,
}

impl Listed {
    /// Whether it has that attribute, in any case.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|a| a.eq_ignore_ascii_case(attribute))
    }
}

pub(super) fn delimiter(l: &mut Lex<'_>) -> Parsed<Option<char>> {
    Ok(l.nstring()?.and_then(|s| utf8(&s).chars().next()))
}

pub(super) fn listed(l: &mut Lex<'_>) -> Parsed<Listed> {
    l.expect_sp()?;
    let attributes = l.flags()?;
    l.expect_sp()?;
    let delimiter = delimiter(l)?;
    l.expect_sp()?;
    // Some servers leave a name unquoted that has spaces or brackets in it: then it is the rest of the line.
    let before = l.clone();
    let mut child_info = Vec::new();
    let wire = match l.list_mailbox() {
        Ok(name) if l.at_end() => name.into_owned(),
        Ok(name) if l.rest().starts_with(b" (") && extended(l, &mut child_info).is_ok() => name.into_owned(),
        _ => before.rest().to_vec(),
    };
    let name = l.named(&wire);
    let exact = l.is_named(&wire, &name);
    Ok(Listed { attributes, delimiter, name, child_info, wire, exact })
}

/// The extended data of RFC 5258 up to the end of the line.
fn extended(l: &mut Lex<'_>, child_info: &mut Vec<String>) -> Parsed<()> {
    l.expect_sp()?;
    l.list(|l| {
        let tag = utf8(&l.astring()?);
        l.expect_sp()?;
        if !tag.eq_ignore_ascii_case("CHILDINFO") {
            return l.value().map(drop);
        }
        l.list(|l| {
            child_info.push(utf8(&l.astring()?));
            Ok(())
        })
    })?;
    l.expect_end()
}
