//! pop3-rm(1): deletes messages of a maildrop.

use crate::cli::args::Common;
use crate::cli::compose::now;
use crate::cli::connect::Reach;
use crate::cli::exit::{Tally, complain};
use crate::cli::maildrop::{HEADER, Knowing, Names, arrived, in_json, names_on};
use crate::cli::out::Out;
use crate::cli::{Failure, Outcome, Tool};
use crate::client::pop3::{Client, Entry};
use crate::error::{Error, Exit, Fate, Result};
use crate::message::header::Header;
use crate::net::endpoint::Service;
use crate::store::patience::Patient;
use crate::text::duration::duration;
use crate::text::escape;
use clap::Parser;
use serde_json::json;
use std::collections::HashMap;
use std::io::BufReader;
use std::time::Duration;

/// Deletes messages of a POP3 maildrop.
#[derive(Parser)]
#[command(name = "pop3-rm", version)]
pub struct Pop3Rm {
    /// The account: local:, local://USER, or a URL like pop3s://USER@pop.example.org.
    #[arg(value_name = "ACCOUNT:")]
    account: Option<String>,
    /// Messages, by number, unique id (UIDL) or range of numbers (3:9, 3:*); - reads them from stdin, one a line.
    #[arg(value_name = "MESSAGE")]
    messages: Vec<String>,
    /// All messages.
    #[arg(long, conflicts_with = "messages")]
    all: bool,
    /// Of those, or of all, the ones that arrived longer ago than this.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    older_than: Option<Duration>,
    /// Delete although it is most of the maildrop.
    #[arg(long)]
    force: bool,
    /// Tell what would be deleted; delete nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each message.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    knowing: Knowing,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "pop3-rm";
/// Ranges and ages may delete so many without being forced.
const FEW: usize = 10;

impl Tool for Pop3Rm {
    const MAN: &'static str = r#"
.Sh NAMES, AGES AND THE GUARD
Numbers count within a session only: another program that deletes moves them.
A script had better name messages by their unique ids, as
.Xr pop3-ls 1
shows them.
.Pp
A message's age is told by its topmost Received field, which its mail server wrote, else by its Date; one with neither has none and
stays.
.Pp
As a guard, nothing is deleted where a range or
.Fl -older-than
would delete more than half of the maildrop and more than 10 messages, unless
.Fl -force
is given.
.Sh OUTPUT
Nothing; with
.Fl n
the number, unique id and size of each message that would be deleted, separated by tabs.
With
.Fl -json
each message is a line, an object with the keys
.Li number , uidl , size , fate
(done, never, later, or unknown if the connection was lost at the end; with
.Fl n
null) and
.Li error
(null if there is none).
.Sh EXIT STATUS
0, also if there was nothing to delete; 64 wrong arguments, or none; 65 the guard; 67 some are deleted and others not; 69 refused, or no
such message; 75 busy, or the connection was lost: whether they are deleted is not known if that was at the end, and the same command tells; 76
protocol error, or TLS that can't be had or verified; 77 login refused; see
.Xr pipepost 7 .
.Sh EXAMPLES
What has been there for more than three months:
.Bd -literal -offset indent
pop3-rm --older-than 90d local:
.Ed
.Pp
The messages of one sender:
.Bd -literal -offset indent
pop3-ls -o uidl,from local: | awk -F '\t' '$2 ~ /ci@/ { print $1 }' | pop3-rm local: -
.Ed
"#;

