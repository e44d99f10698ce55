//! Canonicalisation, RFC 6376 3.4: what of a message its way may change without breaking a signature.
//!
//! Lines may end with LF or CRLF here, mixed if need be: all end with CRLF in what comes out. A lone CR is a byte like any other.

use crate::message::header::{Field, unfold};
use memchr::{memchr, memchr2};
use std::fmt;
use std::str::FromStr;

/// What is written in one go.
const BLOCK: usize = 32 * 1024;

/// One of the two algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Canon {
    /// Nearly nothing may change.
    Simple,
    /// Blanks, folding and the case of names may.
    Relaxed,
}

impl fmt::Display for Canon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Canon::Simple => "simple",
            Canon::Relaxed => "relaxed",
        })
    }
}

impl FromStr for Canon {
    type Err = String;

    fn from_str(text: &str) -> Result<Canon, String> {
        match text {
            "simple" => Ok(Canon::Simple),
            "relaxed" => Ok(Canon::Relaxed),
            _ => Err(format!("{text}: neither simple nor relaxed")),
        }
    }
}

/// That of the header and that of the body, as in `relaxed/simple`; the second is simple if it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canons {
    /// For header fields.
    pub header: Canon,
    /// For the body.
    pub body: Canon,
}

impl FromStr for Canons {
    type Err = String;

    fn from_str(text: &str) -> Result<Canons, String> {
        let (header, body) = text.split_once('/').unwrap_or((text, "simple"));
        Ok(Canons { header: header.parse()?, body: body.parse()? })
    }
}

impl fmt::Display for Canons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.header, self.body)
    }
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

impl Canon {
    /// Appends a header field, without the line end behind it.
    pub fn field(self, field: &Field<'_>, out: &mut Vec<u8>) {
        match self {
            Canon::Simple => {
                for (n, line) in field.raw.split_inclusive(|b| *b == b'\n').enumerate() {
                    if n > 0 {
                        out.extend_from_slice(b"\r\n");
                    }
                    let ended = line.strip_suffix(b"\n");
                    out.extend_from_slice(ended.map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line)));
                }
            }
            Canon::Relaxed => {
                out.extend(field.name.iter().map(u8::to_ascii_lowercase));
                out.push(b':');
                let words = unfold(field.value);
                let words = words.split(|b| is_blank(*b)).filter(|word| !word.is_empty());
                for (n, word) in words.enumerate() {
                    if n > 0 {
                        out.push(b' ');
                    }
                    out.extend_from_slice(word);
                }
            }
        }
    }
}

/// A body, piece by piece.
#[derive(Debug)]
pub struct BodyCanon {
    canon: Canon,
    out: Vec<u8>,
    /// Line ends that are written if there is more behind them.
    ends: u64,
    /// Blanks of this line that are one if there is more behind them; relaxed only.
    blank: bool,
    cr: bool,
    any: bool,
}

impl BodyCanon {
    /// At the beginning of a body.
    #[must_use]
    pub fn new(canon: Canon) -> BodyCanon {
        BodyCanon { canon, out: Vec::new(), ends: 0, blank: false, cr: false, any: false }
    }

    /// The next bytes of the body; `to` gets those of the canonical one.
    pub fn push(&mut self, piece: &[u8], to: &mut impl FnMut(&[u8])) {
        let mut rest = piece;
        while !rest.is_empty() {
            let (line, ended, behind) = match memchr(b'\n', rest).and_then(|at| rest.split_at_checked(at)) {
                Some((line, tail)) => (line, true, tail.get(1..).unwrap_or_default()),
                None => (rest, false, &[][..]),
            };
            if std::mem::take(&mut self.cr) && !(ended && line.is_empty()) {
                self.text(b"\r", to);
            }
            match line.strip_suffix(b"\r") {
                Some(line) => {
                    self.text(line, to);
                    self.cr = !ended;
                }
                None => self.text(line, to),
            }
            if ended {
                self.ends += 1;
                self.blank = false;
            }
            rest = behind;
        }
        self.flush(BLOCK, to);
    }

    /// The end of the body.
    pub fn finish(mut self, to: &mut impl FnMut(&[u8])) {
        if std::mem::take(&mut self.cr) {
            self.text(b"\r", to);
        }
        if self.any || self.canon == Canon::Simple {
            self.out.extend_from_slice(b"\r\n");
        }
        self.flush(0, to);
    }

    fn flush(&mut self, over: usize, to: &mut impl FnMut(&[u8])) {
        if self.out.len() > over {
            to(&self.out);
            self.out.clear();
        }
    }

