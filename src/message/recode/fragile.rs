//! What servers on the way may change in a body of 7-bit lines.

use memchr::memchr_iter;

/// How a line begins that an mbox would quote.
const FROM: &[u8] = b"From ";

/// Finds blanks at line ends and lines that begin with `From `, in a body in pieces.
#[derive(Default)]
pub(super) struct Fragile {
    /// Whether there is one.
    pub found: bool,
    /// The last bytes of the line so far, and whether they are all of it.
    tail: Vec<u8>,
    inside: bool,
}

impl Fragile {
    pub(super) fn push(&mut self, piece: &[u8]) {
        let mut start = 0;
        for at in memchr_iter(b'\n', piece) {
            self.line(piece.get(start..at).unwrap_or_default());
            self.end();
            start = at + 1;
        }
        self.line(piece.get(start..).unwrap_or_default());
    }

    /// More of a line.
    fn line(&mut self, part: &[u8]) {
        if !self.inside {
            let missing = FROM.len().saturating_sub(self.tail.len());
            let (head, rest) = part.split_at(missing.min(part.len()));
            self.tail.extend_from_slice(head);
            self.found |= self.tail == FROM;
            self.inside = !rest.is_empty();
        }
        if let [.., last] = part
            && self.inside
        {
            // A CR before the end is part of it.
            let before = part.iter().rev().nth(1).or(self.tail.last()).copied();
            self.tail.clear();
            self.tail.extend(before);
            self.tail.push(*last);
        }
    }

    /// The end of a line, or of all.
    pub(super) fn end(&mut self) {
        let text = self.tail.strip_suffix(b"\r").unwrap_or(&self.tail);
        self.found |= matches!(text, [.., b' ' | b'\t']);
        self.tail.clear();
        self.inside = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_wherever_it_is_cut() {
        for (text, expect) in [
            ("", false),
            ("a\nFrom\n from x\nb", false),
            ("a \r\nb", true),
            ("a\t\n", true),
            ("long line\nand an end ", true),
            ("a\r\nFrom x", true),
            ("From x", true),
            ("x From y\n.\n", false),
            (" a\n\tb\n", false),
            ("\r\n\r\n", false),
            (" \r\n", true),
        ] {
            for step in 1..=text.len().max(1) {
                let mut fragile = Fragile::default();
                text.as_bytes().chunks(step).for_each(|piece| fragile.push(piece));
                fragile.end();
                assert_eq!(fragile.found, expect, "{text:?} {step}");
            }
        }
    }
}
