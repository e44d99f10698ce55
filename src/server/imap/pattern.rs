//! Patterns of LIST.

/// The longest pattern that is matched.
const PATTERN: usize = 4096;

/// A pattern of LIST: `*` is anything, `%` is anything without `/`. INBOX is matched in any case.
pub(super) struct Pattern {
    chars: Vec<char>,
}

impl Pattern {
    pub(super) fn new(reference: &str, pattern: &str) -> Option<Pattern> {
        let mut chars: Vec<char> = reference.chars().chain(pattern.chars()).collect();
        chars.dedup_by(|b, a| *a == '*' && matches!(b, '*' | '%'));
        (chars.len() <= PATTERN).then_some(Pattern { chars })
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.fits(name, |a, b| a == b) || (name == "INBOX" && self.fits(name, |a, b| a.eq_ignore_ascii_case(&b)))
    }

    /// All places in the pattern that the name so far can have reached, at once: no trying back and forth.
    fn fits(&self, name: &str, same: fn(char, char) -> bool) -> bool {
        let mut here = vec![false; self.chars.len().saturating_add(1)];
        set(&mut here, 0);
        self.skip_wildcards(&mut here);
        for c in name.chars() {
            let mut next = vec![false; here.len()];
            for (at, p) in self.chars.iter().enumerate().filter(|(at, _)| here.get(*at) == Some(&true)) {
                match p {
                    '*' => set(&mut next, at),
                    '%' if c != '/' => set(&mut next, at),
                    '%' => {}
                    p if same(*p, c) => set(&mut next, at.saturating_add(1)),
                    _ => {}
                }
            }
            self.skip_wildcards(&mut next);
            here = next;
        }
        here.last() == Some(&true)
    }

    /// A wildcard may stand for nothing.
    fn skip_wildcards(&self, here: &mut [bool]) {
        for (at, p) in self.chars.iter().enumerate() {
            if matches!(p, '*' | '%') && here.get(at) == Some(&true) {
                set(here, at.saturating_add(1));
            }
        }
    }
}

fn set(places: &mut [bool], at: usize) {
    if let Some(place) = places.get_mut(at) {
        *place = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let m = |reference: &str, pattern: &str, name: &str| Pattern::new(reference, pattern).unwrap().matches(name);
        for (pattern, name, fits) in [
            ("*", "a/b", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a/%", "a", false),
            ("a%", "a", true),
            ("%/%", "a/b", true),
            ("*b", "a/b", true),
            ("*a*b*", "xaxbx", true),
            ("inbox", "INBOX", true),
            ("in%", "INBOX", true),
            ("A", "a", false),
            ("", "a", false),
            ("%*", "a/b", true),
            ("*%", "a/b", true),
            ("a*c%", "a/b/c/d", false),
        ] {
            assert_eq!(m("", pattern, name), fits, "{pattern} {name}");
        }
        assert!(m("a/", "%", "a/b") && !m("a", "%", "b"));
        assert!(!m("", &"%*a".repeat(600), &"a".repeat(500)));
        assert!(Pattern::new("", &"a".repeat(5000)).is_none());
    }
}
