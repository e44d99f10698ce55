//! The few file operations that mail on disk needs, each in its safe form: private modes at creation whatever the
//! umask, no symbolic link followed in the last step of a name, nothing overwritten, directories synced.

use crate::error::{Error, Local};
use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, SystemTime};

/// Opens a directory; a symbolic link in the last place is refused.
///
/// # Errors
/// As openat(2); ENOTDIR for a file or a symbolic link.
pub fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(CWD, path, flags, Mode::empty())?)
}

/// Makes a directory, 0700, and syncs its parent; `false` if something of that name is there.
///
/// # Errors
/// As mkdir(2).
pub fn make_dir(path: &Path) -> io::Result<bool> {
    match fs::mkdirat(CWD, path, Mode::RWXU) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(false),
        Err(e) => return Err(e.into()),
    }
    let dir = open_dir(path)?;
    fs::fchmod(&dir, Mode::RWXU)?;
    sync(&dir)?;
    sync_parent(path)?;
    Ok(true)
}

/// Makes a directory and those above it that are missing, all 0700.
///
/// # Errors
/// As mkdir(2); ENOTDIR where something else is in the way.
pub fn make_dirs(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        make_dirs(parent)?;
    }
    if make_dir(path)? || path.is_dir() { Ok(()) } else { Err(Errno::NOTDIR.into()) }
}

/// Makes a new file, 0600, for reading and writing.
///
/// # Errors
/// EEXIST if anything of that name is there.
pub fn create(dir: impl AsFd, name: impl rustix::path::Arg) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?;
    // A change that changes nothing would still cost the file system a transaction.
    if Mode::from_raw_mode(fs::fstat(&file)?.st_mode) != Mode::RUSR | Mode::WUSR {
        fs::fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    }
    Ok(file.into())
}

/// Makes a file without a name, 0600, for reading and writing: it goes with the process.
///
/// # Errors
/// As openat(2), for the directory.
pub fn unnamed(dir: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    match fs::openat(CWD, dir, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(file.into()),
        // Not every file system has it; there the file has a name, for its owner alone, until it is open.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => {
            tempfile::Builder::new().tempfile_in(dir).map(tempfile::NamedTempFile::into_file)
        }
        Err(e) => Err(e.into()),
    }
}

/// Opens a regular file for reading. Never waits for a FIFO, never follows a symbolic link.
///
/// # Errors
/// ELOOP for a symbolic link, EINVAL for what is no regular file.
pub fn open(dir: impl AsFd, name: impl rustix::path::Arg) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = fs::openat(dir, name, flags, Mode::empty())?;
    if FileType::from_raw_mode(fs::fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL.into());
    }
    Ok(file.into())
}

/// Opens a file that serves as a lock or is appended to, making it (0600) if it is not there.
///
/// # Errors
/// As openat(2); EINVAL for what is no regular file.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = fs::openat(CWD, path, flags, Mode::RUSR | Mode::WUSR)?;
    if FileType::from_raw_mode(fs::fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL.into());
    }
    Ok(file.into())
}

/// Whether the program was started without this one of stdin, stdout and stderr: then Rust's runtime has opened /dev/null
/// in its place, for reading and writing, which `< /dev/null` and `> /dev/null` never are.
///
/// # Errors
/// As fstat(2).
pub fn was_closed(fd: impl AsFd) -> io::Result<bool> {
    Ok(is_null(&fd)? && fs::fcntl_getfl(&fd)? & OFlags::RWMODE == OFlags::RDWR)
}

/// Whether it is /dev/null, by which somebody says that there is nothing.
///
/// # Errors
/// As fstat(2).
pub fn is_null(fd: impl AsFd) -> io::Result<bool> {
    let (this, null) = (fs::fstat(&fd)?, fs::stat("/dev/null")?);
    let device = FileType::from_raw_mode(this.st_mode) == FileType::CharacterDevice;
    Ok(device && this.st_rdev == null.st_rdev)
}

