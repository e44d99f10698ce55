//! DATA and BDAT: a message on its way in.

use super::super::{Arriving, Envelope, World};
use super::envelope::Transaction;
use super::start::Start;
use super::{Next, Protocol, Session};
use crate::body::Body;
use crate::error::{Error, Exit, Result};
use crate::net::{Deadline, Wire};
use crate::text::{ToFile, escape};

impl Session {
    pub(super) fn data(&mut self, wire: &mut Wire, world: &mut dyn World) -> Result<Next> {
        let refusal = match &self.transaction {
            Some(Transaction { chunks: Some(_), .. }) => Some("503 5.5.1 BDAT has begun\r\n"),
            other => self.not_yet(other.as_ref()),
        };
        if let Some(reply) = refusal {
            return self.wrong(wire, world, reply);
        }
        let Some(Transaction { envelope, .. }) = self.transaction.take() else { return Ok(Next::Go) };
        let mut intake = self.intake(wire, world, &envelope);
        if intake.draft.is_none() {
            wire.put(intake.refused.unwrap_or_default())?;
            return Ok(Next::Go);
        }
        wire.put("354 end with <CR><LF>.<CR><LF>\r\n")?;
        // It must keep moving; how long it takes in all is its own affair.
        wire.until(Deadline::NEVER);
        let mut body = wire.dotted();
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                break;
            }
            intake.push(piece);
            if body.saw_bare() || intake.flooded() {
                break;
            }
        }
        let bare = body.saw_bare();
        drop(body);
        if bare {
            wire.put(BARE)?;
            return Ok(Next::Close);
        }
        if intake.flooded() {
            wire.put("421 4.3.4 too large\r\n")?;
            return Ok(Next::Close);
        }
        self.finish(wire, world, &envelope, intake)?;
        Ok(Next::Go)
    }

    /// RFC 3030: the octets follow the command, whatever becomes of them.
    pub(super) fn bdat(&mut self, wire: &mut Wire, world: &mut dyn World, size: u64, last: bool) -> Result<Next> {
        let limit = world.limits().message;
        if size > limit.saturating_mul(2) {
            wire.put(format!("552 5.3.4 no message over {limit} bytes\r\n421 4.3.4 too large\r\n"))?;
            return Ok(Next::Close);
        }
        let refusal = self.not_yet(self.transaction.as_ref());
        let (envelope, mut intake) = match self.transaction.take().filter(|_| refusal.is_none()) {
            Some(Transaction { envelope, chunks: Some(intake) }) => (envelope, intake),
            Some(Transaction { envelope, chunks: None }) => {
                let intake = self.intake(wire, world, &envelope);
                (envelope, intake)
            }
            None => {
                // RFC 3030 2: what follows a refused transaction in the same flight is read and refused too.
                wire.until(Deadline::NEVER);
                let mut body = wire.exact(size);
                while !body.chunk()?.is_empty() {}
                drop(body);
                return self.wrong(wire, world, refusal.unwrap_or_default());
            }
        };
        wire.until(Deadline::NEVER);
        let mut body = wire.exact(size);
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                break;
            }
            intake.push(piece);
        }
        drop(body);
        if intake.flooded() {
            wire.put("421 4.3.4 too large\r\n")?;
            return Ok(Next::Close);
        }
        if intake.lines.bare || (last && intake.lines.cr) {
            // The size says where it ends, so there is nothing to smuggle; but it is no text.
            intake.refuse(BARE);
        }
        if last {
            self.finish(wire, world, &envelope, intake)?;
            return Ok(Next::Go);
        }
        match &intake.refused {
            Some(reply) => wire.put(reply)?,
            None => wire.put(format!("250 2.0.0 {size} octets received\r\n"))?,
        }
        self.transaction = Some(Transaction { envelope, chunks: Some(intake) });
        Ok(Next::Go)
    }

    /// Why there can be no data now. RFC 2033 4.2: in LMTP no recipients are no transaction.
    fn not_yet(&self, transaction: Option<&Transaction>) -> Option<&'static str> {
        match transaction {
            None => Some("503 5.5.1 MAIL first\r\n"),
            Some(t) if !t.envelope.recipients.is_empty() => None,
            Some(_) if self.protocol == Protocol::Lmtp => Some("503 5.5.1 no valid recipients\r\n"),
            Some(_) => Some("554 5.5.1 no valid recipients\r\n"),
        }
    }

    fn intake(&self, wire: &Wire, world: &mut dyn World, envelope: &Envelope) -> Intake {
        let (own, received) = self.trace_fields(wire, world, envelope);
        let draft = world.draft(envelope);
        let limits = world.limits();
        let mut intake = Intake {
            draft: None,
            refused: None,
            to_file: ToFile::default(),
            start: Start::default(),
            out: Vec::new(),
            text: Vec::new(),
            size: 0,
            limit: limits.message,
            hops: Hops::default(),
            most_hops: limits.hops,
            lines: Lines::default(),
            longest: limits.text_line,
        };
        let begun = draft.and_then(|mut draft| {
            draft.write_own(own.as_bytes())?;
            draft.write(received.as_bytes())?;
            Ok(draft)
        });
        match begun {
            Ok(draft) => intake.draft = Some(draft),
            Err(e) => intake.refuse(&failure(&e)),
        }
        intake
    }

    /// The replies to the end of the message: one, or in LMTP one for each recipient.
    fn finish(&mut self, wire: &mut Wire, world: &mut dyn World, envelope: &Envelope, intake: Intake) -> Result<()> {
        let replies: Vec<String> = match intake.end() {
            Ok(draft) => {
                let stored = world.deliver(envelope, draft);
                stored.into_iter().map(|one| one.map_or_else(|e| failure(&e), |()| STORED.to_owned())).collect()
            }
            Err(reply) => envelope.recipients.iter().map(|_| reply.clone()).collect(),
        };
        self.commands = 0;
        if self.protocol == Protocol::Lmtp {
            return replies.iter().try_for_each(|reply| wire.put(reply));
        }
        // One that fails fails for all: the sender comes again, and the others get it twice rather than one never.
        match (replies.iter().find(|reply| *reply != STORED), world.queued_as()) {
            (Some(worst), _) => wire.put(worst),
            (None, Some(id)) => wire.put(format!("250 2.0.0 queued as {id}\r\n")),
            (None, None) => wire.put(STORED),
        }
    }
}

