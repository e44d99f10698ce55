//! Sequence sets (RFC 3501 section 9, `sequence-set`): which messages, by sequence number or UID.
//!
//! A set is kept as sorted ranges, so `1:4294967295` costs as much as `1`, and membership is a binary search.

use super::lex::{Lex, Parsed};
use std::fmt;
use std::str::FromStr;

/// A set of sequence numbers or UIDs, normalised: ranges sorted, apart, none empty.
///
/// `*` is the largest number in use. `n:*` is never empty in a mailbox that is not: if `n` is beyond the largest number,
/// it means that one (RFC 3501 6.4.8), which is why the open range is kept apart until the largest number is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SequenceSet {
    ranges: Vec<(u32, u32)>,
    /// `n:*`; a lone `*` is the largest `n`.
    open: Option<u32>,
    /// `$`: what the last search has saved, whatever that is.
    saved: bool,
}

fn normalise(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut out: Vec<(u32, u32)> = Vec::with_capacity(ranges.len().min(64));
    for (from, to) in ranges {
        match out.last_mut() {
            Some((_, end)) if from <= end.saturating_add(1) => *end = to.max(*end),
            _ => out.push((from, to)),
        }
    }
    out
}

impl SequenceSet {
    /// From ranges, each in either order; 0 is left out, as no message has it.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u32, u32)>) -> SequenceSet {
        let ranges = ranges.into_iter().map(|(a, b)| (a.min(b).max(1), a.max(b))).filter(|(a, b)| a <= b).collect();
        SequenceSet { ranges: normalise(ranges), ..SequenceSet::default() }
    }

    /// From single numbers, in any order.
    pub fn from_numbers(numbers: impl IntoIterator<Item = u32>) -> SequenceSet {
        SequenceSet::from_ranges(numbers.into_iter().map(|n| (n, n)))
    }

    /// `n:*`.
    #[must_use]
    pub fn from_on(n: u32) -> SequenceSet {
        SequenceSet { open: Some(n.max(1)), ..SequenceSet::default() }
    }

    /// `$`: the result of the last search that was saved (RFC 5182). It names nothing until it is
    /// [resolved](SequenceSet::resolve_saved).
    #[must_use]
    pub fn saved() -> SequenceSet {
        SequenceSet { saved: true, ..SequenceSet::default() }
    }

    /// If it is `$`, becomes what that stands for.
    pub fn resolve_saved(&mut self, saved: &dyn Fn() -> SequenceSet) {
        if self.saved {
            *self = saved();
        }
    }

    /// The union.
    #[must_use]
    pub fn or(mut self, other: &SequenceSet) -> SequenceSet {
        self.ranges.extend_from_slice(&other.ranges);
        let open = match (self.open, other.open) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        SequenceSet::build(self.ranges, open)
    }

    fn build(ranges: Vec<(u32, u32)>, open: Option<u32>) -> SequenceSet {
        let mut ranges = normalise(ranges);
        let Some(mut open) = open else { return SequenceSet { ranges, ..SequenceSet::default() } };
        // A range that touches `n:*` makes that start earlier: both name the same messages, whatever the largest is.
        while let Some((from, _)) = ranges.last().copied().filter(|(_, to)| to.saturating_add(1) >= open) {
            open = open.min(from);
            ranges.pop();
        }
        SequenceSet { ranges, open: Some(open), saved: false }
    }

    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.open.is_none() && !self.saved
    }

    /// The largest number that is named as a number.
    #[must_use]
    pub fn largest_named(&self) -> Option<u32> {
        self.ranges.last().map(|(_, to)| *to)
    }

    /// The ranges, sorted and apart, in a mailbox whose largest number is `largest` (0: it is empty).
    #[must_use]
    pub fn resolve(&self, largest: u32) -> Vec<(u32, u32)> {
        let mut ranges = self.ranges.clone();
        if let Some(open) = self.open.filter(|_| largest > 0) {
            ranges.push((open.min(largest), largest));
        }
        ranges.retain(|(from, _)| *from <= largest);
        for (_, to) in &mut ranges {
            *to = (*to).min(largest);
        }
        normalise(ranges)
    }

    /// Whether `n` is in it, in a mailbox whose largest number is `largest`. For many questions, [resolve](Self::resolve) once.
    #[must_use]
    pub fn contains(&self, n: u32, largest: u32) -> bool {
        n <= largest && (within(&self.ranges, n) || self.open.is_some_and(|open| n >= open.min(largest)))
    }

    /// The numbers, ascending, up to `largest`.
    pub fn numbers(&self, largest: u32) -> impl Iterator<Item = u32> + use<> {
        self.resolve(largest).into_iter().flat_map(|(from, to)| from..=to)
    }

    /// Reads one, or `$`.
    ///
    /// # Errors
    /// If there is none here.
    pub fn parse(l: &mut Lex<'_>) -> Parsed<SequenceSet> {
        if l.eat(b'$') {
            return Ok(SequenceSet::saved());
        }
        let mut ranges = Vec::new();
        let mut open: Option<u32> = None;
        loop {
            let a = bound(l)?;
            let b = if l.eat(b':') { bound(l)? } else { a };
            match (a, b) {
                (Some(a), Some(b)) => ranges.push((a.min(b), a.max(b))),
                (n, m) => open = Some(n.or(m).unwrap_or(u32::MAX).min(open.unwrap_or(u32::MAX))),
            }
            if !l.eat(b',') {
                return Ok(SequenceSet::build(ranges, open));
            }
        }
    }
}

