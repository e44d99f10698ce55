//! Messages in an order that somebody wants: SORT and THREAD (RFC 5256), and FETCH of what has an order, a batch at a time.
//!
//! A server sends rows in whatever order it likes, so those of the batches under way are held until each is done.

use super::opening::Opened;
use super::selected::{FLIGHT, Fetched, Listener, Rows, Selected};
use super::talk::Listen;
use super::{Client, talk};
use crate::error::{Error, Result};
use crate::proto::imap::command::Command;
use crate::proto::imap::response::{Condition, Status, Untagged};
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::section::FetchItem;
use crate::proto::imap::set::SequenceSet;
use crate::proto::imap::sort::{SortBy, SortKey};
use crate::proto::imap::thread::{Algorithm, Node};
use std::collections::VecDeque;

/// UIDs of a command: their text is at most a line of it (RFC 2683 3.2.1.5).
const UIDS: usize = 90;
/// Sequence numbers of a command.
const NUMBERS: u32 = 200;
/// Messages that can be put in order: 16 MiB of their UIDs.
const MESSAGES: usize = 4_000_000;

impl Client {
    /// Whether the server sorts by this.
    #[must_use]
    pub fn sorts(&self, by: &[SortKey]) -> bool {
        let display = by.iter().any(|key| matches!(key.by, SortBy::DisplayFrom | SortBy::DisplayTo));
        self.has("SORT") && (!display || self.has("SORT=DISPLAY"))
    }

    /// Whether the server finds conversations by references.
    #[must_use]
    pub fn threads(&self) -> bool {
        self.has("THREAD=REFERENCES")
    }

    /// EXAMINE and UID SORT in one flight: the UIDs of the messages for which `key` holds.
    ///
    /// # Errors
    /// As [`Client::examine`]; 69: refused.
    pub fn sort_in(&mut self, folder: &str, by: &[SortKey], key: &SearchKey) -> Result<(Sorted<u32>, Selected<'_>)> {
        let (by, key) = (by.to_vec(), key.clone());
        let sort = Command::Sort { uid: true, returns: None, by, charset: "UTF-8".to_owned(), key };
        self.in_order(folder, sort, "SORT: ", |what, all| {
            if let Untagged::Sort(numbers, _) = what {
                all.extend(numbers);
            }
        })
    }

    /// EXAMINE and UID THREAD in one flight: the conversations of the messages for which `key` holds.
    ///
    /// # Errors
    /// As [`Client::examine`]; 69: refused.
    pub fn thread_in(&mut self, folder: &str, key: &SearchKey) -> Result<(Sorted<Node>, Selected<'_>)> {
        let (algorithm, charset) = (Algorithm::References, "UTF-8".to_owned());
        let thread = Command::Thread { uid: true, algorithm, charset, key: key.clone() };
        self.in_order(folder, thread, "THREAD: ", |what, all| {
            if let Untagged::Thread(nodes) = what {
                all.extend(nodes);
            }
        })
    }

    fn in_order<T>(
        &mut self,
        folder: &str,
        command: Command,
        name: &'static str,
        take: fn(Untagged, &mut Vec<T>),
    ) -> Result<(Sorted<T>, Selected<'_>)> {
        let mut heard = Heard { all: Vec::new(), opened: None, refused: None, take };
        let selected = self.entered(folder, &|_| vec![command.clone()], &mut heard)?;
        if let Some(status) = heard.refused {
            return Err(talk::refusal(name, &status).at(selected.peer()));
        }
        Ok((Sorted { opened: heard.opened.unwrap_or(selected.opened()), all: heard.all }, selected))
    }
}

/// What a server has put in order, in the folder as it was opened.
#[derive(Clone, Debug)]
pub struct Sorted<T> {
    /// The folder.
    pub opened: Opened,
    /// What it was asked for.
    pub all: Vec<T>,
}

struct Heard<T> {
    all: Vec<T>,
    opened: Option<Opened>,
    refused: Option<Status>,
    take: fn(Untagged, &mut Vec<T>),
}

impl<T> Listen for Heard<T> {
    fn opened(&mut self, folder: Opened) -> Result<()> {
        self.opened = Some(folder);
        Ok(())
    }

    fn untagged(&mut self, what: Untagged) -> Result<()> {
        (self.take)(what, &mut self.all);
        if self.all.len() > MESSAGES { Err(Error::protocol("more messages than can be sorted")) } else { Ok(()) }
    }

