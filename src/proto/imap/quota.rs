//! QUOTA (RFC 9208, RFC 2087): how full a mailbox's roots are. Left out: SETQUOTA, which is for those who run the server.

use super::lex::{Lex, Parsed};
use super::utf7;
use super::write::string;

/// A quota root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Its name; often empty.
    pub root: String,
    /// What is limited.
    pub resources: Vec<Resource>,
}

/// One resource of a quota root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// STORAGE, MESSAGE, MAILBOX, ... in capitals.
    pub name: String,
    /// How much is used: of STORAGE, units of 1024 bytes.
    pub used: u64,
    /// How much there may be.
    pub limit: u64,
}

fn name(l: &mut Lex<'_>) -> Parsed<String> {
    l.expect_sp()?;
    Ok(String::from_utf8_lossy(&l.astring()?).into_owned())
}

/// What follows the word QUOTA.
pub(super) fn quota(l: &mut Lex<'_>) -> Parsed<Quota> {
    let root = name(l)?;
    l.expect_sp()?;
    let mut resources = Vec::new();
    l.list(|l| {
        let name = String::from_utf8_lossy(l.atom()?).to_ascii_uppercase();
        l.expect_sp()?;
        let used = l.number64()?;
        l.expect_sp()?;
        resources.push(Resource { name, used, limit: l.number64()? });
        Ok(())
    })?;
    l.expect_end()?;
    Ok(Quota { root, resources })
}

/// What follows the word QUOTAROOT: the mailbox, and its roots.
pub(super) fn roots(l: &mut Lex<'_>) -> Parsed<(String, Vec<String>)> {
    l.expect_sp()?;
    let mailbox = l.astring()?;
    let mailbox = l.named(&mailbox);
    let mut roots = Vec::new();
    while !l.at_end() {
        roots.push(name(l)?);
    }
    Ok((mailbox, roots))
}

pub(super) fn encode(quota: &Quota, out: &mut Vec<u8>) {
    out.extend_from_slice(b"QUOTA ");
    string(out, quota.root.as_bytes());
    let each = |r: &Resource| format!("{} {} {}", r.name, r.used, r.limit);
    let all: Vec<String> = quota.resources.iter().map(each).collect();
    out.extend_from_slice(format!(" ({})", all.join(" ")).as_bytes());
}

pub(super) fn encode_roots(mailbox: &str, roots: &[String], out: &mut Vec<u8>) {
    out.extend_from_slice(b"QUOTAROOT ");
    string(out, utf7::encode(mailbox).as_bytes());
    for root in roots {
        out.push(b' ');
        string(out, root.as_bytes());
    }
}
