//! The words that a person gives to `--where`: `from:ci is:unread since:7d larger:1M`, and what holds of a message.
//!
//! ```text
//! query  = all *( "or" all )              all = 1*term: each of them holds
//! term   = [ "-" / "not " ] ( "(" query ")" / KEY ":" value / value )
//! value  = word / DQUOTE text DQUOTE      in quotes \" and \\ are a quote and a backslash
//! ```
//!
//! A value without a key is looked for anywhere in the message. Here is neither IMAP nor a clock: days are counted from a moment
//! that the caller gives. Left out: patterns; a value is a part of a text, and its case does not matter, as in IMAP.

use super::date::Date;
use super::flags::{Flag, is_keyword};
use crate::text::duration::duration;
use crate::text::size::size;

/// Parentheses may be so deep.
const DEPTH: usize = 100;

/// What holds of the messages that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// All of these; of none: any message.
    All(Vec<Query>),
    /// One of these.
    Any(Vec<Query>),
    /// Not this.
    Not(Box<Query>),
    /// This.
    Is(Term),
}

/// One thing that holds of a message or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// `from:`, `to:`, `cc:`, `bcc:`, `subject:`, `id:`, `list:`, `header:NAME=TEXT`: the field of this name has the text in it;
    /// of an empty one, the field is there.
    Field(String, String),
    /// `body:` has the text in it.
    Body(String),
    /// The header or the body have the text in them.
    Anywhere(String),
    /// `is:read`, `is:flagged`, ...
    Flag(Flag),
    /// `keyword:$Junk`
    Keyword(String),
    /// `before:`, `on:`, `since:`: the day on which it arrived, in days since 1970-01-01.
    Received(Side, i64),
    /// `sent-before:`, `sent-on:`, `sent-since:`: the day of its Date field, as [`Date::day`].
    Sent(Side, i64),
    /// `newer:12h`: it arrived in the last so many seconds.
    Newer(u32),
    /// `older:12h`: it did not.
    Older(u32),
    /// `larger:1M`: more octets than that.
    Larger(u64),
    /// `smaller:1M`: less octets than that.
    Smaller(u64),
}

/// Which side of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Earlier days.
    Before,
    /// That day.
    On,
    /// That day and later.
    Since,
}

impl Side {
    /// Whether the day is on this side of the other.
    #[must_use]
    pub fn holds(self, day: i64, of: i64) -> bool {
        match self {
            Side::Before => day < of,
            Side::On => day == of,
            Side::Since => day >= of,
        }
    }
}

impl Query {
    /// Reads it. Ages and `today` count back from `now`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, now: Date) -> Result<Query, String> {
        if let Some(c) = text.chars().find(|c| c.is_control()) {
            return Err(format!("{} is no text to look for", c.escape_default()));
        }
        let mut words = Words { rest: text, now, depth: 0 };
        let query = words.any()?;
        if words.peek().is_some() { Err("a ) without its (".to_owned()) } else { Ok(query) }
    }

    /// Whether it holds of a message, of which `term` says what it knows.
    ///
    /// # Errors
    /// Those of `term`.
    pub fn holds<E>(&self, term: &mut dyn FnMut(&Term) -> Result<bool, E>) -> Result<bool, E> {
        match self {
            Query::Is(one) => term(one),
            Query::Not(query) => Ok(!query.holds(term)?),
            Query::All(queries) => {
                for query in queries {
                    if !query.holds(term)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Query::Any(queries) => {
                for query in queries {
                    if query.holds(term)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

struct Words<'t> {
    rest: &'t str,
    now: Date,
    depth: usize,
}

impl<'t> Words<'t> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches(' ');
        self.rest.chars().next()
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// A word of the grammar: it stands alone.
    fn eat_word(&mut self, word: &str) -> bool {
        let Some((first, rest)) = self.rest.split_at_checked(word.len()) else { return false };
        let alone = rest.chars().next().is_none_or(|c| matches!(c, ' ' | '(' | ')'));
        let found = alone && first.eq_ignore_ascii_case(word);
        self.rest = if found { rest } else { self.rest };
        found
    }

    fn any(&mut self) -> Result<Query, String> {
        let mut queries = vec![self.all()?];
        while self.peek().is_some() && self.eat_word("or") {
            queries.push(self.all()?);
        }
        Ok(match (queries.pop(), queries.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                queries.extend(last);
                Query::Any(queries)
            }
        })
    }

    fn all(&mut self) -> Result<Query, String> {
        let mut queries = Vec::new();
        while let Some(c) = self.peek() {
            if c == ')' {
                break;
            }
            let before = self.rest;
            if self.eat_word("or") {
                self.rest = before;
                break;
            }
            queries.push(self.term()?);
        }
        match (queries.pop(), queries.is_empty()) {
            (None, _) => Err("nothing that must hold, like from:ci or is:unread".to_owned()),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                queries.push(last);
                Ok(Query::All(queries))
            }
        }
    }

    fn term(&mut self) -> Result<Query, String> {
        let mut not = false;
        while self.peek().is_some() && (self.eat("-") || self.eat_word("not")) {
            not = !not;
            if self.rest.starts_with('-') {
                // An option that came in between is no double negation.
                return Err("a - after a -".to_owned());
            }
        }
        let query = if self.eat("(") {
            self.depth += 1;
            if self.depth > DEPTH {
                return Err(format!("more than {DEPTH} parentheses in each other"));
            }
            let query = self.any()?;
            self.depth -= 1;
            if !self.eat(")") {
                return Err("a ( without its )".to_owned());
            }
            query
        } else {
            self.key()?
        };
        Ok(if not { Query::Not(Box::new(query)) } else { query })
    }

    fn key(&mut self) -> Result<Query, String> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(self.rest.len());
        let (key, after) = self.rest.split_at_checked(end).unwrap_or_default();
        let Some(after) = after.strip_prefix(':').filter(|_| !key.is_empty()) else {
            let value = self.value()?;
            return if value.is_empty() {
                Err("an empty text".to_owned())
            } else {
                Ok(Query::Is(Term::Anywhere(value)))
            };
        };
        self.rest = after;
        let value = self.value()?;
        let key = key.to_ascii_lowercase();
        term(&key, value, self.now).map_err(|why| format!("{key}: {why}"))
    }

    fn value(&mut self) -> Result<String, String> {
        if !self.eat("\"") {
            let end = self.rest.find([' ', '(', ')', '"']).unwrap_or(self.rest.len());
            let (value, rest) = self.rest.split_at_checked(end).unwrap_or_default();
            self.rest = rest;
            // header:NAME="some text"
            return if value.ends_with('=') && rest.starts_with('"') {
                Ok(format!("{value}{}", self.value()?))
            } else {
                Ok(value.to_owned())
            };
        }
        let mut value = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next() {
                None => return Err("a quote that does not end".to_owned()),
                Some('"') => break,
                Some('\\') => value.extend(chars.next()),
                Some(c) => value.push(c),
            }
        }
        self.rest = chars.as_str();
        Ok(value)
    }
}

