//! `-bs`: an SMTP session on stdin and stdout, by the server session that mail-serve(1) has. What it takes goes on at once as a
//! message of one's own would, or into the queue; only then is it taken (250).
//!
//! Left out: refusing a recipient before the message is here: several may have to be told of in one reply, so their words are in it.

use super::super::inputs::EMPTY;
use super::super::report::Report;
use super::super::run::{Run, Task};
use crate::cli::submission::{Handed, Submission, recipients};
use crate::cli::{Outcome, system};
use crate::client::smtp::{self, Then, Wants};
use crate::error::{Error, Exit, Fate, Result};
use crate::net::Wire;
use crate::net::stdio::Stdio;
use crate::proto::smtp::Rcpt;
use crate::server::smtp::{Protocol, serve};
use crate::server::{Envelope, Limits};
use crate::store::spool::Spool;
use crate::tools::smtp_send::delivery::Delivery;

/// Serves whoever has started us, until they leave: how each message fares, they are told.
pub(super) fn session(task: &Task<'_>) -> Outcome {
    let mut report = Report::new(task.flags, task.reach.whole())?;
    let run = task.run(&mut report)?;
    let to = Onward { run: &run, delivery: Delivery::new(task)?, number: 0 };
    let mut world = Submission { host: task.host.clone(), limits: Limits::default(), to, queued: None };
    let uid = rustix::process::getuid().as_raw();
    let mut wire = Wire::over(Stdio::default(), format!("{}, uid {uid}", system::user_name())).as_server();
    wire.whole_until(task.reach.whole());
    if let Some(trace) = task.reach.trace() {
        wire.trace(trace.clone());
    }
    // How it ends is its client's affair; so is a line that is cut.
    let _ = serve(&mut wire, &mut world, Protocol::Smtp);
    let gone = world.to.delivery.quit();
    task.warn().and(gone)?;
    Ok(Exit::Ok)
}

/// By the account's server, over one connection for all.
struct Onward<'r> {
    run: &'r Run<'r, 'r, 'r>,
    delivery: Delivery<'r>,
    number: u64,
}

impl Handed for Onward<'_> {
    fn take(&mut self, envelope: &Envelope, mut message: Spool) -> Result<Option<String>> {
        self.number = self.number.saturating_add(1);
        let mut item = self.run.task.read(self.number, &mut message.body()?, EMPTY)?;
        item.to = recipients(envelope)?;
        item.mail_from = Some(envelope.mail.from.as_ref().map(ToString::to_string).unwrap_or_default());
        let mut wants = Wants { ret: envelope.mail.ret, envid: envelope.mail.envid.clone(), ..Wants::default() };
        for Rcpt { to, notify, orcpt } in envelope.recipients.iter().map(|to| &to.rcpt) {
            if let Some(to) = to.as_ref().filter(|_| notify.is_some() || orcpt.is_some()) {
                let report = smtp::Report { notify: *notify, original: orcpt.clone() };
                wants.reports.insert(to.clone(), report);
            }
        }
        item.wants = Some(wants);
        let outcomes = match self.run.send(&mut self.delivery, item, Then::Wait) {
            Ok(outcomes) => outcomes,
            Err((_, e)) => {
                let good = matches!(e.exit(), Exit::Refused | Exit::Usage);
                return Err(if good { e.with_exit(Exit::Data) } else { e });
            }
        };
        let left = |fate: Fate| {
            let of = outcomes.iter().filter(move |outcome| outcome.fate == fate);
            let words = |o: &smtp::Outcome| {
                let code = o.code.map(|code| format!("{code} ")).unwrap_or_default();
                format!("<{}>: {code}{}", o.to, o.text)
            };
            Some(of.map(words).collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty())
        };
        // A client that came again would make a duplicate that nobody asked for.
        if let Some(unknown) = left(Fate::Unknown) {
            return Err(Error::data(format!("it may have been delivered, don't send it again unseen: {unknown}")));
        }
        match (left(Fate::Never), left(Fate::Later)) {
            // What comes again goes to those too who have it: so this must not be for a while.
            (Some(refused), later) => {
                let others = outcomes.iter().any(|outcome| outcome.fate == Fate::Done);
                let tail = if others && later.is_none() { "; the others get it" } else { "" };
                Err(Error::data(format!("{refused}{tail}")))
            }
            (None, Some(later)) => Err(Error::temporary(later)),
            (None, None) => Ok(None),
        }
    }
}
