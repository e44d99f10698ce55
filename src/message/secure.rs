//! Messages that are signed or encrypted as a whole: multipart/signed and multipart/encrypted (RFC 1847), as OpenPGP (RFC 3156) and S/MIME (RFC 8551) use them.
//!
//! What is signed or encrypted is the content with its own fields, those whose names begin with Content-; all others stay around it. Left out: what is
//! signed or encrypted in a part of a message.

use super::header::{Entry, Header};
use super::mime::Part;

/// The fields of a message that stay around its content, with MIME-Version, and those of the content; each with its line end.
#[must_use]
pub fn parted(header: &Header) -> (Vec<u8>, Vec<u8>) {
    let end = header.line_end().as_bytes();
    let (mut around, mut own) = (Vec::new(), Vec::new());
    for entry in header.entries() {
        let is_own = match entry {
            Entry::Field(field) => field.name.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-")),
            Entry::Junk(_) => false,
        };
        let to = if is_own { &mut own } else { &mut around };
        to.extend_from_slice(entry.raw());
        if !to.ends_with(b"\n") {
            to.extend_from_slice(end);
        }
    }
    if header.get("MIME-Version").is_none() {
        around.extend_from_slice(&[b"MIME-Version: 1.0", end].concat());
    }
    (around, own)
}

/// How a message is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protected<'p> {
    /// The content, as it was signed, and the signature.
    Signed(By, &'p Part, &'p Part),
    /// Content and signature in one piece: S/MIME's signed-data (RFC 8551 3.5.2).
    Opaque(&'p Part),
    /// What is encrypted.
    Encrypted(By, &'p Part),
}

/// By what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// OpenPGP.
    Pgp,
    /// S/MIME.
    Smime,
}

/// How the message is protected, if it is.
#[must_use]
pub fn protected(message: &Part) -> Option<Protected<'_>> {
    let kind = &message.content_type;
    let two = match message.parts.as_slice() {
        [first, second] => Some((first, second)),
        _ => None,
    };
    let is = |part: &Part, names: &[&str]| {
        part.content_type.kind == "application" && names.contains(&part.content_type.subtype.as_str())
    };
    if kind.is("multipart", "signed") {
        let (content, signature) = two?;
        return match () {
            () if is(signature, &["pgp-signature"]) => Some(Protected::Signed(By::Pgp, content, signature)),
            () if is(signature, &["pkcs7-signature", "x-pkcs7-signature"]) => {
                Some(Protected::Signed(By::Smime, content, signature))
            }
            () => None,
        };
    }
    if kind.is("multipart", "encrypted") {
        let (control, content) = two?;
        return is(control, &["pgp-encrypted"]).then_some(Protected::Encrypted(By::Pgp, content));
    }
    let opaque = kind.parameter("smime-type").is_some_and(|kind| kind.eq_ignore_ascii_case(b"signed-data"));
    is(message, &["pkcs7-mime", "x-pkcs7-mime"]).then_some(match opaque {
        true => Protected::Opaque(message),
        false => Protected::Encrypted(By::Smime, message),
    })
}

/// The name for `micalg` of a hash that OpenPGP has a number for (RFC 9580 9.5, RFC 3156 5).
#[must_use]
pub fn micalg(hash: u32) -> Option<&'static str> {
    Some(match hash {
        2 => "pgp-sha1",
        8 => "pgp-sha256",
        9 => "pgp-sha384",
        10 => "pgp-sha512",
        11 => "pgp-sha224",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::mime::walk;

    #[test]
    fn fields_have_their_places() {
        let header = Header::parse(b"A: b\r\ncontent-TYPE: x/y;\r\n z=1\r\njunk\r\nContent-ID: <1>\r\n\r\n".to_vec());
        let (around, own) = parted(&header);
        assert_eq!(around, b"A: b\r\njunk\r\nMIME-Version: 1.0\r\n");
        assert_eq!(own, b"content-TYPE: x/y;\r\n z=1\r\nContent-ID: <1>\r\n");
    }

    #[test]
    fn what_it_is() {
        let of = |text: &str| {
            let part = walk(&mut text.as_bytes()).unwrap();
            protected(&part).map(|found| match found {
                Protected::Signed(by, ..) => (by, true),
                Protected::Opaque(..) => (By::Smime, true),
                Protected::Encrypted(by, _) => (by, false),
            })
        };
        let two = |kind: &str, first: &str, second: &str| {
            format!(
                "Content-Type: {kind}; boundary=b\n\n--b\nContent-Type: {first}\n\nx\n--b\nContent-Type: {second}\n\ny\n--b--\n"
            )
        };
        assert_eq!(of(&two("multipart/signed", "text/plain", "application/pgp-signature")), Some((By::Pgp, true)));
        assert_eq!(
            of(&two("multipart/signed", "text/plain", "application/x-pkcs7-signature")),
            Some((By::Smime, true))
        );
        let pgp = two("multipart/encrypted", "application/pgp-encrypted", "application/octet-stream");
        assert_eq!(of(&pgp), Some((By::Pgp, false)));
        assert_eq!(of("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\n"), Some((By::Smime, false)));
        assert_eq!(of("Content-Type: application/pkcs7-mime; smime-type=signed-data\n\n"), Some((By::Smime, true)));
        for text in ["A: b\n\n", &two("multipart/mixed", "a/b", "c/d")] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
