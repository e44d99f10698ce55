//! One Maildir folder on disk (<https://cr.yp.to/proto/maildir.html>, with Maildir++'s `S=` and `W=` sizes in the names):
//! deliver, list, rename. No UIDs, no SQLite, no folder tree: those are the server's mailbox.
//!
//! A message appears under its final name only when its bytes are on stable storage; the caller syncs the directory
//! (once for a batch) before it says so to anyone.

use super::{disk, unfinished};
use crate::error::{Error, Local, Result};
use crate::text::WireCount;
use rustix::fs::{self, AtFlags, FileType};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Where in the folder a message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sub {
    /// `new/`: no mail reader has seen it.
    New,
    /// `cur/`.
    Cur,
}

impl Sub {
    /// The directory's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Sub::New => "new",
            Sub::Cur => "cur",
        }
    }
}

/// The name up to `:2,`: what stays the same when flags change.
#[must_use]
pub fn base(name: &[u8]) -> &[u8] {
    let mut colons = memchr::memchr_iter(b':', name).filter_map(|at| name.split_at_checked(at));
    colons.find(|(_, rest)| rest.starts_with(b":2,")).map_or(name, |(base, _)| base)
}

/// The letters after `:2,`; empty if there are none.
#[must_use]
pub fn letters(name: &[u8]) -> &[u8] {
    name.get(base(name).len()..).and_then(|info| info.get(3..)).unwrap_or_default()
}

/// The name that says `letters`.
#[must_use]
pub fn with_letters(base: &[u8], letters: &[u8]) -> Vec<u8> {
    [base, b":2,", letters].concat()
}

/// The sizes that a name tells: `S=` the file's, `W=` on the wire.
#[must_use]
pub fn sizes(name: &[u8]) -> (Option<u64>, Option<u64>) {
    let mut found = (None, None);
    for field in base(name).split(|b| *b == b',').skip(1) {
        let number = |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|d| d.parse::<u64>().ok());
        match field.split_at_checked(2) {
            Some((b"S=", digits)) => found.0 = number(digits),
            Some((b"W=", digits)) => found.1 = number(digits),
            _ => {}
        }
    }
    found
}

/// A fresh unique base name with the sizes that are known.
///
/// # Errors
/// 74 when the system has no random numbers to give.
pub fn fresh_base(size: Option<u64>, wire: Option<u64>) -> Result<String> {
    let mut base = disk::unique().local("a unique name")?;
    for (key, number) in [("S", size), ("W", wire)] {
        if let Some(number) = number {
            base.push_str(&format!(",{key}={number}"));
        }
    }
    Ok(base)
}

/// A directory with `cur`, `new` and `tmp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maildir {
    path: PathBuf,
}

impl Maildir {
    /// The folder at `path`; nothing is looked at.
    pub fn at(path: impl Into<PathBuf>) -> Maildir {
        Maildir { path: path.into() }
    }

    /// Makes what is missing of the folder, and of the directories above it; all 0700.
    ///
    /// # Errors
    /// 73.
    pub fn make(path: impl Into<PathBuf>) -> Result<Maildir> {
        let maildir = Maildir::at(path);
        disk::make_dirs(&maildir.path).creating(maildir.path.display())?;
        for name in ["tmp", "new", "cur"] {
            let dir = maildir.path.join(name);
            disk::make_dir(&dir).and_then(|_| disk::open_dir(&dir)).creating(dir.display())?;
        }
        Ok(maildir)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a `cur` directory in it; symbolic links do not count.
    #[must_use]
    pub fn exists(&self) -> bool {
        std::fs::symlink_metadata(self.path.join("cur")).is_ok_and(|m| m.is_dir())
    }

    /// The path of `new` or `cur`.
    #[must_use]
    pub fn sub(&self, sub: Sub) -> PathBuf {
        self.path.join(sub.name())
    }

    /// Opens `new` or `cur`.
    ///
    /// # Errors
    /// As [`disk::open_dir`].
    pub fn open(&self, sub: Sub) -> std::io::Result<OwnedFd> {
        disk::open_dir(&self.sub(sub))
    }

    /// Calls `each` with the name of every regular file in `new` or `cur`; names that begin with a dot and symbolic
    /// links are no messages. A file that is renamed meanwhile may be shown once, twice or not at all.
    ///
    /// # Errors
    /// 74.
    pub fn list(&self, sub: Sub, mut each: impl FnMut(&[u8])) -> Result<()> {
        let path = self.sub(sub);
        let dir = self.open(sub).local(path.display())?;
        for entry in fs::Dir::read_from(&dir).local(path.display())? {
            let entry = entry.local(path.display())?;
            let name = entry.file_name();
            if name.to_bytes().first() == Some(&b'.') {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => match fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(_) => continue,
                },
                kind => kind,
            };
            if kind == FileType::RegularFile {
                each(name.to_bytes());
            }
        }
        Ok(())
    }

