//! What a client reads and a server writes: responses as values (RFC 3501 section 7), and their parser.
//!
//! A data item or response code that is not known is kept as it came. One that is known and malformed is kept raw too
//! inside a FETCH, so that it does not cost the row; elsewhere it is an error, because "nothing found" and "not
//! understood" are not the same. The writing is in [`super::reply`].

mod fetch;
mod list;

pub use fetch::{BodyName, Data, FetchValue, announced};
pub use list::Listed;

use super::annotation::{self, Entry};
use super::command::{IdFields, StatusItem};
use super::gather::Gathered;
use super::lex::{Lex, Parsed, Syntax};
use super::modseq::modseq;
use super::quota::{self, Quota};
use super::results::Results;
use super::set::{SequenceSet, UidList};
use super::thread::{self, Node};
use super::utf7::Names;
use list::{delimiter, listed};

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// `+ text`: go on.
    Continue(String),
    /// The answer to the command with that tag: OK, NO or BAD.
    Tagged(String, Status),
    /// `* ...`
    Untagged(Untagged),
}

/// OK, NO, BAD, BYE, PREAUTH with code and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which of them.
    pub condition: Condition,
    /// `[...]`
    pub code: Option<Code>,
    /// For people.
    pub text: String,
}

/// The condition of a status response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Done.
    Ok,
    /// Failed.
    No,
    /// Not understood.
    Bad,
    /// The server closes the connection.
    Bye,
    /// A greeting: logged in already.
    PreAuth,
}

/// A response code (RFC 3501 section 7.1, RFC 4315, RFC 5530).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// The text must be shown.
    Alert,
    /// These charsets can be searched in.
    BadCharset(Vec<String>),
    /// As the CAPABILITY response.
    Capability(Vec<String>),
    /// Flags that can be changed for good; `\*`: new keywords too.
    PermanentFlags(Vec<String>),
    /// The next message's UID.
    UidNext(u32),
    /// UIDs mean the same messages as long as this number is the same.
    UidValidity(u32),
    /// The first unseen message's sequence number.
    Unseen(u32),
    /// Where APPEND put it: UIDVALIDITY and UIDs.
    AppendUid(u32, UidList),
    /// What COPY made of what: UIDVALIDITY of the target, UIDs in the source, UIDs in the target.
    CopyUid(u32, UidList, UidList),
    /// Any other: its name in capitals (`READ-ONLY`, `TRYCREATE`, `AUTHENTICATIONFAILED`, ...), and what follows.
    Other(String, String),
}

impl Code {
    /// A code that is a name only.
    #[must_use]
    pub fn named(name: &str) -> Code {
        if name == "ALERT" { Code::Alert } else { Code::Other(name.to_owned(), String::new()) }
    }

    /// Whether it is the code of that name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        match self {
            Code::Alert => name == "ALERT",
            Code::BadCharset(_) => name == "BADCHARSET",
            Code::Other(own, _) => own == name,
            _ => false,
        }
    }
}

/// A response that is not asked for by one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untagged {
    /// OK, NO, BAD, BYE, PREAUTH
    Status(Status),
    /// CAPABILITY
    Capability(Vec<String>),
    /// FLAGS
    Flags(Vec<String>),
    /// ENABLED (RFC 5161)
    Enabled(Vec<String>),
    /// LIST
    List(Listed),
    /// LSUB
    Lsub(Listed),
    /// STATUS: the mailbox, and what is known about it.
    Mailbox(String, Vec<(StatusItem, u64)>),
    /// SEARCH: sequence numbers or UIDs.
    Search(Vec<u32>, Option<i64>),
    /// ESEARCH: what was asked for of a search's results (RFC 4731).
    ESearch(Results),
    /// SORT: sequence numbers or UIDs in their order (RFC 5256).
    Sort(Vec<u32>, Option<i64>),
    /// THREAD: conversations (RFC 5256).
    Thread(Vec<Node>),
    /// So many messages are there.
    Exists(u32),
    /// So many of them are recent.
    Recent(u32),
    /// The message with that sequence number is gone, and all above count one less.
    Expunge(u32),
    /// VANISHED (RFC 7162): messages with these UIDs are gone.
    Vanished {
        /// They went before the mailbox was selected, and numbers do not change.
        earlier: bool,
        /// Which.
        uids: SequenceSet,
    },
    /// NAMESPACE: personal, other users', shared.
    Namespace(Spaces, Spaces, Spaces),
    /// MYRIGHTS: a mailbox, and what may be done with it.
    MyRights(String, String),
    /// METADATA: a mailbox, and what is noted of it.
    Metadata(String, Vec<Entry>),
    /// QUOTA: a quota root.
    Quota(Quota),
    /// QUOTAROOT: a mailbox, and the names of its quota roots.
    QuotaRoots(String, Vec<String>),
    /// ID
    Id(IdFields),
    /// A message's data, by its sequence number.
    Fetch(u32, Vec<FetchValue>),
    /// Anything else, without the `* `.
    Other(Vec<u8>),
}

