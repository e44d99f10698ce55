//! imap-put(1): puts messages into a folder.

mod inputs;

use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::exit::{Tally, complain};
use crate::cli::imap::{connect, show_alerts};
use crate::cli::out::Out;
use crate::cli::reference::folder_name;
use crate::cli::{Failure, Outcome, Tool, signals};
use crate::client::imap::{Appended, Client, ToAppend};
use crate::error::{Error, Exit, Result};
use crate::message::date::Date;
use crate::message::flags::{Flag, Flags, is_keyword};
use crate::proto::imap::command::Appending;
use crate::text::{LoneCr, ToWire, WireBody};
use chrono::{DateTime, FixedOffset};
use clap::Parser;
use inputs::{Item, each, when};
use serde_json::json;
use std::path::PathBuf;

/// Puts messages into a folder of an IMAP account, as they are.
#[derive(Parser)]
#[command(name = "imap-put", version)]
pub struct ImapPut {
    /// The folder, with its account: local:INBOX, work:Lists/rust.
    #[arg(value_name = "ACCOUNT:FOLDER")]
    folder: String,
    /// The messages: files (a message or an mbox each) and Maildirs; without any, stdin.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What is read is an mbox, or an error.
    #[arg(long, conflicts_with = "null")]
    mbox: bool,
    /// Stdin is messages that end with NUL.
    #[arg(short = '0', long, conflicts_with = "files")]
    null: bool,
    /// Flags that the messages get, with commas: seen, answered, flagged, deleted, draft, or keywords like $Label.
    #[arg(long, value_name = "FLAG,...")]
    flags: Option<String>,
    /// The date, as in a Date field (default: when a Maildir or an mbox says that the message arrived, else now).
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// Tell what would be put there; put nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each message.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "imap-put";
/// Messages, and bytes, that one command brings (MULTIAPPEND).
const BATCH: (usize, u64) = (50, 4 << 20);

impl Tool for ImapPut {
    const MAN: &'static str = r#"
.Sh MESSAGES
A message is put there byte for byte; only its line ends become CRLF on the wire.
A file, or stdin, whose first line begins with
.Ql From
and a space is an mbox (mboxrd), unless
.Fl 0
says otherwise;
.Fl -mbox
wants one.
A message that holds NUL can't be put there, and its status is 65.
.Pp
A message of a Maildir keeps its flags, but for keywords, and the file's time as the date of its arrival; one of an mbox the
date of its From line.
.Fl -flags
adds to the flags,
.Fl -date
is the date of all.
.Pp
Where the server has MULTIAPPEND, several messages go in one command, all of them or none; if it refuses, each goes alone, so that
the others arrive.
A message that is larger than what the server takes (APPENDLIMIT) is not sent, and its status is 65.
.Sh OUTPUT
The reference of each new message, a line each, where the server tells it (UIDPLUS).
With
.Fl n
the number, size, date and flags of each message, separated by tabs.
With
.Fl -json
each message is a line, an object with the keys
.Li number
(from 1),
.Li file
(or null),
.Li fate
(done, never, later, unknown),
.Li now
(the reference, or null) and
.Li error
(null if there is none).
.Sh EXIT STATUS
0; 64 wrong arguments, or an empty message; 65 a message can't be put there as it is; 66 a file can't be read; 67 some are done and
others not; 69 refused: no such folder, no room; 75 unreachable, or the connection was lost before a message was handed over; 76
protocol error, or TLS that can't be had or verified; 77 login refused; 79 the connection was lost behind a message and before the
answer; see
.Xr pipepost 7 .
.Sh EXAMPLES
A draft:
.Bd -literal -offset indent
mailfmt new -s draft --to dave@localhost < /dev/null | imap-put --flags draft,seen local:Drafts
.Ed
.Pp
An archive of a mailing list:
.Bd -literal -offset indent
imap-fetch local:INBOX --into mbox:list.mbox
imap-put local:Archive list.mbox
.Ed
"#;

