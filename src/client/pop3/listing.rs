//! What a maildrop holds: LIST and UIDL (RFC 1939 5, 7). They are read in one go and taken apart when somebody wants to know: most
//! runs find what the last one has found.

use super::{Client, shown};
use crate::error::{Error, Result};
use crate::net::Deadline;
use crate::proto::pop3::numbered;
use std::collections::HashMap;
use std::time::Duration;

/// How long the answer to the second of two commands may take where it is a proof.
const PROOF: Duration = Duration::from_secs(5);
/// Messages in a maildrop, lest a list without end fills the memory.
const MESSAGES: usize = 1 << 20;
/// A unique id: RFC 1939 7 allows 70.
const UIDL: usize = 1024;
/// The longest line: a number of 32 bits and blanks before that.
const LINE: usize = 16 + UIDL;
/// All lines of one answer.
const ANSWER: usize = 96 << 20;

/// One message of the maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in this session.
    pub number: u32,
    /// Its size as the server tells it, octets; not to be trusted.
    pub size: u64,
    /// Its unique id: any bytes, as the server sent them. `None` where the server has no UIDL.
    pub uidl: Option<Vec<u8>>,
}

/// What LIST and UIDL have said.
#[derive(Debug, Default)]
pub struct Listing {
    sizes: Vec<u8>,
    uidls: Option<Vec<u8>>,
}

impl Listing {
    /// The answer to UIDL as it came, each line with LF behind it. `None` where the server has no UIDL.
    #[must_use]
    pub fn uidls(&self) -> Option<&[u8]> {
        self.uidls.as_deref()
    }
}

impl Client {
    /// LIST and UIDL: every message, in order of number.
    ///
    /// # Errors
    /// 75, 76; where flights are unproven, any may mean that the server does not take them.
    pub fn listing(&mut self) -> Result<Vec<Entry>> {
        let listing = self.scan()?;
        self.entries(&listing)
    }

    /// LIST and UIDL, for [`Client::entries`].
    ///
    /// # Errors
    /// As [`Client::listing`].
    pub fn scan(&mut self) -> Result<Listing> {
        self.must_be_quiet()?;
        self.wire.put("LIST\r\n")?;
        if self.capabilities.pipelining {
            self.wire.put("UIDL\r\n")?;
        }
        let answer = self.status()?;
        if !answer.ok {
            return Err(self.refused("LIST: ", &answer));
        }
        let mut listing = Listing { sizes: self.rows()?, uidls: None };
        if !self.capabilities.pipelining {
            self.sized(&listing)?;
        }
        if self.unproven {
            // A server that has thrown it away says nothing more.
            self.wire.until(Deadline::after(PROOF));
        }
        let answer = if self.capabilities.pipelining { self.status()? } else { self.ask("UIDL\r\n")? };
        if self.unproven && !answer.ok {
            // The rest of a command perhaps, and UIDL is there.
            return Err(self.refused("UIDL: ", &answer));
        }
        if answer.ok {
            listing.uidls = Some(self.rows()?);
        }
        if self.unproven {
            self.entries(&listing)?;
        }
        self.unproven = false;
        Ok(listing)
    }

    /// The messages of a listing, in order of number.
    ///
    /// # Errors
    /// 76.
    pub fn entries(&self, listing: &Listing) -> Result<Vec<Entry>> {
        let mut entries = self.sized(listing)?;
        // Almost always both go through the numbers in the same order.
        let mut index: HashMap<u32, usize> = HashMap::new();
        let mut next = 0;
        for line in listing.uidls.iter().flat_map(|all| lines(all)) {
            let (number, uidl) =
                numbered(line).filter(|(_, id)| id.len() <= UIDL).ok_or_else(|| self.no_listing(shown(line)))?;
            // What LIST did not show is not ours to fetch.
            if entries.get(next).is_none_or(|entry| entry.number != number) {
                if index.is_empty() {
                    index = entries.iter().enumerate().map(|(i, e)| (e.number, i)).collect();
                }
                next = index.get(&number).copied().unwrap_or(usize::MAX);
            }
            if let Some(entry) = entries.get_mut(next) {
                entry.uidl = Some(uidl.to_vec());
            }
            next = next.saturating_add(1);
        }
        entries.sort_by_key(|e| e.number);
        if entries.windows(2).any(|w| matches!(w, [a, b] if a.number == b.number)) {
            return Err(Error::protocol("LIST shows a number twice").at(self.wire.peer()));
        }
        Ok(entries)
    }

    /// What LIST shows.
    fn sized(&self, listing: &Listing) -> Result<Vec<Entry>> {
        lines(&listing.sizes).map(|line| sized(line).ok_or_else(|| self.no_listing(shown(line)))).collect()
    }

    /// The lines of an answer, each with LF behind it.
    fn rows(&mut self) -> Result<Vec<u8>> {
        let (mut all, mut wrong) = (Vec::new(), None);
        let listed = self.list(MESSAGES, |line| {
            if line.len() > LINE {
                wrong = Some(shown(line));
                return Err(Error::protocol("not a listing"));
            }
            if all.len() > ANSWER {
                return Err(Error::protocol(format!("a listing of over {ANSWER} bytes")));
            }
            all.extend_from_slice(line);
            all.push(b'\n');
            Ok(())
        });
        match wrong {
            Some(said) => Err(self.no_listing(said)),
            None => listed.map(|()| all),
        }
    }

    fn no_listing(&self, said: String) -> Error {
        let said = self.wire.hide(said);
        Error::protocol(format!("not a listing: {said}")).at(self.wire.peer())
    }
}

fn lines(all: &[u8]) -> impl Iterator<Item = &[u8]> {
    all.split_inclusive(|b| *b == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// A line of LIST. What some servers write behind the size is none of it.
fn sized(line: &[u8]) -> Option<Entry> {
    let (number, rest) = numbered(line).filter(|(number, _)| *number > 0)?;
    let size = rest.split(|b| *b == b' ').next().and_then(|s| std::str::from_utf8(s).ok()?.parse().ok())?;
    Some(Entry { number, size, uidl: None })
}
