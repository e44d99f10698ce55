//! `sent = "work:Sent"`: copies of what was sent, in a folder of an IMAP account, a Maildir or an mbox, with Bcc and as seen. That a copy
//! can't be kept is told on stderr, and changes nothing else.

use super::connect::Reach;
use super::exit::complain;
use super::into::fill;
use super::outgoing::Outgoing;
use super::remote::Remote;
use crate::body::Body;
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::message::flags::{Flag, Flags};
use crate::net::endpoint::{Endpoint, Place, Service};
use crate::store::sink::{About, Form, Sink, Target};
use clap::Args;

/// Servers that keep a copy of what is sent by them, so that another would be one too many.
const KEEPERS: [&str; 5] =
    ["smtp.gmail.com", "smtp.googlemail.com", "smtp-mail.outlook.com", "smtp.office365.com", "smtp.office365.us"];

/// The flags.
#[derive(Args, Clone, Debug, Default)]
pub struct Sent {
    /// Keep a copy of what was sent in ACCOUNT:FOLDER, maildir:DIR or mbox:FILE.
    #[arg(long, value_name = "TARGET")]
    pub sent: Option<String>,
    /// Keep no copy, whatever the account says.
    #[arg(long, conflicts_with = "sent")]
    pub no_sent: bool,
}

/// Where copies are kept.
pub struct Copies<'r> {
    reach: &'r Reach,
    name: String,
    target: Target,
    /// Opened with the first copy, and kept open.
    sink: Option<Box<dyn Sink>>,
}

impl Sent {
    /// The place for copies of what is sent at `at`; `None`: none are kept. An account's own `sent` is left alone where the server keeps a copy
    /// itself.
    ///
    /// # Errors
    /// 64, 78: it is no such place.
    pub fn copies<'r>(&self, reach: &'r Reach, settings: &Settings, at: &Endpoint) -> Result<Option<Copies<'r>>> {
        let keeps = matches!(&at.place, Place::Host(host, _) if KEEPERS.iter().any(|k| k.eq_ignore_ascii_case(host)));
        match (&self.sent, &settings.sent) {
            _ if self.no_sent => Ok(None),
            (Some(flag), _) => copies(reach, flag).map(Some),
            // Who sends has not asked for it now: what is wrong with it is told, and stops nothing.
            (None, Some(set)) if !keeps => Ok(copies(reach, &set.value)
                .map_err(|e| {
                    let e = e.at(reach.accounts().line(set.line));
                    complain("smtp-send", &format!("no copy will be kept: {e}"), e.advice());
                })
                .ok()),
            _ => Ok(None),
        }
    }
}

fn copies<'r>(reach: &'r Reach, name: &str) -> Result<Copies<'r>> {
    let target: Target = name.parse().map_err(|e: Error| Error::usage(e.to_string().replace("--into", "--sent")))?;
    match &target {
        Target::Maildir(_) | Target::Mbox(_) => {}
        Target::Remote(folder) if reach.accounts().named(folder, Service::Imap)?.folder.is_some() => {}
        Target::Remote(_) => return Err(Error::usage(format!("{name}: a folder is missing")).advise("like work:Sent")),
        _ => return Err(Error::usage(format!("--sent {name}: neither ACCOUNT:FOLDER, maildir:DIR nor mbox:FILE"))),
    }
    Ok(Copies { reach, name: name.to_owned(), target, sink: None })
}

impl Copies<'_> {
    /// Keeps a copy; `bcc`: the fields that were taken out of the message.
    pub fn keep(&mut self, message: &mut Outgoing, bcc: &[u8]) {
        if let Err(e) = self.store(message, bcc) {
            let why = format!(
                "it was sent, and no copy was kept in {}: {}",
                self.name,
                e.to_string().trim_start_matches("--into: ")
            );
            complain("smtp-send", &why, e.advice());
        }
    }

    fn store(&mut self, message: &mut Outgoing, bcc: &[u8]) -> Result<()> {
        let mut sink = match (self.sink.take(), &self.target) {
            (Some(sink), _) => sink,
            (None, Target::Remote(folder)) => Box::new(Remote::open(folder, self.reach)?),
            (None, target) => target.open(Form::Raw, self.reach.whole().at())?,
        };
        let flags = Flags::none().with(Flag::Seen);
        let mut copy = Behind { first: bcc, then: message.spool.body()? };
        fill(&mut *sink, About { flags, ..About::default() }, &mut copy)?;
        sink.end()?;
        sink.commit()?;
        self.sink = Some(sink);
        Ok(())
    }
}

/// Bytes, and a body behind them.
struct Behind<'b, B> {
    first: &'b [u8],
    then: B,
}

impl<B: Body> Body for Behind<'_, B> {
    fn chunk(&mut self) -> Result<&[u8]> {
        if self.first.is_empty() { self.then.chunk() } else { self.first.chunk() }
    }
}
