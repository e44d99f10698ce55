//! `--where`: the words of [`Query`] as a search that an IMAP server understands, and `--search` beside it.

use super::imap::search_key;
use crate::error::{Error, Result};
use crate::message::date::Date;
use crate::message::flags::Flag;
use crate::message::query::{Query, Side, Term};
use crate::proto::imap::search::{SearchKey, SystemFlag, When};
use crate::proto::imap::set::SequenceSet;
use chrono::NaiveDate;
use clap::Args;

/// Which messages are looked for.
#[derive(Args, Clone, Debug, Default)]
pub struct Looking {
    /// Only the messages for which all of this holds, in IMAP's own words (RFC 3501 6.4.4), like 'FROM ci@ UNSEEN'.
    #[arg(long, value_name = "KEYS")]
    pub search: Option<String>,
    /// Only the messages for which all of this holds: from:ci is:unread since:7d larger:1M (see pipepost(7)).
    #[arg(long = "where", value_name = "WORDS", allow_hyphen_values = true)]
    pub words: Option<String>,
}

impl Looking {
    /// Whether anything is looked for.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.search.is_some() || self.words.is_some()
    }

    /// Both as one search, of the messages in `set` if there is one; `None`: nothing is looked for.
    ///
    /// # Errors
    /// 64: it is none.
    pub fn key(&self, set: Option<&SequenceSet>) -> Result<Option<SearchKey>> {
        let words = self.words.as_deref().map(|text| query(text).map(|query| search(&query))).transpose()?;
        let keys = match (self.search.as_deref(), words) {
            (Some(text), Some(words)) => SearchKey::And(vec![search_key(text, None)?, words]),
            (Some(text), None) => return search_key(text, set).map(Some),
            (None, Some(words)) => words,
            (None, None) => return Ok(None),
        };
        Ok(Some(match set {
            Some(set) => SearchKey::And(vec![SearchKey::Uid(set.clone()), keys]),
            None => keys,
        }))
    }
}

/// Reads what `--where` says; days are those of the local zone.
///
/// # Errors
/// 64: it is none.
pub fn query(text: &str) -> Result<Query> {
    let now = chrono::Local::now();
    let now = Date { seconds: now.timestamp(), zone: now.offset().local_minus_utc() / 60 };
    Query::parse(text, now)
        .map_err(|why| Error::usage(format!("{text}: {why}")).advise("like 'from:ci is:unread since:7d larger:1M'"))
}

/// As an IMAP server is asked for it.
#[must_use]
pub fn search(query: &Query) -> SearchKey {
    match query {
        Query::All(queries) => SearchKey::And(queries.iter().map(search).collect()),
        Query::Any(queries) => either(queries),
        Query::Not(query) => match search(query) {
            SearchKey::Flag(flag, on) => SearchKey::Flag(flag, !on),
            SearchKey::Keyword(word, on) => SearchKey::Keyword(word, !on),
            key => SearchKey::Not(Box::new(key)),
        },
        Query::Is(term) => key(term),
    }
}

fn either(queries: &[Query]) -> SearchKey {
    // By halves: a list of a thousand is not a thousand ORs in each other.
    match queries.split_at(queries.len() / 2) {
        ([], [only]) => search(only),
        ([], _) => SearchKey::Not(Box::new(SearchKey::All)),
        (a, b) => SearchKey::Or(Box::new(either(a)), Box::new(either(b))),
    }
}

fn key(term: &Term) -> SearchKey {
    let when = |side: Side| match side {
        Side::Before => When::Before,
        Side::On => When::On,
        Side::Since => When::Since,
    };
    // A day of Query's is one that the calendar has.
    let date = |day: i64| {
        let days = i32::try_from(day.saturating_add(719_163)).ok();
        days.and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or_default()
    };
    match term {
        Term::Field(name, value) => {
            let own = matches!(name.as_str(), "from" | "to" | "cc" | "bcc" | "subject");
            let name = if own { name.to_ascii_uppercase() } else { name.clone() };
            SearchKey::Header { name, general: !own, value: value.clone() }
        }
        Term::Body(text) => SearchKey::Body(text.clone()),
        Term::Anywhere(text) => SearchKey::Text(text.clone()),
        Term::Flag(flag) => SearchKey::Flag(system(*flag), true),
        Term::Keyword(word) => SearchKey::Keyword(word.clone(), true),
        Term::Received(side, day) => SearchKey::Internal(when(*side), date(*day)),
        Term::Sent(side, day) => SearchKey::Sent(when(*side), date(*day)),
        Term::Newer(seconds) => SearchKey::Younger(*seconds),
        Term::Older(seconds) => SearchKey::Older(*seconds),
        Term::Larger(size) => SearchKey::Larger(*size),
        Term::Smaller(size) => SearchKey::Smaller(*size),
    }
}

fn system(flag: Flag) -> SystemFlag {
    match flag {
        Flag::Answered => SystemFlag::Answered,
        Flag::Flagged => SystemFlag::Flagged,
        Flag::Deleted => SystemFlag::Deleted,
        Flag::Seen => SystemFlag::Seen,
        Flag::Draft => SystemFlag::Draft,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> String {
        let now = Date::utc(1_795_388_400);
        search(&Query::parse(text, now).unwrap()).to_string()
    }

    #[test]
    fn what_a_server_is_asked() {
        for (words, keys) in [
            ("from:ci is:unread since:7d larger:1M", "FROM \"ci\" UNSEEN SINCE 15-Nov-2026 LARGER 1048576"),
            ("a or b or c d", "OR TEXT \"a\" OR TEXT \"b\" (TEXT \"c\" TEXT \"d\")"),
            ("-(a b)", "NOT (TEXT \"a\" TEXT \"b\")"),
            ("-keyword:$Junk -is:unread", "UNKEYWORD $Junk SEEN"),
            ("id:<1@x> header:X-A", "HEADER \"message-id\" \"<1@x>\" HEADER \"x-a\" \"\""),
            ("older:1d sent-on:1970-01-01 body:\"é \\\"\"", "OLDER 86400 SENTON 1-Jan-1970 BODY \"é \\\"\""),
        ] {
            assert_eq!(asked(words), keys);
            assert_eq!(keys.parse::<SearchKey>().unwrap().to_string(), keys);
        }
    }

    #[test]
    fn both_kinds_of_words_hold() {
        let looking = Looking { search: Some("SEEN".into()), words: Some("a".into()) };
        let set = "3:9".parse().ok();
        let key = looking.key(set.as_ref()).unwrap().map(|key| key.to_string());
        assert_eq!(key.as_deref(), Some("UID 3:9 (SEEN TEXT \"a\")"));
        assert!(Looking::default().key(set.as_ref()).unwrap().is_none());
    }
}
