//! `--log`: a line for each message, of words like `key=value`, to a file or to syslog. That it can't be written is said once, and
//! changes nothing.

use super::inputs::Item;
use crate::cli::exit::complain;
use crate::client::smtp::Outcome;
use crate::error::{Error, Fate, words};
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::queue_id;
use crate::text::escape;
use rustix::fs::OFlags;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where syslog listens.
const SOCKET: &str = "/dev/log";
/// RFC 3164 4.1.1: mail (2), informational (6).
const PRIORITY: u8 = 2 * 8 + 6;
/// A datagram that every syslog takes.
const LONGEST: usize = 8000;

/// Where the lines go.
pub(super) enum Log {
    /// To nobody.
    Nowhere,
    /// Behind what is in a file.
    File(PathBuf),
    /// To syslog, which listens there.
    Syslog(PathBuf),
    /// They went somewhere, and could not.
    Broken,
}

impl Log {
    /// What `--log` or the configuration names.
    pub(super) fn new(name: Option<&str>) -> Log {
        match name {
            None => Log::Nowhere,
            Some("syslog") => Log::Syslog(SOCKET.into()),
            Some(name) => match name.strip_prefix("syslog:") {
                Some(socket) => Log::Syslog(socket.into()),
                None => Log::File(name.into()),
            },
        }
    }

    /// What became of a message.
    pub(super) fn outcomes(&mut self, item: &Item, host: &str, from: &str, outcomes: &[Outcome]) {
        // Nothing has become of one whose idempotency key is used.
        if matches!(self, Log::Nowhere | Log::Broken) || outcomes.is_empty() && item.queued.is_none() {
            return;
        }
        let mut line = begin(item, host, from);
        if let Some((to, id)) = &item.queued {
            word(&mut line, "queued", &list(to));
            word(&mut line, "id", id);
        }
        for fate in [Fate::Done, Fate::Later, Fate::Never, Fate::Unknown] {
            let to = list(outcomes.iter().filter(|o| o.fate == fate).map(|o| &o.to));
            if !to.is_empty() {
                word(&mut line, fate.word(), &to);
            }
        }
        // Of many answers the worst says most.
        let worst = [Fate::Unknown, Fate::Never, Fate::Later, Fate::Done];
        let said = worst.iter().find_map(|fate| outcomes.iter().find(|o| o.fate == *fate));
        if let Some(said) = said {
            word(&mut line, "stage", said.stage.word());
            if let Some(code) = said.code {
                word(&mut line, "code", &code.to_string());
            }
            word(&mut line, "text", &said.text);
        }
        if let Some(id) = outcomes.iter().find(|o| o.fate == Fate::Done).and_then(|o| queue_id(&o.text)) {
            word(&mut line, "queue_id", id);
        }
        self.write(&line);
    }

    /// Why nobody got it.
    pub(super) fn nobody(&mut self, item: &Item, host: &str, from: &str, to: &[Mailbox], why: &Error) {
        if matches!(self, Log::Nowhere | Log::Broken) {
            return;
        }
        let mut line = begin(item, host, from);
        word(&mut line, why.fate().word(), &list(to));
        word(&mut line, "exit", &why.exit().code().to_string());
        word(&mut line, "text", &why.to_string());
        self.write(&line);
    }

    fn write(&mut self, line: &str) {
        let done = match self {
            Log::Nowhere | Log::Broken => Ok(()),
            Log::File(path) => append(path, line),
            Log::Syslog(socket) => syslog(socket, line),
        };
        if let Err(e) = done {
            let name = match self {
                Log::File(path) | Log::Syslog(path) => path.display().to_string(),
                Log::Nowhere | Log::Broken => String::new(),
            };
            complain(super::NAME, &format!("log: {name}: {}", words(&e)), None);
            *self = Log::Broken;
        }
    }
}

fn begin(item: &Item, host: &str, from: &str) -> String {
    let mut line = format!("smtp-send[{}]:", std::process::id());
    word(&mut line, "host", host);
    word(&mut line, "from", from);
    word(&mut line, "size", &item.message.facts.size_smtp().to_string());
    if let Some(id) = item.message.header.unfolded("Message-ID") {
        word(&mut line, "message_id", String::from_utf8_lossy(&id).trim());
    }
    line
}

fn list<'m>(to: impl IntoIterator<Item = &'m Mailbox>) -> String {
    let to: Vec<String> = to.into_iter().map(ToString::to_string).collect();
    to.join(",")
}

/// A value with blanks or quotes stands in quotes.
fn word(line: &mut String, key: &str, value: &str) {
    let value = escape(value);
    let bare = !value.is_empty() && !value.contains([' ', '\'']);
    let _ = match bare {
        true => write!(line, " {key}={value}"),
        false => write!(line, " {key}='{}'", value.replace('\'', "\\x27")),
    };
}

/// One write, so that programs that share a file keep their lines apart.
fn append(path: &PathBuf, line: &str) -> io::Result<()> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let time = i64::try_from(now).ok().and_then(|now| chrono::DateTime::from_timestamp(now, 0)).unwrap_or_default();
    let line = format!("{} {line}\n", time.format("%Y-%m-%dT%H:%M:%SZ"));
    match file.write(line.as_bytes())? {
        n if n == line.len() => Ok(()),
        _ => Err(io::ErrorKind::StorageFull.into()),
    }
}

fn syslog(at: &Path, line: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    // A log that nobody reads holds nobody up.
    socket.set_nonblocking(true)?;
    let mut end = line.len().min(LONGEST);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let text = format!("<{PRIORITY}>{}", line.get(..end).unwrap_or_default());
    socket.send_to(text.as_bytes(), at).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let mut line = String::new();
        for (key, value) in [("a", "b"), ("c", ""), ("d", "e f"), ("g", "h'i\n")] {
            word(&mut line, key, value);
        }
        assert_eq!(line, r" a=b c='' d='e f' g='h\x27i\n'");
    }
}
