//! What the checks share.

use pipepost::body::Body;
use pipepost::error::Result;
use pipepost::message::header::{Collect, Header};

/// Bytes in pieces of one size.
pub struct Pieces<'a>(pub &'a [u8], pub usize);

impl Body for Pieces<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        let (now, rest) = self.0.split_at(self.1.min(self.0.len()));
        self.0 = rest;
        Ok(now)
    }
}

/// All of a body.
pub fn all(mut body: impl Body) -> Vec<u8> {
    body.whole(usize::MAX / 2).unwrap().unwrap()
}

/// The header section as it is collected from a stream, and how many bytes it has.
pub fn section(text: &[u8], step: usize) -> (Header, usize) {
    let mut collect = Collect::default();
    let mut size = 0;
    for piece in text.chunks(step) {
        if let Some(n) = collect.push(piece) {
            size += n;
            break;
        }
        size += piece.len();
    }
    (collect.finish(), size)
}

/// The first byte says how the rest is cut.
pub fn cut(input: &[u8]) -> Option<(usize, &[u8])> {
    let (step, text) = input.split_first()?;
    Some((usize::from(step % 40) + 1, text))
}
