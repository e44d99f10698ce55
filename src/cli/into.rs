//! `--into`: messages from a server to where they shall be.

use super::connect::Reach;
use super::forward::Forward;
use super::remote::Remote;
use super::shown::Shown;
use crate::body::Body;
use crate::error::{Error, Result};
use crate::net::Deadline;
use crate::proto::mailbox::Mailbox;
use crate::store::sink::{About, Every, Form, Sink, Target};
use crate::text::ToFile;
use clap::Args;
use std::io::IsTerminal;

/// The flags.
#[derive(Args, Clone, Debug, Default)]
pub struct Into {
    /// Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be
    /// repeated.
    #[arg(long, value_name = "TARGET")]
    pub into: Vec<Target>,
    /// stdout gets the messages as they are.
    #[arg(long, conflicts_with = "mbox")]
    pub raw: bool,
    /// stdout gets an mboxrd stream, also for one message.
    #[arg(long)]
    pub mbox: bool,
}

/// Who gets what is sent on.
#[derive(Args, Clone, Debug, Default)]
pub struct DeliverTo {
    /// Who gets the messages by a target that is an SMTP or LMTP server: smtp://HOST, lmtp://HOST, lmtp+unix:PATH, or ACCOUNT: without
    /// a folder; may be repeated.
    #[arg(long, value_name = "ADDRESS", value_parser = mailbox)]
    deliver_to: Vec<Mailbox>,
}

fn mailbox(text: &str) -> std::result::Result<Mailbox, String> {
    Mailbox::parse(text).map_err(|why| format!("{text}: {why}"))
}

/// Whether a target that is elsewhere takes messages by SMTP or LMTP.
fn sends(text: &str) -> bool {
    let scheme = text.split(['+', ':']).next().unwrap_or_default();
    matches!(scheme, "smtp" | "smtps" | "lmtp" | "lmtps") || text.ends_with(':')
}

impl Into {
    fn targets(&self) -> &[Target] {
        if self.into.is_empty() { &[Target::Stdout] } else { &self.into }
    }

    /// Whether stdout gets messages.
    #[must_use]
    pub fn stdout(&self) -> bool {
        self.targets().contains(&Target::Stdout)
    }

    /// Whether stdout is a terminal and gets messages.
    #[must_use]
    pub fn terminal(&self) -> bool {
        self.stdout() && std::io::stdout().is_terminal()
    }

    /// Opens them. `one`: a single message was asked for by its number, UID or reference, so stdout gets it as it is.
    ///
    /// # Errors
    /// 64: no folder of an account, nobody to deliver to; 73, 74, 78.
    pub fn open(&self, one: bool, to: &DeliverTo, reach: &Reach) -> Result<Every> {
        let to = &to.deliver_to;
        if !to.is_empty() && !self.into.iter().any(|target| matches!(target, Target::Remote(text) if sends(text))) {
            return Err(Error::usage("--deliver-to, and no --into is an SMTP or LMTP server"));
        }
        self.opened(one, reach.whole(), &|text| {
            Ok(if sends(text) && (!to.is_empty() || !text.ends_with(':')) {
                Box::new(Forward::open(text, to, reach)?)
            } else {
                Box::new(Remote::open(text, reach)?)
            })
        })
    }

    /// The same for a program that never touches the network.
    ///
    /// # Errors
    /// 64: a target that is elsewhere; 73, 74.
    pub fn open_here(&self, one: bool, until: Deadline) -> Result<Every> {
        let elsewhere =
            |text: &str| Err(Error::usage(format!("--into {text}: this program never touches the network")));
        self.opened(one, until, &elsewhere)
    }

