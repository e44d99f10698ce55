//! imap-ls(1): lists folders, or the messages of a folder.

mod folders;
pub(super) mod messages;

use crate::cli::args::{Common, Listing};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::imap::{connect, opened, search_key, show_alerts, uid_set};
use crate::cli::out::{Reader, Table, choose};
use crate::cli::{Failure, Outcome, Tool};
use crate::client::imap::Client;
use crate::error::{Error, Exit, Result};
use crate::net::endpoint::{Endpoint, Service};
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::set::SequenceSet;
use clap::Parser;

/// Lists the folders of an IMAP account, or the messages of a folder.
#[derive(Parser)]
#[command(name = "imap-ls", version)]
pub struct ImapLs {
    /// The account, or a folder of it: local:, local:INBOX, local://USER/FOLDER, or a URL like
    /// imap+plain://USER@127.0.0.1:1143/INBOX.
    #[arg(value_name = "ACCOUNT:[FOLDER]")]
    account: Option<String>,
    /// Only the messages with these UIDs: 7, 3:9,12, 100:* (* is the last message).
    #[arg(value_name = "SET")]
    set: Option<String>,
    /// Only the messages for which all of this holds, in IMAP's own words (RFC 3501 6.4.4), like 'FROM ci@ UNSEEN'.
    #[arg(long, value_name = "KEYS")]
    search: Option<String>,
    /// One reference a line, ACCOUNT:FOLDER#UIDVALIDITY.UID, as every imap program takes it.
    #[arg(long, conflicts_with_all = ["json", "columns"])]
    refs: bool,
    #[command(flatten)]
    listing: Listing,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "imap-ls";

/// Ends a listing whose reader has gone; nobody sees it.
fn nobody() -> Error {
    Error::new(Exit::Ok, "nobody reads on")
}

impl Tool for ImapLs {
    const MAN: &'static str = r#"
.Sh COLUMNS
Of folders:
.Cm messages ,
.Cm unseen ,
.Cm recent ,
.Cm uidnext
(the UID that the next message will get),
.Cm uidvalidity ,
.Cm attributes
(of LIST, with commas, without their backslash),
.Cm folder .
Without
.Fl o
these are messages, unseen, recent, uidnext and folder.
A folder that holds only other folders has no counts.
INBOX is the first, the others are sorted by name.
.Pp
Of messages:
.Cm uid ,
.Cm flags
(with commas, without their backslash),
.Cm size
(octets, as the server says),
.Cm date
(of the header, RFC 3339),
.Cm received
(when the server got it),
.Cm from , to , cc , subject
(decoded),
.Cm message-id
and
.Cm ref
(the reference that
.Fl -refs
prints).
Without
.Fl o
these are uid, flags, size, date, from and subject.
.Pp
With
.Fl -json
each line is an object with the columns' names as keys: those that
.Fl o
names, else all of them.
Counts, sizes and UIDs are numbers,
.Li attributes
and
.Li flags
are arrays of IMAP's words with their backslash, all others are strings; a missing value is null.
Header fields are asked for only where a column needs them.
.Pp
The folder is opened read-only (EXAMINE): nothing changes,
.Li \eRecent
neither.
.Sh REFERENCES
A reference is an account, a folder and a message in one word.
.Ql % ,
.Ql # ,
the backslash and controls in the folder are percent-encoded.
It can never mean another message: where the server has given its UIDs anew, UIDVALIDITY has changed, and whoever uses the
reference is told so.
.Sh EXIT STATUS
0, also for an empty folder and where nothing was found (1 with
.Fl e ) ;
64 wrong arguments, 67 some folders could not be counted, 69 refused (no such folder), 75 unreachable, 76 protocol error, or
TLS that can't be had or verified, 77 login refused; see
.Xr pipepost 7 .
.Sh EXAMPLES
The caller's own folders on this machine, and the messages in one of them:
.Bd -literal -offset indent
imap-ls
imap-ls local:INBOX
.Ed
.Pp
How many unread messages are there?
.Bd -literal -offset indent
imap-ls --refs local:INBOX --search UNSEEN | wc -l
.Ed
.Pp
Names of all folders:
.Bd -literal -offset indent
imap-ls -o folder local:
.Ed
"#;

