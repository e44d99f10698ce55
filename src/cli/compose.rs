//! The flags that compose a message, shared by smtp-send and mailfmt: what they name is read and checked here, once, and written as
//! one message, or with `--merge` as one for each row.

mod files;
mod merge;

use super::rewriting::Addresses;
use crate::body::{Body, FileBody};
use crate::error::{Error, Exit, Result};
use crate::message::addr::{self, Address};
use crate::message::compose::{Attachment, Cids, Letter, Text, message_id, message_id_of};
use crate::message::date::Date;
use crate::message::digest::Sha256;
use crate::message::facts::Facts;
use crate::message::template::{Template, Values};
use crate::net::Deadline;
use crate::store::patience::open;
use crate::store::spool::Spool;
use clap::Args;
use files::Named;
use merge::{Row, Rows};
use std::ffi::OsString;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest text with variables.
const TEMPLATE: usize = 16 << 20;
/// The columns of a text that is made of HTML.
const WIDTH: usize = 72;

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
    /// Compose: attach a file (- is stdin), of this media type and under this name if they are given.
    #[arg(long, value_name = "FILE[:TYPE[:NAME]]", allow_hyphen_values = true)]
    pub attach: Vec<OsString>,
    /// Compose: a file that the HTML shows where it says cid:NAME.
    #[arg(long, value_name = "FILE[:TYPE[:NAME]]", allow_hyphen_values = true)]
    pub inline: Vec<OsString>,
    /// Compose: an HTML alternative to the text (- is stdin); without a text on stdin the text is made of it.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Compose: a further header field, 'Name: value'.
    #[arg(long, value_name = "FIELD")]
    pub header: Vec<String>,
    /// Compose: the charset of text and HTML (default: UTF-8 if they are that, else what they or the locale say).
    #[arg(long, value_name = "NAME")]
    pub charset: Option<String>,
    /// Compose: {{NAME}} in text, HTML, subject, addresses, fields and names of files stands for the environment variable.
    #[arg(long)]
    pub template: bool,
    /// Compose: a message for each row of FILE (CSV, .tsv, .json, .ndjson); {{NAME}} stands for the row's value of that name.
    #[arg(long, value_name = "FILE", conflicts_with = "template")]
    pub merge: Option<PathBuf>,
}

/// What the flags name, read and checked.
pub struct Composed {
    /// The message, in wire form, without Bcc unless that was asked for.
    pub message: Spool,
    /// Who is in it.
    pub who: Who,
}

/// Who is in a composed message.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// Its From.
    pub from: Address,
    /// To, Cc, Bcc and the arguments, in this order.
    pub recipients: Vec<Address>,
    /// Those of Bcc alone.
    pub bcc: Vec<Address>,
}

/// What is added to what the flags say.
#[derive(Default)]
pub struct Extra<'a> {
    /// Further recipients, who are named in To if neither --to nor --cc is given.
    pub arguments: &'a [String],
    /// From, if there is no --from.
    pub from: Option<&'a str>,
    /// HOST of pipepost(7).
    pub host: &'a str,
    /// Whether Bcc stays in the message.
    pub keep_bcc: bool,
    /// Whether to say `Auto-Submitted: auto-generated`.
    pub auto_submitted: bool,
    /// Whether a message may be sent of which nothing was said: no text, no file.
    pub empty: bool,
    /// What its addresses become.
    pub addresses: Option<&'a Addresses>,
    /// Further fields that are known to be right.
    pub fields: Vec<(String, String)>,
    /// When to stop waiting for pipes.
    pub until: Deadline,
}

/// What is random or now unless it is given: with a date and a seed, the same input gives the same message.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// For `Date`, as it is written there.
    pub date: Option<String>,
    /// For `Message-ID`, with angle brackets.
    pub message_id: Option<String>,
    /// What boundaries and, without `message_id`, the Message-ID are made of, letters and digits.
    pub seed: Option<String>,
}

/// A text: as it is, or with variables.
enum Source {
    Plain(Spool, Facts),
    Template(Template),
}

impl Source {
    fn read(body: &mut dyn Body, flags: &Compose, html: bool) -> Result<Source> {
        let (mut spool, facts) = files::text(body, flags.charset.as_deref(), html)?;
        if !flags.has_variables() {
            return Ok(Source::Plain(spool, facts));
        }
        let what = if html { "--html" } else { "the text" };
        let whole = spool.body()?.whole(TEMPLATE)?;
        let whole = whole.ok_or_else(|| Error::data(format!("{what}: a template has at most {TEMPLATE} bytes")))?;
        let text = String::from_utf8(whole)
            .map_err(|_| Error::data(format!("{what}: not UTF-8")).advise("--charset says what it is"))?;
        Ok(Source::Template(Template::parse(&text).map_err(|e| e.at(what))?))
    }

