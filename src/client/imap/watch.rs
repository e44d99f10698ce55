//! What happens in an open folder, as it happens: IDLE (RFC 2177), with the header of what comes where the server has NOTIFY (RFC 5465); else
//! whatever NOOP brings.
//!
//! A [`Picture`] outlives its connection: whoever opens the folder again with it learns what happened in between. It has eight bytes for each
//! message, since a server tells of changes by sequence numbers. So one connection can watch several folders, where the server tells in which of them
//! something happens ([`Client::notify_of`]). Left out: CONDSTORE and QRESYNC (RFC 7162), with which the picture would not have to be read anew then.

use super::Client;
use super::selected::Selected;
use super::talk::{Deaf, Listen, Talk};
use crate::error::{Error, Result};
use crate::net::Deadline;
use crate::net::wire::Wake;
use crate::proto::imap::command::Command;
use crate::proto::imap::response::{Condition, FetchValue, Status, Untagged};
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::section::FetchItem;
use crate::proto::imap::set::SequenceSet;
use crate::proto::imap::structure::Envelope;
use std::collections::{HashMap, HashSet};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant, SystemTime};

/// Messages that a folder may have while it is watched: 80 MB of them.
const MESSAGES: usize = 10_000_000;
/// Different sets of flags that are told apart.
const SETS: usize = 100_000;

/// How often the two clocks are compared.
const SLICE: Duration = Duration::from_secs(30);
/// A difference that says that the machine was asleep.
const SLEPT: Duration = Duration::from_secs(20);

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message came.
    New {
        /// Its UID.
        uid: u32,
        /// Its flags.
        flags: Vec<String>,
        /// Its header as far as ENVELOPE shows it, if it could be understood.
        envelope: Option<Box<Envelope>>,
    },
    /// A message's flags are these now.
    Flags {
        /// Its UID.
        uid: u32,
        /// All of them.
        flags: Vec<String>,
    },
    /// A message is gone.
    Vanished {
        /// Its UID.
        uid: u32,
    },
    /// UIDVALIDITY has changed: what was known of the folder is void.
    Renumbered,
}

/// Takes events in the order in which the server told them.
pub type EachEvent<'e> = dyn FnMut(Event) -> Result<()> + 'e;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Row {
    /// 0: not yet known.
    uid: u32,
    /// Place in [`Picture::sets`]; 0: not yet known.
    flags: u32,
}

/// What is known of a folder's messages.
#[derive(Debug, Default)]
pub struct Picture {
    uid_validity: u32,
    /// By sequence number.
    rows: Vec<Row>,
    sets: Vec<Vec<String>>,
    places: HashMap<Vec<String>, u32>,
    /// The first UID that nobody has been told of.
    next: u32,
    /// Those above it that somebody has been told of nevertheless.
    told: HashSet<u32>,
    /// How many messages there were when the server was last asked for those that nobody has been told of.
    asked: u32,
}

impl Picture {
    /// What makes UIDs comparable; 0 before the folder was opened.
    #[must_use]
    pub fn uid_validity(&self) -> u32 {
        self.uid_validity
    }

    /// How many messages there are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As bytes, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.rows.len().saturating_mul(8).saturating_add(64));
        let mut number = |n: u32| out.extend_from_slice(&n.to_be_bytes());
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let head = [FORM, self.uid_validity, self.next, count(self.sets.len()), count(self.rows.len())];
        head.into_iter().for_each(&mut number);
        for Row { uid, flags } in &self.rows {
            number(*uid);
            number(*flags);
        }
        let words = self.sets.iter().map(|set| set.join(" ")).collect::<Vec<_>>();
        out.extend_from_slice(words.join("\n").as_bytes());
        out
    }

    /// Reads what [`Picture::to_bytes`] has written; `None`: that is something else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Picture> {
        let (head, rest) = bytes.split_first_chunk::<20>()?;
        let (numbers, _) = head.as_chunks::<4>();
        let numbers: Vec<u32> = numbers.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect();
        let [FORM, uid_validity, next, sets, rows] = *numbers else { return None };
        let (row_bytes, words) = rest.split_at_checked(usize::try_from(rows).ok()?.checked_mul(8)?)?;
        let (pairs, _) = row_bytes.as_chunks::<8>();
        let row = |pair: &[u8; 8]| {
            let [a, b, c, d, e, f, g, h] = *pair;
            Row { uid: u32::from_be_bytes([a, b, c, d]), flags: u32::from_be_bytes([e, f, g, h]) }
        };
        let mut picture = Picture { uid_validity, rows: pairs.iter().map(row).collect(), next, ..Picture::default() };
        let words = std::str::from_utf8(words).ok()?;
        for line in words.split('\n').take(usize::try_from(sets).ok()?) {
            picture.place(line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()).ok()?;
        }
        let known = picture.rows.iter().all(|row| row.flags <= sets);
        (known && picture.sets.len() == usize::try_from(sets).ok()?).then_some(picture)
    }

    fn place(&mut self, mut flags: Vec<String>) -> Result<u32> {
        flags.retain(|flag| !flag.eq_ignore_ascii_case("\\Recent"));
        flags.sort_unstable();
        if let Some(place) = self.places.get(&flags) {
            return Ok(*place);
        }
        if self.sets.len() >= SETS {
            return Err(Error::protocol("flags without end"));
        }
        self.sets.push(flags.clone());
        let place = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        self.places.insert(flags, place);
        Ok(place)
    }

    /// Whether somebody was told that it is there.
    fn knows(&self, uid: u32) -> bool {
        uid != 0 && (uid < self.next || self.told.contains(&uid))
    }

    /// Nobody has to be told of any that is there.
    fn all_told(&mut self) {
        if let Some(last) = self.told.drain().max() {
            self.next = self.next.max(last.saturating_add(1));
        }
    }

    fn set_at(&self, place: u32) -> Vec<String> {
        let at = usize::try_from(place).ok().and_then(|n| n.checked_sub(1));
        at.and_then(|at| self.sets.get(at)).cloned().unwrap_or_default()
    }
}

