//! imap-fetch(1): retrieves messages, or their headers, and changes nothing on the server.

mod deliver;
mod half;
mod journal;
mod mirror;
mod part;
mod pull;
mod uidvalidity;

use crate::body::Body;
use crate::cli::args::{Common, PartNumber, duration};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::imap::{Clients, opened};
use crate::cli::into::{DeliverTo, Into};
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::cli::query::Looking;
use crate::cli::reference::folder_name;
use crate::cli::wanted::{Wanted, Which, wanted};
use crate::cli::{Failure, Outcome, Tool, signals, system};
use crate::client::imap::{Fetched, Rows, Selected};
use crate::error::{Error, Exit, Result};
use crate::net::endpoint::Service;
use crate::proto::imap::command::Store;
use crate::proto::imap::response::BodyName;
use crate::proto::imap::section::{FetchItem, Of, Section, is_field_name};
use crate::proto::imap::set::SequenceSet;
use crate::store::patience::Patient;
use crate::store::sink::Target;
use clap::Parser;
use deliver::Deliver;
use part::Part;
use std::io::{BufReader, IsTerminal};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

/// Fetches messages of an IMAP folder; the server keeps them as they are, unread ones unread.
#[derive(Parser)]
#[command(name = "imap-fetch", version)]
pub struct ImapFetch {
    /// A folder and perhaps a set of UIDs (local:INBOX 3:9,12; none is all), or references
    /// (ACCOUNT:FOLDER#UIDVALIDITY.UID, as imap-ls --refs prints them), or -: references on stdin, one a line; with --new folders.
    #[arg(value_name = "MESSAGES")]
    what: Vec<String>,
    #[command(flatten)]
    looking: Looking,
    /// Only messages that were not fetched before, by the history that --state names.
    #[arg(long)]
    new: bool,
    /// Keep the tree of Maildirs that --into maildir:DIR names as the folders are on the server, or all folders of an account: new messages,
    /// flags, and what is gone there.
    #[arg(long, conflicts_with_all = ["new", "search", "words", "headers", "fields", "delete", "delete_after", "part", "deliver_to"])]
    mirror: bool,
    /// Delete although it is most of the folder.
    #[arg(long, requires = "mirror", conflicts_with = "new")]
    force: bool,
    /// The name of the history of what was fetched or told.
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// Delete on the server what is on stable storage here.
    #[arg(long, requires = "new", conflicts_with_all = ["headers", "fields", "delete_after"])]
    delete: bool,
    /// Delete on the server what was fetched longer ago than this.
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "new", conflicts_with_all = ["headers", "fields"])]
    delete_after: Option<Duration>,
    /// All accounts of the configuration that have IMAP: their INBOX.
    #[arg(long, requires = "new", conflicts_with = "what")]
    all_accounts: bool,
    /// With --new and --mirror: fetch from so many folders of an account at a time, each over a connection of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    folder_jobs: u16,
    /// Fetch from so many accounts at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Only the headers, each with the empty line behind it.
    #[arg(long)]
    headers: bool,
    /// Only these header fields, with the empty line behind them.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = field_name, conflicts_with = "headers")]
    fields: Vec<String>,
    /// Only the part of that number, like 1.2, without its transfer encoding.
    #[arg(long, value_name = "N[.N]...", conflicts_with_all = ["headers", "fields", "new", "mbox", "deliver_to"])]
    part: Option<PartNumber>,
    /// Mark the messages as read (\\Seen) that are on stable storage here.
    #[arg(long)]
    mark_seen: bool,
    #[command(flatten)]
    into: Into,
    #[command(flatten)]
    deliver_to: DeliverTo,
    /// One JSON object for each message (not with messages on stdout).
    #[arg(long)]
    json: bool,
    /// End with status 1 if there was nothing to fetch.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "imap-fetch";

fn field_name(text: &str) -> std::result::Result<String, String> {
    if is_field_name(text) { Ok(text.to_owned()) } else { Err(format!("{text}: not the name of a header field")) }
}

