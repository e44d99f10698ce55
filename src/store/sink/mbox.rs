//! The mboxrd format, and `mbox:FILE`.
//!
//! Messages are collected in a nameless file beside the mbox and appended in one go at the commit, so that the lock is
//! held for as long as the disk takes, not the network. The lock is fcntl(2) and flock(2) on the mbox itself, which dies
//! with the process; no dot-lock is made. A crash in the middle of the append leaves a cut message at the end, which who keeps a
//! journal takes back; where another program has written behind it, it stays.

use super::out::Out;
use super::range::{Part, Range, next_page};
use super::{About, Receipt, Sink};
use crate::error::{Error, Local, Result};
use crate::message::mbox::Variant;
use crate::store::disk;
use crate::store::patience::Patient;
use rustix::fs::FlockOperation;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How long one waits for another program's lock.
const PATIENCE: Duration = Duration::from_secs(30);

/// The line before a message: `From `, the envelope sender or MAILER-DAEMON, the date in UTC as asctime(3) writes it.
#[must_use]
pub fn from_line(about: &About) -> String {
    let address = about.return_path.as_deref().filter(|a| !a.is_empty()).unwrap_or("MAILER-DAEMON");
    // As qmail does, so that the date can be found behind it.
    let word = |c: char| if c.is_whitespace() || crate::text::is_unsafe(c) { '-' } else { c };
    let address: String = address.chars().map(word).collect();
    let date = about.date.unwrap_or_else(SystemTime::now);
    let seconds = date.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let last = 253_402_300_799; // the end of 9999
    let seconds = i64::try_from(seconds.min(last)).unwrap_or(0);
    let date = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    format!("From {address} {}\n", date.format("%a %b %e %H:%M:%S %Y"))
}

/// Puts `>` before each line that is `From ` after any number of `>` (mboxrd), piece by piece; or as another kind of mbox has it.
#[derive(Clone, Copy, Debug)]
pub struct Quote {
    state: State,
    /// The line has no byte yet.
    empty: bool,
    variant: Variant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a line, or behind its `>`s, with so many bytes of `From ` held back.
    Start(usize),
    Text,
}

const FROM: &[u8] = b"From ";

impl Default for Quote {
    fn default() -> Quote {
        Quote::of(Variant::Rd)
    }
}

impl Quote {
    /// As this kind of mbox has it: o and cl quote lines that begin with `From `, cl2 none.
    #[must_use]
    pub fn of(variant: Variant) -> Quote {
        let state = if variant == Variant::Cl2 { State::Text } else { State::Start(0) };
        Quote { state, empty: true, variant }
    }

    /// Quotes the next piece, appends the result to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        while let Some((&b, after)) = rest.split_first() {
            match self.state {
                State::Text => {
                    let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                    let (run, tail) = rest.split_at(end);
                    out.extend_from_slice(run);
                    self.empty = run.ends_with(b"\n");
                    if self.empty {
                        self.state = Quote::of(self.variant).state;
                    }
                    rest = tail;
                }
                State::Start(0) if b == b'>' && self.variant == Variant::Rd => {
                    out.push(b);
                    self.empty = false;
                    rest = after;
                }
                State::Start(held) if FROM.get(held) == Some(&b) => {
                    rest = after;
                    self.empty = false;
                    self.state = State::Start(held + 1);
                    if held + 1 == FROM.len() {
                        out.push(b'>');
                        self.release(out);
                    }
                }
                State::Start(_) => self.release(out),
            }
        }
    }

    /// The end of the message: the last line is ended, if it was not, and an empty line follows.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(out);
        out.extend_from_slice(if self.empty { b"\n" } else { b"\n\n" });
        *self = Quote::of(self.variant);
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        if let State::Start(held) = self.state {
            out.extend_from_slice(FROM.get(..held).unwrap_or_default());
        }
        self.state = State::Text;
    }
}

/// `mbox:FILE`.
pub(super) struct MboxFile {
    path: PathBuf,
    spool: Out,
    /// How much of the spool is whole messages.
    whole: u64,
    quote: Quote,
    quoted: Vec<u8>,
    current: Option<String>,
    /// What is whole, and where it ends in the spool.
    ended: Vec<(String, u64)>,
    /// The mbox, ours alone from a plan to its commit.
    planned: Option<File>,
}

