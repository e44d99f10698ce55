//! A folder is opened, and what is in it is asked for, in one flight: over a long way a round trip less.
//!
//! Only what reads rides along. COMPRESS does not: where it pays to wait for it, [`Client::examine`] does, and so does [`Client::fetch_from`] before it
//! asks for all messages of a folder whole.

use super::Client;
use super::order::fetch;
use super::selected::{FLIGHT, Found, Listener, Rows, Selected, count, parts};
use super::talk::{Listen, Row, Talk};
use super::told::demanded;
use crate::body::Body;
use crate::error::{Error, Result};
use crate::proto::imap::command::Command;
use crate::proto::imap::encode::encode;
use crate::proto::imap::modseq::Selecting;
use crate::proto::imap::response::{BodyName, Code, Condition, Status, Untagged};
use crate::proto::imap::results::Returns;
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::section::{FetchItem, Section};
use crate::proto::imap::set::SequenceSet;
use std::num::NonZeroU32;

/// A set whose text is longer is looked for before it is fetched.
const SET: usize = 900;

/// Which messages of a folder.
#[derive(Clone, Copy, Debug)]
pub enum Which<'k> {
    /// All of them.
    All,
    /// Those with these UIDs that are there.
    Set(&'k SequenceSet),
    /// Those for which this holds.
    Found(&'k SearchKey),
}

/// What is known of a folder as soon as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// How many messages it has.
    pub exists: u32,
    /// UIDs mean the same messages as long as this number is the same.
    pub uid_validity: u32,
    /// The UID that the next message will get, where the server tells.
    pub uid_next: Option<u32>,
}

impl Client {
    /// EXAMINE and UID FETCH: each message that is meant, in whatever order, once. Where the server can remember what a search found
    /// (SEARCHRES), and where nothing is searched for, all of it is one flight.
    ///
    /// # Errors
    /// As [`Client::examine`], [`Selected::search`] and [`Selected::fetch`]; 75 too where rows are missing at the end.
    pub fn fetch_from(
        &mut self,
        folder: &str,
        which: Which<'_>,
        items: &[FetchItem],
        rows: &mut dyn Rows,
    ) -> Result<()> {
        let whole =
            |item: &FetchItem| matches!(item, FetchItem::Section { section, .. } if *section == Section::default());
        if matches!(which, Which::All) && items.iter().any(whole) && self.talk.is_far() && self.has("COMPRESS=DEFLATE")
        {
            // A round trip more, and a good deal less of everything else.
            self.talk.settled()?;
            self.compress()?;
        }
        self.surely(|client| client.fetch_once(folder, which, items, rows))
    }

    fn fetch_once(&mut self, folder: &str, which: Which<'_>, items: &[FetchItem], rows: &mut dyn Rows) -> Result<()> {
        let text = match which {
            Which::Set(set) => set.to_string(),
            _ => String::new(),
        };
        let mut listener = Listener::new(rows, items);
        let mut commands = match which {
            // `1:*` is never empty in a folder that is not, but some servers take it ill in one that is.
            Which::All => {
                listener.counts_all();
                vec![fetch(true, SequenceSet::from_ranges([(1, u32::MAX)]), items)]
            }
            Which::Set(set) if text.len() <= SET => {
                listener.searches(Some(set));
                let key = SearchKey::Uid(set.clone());
                vec![self.search_command(&key, false), fetch(true, set.clone(), items)]
            }
            Which::Found(key) if self.has("SEARCHRES") => {
                listener.searches(None);
                vec![self.search_command(key, true), fetch(true, SequenceSet::saved(), items)]
            }
            Which::Set(_) | Which::Found(_) => Vec::new(),
        };
        if !commands.is_empty() {
            let mut selected = self.enter_with(folder, &mut commands.drain(..), &mut listener)?;
            return selected.whole(&mut listener);
        }
        let (opened, found, mut selected) = match which {
            Which::Found(key) => self.search_in(folder, key)?,
            _ => self.found_in(folder, &|client| {
                let keys = parts(&text).map(|part| part.parse::<SequenceSet>().unwrap_or_default());
                keys.map(|set| client.search_command(&SearchKey::Uid(set), false)).collect()
            })?,
        };
        rows.opened(opened)?;
        selected.fetch_found(&found, items, rows)
    }

