//! `mailfmt bounce`: a message for others, unchanged but for Resent- fields (RFC 5322 3.6.6).

use super::input::Input;
use super::output::{Chain, Output};
use super::set::split;
use super::stamp::Stamp;
use crate::cli::compose::{one, random, today};
use crate::cli::{Failure, Outcome, system};
use crate::error::{Error, Result};
use crate::message::addr;
use crate::message::compose::{message_id, message_id_of};
use crate::message::digest::Sha256;
use crate::message::edit::{Edit, edit};
use crate::message::reply::{people_of, text as address_text};
use clap::Args;

/// Sends a message on as it is: puts Resent- fields before it.
///
/// Every other byte stays. smtp-send -t takes its recipients from the Resent- fields.
#[derive(Args, Debug)]
pub(super) struct Bounce {
    #[command(flatten)]
    input: Input,
    /// Compose: who it is from (default: USER@HOST).
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Compose: addresses for To.
    #[arg(long, value_name = "ADDRESS,...")]
    to: Vec<String>,
    /// Compose: addresses for Cc.
    #[arg(long, value_name = "ADDRESS,...")]
    cc: Vec<String>,
    /// Compose: blind recipients.
    #[arg(long, value_name = "ADDRESS,...")]
    bcc: Vec<String>,
    #[command(flatten)]
    stamp: Stamp,
    #[command(flatten)]
    output: Output,
}

impl Bounce {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let host = system::host_name();
        let fixed = self.stamp.fixed()?;
        let from = match &self.from {
            Some(from) => address_text(&one("--from", from, &host)?),
            None => format!("{}@{host}", system::user_name()),
        };
        let mut named = vec![("Resent-From", from)];
        for (name, flag, texts) in
            [("Resent-To", "--to", &self.to), ("Resent-Cc", "--cc", &self.cc), ("Resent-Bcc", "--bcc", &self.bcc)]
        {
            if !texts.is_empty() {
                named.push((name, list(flag, texts)?));
            }
        }
        if named.len() == 1 {
            return Err(Failure::usage("nobody gets it: --to, --cc and --bcc say who"));
        }
        let date = fixed.date.unwrap_or_else(|| today().to_string());
        let mut writer = self.output.writer();
        let exit = self.input.each(|item| {
            if self.stamp.has_id() && item.number > 1 {
                return Err(Error::usage("--message-id is for one message"));
            }
            let (header, behind) = split(item.body)?;
            let id = match (&fixed.message_id, &fixed.seed) {
                (Some(id), _) => id.clone(),
                (None, Some(seed)) => {
                    let mut hash = Sha256::default();
                    hash.push(format!("{seed} {date} {}\n", item.number).as_bytes());
                    hash.push(header.raw());
                    message_id_of(hash, &host)
                }
                (None, None) => message_id(random()?, &host),
            };
            let mut fields = named.clone();
            fields.insert(1, ("Resent-Date", date.clone()));
            fields.push(("Resent-Message-ID", id));
            let edits: Vec<Edit> =
                fields.into_iter().rev().map(|(name, value)| Edit::Prepend(name.to_owned(), value)).collect();
            let header = edit(&header, &edits)?;
            let rest = Chain::new(behind.as_slice(), &mut *item.body);
            writer.put(&mut Chain::new(header.as_slice(), rest), &item.about, item.many)?;
            Ok(true)
        })?;
        writer.end()?;
        Ok(exit)
    }
}

/// The addresses of a flag, to be written.
pub(super) fn list(flag: &str, texts: &[String]) -> Result<String> {
    let mut all = Vec::new();
    for text in texts {
        if crate::text::breaks_line(text) {
            return Err(Error::usage(format!("{flag} {text}: a line break or NUL")));
        }
        addr::checked(text.as_bytes()).map_err(|e| e.with_exit(crate::error::Exit::Usage).at(flag))?;
        let found = people_of(text.as_bytes());
        if found.is_empty() {
            return Err(Error::usage(format!("{flag} {text}: no address")));
        }
        all.extend(found.iter().map(address_text));
    }
    Ok(all.join(", "))
}
