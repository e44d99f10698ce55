//! What holds of any bytes that are taken for a header section, cut into any pieces.

use super::kit::{cut, section};
use pipepost::message::header::Header;

/// Panics if something does not hold.
pub fn check(input: &[u8]) {
    let Some((step, text)) = cut(input) else { return };
    let (header, size) = section(text, step);
    assert_eq!(header.raw(), &text[..size]);
    assert_eq!(header, Header::parse(text[..size].to_vec()));
    assert_eq!(header.entries().count(), Header::parse(text.to_vec()).entries().count());
    let entries: usize = header.entries().map(|entry| entry.raw().len()).sum();
    assert!(matches!(&text[entries..size], b"" | b"\n" | b"\r\n"), "{}", text[..size].escape_ascii());
    for field in header.fields() {
        assert!(!field.name.is_empty() && field.name.iter().all(|b| (b'!'..=b'~').contains(b) && *b != b':'));
        assert!(field.raw.starts_with(field.name));
        assert!(!field.unfolded().contains(&b'\n'));
        assert_eq!(Header::parse(field.raw.to_vec()).fields().next(), Some(field));
    }
}
