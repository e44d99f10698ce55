//! [`Trace`]: the dialogue in the format of pipepost-trace(5), which `--trace` writes and [`super::script`] replays.
//!
//! Secrets are `***`, also where the peer echoes them; message bodies are `== N bytes` unless they were asked for.

use crate::secret::Secret;
use crate::text::chomp;
use memchr::memmem;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Which side said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `C: `
    Client,
    /// `S: `
    Server,
}

impl Side {
    /// Its mark at the start of a line.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Side::Client => "C: ",
            Side::Server => "S: ",
        }
    }

    /// The peer.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// Where dialogues are written: a file or stderr, shared by all connections of the process.
#[derive(Clone)]
pub struct TraceTo {
    out: Arc<Mutex<dyn Write + Send>>,
    data: bool,
    times: bool,
}

impl TraceTo {
    /// Writes to `out`; with `data` the message bodies too.
    pub fn new(out: impl Write + Send + 'static, data: bool) -> TraceTo {
        TraceTo { out: Arc::new(Mutex::new(out)), data, times: false }
    }

    /// Tells before each line when it was said, as a comment: seconds since the connection was made.
    #[must_use]
    pub fn with_times(self) -> TraceTo {
        TraceTo { times: true, ..self }
    }
}

/// One connection's trace.
pub struct Trace {
    to: TraceTo,
    us: Side,
    ours: Vec<u8>,
    body: Option<(Side, u64)>,
    /// When the connection was made, where times are told.
    since: Option<Instant>,
}

/// A line that grows beyond this without an end is written as what there is so far.
const LINE: usize = 64 * 1024;
/// The mark of a secret in `ours`, which no text can hold: it is not UTF-8.
const MARK: u8 = 0xff;

impl Trace {
    /// A trace seen from `us`. `peer` is told in a comment line.
    #[must_use]
    pub fn new(to: TraceTo, us: Side, peer: &str) -> Trace {
        let since = to.times.then(Instant::now);
        let trace = Trace { to, us, ours: Vec::new(), body: None, since };
        trace.write(&format!("# {}\n", crate::text::escape(peer)));
        trace
    }

    fn write(&self, text: &str) {
        let time = self.since.filter(|_| !text.starts_with('#')).map(|since| since.elapsed());
        let time = time.map(|time| format!("# {}.{:03}\n", time.as_secs(), time.subsec_millis()));
        let text = &[time.as_deref().unwrap_or_default(), text].concat();
        // A trace that can't be written must not stop the mail.
        if let Ok(mut out) = self.to.out.lock() {
            let _ = out.write_all(text.as_bytes());
            let _ = out.flush();
        }
    }

