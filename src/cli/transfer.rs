//! Messages from folder to folder: on one server by COPY and MOVE, between accounts as a stream.
//!
//! An original goes only when its copy is confirmed, and by UID EXPUNGE, which names it; where the server has none it stays, marked.

mod across;
mod undo;

pub use undo::{Undo, replay};

use super::Outcome;
use super::changes::{Found, Report, check, find};
use super::connect::Reach;
use super::exit::complain;
use super::imap::{Clients, opened};
use super::out::Out;
use super::reference::folder_name;
use super::wanted::Wanted;
use crate::client::imap::{Changed, Selected};
use crate::error::{Error, Exit, Result};
use crate::net::endpoint::Endpoint;
use crate::proto::imap::command::Store;
use crate::proto::imap::set::{SequenceSet, within};

/// What is done with all messages.
pub struct Transfer<'t> {
    /// The program, for messages to people.
    pub program: &'static str,
    /// The originals go.
    pub moving: bool,
    /// They are looked up, and nothing is done.
    pub dry_run: bool,
    /// The steps are told.
    pub verbose: bool,
    /// What became of each.
    pub report: &'t mut Report,
    /// Where it is written what undoes it.
    pub undo: Option<&'t mut Undo>,
}

/// A whole program's work: messages to bring to folders.
pub struct Going {
    /// The program, for messages to people.
    pub program: &'static str,
    /// The originals go.
    pub moving: bool,
    /// `-n`
    pub dry_run: bool,
    /// `-v`
    pub verbose: bool,
    /// `--json`
    pub json: bool,
    /// `--refs`
    pub refs: bool,
    /// `-e`
    pub exit_status: bool,
    /// The file of `--undo`.
    pub undo: Option<Undo>,
}

/// The folder that messages go to, and which they are.
pub type Job = (Endpoint, String, Vec<Wanted>);

impl Going {
    /// Does it, and says what became of it.
    ///
    /// # Errors
    /// 69: references are void; 74; 76.
    pub fn run(&mut self, reach: &Reach, jobs: &[Job]) -> Outcome {
        let mut clients = Clients::new(reach, self.program);
        let mut report = Report::new(self.program, self.json, self.refs, Out::until(reach.whole()));
        for (_, _, all) in jobs {
            check(&mut clients, all)?;
        }
        for (to, folder, all) in jobs {
            for wanted in all {
                let (moving, dry_run, verbose) = (self.moving, self.dry_run, self.verbose);
                let (report, undo) = (&mut report, self.undo.as_mut());
                let mut transfer = Transfer { program: self.program, moving, dry_run, verbose, report, undo };
                if let Err(e) = transfer.run(&mut clients, wanted, to, folder, &|_, _, _| Ok(())) {
                    clients.forget(&wanted.at);
                    transfer.report.ended(e)?;
                }
            }
        }
        clients.close()?;
        Ok(report.status(self.exit_status))
    }
}

/// May say that it is too much.
pub type Guard<'g> = dyn Fn(&Wanted, &SequenceSet, u32) -> Result<()> + 'g;

