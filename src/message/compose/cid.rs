//! [`Cids`]: HTML in which inline files are named by their file names, `cid:logo.png`, as HTML that names them by the
//! Content-IDs that they get (RFC 2392).

use crate::body::Body;
use crate::error::Result;

const SCHEME: &[u8] = b"cid:";
/// No name is longer.
const LONGEST: usize = 1024;

/// A page as it streams by. What is no name of a file stays as it is.
pub struct Cids<'n, B> {
    from: B,
    /// Names and Content-IDs.
    names: &'n [(String, String)],
    held: Vec<u8>,
    out: Vec<u8>,
    ended: bool,
}

impl<'n, B: Body> Cids<'n, B> {
    /// Reads `from`; `names`: each file's name and its Content-ID, without angle brackets.
    pub fn new(from: B, names: &'n [(String, String)]) -> Cids<'n, B> {
        Cids { from, names, held: Vec::new(), out: Vec::new(), ended: false }
    }

    /// Moves what is decided about from `held` to `out`.
    fn decide(&mut self) {
        let mut rest = self.held.as_slice();
        loop {
            let Some(at) = memchr::memmem::find(rest, SCHEME) else {
                let keep = if self.ended { 0 } else { rest.len().min(SCHEME.len()) };
                let (done, kept) = rest.split_at(rest.len() - keep);
                self.out.extend_from_slice(done);
                rest = kept;
                break;
            };
            let (before, name) = rest.split_at(at + SCHEME.len());
            let quote = at.checked_sub(1).and_then(|at| before.get(at)).filter(|b| b"\"'".contains(b));
            let ends = |b: &u8| match quote {
                Some(quote) => b == quote,
                None => b"\"'<>()".contains(b) || b.is_ascii_whitespace(),
            };
            let end = name.iter().take(LONGEST).position(ends);
            if end.is_none() && name.len() < LONGEST && !self.ended {
                // With the byte before it, which may be a quote.
                let (done, kept) = rest.split_at(at.saturating_sub(1));
                self.out.extend_from_slice(done);
                rest = kept;
                break;
            }
            let (name, after) = name.split_at(end.unwrap_or(name.len().min(LONGEST)));
            self.out.extend_from_slice(before);
            let plain = unescaped(name);
            match self.names.iter().find(|(file, _)| file.as_bytes() == plain) {
                Some((_, id)) => self.out.extend_from_slice(id.as_bytes()),
                None => self.out.extend_from_slice(name),
            }
            rest = after;
        }
        self.held = rest.to_vec();
    }
}

impl<B: Body> Body for Cids<'_, B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        self.out.clear();
        while self.out.is_empty() && !self.ended {
            let piece = self.from.chunk()?;
            self.ended = piece.is_empty();
            self.held.extend_from_slice(piece);
            self.decide();
        }
        Ok(&self.out)
    }
}

/// `%20` and its like undone.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&b, after)) = rest.split_first() {
        let hex = || std::str::from_utf8(after.get(..2)?).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match if b == b'%' { hex() } else { None } {
            Some(byte) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(b);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Steps<'a>(&'a [u8], usize);
    impl Body for Steps<'_> {
        fn chunk(&mut self) -> Result<&[u8]> {
            let (now, rest) = self.0.split_at(self.1.min(self.0.len()));
            self.0 = rest;
            Ok(now)
        }
    }

    fn names() -> Vec<(String, String)> {
        [("logo.png", "1@h"), ("ä b.png", "2@h")].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec()
    }

    #[test]
    fn names_become_ids() {
        let page =
            "<img src=\"cid:logo.png\"> url(cid:%C3%A4%20b.png) cid:logo.pngx cid:other <i>'cid:ä b.png'cid:logo.png";
        let expect = "<img src=\"cid:1@h\"> url(cid:2@h) cid:logo.pngx cid:other <i>'cid:2@h'cid:1@h";
        for step in [1, 2, 3, 5, 7, 100_000] {
            let got = Cids::new(Steps(page.as_bytes(), step), &names()).whole(1000).unwrap().unwrap();
            assert_eq!(String::from_utf8(got).unwrap(), expect);
        }
        let long = format!("cid:{} cid:logo.png", "x".repeat(5000));
        let got = Cids::new(Steps(long.as_bytes(), 10), &names()).whole(9000).unwrap().unwrap();
        assert_eq!(got, long.replace("logo.png", "1@h").into_bytes());
    }

    proptest! {
        #[test]
        fn all_else_stays(page in proptest::collection::vec(any::<u8>(), 0..200), step in 1usize..9) {
            let none: &[(String, String)] = &[];
            prop_assert_eq!(Cids::new(Steps(&page, step), none).whole(1000).unwrap().unwrap(), page);
        }
    }
}
