//! `--edit`: a message that is being made, as a text that a person changes.
//!
//! The draft is header fields in UTF-8, an empty line, and the text. Left out: what the flags of files name, and the references of an
//! answer, which are not for editing and stay.

use super::cursor::spool;
use crate::body::Body;
use crate::cli::compose::{Compose, one};
use crate::error::{Error, Local, Result};
use crate::message::decode::words;
use crate::message::header::Header;
use crate::message::reply::text as address_text;
use crate::store::spool::Spool;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// The longest draft: an editor holds it too.
const MAX: usize = 32 << 20;
/// Fields that an answer has and nobody edits.
const KEPT: [&str; 2] = ["In-Reply-To", "References"];

/// Has a person change the message that `compose` and `text` make; returns what it is then.
///
/// # Errors
/// 65: the draft was left as it was, or emptied, or the editor failed: nothing is to be made; 73, 74: its file; 78: no editor.
pub(super) fn edit(compose: &Compose, host: &str, text: &mut dyn Body) -> Result<(Compose, Spool)> {
    let mut before = fields(compose, host)?.into_bytes();
    let body = text.whole(MAX)?.ok_or_else(|| Error::data(format!("a draft has at most {MAX} bytes")))?;
    let body = String::from_utf8(body).map_err(|_| Error::data("a draft is UTF-8, and the text is not"))?;
    before.push(b'\n');
    before.extend_from_slice(body.replace("\r\n", "\n").as_bytes());
    let mut file = tempfile::Builder::new().prefix("draft-").suffix(".eml").tempfile().creating("the draft")?;
    file.write_all(&before).and_then(|()| file.flush()).local("the draft")?;
    run(file.path())?;
    let mut after = Vec::new();
    // An editor may have put another file in its place.
    let again = File::open(file.path()).opening("the draft")?;
    again.take(MAX as u64 + 1).read_to_end(&mut after).local("the draft")?;
    if after == before {
        return Err(Error::data("the draft was not changed: no message"));
    }
    if after.trim_ascii().is_empty() {
        return Err(Error::data("the draft is empty: no message"));
    }
    match read(compose, after) {
        Ok(read) => Ok(read),
        Err(e) => {
            // What a person wrote is not thrown away.
            let kept = file.keep().map(|(_, path)| path.display().to_string()).unwrap_or_default();
            Err(e.advise(format!("the draft is in {kept}")))
        }
    }
}

/// The fields for editing.
fn fields(compose: &Compose, host: &str) -> Result<String> {
    let from = match &compose.from {
        Some(from) => address_text(&one("--from", from, host)?),
        None => format!("{}@{host}", crate::cli::system::user_name()),
    };
    let mut fields = format!("From: {from}\nTo: {}\n", compose.to.join(", "));
    for (name, list) in [("Cc", &compose.cc), ("Bcc", &compose.bcc)] {
        if !list.is_empty() {
            fields.push_str(&format!("{name}: {}\n", list.join(", ")));
        }
    }
    fields.push_str(&format!("Subject: {}\n", compose.subject.as_deref().unwrap_or_default()));
    for field in compose.header.iter().filter(|field| !is_kept(field)) {
        fields.push_str(&format!("{field}\n"));
    }
    Ok(fields)
}

fn is_kept(field: &str) -> bool {
    field.split_once(':').is_some_and(|(name, _)| KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name.trim_end())))
}

/// What an edited draft says.
fn read(compose: &Compose, draft: Vec<u8>) -> Result<(Compose, Spool)> {
    if draft.len() > MAX {
        return Err(Error::data(format!("a draft has at most {MAX} bytes")));
    }
    let draft = String::from_utf8(draft).map_err(|_| Error::data("the draft is not UTF-8 any more"))?;
    let draft = draft.replace("\r\n", "\n");
    let (head, body) = match draft.strip_prefix('\n') {
        Some(body) => ("", body),
        None => draft.split_once("\n\n").unwrap_or((draft.trim_end_matches('\n'), "")),
    };
    let mut new = Compose { from: None, subject: None, ..compose.clone() };
    for list in [&mut new.to, &mut new.cc, &mut new.bcc] {
        list.clear();
    }
    new.header.retain(|field| is_kept(field));
    let header = Header::parse(format!("{head}\n\n").into_bytes());
    for entry in header.entries() {
        let raw = String::from_utf8_lossy(entry.raw()).into_owned();
        let crate::message::header::Entry::Field(field) = entry else {
            return Err(Error::data(format!("the draft: no header field: {}", raw.trim_end())));
        };
        let name = String::from_utf8_lossy(field.name).into_owned();
        let value = String::from_utf8_lossy(&field.unfolded()).trim().to_owned();
        if value.is_empty() {
            continue;
        }
        match name.to_ascii_lowercase().as_str() {
            "from" => new.from = Some(value),
            "to" => new.to.push(value),
            "cc" => new.cc.push(value),
            "bcc" => new.bcc.push(value),
            "subject" => new.subject = Some(words(value.as_bytes())),
            _ => new.header.push(format!("{name}: {value}")),
        }
    }
    Ok((new, spool(&mut body.as_bytes(), |_| ())?))
}

/// Runs the editor on the terminal, wherever stdin and stdout go; without a terminal it gets no input and writes to stderr.
fn run(draft: &std::path::Path) -> Result<()> {
    let named = |name| std::env::var(name).ok().filter(|editor: &String| !editor.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let mut command = Command::new("/bin/sh");
    // As git does: the variable may hold arguments; the file's name is none of its words.
    command.arg("-c").arg(format!("{editor} \"$@\"")).arg("sh").arg(draft);
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    match terminal.and_then(|tty| Ok((tty.try_clone()?, tty))) {
        Ok((input, output)) => command.stdin(input).stdout(output),
        Err(_) => command.stdin(Stdio::null()).stdout(std::io::stderr()),
    };
    let status = command.status().map_err(|e| Error::config(format!("/bin/sh: {e}")))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(126 | 127) => Err(Error::config(format!("{editor}: no such editor")).advise("VISUAL and EDITOR name one")),
        _ => Err(Error::data(format!("{editor}: {status}: no message"))),
    }
}
