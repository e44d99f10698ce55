//! From a message and the flags to its envelope: who it is from, who it is for, whether SMTP can carry it.

use super::inputs::Item;
use super::run::Task;
use super::sendmail::Manner;
use crate::cli::compose::one;
use crate::cli::exit::complain;
use crate::cli::system;
use crate::client::smtp::Envelope;
use crate::error::{Error, Exit, Result};
use crate::message::addr::{Address, phrase};
use crate::message::outgoing::each_once;
use crate::proto::mailbox::Mailbox;

impl Task<'_> {
    /// The recipients of a message, each once.
    ///
    /// # Errors
    /// 64: there is none; 65: one is no address of SMTP.
    pub(super) fn recipients(&self, to: Vec<Address>) -> Result<Vec<Mailbox>> {
        let to = each_once(self.addresses.recipients(to)?).iter().map(mailbox).collect::<Result<Vec<_>>>()?;
        if to.is_empty() {
            return Err(Error::usage("no recipient").advise("name one as an argument, or use -t"));
        }
        Ok(to)
    }

    /// The envelope of a message that goes `to` them.
    ///
    /// # Errors
    /// 65: SMTP can't carry it; 64, 78: the sender is no address, or one that means nothing elsewhere.
    pub(super) fn envelope(&self, item: &Item, to: &[Mailbox]) -> Result<Envelope> {
        let facts = &item.message.facts;
        item.message.check(self.flags.strict, self.flags.parameters.recode)?;
        let from = self.mail_from(item.mail_from.as_deref(), item.from.as_ref())?;
        if facts.lone_crs > 0 && self.flags.common.verbose {
            complain(super::NAME, &format!("{} CRs without LF become line ends", facts.lone_crs), None);
        }
        let (size, eight_bit) = (facts.size_smtp(), facts.eight_bit > 0);
        let wants = item.wants.clone().unwrap_or_else(|| self.flags.parameters.wants());
        let utf8_header = facts.eight_bit_header;
        Ok(Envelope { from, to: to.to_vec(), size, eight_bit, utf8_header, wants })
    }

    /// From for a message that has none, as sendmail(8): the sender of the envelope, by the name of `-F`, else passwd's.
    ///
    /// # Errors
    /// 64: the sender is no address.
    pub(super) fn header_from(&self, manner: &Manner) -> Result<String> {
        let address = match (self.flags.mail_from.as_deref(), &self.from) {
            (Some(text), _) if text != "<>" => one("-f", text, &self.host)?,
            // By the account's own name, if nobody gives another one.
            (_, Some(text)) => one("from", text, &self.host)?,
            _ => one("sender", &system::user_name(), &self.host)?,
        };
        let own = String::from_utf8_lossy(address.name.as_deref().unwrap_or_default()).into_owned();
        let name = manner.full_name.clone().or(Some(own).filter(|own| !own.is_empty())).or_else(system::full_name);
        let spec = String::from_utf8_lossy(&address.spec()).into_owned();
        Ok(name.map_or_else(|| spec.clone(), |name| format!("{} <{spec}>", phrase(&name))))
    }

    /// MAIL FROM, pipepost(7), "Defaults when sending": `came` with the message, which names `message`.
    ///
    /// # Errors
    /// 64, 65: it is no address; 78: it means nothing where the message goes.
    pub(super) fn mail_from(&self, came: Option<&str>, message: Option<&Address>) -> Result<Option<Mailbox>> {
        let from = match (self.flags.mail_from.as_deref(), came) {
            (Some("<>"), _) | (None, Some("" | "<>")) => return Ok(None),
            (Some(text), _) => one("--mail-from", text, &self.host)?,
            (None, Some(text)) => one("from", text, &self.host).map_err(|e| e.with_exit(Exit::Data))?,
            (None, None) => match (&self.from, message) {
                (Some(text), _) => one("from", text, &self.host)?,
                (None, Some(from)) => from.clone(),
                (None, None) => one("sender", &system::user_name(), &self.host)?,
            },
        };
        let from = mailbox(&self.addresses.sender(from))?;
        if from.domain() == "localhost" && !self.at.is_loopback() {
            return Err(Error::config(format!("{from}: an address that only this machine knows"))
                .advise("name the sender: --from or -f USER@DOMAIN"));
        }
        Ok(Some(from))
    }
}

/// An address as SMTP has it.
fn mailbox(address: &Address) -> Result<Mailbox> {
    let spec = String::from_utf8_lossy(&address.spec()).into_owned();
    Mailbox::parse(&spec).map_err(|why| Error::data(format!("{spec}: {why}")))
}
