//! One folder: its connection, made again whenever it is lost, and what is seen over it.

use super::{Kind, NAME};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::imap::{connect, opened, show_alerts};
use crate::cli::reference::folder_name;
use crate::client::imap::{Event, Picture, Selected};
use crate::error::{Error, Exit, Result};
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

/// A thread's work.
pub(super) struct Watcher {
    /// Its place among the folders.
    pub(super) place: usize,
    /// As it was when a program before this one ended.
    pub(super) before: Option<Picture>,
    /// Whether somebody remembers how it is.
    pub(super) remembers: bool,
    /// Each change is waited for.
    pub(super) once: bool,
    pub(super) at: Endpoint,
    pub(super) folder: String,
    pub(super) reach: Arc<Reach>,
    pub(super) key: Option<SearchKey>,
    pub(super) events: Vec<Kind>,
    pub(super) poll: Duration,
    pub(super) verbose: bool,
    /// Readable when all is over.
    pub(super) bell: PipeReader,
    pub(super) tell: SyncSender<Told>,
}

impl Watcher {
    pub(super) fn run(mut self) {
        let mut picture = self.before.take().unwrap_or_default();
        // Those of which it is not yet known whether the search holds.
        let mut news = Vec::new();
        let mut pause = Duration::from_secs(1);
        loop {
            let stood = Deadline::after(STOOD);
            let e = match self.watch(&mut picture, &mut news) {
                Ok(()) => return,
                Err(e) => e,
            };
            let again = match e.exit() {
                Exit::TempFail => true,
                // What worked before may work again.
                Exit::NoHost | Exit::Protocol | Exit::Refused | Exit::Unknown => picture.uid_validity() != 0,
                _ => false,
            };
            if !again || self.reach.whole().passed() {
                let _ = self.tell.send(Told::Failed(e));
                return;
            }
            if stood.passed() {
                pause = Duration::from_secs(1);
            }
            complain(NAME, &format!("{}: {e}; trying again", self.name()), None);
            if self.rings_within(pause) {
                return;
            }
            pause = pause.saturating_mul(2).min(LONGEST);
        }
    }

    fn name(&self) -> String {
        folder_name(&self.at, &self.folder)
    }

    fn rings_within(&self, pause: Duration) -> bool {
        let mut ready = [PollFd::new(&self.bell, PollFlags::IN)];
        let within = Timespec::try_from(pause).ok();
        poll(&mut ready, within.as_ref()).is_ok_and(|n| n > 0)
    }

    /// Watches until the bell rings.
    fn watch(&self, picture: &mut Picture, news: &mut Vec<Seen>) -> Result<()> {
        let mut client = connect(&self.reach, &self.at)?;
        show_alerts(NAME, &mut client);
        let mut selected = client.examine(&self.folder)?;
        let name = format!("{}#{}.", self.name(), selected.uid_validity());
        selected.look(picture, &mut |event| self.event(&name, event, news))?;
        self.matching(&mut selected, picture, &name, news)?;
        let mut kept = Instant::now();
        self.keep(picture)?;
        if self.verbose {
            complain(NAME, &format!("watching {}", opened(&self.folder, selected.opened())), None);
        }
        loop {
            let until = Deadline::after(if selected.has("IDLE") { RENEW } else { self.poll });
            let wake = selected.wait(picture, self.bell.as_fd(), until, &mut |event| self.event(&name, event, news))?;
            if wake == Wake::Bell {
                self.keep(picture)?;
                break;
            }
            self.matching(&mut selected, picture, &name, news)?;
            // A large one is not kept for each message.
            if self.once
                || kept.elapsed() >= Duration::from_millis(u64::try_from(picture.len()).unwrap_or(u64::MAX) / 10)
            {
                kept = Instant::now();
                self.keep(picture)?;
            }
        }
        client.logout()
    }

    /// Tells of the new messages for which the search holds.
    fn matching(
        &self,
        selected: &mut Selected<'_>,
        picture: &mut Picture,
        name: &str,
        news: &mut Vec<Seen>,
    ) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
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
                complain(NAME, &format!("{}: {why}", self.name()), None);
                news.clear();
                return Ok(());
            }
        };
        if !self.events.contains(&kind) {
            return Ok(());
        }
        let seen = Seen { kind, reference: format!("{name}{uid}"), uid, flags, envelope };
        if kind == Kind::New && self.key.is_some() {
            news.push(seen);
            return Ok(());
        }
        self.tell(seen)
    }

    fn keep(&self, picture: &Picture) -> Result<()> {
        if !self.remembers {
            return Ok(());
        }
        let told = Told::Picture(self.place, picture.to_bytes());
        self.tell.send(told).map_err(|_| Error::new(Exit::Ok, "nobody listens any more"))
    }

    fn tell(&self, seen: Seen) -> Result<()> {
        self.tell.send(Told::Seen(seen)).map_err(|_| Error::new(Exit::Ok, "nobody listens any more"))
    }
}
