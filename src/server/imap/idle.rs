//! IDLE (RFC 2177): what happens in the mailbox is told when it happens.

use super::{Session, bad, ok};
use crate::error::Result;
use crate::net::deadline::Deadline;
use crate::net::wire::{LINE, Wake};
use crate::proto::imap::response::Status;
use rustix::fs::inotify;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A client must say DONE and come again within half an hour (RFC 2177 3).
const LONGEST: Duration = Duration::from_secs(29 * 60);
/// A Unix user has 128 of these by default, and other programs want some.
const MAX_BELLS: usize = 32;
/// How often the disk is looked at without inotify.
const POLL: Duration = Duration::from_secs(1);
/// With inotify too, in case an event was lost.
const RARELY: Duration = Duration::from_secs(60);
/// After a look comes another: changes that follow at once are gathered, and none hides behind its time stamp.
const SOON: Duration = Duration::from_millis(100);

impl Session<'_> {
    pub(super) fn idle(&mut self) -> Result<Status> {
        let bell = self.mailbox.as_ref().and_then(|m| bell(&m.watch_paths()));
        let idle = self.world.limits().imap_idle.min(LONGEST);
        let end = Deadline::after(idle);
        self.go_on("idling")?;
        let mut status = self.caught_up(true, ok("IDLE completed"))?;
        let mut look = Deadline::after(SOON);
        loop {
            match self.wire.wait(bell.as_ref().map(|b| b.0.as_fd()), end.or_earlier(look))? {
                Wake::Input => {
                    self.patience();
                    let line = self.wire.line(LINE)?;
                    return Ok(if line.eq_ignore_ascii_case(b"DONE") { status } else { bad("expected DONE") });
                }
                Wake::Bell => {
                    bell.iter().for_each(silence);
                    let soon = Deadline::after(SOON);
                    if look.left() < soon.left() && !look.passed() {
                        // A look was taken a moment ago, and the next one is near.
                        continue;
                    }
                    look = soon;
                }
                Wake::Deadline => look = Deadline::after(if bell.is_some() { RARELY } else { POLL }),
            }
            if end.passed() {
                self.over = true;
                return Ok(status);
            }
            status = self.caught_up(true, status)?;
            if self.over {
                return Ok(status);
            }
        }
    }
}

/// A bell, and its place among those that there may be.
struct Bell(OwnedFd);

static BELLS: AtomicUsize = AtomicUsize::new(0);

impl Drop for Bell {
    fn drop(&mut self) {
        BELLS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Rings when something comes into these directories or leaves them; `None` if the system can't tell.
fn bell(paths: &[PathBuf]) -> Option<Bell> {
    if BELLS.fetch_add(1, Ordering::Relaxed) >= MAX_BELLS {
        BELLS.fetch_sub(1, Ordering::Relaxed);
        return None;
    }
    let Ok(fd) = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK) else {
        BELLS.fetch_sub(1, Ordering::Relaxed);
        return None;
    };
    let bell = Bell(fd);
    let what = inotify::WatchFlags::CREATE
        | inotify::WatchFlags::MOVED_TO
        | inotify::WatchFlags::MOVED_FROM
        | inotify::WatchFlags::DELETE
        | inotify::WatchFlags::DELETE_SELF
        | inotify::WatchFlags::MOVE_SELF;
    for path in paths {
        inotify::add_watch(&bell.0, path, what).ok()?;
    }
    Some(bell)
}

/// Reads all events away: only that there were some matters.
fn silence(bell: &Bell) {
    let mut events = [0u8; 4096];
    while rustix::io::read(&bell.0, &mut events).is_ok_and(|n| n > 0) {}
}
