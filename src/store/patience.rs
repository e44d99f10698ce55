//! Pipes and terminals at the other end of which somebody may sleep: reading and writing that ends when the time is up.

use crate::body::FileBody;
use crate::error::{Error, Local, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What a pipe surely takes once poll(2) says that it takes anything (PIPE_BUF).
const PIECE: usize = 4096;

/// A file, pipe or terminal; reads and writes fail with `TimedOut` after an instant.
#[derive(Debug)]
pub struct Patient<F> {
    file: F,
    /// Regular files don't keep anybody waiting.
    waits: bool,
    until: Option<Instant>,
}

impl<F: AsFd> Patient<F> {
    /// Reads from or writes to `file` until then; `None`: however long it takes.
    pub fn new(file: F, until: Option<Instant>) -> Patient<F> {
        let kind = rustix::fs::fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode));
        Patient::of(file, kind == Ok(FileType::RegularFile), until)
    }

    /// The same where it is known whether it is a regular file.
    fn of(file: F, regular: bool, until: Option<Instant>) -> Patient<F> {
        Patient { waits: !regular, file, until }
    }

    /// The file itself.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.file
    }

    fn wait(&self, what: PollFlags) -> io::Result<()> {
        loop {
            if !self.waits {
                return Ok(());
            }
            let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut [PollFd::new(&self.file, what)], timeout.as_ref()) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the time is up"));
                }
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl<F: AsFd> Read for Patient<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait(PollFlags::IN)?;
            match rustix::io::read(&self.file, &mut *into) {
                Err(Errno::INTR | Errno::AGAIN) => {}
                done => return Ok(done?),
            }
        }
    }
}

impl<F: AsFd> Write for Patient<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = if self.waits && self.until.is_some() { bytes.get(..PIECE).unwrap_or(bytes) } else { bytes };
        loop {
            self.wait(PollFlags::OUT)?;
            match rustix::io::write(&self.file, piece) {
                Err(Errno::INTR | Errno::AGAIN) => {}
                done => return Ok(done?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// stdin, which is closed if the program was started without one.
///
/// # Errors
/// 66: it is closed.
pub fn stdin(until: Option<Instant>) -> Result<FileBody<Patient<io::Stdin>>> {
    let stdin = io::stdin();
    if super::disk::was_closed(&stdin).local("stdin")? {
        return Err(Error::no_input("stdin: it is closed"));
    }
    let file = regular(&stdin);
    Ok(FileBody::new(Patient::new(stdin, until), "stdin").of(file))
}

/// Opens a file or pipe to be read. For the writer of a named pipe it waits at the first read.
///
/// # Errors
/// 66: it can't be read, or is a directory.
pub fn open(path: &Path, until: Option<Instant>) -> Result<FileBody<Patient<Arc<File>>>> {
    opened(path, until).map(|(body, _)| body)
}

/// The same, and what the file system says of the file.
///
/// # Errors
/// As [`open`].
pub fn opened(path: &Path, until: Option<Instant>) -> Result<(FileBody<Patient<Arc<File>>>, Metadata)> {
    let name = path.display().to_string();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(CWD, path, flags, Mode::empty()).opening(&name)?);
    let metadata = file.metadata().opening(&name)?;
    if metadata.is_dir() {
        return Err(Error::no_input(format!("{name}: is a directory")));
    }
    let (file, regular) = (Arc::new(file), metadata.is_file());
    let again = regular.then(|| file.clone());
    Ok((FileBody::new(Patient::of(file, regular, until), name).of(again), metadata))
}

/// A regular file by another descriptor.
fn regular(fd: impl AsFd) -> Option<Arc<File>> {
    if !super::disk::is_regular(&fd) {
        return None;
    }
    fd.as_fd().try_clone_to_owned().ok().map(|file| Arc::new(File::from(file)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;
    use crate::error::Exit;
    use std::time::Duration;

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(50))
    }

    #[test]
    fn nobody_writes_and_nobody_reads() {
        let (read, write) = io::pipe().unwrap();
        let e = FileBody::new(Patient::new(read.try_clone().unwrap(), soon()), "pipe").chunk().unwrap_err();
        assert_eq!((e.exit(), e.to_string()), (Exit::TempFail, "pipe: the time is up".to_owned()));
        let stuck = Patient::new(write, soon()).write_all(&vec![b'x'; 1 << 20]);
        assert_eq!(stuck.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn everything_passes_in_time() {
        let (read, write) = io::pipe().unwrap();
        let sent: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        let copy = sent.clone();
        let late = Instant::now() + Duration::from_secs(600);
        let writer = std::thread::spawn(move || Patient::new(write, Some(late)).write_all(&copy).unwrap());
        let got = FileBody::new(Patient::new(read, Some(late)), "pipe").whole(1 << 20).unwrap();
        writer.join().unwrap();
        assert!(got == Some(sent));
    }

    #[test]
    fn a_named_pipe_waits_for_its_writer() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("fifo");
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(open(&path, soon()).unwrap().chunk().unwrap_err().exit(), Exit::TempFail);
        let to = path.clone();
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            std::fs::write(to, "late").unwrap();
        });
        assert_eq!(open(&path, None).unwrap().whole(10).unwrap().unwrap(), b"late");
        writer.join().unwrap();
        assert_eq!(open(t.path(), None).err().unwrap().exit(), Exit::NoInput);
    }
}
