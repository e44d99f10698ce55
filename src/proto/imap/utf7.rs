//! Mailbox names: UTF-8 inside, modified UTF-7 on the wire (RFC 3501 section 5.1.3), or UTF-8 there too (RFC 6855).
//!
//! A name has one encoding only. Another one (`&AGE-` for `a`, two shifts where one would do) is refused: it could name
//! what a look-alike names, or hide a `/` or `..` from whoever looks at the wire form.

use encodify::utf7::IMAP;

/// How names and other texts look on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// In ASCII: names in modified UTF-7, other texts in a charset that is named.
    #[default]
    Utf7,
    /// In UTF-8, once UTF8=ACCEPT is enabled (RFC 6855 3).
    Utf8,
}

impl Names {
    /// A name's wire form.
    #[must_use]
    pub fn encode(self, name: &str) -> String {
        match self {
            Names::Utf7 => encode(name),
            Names::Utf8 => name.to_owned(),
        }
    }

    /// The name, as far as it can be told.
    #[must_use]
    pub fn decode(self, wire: &[u8]) -> String {
        match self {
            Names::Utf8 if !wire.eq_ignore_ascii_case(b"INBOX") => String::from_utf8_lossy(wire).into_owned(),
            _ => decode_lossy(wire),
        }
    }
}

/// The wire form.
#[must_use]
pub fn encode(name: &str) -> String {
    IMAP.encode(name)
}

/// The name, if `wire` is the one encoding of one. INBOX, in any case, is `INBOX`.
#[must_use]
pub fn decode(wire: &[u8]) -> Option<String> {
    if wire.eq_ignore_ascii_case(b"INBOX") {
        return Some("INBOX".to_owned());
    }
    let name = IMAP.decode(wire).ok()?;
    (encode(&name).as_bytes() == wire).then_some(name)
}

/// The name in `wire`, as far as it can be told: for names that a server has and nobody can change. UTF-8 that was not
/// encoded is taken as it is.
#[must_use]
pub fn decode_lossy(wire: &[u8]) -> String {
    decode(wire).unwrap_or_else(|| String::from_utf8_lossy(wire).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("", ""),
            ("R&D", "R&-D"),
            ("&&", "&-&-"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("éé", "&AOkA6Q-"),
            ("😀", "&2D3eAA-"),
            ("a\tb", "a&AAk-b"),
            ("&é&", "&-&AOk-&-"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire.as_bytes()).as_deref(), Some(name), "{wire}");
        }
        assert_eq!(decode(b"inBox").as_deref(), Some("INBOX"));
    }

    #[test]
    fn other_forms_are_refused() {
        for wire in [
            "&AGE-",
            "&",
            "a&",
            "&AOk",
            "&AOk-&AOk-",
            "&AC4ALgAv-",
            "&2D0-",
            "&3gA-",
            "&3gDYPQ-",
            "&AOl-",
            "&AOk=-",
            "&AO/k-",
            "&A-",
            "&AA-",
            "é",
            "a\u{7f}",
            "a\0",
            "&ACY-",
        ] {
            assert_eq!(decode(wire.as_bytes()), None, "{wire}");
        }
        assert_eq!(decode(b"\xff"), None);
        assert_eq!(decode_lossy("é".as_bytes()), "é");
        assert_eq!(decode_lossy(b"R&D\xff"), "R&D\u{fffd}");
    }

    proptest! {
        #[test]
        fn any_name_comes_back(name in any::<String>()) {
            let wire = encode(&name);
            prop_assert!(wire.bytes().all(|b| (b' '..=b'~').contains(&b)));
            if !name.eq_ignore_ascii_case("inbox") { prop_assert_eq!(decode(wire.as_bytes()), Some(name)); }
        }

        #[test]
        fn what_decodes_encodes_back(wire in "[A-Za-z0-9+,&-]{0,20}") {
            if let Some(name) = decode(wire.as_bytes()) {
                prop_assert!(encode(&name) == wire || name == "INBOX");
            }
        }
    }
}
