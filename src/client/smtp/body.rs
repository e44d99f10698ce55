//! The message itself, by DATA or by BDAT, and what the server says to its end.

use super::offer::{Ahead, Replies};
use super::outcome::{Ending, Stage};
use super::send::{Share, Then};
use super::{Client, END, FLIGHT, QUIT};
use crate::body::{Body, Rewind};
use crate::error::{Error, Exit, Fate, Result};
use crate::net::Deadline;
use crate::net::wire::Sent;
use crate::text::{LoneCr, ToWire};
use std::time::Duration;

/// One chunk of a message that is longer.
const CHUNK: u64 = 1 << 20;
/// Chunks that wait for their replies.
const CHUNKS: usize = 16;

/// Remembers that it was the source that failed, not the wire.
pub(super) struct Watched<'b> {
    body: &'b mut dyn Body,
    failed: Option<Error>,
}

impl<'b> Watched<'b> {
    pub(super) fn new(body: &'b mut dyn Body) -> Watched<'b> {
        Watched { body, failed: None }
    }
}

impl Body for Watched<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        match self.body.chunk() {
            Ok(piece) => Ok(piece),
            Err(e) => {
                self.failed = Some(e.clone());
                Err(e)
            }
        }
    }
}

/// A message in wire form, piece by piece, its last line ended.
struct Lines<'b> {
    body: &'b mut dyn Body,
    to: ToWire,
    line_ended: bool,
    over: bool,
}

impl<'b> Lines<'b> {
    fn new(body: &'b mut dyn Body) -> Lines<'b> {
        Lines { body, to: ToWire::plain(LoneCr::Break), line_ended: true, over: false }
    }

    /// The next piece; empty at the end.
    fn next(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        while out.is_empty() && !self.over {
            let piece = self.body.chunk()?;
            self.over = piece.is_empty();
            if self.over {
                self.to.finish(&mut out);
                if !(if out.is_empty() { self.line_ended } else { out.ends_with(b"\n") }) {
                    out.extend_from_slice(b"\r\n");
                }
            } else {
                self.to.push(piece, &mut out);
            }
        }
        self.line_ended = if out.is_empty() { self.line_ended } else { out.ends_with(b"\n") };
        Ok(out)
    }
}

fn wrong_size(announced: u64) -> Error {
    Error::internal(format!("a message that is not of {announced} bytes"))
}

/// All of a message in wire form, which has exactly `size` bytes.
pub(super) fn whole(message: &mut dyn Rewind, size: u64) -> Result<Vec<u8>> {
    let mut body = message.rewind()?;
    let mut lines = Lines::new(&mut *body);
    let mut all = Vec::new();
    loop {
        let piece = lines.next()?;
        if piece.is_empty() {
            return if all.len() as u64 == size { Ok(all) } else { Err(wrong_size(size)) };
        }
        all.extend_from_slice(&piece);
        if all.len() as u64 > size {
            return Err(wrong_size(size));
        }
    }
}

/// Where the octets of a message stand, chunk by chunk.
struct Chunks {
    /// Bytes that no chunk has been announced for.
    left: u64,
    /// Bytes that the chunk on its way still needs.
    open: u64,
    /// Whether that is the last.
    last: bool,
    /// Bytes of the last that were put.
    of_last: usize,
    /// Chunks without a reply.
    waiting: usize,
    /// What was said to one that was refused.
    refused: Option<Ending>,
}

impl Client {
    /// The message by DATA, the final dot, and what the server says to it: for everybody, or, in LMTP, for each of those that it
    /// has `accepted`, in order. Where there are less ends than recipients, the last is that of the rest.
    pub(super) fn dotted(
        &mut self,
        share: &Share<'_>,
        source: &mut Watched<'_>,
        accepted: usize,
        then: Then<'_>,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<Ending>> {
        self.wire.until(Deadline::NEVER);
        let sent = self.wire.put_dotted(source, LoneCr::Break);
        if let Some(e) = source.failed.take() {
            return Err(e);
        }
        match sent {
            Ok(Sent::Whole { .. }) => {}
            Ok(Sent::Interrupted) => return self.interrupted(None),
            Err(e) => return self.interrupted(Some(&e)),
        }
        handing_over()?;
        self.wire.until(end_of(share.envelope.size));
        let (behind, ahead) = self.behind(then);
        let dot = [b".\r\n", behind.as_slice()].concat();
        if let Err(e) = self.wire.put(&dot).and_then(|()| self.wire.flush()) {
            self.closed = true;
            // Not a byte of the dot has left: the server can't have taken the message.
            let fate = if self.wire.unsent() >= dot.len() { Fate::Later } else { Fate::Unknown };
            return Ok(vec![Ending::ours(Stage::End, fate, e.to_string())]);
        }
        self.is_behind(then, ahead);
        Ok(self.ends(accepted))
    }