/// Namespaces: prefix (decoded) and separator.
pub type Spaces = Vec<(String, Option<char>)>;

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Response {
    /// Reads a gathered response.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(from: &Gathered) -> Parsed<Response> {
        Response::parse_in(Names::default(), from)
    }

    /// The same where mailbox names look so.
    ///
    /// # Errors
    /// As [`Response::parse`].
    pub fn parse_in(names: Names, from: &Gathered) -> Parsed<Response> {
        let mut l = from.lex().with_names(names);
        if l.eat(b'+') {
            l.sp();
            return Ok(Response::Continue(utf8(l.rest())));
        }
        if l.eat(b'*') {
            l.expect_sp()?;
            return untagged(&mut l).map(Response::Untagged);
        }
        let tag = l.tag()?;
        l.expect_sp()?;
        let at = l.position();
        match condition(l.word()) {
            Some(c @ (Condition::Ok | Condition::No | Condition::Bad)) => Ok(Response::Tagged(tag, status(&mut l, c))),
            _ => Err(Syntax::new(at, "expected OK, NO or BAD")),
        }
    }
}

/// Whether a line's end can announce a literal: the text of a status response is for people, and may end in anything.
#[must_use]
pub fn may_have_literals(first_line: &[u8]) -> bool {
    let mut l = Lex::new(first_line);
    if l.eat(b'+') {
        return false;
    }
    if !l.eat(b'*') && l.tag().is_err() {
        return true;
    }
    !(l.sp() && condition(l.word()).is_some())
}

fn condition(word: &str) -> Option<Condition> {
    [
        ("OK", Condition::Ok),
        ("NO", Condition::No),
        ("BAD", Condition::Bad),
        ("BYE", Condition::Bye),
        ("PREAUTH", Condition::PreAuth),
    ]
    .iter()
    .find(|(name, _)| name.eq_ignore_ascii_case(word))
    .map(|(_, condition)| *condition)
}

fn status(l: &mut Lex<'_>, condition: Condition) -> Status {
    l.sp();
    let before = l.clone();
    let code = code(l);
    if code.is_none() {
        l.rewind(&before);
    }
    l.sp();
    Status { condition, code, text: utf8(l.rest()) }
}

/// `[...]`; none if it has no end.
fn code(l: &mut Lex<'_>) -> Option<Code> {
    if !l.eat(b'[') {
        return None;
    }
    let name = l.word().to_ascii_uppercase();
    l.sp();
    let start = l.clone();
    let known = known_code(&name, l);
    l.sp();
    if let Some(Ok(code)) = known
        && l.eat(b']')
    {
        return Some(code);
    }
    l.rewind(&start);
    let from = l.position();
    let len = l.rest().iter().position(|b| *b == b']')?;
    for _ in 0..len {
        let next = l.peek()?;
        l.eat(next);
    }
    let rest = utf8(l.since(from));
    l.eat(b']');
    Some(if name == "ALERT" { Code::Alert } else { Code::Other(name, rest) })
}

fn known_code(name: &str, l: &mut Lex<'_>) -> Option<Parsed<Code>> {
    Some(match name {
        "BADCHARSET" if l.peek() == Some(b'(') => {
            let mut charsets = Vec::new();
            l.list(|l| {
                charsets.push(utf8(&l.astring()?));
                Ok(())
            })
            .map(|()| Code::BadCharset(charsets))
        }
        "BADCHARSET" => Ok(Code::BadCharset(Vec::new())),
        "CAPABILITY" => Ok(Code::Capability(words(l))),
        "PERMANENTFLAGS" => l.flags().map(Code::PermanentFlags),
        "UIDNEXT" => l.number().map(Code::UidNext),
        "UIDVALIDITY" => l.number().map(Code::UidValidity),
        "UNSEEN" => l.number().map(Code::Unseen),
        "APPENDUID" => append_uid(l),
        "COPYUID" => copy_uid(l),
        _ => return None,
    })
}

fn append_uid(l: &mut Lex<'_>) -> Parsed<Code> {
    let validity = l.number()?;
    l.expect_sp()?;
    Ok(Code::AppendUid(validity, UidList::parse(l)?))
}

fn copy_uid(l: &mut Lex<'_>) -> Parsed<Code> {
    let validity = l.number()?;
    l.expect_sp()?;
    let source = UidList::parse(l)?;
    l.expect_sp()?;
    Ok(Code::CopyUid(validity, source, UidList::parse(l)?))
}

/// Words up to the end of the line, or to the `]` of a code.
fn words(l: &mut Lex<'_>) -> Vec<String> {
    let mut words = Vec::new();
    l.sp();
    while let Ok(word) = l.atom() {
        words.push(utf8(word));
        l.sp();
    }
    words
}