    fn run(self) -> Outcome {
        if self.messages.iter().any(String::is_empty) {
            return Err(Failure::usage("an empty message name"));
        }
        if self.messages.is_empty() && !self.all && self.older_than.is_none() {
            return Err(Failure::usage("which messages?").advise("name them, or --older-than, or --all"));
        }
        let reach = Reach::new(NAME, &self.common)?;
        let at = reach.accounts().account(self.account.as_deref(), Service::Pop3)?;
        let names: Vec<Vec<u8>> = if self.messages.iter().any(|m| m == "-") {
            if self.messages.len() > 1 {
                return Err(Failure::usage("- and other messages: which?"));
            }
            names_on(&mut BufReader::new(Patient::new(std::io::stdin(), reach.whole().at())))?
        } else {
            self.messages.iter().map(|m| m.clone().into_bytes()).collect()
        };
        if names.is_empty() && !self.messages.is_empty() {
            return Ok(Exit::Ok);
        }
        let login = reach.login(&at)?.ok_or_else(|| Error::internal("no login"))?;
        let (mut client, entries) = self.knowing.open(&reach, &at, &login)?;
        let mut tally = Tally::default();
        let mut doomed: Vec<&Entry> = entries.iter().collect();
        let mut guarded = self.older_than.is_some();
        if !names.is_empty() {
            let named = Names::of(&entries).look(&names);
            for name in &named.missing {
                complain(NAME, &format!("{name}: no such message"), None);
                tally.failed(Exit::Refused);
            }
            guarded |= named.by_range;
            doomed = named.entries;
        }
        if let Some(age) = self.older_than {
            doomed = older(&mut client, &doomed, age)?;
        }
        if guarded && !self.force && doomed.len() > FEW && doomed.len() > entries.len() / 2 {
            let why = format!("that is {} of {} messages; nothing was deleted", doomed.len(), entries.len());
            // Without a goodbye, which means the same where nothing was marked.
            return Err(Error::data(why).advise("--force deletes them, -n lists them").into());
        }
        let mut report = Report { json: self.json, told: self.dry_run || self.json, out: Out::until(reach.whole()) };
        if self.dry_run {
            doomed.iter().try_for_each(|entry| report.say(entry, None))?;
            report.out.flush()?;
            client.quit()?;
            return Ok(tally.exit());
        }
        let numbers: Vec<u32> = doomed.iter().map(|e| e.number).collect();
        let mut refused: HashMap<u32, Error> = client.dele(&numbers)?.into_iter().collect();
        let ended = client.quit();
        for entry in doomed {
            let refused = refused.remove(&entry.number);
            let fate = match (&refused, &ended) {
                (Some(e), _) => {
                    complain(NAME, &format!("message {}: {e}", entry.number), None);
                    tally.failed(e.exit());
                    e.fate()
                }
                // A server that says no to QUIT has perhaps deleted some (RFC 1939 6).
                (None, Err(_)) => Fate::Unknown,
                (None, Ok(())) => {
                    tally.done();
                    Fate::Done
                }
            };
            report.say(entry, Some((fate, refused.as_ref().or(ended.as_ref().err()))))?;
        }
        report.out.flush()?;
        if let Err(e) = ended {
            complain(NAME, &format!("whether the messages are deleted is not known: {e}"), e.advice());
            tally.failed(e.exit());
        }
        Ok(tally.exit())
    }
}

/// Those of `entries` that arrived longer ago than `age`.
fn older<'e>(client: &mut Client, entries: &[&'e Entry], age: Duration) -> Result<Vec<&'e Entry>> {
    if !client.capabilities().top {
        return Err(Error::refused("the server has no TOP, so the age of messages can't be known"));
    }
    let before = now().saturating_sub(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    let numbers: Vec<u32> = entries.iter().map(|e| e.number).collect();
    let (mut rest, mut older) = (entries.iter(), Vec::new());
    client.top(&numbers, 0, &mut |_, body| {
        let entry = rest.next();
        // One that is gone meanwhile is not ours to delete.
        let Ok(body) = body else { return Ok(()) };
        let header = Header::parse(body.whole(HEADER)?.unwrap_or_default());
        older.extend(entry.filter(|_| arrived(&header).is_some_and(|time| time < before)));
        Ok(())
    })?;
    Ok(older)
}

struct Report {
    json: bool,
    /// Whether anything is said at all.
    told: bool,
    out: Out,
}

impl Report {
    /// `fate`: `None` where nothing was done to it.
    fn say(&mut self, entry: &Entry, fate: Option<(Fate, Option<&Error>)>) -> Result<()> {
        if !self.told {
            return Ok(());
        }
        let line = if self.json {
            json!({
                "number": entry.number,
                "uidl": entry.uidl.as_deref().map(in_json),
                "size": entry.size,
                "fate": fate.map(|(fate, _)| fate.word()),
                "error": fate.and_then(|(_, e)| e).map(ToString::to_string),
            })
            .to_string()
        } else {
            format!("{}\t{}\t{}", entry.number, entry.uidl.as_ref().map(escape).unwrap_or_default(), entry.size)
        };
        self.out.must(format!("{line}\n").as_bytes())
    }
}
