//! ENVELOPE and BODYSTRUCTURE of a message, from its header and its parts.

use crate::message::addr::{self, AddressItem};
use crate::message::header::Header;
use crate::message::mime::Part;
use crate::proto::imap::structure::{Address, Envelope, Extra, Inner, Multi, Nstring, Single, Structure};

/// A header as ENVELOPE shows it (RFC 3501 7.4.2).
pub(super) fn envelope(header: &Header) -> Envelope {
    let text = |name: &str| -> Nstring { header.unfolded(name).map(|v| v.trim_ascii().to_vec()) };
    let list = |name: &str| -> Vec<Address> { header.all(name).flat_map(addr::list).flat_map(shown).collect() };
    let from = list("From");
    let or_from = |list: Vec<Address>| if list.is_empty() { from.clone() } else { list };
    Envelope {
        date: text("Date"),
        subject: text("Subject"),
        sender: or_from(list("Sender")),
        reply_to: or_from(list("Reply-To")),
        from,
        to: list("To"),
        cc: list("Cc"),
        bcc: list("Bcc"),
        in_reply_to: text("In-Reply-To"),
        message_id: text("Message-ID"),
    }
}

fn shown(item: AddressItem) -> Vec<Address> {
    // A host is NIL only where a group begins and ends.
    let mailbox =
        |a: addr::Address| Address { name: a.name, route: a.route, mailbox: Some(a.local), host: Some(a.domain) };
    match item {
        AddressItem::Mailbox(a) => vec![mailbox(a)],
        AddressItem::Group { name, members } => {
            let begin = Address { mailbox: Some(name), ..Address::default() };
            let members = members.into_iter().map(mailbox);
            std::iter::once(begin).chain(members).chain(std::iter::once(Address::default())).collect()
        }
    }
}

/// A message or part as BODYSTRUCTURE shows it.
pub(super) fn structure(part: &Part) -> Structure {
    if part.is_multipart() {
        return Structure::Multi(Box::new(Multi {
            parts: part.parts.iter().map(structure).collect(),
            subtype: part.content_type.subtype.clone().into_bytes(),
            parameters: part.content_type.raw_parameters.clone(),
            extra: extra(part),
        }));
    }
    let mut single = Single {
        kind: part.content_type.kind.clone().into_bytes(),
        subtype: part.content_type.subtype.clone().into_bytes(),
        parameters: part.content_type.raw_parameters.clone(),
        id: part.id(),
        description: part.description(),
        encoding: part.encoding.name().as_bytes().to_vec(),
        size: part.size(),
        inner: Inner::Basic,
        md5: part.md5(),
        extra: extra(part),
    };
    let whole_message = part.content_type.is("message", "rfc822") || part.content_type.is("message", "global");
    match part.message() {
        Some(message) if whole_message => {
            single.inner = Inner::Message {
                envelope: Box::new(envelope(&message.header)),
                structure: structure(message),
                lines: part.lines,
            };
        }
        // A multipart without parts and a message without a message are what they look like: text, or bytes.
        _ if part.content_type.kind == "multipart" => plain(&mut single, part.lines),
        _ if whole_message => (single.kind, single.subtype) = (b"application".to_vec(), b"octet-stream".to_vec()),
        _ if part.content_type.kind == "text" => single.inner = Inner::Text { lines: part.lines },
        _ => {}
    }
    Structure::Single(Box::new(single))
}

fn plain(single: &mut Single, lines: u64) {
    (single.kind, single.subtype) = (b"text".to_vec(), b"plain".to_vec());
    single.inner = Inner::Text { lines };
}

fn extra(part: &Part) -> Extra {
    Extra {
        disposition: part.disposition().map(|d| (d.value, d.raw_parameters)),
        language: part.languages(),
        location: part.location(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::mime::walk;

    fn shown(text: &str) -> String {
        let part = walk(&mut text.replace('\n', "\r\n").as_bytes()).unwrap();
        let mut out = Vec::new();
        structure(&part).encode(&mut out, false);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn structures() {
        for (text, expect) in [
            ("\nhi\n", "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 4 1)"),
            (
                "Content-Type: TEXT/html; Charset=\"utf-8\"\nContent-Transfer-Encoding: Quoted-Printable\nContent-ID: <a>\n\nx",
                "(\"text\" \"html\" (\"Charset\" \"utf-8\") \"<a>\" NIL \"quoted-printable\" 1 0)",
            ),
            ("Content-Type: multipart/mixed\n\nno boundary\n", "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 13 1)"),
            (
                "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: image/png\n\ntwo\n--b--\n",
                "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 0)(\"image\" \"png\" NIL NIL NIL \"7bit\" 3) \"mixed\")",
            ),
            (
                "Content-Type: message/rfc822\n\nSubject: in\nFrom: A <a@b>\n\nx\n",
                "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 33 (NIL \"in\" ((\"A\" NIL \"a\" \"b\")) ((\"A\" NIL \"a\" \"b\")) ((\"A\" NIL \"a\" \"b\")) NIL NIL NIL NIL NIL) (\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 1) 4)",
            ),
        ] {
            assert_eq!(shown(text), expect, "{text}");
        }
    }

    #[test]
    fn envelopes() {
        let header = Header::parse(b"From: Bob <bob@example.org>\r\nTo: A group: x@y, \"z z\"@w;, plain@p\r\nSubject: =?utf-8?q?=C3=A9?=\r\n  more\r\nReply-To: r@s\r\nDate: x\r\n\r\n".to_vec());
        let e = envelope(&header);
        assert_eq!(e.subject.as_deref(), Some(&b"=?utf-8?q?=C3=A9?=  more"[..]));
        assert_eq!((e.sender.clone(), e.reply_to.len()), (e.from.clone(), 1));
        let hosts: Vec<bool> = e.to.iter().map(|a| a.host.is_some()).collect();
        assert_eq!(hosts, [false, true, true, false, true]);
        assert_eq!(e.to.first().and_then(|a| a.mailbox.clone()).as_deref(), Some(&b"A group"[..]));
        assert!(e.cc.is_empty() && e.in_reply_to.is_none());
    }
}
