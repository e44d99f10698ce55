//! `--new`: folders from time to time, each message once.

use super::deliver::Deliver;
use super::journal::Journal;
use super::{ImapFetch, NAME, mark_seen, renewed};
use crate::cli::compose::now;
use crate::cli::connect::Reach;
use crate::cli::exit::{Tally, complain};
use crate::cli::imap::{Clients, opened};
use crate::cli::out::{Out, Report};
use crate::cli::reference::folder_name;
use crate::cli::transfer::remove;
use crate::cli::wanted::{Wanted, Which as WhichMessages};
use crate::cli::{Failure, Outcome, several, system};
use crate::client::imap::Which;
use crate::error::{Error, Exit, Result};
use crate::net::Endpoint;
use crate::net::endpoint::Service;
use crate::proto::imap::set::{SequenceSet, within};
use crate::store::sink::{Every, Sink};
use crate::store::state::{Key, State};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// Folders of one account, as arguments name them.
struct Account {
    folders: Vec<(String, Endpoint)>,
}

/// Pulls all that the arguments name.
pub(super) fn run(flags: &ImapFetch, reach: &Reach) -> Outcome {
    let accounts = accounts(flags, reach)?;
    let folders: usize = accounts.iter().map(|account| account.folders.len()).sum();
    if accounts.len() > 1 && flags.common.password_fd.is_some() {
        return Err(Failure::usage("--password-fd gives one password, and there are several accounts"));
    }
    // What several write into one stream at once would be nobody's message.
    let jobs = if flags.into.stdout() { 1 } else { usize::from(flags.jobs) };
    let report: Report = Mutex::new(Out::until(reach.whole()));
    let all = several::each(jobs, &accounts, |account| {
        let mut summary = Summary { tally: Tally::default(), nothing: true };
        let done = reach.beside(NAME, &flags.common).map_err(Failure::from).and_then(|reach| {
            let mut sink = flags.into.open(false, &flags.deliver_to, &reach)?;
            if flags.delete_after().is_some() && !sink.stable() {
                let why = "--delete, and stdout is a pipe or terminal: nobody knows whether what it got is safe";
                return Err(Failure::usage(why).advise("use --into"));
            }
            Pull { flags, reach: &reach, report: &report, alone: folders == 1 }.account(
                account,
                &mut sink,
                &mut summary,
            )
        });
        (summary, done)
    });
    report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).flush()?;
    let (mut tally, mut nothing) = (Tally::default(), true);
    let alone = all.len() == 1;
    for (of, done) in all {
        nothing &= of.nothing;
        tally.add(&of.tally);
        match done {
            Ok(()) => {}
            Err(failure) if alone && of.tally.is_empty() => return Err(failure),
            Err(failure) => {
                complain(NAME, &format!("{:#}", failure.why), failure.advice.as_deref());
                tally.failed(failure.exit);
            }
        }
    }
    Ok(match tally.exit() {
        Exit::Ok if flags.exit_status && nothing => Exit::None,
        exit => exit,
    })
}

/// The folders, by account, in the order of the arguments.
fn accounts(flags: &ImapFetch, reach: &Reach) -> Result<Vec<Account>> {
    let (mut accounts, mut places): (Vec<Account>, HashMap<String, usize>) = (Vec::new(), HashMap::new());
    let default = [String::new()];
    let what = if flags.what.is_empty() { &default[..] } else { &flags.what };
    for text in what {
        let at = reach.accounts().account(Some(text.as_str()).filter(|text| !text.is_empty()), Service::Imap)?;
        let none = || Error::usage("new messages of which folder?").advise("the folder follows the colon: local:INBOX");
        let folder = at.folder.clone().ok_or_else(none)?;
        let place = *places.entry(folder_name(&at, "")).or_insert_with(|| {
            accounts.push(Account { folders: Vec::new() });
            accounts.len().saturating_sub(1)
        });
        if let Some(account) = accounts.get_mut(place) {
            account.folders.push((folder, at));
        }
    }
    Ok(accounts)
}

/// How an account went.
struct Summary {
    /// Messages, and folders.
    tally: Tally,
    /// No message was new.
    nothing: bool,
}

struct Pull<'p> {
    flags: &'p ImapFetch,
    reach: &'p Reach,
    report: &'p Report,
    /// There is one folder and no other.
    alone: bool,
}

