//! From the arguments to a connection: the account, the login, the trace, the deadline.

use super::args::Common;
use super::world::local_user;
use crate::client::{Dial, Login};
use crate::error::{Error, Local, Result};
use crate::net::endpoint::{Endpoint, Place, Protection, Service};
use crate::net::trace::TraceTo;
use crate::net::{Deadline, Wire, dial};
use crate::secret::Secret;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// A password line longer than this is something else.
const PASSWORD: usize = 4096;

/// See [`Reach::patience`].
const PATIENCE: Duration = Duration::from_secs(60);

/// How this program reaches servers.
pub struct Reach {
    trace: Option<TraceTo>,
    whole: Deadline,
    password: Option<Secret>,
}

impl Reach {
    /// Opens the trace and reads the password, as the arguments say.
    ///
    /// # Errors
    /// 73: the trace can't be made; 66, 78: the password file can't be read or is open to others.
    pub fn new(common: &Common) -> Result<Reach> {
        let trace = match common.trace.as_deref() {
            None => None,
            Some(name) if name == "-" => Some(TraceTo::new(std::io::stderr(), common.trace_data)),
            Some(name) => {
                let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
                let mut options = OpenOptions::new();
                let options = options.append(true).create(true).mode(0o600).custom_flags(nofollow);
                let file = options.open(name).creating(Path::new(name).display())?;
                Some(TraceTo::new(file, common.trace_data))
            }
        };
        let password = common.password_file.as_deref().map(read_password_file).transpose()?;
        let whole = common.timeout.map_or(Deadline::NEVER, Deadline::after);
        Ok(Reach { trace, whole, password })
    }

    /// Where dialogues are written.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceTo> {
        self.trace.as_ref()
    }

    /// The end of the whole operation.
    #[must_use]
    pub fn whole(&self) -> Deadline {
        self.whole
    }

    /// How long to wait for a maildrop that another session has: `--timeout`, or a minute.
    #[must_use]
    pub fn patience(&self) -> Deadline {
        if self.whole == Deadline::NEVER { Deadline::after(PATIENCE) } else { self.whole }
    }

    /// Who logs in at `at`. `None` where nobody has to: SMTP without a user.
    ///
    /// # Errors
    /// 64: a user or password is missing.
    pub fn login(&self, at: &Endpoint) -> Result<Option<Login>> {
        let allowed = at.cleartext_allowed() && socket_is_trusted(at);
        if let Place::Local(named) = &at.place {
            let password = Secret::new(Vec::new());
            return Ok(match at.service {
                Service::Smtp | Service::Lmtp => None,
                Service::Pop3 | Service::Imap => Some(Login { user: local_user(named.as_deref())?, password, allowed }),
            });
        }
        match (&at.user, &self.password) {
            (Some(user), Some(password)) => Ok(Some(Login { user: user.clone(), password: password.clone(), allowed })),
            (None, None) if matches!(at.service, Service::Smtp | Service::Lmtp) => Ok(None),
            (None, _) => {
                Err(Error::usage(format!("{at}: no user")).advise("put it into the URL: imap+plain://USER@HOST"))
            }
            (Some(user), None) => {
                Err(Error::usage(format!("{at}: no password for {user}")).advise("use --password-file FILE"))
            }
        }
    }
}

/// A Unix socket is as good as whoever made it: root, or we.
fn socket_is_trusted(at: &Endpoint) -> bool {
    let Place::Unix(path) = &at.place else { return true };
    let us = rustix::process::getuid().as_raw();
    std::fs::metadata(path).is_ok_and(|meta| meta.uid() == us || meta.uid() == 0)
}

impl Dial for Reach {
    fn dial(&self, at: &Endpoint, deadline: Deadline) -> Result<Wire> {
        let tls = match at.protection {
            Protection::Plain => false,
            Protection::Default => !at.is_loopback(),
            Protection::Implicit | Protection::StartTls => true,
        };
        if tls {
            return Err(Error::protocol(format!("{at}: this account demands TLS, which this version does not have"))
                .advise("nothing was sent; only local:, loopback addresses, Unix sockets and +plain schemes work"));
        }
        let mut wire = match at.place {
            Place::Local(_) => super::local::connect(at)?,
            _ => dial::connect(at, deadline.or_earlier(self.whole))?,
        };
        wire.whole_until(self.whole);
        if let Some(trace) = &self.trace {
            wire.trace(trace.clone());
        }
        Ok(wire)
    }
}

/// The first line of a file that only its owner can read.
///
/// # Errors
/// 66: it can't be read; 78: it is not ours, others may read it, or its first line is empty or holds a NUL.
pub fn read_password_file(path: &Path) -> Result<Secret> {
    let name = &path.display();
    let file = std::fs::File::open(path).opening(name)?;
    let meta = file.metadata().opening(name)?;
    let uid = rustix::process::getuid().as_raw();
    if meta.is_file() && (meta.mode() & 0o077 != 0 || (meta.uid() != uid && meta.uid() != 0)) {
        return Err(Error::config(format!("{name}: others may read this password")).advise(format!("chmod 600 {name}")));
    }
    let mut bytes = Vec::new();
    file.take(PASSWORD as u64 + 1).read_to_end(&mut bytes).opening(name)?;
    let all = Secret::new(bytes);
    let line = all.expose().split(|b| *b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || line.len() > PASSWORD || line.contains(&0) {
        return Err(Error::config(format!("{name}: no password in its first line")));
    }
    Ok(Secret::new(line.to_vec()))
}