fn term(key: &str, value: String, now: Date) -> Result<Query, String> {
    let field = |name: &str, value: String| Ok(Term::Field(name.to_owned(), value));
    let side = |key: &str| match key {
        "before" => Some(Side::Before),
        "on" => Some(Side::On),
        "since" | "after" => Some(Side::Since),
        _ => None,
    };
    if let Some(side) = side(key) {
        return Ok(Query::Is(Term::Received(side, day(&value, now)?)));
    }
    if let Some(side) = key.strip_prefix("sent-").and_then(side) {
        return Ok(Query::Is(Term::Sent(side, day(&value, now)?)));
    }
    if value.is_empty() {
        return Err("of what?".to_owned());
    }
    let term = match key {
        "from" | "to" | "cc" | "bcc" | "subject" => field(key, value),
        "id" => field("message-id", value),
        "list" => field("list-id", value),
        "header" => {
            let (name, text) = value.split_once('=').unwrap_or((&value, ""));
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
                return Err(format!("{name}: not the name of a field"));
            }
            field(&name.to_ascii_lowercase(), text.to_owned())
        }
        "body" => Ok(Term::Body(value)),
        "text" => Ok(Term::Anywhere(value)),
        "is" => return is(&value),
        "keyword" | "label" => match is_keyword(&value) {
            true => Ok(Term::Keyword(value)),
            false => Err(format!("{value}: not a keyword")),
        },
        "newer" => Ok(Term::Newer(age(&value)?)),
        "older" => Ok(Term::Older(age(&value)?)),
        "larger" => Ok(Term::Larger(size(&value)?)),
        "smaller" => Ok(Term::Smaller(size(&value)?)),
        _ => Err("no such key; put a text with a colon in quotes".to_owned()),
    };
    term.map(Query::Is)
}

fn is(what: &str) -> Result<Query, String> {
    let (flag, on) = match what.to_ascii_lowercase().as_str() {
        "read" | "seen" => (Flag::Seen, true),
        "unread" | "unseen" => (Flag::Seen, false),
        "flagged" | "starred" => (Flag::Flagged, true),
        "unflagged" => (Flag::Flagged, false),
        "answered" | "replied" => (Flag::Answered, true),
        "unanswered" => (Flag::Answered, false),
        "deleted" => (Flag::Deleted, true),
        "undeleted" => (Flag::Deleted, false),
        "draft" => (Flag::Draft, true),
        "undraft" => (Flag::Draft, false),
        _ => return Err(format!("{what}: not one of read, unread, flagged, answered, deleted, draft")),
    };
    let term = Query::Is(Term::Flag(flag));
    Ok(if on { term } else { Query::Not(Box::new(term)) })
}

/// `12h`
fn age(text: &str) -> Result<u32, String> {
    u32::try_from(duration(text)?.as_secs()).map_err(|_| format!("{text}: too long"))
}

