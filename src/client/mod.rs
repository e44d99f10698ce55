//! The shared client module: blocking, straight-line code over one [`Wire`] each; one client is one connection.

pub mod imap;
pub mod pop3;
pub mod smtp;

use crate::error::{Error, Result};
use crate::net::{Deadline, Endpoint, Wire};
use crate::secret::Secret;

/// Who logs in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password; empty where the connection is the identity (`local:`).
    pub password: Secret,
    /// Whether it may be sent without TLS, pipepost(7), "SECRETS".
    pub allowed: bool,
}

impl Login {
    /// The password, if it may go out; `verified`: over TLS, to a server that has proved who it is.
    ///
    /// # Errors
    /// 77 if it may not.
    pub fn password(&self, verified: bool) -> Result<&Secret> {
        if self.allowed || verified {
            return Ok(&self.password);
        }
        Err(Error::auth("the password may not be sent without verified TLS").advise(
            "on a loopback address name the server's key, --pin sha256:..., or the scheme +plain: imap+plain://",
        ))
    }
}

/// TLS is demanded, and the server has none: `refusal` is what it said to STARTTLS, if it was asked.
fn no_tls(peer: &str, refusal: Option<&str>) -> Error {
    let text = match refusal {
        None => "TLS: the server does not offer STARTTLS".to_owned(),
        Some(said) => format!("TLS: the server refuses STARTTLS: {said}"),
    };
    Error::protocol(text)
        .at(peer)
        .advise("nothing was sent; a server may have TLS on a port of its own: smtps, pop3s, imaps")
}

/// How connections are made: by the network, or by a session of our own at the other end of a socket pair.
pub trait Dial {
    /// Connects to `at`.
    ///
    /// # Errors
    /// 68, 75: nobody is there.
    fn dial(&self, at: &Endpoint, deadline: Deadline) -> Result<Wire>;
}
