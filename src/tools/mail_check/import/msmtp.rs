//! msmtp's configuration, msmtp(1): `defaults`, `account NAME : PARENT, ...`, and a command a line.

use super::{Made, encoded, host, quoted, read};
use crate::error::{Error, Result};
use crate::message::addr;
use crate::proto::mailbox::is_domain;
use crate::proto::sasl::Mechanism;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A command's value, and its line.
type Value = (String, usize);
/// What is set, by command.
type Commands = BTreeMap<String, Value>;

/// What msmtp does is what is done anyway, or what there is no need for.
const AS_EVER: [&str; 9] = [
    "add_missing_date_header",
    "add_missing_from_header",
    "set_date_header",
    "set_from_header",
    "set_msgid_header",
    "remove_bcc_headers",
    "logfile_time_format",
    "auto_from",
    "tls_crl_file",
];

/// Reads `file`, or those that msmtp would read.
pub(super) fn import(file: Option<&Path>) -> Result<Made> {
    let home = std::env::home_dir();
    let below = |name: &str| home.as_ref().map(|home| home.join(name));
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| below(".config"));
    let places = [below(".msmtprc"), config.map(|dir| dir.join("msmtp/config")), Some("/etc/msmtprc".into())];
    let file = match file {
        Some(file) => file.to_owned(),
        None => places.into_iter().flatten().find(|file| file.exists()).ok_or_else(|| {
            Error::no_input("neither ~/.msmtprc, $XDG_CONFIG_HOME/msmtp/config nor /etc/msmtprc is there")
        })?,
    };
    translate(&file.display().to_string(), &read(&file)?, home.as_deref())
}

fn translate(file: &str, text: &str, home: Option<&Path>) -> Result<Made> {
    let (accounts, default) = parse(file, text)?;
    let mut made = Made::default();
    let names: Vec<(String, String)> = accounts.iter().map(|(name, _)| (name.clone(), made.name(name))).collect();
    made.line(&format!("# from {}", crate::text::escape(file)));
    let first = names.iter().find(|(name, _)| *name == default).or_else(|| names.last());
    if let Some((_, name)) = first {
        made.set("default", name);
    }
    for ((_, commands), (_, name)) in accounts.into_iter().zip(&names) {
        made.line(&format!("\n[{name}]"));
        Account { file, home, name, commands }.write(&mut made)?;
    }
    Ok(made)
}

/// The accounts in their order, with what they take over from others, and which is the default one.
fn parse(file: &str, text: &str) -> Result<(Vec<(String, Commands)>, String)> {
    let (mut defaults, mut accounts) = (Commands::new(), Vec::<(String, Commands)>::new());
    let (mut default, mut in_defaults) = ("default".to_owned(), true);
    for (n, line) in text.lines().enumerate() {
        let (n, line) = (n + 1, line.trim());
        let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let rest = unquoted(rest.trim());
        match word {
            "" => {}
            word if word.starts_with('#') => {}
            "defaults" => in_defaults = true,
            "account" => {
                in_defaults = false;
                let (name, parents) = rest.split_once(':').unwrap_or((&rest, ""));
                let mut commands = defaults.clone();
                let parents: Vec<&str> = parents.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
                for parent in &parents {
                    let of = accounts.iter().find(|(name, _)| name == parent);
                    let of =
                        of.ok_or_else(|| Error::config(format!("{file}:{n}: {parent}: no account before this one")))?;
                    commands.extend(of.1.clone());
                }
                let name = name.trim();
                if let ("default", [parent]) = (name, parents.as_slice()) {
                    (*parent).clone_into(&mut default);
                }
                accounts.push((name.to_owned(), commands));
            }
            word => {
                let to = match accounts.last_mut() {
                    Some((_, commands)) if !in_defaults => commands,
                    _ => &mut defaults,
                };
                to.insert(word.to_owned(), (rest, n));
                // It is more than another name of that account.
                if !in_defaults && accounts.last().is_some_and(|(name, _)| name == "default") {
                    "default".clone_into(&mut default);
                }
            }
        }
    }
    if default != "default" {
        accounts.retain(|(name, _)| name != "default");
    }
    // Without a server there is nothing to be had by it: a table of what others take over.
    accounts.retain(|(_, commands)| commands.contains_key("host") || commands.contains_key("socket"));
    if accounts.is_empty() {
        return Err(Error::config(format!("{file}: no account with a host")));
    }
    Ok((accounts, default))
}

