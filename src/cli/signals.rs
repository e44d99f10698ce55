//! Ending by a signal: half-written files go first, then the signal does what it would have done.

use crate::error::{Local, Result};
use crate::store::unfinished;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::SigId;
pub use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::low_level::{emulate_default_handler, pipe, unregister};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

static BUSY: Mutex<()> = Mutex::new(());
/// Whether the program finishes what it has begun when a signal comes.
static FINISHES: AtomicBool = AtomicBool::new(false);

/// While it lives, a signal ends nothing: somebody else is at it.
pub(super) fn wait() -> MutexGuard<'static, ()> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rings at a signal, which does nothing else while it lives.
pub struct Bell {
    /// Which.
    pub signal: i32,
    id: SigId,
    bell: UnixStream,
}

impl Bell {
    /// A bell for this signal.
    ///
    /// # Errors
    /// 74: no descriptors.
    pub fn of(signal: i32) -> Result<Bell> {
        let (bell, ring) = UnixStream::pair().local("socketpair")?;
        bell.set_nonblocking(true).local("socketpair")?;
        Ok(Bell { signal, id: pipe::register(signal, ring).local("signal")?, bell })
    }

    /// Bells for those of these signals that the program was not told to ignore (nohup(1)).
    ///
    /// # Errors
    /// As [`Bell::of`].
    pub fn unless_ignored(signals: &[i32]) -> Result<Vec<Bell>> {
        let ignored = ignored();
        signals.iter().filter(|signal| ignored & (1 << (*signal - 1)) == 0).map(|signal| Bell::of(*signal)).collect()
    }

    /// Waits until it rings, but no longer than that.
    ///
    /// # Errors
    /// 74.
    pub fn wait(&self, longest: Duration) -> Result<()> {
        let longest = Timespec::try_from(longest).ok();
        match poll(&mut [PollFd::new(self, PollFlags::IN)], longest.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(std::io::Error::from(e)).local("poll"),
        }
    }

    /// Whether it has rung since this was asked last.
    #[must_use]
    pub fn has_rung(&self) -> bool {
        let mut bytes = [0; 64];
        let mut rung = false;
        while (&self.bell).read(&mut bytes).is_ok_and(|n| n > 0) {
            rung = true;
        }
        rung
    }
}

impl AsFd for Bell {
    /// Readable when it has rung.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        unregister(self.id);
    }
}

/// From now on HUP, INT and TERM remove the files that have no final name yet before they end the program. Signals that the
/// program was told to ignore (nohup(1)) stay ignored. Programs that have asked for [`stop`] end in their own way, and nothing changes.
///
/// # Errors
/// 74: no descriptors, no thread.
pub fn tidy() -> Result<()> {
    static ONCE: Once = Once::new();
    if FINISHES.load(Ordering::SeqCst) {
        return Ok(());
    }
    let mut done = Ok(());
    ONCE.call_once(|| done = watch());
    done
}

/// A descriptor that becomes readable at INT or TERM, for programs that finish what they have begun.
///
/// # Errors
/// 74: no descriptors.
pub fn stop() -> Result<Arc<OwnedFd>> {
    FINISHES.store(true, Ordering::SeqCst);
    let (stop, ring) = UnixStream::pair().local("socketpair")?;
    for signal in [SIGINT, SIGTERM] {
        pipe::register(signal, ring.try_clone().local("socketpair")?).local("signal")?;
    }
    Ok(Arc::new(stop.into()))
}

fn watch() -> Result<()> {
    let bells = Bell::unless_ignored(&[SIGHUP, SIGINT, SIGTERM])?;
    let wait_for = move || {
        loop {
            let mut ready: Vec<PollFd<'_>> = bells.iter().map(|bell| PollFd::new(bell, PollFlags::IN)).collect();
            let _ = poll(&mut ready, None);
            let rung = ready.iter().zip(&bells).find(|(fd, _)| !fd.revents().is_empty());
            if let Some((_, bell)) = rung {
                let _busy = wait();
                let _held = unfinished::remove();
                let _ = emulate_default_handler(bell.signal);
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).stack_size(64 << 10).spawn(wait_for).local("no thread")?;
    Ok(())
}

/// The signals that are ignored, a bit for each, as the kernel tells them.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
