//! The tokenizer: RFC 3501 section 9 from `atom` to `nstring`, in try-and-expect style, over one gathered command or
//! response.
//!
//! It is a little wider than the grammar where peers are known to be: 8-bit bytes in atoms and quoted strings, a
//! backslash before any character, more than one space. What a value means is for the caller.

use super::gather::saturating;
use super::utf7::Names;
use crate::error::Error;
use std::borrow::Cow;
use std::fmt;

/// How deep parentheses may nest.
pub const DEPTH: u32 = 100;

/// What was expected and not found, and where (bytes from the start of the command or response).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// Offset in bytes.
    pub at: usize,
    /// What should have been there, or what is wrong.
    pub what: Cow<'static, str>,
}

impl Syntax {
    /// The words of it for a peer or a person: `expected a space at 17`.
    pub fn new(at: usize, what: impl Into<Cow<'static, str>>) -> Syntax {
        Syntax { at, what: what.into() }
    }

    /// As a wrong argument (64).
    #[must_use]
    pub fn usage(&self) -> Error {
        Error::usage(self.to_string())
    }

    /// As a peer that broke the protocol (76).
    #[must_use]
    pub fn protocol(&self) -> Error {
        Error::protocol(self.to_string())
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.what, self.at)
    }
}

/// `Result` of the grammar.
pub type Parsed<T> = Result<T, Syntax>;

/// What stands where a string may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// The bytes: of an atom, a quoted string or a literal that is here.
    Bytes(Cow<'a, [u8]>),
    /// A literal that is not here: elided, or announced at the very end.
    Streamed(u64),
}

/// The tokenizer. Methods without `expect` return `None` or `false` and do not move where they find something else.
#[derive(Clone, Debug)]
pub struct Lex<'a> {
    all: &'a [u8],
    at: usize,
    elided: &'a [usize],
    depth: u32,
    names: Names,
}

