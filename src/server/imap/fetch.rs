//! FETCH: rows are planned from what the message's file says, then written; large sections stream.

use super::super::mailbox::Message;
use super::recall::{self, Recalled, Want};
use super::section::{Found, Opened};
use super::select::{indexes, number, shown};
use super::store::some_gone;
use super::structure::{envelope, structure};
use super::{Session, bad, failed, no, ok};
use crate::body::Body;
use crate::error::{Error, Result};
use crate::message::decode::decoded;
use crate::message::flags::{Flag, Flags};
use crate::message::mime::Encoding;
use crate::net::{Deadline, Wire};
use crate::proto::imap::modseq::ChangedSince;
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
    /// A part that is decoded while it is written: where it is, how it is encoded, which bytes of what is decoded, and whether there
    /// is a NUL.
    Decode(BodyName, Range<u64>, Encoding, Range<u64>, bool),
}

/// What became of a row.
enum Row {
    Sent,
    /// The message has vanished.
    Gone,
    /// It is there and can't be read.
    Failed(Error),
    /// A part has a transfer encoding that nobody knows.
    Undecodable,
}

impl Session<'_> {
    pub(super) fn fetch(
        &mut self,
        uid: bool,
        set: &SequenceSet,
        items: &[FetchItem],
        changed: Option<ChangedSince>,
    ) -> Result<Status> {
        let mut items = items.to_vec();
        if changed.is_some() && !items.contains(&FetchItem::ModSeq) {
            items.push(FetchItem::ModSeq);
        }
        if items.contains(&FetchItem::ModSeq) {
            self.want_modseqs()?;
        }
        let Some(mailbox) = &self.mailbox else { return Ok(bad("no mailbox is selected")) };
        let mut wanted = match indexes(mailbox, uid, set) {
            Ok(wanted) => wanted,
            Err(status) => return Ok(status),
        };
        if let Some(changed) = changed {
            let messages = mailbox.messages();
            wanted.retain(|index| messages.get(*index).is_some_and(|m| m.modseq > changed.modseq));
            if changed.vanished {
                if !uid || !self.qresync {
                    return Ok(bad("VANISHED is for UID FETCH, with QRESYNC enabled"));
                }
                self.tell_vanished(changed.modseq, set)?;
            }
        }
        let items = items.as_slice();
        let want = Want::of(items);
        if let Some(mailbox) = self.mailbox.as_mut().filter(|_| want.reads()) {
            mailbox.expect(wanted.len());
        }
        let mut status = ok("FETCH completed");
        for index in wanted {
            self.patience();
            match self.row(index, uid, items, want) {
                Ok(Row::Sent) => {}
                Ok(Row::Gone) if uid => {}
                Ok(Row::Gone) => status = some_gone(),
                Ok(Row::Failed(e)) => status = failed(&e),
                Ok(Row::Undecodable) => status = no("UNKNOWN-CTE", "a transfer encoding that is not known"),
                Err(e) => {
                    // A farewell would be taken for the rest of a literal.
                    self.wire.close();
                    return Err(e);
                }
            }
        }
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.settle();
        }
        self.caught_up(uid, status)
    }

    /// One message's row. An error comes in the middle of it.
    fn row(&mut self, index: usize, uid: bool, items: &[FetchItem], want: Want) -> Result<Row> {
        let Some(mailbox) = &mut self.mailbox else { return Ok(Row::Gone) };
        let Some(message) = mailbox.messages().get(index).cloned() else { return Ok(Row::Gone) };
        let recent = mailbox.is_recent(&message);
        let mut size = 0;
        if want.size || items.iter().any(needs_size) {
            size = match mailbox.wire_size(index) {
                Ok(Some(size)) => size,
                Ok(None) => return Ok(Row::Gone),
                Err(e) => return Ok(Row::Failed(e)),
            };
        }
        let recalled = match want.file {
            true => None,
            false => match Recalled::of(mailbox, index, want) {
                Ok(recalled) => recalled,
                Err(e) => return Ok(Row::Failed(e)),
            },
        };
        let mut opened = None;
        if recalled.is_none() {
            match mailbox.file(index) {
                Ok(Some(file)) => opened = Some(Opened::new(file, message.uid, size, &mut self.reading)),
                Ok(None) => return Ok(Row::Gone),
                Err(e) => return Ok(Row::Failed(e)),
            }
        }
        let sees = items.iter().any(sees) && !mailbox.read_only() && !message.flags.has(Flag::Seen);
        let uid = uid || (sees && self.qresync);
        let last = |item: &FetchItem| sees && matches!(item, FetchItem::Flags | FetchItem::ModSeq);
        let mut values = Vec::with_capacity(items.len().saturating_add(1));
        if uid || items.contains(&FetchItem::Uid) {
            values.push(Value::Ready(FetchValue::Uid(message.uid)));
        }
        for item in items {
            // Flags that are about to change come last.
            if matches!(item, FetchItem::Uid) || last(item) {
                continue;
            }
            if let Some(value) = recalled.as_ref().and_then(|recalled| recalled.value(item)) {
                values.push(Value::Ready(value));
                continue;
            }
            match value(item, &message, recent, size, opened.as_mut()) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Row::Undecodable),
                Err(e) => return Ok(Row::Failed(e)),
            }
        }
        if let Some(opened) = opened.as_mut().filter(|_| want.reads())
            && let Err(e) = recall::remember(mailbox, index, opened, want)
        {
            return Ok(Row::Failed(e));
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
                    let Some(opened) = &mut opened else { continue };
                    let size = range.end.saturating_sub(range.start);
                    announce(self.wire, out, name, Data::Streamed(size))?;
                    let mut pieces = opened.pieces(range);
                    send(self.wire, &mut pieces, 0..size)?;
                    let place = pieces.place();
                    opened.remember(place);
                }
                Value::Decode(name, range, encoding, wanted, nul) => {
                    let Some(opened) = &mut opened else { continue };
                    let size = wanted.end.saturating_sub(wanted.start);
                    // RFC 3516 4.3: what any literal can hold goes as one.
                    announce(self.wire, out, name, if nul { Data::Streamed8(size) } else { Data::Streamed(size) })?;
                    send(self.wire, &mut decoded(opened.pieces(range), &encoding), wanted)?;
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
                FetchValue::Flags(shown(&message.flags, recent)).encode(&mut self.out);
                if self.condstore {
                    self.out.push(b' ');
                    FetchValue::ModSeq(message.modseq).encode(&mut self.out);
                }
            }
        }
        self.out.extend_from_slice(b")\r\n");
        self.wire.put(&self.out)?;
        self.out.shrink_to(4096);
        Ok(Row::Sent)
    }
}

