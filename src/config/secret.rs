//! Where a password comes from, pipepost(7), "Secrets": never an argument, a URL or a word of the configuration.
//!
//! Whatever the source, the password is its first line without the line end, not empty and without NUL. No error holds any
//! of it. Left out: getting tokens of OAuth, and asking on the terminal, which are the command line's.

use super::netrc;
use super::oauth::OAuth;
use crate::error::{Error, Exit, Local, Result, words};
use crate::net::Deadline;
use crate::net::stream::wait;
use crate::secret::Secret;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A longer line is something else.
const LINE: usize = 4096;
/// How often a program that has closed its stdout is looked at, until it ends.
const LOOK: Duration = Duration::from_millis(5);
/// A longer netrc is something else.
const NETRC: u64 = 1 << 20;

/// A source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// What a program prints: its name and arguments. No shell is involved.
    Command(Vec<String>),
    /// A file that nobody else can read.
    File(PathBuf),
    /// An environment variable, which programs that we start don't get.
    Env(String),
    /// A systemd credential: a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// A file descriptor.
    Fd(u32),
    /// A netrc file, by the host and the user.
    Netrc(PathBuf),
    /// No password at all, but a token of OAuth 2.0, and who grants it.
    OAuth(Box<OAuth>),
}

/// Whose password it is.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'w> {
    /// The host of the URL.
    pub host: &'w str,
    /// The user of the URL.
    pub user: &'w str,
    /// Environment variables with secrets, which a command does not get.
    pub hidden: &'w [String],
    /// By when it must be there.
    pub until: Deadline,
}

impl Source {
    /// The environment variable that holds it.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Source::Env(name) => Some(name),
            Source::OAuth(oauth) => oauth.client_secret.as_ref().and_then(Source::variable),
            _ => None,
        }
    }

    /// The password.
    ///
    /// # Errors
    /// 66: a file can't be read; 75: it takes too long; 77: a command failed; 78: there is no password, it can't be one, or others
    /// may read it.
    pub fn obtain(&self, whose: &Whose<'_>) -> Result<Secret> {
        // From here on there is a secret in memory.
        no_core_dumps();
        match self {
            Source::Command(words) => command(words, whose.hidden, whose.until),
            Source::File(path) => first_line(&mut Timed(pipe_or_file(path)?, whose.until), path.display()),
            Source::Env(name) => env(name),
            Source::Credential(name) => credential(name),
            Source::Fd(number) => {
                let what = format!("file descriptor {number}");
                let path = format!("/proc/self/fd/{number}");
                first_line(&mut Timed(File::open(path).opening(&what)?, whose.until), &what)
            }
            Source::Netrc(path) => {
                let missing = || format!("{}: no password for {} at {}", path.display(), whose.user, whose.host);
                let found = netrc(path, whose.host, Some(whose.user))?;
                found.map(|entry| entry.password).ok_or_else(|| Error::config(missing()))
            }
            Source::OAuth(_) => Err(Error::config("a token, where a password is asked for")),
        }
    }

    /// Who logs in at `host`, with the password, where the source tells that too: netrc, of which the first entry counts.
    ///
    /// # Errors
    /// As [`Source::obtain`].
    pub fn login(&self, host: &str) -> Result<Option<(String, Secret)>> {
        let Source::Netrc(path) = self else { return Ok(None) };
        no_core_dumps();
        let Some(entry) = netrc(path, host, None)? else { return Ok(None) };
        let user = entry.login.and_then(|login| String::from_utf8(login.expose().to_vec()).ok());
        match user.filter(|user| !crate::text::breaks_line(user)) {
            Some(user) => Ok(Some((user, entry.password))),
            None => {
                Err(Error::config(format!("{}: the entry for {host} has no login that can be one", path.display())))
            }
        }
    }
}

fn netrc(path: &Path, host: &str, user: Option<&str>) -> Result<Option<netrc::Entry>> {
    let name = path.display();
    let file = private(path, "this password")?;
    // All there is room for: a vector that grows leaves copies behind.
    let size = file.metadata().opening(&name)?.len().min(NETRC);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    let read = file.take(NETRC).read_to_end(&mut bytes).opening(&name);
    let text = Secret::new(bytes);
    read?;
    netrc::look(text.expose(), host, user).map_err(|e| e.at(&name))
}

/// Opens a password's file. One that is a pipe is waited for when it is read, not now: its writer may never come.
fn pipe_or_file(path: &Path) -> Result<File> {
    let mut options = File::options();
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    owned(options.read(true).custom_flags(nonblock).open(path), path, "this password")
}

/// Reads until a deadline.
struct Timed<F>(F, Deadline);

