//! FETCH: rows are planned from what the message's file says, then written; large sections stream.

use super::super::mailbox::Message;
use super::section::{Found, Opened};
use super::select::{indexes, number, shown};
use super::store::some_gone;
use super::structure::{envelope, structure};
use super::{Session, bad, failed, ok};
use crate::body::Body;
use crate::error::{Error, Result};
use crate::message::flags::{Flag, Flags};
use crate::net::Deadline;
use crate::proto::imap::response::{BodyName, Data, FetchValue, Status};
use crate::proto::imap::section::{FetchItem, Of, Partial, Section};
use crate::proto::imap::set::SequenceSet;
use crate::server::mailbox::FlagChange;
use chrono::{DateTime, FixedOffset};
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// A value of a row that is written.
enum Value {
    Ready(FetchValue),
    /// A section that is read while it is written.
    Stream(BodyName, Range<u64>),
}

/// What became of a row.
enum Row {
    Sent,
    /// The message has vanished.
    Gone,
    /// It is there and can't be read.
    Failed(Error),
}

impl Session<'_> {
    pub(super) fn fetch(&mut self, uid: bool, set: &SequenceSet, items: &[FetchItem]) -> Result<Status> {
        let Some(mailbox) = &self.mailbox else { return Ok(bad("no mailbox is selected")) };
        let wanted = match indexes(mailbox, uid, set) {
            Ok(wanted) => wanted,
            Err(status) => return Ok(status),
        };
        let mut status = ok("FETCH completed");
        for index in wanted {
            self.patience();
            match self.row(index, uid, items) {
                Ok(Row::Sent) => {}
                Ok(Row::Gone) if uid => {}
                Ok(Row::Gone) => status = some_gone(),
                Ok(Row::Failed(e)) => status = failed(&e),
                Err(e) => {
                    // A farewell would be taken for the rest of a literal.
                    self.wire.close();
                    return Err(e);
                }
            }
        }
        self.caught_up(uid, status)
    }

    /// One message's row. An error comes in the middle of it.
    fn row(&mut self, index: usize, uid: bool, items: &[FetchItem]) -> Result<Row> {
        let Some(mailbox) = &mut self.mailbox else { return Ok(Row::Gone) };
        let Some(message) = mailbox.messages().get(index).cloned() else { return Ok(Row::Gone) };
        let mut opened = None;
        if items.iter().any(needs_file) {
            let mut size = 0;
            if items.iter().any(needs_size) {
                size = match mailbox.wire_size(index) {
                    Ok(Some(size)) => size,
                    Ok(None) => return Ok(Row::Gone),
                    Err(e) => return Ok(Row::Failed(e)),
                };
            }
            match mailbox.file(index) {
                Ok(Some(file)) => opened = Some((Opened::new(file, message.uid, size, &mut self.reading), size)),
                Ok(None) => return Ok(Row::Gone),
                Err(e) => return Ok(Row::Failed(e)),
            }
        }
        let sees = items.iter().any(sees) && !mailbox.read_only() && !message.flags.has(Flag::Seen);
        let mut values = Vec::with_capacity(items.len().saturating_add(1));
        if uid || items.contains(&FetchItem::Uid) {
            values.push(Value::Ready(FetchValue::Uid(message.uid)));
        }
        for item in items {
            // Flags that are about to change come last.
            if matches!(item, FetchItem::Uid) || (sees && matches!(item, FetchItem::Flags)) {
                continue;
            }
            match value(item, &message, opened.as_mut()) {
                Ok(value) => values.push(value),
                Err(e) => return Ok(Row::Failed(e)),
            }
        }
        let out = &mut self.out;
        out.clear();
        out.extend_from_slice(format!("* {} FETCH ", number(index)).as_bytes());
        let mut before = b'(';
        for value in values {
            out.push(before);
            before = b' ';
            match value {
                Value::Ready(value) => {
                    value.encode(out);
                    // A row may hold many headers.
                    self.wire.put(&*out)?;
                    out.clear();
                }
                Value::Stream(name, range) => {
                    let size = range.end.saturating_sub(range.start);
                    FetchValue::Section(name, Data::Streamed(size)).encode(out);
                    self.wire.put(&*out)?;
                    out.clear();
                    let Some((opened, _)) = &mut opened else { continue };
                    let mut pieces = opened.pieces(range);
                    let mut left = size;
                    // However long it takes, as long as it moves.
                    self.wire.until(Deadline::NEVER);
                    self.wire.transfer(true);
                    loop {
                        let piece = pieces.chunk()?;
                        if piece.is_empty() {
                            break;
                        }
                        left = left.saturating_sub(piece.len() as u64);
                        self.wire.put_body(piece)?;
                    }
                    self.wire.transfer(false);
                    if left > 0 {
                        // The literal's size was promised: nothing after this could be understood.
                        return Err(Error::io("a message was cut while it was sent"));
                    }
                    let place = pieces.place();
                    opened.remember(place);
                }
            }
        }
        drop(opened);
        self.patience();
        if sees && let Some(mailbox) = &mut self.mailbox {
            // If the flag can't be set now, the client sees that it is not.
            let _ = mailbox.store(&[index], FlagChange::Add, &Flags::none().with(Flag::Seen));
            if let Some(message) = mailbox.messages().get(index) {
                self.out.push(before);
                FetchValue::Flags(shown(&message.flags, message.recent)).encode(&mut self.out);
            }
        }
        self.out.extend_from_slice(b")\r\n");
        self.wire.put(&self.out)?;
        self.out.shrink_to(4096);
        Ok(Row::Sent)
    }
}

