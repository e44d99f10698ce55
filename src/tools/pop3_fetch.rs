//! pop3-fetch(1): retrieves messages, keeps or deletes them on the server, and fetches none twice.

mod account;
mod fetch;
mod filter;
mod import;
mod several;
mod wanted;

use crate::cli::args::{Common, duration};
use crate::cli::connect::Reach;
use crate::cli::into::{DeliverTo, Into};
use crate::cli::maildrop::{Knowing, is_range};
use crate::cli::out::Out;
use crate::cli::{Failure, Outcome, Tool, signals, system};
use crate::error::{Exit, Result};
use crate::net::endpoint::Service;
use crate::store::sink::{Sink, Target};
use clap::Parser;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// Fetches messages by POP3: all new ones, or those that are named.
#[derive(Parser)]
#[command(name = "pop3-fetch", version)]
pub struct Pop3Fetch {
    /// The account: local:, local://USER, or a URL like pop3s://USER@pop.example.org.
    #[arg(value_name = "ACCOUNT:")]
    account: Option<String>,
    /// Messages, by number, unique id (UIDL) or range of numbers (3:9, 3:*), none meaning all that were not fetched before; or more
    /// accounts.
    #[arg(value_name = "MESSAGE")]
    messages: Vec<String>,
    /// All accounts of the configuration that have POP3.
    #[arg(long, conflicts_with_all = ["account", "messages"])]
    all_accounts: bool,
    /// Fetch from so many accounts at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Leave the messages on the server, and remember them (the default).
    #[arg(long, conflicts_with = "delete")]
    keep: bool,
    /// Delete on the server what is on stable storage here.
    #[arg(long)]
    delete: bool,
    /// Delete on the server what was fetched longer ago than this.
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "delete")]
    delete_after: Option<Duration>,
    /// Of what would be deleted, leave the newest N messages of the maildrop.
    #[arg(long, value_name = "N")]
    keep_newest: Option<usize>,
    /// With --delete: begin another session after so many messages (0: never).
    #[arg(long, value_name = "N", default_value_t = 1000)]
    commit_every: usize,
    /// Fetch all messages, also those fetched before.
    #[arg(long, conflicts_with = "messages")]
    all: bool,
    /// Fetch at most N messages, the oldest first; what --filter leaves does not count.
    #[arg(long, value_name = "N", conflicts_with = "messages")]
    limit: Option<usize>,
    /// Leave messages that are larger, in octets or like 10M.
    #[arg(long, value_name = "SIZE", value_parser = crate::text::size::size)]
    max_size: Option<u64>,
    /// Of larger messages, fetch the header and so many lines of the body: top:LINES.
    #[arg(long, value_name = "top:LINES", value_parser = top_lines, requires = "max_size")]
    oversize: Option<u64>,
    /// Fetch whole what is here in part.
    #[arg(long)]
    complete: bool,
    /// Only the headers, each with the empty line behind it.
    #[arg(long, conflicts_with_all = ["delete", "delete_after", "max_size", "complete"])]
    headers: bool,
    /// Fetch only messages for which the shell command ends with 0, given the header on stdin; 1 leaves the message.
    #[arg(long, value_name = "COMMAND")]
    filter: Option<String>,
    /// Remember all messages as fetched; fetch none. No --delete-after deletes them.
    #[arg(long, conflicts_with_all = ["messages", "all", "delete", "delete_after", "filter", "limit", "max_size"])]
    mark_fetched: bool,
    /// Take over what mpop (uidls_file), getmail (oldmail-*) or fetchmail (.fetchids) remembers in FILE.
    #[arg(long, value_name = "FILE")]
    import_state: Option<PathBuf>,
    #[command(flatten)]
    into: Into,
    #[command(flatten)]
    deliver_to: DeliverTo,
    /// Take what a pipe or terminal got for delivered, so that --delete may follow.
    #[arg(long)]
    trust_stdout: bool,
    /// The name of the history of what was fetched or told.
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// Tell what would be fetched and deleted; do nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each message (not with messages on stdout).
    #[arg(long)]
    json: bool,
    /// End with status 1 if there was nothing to fetch.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    knowing: Knowing,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "pop3-fetch";

fn top_lines(text: &str) -> std::result::Result<u64, String> {
    text.strip_prefix("top:").and_then(|n| n.parse().ok()).ok_or_else(|| format!("{text}: not like top:100"))
}

