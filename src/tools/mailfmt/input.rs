//! What mailfmt reads (a file or stdin, one message or an mbox) and where it writes text for people.

use crate::body::Body;
use crate::cli::out::{Out, Reader};
use crate::error::{Error, Exit, Result};
use crate::message::mbox::Mbox;
use crate::store::patience;
use crate::store::spool::Spool;
use crate::text::{ToFile, escape_lines};
use std::io::IsTerminal;
use std::ops::Range;
use std::path::Path;

/// The input of a subcommand.
pub(super) type Source = Box<dyn Body>;

/// Opens `file`, stdin if that is `-` or not given.
///
/// # Errors
/// 66: it can't be read; 64: stdin is a terminal, where a program that waits looks like one that hangs.
pub(super) fn open(file: Option<&Path>) -> Result<Source> {
    match file.filter(|path| path.as_os_str() != "-") {
        None if std::io::stdin().is_terminal() => {
            Err(Error::usage("stdin is a terminal").advise("give a file, or a pipe, or < /dev/null"))
        }
        None => Ok(Box::new(patience::stdin(None)?)),
        Some(path) => Ok(Box::new(patience::open(path, None)?)),
    }
}

/// Does something with each message of `file`. `each` gets the message, its number from 1 (0: the input is no mbox), and says
/// whether to go on. Messages that fail with 65 are told on stderr and do not stop the others.
///
/// # Errors
/// 65 if there is no message, or a single one fails; others as they come.
pub(super) fn each_message(
    file: Option<&Path>,
    mut each: impl FnMut(&mut Mbox<Source>, u64) -> Result<bool>,
) -> Result<Exit> {
    let mut mbox = Mbox::new(open(file)?);
    let mut tally = crate::cli::exit::Tally::default();
    let mut number = 0;
    while mbox.next_message()? {
        number += 1;
        let shown = if mbox.is_mbox() { number } else { 0 };
        match each(&mut mbox, shown) {
            Ok(true) => tally.done(),
            Ok(false) => {
                tally.done();
                break;
            }
            Err(e) if e.exit() == Exit::Data && mbox.is_mbox() => {
                crate::cli::exit::complain("mailfmt", &e.at(format!("message {number}")).to_string(), None);
                tally.failed(Exit::Data);
            }
            Err(e) => return Err(e),
        }
    }
    if number == 0 {
        return Err(Error::data("no message: the input is empty"));
    }
    Ok(tally.exit())
}

/// Keeps all of a body, to be read more than once.
///
/// # Errors
/// Those of the body and of the spool.
pub(super) fn spool(body: &mut dyn Body, mut seen: impl FnMut(&[u8])) -> Result<Spool> {
    let mut spool = Spool::new();
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() {
            return Ok(spool);
        }
        seen(piece);
        spool.push(piece)?;
    }
}

/// stdout for text: line ends as in files, everything that could drive a terminal escaped, unless told not to.
pub(super) struct Screen {
    out: Out,
    raw: bool,
    gone: bool,
    to_file: ToFile,
    text: Vec<u8>,
    /// Whether the last line is ended.
    line_start: bool,
}

impl Screen {
    /// Escapes unless `raw`.
    #[must_use]
    pub(super) fn new(raw: bool) -> Screen {
        let (out, to_file, text) = (Out::default(), ToFile::default(), Vec::new());
        Screen { out, raw, gone: false, to_file, text, line_start: true }
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
        if self.raw {
            self.put(&text)?
        } else {
            self.put(escape_lines(&text).as_bytes())?
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
        self.put(format!("{line}\n").as_bytes())
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

/// Reads ranges of a body, each behind the one before.
pub(super) struct Cursor<B> {
    from: B,
    /// Offset of the rest of `piece`.
    at: u64,
    piece: Vec<u8>,
    used: usize,
}

impl<B: Body> Cursor<B> {
    /// At the beginning.
    pub(super) fn new(from: B) -> Cursor<B> {
        Cursor { from, at: 0, piece: Vec::new(), used: 0 }
    }

    /// The bytes of `range`; what lies before it is passed over.
    pub(super) fn range(&mut self, range: &Range<u64>) -> Slice<'_, B> {
        Slice { cursor: self, range: range.clone() }
    }
}

/// A range of a body.
pub(super) struct Slice<'c, B> {
    cursor: &'c mut Cursor<B>,
    range: Range<u64>,
}

impl<B: Body> Body for Slice<'_, B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        let Cursor { from, at, piece, used } = &mut *self.cursor;
        loop {
            if *at >= self.range.end {
                return Ok(&[]);
            }
            if *used == piece.len() {
                piece.clear();
                piece.extend_from_slice(from.chunk()?);
                *used = 0;
                if piece.is_empty() {
                    return Ok(&[]);
                }
            }
            let rest = (piece.len() - *used) as u64;
            let skip = self.range.start.saturating_sub(*at).min(rest);
            let take = if skip > 0 { 0 } else { (self.range.end - *at).min(rest) };
            let start = *used;
            *at += skip + take;
            *used += usize::try_from(skip + take).unwrap_or_default();
            if take > 0 {
                return Ok(piece.get(start..*used).unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_in_order() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        let mut cursor = Cursor::new(bytes.as_slice());
        for range in [3..10, 10..10, 10..40_000, 65_000..65_001, 99_990..200_000] {
            let got = cursor.range(&range).whole(100_000).unwrap().unwrap();
            let end = (range.end as usize).min(bytes.len());
            assert_eq!(got, bytes[range.start as usize..end], "{range:?}");
        }
    }

    #[test]
    fn what_a_cut_leaves_open() {
        assert_eq!((cut_character(b"\xe2\x82"), cut_character(b"\xff"), cut_character(b"")), (2, 0, 0));
    }
}
