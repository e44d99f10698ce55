//! Text in `format=flowed` (RFC 3676): lines that end with a blank go on in the next one. [`Flowed`] writes its paragraphs in lines of a
//! width; what is quoted has `> ` before it for each level.
//!
//! Everybody else's lines, and those that do not flow, stay as they are but for their quote marks and stuffed blanks.

use crate::body::Body;
use crate::error::Result;
use unicode_width::UnicodeWidthChar;

/// A longer word, or line, is written in pieces.
const LONGEST: usize = 64 * 1024;

/// UTF-8 text, read as flowed.
pub struct Flowed<B> {
    from: B,
    /// Without the blank that a line ends with (RFC 3676 4.1).
    del_sp: bool,
    width: usize,
    /// The input line so far.
    line: Vec<u8>,
    /// Of the paragraph that is open: its quote depth.
    open: Option<usize>,
    /// The beginning of the line was so long that it has been written.
    cut: bool,
    /// Columns of the output line so far.
    column: usize,
    /// Blanks that are written if a word comes behind them.
    blanks: Vec<u8>,
    out: Vec<u8>,
    ended: bool,
}

impl<B: Body> Flowed<B> {
    /// Reads `from`, whose pieces end between characters; writes lines of `width` columns.
    pub fn new(from: B, del_sp: bool, width: usize) -> Flowed<B> {
        let (line, blanks, out) = (Vec::new(), Vec::new(), Vec::new());
        Flowed { from, del_sp, width, line, open: None, cut: false, column: 0, blanks, out, ended: false }
    }

    /// A line without its line end.
    fn line(&mut self, line: &[u8]) {
        let (depth, text) = match self.open.filter(|_| std::mem::take(&mut self.cut)) {
            Some(open) => (open, line),
            None => {
                let depth = line.iter().take_while(|b| **b == b'>').count();
                let text = line.get(depth..).unwrap_or_default();
                (depth, text.strip_prefix(b" ").unwrap_or(text))
            }
        };
        let signature = text == b"-- ";
        let flows = text.ends_with(b" ") && !signature;
        // A paragraph ends where the depth changes, and before a signature's line (RFC 3676 4.3, 4.5).
        if self.open.is_some_and(|open| open != depth || signature) {
            self.end_paragraph();
        }
        let goes_on = self.open.is_some();
        if !goes_on {
            self.begin(depth);
        }
        let text = if flows && self.del_sp { text.get(..text.len() - 1).unwrap_or_default() } else { text };
        if goes_on || flows {
            self.words(text, depth);
        } else {
            self.out.extend_from_slice(text);
        }
        self.open = Some(depth);
        if !flows {
            self.end_paragraph();
        }
    }

    fn begin(&mut self, depth: usize) {
        for _ in 0..depth {
            self.out.extend_from_slice(b"> ");
        }
        self.column = depth.saturating_mul(2);
    }

    fn end_paragraph(&mut self) {
        if self.open.take().is_some() {
            self.blanks.clear();
            self.out.push(b'\n');
        }
    }

    /// More of a paragraph, broken where it is too wide.
    fn words(&mut self, text: &[u8], depth: usize) {
        let text = String::from_utf8_lossy(text);
        for word in text.split_inclusive(' ') {
            let bare = word.trim_end_matches(' ');
            let columns: usize = bare.chars().map(|c| c.width().unwrap_or(0)).sum();
            let start = depth.saturating_mul(2);
            let room = self.width.max(start.saturating_add(10));
            if !bare.is_empty() && self.column > start && self.column + self.blanks.len() + columns > room {
                self.out.push(b'\n');
                self.blanks.clear();
                self.begin(depth);
            }
            if !bare.is_empty() {
                self.column += self.blanks.len() + columns;
                self.out.append(&mut self.blanks);
                self.out.extend_from_slice(bare.as_bytes());
            }
            self.blanks.extend_from_slice(word.as_bytes().get(bare.len()..).unwrap_or_default());
        }
    }
}

impl<B: Body> Body for Flowed<B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.out.clear();
        while self.out.is_empty() && !self.ended {
            let piece = self.from.chunk()?;
            let last = piece.is_empty();
            let mut text = std::mem::take(&mut self.line);
            text.extend_from_slice(piece);
            let mut rest = text.as_slice();
            while let Some(at) = memchr::memchr(b'\n', rest) {
                let (line, after) = rest.split_at(at);
                self.line(line.strip_suffix(b"\r").unwrap_or(line));
                rest = after.get(1..).unwrap_or_default();
            }
            if last {
                if !rest.is_empty() {
                    self.line(rest);
                }
                self.end_paragraph();
                self.ended = true;
            } else if rest.len() > LONGEST {
                // As if it flowed.
                let cut = rest.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
                let (now, after) = rest.split_at(if cut == 0 { rest.len() } else { cut });
                let now = [now.strip_suffix(b"\r").unwrap_or(now), b" "].concat();
                self.line(&now);
                self.blanks.clear();
                self.cut = true;
                rest = after;
            }
            self.line = rest.to_vec();
        }
        Ok(&self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pieces<'a>(&'a [u8], usize);

    impl Body for Pieces<'_> {
        fn chunk(&mut self) -> Result<&[u8]> {
            let (now, rest) = self.0.split_at(self.1.min(self.0.len()));
            self.0 = rest;
            Ok(now)
        }
    }

    #[track_caller]
    fn shows(text: &str, del_sp: bool, width: usize, expect: &str) {
        for step in [1, 2, 3, 7, text.len().max(1)] {
            let mut flowed = Flowed::new(Pieces(text.as_bytes(), step), del_sp, width);
            let got = flowed.whole(1 << 20).unwrap().unwrap();
            assert_eq!(String::from_utf8(got).unwrap(), expect, "{step}");
        }
    }

    /// The example of RFC 3676 4.1, and lines of every kind.
    #[test]
    fn paragraphs_flow() {
        shows(
            "`Take some more tea,' the March Hare said to \r\nAlice, very earnestly.\r\n\r\n`I've\r\n",
            false,
            30,
            "`Take some more tea,' the\nMarch Hare said to Alice, very\nearnestly.\n\n`I've\n",
        );
        shows(">> a b \n>> c d\n> e \nf\n", false, 70, "> > a b c d\n> e\nf\n");
        shows("> one two three four \n> five\n", false, 15, "> one two three\n> four five\n");
        shows(" From x\n >no quote \ny\n", false, 70, "From x\n>no quote y\n");
        shows("a \n-- \nb \nc\n", false, 70, "a\n-- \nb c\n");
        shows("\u{4e00}\u{4e00} \n\u{4e00}\n", true, 70, "\u{4e00}\u{4e00}\u{4e00}\n");
        shows(
            "fixed   line that is longer than the width\nx",
            false,
            10,
            "fixed   line that is longer than the width\nx\n",
        );
        shows("", false, 10, "");
    }

    #[test]
    fn a_line_without_an_end_is_written_in_pieces() {
        // Nothing in the middle of a line is a quote mark.
        for (text, count) in [("x", 500_000), (">x", 250_000)] {
            let text = format!("y{}", text.repeat(count));
            let got = Flowed::new(Pieces(text.as_bytes(), 4096), false, 70).whole(1 << 20).unwrap().unwrap();
            let got: Vec<u8> = got.into_iter().filter(|b| *b != b'\n').collect();
            assert_eq!(String::from_utf8(got).unwrap(), text);
        }
    }
}
