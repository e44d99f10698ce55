//! smtp-queue(1): the outgoing queue, what is in it and what becomes of that.

mod check;
mod list;
mod run;

use crate::cli::exit::{Tally, complain};
use crate::cli::queue::existing_queue;
use crate::cli::{Failure, Outcome, Tool};
use crate::error::{Error, Exit, Result};
use crate::queue::{Action, Queue, Selection, Status};
use crate::text::duration::duration;
use clap::{Args, Parser, Subcommand};
use std::time::Duration;

/// Lists, delivers and manages the messages of the outgoing queue.
#[derive(Parser, Debug)]
#[command(name = "smtp-queue", version, disable_help_subcommand = true, propagate_version = true)]
pub struct SmtpQueue {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Ls(list::Ls),
    Show(list::Show),
    Cat(list::Cat),
    Run(Box<run::Run>),
    Hold(Hold),
    Release(Release),
    Retry(Retry),
    Rm(Rm),
    Bounce(Bounce),
    Check(check::Check),
}

/// Tries nothing more until the messages are released.
#[derive(Args, Debug)]
struct Hold {
    #[command(flatten)]
    which: Chosen,
}

/// Lets messages that are held, or held back as their senders wished, go at the next run.
#[derive(Args, Debug)]
struct Release {
    #[command(flatten)]
    which: Chosen,
}

/// Lets messages that wait be tried at the next run, and forgets that their accounts are paused.
#[derive(Args, Debug)]
struct Retry {
    #[command(flatten)]
    which: Chosen,
}

/// Removes messages; nobody is told.
#[derive(Args, Debug)]
struct Rm {
    #[command(flatten)]
    which: Chosen,
}

/// Gives messages up; the next run tells their senders.
#[derive(Args, Debug)]
struct Bounce {
    #[command(flatten)]
    which: Chosen,
}

/// Which messages.
#[derive(Args, Clone, Debug, Default)]
struct Which {
    /// The messages, by name.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Of those, or of all, the ones that arrived longer ago than this.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    older_than: Option<Duration>,
    /// Those with a recipient at this domain.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Those with this envelope sender; <> is none.
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Those with a recipient in this state: waiting, held, handed-over, unknown, done or refused.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Option<Status>,
}

/// The same, where none at all must be said.
#[derive(Args, Clone, Debug, Default)]
struct Chosen {
    #[command(flatten)]
    which: Which,
    /// All messages.
    #[arg(long)]
    all: bool,
}

fn status(word: &str) -> Result<Status, String> {
    let all = Status::ALL.map(Status::word).join(", ");
    Status::named(word).ok_or_else(|| format!("{word}: not a state (there are {all})"))
}

impl Which {
    fn selection(&self) -> Result<Selection, Failure> {
        if self.ids.iter().any(String::is_empty) {
            return Err(Failure::usage("an empty message name"));
        }
        let sender = self.sender.as_deref().map(|sender| if sender == "<>" { "" } else { sender }.to_owned());
        Ok(Selection {
            ids: self.ids.clone(),
            older_than: self.older_than,
            domain: self.domain.clone(),
            sender,
            status: self.status,
        })
    }
}

const NAME: &str = "smtp-queue";

impl Chosen {
    /// Does it to each of them; the status of all.
    fn act(&self, what: &mut dyn FnMut(&Queue, &str, &Selection) -> Result<usize>) -> Outcome {
        let which = self.which.selection()?;
        if which.is_empty() && !self.all {
            return Err(
                Failure::usage("which messages?").advise("name them, or say --older-than, --domain, ... or --all")
            );
        }
        let mut tally = Tally::default();
        let missing = |tally: &mut Tally, id: &str| {
            complain(NAME, &format!("{id}: not in the queue"), None);
            tally.failed(Exit::NoInput);
        };
        let Some(queue) = existing_queue()? else {
            which.ids.iter().for_each(|id| missing(&mut tally, id));
            return Ok(tally.exit());
        };
        let absent = queue.each(&which, &mut |entry| {
            match what(&queue, &entry.id, &which) {
                Ok(0) => {
                    complain(NAME, &format!("{}: in no state for that", entry.id), None);
                    tally.failed(Exit::Data);
                }
                Ok(_) => tally.done(),
                Err(e) if e.exit() == Exit::IoErr => return Err(e),
                Err(e) => {
                    complain(NAME, &e.to_string(), e.advice());
                    tally.failed(e.exit());
                }
            }
            Ok(true)
        })?;
        absent.iter().for_each(|id| missing(&mut tally, id));
        Ok(tally.exit())
    }
}

impl Tool for SmtpQueue {
    const MAN: &'static str = include_str!("smtp_queue/manual.mdoc");

    fn run(self) -> Outcome {
        let act = |which: &Chosen, action| which.act(&mut |queue, id, which| queue.act(id, action, which));
        match self.what {
            What::Ls(ls) => ls.run(),
            What::Show(show) => show.run(),
            What::Cat(cat) => cat.run(),
            What::Run(run) => run.run(),
            What::Hold(hold) => act(&hold.which, Action::Hold),
            What::Release(release) => act(&release.which, Action::Release),
            What::Retry(retry) => act(&retry.which, Action::Retry),
            What::Bounce(bounce) => act(&bounce.which, Action::Bounce),
            What::Rm(rm) => rm.which.act(&mut |queue, id, _| queue.remove(id).map(|()| 1)),
            What::Check(check) => check.run(),
        }
    }
}

/// There is no message of that name.
fn no_such(id: &str) -> Error {
    Error::no_input(format!("{id}: not in the queue"))
}
