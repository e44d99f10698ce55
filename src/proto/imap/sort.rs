//! What SORT sorts by (RFC 5256, RFC 5957), and its grammar.

use super::lex::{Lex, Parsed, Syntax};
use std::fmt;

/// One criterion with its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// By what.
    pub by: SortBy,
    /// REVERSE: the other way round.
    pub reverse: bool,
}

/// A criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of RFC 5256 and RFC 5957")]
pub enum SortBy {
    Arrival,
    Cc,
    Date,
    DisplayFrom,
    DisplayTo,
    From,
    Size,
    Subject,
    To,
}

const CRITERIA: [(&str, SortBy); 9] = [
    ("ARRIVAL", SortBy::Arrival),
    ("CC", SortBy::Cc),
    ("DATE", SortBy::Date),
    ("DISPLAYFROM", SortBy::DisplayFrom),
    ("DISPLAYTO", SortBy::DisplayTo),
    ("FROM", SortBy::From),
    ("SIZE", SortBy::Size),
    ("SUBJECT", SortBy::Subject),
    ("TO", SortBy::To),
];
/// More criteria than there are can only repeat themselves.
const MOST: usize = 2 * CRITERIA.len();

impl SortKey {
    /// Reads a list of criteria. REVERSE said more than once, which RFC 5256 does not have, is REVERSE: other servers take
    /// it, and there are clients that say it.
    ///
    /// # Errors
    /// If it is none, is empty, or is longer than anybody needs.
    pub fn parse_all(l: &mut Lex<'_>) -> Parsed<Vec<SortKey>> {
        let mut keys = Vec::new();
        l.list(|l| {
            let at = l.position();
            let mut reverse = false;
            while l.eat_word("REVERSE") {
                l.expect_sp()?;
                reverse = true;
            }
            let word = l.word();
            let by = CRITERIA.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, by)| *by);
            match by.filter(|_| keys.len() < MOST) {
                Some(by) => keys.push(SortKey { by, reverse }),
                None => return Err(Syntax::new(at, "expected a sort criterion")),
            }
            Ok(())
        })?;
        if keys.is_empty() { l.expected("a sort criterion") } else { Ok(keys) }
    }
}

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = CRITERIA.iter().find(|(_, by)| *by == self.by).map_or("", |(name, _)| *name);
        write!(f, "{}{name}", if self.reverse { "REVERSE " } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_are_read_and_written() {
        let parse = |text: &str| SortKey::parse_all(&mut Lex::new(text.as_bytes()));
        let text = "REVERSE DATE SUBJECT FROM REVERSE SIZE ARRIVAL CC TO DISPLAYFROM REVERSE DISPLAYTO";
        let keys: Vec<String> = parse(&format!("({text})")).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(keys.join(" "), text);
        for one in ["(reverse date)", "(REVERSE REVERSE DATE)", "(REVERSE reverse REVERSE DATE)"] {
            assert_eq!(parse(one).unwrap(), [SortKey { by: SortBy::Date, reverse: true }], "{one}");
        }
        for bad in ["", "()", "DATE", "(FOO)", "(REVERSE)", "(REVERSE REVERSE)", "(DATE", "(BCC)"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&format!("({})", "DATE ".repeat(19))).is_err());
    }
}
