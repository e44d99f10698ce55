//! Names for the messages of a server that has no unique ids (RFC 1939 leaves UIDL open): digests of their header sections.

use super::HEADER;
use crate::body::Body;
use crate::client::pop3::{Client, Entry};
use crate::error::Result;
use crate::message::digest::Sha256;
use crate::message::header::Header;

/// Fields that servers and mail programs change while a message lies there.
const CHANGING: [&str; 9] = [
    "Status",
    "X-Status",
    "X-UIDL",
    "X-UID",
    "X-IMAP",
    "X-IMAPbase",
    "X-Keywords",
    "X-Mozilla-Status",
    "X-Mozilla-Status2",
];

/// Gives each message a name, where the server gives none to any: [`digest`] of what TOP shows. Where the server has no TOP either,
/// or one of them has no header, all stay without. Whether they have names now.
///
/// # Errors
/// 75, 76.
pub fn identify(client: &mut Client, entries: &mut [Entry]) -> Result<bool> {
    if entries.iter().any(|e| e.uidl.is_some()) {
        return Ok(entries.iter().all(|e| e.uidl.is_some()));
    }
    let numbers: Vec<u32> = entries.iter().map(|e| e.number).collect();
    let mut names = Vec::with_capacity(numbers.len());
    // One that is asked for alone tells whether there is TOP at all.
    let (first, rest) = numbers.split_at(numbers.len().min(1));
    for some in [first, rest] {
        if !some.is_empty() && names.iter().all(Option::is_some) {
            client.top(some, 0, &mut |_, body| {
                let name = body.ok().map(name).transpose()?.flatten();
                names.push(name);
                Ok(())
            })?;
        }
    }
    let all: Option<Vec<Vec<u8>>> = names.into_iter().collect();
    let all = all.filter(|all| all.len() == entries.len());
    let known = all.is_some();
    for (entry, name) in entries.iter_mut().zip(all.unwrap_or_default()) {
        entry.uidl = Some(name);
    }
    Ok(known)
}

fn name(body: &mut dyn Body) -> Result<Option<Vec<u8>>> {
    Ok(body.whole(HEADER)?.and_then(|raw| digest(&Header::parse(raw))))
}

/// `header-` and the SHA-256, in hexadecimal (71 octets), of all fields in order, each as its name in small letters, a colon, its
/// unfolded value without blanks around it, and a line feed; but for those that change. `None`: there is no field.
#[must_use]
pub fn digest(header: &Header) -> Option<Vec<u8>> {
    let (mut digest, mut some) = (Sha256::default(), false);
    for field in header.fields().filter(|field| !CHANGING.iter().any(|name| field.is(name))) {
        some = true;
        digest.push(&field.name.to_ascii_lowercase());
        digest.push(b":");
        digest.push(field.unfolded().trim_ascii());
        digest.push(b"\n");
    }
    some.then(|| format!("header-{}", digest.hex()).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Vec<u8>> {
        digest(&Header::parse(text.as_bytes().to_vec()))
    }

    #[test]
    fn what_a_server_changes_is_no_other_message() {
        let name = of("Subject: a\n b\nMessage-ID: <1@x>\n").unwrap();
        assert_eq!(name.len(), 71);
        for same in [
            "Subject: a\r\n b\r\nMessage-ID: <1@x>\r\n\r\n",
            "SUBJECT:  a b \nStatus: RO\nMessage-ID: <1@x>\nX-UIDL: 7\nX-Mozilla-Status: 0001\n",
        ] {
            assert_eq!(of(same).unwrap(), name, "{same}");
        }
        for other in ["Subject: a\n b\nMessage-ID: <2@x>\n", "Message-ID: <1@x>\nSubject: a b\n", "Subject: a b\n"] {
            assert_ne!(of(other).unwrap(), name, "{other}");
        }
        assert_eq!(of("\n"), None);
        assert_eq!(of("Status: O\n\n"), None);
    }
}
