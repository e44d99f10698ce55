//! The table `[queue]`.

use super::{Reader, Value};
use crate::config::queue::Schedule;
use crate::error::Result;
use crate::text::duration::duration;
use std::time::Duration;
use toml::de::DeTable;

/// The keys of the table.
const KEYS: [&str; 8] = [
    "retry-min",
    "retry-max",
    "warn-after",
    "expire-after",
    "unknown-wait",
    "connections",
    "connections-per-destination",
    "hook",
];
/// More connections than that are a mistake.
const MOST: usize = 1000;

impl Reader<'_> {
    /// Reads the table.
    pub(super) fn queue(&self, table: &DeTable<'_>) -> Result<Schedule> {
        let mut s = Schedule::default();
        for (key, value) in table {
            self.known(key, &KEYS)?;
            let name = key.get_ref().as_ref();
            s.said.push((name.to_owned(), self.line(&value.span())));
            match name {
                "retry-min" => s.retry_min = self.duration(name, value)?,
                "retry-max" => s.retry_max = self.duration(name, value)?,
                "warn-after" => s.warn_after = self.duration(name, value)?,
                "expire-after" => s.expire_after = self.duration(name, value)?,
                "unknown-wait" => s.unknown_wait = self.duration(name, value)?,
                "connections" => s.connections = self.count(name, value)?,
                "connections-per-destination" => s.per_destination = self.count(name, value)?,
                _ => s.hook = Some(self.strings(name, value)?),
            }
        }
        Ok(s)
    }

    fn duration(&self, key: &str, value: &Value<'_>) -> Result<Duration> {
        duration(&self.string(key, value)?).map_err(|why| self.wrong(value.span(), format!("{key}: {why}")))
    }

    fn count(&self, key: &str, value: &Value<'_>) -> Result<usize> {
        let number = value.get_ref().as_integer().and_then(|n| usize::from_str_radix(n.as_str(), n.radix()).ok());
        let number = number.filter(|n| (1..=MOST).contains(n));
        number.ok_or_else(|| self.not(key, value, &format!("a number from 1 to {MOST}")))
    }
}
