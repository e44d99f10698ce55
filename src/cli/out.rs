//! stdout for data, and what a listing looks like: aligned columns on a terminal, TSV in a pipe, JSON lines.

use crate::error::{Error, Exit, Local, Result};
use crate::net::Deadline;
use crate::store::patience::Patient;
use crate::text::push_escaped;
use std::io::{BufWriter, IsTerminal, Stdout, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr;

/// stdout, buffered. A reader that has closed it is told apart from a disk that is full.
pub struct Out {
    to: BufWriter<Patient<Stdout>>,
    terminal: bool,
    /// The program was started without one.
    closed: bool,
}

impl Default for Out {
    fn default() -> Out {
        Out::until(Deadline::NEVER)
    }
}

/// Whether a listing should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Somebody reads.
    There,
    /// The pipe is closed: a listing stops quietly.
    Gone,
}

impl Out {
    /// stdout, whose reader has until then.
    #[must_use]
    pub fn until(deadline: Deadline) -> Out {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal();
        let closed = crate::store::disk::was_closed(&stdout).unwrap_or(true);
        Out { terminal, closed, to: BufWriter::with_capacity(32 * 1024, Patient::new(stdout, deadline.at())) }
    }

    /// Whether a person reads it.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    fn is_open(&self) -> Result<()> {
        if self.closed { Err(Error::io("stdout: it is closed")) } else { Ok(()) }
    }

    fn told(result: std::io::Result<()>) -> Result<Reader> {
        match result {
            Ok(()) => Ok(Reader::There),
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Err(e) => Err(e).local("stdout"),
        }
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// 74.
    pub fn write(&mut self, bytes: &[u8]) -> Result<Reader> {
        self.is_open()?;
        Out::told(self.to.write_all(bytes))
    }

    /// Writes and sends bytes that must be read: the report of a program that moves mail, which stops when nobody reads it.
    ///
    /// # Errors
    /// 74, also for a closed pipe.
    pub fn must(&mut self, bytes: &[u8]) -> Result<()> {
        self.is_open()?;
        self.to.write_all(bytes).and_then(|()| self.to.flush()).local("stdout")
    }

    /// Sends what is buffered.
    ///
    /// # Errors
    /// 74.
    pub fn flush(&mut self) -> Result<Reader> {
        Out::told(self.to.flush())
    }
}

/// stdout as several threads write lines to it.
pub type Report = Mutex<Out>;

/// Writes a record of a report that must be read.
///
/// # Errors
/// As [`Out::must`].
pub fn tell(report: &Report, object: &serde_json::Value) -> Result<()> {
    report.lock().unwrap_or_else(PoisonError::into_inner).must(format!("{object}\n").as_bytes())
}

/// A row is sent after this time, with those before it.
const SOON: Duration = Duration::from_millis(50);

/// How a listing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Aligned under a heading: a terminal.
    Aligned,
    /// Tab-separated, no heading: a pipe.
    Tsv,
    /// One JSON object a line.
    Json,
}

/// Puts a string as JSON has it behind what is there.
pub fn push_json(out: &mut String, text: &str) {
    if text.bytes().all(|b| b >= b' ' && !matches!(b, b'"' | b'\\')) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// A column: its name (of `-o` and JSON) and the width that it gets on a terminal, of which a number is the right edge.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, lower case.
    pub name: &'static str,
    /// Characters on a terminal.
    pub width: usize,
    /// Right-aligned.
    pub right: bool,
}

/// A listing that writes each row as it comes.
pub struct Table {
    out: Out,
    form: Form,
    columns: Vec<Column>,
    nul: bool,
    started: bool,
    /// When rows were sent last.
    sent: Instant,
    /// The row before this one: its room is used again.
    text: String,
    /// How many rows there were.
    pub rows: u64,
}

/// The columns that `-o` names, out of `known`.
///
/// # Errors
/// 64: one is not known.
pub fn choose(names: &[String], known: &[Column]) -> Result<Vec<Column>> {
    names
        .iter()
        .map(|name| {
            known.iter().find(|c| c.name == name).copied().ok_or_else(|| {
                let all: Vec<_> = known.iter().map(|c| c.name).collect();
                Error::usage(format!("{name}: no such column (there are {})", all.join(", ")))
            })
        })
        .collect()
}

