//! LIST with the options of RFC 5258 (LIST-EXTENDED), RFC 5819 (LIST-STATUS) and RFC 6154 (SPECIAL-USE), and LSUB.

use super::super::mailbox::{Account, Folder, FolderError};
use super::pattern::Pattern;
use super::{Session, failed, no, ok};
use crate::error::Result;
use crate::proto::imap::command::{List, ListReturn, ListSelect};
use crate::proto::imap::response::{Listed, Status, Untagged};
use crate::proto::imap::utf7;
use std::collections::{BTreeMap, BTreeSet};

/// So many patterns one LIST may have: each name is held against all of them.
const PATTERNS: usize = 32;

/// A name that LIST may show.
#[derive(Default)]
struct Name {
    /// The folder, or a part of others' names; none where a name is subscribed to and nothing else.
    folder: Option<Folder>,
    subscribed: bool,
}

impl Name {
    fn exists(&self) -> bool {
        self.folder.as_ref().is_some_and(|f| f.selectable)
    }

    fn special(&self) -> Option<&'static str> {
        self.folder.as_ref().and_then(|f| f.special_use)
    }

    fn selected(&self, select: &[ListSelect]) -> bool {
        let subscribed = select.contains(&ListSelect::Subscribed);
        (!subscribed || self.subscribed)
            && (!select.contains(&ListSelect::SpecialUse) || self.special().is_some())
            && (subscribed || self.folder.is_some())
    }

    fn attributes(&self, asked: &List) -> Vec<String> {
        let mut words = Vec::with_capacity(3);
        if !self.exists() {
            words.push(if asked.extended { "\\NonExistent" } else { "\\Noselect" });
        }
        let subscribed =
            asked.select.contains(&ListSelect::Subscribed) || asked.returns.contains(&ListReturn::Subscribed);
        if subscribed && self.subscribed {
            words.push("\\Subscribed");
        }
        match &self.folder {
            Some(folder) if folder.has_children => words.push("\\HasChildren"),
            Some(_) => words.push("\\HasNoChildren"),
            None => {}
        }
        words.extend(self.special());
        words.into_iter().map(str::to_owned).collect()
    }
}

fn above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

fn listed(name: &str, attributes: Vec<String>, child_info: Vec<String>) -> Listed {
    let wire = utf7::encode(name).into_bytes();
    Listed { attributes, delimiter: Some('/'), name: name.to_owned(), child_info, wire, exact: true }
}

impl Session<'_> {
    pub(super) fn list(&mut self, account: &Account, asked: &List) -> Result<Status> {
        if !asked.extended && asked.patterns.iter().all(String::is_empty) {
            // What separates the levels, and the root (RFC 3501 6.3.8).
            self.tell(Untagged::List(listed("", vec!["\\Noselect".to_owned()], Vec::new())))?;
            return Ok(ok("LIST completed"));
        }
        let patterns: Option<Vec<Pattern>> =
            asked.patterns.iter().map(|pattern| Pattern::new(&asked.reference, pattern)).collect();
        let Some(patterns) = patterns.filter(|p| p.len() <= PATTERNS) else {
            return Ok(no("LIMIT", "too many patterns, or too long ones"));
        };
        let names = match names(account) {
            Ok(names) => names,
            Err(e) => return Ok(failed(&e)),
        };
        let matches = |name: &str| patterns.iter().any(|p| p.matches(name));
        // Names above those that are selected and do not match themselves (RFC 5258 3.5).
        let mut parents = BTreeSet::new();
        let mut shown: BTreeMap<(bool, &str), Option<&Name>> = BTreeMap::new();
        let recursive = asked.select.contains(&ListSelect::RecursiveMatch);
        for (name, known) in names.iter().filter(|(_, known)| known.selected(&asked.select)) {
            if matches(name) {
                shown.insert((name != "INBOX", name), Some(known));
            } else if recursive {
                for parent in above(name).filter(|parent| matches(parent)) {
                    parents.insert(parent);
                    shown.entry((parent != "INBOX", parent)).or_insert_with(|| names.get(parent));
                }
            }
        }
        let status = asked.returns.iter().find_map(|r| match r {
            ListReturn::Status(items) => Some(items.as_slice()),
            _ => None,
        });
        let base: Vec<String> =
            asked.select.iter().filter(|s| recursive && is_base(**s)).map(ToString::to_string).collect();
        let none = Name::default();
        for ((_, name), known) in shown {
            let known = known.unwrap_or(&none);
            let child_info = if parents.contains(name) { base.clone() } else { Vec::new() };
            self.tell(Untagged::List(listed(name, known.attributes(asked), child_info)))?;
            let Some(items) = status.filter(|_| known.exists() && known.selected(&asked.select)) else { continue };
            match self.tell_status(account, name, items)? {
                // What has vanished meanwhile has no STATUS.
                Ok(()) | Err(FolderError::NotFound) => {}
                Err(e) => self.tell(Untagged::Status(no("UNAVAILABLE", e.to_string())))?,
            }
        }
        Ok(ok("LIST completed"))
    }

    pub(super) fn lsub(&mut self, account: &Account, reference: &str, pattern: &str) -> Result<Status> {
        let Some(wanted) = Pattern::new(reference, pattern) else { return Ok(no("LIMIT", "pattern too long")) };
        let subscribed = match account.subscribed() {
            Ok(names) => names,
            Err(e) => return Ok(failed(&e)),
        };
        let mut parents = BTreeSet::new();
        for name in &subscribed {
            if wanted.matches(name) {
                self.tell(Untagged::Lsub(listed(name, Vec::new(), Vec::new())))?;
            } else if pattern.ends_with('%') {
                // foo/bar is subscribed, and `%` asks for foo (RFC 3501 6.3.9).
                parents.extend(above(name).filter(|name| wanted.matches(name)));
            }
        }
        for name in parents.into_iter().filter(|name| !subscribed.iter().any(|s| s == name)) {
            self.tell(Untagged::Lsub(listed(name, vec!["\\Noselect".to_owned()], Vec::new())))?;
        }
        Ok(ok("LSUB completed"))
    }
}

fn is_base(option: ListSelect) -> bool {
    matches!(option, ListSelect::Subscribed | ListSelect::SpecialUse)
}

/// All folders, all levels above them, and all names that are subscribed to.
fn names(account: &Account) -> Result<BTreeMap<String, Name>> {
    let mut names: BTreeMap<String, Name> = BTreeMap::new();
    for name in account.subscribed()? {
        names.insert(name, Name { folder: None, subscribed: true });
    }
    for folder in account.folders()? {
        let name = names.entry(folder.name.clone()).or_default();
        name.folder = Some(folder);
    }
    Ok(names)
}
