//! Composing a delivery status notification (RFC 3461, 3464): multipart/report with a text for people, the status of each
//! recipient for programs, and the message that it is about, or its header section (RFC 3462). Output is in file form.
//!
//! Addresses beyond ASCII are written as RFC 6533 has it, in the form that is ASCII all the same (`utf-8-addr-xtext`); only the
//! sender's own, in To, is not, and its notification needs SMTPUTF8. Left out: reading them.

use super::header::Collect;
use crate::body::Body;
use crate::error::Result;

/// What the notification is about: the field `Action` (RFC 3464 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It was refused for good, or given up.
    Failed,
    /// It takes longer.
    Delayed,
    /// It was handed to a server that sends no notifications of its own.
    Relayed,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            What::Failed => "failed",
            What::Delayed => "delayed",
            What::Relayed => "relayed",
        }
    }
}

/// One recipient.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Its address.
    pub address: String,
    /// `Original-Recipient`, type and address.
    pub original: Option<String>,
    /// What has become of it.
    pub what: What,
    /// The enhanced status code (RFC 3463), if there was one.
    pub enhanced: Option<String>,
    /// The reply's code, if there was a reply.
    pub code: Option<u16>,
    /// The reply's text, or ours.
    pub text: String,
}

impl Recipient {
    /// `Status`: the server's, else what is known.
    fn status(&self) -> String {
        match (&self.enhanced, self.code, self.what) {
            (Some(enhanced), ..) => enhanced.clone(),
            (None, Some(code), _) => format!("{}.0.0", code / 100),
            (None, None, What::Failed) => "5.0.0".to_owned(),
            (None, None, What::Delayed) => "4.0.0".to_owned(),
            (None, None, What::Relayed) => "2.0.0".to_owned(),
        }
    }
}

/// A notification without the message that it is about.
#[derive(Clone, Debug)]
pub struct Report<'r> {
    /// The host that reports, without brackets.
    pub host: &'r str,
    /// To whom: the message's envelope sender.
    pub to: &'r str,
    /// Now, as [`super::date::Date`] is written.
    pub date: &'r str,
    /// For `Message-ID`, with its angle brackets.
    pub message_id: &'r str,
    /// Makes the boundary: letters and digits, at most 50.
    pub seed: &'r str,
    /// The message's name in the queue.
    pub queue_id: &'r str,
    /// ENVID=
    pub envid: Option<&'r str>,
    /// When the message came, as a date.
    pub arrived: &'r str,
    /// When it will be given up, as a date, if it is only late.
    pub retry_until: Option<&'r str>,
    /// The recipients that it is about.
    pub recipients: &'r [Recipient],
    /// Whether the whole message follows, or its header section only.
    pub full: bool,
    /// Whether that message has bytes over 127.
    pub eight_bit: bool,
}

/// The longest line of a field here.
const LINE: usize = 900;

/// Printable ASCII on one line.
fn plain(text: &str) -> String {
    let clean = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().map(clean).take(LINE).collect()
}

/// An address in ASCII, RFC 6533 3: what is beyond it as `\x{HEX}`.
fn xtext(address: &str) -> String {
    let mut out = String::new();
    for c in address.chars() {
        match c {
            '\\' if !address.is_ascii() => out.push_str("\\x{5C}"),
            c if c.is_ascii() => out.push(c),
            c => out.push_str(&format!("\\x{{{:X}}}", u32::from(c))),
        }
    }
    plain(&out)
}

/// An address with its type, of a field `Original-Recipient`.
fn original(field: &str) -> String {
    match field.split_once("; ") {
        Some((kind, address)) => format!("{}; {}", plain(kind), xtext(address)),
        None => plain(field),
    }
}

/// A sender's address: its domain may be of any script, and what could end the line is not in it.
fn beyond(address: &str) -> String {
    address.chars().filter(|c| !crate::text::is_unsafe(*c) && *c != ' ').take(LINE).collect()
}

impl Report<'_> {
    /// Writes it, with the message `about` in its third part.
    ///
    /// # Errors
    /// Those of `about` and of `out`.
    pub fn write(&self, about: &mut dyn Body, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let boundary = format!("=_{}", self.seed);
        let any = |what| self.recipients.iter().any(|to| to.what == what);
        let (subject, said) = if any(What::Failed) {
            ("Undelivered mail", "could not be delivered. It will not be tried again")
        } else if any(What::Delayed) {
            ("Delayed mail", "has not been delivered yet. It is still being tried; you need not send it again")
        } else {
            ("Delivered mail", "was handed to the next server, which sends no notifications of its own")
        };
        let encoding = if self.eight_bit && self.full { "Content-Transfer-Encoding: 8bit\n" } else { "" };
        let (host, to) = (plain(self.host), beyond(self.to));
        out(format!(
            "Date: {}\nFrom: Mail Delivery System <MAILER-DAEMON@{host}>\nTo: <{to}>\nSubject: {subject}\nMessage-ID: {}\n\
             Auto-Submitted: auto-replied\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"{boundary}\"\n{encoding}\n\
             --{boundary}\nContent-Type: text/plain; charset=us-ascii\n\n\
             This is the mail system at {host}.\n\nYour message of {} {said}.\n",
            self.date, self.message_id, self.arrived
        )
        .as_bytes())?;
        for to in self.recipients {
            let code = to.code.map(|code| format!("{code} ")).unwrap_or_default();
            out(format!("\n<{}>: {}\n    {code}{}\n", xtext(&to.address), to.what.word(), plain(&to.text)).as_bytes())?;
        }
        out(
            format!("\n--{boundary}\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; {host}\n").as_bytes()
        )?;
        if let Some(envid) = self.envid {
            out(format!("Original-Envelope-Id: {}\n", plain(envid)).as_bytes())?;
        }
        out(format!("X-Queue-ID: {}\nArrival-Date: {}\n", plain(self.queue_id), self.arrived).as_bytes())?;
        for to in self.recipients {
            let mut fields = String::from("\n");
            if let Some(original) = &to.original {
                fields.push_str(&format!("Original-Recipient: {}\n", self::original(original)));
            }
            let kind = if to.address.is_ascii() { "rfc822" } else { "utf-8" };
            fields.push_str(&format!("Final-Recipient: {kind}; {}\n", xtext(&to.address)));
            fields.push_str(&format!("Action: {}\nStatus: {}\n", to.what.word(), plain(&to.status())));
            if let Some(code) = to.code.filter(|_| to.what != What::Relayed) {
                fields.push_str(&format!("Diagnostic-Code: smtp; {code} {}\n", plain(&to.text)));
            }
            if let Some(until) = self.retry_until.filter(|_| to.what == What::Delayed) {
                fields.push_str(&format!("Will-Retry-Until: {until}\n"));
            }
            out(fields.as_bytes())?;
        }
        let kind = if self.full { "message/rfc822" } else { "text/rfc822-headers" };
        let encoding = if self.full { encoding } else { "" };
        out(format!("\n--{boundary}\nContent-Type: {kind}\n{encoding}\n").as_bytes())?;
        if self.full {
            whole(about, out)?
        } else {
            header(about, out)?
        }
        out(format!("\n--{boundary}--\n").as_bytes())
    }
}

