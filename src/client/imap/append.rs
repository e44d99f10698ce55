//! APPEND (RFC 3501 6.3.11), of several messages at once (MULTIAPPEND, RFC 3502), with the reference of what it made where the server tells (UIDPLUS, RFC 4315);
//! of messages with UTF-8 in their header as such, where it is spoken (RFC 6855 4).

use super::Client;
use super::talk::{Deaf, Listen};
use crate::body::Body;
use crate::error::{Error, Exit, Result};
use crate::net::Deadline;
use crate::proto::imap::command::{Appending, Command, StatusItem};
use crate::proto::imap::encode::{Piece, appending};
use crate::proto::imap::response::{Code, Condition, Untagged};
use chrono::{DateTime, FixedOffset, Utc};
use memchr::memmem;

/// A header that is longer is looked at so far.
const HEADER: usize = 256 * 1024;

/// What a message is in its new folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The folder's UIDVALIDITY.
    pub uid_validity: u32,
    /// The message's UID.
    pub uid: u32,
}

/// A message that is to be appended.
pub struct ToAppend<'m> {
    /// Its flags, its date, and its size in wire form.
    pub what: Appending,
    /// Itself, in wire form.
    pub message: &'m mut dyn Body,
}

impl Client {
    /// Appends a message of `size` bytes in wire form to a folder. `None`: the server does not tell what became its UID.
    ///
    /// # Errors
    /// 64: CR, LF or NUL in the folder's name or a flag; 65: the server takes no message of that size; 69: it refuses; 75: nothing was
    /// stored; 79: the line was lost behind the message, which may be there; whatever `message` returns.
    pub fn append(
        &mut self,
        folder: &str,
        flags: &[String],
        date: Option<DateTime<FixedOffset>>,
        size: u64,
        message: &mut dyn Body,
    ) -> Result<Option<Appended>> {
        let what = Appending { flags: flags.to_vec(), date, size };
        Ok(self.append_all(folder, &mut [ToAppend { what, message }])?.pop().flatten())
    }

