//! The way into the outgoing queue, and out of it: the flags of smtp-send(1), and the connections of a runner.

use super::args::Common;
use super::connect::Reach;
use super::exit::complain;
use super::outgoing::{Outgoing, ehlo_name};
use super::route;
use crate::body::Body;
use crate::client::smtp::{self, Client, Outcome};
use crate::client::{Dial, opened};
use crate::config::queue::Schedule;
use crate::error::{Error, Exit, Fate, Result};
use crate::message::date::Date;
use crate::net::Deadline;
use crate::net::endpoint::{Endpoint, Service};
use crate::net::trace::TraceTo;
use crate::proto::mailbox::Mailbox;
use crate::queue::{Claim, Entry, Envelope, Event, Key, Post, Queue, Recipient, Runner, Status, To, Trouble};
use clap::Args;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a second message under one idempotency key waits for the first, without --timeout.
const PATIENCE: Duration = Duration::from_secs(60);

/// What smtp-send takes for the queue.
#[derive(Args, Clone, Debug, Default)]
pub struct Queueing {
    /// Store the message in the queue, from where smtp-queue run sends it (key: queue = true).
    #[arg(long)]
    pub queue: bool,
    /// Queue it for those recipients that can't get it now but may later.
    #[arg(long)]
    pub queue_on_tempfail: bool,
    /// Send nothing if a message was sent or queued under this key within 30 days.
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// The caller's queue, made if it is not there.
///
/// # Errors
/// Those of [`Queue::open`]; 78: no home directory.
pub fn queue() -> Result<Queue> {
    Queue::open(&super::system::state_home()?)
}

/// The caller's queue, if there is one.
///
/// # Errors
/// Those of [`Queue::open`]; 78: no home directory.
pub fn existing_queue() -> Result<Option<Queue>> {
    Queue::existing(&super::system::state_home()?)
}

/// Tells, if nobody delivers what is queued.
///
/// # Errors
/// 74, 75: the queue can't be read.
pub fn warn_if_forsaken(queue: &Queue, program: &str) -> Result<()> {
    if let Some(forsaken) = queue.forsaken()? {
        let last =
            forsaken.last.map_or_else(|| "nobody ever came".into(), |at| format!("last {}", Date::utc(at).rfc3339()));
        complain(
            program,
            &format!("mail waits in the queue, and nobody has come to deliver it for an hour ({last})"),
            Some("let smtp-queue run be started every few minutes, or keep smtp-queue run --forever running"),
        );
    }
    Ok(())
}

impl Queueing {
    /// Whether messages for `at` are stored now and sent later.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn stores(&self, reach: &Reach, at: &Endpoint) -> Result<bool> {
        Ok(self.queue || reach.accounts().settings(at)?.queue.is_some_and(|set| set.value))
    }

    /// The queue, if anything of this needs it.
    ///
    /// # Errors
    /// Those of [`Queue::open`].
    pub fn open(&self, stores: bool) -> Result<Option<Queue>> {
        let needed = stores || self.queue_on_tempfail || self.idempotency_key.is_some();
        if needed { queue().map(Some) } else { Ok(None) }
    }

    /// Takes the idempotency key. `Some(Err)`: it is used, which is the status.
    ///
    /// # Errors
    /// Those of [`Queue::claim`].
    pub fn claim<'q>(&self, queue: Option<&'q Queue>, reach: &Reach) -> Result<Option<Result<Key<'q>, Exit>>> {
        let (Some(key), Some(queue)) = (&self.idempotency_key, queue) else { return Ok(None) };
        let until = if reach.whole() == Deadline::NEVER { Deadline::after(PATIENCE) } else { reach.whole() };
        Ok(Some(match queue.claim(key, until)? {
            Claim::Ours(key) => Ok(key),
            Claim::Used => Err(Exit::Ok),
            Claim::Unknown => Err(Exit::Unknown),
        }))
    }
}