impl<F: Read + AsFd> Read for Timed<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !wait(Some(self.0.as_fd()), None, &[], self.1)?.read {
            return Err(ErrorKind::TimedOut.into());
        }
        self.0.read(into)
    }
}

/// A process that crashes leaves its memory behind, and one that can be traced shows it: neither from now on.
pub fn no_core_dumps() {
    // Both may be refused where they are in force already.
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The first line of a file that only its owner can read.
///
/// # Errors
/// 66: it can't be read; 78: it is not ours, others may read it, or its first line is no password.
pub fn file(path: &Path) -> Result<Secret> {
    Source::File(path.to_owned()).obtain(&Whose { host: "", user: "", hidden: &[], until: Deadline::NEVER })
}

/// Opens a file that belongs to us or root and that others can't read; `what` it holds. A pipe has whoever made it for a
/// reader.
///
/// # Errors
/// 66: it can't be read; 78: it is not ours, or others may read it.
pub fn private(path: &Path, what: &str) -> Result<File> {
    owned(File::open(path), path, what)
}

fn owned(opened: io::Result<File>, path: &Path, what: &str) -> Result<File> {
    let name = path.display();
    let file = opened.opening(&name)?;
    let meta = file.metadata().opening(&name)?;
    let us = rustix::process::getuid().as_raw();
    if meta.is_file() && (meta.mode() & 0o077 != 0 || (meta.uid() != us && meta.uid() != 0)) {
        return Err(Error::config(format!("{name}: others may read {what}")).advise(format!("chmod 600 {name}")));
    }
    Ok(file)
}

fn env(name: &str) -> Result<Secret> {
    let value = std::env::var_os(name).ok_or_else(|| Error::config(format!("${name}: not set")))?;
    let value = Secret::new(std::os::unix::ffi::OsStringExt::into_vec(value));
    first_line(&mut value.expose(), format!("${name}"))
}

fn credential(name: &str) -> Result<Secret> {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|d| !d.is_empty());
    let directory = directory.ok_or_else(|| {
        Error::config(format!("credential {name}: $CREDENTIALS_DIRECTORY is not set"))
            .advise("systemd sets it for a unit with LoadCredential= or SetCredentialEncrypted=")
    })?;
    // Who may read it is systemd's affair, which may grant it by an access control list.
    let path = Path::new(&directory).join(name);
    let what = format!("credential {name}");
    first_line(&mut File::open(path).opening(&what)?, &what)
}

fn command(line: &[String], hidden: &[String], until: Deadline) -> Result<Secret> {
    let Some((program, arguments)) = line.split_first() else { return Err(Error::config("an empty password command")) };
    let mut command = Command::new(program);
    // stdin may be the message that is to be sent. stderr is for people, theirs too.
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    for name in hidden {
        command.env_remove(name);
    }
    let what = format!("password command {program}");
    let mut child = command.spawn().map_err(|e| Error::config(format!("{what}: {}", words(&e))))?;
    let line = match child.stdout.take() {
        Some(out) => {
            let mut out = Timed(out, until);
            let line = first_line(&mut out, &what);
            // What follows is of no interest, but a program that can't write it would fail.
            let drained = io::copy(&mut out, &mut io::sink());
            drained.local(&what).and(line)
        }
        None => Err(Error::internal("no pipe")),
    };
    let Some(status) = ended(&mut child, until).local(&what)? else {
        return Err(late(&what));
    };
    if !status.success() {
        let how = match (status.code(), std::os::unix::process::ExitStatusExt::signal(&status)) {
            (Some(code), _) => format!("status {code}"),
            (None, signal) => format!("signal {}", signal.unwrap_or_default()),
        };
        return Err(Error::auth(format!("{what}: ended with {how}")));
    }
    line
}

fn late(what: impl std::fmt::Display) -> Error {
    Error::temporary(format!("{what}: no password in time"))
}

/// How a program ended; `None`: it did not, until it was killed.
fn ended(child: &mut Child, until: Deadline) -> io::Result<Option<ExitStatus>> {
    if until == Deadline::NEVER {
        return child.wait().map(Some);
    }
    loop {
        match child.try_wait()? {
            None if !until.passed() => std::thread::sleep(LOOK),
            None => {
                child.kill()?;
                return child.wait().map(|_| None);
            }
            status => return Ok(status),
        }
    }
}

