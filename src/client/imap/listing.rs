//! The folders of an account and what is known of each: LIST with the extensions that the server has (RFC 5258, RFC 5819, RFC 6154,
//! RFC 8438), LSUB where it has none, QUOTA (RFC 9208).

use super::status::Counts;
use super::talk::{FLIGHT, Listen, refusal};
use super::{Client, Folders};
use crate::error::Result;
use crate::proto::imap::command::{Command, List, ListReturn, StatusItem};
use crate::proto::imap::quota::Quota;
use crate::proto::imap::response::{Condition, Listed, Status, Untagged};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What is asked of each folder, besides its name.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Which are subscribed.
    pub subscribed: bool,
    /// What they are for.
    pub special: bool,
    /// How many messages they have, and so on.
    pub counts: Vec<StatusItem>,
}

/// A folder.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Its name and attributes.
    pub listed: Listed,
    /// Whether it is subscribed; `None`: nobody has asked.
    pub subscribed: Option<bool>,
    /// What was told of it together with its name; `None`: ask [STATUS](Client::status).
    pub counts: Option<Counts>,
}

/// What is told of a folder by a command of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// MYRIGHTS (RFC 4314): a letter for each right.
    pub rights: Option<String>,
    /// `/private/comment` or `/shared/comment` (RFC 5464), the user's own first.
    pub comment: Option<String>,
}

/// Takes a folder's place in the list, and what is noted of it, of each what was asked for and could be told.
pub type EachNote<'f> = dyn FnMut(usize, Noted) -> Result<()> + 'f;

/// Takes a folder's place in the list, and its quota roots or why there are none.
pub type EachQuota<'f> = dyn FnMut(usize, Result<Vec<Quota>>) -> Result<()> + 'f;

impl Client {
    /// All folders, each once, in the server's order, in one flight.
    ///
    /// # Errors
    /// 69, 75, 76.
    pub fn folders(&mut self, asked: &Asked) -> Result<Vec<Folder>> {
        self.surely(|client| client.folders_once(asked))
    }

    fn folders_once(&mut self, asked: &Asked) -> Result<Vec<Folder>> {
        let extended = self.has("LIST-EXTENDED");
        let mut list = List::plain("", "*");
        if asked.special && self.has("SPECIAL-USE") && extended {
            list.returns.push(ListReturn::SpecialUse);
        }
        if asked.subscribed && extended {
            list.returns.push(ListReturn::Subscribed);
        }
        let items = self.known_items(&asked.counts);
        if !items.is_empty() && self.has("LIST-STATUS") {
            list.returns.push(ListReturn::Status(items));
        }
        if !list.returns.is_empty() {
            // RETURN ends what a plain LIST may tell by itself (RFC 5258 3).
            list.returns.push(ListReturn::Children);
            list.extended = true;
        }
        let mut commands = vec![Command::List(list)];
        if asked.subscribed && !extended {
            commands.push(Command::Lsub { reference: String::new(), pattern: "*".to_owned() });
        }
        let mut found = All { folders: Folders::default(), counts: HashMap::new(), subscribed: HashSet::new() };
        self.talk.flight(FLIGHT, &mut commands.into_iter(), &mut found)?;
        let All { folders, mut counts, subscribed: lsub } = found;
        for answer in folders.answers {
            self.must_be_ok("LIST: ", &answer?)?;
        }
        let folder = |listed: Listed| {
            let subscribed = listed.has("\\Subscribed") || lsub.contains(&listed.name);
            let counts = counts.remove(&listed.name);
            Folder { counts, subscribed: asked.subscribed.then_some(subscribed), listed }
        };
        Ok(folders.list.into_iter().map(folder).collect())
    }

    /// Those of these items that the server knows.
    #[must_use]
    pub fn known_items(&self, items: &[StatusItem]) -> Vec<StatusItem> {
        let known = |item: &&StatusItem| match item {
            StatusItem::Size => self.has("STATUS=SIZE") || self.has("IMAP4REV2"),
            _ => true,
        };
        items.iter().filter(known).copied().collect()
    }

    /// GETQUOTAROOT of each of `names`, in their order.
    ///
    /// # Errors
    /// 75, 76 of the connection; whatever `each` returns.
    pub fn quotas(&mut self, names: &[&str], each: &mut EachQuota<'_>) -> Result<()> {
        let peer = self.talk.peer();
        let mut quotas = Quotas { names, roots: BTreeSet::new(), known: HashMap::new(), each, peer };
        let ask = |name: &&str| Command::GetQuotaRoot { mailbox: (*name).to_owned() };
        self.talk.settled()?;
        self.talk.flight(FLIGHT, &mut names.iter().map(ask), &mut quotas)
    }
}

