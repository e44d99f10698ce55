//! `mailfmt dsn` and `mailfmt auth`: what servers said about a message, as JSON.

use super::describe::numbered;
use super::input::Input;
use super::screen::Screen;
use super::show::read;
use crate::body::Body;
use crate::cli::Outcome;
use crate::error::{Exit, Result};
use crate::message::authres::parse;
use crate::message::decode::decoded;
use crate::message::header::Header;
use crate::message::mime::{Part, walk};
use crate::message::report::{Group, Status, get, typed};
use crate::store::spool::Spool;
use clap::Args;
use serde_json::{Value, json};

/// How much of a status is read.
const MAX: usize = 1 << 20;

/// Reads delivery status notifications: one JSON object a recipient.
///
/// A message that is none gives nothing.
#[derive(Args, Debug)]
pub(super) struct Dsn {
    #[command(flatten)]
    input: Input,
    /// End with status 1 if no recipient was found.
    #[arg(short, long)]
    exit_status: bool,
}

/// Reads Authentication-Results fields: one JSON object a field, the topmost first.
///
/// Trust only fields whose server is yours, and only if it removes those that came with the message.
#[derive(Args, Debug)]
pub(super) struct Auth {
    #[command(flatten)]
    input: Input,
    /// Only what this server says.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// End with status 1 if no field was found.
    #[arg(short, long)]
    exit_status: bool,
}

impl Dsn {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut screen = Screen::new(true);
        let mut any = false;
        let exit = self.input.each(|item| {
            let (mut spool, message) = read(item.body)?;
            for (_, part) in numbered(&message) {
                let kind = &part.content_type;
                if !kind.is("message", "delivery-status") && !kind.is("message", "global-delivery-status") {
                    continue;
                }
                let status = crate::message::report::read(&content(&mut spool, part)?);
                let about = original(&mut spool, &message)?;
                for recipient in &status.recipients {
                    any = true;
                    screen.line(&object(item.number, &status, recipient, &about).to_string())?;
                }
            }
            Ok(!screen.is_gone())
        })?;
        screen.flush()?;
        Ok(if exit == Exit::Ok && !any && self.exit_status { Exit::None } else { exit })
    }
}

/// What is read of a part.
fn content(spool: &mut Spool, part: &Part) -> Result<Vec<u8>> {
    decoded(spool.part(&part.body_at)?, &part.encoding).start(MAX)
}

/// The header section of the message that it is about.
fn original(spool: &mut Spool, message: &Part) -> Result<Header> {
    for (_, part) in numbered(message) {
        if let Some(inner) = part.message() {
            return Ok(inner.header.clone());
        }
        let kind = &part.content_type;
        if kind.is("text", "rfc822-headers") || kind.is("message", "global-headers") {
            return Ok(Header::parse(content(spool, part)?));
        }
    }
    Ok(Header::default())
}

fn object(message: u64, status: &Status, recipient: &Group, about: &Header) -> Value {
    let of = |group: &Group, name: &str| get(group, name).map(str::to_owned);
    let address = |name: &str| get(recipient, name).map(typed);
    // `5.0.0 (permanent failure)`: the comment is for people.
    let code = get(recipient, "status").and_then(|text| text.split_whitespace().next());
    let text = |name: &str| about.get(name).map(crate::message::decode::words);
    json!({
        "message": message,
        "recipient": address("final-recipient"),
        "original_recipient": address("original-recipient"),
        "action": get(recipient, "action").map(str::to_ascii_lowercase),
        "status": code,
        "diagnostic": address("diagnostic-code"),
        "remote_mta": address("remote-mta"),
        "reporting_mta": get(&status.message, "reporting-mta").map(typed),
        "envelope_id": of(&status.message, "original-envelope-id"),
        "arrived": of(&status.message, "arrival-date"),
        "last_attempt": of(recipient, "last-attempt-date"),
        "retry_until": of(recipient, "will-retry-until"),
        "message_id": text("Message-ID"),
        "subject": text("Subject"),
    })
}

impl Auth {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut screen = Screen::new(true);
        let mut any = false;
        let exit = self.input.each(|item| {
            let message = walk(item.body)?;
            super::show::check(&message)?;
            for results in message.header.all("Authentication-Results").filter_map(parse) {
                if self.server.as_ref().is_some_and(|server| !server.eq_ignore_ascii_case(&results.server)) {
                    continue;
                }
                any = true;
                let each: Vec<Value> = results
                    .results
                    .iter()
                    .map(|one| {
                        let properties: Vec<Value> =
                            one.properties.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
                        json!({ "method": one.method, "result": one.result, "reason": one.reason, "properties": properties })
                    })
                    .collect();
                let object = json!({ "message": item.number, "server": results.server, "version": results.version, "results": each });
                screen.line(&object.to_string())?;
            }
            Ok(!screen.is_gone())
        })?;
        screen.flush()?;
        Ok(if exit == Exit::Ok && !any && self.exit_status { Exit::None } else { exit })
    }
}
