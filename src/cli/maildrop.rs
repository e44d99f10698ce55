//! Which messages of a POP3 maildrop arguments name, and what their headers tell: the common tongue of the pop3- programs.

pub mod identity;

use super::connect::Reach;
use crate::client::Login;
use crate::client::pop3::{Client, Entry, Listing};
use crate::error::{Error, Exit, Local, Result};
use crate::message::date::Date;
use crate::message::header::Header;
use crate::net::endpoint::Endpoint;
use crate::text::{chomp, escape};
use clap::Args;
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, Read};

/// What is known better than the server tells it.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Knowing {
    /// Send commands without waiting for the replies, also where the server does not offer that, if it answers the first two (key:
    /// pipelining = true).
    #[arg(long)]
    pub pipeline: bool,
}

impl Knowing {
    /// Connects, logs in and lists; waits for a maildrop that another session has.
    ///
    /// # Errors
    /// As [`Client::connect`] and [`Client::listing`]; 78: the configuration is wrong.
    pub fn open(self, reach: &Reach, at: &Endpoint, login: &Login) -> Result<(Client, Vec<Entry>)> {
        let (client, listing) = self.scan(reach, at, login)?;
        let entries = client.entries(&listing)?;
        Ok((client, entries))
    }

    /// The same, with a listing that nobody has looked at.
    ///
    /// # Errors
    /// As [`Knowing::open`].
    pub fn scan(self, reach: &Reach, at: &Endpoint, login: &Login) -> Result<(Client, Listing)> {
        let told = reach.accounts().settings(at)?.pipelining.map(|set| set.value);
        let connect = || Client::connect(reach, at, login, reach.patience());
        let mut client = connect()?;
        if let Some(pipelining) = told.filter(|_| !self.pipeline).or(self.pipeline.then_some(true)) {
            // A second login at once, should it be wrong, is more than this one allows.
            let safe = client.capabilities().login_delay.is_none() || client.capabilities().pipelining;
            client.pipelines(pipelining && safe);
        }
        let unproven = client.is_unproven();
        match client.scan() {
            // In doubt one command at a time, and none in a session that is out of step perhaps.
            Err(e) if unproven && e.exit() != Exit::IoErr && !reach.whole().passed() => {
                drop(client);
                client = connect()?;
                client.pipelines(false);
                let listing = client.scan()?;
                Ok((client, listing))
            }
            listing => Ok((client, listing?)),
        }
    }
}

/// The longest line on stdin that may be a name.
const LINE: u64 = 64 * 1024;

/// A header section longer than this is read as far as that.
pub const HEADER: usize = 1 << 20;

/// The messages that are meant.
#[derive(Debug, Default)]
pub struct Named<'e> {
    /// In the order of the names, each once.
    pub entries: Vec<&'e Entry>,
    /// Names of single messages that are not there.
    pub missing: Vec<String>,
    /// Whether a range named some of them.
    pub by_range: bool,
}

/// A maildrop's listing, to be asked by name.
pub struct Names<'e> {
    entries: &'e [Entry],
    uidls: HashMap<&'e [u8], &'e Entry>,
    /// A UIDL with a backslash or a control character stands in a listing in this form.
    escaped: HashMap<String, &'e Entry>,
}

impl<'e> Names<'e> {
    /// Of `entries`, which are in order of number.
    #[must_use]
    pub fn of(entries: &'e [Entry]) -> Names<'e> {
        let (mut uidls, mut escaped) = (HashMap::new(), HashMap::new());
        for entry in entries {
            if let Some(uidl) = entry.uidl.as_deref() {
                uidls.entry(uidl).or_insert(entry);
                let shown = escape(uidl);
                if shown.as_bytes() != uidl {
                    escaped.entry(shown).or_insert(entry);
                }
            }
        }
        Names { entries, uidls, escaped }
    }

    /// Looks up each name: a number, a unique id (as it is, or as listings show it), or a range of numbers `3:9`, `3:*`; `*` is the
    /// last message, as in IMAP. A unique id that looks like a range or a number yields to the number and hides the range.
    pub fn look<N: AsRef<[u8]>>(&self, names: impl IntoIterator<Item = N>) -> Named<'e> {
        let (mut named, mut once) = (Named::default(), HashSet::new());
        for name in names {
            let name = name.as_ref();
            match self.one(name) {
                // Named twice, once by its number perhaps: it is one message.
                Some(entry) if once.insert(entry.number) => named.entries.push(entry),
                Some(_) => {}
                None => match self.range(name) {
                    Some((from, to)) => {
                        named.by_range = true;
                        let within = self.entries.iter().filter(|e| (from..=to).contains(&e.number));
                        named.entries.extend(within.filter(|e| once.insert(e.number)));
                    }
                    None => named.missing.push(escape(name)),
                },
            }
        }
        named
    }

    fn one(&self, name: &[u8]) -> Option<&'e Entry> {
        let number = std::str::from_utf8(name).ok().and_then(number);
        let numbered = number.and_then(|n| self.entries.binary_search_by_key(&n, |e| e.number).ok());
        let by_uidl = || self.uidls.get(name).or_else(|| self.escaped.get(std::str::from_utf8(name).ok()?)).copied();
        numbered.and_then(|i| self.entries.get(i)).or_else(by_uidl)
    }

    fn range(&self, name: &[u8]) -> Option<(u32, u32)> {
        let last = self.entries.last().map_or(0, |e| e.number);
        let (a, b) = ends(std::str::from_utf8(name).ok()?)?;
        let (a, b) = (a.unwrap_or(last), b.unwrap_or(last));
        Some((a.min(b), a.max(b)))
    }
}

