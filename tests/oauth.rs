//! Tokens of OAuth 2.0, end to end: got by every way, used, renewed, shared, revoked; and token servers that answer badly.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
#[path = "oauth/hostile.rs"]
mod hostile;
#[path = "common/issuer.rs"]
mod issuer;

use common::{Home, Ran, bin};
use issuer::{Issuer, MARKER, fields, mail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::Duration;

/// A home with an account whose tokens come from an issuer.
struct Setting {
    home: Home,
    issuer: Issuer,
    ports: [u16; 3],
}

impl Setting {
    fn new() -> Setting {
        let issuer = Issuer::start();
        let ports = ["smtp", "pop3", "imap"].map(|protocol| mail(&issuer, protocol));
        let s = Setting { home: Home::new(), issuer, ports };
        s.home.sh("umask 077; mkdir -p .config/pipepost").ends(0);
        s.config("client-id = \"mail\"");
        s
    }

    /// With these keys besides the issuer.
    fn config(&self, keys: &str) {
        self.password(&format!("password = {{ oauth = {{ issuer = \"{}\", {keys} }} }}", self.issuer.url));
    }

    fn password(&self, line: &str) {
        let [smtp, pop3, imap] = self.ports;
        let text = format!(
            "[work]\nsmtp = \"smtp+plain://bob@127.0.0.1:{smtp}\"\npop3 = \"pop3+plain://bob@127.0.0.1:{pop3}\"\n\
             imap = \"imap+plain://bob@127.0.0.1:{imap}\"\n{line}\n"
        );
        std::fs::write(self.home.path().join(".config/pipepost/config.toml"), text).unwrap();
        self.home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
    }

    /// Runs it; nothing that it says holds a secret.
    fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        let ran = self.home.run(program, arguments, b"Subject: x\n\nx\n");
        assert!(!ran.out.contains(MARKER) && !ran.err.contains(MARKER), "{ran:?}");
        ran
    }

    fn login(&self, arguments: &[&str]) -> Ran {
        self.run("mail-login", arguments)
    }

    fn imap_ls(&self) -> Ran {
        self.run("imap-ls", &["work:"])
    }

    fn sql(&self, sql: &str) {
        let path = self.home.path().join(".local/state/pipepost/logins.sqlite");
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    }

    /// Starts it, for tests that play the browser meanwhile.
    fn start(&self, program: &str, arguments: &[&str]) -> Child {
        let mut command = self.home.command(&bin().join(program).display().to_string());
        command.args(arguments).spawn().unwrap()
    }
}

#[test]
fn by_device_code_used_by_all_protocols_and_revoked() {
    let s = Setting::new();
    s.imap_ls().ends(77).complains("run mail-login work:");
    s.issuer.with(|s| s.pending = vec!["authorization_pending"; 2]);
    let ran = s.login(&["work:"]).ends(0);
    assert!(ran.err.contains(&format!("open {}/enter and enter the code WDJB-MJHT (within 10 minutes)", s.issuer.url)));
    assert_eq!((ran.out.as_str(), s.issuer.asked("device_code")), ("", 3));
    s.imap_ls().ends(0);
    s.run("pop3-ls", &["work:"]).ends(0);
    s.run("smtp-send", &["-a", "work", "bob@example.org"]).ends(0);
    s.run("mail-check", &["work:"]).ends(0);
    assert_eq!(s.issuer.asked("refresh_token"), 0);
    // What is kept is shown without the tokens.
    let listed = s.login(&["--list", "--json", "work:"]).ends(0).out;
    let first: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(
        (listed.lines().count(), &first["kind"], &first["issuer"]),
        (3, &"oauth".into(), &s.issuer.url.clone().into())
    );
    assert!(first["expires"].as_str().unwrap() > first["stored"].as_str().unwrap());
    let shown = s.run("mail-check", &["--show", "work:"]).ends(0).out;
    let row = format!("imap.password\toauth {} client-id mail\t", s.issuer.url);
    assert!(shown.contains(&row) && shown.contains("config.toml:5"), "{shown}");
    // For other programs, on stdout alone.
    let token = s.home.run("mail-login", &["--token", "work:"], b"").ends(0);
    assert_eq!((token.out, token.err), (format!("{MARKER}-access-1\n"), String::new()));
    let forgot = s.login(&["--forget", "-v", "work:"]).ends(0);
    assert!(forgot.err.contains("revoked the tokens of bob"), "{forgot:?}");
    assert_eq!(s.issuer.with(|s| s.revoked.clone()), [format!("{MARKER}-refresh-1")]);
    s.imap_ls().ends(77);
    let left = s.home.sh(&format!("! grep -r {MARKER} .")).ends(0);
    assert_eq!(left.out, "");
}

