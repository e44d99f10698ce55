//! `mailfmt lint`: what is wrong with messages, and where.

use super::cursor::spool;
use super::input::Input;
use super::kind;
use super::screen::Screen;
use crate::cli::Outcome;
use crate::error::Exit;
use crate::message::lint::{Profile, lint};
use crate::text::escape;
use clap::Args;

/// Checks messages against the standards: file:line:col: severity code text.
///
/// A gate before smtp-send: the status is 65 if there are errors. Lines of an mbox are counted in the mbox; of messages that end
/// with NUL, and of JSON lines, in the message.
#[derive(Args, Debug)]
pub(super) struct Lint {
    #[command(flatten)]
    input: Input,
    /// Mind only what breaks on the way, or can't be read; the rest are warnings, or nothing.
    #[arg(long)]
    lenient: bool,
    /// Tell of mboxes which kind each is (rd, o, cl, cl2), by what that is told, and which From lines are doubtful; check nothing else.
    #[arg(long, conflicts_with_all = ["lenient", "quiet", "variant", "null", "ndjson", "one"])]
    kind: bool,
    /// Print one JSON object a finding.
    #[arg(long)]
    json: bool,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
}

impl Lint {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        if self.kind {
            return kind::tell(&self.input.files, self.json);
        }
        let mut screen = Screen::new(true);
        let profile = if self.lenient { Profile::Lenient } else { Profile::Strict };
        let mut errors = 0u64;
        let exit = self.input.each(|item| {
            let mut message = spool(item.body, |_| {})?;
            let name = item.file.map_or_else(|| "-".to_owned(), |path| escape(path.display().to_string()));
            let before = item.lines_before;
            let counts = lint(&mut message, profile, &mut |finding| {
                let line = finding.line + before;
                let (severity, code, text) = (finding.severity.word(), finding.code.word(), &finding.text);
                if self.quiet && severity != "error" {
                    return Ok(());
                }
                if self.json {
                    let object = serde_json::json!({ "file": name, "message": item.number, "line": line, "column": finding.column,
                        "offset": finding.offset, "severity": severity, "code": code, "text": text });
                    return screen.line(&object.to_string());
                }
                screen.line(&format!("{name}:{line}:{}: {severity} {code} {text}", finding.column))
            })?;
            errors += counts.errors;
            item.lines = counts.lines;
            Ok(true)
        })?;
        screen.flush()?;
        Ok(if errors > 0 { Exit::Data } else { exit })
    }
}
