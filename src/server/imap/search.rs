//! SEARCH: which messages a key holds for.
//!
//! Cheap keys are asked first, so that a file is opened only where flags, dates and sizes have not decided. Strings are
//! found without regard to case in decoded text: header words, transfer encodings and charsets undone. BODY and TEXT look
//! into texts and into the headers of messages inside; other attachments are not looked into. Left out: a match across a
//! line end.

use super::super::mailbox::Mailbox;
use super::section::{Pieces, Place, read_header};
use super::select::{count, number};
use super::{Session, answer, bad, failed, ok, recall};
use crate::error::Result;
use crate::message::date::Date;
use crate::message::decode;
use crate::message::flags::Flag;
use crate::message::header::Header;
use crate::message::mime::{self, Part};
use crate::message::needle::Needle;
use crate::proto::imap::response::{Code, Condition, Status, Untagged};
use crate::proto::imap::results::{Results, Returns};
use crate::proto::imap::search::{SearchKey, SystemFlag, When};
use crate::proto::imap::set::{SequenceSet, UidList, within};
use chrono::NaiveDate;
use std::fs::File;
use std::time::SystemTime;

/// Where the messages are that were found, and how it went: some may have been unreadable.
type Found = (Vec<usize>, Status);

impl Session<'_> {
    pub(super) fn search(
        &mut self,
        uid: bool,
        returns: Option<Returns>,
        charset: Option<&str>,
        key: &SearchKey,
    ) -> Result<Status> {
        match self.found(charset, key, returns) {
            Ok((found, status)) => self.results(uid, returns, key.has_modseq(), found, status, Untagged::Search),
            Err(status) => Ok(status),
        }
    }

    /// The messages for which the key holds, by ascending number.
    pub(super) fn found(
        &mut self,
        charset: Option<&str>,
        key: &SearchKey,
        returns: Option<Returns>,
    ) -> std::result::Result<Found, Status> {
        if !matches!(charset, None | Some("US-ASCII" | "UTF-8")) {
            if returns.is_some_and(|r| r.save) {
                // A NO leaves nothing saved (RFC 5182 2.1).
                self.saved = SequenceSet::default();
            }
            let known = vec!["US-ASCII".to_owned(), "UTF-8".to_owned()];
            return Err(answer(Condition::No, Some(Code::BadCharset(known)), "charset not supported"));
        }
        if key.has_modseq() {
            self.want_modseqs().map_err(|e| failed(&e))?;
        }
        let Some(mailbox) = &mut self.mailbox else { return Err(bad("no mailbox is selected")) };
        let mut status = ok("completed");
        let mut found = Vec::new();
        let key = ordered(key);
        if cost(&key) >= 2 {
            mailbox.expect(mailbox.messages().len());
        }
        let messages = mailbox.messages();
        let numbers = Numbers {
            largest: count(messages.len()),
            largest_uid: messages.last().map_or(0, |m| m.uid),
            now: super::fetch::date(SystemTime::now()).timestamp(),
        };
        for index in 0..messages.len() {
            let mut asked = Asked { mailbox, index, numbers, file: None, kept: None, header: None, tree: None };
            match asked.holds(&key) {
                Ok(Some(true)) => found.push(index),
                // It does not, or it has vanished.
                Ok(Some(false) | None) => {}
                Err(e) => status = failed(&e),
            }
        }
        mailbox.settle();
        Ok((found, status))
    }

    /// Tells what was found, in its order, and keeps of it what is to be kept.
    pub(super) fn results(
        &mut self,
        uid: bool,
        returns: Option<Returns>,
        modseq: bool,
        found: Vec<usize>,
        status: Status,
        plain: fn(Vec<u32>, Option<i64>) -> Untagged,
    ) -> Result<Status> {
        let highest = |session: &Session<'_>, of: &[usize]| -> Option<i64> {
            let messages = session.mailbox.as_ref().filter(|_| modseq)?.messages();
            of.iter().filter_map(|index| messages.get(*index)).map(|m| m.modseq).max()
        };
        let Some(returns) = returns else {
            let numbers = self.numbers(uid, &found);
            self.tell(plain(numbers, highest(self, &found)))?;
            return self.caught_up(uid, status);
        };
        if returns.save {
            self.saved = match status.condition {
                Condition::Ok => SequenceSet::from_numbers(self.numbers(true, &kept(returns, &found))),
                _ => SequenceSet::default(),
            };
        }
        if returns.tells() {
            let numbers = self.numbers(uid, &found);
            let all = (returns.all && !numbers.is_empty()).then(|| UidList::from_uids(numbers.iter().copied()));
            self.tell(Untagged::ESearch(Results {
                tag: Some(self.tag.clone()),
                uid,
                min: numbers.first().copied().filter(|_| returns.min),
                max: numbers.last().copied().filter(|_| returns.max),
                count: returns.count.then(|| count(numbers.len())),
                all,
                modseq: highest(self, &kept(returns, &found)),
            }))?;
        }
        self.caught_up(uid, status)
    }

    /// The UIDs or sequence numbers of messages.
    pub(super) fn numbers(&self, uid: bool, indexes: &[usize]) -> Vec<u32> {
        let messages = self.mailbox.as_ref().map(Mailbox::messages).unwrap_or_default();
        let of = |index: &usize| if uid { messages.get(*index).map(|m| m.uid) } else { Some(number(*index)) };
        indexes.iter().filter_map(of).collect()
    }

    /// What `$` stands for now: messages that have been expunged since are no longer among them.
    pub(super) fn saved_set(&self, uid: bool) -> SequenceSet {
        let messages = self.mailbox.as_ref().map(Mailbox::messages).unwrap_or_default();
        let saved = self.saved.resolve(u32::MAX);
        let there = messages.iter().enumerate().filter(|(_, m)| within(&saved, m.uid));
        SequenceSet::from_numbers(there.map(|(index, m)| if uid { m.uid } else { number(index) }))
    }
}

