//! [`Uids`]: UIDs that have been seen, as ranges, for a folder has more messages than memory should know of.

use std::collections::BTreeMap;

/// A set of UIDs.
#[derive(Clone, Debug, Default)]
pub struct Uids {
    ranges: BTreeMap<u32, u32>,
    /// The range of the one that was added last: the next one follows it, as a rule.
    last: Option<(u32, u32)>,
    len: u64,
}

impl Uids {
    /// Whether it has this one.
    #[must_use]
    pub fn has(&self, uid: u32) -> bool {
        self.last.is_some_and(|(from, to)| (from..=to).contains(&uid))
            || self.among(uid).is_some_and(|(_, to)| to >= uid)
    }

    /// How many it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The range that begins there or before, but for the last one.
    fn among(&self, uid: u32) -> Option<(u32, u32)> {
        self.ranges.range(..=uid).next_back().map(|(from, to)| (*from, *to))
    }

    /// Adds one.
    pub fn add(&mut self, uid: u32) {
        if self.has(uid) {
            return;
        }
        self.len = self.len.saturating_add(1);
        let mut range = match self.last.take() {
            Some((from, to)) if to.checked_add(1) == Some(uid) => (from, uid),
            last => {
                self.ranges.extend(last);
                match self.among(uid) {
                    Some((from, to)) if to.checked_add(1) == Some(uid) => {
                        self.ranges.remove(&from);
                        (from, uid)
                    }
                    _ => (uid, uid),
                }
            }
        };
        if !self.ranges.is_empty()
            && let Some(to) = uid.checked_add(1).and_then(|next| self.ranges.remove(&next))
        {
            range.1 = to;
        }
        self.last = Some(range);
    }

    /// Adds a range, both ends of it included.
    pub fn add_range(&mut self, from: u32, to: u32) {
        if from > to {
            return;
        }
        self.ranges.extend(self.last.take());
        let before = self.ranges.range(..=to.saturating_add(1)).rev();
        let touching = before.take_while(|(_, end)| end.saturating_add(1) >= from).map(|(start, _)| *start);
        let mut range = (from, to);
        for start in touching.collect::<Vec<u32>>() {
            if let Some(end) = self.ranges.remove(&start) {
                self.len = self.len.saturating_sub(size(start, end));
                range = (range.0.min(start), range.1.max(end));
            }
        }
        self.len = self.len.saturating_add(size(range.0, range.1));
        self.ranges.insert(range.0, range.1);
    }

    /// All of them as ranges, in order.
    #[must_use]
    pub fn ranges(&self) -> Vec<(u32, u32)> {
        let mut ranges: Vec<(u32, u32)> = self.ranges.iter().map(|(from, to)| (*from, *to)).chain(self.last).collect();
        ranges.sort_unstable();
        ranges
    }

    /// All UIDs that it has not, from 1 to the highest that there can be.
    #[must_use]
    pub fn others(&self) -> Vec<(u32, u32)> {
        let mut next = Some(1u32);
        let mut others = Vec::new();
        for (from, to) in self.ranges() {
            if let Some(start) = next.filter(|start| *start < from) {
                others.push((start, from.saturating_sub(1)));
            }
            next = to.checked_add(1);
        }
        others.extend(next.map(|start| (start, u32::MAX)));
        others
    }
}

fn size(from: u32, to: u32) -> u64 {
    u64::from(to.saturating_sub(from)).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_of_uids(uids in proptest::collection::vec(prop_oneof![1u32..30, u32::MAX - 3..=u32::MAX], 0..40)) {
            let mut set = Uids::default();
            uids.iter().for_each(|uid| set.add(*uid));
            let different: std::collections::BTreeSet<u32> = uids.iter().copied().collect();
            prop_assert_eq!(set.len(), different.len() as u64);
            for uid in (1..32).chain(u32::MAX - 5..=u32::MAX) {
                prop_assert_eq!(set.has(uid), uids.contains(&uid));
            }
            let mut ranges = set.ranges.clone();
            ranges.extend(set.last);
            let ranges: Vec<_> = ranges.iter().collect();
            prop_assert!(ranges.windows(2).all(|w| w[0].1 + 1 < *w[1].0));
        }
    }

    proptest! {
        #[test]
        fn ranges_of_ranges(all in proptest::collection::vec((1u32..40, 0u32..9, any::<bool>()), 0..20)) {
            let (mut set, mut different) = (Uids::default(), std::collections::BTreeSet::new());
            for (from, more, alone) in all {
                if alone {
                    set.add(from);
                    different.insert(from);
                } else {
                    set.add_range(from, from + more);
                    different.extend(from..=from + more);
                }
            }
            prop_assert_eq!(set.len(), different.len() as u64);
            let has = |ranges: &[(u32, u32)], uid| ranges.iter().any(|(from, to)| (*from..=*to).contains(&uid));
            let (ranges, others) = (set.ranges(), set.others());
            for uid in (1..60).chain([u32::MAX]) {
                prop_assert_eq!(set.has(uid), different.contains(&uid));
                prop_assert!(has(&ranges, uid) != has(&others, uid), "{}", uid);
            }
            prop_assert!(ranges.windows(2).all(|w| w[0].1 + 1 < w[1].0));
        }
    }
}