    fn opened(&self, one: bool, until: Deadline, remote: &dyn Fn(&str) -> Result<Box<dyn Sink>>) -> Result<Every> {
        let form = if self.raw || (one && !self.mbox) { Form::Raw } else { Form::Mbox };
        let open = |target: &Target| -> Result<Box<dyn Sink>> {
            if let Target::Remote(text) = target {
                return remote(text);
            }
            let sink = target.open(form, until.at())?;
            let person = *target == Target::Stdout && !self.raw && std::io::stdout().is_terminal();
            Ok(if person { Box::new(Shown::new(sink)) } else { sink })
        };
        Ok(Every::new(self.targets().iter().map(open).collect::<Result<_>>()?))
    }

    /// All targets in one text: the name of the state, unless another is given.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut all: Vec<String> = self.targets().iter().map(Target::canonical).collect();
        all.sort();
        all.join(" ")
    }
}

/// The Return-Path, where there is one, is the first field (RFC 5321 4.4): this much is looked at.
const FIRST_LINE: usize = 1024;

impl Into {
    /// For parts of messages, which are no messages: stdout gets them as they are, and no place for messages gets any.
    ///
    /// # Errors
    /// 64: a target that takes messages only; 73, 74.
    pub fn open_for_parts(&self, until: Deadline) -> Result<Every> {
        let messages = |target: &&Target| !matches!(target, Target::Stdout | Target::Eml(_) | Target::Exec(_));
        if let Some(target) = self.into.iter().find(messages) {
            return Err(Error::usage(format!("--into {}: a part is no message", target.canonical())));
        }
        self.opened(true, until, &|text| Err(Error::usage(format!("--into {text}: a part is no message"))))
    }
}

/// Puts one message in wire form into a sink, but for the [`Sink::end`]: some sources tell only behind the body whether that was all
/// of it, and what a sink says to the end is its own verdict.
///
/// # Errors
/// As [`pour`].
pub fn fill(sink: &mut dyn Sink, mut about: About, body: &mut dyn Body) -> Result<()> {
    let mut first = Vec::new();
    while first.len() < FIRST_LINE && !first.contains(&b'\n') {
        let piece = body.chunk()?;
        if piece.is_empty() {
            break;
        }
        first.extend_from_slice(piece);
    }
    about.return_path = return_path(&first).or(about.return_path);
    let mut to = ToFile::default();
    begin(sink, &about, |sink| {
        let mut out = Vec::new();
        to.push(&first, &mut out);
        loop {
            sink.write(&out)?;
            out.clear();
            let piece = body.chunk()?;
            if piece.is_empty() {
                to.finish(&mut out);
                return sink.write(&out);
            }
            to.push(piece, &mut out);
        }
    })
}

/// The same for bytes that are in the form that they shall have.
///
/// # Errors
/// As [`pour`].
pub fn fill_as_is(sink: &mut dyn Sink, about: &About, body: &mut dyn Body) -> Result<()> {
    begin(sink, about, |sink| {
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                return Ok(());
            }
            sink.write(piece)?;
        }
    })
}

fn begin(sink: &mut dyn Sink, about: &About, write: impl FnOnce(&mut dyn Sink) -> Result<()>) -> Result<()> {
    sink.begin(about)?;
    let written = write(sink);
    if written.is_err() {
        // The first error is the one to tell.
        let _ = sink.abort();
    }
    written
}

fn return_path(start: &[u8]) -> Option<String> {
    let line = start.split(|b| *b == b'\n').next()?;
    let (name, value) = line.split_at_checked("Return-Path:".len())?;
    if !name.eq_ignore_ascii_case(b"Return-Path:") {
        return None;
    }
    let value = std::str::from_utf8(value).ok()?.trim();
    Some(value.strip_prefix('<')?.strip_suffix('>')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_return_path_is_the_first_field() {
        assert_eq!(return_path(b"Return-Path: <a@b>\r\nX: y").as_deref(), Some("a@b"));
        assert_eq!(return_path(b"return-path:<>\r\n").as_deref(), Some(""));
        assert_eq!(return_path(b"X: y\r\nReturn-Path: <a@b>\r\n"), None);
        assert_eq!(return_path(b""), None);
    }
}
