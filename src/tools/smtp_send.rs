//! smtp-send(1): sends messages.

use crate::cli::args::Common;
use crate::cli::compose::{Compose, Extra, one};
use crate::cli::connect::Reach;
use crate::cli::exit::{Tally, complain};
use crate::cli::out::Out;
use crate::cli::outgoing::{Outgoing, ehlo_name};
use crate::cli::{Failure, Outcome, Tool, system};
use crate::client::Dial;
use crate::client::opened as logged_in;
use crate::client::smtp::{Client, Envelope, Outcome as Sent};
use crate::error::{Error, Exit, Fate, Local, Result};
use crate::message::addr::Address;
use crate::message::mbox::Mbox;
use crate::message::outgoing::{each_once, recipients, sender};
use crate::net::Deadline;
use crate::net::endpoint::{Endpoint, Service};
use crate::proto::mailbox::Mailbox;
use crate::store::patience;
use clap::Parser;
use serde_json::json;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Sends a message by SMTP or LMTP.
#[derive(Parser)]
#[command(name = "smtp-send", version)]
pub struct SmtpSend {
    /// Who gets it.
    #[arg(value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// The account: local:, or a URL like smtps://USER@mail.example.org or lmtp+unix:/run/lmtp.
    #[arg(short, long, value_name = "ACCOUNT:")]
    account: Option<String>,
    /// Send to the addresses in To, Cc and Bcc, or only in the Resent- ones if there are any, too.
    #[arg(short = 't', long)]
    read_recipients: bool,
    /// The envelope sender, where bounces go; <> for none (default: the message's Sender or From).
    #[arg(short = 'f', long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    #[command(flatten)]
    compose: Compose,
    /// Stdin is an mbox of messages, which are sent over one connection.
    #[arg(long)]
    mbox: bool,
    /// Refuse a message with a CR that is not part of a line end, instead of ending the line there.
    #[arg(long)]
    strict: bool,
    /// Send even if stdin is empty.
    #[arg(long)]
    allow_empty: bool,
    /// Write the recipients that are not done to FILE, one a line.
    #[arg(long, value_name = "FILE")]
    failed: Option<PathBuf>,
    /// Tell what would be sent; connect to nobody.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each recipient.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "smtp-send";

impl Tool for SmtpSend {
    const MAN: &'static str = r#"
.Sh INPUT
Without the flags marked
.Dq Compose
stdin is one message with its header; Bcc, Resent-Bcc and Return-Path are removed, Date and Message-ID added where they are missing,
and nothing else is changed but line ends.
With any of them stdin is the text of the body, and the message is composed; arguments are named in To if neither
.Fl -to
nor
.Fl -cc
is given.
A message is sent whole or not at all: if stdin can't be read to its end, or is empty, nothing is sent.
.Sh OUTPUT
Nothing for a message that was accepted for everybody.
For each recipient that was not, a line on stderr.
With
.Fl -json ,
a line on stdout for each recipient, an object with the keys
.Li message
(its number, from 1),
.Li to , fate
(done, later, never or unknown),
.Li code , enhanced
(null where no reply came) and
.Li text .
.Sh EXIT STATUS
0 all recipients accepted; 64 wrong arguments or empty stdin; 65 the message can't be sent as it is; 66 a file can't be read; 67 some
recipients accepted; 69 refused for good; 75 later may work; 76 protocol error, or TLS that can't be had or verified;
77 login refused; 78 the sender's address means nothing elsewhere; 79 it may have been delivered; see
.Xr pipepost 7 .
.Sh EXAMPLES
A notification:
.Bd -literal -offset indent
uptime | smtp-send -s "load of $(hostname)" postmaster
.Ed
.Pp
A message as it is, to the addresses in its header:
.Bd -literal -offset indent
printf 'To: bob@localhost\enSubject: hi\en\enhello\en' | smtp-send -t
.Ed
.Pp
With an attachment, watching the dialogue:
.Bd -literal -offset indent
echo 'the list' > list.txt
echo 'see there' | smtp-send --trace - -s list --attach list.txt bob@localhost
.Ed
"#;

