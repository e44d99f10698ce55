//! [`Runner`]: delivers what is due, by several connections at once.
//!
//! What is due is grouped by next hop, so that many messages share a connection. What goes wrong with one message is that
//! message's: it goes to the back of the line. What is wrong with us (login, TLS, a relay's name) pauses the hop, is told once,
//! and is never a reason to give a message up.

use super::schedule::{seconds, wait};
use super::{Entry, NotLocked, Queue, Recipient, Status, now, random, rows};
use crate::client::smtp::Client;
use crate::config::queue::Schedule;
use crate::error::{Error, Result, words};
use crate::proto::mailbox::Mailbox;
use crate::store::disk;
use rusqlite::{OptionalExtension, params};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Why there is no connection to a hop.
#[derive(Debug)]
pub enum Trouble {
    /// Later may work: it counts as an attempt for every message that is due there.
    Later(Error),
    /// There is no such place, with what a status notification says (RFC 3463): its messages are refused.
    Never(Error, &'static str),
    /// Something is wrong with us: the hop is paused, and no message suffers.
    Ours(Error),
}

/// How a runner reaches the world.
pub trait Post: Sync {
    /// A connection to `hop`, as it is in [`super::To::hop`].
    ///
    /// # Errors
    /// See [`Trouble`].
    fn connect(&self, hop: &str) -> Result<Client, Trouble>;

    /// Where a notification for the `sender` of an entry goes whose message went by `hop`.
    fn way_back(&self, entry: &Entry, sender: &Mailbox, hop: &str) -> String;

    /// The name that notifications come from.
    fn host(&self) -> String;

    /// Environment variables that hold secrets, which a hook does not get.
    fn hidden(&self) -> Vec<String>;

    /// Hears what happens.
    fn hear(&self, event: &Event<'_>);
}

/// What happens.
#[derive(Debug)]
pub enum Event<'e> {
    /// An attempt was made for a recipient, which is now as it says.
    Tried(&'e Entry, &'e Recipient),
    /// A hop is paused: the first of its failures. To be told to whoever looks after the queue.
    Paused(&'e str, &'e Error),
    /// An entry can't be delivered as it is, and is held: why.
    Broken(&'e str, &'e str),
    /// A notification that could not be delivered itself is dropped.
    Dropped(&'e Entry),
    /// A notification was queued for the sender of an entry: its name.
    Notified(&'e Entry, &'e str),
    /// The hook failed: how.
    Hook(&'e Entry, &'e str),
}

/// Delivers what is due.
pub struct Runner<'r> {
    pub(super) queue: &'r Queue,
    pub(super) schedule: &'r Schedule,
    pub(super) post: &'r dyn Post,
    over: &'r (dyn Fn() -> bool + Sync),
    /// What this run has had in its hands; nothing comes twice in one run.
    seen: Mutex<HashSet<(String, String)>>,
    /// The entries that workers of this run have in their hands: one with several hops may be due at another one meanwhile.
    at_work: Mutex<HashSet<String>>,
    /// One of them was put down.
    put_down: Condvar,
    failed: Mutex<Option<Error>>,
    /// What others have leased is left alone.
    polls: bool,
    /// Something was delivered, or tried.
    pub(super) worked: AtomicBool,
    /// Notifications were queued in this round.
    pub(super) notified: Mutex<bool>,
}

/// A day: how often old files without rows are looked for.
const DAY: i64 = 24 * 3600;
/// Due recipients that a worker looks up at once.
const PAGE: usize = 100;
/// A clock that is ahead of what is written down by less is no clock that was set back.
const SLACK: i64 = 60;

/// Notifications that can't be delivered cause no others, so two would do.
const ROUNDS: usize = 3;

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'r> Runner<'r> {
    /// A runner for one pass, which begins no further message once it is `over`.
    #[must_use]
    pub fn new(
        queue: &'r Queue,
        schedule: &'r Schedule,
        post: &'r dyn Post,
        over: &'r (dyn Fn() -> bool + Sync),
    ) -> Runner<'r> {
        Runner {
            queue,
            schedule,
            post,
            over,
            seen: Mutex::default(),
            at_work: Mutex::default(),
            put_down: Condvar::new(),
            failed: Mutex::default(),
            polls: false,
            worked: AtomicBool::new(false),
            notified: Mutex::default(),
        }
    }

