//! A token server that a test starts, and mail servers that take its tokens.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// In every secret that it gives.
pub const MARKER: &str = "tulip-4711";

/// A request: its path, its fields, its Authorization.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub form: BTreeMap<String, String>,
    pub authorization: String,
}

#[derive(Default)]
pub struct State {
    pub asked: Vec<Asked>,
    /// The refresh token that is good now, and how many there were.
    pub refresh: String,
    pub granted: usize,
    /// The access tokens that mail servers take.
    pub good: Vec<String>,
    /// What the device's code is answered with before it is granted.
    pub pending: Vec<&'static str>,
    /// The code that the browser brings, and the challenge that it came with.
    pub code: Option<(String, String)>,
    /// Whether a refresh gives another refresh token.
    pub rotates: bool,
    pub lasts: i64,
    /// How long the token endpoint thinks.
    pub thinks: Duration,
    /// What the token endpoint says instead.
    pub instead: Option<Vec<u8>>,
    /// Fields of the discovery that are other than usual.
    pub published: BTreeMap<&'static str, Value>,
    pub revoked: Vec<String>,
    pub logins: Vec<String>,
    /// Whether no token is good for those who ask about one.
    pub refuses: bool,
}

#[derive(Clone)]
pub struct Issuer {
    pub url: String,
    pub state: Arc<Mutex<State>>,
}

impl Issuer {
    pub fn start() -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State { rotates: true, lasts: 3600, ..State::default() };
        let issuer = Issuer { url, state: Arc::new(Mutex::new(state)) };
        let serving = issuer.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(socket));
            }
        });
        issuer
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }

    /// How often tokens were asked for by this grant.
    pub fn asked(&self, grant: &str) -> usize {
        self.with(|s| s.asked.iter().filter(|a| a.form.get("grant_type").is_some_and(|g| g.ends_with(grant))).count())
    }

    fn serve(&self, socket: TcpStream) {
        let mut from = BufReader::new(socket.try_clone().unwrap());
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let field = |name: &str| {
            let mut all = lines.iter().filter_map(|line| line.split_once(": "));
            all.find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let mut body = vec![0; field("content-length").parse().unwrap_or(0)];
        from.read_exact(&mut body).unwrap();
        let form = fields(std::str::from_utf8(&body).unwrap());
        let path = lines[0].split(' ').nth(1).unwrap().to_owned();
        let asked = Asked { path: path.clone(), form: form.clone(), authorization: field("authorization") };
        let thinks = self.with(|s| {
            s.asked.push(asked);
            s.thinks
        });
        if path == "/token" {
            std::thread::sleep(thinks);
        }
        let answer = self.with(|s| s.instead.clone().filter(|_| path == "/token" || path == "/device"));
        let answer = answer.unwrap_or_else(|| {
            let (status, value) = self.answer(&path, &form);
            let body = value.to_string();
            let length = body.len();
            format!("HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
                .into()
        });
        let _ = (&socket).write_all(&answer);
    }

    fn answer(&self, path: &str, form: &BTreeMap<String, String>) -> (u16, Value) {
        let url = &self.url;
        let said = |name: &str| form.get(name).cloned().unwrap_or_default();
        let no = |error: &str| (400, json!({ "error": error, "error_description": format!("no \u{7}{form:?}") }));
        self.with(|s| match path {
            "/.well-known/openid-configuration" => {
                let mut all = json!({
                    "issuer": url, "authorization_endpoint": format!("{url}/page?x=1"),
                    "token_endpoint": format!("{url}/token"), "revocation_endpoint": format!("{url}/revoke"),
                    "device_authorization_endpoint": format!("{url}/device"),
                });
                for (name, value) in &s.published {
                    all[*name] = value.clone();
                }
                (200, all)
            }
            "/device" => (
                200,
                json!({
                    "device_code": format!("{MARKER}-device"), "user_code": "WDJB-MJHT", "interval": 1, "expires_in": 600,
                    "verification_uri": format!("{url}/enter"), "verification_uri_complete": format!("{url}/enter?c=1"),
                }),
            ),
            "/token" => match said("grant_type").as_str() {
                "refresh_token" if said("refresh_token") == s.refresh => {
                    let rotates = s.rotates;
                    (200, s.grant(rotates))
                }
                "urn:ietf:params:oauth:grant-type:device_code" if said("device_code") == format!("{MARKER}-device") => {
                    match s.pending.pop() {
                        Some(error) => no(error),
                        None => (200, s.grant(true)),
                    }
                }
                "authorization_code" => {
                    let hash = ring::digest::digest(&ring::digest::SHA256, said("code_verifier").as_bytes());
                    let challenge = encodify::base64::URL_SAFE_NO_PAD.encode(hash.as_ref());
                    match s.code.take() {
                        Some((code, expected)) if code == said("code") && expected == challenge => (200, s.grant(true)),
                        _ => no("invalid_grant"),
                    }
                }
                "client_credentials" => (200, s.grant(false)),
                _ => no("invalid_grant"),
            },
            "/revoke" => {
                s.revoked.push(said("token"));
                (200, json!({}))
            }
            // RFC 7662, for the servers that ask whether a token is good.
            "/introspect" => {
                let active = !s.refuses && s.good.contains(&said("token"));
                s.logins.push(said("token"));
                (200, json!({ "active": active, "username": "bob", "token_type": "Bearer" }))
            }
            _ => (404, json!({})),
        })
    }
}

impl State {
    fn grant(&mut self, refresh: bool) -> Value {
        self.granted += 1;
        let access = format!("{MARKER}-access-{}", self.granted);
        self.good = vec![access.clone()];
        let mut all = json!({ "access_token": access, "token_type": "bearer", "expires_in": self.lasts });
        if refresh {
            self.refresh = format!("{MARKER}-refresh-{}", self.granted);
            all["refresh_token"] = self.refresh.clone().into();
        }
        all
    }
}

/// What stands in a form or a query.
pub fn fields(text: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| pipepost::net::endpoint::decode(&text.replace('+', " ")).unwrap();
    text.split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// A mail server that takes the issuer's tokens: `smtp`, `pop3` or `imap`. What else it is told, it agrees to.
pub fn mail(issuer: &Issuer, protocol: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let issuer = issuer.clone();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let issuer = issuer.clone();
            std::thread::spawn(move || session(&issuer, protocol, socket));
        }
    });
    port
}