    fn run(self) -> Outcome {
        signals::tidy()?;
        let reach = Reach::new(NAME, &self.common)?;
        let (at, folder) = reach.accounts().folder(&self.folder)?;
        let flags = self.flags.as_deref().map(words).transpose()?.unwrap_or_default();
        let date = self.date.as_deref().map(date).transpose()?;
        let mut put = Put {
            client: None,
            open: &|| connect(&reach, &at),
            place: folder_name(&at, &folder),
            folder: &folder,
            flags,
            date,
            json: self.json,
            out: Out::until(reach.whole()),
            tally: Tally::default(),
            limit: None,
            batch: Vec::new(),
            bytes: 0,
            lost: None,
            quiet: self.common.quiet,
        };
        if self.dry_run {
            each(&self, reach.whole(), &mut |number, item| put.would(number, item))?;
            return Ok(put.tally.exit());
        }
        let read = each(&self, reach.whole(), &mut |number, item| put.take(number, item));
        // What came before an error is put there.
        let flushed = put.flush();
        if let Some(mut client) = put.client.take() {
            show_alerts(NAME, &mut client);
            client.logout()?;
        }
        flushed?;
        if let Err(e) = read {
            if put.tally.is_empty() || matches!(e.exit(), Exit::Protocol | Exit::IoErr) {
                return Err(e.into());
            }
            complain(NAME, &e.to_string(), e.advice());
            put.tally.failed(e.exit());
        }
        Ok(put.tally.exit())
    }
}

/// `seen,$Label`.
fn words(text: &str) -> Result<Flags, Failure> {
    let mut flags = Flags::none();
    for word in text.split(',') {
        let bare = word.strip_prefix('\\').unwrap_or(word);
        match Flag::ALL.into_iter().find(|flag| flag.word().trim_start_matches('\\').eq_ignore_ascii_case(bare)) {
            Some(flag) => flags.set(flag, true),
            None if is_keyword(word) => drop(flags.add(word)),
            None => {
                return Err(Failure::usage(format!("--flags {text}: not a flag: {word}"))
                    .advise("seen, answered, flagged, deleted, draft, or a keyword like $Label"));
            }
        }
    }
    Ok(flags)
}

fn date(text: &str) -> Result<DateTime<FixedOffset>, Failure> {
    let read = || DateTime::parse_from_rfc3339(text).ok().or_else(|| when(&Date::parse(text.as_bytes())?));
    read().ok_or_else(|| {
        Failure::usage(format!("--date {text}: not a date")).advise("like Sun, 22 Nov 2026 22:16:00 +0000")
    })
}

struct Put<'p> {
    client: Option<Client>,
    open: &'p dyn Fn() -> Result<Client>,
    place: String,
    folder: &'p str,
    flags: Flags,
    date: Option<DateTime<FixedOffset>>,
    json: bool,
    out: Out,
    tally: Tally,
    /// APPENDLIMIT, once somebody is connected.
    limit: Option<u64>,
    batch: Vec<Item>,
    bytes: u64,
    /// Why nothing more can be put there.
    lost: Option<Error>,
    quiet: bool,
}

