//! `smtp-send --run`: runs a command, and sends a notice if it fails. Nothing about mail keeps the command from being run but wrong
//! arguments, and nothing changes its status: what becomes of the notice counts only if the command has succeeded.

use super::{NAME, SmtpSend};
use crate::body::Body;
use crate::cli::compose::{Compose, Extra};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::run::Told;
use crate::cli::{Failure, Outcome, system};
use crate::error::{Exit, Result};
use crate::store::patience::stdin;

/// A message about a command.
pub(super) struct Notice {
    /// Who gets it and how it looks.
    pub(super) flags: Compose,
    /// `None`: what stdin has.
    pub(super) text: Option<Vec<u8>>,
    pub(super) fields: Vec<(String, String)>,
}

/// Whether somebody may have got a message, for a status of sending it.
fn may_have_arrived(exit: Exit) -> bool {
    matches!(exit, Exit::Ok | Exit::Partial | Exit::Unknown)
}

impl SmtpSend {
    /// Runs the command.
    pub(super) fn watch(&self, reach: Result<Reach>) -> Outcome {
        let reach = match reach {
            Err(e) if e.exit() == Exit::Usage => return Err(e.into()),
            reach => reach,
        };
        let host = system::host_name();
        self.compose.check(&Extra { arguments: &self.recipients()?, host: &host, ..Extra::default() })?;
        let hidden = reach.as_ref().ok().and_then(|reach| reach.accounts().hidden().ok()).unwrap_or_default();
        if let Some(key) = &self.run.alert.key {
            crate::store::alerts::check_key(key)?;
        }
        let report = self.run.start(&hidden)?;
        let told = self.run.alert.happened(&self.run, report.status != 0, self.dry_run)?;
        let sent = match told {
            Told::Nothing(why) => self.say_nothing(why),
            Told::Send(watch, lines) => {
                let mut flags = self.compose.clone();
                flags.subject.get_or_insert_with(|| report.subject(watch.is_recovery()));
                flags.attach.extend(report.file());
                let sent = reach.map_err(Failure::from).and_then(|mut reach| {
                    reach.begin();
                    let fields = watch.fields(&host);
                    self.send(reach, Some(Notice { flags, text: Some(report.text(&lines)), fields }))
                });
                watch.sent(sent.as_ref().is_ok_and(|exit| may_have_arrived(*exit)));
                sent
            }
        };
        if report.status == 0 {
            return sent;
        }
        if let Err(failure) = sent {
            complain(NAME, &format!("{:#}", failure.why), failure.advice.as_deref());
        }
        Err(Failure::passed(report.status))
    }

    /// Sends a message with a key, unless that is muted.
    pub(super) fn alert(&self, reach: Reach) -> Outcome {
        if !self.compose.is_used() {
            return Err(Failure::usage("--key is for a message that is composed"));
        }
        match self.run.alert.happened(&self.run, true, self.dry_run)? {
            Told::Nothing(why) => {
                // Whoever writes it shall not fail for that.
                stdin(reach.whole().at())?.skip()?;
                self.say_nothing(why)
            }
            Told::Send(watch, _) => {
                let fields = watch.fields(&system::host_name());
                let sent = self.send(reach, Some(Notice { flags: self.compose.clone(), text: None, fields }));
                watch.sent(sent.as_ref().is_ok_and(|exit| may_have_arrived(*exit)));
                sent
            }
        }
    }

    fn say_nothing(&self, why: &str) -> Outcome {
        if self.common.verbose {
            complain(NAME, &format!("nothing is sent: {why}"), None);
        }
        Ok(Exit::Ok)
    }
}