/// Stores a message in the queue: its name there.
///
/// # Errors
/// 73, 74, 75: it can't be; then nothing of it is.
pub fn enqueue(
    queue: &Queue,
    message: &mut Outgoing,
    envelope: &smtp::Envelope,
    to: &[Mailbox],
    hop: &str,
    key: Option<&Key<'_>>,
) -> Result<String> {
    let smtp::Envelope { from, utf8_header, wants, .. } = envelope;
    let smtp::Wants { notify, ret, envid, reports, by, hold, priority, require_tls, all_or_nothing } = wants;
    if by.is_some() || hold.is_some() || priority.is_some() || *require_tls || *all_or_nothing {
        return Err(Error::usage(
            "the queue keeps nothing of what is asked of a server but --notify, --ret and --envid",
        ));
    }
    if *utf8_header || from.iter().chain(to).any(|address| !address.is_ascii()) {
        return Err(Error::data("the queue takes no addresses or header fields beyond ASCII"));
    }
    let mut draft = queue.draft()?;
    let mut body = message.spool.body()?;
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() {
            break;
        }
        draft.write(piece)?;
    }
    let to = to.iter().map(|address| To {
        address: address.clone(),
        hop: hop.to_owned(),
        notify: reports.get(address).map_or(*notify, |report| report.notify),
        orcpt: None,
    });
    let envelope = Envelope {
        from: from.clone(),
        size: message.facts.size_smtp(),
        eight_bit: message.facts.eight_bit > 0,
        ret: *ret,
        envid: envid.clone(),
        to: to.collect(),
    };
    match key {
        Some(key) => key.commit(draft, &envelope),
        None => draft.commit(&envelope),
    }
}

/// Writes down under a key what has become of a message.
///
/// # Errors
/// 74, 75: the database.
pub fn settle(key: &Key<'_>, outcomes: &[Outcome]) -> Result<()> {
    if outcomes.iter().any(|outcome| outcome.fate == Fate::Done) {
        key.done()
    } else if outcomes.iter().any(|outcome| outcome.fate == Fate::Unknown) {
        Ok(())
    } else {
        key.forget()
    }
}

/// What a runner tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// What needs somebody: a hop that is paused, an entry that is broken.
    Trouble,
    /// Every attempt.
    Steps,
}

/// Writes an attempt for programs.
pub type Attempts = Box<dyn Fn(&Entry, &Recipient) + Send + Sync>;

/// A runner's connections: each worker takes a way to servers that nobody else uses.
pub struct Carrier {
    program: &'static str,
    common: Common,
    trace: Option<TraceTo>,
    telling: Telling,
    attempts: Option<Attempts>,
    free: Mutex<Vec<Reach>>,
    domains: Vec<String>,
    hidden: Vec<String>,
    first: Mutex<Option<Exit>>,
}

impl Carrier {
    /// For `program`, whose flags are `common`; `reach` is the first way.
    ///
    /// # Errors
    /// 78: the configuration is wrong.
    pub fn new(
        program: &'static str,
        common: &Common,
        reach: Reach,
        telling: Telling,
        attempts: Option<Attempts>,
    ) -> Result<Carrier> {
        let mut domains = reach.accounts().domains()?.to_vec();
        domains.extend(["localhost".to_owned(), super::system::node_name(), super::system::host_name()]);
        Ok(Carrier {
            program,
            common: common.clone(),
            trace: reach.trace().cloned(),
            telling,
            attempts,
            hidden: reach.accounts().hidden()?,
            domains,
            free: Mutex::new(vec![reach]),
            first: Mutex::new(None),
        })
    }

    /// The status of the first trouble with us, if there was one.
    #[must_use]
    pub fn trouble(&self) -> Option<Exit> {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self) -> Result<Reach> {
        if let Some(reach) = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(reach);
        }
        // The trace is open already, and there is only one.
        let common = Common { trace: None, trace_data: false, ..self.common.clone() };
        let reach = Reach::new(self.program, &common)?;
        Ok(match &self.trace {
            Some(trace) => reach.with_trace(trace.clone()),
            None => reach,
        })
    }
}

fn connect(reach: &Reach, hop: &str) -> Result<Client> {
    let accounts = reach.accounts();
    let at = accounts.named(hop, Service::Smtp)?;
    let host = accounts.host(&at)?;
    route::first(&route::relays(reach, &at)?, None, |at| {
        let login = reach.login(at)?;
        opened(login.as_ref(), |login| {
            let wire = reach.dial(at, Deadline::NEVER)?;
            let name = ehlo_name(&host, &wire);
            Client::open(wire, at.service, &name, login)
        })
    })
}

impl Post for Carrier {
    fn connect(&self, hop: &str) -> Result<Client, Trouble> {
        let reach = self.reach().map_err(Trouble::Ours)?;
        let connected = connect(&reach, hop);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(reach);
        connected.map_err(|e| match e.exit() {
            // It may be reached later; whatever else an account's own server says is about us.
            Exit::TempFail => Trouble::Later(e),
            _ => Trouble::Ours(e),
        })
    }

