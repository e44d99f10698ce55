//! What is said of each recipient: lines on stderr, JSON on stdout, the list of `--failed`, and the status of all.

use super::SmtpSend;
use super::inputs::Item;
use crate::cli::exit::{Tally, complain};
use crate::cli::out::Out;
use crate::client::smtp::{Envelope, Outcome, Stage};
use crate::error::{Error, Exit, Fate, Local, Result};
use crate::net::Deadline;
use crate::net::endpoint::Endpoint;
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::queue_id;
use crate::text::escape;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The report of a run.
pub(super) struct Report<'f> {
    flags: &'f SmtpSend,
    out: Out,
    tally: Tally,
    not_done: Vec<String>,
    refused: bool,
    /// Opened before anything is sent, and written when all is said.
    failed: Option<(PathBuf, File)>,
}

impl<'f> Report<'f> {
    /// A report as the flags want it, whose reader has until then.
    ///
    /// # Errors
    /// 73: the file of `--failed` can't be made.
    pub(super) fn new(flags: &'f SmtpSend, until: Deadline) -> Result<Report<'f>> {
        let failed = match &flags.failed {
            Some(path) => Some((path.clone(), crate::store::disk::open_or_create(path).creating(path.display())?)),
            None => None,
        };
        Ok(Report {
            flags,
            out: Out::until(until),
            tally: Tally::default(),
            not_done: Vec::new(),
            refused: false,
            failed,
        })
    }

    /// What would be sent.
    ///
    /// # Errors
    /// 74.
    pub(super) fn would(&mut self, item: &Item, envelope: &Envelope, at: &Endpoint) -> Result<()> {
        let from = envelope.from.as_ref().map(ToString::to_string).unwrap_or_default();
        for to in &envelope.to {
            let line = if self.flags.json {
                json!({ "message": item.number, "from": from, "to": to.to_string(), "size": envelope.size }).to_string()
            } else {
                format!("would send {} bytes from <{from}> to <{to}> at {at}", envelope.size)
            };
            self.out.write(format!("{line}\n").as_bytes())?;
        }
        Ok(())
    }

    /// What became of a recipient of a message.
    ///
    /// # Errors
    /// 74.
    pub(super) fn outcome(&mut self, item: &Item, outcome: &Outcome) -> Result<()> {
        self.note(outcome);
        self.object(Some(item), outcome.fate.word(), outcome)
    }

    /// What the server says of a recipient without a message.
    ///
    /// # Errors
    /// 74.
    pub(super) fn recipient(&mut self, outcome: &Outcome) -> Result<()> {
        self.note(outcome);
        self.object(None, outcome.fate.word(), outcome)
    }

    fn note(&mut self, outcome: &Outcome) {
        match outcome.exit {
            Some(exit) => self.tally.failed(exit),
            None => self.tally.fate(outcome.fate),
        }
        self.refused |= outcome.fate == Fate::Never;
        let code = outcome.code.map(|code| format!("{code} ")).unwrap_or_default();
        let line = match outcome.fate {
            Fate::Done if !self.flags.common.verbose => None,
            Fate::Done | Fate::Later | Fate::Never => Some(format!("{}: {code}{}", outcome.to, outcome.text)),
            Fate::Unknown => Some(format!("{}: may have been delivered: {code}{}", outcome.to, outcome.text)),
        };
        if let Some(line) = line {
            complain(super::NAME, &line, None);
        }
        if outcome.fate != Fate::Done {
            self.not_done.push(outcome.to.to_string());
        }
    }

    /// A recipient of a message for whom it is in the queue under this name.
    ///
    /// # Errors
    /// 74.
    pub(super) fn queued(&mut self, item: &Item, to: &Mailbox, id: &str) -> Result<()> {
        self.tally.done();
        if self.flags.common.verbose {
            complain(super::NAME, &format!("{to}: queued as {id}"), None);
        }
        let outcome = Outcome {
            to: to.clone(),
            fate: Fate::Done,
            stage: Stage::Check,
            code: None,
            enhanced: None,
            text: id.to_owned(),
            untried: false,
            exit: None,
        };
        self.object(Some(item), "queued", &outcome)
    }

    /// Nothing was sent, because a message was under the same key; `exit` says what became of that.
    pub(super) fn repeated(&mut self, exit: Exit) {
        if exit != Exit::Ok {
            complain(super::NAME, "nothing is sent: a message under this key may have been delivered", None);
            self.tally.failed(exit);
        } else if self.flags.common.verbose {
            complain(super::NAME, "nothing is sent: a message was sent under this key", None);
        }
    }

    /// Nobody got the message; who stops because of it says why on stderr.
    ///
    /// # Errors
    /// 74.
    pub(super) fn nobody(&mut self, item: &Item, to: &[Mailbox], stage: Stage, why: &Error) -> Result<()> {
        for to in to {
            self.not_done.push(to.to_string());
            let outcome = Outcome { stage, ..Outcome::failed(to, why, None) };
            self.object(Some(item), why.fate().word(), &outcome)?;
        }
        Ok(())
    }

    /// Whether a recipient was refused for good.
    pub(super) fn has_refused(&self) -> bool {
        self.refused
    }

    /// Why message `number` was not sent, where the next ones are to be.
    pub(super) fn skipped(&mut self, number: u64, why: &Error) {
        complain(super::NAME, &format!("message {number}: {why}"), why.advice());
        self.tally.failed(why.exit());
    }

    /// The line of `--json` for a recipient.
    fn object(&mut self, item: Option<&Item>, fate: &str, outcome: &Outcome) -> Result<()> {
        if self.flags.json {
            let object = json!({
                "message": item.map(|item| item.number),
                "file": item.and_then(|item| item.file.as_ref()).map(|file| escape(file.as_os_str().as_bytes())),
                "to": outcome.to.to_string(),
                "fate": fate,
                "stage": outcome.stage.word(),
                "code": outcome.code,
                "enhanced": outcome.enhanced,
                "text": outcome.text,
                "queue_id": (outcome.fate == Fate::Done).then(|| queue_id(&outcome.text)).flatten(),
            });
            self.out.must(format!("{object}\n").as_bytes())?;
        }
        Ok(())
    }

    /// Writes what is left to be written; `tried` is false where nothing was sent because of a wrong argument, so that what is in
    /// the file of `--failed` is still so.
    ///
    /// # Errors
    /// 74.
    pub(super) fn end(&mut self, tried: bool) -> Result<Exit> {
        if let Some((path, mut file)) = self.failed.take().filter(|_| tried && !self.flags.dry_run) {
            let list: String = self.not_done.iter().map(|to| format!("{to}\n")).collect();
            write_list(&mut file, &list).local(path.display())?;
        }
        self.out.flush()?;
        Ok(self.tally.exit())
    }
}

fn write_list(file: &mut File, list: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.write_all(list.as_bytes())?;
    file.sync_all()
}