/// Takes a browser's part: reads the page's address, and comes back with what `answer` makes of it.
fn browse(child: &mut Child, requests: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let mut line = String::new();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    err.read_line(&mut line).unwrap();
    let page = line.trim_end().rsplit(' ').next().unwrap().to_owned();
    let query = fields(page.split_once('?').unwrap().1);
    let at = query["redirect_uri"].strip_prefix("http://").unwrap().to_owned();
    let (at, _) = at.split_once('/').unwrap();
    let mut said = Vec::new();
    // One that never says anything.
    let _silent = TcpStream::connect(at).unwrap();
    for request in requests(&page) {
        let mut io = TcpStream::connect(at).unwrap();
        write!(io, "GET {request} HTTP/1.1\r\nHost: {at}\r\n\r\n").unwrap();
        let mut answer = String::new();
        io.read_to_string(&mut answer).unwrap();
        said.push(answer.lines().next().unwrap_or_default().to_owned());
    }
    child.stderr = Some(err.into_inner());
    said
}

#[test]
fn by_browser_with_a_state_and_a_challenge() {
    let s = Setting::new();
    s.config("client-id = \"mail\", flow = \"browser\", scope = [\"mail\", \"offline_access\"]");
    let mut child = s.start("mail-login", &["work:"]);
    let said = browse(&mut child, |page| {
        assert!(page.starts_with(&format!("{}/page?x=1&", s.issuer.url)), "{page}");
        let query = fields(page.split_once('?').unwrap().1);
        let said = |name: &str| query[name].as_str();
        assert_eq!((said("response_type"), said("client_id"), said("login_hint")), ("code", "mail", "bob"));
        assert_eq!((said("code_challenge_method"), said("scope")), ("S256", "mail offline_access"));
        assert!(said("redirect_uri").starts_with("http://127.0.0.1:") && said("state").len() == 43);
        let code = (format!("{MARKER}-code"), query["code_challenge"].clone());
        s.issuer.with(|s| s.code = Some(code));
        let (state, code) = (&query["state"], format!("{MARKER}-code"));
        vec![
            "/favicon.ico".to_owned(),
            format!("/?code=forged&state={}x", &state[1..]),
            "/?code=forged".to_owned(),
            format!("/other?code=forged&state={state}"),
            format!("/?code={code}&state={state}"),
        ]
    });
    assert_eq!(
        said.iter().map(|s| s.split(' ').nth(1).unwrap()).collect::<Vec<_>>(),
        ["404", "404", "404", "404", "200"]
    );
    assert!(child.wait().unwrap().success());
    s.imap_ls().ends(0);
    let redirect = s.issuer.with(|s| s.asked.last().unwrap().form["redirect_uri"].clone());
    assert!(redirect.starts_with("http://127.0.0.1:"), "{redirect}");
    // Refused by the user, or by a page of another issuer.
    for (query, status, why) in [
        ("error=access_denied&error_description=No%0D%0Athanks", 77, "refused: access_denied (No\\r\\nthanks)"),
        ("code=x&iss=https%3A%2F%2Fevil.example", 76, "another issuer: https://evil.example"),
    ] {
        let mut child = s.start("mail-login", &["work:"]);
        browse(&mut child, |page| {
            let all = fields(page.split_once('?').unwrap().1);
            vec![format!("/?{query}&state={}", all["state"])]
        });
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(status));
        assert!(String::from_utf8(out.stderr).unwrap().contains(why));
    }
    // Nobody comes.
    s.login(&["work:", "--timeout", "1s"]).ends(75);
}

#[test]
fn a_browser_is_started_if_asked() {
    let s = Setting::new();
    let script = "#!/bin/sh\nprintf '%s' \"$2\" > page\n";
    std::fs::write(s.home.path().join("browser"), script).unwrap();
    s.home.sh("chmod +x browser").ends(0);
    s.home.sh("BROWSER=\"$HOME/browser -x\" mail-login --open --timeout 1s work:").ends(75);
    let page = std::fs::read_to_string(s.home.path().join("page")).unwrap();
    assert!(page.starts_with(&format!("{}/page?x=1&response_type=code", s.issuer.url)), "{page}");
    s.home.sh("mail-login --open work:").ends(64).complains("$BROWSER is not set");
}

