//! [`Separated`]: messages that end with NUL, which no message that can be sent holds: what `find -print0` is to names.

use crate::body::Body;
use crate::error::Result;
use memchr::memchr;

/// A stream of messages. [`Separated::next_message`] goes to the next one; then it is itself the [`Body`] of that message. The NUL of
/// the last one may be missing.
pub struct Separated<B> {
    from: B,
    input: Vec<u8>,
    /// What lies before it in `input` is dealt with.
    start: usize,
    inside: bool,
}

impl<B: Body> Separated<B> {
    /// Reads `from`.
    pub fn new(from: B) -> Separated<B> {
        Separated { from, input: Vec::new(), start: 0, inside: false }
    }

    /// Goes to the next message, past what is left of this one; `false` is the end.
    ///
    /// # Errors
    /// Those of the source.
    pub fn next_message(&mut self) -> Result<bool> {
        self.skip()?;
        self.inside = self.start < self.input.len() || self.more()?;
        Ok(self.inside)
    }

    fn more(&mut self) -> Result<bool> {
        let piece = self.from.chunk()?;
        self.start = 0;
        self.input.clear();
        self.input.extend_from_slice(piece);
        Ok(!piece.is_empty())
    }
}

impl<B: Body> Body for Separated<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        if !self.inside || self.start >= self.input.len() && !self.more()? {
            self.inside = false;
            return Ok(&[]);
        }
        let rest = self.input.get(self.start..).unwrap_or_default();
        let Some(end) = memchr(0, rest) else {
            self.start = self.input.len();
            return Ok(rest);
        };
        let from = self.start;
        // At the NUL itself the message is over.
        if end == 0 {
            self.inside = false;
            self.start += 1;
            return Ok(&[]);
        }
        self.start += end;
        Ok(self.input.get(from..self.start).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes at a time.
    struct Drip<'b>(&'b [u8], usize);

    impl Body for Drip<'_> {
        fn chunk(&mut self) -> Result<&[u8]> {
            let (now, rest) = self.0.split_at(self.0.len().min(self.1));
            self.0 = rest;
            Ok(now)
        }
    }

    #[test]
    fn every_message_ends_with_nul() {
        for (text, expect) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a\0", &["a"]),
            ("a\0b", &["a", "b"]),
            ("abc\0\0\0de\0", &["abc", "", "", "de"]),
            ("\0", &[""]),
        ] {
            for size in [1, 2, 3, 100] {
                let mut all = Separated::new(Drip(text.as_bytes(), size));
                let mut got = Vec::new();
                while all.next_message().unwrap() {
                    got.push(String::from_utf8(all.whole(100).unwrap().unwrap()).unwrap());
                }
                assert_eq!(got, expect, "{text:?} {size}");
                let mut all = Separated::new(Drip(text.as_bytes(), size));
                let mut n = 0;
                while all.next_message().unwrap() {
                    n += 1;
                }
                assert_eq!(n, expect.len(), "skipped: {text:?} {size}");
            }
        }
    }
}
