//! A session's dialogue, as the trace has it, cut into steps by what the client says.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What a server says beyond this is not shown.
const TEXT: usize = 1000;

/// A step and what the server said in it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) ms: u128,
    pub(super) text: String,
}

/// Takes the trace, and hands it on.
#[derive(Clone, Default)]
pub(super) struct Dialogue(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    to: Option<Box<dyn Write + Send>>,
    line: Vec<u8>,
    steps: Vec<Step>,
    began: Option<Instant>,
}

impl Dialogue {
    /// Hands on to `to`.
    pub(super) fn new(to: Option<Box<dyn Write + Send>>) -> Dialogue {
        Dialogue(Arc::new(Mutex::new(State { to, ..State::default() })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A session begins.
    pub(super) fn begin(&self) {
        self.with(|state| {
            state.steps.clear();
            state.next("greeting");
        });
    }

    /// It is over.
    pub(super) fn end(&self) {
        self.with(State::close);
    }

    /// What happened.
    pub(super) fn take(&self) -> Vec<Step> {
        self.with(|state| std::mem::take(&mut state.steps))
    }
}

impl State {
    fn close(&mut self) {
        if let (Some(began), Some(step)) = (self.began.take(), self.steps.last_mut()) {
            step.ms = began.elapsed().as_millis();
        }
    }

    fn next(&mut self, name: &'static str) {
        if self.steps.last().is_some_and(|step| step.name == name) {
            return;
        }
        self.close();
        self.began = Some(Instant::now());
        self.steps.push(Step { name, ms: 0, text: String::new() });
    }

    fn line(&mut self, line: &str) {
        if let Some(said) = line.strip_prefix("C: ") {
            let mut words = said.split(' ');
            let command = words.next().unwrap_or_default();
            // An IMAP command stands behind its tag.
            let command = step(command).or_else(|| words.next().and_then(step));
            if let Some(name) = command {
                self.next(name);
            }
        } else if let (Some(said), Some(step)) = (line.strip_prefix("S: "), self.steps.last_mut())
            && step.text.len() < TEXT
            && said != "."
            // A challenge says nothing to people.
            && !(step.name == "login" && (said.starts_with("334") || said.split(' ').next() == Some("+")))
        {
            if !step.text.is_empty() {
                step.text.push_str("; ");
            }
            step.text.extend(said.chars().take(TEXT));
        }
    }
}

/// The step that a command belongs to.
fn step(command: &str) -> Option<&'static str> {
    Some(match command.to_ascii_uppercase().as_str() {
        "EHLO" | "HELO" | "LHLO" | "CAPA" | "CAPABILITY" => "capabilities",
        "STARTTLS" | "STLS" => "tls",
        "AUTH" | "USER" | "PASS" | "LOGIN" | "AUTHENTICATE" => "login",
        "QUIT" | "LOGOUT" => "end",
        _ => return None,
    })
}

impl Write for Dialogue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|state| {
            if let Some(to) = &mut state.to {
                to.write_all(bytes)?;
            }
            for piece in bytes.split_inclusive(|b| *b == b'\n') {
                state.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    let line = std::mem::take(&mut state.line);
                    state.line(String::from_utf8_lossy(&line).trim_end_matches('\n'));
                }
            }
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(|state| state.to.as_mut().map_or(Ok(()), Write::flush))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_each_protocol() {
        for (dialogue, expected) in [
            (
                "S: 220 hi\nC: EHLO x\nS: 250-a\nS: 250 b\nC: AUTH PLAIN ***\nS: 235 ok\nC: QUIT\nS: 221 bye\n",
                "greeting: 220 hi|capabilities: 250-a; 250 b|login: 235 ok|end: 221 bye",
            ),
            (
                "S: 220 hi\nC: AUTH SCRAM-SHA-1 ***\nS: 334 abc=\nC: ***\nS: 334 def=\nC:\nS: 235 ok\n",
                "greeting: 220 hi|login: 235 ok",
            ),
            (
                "S: +OK\nC: CAPA\nS: +OK\nS: TOP\nS: .\nC: USER bob\nS: +OK\nC: PASS ***\nS: -ERR no\n",
                "greeting: +OK|capabilities: +OK; TOP|login: +OK; -ERR no",
            ),
            (
                "# x\nS: * OK hi\nC: A1 CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: A1 OK\nC: A2 LOGIN bob ***\nS: A2 OK\nC: A3 LOGOUT\n",
                "greeting: * OK hi|capabilities: * CAPABILITY IMAP4rev1; A1 OK|login: A2 OK|end: ",
            ),
        ] {
            let mut to = Dialogue::default();
            to.begin();
            for byte in dialogue.bytes() {
                to.write_all(&[byte]).unwrap();
            }
            to.end();
            let steps: Vec<String> =
                to.take().into_iter().map(|step| format!("{}: {}", step.name, step.text)).collect();
            assert_eq!(steps.join("|"), expected);
        }
    }

    #[test]
    fn a_server_that_talks_on_is_cut_short() {
        let mut to = Dialogue::default();
        to.begin();
        for _ in 0..10_000 {
            to.write_all("S: é said\n".as_bytes()).unwrap();
        }
        assert!(to.take().remove(0).text.len() < 2 * TEXT);
    }
}
