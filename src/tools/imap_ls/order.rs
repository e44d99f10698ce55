//! `--sort`, `--thread`, `--reverse` and `--limit`: which messages are listed, and in which order.
//!
//! The server sorts where it can; else it is asked for what the order needs, and the same order is made here.

use super::messages::Lister;
use crate::body::Body;
use crate::client::imap::{Client, Fetched, Rows, Selected, Which};
use crate::error::{Error, Result};
use crate::message::header::Header;
use crate::message::order::{By, Criterion, Key, Sorted, compare};
use crate::message::threads::{Entry, by_references};
use crate::proto::imap::response::BodyName;
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::section::{FetchItem, Of, Section};
use crate::proto::imap::set::SequenceSet;
use crate::proto::imap::sort::{SortBy, SortKey};
use clap::Args;
use std::num::NonZeroU32;

/// A header that is longer counts as none.
const HEADER: usize = 1024 * 1024;
/// So many messages are put in order here.
const MESSAGES: usize = 4_000_000;

/// How the messages are listed.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Order {
    /// Sort by received, date, from, to (names, or addresses), cc, subject or size; - before one turns it round.
    #[arg(long, value_name = "KEY,...", value_delimiter = ',', allow_hyphen_values = true)]
    sort: Vec<Criterion>,
    /// Conversations, each below the message that began it; the column depth tells how far.
    #[arg(long, conflicts_with = "sort")]
    thread: bool,
    /// The other way round: the newest first, or the order that is asked for from its end.
    #[arg(short, long)]
    reverse: bool,
    /// At most N messages: the newest, or with --sort or --thread the first in that order.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// As the server has it.
fn sort_key(Criterion { by, reverse }: Criterion) -> SortKey {
    let by = match by {
        By::Arrival => SortBy::Arrival,
        By::Cc => SortBy::Cc,
        By::Date => SortBy::Date,
        By::DisplayFrom => SortBy::DisplayFrom,
        By::DisplayTo => SortBy::DisplayTo,
        By::From => SortBy::From,
        By::Size => SortBy::Size,
        By::Subject => SortBy::Subject,
        By::To => SortBy::To,
    };
    SortKey { by, reverse }
}

/// A message in its place: its UID, and how far below the first of its conversation it stands.
type Place = (Option<u32>, u32);

impl Order {
    /// Whether the messages need not be listed as they come.
    pub(super) fn is_some(&self) -> bool {
        !self.sort.is_empty() || self.thread || self.reverse || self.limit.is_some()
    }

    /// Whether conversations are listed.
    pub(super) fn threads(&self) -> bool {
        self.thread
    }

    /// Lists the messages that are meant.
    pub(super) fn list(
        &self,
        client: &mut Client,
        folder: &str,
        set: Option<&SequenceSet>,
        key: Option<&SearchKey>,
        lister: &mut Lister<'_>,
    ) -> Result<()> {
        let items = lister.items(|capability| client.has(capability));
        if !self.is_some() {
            return match (key, set) {
                // What is found is all that is shown.
                (Some(key), _) if items.is_empty() => {
                    let (opened, found, _) = client.search_in(folder, key)?;
                    lister.opened(opened)?;
                    found.numbers(u32::MAX).try_for_each(|uid| lister.uid(uid))
                }
                (Some(key), _) => client.fetch_from(folder, Which::Found(key), &items, lister),
                (None, Some(set)) => client.fetch_from(folder, Which::Set(set), &items, lister),
                (None, None) => client.fetch_from(folder, Which::All, &items, lister),
            };
        }
        let all = match (key, set) {
            (Some(key), _) => key.clone(),
            (None, Some(set)) => SearchKey::Uid(set.clone()),
            (None, None) if !self.thread && self.sort.is_empty() => return self.newest(client, folder, &items, lister),
            (None, None) => SearchKey::All,
        };
        let (mut places, mut selected) = self.places(client, folder, &all, lister)?;
        if self.reverse {
            // Conversations change their order, and not the messages in them.
            let mut whole: Vec<&[Place]> = places.chunk_by(|_, (_, depth)| *depth > 0).collect();
            whole.reverse();
            places = whole.concat();
        }
        places.retain(|(uid, _)| uid.is_some());
        if let Some(limit) = self.limit {
            // Without another order the newest are the last.
            let last = !self.thread && self.sort.is_empty() && !self.reverse;
            let first = if last { places.len().saturating_sub(limit) } else { 0 };
            places = places.into_iter().skip(first).take(limit).collect();
        }
        let (uids, depths): (Vec<u32>, Vec<u32>) = places.into_iter().filter_map(|(uid, d)| Some((uid?, d))).unzip();
        if self.thread {
            lister.depths = Some(uids.iter().copied().zip(depths).collect::<Vec<_>>().into_iter());
        }
        if items.is_empty() {
            return uids.into_iter().try_for_each(|uid| lister.uid(uid));
        }
        selected.fetch_in_order(&uids, &items, lister)
    }