fn whole(about: &mut dyn Body, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    loop {
        let piece = about.chunk()?;
        if piece.is_empty() {
            return Ok(());
        }
        out(piece)?;
    }
}

/// The header section, in ASCII: what else it holds would need an encoding that it has not.
fn header(about: &mut dyn Body, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut collect = Collect::default();
    loop {
        let piece = about.chunk()?;
        if piece.is_empty() || collect.push(piece).is_some() {
            break;
        }
    }
    let header = collect.finish();
    let mut raw: Vec<u8> = header.raw().iter().map(|b| if b.is_ascii() { *b } else { b'?' }).collect();
    while raw.ends_with(b"\n\n") || raw.ends_with(b"\n\r\n") {
        raw.truncate(raw.len().saturating_sub(if raw.ends_with(b"\r\n") { 2 } else { 1 }));
    }
    out(&raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::header::Header;

    fn report(recipients: &[Recipient], full: bool, eight_bit: bool, about: &[u8]) -> String {
        let report = Report {
            host: "mx.example.org",
            to: "a@example.org",
            date: "D",
            message_id: "<m@x>",
            seed: "S",
            queue_id: "Q",
            envid: Some("E1"),
            arrived: "A",
            retry_until: Some("U"),
            recipients,
            full,
            eight_bit,
        };
        let mut out = Vec::new();
        report
            .write(&mut &about[..], &mut |piece| {
                out.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    fn to(what: What, text: &str) -> Recipient {
        Recipient {
            address: "bob@example.net".into(),
            original: Some("rfc822; b@x".into()),
            what,
            enhanced: None,
            code: Some(550),
            text: text.into(),
        }
    }

    #[test]
    fn it_is_a_multipart_report() {
        let text =
            report(&[to(What::Failed, "no\r\nX: such\u{202e} user")], false, false, b"Subject: \xfc\nTo: b\n\nbody\n");
        let parsed = mail_parser::MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.parts.len(), 4);
        assert_eq!(parsed.from().unwrap().first().unwrap().address(), Some("MAILER-DAEMON@mx.example.org"));
        for has in [
            "report-type=delivery-status",
            "\n\nReporting-MTA: dns; mx.example.org\nOriginal-Envelope-Id: E1\n",
            "\n\nOriginal-Recipient: rfc822; b@x\nFinal-Recipient: rfc822; bob@example.net\nAction: failed\nStatus: 5.0.0\n",
            "Diagnostic-Code: smtp; 550 no??X: such? user\n\n--=_S\nContent-Type: text/rfc822-headers\n\nSubject: ?\nTo: b\n\n--=_S--\n",
        ] {
            assert!(text.contains(has), "{has}: {text}");
        }
        assert!(text.is_ascii() && !text.contains("body") && !text.contains("Will-Retry"));
        let header = Header::parse(text.into_bytes());
        assert_eq!(header.get("Auto-Submitted").map(<[u8]>::to_vec), Some(b"auto-replied".to_vec()));
    }

    #[test]
    fn addresses_beyond_ascii_are_told_in_ascii() {
        let mut one = to(What::Failed, "no");
        one.address = "j\u{fc}\\r@b\u{fc}cher.example".into();
        one.original = Some("utf-8; j\u{fc}@x".into());
        let text = report(&[one], false, false, b"Subject: x\n\n");
        assert!(text.contains("\nOriginal-Recipient: utf-8; j\\x{FC}@x\nFinal-Recipient: utf-8; j\\x{FC}\\x{5C}r@b\\x{FC}cher.example\n"), "{text}");
        assert!(text.is_ascii());
    }

    #[test]
    fn the_whole_message_comes_back_as_it_was() {
        let text = report(&[to(What::Delayed, "busy")], true, true, "Subject: x\n\nä\n".as_bytes());
        assert!(
            text.contains(
                "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: x\n\nä\n\n--=_S--\n"
            )
        );
        assert!(
            text.contains("Action: delayed\n")
                && text.contains("Will-Retry-Until: U\n")
                && text.contains("Delayed mail")
        );
        let text = report(&[to(What::Relayed, "ok")], false, true, b"");
        assert!(text.contains("Action: relayed\nStatus: 5.0.0\n") && !text.contains("Diagnostic"));
    }
}
