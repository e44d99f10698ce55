//! imap-watch(1): prints an event a line as mail arrives or changes.
//!
//! A thread and a connection for each folder; what they see comes together here. What happened before the program was started is told where a
//! history of an earlier one was kept (`--state`).

mod batch;
mod folder;

use crate::cli::args::{Common, duration};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::out::{Column, Reader, Table, choose};
use crate::cli::query::Looking;
use crate::cli::reference::folder_name;
use crate::cli::{Outcome, Tool, signals, system};
use crate::client::imap::Picture;
use crate::error::{Error, Exit, Local, Result};
use crate::net::Deadline;
use crate::net::endpoint::{Endpoint, Service};
use crate::store::state::{History, Key, State};
use batch::Batch;
use clap::{Parser, ValueEnum};
use folder::{Seen, Told, Watched, Watcher, Ways};
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Prints a line for each message that comes, changes its flags or goes, as it happens.
#[derive(Parser)]
#[command(name = "imap-watch", version)]
pub struct ImapWatch {
    /// Folders, of one or of many accounts: local:INBOX, work:, work:Lists/rust (default: INBOX of the default account).
    #[arg(value_name = "ACCOUNT:[FOLDER]")]
    folders: Vec<String>,
    /// Only these.
    #[arg(long, value_name = "EVENT,...", value_delimiter = ',', default_value = "new,flags,vanished")]
    events: Vec<Kind>,
    #[command(flatten)]
    looking: Looking,
    /// End at the first event, with --state behind those that came together with it.
    #[arg(long)]
    once: bool,
    /// Run COMMAND by /bin/sh instead of printing, with the events on its stdin, one JSON object a line.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["columns", "json", "null"])]
    exec: Option<String>,
    /// Collect the events of this time for one run of the command of --exec.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s", requires = "exec")]
    debounce: Duration,
    /// The name of the history of what was fetched or told.
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// How often to ask a server that does not tell by itself (no IDLE).
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1m")]
    poll: Duration,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// The columns, in this order.
    #[arg(short = 'o', long, value_name = "COLUMN,...", value_delimiter = ',')]
    columns: Vec<String>,
    /// End records with NUL instead of a newline.
    #[arg(short = '0', long)]
    null: bool,
    #[command(flatten)]
    common: Common,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// A message came.
    New,
    /// A message's flags changed.
    Flags,
    /// A message went.
    Vanished,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::New => "new",
            Kind::Flags => "flags",
            Kind::Vanished => "vanished",
        }
    }
}

const NAME: &str = "imap-watch";
/// Events that wait for a slow reader; then the folders wait too.
const WAITING: usize = 1000;
/// How long folders may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

const COLUMNS: [Column; 8] = [
    Column { name: "event", width: 8, right: false },
    Column { name: "ref", width: 24, right: false },
    Column { name: "from", width: 28, right: false },
    Column { name: "subject", width: 20, right: false },
    Column { name: "flags", width: 14, right: false },
    Column { name: "date", width: 25, right: false },
    Column { name: "uid", width: 7, right: true },
    Column { name: "message-id", width: 28, right: false },
];

impl Tool for ImapWatch {
    const MAN: &'static str = r#"
.Sh EVENTS
.Bl -tag -width vanished -compact
.It Cm new
a message came
.It Cm flags
a message's flags are others now
.It Cm vanished
a message was removed, or moved elsewhere
.El
.Pp
The columns are
.Cm event , ref
(the reference that every imap program takes),
.Cm from , subject
(decoded),
.Cm flags
(with commas, without their backslash),
.Cm date
(of the header, RFC 3339),
.Cm uid
and
.Cm message-id .
Without
.Fl o
these are the first four.
Of
.Cm flags
there are no header fields, and of
.Cm vanished
there are only event, reference and UID.
With
.Fl -json
each line is an object with all of these keys;
.Li uid
is a number,
.Li flags
an array of IMAP's words with their backslash, all others are strings; a missing value is null.
.Pp
What was there when the program was started is no event.
.Fl -where
and
.Fl -search
are about new messages; flags and removals are told of all.
.Sh CONNECTIONS
Folders are opened read-only.
Those of one account share a connection if the server has NOTIFY (RFC 5465) and IDLE: it tells in which of them something happens, and that one is
looked at.
Else each has a connection of its own.
A server with IDLE tells of changes at once, one with NOTIFY too brings the header of what comes by itself; others are asked every
.Fl -poll .
IDLE is renewed every 20 minutes, and as soon as the machine has woken up from its sleep.
.Pp
A connection that is lost is told on stderr and made again, after 1, 2, 4 seconds and so on up to 5 minutes.
What happened meanwhile is then told: nothing is lost and nothing is told twice.
Where UIDVALIDITY has changed meanwhile, that can't be known, which is told on stderr too.
.Pp
With
.Fl -state
what has been told is remembered in
.Pa $XDG_STATE_HOME/pipepost/state.sqlite ,
by folder and name, and the next start with that name first tells what happened since: nothing is lost, and only what was told
just before a kill is told again.
The first start with a name tells nothing of what is there.
.Pp
With
.Fl -exec ,
watching goes on while the command runs, and what happens meanwhile is for the next run; with
.Fl -state
it is remembered as told when the command has ended with 0, and so is all that came before: what a failed run was given is told
again at the next start only if no later run has ended well.
The command gets nothing of a message as an argument or in its environment.
A command that fails is told on stderr, and watching goes on.
.Sh EXIT STATUS
0 ended by
.Fl -once ,
by INT or TERM, or because nobody reads on;
64 wrong arguments; 69 no such folder; 75 ended by
.Fl -timeout ,
or by a signal while
.Fl -once
was still waiting; 76 TLS that can't be had or verified; 77 login refused; see
.Xr pipepost 7 .
.Sh EXAMPLES
Wait at most a second for a message in one's own inbox:
.Bd -literal -offset indent
imap-watch --once --events new --timeout 1s local: || echo nothing came
.Ed
"#;