/// A number, or `None` for `*`.
fn bound(l: &mut Lex<'_>) -> Parsed<Option<u32>> {
    if l.eat(b'*') { Ok(None) } else { l.nz_number().map(Some) }
}

/// Whether `n` is in one of the ranges, which are sorted and apart.
#[must_use]
pub fn within(ranges: &[(u32, u32)], n: u32) -> bool {
    let at = ranges.partition_point(|(_, to)| *to < n);
    ranges.get(at).is_some_and(|(from, _)| *from <= n)
}

/// A person's set: `$` is none, as there is no search before it.
impl FromStr for SequenceSet {
    type Err = super::lex::Syntax;
    fn from_str(text: &str) -> Parsed<SequenceSet> {
        let mut l = Lex::new(text.as_bytes());
        if l.peek() == Some(b'$') {
            return l.expected("a number");
        }
        let set = SequenceSet::parse(&mut l)?;
        l.expect_end()?;
        Ok(set)
    }
}

fn write_ranges(f: &mut fmt::Formatter<'_>, ranges: &[(u32, u32)]) -> fmt::Result {
    for (i, (from, to)) in ranges.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        if from == to {
            write!(f, "{comma}{from}")?;
        } else {
            write!(f, "{comma}{from}:{to}")?;
        }
    }
    Ok(())
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.saved {
            return f.write_str("$");
        }
        write_ranges(f, &self.ranges)?;
        let comma = if self.ranges.is_empty() { "" } else { "," };
        match self.open {
            None => Ok(()),
            Some(u32::MAX) => write!(f, "{comma}*"),
            Some(n) => write!(f, "{comma}{n}:*"),
        }
    }
}

/// UIDs in the order in which they were said: APPENDUID and COPYUID pair them with others (RFC 4315).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UidList(Vec<(u32, u32)>);

impl UidList {
    /// From UIDs, in their order.
    pub fn from_uids(uids: impl IntoIterator<Item = u32>) -> UidList {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for uid in uids {
            match ranges.last_mut() {
                Some((_, to)) if to.checked_add(1) == Some(uid) => *to = uid,
                _ => ranges.push((uid, uid)),
            }
        }
        UidList(ranges)
    }

    /// How many there are: a hostile peer may say four thousand million in a few bytes.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(from, to)| u64::from(to - from) + 1).sum()
    }

    /// The ranges, in their order.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// The UIDs, in their order.
    pub fn uids(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|(from, to)| *from..=*to)
    }

    /// Reads one (`uid-set`: no `*`).
    ///
    /// # Errors
    /// If there is none here.
    pub fn parse(l: &mut Lex<'_>) -> Parsed<UidList> {
        let mut ranges = Vec::new();
        loop {
            let a = l.nz_number()?;
            let b = if l.eat(b':') { l.nz_number()? } else { a };
            ranges.push((a.min(b), a.max(b)));
            if !l.eat(b',') {
                return Ok(UidList(ranges));
            }
        }
    }
}