/// ATOM-CHAR of RFC 3501, and 8-bit bytes.
#[must_use]
pub fn is_atom(b: u8) -> bool {
    b > b' ' && b != 0x7f && !matches!(b, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// ASTRING-CHAR: an atom, and `]`.
#[must_use]
pub fn is_astring(b: u8) -> bool {
    is_atom(b) || b == b']'
}

fn is_list(b: u8) -> bool {
    is_astring(b) || matches!(b, b'%' | b'*')
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl<'a> Lex<'a> {
    /// Over bytes whose literals, if any, are in place.
    #[must_use]
    pub fn new(all: &'a [u8]) -> Lex<'a> {
        Lex::with_elided(all, &[])
    }

    /// Over bytes in which the literals at these offsets (ascending) are missing.
    pub(super) fn with_elided(all: &'a [u8], elided: &'a [usize]) -> Lex<'a> {
        Lex { all, at: 0, elided, depth: 0, names: Names::default() }
    }

    /// The same where mailbox names look so.
    pub(super) fn with_names(self, names: Names) -> Lex<'a> {
        Lex { names, ..self }
    }

    /// What mailbox that is, as far as it can be told.
    pub(super) fn named(&self, wire: &[u8]) -> String {
        self.names.decode(wire)
    }

    /// Whether a mailbox of that name looks so on the wire.
    pub(super) fn is_named(&self, wire: &[u8], name: &str) -> bool {
        name == "INBOX" || self.names.encode(name).as_bytes() == wire
    }

    /// Where it is.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// What is left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.all.get(self.at..).unwrap_or_default()
    }

    /// What lies between `from` and here.
    #[must_use]
    pub fn since(&self, from: usize) -> &'a [u8] {
        self.all.get(from..self.at).unwrap_or_default()
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.at >= self.all.len()
    }

    /// The error "`what` was expected here".
    pub fn expected<T>(&self, what: &str) -> Parsed<T> {
        Err(Syntax::new(self.at, format!("expected {what}")))
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// If something is.
    pub fn expect_end(&mut self) -> Parsed<()> {
        if self.at_end() { Ok(()) } else { self.expected("the end of the line") }
    }

    /// The next byte.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.all.get(self.at).copied()
    }

    fn skip(&mut self, n: usize) {
        self.at = self.at.saturating_add(n).min(self.all.len());
    }

    /// Takes `b` if it is next.
    pub fn eat(&mut self, b: u8) -> bool {
        let found = self.peek() == Some(b);
        self.skip(usize::from(found));
        found
    }

    /// Takes `b`.
    ///
    /// # Errors
    /// If something else is next.
    pub fn expect(&mut self, b: u8) -> Parsed<()> {
        if self.eat(b) { Ok(()) } else { self.expected(&format!("\"{}\"", char::from(b))) }
    }

    /// Takes spaces; whether there were any.
    pub fn sp(&mut self) -> bool {
        let n = self.rest().iter().take_while(|b| **b == b' ').count();
        self.skip(n);
        n > 0
    }

    /// Takes at least one space.
    ///
    /// # Errors
    /// If there is none.
    pub fn expect_sp(&mut self) -> Parsed<()> {
        if self.sp() { Ok(()) } else { self.expected("a space") }
    }

    fn run(&mut self, of: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let n = rest.iter().take_while(|b| of(**b)).count();
        self.skip(n);
        rest.get(..n).unwrap_or_default()
    }

    /// Letters, digits, `.`, `-`, `_`: the name of a command, an item or a key. Empty if there are none.
    pub fn word(&mut self) -> &'a str {
        std::str::from_utf8(self.run(is_word)).unwrap_or_default()
    }

    /// Takes `word`, in any case, if exactly that word is next.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let from = self.at;
        let found = self.word().eq_ignore_ascii_case(word);
        if !found {
            self.at = from;
        }
        found
    }

    /// An atom.
    ///
    /// # Errors
    /// If there is none.
    pub fn atom(&mut self) -> Parsed<&'a [u8]> {
        self.expect_run(is_atom, "an atom")
    }

    fn expect_run(&mut self, of: impl Fn(u8) -> bool, what: &str) -> Parsed<&'a [u8]> {
        match self.run(of) {
            [] => self.expected(what),
            found => Ok(found),
        }
    }

    /// A tag: ASTRING-CHARs without `+`.
    ///
    /// # Errors
    /// If there is none.
    pub fn tag(&mut self) -> Parsed<String> {
        self.expect_run(|b| is_astring(b) && b != b'+' && b.is_ascii(), "a tag").map(utf8)
    }

    /// A flag: an atom, perhaps with a backslash; `\*` of PERMANENTFLAGS too.
    ///
    /// # Errors
    /// If there is none.
    pub fn flag(&mut self) -> Parsed<String> {
        let from = self.at;
        if self.eat(b'\\') && self.eat(b'*') {
            return Ok("\\*".to_owned());
        }
        self.expect_run(is_astring, "a flag")?;
        Ok(utf8(self.since(from)))
    }

    /// A number of at most 64 bits.
    ///
    /// # Errors
    /// If there is none, or it is too large.
    pub fn number64(&mut self) -> Parsed<u64> {
        let from = self.at;
        let digits = self.run(|b| b.is_ascii_digit());
        std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or_else(|| match digits {
            [] => Syntax::new(from, "expected a number"),
            _ => Syntax::new(from, "number too large"),
        })
    }

    /// A number of at most 32 bits.
    ///
    /// # Errors
    /// If there is none, or it is too large.
    pub fn number(&mut self) -> Parsed<u32> {
        let from = self.at;
        u32::try_from(self.number64()?).map_err(|_| Syntax::new(from, "number too large"))
    }

    /// A number from 1.
    ///
    /// # Errors
    /// If there is none, it is 0, or it is too large.
    pub fn nz_number(&mut self) -> Parsed<u32> {
        let from = self.at;
        match self.number()? {
            0 => Err(Syntax::new(from, "expected a number above 0")),
            n => Ok(n),
        }
    }

    /// A quoted string, without its quotes.
    ///
    /// # Errors
    /// If there is none, or its end is missing.
    pub fn quoted(&mut self) -> Parsed<Cow<'a, [u8]>> {
        let from = self.at;
        self.expect(b'"')?;
        let mut owned: Option<Vec<u8>> = None;
        let mut start = self.at;
        loop {
            let open = || Syntax::new(from, "quoted string without end");
            // Most are short: looking at each byte once is all there is to gain.
            let ends = |b: &u8| matches!(b, b'"' | b'\\' | b'\n' | b'\r' | 0);
            let stop = self.rest().iter().position(ends).ok_or_else(open)?;
            self.skip(stop);
            let piece = self.since(start);
            match self.peek() {
                Some(0 | b'\r') => return Err(Syntax::new(from, "control in a quoted string")),
                Some(b'"') => {
                    self.skip(1);
                    return Ok(match owned {
                        Some(mut all) => {
                            all.extend_from_slice(piece);
                            Cow::Owned(all)
                        }
                        None => Cow::Borrowed(piece),
                    });
                }
                Some(b'\\') => {
                    self.skip(1);
                    let escaped = self.peek().filter(|b| !matches!(b, 0 | b'\r' | b'\n')).ok_or_else(open)?;
                    let all = owned.get_or_insert_default();
                    all.extend_from_slice(piece);
                    all.push(escaped);
                    self.skip(1);
                    start = self.at;
                }
                _ => return Err(open()),
            }
        }
    }

    /// Whether a literal is next.
    #[must_use]
    pub fn at_literal(&self) -> bool {
        matches!(self.rest(), [b'{', ..] | [b'~', b'{', ..])
    }

    /// A literal: its bytes, or its size if they are not here.
    ///
    /// # Errors
    /// If there is none, or it is cut.
    pub fn literal(&mut self) -> Parsed<Text<'a>> {
        let from = self.at;
        self.eat(b'~');
        self.expect(b'{')?;
        let digits = self.run(|b| b.is_ascii_digit());
        let size = saturating(digits);
        self.eat(b'+');
        if digits.is_empty() || !self.rest().starts_with(b"}\r\n") {
            return Err(Syntax::new(from, "expected a literal"));
        }
        self.skip(3);
        if self.elided.binary_search(&self.at).is_ok() || (size > 0 && self.at_end()) {
            return Ok(Text::Streamed(size));
        }
        let bytes = usize::try_from(size).ok().and_then(|n| self.rest().get(..n));
        let bytes = bytes.ok_or_else(|| Syntax::new(from, "literal cut short"))?;
        self.skip(bytes.len());
        Ok(Text::Bytes(Cow::Borrowed(bytes)))
    }

    /// A quoted string or a literal, wherever the literal's bytes are.
    ///
    /// # Errors
    /// If there is none.
    pub fn text(&mut self) -> Parsed<Text<'a>> {
        if self.at_literal() {
            return self.literal();
        }
        match self.peek() {
            Some(b'"') => self.quoted().map(Text::Bytes),
            _ => self.expected("a string"),
        }
    }

    /// A quoted string or a literal that is here.
    ///
    /// # Errors
    /// If there is none, or the literal was too large to be held.
    pub fn string(&mut self) -> Parsed<Cow<'a, [u8]>> {
        let from = self.at;
        match self.text()? {
            Text::Bytes(bytes) => Ok(bytes),
            Text::Streamed(_) => Err(Syntax::new(from, "literal too large here")),
        }
    }

    /// An astring: an atom (in which `]` may stand too) or a string.
    ///
    /// # Errors
    /// If there is none.
    pub fn astring(&mut self) -> Parsed<Cow<'a, [u8]>> {
        self.wide(is_astring)
    }

    /// A list-mailbox: an astring in which `%` and `*` may stand too.
    ///
    /// # Errors
    /// If there is none.
    pub fn list_mailbox(&mut self) -> Parsed<Cow<'a, [u8]>> {
        self.wide(is_list)
    }

    fn wide(&mut self, of: impl Fn(u8) -> bool) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.string(),
            _ if self.at_literal() => self.string(),
            _ => self.expect_run(of, "a string").map(Cow::Borrowed),
        }
    }

    /// A string or NIL. A bare atom is read as a string, as some servers send them.
    ///
    /// # Errors
    /// If there is none.
    pub fn nstring(&mut self) -> Parsed<Option<Cow<'a, [u8]>>> {
        if self.peek() == Some(b'"') {
            return self.quoted().map(Some);
        }
        if self.eat_word("NIL") { Ok(None) } else { self.astring().map(Some) }
    }

    /// A string or NIL, copied.
    ///
    /// # Errors
    /// If there is none.
    pub fn nstring_owned(&mut self) -> Parsed<Option<Vec<u8>>> {
        Ok(self.nstring()?.map(Cow::into_owned))
    }

    /// Goes one level down.
    ///
    /// # Errors
    /// If that is too deep.
    pub fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH { Err(Syntax::new(self.at, "nested too deep")) } else { Ok(()) }
    }

    /// Goes one level up.
    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Runs `each` for every element of a parenthesised list, which may be empty; spaces between may be missing.
    ///
    /// # Errors
    /// If there is no list, its end is missing, it is too deep, or `each` fails.
    pub fn list(&mut self, mut each: impl FnMut(&mut Lex<'a>) -> Parsed<()>) -> Parsed<()> {
        self.expect(b'(')?;
        self.enter()?;
        loop {
            self.sp();
            if self.eat(b')') {
                self.leave();
                return Ok(());
            }
            let from = self.at;
            each(self)?;
            if self.at == from {
                return self.expected("\")\"");
            }
        }
    }

    /// A list of flags.
    ///
    /// # Errors
    /// If there is none.
    pub fn flags(&mut self) -> Parsed<Vec<String>> {
        let mut flags = Vec::new();
        self.list(|l| {
            flags.push(l.flag()?);
            Ok(())
        })?;
        Ok(flags)
    }

    /// Takes one value of any kind (atom, string, literal, list) and returns it as it stands.
    ///
    /// # Errors
    /// If there is none, or it has no end.
    pub fn value(&mut self) -> Parsed<&'a [u8]> {
        let from = self.at;
        let mut open = 0u32;
        loop {
            match self.peek() {
                Some(b'(') => {
                    self.skip(1);
                    open += 1;
                    if open > DEPTH {
                        return Err(Syntax::new(self.at, "nested too deep"));
                    }
                }
                Some(b')') if open > 0 => {
                    self.skip(1);
                    open -= 1;
                }
                Some(b' ') if open > 0 => self.skip(1),
                Some(b'"') => drop(self.quoted()?),
                _ if self.at_literal() => drop(self.literal()?),
                _ => drop(self.expect_run(|b| is_list(b) || b == b'\\', "a value")?),
            }
            if open == 0 {
                return Ok(self.since(from));
            }
        }
    }

    /// Goes back (or forth) to a [position](Lex::position) and the nesting of `at`.
    pub fn rewind(&mut self, to: &Lex<'a>) {
        self.at = to.at;
        self.depth = to.depth;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        let one = |text: &str| Lex::new(text.as_bytes()).astring().map(|s| utf8(&s));
        for (text, value) in [
            ("abc def", "abc"),
            ("a]b", "a]b"),
            ("\"\"", ""),
            ("\"a\\\"b\\\\c\"x", "a\"b\\c"),
            ("{0}\r\n", ""),
            ("{2}\r\n\"( x", "\"("),
            ("~{1}\r\nx", "x"),
            ("grüße", "grüße"),
        ] {
            assert_eq!(one(text).unwrap(), value, "{text:?}");
        }
        for bad in
            ["", "(", "\"abc", "\"a\\", "\"a\r\n\"", "\"a\0\"", "{5}\r\nab", "{5}ab", "{x}\r\n", "{5}\r\n", "*", "%"]
        {
            assert!(one(bad).is_err(), "{bad:?}");
        }
        assert!(Lex::new(b"nil x").nstring().unwrap().is_none());
        assert_eq!(Lex::new(b"nilly").nstring().unwrap().unwrap().as_ref(), b"nilly");
        assert_eq!(Lex::new(b"a*%]").list_mailbox().unwrap().as_ref(), b"a*%]");
        assert_eq!(
            Lex::new(b"(\\Seen $Forwarded \\*)").flags().unwrap(),
            ["\\Seen".to_owned(), "$Forwarded".to_owned(), "\\*".to_owned()]
        );
    }

    #[test]
    fn numbers() {
        assert_eq!(Lex::new(b"4294967295").number(), Ok(u32::MAX));
        assert_eq!(Lex::new(b"4294967296").number64(), Ok(4_294_967_296));
        for bad in ["", "x", "-1", "4294967296", "99999999999999999999999999"] {
            assert!(Lex::new(bad.as_bytes()).number().is_err(), "{bad}");
        }
        assert!(Lex::new(b"0").nz_number().is_err());
    }

    #[test]
    fn values_and_nesting() {
        let deep = |n: usize| format!("{}x{}", "(".repeat(n), ")".repeat(n));
        assert!(Lex::new(deep(100).as_bytes()).value().is_ok());
        assert!(Lex::new(deep(101).as_bytes()).value().is_err());
        assert!(Lex::new("(".repeat(1_000_000).as_bytes()).value().is_err());
        let mut l = Lex::new(b"(a \"b)\" {2}\r\n)) (nil)) y");
        assert_eq!(l.value().unwrap(), b"(a \"b)\" {2}\r\n)) (nil))");
        assert!(l.value().is_err());
        l.sp();
        assert_eq!(l.value().unwrap(), b"y");
    }

    #[test]
    fn errors_say_what_and_where() {
        let mut l = Lex::new(b"abc(");
        l.atom().unwrap();
        assert_eq!(l.expect_sp().unwrap_err().to_string(), "expected a space at 3");
        assert_eq!(l.expect(b')').unwrap_err().to_string(), "expected \")\" at 3");
    }
}