    /// The same, which does not even look at the locks of what another runner has had in its hands a moment ago.
    #[must_use]
    pub fn polling(mut self, polls: bool) -> Runner<'r> {
        self.polls = polls;
        self
    }

    /// Delivers all that is due now, and ends: whether something was.
    ///
    /// # Errors
    /// 74, 75: the queue itself can't be read or written; what was delivered until then is.
    pub fn pass(&self) -> Result<bool> {
        self.queue.set_fact("run", now())?;
        if self.queue.fact("sweep")?.is_none_or(|last| (now().saturating_sub(last)).abs() > DAY) {
            self.queue.sweep();
            self.queue.set_fact("sweep", now())?;
        }
        self.mend_times()?;
        self.left_behind()?;
        for _ in 0..ROUNDS {
            self.round()?;
            // What was queued meanwhile to tell senders need not wait for the next pass.
            if !std::mem::take(&mut *locked(&self.notified)) {
                break;
            }
        }
        Ok(self.worked.load(Ordering::Relaxed))
    }

    /// Delivers what is due and was not tried in this pass.
    fn round(&self) -> Result<()> {
        let hops = self.queue.hops_due()?;
        // A worker for each connection; a hop with much to do gets several.
        let mut tasks: VecDeque<String> = hops.iter().map(|(hop, _)| hop.clone()).collect();
        for _ in 1..self.schedule.per_destination.max(1) {
            tasks.extend(hops.iter().filter(|(_, due)| *due > MANY).map(|(hop, _)| hop.clone()));
        }
        let workers = self.schedule.connections.max(1).min(tasks.len());
        let tasks = Mutex::new(tasks);
        std::thread::scope(|s| {
            for _ in 0..workers {
                s.spawn(|| {
                    loop {
                        let task = locked(&tasks).pop_front();
                        let Some(hop) = task else { return };
                        if let Err(e) = self.hop(&hop) {
                            locked(&self.failed).get_or_insert(e);
                        }
                    }
                });
            }
        });
        locked(&self.failed).take().map_or(Ok(()), Err)
    }

    /// Delivers what is due at one hop, what is more urgent first.
    fn hop(&self, hop: &str) -> Result<()> {
        let mut client: Option<Client> = None;
        let mut elsewhere = Vec::new();
        let mut ranks = self.queue.ranks(hop)?.into_iter();
        let mut ended = ranks.try_for_each(|rank| self.rank(hop, rank, &mut client, &mut elsewhere));
        if ended.is_ok() {
            ended = elsewhere.iter().try_for_each(|id| self.after(id, hop, &mut client));
        }
        if let Some(client) = client {
            // The messages have had their answers.
            let _ = client.quit();
        }
        match ended {
            Err(Halt::Failed(e)) => Err(e),
            // Nobody is there: the others need not try.
            Ok(()) | Err(Halt::NoWay | Halt::Over) => self.age(hop),
        }
    }

    /// Delivers an entry that another worker has had in its hands.
    fn after(&self, id: &str, hop: &str, client: &mut Option<Client>) -> Result<(), Halt> {
        loop {
            let mut at_work = locked(&self.at_work);
            while at_work.contains(id) && !self.is_over() {
                let waited = self.put_down.wait_timeout(at_work, LOOK).unwrap_or_else(PoisonError::into_inner);
                at_work = waited.0;
            }
            drop(at_work);
            if self.is_over() {
                return Err(Halt::Over);
            }
            // Of several that have waited one takes it up; the others wait on.
            if self.entry(id, hop, client)? {
                return Ok(());
            }
        }
    }

    /// Takes an entry into the hands of a worker. `None`: another one has it.
    pub(super) fn take_up(&self, id: &str) -> Option<InHand<'_, 'r>> {
        let taken = locked(&self.at_work).insert(id.to_owned());
        taken.then(|| InHand { runner: self, id: id.to_owned() })
    }

    /// Delivers what is due at one hop and of one priority. What another worker has in its hands is left for later.
    fn rank(&self, hop: &str, rank: i64, client: &mut Option<Client>, elsewhere: &mut Vec<String>) -> Result<(), Halt> {
        let mut after = (i64::MIN, String::new());
        loop {
            let page = self.queue.due_at(hop, rank, &after, self.polls)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.clone();
            for some in page.chunks(CLAIM) {
                let mut ours: Vec<&str> = some.iter().map(|(_, id)| id.as_str()).collect();
                ours.retain(|id| locked(&self.seen).insert((hop.to_owned(), (*id).to_owned())));
                self.queue.lease(&ours, now().saturating_add(LEASE))?;
                let ended = ours.iter().try_for_each(|id| {
                    if self.is_over() {
                        return Err(Halt::Over);
                    }
                    if !self.entry(id, hop, client)? {
                        elsewhere.push((*id).to_owned());
                    }
                    Ok(())
                });
                self.queue.lease(&ours, 0)?;
                ended?;
            }
        }
    }

    /// Whether it is time to end, or another worker has found that the queue itself can't be written.
    fn is_over(&self) -> bool {
        (self.over)() || locked(&self.failed).is_some()
    }

    /// A clock that was set back would leave what waits waiting: then the time that was left counts from now.
    fn mend_times(&self) -> Result<()> {
        let (now, latest) = (now(), now().saturating_add(SLACK));
        let sql = "SELECT EXISTS (SELECT 1 FROM recipient WHERE status IN ('waiting', 'unknown') AND since > ?)";
        let ahead: bool = self.queue.db.read(|t| Ok(t.query_row(sql, [latest], |row| row.get(0))?))?;
        if ahead {
            // What is held back is so until a date.
            let sql = "UPDATE recipient SET next = max(?1 + max(0, min(next - since, ?2)),
                           coalesce((SELECT hold FROM entry WHERE id = entry), 0)), since = ?1
                       WHERE status IN ('waiting', 'unknown') AND since > ?3";
            let longest = seconds(self.schedule.retry_max).max(seconds(self.schedule.unknown_wait));
            self.queue.db.write(|t| Ok(t.execute(sql, params![now, longest, latest])?))?;
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM hop WHERE until > ?)";
        let longest = now.saturating_add(seconds(self.schedule.retry_max).saturating_mul(2));
        if self.queue.db.read(|t| Ok(t.query_row(sql, [longest], |row| row.get::<_, bool>(0))?))? {
            self.queue.db.write(|t| Ok(t.execute("UPDATE hop SET until = ? WHERE until > ?", [now, longest])?))?;
        }
        Ok(())
    }

    /// What runners that were killed have left: recipients without an answer, senders who were not told.
    fn left_behind(&self) -> Result<()> {
        let sql = "SELECT DISTINCT entry FROM recipient WHERE status = 'handed-over'
                   UNION SELECT DISTINCT entry FROM recipient WHERE untold";
        let left: Vec<String> = self.queue.db.read(|t| {
            let mut query = t.prepare(sql)?;
            let found = query.query_map([], |row| row.get(0))?;
            Ok(found.collect::<Result<_, _>>()?)
        })?;
        for id in left {
            let _lock = match self.queue.lock(&id) {
                Ok(lock) => lock,
                Err(NotLocked::Busy) => continue,
                Err(NotLocked::Broken(why)) => {
                    self.broken(&id, &why)?;
                    continue;
                }
                Err(NotLocked::Failed(e)) => return Err(e),
            };
            let Some(mut entry) = self.queue.entry(&id)? else { continue };
            if self.queue.recover(&mut entry)? {
                let wait = now().saturating_add(seconds(self.schedule.unknown_wait));
                let mut unknown: Vec<&mut Recipient> =
                    entry.to.iter_mut().filter(|to| to.status == Status::Unknown && to.next < wait).collect();
                unknown.iter_mut().for_each(|to| (to.next, to.since) = (wait, now()));
                self.queue.store(&id, &unknown.into_iter().map(|to| &*to).collect::<Vec<_>>())?;
                for to in entry.to.iter().filter(|to| to.status == Status::Unknown) {
                    self.post.hear(&Event::Tried(&entry, to));
                }
            }
            self.conclude(&mut entry)?;
        }
        Ok(())
    }

    /// Holds an entry that can't be read, and says so, once.
    pub(super) fn broken(&self, id: &str, why: &str) -> Result<()> {
        let Some(mut entry) = self.queue.entry(id)? else { return Ok(()) };
        let mut changed: Vec<&mut Recipient> =
            entry.to.iter_mut().filter(|to| !to.status.is_final() && to.status != Status::Held).collect();
        for to in &mut changed {
            to.status = Status::Held;
            to.text = why.to_owned();
        }
        if !changed.is_empty() {
            self.queue.store(id, &changed.into_iter().map(|to| &*to).collect::<Vec<_>>())?;
            self.post.hear(&Event::Broken(id, why));
        }
        Ok(())
    }

    /// Pauses a hop.
    pub(super) fn pause(&self, hop: &str, why: &Error) -> Result<()> {
        let now = now();
        let chance = random()?;
        let first = self.queue.db.write(|t| {
            let before: Option<i64> =
                t.query_row("SELECT since FROM hop WHERE hop = ?", [hop], |row| row.get(0)).optional()?;
            let since = before.unwrap_or(now);
            let until = now.saturating_add(wait(self.schedule, now.saturating_sub(since), chance));
            let sql = "INSERT INTO hop VALUES (?1, ?2, ?3, 1, ?4)
                       ON CONFLICT (hop) DO UPDATE SET until = ?2, failures = failures + 1, text = ?4";
            t.execute(sql, params![hop, until, since, why.to_string()])?;
            Ok(before.is_none())
        })?;
        if first {
            self.post.hear(&Event::Paused(hop, why));
        }
        Ok(())
    }
}

