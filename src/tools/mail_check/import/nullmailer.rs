//! nullmailer's configuration: a directory of files, nullmailer-send(8), nullmailer-inject(1), nullmailer-queue(8).

use super::{Made, encoded, host, quoted, read};
use crate::error::{Error, Exit, Result};
use crate::message::addr;
use crate::proto::mailbox::is_domain;
use std::path::Path;

/// Files that ask for what is done anyway, or for what there is no need for.
const AS_EVER: [&str; 3] = ["idhost", "trigger", "defaulthost"];
/// What is known.
const KNOWN: [&str; 13] = [
    "remotes",
    "me",
    "defaulthost",
    "defaultdomain",
    "adminaddr",
    "helohost",
    "idhost",
    "allmailfrom",
    "pausetime",
    "maxpause",
    "queuelifetime",
    "sendtimeout",
    "doublebounceto",
];

/// A line of `remotes`.
struct Remote {
    url: String,
    user: Option<String>,
    password: Option<String>,
    login: bool,
    ca: Option<String>,
    cert: Option<String>,
}

/// Reads the directory.
pub(super) fn import(dir: &Path) -> Result<Made> {
    let named = |name: &str| dir.join(name).display().to_string();
    let text = read(&dir.join("remotes"))?;
    let mut made = Made::default();
    made.line(&format!("# from {}", crate::text::escape(named("remotes"))));
    let mut remotes = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            remotes.push(remote(&format!("{}:{}", named("remotes"), n + 1), line, &mut made)?);
        }
    }
    let Some(first) = remotes.first() else { return Err(Error::config(format!("{}: no server", named("remotes")))) };
    let value = |name: &str| -> Result<Option<String>> {
        match read(&dir.join(name)) {
            Ok(text) => Ok(text.lines().next().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)),
            Err(e) if e.exit() == Exit::NoInput => Ok(None),
            Err(e) => Err(e),
        }
    };
    let name = made.name("nullmailer");
    made.set("default", &name);
    let mut schedule = Vec::new();
    for (file, key) in [("pausetime", "retry-min"), ("maxpause", "retry-max"), ("queuelifetime", "expire-after")] {
        match value(file)?.map(|text| text.parse::<u32>().map_err(|_| text)) {
            Some(Ok(seconds)) if seconds > 0 => schedule.push((key, seconds)),
            Some(_) => made.leave(&named(file), "not a number of seconds"),
            None => {}
        }
    }
    if !schedule.is_empty() {
        made.line("\n[queue]");
        schedule.iter().for_each(|(key, seconds)| made.set(key, &format!("{seconds}s")));
    }
    made.line(&format!("\n[{name}]"));
    // One password is for all servers of an account.
    let same = |other: &&Remote| (&other.user, &other.password) == (&first.user, &first.password);
    let urls: Vec<String> = remotes.iter().filter(same).map(|remote| quoted(&remote.url)).collect();
    match urls.as_slice() {
        [one] => made.line(&format!("smtp = {one}")),
        all => made.line(&format!("smtp = [{}]", all.join(", "))),
    }
    for (n, other) in remotes.iter().enumerate().filter(|(_, remote)| !same(remote)) {
        let why = format!(
            "server {} ({}): it has another login than the first; it needs an account of its own",
            n + 1,
            other.url
        );
        made.leave(&named("remotes"), &why);
    }
    made.line("queue = true");
    if let Some(password) = first.password.as_ref().filter(|_| first.user.is_some()) {
        made.secret(&name, password);
    }
    if first.login {
        made.set("auth", "login");
    }
    if let Some(ca) = &first.ca {
        made.set("ca-file", ca);
    } else if first.url.starts_with("smtps:") || first.url.starts_with("smtp+starttls:") {
        made.set("ca", "system");
    }
    if let Some(cert) = &first.cert {
        made.set("client-cert", cert);
    }
    let (me, domain) = (value("me")?, value("defaultdomain")?);
    let whole = |host: String| match &domain {
        Some(domain) if !host.contains('.') => format!("{host}.{domain}"),
        _ => host,
    };
    let hosts: Vec<String> =
        [value("defaulthost")?, me.clone(), value("helohost")?].into_iter().flatten().map(whole).collect();
    match hosts.iter().find(|host| host.contains('.') && is_domain(host)) {
        Some(host) => made.set("hostname", host),
        None => made.leave(&named("me"), "no host name with a domain is known"),
    }
    if let Some(from) = value("allmailfrom")? {
        if addr::parse_strict(&from).is_ok_and(|from| !from.domain.is_empty()) {
            made.set("from", &from);
        } else {
            made.leave(&named("allmailfrom"), "not an address");
        }
    }
    if let Some(admin) = value("adminaddr")? {
        let targets: Vec<&str> = admin.split(',').map(str::trim).filter(|to| !to.is_empty()).collect();
        match targets.as_slice() {
            [one] if addr::parse_strict(one).is_ok_and(|to| !to.domain.is_empty()) => {
                let mut all = vec!["localhost".to_owned(), "localhost.localdomain".to_owned()];
                all.extend(me.map(whole).filter(|me| is_domain(me)));
                all.dedup();
                let rule = |host: &String| format!("{} = {}", quoted(&format!("*@{host}")), quoted(one));
                let rules: Vec<String> = all.iter().map(rule).collect();
                made.line(&format!("rewrite-to = {{ {} }}", rules.join(", ")));
            }
            _ => made.leave(&named("adminaddr"), "not one address; aliases = \"FILE\" can have several"),
        }
    }
    if value("sendtimeout")?.is_some() {
        made.leave(&named("sendtimeout"), "--timeout says it");
    }
    if value("doublebounceto")?.is_some() {
        made.leave(&named("doublebounceto"), "what can't be returned is dropped, and told; hook in [queue] gets it");
    }
    let mut others: Vec<String> = std::fs::read_dir(dir)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    others.sort_unstable();
    others.retain(|name| !KNOWN.contains(&name.as_str()) && !AS_EVER.contains(&name.as_str()));
    for name in others {
        made.leave(&named(&name), "there is nothing like it");
    }
    Ok(made)
}

