//! `mailfmt new`: composing.

use super::draft;
use super::input::open;
use super::screen::Screen;
use super::stamp::Stamp;
use crate::body::Body;
use crate::cli::compose::{Compose, Extra, Fixed};
use crate::cli::into::{Into, fill};
use crate::cli::{Failure, Outcome, system};
use crate::error::{Error, Exit, Result};
use crate::net::Deadline;
use crate::store::sink::{About, Sink};
use crate::text::ToFile;
use clap::Args;

/// Composes a message with the body from stdin.
///
/// Charset, transfer encoding, Date, Message-ID and everything else that MIME needs are found out. Bcc stays in the message:
/// smtp-send -t takes its recipients from there and removes it. With --merge the messages are an mbox.
#[derive(Args, Debug)]
pub(super) struct New {
    #[command(flatten)]
    compose: Compose,
    /// Say that no person wrote it (Auto-Submitted: auto-generated).
    #[arg(long)]
    auto_submitted: bool,
    #[command(flatten)]
    stamp: Stamp,
    /// Edit the message in $VISUAL or $EDITOR before it is made.
    #[arg(long, conflicts_with_all = ["merge", "template"])]
    edit: bool,
    /// Escape nothing on a terminal.
    #[arg(long)]
    raw: bool,
}

impl New {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let host = system::host_name();
        let fixed = self.stamp.fixed()?;
        let extra =
            Extra { host: &host, keep_bcc: true, auto_submitted: self.auto_submitted, empty: true, ..Extra::default() };
        if self.compose.merge.is_some() {
            return self.many(&extra, &fixed);
        }
        let mut text = open(None)?;
        if self.edit {
            let (compose, mut text) = draft::edit(&self.compose, &host, &mut *text)?;
            return write(&compose, &mut text.body()?, &extra, fixed, self.raw);
        }
        write(&self.compose, &mut *text, &extra, fixed, self.raw)
    }

    /// A message for each row, as an mbox.
    fn many(&self, extra: &Extra<'_>, fixed: &Fixed) -> Outcome {
        if self.stamp.has_id() {
            return Err(Failure::usage("--message-id is for one message, --merge makes many"));
        }
        let into = Into { mbox: true, ..Into::default() };
        let mut sink = into.open_here(false, Deadline::NEVER)?;
        self.compose.each(&mut open(None)?, extra, fixed, &mut |mut composed| {
            fill(&mut sink, About::default(), &mut composed.message.body()?)?;
            sink.end()
        })?;
        sink.commit()?;
        Ok(Exit::Ok)
    }
}

/// Composes one message to stdout.
///
/// # Errors
/// As [`Compose::write`]; 74: nobody took it.
pub(super) fn write(compose: &Compose, text: &mut dyn Body, extra: &Extra<'_>, fixed: Fixed, raw: bool) -> Outcome {
    let mut screen = Screen::for_bytes(raw);
    let mut to_file = ToFile::default();
    let mut out = Vec::new();
    compose.write(text, extra, fixed, &mut |piece| {
        out.clear();
        to_file.push(piece, &mut out);
        screen.bytes(&out)?;
        there(&screen)
    })?;
    screen.end()?;
    screen.flush()?;
    there(&screen)?;
    Ok(Exit::Ok)
}

/// A message that nobody took is lost.
fn there(screen: &Screen) -> Result<()> {
    if screen.is_gone() { Err(Error::io("stdout: Broken pipe")) } else { Ok(()) }
}
