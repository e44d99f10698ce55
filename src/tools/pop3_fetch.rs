//! pop3-fetch(1): retrieves messages, keeps or deletes them on the server, and fetches none twice.

use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::exit::{Tally, complain};
use crate::cli::into::{Into, pour};
use crate::cli::maildrop::{self, Names};
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::cli::{Failure, Outcome, Tool, signals, system};
use crate::client::pop3::{Client, Entry};
use crate::error::{Error, Exit, Result};
use crate::net::endpoint::{Endpoint, Place, Service};
use crate::store::sink::{self, About, Every, Found, Sink, Target};
use crate::store::state::{History, Key, Mark, State};
use crate::text::escape;
use clap::Parser;
use serde_json::json;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// Fetches messages by POP3: all new ones, or those that are named.
#[derive(Parser)]
#[command(name = "pop3-fetch", version)]
pub struct Pop3Fetch {
    /// The account: local:, local://USER, or a URL like pop3+plain://USER@127.0.0.1:1110.
    #[arg(value_name = "ACCOUNT:")]
    account: Option<String>,
    /// Messages, by number, unique id (UIDL) or range of numbers (3:9, 3:*); none means all that were not fetched before.
    #[arg(value_name = "MESSAGE")]
    messages: Vec<String>,
    /// Leave the messages on the server, and remember them (the default).
    #[arg(long, conflicts_with = "delete")]
    keep: bool,
    /// Delete on the server what is on stable storage here.
    #[arg(long)]
    delete: bool,
    /// Fetch all messages, also those fetched before.
    #[arg(long, conflicts_with = "messages")]
    all: bool,
    #[command(flatten)]
    into: Into,
    /// Take what a pipe or terminal got for delivered, so that --delete may follow.
    #[arg(long)]
    trust_stdout: bool,
    /// The name of the history of what was fetched (default: the targets).
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// Tell what would be fetched; fetch nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each message (not with messages on stdout).
    #[arg(long)]
    json: bool,
    /// End with status 1 if there was nothing to fetch.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "pop3-fetch";
/// Messages and bytes that share one sync of the target and one transaction of the history.
const BATCH: (usize, u64) = (sink::BATCH, 16 << 20);

impl Tool for Pop3Fetch {
    const MAN: &'static str = r#"
.Sh OUTPUT
Without
.Fl -into
the messages are written to stdout: one that was named as it is, else an mboxrd stream.
With
.Fl -json
each message is a line with the keys
.Li number , uidl , fate , places
(the files, or - for stdout) and
.Li error
(null if it is done).
.Sh WHAT IS FETCHED TWICE
Nothing, as far as the unique ids of the server tell: they are remembered for each account and each set of targets (or
.Fl -state
name) in
.Pa $XDG_STATE_HOME/pipepost/state.sqlite ,
once the message is on stable storage; only then, with
.Fl -delete ,
it is deleted on the server.
Where messages are about to be stored is written down there before, so that after a kill at any moment the next run finds those that
got there, and a message cut short at the end of an mbox is taken back, unless another program has written behind it.
Only a message on its way to stdout may come a second time.
If the server falls out of step, nothing is deleted, and the message before that stays on the server for good: it may be a part only.
Messages that share a unique id are deleted by a run that has stored them itself, or stay.
A message that was stored but whose deletion the server never confirmed is deleted at the next run with
.Fl -delete
and not fetched again.
.Sh EXIT STATUS
0, also if there was nothing new (1 with
.Fl e ) ;
64 wrong arguments; 67 some messages were fetched and others not; 69 refused; 73, 74 a target can't be made or written; 75 busy or
connection lost; 76 protocol error, or TLS that can't be had or verified; 77 login refused; see
.Xr pipepost 7 .
.Sh EXAMPLES
All new mail, into a Maildir:
.Bd -literal -offset indent
pop3-fetch --into maildir:Mail
.Ed
.Pp
Move the mail here, and say what was done:
.Bd -literal -offset indent
pop3-fetch --delete --into maildir:Mail --json local:
.Ed
.Pp
One message, as it is:
.Bd -literal -offset indent
echo hello | smtp-send -s hello carol@localhost
pop3-fetch local://carol 1
.Ed
"#;