impl fmt::Display for UidList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ranges(f, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(text: &str) -> SequenceSet {
        text.parse().unwrap()
    }

    #[test]
    fn normal_forms() {
        for (text, normal) in [
            ("1", "1"),
            ("3,1,2", "1:3"),
            ("9:3,1,4:5", "1,3:9"),
            ("2:4,*", "2:4,*"),
            ("*:5", "5:*"),
            ("*", "*"),
            ("*:*", "*"),
            ("5:*,7:*,9,4", "4:*"),
            ("1:4294967295", "1:4294967295"),
            ("4294967295", "4294967295"),
            ("1,3:9,*", "1,3:9,*"),
        ] {
            assert_eq!(set(text).to_string(), normal, "{text}");
        }
        for bad in ["", "$", "0", "1,", ",1", "1:", ":1", "a", "1:2:3", "1 2", "4294967296", "-1", "1,,2", "**"] {
            assert!(bad.parse::<SequenceSet>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_was_saved() {
        let mut set = SequenceSet::parse(&mut Lex::new(b"$ ")).unwrap();
        assert_eq!((set.to_string().as_str(), set.is_empty(), set.resolve(9).len()), ("$", false, 0));
        set.resolve_saved(&|| SequenceSet::from_numbers([3, 4]));
        assert_eq!(set.to_string(), "3:4");
        set.resolve_saved(&SequenceSet::default);
        assert_eq!(set.to_string(), "3:4");
    }

    #[test]
    fn the_star() {
        let n = |text: &str, largest| set(text).numbers(largest).collect::<Vec<_>>();
        assert_eq!(n("559:*", 10), [10]);
        assert_eq!(n("*:5", 3), [3]);
        assert_eq!(n("*:5", 7), [5, 6, 7]);
        assert_eq!(n("*", 7), [7]);
        assert_eq!(n("1:*", 0), Vec::<u32>::new());
        assert_eq!(n("*", 0), Vec::<u32>::new());
        assert_eq!(n("2:4,*", 9), [2, 3, 4, 9]);
        assert_eq!(n("5,1:4294967295", 3), [1, 2, 3]);
        assert!(set("559:*").contains(10, 10) && !set("559:*").contains(9, 10));
    }

    #[test]
    fn lists_keep_their_order() {
        let list = UidList::parse(&mut Lex::new(b"319,304,7:9,3:1 ")).unwrap();
        assert_eq!(list.uids().collect::<Vec<_>>(), [319, 304, 7, 8, 9, 1, 2, 3]);
        assert_eq!(list.count(), 8);
        assert_eq!(UidList::from_uids([7, 8, 9, 4]).to_string(), "7:9,4");
        assert_eq!(UidList::parse(&mut Lex::new(b"1:4294967295")).unwrap().count(), 4_294_967_295);
        assert!(UidList::parse(&mut Lex::new(b"1:*")).is_err() && UidList::parse(&mut Lex::new(b"*")).is_err());
    }

    proptest! {
        #[test]
        fn any_set_says_the_same_as_its_parts(parts in proptest::collection::vec((1u32..40, 1u32..40, 0u8..4), 1..8), largest in 0u32..50) {
            let words: Vec<String> = parts.iter().map(|(a, b, kind)| match kind {
                0 => a.to_string(), 1 => format!("{a}:{b}"), 2 => format!("{a}:*"), _ => "*".to_owned(),
            }).collect();
            let set: SequenceSet = words.join(",").parse().unwrap();
            let back: SequenceSet = set.to_string().parse().unwrap();
            prop_assert_eq!(&back, &set);
            let mut expect: Vec<u32> = Vec::new();
            for (a, b, kind) in parts {
                let (a, b) = match kind { 0 => (a, a), 1 => (a, b), 2 => (a, largest), _ => (largest, largest) };
                expect.extend((a.min(b)..=a.max(b)).filter(|n| (1..=largest).contains(n)));
            }
            expect.sort_unstable();
            expect.dedup();
            prop_assert_eq!(set.numbers(largest).collect::<Vec<_>>(), expect.clone());
            for n in 1..50 { prop_assert_eq!(set.contains(n, largest), expect.contains(&n)); }
        }
    }
}