    fn is_empty(&self) -> bool {
        match self {
            Source::Plain(_, facts) => facts.is_empty(),
            Source::Template(template) => *template == Template::default(),
        }
    }

    /// The text, with the values in it.
    fn text(&mut self, values: Option<&Values<'_>>, html: bool) -> Result<Text<'_>> {
        match (self, values) {
            (Source::Plain(spool, facts), _) => Ok(Text { body: Box::new(spool.body()?), facts: facts.clone() }),
            (Source::Template(template), Some(values)) => Ok(text_of(template.fill(values, html)?)),
            (Source::Template(_), None) => Err(Error::internal("a template without values")),
        }
    }
}

fn text_of(text: String) -> Text<'static> {
    let mut facts = Facts::of_body();
    facts.push(text.as_bytes());
    facts.end();
    Text { body: Box::new(FileBody::new(Cursor::new(text), "the text")), facts }
}

/// What the flags name, read.
struct Material<'a> {
    flags: &'a Compose,
    extra: &'a Extra<'a>,
    text: Option<Source>,
    html: Option<Source>,
    /// For the file that is stdin.
    stdin: Option<&'a mut dyn Body>,
}

impl Compose {
    /// Whether any of the flags is given, so that stdin is a text and not a message.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.subject.is_some()
            || self.from.is_some()
            || self.html.is_some()
            || self.charset.is_some()
            || self.has_variables()
            || [&self.to, &self.cc, &self.bcc, &self.header].iter().any(|list| !list.is_empty())
            || [&self.attach, &self.inline].iter().any(|list| !list.is_empty())
    }

    /// Whether `{{NAME}}` is a variable.
    #[must_use]
    pub fn has_variables(&self) -> bool {
        self.template || self.merge.is_some()
    }

    /// Composes, with `text` as the body, and hands each message to `each`. No message is handed over before all rows of `--merge` are
    /// found good.
    ///
    /// # Errors
    /// 64: a flag's value is no address or holds a line break; 65: a text in another charset, a variable that is missing; 66: a file
    /// can't be read; 73, 74: temporary files; those of `each`.
    pub fn each(
        &self,
        text: &mut dyn Body,
        extra: &Extra<'_>,
        fixed: &Fixed,
        each: &mut dyn FnMut(Composed) -> Result<()>,
    ) -> Result<()> {
        let mut material = self.read(text, extra)?;
        let mut one = |row: Option<&Row>, material: &mut Material<'_>| {
            let mut message = Spool::new();
            let who = material.write(row, fixed.clone(), &mut |bytes| message.push(bytes))?;
            each(Composed { message, who })
        };
        let Some(file) = &self.merge else { return one(None, &mut material) };
        let mut rows = Rows::open(file, extra.until.at())?;
        rows.each(&mut |row| material.check(row))?;
        rows.each(&mut |row| one(Some(row), &mut material))
    }

    /// Composes one message, with `text` as the body, and hands it to `out` as it comes; says who is in it.
    ///
    /// # Errors
    /// As [`Compose::each`], and those of `out`.
    pub fn write(
        &self,
        text: &mut dyn Body,
        extra: &Extra<'_>,
        fixed: Fixed,
        out: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<Who> {
        self.read(text, extra)?.write(None, fixed, out)
    }

    /// Whether the flags can make a message, as far as that can be said before there is a text.
    ///
    /// # Errors
    /// 64: a flag's value is no address or holds a line break; nobody gets it.
    pub fn check(&self, extra: &Extra<'_>) -> Result<()> {
        let (_, who) = Material { flags: self, extra, text: None, html: None, stdin: None }.fields(None)?;
        if who.recipients.is_empty() { Err(Error::usage("no recipient")) } else { Ok(()) }
    }

    fn read<'a>(&'a self, stdin: &'a mut dyn Body, extra: &'a Extra<'a>) -> Result<Material<'a>> {
        let files = self.attach.iter().chain(&self.inline).filter(|file| Named::parse(file).is_stdin()).count();
        let html_is_stdin = self.html.as_deref().is_some_and(|path| path.as_os_str() == "-");
        if files + usize::from(html_is_stdin) > 1 || files > 0 && self.merge.is_some() {
            return Err(Error::usage("stdin can be read once only"));
        }
        let mut material = Material { flags: self, extra, text: None, html: None, stdin: None };
        if html_is_stdin {
            material.html = Some(Source::read(stdin, self, true)?);
        } else {
            if let Some(file) = &self.html {
                material.html = Some(Source::read(&mut open(file, extra.until.at())?, self, true)?);
            }
            match files {
                0 => material.text = Some(Source::read(stdin, self, false)?),
                _ => material.stdin = Some(stdin),
            }
        }
        // Nothing on stdin is no text if something else makes a message.
        let files = files > 0 || !self.attach.is_empty();
        let html = material.html.as_ref().is_some_and(|html| !html.is_empty());
        let text = material.text.as_ref().is_some_and(|text| !text.is_empty());
        if !text && (html || files) {
            material.text = None;
        } else if !text && !extra.empty {
            return Err(
                Error::usage("stdin is empty").advise("< /dev/null or --allow-empty sends a message without text")
            );
        }
        Ok(material)
    }
}

