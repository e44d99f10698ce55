//! SEARCH (RFC 3501 section 6.4.4): what a server is asked, and the words that a person gives to `--search`.
//!
//! A person's words go through this grammar too, so that nothing but a search can come of them.

use super::date;
use super::lex::{Lex, Parsed, Syntax};
use super::modseq::modseq;
use super::set::SequenceSet;
use chrono::NaiveDate;
use std::fmt;
use std::str::FromStr;

/// One search key. Strings are UTF-8, with no NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// ALL
    All,
    /// A flag that is or is not there: SEEN, UNSEEN, ...
    Flag(SystemFlag, bool),
    /// NEW: recent and unseen.
    New,
    /// OLD: not recent.
    Old,
    /// RECENT
    Recent,
    /// KEYWORD and (false) UNKEYWORD.
    Keyword(String, bool),
    /// BCC, CC, FROM, SUBJECT, TO: a string in that field; HEADER: a string in any field.
    Header {
        /// The field, as it was written.
        name: String,
        /// Whether it came as HEADER, and not under its own name.
        general: bool,
        /// What it contains; empty: anything.
        value: String,
    },
    /// BODY: a string in the text.
    Body(String),
    /// TEXT: a string in the header or the text.
    Text(String),
    /// BEFORE, ON, SINCE: the internal date's day.
    Internal(When, NaiveDate),
    /// SENTBEFORE, SENTON, SENTSINCE: the Date field's day.
    Sent(When, NaiveDate),
    /// LARGER: more than so many bytes.
    Larger(u64),
    /// SMALLER: less than so many bytes.
    Smaller(u64),
    /// OLDER: the internal date is so many seconds ago, or more (RFC 5032).
    Older(u32),
    /// YOUNGER: the internal date is so many seconds ago, or less (RFC 5032).
    Younger(u32),
    /// MODSEQ: a mod-sequence that is at least so high (RFC 7162). Of which flag is not looked at: there is one for all.
    ModSeq(i64),
    /// UID
    Uid(SequenceSet),
    /// Sequence numbers
    Set(SequenceSet),
    /// NOT
    Not(Box<SearchKey>),
    /// OR
    Or(Box<SearchKey>, Box<SearchKey>),
    /// All of these.
    And(Vec<SearchKey>),
}

/// The flags that have search keys of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemFlag {
    /// \Answered
    Answered,
    /// \Deleted
    Deleted,
    /// \Draft
    Draft,
    /// \Flagged
    Flagged,
    /// \Seen
    Seen,
}

/// Which side of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Earlier days.
    Before,
    /// That day.
    On,
    /// That day and later.
    Since,
}

const FLAGS: [(&str, SystemFlag); 5] = [
    ("ANSWERED", SystemFlag::Answered),
    ("DELETED", SystemFlag::Deleted),
    ("DRAFT", SystemFlag::Draft),
    ("FLAGGED", SystemFlag::Flagged),
    ("SEEN", SystemFlag::Seen),
];

const WHEN: [(&str, When); 3] = [("BEFORE", When::Before), ("ON", When::On), ("SINCE", When::Since)];

impl SearchKey {
    /// Reads keys to the end of the line: all of them must hold.
    ///
    /// # Errors
    /// If there is none, or something else.
    pub fn parse_all(l: &mut Lex<'_>, charset: Charset) -> Parsed<SearchKey> {
        let mut keys = vec![key(l, charset)?];
        while !l.at_end() {
            l.expect_sp()?;
            keys.push(key(l, charset)?);
        }
        Ok(and(keys))
    }

    /// See [`Command::resolve_saved`](super::command::Command::resolve_saved).
    pub(super) fn resolve_saved(&mut self, saved: &dyn Fn(bool) -> SequenceSet) {
        match self {
            SearchKey::Set(set) => set.resolve_saved(&|| saved(false)),
            SearchKey::Uid(set) => set.resolve_saved(&|| saved(true)),
            SearchKey::Not(key) => key.resolve_saved(saved),
            SearchKey::Or(a, b) => {
                a.resolve_saved(saved);
                b.resolve_saved(saved);
            }
            SearchKey::And(keys) => keys.iter_mut().for_each(|key| key.resolve_saved(saved)),
            _ => {}
        }
    }

    /// Whether it asks for mod-sequences: then the answer tells one.
    #[must_use]
    pub fn has_modseq(&self) -> bool {
        match self {
            SearchKey::ModSeq(_) => true,
            SearchKey::Not(key) => key.has_modseq(),
            SearchKey::Or(a, b) => a.has_modseq() || b.has_modseq(),
            SearchKey::And(keys) => keys.iter().any(SearchKey::has_modseq),
            _ => false,
        }
    }

