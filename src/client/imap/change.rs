//! What is done to messages of an open folder: STORE, COPY, MOVE (RFC 6851), UID EXPUNGE (RFC 4315).
//!
//! A large set goes in parts, one after the other, so that a lost connection leaves no more than one of them in doubt.

use super::selected::Selected;
use super::talk::{Listen, refusal};
use crate::error::{Exit, Result};
use crate::proto::imap::command::{Command, Store};
use crate::proto::imap::response::{Code, Condition, Status, Untagged};
use crate::proto::imap::set::{SequenceSet, UidList, within};

/// Messages that one command names.
const PART: u64 = 1000;
/// Ranges that one command names: its line stays below the 1000 bytes of RFC 2683 3.2.1.5, more or less.
const RANGES: usize = 50;

/// What became of what, RFC 4315: UIDs in the folder that is open, and their copies in another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The other folder's UIDVALIDITY.
    pub uid_validity: u32,
    from: UidList,
    to: UidList,
}

impl Copied {
    /// The UIDs here and there.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.from.uids().zip(self.to.uids())
    }
}

/// What a part of a set has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// COPY and MOVE: the new UIDs, if the server tells.
    pub copied: Option<Copied>,
    /// STORE: those that somebody else had changed meanwhile, and that were left alone (RFC 7162 3.1.3).
    pub modified: SequenceSet,
}

/// Takes each part of a set, in their order, and what became of it; what was not reached is one part, the last.
pub type EachPart<'e> = dyn FnMut(&SequenceSet, Result<Changed>) -> Result<()> + 'e;

impl Selected<'_> {
    /// Whether the folder keeps this flag or keyword for good; where the server does not tell, it is hoped for.
    #[must_use]
    pub fn keeps(&self, flag: &str) -> bool {
        let Some(permanent) = &self.talk.told.permanent else { return true };
        let named = |word: &str| permanent.iter().any(|p| p.eq_ignore_ascii_case(word));
        named(flag) || (!flag.starts_with('\\') && named("\\*"))
    }

    /// UID STORE: changes flags of messages, without being told what they are then.
    ///
    /// # Errors
    /// 64: it is no flag; 75, 76 of the connection; whatever `each` returns.
    pub fn store(
        &mut self,
        set: &SequenceSet,
        how: Store,
        flags: &[String],
        unchanged_since: Option<i64>,
        each: &mut EachPart<'_>,
    ) -> Result<()> {
        let flags = flags.to_vec();
        let store = |set| Command::Store { uid: true, set, unchanged_since, how, silent: true, flags: flags.clone() };
        // Whoever repeats it changes nothing.
        self.in_parts("STORE: ", set, &store, Exit::TempFail, each)
    }

    /// UID COPY: a part whose answer was lost may have been copied (79).
    ///
    /// # Errors
    /// 64: CR, LF or NUL in the folder's name; 75, 76 of the connection; whatever `each` returns.
    pub fn copy(&mut self, set: &SequenceSet, folder: &str, each: &mut EachPart<'_>) -> Result<()> {
        let copy = |set| Command::Copy { uid: true, set, mailbox: folder.to_owned() };
        self.in_parts(&format!("{folder}: "), set, &copy, Exit::Unknown, each)
    }

    /// UID MOVE, of servers with MOVE: a part whose answer was lost is either here or there (79).
    ///
    /// # Errors
    /// As [`Selected::copy`].
    pub fn move_to(&mut self, set: &SequenceSet, folder: &str, each: &mut EachPart<'_>) -> Result<()> {
        let command = |set| Command::Move { uid: true, set, mailbox: folder.to_owned() };
        self.in_parts(&format!("{folder}: "), set, &command, Exit::Unknown, each)
    }

    /// UID EXPUNGE, of servers with UIDPLUS: deletes those of the set that have `\Deleted`, for good.
    ///
    /// # Errors
    /// 75, 76 of the connection; whatever `each` returns.
    pub fn expunge(&mut self, set: &SequenceSet, each: &mut EachPart<'_>) -> Result<()> {
        self.in_parts("EXPUNGE: ", set, &Command::UidExpunge, Exit::Unknown, each)
    }

    fn in_parts(
        &mut self,
        what: &str,
        set: &SequenceSet,
        command: &dyn Fn(SequenceSet) -> Command,
        lost: Exit,
        each: &mut EachPart<'_>,
    ) -> Result<()> {
        let mut parts = parts(&set.resolve(u32::MAX)).into_iter();
        while let Some(part) = parts.next() {
            let mut heard = Heard { asked: part.resolve(u32::MAX), copied: None };
            let answer = match self.talk.ask(&command(part.clone()), &mut heard) {
                Ok(answer) => answer,
                Err(e) => {
                    let exit = if e.exit() == Exit::TempFail { lost } else { e.exit() };
                    each(&part, Err(e.clone().with_exit(exit)))?;
                    let rest = SequenceSet::from_ranges(parts.flat_map(|part| part.resolve(u32::MAX)));
                    if !rest.is_empty() {
                        each(&rest, Err(e.clone()))?;
                    }
                    return Err(e);
                }
            };
            let outcome = if answer.condition == Condition::Ok {
                heard.status(&answer);
                Ok(Changed { copied: heard.copied, modified: modified(&answer) })
            } else {
                Err(refusal(what, &answer).at(self.peer()))
            };
            each(&part, outcome)?;
        }
        Ok(())
    }
}