fn needs_file(item: &FetchItem) -> bool {
    !matches!(item, FetchItem::Flags | FetchItem::InternalDate | FetchItem::Uid)
}

/// Whether it takes the size: to know that, a message from elsewhere must be read to its end.
fn needs_size(item: &FetchItem) -> bool {
    match item {
        FetchItem::Rfc822 | FetchItem::Rfc822Size | FetchItem::Rfc822Text => true,
        FetchItem::Section { section, .. } => section.part.is_empty() && matches!(section.what, Of::Whole | Of::Text),
        _ => false,
    }
}

/// Whether fetching it sets \Seen.
fn sees(item: &FetchItem) -> bool {
    matches!(item, FetchItem::Rfc822 | FetchItem::Rfc822Text | FetchItem::Section { peek: false, .. })
}

fn value(item: &FetchItem, message: &Message, opened: Option<&mut (Opened<'_>, u64)>) -> Result<Value> {
    let ready = match (item, opened) {
        (FetchItem::Flags, _) => FetchValue::Flags(shown(&message.flags, message.recent)),
        (FetchItem::InternalDate, _) => FetchValue::InternalDate(date(message.internal_date)),
        (FetchItem::Uid, _) | (_, None) => FetchValue::Uid(message.uid),
        (FetchItem::Rfc822Size, Some((_, size))) => FetchValue::Size(*size),
        (FetchItem::Envelope, Some((opened, _))) => FetchValue::Envelope(Box::new(envelope(&opened.header()?.0))),
        (FetchItem::Body, Some((opened, _))) => FetchValue::Body(structure(&*opened.tree()?)),
        (FetchItem::BodyStructure, Some((opened, _))) => FetchValue::BodyStructure(structure(&*opened.tree()?)),
        (FetchItem::Rfc822, Some((opened, _))) => return section(opened, BodyName::Rfc822, &Section::default(), None),
        (FetchItem::Rfc822Header, Some((opened, _))) => {
            return section(opened, BodyName::Header, &Section::header(), None);
        }
        (FetchItem::Rfc822Text, Some((opened, _))) => {
            let text = Section { part: Vec::new(), what: Of::Text };
            return section(opened, BodyName::Text, &text, None);
        }
        (FetchItem::Section { section: wanted, partial, .. }, Some((opened, _))) => {
            let name = BodyName::Section(wanted.clone(), partial.map(|p| p.start));
            return section(opened, name, wanted, *partial);
        }
    };
    Ok(Value::Ready(ready))
}

fn section(opened: &mut Opened<'_>, name: BodyName, section: &Section, partial: Option<Partial>) -> Result<Value> {
    Ok(match opened.find(section)? {
        Found::Nothing => Value::Ready(FetchValue::Section(name, Data::Nil)),
        Found::Range(range) => Value::Stream(name, cut(range, partial)),
        Found::Bytes(bytes) => {
            let range = cut(0..bytes.len() as u64, partial);
            let (start, end) = (usize::try_from(range.start), usize::try_from(range.end));
            let piece = start.ok().zip(end.ok()).and_then(|(start, end)| bytes.get(start..end));
            Value::Ready(FetchValue::Section(name, Data::Bytes(piece.unwrap_or_default().to_vec())))
        }
    })
}

/// The piece of a range that `<start.count>` asks for; empty beyond its end.
fn cut(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(Partial { start, count }) = partial else { return range };
    let start = range.start.saturating_add(start).min(range.end);
    start..start.saturating_add(count).min(range.end)
}

/// An internal date in UTC, within the four-digit years that IMAP can write.
pub(super) fn date(time: SystemTime) -> DateTime<FixedOffset> {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
    };
    DateTime::from_timestamp(seconds.clamp(-62_135_596_800, 253_402_300_799), 0).unwrap_or_default().fixed_offset()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partials() {
        let p = |start, count| Some(Partial { start, count });
        assert_eq!(cut(10..20, None), 10..20);
        assert_eq!(cut(10..20, p(0, 5)), 10..15);
        assert_eq!(cut(10..20, p(8, 5)), 18..20);
        assert_eq!(cut(10..20, p(11, 5)), 20..20);
        assert_eq!(cut(10..20, p(u64::MAX, u64::MAX)), 20..20);
    }
}
