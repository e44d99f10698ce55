//! Asks for a password on the terminal. Whatever ends the program meanwhile, the terminal echoes again afterwards.

use super::signals::Bell;
use crate::config::secret::{Source, Whose, checked, no_core_dumps};
use crate::error::{Error, Local, Result};
use crate::net::Deadline;
use crate::secret::Secret;
use crate::text::escape;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};

/// As much as a terminal takes in a line.
const LINE: usize = 4096;

/// The terminal, without echo until it is dropped.
struct Quiet<'t> {
    terminal: &'t File,
    before: Termios,
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // The newline that was typed was not shown.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
        let _ = (&mut &*self.terminal).write_all(b"\n");
    }
}

/// The line that is typed behind `question` before `until`; `None` if nobody is there: no terminal, or stderr goes elsewhere.
///
/// # Errors
/// 74: the terminal fails; 75: nobody answers in time; 78: the line can't be a password.
pub(super) fn ask(question: &str, until: Deadline) -> Result<Option<Secret>> {
    if !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty") else { return Ok(None) };
    let Ok(before) = tcgetattr(&terminal) else { return Ok(None) };
    no_core_dumps();
    // The echo comes back before a signal ends the program.
    let _busy = super::signals::wait();
    let bells = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].map(Bell::of);
    let bells = bells.into_iter().collect::<Result<Vec<_>>>()?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
    // Flush: what was typed before the question is no answer.
    tcsetattr(&terminal, OptionalActions::Flush, &silent).local("terminal")?;
    let quiet = Quiet { terminal: &terminal, before };
    let asked = (&terminal).write_all(escape(question).as_bytes()).local("terminal");
    let line = asked.and_then(|()| line(&terminal, &bells, until));
    drop(quiet);
    drop(bells);
    match line? {
        Typed::Line(secret) => checked(secret).map(Some).map_err(|e| e.at("terminal")),
        Typed::Signal(signal) => {
            // As if it had not been caught.
            let _ = emulate_default_handler(signal);
            Err(Error::temporary("ended by a signal"))
        }
    }
}

/// A new password: the first line of stdin, or, if that is a terminal, what is typed there twice.
///
/// # Errors
/// 66, 74: it can't be read; 78: it can't be a password; 64: the second was another one.
pub fn new_password(question: &str, until: Deadline) -> Result<Secret> {
    if !std::io::stdin().is_terminal() {
        return Source::Fd(0).obtain(&Whose { host: "", user: "", hidden: &[], until });
    }
    let nobody = || Error::usage("there is no terminal to ask on, and no password on stdin");
    let first = ask(question, until)?.ok_or_else(nobody)?;
    let second = ask("Once more: ", until)?.ok_or_else(nobody)?;
    if first.same(second.expose()) { Ok(first) } else { Err(Error::usage("these are two different passwords")) }
}

enum Typed {
    Line(Secret),
    Signal(i32),
}

fn line(terminal: &File, bells: &[Bell], until: Deadline) -> Result<Typed> {
    // All there is room for: a vector that grows leaves copies behind.
    let mut line = Vec::with_capacity(LINE);
    let mut byte = [0];
    let end = loop {
        let mut ready = vec![PollFd::new(terminal, PollFlags::IN)];
        ready.extend(bells.iter().map(|bell| PollFd::new(bell, PollFlags::IN)));
        let timeout = until.left().and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut ready, timeout.as_ref()) {
            Err(Errno::INTR) => continue,
            Ok(0) if !until.passed() => continue,
            Ok(0) => {
                drop(Secret::new(line));
                return Err(Error::temporary("terminal: no password in time"));
            }
            polled => drop(polled.local("terminal")?),
        }
        let rung = ready.iter().skip(1).zip(bells).find(|(fd, _)| !fd.revents().is_empty());
        if let Some((_, bell)) = rung {
            break Ok(Some(bell.signal));
        }
        match (&mut &*terminal).read(&mut byte) {
            Ok(0) => break Ok(None),
            Ok(_) if byte == *b"\n" || line.len() + 1 >= LINE => break Ok(None),
            Ok(_) => line.extend(byte),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => break Err(e),
        }
    };
    let line = Secret::new(line);
    Ok(end.local("terminal")?.map_or(Typed::Line(line), Typed::Signal))
}
