//! What holds of any bytes that are taken for a value with parameters (RFC 2045 5.1, RFC 2231).

use pipepost::message::header::Header;
use pipepost::message::mime::{ContentType, Encoding, walk};
use pipepost::message::param::Value;
use pipepost::message::{decode, filename};

/// Panics if something does not hold.
pub fn check(text: &[u8]) {
    let value = Value::parse(text);
    assert!(value.parameters.len() <= value.raw_parameters.len());
    for (name, content) in &value.parameters {
        assert!(value.parameter(name).is_some(), "{name} {content:?}");
    }
    let _ = (ContentType::parse(text), Encoding::parse(text));
    let unfolded: Vec<u8> = text.iter().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { *b }).collect();
    let message = [b"Content-Disposition: ".as_slice(), &unfolded, b"\n\n"].concat();
    assert_eq!(Header::parse(message.clone()).fields().count(), 1);
    let part = walk(&mut message.as_slice()).unwrap();
    let Some(name) = decode::file_name(&part) else { return };
    assert!(!name.contains(['\0', '\n', '\r']));
    let safe = filename::safe(&name);
    assert!(safe.len() <= 200 && !safe.contains(['/', '\\']) && !safe.starts_with(['.', '-', '~']), "{safe:?}");
    assert_eq!(filename::safe(&safe), safe);
}
