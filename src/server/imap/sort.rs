//! SORT and THREAD (RFC 5256, RFC 5957): what [SEARCH](super::search) finds, in order.
//!
//! Of each message that was found the header is read once, and what it is sorted by is kept: a folder of a hundred thousand messages
//! takes some tens of megabytes while it is sorted. Left out: an index that outlives the command.

use super::super::mailbox::Mailbox;
use super::recall::header;
use super::{Session, bad, failed};
use crate::error::Result;
use crate::message::header::Header;
use crate::message::order::{By, Key, Sorted, compare};
use crate::message::threads::{Entry, Threaded, by_references, by_subject};
use crate::proto::imap::response::{Status, Untagged};
use crate::proto::imap::results::Returns;
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::sort::{SortBy, SortKey};
use crate::proto::imap::thread::{Algorithm, Node};

impl Session<'_> {
    pub(super) fn sort(
        &mut self,
        uid: bool,
        returns: Option<Returns>,
        order: &[SortKey],
        charset: &str,
        key: &SearchKey,
    ) -> Result<Status> {
        let (found, mut status) = match self.found(Some(charset), key, returns) {
            Ok(found) => found,
            Err(status) => return Ok(status),
        };
        let Some(mailbox) = &mut self.mailbox else { return Ok(bad("no mailbox is selected")) };
        mailbox.expect(found.len());
        let criteria: Vec<By> = order.iter().map(|key| by(key.by)).collect();
        let reverse: Vec<bool> = order.iter().map(|key| key.reverse).collect();
        let mut keyed: Vec<(Box<[Key]>, usize)> = Vec::with_capacity(found.len());
        for index in found {
            match keys(mailbox, index, &criteria) {
                Ok(Some(keys)) => keyed.push((keys, index)),
                Ok(None) => {}
                Err(e) => status = failed(&e),
            }
        }
        mailbox.settle();
        keyed.sort_by(|(a, i), (b, j)| compare(a, b, &reverse).then(i.cmp(j)));
        let sorted = keyed.into_iter().map(|(_, index)| index).collect();
        self.results(uid, returns, key.has_modseq(), sorted, status, Untagged::Sort)
    }

    pub(super) fn thread(&mut self, uid: bool, algorithm: Algorithm, charset: &str, key: &SearchKey) -> Result<Status> {
        let (found, mut status) = match self.found(Some(charset), key, None) {
            Ok(found) => found,
            Err(status) => return Ok(status),
        };
        let Some(mailbox) = &mut self.mailbox else { return Ok(bad("no mailbox is selected")) };
        mailbox.expect(found.len());
        let mut entries: Vec<Entry> = Vec::with_capacity(found.len());
        let mut indexes = Vec::with_capacity(found.len());
        for index in found {
            match header(mailbox, index) {
                Ok(Some(header)) => {
                    entries.push(Entry::of(&header, arrival(mailbox, index)));
                    indexes.push(index);
                }
                Ok(None) => {}
                Err(e) => status = failed(&e),
            }
        }
        mailbox.settle();
        let threads = match algorithm {
            Algorithm::OrderedSubject => by_subject(&entries),
            Algorithm::References => by_references(&entries),
        };
        drop(entries);
        let numbers = self.numbers(uid, &indexes);
        let node = |Threaded { depth, at }| Node { depth, number: at.and_then(|at| numbers.get(at).copied()) };
        self.tell(Untagged::Thread(threads.into_iter().map(node).collect()))?;
        self.caught_up(uid, status)
    }
}

fn by(word: SortBy) -> By {
    match word {
        SortBy::Arrival => By::Arrival,
        SortBy::Cc => By::Cc,
        SortBy::Date => By::Date,
        SortBy::DisplayFrom => By::DisplayFrom,
        SortBy::DisplayTo => By::DisplayTo,
        SortBy::From => By::From,
        SortBy::Size => By::Size,
        SortBy::Subject => By::Subject,
        SortBy::To => By::To,
    }
}

fn arrival(mailbox: &Mailbox, index: usize) -> i64 {
    mailbox.messages().get(index).map_or(0, |m| super::fetch::date(m.internal_date).timestamp())
}

/// What a message is sorted by; `None` if it has vanished.
fn keys(mailbox: &mut Mailbox, index: usize, criteria: &[By]) -> Result<Option<Box<[Key]>>> {
    let mut size = 0;
    if criteria.contains(&By::Size) {
        match mailbox.wire_size(index)? {
            Some(known) => size = known,
            None => return Ok(None),
        }
    }
    let mut read = Header::default();
    if criteria.iter().any(|by| by.needs_header()) {
        match header(mailbox, index)? {
            Some(header) => read = header,
            None => return Ok(None),
        }
    }
    let message = Sorted { header: &read, arrival: arrival(mailbox, index), size };
    Ok(Some(criteria.iter().map(|by| by.key(message)).collect()))
}
