//! imap-cp(1): copies messages to another folder.

use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::query::Looking;
use crate::cli::transfer::Going;
use crate::cli::wanted::named;
use crate::cli::{Failure, Outcome, Tool};
use crate::net::endpoint::Service;
use crate::store::patience::Patient;
use clap::Parser;
use std::io::BufReader;

/// Copies messages to another IMAP folder, of the same account or of another one.
#[derive(Parser)]
#[command(name = "imap-cp", version)]
pub struct ImapCp {
    /// A folder and a set of UIDs (local:INBOX 3:9,12), or references (ACCOUNT:FOLDER#UIDVALIDITY.UID, as imap-ls --refs
    /// prints them), or -: references on stdin, one a line; and behind them the folder that they go to.
    #[arg(value_name = "MESSAGES AND TARGET")]
    what: Vec<String>,
    #[command(flatten)]
    looking: Looking,
    /// All messages of the folder.
    #[arg(long)]
    all: bool,
    /// Tell what would be copied; copy nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each message.
    #[arg(long)]
    json: bool,
    /// One reference a line, ACCOUNT:FOLDER#UIDVALIDITY.UID, as every imap program takes it.
    #[arg(long, conflicts_with = "json")]
    refs: bool,
    /// End with status 1 if there was nothing to copy.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "imap-cp";

impl Tool for ImapCp {
    const MAN: &'static str = r#"
.Sh HOW
Within an account by COPY.
Between accounts each message is appended to the target as it comes from the source, with its flags and its date of arrival; the
source is opened read-only (EXAMINE), and nothing changes there.
.Pp
The same command again makes other copies.
.Sh OUTPUT
Nothing; with
.Fl n
the references of the messages that would be copied; with
.Fl -refs
the reference of each copy, where the server tells it (UIDPLUS).
With
.Fl -json
each message is a line, an object with the keys
.Li ref , fate
(done, never, later, unknown),
.Li now
(the copy's reference, or null) and
.Li error
(null if there is none).
.Sh EXIT STATUS
0, also if there was nothing to copy (1 with
.Fl e ) ;
64 wrong arguments, or no messages named; 65 the target takes no message of that size; 67 some are copied and others not; 69
refused: no such folder, none of the named messages is there, UIDVALIDITY has changed; 75 unreachable, or the connection was lost;
76 protocol error, or TLS that can't be had or verified; 77 login refused; 79 the connection was lost before the answer; see
.Xr pipepost 7 .
.Sh EXAMPLES
A whole folder to another user of
.Li local: ,
and to the archive:
.Bd -literal -offset indent
imap-cp --all local:INBOX local://carol/INBOX
imap-cp --all local:INBOX local:Archive
.Ed
"#;

    fn run(self) -> Outcome {
        let reach = Reach::new(NAME, &self.common)?;
        let name = |argument: Option<&str>| reach.accounts().account(argument, Service::Imap);
        let stdin = BufReader::new(Patient::new(std::io::stdin(), reach.whole().at()));
        let Some((target, what)) = self.what.split_last() else {
            return Err(Failure::usage("which messages, and where to?"));
        };
        let (to, folder) = reach.accounts().folder(target)?;
        let all = named(what, &self.looking, self.all, stdin, &name)?;
        let mut going = Going {
            program: NAME,
            moving: false,
            dry_run: self.dry_run,
            verbose: self.common.verbose,
            json: self.json,
            refs: self.refs,
            exit_status: self.exit_status,
            undo: None,
        };
        going.run(&reach, &[(to, folder, all)])
    }
}