/// The messages that STORE has left alone.
fn modified(answer: &Status) -> SequenceSet {
    match &answer.code {
        Some(Code::Other(name, rest)) if name == "MODIFIED" => rest.parse().unwrap_or_default(),
        _ => SequenceSet::default(),
    }
}

/// A set in parts of which each is a command's.
fn parts(ranges: &[(u32, u32)]) -> Vec<SequenceSet> {
    let (mut all, mut part, mut count) = (Vec::new(), Vec::new(), 0u64);
    for (from, to) in ranges {
        let mut from = *from;
        loop {
            let room = PART.saturating_sub(count);
            let end = u64::from(from).saturating_add(room).saturating_sub(1).min(u64::from(*to));
            let end = u32::try_from(end).unwrap_or(*to);
            part.push((from, end));
            count = count.saturating_add(u64::from(end.saturating_sub(from))).saturating_add(1);
            if count >= PART || part.len() >= RANGES {
                all.push(SequenceSet::from_ranges(std::mem::take(&mut part)));
                count = 0;
            }
            match end.checked_add(1).filter(|next| next <= to) {
                Some(next) => from = next,
                None => break,
            }
        }
    }
    if !part.is_empty() {
        all.push(SequenceSet::from_ranges(part));
    }
    all
}

/// COPYUID comes with the answer, or with MOVE before it.
struct Heard {
    asked: Vec<(u32, u32)>,
    copied: Option<Copied>,
}

impl Heard {
    fn status(&mut self, status: &Status) {
        let Some(Code::CopyUid(uid_validity, from, to)) = &status.code else { return };
        let asked: u64 = self.asked.iter().map(|(a, b)| u64::from(b.saturating_sub(*a)).saturating_add(1)).sum();
        // More than was asked for, or in no pairs: then it tells nothing.
        let fits = from.count() == to.count() && from.count() <= asked;
        if fits && from.uids().all(|uid| within(&self.asked, uid)) {
            self.copied = Some(Copied { uid_validity: *uid_validity, from: from.clone(), to: to.clone() });
        }
    }
}

