//! Where messages come from: stdin, as one message, as a text to compose one of, or as many (an mbox, separated by NUL, JSON
//! lines); files and Maildirs.

use super::run::Task;
use super::sendmail::{Dotted, WithFrom};
use super::watch::Notice;
use crate::body::Body;
use crate::cli::compose::{Compose, Extra, Fixed, Who, one};
use crate::cli::ndjson::{Line, Lines};
use crate::cli::outgoing::Outgoing;
use crate::client::smtp::{Envelope, Wants};
use crate::error::{Error, Exit, Local, Result};
use crate::message::addr::Address;
use crate::message::header::Field;
use crate::message::mbox::Mbox;
use crate::message::outgoing::{recipients, sender};
use crate::message::separated::Separated;
use crate::proto::mailbox::Mailbox;
use crate::store::maildir::Maildir;
use crate::store::{disk, patience};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// A message to be sent.
pub(super) struct Item {
    /// Its number, from 1.
    pub number: u64,
    /// Its file, if it has one of its own.
    pub file: Option<PathBuf>,
    /// Itself.
    pub message: Outgoing,
    /// The sender that it names.
    pub from: Option<Address>,
    /// The envelope's sender that came with it; an empty one is the null path.
    pub mail_from: Option<String>,
    /// All who get it, some perhaps twice.
    pub to: Vec<Address>,
    /// What its sender asks for, if that came with it.
    pub wants: Option<Wants>,
    /// Its fields for blind recipients, which are only in a copy for the sender.
    pub bcc: Vec<u8>,
    /// Who gets it by the queue, and its name there.
    pub queued: Option<(Vec<Mailbox>, String)>,
}

/// Takes a message's number, and the message, or why it can't be had. An error of its own ends the reading.
pub(super) type Take<'f> = dyn FnMut(u64, Result<Item>) -> Result<()> + 'f;

