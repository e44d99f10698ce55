//! The table `[system]`.

use super::{Reader, Value};
use crate::config::system::System;
use crate::config::{Config, Set};
use crate::error::{Error, Result};
use crate::net::endpoint::Service;
use std::ops::Range;
use std::path::PathBuf;
use toml::de::DeTable;

/// The keys of the table.
const KEYS: [&str; 2] = ["spool", "account"];

impl Reader<'_> {
    /// Reads the table, which stands there.
    pub(super) fn system(&self, table: &DeTable<'_>, at: Range<usize>) -> Result<System> {
        let (mut spool, mut account) = (None, None);
        for (key, value) in table {
            self.known(key, &KEYS)?;
            match key.get_ref().as_ref() {
                "spool" => spool = Some(self.spool(value)?),
                name => account = Some(self.account_named(name, value)?),
            }
        }
        let spool = spool.ok_or_else(|| self.wrong(at, "system: spool is missing: the path of a socket"))?;
        Ok(System { spool, account })
    }

    /// A path that is the same in a URL.
    fn spool(&self, value: &Value<'_>) -> Result<Set<PathBuf>> {
        let text = self.string("spool", value)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+~".contains(&b);
        if !text.starts_with('/') || text.ends_with('/') || !text.bytes().all(plain) {
            return Err(self.wrong(value.span(), "spool: must be a whole path of letters, digits and / . _ - + ~"));
        }
        Ok(Set { value: text.into(), line: self.line(&value.span()) })
    }

    /// Its account is there, and can send.
    pub(super) fn has_its_account(&self, config: &Config) -> Result<()> {
        let account = config.system().and_then(|system| system.account.as_ref());
        let Some(Set { value, line }) = account else { return Ok(()) };
        let told = |e: Error| Error::config(format!("{}:{line}: account = {value:?}: {e}", self.file.display()));
        config.endpoint(value, Service::Smtp).map(drop).map_err(told)
    }
}
