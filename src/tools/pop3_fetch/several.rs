//! Several accounts in one run, some at a time.

use super::account::{self, Summary};
use super::fetch::{Report, tell};
use super::{NAME, Pop3Fetch};
use crate::cli::connect::Reach;
use crate::cli::exit::{Tally, complain};
use crate::cli::out::Out;
use crate::cli::{Failure, Outcome};
use crate::error::{Error, Exit, Result};
use crate::net::endpoint::Service;
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    let jobs = if flags.into.stdout() { 1 } else { usize::from(flags.jobs).min(accounts.len()) };
    let report: Report = Mutex::new(Out::until(reach.whole()));
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (whole, trace) = (reach.whole(), reach.trace());
    let work = || {
        while let Some(name) = accounts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let summary = one(&flags, whole, trace, name, &report);
            let ended = summary.as_ref().map_or_else(|f| f.exit, |s| s.exit);
            let told = tell_of(&flags, name, summary, &report);
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((ended, told));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs {
            // Fewer threads than were asked for do the same work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).flush()?;
    let (mut tally, mut nothing) = (Tally::default(), true);
    for (exit, told) in done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        match exit {
            Exit::Ok => tally.done(),
            exit => tally.failed(exit),
        }
        nothing &= told?;
    }
    Ok(flags.status(tally.exit(), nothing))
}

/// One account, with nothing shared but the report and the trace.
fn one(
    flags: &Pop3Fetch,
    whole: crate::net::Deadline,
    trace: Option<&crate::net::trace::TraceTo>,
    name: &str,
    report: &Report,
) -> Result<Summary, Failure> {
    let mut common = flags.common.clone();
    common.trace = None;
    if common.timeout.is_some() {
        let left = whole.left().filter(|left| !left.is_zero());
        common.timeout = Some(left.ok_or_else(|| Error::temporary("the time is up"))?);
    }
    let mut reach = Reach::new(NAME, &common)?;
    if let Some(trace) = trace {
        reach = reach.with_trace(trace.clone());
    }
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
