//! Passwords: from the terminal, stdin or a flag's source into the store, or to a program of the user's own.

use super::MailLogin;
use crate::cli::Failure;
use crate::cli::account::{logins_file, store_key};
use crate::cli::compose::now;
use crate::cli::connect::Reach;
use crate::cli::prompt::new_password;
use crate::cli::session::look_in;
use crate::client::{Dial, Proof};
use crate::error::{Error, Result, words};
use crate::net::Deadline;
use crate::secret::Secret;
use crate::store::logins::{Key, Logins, Stored};
use std::io::Write;
use std::process::{Command, Stdio};

impl MailLogin {
    pub(super) fn keep(&self, reach: &Reach) -> Result<Vec<Stored>, Failure> {
        let accounts = reach.accounts();
        let mut servers = Vec::new();
        let mut elsewhere = None;
        for (at, user) in self.servers(reach)? {
            match accounts.settings(&at)?.password {
                Some(set) if self.store_command.is_none() => elsewhere = Some(set.line),
                _ => servers.push((at, user)),
            }
        }
        if let (Some(line), true) = (elsewhere, servers.is_empty()) {
            let file = accounts.config()?.map(|config| config.file().display().to_string()).unwrap_or_default();
            return Err(Failure::usage(format!("the password comes from what {file}:{line} says"))
                .advise("a password that is kept would not be looked up: take that line out first"));
        }
        let mut users: Vec<&String> = servers.iter().map(|(_, user)| user).collect();
        users.sort();
        users.dedup();
        let asked = !accounts.has_flag() && std::io::IsTerminal::is_terminal(&std::io::stdin());
        if users.len() > 1 && (!asked || self.store_command.is_some()) {
            let names = users.iter().map(|user| user.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!("one password for several users: {names}"))
                .advise("name one server by its URL, or run it on a terminal"));
        }
        let mut passwords: Vec<(&String, Secret)> = Vec::new();
        for user in users {
            let at: Vec<String> = servers.iter().filter(|(_, of)| of == user).map(|(at, _)| at.to_string()).collect();
            let password = match accounts.from_flag(user)? {
                Some(password) => password,
                None => new_password(&format!("Password for {user} at {}: ", at.join(", ")), reach.whole())?,
            };
            passwords.push((user, password));
        }
        let mut kept = Vec::new();
        for (at, user) in &servers {
            let Some((_, password)) = passwords.iter().find(|(of, _)| *of == user) else { continue };
            if self.check {
                let login = reach.login_by(at, user.clone(), Proof::Password(password.clone()))?;
                look_in(reach, at, reach.dial(at, Deadline::NEVER)?, Some(&login))?;
                self.tell(&format!("{at}: {user} is logged in"));
            }
            kept.extend(store_key(at, user).map(|key| (key, password.clone())));
        }
        if let (Some(command), Some((_, password))) = (&self.store_command, passwords.first()) {
            hand_over(command, password, &accounts.hidden()?)?;
        } else {
            Logins::open(&logins_file()?)?.keep(&kept, now())?;
        }
        Ok(kept.into_iter().map(|(key, _)| self.stored(key, "password", None, None)).collect())
    }

    /// What is told of something that was stored now.
    pub(super) fn stored(&self, key: Key, kind: &str, issuer: Option<String>, expires: Option<i64>) -> Stored {
        let what = if kind == "password" { "password" } else { "token" };
        self.tell(&format!("stored the {what} of {key}"));
        Stored { key, kind: kind.to_owned(), time: now(), issuer, expires }
    }
}

/// Gives a password to a program that keeps it.
fn hand_over(command: &str, password: &Secret, hidden: &[String]) -> Result<()> {
    let what = format!("store command {command}");
    let failed = |why: String| Error::cant_create(format!("{what}: {why}"));
    let mut program = Command::new("/bin/sh");
    // stdout is for data, and this is none.
    program.args(["-c", command]).stdin(Stdio::piped()).stdout(Stdio::null());
    for name in hidden {
        program.env_remove(name);
    }
    let mut child = program.spawn().map_err(|e| failed(words(&e)))?;
    // Whether it has read it is its own affair.
    drop(child.stdin.take().map(|mut to| to.write_all(password.expose()).and_then(|()| to.write_all(b"\n"))));
    let status = child.wait().map_err(|e| failed(words(&e)))?;
    if status.success() { Ok(()) } else { Err(failed(format!("ended with {status}"))) }
}
