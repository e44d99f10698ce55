//! SCRAM (RFC 5802, RFC 7677): a login that shows nobody the password, and proves the server too.
//!
//! Channel binding is by `tls-exporter` (RFC 9266) and `tls-server-end-point` (RFC 5929). Left out: `tls-unique`, which TLS 1.3
//! does not have, and authorization identities.

mod client;
mod keys;
mod server;

pub(super) use client::{Begun, Head, verified};
pub use client::{LEAST_ITERATIONS, MOST_ITERATIONS};
pub use keys::Keys;
pub use server::{ClientFirst, Exchange, Offered};

/// Why an exchange fails, for people.
pub type Wrong = &'static str;

/// What the connection below can be bound by: the type's registered name and the data, the best first.
pub type Bindings = [(&'static str, Vec<u8>)];

#[cfg(test)]
mod tests;