    /// All messages, the newest of them, or from the newest on.
    fn newest(&self, client: &mut Client, folder: &str, items: &[FetchItem], lister: &mut Lister<'_>) -> Result<()> {
        let mut selected = client.examine(folder)?;
        lister.opened(selected.opened())?;
        let exists = selected.exists();
        let most = self.limit.map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX));
        let from = exists.saturating_sub(most).saturating_add(1);
        match self.reverse {
            _ if from > exists => Ok(()),
            true => selected.fetch_backwards(from, exists, items, lister),
            false => selected.fetch_numbers(from, exists, items, lister),
        }
    }

    /// The messages for which `key` holds, in order, as the folder was when it was opened.
    fn places<'c>(
        &self,
        client: &'c mut Client,
        folder: &str,
        key: &SearchKey,
        lister: &mut Lister<'_>,
    ) -> Result<(Vec<Place>, Selected<'c>)> {
        if self.thread && client.threads() {
            let (threads, selected) = client.thread_in(folder, key)?;
            lister.opened(threads.opened)?;
            return Ok((threads.all.into_iter().map(|node| (node.number, node.depth)).collect(), selected));
        }
        let by: Vec<SortKey> = self.sort.iter().copied().map(sort_key).collect();
        if !by.is_empty() && client.sorts(&by) {
            let (sorted, selected) = client.sort_in(folder, &by, key)?;
            lister.opened(sorted.opened)?;
            return Ok((sorted.all.into_iter().map(|uid| (Some(uid), 0)).collect(), selected));
        }
        // Without another order the newest are what is left of many.
        let few = self.limit.filter(|_| by.is_empty() && !self.thread).and_then(|n| u32::try_from(n).ok());
        let (opened, found, mut selected) = match few.and_then(NonZeroU32::new) {
            Some(most) => client.newest_in(folder, key, most)?,
            None => client.search_in(folder, key)?,
        };
        lister.opened(opened)?;
        if found.numbers(u32::MAX).nth(MESSAGES).is_some() {
            return Err(Error::protocol("more messages than can be sorted"));
        }
        let places = if self.thread {
            let fields = ["Date", "Subject", "Message-ID", "References", "In-Reply-To"];
            let items = [FetchItem::InternalDate, header_fields(&fields)];
            let (uids, entries) = gather(&mut selected, &found, &items, |header, row| Entry::of(header, arrival(row)))?;
            let place = |at: Option<usize>| at.and_then(|at| uids.get(at).copied());
            by_references(&entries).into_iter().map(|threaded| (place(threaded.at), threaded.depth)).collect()
        } else if by.is_empty() {
            found.numbers(u32::MAX).map(|uid| (Some(uid), 0)).collect()
        } else {
            self.sorted(&found, &mut selected)?
        };
        Ok((places, selected))
    }

    /// Sorted here.
    fn sorted(&self, found: &SequenceSet, selected: &mut Selected<'_>) -> Result<Vec<Place>> {
        let (mut fields, by): (Vec<&str>, Vec<By>) = self.sort.iter().map(|key| (key.word(), key.by)).unzip();
        let reverse: Vec<bool> = self.sort.iter().map(|criterion| criterion.reverse).collect();
        fields.retain(|name| !matches!(*name, "received" | "size"));
        let mut items = Vec::new();
        if by.iter().any(|by| matches!(by, By::Arrival | By::Date)) {
            items.push(FetchItem::InternalDate);
        }
        if by.contains(&By::Size) {
            items.push(FetchItem::Rfc822Size);
        }
        if !fields.is_empty() {
            items.push(header_fields(&fields));
        }
        let keys = |header: &Header, row: &Fetched| -> Vec<Key> {
            let of = Sorted { header, arrival: arrival(row), size: row.size.unwrap_or_default() };
            by.iter().map(|by| by.key(of)).collect()
        };
        let (uids, keys) = gather(selected, found, &items, keys)?;
        let mut all: Vec<(u32, Vec<Key>)> = uids.into_iter().zip(keys).collect();
        all.sort_by(|(_, a), (_, b)| compare(a, b, &reverse));
        Ok(all.into_iter().map(|(uid, _)| (Some(uid), 0)).collect())
    }
}

fn header_fields(names: &[&str]) -> FetchItem {
    let fields = Of::Fields(names.iter().map(|name| (*name).to_ascii_uppercase()).collect());
    FetchItem::Section { section: Section { part: Vec::new(), what: fields }, peek: true, partial: None }
}

fn arrival(row: &Fetched) -> i64 {
    row.internal_date.map_or(0, |date| date.timestamp())
}

/// Makes something of each message, and returns it with the UIDs, ascending.
fn gather<T>(
    selected: &mut Selected<'_>,
    found: &SequenceSet,
    items: &[FetchItem],
    make: impl FnMut(&Header, &Fetched) -> T,
) -> Result<(Vec<u32>, Vec<T>)> {
    let mut gathered = Gathered { header: None, made: Vec::new(), make };
    selected.fetch_found(found, items, &mut gathered)?;
    gathered.made.sort_by_key(|(uid, _)| *uid);
    Ok(gathered.made.into_iter().unzip())
}

struct Gathered<T, M> {
    /// Of the message with that number.
    header: Option<(u32, Vec<u8>)>,
    made: Vec<(u32, T)>,
    make: M,
}

impl<T, M: FnMut(&Header, &Fetched) -> T> Rows for Gathered<T, M> {
    fn literal(&mut self, so_far: &Fetched, _: &BodyName, _: u64, body: &mut dyn Body) -> Result<()> {
        self.header = body.whole(HEADER)?.map(|header| (so_far.number, header));
        Ok(())
    }

    fn row(&mut self, row: Fetched) -> Result<()> {
        let header = self.header.take().filter(|(number, _)| *number == row.number).map(|(_, header)| header);
        let made = (self.make)(&Header::parse(header.unwrap_or_default()), &row);
        self.made.push((row.uid, made));
        if self.made.len() > MESSAGES { Err(Error::protocol("more messages than can be sorted")) } else { Ok(()) }
    }
}
