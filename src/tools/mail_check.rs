//! mail-check(1): whether an account works, step by step, and what is set for it.
//!
//! The steps of a session are read off its dialogue, as a trace shows it: the clients say what they always say.

use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::out::{Column, Reader, Table};
use crate::cli::session::look_in;
use crate::cli::{Outcome, Tool};
use crate::error::{Exit, Result};
use crate::net::Deadline;
use crate::net::endpoint::{Endpoint, Protection};
use crate::net::trace::TraceTo;
use clap::Parser;
use dialogue::Dialogue;
use serde_json::json;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

mod dialogue;
mod show;

/// Says, step by step, whether an account works: name, connection, greeting, capabilities, login.
#[derive(Parser)]
#[command(name = "mail-check", version)]
pub struct MailCheck {
    /// The account (all its protocols): ACCOUNT:, local:, or a URL like imap+plain://USER@127.0.0.1:1143.
    #[arg(value_name = "ACCOUNT:")]
    account: Option<String>,
    /// Print the settings in force and where each comes from, and connect to nobody.
    #[arg(long)]
    show: bool,
    /// One JSON object for each step, or setting.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "mail-check";

const COLUMNS: [Column; 5] = [
    Column { name: "protocol", width: 8, right: false },
    Column { name: "step", width: 12, right: false },
    Column { name: "result", width: 6, right: false },
    Column { name: "ms", width: 6, right: true },
    Column { name: "text", width: 20, right: false },
];

impl Tool for MailCheck {
    const MAN: &'static str = r#"
.Sh STEPS
For each protocol of the account, in this order, a line with the protocol, the step, ok or failed, the milliseconds that it took, and
what there is to say.
.Bl -tag -width capabilities
.It Cm name
The host has addresses (not for an address, a Unix socket or
.Li local: ) .
.It Cm connect
One of them answers.
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
.Li account , protocol , step , ok , ms , text .
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
What is in force for an account, and from where?
.Bd -literal -offset indent
umask 077
printf '[work]\enimap = "imaps://bob@imap.example.org"\en' > config.toml
mail-check --config config.toml --show work:
.Ed
"#;

    fn run(self) -> Outcome {
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
                let through = wire.through().map(|through| format!(" through {through}")).unwrap_or_default();
                self.step(at, "connect", began, Ok(format!("{at}{through}")))?;
                wire
            }
            Err(e) => return self.step(at, "connect", began, Err(e)).map(|_| ()),
        };
        if at.protection == Protection::Implicit && wire.wants_tls().is_some() {
            let began = Instant::now();
            let told = wire.start_tls().map(|()| String::new());
            if !self.step(at, "tls", began, told)? {
                return Ok(());
            }
        }
        self.dialogue.begin();
        let ended = look_in(&reach, at, wire, login.as_ref());
        self.dialogue.end();
        let steps = self.dialogue.take();
        let failed = steps.len().checked_sub(1).filter(|_| ended.is_err());
        for (n, step) in steps.into_iter().enumerate() {
            let result = match &ended {
                Err(e) if Some(n) == failed => Err(e.clone()),
                _ => Ok(step.text),
            };
            self.row(at, step.name, step.ms, result)?;
        }
        Ok(())
    }

    /// Tells a step; whether it went well.
    fn step(&mut self, at: &Endpoint, step: &'static str, began: Instant, result: Result<String>) -> Result<bool> {
        let well = result.is_ok();
        self.row(at, step, began.elapsed().as_millis(), result)?;
        Ok(well)
    }

    fn row(&mut self, at: &Endpoint, step: &'static str, ms: u128, result: Result<String>) -> Result<()> {
        let ok = result.is_ok();
        let text = match result {
            Ok(text) => text,
            Err(e) => {
                self.first.get_or_insert(e.exit());
                if let Some(advice) = e.advice() {
                    complain(NAME, &format!("{} {step}: {e}", at.service.word()), Some(advice));
                }
                e.to_string()
            }
        };
        let protocol = at.service.word();
        let cell = |column: &Column| match column.name {
            "protocol" => protocol.to_owned(),
            "step" => step.to_owned(),
            "result" => if ok { "ok" } else { "failed" }.to_owned(),
            "ms" => ms.to_string(),
            _ => text.clone(),
        };
        let object = || {
            let ms = u64::try_from(ms).unwrap_or(u64::MAX);
            json!({ "account": self.name, "protocol": protocol, "step": step, "ok": ok, "ms": ms, "text": text })
        };
        self.gone |= self.table.row(cell, object)? == Reader::Gone;
        Ok(())
    }
}