    fn answered(&mut self, _: usize, answer: Result<Status>) -> Result<()> {
        self.refused = Some(answer?).filter(|status| status.condition != Condition::Ok);
        Ok(())
    }
}

impl Selected<'_> {
    /// UID FETCH of messages that are there, whose rows come in the order of `uids`.
    ///
    /// # Errors
    /// As [`Selected::fetch`]; 75 where a row is missing at the end.
    pub fn fetch_in_order(&mut self, uids: &[u32], items: &[FetchItem], rows: &mut dyn Rows) -> Result<()> {
        let batch = |uids: &[u32]| (true, SequenceSet::from_numbers(uids.iter().copied()));
        let places = |row: &Fetched, at: usize| {
            let from = at.saturating_mul(UIDS);
            let batch = uids.iter().skip(from).take(UIDS);
            batch.enumerate().find(|(_, uid)| **uid == row.uid).map(|(place, _)| place)
        };
        self.batches(&mut uids.chunks(UIDS).map(batch), uids.len() as u64, &places, items, rows)
    }

    /// FETCH of the messages with these sequence numbers, the last one first.
    ///
    /// # Errors
    /// As [`Selected::fetch`]; 75 where a row is missing at the end.
    pub fn fetch_backwards(&mut self, from: u32, to: u32, items: &[FetchItem], rows: &mut dyn Rows) -> Result<()> {
        let top = |at: u32| to.saturating_sub(at.saturating_mul(NUMBERS));
        let range = move |at: u32| (top(at).saturating_sub(NUMBERS - 1).max(from), top(at));
        let count = to.saturating_add(1).saturating_sub(from);
        let mut sets = (0..count.div_ceil(NUMBERS)).map(|at| (false, SequenceSet::from_ranges([range(at)])));
        let places = |row: &Fetched, at: usize| {
            let (low, high) = range(u32::try_from(at).unwrap_or(u32::MAX));
            (low..=high).contains(&row.number).then(|| high.saturating_sub(row.number) as usize)
        };
        self.batches(&mut sets, count.into(), &places, items, rows)
    }

    /// FETCH of the messages with these sequence numbers.
    ///
    /// # Errors
    /// As [`Selected::fetch`]; 75 where a row is missing at the end.
    pub fn fetch_numbers(&mut self, from: u32, to: u32, items: &[FetchItem], rows: &mut dyn Rows) -> Result<()> {
        let mut listener = Listener::new(rows, items);
        listener.expect(u64::from(to.saturating_add(1).saturating_sub(from)));
        let fetch = fetch(false, SequenceSet::from_ranges([(from, to)]), items);
        self.talk.flight(FLIGHT, &mut std::iter::once(fetch), &mut listener)?;
        self.whole(&mut listener)
    }

    fn batches(
        &mut self,
        sets: &mut dyn Iterator<Item = (bool, SequenceSet)>,
        due: u64,
        place: &dyn Fn(&Fetched, usize) -> Option<usize>,
        items: &[FetchItem],
        rows: &mut dyn Rows,
    ) -> Result<()> {
        let mut listener = Listener::new(rows, items);
        listener.expect(due);
        listener.holds(Batch { at: 0, place, rows: VecDeque::new() });
        self.talk.flight(FLIGHT, &mut sets.map(|(uid, set)| fetch(uid, set, items)), &mut listener)?;
        self.whole(&mut listener)
    }
}

/// The rows of the FETCH commands that are under way, held until each is done. A server may begin with the next one before it has said
/// that one is (Dovecot does).
pub(super) struct Batch<'r> {
    at: usize,
    /// Where a row stands in the batch with that place; `None`: it is of another one.
    place: &'r dyn Fn(&Fetched, usize) -> Option<usize>,
    /// From the batch `at` on.
    rows: VecDeque<Vec<Option<Fetched>>>,
}

impl Batch<'_> {
    /// Takes a row, unless no batch under way has it.
    pub(super) fn hold(&mut self, row: Fetched) -> bool {
        let places = (0..FLIGHT).find_map(|n| (self.place)(&row, self.at.saturating_add(n)).map(|place| (n, place)));
        let Some((batch, place)) = places else { return false };
        if self.rows.len() <= batch {
            self.rows.resize_with(batch.saturating_add(1), Vec::new);
        }
        let Some(rows) = self.rows.get_mut(batch) else { return false };
        if rows.len() <= place {
            rows.resize_with(place.saturating_add(1), || None);
        }
        rows.get_mut(place).map(|free| *free = Some(row)).is_some()
    }

    /// The batch is done: its rows, in order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Fetched> + use<> {
        self.at = self.at.saturating_add(1);
        self.rows.pop_front().unwrap_or_default().into_iter().flatten()
    }
}

