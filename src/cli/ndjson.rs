//! `--ndjson`: a JSON object a line, each a message. Its keys are those that `mailfmt json` writes, of which only these count here:
//! `raw` (the message, where that is UTF-8) or `raw64` (its base64, any bytes), and, for the envelope, `from` (an address; an empty
//! one is the null sender) and `to` (a list of addresses).

use crate::body::Body;
use crate::error::{Error, Result};
use crate::proto::sasl::unbase64;
use memchr::memchr;
use serde_json::Value;

/// The longest line. It is held in memory, as JSON has to be.
const LINE: usize = 64 << 20;

/// A line of the input.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The message.
    pub message: Vec<u8>,
    /// The envelope's sender, if it names one.
    pub from: Option<String>,
    /// The envelope's recipients.
    pub to: Vec<String>,
}

impl Line {
    /// Reads one.
    ///
    /// # Errors
    /// 65: it is no such object.
    pub fn parse(line: &[u8]) -> Result<Line> {
        // What serde_json says of it repeats none of it.
        let value: Value = serde_json::from_slice(line).map_err(|e| Error::data(format!("no JSON: {e}")))?;
        let text = |key: &str| match value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Error::data(format!("{key}: no string"))),
        };
        let message = match (text("raw")?, text("raw64")?) {
            (Some(raw), None) => raw.into_bytes(),
            (None, Some(raw)) => unbase64(raw.as_bytes()).ok_or_else(|| Error::data("raw64: no base64"))?,
            _ => return Err(Error::data("an object needs one of the keys raw and raw64")),
        };
        let to = match value.get("to") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(all)) => {
                let strings = all.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<_>>();
                strings.ok_or_else(|| Error::data("to: no list of strings"))?
            }
            Some(_) => return Err(Error::data("to: no list of strings")),
        };
        Ok(Line { message, from: text("from")?, to })
    }
}

/// The lines of a stream, without those that are empty.
pub struct Lines<B> {
    from: B,
    input: Vec<u8>,
    start: usize,
    ended: bool,
}

impl<B: Body> Lines<B> {
    /// Of this stream.
    #[must_use]
    pub fn new(from: B) -> Lines<B> {
        Lines { from, input: Vec::new(), start: 0, ended: false }
    }

    /// The next line.
    ///
    /// # Errors
    /// 65: it is too long; those of the source.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        // What was searched before has no end of a line.
        let mut searched = self.start;
        loop {
            if let Some(end) = memchr(b'\n', self.input.get(searched..).unwrap_or_default()) {
                let line = self.input.get(self.start..searched + end).unwrap_or_default().trim_ascii().to_vec();
                self.start = searched + end + 1;
                searched = self.start;
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            self.input.drain(..self.start);
            self.start = 0;
            searched = self.input.len();
            if self.ended {
                let line = std::mem::take(&mut self.input).trim_ascii().to_vec();
                return Ok(Some(line).filter(|line| !line.is_empty()));
            }
            if self.input.len() > LINE {
                return Err(Error::data(format!("a line of more than {LINE} bytes")));
            }
            let piece = self.from.chunk()?;
            self.ended = piece.is_empty();
            self.input.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_a_line() {
        let line = |message: &[u8], from: Option<&str>, to: &[&str]| Line {
            message: message.to_vec(),
            from: from.map(str::to_owned),
            to: to.iter().map(|to| (*to).to_owned()).collect(),
        };
        let read = |text: &str| Line::parse(text.as_bytes()).map_err(|e| e.exit().code());
        assert_eq!(read(r#"{"raw": "A: b\n\né", "size": 3}"#), Ok(line("A: b\n\né".as_bytes(), None, &[])));
        let named = r#"{"raw64": "/w==", "from": "", "to": ["a@b", "c"], "raw": null}"#;
        assert_eq!(read(named), Ok(line(b"\xff", Some(""), &["a@b", "c"])));
        for wrong in ["", "{", "[]", "{}", "3", r#"{"raw": 3}"#, r#"{"raw":"","raw64":""}"#, r#"{"raw64":"?"}"#] {
            assert_eq!(read(wrong), Err(65), "{wrong}");
        }
        for wrong in [r#"{"raw":"","to":"a"}"#, r#"{"raw":"","to":[1]}"#, r#"{"raw":"","from":1}"#] {
            assert_eq!(read(wrong), Err(65), "{wrong}");
        }
        let mut lines = Lines::new(&b"\n{1}\r\n\n \n{2}"[..]);
        let mut got = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            got.push(line);
        }
        assert_eq!(got, [b"{1}", b"{2}"]);
    }
}
