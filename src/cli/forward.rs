//! An SMTP or LMTP server as a target of `--into`: each message goes to those whom `--deliver-to` names, as it is but for its
//! Return-Path, which becomes the envelope's sender (RFC 5321 4.4).
//!
//! Left out: delivery straight to domains, and the queue: what a server does not take now stays where it comes from.

use super::connect::Reach;
use super::outgoing::Outgoing;
use super::route;
use crate::client::smtp::{Client, Envelope, Then, Wants};
use crate::error::{Error, Exit, Fate, Result};
use crate::message::header::{Collect, Entry};
use crate::net::endpoint::{Endpoint, Place, Service};
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::queue_id;
use crate::store::sink::{About, Receipt, Sink};
use crate::store::spool::Spool;

/// A server that takes messages for some recipients.
pub struct Forward {
    reach: Reach,
    at: Endpoint,
    to: Vec<Mailbox>,
    /// Nobody is connected to before there is something to deliver.
    client: Option<Client>,
    /// Why there is no way to it: then the next message is not even begun.
    no_way: Option<Error>,
    current: Option<Current>,
    ended: Vec<Receipt>,
}

/// A message that has begun.
struct Current {
    about: About,
    /// Its header section, until that is whole.
    header: Option<Collect>,
    spool: Spool,
}

impl Current {
    fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        if let Some(header) = &mut self.header {
            let Some(used) = header.push(bytes) else { return Ok(()) };
            bytes = bytes.get(used..).unwrap_or_default();
            self.header_ends()?;
        }
        self.spool.push(bytes)
    }

    fn header_ends(&mut self) -> Result<()> {
        let Some(header) = self.header.take() else { return Ok(()) };
        let header = header.finish();
        if header.is_cut() {
            return Err(Error::data("a header section that is too long to be sent on"));
        }
        let mut entries = header.entries().enumerate();
        let of_path =
            |(n, entry): &(usize, Entry<'_>)| *n == 0 && matches!(entry, Entry::Field(f) if f.is("Return-Path"));
        entries.try_for_each(|entry| if of_path(&entry) { Ok(()) } else { self.spool.push(entry.1.raw()) })?;
        self.spool.push(header.raw().get(header.entries().map(|e| e.raw().len()).sum()..).unwrap_or_default())
    }
}

impl Forward {
    /// The server that `text` names, reached as its account says; flags about the source's account don't count.
    ///
    /// # Errors
    /// 64: there is none, or nobody to deliver to; 78: the configuration is wrong.
    pub fn open(text: &str, to: &[Mailbox], reach: &Reach) -> Result<Forward> {
        if to.is_empty() {
            return Err(
                Error::usage(format!("--into {text}: to whom?")).advise("--deliver-to ADDRESS names who gets it")
            );
        }
        let reach = reach.for_targets()?;
        let at = reach.accounts().named(text, Service::Smtp).map_err(|e| e.at("--into"))?;
        if at.place == Place::Direct {
            return Err(Error::usage(format!("--into {text}: this is no server")));
        }
        let (client, no_way, current, ended) = (None, None, None, Vec::new());
        Ok(Forward { reach, at, to: to.to_vec(), client, no_way, current, ended })
    }

    fn connected(&mut self) -> Result<Client> {
        if let Some(mut client) = self.client.take()
            && client.is_open()
        {
            return Ok(client);
        }
        route::open(&self.reach, &self.at, None).inspect_err(|e| self.no_way = Some(e.clone()))
    }
}

impl Sink for Forward {
    fn begin(&mut self, about: &About) -> Result<()> {
        if let Some(e) = self.no_way.take() {
            return Err(e);
        }
        self.current = Some(Current { about: about.clone(), header: Some(Collect::default()), spool: Spool::new() });
        Ok(())
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        let current = self.current.as_mut().ok_or_else(|| Error::internal("no message has begun"))?;
        current.push(file_form)
    }