fn unquoted(text: &str) -> String {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).to_owned()
}

struct Account<'a> {
    file: &'a str,
    home: Option<&'a Path>,
    name: &'a str,
    commands: Commands,
}

impl Account<'_> {
    fn take(&mut self, command: &str) -> Option<Value> {
        self.commands.remove(command)
    }

    /// Whether it is on: without a value it is.
    fn is_on(&mut self, command: &str, unsaid: bool) -> bool {
        self.take(command).map_or(unsaid, |(value, _)| value != "off")
    }

    fn path(&self, text: &str) -> String {
        match (text.strip_prefix("~/"), self.home) {
            (Some(rest), Some(home)) => home.join(rest).display().to_string(),
            _ => text.to_owned(),
        }
    }

    fn leave(&self, made: &mut Made, line: usize, what: &str) {
        made.leave(&format!("{}:{line}", self.file), what);
    }

    fn write(mut self, made: &mut Made) -> Result<()> {
        let user = self.auth(made);
        self.server(made, user.as_deref())?;
        if user.is_some() {
            self.password(made);
        }
        self.sender(made);
        self.files(made);
        let rest = std::mem::take(&mut self.commands);
        for (command, (value, line)) in rest {
            let hint = match command.as_str() {
                "password" | "passwordeval" | "user" => "there is no login (auth is off)",
                "tls_trust_file" => "there is no TLS (tls is off)",
                "timeout" => "--timeout says it",
                "dsn_notify" => "--notify asks for it",
                "dsn_return" => "--ret asks for it",
                "tls_fingerprint" => {
                    "it is of the certificate; pin = \"sha256:...\" is of the key, and mail-check shows it"
                }
                "tls_certcheck" if value != "off" => continue,
                "tls_certcheck" => "certificates are verified; pin = \"sha256:...\" trusts one key",
                "allow_from_override" if value == "on" => continue,
                "undisclosed_recipients" if value == "off" => continue,
                command if AS_EVER.contains(&command) => continue,
                _ => "there is no such setting",
            };
            self.leave(made, line, &format!("{command}: {hint}"));
        }
        Ok(())
    }

    /// The user, if there is a login, and the mechanism.
    fn auth(&mut self, made: &mut Made) -> Option<String> {
        let (auth, line) = self.take("auth")?;
        if auth == "off" {
            return None;
        }
        if !matches!(auth.as_str(), "" | "on") {
            match auth.parse::<Mechanism>() {
                Ok(mechanism) => made.set("auth", &mechanism.name().to_ascii_lowercase()),
                Err(_) => self.leave(
                    made,
                    line,
                    &format!("auth {auth}: no such mechanism here; the best of the server's is taken"),
                ),
            }
        }
        let user = self.take("user");
        if user.is_none() {
            self.leave(made, line, "auth: there is no user");
        }
        user.map(|(user, _)| user)
    }

    fn server(&mut self, made: &mut Made, user: Option<&str>) -> Result<()> {
        let protocol = match self.take("protocol") {
            Some((value, _)) if value == "lmtp" => "lmtp",
            _ => "smtp",
        };
        let at = user.map(|user| format!("{}@", encoded(user).replace('/', "%2F"))).unwrap_or_default();
        let (tls, start) = (self.is_on("tls", false), self.is_on("tls_starttls", true));
        let port = self.take("port");
        if let Some((socket, _)) = self.take("socket") {
            let authority = if at.is_empty() { String::new() } else { format!("//{at}") };
            self.commands.remove("host");
            made.set("smtp", &format!("{protocol}+unix:{authority}{}", encoded(&self.path(&socket))));
        } else if let Some((name, line)) = self.take("host") {
            let (scheme, usual) = match (tls, start) {
                (true, true) => ("+starttls", 25),
                (true, false) => ("s", 465),
                (false, _) => ("+plain", 25),
            };
            let usual = if protocol == "lmtp" { 24 } else { usual };
            let port = match &port {
                None => usual,
                Some((text, line)) => text
                    .parse::<u16>()
                    .map_err(|_| Error::config(format!("{}:{line}: port {text}: not a number", self.file)))?,
            };
            if protocol == "lmtp" && scheme == "s" {
                self.leave(made, line, "LMTP under TLS from the first byte: STARTTLS is taken");
                made.set("smtp", &format!("lmtp+starttls://{at}{}:{port}", host(&name)));
            } else {
                made.set("smtp", &format!("{protocol}{scheme}://{at}{}:{port}", host(&name)));
            }
            let here = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            if !tls && !at.is_empty() && !here {
                made.line("# cleartext-login = true   # would send the password without TLS, as msmtp did");
                self.leave(
                    made,
                    line,
                    "the password goes out without TLS to other machines only where the comment above says so",
                );
            }
        }
        if tls {
            match self.take("tls_trust_file") {
                None => made.set("ca", "system"),
                Some((file, _)) if file == "system" => made.set("ca", "system"),
                Some((file, line)) if file.is_empty() => {
                    self.leave(made, line, "tls_trust_file: Mozilla's roots are trusted")
                }
                Some((file, _)) => {
                    let file = self.path(&file);
                    made.set("ca-file", &file);
                }
            }
        }
        match (self.take("proxy_host"), self.take("proxy_port")) {
            (Some((name, _)), port) if !name.is_empty() => {
                let port =
                    port.map(|(port, _)| port).filter(|port| !port.is_empty()).unwrap_or_else(|| "1080".to_owned());
                made.set("proxy", &format!("socks5://{}:{port}", host(&name)));
            }
            _ => {}
        }
        if let Some((address, _)) = self.take("source_ip").filter(|(address, _)| !address.is_empty()) {
            made.set("source-address", &address);
        }
        match (self.take("tls_cert_file"), self.take("tls_key_file")) {
            (Some((cert, _)), Some((key, _))) if cert == key && !cert.is_empty() => {
                let file = self.path(&cert);
                made.set("client-cert", &file);
            }
            (Some((cert, line)), _) if !cert.is_empty() => {
                self.leave(made, line, "tls_cert_file, tls_key_file: client-cert wants both in one file");
            }
            _ => {}
        }
        Ok(())
    }

    fn password(&mut self, made: &mut Made) {
        match (self.take("passwordeval"), self.take("password")) {
            (Some((command, _)), _) => {
                made.line(&format!("password = {{ command = [\"/bin/sh\", \"-c\", {}] }}", quoted(&command)));
            }
            (None, Some((password, _))) => made.secret(self.name, &password),
            (None, None) => {
                made.line("# password = { netrc = true }   # msmtp has looked there, in a key ring, and has asked")
            }
        }
    }

    fn sender(&mut self, made: &mut Made) {
        let name = self.take("from_full_name");
        if let Some((from, line)) = self.take("from").filter(|(from, _)| !from.is_empty()) {
            let whole = match &name {
                Some((name, _)) => {
                    let phrase = addr::phrase(name);
                    format!("{phrase} <{from}>")
                }
                None => from.clone(),
            };
            if from.contains(['%', '*']) || addr::parse_strict(&whole).is_err() {
                self.leave(made, line, "from: a pattern; the sender is USER@HOST, or -f");
            } else {
                made.set("from", &whole);
            }
        }
        let domain = self.take("domain").map(|domain| (domain, "domain"));
        let domain = self.take("maildomain").map(|domain| (domain, "maildomain")).or(domain);
        if let Some(((domain, line), command)) = domain {
            if domain.contains('.') && is_domain(&domain) {
                made.set("hostname", &domain);
            } else if domain != "localhost" && !domain.is_empty() {
                self.leave(made, line, &format!("{command}: not a domain"));
            }
        }
    }

    fn files(&mut self, made: &mut Made) {
        if let Some((file, _)) = self.take("aliases").filter(|(file, _)| !file.is_empty()) {
            let file = self.path(&file);
            made.set("aliases", &file);
        }
        let syslog = self.take("syslog").filter(|(to, _)| to != "off");
        match (self.take("logfile").filter(|(file, _)| !file.is_empty()), syslog) {
            (Some((file, line)), _) if file == "-" => self.leave(made, line, "logfile -: --json tells it on stdout"),
            (Some((file, line)), other) => {
                let file = self.path(&file);
                if file.starts_with('/') {
                    made.set("log", &file);
                } else {
                    self.leave(made, line, "logfile: not a whole path");
                }
                if let Some((_, line)) = other {
                    self.leave(made, line, "syslog: there is one log");
                }
            }
            (None, Some((facility, line))) => {
                made.set("log", "syslog");
                if !matches!(facility.as_str(), "" | "on" | "LOG_MAIL") {
                    self.leave(made, line, "syslog: the facility is LOG_MAIL");
                }
            }
            (None, None) => {}
        }
    }
}