impl Tool for ImapFetch {
    const MAN: &'static str = r#"
.Sh OUTPUT
Without
.Fl -into
the messages are written to stdout: one that was named by its UID or its reference as it is, sets, searches and references on stdin
as an mboxrd stream, by folder in the order of the server.
A terminal gets them escaped, unless
.Fl -raw
is given.
Flags and the date of arrival go with a message into a Maildir.
.Pp
With
.Fl -json
each message is a line with the keys
.Li ref , uid , fate , places
(the files) and
.Li error
(null if it is done).
.Pp
The folder is opened read-only (EXAMINE) and the text is peeked at: nothing changes, unless
.Fl -mark-seen
or
.Fl -delete
ask for it.
.Sh WHAT IS NEW
With
.Fl -new
the arguments are folders, and what is fetched of each is what was not fetched before: under the same
.Fl -state
name, or where there is none into the same targets by the same search.
It is remembered in
.Pa $XDG_STATE_HOME/pipepost/state.sqlite
once a message is on stable storage, by the folder's UIDVALIDITY and its UIDs: where nothing is new, one round trip behind the login
says so, however large the folder is.
As with
.Xr pop3-fetch 1 ,
a kill at any moment makes no message come twice, except one on its way to stdout, a command, a server or a folder of an account.
What a target did not take is new again next time.
What a search did not find is no more new than what it found: a message that is flagged later is not fetched by
.Fl -where Cm is:flagged .
Of a message over a mebibyte whose rest did not come, the next run asks for that rest alone; its beginning waits in
.Pa $XDG_STATE_HOME/pipepost/half .
When a server has given its UIDs anew (UIDVALIDITY has changed), the messages that were fetched before are known by their Message-ID and
size, which is told on stderr; without a Message-ID by their other fields.
.Pp
Folders of one account are fetched one after the other over one connection, or over as many as
.Fl -folder-jobs
says, which servers limit;
.Fl -jobs
accounts are fetched from at a time, and into stdout one folder at a time.
.Fl -all-accounts
fetches what is new in the INBOX of every account that has IMAP.
A folder that can't be opened holds up no other.
What this run fetches is deleted there with
.Fl -delete
once it is on stable storage here, and so is what an earlier run with
.Fl -delete
fetched and could not delete; with
.Fl -delete-after
what has been here for long, by UID EXPUNGE of exactly these messages; where the server has no UIDPLUS they are marked and stay.
.Sh A MIRROR
With
.Fl -mirror
the tree of Maildirs that
.Fl -into Cm maildir: Ns Ar DIR
names is kept as the named folders are on the server, or with
.Ar ACCOUNT:
alone all folders of the account: INBOX is
.Ar DIR
itself, and Lists/rust is
.Pa DIR/.Lists.rust
(Maildir++).
New messages come as with
.Fl -new ;
flags become those that they are there; what is gone there goes here, and so does a folder.
It is one way: what somebody has changed or removed here is undone, files that were not fetched are left alone, and nothing changes on
the server.
A server with QRESYNC (RFC 7162) tells only what has changed since the last run, any other the flags of all messages.
As a guard, nothing is removed where more than half of a folder and more than 10 messages would go, unless
.Fl -force
says so; everything else is done, and the status is 65, or 67 where there was something else.
A list of folders without INBOX is not believed, and no folder goes.
.Sh PARTS
With
.Fl -part
each message's part of that number (1.2 is the second part of the first one, as
.Xr mailfmt 1
and IMAP count) goes to stdout, a command
.Pq Cm exec:
or files
.Pq Cm eml: ,
without its transfer encoding: text with the line ends of files and in its own charset, everything else byte for byte.
Nothing else of the message is transferred.
.Sh WHAT IS MISSING
A UID that was named alone, by a reference, or that a search has found, and is not there, is told on stderr; of a range like 3:9,
what is there is meant.
References whose UIDVALIDITY is not the folder's any more end the program before anything is written: the server has given
its UIDs anew, and they may mean other messages now.
.Sh EXIT STATUS
0, also if there was nothing to fetch (1 with
.Fl e ) ;
64 wrong arguments; 65 the guard of a mirror; 67 some messages were fetched and others not; 69 refused: no such folder, none of the named messages is
there, UIDVALIDITY has changed; 73, 74 a target can't be made or written; 75 unreachable or connection lost; 76 protocol error,
or TLS that can't be had or verified; 77 login refused; see
.Xr pipepost 7 .
.Sh EXAMPLES
One message, as it is:
.Bd -literal -offset indent
echo hello | smtp-send -s hello dave@localhost
imap-fetch local://dave/INBOX 1
.Ed
.Pp
All of a folder, into a Maildir:
.Bd -literal -offset indent
imap-fetch local:INBOX --into maildir:Mail
.Ed
.Pp
What is new in two folders, from time to time:
.Bd -literal -offset indent
imap-fetch --new local:INBOX local:Sent --into maildir:Mail
.Ed
.Pp
All folders as they are:
.Bd -literal -offset indent
imap-fetch --mirror local: --into maildir:Mirror
.Ed
.Pp
One part of a message:
.Bd -literal -offset indent
echo hello | smtp-send -s hello erin@localhost
imap-fetch local://erin/INBOX 1 --part 1
.Ed
.Pp
What a search finds, in two steps:
.Bd -literal -offset indent
imap-ls --refs local:INBOX --search UNSEEN | imap-fetch - --into mbox:unseen
.Ed
"#;

    fn run(self) -> Outcome {
        if self.json && self.into.stdout() {
            return Err(Failure::usage("--json and messages can't share stdout").advise("use --into"));
        }
        signals::tidy()?;
        system::many_files();
        let reach = Reach::new(NAME, &self.common)?;
        if self.state.is_some() && !self.new && !self.mirror {
            return Err(Failure::usage("--state, and neither --new nor --mirror"));
        }
        if self.new || self.mirror {
            return pull::run(&self, &reach);
        }
        let name = |argument: Option<&str>| reach.accounts().account(argument, Service::Imap);
        let stdin = BufReader::new(Patient::new(std::io::stdin(), reach.whole().at()));
        let (all, one) = wanted(&self.what, &self.looking, stdin, &name)?;
        let mut sink = match &self.part {
            Some(_) => self.into.open_for_parts(reach.whole())?,
            None => self.into.open(one, &self.deliver_to, &reach)?,
        };
        let mut clients = Clients::new(&reach, NAME);
        if all.len() > 1 {
            // Nothing is written before every reference is known to be good.
            for folder in &all {
                clients.examine(folder)?;
            }
        }
        let report = self.json.then(|| Mutex::new(Out::until(reach.whole())));
        let mut deliver = Deliver::new(&mut sink, self.section(), report.as_ref());
        deliver.part = self.part.as_ref().map(Part::new);
        let fetched = all.iter().try_for_each(|folder| self.fetch(&mut clients, folder, &mut deliver));
        let mut tally = deliver.tally;
        if let Err(e) = fetched.and_then(|()| clients.close()) {
            if matches!(e.exit(), Exit::Protocol | Exit::IoErr) {
                // 74: the target, or whoever reads the report, takes no more. 76:
                // What belonged to which message is in doubt, also for those that seem to be done.
                return Err(e.into());
            }
            complain(NAME, &e.to_string(), e.advice());
            tally.failed(e.exit());
        }
        Ok(match tally.exit() {
            Exit::Ok if self.exit_status && tally.is_empty() => Exit::None,
            exit => exit,
        })
    }
}

