//! sendmail(8): the command line that cron, git, mutt, PHP and everybody else calls, in its own grammar.
//!
//! Left out: the daemon (`-bd`), the address tester (`-bt`), the rule tester; what those do is told as 64.

mod arguments;
mod message;
mod queue;
mod session;

use super::SmtpSend;
use super::run::Task;
use crate::cli::Outcome;
use crate::cli::exit::complain;
use crate::cli::out::Out;
use crate::cli::route;
use crate::error::{Error, Exit, Result};
use crate::message::addr::{self, Address};
use crate::message::outgoing::or_domain;
use crate::text::escape;
use arguments::{Arguments, Mode, Part};
pub(super) use message::{Dotted, WithFrom};
use std::ffi::OsString;

/// What is different when a message is sent as sendmail(8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manner {
    /// A line of one dot is text, and not the end.
    pub dots_are_text: bool,
    /// For From, where the message has none.
    pub full_name: Option<String>,
    /// There may be several messages.
    pub session: bool,
    /// Recipients, each text a list of addresses.
    pub recipients: Vec<String>,
}

impl Manner {
    /// The recipients as addresses; those without a domain are at `host`.
    ///
    /// # Errors
    /// 64: one is none.
    pub(super) fn addresses(&self, host: &str) -> Result<Vec<Address>> {
        let mut all = Vec::new();
        for text in &self.recipients {
            let items = addr::checked(text.as_bytes()).map_err(|e| e.with_exit(Exit::Usage).at("recipient"))?;
            all.extend(addr::mailboxes(&items).cloned());
        }
        all.iter_mut().for_each(|address| or_domain(address, host));
        Ok(all)
    }
}

/// Does what the arguments behind `--sendmail` ask for.
///
/// # Errors
/// Why it can't be done, with the status.
pub(super) fn run(mut flags: SmtpSend, mut arguments: Vec<OsString>) -> Outcome {
    // Those behind a `--`, which is the end of the options here too.
    let more = !flags.recipients.is_empty() || !flags.run.command.is_empty();
    if more && !arguments.iter().any(|argument| argument == "--") {
        arguments.push("--".into());
    }
    arguments.extend(flags.recipients.drain(..).map(OsString::from));
    arguments.append(&mut flags.run.command);
    let (mode, manner, parts) = flags.as_sendmail(arguments)?;
    match mode {
        Mode::Deliver => {
            let task = Task::new(&flags, flags.reach()?, Some(&manner))?;
            let (exit, refused) = flags.done(&task)?;
            // Nobody who calls sendmail(8) knows of "some": what was refused for good is told.
            Ok(match exit {
                Exit::Partial if refused => Exit::Refused,
                Exit::Partial => Exit::TempFail,
                exit => exit,
            })
        }
        Mode::Verify => verify(&flags, &manner),
        Mode::Aliases => aliases(&flags),
        Mode::List => queue::list(),
        Mode::Run => queue::run(&flags.common, flags.reach()?, &parts),
        Mode::Serve => session::session(&Task::new(&flags, flags.reach()?, Some(&manner))?),
    }
}

/// Aliases are read from their file each time, so there is nothing to make anew; but what is wrong with them is told now.
fn aliases(flags: &SmtpSend) -> Outcome {
    let reach = flags.reach()?;
    let at = route::account(&reach, flags.account.as_deref(), &flags.routing)?;
    let settings = reach.accounts().settings(&at)?;
    let addresses = flags.rewriting.in_force(&settings, &reach.accounts().host(&at)?)?;
    let Some((file, count)) = addresses.checked_aliases()? else {
        complain(
            super::NAME,
            &format!("{at}: no aliases file"),
            Some("aliases = \"FILE\" in the configuration names one"),
        );
        return Ok(Exit::Ok);
    };
    let mut out = Out::until(reach.whole());
    out.write(format!("{}: {count} aliases\n", escape(file)).as_bytes())?;
    out.flush()?;
    Ok(Exit::Ok)
}

fn verify(flags: &SmtpSend, manner: &Manner) -> Outcome {
    let task = Task::new(flags, flags.reach()?, Some(manner))?;
    let mut out = Out::until(task.reach.whole());
    for to in task.recipients(task.arguments.clone())? {
        out.write(format!("{to}... deliverable: by {}\n", task.at).as_bytes())?;
    }
    out.flush()?;
    Ok(Exit::Ok)
}

impl SmtpSend {
    /// What the arguments behind `--sendmail` ask for. What they say of one message is then said by the flags.
    ///
    /// # Errors
    /// 64: an argument that is wrong.
    fn as_sendmail(&mut self, arguments: Vec<OsString>) -> Result<(Mode, Manner, Vec<Part>)> {
        let all = Arguments::read(arguments)?;
        if self.is_used_otherwise() {
            return Err(Error::usage("with --sendmail one message is sent, as its arguments say"));
        }
        self.read_recipients = all.read_recipients;
        if let Some(from) = all.from {
            let from = from.trim().to_owned();
            self.mail_from = Some(if from.is_empty() { "<>".to_owned() } else { from });
        }
        self.common.verbose |= all.verbose;
        if let Some(file) = all.trace {
            self.common.trace = Some(file);
        }
        let asked = &mut self.parameters;
        asked.notify = all.notify.or(asked.notify);
        asked.ret = all.ret.or(asked.ret);
        asked.envid = all.envid.or_else(|| asked.envid.take());
        let recipients = all.recipients;
        let session = all.mode == Mode::Serve;
        if session {
            // Each message says whom it is from and for.
            if !recipients.is_empty() || self.read_recipients {
                return Err(Error::usage("-bs: recipients are told in the session"));
            }
            self.mail_from = None;
        }
        let manner = Manner { dots_are_text: all.dots_are_text, full_name: all.full_name, session, recipients };
        Ok((all.mode, manner, all.parts))
    }

    fn is_used_otherwise(&self) -> bool {
        let many = self.mbox.is_some() || self.null || self.ndjson || !self.files.is_empty();
        many || self.run.run
            || self.run.alert.key.is_some()
            || self.compose.is_used()
            || self.read_recipients
            || self.mail_from.is_some()
    }
}
