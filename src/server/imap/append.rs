//! APPEND: a message streams from the wire into a draft. A literal8 (RFC 3516) may hold NUL; what came is what is kept, and what
//! FETCH shows of it, in BODY too: there RFC 3501 has no room for NUL, but a message that is altered is another one.

use super::super::mailbox::{Account, Draft, FolderError, Part, commit_all};
use super::store::flags_of;
use super::{Session, answer, bad, failed, folder_failed, no};
use crate::body::Body;
use crate::error::Result;
use crate::message::flags::Flags;
use crate::net::Deadline;
use crate::net::wire::LINE;
use crate::proto::imap::command::Appending;
use crate::proto::imap::gather::{Gathered, Literal};
use crate::proto::imap::response::{Code, Condition, Status};
use crate::proto::imap::set::UidList;
use crate::text::ToFile;
use chrono::{DateTime, FixedOffset};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a client has sent unasked and nobody wants is read over up to this size.
const PATIENCE: u64 = 1 << 32;

/// So many messages one APPEND may have: each is an open file until all are there.
const MESSAGES: usize = 100;

impl Session<'_> {
    /// APPEND, of several messages too (MULTIAPPEND, RFC 3502): all are kept, or none.
    pub(super) fn append(
        &mut self,
        account: &Account,
        folder: &str,
        mut message: Appending,
        mut literal: Literal,
    ) -> Result<Status> {
        let mut parts: Vec<Part> = Vec::new();
        // What is wrong with one of them; what a client sends unasked is read over then.
        let mut wrong: Option<Status> = None;
        loop {
            let ready = match wrong.take() {
                Some(status) => Err(status),
                None => self.ready_for(account, folder, &message.flags, literal.size, parts.len()),
            };
            match ready {
                Ok((draft, flags)) => {
                    if !literal.non_sync {
                        self.go_on("go on")?;
                    }
                    match self.receive(draft, literal.size)? {
                        Ok(draft) => {
                            parts.push(Part { draft, flags, internal_date: message.date.as_ref().map(time) });
                        }
                        Err(e) => wrong = Some(failed(&e)),
                    }
                }
                Err(status) if !literal.non_sync => return Ok(status),
                Err(status) if literal.size > PATIENCE => {
                    self.over = true;
                    return Ok(status);
                }
                Err(status) => {
                    self.wire.until(Deadline::NEVER);
                    self.wire.exact(literal.size).skip()?;
                    wrong = Some(status);
                }
            }
            self.patience();
            let mut gathered = Gathered::default();
            let line = self.wire.line(LINE)?;
            if line.is_empty() {
                break;
            }
            let Some(next) = gathered.push_line(line) else {
                return Ok(bad("expected another message or the end of the line after the message"));
            };
            literal = next;
            match Appending::parse(&mut gathered.lex()) {
                Ok(next) => message = next,
                Err(why) => wrong = Some(bad(&why.to_string())),
            }
        }
        let status = match wrong {
            Some(status) => return Ok(status),
            None => match commit_all(account, folder, parts) {
                Ok(stored) => {
                    let validity = stored.first().map_or(0, |s| s.uid_validity);
                    let code = Code::AppendUid(validity, UidList::from_uids(stored.iter().map(|s| s.uid)));
                    answer(Condition::Ok, Some(code), "APPEND completed")
                }
                Err(e) => folder_failed(&e, true),
            },
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
        before: usize,
    ) -> std::result::Result<(Draft, Flags), Status> {
        if before >= MESSAGES {
            return Err(no("LIMIT", format!("{MESSAGES} messages at once")));
        }
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
