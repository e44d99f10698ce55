//! Where verbs write messages: one as it is, many as an mbox or to targets.

use super::screen::Screen;
use crate::body::Body;
use crate::cli::into::{Into, fill};
use crate::error::{Error, Result};
use crate::net::Deadline;
use crate::store::sink::{About, BATCH, Every, Sink};
use clap::Args;

/// The flags.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Output {
    #[command(flatten)]
    into: Into,
}

/// Takes messages.
pub(super) struct Writer {
    into: Into,
    to: To,
}

enum To {
    Nowhere,
    /// stdout, byte for byte.
    Exact(Screen),
    Sink(Batches),
}

/// Targets that bring so many messages at a time to stable storage.
pub(super) struct Batches {
    /// Where the next message goes, up to its end.
    pub sink: Every,
    /// How many ended since the last commit.
    waiting: usize,
}

impl Batches {
    /// Of these targets, to which nothing was written yet.
    pub(super) fn new(sink: Every) -> Batches {
        Batches { sink, waiting: 0 }
    }

    /// The message is whole.
    ///
    /// # Errors
    /// Those of the targets.
    pub(super) fn ended(&mut self) -> Result<()> {
        self.sink.end()?;
        self.waiting += 1;
        if self.waiting == BATCH {
            self.waiting = 0;
            self.sink.commit()?;
        }
        Ok(())
    }

    /// The last message was taken.
    ///
    /// # Errors
    /// Those of the targets.
    pub(super) fn end(mut self) -> Result<()> {
        self.sink.commit().map(|_| ())
    }
}

impl Output {
    /// Whether a flag says where messages go.
    pub(super) fn is_asked(&self) -> bool {
        !self.into.into.is_empty() || self.into.mbox || self.into.raw
    }

    /// The targets, which are opened for the first message.
    pub(super) fn writer(&self) -> Writer {
        Writer { into: self.into.clone(), to: To::Nowhere }
    }
}

impl Writer {
    /// One message; `many`: others may follow.
    ///
    /// # Errors
    /// Those of the body and of the targets.
    pub(super) fn put(&mut self, body: &mut dyn Body, about: &About, many: bool) -> Result<()> {
        if matches!(self.to, To::Nowhere) {
            let exact = self.into.into.is_empty() && !self.into.mbox && !many;
            self.to = if exact {
                To::Exact(Screen::for_bytes(self.into.raw))
            } else {
                To::Sink(Batches::new(self.into.open_here(false, Deadline::NEVER)?))
            };
        }
        match &mut self.to {
            To::Nowhere => Ok(()),
            To::Exact(screen) => loop {
                let piece = body.chunk()?;
                if piece.is_empty() {
                    return screen.end();
                }
                screen.bytes(piece)?;
            },
            To::Sink(batches) => {
                fill(&mut batches.sink, about.clone(), body)?;
                batches.ended()
            }
        }
    }

    /// The last message was taken.
    ///
    /// # Errors
    /// 74: nobody reads any more, a message is lost; those of the targets.
    pub(super) fn end(self) -> Result<()> {
        match self.to {
            To::Nowhere => Ok(()),
            To::Exact(mut screen) => {
                screen.flush()?;
                if screen.is_gone() { Err(Error::io("stdout: Broken pipe")) } else { Ok(()) }
            }
            To::Sink(batches) => batches.end(),
        }
    }
}

/// Two bodies, one behind the other.
pub(super) struct Chain<A, B> {
    pub first: A,
    pub second: B,
    pub on: bool,
}

impl<A: Body, B: Body> Chain<A, B> {
    pub(super) fn new(first: A, second: B) -> Chain<A, B> {
        Chain { first, second, on: false }
    }
}

impl<A: Body, B: Body> Body for Chain<A, B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        if !self.on {
            let piece = self.first.chunk()?;
            if !piece.is_empty() {
                return Ok(piece);
            }
            self.on = true;
        }
        self.second.chunk()
    }
}
