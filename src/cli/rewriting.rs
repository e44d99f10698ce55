//! `--rewrite` and `--aliases`, and the same of the configuration: which addresses a message and its envelope get instead of their own.

use crate::body::Body;
use crate::config::Settings;
use crate::error::{Error, Exit, Local, Result};
use crate::message::addr::Address;
use crate::message::alias::Aliases;
use crate::message::rewrite::{self, Change, Rewrite, Rule};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// No aliases file is longer.
const MAX: usize = 16 << 20;

/// The flags.
#[derive(Args, Clone, Debug, Default)]
pub struct Rewriting {
    /// Replace an address of senders and recipients, header and envelope (root=cron@example.org, *@localhost=*@example.org); may be repeated.
    #[arg(long, value_name = "PATTERN=ADDRESS")]
    pub rewrite: Vec<String>,
    /// The same for senders alone.
    #[arg(long, value_name = "PATTERN=ADDRESS")]
    pub rewrite_from: Vec<String>,
    /// The same for recipients alone.
    #[arg(long, value_name = "PATTERN=ADDRESS")]
    pub rewrite_to: Vec<String>,
    /// Look up local recipients in this file (name: address, ...).
    #[arg(long, value_name = "FILE")]
    pub aliases: Option<PathBuf>,
}

/// What flags and configuration say together.
#[derive(Debug, Default)]
pub struct Addresses {
    /// `None`: nothing is rewritten.
    rewrite: Option<Rewrite>,
    aliases: Option<Aliases>,
    host: String,
    notes: Mutex<Vec<String>>,
}

impl Rewriting {
    /// The rules and aliases in force; those of the flags come first.
    ///
    /// # Errors
    /// 64: a rule is none; 66: the aliases file can't be read; 78: something in it is wrong.
    pub fn in_force(&self, settings: &Settings, host: &str) -> Result<Addresses> {
        let of = |flag: &str, texts: &[String]| -> Result<Vec<Rule>> {
            let rule = |text: &String| {
                let wrong = || Error::usage(format!("{flag} {text}: not PATTERN=ADDRESS"));
                let (pattern, target) = text.split_once('=').ok_or_else(wrong)?;
                Rule::parse(pattern, target).map_err(|e| e.at(flag))
            };
            texts.iter().map(rule).collect()
        };
        let both = of("--rewrite", &self.rewrite)?;
        let (senders, recipients) = (of("--rewrite-from", &self.rewrite_from)?, of("--rewrite-to", &self.rewrite_to)?);
        let set = [&settings.rewrite, &settings.rewrite_from, &settings.rewrite_to];
        let any =
            set.iter().any(|set| set.is_some()) || !(both.is_empty() && senders.is_empty() && recipients.is_empty());
        let [common, from, to] = set.map(|set| set.as_ref().map(|set| set.value.clone()).unwrap_or_default());
        let rewrite = any.then(|| Rewrite {
            senders: [senders, both.clone(), from, common.clone()].concat(),
            recipients: [recipients, both, to, common].concat(),
        });
        let file = self.aliases.clone().or_else(|| settings.aliases.as_ref().map(|set| set.value.clone()));
        let aliases = file.map(|file| {
            let text = read(&file)?;
            Aliases::parse(&file.display().to_string(), &text, &mut |path| read(Path::new(path)))
        });
        Ok(Addresses { rewrite, aliases: aliases.transpose()?, host: host.to_owned(), notes: Mutex::default() })
    }
}

fn read(file: &Path) -> Result<String> {
    let name = file.display();
    let bytes = crate::store::patience::open(file, None)?.whole(MAX)?;
    let bytes = bytes.ok_or_else(|| Error::config(format!("{name}: longer than {MAX} bytes")))?;
    String::from_utf8(bytes).map_err(std::io::Error::other).local(name).map_err(|e| e.with_exit(Exit::Config))
}

impl Addresses {
    fn note(&self, text: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        // Header and envelope may say the same.
        if !notes.contains(&text) {
            notes.push(text);
        }
    }

    /// What was changed since this was asked last, a line each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The aliases file and how many it has, all looked up; `None`: there is no such file.
    ///
    /// # Errors
    /// 78: aliases that go in a circle.
    pub fn checked_aliases(&self) -> Result<Option<(&str, usize)>> {
        let Some(aliases) = &self.aliases else { return Ok(None) };
        Ok(Some((aliases.file(), aliases.check(&|address| self.is_here(address))?)))
    }

    fn is_here(&self, address: &Address) -> bool {
        [&b"localhost"[..], self.host.as_bytes()].iter().any(|domain| domain.eq_ignore_ascii_case(&address.domain))
    }

    /// The bytes of a header section, rewritten.
    #[must_use]
    pub fn header(&self, section: Vec<u8>) -> Vec<u8> {
        let Some(rewrite) = &self.rewrite else { return section };
        let (section, changes) = rewrite::header(section, rewrite, &self.host);
        for Change { field, from, to } in changes {
            self.note(format!("{field}: {from} becomes {to}"));
        }
        section
    }

    fn one(&self, what: &str, address: Address, rules: impl FnOnce(&Rewrite) -> &Vec<Rule>) -> Address {
        let new = self.rewrite.as_ref().and_then(|all| rewrite::address(&address, rules(all), &self.host));
        let Some(new) = new else { return address };
        if new.spec() != address.spec() {
            self.note(format!("{what}: {} becomes {}", text(&address), text(&new)));
        }
        new
    }

    /// Somebody who sends.
    #[must_use]
    pub fn sender(&self, address: Address) -> Address {
        self.one("sender", address, |all| &all.senders)
    }

    /// Those who receive, as the header names them.
    #[must_use]
    pub fn named(&self, all: Vec<Address>) -> Vec<Address> {
        all.into_iter().map(|address| self.one("recipient", address, |all| &all.recipients)).collect()
    }

    /// Those who get it: rewritten, and local ones looked up in the aliases.
    ///
    /// # Errors
    /// 78: aliases that go in a circle.
    pub fn recipients(&self, all: Vec<Address>) -> Result<Vec<Address>> {
        let all = self.named(all);
        let Some(aliases) = &self.aliases else { return Ok(all) };
        let mut expanded = Vec::new();
        for address in all {
            let mut to = aliases.expand(vec![address.clone()], &|address| self.is_here(address))?;
            to.iter_mut().for_each(|to| crate::message::outgoing::or_domain(to, &self.host));
            if to != [address.clone()] {
                let names: Vec<String> = to.iter().map(text).collect();
                self.note(format!("recipient: {} is an alias of {}", text(&address), names.join(", ")));
            }
            expanded.extend(to);
        }
        Ok(expanded)
    }
}

fn text(address: &Address) -> String {
    format!("<{}>", String::from_utf8_lossy(&address.spec()))
}
