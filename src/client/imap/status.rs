//! STATUS: how many messages there are in folders that are not opened.

use super::talk::{FLIGHT, Listen};
use super::{Client, talk};
use crate::error::Result;
use crate::proto::imap::command::{Command, StatusItem};
use crate::proto::imap::response::{Condition, Status, Untagged};
use std::collections::HashMap;

/// What every server tells.
const USUAL: [StatusItem; 5] =
    [StatusItem::Messages, StatusItem::Recent, StatusItem::UidNext, StatusItem::UidValidity, StatusItem::Unseen];

/// What STATUS tells of a folder; what the server left out is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many messages there are.
    pub messages: Option<u64>,
    /// How many of them have `\Recent`.
    pub recent: Option<u64>,
    /// How many have no `\Seen`.
    pub unseen: Option<u64>,
    /// The UID that the next message will get.
    pub uid_next: Option<u64>,
    /// What makes UIDs comparable.
    pub uid_validity: Option<u64>,
    /// The bytes of all messages (RFC 8438).
    pub size: Option<u64>,
}

/// Takes a folder's place in the list, and its counts or why there are none.
pub type EachCount<'f> = dyn FnMut(usize, Result<Counts>) -> Result<()> + 'f;

impl Counts {
    /// Adds what a STATUS response tells.
    pub(super) fn add(&mut self, items: Vec<(StatusItem, u64)>) {
        for (item, n) in items {
            *match item {
                StatusItem::Messages => &mut self.messages,
                StatusItem::Recent => &mut self.recent,
                StatusItem::UidNext => &mut self.uid_next,
                StatusItem::UidValidity => &mut self.uid_validity,
                StatusItem::Unseen => &mut self.unseen,
                StatusItem::Size => &mut self.size,
                // Nobody has asked.
                StatusItem::AppendLimit | StatusItem::HighestModSeq => continue,
            } = Some(n);
        }
    }
}

impl Client {
    /// STATUS of each of `names`, in their order, of what every server tells. A folder that has none (`\Noselect`, no right to read) is
    /// told by the error in its place.
    ///
    /// # Errors
    /// 75, 76 of the connection; whatever `each` returns.
    pub fn counts(&mut self, names: &[&str], each: &mut EachCount<'_>) -> Result<()> {
        self.status(names, &USUAL, each)
    }

    /// The same of these items, of which the server must know all.
    ///
    /// # Errors
    /// As [`Client::counts`].
    pub fn status(&mut self, names: &[&str], items: &[StatusItem], each: &mut EachCount<'_>) -> Result<()> {
        let peer = self.talk.peer();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (at, name) in names.iter().enumerate() {
            places.entry(name).or_insert(at);
        }
        let mut statuses = Statuses { places, names, known: HashMap::new(), each, peer };
        let status = |name: &&str| Command::Status { mailbox: (*name).to_owned(), items: items.to_vec() };
        let flown = self.talk.flight(FLIGHT, &mut names.iter().map(status), &mut statuses);
        if std::mem::take(&mut self.talk.stale) {
            return self.talk.flight(FLIGHT, &mut names.iter().map(status), &mut statuses);
        }
        flown
    }

    /// How many messages a folder has, which is not opened.
    ///
    /// # Errors
    /// 64: CR, LF or NUL in the name; 69: there is no such folder; 75, 76.
    pub fn messages(&mut self, folder: &str) -> Result<u64> {
        let mut count = Err(self.talk.protocol("was asked how many messages there are, and does not say"));
        self.status(&[folder], &[StatusItem::Messages], &mut |_, answer| {
            match answer.map(|counts| counts.messages) {
                Ok(None) => {}
                Ok(Some(n)) => count = Ok(n),
                Err(e) => count = Err(e),
            }
            Ok(())
        })?;
        count
    }
}

struct Statuses<'a> {
    places: HashMap<&'a str, usize>,
    names: &'a [&'a str],
    known: HashMap<usize, Counts>,
    each: &'a mut EachCount<'a>,
    peer: String,
}

impl Listen for Statuses<'_> {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        if let Untagged::Mailbox(name, items) = what
            && let Some(at) = self.places.get(name.as_str())
        {
            self.known.entry(*at).or_default().add(items);
        }
        Ok(())
    }

    fn answered(&mut self, at: usize, answer: Result<Status>) -> Result<()> {
        let name = self.names.get(at).copied().unwrap_or_default();
        let what = format!("{name}: ");
        let answer = answer.and_then(|status| match status.condition {
            Condition::Ok => Ok(self.known.remove(&at).unwrap_or_default()),
            _ => Err(talk::refusal(&what, &status).at(&self.peer)),
        });
        (self.each)(at, answer)
    }
}