/// A unique id in JSON: as it is, or escaped where it is no text; both are names that [`Names`] knows.
#[must_use]
pub fn in_json(uidl: &[u8]) -> String {
    std::str::from_utf8(uidl).map_or_else(|_| escape(uidl), str::to_owned)
}

/// Whether a name is that of a range, which may be more than one message.
#[must_use]
pub fn is_range(name: &str) -> bool {
    ends(name).is_some()
}

/// Both ends of a range; `None` in their place is `*`.
fn ends(name: &str) -> Option<(Option<u32>, Option<u32>)> {
    let end = |text: &str| if text == "*" { Some(None) } else { number(text).map(Some) };
    match name.split_once(':') {
        Some((a, b)) => Some((end(a)?, end(b)?)),
        None => (name == "*").then_some((None, None)),
    }
}

fn number(text: &str) -> Option<u32> {
    // parse() takes a sign.
    text.parse().ok().filter(|n| *n > 0 && text.bytes().all(|b| b.is_ascii_digit()))
}

/// The names on stdin, one a line; empty lines are passed over.
///
/// # Errors
/// 66: it can't be read; 64: a line is too long to be a name.
pub fn names_on(stdin: &mut dyn BufRead) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    loop {
        let mut line = Vec::new();
        stdin.take(LINE).read_until(b'\n', &mut line).opening("stdin")?;
        match chomp(&line) {
            _ if line.is_empty() => return Ok(names),
            _ if line.len() as u64 == LINE => return Err(Error::usage("a line on stdin that is too long for a name")),
            b"" => {}
            name => names.push(name.to_vec()),
        }
    }
}

/// When a message reached its last mail server, seconds since 1970: by the topmost Received field (RFC 5321 4.4), which that
/// server wrote, else by Date, which the sender did. POP3 itself tells no time.
#[must_use]
pub fn arrived(header: &Header) -> Option<i64> {
    let stamp = |received: &[u8]| {
        let semicolon = received.iter().rposition(|b| *b == b';')?;
        Date::parse(received.get(semicolon + 1..)?)
    };
    let date = header.get("Received").and_then(stamp).or_else(|| header.get("Date").and_then(Date::parse))?;
    Some(date.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_unique_ids_and_ranges() {
        let uidl = |id: &str| Some(id.as_bytes().to_vec());
        let entry = |number, id| Entry { number, size: 1, uidl: uidl(id) };
        // 4 is missing; the ids of some look like something else.
        let entries = [entry(1, "a"), entry(2, "7"), entry(3, "1:2"), entry(5, "back\\slash"), entry(6, "*x")];
        let names = Names::of(&entries);
        let found = |words: &[&str]| {
            let named = names.look(words);
            (named.entries.iter().map(|e| e.number).collect::<Vec<_>>(), named.missing, named.by_range)
        };
        assert_eq!(found(&["2", "a", "1"]), (vec![2, 1], vec![], false));
        assert_eq!(found(&["7"]), (vec![2], vec![], false));
        assert_eq!(found(&["1:2"]), (vec![3], vec![], false));
        assert_eq!(found(&["2:5", "3"]), (vec![2, 3, 5], vec![], true));
        assert_eq!(found(&["5:2"]).0, [2, 3, 5]);
        assert_eq!(found(&["5:*", "*"]), (vec![5, 6], vec![], true));
        assert_eq!(found(&["back\\slash", "back\\\\slash"]), (vec![5], vec![], false));
        let (none, missing, _) = found(&["4", "0", "+1", "", "1:x", "x\n", ":", "99999999999"]);
        assert_eq!(
            (none, missing),
            (vec![], ["4", "0", "+1", "", "1:x", "x\\n", ":", "99999999999"].map(str::to_owned).to_vec())
        );
        assert!(Names::of(&[]).look(["*", "1:*"]).entries.is_empty());
    }

    #[test]
    fn time_of_arrival() {
        let arrived = |text: &str| arrived(&Header::parse(text.as_bytes().to_vec()));
        let date = "Date: Thu, 1 Jan 1970 00:01:40 +0000\n";
        assert_eq!(
            arrived(&format!("Received: by x; Thu, 1 Jan 1970 00:03:20 +0000\nReceived: y; Z\n{date}")),
            Some(200)
        );
        assert_eq!(arrived(&format!("Received: by a server that knows no time\n{date}")), Some(100));
        assert_eq!(arrived("Subject: x\n"), None);
    }

    #[test]
    fn names_are_lines() {
        let names = |text: &[u8]| names_on(&mut &text[..]);
        assert_eq!(names(b"a\r\n\n\xFF b\nlast").unwrap(), [&b"a"[..], b"\xFF b", b"last"]);
        assert!(names(b"").unwrap().is_empty());
        assert!(names(&vec![b'x'; 70_000]).is_err());
    }
}
