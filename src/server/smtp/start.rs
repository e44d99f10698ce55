//! The beginning of a message. One without a header is all body: an empty line keeps it apart from the fields that the server
//! writes before it, which would otherwise take its first line for one of their kind.

/// A line that has neither ended nor had its colon by then is no header field (RFC 5322 2.1.1).
const LINE: usize = 998;

/// Holds a message's first line back until it is known what it is; in file form.
#[derive(Default)]
pub(super) struct Start {
    line: Vec<u8>,
    known: bool,
}

impl Start {
    /// The next bytes; returns what may be written now.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.known {
            return out.extend_from_slice(bytes);
        }
        self.line.extend_from_slice(bytes);
        let told = self.line.iter().position(|b| matches!(b, b':' | b'\n'));
        if told.is_some() || self.line.len() > LINE {
            self.finish(out);
        }
    }

    /// The message has ended, or its first line is known.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.known, true) {
            let name = self.line.split(|b| *b == b':').next().unwrap_or_default();
            let blank = self.line.first().is_none_or(|b| *b == b'\n');
            // RFC 5322 4.5: blanks may stand before the colon.
            let printable = name.trim_ascii_end().iter().all(u8::is_ascii_graphic) && !name.trim_ascii().is_empty();
            let field = printable && name.len() < self.line.len();
            if !(blank || field) {
                out.push(b'\n');
            }
            out.append(&mut self.line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_field_is_kept_apart() {
        let long = "x".repeat(1500);
        for (text, apart) in [
            ("Subject: x\n\nbody\n", false),
            ("Subject : x\n", false),
            ("\nbody\n", false),
            ("", false),
            ("X:", false),
            ("hello\n", true),
            ("hello", true),
            ("hello Bob: how are you\n", true),
            (" Subject: x\n", true),
            (": x\n", true),
            (long.as_str(), true),
            ("ü: x\n", true),
        ] {
            for cut in 0..=text.len() {
                let (mut start, mut out) = (Start::default(), Vec::new());
                let (a, b) = text.as_bytes().split_at(cut);
                start.push(a, &mut out);
                start.push(b, &mut out);
                start.finish(&mut out);
                let expected = format!("{}{text}", if apart { "\n" } else { "" });
                assert_eq!(String::from_utf8_lossy(&out), expected, "cut at {cut}");
            }
        }
    }
}
