//! APPEND (RFC 3501 6.3.11), with the reference of what it made where the server tells (UIDPLUS, RFC 4315).

use super::Client;
use super::talk::Deaf;
use crate::body::Body;
use crate::error::{Error, Exit, Result};
use crate::net::Deadline;
use crate::proto::imap::command::Command;
use crate::proto::imap::encode::Piece;
use crate::proto::imap::response::{Code, Condition};
use chrono::{DateTime, FixedOffset};

/// What a message is in its new folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The folder's UIDVALIDITY.
    pub uid_validity: u32,
    /// The message's UID.
    pub uid: u32,
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
        if let Some(limit) = self.append_limit().filter(|limit| size > *limit) {
            return Err(Error::data(format!("a message of {size} bytes; the server takes at most {limit}")));
        }
        let append = Command::Append { mailbox: folder.to_owned(), flags: flags.to_vec(), date, size };
        let (tag, mut pieces) = self.talk.encode(&append)?;
        // The literal's announcement is the end of what goes out before the message.
        let stream = pieces.iter().position(|piece| matches!(piece, Piece::Stream(_)));
        let behind = pieces.split_off(stream.unwrap_or(pieces.len()).saturating_add(1).min(pieces.len()));
        let what = format!("{folder}: ");
        if let Some(refused) = self.talk.say(&tag, pieces, &mut Deaf)? {
            return Err(self.talk.refused(&what, &refused));
        }
        let mut poured = false;
        let answer = match self.pour(size, message, &mut poured) {
            Ok(()) => self.talk.say(&tag, behind, &mut Deaf).and_then(|_| self.talk.answer(&tag, &mut Deaf)),
            Err(e) => Err(self.talk.broken(e)),
        };
        // Lost before the last byte, and the server has nothing; behind it, nobody knows (pipepost(7), status 79).
        let answer = answer.map_err(|e| match e.exit() {
            Exit::TempFail if poured => e.with_exit(Exit::Unknown),
            _ => e,
        })?;
        if answer.condition != Condition::Ok {
            return Err(self.talk.refused(&what, &answer));
        }
        Ok(match answer.code {
            Some(Code::AppendUid(uid_validity, uids)) => Some(uids)
                .filter(|uids| uids.count() == 1)
                .and_then(|uids| uids.uids().next())
                .map(|uid| Appended { uid_validity, uid }),
            _ => None,
        })
    }

    /// APPENDLIMIT (RFC 7889), where the server has one for all folders.
    fn append_limit(&self) -> Option<u64> {
        self.talk.told.capabilities.iter().find_map(|word| word.strip_prefix("APPENDLIMIT=")?.parse().ok())
    }

    /// The message itself; `poured`: its last byte was on its way.
    fn pour(&mut self, size: u64, message: &mut dyn Body, poured: &mut bool) -> Result<()> {
        self.talk.wire.until(Deadline::NEVER);
        self.talk.wire.transfer(true);
        let (mut left, wrong) = (size, || Error::internal("a message is not as long as was said"));
        *poured = left == 0;
        loop {
            let piece = message.chunk()?;
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
}
