//! The order in which people's words are sorted: `i;unicode-casemap` (RFC 5051), which compares without regard to case and finds
//! é next to e.
//!
//! Left out: decompositions beyond the Latin, Greek and Cyrillic letters of collate.txt, and the difference between title case and
//! upper case, which only four Croatian letters have.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Letters with what they are decomposed to (Unicode's NFKD), those that upper case leaves as they are. Between them stands `|`.
const DECOMPOSED: &str = include_str!("collate.txt");

fn decomposed() -> &'static HashMap<char, &'static str> {
    static TABLE: OnceLock<HashMap<char, &'static str>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let entries = DECOMPOSED.split('|').map(|entry| entry.trim_start_matches('\n'));
        entries.filter_map(|entry| entry.chars().next().map(|c| (c, entry.split_at(c.len_utf8()).1))).collect()
    })
}

/// What a text is compared as, byte by byte: two texts with the same key count as the same.
#[must_use]
pub fn casemap(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    let table = decomposed();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let mut upper = c.to_uppercase();
        // A letter that becomes two (ß) has no simple mapping, and stays.
        let c = upper.next().filter(|_| upper.next().is_none()).unwrap_or(c);
        match table.get(&c) {
            Some(parts) => out.push_str(parts),
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_composition_make_no_difference() {
        assert_eq!(casemap("Hello"), casemap("hELLO"));
        assert_eq!(casemap("É"), casemap("e\u{301}"));
        assert_eq!(casemap("ǖ"), casemap("u\u{308}\u{304}"));
        assert_eq!(casemap("й"), casemap("И\u{306}"));
        assert_eq!(casemap("ὰ"), casemap("α\u{300}"));
        assert_eq!(casemap("straße"), "STRAßE");
        assert_ne!(casemap("a"), casemap("á"));
    }

    #[test]
    fn letters_stand_where_people_look_for_them() {
        let mut words = ["zebra", "Äpfel", "apfel", "Zürich", "ebene", "école", "日本"];
        words.sort_by_key(|w| casemap(w));
        assert_eq!(words, ["apfel", "Äpfel", "ebene", "école", "zebra", "Zürich", "日本"]);
    }
}
