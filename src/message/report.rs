//! Reading a delivery status notification (RFC 3464, internationalised: RFC 6533): [`read`] takes the content of its
//! `message/delivery-status` part.

use super::decode::words;
use super::header::Header;
use crate::text::chomp;

/// The fields of one group, in order: name in lower case and value on one line, decoded.
pub type Group = Vec<(String, String)>;

/// What the notification says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Of the message.
    pub message: Group,
    /// Of each recipient.
    pub recipients: Vec<Group>,
}

/// The value of a field.
#[must_use]
pub fn get<'g>(group: &'g Group, name: &str) -> Option<&'g str> {
    group.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// Reads groups of fields with empty lines between them. The first is the message's, if it names no recipient.
#[must_use]
pub fn read(content: &[u8]) -> Status {
    let mut groups: Vec<Vec<u8>> = vec![Vec::new()];
    for line in content.split_inclusive(|b| *b == b'\n') {
        if chomp(line).iter().all(u8::is_ascii_whitespace) {
            if groups.last().is_some_and(|group| !group.is_empty()) {
                groups.push(Vec::new());
            }
        } else if let Some(group) = groups.last_mut() {
            group.extend_from_slice(line);
        }
    }
    let mut status = Status::default();
    for (n, raw) in groups.into_iter().filter(|group| !group.is_empty()).enumerate() {
        let header = Header::parse(raw);
        let name = |name: &[u8]| String::from_utf8_lossy(name).to_ascii_lowercase();
        let group: Group =
            header.fields().map(|field| (name(field.name), words(field.value).trim().to_owned())).collect();
        let is_recipient = get(&group, "final-recipient").or_else(|| get(&group, "action")).is_some();
        match is_recipient {
            true => status.recipients.push(group),
            false if n == 0 => status.message = group,
            // Behind an empty line too many: it still speaks of the recipient before it.
            false => match status.recipients.last_mut() {
                Some(last) => last.extend(group),
                None => status.message.extend(group),
            },
        }
    }
    status
}

/// What stands behind the type of `rfc822; bob@example.org`, without comments at its end; `\x{HEX}` undone for `utf-8`.
#[must_use]
pub fn typed(value: &str) -> String {
    let (kind, rest) = value.split_once(';').map_or(("", value), |(kind, rest)| (kind.trim(), rest.trim()));
    let rest = rest.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(rest);
    if !kind.eq_ignore_ascii_case("utf-8") || !rest.contains("\\x{") {
        return rest.to_owned();
    }
    let mut out = String::new();
    let mut rest = rest;
    while let Some((before, after)) = rest.split_once("\\x{") {
        out.push_str(before);
        let code = after.split_once('}').filter(|(hex, _)| hex.len() <= 6);
        match code.and_then(|(hex, tail)| Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, tail))) {
            Some((c, tail)) => {
                out.push(c);
                rest = tail;
            }
            None => {
                out.push_str("\\x{");
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3464 appendix E.2.
    #[test]
    fn an_example_of_the_rfc() {
        let status = read(
            b"Reporting-MTA: dns; cs.utk.edu\r\n\r\nOriginal-Recipient: rfc822;arathib@vnet.ibm.com\r\n\
            Final-Recipient: rfc822;arathib@vnet.ibm.com\r\nAction: failed\r\nStatus: 5.0.0 (permanent failure)\r\n\
            Diagnostic-Code: smtp;\r\n 550 'arathib@vnet.IBM.COM' is not a\r\n registered gateway user\r\nRemote-MTA: dns; vnet.ibm.com\r\n\r\n\
            Final-Recipient: rfc822;johnh@hpnjld.njd.hp.com\r\nAction: delayed\r\n\r\n\r\nStatus: 4.0.0\r\n",
        );
        assert_eq!(get(&status.message, "reporting-mta").map(typed).unwrap(), "cs.utk.edu");
        assert_eq!(status.recipients.len(), 2);
        let first = &status.recipients[0];
        assert_eq!(typed(get(first, "final-recipient").unwrap()), "arathib@vnet.ibm.com");
        assert_eq!(
            typed(get(first, "diagnostic-code").unwrap()),
            "550 'arathib@vnet.IBM.COM' is not a registered gateway user"
        );
        assert_eq!(get(&status.recipients[1], "status"), Some("4.0.0"));
        assert_eq!(read(b""), Status::default());
    }

    #[test]
    fn addresses_beyond_ascii() {
        assert_eq!(typed("utf-8; \\x{433}@x"), "г@x");
        assert_eq!(typed("utf-8; \\x{zz}\\x{110000}@x\\x{"), "\\x{zz}\\x{110000}@x\\x{");
        assert_eq!(typed("rfc822;<a\\x{41}@b>"), "a\\x{41}@b");
        assert_eq!(typed("a@b"), "a@b");
    }
}