    /// The paths of all messages, first those in `new`, each sorted by name.
    ///
    /// # Errors
    /// As [`Maildir::list`].
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for sub in [Sub::New, Sub::Cur] {
            let mut names = Vec::new();
            self.list(sub, |name| names.push(name.to_vec()))?;
            names.sort_unstable();
            let dir = self.sub(sub);
            paths.extend(names.iter().map(|name| dir.join(OsStr::from_bytes(name))));
        }
        Ok(paths)
    }

    /// Syncs `new` or `cur`: names put there are on stable storage afterwards.
    ///
    /// # Errors
    /// 74.
    pub fn sync(&self, sub: Sub) -> Result<()> {
        self.open(sub).and_then(disk::sync).local(self.sub(sub).display())
    }

    /// Removes what killed programs have left in `tmp`, after 36 hours.
    pub fn sweep(&self) {
        disk::sweep(&self.path.join("tmp"), "");
    }

    /// Begins a message in `tmp`.
    ///
    /// # Errors
    /// 73.
    pub fn begin(&self) -> Result<Incoming> {
        Incoming::begin(&self.path.join("tmp"), "")
    }
}

/// A file in `tmp` that goes away with this value.
#[derive(Debug)]
struct Tmp {
    dir: Arc<OwnedFd>,
    name: String,
    path: PathBuf,
}

impl Drop for Tmp {
    fn drop(&mut self) {
        let _ = fs::unlinkat(&*self.dir, &self.name, AtFlags::empty());
        unfinished::end(&self.path.join(&self.name));
    }
}

/// A message that is being written. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Incoming {
    tmp: Tmp,
    file: BufWriter<File>,
    count: WireCount,
}

impl Incoming {
    /// Begins a message in a directory; its name there begins with `prefix`.
    ///
    /// # Errors
    /// 73.
    pub fn begin(dir: &Path, prefix: &str) -> Result<Incoming> {
        let opened = disk::open_dir(dir).creating(dir.display())?;
        Incoming::begin_at(Arc::new(opened), dir, prefix)
    }

    /// The same in a directory that is open, for many of them.
    ///
    /// # Errors
    /// 73.
    pub fn begin_at(dir: Arc<OwnedFd>, path: &Path, prefix: &str) -> Result<Incoming> {
        let path = path.to_owned();
        let name = format!("{prefix}{}", disk::unique().creating(path.display())?);
        unfinished::begin(path.join(&name));
        let tmp = Tmp { dir, name, path };
        let file = disk::create(&*tmp.dir, &tmp.name).creating(tmp.path.display())?;
        let file = BufWriter::with_capacity(crate::body::CHUNK, file);
        Ok(Incoming { tmp, file, count: WireCount::default() })
    }

    /// The next bytes, in file form.
    ///
    /// # Errors
    /// 74: the disk is full, or fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.count.push(bytes);
        self.file.write_all(bytes).local(self.tmp.path.display())
    }

    /// The sizes so far.
    #[must_use]
    pub fn count(&self) -> WireCount {
        self.count
    }

    /// What was written so far, to be read from its beginning.
    ///
    /// # Errors
    /// 74: the disk is full, or fails.
    pub fn read(&mut self) -> Result<File> {
        let at = || self.tmp.path.display();
        self.file.flush().local(at())?;
        disk::open(&*self.tmp.dir, &self.tmp.name).local(at())
    }

    /// Ends the message, sets its date, and brings it to stable storage.
    ///
    /// # Errors
    /// 74.
    pub fn seal(self, date: Option<SystemTime>) -> Result<Sealed> {
        let sealed = self.end(date)?;
        sealed.sync()?;
        Ok(sealed)
    }

    /// Ends the message and sets its date. [`sync_all`] must follow before it gets a name.
    ///
    /// # Errors
    /// 74.
    pub fn end(self, date: Option<SystemTime>) -> Result<Sealed> {
        let Incoming { tmp, file, count } = self;
        let at = || tmp.path.display();
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error).local(at())?;
        if let Some(date) = date {
            disk::set_time(&file, date).local(at())?;
        }
        Ok(Sealed { tmp, file, count })
    }
}