impl Task<'_> {
    /// Whether there may be more than one message: what is wrong with one is then no reason to keep the others.
    pub(super) fn is_many(&self) -> bool {
        self.are_many() || self.flags.compose.merge.is_some() || self.manner.is_some_and(|manner| manner.session)
    }

    /// Whether there are many on stdin, or files.
    fn are_many(&self) -> bool {
        let flags = self.flags;
        flags.mbox.is_some() || flags.null || flags.ndjson || !flags.files.is_empty()
    }

    /// Whether reading a message never keeps the one before waiting, nor tells anything of it too early: many in regular files.
    pub(super) fn knows_the_next(&self) -> bool {
        let flags = self.flags;
        let regular = |path: &PathBuf| path.is_file() || path.is_dir();
        let there =
            if flags.files.is_empty() { disk::is_regular(std::io::stdin()) } else { flags.files.iter().all(regular) };
        self.are_many()
            && there
            && flags.rate.is_none()
            && !flags.parameters.recode
            && !flags.common.verbose
            && !flags.dry_run
    }

    /// What will be asked of the server for a message, if it can be sent at all.
    pub(super) fn next(&self, item: &Item) -> Option<Envelope> {
        let to = self.recipients(item.to.clone()).ok()?;
        self.envelope(item, &to).ok()
    }

    /// Reads all messages.
    ///
    /// # Errors
    /// 64: the flags contradict each other; 65, 66: stdin is not what the flags say, or can't be read; those of `take`.
    pub(super) fn each(&self, take: &mut Take<'_>) -> Result<()> {
        let flags = self.flags;
        if self.are_many() && flags.compose.is_used() {
            return Err(Error::usage("messages as they are are asked for, and the other flags compose one"));
        }
        if self.are_many() && flags.read_recipients && !flags.resend_to_header {
            // An archive would go out again to everybody who ever got a message of it.
            return Err(Error::usage("-t with many messages sends each to all whom its header names")
                .advise("--resend-to-header says that this is meant"));
        }
        if !flags.files.is_empty() {
            return self.files(take);
        }
        if let Some(manner) = self.manner {
            // Also from a terminal, as ever.
            let stdin = patience::stdin(self.reach.whole().at())?;
            let from = self.header_from(manner)?;
            return if manner.dots_are_text {
                take(1, self.read(1, &mut WithFrom::new(stdin, &from), NOTHING))
            } else {
                take(1, self.read(1, &mut WithFrom::new(Dotted::new(stdin), &from), NOTHING))
            };
        }
        let notice = self.notice.as_ref();
        if let Some(Notice { flags, text: Some(text), fields }) = notice {
            return self.composed(flags, fields, &mut text.as_slice(), true, take);
        }
        if std::io::stdin().is_terminal() {
            return Err(
                Error::usage("stdin is a terminal").advise("the message is read from stdin: smtp-send ... < FILE")
            );
        }
        let mut stdin = patience::stdin(self.reach.whole().at())?;
        if let Some(variant) = flags.mbox {
            self.mbox(Mbox::of(stdin, variant), take)
        } else if flags.null {
            self.separated(stdin, take)
        } else if flags.ndjson {
            self.ndjson(stdin, take)
        } else if flags.compose.is_used() {
            // From a pipe nothing comes when its program has failed; whoever names /dev/null means it.
            let empty = flags.allow_empty || disk::is_null(std::io::stdin()).local("stdin")?;
            let fields = notice.map_or(&[][..], |notice| &notice.fields);
            self.composed(&flags.compose, fields, &mut stdin, empty, take)
        } else {
            take(1, self.read(1, &mut stdin, NOTHING))
        }
    }

    fn mbox(&self, mut mbox: Mbox<impl Body>, take: &mut Take<'_>) -> Result<()> {
        let mut number = 0;
        while mbox.next_message()? {
            if !mbox.is_mbox() {
                return Err(Error::data("stdin is no mbox: its first line does not begin with 'From '"));
            }
            number += 1;
            take(number, self.read(number, &mut mbox, EMPTY))?;
        }
        Ok(())
    }

    fn separated(&self, from: impl Body, take: &mut Take<'_>) -> Result<()> {
        let mut all = Separated::new(from);
        let mut number = 0;
        while all.next_message()? {
            number += 1;
            take(number, self.read(number, &mut all, EMPTY))?;
        }
        Ok(())
    }

    fn ndjson(&self, from: impl Body, take: &mut Take<'_>) -> Result<()> {
        let mut lines = Lines::new(from);
        let mut number = 0;
        while let Some(line) = lines.next_line()? {
            number += 1;
            let item = Line::parse(&line).and_then(|line| self.of_line(number, line));
            take(number, item)?;
        }
        Ok(())
    }

    fn of_line(&self, number: u64, line: Line) -> Result<Item> {
        let mut item = self.read(number, &mut line.message.as_slice(), EMPTY)?;
        for to in &line.to {
            item.to.push(one("to", to, &self.host).map_err(|e| e.with_exit(Exit::Data))?);
        }
        item.mail_from = line.from;
        Ok(item)
    }

    fn files(&self, take: &mut Take<'_>) -> Result<()> {
        let mut number = 0;
        for path in &self.flags.files {
            if !path.is_dir() {
                number += 1;
                take(number, self.file(number, path))?;
                continue;
            }
            let maildir = Maildir::at(path);
            if !maildir.exists() {
                return Err(Error::no_input(format!("{}: a directory, and no Maildir", path.display())));
            }
            for path in maildir.files()? {
                number += 1;
                take(number, self.file(number, &path))?;
            }
        }
        Ok(())
    }

    fn file(&self, number: u64, path: &Path) -> Result<Item> {
        let mut body = patience::open(path, self.reach.whole().at())?;
        let item = self.read(number, &mut body, EMPTY).map_err(|e| match e.exit() {
            // A file that can't be read is another one's business.
            Exit::IoErr => e.with_exit(Exit::NoInput),
            _ => e.at(path.display()),
        })?;
        Ok(Item { file: Some(path.to_owned()), ..item })
    }

    /// One message, as it is.
    ///
    /// # Errors
    /// 64: it is empty; those of [`Outgoing::rewritten`].
    pub(super) fn read(&self, number: u64, from: &mut dyn Body, empty: &str) -> Result<Item> {
        let message = match Outgoing::rewritten(from, &self.host, &self.addresses)? {
            Some(message) => message,
            None if self.flags.allow_empty => {
                Outgoing::read(&mut &b"\n"[..], &self.host)?.ok_or_else(|| Error::internal("an empty message"))?
            }
            None => return Err(Error::usage(empty).advise("--allow-empty sends an empty message")),
        };
        let mut to = if self.flags.read_recipients { recipients(&message.header, &self.host)? } else { Vec::new() };
        to.extend(self.arguments.iter().cloned());
        let from = sender(&message.header, &self.host);
        let blind = |field: &Field<'_>| field.is("Bcc") || field.is("Resent-Bcc");
        let mut bcc: Vec<u8> = message.header.fields().filter(blind).flat_map(|field| field.raw.to_vec()).collect();
        if !bcc.is_empty() && !bcc.ends_with(b"\n") {
            bcc.push(b'\n');
        }
        Ok(Item { number, file: None, message, from, mail_from: None, to, wants: None, bcc, queued: None })
    }

    /// Messages of a text and the flags: one, or one for each row. `empty`: the text may be.
    fn composed(
        &self,
        compose: &Compose,
        fields: &[(String, String)],
        text: &mut dyn Body,
        empty: bool,
        take: &mut Take<'_>,
    ) -> Result<()> {
        let extra = Extra {
            arguments: &self.flags.recipients()?,
            host: &self.host,
            from: self.from.as_deref(),
            auto_submitted: true,
            empty,
            fields: fields.to_vec(),
            addresses: Some(&self.addresses),
            until: self.reach.whole(),
            ..Extra::default()
        };
        let mut number = 0;
        compose.each(text, &extra, &Fixed::default(), &mut |composed| {
            number += 1;
            let Who { from, recipients: to, bcc } = composed.who;
            let bcc: Vec<Vec<u8>> = bcc.iter().map(Address::spec).collect();
            let bcc = if bcc.is_empty() {
                Vec::new()
            } else {
                [b"Bcc: ", bcc.join(&b",\r\n "[..]).as_slice(), b"\r\n"].concat()
            };
            let item = Outgoing::composed(composed.message);
            let (file, mail_from, from) = (None, None, Some(from));
            take(
                number,
                item.map(|message| Item { number, file, message, from, mail_from, to, wants: None, bcc, queued: None }),
            )
        })
    }
}

const NOTHING: &str = "stdin is empty";
pub(super) const EMPTY: &str = "the message is empty";

/// Whether the next of many messages can be sent after this one could not.
pub(super) fn is_its_own(exit: Exit) -> bool {
    matches!(exit, Exit::Data | Exit::Usage | Exit::NoInput)
}
