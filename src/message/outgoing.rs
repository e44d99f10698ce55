//! What happens to the header section of a message that is sent ([`prepare`]), and who is in it ([`recipients`],
//! [`sender`]). The body is never looked at: it streams untouched.
//!
//! Left out: rewriting addresses, wrapping long lines, changing transfer encodings.

use super::addr::{self, Address};
use super::header::{Entry, Header};
use crate::error::{Error, Result};
use crate::text::breaks_line;
use std::collections::HashSet;

/// Fields that never leave: blind recipients, and what the last server on the way writes (RFC 5321 4.4).
const REMOVED: [&str; 3] = ["Bcc", "Resent-Bcc", "Return-Path"];

/// Values for fields that a message must have, made once, so that they stay the same in every attempt.
#[derive(Clone, Copy, Debug)]
pub struct Supply<'a> {
    /// For `Date`, as [`super::date::Date`] is written.
    pub date: &'a str,
    /// For `Message-ID`, with its angle brackets.
    pub message_id: &'a str,
}

/// A header section that may be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// The bytes that replace those of the header section (its closing empty line included, if there was one).
    pub bytes: Vec<u8>,
    /// The names of the fields that were added.
    pub added: Vec<&'static str>,
    /// How many fields were removed.
    pub removed: usize,
    /// Whether a first `From ` line was dropped.
    pub dropped_from_line: bool,
    /// Whether there was no header section at all, only text: it has become the body.
    pub was_text: bool,
    /// How many lines of the section are no fields; they are kept where they are.
    pub junk: usize,
    /// How many CRs without LF ended a line in the section, or stood before a line end.
    pub lone_crs: usize,
}

/// Makes the header section of a message fit to be sent: drops a first `From ` line; removes `Bcc`, `Resent-Bcc` and
/// `Return-Path` in every spelling; adds `Date` and `Message-ID` if missing; keeps every other byte and their order.
///
/// Defined ends: a section without empty line stays without; a message that begins with the empty line gets its fields
/// before it; one whose first line is no field is all text, which gets a section with an empty line in front. Where lines that are no
/// fields stand between fields, fields are added before them. Added lines
/// end as the first line does. A CR without LF would become a line end on the wire (so `Subject: a<CR>Bcc: b` would send
/// a Bcc): here it becomes one before fields are looked for, and several CRs before an LF become none.
///
/// # Errors
/// 65 if the section was too long to be held; 64 if a supplied value breaks the line.
pub fn prepare(header: &Header, supply: &Supply<'_>) -> Result<Prepared> {
    if header.is_cut() {
        return Err(Error::data(format!("the header section is longer than {} bytes", super::header::MAX)));
    }
    if breaks_line(supply.date) || breaks_line(supply.message_id) {
        return Err(Error::usage("a date or message-id with line ends"));
    }
    let mut done = Prepared::default();
    let raw = without_lone_crs(header.raw(), &mut done.lone_crs);
    let section = Header::parse(raw);
    let end: &[u8] = match section.raw().iter().position(|b| *b == b'\n').and_then(|at| at.checked_sub(1)) {
        Some(before) if section.raw().get(before) == Some(&b'\r') => b"\r\n",
        _ => b"\n",
    };

    let mut parsed = 0;
    let mut junk_at = None;
    let mut kept_fields = false;
    let mut remove = true;
    for entry in section.entries() {
        let first = parsed == 0;
        parsed += entry.raw().len();
        let mut raw = entry.raw();
        if first && raw.starts_with(b"From ") {
            // What seems to continue the From_ line is none of it.
            let line = raw.iter().position(|b| *b == b'\n').map_or(raw.len(), |at| at + 1);
            raw = raw.get(line..).unwrap_or_default();
            done.dropped_from_line = true;
        }
        match entry {
            Entry::Field(field) if remove && REMOVED.iter().any(|name| field.is(name)) => {
                done.removed += 1;
                continue;
            }
            Entry::Field(_) => kept_fields = true,
            Entry::Junk(_) if raw.is_empty() => {}
            Entry::Junk(_) => {
                done.junk += 1;
                junk_at.get_or_insert(done.bytes.len());
                if !kept_fields && !done.was_text {
                    done.was_text = true;
                    remove = done.removed > 0;
                }
            }
        }
        done.bytes.extend_from_slice(raw);
    }

    let mut added = Vec::new();
    for (name, value) in [("Date", supply.date), ("Message-ID", supply.message_id)] {
        if done.was_text || section.get(name).is_none() {
            added.extend_from_slice(format!("{name}: {value}").as_bytes());
            added.extend_from_slice(end);
            done.added.push(name);
        }
    }
    if done.was_text {
        added.extend_from_slice(end);
    } else if !added.is_empty() && junk_at.is_none() && !done.bytes.is_empty() && !done.bytes.ends_with(b"\n") {
        done.bytes.extend_from_slice(end);
    }
    // Before lines that are no fields: others take those for the end of the section.
    let rest = done.bytes.split_off(junk_at.unwrap_or(done.bytes.len()));
    done.bytes.append(&mut added);
    done.bytes.extend_from_slice(&rest);
    done.bytes.extend_from_slice(section.raw().get(parsed..).unwrap_or_default());
    Ok(done)
}

