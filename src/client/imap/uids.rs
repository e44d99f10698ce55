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
}
