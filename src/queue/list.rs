//! Which entries a command is about, and walking through them.

use super::{Entry, Queue, Status, now, rows};
use crate::error::Result;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params_from_iter};
use std::time::Duration;

/// Entries that are read at once: no lock is held while somebody reads what is listed.
const PAGE: usize = 200;

/// Which entries. What is not said does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// By name.
    pub ids: Vec<String>,
    /// That came at least so long ago.
    pub older_than: Option<Duration>,
    /// With a recipient at this domain.
    pub domain: Option<String>,
    /// With this sender; empty is the null path.
    pub sender: Option<String>,
    /// With a recipient in this state.
    pub status: Option<Status>,
}

impl Selection {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
            && self.older_than.is_none()
            && self.domain.is_none()
            && self.sender.is_none()
            && self.status.is_none()
    }

    fn domain(&self) -> Option<String> {
        self.domain.as_ref().map(|domain| domain.to_lowercase())
    }

    /// Whether a recipient is meant, of an entry that is.
    #[must_use]
    pub fn has(&self, to: &super::Recipient) -> bool {
        let domain = self.domain();
        let of = to.address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        domain.is_none_or(|domain| of == Some(domain)) && self.status.is_none_or(|status| status == to.status)
    }
}

impl Queue {
    /// Calls `each` for every entry that is meant, in the order of their names, until it says `false`. What comes or goes
    /// meanwhile may be in it or not. Returns the names that were given and are not there.
    ///
    /// # Errors
    /// 74, 75: the database; those of `each`.
    pub fn each(&self, which: &Selection, each: &mut dyn FnMut(Entry) -> Result<bool>) -> Result<Vec<String>> {
        let mut missing = Vec::new();
        if !which.ids.is_empty() {
            for id in &which.ids {
                match self.matching(which, Some(id), "")?.pop() {
                    Some(entry) => {
                        if !each(entry)? {
                            break;
                        }
                    }
                    None => missing.push(id.clone()),
                }
            }
            return Ok(missing);
        }
        let mut after = String::new();
        loop {
            let page = self.matching(which, None, &after)?;
            let more = page.len() == PAGE;
            for entry in page {
                after.clone_from(&entry.id);
                if !each(entry)? {
                    return Ok(missing);
                }
            }
            if !more {
                return Ok(missing);
            }
        }
    }

    fn matching(&self, which: &Selection, id: Option<&str>, after: &str) -> Result<Vec<Entry>> {
        let (mut sql, mut values) = (format!("SELECT {} FROM entry WHERE ", rows::ENTRY), Vec::new());
        let mut add = |condition: &str, value: Value| {
            sql.push_str(condition);
            values.push(value);
        };
        match id {
            Some(id) => add("id = ?", Value::Text(id.to_owned())),
            None => add("id > ?", Value::Text(after.to_owned())),
        }
        if let Some(age) = which.older_than {
            add(" AND arrived <= ?", Value::Integer(now().saturating_sub(super::schedule::seconds(age))));
        }
        if let Some(sender) = &which.sender {
            add(" AND sender = ? COLLATE NOCASE", Value::Text(sender.clone()));
        }
        let of = " AND EXISTS (SELECT 1 FROM recipient WHERE entry = id";
        match (which.domain(), which.status) {
            (Some(domain), None) => add(&format!("{of} AND domain = ?)"), Value::Text(domain)),
            (None, Some(status)) => add(&format!("{of} AND status = ?)"), Value::Text(status.word().to_owned())),
            (Some(domain), Some(status)) => {
                add(&format!("{of} AND domain = ?"), Value::Text(domain));
                add(" AND status = ?)", Value::Text(status.word().to_owned()));
            }
            (None, None) => {}
        }
        sql.push_str(&format!(" ORDER BY id LIMIT {PAGE}"));
        self.db.read(|t| {
            let mut query = t.prepare_cached(&sql)?;
            let found = query.query_map(params_from_iter(values), rows::entry)?;
            let mut found: Vec<Entry> = found.collect::<Result<_, _>>()?;
            for entry in &mut found {
                entry.to = rows::recipients(t, &entry.id)?;
            }
            Ok(found)
        })
    }

    /// When the oldest message came that is not delivered, refused or held; `None`: there is none.
    ///
    /// # Errors
    /// 74, 75: the database.
    pub fn oldest(&self) -> Result<Option<i64>> {
        let sql = "SELECT arrived FROM entry WHERE EXISTS (SELECT 1 FROM recipient WHERE entry = id
                   AND status IN ('waiting', 'unknown', 'handed-over')) ORDER BY id LIMIT 1";
        self.db.read(|t| Ok(t.query_row(sql, [], |row| row.get(0)).optional()?))
    }

    /// How many recipients there are in each state that has some.
    ///
    /// # Errors
    /// 74, 75: the database.
    pub fn counts(&self) -> Result<Vec<(Status, u64)>> {
        let sql = "SELECT count(*) FROM recipient WHERE status = ?";
        self.db.read(|t| {
            let mut query = t.prepare(sql)?;
            let mut counts = Vec::new();
            for status in Status::ALL {
                let n: i64 = query.query_row([status.word()], |row| row.get(0))?;
                counts.extend(u64::try_from(n).ok().filter(|n| *n > 0).map(|n| (status, n)));
            }
            Ok(counts)
        })
    }
}
