//! Conversations (RFC 5256 section 3): ORDEREDSUBJECT, which goes by base subjects, and REFERENCES, which goes by message IDs and
//! then by base subjects.
//!
//! Takes n log n time for any references, and nothing is recursive: a chain may have as many messages as a folder. Of a
//! message only digests of its IDs and its subject are kept, and of a message that refers to more than a hundred others the
//! first reference (the root, as a rule) and the last ninety-nine.

use super::collate::casemap;
use super::date::Date;
use super::header::{Header, unfold};
use super::links::{Links, NONE};
use super::subject;
use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry as Slot};
use std::hash::Hasher;

/// How many references of a message count.
const REFERENCES: usize = 100;

/// A message, as far as threading looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    id: Option<Digest>,
    references: Vec<Digest>,
    /// `None`: its base is empty.
    subject: Option<Digest>,
    reply: bool,
    sent: i64,
}

/// A message in its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threaded {
    /// 0: it begins a thread; 1: a reply to the nearest one before it that has 0; and so on.
    pub depth: u32,
    /// The place of its entry among those that were given; `None`: a message that is not there joins those below it.
    pub at: Option<usize>,
}

/// 128 bits that stand for a text. Who builds two texts with the same digest has two messages taken for one.
type Digest = (u64, u64);

fn digest(text: impl Iterator<Item = u8> + Clone) -> Digest {
    let half = |first: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(first);
        text.clone().for_each(|b| hasher.write_u8(b));
        hasher.finish()
    };
    (half(0), half(1))
}

/// The sent date (RFC 5256 2.2): when a message's `Date` says it was sent, else when it arrived; in seconds since 1970.
#[must_use]
pub fn sent(header: &Header, arrival: i64) -> i64 {
    header.get("Date").and_then(Date::parse).map_or(arrival, |date| date.seconds)
}

impl Entry {
    /// Of a message with this header, which arrived at that time (seconds since 1970).
    #[must_use]
    pub fn of(header: &Header, arrival: i64) -> Entry {
        let base = header.get("Subject").map(subject::base).unwrap_or_default();
        let key = casemap(&base.text);
        let first = |name: &str| header.all(name).flat_map(ids).next();
        let mut references: Vec<Digest> = Vec::new();
        for id in header.all("References").flat_map(ids) {
            if references.len() >= REFERENCES.saturating_mul(2) {
                references.drain(1..=REFERENCES);
            }
            references.push(id);
        }
        let more = references.len().saturating_sub(REFERENCES);
        if more > 0 {
            references.drain(1..=more);
        }
        if references.is_empty() {
            references.extend(first("In-Reply-To"));
        }
        references.shrink_to_fit();
        Entry {
            id: first("Message-ID"),
            references,
            subject: (!key.is_empty()).then(|| digest(key.bytes())),
            reply: base.reply,
            sent: sent(header, arrival),
        }
    }
}

/// The message IDs of a field: what stands between angle brackets, without blanks, and without quotes, which make no difference
/// (`<"a"@b>` is `<a@b>`).
fn ids(value: &[u8]) -> impl Iterator<Item = Digest> {
    let value = unfold(value);
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = value.get(from..)?;
            let end = memchr::memchr(b'>', rest)?;
            let (id, _) = rest.split_at(end);
            from = from.saturating_add(end).saturating_add(1);
            let Some(start) = memchr::memrchr(b'<', id) else { continue };
            let id = id.iter().skip(start.saturating_add(1)).copied();
            let mut id = id.filter(|b| !matches!(b, b'"' | b'\\' | b' ' | b'\t' | b'\r')).peekable();
            if id.peek().is_some() {
                return Some(digest(id));
            }
        }
    })
}

/// ORDEREDSUBJECT: messages with one base subject are a thread; the first sent one begins it, and the others are below it.
#[must_use]
pub fn by_subject(entries: &[Entry]) -> Vec<Threaded> {
    let mut first: HashMap<Option<Digest>, (i64, usize)> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let here = (entry.sent, at);
        first.entry(entry.subject).and_modify(|f| *f = here.min(*f)).or_insert(here);
    }
    let mut order: Vec<((i64, usize), (i64, usize))> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| {
            let here = (entry.sent, at);
            (first.get(&entry.subject).copied().unwrap_or(here), here)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(root, here)| Threaded { depth: u32::from(root != here), at: Some(here.1) }).collect()
}

/// REFERENCES. The entries are in the order of their sequence numbers, which decides between equal dates, and who has an ID
/// that two messages claim.
#[must_use]
pub fn by_references(entries: &[Entry]) -> Vec<Threaded> {
    let mut forest = Forest::default();
    let mut links = Links::default();
    for (at, entry) in entries.iter().enumerate() {
        forest.gather(&mut links, at, entry);
    }
    forest.prune(&links, entries);
    forest.merge(entries);
    forest.written(entries)
}

