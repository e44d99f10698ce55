//! Which parts of a message are meant.

use super::describe::numbered;
use super::show::is_shown;
use crate::cli::args::PartNumber;
use crate::error::{Error, Result};
use crate::message::decode::file_name;
use crate::message::filename::matches;
use crate::message::mime::Part;
use clap::Args;

/// The flags.
#[derive(Args, Clone, Debug)]
pub(super) struct Selection {
    /// This part, by its number in tree.
    #[arg(long, value_name = "N[.N]...")]
    part: Vec<PartNumber>,
    /// Parts with such a name: * is anything, ? one character.
    #[arg(long, value_name = "GLOB")]
    name: Vec<String>,
    /// Parts of such a type, like application/pdf or image/*.
    #[arg(long, value_name = "GLOB")]
    r#type: Vec<String>,
    /// The part with this Content-ID.
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// All parts, texts too.
    #[arg(long)]
    all: bool,
}

impl Selection {
    /// The parts that are chosen, in order, with their numbers.
    ///
    /// # Errors
    /// 66: there is no part of such a number.
    pub(super) fn of<'p>(&self, message: &'p Part) -> Result<Vec<(String, &'p Part)>> {
        let selects = !(self.part.is_empty() && self.name.is_empty() && self.r#type.is_empty() && self.id.is_empty());
        let numbers: Vec<String> = self.part.iter().map(PartNumber::to_string).collect();
        let all = numbered(message);
        if let Some(missing) = numbers.iter().find(|wanted| !all.iter().any(|(number, _)| number == *wanted)) {
            return Err(Error::no_input(format!("there is no part {missing}")));
        }
        let mut chosen = Vec::new();
        // The end of an attached message that is taken whole.
        let mut inside = 0;
        for (number, part) in all {
            let fits = if selects {
                (self.all && !part.is_multipart()) || numbers.contains(&number) || self.fits(part)
            } else if part.is_multipart() || part.header_at.start < inside {
                false
            } else {
                self.all || !is_shown(part) || file_name(part).is_some()
            };
            if fits {
                if part.message().is_some() {
                    inside = part.body_at.end;
                }
                chosen.push((number, part));
            }
        }
        Ok(chosen)
    }

    fn fits(&self, part: &Part) -> bool {
        if part.is_multipart() {
            return false;
        }
        let kind = format!("{}/{}", part.content_type.kind, part.content_type.subtype);
        let bare = |id: &str| id.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
        let id = part.id().map(|id| bare(&String::from_utf8_lossy(&id)));
        let name = file_name(part);
        self.r#type.iter().any(|glob| matches(glob, &kind))
            || name.is_some_and(|name| self.name.iter().any(|glob| matches(glob, &name)))
            || id.is_some_and(|id| self.id.iter().any(|wanted| bare(wanted) == id))
    }
}