/// Turns CRs without LF into line ends; CRs before a line end are dropped.
fn without_lone_crs(raw: &[u8], count: &mut usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|b| *b == b'\n') {
        let (text, end) = match line {
            [text @ .., b'\r', b'\n'] => (text, &b"\r\n"[..]),
            [text @ .., b'\n'] => (text, &b"\n"[..]),
            text => (text, &b""[..]),
        };
        let kept = text.iter().rposition(|b| *b != b'\r').map_or(0, |at| at + 1);
        *count += text.len() - kept;
        for &b in text.get(..kept).unwrap_or_default() {
            if b == b'\r' {
                *count += 1;
                out.extend_from_slice(if end.is_empty() { b"\n" } else { end });
            } else {
                out.push(b);
            }
        }
        out.extend_from_slice(end);
    }
    out
}

/// The recipients that `-t` asks for: To, Cc and Bcc, or only the Resent- ones if there are any (RFC 5322 3.6.6); those in
/// groups too; each once. An address without domain gets `domain`.
///
/// # Errors
/// 65 if one of these fields is no address list.
pub fn recipients(header: &Header, domain: &str) -> Result<Vec<Address>> {
    let resent = ["Resent-To", "Resent-Cc", "Resent-Bcc"];
    let any_resent = resent.iter().any(|name| header.get(name).is_some());
    let names = if any_resent { resent } else { ["To", "Cc", "Bcc"] };
    let mut all = Vec::new();
    for field in header.fields() {
        if let Some(name) = names.iter().find(|name| field.is(name)) {
            let items = addr::checked(field.value).map_err(|e| e.at(name))?;
            all.extend(addr::mailboxes(&items).cloned());
        }
    }
    for address in &mut all {
        or_domain(address, domain);
    }
    Ok(each_once(all))
}

/// The envelope sender that the message itself names: Sender, else From if that is one mailbox; if the message was resent,
/// the same of the Resent- fields. `None` if it names none that can be used.
#[must_use]
pub fn sender(header: &Header, domain: &str) -> Option<Address> {
    let one = |name: &str| {
        let items = addr::checked(header.get(name)?).ok()?;
        let mut mailboxes = addr::mailboxes(&items);
        let mut address = mailboxes.next()?.clone();
        or_domain(&mut address, domain);
        mailboxes.next().is_none().then_some(address)
    };
    let resent = header.fields().any(|field| field.is("Resent-Sender") || field.is("Resent-From"));
    if resent { one("Resent-Sender").or_else(|| one("Resent-From")) } else { one("Sender").or_else(|| one("From")) }
}

/// Gives an address without domain this one.
pub fn or_domain(address: &mut Address, domain: &str) {
    if address.domain.is_empty() {
        domain.as_bytes().clone_into(&mut address.domain);
    }
}

