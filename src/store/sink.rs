//! Where messages go: the targets of `--into`, and the [`Sink`] that each of them is.
//!
//! A sink is pushed, so that several share one body: `begin`, `write` as often as needed, `end` or `abort`; then, after
//! one message or many, `commit`. Only what was committed is delivered: it is on stable storage, and the source may
//! forget it. What needs a network is a sink too, and stands where clients are known (`cli::remote`).

mod eml;
mod every;
mod exec;
mod maildir;
mod mbox;
mod out;
mod range;
mod stdout;

pub use every::{Every, Found};
pub use mbox::{Quote, from_line};

use crate::error::{Error, Result};
use crate::message::flags::Flags;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Instant, SystemTime};

/// What is known about a message apart from its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// How people refer to it: `work:INBOX#7.12`, a UIDL, a number. One line; perhaps a peer's words.
    pub reference: String,
    /// The internal date; unknown: now.
    pub date: Option<SystemTime>,
    /// Its flags.
    pub flags: Flags,
    /// The address in Return-Path, without `<>`; empty or `None` for the null sender.
    pub return_path: Option<String>,
}

/// That a message was delivered, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// [`About::reference`].
    pub reference: String,
    /// Files, or `-`; one for each target.
    pub places: Vec<String>,
}

/// So many messages should share one commit: each of those that wait for it keeps two files open.
pub const BATCH: usize = 256;

/// A place for messages.
///
/// Who must not deliver twice although the program may be killed at any moment keeps a journal: [`Sink::plan`] before each
/// commit, and what it says on stable storage; after a kill [`Sink::look`] tells whether the message got there.
pub trait Sink: Send {
    /// A message begins.
    ///
    /// # Errors
    /// 73 when there is no place for it.
    fn begin(&mut self, about: &About) -> Result<()>;

    /// Its next bytes, in file form.
    ///
    /// # Errors
    /// 74: no room, or nobody reads any more. What follows can only be [`Sink::abort`].
    fn write(&mut self, file_form: &[u8]) -> Result<()>;

    /// It is whole.
    ///
    /// # Errors
    /// 74. The message is as if it had been aborted.
    fn end(&mut self) -> Result<()>;

    /// It will never be whole: what there is of it is taken back, where that is possible (a pipe keeps what it got).
    /// Messages that ended before stay. Without a message nothing happens.
    ///
    /// # Errors
    /// 74 when it could not be taken back.
    fn abort(&mut self) -> Result<()>;

    /// Takes back the message that ended last, because another target could not take it; a pipe keeps it.
    fn retract(&mut self) {}

    /// Chooses where each of those will be that ended since the last commit, in order. Nothing of them is seen there before
    /// the commit. Nothing where the target keeps no names (stdout).
    ///
    /// # Errors
    /// 73, 74, 75.
    fn plan(&mut self) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }

    /// Where the message is, whole and on stable storage, for which [`Sink::plan`] gave `plan` in a program that was killed;
    /// `None` if it is not there, or if that is another target's plan. What there is of it in part is taken back.
    ///
    /// # Errors
    /// 73, 74, 75.
    fn look(&mut self, plan: &[u8]) -> Result<Option<String>> {
        let _ = plan;
        Ok(None)
    }

    /// Brings all that ended since the last commit to stable storage; one receipt each, in order.
    ///
    /// # Errors
    /// 73, 74, 75. Then some may have been delivered and none counts as such.
    fn commit(&mut self) -> Result<Vec<Receipt>>;

    /// What [`Sink::look`] knows the message by that ended last, if that is where it goes and can't be taken back, but can be looked
    /// for: this must be remembered at once.
    fn note(&self) -> Option<Vec<u8>> {
        None
    }

    /// Whether a message is delivered when it ends, and can't be taken back or looked for: it must be remembered at once.
    fn at_once(&self) -> bool {
        false
    }

    /// Whether a commit means stable storage: not for a pipe or a terminal.
    fn stable(&self) -> bool {
        true
    }
}

/// How messages are written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The bytes of the message and nothing else.
    Raw,
    /// An mboxrd stream.
    Mbox,
}

/// An argument of `--into`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `-`
    Stdout,
    /// `mbox:FILE`
    Mbox(PathBuf),
    /// `maildir:DIR`
    Maildir(PathBuf),
    /// `eml:DIR`
    Eml(PathBuf),
    /// `exec:COMMAND`
    Exec(String),
    /// A folder of an account, or a server: `ACCOUNT:FOLDER` or a URL, which whoever knows accounts reads.
    Remote(String),
}

const KNOWN: &str = "-, mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, URL";

impl FromStr for Target {
    type Err = Error;

    /// 64 for what is no target.
    fn from_str(text: &str) -> Result<Target> {
        if text == "-" {
            return Ok(Target::Stdout);
        }
        let refuse = |why: &str| Error::usage(format!("--into {}: {why}", text));
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(refuse(&format!("not a target; these are: {KNOWN}")));
        };
        let path = || {
            if rest.is_empty() || rest.contains('\0') {
                return Err(refuse("a file name is missing"));
            }
            if rest == "~" || rest.starts_with("~/") {
                return Err(refuse("the shell leaves ~ as it is here").advise("write $HOME instead of ~"));
            }
            Ok(PathBuf::from(rest))
        };
        let account = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        match scheme {
            "mbox" => path().map(Target::Mbox),
            "maildir" => path().map(Target::Maildir),
            "eml" => path().map(Target::Eml),
            "exec" if rest.trim().is_empty() || rest.contains('\0') => Err(refuse("a command is missing")),
            "exec" => Ok(Target::Exec(rest.to_owned())),
            _ if !scheme.is_empty() && (rest.starts_with('/') || scheme.chars().all(account)) => {
                Ok(Target::Remote(text.to_owned()))
            }
            _ => Err(refuse(&format!("not a target; these are: {KNOWN}"))),
        }
    }
}

