//! Files in a directory, with a message each, or as mboxes with some.

use super::Split;
use crate::body::Body;
use crate::error::{Error, Local, Result};
use crate::message::filename::safe;
use crate::store::disk;
use crate::store::sink::{About, Quote, from_line};
use crate::tools::mailfmt::cursor::{pour, spool};
use crate::tools::mailfmt::describe::line;
use crate::tools::mailfmt::format::Format;
use crate::tools::mailfmt::head::{complete, header};
use crate::tools::mailfmt::list::of_message;
use crate::tools::mailfmt::names::{Names, create, remove};
use crate::tools::mailfmt::screen::Screen;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Takes messages.
pub(super) struct Files {
    path: PathBuf,
    dir: OwnedFd,
    format: Option<Format>,
    /// How many messages an mbox gets; `None`: no mboxes.
    every: Option<NonZeroU64>,
    names: Names,
    current: Option<Current>,
    told: Option<Screen>,
    quoted: Vec<u8>,
}

/// The file that is being written.
struct Current {
    name: String,
    /// For errors.
    place: String,
    file: BufWriter<File>,
    /// The number of its first message.
    first: u64,
    messages: u64,
    /// How long it is.
    len: u64,
}

impl Files {
    /// # Errors
    /// 64: a name that leads elsewhere; 73: the directory can't be made.
    pub(super) fn open(of: &Split) -> Result<Files> {
        if of.names.as_ref().is_some_and(|format| format.fill(|_| String::new()).contains(['/', '\\'])) {
            return Err(Error::usage("--names: all files are in one directory, so their names have no slash"));
        }
        disk::make_dirs(&of.dir).creating(of.dir.display())?;
        Ok(Files {
            path: of.dir.clone(),
            dir: disk::open_dir(&of.dir).creating(of.dir.display())?,
            format: of.names.clone(),
            every: of.every,
            names: Names::default(),
            current: None,
            told: of.json.then(|| Screen::new(true)),
            quoted: Vec::new(),
        })
    }

    /// One message.
    ///
    /// # Errors
    /// 73, 74; 65 and others: those of the body. Nothing of it stays then.
    pub(super) fn put(&mut self, body: &mut dyn Body, about: &About, number: u64) -> Result<()> {
        let current = match (self.current.take(), &self.format) {
            (Some(current), _) => current,
            (None, None) => {
                let end = if self.every.is_some() { "mbox" } else { "eml" };
                self.begin(format!("{number:06}.{end}"), number)?
            }
            (None, Some(format)) => {
                let mut message = spool(body, |_| {})?;
                let header = header(&mut message.body()?)?;
                complete(&header)?;
                let name = safe(&format.fill(|name| match name {
                    "number" => format!("{number:06}"),
                    name => of_message(&header, name).unwrap_or_default().replace(['/', '\\'], "_"),
                }));
                let name = if name.is_empty() { format!("{number:06}") } else { name };
                let current = self.begin(name, number)?;
                return self.message(current, &mut message.body()?, about);
            }
        };
        self.message(current, body, about)
    }

    fn begin(&mut self, name: String, first: u64) -> Result<Current> {
        let Files { path, dir, names, .. } = self;
        let (name, file) = names.take(name, |name| create(dir, path, name))?;
        let place = path.join(&name).display().to_string();
        Ok(Current { name, place, file, first, messages: 0, len: 0 })
    }

    fn message(&mut self, mut current: Current, body: &mut dyn Body, about: &About) -> Result<()> {
        let whole = current.len;
        if let Err(e) = self.write(&mut current, body, about) {
            if current.messages == 0 {
                remove(&self.dir, &current.name);
                return Err(e);
            }
            // Those before it are whole.
            let Current { file, place, len, .. } = &mut current;
            file.flush().local(&place)?;
            let file = file.get_mut();
            file.set_len(whole).and_then(|()| file.seek(SeekFrom::Start(whole))).local(&place)?;
            *len = whole;
            self.current = Some(current);
            return Err(e);
        }
        current.messages += 1;
        if self.every.is_none_or(|every| current.messages >= every.get()) {
            return self.done(current, about);
        }
        self.current = Some(current);
        Ok(())
    }

    fn write(&mut self, current: &mut Current, body: &mut dyn Body, about: &About) -> Result<()> {
        let Current { file, place, len, .. } = current;
        let mut put = |piece: &[u8]| {
            *len += piece.len() as u64;
            file.write_all(piece).local(&*place)
        };
        if self.every.is_none() {
            return pour(body, &mut put);
        }
        let (mut quote, quoted) = (Quote::default(), &mut self.quoted);
        put(from_line(about).as_bytes())?;
        pour(body, &mut |piece| {
            quoted.clear();
            quote.push(piece, quoted);
            put(quoted)
        })?;
        quoted.clear();
        quote.finish(quoted);
        put(quoted)
    }

    /// The file has all that it gets.
    fn done(&mut self, mut current: Current, about: &About) -> Result<()> {
        if let Err(e) = current.file.flush().local(&current.place) {
            remove(&self.dir, &current.name);
            return Err(e);
        }
        if let (Some(date), None) = (about.date, self.every) {
            disk::set_time(current.file.get_ref(), date).local(&current.place)?;
        }
        if let Some(told) = &mut self.told {
            let Current { name, first, messages, len, .. } = &current;
            told.line(&line(&json!({ "message": first, "messages": messages, "size": len, "written": name }))?)?;
        }
        Ok(())
    }

    /// All is written, and on stable storage.
    ///
    /// # Errors
    /// 74.
    pub(super) fn end(&mut self) -> Result<()> {
        if let Some(current) = self.current.take() {
            self.done(current, &About::default())?;
        }
        disk::sync_file_system(&self.dir).local(self.path.display())?;
        if let Some(mut told) = self.told.take() {
            told.flush()?;
        }
        Ok(())
    }
}