/// The same addresses in the same order without repetition: domains are compared without case, local parts as they are.
#[must_use]
pub fn each_once(mut all: Vec<Address>) -> Vec<Address> {
    let mut seen = HashSet::new();
    all.retain(|address| seen.insert((address.local.clone(), address.domain.to_ascii_lowercase())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SUPPLY: Supply<'static> = Supply { date: "D", message_id: "<m>" };

    fn prepared(raw: &str) -> Prepared {
        prepare(&Header::parse(raw.into()), &SUPPLY).unwrap()
    }

    fn out(raw: &str) -> String {
        String::from_utf8(prepared(raw).bytes).unwrap()
    }

    #[test]
    fn what_leaves_and_what_stays() {
        let full = "Date: x\nMESSAGE-id: y\n";
        for (raw, expect) in [
            ("Bcc: a\nTo: b\n\n", "To: b\n\n"),
            ("To: b\nBCC: a,\n b\n\tc\nbcc:d\n\n", "To: b\n\n"),
            ("To: b\nBcc : a\nbCc\t: e\n\n", "To: b\n\n"),
            ("To: b\nResent-Bcc: a\nReturn-Path: <x>\n\n", "To: b\n\n"),
            ("To: b\nBcc: a", "To: b\n"),
            ("To: b\nBcc:\n \n a\n\n", "To: b\n\n"),
            ("X-Bcc: a\nBccx: b\n\n", "X-Bcc: a\nBccx: b\n\n"),
            ("To: b\njunk line\nBcc: a\n\n", "To: b\njunk line\n\n"),
            ("To: b\rBcc: a\n\n", "To: b\n\n"),
            ("Subject:\ta  \n b \n\n", "Subject:\ta  \n b \n\n"),
        ] {
            assert_eq!(out(&format!("{full}{raw}")), format!("{full}{expect}"), "{raw:?}");
        }
        assert_eq!(out("From bob Mon\r\nDate: x\r\nMessage-ID: y\r\n\r\n"), "Date: x\r\nMessage-ID: y\r\n\r\n");
    }

    #[test]
    fn what_is_added_where() {
        for (raw, expect) in [
            ("To: b\n\n", "To: b\nDate: D\nMessage-ID: <m>\n\n"),
            ("To: b\r\n\r\n", "To: b\r\nDate: D\r\nMessage-ID: <m>\r\n\r\n"),
            ("To: b", "To: b\nDate: D\nMessage-ID: <m>\n"),
            ("date : x\r\n\r\n", "date : x\r\nMessage-ID: <m>\r\n\r\n"),
            ("\n", "Date: D\nMessage-ID: <m>\n\n"),
            ("\r\n", "Date: D\r\nMessage-ID: <m>\r\n\r\n"),
            ("", "Date: D\nMessage-ID: <m>\n"),
            ("From a\n\n", "Date: D\nMessage-ID: <m>\n\n"),
            ("From a", "Date: D\nMessage-ID: <m>\n"),
            ("hello\nBcc: is text\n\n", "Date: D\nMessage-ID: <m>\n\nhello\nBcc: is text\n\n"),
            ("hello", "Date: D\nMessage-ID: <m>\n\nhello"),
            (" To: b\nDate: x\n\n", "Date: D\nMessage-ID: <m>\n\n To: b\nDate: x\n\n"),
            ("From a\n b\n\n", "Date: D\nMessage-ID: <m>\n\n b\n\n"),
            ("From a\nFrom b\n\n", "Date: D\nMessage-ID: <m>\n\nFrom b\n\n"),
            ("To: b\njunk", "To: b\nDate: D\nMessage-ID: <m>\njunk"),
            ("Bcc: b\njunk\nDate: x\nBcc: c\n\n", "Date: D\nMessage-ID: <m>\n\njunk\nDate: x\n\n"),
            ("To: a\r\r\nCc: b\r\r\n\r\n", "To: a\r\nCc: b\r\nDate: D\r\nMessage-ID: <m>\r\n\r\n"),
        ] {
            assert_eq!(out(raw), expect, "{raw:?}");
        }
        assert_eq!(prepared("To: b\n\n").added, ["Date", "Message-ID"]);
        let p = prepared("From x\nhello\n\n");
        assert!(p.was_text && p.dropped_from_line && p.junk == 1);
        let big = Header::parse(b"A: b\n".repeat(300_000));
        assert_eq!(prepare(&big, &SUPPLY).unwrap_err().exit(), crate::error::Exit::Data);
    }

    #[test]
    fn who_is_in_it() {
        let to = |raw: &str| {
            let all = recipients(&Header::parse(raw.into()), "here").unwrap();
            all.iter().map(|a| String::from_utf8(a.spec()).unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            to("To: a@b, (c) G: c@d, e;\nCC : \"x y\"@z\nbcc:\n f@g,\n a@B\n\n"),
            "a@b c@d e@here \"x y\"@z f@g"
        );
        assert_eq!(to("To: a@b\nResent-To: c@d\nBcc: e@f\nResent-Bcc: g@h\n\n"), "c@d g@h");
        assert_eq!(to("To: undisclosed-recipients:;\n\n"), "");
        assert_eq!(to("Subject: x\n\nTo: a@b\n"), "");
        let wrong = recipients(&Header::parse(b"Cc: a b@c\n\n".to_vec()), "here").unwrap_err();
        assert_eq!(wrong.exit(), crate::error::Exit::Data);
        assert!(wrong.to_string().starts_with("Cc: "), "{wrong}");

        let from = |raw: &str| sender(&Header::parse(raw.into()), "here").map(|a| String::from_utf8(a.spec()).unwrap());
        assert_eq!(from("From: A <a@b>\n\n").unwrap(), "a@b");
        assert_eq!(from("From: root (Cron Daemon)\n\n").unwrap(), "root@here");
        assert_eq!(from("From: a@b, c@d\nSender: c@d\n\n").unwrap(), "c@d");
        assert_eq!(from("From: a@b\nResent-From: r@s\n\n").unwrap(), "r@s");
        for none in ["From: a@b, c@d\n\n", "From: a b c\n\n", "Subject: x\n\n", "From: <>\n\n"] {
            assert_eq!(from(none), None, "{none}");
        }
    }

    /// A field that must go, in any spelling.
    fn removed() -> impl Strategy<Value = String> {
        let name = prop_oneof![Just("bcc"), Just("resent-bcc"), Just("return-path")];
        let folds = proptest::collection::vec("[ \t][ -~]{0,12}", 0..3);
        (name, proptest::collection::vec(any::<bool>(), 11), "[ \t]{0,3}", "[ -~]{0,12}", folds).prop_map(
            |(name, upper, blanks, value, folds)| {
                let spelled = name.chars().zip(upper).map(|(c, up)| if up { c.to_ascii_uppercase() } else { c });
                let folds: String = folds.iter().map(|fold| format!("\n{fold}")).collect();
                format!("{}{blanks}:{value}{folds}\n", spelled.collect::<String>())
            },
        )
    }

    fn kept() -> impl Strategy<Value = String> {
        let names =
            prop_oneof![Just("To"), Just("X-Bcc"), Just("Bcc2"), Just("Subject"), Just("DATE "), Just("message-ID")];
        (names, "[ -~\t]{0,20}", proptest::collection::vec("[ \t][!-~]{1,12}", 0..3)).prop_map(
            |(name, value, folds)| {
                let folds: String = folds.iter().map(|fold| format!("\n{fold}")).collect();
                format!("{name}:{value}{folds}\n")
            },
        )
    }

    proptest! {
        #[test]
        fn four_changes_and_no_other_byte(
            fields in proptest::collection::vec(prop_oneof![kept().prop_map(|f| (f, true)), removed().prop_map(|f| (f, false))], 1..10),
            from_line: bool, crlf: bool,
        ) {
            prop_assume!(fields.iter().any(|(_, kept)| *kept));
            let end = |text: &str| if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
            let mut raw = if from_line { end("From bob Mon Jan  1 00:00:00 2026\n") } else { String::new() };
            let mut expect = String::new();
            for (field, kept) in &fields {
                raw.push_str(&end(field));
                if *kept {
                    expect.push_str(&end(field));
                }
            }
            for (name, line) in [("date", "Date: D\n"), ("message-id", "Message-ID: <m>\n")] {
                let there = fields.iter().any(|(field, kept)| *kept && field.to_ascii_lowercase().starts_with(name));
                if !there {
                    expect.push_str(&end(line));
                }
            }
            let (raw, expect) = (raw + &end("\n"), expect + &end("\n"));
            prop_assert_eq!(out(&raw), expect);
        }

        #[test]
        fn no_bcc_survives_and_nothing_else_is_lost(pieces in proptest::collection::vec(prop_oneof![
            Just("Bcc: secret\n"), Just("bcc :\n secret\n"), Just("To: b\n"), Just("To: b\r\n"), Just("junk\n"), Just(" more\n"), Just("\r"),
            Just("X: y\r"), Just("From z\n"), Just("Return-Path: secret\r\n"), Just("Date: d\n"),
        ], 0..12), ended: bool) {
            let mut raw = pieces.concat();
            if ended { raw.push_str("\n\n"); }
            let collected = Header::parse(raw.clone().into_bytes());
            let done = prepare(&collected, &SUPPLY).unwrap();
            // As the receiver will see it: lone CRs are line ends there.
            let mut wire = Vec::new();
            let mut to = crate::text::ToWire::plain(crate::text::LoneCr::Break);
            to.push(&done.bytes, &mut wire);
            to.finish(&mut wire);
            let seen = Header::parse(wire);
            for name in REMOVED {
                prop_assert!(seen.get(name).is_none(), "{:?}", String::from_utf8_lossy(&done.bytes));
            }
            prop_assert_eq!(seen.all("Date").count().min(1), 1);
            prop_assert!(seen.get("Message-ID").is_some());
            let fields = |h: &Header| h.all("To").count();
            if !done.was_text && done.lone_crs == 0 {
                prop_assert_eq!(fields(&seen), fields(&collected));
            }
            // Preparing it again changes nothing.
            let again = prepare(&Header::parse(done.bytes.clone()), &SUPPLY).unwrap();
            prop_assert!(again.added.is_empty() && again.removed == 0);
        }
    }
}