#[test]
fn by_client_credentials_without_a_user() {
    let s = Setting::new();
    s.home.sh(&format!("umask 077; echo {MARKER}-secret > secret")).ends(0);
    s.config(
        "client-id = \"a b\", client-secret.file = \"~/secret\", flow = \"client-credentials\", scope = [\"mail\"]",
    );
    // Nobody has to log in before.
    s.imap_ls().ends(0);
    s.run("pop3-ls", &["work:"]).ends(0);
    let asked = s.issuer.with(|s| s.asked.last().unwrap().clone());
    assert_eq!((asked.form["grant_type"].as_str(), asked.form["scope"].as_str()), ("client_credentials", "mail"));
    let both = encodify::base64::STANDARD.encode(format!("a%20b:{MARKER}-secret"));
    assert_eq!((asked.authorization, s.issuer.asked("client_credentials")), (format!("Basic {both}"), 1));
    // Over, or refused: another one.
    s.sql("UPDATE token SET expires = 1");
    s.imap_ls().ends(0);
    s.issuer.with(|s| s.good.clear());
    s.imap_ls().ends(0);
    assert_eq!(s.issuer.asked("client_credentials"), 3);
    // A server that wants the secret in the form.
    s.issuer.with(|s| s.published.insert("token_endpoint_auth_methods_supported", vec!["client_secret_post"].into()));
    s.home.sh("rm -r .local").ends(0);
    s.imap_ls().ends(0);
    let asked = s.issuer.with(|s| s.asked.last().unwrap().clone());
    assert_eq!((asked.authorization.as_str(), asked.form["client_secret"].clone()), ("", format!("{MARKER}-secret")));
    // By flags, for a URL: the secret is kept with the tokens.
    let url = format!("imap+plain://cron@127.0.0.1:{}", s.ports[2]);
    let flags = ["--client-id", "mail", "--client-secret-file", "secret", "--client-credentials", "--check"];
    s.login(&[&["--oauth", &s.issuer.url, &url][..], &flags].concat()).ends(0);
    s.sql("UPDATE token SET expires = 1");
    s.run("imap-ls", &[&url]).ends(0);
    s.login(&["--forget", "--all"]).ends(0);
    s.run("imap-ls", &[&url]).ends(64);
}

#[test]
fn renewed_before_it_is_over_and_once_when_it_is_refused() {
    let s = Setting::new();
    s.login(&["work:"]).ends(0);
    let at = |seconds: i64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        s.sql(&format!("UPDATE token SET expires = {}", i64::try_from(now).unwrap() + seconds));
    };
    at(600);
    s.imap_ls().ends(0);
    assert_eq!(s.issuer.asked("refresh_token"), 0);
    at(50);
    s.imap_ls().ends(0);
    assert_eq!(
        (s.issuer.asked("refresh_token"), s.issuer.with(|s| s.logins.last().unwrap().clone())),
        (1, format!("{MARKER}-access-2"))
    );
    // Each protocol: refused, renewed, tried once more.
    for (n, (program, arguments)) in
        [("imap-ls", &["work:"][..]), ("pop3-ls", &["work:"]), ("smtp-send", &["-a", "work", "bob@example.org"])]
            .into_iter()
            .enumerate()
    {
        s.issuer.with(|s| s.good.clear());
        s.run(program, arguments).ends(0);
        assert_eq!(s.issuer.asked("refresh_token"), n + 2, "{program}");
    }
    // Refused whatever it is: once more, not for ever.
    s.issuer.with(|s| {
        s.good.clear();
        s.logins.clear();
        s.instead = Some(token("x-access", "x-refresh"));
    });
    s.imap_ls().ends(77);
    assert_eq!(s.issuer.with(|s| s.logins.len()), 2);
    s.issuer.with(|s| s.instead = None);
    // The refresh token that came last is the one that is used, and a wrong one ends the login.
    s.imap_ls().ends(77).complains("invalid_grant");
    let ran = s.imap_ls().ends(77);
    assert!(ran.err.contains("mail-login: ") || ran.err.contains("run mail-login for this account again"), "{ran:?}");
}

fn token(access: &str, refresh: &str) -> Vec<u8> {
    let body =
        serde_json::json!({ "access_token": access, "refresh_token": refresh, "token_type": "Bearer" }).to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}

