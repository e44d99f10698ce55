//! `mailfmt new`: composing.

use super::input::open;
use super::screen::Screen;
use crate::cli::compose::{Compose, Extra, Fixed};
use crate::cli::into::{Into, fill};
use crate::cli::{Failure, Outcome, system};
use crate::error::{Error, Exit, Result};
use crate::message::date::Date;
use crate::net::Deadline;
use crate::store::sink::{About, Sink};
use crate::text::{ToFile, breaks_line};
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
    /// The date, as in a Date field (default: now, or $SOURCE_DATE_EPOCH).
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// The Message-ID, with or without angle brackets (default: random).
    #[arg(long, value_name = "ID")]
    message_id: Option<String>,
    /// What boundaries are made of, letters and digits (default: random); with --date and --message-id, the same input gives
    /// the same message.
    #[arg(long, value_name = "LETTERS")]
    seed: Option<String>,
    /// Escape nothing on a terminal.
    #[arg(long)]
    raw: bool,
}

impl New {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let host = system::host_name();
        let fixed = Fixed {
            date: self.date.as_deref().map(date).transpose()?,
            message_id: self.message_id.as_deref().map(id).transpose()?,
            seed: self.seed.clone(),
        };
        let extra =
            Extra { host: &host, keep_bcc: true, auto_submitted: self.auto_submitted, empty: true, ..Extra::default() };
        if self.compose.merge.is_some() {
            return self.many(&extra, &fixed);
        }
        let mut screen = Screen::for_bytes(self.raw);
        let mut to_file = ToFile::default();
        let mut out = Vec::new();
        self.compose.write(&mut open(None)?, &extra, fixed, &mut |piece| {
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

    /// A message for each row, as an mbox.
    fn many(&self, extra: &Extra<'_>, fixed: &Fixed) -> Outcome {
        if self.message_id.is_some() {
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

/// A message that nobody took is lost.
fn there(screen: &Screen) -> Result<()> {
    if screen.is_gone() { Err(Error::io("stdout: Broken pipe")) } else { Ok(()) }
}

fn date(text: &str) -> Result<String> {
    let read = Date::parse(text.as_bytes()).filter(|_| !breaks_line(text));
    let wrong = || Error::usage(format!("--date: {text}: not a date like {}", Date::utc(1_795_384_560)));
    read.map(|date| date.to_string()).ok_or_else(wrong)
}

fn id(text: &str) -> Result<String> {
    let inner = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
    let good = inner.bytes().all(|b| b.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&b));
    match inner.split_once('@') {
        Some((left, right)) if good && !left.is_empty() && !right.is_empty() => Ok(format!("<{inner}>")),
        _ => Err(Error::usage(format!("--message-id: {text}: not like <unique@host>"))),
    }
}
