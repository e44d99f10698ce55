//! Several messages at a time: threads take them apart and decode what is wanted; it is written in the messages' order.

use super::{Extract, Files, Wanted, Written, defects};
use crate::cli::exit::{Tally, complain};
use crate::error::{Error, Exit, Result};
use crate::message::mime::walk;
use crate::store::spool::Spool;
use crate::tools::mailfmt::cursor::spool;
use crate::tools::mailfmt::show::check;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};

/// A larger message is written as it is decoded.
const LARGE: u64 = 1 << 20;
/// So many messages for each thread may wait for the one before them.
const WINDOW: usize = 4;

/// A message, and where to put what was in it.
struct Job {
    number: (u64, bool),
    message: Spool,
    to: Sender<Ready>,
}

/// What was in a message.
struct Ready {
    number: (u64, bool),
    defects: Vec<String>,
    parts: Result<Vec<(Wanted, Written, Spool)>>,
}

/// Does it.
pub(super) fn run(files: &mut Files<'_>) -> Result<Exit> {
    let of = files.of;
    let threads = usize::from(of.jobs);
    let (jobs, waiting) = sync_channel::<Job>(threads);
    let waiting = Mutex::new(waiting);
    let worker = || {
        loop {
            // The lock is gone when the work begins.
            let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Job { number, mut message, to }) = job else { return };
            let mut defects = Vec::new();
            let parts = of.parts(&mut message, number, &mut defects);
            // Nobody waits for it if all has ended.
            let _ = to.send(Ready { number, defects, parts });
        }
    };
    std::thread::scope(|scope| {
        let mut begun = 0;
        for _ in 0..threads {
            begun += usize::from(std::thread::Builder::new().spawn_scoped(scope, worker).is_ok());
        }
        let mut line = Line { files, queue: VecDeque::new(), tally: Tally::default(), more: true };
        let read = of.input.each(|item| {
            line.until(threads.saturating_mul(WINDOW))?;
            let mut message = spool(item.body, |_| {})?;
            let number = (item.number, item.many);
            if message.len() > LARGE || begun == 0 {
                line.until(0)?;
                let top = walk(&mut message.body()?)?;
                check(&top)?;
                return Ok(line.files.message(&mut message, &top, number)? && line.more);
            }
            let (to, ready) = channel();
            jobs.send(Job { number, message, to }).map_err(|_| Error::internal("nobody to decode it"))?;
            line.queue.push_back(ready);
            Ok(line.more)
        });
        let rest = line.until(0);
        // The threads end when there can't be another one.
        drop(jobs);
        rest?;
        Ok(line.tally.beside(read?))
    })
}

/// Messages that are taken apart, in their order.
struct Line<'l, 'e> {
    files: &'l mut Files<'e>,
    queue: VecDeque<Receiver<Ready>>,
    tally: Tally,
    more: bool,
}

impl Line<'_, '_> {
    /// Writes what is ready, and waits until no more than `most` are not.
    fn until(&mut self, most: usize) -> Result<()> {
        while self.queue.len() > most {
            let Some(ready) = self.queue.pop_front() else { break };
            let ready = ready.recv().map_err(|_| Error::internal("a message was not taken apart"))?;
            let number = ready.number;
            match self.written(ready) {
                Ok(more) => {
                    self.tally.done();
                    self.more &= more;
                }
                Err(e) if e.exit() == Exit::Data && number.1 => {
                    complain("mailfmt", &format!("message {}: {e}", number.0), None);
                    self.tally.failed(Exit::Data);
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn written(&mut self, ready: Ready) -> Result<bool> {
        ready.defects.iter().for_each(|defect| complain("mailfmt", defect, None));
        let mut damaged = 0;
        for (wanted, written, mut content) in ready.parts? {
            let name = self.files.held(&wanted, &mut content)?;
            damaged += written.errors;
            self.files.tell(&wanted, &name, &written)?;
        }
        self.files.more(damaged)
    }
}

impl Extract {
    /// What is wanted of a message, decoded.
    fn parts(
        &self,
        message: &mut Spool,
        number: (u64, bool),
        told: &mut Vec<String>,
    ) -> Result<Vec<(Wanted, Written, Spool)>> {
        let top = walk(&mut message.body()?)?;
        check(&top)?;
        *told = defects(&top, number);
        let mut parts = Vec::new();
        for (section, part) in self.selection.of(&top)? {
            let wanted = Wanted::new(number, section, part, &top);
            let mut content = Spool::new();
            let written = self.content(message, part, &mut |piece| content.push(piece))?;
            parts.push((wanted, written, content));
        }
        Ok(parts)
    }
}
