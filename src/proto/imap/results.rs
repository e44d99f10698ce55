//! What a SEARCH or SORT is to return, and how: RETURN and ESEARCH (RFC 4731), SAVE (RFC 5182), ESORT (RFC 5267).
//!
//! PARTIAL (RFC 9394) is what a client asks for; the commands of others are read without it. Left out: UPDATE and CONTEXT of RFC 5267.

use super::lex::{Lex, Parsed, Syntax};
use super::modseq::modseq;
use super::set::UidList;
use super::write::string;
use std::fmt;

/// RETURN (...)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Returns {
    /// MIN: the lowest number; of SORT, the first one.
    pub min: bool,
    /// MAX: the highest number; of SORT, the last one.
    pub max: bool,
    /// ALL: all numbers.
    pub all: bool,
    /// COUNT: how many there are.
    pub count: bool,
    /// SAVE: the result is remembered as `$`.
    pub save: bool,
    /// PARTIAL -1:-n: only the last n numbers.
    pub last: Option<std::num::NonZeroU32>,
}

impl Returns {
    /// Reads `RETURN (...)` with the space behind it, if it is there.
    ///
    /// # Errors
    /// If it is malformed, or asks for something that is not known.
    pub fn parse(l: &mut Lex<'_>) -> Parsed<Option<Returns>> {
        if !l.eat_word("RETURN") {
            return Ok(None);
        }
        l.expect_sp()?;
        let mut returns = Returns::default();
        l.list(|l| {
            let at = l.position();
            match l.word().to_ascii_uppercase().as_str() {
                "MIN" => returns.min = true,
                "MAX" => returns.max = true,
                "ALL" => returns.all = true,
                "COUNT" => returns.count = true,
                "SAVE" => returns.save = true,
                _ => return Err(Syntax::new(at, "unknown RETURN option")),
            }
            Ok(())
        })?;
        l.expect_sp()?;
        if returns == Returns::default() {
            // RFC 4731 3.1: nothing means everything.
            returns.all = true;
        }
        Ok(Some(returns))
    }

    /// Whether there is something to tell: SAVE alone is silent.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.min || self.max || self.all || self.count
    }
}

impl fmt::Display for Returns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [("MIN", self.min), ("MAX", self.max), ("ALL", self.all), ("COUNT", self.count), ("SAVE", self.save)];
        let mut words: Vec<String> = all.iter().filter(|(_, set)| *set).map(|(word, _)| (*word).to_owned()).collect();
        words.extend(self.last.map(|n| format!("PARTIAL -1:-{n}")));
        write!(f, "RETURN ({})", words.join(" "))
    }
}

/// An ESEARCH response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// The tag of the command that it answers.
    pub tag: Option<String>,
    /// Whether the numbers are UIDs.
    pub uid: bool,
    /// See [`Returns::min`]; `None` too if nothing was found.
    pub min: Option<u32>,
    /// See [`Returns::max`]; `None` too if nothing was found.
    pub max: Option<u32>,
    /// How many were found.
    pub count: Option<u32>,
    /// All that were found, of SORT in its order; `None` too if nothing was found.
    pub all: Option<UidList>,
    /// The highest mod-sequence of what is told here, if it was searched for one (RFC 7162).
    pub modseq: Option<i64>,
}