    fn is_behind(&mut self, then: Then<'_>, ahead: Option<Vec<String>>) {
        self.quitting = matches!(then, Then::Quit) && self.extensions.pipelining;
        self.ahead = ahead.map(|commands| Ahead { commands, replies: Replies::default() });
    }

    /// The server spoke before the end, or hung up: what it said first is why.
    fn interrupted(&mut self, lost: Option<&Error>) -> Result<Vec<Ending>> {
        self.wire.until(Deadline::after(QUIT));
        let said = self.reply();
        self.broken(Error::internal(""));
        match said {
            Ok(reply) if reply.code >= 400 => Ok(vec![Ending::from(Stage::Data, &reply)]),
            Ok(reply) => {
                Err(Error::protocol(format!("answers before the message has ended: {reply}")).at(self.wire.peer()))
            }
            Err(e) => Ok(vec![Ending::ours(Stage::Data, Fate::Later, lost.unwrap_or(&e).to_string())]),
        }
    }

    /// As [`Client::dotted`], by BDAT: the last chunk is the hand-over.
    pub(super) fn chunks(
        &mut self,
        share: &Share<'_>,
        source: &mut Watched<'_>,
        accepted: usize,
        then: Then<'_>,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<Ending>> {
        let size = share.envelope.size;
        let mut chunks = Chunks { left: size, open: 0, last: false, of_last: 0, waiting: 0, refused: None };
        self.wire.until(Deadline::NEVER);
        self.wire.transfer(true);
        let put = self.put_chunks(source, &mut chunks, size, handing_over);
        self.wire.transfer(false);
        if let Some(e) = source.failed.take() {
            return Err(e);
        }
        let (behind, ahead) = self.behind(then);
        let put = match put {
            Ok(false) => {
                // The chunk that was refused, or the one on its way, can't be taken back.
                self.broken(Error::internal(""));
                return Ok(chunks.refused.into_iter().collect());
            }
            Ok(true) => self.wire.put(&behind).and_then(|()| self.wire.flush()).map_err(|e| (e, behind.len())),
            Err(e) if e.exit() == Exit::TempFail => Err((e, 0)),
            Err(e) => return Err(e),
        };
        if let Err((e, behind)) = put {
            if !chunks.last {
                return self.interrupted(Some(&e));
            }
            self.closed = true;
            let fate = if self.wire.unsent() >= chunks.of_last + behind { Fate::Later } else { Fate::Unknown };
            // If it refused a chunk before it went, it has not taken the message.
            self.wire.until(Deadline::after(QUIT));
            while chunks.waiting > 1 {
                match self.reply() {
                    Ok(reply) if reply.code >= 400 => return Ok(vec![Ending::from(Stage::Data, &reply)]),
                    Ok(_) => chunks.waiting -= 1,
                    Err(_) => break,
                }
            }
            return Ok(vec![Ending::ours(Stage::End, fate, e.to_string())]);
        }
        self.is_behind(then, ahead);
        self.wire.until(end_of(size));
        while chunks.waiting > 1 {
            match self.ends(1).pop() {
                Some(end) if end.is_done() => {}
                Some(end) => {
                    chunks.refused.get_or_insert(end);
                }
                None => break,
            }
            if self.closed {
                return Ok(chunks.refused.into_iter().collect());
            }
            chunks.waiting -= 1;
        }
        let ends = self.ends(accepted);
        Ok(match chunks.refused {
            None => ends,
            Some(_) if ends.iter().any(Ending::is_done) => {
                let text = "the server refuses a chunk of the message, and takes its end";
                vec![Ending::ours(Stage::End, Fate::Unknown, text.to_owned())]
            }
            Some(refused) => vec![refused],
        })
    }