    /// Appends messages to a folder by one command: all of them or none. More than one only where the server has MULTIAPPEND.
    ///
    /// # Errors
    /// As [`Client::append`], for all of them.
    pub fn append_all(&mut self, folder: &str, all: &mut [ToAppend<'_>]) -> Result<Vec<Option<Appended>>> {
        self.talk.settled()?;
        let limit = self.append_limit();
        if let Some((limit, size)) = all.iter().find_map(|m| Some((limit?, m.what.size)).filter(|(l, n)| n > l)) {
            return Err(Error::data(format!("a message of {size} bytes; the server takes at most {limit}")));
        }
        let what = format!("{folder}: ");
        let count = all.len();
        let mut answer = None;
        let (mut tag, mut end) = (String::new(), Vec::new());
        // Whether the parenthesis behind a message in UTF-8 is owed.
        let mut open = false;
        // What is wrong with a flag is known before anything goes out.
        for message in all.iter().skip(1) {
            appending(&message.what)?;
        }
        for (n, ToAppend { what: one, message }) in all.iter_mut().enumerate() {
            let (held, utf8) = self.head(*message).map_err(|e| if n == 0 { e } else { self.talk.broken(e) })?;
            // Courier takes the word UTF8 for a date where there is none; without one it is now, too.
            let date = one.date.or_else(|| utf8.then(|| Utc::now().fixed_offset()));
            let mut pieces = if n == 0 {
                let Appending { flags, size, .. } = one.clone();
                let append = Command::Append { mailbox: folder.to_owned(), flags, date, size };
                let (first, mut pieces) = self.talk.encode(&append)?;
                // The literal's announcement is the end of what goes out before the message.
                let stream = pieces.iter().position(|piece| matches!(piece, Piece::Stream(_)));
                let behind = stream.unwrap_or(pieces.len()).saturating_add(1).min(pieces.len());
                (tag, end) = (first, pieces.split_off(behind));
                pieces
            } else {
                appending(&Appending { date, ..one.clone() })?
            };
            let text = |text: &[u8]| Piece::Text(text.to_vec());
            if utf8 {
                pieces.insert(pieces.len().saturating_sub(1), text(b"UTF8 (~"));
            }
            if std::mem::replace(&mut open, utf8) {
                pieces.insert(0, text(b")"));
            }
            if let Some(refused) = self.talk.say(&tag, pieces, &mut Deaf)? {
                return Err(self.talk.refused(&what, &refused));
            }
            let mut poured = false;
            let last = n.saturating_add(1) == count;
            let sent = match self.pour(one.size, &held, *message, &mut poured) {
                Ok(()) if last => self
                    .talk
                    .say(&tag, utf8.then(|| text(b")")).into_iter().chain(end.drain(..)).collect(), &mut Deaf)
                    .and_then(|_| self.talk.answer(&tag, &mut Deaf))
                    .map(|status| answer = Some(status)),
                Ok(()) => Ok(()),
                Err(e) => Err(self.talk.broken(e)),
            };
            // Lost before the last byte, and the server has nothing; behind it, nobody knows (pipepost(7), status 79).
            sent.map_err(|e| match e.exit() {
                Exit::TempFail if poured && last => e.with_exit(Exit::Unknown),
                _ => e,
            })?;
        }
        let Some(answer) = answer else { return Ok(Vec::new()) };
        if answer.condition != Condition::Ok {
            return Err(self.talk.refused(&what, &answer));
        }
        Ok(match answer.code {
            Some(Code::AppendUid(uid_validity, uids)) if uids.count() == count as u64 => {
                uids.uids().map(|uid| Some(Appended { uid_validity, uid })).collect()
            }
            _ => vec![None; count],
        })
    }

    /// APPENDLIMIT (RFC 7889), where the server has one for all folders.
    fn append_limit(&self) -> Option<u64> {
        self.talk.told.capabilities.iter().find_map(|word| word.strip_prefix("APPENDLIMIT=")?.parse().ok())
    }

    /// The largest message that a folder takes, if the server tells: for all folders alike, or for this one.
    ///
    /// # Errors
    /// 64: CR, LF or NUL in the folder's name; 75, 76.
    pub fn limit_of(&mut self, folder: &str) -> Result<Option<u64>> {
        if !self.talk.has("APPENDLIMIT") {
            return Ok(self.append_limit());
        }
        let mut limit = Limit(None);
        let items = vec![StatusItem::AppendLimit];
        // A refusal says that there is no such folder, which APPEND will say too.
        self.talk.ask(&Command::Status { mailbox: folder.to_owned(), items }, &mut limit)?;
        Ok(limit.0)
    }

    /// Where UTF-8 is spoken: what was read of the message to know its header, and whether that is more than ASCII.
    fn head(&self, message: &mut dyn Body) -> Result<(Vec<u8>, bool)> {
        let mut held = Vec::new();
        if !self.talk.spoken.is_utf8() {
            return Ok((held, false));
        }
        loop {
            let piece = message.chunk()?;
            let from = held.len().saturating_sub(3);
            held.extend_from_slice(piece);
            let end = held.get(from..).and_then(|new| memmem::find(new, b"\r\n\r\n"));
            if end.is_some() || piece.is_empty() || held.len() >= HEADER {
                let end = end.map_or(held.len(), |end| from.saturating_add(end));
                let utf8 = !held.get(..end).unwrap_or_default().is_ascii();
                return Ok((held, utf8));
            }
        }
    }

    /// The message itself, of which so much is here; `poured`: its last byte was on its way.
    fn pour(&mut self, size: u64, held: &[u8], message: &mut dyn Body, poured: &mut bool) -> Result<()> {
        self.talk.wire.until(Deadline::NEVER);
        self.talk.wire.transfer(true);
        let (mut left, wrong) = (size, || Error::internal("a message is not as long as was said"));
        *poured = left == 0;
        let mut held = Some(held).filter(|held| !held.is_empty());
        loop {
            let piece = match held.take() {
                Some(held) => held,
                None => message.chunk()?,
            };
            if piece.is_empty() {
                self.talk.wire.transfer(false);
                return if left == 0 { Ok(()) } else { Err(wrong()) };
            }
            left = left.checked_sub(piece.len() as u64).ok_or_else(wrong)?;
            *poured = left == 0;
            self.talk.wire.put(piece)?;
        }
    }
}

/// STATUS of one folder.
struct Limit(Option<u64>);

impl Listen for Limit {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        if let Untagged::Mailbox(_, items) = what {
            self.0 = items.into_iter().find(|(item, _)| *item == StatusItem::AppendLimit).map(|(_, n)| n);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{login, play};
    use super::*;
    use crate::net::script::{End, Mode, Script};
    use crate::net::trace::Side;

