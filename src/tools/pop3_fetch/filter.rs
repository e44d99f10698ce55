//! `--filter`: a command that sees the header and says whether the message is fetched; and `--limit`, which counts those.

use super::wanted::Wanted;
use super::{NAME, Pop3Fetch};
use crate::cli::exit::{Tally, complain};
use crate::cli::maildrop::HEADER;
use crate::client::pop3::{Client, Entry};
use crate::error::{Error, Exit, Local, Result};
use crate::text::{ToFile, escape};
use std::io::Write;
use std::process::{Command, Stdio};

/// So many headers are asked for at a time, where not all are needed perhaps.
const PIECE: usize = 256;

/// The first of those that the flags want: as many as `--limit` says that `--filter` takes. How many are left over.
///
/// # Errors
/// 69: the server shows no headers; 75, 76.
pub(super) fn choose(
    flags: &Pop3Fetch,
    client: &mut Client,
    tally: &mut Tally,
    wanted: &mut Wanted<'_>,
) -> Result<u64> {
    let mut room = flags.limit.unwrap_or(usize::MAX);
    let mut over = 0usize;
    for list in [&mut wanted.whole, &mut wanted.top] {
        let mut rest = std::mem::take(list).into_iter();
        let Some(command) = &flags.filter else {
            list.extend(rest.by_ref().take(room));
            room -= list.len();
            over += rest.len();
            continue;
        };
        // What the filter leaves does not count, or a few of those would hold up all others for ever.
        let mut piece = 0;
        while list.len() < room && rest.len() > 0 {
            piece = (piece * 2).min(PIECE).max(room - list.len());
            let some = rest.by_ref().take(piece).collect();
            list.extend(filtered(client, tally, command, some)?);
        }
        over += rest.len() + list.len().saturating_sub(room);
        list.truncate(room);
        room -= list.len();
    }
    Ok(over as u64)
}

/// Those of `all` that the command takes: it gets each header on its stdin and ends with 0, or with 1 to leave the message.
/// Whatever else it ends with is a failure of that message, which is left too.
fn filtered<'e>(client: &mut Client, tally: &mut Tally, command: &str, all: Vec<&'e Entry>) -> Result<Vec<&'e Entry>> {
    if !client.capabilities().top {
        return Err(Error::refused("the server has no TOP, so headers can't be filtered"));
    }
    let numbers: Vec<u32> = all.iter().map(|e| e.number).collect();
    let (mut rest, mut taken) = (all.iter(), Vec::new());
    client.top(&numbers, 0, &mut |number, body| {
        let Some(entry) = rest.next() else { return Ok(()) };
        let verdict = body.and_then(|body| {
            let wire = body.whole(HEADER)?.ok_or_else(|| Error::data("its header is too long to be filtered"))?;
            let (mut to_file, mut header) = (ToFile::default(), Vec::new());
            to_file.push(&wire, &mut header);
            to_file.finish(&mut header);
            judge(command, &header, entry)
        });
        match verdict {
            Ok(true) => taken.push(*entry),
            Ok(false) => {}
            Err(e) => {
                complain(NAME, &format!("message {number}: {e}"), None);
                tally.failed(e.exit());
            }
        }
        Ok(())
    })?;
    Ok(taken)
}

/// Runs the command on one header.
fn judge(command: &str, header: &[u8], entry: &Entry) -> Result<bool> {
    let mut shell = Command::new("/bin/sh");
    // Nothing from the mail in its arguments or environment but this, which is escaped.
    let reference = entry.uidl.as_ref().map_or_else(|| entry.number.to_string(), escape);
    shell.args(["-c", command]).env("PIPEPOST_REF", reference);
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().local("/bin/sh")?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has seen enough closes it.
        let _ = stdin.write_all(header);
    }
    let status = child.wait().local("/bin/sh")?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        Some(code) => Err(Error::new(Exit::TempFail, format!("the filter ended with status {code}"))),
        None => Err(Error::new(Exit::TempFail, "the filter was ended by a signal")),
    }
}
