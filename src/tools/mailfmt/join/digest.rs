//! `--digest`: one message that has the others as its parts (RFC 2046 5.1.5), each with all its bytes.

use super::Join;
use crate::body::Body;
use crate::cli::compose::{one, random, today};
use crate::cli::{Outcome, system};
use crate::error::{Error, Result};
use crate::message::compose::{message_id, message_id_of};
use crate::message::digest::Sha256;
use crate::message::edit::{Edit, edit};
use crate::message::facts::Facts;
use crate::message::header::Header;
use crate::message::reply::text as address_text;
use crate::store::sink::{About, Every, Sink};
use crate::store::spool::Spool;
use crate::tools::mailfmt::bounce::list;
use crate::tools::mailfmt::cursor::pour;
use std::ops::Range;

/// The messages, kept until all are there.
#[derive(Default)]
struct Kept {
    all: Spool,
    at: Vec<Range<u64>>,
    hash: Sha256,
    eight_bit: bool,
    binary: bool,
    /// Whether a line of them may be a boundary of ours.
    like_boundary: bool,
}

/// Writes it.
///
/// # Errors
/// 64: no address, no letters; 65: no message; 74.
pub(super) fn write(join: &Join, sink: &mut Every) -> Outcome {
    let host = system::host_name();
    let fixed = join.stamp.fixed()?;
    let letters = |seed: &String| (1..=50).contains(&seed.len()) && seed.bytes().all(|b| b.is_ascii_alphanumeric());
    if fixed.seed.as_ref().is_some_and(|seed| !letters(seed)) {
        return Err(Error::usage("--seed: up to 50 letters and digits").into());
    }
    let from = match &join.from {
        Some(from) => address_text(&one("--from", from, &host)?),
        None => format!("{}@{host}", system::user_name()),
    };
    let mut fields = vec![("From", from)];
    if !join.to.is_empty() {
        fields.push(("To", list("--to", &join.to)?));
    }
    let mut kept = Kept::default();
    let exit = join.input.each(|item| kept.push(item.body).map(|()| true))?;
    if kept.at.is_empty() {
        return Err(Error::data("no message").into());
    }
    let subject = || format!("Digest of {} messages", kept.at.len());
    fields.push(("Subject", join.subject.clone().unwrap_or_else(subject)));
    fields.push(("Date", fixed.date.unwrap_or_else(|| today().to_string())));
    let seed = match &fixed.seed {
        Some(seed) => seed.clone(),
        None => random()?.iter().map(|b| format!("{b:02x}")).collect(),
    };
    let id = match (fixed.message_id, &fixed.seed) {
        (Some(id), _) => id,
        (None, Some(seed)) => {
            fields.iter().for_each(|(_, value)| kept.hash.push(format!("{seed} {value}\n").as_bytes()));
            message_id_of(std::mem::take(&mut kept.hash), &host)
        }
        (None, None) => message_id(random()?, &host),
    };
    fields.push(("Message-ID", id));
    fields.push(("MIME-Version", "1.0".to_owned()));
    let boundary = kept.boundary(&seed)?;
    fields.push(("Content-Type", format!("multipart/digest; boundary=\"{boundary}\"")));
    let encoding = if kept.binary { Some("binary") } else { kept.eight_bit.then_some("8bit") };
    fields.extend(encoding.map(|name| ("Content-Transfer-Encoding", name.to_owned())));
    let edits: Vec<Edit> = fields.into_iter().map(|(name, value)| Edit::Append(name.to_owned(), value)).collect();
    let header = edit(&Header::parse(Vec::new()), &edits)?;

    sink.begin(&About::default())?;
    sink.write(&header)?;
    for range in &kept.at {
        sink.write(format!("\n--{boundary}\n\n").as_bytes())?;
        pour(&mut kept.all.part(range)?, &mut |piece| sink.write(piece))?;
    }
    sink.write(format!("\n--{boundary}--\n").as_bytes())?;
    sink.end()?;
    sink.commit()?;
    Ok(exit)
}

impl Kept {
    fn push(&mut self, body: &mut dyn Body) -> Result<()> {
        let (from, mut facts) = (self.all.len(), Facts::default());
        pour(body, &mut |piece| {
            facts.push(piece);
            self.hash.push(piece);
            self.all.push(piece)
        })?;
        facts.end();
        self.at.push(from..self.all.len());
        self.eight_bit |= facts.eight_bit > 0 || facts.eight_bit_header;
        self.binary |= facts.nul || facts.lone_crs > 0 || facts.overlong_line > 0;
        self.like_boundary |= facts.like_boundary;
        Ok(())
    }

    /// A boundary that is in no message.
    fn boundary(&mut self, seed: &str) -> Result<String> {
        let mut number = 1u64;
        loop {
            let boundary = format!("=_{seed}.{number}");
            if !self.like_boundary || !self.all.body()?.holds(format!("--{boundary}").as_bytes())? {
                return Ok(boundary);
            }
            number += 1;
        }
    }
}
