//! smtp-send(1): sends messages. Here are its flags; `inputs` knows where messages come from, `envelope` who they are from and for,
//! `delivery` the server, `queued` the queue, `report` what is said of it, and `run` is the loop through them.

mod delivery;
mod dialogue;
mod envelope;
mod inputs;
mod log;
mod pace;
mod page;
mod queued;
mod report;
mod run;
mod sendmail;
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
use crate::cli::{Failure, Outcome, Tool};
use crate::error::{Error, Exit, Result};
use crate::message::mbox::Variant;
use crate::net::endpoint::Place;
use clap::Parser;
use dialogue::Stop;
use pace::Rate;
use report::Report;
use run::Task;
use std::ffi::OsString;
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
    /// Stdin is an mbox of messages: mboxrd, or of the kind that is named (rd, o, cl, cl2).
    #[arg(long, value_name = "KIND", group = "many", num_args = 0..=1, require_equals = true, default_missing_value = "rd")]
    mbox: Option<Variant>,
    /// Stdin is messages that end with NUL.
    #[arg(short = '0', long, group = "many")]
    null: bool,
    /// Stdin is a JSON object a line with the key raw or raw64 for the message, perhaps from and to for the envelope.
    #[arg(long, group = "many")]
    ndjson: bool,
    /// The messages are these files, and all those of these Maildirs; recipients stand before this flag, or behind --.
    #[arg(long, value_name = "PATH", num_args = 1.., group = "many")]
    files: Vec<PathBuf>,
    /// With -t and many messages: send each to those whom its header names.
    #[arg(long, requires = "read_recipients")]
    resend_to_header: bool,
    /// Use so many connections at a time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = jobs)]
    jobs: usize,
    /// Send at most so many messages in a time, like 20/min, 5/s, 1000/h.
    #[arg(long, value_name = "N/TIME")]
    rate: Option<Rate>,
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
    /// Append a line for each message to FILE (created 0600), or give it to syslog, which listens at /dev/log or at SOCKET.
    #[arg(long, value_name = "FILE|syslog[:SOCKET]")]
    log: Option<String>,
    /// Go only so far with the server, send nothing, and print its last reply.
    #[arg(long, value_name = "POINT", conflicts_with_all = ["many", "run"])]
    stop_after: Option<Stop>,
    /// Talk to the server by hand, after TLS and login: a command a line on stdin, replies on stdout.
    #[arg(long, conflicts_with_all = ["many", "run", "stop_after", "recipients"])]
    talk: bool,
    /// Tell in the trace when each line was said, in seconds since the connection was made.
    #[arg(long, requires = "trace")]
    trace_times: bool,
    /// One JSON object for each recipient.
    #[arg(long)]
    json: bool,
    /// Take the rest of the arguments as sendmail(8) does, see SENDMAIL.
    #[arg(long, value_name = "ARGUMENT", num_args = 0.., allow_hyphen_values = true)]
    sendmail: Option<Vec<OsString>>,
    #[command(flatten)]
    routing: Routing,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "smtp-send";

/// How many connections anybody should have.
fn jobs(text: &str) -> std::result::Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=100).contains(n));
    number.ok_or_else(|| format!("{text}: not a number from 1 to 100"))
}

impl Tool for SmtpSend {
    const MAN: &'static str = page::MAN;

    fn run(mut self) -> Outcome {
        if let Some(arguments) = self.sendmail.take() {
            return sendmail::run(self, arguments);
        }
        let reach = self.reach();
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

    fn reach(&self) -> Result<Reach> {
        let reach = Reach::new(NAME, &self.common)?;
        Ok(if self.trace_times { reach.with_times() } else { reach })
    }

    /// Sends what stdin has, or the notice.
    fn send(&self, reach: Reach, notice: Option<Notice>) -> Outcome {
        let mut task = Task::new(self, reach, None)?;
        task.notice = notice;
        if self.routing.explain {
            return Ok(task.explain()?);
        }
        self.done(&task).map(|(exit, _)| exit)
    }

    /// Does it; also says whether somebody was refused for good.
    fn done(&self, task: &Task<'_>) -> std::result::Result<(Exit, bool), Failure> {
        if task.at.place == Place::Direct && (self.talk || self.stop_after.is_some()) {
            return Err(Failure::usage("--stop-after and --talk are for an account's server, not for --direct"));
        }
        let mut report = Report::new(self, task.reach.whole())?;
        let done = match self.stop_after {
            Some(stop) => task.up_to(stop, &mut report),
            None if self.talk => task.talk(),
            None => task.all(&mut report).and_then(|()| task.warn()),
        };
        let tried = !matches!(&done, Err(e) if e.exit() == Exit::Usage);
        let exit = report.end(tried);
        done?;
        Ok((exit?, report.has_refused()))
    }
}