    fn run(self) -> Outcome {
        let reach = Reach::new(NAME, &self.common)?;
        let at = reach.accounts().account(self.account.as_deref(), Service::Pop3)?;
        let to_stdout = self.into.into.is_empty() || self.into.into.contains(&Target::Stdout);
        if self.json && to_stdout && !self.dry_run {
            return Err(Failure::usage("--json and messages can't share stdout").advise("use --into"));
        }
        if self.messages.iter().any(String::is_empty) {
            return Err(Failure::usage("an empty message name"));
        }
        let sink = match self.dry_run {
            true => None,
            false => Some(self.into.open(self.one(), reach.whole())?),
        };
        if self.delete && !self.trust_stdout && sink.as_ref().is_some_and(|sink| !sink.stable()) {
            return Err(Failure::usage(
                "--delete, and stdout is a pipe or terminal: nobody knows whether what it got is safe",
            )
            .advise("use --into, or --trust-stdout"));
        }
        signals::tidy()?;
        let login = reach.login(&at)?.ok_or_else(|| Error::internal("no login"))?;
        let state = State::open(&system::state_home()?.join("state.sqlite"))?;
        let patience = reach.patience();
        let history = state.history(&self.key(&at, &login.user), patience.left().unwrap_or(Duration::MAX))?;
        let mut client = Client::connect(&reach, &at, &login, patience)?;
        let entries = client.listing()?;
        let seen = history.seen()?;
        let shared = shared(&entries);
        let mut tally = Tally::default();
        let mut wanted = self.wanted(&entries, &seen, &shared, &mut tally)?;
        let Some(mut sink) = sink else { return self.tell(&wanted, Out::until(reach.whole())) };
        let mut fetch = Fetch {
            flags: &self,
            sink: &mut sink,
            history: &history,
            shared: &shared,
            found: HashMap::new(),
            out: Out::until(reach.whole()),
            tally,
            batch: Vec::new(),
            bytes: 0,
            delivered: Vec::new(),
        };
        fetch.recover(&entries)?;
        wanted.retain(|e| !fetch.delivered.contains(&e.number));
        let fetched = fetch.all(&mut client, &wanted);
        let (mut tally, delivered, mut out) = (fetch.tally, fetch.delivered, fetch.out);
        out.flush()?;
        // Out of step: what was taken for the end of the last message was perhaps in the middle of it.
        let doubt = |e: Error| -> Failure {
            let last = entries.iter().find(|e| Some(&e.number) == delivered.last()).and_then(|e| e.uidl.as_deref());
            match history.record(last, Mark::Kept) {
                Ok(()) => e.into(),
                Err(failed) => failed.into(),
            }
        };
        if let Err(e) = fetched {
            match e.exit() {
                // Which answer belonged to which message is in doubt, also for those that seem to be done.
                Exit::Protocol => return Err(doubt(e)),
                // The target, or whoever reads the report, takes no more.
                Exit::IoErr => return Err(e.into()),
                _ => {}
            }
            // Dropped without QUIT: nothing is deleted there.
            complain(NAME, &e.to_string(), e.advice());
            tally.failed(e.exit());
            return Ok(tally.exit());
        }
        let nothing = wanted.is_empty() && tally.exit() == Exit::Ok;
        if self.delete {
            let pending = |e: &&Entry| mark(e, &seen) == Some(Mark::DeletePending) && !is_shared(e, &shared);
            let pending = entries.iter().filter(pending).map(|e| e.number);
            let mut numbers: BTreeSet<u32> = pending.chain(delivered.iter().copied()).collect();
            let deleted = client.dele(&numbers.iter().copied().collect::<Vec<_>>()).and_then(|refused| {
                for (number, e) in refused {
                    complain(NAME, &format!("message {number}: {e}"), None);
                    tally.failed(e.exit());
                    numbers.remove(&number);
                }
                client.quit()
            });
            let gone = entries.iter().filter(|e| numbers.contains(&e.number)).filter_map(|e| e.uidl.as_deref());
            match deleted {
                Ok(()) => {
                    history.forget(gone)?;
                    history.prune(entries.iter().filter_map(|e| e.uidl.as_deref()))?;
                }
                Err(e) if e.exit() == Exit::Protocol => return Err(doubt(e)),
                Err(e) => {
                    complain(NAME, &format!("whether the messages are deleted is not known: {e}"), None);
                    tally.failed(e.exit());
                }
            }
        } else {
            // Nothing was deleted, so how the goodbye ends is of no importance, but replies out of step are.
            match client.quit() {
                Err(e) if e.exit() == Exit::Protocol => return Err(doubt(e)),
                _ => {}
            }
            history.prune(entries.iter().filter_map(|e| e.uidl.as_deref()))?;
        }
        Ok(if nothing && self.exit_status { Exit::None } else { tally.exit() })
    }
}

fn mark(entry: &Entry, seen: &HashMap<Vec<u8>, Mark>) -> Option<Mark> {
    entry.uidl.as_ref().and_then(|uidl| seen.get(uidl)).copied()
}

/// The unique ids that are not unique (RFC 1939 7 forbids them): they say of no message what became of it.
fn shared(entries: &[Entry]) -> HashSet<&[u8]> {
    let mut once = HashSet::new();
    entries.iter().filter_map(|e| e.uidl.as_deref()).filter(|uidl| !once.insert(*uidl)).collect()
}

fn is_shared(entry: &Entry, shared: &HashSet<&[u8]>) -> bool {
    entry.uidl.as_deref().is_some_and(|uidl| shared.contains(uidl))
}

impl Pop3Fetch {
    fn key(&self, at: &Endpoint, login: &str) -> Key {
        let host = match &at.place {
            Place::Host(host, 110 | 995) => host.clone(),
            _ => at.to_string(),
        };
        let name = self.state.clone().unwrap_or_else(|| self.into.canonical());
        Key { protocol: "pop3".into(), login: login.to_owned(), host, name }
    }

