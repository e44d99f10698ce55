//! The commands of IMAP4rev1 and of its extensions that are spoken here ([`super`]), and the server's reading of them.
//!
//! What a client writes is in [`super::encode`].

mod append;
mod list;
mod login;
mod search;
mod status;
mod store;
#[cfg(test)]
mod tests;

pub use append::Appending;
pub use list::{List, ListReturn, ListSelect};
pub use status::StatusItem;
pub use store::Store;

use super::gather::Gathered;
use super::lex::{Lex, Parsed, Syntax};
use super::modseq::{ChangedSince, Selecting};
use super::results::Returns;
use super::search::SearchKey;
use super::section::FetchItem;
use super::set::SequenceSet;
use super::sort::SortKey;
use super::thread::Algorithm;
use crate::secret::Secret;
use chrono::{DateTime, FixedOffset};
use list::{mailbox, pattern};

/// A command with its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// What the answer will begin with.
    pub tag: String,
    /// What is wanted.
    pub command: Command,
}

/// A command that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its tag, if it has one.
    pub tag: Option<String>,
    /// What is wrong with it.
    pub why: Syntax,
}

/// One command. Mailbox names are decoded ([`utf7`]), `INBOX` in capitals.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields have the names of RFC 3501 section 6")]
pub enum Command {
    Capability,
    Noop,
    Logout,
    StartTls,
    /// RFC 4978. In capitals.
    Compress {
        mechanism: String,
    },
    Check,
    Close,
    Unselect,
    Expunge,
    Idle,
    /// NOTIFY SET (RFC 5465): what comes, goes and changes in the mailbox that is open, and in others.
    Notify {
        /// What is told of each message that comes into the one that is open.
        items: Vec<FetchItem>,
        /// Those of which STATUS is told.
        mailboxes: Vec<String>,
    },
    Namespace,
    /// RFC 4314: what one may do with a mailbox.
    MyRights {
        mailbox: String,
    },
    /// RFC 5464: what is noted of a mailbox under these names.
    GetMetadata {
        mailbox: String,
        entries: Vec<String>,
    },
    /// RFC 9208: how full the roots of a mailbox are.
    GetQuotaRoot {
        mailbox: String,
    },
    /// RFC 2971: field names and values, or none.
    Id(IdFields),
    Login {
        user: Vec<u8>,
        password: Secret,
    },
    /// The initial response is as it came, in base64; `=` (an empty one) is empty here.
    Authenticate {
        mechanism: String,
        initial: Option<Secret>,
    },
    Select {
        mailbox: String,
        with: Selecting,
    },
    Examine {
        mailbox: String,
        with: Selecting,
    },
    /// With the special uses (RFC 6154) that it shall have: `\Sent`.
    Create {
        mailbox: String,
        uses: Vec<String>,
    },
    Delete {
        mailbox: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Subscribe {
        mailbox: String,
    },
    Unsubscribe {
        mailbox: String,
    },
    /// RFC 5161: capabilities that are to be switched on.
    Enable(Vec<String>),
    List(List),
    Lsub {
        reference: String,
        pattern: String,
    },
    Status {
        mailbox: String,
        items: Vec<StatusItem>,
    },
    /// The message is not here: it is the literal that ends the command.
    Append {
        mailbox: String,
        flags: Vec<String>,
        date: Option<DateTime<FixedOffset>>,
        size: u64,
    },
    Search {
        uid: bool,
        returns: Option<Returns>,
        charset: Option<String>,
        key: SearchKey,
    },
    /// RFC 5256.
    Sort {
        uid: bool,
        returns: Option<Returns>,
        by: Vec<SortKey>,
        charset: String,
        key: SearchKey,
    },
    /// RFC 5256.
    Thread {
        uid: bool,
        algorithm: Algorithm,
        charset: String,
        key: SearchKey,
    },
    Fetch {
        uid: bool,
        set: SequenceSet,
        items: Vec<FetchItem>,
        changed: Option<ChangedSince>,
    },
    Store {
        uid: bool,
        set: SequenceSet,
        unchanged_since: Option<i64>,
        how: Store,
        silent: bool,
        flags: Vec<String>,
    },
    Copy {
        uid: bool,
        set: SequenceSet,
        mailbox: String,
    },
    /// RFC 6851.
    Move {
        uid: bool,
        set: SequenceSet,
        mailbox: String,
    },
    UidExpunge(SequenceSet),
}

/// Names and values of ID (RFC 2971).
pub type IdFields = Vec<(Vec<u8>, Option<Vec<u8>>)>;

impl Command {
    /// Puts what `$` stands for (RFC 5182) in its place: `saved` is asked for UIDs (true) or sequence numbers.
    pub fn resolve_saved(&mut self, saved: &dyn Fn(bool) -> SequenceSet) {
        match self {
            Command::Fetch { uid, set, .. }
            | Command::Store { uid, set, .. }
            | Command::Copy { uid, set, .. }
            | Command::Move { uid, set, .. } => {
                set.resolve_saved(&|| saved(*uid));
            }
            Command::UidExpunge(set) => set.resolve_saved(&|| saved(true)),
            Command::Search { key, .. } | Command::Sort { key, .. } | Command::Thread { key, .. } => {
                key.resolve_saved(saved);
            }
            _ => {}
        }
    }
}

impl Tagged {
    /// Reads a command. One that ends in a literal's announcement can only be an APPEND.
    ///
    /// # Errors
    /// What is wrong, with the tag to say so under.
    pub fn parse(from: &Gathered) -> Result<Tagged, Refusal> {
        let mut l = from.lex();
        let tag = l.tag().map_err(|why| Refusal { tag: None, why })?;
        match command(&mut l) {
            Ok(command) => Ok(Tagged { tag, command }),
            Err(why) => Err(Refusal { tag: Some(tag), why }),
        }
    }
}

fn command(l: &mut Lex<'_>) -> Parsed<Command> {
    l.expect_sp()?;
    let at = l.position();
    let mut word = l.word().to_ascii_uppercase();
    let uid = word == "UID";
    if uid {
        l.expect_sp()?;
        word = l.word().to_ascii_uppercase();
        if !matches!(word.as_str(), "COPY" | "EXPUNGE" | "FETCH" | "MOVE" | "SEARCH" | "SORT" | "STORE" | "THREAD") {
            return Err(Syntax::new(at, "unknown UID command"));
        }
    }
    let command = match word.as_str() {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "COMPRESS" => login::compress(l)?,
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" if uid => Command::UidExpunge(set(l)?),
        "EXPUNGE" => Command::Expunge,
        "IDLE" => Command::Idle,
        "NAMESPACE" => Command::Namespace,
        "MYRIGHTS" => Command::MyRights { mailbox: mailbox(l)? },
        "GETMETADATA" => get_metadata(l)?,
        "GETQUOTAROOT" => Command::GetQuotaRoot { mailbox: mailbox(l)? },
        "ID" => Command::Id(login::id(l)?),
        "LOGIN" => login::login(l)?,
        "AUTHENTICATE" => login::authenticate(l)?,
        "SELECT" => Command::Select { mailbox: mailbox(l)?, with: Selecting::parse(l)? },
        "EXAMINE" => Command::Examine { mailbox: mailbox(l)?, with: Selecting::parse(l)? },
        "CREATE" => list::create(l)?,
        "DELETE" => Command::Delete { mailbox: mailbox(l)? },
        "RENAME" => Command::Rename { from: mailbox(l)?, to: mailbox(l)? },
        "SUBSCRIBE" => Command::Subscribe { mailbox: mailbox(l)? },
        "UNSUBSCRIBE" => Command::Unsubscribe { mailbox: mailbox(l)? },
        "ENABLE" => Command::Enable(login::enable(l)?),
        "LIST" => list::list(l)?,
        "LSUB" => Command::Lsub { reference: mailbox(l)?, pattern: pattern(l)? },
        "STATUS" => status::status(l)?,
        "APPEND" => append::append(l)?,
        "SEARCH" => search::search(l, uid)?,
        "SORT" => search::sort(l, uid)?,
        "THREAD" => search::thread(l, uid)?,
        "FETCH" => {
            let set = set(l)?;
            l.expect_sp()?;
            Command::Fetch { uid, set, items: FetchItem::parse_all(l)?, changed: ChangedSince::parse(l)? }
        }
        "STORE" => store::store(l, uid)?,
        "COPY" => Command::Copy { uid, set: set(l)?, mailbox: mailbox(l)? },
        "MOVE" => Command::Move { uid, set: set(l)?, mailbox: mailbox(l)? },
        _ => return Err(Syntax::new(at, "unknown command")),
    };
    // Some clients leave a space at the end.
    l.sp();
    l.expect_end()?;
    Ok(command)
}

/// GETMETADATA without options: one entry, or several in parentheses.
fn get_metadata(l: &mut Lex<'_>) -> Parsed<Command> {
    let mailbox = mailbox(l)?;
    l.expect_sp()?;
    let mut entries = Vec::new();
    let one = |l: &mut Lex<'_>| {
        let at = l.position();
        let name = l.astring()?;
        match std::str::from_utf8(&name) {
            Ok(name) if name.is_ascii() && !name.is_empty() => Ok(name.to_owned()),
            _ => Err(Syntax::new(at, "expected the name of an entry")),
        }
    };
    if l.peek() == Some(b'(') {
        l.list(|l| {
            entries.push(one(l)?);
            Ok(())
        })?;
    } else {
        entries.push(one(l)?);
    }
    if entries.is_empty() { l.expected("an entry") } else { Ok(Command::GetMetadata { mailbox, entries }) }
}

fn set(l: &mut Lex<'_>) -> Parsed<SequenceSet> {
    l.expect_sp()?;
    SequenceSet::parse(l)
}

/// One of these words, in any case.
fn word<T: Copy>(l: &mut Lex<'_>, words: &[(&str, T)], expected: &'static str) -> Parsed<T> {
    let at = l.position();
    let word = l.word();
    let found = words.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value).ok_or_else(|| Syntax::new(at, expected))
}
