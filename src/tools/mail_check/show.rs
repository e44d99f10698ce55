//! `mail-check --show`: each setting in force, and who set it.

use super::Endpoint;
use crate::cli::Outcome;
use crate::cli::account::variable;
use crate::cli::account::{logins, logins_file, store_key};
use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::out::{Column, Reader, Table};
use crate::config::direct::Routing;
use crate::config::{Config, Set};
use crate::error::{Exit, Result};
use crate::message::rewrite::Rule;
use crate::net::endpoint::{Place, Protection, Service};
use serde_json::json;

const COLUMNS: [Column; 3] = [
    Column { name: "setting", width: 20, right: false },
    Column { name: "value", width: 40, right: false },
    Column { name: "origin", width: 20, right: false },
];

/// A setting: its name, its value, where it comes from.
type Row = (String, String, String);

/// Prints them.
pub(super) fn show(reach: &Reach, common: &Common, argument: Option<&str>, all: &[Endpoint], json: bool) -> Outcome {
    let rows = rows(reach, common, argument, all)?;
    let mut table = Table::new(COLUMNS.to_vec(), json, false);
    for (setting, value, origin) in &rows {
        let cell = |column: &Column| match column.name {
            "setting" => setting.clone(),
            "value" => value.clone(),
            _ => origin.clone(),
        };
        let object = || json!({ "setting": setting, "value": value, "origin": origin });
        if table.row(cell, object)? == Reader::Gone {
            return Ok(Exit::Ok);
        }
    }
    Ok(table.end(false)?)
}

fn shown_route(routing: &Routing, row: &mut dyn FnMut(&str, String, String), at_line: &dyn Fn(usize) -> String) {
    let Routing { direct, resolver, validates, ports, relays: _ } = routing;
    let all = [
        direct.as_ref().map(|set| ("direct", set.value.to_string(), set.line)),
        resolver.as_ref().map(|set| ("resolver", set.value.to_string(), set.line)),
        validates.as_ref().map(|set| ("resolver-validates", set.value.to_string(), set.line)),
        ports.as_ref().map(|set| ("direct-ports", format!("{} {}", set.value.0, set.value.1), set.line)),
    ];
    for (name, value, line) in all.into_iter().flatten() {
        row(name, value, at_line(line));
    }
}

fn is_stored(at: &Endpoint) -> Result<bool> {
    let (Some(user), Some(logins)) = (&at.user, logins()?) else { return Ok(false) };
    let key = store_key(at, user);
    Ok(logins.all()?.into_iter().any(|stored| Some(stored.key) == key))
}

