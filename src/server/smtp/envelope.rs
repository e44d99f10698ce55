//! MAIL and RCPT, and the fields that an accepted message gets on its top.

use super::super::{Envelope, Recipient, Refusal, World};
use super::data::Intake;
use super::{Next, Protocol, Session};
use crate::error::Result;
use crate::message::date::Date;
use crate::net::Wire;
use crate::proto::mailbox::Mailbox as Address;
use crate::proto::smtp::{Hold, Mail, Rcpt};
use chrono::DateTime;
use std::time::{SystemTime, UNIX_EPOCH};

/// From MAIL to the end of the data.
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    /// What has come of the message, once BDAT has begun.
    pub(super) chunks: Option<Intake>,
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX)
}

impl Session {
    pub(super) fn mail(&mut self, wire: &mut Wire, world: &dyn World, mail: Mail) -> Result<Next> {
        if self.helo.is_none() {
            return self.wrong(wire, world, "503 5.5.1 say EHLO first\r\n");
        }
        if self.transaction.is_some() {
            return self.wrong(wire, world, "503 5.5.1 one message at a time\r\n");
        }
        let limit = world.limits().message;
        // They need a queue that waits, or a way onward; REQUIRETLS is not for a connection without TLS (RFC 8689 2).
        let queued = mail.by.is_some() || mail.hold.is_some() || mail.priority.is_some();
        if queued && world.longest_hold().is_none() || mail.require_tls {
            return self.wrong(wire, world, "555 5.5.4 parameter not recognized or not implemented\r\n");
        }
        let too_long = |longest: u32| match &mail.hold {
            Some(Hold::For(seconds)) => *seconds > longest.into(),
            Some(Hold::Until(date)) => DateTime::parse_from_rfc3339(date)
                .map_or(true, |d| d.timestamp() > now().saturating_add(longest.into())),
            None => false,
        };
        if world.longest_hold().is_some_and(too_long) {
            wire.put("501 5.5.4 it can't be held back so long\r\n")?;
        } else if mail.size.is_some_and(|size| size > limit) {
            wire.put(format!("552 5.3.4 no message over {limit} bytes\r\n"))?;
        } else if mail.from.as_ref().is_some_and(|from| !from.is_ascii()) && !mail.smtputf8 {
            wire.put("553 5.6.7 such an address needs SMTPUTF8\r\n")?;
        } else {
            let envelope = Envelope { mail, user: self.user.clone(), recipients: Vec::new() };
            self.transaction = Some(Transaction { envelope, chunks: None });
            wire.put("250 2.1.0 sender ok\r\n")?;
        }
        Ok(Next::Go)
    }

    pub(super) fn rcpt(&mut self, wire: &mut Wire, world: &mut dyn World, rcpt: Rcpt) -> Result<Next> {
        let Some(Transaction { envelope, chunks: None }) = &mut self.transaction else {
            let reply = if self.transaction.is_some() { "BDAT has begun" } else { "MAIL first" };
            return self.wrong(wire, world, format!("503 5.5.1 {reply}\r\n"));
        };
        if envelope.recipients.len() >= world.limits().recipients {
            wire.put("452 4.5.3 too many recipients\r\n")?;
            return Ok(Next::Go);
        }
        let ascii = rcpt.to.as_ref().is_none_or(Address::is_ascii) && rcpt.orcpt.as_ref().is_none_or(|o| o.is_ascii());
        if !ascii && !envelope.mail.smtputf8 {
            wire.put("553 5.6.7 such an address needs SMTPUTF8\r\n")?;
            return Ok(Next::Go);
        }
        // RFC 2033 4: LMTP is for what is delivered at once.
        let user = envelope.user.as_deref().filter(|_| self.protocol == Protocol::Smtp);
        match world.recipient(user, rcpt.to.as_ref()) {
            Ok(destination) => {
                envelope.recipients.push(Recipient { rcpt, destination });
                wire.put("250 2.1.5 recipient ok\r\n")?;
            }
            Err(Refusal::NoSuchUser) => wire.put("550 5.1.1 no such user\r\n")?,
            Err(Refusal::NoRoute) => {
                // It goes back to whoever has said it; an old client need not see what it can't have said.
                let domain = rcpt.to.as_ref().map_or("it", Address::domain);
                let domain = if domain.is_ascii() { domain } else { "there" };
                wire.put(format!("550 5.7.1 no route for {domain}\r\n"))?;
            }
            Err(Refusal::Failed(_)) => wire.put("451 4.3.0 the mailbox can't be opened now\r\n")?,
        }
        Ok(Next::Go)
    }

    /// What a message gets on its top, in file form: in a mailbox Return-Path (RFC 5321 4.4) and Original-Recipient (RFC 8098 2.3),
    /// and everywhere Received.
    pub(super) fn trace_fields(&self, wire: &Wire, world: &dyn World, envelope: &Envelope) -> (String, String) {
        let from = envelope.mail.from.as_ref().map(ToString::to_string).unwrap_or_default();
        // A HELO name is anything: only what a domain or literal may hold gets into a header.
        let helo: String = self.helo.iter().flat_map(|h| h.chars()).filter(|c| helo_char(*c)).take(255).collect();
        let with = self.with(wire.is_secure(), envelope.mail.smtputf8);
        // With several, naming one would tell the others.
        let (to, original) = match envelope.recipients.as_slice() {
            [Recipient { rcpt, .. }] => {
                let to = rcpt.to.as_ref().map_or_else(|| "postmaster".to_owned(), ToString::to_string);
                let original = rcpt.orcpt.as_ref().map(|original| format!("Original-Recipient: {original}\n"));
                (format!("\n\tfor <{to}>"), original.unwrap_or_default())
            }
            _ => (String::new(), String::new()),
        };
        let date = Date::utc(now());
        let received =
            format!("Received: from {helo} ({})\n\tby {} with {with}{to};\n\t{date}\n", wire.peer(), world.host());
        (format!("Return-Path: <{from}>\n{original}"), received)
    }

    /// The protocol's name, RFC 3848 and RFC 6531 4.3.
    fn with(&self, secure: bool, smtputf8: bool) -> String {
        let name = match (smtputf8, self.protocol, self.esmtp) {
            (true, Protocol::Lmtp, _) => "UTF8LMTP",
            (true, Protocol::Smtp, _) => "UTF8SMTP",
            (false, Protocol::Lmtp, _) => "LMTP",
            (false, Protocol::Smtp, true) => "ESMTP",
            (false, Protocol::Smtp, false) => return "SMTP".to_owned(),
        };
        let authenticated = self.user.is_some() && !self.known;
        format!("{name}{}{}", if secure { "S" } else { "" }, if authenticated { "A" } else { "" })
    }
}

fn helo_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".-_:[]".contains(c)
}