/// Whether it is a regular file, which never keeps its reader waiting.
pub fn is_regular(fd: impl AsFd) -> bool {
    fs::fstat(&fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

/// Renames without overwriting, where the file system can promise that.
///
/// # Errors
/// EEXIST if the new name is taken.
pub fn rename(
    from: impl AsFd,
    old: impl rustix::path::Arg + Copy,
    to: impl AsFd,
    new: impl rustix::path::Arg + Copy,
) -> io::Result<()> {
    match fs::renameat_with(from.as_fd(), old, to.as_fd(), new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if fs::statat(to.as_fd(), new, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                return Err(Errno::EXIST.into());
            }
            Ok(fs::renameat(from, old, to, new)?)
        }
        done => Ok(done?),
    }
}

/// Brings a file or directory to stable storage.
///
/// # Errors
/// As fsync(2).
pub fn sync(fd: impl AsFd) -> io::Result<()> {
    loop {
        match fs::fsync(fd.as_fd()) {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}

/// Brings everything that was written to this file's file system to stable storage.
///
/// # Errors
/// As syncfs(2): also if data of others could not be written since `fd` was opened.
pub fn sync_file_system(fd: impl AsFd) -> io::Result<()> {
    loop {
        match fs::syncfs(fd.as_fd()) {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}

/// Whether syncfs(2) tells when data could not be written: since Linux 5.8.
#[must_use]
pub fn syncfs_tells() -> bool {
    static TELLS: LazyLock<bool> = LazyLock::new(|| {
        let name = rustix::system::uname();
        let mut numbers =
            name.release().to_bytes().split(|b| !b.is_ascii_digit()).map(|n| str::from_utf8(n).ok()?.parse().ok());
        let version: (Option<u32>, Option<u32>) = (numbers.next().flatten(), numbers.next().flatten());
        name.sysname().to_bytes() == b"Linux" && version >= (Some(5), Some(8))
    });
    *TELLS
}

/// Syncs the directory that holds `path`.
///
/// # Errors
/// As open(2) and fsync(2).
pub fn sync_parent(path: &Path) -> io::Result<()> {
    sync(File::open(parent(path))?)
}

/// The directory that holds `path`; `.` for a bare name.
#[must_use]
pub fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Sets the modification time (and the access time with it).
///
/// # Errors
/// As futimens(2).
pub fn set_time(file: &File, time: SystemTime) -> io::Result<()> {
    let spec = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(d) => Timespec { tv_sec: i64::try_from(d.as_secs()).unwrap_or(i64::MAX), tv_nsec: d.subsec_nanos().into() },
        Err(e) => Timespec { tv_sec: i64::try_from(e.duration().as_secs()).map_or(0, |s| -s), tv_nsec: 0 },
    };
    Ok(fs::futimens(file, &Timestamps { last_access: spec, last_modification: spec })?)
}

/// Makes sure that nobody else owns a directory that holds mail, or may put something there. Others may see what there is if its
/// mode says so.
///
/// # Errors
/// 78: somebody does.
pub fn must_be_private(root: &Path) -> crate::error::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(root).local(root.display())?;
    let uid = rustix::process::getuid().as_raw();
    if meta.uid() != uid {
        return Err(Error::config(format!("{}: belongs to another user", root.display())));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(Error::config(format!("{}: others may write there", root.display())).advise("chmod go-w"));
    }
    Ok(())
}

/// How old a temporary file is that nobody writes any more, as <https://cr.yp.to/proto/maildir.html> has it.
pub const LEFT_OVER: Duration = Duration::from_secs(36 * 3600);

/// Removes what killed programs have left in `dir`: files, and directories with all that is in them, whose names begin
/// with `prefix` and which are older than 36 hours. Nothing depends on it, so its errors are nobody's.
pub fn sweep(dir: &Path, prefix: &str) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        let age = meta.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        let ours = entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes());
        if ours && age.is_some_and(|age| age > LEFT_OVER) {
            let _ = match meta.is_dir() {
                true => std::fs::remove_dir_all(entry.path()),
                false => std::fs::remove_file(entry.path()),
            };
        }
    }
}

/// A modification time as seconds and nanoseconds since 1970.
#[must_use]
pub fn time_of(stat: &fs::Stat) -> SystemTime {
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    #[allow(clippy::useless_conversion)] // its type differs between systems
    let seconds = i64::from(stat.st_mtime);
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base =
        if seconds < 0 { SystemTime::UNIX_EPOCH.checked_sub(whole) } else { SystemTime::UNIX_EPOCH.checked_add(whole) };
    base.and_then(|t| t.checked_add(Duration::from_nanos(nanos.into()))).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The system's host name, fit for a file name: letters, digits, dots and dashes, at most 64; `localhost` if it has none.
#[must_use]
pub fn host() -> String {
    let name = rustix::system::uname();
    let fit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let host: String = name.nodename().to_bytes().iter().filter(|b| fit(b)).take(64).map(|b| char::from(*b)).collect();
    if host.trim_matches('.').is_empty() { "localhost".to_owned() } else { host }
}

/// A name that no one else makes, and that sorts by its time: seconds, microseconds, process, a counter and 64 random bits of the
/// process, then the host. It holds when the clock jumps and when process numbers come round again.
///
/// # Errors
/// When the system has no random numbers to give.
pub fn unique() -> io::Result<String> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    /// The process's number and random bits, and the host.
    static END: OnceLock<(u32, u64, String)> = OnceLock::new();
    let (pid, random, host) = match END.get() {
        Some(end) => end,
        None => {
            let random = getrandom::u64().map_err(|e| io::Error::other(e.to_string()))?;
            END.get_or_init(|| (std::process::id(), random, host()))
        }
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let (seconds, micros) = (now.as_secs(), now.subsec_micros());
    Ok(format!("{seconds}.M{micros:06}P{pid}Q{count}R{random:016x}.{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn modes_links_and_overwriting() {
        let t = tempfile::tempdir().unwrap();
        let a = t.path().join("a/b");
        make_dirs(&a).unwrap();
        assert_eq!(std::fs::metadata(&a).unwrap().permissions().mode() & 0o777, 0o700);
        let dir = open_dir(&a).unwrap();
        let file = create(&dir, "x").unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(create(&dir, "x").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        symlink("x", a.join("link")).unwrap();
        assert!(open(&dir, "link").is_err());
        assert!(open_or_create(&a.join("link")).is_err());
        symlink(&a, t.path().join("to")).unwrap();
        assert!(open_dir(&t.path().join("to")).is_err());
        create(&dir, "y").unwrap();
        assert_eq!(rename(&dir, "x", &dir, "y").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        rename(&dir, "x", &dir, "z").unwrap();
        assert!(open(&dir, "z").is_ok() && open(CWD, t.path()).is_err());
        let when = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 5);
        set_time(&file, when).unwrap();
        assert_eq!(time_of(&fs::fstat(&file).unwrap()), when);
        assert_ne!(unique().unwrap(), unique().unwrap());
    }
}
