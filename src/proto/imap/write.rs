//! How strings are put into a line: an atom where it is one, else quoted, else a literal.

use super::lex::is_astring;

/// The longest quoted string that is written; a longer one becomes a literal.
pub(super) const QUOTED: usize = 1000;

/// Whether the bytes can stand as an atom where an astring is wanted. `NIL` could, but some peers read it as none.
#[must_use]
pub(super) fn as_atom(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.len() <= QUOTED
        && !bytes.eq_ignore_ascii_case(b"NIL")
        && bytes.iter().all(|b| is_astring(*b) && b.is_ascii())
}

/// Whether the bytes can stand between quotes: 7-bit, no CR, LF or NUL, not too long.
#[must_use]
pub(super) fn as_quoted(bytes: &[u8]) -> bool {
    bytes.len() <= QUOTED && bytes.iter().all(|b| b.is_ascii() && !matches!(b, 0 | b'\r' | b'\n'))
}

/// The same for UTF-8.
#[must_use]
pub(super) fn as_quoted_utf8(bytes: &[u8]) -> bool {
    bytes.len() <= QUOTED && !crate::text::breaks_line(bytes) && std::str::from_utf8(bytes).is_ok()
}

/// Writes a quoted string.
pub(super) fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for b in bytes {
        if matches!(b, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*b);
    }
    out.push(b'"');
}

/// Writes a server's string: quoted, or a literal in place. A NUL, which IMAP4rev1 cannot carry, becomes `?`.
pub fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    if as_quoted(bytes) {
        return quoted(out, bytes);
    }
    out.extend_from_slice(format!("{{{}}}\r\n", bytes.len()).as_bytes());
    out.extend(bytes.iter().map(|b| if *b == 0 { b'?' } else { *b }));
}

/// Writes a server's string, or NIL.
pub fn nstring(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => string(out, bytes),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// Writes a server's astring.
pub fn astring(out: &mut Vec<u8>, bytes: &[u8]) {
    if as_atom(bytes) { out.extend_from_slice(bytes) } else { string(out, bytes) }
}

/// Writes words in parentheses: flags, attributes.
pub fn list(out: &mut Vec<u8>, words: &[String]) {
    out.push(b'(');
    out.extend_from_slice(words.join(" ").as_bytes());
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_will_do() {
        let w = |bytes: &[u8]| {
            let mut out = Vec::new();
            astring(&mut out, bytes);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(w(b"INBOX"), "INBOX");
        assert_eq!(w(b"a b"), "\"a b\"");
        assert_eq!(w(b""), "\"\"");
        assert_eq!(w(b"nil"), "\"nil\"");
        assert_eq!(w(b"a\"\\"), "\"a\\\"\\\\\"");
        assert_eq!(w("é".as_bytes()), "{2}\r\né");
        assert_eq!(w(b"a\r\n\0"), "{4}\r\na\r\n?");
        assert!(w(&[b'x'; 1001]).starts_with("{1001}\r\n"));
    }
}
