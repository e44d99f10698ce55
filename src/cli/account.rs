//! Which account an argument means, pipepost(7), "Which account": the argument, `$PIPEPOST_ACCOUNT`, `local:`.

use crate::error::Result;
use crate::net::endpoint::{Endpoint, Service};

/// The endpoint that `argument` names, or the default one.
///
/// # Errors
/// 64: it names none.
pub fn account(argument: Option<&str>, service: Service) -> Result<Endpoint> {
    let named = std::env::var("PIPEPOST_ACCOUNT").ok().filter(|name| !name.is_empty());
    Endpoint::parse(argument.or(named.as_deref()).unwrap_or("local:"), service)
}