impl Transfer<'_> {
    /// Brings messages of a folder to `folder` of the account `to`.
    ///
    /// # Errors
    /// Those of the source's connection and of lookups, 65 of the guard; what became of each message is in the report.
    pub fn run(
        &mut self,
        clients: &mut Clients<'_>,
        wanted: &Wanted,
        to: &Endpoint,
        folder: &str,
        guard: &Guard<'_>,
    ) -> Result<()> {
        let place = folder_name(to, folder);
        if folder_name(&wanted.at, "") != folder_name(to, "") {
            return self.across(clients, wanted, to, folder, guard);
        }
        let same = wanted.folder == folder
            || (wanted.folder.eq_ignore_ascii_case("INBOX") && folder.eq_ignore_ascii_case("INBOX"));
        if self.moving && same {
            return Err(Error::usage(format!("{place}: that is where they are")));
        }
        let mut selected = if self.moving { clients.select(wanted)? } else { clients.examine(wanted)? };
        let Some(found) = self.find(&mut selected, wanted, guard)? else { return Ok(()) };
        if self.undo.is_some() && !has_uidplus(&selected) {
            return Err(no_undo(&place));
        }
        let Found { prefix, set } = &found;
        if !self.moving {
            return selected.copy(set, folder, &mut |part, outcome| match outcome {
                Ok(changed) => self.report.copied(prefix, part, &place, &changed),
                Err(e) => self.report.failed(prefix, part, &with_advice(e, &place)),
            });
        }
        if has_move(&selected) {
            return selected.move_to(set, folder, &mut |part, outcome| match outcome {
                Ok(changed) => self.moved(prefix, part, &place, &changed),
                Err(e) => self.report.failed(prefix, part, &with_advice(e, &place)),
            });
        }
        let mut copies: Vec<(SequenceSet, Changed)> = Vec::new();
        let copied = selected.copy(set, folder, &mut |part, outcome| match outcome {
            Ok(changed) => {
                copies.push((part.clone(), changed));
                Ok(())
            }
            Err(e) => self.report.failed(prefix, part, &with_advice(e, &place)),
        });
        // A connection that is lost now leaves copies and originals, and the report says so.
        for (part, changed) in &copies {
            remove(&mut selected, part, &mut |part, outcome| match outcome {
                Ok(()) => self.moved(prefix, part, &place, changed),
                Err(e) => self.report.failed(prefix, part, &still_there(e)),
            })?;
        }
        copied
    }

    /// Looks up what is there. `None`: there is nothing to do, or nothing shall be done.
    fn find(&mut self, selected: &mut Selected<'_>, wanted: &Wanted, guard: &Guard<'_>) -> Result<Option<Found>> {
        if self.verbose {
            complain(self.program, &opened(&wanted.folder, selected.opened()), None);
        }
        let found = find(selected, wanted, self.report)?;
        if found.set.is_empty() {
            return Ok(None);
        }
        guard(wanted, &found.set, selected.exists())?;
        if self.dry_run {
            self.report.would(&found.prefix, &found.set)?;
            return Ok(None);
        }
        Ok(Some(found))
    }

    fn moved(&mut self, prefix: &str, part: &SequenceSet, place: &str, changed: &Changed) -> Result<()> {
        self.note(prefix, part, place, changed)?;
        self.report.copied(prefix, part, place, changed)
    }

    /// Writes down how to undo it.
    fn note(&mut self, prefix: &str, part: &SequenceSet, place: &str, changed: &Changed) -> Result<()> {
        let Some(undo) = &mut self.undo else { return Ok(()) };
        let from = prefix.rsplit_once('#').map_or("", |(folder, _)| folder);
        match &changed.copied {
            Some(copied) => {
                let ranges = part.resolve(u32::MAX);
                let pairs = copied.pairs().filter(|(uid, _)| within(&ranges, *uid));
                undo.note(pairs.map(|(_, uid)| format!("{place}#{}.{uid}", copied.uid_validity)), from)
            }
            None => {
                complain(
                    self.program,
                    &format!("{from}: UID {part}: the server does not tell what it became: no undo"),
                    None,
                );
                Ok(())
            }
        }
    }
}

/// Deletes messages for good, and no others: `each` gets parts of the set, and what became of them.
///
/// # Errors
/// Those of the connection; whatever `each` returns.
pub fn remove(
    selected: &mut Selected<'_>,
    set: &SequenceSet,
    each: &mut dyn FnMut(&SequenceSet, Result<()>) -> Result<()>,
) -> Result<()> {
    let mut marked = Vec::new();
    selected.store(set, Store::Add, &["\\Deleted".to_owned()], None, &mut |part, outcome| match outcome {
        Ok(_) => {
            marked.extend(part.resolve(u32::MAX));
            Ok(())
        }
        Err(e) => each(part, Err(e)),
    })?;
    let marked = SequenceSet::from_ranges(marked);
    if marked.is_empty() {
        return Ok(());
    }
    if !has_uidplus(selected) {
        let why = "marked \\Deleted and still there: the server can't delete single messages (UIDPLUS)";
        return each(
            &marked,
            Err(Error::refused(why).advise("a mail program's \"compact\" deletes all that are marked")),
        );
    }
    selected.expunge(&marked, &mut |part, outcome| each(part, outcome.map(drop)))
}

fn has_uidplus(selected: &Selected<'_>) -> bool {
    selected.has("UIDPLUS") || selected.has("IMAP4REV2")
}

fn has_move(selected: &Selected<'_>) -> bool {
    selected.has("MOVE") || selected.has("IMAP4REV2")
}

fn no_undo(place: &str) -> Error {
    Error::refused(format!(
        "{place}: the server does not tell what messages become (UIDPLUS), so nothing could undo it"
    ))
}

/// The copy is there, and the original is too, or may be: the same command again would make another copy.
fn still_there(e: Error) -> Error {
    let known =
        if e.exit() == Exit::Unknown { "copied, and the original may be gone" } else { "copied, but the original" };
    e.with_exit(Exit::Partial).at(known)
}

/// RFC 3501 6.3.11: TRYCREATE.
fn with_advice(e: Error, place: &str) -> Error {
    if e.to_string().contains("[TRYCREATE]") { e.advise(format!("imap-mkdir '{place}' creates it")) } else { e }
}