/// The messages, and the dummies that stand for those which are only referred to.
#[derive(Default)]
struct Forest {
    nodes: HashMap<Digest, u32>,
    /// Which message a node is.
    messages: Vec<Option<usize>>,
    parents: Vec<u32>,
    /// The threads' first nodes.
    roots: Vec<u32>,
}

/// What siblings are sorted by: no two are the same.
type Order = (i64, usize);

impl Forest {
    fn add(&mut self, links: &mut Links, message: Option<usize>) -> u32 {
        self.messages.push(message);
        links.add()
    }

    fn node(&mut self, links: &mut Links, id: Digest) -> u32 {
        match self.nodes.entry(id) {
            Slot::Occupied(known) => *known.get(),
            Slot::Vacant(new) => {
                self.messages.push(None);
                *new.insert(links.add())
            }
        }
    }

    fn message(&self, node: u32) -> Option<usize> {
        self.messages.get(node as usize).copied().flatten()
    }

    fn parent(&self, node: u32) -> u32 {
        self.parents.get(node as usize).copied().unwrap_or(NONE)
    }

    fn set_parent(&mut self, node: u32, parent: u32) {
        if let Some(p) = self.parents.get_mut(node as usize) {
            *p = parent;
        }
    }

    /// Step 1.
    fn gather(&mut self, links: &mut Links, at: usize, entry: &Entry) {
        let named = entry.id.map(|id| self.node(links, id));
        let node = match named.filter(|n| self.message(*n).is_none()) {
            Some(node) => {
                if let Some(message) = self.messages.get_mut(node as usize) {
                    *message = Some(at);
                }
                node
            }
            // It has no ID, or another message has the same.
            None => self.add(links, Some(at)),
        };
        // 1.A
        let mut last = NONE;
        for id in &entry.references {
            let next = self.node(links, *id);
            if last != NONE && links.parent(next) == NONE {
                links.link(next, last);
            }
            last = next;
        }
        // 1.B: what the message itself says counts more than what others say.
        if links.parent(node) != NONE {
            links.cut(node);
        }
        if last != NONE {
            links.link(node, last);
        }
    }

    /// Steps 2 and 3: dummies go, but for those that begin a thread and have more than one child.
    fn prune(&mut self, links: &Links, entries: &[Entry]) {
        let given: Vec<u32> = (0..).take(links.len()).map(|n| links.parent(n)).collect();
        let children = Children::sorted(&given, |_| (0, 0));
        self.parents = vec![NONE; given.len()];
        let mut below: Vec<u32> = vec![0; given.len()];
        // From above: for each node, the nearest ancestor that stays.
        let mut todo = children.of(NONE).to_vec();
        while let Some(node) = todo.pop() {
            let parent = given.get(node as usize).copied().unwrap_or(NONE);
            let stays = parent == NONE || self.message(parent).is_some() || links.parent(parent) == NONE;
            let above = if stays { parent } else { self.parent(parent) };
            self.set_parent(node, above);
            if self.message(node).is_some()
                && let Some(n) = below.get_mut(above as usize)
            {
                *n = n.saturating_add(1);
            }
            todo.extend_from_slice(children.of(node));
        }
        for node in (0..).take(given.len()) {
            if self.message(node).is_none() {
                self.set_parent(node, NONE);
            }
        }
        let only = |below: &[u32], node: u32| below.get(node as usize).copied().unwrap_or(0) < 2;
        for node in (0..).take(given.len()) {
            let parent = self.parent(node);
            if parent != NONE && self.message(parent).is_none() && only(&below, parent) {
                self.set_parent(node, NONE);
            }
        }
        for (node, n) in (0..).zip(&below) {
            if self.parent(node) == NONE && (self.message(node).is_some() || *n > 1) {
                self.roots.push(node);
            }
        }
        // Step 4.
        let order = self.orders(entries);
        self.roots.sort_by_key(|root| order.get(*root as usize).copied());
    }

    /// What each node is sorted by: a dummy by its first child.
    fn orders(&self, entries: &[Entry]) -> Vec<Order> {
        let own = |at: usize| (entries.get(at).map_or(0, |e| e.sent), at);
        let mut orders: Vec<Order> = self.messages.iter().map(|m| m.map_or((i64::MAX, usize::MAX), own)).collect();
        for (node, message) in (0..).zip(&self.messages) {
            let parent = self.parent(node);
            if let Some(at) = message
                && parent != NONE
                && self.message(parent).is_none()
                && let Some(order) = orders.get_mut(parent as usize)
            {
                *order = own(*at).min(*order);
            }
        }
        orders
    }

