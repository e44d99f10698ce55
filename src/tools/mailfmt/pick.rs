//! `mailfmt pick`: the messages for which something holds.

use super::cursor::{Cursor, spool};
use super::input::Input;
use super::output::Output;
use super::show::check;
use crate::cli::{Outcome, query};
use crate::error::{Exit, Result};
use crate::message::date::Date;
use crate::message::decode;
use crate::message::facts::Facts;
use crate::message::flags::Flags;
use crate::message::mime::{Part, Walker};
use crate::message::needle::Needle;
use crate::message::query::{Query, Term};
use crate::store::spool::Spool;
use clap::Args;
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes the messages for which something holds.
///
/// WORDS are like from:ci is:unread since:7d larger:1M, see MESSAGES in pipepost(7). The day on which a message came is that of its file in a Maildir or of its From_ line, else that of its Date; its flags are those of
/// a Maildir or of Status and X-Status.
#[derive(Args, Debug)]
pub(super) struct Pick {
    /// What has to hold.
    #[arg(value_name = "WORDS", allow_hyphen_values = true)]
    words: String,
    #[command(flatten)]
    input: Input,
    /// Write those for which it does not hold.
    #[arg(long)]
    invert: bool,
    /// End with status 1 if there is none.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    output: Output,
}

impl Pick {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let query = query::query(&self.words)?;
        let now = crate::cli::compose::now();
        let mut writer = self.output.writer();
        let mut any = false;
        let exit = self.input.each(|item| {
            let (mut walker, mut facts) = (Walker::default(), Facts::default());
            let mut message = spool(item.body, |piece| {
                walker.push(piece);
                facts.push(piece);
            })?;
            let part = walker.finish();
            check(&part)?;
            let mut flags = item.about.flags.clone();
            part.header.all("Status").chain(part.header.all("X-Status")).for_each(|letters| flags.add_status(letters));
            let came = item.about.date;
            let seen = Seen { message: &mut message, part, flags, came, size: facts.size_wire, now };
            if seen.all_of(&query)? != self.invert {
                any = true;
                writer.put(&mut message.body()?, &item.about, item.many)?;
            }
            Ok(true)
        })?;
        writer.end()?;
        Ok(if exit == Exit::Ok && !any && self.exit_status { Exit::None } else { exit })
    }
}

/// A message, and what is known of it.
struct Seen<'m> {
    message: &'m mut Spool,
    part: Part,
    flags: Flags,
    came: Option<SystemTime>,
    /// As IMAP counts it: with CRLF line ends.
    size: u64,
    /// Seconds since 1970.
    now: i64,
}

impl Seen<'_> {
    fn all_of(mut self, query: &Query) -> Result<bool> {
        query.holds(&mut |term| self.holds(term))
    }

    fn holds(&mut self, term: &Term) -> Result<bool> {
        let header = &self.part.header;
        Ok(match term {
            Term::Field(name, text) => Needle::new(text).is_in_field(header, name),
            Term::Body(text) => self.is_in_body(&Needle::new(text))?,
            Term::Anywhere(text) => {
                let needle = Needle::new(text);
                needle.is_in_fields(header) || self.is_in_body(&needle)?
            }
            Term::Flag(flag) => self.flags.has(*flag),
            Term::Keyword(keyword) => self.flags.has_keyword(keyword),
            Term::Received(side, day) => self.came().is_some_and(|date| side.holds(date.day(), *day)),
            Term::Sent(side, day) => self.sent().is_some_and(|date| side.holds(date.day(), *day)),
            Term::Newer(seconds) => self.age().is_some_and(|age| age <= i64::from(*seconds)),
            Term::Older(seconds) => self.age().is_some_and(|age| age > i64::from(*seconds)),
            Term::Larger(size) => self.size > *size,
            Term::Smaller(size) => self.size < *size,
        })
    }

    fn sent(&self) -> Option<Date> {
        Date::parse(self.part.header.get("Date")?)
    }

    /// When it came, in the local zone.
    fn came(&self) -> Option<Date> {
        let Some(date) = self.came else { return self.sent() };
        let seconds = date.duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_secs()).ok())?;
        let local = chrono::DateTime::from_timestamp(seconds, 0)?.with_timezone(&chrono::Local);
        Some(Date { seconds, zone: local.offset().local_minus_utc() / 60 })
    }

    fn age(&self) -> Option<i64> {
        self.came().map(|date| self.now.saturating_sub(date.seconds))
    }

    fn is_in_body(&mut self, needle: &Needle) -> Result<bool> {
        let mut cursor = Cursor::new(self.message.body()?);
        needle.is_in_parts(&self.part, &mut |part, needle| {
            needle.is_in_body(&mut decode::text(cursor.range(&part.body_at), part))
        })
    }
}
