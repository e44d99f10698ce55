//! A message on its way out: read, made fit to be sent, and known before the first command.

use super::rewriting::Addresses;
use crate::body::Body;
use crate::client::smtp::{Client, Envelope, Outcome, Then};
use crate::error::{Error, Result};
use crate::message::compose::message_id;
use crate::message::date::Date;
use crate::message::facts::{Facts, LINE};
use crate::message::header::{Collect, Header};
use crate::message::outgoing::{Supply, prepare};
use crate::message::recode::Wanted;
use crate::net::Wire;
use crate::proto::smtp::Extensions;
use crate::store::fitted::Fitted;
use crate::store::spool::Spool;
use crate::text::domain::to_ascii;
use crate::text::escape;
use std::net::IpAddr;

/// A message that may be sent.
pub struct Outgoing {
    /// Its bytes.
    pub spool: Spool,
    /// What it is like.
    pub facts: Facts,
    /// Its header section as it came in.
    pub header: Header,
}

impl Outgoing {
    /// Reads a message in any form: Bcc and its like removed, Date and Message-ID added, a first `From ` line dropped.
    /// `None`: there was nothing.
    ///
    /// # Errors
    /// 65: it can't be sent as it is; the source's errors; 73, 74: temporary files.
    pub fn read(from: &mut dyn Body, host: &str) -> Result<Option<Outgoing>> {
        Outgoing::rewritten(from, host, &Addresses::default())
    }

    /// The same, with addresses rewritten.
    ///
    /// # Errors
    /// As [`Outgoing::read`].
    pub fn rewritten(from: &mut dyn Body, host: &str, addresses: &Addresses) -> Result<Option<Outgoing>> {
        let mut collect = Collect::default();
        let mut rest = Vec::new();
        loop {
            let piece = from.chunk()?;
            if piece.is_empty() {
                break;
            }
            if let Some(used) = collect.push(piece) {
                rest.extend_from_slice(piece.get(used..).unwrap_or_default());
                break;
            }
        }
        if collect.is_empty() {
            return Ok(None);
        }
        let header = collect.finish();
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
        let supply =
            Supply { date: &Date::utc(super::compose::now()).to_string(), message_id: &message_id(random, host) };
        let prepared = prepare(&header, &supply)?;
        let mut outgoing = Outgoing { spool: Spool::new(), facts: Facts::default(), header };
        outgoing.push(&addresses.header(prepared.bytes))?;
        outgoing.push(&rest)?;
        outgoing.spool.rest_of(from)?;
        outgoing.all_of(from)?;
        Ok(Some(outgoing))
    }

    /// Takes over a message that was composed here.
    ///
    /// # Errors
    /// 73, 74: temporary files.
    pub fn composed(mut message: Spool) -> Result<Outgoing> {
        let mut facts = Facts::default();
        let mut collect = Some(Collect::default());
        let mut header = Header::default();
        let mut body = message.body()?;
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                break;
            }
            facts.push(piece);
            if let Some(mut begun) = collect.take() {
                match begun.push(piece) {
                    Some(_) => header = begun.finish(),
                    None => collect = Some(begun),
                }
            }
        }
        facts.end();
        Ok(Outgoing { spool: message, facts, header })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.facts.push(bytes);
        self.spool.push(bytes)
    }

    fn all_of(&mut self, from: &mut dyn Body) -> Result<()> {
        loop {
            let piece = from.chunk()?;
            if piece.is_empty() {
                self.facts.end();
                return Ok(());
            }
            self.facts.push(piece);
            self.spool.push(piece)?;
        }
    }

    /// Whether SMTP can carry it; with `recode` perhaps not as it is.
    ///
    /// # Errors
    /// 65 with the reason: a header section that is neither ASCII nor UTF-8, a NUL, a line of over 998 bytes, with `strict` a lone
    /// CR.
    pub fn check(&self, strict: bool, recode: bool) -> Result<()> {
        if self.facts.eight_bit_header && std::str::from_utf8(self.header.raw()).is_err() {
            return Err(Error::data(format!("{} has 8-bit bytes that are not UTF-8", self.field_beyond_ascii()))
                .advise("mailfmt new encodes them"));
        }
        if recode {
            return self.check_cr(strict);
        }
        if self.facts.nul {
            return Err(Error::data("the message holds a NUL, which SMTP can't carry (RFC 5321 2.3.8)"));
        }
        if self.facts.overlong_line > 0 {
            return Err(Error::data(format!(
                "a line of {} bytes, and SMTP allows {LINE} (RFC 5321 4.5.3.1.6)",
                self.facts.overlong_line
            ))
            .advise("--recode encodes the part that it is in"));
        }
        self.check_cr(strict)
    }

    fn check_cr(&self, strict: bool) -> Result<()> {
        if strict && self.facts.lone_crs > 0 {
            return Err(Error::data("a CR without LF"));
        }
        Ok(())
    }
}

impl Outgoing {
    /// Which header field needs SMTPUTF8.
    fn field_beyond_ascii(&self) -> String {
        let field = self.header.fields().find(|field| !field.raw.is_ascii());
        field.map_or_else(|| "the header".to_owned(), |field| format!("the field {}", escape(field.name)))
    }

    /// The message as a server that `offers` this can take it, if that is not how it is: 8-bit parts encoded where 8BITMIME is
    /// missing, with `recode` also those with long lines or NULs.
    ///
    /// # Errors
    /// 65: it can't be done without loss; 73, 74: temporary files.
    pub fn fitted(&mut self, offers: &Extensions, recode: bool) -> Result<Option<Fitted>> {
        if self.facts.eight_bit_header && !offers.smtputf8 {
            let field = self.field_beyond_ascii();
            return Err(Error::data(format!("{field} has 8-bit bytes, and the server does not offer SMTPUTF8"))
                .advise("mailfmt new encodes them"));
        }
        let seven_bit = self.facts.eight_bit > 0 && !offers.eight_bit_mime;
        let short_lines = recode && (self.facts.overlong_line > 0 || self.facts.nul);
        if !seven_bit && !short_lines {
            return Ok(None);
        }
        Fitted::of(&mut self.spool, Wanted { seven_bit, short_lines, label: recode, stable: false }).map(Some)
    }
}

impl Outgoing {
    /// Sends it over a connection, as that server can take it.
    ///
    /// # Errors
    /// As [`Outgoing::fitted`] and [`Client::send_then`].
    pub fn send_over(
        &mut self,
        client: &mut Client,
        envelope: &Envelope,
        recode: bool,
        then: Then<'_>,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<Outcome>> {
        let mut note = |_: &[Outcome]| handing_over();
        match self.fitted(client.extensions(), recode)? {
            None => client.send_then(envelope, &mut self.spool, then, &mut note),
            Some(mut fitted) => {
                let (size, eight_bit) = (fitted.facts.size_smtp(), fitted.facts.eight_bit > 0);
                let envelope = Envelope { size, eight_bit, ..envelope.clone() };
                client.send_then(&envelope, &mut fitted.spool, then, &mut note)
            }
        }
    }
}

/// What EHLO says: HOST if it has a dot, else the address literal (RFC 5321 4.1.3).
#[must_use]
pub fn ehlo_name(host: &str, wire: &Wire) -> String {
    match wire.our_address() {
        _ if host.contains('.') => to_ascii(host).unwrap_or_else(|| host.to_owned()),
        Some(IpAddr::V4(address)) => format!("[{address}]"),
        Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        None => "[127.0.0.1]".to_owned(),
    }
}