/// What a plan begins with.
const SCHEME: &str = "mbox:";

impl MboxFile {
    pub(super) fn open(path: &Path) -> Result<MboxFile> {
        let dir = disk::parent(path);
        // Found out now, not after an hour of fetching.
        if std::fs::symlink_metadata(path).is_ok() {
            disk::open_or_create(path).creating(path.display())?;
        }
        let file = Patient::new(disk::unnamed(&dir).creating(dir.display())?, None);
        let spool = Out::new(file, path.display().to_string());
        Ok(MboxFile {
            path: path.to_owned(),
            spool,
            whole: 0,
            quote: Quote::default(),
            quoted: Vec::new(),
            current: None,
            ended: Vec::new(),
            planned: None,
        })
    }

    /// The file as plans name it.
    fn suffix(&self) -> Vec<u8> {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        [b"\0", path.as_os_str().as_bytes()].concat()
    }

    /// The mbox, its length, and what has to come before the first message.
    fn end_of(mbox: &File, at: &str) -> Result<(u64, &'static [u8])> {
        let before = mbox.metadata().local(at)?.len();
        Ok((before, tail(mbox, before).local(at)?))
    }

    fn cut(&mut self, to: u64) -> Result<()> {
        self.spool.forget();
        let file = self.spool.file();
        file.set_len(to).and_then(|()| file.seek(SeekFrom::Start(to))).local(self.path.display()).map(|_| ())
    }

    /// Appends the spool to the mbox; on failure the mbox is as long as before.
    fn append(&mut self) -> Result<()> {
        let at = self.path.display().to_string();
        let mut mbox = match self.planned.take() {
            Some(mbox) => mbox,
            None => lock(&self.path)?,
        };
        let (before, gap) = MboxFile::end_of(&mbox, &at)?;
        let spool = self.spool.file();
        let done = spool
            .seek(SeekFrom::Start(0))
            .and_then(|_| mbox.seek(SeekFrom::End(0)))
            .local(&at)
            .and_then(|_| copy(&mut gap.chain(spool), &mut mbox, before, &at))
            .and_then(|()| disk::sync(&mbox).local(&at));
        if done.is_err() {
            let _ = mbox.set_len(before).and_then(|()| disk::sync(&mbox));
            return done;
        }
        disk::sync_parent(&self.path).local(&at)
    }
}

/// What must come before the first From_ line, so that an empty line does.
fn tail(mbox: &File, len: u64) -> std::io::Result<&'static [u8]> {
    let mut last = [b'\n'; 2];
    let have = usize::try_from(len.min(2)).unwrap_or(2);
    if let Some(end) = last.get_mut(2 - have..) {
        mbox.read_exact_at(end, len - have as u64)?;
    }
    Ok(match last {
        [b'\n', b'\n'] => b"",
        [_, b'\n'] => b"\n",
        _ => b"\n\n",
    })
}

/// Appends to the mbox, which ends at `end`; each write ends with a page, so that a killed one does.
fn copy(from: &mut dyn Read, mbox: &mut File, mut end: u64, at: &str) -> Result<()> {
    let mut buffer = vec![0; crate::body::CHUNK];
    loop {
        let skewed = usize::try_from(next_page(end) - end).unwrap_or(0);
        let room = buffer.len().saturating_sub(crate::body::CHUNK / 2) + skewed;
        let mut filled = 0;
        while let Some(free) = buffer.get_mut(filled..room).filter(|free| !free.is_empty()) {
            match from.read(free) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e).local(at),
            }
        }
        if filled == 0 {
            return Ok(());
        }
        mbox.write_all(buffer.get(..filled).unwrap_or_default()).local(at)?;
        end = end.saturating_add(filled as u64);
    }
}

