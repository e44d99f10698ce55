//! What a server has told by itself: what it can do, and about the folder that is open.

use crate::error::{Error, Result};

/// What the server has told about itself and the mailbox that is open.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// In capitals.
    pub(super) capabilities: Vec<String>,
    /// Whether they have been told since somebody made this false.
    pub(super) fresh: bool,
    pub(super) exists: Option<u32>,
    pub(super) uid_validity: Option<u32>,
    pub(super) uid_next: Option<u32>,
    /// PERMANENTFLAGS.
    pub(super) permanent: Option<Vec<String>>,
    /// The folder can't be changed.
    pub(super) read_only: bool,
    pub(super) alerts: Vec<String>,
    /// Whether it was asked for the headers of what comes (NOTIFY).
    pub(super) notified: bool,
    /// Folders that it was asked about then, of which it has told something since.
    pub(super) stirred: Vec<String>,
}

/// More of them than anybody asks about.
const STIRRED: usize = 10_000;

/// What IMAP4rev2 has in it (RFC 9051 appendix E), and what of that a client asks for by name.
const REV2: [&str; 17] = [
    "NAMESPACE",
    "UNSELECT",
    "UIDPLUS",
    "ESEARCH",
    "SEARCHRES",
    "ENABLE",
    "IDLE",
    "SASL-IR",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "MOVE",
    "LITERAL-",
    "BINARY",
    "SPECIAL-USE",
    "STATUS=SIZE",
    "CHILDREN",
    "STATUS=DELETED",
];

impl Told {
    /// Whether the server said that it can do this. One that speaks nothing but IMAP4rev2 need not say what is in that.
    pub(super) fn has(&self, capability: &str) -> bool {
        let said = |word: &str| self.capabilities.iter().any(|c| c == word);
        said(capability) || (REV2.contains(&capability) && said("IMAP4REV2") && !said("IMAP4REV1"))
    }

    /// Something has happened in a folder.
    pub(super) fn stirs(&mut self, folder: &str) {
        if self.notified && self.stirred.len() < STIRRED && !self.stirred.iter().any(|name| name == folder) {
            self.stirred.push(folder.to_owned());
        }
    }

    /// Another folder will be opened.
    pub(super) fn forget_folder(&mut self) {
        (self.exists, self.uid_validity, self.uid_next) = (None, None, None);
        (self.permanent, self.read_only) = (None, false);
    }
}

/// EXISTS and UIDVALIDITY of a folder that is open: RFC 3501 6.3.1 demands both; without them "empty" and "the same message" would be
/// guesses.
pub(super) fn demanded(exists: Option<u32>, uid_validity: Option<u32>) -> Result<(u32, u32)> {
    let no_count = || Error::protocol("opens a folder and does not say how many messages it has");
    let no_validity = || Error::protocol("opens a folder without UIDVALIDITY");
    Ok((exists.ok_or_else(no_count)?, uid_validity.filter(|v| *v > 0).ok_or_else(no_validity)?))
}
