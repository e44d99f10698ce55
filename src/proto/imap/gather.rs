//! Finding where a command or response ends before it is parsed: lines, and the literals that they announce
//! (RFC 3501 section 4.3), gathered into one buffer.

use super::lex::Lex;

/// A literal that the end of a line announces: `{12}`, `{12+}`, `~{12}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Bytes that follow the line; a number beyond 64 bits is the largest one.
    pub size: u64,
    /// `+`: the sender does not wait (RFC 7888).
    pub non_sync: bool,
    /// `~`: it may hold NUL (RFC 3516).
    pub binary: bool,
}

/// The literal that this line (without its CRLF) announces, if it does.
#[must_use]
pub fn announces_literal(line: &[u8]) -> Option<Literal> {
    let inner = line.strip_suffix(b"}")?;
    let (inner, non_sync) = match inner.strip_suffix(b"+") {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let digits = inner.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (before, digits) = inner.split_at(inner.len().checked_sub(digits)?);
    if digits.is_empty() {
        return None;
    }
    let before = before.strip_suffix(b"{")?;
    Some(Literal { size: saturating(digits), non_sync, binary: before.ends_with(b"~") })
}

/// A number; beyond 64 bits, the largest.
pub(super) fn saturating(digits: &[u8]) -> u64 {
    digits.iter().fold(0u64, |n, d| n.saturating_mul(10).saturating_add(u64::from(d.saturating_sub(b'0'))))
}

/// One command or response as it came: lines joined by CRLF, literals in their places, the last CRLF left off.
///
/// A literal that is too large to be held is [elided](Gathered::elide): the grammar then sees its size only.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    bytes: Vec<u8>,
    elided: Vec<usize>,
    last_line: usize,
    literals: usize,
}

impl Gathered {
    /// A whole command or response that has no literals, or has them all in place.
    #[must_use]
    pub fn of(bytes: impl Into<Vec<u8>>) -> Gathered {
        Gathered { bytes: bytes.into(), ..Gathered::default() }
    }

    /// Adds the next line (without its CRLF). If it announces a literal, the caller now adds that with
    /// [`push_literal`](Gathered::push_literal) or takes it away and calls [`elide`](Gathered::elide), and then the
    /// next line; else this is the end.
    pub fn push_line(&mut self, line: &[u8]) -> Option<Literal> {
        self.last_line = self.bytes.len();
        self.bytes.extend_from_slice(line);
        let literal = announces_literal(line)?;
        self.bytes.extend_from_slice(b"\r\n");
        self.literals = self.literals.saturating_add(1);
        Some(literal)
    }

    /// Adds the next piece of the literal that the last line announced.
    pub fn push_literal(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// The literal that the last line announced will not be here.
    pub fn elide(&mut self) {
        self.elided.push(self.bytes.len());
    }

    /// How many literals were announced so far.
    #[must_use]
    pub fn literals(&self) -> usize {
        self.literals
    }

    /// How many bytes are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The last line that was added, with the CRLF before its literal.
    #[must_use]
    pub fn last_line(&self) -> &[u8] {
        self.bytes.get(self.last_line..).unwrap_or_default()
    }

    /// Makes it empty and keeps the room, so that a session gathers all its commands in one buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.elided.clear();
        self.last_line = 0;
        self.literals = 0;
    }

    /// A tokenizer at the start.
    #[must_use]
    pub fn lex(&self) -> Lex<'_> {
        Lex::with_elided(&self.bytes, &self.elided)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lex::Text;
    use super::*;

    fn literal(line: &str) -> Option<(u64, bool, bool)> {
        announces_literal(line.as_bytes()).map(|l| (l.size, l.non_sync, l.binary))
    }

    #[test]
    fn announcements() {
        assert_eq!(literal("a APPEND x {310}"), Some((310, false, false)));
        assert_eq!(literal("{0+}"), Some((0, true, false)));
        assert_eq!(literal("x ~{7}"), Some((7, false, true)));
        assert_eq!(literal("x {99999999999999999999999}"), Some((u64::MAX, false, false)));
        for none in ["", "}", "{}", "{+}", "{1", "{1}x", "{-1}", "{1 }", "1}", "x{1++}", "{1}\r\n"] {
            assert_eq!(literal(none), None, "{none}");
        }
    }

    #[test]
    fn a_gathered_command_reads_its_literals_in_place() {
        let mut g = Gathered::default();
        assert_eq!(g.push_line(b"a login {3}").unwrap().size, 3);
        g.push_literal(b"b)");
        g.push_literal(b"\n");
        assert_eq!(g.push_line(b" {4+}").unwrap().size, 4);
        g.elide();
        assert!(g.push_line(b" end").is_none());
        let mut l = g.lex();
        assert_eq!(l.tag().unwrap(), "a");
        l.expect_sp().unwrap();
        assert_eq!(l.word(), "login");
        l.expect_sp().unwrap();
        assert_eq!(l.string().unwrap().as_ref(), b"b)\n");
        l.expect_sp().unwrap();
        assert_eq!(l.text().unwrap(), Text::Streamed(4));
        l.expect_sp().unwrap();
        assert_eq!(l.atom().unwrap(), b"end");
        l.expect_end().unwrap();
        assert_eq!(g.last_line(), b" end");
        assert_eq!(g.literals(), 2);
    }
}
