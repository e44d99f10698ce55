//! smtp-send(1): sends messages. Here are its flags; `inputs` knows where messages come from, `envelope` who they are from and for,
//! `delivery` the server, `report` what is said of it, and `run` is the loop through them.

mod delivery;
mod envelope;
mod inputs;
mod page;
mod report;
mod run;

use crate::cli::args::Common;
use crate::cli::compose::Compose;
use crate::cli::envelope::Parameters;
use crate::cli::{Outcome, Tool};
use crate::error::Exit;
use clap::Parser;
use report::Report;
use run::Task;
use std::path::PathBuf;

/// Sends a message by SMTP or LMTP.
#[derive(Parser)]
#[command(name = "smtp-send", version)]
pub struct SmtpSend {
    /// Who gets it.
    #[arg(value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// The account: local:, or a URL like smtps://USER@mail.example.org or lmtp+unix:/run/lmtp.
    #[arg(short, long, value_name = "ACCOUNT:")]
    account: Option<String>,
    /// Send to the addresses in To, Cc and Bcc, or only in the Resent- ones if there are any, too.
    #[arg(short = 't', long)]
    read_recipients: bool,
    /// The envelope sender, where bounces go; <> for none (default: the message's Sender or From).
    #[arg(short = 'f', long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    #[command(flatten)]
    compose: Compose,
    #[command(flatten)]
    parameters: Parameters,
    /// Stdin is an mbox of messages, which are sent over one connection.
    #[arg(long)]
    mbox: bool,
    /// Refuse a message with a CR that is not part of a line end, instead of ending the line there.
    #[arg(long)]
    strict: bool,
    /// Send even if stdin is empty.
    #[arg(long)]
    allow_empty: bool,
    /// Write the recipients that are not done to FILE, one a line.
    #[arg(long, value_name = "FILE")]
    failed: Option<PathBuf>,
    /// Tell what would be sent; connect to nobody.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each recipient.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "smtp-send";

impl Tool for SmtpSend {
    const MAN: &'static str = page::MAN;

    fn run(self) -> Outcome {
        let task = Task::new(&self)?;
        let mut report = Report::new(&self, task.reach.whole())?;
        let done = task.all(&mut report);
        let tried = !matches!(&done, Err(e) if e.exit() == Exit::Usage);
        let exit = report.end(tried);
        done?;
        Ok(exit?)
    }
}