const STORED: &str = "250 2.0.0 stored\r\n";
/// How many characters of an error go into a reply (RFC 5321 4.5.3.1.5).
const WORDS: usize = 450;
const BARE: &str = "550 5.6.11 a CR or LF that is not part of a CRLF\r\n";

/// The reply for a failure here. A full disk is 452, RFC 5321 4.2.3.
fn failure(e: &Error) -> String {
    if e.exit() == Exit::Data {
        let text: String = escape(e.to_string()).chars().filter(|c| (' '..='~').contains(c)).take(WORDS).collect();
        return format!("554 5.6.0 {text}\r\n");
    }
    let full = ["No space left", "quota", "File too large"].iter().any(|words| e.to_string().contains(words));
    if full { "452 4.3.1 no space left here\r\n".into() } else { "451 4.3.0 it can't be stored now\r\n".into() }
}

/// A message that comes in pieces, in wire form. What is refused is read to its end all the same, so that the reply finds its
/// listener.
pub(super) struct Intake {
    draft: Option<Arriving>,
    refused: Option<String>,
    to_file: ToFile,
    start: Start,
    out: Vec<u8>,
    text: Vec<u8>,
    size: u64,
    limit: u64,
    hops: Hops,
    most_hops: u32,
    lines: Lines,
    longest: u64,
}

impl Intake {
    fn refuse(&mut self, reply: &str) {
        self.refused.get_or_insert_with(|| reply.to_owned());
        self.draft = None;
    }

    fn push(&mut self, piece: &[u8]) {
        self.size = self.size.saturating_add(piece.len() as u64);
        self.lines.push(piece);
        if self.refused.is_some() {
            return;
        }
        self.text.clear();
        self.to_file.push(piece, &mut self.text);
        self.out.clear();
        self.start.push(&self.text, &mut self.out);
        self.write();
        if self.size > self.limit {
            self.refuse(&format!("552 5.3.4 no message over {} bytes\r\n", self.limit));
        } else if self.hops.received > self.most_hops {
            self.refuse("554 5.4.6 too many hops: a loop\r\n");
        } else if self.lines.longest > self.longest {
            self.refuse(&format!("500 5.6.0 a line of over {} octets\r\n", self.longest));
        }
    }

