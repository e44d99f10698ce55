//! Which file is the configuration, and whether it may be believed.

use crate::error::{Error, Result, words};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A configuration is small; something longer was named by mistake.
const SIZE: u64 = 1 << 20;

/// The file and its text.
pub(super) fn find(named: Option<&Path>) -> Result<Option<(PathBuf, String)>> {
    let variable = std::env::var_os("PIPEPOST_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(file) = named.map(Path::to_owned).or(variable) {
        return match open(&file)? {
            Some(text) => Ok(Some((file, text))),
            None => Err(Error::config(format!("{}: there is no such file", file.display()))),
        };
    }
    // The basedir specification: a relative path is ignored.
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let base = base.or_else(|| Some(std::env::home_dir().filter(|h| h.is_absolute())?.join(".config")));
    for file in
        base.map(|base| base.join("pipepost/config.toml")).into_iter().chain(["/etc/pipepost/config.toml".into()])
    {
        if let Some(text) = open(&file)? {
            return Ok(Some((file, text)));
        }
    }
    Ok(None)
}

/// The text of a file that nobody else can have written; `None`: it is not there.
fn open(path: &Path) -> Result<Option<String>> {
    let name = path.display();
    let wrong = |e: std::io::Error| Error::config(format!("{name}: {}", words(&e)));
    // A FIFO would keep us waiting for whoever writes.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let opened = std::os::unix::fs::OpenOptionsExt::custom_flags(File::options().read(true), nonblock).open(path);
    let file = match opened {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        opened => opened.map_err(wrong)?,
    };
    // Of the open file: the path may lead elsewhere by now.
    let meta = file.metadata().map_err(wrong)?;
    if !meta.is_file() {
        return Err(Error::config(format!("{name}: not a file")));
    }
    let us = rustix::process::getuid().as_raw();
    if meta.uid() != us && meta.uid() != 0 {
        return Err(Error::config(format!("{name}: belongs to another user")));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(Error::config(format!("{name}: others may write to it")).advise(format!("chmod go-w {name}")));
    }
    let mut bytes = Vec::new();
    file.take(SIZE + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > SIZE {
        return Err(Error::config(format!("{name}: too long for a configuration")));
    }
    String::from_utf8(bytes).map(Some).map_err(|e| {
        let before = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        Error::config(format!("{name}:{line}: not UTF-8"))
    })
}