    /// Whether a string in it needs a CHARSET.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        match self {
            SearchKey::Header { value: text, .. } | SearchKey::Body(text) | SearchKey::Text(text) => text.is_ascii(),
            SearchKey::Not(key) => key.is_ascii(),
            SearchKey::Or(a, b) => a.is_ascii() && b.is_ascii(),
            SearchKey::And(keys) => keys.iter().all(SearchKey::is_ascii),
            _ => true,
        }
    }
}

/// How a search's strings are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// As UTF-8; other bytes are an error.
    Utf8,
    /// Somehow: the search is going to be refused for its CHARSET, and not for its strings.
    Unknown,
}

fn and(mut keys: Vec<SearchKey>) -> SearchKey {
    match (keys.pop(), keys.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            keys.extend(last);
            SearchKey::And(keys)
        }
    }
}

fn string(l: &mut Lex<'_>, charset: Charset) -> Parsed<String> {
    l.expect_sp()?;
    let at = l.position();
    let bytes = l.astring()?;
    let text = match (std::str::from_utf8(&bytes), charset) {
        (Ok(text), _) => text.to_owned(),
        (Err(_), Charset::Unknown) => String::from_utf8_lossy(&bytes).into_owned(),
        (Err(_), Charset::Utf8) => return Err(Syntax::new(at, "string is not UTF-8")),
    };
    if text.contains('\0') { Err(Syntax::new(at, "NUL in a string")) } else { Ok(text) }
}

fn day(l: &mut Lex<'_>) -> Parsed<NaiveDate> {
    l.expect_sp()?;
    date::parse_date(l)
}

fn key(l: &mut Lex<'_>, charset: Charset) -> Parsed<SearchKey> {
    if l.peek() == Some(b'(') {
        let mut keys = Vec::new();
        l.list(|l| {
            keys.push(key(l, charset)?);
            Ok(())
        })?;
        return if keys.is_empty() { l.expected("a search key") } else { Ok(and(keys)) };
    }
    l.enter()?;
    let found = key_at(l, charset);
    l.leave();
    found
}

fn key_at(l: &mut Lex<'_>, charset: Charset) -> Parsed<SearchKey> {
    if matches!(l.peek(), Some(b'*' | b'$' | b'0'..=b'9')) {
        return SequenceSet::parse(l).map(SearchKey::Set);
    }
    let at = l.position();
    let word = l.word().to_ascii_uppercase();
    let flag = |word: &str| FLAGS.iter().find(|(name, _)| *name == word).map(|(_, flag)| *flag);
    let when = |word: &str| WHEN.iter().find(|(name, _)| *name == word).map(|(_, when)| *when);
    if let Some(flag) = flag(&word) {
        return Ok(SearchKey::Flag(flag, true));
    }
    if let Some(flag) = word.strip_prefix("UN").and_then(flag) {
        return Ok(SearchKey::Flag(flag, false));
    }
    if let Some(when) = when(&word) {
        return Ok(SearchKey::Internal(when, day(l)?));
    }
    if let Some(when) = word.strip_prefix("SENT").and_then(when) {
        return Ok(SearchKey::Sent(when, day(l)?));
    }
    Ok(match word.as_str() {
        "ALL" => SearchKey::All,
        "NEW" => SearchKey::New,
        "OLD" => SearchKey::Old,
        "RECENT" => SearchKey::Recent,
        "KEYWORD" | "UNKEYWORD" => {
            l.expect_sp()?;
            SearchKey::Keyword(String::from_utf8_lossy(l.atom()?).into_owned(), word == "KEYWORD")
        }
        "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => {
            SearchKey::Header { name: word, general: false, value: string(l, charset)? }
        }
        "HEADER" => {
            let at = l.position();
            let name = string(l, charset)?;
            if !super::section::is_field_name(&name) {
                return Err(Syntax::new(at, "expected a header field name"));
            }
            SearchKey::Header { name, general: true, value: string(l, charset)? }
        }
        "BODY" => SearchKey::Body(string(l, charset)?),
        "TEXT" => SearchKey::Text(string(l, charset)?),
        "LARGER" | "SMALLER" => {
            l.expect_sp()?;
            let size = l.number64()?;
            if word == "LARGER" { SearchKey::Larger(size) } else { SearchKey::Smaller(size) }
        }
        "OLDER" | "YOUNGER" => {
            l.expect_sp()?;
            let seconds = l.nz_number()?;
            if word == "OLDER" { SearchKey::Older(seconds) } else { SearchKey::Younger(seconds) }
        }
        "MODSEQ" => {
            l.expect_sp()?;
            if l.peek() == Some(b'"') {
                l.quoted()?;
                l.expect_sp()?;
                if !["priv", "shared", "all"].iter().any(|kind| l.eat_word(kind)) {
                    return l.expected("priv, shared or all");
                }
                l.expect_sp()?;
            }
            SearchKey::ModSeq(modseq(l)?)
        }
        "UID" => {
            l.expect_sp()?;
            SearchKey::Uid(SequenceSet::parse(l)?)
        }
        "NOT" => {
            l.expect_sp()?;
            SearchKey::Not(Box::new(key(l, charset)?))
        }
        "OR" => {
            l.expect_sp()?;
            let a = key(l, charset)?;
            l.expect_sp()?;
            SearchKey::Or(Box::new(a), Box::new(key(l, charset)?))
        }
        _ => return Err(Syntax::new(at, "expected a search key")),
    })
}

