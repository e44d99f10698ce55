//! stdout: one message as it is, or an mboxrd stream of many.
//!
//! It is stable storage only if it is a regular file. Then a message that fails is taken back; a pipe keeps what it got,
//! and the exit status must tell.

use super::mbox::{Quote, from_line};
use super::out::Out;
use super::{About, Form, Receipt, Sink};
use crate::error::{Error, Local, Result};
use crate::store::disk;
use crate::store::patience::Patient;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::AsFd;
use std::time::Instant;

const NAME: &str = "standard output";

/// `-`.
pub(super) struct Stdout {
    out: Out,
    form: Form,
    regular: bool,
    /// Where the current message begins in a regular file.
    start: u64,
    quote: Quote,
    quoted: Vec<u8>,
    current: Option<String>,
    ended: Vec<String>,
    /// What a message is known by that was written, as long as the machine runs.
    note: Option<Vec<u8>>,
}

/// What a note begins with.
const SCHEME: &[u8] = b"stdout:";
/// Another one after each start of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

impl Stdout {
    pub(super) fn open(form: Form, until: Option<Instant>) -> Result<Stdout> {
        let file = File::from(std::io::stdout().as_fd().try_clone_to_owned().local(NAME)?);
        if disk::was_closed(&file).local(NAME)? {
            return Err(Error::io(format!("{NAME}: it is closed")));
        }
        Stdout::over(file, form, until)
    }

    fn over(file: File, form: Form, until: Option<Instant>) -> Result<Stdout> {
        let regular = file.metadata().local(NAME)?.is_file();
        Ok(Stdout {
            out: Out::new(Patient::new(file, until), NAME),
            form,
            regular,
            start: 0,
            quote: Quote::default(),
            quoted: Vec::new(),
            current: None,
            ended: Vec::new(),
            note: std::fs::read(BOOT).ok().map(|id| [SCHEME, id.trim_ascii()].concat()),
        })
    }

    /// Where the next byte will be.
    fn position(&mut self) -> Result<u64> {
        let file = self.out.file();
        let append = rustix::fs::fcntl_getfl(&*file).local(NAME)?.contains(OFlags::APPEND);
        if append { file.metadata().map(|m| m.len()).local(NAME) } else { file.stream_position().local(NAME) }
    }
}

impl Sink for Stdout {
    fn begin(&mut self, about: &About) -> Result<()> {
        if self.regular {
            self.out.flush()?;
            self.start = self.position()?;
        }
        self.current = Some(about.reference.clone());
        self.quote = Quote::default();
        match self.form {
            Form::Raw => Ok(()),
            Form::Mbox => self.out.put(from_line(about).as_bytes()),
        }
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        match self.form {
            Form::Raw => self.out.put(file_form),
            Form::Mbox => {
                self.quoted.clear();
                self.quote.push(file_form, &mut self.quoted);
                self.out.put(&self.quoted)
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        if self.form == Form::Mbox {
            self.quoted.clear();
            self.quote.finish(&mut self.quoted);
            self.out.put(&self.quoted)?;
        }
        // Whoever reads the pipe waits for this message.
        self.out.flush()?;
        self.ended.extend(self.current.take());
        Ok(())
    }

    fn abort(&mut self) -> Result<()> {
        if self.current.take().is_none() {
            return Ok(());
        }
        self.out.forget();
        let start = self.start;
        if self.regular && self.position()? == self.out.file().metadata().local(NAME)?.len() {
            let file = self.out.file();
            file.set_len(start).and_then(|()| file.seek(SeekFrom::Start(start))).local(NAME)?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<Vec<Receipt>> {
        self.out.flush()?;
        if self.regular {
            disk::sync(self.out.file()).local(NAME)?;
        }
        let receipt = |reference| Receipt { reference, places: vec!["-".to_owned()] };
        Ok(self.ended.drain(..).map(receipt).collect())
    }

    fn note(&self) -> Option<Vec<u8>> {
        self.note.clone()
    }

    fn plan(&mut self) -> Result<Vec<Vec<u8>>> {
        Ok(self.note.iter().flat_map(|note| self.ended.iter().map(|_| note.clone())).collect())
    }

    /// What was written is there, unless the machine has stopped since.
    fn look(&mut self, plan: &[u8]) -> Result<Option<String>> {
        Ok(self.note.as_deref().filter(|note| *note == plan).map(|_| "-".to_owned()))
    }

    fn at_once(&self) -> bool {
        self.note.is_none()
    }

    fn stable(&self) -> bool {
        self.regular
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{about, push};
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn a_file_is_stable_and_gives_back() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("out");
        std::fs::write(&path, "before\n").unwrap();
        for append in [true, false] {
            let file = OpenOptions::new().append(append).write(true).truncate(!append).open(&path).unwrap();
            let mut sink = Stdout::over(file, Form::Mbox, None).unwrap();
            assert!(sink.stable());
            push(&mut sink, &about("1"), "From a\n");
            sink.begin(&about("2")).unwrap();
            sink.write(&[b'x'; 100_000]).unwrap();
            sink.abort().unwrap();
            push(&mut sink, &about("3"), "3");
            assert_eq!(sink.commit().unwrap().len(), 2);
            let head = "From MAILER-DAEMON Sun Sep  9 01:46:40 2001\n";
            let before = if append { "before\n" } else { "" };
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{before}{head}>From a\n\n{head}3\n\n"));
        }
    }

    #[test]
    fn full_and_closed_are_74() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut sink = Stdout::over(full, Form::Raw, None).unwrap();
        assert!(!sink.stable());
        sink.begin(&about("1")).unwrap();
        sink.write(b"x").unwrap();
        let e = sink.end().unwrap_err();
        assert_eq!((e.exit().code(), e.to_string().as_str()), (74, "standard output: No space left on device"));
        sink.abort().unwrap();
        assert_eq!(sink.commit().unwrap(), []);
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        drop(reader);
        let mut sink = Stdout::over(writer.into(), Form::Raw, None).unwrap();
        sink.begin(&about("1")).unwrap();
        let e = sink.write(&[b'x'; 100_000]).unwrap_err();
        assert_eq!((e.exit().code(), e.to_string().as_str()), (74, "standard output: Broken pipe"));
    }
}
