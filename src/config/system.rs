//! What the configuration says of mail for the whole system.

use super::Set;
use std::path::PathBuf;

/// The table `[system]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// The Unix socket of `mail-serve --system`, to which everybody may submit: it stands for the account that nobody names.
    pub spool: Set<PathBuf>,
    /// The account by which it goes on; `None`: the default one.
    pub account: Option<Set<String>>,
}

impl System {
    /// The URL of the socket.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp+unix:{}", self.spool.value.display())
    }
}
