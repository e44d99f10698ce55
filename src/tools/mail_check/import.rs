//! `mail-check --import`: a configuration of msmtp or nullmailer as one of ours.
//!
//! Whatever is not taken over is named in a comment and on stderr. Passwords are never printed: with `--output` they go into files
//! beside the new configuration (0600), without it only their place is told. Left out: asking servers anything.

mod msmtp;
mod nullmailer;

use super::NAME;
use crate::cli::Outcome;
use crate::cli::exit::complain;
use crate::cli::out::Out;
use crate::config::secret::no_core_dumps;
use crate::config::{RESERVED, is_name};
use crate::error::{Error, Exit, Local, Result};
use crate::secret::Secret;
use crate::store::disk;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

/// No configuration is longer.
const MAX: usize = 1 << 20;

/// What is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// `msmtp`: from this file, or where msmtp looks for it.
    Msmtp(Option<PathBuf>),
    /// `nullmailer`: from this directory, or `/etc/nullmailer`.
    Nullmailer(Option<PathBuf>),
}

impl std::str::FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<From, String> {
        let (program, path) = text.split_once('=').map_or((text, None), |(name, path)| (name, Some(path.into())));
        match program {
            "msmtp" => Ok(From::Msmtp(path)),
            "nullmailer" => Ok(From::Nullmailer(path)),
            _ => Err("msmtp[=FILE] or nullmailer[=DIRECTORY]".to_owned()),
        }
    }
}

/// A configuration that is being written.
#[derive(Default)]
struct Made {
    text: String,
    /// What is not taken over, and where it stands.
    left: Vec<String>,
    /// Passwords, by the names of their files.
    secrets: Vec<(String, Secret)>,
    names: BTreeSet<String>,
}

impl Made {
    /// A line `key = "value"`.
    fn set(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.text, "{key} = {}", quoted(value));
    }

    /// A line as it is.
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
    }

    /// What is not taken over: `what` stands `at`.
    fn leave(&mut self, at: &str, what: &str) {
        let told = format!("{at}: {what}");
        let _ = writeln!(self.text, "# not taken over: {}", crate::text::escape(&told));
        self.left.push(told);
    }

    /// The name of an account that comes nearest to this one.
    fn name(&mut self, text: &str) -> String {
        let plain = |c: char| if is_name(&c.to_string()) { c } else { '-' };
        let base: String = text.to_lowercase().chars().map(plain).take(64).collect();
        let base = if base.is_empty() { "account".to_owned() } else { base };
        let base = if RESERVED.contains(&base.as_str()) { format!("{base}-account") } else { base };
        let mut name = base.clone();
        let mut n = 2u32;
        while !self.names.insert(name.clone()) {
            name = format!("{base}-{n}");
            n = n.saturating_add(1);
        }
        name
    }

    /// A password that stood there in clear, of this account.
    fn secret(&mut self, account: &str, password: &str) {
        let file = format!("{account}.password");
        let _ = writeln!(self.text, "password = {{ file = {} }}", quoted(&file));
        self.secrets.push((file, Secret::new(format!("{password}\n").into_bytes())));
    }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A user, a path or the like inside a URL.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-._~/".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

/// A host inside a URL.
fn host(text: &str) -> String {
    if text.contains(':') { format!("[{text}]") } else { text.to_owned() }
}

fn read(file: &Path) -> Result<String> {
    let name = file.display();
    let bytes = crate::store::patience::open(file, None)?.whole(MAX)?;
    let bytes = bytes.ok_or_else(|| Error::config(format!("{name}: longer than {MAX} bytes")))?;
    String::from_utf8(bytes).map_err(|_| Error::config(format!("{name}: not UTF-8")))
}

use crate::body::Body as _;

/// Prints the new configuration, or writes it to `output`.
///
/// # Errors
/// 66: there is nothing to import; 73: a file is there already, or can't be made; 78: what is to be imported is broken.
pub(super) fn import(from: &From, output: Option<&Path>) -> Outcome {
    no_core_dumps();
    let made = match from {
        From::Msmtp(file) => msmtp::import(file.as_deref())?,
        From::Nullmailer(dir) => nullmailer::import(dir.as_deref().unwrap_or(Path::new("/etc/nullmailer")))?,
    };
    made.left.iter().for_each(|what| complain(NAME, &format!("not taken over: {what}"), None));
    let Some(output) = output else {
        for (file, _) in &made.secrets {
            complain(NAME, &format!("{file}: put the password there (0600), or use --output, which does"), None);
        }
        let mut out = Out::default();
        out.write(made.text.as_bytes())?;
        out.flush()?;
        return Ok(Exit::Ok);
    };
    let dir = output.parent().unwrap_or(Path::new(""));
    let mut files: Vec<(PathBuf, &[u8])> =
        made.secrets.iter().map(|(name, secret)| (dir.join(name), secret.expose())).collect();
    files.push((output.to_owned(), made.text.as_bytes()));
    let mut written: Vec<&Path> = Vec::new();
    for (path, bytes) in &files {
        if let Err(e) = write(path, bytes) {
            // All or nothing: what is there was not there before.
            let left = written.iter().filter(|path| std::fs::remove_file(path).is_err());
            left.for_each(|path| complain(NAME, &format!("{} is left behind", path.display()), None));
            return Err(e.into());
        }
        written.push(path);
    }
    Ok(Exit::Ok)
}

/// A new file that only its owner can read.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = disk::create(rustix::fs::CWD, path).creating(path.display())?;
    let written = file.write_all(bytes).and_then(|()| disk::sync(&file)).and_then(|()| disk::sync_parent(path));
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written.local(path.display())
}
