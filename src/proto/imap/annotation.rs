//! What may be done with a mailbox (MYRIGHTS, RFC 4314) and what is noted of it (METADATA, RFC 5464). Left out: the rights of others, and
//! setting either, which is for those who run the server.

use super::lex::{Lex, Parsed};
use super::utf7;
use super::write::string;

/// An entry of METADATA: its name and its value; `None`: it has none.
pub type Entry = (String, Option<Vec<u8>>);

fn mailbox(l: &mut Lex<'_>) -> Parsed<String> {
    l.expect_sp()?;
    let wire = l.astring()?;
    Ok(l.named(&wire))
}

/// What follows the word MYRIGHTS: the mailbox, and a letter for each right.
pub(super) fn rights(l: &mut Lex<'_>) -> Parsed<(String, String)> {
    let mailbox = mailbox(l)?;
    l.expect_sp()?;
    let rights = String::from_utf8_lossy(&l.astring()?).into_owned();
    l.expect_end()?;
    Ok((mailbox, rights))
}

/// What follows the word METADATA: the mailbox (empty: the server) and its entries. Names alone, which tell that something has changed,
/// are none.
pub(super) fn metadata(l: &mut Lex<'_>) -> Parsed<(String, Vec<Entry>)> {
    let mailbox = mailbox(l)?;
    l.expect_sp()?;
    let mut entries = Vec::new();
    if l.peek() != Some(b'(') {
        loop {
            l.astring()?;
            if !l.sp() {
                return l.expect_end().map(|()| (mailbox, entries));
            }
        }
    }
    l.list(|l| {
        let name = String::from_utf8_lossy(&l.astring()?).to_ascii_lowercase();
        l.expect_sp()?;
        entries.push((name, l.nstring()?.map(|value| value.into_owned())));
        Ok(())
    })?;
    l.expect_end()?;
    Ok((mailbox, entries))
}

pub(super) fn encode_rights(mailbox: &str, rights: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"MYRIGHTS ");
    string(out, utf7::encode(mailbox).as_bytes());
    out.push(b' ');
    string(out, rights.as_bytes());
}

pub(super) fn encode_metadata(mailbox: &str, entries: &[Entry], out: &mut Vec<u8>) {
    out.extend_from_slice(b"METADATA ");
    string(out, utf7::encode(mailbox).as_bytes());
    out.extend_from_slice(b" (");
    for (n, (name, value)) in entries.iter().enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        string(out, name.as_bytes());
        out.push(b' ');
        match value {
            Some(value) => string(out, value),
            None => out.extend_from_slice(b"NIL"),
        }
    }
    out.push(b')');
}
