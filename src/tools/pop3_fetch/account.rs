//! One account: sessions until all that is wanted is here, what may go is deleted, and the history knows.

use super::fetch::{Fetch, of_account, record};
use super::filter::choose;
use super::wanted::{Extent, Maildrop, Wanted};
use super::{NAME, Pop3Fetch, import};
use crate::cli::compose::now;
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::maildrop::identity::identify;
use crate::cli::maildrop::in_json;
use crate::cli::out::{Report, tell};
use crate::cli::{Failure, system};
use crate::client::Login;
use crate::client::pop3::{Client, Entry, Listing};
use crate::error::{Error, Exit, Result};
use crate::message::digest::Sha256;
use crate::net::endpoint::Endpoint;
use crate::proto::pop3::Expire;
use crate::store::sink::Every;
use crate::store::state::{History, Key, Mark, State};
use crate::text::escape;
use serde_json::json;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// A session that deletes is ended after this, so that what was deleted is so for good whatever comes later.
const SESSION: Duration = Duration::from_secs(300);

/// What a run brought.
pub(super) struct Summary {
    pub(super) fetched: u64,
    pub(super) octets: u64,
    pub(super) deleted: u64,
    /// How many are left that were wanted: too large, or over `--limit`.
    pub(super) left: u64,
    pub(super) exit: Exit,
    /// Whether there was nothing to fetch and nothing failed.
    pub(super) nothing: bool,
}

impl Summary {
    pub(super) fn new() -> Summary {
        Summary { fetched: 0, octets: 0, deleted: 0, left: 0, exit: Exit::Ok, nothing: false }
    }
}

/// Where the state of an account is kept under one name.
pub(super) fn key(flags: &Pop3Fetch, at: &Endpoint, login: &str) -> Key {
    let host = at.host_in_history();
    let targets = || if flags.headers { format!("headers {}", flags.into.canonical()) } else { flags.into.canonical() };
    let name = flags.state.clone().unwrap_or_else(targets);
    Key { protocol: "pop3".into(), login: login.to_owned(), host, name }
}

/// Fetches from `at`. `account`: what it is called in the report, where there are several.
pub(super) fn run(
    flags: &Pop3Fetch,
    reach: &Reach,
    at: &Endpoint,
    account: Option<&str>,
    sink: Option<&mut Every>,
    report: &Report,
) -> Result<Summary, Failure> {
    let login = reach.login(at)?.ok_or_else(|| Error::internal("no login"))?;
    let state = State::open(&system::state_home()?.join("state.sqlite"))?;
    let patience = reach.patience();
    let history = state.history(&key(flags, at, &login.user), patience.left().unwrap_or(Duration::MAX))?;
    if let Some(file) = &flags.import_state {
        let told = import::read(file, &login.user, at, now())?;
        history.record_since(told.iter().map(|(uidl, time)| (uidl.as_slice(), *time)), Mark::Kept)?;
    }
    let sessions = Sessions { flags, reach, at, account, login: &login, history: &history, report };
    match sink {
        Some(sink) => sessions.all(sink),
        None => sessions.tell(),
    }
}

struct Sessions<'s> {
    flags: &'s Pop3Fetch,
    reach: &'s Reach,
    at: &'s Endpoint,
    account: Option<&'s str>,
    login: &'s Login,
    history: &'s History<'s>,
    report: &'s Report,
}