impl Material<'_> {
    /// Who is in the message, and its fields.
    fn fields(&self, row: Option<&Row>) -> Result<(Letter<'static>, Who)> {
        let (flags, extra) = (self.flags, self.extra);
        let values = |name: &str| variable(row, name);
        let list = |flag: &str, texts: &[String]| -> Result<Vec<Address>> {
            match flags.has_variables() {
                true => filled(flag, texts, extra.host, &values),
                false => many(flag, texts, extra.host),
            }
        };
        let from = match (&flags.from, extra.from) {
            (Some(from), _) if flags.has_variables() => {
                let mut one = filled("--from", std::slice::from_ref(from), extra.host, &values)?.into_iter();
                let wrong = || Error::data(format!("--from {from}: not one address"));
                one.next().filter(|_| one.next().is_none()).ok_or_else(wrong)?
            }
            (Some(from), _) => one("--from", from, extra.host)?,
            (None, Some(from)) => one("from", from, extra.host)?,
            (None, None) => Address {
                local: super::system::user_name().into_bytes(),
                domain: extra.host.as_bytes().to_vec(),
                ..Address::default()
            },
        };
        let mut to = list("--to", &flags.to)?;
        let (cc, bcc) = (list("--cc", &flags.cc)?, list("--bcc", &flags.bcc)?);
        let arguments = list("recipient", extra.arguments)?;
        let recipients = [&to[..], &cc, &bcc, &arguments].concat();
        if to.is_empty() && cc.is_empty() {
            to = arguments;
        }
        let mut headers = extra.fields.clone();
        for field in &flags.header {
            let (name, value) = header(field)?;
            let value = match flags.has_variables() {
                true => {
                    let template = Template::parse(&value)?;
                    let words = crate::message::compose::has_addresses(&name);
                    if words { template.fill_words(&values) } else { template.fill_line(&values) }
                        .map_err(|e| e.at(&name))?
                }
                false => value,
            };
            headers.push((name, value));
        }
        let subject = flags.subject.as_deref();
        let subject = subject.map(|text| self.line("--subject", text, row)).transpose()?;
        let who = Who { from: from.clone(), recipients, bcc: bcc.clone() };
        // The envelope gets its own when it is made.
        let (mut from, mut to, mut cc, mut bcc) = (from, to, cc, bcc);
        if let Some(addresses) = extra.addresses {
            from = addresses.sender(from);
            for list in [&mut to, &mut cc, &mut bcc] {
                *list = addresses.named(std::mem::take(list));
            }
        }
        let (keep_bcc, auto_submitted) = (extra.keep_bcc, extra.auto_submitted);
        let letter =
            Letter { from: vec![from], to, cc, bcc, keep_bcc, subject, headers, auto_submitted, ..Letter::default() };
        Ok((letter, who))
    }

    /// A text of one line, with the values in it.
    fn line(&self, flag: &str, text: &str, row: Option<&Row>) -> Result<String> {
        if !self.flags.has_variables() {
            return Ok(text.to_owned());
        }
        Template::parse(text).and_then(|t| t.fill_line(&|name| variable(row, name))).map_err(|e| e.at(flag))
    }

    /// Files of a flag: in their names a value never leads elsewhere.
    fn files(&self, files: &[OsString], row: Option<&Row>) -> Result<Vec<Named>> {
        let of = |file: &OsString| match file.to_str() {
            Some(text) if self.flags.has_variables() => {
                let values = |name: &str| variable(row, name);
                let name = Template::parse(text)?
                    .fill_line(&|name| values(name).map(|value| value.replace(['/', ':'], "_")))?;
                Ok(Named::parse(name.as_ref()))
            }
            _ => Ok(Named::parse(file)),
        };
        files.iter().map(of).collect()
    }

    /// Whether a message can be made of this row.
    fn check(&mut self, row: &Row) -> Result<()> {
        self.fields(Some(row))?;
        let values = |name: &str| variable(Some(row), name);
        for (source, html) in [(&mut self.text, false), (&mut self.html, true)] {
            source.as_mut().map(|source| source.text(Some(&values), html).map(drop)).transpose()?;
        }
        for file in self.files(&[&self.flags.attach[..], &self.flags.inline].concat(), Some(row))? {
            drop(open(&file.path, self.extra.until.at())?);
        }
        Ok(())
    }

    /// What tells this message from others with the same seed: its fields and its text.
    fn seeded(&mut self, seed: &str, letter: &Letter<'_>) -> Result<Sha256> {
        let mut hash = Sha256::default();
        let fields = (seed, &letter.date, &letter.from, &letter.to, &letter.cc, &letter.bcc, &letter.subject);
        hash.push(format!("{fields:?}{:?}", letter.headers).as_bytes());
        for source in [&mut self.text, &mut self.html].into_iter().flatten() {
            match source {
                Source::Template(template) => hash.push(format!("{template:?}").as_bytes()),
                Source::Plain(spool, _) => {
                    let mut body = spool.body()?;
                    loop {
                        let piece = body.chunk()?;
                        if piece.is_empty() {
                            break;
                        }
                        hash.push(piece);
                    }
                }
            }
        }
        Ok(hash)
    }

    fn write(&mut self, row: Option<&Row>, fixed: Fixed, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Who> {
        let (mut letter, who) = self.fields(row)?;
        let until = self.extra.until.at();
        letter.date = fixed.date.unwrap_or_else(|| today().to_string());
        letter.message_id = match (fixed.message_id, &fixed.seed) {
            (Some(id), _) => id,
            (None, Some(seed)) => message_id_of(self.seeded(seed, &letter)?, self.extra.host),
            (None, None) => message_id(random()?, self.extra.host),
        };
        letter.seed = match fixed.seed {
            Some(seed) => seed,
            None => random()?.iter().map(|b| format!("{b:02x}")).collect(),
        };
        let (attach, inline) = (self.files(&self.flags.attach, row)?, self.files(&self.flags.inline, row)?);
        let mut names = Vec::new();
        for (number, file) in inline.iter().enumerate() {
            names.push((file.name()?, format!("{}.{number}@{}", letter.seed, self.extra.host)));
        }
        let values: &Values<'_> = &|name| variable(row, name);
        let made = match &mut self.html {
            Some(html) if self.text.is_none() => {
                let page = html.text(Some(values), true)?.body.start(super::html::MAX)?;
                Some(super::html::to_text(&String::from_utf8_lossy(&page), WIDTH))
            }
            _ => None,
        };
        let mut letter: Letter<'_> = letter;
        letter.text = match &mut self.text {
            Some(text) => Some(text.text(Some(values), false)?),
            None => made.map(text_of),
        };
        letter.html = match &mut self.html {
            Some(html) => {
                let mut text = html.text(Some(values), true)?;
                if !names.is_empty() {
                    // What takes the place of a name may be longer than that: lines of any length.
                    text.facts.overlong_line = u64::MAX;
                    text.body = Box::new(Cids::new(text.body, &names));
                }
                Some(text)
            }
            None => None,
        };
        let (mut stdin, seed) = (self.stdin.take(), letter.seed.clone());
        let mut open =
            |file: &Named| -> Result<Attachment<'_>> { file.open(until, stdin.take_if(|_| file.is_stdin()), &seed) };
        letter.inline =
            inline.iter().zip(&names).map(|(file, (_, id))| Ok((id.clone(), open(file)?))).collect::<Result<_>>()?;
        letter.attachments = attach.iter().map(&mut open).collect::<Result<_>>()?;
        letter.write(out)?;
        Ok(who)
    }
}

/// The value of a variable: the row's, or the environment's if there are no rows.
fn variable(row: Option<&Row>, name: &str) -> Option<String> {
    match row {
        Some(row) => merge::value(row, name),
        None => std::env::var(name).ok(),
    }
}

/// The addresses of a flag with variables.
fn filled(flag: &str, texts: &[String], host: &str, values: &Values<'_>) -> Result<Vec<Address>> {
    let mut all = Vec::new();
    for text in texts {
        if crate::text::breaks_line(text) {
            return Err(Error::usage(format!("{flag} {text}: a line break or NUL")));
        }
        let found = Template::parse(text).and_then(|template| template.addresses(values));
        all.extend(found.map_err(|e| e.at(flag))?);
    }
    all.iter_mut().for_each(|address| crate::message::outgoing::or_domain(address, host));
    Ok(all)
}

/// Sixteen random bytes.
///
/// # Errors
/// 74: the system has none.
pub fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
    Ok(bytes)
}

/// Now, in the local zone; `$SOURCE_DATE_EPOCH` in UTC if that is set.
#[must_use]
pub fn today() -> Date {
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
        let items = addr::checked(text.as_bytes()).map_err(|e| e.with_exit(Exit::Usage).at(flag))?;
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