    /// Whether it is one message that was asked for by its name.
    fn one(&self) -> bool {
        matches!(self.messages.as_slice(), [name] if !maildrop::is_range(name))
    }

    /// What to fetch, in order of number.
    fn wanted<'e>(
        &self,
        entries: &'e [Entry],
        seen: &HashMap<Vec<u8>, Mark>,
        shared: &HashSet<&[u8]>,
        tally: &mut Tally,
    ) -> Result<Vec<&'e Entry>> {
        if !self.messages.is_empty() {
            let named = Names::of(entries).look(&self.messages);
            for name in named.missing {
                complain(NAME, &format!("{name}: no such message"), None);
                tally.failed(Exit::Refused);
            }
            return Ok(named.entries);
        }
        if !self.all && !self.delete && entries.iter().any(|e| e.uidl.is_none()) {
            return Err(Error::refused("the server has no unique ids, so what is new can't be known")
                .advise("--all fetches everything, --delete fetches and deletes everything"));
        }
        let again = |e: &Entry| self.all || (self.delete && is_shared(e, shared));
        Ok(entries.iter().filter(|e| again(e) || mark(e, seen).is_none()).collect())
    }

    fn tell(&self, wanted: &[&Entry], mut out: Out) -> Outcome {
        for entry in wanted {
            let uidl = entry.uidl.as_ref().map(escape);
            let line = if self.json {
                json!({ "number": entry.number, "uidl": entry.uidl.as_deref().map(String::from_utf8_lossy), "size": entry.size })
                    .to_string()
            } else {
                format!("{}\t{}\t{}", entry.number, uidl.unwrap_or_default(), entry.size)
            };
            out.write(format!("{line}\n").as_bytes())?;
        }
        out.flush()?;
        Ok(if self.exit_status && wanted.is_empty() { Exit::None } else { Exit::Ok })
    }
}

struct Fetch<'f> {
    flags: &'f Pop3Fetch,
    sink: &'f mut Every,
    history: &'f History<'f>,
    shared: &'f HashSet<&'f [u8]>,
    /// What a killed run has brought to some targets, and not to all.
    found: HashMap<Vec<u8>, Found>,
    out: Out,
    tally: Tally,
    batch: Vec<Entry>,
    bytes: u64,
    /// Numbers of what is committed and recorded.
    delivered: Vec<u32>,
}

