//! What mailfmt reads: one message, an mbox, messages that end with NUL, JSON lines, files and Maildirs.

use super::cursor::{pour, spool};
use super::output::Chain;
use crate::body::Body;
use crate::cli::exit::{Tally, complain};
use crate::cli::ndjson::{Line, Lines};
use crate::error::{Error, Exit, Local, Result};
use crate::message::date::Date;
use crate::message::flags::Flags;
use crate::message::mbox::{Mbox, Survey, Variant};
use crate::message::separated::Separated;
use crate::store::maildir::{Maildir, letters};
use crate::store::patience;
use crate::store::sink::About;
use clap::Args;
use std::fs::Metadata;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The input of a subcommand.
pub(super) type Source = Box<dyn Body>;

/// How the messages of a file follow each other.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Framing {
    /// The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins
    /// with "From ").
    #[arg(long, value_name = "VARIANT", conflicts_with_all = ["null", "ndjson", "one"])]
    variant: Option<Choice>,
    /// Each message of the input ends with NUL.
    #[arg(short = '0', long, conflicts_with_all = ["ndjson", "one"])]
    null: bool,
    /// The input is a JSON object a line, each with a message in raw or raw64.
    #[arg(long, conflicts_with = "one")]
    ndjson: bool,
    /// The input is one message, also if its first line begins with "From ".
    #[arg(long)]
    one: bool,
}

/// A kind of mbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// As the mbox itself shows.
    Auto,
    Of(Variant),
}

impl std::str::FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Choice, String> {
        if text == "auto" { Ok(Choice::Auto) } else { text.parse().map(Choice::Of) }
    }
}

/// The input of a subcommand, as its arguments name it.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Input {
    /// Messages, mboxes, Maildirs, directories of .eml files; stdin if missing or -.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub framing: Framing,
}

/// A message of the input.
pub(super) struct Item<'i> {
    /// Itself.
    pub body: &'i mut dyn Body,
    /// Its number in all the input, from 1.
    pub number: u64,
    /// Whether the input is one that has many.
    pub many: bool,
    /// When it came, and its flags.
    pub about: About,
    /// The file that it is in; none is stdin.
    pub file: Option<&'i Path>,
    /// Lines of that before it, as far as [`Item::lines`] was told.
    pub lines_before: u64,
    /// How many line ends it has, for who wants to know that of the next one.
    pub lines: u64,
}

/// What is done with each message; `false` ends it.
type Each<'e> = dyn FnMut(&mut Item<'_>) -> Result<bool> + 'e;

/// Opens `file`, stdin if that is `-` or not given.
///
/// # Errors
/// 66: it can't be read; 64: stdin is a terminal, where a program that waits looks like one that hangs.
pub(super) fn open(file: Option<&Path>) -> Result<Source> {
    match file.filter(|path| path.as_os_str() != "-") {
        None if std::io::stdin().is_terminal() => {
            Err(Error::usage("stdin is a terminal").advise("give a file, or a pipe, or < /dev/null"))
        }
        None => Ok(Box::new(patience::stdin(None)?)),
        Some(path) => Ok(Box::new(patience::open(path, None)?)),
    }
}

impl Input {
    /// Does something with each message, which says whether to go on. Of many, those that fail with 65 or can't be read are told on
    /// stderr and do not stop the others.
    ///
    /// # Errors
    /// 65 if there is no message, or a single one fails; others as they come.
    pub(super) fn each(&self, mut each: impl FnMut(&mut Item<'_>) -> Result<bool>) -> Result<Exit> {
        let mut run =
            Run { framing: &self.framing, each: &mut each, tally: Tally::default(), number: 0, many: false, lines: 0 };
        run.many = self.files.len() > 1;
        let nothing = [PathBuf::from("-")];
        let mut folders = false;
        for path in if self.files.is_empty() { &nothing[..] } else { &self.files } {
            let folder = path.is_dir();
            folders |= folder;
            let more = if folder { run.directory(path)? } else { run.own(path, false)? };
            if !more {
                break;
            }
        }
        if run.number == 0 && run.tally.is_empty() && !folders {
            return Err(Error::data("no message: the input is empty"));
        }
        Ok(run.tally.exit())
    }
}

struct Run<'r> {
    framing: &'r Framing,
    each: &'r mut Each<'r>,
    tally: Tally,
    number: u64,
    many: bool,
    /// Lines of the file before the next message.
    lines: u64,
}