/// The first number of a picture that is kept.
const FORM: u32 = 1;

/// Hears what happens to the messages of a picture.
struct Witness<'w> {
    picture: &'w mut Picture,
    /// Whether changes are told, or just noted: the folder is being read.
    tells: bool,
    found: Vec<u32>,
    each: &'w mut EachEvent<'w>,
}

impl Witness<'_> {
    fn event(&mut self, event: Event) -> Result<()> {
        if self.tells { (self.each)(event) } else { Ok(()) }
    }

    fn gone(&mut self, uid: u32) -> Result<()> {
        // Nobody was told that it came.
        if self.picture.knows(uid) { self.event(Event::Vanished { uid }) } else { Ok(()) }
    }

    fn row(&mut self, number: u32, values: Vec<FetchValue>) -> Result<()> {
        let (mut uid, mut flags, mut envelope) = (0, None, None);
        for value in values {
            match value {
                FetchValue::Uid(n) => uid = n,
                FetchValue::Flags(all) => flags = Some(all),
                FetchValue::Envelope(e) => envelope = Some(e),
                _ => {}
            }
        }
        let Some(at) = usize::try_from(number).ok().and_then(|n| n.checked_sub(1)) else { return Ok(()) };
        if at >= self.picture.rows.len() {
            // Flags of one whose UID nobody knows will come again with it.
            if uid == 0 {
                return Ok(());
            }
            if at >= MESSAGES {
                return Err(Error::protocol("a folder with too many messages to be watched"));
            }
            self.picture.rows.resize(at.saturating_add(1), Row::default());
        }
        let flags = flags.map(|flags| self.picture.place(flags)).transpose()?;
        let Some(row) = self.picture.rows.get_mut(at) else { return Ok(()) };
        if row.uid != 0 && uid != 0 && row.uid != uid {
            return Err(Error::protocol("out of step: a message has another UID than it had"));
        }
        let before = *row;
        if uid != 0 {
            row.uid = uid;
        }
        if let Some(flags) = flags {
            row.flags = flags;
        }
        let row = *row;
        if row.uid == 0 || !self.tells {
            return Ok(());
        }
        let flags = self.picture.set_at(row.flags);
        if row.uid >= self.picture.next && !self.picture.told.contains(&row.uid) {
            // It is told with its header.
            if envelope.is_none() {
                return Ok(());
            }
            self.picture.told.insert(row.uid);
            return (self.each)(Event::New { uid: row.uid, flags, envelope });
        }
        if before.flags != 0 && before.flags != row.flags {
            return (self.each)(Event::Flags { uid: row.uid, flags });
        }
        Ok(())
    }
}