/// How often a worker that waits for another one looks whether it is time to end.
const LOOK: Duration = Duration::from_millis(100);
/// So many of these it claims at a time, so that other workers find some too.
const CLAIM: usize = 10;
/// How long others believe that a runner is at work, after its last sign of life. Then they look.
const LEASE: i64 = 60;
/// So many messages are worth a second connection.
const MANY: usize = 20;

/// An entry in the hands of a worker.
pub(super) struct InHand<'h, 'r> {
    runner: &'h Runner<'r>,
    id: String,
}

impl Drop for InHand<'_, '_> {
    fn drop(&mut self) {
        locked(&self.runner.at_work).remove(&self.id);
        self.runner.put_down.notify_all();
    }
}

/// What ends the work at a hop.
pub(super) enum Halt {
    /// The queue itself fails.
    Failed(Error),
    /// It is time to end.
    Over,
    /// There is no connection, and what that means is written down.
    NoWay,
}

impl From<Error> for Halt {
    fn from(e: Error) -> Halt {
        Halt::Failed(e)
    }
}

/// A hop that is paused.
#[derive(Clone, Debug)]
pub struct Pause {
    /// The hop.
    pub hop: String,
    /// Until when, seconds since 1970.
    pub until: i64,
    /// Since when it fails.
    pub since: i64,
    /// Why.
    pub text: String,
}

