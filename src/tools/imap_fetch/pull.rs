//! `--new` and `--mirror`: folders from time to time, each message once.

use super::deliver::Deliver;
use super::half::Half;
use super::journal::{Journal, Keeps};
use super::mirror::{Mirror, directory, dissolve};
use super::{ImapFetch, NAME, mark_seen, uidvalidity};
use crate::cli::compose::now;
use crate::cli::connect::Reach;
use crate::cli::exit::{Tally, complain};
use crate::cli::imap::{Clients, opened};
use crate::cli::out::{Out, Report};
use crate::cli::reference::folder_name;
use crate::cli::transfer::remove;
use crate::cli::wanted::{Wanted, Which as WhichMessages};
use crate::cli::{Failure, Outcome, several, system};
use crate::client::imap::{Asked, Folder as FolderOf, Which};
use crate::error::{Error, Exit, Result};
use crate::net::Endpoint;
use crate::net::endpoint::Service;
use crate::proto::imap::set::{SequenceSet, within};
use crate::store::sink::{Every, Form, Sink, Target};
use crate::store::state::{History, Key, State};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// Folders of one account, as arguments name them; `None`: all of them.
struct Account {
    at: Endpoint,
    folders: Vec<Option<String>>,
}

/// A folder that is pulled.
struct Folder<'f> {
    at: &'f Endpoint,
    name: &'f str,
    /// Its Maildir, in a mirror.
    dir: Option<PathBuf>,
}

/// Pulls all that the arguments name.
pub(super) fn run(flags: &ImapFetch, reach: &Reach) -> Outcome {
    let accounts = accounts(flags, reach)?;
    if flags.mirror_of()?.is_some() && accounts.len() > 1 {
        return Err(Failure::usage("a mirror of several accounts").advise("a directory for each"));
    }
    let alone = matches!(accounts.as_slice(), [Account { folders, .. }] if matches!(folders.as_slice(), [Some(_)]));
    if accounts.len() > 1 && flags.common.password_fd.is_some() {
        return Err(Failure::usage("--password-fd gives one password, and there are several accounts"));
    }
    // What several write into one stream at once would be nobody's message.
    let jobs = if flags.into.stdout() { 1 } else { usize::from(flags.jobs) };
    let report: Report = Mutex::new(Out::until(reach.whole()));
    let all = several::each(jobs, &accounts, |account| {
        let mut summary = Summary { tally: Tally::default(), nothing: true };
        let done = reach.beside(NAME, &flags.common).map_err(Failure::from).and_then(|reach| {
            let pull = Pull { flags, reach: &reach, report: &report, alone };
            if let Some(root) = flags.mirror_of()? {
                return pull.mirror(account, root, &mut summary);
            }
            pull.account(account, &mut summary)
        });
        (summary, done)
    });
    report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).flush()?;
    let (mut tally, mut nothing) = (Tally::default(), true);
    let one = all.len() == 1;
    for (of, done) in all {
        nothing &= of.nothing;
        tally.add(&of.tally);
        match done {
            Ok(()) => {}
            Err(failure) if one && of.tally.is_empty() => return Err(failure),
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
    let configured: Vec<String>;
    let what = if flags.all_accounts {
        let config = reach.accounts().config()?.ok_or_else(|| Error::usage("there is no configuration"))?;
        configured = config.accounts_with(Service::Imap).map(|name| format!("{name}:INBOX")).collect();
        &configured
    } else if flags.what.is_empty() {
        &default[..]
    } else {
        &flags.what
    };
    for text in what {
        let at = reach.accounts().account(Some(text.as_str()).filter(|text| !text.is_empty()), Service::Imap)?;
        let none = || Error::usage("new messages of which folder?").advise("the folder follows the colon: local:INBOX");
        let folder = at.folder.clone();
        if folder.is_none() && !flags.mirror {
            return Err(none());
        }
        let place = *places.entry(folder_name(&at, "")).or_insert_with(|| {
            accounts.push(Account { at: at.clone(), folders: Vec::new() });
            accounts.len().saturating_sub(1)
        });
        if let Some(account) = accounts.get_mut(place) {
            account.folders.push(folder);
        }
    }
    Ok(accounts)
}

/// Does what is to be done with some of the folders of an account.
type OfPart<'w, T> = dyn Fn(&Pull<'_>, &[T], &mut Summary) -> Result<(), Failure> + Sync + 'w;