fn untagged(l: &mut Lex<'_>) -> Parsed<Untagged> {
    let start = l.clone();
    if l.peek().is_some_and(|b| b.is_ascii_digit()) {
        let number = l.number()?;
        l.expect_sp()?;
        let word = l.word();
        if word.eq_ignore_ascii_case("FETCH") {
            l.expect_sp()?;
            return Ok(Untagged::Fetch(number, fetch::fetch(l)?));
        }
        return Ok(match word.to_ascii_uppercase().as_str() {
            "EXISTS" => Untagged::Exists(number),
            "RECENT" => Untagged::Recent(number),
            "EXPUNGE" => Untagged::Expunge(number),
            _ => Untagged::Other(start.rest().to_vec()),
        });
    }
    let word = l.word().to_ascii_uppercase();
    if let Some(condition) = condition(&word) {
        return Ok(Untagged::Status(status(l, condition)));
    }
    Ok(match word.as_str() {
        "CAPABILITY" => Untagged::Capability(words(l)),
        "ENABLED" => Untagged::Enabled(words(l)),
        "FLAGS" => {
            l.expect_sp()?;
            Untagged::Flags(l.flags()?)
        }
        "LIST" => Untagged::List(listed(l)?),
        "LSUB" => Untagged::Lsub(listed(l)?),
        "STATUS" => mailbox_status(l)?,
        "SEARCH" => {
            let (found, modseq) = numbers(l)?;
            Untagged::Search(found, modseq)
        }
        "VANISHED" => vanished(l)?,
        "ESEARCH" => Untagged::ESearch(Results::parse(l)?),
        "SORT" => {
            let (found, modseq) = numbers(l)?;
            Untagged::Sort(found, modseq)
        }
        "THREAD" => Untagged::Thread(thread::parse(l)?),
        "NAMESPACE" => Untagged::Namespace(spaces(l)?, spaces(l)?, spaces(l)?),
        "MYRIGHTS" => {
            let (mailbox, rights) = annotation::rights(l)?;
            Untagged::MyRights(mailbox, rights)
        }
        "METADATA" => {
            let (mailbox, entries) = annotation::metadata(l)?;
            Untagged::Metadata(mailbox, entries)
        }
        "QUOTA" => Untagged::Quota(quota::quota(l)?),
        "QUOTAROOT" => {
            let (mailbox, roots) = quota::roots(l)?;
            Untagged::QuotaRoots(mailbox, roots)
        }
        "ID" => {
            l.expect_sp()?;
            id(l)?
        }
        _ => Untagged::Other(start.rest().to_vec()),
    })
}

fn mailbox_status(l: &mut Lex<'_>) -> Parsed<Untagged> {
    l.expect_sp()?;
    let name = l.astring()?;
    let name = l.named(&name);
    l.expect_sp()?;
    let mut items = Vec::new();
    l.list(|l| {
        let at = l.position();
        let item = StatusItem::named(utf8(l.atom()?).as_str());
        l.expect_sp()?;
        match item {
            Some(item) if l.peek().is_some_and(|b| b.is_ascii_digit()) => items.push((item, l.number64()?)),
            _ => drop(l.value().map_err(|_| Syntax::new(at, "expected a STATUS item"))?),
        }
        Ok(())
    })?;
    Ok(Untagged::Mailbox(name, items))
}

/// Numbers, and the highest mod-sequence of them if that is told (RFC 7162).
fn numbers(l: &mut Lex<'_>) -> Parsed<(Vec<u32>, Option<i64>)> {
    let mut found = Vec::new();
    while l.sp() && l.peek().is_some_and(|b| b.is_ascii_digit()) {
        found.push(l.number()?);
    }
    let mut highest = None;
    if l.eat(b'(') {
        if !l.eat_word("MODSEQ") {
            return l.expected("MODSEQ");
        }
        l.expect_sp()?;
        highest = Some(modseq(l)?);
        l.expect(b')')?;
    }
    l.expect_end()?;
    Ok((found, highest))
}

fn vanished(l: &mut Lex<'_>) -> Parsed<Untagged> {
    l.expect_sp()?;
    let mut earlier = false;
    if l.peek() == Some(b'(') {
        l.list(|l| {
            earlier = l.eat_word("EARLIER");
            if earlier { Ok(()) } else { l.expected("EARLIER") }
        })?;
        l.expect_sp()?;
    }
    let uids = SequenceSet::parse(l)?;
    l.expect_end()?;
    Ok(Untagged::Vanished { earlier, uids })
}

fn spaces(l: &mut Lex<'_>) -> Parsed<Spaces> {
    l.sp();
    let mut spaces = Vec::new();
    if l.peek() != Some(b'(') {
        l.nstring()?;
        return Ok(spaces);
    }
    l.list(|l| {
        l.expect(b'(')?;
        let prefix = l.string()?;
        let prefix = l.named(&prefix);
        l.expect_sp()?;
        spaces.push((prefix, delimiter(l)?));
        while l.sp() {
            l.value()?;
        }
        l.expect(b')')
    })?;
    Ok(spaces)
}

fn id(l: &mut Lex<'_>) -> Parsed<Untagged> {
    let mut fields = Vec::new();
    if l.peek() == Some(b'(') {
        l.list(|l| {
            let name = l.astring()?.into_owned();
            l.expect_sp()?;
            fields.push((name, l.nstring_owned()?));
            Ok(())
        })?;
    }
    Ok(Untagged::Id(fields))
}

#[cfg(test)]
mod tests;
