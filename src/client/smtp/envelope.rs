//! Who sends to whom, and what else is asked of the server: as MAIL and RCPT, if the server can do it.

use crate::error::{Error, Result};
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::dsn::{Notify, OriginalRecipient, Ret};
use crate::proto::smtp::{BodyType, DeliverBy, Extensions, Hold, Mail, Priority, Rcpt};
use std::collections::BTreeMap;

/// Who sends to whom.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// MAIL FROM; `None` is the null path.
    pub from: Option<Mailbox>,
    /// RCPT TO, without duplicates.
    pub to: Vec<Mailbox>,
    /// The message's size in wire form, a last line without its end completed: exactly, or nothing is sent.
    pub size: u64,
    /// Whether it has bytes over 127.
    pub eight_bit: bool,
    /// Whether some of them are in a header section (RFC 6532), which needs SMTPUTF8.
    pub utf8_header: bool,
    /// What else is asked for.
    pub wants: Wants,
}

/// What a sender may ask for besides delivery. A server that can't do it gets nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Nobody gets it unless the server takes it for everybody.
    pub all_or_nothing: bool,
    /// When to tell the sender (RFC 3461).
    pub notify: Option<Notify>,
    /// How much of the message comes back with a failure.
    pub ret: Option<Ret>,
    /// What comes back with a notification; see [`is_envid`](crate::proto::smtp::dsn::is_envid).
    pub envid: Option<String>,
    /// For these recipients other reports than for everybody.
    pub reports: BTreeMap<Mailbox, Report>,
    /// By when it is to be delivered (RFC 2852).
    pub by: Option<DeliverBy>,
    /// How long it is to be held back (RFC 4865).
    pub hold: Option<Hold>,
    /// How soon others have to wait for it (RFC 6710).
    pub priority: Option<Priority>,
    /// Over verified TLS all the way, or not at all (RFC 8689).
    pub require_tls: bool,
}

/// What one recipient's sender wants to hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// When to tell.
    pub notify: Option<Notify>,
    /// Whom the sender named at first.
    pub original: Option<OriginalRecipient>,
}

impl Wants {
    fn reports(&self) -> bool {
        self.notify.is_some() || self.ret.is_some() || self.envid.is_some() || !self.reports.is_empty()
    }
}

/// MAIL and RCPT, with their CRLFs.
pub(super) struct Commands {
    pub mail: String,
    /// In the order of the envelope's recipients.
    pub rcpt: Vec<String>,
}

impl Envelope {
    /// The commands for a server that `offers` this, over TLS that is `verified` or not.
    ///
    /// # Errors
    /// 64: no recipient; 65: it can't take such a message or address; 69: it can't do what is asked for; 76: TLS is required
    /// and not verified.
    pub(super) fn commands(&self, offers: &Extensions, verified: bool) -> Result<Commands> {
        if self.to.is_empty() {
            return Err(Error::usage("no recipient"));
        }
        if let Some(limit) = offers.size.filter(|limit| *limit > 0 && *limit < self.size) {
            return Err(Error::data(format!("the message has {} bytes, the server takes {limit}", self.size)));
        }
        if self.eight_bit && !offers.eight_bit_mime {
            return Err(Error::data("the message has 8-bit bytes, and the server does not offer 8BITMIME"));
        }
        self.can_be_asked(offers, verified)?;
        let smtputf8 = self.smtputf8(offers)?;
        let plain = |mailbox: &Mailbox| match mailbox.to_ascii() {
            Some(plain) if !smtputf8 => plain,
            _ => mailbox.clone(),
        };
        let mail = Mail {
            from: self.from.as_ref().map(plain),
            size: offers.size.map(|_| self.size),
            body: if self.eight_bit { BodyType::EightBitMime } else { BodyType::SevenBit },
            smtputf8,
            ret: self.wants.ret,
            envid: self.wants.envid.clone(),
            by: self.wants.by,
            hold: self.wants.hold.clone(),
            priority: self.wants.priority,
            require_tls: self.wants.require_tls,
        };
        let rcpt = |to: &Mailbox| {
            let (notify, original) = match self.wants.reports.get(to) {
                Some(report) => (report.notify, report.original.clone()),
                // What the sender wrote is what the sender knows again.
                None if self.wants.reports() => (
                    self.wants.notify,
                    OriginalRecipient::of(&if smtputf8 { to.clone() } else { plain(to) }.to_string()),
                ),
                None => (None, None),
            };
            let orcpt = original.filter(|original| smtputf8 || original.is_ascii());
            format!("{}\r\n", Rcpt { to: Some(plain(to)), notify, orcpt })
        };
        Ok(Commands { mail: format!("{mail}\r\n"), rcpt: self.to.iter().map(rcpt).collect() })
    }

    /// Whether SMTPUTF8 has to be said: it is where anything but domains is beyond ASCII.
    fn smtputf8(&self, offers: &Extensions) -> Result<bool> {
        let beyond = self.from.iter().chain(&self.to).find(|mailbox| mailbox.to_ascii().is_none());
        if offers.smtputf8 || (beyond.is_none() && !self.utf8_header) {
            return Ok(beyond.is_some() || self.utf8_header);
        }
        let what = beyond.map_or_else(
            || "the header has bytes beyond ASCII".to_owned(),
            |mailbox| format!("{mailbox}: an address beyond ASCII"),
        );
        Err(Error::data(format!("{what}, and the server does not offer SMTPUTF8")))
    }

    fn can_be_asked(&self, offers: &Extensions, verified: bool) -> Result<()> {
        let wants = &self.wants;
        let lacks = [
            (wants.reports() && !offers.dsn, "DSN (RFC 3461), which notifications need"),
            (wants.by.is_some() && offers.deliver_by.is_none(), "DELIVERBY (RFC 2852)"),
            (wants.hold.is_some() && offers.future_release.is_none(), "FUTURERELEASE (RFC 4865), which holds messages"),
            (wants.priority.is_some() && !offers.mt_priority, "MT-PRIORITY (RFC 6710)"),
        ];
        if let Some((_, what)) = lacks.iter().find(|(lacks, _)| *lacks) {
            return Err(Error::refused(format!("the server does not offer {what}")).advise("nothing was sent"));
        }
        if wants.require_tls && !verified {
            return Err(Error::protocol("TLS is required, and this connection's is none that was verified"));
        }
        if wants.require_tls && !offers.require_tls {
            return Err(Error::refused("the server does not offer REQUIRETLS (RFC 8689)").advise("nothing was sent"));
        }
        if let (Some(after), Some(least)) = (wants.by.and_then(|by| by.returns_after()), offers.deliver_by)
            && after < least
        {
            return Err(Error::refused(format!("the server delivers by no less than {least} seconds (RFC 2852)")));
        }
        if let Some(release) = &offers.future_release {
            let late = match &wants.hold {
                Some(Hold::For(seconds)) => {
                    release.longest.filter(|most| seconds > most).map(|most| format!("{most} s"))
                }
                Some(Hold::Until(date)) => {
                    // To the second both are of one form, and in the order of time.
                    let second = |date: &str| date.get(..19).map(str::to_owned);
                    release.last.clone().filter(|last| second(date) > second(last)).map(|last| format!("until {last}"))
                }
                None => None,
            };
            if let Some(late) = late {
                return Err(Error::refused(format!("the server holds messages for at most {late} (RFC 4865)")));
            }
        }
        Ok(())
    }
}