fn session(issuer: &Issuer, protocol: &str, socket: TcpStream) -> Option<()> {
    let mut to = socket.try_clone().unwrap();
    let mut lines = BufReader::new(socket).lines();
    let mut say = |text: &str| to.write_all(text.as_bytes()).ok();
    let (greeting, go_on, ok, no) = match protocol {
        "smtp" => ("220 x\r\n", "334 ", "235 x", "535 5.7.8 x"),
        "pop3" => ("+OK x\r\n", "+ ", "+OK", "-ERR [AUTH] x"),
        _ => ("* OK x\r\n", "+ ", "OK x", "NO [AUTHENTICATIONFAILED] x"),
    };
    say(greeting)?;
    let mut data = false;
    loop {
        let line = lines.next()?.ok()?;
        if data {
            if line == "." {
                data = false;
                say("250 x\r\n")?;
            }
            continue;
        }
        let (tag, command) = if protocol == "imap" { line.split_once(' ')? } else { ("", line.as_str()) };
        let tag = if tag.is_empty() { String::new() } else { format!("{tag} ") };
        let mut words = command.split(' ');
        match (protocol, words.next()?.to_ascii_uppercase().as_str()) {
            (_, "AUTH" | "AUTHENTICATE") => {
                let mechanism = words.next()?;
                assert!(["XOAUTH2", "OAUTHBEARER"].contains(&mechanism), "{mechanism}");
                let first = match words.next() {
                    Some(first) => first.to_owned(),
                    None => {
                        say(&format!("{go_on}\r\n"))?;
                        lines.next()?.ok()?
                    }
                };
                let text = String::from_utf8(encodify::base64::STANDARD.decode(first).unwrap()).unwrap();
                let token = text.split_once("auth=Bearer ").unwrap().1.trim_end_matches('\u{1}').to_owned();
                let good = issuer.with(|s| {
                    s.logins.push(token.clone());
                    s.good.contains(&token)
                });
                if !good {
                    // Why, for which the client says that it has seen it.
                    say(&format!("{go_on}eyJzdGF0dXMiOiI0MDEifQ==\r\n"))?;
                    lines.next()?.ok()?;
                }
                say(&format!("{tag}{}\r\n", if good { ok } else { no }))?;
            }
            ("imap", "CAPABILITY") => {
                say(&format!(
                    "* CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=PLAIN\r\n{tag}OK x\r\n"
                ))?;
            }
            ("imap", "LOGOUT") => say(&format!("* BYE x\r\n{tag}OK x\r\n"))?,
            ("imap", _) => say(&format!("{tag}OK x\r\n"))?,
            ("pop3", "CAPA") => say("+OK\r\nUIDL\r\nTOP\r\nSASL PLAIN XOAUTH2\r\n.\r\n")?,
            ("pop3", "STAT") => say("+OK 0 0\r\n")?,
            ("pop3", "LIST" | "UIDL") => say("+OK\r\n.\r\n")?,
            ("pop3", _) => say("+OK\r\n")?,
            (_, "EHLO") => say("250-x\r\n250 AUTH LOGIN PLAIN OAUTHBEARER\r\n")?,
            (_, "DATA") => {
                data = true;
                say("354 x\r\n")?;
            }
            (_, "QUIT") => say("221 x\r\n")?,
            _ => say("250 x\r\n")?,
        }
    }
}
