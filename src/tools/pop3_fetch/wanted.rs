//! What of a maildrop is fetched, and what of it is deleted.

use super::{NAME, Pop3Fetch};
use crate::cli::exit::{Tally, complain};
use crate::cli::maildrop::Names;
use crate::client::pop3::Entry;
use crate::error::{Error, Exit, Result};
use crate::store::state::{Mark, Seen};
use std::collections::{HashMap, HashSet};

/// A maildrop as it is listed, and what is remembered of it.
pub(super) struct Maildrop<'e> {
    pub(super) entries: &'e [Entry],
    seen: HashMap<Vec<u8>, Seen>,
    /// The unique ids that are not unique (RFC 1939 7 forbids them): they say of no message what became of it.
    shared: HashSet<&'e [u8]>,
}

/// How much of a message is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// The header and so many lines of the body.
    Top(u64),
}

/// What is fetched, in order of number.
#[derive(Default)]
pub(super) struct Wanted<'e> {
    pub(super) whole: Vec<&'e Entry>,
    /// Those of which the beginning will do.
    pub(super) top: Vec<&'e Entry>,
    /// Those that are too large, and left.
    pub(super) large: Vec<&'e Entry>,
}

impl<'e> Maildrop<'e> {
    pub(super) fn new(entries: &'e [Entry], seen: HashMap<Vec<u8>, Seen>) -> Maildrop<'e> {
        let mut once = HashSet::new();
        let shared = entries.iter().filter_map(|e| e.uidl.as_deref()).filter(|uidl| !once.insert(*uidl)).collect();
        Maildrop { entries, seen, shared }
    }

    /// Whether nobody can tell this message from another by its unique id.
    pub(super) fn is_shared(&self, entry: &Entry) -> bool {
        entry.uidl.as_deref().is_some_and(|uidl| self.shared.contains(uidl))
    }

    /// Whether each message has a unique id of its own.
    pub(super) fn can_be_told_apart(&self) -> bool {
        self.shared.is_empty() && self.entries.iter().all(|e| e.uidl.is_some())
    }

    /// Whether nothing is remembered that is not there any more.
    pub(super) fn lists_all_seen(&self) -> bool {
        self.shared.is_empty() && self.entries.iter().filter(|e| self.seen(e).is_some()).count() == self.seen.len()
    }

    /// Whether all of it is remembered, nothing else is, and none of it waits for anything.
    pub(super) fn is_settled(&self) -> bool {
        let settled = |e: &Entry| self.seen(e).is_some_and(|seen| matches!(seen.mark, Mark::Kept | Mark::Told));
        self.lists_all_seen() && self.entries.iter().all(settled)
    }

    fn seen(&self, entry: &Entry) -> Option<Seen> {
        entry.uidl.as_ref().and_then(|uidl| self.seen.get(uidl)).copied()
    }

    /// What to fetch by the flags, but for `--filter` and `--limit`.
    pub(super) fn wanted(&self, flags: &Pop3Fetch, tally: &mut Tally) -> Result<Wanted<'e>> {
        if !flags.messages.is_empty() {
            let named = Names::of(self.entries).look(&flags.messages);
            for name in named.missing {
                complain(NAME, &format!("{name}: no such message"), None);
                tally.failed(Exit::Refused);
            }
            return Ok(self.by_size(flags, named.entries));
        }
        if !flags.all && !flags.delete && self.entries.iter().any(|e| e.uidl.is_none()) {
            return Err(Error::refused("the server has no unique ids, so what is new can't be known")
                .advise("--all fetches everything, --delete fetches and deletes everything"));
        }
        let again = |e: &Entry| match self.seen(e) {
            None => true,
            Some(seen) if seen.mark == Mark::Partial => flags.all || flags.complete,
            Some(_) => flags.all || (flags.delete && self.is_shared(e)),
        };
        let new: Vec<&Entry> = self.entries.iter().filter(|e| again(e)).collect();
        Ok(self.by_size(flags, new))
    }

