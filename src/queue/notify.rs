//! Who is told what: notifications for senders, as entries of the queue, or to a hook. Never a notification about one.

use super::run::{Event, Runner, locked, mailbox};
use super::schedule::seconds;
use super::{Asked, Entry, Envelope, Recipient, Status, To, now, random, rows};
use crate::body::FileBody;
use crate::error::{Error, Local, Result, words};
use crate::message::date::Date;
use crate::message::dsn::{self, Report, What};
use crate::message::facts::Facts;
use crate::proto::smtp::dsn::Ret;
use rusqlite::params;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A message that goes back whole, where the sender has not said whether it should.
const WHOLE: u64 = 64 * 1024;
/// How long a hook may take.
const HOOK: Duration = Duration::from_secs(60);

impl Runner<'_> {
    /// Tells the sender of an entry, which we have locked, how it ended for those of whom that is not told yet; what is over
    /// is deleted in the same transaction.
    pub(super) fn conclude(&self, entry: &mut Entry) -> Result<()> {
        let untold: Vec<Recipient> = entry.to.iter().filter(|to| to.untold).cloned().collect();
        if untold.is_empty() || entry.from.is_empty() {
            return Ok(());
        }
        let what = |to: &Recipient| if to.status == Status::Done { What::Relayed } else { What::Failed };
        let told = self.tell(entry, &untold.iter().map(|to| (to, what(to))).collect::<Vec<_>>(), |t| {
            let sql = "UPDATE recipient SET untold = 0 WHERE entry = ? AND n = ?";
            untold.iter().try_for_each(|to| t.execute(sql, params![entry.id, to.n]).map(drop))?;
            rows::delete_if_over(t, &entry.id)
        })?;
        if let Some(gone) = told {
            entry.to.iter_mut().for_each(|to| to.untold = false);
            if gone {
                self.queue.remove_file(&entry.id);
            }
        }
        Ok(())
    }

    /// Tells the sender that it takes longer, once.
    pub(super) fn warn(&self, entry: &mut Entry) -> Result<()> {
        let late =
            |to: &&Recipient| to.status.is_due() && to.attempts > 0 && to.notify.is_none_or(|notify| notify.delay);
        let late: Vec<Recipient> = entry.to.iter().filter(late).cloned().collect();
        let set = "UPDATE entry SET warned = 1 WHERE id = ?";
        if entry.from.is_empty() || late.is_empty() {
            return self.queue.db.write(|t| Ok(t.execute(set, [&entry.id]).map(drop)?));
        }
        let late: Vec<_> = late.iter().map(|to| (to, What::Delayed)).collect();
        let told = self.tell(entry, &late, |t| Ok(t.execute(set, [&entry.id]).map(|_| false)?))?;
        entry.warned |= told.is_some();
        Ok(())
    }

    /// Makes a notification and gives it to the queue or the hook; `mark` goes into the same transaction. `None`: the hook has
    /// failed, and it is tried again.
    fn tell(
        &self,
        entry: &Entry,
        about: &[(&Recipient, What)],
        mark: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<bool, crate::store::db::Stop>,
    ) -> Result<Option<bool>> {
        let sender = mailbox(&entry.from)?;
        let mut facts = Facts::default();
        if let Some(hook) = &self.schedule.hook {
            let mut file = BufWriter::new(tempfile::tempfile().creating("temporary file")?);
            self.compose(entry, about, &mut |piece| file.write_all(piece).local("temporary file"))?;
            let file = file.into_inner().map_err(|e| Error::io(words(e.error())))?;
            if let Err(why) = run_hook(hook, entry, file, &self.post.hidden()) {
                self.post.hear(&Event::Hook(entry, &why));
                return Ok(None);
            }
            return self.queue.db.write(mark).map(Some);
        }
        let mut draft = self.queue.draft()?;
        self.compose(entry, about, &mut |piece| {
            facts.push(piece);
            draft.write(piece)
        })?;
        facts.end();
        let hop = about.first().map_or("local:", |(to, _)| to.hop.as_str());
        let to = To {
            hop: self.post.way_back(entry, &sender, hop),
            address: sender,
            notify: None,
            orcpt: None,
            unknown: None,
        };
        let envelope = Envelope {
            from: None,
            size: facts.size_smtp(),
            eight_bit: facts.eight_bit > 0,
            utf8_header: facts.eight_bit_header,
            asked: Asked::default(),
            ret: None,
            envid: None,
            origin: entry.origin.as_ref().map(Into::into),
            uid: entry.uid,
            to: vec![to],
        };
        let mut gone = false;
        let id = draft.commit_with(&envelope, |t, _| {
            gone = mark(t)?;
            Ok(())
        })?;
        *locked(&self.notified) = true;
        self.post.hear(&Event::Notified(entry, &id));
        Ok(Some(gone))
    }

    fn compose(
        &self,
        entry: &Entry,
        about: &[(&Recipient, What)],
        out: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let recipients: Vec<dsn::Recipient> = about
            .iter()
            .map(|(to, what)| dsn::Recipient {
                address: to.address.clone(),
                original: to.orcpt.clone(),
                what: *what,
                enhanced: to.enhanced.clone(),
                code: to.code,
                text: to.text.clone(),
            })
            .collect();
        let host = self.post.host();
        let failed = about.iter().any(|(_, what)| *what == What::Failed);
        let until = Date::utc(entry.begun().saturating_add(seconds(self.schedule.expire_after))).to_string();
        let seed = format!("{:016x}{:016x}", random()?, random()?);
        let report = Report {
            host: &host,
            to: &entry.from,
            date: &Date::utc(now()).to_string(),
            message_id: &format!("<{:016x}{:016x}@{host}>", random()?, random()?),
            seed: &seed,
            queue_id: &entry.id,
            envid: entry.envid.as_deref(),
            arrived: &Date::utc(entry.arrived).to_string(),
            retry_until: Some(&until),
            recipients: &recipients,
            // RFC 3461 4.3: RET is about failures only.
            full: failed && entry.ret.map_or(entry.size <= WHOLE, |ret| ret == Ret::Full),
            eight_bit: entry.eight_bit,
        };
        match self.queue.message(&entry.id) {
            Ok(file) => report.write(&mut FileBody::new(file, format!("queue/{}", entry.id)), out),
            // That it was refused is worth telling without it.
            Err(_) => report.write(&mut &b""[..], out),
        }
    }
}

/// Runs the hook with the notification on its stdin; its failure in words.
fn run_hook(hook: &[String], entry: &Entry, mut message: File, hidden: &[String]) -> Result<(), String> {
    let (Some(program), arguments) = (hook.first(), hook.get(1..).unwrap_or_default()) else {
        return Err("no hook".to_owned());
    };
    message.rewind().map_err(|e| words(&e))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(message).stdout(Stdio::null());
    for name in hidden {
        command.env_remove(name);
    }
    command.env("PIPEPOST_QUEUE_ID", &entry.id);
    let mut child = command.spawn().map_err(|e| format!("{program}: {}", words(&e)))?;
    let until = Instant::now() + HOOK;
    loop {
        match child.try_wait().map_err(|e| words(&e))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{program}: {status}")),
            None if Instant::now() >= until => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program}: it takes over {} seconds", HOOK.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
