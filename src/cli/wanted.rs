//! What the arguments name: a folder and a set or a search, or references.

use super::imap::uid_set;
use super::query::Looking;
use super::reference::{Reference, folder_name};
use crate::error::{Error, Local, Result};
use crate::net::endpoint::Endpoint;
use crate::proto::imap::search::SearchKey;
use crate::proto::imap::set::SequenceSet;
use crate::text::chomp;
use std::collections::HashMap;
use std::io::{BufRead, Read};

/// A longer line on stdin is no reference.
pub(super) const LINE: u64 = 64 * 1024;

/// Messages of one folder.
pub struct Wanted {
    /// The account and the folder.
    pub at: Endpoint,
    /// The folder's name.
    pub folder: String,
    /// What UIDVALIDITY must be, if references say so.
    pub uid_validity: Option<u32>,
    /// Which of its messages.
    pub which: Which,
}

/// Messages of a folder.
pub enum Which {
    /// These UIDs; those of the second set were named one by one and must be there.
    Uids(SequenceSet, SequenceSet),
    /// Those that are found.
    Search(Box<SearchKey>),
}

/// What account an argument names, or none.
pub type Name<'n> = dyn Fn(Option<&str>) -> Result<Endpoint> + 'n;

/// All folders, and whether it is one message that was asked for by its name.
///
/// # Errors
/// 64: they are no messages.
pub fn wanted(what: &[String], looking: &Looking, stdin: impl BufRead, name: &Name<'_>) -> Result<(Vec<Wanted>, bool)> {
    let parse = |text: &str| Reference::parse(text, &|account| name(Some(account)));
    if what.iter().any(String::is_empty) {
        return Err(Error::usage("an empty argument"));
    }
    let references = |what: &[String]| -> Result<Vec<Wanted>> {
        if looking.is_some() {
            return Err(Error::usage("a search, and messages that are named: which?"));
        }
        grouped(what.iter().map(|text| {
            let none = || Err(Error::usage(format!("{text}: not a reference like ACCOUNT:FOLDER#UIDVALIDITY.UID")));
            parse(text).unwrap_or_else(none)
        }))
    };
    match what {
        [dash] if dash == "-" && !looking.is_some() => Ok((grouped(Lines { from: stdin, number: 0, name })?, false)),
        [first, ..] if parse(first).is_some() => Ok((references(what)?, what.len() == 1)),
        [] | [_] | [_, _] => {
            let at = name(what.first().map(String::as_str))?;
            let set = what.get(1).map(String::as_str);
            let advice = "the folder follows the colon: local:INBOX";
            let folder = at.folder.clone().ok_or_else(|| Error::usage("messages of which folder?").advise(advice))?;
            let uids = set.map(uid_set).transpose()?;
            let which = match looking.key(uids.as_ref())? {
                Some(key) => Which::Search(Box::new(key)),
                None => {
                    Which::Uids(uids.unwrap_or_else(|| SequenceSet::from_on(1)), one_by_one(set.unwrap_or_default()))
                }
            };
            let one = !looking.is_some() && set.is_some_and(|text| text.parse::<u32>().is_ok());
            Ok((vec![Wanted { at, folder, uid_validity: None, which }], one))
        }
        [_, _, third, ..] => Err(Error::usage(format!("{third}: one argument too many"))),
    }
}

/// The same for programs that change something: nothing is meant that is not said.
///
/// # Errors
/// 64: no messages are named, or in two ways.
pub fn named(
    what: &[String],
    looking: &Looking,
    all: bool,
    stdin: impl BufRead,
    name: &Name<'_>,
) -> Result<Vec<Wanted>> {
    let is_folder = |text: &String| text != "-" && Reference::parse(text, &|account| name(Some(account))).is_none();
    match what {
        [folder] if is_folder(folder) && !looking.is_some() && !all => {
            Err(Error::usage(format!("{folder}: which of its messages?"))
                .advise("a set of UIDs, --where, --search, references, or --all"))
        }
        [] => Err(Error::usage("which messages?").advise(
            "a folder and a set of UIDs, --where, --search or --all; references; or - for references on stdin",
        )),
        [folder] if !is_folder(folder) && all => Err(Error::usage("--all, and messages that are named: which?")),
        [_, _, ..] if all => Err(Error::usage("--all, and messages that are named: which?")),
        _ if all && looking.is_some() => Err(Error::usage("--all, and a search: which?")),
        _ => Ok(wanted(what, looking, stdin, name)?.0),
    }
}

/// The UIDs in a set that are named one by one; of a range, what is there is meant.
fn one_by_one(set: &str) -> SequenceSet {
    SequenceSet::from_numbers(set.split(',').filter_map(|part| part.parse().ok()))
}