    /// We said `bytes`, which need not be whole lines.
    pub fn said(&mut self, bytes: &[u8]) {
        self.end_body();
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.ours.extend(piece.iter().map(|b| if *b == MARK { b'?' } else { *b }));
            if piece.ends_with(b"\n") || self.ours.len() > LINE {
                let line = std::mem::take(&mut self.ours);
                self.line(self.us, &line);
            }
        }
    }

    /// We said a secret.
    pub fn said_secret(&mut self) {
        self.end_body();
        self.ours.push(MARK);
    }

    /// The peer said a line (with its line end, if it had one), which may repeat one of our `secrets`.
    pub fn heard(&mut self, line: &[u8], secrets: &[Secret]) {
        self.end_body();
        let mut line: Vec<u8> = line.iter().map(|b| if *b == MARK { b'?' } else { *b }).collect();
        for secret in secrets {
            while let Some(at) = memmem::find(&line, secret.expose()) {
                line.splice(at..at + secret.expose().len(), [MARK]);
            }
        }
        self.line(self.us.other(), &line);
    }

    /// The peer said a line that is a secret from its byte `from` on.
    pub fn heard_secret(&mut self, line: &[u8], from: usize) {
        self.end_body();
        let shown = line.get(..from.min(chomp(line).len())).unwrap_or_default();
        let mut shown: Vec<u8> = shown.iter().map(|b| if *b == MARK { b'?' } else { *b }).collect();
        shown.extend_from_slice(&[MARK, b'\r', b'\n']);
        self.line(self.us.other(), &shown);
    }

    /// A piece of a message went by.
    pub fn body(&mut self, side: Side, bytes: &[u8]) {
        if self.to.data {
            for line in bytes.split_inclusive(|b| *b == b'\n') {
                let line: Vec<u8> = line.iter().map(|b| if *b == MARK { b'?' } else { *b }).collect();
                self.line(side, &line);
            }
            return;
        }
        match &mut self.body {
            Some((s, n)) if *s == side => *n += bytes.len() as u64,
            _ => {
                self.end_body();
                self.body = Some((side, bytes.len() as u64));
            }
        }
    }

    /// Something that is neither side's word: `== close`, `== tls`.
    pub fn event(&mut self, what: &str) {
        self.end_body();
        self.write(&format!("== {what}\n"));
    }

    /// Something for people, which no replay needs.
    pub fn comment(&mut self, text: &str) {
        self.end_body();
        self.write(&format!("# {}\n", crate::text::escape(text)));
    }

    fn end_body(&mut self) {
        if let Some((side, n)) = self.body.take() {
            self.write(&format!("{}== {n} bytes\n", side.mark()));
        }
    }

    fn line(&self, side: Side, line: &[u8]) {
        self.write(&format!("{}{}\n", side.mark(), encode(line)));
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.end_body();
        if !self.ours.is_empty() {
            let line = std::mem::take(&mut self.ours);
            self.line(self.us, &line);
        }
        self.write("== close\n");
    }
}

/// One line of dialogue in the trace format: printable ASCII and UTF-8 as it is, `\xNN` for the rest, `\\` for the
/// backslash, `\x24` for `$`, a `\` at the end for a line that did not end with CRLF.
fn encode(line: &[u8]) -> String {
    let (text, end) = match line.strip_suffix(b"\r\n") {
        Some(text) => (text, ""),
        None => (line, "\\"),
    };
    let mut out = String::with_capacity(text.len() + 1);
    if text.starts_with(b"== ") {
        out.push_str("\\x3D");
    }
    let from = out.len() / 4;
    for piece in text.get(from..).unwrap_or_default().utf8_chunks() {
        for c in piece.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '$' => out.push_str("\\x24"),
                c if crate::text::is_unsafe(c) => {
                    for b in c.encode_utf8(&mut [0; 4]).as_bytes() {
                        let _ = write!(out, "\\x{b:02X}");
                    }
                }
                c => out.push(c),
            }
        }
        for b in piece.invalid() {
            if *b == MARK {
                out.push_str("***");
            } else {
                let _ = write!(out, "\\x{b:02X}");
            }
        }
    }
    out.push_str(end);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);
    impl Write for Page {
        fn write(&mut self, b: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(b);
            Ok(b.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn secrets_and_bodies_are_hidden() {
        let page = Page::default();
        let mut t = Trace::new(TraceTo::new(page.clone(), false), Side::Client, "pop.example.org");
        t.heard(b"+OK\r\n", &[]);
        t.said(b"PASS ");
        t.said_secret();
        t.said(b"\r\nSTAT\r\n");
        t.heard(b"-ERR wrong password tulip, \\ \xff $x\x1b\r\n", &[Secret::new(b"tulip".to_vec())]);
        t.body(Side::Server, b"abc\r\n");
        t.body(Side::Server, b"def\r\n");
        t.said(b"QUIT\r\n");
        t.heard(b"== 5\n", &[]);
        drop(t);
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text,
            "# pop.example.org\nS: +OK\nC: PASS ***\nC: STAT\nS: -ERR wrong password ***, \\\\ ? \\x24x\\x1B\n\
             S: == 10 bytes\nC: QUIT\nS: \\x3D= 5\\x0A\\\n== close\n"
        );
    }
}