    fn run(self) -> Outcome {
        let reach = Reach::new(NAME, &self.common)?;
        let at = reach.accounts().flag(self.account.as_deref(), Service::Smtp)?;
        let failed = match &self.failed {
            Some(path) => Some((path, crate::store::disk::open_or_create(path).creating(path.display())?)),
            None => None,
        };
        let mut run = Run {
            out: Out::until(reach.whole()),
            client: None,
            tally: Tally::default(),
            not_done: Vec::new(),
            host: reach.accounts().host(&at)?,
            from: reach.accounts().settings(&at)?.from.map(|from| from.value),
            arguments: Vec::new(),
            at,
            reach,
            number: 0,
            no_way: None,
            flags: &self,
        };
        let host = run.host.clone();
        run.arguments = self.recipients.iter().map(|text| one("recipient", text, &host)).collect::<Result<_>>()?;
        let done = run.all();
        // What can't be sent is no reason to leave without a word.
        if let Some(client) = run.client.take() {
            let _ = client.quit();
        }
        // Nothing was tried after a wrong argument: what is in the file is still so.
        let tried = !matches!(&done, Err(failure) if failure.exit == Exit::Usage);
        if let Some((path, mut file)) = failed.filter(|_| tried && !self.dry_run) {
            let list: String = run.not_done.iter().map(|to| format!("{to}\n")).collect();
            write_list(&mut file, &list).local(path.display())?;
        }
        done?;
        run.out.flush()?;
        Ok(run.tally.exit())
    }
}

fn write_list(file: &mut File, list: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.write_all(list.as_bytes())?;
    file.sync_all()
}

struct Run<'a> {
    flags: &'a SmtpSend,
    at: Endpoint,
    reach: Reach,
    host: String,
    /// The account's own sender.
    from: Option<String>,
    arguments: Vec<Address>,
    client: Option<Client>,
    tally: Tally,
    not_done: Vec<String>,
    out: Out,
    number: u64,
    /// Why nothing more can be sent.
    no_way: Option<Error>,
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), Failure> {
        let flags = self.flags;
        if flags.mbox && flags.compose.is_used() {
            return Err(Failure::usage("--mbox sends messages, the other flags compose one"));
        }
        if std::io::stdin().is_terminal() {
            return Err(Error::usage("stdin is a terminal")
                .advise("the message is read from stdin: smtp-send ... < FILE")
                .into());
        }
        let mut stdin = patience::stdin(self.reach.whole().at())?;
        if flags.mbox {
            let mut mbox = Mbox::new(stdin);
            while mbox.next_message()? {
                if !mbox.is_mbox() {
                    return Err(Error::data("stdin is no mbox: its first line does not begin with 'From '").into());
                }
                if let Err(e) = Outgoing::read(&mut mbox, &self.host).and_then(|message| self.one(message)) {
                    complain(NAME, &format!("message {}: {e}", self.number), e.advice());
                    self.tally.failed(e.exit());
                    match e.exit() {
                        // What is wrong with one message is no reason to keep the next ones.
                        Exit::Data | Exit::Usage => {}
                        Exit::IoErr => return Err(e.into()),
                        // What is wrong with the way is: they are only told to be left.
                        _ => self.no_way = Some(e),
                    }
                }
            }
        } else if flags.compose.is_used() {
            let extra = Extra {
                to: &self.arguments,
                host: &self.host,
                from: self.from.as_deref(),
                keep_bcc: false,
                auto_submitted: true,
                until: self.reach.whole(),
            };
            let composed = flags.compose.compose(&mut stdin, &extra)?;
            let message = Outgoing::composed(composed.message)?;
            self.number = 1;
            let to = [composed.recipients, self.arguments.clone()].concat();
            self.send(message, Some(composed.from), to)?;
        } else {
            let message = Outgoing::read(&mut stdin, &self.host)?;
            self.one(message)?;
        }
        match self.client.take() {
            Some(client) => Ok(client.quit()?),
            None => Ok(()),
        }
    }

    /// Sends a message that was read.
    fn one(&mut self, message: Option<Outgoing>) -> Result<()> {
        self.number += 1;
        let message = match message {
            Some(message) => message,
            None if self.flags.allow_empty => {
                Outgoing::read(&mut &b"\n"[..], &self.host)?.ok_or_else(|| Error::internal("an empty message"))?
            }
            None => return Err(Error::usage("stdin is empty").advise("--allow-empty sends an empty message")),
        };
        let mut to = if self.flags.read_recipients { recipients(&message.header, &self.host)? } else { Vec::new() };
        to.extend(self.arguments.iter().cloned());
        let from = sender(&message.header, &self.host);
        self.send(message, from, to)
    }

    fn send(&mut self, mut message: Outgoing, from: Option<Address>, to: Vec<Address>) -> Result<()> {
        let to = each_once(to).iter().map(mailbox).collect::<Result<Vec<_>>>()?;
        if to.is_empty() {
            return Err(Error::usage("no recipient").advise("name one as an argument, or use -t"));
        }
        let sent = self.send_to(&mut message, from, &to);
        if let Err(e) = &sent
            && !self.flags.dry_run
        {
            for to in &to {
                self.not_done.push(to.to_string());
                self.object(to, e.fate(), None, None, &e.to_string())?;
            }
        }
        sent?.iter().try_for_each(|outcome| self.report(outcome))
    }

    fn send_to(&mut self, message: &mut Outgoing, from: Option<Address>, to: &[Mailbox]) -> Result<Vec<Sent>> {
        if let Some(to) = to.iter().find(|to| !to.is_ascii()) {
            return Err(Error::data(format!("{to}: an address beyond ASCII, which needs SMTPUTF8")));
        }
        message.check(self.flags.strict)?;
        if message.facts.eight_bit_header {
            return Err(
                Error::data("the header has 8-bit bytes, which need SMTPUTF8").advise("mailfmt new encodes them")
            );
        }
        let from = self.envelope_from(from)?;
        let eight_bit = message.facts.eight_bit > 0;
        let envelope = Envelope { from, to: to.to_vec(), size: message.facts.size_smtp(), eight_bit };
        if message.facts.lone_crs > 0 && self.flags.common.verbose {
            complain(NAME, &format!("{} CRs without LF become line ends", message.facts.lone_crs), None);
        }
        if self.flags.dry_run {
            self.tell(&envelope)?;
            return Ok(Vec::new());
        }
        match &self.no_way {
            Some(e) => Err(e.clone()),
            None => self.hand_over(&envelope, message),
        }
    }

    fn hand_over(&mut self, envelope: &Envelope, message: &mut Outgoing) -> Result<Vec<Sent>> {
        let open = self.client.take().and_then(|mut client| client.is_open().then_some(client));
        let mut client = match open {
            Some(client) => client,
            None => self.connect()?,
        };
        let sent = client.send(envelope, &mut message.spool.body()?);
        self.client = Some(client);
        sent
    }

    fn connect(&self) -> Result<Client> {
        let login = self.reach.login(&self.at)?;
        logged_in(login.as_ref(), |login| {
            let wire = self.reach.dial(&self.at, Deadline::NEVER)?;
            let name = ehlo_name(&self.host, &wire);
            Client::open(wire, self.at.service, &name, login)
        })
    }

    /// MAIL FROM, pipepost(7), "Defaults when sending".
    fn envelope_from(&self, message: Option<Address>) -> Result<Option<Mailbox>> {
        let from = match self.flags.mail_from.as_deref() {
            Some("<>") => return Ok(None),
            Some(text) => one("--mail-from", text, &self.host)?,
            None => match (&self.from, message) {
                (Some(text), _) => one("from", text, &self.host)?,
                (None, Some(from)) => from,
                (None, None) => one("sender", &system::user_name(), &self.host)?,
            },
        };
        let from = mailbox(&from)?;
        if from.domain() == "localhost" && !self.at.is_loopback() {
            return Err(Error::config(format!("{from}: an address that only this machine knows"))
                .advise("name the sender: --from or -f USER@DOMAIN"));
        }
        Ok(Some(from))
    }

    fn tell(&mut self, envelope: &Envelope) -> Result<()> {
        let from = envelope.from.as_ref().map(ToString::to_string).unwrap_or_default();
        for to in &envelope.to {
            let line = if self.flags.json {
                json!({ "message": self.number, "from": from, "to": to.to_string(), "size": envelope.size }).to_string()
            } else {
                format!("would send {} bytes from <{from}> to <{to}> at {}", envelope.size, self.at)
            };
            self.out.write(format!("{line}\n").as_bytes())?;
        }
        Ok(())
    }

    fn report(&mut self, outcome: &Sent) -> Result<()> {
        self.tally.fate(outcome.fate);
        let code = outcome.code.map(|code| format!("{code} ")).unwrap_or_default();
        match outcome.fate {
            Fate::Done if self.flags.common.verbose => {
                complain(NAME, &format!("{}: {code}{}", outcome.to, outcome.text), None);
            }
            Fate::Done => {}
            Fate::Unknown => {
                complain(NAME, &format!("{}: may have been delivered: {code}{}", outcome.to, outcome.text), None);
            }
            Fate::Later | Fate::Never => complain(NAME, &format!("{}: {code}{}", outcome.to, outcome.text), None),
        }
        if outcome.fate != Fate::Done {
            self.not_done.push(outcome.to.to_string());
        }
        self.object(&outcome.to, outcome.fate, outcome.code, outcome.enhanced.as_deref(), &outcome.text)
    }

    /// The line of `--json` for a recipient.
    fn object(
        &mut self,
        to: &Mailbox,
        fate: Fate,
        code: Option<u16>,
        enhanced: Option<&str>,
        text: &str,
    ) -> Result<()> {
        if self.flags.json {
            let object = json!({
                "message": self.number,
                "to": to.to_string(),
                "fate": fate.word(),
                "code": code,
                "enhanced": enhanced,
                "text": text,
            });
            self.out.must(format!("{object}\n").as_bytes())?;
        }
        Ok(())
    }
}

/// An address as SMTP has it.
fn mailbox(address: &Address) -> Result<Mailbox> {
    let spec = String::from_utf8_lossy(&address.spec()).into_owned();
    Mailbox::parse(&spec).map_err(|why| Error::data(format!("{spec}: {why}")))
}