/// What SAVE saves (RFC 5182 2.4): all that was found, if that or its count was asked for, or nothing else was.
fn kept(returns: Returns, found: &[usize]) -> Vec<usize> {
    if returns.all || returns.count || !(returns.min || returns.max) {
        return found.to_vec();
    }
    let ends = [found.first().filter(|_| returns.min), found.last().filter(|_| returns.max)];
    ends.into_iter().flatten().copied().collect()
}

/// The same key, cheap parts first.
fn ordered(key: &SearchKey) -> SearchKey {
    match key {
        SearchKey::And(keys) => {
            let mut keys: Vec<SearchKey> = keys.iter().map(ordered).collect();
            keys.sort_by_key(cost);
            SearchKey::And(keys)
        }
        SearchKey::Or(a, b) => {
            let (a, b) = (Box::new(ordered(a)), Box::new(ordered(b)));
            if cost(&a) <= cost(&b) { SearchKey::Or(a, b) } else { SearchKey::Or(b, a) }
        }
        SearchKey::Not(key) => SearchKey::Not(Box::new(ordered(key))),
        other => other.clone(),
    }
}

/// What has to be looked at: the mailbox, the size, the header, the message.
fn cost(key: &SearchKey) -> u8 {
    match key {
        SearchKey::Larger(_) | SearchKey::Smaller(_) => 1,
        SearchKey::Header { .. } | SearchKey::Sent(..) => 2,
        SearchKey::Body(_) | SearchKey::Text(_) => 3,
        SearchKey::Not(key) => cost(key),
        SearchKey::Or(a, b) => cost(a).max(cost(b)),
        SearchKey::And(keys) => keys.iter().map(cost).max().unwrap_or(0),
        _ => 0,
    }
}

#[derive(Clone, Copy)]
struct Numbers {
    largest: u32,
    largest_uid: u32,
    /// Seconds since 1970.
    now: i64,
}

/// One message that is asked about.
struct Asked<'m> {
    mailbox: &'m mut Mailbox,
    index: usize,
    numbers: Numbers,
    file: Option<File>,
    /// The fields of its header that are remembered.
    kept: Option<Header>,
    header: Option<Header>,
    tree: Option<Part>,
}

