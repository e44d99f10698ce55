//! Folders of one account: their connection, made again whenever it is lost, and what is seen over it. Where the server can't tell of folders that
//! are not open, each has a connection of its own.

use super::{Kind, NAME};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::imap::{connect, opened, show_alerts};
use crate::cli::reference::folder_name;
use crate::client::imap::{Event, Picture, Selected};
use crate::error::{Error, Exit, Local, Result};
use crate::message::date::Date;
use crate::message::decode::words;
use crate::net::wire::Wake;
use crate::net::{Deadline, Endpoint};
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::structure::Envelope;
use crate::tools::imap_ls::messages::people;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};
use std::io::PipeReader;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// RFC 2177: before 29 minutes; address translators forget sooner.
const RENEW: Duration = Duration::from_secs(20 * 60);
/// The longest time between two attempts.
const LONGEST: Duration = Duration::from_secs(300);
/// How long a connection must have stood for the next attempt to be a first one.
const STOOD: Duration = Duration::from_secs(60);

/// What a folder's thread has to say.
pub(super) enum Told {
    Seen(Seen),
    /// All that happened in the folder of that place before this was told: how it is now.
    Picture(usize, Vec<u8>),
    /// It can't be watched.
    Failed(Error),
    /// The command of `--exec` has ended.
    Ran(Result<Exit>),
    /// A signal.
    Stop,
}

/// An event.
pub(super) struct Seen {
    kind: Kind,
    reference: String,
    uid: u32,
    pub(super) flags: Option<Vec<String>>,
    envelope: Option<Box<Envelope>>,
}

impl Seen {
    /// What a column has.
    pub(super) fn value(&self, column: &str) -> Value {
        let envelope = self.envelope.as_deref();
        match column {
            "event" => json!(self.kind.name()),
            "ref" => json!(self.reference),
            "uid" => json!(self.uid),
            "flags" => json!(self.flags),
            "from" => json!(envelope.and_then(|e| people(&e.from))),
            "subject" => json!(envelope.and_then(|e| e.subject.as_deref()).map(words)),
            "date" => {
                json!(envelope.and_then(|e| e.date.as_deref()).and_then(Date::parse).map(|date| date.rfc3339()))
            }
            "message-id" => {
                let id = envelope.and_then(|e| e.message_id.as_deref());
                json!(id.map(|id| String::from_utf8_lossy(id).into_owned()))
            }
            _ => Value::Null,
        }
    }
}

/// A folder that is watched.
pub(super) struct Watched {
    /// Its place among all.
    pub(super) place: usize,
    pub(super) folder: String,
    /// As it is known; at first as it was when a program before this one ended.
    pub(super) picture: Picture,
    /// Those of which it is not yet known whether the search holds.
    news: Vec<Seen>,
    /// When it was kept, over this connection.
    kept: Option<Instant>,
}

impl Watched {
    pub(super) fn new(place: usize, folder: String, before: Option<Picture>) -> Watched {
        Watched { place, folder, picture: before.unwrap_or_default(), news: Vec::new(), kept: None }
    }
}

/// What is the same for all folders.
#[derive(Clone)]
pub(super) struct Ways {
    /// Whether somebody remembers how folders are.
    pub(super) remembers: bool,
    /// Each change is waited for.
    pub(super) once: bool,
    pub(super) reach: Arc<Reach>,
    pub(super) key: Option<SearchKey>,
    pub(super) events: Vec<Kind>,
    pub(super) poll: Duration,
    pub(super) verbose: bool,
    /// Readable when all is over.
    pub(super) bell: Arc<PipeReader>,
    pub(super) tell: SyncSender<Told>,
}

/// A thread's work.
pub(super) struct Watcher {
    pub(super) at: Endpoint,
    pub(super) ways: Ways,
}

impl Watcher {
    /// On a thread of its own.
    ///
    /// # Errors
    /// 74: there can't be one.
    pub(super) fn start(self, folders: Vec<Watched>) -> Result<()> {
        let work = move || self.run(folders);
        std::thread::Builder::new().name(NAME.into()).spawn(work).local("no thread").map(drop)
    }

    fn run(self, mut folders: Vec<Watched>) {
        let mut pause = Duration::from_secs(1);
        loop {
            let stood = Deadline::after(STOOD);
            let e = match self.watch(&mut folders) {
                Ok(()) => return,
                Err(e) => e,
            };
            let again = match e.exit() {
                Exit::TempFail => true,
                // What worked before may work again.
                Exit::NoHost | Exit::Protocol | Exit::Refused | Exit::Unknown => {
                    folders.iter().all(|folder| folder.picture.uid_validity() != 0)
                }
                _ => false,
            };
            if !again || self.ways.reach.whole().passed() {
                let _ = self.ways.tell.send(Told::Failed(e));
                return;
            }
            if stood.passed() {
                pause = Duration::from_secs(1);
            }
            let of = match folders.as_slice() {
                [alone] => alone.folder.as_str(),
                _ => "",
            };
            complain(NAME, &format!("{}: {e}; trying again", folder_name(&self.at, of)), None);
            if self.rings_within(pause) {
                return;
            }
            pause = pause.saturating_mul(2).min(LONGEST);
        }
    }

