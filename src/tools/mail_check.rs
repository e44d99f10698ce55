//! mail-check(1): whether an account works, step by step, and what is set for it.
//!
//! The steps of a session are read off its dialogue, as a trace shows it: the clients say what they always say.

use crate::cli::args::Common;
use crate::cli::compose::now;
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::out::{Column, Reader, Table};
use crate::cli::route::{self, Routing};
use crate::cli::session::look_in;
use crate::cli::{Outcome, Tool};
use crate::client::Dial;
use crate::error::{Exit, Result};
use crate::message::date::Date;
use crate::net::Deadline;
use crate::net::endpoint::{Endpoint, Place, Protection};
use crate::net::tls::Facts;
use crate::net::trace::TraceTo;
use clap::Parser;
use dialogue::Dialogue;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

mod dialogue;
mod import;
mod show;

/// Says, step by step, whether an account works: name, connection, TLS, capabilities, login.
#[derive(Parser)]
#[command(name = "mail-check", version)]
pub struct MailCheck {
    /// The account (all its protocols): ACCOUNT:, local:, or a URL like imap+plain://USER@127.0.0.1:1143.
    #[arg(value_name = "ACCOUNT:")]
    account: Option<String>,
    /// Print the settings in force and where each comes from, and connect to nobody.
    #[arg(long)]
    show: bool,
    /// Print a configuration made of that of msmtp (~/.msmtprc) or nullmailer (/etc/nullmailer), and connect to nobody.
    #[arg(long, value_name = "msmtp[=FILE]|nullmailer[=DIR]", conflicts_with_all = ["account", "show", "json"])]
    import: Option<import::From>,
    /// Write it to FILE (0600), and passwords that stood in it to files beside that; none of them may be there already.
    #[arg(long, value_name = "FILE", requires = "import")]
    output: Option<PathBuf>,
    /// One JSON object for each step, or setting.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "mail-check";

/// A certificate that ends in less than this many days is worth a warning.
const SOON: i64 = 14;

const COLUMNS: [Column; 5] = [
    Column { name: "protocol", width: 8, right: false },
    Column { name: "step", width: 12, right: false },
    Column { name: "result", width: 7, right: false },
    Column { name: "ms", width: 6, right: true },
    Column { name: "text", width: 20, right: false },
];

impl Tool for MailCheck {
    const MAN: &'static str = r#"
.Sh STEPS
For each protocol of the account, in this order, a line with the protocol, the step, ok, warning or failed, the milliseconds that it took, and
what there is to say.
.Bl -tag -width capabilities
.It Cm name
The host has addresses (not for an address, a Unix socket or
.Li local: ) .
.It Cm dns
The resolver answers, instead of all the other steps, where mail goes straight to the recipients' servers.
.It Cm connect
One of them answers, or the proxy, tunnel or socket does.
.It Cm tls
The handshake, before the greeting or by STARTTLS: version, cipher, whom the certificate is for and by, until when, and how it was verified.
One that ends within 14 days is a
.Li warning .
.It Cm greeting
What the server says first.
.It Cm capabilities
What it offers; no step where the greeting tells it.
.It Cm login
The user and the password are right; no step where SMTP needs no login.
.It Cm end
The goodbye.
.El
.Pp
Nothing is sent, fetched, marked or deleted.
After a step that failed, the next protocol is tried.
With
.Fl -json
a step is an object with the keys
.Li account , protocol , step , ok , warning
(a text, or null),
.Li ms , text
and
.Li tls
(null but for that step; else an object with the keys
.Li version , cipher , subject , names , issuer , not_after , days_left , pin
and
.Li verified ,
which is one of not, pin, mozilla, system, ca-file).
.Sh SETTINGS
With
.Fl -show
a line for each setting in force: its name, its value, and where it comes from, which is a flag, FILE:LINE of the configuration,
a variable of the environment, or
.Dq default .
Passwords are not obtained, only where they would come from is told.
With
.Fl -json
a setting is an object with the keys
.Li setting , value , origin .
.Sh IMPORT
.Fl -import
makes a configuration
.Pq Xr pipepost-config 5
of that of msmtp or nullmailer.
What is not taken over is told on stderr, and stands as a comment where it would have been.
Passwords are never printed: with
.Fl -output
they are in files of their own (0600), without it only the names of such files are there, and are told.
passwordeval becomes a
.Cm command .
.Sh EXIT STATUS
0 all steps went well; otherwise the status of the first that failed: 68 no such host, 69 refused, 75 nobody answers, 76 protocol error,
or TLS would be needed, 77 login refused, 78 configuration or password source wrong; 64 wrong arguments; see
.Xr pipepost 7 .
.Sh EXAMPLES
Does the embedded server work?
.Bd -literal -offset indent
mail-check local:
.Ed
.Pp
From msmtp's configuration to a new one:
.Bd -literal -offset indent
printf 'account work\enhost mail.example.org\enfrom bob@example.org\entls on\en' > msmtprc
mail-check --import msmtp=msmtprc --output config.toml
mail-check --config config.toml --show work:
.Ed
.Pp
What is in force for an account, and from where?
.Bd -literal -offset indent
umask 077
printf '[work]\enimap = "imaps://bob@imap.example.org"\en' > config.toml
mail-check --config config.toml --show work:
.Ed
"#;