impl Sessions<'_> {
    /// A session, and what is there, by names that last: the server's, or those of [`identify`].
    fn open(&self) -> Result<(Client, Vec<Entry>)> {
        let (mut client, listing) = self.scan()?;
        let entries = self.entries(&mut client, &listing)?;
        Ok((client, entries))
    }

    fn scan(&self) -> Result<(Client, Listing)> {
        self.flags.knowing.scan(self.reach, self.at, self.login)
    }

    fn entries(&self, client: &mut Client, listing: &Listing) -> Result<Vec<Entry>> {
        let mut entries = client.entries(listing)?;
        let asked = entries.iter().all(|e| e.uidl.is_none());
        if asked && identify(client, &mut entries)? && !entries.is_empty() && self.flags.common.verbose {
            complain(NAME, &format!("{}: no unique ids; messages are known by their headers", self.at), None);
        }
        Ok(entries)
    }

    /// The digest of a listing, where it alone can tell that there is nothing to do.
    fn digest(&self, listing: &Listing) -> Option<String> {
        let flags = self.flags;
        let more = !flags.messages.is_empty() || flags.all || flags.complete || flags.delete_after.is_some();
        let uidls = listing.uidls().filter(|_| !more)?;
        let mut digest = Sha256::default();
        digest.push(uidls);
        Some(digest.hex())
    }

    /// Ends a session in which nothing is deleted: how the goodbye ends is of no importance then, but replies out of step are; unless
    /// the server deletes by itself.
    fn leave(client: Client) -> Result<()> {
        let ended = match client.capabilities().expire {
            Some(Expire::Days(0)) => client.quit(),
            _ => client.leave(),
        };
        ended.or_else(|e| if e.exit() == Exit::Protocol { Err(e) } else { Ok(()) })
    }

    /// `-n`, and `--mark-fetched`.
    fn tell(&self) -> Result<Summary, Failure> {
        let (mut client, entries) = self.open()?;
        let mut summary = Summary::new();
        if self.flags.mark_fetched {
            if entries.iter().any(|e| e.uidl.is_none()) {
                return Err(Error::refused("the server has no unique ids, so nothing can be remembered").into());
            }
            let seen = self.history.seen()?;
            let is_new = |e: &&Entry| e.uidl.as_ref().is_some_and(|uidl| !seen.contains_key(uidl));
            let mut new = entries.iter().filter(is_new);
            if self.flags.dry_run {
                new.try_for_each(|entry| self.would("remember", entry))?;
            } else {
                self.history.record(new.filter_map(|e| e.uidl.as_deref()), Mark::Told)?;
            }
            client.leave()?;
            return Ok(summary);
        }
        let drop = Maildrop::new(&entries, self.history.seen()?);
        let mut tally = crate::cli::exit::Tally::default();
        let mut wanted = drop.wanted(self.flags, &mut tally)?;
        summary.left = choose(self.flags, &mut client, &mut tally, &mut wanted)? + wanted.large.len() as u64;
        // As if all were fetched: those that the server would delete then.
        let fetched = wanted.whole.iter().map(|e| e.number).collect();
        let mut doomed = drop.doomed(self.flags, &fetched, now());
        let moved: HashSet<u32> = doomed.iter().map(|e| e.number).collect();
        for entry in &wanted.whole {
            self.would(if moved.contains(&entry.number) { "move" } else { "fetch" }, entry)?;
        }
        doomed.retain(|e| !fetched.contains(&e.number));
        for (would, entries) in [("top", &wanted.top), ("leave", &wanted.large), ("delete", &doomed)] {
            entries.iter().try_for_each(|entry| self.would(would, entry))?;
        }
        client.leave()?;
        summary.nothing = wanted.whole.is_empty() && wanted.top.is_empty() && tally.exit() == Exit::Ok;
        summary.exit = tally.exit();
        Ok(summary)
    }

    /// What would be done to a message.
    fn would(&self, would: &str, entry: &Entry) -> Result<()> {
        let line = if self.flags.json {
            let uidl = entry.uidl.as_deref().map(in_json);
            let object = json!({ "number": entry.number, "uidl": uidl, "size": entry.size, "would": would });
            of_account(self.account, object).to_string()
        } else {
            let uidl = entry.uidl.as_ref().map(escape).unwrap_or_default();
            let account = self.account.map(|name| format!("{name}\t")).unwrap_or_default();
            format!("{account}{}\t{uidl}\t{}\t{would}", entry.number, entry.size)
        };
        let mut out = self.report.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        out.write(format!("{line}\n").as_bytes()).map(drop)
    }

    /// Sessions until all that the first listing showed is here: one, unless something is deleted, which a session's QUIT only
    /// makes true.
    fn all(&self, sink: &mut Every) -> Result<Summary, Failure> {
        let mut fetch = Fetch::new(self.flags, self.account, sink, self.history, self.report);
        let mut summary = Summary::new();
        let mut rest: Option<HashSet<Vec<u8>>> = None;
        let mut digest = None;
        loop {
            let (mut client, entries) = match &rest {
                None => {
                    let (mut client, listing) = self.scan()?;
                    digest = self.digest(&listing);
                    if digest.is_some() && digest == self.history.settled()? {
                        self.warn(&client);
                        Sessions::leave(client)?;
                        summary.nothing = true;
                        return Ok(summary);
                    }
                    let entries = self.entries(&mut client, &listing)?;
                    (client, entries)
                }
                Some(_) => match self.open() {
                    Ok(opened) => opened,
                    Err(e) => {
                        complain(NAME, &e.to_string(), e.advice());
                        fetch.tally.failed(e.exit());
                        break;
                    }
                },
            };
            let begun = Instant::now();
            let drop = Maildrop::new(&entries, self.history.seen()?);
            if rest.is_none() {
                fetch.recover(&drop)?;
                self.warn(&client);
            }
            let mut wanted = match &rest {
                None => drop.wanted(self.flags, &mut fetch.tally)?,
                // Of what has come meanwhile the next run takes care.
                Some(rest) => Wanted {
                    whole: entries.iter().filter(|e| e.uidl.as_ref().is_some_and(|id| rest.contains(id))).collect(),
                    ..Wanted::default()
                },
            };
            wanted.whole.retain(|e| !fetch.delivered.contains(&e.number));
            if rest.is_none() {
                summary.left = choose(self.flags, &mut client, &mut fetch.tally, &mut wanted)?;
                summary.left += wanted.large.len() as u64;
                self.left(&wanted.large)?;
                let none = wanted.whole.is_empty() && wanted.top.is_empty();
                summary.nothing = none && fetch.tally.exit() == Exit::Ok && fetch.tally.is_empty();
            }
            let many = self.flags.delete && drop.can_be_told_apart() && client.capabilities().login_delay.is_none();
            let mut later = HashSet::new();
            if let Some(most) = Some(self.flags.commit_every).filter(|most| many && *most > 0) {
                let over = wanted.whole.split_off(most.min(wanted.whole.len()));
                later = over.iter().filter_map(|e| e.uidl.clone()).collect();
            }
            let whole = self.some(&mut fetch, &mut client, &drop, &wanted.whole, many.then_some(begun), &mut later);
            let fetched = whole.and_then(|()| match self.flags.top() {
                Some(lines) if !wanted.top.is_empty() => fetch.all(&mut client, &drop, &wanted.top, Extent::Top(lines)),
                _ => Ok(()),
            });
            self.flush()?;
            if let Err(e) = fetched {
                match e.exit() {
                    // Which answer belonged to which message is in doubt, also for those that seem to be done.
                    Exit::Protocol => return Err(self.doubt(e, &entries, &fetch.delivered)),
                    // The target, or whoever reads the report, takes no more.
                    Exit::IoErr => return Err(e.into()),
                    _ => {}
                }
                // Dropped without QUIT: nothing is deleted there.
                complain(NAME, &e.to_string(), e.advice());
                fetch.tally.failed(e.exit());
                break;
            }
            let gone = self.close(client, &drop, &mut fetch, digest.take())?;
            summary.deleted += gone.unwrap_or(0);
            // A connection that is lost in the goodbye is no reason to try another one at once.
            if later.is_empty() || gone.is_none() {
                break;
            }
            fetch.delivered.clear();
            rest = Some(later);
        }
        (summary.fetched, summary.octets) = fetch.count;
        summary.exit = fetch.tally.exit();
        Ok(summary)
    }

    /// Fetches `wanted`, as far as this session goes; the rest is for a later one.
    fn some(
        &self,
        fetch: &mut Fetch<'_>,
        client: &mut Client,
        drop: &Maildrop<'_>,
        wanted: &[&Entry],
        begun: Option<Instant>,
        later: &mut HashSet<Vec<u8>>,
    ) -> Result<()> {
        let Some(begun) = begun else { return fetch.all(client, drop, wanted, Extent::Whole) };
        // In pieces, so that the clock is looked at.
        for (n, piece) in wanted.chunks(PIECE).enumerate() {
            if n > 0 && begun.elapsed() > SESSION {
                let over = wanted.iter().skip(n * PIECE);
                later.extend(over.filter_map(|e| e.uidl.clone()));
                return Ok(());
            }
            fetch.all(client, drop, piece, Extent::Whole)?;
        }
        Ok(())
    }

    /// Deletes what may go, and says goodbye; a run that had nothing to do is remembered by the digest of the listing. How many are deleted; `None` if that is not known.
    fn close(
        &self,
        mut client: Client,
        drop: &Maildrop<'_>,
        fetch: &mut Fetch<'_>,
        digest: Option<String>,
    ) -> Result<Option<u64>, Failure> {
        let delivered: HashSet<u32> = fetch.delivered.iter().copied().collect();
        let listed = || drop.entries.iter().filter_map(|e| e.uidl.as_deref());
        let mut doomed = drop.doomed(self.flags, &delivered, now());
        if doomed.is_empty() {
            Sessions::leave(client).map_err(|e| self.doubt(e, drop.entries, &fetch.delivered))?;
            // Which is all that most runs do, and they are many.
            if !(fetch.delivered.is_empty() && drop.lists_all_seen() && self.history.planned()?.is_empty()) {
                self.history.prune(listed())?;
            } else if let Some(digest) = digest.filter(|_| drop.is_settled() && fetch.tally.is_empty()) {
                self.history.settle(&digest)?;
            }
            return Ok(Some(0));
        }
        let numbers: Vec<u32> = doomed.iter().map(|e| e.number).collect();
        let deleted = client.dele(&numbers).and_then(|refused| {
            for (number, e) in refused {
                complain(NAME, &format!("message {number}: {e}"), None);
                fetch.tally.failed(e.exit());
                doomed.retain(|entry| entry.number != number);
            }
            client.quit()
        });
        match deleted {
            Ok(()) => {
                self.history.forget(doomed.iter().filter_map(|e| e.uidl.as_deref()))?;
                self.history.prune(listed())?;
                Ok(Some(doomed.len() as u64))
            }
            Err(e) if e.exit() == Exit::Protocol => Err(self.doubt(e, drop.entries, &fetch.delivered)),
            Err(e) => {
                complain(NAME, &format!("whether the messages are deleted is not known: {e}"), None);
                fetch.tally.failed(e.exit());
                Ok(None)
            }
        }
    }

    /// Out of step: what was taken for the end of the last message was perhaps in the middle of it.
    fn doubt(&self, e: Error, entries: &[Entry], delivered: &[u32]) -> Failure {
        let last = entries.iter().find(|e| Some(&e.number) == delivered.last()).and_then(|e| e.uidl.as_deref());
        match self.history.record(last, Mark::Kept) {
            Ok(()) => e.into(),
            Err(failed) => failed.into(),
        }
    }

    /// Says of messages that they are too large.
    fn left(&self, large: &[&Entry]) -> Result<()> {
        for entry in large {
            if self.flags.json {
                tell(self.report, &record(self.account, entry, "left", &[], None))?;
            } else if !self.flags.common.quiet {
                complain(NAME, &format!("message {} is left: it has {} octets", entry.number, entry.size), None);
            }
        }
        Ok(())
    }

    /// What the server does with what is left there.
    fn warn(&self, client: &Client) {
        let deletes = client.capabilities().expire == Some(Expire::Days(0));
        if deletes && !self.flags.delete && !self.flags.common.quiet {
            let why = format!("{}: the server deletes what was retrieved (EXPIRE 0)", self.at);
            complain(NAME, &why, Some("--delete says so too, and keeps count"));
        }
    }

    fn flush(&self) -> Result<()> {
        let mut out = self.report.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        out.flush().map(|_| ())
    }
}

/// So many messages between two looks at the clock.
const PIECE: usize = 500;