/// Days since 1970-01-01.
fn day(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

fn on(when: When, this: i64, day: i64) -> bool {
    match when {
        When::Before => this < day,
        When::On => this == day,
        When::Since => this >= day,
    }
}

impl Asked<'_> {
    /// Whether the key holds; `None` if the message has vanished.
    fn holds(&mut self, key: &SearchKey) -> Result<Option<bool>> {
        let Some(message) = self.mailbox.messages().get(self.index) else { return Ok(None) };
        let seen = message.flags.has(Flag::Seen);
        let answer = match key {
            SearchKey::All => true,
            SearchKey::Flag(flag, set) => message.flags.has(system(*flag)) == *set,
            SearchKey::New => self.mailbox.is_recent(message) && !seen,
            SearchKey::Old => !self.mailbox.is_recent(message),
            SearchKey::Recent => self.mailbox.is_recent(message),
            SearchKey::Keyword(word, set) => message.flags.has_keyword(word) == *set,
            SearchKey::Internal(when, date) => {
                let this = super::fetch::date(message.internal_date).timestamp().div_euclid(86_400);
                on(*when, this, day(*date))
            }
            SearchKey::Older(_) | SearchKey::Younger(_) => {
                let age = self.numbers.now.saturating_sub(super::fetch::date(message.internal_date).timestamp());
                match key {
                    SearchKey::Older(seconds) => age >= i64::from(*seconds),
                    SearchKey::Younger(seconds) => age <= i64::from(*seconds),
                    _ => false,
                }
            }
            SearchKey::ModSeq(n) => message.modseq >= *n,
            SearchKey::Uid(set) => set.contains(message.uid, self.numbers.largest_uid),
            SearchKey::Set(set) => set.contains(number(self.index), self.numbers.largest),
            SearchKey::Larger(_) | SearchKey::Smaller(_) => {
                let Some(size) = self.mailbox.wire_size(self.index)? else { return Ok(None) };
                match key {
                    SearchKey::Larger(n) => size > *n,
                    SearchKey::Smaller(n) => size < *n,
                    _ => false,
                }
            }
            SearchKey::Not(key) => return Ok(self.holds(key)?.map(|holds| !holds)),
            SearchKey::Or(a, b) => match self.holds(a)? {
                Some(false) => return self.holds(b),
                other => return Ok(other),
            },
            SearchKey::And(keys) => {
                for key in keys {
                    match self.holds(key)? {
                        Some(true) => {}
                        other => return Ok(other),
                    }
                }
                true
            }
            SearchKey::Header { .. } | SearchKey::Sent(..) => {
                let kept = match key {
                    SearchKey::Header { name, .. } => recall::is_kept(name),
                    _ => true,
                };
                if !(kept || self.open()?) {
                    return Ok(None);
                }
                let header = match kept {
                    false => self.header()?,
                    true => match self.kept()? {
                        Some(header) => header,
                        None => return Ok(None),
                    },
                };
                match key {
                    SearchKey::Header { name, value, .. } => Needle::new(value).is_in_field(header, name),
                    SearchKey::Sent(when, date) => {
                        let sent = header.get("Date").and_then(Date::parse);
                        sent.is_some_and(|sent| on(*when, sent.day(), day(*date)))
                    }
                    _ => false,
                }
            }
            SearchKey::Body(text) | SearchKey::Text(text) => {
                if !self.open()? {
                    return Ok(None);
                }
                let needle = Needle::new(text);
                let in_header = matches!(key, SearchKey::Text(_)) && needle.is_in_fields(self.header()?);
                in_header || self.in_body(&needle)?
            }
        };
        Ok(Some(answer))
    }

    fn open(&mut self) -> Result<bool> {
        if self.file.is_none() {
            self.file = self.mailbox.file(self.index)?;
        }
        Ok(self.file.is_some())
    }

    fn kept(&mut self) -> Result<Option<&Header>> {
        if self.kept.is_none() {
            self.kept = recall::header(self.mailbox, self.index)?;
        }
        Ok(self.kept.as_ref())
    }

    fn header(&mut self) -> Result<&Header> {
        if let (None, Some(file)) = (&self.header, &self.file) {
            self.header = Some(read_header(file)?.0);
        }
        Ok(self.header.get_or_insert_default())
    }

    fn in_body(&mut self, needle: &Needle) -> Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        if self.tree.is_none() {
            self.tree = Some(mime::walk(&mut Pieces::all(file))?);
        }
        match &self.tree {
            Some(tree) => in_file(file, tree, needle),
            None => Ok(false),
        }
    }
}

/// The same of a file; its parts are read in their order.
fn in_file(file: &File, tree: &Part, needle: &Needle) -> Result<bool> {
    let mut place = Place::default();
    needle.is_in_parts(tree, &mut |part, needle| {
        let mut pieces = Pieces::new(file, part.body_at.clone(), place);
        let found = needle.is_in_body(&mut decode::text(&mut pieces, part));
        place = pieces.place();
        found
    })
}

fn system(flag: SystemFlag) -> Flag {
    match flag {
        SystemFlag::Answered => Flag::Answered,
        SystemFlag::Deleted => Flag::Deleted,
        SystemFlag::Draft => Flag::Draft,
        SystemFlag::Flagged => Flag::Flagged,
        SystemFlag::Seen => Flag::Seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn bodies_are_decoded() {
        let mail = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nContent-Type: multipart/mixed; boundary=b\n\npreamble\n--b\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nder gr=FCne B=\naum\n--b\nContent-Type: message/rfc822\n\nSubject: inner\nContent-Transfer-Encoding: base64\n\nd2VsdHJhdW0=\n--b\nContent-Type: image/png\n\npixel\n--b--\n";
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(mail.as_bytes()).unwrap();
        let tree = mime::walk(&mut Pieces::all(&file)).unwrap();
        for (text, found) in [
            ("Grüne Baum", true),
            ("WELTRAUM", true),
            ("inner", true),
            ("pixel", false),
            ("Grüße", false),
            ("d2Vs", false),
        ] {
            assert_eq!(in_file(&file, &tree, &Needle::new(text)).unwrap(), found, "{text}");
        }
    }

    #[test]
    fn days() {
        assert_eq!(day(NaiveDate::from_ymd_opt(1970, 1, 2).unwrap()), 1);
        assert_eq!(day(NaiveDate::from_ymd_opt(1969, 12, 31).unwrap()), -1);
        assert!(on(When::Since, 3, 3) && !on(When::Before, 3, 3) && on(When::On, 3, 3));
        let key = ordered(&"BODY x FROM y SEEN LARGER 3".parse().unwrap());
        assert_eq!(key.to_string(), "SEEN LARGER 3 FROM \"y\" BODY \"x\"");
    }
}