/// FETCH of these items, and of the UID.
pub(super) fn fetch(uid: bool, set: SequenceSet, items: &[FetchItem]) -> Command {
    let mut all = vec![FetchItem::Uid];
    all.extend(items.iter().filter(|i| **i != FetchItem::Uid).cloned());
    Command::Fetch { uid, set, items: all, changed: None }
}

#[cfg(test)]
mod tests {
    use super::super::Rows;
    use super::super::tests::play;
    use super::*;
    use crate::body::Body;
    use crate::net::script::{End, Mode, Script};
    use crate::proto::imap::response::BodyName;

    struct Uids(Vec<u32>);

    impl Rows for Uids {
        fn literal(&mut self, _: &Fetched, _: &BodyName, _: u64, _: &mut dyn Body) -> Result<()> {
            Ok(())
        }
        fn row(&mut self, row: Fetched) -> Result<()> {
            assert_eq!(row.size, Some(u64::from(row.uid)));
            self.0.push(row.uid);
            Ok(())
        }
    }

    fn opened(script: &str, run: impl Fn(&mut Selected<'_>, &mut Uids) -> Result<()>) -> Result<Vec<u32>> {
        let open = "S: * PREAUTH [CAPABILITY IMAP4rev1] hi\nC: $a EXAMINE x\nS: * 450 EXISTS\nS: * OK [UIDVALIDITY 1] .\nS: $a OK .\n";
        let script = Script::parse(&format!("{open}{script}")).unwrap();
        let (end, result) = play(&script, Mode::default(), |wire| {
            let mut uids = Uids(Vec::new());
            let mut client = Client::open(wire, None, true)?;
            run(&mut client.examine("x")?, &mut uids).map(|()| uids.0)
        });
        assert_eq!(end, End::Whole);
        result
    }

    fn row(number: u32) -> String {
        format!("S: * {number} FETCH (UID {} RFC822.SIZE {})\n", 2 * number, 2 * number)
    }

    #[test]
    fn batches_that_overlap() {
        let uids: Vec<u32> = (1..=100).rev().map(|n| 2 * n).collect();
        let set = |uids: &[u32]| SequenceSet::from_numbers(uids.iter().copied());
        let says = |missing: u32| {
            let mut script = format!("C: $b UID FETCH {} (UID RFC822.SIZE)\n", set(&uids[..90]));
            script += &format!("C: $c UID FETCH {} (UID RFC822.SIZE)\n", set(&uids[90..]));
            // The second command is begun before the first has ended, and one row comes twice.
            (11..=100).for_each(|n| script += &row(n));
            (1..=10).filter(|n| *n != missing).for_each(|n| script += &row(n));
            script + &row(11) + "S: $b OK .\nS: $c OK .\n"
        };
        let fetch =
            |folder: &mut Selected<'_>, rows: &mut Uids| folder.fetch_in_order(&uids, &[FetchItem::Rfc822Size], rows);
        assert_eq!(opened(&says(0), fetch).unwrap(), uids);
        let short = says(7) + "C: $d NOOP\nS: $d OK .\n";
        assert_eq!(
            opened(&short, fetch).unwrap_err().to_string(),
            "test: FETCH: the answer ended early: 99 of 100 messages came"
        );
        let gone = says(7) + "C: $d NOOP\nS: * 7 EXPUNGE\nS: $d OK .\n";
        assert_eq!(opened(&gone, fetch).unwrap().len(), 99);
    }

    #[test]
    fn the_newest_first() {
        let mut script = String::new();
        for (n, (from, to)) in [(251, 450), (51, 250), (7, 50)].into_iter().enumerate() {
            script += &format!("C: $b{n} FETCH {from}:{to} (UID RFC822.SIZE)\n");
        }
        (251..=450).chain(51..=250).for_each(|n| script += &row(n));
        script += "S: $b0 OK .\nS: $b1 OK .\n";
        (7..=50).for_each(|n| script += &row(n));
        script += "S: $b2 OK .\n";
        let items = [FetchItem::Rfc822Size];
        let got = opened(&script, |folder, rows| folder.fetch_backwards(7, 450, &items, rows)).unwrap();
        assert_eq!(got, (7..=450).rev().map(|n| 2 * n).collect::<Vec<u32>>());
    }
}
