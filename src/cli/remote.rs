//! A folder of an account as a target of `--into`: messages are appended to it by IMAP.

use super::connect::Reach;
use super::imap::connect;
use crate::client::imap::Client;
use crate::error::{Error, Result};
use crate::net::endpoint::{Endpoint, Service};
use crate::store::sink::{About, Receipt, Sink};
use crate::store::spool::Spool;
use crate::text::{LoneCr, ToWire, WireBody, wire_size};
use chrono::{DateTime, FixedOffset, Utc};

/// `ACCOUNT:FOLDER`, or a URL with a folder.
pub struct Remote {
    reach: Reach,
    at: Endpoint,
    folder: String,
    /// Nobody is connected to before there is something to deliver.
    client: Option<Client>,
    /// Why there is no way to it: then the next message is not even begun.
    no_way: Option<Error>,
    current: Option<(About, Spool)>,
    ended: Vec<Receipt>,
}

impl Remote {
    /// The folder that `text` names, reached as its account says; flags about the source's account don't count.
    ///
    /// # Errors
    /// 64: it names none; 78: the configuration is wrong.
    pub fn open(text: &str, reach: &Reach) -> Result<Remote> {
        let reach = reach.for_targets()?;
        let at = reach.accounts().named(text, Service::Imap).map_err(|e| e.at("--into"))?;
        let folder = at.folder.clone().ok_or_else(|| {
            Error::usage(format!("--into {text}: into which folder?")).advise(format!("like {text}INBOX"))
        })?;
        Ok(Remote { reach, at, folder, client: None, no_way: None, current: None, ended: Vec::new() })
    }
}

impl Sink for Remote {
    fn begin(&mut self, about: &About) -> Result<()> {
        if let Some(e) = self.no_way.take() {
            return Err(e);
        }
        self.current = Some((about.clone(), Spool::new()));
        Ok(())
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        match &mut self.current {
            Some((_, spool)) => spool.push(file_form),
            None => Err(Error::internal("no message has begun")),
        }
    }

    fn end(&mut self) -> Result<()> {
        let Some((about, mut spool)) = self.current.take() else {
            return Err(Error::internal("no message has begun"));
        };
        let mut client = match self.client.take() {
            Some(client) => client,
            None => connect(&self.reach, &self.at).inspect_err(|e| self.no_way = Some(e.clone()))?,
        };
        let size = wire_size(&mut spool.body()?)?;
        let flags: Vec<String> = about.flags.words().map(str::to_owned).collect();
        let date: Option<DateTime<FixedOffset>> = about.date.map(|date| DateTime::<Utc>::from(date).fixed_offset());
        let mut wire = WireBody::new(spool.body()?, ToWire::plain(LoneCr::Keep));
        let appended = client.append(&self.folder, &flags, date, size, &mut wire).map_err(|e| e.at("--into"))?;
        // A connection that failed is not used again.
        self.client = Some(client);
        let folder = super::reference::folder_name(&self.at, &self.folder);
        let place = appended.map_or(folder.clone(), |a| format!("{folder}#{}.{}", a.uid_validity, a.uid));
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
