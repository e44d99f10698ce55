//! The shared client module: blocking, straight-line code over one [`Wire`] each; one client is one connection.

pub mod imap;
mod login;
pub mod oauth;
pub mod pop3;
mod sasl;
pub mod smtp;

pub use login::{Login, Proof, Renew, Token, opened};

use crate::error::{Error, Result};
use crate::net::{Deadline, Endpoint, Wire};

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
