//! The flags that compose a message, shared by smtp-send and mailfmt.

use crate::body::Body;
use crate::error::{Error, Result};
use crate::message::addr::{self, Address};
use crate::message::compose::{Attachment, Letter, Text, content_type, message_id};
use crate::message::date::Date;
use crate::message::facts::Facts;
use crate::net::Deadline;
use crate::store::patience::open;
use crate::store::spool::Spool;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The flags.
#[derive(Args, Clone, Debug, Default)]
pub struct Compose {
    /// Compose: the subject.
    #[arg(short, long, value_name = "TEXT")]
    pub subject: Option<String>,
    /// Compose: who it is from (default: USER@HOST).
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// Compose: addresses for To.
    #[arg(long, value_name = "ADDRESS,...")]
    pub to: Vec<String>,
    /// Compose: addresses for Cc.
    #[arg(long, value_name = "ADDRESS,...")]
    pub cc: Vec<String>,
    /// Compose: blind recipients.
    #[arg(long, value_name = "ADDRESS,...")]
    pub bcc: Vec<String>,
    /// Compose: attach a file.
    #[arg(long, value_name = "FILE")]
    pub attach: Vec<PathBuf>,
    /// Compose: an HTML alternative to the text.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Compose: a further header field, 'Name: value'.
    #[arg(long, value_name = "FIELD")]
    pub header: Vec<String>,
}

/// What the flags name, read and checked.
pub struct Composed {
    /// The message, in wire form, without Bcc unless that was asked for.
    pub message: Spool,
    /// Its From.
    pub from: Address,
    /// To, Cc and Bcc, in this order.
    pub recipients: Vec<Address>,
}

/// What is added to what the flags say.
#[derive(Default)]
pub struct Extra<'a> {
    /// For To, if neither --to nor --cc is given.
    pub to: &'a [Address],
    /// From, if there is no --from.
    pub from: Option<&'a str>,
    /// HOST of pipepost(7).
    pub host: &'a str,
    /// Whether Bcc stays in the message.
    pub keep_bcc: bool,
    /// Whether to say `Auto-Submitted: auto-generated`.
    pub auto_submitted: bool,
    /// When to stop waiting for pipes.
    pub until: Deadline,
}

/// What is random or now unless it is given: with all three, the same input gives the same message.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// For `Date`, as it is written there.
    pub date: Option<String>,
    /// For `Message-ID`, with angle brackets.
    pub message_id: Option<String>,
    /// What boundaries are made of, letters and digits.
    pub seed: Option<String>,
}

impl Compose {
    /// Whether any of the flags is given, so that stdin is a text and not a message.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.subject.is_some()
            || self.from.is_some()
            || self.html.is_some()
            || [&self.to, &self.cc, &self.bcc, &self.header].iter().any(|list| !list.is_empty())
            || !self.attach.is_empty()
    }

    /// Composes, with `text` as the body.
    ///
    /// # Errors
    /// 64: a flag's value is no address or holds a line break; 66: a file can't be read; 73, 74: temporary files.
    pub fn compose(&self, text: &mut dyn Body, extra: &Extra<'_>) -> Result<Composed> {
        let mut message = Spool::new();
        let (from, recipients) = self.write(text, extra, Fixed::default(), &mut |bytes| message.push(bytes))?;
        Ok(Composed { message, from, recipients })
    }

    /// Composes, with `text` as the body, and hands the message to `out` as it comes; returns its From and its recipients.
    ///
    /// # Errors
    /// As [`Compose::compose`], and those of `out`.
    pub fn write(
        &self,
        text: &mut dyn Body,
        extra: &Extra<'_>,
        fixed: Fixed,
        out: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<(Address, Vec<Address>)> {
        let from = match (&self.from, extra.from) {
            (Some(from), _) => one("--from", from, extra.host)?,
            (None, Some(from)) => one("from", from, extra.host)?,
            (None, None) => Address {
                local: super::system::user_name().into_bytes(),
                domain: extra.host.as_bytes().to_vec(),
                ..Address::default()
            },
        };
        let mut to = many("--to", &self.to, extra.host)?;
        let (cc, bcc) = (many("--cc", &self.cc, extra.host)?, many("--bcc", &self.bcc, extra.host)?);
        let recipients = [to.clone(), cc.clone(), bcc.clone()].concat();
        if to.is_empty() && cc.is_empty() {
            to = extra.to.to_vec();
        }
        let headers = self.header.iter().map(|field| header(field)).collect::<Result<Vec<_>>>()?;
        let attachments =
            self.attach.iter().map(|file| attachment(file, extra.until.at())).collect::<Result<Vec<_>>>()?;
        let mut html = self.html.as_deref().map(|file| spool(&mut open(file, extra.until.at())?)).transpose()?;
        let (mut text, facts) = spool(text)?;
        // Nothing on stdin is no text if something else makes a message.
        let silent = facts.is_empty() && (html.is_some() || !attachments.is_empty());
        let letter = Letter {
            from: vec![from.clone()],
            to,
            cc,
            bcc,
            keep_bcc: extra.keep_bcc,
            subject: self.subject.clone(),
            date: fixed.date.unwrap_or_else(|| today().to_string()),
            message_id: match fixed.message_id {
                Some(id) => id,
                None => message_id(random()?, extra.host),
            },
            headers,
            auto_submitted: extra.auto_submitted,
            seed: match fixed.seed {
                Some(seed) => seed,
                None => random()?.iter().map(|b| format!("{b:02x}")).collect(),
            },
            text: if silent { None } else { Some(Text { body: Box::new(text.body()?), facts }) },
            html: match &mut html {
                Some((spool, facts)) => Some(Text { body: Box::new(spool.body()?), facts: facts.clone() }),
                None => None,
            },
            attachments,
        };
        letter.write(out)?;
        Ok((from, recipients))
    }
}

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
    Ok(bytes)
}

