//! `mailfmt reply`, `reply-all`, `forward`: a new message out of one that came.

use super::draft;
use super::format::Format;
use super::input::open;
use super::list::of_message;
use super::new::write;
use super::quote::{Quoted, append, attached, digest, shown};
use super::show::read;
use super::stamp::Stamp;
use crate::body::Body;
use crate::cli::compose::{Compose, Extra, Fixed};
use crate::cli::{Outcome, system};
use crate::error::{Error, Result};
use crate::message::addr::Address;
use crate::message::charset::{Utf8Body, lookup};
use crate::message::facts::Facts;
use crate::message::mbox::Mbox;
use crate::message::mime::Part;
use crate::message::reply::{To, forward_subject, people_of, recipients, reply_subject, text as address_text, thread};
use crate::store::spool::Spool;
use clap::Args;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What stands before a quoted text.
const ATTRIBUTION: &str = "On {sent}, {from} wrote:";
/// What stands before a text that is sent on.
const FORWARDED: &str = "---------- Forwarded message ----------\n";

/// What all of them have.
#[derive(Args, Debug)]
struct Answer {
    /// The message (of an mbox the first); stdin if missing or -.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The new text (- is stdin).
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    #[command(flatten)]
    compose: Compose,
    /// An address of who answers: it gets no copy, and the message is from it if the original was for it; may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    me: Vec<String>,
    #[command(flatten)]
    stamp: Stamp,
    /// Edit the message in $VISUAL or $EDITOR before it is made.
    #[arg(long)]
    edit: bool,
    /// Escape nothing on a terminal.
    #[arg(long)]
    raw: bool,
}

/// How an answer quotes.
#[derive(Args, Debug)]
struct Quoting {
    /// Do not quote the message.
    #[arg(long)]
    no_quote: bool,
    /// The line before the quoted text, with columns of list and header fields in braces.
    #[arg(long, value_name = "FORMAT", default_value = ATTRIBUTION, conflicts_with = "no_quote")]
    attribution: Format,
    /// Put the new text above the quoted one.
    #[arg(long, conflicts_with = "no_quote")]
    above: bool,
}

/// Composes an answer to who wrote a message.
///
/// It goes to Reply-To, else From; who answers to a message of their own (see --me) means its recipients. References and In-Reply-To
/// are made as RFC 5322 3.6.4 says, the subject gets one Re:, the text is quoted.
#[derive(Args, Debug)]
pub(super) struct Reply {
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    quoting: Quoting,
    /// Answer to the mailing list (List-Post) instead.
    #[arg(long)]
    to_list: bool,
}

/// Composes an answer to everybody who got a message.
///
/// It goes to Mail-Followup-To if there is one; else to Reply-To or From, and with a copy to all of To and Cc but --me and --from.
#[derive(Args, Debug)]
pub(super) struct ReplyAll {
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    quoting: Quoting,
}

/// Composes a message that holds another one.
///
/// Its main header fields and its text are in the new text, its files are attached again.
#[derive(Args, Debug)]
pub(super) struct Forward {
    #[command(flatten)]
    answer: Answer,
    /// Attach the message whole, as message/rfc822; recoded to 7 bits if it has others.
    #[arg(long)]
    as_message: bool,
}

impl Reply {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let to = if self.to_list { To::List } else { To::Author };
        self.answer.reply(to, &self.quoting)
    }
}

impl ReplyAll {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        self.answer.reply(To::All, &self.quoting)
    }
}

impl Answer {
    /// The message that is answered.
    fn original(&self) -> Result<(Spool, Part)> {
        let is_stdin = |path: Option<&Path>| path.is_none_or(|path| path.as_os_str() == "-");
        if self.text.as_deref().is_some_and(|text| is_stdin(Some(text))) && is_stdin(self.file.as_deref()) {
            return Err(Error::usage("stdin can be read once only").advise("name the FILE of the message"));
        }
        if self.compose.has_variables() {
            return Err(Error::usage(
                "--template and --merge are for new messages: here they would fill what others wrote",
            ));
        }
        let mut mbox = Mbox::new(open(self.file.as_deref())?);
        if !mbox.next_message()? {
            return Err(Error::data("no message: the input is empty"));
        }
        read(&mut mbox)
    }

    /// The new text, in UTF-8.
    fn new_text(&self) -> Result<Spool> {
        let mut text = Spool::new();
        let Some(file) = &self.text else { return Ok(text) };
        let mut source = open(Some(file))?;
        if let Some(label) = &self.compose.charset {
            lookup(label.as_bytes()).ok_or_else(|| Error::usage(format!("--charset {label}: nobody knows it")))?;
            let mut decoded = Utf8Body::new(source, label.as_bytes());
            append(&mut text, &mut decoded)?;
            if decoded.replaced() {
                return Err(Error::data(format!("the text is not in {label}")));
            }
            return Ok(text);
        }
        let mut facts = Facts::of_body();
        loop {
            let piece = source.chunk()?;
            if piece.is_empty() {
                break;
            }
            facts.push(piece);
            text.push(piece)?;
        }
        facts.end();
        if facts.utf8 {
            return Ok(text);
        }
        Err(Error::data("the text is not UTF-8").advise("--charset says what it is"))
    }

