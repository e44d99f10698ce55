//! A message on its way out: read, made fit to be sent, and known before the first command.

use super::rewriting::Addresses;
use crate::body::Body;
use crate::error::{Error, Result};
use crate::message::compose::message_id;
use crate::message::date::Date;
use crate::message::facts::Facts;
use crate::message::header::{Collect, Header};
use crate::message::outgoing::{Supply, prepare};
use crate::net::Wire;
use crate::store::spool::Spool;
use std::net::IpAddr;

/// RFC 5322 2.1.1: a line's length without its CRLF.
const LINE: u64 = 998;

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

    /// Whether SMTP can carry it.
    ///
    /// # Errors
    /// 65 with the reason: a NUL, a line of over 998 bytes, with `strict` a lone CR.
    pub fn check(&self, strict: bool) -> Result<()> {
        if self.facts.nul {
            return Err(Error::data("the message holds a NUL, which SMTP can't carry (RFC 5321 2.3.8)"));
        }
        if self.facts.longest_line > LINE {
            return Err(Error::data(format!(
                "a line of {} bytes, and SMTP allows {LINE} (RFC 5321 4.5.3.1.6)",
                self.facts.longest_line
            )));
        }
        if strict && self.facts.lone_crs > 0 {
            return Err(Error::data("a CR without LF"));
        }
        Ok(())
    }
}

/// What EHLO says: HOST if it has a dot, else the address literal (RFC 5321 4.1.3).
#[must_use]
pub fn ehlo_name(host: &str, wire: &Wire) -> String {
    match wire.our_address() {
        _ if host.contains('.') => host.to_owned(),
        Some(IpAddr::V4(address)) => format!("[{address}]"),
        Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        None => "[127.0.0.1]".to_owned(),
    }
}