impl Fetch<'_> {
    fn mark(&self) -> Mark {
        if self.flags.delete { Mark::DeletePending } else { Mark::Kept }
    }

    /// Looks for what a run that was killed has stored and not remembered.
    fn recover(&mut self, entries: &[Entry]) -> Result<()> {
        let mut planned = self.history.planned()?;
        let mut there = Vec::new();
        for entry in entries.iter().filter(|e| !is_shared(e, self.shared)) {
            let Some((uidl, plans)) = entry.uidl.as_ref().and_then(|uidl| planned.remove_entry(uidl)) else { continue };
            let found = self.sink.find(&plans)?;
            match found.everywhere() {
                Some(places) => there.push((entry, places)),
                None => drop(self.found.insert(uidl, found)),
            }
        }
        if there.is_empty() {
            return Ok(());
        }
        self.history.record(there.iter().filter_map(|(e, _)| e.uidl.as_deref()), self.mark())?;
        for (entry, places) in there {
            self.done(entry, &places)?;
        }
        Ok(())
    }

    fn done(&mut self, entry: &Entry, places: &[String]) -> Result<()> {
        self.tally.done();
        self.delivered.push(entry.number);
        self.say(entry, places, None)
    }

    fn all(&mut self, client: &mut Client, wanted: &[&Entry]) -> Result<()> {
        let numbers: Vec<u32> = wanted.iter().map(|e| e.number).collect();
        // A terminal that shows the messages has no place for a bar.
        let quiet = self.flags.common.quiet || self.flags.into.terminal();
        let progress = Progress::bytes(wanted.iter().fold(0, |n, e| n.saturating_add(e.size)), quiet);
        let mut rest = wanted.iter().enumerate();
        let retrieved = client.retr(&numbers, &mut |number, body| {
            let Some((n, entry)) = rest.next() else { return Ok(()) };
            progress.item(n + 1, numbers.len());
            let reference = entry.uidl.as_ref().map_or_else(|| number.to_string(), escape);
            match body {
                Ok(body) => {
                    if let Some(found) = entry.uidl.as_ref().and_then(|uidl| self.found.remove(uidl)) {
                        self.sink.resume(found);
                    }
                    pour(self.sink, About { reference, ..About::default() }, &mut progress.watch(body))?;
                    self.bytes = self.bytes.saturating_add(entry.size);
                    self.batch.push((*entry).clone());
                    // stdout has no plans, so the history follows it message by message.
                    let full = self.batch.len() >= BATCH.0 || self.bytes >= BATCH.1 || self.flags.into.stdout();
                    if full { self.commit() } else { Ok(()) }
                }
                Err(e) => {
                    complain(NAME, &format!("message {number}: {e}"), None);
                    self.tally.failed(e.exit());
                    self.say(entry, &[], Some(&e))
                }
            }
        });
        drop(progress);
        // What came whole before an error is kept and remembered.
        let committed = self.commit();
        retrieved.and(committed)
    }

    fn commit(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let plans = self.sink.plans()?;
        let named =
            batch.iter().zip(&plans).filter(|(entry, plans)| !plans.is_empty() && !is_shared(entry, self.shared));
        self.history.plan(named.filter_map(|(entry, plans)| Some((entry.uidl.as_deref()?, plans.as_slice()))))?;
        let receipts = self.sink.commit()?;
        self.history.record(batch.iter().filter_map(|e| e.uidl.as_deref()), self.mark())?;
        batch.iter().zip(receipts).try_for_each(|(entry, receipt)| self.done(entry, &receipt.places))
    }

    fn say(&mut self, entry: &Entry, places: &[String], error: Option<&Error>) -> Result<()> {
        if self.flags.json {
            let object = json!({
                "number": entry.number,
                "uidl": entry.uidl.as_deref().map(String::from_utf8_lossy),
                "fate": error.map_or("done", |e| e.fate().word()),
                "places": places,
                "error": error.map(ToString::to_string),
            });
            self.out.must(format!("{object}\n").as_bytes())?;
        }
        Ok(())
    }
}
