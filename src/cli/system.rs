//! What the system knows of the caller: name, host, directories.

use crate::error::{Error, Result};
use std::path::PathBuf;

/// The caller's login name: the passwd entry's, else `$LOGNAME` or `$USER`, else `uid-N`.
#[must_use]
pub fn user_name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let entry = passwd_entry().map(|(name, _)| name);
    let env = |name| std::env::var(name).ok().filter(|v| !v.is_empty() && !crate::text::breaks_line(v));
    entry.or_else(|| env("LOGNAME")).or_else(|| env("USER")).unwrap_or_else(|| format!("uid-{uid}"))
}

/// The caller's name and gecos field in passwd.
fn passwd_entry() -> Option<(String, String)> {
    let uid = rustix::process::getuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let ours = fields.nth(1)?.parse::<u32>() == Ok(uid) && !name.is_empty();
        ours.then(|| (name.to_owned(), fields.nth(1).unwrap_or_default().to_owned()))
    })
}

/// The caller's full name, if passwd has one; there an `&` is the login name.
#[must_use]
pub fn full_name() -> Option<String> {
    let (login, gecos) = passwd_entry()?;
    let mut capital = login.chars();
    let capital = capital.next().map(|c| c.to_uppercase().chain(capital).collect::<String>()).unwrap_or_default();
    let name = gecos.split(',').next().unwrap_or_default().replace('&', &capital);
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Lets the process have as many descriptors as the system allows: most shells give 1,024 where it allows many times that.
pub fn many_files() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised);
}

/// HOST of pipepost(7): the system's name if it has a dot, else `localhost`.
#[must_use]
pub fn host_name() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    if name.contains('.') && crate::proto::mailbox::is_domain(&name) {
        name.into_owned()
    } else {
        "localhost".to_owned()
    }
}

/// The system's own name, dot or not: one of the local domains.
#[must_use]
pub fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn home(variable: &str, below: &str) -> Result<PathBuf> {
    // The basedir specification: a relative path is ignored.
    if let Some(dir) = std::env::var_os(variable).map(PathBuf::from).filter(|p| p.is_absolute()) {
        return Ok(dir.join("pipepost"));
    }
    let home = std::env::home_dir()
        .filter(|h| h.is_absolute())
        .ok_or_else(|| Error::config(format!("no home directory is known, and {variable} is not set")))?;
    Ok(home.join(below).join("pipepost"))
}

/// `$XDG_DATA_HOME/pipepost`: the mail of `local:`.
///
/// # Errors
/// 78: no home directory.
pub fn data_home() -> Result<PathBuf> {
    home("XDG_DATA_HOME", ".local/share")
}

/// `$XDG_STATE_HOME/pipepost`: what was fetched.
///
/// # Errors
/// 78: no home directory.
pub fn state_home() -> Result<PathBuf> {
    home("XDG_STATE_HOME", ".local/state")
}
