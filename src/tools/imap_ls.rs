//! imap-ls(1): lists folders, or the messages of a folder.

mod folders;
pub(super) mod messages;
mod order;
mod tree;

use crate::cli::args::{Common, Listing};
use crate::cli::connect::Reach;
use crate::cli::imap::{connect, show_alerts, uid_set};
use crate::cli::out::{Column, Reader, Table, choose};
use crate::cli::query::Looking;
use crate::cli::{Failure, Outcome, Tool};
use crate::client::imap::Client;
use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, Service};
use crate::proto::imap::search::SearchKey;
use clap::Parser;
use order::Order;
use serde_json::json;

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
    #[command(flatten)]
    looking: Looking,
    /// One reference a line, ACCOUNT:FOLDER#UIDVALIDITY.UID, as every imap program takes it.
    #[arg(long, conflicts_with_all = ["json", "columns"])]
    refs: bool,
    /// Only how many messages there are: of the folder, or of what is looked for.
    #[arg(long, conflicts_with_all = ["refs", "columns", "sort", "thread", "reverse", "limit"])]
    count: bool,
    /// Of folders: messages, unseen, size, special use, subscribed, quota.
    #[arg(short, long, conflicts_with = "columns")]
    long: bool,
    /// Of folders: a tree, in which each has its name below the one that holds it.
    #[arg(long, conflicts_with = "json")]
    tree: bool,
    #[command(flatten)]
    order: Order,
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
.Cm size
(octets, where the server tells: STATUS=SIZE, RFC 8438),
.Cm special
(what it is for: Sent, Drafts, Junk, Trash, Archive, All, Flagged; RFC 6154),
.Cm subscribed
(yes or no),
.Cm quota
(octets that are used and that may be, with a slash, where the server tells: QUOTA, RFC 9208),
.Cm rights
(what one may do there, a letter each: ACL, RFC 4314),
.Cm comment
(one's own or else the common one: METADATA, RFC 5464),
.Cm attributes
(of LIST, with commas, without their backslash),
.Cm folder .
Without
.Fl o
these are messages, unseen, recent, uidnext and folder, with
.Fl l
messages, unseen, size, special, subscribed, quota and folder.
What is known without a command for each folder (LIST-EXTENDED, LIST-STATUS) is asked for at once; else these commands go out in one
flight.
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
(or
.Cm id ) ,
.Cm ref
(the reference that
.Fl -refs
prints)
and
.Cm depth
(of
.Fl -thread :
0 for the message that began a conversation, 1 for an answer to it, and so on);
and, which
.Fl -json
has only if
.Fl o
names them,
.Cm number
(its sequence number),
.Cm sender , reply-to , bcc , in-reply-to ,
and what some servers know, empty elsewhere:
.Cm labels
(Gmail's, with commas),
.Cm preview
(the first words, RFC 8970),
.Cm emailid , threadid
(the same in every folder, RFC 8474; Gmail's own) and
.Cm saved
(when it came into this folder, RFC 8514).
Without
.Fl o
these are uid, flags, size, date, from and subject, and with
.Fl -thread
depth before them.
.Pp
With
.Fl -json
each line is an object with the columns' names as keys: those that
.Fl o
names, else all that are common.
Counts, sizes and UIDs are numbers,
.Li attributes ,
.Li special ,
.Li flags
and
.Li labels
are arrays of IMAP's words with their backslash,
.Li subscribed
is true or false,
.Li quota
is an array of objects (root, resource, used, limit), all others are strings; a missing value is null.
Header fields are asked for only where a column needs them.
.Pp
The folder is opened read-only (EXAMINE): nothing changes,
.Li \eRecent
neither.
.Sh ORDER
Messages are listed as the server sends them, as a rule the oldest first, and each is printed as it comes.
.Fl -reverse
lists the newest first.
The server sorts where it can (SORT and THREAD, RFC 5256, RFC 5957); else the program asks for what it needs to know of the messages,
and finds the same order.
.Pp
.Fl -limit
lists the newest messages, the last of them last, or with
.Fl -reverse
first; with
.Fl -sort
and
.Fl -thread
the first in that order.
.Pp
How many messages the folder has, or a search finds, is known before they are listed: if fewer come, and the others have not
been removed meanwhile, the program ends with 75, so that a listing that was cut short is not taken for all.
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
imap-ls --count local:INBOX --where is:unread
.Ed
.Pp
The ten newest messages, the ten largest, and the conversations with the newest first:
.Bd -literal -offset indent
imap-ls --limit 10 --reverse local:INBOX
imap-ls --limit 10 --sort=-size local:INBOX
imap-ls --thread --reverse local:INBOX
.Ed
.Pp
The large ones that are not read, of the last week:
.Bd -literal -offset indent
imap-ls local:INBOX --where 'is:unread since:7d larger:1M'
.Ed
.Pp
The folders of a person and all that is known of them, and how they hold each other:
.Bd -literal -offset indent
imap-ls -l local:
imap-ls --tree -o unseen,folder local:
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
        if self.set.is_some() || self.looking.is_some() || self.refs || self.count || self.order.is_some() {
            let e = Error::usage("messages of which folder?").advise("the folder follows the colon: local:INBOX");
            return Err(e.into());
        }
        let named = &self.listing.columns;
        let columns = if named.is_empty() { folders::usual(self.long) } else { choose(named, &folders::COLUMNS)? };
        let shown = if named.is_empty() && self.listing.json && !self.long { folders::all() } else { columns };
        let mut client = connect(reach, at)?;
        let mut lister = folders::Lister::new(
            Table::new(shown, self.listing.json, self.listing.null).until(reach.whole()),
            self.tree,
        );
        let listed = lister.run(&mut client);
        show_alerts(NAME, &mut client);
        match listed {
            Err(_) if lister.reader == Reader::Gone => return Ok(Exit::Ok),
            listed => listed?,
        }
        client.hang_up();
        let exit = lister.tally.exit();
        let end = lister.table.end(self.listing.exit_status)?;
        Ok(if exit == Exit::Ok { end } else { exit })
    }

    fn messages(self, reach: &Reach, at: &Endpoint, folder: &str) -> Outcome {
        if self.long || self.tree {
            return Err(Error::usage("-l and --tree are for the folders of an account").into());
        }
        let named = &messages::known(&self.listing.columns);
        let threads = self.order.threads();
        let columns = match (named.is_empty(), self.refs) {
            (_, true) => choose(&["ref".to_owned()], &messages::COLUMNS)?,
            (true, _) if self.listing.json => messages::all(threads),
            (true, _) => messages::usual(threads),
            (false, _) => choose(named, &messages::COLUMNS)?,
        };
        let set = self.set.as_deref().map(uid_set).transpose()?;
        let key = self.looking.key(set.as_ref())?;
        let mut client = connect(reach, at)?;
        if self.count {
            return self.number(reach, client, folder, key.or(set.map(SearchKey::Uid)));
        }
        let table = Table::new(columns, self.listing.json, self.listing.null).until(reach.whole());
        let mut lister = messages::Lister::new(table, at, folder, self.common.verbose);
        let listed = self.order.list(&mut client, folder, set.as_ref(), key.as_ref(), &mut lister);
        show_alerts(NAME, &mut client);
        let partial = match listed {
            Err(_) if lister.reader == Reader::Gone => return Ok(Exit::Ok),
            // Some messages may have gone meanwhile; the others have been listed.
            Err(e) if e.exit() == Exit::Refused && lister.table.rows > 0 => Some(e.with_exit(Exit::Partial)),
            // What came is shown, and that it is not all is told.
            Err(e) => {
                lister.table.flush()?;
                return Err(e.into());
            }
            Ok(()) => None,
        };
        client.hang_up();
        let end = lister.table.end(self.listing.exit_status)?;
        partial.map_or(Ok(end), |e| Err(Failure::from(e)))
    }

    /// `--count`.
    fn number(&self, reach: &Reach, mut client: Client, folder: &str, key: Option<SearchKey>) -> Outcome {
        let count = match key {
            Some(key) => client.count_in(folder, &key),
            None => client.messages(folder),
        };
        show_alerts(NAME, &mut client);
        let count = count?;
        client.hang_up();
        let column = Column { name: "messages", width: 8, right: true };
        let mut table = Table::new(vec![column], self.listing.json, self.listing.null).until(reach.whole());
        table.row(|_| count.to_string(), || json!({ "messages": count }))?;
        table.flush()?;
        Ok(if self.listing.exit_status && count == 0 { Exit::None } else { Exit::Ok })
    }
}
