//! Where messages come from: stdin as one message, as a text to compose one of, as an mbox of many.

use super::run::Task;
use super::watch::Notice;
use crate::body::Body;
use crate::cli::compose::{Compose, Extra, Fixed, Who};
use crate::cli::outgoing::Outgoing;
use crate::error::{Error, Exit, Local, Result};
use crate::message::addr::Address;
use crate::message::header::Field;
use crate::message::mbox::Mbox;
use crate::message::outgoing::{recipients, sender};
use crate::store::patience;
use std::io::IsTerminal;

/// A message to be sent.
pub(super) struct Item {
    /// Its number, from 1.
    pub number: u64,
    /// Itself.
    pub message: Outgoing,
    /// The sender that it names.
    pub from: Option<Address>,
    /// All who get it, some perhaps twice.
    pub to: Vec<Address>,
    /// Its fields for blind recipients, which are only in a copy for the sender.
    pub bcc: Vec<u8>,
}

/// Takes a message's number, and the message, or why it can't be had. An error of its own ends the reading.
pub(super) type Take<'f> = dyn FnMut(u64, Result<Item>) -> Result<()> + 'f;

impl Task<'_> {
    /// Whether there may be more than one message: what is wrong with one is then no reason to keep the others.
    pub(super) fn is_many(&self) -> bool {
        self.flags.mbox || self.flags.compose.merge.is_some()
    }

    /// Reads all messages.
    ///
    /// # Errors
    /// 64: the flags contradict each other; 65, 66: stdin is not what the flags say, or can't be read; those of `take`.
    pub(super) fn each(&self, take: &mut Take<'_>) -> Result<()> {
        if self.flags.mbox && self.flags.compose.is_used() {
            return Err(Error::usage("--mbox sends messages, the other flags compose one"));
        }
        let notice = self.notice.as_ref();
        if let Some(Notice { flags, text: Some(text), fields }) = notice {
            return self.composed(flags, fields, &mut text.as_slice(), true, take);
        }
        if std::io::stdin().is_terminal() {
            return Err(
                Error::usage("stdin is a terminal").advise("the message is read from stdin: smtp-send ... < FILE")
            );
        }
        let mut stdin = patience::stdin(self.reach.whole().at())?;
        if self.flags.mbox {
            self.mbox(stdin, take)
        } else if self.flags.compose.is_used() {
            // From a pipe nothing comes when its program has failed; whoever names /dev/null means it.
            let empty = self.flags.allow_empty || crate::store::disk::is_null(std::io::stdin()).local("stdin")?;
            let fields = notice.map_or(&[][..], |notice| &notice.fields);
            self.composed(&self.flags.compose, fields, &mut stdin, empty, take)
        } else {
            take(1, self.read(1, &mut stdin))
        }
    }

    fn mbox(&self, from: impl Body, take: &mut Take<'_>) -> Result<()> {
        let mut mbox = Mbox::new(from);
        let mut number = 0;
        while mbox.next_message()? {
            if !mbox.is_mbox() {
                return Err(Error::data("stdin is no mbox: its first line does not begin with 'From '"));
            }
            number += 1;
            let item = self.read(number, &mut mbox);
            take(number, item)?;
        }
        Ok(())
    }

    /// One message, as it is.
    fn read(&self, number: u64, from: &mut dyn Body) -> Result<Item> {
        let message = match Outgoing::rewritten(from, &self.host, &self.addresses)? {
            Some(message) => message,
            None if self.flags.allow_empty => {
                Outgoing::read(&mut &b"\n"[..], &self.host)?.ok_or_else(|| Error::internal("an empty message"))?
            }
            None => return Err(Error::usage("stdin is empty").advise("--allow-empty sends an empty message")),
        };
        let mut to = if self.flags.read_recipients { recipients(&message.header, &self.host)? } else { Vec::new() };
        to.extend(self.arguments.iter().cloned());
        let from = sender(&message.header, &self.host);
        let blind = |field: &Field<'_>| field.is("Bcc") || field.is("Resent-Bcc");
        let mut bcc: Vec<u8> = message.header.fields().filter(blind).flat_map(|field| field.raw.to_vec()).collect();
        if !bcc.is_empty() && !bcc.ends_with(b"\n") {
            bcc.push(b'\n');
        }
        Ok(Item { number, message, from, to, bcc })
    }

    /// Messages of a text and the flags: one, or one for each row. `empty`: the text may be.
    fn composed(
        &self,
        compose: &Compose,
        fields: &[(String, String)],
        text: &mut dyn Body,
        empty: bool,
        take: &mut Take<'_>,
    ) -> Result<()> {
        let extra = Extra {
            arguments: &self.flags.recipients()?,
            host: &self.host,
            from: self.from.as_deref(),
            auto_submitted: true,
            empty,
            fields: fields.to_vec(),
            addresses: Some(&self.addresses),
            until: self.reach.whole(),
            ..Extra::default()
        };
        let mut number = 0;
        compose.each(text, &extra, &Fixed::default(), &mut |composed| {
            number += 1;
            let Who { from, recipients: to, bcc } = composed.who;
            let bcc: Vec<Vec<u8>> = bcc.iter().map(Address::spec).collect();
            let bcc = if bcc.is_empty() {
                Vec::new()
            } else {
                [b"Bcc: ", bcc.join(&b",\r\n "[..]).as_slice(), b"\r\n"].concat()
            };
            let item = Outgoing::composed(composed.message);
            take(number, item.map(|message| Item { number, message, from: Some(from), to, bcc }))
        })
    }
}

/// Whether the next of many messages can be sent after this one could not.
pub(super) fn is_its_own(exit: Exit) -> bool {
    matches!(exit, Exit::Data | Exit::Usage)
}
