//! [`Uids`]: UIDs that have been seen, as ranges, for a folder has more messages than memory should know of.

use std::collections::BTreeMap;

/// A set of UIDs.
#[derive(Clone, Debug, Default)]
pub struct Uids(BTreeMap<u32, u32>);

impl Uids {
    /// Whether it has this one.
    #[must_use]
    pub fn has(&self, uid: u32) -> bool {
        self.0.range(..=uid).next_back().is_some_and(|(_, to)| *to >= uid)
    }

    /// Adds one.
    pub fn add(&mut self, uid: u32) {
        let mut range = (uid, uid);
        if let Some((from, to)) = self.0.range(..=uid).next_back().map(|(from, to)| (*from, *to))
            && to.saturating_add(1) >= uid
        {
            range = (from, to.max(uid));
        }
        if let Some(to) = uid.checked_add(1).and_then(|next| self.0.remove(&next)) {
            range.1 = to;
        }
        self.0.insert(range.0, range.1);
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
            for uid in (1..32).chain(u32::MAX - 5..=u32::MAX) {
                prop_assert_eq!(set.has(uid), uids.contains(&uid));
            }
            let ranges: Vec<_> = set.0.iter().collect();
            prop_assert!(ranges.windows(2).all(|w| w[0].1 + 1 < *w[1].0));
        }
    }
}
