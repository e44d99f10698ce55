//! `smtp-queue run`.

use super::NAME;
use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::queue::carrier::{Attempts, Carrier, Telling};
use crate::cli::queue::forever::{run_forever, run_once, schedule};
use crate::cli::queue::{existing_queue, queue};
use crate::cli::{Outcome, signals};
use crate::error::Exit;
use clap::Args;
use std::io::Write;

/// Delivers what is due.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// Go on: deliver what comes in, and what becomes due, until a signal comes.
    #[arg(long)]
    forever: bool,
    /// One JSON object for each attempt.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

impl Run {
    pub(super) fn run(self) -> Outcome {
        let reach = Reach::new(NAME, &self.common)?;
        let schedule = schedule(&reach)?;
        let attempts = self.json.then(|| {
            let write = |entry: &crate::queue::Entry, to: &crate::queue::Recipient| {
                let line = format!("{}\n", super::list::recipient(entry, to));
                // What was delivered is, whoever reads on.
                let _ = std::io::stdout().write_all(line.as_bytes());
            };
            Box::new(write) as Attempts
        });
        let telling = if self.common.verbose { Telling::Steps } else { Telling::Trouble };
        let carrier = Carrier::new(NAME, &self.common, reach, telling, attempts)?;
        // What is on its way is brought to its end.
        let stop = signals::stop()?;
        if self.forever {
            run_forever(&queue()?, &schedule, &carrier, stop);
            return Ok(Exit::Ok);
        }
        if let Some(queue) = existing_queue()? {
            run_once(&queue, &schedule, &carrier, &stop)?;
        }
        Ok(carrier.trouble().unwrap_or(Exit::Ok))
    }
}