impl Queue {
    /// The hops where something is due, that are not paused, and how much is due there.
    fn hops_due(&self) -> Result<Vec<(String, usize)>> {
        let sql = "SELECT hop, count(*) FROM recipient WHERE status IN ('waiting', 'unknown') AND next <= ?1
                   AND hop NOT IN (SELECT hop FROM hop WHERE until > ?1) GROUP BY hop";
        self.db.read(|t| {
            let mut query = t.prepare_cached(sql)?;
            let found = query.query_map([now()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
            let found: Vec<(String, i64)> = found.collect::<Result<_, _>>()?;
            Ok(found.into_iter().map(|(hop, n)| (hop, usize::try_from(n).unwrap_or(usize::MAX))).collect())
        })
    }

    /// The priorities of what is due at a hop, the highest first.
    fn ranks(&self, hop: &str) -> Result<Vec<i64>> {
        let sql = "SELECT DISTINCT rank FROM recipient WHERE hop = ? AND status IN ('waiting', 'unknown') AND next <= ?
                   ORDER BY rank DESC";
        self.db.read(|t| {
            let mut query = t.prepare_cached(sql)?;
            let found = query.query_map(params![hop, now()], |row| row.get(0))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// Entries that are due at a hop and of one priority, behind `after`, those that have waited longest first.
    fn due_at(&self, hop: &str, rank: i64, after: &(i64, String), polls: bool) -> Result<Vec<(i64, String)>> {
        let free = if polls {
            format!("AND NOT EXISTS (SELECT 1 FROM entry WHERE id = entry AND lease > ?2 AND lease <= ?2 + {LEASE})")
        } else {
            String::new()
        };
        let of = |status: &str| {
            format!(
                "SELECT next, entry FROM recipient WHERE hop = ?1 AND status = '{status}' AND rank = ?5 AND next <= ?2
                 AND (next, entry) > (?3, ?4) {free}"
            )
        };
        let sql = format!("{} UNION {} ORDER BY 1, 2 LIMIT {PAGE}", of("waiting"), of("unknown"));
        self.db.read(|t| {
            let mut query = t.prepare_cached(&sql)?;
            let values = params![hop, now(), after.0, after.1, rank];
            let found = query.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// Writes down until when a runner has these entries in its hands; 0: no longer. It keeps others from looking at their locks
    /// again and again, and nobody from anything else: the lock is the truth.
    fn lease(&self, ids: &[&str], until: i64) -> Result<()> {
        let held = "SELECT EXISTS (SELECT 1 FROM entry WHERE id = ? AND lease > 0)";
        let held = |t: &rusqlite::Transaction<'_>, id: &&str| t.prepare_cached(held)?.query_row([id], |row| row.get(0));
        // What was settled has none any more, and most has left the queue.
        let needed = until > 0
            || self
                .db
                .read(|t| Ok(ids.iter().map(|id| held(t, id)).collect::<rusqlite::Result<Vec<bool>>>()?))?
                .contains(&true);
        if ids.is_empty() || !needed {
            return Ok(());
        }
        self.db.write(|t| {
            let mut set = t.prepare_cached("UPDATE entry SET lease = ? WHERE id = ?")?;
            Ok(ids.iter().try_for_each(|id| set.execute(params![until, id]).map(drop))?)
        })
    }

    /// The hops that are paused.
    ///
    /// # Errors
    /// 74, 75: the database.
    pub fn paused(&self) -> Result<Vec<Pause>> {
        self.db.read(|t| {
            let mut query = t.prepare("SELECT hop, until, since, text FROM hop ORDER BY hop")?;
            let found = query.query_map([], |row| {
                Ok(Pause { hop: row.get(0)?, until: row.get(1)?, since: row.get(2)?, text: row.get(3)? })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// A hop works again.
    pub(super) fn resume(&self, hop: &str) -> Result<()> {
        let paused: bool = self
            .db
            .read(|t| Ok(t.query_row("SELECT EXISTS (SELECT 1 FROM hop WHERE hop = ?)", [hop], |row| row.get(0))?))?;
        if paused {
            self.db.write(|t| Ok(t.execute("DELETE FROM hop WHERE hop = ?", [hop])?))?;
        }
        Ok(())
    }

    /// When the next recipient is due; `None`: nothing waits.
    ///
    /// # Errors
    /// 74, 75: the database.
    pub fn next_due(&self) -> Result<Option<i64>> {
        let sql = "SELECT min(max(next, coalesce((SELECT until FROM hop WHERE hop.hop = recipient.hop), 0),
                       (SELECT CASE WHEN lease <= ? THEN lease ELSE 0 END FROM entry WHERE id = entry)))
                   FROM recipient WHERE status IN ('waiting', 'unknown')";
        let longest = now().saturating_add(LEASE);
        self.db.read(|t| Ok(t.query_row(sql, [longest], |row| row.get(0))?))
    }

    /// Removes files that have no row and are older than 36 hours.
    fn sweep(&self) {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return };
        for file in entries.flatten() {
            let Ok(meta) = file.metadata() else { continue };
            let age = meta.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
            let Ok(name) = file.file_name().into_string() else { continue };
            if age.is_some_and(|age| age > disk::LEFT_OVER) && matches!(self.entry(&name), Ok(None)) {
                let _ = std::fs::remove_file(file.path()).map_err(|e| words(&e));
            }
        }
    }
}

/// An address as it was stored.
pub(super) fn mailbox(address: &str) -> Result<Mailbox> {
    Mailbox::parse(address).map_err(|why| Error::data(format!("{address}: {why}")))
}

pub(super) use rows::delete_if_over;
