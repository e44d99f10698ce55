//! `mailfmt lint --kind`: which kind of mbox a file is, and why.

use super::cursor::pour;
use super::input::open;
use super::screen::Screen;
use crate::cli::Outcome;
use crate::cli::exit::{Tally, complain};
use crate::error::{Error, Result};
use crate::message::mbox::{Doubt, Survey};
use crate::text::escape;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Tells it of each file.
///
/// # Errors
/// 65: it is no mbox; 66, 74.
pub(super) fn tell(files: &[PathBuf], as_json: bool) -> Outcome {
    let (mut screen, mut tally) = (Screen::new(true), Tally::default());
    let nothing = [PathBuf::from("-")];
    for path in if files.is_empty() { &nothing[..] } else { files } {
        match one(path, as_json, &mut screen) {
            Ok(()) => tally.done(),
            Err(e) => {
                screen.flush()?;
                complain("mailfmt", &e.to_string(), None);
                tally.failed(e.exit());
            }
        }
    }
    screen.flush()?;
    Ok(tally.exit())
}

fn one(path: &Path, as_json: bool, screen: &mut Screen) -> Result<()> {
    let name = path.display().to_string();
    let shown = escape(&name);
    let mut doubts = Vec::new();
    let line = |screen: &mut Screen, doubt: Doubt| {
        let Doubt { line, offset, why } = doubt;
        if as_json {
            let object = json!({ "file": name, "line": line, "column": 1, "offset": offset, "severity": "warning",
                "code": "doubtful-from", "text": why });
            return screen.line(&object.to_string());
        }
        screen.line(&format!("{shown}:{line}:1: warning doubtful-from {why}"))
    };
    let mut survey = Survey::default();
    pour(&mut open(Some(path))?, &mut |piece| {
        survey.push(piece, &mut |doubt| doubts.push(doubt));
        doubts.drain(..).try_for_each(|doubt| line(screen, doubt))
    })?;
    let verdict = survey.finish(&mut |doubt| doubts.push(doubt));
    doubts.drain(..).try_for_each(|doubt| line(screen, doubt))?;
    let verdict =
        verdict.ok_or_else(|| Error::data(format!("{name}: no mbox: the first line does not begin with 'From '")))?;
    let (kind, reason, messages) = (verdict.kind.word(), &verdict.reason, verdict.messages);
    if as_json {
        let object = json!({ "file": name, "severity": "note", "code": "mbox-kind", "kind": kind, "messages": messages,
            "text": reason });
        return screen.line(&object.to_string());
    }
    let plural = if messages == 1 { "" } else { "s" };
    screen.line(&format!("{shown}:1:1: note mbox-kind {kind}, {messages} message{plural}: {reason}"))
}
