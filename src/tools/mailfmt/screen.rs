//! Where mailfmt writes text for people.

use super::quotes::Quotes;
use crate::cli::out::{Out, Reader};
use crate::error::Result;
use crate::store::spool::Spool;
use crate::text::{ToFile, escape_lines};

/// stdout for text: line ends as in files, everything that could drive a terminal escaped, unless told not to.
pub(super) struct Screen {
    out: Out,
    /// What gets it all instead of stdout.
    kept: Option<Spool>,
    raw: bool,
    gone: bool,
    to_file: ToFile,
    text: Vec<u8>,
    /// Whether the last line is ended.
    line_start: bool,
    colours: bool,
    quotes: Option<Quotes>,
}

/// Names of fields.
const BOLD: &str = "1";
/// Lines of our own.
const DIM: &str = "2";

impl Screen {
    /// Escapes unless `raw`.
    #[must_use]
    pub(super) fn new(raw: bool) -> Screen {
        let (out, to_file, text) = (Out::default(), ToFile::default(), Vec::new());
        Screen { out, kept: None, raw, gone: false, to_file, text, line_start: true, colours: false, quotes: None }
    }

    /// Lines quoted more often than `deepest` are left out of texts; for a terminal in colours, unless `NO_COLOR` is set.
    #[must_use]
    pub(super) fn for_reading(raw: bool, deepest: Option<usize>) -> Screen {
        let screen = Screen::new(raw);
        let set = |name: &str| std::env::var_os(name).unwrap_or_default();
        let colours = screen.out.is_terminal() && set("NO_COLOR").is_empty() && set("TERM") != "dumb";
        Screen { colours, ..screen }.without_quotes(deepest)
    }

    /// Without lines that are quoted more often than `deepest`.
    #[must_use]
    pub(super) fn without_quotes(self, deepest: Option<usize>) -> Screen {
        Screen { quotes: Quotes::new(deepest, self.colours), ..self }
    }

    /// Keeps what it gets, for text that goes into another message.
    #[must_use]
    pub(super) fn kept() -> Screen {
        Screen { kept: Some(Spool::new()), ..Screen::new(true) }
    }

    /// What was kept.
    #[must_use]
    pub(super) fn into_kept(self) -> Spool {
        self.kept.unwrap_or_default()
    }

    /// For messages and contents, of which a pipe gets every byte and only a terminal is protected.
    #[must_use]
    pub(super) fn for_bytes(raw: bool) -> Screen {
        let screen = Screen::new(raw);
        Screen { raw: raw || !screen.out.is_terminal(), ..screen }
    }

    /// Whether nobody reads any more.
    #[must_use]
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(last) = bytes.last() {
            self.line_start = *last == b'\n';
            if let Some(kept) = &mut self.kept {
                return kept.push(bytes);
            }
            self.gone = self.gone || self.out.write(bytes)? == Reader::Gone;
        }
        Ok(())
    }

    /// A piece of text, cut anywhere, in file or wire form; [`Screen::end`] it.
    ///
    /// # Errors
    /// 74.
    pub(super) fn text(&mut self, piece: &[u8]) -> Result<()> {
        self.to_file.push(piece, &mut self.text);
        self.flush_text(false)
    }

    /// Bytes as they are, if this screen is raw; else as [`Screen::text`].
    ///
    /// # Errors
    /// 74.
    pub(super) fn bytes(&mut self, piece: &[u8]) -> Result<()> {
        if self.raw { self.put(piece) } else { self.text(piece) }
    }

    /// The end of a text.
    ///
    /// # Errors
    /// 74.
    pub(super) fn end(&mut self) -> Result<()> {
        self.to_file.finish(&mut self.text);
        self.flush_text(true)
    }

    fn flush_text(&mut self, ended: bool) -> Result<()> {
        let mut text = std::mem::take(&mut self.text);
        // A character that the piece cut waits for its other bytes.
        let whole = match std::str::from_utf8(&text) {
            Err(e) if !ended && e.error_len().is_none() => e.valid_up_to(),
            Err(_) if !ended => text.len() - text.utf8_chunks().last().map_or(0, |c| cut_character(c.invalid())),
            _ => text.len(),
        };
        let tail = text.split_off(whole);
        if let Some(mut quotes) = self.quotes.take() {
            let mut shown = String::new();
            let lossy = || String::from_utf8_lossy(&text).into_owned();
            quotes.push(&if self.raw { lossy() } else { escape_lines(&text) }, &mut shown);
            if ended {
                quotes.end(&mut shown);
            }
            self.quotes = Some(quotes);
            self.put(shown.as_bytes())?;
        } else if self.raw {
            self.put(&text)?;
        } else {
            self.put(escape_lines(&text).as_bytes())?;
        }
        self.text = tail;
        Ok(())
    }

    /// Ends the last line, if that is open.
    ///
    /// # Errors
    /// 74.
    pub(super) fn end_line(&mut self) -> Result<()> {
        if self.line_start { Ok(()) } else { self.put(b"\n") }
    }

    /// A line of our own, on a line of its own.
    ///
    /// # Errors
    /// 74.
    pub(super) fn line(&mut self, line: &str) -> Result<()> {
        self.end_line()?;
        let line = self.styled(DIM, line);
        self.put(format!("{line}\n").as_bytes())
    }

    /// A header field, both safe to show.
    ///
    /// # Errors
    /// 74.
    pub(super) fn field(&mut self, name: &str, value: &str) -> Result<()> {
        self.end_line()?;
        let name = self.styled(BOLD, &format!("{name}:"));
        self.put(format!("{name} {value}\n").as_bytes())
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.colours && !text.is_empty() { format!("\x1b[{style}m{text}\x1b[m") } else { text.to_owned() }
    }

    /// Sends what is buffered.
    ///
    /// # Errors
    /// 74.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.gone = self.gone || self.out.flush()? == Reader::Gone;
        Ok(())
    }
}

/// How many of these invalid bytes may become a character with more of them.
fn cut_character(invalid: &[u8]) -> usize {
    match std::str::from_utf8(invalid) {
        Err(e) if e.error_len().is_none() => invalid.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cut_leaves_open() {
        assert_eq!((cut_character(b"\xe2\x82"), cut_character(b"\xff"), cut_character(b"")), (2, 0, 0));
    }
}