    /// `false`: the server has refused a chunk before the last one was begun, and there is no point in going on.
    fn put_chunks(
        &mut self,
        source: &mut Watched<'_>,
        chunks: &mut Chunks,
        size: u64,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Result<bool> {
        let mut lines = Lines::new(source);
        let mut piece = lines.next()?;
        let mut behind = 0u64;
        loop {
            // A piece leaves when it is known whether it is the last, so that a wrong size never makes a whole message.
            let next = lines.next()?;
            behind += piece.len() as u64;
            let fits = if next.is_empty() { behind == size } else { behind < size };
            if !fits {
                return Err(wrong_size(size));
            }
            let mut rest = piece.as_slice();
            while !rest.is_empty() || (chunks.left == 0 && !chunks.last) {
                if chunks.open == 0 && !chunks.last {
                    let n = chunks.left.min(CHUNK);
                    chunks.left -= n;
                    chunks.last = chunks.left == 0;
                    if chunks.last {
                        handing_over()?;
                    }
                    chunks.waiting += 1;
                    chunks.open = n;
                    self.wire.put(format!("BDAT {n}{}\r\n", if chunks.last { " LAST" } else { "" }))?;
                }
                let n = usize::try_from(chunks.open).map_or(rest.len(), |open| open.min(rest.len()));
                let (now, after) = rest.split_at(n);
                if chunks.last {
                    chunks.of_last += n;
                }
                chunks.open -= n as u64;
                self.wire.put_body(now)?;
                rest = after;
                if !self.heard(chunks)? {
                    return Ok(false);
                }
            }
            if next.is_empty() {
                return Ok(true);
            }
            piece = next;
        }
    }

    /// Reads the replies to chunks that have come, while there is no hurry.
    fn heard(&mut self, chunks: &mut Chunks) -> Result<bool> {
        while !chunks.last && (chunks.waiting > CHUNKS || self.wire.has_input()) {
            let reply = self.reply()?;
            let on_its_way = usize::from(chunks.open > 0);
            if reply.code >= 400 {
                chunks.refused = Some(Ending::from(Stage::Data, &reply));
                return Ok(false);
            }
            if !reply.is_positive() || chunks.waiting <= on_its_way {
                let text = format!("answers before the chunk has ended: {reply}");
                return Err(Error::protocol(text).at(self.wire.peer()));
            }
            chunks.waiting -= 1;
        }
        Ok(true)
    }

    /// The answers to the end of a message that was `accepted` for so many.
    pub(super) fn ends(&mut self, accepted: usize) -> Vec<Ending> {
        let answers = if self.lmtp { accepted } else { 1 };
        let mut ends = Vec::with_capacity(answers.min(FLIGHT));
        while ends.len() < answers {
            match self.reply() {
                Ok(reply) if reply.code / 100 != 3 => ends.push(Ending::from(Stage::End, &reply)),
                // No answer, or one that makes no sense: the message may have been taken.
                other => {
                    self.closed = true;
                    let odd = |reply| format!("answers the end of the message with {reply}");
                    ends.push(Ending::ours(Stage::End, Fate::Unknown, other.map_or_else(|e| e.to_string(), odd)));
                    break;
                }
            }
        }
        ends
    }
}

fn end_of(size: u64) -> Deadline {
    Deadline::after(END + Duration::from_secs(size >> 20))
}
