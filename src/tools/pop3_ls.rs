//! pop3-ls(1): lists a maildrop.

use crate::cli::args::{Common, Listing};
use crate::cli::connect::Reach;
use crate::cli::maildrop::identity::identify;
use crate::cli::maildrop::{HEADER, Knowing, in_json};
use crate::cli::out::{Column, Reader, Table, choose};
use crate::cli::{Outcome, Tool, system};
use crate::client::pop3::Entry;
use crate::error::{Error, Exit, Result};
use crate::message::date::Date;
use crate::message::decode::{people, words};
use crate::message::header::Header;
use crate::net::endpoint::{Endpoint, Service};
use crate::store::state::State;
use clap::Parser;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Lists the messages of a POP3 maildrop.
#[derive(Parser)]
#[command(name = "pop3-ls", version)]
pub struct Pop3Ls {
    /// The account: local:, local://USER, or a URL like pop3+plain://USER@127.0.0.1:1110.
    #[arg(value_name = "ACCOUNT:")]
    account: Option<String>,
    /// Only messages that were not fetched before, by the history that --state names.
    #[arg(long)]
    new: bool,
    /// The name of the history of what was fetched or told.
    #[arg(long, value_name = "NAME", requires = "new")]
    state: Option<String>,
    /// One line instead: how many messages there are, and their octets.
    #[arg(long, conflicts_with = "columns")]
    total: bool,
    #[command(flatten)]
    listing: Listing,
    #[command(flatten)]
    knowing: Knowing,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "pop3-ls";

const COLUMNS: [Column; 6] = [
    Column { name: "number", width: 6, right: true },
    Column { name: "uidl", width: 20, right: false },
    Column { name: "size", width: 9, right: true },
    Column { name: "date", width: 25, right: false },
    Column { name: "from", width: 28, right: false },
    Column { name: "subject", width: 20, right: false },
];

/// The fields of a header that listings show.
struct Heading {
    date: String,
    from: String,
    subject: String,
}

impl Heading {
    fn of(header: &Header) -> Heading {
        let field = |name| header.get(name).map(words).unwrap_or_default();
        let date = header.get("Date").and_then(Date::parse).map(|d| d.rfc3339());
        let from = header.get("From").map(people).unwrap_or_default();
        Heading { date: date.unwrap_or_default(), from, subject: field("Subject") }
    }
}

impl Tool for Pop3Ls {
    const MAN: &'static str = r#"
.Sh COLUMNS
.Cm number ,
.Cm uidl
(the unique id),
.Cm size
(octets, as the server says),
.Cm date
(of the header, RFC 3339),
.Cm from
and
.Cm subject
(decoded).
Without
.Fl o
all are shown.
The last three cost a TOP for each message; without them the listing is two commands.
With
.Fl -json
each line is an object with the columns' names as keys; a missing value is null.
With
.Fl -total
the columns are
.Cm messages
and
.Cm octets .
.Sh WHAT IS NEW
With
.Fl -new
those messages are listed that
.Xr pop3-fetch 1
has fetched to no target at all, or with
.Fl -state
those that are not in the history of that name.
.Sh EXIT STATUS
0, also for an empty maildrop (1 with
.Fl e ) ;
64 wrong arguments, 69 refused, 75 busy or unreachable, 76 protocol error, or TLS that can't be had or verified, 77 login refused; see
.Xr pipepost 7 .
.Sh EXAMPLES
The caller's own mail on this machine:
.Bd -literal -offset indent
pop3-ls
.Ed
.Pp
How many messages are there, and how many octets?
.Bd -literal -offset indent
pop3-ls --total local:
.Ed
.Pp
Is there anything new?
.Bd -literal -offset indent
pop3-ls --new -e -o from,subject local: || echo 'nothing new'
.Ed
"#;

