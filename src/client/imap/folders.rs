//! Folders by name: CREATE with a special use (RFC 6154), DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, NAMESPACE (RFC 2342).

use super::talk::{Deaf, Listen};
use super::{Client, NAMES};
use crate::error::{Error, Exit, Result};
use crate::proto::imap::command::{Command, List, ListReturn};
use crate::proto::imap::response::{Listed, Spaces, Untagged};

/// What a folder is for (RFC 6154 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialUse {
    /// All messages.
    All,
    /// An archive.
    Archive,
    /// Messages that are being written.
    Drafts,
    /// Messages that somebody has flagged.
    Flagged,
    /// Messages that somebody takes for spam.
    Junk,
    /// Copies of what was sent.
    Sent,
    /// Messages that were deleted.
    Trash,
}

impl SpecialUse {
    /// All seven.
    pub const ALL: [SpecialUse; 7] = [
        SpecialUse::All,
        SpecialUse::Archive,
        SpecialUse::Drafts,
        SpecialUse::Flagged,
        SpecialUse::Junk,
        SpecialUse::Sent,
        SpecialUse::Trash,
    ];

    /// The attribute in LIST: `\Trash`.
    #[must_use]
    pub fn attribute(self) -> &'static str {
        match self {
            SpecialUse::All => "\\All",
            SpecialUse::Archive => "\\Archive",
            SpecialUse::Drafts => "\\Drafts",
            SpecialUse::Flagged => "\\Flagged",
            SpecialUse::Junk => "\\Junk",
            SpecialUse::Sent => "\\Sent",
            SpecialUse::Trash => "\\Trash",
        }
    }
}

impl Client {
    /// Whether the server said that it can do this.
    #[must_use]
    pub fn has(&self, capability: &str) -> bool {
        self.talk.has(capability)
    }

    /// CREATE. A special use is asked for only where the server has CREATE-SPECIAL-USE.
    ///
    /// # Errors
    /// 64: CR, LF or NUL in the name; 69: refused, or the server gives no special uses; 75; 79: the line was lost before the answer.
    pub fn create(&mut self, folder: &str, special: Option<SpecialUse>) -> Result<()> {
        self.talk.settled()?;
        if special.is_some() && !self.talk.has("CREATE-SPECIAL-USE") {
            return Err(Error::refused("the server gives no special uses to new folders (CREATE-SPECIAL-USE)")
                .at(self.talk.peer()));
        }
        let uses = special.iter().map(|special| special.attribute().to_owned()).collect();
        self.once(folder, &Command::Create { mailbox: folder.to_owned(), uses })
    }

    /// DELETE: the folder and its messages, for good.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub fn delete(&mut self, folder: &str) -> Result<()> {
        self.once(folder, &Command::Delete { mailbox: folder.to_owned() })
    }

    /// RENAME, with all folders below it.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.once(from, &Command::Rename { from: from.to_owned(), to: to.to_owned() })
    }

    /// SUBSCRIBE or UNSUBSCRIBE.
    ///
    /// # Errors
    /// 64: CR, LF or NUL in the name; 69: refused; 75.
    pub fn subscribe(&mut self, folder: &str, on: bool) -> Result<()> {
        let mailbox = folder.to_owned();
        let command = if on { Command::Subscribe { mailbox } } else { Command::Unsubscribe { mailbox } };
        let answer = self.talk.ask(&command, &mut Deaf)?;
        self.must_be_ok(&format!("{folder}: "), &answer)
    }

    /// A command that must not be given twice: one whose answer is lost may have been done.
    fn once(&mut self, folder: &str, command: &Command) -> Result<()> {
        let answer = self.talk.ask(command, &mut Deaf).map_err(|e| match e.exit() {
            Exit::TempFail => e.with_exit(Exit::Unknown),
            _ => e,
        })?;
        self.must_be_ok(&format!("{folder}: "), &answer)
    }

    /// NAMESPACE: the prefixes of the user's own folders, of other users', and of shared ones, with their separators. `None`: the
    /// server tells nothing.
    ///
    /// # Errors
    /// 75, 76.
    pub fn namespace(&mut self) -> Result<Option<(Spaces, Spaces, Spaces)>> {
        self.talk.settled()?;
        if !self.talk.has("NAMESPACE") {
            return Ok(None);
        }
        let mut spaces = Namespaces(None);
        let answer = self.talk.ask(&Command::Namespace, &mut spaces)?;
        self.must_be_ok("NAMESPACE: ", &answer)?;
        Ok(spaces.0)
    }

    /// The folder that has this special use, if the server tells and there is one; of several the first.
    ///
    /// # Errors
    /// 69, 75, 76.
    pub fn special(&mut self, special: SpecialUse) -> Result<Option<String>> {
        self.talk.settled()?;
        let mut list = List::plain("", "*");
        if self.talk.has("SPECIAL-USE") && self.talk.has("LIST-EXTENDED") {
            list.extended = true;
            list.returns = vec![ListReturn::SpecialUse];
        }
        let mut folders = Special { wanted: special.attribute(), found: None, bytes: 0 };
        let answer = self.talk.ask(&Command::List(list), &mut folders)?;
        self.must_be_ok("LIST: ", &answer)?;
        Ok(folders.found.map(|listed| listed.name))
    }
}

struct Namespaces(Option<(Spaces, Spaces, Spaces)>);

impl Listen for Namespaces {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        if let Untagged::Namespace(personal, others, shared) = what {
            self.0 = Some((personal, others, shared));
        }
        Ok(())
    }
}

struct Special {
    wanted: &'static str,
    found: Option<Listed>,
    bytes: usize,
}

impl Listen for Special {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        let Untagged::List(listed) = what else { return Ok(()) };
        self.bytes = self.bytes.saturating_add(listed.wire.len()).saturating_add(size_of::<Listed>());
        if self.bytes > NAMES {
            return Err(Error::protocol("a list of folders without end"));
        }
        if self.found.is_none() && listed.has(self.wanted) {
            self.found = Some(listed);
        }
        Ok(())
    }
}