/// The words after `--search`: `FROM ci@ UNSEEN`.
impl FromStr for SearchKey {
    type Err = Syntax;
    fn from_str(text: &str) -> Parsed<SearchKey> {
        let mut l = Lex::new(text.trim_matches(' ').as_bytes());
        SearchKey::parse_all(&mut l, Charset::Utf8)
    }
}

/// How a string of a search is written: quoted in a text for people, perhaps as a literal on the wire.
pub(super) trait Writer {
    /// Words of the grammar.
    fn words(&mut self, text: &str);
    /// A string of the user's.
    fn string(&mut self, text: &str);
}

struct Plain<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    result: fmt::Result,
}

impl Writer for Plain<'_, '_> {
    fn words(&mut self, text: &str) {
        self.result = self.result.and_then(|()| self.f.write_str(text));
    }
    fn string(&mut self, text: &str) {
        let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        self.words(&quoted);
    }
}

impl fmt::Display for SearchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain = Plain { f, result: Ok(()) };
        self.write(&mut plain, true);
        plain.result
    }
}

impl SearchKey {
    pub(super) fn write(&self, w: &mut dyn Writer, top: bool) {
        let when = |x: &When| WHEN.iter().find(|(_, when)| when == x).map_or("", |(name, _)| *name);
        match self {
            SearchKey::All => w.words("ALL"),
            SearchKey::Flag(flag, set) => {
                let name = FLAGS.iter().find(|(_, f)| f == flag).map_or("", |(name, _)| *name);
                w.words(if *set { "" } else { "UN" });
                w.words(name);
            }
            SearchKey::New => w.words("NEW"),
            SearchKey::Old => w.words("OLD"),
            SearchKey::Recent => w.words("RECENT"),
            SearchKey::Keyword(word, set) => w.words(&format!("{}KEYWORD {word}", if *set { "" } else { "UN" })),
            SearchKey::Header { name, general, value } => {
                if *general {
                    w.words("HEADER ");
                    w.string(name);
                } else {
                    w.words(name);
                }
                w.words(" ");
                w.string(value);
            }
            SearchKey::Body(text) => {
                w.words("BODY ");
                w.string(text);
            }
            SearchKey::Text(text) => {
                w.words("TEXT ");
                w.string(text);
            }
            SearchKey::Internal(x, d) => w.words(&format!("{} {}", when(x), date::date(*d))),
            SearchKey::Sent(x, d) => w.words(&format!("SENT{} {}", when(x), date::date(*d))),
            SearchKey::Larger(n) => w.words(&format!("LARGER {n}")),
            SearchKey::Smaller(n) => w.words(&format!("SMALLER {n}")),
            SearchKey::Older(seconds) => w.words(&format!("OLDER {seconds}")),
            SearchKey::Younger(seconds) => w.words(&format!("YOUNGER {seconds}")),
            SearchKey::ModSeq(n) => w.words(&format!("MODSEQ {n}")),
            SearchKey::Uid(set) => w.words(&format!("UID {set}")),
            SearchKey::Set(set) => w.words(&set.to_string()),
            SearchKey::Not(key) => {
                w.words("NOT ");
                key.write(w, false);
            }
            SearchKey::Or(a, b) => {
                w.words("OR ");
                a.write(w, false);
                w.words(" ");
                b.write(w, false);
            }
            SearchKey::And(keys) => {
                w.words(if top { "" } else { "(" });
                for (i, key) in keys.iter().enumerate() {
                    w.words(if i > 0 { " " } else { "" });
                    key.write(w, false);
                }
                w.words(if top { "" } else { ")" });
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_key_is_read_and_written() {
        for text in [
            "ALL",
            "ANSWERED",
            "UNDELETED",
            "DRAFT",
            "UNFLAGGED",
            "SEEN",
            "NEW",
            "OLD",
            "RECENT",
            "KEYWORD $Junk",
            "UNKEYWORD x",
            "FROM \"ci@\"",
            "BCC \"\"",
            "SUBJECT \"a \\\"b\\\\\"",
            "TO \"é\"",
            "CC \"x\"",
            "HEADER \"List-Id\" \"rust\"",
            "BODY \"x y\"",
            "TEXT \"(\"",
            "BEFORE 1-Feb-1994",
            "ON 29-Feb-2024",
            "SINCE 31-Dec-2025",
            "SENTBEFORE 1-Jan-1970",
            "SENTON 2-Mar-2001",
            "SENTSINCE 3-Apr-2002",
            "LARGER 5000000000",
            "SMALLER 0",
            "MODSEQ 9223372036854775807",
            "UID 1:9,*",
            "UID $",
            "OLDER 86400",
            "YOUNGER 1",
            "NOT $",
            "1,3:*",
            "NOT SEEN",
            "OR SEEN NOT FROM \"x\"",
            "(SEEN 5) OR (DRAFT ALL) (NEW OLD)",
            "NOT NOT (SEEN DELETED)",
            "SEEN UNSEEN",
        ] {
            let key: SearchKey = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(key.to_string(), text);
        }
        assert_eq!("from ci@ unseen".parse::<SearchKey>().unwrap().to_string(), "FROM \"ci@\" UNSEEN");
        assert_eq!("since \"01-feb-1994\"".parse::<SearchKey>().unwrap().to_string(), "SINCE 1-Feb-1994");
    }

    #[test]
    fn what_is_no_search_says_where() {
        for (bad, at) in [
            ("", 0),
            ("FOO", 0),
            ("SEEN FOO", 5),
            ("FROM", 4),
            ("NOT", 3),
            ("OR SEEN", 7),
            ("()", 2),
            ("(SEEN", 5),
            ("SEEN)", 4),
            ("ON 30-Feb-2024", 3),
            ("ON 1-Foo-2024", 3),
            ("ON 1-Feb-24", 3),
            ("ON 1-Feb-2024-1", 3),
            ("LARGER -1", 7),
            ("OLDER 0", 6),
            ("YOUNGER 4294967296", 8),
            ("$,1", 1),
            ("0", 0),
            ("KEYWORD \"x\"", 8),
            ("HEADER \"a b\" x", 6),
            ("FROM \"a\r\nb\"", 5),
            ("SEEN\r\nx LOGOUT", 4),
            ("UID x", 4),
            ("FROM {3}", 5),
        ] {
            assert_eq!(bad.parse::<SearchKey>().map_err(|e| e.at), Err(at), "{bad:?}");
        }
        assert!("NOT ".repeat(100_000).parse::<SearchKey>().is_err());
        assert!("(".repeat(100_000).parse::<SearchKey>().is_err());
        assert!("OR ".repeat(100_000).parse::<SearchKey>().is_err());
        assert!(format!("{}SEEN", "NOT ".repeat(99)).parse::<SearchKey>().is_ok());
    }

    pub(crate) fn keys() -> impl Strategy<Value = SearchKey> {
        let text = "[^\r\n\0]{0,12}";
        let set = proptest::collection::vec((1u32..99, 1u32..99), 1..4).prop_map(SequenceSet::from_ranges);
        let day = (1i32..9999, 1u32..13, 1u32..29).prop_map(|(y, m, d)| NaiveDate::from_ymd_opt(y, m, d).unwrap());
        let leaf = prop_oneof![
            Just(SearchKey::All),
            Just(SearchKey::Flag(SystemFlag::Seen, false)),
            ("[a-z$]{1,9}", any::<bool>()).prop_map(|(w, b)| SearchKey::Keyword(w, b)),
            text.prop_map(|value| SearchKey::Header { name: "FROM".to_owned(), general: false, value }),
            ("[A-Za-z-]{1,9}", text).prop_map(|(name, value)| SearchKey::Header { name, general: true, value }),
            text.prop_map(SearchKey::Body),
            text.prop_map(SearchKey::Text),
            day.clone().prop_map(|d| SearchKey::Internal(When::Since, d)),
            day.prop_map(|d| SearchKey::Sent(When::Before, d)),
            any::<u64>().prop_map(SearchKey::Larger),
            (1u32..).prop_map(SearchKey::Younger),
            set.clone().prop_map(SearchKey::Uid),
            set.prop_map(SearchKey::Set),
        ];
        leaf.prop_recursive(5, 30, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(|k| SearchKey::Not(Box::new(k))),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| SearchKey::Or(Box::new(a), Box::new(b))),
                proptest::collection::vec(inner, 2..4).prop_map(SearchKey::And),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_key_comes_back(key in keys()) {
            let text = key.to_string();
            prop_assert_eq!(text.parse::<SearchKey>().map_err(|e| format!("{text}: {e}")), Ok(key));
        }
    }
}