    fn run(self) -> Outcome {
        if let Some(from) = &self.import {
            return import::import(from, self.output.as_deref());
        }
        let dialogue = Dialogue::new(Reach::open_trace(&self.common)?);
        let trace = TraceTo::new(dialogue.clone(), self.common.trace_data);
        let untraced = Common { trace: None, ..self.common.clone() };
        let reach = Reach::new(NAME, &untraced)?.with_trace(trace);
        let all = reach.accounts().all(self.account.as_deref())?;
        if self.show {
            return show::show(&reach, &self.common, self.account.as_deref(), &all, self.json);
        }
        let mut run = Run {
            name: all.first().and_then(|at| at.account.clone()).unwrap_or_default(),
            table: Table::new(COLUMNS.to_vec(), self.json, false),
            dialogue,
            reach: Rc::new(reach),
            first: None,
            gone: false,
        };
        for at in &all {
            if let Err(e) = run.one(at) {
                return Err(e.into());
            }
            if run.gone {
                return Ok(Exit::Ok);
            }
        }
        run.table.end(false)?;
        Ok(run.first.unwrap_or(Exit::Ok))
    }
}

struct Run {
    name: String,
    table: Table,
    dialogue: Dialogue,
    reach: Rc<Reach>,
    first: Option<Exit>,
    gone: bool,
}

impl Run {
    /// Checks a server.
    fn one(&mut self, at: &Endpoint) -> Result<()> {
        if at.place == Place::Direct {
            let began = Instant::now();
            let resolver = route::resolver(&self.reach, at, &Routing::default());
            return self.step(at, "dns", began, resolver.and_then(|r| route::asked(&r, &self.reach))).map(|_| ());
        }
        // Where passwords come from may ask a person: not a part of any step's time, but of the login's result.
        let login = self.reach.login(at);
        let reach = self.reach.clone();
        let way = match login.as_ref().map_err(Clone::clone).and_then(|_| reach.way(at)) {
            Ok(way) => way,
            Err(e) => return self.step(at, "password", Instant::now(), Err(e)).map(|_| ()),
        };
        let login = login.ok().flatten();
        let began = Instant::now();
        let deadline = reach.connecting(Deadline::NEVER);
        let addresses = way.addresses(deadline);
        if way.name().is_some() || addresses.is_err() {
            let list = |all: &Vec<SocketAddr>| all.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>().join(" ");
            let told = addresses.as_ref().map(list).map_err(Clone::clone);
            if !self.step(at, "name", began, told)? {
                return Ok(());
            }
        }
        let began = Instant::now();
        let mut wire = match way.connect(&addresses?, deadline) {
            Ok(wire) => {
                let with = wire.peer_address().map(|address| format!(" ({address})")).unwrap_or_default();
                let through = wire.through().map(|through| format!(" through {through}")).unwrap_or_default();
                self.step(at, "connect", began, Ok(format!("{at}{with}{through}")))?;
                wire
            }
            Err(e) => return self.step(at, "connect", began, Err(e)).map(|_| ()),
        };
        let shown = wire.shown();
        if at.protection == Protection::Implicit && wire.wants_tls().is_some() {
            let began = Instant::now();
            let done = wire.start_tls();
            let ms = began.elapsed().as_millis();
            let failed = done.is_err();
            self.row(at, Told::tls(ms, done.map(|()| String::new()), shown.get()))?;
            if failed {
                return Ok(());
            }
        }
        self.dialogue.begin();
        let mut ended = look_in(&reach, at, wire, login.as_ref());
        self.dialogue.end();
        let mut steps = self.dialogue.take();
        if let (Err(e), Some(login)) = (&ended, &login)
            && e.exit() == Exit::Auth
        {
            // As the other programs do: a token that is refused is renewed, and what comes of that is told.
            match login.renewed() {
                Ok(Some(renewed)) => {
                    let wire = reach.dial(at, Deadline::NEVER)?;
                    self.dialogue.begin();
                    ended = look_in(&reach, at, wire, Some(&renewed));
                    self.dialogue.end();
                    steps = self.dialogue.take();
                }
                Ok(None) => {}
                Err(e) => ended = Err(e),
            }
        }
        // STARTTLS that can't be had is followed by a goodbye, which is not what failed.
        if ended.as_ref().is_err_and(|e| e.to_string().contains(": TLS: "))
            && let Some(last) = steps.last_mut().filter(|step| step.name == "end")
        {
            last.name = "tls";
        }
        let failed = steps.len().checked_sub(1).filter(|_| ended.is_err());
        for (n, step) in steps.into_iter().enumerate() {
            let result = match &ended {
                Err(e) if Some(n) == failed => Err(e.clone()),
                _ => Ok(step.text),
            };
            let told = match step.name {
                "tls" => Told::tls(step.ms, result, shown.get()),
                name => Told { step: name, ms: step.ms, result, shown: None },
            };
            self.row(at, told)?;
        }
        Ok(())
    }