    fn run(self) -> Outcome {
        let columns =
            if self.listing.columns.is_empty() { COLUMNS.to_vec() } else { choose(&self.listing.columns, &COLUMNS)? };
        let reach = Reach::new(NAME, &self.common)?;
        let at = reach.accounts().account(self.account.as_deref(), Service::Pop3)?;
        let login = reach.login(&at)?.ok_or_else(|| Error::internal("no login"))?;
        let (mut client, mut entries) = self.knowing.open(&reach, &at, &login)?;
        if self.new {
            let seen = fetched(&at, &login.user, self.state.as_deref())?;
            if !identify(&mut client, &mut entries)? {
                return Err(Error::refused("the server has no unique ids, so what is new can't be known").into());
            }
            entries.retain(|e| e.uidl.as_ref().is_some_and(|uidl| !seen.contains(uidl)));
        }
        if self.total {
            client.leave()?;
            return self.tell_total(&entries, &reach);
        }
        let headings = columns.iter().any(|c| matches!(c.name, "date" | "from" | "subject"));
        let mut table = Table::new(columns, self.listing.json, self.listing.null).until(reach.whole());
        let mut reader = Reader::There;
        if headings && client.capabilities().top {
            let numbers: Vec<u32> = entries.iter().map(|e| e.number).collect();
            let mut rows = entries.iter();
            let listed = client.top(&numbers, 0, &mut |_, body| {
                let heading = match body {
                    Ok(body) => {
                        let raw = body.whole(HEADER)?.unwrap_or_default();
                        Some(Heading::of(&Header::parse(raw)))
                    }
                    // It may have gone meanwhile; the others have not.
                    Err(_) => None,
                };
                if let Some(entry) = rows.next() {
                    reader = row(&mut table, entry, heading.as_ref())?;
                }
                match reader {
                    Reader::There => Ok(()),
                    Reader::Gone => Err(Error::new(Exit::Ok, "nobody reads on")),
                }
            });
            match listed {
                Err(e) if reader == Reader::There => return Err(e.into()),
                _ => {}
            }
        } else {
            for entry in &entries {
                reader = row(&mut table, entry, None)?;
                if reader == Reader::Gone {
                    break;
                }
            }
        }
        if reader == Reader::Gone {
            return Ok(Exit::Ok);
        }
        client.leave()?;
        Ok(table.end(self.listing.exit_status)?)
    }
}

impl Pop3Ls {
    fn tell_total(&self, entries: &[Entry], reach: &Reach) -> Outcome {
        let columns =
            vec![Column { name: "messages", width: 8, right: true }, Column { name: "octets", width: 12, right: true }];
        let mut table = Table::new(columns, self.listing.json, self.listing.null).until(reach.whole());
        let octets = entries.iter().fold(0u64, |n, e| n.saturating_add(e.size));
        let cell =
            |column: &Column| if column.name == "messages" { entries.len().to_string() } else { octets.to_string() };
        table.row(cell, || json!({ "messages": entries.len(), "octets": octets }))?;
        table.end(false)?;
        Ok(if self.listing.exit_status && entries.is_empty() { Exit::None } else { Exit::Ok })
    }
}

/// What pop3-fetch has fetched from `at`, by the history of that name or by any.
fn fetched(at: &Endpoint, login: &str, name: Option<&str>) -> Result<HashSet<Vec<u8>>> {
    let path = system::state_home()?.join("state.sqlite");
    // To ask what is new is no reason to make a history.
    if !path.exists() {
        return Ok(HashSet::new());
    }
    State::open(&path)?.delivered("pop3", login, &at.host_in_history(), name)
}

fn row(table: &mut Table, entry: &Entry, heading: Option<&Heading>) -> Result<Reader> {
    let columns = table.columns().to_vec();
    let text = |name: &str| match name {
        "date" => heading.map(|h| h.date.clone()).filter(|date| !date.is_empty()),
        "from" => heading.map(|h| h.from.clone()),
        _ => heading.map(|h| h.subject.clone()),
    };
    let cell = |column: &Column| match column.name {
        "number" => entry.number.to_string().into_bytes(),
        "size" => entry.size.to_string().into_bytes(),
        // Any bytes, by which pop3-rm and pop3-fetch find it again.
        "uidl" => entry.uidl.clone().unwrap_or_default(),
        name => text(name).unwrap_or_default().into_bytes(),
    };
    let object = || {
        let value = |column: &Column| match column.name {
            "number" => json!(entry.number),
            "size" => json!(entry.size),
            "uidl" => json!(entry.uidl.as_deref().map(in_json)),
            name => json!(text(name)),
        };
        Value::Object(columns.iter().map(|c| (c.name.to_owned(), value(c))).collect::<Map<_, _>>())
    };
    table.row(cell, object)
}