    fn end(&mut self) -> Result<()> {
        let mut current = self.current.take().ok_or_else(|| Error::internal("no message has begun"))?;
        current.header_ends()?;
        let Current { about, spool, .. } = current;
        let mut message = Outgoing::composed(spool)?;
        message.check(false, true)?;
        // What it names may be no address at all, and the null path takes no bounces.
        let from = about.return_path.filter(|path| !path.is_empty()).and_then(|path| Mailbox::parse(&path).ok());
        let mut client = self.connected().map_err(|e| e.at("--into"))?;
        let envelope = Envelope {
            from,
            to: self.to.clone(),
            size: message.facts.size_smtp(),
            eight_bit: message.facts.eight_bit > 0,
            utf8_header: message.facts.eight_bit_header,
            wants: Wants { all_or_nothing: true, ..Wants::default() },
        };
        let sent = message.send_over(&mut client, &envelope, true, Then::Wait, &mut || Ok(()));
        let outcomes = sent.map_err(|e| e.at("--into"))?;
        // A connection that failed is not used again.
        self.client = Some(client);
        let of = |fate: Fate| outcomes.iter().find(|outcome| outcome.fate == fate);
        let worst = of(Fate::Unknown).or_else(|| of(Fate::Later)).or_else(|| of(Fate::Never));
        if let Some(worst) = worst {
            let got: Vec<String> = outcomes.iter().filter(|o| o.fate == Fate::Done).map(|o| o.to.to_string()).collect();
            let tail = if got.is_empty() { String::new() } else { format!(" ({} has it)", got.join(", ")) };
            let code = worst.code.map(|code| format!("{code} ")).unwrap_or_default();
            let exit = match worst.fate {
                Fate::Unknown => Exit::Unknown,
                Fate::Later => Exit::TempFail,
                _ => Exit::Refused,
            };
            return Err(Error::new(exit, format!("<{}>: {code}{}{tail}", worst.to, worst.text)).at(self.at.to_string()));
        }
        let id = outcomes.iter().find_map(|outcome| queue_id(&outcome.text)).map(|id| format!("#{id}"));
        let place = format!("{}{}", self.at, id.unwrap_or_default());
        self.ended.push(Receipt { reference: about.reference, places: vec![place] });
        Ok(())
    }

    fn abort(&mut self) -> Result<()> {
        self.current = None;
        Ok(())
    }

    fn commit(&mut self) -> Result<Vec<Receipt>> {
        Ok(std::mem::take(&mut self.ended))
    }

    fn at_once(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;

    #[test]
    fn the_return_path_goes_no_further() {
        for (text, expect) in [
            ("Return-Path: <a@b>\nSubject: x\n\nhi\n", "Subject: x\n\nhi\n"),
            ("return-PATH:\n <a@b>\n\t\nSubject: x\n", "Subject: x\n"),
            ("Return-Paths: x\nReturn-Path: <a@b>\n", "Return-Paths: x\nReturn-Path: <a@b>\n"),
            ("Return", "Return"),
            ("\nbody\n", "\nbody\n"),
            ("no field\nA: b\n\n\nbody", "no field\nA: b\n\n\nbody"),
            ("Return-Path: <a@b>", ""),
            ("Return-Path: <a@b>\n\nbody\n", "\nbody\n"),
        ] {
            for size in 1..=text.len() {
                let (about, header) = (About::default(), Some(Collect::default()));
                let mut current = Current { about, header, spool: Spool::new() };
                text.as_bytes().chunks(size).try_for_each(|piece| current.push(piece)).unwrap();
                current.header_ends().unwrap();
                let mut out = Vec::new();
                let mut body = current.spool.body().unwrap();
                while let Some(piece) = Some(body.chunk().unwrap()).filter(|piece| !piece.is_empty()) {
                    out.extend_from_slice(piece);
                }
                assert_eq!(String::from_utf8(out).unwrap(), expect, "{text:?} by {size}");
            }
        }
    }
}