/// `2026-11-22`, `today`, `yesterday`, `7d`, `2w`: a day, in days since 1970-01-01.
fn day(text: &str, now: Date) -> Result<i64, String> {
    let wrong = || format!("{text}: not a day like 2026-11-22, today, yesterday, 7d or 2w");
    let back = |number: &str, days: i64| -> Option<i64> {
        let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse::<i64>().ok())??;
        now.day().checked_sub(number.checked_mul(days)?)
    };
    let found = match text.to_ascii_lowercase().as_str() {
        "today" => back("0", 1),
        "yesterday" => back("1", 1),
        other => match (other.strip_suffix('d'), other.strip_suffix('w')) {
            (Some(days), _) => back(days, 1),
            (_, Some(weeks)) => back(weeks, 7),
            _ => civil(other),
        },
    };
    // The years that IMAP can say, and a calendar has.
    found.filter(|day| (-719_162..=2_932_896).contains(day)).ok_or_else(wrong)
}

fn civil(text: &str) -> Option<i64> {
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .map(|day| i64::from(chrono::Datelike::num_days_from_ce(&day)) - 719_163)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-22, an hour before midnight in UTC; a day later an hour east of Greenwich.
    const NOW: Date = Date { seconds: 1_795_388_400, zone: 0 };

    fn parse(text: &str) -> Query {
        Query::parse(text, NOW).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn one(term: Term) -> Query {
        Query::Is(term)
    }

    #[test]
    fn what_people_write() {
        let unread = Query::Not(Box::new(one(Term::Flag(Flag::Seen))));
        let today = NOW.day();
        let from = |text: &str| one(Term::Field("from".into(), text.into()));
        let all = parse("from:ci IS:unread since:7d larger:1M");
        let since = one(Term::Received(Side::Since, today - 7));
        assert_eq!(all, Query::All(vec![from("ci"), unread.clone(), since, one(Term::Larger(1 << 20))]));
        let either = Query::Any(vec![from("a b"), Query::All(vec![from("c"), unread])]);
        assert_eq!(parse("from:\"a b\" or from:c is:unread"), either);
        assert_eq!(parse("-from:a"), Query::Not(Box::new(from("a"))));
        assert_eq!(parse("not (from:a)"), parse("-from:a"));
        assert_eq!(parse("not not from:a"), from("a"));
        assert_eq!(parse("a or(b)c"), parse("a or (b c)"));
        assert_eq!(parse("or-ange"), one(Term::Anywhere("or-ange".into())));
        assert_eq!(parse("\"a: \\\"b\\\\\""), one(Term::Anywhere("a: \"b\\".into())));
        assert_eq!(parse("header:X-A=\"b c\""), one(Term::Field("x-a".into(), "b c".into())));
        assert_eq!(parse("header:X-A"), one(Term::Field("x-a".into(), String::new())));
        assert_eq!(parse("sent-on:1970-01-02"), one(Term::Sent(Side::On, 1)));
        assert_eq!(parse("before:yesterday"), one(Term::Received(Side::Before, today - 1)));
        assert_eq!(parse("since:2w"), one(Term::Received(Side::Since, today - 14)));
        assert_eq!(parse("newer:12h"), one(Term::Newer(43_200)));
        let east = Date { zone: 120, ..NOW };
        assert_eq!(Query::parse("on:today", east), Ok(one(Term::Received(Side::On, today + 1))));
    }

    #[test]
    fn what_is_none() {
        for bad in [
            "",
            " ",
            "()",
            "(",
            ")",
            "a)",
            "(a",
            "or",
            "a or",
            "or a",
            "not",
            "-",
            "--json",
            "from:",
            "form:a",
            "is:new",
            "since:",
            "since:2026-13-01",
            "since:soon",
            "since:-7d",
            "since:99999999999999999999d",
            "larger:x",
            "newer:7x",
            "\"a",
            "keyword:a*",
            "header:=x",
            "from:a\r\nb",
            "\0",
            "\"\"",
            "older:9999999d",
        ] {
            assert!(Query::parse(bad, NOW).is_err(), "{bad:?}");
        }
        let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
        assert!(Query::parse(&deep(DEPTH), NOW).is_ok());
        assert!(Query::parse(&deep(DEPTH + 1), NOW).is_err());
        assert!(Query::parse(&"not ".repeat(100_000), NOW).is_err());
    }

    #[test]
    fn what_holds() {
        let holds = |text: &str| {
            let mut known = |term: &Term| Ok::<_, String>(*term == Term::Anywhere("yes".into()));
            parse(text).holds(&mut known).unwrap()
        };
        assert!(holds("yes") && holds("-no") && holds("no or yes") && holds("yes yes") && holds("not (no or no)"));
        assert!(!holds("no") && !holds("yes no") && !holds("no or -yes"));
        assert!(
            Side::Before.holds(1, 2) && Side::On.holds(2, 2) && Side::Since.holds(2, 2) && !Side::Before.holds(2, 2)
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,60}", words in "[a-z:()\"\\\\ 0-9-]{0,60}") {
            let _ = Query::parse(&text, NOW);
            let _ = Query::parse(&words, NOW);
        }
    }
}