impl Pull<'_> {
    fn account(&self, account: &Account, sink: &mut Every, summary: &mut Summary) -> Result<(), Failure> {
        let state = State::open(&system::state_home()?.join("state.sqlite"))?;
        let mut clients = Clients::new(self.reach, NAME);
        for (folder, at) in &account.folders {
            let mut tally = Tally::default();
            let pulled = self.folder(&state, &mut clients, folder, at, sink, &mut tally);
            summary.nothing &= tally.is_empty();
            summary.tally.add(&tally);
            match pulled {
                // One in which there is nothing to do is done.
                Ok(()) if tally.is_empty() => summary.tally.done(),
                Ok(()) => {}
                // The others may be there.
                Err(e) if e.exit() == Exit::Refused && !self.alone => {
                    complain(NAME, &e.to_string(), e.advice());
                    summary.tally.failed(e.exit());
                }
                Err(e) => return Err(e.into()),
            }
        }
        clients.hang_up();
        Ok(())
    }

    fn folder(
        &self,
        state: &State,
        clients: &mut Clients<'_>,
        folder: &str,
        at: &Endpoint,
        sink: &mut Every,
        tally: &mut Tally,
    ) -> Result<()> {
        let flags = self.flags;
        let login = self.reach.login_name(at)?;
        let key = Key {
            protocol: "imap".to_owned(),
            login,
            host: at.host_in_history(),
            // A folder's name has no line break.
            name: format!("{folder}\n{}", flags.history_name()),
        };
        let patience = self.reach.patience().left().unwrap_or(Duration::MAX);
        let history = state.history(&key, patience)?;
        let mut journal = Journal::open(&history, sink, now())?;
        let mut deliver = Deliver::new(sink, flags.section(), flags.json.then_some(self.report));
        loop {
            let (validity, wanted) = (journal.validity, journal.wanted());
            deliver.journal = Some(journal);
            deliver.begin(format!("{}#{validity}.", folder_name(at, folder)));
            let fetched = self.unsettled(clients, at, folder, wanted, &mut deliver);
            // What came whole before an error stays.
            let committed = deliver.discard().and_then(|()| deliver.commit());
            let Some(mut done) = deliver.journal.take() else { return fetched };
            if let (Some(opened_), true) = (done.opened, flags.common.verbose) {
                complain(NAME, &opened(folder, opened_), None);
            }
            if let Some(validity) = done.renewed {
                fetched?;
                renewed::recover(clients.client(at)?, &folder_name(at, folder), folder, validity, &mut done)?;
                journal = done;
                continue;
            }
            tally.add(&std::mem::take(&mut deliver.tally));
            committed?;
            match fetched {
                Ok(()) => {
                    done.settle()?;
                    let wanted = Wanted {
                        at: at.clone(),
                        folder: folder.to_owned(),
                        uid_validity: Some(done.validity),
                        which: WhichMessages::Uids(SequenceSet::default(), SequenceSet::default()),
                    };
                    return self.change(clients, &wanted, &done, &mut deliver, tally);
                }
                Err(e) if e.exit() == Exit::Refused && done.opened.is_some() => {
                    // For some messages only: the others have come.
                    complain(NAME, &e.to_string(), e.advice());
                    tally.failed(e.exit());
                    return Ok(());
                }
                Err(e) => {
                    clients.forget(at);
                    return Err(e);
                }
            }
        }
    }

    /// What is not settled, in as few round trips as can be.
    fn unsettled(
        &self,
        clients: &mut Clients<'_>,
        at: &Endpoint,
        folder: &str,
        wanted: Option<Vec<(u32, u32)>>,
        deliver: &mut Deliver<'_>,
    ) -> Result<()> {
        let items = deliver.items();
        let set = wanted.map(SequenceSet::from_ranges);
        let key = self.flags.looking.key(set.as_ref())?;
        let which = match (&key, &set) {
            (Some(key), _) => Which::Found(key),
            (None, Some(set)) => Which::Set(set),
            (None, None) => Which::All,
        };
        clients.client(at)?.fetch_from(folder, which, &items, deliver)
    }

    /// What is done on the server when all of a folder is here.
    fn change(
        &self,
        clients: &mut Clients<'_>,
        wanted: &Wanted,
        journal: &Journal<'_>,
        deliver: &mut Deliver<'_>,
        tally: &mut Tally,
    ) -> Result<()> {
        let old = self.flags.delete_after().map(|age| journal.older_than(age)).transpose()?.unwrap_or_default();
        let seen = self.flags.mark_seen && !deliver.delivered.is_empty();
        if old.is_empty() && !seen {
            return Ok(());
        }
        let mut selected = clients.select(wanted)?;
        if seen {
            mark_seen(&mut selected, deliver)?;
            tally.add(&deliver.tally);
        }
        let old = SequenceSet::from_numbers(old);
        let there = selected.present(&old)?;
        let ranges = there.resolve(u32::MAX);
        let mut gone: Vec<u32> = old.numbers(u32::MAX).filter(|uid| !within(&ranges, *uid)).collect();
        let deleted = remove(&mut selected, &there, &mut |part, outcome| {
            match outcome {
                Ok(()) => gone.extend(part.numbers(u32::MAX)),
                Err(e) => {
                    complain(NAME, &format!("{}UID {part}: not deleted: {e}", deliver.prefix), e.advice());
                    tally.failed(e.exit());
                }
            }
            Ok(())
        });
        if self.flags.common.verbose {
            complain(NAME, &format!("{}: {} deleted there", wanted.folder, gone.len()), None);
        }
        if !gone.is_empty() {
            journal.gone(&gone)?;
        }
        deleted
    }
}
