//! APPEND: a message streams from the wire into a draft. A literal8 (RFC 3516) may hold NUL; what came is what is kept, and what
//! FETCH shows of it, in BODY too: there RFC 3501 has no room for NUL, but a message that is altered is another one.

use super::super::mailbox::{Account, Draft, FolderError, Target};
use super::store::flags_of;
use super::{Session, answer, bad, failed, folder_failed, no};
use crate::body::Body;
use crate::error::{Error, Result};
use crate::message::flags::Flags;
use crate::net::Deadline;
use crate::net::wire::LINE;
use crate::proto::imap::gather::Literal;
use crate::proto::imap::response::{Code, Condition, Status};
use crate::proto::imap::set::UidList;
use crate::text::ToFile;
use chrono::{DateTime, FixedOffset};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a client has sent unasked and nobody wants is read over up to this size.
const PATIENCE: u64 = 1 << 32;

impl Session<'_> {
    pub(super) fn append(
        &mut self,
        account: &Account,
        folder: &str,
        words: &[String],
        date: Option<DateTime<FixedOffset>>,
        literal: Literal,
    ) -> Result<Status> {
        let begun = self.ready_for(account, folder, words, literal.size);
        let (draft, flags) = match begun {
            Ok(begun) => begun,
            Err(status) => {
                if literal.non_sync {
                    if literal.size > PATIENCE {
                        self.over = true;
                        return Ok(status);
                    }
                    self.wire.until(Deadline::NEVER);
                    self.wire.exact(literal.size).skip()?;
                    self.patience();
                    self.wire.line(LINE)?;
                }
                return Ok(status);
            }
        };
        if !literal.non_sync {
            self.go_on("go on")?;
        }
        let received = self.receive(draft, literal.size)?;
        self.patience();
        // MULTIAPPEND would go on here.
        if !self.wire.line(LINE)?.is_empty() {
            return Ok(bad("expected the end of the line after the message"));
        }
        let draft = match received {
            Ok(draft) => draft,
            Err(e) => return Ok(failed(&e)),
        };
        let target = Target { account, folder, flags, internal_date: date.map(|date| time(&date)) };
        let status = match draft.commit(&[target]).pop() {
            Some(Ok(stored)) => {
                let code = Code::AppendUid(stored.uid_validity, UidList::from_uids([stored.uid]));
                answer(Condition::Ok, Some(code), "APPEND completed")
            }
            Some(Err(e)) => folder_failed(&e, true),
            None => failed(&Error::internal("the message went nowhere")),
        };
        self.caught_up(true, status)
    }

    /// All that can be known before the message comes.
    fn ready_for(
        &mut self,
        account: &Account,
        folder: &str,
        words: &[String],
        size: u64,
    ) -> std::result::Result<(Draft, Flags), Status> {
        let flags = flags_of(words)?;
        if size == 0 {
            return Err(no("CANNOT", "an empty message"));
        }
        let limit = self.world.limits().message;
        if size > limit {
            return Err(no("TOOBIG", format!("a message may have {limit} bytes")));
        }
        let folders = account.folders().map_err(|e| failed(&e))?;
        if !folders.iter().any(|f| f.selectable && f.name == folder) {
            return Err(folder_failed(&FolderError::NotFound, true));
        }
        let draft = account.draft().map_err(|e| failed(&e))?;
        Ok((draft, flags))
    }

    /// The message in file form. A disk that is full does not keep the rest from being read.
    fn receive(&mut self, mut draft: Draft, size: u64) -> Result<Result<Draft>> {
        // However long it takes, as long as it moves.
        self.wire.until(Deadline::NEVER);
        let mut body = self.wire.exact(size);
        let mut to = ToFile::default();
        let mut out = Vec::new();
        let mut wrote = Ok(());
        loop {
            let piece = body.chunk()?;
            out.clear();
            if piece.is_empty() {
                to.finish(&mut out);
            } else {
                to.push(piece, &mut out);
            }
            let last = piece.is_empty();
            wrote = wrote.and_then(|()| draft.write(&out));
            if last {
                return Ok(wrote.map(|()| draft));
            }
        }
    }
}

fn time(date: &DateTime<FixedOffset>) -> SystemTime {
    let seconds = date.timestamp();
    let span = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
    time.unwrap_or(UNIX_EPOCH)
}