/// Now, in the local zone; `$SOURCE_DATE_EPOCH` in UTC if that is set.
fn today() -> Date {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let zone = chrono::Local::now().offset().local_minus_utc() / 60;
    epoch.map_or(Date { seconds: now(), zone }, Date::utc)
}

/// Seconds since the epoch.
#[must_use]
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// One address of a flag or argument; without a domain it gets `host`.
///
/// # Errors
/// 64 with the flag's name.
pub fn one(flag: &str, text: &str, host: &str) -> Result<Address> {
    let mut address = addr::parse_strict(text).map_err(|e| e.at(flag))?;
    crate::message::outgoing::or_domain(&mut address, host);
    Ok(address)
}

fn many(flag: &str, texts: &[String], host: &str) -> Result<Vec<Address>> {
    let mut all = Vec::new();
    for text in texts {
        if crate::text::breaks_line(text) {
            return Err(Error::usage(format!("{flag} {}: a line break or NUL", text)));
        }
        let items = addr::checked(text.as_bytes()).map_err(|e| e.with_exit(crate::error::Exit::Usage).at(flag))?;
        let before = all.len();
        all.extend(addr::mailboxes(&items).cloned());
        if all.len() == before {
            return Err(Error::usage(format!("{flag} {}: no address", text)));
        }
    }
    all.iter_mut().for_each(|address| crate::message::outgoing::or_domain(address, host));
    Ok(all)
}

fn header(field: &str) -> Result<(String, String)> {
    let wrong = |why: &str| Error::usage(format!("--header {}: {why}", field));
    if crate::text::breaks_line(field) {
        return Err(wrong("a line break or NUL"));
    }
    let (name, value) = field.split_once(':').ok_or_else(|| wrong("no colon"))?;
    Ok((name.trim_end().to_owned(), value.trim().to_owned()))
}

/// A text has to be known before its encoding can be chosen.
fn spool(text: &mut dyn Body) -> Result<(Spool, Facts)> {
    let (mut spool, mut facts) = (Spool::new(), Facts::of_body());
    loop {
        let piece = text.chunk()?;
        if piece.is_empty() {
            facts.end();
            return Ok((spool, facts));
        }
        facts.push(piece);
        spool.push(piece)?;
    }
}

fn attachment(file: &Path, until: Option<Instant>) -> Result<Attachment<'static>> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| Error::no_input(format!("{}: no file name", file.display())))?;
    if crate::text::breaks_line(&name) {
        return Err(Error::usage(format!("--attach {}: a line break in the name", name)));
    }
    let content_type = content_type(&name).to_owned();
    let mut charset = None;
    // A text says its charset, if that can be found out by reading it twice.
    if content_type.starts_with("text/") && file.is_file() {
        let mut facts = Facts::of_body();
        let mut body = open(file, until)?;
        loop {
            let piece = body.chunk()?;
            if piece.is_empty() {
                break;
            }
            facts.push(piece);
        }
        facts.end();
        charset = facts.utf8.then(|| if facts.eight_bit > 0 { "utf-8" } else { "us-ascii" }.to_owned());
    }
    Ok(Attachment { name, content_type, charset, body: Box::new(open(file, until)?) })
}