impl Listen for Witness<'_> {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        match what {
            Untagged::Fetch(number, values) => self.row(number, values),
            Untagged::Expunge(number) => {
                let at = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
                match at.filter(|at| *at < self.picture.rows.len()) {
                    Some(at) => {
                        let uid = self.picture.rows.remove(at).uid;
                        self.gone(uid)
                    }
                    None => Ok(()),
                }
            }
            Untagged::Search(numbers, _) => {
                self.found.extend(numbers);
                if self.found.len() > MESSAGES {
                    return Err(Error::protocol("a search result without end"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What is told of a message that comes.
fn items() -> Vec<FetchItem> {
    vec![FetchItem::Uid, FetchItem::Flags, FetchItem::Envelope]
}

impl Client {
    /// NOTIFY (RFC 5465) of these folders too, besides the one that is open: from now on [`Selected::stirred`] tells in which of them something has
    /// happened. `false`: the server can't, or does not want to.
    ///
    /// # Errors
    /// 75, 76.
    pub fn notify_of(&mut self, folders: &[&str]) -> Result<bool> {
        // Dovecot 2.3 tells nothing but in IDLE.
        if !self.has("NOTIFY") || !self.has("IDLE") {
            return Ok(false);
        }
        self.talk.settled()?;
        let mailboxes = folders.iter().map(|name| (*name).to_owned()).collect();
        // What it tells with its answer counts.
        self.talk.told.notified = true;
        let answer = self.talk.ask(&Command::Notify { items: items(), mailboxes }, &mut Deaf)?;
        self.talk.told.notified = answer.condition == Condition::Ok;
        Ok(self.talk.told.notified)
    }
}

impl Selected<'_> {
    /// A folder of [`Client::notify_of`] in which something has happened, this one perhaps.
    pub fn stirred(&mut self) -> Option<String> {
        self.talk.told.stirred.pop()
    }

    fn witness(&mut self, command: &Command, witness: &mut Witness<'_>) -> Result<()> {
        let answer = self.talk.ask(command, witness)?;
        must(self.talk, &answer)
    }

    /// Reads what there is into the picture. One that has seen the folder before tells what happened since: messages that came or went,
    /// flags.
    ///
    /// # Errors
    /// 69, 75, 76; whatever `each` returns. The picture is then as it was, and what it told stays told.
    pub fn look(&mut self, picture: &mut Picture, each: &mut EachEvent<'_>) -> Result<()> {
        let first = picture.uid_validity == 0;
        if picture.uid_validity != self.uid_validity() {
            *picture = Picture { uid_validity: self.uid_validity(), ..Picture::default() };
            if !first {
                each(Event::Renumbered)?;
            }
            picture.next = u32::MAX;
        }
        let fresh = picture.next == u32::MAX;
        let old = std::mem::take(&mut picture.rows);
        if self.exists() > 0 {
            let set = SequenceSet::from_ranges([(1, u32::MAX)]);
            let items = vec![FetchItem::Uid, FetchItem::Flags];
            let fetch = Command::Fetch { uid: true, set, items, changed: None };
            let mut witness = Witness { picture, tells: false, found: Vec::new(), each };
            if let Err(e) = self.witness(&fetch, &mut witness) {
                picture.rows = old;
                return Err(e);
            }
        }
        if fresh {
            let last = picture.rows.iter().map(|row| row.uid).max().unwrap_or(0);
            picture.next = last.saturating_add(1).max(self.uid_next().unwrap_or(0));
            return Ok(());
        }
        let now: HashMap<u32, u32> = picture.rows.iter().map(|row| (row.uid, row.flags)).collect();
        for row in old {
            match now.get(&row.uid) {
                None if picture.knows(row.uid) => each(Event::Vanished { uid: row.uid })?,
                Some(flags) if row.flags != 0 && *flags != row.flags && picture.knows(row.uid) => {
                    each(Event::Flags { uid: row.uid, flags: picture.set_at(*flags) })?;
                }
                _ => {}
            }
        }
        self.announce(picture, each)
    }

    /// Tells of the messages that nobody has been told of, if there are any.
    fn announce(&mut self, picture: &mut Picture, each: &mut EachEvent<'_>) -> Result<()> {
        let known = u32::try_from(picture.rows.len()).unwrap_or(u32::MAX);
        if known >= self.exists() && picture.rows.iter().all(|row| picture.knows(row.uid)) {
            picture.all_told();
            return Ok(());
        }
        picture.asked = self.exists();
        let set = SequenceSet::from_ranges([(picture.next, u32::MAX)]);
        let fetch = Command::Fetch { uid: true, set, items: items(), changed: None };
        self.witness(&fetch, &mut Witness { picture, tells: true, found: Vec::new(), each })?;
        // Those whose header could not be understood.
        let plain: Vec<Row> =
            picture.rows.iter().filter(|row| row.uid != 0 && !picture.knows(row.uid)).copied().collect();
        for row in plain {
            // A server that has two messages of one UID has one of it.
            if picture.told.insert(row.uid) {
                each(Event::New { uid: row.uid, flags: picture.set_at(row.flags), envelope: None })?;
            }
        }
        picture.all_told();
        Ok(())
    }

    /// What comes is to come with its header: the server is asked for that once, where it can. It needs IDLE nevertheless: Dovecot 2.3 tells
    /// nothing otherwise. Of several folders it was asked before.
    fn notify(&mut self, witness: &mut Witness<'_>) -> Result<()> {
        if !std::mem::replace(&mut self.talk.told.notified, true) && self.has("NOTIFY") {
            // Without it, it is asked for.
            self.talk.ask(&Command::Notify { items: items(), mailboxes: Vec::new() }, witness)?;
        }
        Ok(())
    }

    /// Waits until the server has something to tell, and tells it. Without IDLE it is asked (NOOP) at `until`.
    ///
    /// # Errors
    /// 69, 75, 76; whatever `each` returns. Then the connection is of no more use, but the picture is.
    pub fn wait(
        &mut self,
        picture: &mut Picture,
        bell: BorrowedFd<'_>,
        until: Deadline,
        each: &mut EachEvent<'_>,
    ) -> Result<Wake> {
        // What came while the server was asked for something else is told by nobody again.
        if picture.rows.len() < self.exists() as usize && picture.asked != self.exists() {
            return self.announce(picture, each).map(|()| Wake::Input);
        }
        let mut witness = Witness { picture, tells: true, found: Vec::new(), each };
        self.notify(&mut witness)?;
        let wake = if self.has("IDLE") {
            let (tag, pieces) = self.talk.encode(&Command::Idle)?;
            self.talk.say(&tag, pieces, &mut witness)?;
            if let Some(refused) = self.talk.continuation(&tag, &mut witness)? {
                return Err(self.talk.refused("IDLE: ", &refused));
            }
            let wake = stir(self.talk, bell, until)?;
            self.talk.wire.put("DONE\r\n")?;
            let answer = self.talk.answer(&tag, &mut witness)?;
            must(self.talk, &answer)?;
            wake
        } else {
            let wake = stir(self.talk, bell, until)?;
            if wake != Wake::Bell {
                self.witness(&Command::Noop, &mut witness)?;
            }
            wake
        };
        if wake != Wake::Bell {
            self.announce(picture, each)?;
        }
        Ok(wake)
    }

    /// Which of these messages `key` holds for.
    ///
    /// # Errors
    /// As [`Selected::search`], and as [`Selected::wait`].
    pub fn matching(
        &mut self,
        picture: &mut Picture,
        uids: &[u32],
        key: &SearchKey,
        each: &mut EachEvent<'_>,
    ) -> Result<HashSet<u32>> {
        let among = SearchKey::Uid(SequenceSet::from_numbers(uids.iter().copied()));
        let key = SearchKey::And(vec![among, key.clone()]);
        let search = Command::Search { uid: true, returns: None, charset: None, key };
        let mut witness = Witness { picture, tells: true, found: Vec::new(), each };
        self.witness(&search, &mut witness)?;
        Ok(witness.found.into_iter().collect())
    }
}

fn must(talk: &Talk, answer: &Status) -> Result<()> {
    if answer.condition == Condition::Ok { Ok(()) } else { Err(talk.refused("", answer)) }
}

/// Waits for words, the bell or `until`. The clock that deadlines are measured by stands still while the machine sleeps: that shows
/// in the other one, and then nobody knows whether the connection is still there.
fn stir(talk: &mut Talk, bell: BorrowedFd<'_>, until: Deadline) -> Result<Wake> {
    loop {
        let (wall, clock) = (SystemTime::now(), Instant::now());
        let wake = talk.wire.wait(Some(bell), Deadline::after(SLICE).or_earlier(until))?;
        let slept = wall.elapsed().unwrap_or_default().saturating_sub(clock.elapsed());
        if wake != Wake::Deadline || until.passed() || slept > SLEPT {
            return Ok(wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_kept() {
        let mut picture = Picture { uid_validity: 7, next: 12, ..Picture::default() };
        let flags = [vec![], vec!["\\Seen".to_owned(), "$Work".into()], vec!["a".into()]];
        for (n, flags) in (1u32..).zip(flags) {
            let flags = picture.place(flags).unwrap();
            picture.rows.push(Row { uid: 2 * n, flags });
        }
        picture.rows.push(Row::default());
        let bytes = picture.to_bytes();
        let again = Picture::from_bytes(&bytes).unwrap();
        assert_eq!((again.uid_validity(), again.next, &again.rows), (7, 12, &picture.rows));
        assert_eq!((&again.sets, &again.places), (&picture.sets, &picture.places));
        assert!(Picture::from_bytes(&Picture::default().to_bytes()).is_some_and(|picture| picture.is_empty()));
        for cut in 0..bytes.len() - 3 {
            assert!(Picture::from_bytes(&bytes[..cut]).is_none_or(|cut| cut.rows == picture.rows), "{cut}");
        }
        let mut other = bytes;
        other[3] = 9;
        assert!(Picture::from_bytes(&other).is_none());
    }
}
