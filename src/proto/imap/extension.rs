//! FETCH items that are a word each and bring strings: PREVIEW (RFC 8970), OBJECTID (RFC 8474), SAVEDATE (RFC 8514), and Gmail's labels
//! and numbers (X-GM-EXT-1). Asked for by a client; a server of ours has none of them.

use super::lex::{Lex, Parsed};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// PREVIEW: the first words of the text, in UTF-8.
    Preview,
    /// EMAILID: the same for the same message, wherever it is.
    EmailId,
    /// THREADID: the same for all messages of a conversation.
    ThreadId,
    /// SAVEDATE: when the message came into this mailbox.
    SaveDate,
    /// X-GM-LABELS, in modified UTF-7.
    Labels,
    /// X-GM-MSGID
    GmailMessage,
    /// X-GM-THRID
    GmailThread,
}

/// Their names, and the capabilities that announce them.
const ALL: [(&str, &str, Extension); 7] = [
    ("PREVIEW", "PREVIEW", Extension::Preview),
    ("EMAILID", "OBJECTID", Extension::EmailId),
    ("THREADID", "OBJECTID", Extension::ThreadId),
    ("SAVEDATE", "SAVEDATE", Extension::SaveDate),
    ("X-GM-LABELS", "X-GM-EXT-1", Extension::Labels),
    ("X-GM-MSGID", "X-GM-EXT-1", Extension::GmailMessage),
    ("X-GM-THRID", "X-GM-EXT-1", Extension::GmailThread),
];

impl Extension {
    /// The one of that name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Extension> {
        ALL.iter().find(|(own, ..)| own.eq_ignore_ascii_case(name)).map(|(.., extension)| *extension)
    }

    fn entry(self) -> (&'static str, &'static str) {
        ALL.iter().find(|(.., own)| *own == self).map_or(("", ""), |(name, capability, _)| (name, capability))
    }

    /// What FETCH calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// What CAPABILITY says where it can be had.
    #[must_use]
    pub fn capability(self) -> &'static str {
        self.entry().1
    }
}

/// The strings of such an item: none for NIL, those of a list, or one.
///
/// # Errors
/// If it is none of these.
pub fn strings(raw: &[u8]) -> Parsed<Vec<Vec<u8>>> {
    let mut l = Lex::new(raw);
    let mut all = Vec::new();
    if l.peek() == Some(b'(') {
        l.list(|l| {
            // A label may be a word with a backslash: \Inbox.
            let word = if l.peek() == Some(b'\\') { l.flag()?.into_bytes() } else { l.astring()?.into_owned() };
            all.push(word);
            Ok(())
        })?;
    } else {
        all.extend(l.nstring_owned()?);
    }
    l.expect_end()?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_items() {
        let read = |raw: &str| {
            let all = strings(raw.as_bytes()).ok()?;
            Some(all.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect::<Vec<_>>().join("|"))
        };
        for (raw, expected) in [
            ("NIL", ""),
            ("()", ""),
            ("\"so it begins\"", "so it begins"),
            ("{5}\r\na\r\nbc", "a\r\nbc"),
            ("(M6d99ac3275bb4e)", "M6d99ac3275bb4e"),
            ("(\\Inbox \"\\\\Sent\" &2D3eAA- \"a b\")", "\\Inbox|\\Sent|&2D3eAA-|a b"),
            ("1278455344230334865", "1278455344230334865"),
        ] {
            assert_eq!(read(raw).as_deref(), Some(expected), "{raw}");
        }
        for bad in ["", "(", "\"a", "(a", "a b", "((a))"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for (name, _, extension) in ALL {
            assert_eq!((Extension::named(&name.to_lowercase()), extension.name()), (Some(extension), name));
        }
        assert_eq!(Extension::named("FLAGS"), None);
    }
}
