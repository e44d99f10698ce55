//! Templates of one line: `{date} {from}`.

use crate::message::field::is_name;

/// A text with places in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(String),
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' => plain.push(match rest.next() {
                    Some('t') => '\t',
                    Some('n') => '\n',
                    Some(c @ ('\\' | '{' | '}')) => c,
                    _ => return Err("behind \\ only t, n, \\, { and } mean something".to_owned()),
                }),
                '{' => {
                    let (name, after) = rest.as_str().split_once('}').ok_or("a { without its }")?;
                    if !is_name(name) || name.contains('{') {
                        return Err(format!("{{{name}}}: not the name of a column or field"));
                    }
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Field(name.to_ascii_lowercase()));
                    rest = after.chars();
                }
                '}' => return Err("a } without its {".to_owned()),
                c => plain.push(c),
            }
        }
        pieces.push(Piece::Text(plain));
        Ok(Format(pieces))
    }
}

impl Format {
    /// The text with the values in their places.
    pub(super) fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let one = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Field(name) => value(name),
        };
        self.0.iter().map(one).collect()
    }

    /// Whether it has a place for this.
    pub(super) fn names(&self, field: &str) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Field(name) if name == field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled() {
        let format: Format = r"{Date}\t{x-a} \{\\\}".parse().unwrap();
        assert_eq!(format.fill(|name| format!("<{name}>")), "<date>\t<x-a> {\\}");
        assert!(format.names("date") && !format.names("Date"));
        for wrong in ["{", "}", "{a", "{a b}", "{}", r"\x", r"\", "{a{b}"] {
            assert!(wrong.parse::<Format>().is_err(), "{wrong}");
        }
    }
}
