//! `--mirror`: a tree of Maildirs that is what the server has, one way: its messages, their flags, and what is gone there.

use super::journal::{Journal, letters};
use crate::client::imap::{Changes, Seen, Uids};
use crate::error::{Error, Local, Result};
use crate::server::mailbox::place;
use crate::store::maildir::{Maildir, Sub, base, letters as letters_of, with_letters};
use crate::store::state::PulledMessage;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// So many messages may go without being forced.
const FEW: usize = 10;

/// A folder's Maildir, and what is known of its messages.
pub(super) struct Mirror {
    maildir: Maildir,
    /// The files, by what of their names stays the same.
    there: HashMap<Vec<u8>, (Sub, Vec<u8>)>,
    known: BTreeMap<u32, PulledMessage>,
    /// Those of them whose files somebody has removed.
    lost: HashSet<u32>,
    /// The flags that the server has told.
    flags: HashMap<u32, String>,
    vanished: Uids,
}

impl Changes for Mirror {
    fn flags(&mut self, uid: u32, flags: &[String]) {
        self.flags.insert(uid, letters(flags.iter()));
    }

    fn vanished(&mut self, uids: &[(u32, u32)]) {
        uids.iter().for_each(|(from, to)| self.vanished.add_range(*from, *to));
    }
}

impl Mirror {
    /// Looks at what is there. What somebody has removed here comes again.
    pub(super) fn open(dir: &Path, journal: &mut Journal<'_>) -> Result<Mirror> {
        let maildir = Maildir::make(dir)?;
        let mut there = HashMap::new();
        for sub in [Sub::New, Sub::Cur] {
            maildir.list(sub, |name| {
                there.insert(base(name).to_vec(), (sub, name.to_vec()));
            })?;
        }
        let known: BTreeMap<u32, PulledMessage> =
            journal.history.messages()?.into_iter().map(|message| (message.uid, message)).collect();
        let is_lost = |message: &&PulledMessage| message.place.as_ref().is_none_or(|place| !there.contains_key(place));
        let lost: HashSet<u32> = known.values().filter(is_lost).map(|message| message.uid).collect();
        if !lost.is_empty() {
            journal.unsettle(&lost);
        }
        Ok(Mirror { maildir, there, known, lost, flags: HashMap::new(), vanished: Uids::default() })
    }

    /// The server has given its UIDs anew, and of all messages it has only these: the others go. How many.
    pub(super) fn leave(&mut self, stay: &[PulledMessage], shown: &str, force: bool) -> Result<usize> {
        let stay: HashSet<&[u8]> = stay.iter().filter_map(|message| message.place.as_deref()).collect();
        let places = self.known.values().filter_map(|message| message.place.clone());
        let gone: Vec<Vec<u8>> = places.filter(|place| !stay.contains(place.as_slice())).collect();
        guard(shown, gone.len(), self.known.len(), force)?;
        let mut touched = HashSet::new();
        gone.iter().try_for_each(|place| self.remove(place, &mut touched))?;
        touched.iter().try_for_each(|sub| self.maildir.sync(*sub))?;
        Ok(gone.len())
    }

    fn remove(&mut self, place: &[u8], touched: &mut HashSet<Sub>) -> Result<()> {
        let Some((sub, name)) = self.there.remove(place) else { return Ok(()) };
        touched.insert(sub);
        let path = self.maildir.sub(sub).join(OsStr::from_bytes(&name));
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed.local(path.display()),
        }
    }

    /// Makes it what the server has, but for what is new and has been fetched. How many messages were removed. Where that would be too
    /// many, none is, and all the rest is done.
    pub(super) fn apply(&mut self, seen: Seen, journal: &mut Journal<'_>, shown: &str, force: bool) -> Result<usize> {
        let is_gone = |uid: &u32| if seen.all { !self.flags.contains_key(uid) } else { self.vanished.has(*uid) };
        let mut gone: Vec<u32> = self.known.keys().copied().filter(is_gone).collect();
        let guarded = guard(shown, gone.len(), self.known.len(), force);
        if guarded.is_err() {
            gone.clear();
        }
        let mut touched = HashSet::new();
        for uid in &gone {
            if let Some(place) = self.known.remove(uid).and_then(|message| message.place) {
                self.remove(&place, &mut touched)?;
            }
        }
        let mut changed = Vec::new();
        for message in self.known.values_mut().filter(|message| !self.lost.contains(&message.uid)) {
            let flags = self.flags.remove(&message.uid);
            let told = flags.or_else(|| message.letters.clone());
            let (Some(letters), Some(place)) = (told, &message.place) else { continue };
            if message.letters.as_ref() != Some(&letters) {
                message.letters = Some(letters.clone());
                changed.push(message.clone());
            }
            let Some((sub, name)) = self.there.get(place) else { continue };
            let plain = *sub == Sub::New && letters.is_empty();
            if !plain && (letters_of(name) != letters.as_bytes() || *sub == Sub::New) {
                let from = self.maildir.sub(*sub).join(OsStr::from_bytes(name));
                let to = self.maildir.sub(Sub::Cur).join(OsStr::from_bytes(&with_letters(place, letters.as_bytes())));
                match std::fs::rename(&from, &to) {
                    // A mail reader was faster: the next run sees it.
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                    renamed => renamed.local(from.display())?,
                }
                touched.extend([*sub, Sub::Cur]);
            }
        }
        touched.iter().try_for_each(|sub| self.maildir.sync(*sub))?;
        // What was not done must be told again.
        journal.seen(guarded.is_ok().then_some(seen.modseq), &changed, &gone)?;
        guarded.map(|()| gone.len())
    }
}

/// The directory of a mirror that stands for a folder of the server: as the server of `local:` has it (Maildir++), and others.
pub(super) fn directory(root: &Path, folder: &str, delimiter: Option<char>) -> Result<PathBuf> {
    let name = match delimiter {
        Some('/') | None => folder.to_owned(),
        // A solidus in a name is no level there.
        Some(other) => folder.replace('/', "%2F").replace(other, "/"),
    };
    place(root, &name).ok_or_else(|| Error::refused(format!("{folder}: no directory can have that name")))
}

/// A folder that is not on the server any more: its messages go, and its directories if nothing else is there.
pub(super) fn dissolve(dir: &Path, journal: &mut Journal<'_>, shown: &str, force: bool) -> Result<usize> {
    let mut mirror = Mirror::open(dir, journal)?;
    let opened = crate::client::imap::Opened { exists: 0, uid_validity: journal.validity, uid_next: None };
    let removed = mirror.apply(Seen { opened, modseq: 0, all: true }, journal, shown, force)?;
    // A folder of that name that comes back is another one.
    journal.renew(0, &[])?;
    for sub in ["new", "cur", "tmp", ""] {
        let _ = std::fs::remove_dir(dir.join(sub));
    }
    Ok(removed)
}

/// A server that has lost most of a folder may have a bad day.
fn guard(shown: &str, gone: usize, known: usize, force: bool) -> Result<()> {
    if force || gone <= FEW || gone <= known / 2 {
        return Ok(());
    }
    Err(Error::data(format!("{shown}: {gone} of {known} messages are gone there; none was removed here"))
        .advise("--force removes them"))
}