/// From so many files on, one call that brings all of their file system to stable storage is faster than one a file.
const MANY: usize = 8;

/// Brings messages to stable storage: a few by fsync(2) each, many by one syncfs(2) for each file system that they are on.
///
/// # Errors
/// 74: then none of them may get a name.
pub fn sync_all(all: &[&Sealed]) -> Result<()> {
    if all.len() < MANY || !disk::syncfs_tells() {
        return all.iter().try_for_each(|sealed| sealed.sync());
    }
    let (mut synced, mut last) = (Vec::new(), None);
    for sealed in all {
        // Those in one directory are on one file system.
        if last.replace(&sealed.tmp.dir).is_some_and(|dir| Arc::ptr_eq(dir, &sealed.tmp.dir)) {
            continue;
        }
        let device = fs::fstat(&sealed.file).local(sealed.tmp.path.display())?.st_dev;
        if !synced.contains(&device) {
            disk::sync_file_system(&sealed.file).local(sealed.tmp.path.display())?;
            synced.push(device);
        }
    }
    Ok(())
}

/// A message that is whole, and has no name yet that a mail reader would see.
#[derive(Debug)]
pub struct Sealed {
    tmp: Tmp,
    file: File,
    count: WireCount,
}

impl Sealed {
    fn sync(&self) -> Result<()> {
        disk::sync(&self.file).local(self.tmp.path.display())
    }

    /// The message's sizes.
    #[must_use]
    pub fn count(&self) -> WireCount {
        self.count
    }

    /// The message's modification time, which is its internal date.
    ///
    /// # Errors
    /// 74.
    pub fn date(&self) -> Result<SystemTime> {
        fs::fstat(&self.file).map(|stat| disk::time_of(&stat)).local(self.tmp.path.display())
    }

    /// Whether a folder is on the same file system, so that a name there costs nothing.
    #[must_use]
    pub fn can_link(&self, to: &Maildir) -> bool {
        let device = |stat: rustix::io::Result<fs::Stat>| stat.map(|s| s.st_dev).ok();
        device(fs::fstat(&self.file)) == device(fs::statat(fs::CWD, to.path(), AtFlags::empty()))
    }

    /// Gives it a name in a folder, perhaps one of several: in `new`, or with letters in `cur`. Returns the name. The
    /// directory is not synced here.
    ///
    /// # Errors
    /// 73 and 74.
    pub fn link(&self, to: &Maildir, letters: Option<&[u8]>) -> Result<Vec<u8>> {
        let (sub, name) = self.fresh_name(letters)?;
        self.link_as(to, sub, &name)?;
        Ok(name)
    }

    /// A name that nothing has, for [`Sealed::link_as`].
    ///
    /// # Errors
    /// As [`fresh_base`].
    pub fn fresh_name(&self, letters: Option<&[u8]>) -> Result<(Sub, Vec<u8>)> {
        let base = fresh_base(Some(self.count.size()), Some(self.count.wire()))?;
        Ok(match letters {
            Some(letters) => (Sub::Cur, with_letters(base.as_bytes(), letters)),
            None => (Sub::New, base.into_bytes()),
        })
    }

    /// Gives it this name in a folder. The directory is not synced here.
    ///
    /// # Errors
    /// 73 and 74.
    pub fn link_as(&self, to: &Maildir, sub: Sub, name: &[u8]) -> Result<()> {
        link_or_copy(&self.tmp.dir, self.tmp.name.as_bytes(), to, sub, name)
    }

    /// The same where `new` or `cur` is open as `dir`.
    ///
    /// # Errors
    /// 73 and 74.
    pub fn link_at(&self, to: &Maildir, sub: Sub, dir: &OwnedFd, name: &[u8]) -> Result<()> {
        link_into(&self.tmp.dir, self.tmp.name.as_bytes(), to, sub, dir, name)
    }