/// The mbox, ours alone until it is closed.
fn lock(path: &Path) -> Result<File> {
    let until = Instant::now() + PATIENCE;
    loop {
        let file = disk::open_or_create(path).creating(path.display())?;
        let locked = match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(e)) => return Err(e).local(path.display()),
            },
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => false,
            Err(e) => return Err(e).local(path.display()),
        };
        if locked {
            // Whoever had the lock may have moved the file away.
            let (ours, named) = (file.metadata().local(path.display())?, std::fs::symlink_metadata(path));
            if named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
                return Ok(file);
            }
        } else {
            if Instant::now() > until {
                return Err(Error::temporary(format!("{}: another program keeps it locked", path.display())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Sink for MboxFile {
    fn begin(&mut self, about: &About) -> Result<()> {
        self.current = Some(about.reference.clone());
        self.quote = Quote::default();
        self.spool.put(from_line(about).as_bytes())
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        self.quoted.clear();
        self.quote.push(file_form, &mut self.quoted);
        self.spool.put(&self.quoted)
    }

    fn end(&mut self) -> Result<()> {
        self.quoted.clear();
        self.quote.finish(&mut self.quoted);
        self.spool.put(&self.quoted)?;
        self.spool.flush()?;
        self.whole = self.spool.file().stream_position().local(self.path.display())?;
        self.ended.extend(self.current.take().map(|reference| (reference, self.whole)));
        Ok(())
    }

    fn abort(&mut self) -> Result<()> {
        match self.current.take() {
            Some(_) => self.cut(self.whole),
            None => Ok(()),
        }
    }

    fn retract(&mut self) {
        self.ended.pop();
        self.whole = self.ended.last().map_or(0, |(_, end)| *end);
        // Should it fail, it is cut at the next message's end, or nothing of it is appended.
        let _ = self.cut(self.whole);
    }

    /// Takes the mbox until the commit: the places hold only while nobody else appends.
    fn plan(&mut self) -> Result<Vec<Vec<u8>>> {
        self.planned = None;
        if self.ended.is_empty() {
            return Ok(Vec::new());
        }
        let at = self.path.display().to_string();
        let mbox = lock(&self.path)?;
        let (mut start, gap) = MboxFile::end_of(&mbox, &at)?;
        let suffix = self.suffix();
        let spool = self.spool.file();
        spool.seek(SeekFrom::Start(0)).local(&at)?;
        let mut bytes = gap.chain(std::io::BufReader::new(spool));
        let (mut plans, mut begun) = (Vec::new(), 0);
        for (_, end) in &self.ended {
            let gap = if plans.is_empty() { gap.len() as u64 } else { 0 };
            let len = end.saturating_sub(begun).saturating_add(gap);
            let range = Range::of(start, len, &mut bytes).local(&at)?;
            plans.push([SCHEME.as_bytes(), range.encode().as_bytes(), &suffix].concat());
            (start, begun) = (start.saturating_add(len), *end);
        }
        self.planned = Some(mbox);
        Ok(plans)
    }

    fn look(&mut self, plan: &[u8]) -> Result<Option<String>> {
        let suffix = self.suffix();
        let range = plan.strip_prefix(SCHEME.as_bytes()).and_then(|rest| rest.strip_suffix(suffix.as_slice()));
        let range = range.and_then(|text| std::str::from_utf8(text).ok()).and_then(Range::decode);
        let Some(range) = range.filter(|_| self.path.exists()) else { return Ok(None) };
        let at = self.path.display().to_string();
        let mbox = lock(&self.path)?;
        let part = range.part(&mbox).local(&at)?;
        if part == Part::Torn {
            mbox.set_len(range.start()).local(&at)?;
        }
        disk::sync(&mbox).and_then(|()| disk::sync_parent(&self.path)).local(&at)?;
        Ok((part == Part::Whole).then_some(at))
    }

    fn commit(&mut self) -> Result<Vec<Receipt>> {
        if self.ended.is_empty() {
            return Ok(Vec::new());
        }
        let done = self.append();
        self.whole = 0;
        let place = self.path.display().to_string();
        let ended = std::mem::take(&mut self.ended);
        self.cut(0)?;
        done?;
        Ok(ended.into_iter().map(|(reference, _)| Receipt { reference, places: vec![place.clone()] }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{about, push};
    use super::*;
    use proptest::prelude::*;

    fn quoted(text: &[u8], cut: usize) -> Vec<u8> {
        let (mut quote, mut out) = (Quote::default(), Vec::new());
        let (a, b) = text.split_at(cut.min(text.len()));
        quote.push(a, &mut out);
        quote.push(b, &mut out);
        quote.finish(&mut out);
        out
    }

    #[test]
    fn examples() {
        assert_eq!(quoted(b"From x\n>From\n>>From y\nFrom", 3), b">From x\n>From\n>>>From y\nFrom\n\n");
        assert_eq!(quoted(b"", 0), b"\n");
        assert_eq!(quoted(b">", 0), b">\n\n");
        assert_eq!(quoted(b"a\n\n", 0), b"a\n\n\n");
        let line = |path: &str| from_line(&About { return_path: Some(path.into()), ..about("1") });
        assert_eq!(line("bob@example.org"), "From bob@example.org Sun Sep  9 01:46:40 2001\n");
        assert_eq!(line("\"a b\"@c\nFrom x\u{202e}"), "From \"a-b\"@c-From-x- Sun Sep  9 01:46:40 2001\n");
        assert_eq!(line(""), "From MAILER-DAEMON Sun Sep  9 01:46:40 2001\n");
        let far = About { date: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50)), ..about("1") };
        assert_eq!(from_line(&far), "From MAILER-DAEMON Fri Dec 31 23:59:59 9999\n");
    }

    proptest! {
        #[test]
        fn a_reader_gets_the_same_bytes(text in "([>From \n]|From |\n|>){0,20}", cut in 0usize..60) {
            let out = String::from_utf8(quoted(text.as_bytes(), cut)).unwrap();
            let whole = if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" };
            let mut back = String::new();
            let body = out.strip_suffix('\n').unwrap();
            for line in body.split_inclusive('\n') {
                prop_assert!(!line.starts_with("From "));
                let from = line.trim_start_matches('>').starts_with("From ");
                back.push_str(if from { line.strip_prefix('>').unwrap() } else { line });
            }
            prop_assert_eq!(back, whole);
        }
    }

    #[test]
    fn what_fails_leaves_the_mbox_as_it_was() {
        let t = tempfile::tempdir().unwrap();
        let path = t.path().join("m");
        std::fs::write(&path, "From x\n\nold").unwrap();
        let mut sink = MboxFile::open(&path).unwrap();
        sink.begin(&about("1")).unwrap();
        sink.write(&vec![b'x'; 100_000]).unwrap();
        sink.abort().unwrap();
        assert_eq!(sink.commit().unwrap(), []);
        assert_eq!(std::fs::read(&path).unwrap(), b"From x\n\nold");
        push(&mut sink, &about("2"), "new\n");
        assert_eq!(sink.commit().unwrap().len(), 1);
        let head = "From MAILER-DAEMON Sun Sep  9 01:46:40 2001\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("From x\n\nold\n\n{head}new\n\n"));
        // The mbox has become unwritable: the message is not counted, nor sent twice later.
        push(&mut sink, &about("3"), "lost\n");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        assert_eq!(sink.commit().unwrap_err().exit().code(), 73);
        std::fs::remove_file(&path).unwrap();
        push(&mut sink, &about("4"), "4\n");
        sink.commit().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{head}4\n\n"));
        assert!(MboxFile::open(Path::new("/dev/full")).is_err());
        assert!(MboxFile::open(&t.path().join("no/m")).is_err());
    }

    #[test]
    fn two_writers_do_not_mix() {
        let t = tempfile::tempdir().unwrap();
        let path = &t.path().join("m");
        std::thread::scope(|s| {
            for w in 0..4 {
                s.spawn(move || {
                    let mut sink = MboxFile::open(path).unwrap();
                    for _ in 0..10 {
                        push(&mut sink, &about("x"), &format!("{w}{w}{w}\n").repeat(500));
                        sink.commit().unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(path).unwrap();
        let messages: Vec<&str> = text.split("From MAILER-DAEMON Sun Sep  9 01:46:40 2001\n").skip(1).collect();
        assert_eq!(messages.len(), 40);
        assert!(messages.iter().all(|m| m.len() == 2001 && m.trim_end().split('\n').all(|l| l == &m[..3])));
    }
}