fn rows(reach: &Reach, common: &Common, argument: Option<&str>, all: &[Endpoint]) -> Result<Vec<Row>> {
    let accounts = reach.accounts();
    let config = accounts.config()?;
    let file = config.map(|config| config.file().display().to_string());
    let at_line = |line: usize| format!("{}:{line}", file.clone().unwrap_or_default());
    let default = || "default".to_owned();
    let mut rows: Vec<Row> = Vec::new();
    if let Some(file) = &file {
        let variable = std::env::var_os("PIPEPOST_CONFIG").is_some_and(|v| !v.is_empty());
        let origin = match (&common.config, variable) {
            (Some(_), _) => "--config",
            (None, true) => "$PIPEPOST_CONFIG",
            (None, false) => "default",
        };
        rows.push(("config".into(), file.clone(), origin.into()));
    }
    // A URL, local:, or an account's name.
    let variable = variable()?;
    let given = argument.map(str::to_owned).or(variable.clone()).unwrap_or_else(|| "local:".into());
    let named = all.first().and_then(|at| at.account.clone());
    let origin = match (argument, variable) {
        (Some(_), _) => "argument".to_owned(),
        (None, Some(_)) => "$PIPEPOST_ACCOUNT".to_owned(),
        (None, None) => config.and_then(|c| c.default()).map_or_else(default, |set| at_line(set.line)),
    };
    let name = named.map_or_else(|| given.clone(), |name| format!("{name}:"));
    rows.push(("account".into(), name, origin.clone()));
    for at in all {
        let set = accounts.settings(at)?;
        let protocol = at.service.word();
        let mut row = |name: &str, value: String, origin: String| {
            rows.push((format!("{protocol}.{name}"), value, origin));
        };
        match (&set.url, &set.url_text) {
            (Some(url), Some(text)) => row("url", text.clone(), at_line(url.line)),
            // A tunnel alone.
            _ if at.account.is_some() || at.place == Place::Direct => {}
            _ => row("url", given.clone(), origin.clone()),
        }
        if !matches!(at.place, Place::Local(_)) {
            if let Some((named, by)) = accounts.auth(at)? {
                let names: Vec<String> = named.iter().map(|m| m.name().to_ascii_lowercase()).collect();
                row("auth", names.join(" "), by);
            }
            let source = accounts.source(at)?;
            let certified = at.user.as_ref().map(|user| accounts.is_known_by_connection(at, user)).transpose()?;
            match source {
                _ if certified == Some(true) => {}
                Some((source, by)) => row("password", source.to_string(), by),
                None if is_stored(at)? => row("password", "mail-login".into(), logins_file()?.display().to_string()),
                None if at.user.is_some() => row("password", "asked for on the terminal".into(), default()),
                None => {}
            }
            let (value, origin) = match &set.cleartext_login {
                Some(Set { value, line }) => (*value, at_line(*line)),
                None => (at.cleartext_allowed(), default()),
            };
            row("cleartext-login", value.to_string(), origin);
            if let Some((through, by)) = accounts.through(at)? {
                row(through.key(), through.to_string(), by);
            }
            if let Some(Set { value, line }) = &set.proxy_password {
                row("proxy-password", value.to_string(), at_line(*line));
            }
            shown_route(&set.routing, &mut row, &at_line);
            if let Some((address, by)) = accounts.source_address(at)? {
                row("source-address", address.to_string(), by);
            }
            match accounts.trust(at)? {
                Some((trust, by)) => row(trust.key(), trust.to_string(), by),
                None if at.protection == Protection::Plain => {}
                None => row("ca", "mozilla".into(), default()),
            }
            if let Some(Set { value, line }) = &set.verify {
                row("verify", value.to_string(), at_line(*line));
            }
            if let Some((path, by)) = accounts.client_cert(at)? {
                row("client-cert", path.display().to_string(), by);
            }
        }
        if let (Service::Pop3, Some(Set { value, line })) = (at.service, &set.pipelining) {
            row("pipelining", value.to_string(), at_line(*line));
        }
        if let (Service::Imap, Some(Set { value, line })) = (at.service, &set.trash) {
            row("trash", value.clone(), at_line(*line));
        }
        if matches!(at.service, Service::Smtp | Service::Lmtp) {
            match &set.from {
                Some(Set { value, line }) => row("from", value.clone(), at_line(*line)),
                None => {
                    let from = format!("{}@{}", crate::cli::system::user_name(), accounts.host(at)?);
                    row("from", from, default());
                }
            }
            for (name, rules) in
                [("rewrite", &set.rewrite), ("rewrite-from", &set.rewrite_from), ("rewrite-to", &set.rewrite_to)]
            {
                if let Some(Set { value, line }) = rules {
                    let texts: Vec<&str> = value.iter().map(Rule::text).collect();
                    row(name, if texts.is_empty() { "true".into() } else { texts.join(", ") }, at_line(*line));
                }
            }
            if let Some(Set { value, line }) = &set.aliases {
                row("aliases", value.display().to_string(), at_line(*line));
            }
            if let Some(Set { value, line }) = &set.sent {
                row("sent", value.clone(), at_line(*line));
            }
            match &set.hostname {
                Some(Set { value, line }) => row("hostname", value.clone(), at_line(*line)),
                None => row("hostname", accounts.host(at)?, default()),
            }
            if let Some(Set { value, line }) = &set.log {
                row("log", value.clone(), at_line(*line));
            }
            if let Some(Set { value, line }) = &set.queue {
                row("queue", value.to_string(), at_line(*line));
            }
        }
    }
    let sends = |at: &Endpoint| matches!(at.service, Service::Smtp | Service::Lmtp);
    if all.iter().any(sends) {
        let schedule = config.and_then(Config::queue).cloned().unwrap_or_default();
        for (name, value, line) in schedule.shown() {
            rows.push((format!("queue.{name}"), value, line.map_or_else(default, at_line)));
        }
    }
    let domains = accounts.domains()?;
    if all.iter().any(|at| matches!(at.place, Place::Local(_))) {
        let mut row = |name: &str, value, origin| rows.push((format!("local.{name}"), value, origin));
        if let Some(Set { value, line }) = config.and_then(Config::relay) {
            row("relay", value.clone(), at_line(*line));
        }
        if let Some(set) = config.and_then(|config| config.settings("local", Service::Smtp)) {
            shown_route(&set.routing, &mut row, &at_line);
        }
        if !domains.is_empty() {
            row("domains", domains.join(" "), file.clone().unwrap_or_default());
        }
    }
    Ok(rows)
}
