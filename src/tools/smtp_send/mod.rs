//! smtp-send(1): sends messages. Here are its flags; `inputs` knows where messages come from, `envelope` who they are from and for,
//! `delivery` the server, `queued` the queue, `report` what is said of it, and `run` is the loop through them.

mod delivery;
mod envelope;
mod inputs;
mod page;
mod queued;
mod report;
mod run;
mod watch;

use crate::cli::args::Common;
use crate::cli::compose::Compose;
use crate::cli::connect::Reach;
use crate::cli::envelope::Parameters;
use crate::cli::queue::Queueing;
use crate::cli::rewriting::Rewriting;
use crate::cli::route::Routing;
use crate::cli::run::Run;
use crate::cli::sent::Sent;
use crate::cli::{Outcome, Tool};
use crate::error::{Error, Exit, Result};
use clap::Parser;
use report::Report;
use run::Task;
use std::path::PathBuf;
use watch::Notice;

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
    run: Run,
    #[command(flatten)]
    parameters: Parameters,
    #[command(flatten)]
    rewriting: Rewriting,
    #[command(flatten)]
    sent: Sent,
    /// Stdin is an mbox of messages, which are sent over one connection.
    #[arg(long)]
    mbox: bool,
    /// Refuse a message with a CR that is not part of a line end, instead of ending the line there.
    #[arg(long)]
    strict: bool,
    /// Send even if stdin is empty.
    #[arg(long)]
    allow_empty: bool,
    #[command(flatten)]
    queueing: Queueing,
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
    routing: Routing,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "smtp-send";

impl Tool for SmtpSend {
    const MAN: &'static str = page::MAN;

    fn run(self) -> Outcome {
        let reach = Reach::new(NAME, &self.common);
        if self.run.run {
            self.watch(reach)
        } else if self.run.alert.key.is_some() {
            self.alert(reach?)
        } else {
            self.send(reach?, None)
        }
    }
}

impl SmtpSend {
    /// Recipients that are arguments; those behind `--` too.
    ///
    /// # Errors
    /// 64: one is not UTF-8.
    fn recipients(&self) -> Result<Vec<String>> {
        let more = self.run.command.iter().filter(|_| !self.run.run).map(|word| {
            word.to_str().map(str::to_owned).ok_or_else(|| Error::usage(format!("{}: not UTF-8", word.display())))
        });
        self.recipients.iter().cloned().map(Ok).chain(more).collect()
    }

    /// Sends what stdin has, or the notice.
    fn send(&self, reach: Reach, notice: Option<Notice>) -> Outcome {
        let task = Task::new(self, reach, notice)?;
        if self.routing.explain {
            return Ok(task.explain()?);
        }
        let mut report = Report::new(self, task.reach.whole())?;
        let done = task.all(&mut report).and_then(|()| task.warn());
        let tried = !matches!(&done, Err(e) if e.exit() == Exit::Usage);
        let exit = report.end(tried);
        done?;
        Ok(exit?)
    }
}
