//! Several messages at a time: threads take them apart and decode what is wanted; it is written in the messages' order.

use super::{Extract, Files, Wanted, Written, defects};
use crate::cli::exit::{Tally, complain};
use crate::error::{Error, Exit, Result};
use crate::message::mime::walk;
use crate::store::spool::Spool;
use crate::tools::mailfmt::cursor::pour;
use crate::tools::mailfmt::show::check;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};

/// A larger message is written as it is decoded.
const LARGE: usize = 1 << 20;
/// Messages go to the threads in parcels of so many bytes: for small ones, handing them over is as much work as the rest.
const PARCEL: usize = 128 << 10;
/// So many parcels for each thread may wait for the one before them.
const WINDOW: usize = 3;

/// Messages, and where to put what was in them.
struct Parcel {
    messages: Vec<(Number, Vec<u8>)>,
    to: Sender<Vec<Ready>>,
}

/// A message's number, and whether there are others.
type Number = (u64, bool);

/// What was in a message.
struct Ready {
    number: Number,
    defects: Vec<String>,
    parts: Result<Vec<(Wanted, Written, Vec<u8>)>>,
}

/// Does it.
pub(super) fn run(files: &mut Files<'_>) -> Result<Exit> {
    let of = files.of;
    let threads = usize::from(of.jobs);
    let (parcels, waiting) = sync_channel::<Parcel>(threads);
    let waiting = Mutex::new(waiting);
    let worker = || {
        loop {
            // The lock is gone when the work begins.
            let parcel = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Parcel { messages, to }) = parcel else { return };
            let apart = |(number, message): (Number, Vec<u8>)| {
                let mut defects = Vec::new();
                let parts = of.parts(&message, number, &mut defects);
                Ready { number, defects, parts }
            };
            // Nobody waits for it if all has ended.
            let _ = to.send(messages.into_iter().map(apart).collect());
        }
    };
    std::thread::scope(|scope| {
        let mut begun = 0;
        for _ in 0..threads {
            begun += usize::from(std::thread::Builder::new().spawn_scoped(scope, worker).is_ok());
        }
        let send = |parcel: Parcel| parcels.send(parcel).map_err(|_| Error::internal("nobody to decode it"));
        let mut line = Line {
            files,
            send: &send,
            filled: Vec::new(),
            size: 0,
            queue: VecDeque::new(),
            tally: Tally::default(),
            more: true,
        };
        let read = of.input.each(|item| {
            let number = (item.number, item.many);
            let mut message = Vec::new();
            while message.len() <= LARGE {
                let piece = item.body.chunk()?;
                if piece.is_empty() {
                    break;
                }
                message.extend_from_slice(piece);
            }
            if message.len() > LARGE || begun == 0 {
                line.hand_over()?;
                line.until(0)?;
                let mut spool = Spool::new();
                spool.push(&message)?;
                pour(item.body, &mut |piece| spool.push(piece))?;
                let top = walk(&mut spool.body()?)?;
                check(&top)?;
                return Ok(line.files.message(&mut spool, &top, number)? && line.more);
            }
            line.size += message.len();
            line.filled.push((number, message));
            if line.size >= PARCEL {
                line.until(threads.saturating_mul(WINDOW))?;
                line.hand_over()?;
            }
            Ok(line.more)
        });
        let rest = line.hand_over().and_then(|()| line.until(0));
        let tally = line.tally;
        // The threads end when there can't be another one.
        drop(parcels);
        rest?;
        Ok(tally.beside(read?))
    })
}

/// Messages that are taken apart, in their order.
struct Line<'l, 'e> {
    files: &'l mut Files<'e>,
    send: &'l dyn Fn(Parcel) -> Result<()>,
    /// The next parcel.
    filled: Vec<(Number, Vec<u8>)>,
    size: usize,
    queue: VecDeque<Receiver<Vec<Ready>>>,
    tally: Tally,
    more: bool,
}

impl Line<'_, '_> {
    /// Gives what is filled to a thread.
    fn hand_over(&mut self) -> Result<()> {
        if self.filled.is_empty() {
            return Ok(());
        }
        let (to, ready) = channel();
        self.size = 0;
        (self.send)(Parcel { messages: std::mem::take(&mut self.filled), to })?;
        self.queue.push_back(ready);
        Ok(())
    }

    /// Writes what is ready, and waits until no more than `most` parcels are not.
    fn until(&mut self, most: usize) -> Result<()> {
        while self.queue.len() > most {
            let Some(ready) = self.queue.pop_front() else { break };
            for ready in ready.recv().map_err(|_| Error::internal("a message was not taken apart"))? {
                let (number, many) = ready.number;
                match self.written(ready) {
                    Ok(more) => {
                        self.tally.done();
                        self.more &= more;
                    }
                    Err(e) if e.exit() == Exit::Data && many => {
                        complain("mailfmt", &format!("message {number}: {e}"), None);
                        self.tally.failed(Exit::Data);
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(())
    }

    fn written(&mut self, ready: Ready) -> Result<bool> {
        ready.defects.iter().for_each(|defect| complain("mailfmt", defect, None));
        let mut damaged = 0;
        for (wanted, written, content) in ready.parts? {
            let name = self.files.held(&wanted, &content)?;
            damaged += written.errors;
            self.files.tell(&wanted, &name, &written)?;
        }
        self.files.more(damaged)
    }
}

impl Extract {
    /// What is wanted of a message, decoded.
    fn parts(&self, message: &[u8], number: Number, told: &mut Vec<String>) -> Result<Vec<(Wanted, Written, Vec<u8>)>> {
        let top = walk(&mut &*message)?;
        check(&top)?;
        *told = defects(&top, number);
        let mut parts = Vec::new();
        for (section, part) in self.selection.of(&top)? {
            let wanted = Wanted::new(number, section, part, &top);
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            let body = message.get(place(part.body_at.start)..place(part.body_at.end)).unwrap_or_default();
            let mut content = Vec::with_capacity(body.len());
            let written = self.content(body, part, &mut |piece| {
                content.extend_from_slice(piece);
                Ok(())
            })?;
            parts.push((wanted, written, content));
        }
        Ok(parts)
    }
}
