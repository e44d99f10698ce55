//! Messages into targets so that each comes once, whatever kills the program: where they are about to be is in the history before they
//! are there ([`Sink`](super::sink::Sink)).

use super::sink::{Every, Receipt, Sink};
use super::state::History;
use crate::error::Result;

/// A message has ended in `sink`, and is known to the history by `key`; `None`: by nothing. Whether it must be committed and recorded
/// before the next one.
///
/// # Errors
/// 74.
pub fn ended(history: &History<'_>, sink: &Every, key: Option<&[u8]>) -> Result<bool> {
    let notes = sink.notes();
    match key {
        _ if notes.is_empty() => {}
        Some(key) => history.note(key, &notes)?,
        None => return Ok(true),
    }
    Ok(sink.at_once())
}

/// Commits what has ended in `sink`, planned before that by the `keys`, one for each message; a message without one can't be found
/// again. The caller records it.
///
/// # Errors
/// As [`Sink::commit`] and [`History::plan`].
pub fn commit(history: &History<'_>, sink: &mut Every, keys: &[Option<&[u8]>]) -> Result<Vec<Receipt>> {
    let plans = sink.plans()?;
    let planned = keys.iter().zip(&plans).filter(|(_, plans)| !plans.is_empty());
    history.plan(planned.filter_map(|(key, plans)| Some(((*key)?, plans.as_slice()))))?;
    let noted = !sink.notes().is_empty();
    sink.commit().inspect_err(|_| {
        // What was only written is not on the disk, whatever is noted of it.
        if noted {
            let _ = history.forget_plans(keys.iter().flatten().copied());
        }
    })
}