    fn run(self) -> Outcome {
        let reach = Reach::new(NAME, &self.common)?;
        let at = reach.accounts().account(self.account.as_deref(), Service::Imap)?;
        match at.folder.clone() {
            None => self.folders(&reach, &at),
            Some(folder) => self.messages(&reach, &at, &folder),
        }
    }
}

impl ImapLs {
    fn folders(self, reach: &Reach, at: &Endpoint) -> Outcome {
        if self.set.is_some() || self.search.is_some() || self.refs {
            let e = Error::usage("messages of which folder?").advise("the folder follows the colon: local:INBOX");
            return Err(e.into());
        }
        let named = &self.listing.columns;
        let columns = if named.is_empty() { folders::usual() } else { choose(named, &folders::COLUMNS)? };
        let shown = if named.is_empty() && self.listing.json { folders::COLUMNS.to_vec() } else { columns };
        let mut client = connect(reach, at)?;
        let mut lister =
            folders::Lister::new(Table::new(shown, self.listing.json, self.listing.null).until(reach.whole()));
        let listed = lister.run(&mut client);
        show_alerts(NAME, &mut client);
        match listed {
            Err(_) if lister.reader == Reader::Gone => return Ok(Exit::Ok),
            listed => listed?,
        }
        client.logout()?;
        let exit = lister.tally.exit();
        let end = lister.table.end(self.listing.exit_status)?;
        Ok(if exit == Exit::Ok { end } else { exit })
    }

    fn messages(self, reach: &Reach, at: &Endpoint, folder: &str) -> Outcome {
        let named = &self.listing.columns;
        let columns = match (named.is_empty(), self.refs) {
            (_, true) => choose(&["ref".to_owned()], &messages::COLUMNS)?,
            (true, _) if self.listing.json => messages::COLUMNS.to_vec(),
            (true, _) => messages::usual(),
            (false, _) => choose(named, &messages::COLUMNS)?,
        };
        let set = self.set.as_deref().map(uid_set).transpose()?;
        let key = self.search.as_deref().map(|text| search_key(text, set.as_ref())).transpose()?;
        let mut client = connect(reach, at)?;
        let table = Table::new(columns, self.listing.json, self.listing.null).until(reach.whole());
        let mut lister = messages::Lister::new(table, at, folder);
        let listed = list(&mut client, folder, set, key, self.common.verbose, &mut lister);
        show_alerts(NAME, &mut client);
        let partial = match listed {
            Err(_) if lister.reader == Reader::Gone => return Ok(Exit::Ok),
            // Some messages may have gone meanwhile; the others have been listed.
            Err(e) if e.exit() == Exit::Refused && lister.table.rows > 0 => Some(e.with_exit(Exit::Partial)),
            listed => {
                listed?;
                None
            }
        };
        client.logout()?;
        let end = lister.table.end(self.listing.exit_status)?;
        partial.map_or(Ok(end), |e| Err(Failure::from(e)))
    }
}

fn list(
    client: &mut Client,
    folder: &str,
    set: Option<SequenceSet>,
    key: Option<SearchKey>,
    verbose: bool,
    lister: &mut messages::Lister,
) -> Result<()> {
    let mut selected = client.examine(folder)?;
    if verbose {
        complain(NAME, &opened(folder, &selected), None);
    }
    lister.uid_validity = selected.uid_validity();
    let items = lister.items();
    let set = match key {
        Some(key) => {
            let found = selected.search(&key)?;
            if items.is_empty() {
                // What was found is all that is shown.
                return found.numbers(u32::MAX).try_for_each(|uid| lister.uid(uid));
            }
            found
        }
        None => set.unwrap_or_else(|| SequenceSet::from_on(1)),
    };
    selected.fetch(&set, &items, lister)
}