impl Results {
    /// Reads what follows the word ESEARCH. Data that is not known is read over.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(l: &mut Lex<'_>) -> Parsed<Results> {
        let mut results = Results::default();
        if l.sp() && l.peek() == Some(b'(') {
            l.list(|l| {
                if !l.eat_word("TAG") {
                    return l.expected("TAG");
                }
                l.expect_sp()?;
                results.tag = Some(String::from_utf8_lossy(&l.astring()?).into_owned());
                Ok(())
            })?;
            l.sp();
        }
        results.uid = l.eat_word("UID");
        l.sp();
        while !l.at_end() {
            let word = l.word().to_ascii_uppercase();
            l.expect_sp()?;
            match word.as_str() {
                "MIN" => results.min = Some(l.number()?),
                "MAX" => results.max = Some(l.number()?),
                "COUNT" => results.count = Some(l.number()?),
                "MODSEQ" => results.modseq = Some(modseq(l)?),
                "ALL" => results.all = Some(UidList::parse(l)?),
                // Which ones were asked for, and those of them that there are.
                "PARTIAL" => {
                    l.expect(b'(')?;
                    l.atom()?;
                    l.expect_sp()?;
                    results.all = if l.eat_word("NIL") { None } else { Some(UidList::parse(l)?) };
                    l.expect(b')')?;
                }
                _ => drop(l.value()?),
            }
            l.sp();
        }
        Ok(results)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"ESEARCH");
        if let Some(tag) = &self.tag {
            out.extend_from_slice(b" (TAG ");
            string(out, tag.as_bytes());
            out.push(b')');
        }
        if self.uid {
            out.extend_from_slice(b" UID");
        }
        let numbers = [("MIN", self.min), ("MAX", self.max), ("COUNT", self.count)];
        for (word, number) in numbers.iter().filter_map(|(word, number)| number.map(|n| (word, n))) {
            out.extend_from_slice(format!(" {word} {number}").as_bytes());
        }
        if let Some(all) = &self.all {
            out.extend_from_slice(format!(" ALL {all}").as_bytes());
        }
        if let Some(modseq) = self.modseq {
            out.extend_from_slice(format!(" MODSEQ {modseq}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_to_be_returned() {
        let parse = |text: &str| Returns::parse(&mut Lex::new(text.as_bytes()));
        for text in ["RETURN (MIN)", "RETURN (MIN MAX ALL COUNT SAVE)", "RETURN (SAVE)"] {
            assert_eq!(parse(&format!("{text} ALL")).unwrap().unwrap().to_string(), text);
        }
        assert_eq!(parse("return () ALL").unwrap().unwrap().to_string(), "RETURN (ALL)");
        assert_eq!(parse("RETURNED"), Ok(None));
        for bad in ["RETURN", "RETURN ALL", "RETURN (FOO) ALL", "RETURN (ALL)", "RETURN (ALL)ALL", "RETURN (ALL"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    fn parse(text: &str) -> Parsed<Results> {
        Results::parse(&mut Lex::new(text.as_bytes()))
    }

    #[test]
    fn responses_of_the_rfcs() {
        for text in [
            " (TAG \"A282\") MIN 2 COUNT 3",
            " (TAG \"A283\") ALL 2,10:11",
            " (TAG \"A284\") MIN 4",
            " (TAG \"A285\") UID MIN 7 MAX 3800",
            " (TAG \"A286\") COUNT 15",
            " UID ALL 5,3,1:2",
            "",
        ] {
            let mut out = Vec::new();
            parse(text).unwrap().encode(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), format!("ESEARCH{text}"));
        }
        let found = parse(" (TAG a1) UID COUNT 5 MODSEQ 917162500 X-NEW (a (b)) ALL 4:19").unwrap();
        assert_eq!((found.tag.as_deref(), found.uid, found.count), (Some("a1"), true, Some(5)));
        assert_eq!(found.all.unwrap().count(), 16);
        for bad in [" MIN", " MIN x", " (TAG", " (X \"a\")", " ALL *", " ALL 1:", " (TAG a) )"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_result_comes_back(
            tag in proptest::option::of("[a-z0-9\"]{1,9}"), uid: bool,
            min in proptest::option::of(any::<u32>()), count in proptest::option::of(any::<u32>()),
            all in proptest::option::of(proptest::collection::vec(1u32..30, 1..9)),
        ) {
            let results = Results { tag, uid, min, max: min, count, all: all.map(UidList::from_uids), modseq: count.map(i64::from) };
            let mut out = Vec::new();
            results.encode(&mut out);
            prop_assert_eq!(Results::parse(&mut Lex::new(&out[7..])), Ok(results));
        }
    }
}
