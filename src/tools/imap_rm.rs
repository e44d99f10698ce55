//! imap-rm(1): moves messages to the trash, or deletes them for good.

use crate::cli::args::Common;
use crate::cli::changes::{Report, check, find, guard};
use crate::cli::connect::Reach;
use crate::cli::imap::Clients;
use crate::cli::out::Out;
use crate::cli::query::Looking;
use crate::cli::reference::folder_name;
use crate::cli::transfer::{Transfer, Undo, remove};
use crate::cli::wanted::{Wanted, named};
use crate::cli::{Outcome, Tool};
use crate::client::imap::SpecialUse;
use crate::error::{Error, Result};
use crate::net::endpoint::{Endpoint, Service};
use crate::store::patience::Patient;
use clap::Parser;
use std::collections::HashMap;
use std::io::BufReader;
use std::path::PathBuf;

/// Moves messages of IMAP folders to the trash, or deletes them for good.
#[derive(Parser)]
#[command(name = "imap-rm", version)]
pub struct ImapRm {
    /// A folder and a set of UIDs (local:INBOX 3:9,12), or references (ACCOUNT:FOLDER#UIDVALIDITY.UID, as imap-ls --refs
    /// prints them), or -: references on stdin, one a line.
    #[arg(value_name = "MESSAGES")]
    what: Vec<String>,
    #[command(flatten)]
    looking: Looking,
    /// All messages of the folder.
    #[arg(long)]
    all: bool,
    /// Delete them for good.
    #[arg(long, conflicts_with_all = ["undo", "trash"])]
    purge: bool,
    /// The folder that they are moved to, whatever the server and the configuration say.
    #[arg(long, value_name = "FOLDER")]
    trash: Option<String>,
    /// Delete although it is most of the folder.
    #[arg(long)]
    force: bool,
    /// Append to FILE what undoes it; without FILE, imap-mv undoes what such lines on stdin tell.
    #[arg(long, value_name = "FILE")]
    undo: Option<PathBuf>,
    /// Tell what would be deleted; delete nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each message.
    #[arg(long)]
    json: bool,
    /// End with status 1 if there was nothing to delete.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "imap-rm";

impl Tool for ImapRm {
    const MAN: &'static str = r#"
.Sh THE TRASH
Messages are moved to the folder that the server calls the trash (SPECIAL-USE, RFC 6154), else to the one that
.Cm trash
names in the account
.Pq Xr pipepost-config 5 .
Where there is neither, nothing is done, and the status is 78.
In the trash itself only
.Fl -purge
deletes.
.Pp
.Fl -purge
deletes for good, wherever the messages are: they are marked
.Pq Li \eDeleted
and deleted by UID EXPUNGE, exactly these.
A server without UIDPLUS can only delete all marked messages at once, also those that others have marked: there they stay,
marked, and the status is 69.
.Pp
As a guard, nothing is deleted where a range or a search would delete more than half of a folder and more than 10 messages,
unless
.Fl -force
or
.Fl -all
is given.
.Pp
Moves to the trash are undone by
.Xr imap-mv 1 :
.Fl -undo
names the file that it then reads.
.Sh OUTPUT
Nothing; with
.Fl n
the references of the messages that would be deleted.
With
.Fl -json
each message is a line, an object with the keys
.Li ref , fate
(done, never, later, unknown),
.Li now
(its reference in the trash, or null) and
.Li error
(null if there is none).
.Sh EXIT STATUS
0, also if there was nothing to delete (1 with
.Fl e ) ;
64 wrong arguments, or no messages named, or in the trash without
.Fl -purge ;
65 the guard; 67 some are deleted and others not; 69 refused: no such folder, none of the named messages is there, UIDVALIDITY has
changed; 73, 74 the file for
.Fl -undo
can't be made or written; 75 unreachable, or the connection was lost; 76 protocol error, or TLS that can't be had or verified; 77
login refused; 78 nobody says which folder is the trash; 79 the connection was lost before the answer; see
.Xr pipepost 7 .
.Sh EXAMPLES
What is old and read, with a way back:
.Bd -literal -offset indent
imap-rm local:INBOX --search 'SEEN BEFORE 1-Jan-2020' --undo removed
imap-mv - --undo < removed
.Ed
.Pp
The trash is emptied:
.Bd -literal -offset indent
imap-rm --purge --all local:Trash
.Ed
"#;