    /// Bytes of a line.
    fn text(&mut self, text: &[u8], to: &mut impl FnMut(&[u8])) {
        if self.canon == Canon::Simple {
            return self.put(text, to);
        }
        let mut rest = text;
        while let Some(first) = rest.first() {
            if is_blank(*first) {
                self.blank = true;
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let (word, behind) = rest.split_at(memchr2(b' ', b'\t', rest).unwrap_or(rest.len()));
            self.put(word, to);
            rest = behind;
        }
    }

    /// What stays, and all that waited for it.
    fn put(&mut self, bytes: &[u8], to: &mut impl FnMut(&[u8])) {
        if bytes.is_empty() {
            return;
        }
        for _ in 0..std::mem::take(&mut self.ends) {
            self.out.extend_from_slice(b"\r\n");
            self.flush(BLOCK, to);
        }
        if std::mem::take(&mut self.blank) {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(bytes);
        self.any = true;
        self.flush(BLOCK, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::header::Header;
    use proptest::prelude::*;

    fn body(canon: Canon, pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut to = |bytes: &[u8]| out.extend_from_slice(bytes);
        let mut body = BodyCanon::new(canon);
        pieces.iter().for_each(|piece| body.push(piece, &mut to));
        body.finish(&mut to);
        out
    }

    #[test]
    fn the_example_of_rfc_6376_3_4_5() {
        let header = Header::parse(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n".to_vec());
        let all = |canon: Canon| {
            let mut out = Vec::new();
            for field in header.fields() {
                canon.field(&field, &mut out);
                out.extend_from_slice(b"\r\n");
            }
            String::from_utf8(out).unwrap()
        };
        assert_eq!(all(Canon::Relaxed), "a:X\r\nb:Y Z\r\n");
        assert_eq!(all(Canon::Simple), "A: X\r\nB : Y\t\r\n\tZ  \r\n");
        let text = b" C \r\nD \t E\r\n\r\n\r\n";
        assert_eq!(body(Canon::Relaxed, &[text]), b" C\r\nD E\r\n");
        assert_eq!(body(Canon::Simple, &[text]), b" C \r\nD \t E\r\n");
    }

    #[test]
    fn bodies_at_their_ends() {
        for (text, simple, relaxed) in [
            (&b""[..], &b"\r\n"[..], &b""[..]),
            (b"\n\n\r\n", b"\r\n", b""),
            (b"a", b"a\r\n", b"a\r\n"),
            (b"a\r\n\r\n", b"a\r\n", b"a\r\n"),
            (b"a\n \t\n", b"a\r\n \t\r\n", b"a\r\n"),
            (b"\n\na\n", b"\r\n\r\na\r\n", b"\r\n\r\na\r\n"),
            (b"a\rb\r\r\n", b"a\rb\r\r\n", b"a\rb\r\r\n"),
            (b"a\r", b"a\r\r\n", b"a\r\r\n"),
        ] {
            assert_eq!((body(Canon::Simple, &[text]), body(Canon::Relaxed, &[text])), (simple.into(), relaxed.into()));
        }
        // As many line ends as memory would not like.
        let (mut n, mut all) = (0, BodyCanon::new(Canon::Simple));
        let mut to = |bytes: &[u8]| {
            assert!(bytes.len() <= 2 * BLOCK);
            n += bytes.len();
        };
        (0..100).for_each(|_| all.push(&[b'\n'; 10_000], &mut to));
        all.push(b"x", &mut to);
        all.finish(&mut to);
        assert_eq!(n, 2_000_003);
    }

    #[test]
    fn words() {
        assert_eq!("relaxed/simple".parse::<Canons>().unwrap().to_string(), "relaxed/simple");
        assert_eq!("relaxed".parse::<Canons>().unwrap().to_string(), "relaxed/simple");
        assert!("loose".parse::<Canons>().is_err() && "simple/x".parse::<Canons>().is_err());
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let one = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b' '), Just(b'\t'), Just(b'a'), any::<u8>()];
        proptest::collection::vec(one, 0..80)
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter_and_twice_is_once(text in bytes(), cuts in proptest::collection::vec(0usize..80, 0..5)) {
            for canon in [Canon::Simple, Canon::Relaxed] {
                let whole = body(canon, &[&text]);
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(text.len())).collect();
                cuts.sort_unstable();
                let (mut pieces, mut at) = (Vec::new(), 0);
                for cut in cuts {
                    pieces.push(&text[at..cut]);
                    at = cut;
                }
                pieces.push(&text[at..]);
                prop_assert_eq!(body(canon, &pieces), whole.clone());
                prop_assert_eq!(body(canon, &[&whole]), whole.clone());
                // Whichever line ends it had.
                let files: Vec<u8> = whole.windows(2).filter(|w| *w != b"\r\n").map(|w| w[0]).chain(whole.last().copied()).collect();
                if !whole.windows(3).any(|w| w == b"\r\r\n") {
                    prop_assert_eq!(body(canon, &[&files]), whole);
                }
            }
        }
    }
}
