//! What holds of any bytes that are taken for a message with parts, cut into any pieces.

use super::kit::{Pieces, all, cut};
use pipepost::message::decode;
use pipepost::message::mime::{Part, walk};
use std::ops::Range;

fn inside(part: &Part, of: &Range<u64>, depth: usize) {
    assert!(depth <= 100 && of.start <= part.header_at.start && part.body_at.end <= of.end, "{part:?} {of:?}");
    assert!(part.header_at.start <= part.header_at.end && part.header_at.end == part.body_at.start, "{part:?}");
    assert!(part.body_at.start <= part.body_at.end, "{part:?}");
    let mut from = part.body_at.start;
    for child in &part.parts {
        inside(child, &(from..part.body_at.end), depth + 1);
        from = child.body_at.end;
    }
}

/// Panics if something does not hold.
pub fn check(input: &[u8]) {
    let Some((step, text)) = cut(input) else { return };
    let whole = walk(&mut &*text).unwrap();
    assert_eq!(whole, walk(&mut Pieces(text, step)).unwrap());
    assert_eq!((whole.header_at.start, whole.body_at.end), (0, text.len() as u64));
    inside(&whole, &(0..text.len() as u64), 0);
    let mut parts = vec![&whole];
    while let Some(part) = parts.pop() {
        parts.extend(&part.parts);
        let range = |at: &Range<u64>| text.get(at.start as usize..at.end as usize).unwrap();
        assert!(part.header.is_cut() || part.header.raw() == range(&part.header_at), "{part:?}");
        let body = range(&part.body_at);
        let decoded = all(decode::decoded(body, &part.encoding));
        assert_eq!(decoded, all(decode::decoded(Pieces(body, step), &part.encoding)));
        let read = all(decode::text(Pieces(body, step), part));
        assert_eq!(read, all(decode::text(body, part)));
        assert!(std::str::from_utf8(&read).is_ok());
        if part.content_type.is("text", "html") {
            let _ = decode::without_tags(&String::from_utf8_lossy(&read));
        }
        assert!(decode::file_name(part).is_none_or(|name| !name.contains(['\0', '\n', '\r'])));
        let _ = (part.id(), part.description(), part.languages(), part.location(), part.md5(), part.size());
    }
}