impl Put<'_> {
    fn take(&mut self, number: u64, item: Result<Item>) -> Result<()> {
        let item = match item {
            Ok(item) => item,
            Err(e) => return self.told(number, None, Err(&e)),
        };
        if let Some(e) = &self.lost {
            let e = e.clone();
            return self.told(item.number, item.file.as_ref(), Err(&e));
        }
        if self.client.is_none() {
            // Nobody is connected to before there is something to put there.
            let mut client = (self.open)()?;
            self.limit = client.limit_of(self.folder)?;
            self.client = Some(client);
        }
        if let Some(limit) = self.limit.filter(|limit| item.size > *limit) {
            let e = Error::data(format!("a message of {} bytes; the server takes at most {limit}", item.size));
            return self.told(item.number, item.file.as_ref(), Err(&e));
        }
        self.bytes = self.bytes.saturating_add(item.size);
        self.batch.push(item);
        let several = self.client.as_ref().is_some_and(|client| client.has("MULTIAPPEND"));
        if !several || self.batch.len() >= BATCH.0 || self.bytes >= BATCH.1 { self.flush() } else { Ok(()) }
    }

    /// Puts the messages that wait there, together.
    fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        let mut batch = std::mem::take(&mut self.batch);
        if batch.len() > 1 {
            match self.append(&mut batch) {
                // Which of them it was is not told, and none is there: each goes alone.
                Err(e) if e.exit() == Exit::Refused => {}
                done => return self.all_told(&batch, done),
            }
        }
        for item in &mut batch {
            if let Some(e) = self.lost.clone() {
                self.told(item.number, item.file.as_ref(), Err(&e))?;
                continue;
            }
            let one = std::slice::from_mut(item);
            let done = self.append(one);
            self.all_told(one, done)?;
        }
        Ok(())
    }

    fn all_told(&mut self, batch: &[Item], done: Result<Vec<Option<Appended>>>) -> Result<()> {
        match done {
            Ok(all) => {
                if all.contains(&None) && !self.quiet && !self.json && self.tally.is_empty() {
                    complain(NAME, &format!("{}: the server does not tell the new references", self.place), None);
                }
                batch.iter().zip(all).try_for_each(|(item, now)| self.told(item.number, item.file.as_ref(), Ok(now)))
            }
            Err(e) => {
                if !matches!(e.exit(), Exit::Refused | Exit::Data) {
                    // The connection is gone, and what follows has not been handed over.
                    let unknown = e.exit() == Exit::Unknown;
                    self.lost = Some(if unknown { e.clone().with_exit(Exit::TempFail) } else { e.clone() });
                    self.client = None;
                }
                batch.iter().try_for_each(|item| self.told(item.number, item.file.as_ref(), Err(&e)))
            }
        }
    }

    fn append(&mut self, batch: &mut [Item]) -> Result<Vec<Option<Appended>>> {
        let Some(client) = &mut self.client else { return Err(Error::internal("nobody is connected")) };
        let mut bodies = Vec::with_capacity(batch.len());
        for item in batch {
            let mut flags = item.flags.clone();
            flags.include(&self.flags);
            let flags = flags.words().map(str::to_owned).collect();
            let what = Appending { flags, date: self.date.or(item.date), size: item.size };
            bodies.push((what, WireBody::new(item.spool.body()?, ToWire::plain(LoneCr::Keep))));
        }
        let mut all: Vec<ToAppend<'_>> =
            bodies.iter_mut().map(|(what, message)| ToAppend { what: what.clone(), message }).collect();
        client.append_all(self.folder, &mut all)
    }

    fn told(&mut self, number: u64, file: Option<&PathBuf>, done: Result<Option<Appended>, &Error>) -> Result<()> {
        let now = done.ok().flatten().map(|a| format!("{}#{}.{}", self.place, a.uid_validity, a.uid));
        let error = done.err();
        match error {
            None => self.tally.done(),
            Some(e) => {
                let what = file.map_or_else(|| format!("message {number}"), |file| file.display().to_string());
                complain(NAME, &format!("{what}: {e}"), e.advice());
                self.tally.failed(e.exit());
            }
        }
        if self.json {
            let object = json!({
                "number": number,
                "file": file.map(|file| file.display().to_string()),
                "fate": error.map_or("done", |e| e.fate().word()),
                "now": now,
                "error": error.map(ToString::to_string),
            });
            return self.out.must(format!("{object}\n").as_bytes());
        }
        now.map_or(Ok(()), |now| self.out.must(format!("{now}\n").as_bytes()))
    }

    fn would(&mut self, number: u64, item: Result<Item>) -> Result<()> {
        let item = match item {
            Ok(item) => item,
            Err(e) => return self.told(number, None, Err(&e)),
        };
        let mut flags = item.flags;
        flags.include(&self.flags);
        let date = self.date.or(item.date).map(|date| date.to_rfc3339()).unwrap_or_default();
        self.tally.done();
        self.out.must(format!("{number}\t{}\t{date}\t{flags}\n", item.size).as_bytes())
    }
}
