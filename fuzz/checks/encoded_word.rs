//! What holds of any bytes that are taken for a field with encoded words.

use pipepost::message::charset;
use pipepost::message::decode;
use pipepost::message::header::unfold;

/// Panics if something does not hold.
pub fn check(text: &[u8]) {
    let words = decode::words(text);
    assert!(!words.contains(['\r', '\n', '\0']), "{words:?}");
    // A field without any is itself.
    let plain = text.iter().all(|b| (b'!'..=b'~').contains(b)) && !text.windows(2).any(|two| two == b"=?");
    assert!(!plain || words.as_bytes() == text, "{words:?}");
    assert!(!unfold(text).contains(&b'\n'));
    let (label, bytes) = text.split_at(text.iter().position(|b| *b == b' ').unwrap_or(0));
    let _ = charset::to_utf8(label, bytes);
}
