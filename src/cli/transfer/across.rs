//! Between accounts: what one server sends goes on to the other as it comes.

use super::{Guard, Transfer, has_uidplus, no_undo, remove, still_there, with_advice};
use crate::body::Body;
use crate::cli::imap::Clients;
use crate::cli::reference::folder_name;
use crate::cli::wanted::Wanted;
use crate::client::imap::{Appended, Client, Fetched, Rows};
use crate::error::{Error, Exit, Result};
use crate::message::flags::Flags;
use crate::net::endpoint::Endpoint;
use crate::proto::imap::response::BodyName;
use crate::proto::imap::section::{FetchItem, Section};
use crate::proto::imap::set::{SequenceSet, within};
use crate::store::spool::Spool;

/// Messages that are asked for at a time: those whose copies are confirmed are then removed.
const BATCH: usize = 50;

impl Transfer<'_> {
    pub(super) fn across(
        &mut self,
        clients: &mut Clients<'_>,
        wanted: &Wanted,
        to: &Endpoint,
        folder: &str,
        guard: &Guard<'_>,
    ) -> Result<()> {
        // Both ends must stand before anything is done at either.
        let mut target = clients.take(to)?;
        if self.undo.is_some() && !(target.has("UIDPLUS") || target.has("IMAP4REV2")) {
            clients.give(to, target);
            return Err(no_undo(&folder_name(to, folder)));
        }
        let mut broken = None;
        let done = self.stream(clients, wanted, &mut Target { client: &mut target, to, folder }, guard, &mut broken);
        if broken.is_none() {
            clients.give(to, target);
        }
        done
    }

    fn stream(
        &mut self,
        clients: &mut Clients<'_>,
        wanted: &Wanted,
        target: &mut Target<'_>,
        guard: &Guard<'_>,
        broken: &mut Option<Error>,
    ) -> Result<()> {
        let mut selected = if self.moving { clients.select(wanted)? } else { clients.examine(wanted)? };
        let Some(found) = self.find(&mut selected, wanted, guard)? else { return Ok(()) };
        if self.moving && !has_uidplus(&selected) {
            crate::cli::exit::complain(
                self.program,
                &format!(
                    "{}: the server can't delete single messages (UIDPLUS): the originals will stay, marked",
                    wanted.folder
                ),
                None,
            );
        }
        let place = folder_name(target.to, target.folder);
        let prefix = found.prefix;
        let section = FetchItem::Section { section: Section::default(), peek: true, partial: None };
        let items = [FetchItem::Flags, FetchItem::InternalDate, section];
        let mut rest = found.set.numbers(u32::MAX).peekable();
        while rest.peek().is_some() {
            let batch = SequenceSet::from_numbers(rest.by_ref().take(BATCH));
            if let Some(e) = broken {
                let all = batch.or(&SequenceSet::from_numbers(rest));
                return self.report.failed(&prefix, &all, &e.clone().with_exit(Exit::TempFail));
            }
            let mut pour = Pour { target, broken, told: Vec::new(), pending: None };
            let fetched = selected.fetch(&batch, &items, &mut pour);
            let told = pour.told;
            let (mut delivered, mut named) = (Vec::new(), Vec::new());
            for (uid, outcome) in told {
                named.push(uid);
                let one = SequenceSet::from_numbers([uid]);
                match outcome {
                    Ok(appended) => {
                        let now = appended.map(|a| format!("{place}#{}.{}", a.uid_validity, a.uid));
                        if !self.moving {
                            self.report.appended(&prefix, uid, now.as_deref())?;
                        }
                        delivered.push((uid, now));
                    }
                    Err(e) => self.report.failed(&prefix, &one, &with_advice(e, &place))?,
                }
            }
            let reached = SequenceSet::from_numbers(named).resolve(u32::MAX);
            let missing = SequenceSet::from_numbers(batch.numbers(u32::MAX).filter(|uid| !within(&reached, *uid)));
            if !missing.is_empty() {
                let why = match (&fetched, &*broken) {
                    (Err(e), _) => e.clone(),
                    (Ok(()), Some(e)) => e.clone().with_exit(Exit::TempFail),
                    (Ok(()), None) => Error::refused("no such message"),
                };
                self.report.failed(&prefix, &missing, &why)?;
            }
            let originals = SequenceSet::from_numbers(delivered.iter().map(|(uid, _)| *uid));
            if self.moving && !originals.is_empty() {
                let lost = fetched.as_ref().err().filter(|e| e.exit() != Exit::Refused);
                if let Some(e) = lost {
                    self.report.failed(&prefix, &originals, &still_there(e.clone()))?;
                } else {
                    remove(&mut selected, &originals, &mut |part, outcome| match outcome {
                        Ok(()) => {
                            let ranges = part.resolve(u32::MAX);
                            let from = prefix.rsplit_once('#').map_or("", |(folder, _)| folder);
                            for (uid, now) in delivered.iter().filter(|(uid, _)| within(&ranges, *uid)) {
                                if let Some(undo) = &mut self.undo {
                                    undo.note(now.iter().cloned(), from)?;
                                }
                                self.report.appended(&prefix, *uid, now.as_deref())?;
                            }
                            Ok(())
                        }
                        Err(e) => self.report.failed(&prefix, part, &still_there(e)),
                    })?;
                }
            }
            match fetched {
                Err(e) if e.exit() != Exit::Refused => {
                    let rest = SequenceSet::from_numbers(rest);
                    if !rest.is_empty() {
                        self.report.failed(&prefix, &rest, &e)?;
                    }
                    return Err(e);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

struct Target<'t> {
    client: &'t mut Client,
    to: &'t Endpoint,
    folder: &'t str,
}

/// From the rows of a FETCH into APPENDs.
struct Pour<'p, 't> {
    target: &'p mut Target<'t>,
    /// Why the target can't be used any more.
    broken: &'p mut Option<Error>,
    told: Vec<(u32, Result<Option<Appended>>)>,
    /// A message whose UID or flags come behind it, by its number.
    pending: Option<(u32, Spool)>,
}

impl Pour<'_, '_> {
    fn put(&mut self, row: &Fetched, size: u64, body: &mut dyn Body) -> Result<()> {
        if self.broken.is_some() || self.told.iter().any(|(uid, _)| *uid == row.uid) {
            return Ok(());
        }
        let mut flags = Flags::none();
        for word in row.flags.iter().flatten() {
            flags.add(word);
        }
        let flags: Vec<String> = flags.words().map(str::to_owned).collect();
        let mut source = Source { body, error: None };
        let appended = self.target.client.append(self.target.folder, &flags, row.internal_date, size, &mut source);
        if let Some(e) = source.error {
            // The source ended in the middle, and so did the APPEND: nothing was stored.
            *self.broken = Some(Error::temporary("closed, as the other server's message ended in the middle"));
            self.told.push((row.uid, Err(e.clone())));
            return Err(e);
        }
        if let Err(e) = &appended
            && !matches!(e.exit(), Exit::Refused | Exit::Data)
        {
            *self.broken = Some(e.clone());
        }
        self.told.push((row.uid, appended));
        Ok(())
    }
}

impl Rows for Pour<'_, '_> {
    fn literal(&mut self, so_far: &Fetched, name: &BodyName, size: u64, body: &mut dyn Body) -> Result<()> {
        self.pending = None;
        if *name != BodyName::Section(Section::default(), None) {
            return Ok(());
        }
        if so_far.uid > 0 && so_far.flags.is_some() && so_far.internal_date.is_some() {
            return self.put(so_far, size, body);
        }
        let mut spool = Spool::new();
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                self.pending = Some((so_far.number, spool));
                return Ok(());
            }
            spool.push(piece)?;
        }
    }

    fn row(&mut self, row: Fetched) -> Result<()> {
        match self.pending.take() {
            Some((number, mut spool)) if number == row.number => {
                let size = spool.len();
                self.put(&row, size, &mut spool.body()?)
            }
            _ => Ok(()),
        }
    }
}

/// Tells the source's errors from the target's.
struct Source<'s> {
    body: &'s mut dyn Body,
    error: Option<Error>,
}

impl Body for Source<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        match self.body.chunk() {
            Ok(piece) => Ok(piece),
            Err(e) => {
                self.error = Some(e.clone());
                Err(e)
            }
        }
    }
}
