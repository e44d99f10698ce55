//! A server has given the UIDs of a folder anew (RFC 9051 2.3.1.1): which of its messages have been pulled is known by their Message-ID
//! and size.

use super::NAME;
use super::journal::{FIELDS, Journal, identity};
use crate::body::Body;
use crate::cli::exit::complain;
use crate::client::imap::{Client, Fetched, Rows, Which};
use crate::error::{Error, Result};
use crate::message::header::{Collect, Header};
use crate::proto::imap::response::BodyName;
use crate::proto::imap::section::{FetchItem, Of, Section};
use crate::store::state::PulledMessage;
use std::collections::HashMap;

/// Looks through the folder and tells what it has found: the messages that were fetched before, by their new UIDs.
pub(super) fn recover(
    client: &mut Client,
    shown: &str,
    folder: &str,
    validity: u32,
    journal: &Journal<'_>,
) -> Result<Vec<PulledMessage>> {
    let mut before: HashMap<(String, u64), Vec<PulledMessage>> = HashMap::new();
    let all = journal.history.messages()?;
    let many = all.len();
    for message in all.into_iter().rev() {
        before.entry((message.id.clone(), message.size)).or_default().push(message);
    }
    let section = Section { part: Vec::new(), what: Of::Fields(FIELDS.map(str::to_owned).to_vec()) };
    let items = [FetchItem::Rfc822Size, FetchItem::Section { section, peek: true, partial: None }];
    let mut rows = Known { before, known: Vec::new(), header: None, validity, changed: false, total: 0 };
    client.fetch_from(folder, Which::All, &items, &mut rows)?;
    if rows.changed {
        return Err(Error::temporary(format!("{shown}: UIDVALIDITY changes all the time")));
    }
    let (known, total) = (rows.known, rows.total);
    let was = journal.validity;
    complain(
        NAME,
        &format!(
            "{shown}: UIDVALIDITY was {was} and is {validity}: by Message-ID and size, {} of its {total} messages are among the {many} \
             that were fetched before",
            known.len()
        ),
        None,
    );
    Ok(known)
}

/// Finds the messages that were pulled under other UIDs.
struct Known {
    before: HashMap<(String, u64), Vec<PulledMessage>>,
    known: Vec<PulledMessage>,
    /// Of the row with that number.
    header: Option<(u32, Header)>,
    validity: u32,
    /// It is yet another one.
    changed: bool,
    total: u64,
}

impl Rows for Known {
    fn opened(&mut self, folder: crate::client::imap::Opened) -> Result<()> {
        self.changed = folder.uid_validity != self.validity;
        Ok(())
    }

    fn literal(&mut self, so_far: &Fetched, _: &BodyName, _: u64, body: &mut dyn Body) -> Result<()> {
        let mut collect = Collect::default();
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() || collect.push(piece).is_some() {
                break;
            }
        }
        self.header = Some((so_far.number, collect.finish()));
        Ok(())
    }

    fn row(&mut self, row: Fetched) -> Result<()> {
        self.total = self.total.saturating_add(1);
        let header = self.header.take().filter(|(number, _)| *number == row.number);
        let id = header.map(|(_, header)| identity(&header)).unwrap_or_default();
        let key = (id, row.size.unwrap_or(0));
        if let Some(message) = self.before.get_mut(&key).and_then(Vec::pop) {
            self.known.push(PulledMessage { uid: row.uid, ..message });
        }
        Ok(())
    }
}