    const BEFORE: &str =
        "S: * OK [CAPABILITY IMAP4rev1 CAPS] hi\nC: $a LOGIN mrc ***\nS: $a OK [CAPABILITY IMAP4rev1 CAPS] in\n";

    fn append(script: &str, cut_after: Option<usize>) -> (End, Result<Option<Appended>>) {
        let script = Script::parse(script).unwrap();
        play(&script, Mode { byte_by_byte: false, cut_after }, |wire| {
            let mut client = Client::open(wire, Some(&login()), false)?;
            client.append("Sent", &["\\Seen".to_owned()], None, 6, &mut &b"A: b\r\n"[..])
        })
    }

    #[test]
    fn with_and_without_leave() {
        let plus =
            format!("{BEFORE}C: $b APPEND Sent (\\\\Seen) {{6+}}\nC: A: b\nC:\nS: $b OK [APPENDUID 7 12] done\n");
        let wait = format!("{BEFORE}C: $b APPEND Sent (\\\\Seen) {{6}}\nS: + go on\nC: A: b\nC:\nS: $b OK done\n");
        let (end, appended) = append(&plus.replace("CAPS", "LITERAL+"), None);
        assert_eq!((end, appended), (End::Whole, Ok(Some(Appended { uid_validity: 7, uid: 12 }))));
        assert_eq!(append(&wait.replace("CAPS", "UIDPLUS"), None), (End::Whole, Ok(None)));
        // Cut before the message went out: later. Behind it: nobody knows.
        let script = wait.replace("CAPS", "UIDPLUS");
        let says = Script::parse(&script).unwrap().said_by(Side::Server);
        let exits: Vec<Exit> = (0..says).map(|cut| append(&script, Some(cut)).1.unwrap_err().exit()).collect();
        assert_eq!(exits, [Exit::TempFail, Exit::TempFail, Exit::TempFail, Exit::Unknown]);
    }

    #[test]
    fn refused_before_and_behind() {
        let first = format!("{BEFORE}C: $b APPEND Sent (\\\\Seen) {{6}}\nS: $b NO [TRYCREATE] no such folder\n");
        let (end, refused) = append(&first.replace("CAPS", "X"), None);
        assert_eq!((end, refused.unwrap_err().exit()), (End::Whole, Exit::Refused));
        let then = format!("{BEFORE}C: $b APPEND Sent (\\\\Seen) {{6+}}\nC: A: b\nC:\nS: $b NO [OVERQUOTA] full\n");
        let (end, refused) = append(&then.replace("CAPS", "LITERAL-"), None);
        assert_eq!((end, refused.unwrap_err().exit()), (End::Whole, Exit::Refused));
        let (_, large) = append(&BEFORE.replace("CAPS", "APPENDLIMIT=5"), None);
        assert_eq!(large.unwrap_err().exit(), Exit::Data);
    }

    #[test]
    fn several_at_once() {
        let script = format!(
            "{BEFORE}C: $b APPEND Sent (\\\\Seen) {{6+}}\nC: A: b\nC: (work) \"17-Jul-1996 02:44:25 +0000\" {{2+}}\nC: xy\nS: $b OK [APPENDUID 7 12:13] done\n"
        );
        let script =
            script.replace("CAPS", "LITERAL+ MULTIAPPEND").replace("C: A: b\nC: (work)", "C: A: b\nC:  (work)");
        let run = |cut_after| {
            play(&Script::parse(&script).unwrap(), Mode { byte_by_byte: false, cut_after }, |wire| {
                let mut client = Client::open(wire, Some(&login()), false)?;
                let date = DateTime::parse_from_rfc3339("1996-07-17T02:44:25Z").ok();
                let (mut one, mut two) = (&b"A: b\r\n"[..], &b"xy"[..]);
                let what = |flag: &str, date, size| Appending { flags: vec![flag.to_owned()], date, size };
                client.append_all(
                    "Sent",
                    &mut [
                        ToAppend { what: what("\\Seen", None, 6), message: &mut one },
                        ToAppend { what: what("work", date, 2), message: &mut two },
                    ],
                )
            })
        };
        let at = |uid| Some(Appended { uid_validity: 7, uid });
        assert_eq!(run(None), (End::Whole, Ok(vec![at(12), at(13)])));
        assert_eq!(run(Some(2)).1.unwrap_err().exit(), Exit::Unknown);
    }
}