/// The first line of `from`, byte by byte, so that what follows it in a pipe is left for others.
fn first_line(from: &mut dyn Read, what: impl std::fmt::Display) -> Result<Secret> {
    // As above.
    let mut line = Vec::with_capacity(LINE + 2);
    let mut byte = [0];
    let read = loop {
        match from.read(&mut byte) {
            Ok(0) => break Ok(()),
            Ok(_) if byte == *b"\n" || line.len() > LINE => break Ok(()),
            Ok(_) => line.extend(byte),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => break Err(e),
        }
    };
    byte = [0];
    std::hint::black_box(byte);
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let line = Secret::new(line);
    if read.as_ref().is_err_and(|e| e.kind() == ErrorKind::TimedOut) {
        return Err(late(what));
    }
    read.opening(&what)?;
    checked(line).map_err(|e| e.at(what))
}

/// Whether it can be a password.
///
/// # Errors
/// 78: it is empty, too long, or holds a NUL.
pub fn checked(secret: Secret) -> Result<Secret> {
    let why = match secret.expose() {
        b"" => "no password in its first line: it is empty",
        long if long.len() > LINE => "no password in its first line: it is too long",
        bytes if bytes.contains(&0) => "no password in its first line: it holds a NUL",
        _ => return Ok(secret),
    };
    Err(Error::new(Exit::Config, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(first_line(&mut &bytes[..], "x")?.expose().to_vec())
    }

    #[test]
    fn the_first_line_and_nothing_else() {
        for (bytes, password) in [
            (&b"tulip"[..], &b"tulip"[..]),
            (b"tulip\nrest\0\n", b"tulip"),
            (b"tulip\r\n", b"tulip"),
            (b"tu\rlip\n", b"tu\rlip"),
            (b" \" \\ \xff \n", b" \" \\ \xff "),
            (&[b'x'; LINE], &[b'x'; LINE]),
        ] {
            assert_eq!(line(bytes).unwrap(), password);
        }
        for bad in [&b""[..], b"\n", b"\r\n", b"\ntulip", b"tu\0lip\n", &[b'x'; LINE + 1]] {
            let e = line(bad).unwrap_err();
            assert_eq!(e.exit(), Exit::Config);
            assert!(e.to_string().starts_with("x: no password") && !e.to_string().contains("tulip"), "{e}");
        }
        // What follows is left where it is.
        let mut rest = &b"tulip\nthe message\n"[..];
        first_line(&mut rest, "x").unwrap();
        assert_eq!(rest, b"the message\n");
    }

    #[test]
    fn no_debugger_and_no_core() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        no_core_dumps();
        assert!(matches!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable)));
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }

    #[test]
    fn commands() {
        let run = |script: &str, hidden: &[String]| {
            let words = ["/bin/sh", "-c", script].map(str::to_owned);
            Source::Command(words.to_vec()).obtain(&Whose { host: "h", user: "u", hidden, until: Deadline::NEVER })
        };
        assert_eq!(run("echo tulip; echo rest", &[]).unwrap().expose(), b"tulip");
        assert_eq!(run("echo tulip; yes | head -c 1000000", &[]).unwrap().expose(), b"tulip");
        for (script, status, text) in [
            ("echo tulip; exit 3", 77, "status 3"),
            ("kill -9 $$", 77, "signal 9"),
            ("true", 78, "empty"),
            ("printf 'tu\\0lip'", 78, "NUL"),
        ] {
            let e = run(script, &[]).unwrap_err();
            assert_eq!(e.exit().code(), status, "{script}: {e}");
            assert!(e.to_string().contains(text) && !e.to_string().contains("tulip"), "{e}");
        }
        // No stdin, and no variable that is hidden.
        assert_eq!(
            run("cat; echo \"x${CARGO_MANIFEST_DIR+y}\"", &["CARGO_MANIFEST_DIR".to_owned()]).unwrap().expose(),
            b"x"
        );
        let none = Source::Command(vec!["/no/such".to_owned()]).obtain(&Whose {
            host: "h",
            user: "u",
            hidden: &[],
            until: Deadline::NEVER,
        });
        assert_eq!(none.unwrap_err().exit(), Exit::Config);
    }

    #[test]
    fn a_command_has_no_more_time_than_the_whole() {
        // Silent, silent behind a line, and one that goes on after it has closed its stdout.
        for script in ["exec sleep 1000", "echo tulip; exec sleep 1000", "echo tulip; exec >&-; exec sleep 1000"] {
            let words = ["/bin/sh", "-c", script].map(str::to_owned);
            let until = Deadline::after(Duration::from_millis(300));
            let e = Source::Command(words.to_vec()).obtain(&Whose { host: "h", user: "u", hidden: &[], until });
            let e = e.unwrap_err();
            assert_eq!((e.exit(), e.to_string().contains("tulip")), (Exit::TempFail, false), "{e}");
        }
        let (out, _held) = io::pipe().unwrap();
        let e = first_line(&mut Timed(out, Deadline::after(Duration::from_millis(50))), "x").unwrap_err();
        assert_eq!(e.exit(), Exit::TempFail);
    }
}