impl Table {
    /// A listing of `columns`; `json` and `nul` as the flags of those names say.
    #[must_use]
    pub fn new(columns: Vec<Column>, json: bool, nul: bool) -> Table {
        let out = Out::default();
        let form = match (json, out.is_terminal() && !nul) {
            (true, _) => Form::Json,
            (false, true) => Form::Aligned,
            (false, false) => Form::Tsv,
        };
        Table { out, form, columns, nul, started: false, sent: Instant::now(), text: String::new(), rows: 0 }
    }

    /// Gives its reader until then.
    #[must_use]
    pub fn until(self, deadline: Deadline) -> Table {
        Table { out: Out::until(deadline), ..self }
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Writes a row: `cell` gives a column's text, `json` the whole object when that is the form.
    ///
    /// # Errors
    /// 74.
    pub fn row<C: AsRef<[u8]>>(
        &mut self,
        mut cell: impl FnMut(&Column) -> C,
        json: impl FnOnce() -> serde_json::Value,
    ) -> Result<Reader> {
        self.row_of(|column, out| push_escaped(out, cell(column).as_ref()), |out| out.push_str(&json().to_string()))
    }

    /// Writes a row of many: `cell` puts a column's text, [escaped](push_escaped), and `json` an object, behind what is there.
    ///
    /// # Errors
    /// 74.
    pub fn row_of(
        &mut self,
        mut cell: impl FnMut(&Column, &mut String),
        json: impl FnOnce(&mut String),
    ) -> Result<Reader> {
        let end = if self.nul { "\0" } else { "\n" };
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        if !std::mem::replace(&mut self.started, true) && self.form == Form::Aligned {
            let heading: Vec<String> = self.columns.iter().map(|c| c.name.to_uppercase()).collect();
            text.push_str(&aligned(&self.columns, &heading));
            text.push('\n');
        }
        match self.form {
            Form::Json => json(&mut text),
            Form::Tsv => {
                for (n, column) in self.columns.iter().enumerate() {
                    if n > 0 {
                        text.push('\t');
                    }
                    cell(column, &mut text);
                }
            }
            Form::Aligned => {
                let one = |column| {
                    let mut text = String::new();
                    cell(column, &mut text);
                    text
                };
                let cells: Vec<String> = self.columns.iter().map(one).collect();
                text.push_str(&aligned(&self.columns, &cells));
            }
        }
        text.push_str(end);
        self.rows += 1;
        let reader = self.out.write(text.as_bytes())?;
        self.text = text;
        // Rows that come slowly are shown as they come.
        if self.form != Form::Aligned && self.sent.elapsed() < SOON {
            return Ok(reader);
        }
        self.sent = Instant::now();
        self.out.flush()
    }

    /// Sends what is buffered.
    ///
    /// # Errors
    /// 74.
    pub fn flush(&mut self) -> Result<Reader> {
        self.out.flush()
    }

    /// Sends the rest; the status of a listing: 1 if there was nothing and `exit_status` asked.
    ///
    /// # Errors
    /// 74.
    pub fn end(mut self, exit_status: bool) -> Result<Exit> {
        self.out.flush()?;
        Ok(if exit_status && self.rows == 0 { Exit::None } else { Exit::Ok })
    }
}

fn aligned(columns: &[Column], cells: &[String]) -> String {
    let mut line = String::new();
    for (i, (column, cell)) in columns.iter().zip(cells).enumerate() {
        let width = cell.width();
        let pad = " ".repeat(column.width.saturating_sub(width));
        let last = i + 1 == columns.len();
        if column.right {
            line.push_str(&pad);
            line.push_str(cell);
        } else {
            line.push_str(cell);
            if !last {
                line.push_str(&pad);
            }
        }
        if !last {
            line.push_str("  ");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_in_json() {
        for text in ["", "plain", "é 日", "\"q\"", "a\\b", "a\nb\0", "\u{7f}\u{2028}"] {
            let mut out = String::new();
            push_json(&mut out, text);
            assert_eq!(out, serde_json::to_string(text).unwrap());
        }
    }

    #[test]
    fn columns_line_up_by_width_not_bytes() {
        let columns = [Column { name: "a", width: 4, right: false }, Column { name: "n", width: 3, right: true }];
        assert_eq!(aligned(&columns, &["é日".into(), "7".into()]), "é日     7");
        assert_eq!(aligned(&columns, &["toolong".into(), "1234".into()]), "toolong  1234");
        assert_eq!(choose(&["n".into()], &columns).unwrap().len(), 1);
        assert_eq!(choose(&["x\n".into()], &columns).unwrap_err().to_string(), "x\n: no such column (there are a, n)");
    }
}