    /// EXAMINE and UID SEARCH in one flight.
    ///
    /// # Errors
    /// As [`Client::examine`] and [`Selected::search`].
    pub fn search_in(&mut self, folder: &str, key: &SearchKey) -> Result<(Opened, SequenceSet, Selected<'_>)> {
        self.found_in(folder, &|client| vec![client.search_command(key, false)])
    }

    /// The same for the newest of the messages for which `key` holds, where the server can tell them alone (PARTIAL, RFC 9394); else for all
    /// of them.
    ///
    /// # Errors
    /// As [`Client::search_in`].
    pub fn newest_in(
        &mut self,
        folder: &str,
        key: &SearchKey,
        most: NonZeroU32,
    ) -> Result<(Opened, SequenceSet, Selected<'_>)> {
        self.found_in(folder, &|client| {
            if !client.has("PARTIAL") {
                return vec![client.search_command(key, false)];
            }
            let returns = Some(Returns { last: Some(most), ..Returns::default() });
            vec![Command::Search { uid: true, returns, charset: None, key: key.clone() }]
        })
    }

    fn found_in(
        &mut self,
        folder: &str,
        commands: &dyn Fn(&Client) -> Vec<Command>,
    ) -> Result<(Opened, SequenceSet, Selected<'_>)> {
        let mut found = Found::default();
        let selected = self.entered(folder, commands, &mut found)?;
        let opened = found.opened.unwrap_or(selected.opened());
        let found = found.set(selected.talk)?;
        Ok((opened, found, selected))
    }

    /// How many messages there are in a folder for which this holds: by a search that tells just that, where the server can.
    ///
    /// # Errors
    /// As [`Client::examine`] and [`Selected::search`].
    pub fn count_in(&mut self, folder: &str, key: &SearchKey) -> Result<u64> {
        self.surely(|client| client.count_once(folder, key))
    }

    fn count_once(&mut self, folder: &str, key: &SearchKey) -> Result<u64> {
        if !self.has("ESEARCH") {
            let (_, found, _) = self.search_in(folder, key)?;
            return Ok(count(&found.resolve(u32::MAX)));
        }
        let returns = Some(Returns { count: true, ..Returns::default() });
        let command = Command::Search { uid: true, returns, charset: None, key: key.clone() };
        let mut found = Found::default();
        let selected = self.enter_with(folder, &mut std::iter::once(command), &mut found)?;
        let count = found.count;
        found.set(selected.talk)?;
        count.map(u64::from).ok_or_else(|| selected.talk.protocol("was asked how many there are, and does not say"))
    }

    /// What is told in ranges is told in fewer bytes; `save`: and is remembered as `$`.
    pub(super) fn search_command(&self, key: &SearchKey, save: bool) -> Command {
        let returns = (save || self.has("ESEARCH")).then_some(Returns { all: true, save, ..Returns::default() });
        Command::Search { uid: true, returns, charset: None, key: key.clone() }
    }

    /// EXAMINE, and what these commands are at this server behind it in the same flight.
    pub(super) fn entered(
        &mut self,
        folder: &str,
        commands: &dyn Fn(&Client) -> Vec<Command>,
        listen: &mut dyn Listen,
    ) -> Result<Selected<'_>> {
        self.surely(|client| {
            let commands = commands(client);
            client.enter_with(folder, &mut commands.into_iter(), listen).map(drop)
        })?;
        Selected::new(&mut self.talk)
    }

    /// EXAMINE, and these commands behind it in the same flight.
    pub(super) fn enter_with(
        &mut self,
        folder: &str,
        then: &mut dyn Iterator<Item = Command>,
        listen: &mut dyn Listen,
    ) -> Result<Selected<'_>> {
        self.enter_behind(None, folder, Selecting::Plain, then, listen)
    }

    /// The same with something of this folder and a command before it, of which the answer does not matter.
    pub(super) fn enter_behind(
        &mut self,
        before: Option<Command>,
        folder: &str,
        with: Selecting,
        then: &mut dyn Iterator<Item = Command>,
        listen: &mut dyn Listen,
    ) -> Result<Selected<'_>> {
        let examine = Command::Examine { mailbox: folder.to_owned(), with };
        // Nothing may follow what can't be said.
        encode("a0", &examine)?;
        self.talk.told.forget_folder();
        let (peer, place) = (self.talk.peer(), usize::from(before.is_some()));
        let mut opening = Opening { then: listen, peer, place, opened: None, told: (None, None), uid_next: None };
        self.talk.flight(FLIGHT, &mut before.into_iter().chain([examine]).chain(then), &mut opening)?;
        match opening.opened {
            Some(status) if status.condition != Condition::Ok => {
                Err(self.talk.refused(&format!("{folder}: "), &status))
            }
            _ => Selected::new(&mut self.talk),
        }
    }
}

