//! Mailboxes by name: LIST, LSUB, STATUS, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, NAMESPACE.

use super::super::mailbox::{Account, FolderError};
use super::{Session, bad, failed, folder_failed, no, ok};
use crate::error::Result;
use crate::proto::imap::command::{Command, StatusItem};
use crate::proto::imap::response::{Listed, Status, Untagged};
use crate::proto::imap::utf7;
use std::collections::BTreeSet;

/// The longest pattern that is matched.
const PATTERN: usize = 4096;

impl Session<'_> {
    pub(super) fn folders(&mut self, account: &Account, command: Command) -> Result<Status> {
        let done = |result: std::result::Result<(), FolderError>, word: &str| match result {
            Ok(()) => ok(&format!("{word} completed")),
            Err(e) => folder_failed(&e, false),
        };
        Ok(match command {
            Command::List { reference, pattern } => return self.list(account, &reference, &pattern),
            Command::Lsub { reference, pattern } => return self.lsub(account, &reference, &pattern),
            Command::Status { mailbox, items } => return self.status(account, &mailbox, &items),
            Command::Create { mailbox } => done(account.create(&mailbox), "CREATE"),
            Command::Delete { mailbox } => {
                let result = account.delete(&mailbox);
                if result.is_ok() {
                    self.leave(&mailbox);
                }
                done(result, "DELETE")
            }
            Command::Rename { from, to } => {
                let result = account.rename(&from, &to);
                if result.is_ok() && from != "INBOX" {
                    self.leave(&from);
                }
                done(result, "RENAME")
            }
            Command::Subscribe { mailbox } => {
                // A server may check (RFC 3501 6.3.6): a name with a typing error is seen at once.
                let result = match account.folders() {
                    Ok(folders) if folders.iter().any(|f| f.name == mailbox) => account.subscribe(&mailbox, true),
                    Ok(_) => return Ok(folder_failed(&FolderError::NotFound, false)),
                    Err(e) => Err(e),
                };
                done(result.map_err(Into::into), "SUBSCRIBE")
            }
            Command::Unsubscribe { mailbox } => {
                done(account.subscribe(&mailbox, false).map_err(Into::into), "UNSUBSCRIBE")
            }
            Command::Namespace => {
                let personal = vec![(String::new(), Some('/'))];
                self.tell(Untagged::Namespace(personal, Vec::new(), Vec::new()))?;
                ok("NAMESPACE completed")
            }
            _ => bad("not here"),
        })
    }

    /// The selected mailbox, or one above it, has gone by this session's own doing.
    fn leave(&mut self, name: &str) {
        let gone = |m: &str| m.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if self.mailbox.as_ref().is_some_and(|m| gone(m.name())) {
            self.mailbox = None;
        }
    }

    fn list(&mut self, account: &Account, reference: &str, pattern: &str) -> Result<Status> {
        if pattern.is_empty() {
            // What separates the levels, and the root (RFC 3501 6.3.8).
            self.tell(Untagged::List(listed("", vec!["\\Noselect".to_owned()])))?;
            return Ok(ok("LIST completed"));
        }
        let Some(pattern) = Pattern::new(reference, pattern) else { return Ok(no("LIMIT", "pattern too long")) };
        let folders = match account.folders() {
            Ok(folders) => folders,
            Err(e) => return Ok(failed(&e)),
        };
        for folder in folders.iter().filter(|f| pattern.matches(&f.name)) {
            let mut attributes = Vec::with_capacity(2);
            if !folder.selectable {
                attributes.push("\\Noselect".to_owned());
            }
            attributes.push(if folder.has_children { "\\HasChildren" } else { "\\HasNoChildren" }.to_owned());
            self.tell(Untagged::List(listed(&folder.name, attributes)))?;
        }
        Ok(ok("LIST completed"))
    }

    fn lsub(&mut self, account: &Account, reference: &str, pattern: &str) -> Result<Status> {
        let Some(wanted) = Pattern::new(reference, pattern) else { return Ok(no("LIMIT", "pattern too long")) };
        let subscribed = match account.subscribed() {
            Ok(names) => names,
            Err(e) => return Ok(failed(&e)),
        };
        let mut above = BTreeSet::new();
        for name in &subscribed {
            if wanted.matches(name) {
                self.tell(Untagged::Lsub(listed(name, Vec::new())))?;
            } else if pattern.ends_with('%') {
                // foo/bar is subscribed, and `%` asks for foo (RFC 3501 6.3.9).
                let ends = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
                above.extend(ends.filter(|name| wanted.matches(name)).map(str::to_owned));
            }
        }
        for name in above.iter().filter(|name| !subscribed.contains(name)) {
            self.tell(Untagged::Lsub(listed(name, vec!["\\Noselect".to_owned()])))?;
        }
        Ok(ok("LSUB completed"))
    }

    fn status(&mut self, account: &Account, name: &str, items: &[StatusItem]) -> Result<Status> {
        let status = match account.status(name) {
            Ok(status) => status,
            Err(e) => return Ok(folder_failed(&e, false)),
        };
        let values = items.iter().map(|item| {
            let value = match item {
                StatusItem::Messages => status.messages,
                StatusItem::Recent => status.recent,
                StatusItem::UidNext => status.uid_next,
                StatusItem::UidValidity => status.uid_validity,
                StatusItem::Unseen => status.unseen,
            };
            (*item, u64::from(value))
        });
        self.tell(Untagged::Mailbox(name.to_owned(), values.collect()))?;
        Ok(ok("STATUS completed"))
    }
}

