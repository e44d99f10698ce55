//! Where extracted parts go.

use super::Wanted;
use crate::cli::out::{Out, Reader};
use crate::error::{Error, Local, Result};
use crate::message::tar;
use crate::store::disk;
use crate::tools::mailfmt::names::{Names, create, remove};
use crate::tools::mailfmt::screen::Screen;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

pub(super) enum Kind {
    Nowhere,
    Directory(PathBuf),
    Tar,
    Stdout,
}

/// Takes contents one by one.
pub(super) struct Place {
    to: To,
    /// The name and how much of the one that is open.
    name: String,
    size: u64,
    names: Names,
}

enum To {
    Nowhere,
    Directory { path: PathBuf, dir: OwnedFd, file: Option<BufWriter<File>> },
    Tar(Out),
    Stdout(Screen),
}

impl Place {
    /// # Errors
    /// 64: an archive for a terminal; 73: the directory can't be made.
    pub(super) fn open(kind: Kind) -> Result<Place> {
        let to = match kind {
            Kind::Nowhere => To::Nowhere,
            Kind::Stdout => To::Stdout(Screen::for_bytes(false)),
            Kind::Tar => {
                let out = Out::default();
                if out.is_terminal() {
                    return Err(Error::usage("an archive is not for a terminal").advise("--tar > FILE"));
                }
                To::Tar(out)
            }
            Kind::Directory(path) => {
                disk::make_dirs(&path).creating(path.display())?;
                let dir = disk::open_dir(&path).creating(path.display())?;
                To::Directory { path, dir, file: None }
            }
        };
        Ok(Place { to, name: String::new(), size: 0, names: Names::default() })
    }

    /// Whether a size has to be known before the bytes.
    pub(super) fn needs_size(&self) -> bool {
        matches!(self.to, To::Tar(_))
    }

    /// Whether nobody reads any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(&self.to, To::Stdout(screen) if screen.is_gone())
    }

    /// The next content.
    ///
    /// # Errors
    /// 73.
    pub(super) fn begin(&mut self, wanted: &Wanted, size: u64) -> Result<()> {
        self.size = 0;
        // In an archive each of many messages has its own directory.
        let name = match &self.to {
            To::Tar(_) if wanted.many => format!("{}/{}", wanted.message, wanted.name),
            _ => wanted.name.clone(),
        };
        let to = &mut self.to;
        self.name = self.names.take(name, |candidate| to.create(candidate, wanted, size))?.0;
        Ok(())
    }

    /// A piece of the content.
    ///
    /// # Errors
    /// 74.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.size += piece.len() as u64;
        match &mut self.to {
            To::Nowhere | To::Directory { file: None, .. } => Ok(()),
            To::Tar(out) => must(out.write(piece)),
            To::Stdout(screen) => screen.bytes(piece),
            To::Directory { path, file: Some(file), .. } => {
                file.write_all(piece).local(path.join(&self.name).display())
            }
        }
    }

    /// The content is whole: its name.
    ///
    /// # Errors
    /// 74.
    pub(super) fn finish(&mut self) -> Result<String> {
        match &mut self.to {
            To::Nowhere => {}
            To::Tar(out) => must(out.write(&tar::padding(self.size)))?,
            To::Stdout(screen) => screen.end()?,
            To::Directory { path, file, .. } => {
                if let Some(Err(e)) = file.take().map(|mut file| file.flush()) {
                    let at = path.join(&self.name);
                    self.abort();
                    return Err(e).local(at.display());
                }
            }
        }
        Ok(std::mem::take(&mut self.name))
    }

    /// It is not: nothing of it stays.
    pub(super) fn abort(&mut self) {
        if let To::Directory { dir, file, .. } = &mut self.to {
            *file = None;
            remove(dir, &self.name);
        }
    }

    /// All is written.
    ///
    /// # Errors
    /// 74.
    pub(super) fn end(self) -> Result<()> {
        match self.to {
            To::Nowhere | To::Directory { .. } => Ok(()),
            To::Stdout(mut screen) => screen.flush(),
            To::Tar(mut out) => {
                must(out.write(&tar::end()))?;
                must(out.flush())
            }
        }
    }
}

impl To {
    /// Makes the file; `None` if there is one of that name.
    fn create(&mut self, name: &str, wanted: &Wanted, size: u64) -> Result<Option<()>> {
        match self {
            To::Nowhere | To::Stdout(_) => {}
            To::Tar(out) => must(out.write(&tar::head(name, size, wanted.time)))?,
            To::Directory { path, dir, file } => {
                let Some(made) = create(dir, path, name)? else { return Ok(None) };
                *file = Some(made);
            }
        }
        Ok(Some(()))
    }
}

/// An archive that nobody reads is lost.
fn must(reader: Result<Reader>) -> Result<()> {
    match reader? {
        Reader::There => Ok(()),
        Reader::Gone => Err(Error::io("stdout: Broken pipe")),
    }
}