/// Hears the answer to EXAMINE; the others are for somebody else, but only if the folder was opened.
struct Opening<'l> {
    then: &'l mut dyn Listen,
    peer: String,
    /// Of EXAMINE among the commands.
    place: usize,
    opened: Option<Status>,
    /// EXISTS and UIDVALIDITY.
    told: (Option<u32>, Option<u32>),
    uid_next: Option<u32>,
}

impl Opening<'_> {
    fn is_open(&self) -> bool {
        self.opened.as_ref().is_some_and(|status| status.condition == Condition::Ok)
    }

    fn note(&mut self, status: &Status) {
        match status.code {
            Some(Code::UidValidity(n)) => self.told.1 = Some(n),
            Some(Code::UidNext(n)) => self.uid_next = Some(n),
            _ => {}
        }
    }
}

impl Listen for Opening<'_> {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        if self.is_open() {
            return self.then.untagged(what);
        }
        self.then.early(&what)?;
        match what {
            Untagged::Exists(n) => self.told.0 = Some(n),
            Untagged::Status(status) => self.note(&status),
            _ => {}
        }
        Ok(())
    }

    fn literal(&mut self, so_far: Row, name: &BodyName, size: u64, body: &mut dyn Body) -> Result<()> {
        if self.is_open() { self.then.literal(so_far, name, size, body) } else { body.skip().map(drop) }
    }

    fn answered(&mut self, at: usize, answer: Result<Status>) -> Result<()> {
        if at < self.place {
            return Ok(());
        }
        if let Some(at) = at.saturating_sub(self.place).checked_sub(1) {
            // What is said of a folder that is not open says nothing.
            return if self.is_open() { self.then.answered(at, answer) } else { Ok(()) };
        }
        let status = answer?;
        self.note(&status);
        let open = status.condition == Condition::Ok;
        self.opened = Some(status);
        if !open {
            return Ok(());
        }
        let (exists, uid_validity) = demanded(self.told.0, self.told.1).map_err(|e| e.at(&self.peer))?;
        self.then.opened(Opened { exists, uid_validity, uid_next: self.uid_next })
    }
}

impl Found {
    /// What was found, unless the server refused.
    pub(super) fn set(self, talk: &Talk) -> Result<SequenceSet> {
        match self.refused {
            Some(status) => Err(talk.refused("SEARCH: ", &status)),
            None => Ok(SequenceSet::from_ranges(self.ranges)),
        }
    }
}

impl Selected<'_> {
    /// The end of a FETCH: what the server refused, and whether all is there that had to come.
    pub(super) fn whole(&mut self, listener: &mut Listener<'_>) -> Result<()> {
        match listener.refused.take() {
            // Some servers take it ill that nothing is asked for; nothing is what there is.
            Some(Ok(_)) if listener.expects_none() => {}
            Some(Ok(status)) => return Err(self.talk.refused(listener.command, &status)),
            Some(Err(e)) => return Err(e),
            None => {}
        }
        if listener.missing() > 0 {
            // Perhaps they have gone, and the server has not said so yet (RFC 3501 7.4.1).
            self.talk.ask(&Command::Noop, listener)?;
        }
        match listener.missing() {
            0 => Ok(()),
            n => {
                let due = listener.given.len().saturating_add(n);
                let why = format!("FETCH: the answer ended early: {} of {due} messages came", listener.given.len());
                Err(Error::temporary(why).at(self.talk.peer()))
            }
        }
    }
}