/// A literal's name and size.
fn announce(wire: &mut Wire, out: &mut Vec<u8>, name: BodyName, data: Data) -> Result<()> {
    FetchValue::Section(name, data).encode(out);
    wire.put(&*out)?;
    out.clear();
    Ok(())
}

/// The bytes `wanted` of a body, however long it takes, as long as it moves.
fn send(wire: &mut Wire, body: &mut dyn Body, wanted: Range<u64>) -> Result<()> {
    wire.until(Deadline::NEVER);
    wire.transfer(true);
    let (mut skip, mut left) = (wanted.start, wanted.end.saturating_sub(wanted.start));
    while left > 0 {
        let piece = body.chunk()?;
        if piece.is_empty() {
            // The literal's size was promised: nothing after this could be understood.
            return Err(Error::io("a message was cut while it was sent"));
        }
        let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
        skip = skip.saturating_sub(skipped as u64);
        let piece = piece.get(skipped..).unwrap_or_default();
        let piece = piece.get(..usize::try_from(left).unwrap_or(usize::MAX)).unwrap_or(piece);
        left = left.saturating_sub(piece.len() as u64);
        wire.put_body(piece)?;
    }
    wire.transfer(false);
    Ok(())
}

/// Whether finding it takes the size: to know that, a message from elsewhere must be read to its end.
fn needs_size(item: &FetchItem) -> bool {
    match item {
        FetchItem::Rfc822 | FetchItem::Rfc822Text => true,
        FetchItem::Binary { part, .. } | FetchItem::BinarySize(part) => part.is_empty(),
        FetchItem::Section { section, .. } => section.part.is_empty() && matches!(section.what, Of::Whole | Of::Text),
        _ => false,
    }
}