    fn rings_within(&self, pause: Duration) -> bool {
        let mut ready = [PollFd::new(&*self.ways.bell, PollFlags::IN)];
        let within = Timespec::try_from(pause).ok();
        poll(&mut ready, within.as_ref()).is_ok_and(|n| n > 0)
    }

    /// Watches until the bell rings.
    fn watch(&self, folders: &mut Vec<Watched>) -> Result<()> {
        let mut client = connect(&self.ways.reach, &self.at)?;
        show_alerts(NAME, &mut client);
        if folders.len() > 1 {
            let names: Vec<&str> = folders.iter().map(|folder| folder.folder.as_str()).collect();
            if !client.notify_of(&names)? {
                for other in folders.split_off(1) {
                    Watcher { at: self.at.clone(), ways: self.ways.clone() }.start(vec![other])?;
                }
            }
        }
        folders.iter_mut().for_each(|folder| folder.kept = None);
        let names: Vec<String> = folders.iter().map(|folder| folder.folder.clone()).collect();
        // The first is the last, and stays open.
        let mut due: Vec<usize> = (0..folders.len()).collect();
        while let Some(at) = due.pop() {
            let Some(folder) = folders.get_mut(at) else { break };
            let mut selected = client.examine(&folder.folder)?;
            let name = format!("{}#{}.", folder_name(&self.at, &folder.folder), selected.uid_validity());
            let Watched { picture, news, .. } = folder;
            selected.look(picture, &mut |event| self.event(&name, event, news))?;
            self.matching(&mut selected, folder, &name)?;
            if folder.kept.is_none() && self.ways.verbose {
                complain(NAME, &format!("watching {}", opened(&folder.folder, selected.opened())), None);
            }
            self.keep(folder)?;
            let mut untold = false;
            loop {
                while let Some(stirred) = selected.stirred() {
                    let place = names.iter().position(|name| is_same(name, &stirred));
                    due.extend(place.filter(|place| *place != at && !due.contains(place)));
                }
                if !due.is_empty() {
                    break;
                }
                let until = Deadline::after(if selected.has("IDLE") { RENEW } else { self.ways.poll });
                let Watched { picture, news, .. } = folder;
                let bell = self.ways.bell.as_fd();
                let wake = selected.wait(picture, bell, until, &mut |event| self.event(&name, event, news))?;
                if wake == Wake::Bell {
                    self.keep(folder)?;
                    return client.logout();
                }
                self.matching(&mut selected, folder, &name)?;
                // A large one is not kept for each message.
                let pause = Duration::from_millis(u64::try_from(folder.picture.len()).unwrap_or(u64::MAX) / 10);
                untold = !self.ways.once && folder.kept.is_some_and(|kept| kept.elapsed() < pause);
                if !untold {
                    self.keep(folder)?;
                }
            }
            if untold {
                self.keep(folder)?;
            }
        }
        client.logout()
    }

    /// Tells of the new messages for which the search holds.
    fn matching(&self, selected: &mut Selected<'_>, folder: &mut Watched, name: &str) -> Result<()> {
        let Some(key) = &self.ways.key else { return Ok(()) };
        let Watched { picture, news, .. } = folder;
        while !news.is_empty() {
            let uids: Vec<u32> = news.iter().take(100).map(|seen| seen.uid).collect();
            let mut more = Vec::new();
            let found = selected.matching(picture, &uids, key, &mut |event| self.event(name, event, &mut more));
            news.append(&mut more);
            let found = found?;
            for seen in news.drain(..uids.len().min(news.len())) {
                if found.contains(&seen.uid) {
                    self.tell(seen)?;
                }
            }
        }
        Ok(())
    }

    fn event(&self, name: &str, event: Event, news: &mut Vec<Seen>) -> Result<()> {
        let (kind, uid, flags, envelope) = match event {
            Event::New { uid, flags, envelope } => (Kind::New, uid, Some(flags), envelope),
            Event::Flags { uid, flags } => (Kind::Flags, uid, Some(flags), None),
            Event::Vanished { uid } => (Kind::Vanished, uid, None, None),
            Event::Renumbered => {
                let why = "UIDVALIDITY has changed: what happened meanwhile can't be known";
                complain(NAME, &format!("{}: {why}", name.rsplit_once('#').map_or(name, |(name, _)| name)), None);
                news.clear();
                return Ok(());
            }
        };
        if !self.ways.events.contains(&kind) {
            return Ok(());
        }
        let seen = Seen { kind, reference: format!("{name}{uid}"), uid, flags, envelope };
        if kind == Kind::New && self.ways.key.is_some() {
            news.push(seen);
            return Ok(());
        }
        self.tell(seen)
    }

    fn keep(&self, folder: &mut Watched) -> Result<()> {
        folder.kept = Some(Instant::now());
        if !self.ways.remembers {
            return Ok(());
        }
        let told = Told::Picture(folder.place, folder.picture.to_bytes());
        self.ways.tell.send(told).map_err(|_| Error::new(Exit::Ok, "nobody listens any more"))
    }

    fn tell(&self, seen: Seen) -> Result<()> {
        self.ways.tell.send(Told::Seen(seen)).map_err(|_| Error::new(Exit::Ok, "nobody listens any more"))
    }
}

/// Whether two names are of one folder: INBOX is that in any letters.
fn is_same(one: &str, other: &str) -> bool {
    one == other || one.eq_ignore_ascii_case("INBOX") && other.eq_ignore_ascii_case("INBOX")
}
