//! One header field as it is written: encoded where it goes beyond ASCII (RFC 2047), folded at 78 columns (RFC 5322 2.1.1).
//!
//! Left out: parameters (RFC 2231); a value with parameters is written as it is given, and has to be ASCII.

use super::addr::{self, Address, AddressItem};
use super::compose::has_addresses;
use crate::error::{Error, Result};
use crate::text::breaks_line;
use encodify::{Fold, rfc2047};

/// Columns after which a line is folded, where there is a blank.
const WIDTH: usize = 78;

/// Whether it can be the name of a field (RFC 5322 2.2).
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 76 && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

/// Fields whose values are tokens: where they are not ASCII, nothing can be done for them.
const STRUCTURED: [&str; 9] = [
    "Content-Type",
    "Content-Disposition",
    "Content-Transfer-Encoding",
    "Content-ID",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
];

/// The field of this name with this text, which is a decoded value; with its line end `end`.
///
/// # Errors
/// 64: the name can't be one; the text has a line end or NUL in it, or is not ASCII where that has no form.
pub fn write(name: &str, text: &str, end: &str) -> Result<Vec<u8>> {
    if !is_name(name) {
        return Err(Error::usage(format!("{name}: not the name of a header field")));
    }
    if breaks_line(text) {
        return Err(Error::usage(format!("{name}: a line end or NUL is not allowed here: {text}")));
    }
    let text = text.trim_matches([' ', '\t']);
    let has = |names: &[&str]| names.iter().any(|field| field.eq_ignore_ascii_case(name));
    let words = if text.is_ascii() {
        text.split(' ').map(str::to_owned).collect()
    } else if has(&["From", "To", "Cc", "Bcc"]) || has_addresses(name) {
        let items = addr::checked(text.as_bytes()).map_err(|e| Error::usage(e.to_string()).at(name))?;
        addresses(&items)
    } else if has(&STRUCTURED) {
        return Err(Error::usage(format!("{name}: only ASCII is allowed here: {text}")));
    } else {
        return Ok(encoded(name, text, end));
    };
    Ok(folded(name, &words, end))
}

/// Unstructured text, as encoded words.
fn encoded(name: &str, text: &str, end: &str) -> Vec<u8> {
    let mut out = format!("{name}: ");
    let mut column = out.len();
    let separator = format!("{end} ");
    let fold = Fold { separator: separator.as_bytes(), indent: 1, width: 76, granularity: 1 };
    let ascii = text.chars().filter(char::is_ascii).count();
    let way = if ascii * 2 >= text.chars().count() { rfc2047::Q_TEXT } else { rfc2047::B };
    way.encode_words("utf-8", text, &mut column, fold, &mut out);
    out.push_str(end);
    out.into_bytes()
}

fn folded(name: &str, words: &[String], end: &str) -> Vec<u8> {
    let mut out = format!("{name}:");
    let mut column = out.len();
    let start = column;
    for word in words {
        // A line of blanks alone is obsolete syntax: an empty word joins its neighbours.
        if column + 1 + word.len() > WIDTH && column > start && !word.is_empty() {
            out.push_str(end);
            column = 0;
        }
        out.push(' ');
        out.push_str(word);
        column += 1 + word.len();
    }
    out.push_str(end);
    out.into_bytes()
}

/// Addresses with their names encoded, in words between which a line may end.
fn addresses(items: &[AddressItem]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let append = |words: &mut Vec<String>, text: &str| match words.last_mut() {
        Some(last) => last.push_str(text),
        None => words.push(text.to_owned()),
    };
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            append(&mut words, ",");
        }
        match item {
            AddressItem::Mailbox(one) => words.extend(mailbox(one)),
            AddressItem::Group { name, members } => {
                words.push(format!("{}:", addr::phrase(&String::from_utf8_lossy(name))));
                for (n, member) in members.iter().enumerate() {
                    if n > 0 {
                        append(&mut words, ",");
                    }
                    words.extend(mailbox(member));
                }
                append(&mut words, ";");
            }
        }
    }
    words
}

fn mailbox(address: &Address) -> Vec<String> {
    let spec = String::from_utf8_lossy(&address.spec()).into_owned();
    match address.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => {
            let name = addr::phrase(&String::from_utf8_lossy(name));
            let mut words: Vec<String> =
                if name.starts_with("=?") { name.split(' ').map(str::to_owned).collect() } else { vec![name] };
            words.push(format!("<{spec}>"));
            words
        }
        None => vec![spec],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::decode::{people, words};
    use crate::message::header::Header;
    use proptest::prelude::*;

    fn text(name: &str, value: &str) -> String {
        String::from_utf8(write(name, value, "\n").unwrap()).unwrap()
    }

    #[test]
    fn fields() {
        assert_eq!(text("Subject", "plain text"), "Subject: plain text\n");
        assert_eq!(text("Subject", "Grüße"), "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n");
        assert_eq!(text("To", "Bob Ä <b@c>, x@y"), "To: =?UTF-8?B?Qm9iIMOE?= <b@c>, x@y\n");
        assert_eq!(text("X", ""), "X: \n");
        assert!(text("X", &"word ".repeat(100)).lines().all(|line| line.len() <= 78));
        assert!(text("Subject", &"grün ".repeat(100)).lines().all(|line| line.len() <= 78));
        for (name, value) in [("A b", "x"), ("A:", "x"), ("", "x"), ("A", "x\ny"), ("A", "x\0"), ("Date", "é")] {
            assert_eq!(write(name, value, "\n").unwrap_err().exit().code(), 64, "{name} {value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in "[ -~é€😀]{0,200}") {
            // What looks like an encoded word is one.
            prop_assume!(!value.contains("=?") && !value.contains("  "));
            let raw = write("Subject", &value, "\r\n").unwrap();
            let header = Header::parse(raw.clone());
            prop_assert_eq!(header.fields().count(), 1);
            prop_assert_eq!(words(header.get("Subject").unwrap()), value.trim());
            prop_assert!(raw.is_ascii());
        }

        #[test]
        fn names_of_people_survive(name in "[a-zé€, ]{1,80}") {
            prop_assume!(!name.is_ascii() && name.trim() == name);
            let value = format!("\"{name}\" <a@b>");
            let raw = write("To", &value, "\n").unwrap();
            prop_assert_eq!(people(Header::parse(raw).get("To").unwrap()), format!("{name} <a@b>"));
        }
    }
}
