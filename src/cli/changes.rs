//! What programs share that change messages on a server: which messages are there, what became of each, and a guard.

use super::exit::{Tally, complain};
use super::imap::Clients;
use super::out::Out;
use super::reference::folder_name;
use super::wanted::{Wanted, Which};
use crate::client::imap::{Changed, Selected};
use crate::error::{Error, Exit, Result};
use crate::proto::imap::set::SequenceSet;
use serde_json::json;
use std::collections::HashMap;

/// Ranges and searches may take so many messages away without being forced.
const FEW: usize = 10;

/// Messages of a folder that are there.
pub struct Found {
    /// `ACCOUNT:FOLDER#UIDVALIDITY.`
    pub prefix: String,
    /// Their UIDs.
    pub set: SequenceSet,
}

/// Before anything is changed, every reference must be known to be good.
///
/// # Errors
/// 69: one is not; those of the connections.
pub fn check(clients: &mut Clients<'_>, all: &[Wanted]) -> Result<()> {
    if let [_, _, ..] = all {
        all.iter().try_for_each(|wanted| clients.examine(wanted).map(drop))?;
    }
    Ok(())
}

/// Looks up which of the wanted messages are there; those that were named and are not are told.
///
/// # Errors
/// 69: a search is refused; 75, 76.
pub fn find(selected: &mut Selected<'_>, wanted: &Wanted, report: &mut Report) -> Result<Found> {
    let prefix = format!("{}#{}.", folder_name(&wanted.at, &wanted.folder), selected.uid_validity());
    let set = match &wanted.which {
        Which::Search(key) => selected.search(key)?,
        Which::Uids(set, named) => {
            let there = selected.present(set)?;
            let ranges = there.resolve(u32::MAX);
            let gone = named.numbers(u32::MAX).filter(|uid| !crate::proto::imap::set::within(&ranges, *uid));
            let gone = SequenceSet::from_numbers(gone);
            if !gone.is_empty() {
                report.failed(&prefix, &gone, &Error::refused("no such message"))?;
            }
            there
        }
    };
    Ok(Found { prefix, set })
}

/// A range or a search that takes away most of a folder may be a mistake.
///
/// # Errors
/// 65: so it seems.
pub fn guard(wanted: &Wanted, set: &SequenceSet, exists: u32, all: bool) -> Result<()> {
    let doubtful = match &wanted.which {
        _ if all => false,
        Which::Search(_) => true,
        Which::Uids(asked, named) => asked != named,
    };
    let few = set.numbers(u32::MAX).take(FEW + 1).count() <= FEW;
    if !doubtful || few {
        return Ok(());
    }
    let count = set.numbers(u32::MAX).count();
    if u64::try_from(count).unwrap_or(u64::MAX) <= u64::from(exists) / 2 {
        return Ok(());
    }
    let folder = &wanted.folder;
    Err(Error::data(format!("{folder}: that is {count} of {exists} messages; nothing was done to them"))
        .advise("--force does it, -n lists them"))
}

/// What became of each message.
pub struct Report {
    program: &'static str,
    /// An object for each message.
    json: bool,
    /// The new reference of each message that has one.
    refs: bool,
    out: Out,
    /// With `-n` something was told.
    told: bool,
    /// The status of all.
    pub tally: Tally,
}

impl Report {
    /// A report on stdout.
    #[must_use]
    pub fn new(program: &'static str, json: bool, refs: bool, out: Out) -> Report {
        Report { program, json, refs, out, told: false, tally: Tally::default() }
    }

    /// Something was done to each message of a set.
    ///
    /// # Errors
    /// 74: nobody reads the report.
    pub fn done(&mut self, prefix: &str, set: &SequenceSet) -> Result<()> {
        self.tally.done();
        self.tell(prefix, set, None, &HashMap::new())
    }

    /// Each message of a set is now elsewhere too: `place` names the folder, `now` has the pairs that the server told.
    ///
    /// # Errors
    /// 74: nobody reads the report.
    pub fn copied(&mut self, prefix: &str, set: &SequenceSet, place: &str, now: &Changed) -> Result<()> {
        self.tally.done();
        self.tell(prefix, set, None, &places(place, now))
    }

    /// A message is now elsewhere too; `now` is its reference there, if the server told it.
    ///
    /// # Errors
    /// 74: nobody reads the report.
    pub fn appended(&mut self, prefix: &str, uid: u32, now: Option<&str>) -> Result<()> {
        self.tally.done();
        let now = now.map(|now| (uid, now.to_owned())).into_iter().collect();
        self.tell(prefix, &SequenceSet::from_numbers([uid]), None, &now)
    }

    /// Nothing was done to a set, or nobody knows: `why` has the status.
    ///
    /// # Errors
    /// 74: nobody reads the report.
    pub fn failed(&mut self, prefix: &str, set: &SequenceSet, why: &Error) -> Result<()> {
        let mut shown = set.to_string();
        if shown.len() > 100 {
            shown.truncate(100);
            shown.push_str("...");
        }
        let folder = prefix.rsplit_once('#').map_or("", |(folder, _)| folder);
        complain(self.program, &format!("{folder}: UID {shown}: {why}"), why.advice());
        self.tally.failed(why.exit());
        self.tell(prefix, set, Some(why), &HashMap::new())
    }

    /// With `-n`: these are they.
    ///
    /// # Errors
    /// 74.
    pub fn would(&mut self, prefix: &str, set: &SequenceSet) -> Result<()> {
        self.told |= !set.is_empty();
        set.numbers(u32::MAX).try_for_each(|uid| self.out.must(format!("{prefix}{uid}\n").as_bytes()))
    }

    fn tell(
        &mut self,
        prefix: &str,
        set: &SequenceSet,
        error: Option<&Error>,
        now: &HashMap<u32, String>,
    ) -> Result<()> {
        if !self.json && !self.refs {
            return Ok(());
        }
        let mut text = String::new();
        for uid in set.numbers(u32::MAX) {
            let now = now.get(&uid);
            if self.json {
                let object = json!({
                    "ref": format!("{prefix}{uid}"),
                    "fate": error.map_or("done", |e| e.fate().word()),
                    "now": now,
                    "error": error.map(ToString::to_string),
                });
                text.push_str(&format!("{object}\n"));
            } else if let Some(now) = now {
                text.push_str(&format!("{now}\n"));
            }
        }
        self.out.must(text.as_bytes())
    }

    /// The status of all; 1 if nothing was done and `exit_status` asks for that.
    #[must_use]
    pub fn status(&self, exit_status: bool) -> Exit {
        match self.tally.exit() {
            Exit::Ok if exit_status && self.tally.is_empty() && !self.told => Exit::None,
            exit => exit,
        }
    }

    /// Notes an error that ended what was going on with a folder or an account.
    ///
    /// # Errors
    /// The error itself, where nothing should go on behind it: 74 and 76.
    pub fn ended(&mut self, e: Error) -> Result<()> {
        if matches!(e.exit(), Exit::Protocol | Exit::IoErr | Exit::CantCreate) {
            return Err(e);
        }
        complain(self.program, &e.to_string(), e.advice());
        self.tally.failed(e.exit());
        Ok(())
    }
}

/// The new reference of each old UID. A part of a set has a thousand of them.
fn places(place: &str, now: &Changed) -> HashMap<u32, String> {
    let pairs = now.copied.iter().flat_map(|copied| copied.pairs().map(|pair| (pair, copied.uid_validity)));
    pairs.map(|((from, to), validity)| (from, format!("{place}#{validity}.{to}"))).collect()
}
