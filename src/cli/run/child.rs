//! A command with its output in two pipes, which pass it on to where it would have gone, and signals passed on to it.

use super::kept::Kept;
use crate::cli::exit::complain;
use crate::cli::signals::{Bell, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use crate::error::{Error, Local, Result, words};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long what a command has started may go on with its output when it has ended itself.
const AFTER: Duration = Duration::from_secs(1);
const PIECE: usize = 32 * 1024;

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Exited(u8),
    /// By this signal.
    Killed(i32),
    /// The status that a shell would have, and why.
    NotStarted(u8, String),
}

/// One of its outputs, and ours, where it goes.
struct Output {
    /// `None`: it has ended, or nobody reads it any more.
    from: Option<PipeReader>,
    to: fn(&[u8]) -> io::Result<()>,
    name: &'static str,
    /// Ours has failed, and that was told.
    failed: bool,
}

fn stdout(bytes: &[u8]) -> io::Result<()> {
    all(io::stdout().as_fd(), bytes)
}

fn stderr(bytes: &[u8]) -> io::Result<()> {
    all(io::stderr().as_fd(), bytes)
}

/// Past the buffers, which would keep the order of lines to themselves.
fn all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&to, PollFlags::OUT)], None)),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

impl Output {
    /// Takes the next piece of it.
    fn pass(&mut self, kept: &mut Kept, buffer: &mut [u8]) {
        let Some(from) = &mut self.from else { return };
        let piece = match from.read(buffer) {
            Ok(0) => &[][..],
            Ok(n) => buffer.get(..n).unwrap_or_default(),
            Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => return,
            Err(_) => &[][..],
        };
        if piece.is_empty() {
            self.from = None;
            return;
        }
        kept.push(piece);
        if self.failed {
            return;
        }
        match (self.to)(piece) {
            Ok(()) => {}
            // As without us: the command is told that nobody reads.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => self.from = None,
            Err(e) => {
                self.failed = true;
                complain("smtp-send", &format!("{}: {}", self.name, words(&e)), None);
            }
        }
    }
}

/// Runs a command to its end, and says how long that took.
///
/// # Errors
/// 64: there is none; 74: no pipes or no signals to be had.
pub(super) fn run(command: &[OsString], hidden: &[String], kept: &mut Kept) -> Result<(End, Duration)> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Error::usage("--run without a command").advise("it stands behind --, at the end"));
    };
    let child_ends = Bell::of(SIGCHLD)?;
    let bells = Bell::unless_ignored(&[SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2])?;
    let (out, its_out) = io::pipe().local("pipe")?;
    let (err, its_err) = io::pipe().local("pipe")?;
    for pipe in [&out, &err] {
        rustix::io::ioctl_fionbio(pipe, true).local("pipe")?;
    }
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).stdout(its_out).stderr(its_err);
    for name in hidden {
        command.env_remove(name);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) => {
            let status = if e.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
            complain("smtp-send", &format!("{}: {}", program.to_string_lossy(), words(&e)), None);
            return Ok((End::NotStarted(status, words(&e)), began.elapsed()));
        }
    };
    // Its ends of the pipes are its own alone, or there would be no end.
    drop(command);
    let outputs = [
        Output { from: Some(out), to: stdout, name: "stdout", failed: false },
        Output { from: Some(err), to: stderr, name: "stderr", failed: false },
    ];
    let status = wait(&mut child, outputs, &child_ends, &bells, kept)?;
    let end = match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        (None, signal) => End::Killed(signal.unwrap_or(0)),
    };
    Ok((end, began.elapsed()))
}

fn wait(
    child: &mut Child,
    mut outputs: [Output; 2],
    child_ends: &Bell,
    bells: &[Bell],
    kept: &mut Kept,
) -> Result<ExitStatus> {
    let (mut buffer, mut ended) = (vec![0; PIECE], None::<(ExitStatus, Instant)>);
    loop {
        if ended.is_none() {
            ended = child.try_wait().local("wait")?.map(|status| (status, Instant::now()));
        }
        let left = ended.map(|(_, when)| AFTER.saturating_sub(when.elapsed()));
        if let Some((status, _)) = ended
            && (outputs.iter().all(|output| output.from.is_none()) || left == Some(Duration::ZERO))
        {
            return Ok(status);
        }
        let mut fds: Vec<PollFd<'_>> = vec![PollFd::new(child_ends, PollFlags::IN)];
        fds.extend(bells.iter().map(|bell| PollFd::new(bell, PollFlags::IN)));
        fds.extend(
            outputs.iter().filter_map(|output| output.from.as_ref()).map(|from| PollFd::new(from, PollFlags::IN)),
        );
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(io::Error::from(e)).local("poll"),
        }
        let _ = child_ends.has_rung();
        for bell in bells.iter().filter(|bell| bell.has_rung()) {
            if ended.is_none()
                && !(matches!(bell.signal, SIGINT | SIGQUIT) && is_in_foreground())
                && let Some(signal) = Signal::from_named_raw(bell.signal)
            {
                let _ = kill_process(Pid::from_child(child), signal);
            }
        }
        outputs.iter_mut().for_each(|output| output.pass(kept, &mut buffer));
    }
}

/// Whether the terminal sends its signals to the command too.
fn is_in_foreground() -> bool {
    let terminal = File::open("/dev/tty");
    terminal.is_ok_and(|terminal| rustix::termios::tcgetpgrp(&terminal).is_ok_and(|group| group == getpgrp()))
}

/// ` (TERM)`
pub(super) fn name(signal: i32) -> String {
    let names = [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::ILL, "ILL"),
        (Signal::ABORT, "ABRT"),
        (Signal::BUS, "BUS"),
        (Signal::FPE, "FPE"),
        (Signal::KILL, "KILL"),
        (Signal::SEGV, "SEGV"),
        (Signal::PIPE, "PIPE"),
        (Signal::ALARM, "ALRM"),
        (Signal::TERM, "TERM"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::XCPU, "XCPU"),
        (Signal::XFSZ, "XFSZ"),
    ];
    names.iter().find(|(s, _)| s.as_raw() == signal).map(|(_, name)| format!(" ({name})")).unwrap_or_default()
}
