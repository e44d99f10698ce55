//! The runner that goes on: it sleeps until something is due, or comes in.

use super::carrier::Carrier;
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::config::queue::Schedule;
use crate::error::Result;
use crate::queue::{Queue, Runner};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The table `[queue]`, or its defaults.
///
/// # Errors
/// 78: the configuration is wrong.
pub fn schedule(reach: &Reach) -> Result<Schedule> {
    Ok(reach.accounts().config()?.and_then(|config| config.queue().cloned()).unwrap_or_default())
}

/// What happens to the state directory when something is queued.
const WATCHED: inotify::WatchFlags = inotify::WatchFlags::MODIFY.union(inotify::WatchFlags::CREATE);

/// What wakes a runner that waits: its end, something written in the state directory, the next due time.
struct Alarm {
    stop: Arc<OwnedFd>,
    /// `None`: the system has none left to give, so the clock alone wakes it.
    changes: Option<OwnedFd>,
}

impl Alarm {
    /// `state` is the directory that the queue is in.
    fn new(stop: Arc<OwnedFd>, state: &Path) -> Alarm {
        let changes = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok();
        let changes = changes.filter(|fd| inotify::add_watch(fd, state, WATCHED).is_ok());
        Alarm { stop, changes }
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

/// Delivers what is due, once: whether something was.
///
/// # Errors
/// As [`Runner::pass`].
pub fn run_once(queue: &Queue, schedule: &Schedule, carrier: &Carrier, stop: &OwnedFd) -> Result<bool> {
    pass(queue, schedule, carrier, stop, false)
}

fn pass(queue: &Queue, schedule: &Schedule, carrier: &Carrier, stop: &OwnedFd, polls: bool) -> Result<bool> {
    Runner::new(queue, schedule, carrier, &|| is_rung(stop)).polling(polls).pass()
}

/// The longest that a runner sleeps; the clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(60);
/// How long it waits when what is due is in another runner's hands, or the queue can't be written.
const PAUSE: Duration = Duration::from_secs(5);

/// Delivers what is due as it becomes due or comes in, until `stop` is readable. What goes wrong with the queue itself is told, and
/// tried again.
pub fn run_forever(queue: &Queue, schedule: &Schedule, carrier: &Carrier, stop: Arc<OwnedFd>) {
    let alarm = Alarm::new(stop, queue.state());
    // What a runner that was killed has leased is looked at once.
    let (mut told, mut polls) = (None, false);
    while !is_rung(&alarm.stop) {
        alarm.clear();
        let passed =
            pass(queue, schedule, carrier, &alarm.stop, polls).and_then(|worked| Ok((worked, queue.next_due()?)));
        polls = true;
        match passed {
            Ok((worked, next)) => {
                told = None;
                let now = crate::cli::compose::now();
                match next {
                    // It came meanwhile, or somebody else has it.
                    Some(next) if next <= now && worked => {}
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
                    complain(carrier.program(), &e.to_string(), e.advice());
                    told = Some(e);
                }
                alarm.wait(PAUSE, false);
            }
        }
    }
}

/// Waits for a queue that is not there yet, because nothing was ever stored in it. `None`: the end has come before.
pub fn comes_into_being(state: &Path, stop: &Arc<OwnedFd>) -> Option<Queue> {
    let nearest = || state.ancestors().find(|dir| dir.exists()).unwrap_or(state);
    while !is_rung(stop) {
        // Its directory may not be there either, and is not ours to make.
        let at = nearest();
        let alarm = Alarm::new(stop.clone(), at);
        if let Ok(Some(queue)) = Queue::existing(state) {
            return Some(queue);
        }
        if nearest() == at {
            alarm.wait(NAP, true);
        }
    }
    None
}