    /// The file's number, which it keeps under every name on its file system.
    ///
    /// # Errors
    /// 74.
    pub fn inode(&self) -> Result<u64> {
        fs::fstat(&self.file).map(|stat| stat.st_ino).local(self.tmp.path.display())
    }

    /// Gives it one name in its own directory; `false` if that is taken. The directory is not synced here.
    ///
    /// # Errors
    /// 73.
    pub fn name(&self, name: &str) -> Result<bool> {
        let dir = &*self.tmp.dir;
        let done = match fs::linkat(dir, &self.tmp.name, dir, name, AtFlags::empty()) {
            // No hard links here.
            Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK) => {
                disk::rename(dir, self.tmp.name.as_str(), dir, name)
            }
            done => done.map_err(std::io::Error::from),
        };
        match done {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e).creating(self.tmp.path.join(name).display()),
        }
    }

    /// A copy with another date, in the folder's `tmp`.
    ///
    /// # Errors
    /// 73 and 74.
    pub fn copy(&self, to: &Maildir, date: SystemTime) -> Result<Sealed> {
        copy(&self.file, &self.tmp.path, to, date)
    }
}

/// Gives the file `name` in `from` a second name, `new_name`, in a folder; where hard links can't do that, by a copy
/// with the same date. Overwrites nothing. The directory is not synced here.
///
/// # Errors
/// 66 if the source has gone ([`vanished`] tells), 73 and 74 otherwise.
pub fn link_or_copy(from: &OwnedFd, name: &[u8], to: &Maildir, sub: Sub, new_name: &[u8]) -> Result<()> {
    let dir = to.open(sub).creating(to.sub(sub).display())?;
    link_into(from, name, to, sub, &dir, new_name)
}

fn link_into(from: &OwnedFd, name: &[u8], to: &Maildir, sub: Sub, dir: &OwnedFd, new_name: &[u8]) -> Result<()> {
    let target = to.sub(sub);
    match fs::linkat(from, name, dir, new_name, AtFlags::empty()) {
        Ok(()) => return Ok(()),
        Err(Errno::XDEV | Errno::PERM | Errno::MLINK | Errno::NOTSUP | Errno::NOSYS) => {}
        Err(Errno::NOENT) => return Err(vanished()),
        Err(e) => return Err(e).creating(target.display()),
    }
    let file = match disk::open(from, name) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(vanished()),
        Err(e) => return Err(e).opening(String::from_utf8_lossy(name)),
    };
    let date = disk::time_of(&fs::fstat(&file).local(String::from_utf8_lossy(name))?);
    let copied = copy(&file, Path::new(std::ffi::OsStr::from_bytes(name)), to, date)?;
    disk::rename(&*copied.tmp.dir, copied.tmp.name.as_bytes(), dir, new_name).creating(target.display())
}

/// The error for a message that another program has removed or renamed.
#[must_use]
pub fn vanished() -> Error {
    Error::no_input("the message is gone")
}