    fn way_back(&self, sender: &Mailbox, hop: &str) -> String {
        let local = self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(sender.domain()));
        if local { "local:".to_owned() } else { hop.to_owned() }
    }

    fn host(&self) -> String {
        super::system::host_name()
    }

    fn hidden(&self) -> Vec<String> {
        self.hidden.clone()
    }

    fn hear(&self, event: &Event<'_>) {
        let tell = |text: String, advice: Option<&str>| complain(self.program, &text, advice);
        let steps = self.telling == Telling::Steps;
        match event {
            Event::Paused(hop, why) => {
                self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why.exit());
                let text = format!("{hop} is paused: {why}");
                tell(text, Some("nothing is lost or given up; after mending it, smtp-queue retry --all tries at once"));
            }
            Event::Broken(id, why) => tell(format!("{id} is held: {why}"), None),
            Event::Dropped(entry) => tell(format!("{}: a notification that nobody takes is dropped", entry.id), None),
            Event::Hook(entry, why) => tell(format!("{}: the hook has failed: {why}", entry.id), None),
            Event::Notified(entry, id) if steps => tell(format!("{}: {id} tells <{}>", entry.id, entry.from), None),
            Event::Notified(..) => {}
            Event::Tried(entry, to) => {
                if let Some(attempts) = &self.attempts {
                    attempts(entry, to);
                }
                if steps {
                    let code = to.code.map(|code| format!("{code} ")).unwrap_or_default();
                    let twice = if to.doubtful && to.status == Status::Done { " (possible duplicate)" } else { "" };
                    let text = format!("{}: {}: {}{twice}: {code}{}", entry.id, to.address, to.status.word(), to.text);
                    tell(text, None);
                }
            }
        }
    }
}

/// The table `[queue]`, or its defaults.
///
/// # Errors
/// 78: the configuration is wrong.
pub fn schedule(reach: &Reach) -> Result<Schedule> {
    Ok(reach.accounts().config()?.and_then(|config| config.queue().cloned()).unwrap_or_default())
}

/// What wakes a runner that waits: its end, something written in the state directory, the next due time.
struct Alarm {
    stop: Arc<OwnedFd>,
    /// `None`: the system has none left to give, so the clock alone wakes it.
    changes: Option<OwnedFd>,
}

impl Alarm {
    fn new(stop: Arc<OwnedFd>) -> Result<Alarm> {
        let state = super::system::state_home()?;
        let changes = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok();
        let changes = changes.filter(|fd| inotify::add_watch(fd, &state, inotify::WatchFlags::MODIFY).is_ok());
        Ok(Alarm { stop, changes })
    }

    /// Forgets what has changed so far.
    fn clear(&self) {
        let mut buffer = [0u8; 4096];
        while let Some(fd) = &self.changes
            && rustix::io::read(fd, &mut buffer).is_ok_and(|n| n > 0)
        {}
    }

    /// Waits so long at most.
    fn wait(&self, at_most: Duration, wake_on_changes: bool) {
        let mut fds = vec![PollFd::new(&self.stop, PollFlags::IN)];
        if wake_on_changes {
            fds.extend(self.changes.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        }
        let _ = poll(&mut fds, Timespec::try_from(at_most).ok().as_ref());
    }
}

/// Whether a descriptor is readable.
fn is_rung(stop: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut [PollFd::new(stop, PollFlags::IN)], Some(&now)), Ok(n) if n > 0)
}

/// Delivers what is due, once.
///
/// # Errors
/// As [`Runner::pass`].
pub fn run_once(queue: &Queue, schedule: &Schedule, carrier: &Carrier, stop: &OwnedFd) -> Result<()> {
    Runner::new(queue, schedule, carrier, &|| is_rung(stop)).pass()
}

/// The longest that a runner sleeps; the clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(60);
/// How long it waits when what is due is in another runner's hands, or the queue can't be written.
const PAUSE: Duration = Duration::from_secs(5);

/// Delivers what is due as it becomes due or comes in, until `stop` is readable. What goes wrong with the queue itself is told, and
/// tried again.
///
/// # Errors
/// 74: no descriptors.
pub fn run_forever(queue: &Queue, schedule: &Schedule, carrier: &Carrier, stop: Arc<OwnedFd>) -> Result<()> {
    let alarm = Alarm::new(stop)?;
    let mut told = None;
    while !is_rung(&alarm.stop) {
        alarm.clear();
        let passed = run_once(queue, schedule, carrier, &alarm.stop).and_then(|()| queue.next_due());
        match passed {
            Ok(next) => {
                told = None;
                let now = super::compose::now();
                match next {
                    Some(next) if next <= now => alarm.wait(PAUSE, false),
                    Some(next) => {
                        let left = Duration::from_secs(u64::try_from(next.saturating_sub(now)).unwrap_or(0));
                        alarm.wait(left.min(NAP), true);
                    }
                    None => alarm.wait(NAP, true),
                }
            }
            Err(e) => {
                if told.as_ref() != Some(&e) {
                    complain(carrier.program, &e.to_string(), e.advice());
                    told = Some(e);
                }
                alarm.wait(PAUSE, false);
            }
        }
    }
    Ok(())
}