    /// Tells a step; whether it went well.
    fn step(&mut self, at: &Endpoint, step: &'static str, began: Instant, result: Result<String>) -> Result<bool> {
        let well = result.is_ok();
        self.row(at, Told { step, ms: began.elapsed().as_millis(), result, shown: None })?;
        Ok(well)
    }

    fn row(&mut self, at: &Endpoint, told: Told<'_>) -> Result<()> {
        let Told { step, ms, result, shown } = told;
        let ok = result.is_ok();
        let warning = shown.and_then(|facts| soon(facts, now()));
        let text = match result {
            Ok(text) => warning.iter().chain(Some(&text)).map(String::as_str).collect::<Vec<_>>().join("; "),
            Err(e) => {
                self.first.get_or_insert(e.exit());
                if let Some(advice) = e.advice() {
                    complain(NAME, &format!("{} {step}: {e}", at.service.word()), Some(advice));
                }
                e.to_string()
            }
        };
        let protocol = at.service.word();
        let cell = |column: &Column| match (column.name, ok, &warning) {
            ("protocol", ..) => protocol.to_owned(),
            ("step", ..) => step.to_owned(),
            ("result", false, _) => "failed".to_owned(),
            ("result", true, Some(_)) => "warning".to_owned(),
            ("result", true, None) => "ok".to_owned(),
            ("ms", ..) => ms.to_string(),
            _ => text.clone(),
        };
        let object = || {
            let ms = u64::try_from(ms).unwrap_or(u64::MAX);
            let tls = shown.map(|facts| object_of(facts, now()));
            json!({
                "account": self.name, "protocol": protocol, "step": step, "ok": ok, "warning": warning, "ms": ms,
                "text": text, "tls": tls,
            })
        };
        self.gone |= self.table.row(cell, object)? == Reader::Gone;
        Ok(())
    }
}

/// A step, and how it went.
struct Told<'t> {
    step: &'static str,
    ms: u128,
    result: Result<String>,
    /// What a handshake has shown.
    shown: Option<&'t Facts>,
}

impl Told<'_> {
    /// The handshake's: what it has shown says more than the server's words.
    fn tls(ms: u128, result: Result<String>, shown: Option<&Facts>) -> Told<'_> {
        let days =
            |facts: &Facts| facts.days_left(now()).map(|days| format!(" ({days} days left)")).unwrap_or_default();
        let told = result.map(|said| shown.map_or(said, |facts| format!("{facts}{}", days(facts))));
        Told { step: "tls", ms, result: told, shown }
    }
}

/// What to say of a certificate whose end is near. One that has ended was pinned, or not verified.
fn soon(facts: &Facts, now: i64) -> Option<String> {
    match facts.days_left(now)? {
        days if days < 0 => Some("the certificate has expired".to_owned()),
        days if days < SOON => Some(format!("the certificate expires in {days} days")),
        _ => None,
    }
}

fn object_of(facts: &Facts, now: i64) -> serde_json::Value {
    json!({
        "version": facts.version,
        "cipher": facts.cipher,
        "subject": facts.subject,
        "names": facts.names,
        "issuer": facts.issuer,
        "not_after": facts.not_after.map(|end| Date::utc(end).rfc3339()),
        "days_left": facts.days_left(now),
        "pin": facts.pin.as_ref().map(ToString::to_string),
        "verified": facts.verified.word(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::Verified;

    #[test]
    fn the_end_of_a_certificate() {
        let facts = |not_after| Facts {
            version: "TLS 1.3".into(),
            cipher: "x".into(),
            subject: String::new(),
            names: Vec::new(),
            issuer: String::new(),
            not_after,
            pin: None,
            verified: Verified::Pin,
        };
        for (end, said) in [
            (None, None),
            (Some(14 * 86400), None),
            (Some(14 * 86400 - 1), Some("the certificate expires in 13 days")),
            (Some(0), Some("the certificate expires in 0 days")),
            (Some(-1), Some("the certificate has expired")),
        ] {
            assert_eq!(soon(&facts(end), 0).as_deref(), said, "{end:?}");
        }
    }
}
