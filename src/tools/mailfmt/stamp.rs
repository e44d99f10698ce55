//! Date, Message-ID and seed of a message that is made here.

use crate::cli::compose::Fixed;
use crate::error::{Error, Result};
use crate::message::date::Date;
use crate::text::breaks_line;
use clap::Args;

/// The flags.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Stamp {
    /// The date, as in a Date field (default: now, or $SOURCE_DATE_EPOCH).
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// The Message-ID, with or without angle brackets (default: random).
    #[arg(long, value_name = "ID")]
    message_id: Option<String>,
    /// What boundaries and the Message-ID are made of, letters and digits (default: random); with a date, the same input gives the
    /// same message.
    #[arg(long, value_name = "LETTERS")]
    seed: Option<String>,
}

impl Stamp {
    /// What they say, checked.
    ///
    /// # Errors
    /// 64: no date, no Message-ID.
    pub(super) fn fixed(&self) -> Result<Fixed> {
        Ok(Fixed {
            date: self.date.as_deref().map(date).transpose()?,
            message_id: self.message_id.as_deref().map(id).transpose()?,
            seed: self.seed.clone(),
        })
    }

    /// Whether there is a Message-ID, which is for one message.
    pub(super) fn has_id(&self) -> bool {
        self.message_id.is_some()
    }
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