#[test]
fn several_at_once_renew_once() {
    let s = Setting::new();
    s.login(&["work:"]).ends(0);
    s.sql("UPDATE token SET expires = 1");
    s.issuer.with(|s| s.thinks = Duration::from_millis(300));
    let children: Vec<Child> = (0..6).map(|_| s.start("imap-ls", &["work:"])).collect();
    for child in children {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    assert_eq!(s.issuer.asked("refresh_token"), 1);
    // The same where the server has refused it.
    s.issuer.with(|s| s.good.clear());
    let children: Vec<Child> = (0..6).map(|_| s.start("pop3-ls", &["work:"])).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(s.issuer.asked("refresh_token"), 2);
}

#[test]
fn killed_while_it_asks_nothing_is_lost() {
    let s = Setting::new();
    s.login(&["work:"]).ends(0);
    s.sql("UPDATE token SET expires = 1");
    s.issuer.with(|s| s.thinks = Duration::from_secs(5));
    let mut child = s.start("imap-ls", &["work:"]);
    while s.issuer.asked("refresh_token") == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    s.issuer.with(|s| s.thinks = Duration::ZERO);
    // Its lock has died with it, and the refresh token is the one that it was. What the server does with it is its affair.
    let known = s.home.path().join(".local/state/pipepost/logins.sqlite");
    let refresh: Vec<u8> = rusqlite::Connection::open(known)
        .unwrap()
        .query_row("SELECT refresh FROM token", [], |row| row.get(0))
        .unwrap();
    assert_eq!(refresh, format!("{MARKER}-refresh-1").into_bytes());
    s.issuer.with(|s| s.refresh = format!("{MARKER}-refresh-1"));
    s.imap_ls().ends(0);
}

#[test]
fn who_can_not_keep_the_new_one_does_not_spend_the_old_one() {
    let s = Setting::new();
    s.login(&["work:"]).ends(0);
    s.sql("UPDATE token SET expires = 1; CREATE TRIGGER full BEFORE INSERT ON token BEGIN SELECT raise(ABORT, 'full'); END");
    s.imap_ls().ends(74);
    assert_eq!(s.issuer.asked("refresh_token"), 0);
}

#[test]
fn a_rotated_refresh_token_is_kept_and_one_that_is_not_rotated_too() {
    let s = Setting::new();
    s.login(&["work:"]).ends(0);
    for rotates in [true, false, true, false, false] {
        s.issuer.with(|s| s.rotates = rotates);
        s.sql("UPDATE token SET expires = 1");
        s.imap_ls().ends(0);
    }
    assert_eq!(s.issuer.asked("refresh_token"), 5);
}

#[test]
fn by_flags_for_urls_and_against_an_account_that_says_otherwise() {
    let s = Setting::new();
    s.password("");
    let url = format!("imap+plain://bob@127.0.0.1:{}", s.ports[2]);
    s.login(&["--device", "work:"]).ends(64).complains("--oauth PROVIDER");
    s.login(&["--oauth", &s.issuer.url, "work:"]).ends(64).complains("no client-id");
    s.login(&["--oauth", "gmial", "work:"]).ends(64).complains("did you mean gmail");
    s.login(&["--oauth", &s.issuer.url, "--tenant", "x", "work:"]).ends(64).complains("only microsoft has tenants");
    s.login(&["--oauth", &s.issuer.url, "--client-id", "mail", &url]).ends(0);
    s.run("imap-ls", &[&url]).ends(0);
    // The same server by its account, but not the others.
    s.imap_ls().ends(0);
    s.run("pop3-ls", &["work:"]).ends(64);
    assert_eq!(s.run("mail-check", &["--show", &url]).ends(0).out.matches("mail-login").count(), 1);
    s.sql("UPDATE token SET expires = 1");
    s.imap_ls().ends(0);
    // Once more, by the client that is known.
    s.login(&["--oauth", &s.issuer.url, &url]).ends(0);
    // A password takes its place, and the tokens go with the next --forget.
    s.home.run("mail-login", &[&url], b"pw\n").ends(0);
    s.login(&["--token", &url]).ends(64).complains("with a password");
    s.login(&["--forget", "--all"]).ends(0);
    assert_eq!(s.issuer.with(|s| s.revoked.len()), 1);
    // What the account says counts for the others, so it can't be another here.
    s.config("client-id = \"mail\"");
    s.login(&["--oauth", "gmail", "work:"]).ends(64).complains("config.toml:5 says");
    s.home.sh("umask 077; echo x > pw").ends(0);
    s.login(&["--password-file", "pw", "work:"]).ends(64).complains("the password comes from what");
    s.password("password.env = \"X\"");
    s.login(&["--oauth", "gmail", "work:"]).ends(64).complains("take that line out first");
}

#[test]
fn a_password_goes_to_a_program_of_the_users_own() {
    let s = Setting::new();
    s.password("password.command = [\"cat\", \"kept\"]");
    let keep = |command: &str| s.home.run("mail-login", &["--store-command", command, "work:"], b"pw 1\nrest\n");
    keep("umask 077; cat > \"$HOME/kept\"; echo noise").ends(0);
    assert_eq!(std::fs::read_to_string(s.home.path().join("kept")).unwrap(), "pw 1\n");
    assert!(!s.home.path().join(".local").exists());
    keep("exit 3").ends(73).complains("exit status: 3");
    keep("cat > /dev/null; exit 3").ends(73);
    keep("true").ends(0);
}
