//! A session that only looks in: greeting, capabilities, TLS, login, goodbye. Whoever gets through it can use the account.

use super::connect::Reach;
use super::outgoing::ehlo_name;
use crate::client::{Login, imap, pop3, smtp};
use crate::error::{Error, Result};
use crate::net::Wire;
use crate::net::endpoint::{Endpoint, Service};

/// Goes in and out again. Nothing is sent, fetched, marked or deleted.
///
/// # Errors
/// Those of the client's `open`: 69, 75, 76, 77.
pub fn look_in(reach: &Reach, at: &Endpoint, wire: Wire, login: Option<&Login>) -> Result<()> {
    match at.service {
        Service::Smtp | Service::Lmtp => {
            let name = ehlo_name(&reach.accounts().host(at)?, &wire);
            smtp::Client::open(wire, at.service, &name, login)?.quit()
        }
        Service::Pop3 => {
            let login = login.ok_or_else(|| Error::internal("no login"))?;
            pop3::Client::open(wire, login)?.quit()
        }
        Service::Imap => {
            let preauth = wire.is_identity();
            imap::Client::open(wire, login, preauth)?.logout()
        }
    }
}