/// References by folder, in the order in which each is first named.
pub(super) fn grouped(references: impl Iterator<Item = Result<Reference>>) -> Result<Vec<Wanted>> {
    let mut folders: Vec<(Reference, Vec<u32>)> = Vec::new();
    let mut places: HashMap<(String, u32), usize> = HashMap::new();
    for reference in references {
        let reference = reference?;
        let folder = reference.at.folder.clone().unwrap_or_default();
        let place =
            *places.entry((folder_name(&reference.at, &folder), reference.uid_validity)).or_insert(folders.len());
        match folders.get_mut(place) {
            Some((_, uids)) => uids.push(reference.uid),
            None => {
                let uid = reference.uid;
                folders.push((reference, vec![uid]));
            }
        }
    }
    let wanted = folders.into_iter().map(|(first, uids)| {
        let set = SequenceSet::from_numbers(uids);
        let folder = first.at.folder.clone().unwrap_or_default();
        let which = Which::Uids(set.clone(), set);
        Wanted { at: first.at, folder, uid_validity: Some(first.uid_validity), which }
    });
    Ok(wanted.collect())
}

/// One reference a line.
struct Lines<'n, R> {
    from: R,
    number: u64,
    name: &'n Name<'n>,
}

impl<R: BufRead> Iterator for Lines<'_, R> {
    type Item = Result<Reference>;

    fn next(&mut self) -> Option<Result<Reference>> {
        loop {
            let mut line = Vec::new();
            self.number = self.number.saturating_add(1);
            match Read::take(&mut self.from, LINE).read_until(b'\n', &mut line).opening("stdin") {
                Ok(0) => return None,
                Ok(_) => {}
                Err(e) => return Some(Err(e)),
            }
            let text = chomp(&line);
            if text.is_empty() {
                continue;
            }
            let at = |e: Error| e.at(format!("stdin, line {}", self.number));
            let name = |account: &str| (self.name)(Some(account));
            let parsed = std::str::from_utf8(text).ok().and_then(|text| Reference::parse(text, &name));
            return Some(parsed.unwrap_or_else(|| Err(Error::usage("not a reference"))).map_err(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::endpoint::Service;

    fn read(what: &[&str], search: Option<&str>, stdin: &str) -> Result<(Vec<String>, bool)> {
        let looking = Looking { search: search.map(str::to_owned), words: None };
        let what: Vec<String> = what.iter().map(|w| (*w).to_owned()).collect();
        let (all, one) = wanted(&what, &looking, stdin.as_bytes(), &|text| {
            Endpoint::parse(text.unwrap_or("local:"), Service::Imap)
        })?;
        let shown = all.into_iter().map(|w| {
            let which = match w.which {
                Which::Uids(set, named) => format!("{set} ({named})"),
                Which::Search(key) => key.to_string(),
            };
            format!("{} {:?} {which}", w.folder, w.uid_validity)
        });
        Ok((shown.collect(), one))
    }

    #[test]
    fn what_is_wanted() {
        let all = |what: &[&str], search, stdin| read(what, search, stdin).unwrap();
        assert_eq!(all(&["local:INBOX"], None, ""), (vec!["INBOX None 1:* ()".into()], false));
        assert_eq!(all(&["local:INBOX", "7"], None, ""), (vec!["INBOX None 7 (7)".into()], true));
        assert_eq!(all(&["local:INBOX", "7:9,3,*"], None, ""), (vec!["INBOX None 3,7:9,* (3)".into()], false));
        assert_eq!(all(&["local:x#1.2"], None, ""), (vec!["x Some(1) 2 (2)".into()], true));
        let stdin = "local:a#1.2\n\nlocal:b#1.1\r\nlocal:a#1.4\nlocal:a#2.5";
        let expect = vec!["a Some(1) 2,4 (2,4)".into(), "b Some(1) 1 (1)".into(), "a Some(2) 5 (5)".into()];
        assert_eq!(all(&["-"], None, stdin), (expect, false));
        assert_eq!(all(&["-"], None, ""), (vec![], false));
        assert_eq!(all(&["-"], None, "local:a#1.2"), (vec!["a Some(1) 2 (2)".into()], false));
        assert_eq!(all(&["local:a", "3:4"], Some("unseen"), ""), (vec!["a None UID 3:4 UNSEEN".into()], false));
        for (what, search, stdin) in [
            (&["local:"][..], None, ""),
            (&["local:a", ""], None, ""),
            (&["local:a", "0"], None, ""),
            (&["local:a", "1", "2"], None, ""),
            (&["local:a#1.2", "local:b"], None, ""),
            (&["local:a#1.2"], Some("ALL"), ""),
            (&["-"], Some("ALL"), ""),
            (&["-", "1"], None, ""),
            (&["-"], None, "local:a#1.2\nx\n"),
            (&["local:a"], Some("x"), ""),
        ] {
            assert_eq!(read(what, search, stdin).unwrap_err().exit().code(), 64, "{what:?}");
        }
    }
}
