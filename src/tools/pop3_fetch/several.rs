//! Several accounts in one run, some at a time.

use super::account::{self, Summary};
use super::{NAME, Pop3Fetch};
use crate::cli::connect::Reach;
use crate::cli::exit::{Tally, complain};
use crate::cli::out::{Out, Report, tell};
use crate::cli::{Failure, Outcome, several};
use crate::error::{Exit, Result};
use crate::net::endpoint::Service;
use serde_json::json;
use std::sync::Mutex;

/// Fetches from all of `accounts`, or from all that the configuration has.
pub(super) fn run(flags: Pop3Fetch, reach: &Reach, accounts: Vec<String>) -> Outcome {
    if !flags.messages.is_empty() {
        return Err(Failure::usage("messages of several accounts can't be named").advise("one account at a time"));
    }
    if flags.common.password_fd.is_some() {
        return Err(Failure::usage("--password-fd gives one password, and there are several accounts"));
    }
    let accounts = if flags.all_accounts {
        let config = reach.accounts().config()?.ok_or_else(|| Failure::usage("there is no configuration"))?;
        config.accounts_with(Service::Pop3).map(|name| format!("{name}:")).collect()
    } else {
        accounts
    };
    // Before anything is done: a wrong name is no reason to have done half of it.
    for name in &accounts {
        reach.accounts().account(Some(name), Service::Pop3)?;
    }
    // What several write into one stream at once would be nobody's message.
    let jobs = if flags.into.stdout() { 1 } else { usize::from(flags.jobs) };
    let report: Report = Mutex::new(Out::until(reach.whole()));
    let all = several::each(jobs, &accounts, |name| {
        let summary = one(&flags, reach, name, &report);
        let ended = summary.as_ref().map_or_else(|f| f.exit, |s| s.exit);
        (ended, tell_of(&flags, name, summary, &report))
    });
    report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).flush()?;
    let (mut tally, mut nothing) = (Tally::default(), true);
    for (exit, told) in all {
        match exit {
            Exit::Ok => tally.done(),
            exit => tally.failed(exit),
        }
        nothing &= told?;
    }
    Ok(flags.status(tally.exit(), nothing))
}

/// One account, with nothing shared but the report and the trace.
fn one(flags: &Pop3Fetch, beside: &Reach, name: &str, report: &Report) -> Result<Summary, Failure> {
    let reach = beside.beside(NAME, &flags.common)?;
    let at = reach.accounts().account(Some(name), Service::Pop3)?;
    let mut sink = flags.open(&reach)?;
    account::run(flags, &reach, &at, Some(name), sink.as_mut(), report)
}

/// Tells how an account went; whether there was nothing.
fn tell_of(flags: &Pop3Fetch, name: &str, summary: Result<Summary, Failure>, report: &Report) -> Result<bool> {
    let (exit, error) = match &summary {
        Ok(summary) => (summary.exit, None),
        Err(failure) => (failure.exit, Some(format!("{:#}", failure.why))),
    };
    if let Err(failure) = &summary {
        complain(NAME, &format!("{name} {:#}", failure.why), failure.advice.as_deref());
    }
    let summary = summary.unwrap_or_else(|_| Summary::new());
    if flags.json && !flags.fetches_nothing() {
        let object = json!({
            "account": name,
            "fetched": summary.fetched,
            "octets": summary.octets,
            "deleted": summary.deleted,
            "left": summary.left,
            "exit": exit.code(),
            "error": error,
        });
        tell(report, &object)?;
    }
    if flags.common.verbose {
        let (fetched, octets, deleted) = (summary.fetched, summary.octets, summary.deleted);
        let code = exit.code();
        complain(NAME, &format!("{name} {fetched} fetched, {octets} octets, {deleted} deleted, status {code}"), None);
    }
    Ok(summary.nothing)
}
