//! Ending by a signal: half-written files go first, then the signal does what it would have done.

use crate::error::{Local, Result};
use crate::store::unfinished;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::{emulate_default_handler, pipe};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

static BUSY: Mutex<()> = Mutex::new(());

/// While it lives, a signal ends nothing: somebody else is at it.
pub(super) fn wait() -> MutexGuard<'static, ()> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on HUP, INT and TERM remove the files that have no final name yet before they end the program. Signals that the
/// program was told to ignore (nohup(1)) stay ignored. Not for servers, which end in their own way.
///
/// # Errors
/// 74: no descriptors, no thread.
pub fn tidy() -> Result<()> {
    static ONCE: Once = Once::new();
    let mut done = Ok(());
    ONCE.call_once(|| done = watch());
    done
}

fn watch() -> Result<()> {
    let ignored = ignored();
    let mut bells = Vec::new();
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        if ignored & (1 << (signal - 1)) == 0 {
            let (bell, ring) = UnixStream::pair().local("socketpair")?;
            pipe::register(signal, ring).local("signal")?;
            bells.push((signal, bell));
        }
    }
    let wait_for = move || {
        loop {
            let mut ready: Vec<PollFd<'_>> = bells.iter().map(|(_, bell)| PollFd::new(bell, PollFlags::IN)).collect();
            let _ = poll(&mut ready, None);
            let rung = ready.iter().zip(&bells).find(|(fd, _)| !fd.revents().is_empty());
            if let Some((_, (signal, _))) = rung {
                let _busy = wait();
                let _held = unfinished::remove();
                let _ = emulate_default_handler(*signal);
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
