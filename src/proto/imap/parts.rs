//! Which part of a message a part number means (RFC 9051 6.4.5.1).

use super::section::{Of, Section};
use super::structure::{Inner, Structure};

impl Structure {
    /// The part with these numbers; none of them is the message itself. `None`: there is none.
    #[must_use]
    pub fn part(&self, numbers: &[u32]) -> Option<&Structure> {
        let Some((first, rest)) = numbers.split_first() else { return Some(self) };
        let at = usize::try_from(*first).ok()?.checked_sub(1)?;
        match self {
            Structure::Multi(multi) => multi.parts.get(at)?.of_part(rest),
            // The only part of a message that has none.
            Structure::Single(_) => {
                if at == 0 {
                    self.of_part(rest)
                } else {
                    None
                }
            }
        }
    }

    /// The part with further numbers in a part: parts of it, or of the message that it is.
    fn of_part(&self, numbers: &[u32]) -> Option<&Structure> {
        match self {
            _ if numbers.is_empty() => Some(self),
            Structure::Multi(_) => self.part(numbers),
            Structure::Single(single) => match &single.inner {
                Inner::Message { structure, .. } => structure.part(numbers),
                Inner::Basic | Inner::Text { .. } => None,
            },
        }
    }

    /// Whether it is text, whose lines end as those of the system that it is for: also messages and multiparts, as they are.
    #[must_use]
    pub fn is_text(&self) -> bool {
        match self {
            Structure::Multi(_) => true,
            Structure::Single(single) => {
                single.kind.eq_ignore_ascii_case(b"text") || matches!(single.inner, Inner::Message { .. })
            }
        }
    }

    /// Its Content-Transfer-Encoding; that of a multipart changes nothing (RFC 2045 6.4).
    #[must_use]
    pub fn encoding(&self) -> &[u8] {
        match self {
            Structure::Multi(_) => b"7bit",
            Structure::Single(single) => &single.encoding,
        }
    }
}

impl Section {
    /// Whether an answer with this section is one to a command that asked for `asked`: fields may be named in other cases.
    #[must_use]
    pub fn answers(&self, asked: &Section) -> bool {
        let same =
            |a: &[String], b: &[String]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.eq_ignore_ascii_case(b));
        self.part == asked.part
            && match (&self.what, &asked.what) {
                (Of::Fields(a), Of::Fields(b)) | (Of::FieldsNot(a), Of::FieldsNot(b)) => same(a, b),
                (a, b) => a == b,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::imap::lex::Lex;

    fn structure(text: &str) -> Structure {
        Structure::parse(&mut Lex::new(text.as_bytes())).unwrap()
    }

    #[test]
    fn numbers_of_parts() {
        let plain = r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1)"#;
        let image = r#"("IMAGE" "PNG" NIL NIL NIL "BASE64" 9)"#;
        let envelope = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
        let message = |inner: &str| format!(r#"("MESSAGE" "RFC822" NIL NIL NIL "8BIT" 99 {envelope} {inner} 7)"#);
        let kind = |of: &Structure, numbers: &[u32]| match of.part(numbers) {
            None => "-".to_owned(),
            Some(Structure::Multi(multi)) => String::from_utf8(multi.subtype.clone()).unwrap(),
            Some(Structure::Single(single)) => String::from_utf8(single.subtype.clone()).unwrap(),
        };
        let single = structure(plain);
        for (numbers, expected) in [(&[][..], "PLAIN"), (&[1], "PLAIN"), (&[2], "-"), (&[1, 1], "-"), (&[0], "-")] {
            assert_eq!(kind(&single, numbers), expected, "{numbers:?}");
        }
        let inner = format!(r#"({plain}{image} "ALTERNATIVE")"#);
        let multi =
            structure(&format!(r#"({plain}({plain}{image} "RELATED"){}{} "MIXED")"#, message(&inner), message(plain)));
        for (numbers, expected) in [
            (&[][..], "MIXED"),
            (&[1], "PLAIN"),
            (&[1, 1], "-"),
            (&[2], "RELATED"),
            (&[2, 2], "PNG"),
            (&[2, 3], "-"),
            (&[3], "RFC822"),
            (&[3, 2], "PNG"),
            (&[4, 1], "PLAIN"),
            (&[4, 2], "-"),
            (&[5], "-"),
        ] {
            assert_eq!(kind(&multi, numbers), expected, "{numbers:?}");
        }
        let part = |numbers: &[u32]| multi.part(numbers).unwrap();
        assert_eq!([&[1][..], &[2], &[2, 2], &[3]].map(|n| part(n).is_text()), [true, true, false, true]);
        assert_eq!((part(&[2, 2]).encoding(), part(&[2]).encoding()), (&b"BASE64"[..], &b"7bit"[..]));
    }

    #[test]
    fn fields_in_any_case() {
        let fields = |names: &[&str]| Section {
            part: Vec::new(),
            what: Of::Fields(names.iter().map(|n| (*n).to_owned()).collect()),
        };
        assert!(fields(&["to", "CC"]).answers(&fields(&["To", "Cc"])));
        assert!(!fields(&["to"]).answers(&fields(&["cc"])) && !fields(&["to"]).answers(&Section::header()));
        assert!(Section::default().answers(&Section::default()));
    }
}