impl ImapFetch {
    /// What of a message is fetched.
    fn section(&self) -> Section {
        match self.fields.as_slice() {
            [] if self.headers => Section::header(),
            [] => Section::default(),
            fields => Section { part: Vec::new(), what: Of::Fields(fields.to_vec()) },
        }
    }

    /// The directory that is a mirror, if one is.
    fn mirror_of(&self) -> Result<Option<&Path>> {
        match self.into.into.as_slice() {
            _ if !self.mirror => Ok(None),
            [Target::Maildir(root)] => Ok(Some(root)),
            _ => Err(Error::usage("--mirror of what?").advise("--into maildir:DIR names the tree")),
        }
    }

    /// The name of a folder's history, but for that of the folder: what would be fetched, and where it would go.
    fn history_name(&self) -> String {
        if let Some(name) = &self.state {
            return name.clone();
        }
        if self.mirror {
            return format!("mirror {}", self.into.canonical());
        }
        let mut name = if self.headers { "headers ".to_owned() } else { String::new() };
        if !self.fields.is_empty() {
            name = format!("fields {} ", self.fields.join(","));
        }
        for (flag, words) in [("search", &self.looking.search), ("where", &self.looking.words)] {
            name.extend(words.iter().map(|words| format!("{flag} {words:?} ")));
        }
        name + &self.into.canonical()
    }