    /// Whose addresses those of `--me` and `--from` are.
    fn own(&self) -> Vec<Address> {
        self.me.iter().chain(&self.compose.from).flat_map(|text| people_of(text.as_bytes())).collect()
    }

    /// The flags, with what the original says where they say nothing.
    fn filled(&self, part: &Part, subject: String, from: Option<Address>) -> Compose {
        let mut compose = self.compose.clone();
        compose.charset = compose.charset.filter(|_| compose.html.is_some());
        compose.subject.get_or_insert(subject);
        if let (None, Some(own)) = (&compose.from, from) {
            compose.from = Some(address_text(&own));
        }
        let thread = thread(&part.header);
        for (name, value) in [("In-Reply-To", thread.in_reply_to), ("References", thread.references)] {
            let given = compose.header.iter().filter_map(|field| field.split_once(':'));
            let given = given.filter(|(given, _)| given.trim_end().eq_ignore_ascii_case(name)).count() > 0;
            if let Some(value) = value.filter(|_| !given) {
                compose.header.push(format!("{name}: {value}"));
            }
        }
        compose
    }

    fn reply(&self, to: To, quoting: &Quoting) -> Outcome {
        let (mut message, part) = self.original()?;
        let who = recipients(&part.header, to, &self.own());
        if to == To::List && who.to.is_empty() {
            return Err(Error::data("no List-Post: the message says of no mailing list how to write to it").into());
        }
        let mut compose = self.filled(&part, reply_subject(part.header.get("Subject")), who.own);
        if who.to.is_empty() && compose.to.is_empty() {
            return Err(Error::data("the message names nobody to answer to").advise("--to says who").into());
        }
        compose.to.extend(who.to.iter().map(address_text));
        compose.cc.extend(who.cc.iter().map(address_text));
        let new = self.new_text()?;
        let mut text = Spool::new();
        let quoted = if quoting.no_quote { None } else { Some(shown(&mut message, &part, true)?) };
        let mut new = Some(new).filter(|new| !new.is_empty());
        if quoting.above
            && let Some(mut new) = new.take()
        {
            block(&mut text, &mut new)?;
        }
        if let Some(mut quoted) = quoted {
            let line = quoting.attribution.fill(|name| of_message(&part.header, name).unwrap_or_default());
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push(format!("{gap}{line}\n").as_bytes())?;
            append(&mut text, &mut Quoted::new(quoted.body()?))?;
        }
        if let Some(mut new) = new {
            text.push(if text.is_empty() { b"" } else { b"\n" })?;
            block(&mut text, &mut new)?;
        }
        self.write(&compose, text, self.stamp.fixed()?)
    }

    fn write(&self, compose: &Compose, mut text: Spool, fixed: Fixed) -> Outcome {
        let host = system::host_name();
        let extra = Extra { host: &host, keep_bcc: true, empty: true, ..Extra::default() };
        if self.edit {
            let (compose, mut text) = draft::edit(compose, &host, &mut text.body()?)?;
            return write(&compose, &mut text.body()?, &extra, fixed, self.raw);
        }
        write(compose, &mut text.body()?, &extra, fixed, self.raw)
    }
}

/// Puts a text behind another; its last line ends.
fn block(text: &mut Spool, new: &mut Spool) -> Result<()> {
    let mut last = b'\n';
    let mut body = new.body()?;
    loop {
        let piece = body.chunk()?;
        let Some(end) = piece.last() else { break };
        last = *end;
        text.push(piece)?;
    }
    if last == b'\n' { Ok(()) } else { text.push(b"\n") }
}

impl Forward {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let (mut message, part) = self.answer.original()?;
        let own = recipients(&part.header, To::Author, &self.answer.own()).own;
        let mut compose = self.answer.filled(&part, forward_subject(part.header.get("Subject")), own);
        // It begins a conversation with somebody else, but tells of what.
        compose.header.retain(|field| !field.starts_with("In-Reply-To: "));
        let mut text = Spool::new();
        block(&mut text, &mut self.answer.new_text()?)?;
        // Held until the message is written: their names are those of these descriptors.
        let files: Vec<(File, std::ffi::OsString)> = if self.as_message {
            vec![super::quote::whole(&mut message, &part)?]
        } else {
            text.push(if text.is_empty() { b"" } else { b"\n" })?;
            text.push(FORWARDED.as_bytes())?;
            append(&mut text, &mut shown(&mut message, &part, false)?.body()?)?;
            attached(&mut message, &part)?
        };
        compose.attach.extend(files.iter().map(|(_, argument)| argument.clone()));
        let mut fixed = self.answer.stamp.fixed()?;
        if let Some(seed) = &mut fixed.seed {
            // The message may have boundaries of the same seed.
            seed.push_str(&digest(&mut message)?);
        }
        self.answer.write(&compose, text, fixed)
    }
}
