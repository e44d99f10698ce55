//! `exec:COMMAND`: one process for each message, which it finds on its stdin; status 0 accepts it.
//!
//! The process starts when the message is whole, and has it as a file: no end of ours can make it take a half for the whole.
//! Nothing from the mail is in its arguments or environment but `PIPEPOST_REF`.

use super::{About, Receipt, Sink};
use crate::error::{Error, Exit, Local, Result};
use crate::store::disk;
use std::fs::File;
use std::io::{Seek, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a command that runs is looked at when it must not run for ever.
const LOOK: Duration = Duration::from_millis(20);

/// `exec:COMMAND`.
pub(super) struct Exec {
    command: String,
    until: Option<Instant>,
    current: Option<(File, String)>,
    ended: Vec<Receipt>,
}

impl Exec {
    pub(super) fn new(command: &str, until: Option<Instant>) -> Exec {
        Exec { command: command.to_owned(), until, current: None, ended: Vec::new() }
    }

    fn place(&self) -> String {
        format!("exec:{}", self.command)
    }

    /// How it ended; `None`: it did not, until it was killed.
    fn wait(&self, child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
        let Some(until) = self.until else { return child.wait().map(Some) };
        loop {
            match child.try_wait()? {
                Some(status) => return Ok(Some(status)),
                None if Instant::now() >= until => {
                    child.kill()?;
                    return child.wait().map(|_| None);
                }
                None => std::thread::sleep(LOOK),
            }
        }
    }
}

impl Sink for Exec {
    fn begin(&mut self, about: &About) -> Result<()> {
        let file = disk::unnamed(&std::env::temp_dir()).creating("temporary file")?;
        self.current = Some((file, about.reference.clone()));
        Ok(())
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        match &mut self.current {
            Some((file, _)) => file.write_all(file_form).local("temporary file"),
            None => Err(Error::internal("no message has begun")),
        }
    }

    fn end(&mut self) -> Result<()> {
        let Some((mut file, reference)) = self.current.take() else {
            return Err(Error::internal("no message has begun"));
        };
        file.rewind().local("temporary file")?;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &self.command]).env("PIPEPOST_REF", &reference).stdin(Stdio::from(file));
        // stdout is ours, for reports or for other messages; what a command has to say to people goes to stderr.
        let mut child = shell.stdout(std::io::stderr()).spawn().local("/bin/sh")?;
        let place = self.place();
        let refused = |exit, how: String| Err(Error::new(exit, format!("{place}: {how}")));
        match self.wait(&mut child).local(&place)? {
            Some(status) if status.success() => {
                self.ended.push(Receipt { reference, places: vec![place] });
                Ok(())
            }
            None => refused(Exit::TempFail, "not done in time".to_owned()),
            Some(status) => match status.code() {
                // sysexits(3): EX_TEMPFAIL.
                Some(75) => refused(Exit::TempFail, "ended with status 75".to_owned()),
                Some(code) => refused(Exit::Refused, format!("ended with status {code}")),
                None => refused(Exit::TempFail, "ended by a signal".to_owned()),
            },
        }
    }

    fn abort(&mut self) -> Result<()> {
        self.current = None;
        Ok(())
    }

    fn commit(&mut self) -> Result<Vec<Receipt>> {
        Ok(std::mem::take(&mut self.ended))
    }

    fn at_once(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{about, push};
    use super::*;

    #[test]
    fn status_0_accepts() {
        let t = tempfile::tempdir().unwrap();
        let got = t.path().join("got");
        let command = format!("cat >> {0}; printf '[%s]' \"$PIPEPOST_REF\" >> {0}", got.display());
        let mut exec = Exec::new(&command, None);
        push(&mut exec, &about("a$(b)"), "one\n");
        exec.begin(&about("gone")).unwrap();
        exec.write(b"half").unwrap();
        exec.abort().unwrap();
        push(&mut exec, &about("2"), &"x".repeat(200_000));
        assert_eq!(exec.commit().unwrap().len(), 2);
        assert_eq!(std::fs::read_to_string(got).unwrap(), format!("one\n[a$(b)]{}[2]", "x".repeat(200_000)));
    }

    #[test]
    fn anything_else_refuses() {
        let soon = Some(Instant::now() + Duration::from_millis(200));
        for (command, until, exit) in [
            ("exit 1", None, Exit::Refused),
            ("cat >/dev/null; exit 75", None, Exit::TempFail),
            ("kill -9 $$", None, Exit::TempFail),
            ("sleep 60", soon, Exit::TempFail),
            ("/no/such/program", None, Exit::Refused),
        ] {
            let mut exec = Exec::new(command, until);
            exec.begin(&about("1")).unwrap();
            exec.write(b"x\n").unwrap();
            assert_eq!(exec.end().unwrap_err().exit(), exit, "{command}");
            assert!(exec.commit().unwrap().is_empty());
        }
        // One that has seen enough has seen it all.
        let mut exec = Exec::new("read -r line", None);
        push(&mut exec, &about("1"), &"line\n".repeat(100_000));
        assert_eq!(exec.commit().unwrap().len(), 1);
    }
}