    /// Step 5: threads with one base subject become one.
    fn merge(&mut self, entries: &[Entry]) {
        let order = self.orders(entries);
        // A dummy has its first child's subject.
        let first = |node: u32| order.get(node as usize).and_then(|(_, at)| entries.get(*at));
        let mut table: HashMap<Digest, u32> = HashMap::new();
        for &root in &self.roots {
            let Some((entry, subject)) = first(root).and_then(|e| e.subject.map(|s| (e, s))) else { continue };
            match table.entry(subject) {
                Slot::Vacant(new) => {
                    new.insert(root);
                }
                Slot::Occupied(mut known) => {
                    let dummy = self.message(root).is_none();
                    let was = *known.get();
                    if self.message(was).is_some() && (dummy || !entry.reply && first(was).is_some_and(|e| e.reply)) {
                        known.insert(root);
                    }
                }
            }
        }
        let subjects: Vec<(u32, Option<(Digest, bool)>)> =
            self.roots.iter().map(|root| (*root, first(*root).and_then(|e| e.subject.map(|s| (s, e.reply))))).collect();
        let children = Children::sorted(&self.parents, |_| (0, 0));
        // New dummies come behind the others: none of these is a reply.
        let replies: Vec<bool> = (0..).take(self.messages.len()).map(|n| first(n).is_some_and(|e| e.reply)).collect();
        for (root, subject) in subjects {
            let Some((subject, reply)) = subject else { continue };
            let Some(other) = table.get(&subject).copied().filter(|other| *other != root) else { continue };
            if self.parent(root) != NONE {
                // It has been put below another already.
                continue;
            }
            match (self.message(root), self.message(other)) {
                (None, None) => {
                    for child in children.of(root) {
                        self.set_parent(*child, other);
                    }
                }
                (_, None) => self.set_parent(root, other),
                _ if reply && !replies.get(other as usize).copied().unwrap_or(false) => self.set_parent(root, other),
                _ => {
                    let dummy = u32::try_from(self.messages.len()).unwrap_or(NONE);
                    self.messages.push(None);
                    self.parents.push(NONE);
                    self.roots.push(dummy);
                    self.set_parent(root, dummy);
                    self.set_parent(other, dummy);
                    table.insert(subject, dummy);
                }
            }
        }
    }

    /// Step 6, and all of it in order.
    fn written(&self, entries: &[Entry]) -> Vec<Threaded> {
        let order = self.orders(entries);
        let children = Children::sorted(&self.parents, |n| order.get(n as usize).copied().unwrap_or_default());
        let mut roots = self.roots.clone();
        // Those that now have a parent, and dummies whose children have gone to another.
        roots.retain(|root| {
            self.parent(*root) == NONE && order.get(*root as usize).is_some_and(|(_, at)| *at != usize::MAX)
        });
        roots.sort_by_key(|root| order.get(*root as usize).copied());
        roots.reverse();
        let mut todo: Vec<(u32, u32)> = roots.into_iter().map(|root| (root, 0)).collect();
        let mut all = Vec::with_capacity(entries.len());
        while let Some((node, depth)) = todo.pop() {
            all.push(Threaded { depth, at: self.message(node) });
            let below = depth.saturating_add(1);
            todo.extend(children.of(node).iter().rev().map(|child| (*child, below)));
        }
        all
    }
}

/// The children of each node.
struct Children {
    sorted: Vec<u32>,
    /// Where each node's children begin in `sorted`; those of nobody are at the end.
    starts: Vec<usize>,
}

impl Children {
    fn sorted(parents: &[u32], order: impl Fn(u32) -> Order) -> Children {
        let mut sorted: Vec<u32> = (0..).take(parents.len()).collect();
        let parent = |n: u32| parents.get(n as usize).copied().unwrap_or(NONE);
        sorted.sort_by_key(|n| (parent(*n), order(*n)));
        let mut starts = Vec::with_capacity(parents.len().saturating_add(1));
        let mut at = 0;
        for node in (0..).take(parents.len()) {
            while sorted.get(at).is_some_and(|child| parent(*child) < node) {
                at = at.saturating_add(1);
            }
            starts.push(at);
        }
        while sorted.get(at).is_some_and(|child| parent(*child) < NONE) {
            at = at.saturating_add(1);
        }
        starts.push(at);
        starts.push(sorted.len());
        Children { sorted, starts }
    }

    /// Those of `node`; of [`NONE`], those that have no parent.
    fn of(&self, node: u32) -> &[u32] {
        let last = self.starts.len().saturating_sub(2);
        let at = usize::try_from(node).unwrap_or(last).min(last);
        let range = self.starts.get(at).zip(self.starts.get(at.saturating_add(1)));
        range.and_then(|(from, to)| self.sorted.get(*from..*to)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
