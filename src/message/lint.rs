//! Checking a message against the standards, as a stream: [`lint`] tells each finding with its place.
//!
//! Header sections: RFC 5322, 6532, 2047; MIME: RFC 2045, 2046, 2231; bytes and lines: RFC 5322 2.1.1, 2.3, RFC 2045 6.
//! Left out: what stands inside attached content, whether addresses exist, signatures.

mod body;
mod fields;
mod rules;

use super::mime::{Defect, Part, walk};
use super::recode::{Mark, each};
use crate::body::Rewind;
use crate::error::Result;
use body::Bytes;
pub use fields::is_once;
pub use rules::{Code, Profile, Severity};
use std::collections::BTreeMap;

/// Of one code so many findings are told, and then how many more there are.
pub const MAX: u64 = 100;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Offset in the message.
    pub offset: u64,
    /// The line, from 1.
    pub line: u64,
    /// The byte in it, from 1.
    pub column: u64,
    /// How bad it is.
    pub severity: Severity,
    /// What kind of thing it is.
    pub code: Code,
    /// What it is, in words; one line, escaped.
    pub text: String,
}

/// How much there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Errors.
    pub errors: u64,
    /// Warnings.
    pub warnings: u64,
    /// Line ends in the message.
    pub lines: u64,
}

/// Tells each finding, in the order of their lines.
///
/// # Errors
/// Those of `message` and of `tell`.
pub fn lint(
    message: &mut dyn Rewind,
    profile: Profile,
    tell: &mut dyn FnMut(&Finding) -> Result<()>,
) -> Result<Counts> {
    let tree = walk(&mut *message.rewind()?)?;
    let (mut found, mut marks, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
    entity(&tree, true, &mut found, &mut marks, &mut leaves);
    found.sort_by_key(|(offset, ..)| *offset);
    let mut told = Told { profile, tell, of: BTreeMap::new(), counts: Counts::default() };
    let mut bytes = Bytes::new(found);
    each(message, &marks, &mut |mark, piece| {
        let leaf = mark.filter(|mark| mark.is_body).and_then(|mark| leaves.get(mark.entity));
        bytes.push(leaf.copied(), mark.is_some_and(|mark| !mark.is_body), piece, &mut told)
    })?;
    bytes.end(&mut told)?;
    told.end(bytes.place())
}

/// What is found in header sections: offset, code, text.
type Found = Vec<(u64, Code, String)>;

fn entity<'p>(part: &'p Part, is_message: bool, found: &mut Found, marks: &mut Vec<Mark>, leaves: &mut Vec<&'p Part>) {
    let index = leaves.len();
    leaves.push(part);
    marks.push(Mark { start: part.header_at.start, end: part.header_at.end, entity: index, is_body: false });
    if part.parts.is_empty() {
        marks.push(Mark { start: part.body_at.start, end: part.body_at.end, entity: index, is_body: true });
    }
    fields::check(part, is_message, found);
    for defect in &part.defects {
        let (code, at) = match defect {
            Defect::NoBoundary => (Code::NoBoundary, part.header_at.start),
            Defect::NotClosed => (Code::NotClosed, part.body_at.end),
            Defect::NoEmptyLine => (Code::NoEmptyLine, part.header_at.end),
            Defect::HeaderCut | Defect::TooDeep | Defect::TooMany => (Code::NotChecked, part.header_at.start),
        };
        found.push((at, code, defect.words().to_owned()));
    }
    let message = part.message().is_some();
    part.parts.iter().for_each(|child| entity(child, message, found, marks, leaves));
}

/// What was told so far.
struct Told<'t> {
    profile: Profile,
    tell: &'t mut dyn FnMut(&Finding) -> Result<()>,
    of: BTreeMap<Code, u64>,
    counts: Counts,
}

/// Where something is: offset, line, column.
type Place = (u64, u64, u64);

impl Told<'_> {
    fn add(&mut self, at: Place, code: Code, text: impl FnOnce() -> String) -> Result<()> {
        let Some(severity) = code.severity(self.profile) else { return Ok(()) };
        match severity {
            Severity::Error => self.counts.errors += 1,
            Severity::Warning => self.counts.warnings += 1,
        }
        let n = self.of.entry(code).or_default();
        *n += 1;
        if *n > MAX {
            return Ok(());
        }
        self.told(at, code, severity, text())
    }

    fn told(&mut self, (offset, line, column): Place, code: Code, severity: Severity, text: String) -> Result<()> {
        (self.tell)(&Finding { offset, line, column, severity, code, text: crate::text::escape(text) })
    }

    fn end(mut self, at: Place) -> Result<Counts> {
        for (code, n) in std::mem::take(&mut self.of) {
            if let (Some(severity), true) = (code.severity(self.profile), n > MAX) {
                self.told(at, code, severity, format!("{} more of these", n - MAX))?;
            }
        }
        self.counts.lines = at.1.saturating_sub(1);
        Ok(self.counts)
    }
}

#[cfg(test)]
mod tests;