/// `HOST [PROTOCOL] [--OPTION[=VALUE] ...]`
fn remote(at: &str, line: &str, made: &mut Made) -> Result<Remote> {
    let mut words = words(line).into_iter();
    let name = words.next().unwrap_or_default();
    let mut one = Remote { url: String::new(), user: None, password: None, login: false, ca: None, cert: None };
    let (mut port, mut tls, mut start) = (None, false, false);
    for (n, word) in words.enumerate() {
        // nullmailer takes them with one hyphen, too, for a short form.
        let Some(option) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
            if n > 0 || word != "smtp" {
                made.leave(at, &format!("{word}: a protocol that is not spoken here"));
            }
            continue;
        };
        let (key, value) = option.split_once('=').map_or((option, None), |(key, value)| (key, Some(value.to_owned())));
        match (key, value) {
            ("port", Some(text)) => {
                let number = text.parse::<u16>();
                port = Some(number.map_err(|_| Error::config(format!("{at}: port {text}: not a number")))?);
            }
            ("user", value @ Some(_)) => one.user = value,
            ("pass", value @ Some(_)) => one.password = value,
            ("auth-login", _) => one.login = true,
            ("ssl" | "tls", _) => tls = true,
            ("starttls", _) => start = true,
            ("x509cafile", value @ Some(_)) => one.ca = value,
            ("x509certfile", value @ Some(_)) => one.cert = value,
            ("insecure", _) => {
                made.leave(at, "--insecure: certificates are verified; pin = \"sha256:...\" trusts one key")
            }
            (key, _) => made.leave(at, &format!("--{key}: there is nothing like it")),
        }
    }
    let (scheme, usual) = match (tls, start) {
        (true, _) => ("smtps", 465),
        (false, true) => ("smtp+starttls", 25),
        (false, false) => ("smtp+plain", 25),
    };
    let user = one.user.as_ref().map(|user| format!("{}@", encoded(user).replace('/', "%2F"))).unwrap_or_default();
    if !tls && !start && one.user.is_some() {
        made.leave(at, "the password goes out without TLS to other machines only with cleartext-login = true");
    }
    one.url = format!("{scheme}://{user}{}:{}", host(&name), port.unwrap_or(usual));
    Ok(one)
}

/// Words of a line, as a shell would see them: with quotes, single or double.
fn words(line: &str) -> Vec<String> {
    let (mut all, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => all.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}