    fn run(self) -> Outcome {
        let named = &self.columns;
        let usual = || COLUMNS.iter().take(4).copied().collect();
        let columns = if named.is_empty() { usual() } else { choose(named, &COLUMNS)? };
        let key = self.looking.key(None)?;
        let stop = signals::stop()?;
        let reach = Arc::new(Reach::new(NAME, &self.common)?);
        let name = |folder: Option<&str>| reach.accounts().account(folder, Service::Imap);
        let mut all = self.folders.iter().map(|folder| name(Some(folder))).collect::<Result<Vec<_>>>()?;
        if all.is_empty() {
            all.push(name(None)?);
        }
        let state = match &self.state {
            Some(_) => Some(State::open(&system::state_home()?.join("state.sqlite"))?),
            None => None,
        };
        let histories = match &state {
            Some(state) => all.iter().map(|at| self.history(state, &reach, at)).collect::<Result<Vec<_>>>()?,
            None => Vec::new(),
        };
        let (bell, ring) = std::io::pipe().local("pipe")?;
        let (tell, told) = sync_channel(WAITING);
        let ways = Ways {
            remembers: self.state.is_some(),
            once: self.once,
            reach: Arc::clone(&reach),
            key,
            events: self.events.clone(),
            poll: self.poll,
            verbose: self.common.verbose,
            bell: Arc::new(bell),
            tell: tell.clone(),
        };
        let mut accounts: Vec<(Endpoint, Vec<Watched>)> = Vec::new();
        for (place, at) in all.into_iter().enumerate() {
            let before = histories.get(place).map(History::watched).transpose()?.flatten();
            let watched = Watched::new(place, folder(&at), before.as_deref().and_then(Picture::from_bytes));
            let account = folder_name(&at, "");
            // One that is named twice is watched twice.
            let is_it = |(of, folders): &&mut (Endpoint, Vec<Watched>)| {
                folder_name(of, "") == account && folders.iter().all(|one| one.folder != watched.folder)
            };
            match accounts.iter_mut().find(is_it) {
                Some((_, folders)) => folders.push(watched),
                None => accounts.push((at, vec![watched])),
            }
        }
        for (at, folders) in accounts {
            Watcher { at, ways: ways.clone() }.start(folders)?;
        }
        drop(ways);
        let signal = tell.clone();
        let wait = move || {
            let mut ready = [PollFd::new(&*stop, PollFlags::IN)];
            while poll(&mut ready, None).is_err() {}
            let _ = signal.send(Told::Stop);
        };
        std::thread::Builder::new().name("signals".into()).stack_size(64 << 10).spawn(wait).local("no thread")?;
        let batch = self.exec.as_deref().map(|command| Batch::new(command, self.debounce, tell));
        let mut listener = Listener {
            once: self.once,
            ending: false,
            untold: false,
            table: Table::new(columns, self.json, self.null).until(reach.whole()),
            batch,
            histories,
            pictures: HashMap::new(),
            running: HashMap::new(),
        };
        let ended = listener.listen(&told, reach.whole());
        let _ = (&ring).write_all(b".");
        let goodbye = Deadline::after(GOODBYE);
        // The signals' thread never says goodbye, but it is the last one; a command that runs is waited for as long.
        while !goodbye.passed() && (Arc::strong_count(&reach) > 1 || listener.runs()) {
            if let (Ok(last), Ok(_)) = (told.recv_timeout(Duration::from_millis(5)), &ended) {
                listener.last(last)?;
            }
        }
        Ok(ended?)
    }
}

/// The folder of an account that is watched.
fn folder(at: &Endpoint) -> String {
    at.folder.clone().unwrap_or_else(|| "INBOX".to_owned())
}

impl ImapWatch {
    fn history<'s>(&self, state: &'s State, reach: &Reach, at: &Endpoint) -> Result<History<'s>> {
        let name = self.state.as_deref().unwrap_or_default();
        let key = Key {
            protocol: NAME.to_owned(),
            login: reach.login_name(at)?,
            host: at.host_in_history(),
            // A folder's name has no line break.
            name: format!("{}\n{name}", folder(at)),
        };
        state.history(&key, reach.patience().left().unwrap_or(Duration::MAX))
    }
}

