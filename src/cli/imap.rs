//! What the imap programs share: the way in, and the words that name messages.

use super::connect::Reach;
use super::exit::complain;
use super::reference::folder_name;
use super::system;
use super::wanted::Wanted;
use crate::client::imap::{Announced, Client, Memory, Opened, Selected};
use crate::client::opened as logged_in;
use crate::error::{Error, Result};
use crate::net::endpoint::Endpoint;
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::set::SequenceSet;
use crate::store::announced::Announcements;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;

/// Connects and logs in, unless the connection itself tells who we are.
///
/// # Errors
/// 64: no user or password; 68, 75, 76, 77.
pub fn connect(reach: &Reach, at: &Endpoint) -> Result<Client> {
    let login = reach.login(at)?;
    logged_in(login.as_ref(), |login| Client::connect(reach, at, login, memory()))
}

/// Remembers what servers announce; nobody does where the state can't be had.
fn memory() -> Option<Arc<dyn Memory>> {
    Some(Arc::new(Remembered(system::state_home().ok()?.join("announced.sqlite"))))
}

struct Remembered(PathBuf);

/// The first word of what is remembered of a server that must be asked.
const ASKED: &str = "?";

impl Memory for Remembered {
    fn recall(&self, key: &str) -> Option<Announced> {
        // To look it up is no reason to make a file.
        let words = Announcements::open(self.0.exists().then_some(&self.0)?).ok()?.of(key).ok()??;
        let mut capabilities: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let asked = capabilities.first().is_some_and(|word| word == ASKED);
        if asked {
            capabilities.remove(0);
        }
        Some(Announced { capabilities, asked })
    }

    fn keep(&self, key: &str, announced: &Announced) {
        let words =
            announced.asked.then_some(ASKED).into_iter().chain(announced.capabilities.iter().map(String::as_str));
        let words: Vec<&str> = words.collect();
        // Without it the next run waits as this one did.
        let _ = Announcements::open(&self.0).and_then(|kept| kept.keep(key, &words.join(" ")));
    }
}

/// What is known of a folder once it is open, for `-v`.
#[must_use]
pub fn opened(folder: &str, opened: Opened) -> String {
    format!("{folder}: {} messages, UIDVALIDITY {}", opened.exists, opened.uid_validity)
}

/// Shows what the server wants people to see, RFC 3501 7.1.
pub fn show_alerts(program: &str, client: &mut Client) {
    for text in client.alerts() {
        complain(program, &format!("the server says: {text}"), None);
    }
}

/// A set of UIDs: `7`, `3:9,12`, `100:*`.
///
/// # Errors
/// 64: it is none.
pub fn uid_set(text: &str) -> Result<SequenceSet> {
    text.parse()
        .map_err(|why| Error::usage(format!("{text}: not a set of UIDs: {why}")).advise("like 7 or 3:9,12 or 100:*"))
}

/// A search in IMAP's own words, of the messages in `set` if there is one.
///
/// # Errors
/// 64: it is none.
pub fn search_key(text: &str, set: Option<&SequenceSet>) -> Result<SearchKey> {
    let key: SearchKey = text.parse().map_err(|why| {
        Error::usage(format!("--search {text}: {why}")).advise("like 'FROM ci@ UNSEEN SINCE 1-Feb-2026'")
    })?;
    Ok(match set {
        Some(set) => SearchKey::And(vec![SearchKey::Uid(set.clone()), key]),
        None => key,
    })
}

/// One connection an account.
pub struct Clients<'r> {
    reach: &'r Reach,
    program: &'static str,
    open: HashMap<String, Client>,
}

impl<'r> Clients<'r> {
    /// Nobody is connected yet.
    #[must_use]
    pub fn new(reach: &'r Reach, program: &'static str) -> Clients<'r> {
        Clients { reach, program, open: HashMap::new() }
    }

    /// The connection to the account of `at`, made if there is none.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn client(&mut self, at: &Endpoint) -> Result<&mut Client> {
        Ok(match self.open.entry(folder_name(at, "")) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => place.insert(connect(self.reach, at)?),
        })
    }

    /// The connection to the account of `at`, to be used beside others.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn take(&mut self, at: &Endpoint) -> Result<Client> {
        match self.open.remove(&folder_name(at, "")) {
            Some(client) => Ok(client),
            None => connect(self.reach, at),
        }
    }

    /// Gives it back.
    pub fn give(&mut self, at: &Endpoint, client: Client) {
        self.open.insert(folder_name(at, ""), client);
    }

    /// A connection that failed is not used again.
    pub fn forget(&mut self, at: &Endpoint) {
        self.open.remove(&folder_name(at, ""));
    }

    /// Opens a folder to read it, and makes sure that its UIDs mean what the references meant.
    ///
    /// # Errors
    /// 69: there is no such folder, or its references are void; as [`connect`].
    pub fn examine(&mut self, wanted: &Wanted) -> Result<Selected<'_>> {
        same_uids(wanted, self.client(&wanted.at)?.examine(&wanted.folder)?)
    }

    /// The same for a folder in which something will be changed.
    ///
    /// # Errors
    /// As [`Clients::examine`]; 69 too where it can only be read.
    pub fn select(&mut self, wanted: &Wanted) -> Result<Selected<'_>> {
        same_uids(wanted, self.client(&wanted.at)?.select(&wanted.folder)?)
    }

    /// Says goodbye to all and waits for no answer: after reading, when nothing hangs on it.
    pub fn hang_up(self) {
        for (_, mut client) in self.open {
            show_alerts(self.program, &mut client);
            client.hang_up();
        }
    }

    /// Says goodbye to all.
    ///
    /// # Errors
    /// 76: what came was an answer to something earlier.
    pub fn close(self) -> Result<()> {
        for (_, mut client) in self.open {
            show_alerts(self.program, &mut client);
            client.logout()?;
        }
        Ok(())
    }
}

fn same_uids<'c>(wanted: &Wanted, selected: Selected<'c>) -> Result<Selected<'c>> {
    let now = selected.uid_validity();
    match wanted.uid_validity {
        Some(then) if then != now => {
            let folder = folder_name(&wanted.at, &wanted.folder);
            Err(Error::refused(format!("{folder}: UIDVALIDITY was {then} and is {now}: its references are void"))
                .advise("list the folder again: imap-ls --refs"))
        }
        _ => Ok(selected),
    }
}