impl Tool for Pop3Fetch {
    const MAN: &'static str = r#"
.Sh OUTPUT
Without
.Fl -into
the messages are written to stdout: one that was named as it is, else an mboxrd stream.
With
.Fl -json
each message is a line with the keys
.Li number , uidl , fate
(done, later, never, or left for one that is over
.Fl -max-size ) ,
.Li places
(the files, or - for stdout) and
.Li error
(null if it is done).
With
.Fl n
each message is a line with its number, unique id, size and what would be done, separated by tabs, or with
.Fl -json
with the keys
.Li number , uidl , size
and
.Li would :
fetch, move (fetch and delete), top, leave (it is too large), delete or remember
.Pq Fl -mark-fetched ;
of several accounts the name of each comes first, or has the key
.Li account .
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
Only a message on its way to stdout, a command
.Pq Cm exec: ,
a server or a folder of an account may come a second time; if the machine itself stops, also the messages before it that stdout got since
they were last synced, 256 at most.
What a command (by another status than 0) or a server refuses stays on the server, and the other targets take it back.
If the server falls out of step, nothing is deleted, and the message before that stays on the server for good: it may be a part only.
With
.Fl -delete
a session is ended after every 1000 messages
.Pq Fl -commit-every
or 5 minutes and another one begun, since only a session's end deletes anything for good: what a lost connection costs is one such batch.
Where the server has no unique ids (UIDL), the SHA-256 of a message's header section stands for one, but for fields like Status that change
there; that needs TOP, for each message in each run.
Of two messages with the same header then the one that comes later is taken for the other, and stays.
Without TOP only
.Fl -all
and
.Fl -delete
are possible.
Messages that share a unique id are deleted by a run that has stored them itself, or stay.
A message that was stored but whose deletion the server never confirmed is deleted at the next run with
.Fl -delete
and not fetched again.
.Sh SENDING ON
With a server as target, like
.Li --into lmtp://mail.example.org --deliver-to bob@example.org ,
or with
.Ar ACCOUNT:
alone for that account's way to send, a message goes to all whom
.Fl -deliver-to
names, or by SMTP to none of them; its envelope's sender is that of the field Return-Path, which goes no further, else the null one.
It is delivered when the server has taken it.
If the connection is lost before that is known (79), it is neither remembered nor deleted, and the next run sends it again.
What the server can't take as it is, 8-bit text or lines over 998 bytes, is encoded.
.Sh SEVERAL ACCOUNTS
Several accounts, or
.Fl -all-accounts ,
are fetched from by
.Fl -jobs
at a time, each with a history and a lock of its own, so that one that hangs holds up no other.
The status is that of all of them together; with
.Fl -json
the messages' lines have the key
.Li account
too, and each account ends with a line of its own, with the keys
.Li account , fetched , octets , deleted , left , exit
and
.Li error .
With
.Fl v
that is told on stderr.
.Fl -headers
keeps a history of its own.
.Sh LARGE MESSAGES
What is over
.Fl -max-size
stays where it is, which is told each time.
With
.Fl -oversize Cm top: Ns Ar LINES
its header and first lines are fetched once, behind a field
.Li X-Pipepost-Partial ;
a later run with
.Fl -complete
fetches it whole, as another message.
.Sh EXIT STATUS
0, also if there was nothing new (1 with
.Fl e ) ;
64 wrong arguments; 65 a state that can't be imported; 67 some messages were fetched and others not; 69 refused; 73, 74 a target can't be made or written; 75 busy or
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
Clean up there what has been here for a month, but for the newest twenty:
.Bd -literal -offset indent
pop3-fetch --into maildir:Mail --delete-after 30d --keep-newest 20 local:
.Ed
.Pp
All but what a filter does not like:
.Bd -literal -offset indent
pop3-fetch --filter '! grep -qi "^List-Id:"' --into mbox:personal local:
.Ed
.Pp
One message, as it is:
.Bd -literal -offset indent
echo hello | smtp-send -s hello carol@localhost
pop3-fetch local://carol 1
.Ed
"#;

    fn run(mut self) -> Outcome {
        let accounts = self.take_accounts();
        let to_stdout = self.into.into.is_empty() || self.into.into.contains(&Target::Stdout);
        if self.json && to_stdout && !self.fetches_nothing() {
            return Err(Failure::usage("--json and messages can't share stdout").advise("use --into"));
        }
        if self.messages.iter().any(String::is_empty) {
            return Err(Failure::usage("an empty message name"));
        }
        system::many_files();
        let reach = Reach::new(NAME, &self.common)?;
        if self.all_accounts || accounts.len() > 1 {
            return several::run(self, &reach, accounts);
        }
        let at = reach.accounts().account(accounts.first().map(String::as_str), Service::Pop3)?;
        let mut sink = self.open(&reach)?;
        let report = Mutex::new(Out::until(reach.whole()));
        let summary = account::run(&self, &reach, &at, None, sink.as_mut(), &report)?;
        report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).flush()?;
        Ok(self.status(summary.exit, summary.nothing))
    }
}

impl Pop3Fetch {
    /// Those of the arguments in front that are accounts: a word with a colon behind it, or a URL.
    fn take_accounts(&mut self) -> Vec<String> {
        let account =
            |text: &String| text.contains("://") || text.strip_suffix(':').is_some_and(crate::config::is_name);
        let more = self.messages.iter().take_while(|text| account(text)).count();
        let messages = self.messages.split_off(more);
        let mut accounts: Vec<String> = self.account.take().into_iter().collect();
        accounts.append(&mut self.messages);
        self.messages = messages;
        accounts
    }

    /// Whether it is one message that was asked for by its name.
    fn one(&self) -> bool {
        matches!(self.messages.as_slice(), [name] if !is_range(name))
    }

    fn fetches_nothing(&self) -> bool {
        self.dry_run || self.mark_fetched
    }

    /// How many lines are fetched of what is not fetched whole.
    fn top(&self) -> Option<u64> {
        if self.headers { Some(0) } else { self.oversize }
    }

    /// Opens the targets; none where nothing is fetched.
    fn open(&self, reach: &Reach) -> Result<Option<crate::store::sink::Every>, Failure> {
        if self.fetches_nothing() {
            return Ok(None);
        }
        let sink = self.into.open(self.one(), &self.deliver_to, reach)?;
        if (self.delete || self.delete_after.is_some()) && !self.trust_stdout && !sink.stable() {
            return Err(Failure::usage(
                "--delete, and stdout is a pipe or terminal: nobody knows whether what it got is safe",
            )
            .advise("use --into, or --trust-stdout"));
        }
        signals::tidy()?;
        Ok(Some(sink))
    }

    fn status(&self, exit: Exit, nothing: bool) -> Exit {
        if nothing && exit == Exit::Ok && self.exit_status { Exit::None } else { exit }
    }
}
