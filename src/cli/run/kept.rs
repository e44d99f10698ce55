//! What is kept of an output: its beginning and its end, and in a file, if that is wanted, all of it.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

const HEAD: usize = 16 * 1024;
const TAIL: usize = 64 * 1024;

/// An output that goes by, in constant memory.
pub(super) struct Kept {
    head: Vec<u8>,
    /// At most twice of what is kept.
    tail: Vec<u8>,
    total: u64,
    /// Without a name.
    file: Option<File>,
}

impl Kept {
    /// Nothing yet; `whole`: in a file too.
    pub(super) fn new(whole: bool) -> Kept {
        // Without room for it the message says less.
        let file = whole.then(|| tempfile::tempfile().ok()).flatten();
        Kept { head: Vec::new(), tail: Vec::new(), total: 0, file }
    }

    /// The next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let (head, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(rest);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
        if let Some(file) = &mut self.file
            && file.write_all(bytes).is_err()
        {
            self.file = None;
        }
    }

    /// Writes what a message says of it: all, or whole lines of its beginning and of its end.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if self.total == 0 {
            out.extend_from_slice(b"Output: none\n");
            return;
        }
        if self.total <= (HEAD + TAIL) as u64 {
            out.extend_from_slice(format!("Output: {} bytes\n\n", self.total).as_bytes());
            out.extend_from_slice(&self.head);
            out.extend_from_slice(&self.tail);
            return;
        }
        let head = match self.head.iter().rposition(|b| *b == b'\n') {
            Some(at) => self.head.get(..=at).unwrap_or_default(),
            None => up_to_character(&self.head),
        };
        let tail = self.tail.get(self.tail.len().saturating_sub(TAIL)..).unwrap_or_default();
        let tail = match tail.iter().position(|b| *b == b'\n').filter(|at| at + 1 < tail.len()) {
            Some(at) => tail.get(at + 1..).unwrap_or_default(),
            None => from_character(tail),
        };
        let left_out = self.total - head.len() as u64 - tail.len() as u64;
        out.extend_from_slice(format!("Output: {} bytes\n\n", self.total).as_bytes());
        out.extend_from_slice(head);
        let end: &[u8] = if head.ends_with(b"\n") { b"" } else { b"\n" };
        out.extend_from_slice(end);
        out.extend_from_slice(format!("\n[{left_out} bytes are left out here]\n\n").as_bytes());
        out.extend_from_slice(tail);
    }

    /// A name by which the file can be opened, if there is more than the message says.
    pub(super) fn file(&self) -> Option<String> {
        let file = self.file.as_ref().filter(|_| self.total > (HEAD + TAIL) as u64)?;
        Some(format!("/proc/self/fd/{}", file.as_raw_fd()))
    }
}

/// Without the beginning of a character that was cut.
fn up_to_character(text: &[u8]) -> &[u8] {
    let start = text.iter().rev().take(4).position(|b| *b & 0xc0 == 0xc0).map(|back| text.len() - back - 1);
    match start.and_then(|at| text.split_at_checked(at)) {
        Some((before, last)) if std::str::from_utf8(last).is_err() => before,
        _ => text,
    }
}

/// Without the end of a character that was cut.
fn from_character(text: &[u8]) -> &[u8] {
    let skip = text.iter().take(3).take_while(|b| **b & 0xc0 == 0x80).count();
    text.get(skip..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &[u8], step: usize) -> (String, usize) {
        let mut kept = Kept::new(true);
        text.chunks(step).for_each(|piece| kept.push(piece));
        let mut out = Vec::new();
        kept.write(&mut out);
        let file = kept.file().map_or(0, |name| std::fs::read(name).unwrap().len());
        (String::from_utf8(out).unwrap(), file)
    }

    #[test]
    fn all_of_a_little_and_two_ends_of_much() {
        assert_eq!(kept(b"", 1), ("Output: none\n".to_owned(), 0));
        assert_eq!(kept(b"a\nb", 1), ("Output: 3 bytes\n\na\nb".to_owned(), 0));
        let exact = b"x".repeat(HEAD + TAIL);
        assert_eq!(kept(&exact, 999).0, format!("Output: {} bytes\n\n{}", exact.len(), "x".repeat(HEAD + TAIL)));
        let lines: String = (0..100_000).map(|n| format!("line {n} ä\n")).collect();
        for step in [1, 7, 4096, 1 << 20] {
            let (text, file) = kept(lines.as_bytes(), step);
            assert_eq!(file, lines.len());
            assert!(text.len() < HEAD + TAIL + 200);
            let (head, tail) = text.split_once("\n[").unwrap();
            assert!(head.contains("\n\nline 0 ä\nline 1 ä\n") && head.ends_with(" ä\n"));
            let (count, tail) = tail.split_once(" bytes are left out here]\n\n").unwrap();
            assert!(tail.starts_with("line ") && tail.ends_with("line 99999 ä\n"));
            let head = head.split_once("\n\n").unwrap().1;
            assert_eq!(count.parse::<usize>().unwrap() + head.len() + tail.len(), lines.len());
        }
        // Lines without end, cut in characters.
        for offset in 0..3 {
            let long = format!("{}{}", "x".repeat(offset), "€".repeat(100_000));
            assert!(!kept(long.as_bytes(), 1000).0.contains('\u{fffd}'));
        }
    }
}
