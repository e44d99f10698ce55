//! Changes of a header section that leave every other byte as it is.

use super::field;
use super::header::{Entry, Header};
use crate::error::Result;

/// What is to be changed. Names are compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Take out all fields of this name.
    Delete(String),
    /// Give all fields of the first name the second; their values stay as they are.
    Rename(String, String),
    /// Of several fields of this name, keep the first.
    First(String),
    /// Of several fields of this name, keep the last.
    Last(String),
    /// Put this in place of the first field of the name and take out the others; at the end if there is none.
    Replace(String, String),
    /// Put it at the end if there is none of the name.
    Default(String, String),
    /// Put it at the end.
    Append(String, String),
    /// Put it at the beginning, where trace fields go.
    Prepend(String, String),
}

/// The header section with the edits done, in order; with the empty line that ends it, if it had one. Fields that are written get the
/// line end that the section has.
///
/// # Errors
/// As [`field::write`].
pub fn edit(header: &Header, edits: &[Edit]) -> Result<Vec<u8>> {
    let mut pieces: Vec<Piece> = header.entries().map(Piece::of).collect();
    let kept: usize = header.entries().map(|entry| entry.raw().len()).sum();
    let separator = header.raw().get(kept..).unwrap_or_default();
    let end = header.line_end();
    for one in edits {
        apply(&mut pieces, one, end)?;
    }
    let mut out = Vec::with_capacity(header.raw().len());
    for piece in &pieces {
        // A last line without its end, behind which something was put.
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(end.as_bytes());
        }
        out.extend_from_slice(&piece.raw);
    }
    out.extend_from_slice(separator);
    Ok(out)
}

struct Piece {
    /// Empty: no field.
    name: Vec<u8>,
    raw: Vec<u8>,
}

impl Piece {
    fn of(entry: Entry<'_>) -> Piece {
        let name = match entry {
            Entry::Field(field) => field.name.to_vec(),
            Entry::Junk(_) => Vec::new(),
        };
        Piece { name, raw: entry.raw().to_vec() }
    }

    fn new(name: &str, text: &str, end: &str) -> Result<Piece> {
        Ok(Piece { name: name.as_bytes().to_vec(), raw: field::write(name, text, end)? })
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

fn apply(pieces: &mut Vec<Piece>, edit: &Edit, end: &str) -> Result<()> {
    match edit {
        Edit::Delete(name) => pieces.retain(|piece| !piece.is(name)),
        Edit::Rename(from, to) => {
            for piece in pieces.iter_mut().filter(|piece| piece.is(from)) {
                let value = piece.raw.get(piece.name.len()..).unwrap_or_default();
                piece.raw = [to.as_bytes(), value].concat();
                piece.name = to.as_bytes().to_vec();
            }
        }
        Edit::First(name) => {
            let mut seen = false;
            pieces.retain(|piece| !piece.is(name) || !std::mem::replace(&mut seen, true));
        }
        Edit::Last(name) => {
            let mut left = pieces.iter().filter(|piece| piece.is(name)).count();
            pieces.retain(|piece| {
                left -= usize::from(piece.is(name));
                !piece.is(name) || left == 0
            });
        }
        Edit::Replace(name, text) => {
            let new = Piece::new(name, text, end)?;
            match pieces.iter_mut().find(|piece| piece.is(name)) {
                Some(first) => *first = new,
                None => pieces.push(new),
            }
            apply(pieces, &Edit::First(name.clone()), end)?;
        }
        Edit::Default(name, _) if pieces.iter().any(|piece| piece.is(name)) => {}
        Edit::Default(name, text) | Edit::Append(name, text) => pieces.push(Piece::new(name, text, end)?),
        Edit::Prepend(name, text) => pieces.insert(0, Piece::new(name, text, end)?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn done(raw: &str, edits: &[Edit]) -> String {
        String::from_utf8(edit(&Header::parse(raw.into()), edits).unwrap()).unwrap()
    }

    #[test]
    fn each_edit() {
        let raw = "A: 1\r\nb :  2\r\n x\r\njunk\r\nB: 3\r\n\r\n";
        let (name, text) = (String::from, String::from);
        for (edit, expect) in [
            (Edit::Delete(name("B")), "A: 1\r\njunk\r\n\r\n"),
            (Edit::Rename(name("B"), name("Old-B")), "A: 1\r\nOld-B :  2\r\n x\r\njunk\r\nOld-B: 3\r\n\r\n"),
            (Edit::First(name("b")), "A: 1\r\nb :  2\r\n x\r\njunk\r\n\r\n"),
            (Edit::Last(name("b")), "A: 1\r\njunk\r\nB: 3\r\n\r\n"),
            (Edit::Replace(name("B"), text("é")), "A: 1\r\nB: =?utf-8?B?w6k=?=\r\njunk\r\n\r\n"),
            (Edit::Replace(name("C"), text("c")), "A: 1\r\nb :  2\r\n x\r\njunk\r\nB: 3\r\nC: c\r\n\r\n"),
            (Edit::Default(name("a"), text("c")), raw),
            (Edit::Default(name("C"), text("c")), "A: 1\r\nb :  2\r\n x\r\njunk\r\nB: 3\r\nC: c\r\n\r\n"),
            (Edit::Append(name("A"), text("c")), "A: 1\r\nb :  2\r\n x\r\njunk\r\nB: 3\r\nA: c\r\n\r\n"),
            (Edit::Prepend(name("A"), text("c")), "A: c\r\nA: 1\r\nb :  2\r\n x\r\njunk\r\nB: 3\r\n\r\n"),
        ] {
            assert_eq!(done(raw, std::slice::from_ref(&edit)), expect, "{edit:?}");
        }
        assert_eq!(done("A: 1", &[Edit::Append(name("B"), text("2"))]), "A: 1\nB: 2\n");
        assert_eq!(done("", &[Edit::Append(name("B"), text("2"))]), "B: 2\n");
        let wrong = Edit::Append(name("B"), text("2\nBcc: x"));
        assert_eq!(edit(&Header::default(), &[wrong]).unwrap_err().exit().code(), 64);
    }

    proptest! {
        #[test]
        fn without_change_every_byte_stays(raw in proptest::collection::vec(prop_oneof![
            Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), Just(b'a'), any::<u8>()], 0..120)) {
            let header = Header::parse(raw);
            let (absent, other) = ("X-Absent".to_owned(), "X-Other".to_owned());
            let edits = [Edit::Delete(absent.clone()), Edit::First(absent.clone()), Edit::Rename(absent, other)];
            let kept = edit(&header, &edits).unwrap();
            // What follows the section in the bytes given is not part of it, and stays.
            prop_assert_eq!(kept, header.raw());
        }
    }
}
