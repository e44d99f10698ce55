//! [`Flags`]: the five system flags and the keywords of a message, as IMAP words (RFC 3501 2.3.2) and as Maildir letters.
//!
//! `\Recent` is no flag that anyone can set or that a message keeps, so it is not here.

use std::fmt;
use std::str::FromStr;

/// A system flag (RFC 3501 2.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Flag {
    /// `\Answered`, Maildir `R`.
    Answered = 1,
    /// `\Flagged`, Maildir `F`.
    Flagged = 2,
    /// `\Deleted`, Maildir `T`.
    Deleted = 4,
    /// `\Seen`, Maildir `S`.
    Seen = 8,
    /// `\Draft`, Maildir `D`.
    Draft = 16,
}

impl Flag {
    /// All five, in the order in which RFC 3501 shows them.
    pub const ALL: [Flag; 5] = [Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];

    /// The IMAP word, with its backslash.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Flag::Answered => "\\Answered",
            Flag::Flagged => "\\Flagged",
            Flag::Deleted => "\\Deleted",
            Flag::Seen => "\\Seen",
            Flag::Draft => "\\Draft",
        }
    }

    /// The letter in a Maildir file name.
    #[must_use]
    pub fn letter(self) -> u8 {
        match self {
            Flag::Answered => b'R',
            Flag::Flagged => b'F',
            Flag::Deleted => b'T',
            Flag::Seen => b'S',
            Flag::Draft => b'D',
        }
    }
}

/// The keyword that Maildir knows as the letter `P` ("passed").
pub const FORWARDED: &str = "$Forwarded";

/// The longest keyword that is taken, in bytes.
pub const KEYWORD_MAX: usize = 128;

/// The flags of one message: a set. Keywords are compared without regard to case and keep the spelling that came first.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    bits: u8,
    keywords: Vec<String>,
}

impl PartialEq for Flags {
    fn eq(&self, other: &Flags) -> bool {
        self.bits == other.bits
            && self.keywords.len() == other.keywords.len()
            && self.keywords.iter().zip(&other.keywords).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }
}

impl Eq for Flags {}

impl Flags {
    /// No flags.
    #[must_use]
    pub fn none() -> Flags {
        Flags::default()
    }

    /// Whether no flag is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits == 0 && self.keywords.is_empty()
    }

    /// Whether this system flag is set.
    #[must_use]
    pub fn has(&self, flag: Flag) -> bool {
        self.bits & flag as u8 != 0
    }

    /// Sets or clears a system flag.
    pub fn set(&mut self, flag: Flag, on: bool) {
        if on {
            self.bits |= flag as u8;
        } else {
            self.bits &= !(flag as u8);
        }
    }

    /// The same flags and this one.
    #[must_use]
    pub fn with(mut self, flag: Flag) -> Flags {
        self.set(flag, true);
        self
    }

    /// The keywords, sorted without regard to case.
    #[must_use]
    pub fn keywords(&self) -> &[String] {
        &self.keywords
    }

    /// Whether this keyword is set.
    #[must_use]
    pub fn has_keyword(&self, keyword: &str) -> bool {
        self.place(keyword).is_ok()
    }

    /// Sets the flag with this IMAP word, `\Seen` or `work`, in any case. `false`, and nothing is set, if it is no flag
    /// that a message can keep: `\Recent`, an unknown `\Word`, something that is no atom, or longer than [`KEYWORD_MAX`].
    pub fn add(&mut self, word: &str) -> bool {
        if word.starts_with('\\') {
            let Some(flag) = Flag::ALL.into_iter().find(|f| f.word().eq_ignore_ascii_case(word)) else { return false };
            self.set(flag, true);
            return true;
        }
        if !is_keyword(word) {
            return false;
        }
        if let Err(at) = self.place(word) {
            self.keywords.insert(at, word.to_owned());
        }
        true
    }

    /// Sets all that are set in `other`.
    pub fn include(&mut self, other: &Flags) {
        self.bits |= other.bits;
        for keyword in &other.keywords {
            if let Err(at) = self.place(keyword) {
                self.keywords.insert(at, keyword.clone());
            }
        }
    }

    /// Clears all that are set in `other`.
    pub fn exclude(&mut self, other: &Flags) {
        self.bits &= !other.bits;
        self.keywords.retain(|k| !other.has_keyword(k));
    }

    /// The IMAP words, system flags first.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let system = Flag::ALL.into_iter().filter(|f| self.has(*f)).map(|f| f.word());
        system.chain(self.keywords.iter().map(String::as_str))
    }

    /// Adds what the letters of a `Status` or `X-Status` field mean, as mail readers write them into an mbox.
    pub fn add_status(&mut self, letters: &[u8]) {
        for letter in letters {
            let flag = match letter {
                b'R' => Flag::Seen,
                b'A' => Flag::Answered,
                b'F' => Flag::Flagged,
                b'D' => Flag::Deleted,
                b'T' => Flag::Draft,
                _ => continue,
            };
            self.set(flag, true);
        }
    }

    /// Reads the letters behind `:2,` in a Maildir name; `keyword` says what `a` to `z` mean in that folder. Letters
    /// that mean nothing are skipped.
    pub fn from_letters<'a>(letters: &[u8], keyword: impl Fn(u8) -> Option<&'a str>) -> Flags {
        let mut flags = Flags::none();
        for &letter in letters {
            if letter == b'P' {
                flags.add(FORWARDED);
            } else if let Some(flag) = Flag::ALL.into_iter().find(|f| f.letter() == letter) {
                flags.set(flag, true);
            } else if letter.is_ascii_lowercase()
                && let Some(word) = keyword(letter)
            {
                flags.add(word);
            }
        }
        flags
    }

    /// The letters for a Maildir name, sorted by ASCII as readers expect; `letter` gives a keyword's, and a keyword
    /// without one is left out.
    pub fn letters(&self, letter: impl Fn(&str) -> Option<u8>) -> Vec<u8> {
        let mut letters: Vec<u8> = Flag::ALL.into_iter().filter(|f| self.has(*f)).map(Flag::letter).collect();
        for keyword in &self.keywords {
            letters.extend(if keyword.eq_ignore_ascii_case(FORWARDED) { Some(b'P') } else { letter(keyword) });
        }
        letters.sort_unstable();
        letters.dedup();
        letters
    }

    /// Where the keyword is, or where it would have to be.
    fn place(&self, keyword: &str) -> Result<usize, usize> {
        let lower = |s: &str| s.bytes().map(|b| b.to_ascii_lowercase()).collect::<Vec<u8>>();
        self.keywords.binary_search_by_key(&lower(keyword), |k| lower(k))
    }
}