/// The entries that people write comments into.
const COMMENTS: [&str; 2] = ["/private/comment", "/shared/comment"];

impl Client {
    /// MYRIGHTS and GETMETADATA of each of `names`, in their order, as far as they are asked for and the server has them. What it does not
    /// want to tell is not told.
    ///
    /// # Errors
    /// 75, 76 of the connection; whatever `each` returns.
    pub fn notes(&mut self, names: &[&str], rights: bool, comment: bool, each: &mut EachNote<'_>) -> Result<()> {
        self.talk.settled()?;
        let (rights, comment) = (rights && self.has("ACL"), comment && self.has("METADATA"));
        let mut commands = Vec::new();
        for name in names {
            let mailbox = (*name).to_owned();
            commands.extend(rights.then(|| Command::MyRights { mailbox: mailbox.clone() }));
            let entries = COMMENTS.map(str::to_owned).to_vec();
            commands.extend(comment.then_some(Command::GetMetadata { mailbox, entries }));
        }
        let mut notes =
            Notes { per: usize::from(rights) + usize::from(comment), told: Noted::default(), private: false, each };
        self.talk.flight(FLIGHT, &mut commands.into_iter(), &mut notes)
    }
}

struct Notes<'n> {
    /// Commands for each folder.
    per: usize,
    /// Of the folder whose answers are awaited.
    told: Noted,
    /// The comment is the user's own.
    private: bool,
    each: &'n mut EachNote<'n>,
}

impl Listen for Notes<'_> {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        match what {
            Untagged::MyRights(_, rights) => self.told.rights = Some(rights),
            Untagged::Metadata(_, entries) => {
                for (name, value) in entries {
                    let Some(value) = value.filter(|_| COMMENTS.contains(&name.as_str()) && !self.private) else {
                        continue;
                    };
                    self.told.comment = Some(String::from_utf8_lossy(&value).into_owned());
                    self.private = name.starts_with("/private");
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn answered(&mut self, at: usize, answer: Result<Status>) -> Result<()> {
        answer?;
        if !at.saturating_add(1).is_multiple_of(self.per) {
            return Ok(());
        }
        self.private = false;
        (self.each)(at / self.per, std::mem::take(&mut self.told))
    }
}

struct All {
    folders: Folders,
    counts: HashMap<String, Counts>,
    subscribed: HashSet<String>,
}

impl Listen for All {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        match what {
            Untagged::Mailbox(name, items) => {
                self.folders.holds(name.len(), size_of::<Counts>())?;
                self.counts.entry(name).or_default().add(items);
                Ok(())
            }
            Untagged::Lsub(listed) => {
                self.folders.holds(listed.name.len(), size_of::<String>())?;
                self.subscribed.insert(listed.name);
                Ok(())
            }
            what => self.folders.untagged(what),
        }
    }

    fn answered(&mut self, at: usize, answer: Result<Status>) -> Result<()> {
        self.folders.answered(at, answer)
    }
}

struct Quotas<'a> {
    names: &'a [&'a str],
    /// Of the folder whose answer is awaited.
    roots: BTreeSet<String>,
    known: HashMap<String, Quota>,
    each: &'a mut EachQuota<'a>,
    peer: String,
}

impl Listen for Quotas<'_> {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        match what {
            Untagged::QuotaRoots(_, roots) => self.roots.extend(roots),
            Untagged::Quota(quota) if self.known.len() < self.names.len().saturating_add(100) => {
                self.known.insert(quota.root.clone(), quota);
            }
            _ => {}
        }
        Ok(())
    }

    fn answered(&mut self, at: usize, answer: Result<Status>) -> Result<()> {
        let name = self.names.get(at).copied().unwrap_or_default();
        let roots = std::mem::take(&mut self.roots);
        let answer = answer.and_then(|status| match status.condition {
            Condition::Ok => Ok(roots.iter().filter_map(|root| self.known.get(root).cloned()).collect()),
            _ => Err(refusal(&format!("{name}: "), &status).at(&self.peer)),
        });
        (self.each)(at, answer)
    }
}