    fn fetch(&self, clients: &mut Clients<'_>, folder: &Wanted, deliver: &mut Deliver<'_>) -> Result<()> {
        let mut selected = if self.mark_seen { clients.select(folder)? } else { clients.examine(folder)? };
        if self.common.verbose {
            complain(NAME, &opened(&folder.folder, selected.opened()), None);
        }
        deliver.begin(folder_name(&folder.at, &folder.folder), selected.uid_validity());
        let (set, named) = match &folder.which {
            Which::Uids(set, named) => (set.clone(), named.clone()),
            Which::Search(key) => {
                let found = selected.search(key)?;
                (found.clone(), found)
            }
        };
        let mut sizes = Sizes::default();
        let whole = !self.headers && self.fields.is_empty() && self.part.is_none();
        if !self.common.quiet && whole && !self.into.terminal() && std::io::stderr().is_terminal() {
            // Somebody looks: it is worth asking for the sizes first.
            selected.fetch(&set, &[FetchItem::Rfc822Size], &mut sizes)?;
            deliver.show(Progress::bytes(sizes.bytes, false), sizes.messages);
        }
        let binary = selected.has("BINARY") || selected.has("IMAP4REV2");
        if let Some(part) = &mut deliver.part {
            part.binary = binary;
        }
        let mut fetched = selected.fetch(&set, &deliver.items(), deliver);
        if let (Err(e), Some(part)) = (&fetched, deliver.part.as_mut().filter(|part| part.binary))
            && e.exit() == Exit::Refused
        {
            // The server can't decode it (RFC 3516 4.3); whoever reads it may.
            part.binary = false;
            let rest = if named.is_empty() { set.clone() } else { deliver.not_got(&named) };
            fetched = selected.fetch(&rest, &deliver.items(), deliver);
        }
        deliver.show(Progress::bytes(0, true), 0);
        // What came whole before an error stays.
        let committed = deliver.discard().and_then(|()| deliver.commit());
        let done = match fetched.and(committed) {
            Ok(()) => deliver.absent(&named),
            Err(e) if e.exit() == Exit::Refused => {
                // For some messages only: the others have come.
                complain(NAME, &e.to_string(), e.advice());
                deliver.tally.failed(e.exit());
                deliver.absent(&named)
            }
            Err(e) => return deliver.missing(&named, &e).and(Err(e)),
        };
        if self.mark_seen {
            mark_seen(&mut selected, deliver)?;
        }
        done
    }
}

/// Marks as read what is on stable storage.
fn mark_seen(selected: &mut Selected<'_>, deliver: &mut Deliver<'_>) -> Result<()> {
    let set = SequenceSet::from_ranges(deliver.delivered.ranges());
    if set.is_empty() {
        return Ok(());
    }
    let folder = deliver.shown.clone();
    selected.store(&set, Store::Add, &["\\Seen".to_owned()], None, &mut |_, outcome| {
        if let Err(e) = outcome {
            complain(NAME, &format!("{folder}: not marked: {e}"), e.advice());
            deliver.tally.failed(e.exit());
        }
        Ok(())
    })
}

#[derive(Default)]
struct Sizes {
    bytes: u64,
    messages: usize,
}

impl Rows for Sizes {
    fn literal(&mut self, _: &Fetched, _: &BodyName, _: u64, _: &mut dyn Body) -> Result<()> {
        Ok(())
    }
    fn row(&mut self, row: Fetched) -> Result<()> {
        self.bytes = self.bytes.saturating_add(row.size.unwrap_or(0));
        self.messages += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
