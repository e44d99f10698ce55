//! `--key`, `--once-per`, `--recovered`: whether a notice is sent now, and how those of one key belong together.

use super::{Run, words};
use crate::cli::args::duration;
use crate::cli::compose::now;
use crate::cli::exit::complain;
use crate::cli::system;
use crate::error::{Error, Result};
use crate::message::date::Date;
use crate::store::alerts::{Alerts, Verdict, check_key};
use clap::Args;
use std::time::Duration;

/// The flags.
#[derive(Args, Clone, Debug, Default)]
pub struct Alert {
    /// Compose: what the notice is about; those of one key are one thread.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// With --key: send nothing if a notice of this key was sent so short a time ago (30s, 5m, 1h).
    #[arg(long, value_name = "DURATION", requires = "key", value_parser = duration)]
    pub once_per: Option<Duration>,
    /// With --run and --key: send a notice when a command works again of whose failure one was sent.
    #[arg(long, requires_all = ["run", "key"])]
    pub recovered: bool,
}

/// A notice that may be sent, until [`Watch::sent`] says what became of it.
#[derive(Debug, Default)]
pub struct Watch {
    key: Option<String>,
    /// `None`: nothing is remembered.
    alerts: Option<Box<Alerts>>,
    /// It tells of a recovery, from a failure since then.
    recovered: Option<i64>,
}

/// What to do about an event.
#[derive(Debug)]
pub enum Told {
    /// Nothing; why, for `-v`.
    Nothing(&'static str),
    /// Send a notice that begins with these lines.
    Send(Watch, Vec<String>),
}

impl Alert {
    /// What to do about what has just happened; `failed`: it was bad; `dry`: as if, without taking a note. What can't be looked up is
    /// told on stderr, and the notice sent.
    ///
    /// # Errors
    /// 64: the key can't be one.
    pub fn happened(&self, run: &Run, failed: bool, dry: bool) -> Result<Told> {
        let Some(key) = &self.key else {
            let send = failed || run.always;
            return Ok(if send { Told::Send(Watch::default(), Vec::new()) } else { Told::Nothing("it has worked") });
        };
        check_key(key)?;
        let mut watch = Watch { key: Some(key.clone()), ..Watch::default() };
        if dry || self.once_per.is_none() && !self.recovered {
            let send = failed || run.always;
            return Ok(if send { Told::Send(watch, Vec::new()) } else { Told::Nothing("it has worked") });
        }
        let opened = system::state_home().and_then(|home| Alerts::open(&home.join("alerts.sqlite")));
        let asked = opened.and_then(|alerts| Ok((self.ask(&alerts, key, failed)?, Box::new(alerts))));
        match asked {
            Err(e) => {
                complain("smtp-send", &e.to_string(), e.advice());
                Ok(if failed || run.always { Told::Send(watch, Vec::new()) } else { Told::Nothing("it has worked") })
            }
            Ok((Asked::Mute, _)) => Ok(Told::Nothing("a notice of it was sent not long ago")),
            Ok((Asked::Tell(lines), alerts)) => {
                watch.alerts = Some(alerts);
                Ok(Told::Send(watch, lines))
            }
            Ok((Asked::Well(Some(since)), alerts)) if self.recovered => {
                let lines = vec![format!("It works again; it has failed since {}.", Date::utc(since))];
                Ok(Told::Send(Watch { alerts: Some(alerts), recovered: Some(since), ..watch }, lines))
            }
            Ok((Asked::Well(_), _)) if run.always => Ok(Told::Send(watch, Vec::new())),
            Ok((Asked::Well(_), _)) => Ok(Told::Nothing("it has worked")),
        }
    }

    fn ask(&self, alerts: &Alerts, key: &str, failed: bool) -> Result<Asked> {
        if !failed {
            return alerts.well(key).map(Asked::Well);
        }
        Ok(match alerts.failed(key, now(), self.once_per.map(|duration| duration.as_secs()))? {
            Verdict::Mute => Asked::Mute,
            Verdict::Tell { muted: 0, .. } => Asked::Tell(Vec::new()),
            Verdict::Tell { muted, told } => {
                let times = if muted == 1 { "once".to_owned() } else { format!("{muted} times") };
                let since = told.and_then(|told| u64::try_from(now().saturating_sub(told)).ok());
                let since =
                    since.map(|s| format!(" in the last {}", words(Duration::from_secs(s)))).unwrap_or_default();
                Asked::Tell(vec![format!("It has also failed {times}{since}, which was not told.")])
            }
        })
    }
}

enum Asked {
    Mute,
    Tell(Vec<String>),
    Well(Option<i64>),
}

impl Watch {
    /// Whether it tells that all is well again.
    #[must_use]
    pub fn is_recovery(&self) -> bool {
        self.recovered.is_some()
    }

    /// The fields that make a thread of the notices of one key: each seems to answer one that never was (RFC 5322 3.6.4).
    #[must_use]
    pub fn fields(&self, host: &str) -> Vec<(String, String)> {
        let Some(key) = &self.key else { return Vec::new() };
        let mut word = String::from("key.");
        for byte in key.bytes() {
            match byte {
                b if b.is_ascii_alphanumeric() || b == b'-' || b == b'_' => word.push(char::from(b)),
                b => word.push_str(&format!("={b:02x}")),
            }
        }
        let id = format!("<{word}@{host}>");
        vec![("In-Reply-To".to_owned(), id.clone()), ("References".to_owned(), id)]
    }

    /// Notes what became of it. What can't be noted is told on stderr: the next notice may come too early.
    pub fn sent(&self, sent: bool) {
        let (Some(key), Some(alerts)) = (&self.key, &self.alerts) else { return };
        let noted: Result<(), Error> = match (self.recovered, sent) {
            (None, true) => alerts.told(key, now()),
            (None, false) => alerts.untold(key),
            (Some(_), true) => Ok(()),
            (Some(since), false) => alerts.reopen(key, since),
        };
        if let Err(e) = noted {
            complain("smtp-send", &e.to_string(), e.advice());
        }
    }
}