/// How an account went.
struct Summary {
    /// Messages, and folders.
    tally: Tally,
    /// No message was new.
    nothing: bool,
}

fn state() -> Result<State> {
    State::open(&system::state_home()?.join("state.sqlite"))
}

struct Pull<'p> {
    flags: &'p ImapFetch,
    reach: &'p Reach,
    report: &'p Report,
    /// There is one folder and no other.
    alone: bool,
}

impl Pull<'_> {
    /// Its folders, some connections at a time.
    fn account(&self, account: &Account, summary: &mut Summary) -> Result<(), Failure> {
        let folders: Vec<&String> = account.folders.iter().flatten().collect();
        let connections = if self.flags.into.stdout() { 1 } else { usize::from(self.flags.folder_jobs) };
        self.spread(connections, &folders, summary, &|pull, folders, summary| {
            let mut sink = pull.flags.into.open(false, &pull.flags.deliver_to, pull.reach)?;
            if (pull.flags.delete || pull.flags.delete_after.is_some()) && !sink.stable() {
                let why = "--delete, and stdout is a pipe or terminal: nobody knows whether what it got is safe";
                return Err(Failure::usage(why).advise("use --into"));
            }
            let state = state()?;
            let mut clients = Clients::new(pull.reach, NAME);
            for name in folders {
                let folder = Folder { at: &account.at, name, dir: None };
                pull.one(&state, &mut clients, &folder, &mut sink, summary)?;
            }
            clients.hang_up();
            Ok(())
        })
    }

    /// Does `work` for parts of `all`, each over a connection of its own if there are several.
    fn spread<T: Sync>(
        &self,
        connections: usize,
        all: &[T],
        summary: &mut Summary,
        work: &OfPart<'_, T>,
    ) -> Result<(), Failure> {
        if connections <= 1 || all.len() <= 1 {
            return work(self, all, summary);
        }
        let parts: Vec<&[T]> = all.chunks(all.len().div_ceil(connections)).collect();
        let done = several::each(connections, &parts, |part| {
            let mut summary = Summary { tally: Tally::default(), nothing: true };
            let reach = self.reach.beside(NAME, &self.flags.common);
            let done = reach.map_err(Failure::from).and_then(|reach| {
                work(&Pull { flags: self.flags, reach: &reach, report: self.report, alone: false }, part, &mut summary)
            });
            (summary, done)
        });
        let mut first = Ok(());
        for (of, done) in done {
            summary.nothing &= of.nothing;
            summary.tally.add(&of.tally);
            if let Err(failure) = done {
                match first {
                    Ok(()) => first = Err(failure),
                    // One of them is returned, the others are told here.
                    Err(_) => {
                        complain(NAME, &format!("{:#}", failure.why), failure.advice.as_deref());
                        summary.tally.failed(failure.exit);
                    }
                }
            }
        }
        first
    }

    /// Each folder in a Maildir of its own.
    fn mirror(&self, account: &Account, root: &Path, summary: &mut Summary) -> Result<(), Failure> {
        let (history, at) = (state()?, &account.at);
        let mut clients = Clients::new(self.reach, NAME);
        let all = clients.client(at)?.folders(&Asked::default())?;
        let delimiter = |name: &str| {
            let of = all.iter().find(|folder| folder.listed.name == name);
            of.or_else(|| all.first()).and_then(|folder| folder.listed.delimiter)
        };
        let is_there = |folder: &&FolderOf| !folder.listed.has("\\Noselect") && !folder.listed.has("\\NonExistent");
        let names: Vec<&str> = all.iter().filter(is_there).map(|folder| folder.listed.name.as_str()).collect();
        let whole = account.folders.contains(&None);
        let named = account.folders.iter().flatten().map(String::as_str);
        let wanted: Vec<&str> = if whole { names.clone() } else { named.collect() };
        let (mut taken, mut mirrored) = (HashSet::new(), Vec::new());
        for name in wanted {
            let dir = directory(root, name, delimiter(name)).and_then(|dir| {
                let e = || Error::refused(format!("{name}: another folder has that directory"));
                if taken.insert(dir.clone()) { Ok(dir) } else { Err(e()) }
            });
            match dir {
                Ok(dir) => mirrored.push((name, dir)),
                Err(e) => {
                    complain(NAME, &e.to_string(), e.advice());
                    summary.tally.failed(e.exit());
                }
            }
        }
        // The connection that the list came over is the first part's.
        let listed = Mutex::new(Some(clients));
        self.spread(usize::from(self.flags.folder_jobs), &mirrored, summary, &|pull, folders, summary| {
            let (state, mut clients) = (state()?, Clients::new(pull.reach, NAME));
            if let Some(first) = listed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
                clients = first;
            }
            for (name, dir) in folders {
                let mut sink = Every::new(vec![Target::Maildir(dir.clone()).open(Form::Raw, None)?]);
                pull.one(&state, &mut clients, &Folder { at, name, dir: Some(dir.clone()) }, &mut sink, summary)?;
            }
            clients.hang_up();
            Ok(())
        })?;
        if !whole {
            return Ok(());
        }
        if !names.iter().any(|name| name.eq_ignore_ascii_case("INBOX")) {
            // Everybody has that one: such a list says nothing of what is gone.
            let e = Error::refused(format!("{}: the list of folders is not whole", folder_name(at, "")));
            complain(NAME, &e.to_string(), None);
            summary.tally.failed(e.exit());
            return Ok(());
        }
        self.dissolve(&history, at, root, &names, &delimiter, summary)
    }

    /// Folders that were mirrored and are not on the server any more.
    fn dissolve(
        &self,
        state: &State,
        at: &Endpoint,
        root: &Path,
        names: &[&str],
        delimiter: &dyn Fn(&str) -> Option<char>,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        let mine = self.flags.history_name();
        for name in state.names("imap", &self.reach.login_name(at)?, &at.host_in_history())? {
            let Some((folder, of)) = name.split_once('\n') else { continue };
            if of != mine || names.contains(&folder) {
                continue;
            }
            let history = self.history(state, at, folder)?;
            if history.pulled()?.is_none_or(|pulled| pulled.validity == 0) {
                continue;
            }
            let dir = directory(root, folder, delimiter(folder))?;
            let mut sink = Every::new(vec![Target::Maildir(dir.clone()).open(Form::Raw, None)?]);
            let mut journal = Journal::open(&history, &mut sink, Keeps { place: true, pending: false }, now())?;
            match dissolve(&dir, &mut journal, &folder_name(at, folder), self.flags.force) {
                Ok(removed) => self.tell_removed(&folder_name(at, folder), removed),
                Err(e) => {
                    complain(NAME, &e.to_string(), e.advice());
                    summary.tally.failed(e.exit());
                }
            }
        }
        Ok(())
    }

    fn tell_removed(&self, shown: &str, removed: usize) {
        if self.flags.common.verbose && removed > 0 {
            complain(NAME, &format!("{shown}: {removed} removed here"), None);
        }
    }

    /// One folder; `Err`: nothing of this account can be had any more.
    fn one(
        &self,
        state: &State,
        clients: &mut Clients<'_>,
        folder: &Folder<'_>,
        sink: &mut Every,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        let mut tally = Tally::default();
        let pulled = self.folder(state, clients, folder, sink, &mut tally);
        summary.nothing &= tally.is_empty();
        summary.tally.add(&tally);
        match pulled {
            // One in which there is nothing to do is done.
            Ok(()) if tally.is_empty() => summary.tally.done(),
            Ok(()) => {}
            // The others may be there.
            Err(e) if matches!(e.exit(), Exit::Refused | Exit::Data) && !self.alone => {
                complain(NAME, &e.to_string(), e.advice());
                summary.tally.failed(e.exit());
            }
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }

    fn history<'s>(&self, state: &'s State, at: &Endpoint, folder: &str) -> Result<History<'s>> {
        let key = Key {
            protocol: "imap".to_owned(),
            login: self.reach.login_name(at)?,
            host: at.host_in_history(),
            // A folder's name has no line break.
            name: format!("{folder}\n{}", self.flags.history_name()),
        };
        state.history(&key, self.reach.patience().left().unwrap_or(Duration::MAX))
    }

    fn folder(
        &self,
        state: &State,
        clients: &mut Clients<'_>,
        folder: &Folder<'_>,
        sink: &mut Every,
        tally: &mut Tally,
    ) -> Result<()> {
        let (flags, at, name) = (self.flags, folder.at, folder.name);
        let shown = folder_name(at, name);
        let history = self.history(state, at, name)?;
        let keeps = Keeps { place: folder.dir.is_some(), pending: flags.delete };
        let mut journal = Journal::open(&history, sink, keeps, now())?;
        let mut mirror = match &folder.dir {
            Some(dir) => Some(Mirror::open(dir, &mut journal)?),
            None => None,
        };
        let mut deliver = Deliver::new(sink, flags.section(), flags.json.then_some(self.report));
        deliver.begin(shown.clone(), journal.validity);
        for half in self.halves(&journal) {
            let uid = half.uid;
            deliver.journal = Some(journal);
            deliver.half = Some(half);
            let only = Some(vec![(uid, uid)]);
            let came = self.unsettled(clients, folder, only, &mut deliver);
            let committed = deliver.discard().and_then(|()| deliver.commit());
            let (half, back) = (deliver.half.take(), deliver.journal.take());
            let Some(back) = back else { return came };
            journal = back;
            tally.add(&std::mem::take(&mut deliver.tally));
            committed?;
            match came {
                // It is gone there, or comes in another way: then whole.
                Ok(()) if journal.renewed.is_none() => half.iter().for_each(Half::remove),
                // A server that gives no part of a message gives all of it, perhaps.
                Err(e) if e.exit() == Exit::Refused && journal.opened.is_some() => half.iter().for_each(Half::remove),
                came => came?,
            }
        }
        loop {
            let (wanted, since) = (journal.wanted(), journal.since());
            deliver.journal = Some(journal);
            let fetched = match &mut mirror {
                None => self.unsettled(clients, folder, wanted, &mut deliver).map(|()| None),
                Some(mirror) => {
                    let new = SequenceSet::from_ranges(wanted.unwrap_or_else(|| vec![(1, u32::MAX)]));
                    let (client, items) = (clients.client(at)?, deliver.items());
                    client.resync(name, since, &new, &items, &mut deliver, mirror).map(Some)
                }
            };
            // What came whole before an error stays.
            let committed = deliver.discard().and_then(|()| deliver.commit());
            let Some(mut done) = deliver.journal.take() else { return fetched.map(drop) };
            if let (Some(opened_), true) = (done.opened, flags.common.verbose) {
                complain(NAME, &opened(name, opened_), None);
            }
            if let Some(validity) = done.renewed {
                fetched?;
                let known = uidvalidity::recover(clients.client(at)?, &shown, name, validity, &done)?;
                if let Some(mirror) = &mut mirror {
                    let removed = mirror.leave(&known, &shown, flags.force)?;
                    self.tell_removed(&shown, removed);
                }
                done.renew(validity, &known)?;
                if let Some(dir) = &folder.dir {
                    mirror = Some(Mirror::open(dir, &mut done)?);
                }
                journal = done;
                continue;
            }
            tally.add(&std::mem::take(&mut deliver.tally));
            committed?;
            match fetched {
                Ok(seen) => {
                    done.settle()?;
                    if let (Some(mirror), Some(seen)) = (&mut mirror, seen) {
                        let removed = mirror.apply(seen, &mut done, &shown, flags.force)?;
                        self.tell_removed(&shown, removed);
                    }
                    let wanted = Wanted {
                        at: at.clone(),
                        folder: name.to_owned(),
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

    /// Large messages of which only the beginning has come.
    fn halves(&self, journal: &Journal<'_>) -> Vec<Half> {
        let all = journal.halves().filter(|_| !self.flags.headers && self.flags.fields.is_empty());
        all.map(|halves| halves.wanted(&|uid| !journal.is_settled(uid))).unwrap_or_default()
    }

    /// What is not settled, in as few round trips as can be.
    fn unsettled(
        &self,
        clients: &mut Clients<'_>,
        folder: &Folder<'_>,
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
        clients.client(folder.at)?.fetch_from(folder.name, which, &items, deliver)
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
        let old = match self.flags.delete_after {
            Some(age) => journal.older_than(age)?,
            None if self.flags.delete => journal.pending()?,
            None => Vec::new(),
        };
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