fn listed(name: &str, attributes: Vec<String>) -> Listed {
    Listed { attributes, delimiter: Some('/'), name: name.to_owned(), wire: utf7::encode(name).into_bytes() }
}

/// A pattern of LIST: `*` is anything, `%` is anything without `/`. INBOX is matched in any case.
struct Pattern {
    chars: Vec<char>,
}

impl Pattern {
    fn new(reference: &str, pattern: &str) -> Option<Pattern> {
        let mut chars: Vec<char> = reference.chars().chain(pattern.chars()).collect();
        chars.dedup_by(|b, a| *a == '*' && matches!(b, '*' | '%'));
        (chars.len() <= PATTERN).then_some(Pattern { chars })
    }

    fn matches(&self, name: &str) -> bool {
        self.fits(name, |a, b| a == b) || (name == "INBOX" && self.fits(name, |a, b| a.eq_ignore_ascii_case(&b)))
    }

    /// All places in the pattern that the name so far can have reached, at once: no trying back and forth.
    fn fits(&self, name: &str, same: fn(char, char) -> bool) -> bool {
        let mut here = vec![false; self.chars.len().saturating_add(1)];
        set(&mut here, 0);
        self.skip_wildcards(&mut here);
        for c in name.chars() {
            let mut next = vec![false; here.len()];
            for (at, p) in self.chars.iter().enumerate().filter(|(at, _)| here.get(*at) == Some(&true)) {
                match p {
                    '*' => set(&mut next, at),
                    '%' if c != '/' => set(&mut next, at),
                    '%' => {}
                    p if same(*p, c) => set(&mut next, at.saturating_add(1)),
                    _ => {}
                }
            }
            self.skip_wildcards(&mut next);
            here = next;
        }
        here.last() == Some(&true)
    }

    /// A wildcard may stand for nothing.
    fn skip_wildcards(&self, here: &mut [bool]) {
        for (at, p) in self.chars.iter().enumerate() {
            if matches!(p, '*' | '%') && here.get(at) == Some(&true) {
                set(here, at.saturating_add(1));
            }
        }
    }
}

fn set(places: &mut [bool], at: usize) {
    if let Some(place) = places.get_mut(at) {
        *place = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let m = |reference: &str, pattern: &str, name: &str| Pattern::new(reference, pattern).unwrap().matches(name);
        for (pattern, name, fits) in [
            ("*", "a/b", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a/%", "a", false),
            ("a%", "a", true),
            ("%/%", "a/b", true),
            ("*b", "a/b", true),
            ("*a*b*", "xaxbx", true),
            ("inbox", "INBOX", true),
            ("in%", "INBOX", true),
            ("A", "a", false),
            ("", "a", false),
            ("%*", "a/b", true),
            ("*%", "a/b", true),
            ("a*c%", "a/b/c/d", false),
        ] {
            assert_eq!(m("", pattern, name), fits, "{pattern} {name}");
        }
        assert!(m("a/", "%", "a/b") && !m("a", "%", "b"));
        assert!(!m("", &"%*a".repeat(600), &"a".repeat(500)));
        assert!(Pattern::new("", &"a".repeat(5000)).is_none());
    }
}