impl fmt::Display for Target {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Stdout => f.write_str("-"),
            Target::Mbox(path) => write!(f, "mbox:{}", path.display()),
            Target::Maildir(path) => write!(f, "maildir:{}", path.display()),
            Target::Eml(path) => write!(f, "eml:{}", path.display()),
            Target::Exec(command) => write!(f, "exec:{command}"),
            Target::Remote(text) => f.write_str(text),
        }
    }
}

impl Target {
    /// The text that names this target wherever the command runs: with an absolute path.
    #[must_use]
    pub fn canonical(&self) -> String {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let plain = match self {
            Target::Stdout => Target::Stdout,
            Target::Mbox(path) => Target::Mbox(absolute(path)),
            Target::Maildir(path) => Target::Maildir(absolute(path)),
            Target::Eml(path) => Target::Eml(absolute(path)),
            other => other.clone(),
        };
        plain.to_string()
    }

    /// Opens it; directories are made, an mbox when it gets its first message. `form` is for stdout, and so is
    /// `until`, when to stop waiting for its reader.
    ///
    /// # Errors
    /// 73 when it can't be written, 74 when stdout is closed.
    pub fn open(&self, form: Form, until: Option<Instant>) -> Result<Box<dyn Sink>> {
        Ok(match self {
            Target::Stdout => Box::new(stdout::Stdout::open(form, until)?),
            Target::Mbox(path) => Box::new(mbox::MboxFile::open(path)?),
            Target::Maildir(path) => Box::new(maildir::MaildirSink::open(path)?),
            Target::Eml(path) => Box::new(eml::EmlDir::open(path)?),
            Target::Exec(command) => Box::new(exec::Exec::new(command, until)),
            Target::Remote(text) => return Err(Error::usage(format!("--into {text}: not a local target"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One message through a sink.
    pub(super) fn push(sink: &mut dyn Sink, about: &About, text: &str) {
        sink.begin(about).unwrap();
        let (a, b) = text.as_bytes().split_at(text.len() / 2);
        sink.write(a).unwrap();
        sink.write(b).unwrap();
        sink.end().unwrap();
    }

    pub(super) fn about(reference: &str) -> About {
        let date = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        About { reference: reference.into(), date: Some(date), ..About::default() }
    }

    #[test]
    fn targets() {
        for good in
            ["-", "mbox:a:b", "maildir:/x/y", "eml:.", "exec:cat >&2", "work:INBOX", "lmtp://h", "imap+plain://h/a"]
        {
            assert_eq!(good.parse::<Target>().unwrap().to_string(), good);
        }
        assert!("mbox:x".parse::<Target>().unwrap().canonical().starts_with("mbox:/"));
        for (bad, says) in [
            ("file", "these are"),
            ("", "these are"),
            (":", "these are"),
            ("Mbox:x", "these are"),
            ("mbox:", "missing"),
            ("eml:a\0", "missing"),
            ("maildir:~/Mail", "~"),
            ("exec: ", "command"),
            ("Work:INBOX", "these are"),
        ] {
            let e = bad.parse::<Target>().unwrap_err();
            assert!(e.exit().code() == 64 && e.to_string().contains(says), "{bad}: {e}");
        }
    }

    #[test]
    fn every_sink_gets_it() {
        let t = tempfile::tempdir().unwrap();
        let targets = ["mbox:m", "maildir:a/d", "eml:e"].map(|s| {
            let (scheme, name) = s.split_once(':').unwrap();
            format!("{scheme}:{}", t.path().join(name).display()).parse::<Target>().unwrap()
        });
        let mut every = Every::new(targets.iter().map(|t| t.open(Form::Raw, None).unwrap()).collect());
        assert!(every.stable());
        push(&mut every, &about("1"), "one\n");
        every.begin(&about("2")).unwrap();
        every.write(b"tw").unwrap();
        every.abort().unwrap();
        every.abort().unwrap();
        push(&mut every, &about("3"), "three");
        let receipts = every.commit().unwrap();
        assert_eq!(receipts.iter().map(|r| r.reference.as_str()).collect::<Vec<_>>(), ["1", "3"]);
        assert!(receipts.iter().all(|r| r.places.len() == 3));
        for receipt in &receipts {
            for place in receipt.places.iter().skip(1) {
                let text = std::fs::read_to_string(place).unwrap();
                assert_eq!(text, if receipt.reference == "1" { "one\n" } else { "three" });
            }
        }
        let mbox = std::fs::read_to_string(t.path().join("m")).unwrap();
        let from = "From MAILER-DAEMON Sun Sep  9 01:46:40 2001\n";
        assert_eq!(mbox, format!("{from}one\n\n{from}three\n\n"));
        assert_eq!(every.commit().unwrap(), []);
    }
}
