//! `--filter`: a command that sees the header and says whether the message is fetched.

use super::NAME;
use crate::cli::exit::{Tally, complain};
use crate::cli::maildrop::HEADER;
use crate::client::pop3::{Client, Entry};
use crate::error::{Error, Exit, Local, Result};
use crate::text::{ToFile, escape};
use std::io::Write;
use std::process::{Command, Stdio};

/// Those of `all` that the command takes: it gets each header on its stdin and ends with 0, or with 1 to leave the message.
/// Whatever else it ends with is a failure of that message, which is left too.
pub(super) fn filtered<'e>(
    client: &mut Client,
    tally: &mut Tally,
    command: &str,
    all: Vec<&'e Entry>,
) -> Result<Vec<&'e Entry>> {
    if !client.capabilities().top && !all.is_empty() {
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
