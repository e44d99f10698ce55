//! The order of a domain's servers, RFC 5321 5.1, without any question asked.

/// An MX record. The root as a host is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The lower, the sooner.
    pub preference: u16,
    /// The server.
    pub host: String,
}

/// Whether the domain says that it takes no mail: RFC 7505, one record alone, whose host is the root.
#[must_use]
pub fn refuses_mail(records: &[Exchange]) -> bool {
    !records.is_empty() && records.iter().all(|record| record.host.is_empty())
}

/// By preference, equal ones in an order that `seed` decides; each host once, and not the root.
#[must_use]
pub fn ordered(mut records: Vec<Exchange>, seed: u64) -> Vec<Exchange> {
    records.retain(|record| !record.host.is_empty());
    let mut random = seed;
    let mut keyed: Vec<(u16, u64, Exchange)> =
        records.into_iter().map(|record| (record.preference, next(&mut random), record)).collect();
    keyed.sort_by_key(|(preference, key, _)| (*preference, *key));
    let mut seen = std::collections::HashSet::new();
    keyed.into_iter().map(|(_, _, record)| record).filter(|record| seen.insert(record.host.clone())).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014): even, and nothing here is a secret.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Whether it could be the name of a host: letters, digits, hyphens, underscores (hosts have them), not an address.
#[must_use]
pub fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let all = name.len() <= 253 && name.split('.').all(label);
    // RFC 1123 2.1: a last label of digits alone would be an address.
    all && !name.rsplit('.').next().unwrap_or_default().bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mx(list: &[(u16, &str)]) -> Vec<Exchange> {
        list.iter().map(|(preference, host)| Exchange { preference: *preference, host: (*host).to_owned() }).collect()
    }

    fn hosts(list: &[(u16, &str)], seed: u64) -> String {
        ordered(mx(list), seed).into_iter().map(|record| record.host).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn by_preference_and_equal_ones_by_chance() {
        let list = [(20, "c"), (10, "a"), (10, "b"), (5, "z"), (10, "a"), (0, "")];
        let mut found: Vec<String> = (0..64).map(|seed| hosts(&list, seed)).collect();
        let half = found.iter().filter(|order| *order == "z a b c").count();
        // Far from never and always: the seeds are fixed, so this is not a matter of luck.
        assert!((16..=48).contains(&half), "{half}");
        found.sort();
        found.dedup();
        assert_eq!(found, ["z a b c", "z b a c"]);
        assert_eq!(hosts(&list, 7), hosts(&list, 7));
        assert_eq!(hosts(&[], 1), "");
    }

    #[test]
    fn null_mx() {
        assert!(refuses_mail(&mx(&[(0, "")])));
        assert!(refuses_mail(&mx(&[(10, "")])));
        assert!(!refuses_mail(&mx(&[(0, ""), (10, "a")])));
        assert!(!refuses_mail(&mx(&[])));
    }

    #[test]
    fn names_of_hosts() {
        for good in ["mx.example.org", "a_b.example", "localhost", "1.example", "xn--bcher-kva.example"] {
            assert!(is_host(good), "{good}");
        }
        let long = "a".repeat(64);
        for bad in
            ["", ".", "a..b", "192.0.2.1", "a b", "a\\032b.example", "b\u{fc}cher.example", long.as_str(), "::1", "a/b"]
        {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