/// Whether fetching it sets \Seen.
fn sees(item: &FetchItem) -> bool {
    use FetchItem::{Binary, Rfc822, Rfc822Text, Section};
    matches!(item, Rfc822 | Rfc822Text | Section { peek: false, .. } | Binary { peek: false, .. })
}

/// An item's value; `None`: a transfer encoding that is not known.
fn value(
    item: &FetchItem,
    message: &Message,
    recent: bool,
    size: u64,
    opened: Option<&mut Opened<'_>>,
) -> Result<Option<Value>> {
    let ready = match (item, opened) {
        (FetchItem::Flags, _) => FetchValue::Flags(shown(&message.flags, recent)),
        (FetchItem::InternalDate, _) => FetchValue::InternalDate(date(message.internal_date)),
        (FetchItem::ModSeq, _) => FetchValue::ModSeq(message.modseq),
        (FetchItem::Rfc822Size, _) => FetchValue::Size(size),
        (FetchItem::Uid, _) | (_, None) => FetchValue::Uid(message.uid),
        // Nobody can ask for one: they are not read.
        (FetchItem::Extension(_), Some(_)) => return Ok(None),
        (FetchItem::Envelope, Some(opened)) => FetchValue::Envelope(Box::new(envelope(&opened.header()?.0))),
        (FetchItem::Body, Some(opened)) => FetchValue::Body(structure(&*opened.tree()?)),
        (FetchItem::BodyStructure, Some(opened)) => FetchValue::BodyStructure(structure(&*opened.tree()?)),
        (FetchItem::Rfc822, Some(opened)) => {
            return section(opened, BodyName::Rfc822, &Section::default(), None).map(Some);
        }
        (FetchItem::Rfc822Header, Some(opened)) => {
            return section(opened, BodyName::Header, &Section::header(), None).map(Some);
        }
        (FetchItem::Rfc822Text, Some(opened)) => {
            let text = Section { part: Vec::new(), what: Of::Text };
            return section(opened, BodyName::Text, &text, None).map(Some);
        }
        (FetchItem::Section { section: wanted, partial, .. }, Some(opened)) => {
            let name = BodyName::Section(wanted.clone(), partial.map(|p| p.start));
            return section(opened, name, wanted, *partial).map(Some);
        }
        (FetchItem::Binary { part, partial, .. }, Some(opened)) => {
            let name = BodyName::Binary(part.clone(), partial.map(|p| p.start));
            return binary(opened, name, part, *partial);
        }
        (FetchItem::BinarySize(part), Some(opened)) => match opened.content(part)? {
            None => FetchValue::BinarySize(part.clone(), 0),
            Some((_, Encoding::Other(_))) => return Ok(None),
            Some((range, encoding)) => FetchValue::BinarySize(part.clone(), opened.decoded_size(range, &encoding)?.0),
        },
    };
    Ok(Some(Value::Ready(ready)))
}

/// A part without its transfer encoding (RFC 3516 4.2).
fn binary(opened: &mut Opened<'_>, name: BodyName, part: &[u32], partial: Option<Partial>) -> Result<Option<Value>> {
    Ok(match opened.content(part)? {
        None => Some(Value::Ready(FetchValue::Section(name, Data::Nil))),
        Some((_, Encoding::Other(_))) => None,
        Some((range, encoding)) => {
            let (size, nul) = opened.decoded_size(range.clone(), &encoding)?;
            Some(Value::Decode(name, range, encoding, cut(0..size, partial), nul))
        }
    })
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
