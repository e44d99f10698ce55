//! Which server gets a message, and the connection to it, which is kept open for the next one.
//!
//! A connection that the server has closed between two messages is made anew; nothing is repeated that was handed over.

use super::run::Task;
use crate::cli::outgoing::{Outgoing, ehlo_name};
use crate::client::smtp::{Client, Envelope, Outcome};
use crate::client::{Dial, opened};
use crate::error::Result;
use crate::net::Deadline;

/// A connection, or none yet.
pub(super) struct Delivery<'t> {
    task: &'t Task<'t>,
    client: Option<Client>,
}

impl<'t> Delivery<'t> {
    /// Nobody is connected to before there is something to send.
    pub(super) fn new(task: &'t Task<'t>) -> Delivery<'t> {
        Delivery { task, client: None }
    }

    /// Sends a message: `Ok` has an outcome for every recipient, in order. See [`Client::send_noting`] for `handing_over`.
    ///
    /// # Errors
    /// Nobody got it: there is no way to the server, or those of [`Client::send`].
    pub(super) fn send(
        &mut self,
        envelope: &Envelope,
        message: &mut Outgoing,
        handing_over: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<Outcome>> {
        let open = self.client.take().and_then(|mut client| client.is_open().then_some(client));
        let mut client = match open {
            Some(client) => client,
            None => self.connect()?,
        };
        let sent = client.send_noting(envelope, &mut message.spool.body()?, &mut |_| handing_over());
        self.client = Some(client);
        sent
    }

    fn connect(&self) -> Result<Client> {
        let Task { reach, at, host, .. } = self.task;
        let login = reach.login(at)?;
        opened(login.as_ref(), |login| {
            let wire = reach.dial(at, Deadline::NEVER)?;
            let name = ehlo_name(host, &wire);
            Client::open(wire, at.service, &name, login)
        })
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// 76: the server has something else to say. All that was accepted stays so.
    pub(super) fn quit(&mut self) -> Result<()> {
        self.client.take().map_or(Ok(()), Client::quit)
    }
}
