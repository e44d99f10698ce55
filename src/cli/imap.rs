//! What the imap programs share: the way in, and the words that name messages.

use super::connect::Reach;
use super::exit::complain;
use crate::client::imap::{Client, Selected};
use crate::client::opened as logged_in;
use crate::error::{Error, Result};
use crate::net::endpoint::Endpoint;
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::set::SequenceSet;

/// Connects and logs in, unless the connection itself tells who we are.
///
/// # Errors
/// 64: no user or password; 68, 75, 76, 77.
pub fn connect(reach: &Reach, at: &Endpoint) -> Result<Client> {
    let login = reach.login(at)?;
    logged_in(login.as_ref(), |login| Client::connect(reach, at, login))
}

/// What is known of a folder once it is open, for `-v`.
#[must_use]
pub fn opened(folder: &str, selected: &Selected<'_>) -> String {
    format!("{folder}: {} messages, UIDVALIDITY {}", selected.exists(), selected.uid_validity())
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
