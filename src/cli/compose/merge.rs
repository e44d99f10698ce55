//! The rows of `--merge FILE`, one message each: CSV with the names in its first line, TSV likewise, JSON (an array of objects, or one object
//! after the other, as in NDJSON). The file is kept, so that all rows can be looked at before the first is used.

use super::files::spool;
use crate::body::Body;
use crate::error::{Error, Result};
use crate::store::patience::open;
use crate::store::spool::Spool;
use serde_json::{Map, Value};
use std::io::{self, Read};
use std::path::Path;
use std::time::Instant;

/// A JSON array is held in memory as a whole; larger files can be NDJSON.
const ARRAY: usize = 64 << 20;

/// The values of one message.
pub(super) type Row = Map<String, Value>;

/// What a variable holds in a row; nothing for `null`, JSON for what is no plain value.
pub(super) fn value(row: &Row, name: &str) -> Option<String> {
    Some(match row.get(name)? {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Separated(u8),
    Json,
}

/// The file.
pub(super) struct Rows {
    name: String,
    form: Form,
    spool: Spool,
}

impl Rows {
    /// Reads it. What it is its name says: `.json`, `.ndjson`, `.jsonl`, `.tsv`; else it is CSV.
    ///
    /// # Errors
    /// 65: there is nothing in it; 66: it can't be read; 73, 74: temporary files.
    pub(super) fn open(path: &Path, until: Option<Instant>) -> Result<Rows> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let form = match extension.as_deref() {
            Some("json" | "ndjson" | "jsonl") => Form::Json,
            Some("tsv") => Form::Separated(b'\t'),
            _ => Form::Separated(b','),
        };
        let (spool, _) = spool(&mut open(path, until)?)?;
        Ok(Rows { name: path.display().to_string(), form, spool })
    }

    /// Does something with each row, in order. Its errors, and those of `each`, begin with the file's name and the row, counted from 1.
    ///
    /// # Errors
    /// 65: the file is not what its name says, or has no rows; those of `each`.
    pub(super) fn each(&mut self, each: &mut dyn FnMut(&Row) -> Result<()>) -> Result<()> {
        let (name, mut number) = (self.name.clone(), 0u64);
        let mut counted = |row: &Row| {
            number += 1;
            each(row).map_err(|e| e.at(format!("{name}: row {number}")))
        };
        let from = Reader { body: self.spool.body()?, rest: Vec::new() };
        match self.form {
            Form::Separated(by) => separated(from, by, &self.name, &mut counted)?,
            Form::Json => json(from, &self.name, &mut counted)?,
        }
        if number == 0 { Err(Error::data(format!("{name}: no rows"))) } else { Ok(()) }
    }
}

fn separated(from: impl Read, by: u8, name: &str, each: &mut dyn FnMut(&Row) -> Result<()>) -> Result<()> {
    let wrong = |e: csv::Error| Error::data(format!("{name}: {e}"));
    let mut reader = csv::ReaderBuilder::new().delimiter(by).from_reader(from);
    let names = reader.headers().map_err(wrong)?.clone();
    if let Some(twice) = names.iter().enumerate().find(|(n, name)| names.iter().take(*n).any(|other| other == *name)) {
        return Err(Error::data(format!("{name}: two columns are called {}", twice.1)));
    }
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(wrong)? {
        let pair = |(name, value): (&str, &str)| (name.trim().to_owned(), Value::String(value.to_owned()));
        each(&names.iter().zip(record.iter()).map(pair).collect())?;
    }
    Ok(())
}

fn json(mut from: impl Read, name: &str, each: &mut dyn FnMut(&Row) -> Result<()>) -> Result<()> {
    let wrong = |e: serde_json::Error| Error::data(format!("{name}: {e}"));
    let mut row = |value: Value| match value {
        Value::Object(row) => each(&row),
        _ => Err(Error::data(format!("{name}: a row that is no object"))),
    };
    let mut start = Vec::new();
    let mut byte = [0];
    while from.read(&mut byte).map_err(|e| wrong(serde_json::Error::io(e)))? > 0 {
        start.extend_from_slice(&byte);
        if !byte.trim_ascii().is_empty() && !matches!(byte, [0xef | 0xbb | 0xbf]) {
            break;
        }
    }
    start.retain(u8::is_ascii);
    if !start.ends_with(b"[") {
        let all = serde_json::Deserializer::from_reader(io::BufReader::new(start.chain(from))).into_iter::<Value>();
        return all.map(|value| value.map_err(wrong)).try_for_each(|value| row(value?));
    }
    let mut all = start;
    from.take(ARRAY as u64).read_to_end(&mut all).map_err(|e| wrong(serde_json::Error::io(e)))?;
    if all.len() >= ARRAY {
        return Err(Error::data(format!("{name}: larger than {ARRAY} bytes")).advise("NDJSON may have any size"));
    }
    serde_json::from_slice::<Vec<Value>>(&all).map_err(wrong)?.into_iter().try_for_each(row)
}

/// A body for those who want to read.
struct Reader<B> {
    body: B,
    rest: Vec<u8>,
}

impl<B: Body> Read for Reader<B> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.body.chunk().map_err(|e| io::Error::other(e.to_string()))?.to_vec();
        }
        let read = self.rest.as_slice().read(into)?;
        self.rest.drain(..read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(file: &str, text: &[u8]) -> Result<Vec<String>> {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join(file);
        std::fs::write(&path, text).unwrap();
        let mut rows = Rows::open(&path, None)?;
        let mut last = Ok(Vec::new());
        for _ in 0..2 {
            let mut all = Vec::new();
            let done = rows.each(&mut |row| {
                let get = |name| value(row, name).unwrap_or("-".into());
                all.push(format!("{}/{}", get("a"), get("b c")));
                Ok(())
            });
            last = done.map(|()| all);
        }
        last
    }

    #[test]
    fn every_form() {
        let expect = ["1/x, \"y\"\nz", "/2"];
        assert_eq!(rows("x.csv", b"a,b c\n1,\"x, \"\"y\"\"\nz\"\n,2\n").unwrap(), expect);
        assert_eq!(rows("x", b"\xef\xbb\xbfa , b c\r\n1,\"x, \"\"y\"\"\nz\"\r\n,2\r\n").unwrap(), expect);
        assert_eq!(rows("x.tsv", b"a\tb c\n1\tx, y\n").unwrap(), ["1/x, y"]);
        let objects = [r#"{"a": 1, "b c": "x, \"y\"\nz"}"#, r#"{"a": null, "b c": 2, "d": [1]}"#];
        assert_eq!(rows("x.ndjson", objects.join("\n").as_bytes()).unwrap(), expect);
        assert_eq!(rows("x.json", format!(" \n[{}]", objects.join(",")).as_bytes()).unwrap(), expect);
        assert_eq!(rows("x.json", br#"{"a": true, "b c": {"d": 1}}"#).unwrap(), [r#"true/{"d":1}"#]);
        for (file, text) in [
            ("x.csv", &b""[..]),
            ("x.csv", b"a,b\n"),
            ("x.csv", b"a,b\n1\n"),
            ("x.csv", b"a,a\n1,2\n"),
            ("x.csv", b"a\n\xff\n"),
            ("x.json", b""),
            ("x.json", b"[]"),
            ("x.json", b"[1]"),
            ("x.json", b"{\"a\":"),
            ("x.ndjson", b"{}\n3\n"),
        ] {
            assert_eq!(rows(file, text).unwrap_err().exit().code(), 65, "{file} {text:?}");
        }
    }
}