/// Where all that is seen comes together.
struct Listener<'l> {
    once: bool,
    /// There was an event.
    ending: bool,
    /// An event was seen and will not be told: how folders are after it says nothing of what was told.
    untold: bool,
    table: Table,
    batch: Option<Batch>,
    histories: Vec<History<'l>>,
    /// How folders were when all their events before were in the batch.
    pictures: HashMap<usize, Vec<u8>>,
    /// The same for the command that runs.
    running: HashMap<usize, Vec<u8>>,
}

impl Listener<'_> {
    fn listen(&mut self, told: &Receiver<Told>, whole: Deadline) -> Result<Exit> {
        loop {
            let due = self.batch.as_ref().map_or(Deadline::NEVER, Batch::due);
            let next = match due.or_earlier(whole).left() {
                Some(left) => told.recv_timeout(left),
                None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match next {
                Ok(Told::Seen(seen)) => match &mut self.batch {
                    Some(batch) => {
                        batch.add(&object(&seen))?;
                        self.ending = self.once;
                        if self.ending && self.histories.is_empty() {
                            self.run()?;
                        }
                    }
                    None => {
                        self.table.row(|column| cell(&seen, column.name), || object(&seen))?;
                        self.ending = self.once;
                        if self.table.flush()? == Reader::Gone {
                            self.untold = true;
                            return Ok(Exit::Ok);
                        }
                        if self.ending && self.histories.is_empty() {
                            return Ok(Exit::Ok);
                        }
                    }
                },
                Ok(Told::Picture(place, picture)) => {
                    self.picture(place, picture)?;
                    // What came together with the first event has been told, so that nothing is told again.
                    match self.batch {
                        Some(_) if self.ending => self.run()?,
                        None if self.ending => return Ok(Exit::Ok),
                        _ => {}
                    }
                }
                Ok(Told::Ran(ended)) => {
                    let ended = self.ran(ended);
                    match ended {
                        ended if self.once => return ended,
                        Err(e) => complain(NAME, &e.to_string(), e.advice()),
                        Ok(_) => {}
                    }
                }
                Ok(Told::Failed(e)) => return Err(e),
                Ok(Told::Stop) if self.once => return Ok(Exit::TempFail),
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(Exit::Ok),
                Err(RecvTimeoutError::Timeout) if whole.passed() => {
                    return Err(Error::temporary("not within --timeout"));
                }
                Err(RecvTimeoutError::Timeout) => self.run()?,
            }
        }
    }

    /// Whether a command has not ended.
    fn runs(&self) -> bool {
        self.batch.as_ref().is_some_and(|batch| !batch.is_idle() && !batch.waits())
    }

    fn run(&mut self) -> Result<()> {
        let Some(batch) = &mut self.batch else { return Ok(()) };
        let pictures = std::mem::take(&mut self.pictures);
        match batch.run() {
            Ok(()) => {
                self.running.extend(pictures);
                Ok(())
            }
            Err(e) if !self.once => {
                complain(NAME, &e.to_string(), e.advice());
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// What comes when all is over.
    fn last(&mut self, told: Told) -> Result<()> {
        match told {
            Told::Seen(_) => {
                self.untold = true;
                Ok(())
            }
            // Behind events that nobody was told of.
            Told::Picture(..) if self.untold || self.batch.as_ref().is_some_and(Batch::waits) || self.once => Ok(()),
            Told::Picture(place, picture) => self.picture(place, picture),
            Told::Ran(ended) => self.ran(ended).map(drop),
            _ => Ok(()),
        }
    }

    fn picture(&mut self, place: usize, picture: Vec<u8>) -> Result<()> {
        match &self.batch {
            Some(batch) if batch.waits() => {
                self.pictures.insert(place, picture);
                Ok(())
            }
            Some(batch) if !batch.is_idle() => {
                self.running.insert(place, picture);
                Ok(())
            }
            _ => self.remember(place, &picture),
        }
    }

    fn ran(&mut self, ended: Result<Exit>) -> Result<Exit> {
        if let Some(batch) = &mut self.batch {
            batch.ran();
        }
        let pictures = std::mem::take(&mut self.running);
        let ended = ended?;
        pictures.iter().try_for_each(|(place, picture)| self.remember(*place, picture))?;
        Ok(ended)
    }

    fn remember(&self, place: usize, picture: &[u8]) -> Result<()> {
        self.histories.get(place).map_or(Ok(()), |history| history.watch(picture))
    }
}

fn cell(seen: &Seen, column: &str) -> String {
    match (column, &seen.flags) {
        ("flags", Some(flags)) => flags.iter().map(|flag| flag.trim_start_matches('\\')).collect::<Vec<_>>().join(","),
        _ => match seen.value(column) {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        },
    }
}

fn object(seen: &Seen) -> Value {
    Value::Object(COLUMNS.iter().map(|c| (c.name.to_owned(), seen.value(c.name))).collect::<Map<_, _>>())
}
