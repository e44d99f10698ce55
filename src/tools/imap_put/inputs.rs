//! Where messages come from: stdin (one, an mbox, separated by NUL), files, Maildirs.

use super::ImapPut;
use crate::body::Body;
use crate::error::{Error, Exit, Local, Result};
use crate::message::date::Date;
use crate::message::flags::Flags;
use crate::message::mbox::Mbox;
use crate::message::separated::Separated;
use crate::net::Deadline;
use crate::store::maildir::{Maildir, Sub, letters};
use crate::store::patience;
use crate::store::spool::Spool;
use crate::text::wire_size;
use chrono::{DateTime, FixedOffset, Utc};
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A message.
pub(super) struct Item {
    /// Its number, from 1.
    pub number: u64,
    /// Its file, if it has one.
    pub file: Option<PathBuf>,
    /// Itself, as it came.
    pub spool: Spool,
    /// Its size in wire form.
    pub size: u64,
    /// The flags that it had where it comes from.
    pub flags: Flags,
    /// When it came there.
    pub date: Option<DateTime<FixedOffset>>,
}

/// Takes each message, or why it can't be had. An error of its own ends the reading.
pub(super) type Take<'t> = dyn FnMut(u64, Result<Item>) -> Result<()> + 't;

/// Reads all messages.
///
/// # Errors
/// 64: there is nothing on stdin, or a terminal; 65: it is no mbox; 66; those of `take`.
pub(super) fn each(flags: &ImapPut, until: Deadline, take: &mut Take<'_>) -> Result<()> {
    let mut number = 0;
    if flags.files.is_empty() {
        if std::io::stdin().is_terminal() {
            return Err(Error::usage("stdin is a terminal").advise("messages are read from stdin, or from files"));
        }
        let stdin = patience::stdin(until.at())?;
        return if flags.null { separated(stdin, take) } else { stream(stdin, None, flags.mbox, &mut number, take) };
    }
    for path in &flags.files {
        if path.is_dir() {
            maildir(path, until, &mut number, take)?;
            continue;
        }
        match patience::open(path, until.at()) {
            Ok(file) => stream(file, Some(path), flags.mbox, &mut number, take)?,
            Err(e) => {
                number += 1;
                take(number, Err(e))?;
            }
        }
    }
    Ok(())
}

/// An mbox, or one message.
fn stream(from: impl Body, path: Option<&Path>, is_mbox: bool, number: &mut u64, take: &mut Take<'_>) -> Result<()> {
    let name = || path.map_or("stdin".to_owned(), |path| path.display().to_string());
    let mut mbox = Mbox::new(from);
    let mut none = true;
    while mbox.next_message()? {
        none = false;
        if is_mbox && !mbox.is_mbox() {
            return Err(Error::data(format!("{}: no mbox: its first line does not begin with 'From '", name())));
        }
        *number += 1;
        let date = date_of(mbox.from_line());
        let item = read(*number, &mut mbox).map(|item| Item { file: path.map(Path::to_owned), date, ..item });
        take(*number, item)?;
    }
    if none && !is_mbox {
        return Err(Error::usage(format!("{}: the message is empty", name())));
    }
    Ok(())
}

fn separated(from: impl Body, take: &mut Take<'_>) -> Result<()> {
    let mut all = Separated::new(from);
    let mut number = 0;
    while all.next_message()? {
        number += 1;
        take(number, read(number, &mut all))?;
    }
    Ok(())
}

fn maildir(path: &Path, until: Deadline, number: &mut u64, take: &mut Take<'_>) -> Result<()> {
    let maildir = Maildir::at(path);
    if !maildir.exists() {
        return Err(Error::no_input(format!("{}: a directory, and no Maildir", path.display())));
    }
    for sub in [Sub::New, Sub::Cur] {
        let mut names = Vec::new();
        maildir.list(sub, |name| names.push(name.to_vec()))?;
        names.sort_unstable();
        for name in names {
            *number += 1;
            let file = maildir.sub(sub).join(OsStr::from_bytes(&name));
            // What the letters of keywords mean is known to the program that gave them.
            let flags = if sub == Sub::Cur { Flags::from_letters(letters(&name), |_| None) } else { Flags::none() };
            let item = patience::open(&file, until.at()).and_then(|mut body| {
                let date = std::fs::metadata(&file).and_then(|meta| meta.modified()).opening(file.display())?;
                let date = Some(DateTime::<Utc>::from(date).fixed_offset());
                Ok(Item { file: Some(file.clone()), flags, date, ..read(*number, &mut body)? })
            });
            take(*number, item)?;
        }
    }
    Ok(())
}

fn read(number: u64, from: &mut dyn Body) -> Result<Item> {
    let (mut spool, mut nul) = (Spool::new(), false);
    loop {
        let piece = from.chunk().map_err(|e| if e.exit() == Exit::IoErr { e.with_exit(Exit::NoInput) } else { e })?;
        if piece.is_empty() {
            break;
        }
        nul |= memchr::memchr(0, piece).is_some();
        spool.push(piece)?;
    }
    if nul {
        return Err(Error::data("the message holds NUL, which IMAP can't carry"));
    }
    if spool.is_empty() {
        return Err(Error::data("the message is empty"));
    }
    let size = wire_size(&mut spool.body()?)?;
    Ok(Item { number, file: None, spool, size, flags: Flags::none(), date: None })
}

/// `From jo@example.org Sun Nov 22 22:16:00 2026`; the zone, where there is one, stands before or behind the year.
fn date_of(from_line: &[u8]) -> Option<DateTime<FixedOffset>> {
    let text = std::str::from_utf8(from_line).ok()?;
    let words: Vec<&str> = text.split_ascii_whitespace().skip(1).collect();
    let at = words
        .iter()
        .position(|word| word.len() >= 5 && word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit()))?;
    let (month, day, time) = (words.get(at.checked_sub(2)?)?, words.get(at.checked_sub(1)?)?, words.get(at)?);
    let is_year = |word: &&&str| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    let behind = words.get(at.checked_add(1)?..)?;
    let year = behind.iter().find(is_year)?;
    let zone = behind.iter().find(|word| word.starts_with(['+', '-'])).copied().unwrap_or("+0000");
    when(&Date::parse(format!("{day} {month} {year} {time} {zone}").as_bytes())?)
}

/// As IMAP has it.
pub(super) fn when(date: &Date) -> Option<DateTime<FixedOffset>> {
    let zone = FixedOffset::east_opt(date.zone.checked_mul(60)?)?;
    Some(DateTime::from_timestamp(date.seconds, 0)?.with_timezone(&zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_from_lines() {
        for (line, date) in [
            ("From jo@example.org Sun Nov 22 22:16:00 2026", Some("2026-11-22T22:16:00+00:00")),
            ("From MAILER-DAEMON Thu Jan  1 00:00:00 1970", Some("1970-01-01T00:00:00+00:00")),
            ("From a b Sun Nov 22 22:16:00 2026 +0200", Some("2026-11-22T22:16:00+02:00")),
            ("From a Sun Nov 22 22:16:00 +0200 2026", Some("2026-11-22T22:16:00+02:00")),
            ("From a", None),
            ("From a Sun Nov 99 22:16:00 2026", None),
            ("From 1:2:3 x", None),
            ("", None),
        ] {
            assert_eq!(date_of(line.as_bytes()).map(|d| d.to_rfc3339()).as_deref(), date, "{line}");
        }
    }
}