impl Listen for Heard {
    fn untagged(&mut self, what: Untagged) -> Result<()> {
        if let Untagged::Status(status) = what {
            self.status(&status);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{login, play};
    use super::super::{Client, Wire};
    use super::*;
    use crate::net::script::{End, Mode, Script};
    use crate::net::trace::Side;
    use proptest::prelude::*;

    const BEFORE: &str = "S: * OK [CAPABILITY IMAP4rev1 MOVE UIDPLUS] hi
C: $a LOGIN mrc ***
S: $a OK [CAPABILITY IMAP4rev1 MOVE UIDPLUS] in
C: $b SELECT INBOX
S: * 3 EXISTS
S: * OK [UIDVALIDITY 7] x
S: * OK [PERMANENTFLAGS (\\\\Seen $Label)] x
S: $b OK [READ-WRITE] x
";

    fn moved(wire: Wire, set: &str) -> Result<Vec<String>> {
        let mut client = Client::open(wire, Some(&login()), false)?;
        let mut inbox = client.select("INBOX")?;
        let mut said = Vec::new();
        let _ = inbox.move_to(&set.parse().unwrap(), "Archive", &mut |set, outcome| {
            said.push(match outcome {
                Ok(changed) => {
                    let pairs: Vec<_> = changed.copied.iter().flat_map(Copied::pairs).collect();
                    format!("{set} {pairs:?}")
                }
                Err(e) => format!("{set} {}", e.exit().code()),
            });
            Ok(())
        });
        Ok(said)
    }

    #[test]
    fn moves_are_told_and_lost_ones_are_unknown() {
        let script = format!(
            "{BEFORE}C: $c UID MOVE 3:5 Archive\nS: * OK [COPYUID 9 3,5 11:12] x\nS: * 1 EXPUNGE\nS: * 1 EXPUNGE\nS: $c OK x\n"
        );
        let parsed = Script::parse(&script).unwrap();
        let (end, said) = play(&parsed, Mode::default(), |wire| moved(wire, "3:5"));
        assert_eq!((end, said.unwrap()), (End::Whole, vec!["3:5 [(3, 11), (5, 12)]".to_owned()]));
        for cut in 6..parsed.said_by(Side::Server) {
            let (_, said) =
                play(&parsed, Mode { byte_by_byte: false, cut_after: Some(cut) }, |wire| moved(wire, "3:5"));
            assert_eq!(said.unwrap(), ["3:5 79"], "cut {cut}");
        }
        // A server that tells of others than were asked for tells nothing.
        let script = script.replace("3,5 11:12", "1:4294967295 1:4294967295");
        let (_, said) = play(&Script::parse(&script).unwrap(), Mode::default(), |wire| moved(wire, "3:5"));
        assert_eq!(said.unwrap(), ["3:5 []"]);
        let refused = format!("{BEFORE}C: $c UID MOVE 3:5 Archive\nS: $c NO [TRYCREATE] x\n");
        let (_, said) = play(&Script::parse(&refused).unwrap(), Mode::default(), |wire| moved(wire, "3:5"));
        assert_eq!(said.unwrap(), ["3:5 69"]);
        // What was not reached is for later.
        let script =
            format!("{BEFORE}C: $c UID MOVE 1:1000 Archive\nS: $c OK x\nC: $d UID MOVE 1001:2000 Archive\n== close\n");
        let (_, said) = play(&Script::parse(&script).unwrap(), Mode::default(), |wire| moved(wire, "1:2500"));
        assert_eq!(said.unwrap(), ["1:1000 []", "1001:2000 79", "2001:2500 75"]);
    }

    #[test]
    fn flags_that_are_kept_and_those_that_others_changed() {
        let script = format!(
            "{BEFORE}C: $c UID STORE 3:5 (UNCHANGEDSINCE 12) +FLAGS.SILENT ($Label)\nS: * 2 FETCH (UID 4 FLAGS ())\nS: $c OK [MODIFIED 4] x\n"
        );
        let (end, said) = play(&Script::parse(&script).unwrap(), Mode::default(), |wire| {
            let mut client = Client::open(wire, Some(&login()), false)?;
            let mut inbox = client.select("INBOX")?;
            assert!(inbox.keeps("\\seen") && inbox.keeps("$label") && !inbox.keeps("\\Draft") && !inbox.keeps("other"));
            let mut said = Vec::new();
            let set = "3:5".parse().unwrap();
            inbox.store(&set, Store::Add, &["$Label".to_owned()], Some(12), &mut |_, outcome| {
                said.push(outcome?.modified.to_string());
                Ok(())
            })?;
            Ok(said)
        });
        assert_eq!((end, said.unwrap()), (End::Whole, vec!["4".to_owned()]));
    }

    #[test]
    fn a_folder_that_can_only_be_read() {
        let script = BEFORE.replace("READ-WRITE", "READ-ONLY");
        let (_, said) = play(&Script::parse(&script).unwrap(), Mode::default(), |wire| moved(wire, "1"));
        assert_eq!(said.unwrap_err().exit(), Exit::Refused);
    }

    proptest! {
        #[test]
        fn parts_are_the_whole(ranges in proptest::collection::vec((1u32..20_000, 0u32..3000), 0..120)) {
            let set = SequenceSet::from_ranges(ranges.into_iter().map(|(a, n)| (a, a + n)));
            let parts = parts(&set.resolve(u32::MAX));
            let whole = parts.iter().fold(SequenceSet::default(), |all, part| all.or(part));
            prop_assert_eq!(whole, set);
            for part in parts {
                prop_assert!(part.to_string().len() < 1000 && part.numbers(u32::MAX).count() as u64 <= PART);
            }
        }
    }
}