impl Run<'_> {
    fn directory(&mut self, path: &Path) -> Result<bool> {
        self.many = true;
        let maildir = Maildir::at(path);
        let files = if maildir.exists() { maildir.files()? } else { eml_files(path)? };
        for file in files {
            if !self.own(&file, true)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A file of the arguments, or of a directory.
    fn own(&mut self, path: &Path, in_directory: bool) -> Result<bool> {
        let opened = if in_directory {
            patience::opened(path, None)
                .map(|(body, metadata)| (Box::new(body) as Source, Some(about(path, &metadata))))
        } else {
            open(Some(path)).map(|source| (source, None))
        };
        match opened.and_then(|(source, about)| self.file(source, path, about)) {
            // A Maildir's message may be renamed or gone any time.
            Err(e) if e.exit() == Exit::NoInput && self.many => {
                complain("mailfmt", &e.to_string(), None);
                self.tally.failed(Exit::NoInput);
                Ok(true)
            }
            Err(e) if in_directory => Err(e.at(path.display())),
            other => other,
        }
    }

    fn file(&mut self, mut source: Source, path: &Path, about: Option<About>) -> Result<bool> {
        let place = if path.as_os_str() == "-" { None } else { Some(path) };
        self.lines = 0;
        if let Some(about) = about {
            return self.message(&mut source, about, true, place);
        }
        if self.framing.one {
            let first = source.chunk()?.to_vec();
            // Nothing at all is no message.
            if first.is_empty() {
                return Ok(true);
            }
            let many = self.many;
            return self.message(&mut Chain::new(first.as_slice(), source), About::default(), many, place);
        }
        if self.framing.null {
            let mut all = Separated::new(source);
            while all.next_message()? {
                self.lines = 0;
                if !self.message(&mut all, About::default(), true, place)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if self.framing.ndjson {
            return self.ndjson(source, place);
        }
        match self.framing.variant {
            None => self.mbox(source, Variant::default(), place),
            Some(Choice::Of(variant)) => self.mbox(source, variant, place),
            Some(Choice::Auto) => {
                let mut survey = Survey::default();
                // What can be read once only is kept.
                if path.is_file() {
                    pour(&mut open(place)?, &mut |piece| {
                        survey.push(piece, &mut |_| {});
                        Ok(())
                    })?;
                    return self.mbox(source, survey.finish(&mut |_| {}).map_or(Variant::Rd, |v| v.kind), place);
                }
                let mut kept = spool(&mut source, |piece| survey.push(piece, &mut |_| {}))?;
                self.mbox(kept.body()?, survey.finish(&mut |_| {}).map_or(Variant::Rd, |v| v.kind), place)
            }
        }
    }

    fn mbox(&mut self, source: impl Body, variant: Variant, place: Option<&Path>) -> Result<bool> {
        let mut mbox = Mbox::of(source, variant);
        while mbox.next_message()? {
            if self.framing.variant.is_some() && !mbox.is_mbox() {
                let name = place.map_or("stdin".into(), |path| path.display().to_string());
                return Err(Error::data(format!("{name}: no mbox: the first line does not begin with 'From '")));
            }
            let (about, many) = (of_from_line(mbox.from_line()), self.many || mbox.is_mbox());
            // The From_ line, and the empty line before the next one.
            self.lines += u64::from(mbox.is_mbox());
            if !self.message(&mut mbox, about, many, place)? {
                return Ok(false);
            }
            self.lines += 1;
        }
        Ok(true)
    }

    fn ndjson(&mut self, source: Source, place: Option<&Path>) -> Result<bool> {
        let mut lines = Lines::new(source);
        while let Some(line) = lines.next_line()? {
            self.lines = 0;
            let more = match Line::parse(&line) {
                Ok(line) => self.message(&mut line.message.as_slice(), About::default(), true, place)?,
                Err(e) => {
                    self.number += 1;
                    self.failed(&e, place);
                    true
                }
            };
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn message(&mut self, body: &mut dyn Body, mut about: About, many: bool, place: Option<&Path>) -> Result<bool> {
        self.number += 1;
        about.reference = self.number.to_string();
        let number = self.number;
        let mut item = Item { body, number, many, about, file: place, lines_before: self.lines, lines: 0 };
        let done = (self.each)(&mut item);
        self.lines += item.lines;
        match done {
            Ok(more) => {
                self.tally.done();
                Ok(more)
            }
            Err(e) if e.exit() == Exit::Data && many => {
                self.failed(&e, place);
                Ok(true)
            }
            Err(e) => Err(e),
        }
    }

    fn failed(&mut self, e: &Error, place: Option<&Path>) {
        let place = place.filter(|_| self.many).map(|path| format!("{}: ", path.display())).unwrap_or_default();
        complain("mailfmt", &format!("{place}message {}: {e}", self.number), None);
        self.tally.failed(e.exit());
    }
}

/// What the `From ` line of an mbox says about a message.
fn of_from_line(line: &[u8]) -> About {
    let sender = line.strip_prefix(b"From ").and_then(|rest| rest.split(u8::is_ascii_whitespace).next());
    let sender = sender.and_then(|word| std::str::from_utf8(word).ok()).filter(|word| word.contains('@'));
    let seconds = Date::of_from_line(line).and_then(|date| u64::try_from(date.seconds).ok());
    let date = seconds.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    About { date, return_path: sender.map(str::to_owned), ..About::default() }
}

/// What a file in a directory says about its message.
fn about(path: &Path, metadata: &Metadata) -> About {
    let date = metadata.modified().ok();
    let name = path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
    About { date, flags: Flags::from_letters(letters(name), |_| None), ..About::default() }
}

/// The files of a directory whose names end with `.eml`, sorted.
fn eml_files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).opening(path.display())? {
        let file = entry.local(path.display())?.path();
        let is_eml = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("eml"));
        if is_eml && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Error::no_input(format!("{}: a directory, and no Maildir", path.display())));
    }
    files.sort_unstable();
    Ok(files)
}