fn copy(file: &File, path: &Path, to: &Maildir, date: SystemTime) -> Result<Sealed> {
    let mut incoming = to.begin()?;
    let mut buffer = vec![0; crate::body::CHUNK];
    let mut at = 0u64;
    loop {
        match file.read_at(&mut buffer, at) {
            Ok(0) => return incoming.seal(Some(date)),
            Ok(n) => {
                incoming.write(buffer.get(..n).unwrap_or_default())?;
                at = at.saturating_add(n as u64);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e).local(path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    fn names(m: &Maildir, sub: Sub) -> Vec<String> {
        let mut all = Vec::new();
        m.list(sub, |n| all.push(String::from_utf8_lossy(n).into_owned())).unwrap();
        all.sort();
        all
    }

    #[test]
    fn a_message_is_seen_when_it_is_whole() {
        let t = tempfile::tempdir().unwrap();
        let m = Maildir::make(t.path().join("a/Mail")).unwrap();
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let mut incoming = m.begin().unwrap();
        incoming.write(b"Subject: x\n").unwrap();
        incoming.write(b"\nbody\r\n").unwrap();
        assert!(names(&m, Sub::New).is_empty());
        let sealed = incoming.seal(Some(date)).unwrap();
        let name = sealed.link(&m, None).unwrap();
        let other = Maildir::make(t.path().join("b")).unwrap();
        let second = sealed.link(&other, Some(b"FS")).unwrap();
        let copy = sealed.copy(&other, date + Duration::from_secs(1)).unwrap();
        drop(sealed);
        assert_eq!(copy.date().unwrap(), date + Duration::from_secs(1));
        drop(copy);
        assert_eq!(names(&m, Sub::New), [String::from_utf8(name.clone()).unwrap()]);
        assert_eq!(names(&other, Sub::Cur), [String::from_utf8(second.clone()).unwrap()]);
        assert_eq!(sizes(&name), (Some(18), Some(20)));
        assert_eq!(letters(&second), b"FS");
        let file = m.sub(Sub::New).join(std::ffi::OsStr::from_bytes(&name));
        let meta = file.metadata().unwrap();
        assert_eq!((meta.permissions().mode() & 0o777, meta.modified().unwrap()), (0o600, date));
        for dir in [m.path().join("tmp"), other.path().join("tmp")] {
            assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0);
        }
        // A killed program's is swept away when it is old.
        for (name, hours) in [("old", 37), ("young", 35)] {
            let file = File::create(m.path().join("tmp").join(name)).unwrap();
            disk::set_time(&file, SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
        }
        m.sweep();
        assert!(!m.path().join("tmp/old").exists());
        std::fs::remove_file(m.path().join("tmp/young")).unwrap();
        // Nothing left of one that was given up.
        m.begin().unwrap().write(b"half").unwrap();
        assert_eq!(std::fs::read_dir(m.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn links_and_other_things_are_no_messages() {
        let t = tempfile::tempdir().unwrap();
        let m = Maildir::make(t.path()).unwrap();
        std::fs::write(t.path().join("secret"), "x").unwrap();
        symlink("../secret", m.sub(Sub::New).join("1.link")).unwrap();
        std::fs::create_dir(m.sub(Sub::New).join("2.dir")).unwrap();
        std::fs::write(m.sub(Sub::New).join(".3"), "x").unwrap();
        std::fs::write(m.sub(Sub::New).join("4"), "x").unwrap();
        assert_eq!(names(&m, Sub::New), ["4"]);
        let elsewhere = Maildir::at(t.path().join("e"));
        std::fs::create_dir(elsewhere.path()).unwrap();
        symlink(m.sub(Sub::New), elsewhere.path().join("new")).unwrap();
        symlink(m.sub(Sub::Cur), elsewhere.path().join("cur")).unwrap();
        assert!(elsewhere.list(Sub::New, |_| ()).is_err() && !elsewhere.exists());
        assert!(Maildir::make(elsewhere.path()).is_err());
        let dir = m.open(Sub::New).unwrap();
        assert_eq!(link_or_copy(&dir, b"5", &m, Sub::Cur, b"x:2,").unwrap_err(), vanished());
        link_or_copy(&dir, b"4", &m, Sub::Cur, b"x:2,").unwrap();
        assert!(link_or_copy(&dir, b"4", &m, Sub::Cur, b"x:2,").is_err());
    }

    #[test]
    fn a_full_disk_is_74() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let t = tempfile::tempdir().unwrap();
        let m = Maildir::make(t.path()).unwrap();
        let mut incoming = m.begin().unwrap();
        incoming.file = BufWriter::new(full);
        let e = incoming.write(&[b'x'; 100_000]).unwrap_err();
        assert_eq!(e.exit(), crate::error::Exit::IoErr);
        assert!(e.to_string().ends_with("No space left on device"), "{e}");
    }

    proptest! {
        #[test]
        fn a_name_says_what_was_put_in(base_name in "[a-zA-Z0-9.,=:]{1,20}", l in "[A-Za-z]{0,6}") {
            prop_assume!(!base_name.contains(":2,"));
            let name = with_letters(base_name.as_bytes(), l.as_bytes());
            // ":2" at the end of the base would make an earlier ":2,:2,".
            prop_assume!(base(&name).len() == base_name.len());
            prop_assert_eq!(base(&name), base_name.as_bytes());
            prop_assert_eq!(letters(&name), l.as_bytes());
        }
    }
}