/// Whether it is an atom (RFC 3501 9, `flag-keyword`) of decent length.
#[must_use]
pub fn is_keyword(word: &str) -> bool {
    (1..=KEYWORD_MAX).contains(&word.len())
        && word
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']'))
}

impl fmt::Display for Flags {
    /// The IMAP words with spaces between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.words().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

/// The word that is no flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoFlag(pub String);

impl FromStr for Flags {
    type Err = NoFlag;

    /// Reads IMAP words with spaces between, in parentheses or not.
    fn from_str(text: &str) -> Result<Flags, NoFlag> {
        let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text);
        let mut flags = Flags::none();
        for word in inner.split(' ').filter(|w| !w.is_empty()) {
            if !flags.add(word) {
                return Err(NoFlag(word.to_owned()));
            }
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flags(text: &str) -> Flags {
        text.parse().unwrap()
    }

    #[test]
    fn words_and_back() {
        let f = flags("(\\SEEN zebra $Forwarded Apple \\Draft apple)");
        assert_eq!(f.to_string(), "\\Seen \\Draft $Forwarded Apple zebra");
        assert!(f.has(Flag::Seen) && !f.has(Flag::Deleted) && f.has_keyword("ZEBRA"));
        assert_eq!(flags(""), Flags::none());
        for bad in ["\\Recent", "\\Nonsense", "a(b", "\"", "a]", "é", "*", "\\"] {
            assert_eq!(bad.parse::<Flags>(), Err(NoFlag(bad.to_owned())));
        }
        assert!(!Flags::none().add(&"k".repeat(KEYWORD_MAX + 1)));
        assert!(!Flags::none().add(""));
    }

    #[test]
    fn letters_and_back() {
        let meaning = |l: u8| (l == b'b').then_some("work");
        let letter = |k: &str| (k == "work").then_some(b'b');
        let f = Flags::from_letters(b"TSPbxZ", meaning);
        assert_eq!(f, flags("\\Seen \\Deleted $forwarded WORK"));
        assert_eq!(f.letters(letter), b"PSTb");
        assert_eq!(flags("play \\Flagged").letters(letter), b"F");
    }

    fn any_flags() -> impl Strategy<Value = Flags> {
        let word = prop_oneof!["[a-eA-E]{1,2}", "[!-~]{1,4}", Just("\\Seen".to_owned()), Just("\\Deleted".to_owned())];
        proptest::collection::vec(word, 0..6).prop_map(|words| {
            let mut f = Flags::none();
            for w in words {
                f.add(&w);
            }
            f
        })
    }

    proptest! {
        #[test]
        fn a_set_behaves_like_one(a in any_flags(), b in any_flags()) {
            prop_assert_eq!(&flags(&a.to_string()), &a);
            let (mut ab, mut ba) = (a.clone(), b.clone());
            ab.include(&b);
            ba.include(&a);
            prop_assert_eq!(&ab, &ba);
            ab.exclude(&b);
            let mut only_a = a.clone();
            only_a.exclude(&b);
            prop_assert_eq!(&ab, &only_a);
            prop_assert!(ab.words().all(|w| b.words().all(|v| !v.eq_ignore_ascii_case(w))));
        }
    }
}
