//! imap-mv(1): moves messages to another folder.

use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::query::Looking;
use crate::cli::transfer::{Going, Undo, replay};
use crate::cli::wanted::named;
use crate::cli::{Failure, Outcome, Tool};
use crate::net::endpoint::Service;
use crate::store::patience::Patient;
use clap::Parser;
use std::io::BufReader;
use std::path::PathBuf;

/// Moves messages to another IMAP folder, of the same account or of another one.
#[derive(Parser)]
#[command(name = "imap-mv", version)]
pub struct ImapMv {
    /// A folder and a set of UIDs (local:INBOX 3:9,12), or references (ACCOUNT:FOLDER#UIDVALIDITY.UID, as imap-ls --refs
    /// prints them), or -: references on stdin, one a line; and behind them the folder that they go to.
    #[arg(value_name = "MESSAGES AND TARGET")]
    what: Vec<String>,
    #[command(flatten)]
    looking: Looking,
    /// All messages of the folder.
    #[arg(long)]
    all: bool,
    /// Append to FILE what undoes it; without FILE, imap-mv undoes what such lines on stdin tell.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    undo: Option<Option<PathBuf>>,
    /// Tell what would be moved; move nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each message.
    #[arg(long)]
    json: bool,
    /// One reference a line, ACCOUNT:FOLDER#UIDVALIDITY.UID, as every imap program takes it.
    #[arg(long, conflicts_with = "json")]
    refs: bool,
    /// End with status 1 if there was nothing to move.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "imap-mv";

impl Tool for ImapMv {
    const MAN: &'static str = r#"
.Sh HOW
Within an account by MOVE.
A server without it copies, marks the originals
.Pq Li \eDeleted ,
and deletes exactly these by UID EXPUNGE.
A server without UIDPLUS can only delete all marked messages at once, also those that others have marked: there the originals
stay, marked, and the status is 67.
.Pp
Between accounts each message is appended to the target as it comes from the source, with its flags and its date of arrival.
The original goes when the target has confirmed its copy, and not before: wherever a line is cut, every message is in one of the
folders.
It may be in both, where it is told so
.Pq status 67 ,
or where the answer about the copy was lost
.Pq status 79 ;
look before running the command again.
.Sh OUTPUT
Nothing; with
.Fl n
the references of the messages that would be moved; with
.Fl -refs
the new reference of each message, where the server tells it (UIDPLUS).
With
.Fl -json
each message is a line, an object with the keys
.Li ref , fate
(done, never, later, unknown),
.Li now
(the new reference, or null) and
.Li error
(null if there is none).
.Sh UNDO
The file that
.Fl -undo
names gets a line for each message: its new reference, a tab, and the folder that it was in.
.Fl -undo
without a file reads such lines on stdin and moves the messages back, the last first; they get new UIDs.
Where the server does not tell what messages become,
.Fl -undo
is refused before anything is moved.
.Sh EXIT STATUS
0, also if there was nothing to move (1 with
.Fl e ) ;
64 wrong arguments, or no messages named; 65 the target takes no message of that size; 67 some are moved and others not, or
copied and not removed; 69 refused: no such folder, none of the named messages is there, UIDVALIDITY has changed; 73, 74 the file
for
.Fl -undo
can't be made or written; 75 unreachable, or the connection was lost; 76 protocol error, or TLS that can't be had or verified; 77
login refused; 79 the connection was lost before the answer; see
.Xr pipepost 7 .
.Sh EXAMPLES
What a search finds goes to the archive:
.Bd -literal -offset indent
imap-mv local:INBOX --search 'SUBJECT report SEEN' local:Archive
.Ed
.Pp
The same in two steps, and back again:
.Bd -literal -offset indent
imap-ls --refs local:INBOX --search SEEN | imap-mv - local:Archive --undo moved
imap-mv - --undo < moved
.Ed
"#;

    fn run(self) -> Outcome {
        let reach = Reach::new(NAME, &self.common)?;
        let name = |argument: Option<&str>| reach.accounts().account(argument, Service::Imap);
        let stdin = BufReader::new(Patient::new(std::io::stdin(), reach.whole().at()));
        let mut undo = None;
        let dash = |path: &PathBuf| path.as_os_str() == "-" && self.what.is_empty();
        let jobs = match &self.undo {
            Some(file) if file.as_ref().is_none_or(dash) => {
                if self.what.iter().any(|word| word != "-") || self.what.len() > 1 {
                    return Err(Failure::usage("--undo: what is undone is told on stdin")
                        .advise("imap-mv - --undo < FILE; or a file behind --undo, to be written"));
                }
                replay(stdin, &name)?
            }
            file => {
                let Some((target, what)) = self.what.split_last() else {
                    return Err(Failure::usage("which messages, and where to?"));
                };
                let (to, folder) = reach.accounts().folder(target)?;
                let all = named(what, &self.looking, self.all, stdin, &name)?;
                if let (Some(Some(path)), false) = (file, self.dry_run) {
                    undo = Some(Undo::open(path)?);
                }
                vec![(to, folder, all)]
            }
        };
        let mut going = Going {
            program: NAME,
            moving: true,
            dry_run: self.dry_run,
            verbose: self.common.verbose,
            json: self.json,
            refs: self.refs,
            exit_status: self.exit_status,
            undo,
        };
        going.run(&reach, &jobs)
    }
}