    fn run(self) -> Outcome {
        let reach = Reach::new(NAME, &self.common)?;
        let name = |argument: Option<&str>| reach.accounts().account(argument, Service::Imap);
        let stdin = BufReader::new(Patient::new(std::io::stdin(), reach.whole().at()));
        let all = named(&self.what, &self.looking, self.all, stdin, &name)?;
        let mut undo = match &self.undo {
            Some(path) if !self.dry_run => Some(Undo::open(path)?),
            _ => None,
        };
        let mut clients = Clients::new(&reach, NAME);
        let mut report = Report::new(NAME, self.json, false, Out::until(reach.whole()));
        check(&mut clients, &all)?;
        // Nothing is done anywhere before it is known what to do everywhere.
        let mut trash: HashMap<String, String> = HashMap::new();
        for wanted in all.iter().filter(|_| !self.purge) {
            let account = folder_name(&wanted.at, "");
            if !trash.contains_key(&account) {
                trash.insert(account.clone(), self.trash(&reach, &mut clients, &wanted.at)?);
            }
            if trash.get(&account).is_some_and(|trash| *trash == wanted.folder) {
                let e = Error::usage(format!("{}: that is the trash", folder_name(&wanted.at, &wanted.folder)));
                return Err(e.advise("--purge deletes for good").into());
            }
        }
        for wanted in &all {
            let done = match trash.get(&folder_name(&wanted.at, "")) {
                None => self.purge(&mut clients, wanted, &mut report),
                Some(folder) => {
                    let mut transfer = Transfer {
                        program: NAME,
                        moving: true,
                        dry_run: self.dry_run,
                        verbose: self.common.verbose,
                        report: &mut report,
                        undo: undo.as_mut(),
                    };
                    let free = self.force || self.all;
                    transfer.run(&mut clients, wanted, &wanted.at, folder, &|wanted, set, exists| {
                        guard(wanted, set, exists, free)
                    })
                }
            };
            if let Err(e) = done {
                clients.forget(&wanted.at);
                report.ended(e)?;
            }
        }
        clients.close()?;
        Ok(report.status(self.exit_status))
    }
}

impl ImapRm {
    /// The folder that is the trash of an account.
    fn trash(&self, reach: &Reach, clients: &mut Clients<'_>, at: &Endpoint) -> Result<String> {
        if let Some(folder) = &self.trash {
            return Ok(folder.clone());
        }
        if let Some(folder) = clients.client(at)?.special(SpecialUse::Trash)? {
            return Ok(folder);
        }
        match reach.accounts().settings(at)?.trash {
            Some(set) => Ok(set.value),
            None => Err(Error::config(format!("{}: which folder is the trash?", folder_name(at, "")))
                .advise("trash = in the configuration or --trash names it; --purge needs none")),
        }
    }

    fn purge(&self, clients: &mut Clients<'_>, wanted: &Wanted, report: &mut Report) -> Result<()> {
        let mut selected = clients.select(wanted)?;
        let found = find(&mut selected, wanted, report)?;
        if found.set.is_empty() {
            return Ok(());
        }
        guard(wanted, &found.set, selected.exists(), self.force || self.all)?;
        if self.dry_run {
            return report.would(&found.prefix, &found.set);
        }
        remove(&mut selected, &found.set, &mut |part, outcome| match outcome {
            Ok(()) => report.done(&found.prefix, part),
            Err(e) => report.failed(&found.prefix, part, &e),
        })
    }
}