    fn by_size(&self, flags: &Pop3Fetch, all: Vec<&'e Entry>) -> Wanted<'e> {
        let mut wanted = Wanted::default();
        for entry in all {
            let partial = self.seen(entry).is_some_and(|seen| seen.mark == Mark::Partial);
            let fits = flags.max_size.is_none_or(|max| entry.size <= max) || (partial && flags.complete);
            match flags.oversize {
                _ if flags.headers => wanted.top.push(entry),
                _ if fits => wanted.whole.push(entry),
                Some(_) => wanted.top.push(entry),
                None => wanted.large.push(entry),
            }
        }
        wanted
    }

    /// What to delete by the flags, in order of number, when the messages with the numbers `delivered` are safe by this run.
    pub(super) fn doomed(&self, flags: &Pop3Fetch, delivered: &HashSet<u32>, now: i64) -> Vec<&'e Entry> {
        let old = |seen: Seen| {
            let age = flags.delete_after.map(|after| i64::try_from(after.as_secs()).unwrap_or(i64::MAX));
            // Only what is here.
            !matches!(seen.mark, Mark::Partial | Mark::Told)
                && age.is_some_and(|age| now.saturating_sub(seen.time) >= age)
        };
        let doomed = |e: &&Entry| {
            let remembered = self.seen(e).filter(|_| !self.is_shared(e));
            let pending = remembered.is_some_and(|seen| seen.mark == Mark::DeletePending);
            flags.delete && (delivered.contains(&e.number) || pending) || remembered.is_some_and(old)
        };
        if !flags.delete && flags.delete_after.is_none() {
            return Vec::new();
        }
        let kept = self.entries.len().saturating_sub(flags.keep_newest.unwrap_or(0));
        self.entries.iter().take(kept).filter(doomed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn flags(words: &[&str]) -> Pop3Fetch {
        Pop3Fetch::try_parse_from([&["pop3-fetch", "local:"], words].concat()).unwrap()
    }

    fn entries() -> Vec<Entry> {
        let uidl = |id: &str| Some(id.as_bytes().to_vec());
        ["new", "kept", "pending", "partial", "twice", "twice", "told"]
            .iter()
            .zip(1..)
            .map(|(id, number)| Entry { number, size: u64::from(number) * 100, uidl: uidl(id) })
            .collect()
    }

    fn seen() -> HashMap<Vec<u8>, Seen> {
        let all = [
            ("kept", Mark::Kept),
            ("pending", Mark::DeletePending),
            ("partial", Mark::Partial),
            ("twice", Mark::Kept),
            ("told", Mark::Told),
        ];
        all.into_iter().map(|(id, mark)| (id.as_bytes().to_vec(), Seen { mark, time: 1000 })).collect()
    }

    fn numbers(entries: &[&Entry]) -> Vec<u32> {
        entries.iter().map(|e| e.number).collect()
    }

    #[test]
    fn what_is_fetched() {
        let entries = entries();
        let drop = Maildrop::new(&entries, seen());
        for (words, whole, top, large) in [
            (&[][..], &[1][..], &[][..], &[][..]),
            (&["--all"], &[1, 2, 3, 4, 5, 6, 7], &[], &[]),
            (&["--delete"], &[1, 5, 6], &[], &[]),
            (&["--complete"], &[1, 4], &[], &[]),
            (&["--complete", "--max-size", "100"], &[1, 4], &[], &[]),
            (&["--all", "--max-size", "250"], &[1, 2], &[], &[3, 4, 5, 6, 7]),
            (&["--all", "--max-size", "250", "--oversize", "top:5"], &[1, 2], &[3, 4, 5, 6, 7], &[]),
            (&["--headers"], &[], &[1], &[]),
            (&["2:3"], &[2, 3], &[], &[]),
        ] {
            let wanted = drop.wanted(&flags(words), &mut Tally::default()).unwrap();
            let found = (numbers(&wanted.whole), numbers(&wanted.top), numbers(&wanted.large));
            assert_eq!(found, (whole.to_vec(), top.to_vec(), large.to_vec()), "{words:?}");
        }
    }

    #[test]
    fn what_is_deleted() {
        let entries = entries();
        let drop = Maildrop::new(&entries, seen());
        let delivered = HashSet::from([1, 5]);
        for (words, now, doomed) in [
            (&[][..], 9999, &[][..]),
            (&["--delete"], 0, &[1, 3, 5]),
            (&["--delete", "--keep-newest", "4"], 0, &[1, 3]),
            (&["--delete", "--keep-newest", "9"], 0, &[]),
            (&["--delete-after", "10s"], 1009, &[]),
            (&["--delete-after", "10s"], 1010, &[2, 3]),
            (&["--delete-after", "10s", "--keep-newest", "5"], 1010, &[2]),
        ] {
            let found = numbers(&drop.doomed(&flags(words), &delivered, now));
            assert_eq!(found, doomed, "{words:?} at {now}");
        }
    }
}