    fn write(&mut self) {
        self.hops.push(&self.out);
        if let Some(Err(e)) = self.draft.as_mut().map(|draft| draft.write(&self.out)) {
            self.refuse(&failure(&e));
        }
    }

    /// Whether so much has come that reading on is no courtesy any more.
    fn flooded(&self) -> bool {
        self.size > self.limit.saturating_mul(2)
    }

    /// The whole message, or the reply for it.
    fn end(mut self) -> Result<Arriving, String> {
        self.text.clear();
        self.to_file.finish(&mut self.text);
        self.out.clear();
        self.start.push(&self.text, &mut self.out);
        self.start.finish(&mut self.out);
        self.write();
        let refused = self.refused.unwrap_or_else(|| "451 4.3.0 it can't be stored now\r\n".to_owned());
        self.draft.ok_or(refused)
    }
}

/// The lines of a body in wire form that streams by.
#[derive(Default)]
struct Lines {
    /// Whether there was a CR or LF without the other.
    bare: bool,
    longest: u64,
    column: u64,
    cr: bool,
}

impl Lines {
    fn push(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            let (run, tail) = rest.split_at(at);
            self.text(run);
            let cr = tail.first() == Some(&b'\r');
            self.bare |= cr == self.cr;
            self.cr = cr;
            // The LF belongs to the line that it ends.
            self.column = self.column.saturating_add(1);
            self.longest = self.longest.max(self.column);
            if !cr {
                self.column = 0;
            }
            rest = tail.get(1..).unwrap_or_default();
        }
        self.text(rest);
    }

    fn text(&mut self, run: &[u8]) {
        if !run.is_empty() {
            self.bare |= std::mem::take(&mut self.cr);
            self.column = self.column.saturating_add(run.len() as u64);
            self.longest = self.longest.max(self.column);
        }
    }
}

/// Counts the Received fields of a header that streams by, in file form.
#[derive(Default)]
struct Hops {
    received: u32,
    line: Vec<u8>,
    body: bool,
}

impl Hops {
    fn push(&mut self, bytes: &[u8]) {
        const NAME: &[u8] = b"received:";
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            if self.body {
                return;
            }
            // Only the beginning of a line matters.
            let room = (NAME.len() + 1).saturating_sub(self.line.len());
            self.line.extend(piece.iter().take(room));
            if piece.ends_with(b"\n") {
                self.body = self.line == b"\n";
                let name = self.line.get(..NAME.len()).unwrap_or_default();
                self.received = self.received.saturating_add(u32::from(name.eq_ignore_ascii_case(NAME)));
                self.line.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_counted_in_the_header_only() {
        let text = b"Received: a\n\tb\nRECEIVED: c\nX-Received: d\nReceiv\n\nReceived: e\n";
        for cut in 0..text.len() {
            let mut hops = Hops::default();
            let (a, b) = text.split_at(cut);
            hops.push(a);
            hops.push(b);
            assert_eq!(hops.received, 2, "cut at {cut}");
        }
    }

    #[test]
    fn lines_are_measured_and_must_end_with_both() {
        for (text, bare, longest) in [
            (&b""[..], false, 0),
            (b"\r\n", false, 2),
            (b"abc\r\nd\r\n", false, 5),
            (b"abc\r\ndefghi", false, 6),
            (b"a\nb", true, 2),
            (b"a\rb", true, 3),
            (b"a\r\r\n", true, 4),
            (b"\n", true, 1),
            (b"a\r\n\nb", true, 3),
        ] {
            for cut in 0..=text.len() {
                let mut lines = Lines::default();
                let (a, b) = text.split_at(cut);
                lines.push(a);
                lines.push(b);
                assert_eq!((lines.bare, lines.longest), (bare, longest), "{text:?} cut at {cut}");
            }
        }
    }
}
